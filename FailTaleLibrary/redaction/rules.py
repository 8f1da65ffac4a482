"""The rules for what stands within one line, compiled: what each removes and on which lines it is worth a search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from FailTaleLibrary.redaction.command_lines import TOOLS
from FailTaleLibrary.redaction.documents import ACROSS_LINES, OTHERS, PROSE
from FailTaleLibrary.redaction.network import HEADERS, URLS
from FailTaleLibrary.redaction.patterns import Check, Family, Pattern, compiled
from FailTaleLibrary.redaction.provider_tokens import PROVIDERS
from FailTaleLibrary.redaction.stored import HASHES, SQL
from FailTaleLibrary.redaction.tokens import Span, only_tokens


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule; ``groups`` are the numbers of its groups named secret…, ``hints`` as in `Family`."""

    name: str
    hints: frozenset[bytes]
    pattern: Pattern
    groups: tuple[int, ...]
    is_secret: Check

    def spans(self, data: bytes, start: int, end: int) -> Iterator[Span]:
        """The secrets between two offsets of the text."""
        for match in self.pattern.finditer(data, start, end):
            for group in self.groups:
                first, last = match.span(group)
                if first >= 0 and first < last and self._removes(data[first:last]):
                    yield Span(first, last, self.name)

    def _removes(self, value: bytes) -> bool:
        return not only_tokens(value) and self.is_secret(value.decode("utf-8", "replace"))


def rule(name: str, pattern: str | bytes, is_secret: Check = bool, *, hints: str = "") -> Rule:
    """A compiled rule; raises re2.error when RE2 does not take the expression."""
    expression = compiled(pattern)
    named = {group if isinstance(group, str) else group.decode(): at for group, at in expression.groupindex.items()}
    groups = tuple(number for group, number in named.items() if group.startswith("secret"))
    return Rule(name, frozenset(hints.encode().split(b"|")), expression, groups, is_secret)


@cache
def line_rules() -> tuple[Rule, ...]:
    """All rules for lines, compiled once per process; the order decides which name a doubly hit place bears."""
    return _compiled((*HEADERS, *URLS, *PROVIDERS, *HASHES, *SQL, *TOOLS, *PROSE, *OTHERS))


@cache
def rules_across_lines() -> tuple[Rule, ...]:
    """The rules for the whole text."""
    return _compiled(ACROSS_LINES)


def _compiled(family: Family) -> tuple[Rule, ...]:
    return tuple(rule(name, f"(?m){pattern}".encode(), check, hints=hints) for name, hints, pattern, check in family)


@cache
def _hints() -> frozenset[bytes]:
    return frozenset[bytes]().union(*(line_rule.hints for line_rule in line_rules()))


def rules_for(line: bytes) -> Iterator[Rule]:
    """The rules that are worth a search in this line."""
    lowered = line.lower()
    present = {hint for hint in _hints() if hint in lowered}
    return (line_rule for line_rule in line_rules() if not line_rule.hints.isdisjoint(present))
