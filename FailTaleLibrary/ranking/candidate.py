"""What could be shown as a suspect: a line of an item, a gap, a change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from FailTaleLibrary.records import Item, Signal


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate with its score; `item` is None for a gap."""

    host: str
    component: str
    collector: str
    item: Item | None
    text: str
    score: float
    signals: tuple[Signal, ...]
    line_number: int | None = None
    at: datetime | None = None
    """On the test machine's clock."""
    count: int = 1
    is_onset: bool = False
    """A line that is grave and not known to be old."""

    def gaining(self, score: float, *signals: Signal) -> Candidate:
        """The candidate with more to speak for it."""
        return replace(self, score=round(self.score + score, 2), signals=(*self.signals, *signals))
