"""Rows of ``rules/*.yaml`` -> compiled rules, and the one prefilter that finds the lines that are worth a search.

A row says what a secret looks like and which words a line must hold for it, with lines that it hits and misses; the
fields are explained at the top of ``rules/headers.yaml``. The prefilter is made of the rows' keywords, so that no rule
can be dead because a second table forgot it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import re2

from FailTaleLibrary import literals
from FailTaleLibrary.background import once
from FailTaleLibrary.expressions import LITTLE_WORK, Expressions, Together
from FailTaleLibrary.files import EXAMPLES, made_once, yaml_parsed
from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.literals import Literals, literals_of
from FailTaleLibrary.redaction import assignments, mentions
from FailTaleLibrary.redaction.spans import Match, Pattern, Span, compiled, only_tokens, options_for
from FailTaleLibrary.redaction.values import VALIDATORS, Validator

FILES = (
    "headers.yaml",
    "urls.yaml",
    "provider_tokens.yaml",
    "provider_tokens_weak.yaml",
    "hashes.yaml",
    "sql.yaml",
    "command_lines.yaml",
    "stores_and_devices.yaml",
    "prose.yaml",
    "spoken.yaml",
    "documents.yaml",
    "cookies.yaml",
    "positions.yaml",
    "codes.yaml",
    "across_lines.yaml",
)
"""The order decides which rule a place that two of them find is counted for."""
_FOLDER = Path(__file__).with_name("rules")


# --- Rows ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule as it is written; the fields are explained at the top of ``rules/headers.yaml``."""

    name: str
    shown: str
    pattern: str
    keywords: tuple[str, ...]
    validator: str
    exceptions: str
    after: str
    across_lines: bool
    hits: tuple[str, ...]
    misses: tuple[str, ...]


def rows_of(file: str, *, without: Collection[str] = ()) -> tuple[RuleRow, ...]:
    """The rows of one of `FILES`, with the file's parts and frame filled in, and ``without`` some of their fields."""
    content = yaml_parsed(_FOLDER / file, without=without)
    parts = {name: _joined(part) for name, part in content.get("parts", {}).items()}
    frame = content.get("frame", "{{pattern}}")
    return tuple(_rule_row(parts, frame, **fields) for fields in content["rules"])


def _rule_row(parts: dict[str, str], frame: str, *, pattern: str | list[str], **fields: Any) -> RuleRow:
    return RuleRow(
        name=fields.pop("name"),
        shown=fields.pop("shown"),
        pattern=_filled_expression(frame, {"pattern": _filled_expression(_joined(pattern), parts)}),
        keywords=tuple(_filled_expression(keyword, parts) for keyword in fields.pop("keywords", ())),
        validator=fields.pop("validator", "any"),
        exceptions=fields.pop("except", ""),
        after=_filled_expression(fields.pop("after", ""), parts),
        across_lines=fields.pop("across_lines", False),
        hits=tuple(fields.pop("hits", ())),
        misses=tuple(fields.pop("misses", ())),
        **fields,  # a field that is none is refused here
    )


def _joined(pieces: str | list[str]) -> str:
    """A long expression may stand in several pieces."""
    return pieces if isinstance(pieces, str) else "".join(pieces)


