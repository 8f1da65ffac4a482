"""How often one caller may call: a bucket of permissions that refills at a steady rate."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_CALLERS = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a second in the long run, and so many at once."""

    per_second: float
    burst: int


READING = Rate(per_second=200, burst=500)
"""For all tools together."""
ASKING = Rate(per_second=10, burst=100)
"""For tools that make hosts work."""


class Bucket:
    """Permissions of each caller. For one event loop."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str) -> float:
        """Takes a permission and returns 0; when there is none, returns after how many seconds there will be."""
        now = self._clock()
        left, then = self._left.pop(caller, (float(self._rate.burst), now))
        left = min(self._rate.burst, left + (now - then) * self._rate.per_second)
        self._left[caller] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _CALLERS:
            self._left.popitem(last=False)
        return 0.0 if left >= 1 else max(0.1, math.ceil((1 - left) / self._rate.per_second * 10) / 10)
