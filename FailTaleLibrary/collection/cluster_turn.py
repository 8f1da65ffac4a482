"""A host's steps -> which of them ask a cluster first, and what the others are told where nobody answers there.

Each step by itself would find out anew that an API server is silent, 4 s each: so one of a cluster's steps goes ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from FailTaleLibrary.collection.cluster_access import is_of_cluster
from FailTaleLibrary.collection.items import CollectedItem
from FailTaleLibrary.config import Collector
from FailTaleLibrary.records import Gap, HostClock, Step

if TYPE_CHECKING:
    from FailTaleLibrary.collection.host import Put

_Cluster: TypeAlias = tuple[str | None, str | None]
"""kubectl's configuration and context."""


class ClusterTurn:
    """The steps of one session on a host, by the clusters that they ask."""

    def __init__(self, steps: Sequence[Step], collectors: Mapping[str, Collector]) -> None:
        self._clusters: dict[str, _Cluster] = {
            step.id: (each.kubeconfig, each.context)
            for step in steps
            if (each := collectors.get(step.id)) is not None and each.kubernetes
        }
        self._steps = steps
        self._leaders: dict[_Cluster, str] = {}
        for step in steps:
            if step.id in self._clusters:
                self._leaders.setdefault(self._clusters[step.id], step.id)
        self._silent: dict[_Cluster, Gap] = {}

    def in_two_visits(self) -> tuple[list[Step], list[Step]]:
        """The steps that go ahead, one of each cluster among them; and those that wait for what it is told."""
        leaders = set(self._leaders.values())
        behind = [step for step in self._steps if step.id in self._clusters and step.id not in leaders]
        return [step for step in self._steps if step not in behind], behind

    def heard(self, put: Put) -> Callable[[HostClock | CollectedItem], None]:
        """``put``, which takes note of what the steps that go ahead are told."""

        def listen(answer: HostClock | CollectedItem) -> None:
            record = answer.record if isinstance(answer, CollectedItem) else None
            step_id = f"{record.host}/{record.collector}" if isinstance(record, Gap) else ""
            if isinstance(record, Gap) and step_id in self._clusters and is_of_cluster(record):
                self._silent[self._clusters[step_id]] = record
            put(answer)

        return listen

    def gap_of(self, step: Step) -> Gap | None:
        """Why a step need not be asked: what another one of its cluster was told; None where that had an answer."""
        gap = self._silent.get(self._clusters[step.id])
        update = {"component": step.component, "collector": step.collector, "elapsed_s": 0.0}
        return gap and gap.model_copy(update=update)
