"""Candidates, best first -> the same with echoes behind causes: who tells that it failed yields to who tells why.

An access log's status line is the failure itself. What came after the failure is no cause of it. A client that lost a
connection tells the truth and not the reason, where a server tells that it was shut down or full. What a service's own
client complains of counts where others noticed it, too. Who passes on a reason yields to the host that says it of
itself. Of one request, and of one server's end, the first line leads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from FailTaleLibrary.lazy import regex, replace
from FailTaleLibrary.ranking.chain import Linker, local_identifiers_in
from FailTaleLibrary.ranking.lines import LINE_CHARS, gist
from FailTaleLibrary.ranking.relays import are_of_one_reason, brings_about
from FailTaleLibrary.ranking.score import COMPLAINT, Candidate
from FailTaleLibrary.ranking.signals import fault_names, kinds_brought_by
from FailTaleLibrary.ranking.times import LATE_S, Scene
from FailTaleLibrary.records import Signal, configured_name, our_words

_STATUS_LINE = regex(
    r"\b(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS) /\S*(?: HTTP/[\d.]+)?\"?(?: ->| =>|:| answered| returned)? [45]\d\d"
    r"(?=$|\"| (?:\d|-|in\b|\())"
    r"|\bCompleted [45]\d\d [A-Z]"  # Rails
)
_LATEST_S = 5.0
"""So much later than a client's word may stand the reason for it: clocks and log buffers differ."""
_AT_ONCE_S = 2.0
"""Lines of one request, and those of a server's end, stand no further apart."""
_ENDS = frozenset({"unit failed", "restart"})
"""What a service manager says of a service's end, and not why."""
_KEEP_FROM_STARTING = frozenset({"port in use", "configuration error", "disk full", "read-only", "permission denied"})
"""Kinds of causes for which a program that was started anew ends again."""
_WHOLE_SECOND_S = 1.0
"""A service manager's log may have whole seconds."""
_LOOKED_AT = 60
"""Of the candidates, the best: each is compared with each."""
_LEAST_OF_REQUEST = 3.0
"""What the first line of a request may weigh less than a later one that it leads."""


def behind_causes(ordered: Sequence[Candidate], scene: Scene, linker: Linker) -> list[Candidate]:
    """The same candidates: clients behind the reason, then what came after the failure, then status lines."""
    classes: tuple[list[Candidate], ...] = ([], [], [])
    for each in _confirmed(ordered, linker, scene):
        is_late = each.line_number is not None and each.at is not None and scene.offset_s(each.at) > LATE_S
        classes[2 if _is_status_line(each) else 1 if is_late else 0].append(each)
    causes = _pages_behind_cause(_clients_behind_reason(_relays_behind_source(classes[0], linker), linker))
    causes = _client_behind_named_error(_ends_behind_last_words(_first_of_request(causes)), linker)
    causes = _bare_error_behind_limit(_wrapper_behind_reason(_ordinary_behind_news(causes)))
    first = _refusals_behind_change(causes, linker)
    return [*first, *classes[1], *classes[2]]


def _is_status_line(candidate: Candidate) -> bool:
    return candidate.told_by != "server" and bool(_STATUS_LINE.search(candidate.text))


# --- Complaints of a service's own client ----------------------------------------------------------------------------


def _confirmed(ordered: Sequence[Candidate], linker: Linker, scene: Scene) -> list[Candidate]:
    """The candidates; a complaint, or what makes others wait, is a reason where a client elsewhere noticed it, too.

    A complaint with which tests pass is left out, unless it is one. A host's preset may ask for what never runs there.
    """
    clients = [each for each in ordered if each.line_number is not None and _noticed_something(each)]
    waiting = [each for each in clients if any(signal.name == "time-out" for signal in each.signals)]
    has_waited = bool(_TIMED_OUT.search(scene.failure.message))

    def confirmed(each: Candidate) -> Candidate:
        if each.told_by == COMPLAINT:
            return _confirmed_by(each, clients, linker)
        if not _makes_wait(each):
            return each
        found = _confirmed_by(each, waiting, linker, by_nobody_named=True)
        return each.told_as_reason(_WAITED_IN_VAIN) if found is each and has_waited else found

    found = [confirmed(each) for each in ordered]
    return [each for each in found if each.told_by != COMPLAINT or each.can_be_told or each.is_strong]


