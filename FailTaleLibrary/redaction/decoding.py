"""A text -> the same text with its line ends joined and its escapes undone, and where each part of it stood.

A value that is known is sought in each of these views, so that no list of all the ways to write it is needed: programs
escape one character and not the next, and one writes what another has already escaped.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import NamedTuple

from FailTaleLibrary.lazy import regex

_MOST_LAYERS = 4
"""JSON in JSON in a URL in a page: deeper ones are not undone."""


class Edit(NamedTuple):
    """``new`` stands in a view where the text before it has the bytes from ``start`` to ``end``."""

    start: int
    end: int
    new: bytes


class View:
    """A text in which ``pattern`` is replaced by what ``read`` makes of it.

    ``before`` is the view that was edited, None where that is the text itself.
    """

    def __init__(
        self, source: bytes, pattern: re.Pattern[bytes], read: Callable[[bytes], bytes] | None, before: View | None
    ) -> None:
        self._source, self._pattern, self._read, self._before = source, pattern, read, before
        self.data, self._count = pattern.subn((lambda match: read(match[0])) if read else b"", source)

    @cached_property
    def _edits(self) -> list[Edit]:
        """Found anew when they are needed: few views hold anything."""
        read = self._read or (lambda _: b"")
        return [Edit(*match.span(), read(match[0])) for match in self._pattern.finditer(self._source)]

    @cached_property
    def _places(self) -> list[int]:
        """Where in this view each edit begins."""
        grown = accumulate((len(new) - (end - start) for start, end, new in self._edits[:-1]), initial=0)
        return [edit.start + shift for edit, shift in zip(self._edits, grown, strict=False)]

    def changed(self, reach: int) -> Iterator[tuple[int, int]]:
        """The parts that may hold what no view before did: at most ``reach`` away from an edit."""
        size = len(self.data)
        if self._read is None or 2 * self._count * reach > size:
            yield 0, size
            return
        start = end = 0
        for place, edit in zip(self._places, self._edits, strict=True):
            if place - reach > end:
                yield start, end
                start = max(0, place - reach)
            end = min(size, place + len(edit.new) + reach)
        yield start, end

    def source(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text itself a place of this view stands: whole escapes, and no line end at its borders."""
        first, last = self._before_edit(start)[0], self._before_edit(end - 1)[1]
        return self._before.source(first, last) if self._before else (first, last)

    @property
    def before(self) -> bytes:
        """The text that this one was made of."""
        return self._source

    def escapes(self) -> Iterator[re.Match[bytes]]:
        """What was replaced in the text before, where that may be read otherwise."""
        return iter(()) if self._pattern is _PLAIN_FOLD else self._pattern.finditer(self._source)

    def escape_at(self, at: int) -> bytes | None:
        """What would be replaced in the text before, were it read from there on."""
        match = self._pattern.match(self._source, at)
        return match[0] if match else None

    def reading(self, escape: bytes) -> bytes:
        """What stands here for an escape."""
        return self._read(escape) if self._read else b""

    def source_of_before(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text itself a place of the text before this one stands."""
        return self._before.source(start, end) if self._before else (start, end)

    def _before_edit(self, at: int) -> tuple[int, int]:
        """Start and end of what a byte of this view was before."""
        number = bisect.bisect_right(self._places, at) - 1
        if number < 0:
            return at, at + 1
        edit, place = self._edits[number], self._places[number]
        if at < place + len(edit.new):
            return edit.start, edit.end
        shifted = at - place - len(edit.new) + edit.end
        return shifted, shifted + 1


def views(data: bytes) -> Iterator[View]:
    """The text without line ends, then layer by layer without escapes; last of all, as a mail is read."""
    view = View(data, _fold_of(data), None, None)
    yield view
    for _ in range(_MOST_LAYERS):
        if not _MAY_ESCAPE.search(view.data):
            break
        inner = View(view.data, _ESCAPE, _unescaped, view)
        if inner.data == view.data:
            break
        view = inner
        yield view
        if b"\n" in view.data:
            view = View(view.data, _fold_of(view.data), None, view)
            yield view
    if _IS_MAIL.search(data):
        mail = View(data, _QUOTED_PRINTABLE, _quoted_printable, None)
        if mail.data != data:
            yield mail


def unescaped(data: bytes) -> Iterator[bytes]:
    """What is left of a text that holds escapes of its own, layer by layer."""
    for _ in range(_MOST_LAYERS):
        before, data = data, _ESCAPE.sub(lambda match: _unescaped(match[0]), data)
        if data == before:
            return
        yield data


# --- Line ends -------------------------------------------------------------------------------------------------------

_PLAIN_FOLD = regex(rb"\n[ \t]*")  # ten times as fast, as it begins with a letter of its own
_FOLD = regex(rb"(?:[=\\])?\r?\n[ \t]*")


def _fold_of(data: bytes) -> re.Pattern[bytes]:
    is_plain = not any(mark in data for mark in (b"\r\n", b"=\n", b"\\\n"))
    return _PLAIN_FOLD if is_plain else _FOLD


def unfolded_pieces(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a place between the line ends in it."""
    at = start
    for fold in _FOLD.finditer(data, start, end):
        if at < fold.start():
            yield at, fold.start()
        at = fold.end()
    if at < end:
        yield at, end


# --- Escapes ---------------------------------------------------------------------------------------------------------

_ESCAPE = regex(
    rb"'(?:\\''|\"'\"')"  # a shell's quote within quotes
    rb"|\\[uU][dD][89abAB][0-9a-fA-F]{2}\\[uU][dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u\{[0-9a-fA-F]{1,6}\}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\[0-3][0-7]{2}|\\[^\n]"
    rb"|%u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2}"
    rb"|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});|\x00"
)
_CONTROLS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"a": b"\a", b"e": b"\x1b"}


_MAY_ESCAPE = regex(rb"[\\%&\x00]|'[\"\\]")


@lru_cache(maxsize=4096)
def _unescaped(escape: bytes) -> bytes:
    """What one escape stands for; itself where it stands for nothing."""
    mark, kind = escape[:1], escape[1:2]
    if mark == b"\x00":  # every second byte of UTF-16
        return b""
    if mark == b"'":
        return b"'"
    if mark == b"&":
        import html  # names more than two thousand characters

        return html.unescape(escape.decode("ascii")).encode("utf-8", "replace")
    if len(escape) == 12 and mark == b"\\":
        pair = bytes.fromhex((escape[2:6] + escape[8:12]).decode("ascii"))
        return pair.decode("utf-16-be").encode()
    if kind in (b"u", b"U") and len(escape) > 2:
        number = int(escape[2:].strip(b"{}"), 16)
        return chr(number).encode("utf-8", "surrogatepass") if number < 0x110000 else escape
    if mark == b"%" or (kind == b"x" and len(escape) > 2):
        return bytes([int(escape[-2:], 16)])
    if len(escape) == 4:
        return bytes([int(escape[1:], 8)])
    return _CONTROLS.get(kind, kind)


_QUOTED_PRINTABLE = regex(rb"=[0-9A-Fa-f]{2}|=\r?\n")


_IS_MAIL = regex(rb"=3D|=[0-9A-F]{2}=[0-9A-F]{2}")


@lru_cache(maxsize=512)
def _quoted_printable(escape: bytes) -> bytes:
    return b"" if escape.endswith(b"\n") else bytes([int(escape[1:], 16)])
