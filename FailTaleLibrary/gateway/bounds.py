"""A gateway's record -> the same within the runner's own limits, as if hosts had sent it. Pure.

A gateway is a foreign host: it may send any number of anything, indices that lead nowhere, and times that never were.
What is cut is said: in the item, or in a gap for what was left out altogether.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from FailTaleLibrary.budget import STDERR_BYTES
from FailTaleLibrary.config.model import Limits
from FailTaleLibrary.gateway.record import MAX_GAPS, MAX_ITEMS, Handover
from FailTaleLibrary.records import (
    AppliedWindow,
    AskedInFull,
    Cost,
    Evidence,
    Gap,
    HostClock,
    HostNames,
    Item,
    ItemPart,
    LineTimes,
    LookBack,
    OwnTimeFormat,
    Plan,
    Record,
    RecordVisitor,
    Redaction,
    Rows,
    SafeText,
    SeenShape,
    Step,
    derived,
    derived_texts,
)
from FailTaleLibrary.text import bytes_of, fair_shares, newest_whole_lines, sanitize, shorten

MAX_LOOK_BACKS = 64
MAX_CHANGES = 2000
MAX_PATTERNS = 100
MAX_TEXT = 4000
"""Characters of a text that is no output of a host: a sentence, a command."""
_MAX_WORD = 64
_MAX_ZONE_S = 86_400
_MAX_NUMBER = 10**15
MAX_PAST = timedelta(days=3660)
"""A time that is further from now is not known; a gateway's clock may be off as far."""
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")


def bounded(handover: Handover, limits: Limits, *, now: datetime) -> Handover:
    """The record within the limits of the run that adopts it ``now``."""
    evidence = _Bounds(now).visit(_fewer(handover.evidence))
    shares = _shares(evidence.items, limits)
    items = tuple({item.id: item for item in (_cut(each, shares, limits) for each in evidence.items)}.values())
    texts = {item.id: handover.full_texts[item.id] for item in items if item.id in handover.full_texts}
    return Handover(
        plan=_Bounds(now).visit(_shorter(handover.plan)),
        evidence=evidence.model_copy(update={"items": items}),
        full_texts={key: newest_whole_lines(text, limits.bundle_item_bytes) for key, text in texts.items()},
    )


def record_bytes(limits: Limits) -> int:
    """The most that the JSON of a record may have: texts in full where a bundle keeps more of them than the card."""
    return 16 * 1024 * 1024 + 2 * limits.failure_bytes + 128 * limits.bundle_item_bytes


def _fewer(evidence: Evidence) -> Evidence:
    return evidence.model_copy(
        update={
            "items": tuple(map(_with_fewer_parts, evidence.items[:MAX_ITEMS])),
            "clocks": evidence.clocks[:MAX_ITEMS],
            "names": evidence.names[:MAX_ITEMS],
            "in_full": evidence.in_full[:MAX_ITEMS],
            "glanced_at": tuple(map(_bounded_name, evidence.glanced_at[:MAX_ITEMS])),
        }
    )


def _with_fewer_parts(item: Item) -> Item:
    """An item of which no list is longer than its text could need."""
    lines = len(item.lines)
    return item.model_copy(
        update={
            "parts": item.parts[: lines + 1],
            "look_backs": tuple(each for each in item.look_backs[:MAX_LOOK_BACKS] if _fits(each, lines)),
            "changes": item.changes[:MAX_CHANGES],
            "redactions": item.redactions[:MAX_PATTERNS],
        }
    )


def _shorter(plan: Plan) -> Plan:
    return plan.model_copy(update={"steps": plan.steps[:MAX_ITEMS], "skipped": plan.skipped[:MAX_GAPS]})


# --- Bytes -----------------------------------------------------------------------------------------------------------


def _shares(items: Iterable[Item], limits: Limits) -> dict[str, int]:
    """Host -> bytes of its items' texts that the run keeps; what it has used is taken from that."""
    wanted: dict[str, int] = {}
    for item in items:
        size = min(bytes_of(item.text), limits.item_bytes)
        wanted[item.host] = min(limits.host_bytes, wanted.get(item.host, 0) + size)
    return fair_shares(wanted, limits.failure_bytes)


