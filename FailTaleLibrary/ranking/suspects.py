"""A failure and its evidence -> its suspects, best first, with headline and signature: `rank`, the way in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from heapq import nsmallest

from FailTaleLibrary.background import once
from FailTaleLibrary.lazy import replace
from FailTaleLibrary.moments import message_at
from FailTaleLibrary.ranking.belonging import Belonging, notes_of
from FailTaleLibrary.ranking.causes import signature_of
from FailTaleLibrary.ranking.chain import FoundChain, Link, Linker, chain_of
from FailTaleLibrary.ranking.changes import tell_changes
from FailTaleLibrary.ranking.echoes import behind_causes
from FailTaleLibrary.ranking.failing import REFUSAL, explaining
from FailTaleLibrary.ranking.headlines import cause_of, event_of_failure, event_of_suspect, headline_of
from FailTaleLibrary.ranking.history import History
from FailTaleLibrary.ranking.lines import clipped, gist_with_error, template
from FailTaleLibrary.ranking.names import programs
from FailTaleLibrary.ranking.overlap import Overlap
from FailTaleLibrary.ranking.reach import not_in_reach
from FailTaleLibrary.ranking.score import Candidate, Setting, Source, interleaved, overlap_signal, within_quotas
from FailTaleLibrary.ranking.signals import services
from FailTaleLibrary.ranking.states import silence_noticed, states_of
from FailTaleLibrary.ranking.stops import missed_stops
from FailTaleLibrary.ranking.times import Scene
from FailTaleLibrary.records import (
    Analysis,
    Chain,
    ChainEvent,
    ChainLink,
    Evidence,
    Failure,
    Item,
    SafeText,
    Signal,
    Suspect,
    Window,
    configured_name,
    derived,
    our_words,
)
from FailTaleLibrary.text import fair_shares

# --- Suspects ---------------------------------------------------------------------------------------------------------

MOST_SUSPECTS = 20
MOST_LINES = 200_000
"""Of all items together: some seconds of work."""
_MOST_OF_SOURCE = 2 * MOST_SUSPECTS
"""Some of them turn out to be copies of what another source says."""
_MANY_HOSTS = 20
"""From so many on they are compared with each other."""
_NOTHING_SEEN = History()


@once
def prepare() -> None:
    """Make what every ranking searches with: the first one would wait for it."""
    services().rows_in("")
    programs()
    message_at("")


def rehearse() -> None:
    """Rank a made-up failure: for the first real one, all that a ranking needs is loaded and compiled then."""
    now = datetime(2026, 1, 2, 3, 4, 7, tzinfo=timezone.utc)
    window = Window(start=now - timedelta(seconds=5), end=now)
    failure = Failure(id="0" * 32, name=our_words("a test"), message=our_words("503 != 200"), window=window)
    text = our_words("total 1: a line of no fault and no time\n")
    item = Item(id="a/b", host="a", component="c", collector="b", command=our_words("-"), text=text)
    rank(failure, Evidence(failure_id=failure.id, items=(item,), collected_at=now))


def rank(
    failure: Failure,
    evidence: Evidence,
    *,
    history: History = _NOTHING_SEEN,
    is_over: Callable[[], bool] = lambda: False,
    most_lines: int = MOST_LINES,
) -> Analysis:
    """The suspects of one failure, best first, at most `MOST_SUSPECTS`; the headline; the signature.

    ``history``: what this run has seen so far; without it only what the evidence brings along is known to be ordinary.
    ``is_over``: whether the time for it is used up; asked now and then. ``most_lines``: of all items together.
    Lines that are left out for either are the oldest of their source, and `Analysis.notes` says so.
    """
    prepare()
    scene = Scene(failure)
    linker = Linker(evidence, scene)
    overlap = Overlap(failure)
    clocks = {clock.host: clock for clock in evidence.clocks}
    belonging = Belonging(failure, history.used)
    belonging.know_requests(item.lines[-most_lines:] for item in evidence.items)
    setting = Setting(scene, overlap, belonging, history, clocks, evidence.collected_at, is_over)
    sources = _sources(evidence.items, setting, most_lines=most_lines)
    tell_changes(sources, overlap)
    lines = [candidate for source in sources for candidate in _best_of(source)]
    states = [_with_overlap(silence_noticed(state, lines, linker), overlap) for state in states_of(evidence, history)]
    failing = explaining(failure, linker)
    stops = missed_stops(evidence, lines, linker, scene)
    candidates = failing.weighed([*stops, *states, *_without_copies(lines)])
    hosts = {item.host for item in evidence.items} | {gap.host for gap in evidence.gaps}
    if len(hosts) >= _MANY_HOSTS:
        from FailTaleLibrary.ranking.alike import ranked_of_many  # few runs need it

        behind = ranked_of_many(candidates, evidence, lambda each: behind_causes(_ordered(each), scene, linker))
    else:
        behind = behind_causes(_ordered(candidates), scene, linker)
    behind = failing.lead_first(failing.weighed(behind))
    proven = behind if failure.others is None else _in_company(behind)
    found = chain_of(proven, linker, scene)
    ordered = within_quotas(_with_members_behind_cause(proven, found), most=MOST_SUSPECTS)
    suspects = tuple(
        _suspect_of_candidate(_told_as_consequence(each, found), number, scene)
        for number, each in enumerate(ordered, 1)
    )
    strongest = suspects[0] if suspects and suspects[0].is_strong else None
    unseen = not_in_reach(evidence)
    return Analysis(
        headline=headline_of(
            failure,
            evidence,
            strongest,
            unseen,
            first=next(iter(suspects), None),
            refusal=_refusal_among(suspects),
            is_own=failing.way == "own",
        ),
        cause=cause_of(strongest) if strongest else our_words(""),
        suspects=suspects,
        chain=_chain_record(found, dict(zip(map(id, ordered), suspects, strict=True)), failure),
        not_in_reach=unseen,
        notes=(*notes_of(failure), *_left_out(sources, most_lines=most_lines, is_over=is_over())),
        signature=signature_of(failure, strongest, known=history.signatures),
    )


def _refusal_among(suspects: Sequence[Suspect]) -> Suspect | None:
    """The best suspect, where it only tells that what the test asked for was refused."""
    first = next(iter(suspects), None)
    return first if first is not None and first.signals[0].name == REFUSAL.name else None


def _in_company(ordered: Sequence[Candidate]) -> list[Candidate]:
    """The same where other tests ran: strong is only what is this test's, and the first such leads."""
    candidates = [each.in_company() for each in ordered]
    lead = next((each for each in candidates if any(signal.strong for signal in each.signals)), None)
    return candidates if lead is None else [lead, *(each for each in candidates if each is not lead)]