_TIMED_OUT = regex(r"\bread timed out\b|\bReadTimeout\b|\b504\b|deadline exceeded|gateway time-?out", re.IGNORECASE)
"""A test's own word that a server did not answer in time; its own time-out is none."""
_WAITED_IN_VAIN = Signal(name="noticed elsewhere", words=our_words("the test waited in vain"), strong=True)
_MAKES_WAIT = frozenset({"slow", "packets blocked", "batch job"})
"""Kinds that are no fault by themselves: somebody must have waited."""


def _makes_wait(candidate: Candidate) -> bool:
    return candidate.can_be_told and any(signal.name in _MAKES_WAIT for signal in candidate.signals)


def _noticed_something(candidate: Candidate) -> bool:
    return candidate.told_by == "client" and candidate.can_be_told


def _confirmed_by(
    complaint: Candidate, clients: Iterable[Candidate], linker: Linker, *, by_nobody_named: bool = False
) -> Candidate:
    """``by_nobody_named``: a client that waited, and does not say for whom, counts as well."""
    others = [each for each in clients if each.host != complaint.host]
    client = next((each for each in others if linker.names(each, complaint.host)), None)
    if client is None and by_nobody_named:
        client = next((each for each in others if not linker.hosts_named_by(each)), None)
    if client is None:
        return complaint
    words = our_words("{} noticed it, too", configured_name(client.host))
    return complaint.told_as_reason(Signal(name="noticed elsewhere", words=words, strong=True))


# --- Who passes on what another host says of itself -------------------------------------------------------------------


def _relays_behind_source(ordered: list[Candidate], linker: Linker) -> list[Candidate]:
    """Who says a reason of itself in the place of the first that passes it on; behind it those who do."""
    looked_at = ordered[:_LOOKED_AT]
    passed_on = (
        (source, relays)
        for source in looked_at
        if (relays := [each for each in looked_at if _passes_on_reason_of(source, each, looked_at, linker)])
    )
    found = next(passed_on, None)
    if found is None:
        return ordered
    source, relays = found
    same_log = (each for each in looked_at if each.item is source.item and are_of_one_reason(relays[0], each))
    source = next((each for each in same_log if linker.quotes(relays[0], each)), source)
    place = min(ordered.index(source), ordered.index(relays[0]))
    behind = [each for each in ordered[place:] if each is not source and each not in relays]
    return [*ordered[:place], source, *relays, *behind]


def _passes_on_reason_of(source: Candidate, relay: Candidate, every: Sequence[Candidate], linker: Linker) -> bool:
    """Whether the source's host is the one that a relay got it from, as far as anything tells."""
    if not source.can_be_told or not are_of_one_reason(relay, source) or not _are_near(source, relay):
        return False
    named = linker.hosts_named_by(relay)
    if not named or source.host in named:
        return True
    return any(each.host in named and are_of_one_reason(each, source) for each in every)


def _are_near(one: Candidate, other: Candidate) -> bool:
    return one.at is None or other.at is None or abs((one.at - other.at).total_seconds()) <= _LATEST_S


# --- Clients and reasons ---------------------------------------------------------------------------------------------


def _clients_behind_reason(ordered: list[Candidate], linker: Linker) -> list[Candidate]:
    """The reason, in the place of the first who only tells of it; behind it those who do."""
    found = _reason_among(ordered, linker)
    if found is None:
        return ordered
    reason = _earliest_of_end(found, ordered)
    clients = [each for each in ordered if _could_be_of(each, reason)]
    place = min(ordered.index(each) for each in (found, reason, *clients[:1]))
    others = [each for each in ordered[place:] if each is not reason and each not in clients]
    return [*ordered[:place], reason, *clients, *others]


