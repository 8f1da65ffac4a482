"""A moment on the test machine's clock -> how it lies to the failure: a weight, a signal, words."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import exp

from FailTaleLibrary.moments import SLACK_S
from FailTaleLibrary.records import Failure, KeywordStep, SafeText, Signal, derived, our_words
from FailTaleLibrary.text import duration

LATE_S = 0.1
"""From here on a line came after the failure, which itself was noticed a little after it happened."""
NEAR_S = 15.0
DURING, NEAR, BEFORE, AFTER = 2.0, 1.5, -1.5, -2.0


def _time_of_day(moment: datetime) -> str:
    """In UTC, as all times of a report."""
    return f"{moment:%H:%M:%S}"


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

    def nearness(self, offset_s: float, *, perhaps_later_s: float = 0.0) -> float:
        """How much the moment speaks for a line, which was written so much later, perhaps."""
        if offset_s > LATE_S:
            return AFTER
        if offset_s < -self._seconds - SLACK_S:
            return BEFORE
        return DURING if offset_s + perhaps_later_s >= self._step_s else NEAR * exp(min(0.0, offset_s) / NEAR_S)

    def signal(self, offset_s: float, *, perhaps_later_s: float = 0.0) -> Signal:
        """The same in words."""
        if offset_s > LATE_S:
            return Signal(name="after the failure", words=relative(offset_s))
        if offset_s < -self._seconds - SLACK_S:
            early_s = -self._seconds - offset_s
            return Signal(
                name="before the test", words=our_words("{} before the test began", derived(duration, early_s))
            )
        if offset_s + perhaps_later_s >= self._step_s:
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
