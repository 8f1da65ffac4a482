"""A report -> the same report with shorter texts, so that its card keeps under a size. Pure.

Breadth first: every item keeps a share, so that no big log starves the rest. Within an item the suspects with the lines
around them stay, then the newest error-looking lines, then the newest. What goes leaves a line that says how much.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import accumulate

from FailTaleLibrary.records import Failure, Gap, Item, ItemPart, KeywordStep, RecordVisitor, Report, Suspect
from FailTaleLibrary.rendering.words import error_places, severity
from FailTaleLibrary.text import count, fair_shares, shorten

AROUND = 2
"""Lines kept before and after a suspect."""
MAX_LINE = 2000
"""Characters of a line, once something has to go."""
LINE_COST = 20
"""What a line costs beside its characters: of a million short lines a card would be slow to draw and to scroll."""
_MOST_ERRORS = 1000
"""Of the newest error-looking lines of a text; no share has room for more."""
MAX_ARGUMENT = 200
MIN_STDERR = 200
"""Characters of standard error that stay always: mostly they are why an item failed."""
MAX_BRIEF = 400
"""Characters of a suspect or a gap where room is scarce."""

_MARKER = re.compile(r"\[… ([\d,]+) lines? left out of this card …\]")


class Fitter:
    """Makes a report's shorter versions; what it has found out about a text serves all of them."""

    def __init__(self, report: Report, *, still: Callable[[Item], Item] = lambda item: item) -> None:
        """``still`` sees each item before there is much to do for it; it may end it all with an error."""
        self._report = report
        self._still = still
        self._texts: dict[str, _Lines] = {}

    @cached_property
    def text_size(self) -> int:
        """What `fitted` can save: characters, and `LINE_COST` for each line."""
        return sum(self._sizes.values())

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return {item.id: _item_size(item) for item in self._report.evidence.items}

    def fitted(self, limit: int) -> Report:
        """The report with about ``limit`` of `text_size`; unchanged lines, fewer of them."""
        shares = fair_shares(self._sizes, limit)
        fitting = _Fitting(self._report.analysis.suspects, shares, self._lines_of_text, self._still)
        return fitting.visit(self._report)

    def _lines_of_text(self, text: str) -> _Lines:
        if text not in self._texts:
            self._texts[text] = _Lines(text)
        return self._texts[text]


def fitted(report: Report, limit: int) -> Report:
    """One shorter version of a report; see `Fitter.fitted`."""
    return Fitter(report).fitted(limit)


def essentials(report: Report, *, still: Callable[[Item], Item] = lambda item: item) -> Report:
    """The report without outputs and with short texts, for a card that has little room; ``still`` as in `Fitter`."""
    return _Essentials().visit(Fitter(report, still=still).fitted(0))


def newest_of_each(report: Report, chars: int, *, most_items: int) -> Report:
    """The report with the newest lines of each item, ``chars`` in all, for whoever has no time to look at any line.

    Of more items than ``most_items`` those that suspects name come first, then the small ones.
    """
    named = {suspect.item_id for suspect in report.analysis.suspects}
    items = report.evidence.items
    ranked = sorted(items, key=lambda item: (item.id not in named, len(item.text)))
    shares = fair_shares({item.id: len(item.text) for item in ranked[:most_items]}, chars)
    kept = tuple(_with_newest(item, shares[item.id]) for item in items if item.id in shares)
    whole = {old.id for old, new in zip((item for item in items if item.id in shares), kept, strict=True) if new is old}
    suspects = tuple(
        each if each.item_id in whole else each.model_copy(update={"line_number": None})
        for each in report.analysis.suspects
    )
    return report.model_copy(
        update={
            "analysis": report.analysis.model_copy(update={"suspects": suspects}),
            "evidence": report.evidence.model_copy(update={"items": kept}),
        }
    )


def _with_newest(item: Item, share: int) -> Item:
    accompanying = sum(map(len, (item.before, item.stderr, item.baseline or "", *item.changes)))
    if len(item.text) <= share and accompanying <= MAX_LINE:
        return item
    changes = item.changes if accompanying <= MAX_LINE else ()
    return item.model_copy(
        update={
            "text": _newest_lines(item.text, share),
            "before": _newest_lines(item.before, MIN_STDERR),
            "stderr": _newest_lines(item.stderr, MIN_STDERR),
            "baseline": None if item.baseline is None or not changes else _newest_lines(item.baseline, MIN_STDERR),
            "changes": changes,
            "parts": (),
            "look_backs": (),
        }
    )


