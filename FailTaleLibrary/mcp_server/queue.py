"""Requests for evidence -> collections: one at a time per host, one for all that wait for the same.

A collection ends when nobody waits for it any more.

All coroutines here run in one event loop; only `collect` itself runs in a thread.
"""

from __future__ import annotations

import math
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
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
from FailTaleLibrary.config.variables import Values, values_of
from FailTaleLibrary.errors import ConfigError, FailTaleError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.log import logger_of, redact_with
from FailTaleLibrary.records import Evidence, Failure, Gap, Plan, Report, SafeText, Window, our_words
from FailTaleLibrary.run import redactor_for

_log = logger_of(__name__)

SAME_WINDOW_S = 1.0
"""Requests for the same whose windows begin this close to each other are answered by one collection."""
SAME_DEADLINE_S = 5.0
"""… and whose deadlines are this close; the earlier one counts."""
MARK_S = 5.0
"""Within which hosts say where their logs end."""
MOST_MARKS = 256
"""That are remembered, and callers with a last one."""
_TICK_S = 0.2
"""How often a waiting caller hears of progress."""

Progress = Callable[[int, int, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Selection:
    """What to collect from which host; empty means all."""

    components: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    collectors: tuple[str, ...] = ()
    mark: str = ""
    """Where the window begins; requests with different marks share no collection."""
    values: Values | None = None
    """Of the configuration's variables; None: their defaults."""


@dataclass(frozen=True, slots=True)
class CallersMark:
    """A moment that a caller has marked, for windows that begin there."""

    id: str
    at: datetime
    unmarked: dict[str, SafeText]
    """Host -> why it is not known where its logs ended."""


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
    deadline_s: float = 0.0
    """What that one has asked for; 0: as much as the configuration gives."""
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

    def widen(self, failure: Failure, ends: float, deadline_s: float) -> None:
        ours, theirs = self.failure.window, failure.window
        both = Window(start=min(ours.start, theirs.start), end=max(ours.end, theirs.end))
        self.failure = self.failure.model_copy(update={"window": both})
        if ends < self.ends:
            self.ends, self.deadline_s = ends, deadline_s


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
        self._marks: OrderedDict[str, CallersMark] = OrderedDict()
        self._marking = anyio.Lock()
        self._marked: tuple[float, dict[str, str]] = (-math.inf, {})
        """When hosts were last asked where their logs end, and what kept them from saying it."""
        self._last_marks: OrderedDict[str, str] = OrderedDict()
        """Caller -> the id of its last mark."""

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

    def values_of(self, told: Mapping[str, str]) -> Values | None:
        """What a caller says of variables, by this configuration's own patterns; names that it lacks count not."""
        return values_of(self.config.variables, told.__getitem__) if self.config.variables else None

    def window_began(self, values: Values | None = None) -> bool:
        """A window begins now; returns at once. Whether marks are taken."""
        self._hosts.window_began(values)
        return self.config.marks != "off"

    async def mark(self, caller: str) -> CallersMark:
        """A window of this caller begins when this returns; where logs end is known by then, as far as hosts say it."""
        told = await self._marks_since(time.monotonic()) if self.config.marks != "off" else {}
        unmarked = {host: self.redactor.safe_message(why) for host, why in told.items() if why}
        taken = CallersMark(f"m{secrets.token_hex(4)}", datetime.now(timezone.utc), unmarked)
        self._marks[taken.id] = taken
        self._last_marks[caller] = taken.id
        self._last_marks.move_to_end(caller)
        for known in (self._marks, self._last_marks):
            while len(known) > MOST_MARKS:
                known.popitem(last=False)
        return taken

    async def _marks_since(self, called: float) -> dict[str, str]:
        """Marks of all hosts that were begun after a call; all who wait meanwhile share the next ones."""
        async with self._marking:
            began, told = self._marked
            if began < called:
                began = time.monotonic()
                told = await in_thread(partial(self._hosts.mark_now, within_s=MARK_S))
                self._marked = began, told
            return told

    def mark_of(self, caller: str, mark_id: str = "") -> CallersMark | None:
        """The mark of this id; without one the caller's last, None when it has none. Raises ConfigError."""
        if not mark_id:
            return self._marks.get(self._last_marks.get(caller, ""))
        if mark_id not in self._marks:
            known = self._last_marks.get(caller)
            yours = f"your last one is '{known}'" if known in self._marks else "you have none"
            raise ConfigError(f"There is no mark '{mark_id}' (any more); {yours}.")
        return self._marks[mark_id]

    async def check_hosts(self, hosts: tuple[str, ...], *, values: Values | None = None) -> dict[str, SafeText]:
        """Host -> what keeps it from answering; empty text for a host that is well. Raises ConfigError."""
        budget = Budget(self.config.limits.failure_time_s)
        ask = partial(self._hosts.check_hosts, hosts, budget=budget, values=values)
        verdicts = await in_thread(ask)
        return {host: self.redactor.safe_message(verdict) for host, verdict in verdicts.items()}

    async def collect(
        self,
        failure: Failure,
        selection: Selection,
        *,
        deadline_s: float = 0.0,
        shown_deadline_s: float = 0.0,
        is_of_run: bool = False,
        progress: Progress,
    ) -> Outcome:
        """Evidence for one failure by the deadline (0: the configuration's), with gaps for what did not answer.

        ``shown_deadline_s``: what the caller has asked for, where that is more than the collection may take of it.
        ``is_of_run``: the caller is a test run, whose deadline is its own limit: collected as by the run itself.

        Raises ConfigError for unknown names and BusyError when its hosts had no time. A caller that is cancelled
        leaves; with the last one that waits for it the collection ends, and so do its commands on the hosts.
        """
        the_plan = _planned(failure, selection, self.config, deadline_s=deadline_s)
        ends = time.monotonic() + the_plan.deadline_s
        is_short = 0 < deadline_s < self.config.limits.failure_time_s and not is_of_run
        asked_s = (shown_deadline_s or deadline_s) if is_short else 0.0
        batch = self._batch_for(failure, selection, the_plan, ends, asked_s)
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

    def _batch_for(
        self, failure: Failure, selection: Selection, the_plan: Plan, ends: float, deadline_s: float
    ) -> _QueuedCollection:
        for batch in self._queued:
            if batch.takes(selection, failure, ends):
                batch.widen(failure, ends, deadline_s)
                return batch
        batch = _QueuedCollection(selection, failure, the_plan, ends, deadline_s)
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
        async with AsyncExitStack() as turns:
            free = await self._free_hosts(batch, turns)
            self._queued.remove(batch)
            try:
                batch.outcome = await self._collected_outcome(batch, free)
            except Exception as error:
                _log.debug("a collection failed", exc_info=True)
                batch.error = error
            finally:
                batch.cancel.set()
                batch.done.set()

    async def _free_hosts(self, batch: _QueuedCollection, turns: AsyncExitStack) -> list[str]:
        """The hosts whose turn it is, until ``turns`` is left; who is busy for half of the time is left out.

        All wait in one order, so that no two wait for each other.
        """
        hosts = sorted({step.host for step in batch.plan.steps})
        now = time.monotonic()
        half, most = (now + part * max(0.0, batch.ends - now) for part in (0.5, 0.9))
        free = [host for host in hosts if await self._has_turn(host, turns, until=half)]
        if not free and hosts and await self._has_turn(hosts[0], turns, until=most):
            free = hosts[:1]
        return free

    async def _has_turn(self, host: str, turns: AsyncExitStack, *, until: float) -> bool:
        lock = self._locks[host]
        try:
            lock.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.move_on_after(max(0.0, until - time.monotonic())) as patience:
                await lock.acquire()
            if patience.cancelled_caught:
                return False
        turns.callback(lock.release)
        return True

    async def _collected_outcome(self, batch: _QueuedCollection, free: Sequence[str]) -> Outcome | None:
        left_s = batch.ends - time.monotonic()
        planned = tuple(dict.fromkeys(step.host for step in batch.plan.steps))
        if left_s <= 0 or batch.cancel.is_set() or (planned and not free):
            return None
        deadline_s = batch.deadline_s
        ask = partial(
            self._hosts.collect,
            batch.failure,
            components=batch.selection.components,
            hosts=tuple(free) if len(free) < len(planned) else batch.selection.hosts,
            collectors=batch.selection.collectors,
            in_full=bool(batch.selection.hosts),
            values=batch.selection.values,
            redactor=self.redactor,
            faults=self._faults,
            budget=Budget.of_caller(left_s, deadline_s=deadline_s) if deadline_s else Budget(left_s),
            cancel=batch.cancel,
            progress=lambda state: setattr(batch, "steps", (state.steps_done, state.steps, state.slowest)),
        )
        _, evidence, full_texts = await in_thread(ask)
        busy = tuple(_busy_gap(host, deadline_s) for host in planned if host not in free)
        return Outcome(batch.plan, evidence.model_copy(update={"gaps": (*evidence.gaps, *busy)}), full_texts)


def _busy_gap(host: str, deadline_s: float) -> Gap:
    why = our_words("it was busy with another collection for half of the time")
    if deadline_s:
        why = our_words("{} that the caller's deadline_s of {:g} s gave", why, deadline_s)
    return Gap(host=host, reason="skipped", detail=why, at=datetime.now(timezone.utc))


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
    return the_plan.model_copy(update={"deadline_s": min(deadline_s or math.inf, the_plan.deadline_s)})


def _window_moments(failure: Failure) -> tuple[datetime | None, ...]:
    """Where windows can begin."""
    return failure.window.start, failure.suite_started_at, failure.run_started_at


def _is_near(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs((one - other).total_seconds()) <= SAME_WINDOW_S
