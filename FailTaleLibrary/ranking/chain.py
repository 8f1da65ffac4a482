"""Candidates, best first -> how the first led to the failure, link by link, each with the reasons to believe it.

Two candidates are linked by an identifier that both hold, by one naming the other's host or quoting its words. The
order on the corrected clock is told as far as the clocks are known to it, and forbids a link from later to earlier;
alone it links nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

from FailTaleLibrary.belonging.identifiers import identifiers_of_line
from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.moments import message_at
from FailTaleLibrary.ranking.lines import LINE_CHARS, gist
from FailTaleLibrary.ranking.names import Names
from FailTaleLibrary.ranking.relays import are_of_one_reason, brings_about, passes_on
from FailTaleLibrary.ranking.score import Candidate
from FailTaleLibrary.ranking.times import LATE_S, Scene
from FailTaleLibrary.records import Evidence, Item, SafeText, configured_name, derived, our_words
from FailTaleLibrary.text import duration

MOST_EVENTS = 3
"""Between the first suspect and the failure, both not counted."""
_LOOKED_AT = 60
"""Of the candidates."""
_MOST_BRANCHES = 6
"""Of one event, the best candidates first."""
_MOST_CONSEQUENCES = 4
_FOREIGN = "of another test"
_BELONGS = frozenset({"same identifier", "shared words", "of this test"})
"""Signals that link a line with the failure."""

# --- What two lines can share ----------------------------------------------------------------------------------------

_LOCAL = regex(r"\bThread-\d+\b|\bpool-\d+-thread-\d+\b|\*\d{2,}(?= )|\[\d{3,}(?:/\d+)?\](?=[ :])|\bpid[ =]\d{2,}\b")
"""Threads, processes and connections: they identify within one log alone."""
_CORE = regex(r"^.{0,80}?\b(?:FATAL|ERROR|PANIC|LOG|WARNING|ERR):?\s+")
_LEAST_CORE = 16
"""Characters of a line that another one may be said to quote."""
_GOES_ON = regex(r"\b(?:STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION): ")
"""PostgreSQL's lines that belong to the one above."""
_FRACTION = regex(r"\d\d:\d\d:\d\d[.,]\d|\d{10}[.,]\d|\d{13}")


def _shared_identifier(texts: tuple[SafeText, SafeText]) -> str:
    """The first one that both texts hold, as the first has it; empty when there is none."""
    theirs = identifiers_of_line(texts[1])
    return next((words for each, words in identifiers_of_line(texts[0]).items() if each in theirs), "")


def local_identifiers_in(text: str) -> frozenset[str]:
    """What identifies a request, thread or process within one log."""
    return frozenset({*_LOCAL.findall(text[:LINE_CHARS]), *identifiers_of_line(text)})


# --- Links -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """That one candidate led to another, or to the failure, and why that is believed."""

    cause: Candidate
    effect: Candidate | None
    """None: the failure."""
    reasons: tuple[SafeText, ...]


@dataclass(frozen=True, slots=True)
class FoundChain:
    """The links from the first candidate on, and what else followed from its events."""

    links: tuple[Link, ...]
    consequences: tuple[Link, ...]

    @property
    def members(self) -> tuple[Candidate, ...]:
        """All candidates that followed from the first."""
        return tuple(link.effect for link in (*self.links, *self.consequences) if link.effect is not None)