def _newest_lines(text: str, limit: int) -> str:
    """Whole lines but for one that is longer than the limit."""
    if len(text) <= limit:
        return text
    newest = text[len(text) - limit :] if limit else ""
    newest = newest.partition("\n")[2] or newest
    missing = text.count("\n", 0, len(text) - len(newest))
    return "\n".join([*_marker(missing), newest])


class _Fitting(RecordVisitor):
    """Shortens items to their shares; suspects follow their lines to where these are then."""

    def __init__(
        self,
        suspects: Iterable[Suspect],
        shares: Mapping[str, int],
        lines_of_text: Callable[[str], _Lines],
        still: Callable[[Item], Item],
    ) -> None:
        self._lines_of_text = lines_of_text
        self._still = still
        self._shares = shares
        self._suspects: dict[str | None, set[int]] = {}
        """Item -> its suspects' lines."""
        for each in suspects:
            if each.line_number is not None:
                self._suspects.setdefault(each.item_id, set()).add(each.line_number)
        self._places: dict[tuple[str | None, int | None], int] = {}

    def visit_item(self, item: Item) -> Item:
        shorter, places = self._shorter_item(
            self._still(item), self._shares[item.id], self._suspects.get(item.id, set())
        )
        self._places.update({(item.id, old): new for old, new in places.items()})
        return shorter

    def visit_suspect(self, suspect: Suspect) -> Suspect:
        return suspect.model_copy(
            update={
                "line_number": self._places.get((suspect.item_id, suspect.line_number)),
                "text": shorten(suspect.text, MAX_LINE),
                "error": shorten(suspect.error, MAX_LINE),
                "lines_before": tuple(shorten(line, MAX_LINE) for line in suspect.lines_before),
                "lines_after": tuple(shorten(line, MAX_LINE) for line in suspect.lines_after),
            }
        )

    def visit_keyword_step(self, step: KeywordStep) -> KeywordStep:
        return step.model_copy(update={"arguments": tuple(shorten(each, MAX_ARGUMENT) for each in step.arguments)})

    def _shorter_item(self, item: Item, share: int, suspects: set[int]) -> tuple[Item, dict[int, int]]:
        """The item within its share, and where its lines are now."""
        if _item_size(item) <= share:
            return item, {number: number for number in suspects}
        side = share // 8  # of the share, for each of the texts that accompany the answer
        changes = tuple(self._newest_lines("\n".join(item.changes), side).splitlines())
        texts = {
            "before": self._newest_lines(item.before, side),
            "stderr": self._newest_lines(item.stderr, max(side, MIN_STDERR)),
            "baseline": None if item.baseline is None else self._newest_lines(item.baseline, side),
        }
        used = sum(_text_size(text or "") for text in texts.values()) + sum(map(_text_size, changes))
        text, places = self._important_lines(item.text, share - used, suspects)
        parts = item.parts if text == item.text else tuple(_moved_parts(item.parts, places))
        return item.model_copy(update={**texts, "changes": changes, "text": text, "parts": parts}), places

    def _newest_lines(self, text: str, limit: int) -> str:
        return self._important_lines(text, limit, set())[0]

    def _important_lines(self, text: str, limit: int, suspects: set[int]) -> tuple[str, dict[int, int]]:
        """The most significant lines of a text in their order, and old line number -> new one."""
        if _text_size(text) <= limit:
            return text, {number: number for number in suspects}
        lines = self._lines_of_text(text)
        return _with_markers(lines, _chosen_lines(lines, limit, suspects) if limit > 0 else set())


class _Essentials(RecordVisitor):
    """Shortens what stands around the outputs."""

    def visit_failure(self, failure: Failure) -> Failure:
        message = shorten(failure.message, MAX_LINE)
        return failure.model_copy(update={"message": message, "keywords": (), "identifiers": ()})

    def visit_gap(self, gap: Gap) -> Gap:
        return gap.model_copy(update={"detail": shorten(gap.detail, MAX_BRIEF)})

    def visit_suspect(self, suspect: Suspect) -> Suspect:
        short = {
            "text": shorten(suspect.text, MAX_BRIEF),
            "error": shorten(suspect.error, MAX_BRIEF),
            "lines_before": (),
            "lines_after": (),
        }
        return suspect.model_copy(update=short)


