"""Items -> what changed on the hosts since the window began: states first, what only counts in one line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Item
from FailTaleLibrary.text import count

_UNCHANGED = "  "


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """One snapshot in which something other than a counter changed."""

    item: Item
    lines: tuple[str, ...]
    """They begin with ``- ``, ``+ `` or ``  ``, as in `Item.changes`."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed; ``counters``: rows that only count, by collector."""

    items: tuple[ChangedItem, ...] = ()
    counters: tuple[tuple[str, int], ...] = ()

    @property
    def words(self) -> str:
        """For the line that is opened: how much of what."""
        states = sum(1 for each in self.items for line in each.lines if line.startswith(("+ ", "- ")))
        moved = sum(number for _, number in self.counters)
        counted = f"{count(moved, 'counter')} moved" if moved else ""
        if not self.items:
            return f"nothing that is known to matter ({counted})" if counted else "nothing"
        return f"{count(states, 'line')} of {count(len(self.items), 'snapshot')}{', ' + counted if counted else ''}"

    @property
    def counter_words(self) -> str:
        return ", ".join(f"{name} ({number})" for name, number in self.counters)


def changes_of(items: Iterable[Item]) -> Changes:
    """Snapshots by what changed in them, in order of appearance."""
    changed: list[ChangedItem] = []
    counters: list[tuple[str, int]] = []
    for item in items:
        states = [line for line in item.changes if not _is_quiet(line, item)]
        moved = sum(1 for line in item.changes if line.startswith("+ ") and _is_quiet(line, item))
        if any(line.startswith(("- ", "+ ")) for line in states):
            changed.append(ChangedItem(item, tuple(_with_some_context(states))))
        if moved:
            counters.append((item.id, moved))
    return Changes(tuple(changed), tuple(counters))


def _is_quiet(line: str, item: Item) -> bool:
    """Whether a changed row only counts."""
    return line.startswith(("- ", "+ ")) and any(pattern.search(line[2:]) for pattern in _counters(item.rows.counters))


def _with_some_context(lines: Iterable[str]) -> Iterator[str]:
    """Changed rows; of the rows around them, those that stand next to one."""
    every = list(lines)
    for number, line in enumerate(every):
        near = every[max(0, number - 1) : number + 2]
        if not line.startswith(_UNCHANGED) or any(not each.startswith(_UNCHANGED) for each in near):
            yield line


@cache
def _counters(patterns: tuple[str, ...]) -> tuple[Any, ...]:
    import re2

    found = []
    for pattern in patterns:
        try:
            found.append(re2.compile(pattern))
        except re2.error:  # expressions come with the evidence; one that is none says nothing
            continue
    return tuple(found)
