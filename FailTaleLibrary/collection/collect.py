"""Plan -> Evidence from our own hosts: a thread for each host's turn, and one deadline for all.

The threads are daemons, so that nothing here delays the exit of the interpreter; the caller's thread waits with a
deadline and takes what there is by then.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from importlib import import_module

from FailTaleLibrary import background
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.host import CollectionContext, HostAccess, HostSession, ask_host
from FailTaleLibrary.collection.items import CollectedItem, make_gap
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.progress import CollectionState, Progress
from FailTaleLibrary.records import (
    Cost,
    Evidence,
    Failure,
    Gap,
    HostClock,
    Item,
    Plan,
    Step,
    our_words,
)
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.transports.base import Fleet
from FailTaleLibrary.transports.computing import turn

BUNDLE_RATIO = 8
"""Full texts of one failure that are kept for its bundle, as a multiple of `limits.failure_bytes`: until it is written
they are held in memory."""

LAST_ANSWERS_S = 0.5
"""After a collection is cancelled: how long what hosts have sent may take to become evidence. Ctrl-C has a second."""

_SENDING_S = 0.005
"""For what others are about to send, or compute: they would wait while this thread computes."""

_log = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class Collected:
    """The evidence, and the items' full texts (by item id), which only a bundle keeps."""

    evidence: Evidence
    full_texts: Mapping[str, str] = field(default_factory=dict)


def collect(
    plan: Plan,
    failure: Failure,
    access: HostAccess,
    *,
    redactor: Redactor,
    faults: Faults,
    budget: Budget | None = None,
    cancel: threading.Event | None = None,
    progress: Progress | None = None,
) -> Collected:
    """Asks all hosts of a plan and returns what they answered by the deadline; never raises for a host's sake.

    ``budget`` is what is left of the failure's time, where some of it is spent; ``cancel`` ends it early, with what
    there is. Steps that did not finish are gaps.
    """
    cancel = cancel or threading.Event()
    began = time.monotonic()
    opened_before = access.connections.opened
    if budget is None or budget.left_s > plan.deadline_s:
        budget = Budget(plan.deadline_s)
    results = ResultCollector(plan, budget, progress)
    leave, stop = threading.Event(), threading.Event()
    at_once = min(plan.parallel_hosts, len({step.host for step in plan.steps}))
    context = CollectionContext(
        failure,
        access,
        redactor.until(stop.is_set),
        faults,
        leave,
        stop,
        partial(_start_preparing, stop.is_set),
        at_once=max(1, at_once),
    )
    try:
        _start_hosts(context, plan, budget, results)
        results.wait(cancel)
        leave.set()
        if cancel.is_set():
            results.wait_for_last_answers()
    finally:  # also when the test's own time is over, or a second Ctrl-C ends it
        leave.set()
        stop.set()
    answers, gaps, clocks = results.close(cancelled=cancel.is_set())
    items = [each.record for each in answers if isinstance(each.record, Item)]
    return Collected(
        Evidence(
            failure_id=failure.id,
            items=tuple(items),
            gaps=(*plan.skipped, *gaps, *(each.record for each in answers if isinstance(each.record, Gap))),
            clocks=clocks,
            cost=Cost(
                seconds=round(time.monotonic() - began, 3),
                connections=access.connections.opened - opened_before,
                received_bytes=sum(item.received_bytes for item in items),
            ),
            collected_at=datetime.now(timezone.utc),
        ),
        {each.record.id: each.full_text for each in answers if isinstance(each.record, Item)},
    )


_prepared = threading.Lock()
"""Taken once, for good."""


def _start_preparing(is_over: Callable[[], bool]) -> None:
    """Once a process, while the first host that let us in starts a shell, which takes it longer than to let us in.

    ``is_over``: whether the hosts have answered. What is not ready by then is loaded by whoever needs it, in the order
    in which it is needed.
    """
    if _prepared.acquire(blocking=False):
        background.start(partial(_prepare, is_over), name="failtale-prepare")


def _prepare(is_over: Callable[[], bool]) -> None:
    """Piece by piece, and none begins while answers are worked off: Python runs one thread at a time."""
    time.sleep(_SENDING_S)
    try:
        for prepare in (Redactor().prepare, _load_ranking, _rehearse_ranking, *_loading(_DRAWING), _prepare_cards):
            while turn.is_taken and not is_over():
                time.sleep(_SENDING_S)
            if is_over():
                return
            prepare()
    except Exception:  # whoever needs it meets it again, and tells it
        _log.debug("preparing the analysis failed", exc_info=True)


