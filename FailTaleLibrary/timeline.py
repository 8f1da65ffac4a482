"""Failure + Evidence -> the events of all hosts and of the test, on the test machine's clock. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from FailTaleLibrary.records import Evidence, Failure, Gap, HostClock, Item
from FailTaleLibrary.timestamps import parse

_LINE_CHARS = 2000
"""How far into a line its time is looked for."""

EventKind = Literal["keyword", "failure", "line", "gap"]
_ORDER: dict[EventKind, int] = {"keyword": 0, "line": 1, "gap": 2, "failure": 3}
"""Of events at the same moment: what happened stands ahead of the failure."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a known moment."""

    at: datetime
    offset_s: float
    """Seconds relative to the failure; negative before it."""
    kind: EventKind
    text: str
    host: str | None = None
    """None for the test."""
    collector: str | None = None
    item_id: str | None = None
    line_number: int | None = None
    """0-based index into `Item.lines`."""
    uncertainty_s: float = 0.0
    """How wrong the host's clock may have been read."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All events in order of time, and how many lines have no place among them."""

    events: tuple[Event, ...]
    undated_lines: int
    """Lines of snapshots and of logs whose time is not understood."""


def timeline(failure: Failure, evidence: Evidence) -> Timeline:
    """What the test and the hosts did, on one clock.

    A line without a time of its own belongs to the dated line above it and is no event.
    """
    clocks = {clock.host: clock for clock in evidence.clocks}
    dated = [event for item in evidence.items for event in _lines(item, clocks.get(item.host), failure.window.end)]
    events = [*_of_test(failure), *_gaps(evidence.gaps, failure.window.end), *dated]
    undated = sum(len(item.lines) for item in evidence.items) - len(dated)
    return Timeline(tuple(sorted(events, key=_place)), undated)


def _place(event: Event) -> tuple[datetime, int, str, str, int]:
    return event.at, _ORDER[event.kind], event.host or "", event.item_id or "", event.line_number or 0


def _of_test(failure: Failure) -> Iterator[Event]:
    """The keywords that ran, and the failure."""
    end = failure.window.end
    for step in failure.keywords or failure.keyword_path:
        if step.started_at is not None:
            yield Event(step.started_at, _offset(step.started_at, end), "keyword", step.name)
    yield Event(end, 0.0, "failure", failure.message.partition("\n")[0] or f"{failure.name} failed")


def _gaps(gaps: tuple[Gap, ...], end: datetime) -> Iterator[Event]:
    for gap in gaps:
        if gap.at is not None:
            yield Event(gap.at, _offset(gap.at, end), "gap", f"{gap.reason}: {gap.detail}", gap.host, gap.collector)


def _lines(item: Item, clock: HostClock | None, end: datetime) -> Iterator[Event]:
    """The dated lines of an item; the host's clock is set right by its offset."""
    ahead = timedelta(seconds=clock.offset_s if clock else 0.0)
    zone_s = (clock.utc_offset_s if clock else None) or 0
    for number, line in enumerate(item.lines):
        moment = parse(line[:_LINE_CHARS], utc_offset_s=zone_s, near=end + ahead)
        if moment is not None:
            at = moment - ahead
            yield Event(
                at=at,
                offset_s=_offset(at, end),
                kind="line",
                text=line,
                host=item.host,
                collector=item.collector,
                item_id=item.id,
                line_number=number,
                uncertainty_s=clock.uncertainty_s if clock else 0.0,
            )


def _offset(at: datetime, end: datetime) -> float:
    return round((at - end).total_seconds(), 3)
