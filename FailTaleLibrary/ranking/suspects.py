"""A failure and its evidence -> its suspects, best first, with headline and signature: `rank`, the way in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nsmallest

from FailTaleLibrary.ranking.belonging import notes_of, strong_only_where_it_belongs
from FailTaleLibrary.ranking.echoes import behind_causes
from FailTaleLibrary.ranking.history import History
from FailTaleLibrary.ranking.lines import LINE_CHARS, clipped, gist, template
from FailTaleLibrary.ranking.overlap import Overlap
from FailTaleLibrary.ranking.score import Candidate, Setting, Source, interleaved, overlap_signal, within_quotas
from FailTaleLibrary.ranking.states import states_of
from FailTaleLibrary.ranking.times import Scene
from FailTaleLibrary.records import Analysis, Evidence, Failure, Item, SafeText, Signature, Suspect, derived, our_words
from FailTaleLibrary.text import duration, fair_shares

# --- Signature: what equal failures of a run share --------------------------------------------------------------------

_MESSAGE_CHARS = 300
_QUOTED = re.compile(r"'[^']*\d[^']*'|\"[^\"]*\d[^\"]*\"")
_SIGNATURE_STATUS = re.compile(r"\b([1-5])(\d\d)(?= (?:[A-Z][a-z]+ )?(?:Error|Server Error|Client Error)\b)")
_DIGITS = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_PLAIN = str.maketrans("⓪①②③④⑤⑥⑦⑧⑨", "0123456789")


def signature_of(failure: Failure, strongest: Suspect | None, *, known: Mapping[str, SafeText]) -> Signature | None:
    """The signature; None when there is nothing to tell failures apart by.

    ``strongest``: the first suspect, if a strong signal speaks for it. ``known``: hash -> name of the first failure.
    """
    text = derived(_same_in_equals, (failure,) if strongest is None else (failure, strongest))
    if not text:
        return None
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Signature(hash=digest, text=text, same_as=known.get(digest))


def _same_in_equals(records: tuple[Failure] | tuple[Failure, Suspect]) -> str:
    failure, *strongest = records
    parts = [" > ".join(step.name for step in failure.keyword_path), _normalised(failure.message)]
    parts += [f"{each.component or each.host}: {_normalised(gist(each.text))}" for each in strongest]
    return " | ".join(part for part in parts if part)


def _normalised(message: str) -> str:
    """The message without what differs between two occurrences of the same thing; a status code stays."""
    head = _SIGNATURE_STATUS.sub(lambda match: match[0].translate(_DIGITS), message[:_MESSAGE_CHARS])
    return template(_QUOTED.sub("'<value>'", head)).translate(_PLAIN)


# --- Headline: one sentence for a reader who has two seconds ----------------------------------------------------------

NO_SUSPECT = our_words("No strong suspect")
_IDS = re.compile(r"\b(?:[a-z_-]*id|req(?:uest)?|trace|span|session|pid|tid)[=:] ?[0-9a-f-]{4,}\b ?", re.IGNORECASE)
"""Names of requests and processes: to be seen in the line itself, noise in a sentence."""
_NO_KINDS = frozenset({"error", "exception"})
"""Signals that say no more than the line."""
_ANYTHING = frozenset({"process", "service", "something"})
_VERB = re.compile(r"\b(GET|POST|PUT|DELETE|PATCH|HEAD)\b", re.IGNORECASE)
_PATH = re.compile(r"(?:https?://[^/\s'\"]+)?(/[\w./~%-]*[\w/])")
_HEADLINE_STATUS = re.compile(r"\b([45]\d\d)\b(?= |:|$|!|\.)")


def headline_of(failure: Failure, suspects: Sequence[Suspect]) -> SafeText:
    """One sentence of the strongest suspect, or that there is none."""
    first = suspects[0] if suspects else None
    if first is None or not first.is_strong:
        return NO_SUSPECT
    return derived(_headline, (failure, first))


def _headline(records: tuple[Failure, Suspect]) -> str:
    failure, first = records
    if first.item_id is None:
        return gist(first.text)
    if first.line_number is None:
        return f"{_who(first)}: {first.collector.rpartition('.')[2]}: {gist(first.text)}"
    said = _IDS.sub("", gist(first.text))
    return f"{_who(first)}: {_kind_of_cause(first, said)}{said}{_when(first, failure)}"


def _who(suspect: Suspect) -> str:
    """The host, and its component where its name does not say so."""
    if not suspect.component or suspect.component in suspect.host:
        return suspect.host
    return f"{suspect.host} ({suspect.component})"


def _kind_of_cause(suspect: Suspect, said: str) -> str:
    """``memory ran out: ``; empty where the line's own words name its kind."""
    strong = next((signal for signal in suspect.signals if signal.strong), None)
    if strong is None or strong.name in _NO_KINDS:
        return ""
    spoken = set(re.findall(r"[a-z]+", said.casefold()))
    named = set(re.findall(r"[a-z]{4,}", f"{strong.name} {strong.words}".casefold())) - _ANYTHING
    return "" if spoken & named else f"{strong.words}: "


