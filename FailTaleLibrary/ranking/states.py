"""Gaps and baseline changes -> suspects of their own: what does not answer, and what is no longer as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from FailTaleLibrary.ranking.history import History
from FailTaleLibrary.ranking.lines import LINE_CHARS
from FailTaleLibrary.ranking.score import Candidate
from FailTaleLibrary.ranking.signals import CUES, Row, services
from FailTaleLibrary.records import (
    NO_HOST,
    Evidence,
    Gap,
    GapReason,
    Item,
    SafeText,
    Signal,
    derived,
    derived_texts,
    our_words,
)

SILENT: frozenset[GapReason] = frozenset(
    {
        "refused",
        "unreachable",
        "no answer",
        "timed out",
        "connection lost",
        "host key changed",
        "authentication refused",
    }
)
"""Reasons that tell something of the host; the others tell of the configuration or of us."""
_SAYS = {
    "refused": "refuses connections",
    "host key changed": "shows another host key",
    "authentication refused": "refuses to log us in",
    "connection lost": "lost the connection",
}
_BROKEN = re.compile(
    r"\b(?:failed|dead|inactive|down|unhealthy|exited|restarting|crashloopbackoff|offline|degraded|stopped|read-only|ro"
    r"|error|not-found|100%|9[5-9]%|oomkilled|notready|evicted|removed)(?!\w)",
    re.IGNORECASE,
)
_BULLETS = "●*○•-\N{MULTIPLICATION SIGN}"
"""Ahead of a unit's name in systemctl's list."""
HOST_SILENT, COLLECTOR_SILENT, BROKE, CHANGED, COMPLAINT = 9.0, 4.0, 9.5, 4.0, 2.0
_OURS = frozenset({"permission denied", "authentication", "missing"})
"""What a command complains of when we may not, or cannot, run it."""


def states_of(evidence: Evidence, history: History) -> Iterator[Candidate]:
    """What gaps, changes and failed commands say, in the evidence's order."""
    for gap in evidence.gaps:
        if gap.reason in SILENT and gap.host != NO_HOST:
            yield _silence(gap, history)
    for item in evidence.items:
        yield from _changes(item)
        yield from _complaint(item)


def _silence(gap: Gap, history: History) -> Candidate:
    whole = gap.collector is None
    since = history.silent_since.get(gap.host, gap.at) if whole else gap.at
    return Candidate(
        host=gap.host,
        component=gap.component,
        collector=gap.collector or "",
        item=None,
        text=our_words("{}{}: {}", derived(_who_is_silent, gap), derived(_since, since), gap.detail),
        score=HOST_SILENT if whole else COLLECTOR_SILENT,
        signals=(Signal(name="does not answer", words=derived(_why_silent, gap), strong=whole),),
    )


def _who_is_silent(gap: Gap) -> str:
    who = gap.host if gap.collector is None else f"{gap.host}: {gap.collector}"
    return f"{who} {_SAYS.get(gap.reason, 'does not answer')}"


def _since(moment: datetime | None) -> str:
    return f" since {moment:%H:%M:%S}" if moment else ""


def _why_silent(gap: Gap) -> str:
    return f"no evidence could be had: {gap.reason}"


# --- Changes ---------------------------------------------------------------------------------------------------------


def _changes(item: Item) -> Iterator[Candidate]:
    """One candidate for each line that came, went or reads differently."""
    gone = {_name(line): derived(_content, line) for line in item.changes if line.startswith("- ")}
    come = {_name(line): derived(_content, line) for line in item.changes if line.startswith("+ ")}
    for name in dict.fromkeys([*gone, *come]):
        if name:
            yield _change(item, was=gone.get(name, our_words("")), now=come.get(name, our_words("")))


def _content(line: str) -> str:
    return line[2:LINE_CHARS].strip()


def _name(line: str) -> str:
    """What a snapshot's line is about: its first word that is no bullet."""
    return next((word for word in line[2:LINE_CHARS].split() if word.strip(_BULLETS)), "")


def _change(item: Item, *, was: SafeText, now: SafeText) -> Candidate:
    broke = bool(now) and bool(_BROKEN.search(_without(now, was)))
    words = our_words("broke since the window began") if broke else our_words("changed since the window began")
    return Candidate(
        host=item.host,
        component=item.component,
        collector=item.collector,
        item=item,
        text=derived(_change_words, (was, now)),
        score=BROKE if broke else CHANGED,
        signals=(Signal(name="state changed", words=words, strong=broke),),
    )


def _change_words(states: tuple[SafeText, SafeText]) -> str:
    """``nginx.service active running → failed failed``."""
    was, now = states
    if not (was and now):
        return f"{was} is gone" if was else f"{now} is new"
    name = _name(f"+ {now}")
    return f"{name} {_without(was, now) or '(nothing)'} → {_without(now, was) or '(nothing)'}"


def _without(text: str, other: str) -> str:
    """The words of a text that the other does not have."""
    theirs = set(other.split())
    return " ".join(word for word in text.split() if word not in theirs)


# --- Complaints ------------------------------------------------------------------------------------------------------


def _complaint(item: Item) -> Iterator[Candidate]:
    """What a failed command wrote to stderr, where that tells of the host and not of our rights on it."""
    said = derived_texts(str.splitlines, item.stderr) if item.status == "failed" else ()
    complaints = [(derived(str.strip, line), cues) for line in said if (cues := _cues_in(line[:LINE_CHARS]))]
    for line, cues in sorted(complaints, key=lambda each: -each[1][0].weight)[:1]:
        if cues[0].name not in _OURS:
            words = our_words("{}, says {}", cues[0].words, derived(_quoted_collector, item))
            yield Candidate(
                host=item.host,
                component=item.component,
                collector=item.collector,
                item=item,
                text=line,
                at=item.started_at,
                score=cues[0].weight + COMPLAINT,
                signals=(Signal(name=cues[0].name, words=words, strong=cues[0].strong),),
            )


def _quoted_collector(item: Item) -> str:
    return f"'{item.collector}'"


def _cues_in(message: str) -> tuple[Row, ...]:
    return tuple(row for row in services().rows_in(message) if row.kind in CUES)
