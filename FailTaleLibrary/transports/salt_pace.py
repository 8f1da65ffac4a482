"""When minions answered a job -> how long the silent ones among them are still waited for. Pure.

Salt does not tell a minion that is down from one that is slow. What the others did tells it better than a fixed time:
where most answer in a second, who has not after `salt.answer_timeout` is gone; where a master or a shared machine is so
busy that nobody has answered by then, nobody is.
"""

from __future__ import annotations

from FailTaleLibrary.lazy import dataclass

QUICK_MINIONS = 20
"""So many answer within the time of one, however few processors they share."""
_MINION_S = 0.25
"""Each further one may take so much longer: 0.13 s of processor time for a job of Salt 3008, measured, and the rest."""
_MOST_MORE_S = 60.0
"""No more for all of them: a fleet that is silent for longer is gone."""
_SLOWER = 1.5
"""Who takes so many times as long as the slowest before him is gone."""
_LINGER_SHARE = 0.2
"""Of `salt.answer_timeout`: those who have answered wait at least so long for the others, to share a job with them."""


@dataclass(slots=True)
class Pace:
    """Of one job: how many were asked, and when they answered, in seconds since."""

    answer_timeout_s: float
    asked: int
    began: float
    """On the monotonic clock."""
    usual_s: float = 0.0
    """What the slowest of the fleet took for a greeting before."""
    answered: int = 0
    last_s: float = 0.0
    """When the newest answer came."""

    def heard(self, number: int, *, now: float) -> None:
        """So many more have answered."""
        if number:
            self.answered += number
            self.last_s = now - self.began

    @property
    def patience_s(self) -> float:
        """Who is silent for so long since the job began does not answer."""
        if self.answered:
            return max(self.answer_timeout_s, _SLOWER * max(self.last_s, self.usual_s))
        return max(silence_s(self.answer_timeout_s, self.asked), _SLOWER * self.usual_s)

    def is_over(self, *, now: float) -> bool:
        """Whether those who have not answered by now are waited for no longer."""
        return now - self.began > self.patience_s

    def is_worth_waiting(self, *, now: float) -> bool:
        """Whether those who have answered should wait for the others: the fewer are missing, the less."""
        if not self.answered:
            return True
        missing = max(0.0, 1 - self.answered / self.asked)
        return now - self.began < self.last_s + max(_LINGER_SHARE * self.answer_timeout_s, missing * self.last_s)

    @property
    def at_once(self) -> int | None:
        """So many can be asked together to have all answers in the usual time; None: as many as there are."""
        if self.last_s <= self.answer_timeout_s:
            return None
        return max(QUICK_MINIONS, int(self.answered * self.answer_timeout_s / self.last_s))


def silence_s(answer_timeout_s: float, asked: int) -> float:
    """How long all of so many minions may be silent together."""
    return answer_timeout_s + min(_MOST_MORE_S, _MINION_S * max(0, asked - QUICK_MINIONS))
