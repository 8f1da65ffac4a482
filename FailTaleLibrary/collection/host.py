"""One host's steps -> its clock and its items as they come: a visit to the machine, and one to each container on it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

from FailTaleLibrary import background
from FailTaleLibrary.belonging.identifiers import sought_words
from FailTaleLibrary.budget import Allowance, HostBudget
from FailTaleLibrary.collection.baselines import changes, masked
from FailTaleLibrary.collection.cluster_turn import ClusterBreakers, ClusterTurn
from FailTaleLibrary.collection.items import FAIR_S, AskedStep, CollectedItem, limit_of_item, make_gap, make_item
from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.errors import RedactionError, TransportError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.records import Failure, Gap, HostClock, Item, SafeText, Step, derived, our_words
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.redaction.redactor import reason_of
from FailTaleLibrary.transports import CommandResult, Connections, Script, VisitItem, VisitStart
from FailTaleLibrary.transports.base import HEADROOM_BYTES, HostVisit, Transport
from FailTaleLibrary.windows import (
    ClockReading,
    Glance,
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
from FailTaleLibrary.windows.place_marks import NOT_ASKED

if TYPE_CHECKING:
    from FailTaleLibrary.stores import Stores

_LEAST_REDACTION_S = 0.15
"""Enough for a megabyte of an ordinary log; of a log that is dense with secrets older lines are withheld."""

_SILENCES = frozenset({"no answer", "timed out", "connection lost"})

PLACES_AT_ONCE = 3
"""Containers of a host that are asked at the same time, the machine among them; a connection takes four channels."""

Put = Callable[[HostClock | CollectedItem], None]
"""Where the answers of a host go."""

_log = logger_of(__name__)


def stores_when_asked() -> Callable[[], Stores]:
    """The stores of a run, made when one is asked for the first time."""

    def make() -> Stores:
        from FailTaleLibrary.stores import Stores

        return Stores()

    return background.once(make)


@dataclass(frozen=True, slots=True)
class HostAccess:
    """The ways to the hosts and what their collectors are; all that a collection needs beside its plan."""

    connections: Connections
    collectors: Mapping[str, Collector]
    """By the id of their step."""
    marks: Marks | None = None
    inside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the id of a step: the prefix behind which it is asked on its host; none for the machine itself."""
    stores: Callable[[], Stores] = field(default_factory=stores_when_asked)
    clusters: ClusterBreakers = field(default_factory=ClusterBreakers)

    @classmethod
    def of(
        cls,
        config: Config,
        connections: Connections,
        marks: Marks | None = None,
        stores: Callable[[], Stores] | None = None,
        clusters: ClusterBreakers | None = None,
    ) -> HostAccess:
        """What the configuration says of its hosts."""
        collectors = {
            f"{host}/{collector.name}": collector
            for host in config.hosts
            for _, collector in config.collectors_for(host)
        }
        inside = {
            step: prefix
            for step, collector in collectors.items()
            if (prefix := config.inside_for(step.partition("/")[0], collector))
        }
        clusters = clusters or ClusterBreakers()
        return cls(connections, collectors, marks, inside, stores or stores_when_asked(), clusters)

    def places(self, steps: Sequence[Step]) -> dict[tuple[str, ...], list[Step]]:
        """Prefix -> the steps of a host that are asked behind it."""
        found: dict[tuple[str, ...], list[Step]] = {}
        queries = self.queries(steps)
        for step in (each for each in steps if each not in queries):
            found.setdefault(self.inside.get(step.id, ()), []).append(step)
        return found

    def queries(self, steps: Sequence[Step]) -> list[Step]:
        """Those of which a store is asked, and not the host."""
        return [step for step in steps if step.id in self.collectors and self.collectors[step.id].query is not None]


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
    """Called when a host has let us in: there is time until its shell runs, and until it answers."""
    at_once: int = 1
    """Hosts whose turns go on at the same time."""


def ask_host(context: CollectionContext, host: str, steps: Sequence[Step], budget: HostBudget, put: Put) -> None:
    """A host's whole turn: its machine and all containers on it that steps are asked in, some at the same time.

    ``put`` gets the host's clock where it is known, then each step's item or gap; or one gap for the host.
    """
    with budget:
        wait_for_stores = _ask_stores(context, context.access.queries(steps), budget, put)
        _ask_machine(context, host, steps, budget, put)
        wait_for_stores()


def _ask_stores(
    context: CollectionContext, steps: Sequence[Step], budget: HostBudget, put: Put
) -> Callable[[], object]:
    """Asks them in the background, and returns what waits for the last answer."""
    if not steps:
        return lambda: None
    from FailTaleLibrary.collection.store_turn import StoreTurn  # loads HTTP and TLS, a third of this room's price

    return StoreTurn(context, steps, budget).start(put)


