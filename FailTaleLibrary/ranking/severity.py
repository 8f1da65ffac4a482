"""A message -> how grave its level and its words are, with the negatives that make grave words harmless."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

from FailTaleLibrary.ranking.signals import CATALOGUE, EVENTS, Automaton, Catalogue, Cue

DEBUG, INFO, WARNING, ERROR, FATAL = 0.0, 1.0, 2.0, 4.0, 5.0
"""Levels on the scale of severity."""

_LEVELS = {
    **dict.fromkeys(("TRACE", "DEBUG", "FINE", "FINER", "FINEST", "VERBOSE"), DEBUG),
    **dict.fromkeys(("INFO", "NOTICE", "LOG", "NOTE", "STATEMENT", "DETAIL", "HINT", "CONTEXT"), INFO),
    **dict.fromkeys(("WARN", "WARNING"), WARNING),
    **dict.fromkeys(("ERROR", "ERR", "CRIT", "CRITICAL"), ERROR),
    **dict.fromkeys(("FATAL", "SEVERE", "ALERT", "EMERG", "PANIC"), FATAL),
}
_NAMES = "|".join(_LEVELS)
_LEVEL = re.compile(
    rf"(?:^|[\s\[(|])({_NAMES})(?=[\])\s:|]|$)"  # upper case: INFO, [ERROR], FATAL:
    rf"|(?:^|[^#])\[({_NAMES.lower()})\]|\b\w+:({_NAMES.lower()})\]"  # nginx [error], Apache [core:error]
    rf"|\b(?:level|lvl|severity|levelname|log_level)\W{{1,4}}({_NAMES}|{_NAMES.lower()})\b"  # logfmt, JSON
)
_LEVEL_CHARS = 160
"""How far into a message its level may stand."""
_SHORT_LEVELS = {"I": INFO, "W": WARNING, "E": ERROR, "F": FATAL, "D": DEBUG}
_SHORT = re.compile(r"([IWEFD])(?:\d{4} \d\d:\d\d:\d\d|/[\w.]+ *(?:\(|:))")  # klog, Android


def level_of(message: str) -> float | None:
    """The level that the line's program gave it; None when it shows none."""
    match = _LEVEL.search(message[:_LEVEL_CHARS])
    if match:
        return _LEVELS[(match[1] or match[2] or match[3] or match[4]).upper()]
    short = _SHORT.match(message)
    return _SHORT_LEVELS[short[1]] if short else None


# --- Words -----------------------------------------------------------------------------------------------------------

