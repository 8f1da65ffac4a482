"""Failure -> Plan and Evidence: what a source of evidence is, and the one that asks the hosts of the configuration."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from FailTaleLibrary import background
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.plan import LOG_COST, STATE_COST, plan
from FailTaleLibrary.config import Config
from FailTaleLibrary.config.transports import transport_module
from FailTaleLibrary.config.variables import Resolved, Values, nothing_set, resolve, values_of
from FailTaleLibrary.errors import ConfigError, TransportError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.progress import Progress
from FailTaleLibrary.records import NO_HOST, Evidence, Failure, Gap, HostNames, Plan, SafeText, Step
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.transports.base import Fleet
from FailTaleLibrary.windows import Marks, mark_script, take_mark

# What collecting needs is imported there: a run with marks in which all passes begins 12 ms of CPU sooner.
if TYPE_CHECKING:
    from FailTaleLibrary.collection.cluster_turn import ClusterBreakers
    from FailTaleLibrary.collection.collect import Collected
    from FailTaleLibrary.collection.host import HostAccess
    from FailTaleLibrary.keeper.keeper import Keeper
    from FailTaleLibrary.redaction import Redactor
    from FailTaleLibrary.stores import Stores

_CLOSING_S = 2.0


class EvidenceSource(Protocol):
    """Where evidence comes from: hosts of our own, or a gateway that has them."""

    def window_began(self, values: Values | None = None, *, at_s: float | None = None) -> None: ...

    def collect(
        self,
        failure: Failure,
        *,
        components: Collection[str] = (),
        hosts: Collection[str] = (),
        redactor: Redactor,
        faults: Faults,
        budget: Budget,
        only_state: SafeText | None = None,
        values: Values | None = None,
        cancel: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> tuple[Plan, Evidence, Mapping[str, str]]: ...

    def check_hosts(
        self, hosts: Collection[str] = (), *, budget: Budget, values: Values | None = None
    ) -> dict[str, str]: ...

    def shared_by(self, run: str) -> None: ...

    @property
    def trouble(self) -> str: ...

    def close(self) -> None: ...


MOST_TARGETS = 32
"""Sets of values of variables whose connections and marks are kept; of more, the longest unused goes."""


@dataclass(frozen=True, slots=True)
class _Target:
    """The hosts as they are with one set of values of the configuration's variables."""

    resolved: Resolved
    connections: Connections
    marks: Marks
    stores: Callable[[], Stores]
    clusters: Callable[[], ClusterBreakers]

    @property
    def access(self) -> HostAccess:
        from FailTaleLibrary.collection.host import HostAccess

        return HostAccess.of(self.resolved.config, self.connections, self.marks, self.stores, self.clusters())


def _new_stores() -> Stores:
    from FailTaleLibrary.stores import Stores

    return Stores()


def _new_clusters() -> ClusterBreakers:
    from FailTaleLibrary.collection.cluster_turn import ClusterBreakers

    return ClusterBreakers()


