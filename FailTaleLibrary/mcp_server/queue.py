"""Requests for evidence -> collections: one at a time per host, one for all that wait for the same.

A collection ends when nobody waits for it any more.

All coroutines here run in one event loop; only `collect` itself runs in a thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial

import anyio
import anyio.abc

from FailTaleLibrary import __version__
from FailTaleLibrary.background import in_thread
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.plan import plan
from FailTaleLibrary.collection.source import OwnHosts
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import ConfigError, FailTaleError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.log import logger_of, redact_with
from FailTaleLibrary.records import Evidence, Failure, Plan, Report, SafeText, Window
from FailTaleLibrary.run import redactor_for

_log = logger_of(__name__)

SAME_WINDOW_S = 1.0
"""Requests for the same whose windows begin this close to each other are answered by one collection."""
SAME_DEADLINE_S = 5.0
"""… and whose deadlines are this close; the earlier one counts."""
_TICK_S = 0.2
"""How often a waiting caller hears of progress."""

Progress = Callable[[int, int, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Selection:
    """What to collect from which host; empty means all."""

    components: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    collectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one collection gave."""

    plan: Plan
    evidence: Evidence
    full_texts: Mapping[str, str]

    def report_of(self, failure: Failure) -> Report:
        """What was collected as the report, not ranked, of one of those who waited for it: under this failure's id."""
        return Report(
            failtale_version=__version__,
            created_at=datetime.now(timezone.utc),
            failure=failure,
            plan=self.plan.model_copy(update={"failure_id": failure.id}),
            evidence=self.evidence.model_copy(update={"failure_id": failure.id}),
        )


@dataclass(eq=False, slots=True)
class _QueuedCollection:
    """One collection and those who wait for it."""

    selection: Selection
    failure: Failure
    plan: Plan
    ends: float
    """When the first of those who wait gives up, on the monotonic clock."""
    waiting: int = 0
    steps: tuple[int, int, str] = (0, 0, "")
    outcome: Outcome | None = None
    error: Exception | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    done: anyio.Event = field(default_factory=anyio.Event)

    def takes(self, selection: Selection, failure: Failure, ends: float) -> bool:
        """Whether one collection can answer both. Only before it has begun: later lines must not be missed."""
        return (
            not self.cancel.is_set()
            and selection == self.selection
            and failure.tags == self.failure.tags
            and all(
                _is_near(one, other)
                for one, other in zip(_window_moments(failure), _window_moments(self.failure), strict=True)
            )
            and abs(ends - self.ends) <= SAME_DEADLINE_S
        )

    def widen(self, failure: Failure, ends: float) -> None:
        ours, theirs = self.failure.window, failure.window
        both = Window(start=min(ours.start, theirs.start), end=max(ours.end, theirs.end))
        self.failure = self.failure.model_copy(update={"window": both})
        self.ends = min(self.ends, ends)


class BusyError(FailTaleError):
    """The hosts were busy with other collections for as long as the caller wanted to wait."""