def _reason_among(ordered: Sequence[Candidate], linker: Linker) -> Candidate | None:
    """The best reason: one that a client quotes, else one that is linked with its words, else the first of its own."""
    reasons = [each for each in ordered if each.told_by == "server"]
    clients = [each for each in ordered if (each.told_by == "client" or each.is_exception) and each.can_be_told][:5]
    quoted = (each for client in clients for each in reasons if not each.is_exception and linker.quotes(client, each))
    linked = (each for client in clients for each in reasons if not each.is_exception and linker.reasons(each, client))
    plain = (each for each in reasons if not each.is_exception)
    return next(quoted, None) or next(linked, None) or next(plain, None) or next(iter(reasons), None)


def _earliest_of_end(reason: Candidate, ordered: Sequence[Candidate]) -> Candidate:
    """The first line in which the same log tells of the same: a shutdown that was asked for leads all that it ends."""
    events = [each for each in ordered if each.is_event and each.can_be_told] if reason.is_event else []
    same = [each for each in events if _is_before_in_log(each, reason)]
    return min(same, key=lambda each: each.line_number or 0, default=reason)


def _is_before_in_log(first: Candidate, then: Candidate) -> bool:
    """Whether a line stands shortly before another one in the same log."""
    if first.item is None or first.item is not then.item or first.line_number is None or then.line_number is None:
        return False
    if first.line_number >= then.line_number:
        return False
    return first.at is None or then.at is None or (then.at - first.at).total_seconds() <= _AT_ONCE_S


def _pages_behind_cause(ordered: list[Candidate]) -> list[Candidate]:
    """The first strong candidate ahead of a web server's own 404s, where these lead: a reload took the page away."""
    cause = next((each for each in ordered if each.is_strong), None)
    if cause is None or not all(_is_page_not_found(each) for each in ordered[: ordered.index(cause)]):
        return ordered
    return [cause, *(each for each in ordered if each is not cause)]


def _is_page_not_found(candidate: Candidate) -> bool:
    return candidate.signals[:1] != () and candidate.signals[0].name == "page not found"


def _could_be_of(candidate: Candidate, reason: Candidate) -> bool:
    """Whether a candidate could be what others saw of the reason: told elsewhere, and not well before it."""
    same_kind = candidate.signals[:1] and candidate.signals[0].name == reason.signals[0].name
    if candidate.told_by != "client" and not (candidate.is_exception and not reason.is_exception and same_kind):
        return False
    if (candidate.host, candidate.collector) == (reason.host, reason.collector):
        return False
    if candidate.at is None or reason.at is None or reason.line_number is None:
        return True
    return (reason.at - candidate.at).total_seconds() <= _LATEST_S


# --- Why a service ended ---------------------------------------------------------------------------------------------


def _ends_behind_last_words(ordered: list[Candidate]) -> list[Candidate]:
    """Where a service manager's word of an end leads, the error that a log of that host held right before it does."""
    lead = next(iter(ordered), None)
    if lead is None or not _tells_an_end(lead):
        return ordered
    last_words = next((each for each in ordered if _could_be_last_words(each, lead)), None)
    if last_words is None:
        return ordered
    words = our_words("logged right before what {} logged of its end", configured_name(lead.collector))
    reason = last_words.told_as_reason(Signal(name="service ended", words=words, strong=True))
    return [reason, *(each for each in ordered if each is not last_words)]


def _tells_an_end(candidate: Candidate) -> bool:
    return any(signal.name in _ENDS for signal in candidate.signals)


def _could_be_last_words(candidate: Candidate, end: Candidate) -> bool:
    if candidate.host != end.host or _tells_an_end(candidate):
        return False
    if _keeps_from_starting(candidate) and _are_at_once(candidate, end):
        return True
    if candidate.collector == end.collector and not _is_before_in_log(candidate, end):
        return False
    names = {signal.name for signal in candidate.signals}
    is_news = candidate.can_be_told and not names.isdisjoint({"new", "stands", "in the window"})
    if not is_news or names.isdisjoint({"error", "exception"}) or candidate.told_by == "client":
        return False
    if candidate.at is None or end.at is None:
        return False
    return -_LATEST_S <= (candidate.at - end.at).total_seconds() <= _WHOLE_SECOND_S


