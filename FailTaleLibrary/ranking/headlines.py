"""The strongest suspect -> the headline: host, kind of cause and what it says; without one, what was not seen.

One sentence for a reader who has two seconds. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, partial

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.ranking.changes import CHANGED
from FailTaleLibrary.ranking.lines import LINE_CHARS, gist, gist_with_error
from FailTaleLibrary.ranking.novelty import PERHAPS_OLDER
from FailTaleLibrary.ranking.signals import CUES, event_names, services
from FailTaleLibrary.records import ChainEvent, Evidence, Failure, SafeText, Suspect, derived, our_words
from FailTaleLibrary.text import count, duration

NO_SUSPECT = our_words("No strong suspect")
TELLS_OF_TEST = our_words("the message tells of the test itself, not of what it tests")
STANDING = "standing"
"""Signal of what began before the test and goes on; its words tell since when."""
ON_MANY = "on many hosts"
"""Signal of what many hosts say alike; its words tell how many."""
UNNAMED_CHANGE = "unnamed change"
"""Signal of what somebody switched, which nothing but the time links with the failure."""
_IDS = regex(r"\b(?:[a-z_-]*id|req(?:uest)?|trace|span|session|pid|tid)[=:] ?[0-9a-f-]{4,}\b ?", re.IGNORECASE)
"""Names of requests and processes: to be seen in the line itself, noise in a sentence."""
_NO_KINDS = frozenset(
    {
        "error",
        "exception",
        "server error",
        "noticed elsewhere",
        "brings about",
        "broken program",
        "data error",
        "said beside it",
    }
)
"""Signals that say no more than the line."""
_VERB = regex(r"\b(GET|POST|PUT|DELETE|PATCH|HEAD)\b", re.IGNORECASE)
_PATH = regex(r"(?:https?://[^/\s'\"]+|(?<![\w:/.]))(/(?:[\w./~%-]*[\w/])?)")
_HEADLINE_STATUS = regex(r"\b([45]\d\d)\b(?=[ :!.,;)]|$)")


_USUAL = "seen before"
_MOST_UNSEEN = 3
"""Named in the headline; the analysis has all of them."""
_EVENT_CHARS = 80


def headline_of(
    failure: Failure,
    evidence: Evidence,
    strongest: Suspect | None,
    not_in_reach: Sequence[SafeText],
    *,
    first: Suspect | None = None,
    refusal: Suspect | None = None,
    is_own: bool = False,
) -> SafeText:
    """One sentence of the strongest suspect; without one, what comes nearest or that nothing does; what was not seen.

    ``first``: the best suspect, strong or not; ``refusal``: who refused what the test asked for; ``is_own``: the
    message speaks of the test's own text.
    """
    if strongest is not None:
        return derived(_headline, (failure, strongest))
    if is_own:
        return our_words("{}: {}", NO_SUSPECT, TELLS_OF_TEST)
    unseen = derived(_unseen, tuple(not_in_reach))
    if first is not None and is_grave_and_perhaps_older(first):
        return our_words("{}: what {} logged may be older than this test{}", NO_SUSPECT, derived(_who, first), unseen)
    if refusal is not None:
        return our_words("{}: {}{}", NO_SUSPECT, derived(_refusal_in_words, refusal), unseen)
    if first is not None and any(signal.name == UNNAMED_CHANGE for signal in first.signals):
        said = derived(_unnamed_change_in_words, (failure, first))
        return our_words("{}: nothing but the time links this with the failure: {}{}", NO_SUSPECT, said, unseen)
    changes = [signal.words for signal in first.signals if signal.name == CHANGED] if first is not None else []
    if first is not None and changes:
        return our_words("{}: {} logged {}{}", NO_SUSPECT, derived(_who, first), changes[0], unseen)
    is_usual = first is None or any(signal.name == _USUAL for signal in first.signals)
    explains = "explains" if is_usual else "is known to explain"
    return our_words("{}: {}{}", NO_SUSPECT, derived(partial(_nothing_explains, explains), evidence), unseen)


def _unnamed_change_in_words(records: tuple[Failure, Suspect]) -> str:
    """``app1 (shop) logged 'flag summer is on now', 0.9 s before `Total Should Be` failed``."""
    failure, change = records
    return f"{_who(change)}: {_IDS.sub('', _told_with_error(change))}{_when(change, failure)}"


def is_grave_and_perhaps_older(suspect: Suspect) -> bool:
    """Whether only its unknown age keeps a line from leading."""
    names = {each.name for each in suspect.signals}
    return PERHAPS_OLDER in names and any(name == "error" or name in _grave_kinds() for name in names)


@cache
def _grave_kinds() -> frozenset[str]:
    return frozenset(row.name for row in services().rows if row.kind in CUES and row.strong)


def _refusal_in_words(refusal: Suspect) -> str:
    """``app1 (shop) refused what the test asked for: no price of 'boook'``."""
    return f"{_who(refusal)} refused what the test asked for: {_IDS.sub('', _told_with_error(refusal))}"


def cause_of(suspect: Suspect) -> SafeText:
    """``db1 · disk full``; empty where the kind of cause is not known."""
    return derived(_host_and_kind, suspect)


def event_of_suspect(suspect: Suspect) -> ChainEvent:
    """A suspect as an event of a chain."""
    return ChainEvent(suspect_id=suspect.id, who=derived(_host, suspect), says=derived(_brief, suspect))


def event_of_failure(failure: Failure) -> ChainEvent:
    """The failure as the end of a chain."""
    return ChainEvent(suspect_id=None, who=our_words("test"), says=derived(_what, failure))


def _headline(records: tuple[Failure, Suspect]) -> str:
    failure, first = records
    if first.item_id is None:
        return gist(first.text)
    said = _IDS.sub("", _told_with_error(first)) if first.line_number is not None else gist(first.text)
    kind, when = _kind(first), _when(first, failure)
    if when and not said.endswith(".."):
        said = said.removesuffix(".")
    return f"{_who(first)}{f' · {kind}' if kind else ''}: {said}{when}"


def _nothing_explains(explains: str, evidence: Evidence) -> str:
    """That it explains a failure; of lines that may do so it is only said that nobody knows it."""
    hosts = {item.host for item in evidence.items}
    if not hosts:
        return "no host gave evidence"
    return f"nothing in the evidence of {count(len(hosts), 'host')} {explains} this"


def _unseen(not_in_reach: tuple[SafeText, ...]) -> str:
    if not not_in_reach:
        return ""
    more = len(not_in_reach) - _MOST_UNSEEN
    return f"; not in reach: {', '.join(not_in_reach[:_MOST_UNSEEN])}{f' and {more} more' if more > 0 else ''}"


def _host_and_kind(suspect: Suspect) -> str:
    kind = _kind(suspect)
    return f"{suspect.host} · {kind}" if kind else ""


def _host(suspect: Suspect) -> str:
    return suspect.host


def _brief(suspect: Suspect) -> str:
    return _IDS.sub("", _told_with_error(suspect, max_chars=_EVENT_CHARS))


def _told_with_error(suspect: Suspect, *, max_chars: int = 110) -> str:
    return gist_with_error(suspect.text, suspect.error, max_chars=max_chars)


def _kind(suspect: Suspect) -> str:
    """The kind of cause: of a line its first strong signal, of a state what was looked at; empty when none is known."""
    if suspect.item_id is not None and suspect.line_number is None and suspect.at is None:
        return suspect.collector.rpartition(".")[2]
    strong = (each.name for each in suspect.signals if each.strong and each.name not in _NO_KINDS)
    return next(strong, "") or next((each.name for each in suspect.signals if each.name in _weaker_kinds()), "")


@cache
def _weaker_kinds() -> frozenset[str]:
    """Cues that name a kind of cause, though they are not enough to lead."""
    return frozenset(row.name for row in services().rows if row.kind in CUES) - _NO_KINDS


def _who(suspect: Suspect) -> str:
    """The host, its component where its name does not say so, and how many others say the same."""
    others = "".join(f", {signal.words}" for signal in suspect.signals if signal.name == ON_MANY)
    if not suspect.component or suspect.component in suspect.host:
        return f"{suspect.host}{others}"
    return f"{suspect.host} ({suspect.component}){others}"


def _when(suspect: Suspect, failure: Failure) -> str:
    stands = next((f", {each.words}" for each in suspect.signals if each.name == STANDING), "")
    if suspect.offset_s is None or suspect.line_number is None:
        # a state is looked at when the failure is over; what a log said before the window stands since then
        return stands
    if stands and event_names().isdisjoint(each.name for each in suspect.signals):
        return stands
    if abs(suspect.offset_s) < 0.05:
        return f", when {_what(failure)}"
    return f", {duration(abs(suspect.offset_s))} {'before' if suspect.offset_s < 0 else 'after'} {_what(failure)}"


def _what(failure: Failure) -> str:
    """What failed, in short: ``GET /orders`` returned 500, `Create Order` failed."""
    request = _request_of(failure)
    if request:
        return request
    step = failure.telling_step
    return f"`{step.name.rsplit('.', 1)[-1]}` failed" if step else "the test failed"


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
