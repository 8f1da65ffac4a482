"""A sentence and lines -> whether it gives a value to the name that another value of the lines belongs to. Pure.

"The limit is 147, and 151 connections are open" has each of its numbers and words from lines that say the reverse:
which value stands beside which word tells it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import permutations

from FailTaleLibrary.hints.quantities import Quantities, numbers_of
from FailTaleLibrary.hints.words import significant_stems, stem, words_of_kind

Place = tuple[str, str]
"""A line's text, and the words of where it stands: its machine, component and collector."""


def pairs_otherwise(claim: str, lines: Sequence[Place]) -> bool:
    """Whether a claim pairs values and names, or a limit and what met it, as no line does and one does reversed."""
    texts = [text for text, _ in lines]
    return _crosses(claim, lines) or _sets_otherwise(claim, texts) or _turns_limit_round(claim, texts)


# --- Two values and the words beside them -----------------------------------------------------------------------------

_VALUE = re.compile(
    r"(?<![\w.])v?\d[\d.,:]*\d?[a-zA-Z%µ]{0,5}(?!\w)|(?<![\w.-])(?=[\w.-]*\d)[a-zA-Z][\w.-]*\w(?![\w-])"
)
_CUT = re.compile(
    r"[;,|](?!\d)|\b(?:but|while|whereas|although|though|and|so|then|than|instead|rather)\b", re.IGNORECASE
)
_BEFORE, _BEFORE_IN_LINE, _BEHIND = 5, 7, 4
"""Words that may tell what a value is of; a line has more ahead of one: "recognizes class file versions up to"."""
_KEY = re.compile(r"\W*\w[\w.-]*\s?[=:]")
_UNIT_OF_BYTES = re.compile(r"\s([kKMGT]i?B)\b")


def _crosses(claim: str, lines: Sequence[Place]) -> bool:
    """Whether two values of a claim stand each beside what the lines have beside the other one, and only there."""
    claimed = _values_beside(claim, is_claim=True)
    if len(claimed) < 2:
        return False
    told = [
        (value, words | frozenset(_names_in(place)))
        for text, place in lines
        for value, words in _values_beside(text, is_claim=False)
    ]
    theirs = {
        value: frozenset[str]().union(*(words for each, words in told if _is_same(value, each))) for value, _ in claimed
    }
    return any(
        _is_crossed(near_one, near_other, theirs[one], theirs[other])
        for (one, near_one), (other, near_other) in permutations(claimed, 2)
        if one != other and one[0].isdigit() == other[0].isdigit()
    )


def _is_crossed(
    near_one: frozenset[str], near_other: frozenset[str], of_one: frozenset[str], of_other: frozenset[str]
) -> bool:
    only_one, only_other = of_one - of_other, of_other - of_one
    is_straight = near_one & only_one or near_other & only_other
    return bool(near_one & only_other and near_other & only_one and not is_straight)


@lru_cache(maxsize=512)
def _values_beside(text: str, *, is_claim: bool) -> tuple[tuple[str, frozenset[str]], ...]:
    """The values of a text, each with the stems of the words that stand next to it and to no other value."""
    found = []
    matches = list(_VALUE.finditer(text))
    for place, match in enumerate(matches):
        start = matches[place - 1].end() if place else 0
        end = matches[place + 1].start() if place + 1 < len(matches) else len(text)
        value = match[0].rstrip(".,:")
        before, behind = text[start : match.start()], text[match.start() + len(value) : end]
        if is_claim and (unit := _UNIT_OF_BYTES.match(behind)):
            value, behind = f"{value} {unit[1]}", behind[unit.end() :]
        if is_claim:
            before, behind = _CUT.split(before)[-1], _CUT.split(behind)[0]
        else:
            before, behind = re.split(r"[;|]|, ", before)[-1], re.split(r"[;|,]", behind)[0]
            behind = "" if _KEY.match(behind) else behind
        ahead = before.split()[-(_BEFORE if is_claim else _BEFORE_IN_LINE) :]
        words = " ".join([*ahead, "|", *behind.split()[:_BEHIND]])
        found.append((value.casefold().strip(".,:"), frozenset(_names_in(words))))
    return tuple(found)


def _names_in(words: str) -> Iterator[str]:
    plain = re.sub(r"[_./:@=-]", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words))
    return (each for text in (words, plain) for each in significant_stems(text) if not each.isdigit())


@lru_cache(maxsize=2048)
def _is_same(claimed: str, told: str) -> bool:
    """Whether a value of a claim is one of a line, perhaps with fewer figures or in another unit."""
    if claimed == told:
        return True
    if not (claimed[0].isdigit() and told[0].isdigit()):
        return False
    if re.fullmatch(r"\d+(?:\.\d+)*", claimed) and told.startswith(f"{claimed}."):
        return True
    number = next((number for number, _ in numbers_of(claimed)), None)
    return number is not None and Quantities(told).bear(number)