def _keeps_from_starting(candidate: Candidate) -> bool:
    kinds = {signal.name for signal in candidate.signals if signal.strong}
    return candidate.can_be_told and not kinds.isdisjoint(_KEEP_FROM_STARTING)


def _are_at_once(one: Candidate, other: Candidate) -> bool:
    if one.at is None or other.at is None:
        return False
    return abs((one.at - other.at).total_seconds()) <= _AT_ONCE_S


# --- Who only says that it failed ------------------------------------------------------------------------------------

_SAYS_NO_MORE = regex(
    r"\b(?:failed|failure|error|aborted): *(?:[-=*_.#~]{2,}.*)?$"  # storing review failed: ----
    r"|\b(?:status|code|rc)[ =:]*-?\d+\W*$"  # upload ended with status 255; make all (exit status: 2)
    r"|\bsee (?:below|above|(?:the )?(?:log|output|details?|stderr)\b.{0,60})\W*$|\breturned an error\W*$"
    r"|^\W*command failed\b",
    re.IGNORECASE,
)
_BESIDE_S = 0.5
"""What was printed and the word that it failed are logged no further apart, as a rule; with whole seconds one more."""
_TROUBLE = frozenset({"error", "exception", "failure", "warning", "stack trace"})
_NO_REASONS = frozenset({"seen before", "perhaps older", "of another test", "refusal", "before the test"})
BESIDE = Signal(
    name="said beside it", words=our_words("logged beside a line that only says that it failed"), strong=True
)


def _wrapper_behind_reason(ordered: list[Candidate]) -> list[Candidate]:
    """Where a line leads that only says that something failed, what was logged beside it and says more does."""
    lead = next(iter(ordered), None)
    if lead is None or not lead.is_strong or not _only_says_that_it_failed(lead):
        return ordered
    beside = [each for each in ordered[1:_LOOKED_AT] if _is_reason_beside(each, lead)]
    reason = next((each for each in beside if each.is_strong), next(iter(beside), None))
    if reason is None:
        return ordered
    first = reason if reason.is_strong else reason.gaining(0, BESIDE)
    return [first, *(each for each in ordered if each is not reason)]


def _only_says_that_it_failed(candidate: Candidate) -> bool:
    if candidate.line_number is None or candidate.trace or candidate.error:
        return False
    strong = {signal.name for signal in candidate.signals if signal.strong}
    return strong <= {"error"} and bool(_SAYS_NO_MORE.search(gist(candidate.text, max_chars=LINE_CHARS)))


def _is_reason_beside(candidate: Candidate, wrapper: Candidate) -> bool:
    names = {signal.name for signal in candidate.signals}
    if candidate.line_number is None or not names.isdisjoint(_NO_REASONS) or _only_says_that_it_failed(candidate):
        return False
    if not candidate.is_strong and (names.isdisjoint(_TROUBLE | fault_names()) or candidate.host != wrapper.host):
        return False
    if candidate.told_by == "client" or candidate.at is None or wrapper.at is None:
        return False
    whole = _WHOLE_SECOND_S if not (candidate.at.microsecond and wrapper.at.microsecond) else 0.0
    return abs((candidate.at - wrapper.at).total_seconds()) <= _BESIDE_S + whole


# --- What stood at its limit -----------------------------------------------------------------------------------------


def _bare_error_behind_limit(ordered: list[Candidate]) -> list[Candidate]:
    """Where an error leads that says no reason, a state of its host that stood at its limit does: a full disk."""
    lead = next(iter(ordered), None)
    if lead is None or lead.line_number is None or {each.name for each in lead.signals if each.strong} != {"error"}:
        return ordered
    state = next((each for each in ordered[1:_LOOKED_AT] if each.host == lead.host and _is_at_limit(each)), None)
    return ordered if state is None else [state, *(each for each in ordered if each is not state)]


def _is_at_limit(candidate: Candidate) -> bool:
    return any(signal.name == "at its limit" and signal.strong for signal in candidate.signals)