def _load_ranking() -> None:
    from FailTaleLibrary.ranking import suspects  # not before hosts were asked: it takes as long as they do

    suspects.prepare()


def _rehearse_ranking() -> None:
    from FailTaleLibrary.ranking import suspects

    suspects.rehearse()


_DRAWING = (
    "FailTaleLibrary.archive.payload",
    "FailTaleLibrary.rendering.card",
    "FailTaleLibrary.archive.outputs",
    "FailTaleLibrary.archive.bundles",
    "inspect",
    "jinja2",
)
"""What a bundle and a card are made with, each after what it needs."""


def _loading(modules: Iterable[str]) -> Iterator[Callable[[], object]]:
    return (partial(import_module, name) for name in modules)


def _prepare_cards() -> None:
    from FailTaleLibrary.rendering import html

    html.prepare()


def _start_hosts(context: CollectionContext, plan: Plan, budget: Budget, results: ResultCollector) -> None:
    budgets = budget.for_hosts(plan)
    steps: dict[str, list[Step]] = {}
    for step in plan.steps:
        steps.setdefault(step.host, []).append(step)
    fleets = by_fleet(context.access.connections, steps)
    asked_alone = {host: steps[host] for host in fleets.pop(None, ())}
    for fleet, hosts in fleets.items():
        sessions = []
        for host in hosts:
            queries = context.access.queries(steps[host])
            own = [step for step in steps[host] if step not in queries]
            asked_alone |= {host: queries} if queries else {}
            if own:
                sessions.append(HostSession(context, host, own, budgets[host], is_whole=not queries))
        if fleet is not None:
            background.start(partial(_ask_fleet, context, fleet, sessions, results), name="failtale-collect-fleet")
    waiting = deque(asked_alone)

    def work() -> None:
        while not context.leave.is_set():
            try:
                host = waiting.popleft()
            except IndexError:
                return
            ask_host(context, host, asked_alone[host], budgets[host], results.put)

    for number in range(min(plan.parallel_hosts, len(waiting))):
        background.start(work, name=f"failtale-collect-{number}")


def by_fleet(connections: Connections, hosts: Iterable[str]) -> dict[Fleet | None, list[str]]:
    """Whom each fleet is asked for; under None those that are asked one by one."""
    found: dict[Fleet | None, list[str]] = {}
    for host in hosts:
        found.setdefault(connections.way(host).fleet, []).append(host)
    return found


def _ask_fleet(
    context: CollectionContext, fleet: Fleet, sessions: Sequence[HostSession], results: ResultCollector
) -> None:
    visits = [session.visit_in_fleet(results.put) for session in sessions]
    try:
        context.prepare()
        fleet.visit(visits, cancel=context.leave)
    except Exception as error:  # whoever has his answers takes no notice
        for visit in visits:
            visit.on_error(error)
    finally:
        for session in sessions:
            session.end_in_fleet()


