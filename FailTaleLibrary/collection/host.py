"""One host's steps -> its clock and its items, one after the other as they come, within the host's own budgets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from FailTaleLibrary.budget import Allowance, HostBudget
from FailTaleLibrary.collection.baselines import changes, masked
from FailTaleLibrary.collection.items import AskedStep, CollectedItem, make_gap, make_item
from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.errors import RedactionError, TransportError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.records import Failure, Gap, HostClock, Item, Step, our_words
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.redaction.redactor import reason_of
from FailTaleLibrary.transports import CommandResult, Connections, Script, Transport
from FailTaleLibrary.windows import (
    ClockReading,
    Marks,
    TakenMark,
    command_line,
    mark_script,
    resolve_window,
    take_mark,
    window_start,
)

LINES_AHEAD = 40
"""Of each log, from ahead of the window, for the ranking."""
HEADROOM_BYTES = 64 * 1024
"""The cap is the host's work; a transport's own cap only bounds what a faulty host sends, headings included."""
CLOCK_TIME_S = 5.0
"""For the reading of a host's clock."""


_log = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class HostAccess:
    """The ways to the hosts and what their collectors are; all that a collection needs beside its plan."""

    connections: Connections
    collectors: Mapping[str, Collector]
    """By the id of their step."""
    marks: Marks | None = None

    @classmethod
    def of(cls, config: Config, connections: Connections, marks: Marks | None = None) -> HostAccess:
        """What the configuration says of its hosts."""
        collectors = {
            f"{host}/{collector.name}": collector
            for host in config.hosts
            for _, collector in config.collectors_for(host)
        }
        return cls(connections, collectors, marks)


@dataclass(frozen=True, slots=True)
class CollectionContext:
    """What every host's turn in one collection needs."""

    failure: Failure
    access: HostAccess
    redactor: Redactor
    faults: Faults
    stop: threading.Event
    """Set when nobody waits for answers any more."""