def _filled_expression(expression: str, parts: dict[str, str]) -> str:
    """``{{name}}`` is a part that several expressions of a file share."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], expression)


# --- Rules -----------------------------------------------------------------------------------------------------------


class Searcher(Protocol):
    """What finds secrets in lines that hold one of its keywords (RE2, without regard to case)."""

    @property
    def keywords(self) -> tuple[str, ...]: ...

    def spans(self, data: bytes, start: int, end: int) -> Iterable[Span]: ...


@dataclass(frozen=True)
class Rule:
    """A rule, compiled when it is first used; its groups named secret… are what goes."""

    name: str
    """As the token shows it."""
    expression: str | bytes
    keywords: tuple[str, ...] = ()
    is_secret: Validator = VALIDATORS["any"]
    exceptions: re.Pattern[str] | None = None
    """Values that are no secrets, each as a whole."""
    after: bytes = b""
    """Where it matches; then the expression is matched from there on, again and again."""

    def spans(self, data: bytes, start: int, end: int) -> Iterator[Span]:
        """The secrets between two offsets of the text."""
        for match in self._matches(data, start, end):
            for group in self._groups:
                first, last = match.span(group)
                if first >= 0 and first < last and self._removes(match, data[first:last]):
                    yield Span(first, last, self.name)

    def _matches(self, data: bytes, start: int, end: int) -> Iterator[Match]:
        if not self.after:
            yield from self.pattern.finditer(data, start, end)
            return
        for opening in self._opening.finditer(data, start, end):
            at = opening.end()
            while match := self.pattern.match(data, at, end):
                at = match.end()
                yield match

    def _removes(self, match: Match, raw: bytes) -> bool:
        value = raw.decode("utf-8", "replace")
        if only_tokens(raw) or (self.exceptions is not None and self.exceptions.fullmatch(value)):
            return False
        name = match[self._named["name"]].decode("latin-1") if "name" in self._named else ""
        return self.is_secret(value, name)

    @cached_property
    def pattern(self) -> Pattern:
        """Raises re2.error when RE2 does not take the expression."""
        return compiled(self.expression)

    @cached_property
    def _opening(self) -> Pattern:
        return compiled(self.after)

    @cached_property
    def _named(self) -> dict[str, int]:
        names = self.pattern.groupindex.items()
        return {name if isinstance(name, str) else name.decode(): number for name, number in names}

    @cached_property
    def _groups(self) -> tuple[int, ...]:
        return tuple(number for name, number in self._named.items() if name.startswith("secret"))


def rule_of(row: RuleRow) -> Rule:
    """A row without keywords is found by its own expression."""
    itself = re.sub(r"\(\?P<\w+>", "(?:", row.pattern)
    return Rule(
        name=row.shown,
        expression=f"(?m){row.pattern}".encode(),
        keywords=row.keywords or (f"(?-i:{itself})",),
        is_secret=VALIDATORS[row.validator],
        exceptions=regex(f"(?i:{row.exceptions})") if row.exceptions else None,
        after=f"(?im){row.after}".encode() if row.after else b"",
    )


@once
def _searched_rows() -> tuple[tuple[RuleRow, ...], ...]:
    """All rows, file by file, without their examples: those are for tests."""
    return tuple(tuple(RuleRow(*fields) for fields in rows) for rows in _kept_rules()[0])


@once
def _literals() -> dict[str, Literals]:
    """Of all keywords."""
    known: dict[str, Literals] = _kept_rules()[1]
    return known


@once
def _kept_rules() -> Any:
    """The rows and the literals of the keywords, which take a tenth of a second to make."""
    sources = [_FOLDER / file for file in FILES]
    sources += [Path(str(module.__file__)) for module in (assignments, mentions, literals)]
    return made_once(_FOLDER / "rules", [*sources, Path(__file__)], _make_kept_rules)


def _make_kept_rules() -> tuple[tuple[tuple[tuple[Any, ...], ...], ...], dict[str, Literals]]:
    rows = [rows_of(file, without=EXAMPLES) for file in FILES]
    keywords = [keyword for file in rows for row in file for keyword in rule_of(row).keywords]
    known = {each: literals_of(each) for each in (*keywords, *assignments.KEYWORDS, *mentions.KEYWORDS)}
    names = RuleRow.__match_args__
    return tuple(tuple(tuple(getattr(row, name) for name in names) for row in file) for file in rows), known


@once
def line_rules() -> tuple[tuple[Rule, ...], ...]:
    """All rules for single lines, file by file."""
    return tuple(tuple(rule_of(row) for row in rows if not row.across_lines) for rows in _searched_rows())


@once
def rules_across_lines() -> tuple[Rule, ...]:
    """The rules for a whole text."""
    return tuple(rule_of(row) for rows in _searched_rows() for row in rows if row.across_lines)


@once
def prefilter_across_lines() -> Prefilter:
    """Of the rules for a whole text."""
    return Prefilter(rules_across_lines(), set_for)


_STRETCH = 4 * 1024
"""How many bytes are searched for keywords between two looks at the time: 50 ms of the slowest text."""


_FEW_TEXTS, _MOST_SCANS = 5, 200
"""More texts that may hold the same keywords are worth an expression of these, and how many such are kept."""


# --- The prefilter ---------------------------------------------------------------------------------------------------


class Prefilter:
    """The keywords of searchers: whose stand in a text. ``together`` makes an automaton that seeks all of them."""

    def __init__(
        self,
        searchers: Sequence[Searcher],
        together: Callable[[list[bytes]], Together],
        *,
        work: int = LITTLE_WORK,
    ) -> None:
        self._searchers = searchers
        self._owners = [place for place, each in enumerate(searchers) for _ in each.keywords]
        written = [keyword for each in searchers for keyword in each.keywords]
        keywords = [_sought(keyword) for keyword in written]
        known = _literals()
        self._sought = keywords
        self.keywords = Expressions[bytes](
            (known[keyword] for keyword in written),
            one=lambda number: compiled(keywords[number]),
            together=once(lambda: together(keywords)),
            work=work,
        )

    def searchers_for(self, text: bytes) -> list[Searcher]:
        """Those of which the text holds a keyword, in their order."""
        found = self.keywords.found_in(text)
        return [self._searchers[place] for place in sorted({self._owners[number] for number in found})] if found else []


class LinePrefilter(Prefilter):
    """The same for single lines, and which lines are worth a search."""

    def __init__(self, groups: Sequence[Sequence[Searcher]], *, work: int = LITTLE_WORK) -> None:
        super().__init__([searcher for group in groups for searcher in group], _filter_for, work=work)
        self._group_of = [place for place, group in enumerate(groups) for each in group for _ in each.keywords]
        self._scans = once(lambda: [[_scan_for(group)] for group in groups])
        self._scans_by_keywords: dict[tuple[int, ...], tuple[int, list[list[Pattern]]]] = {}
        """Keywords that texts may hold -> how many texts did, and what finds them."""

    def lines(self, data: bytes, *, is_late: Callable[[], bool] = lambda: False) -> list[tuple[int, int]]:
        """Start and end of the lines that hold any of the keywords, in their order.

        Once it is late, all lines that were not looked at count as such: of texts that are dense with what is like a
        secret, an automaton's next states are mostly new, and to find them costs more than to search each line.
        """
        possible = self.keywords.few_possible_in(data)
        found: set[tuple[int, int]] = set()
        for scan in self._scans() if possible is None else self._scans_of_few(possible):
            if len(data) > _STRETCH and is_late():
                return list(_all_lines(data, 0, len(data)))
            found.update(_lines_with(scan, data, is_late))
        return sorted(found)

    def _scans_of_few(self, keywords: Iterable[int]) -> list[list[Pattern]]:
        """These keywords by their groups, in their order; as one expression once many texts may hold these very ones.

        What a command prints may hold the same keywords on each host.
        """
        key = tuple(keywords)
        texts, known = self._scans_by_keywords.get(key, (0, []))
        if texts > _FEW_TEXTS:
            return known
        scans: dict[int, list[int]] = {}
        for number in key:
            scans.setdefault(self._group_of[number], []).append(number)
        if texts < _FEW_TEXTS:
            found = [[self.keywords.pattern(number) for number in group] for group in scans.values()]
        else:
            found = [[_alternatives_of(self._sought[number] for number in group)] for group in scans.values()]
        if len(self._scans_by_keywords) >= _MOST_SCANS:
            self._scans_by_keywords = {}
        self._scans_by_keywords[key] = texts + 1, found if texts == _FEW_TEXTS else []
        return found


def _sought(keyword: str) -> bytes:
    return f"(?im:{keyword})".encode()


def _filter_for(keywords: Iterable[bytes]) -> Together:
    """RE2 seeks the fixed letters of all keywords in one pass, and tries only the keywords whose letters are there."""
    automaton = re2.Filter()
    for keyword in keywords:
        automaton.Add(keyword, options_for(bytes))
    automaton.Compile()
    return cast(Together, automaton.Match)


def set_for(keywords: Iterable[bytes]) -> Together:
    """One automaton follows all keywords, which is quicker where the text is long."""
    automaton = re2.Set.SearchSet(options_for(bytes))
    for keyword in keywords:
        automaton.Add(keyword)
    automaton.Compile()
    return cast(Together, automaton.Match)


def _scan_for(searchers: Sequence[Searcher]) -> Pattern:
    """What finds the keywords of some searchers; of all at once, it has too many states and becomes slow."""
    return _alternatives_of(_sought(keyword) for each in searchers for keyword in each.keywords)


def _alternatives_of(sought: Iterable[bytes]) -> Pattern:
    return compiled(b"|".join(dict.fromkeys(sought)))


def _lines_with(patterns: Sequence[Pattern], data: bytes, is_late: Callable[[], bool]) -> Iterator[tuple[int, int]]:
    """The lines that hold a match of the patterns, as one pattern of them all as alternatives finds them."""
    at, size = 0, len(data)
    while at < size:
        end = data.find(b"\n", min(size, at + _STRETCH))
        end = size if end < 0 else end
        yield from _all_lines(data, at, end) if at and is_late() else _lines_between(patterns, data, at, end)
        at = end + 1


def _lines_between(patterns: Sequence[Pattern], data: bytes, at: int, size: int) -> Iterator[tuple[int, int]]:
    matches = [pattern.search(data, at, size) for pattern in patterns]
    while at < size and (match := _first_of(matches)):
        start = data.rfind(b"\n", at, match.start()) + 1 or at
        end = data.find(b"\n", max(match.end() - 1, start), size)
        end = size if end < 0 else end
        yield start, end
        at = end + 1
        matches = [
            match if match is None or match.start() >= at else pattern.search(data, at, size)
            for pattern, match in zip(patterns, matches, strict=True)
        ]


def _all_lines(data: bytes, at: int, size: int) -> Iterator[tuple[int, int]]:
    while at < size:
        end = data.find(b"\n", at, size)
        end = size if end < 0 else end
        yield at, end
        at = end + 1


def _first_of(matches: Iterable[Match | None]) -> Match | None:
    """The match that begins first; of several that begin at one place, the first of them."""
    return min((match for match in matches if match), key=lambda match: match.start(), default=None)


@dataclass(frozen=True, slots=True)
class _Searching:
    """A module that searches lines in Python."""

    keywords: tuple[str, ...]
    spans: Callable[[bytes, int, int], Iterator[Span]]


_SCANNED_TOGETHER = (
    ("provider_tokens.yaml", "provider_tokens_weak.yaml"),
    ("command_lines.yaml", "stores_and_devices.yaml"),
    ("positions.yaml", "codes.yaml"),
)
"""Files whose keywords are sought together; those of the others are sought by themselves."""


@once
def prefilter() -> LinePrefilter:
    """Of everything that searches single lines, once per process."""
    return LinePrefilter(searchers_of_lines())


def searchers_of_lines() -> list[list[Searcher]]:
    """Everything that searches single lines, in the groups whose keywords are sought together."""
    of_modules: list[Searcher] = [_Searching(module.KEYWORDS, module.spans) for module in (assignments, mentions)]
    by_file = dict(zip(FILES, line_rules(), strict=True))
    groups: list[list[Searcher]] = [
        [searcher for file in files for searcher in by_file.pop(file)] for files in _SCANNED_TOGETHER
    ]
    rest = [searcher for searchers in by_file.values() for searcher in searchers]
    return [[of_modules[0], *rest], *groups, of_modules[1:]]
