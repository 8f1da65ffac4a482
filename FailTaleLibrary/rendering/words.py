"""Outcomes, numbers, times and lines of a report -> the words that card and text share. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import (
    NO_HOST,
    Chain,
    ChainLink,
    Cost,
    Evidence,
    Failure,
    Gap,
    HostClock,
    Item,
    KeywordStep,
    LineTimes,
    Recurrence,
    Redaction,
    Report,
    SafeText,
    Screenshot,
    Suspect,
    derived,
)
from FailTaleLibrary.text import count, duration

NOTABLE_OFFSET_S = 1.0
"""A clock that differs less is not worth a reader's time."""
MINUS = "\N{MINUS SIGN}"

Tone = Literal["good", "quiet", "warn", "bad"]
TONES: tuple[Tone, ...] = ("good", "quiet", "warn", "bad")
"""From what is well to what is worst."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an item or gap ended: one word, how alarming it is, and why."""

    word: str
    tone: Tone
    why: str = ""


def outcome(item: Item) -> Outcome:
    """The first that applies: timed out, incomplete, failed, cut, empty, ok."""
    if item.timed_out:
        return Outcome("timed out", "warn", f"stopped after {duration(item.duration_s)}; what came until then is here")
    if item.incomplete:
        return Outcome("incomplete", "warn", item.incomplete)
    if item.status == "failed":
        return Outcome("failed", "bad", _joined_words(_exit_words(item), _first_line(item.stderr)))
    if item.glance and (item.omitted_bytes or item.omitted_lines):
        return Outcome("glance", "quiet", f"the most telling lines alone, without {omitted_words(item)}")
    if item.omitted_bytes or item.omitted_lines:
        return Outcome("cut", "warn", f"{omitted_words(item)} cut by the limit, the newest kept")
    if item.status == "empty":
        return Outcome("empty", "quiet", _joined_words(item.empty_means, _exit_words(item), _window_note(item)))
    return Outcome("ok", "good", _joined_words(_exit_words(item), _window_note(item)))


def worst_tone(outcomes: Iterable[Outcome]) -> Tone:
    """The worst that any of them has."""
    tones = {outcome.tone for outcome in outcomes}
    worst: Tone = "good"
    for tone in TONES:
        if tone in tones:
            worst = tone
    return worst


def _window_note(item: Item) -> str:
    return item.window.note if item.window else ""


def gap_outcome(gap: Gap) -> Outcome:
    return Outcome(gap.reason, "quiet" if gap.reason in ("skipped", "cancelled") else "bad", gap_detail(gap))


_NOT_TRIED_FOR = re.compile(r"\(not tried again for (?P<seconds>\d{1,5}) s\)$")
"""What a breaker adds to a reason, counted from the moment of the gap."""


def gap_detail(gap: Gap) -> SafeText:
    """What a gap says, for a reader of later: until when something is not tried again in place of for how long."""
    return derived(partial(_with_time_of_day, gap.at), gap.detail)


def _with_time_of_day(at: datetime | None, detail: str) -> str:
    if at is None:
        return _NOT_TRIED_FOR.sub("(not tried again at once)", detail)
    return _NOT_TRIED_FOR.sub(
        lambda match: f"(not tried again until {at + timedelta(seconds=int(match['seconds'])):%H:%M:%S} UTC)", detail
    )


def subject(gap: Gap) -> str:
    """What of its host a gap is about."""
    return gap.collector or (gap.component if gap.host == NO_HOST else "whole host")


