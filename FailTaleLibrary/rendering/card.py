"""Report -> what the card's template shows, in words and in order. Pure.

From the top: the cause in one sentence, how it led to the failure, the timeline, the story in a handful of lines; then,
folded, the logs of all hosts in one order, what changed, one row for each host with its items inside, and the gaps by
what to do about them. Unopened it is at most `MOST_PX` high on a page of 1280 pixels, whatever the report holds: texts
are cut by the style sheet until they are opened, and lanes and rows of the story get what room the rest leaves.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.moments import message_of
from FailTaleLibrary.records import NO_HOST, Analysis, Gap, Hint, Item, Report, Suspect
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.rendering.changes import Changes, changes_of
from FailTaleLibrary.rendering.fitting import AROUND, is_marker, left_out
from FailTaleLibrary.rendering.hint_places import HintPlace, agreement_words, place_of_hint
from FailTaleLibrary.rendering.many_hosts import HostGroup, host_groups, outcome_counts, own_rows
from FailTaleLibrary.rendering.merged import Merged, merged_lines, shared_identifiers
from FailTaleLibrary.rendering.timeline import MOST_HOSTS, Timeline, timeline_of
from FailTaleLibrary.rendering.words import severity
from FailTaleLibrary.structured_lines import words_of_fields
from FailTaleLibrary.text import count, duration, shorten

MOST_PX = 500
"""Of an unopened card."""
SHOWN_SUSPECTS = 5
STORY_CHARS = 300
"""Of a line in the story; the whole stands inside of its row."""
MOST_HOST_CHARS = 18
MOST_GAPS = 8
"""Groups of gaps in a card that has little room."""
_WHY_SIGNALS = 3
_OFTEN_BEFORE = 3
"""So often a line's shape stood before the window, at least, when most of its lines in the window may be left out."""
_KEPT_OF_SHAPE = 3
"""Of the lines of such a shape in one item: the first and the newest."""
_FEWEST_LEFT_OUT = 3
"""Neighbours; a row that says "2 usual lines" saves nothing."""
_ID_CHARS = 16
"""Of a failure's id: as many as no two of a page share."""
NO_NEWS = "seen before"
"""Signal of a line that a host says all the time; beside a suspect that is news it only costs a reader's time."""


def shown_suspects(analysis: Analysis) -> tuple[Suspect, ...]:
    """The chain's and the best that are news, by rank; where none is, the best there are.

    What two items of a host say alike counts once.
    """
    chained = _ids_of_chain(analysis)
    news = [each for each in analysis.suspects if each.id in chained or not _is_no_news(each)]
    once: dict[tuple[str, str], Suspect] = {}
    for each in news or analysis.suspects:
        once.setdefault((each.host, _said(each)), each)
    candidates = tuple(once.values())
    best = sorted(candidates, key=lambda each: each is not candidates[0] and each.id not in chained)[:SHOWN_SUSPECTS]
    return tuple(each for each in candidates if each in best)


def _ids_of_chain(analysis: Analysis) -> set[str | None]:
    links = analysis.chain.links if analysis.chain else ()
    return {event.suspect_id for link in links for event in (link.cause, link.effect)}


def _is_no_news(suspect: Suspect) -> bool:
    return any(signal.name == NO_NEWS for signal in suspect.signals)


# --- What the template gets ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """What stands below the cause: how it led to the failure, why that is believed, where else it struck."""

    text: str
    is_chain: bool = False
    is_quiet: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """The cause in one sentence, and how sure that is."""

    sentence: str
    badge: str
    """Host and kind of the cause; empty when there is no strong suspect."""
    lines: tuple[VerdictLine, ...]
    reasons: tuple[str, ...]
    """What opens below them: link by link why the chain is believed, and what else followed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line; ``is_shared``: an identifier that stands in lines of another host, too."""

    text: str
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class StoryRow:
    """A suspect in the order of time."""

    suspect: Suspect
    name: str
    anchor: str | None
    """Where the line stands in the evidence."""
    pieces: tuple[Piece, ...]
    has_neighbours: bool
    """Its line opens with those around it; of what is less suspect they stand where its link leads."""


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
    """One item."""

    item: Item
    anchor: str
    outcome: in_words.Outcome
    counts: str
    chunks: tuple[Chunk, ...]
    facts: tuple[tuple[str, str], ...] = ()
    """What is to be known of how it was collected, by name."""
    error_lines: int = 0
    usual_left_out: int = 0
    """Lines that the host logs all the time, of which the card shows a few."""


