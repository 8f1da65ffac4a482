"""What a gateway says of its time, and when -> how far its clock is ahead of the runner's; when a request was made.

A window travels as seconds before its request was made. The gateway counts them from the moment at which that was by
its own clock, as the runner knows it, so that the time under way is no part of the window.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from FailTaleLibrary.lazy import dataclass, replace

MAX_OFFSET_S = 10 * 366 * 86400.0
"""A clock that is further off is broken, or lies."""
GRACE_S = 5.0
"""A gateway that knows the deadline may answer this much later."""
ASKED_AT = "asked_at"
"""The argument with the moment of a request. An older gateway refuses it, so a newer one says that it takes it."""
_DRIFT = 5e-4
"""Seconds that two clocks part in a second at most: as fast as they are set gradually."""


@dataclass(frozen=True, slots=True)
class GatewayClock:
    """The gateway's clock against the runner's."""

    offset_s: float
    """Gateway minus runner: positive when the gateway is ahead."""
    uncertainty_s: float

    @classmethod
    def between(cls, sent: float, told: float, received: float) -> GatewayClock:
        """Of a clock that was read between two moments on ours, all in seconds since 1970."""
        return cls(offset_s=told - (sent + received) / 2, uncertainty_s=max(0.0, received - sent) / 2)

    def __lt__(self, other: GatewayClock) -> bool:
        return self.uncertainty_s < other.uncertainty_s

    @property
    def differs(self) -> bool:
        """Whether the clocks cannot be the same."""
        return abs(self.offset_s) > self.uncertainty_s

    @property
    def shift(self) -> timedelta:
        """What to add to a moment of the gateway's."""
        return timedelta(seconds=-self.offset_s if self.differs else 0.0)

    def after(self, seconds: float) -> GatewayClock:
        """The same clock so much later, when both may have drifted."""
        return replace(self, uncertainty_s=self.uncertainty_s + abs(seconds) * _DRIFT)

    def contradicts(self, other: GatewayClock) -> bool:
        """Whether somebody set a clock between two readings."""
        return abs(self.offset_s - other.offset_s) > self.uncertainty_s + other.uncertainty_s


class KnownClock:
    """The surest of what a gateway that takes `ASKED_AT` has told of its clock. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._best: GatewayClock | None = None
        self._read_at = 0.0

    def hear(self, answer: Mapping[str, Any], *, sent: float, received: float) -> None:
        """An answer to a call between two moments on our clock; one that tells no time that can be is passed over."""
        told, takes = answer.get("server_time"), answer.get("takes")
        if not isinstance(takes, list) or ASKED_AT not in takes or not isinstance(told, int | float):
            return
        if not math.isfinite(told) or abs(told - received) > MAX_OFFSET_S:
            return
        new = GatewayClock.between(sent, float(told), received)
        with self._lock:
            old = self._best.after(received - self._read_at) if self._best else new
            if new.contradicts(old) or not old < new:
                self._best, self._read_at = new, received

    def at(self, now: float) -> GatewayClock | None:
        """How it stands at a moment on our clock; None where nothing is known of it."""
        with self._lock:
            return self._best.after(now - self._read_at) if self._best else None


class UnderWay(NamedTuple):
    """How long a request was under way, in seconds."""

    least_s: float
    most_s: float


def under_way(asked_at: float, within_s: float, *, now: float, longest_s: float) -> UnderWay:
    """Since a moment on the gateway's clock that its runner knows to ``within_s``. 0 stands for an unknown moment.

    One that is still to come, or longer ago than any runner waits, is no moment of this request, and not believed.
    """
    least_s, most_s = now - asked_at - within_s, now - asked_at + within_s
    if asked_at and most_s >= 0 and least_s <= longest_s:
        return UnderWay(max(0.0, least_s), min(most_s, longest_s))
    return UnderWay(0.0, 0.0)
