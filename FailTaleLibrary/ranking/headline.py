"""A failure and its suspects -> one sentence for a reader who has two seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from FailTaleLibrary.ranking.moments import duration
from FailTaleLibrary.ranking.templates import LINE_CHARS, gist
from FailTaleLibrary.records import Evidence, Failure, Suspect

NO_SUSPECT = "No strong suspect"
_IDS = re.compile(r"\b(?:[a-z_-]*id|req(?:uest)?|trace|span|session|pid|tid)[=:] ?[0-9a-f-]{4,}\b ?", re.IGNORECASE)
"""Names of requests and processes: to be seen in the line itself, noise in a sentence."""
_VERB = re.compile(r"\b(GET|POST|PUT|DELETE|PATCH|HEAD)\b", re.IGNORECASE)
_PATH = re.compile(r"(?:https?://[^/\s'\"]+)?(/[\w./~%-]*[\w/])")
_STATUS = re.compile(r"\b([45]\d\d)\b(?= |:|$|!|\.)")


def headline_of(failure: Failure, suspects: Sequence[Suspect], *, evidence: Evidence) -> str:
    """One sentence of the strongest suspect, or that there is none."""
    first = suspects[0] if suspects else None
    if first is None or not is_strong(first):
        return NO_SUSPECT
    if first.line_number is None:
        return gist(first.text) if first.item_id is None else f"{_who(first, evidence)}: {gist(first.text)}"
    return f"{_who(first, evidence)}: {_IDS.sub('', gist(first.text))}{_when(first, failure)}"


def is_strong(suspect: Suspect) -> bool:
    return any(signal.strong for signal in suspect.signals)


def _who(suspect: Suspect, evidence: Evidence) -> str:
    """The component; the host where several play it."""
    hosts = {item.host for item in evidence.items if item.component == suspect.component}
    return suspect.component if suspect.component and len(hosts) < 2 else suspect.host


def _when(suspect: Suspect, failure: Failure) -> str:
    if suspect.offset_s is None:
        return ""
    if abs(suspect.offset_s) < 0.05:
        return f", when {_what(failure)}"
    return f", {duration(abs(suspect.offset_s))} {'before' if suspect.offset_s < 0 else 'after'} {_what(failure)}"


def _what(failure: Failure) -> str:
    """What failed, in short: ``GET /orders`` returned 500, `Create Order` failed."""
    request = _request(failure)
    if request:
        return request
    return f"`{failure.keyword_path[-1].name.rsplit('.', 1)[-1]}` failed" if failure.keyword_path else "the test failed"


def _request(failure: Failure) -> str:
    """The failing request, where message and keyword tell its verb, path and status."""
    step = failure.keyword_path[-1] if failure.keyword_path else None
    said = " ".join([step.name.rsplit(".", 1)[-1], *step.arguments])[:LINE_CHARS] if step else ""
    message = failure.message[:LINE_CHARS]
    verb, status = _VERB.search(f"{said} {message}"), _STATUS.search(message)
    path = _PATH.search(message) or _PATH.search(said)
    if not (verb and path and status):
        return ""
    return f"`{verb[1].upper()} {path[1][:60]}` returned {status[1]}"