@dataclass(frozen=True, slots=True)
class HostView:
    """One host with all its items."""

    name: str
    clock: str
    words: str
    """``4 ok, 1 log, 2 errors``."""
    tone: in_words.Tone
    why: str
    """For what it was asked in full, where most were not."""
    items: tuple[ItemView, ...]
    quiet: tuple[ItemView, ...]
    """Items that have nothing to open."""


@dataclass(frozen=True, slots=True)
class GapGroup:
    """Gaps that ask for the same act."""

    reason: str
    detail: str
    tone: in_words.Tone
    places: str
    number: int


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that the template shows, in words."""

    report: Report
    prefix: str
    """What the names of its places in a page begin with; no other card's do."""
    height_px: int
    """Of the unopened card on a page of 1280 pixels, about."""
    verdict: Verdict
    timeline: Timeline | None
    story: tuple[StoryRow, ...]
    more_story: tuple[StoryRow, ...]
    """Suspects for which an unopened card has no room."""
    notes: tuple[str, ...]
    """Sentences that a reader must know of: each is cut to the card's width until it is opened."""
    hint_place: HintPlace
    merged: Merged
    changes: Changes
    hosts: tuple[HostView, ...]
    groups: tuple[HostGroup, ...]
    """Hosts that have no row of their own."""
    gaps: tuple[GapGroup, ...]
    brief: bool
    """Without the outputs: they would not fit."""

    @property
    def host_chars(self) -> int:
        """Width of the story's column of hosts, each with how often its line stands there; bold letters are wide."""
        return min(max((len(_host_and_times(row.suspect)) for row in self.story), default=4) + 2, MOST_HOST_CHARS)

    @property
    def more_story_words(self) -> str:
        """``2 more suspects: api1, storage1``."""
        hosts = ", ".join(dict.fromkeys(row.suspect.host for row in self.more_story))
        return f"{count(len(self.more_story), 'more suspect')}: {hosts}"

    @property
    def collected_words(self) -> str:
        """``5 ok, 1 empty, 1 cut``, commonest first."""
        evidence = self.report.evidence
        ends = [in_words.outcome(item) for item in evidence.items]
        return outcome_counts([*ends, *(in_words.gap_outcome(gap) for gap in evidence.gaps)])

    @property
    def host_words(self) -> str:
        """Hosts by name while they are few."""
        number = len(self.hosts) + sum(len(group.hosts) for group in self.groups)
        if number > 4:
            in_full = len(self.report.evidence.in_full)
            told = f", {in_full} of them asked in full" if self.groups else ""
            return f"{count(number, 'host')}{told}: {self.collected_words}"
        return " · ".join(f"{host.name}: {host.words}" for host in self.hosts)

    @property
    def gap_words(self) -> str:
        """``2 gaps: dmesg permission denied on 3 hosts; db1 unreachable``."""
        number = sum(group.number for group in self.gaps)
        named = [f"{group.places}: {group.reason}" for group in self.gaps[:2]]
        more = f"; {len(self.gaps) - 2} more kinds" if len(self.gaps) > 2 else ""
        return f"{count(number, 'gap')}: {'; '.join(named)}{more}"


# --- From the report to it -------------------------------------------------------------------------------------------


