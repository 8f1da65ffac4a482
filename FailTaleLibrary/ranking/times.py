"""Lines and a host's clock -> when each was written, on the test machine's clock, and how that lies to the failure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import exp

from FailTaleLibrary.records import Failure, HostClock, KeywordStep, SafeText, Signal, derived, our_words
from FailTaleLibrary.text import duration
from FailTaleLibrary.timestamps import parse

_FARTHEST_S = 1000 * 366 * 86400.0
SLACK_S = 1.0
"""Many logs write whole seconds."""
LATE_S = 0.1
"""From here on a line came after the failure, which itself was noticed a little after it happened."""
NEAR_S = 15.0
_MOST_UNTIMED = 100
"""So many lines without a time at a source's beginning say that it bears none."""
DURING, NEAR, BEFORE, AFTER = 2.0, 1.5, -1.5, -2.0


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


def _time_of_day(moment: datetime) -> str:
    """In UTC, as all times of a report."""
    return f"{moment:%H:%M:%S}"


def _usable(offset_s: float) -> float:
    """An offset that the calendar bears; 0 for another, which a foreign record may hold."""
    return offset_s if abs(offset_s) <= _FARTHEST_S else 0.0


class Scene:
    """The failure as a place in time."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        self._seconds = failure.window.seconds
        started_at = next((step.started_at for step in reversed(failure.keyword_path) if step.started_at), None)
        self._step_s = (self.offset_s(started_at) if started_at else -SLACK_S) - LATE_S
        """When the failing keyword began."""

    @property
    def failed_at(self) -> datetime:
        return self.failure.window.end

    @property
    def step(self) -> KeywordStep | None:
        """The failing keyword, the innermost one that has a name."""
        return self.failure.keyword_path[-1] if self.failure.keyword_path else None

    def since(self, at: datetime | None, seconds: float) -> SafeText:
        """In words, how long before the test it began what was first written in the window at a moment."""
        window = self.failure.window
        if at is None:
            return our_words("began about {} before this test", derived(duration, seconds))
        began = at - timedelta(seconds=seconds)
        before_test = max(0.0, (window.start - began).total_seconds())
        return our_words(
            "since {}, {} before this test began", derived(_time_of_day, began), derived(duration, before_test)
        )

    def offset_s(self, at: datetime) -> float:
        """Seconds relative to the failure; negative before it."""
        return round((at - self.failed_at).total_seconds(), 3)

    def is_inside(self, offset_s: float) -> bool:
        """Whether the moment lies in the window, within what clocks can tell."""
        return -self._seconds - SLACK_S <= offset_s <= LATE_S

    def nearness(self, offset_s: float) -> float:
        """How much the moment speaks for a line."""
        if offset_s > LATE_S:
            return AFTER
        if offset_s < -self._seconds - SLACK_S:
            return BEFORE
        return DURING if offset_s >= self._step_s else NEAR * exp(min(0.0, offset_s) / NEAR_S)

    def signal(self, offset_s: float) -> Signal:
        """The same in words."""
        if offset_s > LATE_S:
            return Signal(name="after the failure", words=relative(offset_s))
        if offset_s < -self._seconds - SLACK_S:
            early_s = -self._seconds - offset_s
            return Signal(
                name="before the test", words=our_words("{} before the test began", derived(duration, early_s))
            )
        if offset_s >= self._step_s:
            words = relative(offset_s)
            if self.step:
                words = our_words("{}, while '{}' ran", words, self.step.name)
            return Signal(name="near the failure", words=words)
        return Signal(name="in the window", words=relative(offset_s))


def relative(offset_s: float) -> SafeText:
    """``0.4 s before the failure``."""
    if abs(offset_s) < 0.05:
        return our_words("at the moment of the failure")
    if offset_s < 0:
        return our_words("{} before the failure", derived(duration, -offset_s))
    return our_words("{} after the failure", derived(duration, offset_s))
