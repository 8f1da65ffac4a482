"""Cookie and Set-Cookie headers -> the cookies' values that open a session; attributes and plain settings stay."""

from __future__ import annotations

import re
from collections.abc import Iterator

from FailTaleLibrary.redaction.spans import Span, only_tokens
from FailTaleLibrary.redaction.values import is_empty_or_masked, looks_random

_HEADER = re.compile(
    rb"(?i)\b(?:set-)?cookies?2?(?:\\*[\"'`]|&quot;)?\]?[ \t]{0,8}(?::|=>|=)[ \t]{0,8}[\[({]?(?:\\*[\"'`]|&quot;)?"
)
_PAIR = re.compile(rb"[ \t]*([^\s=;,\"'\\]{1,80})=(\"?)([^\s;,\"'\\<>)\]]*)\2[;, \t]*")
_OPENS_A_SESSION = re.compile(
    r"(?i)sess|sid|auth|token|jwt|login|remember|secret|passw|csrf|xsrf|user|ticket|credential|key"
)
_ATTRIBUTE = re.compile(r"(?i)path|domain|expires|max-age|samesite|priority|version|comment")


def spans(data: bytes, start: int, end: int) -> Iterator[Span]:
    """The values to remove within one line."""
    for header in _HEADER.finditer(data, start, end):
        at = header.end()
        while pair := _PAIR.match(data, at, end):
            at = pair.end()
            if _is_secret(pair[1].decode("latin-1"), pair[3]):
                yield Span(*pair.span(3), "cookie")


def _is_secret(name: str, raw: bytes) -> bool:
    value = raw.decode("utf-8", "replace")
    if _ATTRIBUTE.fullmatch(name) or is_empty_or_masked(value) or only_tokens(raw):
        return False
    return looks_random(value) or len(value) >= 16 or (len(value) >= 4 and bool(_OPENS_A_SESSION.search(name)))
