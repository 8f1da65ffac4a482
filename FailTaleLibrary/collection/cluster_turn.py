"""A host's steps -> which of them ask a cluster first, and what the others are told where nobody answers there.

Each step by itself would find out anew that an API server is silent, 4 s each: so one of a cluster's steps goes ahead.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeAlias

from FailTaleLibrary.breaker import Breaker
from FailTaleLibrary.collection.cluster_access import is_of_cluster
from FailTaleLibrary.collection.items import CollectedItem
from FailTaleLibrary.config import Collector
from FailTaleLibrary.records import Gap, HostClock, Step, our_words

if TYPE_CHECKING:
    from FailTaleLibrary.collection.host import Put

_Cluster: TypeAlias = tuple[str, str | None, str | None]
"""The host on which kubectl runs, its configuration and its context."""
_SILENT = frozenset({"no answer", "unreachable"})
"""Reasons that take seconds to be found out."""
_ALL_NEED_PODS = ("pods", "events", "logs")


class ClusterBreakers:
    """The clusters of a run: one that was silent is left alone for a while. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._breakers: dict[_Cluster, tuple[Breaker, Gap | None]] = {}

    def silent(self, cluster: _Cluster) -> Gap | None:
        """What keeps it from being asked now; of many who may ask it again one does."""
        breaker, gap = self._of(cluster)
        refusal = breaker.attempt()
        if refusal is None or gap is None:
            return None
        detail = our_words("{} (not tried again for {:.0f} s)", gap.detail, refusal.wait_s)
        now = datetime.now(timezone.utc)
        return Gap(host=gap.host, component=gap.component, reason=gap.reason, detail=detail, at=now)

    def heard(self, cluster: _Cluster, gap: Gap | None) -> None:
        """It answered; or the gap that says that it did not."""
        breaker, _ = self._of(cluster)
        if gap is None:
            breaker.succeeded()
        elif gap.reason in _SILENT:
            breaker.failed(gap.reason, gap.detail)
            with self._lock:
                self._breakers[cluster] = (breaker, gap)

    def _of(self, cluster: _Cluster) -> tuple[Breaker, Gap | None]:
        with self._lock:
            return self._breakers.setdefault(cluster, (Breaker(), None))


class ClusterTurn:
    """The steps of one session on a host, by the clusters that they ask."""

    def __init__(
        self, steps: Sequence[Step], collectors: Mapping[str, Collector], breakers: ClusterBreakers | None = None
    ) -> None:
        self._breakers = breakers or ClusterBreakers()
        self._about = {step.id: each for step in steps if (each := collectors.get(step.id)) and each.kubernetes}
        self._steps = steps
        self._leaders: dict[_Cluster, str] = {}
        """Cluster -> the step that is put to it first: one that asks for pods, as nearly all do."""
        for step in sorted(self._of_clusters, key=lambda step: self._about[step.id].kubernetes not in _ALL_NEED_PODS):
            self._leaders.setdefault(self._cluster(step), step.id)
        self._silent = {
            cluster: gap for cluster in self._leaders if (gap := self._breakers.silent(cluster)) is not None
        }

    @property
    def _of_clusters(self) -> list[Step]:
        return [step for step in self._steps if step.id in self._about]

    def _cluster(self, step: Step) -> _Cluster:
        collector = self._about[step.id]
        return step.host, collector.kubeconfig, collector.context

    def in_two_visits(self) -> tuple[list[Step], list[Step]]:
        """The steps that go ahead, one of each cluster among them; and those that wait for what it is told."""
        leaders = {step for cluster, step in self._leaders.items() if cluster not in self._silent}
        behind = [step for step in self._of_clusters if step.id not in leaders]
        return [step for step in self._steps if step not in behind], behind

    def heard(self, put: Put) -> Callable[[HostClock | CollectedItem], None]:
        """``put``, which takes note of what the steps that go ahead are told."""

        def listen(answer: HostClock | CollectedItem) -> None:
            if self._about and isinstance(answer, CollectedItem):
                self._take_note(answer)
            put(answer)

        return listen

    def _take_note(self, answer: CollectedItem) -> None:
        record = answer.record
        step = next((each for each in self._of_clusters if each.id == f"{record.host}/{record.collector}"), None)
        if step is None or self._leaders[self._cluster(step)] != step.id:
            return
        gap = record if isinstance(record, Gap) and is_of_cluster(record) else None
        self._breakers.heard(self._cluster(step), gap)
        if gap is not None:
            self._silent[self._cluster(step)] = gap

    def gap_of(self, step: Step) -> Gap | None:
        """Why a step need not be asked: what another one of its cluster was told; None where that had an answer."""
        gap = self._silent.get(self._cluster(step))
        update = {"component": step.component, "collector": step.collector, "elapsed_s": 0.0}
        return gap and gap.model_copy(update=update)
