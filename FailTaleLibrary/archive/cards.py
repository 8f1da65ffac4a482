"""Robot's output file -> the same file with its cards drawn anew from changed reports: for hints and for redaction.

`rewrite_cards` changes cards alone and leaves all else to the letter; `rewrite_all` changes every text, what cards show
and what their payloads carry included.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from FailTaleLibrary.archive.outputs import reports_in
from FailTaleLibrary.archive.payload import from_payload, report_in, to_payload
from FailTaleLibrary.archive.texts import Format, Text, chunks_of, rewrite_texts
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.files import open_regular, replacing
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Analysis, AnyRecord, RecordVisitor, Report, SafeText, our_words
from FailTaleLibrary.rendering import is_card, redraw
from FailTaleLibrary.rendering.log_messages import is_payload, messages_of, with_other_payload, with_payload

ReportTransform = Callable[[Report], Report]
TextTransform = Callable[[str], SafeText]
LinkOf = Callable[[Report], "str | None"]
"""Where a report's bundle lies by now, relative to log.html; None: the card's own link stays."""

REMOVED_PAYLOAD = "failtale:removed"
"""Stands in the place of a payload that cannot be read: what cannot be read cannot be redacted."""
SIGNATURE_WITHHELD = our_words("withheld: texts that it was made of have changed")
_PAYLOAD = re.compile(r"failtale:\d{1,9}:[A-Za-z0-9+/=]*")


def rewrite_cards(path: Path, transform: ReportTransform, *, max_bytes: int, link: LinkOf | None = None) -> int:
    """Draws every card of an output.xml or output.json anew from its transformed report; returns how many.

    ``max_bytes`` is the limit of one card; one that is larger may stay as large. ``link`` leads to bundles that moved;
    without it, a card stays as it is whose report ``transform`` returns as it got it.
    A damaged card stays as it is, and so does one that FailTale did not write (`reports_in`). Raises ArchiveError when
    the file cannot be read or written; it is then as it was, also when ``transform`` raises.
    """
    cards = _Cards(transform, max_bytes, ids=_ids_in(path), link=link)
    try:
        with (
            io.TextIOWrapper(open_regular(path), encoding="utf-8", errors="surrogateescape", newline="") as source,
            replacing(path) as target,
        ):
            form: Format = "json" if path.suffix.lower() == ".json" else "xml"
            target.writelines(rewrite_texts(chunks_of(source), form, cards.in_message))
    except (OSError, ValueError) as error:
        raise ArchiveError(f"No card of '{path}' was changed: {error}.") from error
    return cards.count


def rewrite_all(
    chunks: Iterable[str],
    form: Format,
    *,
    reports: ReportTransform,
    texts: Callable[[Text], str],
    max_bytes: int,
) -> Iterator[str]:
    """An output file in pieces with each card drawn anew and each other text transformed, payloads included.

    A payload that cannot be read is removed, because nobody can tell what is in it.
    """
    cards = _Cards(reports, max_bytes)
    return rewrite_texts(chunks, form, lambda text: cards.anywhere(text, texts))


def rewrite_payloads(text: str, transform: ReportTransform) -> str:
    """A text with each payload in it transformed, or removed where it cannot be read."""

    def change(match: re.Match[str]) -> str:
        try:
            return to_payload(transform(from_payload(match[0])))
        except ArchiveError:
            return REMOVED_PAYLOAD

    return _PAYLOAD.sub(change, text)


def _ids_in(path: Path) -> frozenset[str]:
    """Ids of the failures whose cards count; those before the damage of a damaged file."""
    ids: set[str] = set()
    with contextlib.suppress(ArchiveError):
        ids.update(found.failure.id for found in reports_in(path) if isinstance(found, Report))
    return frozenset(ids)


@dataclass(frozen=True, slots=True)
class _PayloadAhead:
    """A payload that is a message of its own; its card is the next message."""

    message: str
    before: Report
    after: Report


class _Cards:
    """Draws cards anew and counts them; with ``ids`` only those of these failures."""

    def __init__(
        self,
        transform: ReportTransform,
        max_bytes: int,
        *,
        ids: Collection[str] | None = None,
        link: LinkOf | None = None,
    ) -> None:
        self._transform = transform
        self._max_bytes = max_bytes
        self._ids = ids
        self._link = link
        self._ahead: _PayloadAhead | None = None
        self.count = 0

    def in_message(self, text: Text) -> str:
        """A card that Robot shows as HTML, drawn anew; any other text as it is, also one that quotes a card."""
        if not (text.is_html and (is_card(text.value) or is_payload(text.value))):
            return text.value
        if text.is_torn:
            raise ValueError("a card is not complete")
        return self._redrawn(text.value) or text.value

    def anywhere(self, text: Text, others: Callable[[Text], str]) -> str:
        """A card drawn anew wherever it stands; of any other text the payloads and what is around them."""
        redrawn = self._redrawn(text.value) if is_card(text.value) or is_payload(text.value) else None
        if redrawn is not None:
            return redrawn
        value = rewrite_payloads(text.value, self._transform)
        payloads = _PAYLOAD.findall(value)
        if not payloads:
            return others(text._replace(value=value))
        around = (others(text._replace(value=part)) for part in _PAYLOAD.split(value))
        return "".join(part for pair in zip(around, [*payloads, ""], strict=True) for part in pair)

    def _redrawn(self, message: str) -> str | None:
        """The card, or the message with its payload, of the transformed report; None where none can be read in it."""
        if is_payload(message):
            return self._payload_redrawn(message)
        ahead, self._ahead = self._ahead, None
        if ahead is not None and (whole := with_payload(message, ahead.message)) != message:
            card = self._card_redrawn(whole, ahead.before, ahead.after)
            return message if card is whole else messages_of(card)[-1]
        report = self._report_in(message)
        return None if report is None else self._card_redrawn(message, report, self._transform(report))

    def _may_stay(self, before: Report, after: Report) -> bool:
        """Whether a card need not be drawn; of a whole file that is made safe each is, whatever was in its text."""
        return after is before and self._ids is not None and self._link is None

    def _payload_redrawn(self, message: str) -> str | None:
        report = self._report_in(message)
        if report is None:
            return None
        self._ahead = _PayloadAhead(message, before=report, after=self._transform(report))
        if self._may_stay(report, self._ahead.after):
            return message
        return with_other_payload(message, to_payload(self._ahead.after))

    def _report_in(self, message: str) -> Report | None:
        try:
            report = report_in(message)
        except ArchiveError:
            return None
        is_wanted = report is not None and (self._ids is None or report.failure.id in self._ids)
        return report if is_wanted else None

    def _card_redrawn(self, card: str, before: Report, after: Report) -> str:
        self.count += 1
        if self._may_stay(before, after):
            return card
        max_bytes = max(self._max_bytes, len(card.encode("utf-8", "surrogatepass")))
        link = self._link(before) if self._link else None
        return redraw(card, after, max_bytes=max_bytes, pack=to_payload, bundle_link=link)


# --- The texts of a report --------------------------------------------------------------------------------------------


def rewritten(record: AnyRecord, transform: TextTransform) -> AnyRecord:
    """The record with ``transform`` applied to each of its texts; names of the configuration stay.

    A signature's text goes as a whole where a text that it was made of changed: without its digits a secret in it is
    no longer found, and mostly still there.
    """
    changed = _TextVisitor(transform).visit(record)
    if isinstance(record, Report) and isinstance(changed, Report) and _signed(record) != _signed(changed):
        return changed.model_copy(update={"analysis": _without_signed_text(changed.analysis)})
    return changed


def _signed(report: Report) -> tuple[SafeText, ...]:
    """The texts that a signature is made of."""
    return report.failure.message, *(suspect.text for suspect in report.analysis.suspects[:1])


def _without_signed_text(analysis: Analysis) -> Analysis:
    if analysis.signature is None:
        return analysis
    return analysis.model_copy(update={"signature": analysis.signature.without_text(SIGNATURE_WITHHELD)})


class _TextVisitor(RecordVisitor):
    def __init__(self, transform: TextTransform) -> None:
        self._transform = transform

    def text(self, text: SafeText) -> SafeText:
        return self._transform(text)
