"""Plan -> Evidence from our own hosts: threads, deadlines, budgets, and redaction on the way in.

Each host has its turn in a daemon thread, so that nothing here delays the exit of the interpreter; the caller's thread
waits with a deadline and takes what there is by then.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from FailTaleLibrary.collection.baselines import changes, masked
from FailTaleLibrary.collection.items import AskedStep, CollectedItem, make_gap, make_item, ssh_line
from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.errors import RedactionError, TransportError
from FailTaleLibrary.records import Cost, Evidence, Failure, Gap, HostClock, Item, Plan, Step
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.transports import Connections, Script, Transport
from FailTaleLibrary.windows import ResolvedWindow, command_line, mark_script
from FailTaleLibrary.windows.clock import ClockReading, Marks, TakenMark, take_mark

GRACE_S = 2.0
"""A transport ends a command this long after its limit at the latest."""
LINES_AHEAD = 40
"""Of each log, from ahead of the window, for the ranking."""
HEADROOM_BYTES = 64 * 1024
"""The cap is the host's work; a transport's own cap only bounds what a faulty host sends, headings included."""
CLOCK_STEP_S = 1.0
"""A host's clock that moved by more than this against ours was set, it did not drift."""
CLOCK_WAS_SET = "The host's clock was set after the mark: all lines behind the mark are here, older ones among them."
MIN_ITEM_BYTES = 1024
"""Less than this of a host's byte budget is not worth a question."""

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all and the host; from any thread."""


@dataclass(frozen=True, slots=True)
class Collected:
    """The evidence, and the items' full texts (by item id), which only a bundle keeps."""

    evidence: Evidence
    full_texts: Mapping[str, str] = field(default_factory=dict)


def collect(
    plan: Plan,
    failure: Failure,
    config: Config,
    *,
    connections: Connections,
    redactor: Redactor,
    marks: Marks | None = None,
    cancel: threading.Event | None = None,
    progress: Progress | None = None,
) -> Collected:
    """Asks all hosts of a plan and returns what they answered by the deadline; never raises for a host's sake.

    ``cancel`` ends it early, with what there is. Steps that did not finish are gaps.
    """
    cancel = cancel or threading.Event()
    began = time.monotonic()
    opened_before = connections.opened
    board = ResultCollector(plan, progress)
    stop = threading.Event()
    turn = CollectionContext(failure, config, connections, redactor, marks, board, stop, began + plan.deadline_s)
    _start(turn, _by_host(plan), config.limits.parallel_hosts)
    board.wait(began + plan.deadline_s, cancel)
    stop.set()
    answers, gaps, clocks = board.close(cancelled=cancel.is_set())
    items = [each.record for each in answers if isinstance(each.record, Item)]
    return Collected(
        Evidence(
            failure_id=failure.id,
            items=tuple(items),
            gaps=(*plan.skipped, *gaps, *(each.record for each in answers if isinstance(each.record, Gap))),
            clocks=clocks,
            cost=Cost(
                seconds=round(time.monotonic() - began, 3),
                connections=connections.opened - opened_before,
                received_bytes=sum(item.received_bytes for item in items),
            ),
            collected_at=datetime.now(timezone.utc),
        ),
        {each.record.id: each.full_text for each in answers if isinstance(each.record, Item)},
    )


def _by_host(plan: Plan) -> dict[str, list[Step]]:
    steps: dict[str, list[Step]] = {}
    for step in plan.steps:
        steps.setdefault(step.host, []).append(step)
    return steps


def _start(turn: CollectionContext, steps: Mapping[str, list[Step]], parallel: int) -> None:
    waiting = deque(steps.items())

    def work() -> None:
        while not turn.stop.is_set():
            try:
                host, host_steps = waiting.popleft()
            except IndexError:
                return
            turn.ask_host(host, host_steps)

    for number in range(min(parallel, len(steps))):
        threading.Thread(target=work, name=f"failtale-collect-{number}", daemon=True).start()


