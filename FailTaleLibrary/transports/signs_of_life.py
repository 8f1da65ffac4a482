"""Messages of the other side as they come -> how long it has been silent, and when to ask it for a sign of life.

An answer may take long, a sign of life does not: a process may be frozen or hang, a network may lose what is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable

ASKED_AFTER_S = 2.0
"""Of silence, while somebody waits for an answer, a sign of life is asked for."""
_LONGEST_LOOK_S = 0.5
"""Between two looks no more counts as silence: a run that was stopped meanwhile has not listened either."""


class Silence:
    """How long one has said nothing while it was listened to. For one thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at = clock()
        self._messages = 0
        self._seconds = 0.0

    def look(self, messages: int) -> bool:
        """``messages`` is how many have come so far. True where a sign of life is to be asked for now."""
        now = self._clock()
        passed_s, self._looked_at = min(_LONGEST_LOOK_S, now - self._looked_at), now
        if messages != self._messages:
            self._messages, self._seconds = messages, 0.0
            return False
        before, self._seconds = self._seconds, self._seconds + passed_s
        return before < ASKED_AFTER_S <= self._seconds

    @property
    def unanswered_s(self) -> float:
        """So long ago a sign of life was asked for, and none came; zero where none is owed."""
        return max(0.0, self._seconds - ASKED_AFTER_S)
