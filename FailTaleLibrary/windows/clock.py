"""When a host's clock was read, and what it said -> how far it is ahead of ours."""

from __future__ import annotations

from collections.abc import Iterable

from FailTaleLibrary.lazy import dataclass


@dataclass(frozen=True, slots=True)
class ClockReading:
    """How far a host's clock is ahead of ours: at least and at most, in seconds."""

    least_s: float
    most_s: float

    @property
    def uncertainty_s(self) -> float:
        return (self.most_s - self.least_s) / 2

    @property
    def offset_s(self) -> float:
        """Host minus ours; 0 where both may as well be equal."""
        return 0.0 if self.least_s <= 0 <= self.most_s else (self.least_s + self.most_s) / 2

    def reaching(self, other: ClockReading) -> ClockReading:
        """All that lies between this reading and one that contradicts it: the clock has moved meanwhile."""
        if max(self.least_s, other.least_s) <= min(self.most_s, other.most_s):
            return self
        return ClockReading(min(self.least_s, other.least_s), max(self.most_s, other.most_s))

    def narrowed(self, others: Iterable[ClockReading]) -> ClockReading:
        """With what other readings tell; those that contradict it are from before somebody set the clock."""
        least_s, most_s = self.least_s, self.most_s
        for other in others:
            if max(least_s, other.least_s) <= min(most_s, other.most_s):
                least_s, most_s = max(least_s, other.least_s), min(most_s, other.most_s)
        return ClockReading(least_s, most_s)