class ResultCollector:
    """Where the threads of one collection pin their answers, until it is closed."""

    def __init__(self, plan: Plan, progress: Progress | None) -> None:
        self._open_steps = {step.id: step for step in plan.steps}
        self._all = len(plan.steps)
        self._progress = progress
        self._answers: dict[str, CollectedItem] = {}
        self._order = [step.id for step in plan.steps]
        self._host_gaps: list[Gap] = []
        self._clocks: list[HostClock] = []
        self._changed = threading.Condition()
        self._closed = False

    def put(self, step: Step, answer: CollectedItem) -> None:
        with self._changed:
            if self._closed:
                return
            self._answers[step.id] = answer
            self._open_steps.pop(step.id, None)
            self._changed.notify_all()
        self._tell(step.host)

    def put_host_gap(self, host: str, host_gap: Gap) -> None:
        """The whole host is a gap: its steps are done."""
        with self._changed:
            if self._closed:
                return
            self._host_gaps.append(host_gap)
            for step_id in [each for each, step in self._open_steps.items() if step.host == host]:
                del self._open_steps[step_id]
            self._changed.notify_all()
        self._tell(host)

    def put_clock(self, clock: HostClock) -> None:
        with self._changed:
            if not self._closed:
                self._clocks.append(clock)

    def wait(self, deadline: float, cancel: threading.Event) -> None:
        """Until all steps are done, the deadline (monotonic) has come or `cancel` is set."""
        with self._changed:
            while self._open_steps and not cancel.is_set():
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(min(left, 0.1))  # short, because `cancel` cannot notify this condition

    def close(self, *, cancelled: bool) -> tuple[list[CollectedItem], list[Gap], tuple[HostClock, ...]]:
        """The answers in the plan's order, and gaps for what is still open; later answers are dropped."""
        with self._changed:
            self._closed = True
            now = datetime.now(timezone.utc)
            unfinished = [self._unfinished(step, now, cancelled=cancelled) for step in self._open_steps.values()]
            answers = [self._answers[each] for each in self._order if each in self._answers]
            clocks = tuple(sorted(self._clocks, key=lambda clock: clock.host))
            return answers, sorted(self._host_gaps, key=lambda each: each.host) + unfinished, clocks

    @staticmethod
    def _unfinished(step: Step, now: datetime, *, cancelled: bool) -> Gap:
        if cancelled:
            return make_gap(step, reason="cancelled", detail="cancelled before it answered", at=now)
        return make_gap(step, reason="timed out", detail="not finished within limits.failure_time", at=now)

    def _tell(self, host: str) -> None:
        if self._progress is not None:
            self._progress(self._all - len(self._open_steps), self._all, host)


@dataclass(frozen=True, slots=True)
class CollectionContext:
    """What every host's turn in one collection needs."""

    failure: Failure
    config: Config
    connections: Connections
    redactor: Redactor
    marks: Marks | None
    board: ResultCollector
    stop: threading.Event
    deadline: float
    """On the monotonic clock."""

    def ask_host(self, host: str, steps: list[Step]) -> None:
        """All steps of one host, one after the other; whatever happens ends on the board."""
        began = time.monotonic()
        try:
            transport = self.connections.transport(host)
            visit = HostSession(self, host, transport, self._clock(host, transport), began)
            for step in steps:
                self.board.put(step, visit.ask(step))
        except TransportError as error:
            self.board.put_host_gap(host, self._host_gap(host, steps, error, began))
        except Exception as error:  # a fault of ours must cost this host's evidence, not the run
            fault = TransportError("failed", f"FailTale could not ask this host: {type(error).__name__}")
            self.board.put_host_gap(host, self._host_gap(host, steps, fault, began))

    def _clock(self, host: str, transport: Transport) -> _ReadClock | None:
        """The host's clock, read now and narrowed by what its marks told; None when it cannot be told."""
        try:
            now = take_mark(transport, mark_script([]), cancel=self.stop, timeout_s=min(5.0, self._left()))
        except (TransportError, ValueError):
            return None
        clock = now.clock.narrowed(self.marks.clocks(host) if self.marks else ())
        self.board.put_clock(
            HostClock(
                host=host,
                offset_s=round(clock.offset_s, 4),
                uncertainty_s=round(clock.uncertainty_s, 4),
                utc_offset_s=now.mark.utc_offset_s,
            )
        )
        return _ReadClock(clock, now.mark.utc_offset_s)

    def _left(self) -> float:
        return max(0.1, self.deadline - time.monotonic())

    def _host_gap(self, host: str, steps: list[Step], error: TransportError, began: float) -> Gap:
        return Gap(
            host=host,
            component=steps[0].component,
            reason=error.reason,
            detail=self.redactor.redact(str(error)).text,
            at=datetime.now(timezone.utc),
            elapsed_s=round(time.monotonic() - began, 3),
        )


