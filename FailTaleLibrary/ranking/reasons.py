"""What was found out about a line -> signals: its reasons in words, and whether one is strong by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from FailTaleLibrary.ranking.moments import relative
from FailTaleLibrary.ranking.overlap import Shared
from FailTaleLibrary.ranking.severity import ERROR, WARNING, Gravity
from FailTaleLibrary.ranking.signals import EVENTS, Cue
from FailTaleLibrary.ranking.templates import gist
from FailTaleLibrary.records import Signal

_EVENT_NAMES = frozenset(cue.name for cue in EVENTS)
_MOST_CUES, _MOST_WORDS = 2, 3
_TELLING_OVERLAP = 0.8


@dataclass(frozen=True, slots=True)
class Novelty:
    """Whether a line is new to its host."""

    is_known: bool
    """Enough earlier lines are known to tell."""
    is_new: bool
    also_in: str = ""
    """Name of the earlier failure that showed the line first."""

    @property
    def is_old(self) -> bool:
        return self.is_known and not self.is_new and not self.also_in


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found out about one unit of lines."""

    gravity: Gravity
    novelty: Novelty
    shared: Shared
    near: Signal | None
    """How its time lies to the failure; None when it has no time."""
    offset_s: float | None
    in_window: bool
    count: int
    trace_size: int = 1
    logged_as: str = ""
    """The line that logs the trace, if that is not the line that is shown."""


def signals_of(found: Found) -> Iterator[Signal]:
    """The reasons, the most telling first."""
    yield from _cues(found)
    if found.trace_size > 1:
        logged = f", logged as '{gist(found.logged_as, max_chars=60)}'" if found.logged_as else ""
        yield Signal(name="stack trace", words=f"cause of a stack trace of {found.trace_size} lines{logged}")
    yield from _novelty(found)
    if overlap := overlap_signal(found.shared):
        yield overlap
    if found.near is not None and not _is_said(found):
        yield found.near


def _cues(found: Found) -> Iterator[Signal]:
    gravity = found.gravity
    for cue in gravity.cues[:_MOST_CUES]:
        yield Signal(name=cue.name, words=cue.words, strong=_is_strong(found, cue))
    level = gravity.level
    if level is not None and level >= ERROR:
        yield Signal(name="error", words="logged as an error", strong=_is_strong(found))
    elif level == WARNING and not gravity.cues:
        yield Signal(name="warning", words="logged as a warning")
    elif not gravity.cues and gravity.weight >= ERROR:
        yield Signal(name="error", words="speaks of an error", strong=_is_strong(found))
    elif not gravity.cues and gravity.weight > WARNING:
        yield Signal(name="failure", words="speaks of a failure")


def _is_strong(found: Found, cue: Cue | None = None) -> bool:
    """Whether a cue, or without one an error, is strong: in the test's own time, and not the host's daily bread.

    What happens to a service, such as a reload, is strong only where it is known to be new.
    """
    if found.novelty.is_old or found.gravity.is_conclusion or not (found.in_window or found.offset_s is None):
        return False
    if cue is not None and cue.name in _EVENT_NAMES and not cue.strong:
        return found.novelty.is_known and found.novelty.is_new and found.in_window
    return cue is None or cue.strong


def _novelty(found: Found) -> Iterator[Signal]:
    novelty = found.novelty
    if novelty.also_in:
        yield Signal(name="seen with a failure", words=f"also seen when '{novelty.also_in}' failed")
    elif novelty.is_known and novelty.is_new:
        when = relative(found.offset_s) if found.offset_s is not None else "in this test"
        yield Signal(name="new", words=f"first seen {when}")
    elif novelty.is_old:
        yield Signal(name="seen before", words="this host said it before the test as well")


def _is_said(found: Found) -> bool:
    """The words of novelty told the time already, and the time tells no more than that."""
    novel = found.novelty.is_known and found.novelty.is_new and not found.novelty.also_in
    return novel and found.near is not None and found.near.name == "in the window"


def overlap_signal(shared: Shared) -> Signal | None:
    """What a line shares with the failure, in words; None when that is too little to speak of."""
    if shared.weight < _TELLING_OVERLAP:
        return None
    identifier = next((word for word in shared.words if word.is_argument and word.is_identifier), None)
    if identifier is not None:
        return Signal(name="same identifier", words=f"same '{identifier.word}' as the failing keyword")
    words = [f"'{word.word}'" for word in shared.words[:_MOST_WORDS]]
    listed = f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
    return Signal(name="shared words", words=f"shares {listed} with the failure")
