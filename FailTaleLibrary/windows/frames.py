"""What a host printed -> its frames and the text between them.

A frame is ``\\x1e NONCE WORD VALUE`` up to the line's end (`on_host/frames.sh`). Only those with the nonce of this very
script are believed: whatever else looks like one is text of a log, a command or a login.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from FailTaleLibrary.lazy import dataclass

_SAID = re.compile(rb"([a-z]+)(?: ([^\n]*))?(?:\n|\Z)")
_LONGEST_NUMBER = 15
"""Digits; no file, count or clock has more, and none of that many is too large for anything here."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing that a script told beside the evidence."""

    word: str
    value: bytes


def split_frames(data: bytes, nonce: str) -> Iterator[Frame | bytes]:
    """The frames and the pieces of text between them, in order; without a nonce all is text."""
    if not nonce:
        yield data
        return
    mark = f"\x1e{nonce} ".encode()
    position, at = 0, data.find(mark)
    while at >= 0:  # by no expression with the nonce in it: each visit would have to compile its own
        match = _SAID.match(data, at + len(mark))
        if match is not None:
            if at > position:
                yield data[position:at]
            yield Frame(match[1].decode(), match[2] or b"")
            position = match.end()
        at = data.find(mark, max(position, at + 1))
    if position < len(data):
        yield data[position:]


def whole_number(told: bytes | str) -> int | None:
    """A number that a host told; None for what is none, or too long to be one."""
    text = told.decode("ascii", "replace") if isinstance(told, bytes) else told
    return int(text) if len(text) <= _LONGEST_NUMBER and text.isascii() and text.isdigit() else None
