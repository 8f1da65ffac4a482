"""Many hosts -> evidence in two rounds: state and a glance at the logs of all, then all of those that can matter.

A host whose state looks healthy may be the guilty one, so that nobody's logs are left out: in the first round each
host chooses the most telling lines of its logs. Hosts that the failure names are asked in full at once; then those that
stand out by what came, and one of each component, to compare with. The rest is told by name, and can be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.collect import Collected
from FailTaleLibrary.collection.plan import STATE_COST
from FailTaleLibrary.config import Collector
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import (
    NO_HOST,
    AskedInFull,
    Cost,
    Evidence,
    Failure,
    Gap,
    HostNames,
    Item,
    Plan,
    SafeText,
    Step,
    configured_name,
    our_words,
)

if TYPE_CHECKING:
    from FailTaleLibrary.ranking.outliers import StandingOut

GLANCE_BYTES = 2048
"""Of each log: some twenty lines of different shapes."""
_FIRST_SHARE = 0.65
"""Of the time, for the first round; it ends as soon as all have answered."""
_JUDGING_SHARE = 0.1
"""Of the time that is left then, for finding out who stands out."""

CollectPlan = Callable[[Plan, Budget], Collected]
"""What collects by a plan within a budget."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """What two rounds need to know."""

    failure: Failure
    collectors: Mapping[str, Collector]
    """By the id of their step."""
    names: Callable[[], tuple[HostNames, ...]]
    """To be asked for when they are needed: the first text that is redacted takes a while."""
    full_hosts: int
    is_cancelled: Callable[[], bool] = lambda: False
    """Whether nobody wants a second round any more."""

    def collect(self, plan: Plan, collect: CollectPlan, budget: Budget) -> tuple[Plan, Collected]:
        """The plan as it was carried out, and the evidence, which names who was asked in full and why."""
        plan, not_at_once = self._each_query_once(plan)
        hosts = tuple(dict.fromkeys(step.host for step in plan.steps if self._glanced(step) != step))
        if not hosts:  # nothing would be left out of anybody
            return plan, collect(plan, budget)
        named = self._named(hosts)
        first = self._plan_of_first_round(plan, [each.host for each in named], not_at_once)
        limit = our_words("{}, of which a part is kept for hosts that stand out", budget.limit)
        early = collect(first, budget.part(_FIRST_SHARE * budget.left_s, limit=limit))
        chosen = self._chosen(early.evidence, named, hosts, budget)
        late_hosts = {each.host for each in chosen} - {each.host for each in named}
        second = self._plan_of_second_round(plan, first, late_hosts, early.evidence)
        late = collect(second, budget) if second.steps and not self.is_cancelled() else None
        evidence = (_both_rounds(early, late) if late else early).evidence
        in_full = tuple(AskedInFull(host=each.host, why=each.why) for each in chosen)
        glanced_at = tuple(host for host in hosts if host not in {each.host for each in in_full})
        told = evidence.model_copy(update={"in_full": in_full, "glanced_at": glanced_at})
        texts = {**early.full_texts, **(late.full_texts if late else {})}
        kept = {item.id: texts[item.id] for item in told.items if item.id in texts}
        return _carried_out(plan, first, second), Collected(told, kept)

    # --- Who is asked in full

    def _named(self, hosts: Collection[str]) -> list[StandingOut]:
        """Hosts that the failure names, before anything is known of them."""
        from FailTaleLibrary.ranking.outliers import NAMED_BY_STEP, standing_out  # ranks, which takes a while to load

        nothing_yet = Evidence(failure_id=self.failure.id, names=self.names(), collected_at=self.failure.window.end)
        found = standing_out(self.failure, nothing_yet)
        return [each for each in found if each.score >= NAMED_BY_STEP and each.host in hosts][: self.full_hosts]

    def _chosen(
        self, evidence: Evidence, named: Sequence[StandingOut], hosts: Collection[str], budget: Budget
    ) -> list[StandingOut]:
        """Those that the failure names, then those that stand out, then one of each component; each can be asked."""
        from FailTaleLibrary.ranking.outliers import NOTABLE, StandingOut, standing_out

        time_left = budget.part(_JUDGING_SHARE * budget.left_s)
        names = self.names()
        known = evidence.model_copy(update={"names": names})
        found = standing_out(self.failure, known, is_over=lambda: time_left.left_s <= 0)
        silent = {gap.host for gap in evidence.gaps if gap.collector is None}
        chosen = {each.host: each for each in named}
        for each in found:
            if each.score >= NOTABLE and each.host in hosts and each.host not in silent:
                chosen.setdefault(each.host, each)
        best = {each.host: each for each in found}
        by_score = sorted(hosts, key=lambda host: -best[host].score if host in best else 0.0)
        for component in dict.fromkeys(name for each in names for name in each.components):
            of_component = {each.host for each in names if component in each.components}
            if of_component.isdisjoint(chosen):
                for host in [each for each in by_score if each in of_component and each not in silent][:1]:
                    why = our_words("to compare with: one of component {}", configured_name(component))
                    chosen[host] = StandingOut(host, 0.0, why)
        return list(chosen.values())[: self.full_hosts]

    # --- What each round asks

    def _each_query_once(self, plan: Plan) -> tuple[Plan, Collection[str]]:
        """The plan in which what a store is asked for many hosts alike is asked once, with gaps that say so.

        And the ids of steps that ask what is perhaps one cluster: one host asks it at once, others when they are asked
        in full.
        """
        left_out: set[str] = set()
        not_at_once: set[str] = set()
        gaps: list[Gap] = []
        for first, *others in self._asked_alike(plan):
            what, who = configured_name(first.collector), configured_name(first.host)
            if self.collectors[first.id].query is not None:
                left_out |= {step.id for step in others}
                words = our_words("{} is one query for {} hosts: asked once, for {}", what, 1 + len(others), who)
            else:
                not_at_once |= {step.id for step in others}
                words = our_words("{}: of {} hosts, {} and those in full asked the cluster", what, 1 + len(others), who)
            gaps.append(Gap(host=NO_HOST, reason="skipped", detail=words))
        kept = tuple(step for step in plan.steps if step.id not in left_out)
        return plan.model_copy(update={"steps": kept, "skipped": (*plan.skipped, *gaps)}), not_at_once

    def _asked_alike(self, plan: Plan) -> Iterator[list[Step]]:
        """Steps of several hosts that put one and the same question to a store, or to a cluster."""
        alike: dict[tuple[str, str], list[Step]] = {}
        for step in plan.steps:
            collector = self.collectors[step.id]
            if collector.query is not None or collector.kubernetes not in (None, "pods"):
                alike.setdefault((step.component, step.collector), []).append(step)
        for steps in alike.values():
            same = [step for step in steps if self.collectors[step.id] == self.collectors[steps[0].id]]
            if len(same) > 1:
                yield same

    def _plan_of_first_round(self, plan: Plan, named: Collection[str], not_at_once: Collection[str]) -> Plan:
        """State of all, a glance at the logs of all but the named ones; half of the bytes are kept for the second."""
        steps = tuple(
            step if step.host in named else glanced
            for step in plan.steps
            if step.host in named or ((glanced := self._glanced(step)) is not None and step.id not in not_at_once)
        )
        return plan.model_copy(update={"steps": steps, "max_bytes": max(1, plan.max_bytes // 2)})

    def _glanced(self, step: Step) -> Step | None:
        """The step as it is put to a host of many; None: it is not."""
        collector = self.collectors[step.id]
        if collector.file or collector.journal is not None or collector.container:
            return step.model_copy(update={"glance_bytes": GLANCE_BYTES})
        return step if step.cost <= STATE_COST or collector.query is not None or collector.kubernetes else None

    def _plan_of_second_round(self, plan: Plan, first: Plan, hosts: Collection[str], evidence: Evidence) -> Plan:
        """What the first round did not ask of these hosts, or not in full, within the bytes that it left over."""
        asked = {step.id for step in first.steps if not step.glance_bytes}
        steps = tuple(step for step in plan.steps if step.host in hosts and step.id not in asked)
        taken = sum(len(item.text.encode()) + len(item.stderr.encode()) for item in evidence.items)
        left = max(plan.max_bytes // 2, plan.max_bytes - taken)
        return plan.model_copy(update={"steps": steps, "skipped": (), "max_bytes": max(1, left)})


def _carried_out(plan: Plan, first: Plan, second: Plan) -> Plan:
    asked = {step.id: step for step in (*first.steps, *second.steps)}
    return plan.model_copy(update={"steps": tuple(asked[step.id] for step in plan.steps if step.id in asked)})


def _both_rounds(early: Collected, late: Collected) -> Collected:
    """Both rounds: what the second brought stands in place of the glance; what it did not bring takes nothing away."""
    one, other = early.evidence, late.evidence
    newer: dict[str, Item] = {item.id: item for item in other.items}
    glances = [glance for item in one.items if item.id in newer for glance in _seen_alone(item, newer[item.id])]
    kept = [newer.pop(item.id, item) for item in one.items]
    brought = {item.id for item in other.items}
    gaps = [gap for gap in one.gaps if f"{gap.host}/{gap.collector}" not in brought]
    known = {_key_of_gap(gap) for gap in gaps}
    clocks = {clock.host: clock for clock in (*one.clocks, *other.clocks)}
    cost = Cost(
        seconds=round(one.cost.seconds + other.cost.seconds, 3),
        connections=one.cost.connections + other.cost.connections,
        received_bytes=one.cost.received_bytes + other.cost.received_bytes,
    )
    evidence = one.model_copy(
        update={
            "items": tuple(sorted((*kept, *newer.values(), *glances), key=_order_of_hosts(one, other))),
            "gaps": (*gaps, *(gap for gap in other.gaps if _key_of_gap(gap) not in known)),
            "clocks": tuple(clocks.values()),
            "cost": cost,
            "collected_at": other.collected_at,
        }
    )
    return Collected(evidence)


def _seen_alone(glance: Item, whole: Item) -> Iterator[Item]:
    """The glance as an item of its own, where it saw lines that a limit cut from the whole."""
    if glance.glance and whole.omitted_lines and not set(glance.lines) <= set(whole.lines):
        collector = f"{glance.collector}.glance"
        yield glance.model_copy(update={"id": f"{glance.host}/{collector}", "collector": collector})


def _key_of_gap(gap: Gap) -> tuple[str, str | None, SafeText]:
    return gap.host, gap.collector, gap.detail


def _order_of_hosts(*several: Evidence) -> Callable[[Item], int]:
    """Items of one host stand together, as they do after one round."""
    hosts = dict.fromkeys(item.host for each in several for item in each.items)
    places = {host: number for number, host in enumerate(hosts)}
    return lambda item: places[item.host]