def _ask_machine(context: CollectionContext, host: str, steps: Sequence[Step], budget: HostBudget, put: Put) -> None:
    """What is asked of a host itself, and in all containers on it; nothing where only stores are asked."""
    places = context.access.places(steps)
    sessions = deque(
        HostSession(context, host, own, budget, inside=inside, is_whole=len(places) == 1, tells_clock=not number)
        for number, (inside, own) in enumerate(sorted(places.items(), key=lambda place: bool(place[0])))
    )

    def work() -> None:
        while sessions:
            with contextlib.suppress(IndexError):
                sessions.popleft().hold(put)

    if len(places) > 1 and not _is_reached(context, host, steps, put):
        return
    others = [
        background.start(work, name=f"failtale-inside-{host}-{number}")
        for number in range(1, min(len(places), PLACES_AT_ONCE))
    ]
    work()
    for thread in others:
        thread.join(budget.left_s)


def _is_reached(context: CollectionContext, host: str, steps: Sequence[Step], put: Put) -> bool:
    """Whether the machine can be connected to; if not, that is one gap, whatever would be asked on it."""
    began = time.monotonic()
    try:
        context.access.connections.transport(host)
    except TransportError as error:
        put(CollectedItem(_host_gap(context, steps[0], error, began)))
        return False
    return True


def _compared_since(moment: datetime) -> str:
    return f"  (since {moment:%H:%M:%S} UTC)"


def _host_gap(
    context: CollectionContext, step: Step, error: TransportError, began: float, limit: SafeText | None = None
) -> Gap:
    """The gap of a whole host; ``limit``: what used its time up."""
    said = context.redactor.safe_message(error)
    return Gap(
        host=step.host,
        component=step.component,
        reason=error.reason,  # type: ignore[arg-type]
        detail=our_words("{} ({})", said, limit) if limit else said,
        at=datetime.now(timezone.utc),
        elapsed_s=round(time.monotonic() - began, 3),
    )


def silence_judged(error: TransportError, *, waited_s: float) -> TransportError:
    """The error; of a host that was given less than a fair time before ours was over, no word on its silence."""
    if error.reason in _SILENCES and waited_s < FAIR_S:
        return TransportError("skipped", str(error))
    return error


