"""One host's steps -> its clock and its items as they come, in one visit and within the host's own budgets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

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
from FailTaleLibrary.transports import CommandResult, Connections, Script, VisitItem, VisitStart
from FailTaleLibrary.transports.base import HEADROOM_BYTES
from FailTaleLibrary.windows import (
    ClockReading,
    Marks,
    MarksAround,
    TakenMark,
    clock_mark,
    command_line,
    no_surer_way,
    question,
    resolve_window,
    window_start,
)
from FailTaleLibrary.windows.marks import NOT_ASKED

_LEAST_REDACTION_S = 0.15
"""Enough for a megabyte of an ordinary log; of a log that is dense with secrets older lines are withheld."""

Put = Callable[[HostClock | CollectedItem], None]
"""Where the answers of a host go."""

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
    leave: threading.Event
    """Set when hosts are to be left: what they sent by then is still evidence."""
    stop: threading.Event
    """Set when nobody waits for answers any more."""
    prepare: Callable[[], object] = lambda: None
    """Called when a host is about to be asked: there is time until it answers."""
    at_once: int = 1
    """Hosts whose turns go on at the same time."""


class HostSession:
    """One host's turn: its connection, its clock, its budget, its steps."""

    def __init__(self, context: CollectionContext, host: str, steps: Sequence[Step], budget: HostBudget) -> None:
        self._context = context
        self._host = host
        self._steps = steps
        self._budget = budget
        self._clock: ClockReading | None = None
        self._utc_offset_s: int | None = None
        self._asked: dict[str, AskedStep] = {}
        self._answered = 0

    def hold(self, put: Put) -> None:
        """Give ``put`` the host's clock where it is known, then each step's item or gap; or one gap for the host."""
        began = time.monotonic()
        try:
            with self._budget:
                self._visit(put)
        except TransportError as error:
            put(CollectedItem(self._host_gap(error, began)))
        except Exception as error:  # a fault of ours costs this host's evidence, not the others'
            component = self._steps[0].component
            put(
                CollectedItem(
                    self._context.faults.gap(
                        f"collecting from {self._host}", error, host=self._host, component=component
                    )
                )
            )

    def _visit(self, put: Put) -> None:
        transport = self._context.access.connections.transport(self._host)
        self._context.prepare()
        transport.visit(
            lambda start: list(self._items(start, put)),
            ends_at=time.monotonic() + self._budget.visit_s,
            cancel=self._context.leave,
            on_result=lambda step_id, result: put(self._answer(self._asked[step_id], result)),
        )

    def _fault(self, step: Step, error: Exception) -> CollectedItem:
        """A fault of ours costs this step alone."""
        of_step = {"host": step.host, "component": step.component, "collector": step.collector}
        return CollectedItem(self._context.faults.gap(f"collecting {step.id}", error, **of_step))

    # --- The host's clock --------------------------------------------------------------------------------------------

    def _read_clock(self, start: VisitStart) -> HostClock | None:
        """The host's clock, told as its visit began and narrowed by its marks; None when it cannot be known."""
        try:
            now = clock_mark(start)
        except ValueError as error:
            _log.debug("%s: its clock cannot be read: %s", self._host, error)
            return None
        self._utc_offset_s = now.mark.utc_offset_s
        if now.clock is None:
            return None
        marks = self._context.access.marks
        self._clock = now.clock.narrowed(marks.clocks(self._host) if marks else ())
        return HostClock(
            host=self._host,
            offset_s=round(self._clock.offset_s, 4),
            uncertainty_s=round(self._clock.uncertainty_s, 4),
            utc_offset_s=self._utc_offset_s,
        )

    # --- A step: into an item of the visit, and out of its result ----------------------------------------------------

    def _items(self, start: VisitStart, put: Put) -> Iterator[VisitItem]:
        """What to collect from the host, now that its clock is known; what cannot be collected is a gap at once."""
        clock = self._read_clock(start)
        if clock is not None:
            put(clock)
        for step in self._steps:
            try:
                item = self._item(step)
            except Exception as error:
                item = self._fault(step, error)
            if isinstance(item, VisitItem):
                yield item
            else:
                put(item)

    def _item(self, step: Step) -> VisitItem | CollectedItem:
        now = datetime.now(timezone.utc)
        if used_up := self._budget.used_up:
            return CollectedItem(make_gap(step, reason="skipped", detail=used_up, at=now))
        allowance = self._budget.allowance(step)
        asked = self._asked[step.id] = self._question(step, allowance, now=now)
        line = asked.line
        script = Script(
            line.producer,
            line.filters,
            line.newest_bytes,
            shared=line.shared,
            collector=step.collector,
            question=partial(question, asked.collector, line.values),
        )
        return VisitItem(step.id, script, allowance.timeout_s, allowance.travelling_bytes + HEADROOM_BYTES)

    def _answer(self, asked: AskedStep, result: CommandResult) -> CollectedItem:
        """What the host's answer to one question is as evidence."""
        if self._context.stop.is_set():  # nobody takes it any more, and whoever goes on needs the processor
            return CollectedItem(make_gap(asked.step, reason="cancelled", detail=our_words("cancelled"), at=asked.at))
        if used_up := self._budget.bytes_used_up:
            return CollectedItem(make_gap(asked.step, reason="skipped", detail=used_up, at=asked.at))
        if result.timed_out and not result.was_started:
            detail = self._budget.visit_used_up
            return CollectedItem(make_gap(asked.step, reason="skipped", detail=detail, at=asked.at))
        try:
            redactor = self._context.redactor.within(self._redaction_s())
            answer = make_item(asked, result, redactor, take=self._budget.take)
            if isinstance(answer.record, Item) and asked.collector.baseline:
                return CollectedItem(self._compared(answer.record, asked.collector), answer.full_text)
        except Exception as error:
            return self._fault(asked.step, error)
        return answer

    def _redaction_s(self) -> float:
        """What searching one answer for secrets may take: its share of the time, which all threads have together."""
        self._answered += 1
        still_to_come = max(1, len(self._steps) - self._answered + 1)
        return max(_LEAST_REDACTION_S, self._budget.left_s / still_to_come / self._context.at_once)

    def _question(self, step: Step, allowance: Allowance, *, now: datetime) -> AskedStep:
        """A step as it runs on the host: the script, and what is known of its window."""
        collector = self._context.access.collectors[step.id]
        since = window_start(step, self._context.failure)
        earlier, later = self._marks_around(since)
        marks = self._context.access.marks
        missed = marks.missed(self._host, since) if marks and since else NOT_ASKED
        window, note = resolve_window(
            step,
            self._context.failure,
            earlier=earlier,
            later=later,
            clock=self._clock,
            utc_offset_s=self._utc_offset_s,
        )
        line = command_line(collector, window=window, max_bytes=allowance.travelling_bytes)
        return AskedStep(
            step=step.model_copy(update={"max_bytes": allowance.max_bytes}),
            collector=collector,
            line=line,
            timeout_s=allowance.timeout_s,
            since=since,
            note=note,
            no_surer_way=partial(no_surer_way, collector, window, MarksAround(since, earlier, later, missed)),
            ssh_command=self._context.access.connections.repeat_line(self._host, line.shown),
            at=now,
            item_limit=self._limit_of_item(step, allowance, collector),
            bytes_limit=self._budget.bytes_limit,
            time_limit=self._budget.limit if allowance.timeout_s < step.timeout_s else None,
        )

    def _limit_of_item(self, step: Step, allowance: Allowance, collector: Collector) -> str:
        if allowance.max_bytes < step.max_bytes:
            return self._budget.bytes_limit
        return f"max_bytes of collector '{collector.name}'" if collector.max_bytes else "limits.item_bytes"

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
        said = self._context.redactor.safe_message(error)
        return Gap(
            host=self._host,
            component=self._steps[0].component,
            reason=error.reason,  # type: ignore[arg-type]
            detail=our_words("{} ({})", said, self._budget.limit) if self._budget.left_s <= 0 else said,
            at=datetime.now(timezone.utc),
            elapsed_s=round(time.monotonic() - began, 3),
        )
