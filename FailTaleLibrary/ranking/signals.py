"""Messages of log lines -> the rows of the catalogue that their words hit.

The rows stand in `signals.yaml` and, for logs of builds, in `build_signals.yaml` and `build_tool_signals.yaml`, each
beside messages that must hit it and messages that must not. A search is made from the patterns of all rows, so that no
row can be forgotten. It looks for the words that the patterns need, all at once, and runs a pattern only where its
words stand. RE2 does both, so that hostile text cannot make it slow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import re2

from FailTaleLibrary import literals
from FailTaleLibrary.background import once
from FailTaleLibrary.expressions import LITTLE_WORK, Expressions, Together
from FailTaleLibrary.files import EXAMPLES, made_once, yaml_parsed
from FailTaleLibrary.lazy import dataclass, field, regex, replace
from FailTaleLibrary.literals import Literals, literals_of
from FailTaleLibrary.records import SafeText, our_words

if TYPE_CHECKING:
    from typing_extensions import LiteralString

NO_WORDS = our_words("")
Kind = Literal[
    "stop", "event", "symptom", "word", "level", "harmless", "mild", "routine", "conclusion", "frame", "change"
]
CUES: frozenset[Kind] = frozenset({"stop", "event", "symptom"})
"""Kinds that name what happened; their names are what the card, the hints and the tests speak of."""

_OPEN, _CLOSE = r"(?:^|[^\w/.$-])", r"(?:[^\w/.(=-]|[.]?$|[.] |-[^\w]|\(s\))"
"""Around a term: a word of a path, of a file's name or of an identifier does not count (/core/error/, error.html)."""
_LITERAL_DIGIT = regex(r"(\\d|\\x\{[0-9a-f]+\}|\{\d+(?:,\d*)?\}|0-9)|\d-\d|\d")
"""A digit that a pattern asks for; the first group is what asks for none: any digit, a count, a character's number."""


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One thing that words of a message can mean; the fields are explained at the top of `signals.yaml`."""

    name: str
    kind: Kind
    patterns: tuple[str, ...]
    """RE2, without regard to case; terms are wrapped already."""
    words: SafeText = NO_WORDS
    weight: float = 0.0
    strong: bool = False
    told_by: str = ""
    brings: tuple[str, ...] = ()
    hits: tuple[str, ...] = field(default=(), compare=False)
    """Empty, as the misses are, where nobody asked for examples."""
    misses: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """What one message hits; the same value for all messages that hit the same."""

    rows: tuple[SignalRow, ...]
    """Weightiest first."""
    digits_matter: bool
    """Whether a message that differs in digits alone could hit other rows."""


NO_HITS = Hits((), digits_matter=False)


class Catalogue:
    """Rows that are searched for together; ``known``: their patterns' literals, as far as somebody knows them."""

    def __init__(
        self,
        rows: Iterable[SignalRow],
        *,
        known: Mapping[str, Literals] = MappingProxyType({}),
        work: int = LITTLE_WORK,
    ) -> None:
        self.rows = tuple(sorted(rows, key=lambda row: -row.weight))
        self._known = known
        self._work = work

    def rows_in(self, message: str) -> tuple[SignalRow, ...]:
        """The rows that a message hits, weightiest first."""
        return self.hits_in(message).rows

    def hits_in(self, message: str, said: str = "") -> Hits:
        """What a message hits, and what is ``said`` in it behind its speaker: patterns may begin there."""
        found: Collection[int] = self._search.found_in(message)
        if said and said != message:
            found = {*found, *self._search.found_in(said)}
        if not found:
            return NO_HITS
        row_of = self._row_of_pattern
        key = tuple(sorted({row_of[pattern] for pattern in found}))
        hits = self._mixtures.get(key)
        if hits is None:
            rows = tuple([self.rows[place] for place in key if place < len(self.rows)])
            hits = self._mixtures[key] = Hits(rows, digits_matter=key[-1] == len(self.rows))
        return hits

    def numbers_in(self, message: str, said: str = "") -> tuple[int, ...]:
        """Which of the patterns that ask for certain digits a message hits.

        Two that differ in digits alone and agree here hit the same rows: ``exit code 137`` is not ``exit code 0``.
        """
        found = self._numbers.found_in(message)
        return tuple(sorted({*found, *self._numbers.found_in(said)} if said and said != message else found))

    @cached_property
    def _mixtures(self) -> dict[tuple[int, ...], Hits]:
        """Of all mixtures that are possible few occur."""
        return {}

    @cached_property
    def _row_of_pattern(self) -> tuple[int, ...]:
        """The place of the row that each pattern of the search is of; behind the last row's those for any digits."""
        places = [place for place, row in enumerate(self.rows) for _ in row.patterns]
        return (*places, *(len(self.rows) for _ in self._asking_for_digits))

    @cached_property
    def _search(self) -> Expressions[str]:
        """For all patterns of the rows, and for those that ask for certain digits, with any digits."""
        return self._search_for([*_patterns_of(self.rows), *map(_for_any_digits, self._asking_for_digits)])

    @cached_property
    def _numbers(self) -> Expressions[str]:
        return self._search_for(self._asking_for_digits)

    def _search_for(self, patterns: Sequence[str]) -> Expressions[str]:
        known = self._known
        return Expressions(
            (known[each] if each in known else literals_of(each) for each in patterns),
            one=lambda number: re2.compile(patterns[number], _any_case()),
            together=once(lambda: _filter_for(patterns)),
            work=self._work,
        )

    @cached_property
    def _asking_for_digits(self) -> tuple[str, ...]:
        return tuple(filter(_asks_for_digits, _patterns_of(self.rows)))


