"""Many regular expressions and a text -> those that match it, found by their literals or, once it pays, by automata.

What a first failure brings is read in less time than an automaton of hundreds of expressions takes to be made. Hosts
say much that others said before: for a line that is known its literals are not looked for again.
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
_FOR_TEXT, _FOR_CHARACTER, _FOR_SEARCH, _TO_COMPILE = 1_000, 20, 400, 10_000
"""The same for a text, each character of it that is new, and for each expression that may match it."""
_BY_AUTOMATON = 4_000
"""What an automaton would have cost for a text, beside as much for each character: only what is more counts as work."""
_MOST_OF_KNOWN_LINES = 16 * 1024
"""Characters of a text whose lines are remembered: a longer one is a log, whose lines bear times."""
_MOST_KNOWN = 1_000_000
"""Characters of lines that are remembered."""
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
        possible, new_characters = self._literals.owners_in(text)
        new = sum(number not in self._patterns for number in possible)
        work = _FOR_TEXT + new_characters * _FOR_CHARACTER + new * _TO_COMPILE
        work += len(possible) * (len(text) // 4 + _FOR_SEARCH)
        self._work_left -= max(0, work - _BY_AUTOMATON - len(text))
        return possible if self._work_left > 0 else None

    def pattern(self, number: int) -> Pattern:
        """One of them, compiled when it is first wanted."""
        pattern = self._patterns.get(number)
        if pattern is None:
            pattern = self._patterns[number] = self._compile(number)
        return pattern


_DIGITS = bytes.maketrans(b"123456789", b"000000000")


def _as_sought(text: str | bytes) -> bytes:
    """The text in lower case, as far as literals know letters (those of ASCII), and each digit as 0.

    Of what hosts say of their state, numbers are what is new; literals are sought in the same form.
    """
    if isinstance(text, bytes):
        return text.lower().translate(_DIGITS)
    lower = text.lower() if text.isascii() else text.lower().translate(_LONG_KS)
    return lower.encode("utf-8", "surrogatepass").translate(_DIGITS)


_Gram = tuple[int, ...]


class _Searched(threading.local):
    """The newest text of a thread as it is sought in: several sets of expressions are sought in it, one by one."""

    text: str | bytes = b""
    lines: Sequence[bytes] = (b"",)
    sought: bytes = b""
    grams: frozenset[_Gram] = frozenset()

    def lines_of(self, text: str | bytes) -> Sequence[bytes]:
        """The lines of a text as they are sought in."""
        if text is not self.text:
            self.lines = _as_sought(text).split(b"\n")
            self.text = text
        return self.lines

    def grams_of(self, sought: bytes) -> frozenset[_Gram]:
        """All grams of a text that is as it is sought in."""
        if sought != self.sought:
            self.grams = frozenset(zip(sought, sought[1:], sought[2:], strict=False))
            self.sought = sought
        return self.grams


_searched = _Searched()


class _LiteralIndex:
    """Literals by three neighbouring bytes of each: what a text does not hold costs nothing to rule out."""

    def __init__(self, literals: Iterable[Literals]) -> None:
        self._always: list[int] = []
        """The expressions of which nothing is known."""
        self._telling: dict[int, list[int]] = {}
        """A set of literals, by its number -> the expressions of which it is the one with the longest texts."""
        self._needed: dict[int, frozenset[int]] = {}
        """Of an expression with several sets: their numbers."""
        self._short: dict[bytes, list[int]] = {}
        """A literal -> the sets that have it."""
        self._by_gram: dict[_Gram, list[tuple[bytes, list[int]]]] = {}
        self._known: dict[bytes, frozenset[int]] = {}
        """A line -> the sets of which it holds a literal."""
        self._known_characters = 0
        long: dict[bytes, list[int]] = {}
        numbers: dict[tuple[str, ...], int] = {}
        for expression, told in enumerate(literals):
            sets = [each for each in told if "\n" not in "".join(each)]  # lines are looked at one by one
            if not sets:
                self._always.append(expression)
                continue
            own = [numbers.setdefault(each, len(numbers)) for each in sets]
            telling = own[0]
            if len(own) > 1:
                self._needed[expression] = frozenset(own)
                telling = numbers[max(sets, key=lambda each: len(min(each, key=len)))]
            self._telling.setdefault(telling, []).append(expression)
        for texts, number in numbers.items():
            for literal in dict.fromkeys(_as_sought("\n".join(texts)).split(b"\n")):
                (long if len(literal) >= _GRAM else self._short).setdefault(literal, []).append(number)
        for literal, own in long.items():
            self._by_gram.setdefault(tuple(literal[:_GRAM]), []).append((literal, own))
        self._grams = frozenset(self._by_gram)

    def owners_in(self, text: str | bytes) -> tuple[list[int], int]:
        """The numbers of the expressions of which each set has a literal in the text, ascending.

        And how many characters had to be searched for that: those of lines that no text had before.
        """
        if len(text) <= _MOST_OF_KNOWN_LINES:
            present, new_characters = self._sets_by_line(text)
        else:
            present, new_characters = _sets_of(self._literals_in(_as_sought(text))), len(text)
        possible = [
            expression
            for number in self._telling.keys() & present
            for expression in self._telling[number]
            if expression not in self._needed or self._needed[expression] <= present
        ]
        return sorted([*self._always, *possible]), new_characters

    def _sets_by_line(self, text: str | bytes) -> tuple[frozenset[int], int]:
        """The sets of which a text holds a literal, by its lines: those that others had are known."""
        lines, known = _searched.lines_of(text), self._known
        try:
            return frozenset().union(*map(known.__getitem__, lines)), 0
        except KeyError:
            new = [line for line in dict.fromkeys(lines) if line not in known]
        together = b"\n".join(new)
        if self._known_characters + len(together) > _MOST_KNOWN:
            self._known, self._known_characters = {}, 0  # whoever looks lines up meanwhile goes on with the old ones
        literals = self._literals_in(together)
        found = {line: _sets_in(literals, line) for line in new}
        self._known.update(found)
        self._known_characters += len(together)
        return frozenset().union(*(found[line] if line in found else known[line] for line in lines)), len(together)

    def _literals_in(self, sought: bytes) -> list[tuple[bytes, list[int]]]:
        """The literals that stand in a text, with the sets that have them."""
        found = [each for each in self._short.items() if each[0] in sought]
        for gram in self._grams & _searched.grams_of(sought):
            found += [each for each in self._by_gram[gram] if each[0] in sought]
        return found


_NO_SETS: frozenset[int] = frozenset()


def _sets_in(literals: list[tuple[bytes, list[int]]], line: bytes) -> frozenset[int]:
    return _sets_of([each for each in literals if each[0] in line]) or _NO_SETS


def _sets_of(literals: list[tuple[bytes, list[int]]]) -> frozenset[int]:
    return frozenset(number for _, numbers in literals for number in numbers)