class ResultCollector:
    """Where the threads of one collection leave what the hosts sent, until it is closed."""

    def __init__(self, plan: Plan, budget: Budget, progress: Progress | None) -> None:
        self._budget = budget
        self._full_text_left = BUNDLE_RATIO * plan.max_bytes
        self._open_steps = {step.id: step for step in plan.steps}
        self._all = len(plan.steps)
        self._hosts = {step.host: time.monotonic() for step in plan.steps}
        """Host -> when it was last heard of."""
        self._progress = progress
        self._answers: dict[str, CollectedItem] = {}
        self._order = [step.id for step in plan.steps]
        self._host_gaps: list[Gap] = []
        self._clocks: dict[str, HostClock] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._unlogged: list[HostClock | CollectedItem] = []

    def put(self, answer: HostClock | CollectedItem) -> None:
        """A host's clock, a step's item or gap, or a gap for a whole host, which settles all of its steps."""
        with self._changed:
            if self._closed:
                return
            self._unlogged.append(answer)
            if isinstance(answer, HostClock):
                self._clocks[answer.host] = answer
                self._hosts[answer.host] = time.monotonic()
            else:
                self._settle(answer)
            is_last = not self._open_steps
            if is_last:  # until then nobody needs it at once
                self._changed.notify_all()
        if is_last:
            time.sleep(0)  # lets the test go on while this thread, which keeps nobody waiting, leaves its host

    def _settle(self, answer: CollectedItem) -> None:
        record = answer.record
        self._hosts[record.host] = time.monotonic()
        if record.collector is not None:
            step_id = f"{record.host}/{record.collector}"
            self._answers[step_id] = self._within_bundle(answer)
            self._open_steps.pop(step_id, None)
            return
        assert isinstance(record, Gap)  # noqa: S101 - an item has a collector
        self._host_gaps.append(record)
        for step_id in [each for each, step in self._open_steps.items() if step.host == record.host]:
            del self._open_steps[step_id]

    def _within_bundle(self, answer: CollectedItem) -> CollectedItem:
        """The answer with its full text while there is room for it; else with what the card shows of it."""
        record = answer.record
        size = len(answer.full_text)
        if isinstance(record, Gap) or size <= len(record.text):
            return answer
        if size > self._full_text_left:
            return CollectedItem(record, record.text)
        self._full_text_left -= size
        return answer

    def wait(self, cancel: threading.Event) -> None:
        """Until all steps are done, the budget's time is over or `cancel` is set."""
        while self._open_steps and not cancel.is_set() and self._budget.left_s > 0:
            self._tell_news()
            with self._changed:
                if self._open_steps:
                    self._changed.wait(min(self._budget.left_s, 0.1))  # short: `cancel` cannot notify this condition
        self._tell_news()

    def wait_for_last_answers(self) -> None:
        """Until what the hosts had sent when they were left is evidence, at most `LAST_ANSWERS_S`."""
        ends_at = time.monotonic() + min(LAST_ANSWERS_S, self._budget.left_s)
        with self._changed:
            while self._open_steps and (left_s := ends_at - time.monotonic()) > 0:
                self._changed.wait(left_s)

    def _tell_news(self) -> None:
        """In the caller's thread, and not while others wait for us: a terminal can be slow."""
        with self._changed:
            self._log_news()
            state = None if self._progress is None else self._state()
        if self._progress is not None and state is not None:
            self._progress(state)

    def _state(self) -> CollectionState:
        waited_for = {step.host for step in self._open_steps.values()}
        return CollectionState(
            steps_done=self._all - len(self._open_steps),
            steps=self._all,
            slowest=min(waited_for, key=lambda host: (self._hosts[host], host), default=""),
            hosts_done=len(self._hosts) - len(waited_for),
            hosts=len(self._hosts),
        )

    def _log_news(self) -> None:
        """In the caller's thread, because Robot's log takes lines of no other."""
        if _log.isEnabledFor(logging.DEBUG):
            for answer in self._unlogged:
                _log.debug("%s", _debug_line(answer))
        self._unlogged.clear()

    def close(self, *, cancelled: bool) -> tuple[list[CollectedItem], list[Gap], tuple[HostClock, ...]]:
        """The answers in the plan's order, and gaps for what is still open; later answers are dropped."""
        with self._changed:
            self._closed = True
            now = datetime.now(timezone.utc)
            unfinished = [self._unfinished(step, now, cancelled=cancelled) for step in self._open_steps.values()]
            answers = [self._answers[each] for each in self._order if each in self._answers]
            clocks = tuple(sorted(self._clocks.values(), key=lambda clock: clock.host))
            return answers, sorted(self._host_gaps, key=lambda each: each.host) + unfinished, clocks

    def _unfinished(self, step: Step, now: datetime, *, cancelled: bool) -> Gap:
        if cancelled:
            return make_gap(step, reason="cancelled", detail=our_words("cancelled before it ended"), at=now)
        why = our_words("not finished within {}", self._budget.limit)
        return make_gap(step, reason="timed out", detail=why, at=now)


def _debug_line(answer: HostClock | CollectedItem) -> str:
    if isinstance(answer, HostClock):
        return f"{answer.host}: its clock is {answer.offset_s:+.3f} s off ours, within {answer.uncertainty_s:.3f} s"
    record = answer.record
    if isinstance(record, Gap):
        what = record.collector or "the whole host"
        return f"{record.host}: {what}: {record.reason}, {record.elapsed_s:.3f} s, 0 bytes: {record.detail}"
    sizes = f"{record.received_bytes} bytes received, {len(record.text.encode())} kept"
    return f"{record.host}: {record.collector}: {record.status}, {record.duration_s:.3f} s, {sizes}"
