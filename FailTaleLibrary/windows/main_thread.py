"""What the run's main thread does, for others: does it compute, who keeps it from that.

Each call in which another thread gives Python's lock back, such as one that reads a file, takes the lock from a main
thread that computes when it returns. That thread then waits, and finds its caches cold: much dearer than the call. So
whoever looks here often reads a clock, for which nobody gives the lock back, and no file.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

TURN_S = 0.0002
"""What it costs a main thread that computes to give its lock to another thread and get it back; measured, and told in
docs/performance.md."""
_SCHEDULED = Path("/proc/self/schedstat")
"""Of the main thread: nanoseconds computed, nanoseconds waited for a processor; docs.kernel.org, sched-stats."""
_STATUS = Path("/proc/self/status")
_LOOK_S = 0.1
_BUSY_SHARE = 0.5
_MOST_BYTES = 16 * 1024


def crowding(scheduled: Path = _SCHEDULED) -> float:
    """How many times as long the main thread takes as it computes, because others do; 1 where nobody tells.

    What it waits for by itself, such as a page to load, does not count.
    """
    try:
        computed, waited = _computed_and_waited(scheduled)
    except (OSError, ValueError):
        return 1.0
    return 1 + waited / max(1, computed)


def computed_s() -> float | None:
    """For how long the main thread has computed; None where nobody tells: macOS, Windows."""
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(threading.main_thread().ident or 0))
    except (AttributeError, OSError):
        return None


def turns(status: Path = _STATUS) -> int:
    """How often the main thread has waited for something, Python's lock among others; 0 where nobody tells."""
    try:
        _, _, told = _text_of_file(status).rpartition(b"\nvoluntary_ctxt_switches:")
        return int(told.split()[0])
    except (OSError, ValueError, IndexError):
        return 0


class LostTime:
    """What the main thread loses to other threads since now, where it computes: each turn of theirs is one of its own.

    One that waits for its product loses nothing.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._turns, self._computed_s = turns(), computed_s()

    def until_now(self) -> float:
        """In seconds; 0 where nobody tells."""
        now_s, elapsed_s = computed_s(), time.monotonic() - self._began
        if now_s is None or self._computed_s is None or not elapsed_s:
            return 0.0
        busy_share = min(1.0, (now_s - self._computed_s) / elapsed_s)
        return TURN_S * (turns() - self._turns) * busy_share


def is_computing(cancel: threading.Event) -> bool:
    """Whether the main thread computes, or would if others let it, and does not wait for something; for a moment.

    False where nobody tells.
    """
    began, before = time.monotonic(), computed_s()
    if before is None:
        return False
    cancel.wait(_LOOK_S)
    after = computed_s()
    least_s = _BUSY_SHARE * (time.monotonic() - began)
    if after is not None and after - before >= least_s:
        return True
    return _waits_for_a_processor(cancel)


def _waits_for_a_processor(cancel: threading.Event) -> bool:
    """Whether others keep it from computing: looked at only where it computes little, for it reads files."""
    try:
        return _would_compute(_SCHEDULED, cancel)
    except (OSError, ValueError, IndexError):
        return False


def _would_compute(scheduled: Path, cancel: threading.Event) -> bool:
    """Whether a main thread computes, or waits for a processor. Raises OSError, ValueError or IndexError."""
    began, before = time.monotonic(), sum(_computed_and_waited(scheduled))
    cancel.wait(_LOOK_S)
    # One that gets no processor at all in the meantime is runnable.
    is_runnable = _text_of_file(scheduled.with_name("stat")).rpartition(b")")[2].split()[0] == b"R"
    computed_or_waited_s = (sum(_computed_and_waited(scheduled)) - before) / 1e9
    return is_runnable or computed_or_waited_s >= _BUSY_SHARE * (time.monotonic() - began)


class MainThread:
    """That of this process."""

    def is_computing(self, cancel: threading.Event) -> bool:
        """As the function says."""
        return is_computing(cancel)

    def crowding(self) -> float:
        """As the function says."""
        return crowding()

    def lost_time(self) -> Callable[[], float]:
        """What tells how much it has lost to other threads since now."""
        return LostTime().until_now


class MainThreadOf(MainThread):
    """That of another process: it loses nothing to threads of this one, and may be looked at as often as one likes."""

    def __init__(self, process: int) -> None:
        self._scheduled = Path(f"/proc/{process}/schedstat")

    def is_computing(self, cancel: threading.Event) -> bool:
        """Also where nobody tells: macOS."""
        try:
            return _would_compute(self._scheduled, cancel)
        except (OSError, ValueError, IndexError):
            return True

    def crowding(self) -> float:
        return crowding(self._scheduled)

    def lost_time(self) -> Callable[[], float]:
        return lambda: 0.0


def _computed_and_waited(scheduled: Path) -> tuple[int, int]:
    computed, waited = map(int, _text_of_file(scheduled).split()[:2])
    return computed, waited


def _text_of_file(path: Path) -> bytes:
    """A file of /proc, in three calls instead of eight."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, _MOST_BYTES)
    finally:
        os.close(file)
