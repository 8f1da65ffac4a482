"""Lines and a host's clock -> when each was written, on the test machine's clock, and how that lies to the failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp

from FailTaleLibrary.ranking.lines import LINE_CHARS
from FailTaleLibrary.records import Failure, HostClock, KeywordStep, Signal
from FailTaleLibrary.text import duration
from FailTaleLibrary.timestamps import parse

SLACK_S = 1.0
"""Many logs write whole seconds."""
NEAR_S = 15.0
DURING, NEAR, BEFORE, AFTER = 2.0, 1.5, -1.5, -2.0


def moments_of(lines: Sequence[str], *, clock: HostClock | None, near: datetime) -> tuple[datetime | None, ...]:
    """When each line was written, on the test machine's clock; a line without a time has that of the line above.

    ``near``: a moment on the test machine's clock in whose neighbourhood the lines were written.
    """
    offset = timedelta(seconds=clock.offset_s if clock else 0.0)
    utc_offset_s = (clock.utc_offset_s if clock else None) or 0
    moments: list[datetime | None] = []
    latest: datetime | None = None
    for line in lines:
        moment = parse(line[:LINE_CHARS], utc_offset_s=utc_offset_s, near=near + offset)
        latest = moment - offset if moment else latest
        moments.append(latest)
    return tuple(moments)


@dataclass(frozen=True, slots=True)
class Scene:
    """The failure as a place in time."""

    failure: Failure

    @property
    def failed_at(self) -> datetime:
        return self.failure.window.end

    @property
    def step(self) -> KeywordStep | None:
        """The failing keyword, the innermost one that has a name."""
        return self.failure.keyword_path[-1] if self.failure.keyword_path else None

    def offset_s(self, at: datetime) -> float:
        """Seconds relative to the failure; negative before it."""
        return round((at - self.failed_at).total_seconds(), 3)

    def is_inside(self, at: datetime | None) -> bool:
        """Whether the moment lies in the window, within what clocks can tell."""
        slack = timedelta(seconds=SLACK_S)
        return at is not None and self.failure.window.start - slack <= at <= self.failed_at + slack

    def proximity(self, at: datetime) -> tuple[float, Signal]:
        """How much the moment speaks for the line, and why in words."""
        offset_s = self.offset_s(at)
        if offset_s > SLACK_S:
            return AFTER, Signal(name="after the failure", words=relative(offset_s))
        early_s = (self.failure.window.start - at).total_seconds()
        if early_s > SLACK_S:
            return BEFORE, Signal(name="before the test", words=f"{duration(early_s)} before the test began")
        if self._during_keyword(at):
            words = f"{relative(offset_s)}, while '{self.step.name}' ran" if self.step else relative(offset_s)
            return DURING, Signal(name="near the failure", words=words)
        return NEAR * exp(min(0.0, offset_s) / NEAR_S), Signal(name="in the window", words=relative(offset_s))

    def _during_keyword(self, at: datetime) -> bool:
        started_at = next((step.started_at for step in reversed(self.failure.keyword_path) if step.started_at), None)
        since = started_at or self.failed_at - timedelta(seconds=SLACK_S)
        return at >= since - timedelta(seconds=0.1)


def relative(offset_s: float) -> str:
    """``0.4 s before the failure``."""
    if abs(offset_s) < 0.05:
        return "at the moment of the failure"
    return f"{duration(abs(offset_s))} {'before' if offset_s < 0 else 'after'} the failure"