@dataclass(frozen=True, slots=True)
class _ReadClock:
    clock: ClockReading
    utc_offset_s: int | None


class HostSession:
    """One host's turn: its clock, its budgets, its questions."""

    def __init__(
        self, turn: CollectionContext, host: str, transport: Transport, clock: _ReadClock | None, began: float
    ) -> None:
        self._turn = turn
        self._host = host
        self._transport = transport
        self._clock = clock
        self._ends = min(began + turn.config.limits.host_time_s, turn.deadline)
        self._bytes_left = turn.config.limits.host_bytes
        self._collectors = {
            (component, collector.name): collector for component, collector in turn.config.collectors_for(host)
        }

    def ask(self, step: Step) -> CollectedItem:
        now = datetime.now(timezone.utc)
        left_s = self._ends - time.monotonic() - GRACE_S
        if left_s <= 0.05:
            return CollectedItem(make_gap(step, reason="skipped", detail=_used_up("time", "host_time"), at=now))
        if self._bytes_left < MIN_ITEM_BYTES:
            return CollectedItem(make_gap(step, reason="skipped", detail=_used_up("bytes", "host_bytes"), at=now))
        collector = self._collectors[step.component, step.collector]
        return self._ask(step, collector, timeout_s=min(step.timeout_s, left_s), now=now)

    def _ask(self, step: Step, collector: Collector, *, timeout_s: float, now: datetime) -> CollectedItem:
        since, window, note = self._window(step)
        step = step.model_copy(update={"max_bytes": min(step.max_bytes, self._bytes_left)})
        line = command_line(_with_lines_ahead(collector), window=window, max_bytes=self._cap(step))
        asked = AskedStep(
            step=step,
            collector=collector,
            line=line,
            timeout_s=timeout_s,
            since=since,
            note=note,
            ssh_command=ssh_line(self._host, line.shown, self._turn.config),
            at=now,
        )
        try:
            result = self._transport.run(
                Script(line.producer, line.filters),
                timeout_s=timeout_s,
                max_bytes=self._cap(step) + HEADROOM_BYTES,
                cancel=self._turn.stop,
            )
        except TransportError as error:
            detail = self._turn.redactor.redact(str(error)).text
            self._transport = self._turn.connections.transport(self._host)
            return CollectedItem(make_gap(step, reason=error.reason, detail=detail, at=now))  # type: ignore[arg-type]
        answer = make_item(asked, result, self._turn.redactor)
        if isinstance(answer.record, Item):
            self._bytes_left -= len(answer.record.text)
            if collector.baseline:
                return CollectedItem(self._compared(answer.record, collector), answer.full_text)
        return answer

    def _cap(self, step: Step) -> int:
        """What may travel: a bundle keeps more of an item than the card does."""
        limits = self._turn.config.limits
        return max(step.max_bytes, limits.bundle_item_bytes) if self._turn.config.bundles.enabled else step.max_bytes

    def _window(self, step: Step) -> tuple[datetime | None, ResolvedWindow, str]:
        """The window's start on our clock, the window on the host's, and what it cannot guarantee."""
        since = _since(step.window, self._turn.failure)
        earlier, later = self._marks_around(since) if since else (None, None)
        offset_s = self._clock.clock.for_a_start_s if self._clock else 0.0
        window = ResolvedWindow(
            kind=step.window,
            since_epoch=math.floor((since.timestamp() + offset_s) * 1000) / 1000 if since else None,  # as logs cut it
            until_epoch=self._turn.failure.window.end.timestamp() + offset_s,
            utc_offset_s=self._clock.utc_offset_s if self._clock else None,
            mark=earlier.mark if earlier else None,
            late_mark=later.mark if later else None,
        )
        if not self._was_set_since(earlier or later):
            return since, window, ""
        # no time tells any more: all behind the mark counts
        return since, replace(window, since_epoch=None, late_mark=None if earlier else window.late_mark), CLOCK_WAS_SET

    def _was_set_since(self, mark: TakenMark | None) -> bool:
        """Whether somebody set the host's clock after a mark: the times in its logs then jump, or run backwards."""
        if mark is None or self._clock is None:
            return False
        then, now = mark.clock, self._clock.clock
        return max(then.least_s, now.least_s) - min(then.most_s, now.most_s) > CLOCK_STEP_S

    def _marks_around(self, moment: datetime) -> tuple[TakenMark | None, TakenMark | None]:
        return self._turn.marks.around(self._host, moment) if self._turn.marks else (None, None)

    def _compared(self, item: Item, collector: Collector) -> Item:
        """A snapshot with what changed since the mark that began the window."""
        earlier, later = self._marks_around(self._turn.failure.window.start)
        mark = earlier or later
        raw = mark.mark.baselines.get(collector.name) if mark else None
        if raw is None:
            return item
        try:
            baseline = masked(self._turn.redactor.redact(raw).text, collector.mask)
        except RedactionError as error:
            return item.model_copy(update={"changes": (f"  (how it was when the window began is withheld: {error})",)})
        now = masked(item.text, collector.mask)
        return item.model_copy(update={"baseline": baseline, "changes": changes(baseline, now)})


