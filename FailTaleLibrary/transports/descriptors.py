"""How many file descriptors this process may still open -> whether another connection or shell may be had now.

A connection takes one for as long as it lives, and two more for each shell in it. Where the limit of the process
(`ulimit -n`) is near, connections that nobody uses are ended, the one that was used longest ago first, and who needs
descriptors waits for others to end: a host is then asked later, and not lost.
"""

from __future__ import annotations

import errno
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

CONNECTING, SHELL = 2, 2
"""As many a login takes with a file that it reads, and a shell for being waited for."""
_SPARE = 8
"""Left to whoever else opens files in this process: Robot's output, the bundle, what a test does."""
_PLENTY = 100
"""With so many left beyond what was taken since they were counted, nobody counts."""
_COUNTED_FOR_S = 1.0
_LOOK_S = 0.05
"""Between two looks whether somebody has given some back."""
_LACKING = (errno.EMFILE, errno.ENFILE)
_PLACES = ("/proc/self/fd", "/dev/fd")


class Holder(Protocol):
    """A connection that may be ended for others."""

    used_at: float

    def retire(self) -> bool:
        """Whether nobody uses it, and nobody will from now on."""
        ...

    def close(self) -> None: ...


class Descriptors:
    """Those of one process. Safe to use from any thread."""

    def __init__(self, *, left: Callable[[], float] | None = None) -> None:
        """``left`` counts those that may still be opened."""
        self._count = left or descriptors_left
        self._holders: WeakSet[Holder] = WeakSet()
        self._lock = threading.Lock()
        self._promised = 0
        """Taken, but perhaps not opened yet."""
        self._left, self._counted_at, self._since = 0.0, -math.inf, 0

    def held_by(self, holder: Holder) -> None:
        """A connection that may be ended for others from now on."""
        with self._lock:
            self._holders.add(holder)

    def take(self, number: int, *, until: float, but: Holder | None = None) -> bool:
        """Wait for so many, not beyond a moment; whether there are so many. They count until they are given back.

        Where nobody would give any back, nobody waits: what fails then has its own words. ``but``: it stays.
        """
        while True:
            with self._lock:
                has_enough = self._has(number)
                if has_enough or time.monotonic() > until:
                    self._promise(number)
                    return has_enough
            if self._end_idle_one(but):
                continue
            if self._promised:
                time.sleep(_LOOK_S)
            else:
                until = -math.inf

    def take_at_once(self, number: int) -> bool:
        """The same for what can be done without: none are taken where there are too few."""
        with self._lock:
            has_enough = self._has(number)
            if has_enough:
                self._promise(number)
            return has_enough

    def give_back(self, number: int) -> None:
        """Those are closed, or were opened: whoever counts finds them."""
        with self._lock:
            self._promised -= number

    def _promise(self, number: int) -> None:
        self._promised += number
        self._since += number

    def _has(self, number: int) -> bool:
        now = time.monotonic()
        if now - self._counted_at > _COUNTED_FOR_S or self._left - self._since < _PLENTY + number:
            self._left, self._counted_at, self._since = self._count(), now, 0
        return self._left - self._since - self._promised >= number + _SPARE

    def _end_idle_one(self, but: Holder | None) -> bool:
        with self._lock:
            holders = sorted(self._holders, key=lambda each: each.used_at)
        for each in holders:
            if each is not but and each.retire():
                with self._lock:
                    self._holders.discard(each)
                each.close()
                return True
        return False


def descriptors_left() -> float:
    """How many this process may still open; infinite where that cannot be told."""
    try:
        import resource  # which Windows has not
    except ImportError:
        return math.inf
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return math.inf
    for place in _PLACES:
        try:
            return most - len(os.listdir(place))  # noqa: PTH208 - at each visit, and so in a tenth of the time
        except OSError as error:
            if error.errno in _LACKING:
                return 0
    return math.inf


descriptors = Descriptors()
