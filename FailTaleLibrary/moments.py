"""A log's lines and its host's clock -> when each was written, on the test machine's clock, and what it says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.records import HostClock, LineTimes, OwnTimeFormat
from FailTaleLibrary.time_formats import TimeFormat
from FailTaleLibrary.timestamps import leading_time_end, parse, parse_known

SLACK_S = 1.0
"""Many logs write whole seconds."""
_FUTURE = timedelta(hours=1)
"""What a line says beyond this is not when it was written."""
_FARTHEST_S = 1000 * 366 * 86400.0
_MOST_UNTIMED = 100
"""So many lines without a time at a source's beginning say that it bears none."""


class Moments:
    """When the lines of one source were written, on the test machine's clock; read at need, each line once.

    A line without a time has that of the line above, but none of another file: ``headings`` are the lines at which one
    begins. ``near``: a moment on the test machine's clock in whose neighbourhood the lines were written.
    ``line_times``: how the host read each line's time, so that both agree; None: any known format, the host's zone.
    """

    def __init__(
        self,
        lines: Sequence[str],
        *,
        clock: HostClock | None,
        near: datetime,
        headings: frozenset[int] = frozenset(),
        line_times: Sequence[LineTimes | None] = (),
    ) -> None:
        self._lines = lines
        self._line_times = line_times
        self._headings = headings
        self._offset = timedelta(seconds=_usable(clock.offset_s) if clock else 0.0)
        self._utc_offset_s = (clock.utc_offset_s if clock else None) or 0
        self._near = near + self._offset
        self._known: dict[int, datetime | None] = {}
        self._whole: set[int] = set()

    def at(self, index: int) -> datetime | None:
        """When a line was written; None where no line of its file up to here bears a time."""
        if index in self._known:
            return self._known[index]
        if (moment := self.borne(index)) is not None:  # most lines bear their own
            self._known[index] = moment
            return moment
        if index in self._headings:
            self._known[index] = None
            return None
        unknown = [index]
        place = index - 1
        while place >= 0 and place not in self._known:
            unknown.append(place)
            moment = self.borne(place)
            if moment is not None or place in self._headings:
                break
            place -= 1
        else:
            moment = self._known.get(place)
        self._known.update(dict.fromkeys(unknown, moment))
        return moment

    def may_be_later_s(self, index: int) -> float:
        """How much later than it says a line was written perhaps: its log writes whole seconds."""
        return SLACK_S if index in self._whole else 0.0

    def ahead_of(self, since: datetime) -> Iterator[int]:
        """The first lines, as far as they were written well before a moment; none when the first bear no time."""
        for index in range(len(self._lines)):
            at = self.at(index)
            if (at is None and index >= _MOST_UNTIMED) or (at is not None and (since - at).total_seconds() <= SLACK_S):
                return
            if at is not None:
                yield index

    def borne(self, index: int) -> datetime | None:
        """The time that a line bears itself."""
        moment = self._read(self._lines[index], self._line_times[index] if self._line_times else None)
        if moment is None or moment > self._near + _FUTURE:  # the line speaks of it, or its clock was lost
            return None
        if not moment.microsecond:
            self._whole.add(index)
        return moment - self._offset

    def _read(self, line: str, times: LineTimes | None) -> datetime | None:
        if times is None:
            return parse(line, utc_offset_s=self._utc_offset_s, near=self._near)
        if times.own is not None:
            own = _own_format(times.own)
            return parse(line, utc_offset_s=times.utc_offset_s, near=self._near, time_format=own) if own else None
        return parse_known(
            line, utc_offset_s=times.utc_offset_s, near=self._near, format_name=times.format, key=times.key
        )


@lru_cache(maxsize=64)
def _own_format(own: OwnTimeFormat) -> TimeFormat | None:
    """None for what no configuration gives: redaction has changed it, or the record is foreign."""
    try:
        return TimeFormat(own.format, own.key, own.pattern)
    except ValueError:
        return None


def _usable(offset_s: float) -> float:
    """An offset that the calendar bears; 0 for another, which a foreign record may hold."""
    return offset_s if abs(offset_s) <= _FARTHEST_S else 0.0


# --- The message: a line without the time that it begins with --------------------------------------------------------

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_TIME = (
    rf"<\d+>1 \d{{4}}-\d\d-\d\dT{_CLOCK}\S* \S+ \S+ \S+ \S+ (?:-|\[[^\]]{{0,200}}\])"  # syslog of RFC 5424
    rf"|\[?\d{{4}}[-/]\d\d[-/]\d\d[T ]{_CLOCK}(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?\]?"
    rf"|(?:<\d+>)?[A-Z][a-z]{{2}} [ 0-3]\d {_CLOCK} [\w.-]+(?= [\w./@-]+(?:\[\d+\])?:)"  # syslog with its host
    rf"|(?:<\d+>)?[A-Z][a-z]{{2}} [ 0-3]\d {_CLOCK}"
    rf"|\[[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ 0-3]\d {_CLOCK} \d{{4}}\]"
    rf"|\[?\d\d[-/ ][A-Z][a-z]{{2}}[-/ ]\d{{4}}[: ]{_CLOCK}(?: [+-]\d{{4}})?\]?"
    rf"|\d+:[A-Z] \d\d [A-Z][a-z]{{2}} \d{{4}} {_CLOCK}"  # Redis: process and role before its time
    rf"|\[? *\d+\.\d{{6}}\](?= )"  # the kernel's seconds since boot
    rf"|\[?{_CLOCK}\]?"
)
_STEP = r"(?:[^\t]{1,80}\t[^\t]{1,80}\t)?\ufeff?"  # `gh run view --log`: job and step
_TIME_CHARS = 80
"""Of a line's start, within which a time ends."""
_DATED = regex(rf"{_STEP}(?:{_TIME})(?: |\t|$)")


def message_of(line: str) -> str:
    """The line without the time that it begins with; the indentation that follows the time stays."""
    return line[message_at(line) :]


def message_at(line: str) -> int:
    """How many characters the time at the line's start takes, with the space behind it."""
    match = _DATED.match(line)
    return match.end() if match else leading_time_end(line, most_chars=_TIME_CHARS)