def _with_members_behind_cause(ordered: Sequence[Candidate], found: FoundChain | None) -> list[Candidate]:
    """The candidates with what followed from the first right behind it, in the chain's order."""
    if found is None:
        return list(ordered)
    members = found.members
    others = [each for each in ordered[1:] if not any(each is member for member in members)]
    return [ordered[0], *members, *others]


def _told_as_consequence(candidate: Candidate, found: FoundChain | None) -> Candidate:
    """The candidate; where it followed from another one of the chain, with that as the first thing said of it."""
    links = (*found.links, *found.consequences) if found else ()
    link = next((each for each in links if each.effect is candidate), None)
    if link is None:
        return candidate
    words = our_words("follows from what {} logged", configured_name(link.cause.host))
    return replace(candidate, signals=(Signal(name="consequence", words=words), *candidate.signals))


def _chain_record(found: FoundChain | None, suspects: Mapping[int, Suspect], failure: Failure) -> Chain | None:
    """The chain as a record; ``suspects`` by the identity of their candidates."""
    if found is None:
        return None
    events = {key: event_of_suspect(suspect) for key, suspect in suspects.items()}
    end = event_of_failure(failure)
    return Chain(
        links=tuple(_link_record(link, events, end) for link in found.links),
        consequences=tuple(_link_record(link, events, end) for link in found.consequences),
    )