class CollectionQueue:
    """Collects from the hosts of one configuration; open it with ``async with queue.open():``."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.redactor = redactor_for(config, os.environ)
        self._faults = Faults(lambda: self.redactor)
        self._stop_redacting_the_log = redact_with(self.redactor.safe_text)
        self._hosts = OwnHosts(config)
        self._locks = {host: anyio.Lock() for host in config.hosts}
        self._queued: list[_QueuedCollection] = []
        self._tasks: anyio.abc.TaskGroup | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[CollectionQueue]:
        """Ends collections, marks and connections when it is left."""
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                yield self
                tasks.cancel_scope.cancel()
        finally:
            self._hosts.close()
            self._stop_redacting_the_log()

    def window_began(self) -> bool:
        """A window begins now; returns at once. Whether marks are taken."""
        self._hosts.window_began()
        return self.config.marks != "off"

    async def check_hosts(self, hosts: tuple[str, ...]) -> dict[str, SafeText]:
        """Host -> what keeps it from answering; empty text for a host that is well. Raises ConfigError."""
        ask = partial(self._hosts.check_hosts, hosts, budget=Budget(self.config.limits.failure_time_s))
        verdicts = await in_thread(ask)
        return {host: self.redactor.safe_message(verdict) for host, verdict in verdicts.items()}

    async def collect(
        self, failure: Failure, selection: Selection, *, deadline_s: float, progress: Progress
    ) -> Outcome:
        """Evidence for one failure by the deadline, with gaps for what did not answer.

        Raises ConfigError for unknown names and BusyError when its hosts had no time. A caller that is cancelled
        leaves; with the last one that waits for it the collection ends, and so do its commands on the hosts.
        """
        the_plan = _planned(failure, selection, self.config, deadline_s=deadline_s)
        ends = time.monotonic() + the_plan.deadline_s
        batch = self._batch_for(failure, selection, the_plan, ends)
        batch.waiting += 1
        try:
            await self._wait_for(batch, ends, progress)
        finally:
            batch.waiting -= 1
            if not batch.waiting:
                batch.cancel.set()
        if batch.error is not None:
            raise batch.error
        if batch.outcome is None:
            raise BusyError("The hosts are busy with other collections; try again in a few seconds.")
        return batch.outcome

    def _batch_for(self, failure: Failure, selection: Selection, the_plan: Plan, ends: float) -> _QueuedCollection:
        for batch in self._queued:
            if batch.takes(selection, failure, ends):
                batch.widen(failure, ends)
                return batch
        batch = _QueuedCollection(selection, failure, the_plan, ends)
        self._queued.append(batch)
        assert self._tasks is not None, "open the queue first"  # noqa: S101 - a mistake of ours
        self._tasks.start_soon(self._run_batch, batch)
        return batch

    async def _wait_for(self, batch: _QueuedCollection, ends: float, progress: Progress) -> None:
        """Until the batch is done; somewhat longer than the deadline, which the collection itself keeps."""
        heard = batch.steps
        while not batch.done.is_set() and time.monotonic() < ends + 2 * _TICK_S:
            with anyio.move_on_after(_TICK_S):
                await batch.done.wait()
            if batch.steps[0] > heard[0]:
                heard = batch.steps
                await progress(*heard)

    async def _run_batch(self, batch: _QueuedCollection) -> None:
        hosts = sorted({step.host for step in batch.plan.steps})  # in one order, so that no two wait for each other
        async with AsyncExitStack() as turns:
            for host in hosts:
                await turns.enter_async_context(self._locks[host])
            self._queued.remove(batch)
            try:
                batch.outcome = await self._collected_outcome(batch)
            except Exception as error:
                _log.debug("a collection failed", exc_info=True)
                batch.error = error
            finally:
                batch.cancel.set()
                batch.done.set()

    async def _collected_outcome(self, batch: _QueuedCollection) -> Outcome | None:
        left_s = batch.ends - time.monotonic()
        if left_s <= 0 or batch.cancel.is_set():
            return None
        ask = partial(
            self._hosts.collect,
            batch.failure,
            components=batch.selection.components,
            hosts=batch.selection.hosts,
            collectors=batch.selection.collectors,
            redactor=self.redactor,
            faults=self._faults,
            budget=Budget(left_s),
            cancel=batch.cancel,
            progress=lambda state: setattr(batch, "steps", (state.steps_done, state.steps, state.slowest)),
        )
        _, evidence, full_texts = await in_thread(ask)
        return Outcome(batch.plan, evidence, full_texts)


def _planned(failure: Failure, selection: Selection, config: Config, *, deadline_s: float) -> Plan:
    known = {collector.name for host in config.hosts for _, collector in config.collectors_for(host)}
    for name in selection.collectors:
        if name not in known:
            raise ConfigError(
                f"There is no collector '{name}' in the configuration; it has: {', '.join(sorted(known)) or 'none'}."
            )
    the_plan = plan(
        failure,
        config,
        components=selection.components,
        hosts=selection.hosts,
        collectors=selection.collectors,
    )
    return the_plan.model_copy(update={"deadline_s": min(deadline_s, the_plan.deadline_s)})


def _window_moments(failure: Failure) -> tuple[datetime | None, ...]:
    """Where windows can begin."""
    return failure.window.start, failure.suite_started_at, failure.run_started_at


def _is_near(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs((one - other).total_seconds()) <= SAME_WINDOW_S