def _exit_words(item: Item) -> str:
    return f"exit status {item.exit_status}" if item.exit_status else ""


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _joined_words(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def offset(value: float) -> str:
    """Seconds relative to the failure, with a true minus sign."""
    if abs(value) < 0.0005:
        return "±0 s"
    return f"{MINUS if value < 0 else '+'}{duration(abs(value))}"


def times(number: int) -> str:
    """How often: a multiplication sign and the number."""
    return f"\N{MULTIPLICATION SIGN}{number:,}"


def size(number: int) -> str:
    """``812 bytes``, ``41 kB``, ``1.2 MB``."""
    if number < 1000:
        return count(number, "byte")
    if number < 999_500:
        return f"{number / 1000:.0f} kB"
    return f"{number / 1_000_000:.1f} MB"


def recurrence_words(recurrence: Recurrence, at: datetime) -> str:
    """``4th time since 3 May, last on 12 Nov``, of a failure of this moment; UTC."""
    if recurrence.times == 1:
        return "first time in the history"
    words = f"{_ordinal(recurrence.times)} time since {_short_day(recurrence.first_at, at)}"
    previous = recurrence.previous_at
    if previous is None:
        return words
    if previous.date() == at.date():
        return f"{words}, last at {previous:%H:%M:%S}"
    return f"{words}, last on {_short_day(previous, at)}"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def _short_day(moment: datetime, today: datetime) -> str:
    """``3 May``; of another year ``3 May 2025``. In English, whatever the locale of the machine."""
    if moment.date() == today.date():
        return f"{moment:%H:%M:%S}"
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[moment.month - 1]
    return f"{moment.day} {month}" + ("" if moment.year == today.year else f" {moment.year}")


def clock_time(moment: datetime) -> str:
    """``12:01:07.400``."""
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def omitted_words(item: Item) -> str:
    """``1,204 lines (182 kB)``, as far as they were counted."""
    if item.omitted_lines and item.omitted_bytes:
        return f"{count(item.omitted_lines, 'line')} ({size(item.omitted_bytes)})"
    return count(item.omitted_lines, "line") if item.omitted_lines else size(item.omitted_bytes)


def clock_words(clock: HostClock) -> str:
    """``clock 92.3 s ahead (±12 ms)``; empty when the offset is not notable."""
    if abs(clock.offset_s) <= NOTABLE_OFFSET_S:
        return ""
    direction = "ahead" if clock.offset_s > 0 else "behind"
    return f"clock {abs(clock.offset_s):.1f} s {direction} (±{duration(clock.uncertainty_s)})"


def window_words(item: Item) -> str:
    """Which window applied and how: ``test, since 12:01:01.200 UTC, by byte mark``; or that there was none."""
    if item.window is None:
        if "FAILTALE_SINCE" in item.command:
            return "told to the command as $FAILTALE_SINCE, to the second"
        return f"none, a snapshot{f' of {clock_time(item.started_at)} UTC' if item.started_at else ''}"
    if item.window.kind == "none":
        return "none, the newest lines"
    kind = f"{item.window.kind} s before the failure" if item.window.kind.isdigit() else item.window.kind
    since = f", since {clock_time(item.window.since)} UTC" if item.window.since else ""
    how = "no window could be applied" if item.window.method == "none" else f"by {item.window.method}"
    return f"{kind}{since}, {how}"


def file_words(item: Item) -> tuple[str, ...]:
    """How the window of each file of an item was found: ``/var/log/app.log.1: by byte mark, times in the key 'ts'``."""
    if item.window is None or item.window.kind == "none":
        return ()
    method = item.window.method
    told: dict[str, str] = {}
    for part in item.parts:
        by = method if part.method == "none" else part.method
        if part.path:
            told[part.path] = ", ".join(filter(None, (f"by {by}", _times_words(part.times))))
    return tuple(f"{path}: {words}" for path, words in told.items())


def _times_words(times: LineTimes | None) -> str:
    """How the times of a file's lines were read; empty when the host did not say."""
    if times is None:
        return ""
    if times.own is not None:
        return "times by its time_format"
    if times.key:
        return f"times in the key '{times.key}'"
    return f"times as '{times.format}'" if times.format else "its lines bear no time"


def redaction_words(redactions: Iterable[Redaction]) -> str:
    """Each rule with its count, never what it removed."""
    return ", ".join(f"{redaction.rule} {times(redaction.count)}" for redaction in redactions)


def place(step: KeywordStep) -> str:
    """``file:line``, as an editor opens it; empty when the source is not known."""
    if step.source is None:
        return ""
    return step.source if step.line is None else f"{step.source}:{step.line}"


def short_place(step: KeywordStep) -> str:
    """``file:line`` without the folders."""
    return re.split(r"[/\\]", place(step))[-1]


def hosts_of(evidence: Evidence) -> tuple[str, ...]:
    """Every host that was asked, whether it answered or not, in order of appearance."""
    hosts = [*(item.host for item in evidence.items), *(gap.host for gap in evidence.gaps)]
    return tuple(host for host in dict.fromkeys(hosts) if host != NO_HOST)


ASK_IN_FULL = "failtale collect --host NAME"
"""What asks a host in full that was only glanced at."""


def reach_words(evidence: Evidence, *, most: int = 3) -> str:
    """``Asked in full: 2 of 100 hosts: web57 (the failure names it (web57)), …``; empty where all were."""
    if not evidence.glanced_at:
        return ""
    hosts = len(evidence.in_full) + len(evidence.glanced_at)
    named = ", ".join(f"{each.host} ({each.why})" for each in evidence.in_full[:most])
    more = f" and {len(evidence.in_full) - most} more" if named and len(evidence.in_full) > most else ""
    others = count(len(evidence.glanced_at), "other")
    return (
        f"Asked in full: {len(evidence.in_full)} of {count(hosts, 'host')}{': ' if named else ''}{named}{more}; of the "
        f"{others} state and a glance at the logs alone. '{ASK_IN_FULL}' asks one in full."
    )


def counts_words(evidence: Evidence) -> str:
    """``3 hosts, 7 items, 2 gaps``."""
    parts = [count(len(hosts_of(evidence)), "host"), count(len(evidence.items), "item")]
    if evidence.gaps:
        parts.append(count(len(evidence.gaps), "gap"))
    return ", ".join(parts)


def window_of_failure(failure: Failure) -> str:
    start, end = failure.window.start, failure.window.end
    return f"{start:%Y-%m-%d} {clock_time(start)} to {clock_time(end)} UTC ({duration(failure.window.seconds)})"


def cost_words(cost: Cost) -> str:
    """``collected in 2.1 s, 2 new connections, 70 kB``."""
    opened = count(cost.connections, "new connection") if cost.connections else "no new connection"
    return f"collected in {duration(cost.seconds)}, {opened}, {size(cost.received_bytes)}"


def source_of(suspect: Suspect) -> str:
    return f"{suspect.host} / {suspect.collector}" if suspect.collector else suspect.host


def signal_words(suspect: Suspect) -> str:
    return " · ".join(signal.words for signal in suspect.signals)


def chain_words(chain: Chain) -> str:
    """``db1: fast shutdown requested → app1: server closed the connection → test: `GET /orders` returned 500``."""
    events = [chain.links[0].cause, *(link.effect for link in chain.links)]
    return " → ".join(f"{event.who}: {event.says}" for event in events)


def chain_after_cause(chain: Chain) -> str:
    """``db1 → app1: server closed the connection → test: …``, below a headline that says what happened on db1."""
    return " → ".join([chain.links[0].cause.who, *(f"{link.effect.who}: {link.effect.says}" for link in chain.links)])


def reason_words(link: ChainLink) -> str:
    """Why a link is believed."""
    return ", ".join(link.reasons)


# --- Emphasis ---------------------------------------------------------------------------------------------------------

Severity = Literal["error", "warning", "plain"]

_HARMLESS = re.compile(
    r"\b(?:no|0|zero|without)\s+(?:errors?|failures?|failed|exceptions?)\b"
    r"|\b(?:errors?|failures?|failed|exceptions?)\s*[:=]\s*0\b",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"\b(?:error|err|fatal|critical|crit|emerg|alert|severe|panic|failed|failure|denied|refused|segfault)\b"
    r"|(?:error|exception)\b"  # also at a name's end; what the name is need not be read
    r"|\b(?:traceback|out of memory|no space left|oom-kill\w*|core dumped|timed out)\b",
    re.IGNORECASE,
)
_WARNING = re.compile(r"\bwarn(?:ing)?\b|\bW\d{4}\b", re.IGNORECASE)


def error_places(text: str) -> Iterator[int]:
    """Where words of errors stand in a text, harmless ones too: to find the few lines that need a closer look."""
    return (match.start() for match in _ERROR.finditer(text))


def severity(line: str) -> Severity:
    """How a line looks by its words, for emphasis only: `ranking` judges by far more. ``0 errors`` is no error."""
    words = _HARMLESS.sub("", line[:2000])  # what makes a line an error stands near its start
    if _ERROR.search(words):
        return "error"
    return "warning" if _WARNING.search(words) else "plain"


def screenshot_words(screenshot: Screenshot, failure: Failure) -> str:
    """`` (Click, 0.1 s after the failure; embedded in the log)``; empty when nothing is known."""
    when = offset((screenshot.taken_at - failure.window.end).total_seconds()) if screenshot.taken_at else ""
    note = screenshot.note if screenshot.note != screenshot.name else ""
    parts = [part for part in (screenshot.keyword, when, note) if part]
    return f" ({', '.join(parts)})" if parts else ""


def same_cause_words(report: Report) -> str:
    """``Same cause as 'Order'``; empty where it is the first of its cause in the run."""
    signature, failure = report.analysis.signature, report.failure
    if signature is None or not signature.same_as:
        return ""
    if failure.attempt > 1 and signature.same_as == failure.name:
        return "Same cause as at an earlier attempt"
    return f"Same cause as '{signature.same_as}'"