# A word of a path, a file's name or an identifier does not count: error.html, /core/error/, on_error, error-prone.
_OPEN, _CLOSE = r"(?:^|[^\w/.$-])", r"(?:[^\w/.(=-]|[.]?$|[.] |-[^\w]|\(s\))"
_WORDS: tuple[tuple[float, str], ...] = (
    (5.0, rf"{_OPEN}(?:fatal|critical|crit|emerg|emergency|severe|panic){_CLOSE}"),
    (4.0, rf"{_OPEN}(?:errors?|exceptions?|err!){_CLOSE}"),
    (
        3.0,
        rf"{_OPEN}(?:fail(?:ed|ure|ures|s|ing)?|refus(?:ed|ing)|denied|reject(?:ed|ing)|aborted|aborting"
        r"|unable to|cannot|can't|could not|couldn't|not able to|unreachable|unavailable|killed|broken|dead|lost|stuck"
        r"|crash(?:ed|ing)?|unexpected(?:ly)?|violat(?:ed|es|ion)|mismatch|exceeded|exhausted|giving up|unhealthy"
        r"|not (?:responding|allowed|permitted|supported)|unsupported|invalid|incorrect|illegal|malformed|missing"
        rf"|undefined|unknown|bad|wrong|interrupted|unresolved|incompatible|conflicts?|terminated){_CLOSE}",
    ),
    (1.0, rf"{_OPEN}(?:warn|warning|warnings|deprecated|retry(?:ing)?|degraded|skew|stale){_CLOSE}"),
    (1.0, r"##\[warning\]"),
)
_HARMLESS = "|".join(
    (
        r"\b(?:0|no|zero|without|any) (?:\w+ )?(?:errors?|failures?|failed|warnings?|exceptions?|problems?)\b",
        r"\b(?:errors?|failures?|failed|exceptions?)[\"']?[:=] ?0\b",
        r"error[-_ ]?(?:prone|handler|handling|page|log|level|reporting)",
        r"\b(?:on|if|when|ignore|handle|catch|throws?)[-_ ]?(?:an? )?(?:errors?|exceptions?|failures?)\b",
        r"\b(?:ignored|ignoring|suppressed|expected (?:error|failure|exception)|will (?:be )?retr)",
        r"\b(?:fail|error)[-_]?(?:fast|safe|on|if|over)\b",
        r"\b(?:terminated|exited|interrupted|closed) (?:with success|successfully|normally|cleanly|gracefully)\b",
    )
)
_PASSED = "|".join(
    (
        r"\bpassed\s*$", r"^\s*--- (?:pass|skip): ", r"^\s*=== (?:run|pause|cont|name)\b", r"^ok\s",
        r"^\s*(?:✓|✔|√) ",
        r"::\S+ (?:passed|skipped|xfail)", r"\.\.\. ok\s*$", r"^##\[(?:end)?group\]", r"^\[command\]", r"^\s*ok \d+ ",
        r"^ > git ", r"^\+{1,3} \S", r"^(?:download(?:ing|ed)|fetching|resolving|get|hit|unpacking|collecting)[: ]",
        r"^##\[(?:debug|command)\]", r"\[info\] +running ", r"^\s*(?:uses|with|env|run|name): ",
    )
)  # fmt: skip
_CONCLUSION = "|".join(
    (
        r"process completed with exit code", r"\bbuild (?:failure|failed|step)\b",
        r"^\s*(?:\[error\] )?fail(?:ed|ure|ures)?!?\s*$",
        r"\bfinished: (?:failure|unstable|aborted)", r"^fail\s+\S+\s+(?:[\d.]+s|\[)", r"^\s*exit status \d+\s*$",
        r"\bmake(?:\[\d+\])?: \*\*\* ",
        r"(?:command|script|process|task) .{0,80}(?:exit|return)ed (?:with )?(?:code |status )?\d",
        r"exited with (?:code|status|error)? ?\d+", r"exit code:? [1-9]", r"returned (?:a )?non-?zero",
        r"(?:^|[,:=]\s+)\d+ (?:tests? )?(?:failed|failing|failures?)\b",
        r"tests? run: ?\d+", r"there (?:were|are) (?:failing tests|test failures)", r"elifecycle",
        r"failed to execute goal .{0,200}(?:compilation failure|there are test failures)",
        r"failure: build failed", r"execution failed for task", r"^> task :\S+ failed$", r"\[info\].*\bfailure \[",
        r"^\s*(?:\[info\] )?\d+ (?:errors?|warnings?)\s*$",
        r"error: process completed", r"some (?:tests|checks|jobs) (?:failed|were not)",
        r"^=+ .*(?:failed|failures|errors).* =+$",
        r"aborting due to", r"too many errors", r"marked build as failure", r"had errors\b", r"terraform exited with",
        r"npm err! (?:errno|code elifecycle|exit status|test failed|failed at the|lifecycle|path|command)",
        r"operation was cancell?ed",
    )
)  # fmt: skip
_BOILERPLATE = "|".join(
    (
        r"re-run maven", r"for more information about the errors", r"^\[error\] (?:-> )?\[help \d\]",
        r"to see the full stack trace of",
        r"run with --(?:stacktrace|info|debug|scan)", r"^\s*\* (?:try|get more help|what went wrong|exception is)",
        r"complete log of this run",
        r"after correcting the problems", r"mvn <args>", r"please refer to ", r"see the report at",
        r"^\s*[-=*_#~.|+│╷╵ ]*\s*$",
        r"^\s*\[(?:error|warning|info|warn)\]\s*$", r"compilation (?:error|failure) ?:?\s*$",
        r"this is probably not a problem with npm",
        r"learn more (?:at|about)", r"dump files?\b.{0,20}if any",
        r"ssh.*(?:failed password for|invalid user|authenticating user)",
        r"post job cleanup", r"cleaning up orphan", r"terminate orphan",
        r"no files were found with the provided path",
    )
)  # fmt: skip