def _link_record(link: Link, events: Mapping[int, ChainEvent], end: ChainEvent) -> ChainLink:
    effect = end if link.effect is None else events[id(link.effect)]
    return ChainLink(cause=events[id(link.cause)], effect=effect, reasons=link.reasons)


def _sources(items: Sequence[Item], setting: Setting, *, most_lines: int) -> list[Source]:
    """The items, read; small ones first, so that a big one cannot take all the time."""
    lines = {item.id: item.lines for item in items}
    shares = fair_shares({item_id: len(each) for item_id, each in lines.items()}, most_lines)
    small_first = sorted(items, key=lambda item: len(lines[item.id]))
    return [Source(item, setting, lines=lines[item.id], most_lines=shares[item.id]) for item in small_first]


def _left_out(sources: Sequence[Source], *, most_lines: int, is_over: bool) -> tuple[SafeText, ...]:
    """That lines were not judged, and why."""
    every = sum(source.unread + len(source.log) for source in sources)
    unread = sum(source.unread + source.unjudged for source in sources)
    if not unread:
        return ()
    if is_over:
        return (our_words("Ranking left out {:,} of {:,} lines, the oldest: its time was used up.", unread, every),)
    words = our_words("Ranking left out {:,} of {:,} lines, the oldest: it judges {:,}.", unread, every, most_lines)
    return (words,)


def _best_of(source: Source) -> list[Candidate]:
    """Those of a source that can be shown: the best by score and the earliest onsets."""
    scored = source.scored()
    best = nsmallest(_MOST_OF_SOURCE, scored, key=lambda each: (-each.score, each.unit.telling))
    onsets = [(each.at, each.unit.telling, each) for each in scored if each.is_onset and each.at is not None]
    earliest = [each for _, _, each in nsmallest(_MOST_OF_SOURCE, onsets, key=lambda onset: onset[:2])]
    chosen = {each.unit.telling: each for each in (*best, *earliest)}
    return [source.candidate(chosen[place]) for place in sorted(chosen)]


def _with_overlap(state: Candidate, overlap: Overlap) -> Candidate:
    shared = overlap.of(state.text)
    signals = [signal] if (signal := overlap_signal(shared)) else []
    return state.gaining(shared.weight, *signals)


def _without_copies(lines: Iterable[Candidate]) -> list[Candidate]:
    """One of each message and host: the journal and a log file often tell the same."""
    best: dict[tuple[str, str], Candidate] = {}
    for line in lines:
        key = (line.host, template(gist_with_error(line.text, line.error)))
        if key not in best or line.score > best[key].score:
            best[key] = line
    return list(best.values())


def _ordered(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best by score, interleaved with the earliest onsets."""
    by_score = sorted(candidates, key=lambda each: (-each.score, _place_of_candidate(each)))
    onsets = [each for each in candidates if each.is_onset and each.at is not None]
    by_onset = sorted(onsets, key=lambda each: (each.at, _place_of_candidate(each)))
    places = {id(each): place for place, each in enumerate(by_score)}
    order = interleaved([places[id(each)] for each in by_score], [places[id(each)] for each in by_onset])
    return [by_score[place] for place in order]


def _place_of_candidate(candidate: Candidate) -> tuple[str, str, int, str]:
    """Where it stands, so that equals have one order."""
    number = -1 if candidate.line_number is None else candidate.line_number
    return candidate.host, candidate.collector, number, candidate.text


def _suspect_of_candidate(candidate: Candidate, number: int, scene: Scene) -> Suspect:
    return Suspect(
        id=f"E{number}",
        item_id=candidate.item.id if candidate.item else None,
        host=candidate.host,
        component=candidate.component,
        collector=candidate.collector,
        line_number=candidate.line_number,
        text=derived(clipped, candidate.text),
        error=derived(clipped, candidate.error),
        lines_before=tuple(derived(clipped, line) for line in candidate.lines_before),
        lines_after=tuple(derived(clipped, line) for line in candidate.lines_after),
        at=candidate.at,
        offset_s=scene.offset_s(candidate.at) if candidate.at else None,
        count=candidate.count,
        score=candidate.score,
        signals=candidate.signals,
    )
