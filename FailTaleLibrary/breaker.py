"""Failed attempts, per cause -> whether to try again: what is dead costs one attempt a minute, not one a question.

The only circuit breaker of the package: SSH hosts, a gateway and Ollama each have one. Causes are kept apart, because
a success may end one of them alone: that a host lets us log in again says nothing about its shell.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping

from FailTaleLibrary.lazy import dataclass

PAUSE_S = 60.0
"""Between two attempts, while a cause lasts; short, because a host that rebooted is the interesting one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is tried now; its text is a sentence for a reader."""

    cause: str
    because: str
    """The sentence of the failure that opened the breaker."""
    wait_s: float
    """Until the next attempt; infinite: none in this run."""

    def __str__(self) -> str:
        if math.isinf(self.wait_s):
            return f"{self.because} (not tried again in this run)"
        return f"{self.because} (not tried again for {self.wait_s:.0f} s)"


@dataclass(slots=True)
class _Failures:
    because: str
    count: int
    retry_at: float


class Breaker:
    """Remembers why something could not be reached. Safe to use from any thread.

    After a pause it is half open: one attempt may pass, everybody else waits for what comes of it. An attempt of which
    nothing is heard counts as failed.
    """

    def __init__(
        self,
        *,
        final: Collection[str] = (),
        patience: Mapping[str, int] | None = None,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``final`` causes are never tried again; ``patience``: how many failures open it for a cause, else one."""
        self._final = final
        self._patience = patience or {}
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[str, _Failures] = {}

    @property
    def is_closed(self) -> bool:
        """Whether an attempt may be made now; asking takes nothing from anybody."""
        with self._lock:
            return self._refusal() is None

    def attempt(self) -> Refusal | None:
        """None: try now, and say what came of it. Else why not."""
        with self._lock:
            refusal = self._refusal()
            if refusal is None:
                for cause in self._open_hosts():
                    self._failures[cause].retry_at = self._clock() + self._pause_s
            return refusal

    def failed(self, cause: str, because: str) -> None:
        """An attempt failed; ``because`` is a sentence for the reader."""
        with self._lock:
            known = self._failures.get(cause)
            retry_at = math.inf if cause in self._final else self._clock() + self._pause_s
            self._failures[cause] = _Failures(because, (known.count if known else 0) + 1, retry_at)

    def succeeded(self, *causes: str) -> None:
        """An attempt succeeded, which ends these causes; none named: all."""
        with self._lock:
            for cause in causes or tuple(self._failures):
                self._failures.pop(cause, None)

    def _open_hosts(self) -> list[str]:
        return [cause for cause, each in self._failures.items() if each.count >= self._patience.get(cause, 1)]

    def _refusal(self) -> Refusal | None:
        """The cause that lasts longest."""
        now = self._clock()
        waiting = [
            Refusal(cause, self._failures[cause].because, self._failures[cause].retry_at - now)
            for cause in self._open_hosts()
            if self._failures[cause].retry_at > now
        ]
        return max(waiting, key=lambda refusal: refusal.wait_s, default=None)
