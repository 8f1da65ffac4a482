"""A host's failures -> whether it may be asked: a dead host costs one attempt a minute, not one a question."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from FailTaleLibrary.errors import TransportError

COOL_DOWN_S = 60.0


class Breaker:
    """Remembers why a host could not be asked. Safe to use from any thread.

    It opens at the first failure and lets one attempt pass when 60 s are over, because the host that rebooted is the
    interesting one. A refused authentication opens it for good: repeating it could lock the account out.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._error: TransportError | None = None
        self._opened_at = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether an attempt may be made now."""
        with self._lock:
            return self._error is None or self._wait_s() <= 0

    def check(self) -> None:
        """Raise the error that opened it, while it is open."""
        with self._lock:
            if self._error is not None and (wait_s := self._wait_s()) > 0:
                raise TransportError(self._error.reason, f"{self._error} ({_again(wait_s)})")

    def open(self, error: TransportError) -> None:
        """An attempt failed."""
        with self._lock:
            self._error = error
            self._opened_at = self._clock()

    def close(self) -> None:
        """An attempt succeeded."""
        with self._lock:
            self._error = None

    def _wait_s(self) -> float:
        if self._error is not None and self._error.reason == "authentication refused":
            return float("inf")
        return self._opened_at + COOL_DOWN_S - self._clock()


def _again(wait_s: float) -> str:
    return "not asked again in this run" if wait_s == float("inf") else f"not asked again for {wait_s:.0f} s"
