"""A regular expression -> texts some of which stand wherever it matches.

What is said here errs on one side alone: where it cannot tell, an expression has no literals, and counts as one that
may match any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from FailTaleLibrary.lazy import dataclass

Literals = tuple[tuple[str, ...], ...]
"""Sets of texts in lower case and ASCII; whatever the expression matches holds one of each set, in any case.

No set at all: nothing is known of the expression.
"""

_MOST_SETS = 3
_MOST_TEXTS = 24
"""In one set: with more each is too short to tell anything."""
_LONG_ENOUGH = 6
"""Characters: longer texts are hardly rarer."""

_TOKEN = re.compile(
    r"[A-Za-z0-9_ /,:;=@%&#'\"<>!~`-]{2,}(?![*+?{])"  # several plain characters, none of them repeated
    r"|\\x(?:\{[0-9a-fA-F]+\}|[89a-fA-F][0-9a-fA-F])|\\[pP](?:\{\^?\w+\}|\w)|\\[\s\S]"
    r"|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\[\s\S]|[^\]\\])*\]"
    r"|\(\?P<\w+>|\(\?[imsU]*(?:-[imsU]+)?[:)]"
    r"|[*+?]\??|\{[0-9]+(?:,[0-9]*)?\}\??"
    r"|[\s\S]"
)
_REPETITION = re.compile(r"[*+?]\??|\{([0-9]+)(?:,[0-9]*)?\}\??")
_NO_WIDTH = frozenset({"^", "$", r"\b", r"\B", r"\A", r"\z"})
_ANYTHING = frozenset({".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S"})
_CONTROLS = {r"\n": "\n", r"\t": "\t", r"\r": "\r", r"\f": "\f", r"\v": "\v", r"\a": "\a"}
_CODE = re.compile(r"\\x(?:\{[0-9a-fA-F]+\}|[0-9a-fA-F]{2})")
_PLAIN_CLASS = re.compile(r"\[[^\^\]\[\\-]{1,4}\]")
"""A few characters, none of which means anything in it."""


class _CannotTellError(Exception):
    """The expression holds something that is not known here."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What is known of a part of an expression; texts are in lower case."""

    exact: frozenset[str] | None
    """All texts that it matches; None when these are too many or not known."""
    needed: tuple[frozenset[str], ...] = ()
    """Sets of texts; each match holds one of each."""

    @property
    def sets(self) -> tuple[frozenset[str], ...]:
        return self.needed if self.exact is None else _telling([self.exact])


_NOTHING = frozenset({""})
_UNKNOWN, _WITHOUT_WIDTH = _Part(None), _Part(_NOTHING)


def literals_of(expression: str) -> Literals:
    """The literals of an expression in RE2's syntax, whatever its flags; none where it may match an empty text."""
    tokens = _TOKEN.findall(expression)
    try:
        part, end = _alternatives(tokens, 0)
    except _CannotTellError:
        return ()
    return tuple(tuple(sorted(each)) for each in part.sets) if end == len(tokens) else ()


def _alternatives(tokens: list[str], at: int) -> tuple[_Part, int]:
    """What stands from a place on to the end of its group, and where that is."""
    part, at = _sequence(tokens, at)
    branches = [part]
    while at < len(tokens) and tokens[at] == "|":
        part, at = _sequence(tokens, at + 1)
        branches.append(part)
    if len(branches) == 1:
        return part, at
    needed = _united(next(iter(each.sets), None) for each in branches)
    return _Part(_united(each.exact for each in branches), () if needed is None else (needed,)), at


def _united(sets: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """All texts of all sets; None when nothing is known of one."""
    known = []
    for each in sets:
        if each is None:
            return None
        known.append(each)
    return frozenset().union(*known)


def _sequence(tokens: list[str], at: int) -> tuple[_Part, int]:
    """What stands up to the next alternative or the group's end, and where that is."""
    needed: list[frozenset[str]] = []
    run, is_whole = _NOTHING, True
    while at < len(tokens) and tokens[at] not in "|)":
        part, at = _repeated(*_one(tokens, at), tokens)
        joined = _joined_texts(run, part.exact)
        if joined is None:
            needed += [run, *part.needed]
            run, is_whole = part.exact or _NOTHING, False
        else:
            run = joined
    return (_Part(run) if is_whole else _Part(None, _telling([*needed, run]))), at


def _joined_texts(before: frozenset[str], behind: frozenset[str] | None) -> frozenset[str] | None:
    if behind is None or len(before) * len(behind) > _MOST_TEXTS:
        return None
    return frozenset(first + second for first in before for second in behind)


def _repeated(part: _Part, at: int, tokens: list[str]) -> tuple[_Part, int]:
    """A part with the repetition that stands behind it, if there is one."""
    while at < len(tokens) and (repetition := _REPETITION.fullmatch(tokens[at])):
        sign = tokens[at][0]
        if sign == "?":
            part = _Part(part.exact and part.exact | _NOTHING)
        else:
            part = _Part(None, part.sets) if sign == "+" or int(repetition[1] or 0) else _UNKNOWN
        at += 1
    return part, at


def _one(tokens: list[str], at: int) -> tuple[_Part, int]:
    """A group, a class or a character, and what follows it."""
    if tokens[at] == "(" or (tokens[at].startswith("(?") and not tokens[at].endswith(")")):
        part, end = _alternatives(tokens, at + 1)
        if end == len(tokens):
            raise _CannotTellError
        return part, end + 1
    return _single(tokens[at]), at + 1


def _single(token: str) -> _Part:
    if token in _NO_WIDTH or token.startswith("(?"):  # flags
        return _WITHOUT_WIDTH
    if token in _ANYTHING or token.startswith((r"\p", r"\P")) or _CODE.fullmatch(token) or not token.isascii():
        return _UNKNOWN
    if token[0] == "[" and len(token) > 1:
        return _Part(frozenset(token[1:-1].lower())) if _PLAIN_CLASS.fullmatch(token) else _UNKNOWN
    return _Part(frozenset({_plain(token).lower()}))


def _plain(written: str) -> str:
    """The characters that a token stands for."""
    if written in _CONTROLS:
        return _CONTROLS[written]
    is_escaped = written[0] == "\\"
    if _REPETITION.fullmatch(written) or written == "[" or (is_escaped and written[1:].isalnum()):
        raise _CannotTellError
    return written[1:] if is_escaped else written


def _telling(sets: Iterable[frozenset[str]]) -> tuple[frozenset[str], ...]:
    """Those that are likely to stand in the fewest texts, rarest first, without those that stand in all."""
    known = dict.fromkeys(each for each in sets if "" not in each)
    return tuple(sorted(known, key=_rarity, reverse=True)[:_MOST_SETS])


def _rarity(texts: frozenset[str]) -> tuple[int, int]:
    """Whose shortest text is longer; of equals the smaller set. One letter or digit stands everywhere."""
    shortest = min(texts, key=len)
    size = 0 if len(shortest) == 1 and shortest.isalnum() else len(shortest)
    return min(size, _LONG_ENOUGH), -len(texts)
