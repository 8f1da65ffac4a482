"""Report -> what the card's template shows, in words and in order. Pure.

From the top: the cause in one sentence, the timeline, the story in a handful of lines; then, folded, the logs of all
hosts in one order, what changed, one row for each host with its items inside, and the gaps by what to do about them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from FailTaleLibrary.moments import message_of
from FailTaleLibrary.records import NO_HOST, Analysis, Failure, Gap, Item, KeywordStep, Report, Suspect
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.rendering.changes import Changes, changes_of
from FailTaleLibrary.rendering.fitting import is_marker, left_out
from FailTaleLibrary.rendering.merged import Merged, merged_lines, shared_identifiers
from FailTaleLibrary.rendering.timeline import Timeline, timeline_of
from FailTaleLibrary.rendering.words import severity
from FailTaleLibrary.text import count, shorten

SHOWN_SUSPECTS = 5
STORY_CHARS = 300
"""Of a line in the story; the whole stands inside of its row."""
MOST_HOST_CHARS = 18
MOST_GAPS = 8
"""Groups of gaps in a card that has little room."""
_WHY_SIGNALS = 3
NO_NEWS = "seen before"
"""Signal of a line that a host says all the time; beside a suspect that is news it only costs a reader's time."""


def shown_suspects(analysis: Analysis) -> tuple[Suspect, ...]:
    """The best suspects that are news; where none is, the best there are."""
    news = tuple(each for each in analysis.suspects if all(signal.name != NO_NEWS for signal in each.signals))
    return (news or analysis.suspects)[:SHOWN_SUSPECTS]


# --- What the template gets ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """The cause in one sentence, and how sure that is."""

    sentence: str
    badge: str
    """Host and kind of the cause; empty when there is no strong suspect."""
    why: str


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


@dataclass(frozen=True, slots=True)
class HostView:
    """One host with all its items."""

    name: str
    clock: str
    words: str
    """``4 ok, 1 log, 2 errors``."""
    tone: in_words.Tone
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
    verdict: Verdict
    timeline: Timeline | None
    story: tuple[StoryRow, ...]
    merged: Merged
    changes: Changes
    hosts: tuple[HostView, ...]
    gaps: tuple[GapGroup, ...]
    missing_lines: int
    missing_items: int
    brief: bool
    """Without the outputs: they would not fit."""

    @property
    def host_chars(self) -> int:
        """Width of the story's column of hosts."""
        return min(max((len(row.suspect.host) for row in self.story), default=4) + 1, MOST_HOST_CHARS)

    @property
    def collected_words(self) -> str:
        """``5 ok, 1 empty, 1 cut``, commonest first."""
        ends = [view.outcome.word for host in self.hosts for view in (*host.items, *host.quiet)]
        ends += [group.reason for group in self.gaps for _ in range(group.number)]
        return ", ".join(
            f"{ends.count(word)} {word}" for word in sorted(set(ends), key=lambda each: (-ends.count(each), each))
        )

    @property
    def host_words(self) -> str:
        """Hosts by name while they are few."""
        if len(self.hosts) > 4:
            return f"{count(len(self.hosts), 'host')}: {self.collected_words}"
        return " · ".join(f"{host.name}: {host.words}" for host in self.hosts)

    @property
    def gap_words(self) -> str:
        """``2 gaps: dmesg permission denied on 3 hosts; db1 unreachable``."""
        number = sum(group.number for group in self.gaps)
        named = [f"{group.places}: {group.reason}" for group in self.gaps[:2]]
        more = f"; {len(self.gaps) - 2} more kinds" if len(self.gaps) > 2 else ""
        return f"{count(number, 'gap')}: {'; '.join(named)}{more}"


# --- From the report to it -------------------------------------------------------------------------------------------


def card_of(report: Report, *, brief: bool = False) -> Card:
    """The words of a report's card."""
    prefix = f"failtale_{_id_part(report.failure.id)}"  # no hyphen: log.html reads s1-t1-k1 in a location's hash
    suspects = shown_suspects(report.analysis)
    items = tuple(
        _item_view(item, number, prefix=prefix, suspects=suspects) for number, item in enumerate(report.evidence.items)
    )
    missing = [left_out(item) for item in report.evidence.items]
    return Card(
        report=report,
        prefix=prefix,
        verdict=_verdict(report, suspects),
        timeline=timeline_of(report, suspects) if suspects or report.failure.keywords else None,
        story=tuple(_story(report, suspects, items, prefix=prefix, brief=brief)),
        merged=Merged() if brief else merged_lines(report, suspects),
        changes=changes_of(report.evidence.items),
        hosts=tuple(_hosts(report, items)),
        gaps=tuple(_gap_groups(report.evidence.gaps)),
        missing_lines=sum(missing),
        missing_items=sum(map(bool, missing)),
        brief=brief,
    )