class Linker:
    """Says whether one candidate can have led to another, and why."""

    def __init__(self, evidence: Evidence, scene: Scene) -> None:
        self._names = Names(evidence)
        self._clocks = {clock.host: clock for clock in evidence.clocks}
        self._scene = scene
        self._named: dict[int, Mapping[str, str]] = {}
        self._identifiers: dict[int, frozenset[str]] = {}
        self._reasons: dict[tuple[int, int], tuple[SafeText, ...]] = {}
        failure = scene.failure
        said = (failure.message, *(each for step in failure.keyword_path for each in step.arguments))
        self._failure_text = derived("\n".join, said)
        self._named_by_failure = self._names.named_in(self._failure_text, by="")

    def reasons(self, cause: Candidate, effect: Candidate) -> tuple[SafeText, ...]:
        """Why a candidate is believed to have led to another; empty when nothing but time links them."""
        key = (id(cause), id(effect))
        if key not in self._reasons:
            self._reasons[key] = self._reasons_for(cause, effect)
        return self._reasons[key]

    def _reasons_for(self, cause: Candidate, effect: Candidate) -> tuple[SafeText, ...]:
        if cause is effect or not self._can_follow(cause, effect):
            return ()
        links = tuple(self._links(cause, effect))
        if not links:
            return ()
        order = self._order_in_words(cause, effect)
        return (*links, order) if order else links

    def names(self, candidate: Candidate, host: str) -> bool:
        """Whether a candidate's lines speak of a host."""
        return host in self._named_by(candidate)

    def calls(self, candidate: Candidate, item: Item) -> bool:
        """Whether a candidate's lines speak of the very service whose log an item is."""
        return self._names.calls(_whole_text(candidate), item, by=candidate.host)

    def failure_calls(self, item: Item) -> bool:
        """Whether the failure's message or the failing keyword's arguments speak of that service."""
        return self._names.calls(self._failure_text, item, by="")

    def serves(self, process: Candidate) -> bool:
        """Whether a process that a state of a host tells of is one of what is tested."""
        return self._names.is_watched(process.text, process.host)

    def quotes(self, relay: Candidate, source: Candidate) -> bool:
        """Whether a line repeats what a server said elsewhere."""
        return _quotes_server(relay, source)

    def failure_names(self, host: str) -> bool:
        """Whether the failure's message or the failing keyword's arguments speak of a host."""
        return host in self._named_by_failure

    def hosts_named_by(self, candidate: Candidate) -> Collection[str]:
        """The hosts of which a candidate's lines speak."""
        return self._named_by(candidate).keys()

    def reasons_to_failure(self, candidate: Candidate) -> tuple[SafeText, ...]:
        """Why a candidate is believed to have led to the failure."""
        reasons = tuple(signal.words for signal in candidate.signals if signal.name in _BELONGS)
        if not reasons and candidate.shares:
            reasons = (candidate.shares,)
        if candidate.host in self._named_by_failure:
            words = self._words_for(candidate.host, self._failure_text, by="")
            reasons = (*reasons, our_words("the failure names {}", words))
        return reasons

    def _links(self, cause: Candidate, effect: Candidate) -> Iterator[SafeText]:
        shared = self._shared_identifier(cause, effect)
        if shared:
            yield our_words("same {}", shared)
        if (cause.host, cause.collector) == (effect.host, effect.collector):
            if not shared and _are_of_one_kind(cause, effect):
                yield our_words("later in the same log, of the same kind")
            return
        named = self._named_by(effect)
        is_answer = (cause.host in named and effect.is_exception) or brings_about(cause, effect)
        tells_itself = effect.told_by == "server" and not passes_on(effect) and not is_answer
        if tells_itself and not shared and not _quotes_server(effect, cause):
            return
        if brings_about(cause, effect) and not (named and cause.host not in named):
            yield our_words("known to bring the like about")
        if cause.told_by != "server" and effect.host in self._named_by(cause):
            return  # whom a client names is no consequence of what the client says
        if _quotes_server(effect, cause):
            yield our_words("{} quotes it", configured_name(effect.host))
        elif self._is_passed_on(cause, effect):
            yield our_words("{} passes it on", configured_name(effect.host))
        if cause.host in named:
            words = self._words_for(cause.host, _whole_text(effect), by=effect.host)
            yield our_words("{} names {}", configured_name(effect.host), words)
        elif cause.told_by == "server" and effect.host in self._named_by(cause) and not _came_first(effect, cause):
            words = self._words_for(effect.host, _whole_text(cause), by=cause.host)
            yield our_words("{} names {}", configured_name(cause.host), words)

    def _is_passed_on(self, source: Candidate, relay: Candidate) -> bool:
        """Whether a host says of itself what another one passes on, which speaks of no other host."""
        if not are_of_one_reason(relay, source):
            return False
        named = self._named_by(relay)
        return not named or source.host in named

    def _words_for(self, host: str, text: SafeText, *, by: str) -> SafeText:
        """How a text speaks of a host that it names."""
        return derived(partial(_naming_words, self._names, host, by), text)

    def _shared_identifier(self, cause: Candidate, effect: Candidate) -> SafeText | None:
        if self._identifiers_of(cause).isdisjoint(self._identifiers_of(effect)):
            return None
        return derived(_shared_identifier, (_whole_text(cause), _whole_text(effect)))

    def _identifiers_of(self, candidate: Candidate) -> frozenset[str]:
        key = id(candidate)
        if key not in self._identifiers:
            self._identifiers[key] = frozenset(identifiers_of_line(_whole_text(candidate)))
        return self._identifiers[key]

    def _named_by(self, candidate: Candidate) -> Mapping[str, str]:
        key = id(candidate)
        if key not in self._named:
            self._named[key] = self._names.named_in(_whole_text(candidate), by=candidate.host)
        return self._named[key]

    # --- Order ---

    def _can_follow(self, cause: Candidate, effect: Candidate) -> bool:
        if cause.item is effect.item and cause.line_number is not None and effect.line_number is not None:
            return cause.line_number <= effect.line_number
        later_s = _seconds_between(cause, effect)
        if effect.is_event and effect.host != cause.host:  # who tells of itself buffers nothing: by the clocks alone
            return later_s is None or later_s >= 0
        return later_s is None or later_s >= -self._uncertainty_s(cause, effect)

    def is_earlier(self, first: Candidate, then: Candidate) -> bool:
        """Whether a candidate can have led to another one by its place or, as far as clocks tell, its time."""
        return self._can_follow(first, then)

    def _order_in_words(self, cause: Candidate, effect: Candidate) -> SafeText | None:
        """``0.3 s later (clocks ±0.1 s)``; None where the clocks, or times in whole seconds, do not tell."""
        later_s, unsure_s = _seconds_between(cause, effect), self._uncertainty_s(cause, effect)
        if later_s is None or later_s <= unsure_s:
            return None
        if unsure_s < 0.01:
            return our_words("{} later", derived(duration, later_s))
        return our_words("{} later (clocks ±{})", derived(duration, later_s), derived(duration, unsure_s))

    def _uncertainty_s(self, cause: Candidate, effect: Candidate) -> float:
        """How far the order of two times can be wrong: by both clocks, and by times in whole seconds."""
        whole_s = max(0.0 if _has_fraction(each) else 1.0 for each in (cause, effect))
        if cause.host == effect.host:
            return whole_s
        clocks = (self._clocks.get(each.host) for each in (cause, effect))
        return whole_s + sum(clock.uncertainty_s if clock else 0.5 for clock in clocks)


