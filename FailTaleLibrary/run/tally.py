"""Reports -> what a run has cost so far."""

from __future__ import annotations

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Report


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run has cost so far."""

    failures: int = 0
    """What was collected for: failures, and what a keyword asked for."""
    hosts: frozenset[str] = frozenset()
    gaps: int = 0
    seconds: float = 0.0
    on_demand: int = 0
    """How many of them a keyword asked for: no test need have failed."""

    def with_report(self, report: Report, seconds: float) -> Tally:
        asked = {step.host for step in report.plan.steps}
        answered = {item.host for item in report.evidence.items}
        return Tally(
            failures=self.failures + 1,
            hosts=self.hosts | asked | answered,
            gaps=self.gaps + len(report.evidence.gaps),
            seconds=self.seconds + seconds,
            on_demand=self.on_demand + (report.failure.scope == "on demand"),
        )

    def with_seconds(self, seconds: float) -> Tally:
        return Tally(self.failures, self.hosts, self.gaps, self.seconds + seconds, self.on_demand)
