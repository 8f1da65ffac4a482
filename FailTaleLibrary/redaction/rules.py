"""Rows of ``rules/*.yaml`` -> compiled rules, and the one prefilter that finds the lines that are worth a search.

A row says what a secret looks like and which words a line must hold for it, with lines that it hits and misses; the
fields are explained at the top of ``rules/headers.yaml``. The prefilter is made of the rows' keywords, so that no rule
can be dead because a second table forgot it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Protocol

import re2

from FailTaleLibrary.background import once
from FailTaleLibrary.files import EXAMPLES, packaged_yaml
from FailTaleLibrary.lazy import dataclass, regex
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
    content = packaged_yaml(__package__, "rules", file, without=without)
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
    return tuple(rows_of(file, without=EXAMPLES) for file in FILES)


@once
def line_rules() -> tuple[tuple[Rule, ...], ...]:
    """All rules for single lines, file by file."""
    return tuple(tuple(rule_of(row) for row in rows if not row.across_lines) for rows in _searched_rows())


@once
def rules_across_lines() -> tuple[Rule, ...]:
    """The rules for a whole text."""
    return tuple(rule_of(row) for rows in _searched_rows() for row in rows if row.across_lines)


@once
def prefilter_across_lines() -> WholePrefilter:
    """Of the rules for a whole text."""
    return WholePrefilter(rules_across_lines())


# --- The prefilter ---------------------------------------------------------------------------------------------------


class Prefilter:
    """The keywords of all searchers: which lines hold one, and whose.

    RE2 seeks the fixed letters of all keywords in one pass, and tries only the keywords whose letters are there.
    """

    def __init__(self, groups: Iterable[Sequence[Searcher]]) -> None:
        self._searchers = [searcher for searchers in groups for searcher in searchers]
        self._owners = [place for place, each in enumerate(self._searchers) for _ in each.keywords]
        keywords = [f"(?im:{keyword})".encode() for each in self._searchers for keyword in each.keywords]
        self._filter = re2.Filter()
        for keyword in keywords:
            self._filter.Add(keyword, options_for(bytes))
        self._filter.Compile()
        self._scans = [_scan_for([each for each in group if each.keywords]) for group in groups if group]

    def lines(self, data: bytes) -> list[tuple[int, int]]:
        """Start and end of the lines that hold any of the keywords, in their order."""
        found: set[tuple[int, int]] = set()
        for scan in self._scans:
            found.update(_lines_with(scan, data))
        return sorted(found)

    def searchers_for(self, line: bytes) -> list[Searcher]:
        """Those of which the line holds a keyword, in their order."""
        found = self._filter.Match(line)
        return [self._searchers[place] for place in sorted({self._owners[number] for number in found})] if found else []


def _scan_for(searchers: Sequence[Searcher]) -> Pattern:
    """What finds the keywords of some searchers; of all at once, it has too many states and becomes slow."""
    return compiled(
        "|".join(dict.fromkeys(f"(?im:{keyword})" for each in searchers for keyword in each.keywords)).encode()
    )


def _lines_with(pattern: Pattern, data: bytes) -> Iterator[tuple[int, int]]:
    at, size = 0, len(data)
    while at < size and (match := pattern.search(data, at)):
        start = data.rfind(b"\n", at, match.start()) + 1 or at
        end = data.find(b"\n", max(match.end() - 1, start))
        end = size if end < 0 else end
        yield start, end
        at = end + 1


class WholePrefilter:
    """The same for whole texts: one automaton follows all keywords, which is quicker where the text is long."""

    def __init__(self, searchers: Sequence[Searcher]) -> None:
        self._searchers = searchers
        keywords = [
            (f"(?im:{keyword})".encode(), place) for place, each in enumerate(searchers) for keyword in each.keywords
        ]
        self._owners = [place for _, place in keywords]
        self._automaton = re2.Set.SearchSet(options_for(bytes))
        for keyword, _ in keywords:
            self._automaton.Add(keyword)
        self._automaton.Compile()

    def searchers_for(self, text: bytes) -> list[Searcher]:
        """Those of which the text holds a keyword, in their order."""
        found = self._automaton.Match(text)
        return [self._searchers[place] for place in sorted({self._owners[number] for number in found})] if found else []


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
"""Files whose keywords one automaton seeks; those of the others are sought by a further one."""


@once
def prefilter() -> Prefilter:
    """Of everything that searches single lines, once per process."""
    of_modules = tuple(_Searching(module.KEYWORDS, module.spans) for module in (assignments, mentions))
    by_file = dict(zip(FILES, line_rules(), strict=True))
    groups = [[searcher for file in files for searcher in by_file.pop(file)] for files in _SCANNED_TOGETHER]
    rest = [searcher for searchers in by_file.values() for searcher in searchers]
    return Prefilter(([of_modules[0], *rest], *groups, of_modules[1:]))