class HostSession:
    """One visit to a host, or to a container on it: its clock, its steps, and the host's budget."""

    def __init__(
        self,
        context: CollectionContext,
        host: str,
        steps: Sequence[Step],
        budget: HostBudget,
        *,
        inside: tuple[str, ...] = (),
        is_whole: bool = True,
        tells_clock: bool = True,
    ) -> None:
        """``is_whole``: these are all steps of the host, so that what keeps it from answering is a gap of the host;
        ``tells_clock``: its clock is that of the host."""
        self._context = context
        self._host = host
        self._steps = steps
        self._asking = steps
        """Those of the visit that goes on."""
        self._budget = budget
        self._inside = inside
        self._is_whole = is_whole
        self._tells_clock = tells_clock
        self._clock: ClockReading | None = None
        self._utc_offset_s: int | None = None
        self._asked: dict[str, AskedStep] = {}
        self._answered = 0
        self._most_item_bytes: int | None = None

    def hold(self, put: Put) -> None:
        """Give ``put`` the host's clock where it is known, then each step's item or gap; or one gap for the host."""
        turn = ClusterTurn(self._steps, self._context.access.collectors, self._context.access.clusters)
        self._asking, behind = turn.in_two_visits()
        if not self._is_held(turn.heard(put)) or not behind:
            return
        self._is_whole = self._tells_clock = False
        self._answered = 0
        self._steps = self._asking = [step for step in behind if turn.gap_of(step) is None]
        for gap in filter(None, map(turn.gap_of, behind)):
            put(CollectedItem(gap))
        if self._asking:
            self._is_held(put)

    def _is_held(self, put: Put) -> bool:
        """Whether a visit came to its end; else all steps that are to come are told why not."""
        began = time.monotonic()
        try:
            transport = self._context.access.connections.transport(self._host, self._inside)
            self._context.prepare()
            visit = self._visit(transport, put, began)
            transport.visit(visit.items, ends_at=visit.ends_at, cancel=self._context.leave, on_result=visit.on_result)
        except Exception as error:
            self._put_lost(error, began, put)
            return False
        return True

    def visit_in_fleet(self, put: Put) -> HostVisit:
        """The same as a value, for a host that is asked together with others; its time begins now."""
        self._budget.__enter__()
        return self._visit(self._context.access.connections.way(self._host), put, time.monotonic())

    def end_in_fleet(self) -> None:
        """The visit is over, however it went."""
        self._budget.__exit__()

    def _visit(self, way: Transport, put: Put, began: float) -> HostVisit:
        self._most_item_bytes = way.most_item_bytes
        return HostVisit(
            way,
            items=lambda start: list(self._items(start, put)),
            ends_at=time.monotonic() + self._budget.visit_s,
            on_result=lambda step_id, result: put(self._answer(self._asked[step_id], result)),
            on_error=lambda error: self._put_lost(error, began, put),
        )

    def _put_lost(self, error: Exception, began: float, put: Put) -> None:
        """Why nothing came; a fault of ours costs this host's evidence, not the others'."""
        if isinstance(error, TransportError):
            self._put_gaps(error, began, put)
        elif self._is_whole:
            of_host = {"host": self._host, "component": self._steps[0].component}
            put(CollectedItem(self._context.faults.gap(f"collecting from {self._host}", error, **of_host)))
        else:
            for step in self._steps:
                put(self._fault(step, error))

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
        self._clock = now.clock.narrowed(marks.clocks(self._host, self._inside) if marks else ())
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
        if clock is not None and self._tells_clock:
            put(clock)
        for step in self._asking:
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
        allowance = self._budget.allowance(step, most_bytes=self._most_item_bytes)
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
        missed = marks.missed(self._host, since, self._inside) if marks and since else NOT_ASKED
        window, note = resolve_window(
            step,
            self._context.failure,
            earlier=earlier,
            later=later,
            clock=self._clock,
            utc_offset_s=self._utc_offset_s,
        )
        glance = Glance(step.glance_bytes, sought_words(self._context.failure))
        line = command_line(collector, window=window, max_bytes=allowance.travelling_bytes, glance=glance)
        return AskedStep(
            step=step.model_copy(update={"max_bytes": allowance.max_bytes}),
            collector=collector,
            line=line,
            timeout_s=allowance.timeout_s,
            since=since,
            note=note,
            no_surer_way=partial(no_surer_way, collector, window, MarksAround(since, earlier, later, missed)),
            ssh_command=self._context.access.connections.repeat_line(self._host, line.shown, self._inside),
            at=now,
            item_limit=limit_of_item(self._budget, step, allowance, collector),
            bytes_limit=self._budget.bytes_limit,
            time_limit=self._budget.limit if allowance.timeout_s < step.timeout_s else None,
        )

    def _marks_around(self, moment: datetime | None) -> tuple[TakenMark | None, TakenMark | None]:
        marks = self._context.access.marks
        return marks.around(self._host, moment, self._inside) if marks and moment else (None, None)

    def _compared(self, item: Item, collector: Collector) -> Item:
        """A snapshot with what changed since the mark that began the window."""
        marks = self._context.access.marks
        start = self._context.failure.window.start
        mark = marks.compared_with(self._host, collector, start, self._inside) if marks else None
        raw = mark.mark.baselines.get(collector.name) if mark else None
        if raw is None:
            return item
        try:
            baseline = masked(self._context.redactor.safe_text(raw), collector.mask)
        except RedactionError as error:
            withheld = our_words("  (how it was when the window began is withheld: {})", reason_of(error))
            return item.with_changes(baseline=None, changes=(withheld,))
        now = masked(item.text, collector.mask)
        found = changes(baseline, now)
        if found and mark is not None and collector.has_dear_baseline:
            found = (derived(_compared_since, mark.sent_at), *found)
        return item.with_changes(baseline=baseline, changes=found)

    def _put_gaps(self, error: TransportError, began: float, put: Put) -> None:
        """Why nothing was answered: once where it is the whole host, else for each step."""
        used_up = self._budget.limit if self._budget.visit_s <= 0 else None
        if used_up:
            error = silence_judged(error, waited_s=time.monotonic() - began)
        gap = _host_gap(self._context, self._steps[0], self._stopped(error), began, used_up)
        if self._is_whole:
            put(CollectedItem(gap))
            return
        for step in self._steps:
            update = {"component": step.component, "collector": step.collector}
            put(CollectedItem(gap.model_copy(update=update)))

    def _stopped(self, error: TransportError) -> TransportError:
        """Of a container that does not run: whether it did when the window began."""
        since = self._context.failure.window.start
        earlier, _ = self._marks_around(since)
        if error.reason != "not running" or earlier is None:
            return error
        at = earlier.received_at
        return TransportError(
            "stopped", f"{error}; it ran {(since - at).total_seconds():.1f} s before the window began"
        )


def _seconds_between(earlier: datetime, later: datetime) -> str:
    return f"{(later - earlier).total_seconds():.1f}"
