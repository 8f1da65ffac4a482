"""Stored failures and words (or an RE2 expression) -> the lines that match, with their neighbours and times.

No expression reaches a host: what is searched was collected before. RE2 needs time linear in the text for any
expression, but its constant grows with the expression, so its size is bounded, a text is searched in pieces that cost
little each, and between two of them the time is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.mcp_server.item_texts import ItemText, texts_of
from FailTaleLibrary.mcp_server.store import StoredFailure

SEARCH_S = 5.0
"""For one search; what was not searched by then is counted."""
_MAX_PROGRAM = 5000
"""States of a compiled expression; `(.{1,30}){1,30}` has 8,000 and needs a second for 8 kB."""
_STATE_BYTES = 4_000_000
"""Bytes times states that are searched between two looks at the time: 0.1 s at worst."""
_MOST_PIECE, _LEAST_PIECE = 256 * 1024, 2 * 1024
_OVERLAP = 512
"""Bytes of a line that is longer than a piece, which two pieces share."""
_EXCERPT_BEFORE, _EXCERPT = 120, 400
"""Characters of a line that are shown, and how many of them ahead of the match."""


class ExpressionError(FailTaleError):
    """An expression that RE2 does not take."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for, and where."""

    pattern: Any
    """A compiled RE2 expression over bytes."""
    host: str = ""
    collector: str = ""
    from_s: float | None = None
    """Seconds relative to the failure; with one of the two, lines without a time do not match."""
    to_s: float | None = None
    context: int = 2
    limit: int = 20
    offset: int = 0

    @property
    def is_timed(self) -> bool:
        return self.from_s is not None or self.to_s is not None

    def takes(self, text: ItemText) -> bool:
        return (not self.host or text.item.host == self.host) and (
            not self.collector or text.item.collector == self.collector
        )

    def is_within(self, offset_s: float) -> bool:
        return (self.from_s is None or offset_s >= self.from_s) and (self.to_s is None or offset_s <= self.to_s)


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that matches."""

    text: ItemText
    number: int
    offset_s: float | None
    excerpt: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(slots=True)
class Matches:
    """What a search found."""

    hits: list[Hit] = field(default_factory=list)
    by_text: dict[tuple[str, str], int] = field(default_factory=dict)
    """(failure id, name of the text) -> how many of its lines match, also those beyond the limit."""
    searched: int = 0
    searched_bytes: int = 0
    unsearched: int = 0
    """Texts that there was no time for, wholly or in part."""
    untimed: int = 0
    """Lines that match and bear no time, where one was asked for."""
    cut: int = 0
    """Texts that were searched and are not whole."""
    count: int = 0
    """Of all lines that match."""


def expression(text: str, *, is_regex: bool) -> Any:
    """The expression for lines with these words, or that match; upper and lower case are alike. Raises
    ExpressionError."""
    import re2  # not wanted by a server that nobody searches in

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_nl = True
    options.max_mem = 1024 * 1024
    source = f"(?m){text}" if is_regex else re2.escape(text)
    try:
        compiled = re2.compile(source.encode("utf-8", "replace"), options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        said = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise ExpressionError(
            f"RE2 does not take this expression ({said}); it has no look-around and no back-references. "
            "Words to be found as they are go into 'text'."
        ) from None
    if compiled.programsize > _MAX_PROGRAM:
        raise ExpressionError("This expression is too large; use fewer or smaller repetitions.")
    return compiled


def search(failures: Iterable[StoredFailure], query: Query, *, is_over: Callable[[], bool]) -> Matches:
    """The lines that match, in the order of failures, items and lines, from ``query.offset`` on."""
    found = Matches()
    for stored in failures:
        for text in texts_of(stored):
            if not query.takes(text):
                continue
            if is_over():
                found.unsearched += not text.part
            elif text.text:
                _search_text(text, query, found, is_over)
    return found


def _search_text(text: ItemText, query: Query, found: Matches, is_over: Callable[[], bool]) -> None:
    found.searched += 1
    key = (text.stored.report.failure.id, text.name)
    found.cut += not text.part and not text.is_whole
    data = text.text.encode("utf-8", "replace")
    for number, at in _matching_lines(data, query.pattern, is_over, found):
        if query.is_timed:
            offset_s = text.offset_s(number)
            found.untimed += offset_s is None
            if offset_s is None or not query.is_within(offset_s):
                continue
        if query.offset <= found.count < query.offset + query.limit:
            found.hits.append(_hit(text, number, at, query.context))
        found.count += 1
        found.by_text[key] = found.by_text.get(key, 0) + 1


def _matching_lines(
    data: bytes, pattern: Any, is_over: Callable[[], bool], found: Matches
) -> Iterator[tuple[int, int]]:
    """(number of a line, byte of it where the first match begins), for each line that matches."""
    size = max(_LEAST_PIECE, min(_MOST_PIECE, _STATE_BYTES // max(1, pattern.programsize)))
    number, counted, last = 1, 0, 0
    for start, end in _pieces_of_text(data, size):
        if start and is_over():
            found.unsearched += 1
            return
        found.searched_bytes += end - start
        place = start
        while place < end and (match := pattern.search(data, place, end)):
            at = match.start()
            number += data.count(b"\n", counted, at)
            counted = at
            line_start = data.rfind(b"\n", 0, at) + 1
            if number != last:  # a long line is searched in pieces, and counts once
                yield number, at - line_start
            last = number
            line_end = data.find(b"\n", at)
            if line_end < 0:
                return
            place = max(line_end + 1, at + 1)


def _pieces_of_text(data: bytes, size: int) -> Iterator[tuple[int, int]]:
    """Whole lines as far as they fit; a longer line in pieces that overlap."""
    start = 0
    while start < len(data):
        end = min(len(data), start + size)
        if end < len(data):
            newline = data.rfind(b"\n", start, end)
            if newline >= 0:
                end = newline + 1
        yield start, end
        if end >= len(data):
            return
        start = end if data[end - 1 : end] == b"\n" else end - _OVERLAP


def _hit(text: ItemText, number: int, at: int, context: int) -> Hit:
    line = text.lines[number - 1] if number <= len(text.lines) else ""
    place = len(line.encode("utf-8", "replace")[:at].decode(errors="ignore"))
    begin = max(0, place - _EXCERPT_BEFORE) if len(line) > _EXCERPT else 0
    excerpt = line[begin : begin + _EXCERPT]
    excerpt = f"{'… ' if begin else ''}{excerpt}{' …' if begin + _EXCERPT < len(line) else ''}"
    first = max(0, number - 1 - context)
    return Hit(
        text,
        number,
        text.offset_s(number),
        excerpt,
        before=tuple(text.lines[first : number - 1]),
        after=tuple(text.lines[number : number + context]),
    )
