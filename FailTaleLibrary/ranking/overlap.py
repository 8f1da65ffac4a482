"""The words of a failure -> which lines share its rare ones: identifiers, paths, names, status codes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.ranking.lines import LINE_CHARS
from FailTaleLibrary.records import Failure, SafeText, derived_texts

HIGHEST = 3.0
_FEWEST_LINES = 300
"""Of evidence: in fewer, each name would seem to stand in many of them."""
_NAME = 1.25
"""What a file's, a path's, a table's or a key's name weighs more than a plain word."""
_TOKEN = re.compile(r"[\w./@:-]+")
_PARTS = re.compile(r"[./@:_-]+")
_REMOVED = re.compile(r"\[redacted:[a-z0-9.-]{1,60}\]")
"""What stands in the place of a secret: two of them are no word that two texts share."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d\d\.\d\d\.\d{4}")
"""Its parts stand in the times of all lines."""
_MOST_WORDS = 200
_STOP_WORDS = """
    about after all and are argument assert assertionerror but can client did does during error errors exception
    expected fail failed failure false for from get got has have http https httperror info into line log message none
    not null number object out passed payload request response return returned server session shall should status
    string than that the then this time timeout true type url value was when which will with within would you your
    equal equals contain contains match json data body text
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


@dataclass(frozen=True, slots=True)
class Wanted:
    """A word of the failure."""

    word: SafeText
    is_argument: bool
    """It was given to the failing keyword."""
    is_identifier: bool
    """It holds a digit: an order's number, a status code, an address."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a line shares with the failure, rarest first."""

    weight: float
    words: tuple[Wanted, ...]


NOTHING_SHARED = Shared(0.0, ())


_ASCII = bytes(range(128))
_SEPARATORS = bytes.maketrans(_ASCII, bytes(n if chr(n).isalnum() or chr(n) == "\n" else 32 for n in _ASCII))
"""Whatever is neither letter, digit nor line end parts words."""


class Shares:
    """Which lines of one source hold words of the failure."""

    def __init__(self, wanted: frozenset[bytes], lines: Sequence[str]) -> None:
        self.by_line: dict[int, frozenset[bytes]] = {}
        """Index of a line -> the parts that it holds; lines without any are not in it."""
        if not wanted or not lines:
            return
        text = "\n".join(lines).lower().encode("utf-8", "backslashreplace")
        for index, words in enumerate(text.translate(_SEPARATORS).split(b"\n")):
            found = wanted.intersection(words.split())
            if found:
                self.by_line[index] = found


class Overlap:
    """Knows the failure's words, and in how many lines of all evidence each stands."""

    def __init__(self, failure: Failure) -> None:
        self._wanted = _wanted(failure)
        self._parts = {word: _parts_of_word(word) for word in self._wanted}
        self._sought = frozenset(part for parts in self._parts.values() for part in parts)
        self._counts: Counter[bytes] = Counter()
        self._lines = 1
        self._by_parts: dict[frozenset[bytes], Shared] = {}

    @property
    def words(self) -> tuple[SafeText, ...]:
        """The failure's significant words, with the parts of compound ones."""
        return tuple(each.word for each in self._wanted.values())

    def shares(self, lines: Sequence[str]) -> Shares:
        """Reads one source's lines; after all sources were read, `of` knows which words are rare."""
        shares = Shares(self._sought, lines)
        self._lines += len(lines)
        for found in shares.by_line.values():
            self._counts.update(found)
        self._by_parts.clear()  # what is rare has changed
        return shares

    def telling_lines(self, shares: Shares, *, least: float) -> set[int]:
        """The lines of one source that can share at least so much with the failure, by their words alone."""
        rarity = {part: 1.5 * self._rarity_of(self._counts[part]) for part in self._sought}
        tells = {held: sum(rarity[part] for part in held) >= least for held in set(shares.by_line.values())}
        return {index for index, held in shares.by_line.items() if tells[held]}

    def of(self, line: str) -> Shared:
        """How much a line shares with the failure: 0 to `HIGHEST`."""
        text = line[:LINE_CHARS].lower()
        return self.of_parts(
            self._sought.intersection(text.encode("utf-8", "backslashreplace").translate(_SEPARATORS).split()), text
        )

    def of_parts(self, held: frozenset[bytes], line: str) -> Shared:
        """The same of a line that holds these parts, as `Shares` knows them."""
        if not held:
            return NOTHING_SHARED
        shared = self._by_parts.get(held)
        if shared is not None:
            return shared
        possible = [word for word, parts in self._parts.items() if held.issuperset(parts)]
        text = line[:LINE_CHARS].lower()
        words = {word for word in possible if word in text}
        found = sorted(_wholes(words), key=lambda word: (-self._rarity(word), word))
        weight = sum(self._rarity(word) for word in found)
        shared = Shared(min(HIGHEST, weight), tuple(self._wanted[word] for word in found))
        if all(len(self._parts[word]) == 1 for word in possible):  # no word that also needs its parts side by side
            self._by_parts[held] = shared
        return shared

    def _rarity(self, word: str) -> float:
        """1 for a word that one line holds, 0 for one that all hold; of a compound word its rarest part counts."""
        count = min((self._counts[part] for part in self._parts[word]), default=0)
        if not (self._wanted[word].is_identifier or _is_name(word)):
            return self._rarity_of(count)
        return self._rarity_of(count, of=_FEWEST_LINES) * (1.5 if self._wanted[word].is_identifier else _NAME)

    def _rarity_of(self, count: int, *, of: int = 1) -> float:
        lines = max(self._lines, of)
        return max(0.0, log((lines + 1) / (count + 1)) / log(lines + 1))


def words_in(text: str) -> set[str]:
    """The words of a text, in lower case: each name and path as a whole and in its parts."""
    words: set[str] = set()
    for token in _TOKEN.findall(_REMOVED.sub(" ", text[:LINE_CHARS].lower())):
        _, is_url, rest = token.partition("://")
        host, slash, path = rest.partition("/")
        for word in (host, slash + path) if is_url else (token,):
            whole = word.strip(".:@-")
            words.add(whole)
            if not (whole.isalnum() or _DATE.match(whole)):
                words.update(_PARTS.split(whole))
    return words


def _is_name(word: str) -> bool:
    return any(sign in word for sign in "./_-")


def _parts_of_word(word: str) -> frozenset[bytes]:
    return frozenset(word.encode("utf-8", "backslashreplace").translate(_SEPARATORS).split())


def _wholes(words: set[str]) -> set[str]:
    """Without those that are a part of another one: ``/orders`` is not ``orders`` once more."""
    return words - {part for word in words for part in _PARTS.split(word) if part != word}


def _wanted(failure: Failure) -> dict[str, Wanted]:
    """The failure's significant words, those of the failing keyword's arguments first."""
    given = [argument for step in reversed(failure.keyword_path) for argument in step.arguments]
    wanted: dict[str, Wanted] = {}
    for text, is_argument in [*((argument, True) for argument in given), (failure.message, False)]:
        for word in sorted(derived_texts(words_in, text)):
            if len(wanted) < _MOST_WORDS and _tells(word):
                wanted.setdefault(word, Wanted(word, is_argument, any(char.isdigit() for char in word)))
    return wanted


def _tells(word: str) -> bool:
    return len(word) >= 3 and word not in STOP_WORDS
