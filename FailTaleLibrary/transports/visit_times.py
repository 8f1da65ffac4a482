"""How long what may take in a visit: what the host is told, in beats, and for how long the client waits for that.

A host minds a limit by counting half seconds, so that it needs no clock that can be set.
"""

from __future__ import annotations

import math

from FailTaleLibrary.lazy import regex

BEAT_S = 0.5
"""How exactly a host minds time limits."""
POLITE_S = 0.7
"""Between TERM and KILL."""
POLITE_WITH_SUDO_S = 2.8
"""The same for sudo, which gives its command 2 s before it uses force."""
FLUSH_S = 2.5
"""For filters that are slow, once the producer is gone; `visit.sh` gives them four beats."""
LAST_WORDS_S = 1.2
"""For what a host still has to say once it was hung up on; of a short visit a quarter."""
MOST_SLACK_S = 10.0
"""More than this no host is waited for beyond what a healthy one may take."""
_SUDO = regex(r"\bsudo\b")


def ticks(timeout_s: float) -> int:
    """After how many beats a host ends an item with this limit."""
    return math.ceil(timeout_s / BEAT_S) + 1  # the first beat comes early


def beats(lasts_s: float) -> int:
    """After how many beats a host ends a visit that may last so long."""
    return max(2, math.ceil(lasts_s / BEAT_S))


def polite_s(producer: str) -> float:
    """How long a command may take to end by itself, once it is asked to."""
    return POLITE_WITH_SUDO_S if has_sudo(producer) else POLITE_S


def polite_tenths(producer: str) -> int:
    """The same as a host is told it."""
    return round(polite_s(producer) * 10)


def has_sudo(text: str) -> bool:
    return "sudo" in text and bool(_SUDO.search(text))  # the first half is a hundred times as fast