def _with_lines_ahead(collector: Collector) -> Collector:
    """A log's collector that brings lines from ahead of its window, so that what repeats is known as no news."""
    if collector.command is not None or collector.window == "none":
        return collector
    return collector.model_copy(update={"before": max(collector.before, LINES_AHEAD)})


def _used_up(what: str, limit: str) -> str:
    return f"skipped: the host's {what} (limits.{limit}) is used up"


def _since(window: str, failure: Failure) -> datetime | None:
    """Where a step's window starts; None for no window."""
    if window == "none":
        return None
    if window == "suite":
        return failure.suite_started_at or failure.window.start
    if window == "run":
        return failure.run_started_at or failure.suite_started_at or failure.window.start
    if window == "test":
        return failure.window.start
    return failure.window.end - timedelta(seconds=float(window))


def check_hosts(config: Config, connections: Connections, hosts: Collection[str] = ()) -> dict[str, str]:
    """Host -> why it cannot be asked, as a sentence; an empty text for a host that answers.

    Hosts are tried at the same time; ``hosts`` empty means all.
    """
    names = [host for host in config.hosts if not hosts or host in hosts]
    verdicts: dict[str, str] = {}
    arrived = threading.Condition()

    def work(host: str) -> None:
        verdict = _verdict(host, connections)
        with arrived:
            verdicts[host] = verdict
            arrived.notify_all()

    for host in names:
        threading.Thread(target=work, args=(host,), name=f"failtale-check-{host}", daemon=True).start()
    with arrived:
        arrived.wait_for(lambda: len(verdicts) == len(names), config.limits.failure_time_s)
        return {host: verdicts.get(host, "no answer within limits.failure_time") for host in names}


def _verdict(host: str, connections: Connections) -> str:
    try:
        take_mark(connections.transport(host), mark_script([]), cancel=threading.Event())
    except TransportError as error:
        return str(error)
    except ValueError as error:
        return f"answers, but its shell does not understand FailTale: {error}"
    return ""
