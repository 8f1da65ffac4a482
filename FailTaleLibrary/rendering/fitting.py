"""A report -> the same report with shorter texts, so that its card keeps under a size. Pure.

Breadth first: every item keeps a share, so that no big log starves the rest. Within an item the suspects with the lines
around them stay, then the newest error-looking lines, then the newest. What goes leaves a line that says how much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from FailTaleLibrary.records import Failure, Gap, Item, ItemPart, KeywordStep, RecordVisitor, Report, Suspect
from FailTaleLibrary.rendering.words import severity
from FailTaleLibrary.text import count, fair_shares, shorten

AROUND = 2
"""Lines kept before and after a suspect."""
MAX_LINE = 2000
"""Characters of a line, once something has to go."""
MAX_ARGUMENT = 200
MIN_STDERR = 200
"""Characters of standard error that stay always: mostly they are why an item failed."""
MAX_BRIEF = 400
"""Characters of a suspect or a gap where room is scarce."""

_MARKER = re.compile(r"\[… ([\d,]+) lines? left out of this card …\]")


def text_size(report: Report) -> int:
    """Characters that `fitted` can save."""
    return sum(_item_size(item) for item in report.evidence.items)


def fitted(report: Report, limit: int) -> Report:
    """The report with about ``limit`` characters of output in all; unchanged lines, fewer of them."""
    return _Fitting(report, limit).visit(report)


def essentials(report: Report) -> Report:
    """The report without outputs and with short texts, for a card that has little room."""
    return _Essentials().visit(fitted(report, 0))


class _Fitting(RecordVisitor):
    """Shortens items to their shares; suspects follow their lines to where these are then."""

    def __init__(self, report: Report, limit: int) -> None:
        self._suspects = report.analysis.suspects
        self._shares = fair_shares({item.id: _item_size(item) for item in report.evidence.items}, limit)
        self._places: dict[tuple[str | None, int | None], int] = {}

    def visit_item(self, item: Item) -> Item:
        shorter, places = _shorter_item(item, self._shares[item.id], _lines_of(item, self._suspects))
        self._places.update({(item.id, old): new for old, new in places.items()})
        return shorter

    def visit_suspect(self, suspect: Suspect) -> Suspect:
        return suspect.model_copy(
            update={
                "line_number": self._places.get((suspect.item_id, suspect.line_number)),
                "text": shorten(suspect.text, MAX_LINE),
                "lines_before": tuple(shorten(line, MAX_LINE) for line in suspect.lines_before),
                "lines_after": tuple(shorten(line, MAX_LINE) for line in suspect.lines_after),
            }
        )

    def visit_keyword_step(self, step: KeywordStep) -> KeywordStep:
        return step.model_copy(update={"arguments": tuple(shorten(each, MAX_ARGUMENT) for each in step.arguments)})


class _Essentials(RecordVisitor):
    """Shortens what stands around the outputs."""

    def visit_failure(self, failure: Failure) -> Failure:
        message = shorten(failure.message, MAX_LINE)
        return failure.model_copy(update={"message": message, "keywords": (), "identifiers": ()})

    def visit_gap(self, gap: Gap) -> Gap:
        return gap.model_copy(update={"detail": shorten(gap.detail, MAX_BRIEF)})

    def visit_suspect(self, suspect: Suspect) -> Suspect:
        short = {"text": shorten(suspect.text, MAX_BRIEF), "lines_before": (), "lines_after": ()}
        return suspect.model_copy(update=short)


def left_out(item: Item) -> int:
    """Lines that `fitted` took from an item, also from one that was stored and read again."""
    texts = (item.text, item.before, item.stderr, item.baseline or "", "\n".join(item.changes))
    return sum(_marked(line) or 0 for text in texts for line in text.splitlines())


def is_marker(line: str) -> bool:
    """Whether a line stands for lines that were left out."""
    return _marked(line) is not None


def _item_size(item: Item) -> int:
    return len(item.text) + len(item.before) + len(item.stderr) + len(item.baseline or "") + sum(map(len, item.changes))


def _lines_of(item: Item, suspects: Sequence[Suspect]) -> set[int]:
    return {each.line_number for each in suspects if each.item_id == item.id and each.line_number is not None}


def _shorter_item(item: Item, share: int, suspects: set[int]) -> tuple[Item, dict[int, int]]:
    """The item within its share, and where its lines are now."""
    if _item_size(item) <= share:
        return item, {number: number for number in suspects}
    side = share // 8  # of the share, for each of the texts that accompany the answer
    changes = tuple(_newest_lines("\n".join(item.changes), side).splitlines())
    texts = {
        "before": _newest_lines(item.before, side),
        "stderr": _newest_lines(item.stderr, max(side, MIN_STDERR)),
        "baseline": None if item.baseline is None else _newest_lines(item.baseline, side),
    }
    used = sum(len(text or "") for text in texts.values()) + sum(map(len, changes))
    text, places = _important_lines(item.text, share - used, suspects)
    parts = item.parts if text == item.text else tuple(_moved_parts(item.parts, places))
    return item.model_copy(update={**texts, "changes": changes, "text": text, "parts": parts}), places


def _moved_parts(parts: Iterable[ItemPart], places: Mapping[int, int]) -> Iterator[ItemPart]:
    """Where the parts of a text are now, of which some lines were left out; one of which nothing is left is none."""
    for part in parts:
        kept = [places[n] for n in range(part.first_line, part.first_line + part.lines) if n in places]
        if kept:
            yield part.model_copy(update={"first_line": kept[0], "lines": kept[-1] - kept[0] + 1})


def _newest_lines(text: str, limit: int) -> str:
    return _important_lines(text, limit, set())[0]


def _important_lines(text: str, limit: int, suspects: set[int]) -> tuple[str, dict[int, int]]:
    """The most significant lines of a text in their order, and old line number -> new one."""
    if len(text) <= limit:
        return text, {number: number for number in suspects}
    lines = [shorten(line, MAX_LINE) for line in text.splitlines()]
    return _with_markers(lines, _chosen_lines(lines, limit, suspects) if limit > 0 else set())


def _chosen_lines(lines: Sequence[str], limit: int, suspects: set[int]) -> set[int]:
    near = (number + step for number in sorted(suspects) for step in range(-AROUND, AROUND + 1))
    newest = range(len(lines) - 1, -1, -1)
    kept: set[int] = set()
    limit = _take_lines(lines, (number for number in near if 0 <= number < len(lines)), limit, kept)
    errors = (number for number in newest if severity(lines[number]) == "error")
    rest = _take_lines(lines, errors, limit // 2, kept)
    _take_lines(lines, newest, limit - limit // 2 + rest, kept)
    return kept


def _take_lines(lines: Sequence[str], numbers: Iterable[int], limit: int, kept: set[int]) -> int:
    """Adds lines to `kept` while they fit and returns what is left of the limit."""
    for number in numbers:
        if number in kept or is_marker(lines[number]):
            continue
        if len(lines[number]) + 1 > limit:
            break
        limit -= len(lines[number]) + 1
        kept.add(number)
    return limit


def _with_markers(lines: Sequence[str], kept: set[int]) -> tuple[str, dict[int, int]]:
    result: list[str] = []
    places: dict[int, int] = {}
    missing = 0
    for number, line in enumerate(lines):
        if number not in kept:
            missing += _marked(line) or 1
            continue
        result.extend(_marker(missing))
        missing = 0
        places[number] = len(result)
        result.append(line)
    result.extend(_marker(missing))
    return "\n".join(result), places


def _marker(missing: int) -> Iterator[str]:
    if missing:
        yield f"[… {count(missing, 'line')} left out of this card …]"


def _marked(line: str) -> int | None:
    match = _MARKER.fullmatch(line)
    return int(match[1].replace(",", "")) if match else None
