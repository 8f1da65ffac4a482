"""Two stored failures -> what they share and what only one of them says. Pure.

The other may be a window in which nothing failed: what was collected on demand, while all was well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.mcp_server.item_texts import ItemText
from FailTaleLibrary.mcp_server.store import StoredFailure
from FailTaleLibrary.moments import message_of
from FailTaleLibrary.ranking.causes import Cause, cause_of_failure
from FailTaleLibrary.ranking.lines import LINE_CHARS, template
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering.words import severity

_MOST_READ = 5000
"""Newest lines of one text."""
MOST_LINES = 30
"""That are told of each side."""


@dataclass(frozen=True, slots=True)
class OnlyHere:
    """A line of a shape that the other side does not have."""

    text: ItemText
    number: int
    line: str
    times: int
    look: str
    """``error``, ``warning`` or ``plain``; ``state`` for a row of a snapshot."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two failures have in common, and what they have not."""

    same_cause: bool
    shared: tuple[str, ...]
    """Lines of suspects of the first whose shape a suspect of the other has, too."""
    only_first: tuple[OnlyHere, ...]
    only_other: tuple[OnlyHere, ...]
    not_compared: tuple[str, ...]
    """Items that only one of them has, or that there was no time for."""


def compare(first: StoredFailure, other: StoredFailure, *, is_over: Callable[[], bool]) -> Comparison:
    """What only one of two says, gravest first; items that both have are compared line by line, by shape.

    Once ``is_over`` is true, no further item is compared.
    """
    ours, theirs = _by_item(first), _by_item(other)
    compared: list[str] = []
    only: tuple[list[OnlyHere], list[OnlyHere]] = ([], [])
    for name in ours:
        if name in theirs and not is_over():
            only[0].extend(_only_in(ours[name], theirs[name]))
            only[1].extend(_only_in(theirs[name], ours[name]))
            compared.append(name)
    return Comparison(
        same_cause=cause_of(first) == cause_of(other) and not is_passing(other.report),
        shared=tuple(_shared_suspects(first.report, other.report)),
        only_first=_gravest(only[0]),
        only_other=_gravest(only[1]),
        not_compared=tuple(name for name in dict.fromkeys([*ours, *theirs]) if name not in compared),
    )


def cause_of(stored: StoredFailure) -> Cause:
    return cause_of_failure(stored.report)


def sharing_cause(stored: StoredFailure, failures: Iterable[StoredFailure]) -> list[StoredFailure]:
    """All others with the same cause."""
    cause, own = cause_of(stored), stored.report.failure.id
    return [
        each
        for each in failures
        if each.report.failure.id != own and not is_passing(each.report) and cause_of(each) == cause
    ]


def is_passing(report: Report) -> bool:
    """Whether it is a window in which nothing is known to have failed."""
    return report.failure.scope == "on demand" and not report.failure.message


def best_partner(stored: StoredFailure, failures: Sequence[StoredFailure]) -> StoredFailure | None:
    """What to compare a failure with where nobody says: a passing window of the same items, the same test's last
    failure, one with the same cause, or the newest other."""
    others = [each for each in failures if each.report.failure.id != stored.report.failure.id]
    items = {item.id for item in stored.report.evidence.items}
    passing = [
        each for each in others if is_passing(each.report) and items & {item.id for item in each.report.evidence.items}
    ]
    same_test = [each for each in others if each.report.failure.name == stored.report.failure.name]
    return next(iter([*passing, *same_test, *sharing_cause(stored, others), *others]), None)


def _by_item(stored: StoredFailure) -> dict[str, ItemText]:
    return {item.id: ItemText(stored, item) for item in stored.report.evidence.items}


def _shared_suspects(first: Report, other: Report) -> Iterator[str]:
    known = {_shape(suspect.text) for suspect in other.analysis.suspects}
    for suspect in first.analysis.suspects:
        if _shape(suspect.text) in known:
            yield f"{suspect.id} {suspect.item_id or suspect.host}: {suspect.text}"


def _only_in(ours: ItemText, theirs: ItemText) -> Iterator[OnlyHere]:
    is_state = ours.item.window is None
    shape_of = str.strip if is_state else _shape  # of a state the numbers are the news
    known = {shape_of(line) for line in theirs.lines[-_MOST_READ:]}
    found: dict[str, tuple[int, int]] = {}
    begin = max(0, len(ours.lines) - _MOST_READ)
    for number, line in enumerate(ours.lines[begin:], begin + 1):
        shape = shape_of(line)
        if shape and shape not in known:
            found[shape] = (found.get(shape, (number, 0))[0], found.get(shape, (0, 0))[1] + 1)
    for number, times in found.values():
        line = ours.lines[number - 1]
        yield OnlyHere(ours, number, line, times, "state" if is_state else severity(line[:LINE_CHARS]))


def _gravest(lines: Iterable[OnlyHere]) -> tuple[OnlyHere, ...]:
    order = {"error": 0, "warning": 1, "state": 2, "plain": 3}
    return tuple(sorted(lines, key=lambda each: order.get(each.look, 4)))


def _shape(line: str) -> str:
    return template(message_of(line[:LINE_CHARS]))
