"""Many regular expressions and a text -> those that match it, found by their literals or, once it pays, by automata.

What a first failure brings is read in less time than an automaton of hundreds of expressions takes to be made.
"""

from __future__ import annotations

import threading
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
        possible = self._literals.owners_in(text)
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


def _in_lower_case(text: str | bytes) -> bytes:
    """The text in lower case, as far as literals know letters: those of ASCII."""
    if isinstance(text, bytes):
        return text.lower()
    lower = text.lower() if text.isascii() else text.lower().translate(_LONG_KS)
    return lower.encode("utf-8", "surrogatepass")


_Gram = tuple[int, ...]


class _Searched(threading.local):
    """The newest text of a thread and its grams: several sets of expressions are sought in it, one after the other."""

    text: str | bytes = b""
    lower: bytes = b""
    grams: frozenset[_Gram] = frozenset()

    def now(self, text: str | bytes) -> tuple[bytes, frozenset[_Gram]]:
        """The text in lower case, and all its grams."""
        if text is not self.text:
            self.lower = lower = _in_lower_case(text)
            self.grams = frozenset(zip(lower, lower[1:], lower[2:], strict=False))
            self.text = text
        return self.lower, self.grams


_searched = _Searched()


class _LiteralIndex:
    """Literals by three neighbouring bytes of each: what a text does not hold costs nothing to rule out.

    Of an expression's sets the one whose texts are the longest is looked up, and the others only where it is there.
    """

    def __init__(self, literals: Iterable[Literals]) -> None:
        self._always: list[int] = []
        """The expressions of which nothing is known."""
        self._others: dict[int, list[list[bytes]]] = {}
        """The sets of an expression beside the one that is looked up."""
        self._short: dict[bytes, list[int]] = {}
        """A literal -> the expressions that it may tell of."""
        self._by_gram: dict[_Gram, list[tuple[bytes, list[int]]]] = {}
        long: dict[bytes, list[int]] = {}
        for number, sets in enumerate(literals):
            if not sets:
                self._always.append(number)
                continue
            first, *others = sorted(sets, key=lambda each: -min(map(len, each)))
            for literal in (each.encode() for each in first):
                (long if len(literal) >= _GRAM else self._short).setdefault(literal, []).append(number)
            if others:
                self._others[number] = [[literal.encode() for literal in each] for each in others]
        for literal, numbers in long.items():
            self._by_gram.setdefault(tuple(literal[:_GRAM]), []).append((literal, numbers))
        self._grams = frozenset(self._by_gram)

    def owners_in(self, text: str | bytes) -> list[int]:
        """The numbers of the expressions of which each set has a literal in the text, ascending."""
        found: set[int] = set()
        lower, grams = _searched.now(text)
        for literal, numbers in self._short.items():
            if literal in lower:
                found.update(numbers)
        for gram in self._grams & grams:
            for literal, numbers in self._by_gram[gram]:
                if literal in lower:
                    found.update(numbers)
        return sorted([*self._always, *(number for number in found if self._has_others(number, lower))])

    def _has_others(self, number: int, lower: bytes) -> bool:
        return all(any(map(lower.__contains__, each)) for each in self._others.get(number, ()))