def _when(suspect: Suspect, failure: Failure) -> str:
    if suspect.offset_s is None:
        return ""
    if abs(suspect.offset_s) < 0.05:
        return f", when {_what(failure)}"
    return f", {duration(abs(suspect.offset_s))} {'before' if suspect.offset_s < 0 else 'after'} {_what(failure)}"


def _what(failure: Failure) -> str:
    """What failed, in short: ``GET /orders`` returned 500, `Create Order` failed."""
    request = _request_of(failure)
    if request:
        return request
    return f"`{failure.keyword_path[-1].name.rsplit('.', 1)[-1]}` failed" if failure.keyword_path else "the test failed"


def _request_of(failure: Failure) -> str:
    """The failing request, where message and keyword tell its verb, path and status."""
    step = failure.keyword_path[-1] if failure.keyword_path else None
    said = " ".join([step.name.rsplit(".", 1)[-1], *step.arguments])[:LINE_CHARS] if step else ""
    message = failure.message[:LINE_CHARS]
    verb, status = _VERB.search(f"{said} {message}"), _HEADLINE_STATUS.search(message)
    path = _PATH.search(message) or _PATH.search(said)
    if not (verb and path and status):
        return ""
    return f"`{verb[1].upper()} {path[1][:60]}` returned {status[1]}"


# --- Suspects ---------------------------------------------------------------------------------------------------------

MOST_SUSPECTS = 20
MOST_LINES = 200_000
"""Of all items together: some seconds of work."""
_MOST_OF_SOURCE = 2 * MOST_SUSPECTS
"""Some of them turn out to be copies of what another source says."""
_NOTHING_SEEN = History()


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
    scene = Scene(failure)
    overlap = Overlap(failure)
    clocks = {clock.host: clock for clock in evidence.clocks}
    setting = Setting(scene, overlap, history, clocks, evidence.collected_at, is_over)
    sources = _sources(evidence.items, setting, most_lines=most_lines)
    lines = [candidate for source in sources for candidate in _best_of(source)]
    states = [_with_overlap(state, overlap) for state in states_of(evidence, history)]
    ordered = within_quotas(behind_causes(_ordered([*states, *_without_copies(lines)]), scene), most=MOST_SUSPECTS)
    proven = [strong_only_where_it_belongs(each, failure) for each in ordered]
    suspects = tuple(_suspect_of_candidate(each, number, scene) for number, each in enumerate(proven, 1))
    strongest = suspects[0] if suspects and suspects[0].is_strong else None
    return Analysis(
        headline=headline_of(failure, suspects),
        suspects=suspects,
        notes=(*notes_of(failure), *_left_out(sources, most_lines=most_lines, is_over=is_over())),
        signature=signature_of(failure, strongest, known=history.signatures),
    )


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
        key = (line.host, template(gist(line.text)))
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
        lines_before=tuple(derived(clipped, line) for line in candidate.lines_before),
        lines_after=tuple(derived(clipped, line) for line in candidate.lines_after),
        at=candidate.at,
        offset_s=scene.offset_s(candidate.at) if candidate.at else None,
        count=candidate.count,
        score=candidate.score,
        signals=candidate.signals,
    )
