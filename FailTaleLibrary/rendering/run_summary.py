"""Reports of a run -> its summary: a row for each failure, grouped by cause. Pure.

A row is small, so that a run of hundreds of failures may keep one of each. The summary is also what
``failtale report --json`` prints; docs/run-report.schema.json describes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from FailTaleLibrary.records import FailureScope, Record, Report, SafeText, derived, our_words
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.rendering.card import headline_of, shown_suspects
from FailTaleLibrary.screenshots import nearest_screenshot
from FailTaleLibrary.text import one_line, shorten

_MESSAGE_CHARS = 300
_MOST_MOMENTS = 5


class HostMoment(Record):
    """When a suspect of one host was written; None: its time is not known, or the host did not answer."""

    host: str
    at: datetime | None = None
    is_strong: bool = False


class FallenTest(Record):
    """A test that did not run, because its suite's setup had failed."""

    name: SafeText
    test_id: str = ""
    """As of a failure."""


class FailureSummary(Record):
    """One failure in a row."""

    failure_id: str
    name: SafeText
    suite: SafeText = our_words("")
    scope: FailureScope = "test"
    framework: str = "robot"
    message: SafeText = our_words("")
    """Its first line."""
    started_at: datetime
    failed_at: datetime
    attempt: int = 1
    headline: SafeText = our_words("")
    cause: SafeText = our_words("")
    """Host and kind: "db1 · disk full"; empty when there is no strong suspect."""
    chain: SafeText = our_words("")
    """How the cause led to the failure; empty when nothing links them."""
    signature: str = ""
    """16 hexadecimal digits: failures of a run with the same have the same cause; empty when nothing tells it."""
    history_signature: str = ""
    """As of `Recurrence`: what ``failtale know`` takes; empty without a history."""
    recurrence: SafeText = our_words("")
    """How often its cause struck before: "4th time since 3 May, last on 12 Nov"; empty without a history."""
    note: SafeText = our_words("")
    """What people know of the cause; empty without a note."""
    moments: tuple[HostMoment, ...] = ()
    gaps: int = 0
    bundle: str | None = None
    """Path of the bundle relative to the page."""
    screenshot: str | None = None
    """Path of the screenshot that was taken nearest to the failure, relative to the page; None without one."""
    log: str = ""
    """Path of the log.html that shows it, relative to the page; empty when there is none."""
    test_id: str = ""
    """Robot's id of the test or suite, ``s1-s2-t3``, which log.html takes as an anchor; empty when it is not known."""
    fallen: tuple[FallenTest, ...] = ()
    """Tests that fell with it, where it is a suite's setup."""


class CauseGroup(Record):
    """Failures that have one cause."""

    signature: str = ""
    """As of its failures."""
    cause: SafeText = our_words("")
    headline: SafeText
    history_signature: str = ""
    """As of its failures; empty without a history, or where they are several causes to it."""
    recurrence: SafeText = our_words("")
    """Of its last failure; empty without a history, or where its failures are several causes to the history."""
    note: SafeText = our_words("")
    """What people know of it; empty where its failures are several causes to the history."""
    hosts: tuple[str, ...] = ()
    first_at: datetime
    last_at: datetime
    failure_ids: tuple[str, ...]
    fallen: int = 0
    """Tests that fell with them."""

    @property
    def number(self) -> int:
        """Of failures and of tests that fell with them."""
        return len(self.failure_ids) + self.fallen


class RunSummary(Record):
    """The failures of a run, or of several runs that were merged."""

    schema_version: Literal[1] = 1
    failtale_version: str
    groups: tuple[CauseGroup, ...] = ()
    """The largest first."""
    failures: tuple[FailureSummary, ...] = ()
    """In the order of time."""

    def failures_of(self, group: CauseGroup) -> tuple[FailureSummary, ...]:
        wanted = set(group.failure_ids)
        return tuple(each for each in self.failures if each.failure_id in wanted)