class HostSession:
    """One host's turn: its connection, its clock, its budget, its steps."""

    def __init__(self, context: CollectionContext, host: str, steps: Sequence[Step], budget: HostBudget) -> None:
        self._context = context
        self._host = host
        self._steps = steps
        self._budget = budget
        self._clock: ClockReading | None = None
        self._utc_offset_s: int | None = None

    def answers(self) -> Iterator[HostClock | CollectedItem]:
        """The host's clock where it can be told, then each step's item or gap; or one gap for the whole host."""
        began = time.monotonic()
        try:
            with self._budget:
                yield from self._answers()
        except TransportError as error:
            yield CollectedItem(self._host_gap(error, began))
        except Exception as error:  # a fault of ours costs this host's evidence, not the others'
            component = self._steps[0].component
            yield CollectedItem(
                self._context.faults.gap(f"asking {self._host}", error, host=self._host, component=component)
            )

    def _answers(self) -> Iterator[HostClock | CollectedItem]:
        transport = self._transport()
        clock = self._read_clock(transport)
        if clock is not None:
            yield clock
        for step in self._steps:
            yield self._guarded_answer(step, transport)

    def _guarded_answer(self, step: Step, transport: Transport) -> CollectedItem:
        """A fault of ours costs this step alone."""
        try:
            return self._answer(step, transport)
        except TransportError:  # the whole host is lost
            raise
        except Exception as error:
            of_step = {"host": step.host, "component": step.component, "collector": step.collector}
            return CollectedItem(self._context.faults.gap(f"collecting {step.id}", error, **of_step))

    def _transport(self) -> Transport:
        return self._context.access.connections.transport(self._host)

    # --- The host's clock --------------------------------------------------------------------------------------------

    def _read_clock(self, transport: Transport) -> HostClock | None:
        """The host's clock, read now and narrowed by what its marks told; None when it cannot be told."""
        timeout_s = min(CLOCK_TIME_S, max(0.1, self._budget.left_s))
        try:
            now = take_mark(transport, mark_script([]), cancel=self._context.stop, timeout_s=timeout_s)
        except (TransportError, ValueError) as error:
            _log.debug("%s: its clock cannot be read: %s", self._host, error)
            return None
        marks = self._context.access.marks
        self._clock = now.clock.narrowed(marks.clocks(self._host) if marks else ())
        self._utc_offset_s = now.mark.utc_offset_s
        return HostClock(
            host=self._host,
            offset_s=round(self._clock.offset_s, 4),
            uncertainty_s=round(self._clock.uncertainty_s, 4),
            utc_offset_s=self._utc_offset_s,
        )

    # --- A step: into a script, and out of its result ----------------------------------------------------------------

    def _answer(self, step: Step, transport: Transport) -> CollectedItem:
        now = datetime.now(timezone.utc)
        used_up = self._budget.used_up
        if used_up:
            return CollectedItem(make_gap(step, reason="skipped", detail=used_up, at=now))
        allowance = self._budget.allowance(step)
        asked = self._question(step, allowance, now=now)
        try:
            result = transport.run(
                Script(asked.line.producer, asked.line.filters, step.collector),
                timeout_s=allowance.timeout_s,
                max_bytes=allowance.travelling_bytes + HEADROOM_BYTES,
                cancel=self._context.stop,
            )
        except TransportError as error:
            detail = self._context.redactor.safe_message(error)
            self._transport()  # raises where the whole host is lost
            return CollectedItem(make_gap(step, reason=error.reason, detail=detail, at=now))  # type: ignore[arg-type]
        return self._item(asked, result)

    def _question(self, step: Step, allowance: Allowance, *, now: datetime) -> AskedStep:
        """A step as the host is asked it: the script, and what is known of its window."""
        collector = self._context.access.collectors[step.id]
        since = window_start(step, self._context.failure)
        earlier, later = self._marks_around(since)
        window, note = resolve_window(
            step,
            self._context.failure,
            earlier=earlier,
            later=later,
            clock=self._clock,
            utc_offset_s=self._utc_offset_s,
        )
        line = command_line(_with_lines_ahead(collector), window=window, max_bytes=allowance.travelling_bytes)
        return AskedStep(
            step=step.model_copy(update={"max_bytes": allowance.max_bytes}),
            collector=collector,
            line=line,
            timeout_s=allowance.timeout_s,
            since=since,
            note=note,
            ssh_command=self._context.access.connections.repeat_line(self._host, line.shown),
            at=now,
        )

    def _item(self, asked: AskedStep, result: CommandResult) -> CollectedItem:
        """What the host's answer to one question is as evidence."""
        answer = make_item(asked, result, self._context.redactor, take=self._budget.take)
        if isinstance(answer.record, Item) and asked.collector.baseline:
            return CollectedItem(self._compared(answer.record, asked.collector), answer.full_text)
        return answer

    def _marks_around(self, moment: datetime | None) -> tuple[TakenMark | None, TakenMark | None]:
        marks = self._context.access.marks
        return marks.around(self._host, moment) if marks and moment else (None, None)

    def _compared(self, item: Item, collector: Collector) -> Item:
        """A snapshot with what changed since the mark that began the window."""
        earlier, later = self._marks_around(self._context.failure.window.start)
        mark = earlier or later
        raw = mark.mark.baselines.get(collector.name) if mark else None
        if raw is None:
            return item
        try:
            baseline = masked(self._context.redactor.safe_text(raw), collector.mask)
        except RedactionError as error:
            withheld = our_words("  (how it was when the window began is withheld: {})", reason_of(error))
            return item.with_changes(baseline=None, changes=(withheld,))
        now = masked(item.text, collector.mask)
        return item.with_changes(baseline=baseline, changes=changes(baseline, now))

    def _host_gap(self, error: TransportError, began: float) -> Gap:
        return Gap(
            host=self._host,
            component=self._steps[0].component,
            reason=error.reason,  # type: ignore[arg-type]
            detail=self._context.redactor.safe_message(error),
            at=datetime.now(timezone.utc),
            elapsed_s=round(time.monotonic() - began, 3),
        )


def _with_lines_ahead(collector: Collector) -> Collector:
    """A log's collector that brings lines from ahead of its window, so that what repeats is known as no news."""
    if collector.command is not None or collector.window == "none":
        return collector
    return collector.model_copy(update={"before": max(collector.before, LINES_AHEAD)})