def card_of(
    report: Report,
    *,
    brief: bool = False,
    without_usual: bool = False,
    still: Callable[[Item], Item] = lambda item: item,
) -> Card:
    """The words of a report's card; ``without_usual``: of lines that a host logs all the time it shows a few.

    ``still`` sees each item before it is looked at; it may end it all with an error.
    """
    prefix = f"failtale_{own_part(report.failure.id)[-_ID_CHARS:]}"  # log.html reads a hyphen as in s1-t1-k1
    suspects = shown_suspects(report.analysis)
    with_rows = own_rows(report, suspects)
    items = tuple(
        _item_view(still(item), number, prefix=prefix, suspects=suspects, without_usual=without_usual)
        for number, item in enumerate(report.evidence.items)
        if item.host in with_rows
    )
    merged = Merged() if brief else merged_lines(report, suspects)
    changes = changes_of([item for item in report.evidence.items if item.host in with_rows])
    verdict = _verdict(report, suspects)
    notes = tuple(_notes(report))
    hint_place = place_of_hint(report.analysis)
    framed_hint = report.analysis.hint if hint_place in ("under the headline", "below") else None
    has_changes = bool(changes.items or changes.counters) and not brief
    folds = (
        bool(report.failure.screenshots),
        bool(merged.lines),
        has_changes,
        bool(in_words.hosts_of(report.evidence)),
        bool(report.evidence.gaps),
    )
    others_px = sum(_heights(verdict, framed_hint, notes)) + _FOLD_PX * sum(folds)
    lanes, rows = _room(others_px, hosts=len(in_words.hosts_of(report.evidence)), suspects=len(suspects))
    timeline = timeline_of(report, suspects, most_hosts=lanes) if suspects or report.failure.keywords else None
    story = _story(report, suspects, items, prefix=prefix, brief=brief)
    shown = {each.id for each in suspects[:rows]}
    return Card(
        report=report,
        prefix=prefix,
        height_px=_FRAME_PX
        + others_px
        + (_TIMELINE_PX + (len(timeline.lanes) - 1) * _LANE_PX if timeline else 0)
        + (_STORY_PX if report.failure.keyword_path else 0)
        + _rows_px(rows, wanted=len(suspects)),
        verdict=verdict,
        timeline=timeline,
        story=tuple(row for row in story if row.suspect.id in shown),
        more_story=tuple(row for row in story if row.suspect.id not in shown),
        notes=notes,
        hint_place=hint_place,
        merged=merged,
        changes=changes,
        hosts=tuple(_hosts(report, items, with_rows)),
        groups=host_groups(report, with_rows),
        gaps=tuple(_gap_groups(report.evidence.gaps)),
        brief=brief,
    )


def headline_of(report: Report) -> str:
    """The analysis's sentence, else what was collected."""
    return report.analysis.headline or f"Evidence of {in_words.counts_words(report.evidence)}"


def _verdict(report: Report, suspects: Sequence[Suspect]) -> Verdict:
    first = suspects[0] if suspects else None
    lines, reasons = tuple(_verdict_lines(report, first)), tuple(_reasons(report))
    if first is None or not first.is_strong:
        return Verdict(headline_of(report), "", lines, reasons)
    kind = report.analysis.cause or f"{first.host} · {next(each.name for each in first.signals if each.strong)}"
    return Verdict(*_without_badge(headline_of(report), first, kind), lines, reasons)


def _without_badge(headline: str, first: Suspect, cause: str) -> tuple[str, str]:
    """The headline without its host and kind, and the badge that says them; with the component where the headline does.

    ``cause`` is host and kind.
    """
    kind = cause.removeprefix(f"{first.host} · ")
    for who in (first.host, f"{first.host} ({first.component})"):
        for beginning in (f"{who} · {kind}: ", f"{who}: "):
            if headline.startswith(beginning):
                return headline.removeprefix(beginning), f"{who} · {kind}"
    return headline, cause


