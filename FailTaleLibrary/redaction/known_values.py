"""Secrets whose value is known -> every place where they stand, in any form that programs write them in."""

from __future__ import annotations

import base64
import bisect
import html
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

from FailTaleLibrary.redaction.assignments import names_a_secret
from FailTaleLibrary.redaction.spans import TOKEN, Pattern, Span, compiled
from FailTaleLibrary.redaction.values import words

SHORTEST = 6
"""Shorter values stand in too many harmless words."""
_BATCH = 200
"""Values in one expression: RE2 searches a larger one slowly, without its automaton."""
SHORTEST_FOLDED = 8
"""The end of one line and the beginning of the next make words by chance."""

_PLAIN_WORDS = words(
    """
    password passwd passphrase secret secrets token credentials default optional required enabled
    disabled undefined unknown localhost localhost.localdomain 127.0.0.1 0.0.0.0 administrator postgres
    mariadb rabbitmq gitlab jenkins docker vagrant ubuntu debian centos system service public private
    production staging testing development readonly nobody example anonymous keyring basic bearer string
    boolean integer number
    """
)
_KNOWN = "known value"


def secret_values(named: Mapping[str, str]) -> tuple[str, ...]:
    """Values whose name looks like a secret's and that are no plain words; for environment and Robot variables.

    Paths and addresses are left out: `SSH_AUTH_SOCK` and `TOKEN_URL` name where a secret is, not what.
    """
    return tuple(value for name, value in named.items() if names_a_secret(name) and _is_worth_hunting(value))


class KnownValues:
    """Finds known values in the forms that docs/security.md lists, also where line ends cut them; in the same case."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = frozenset(value for text in values if _is_worth_hunting(value := text.strip()))
        ordered = sorted(self.values)
        batches = (ordered[at : at + _BATCH] for at in range(0, len(ordered), _BATCH))
        self._patterns = [_pattern_of(batch) for batch in batches]

    def with_more(self, values: Iterable[str]) -> KnownValues:
        """The same and more; itself when nothing is new."""
        more = self.values | {value.strip() for value in values}
        found = KnownValues(more)
        return self if found.values == self.values else found

    def spans(self, data: bytes) -> Iterator[Span]:
        """Every occurrence, the longest form first; of one that is cut by line ends, each piece."""
        if not self._patterns:
            return
        for start, end in self._places(data):
            yield Span(start, end, _KNOWN)
        folds = Folds(data)
        for start, end in self._places(folds.unfolded):
            if end - start >= SHORTEST_FOLDED:
                yield from (Span(*piece, _KNOWN) for piece in folds.pieces(start, end))

    def _places(self, data: bytes) -> Iterator[tuple[int, int]]:
        for pattern in self._patterns:
            for match in pattern.finditer(data):
                start, end = match.span()
                if not (data[start] == ord("[") and TOKEN.fullmatch(data, start, end)):
                    yield start, end


def _pattern_of(values: Iterable[str]) -> Pattern:
    forms = {form for value in values for form in _forms(value)}
    # Tokens come first: a value such as "redacted" must not be found inside one.
    parts = [TOKEN.pattern, *map(re.escape, sorted(forms, key=len, reverse=True))]
    return compiled(b"|".join(parts), max_mem=256 << 20)


class Folds:
    """A text as it was before somebody broke its lines: in mails, certificates, headers and shell scripts."""

    _PLAIN_FOLD = re.compile(rb"\n[ \t]*")  # ten times as fast, as it begins with a letter of its own
    _FOLD = re.compile(rb"(?:[=\\])?\r?\n[ \t]*")

    def __init__(self, data: bytes) -> None:
        self._data = data
        is_plain = not any(mark in data for mark in (b"\r\n", b"=\n", b"\\\n"))
        self.unfolded = (self._PLAIN_FOLD if is_plain else self._FOLD).sub(b"", data)

    @cached_property
    def _folds(self) -> list[tuple[int, int]]:
        return [match.span() for match in self._FOLD.finditer(self._data)]

    @cached_property
    def _cuts(self) -> list[int]:
        """Where in the unfolded text each fold was."""
        cuts, gone = [], 0
        for start, end in self._folds:
            cuts.append(start - gone)
            gone += end - start
        return cuts

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where in the text the parts of a place of the unfolded one stand; nothing for a place without a fold."""
        first, last = bisect.bisect_right(self._cuts, start), bisect.bisect_left(self._cuts, end)
        if first >= last:
            return
        at = start + self._before(first)
        for number in range(first, last):
            cut, resumed = self._folds[number]
            if at < cut:
                yield at, cut
            at = resumed
        yield at, end + self._before(last)

    def _before(self, number: int) -> int:
        """Bytes of all folds before this one."""
        if number == 0:
            return 0
        return self._folds[number - 1][1] - self._cuts[number - 1]


