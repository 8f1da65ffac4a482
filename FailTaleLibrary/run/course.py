"""Suites and tests as they begin and end -> a failure's window, and what its lines are compared with."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from FailTaleLibrary.belonging.other_tests import OwnTests, ParallelRun
from FailTaleLibrary.belonging.used_texts import UsedText
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.records import Failure, Report, Window
from FailTaleLibrary.run.known_secrets import KnownSecrets

if TYPE_CHECKING:
    from FailTaleLibrary.ranking import History, RunTest

MAX_TESTS = 200
"""Passed tests that are remembered between two failures; no look-back reaches further."""
MAX_TESTS_USED = 20
"""Newest tests of which is remembered what they used."""


class Course:
    """The course that a run's tests have taken so far."""

    def __init__(
        self, *, targets: Callable[[], Iterator[str]], secrets: KnownSecrets, faults: Faults, started_at: datetime
    ) -> None:
        """``targets`` are whose logs the run collects: others that collect from the same are told of its tests."""
        self._targets = targets
        self._secrets = secrets
        self._faults = faults
        self._started_at = started_at
        self.parallel: ParallelRun | None = None
        self._suites: list[datetime] = []
        self._test_began_s: float | None = None
        """Of the clock's seconds; None outside of a test. A moment costs four times as much, and few are asked for."""
        self._began_s = time.monotonic()
        """Of the newest test, and before the first of the run, by a clock that nobody sets."""
        self._outcome: Literal["passed", "failed", "ended"] = "ended"
        """Of the test that is under way, as far as it is known."""
        self._passed: deque[tuple[str, float, float]] = deque(maxlen=MAX_TESTS)
        """Names and times of tests that passed since the last failure; made safe when the next one needs them."""
        self._used: deque[tuple[str, Iterable[UsedText]]] = deque(maxlen=MAX_TESTS_USED)
        """Names of tests since the last failure, and what they used; searched for identifiers when one is needed."""

    @cached_property
    def _own_tests(self) -> OwnTests:
        return OwnTests(self._targets(), parallel=self.parallel)

    @cached_property
    def _history(self) -> History:
        from FailTaleLibrary.ranking import History

        return History()

    # --- What has happened --------------------------------------------------------------------------------------------

    def suite_began(self) -> None:
        self._suites.append(datetime.now(timezone.utc))
        self._own_tests.begin()

    def suite_ended(self) -> None:
        if self._suites:
            self._suites.pop()

    def test_began(self, name: str, *, at_s: float | None, began_s: float | None) -> None:
        self._test_began_s = now = time.time() if at_s is None else at_s
        self._began_s = time.monotonic() if began_s is None else began_s
        self._outcome = "ended"
        self._own_tests.test_began(name, now)

    def test_passed(self, name: str) -> None:
        self._outcome = "passed"
        if self._test_began_s is not None:
            self.test_had_passed(name, self._test_began_s, time.time())

    def test_had_passed(self, name: str, start_s: float, end_s: float) -> None:
        self._passed.append((name, start_s, end_s))

    def test_used(self, name: str, used: Iterable[UsedText]) -> None:
        self._used.append((name, used))

    def test_ended(self, *, has_passed: bool) -> None:
        if has_passed:
            self._outcome = "passed"
        self._own_tests.test_ended(self._outcome)
        self._test_began_s = None

    def close(self) -> None:
        if "_own_tests" in self.__dict__:
            self._own_tests.close()

    # --- What a failure takes from it ---------------------------------------------------------------------------------

    @property
    def has_company(self) -> bool:
        """Whether another process would ask for this one's tests."""
        return self.parallel is not None or self._own_tests.has_company

    @property
    def window_start(self) -> datetime:
        """When the test began; outside of a test the suite, or the run."""
        if self._test_began_s is not None:
            return _moment(self._test_began_s)
        return self._suites[-1] if self._suites else self._started_at

    def placed(self, failure: Failure) -> Failure:
        """The failure within its suite and run, with the tests that ran at the same time."""
        suite_began_at = self._suites[-1] if self._suites else None
        within = failure.model_copy(
            update={
                "window": self._without_a_step(failure.window),
                "suite_started_at": failure.suite_started_at or suite_began_at,
                "run_started_at": failure.run_started_at or self._started_at,
            }
        )
        return self._with_others(within)

    def _without_a_step(self, window: Window) -> Window:
        """The window; where our clock was set back meanwhile, one as long as the test has taken."""
        if window.start <= window.end:
            return window
        lasted = timedelta(seconds=time.monotonic() - self._began_s)
        return window.model_copy(update={"start": window.end - lasted})

    def _with_others(self, failure: Failure) -> Failure:
        if self._test_began_s is not None and failure.scope == "test":
            self._outcome = "failed"
        try:
            window, safe = failure.window, self._secrets.of_record()
            others = self._own_tests.others(window.start, window.end, safe=safe.short)
        except Exception as error:
            self._faults.sentence("looking for tests that ran at the same time", error)
            return failure
        return failure.model_copy(update={"others": others})

    def history_before(self, start: datetime) -> History:
        """What passed, what was used and what else failed, as the ranking of a failure whose window began then asks."""
        self._know_passed_tests()
        self._know_used()
        return self._history.with_tests_of_other_runs(self._failed_in_other_runs(start))

    def remember(self, report: Report, *, is_over: Callable[[], bool]) -> None:
        """What a failure's evidence held is known to those that follow."""
        self._history = self._history.with_report(report, is_over=is_over)

    def _know_passed_tests(self) -> None:
        from FailTaleLibrary.ranking import RunTest

        while self._passed:
            name, start_s, end_s = self._passed.popleft()
            window = Window(start=_moment(start_s), end=_moment(end_s))
            self._history = self._history.with_test(RunTest(self._secrets.short(name), window, has_passed=True))

    def _know_used(self) -> None:
        from FailTaleLibrary.belonging.identifiers import identifiers_in

        while self._used:
            name, used = self._used.popleft()
            safe = self._secrets.of_record().short
            self._history = self._history.with_used(safe(name), identifiers_in(used, safe))

    def _failed_in_other_runs(self, start: datetime) -> list[RunTest]:
        """Tests that failed on the same hosts before: what logs held meanwhile is not routine."""
        from FailTaleLibrary.ranking import RunTest

        failed = self._own_tests.failed_before(start, safe=self._secrets.of_record().short)
        return [
            RunTest(test.name, Window(start=test.started_at, end=test.ended_at or test.started_at), has_passed=False)
            for test in failed[-MAX_TESTS:]
        ]


def _moment(clock_s: float) -> datetime:
    return datetime.fromtimestamp(clock_s, timezone.utc)