def _cut(item: Item, shares: dict[str, int], limits: Limits) -> Item:
    """The item with as much of its output as its limits and its host's share allow; the share gets smaller."""
    size = bytes_of(item.text)
    allowed = min(size, limits.item_bytes, shares[item.host])
    text = item.text if allowed == size else derived(newest_whole_lines, item.text, allowed)
    shares[item.host] -= bytes_of(text)
    lost = len(item.lines) - len(derived_texts(str.splitlines, text)) if text != item.text else 0
    whole = item.model_copy(
        update={
            "text": text,
            "before": derived(newest_whole_lines, item.before, limits.item_bytes),
            "stderr": derived(newest_whole_lines, item.stderr, STDERR_BYTES),
            "baseline": item.baseline and derived(newest_whole_lines, item.baseline, limits.item_bytes),
            "changes": _within_bytes(item.changes, limits.item_bytes),
            "omitted_bytes": min(_MAX_NUMBER, item.omitted_bytes + size - bytes_of(text)),
            "omitted_lines": min(_MAX_NUMBER, item.omitted_lines + lost),
        }
    )
    lines = len(whole.lines)
    parts = _disjoint(part for part in (_moved(each, lost, lines) for each in item.parts) if part)
    return whole.model_copy(update={"parts": parts, "look_backs": () if lost else item.look_backs})


def _within_bytes(changes: tuple[SafeText, ...], max_bytes: int) -> tuple[SafeText, ...]:
    kept: list[SafeText] = []
    for change in changes:
        max_bytes -= bytes_of(change) + 1
        if max_bytes < 0:
            break
        kept.append(change)
    return tuple(kept)


def _moved(part: ItemPart, lost: int, lines: int) -> ItemPart | None:
    """The part where its lines stand now that the first ones are gone; None when none of them is left."""
    first = min(max(0, part.first_line - lost), lines)
    end = min(max(0, part.first_line + max(0, part.lines) - lost), lines)
    if end <= first:
        return None
    return (
        part
        if (first, end - first) == (part.first_line, part.lines)
        else part.model_copy(update={"first_line": first, "lines": end - first})
    )


def _disjoint(parts: Iterable[ItemPart]) -> tuple[ItemPart, ...]:
    """Those that begin where an earlier one has ended."""
    kept: list[ItemPart] = []
    end = 0
    for part in parts:
        if part.first_line >= end:
            kept.append(part)
            end = part.first_line + part.lines
    return tuple(kept)


def _fits(look_back: LookBack, lines: int) -> bool:
    """Whether it speaks of lines that are there, of each once."""
    end = look_back.first_line + look_back.of_lines
    told = [line for shape in look_back.shapes[: lines + 1] for line in shape.lines[: lines + 1]]
    return (
        0 <= look_back.first_line <= end <= lines
        and len(look_back.shapes) <= lines
        and len(told) <= lines
        and all(0 <= line < lines for line in told)
    )


# --- Numbers, times, names and sentences -----------------------------------------------------------------------------