def _whole_text(candidate: Candidate) -> SafeText:
    return derived("\n".join, candidate.trace or (candidate.text,))


def _naming_words(names: Names, host: str, by: str, text: SafeText) -> str:
    return names.named_in(text, by=by)[host]


def _seconds_between(cause: Candidate, effect: Candidate) -> float | None:
    """None where a time is not known, or stands for several lines."""
    if cause.at is None or effect.at is None or cause.line_number is None or max(cause.count, effect.count) > 1:
        return None
    return (effect.at - cause.at).total_seconds()


def _came_first(effect: Candidate, cause: Candidate) -> bool:
    """By the clocks, however unsure: what came first is no consequence, unless it says so."""
    later_s = _seconds_between(cause, effect)
    return later_s is not None and later_s < 0


def _has_fraction(candidate: Candidate) -> bool:
    lines = (*candidate.trace, candidate.text, *candidate.lines_before, *candidate.lines_after)
    return candidate.line_number is None or any(_FRACTION.search(_time_of_line(line)) for line in lines)


def _time_of_line(line: str) -> str:
    """Its own time, and not one that it speaks of; where it does not begin with one, as JSON, its beginning."""
    return line[: message_at(line) or 200]


def _are_of_one_kind(cause: Candidate, effect: Candidate) -> bool:
    """Whether both tell of one thing by their strong signals: a shutdown that was asked for, and its end."""
    kinds = {signal.name for signal in cause.signals if signal.strong} & {signal.name for signal in effect.signals}
    return bool(kinds - {"error", "exception"})


