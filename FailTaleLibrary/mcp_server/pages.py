"""A stored failure and what is wanted of it -> a page: lines around a place, the last ones, or all by pages."""

from __future__ import annotations

from mcp.server.mcpserver.exceptions import ToolError

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.mcp_server import models, responses
from FailTaleLibrary.mcp_server.item_texts import ItemText, suspect_named, text_named
from FailTaleLibrary.mcp_server.responses import call
from FailTaleLibrary.mcp_server.store import StoredFailure
from FailTaleLibrary.text import bytes_of, count, shorten, shorten_to_bytes

PAGE_BYTES = 8 * 1024
"""Unless a caller says otherwise."""
_AROUND_LINES = 40
_BESIDE_BYTES = 1024
"""Of what stands beside an output, shown with its first page."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller wants to read; empty and 0 are not said."""

    item: str = ""
    around: str = ""
    """A suspect, or a line."""
    tail: int = 0
    lines: int = 0
    offset: int = 0
    max_bytes: int = PAGE_BYTES


def evidence_page(stored: StoredFailure, wanted: Wanted, *, mark: str) -> models.EvidencePage:
    """The page, fenced with the mark. Raises ToolError for what there is not, or what contradicts itself."""
    if sum(map(bool, (wanted.around, wanted.tail, wanted.offset))) > 1:
        raise ToolError("Give one of 'around', 'tail' and 'offset': each says where to read.")
    name, number = _place_meant(stored, wanted.item, wanted.around)
    if not name:
        return _listed_items(stored, wanted, mark=mark)
    text = _existing_text(stored, name)
    first, last = _lines_meant(text, number, wanted)
    offset, end = _bytes_meant(text, first, last, wanted)
    first = text.text.encode()[:offset].count(b"\n") + 1
    shown, after, total = responses.page(text.text, offset, max(1, min(wanted.max_bytes, end - offset)))
    untold = models.EvidencePage(
        text="",
        complete=offset == 0 and after < 0 and text.is_whole,
        failure_id=stored.report.failure.id,
        item=text.name,
        offset=offset,
        next_offset=after,
        first_line=first if shown else 0,
        last_line=first + len(shown.splitlines()) - 1 if shown else 0,
        total_bytes=total,
        cut_by=text.cut_by,
    )
    told = _page_text(untold, text, shown, number=number, mark=mark)
    return models.EvidencePage.model_validate({**untold.model_dump(), "text": told})


def _existing_text(stored: StoredFailure, name: str) -> ItemText:
    text = text_named(stored, name)
    if text is None:
        evidence = stored.report.evidence
        gap = next((each for each in evidence.gaps if f"{each.host}/{each.collector}" == name), None)
        why = f" It is a gap: {gap.reason}." if gap else ""
        known = ", ".join(each.id for each in evidence.items[:20]) or "none"
        raise ToolError(f"There is no item '{shorten(name, 100)}' in this failure.{why} It has: {known}.")
    return text


def _place_meant(stored: StoredFailure, item: str, around: str) -> tuple[str, int]:
    """(name of a text, number of a line or 0) of what a caller named: a suspect, an item, a line of it, or nothing."""
    if not around:
        return item, 0
    if not item and ":" in around:
        item, _, around = around.rpartition(":")
    if around.isascii() and around.isdigit():
        if not item:
            raise ToolError(f"around '{around}' is a line of which item? Give 'item', or a suspect as 'E1'.")
        return item, int(around[:9])
    suspect = suspect_named(stored.report, around)
    if suspect is None or suspect.item_id is None:
        known = ", ".join(each.id for each in stored.report.analysis.suspects if each.item_id) or "none"
        raise ToolError(f"There is no suspect '{shorten(around, 50)}' with lines; there are: {known}.")
    if item and item != suspect.item_id:
        other = shorten(item, 100)
        raise ToolError(f"{suspect.id} is of item '{suspect.item_id}', not of '{other}'; leave out 'item'.")
    if suspect.line_number is None:
        return _part_with(stored, suspect.item_id, suspect.text), 0
    text = text_named(stored, suspect.item_id)
    if text is None:
        return suspect.item_id, 0
    return text.name, text.number_of(suspect.line_number)


def _part_with(stored: StoredFailure, item_id: str, line: str) -> str:
    """Which text beside an output holds a line: what a command complained of, a log said last; else its changes."""
    texts = (text_named(stored, f"{item_id}[{part}]") for part in ("before", "stderr"))
    return next((each.name for each in texts if each is not None and line in each.lines), f"{item_id}[changes]")


