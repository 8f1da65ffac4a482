"""Candidates of many hosts -> what many say alike stands once; what one host of many lacks is a candidate. Pure.

In a fleet something is logged as an error somewhere at any time, and one line tells best what all hosts log at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from FailTaleLibrary.lazy import regex, replace
from FailTaleLibrary.ranking.belonging import not_strong
from FailTaleLibrary.ranking.headlines import ON_MANY
from FailTaleLibrary.ranking.lines import gist, template
from FailTaleLibrary.ranking.novelty import novelty_by_line
from FailTaleLibrary.ranking.outliers import rows_missed
from FailTaleLibrary.ranking.score import Candidate
from FailTaleLibrary.records import Evidence, Item, SafeText, Signal, derived_texts, our_words

FLEET = 20
"""From so many hosts of a component on one of them can be told from the others by what it lacks."""
_ALIKE = 5
"""Hosts that say the same: from then on it stands once."""
UNLIKE = 5.0
"""For what one host lacks that the others have: less than for anything that happened in the test."""
_NEARLY = 2.0
"""So much more than a broken state, or a host that stopped answering, an error may weigh that is of no known kind."""
_NEWS = 5.0
"""So much less an error weighs that is no news: a state that one host alone lacks is then ahead of it."""
_BROKE = frozenset({"state changed", "does not answer"})


def ranked_of_many(
    candidates: Sequence[Candidate], evidence: Evidence, rank: Callable[[Sequence[Candidate]], list[Candidate]]
) -> list[Candidate]:
    """What ``rank`` makes of the candidates of a fleet, best first."""
    ranked = rank(said_once([*no_news_of_its_kind(candidates, evidence), *unlike_others(evidence)]))
    return unknown_behind_broken(ranked, evidence)


def no_news_of_its_kind(candidates: Sequence[Candidate], evidence: Evidence) -> list[Candidate]:
    """The candidates; an error of no known kind is no news where another host of the fleet logged it before the test.

    One host's log is too short to tell how such hosts are, those of a hundred are not.
    """
    fleets = _fleets(evidence)
    doubtful = {id(each) for each in candidates if _is_unknown_error(each) and each.component in fleets}
    sources = {_source(each) for each in candidates if id(each) in doubtful}
    logged = {
        _kind_of_line(item, line) for item in evidence.items if _source(item) in sources for line in _known_lines(item)
    }
    return [
        _no_news(each) if id(each) in doubtful and _kind_of_line(each, each.text) in logged else each
        for each in candidates
    ]


def _known_lines(item: Item) -> Iterator[str]:
    """The lines of a window such as its log held now and then before."""
    lines = item.lines
    for look_back in item.look_backs:
        for number, novelty in enumerate(novelty_by_line(look_back), look_back.first_line):
            if novelty.is_usual or novelty.stood_before:
                yield from lines[number : number + 1]


def _kind_of_line(source: Candidate | Item, line: str) -> tuple[str, str, str]:
    return *_source(source), template(gist(line)).replace(template(source.host), "<host>")


def _source(source: Candidate | Item) -> tuple[str, str]:
    return source.component, source.collector


def _no_news(candidate: Candidate) -> Candidate:
    """As an error of which its own host's log knows."""
    signals = tuple(signal for signal in candidate.signals if signal.name != "new")
    return replace(candidate, score=candidate.score - _NEWS, signals=not_strong(signals), is_onset=False)


def said_once(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates; of what five hosts or more say alike the best one, which tells of how many it is true."""
    groups: dict[tuple[object, ...], list[Candidate]] = defaultdict(list)
    for each in candidates:
        groups[_what_is_said(each)].append(each)
    kept: dict[int, Candidate] = {}
    for group in groups.values():
        hosts = {each.host for each in group}
        if len(hosts) < _ALIKE:
            kept.update((id(each), each) for each in group)
        else:
            best = max(group, key=lambda each: (each.belongs, each.score))
            words = our_words("as on {} other hosts", len(hosts) - 1)
            kept[id(best)] = best.gaining(0.0, Signal(name=ON_MANY, words=words))
    return [kept[id(each)] for each in candidates if id(each) in kept]


def _what_is_said(candidate: Candidate) -> tuple[object, ...]:
    reasons = frozenset(signal.name for signal in candidate.signals if signal.strong)
    return *_kind_of_line(candidate, candidate.text), candidate.is_strong, reasons


def unlike_others(evidence: Evidence) -> Iterator[Candidate]:
    """What one host of a fleet lacks in its state; strong where it is the only one that differs."""
    told = [
        (item, texts, every)
        for item, rows, every in rows_missed(evidence)
        if every >= FLEET and not item.changes and (texts := derived_texts(partial(_lacking, rows), item))
    ]
    hosts = {item.host for item, _, _ in told}
    for item, texts, every in told:
        words = our_words("{} other hosts have it", every - 1)
        yield Candidate(
            host=item.host,
            component=item.component,
            collector=item.collector,
            item=item,
            text=texts[0] if len(texts) == 1 else our_words("{}, and {} more", texts[0], len(texts) - 1),
            score=UNLIKE,
            signals=(Signal(name="unlike the others", words=words, strong=len(hosts) == 1),),
        )


def _lacking(rows: Sequence[SafeText], item: Item) -> Iterator[str]:
    """``app 2.3 in place of app 2.4``, ``nginx.service loaded active running is missing``; no amounts, which differ."""
    own_rows = {line.split()[0]: line for line in reversed(item.text.splitlines()) if line.split()}
    for row in rows:
        key = (row.split() or [""])[0]
        own = own_rows.get(key)
        if not any(map(str.isalpha, key)) or (own and _AMOUNT.sub("#", own) == _AMOUNT.sub("#", row)):
            continue
        yield f"{own} in place of {row}" if own else f"{row} is missing"


_AMOUNT = regex(r" *\d{4,}\b| *\d+%|\b\d+ (?:[kMG]i?B|days?)\b")


def unknown_behind_broken(ordered: Sequence[Candidate], evidence: Evidence) -> list[Candidate]:
    """In a fleet: what broke on one host, or its silence, ahead of an error of no known kind on another one.

    Of a hundred hosts one logs such an error at any time; a state seldom breaks, and a host seldom stops answering.
    """
    lead = ordered[0] if ordered else None
    if lead is None or not _is_unknown_error(lead) or lead.component not in _fleets(evidence):
        return list(ordered)
    least = lead.score - _NEARLY
    broken = next((each for each in ordered if _broke(each) and each.host != lead.host and each.score >= least), None)
    return list(ordered) if broken is None else [broken, *(each for each in ordered if each is not broken)]


def _is_unknown_error(candidate: Candidate) -> bool:
    strong = {signal.name for signal in candidate.signals if signal.strong}
    is_tied = candidate.belongs or bool(candidate.shares) or candidate.is_exception
    return candidate.line_number is not None and strong == {"error"} and not is_tied


def _broke(candidate: Candidate) -> bool:
    return any(signal.strong and signal.name in _BROKE for signal in candidate.signals)


def _fleets(evidence: Evidence) -> set[str]:
    """The components of which many hosts have answered."""
    hosts: dict[str, set[str]] = defaultdict(set)
    for item in evidence.items:
        hosts[item.component].add(item.host)
    return {component for component, those in hosts.items() if len(those) >= FLEET}
