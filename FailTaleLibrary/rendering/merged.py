"""Report -> the lines of all hosts' logs in one order: that of time, on the test machine's clock. Pure.

What a log held before the window too is usual: one line stands for all of a shape, with how often it stands there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from FailTaleLibrary.belonging.identifiers import likely_identifiers
from FailTaleLibrary.lazy import dataclass, replace
from FailTaleLibrary.moments import Moments, message_of
from FailTaleLibrary.records import HostClock, Item, Report, Suspect
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.rendering.fitting import is_marker
from FailTaleLibrary.rendering.words import severity
from FailTaleLibrary.text import shorten

MOST_LINES = 120
"""Shown; of more, those nearest to the failure."""
_MOST_READ = 4_000
"""Of one log: the newest, whose times are read."""
_LINE_CHARS = 400
MOST_WHO_CHARS = 26
"""Of who wrote a line, beside it."""


@dataclass(frozen=True, slots=True)
class MergedLine:
    """A line of a log, or all of one usual shape."""

    host: str
    text: str
    look: str
    """``suspect``, ``error``, ``warning``, ``plain`` or ``usual``."""
    at: datetime
    offset_s: float
    times: int = 1
    source: str = ""
    shape: str = ""
    """Of a usual line: what it shares with the others of its shape."""
    number: int = 0
    """0-based index into the item's lines."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The lines, oldest first, and how many are not among them."""

    lines: tuple[MergedLine, ...] = ()
    of_lines: int = 0
    hosts: int = 0
    unshown: int = 0
    of_many_logs: frozenset[str] = frozenset()
    """Hosts of which lines of several logs are here: beside such a line stands its log, too."""

    @property
    def text_column(self) -> int:
        """Where the lines' texts begin, in characters."""
        return self._offset_chars + self._who_chars + 4

    def row_of(self, line: MergedLine) -> str:
        """Offset, host, text and how often, in columns."""
        often = f" {in_words.times(line.times)}" if line.times > 1 else ""
        offset = in_words.offset(line.offset_s).rjust(self._offset_chars)
        return f"{offset}  {shorten(self._who(line), MOST_WHO_CHARS).ljust(self._who_chars)}  {line.text}{often}"

    def _who(self, line: MergedLine) -> str:
        return line.source if line.host in self.of_many_logs else line.host

    @property
    def _offset_chars(self) -> int:
        return max((len(in_words.offset(line.offset_s)) for line in self.lines), default=0)

    @property
    def _who_chars(self) -> int:
        return min(max((len(self._who(line)) for line in self.lines), default=0), MOST_WHO_CHARS)


def merged_lines(
    report: Report,
    suspects: Sequence[Suspect],
    *,
    hosts: Collection[str] = (),
    from_s: float = float("-inf"),
    to_s: float = float("inf"),
    most_lines: int = MOST_LINES,
) -> Merged:
    """``suspects``: those that the card shows. Lines without a time are not among them: they stand with their item.

    ``hosts``: of these alone; ``from_s``, ``to_s``: within these seconds of the failure.
    """
    clocks = {clock.host: clock for clock in report.evidence.clocks}
    places = {(each.item_id, each.line_number) for each in suspects}
    logs = [item for item in report.evidence.items if item.window is not None and (not hosts or item.host in hosts)]
    lines = (line for item in logs for line in _lines_of(item, report, clocks, places))
    found = [line for line in lines if from_s <= line.offset_s <= to_s]
    folded = sorted(_folded(found), key=lambda line: (line.at, line.host))
    near = sorted(folded, key=lambda line: (line.look != "suspect", abs(line.offset_s)))[:most_lines]
    shown = set(map(id, near))
    sources = {(line.host, line.source) for line in near}
    return Merged(
        of_many_logs=frozenset(host for host, often in Counter(host for host, _ in sources).items() if often > 1),
        lines=tuple(line for line in folded if id(line) in shown),
        of_lines=len(found),
        hosts=len({line.host for line in found}),
        unshown=sum(line.times for line in folded if id(line) not in shown),
    )


def _lines_of(
    item: Item, report: Report, clocks: Mapping[str, HostClock], places: set[tuple[str | None, int | None]]
) -> Iterator[MergedLine]:
    lines = item.lines
    window = report.failure.window
    moments = Moments(
        lines,
        clock=clocks.get(item.host),
        near=window.end,
        headings=item.headings,
        line_times=item.line_times,
    )
    usual = {number: shape.lines[0] for back in item.look_backs for shape in back.shapes for number in shape.lines}
    for number in range(max(0, len(lines) - _MOST_READ), len(lines)):
        line = lines[number]
        at = None if number in item.headings or is_marker(line) or not line.strip() else moments.at(number)
        if at is None:
            continue
        look: str = "usual" if number in usual else severity(line)
        if (item.id, number) in places:
            look = "suspect"
        yield MergedLine(
            host=item.host,
            text=message_of(line[:_LINE_CHARS]).strip(),
            look=look,
            at=at,
            offset_s=round((at - window.end).total_seconds(), 3),
            source=item.id,
            shape=f"{item.id}#{usual[number]}" if number in usual else "",
            number=number,
        )


def _folded(lines: Iterable[MergedLine]) -> Iterator[MergedLine]:
    """All usual lines of a shape as its last one."""
    usual: dict[str, MergedLine] = {}
    for line in lines:
        if line.look != "usual":
            yield line
            continue
        known = usual.get(line.shape)
        usual[line.shape] = line if known is None else replace(line, times=known.times + 1)
    yield from usual.values()


def shared_identifiers(texts: Iterable[tuple[str, str]]) -> frozenset[str]:
    """What looks like an identifier and stands in lines of two hosts or more. ``texts``: host and line."""
    hosts: dict[str, set[str]] = {}
    for host, text in texts:
        for token in likely_identifiers(message_of(text)):
            hosts.setdefault(token, set()).add(host)
    return frozenset(token for token, those in hosts.items() if len(those) > 1)
