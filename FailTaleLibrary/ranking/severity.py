"""A message and the rows that it hits -> how grave it is: its level, its words, and what makes them harmless."""

from __future__ import annotations

from functools import lru_cache

from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.ranking.signals import CUES, Hits, SignalRow

DEBUG, INFO, WARNING, ERROR, FATAL = 0.0, 1.0, 2.0, 4.0, 5.0
"""Levels on the scale of severity."""

_LEVELS = {
    **dict.fromkeys(("TRACE", "DEBUG", "FINE", "FINER", "FINEST", "VERBOSE"), DEBUG),
    **dict.fromkeys(("INFO", "NOTICE", "LOG", "NOTE", "STATEMENT", "DETAIL", "HINT", "CONTEXT"), INFO),
    **dict.fromkeys(("WARN", "WARNING"), WARNING),
    **dict.fromkeys(("ERROR", "ERR", "CRIT", "CRITICAL"), ERROR),
    **dict.fromkeys(("FATAL", "SEVERE", "ALERT", "EMERG", "EMERGENCY", "PANIC"), FATAL),
}
_NAMES = "|".join(_LEVELS)
_LEVEL = regex(
    rf"(?:^|[\s\[(|])({_NAMES})(?=[\])\s:|]|$|/[\w.-]+\])"  # upper case: INFO, [ERROR], FATAL:, ERROR/MainProcess]
    rf"|(?:^|[^#])\[({_NAMES.lower()}) *\]|\b\w+:({_NAMES.lower()})\]"  # nginx [error], Apache [core:error]
    rf"|^[\w-]+\.({_NAMES})(?=: )"  # Monolog: production.ERROR: …
    rf"|\b(?:level|lvl|severity|levelname|log_level)\W{{1,4}}({_NAMES}|{_NAMES.lower()})\b"  # logfmt, JSON
)
_LEVEL_CHARS = 160
"""How far into a message its level may stand."""
_SHORT_LEVELS = {"I": INFO, "W": WARNING, "E": ERROR, "F": FATAL, "D": DEBUG}
_NUMBERED_LEVELS = {"3": INFO, "4": WARNING, "5": ERROR, "6": FATAL}
_NUMBERED = regex(r'"level": ?([3456])0\b')
"""As pino and bunyan write them."""
_SHORT = regex(r"([IWEFD])(?:\d{4} \d\d:\d\d:\d\d|/[\w.]+ *(?:\(|:))")  # klog, Android

_CONSOLE_LEVELS = {"trce": DEBUG, "dbug": DEBUG, "info": INFO, "warn": WARNING, "fail": ERROR, "crit": FATAL}
_CONSOLE = regex(r"(trce|dbug|info|warn|fail|crit): [\w.`+]+\[\d+\]$")  # .NET's console logger


@dataclass(frozen=True, slots=True)
class Gravity:
    """How grave one message is, and which cues of the catalogue say so."""

    weight: float
    """0 harmless … 4 an error … 6.5 what stops a machine."""
    level: float | None = None
    """That its program gave it; None when it shows none, or when nothing of it is grave."""
    cues: tuple[SignalRow, ...] = ()
    """Weightiest first; empty when something makes the words harmless."""
    is_conclusion: bool = False
    """The line says that something failed, never why."""
    is_routine: bool = False
    """The line is one that programs always print, or tells of a success."""
    is_frame: bool = False
    """The line stands inside a stack trace."""
    is_change: bool = False
    """The line tells of a change, and of nothing grave."""


ORDINARY = Gravity(weight=0.0)
"""Of a message that hits nothing."""
CHANGED = Gravity(weight=0.0, is_change=True)
"""Of an ordinary message with words of change."""


def is_plain(gravity: Gravity) -> bool:
    """Whether nothing of a message is grave."""
    return gravity is ORDINARY or gravity is CHANGED


_MILD = 1.0
"""What a warning or a note of a build weighs."""
_HIGHEST_AT = {DEBUG: 1.5, INFO: 2.5, WARNING: 3.0}
"""What words can weigh in a line that its own program takes lightly."""


def gravity_of(message: str, hits: Hits) -> Gravity:
    """How grave a message is that hits these rows."""
    return _gravity_of_rows(hits, level_of(message)) if hits.rows else ORDINARY


@lru_cache(maxsize=4096)
def _gravity_of_rows(hits: Hits, level: float | None) -> Gravity:
    """Of all messages that hit the same and have one level."""
    rows = hits.rows
    kinds = {row.kind for row in rows}
    if kinds == {"change"}:
        return CHANGED
    is_frame = "frame" in kinds
    if "routine" in kinds:
        weight = 0.5 if level is not None and level >= ERROR else 0.0
        return Gravity(weight, level, is_routine=True, is_frame=is_frame)
    words = max((row.weight for row in rows if row.kind == "word"), default=0.0)
    if "harmless" in kinds:
        return Gravity(min(words, 1.0), level, is_frame=is_frame)
    if "mild" in kinds:
        return Gravity(_MILD, level, is_frame=is_frame)
    cues = tuple([row for row in rows if row.kind in CUES])
    if "conclusion" in kinds and not any(cue.strong for cue in cues):
        return Gravity(1.0, level, is_conclusion=True, is_frame=is_frame)
    return Gravity(_weight_of_message(words, level, cues), level, cues, is_frame=is_frame)


def level_of(message: str) -> float | None:
    """The level that the line's program gave it; None when it shows none."""
    match = _LEVEL.search(message[:_LEVEL_CHARS])
    if match:
        return _LEVELS[match[match.lastindex or 0].upper()]
    numbered = _NUMBERED.search(message[:_LEVEL_CHARS])
    if numbered:
        return _NUMBERED_LEVELS[numbered[1]]
    console = _CONSOLE.match(message)
    if console:
        return _CONSOLE_LEVELS[console[1]]
    short = _SHORT.match(message)
    return _SHORT_LEVELS[short[1]] if short else None


def _weight_of_message(words: float, level: float | None, cues: tuple[SignalRow, ...]) -> float:
    """The graver of words and cues, within what the level allows; a level of error or warning counts by itself."""
    if level is None:
        return max([words, *(cue.weight for cue in cues)])
    highest = _HIGHEST_AT.get(level)
    if highest is not None:
        least = 1.5 if level == WARNING else 0.0
        return max([least, min(words, highest), *(_taken_lightly(cue, highest) for cue in cues)])
    return max([words, level, *(cue.weight for cue in cues)])


def _taken_lightly(cue: SignalRow, highest: float) -> float:
    """A cue's weight in a line at INFO or DEBUG: what happened to a service is said there, a symptom is not."""
    if cue.kind == "event":
        return cue.weight
    return cue.weight - 1.0 if cue.strong else min(cue.weight, highest)
