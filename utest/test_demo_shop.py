"""The demo's suite against the demo's shop, without FailTale: the faults are real, and hide where the failures say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from patience import PATIENCE_S
from robot import result
from robot.api import ExecutionResult

from FailTaleLibrary.demo.failures import DEMO_FAILURES, DemoFailure
from FailTaleLibrary.demo.processes import DemoError, Processes
from FailTaleLibrary.demo.shop_hosts import HOSTS, running_shop

KEEPER = '''
import pathlib, shutil

class Keeper:
    """Copies the shop's logs at the end of each test's body, ahead of every teardown."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, home, copies):
        self.home, self.copies = pathlib.Path(home), pathlib.Path(copies)

    def start_test(self, data, result):
        self.data = data

    def start_keyword(self, data, result):
        if data.type == "TEARDOWN" and data.parent is self.data:
            self.keep(self.data.name)

    def end_test(self, data, result):
        self.keep(data.name)

    def keep(self, test):
        if not (self.copies / test).exists():
            for log in self.home.glob("*/var/log/shop/*.log"):
                copy = self.copies / test / log.relative_to(self.home)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(log, copy)
'''


@dataclass(frozen=True)
class Day:
    """One run of the suite."""

    tests: Mapping[str, result.TestCase]
    copies: Path
    afterwards: str
    """All that stood in the logs after the suite's teardown."""

    def logs(self, test: str) -> dict[str, str]:
        """Host/log -> what stood there when the test's body ended."""
        root = self.copies / test
        return {f"{log.relative_to(root).parts[0]}/{log.stem}-log": log.read_text() for log in root.rglob("*.log")}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    directory = tmp_path_factory.mktemp("day")
    (directory / "Keeper.py").write_text(KEEPER)
    with running_shop() as shop:
        shop.write_suite(directory)
        keeper = f"Keeper.py;{shop.home};{directory / 'copies'}"
        robot = [sys.executable, "-m", "robot", "--listener", keeper, "--console", "none", "shop.robot"]
        subprocess.run(robot, cwd=directory, env=shop.environment, check=False, timeout=PATIENCE_S)
        afterwards = "".join(log.read_text() for log in shop.home.glob("*/var/log/shop/*.log"))
    tests = {test.name: test for test in ExecutionResult(directory / "output.xml").suite.all_tests}
    return Day(tests, directory / "copies", afterwards)


def name(failure: DemoFailure) -> str:
    return failure.test


def test_just_the_tests_of_the_stories_fail(day: Day) -> None:
    assert [test.name for test in day.tests.values() if test.failed] == [failure.test for failure in DEMO_FAILURES]
    assert sum(test.passed for test in day.tests.values()) >= 3


@pytest.mark.parametrize("failure", DEMO_FAILURES, ids=name)
def test_a_failing_test_can_say_no_more_than_its_symptom(day: Day, failure: DemoFailure) -> None:
    assert day.tests[failure.test].message == failure.message


@pytest.mark.parametrize("failure", DEMO_FAILURES, ids=name)
def test_the_cause_stands_in_one_log_of_another_host_and_nowhere_else(day: Day, failure: DemoFailure) -> None:
    logs = day.logs(failure.test)
    assert [log for log, text in logs.items() if failure.cause in text] == [f"{failure.host}/{failure.collector}"]
    assert len(logs) >= len(HOSTS)


@pytest.mark.parametrize("failure", DEMO_FAILURES, ids=name)
def test_the_cause_was_written_during_its_own_test_only(day: Day, failure: DemoFailure) -> None:
    names = list(day.tests)
    for earlier in names[: names.index(failure.test)]:
        assert not any(failure.cause in text for text in day.logs(earlier).values())


def test_one_cause_stands_in_a_line_that_calls_itself_info(day: Day) -> None:
    failure = next(failure for failure in DEMO_FAILURES if "Cart" in failure.test)
    (line,) = (line for line in day.logs(failure.test)["api1/api-log"].splitlines() if failure.cause in line)
    assert " INFO " in line
    assert "1 rule changed" in line


@pytest.mark.parametrize("log", ["web1/web-log", "api1/api-log", "storage1/storage-log"])
def test_who_searches_for_errors_finds_them_in_passing_tests_too(day: Day, log: str) -> None:
    assert day.tests["Order Can Be Paid"].passed
    assert " ERROR " in day.logs("Order Can Be Paid")[log]


def test_a_password_stands_in_a_log(day: Day) -> None:
    assert "password=" in day.logs("Customer Can Log In")["api1/api-log"]


def test_a_teardown_empties_the_logs_of_its_host(day: Day) -> None:
    names = list(day.tests)
    after = names[names.index("Placed Orders Are Listed") + 1]
    assert "database is locked" in day.logs("Placed Orders Are Listed")["storage1/storage-log"]
    assert "database is locked" not in day.logs(after)["storage1/storage-log"]


def test_nothing_of_any_cause_survives_the_suites_teardown(day: Day) -> None:
    assert not any(failure.cause in day.afterwards for failure in DEMO_FAILURES)


def test_a_process_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    with Processes(tmp_path, environment={}) as processes, pytest.raises(DemoError) as error:
        processes.start("json.tool", "--no-such-option")
    assert "'json.tool' did not start: " in str(error.value)
    assert "--no-such-option" in str(error.value)
