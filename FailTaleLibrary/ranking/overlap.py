"""The words of a failure -> which lines share its rare ones: identifiers, paths, names, status codes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log

from FailTaleLibrary.ranking.lines import LINE_CHARS
from FailTaleLibrary.records import Failure

HIGHEST = 3.0
_TOKEN = re.compile(r"[\w./@:-]+")
_PARTS = re.compile(r"[./@:_-]+")
_MOST_WORDS = 200
_STOP_WORDS = """
    about after all and are argument assert assertionerror but can client did does during error errors exception
    expected fail failed failure false for from get got has have http https httperror info into line log message none
    not null number object out passed payload request response return returned server session shall should status
    string than that the then this time timeout true type url value was when which will with within would you your
    equal equals contain contains match json data body text
"""
_STOP = frozenset(_STOP_WORDS.split())


@dataclass(frozen=True, slots=True)
class Wanted:
    """A word of the failure."""

    word: str
    is_argument: bool
    """It was given to the failing keyword."""
    is_identifier: bool
    """It holds a digit: an order's number, a status code, an address."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a line shares with the failure, rarest first."""

    weight: float
    words: tuple[Wanted, ...]


class Overlap:
    """Knows the failure's words, and how many lines of all evidence hold each."""

    def __init__(self, failure: Failure, lines: Iterable[str]) -> None:
        self._wanted = _wanted(failure)
        self._counts: Counter[str] = Counter()
        self._lines = 1
        for line in lines:
            self._lines += 1
            self._counts.update(self._found(line))

    def of(self, line: str) -> Shared:
        """How much a line shares with the failure: 0 to `HIGHEST`."""
        found = sorted(_wholes(self._found(line)), key=lambda word: (-self._rarity(word), word))
        weight = sum(self._rarity(word) for word in found)
        return Shared(min(HIGHEST, weight), tuple(self._wanted[word] for word in found))

    def _found(self, line: str) -> set[str]:
        return words_in(line) & self._wanted.keys() if self._wanted else set()

    def _rarity(self, word: str) -> float:
        rarity = log((self._lines + 1) / (self._counts[word] + 1)) / log(self._lines + 1)
        return rarity * (1.5 if self._wanted[word].is_identifier else 1.0)


def words_in(text: str) -> set[str]:
    """The words of a text, in lower case: each name and path as a whole and in its parts."""
    words: set[str] = set()
    for token in _TOKEN.findall(text[:LINE_CHARS].lower()):
        _, is_url, rest = token.partition("://")
        host, slash, path = rest.partition("/")
        for word in (host, slash + path) if is_url else (token,):
            whole = word.strip(".:@-")
            words.add(whole)
            if not whole.isalnum():
                words.update(_PARTS.split(whole))
    return words


def _wholes(words: set[str]) -> set[str]:
    """Without those that are a part of another one: ``/orders`` is not ``orders`` once more."""
    return words - {part for word in words for part in _PARTS.split(word) if part != word}


def _wanted(failure: Failure) -> dict[str, Wanted]:
    """The failure's telling words, those of the failing keyword's arguments first."""
    given = [argument for step in reversed(failure.keyword_path) for argument in step.arguments]
    wanted: dict[str, Wanted] = {}
    for text, is_argument in [*((argument, True) for argument in given), (failure.message, False)]:
        for word in sorted(words_in(text)):
            if len(wanted) < _MOST_WORDS and _tells(word):
                wanted.setdefault(word, Wanted(word, is_argument, any(char.isdigit() for char in word)))
    return wanted


def _tells(word: str) -> bool:
    return len(word) >= 3 and word not in _STOP