def services() -> Catalogue:
    """What the lines of services and machines are searched for."""
    return _catalogue("signals.yaml")


def builds() -> Catalogue:
    """What the lines of a build's log are searched for: deploying, upgrading and restarting are its work itself."""
    return _catalogue("signals.yaml", "build_signals.yaml", "build_tool_signals.yaml", without=("event", "change"))


def rows_of(file: str, *, without: Collection[str] = ()) -> tuple[SignalRow, ...]:
    """The rows of one of the package's files, ``without`` some of their fields."""
    return tuple(_signal_row(**fields) for fields in yaml_parsed(Path(__file__).with_name(file), without=without))


@cache
def _catalogue(*names: str, without: tuple[Kind, ...] = ()) -> Catalogue:
    kept = [_kept_signals(name) for name in names]
    rows = [SignalRow(*fields) for each, _ in kept for fields in each]
    known = {pattern: found for _, each in kept for pattern, found in each.items()}
    return Catalogue((row for row in rows if row.kind not in without), known=known)


def _kept_signals(file: str) -> Any:
    """The rows of a file without their examples, and the literals of their patterns."""
    path = Path(__file__).with_name(file)
    return made_once(path, (path, Path(__file__), Path(str(literals.__file__))), lambda: _make_kept_signals(file))


def _make_kept_signals(file: str) -> tuple[tuple[tuple[Any, ...], ...], dict[str, Literals]]:
    rows = rows_of(file, without=EXAMPLES)
    patterns = [*_patterns_of(rows), *map(_for_any_digits, filter(_asks_for_digits, _patterns_of(rows)))]
    names = [name for name in SignalRow.__match_args__ if name not in EXAMPLES]
    fields = tuple(tuple(getattr(row, name) for name in names) for row in rows)
    return fields, {each: literals_of(each) for each in patterns}


def _signal_row(
    name: str,
    kind: Kind,
    hits: Sequence[str] = (),
    misses: Sequence[str] = (),
    words: LiteralString = "",
    brings: Sequence[str] = (),
    **fields: Any,
) -> SignalRow:
    if kind not in get_args(Kind):
        raise ValueError(f"'{name}' is of no known kind: '{kind}'")
    terms = (f"{_OPEN}(?:{term}){_CLOSE}" for term in fields.pop("terms", ()))
    patterns = (*fields.pop("patterns", ()), *terms)
    found = SignalRow(name, kind, patterns, our_words(words), hits=tuple(hits), misses=tuple(misses), **fields)
    return replace(found, brings=tuple(brings)) if brings else found


@cache
def event_names() -> frozenset[str]:
    """Kinds of causes that a log tells step by step."""
    return frozenset(row.name for row in services().rows if row.kind == "event") | {
        "killed",
        "unit failed",
        "session ended",
    }


@cache
def fault_names() -> frozenset[str]:
    """Kinds of faults: what stops a service, and symptoms that say more than that something failed."""
    return frozenset(row.name for row in services().rows if row.kind in ("stop", "symptom")) - _SAY_LITTLE


_SAY_LITTLE = frozenset({"exception", "server error", "page not found", "assertion"})


@cache
def kinds_brought_by() -> dict[str, frozenset[str]]:
    """Kind of a cause -> the kinds of faults that it brings about."""
    return {row.name: frozenset(row.brings) for row in services().rows if row.brings}


def _patterns_of(rows: Iterable[SignalRow]) -> Iterator[str]:
    return (pattern for row in rows for pattern in row.patterns)


def _filter_for(patterns: Iterable[str]) -> Together:
    """One pass finds the words that the patterns need; only those patterns run of which all words are there."""
    search = re2.Filter()
    for pattern in patterns:
        search.Add(pattern, _any_case())
    search.Compile()
    return cast(Together, search.Match)


def _any_case() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    return options


def _asks_for_digits(pattern: str) -> bool:
    return any(match[1] is None for match in _LITERAL_DIGIT.finditer(pattern))


def _for_any_digits(pattern: str) -> str:
    """The same pattern, where it asks for certain digits with any."""
    return _LITERAL_DIGIT.sub(lambda match: match[1] or r"\d", pattern)