def left_out(item: Item) -> int:
    """Lines that `fitted` took from an item, also from one that was stored and read again."""
    texts = (item.text, item.before, item.stderr, item.baseline or "", "\n".join(item.changes))
    return sum(_marked(line) or 0 for text in texts for line in text.splitlines())


def is_marker(line: str) -> bool:
    """Whether a line stands for lines that were left out."""
    return _marked(line) is not None


def _item_size(item: Item) -> int:
    texts = (item.text, item.before, item.stderr, item.baseline or "", *item.changes)
    return sum(map(_text_size, texts))


def _text_size(text: str) -> int:
    return len(text) + LINE_COST * text.count("\n") if text else 0


def _moved_parts(parts: Iterable[ItemPart], places: Mapping[int, int]) -> Iterator[ItemPart]:
    """Where the parts of a text are now, of which some lines were left out; one of which nothing is left is none."""
    for part in parts:
        kept = [places[n] for n in range(part.first_line, part.first_line + part.lines) if n in places]
        if kept:
            yield part.model_copy(update={"first_line": kept[0], "lines": kept[-1] - kept[0] + 1})


class _Lines:
    """A text's lines, and which of them a card may want; only those are looked at, however many there are."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._ends = list(accumulate(map(len, text.splitlines(keepends=True))))
        self.markers = {
            number: marked for number in self._numbers(_places(text, "[…")) if (marked := self._marked(number))
        }
        self._text = text

    @cached_property
    def errors(self) -> list[int]:
        """Newest first."""
        found: list[int] = []
        for number in sorted(set(self._numbers(error_places(self._text))), reverse=True):
            if severity(self.line(number)) == "error":
                found.append(number)
            if len(found) >= _MOST_ERRORS:
                break
        return found

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, number: int) -> str:
        return shorten(self._lines[number], MAX_LINE)

    def _numbers(self, places: Iterable[int]) -> Iterator[int]:
        """The lines in which these places are, in order."""
        ends = iter(self._ends)
        number, end = 0, next(ends, 0)
        for place in places:
            while place >= end:
                number, end = number + 1, next(ends)
            yield number

    def _marked(self, number: int) -> int | None:
        return _marked(self._lines[number])


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + len(word))


def _chosen_lines(lines: _Lines, limit: int, suspects: set[int]) -> set[int]:
    near = (number + step for number in sorted(suspects) for step in range(-AROUND, AROUND + 1))
    newest = range(len(lines) - 1, -1, -1)
    kept: set[int] = set()
    limit = _take_lines(lines, (number for number in near if 0 <= number < len(lines)), limit, kept)
    rest = _take_lines(lines, lines.errors, limit // 2, kept)
    _take_lines(lines, newest, limit - limit // 2 + rest, kept)
    return kept


def _take_lines(lines: _Lines, numbers: Iterable[int], limit: int, kept: set[int]) -> int:
    """Adds lines to `kept` while they fit and returns what is left of the limit."""
    for number in numbers:
        if number in kept or number in lines.markers:
            continue
        cost = len(lines.line(number)) + 1 + LINE_COST
        if cost > limit:
            break
        limit -= cost
        kept.add(number)
    return limit


def _with_markers(lines: _Lines, kept: set[int]) -> tuple[str, dict[int, int]]:
    result: list[str] = []
    places: dict[int, int] = {}
    marked_before = sorted(lines.markers)
    behind = 0
    for number in [*sorted(kept), len(lines)]:
        missing = number - behind
        while marked_before and marked_before[0] < number:
            missing += lines.markers[marked_before.pop(0)] - 1
        result.extend(_marker(missing))
        behind = number + 1
        if number < len(lines):
            places[number] = len(result)
            result.append(lines.line(number))
    return "\n".join(result), places


def _marker(missing: int) -> Iterator[str]:
    if missing:
        yield f"[… {count(missing, 'line')} left out of this card …]"


def _marked(line: str) -> int | None:
    match = _MARKER.fullmatch(line) if line.startswith("[… ") else None
    return int(match[1].replace(",", "")) if match else None
