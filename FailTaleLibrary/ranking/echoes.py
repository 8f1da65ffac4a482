"""Candidates, best first -> the same with echoes behind causes: who tells that it failed yields to who tells why.

An access log's status line is the failure itself. What came after the failure is no cause of it. A client that lost a
connection tells the truth and not the reason, where a server tells that it was shut down or full.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from FailTaleLibrary.ranking.lines import gist
from FailTaleLibrary.ranking.score import Candidate
from FailTaleLibrary.ranking.times import LATE_S, Scene
from FailTaleLibrary.records import Signal, configured_name, derived, our_words
from FailTaleLibrary.text import duration

_STATUS_LINE = re.compile(
    r"\b(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS) /\S*(?: HTTP/[\d.]+)?\"?(?: ->| =>|:| answered| returned)? [45]\d\d"
    r"(?=$|\"| (?:\d|-|in\b|\())"
)
_LATEST_S = 5.0
"""So much later than a client's word may stand the reason for it: clocks and log buffers differ."""


def behind_causes(ordered: Sequence[Candidate], scene: Scene) -> list[Candidate]:
    """The same candidates: clients behind the reason, then what came after the failure, then status lines."""
    classes: tuple[list[Candidate], ...] = ([], [], [])
    for each in ordered:
        is_late = each.at is not None and scene.offset_s(each.at) > LATE_S
        classes[2 if _is_status_line(each) else 1 if is_late else 0].append(each)
    return [*_pages_behind_cause(_clients_behind_reason(classes[0])), *classes[1], *classes[2]]


def _is_status_line(candidate: Candidate) -> bool:
    return candidate.told_by != "server" and bool(_STATUS_LINE.search(candidate.text))


def _clients_behind_reason(ordered: list[Candidate]) -> list[Candidate]:
    """The first reason, in the place of the first who only tells of it; behind it those who do."""
    reasons = [each for each in ordered if each.told_by == "server"]
    reason = next((each for each in reasons if not _quotes(each)), next(iter(reasons), None))
    clients = [each for each in ordered if reason is not None and _could_be_of(each, reason)]
    if reason is None or not clients:
        return ordered
    told = reason.gaining(0.0, _consequence(reason, clients[0]))
    place = min(ordered.index(reason), ordered.index(clients[0]))
    others = [each for each in ordered[place:] if each is not reason and each not in clients]
    return [*ordered[:place], told, *clients, *others]


def _pages_behind_cause(ordered: list[Candidate]) -> list[Candidate]:
    """The first strong candidate ahead of a web server's own 404s, where these lead: a reload took the page away."""
    cause = next((each for each in ordered if any(signal.strong for signal in each.signals)), None)
    if cause is None or not all(_is_page_not_found(each) for each in ordered[: ordered.index(cause)]):
        return ordered
    return [cause, *(each for each in ordered if each is not cause)]


def _is_page_not_found(candidate: Candidate) -> bool:
    return candidate.signals[:1] != () and candidate.signals[0].name == "page not found"


def _quotes(candidate: Candidate) -> bool:
    """Whether a reason is reported in an exception: a client's, which quotes what a server answered."""
    return any(signal.name in ("exception", "stack trace") for signal in candidate.signals)


def _could_be_of(candidate: Candidate, reason: Candidate) -> bool:
    """Whether a candidate could be what others saw of the reason: told elsewhere, and not well before it."""
    same_kind = candidate.signals[:1] and candidate.signals[0].name == reason.signals[0].name
    if candidate.told_by != "client" and not (_quotes(candidate) and not _quotes(reason) and same_kind):
        return False
    if (candidate.host, candidate.collector) == (reason.host, reason.collector):
        return False
    if candidate.at is None or reason.at is None:
        return True
    return (reason.at - candidate.at).total_seconds() <= _LATEST_S


def _consequence(reason: Candidate, client: Candidate) -> Signal:
    """``then api: server closed the connection, 0.2 s later``."""
    who = configured_name(client.component or client.host)
    words = our_words("then {}: {}", who, derived(gist, client.text))
    later_s = (client.at - reason.at).total_seconds() if client.at and reason.at else 0.0
    if later_s > 0:
        words = our_words("{}, {} later", words, derived(_span_in_words, later_s))
    return Signal(name="consequence", words=words)


def _span_in_words(seconds: float) -> str:
    return duration(seconds)
