"""Visits that are about to begin -> a few at a time, while they only keep each other from the processors.

Fifty hosts that run on the machine of the tests, as containers do, share its processors with each other and with us.
All at once, each `ps` there looks at the processes of fifty visits, and what a host takes for its commands grows by a
sixth. Hosts elsewhere leave this machine idle while they work, so that all of them are visited at once.

For visits to hosts that were visited before, which would all begin in the same moment.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from FailTaleLibrary import background

_LEAST_AT_EASE, _FOR_EACH_PROCESSOR = 8, 4
"""So many visits begin without a look at the processors."""
_FEW = 2
_LOOK_S = 0.05
"""The system counts idle time by hundredths of a second."""
_IDLE, _NEARLY_BUSY = 0.3, 0.1
"""The share of idle time from which on all begin, and some. Python alone keeps one of two processors busy."""
_SOME, _LEAST = 4, 2
"""One of so many, and so many at least."""
_STUCK_S = 0.1
"""Without the end of a visit; then they wait for something else, and one, two, four … more begin."""
_CANCEL_SEEN_S = 0.2
_SHARE_OF_ITS_TIME = 0.25
"""Of what a visit may take, for its place."""
_PROCESSORS = Path("/proc/stat")


ReadTimes = Callable[[], "tuple[int, int] | None"]
"""Idle time and all time of the processors, since some moment; None where the system does not tell."""


def read_times() -> tuple[int, int] | None:
    """Of this machine, in hundredths of a second; what waits for a disk is idle, too."""
    try:
        with _PROCESSORS.open("rb") as file:
            numbers = [int(word) for word in file.read(256).split(b"\n")[0].split()[1:9]]
        return numbers[3] + numbers[4], sum(numbers)
    except (OSError, ValueError, IndexError):  # another system, or a container without
        return None


class Crowd:
    """The visits of a process that are under way, and those that wait to begin, in their order."""

    def __init__(
        self, *, at_ease: int | None = None, read_times: ReadTimes = read_times, stuck_s: float = _STUCK_S
    ) -> None:
        self._at_ease = at_ease or max(_LEAST_AT_EASE, _FOR_EACH_PROCESSOR * (os.cpu_count() or 1))
        self._read_times = read_times
        self._stuck_s = stuck_s
        self._lock = threading.Lock()
        self._inside = 0
        self._waiting: deque[threading.Event] = deque()
        self._is_watched = False
        self._moved_at = 0.0
        """When a visit ended, or others began because none did."""
        self._let_in_next = 1

    @property
    def is_small(self) -> bool:
        """Whether so few visits are under way that each may take a host's processors as it can."""
        return self._inside <= _FEW

    @contextlib.contextmanager
    def joined(self, *, ends_at: float, cancel: threading.Event) -> Iterator[None]:
        """Around a visit that ends at ``ends_at``; waits for its place, but not once ``cancel`` is set."""
        self._enter(ends_at, cancel)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, ends_at: float, cancel: threading.Event) -> None:
        with self._lock:
            if self._inside < self._at_ease and not self._waiting:
                self._inside += 1
                return
            place = threading.Event()
            self._waiting.append(place)
            is_watched, self._is_watched = self._is_watched, True
        if not is_watched:
            self._watch_in_background()
        try:
            self._wait_for(place, time.monotonic() + (ends_at - time.monotonic()) * _SHARE_OF_ITS_TIME, cancel)
        except BaseException:  # Ctrl-C: its place goes to the next one
            self._take(place)
            self._leave()
            raise
        self._take(place)

    @staticmethod
    def _wait_for(place: threading.Event, until: float, cancel: threading.Event) -> None:
        while not cancel.is_set() and (left_s := until - time.monotonic()) > 0:
            if place.wait(min(_CANCEL_SEEN_S, left_s)):
                return

    def _take(self, place: threading.Event) -> None:
        """Whether it was given or not."""
        with self._lock:
            if not place.is_set():
                self._waiting.remove(place)
                self._inside += 1

    def _leave(self) -> None:
        with self._lock:
            self._inside -= 1
            self._moved_at, self._let_in_next = time.monotonic(), 1
            if self._inside < self._at_ease:
                self._let_in(1)

    def _let_in(self, number: int) -> None:
        for _ in range(min(number, len(self._waiting))):
            self._inside += 1
            self._waiting.popleft().set()

    # Somebody looks at the processors while others wait

    def _watch_in_background(self) -> None:
        try:
            background.start(self._watch, name="failtale-crowd")
        except RuntimeError:  # the system gives no thread: nobody is to wait for one
            with self._lock:
                self._is_watched = False
                self._let_in(len(self._waiting))

    def _watch(self) -> None:
        with self._lock:
            self._moved_at, self._let_in_next = time.monotonic(), 1
        before = self._read_times()
        while True:
            time.sleep(_LOOK_S)
            now = self._read_times()
            with self._lock:
                self._let_in(self._how_many(idle_share(before, now)))
                if not self._waiting:
                    self._is_watched = False
                    return
            before = now

    def _how_many(self, idle_share: float) -> int:
        if idle_share >= _IDLE:
            return len(self._waiting)
        if idle_share >= _NEARLY_BUSY:
            return max(_LEAST, len(self._waiting) // _SOME)
        if time.monotonic() - self._moved_at < self._stuck_s:
            return 0
        number, self._let_in_next = self._let_in_next, 2 * self._let_in_next
        self._moved_at = time.monotonic()
        return number


def idle_share(before: tuple[int, int] | None, now: tuple[int, int] | None) -> float:
    """Of the time in between; all of it where the system does not tell."""
    if before is None or now is None or now[1] <= before[1]:
        return 1.0
    return (now[0] - before[0]) / (now[1] - before[1])


crowd = Crowd()
"""One for the process."""
