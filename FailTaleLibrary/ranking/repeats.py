"""Failures, one after the other -> whether the next is one more of a storm, known before anything is collected."""

from __future__ import annotations

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Failure, SafeText, our_words


@dataclass(frozen=True, slots=True)
class Repeats:
    """The newest failures of a run that are equal: the same keyword failed with the same message, but for its values.

    What a keyword collects on demand is none of them, nor does it end their row.
    """

    first: SafeText | None = None
    """Name of the first one."""
    count: int = 0
    """How many there are in a row; 0 when the newest of several failures cannot be compared."""
    _signature: str = ""
    """Of the newest; empty until it is compared."""
    _not_compared: Failure | None = None
    """The newest, where it began the row: to read it would keep the hosts of a first failure waiting."""

    def with_failure(self, failure: Failure) -> Repeats:
        """With one more failure."""
        if failure.scope == "on demand":
            return self
        if not self.count:
            return Repeats(failure.name, 1, _not_compared=failure)
        signature = _signature_of(failure)
        if not signature:
            return Repeats()
        if signature == (self._signature or _signature_of(self._not_compared)):
            return Repeats(self.first, self.count + 1, signature)
        return Repeats(failure.name, 1, signature)

    def only_state(self, failure: Failure, *, most: int) -> SafeText | None:
        """Why this newest failure is not collected in full, in a sentence; None for the first ``most`` of a row."""
        if self.first is None or self.count <= most or failure.scope == "on demand":
            return None
        return our_words(
            "logs are not collected again: this is number {} of equal failures in a row, the first of which is '{}'; "
            "only state is collected (limits.repeats)",
            self.count,
            self.first,
        )


def _signature_of(failure: Failure | None) -> str:
    """What equal failures have in common; empty where there is nothing to tell them apart by."""
    from FailTaleLibrary.ranking.causes import signature_of

    signature = None if failure is None else signature_of(failure, None, known={})
    return "" if signature is None else signature.hash