def headline_of(report: Report) -> str:
    """The analysis's sentence, else what was collected."""
    return report.analysis.headline or f"Evidence of {in_words.counts_words(report.evidence)}"


def _verdict(report: Report, suspects: Sequence[Suspect]) -> Verdict:
    first = suspects[0] if suspects else None
    if first is None or not first.is_strong:
        return Verdict(headline_of(report), "", "")
    kind = report.analysis.cause or f"{first.host} · {next(each.name for each in first.signals if each.strong)}"
    why = " · ".join(signal.words for signal in first.signals[:_WHY_SIGNALS])
    sentence = headline_of(report).removeprefix(f"{kind}: ")  # the badge says it
    return Verdict(sentence, kind, f"{first.id}: {why}")


def _id_part(text: str) -> str:
    """A text as part of an HTML id: itself when it is plain, else its hash."""
    return text if re.fullmatch(r"[A-Za-z0-9]{1,40}", text) else hashlib.sha256(text.encode()).hexdigest()[:16]


def _line_anchor(prefix: str, suspect: Suspect) -> str:
    return f"{prefix}_line_{_id_part(suspect.id)}"


# --- The story -------------------------------------------------------------------------------------------------------


def _story(
    report: Report, suspects: Sequence[Suspect], items: Sequence[ItemView], *, prefix: str, brief: bool
) -> Iterator[StoryRow]:
    """By time; what has none, such as a changed state, stands where its rank puts it: before what is less suspect."""
    shared = shared_identifiers((each.host, each.text) for each in suspects)
    for suspect in _by_time(suspects):
        yield StoryRow(
            suspect=suspect,
            name=f"{prefix}_{_id_part(suspect.id)}",
            anchor=None if brief else _anchor_of(suspect, items, prefix=prefix),
            pieces=tuple(_pieces(shorten(_said(suspect), STORY_CHARS), shared)),
        )


def _by_time(suspects: Sequence[Suspect]) -> list[Suspect]:
    timed = iter(sorted((each for each in suspects if each.at is not None), key=lambda each: str(each.at)))
    return [each if each.at is None else next(timed) for each in suspects]


def _said(suspect: Suspect) -> str:
    """The line without its time, in one line."""
    text = message_of(suspect.text) if suspect.line_number is not None else suspect.text
    return re.sub(r"\s+", " ", text).strip() or suspect.text.strip()


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


def telling_step(failure: Failure) -> KeywordStep | None:
    """The failing keyword; the one that called it where it only says the message, as Fail does."""
    steps = failure.keyword_path
    if len(steps) > 1 and " ".join(steps[-1].arguments) == failure.message:
        return steps[-2]
    return steps[-1] if steps else None


def first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


# --- Items, hosts and gaps -------------------------------------------------------------------------------------------


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


def _hosts(report: Report, items: Sequence[ItemView]) -> Iterator[HostView]:
    """Every host that was asked; the items of one that have something to open, then what is empty and well."""
    clocks = {clock.host: in_words.clock_words(clock) for clock in report.evidence.clocks}
    for host in in_words.hosts_of(report.evidence):
        own = [view for view in items if view.item.host == host]
        gaps = [gap for gap in report.evidence.gaps if gap.host == host]
        outcomes = [view.outcome for view in own] + [in_words.gap_outcome(gap) for gap in gaps]
        yield HostView(
            name=host,
            clock=clocks.get(host, ""),
            words=_host_words(outcomes, own),
            tone=_worst_tone(outcomes),
            items=tuple(view for view in own if not _is_quiet(view)),
            quiet=tuple(view for view in own if _is_quiet(view)),
        )


def _host_words(outcomes: Iterable[in_words.Outcome], items: Iterable[ItemView]) -> str:
    words = [outcome.word for outcome in outcomes]
    parts = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
    logs = [view for view in items if view.item.window is not None]
    errors = sum(chunk.text.count("\n") + 1 for view in logs for chunk in view.chunks if chunk.look in _ERRORS)
    if errors:
        parts.append(f"{count(errors, 'error line')} in {count(len(logs), 'log')}")
    return ", ".join(parts)


_ERRORS = ("error", "suspect")


def _worst_tone(outcomes: Iterable[in_words.Outcome]) -> in_words.Tone:
    tones = {outcome.tone for outcome in outcomes}
    worst: in_words.Tone = "good"
    for tone in in_words.TONES:
        if tone in tones:
            worst = tone
    return worst


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
        yield GapGroup(members[0].reason, members[0].detail, tones[key], _places_of_gaps(members), len(members))


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