def _is_worth_hunting(value: str) -> bool:
    value = value.strip()
    if len(value) < SHORTEST or value.lower() in _PLAIN_WORDS or len(set(value)) == 1:
        return False
    return not value.startswith(("/", "./", "~/", "[redacted:"))


def _forms(value: str) -> Iterator[bytes]:
    """Each way in which programs write a value; docs/security.md lists them for the reader."""
    raw = value.encode("utf-8", "surrogatepass")
    yield raw
    yield from map(str.encode, _url_forms(raw))
    yield from (form.encode("utf-8", "surrogatepass") for form in (*_json_forms(value), *_html_forms(value)))
    if "\n" in value:
        yield value.replace("\n", "\r\n").encode("utf-8", "surrogatepass")
    yield from _hex_forms(raw)
    yield from _aligned_forms(raw, base64.b64encode, bits=6)
    yield from (form.translate(_URL_SAFE) for form in _aligned_forms(raw, base64.b64encode, bits=6))
    yield from _aligned_forms(raw, base64.b32encode, bits=5)


def _url_forms(raw: bytes) -> Iterator[str]:
    quoted = urllib.parse.quote(raw, safe="")
    for form in (quoted, quoted.replace("%20", "+"), urllib.parse.quote(raw), urllib.parse.quote(quoted, safe="")):
        yield form
        yield _lower_escapes(form)


def _lower_escapes(quoted: str) -> str:
    """``%2F`` as ``%2f``: both are written."""
    parts = quoted.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def _json_forms(value: str) -> Iterator[str]:
    """Within quotes, once and twice escaped, and with each character as its number."""
    for ascii_only in (True, False):
        inner = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield from (inner, inner.replace("/", "\\/"), json.dumps(inner, ensure_ascii=ascii_only)[1:-1])
    units = value.encode("utf-16-be", "surrogatepass").hex()
    numbers = [units[at : at + 4] for at in range(0, len(units), 4)]
    for each in (numbers, [number.upper() for number in numbers]):
        yield "".join(f"\\u{number}" for number in each)


def _html_forms(value: str) -> Iterator[str]:
    escaped = html.escape(value, quote=False)
    for double in ('"', "&quot;", "&#34;"):
        for single in ("'", "&#39;", "&#x27;", "&apos;"):
            yield escaped.replace('"', double).replace("'", single)
    yield "".join(f"&#{ord(char)};" for char in value)
    yield "".join(f"&#x{ord(char):x};" for char in value)
    yield "".join(f"&#x{ord(char):X};" for char in value)


def _hex_forms(raw: bytes) -> Iterator[bytes]:
    """``74726f``, ``\\x74\\x72``, ``74 72``, ``74:72``, in either case."""
    digits = [b"%02x" % byte for byte in raw]
    for each in (digits, [digit.upper() for digit in digits]):
        yield b"".join(each)
        yield b"".join(b"\\x" + digit for digit in each)
        yield b" ".join(each)
        yield b":".join(each)


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _aligned_forms(raw: bytes, encode: Callable[[bytes], bytes], *, bits: int) -> Iterator[bytes]:
    """What stays the same of ``raw`` inside any longer base64 or base32, for each of its alignments.

    The characters that share bits with a neighbour differ; they are cut off (they tell at most a few bits).
    """
    for lead in range({6: 3, 5: 5}[bits]):
        encoded = encode(b"\0" * lead + raw)
        inner = encoded[-(-lead * 8 // bits) : (lead + len(raw)) * 8 // bits]
        if len(inner) >= SHORTEST:
            yield inner