def _verdict_lines(report: Report, first: Suspect | None) -> Iterator[VerdictLine]:
    analysis = report.analysis
    if analysis.chain:
        yield VerdictLine(in_words.chain_after_cause(analysis.chain), is_chain=True, is_quiet=False)
    known = _known_words(report)
    if known:
        yield VerdictLine(known, is_quiet=not (analysis.recurrence and analysis.recurrence.note))
    if first is not None and first.is_strong:
        why = [signal.words for signal in first.signals[:_WHY_SIGNALS]]
        links = [link.reasons[0] for link in (analysis.chain.links if analysis.chain else ())]
        linked = f"; linked by: {', '.join(dict.fromkeys(links))}" if links else ""
        yield VerdictLine(f"Why {first.id}: {' · '.join(why)}{linked}")
    if analysis.hint and place_of_hint(analysis) == "agrees":
        yield VerdictLine(agreement_words(analysis.hint))


def _known_words(report: Report) -> str:
    """``Known: BUG-123 · 4th time since 3 May · same as 'Order Is Paid' of this run``; empty when nothing is known."""
    recurrence = report.analysis.recurrence
    parts = []
    if recurrence:
        parts += [f"Known: {recurrence.note}"] if recurrence.note else []
        parts.append(in_words.recurrence_words(recurrence, report.failure.window.end))
    if same := in_words.same_cause_words(report):
        parts.append(f"{same}, earlier in this run")
    return " · ".join(parts)


def _reasons(report: Report) -> Iterator[str]:
    """Why each link of the chain is believed, what else followed, and what the cause is known by."""
    chain = report.analysis.chain
    for link in chain.links if chain else ():
        yield f"{link.cause.who} → {link.effect.who}: {in_words.reason_words(link)}"
    for link in chain.consequences if chain else ():
        yield f"and {link.effect.who}: {link.effect.says} (after {link.cause.who}: {in_words.reason_words(link)})"
    hint = report.analysis.hint
    if hint and place_of_hint(report.analysis) == "agrees":
        if not hint.in_our_words:
            yield f"The model's words: {hint.cause}"
        yield from hint.notes
        yield from (f"Next: {step}" for step in hint.next_steps)
    if report.analysis.recurrence:
        yield f"For a note on this cause: failtale know {report.analysis.recurrence.signature} 'BUG-123'"
    if report.analysis.signature and report.analysis.signature.same_as:
        yield f"What both have in common: {report.analysis.signature.text}"


def _notes(report: Report) -> Iterator[str]:
    yield from report.analysis.notes
    hint = report.analysis.hint
    if hint and hint.finds_no_cause:
        yield f"No hint: {hint.cause} ({hint.model})"
        yield from hint.notes
    elif report.analysis.no_hint_reason and not hint:
        yield f"No hint from a model: {report.analysis.no_hint_reason}"
    if report.failure.redactions:
        yield f"Removed from the failure: {in_words.redaction_words(report.failure.redactions)}"
    if reach := in_words.reach_words(report.evidence):
        yield reach
    missing = [lines for item in report.evidence.items if (lines := left_out(item))]
    if missing:
        where = f"; the bundle '{report.bundle}' has them" if report.bundle else ""
        yield (
            f"To keep under its size limit, this card leaves out {count(sum(missing), 'line')} "
            f"of {count(len(missing), 'item')}{where}."
        )


# --- Room: heights as the style sheet sets them, in pixels at a width of 1280 ----------------------------------------

_FRAME_PX = 14 + 4 + 2 * 18
"""Padding and border, and two lines of the foot."""
_HEAD_PX = 23
_HEAD_CELLS = 70
"""That have room in a line of the headline for sure, also where suites lie deep; its badge takes some of them."""
_LINE_PX = 19
_LINE_CELLS = 100
_HINT_FRAME_PX = 10
_FOLD_PX = 21
_TIMELINE_PX = 6 + 18 + 14
"""Margins, the test's lane and the axis."""
_LANE_PX = 18
_STORY_PX = 4 + 20
"""Margins and the test's own row."""
_ROW_PX = 20
_FEWEST_LANES = 2
_FEWEST_ROWS = 2


_NARROW = re.compile(r"[a-ln-vx-z0-9 .,:;'()/_-]")


def _lines_taken(text: str, cells: int = _LINE_CELLS) -> int:
    """One or two, for the style sheet cuts the rest; what is no narrow letter may take twice the width."""
    if len(text) > cells:
        return 2
    return 1 if 2 * len(text) - len(_NARROW.findall(text)) <= cells else 2


