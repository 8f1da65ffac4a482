"""Many regular expressions and a text -> those that match it, found by their literals or, once it pays, by automata.

What a first failure brings is read in less time than an automaton of hundreds of expressions takes to be made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from FailTaleLibrary.literals import Literals

Text = TypeVar("Text", str, bytes)
Together = Callable[[Any], Sequence[int] | None]
"""A text -> the numbers of the expressions that match it, as RE2 tells them: None where there are none."""
Pattern = Any  # google-re2 ships no types

_GRAM = 3
LITTLE_WORK = 10_000_000
"""Characters times expressions, of all texts together, before an automaton is made: some 60 ms. That takes 60 to 150
with the states that it gains while it searches its first texts."""
_FOR_TEXT, _FOR_CHARACTER, _FOR_SEARCH, _TO_COMPILE = 5_000, 20, 400, 10_000
"""The same for a text and each character of it, and for each expression that may match it."""
_LONG_KS = str.maketrans("\u017f", "s")
"""What `str.lower` leaves and RE2 takes for an ``s``; it lowers the sign for Kelvin itself."""


class Expressions(Generic[Text]):
    """Expressions that are sought together.

    ``literals`` are those of each, in the same order; ``one`` compiles the expression of a number, ``together`` all of
    them (and is asked for each text) once ``work`` has been done without that. Both ways find the same. Thread-safe.
    """

    def __init__(
        self,
        literals: Iterable[Literals],
        *,
        one: Callable[[int], Pattern],
        together: Callable[[], Together],
        work: int = LITTLE_WORK,
    ) -> None:
        self._literals = _LiteralIndex(literals)
        self._compile = one
        self._patterns: dict[int, Pattern] = {}
        self._together = together
        self._work_left = work

    def found_in(self, text: Text) -> Sequence[int]:
        """The numbers of those that match somewhere in a text, in any order."""
        possible = self.few_possible_in(text)
        if possible is None:
            return self._together()(text) or ()
        return [number for number in possible if self.pattern(number).search(text)]

    def few_possible_in(self, text: Text) -> list[int] | None:
        """The numbers of those of which a literal stands in a text, ascending: no other can match.

        None once one automaton for all costs less than to search for these one by one.
        """
        if self._work_left < _FOR_CHARACTER * len(text):
            self._work_left = 0
            return None
        possible = self._literals.owners_in(_in_lower_case(text))
        new = sum(number not in self._patterns for number in possible)
        self._work_left -= _FOR_TEXT + len(text) * _FOR_CHARACTER + new * _TO_COMPILE
        self._work_left -= len(possible) * (len(text) + _FOR_SEARCH)
        return possible if self._work_left > 0 else None

    def pattern(self, number: int) -> Pattern:
        """One of them, compiled when it is first wanted."""
        pattern = self._patterns.get(number)
        if pattern is None:
            pattern = self._patterns[number] = self._compile(number)
        return pattern


def _in_lower_case(text: str | bytes) -> str:
    """The text in lower case; of bytes each is one character."""
    if isinstance(text, bytes):
        return text.decode("latin-1").lower()
    return text.lower() if text.isascii() else text.lower().translate(_LONG_KS)


class _LiteralIndex:
    """Literals by three neighbouring characters of each: what a text does not hold costs nothing to rule out."""

    def __init__(self, literals: Iterable[Literals]) -> None:
        self._always: list[int] = []
        self._owners: list[int] = []
        """The number of the expression that each set of literals is of."""
        self._sets: list[int] = []
        """How many sets each expression has."""
        self._short: dict[str, list[int]] = {}
        long: dict[str, list[int]] = {}
        for number, sets in enumerate(literals):
            self._sets.append(len(sets))
            for each in sets:
                for literal in each:
                    (long if len(literal) >= _GRAM else self._short).setdefault(literal, []).append(len(self._owners))
                self._owners.append(number)
        self._always = [number for number, count in enumerate(self._sets) if not count]
        self._by_gram: dict[tuple[str, ...], list[tuple[str, list[int]]]] = {}
        for literal, places in long.items():
            self._by_gram.setdefault(tuple(literal[:_GRAM]), []).append((literal, places))

    def owners_in(self, text: str) -> list[int]:
        """The numbers of the expressions of which each set has a literal in the text."""
        sets: set[int] = set()
        for literal, places in self._short.items():
            if literal in text:
                sets.update(places)
        for gram in self._by_gram.keys() & set(zip(text, text[1:], text[2:], strict=False)):
            for literal, places in self._by_gram[gram]:
                if literal in text:
                    sets.update(places)
        found = Counter(map(self._owners.__getitem__, sets))
        return sorted([*self._always, *(number for number, count in found.items() if count == self._sets[number])])
