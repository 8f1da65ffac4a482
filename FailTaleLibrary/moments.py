"""A source's lines and its host's clock -> when each line was written, on the test machine's clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from FailTaleLibrary.records import HostClock
from FailTaleLibrary.timestamps import parse

SLACK_S = 1.0
"""Many logs write whole seconds."""
_FARTHEST_S = 1000 * 366 * 86400.0
_MOST_UNTIMED = 100
"""So many lines without a time at a source's beginning say that it bears none."""


class Moments:
    """When the lines of one source were written, on the test machine's clock; read at need, each line once.

    A line without a time has that of the line above, but none of another file: ``headings`` are the lines at which one
    begins. ``near``: a moment on the test machine's clock in whose neighbourhood the lines were written.
    """

    def __init__(
        self,
        lines: Sequence[str],
        *,
        clock: HostClock | None,
        near: datetime,
        headings: frozenset[int] = frozenset(),
    ) -> None:
        self._lines = lines
        self._headings = headings
        self._offset = timedelta(seconds=_usable(clock.offset_s) if clock else 0.0)
        self._utc_offset_s = (clock.utc_offset_s if clock else None) or 0
        self._near = near + self._offset
        self._known: dict[int, datetime | None] = {}

    def at(self, index: int) -> datetime | None:
        """When a line was written; None where no line of its file up to here bears a time."""
        unknown = []
        place, moment = index, None
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
        moment = parse(self._lines[index], utc_offset_s=self._utc_offset_s, near=self._near)
        return moment - self._offset if moment else None


def _usable(offset_s: float) -> float:
    """An offset that the calendar bears; 0 for another, which a foreign record may hold."""
    return offset_s if abs(offset_s) <= _FARTHEST_S else 0.0