def _heights(verdict: Verdict, hint: Hint | None, notes: Sequence[str]) -> Iterator[int]:
    """Of what stands around timeline and story."""
    yield _HEAD_PX * _lines_taken(verdict.badge + verdict.sentence, _HEAD_CELLS)
    yield from (_LINE_PX * (_lines_taken(line.text) if line.is_chain else 1) for line in verdict.lines)
    if notes:
        yield _LINE_PX
    if hint:
        yield _LINE_PX * _lines_taken(hint.cause, _HEAD_CELLS) + _HINT_FRAME_PX


def _room(others_px: int, *, hosts: int, suspects: int) -> tuple[int, int]:
    """How many lanes of hosts and rows of suspects have room beside the rest; rows that have none share one."""
    left = MOST_PX - _FRAME_PX - _TIMELINE_PX - _STORY_PX - others_px
    wanted_lanes, wanted_rows = min(hosts, MOST_HOSTS), suspects
    lanes, rows = min(wanted_lanes, _FEWEST_LANES), min(wanted_rows, _FEWEST_ROWS)

    def used(lanes: int, rows: int) -> int:
        return lanes * _LANE_PX + _rows_px(rows, wanted=wanted_rows)

    while lanes < wanted_lanes or rows < wanted_rows:
        more_rows = min(wanted_rows, rows + 1 + (rows == wanted_rows - 2))  # a row that says "1 more" saves nothing
        if rows < wanted_rows and used(lanes, more_rows) <= left:
            rows = more_rows
        elif lanes < wanted_lanes and used(lanes + 1, rows) <= left:
            lanes += 1
        else:
            break
    return lanes, rows


def _rows_px(rows: int, *, wanted: int) -> int:
    """Of the suspects' rows, with the row that stands for those without room."""
    return (rows + (rows < wanted)) * _ROW_PX


def own_part(text: str) -> str:
    """A text as part of an HTML id: itself when it is plain, else its hash."""
    return text if re.fullmatch(r"[A-Za-z0-9]{1,40}", text) else hashlib.sha256(text.encode()).hexdigest()[:16]


def _line_anchor(prefix: str, suspect: Suspect) -> str:
    return f"{prefix}_line_{own_part(suspect.id)}"


# --- The story -------------------------------------------------------------------------------------------------------


def _story(
    report: Report, suspects: Sequence[Suspect], items: Sequence[ItemView], *, prefix: str, brief: bool
) -> list[StoryRow]:
    """By time; what has none, such as a changed state, stands where its rank puts it: before what is less suspect."""
    shared = shared_identifiers((each.host, each.text) for each in suspects)
    anchors = {each.id: None if brief else _anchor_of(each, items, prefix=prefix) for each in suspects}
    return [
        StoryRow(
            suspect=suspect,
            name=f"{prefix}_{own_part(suspect.id)}",
            anchor=anchors[suspect.id],
            pieces=tuple(_pieces(shorten(_told_in_story(suspect), STORY_CHARS), shared)),
            has_neighbours=suspect.is_strong or anchors[suspect.id] is None,
        )
        for suspect in _by_time(suspects)
    ]


def _host_and_times(suspect: Suspect) -> str:
    return f"{suspect.host} {in_words.times(suspect.count)}" if suspect.count > 1 else suspect.host


def _by_time(suspects: Sequence[Suspect]) -> list[Suspect]:
    timed = iter(sorted((each for each in suspects if each.at is not None), key=lambda each: str(each.at)))
    return [each if each.at is None else next(timed) for each in suspects]


def _said(suspect: Suspect) -> str:
    """The line without its time, in one line."""
    text = message_of(suspect.text) if suspect.line_number is not None else suspect.text
    return re.sub(r"\s+", " ", text).strip() or suspect.text.strip()


def _told_in_story(suspect: Suspect) -> str:
    """What was said; of a JSON line what it says first, for there its fields often push that out of sight."""
    said = _said(suspect)
    words = " ".join(words_of_fields(said).split()) if said.startswith("{") else ""
    return f"{words} — {said}" if words else said