class _Bounds(RecordVisitor):
    """Everything but the outputs themselves, record by record."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def visit_step(self, step: Step) -> Step:
        return step.model_copy(
            update={
                **_names(step, "host", "component", "collector"),
                **_counts(step, "max_bytes", "bundle_bytes", "cost", "glance_bytes"),
                "timeout_s": _bounded_seconds(step.timeout_s),
                "window": _word(step.window),
            }
        )

    def visit_plan(self, plan: Plan) -> Plan:
        seconds = {name: _bounded_seconds(getattr(plan, name)) for name in ("deadline_s", "host_time_s")}
        return plan.model_copy(update={**_counts(plan, "max_bytes", "host_bytes", "parallel_hosts"), **seconds})

    def visit_gap(self, gap: Gap) -> Gap:
        return gap.model_copy(
            update={
                **_names(gap, "host", "component"),
                "collector": gap.collector and _bounded_name(gap.collector),
                "detail": _sentence(gap.detail),
                "at": self._moment(gap.at),
                "elapsed_s": _bounded_seconds(gap.elapsed_s),
            }
        )

    def visit_item(self, item: Item) -> Item:
        names = _names(item, "host", "component", "collector")
        sentences = {name: _sentence(getattr(item, name)) for name in ("description", "command", "empty_means")}
        return item.model_copy(
            update={
                **names,
                **sentences,
                **_counts(item, "received_bytes", "omitted_bytes", "omitted_lines"),
                "id": f"{names['host']}/{names['collector']}",
                "ssh_command": item.ssh_command and _sentence(item.ssh_command),
                "incomplete": item.incomplete and _sentence(item.incomplete),
                "exit_status": None if item.exit_status is None else max(-255, min(255, item.exit_status)),
                "produced_bytes": None if item.produced_bytes is None else _bounded_count(item.produced_bytes),
                "started_at": self._moment(item.started_at),
                "duration_s": _bounded_seconds(item.duration_s),
            }
        )

    def visit_item_part(self, part: ItemPart) -> ItemPart:
        return part.model_copy(update={**_counts(part, "first_line", "lines"), "path": _sentence(part.path)})

    def visit_applied_window(self, window: AppliedWindow) -> AppliedWindow:
        return window.model_copy(
            update={
                "kind": _word(window.kind),
                "since": self._moment(window.since),
                "note": _sentence(window.note),
                "why": _sentence(window.why),
            }
        )

    def visit_look_back(self, look_back: LookBack) -> LookBack:
        return look_back.model_copy(
            update={
                **_counts(look_back, "first_line", "of_lines", "lines"),
                "seconds": None if look_back.seconds is None else _bounded_seconds(look_back.seconds),
            }
        )

    def visit_seen_shape(self, shape: SeenShape) -> SeenShape:
        return shape.model_copy(
            update={
                "count": _bounded_count(shape.count),
                "places": tuple(min(1.0, _bounded_seconds(each)) for each in shape.places[:49]),
                "seconds_before": tuple(map(_bounded_seconds, shape.seconds_before[:49])),
                "seconds_within": tuple(map(_bounded_seconds, shape.seconds_within[: len(shape.lines)])),
            }
        )

    def visit_rows(self, rows: Rows) -> Rows:
        names = ("keys", "counters", "alarms", "limits")
        return rows.model_copy(update={name: _patterns(getattr(rows, name)) for name in names})

    def visit_redaction(self, redaction: Redaction) -> Redaction:
        return redaction.model_copy(update={"rule": _word(redaction.rule), "count": _bounded_count(redaction.count)})

    def visit_host_clock(self, clock: HostClock) -> HostClock:
        most = MAX_PAST.total_seconds()
        zone = clock.utc_offset_s
        return clock.model_copy(
            update={
                **_names(clock, "host"),
                "offset_s": _between(clock.offset_s, -most, most),
                "uncertainty_s": _between(clock.uncertainty_s, 0.0, most),
                "utc_offset_s": None if zone is None or abs(zone) > _MAX_ZONE_S else zone,
            }
        )

    def visit_host_names(self, names: HostNames) -> HostNames:
        return names.model_copy(
            update={
                **_names(names, "host"),
                **_counts(names, "collectors"),
                "components": tuple(map(_bounded_name, names.components[:MAX_PATTERNS])),
                "addresses": tuple(map(_sentence, names.addresses[:MAX_PATTERNS])),
                "answered_at": self._moment(names.answered_at),
            }
        )

    def visit_asked_in_full(self, asked: AskedInFull) -> AskedInFull:
        return asked.model_copy(update={**_names(asked, "host"), "why": _sentence(asked.why)})

    def visit_line_times(self, times: LineTimes) -> LineTimes:
        zone = times.utc_offset_s if abs(times.utc_offset_s) <= _MAX_ZONE_S else 0
        return times.model_copy(update={"format": _word(times.format), "key": _word(times.key), "utc_offset_s": zone})

    def visit_own_time_format(self, own: OwnTimeFormat) -> OwnTimeFormat:
        texts = {name: _sentence(getattr(own, name)) for name in ("format", "key", "pattern")}
        return own.model_copy(update=texts)

    def visit_cost(self, cost: Cost) -> Cost:
        return cost.model_copy(
            update={**_counts(cost, "connections", "received_bytes"), "seconds": _bounded_seconds(cost.seconds)}
        )

    def visit_evidence(self, evidence: Evidence) -> Evidence:
        collected_at = self._moment(evidence.collected_at) or self._now
        return evidence.model_copy(update={"collected_at": collected_at})

    def _moment(self, moment: datetime | None) -> datetime | None:
        return moment if moment is not None and self._now - MAX_PAST <= moment <= self._now + MAX_PAST else None


def _names(record: Record, *fields: str) -> dict[str, str]:
    return {name: _bounded_name(getattr(record, name)) for name in fields}


def _counts(record: Record, *fields: str) -> dict[str, int]:
    return {name: _bounded_count(getattr(record, name)) for name in fields}


def _bounded_name(text: str) -> str:
    """As the configuration of a gateway can have it."""
    return _NO_NAME.sub("_", text[:_MAX_WORD]) or "_"


def _word(text: str) -> str:
    """A short word of ours, such as a rule's name."""
    return " ".join(sanitize(text[:_MAX_WORD]).split())


def _sentence(text: SafeText) -> SafeText:
    return text if len(text) <= MAX_TEXT else derived(shorten, text, MAX_TEXT)


def _patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in patterns[:MAX_PATTERNS] if len(each) <= MAX_TEXT)


def _bounded_count(number: int) -> int:
    return max(0, min(_MAX_NUMBER, number))


def _bounded_seconds(number: float) -> float:
    return _between(number, 0.0, MAX_PAST.total_seconds())


def _between(number: float, low: float, high: float) -> float:
    return max(low, min(high, number)) if not math.isnan(number) else max(low, 0.0)
