"""What hints may cost a run: how many are kept, how long all take together, and when a server counts as dead."""

from __future__ import annotations

from FailTaleLibrary.breaker import Breaker
from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.ollama import TooSlowError, UnreachableError
from FailTaleLibrary.lazy import dataclass, field


class NotAskedError(HintError):
    """There was nothing to ask about, or no leave to ask; nothing failed."""


_MAX_TIMEOUTS = 2
"""In a row, until the server counts as dead: a model that is loaded takes long the first time."""


def _breaker() -> Breaker:
    return Breaker(patience={"too slow": _MAX_TIMEOUTS})


@dataclass(slots=True)
class RunBudget:
    """What a run may still spend on hints."""

    hints: int
    run_time_s: float
    hint_time_s: float
    _kept: int = 0
    _spent_s: float = 0.0
    _breaker: Breaker = field(default_factory=_breaker)

    def allowance_s(self) -> float:
        """Seconds that the next call may take.

        Raises NotAskedError when hints or time are used up, and HintError while the server counts as dead.
        """
        if self._kept >= self.hints:
            raise NotAskedError(f"not requested: the run's hints are used up ('analysis: hints' is {self.hints})")
        left = self.run_time_s - self._spent_s
        if left <= 0:
            raise NotAskedError(
                f"not requested: the run's time for hints is used up ('analysis: run_time' is {self.run_time_s:g} s)"
            )
        if refusal := self._breaker.attempt():
            raise HintError(f"not requested: {refusal}")
        return min(self.hint_time_s, left)

    @property
    def left_s(self) -> float:
        """Seconds for what prepares a call; none where no call is to come."""
        return 0.0 if self._kept >= self.hints else min(self.hint_time_s, self.run_time_s - self._spent_s)

    def count_kept(self) -> None:
        """An answer of the model that the reader gets; one that was dropped costs time alone."""
        self._kept += 1

    def count_time(self, seconds: float) -> None:
        self._spent_s += seconds

    def count_failure(self, error: HintError) -> None:
        """One lost connection or two time-outs end the asking for a while: the next would only wait for the same."""
        if isinstance(error, (TooSlowError, UnreachableError)):
            self._breaker.failed("too slow" if isinstance(error, TooSlowError) else "unreachable", str(error))

    def count_success(self) -> None:
        self._breaker.succeeded()
