"""Threads that have something to compute -> one of them at a time, while the others sleep.

Python runs one thread at a time, but each that waits for it wakes up two hundred times a second to ask for it: of fifty
hosts that answered together, a quarter of the processor's time went into that. A thread that waits for a lock sleeps
until it is given to it.

Nothing depends on the turn. Whoever has it for long, because a server takes nothing or a text takes long to redact,
keeps it, and the others go on by a new one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

_PATIENCE_S = 0.25
"""For one thread that has the turn; a usual one has it for a few milliseconds."""
_MOST_S = 2.0
"""For all that come first."""


class Turn:
    """What one thread has at a time. A thread that has it may take it again."""

    def __init__(self, *, patience_s: float = _PATIENCE_S, most_s: float = _MOST_S) -> None:
        self._patience_s = patience_s
        self._most_s = most_s
        self._lock = threading.RLock()
        self._taken_at = time.monotonic()

    def take(self) -> threading.RLock:
        """Wait for it. The lock that is returned is held by this thread: who releases it gives the turn away."""
        lock, ends = self._lock, time.monotonic() + self._most_s
        while not lock.acquire(timeout=self._patience_s):
            now = time.monotonic()
            if now > ends:
                lock = threading.RLock()  # for this thread alone
            elif lock is self._lock and now - self._taken_at >= self._patience_s:
                self._lock = lock = threading.RLock()
            else:
                lock = self._lock
        self._taken_at = time.monotonic()
        return lock

    @property
    def is_taken(self) -> bool:
        """Whether another thread has it, at this moment."""
        lock = self._lock
        if not lock.acquire(blocking=False):
            return True
        lock.release()
        return False

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Around work that waits for nobody outside of this process."""
        lock = self.take()
        try:
            yield
        finally:
            lock.release()


turn = Turn()
"""One for the process, as Python's own lock is."""