# --- A setting and its value ------------------------------------------------------------------------------------------

_SET_TO = re.compile(
    r"\b(?:the |its |their |an? |with )?(?P<name>(?:[\w.-]+ ){1,4}?)"
    r"(?:(?:is|was|were|are|had been) (?:only |just |already )?(?:set |limited |raised |lowered |changed |cut |fixed )?"
    r"(?:to |at )?|of |set to |to )(?:only |just |about )?(?P<value>\d[\d.,]*)",
    re.IGNORECASE,
)
_SETTING = re.compile(
    r"(?P<name>[A-Za-z][\w.-]*)[\"']?\s*(?:=|:|\bTO\b)\s*[\"'(]?(?P<value>\d[\d.]*\s?[a-zA-Z%µ]{0,5})", re.IGNORECASE
)
_LEAST_NAME = 2
"""Words of a setting's name that are enough to know it by."""


def _sets_otherwise(claim: str, lines: Sequence[str]) -> bool:
    """Whether a claim gives a setting a value where each line that has the setting has another one."""
    values = {start: number for number, (start, _) in numbers_of(claim)}
    for match in _SET_TO.finditer(claim):
        name, value = _words_of_name(match["name"]), values.get(match.start("value"))
        if value is None or len(name) < _LEAST_NAME:
            continue
        having = [(each, line) for line in lines for each in _SETTING.finditer(line) if _is_of(each["name"], name)]
        if having and not any(Quantities(line).bear(value) for _, line in having):
            return True
    return False


def _words_of_name(name: str) -> frozenset[str]:
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold())
    return frozenset(stem(word) for word in words if len(word) > 2 and word not in words_of_kind("function"))


def _is_of(key: str, name: frozenset[str]) -> bool:
    words = _words_of_name(key)
    return len(words) >= _LEAST_NAME and words <= name


# --- A limit and what met it ------------------------------------------------------------------------------------------

_V = r"(?<![\w.-])(\d[\d.,]*)"
_UNIT = r" ?(?:[a-zA-Z%/]{1,12})?"
_LIMIT_OF_LINE = (
    re.compile(rf"\bthan (?:the )?(?:maximum |max |limit )?(?:of |\()?{_V}", re.IGNORECASE),
    re.compile(rf"\d{_UNIT} > {_V}"),
    re.compile(
        rf"\b(?:max(?:imum)?|limit(?:ed)?|allowed|permitted|quota|threshold)\b[^\d;,]{{0,14}}{_V}", re.IGNORECASE
    ),
)
_MET_OF_LINE = (
    re.compile(rf"\((?:is|was|got|has|actual)[ :]+{_V}", re.IGNORECASE),
    re.compile(rf"{_V}{_UNIT} (?:exceeds|is (?:larger|greater|older|longer|higher|more) than|>)", re.IGNORECASE),
    re.compile(rf"\btoo (?:large|long|big|old|many)\b[^\d;]{{0,14}}{_V}", re.IGNORECASE),
    re.compile(rf"\({_V} vs\.? \d", re.IGNORECASE),
)
_LIMIT_OF_CLAIM = (
    re.compile(
        r"\b(?:takes?|accepts?|allows?|permits?|supports?|handles?|reads?|holds?) "
        rf"(?:only |at most |up to |no more than |\w+ ){{1,6}}?{_V}",
        re.IGNORECASE,
    ),
    re.compile(rf"{_V}{_UNIT} (?:is|are|was|were) (?:allowed|permitted|the (?:limit|maximum))", re.IGNORECASE),
    re.compile(
        rf"\b(?:limit|maximum|quota|threshold|allowed)(?: (?:is|was|of|size|set|at|to|are|only|just)){{1,3}} {_V}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?:larger|greater|bigger|older|longer|higher|more) than (?:the |an? |its )?(?:\w+ ){{0,3}}{_V}",
        re.IGNORECASE,
    ),
)


def _turns_limit_round(claim: str, lines: Sequence[str]) -> bool:
    """Whether a claim gives as the limit what met it."""
    limits, met = (
        {value for line in lines for value in _values_found(patterns, line)}
        for patterns in (_LIMIT_OF_LINE, _MET_OF_LINE)
    )
    return bool(_values_found(_LIMIT_OF_CLAIM, claim) & (met - limits)) and bool(limits)


def _values_found(patterns: Sequence[re.Pattern[str]], text: str) -> set[str]:
    return {value.replace(",", "").rstrip(".") for pattern in patterns for value in pattern.findall(text)}
