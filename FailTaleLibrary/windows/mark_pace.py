"""What marks cost -> when the next may be taken: of one host by its pace, first ones of many hosts in turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.windows.main_thread import is_computing


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon after a mark of a host the next one is due: not at once, and so that all marks stay cheap.

    A run of thousands of short tests would ask all hosts all the time; longer tests get a mark of their own start.
    """

    least_s: float = 1.0
    """Between the beginnings of two marks of one host, at least."""
    share: float = 0.01
    """Of the processor's time that this process could have, marks of all hosts together may take so much of it."""

    def pause_s(self, mark_cpu_s: float, *, hosts: int, crowding: float) -> float:
        """From the beginning of a mark of one of so many hosts, which took so much CPU, to the next of that host.

        However crowded the machine is, some host has its turn once in `least_s`.
        """
        quiet_s = max(self.least_s, mark_cpu_s * hosts / self.share)
        return max(quiet_s, min(quiet_s * crowding, self.least_s * hosts))


_LOOK_AGAIN_S = 0.4
"""After a moment in which the run computed."""
_QUIET_S = 0.5
"""So long after a moment in which the run only waited hosts are asked without looking again."""


class Openings:
    """First marks of hosts, each with a login -> one after another where the run keeps its processor busy.

    Else ten of them at once would take ten times the share that marks may have, from tests that compute; a run that
    waits for its product does not notice them.
    """

    def __init__(
        self,
        pause_s: float,
        is_busy: Callable[[threading.Event], bool] = is_computing,
        *,
        look_again_s: float = _LOOK_AGAIN_S,
    ) -> None:
        """``look_again_s`` after a moment in which the run was busy."""
        self._pause_s = pause_s
        self._is_busy = is_busy
        self._look_again_s = look_again_s
        self._turn = threading.Lock()
        self._next_at = self._quiet_until = float("-inf")

    def wait(self, cancel: threading.Event) -> None:
        """Until another host may be asked for its first mark; the first one is never kept waiting."""
        with self._turn:
            while (now := time.monotonic()) < self._next_at and now > self._quiet_until and not cancel.is_set():
                if not self._is_busy(cancel):
                    self._quiet_until = time.monotonic() + _QUIET_S
                else:
                    cancel.wait(min(self._look_again_s, max(0.0, self._next_at - time.monotonic())))
            self._next_at = time.monotonic() + self._pause_s
