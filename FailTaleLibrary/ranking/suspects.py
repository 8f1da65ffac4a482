"""All candidates of a failure -> its suspects, best first, with headline and signature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from FailTaleLibrary.ranking.candidate import Candidate
from FailTaleLibrary.ranking.candidates import Setting, candidates_of
from FailTaleLibrary.ranking.headline import headline_of, is_strong
from FailTaleLibrary.ranking.history import History
from FailTaleLibrary.ranking.moments import Scene
from FailTaleLibrary.ranking.ordering import interleaved, within_quotas
from FailTaleLibrary.ranking.overlap import Overlap
from FailTaleLibrary.ranking.reasons import overlap_signal
from FailTaleLibrary.ranking.signature import signature_of
from FailTaleLibrary.ranking.states import states_of
from FailTaleLibrary.ranking.templates import clipped, gist, template
from FailTaleLibrary.records import Analysis, Evidence, Failure, Suspect

MOST_SUSPECTS = 20
_CONTEXT_LINES = 2
_NOTHING_SEEN = History()


def rank(failure: Failure, evidence: Evidence, *, history: History = _NOTHING_SEEN) -> Analysis:
    """The suspects of one failure, best first, at most `MOST_SUSPECTS`; the headline; the signature.

    ``history``: what this run has seen so far; without it only what the evidence brings along is known to be ordinary.
    """
    scene = Scene(failure)
    overlap = Overlap(failure, (line for item in evidence.items for line in item.lines))
    setting = Setting(scene, overlap, history, clocks={clock.host: clock for clock in evidence.clocks})
    lines = [candidate for item in evidence.items for candidate in candidates_of(item, setting)]
    states = [_with_overlap(state, overlap) for state in states_of(evidence, history)]
    ordered = within_quotas(_ordered([*states, *_without_copies(lines)]), most=MOST_SUSPECTS)
    suspects = tuple(_suspect(each, number, scene) for number, each in enumerate(ordered, 1))
    strongest = suspects[0] if suspects and is_strong(suspects[0]) else None
    return Analysis(
        headline=headline_of(failure, suspects, evidence=evidence),
        suspects=suspects,
        signature=signature_of(failure, strongest, known=history.signatures),
    )


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
    by_score = sorted(candidates, key=lambda each: (-each.score, _place(each)))
    onsets = [each for each in candidates if each.is_onset and each.at is not None]
    by_onset = sorted(onsets, key=lambda each: (each.at, _place(each)))
    places = {id(each): place for place, each in enumerate(by_score)}
    order = interleaved([places[id(each)] for each in by_score], [places[id(each)] for each in by_onset])
    return [by_score[place] for place in order]


def _place(candidate: Candidate) -> tuple[str, str, int, str]:
    """Where it stands, so that equals have one order."""
    number = -1 if candidate.line_number is None else candidate.line_number
    return candidate.host, candidate.collector, number, candidate.text


def _suspect(candidate: Candidate, number: int, scene: Scene) -> Suspect:
    return Suspect(
        id=f"E{number}",
        item_id=candidate.item.id if candidate.item else None,
        host=candidate.host,
        component=candidate.component,
        collector=candidate.collector,
        line_number=candidate.line_number,
        text=clipped(candidate.text),
        lines_before=_around(candidate, -_CONTEXT_LINES, 0),
        lines_after=_around(candidate, 1, 1 + _CONTEXT_LINES),
        at=candidate.at,
        offset_s=scene.offset_s(candidate.at) if candidate.at else None,
        count=candidate.count,
        score=candidate.score,
        signals=candidate.signals,
    )


def _around(candidate: Candidate, start: int, end: int) -> tuple[str, ...]:
    if candidate.item is None or candidate.line_number is None:
        return ()
    first = candidate.line_number + start
    return tuple(map(clipped, candidate.item.lines[max(0, first) : max(0, candidate.line_number + end)]))