# --- Who is named, and who says nothing ------------------------------------------------------------------------------


def _client_behind_named_error(ordered: list[Candidate], linker: Linker) -> list[Candidate]:
    """Where a client leads, the error leads that the host which it names has logged right before."""
    lead = next(iter(ordered), None)
    if lead is None or lead.told_by != "client" or not lead.is_strong:
        return ordered
    named = (each for each in ordered[1:_LOOKED_AT] if each.host != lead.host and linker.names(lead, each.host))
    error = next((each for each in named if _could_be_reason_of(each, lead, linker)), None)
    return ordered if error is None else [error, *(each for each in ordered if each is not error)]


def _could_be_reason_of(error: Candidate, client: Candidate, linker: Linker) -> bool:
    names = {signal.name for signal in error.signals}
    is_error = error.is_strong and error.told_by != "client" and not names.isdisjoint({"error", "exception"})
    return is_error and error.can_be_told and _are_near(error, client) and linker.is_earlier(error, client)


def _ordinary_behind_news(ordered: list[Candidate]) -> list[Candidate]:
    """Where a line leads that is only new or the test's own, an event or a reason does that stands near the top."""
    lead = next(iter(ordered), None)
    if lead is None or lead.is_strong or not _ORDINARY.issuperset(signal.name for signal in lead.signals):
        return ordered
    others = (each for each in ordered[1:_NEAR_TOP] if each.is_event or each.told_by == "server")
    event = next((each for each in others if each.is_strong and each.can_be_told), None)
    return ordered if event is None else [event, *(each for each in ordered if each is not event)]


_ORDINARY = frozenset(
    {"warning", "new", "of this test", "shared words", "same identifier", "near the failure", "in the window"}
)
"""Signals of a line that tells of no fault, or of none that is known."""
_NEAR_TOP = 4


# --- What a change brings about --------------------------------------------------------------------------------------


def _refusals_behind_change(ordered: list[Candidate], linker: Linker) -> list[Candidate]:
    """Where a refusal leads, the change that brings about such refusals does, if it came first on the host in question.

    A server that became a replica refuses to write; a disk that is nearly full makes an index read-only.
    """
    lead = next(iter(ordered), None)
    if lead is None:
        return ordered
    change = next((each for each in ordered[1:_LOOKED_AT] if _could_bring_about(each, lead, linker)), None)
    if change is None:
        return ordered
    words = our_words("brings about what {} logged", configured_name(lead.host))
    signals = sorted(change.signals, key=lambda signal: signal.name not in kinds_brought_by())
    reason = replace(change, signals=tuple(signals)).told_as_reason(
        Signal(name="brings about", words=words, strong=True)
    )
    return [reason, *(each for each in ordered if each is not change)]


def _could_bring_about(change: Candidate, refusal: Candidate, linker: Linker) -> bool:
    if not brings_about(change, refusal):
        return False
    named = linker.hosts_named_by(refusal)
    is_there = change.host == refusal.host or change.host in named or not named
    return is_there and linker.is_earlier(change, refusal)


# --- The first line of a request -------------------------------------------------------------------------------------


def _first_of_request(ordered: list[Candidate]) -> list[Candidate]:
    """A line of the same request that stands above the first candidate in its log, and weighs about as much, leads."""
    lead = next(iter(ordered), None)
    if lead is None:
        return ordered
    if lead.told_by == "server" or lead.is_event:
        return _first_event(ordered, lead)
    theirs = local_identifiers_in(lead.text)
    for each in ordered[1:]:
        is_of_request = _is_before_in_log(each, lead) and not theirs.isdisjoint(local_identifiers_in(each.text))
        if is_of_request and each.score >= lead.score - _LEAST_OF_REQUEST and each.can_be_told:
            return [each, *(other for other in ordered if other is not each)]
    return ordered


def _first_event(ordered: list[Candidate], lead: Candidate) -> list[Candidate]:
    """Of events that a log tells step by step the first one leads."""
    first = _earliest_of_end(lead, ordered)
    return [first, *(each for each in ordered if each is not first)]