class OwnHosts:
    """The hosts of the configuration, with their connections and marks. Safe to use from any thread.

    Where the configuration has variables, each set of their values has hosts of its own; what is the same for two is
    shared. So a mark is only ever used for the very host, and the very logs, of which it was taken.
    """

    def __init__(self, config: Config, connections: Connections | None = None, *, has_keeper: bool = False) -> None:
        """``has_keeper``: a process of its own keeps connections and marks, for the hosts of the first values."""
        self._config = config
        self._has_keeper = has_keeper and os.name == "posix"
        self._keeper: Keeper | None = None
        self._lock = threading.Lock()
        self._targets: OrderedDict[Values, _Target] = OrderedDict()
        self._given = connections
        self._stores = background.once(_new_stores)
        self._nothing = Values() if not config.variables else values_of(config.variables, nothing_set)
        self._only = None if config.variables else self._target(self._nothing)
        """The one, where the configuration has no variables."""

    def _target(self, values: Values | None) -> _Target:
        """The hosts for some values; without any, for the defaults."""
        values = values or self._nothing
        with self._lock:
            if values not in self._targets:
                self._targets[values] = self._made(values)
                self._forget_the_oldest()
            self._targets.move_to_end(values)
            return self._targets[values]

    def _made(self, values: Values) -> _Target:
        resolved = resolve(self._config, values)
        near = next(reversed(self._targets.values()), None)
        connections = self._given if near is None and self._given and not self._config.variables else None
        keeper = self._keeper_for(resolved.config) if near is None and connections is None else None
        connections = connections or Connections(
            resolved.config, beside=near.connections if near else None, keeper=keeper
        )
        marks = Marks(resolved.config, connections, beside=near.marks if near else None)
        if keeper is not None:
            keeper.told_to(marks.learn)
        return _Target(resolved, connections, marks, self._stores, background.once(_new_clusters))

    def _keeper_for(self, config: Config) -> Keeper | None:
        if (
            self._has_keeper
            and config.marks != "off"
            and any(each.transport == "ssh" for each in config.hosts.values())
        ):
            from FailTaleLibrary.keeper.keeper import Keeper

            self._keeper = Keeper(config)
        return self._keeper

    def _forget_the_oldest(self) -> None:
        if len(self._targets) > MOST_TARGETS:
            _, oldest = self._targets.popitem(last=False)
            kept = [target.connections for target in self._targets.values()]
            background.start(partial(oldest.connections.close, but=kept), name="failtale-forget")

    def window_began(self, values: Values | None = None, *, at_s: float | None = None) -> None:
        """A window begins now: marks are taken in the background.

        ``at_s``: in seconds of our clock, when one began of which nobody told by then; it has no mark of its own.
        """
        target = self._only or self._target(values)
        if at_s is None:
            target.marks.window_began()
        else:
            target.marks.window_went_by(at_s)

    def mark_now(self, *, within_s: float) -> dict[str, str]:
        """Notes where all logs end, and waits for it: host -> why it is not known, empty where it is."""
        return self._target(None).marks.take_now(within_s=within_s)

    def collect(
        self,
        failure: Failure,
        *,
        components: Collection[str] = (),
        hosts: Collection[str] = (),
        collectors: Collection[str] = (),
        in_full: bool | None = None,
        redactor: Redactor,
        faults: Faults,
        budget: Budget,
        only_state: SafeText | None = None,
        values: Values | None = None,
        cancel: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> tuple[Plan, Evidence, Mapping[str, str]]:
        """Plan, evidence and full texts within the budget; with none left, every host is a gap.

        ``in_full``: whatever their number, the hosts are asked for all; by default those that are named by ``hosts``.
        ``only_state``: the sentence of why logs are left out. ``values``: of the configuration's variables, now; what
        has none that fits is a gap. Raises ConfigError.
        """
        wait_for_marks = self._keeper.ask_for_marks() if self._keeper is not None else None
        from FailTaleLibrary.collection.collect import collect

        target = self._target(values)
        the_plan = plan(failure, self._config, components=components, hosts=hosts, collectors=collectors)
        the_plan = without_unresolved(the_plan, target.resolved, redactor.safe_message)
        budget = budget.for_collecting(len(the_plan.steps))
        the_plan = _plan_within(the_plan, budget)
        the_plan = _without_logs(the_plan, only_state) if only_state else the_plan
        access = target.access
        if wait_for_marks is not None:
            transport_module("ssh")  # meanwhile: the lines with which a person repeats a command are made there
            wait_for_marks(budget.left_s / 4, cancel)
        # Not before hosts are asked: the first text that is redacted takes 0.1 s.
        names = background.once(partial(_host_names, self._config, target, target.marks.answered_at(), redactor))

        def collected_by(one_plan: Plan, its_budget: Budget) -> Collected:
            return collect(
                one_plan,
                failure,
                access,
                redactor=redactor,
                faults=faults,
                budget=its_budget,
                cancel=cancel,
                progress=progress,
            )

        full_hosts = self._config.limits.full_hosts
        are_many = len({step.host for step in the_plan.steps}) > full_hosts
        if are_many and not only_state and not (bool(hosts) if in_full is None else in_full):
            from FailTaleLibrary.collection.rounds import Rounds  # not needed for a few hosts

            is_cancelled = cancel.is_set if cancel is not None else (lambda: False)
            rounds = Rounds(failure, access.collectors, names, full_hosts, is_cancelled)
            the_plan, collected = rounds.collect(the_plan, collected_by, budget)
        else:
            collected = collected_by(the_plan, budget)
        return the_plan, collected.evidence.model_copy(update={"names": names()}), collected.full_texts

    def check_hosts(
        self, hosts: Collection[str] = (), *, budget: Budget, values: Values | None = None
    ) -> dict[str, str]:
        """Host -> what keeps it from answering. Raises ConfigError for an unknown host."""
        unknown = [host for host in hosts if host not in self._config.hosts]
        if unknown:
            known = ", ".join(self._config.hosts) or "none"
            raise ConfigError(f"There is no host '{unknown[0]}' in the configuration; it has: {known}.")
        target = self._target(values)
        missing = {each.host: each.why for each in target.resolved.unresolved if each.collector is None}
        asked = [host for host in hosts or self._config.hosts if host not in missing]
        verdicts = {**missing, **check_hosts(asked, target.connections, budget)}
        return {host: verdicts[host] for host in hosts or self._config.hosts}

    def shared_by(self, run: str) -> None:
        """Other processes belong to the same run; each of them has connections of its own."""

    @property
    def trouble(self) -> str:
        """Empty: which host did not answer, and why, is told in gaps."""
        return ""

    def close(self) -> None:
        """Ends marks and connections."""
        with self._lock:
            targets = list(self._targets.values())
        for target in targets:
            target.marks.close()
        if self._keeper is not None:
            self._keeper.close()
        threads = [background.start(each.connections.close, name="failtale-close-target") for each in targets]
        for thread in threads:
            thread.join(_CLOSING_S)


def _host_names(
    config: Config, target: _Target, answered: Mapping[str, datetime], redactor: Redactor
) -> tuple[HostNames, ...]:
    """By what the hosts of the configuration are known to others, without asking any name server."""
    from FailTaleLibrary.redaction.redactor import RecordRedactor

    safe = RecordRedactor(redactor)
    addresses = {name: host.address for name, host in target.resolved.config.hosts.items() if host.address}
    return tuple(
        HostNames(
            host=name,
            components=tuple(host.component),
            addresses=(safe.short(addresses[name]),) if name in addresses else (),
            collectors=len(config.collectors_for(name)),
            answered_at=answered.get(name),
        )
        for name, host in config.hosts.items()
    )


def without_unresolved(the_plan: Plan, resolved: Resolved, safe: Callable[[str], SafeText]) -> Plan:
    """The plan without what no value of a variable leads to, each with a gap that says why."""
    missing = {(each.host, each.collector): each for each in resolved.unresolved}
    gaps: dict[tuple[str, str | None], Gap] = {}
    kept: list[Step] = []
    for step in the_plan.steps:
        key = next((key for key in ((step.host, None), (step.host, step.collector)) if key in missing), None)
        if key is None:
            kept.append(step)
        elif key not in gaps:
            gaps[key] = Gap(
                host=step.host,
                component=step.component,
                collector=key[1],
                reason="skipped",
                detail=safe(missing[key].why),
            )
    if not gaps:
        return the_plan
    return the_plan.model_copy(update={"steps": tuple(kept), "skipped": (*the_plan.skipped, *gaps.values())})


def _without_logs(the_plan: Plan, why: SafeText) -> Plan:
    """The plan with its cheapest steps alone, and a gap that says so."""
    cheap = tuple(step for step in the_plan.steps if step.cost <= STATE_COST)
    if cheap == the_plan.steps:
        return the_plan
    left_out = Gap(host=NO_HOST, reason="skipped", detail=why)
    return the_plan.model_copy(update={"steps": cheap, "skipped": (*the_plan.skipped, left_out)})


def _plan_within(the_plan: Plan, budget: Budget) -> Plan:
    """The plan with the budget's deadline; without steps when no time is left.

    Who waits gets the logs first: a command may take all of the time.
    """
    if not budget.used_up:
        deadline_s = min(the_plan.deadline_s, budget.time_s)
        steps = the_plan.steps
        if deadline_s < the_plan.deadline_s and budget.is_of_caller:
            place = {host: place for place, host in enumerate(dict.fromkeys(step.host for step in steps))}
            steps = tuple(sorted(steps, key=lambda step: (place[step.host], step.cost != LOG_COST, step.cost)))
        return the_plan.model_copy(update={"deadline_s": deadline_s, "steps": steps})
    used_up = tuple(
        Gap(host=host, reason="skipped", detail=budget.used_up)
        for host in dict.fromkeys(step.host for step in the_plan.steps)
    )
    return the_plan.model_copy(update={"deadline_s": 0.0, "steps": (), "skipped": (*the_plan.skipped, *used_up)})


def check_hosts(hosts: Collection[str], connections: Connections, budget: Budget) -> dict[str, str]:
    """Host -> why it cannot be reached, as a sentence; an empty text for a host that answers.

    All are tried at the same time.
    """
    from FailTaleLibrary.collection.collect import by_fleet

    verdicts: dict[str, str] = {}
    arrived = threading.Condition()

    def work(host: str) -> None:
        verdict = _host_verdict(host, connections)
        with arrived:
            verdicts[host] = verdict
            arrived.notify_all()

    def work_together(fleet: Fleet, own: Sequence[str]) -> None:
        fleet.greet([connections.way(host) for host in own])
        for host in own:
            verdict = _greeted_verdict(host, connections)
            with arrived:
                verdicts[host] = verdict
                arrived.notify_all()

    for fleet, own in by_fleet(connections, hosts).items():
        if fleet is not None:
            background.start(partial(work_together, fleet, own), name="failtale-check-fleet")
            continue
        for host in own:
            background.start(partial(work, host), name=f"failtale-check-{host}")
    with arrived:
        arrived.wait_for(lambda: len(verdicts) == len(hosts), budget.left_s)
        return {host: verdicts.get(host, f"no response within {budget.limit}") for host in hosts}


def _greeted_verdict(host: str, connections: Connections) -> str:
    """Of a host that has been greeted: nothing more is asked of it."""
    try:
        connections.transport(host)
    except TransportError as error:
        return str(error)
    return ""


def _host_verdict(host: str, connections: Connections) -> str:
    try:
        take_mark(connections.transport(host), mark_script([]), cancel=threading.Event())
    except TransportError as error:
        return str(error)
    except ValueError as error:
        return f"can be reached, but its shell does not run FailTale's commands: {error}"
    return ""