@cache
def _words() -> Automaton:
    return Automaton((*(pattern for _, pattern in _WORDS), _HARMLESS, _PASSED, _CONCLUSION, _BOILERPLATE))


@dataclass(frozen=True, slots=True)
class Gravity:
    """How grave one message is, and which cues of the catalogue say so."""

    weight: float
    """0 harmless … 4 an error … 6.5 what stops a machine."""
    level: float | None
    cues: tuple[Cue, ...]
    """Weightiest first; empty when something makes the words harmless."""
    is_conclusion: bool = False
    """The line says that something failed, never why."""
    is_routine: bool = False
    """The line is one that tools always print, or tells of a success."""


_SAID_AT_INFO = frozenset(cue.name for cue in EVENTS)
_MARKED, _MARKED_WEIGHT = "##[error]", 2.5
"""How a CI server marks what a step ends with; the words behind it say how grave that is."""
_HIGHEST_AT = {DEBUG: 1.5, INFO: 2.5, WARNING: 3.0}
"""What words can weigh in a line that its own program takes lightly."""


def gravity_of(message: str, *, catalogue: Catalogue = CATALOGUE) -> Gravity:
    """How grave a message is."""
    if message.startswith(_MARKED):
        inner = _gravity_of(message[len(_MARKED) :], catalogue)
        return inner if inner.is_conclusion else replace(inner, weight=max(_MARKED_WEIGHT, inner.weight))
    return _gravity_of(message, catalogue)


def _gravity_of(message: str, catalogue: Catalogue) -> Gravity:
    found = set(_words().found(message))
    passed, conclusion, boilerplate = (len(_WORDS) + place in found for place in (1, 2, 3))
    level = level_of(message)
    if passed or boilerplate:
        return Gravity(weight=0.5 if level and level >= ERROR else 0.0, level=level, cues=(), is_routine=True)
    words = max((weight for place, (weight, _) in enumerate(_WORDS) if place in found), default=0.0)
    if len(_WORDS) in found:
        return Gravity(weight=min(words, 1.0), level=level, cues=())
    cues = catalogue.cues_in(message)
    if conclusion and not any(cue.strong for cue in cues):
        return Gravity(weight=1.0, level=level, cues=(), is_conclusion=True)
    return Gravity(weight=_weight(words, level, cues), level=level, cues=cues)


def _weight(words: float, level: float | None, cues: tuple[Cue, ...]) -> float:
    """The graver of words and cues, within what the level allows; a level of error or warning counts by itself."""
    if level is None:
        return max([words, *(cue.weight for cue in cues)])
    highest = _HIGHEST_AT.get(level)
    if highest is not None:
        least = 1.5 if level == WARNING else 0.0
        return max([least, min(words, highest), *(_taken_lightly(cue, highest) for cue in cues)])
    return max([words, level, *(cue.weight for cue in cues)])


def _taken_lightly(cue: Cue, highest: float) -> float:
    """A cue's weight in a line at INFO or DEBUG: what happened to a service is said there, a symptom is not."""
    if cue.name in _SAID_AT_INFO:
        return cue.weight
    return cue.weight - 1.0 if cue.strong else min(cue.weight, highest)
