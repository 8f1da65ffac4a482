"""Report -> what the card's template shows, in words and in order. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from FailTaleLibrary.records import Analysis, Gap, Item, Report, Suspect
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.rendering.fitting import is_marker, left_out
from FailTaleLibrary.rendering.words import severity
from FailTaleLibrary.text import count

SHOWN_SUSPECTS = 5
MANY_ROWS = 24
"""From here on the ledger starts closed; what went wrong stays in sight."""
BAD_ROWS = 12
"""Rows shown of what went wrong where the whole ledger is not in sight."""
NO_NEWS = "seen before"
"""Signal of a line that a host says all the time; beside a suspect that is news it only costs a reader's time."""


def shown_suspects(analysis: Analysis) -> tuple[Suspect, ...]:
    """The best suspects that are news; where none is, the best there are."""
    news = tuple(each for each in analysis.suspects if all(signal.name != NO_NEWS for signal in each.signals))
    return (news or analysis.suspects)[:SHOWN_SUSPECTS]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring lines that look alike."""

    look: str
    """``error``, ``warning``, ``plain``, ``suspect`` or ``marker``."""
    text: str
    anchor: str | None = None
    """Of a suspect's line: what the links to it name."""
    is_unsure: bool = False
    """The lines may be older than the window."""


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item as its ``<details>`` and its row in the ledger show it."""

    item: Item
    anchor: str
    outcome: in_words.Outcome
    counts: str
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row of the ledger."""

    host: str
    clock: str
    collector: str
    anchor: str | None
    outcome: in_words.Outcome
    counts: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that the template shows, in words."""

    report: Report
    prefix: str
    headline: str
    suspects: tuple[Suspect, ...]
    items: tuple[ItemView, ...]
    rows: tuple[LedgerRow, ...]
    missing_lines: int
    missing_items: int
    brief: bool
    """Without the outputs: they would not fit."""

    @property
    def many_rows(self) -> bool:
        return len(self.rows) > MANY_ROWS

    @property
    def bad_rows(self) -> tuple[LedgerRow, ...]:
        """What stays in sight when the ledger does not."""
        return tuple(row for row in self.rows if row.outcome.tone == "bad")

    @property
    def ledger_words(self) -> str:
        """``5 ok, 1 empty, 1 cut``, commonest first."""
        words = [row.outcome.word for row in self.rows]
        return ", ".join(
            f"{words.count(word)} {word}" for word in sorted(set(words), key=lambda w: (-words.count(w), w))
        )

    def anchor_of(self, suspect: Suspect) -> str | None:
        """Where a suspect's line stands in the evidence; its item when the line was left out; None for a gap."""
        if self.brief:
            return None
        if suspect.line_number is not None:
            return _line_anchor(self.prefix, suspect)
        return next((view.anchor for view in self.items if view.item.id == suspect.item_id), None)


def card_of(report: Report, *, brief: bool = False) -> Card:
    """The words of a report's card."""
    prefix = f"failtale_{_id_part(report.failure.id)}"  # no hyphen: log.html reads s1-t1-k1 in a location's hash
    suspects = shown_suspects(report.analysis)
    clocks = {clock.host: in_words.clock_words(clock) for clock in report.evidence.clocks}
    items = tuple(
        _item_view(item, number, prefix=prefix, suspects=suspects) for number, item in enumerate(report.evidence.items)
    )
    missing = [left_out(item) for item in report.evidence.items]
    return Card(
        report=report,
        prefix=prefix,
        headline=headline_of(report),
        suspects=suspects,
        items=items,
        rows=tuple(_ledger_rows(items, report.evidence.gaps, clocks)),
        missing_lines=sum(missing),
        missing_items=sum(map(bool, missing)),
        brief=brief,
    )


def headline_of(report: Report) -> str:
    """The analysis's sentence, else what was collected."""
    return report.analysis.headline or f"Evidence of {in_words.counts_words(report.evidence)}"


def _id_part(text: str) -> str:
    """A text as part of an HTML id: itself when it is plain, else its hash."""
    return text if re.fullmatch(r"[A-Za-z0-9]{1,40}", text) else hashlib.sha256(text.encode()).hexdigest()[:16]


def _line_anchor(prefix: str, suspect: Suspect) -> str:
    return f"{prefix}_line_{_id_part(suspect.id)}"


def _item_view(item: Item, number: int, *, prefix: str, suspects: Iterable[Suspect]) -> ItemView:
    anchors = {each.line_number: _line_anchor(prefix, each) for each in suspects if each.item_id == item.id}
    severities = ["marker" if is_marker(line) else severity(line) for line in item.lines]
    return ItemView(
        item=item,
        anchor=f"{prefix}_item_{number}",
        outcome=in_words.outcome(item),
        counts=_line_counts(severities),
        chunks=tuple(_item_chunks(item, severities, anchors)),
    )


def _line_counts(severities: Sequence[str]) -> str:
    """``10 lines, 3 error-looking``; empty when there is no line."""
    errors, lines = severities.count("error"), len(severities) - severities.count("marker")
    words = count(lines, "line") if lines else ""
    return f"{words}, {errors} error-looking" if errors else words


def _item_chunks(item: Item, looks: Iterable[str], anchors: Mapping[int | None, str]) -> Iterator[Chunk]:
    unsure = item.unsure_lines
    numbered = (
        ("suspect" if number in anchors else look, anchors.get(number), number in unsure, line)
        for number, (line, look) in enumerate(zip(item.lines, looks, strict=True))
    )
    for (look, anchor, is_unsure), group in groupby(numbered, key=itemgetter(0, 1, 2)):
        yield Chunk(look, "\n".join(line for *_, line in group), anchor, is_unsure)


def _ledger_rows(items: Iterable[ItemView], gaps: Iterable[Gap], clocks: Mapping[str, str]) -> list[LedgerRow]:
    """By host in order of appearance, gaps after the host's items."""
    rows = [
        LedgerRow(
            view.item.host, clocks.get(view.item.host, ""), view.item.collector, view.anchor, view.outcome, view.counts
        )
        for view in items
    ]
    rows += [
        LedgerRow(gap.host, clocks.get(gap.host, ""), in_words.subject(gap), None, in_words.gap_outcome(gap))
        for gap in gaps
    ]
    order = list(dict.fromkeys(row.host for row in rows))
    return sorted(rows, key=lambda row: order.index(row.host))