def _quotes_server(effect: Candidate, cause: Candidate) -> bool:
    """Whether a line repeats what a server said elsewhere."""
    if cause.told_by != "server" or cause.line_number is None:
        return False
    core = _CORE.sub("", gist(cause.text, max_chars=LINE_CHARS)).casefold().strip(" .")
    return len(core) >= _LEAST_CORE and core in effect.text.casefold()


# --- The chain -------------------------------------------------------------------------------------------------------


def chain_of(ordered: Sequence[Candidate], linker: Linker, scene: Scene) -> FoundChain | None:
    """How the first candidate led to the failure; None when it is not strong, or nothing links."""
    if not ordered or not ordered[0].is_strong:
        return None
    lead = ordered[0]
    pool = [each for each in ordered[1:_LOOKED_AT] if _can_be_told(each, scene)]
    paths = list(_paths((lead,), pool, linker))
    best = max(paths, key=lambda path: _worth(path, ordered), default=())
    if not best:
        return None
    members = [lead, *(link.effect for link in best if link.effect is not None)]
    return FoundChain(best, tuple(_others(members, pool, linker))[:_MOST_CONSEQUENCES])


def _can_be_told(candidate: Candidate, scene: Scene) -> bool:
    if candidate.line_number is None or _GOES_ON.search(candidate.text[:LINE_CHARS]):
        return False
    if any(signal.name == _FOREIGN for signal in candidate.signals):
        return False
    is_late = candidate.at is not None and scene.offset_s(candidate.at) > LATE_S
    return not is_late and candidate.can_be_told


def _paths(events: tuple[Candidate, ...], pool: Sequence[Candidate], linker: Linker) -> Iterator[tuple[Link, ...]]:
    """The ways from the last event on: to the failure, and by one more event of another source."""
    last = events[-1]
    reasons = linker.reasons_to_failure(last)
    if reasons:
        yield (Link(last, None, reasons),)
    if len(events) > MOST_EVENTS:
        return
    told = {(each.host, each.collector) for each in events}
    hosts = {each.host for each in events[1:]}
    others = (each for each in pool if (each.host, each.collector) not in told and each.host not in hosts)
    links = (Link(last, other, why) for other in others if (why := linker.reasons(last, other)))
    for link in islice(links, _MOST_BRANCHES):
        yield (link,)
        if link.effect is not None:
            yield from ((link, *rest) for rest in _paths((*events, link.effect), pool, linker))


def _worth(path: tuple[Link, ...], ordered: Sequence[Candidate]) -> tuple[bool, int, int]:
    """To the failure, over more hosts, by better candidates."""
    hosts = {link.cause.host for link in path} | {link.effect.host for link in path if link.effect}
    places = [ordered.index(link.effect) for link in path if link.effect]
    return path[-1].effect is None, len(hosts), -sum(places)


def _others(members: Sequence[Candidate], pool: Sequence[Candidate], linker: Linker) -> Iterator[Link]:
    for other in pool:
        if any(other is each for each in members):
            continue
        found = next(((each, why) for each in members if (why := linker.reasons(each, other))), None)
        if found:
            yield Link(found[0], other, found[1])