def failure_summary(report: Report, *, test_id: str = "", log: str = "") -> FailureSummary:
    """The row of one failure; ``log`` is the log.html that has the card, relative to the page."""
    failure, analysis = report.failure, report.analysis
    suspects = shown_suspects(analysis)
    screenshot = nearest_screenshot(failure)
    is_caused = bool(suspects) and suspects[0].is_strong
    moments = [HostMoment(host=each.host, at=each.at, is_strong=each.is_strong) for each in suspects[:_MOST_MOMENTS]]
    return FailureSummary(
        failure_id=failure.id,
        name=failure.name,
        suite=failure.suite,
        scope=failure.scope,
        framework=failure.framework,
        message=derived(_first_line, failure.message),
        started_at=failure.window.start,
        failed_at=failure.window.end,
        attempt=failure.attempt,
        headline=derived(headline_of, report),
        cause=analysis.cause if is_caused else our_words(""),
        chain=derived(in_words.chain_words, analysis.chain) if analysis.chain else our_words(""),
        signature=analysis.signature.hash if analysis.signature else "",
        history_signature=analysis.recurrence.signature if analysis.recurrence else "",
        recurrence=derived(_recurrence_words, report),
        note=analysis.recurrence.note if analysis.recurrence else our_words(""),
        moments=tuple(moments),
        gaps=len(report.evidence.gaps),
        bundle=report.bundle,
        screenshot=screenshot.path if screenshot else None,
        log=log,
        test_id=test_id,
    )


def run_summary(rows: Iterable[FailureSummary], *, version: str) -> RunSummary:
    """The summary of failures, whatever order they come in; of one failure that comes twice the last one counts.

    What a keyword collected on demand, while nothing had failed, is no failure.
    """
    failures = {row.failure_id: row for row in rows if row.scope != "on demand" or row.message}
    ordered = sorted(failures.values(), key=lambda row: (row.failed_at, row.failure_id))
    members: dict[str, list[FailureSummary]] = {}
    for row in ordered:
        members.setdefault(row.signature or row.failure_id, []).append(row)
    groups = sorted(map(_group, members.values()), key=lambda group: (-group.number, group.first_at))
    return RunSummary(failtale_version=version, groups=tuple(groups), failures=tuple(ordered))


def _group(rows: Sequence[FailureSummary]) -> CauseGroup:
    is_one = len({(row.history_signature, row.note) for row in rows}) == 1
    return CauseGroup(
        signature=rows[0].signature,
        cause=rows[0].cause,
        headline=rows[0].headline,
        history_signature=rows[-1].history_signature if is_one else "",
        recurrence=rows[-1].recurrence if is_one else our_words(""),
        note=rows[-1].note if is_one else our_words(""),
        hosts=tuple(dict.fromkeys(moment.host for row in rows for moment in row.moments if moment.is_strong)),
        first_at=rows[0].failed_at,
        last_at=rows[-1].failed_at,
        failure_ids=tuple(row.failure_id for row in rows),
        fallen=sum(len(row.fallen) for row in rows),
    )


def known_words(known: FailureSummary | CauseGroup) -> str:
    """``Known: BUG-123; 4th time since 3 May``; empty without a history."""
    note = f"Known: {known.note}" if known.note else ""
    return "; ".join(part for part in (note, known.recurrence) if part)


def _recurrence_words(report: Report) -> str:
    recurrence = report.analysis.recurrence
    return in_words.recurrence_words(recurrence, report.failure.window.end) if recurrence else ""


def _first_line(message: str) -> str:
    return shorten(one_line(next((line for line in message.splitlines() if line.strip()), "")), _MESSAGE_CHARS)


def span_of(summary: RunSummary) -> tuple[datetime, datetime] | None:
    """From the first failing test's begin to the last failure; None without one."""
    if not summary.failures:
        return None
    return min(row.started_at for row in summary.failures), max(row.failed_at for row in summary.failures)
