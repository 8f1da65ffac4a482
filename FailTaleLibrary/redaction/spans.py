"""The places in a text that must go, the tokens that stand where something was removed, and how both are sought.

Everything here works on bytes (UTF-8 of the text): RE2 matches bytes without copying, and offsets stay honest. Its time
is linear in the text, and other threads run meanwhile.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import re2

Pattern = Any  # google-re2 ships no types
Match = Any

# Square brackets need no escaping in XML, HTML and JSON. No rule takes a token for a value.
TOKEN = re.compile(rb"\[(?:redacted|ip|mac|host|user|mail):[a-z0-9.-]{1,60}\]")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")


class Span(NamedTuple):
    """Bytes from ``start`` to ``end`` that ``rule`` wants removed."""

    start: int
    end: int
    rule: str


def token(rule: str) -> bytes:
    """``[redacted:user-rule-name]``: the class of what was removed, never its value or length."""
    return b"[redacted:%s]" % (_NOT_IN_SLUG.sub("-", rule.lower()).strip("-")[:60] or "rule").encode()


def only_tokens(value: bytes) -> bool:
    """Whether nothing but tokens, quotes and spaces is left in a value."""
    return value.startswith(b"[") and not TOKEN.sub(b"", value).strip(b" \t\r\n\"'`,;\\")


def beside_tokens(data: bytes, spans: Iterable[Span]) -> Iterator[Span]:
    """Spans that take in whole tokens or none, without those that hold nothing else."""
    tokens = [match.span() for match in TOKEN.finditer(data)]
    ends = [last for _, last in tokens]
    for span in spans:
        start, end = span.start, span.end
        number = bisect.bisect_right(ends, start)
        while number < len(tokens) and tokens[number][0] < end:
            start, end = min(start, tokens[number][0]), max(end, tokens[number][1])
            number += 1
        if not only_tokens(data[start:end]):
            yield Span(start, end, span.rule)


def merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in order without overlap; a wider span takes a narrower one in, and the first in the text names both."""
    current: Span | None = None
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if current is not None and span.start < current.end:
            current = current._replace(end=max(current.end, span.end))
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current


def compiled(pattern: str | bytes, *, max_mem: int = 64 << 20) -> Pattern:
    """An expression to search bytes with: a str knows UTF-8, with bytes one byte is one character."""
    return re2.compile(pattern, options_for(type(pattern), max_mem=max_mem))


def options_for(kind: type[str] | type[bytes], *, max_mem: int = 64 << 20) -> Any:
    """RE2's options for expressions of this kind; ``max_mem`` is what its automaton may take before it is made anew."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1 if kind is bytes else re2.Options.Encoding.UTF8
    options.max_mem = max_mem
    options.log_errors = False
    return options
