"""Logs that say nothing in the window -> the stop that they told of before it, where somebody misses the service.

A service that was stopped before the test began is silent in the window, and its clients tell no more than that it
refused them. That it was stopped proves nothing: a standby may be stopped on purpose for months. So a stop is a suspect
only where a client, or the failure itself, was refused by it; of another one nothing is said. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from FailTaleLibrary.lazy import regex, replace
from FailTaleLibrary.moments import Moments
from FailTaleLibrary.ranking.chain import Linker
from FailTaleLibrary.ranking.headlines import STANDING
from FailTaleLibrary.ranking.lines import LINE_CHARS
from FailTaleLibrary.ranking.names import program_of
from FailTaleLibrary.ranking.score import Candidate
from FailTaleLibrary.ranking.signals import services
from FailTaleLibrary.ranking.times import Scene
from FailTaleLibrary.records import (
    Evidence,
    HostClock,
    Item,
    Signal,
    configured_name,
    derived_texts,
    our_words,
)

STOPPED_BEFORE = 9.0
_STOPS = "service stopped"
_UNIT_STOPPED = regex(r"\bsystemd\[\d+\]: (?:Stopped |\S+: Deactivated successfully)")
_OF_A_PART = regex(r"\b(?:worker|child|thread|session|client|connection|consumer|job|task|backend)\b", re.IGNORECASE)
"""What ends in a service that goes on."""
_BEGINS = regex(
    r"\bstart(?:ed|ing|s)\b|\blistening\b|\binitiali[sz]ed\b|\bready (?:to accept|for)\b|\baccepting\b", re.IGNORECASE
)
_REFUSED = frozenset({"connection refused", "cannot connect", "service down", "back end down"})
"""What clients say of a service that does not run."""
_REFUSED_TEST = regex(
    r"connection ?(?:to \S+ )?(?:was )?refused|could ?n[o']t connect|cannot connect|can't connect|ECONNREFUSED"
    r"|connection attempt failed|failed to (?:establish|connect)|Error 111 connecting",
    re.IGNORECASE,
)
_LOGS = frozenset({"file", "journal", "container"})
_LOG_OF_MACHINE = regex(r"journal|syslog|messages|kern|audit|auth|access")


def missed_stops(evidence: Evidence, lines: Sequence[Candidate], linker: Linker, scene: Scene) -> Iterator[Candidate]:
    """The stops before the window of services that somebody misses, each as a reason.

    ``lines``: the candidates that logs gave, among which are those who miss one.
    """
    clocks = {clock.host: clock for clock in evidence.clocks}
    for item in evidence.items:
        stop = _stop_told_by(item, clocks, scene)
        if stop is None or _has_answered(item, evidence.items) or _may_be_of_another(item, evidence.items):
            continue
        client = next((each for each in lines if _was_refused(each) and linker.calls(each, item)), None)
        if client is not None:
            words = our_words("{} was refused by it", configured_name(client.host))
        elif _REFUSED_TEST.search(scene.failure.message[: 2 * LINE_CHARS]) and linker.failure_calls(item):
            words = our_words("the test was refused by it")
        else:
            continue
        signal = Signal(name="noticed elsewhere", words=words, strong=True)
        belongs = client is not None and client.belongs
        yield replace(stop, told_by="server", belongs=belongs, signals=(*stop.signals, signal))


def _stop_told_by(item: Item, clocks: Mapping[str, HostClock], scene: Scene) -> Candidate | None:
    """The first line of the stop with which a silent log ended; None where it did not, or no time tells when."""
    if item.kind not in _LOGS or item.window is None or item.text.strip() or item.timed_out or item.incomplete:
        return None
    before = derived_texts(str.splitlines, item.before)
    places = _last_stop([line[:LINE_CHARS] for line in before])
    if not places:
        return None
    at = Moments(before, clock=clocks.get(item.host), near=scene.failed_at).at(places[0])
    if at is None or at >= scene.failure.window.start:
        return None
    return Candidate(
        host=item.host,
        component=item.component,
        collector=item.collector,
        item=item,
        text=before[places[0]],
        lines_after=tuple(before[places[0] + 1 : places[0] + 3]),
        at=at,
        score=STOPPED_BEFORE,
        signals=(
            Signal(name=_STOPS, words=our_words("a service stopped"), strong=True),
            Signal(name=STANDING, words=scene.since(at, 0.0)),
        ),
    )


def _last_stop(lines: Sequence[str]) -> list[int]:
    """The places of the lines that tell of a stop behind which nothing began; empty where none is so."""
    found: list[int] = []
    for place, line in enumerate(lines):
        if _tells_stop(line):
            found.append(place)
        elif _BEGINS.search(line):
            found.clear()
    return found


def _tells_stop(line: str) -> bool:
    if _UNIT_STOPPED.search(line):
        return True
    return not _OF_A_PART.search(line) and any(row.name == _STOPS for row in services().rows_in(line))


def _has_answered(item: Item, items: Iterable[Item]) -> bool:
    """Whether a command of the same preset had an answer: then the service runs, whatever its log said last."""
    if program_of(item.collector) is None:
        return False
    return any(
        each.kind == "command" and each.status != "failed" and not each.timed_out and _are_of_one_preset(each, item)
        for each in items
    )


def _are_of_one_preset(one: Item, other: Item) -> bool:
    prefix, dot, _ = other.collector.partition(".")
    return bool(dot) and one.host == other.host and one.collector.startswith(f"{prefix}.")


def _may_be_of_another(item: Item, items: Iterable[Item]) -> bool:
    """Whether nothing tells which of a host's own programs wrote a log, so that another one may be missed."""
    if program_of(item.collector) is not None:
        return False
    logs = (each for each in items if each.host == item.host and each.kind in _LOGS and each is not item)
    return any(program_of(each.collector) is None and not _LOG_OF_MACHINE.search(each.collector) for each in logs)


def _was_refused(candidate: Candidate) -> bool:
    """Whether a client tells so; who tells it all the time may do without, unless that is logged as an error."""
    if candidate.told_by != "client" or not candidate.can_be_told:
        return False
    names = {signal.name for signal in candidate.signals}
    if names.isdisjoint(_REFUSED) or "of another test" in names:
        return False
    return "seen before" not in names or "error" in names