def _pieces(text: str, shared: Iterable[str]) -> Iterator[Piece]:
    wanted = sorted(shared, key=len, reverse=True)
    if not wanted:
        yield Piece(text)
        return
    for number, part in enumerate(re.split(f"({'|'.join(map(re.escape, wanted))})", text)):
        if part:
            yield Piece(part, is_shared=bool(number % 2))


def _anchor_of(suspect: Suspect, items: Iterable[ItemView], *, prefix: str) -> str | None:
    """Its line in the evidence; its item when the line was left out; None for a gap."""
    if suspect.line_number is not None:
        return _line_anchor(prefix, suspect)
    return next((view.anchor for view in items if view.item.id == suspect.item_id), None)


def first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


# --- Items, hosts and gaps -------------------------------------------------------------------------------------------


def _item_view(
    item: Item, number: int, *, prefix: str, suspects: Iterable[Suspect], without_usual: bool = False
) -> ItemView:
    own = [each for each in suspects if each.item_id == item.id]
    anchors = {each.line_number: _line_anchor(prefix, each) for each in own}
    severities = ["marker" if is_marker(line) else severity(line) for line in item.lines]
    usual = _usual_lines(item, anchors) if without_usual else frozenset()
    told = {number for back in item.look_backs for shape in back.shapes for number in shape.lines}
    looks = ["plain" if number in told and look != "marker" else look for number, look in enumerate(severities)]
    return ItemView(
        item=item,
        anchor=f"{prefix}_item_{number}",
        outcome=in_words.outcome(item),
        counts=_line_counts(severities),
        chunks=tuple(_item_chunks(item, looks, anchors, usual)),
        facts=tuple(_facts_of_item(item)),
        error_lines=len(_numbers_of(severities, "error") | _numbers_of_strong(own)),
        usual_left_out=len(usual),
    )


def _facts_of_item(item: Item) -> Iterator[tuple[str, str]]:
    outcome = in_words.outcome(item)
    yield "exit status", "none: it did not end by itself" if item.exit_status is None else str(item.exit_status)
    yield "took", duration(item.duration_s)
    if outcome.word != "ok" and outcome.why:
        yield outcome.word, outcome.why
    if item.window:
        yield "window", in_words.window_words(item)
        yield from (("note", item.window.note),) if item.window.note else ()
        yield from (("no surer way", item.window.why),) if item.window.why else ()
    if item.redactions:
        yield "secrets removed", in_words.redaction_words(item.redactions)


def _numbers_of(severities: Sequence[str], wanted: str) -> set[int]:
    return {number for number, each in enumerate(severities) if each == wanted}


def _numbers_of_strong(suspects: Iterable[Suspect]) -> set[int]:
    """Lines that are as grave as errors whatever their words; a change, or a line that shares a word, is no error."""
    return {each.line_number for each in suspects if each.is_strong and each.line_number is not None}


def _usual_lines(item: Item, suspects: Iterable[int | None]) -> frozenset[int]:
    """Lines of shapes that the log held often before the window, but for a few of each and what is near a suspect."""
    if left_out(item):
        return frozenset()  # its lines no longer stand where the host saw them
    near = {number + step for number in suspects if number is not None for step in range(-AROUND, AROUND + 1)}
    usual: set[int] = set()
    for shape in (shape for back in item.look_backs for shape in back.shapes if shape.count >= _OFTEN_BEFORE):
        numbers = sorted({*shape.lines} - near)
        usual.update(numbers[1 : 1 - _KEPT_OF_SHAPE])
    places = enumerate(sorted(usual))
    runs = ([number for _, number in group] for _, group in groupby(places, key=lambda each: each[1] - each[0]))
    return frozenset(number for run in runs if len(run) >= _FEWEST_LEFT_OUT for number in run)


