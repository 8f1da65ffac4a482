"""Reports -> a row of each failure, as the run page and the console's last lines show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from FailTaleLibrary import __version__
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.records import Report, SafeText

if TYPE_CHECKING:
    from FailTaleLibrary.rendering.run_summary import FailureSummary, FallenTest, RunSummary


class Summaries:
    """Of each failure of a run a row, by its id."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._rows: dict[str, FailureSummary] = {}

    def add(self, report: Report) -> None:
        """Or renew, where the failure has a row."""
        from FailTaleLibrary.rendering.run_summary import failure_summary

        try:
            self._rows[report.failure.id] = failure_summary(report)
        except Exception as error:
            self._faults.sentence("summing up the failure", error)

    def shown_at(self, report: Report, test_id: str) -> None:
        """Where a face has shown a report: Robot's id of the test or suite, to which the run page then leads."""
        known = self._rows.get(report.failure.id)
        if known is not None:
            self._rows[report.failure.id] = known.model_copy(update={"test_id": test_id})

    def fell_with(self, report: Report, name: SafeText, *, test_id: str) -> FallenTest:
        """A test did not run because what ``report`` is about had failed; it counts with that."""
        from FailTaleLibrary.rendering.run_summary import FallenTest

        fallen = FallenTest(name=name, test_id=test_id)
        known = self._rows.get(report.failure.id)
        if known is not None:
            self._rows[report.failure.id] = known.model_copy(update={"fallen": (*known.fallen, fallen)})
        return fallen

    def of_run(self, *, log: str, link: Callable[[str | None], str | None]) -> RunSummary:
        """The failures so far, grouped by cause."""
        from FailTaleLibrary.rendering.run_summary import run_summary

        rows = (
            row.model_copy(update={"log": log, "bundle": link(row.bundle), "screenshot": link(row.screenshot)})
            for row in self._rows.values()
        )
        return run_summary(rows, version=__version__)
