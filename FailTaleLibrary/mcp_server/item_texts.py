"""An item of a stored failure -> its texts by lines: the output as a bundle keeps it, and what stands beside it.

Lines are counted from 1 in all that is kept, so that search, pages and suspects speak of a line by one number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.mcp_server.store import StoredFailure
from FailTaleLibrary.moments import Moments
from FailTaleLibrary.records import Item, Report, Suspect
from FailTaleLibrary.text import bytes_of

PARTS = ("stderr", "before", "changes")
"""Beside the output: ``host/collector[stderr]`` …"""
_LIMIT = re.compile(r"limits\.[a-z_]{1,40}|max_bytes of collector '[A-Za-z0-9_.-]{1,64}'")
"""A stored record may be anybody's, and this is said outside of what is called untrusted."""


@dataclass(frozen=True)
class ItemText:
    """One text of an item."""

    stored: StoredFailure
    item: Item
    part: str = ""
    """One of `PARTS`; empty for the output."""

    @property
    def name(self) -> str:
        """As tools take it."""
        return f"{self.item.id}[{self.part}]" if self.part else self.item.id

    @cached_property
    def text(self) -> str:
        match self.part:
            case "stderr":
                return self.item.stderr
            case "before":
                return self.item.before
            case "changes":
                return "\n".join(self.item.changes)
        return self.stored.full_texts.get(self.item.id, self.item.text)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def bytes(self) -> int:
        return bytes_of(self.text)

    @cached_property
    def _ahead(self) -> int:
        """How many lines a bundle keeps ahead of those of the record."""
        return 0 if self.part else max(0, len(self.lines) - len(self.item.lines))

    def number_of(self, line: int) -> int:
        """The number of a line of the record, which counts from 0."""
        return line + self._ahead + 1

    @property
    def lost_bytes(self) -> int:
        """What a limit removed of it for good."""
        if self.part:
            return 0
        return max(0, self.item.omitted_bytes - (self.bytes - bytes_of(self.item.text)))

    @property
    def cut_by(self) -> str:
        """The limit that did it, by its name in the configuration; empty when nothing is lost."""
        if not self.lost_bytes:
            return ""
        is_of_bundle = self.bytes > bytes_of(self.item.text)
        if is_of_bundle:
            return "limits.bundle_item_bytes"
        return self.item.cut_by if _LIMIT.fullmatch(self.item.cut_by) else "a limit of the configuration"

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is lost, by a limit, a time-out or a lost connection."""
        return not (self.lost_bytes or self.item.timed_out or self.item.incomplete)

    @cached_property
    def _moments(self) -> Moments | None:
        if self.part or self.item.window is None:
            return None
        report = self.stored.report
        ahead = self._ahead
        line_times = self.item.line_times
        return Moments(
            self.lines,
            clock=next((clock for clock in report.evidence.clocks if clock.host == self.item.host), None),
            near=report.failure.window.end,
            headings=frozenset(number + ahead for number in self.item.headings),
            line_times=[*[line_times[0] if line_times else None] * ahead, *line_times] if line_times else (),
        )

    def at(self, number: int) -> datetime | None:
        """When a line was written, on the test machine's clock; None when it does not tell."""
        return self._moments.at(number - 1) if self._moments and 0 < number <= len(self.lines) else None

    def offset_s(self, number: int) -> float | None:
        """When a line was written, in seconds relative to the failure."""
        at = self.at(number)
        return (at - self.stored.report.failure.window.end).total_seconds() if at else None


def texts_of(stored: StoredFailure) -> Iterator[ItemText]:
    """All texts of a failure in the order of its evidence; none is read yet, and some are empty."""
    for item in stored.report.evidence.items:
        for part in ("", *PARTS):
            yield ItemText(stored, item, part)


def text_named(stored: StoredFailure, name: str) -> ItemText | None:
    """The text that tools call so; None when there is none."""
    item_id, bracket, part = name.partition("[")
    part = part.rstrip("]")
    item = stored.report.evidence.item(item_id)
    if item is None or (bracket and part not in PARTS):
        return None
    return ItemText(stored, item, part)


def suspect_named(report: Report, name: str) -> Suspect | None:
    return next((suspect for suspect in report.analysis.suspects if suspect.id == name.upper()), None)