def _line_counts(severities: Sequence[str]) -> str:
    """``10 lines, 3 error-looking``; empty when there is no line."""
    errors, lines = severities.count("error"), len(severities) - severities.count("marker")
    words = count(lines, "line") if lines else ""
    return f"{words}, {errors} error-looking" if errors else words


def _item_chunks(
    item: Item, looks: Iterable[str], anchors: Mapping[int | None, str], usual: Collection[int]
) -> Iterator[Chunk]:
    unsure = item.unsure_lines
    numbered = (
        ("suspect" if number in anchors else look, anchors.get(number), number in unsure, number in usual, line)
        for number, (line, look) in enumerate(zip(item.lines, looks, strict=True))
    )
    for is_usual, part in groupby(numbered, key=itemgetter(3)):
        if is_usual:
            yield Chunk("marker", f"… {count(len(list(part)), 'usual line')}")
            continue
        for (look, anchor, is_unsure), group in groupby(part, key=itemgetter(0, 1, 2)):
            yield Chunk(look, "\n".join(line for *_, line in group), anchor, is_unsure)


def _hosts(report: Report, items: Sequence[ItemView], with_rows: Mapping[str, str]) -> Iterator[HostView]:
    """Every host that was asked; the items of one that have something to open, then what is empty and well."""
    clocks = {clock.host: in_words.clock_words(clock) for clock in report.evidence.clocks}
    views: dict[str, list[ItemView]] = {}
    for view in items:
        views.setdefault(view.item.host, []).append(view)
    lost: dict[str, list[Gap]] = {}
    for gap in report.evidence.gaps:
        lost.setdefault(gap.host, []).append(gap)
    for host, why in with_rows.items():
        own, gaps = views.get(host, []), lost.get(host, [])
        outcomes = [view.outcome for view in own] + [in_words.gap_outcome(gap) for gap in gaps]
        yield HostView(
            name=host,
            clock=clocks.get(host, ""),
            words=_host_words(outcomes, own),
            tone=in_words.worst_tone(outcomes),
            why=why,
            items=tuple(view for view in own if not _is_quiet(view)),
            quiet=tuple(view for view in own if _is_quiet(view)),
        )


def _host_words(outcomes: Iterable[in_words.Outcome], items: Iterable[ItemView]) -> str:
    words = [outcome.word for outcome in outcomes]
    parts = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
    logs = [view for view in items if view.item.window is not None]
    errors = sum(view.error_lines for view in logs)
    if errors:
        parts.append(f"{count(errors, 'error line')} in {count(len(logs), 'log')}")
    return ", ".join(parts)


def _is_quiet(view: ItemView) -> bool:
    return view.outcome.word == "empty" and not (view.item.stderr or view.item.before or view.item.changes)


def _gap_groups(gaps: Sequence[Gap]) -> Iterator[GapGroup]:
    """What went wrong first; gaps of one reason and sentence, wherever they are, are one group."""
    groups: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in gaps:
        groups.setdefault((gap.reason, in_words.subject(gap), _without_host(gap)), []).append(gap)
    tones = {key: in_words.gap_outcome(members[0]).tone for key, members in groups.items()}
    for key in sorted(groups, key=lambda key: (tones[key] != "bad", -len(groups[key]))):
        members = groups[key]
        yield GapGroup(
            members[0].reason, in_words.gap_detail(members[0]), tones[key], _places_of_gaps(members), len(members)
        )


def _without_host(gap: Gap) -> str:
    """The sentence as it would be said of any host."""
    return re.sub(r"\d+(?:\.\d+)*", "#", gap.detail.replace(gap.host, "HOST"))


def _places_of_gaps(gaps: Sequence[Gap]) -> str:
    """``dmesg on web1, web2 and 28 more hosts``."""
    hosts = [gap.host for gap in gaps if gap.host != NO_HOST]
    subject = in_words.subject(gaps[0])
    if not hosts:
        return subject
    named = ", ".join(hosts[:3])
    more = f" and {count(len(hosts) - 3, 'more host')}" if len(hosts) > 3 else ""
    return f"{named}{more}" if gaps[0].collector is None else f"{subject} on {named}{more}"