def _lines_meant(text: ItemText, number: int, wanted: Wanted) -> tuple[int, int]:
    """First and last line, from 1."""
    total = len(text.lines)
    if number > total:
        raise ToolError(f"line {number} is past the end: '{text.name}' has {count(total, 'line')}.")
    if number:
        half = max(1, (wanted.lines or _AROUND_LINES) // 2)
        return max(1, number - half), min(total, number + half)
    if wanted.tail:
        return max(1, total - wanted.tail + 1), total
    return 1, total


def _bytes_meant(text: ItemText, first: int, last: int, wanted: Wanted) -> tuple[int, int]:
    """Where the page begins, and where it ends at the latest."""
    begin = wanted.offset or _bytes_ahead(text, first)
    if wanted.offset >= max(1, text.bytes):
        tail = call("get_evidence", failure_id=text.stored.report.failure.id, item=text.name, tail=_AROUND_LINES)
        raise ToolError(
            f"offset {wanted.offset} is past the end: '{text.name}' has {text.bytes} bytes. Its last lines: {tail}"
        )
    if wanted.offset:
        first = text.text.encode()[:begin].count(b"\n") + 1
    if wanted.lines and not wanted.around:
        last = min(last, first + wanted.lines - 1)
    return begin, text.bytes if last >= len(text.lines) else _bytes_ahead(text, last + 1)


def _bytes_ahead(text: ItemText, number: int) -> int:
    return sum(bytes_of(line) + 1 for line in text.lines[: number - 1])


def _page_text(answer: models.EvidencePage, text: ItemText, shown: str, *, number: int, mark: str) -> str:
    whole = f"{text.name}: "
    if shown:
        whole += f"lines {answer.first_line} to {answer.last_line} of {len(text.lines)}, "
        whole += f"bytes {answer.offset} to {answer.offset + len(shown.encode())} of {answer.total_bytes}."
    else:
        whole += "no output."
    if number:
        whole += f" Line {number} is what was asked for."
    if text.cut_by:
        whole += f" {text.cut_by} removed {text.lost_bytes:,} bytes ahead of them for good."
    if text.item.timed_out or text.item.incomplete:
        whole += " It ended early: its time was over, or the connection was lost."
    whole += " Complete." if answer.complete else " Not complete."
    beside = _beside(text) if answer.offset == 0 and not number else ""
    body = responses.fenced(f"{beside}{shown}" or "(nothing)", mark=mark)
    if answer.next_offset >= 0:
        more = call("get_evidence", failure_id=answer.failure_id, item=answer.item, offset=answer.next_offset)
        return f"{whole}\n{body}\nThe next page: {more}"
    return f"{whole}\n{body}\nThis is the end."


def _beside(text: ItemText) -> str:
    """What stands beside an output, shortened; its name has all of it."""
    if text.part:
        return ""
    parts = [ItemText(text.stored, text.item, part) for part in ("stderr", "before", "changes")]
    heads = [f"[{each.part}]\n{shorten_to_bytes(each.text, _BESIDE_BYTES).rstrip()}" for each in parts if each.text]
    return "\n".join([*heads, "[output]", ""]) if heads else ""


def _listed_items(stored: StoredFailure, wanted: Wanted, *, mark: str) -> models.EvidencePage:
    if wanted.tail:
        raise ToolError("'tail' of which item? Without 'item' there is only the list of items.")
    listed = responses.ledger(stored)
    if wanted.offset and wanted.offset >= bytes_of(listed):
        raise ToolError(f"offset {wanted.offset} is past the end: the list of items has {bytes_of(listed)} bytes.")
    shown, after, total = responses.page(listed, wanted.offset, wanted.max_bytes)
    failure_id, evidence = stored.report.failure.id, stored.report.evidence
    head = f"{count(len(evidence.items), 'item')} and {count(len(evidence.gaps), 'gap')}."
    more = call("get_evidence", failure_id=failure_id, offset=after)
    rest = f"The next page: {more}" if after >= 0 else "This is the end."
    return models.EvidencePage(
        text=f"{head}\n{responses.fenced(shown, mark=mark)}\n{rest}",
        complete=wanted.offset == 0 and after < 0,
        failure_id=failure_id,
        item="",
        offset=wanted.offset,
        next_offset=after,
        first_line=1,
        last_line=len(shown.splitlines()),
        total_bytes=total,
        cut_by="",
    )
