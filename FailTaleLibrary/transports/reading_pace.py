"""Answers that come while the processors are busy -> read a few at a time, for whoever reads one wakes two threads.

Each of fifty hosts prints eight answers within a second, one by one. To read each as it comes wakes the threads of its
connection and of its visit, while the others want the processors. Where these have idle time nothing waits: each answer
is worked off beside what the host does next.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from FailTaleLibrary.transports.crowd import ReadTimes, idle_share, read_times

_FEW = 4
"""Visits whose answers never wait."""
_FOR_EACH_S, _LONGEST_S = 0.002, 0.1
"""Fifty visits that share two processors take two seconds; the last few of them hardly wait."""
_LOOK_S = 0.1
"""The system counts idle time by hundredths of a second."""
_BUSY = 0.1
"""The share of idle time up to which the processors count as busy."""


class ReadingPace:
    """How long what comes next of a visit may wait for more, by how many visits go on."""

    def __init__(self, *, read_times: ReadTimes = read_times, look_s: float = _LOOK_S) -> None:
        self._read_times = read_times
        self._look_s = look_s
        self._lock = threading.Lock()
        self._visits = 0
        self._are_busy = False
        self._times: tuple[int, int] | None = None
        self._looked_at = 0.0

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Around a visit."""
        with self._lock:
            self._visits += 1
        try:
            yield
        finally:
            with self._lock:
                self._visits -= 1

    def pause_s(self) -> float:
        """From one reading to the next."""
        if self._visits <= _FEW or not self._are_processors_busy():
            return 0.0
        return min(_LONGEST_S, _FOR_EACH_S * self._visits)

    def _are_processors_busy(self) -> bool:
        now = time.monotonic()
        if now - self._looked_at >= self._look_s and self._lock.acquire(blocking=False):  # else somebody looks already
            try:
                before, self._times, self._looked_at = self._times, self._read_times(), now
                self._are_busy = idle_share(before, self._times) <= _BUSY
            finally:
                self._lock.release()
        return self._are_busy


pace = ReadingPace()
"""One for the process."""
