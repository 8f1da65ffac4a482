"""Failures, one after the other -> whether the next is one more of a storm, known before anything is collected."""

from __future__ import annotations

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.ranking.causes import signature_of
from FailTaleLibrary.records import Failure, SafeText, our_words


@dataclass(frozen=True, slots=True)
class Repeats:
    """The newest failures of a run that are equal: the same keyword failed with the same message, but for its values.

    What a keyword collects on demand is none of them, nor does it end their row.
    """

    first: SafeText | None = None
    """Name of the first one."""
    count: int = 0
    """How many there are in a row; 0 when the newest failure cannot be compared."""
    _signature: str = ""

    def with_failure(self, failure: Failure) -> Repeats:
        """With one more failure."""
        if failure.scope == "on demand":
            return self
        signature = signature_of(failure, None, known={})
        if signature is None:
            return Repeats()
        if signature.hash == self._signature:
            return Repeats(self.first, self.count + 1, self._signature)
        return Repeats(failure.name, 1, signature.hash)

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
