"""What hints may cost a run: their number, their time, and how often a silent server is tried."""

from __future__ import annotations

from dataclasses import dataclass

from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.reasons import TooSlowError, UnreachableError

_MAX_TIMEOUTS = 2


@dataclass(slots=True)
class RunBudget:
    """The rest of a run's budget."""

    hints: int
    run_time_s: float
    hint_time_s: float
    _asked: int = 0
    _spent_s: float = 0.0
    _timeouts: int = 0
    _given_up: str = ""

    def allowance_s(self) -> float:
        """Seconds that the next call may take; raises HintError with the reason when there is none."""
        if self._given_up:
            raise HintError(f"not asked: earlier in this run {self._given_up}")
        if self._asked >= self.hints:
            raise HintError(f"not asked: the run's hints are used up ('analysis: hints' is {self.hints})")
        left = self.run_time_s - self._spent_s
        if left <= 0:
            raise HintError(
                f"not asked: the run's time for hints is used up ('analysis: run_time' is {self.run_time_s:g} s)"
            )
        return min(self.hint_time_s, left)

    def count_hint(self) -> None:
        self._asked += 1

    def count_time(self, seconds: float) -> None:
        self._spent_s += seconds

    def count_failure(self, error: HintError) -> None:
        """One lost connection or two time-outs end the asking: the rest of the run would wait for the same."""
        self._timeouts += isinstance(error, TooSlowError)
        if isinstance(error, UnreachableError) or self._timeouts >= _MAX_TIMEOUTS:
            self._given_up = str(error)
