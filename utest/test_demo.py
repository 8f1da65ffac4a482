"""The whole demo, as a user meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from patience import PATIENCE_S, wait_until

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.demo.failures import DEMO_FAILURES, DemoFailure
from FailTaleLibrary.demo.processes import DemoError
from FailTaleLibrary.demo.shop_hosts import HOSTS, running_shop, source_directories
from FailTaleLibrary.demo.show import mistakes, prepare, run_suite
from FailTaleLibrary.records import Item, Report

RUN_DEMO = "import sys; from FailTaleLibrary.demo import run_demo; sys.exit(run_demo())"


@dataclass(frozen=True)
class Show:
    """The demo in a process of its own, in an empty directory, with a temporary directory of its own."""

    directory: Path

    @property
    def temporary(self) -> Path:
        return self.directory / "tmp"

    def start(self) -> subprocess.Popen[str]:
        self.temporary.mkdir()
        path = os.pathsep.join(source_directories())
        return subprocess.Popen(
            [sys.executable, "-c", RUN_DEMO],
            cwd=self.directory,
            env=os.environ | {"TMPDIR": str(self.temporary), "PYTHONPATH": path, "ROBOT_OPTIONS": "--dryrun"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def left_running(self) -> list[str]:
        """Command lines and environments of processes that know the show's temporary directory."""
        processes = subprocess.run(["ps", "axeww", "-o", "args"], capture_output=True, text=True, check=True).stdout
        return [line for line in processes.splitlines() if str(self.temporary) in line]

    def stays_running(self) -> bool:
        return not wait_until(lambda: not self.left_running())


@dataclass(frozen=True)
class Aftermath:
    """What one performance left."""

    directory: Path
    password: str
    complaints: list[str]
    reports: Mapping[str, Report]

    def item(self, failure: DemoFailure) -> Item:
        item = self.reports[failure.test].evidence.item(f"{failure.host}/{failure.collector}")
        assert item is not None
        return item


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    directory = tmp_path_factory.mktemp("demo")
    with running_shop() as shop:
        run_suite(shop, directory)
        password = shop.environment["SHOP_PASSWORD"]
    reports = [report for report in reports_in(directory / "output.xml") if isinstance(report, Report)]
    by_test = {report.failure.name: report for report in reports}
    return Aftermath(directory, password, list(mistakes(directory)), by_test)


def test_every_failing_test_is_told_and_no_other(aftermath: Aftermath) -> None:
    assert aftermath.complaints == []
    assert list(aftermath.reports) == [failure.test for failure in DEMO_FAILURES]


@pytest.mark.parametrize("failure", DEMO_FAILURES, ids=lambda failure: failure.test)
def test_all_three_hosts_answer_for_each_failure(aftermath: Aftermath, failure: DemoFailure) -> None:
    evidence = aftermath.reports[failure.test].evidence
    assert {item.host for item in evidence.items} == set(HOSTS)
    assert evidence.gaps == ()


@pytest.mark.parametrize("failure", DEMO_FAILURES, ids=lambda failure: failure.test)
def test_the_cause_is_in_the_evidence_although_the_suite_emptied_its_logs(
    aftermath: Aftermath, failure: DemoFailure
) -> None:
    assert failure.cause in aftermath.item(failure).text


def test_the_password_in_a_log_reaches_no_file(aftermath: Aftermath) -> None:
    failure = DEMO_FAILURES[-1]
    (line,) = (line for line in aftermath.item(failure).lines if "login form" in line)
    assert "password=" in line
    assert aftermath.password not in line
    files = [path for path in aftermath.directory.rglob("*") if path.is_file()]
    assert not [path for path in files if aftermath.password.encode() in path.read_bytes()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    show = Show(tmp_path)
    with show.start() as process:
        assert wait_until((tmp_path / "failtale-demo/output.xml").exists)
        assert len(show.left_running()) >= len(HOSTS)
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode != 0
    assert not show.stays_running()
    assert list(show.temporary.iterdir()) == []


def test_a_killed_demo_takes_its_shop_along(tmp_path: Path) -> None:
    show = Show(tmp_path)
    with show.start() as process:
        assert wait_until((tmp_path / "failtale-demo/output.xml").exists)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
    assert not show.stays_running()


def test_the_demo_overwrites_nothing_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "failtale.yaml").write_text("hosts: {}\n")
    with pytest.raises(DemoError, match="did not write"):
        prepare(tmp_path)


def test_the_demo_can_be_repeated_in_its_own_directory(tmp_path: Path) -> None:
    for name in ("output.xml", "log.html"):
        (tmp_path / name).write_text("old")
    (tmp_path / "failtale.yaml").write_text("# Written by `failtale demo`, earlier\n")
    prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["failtale.yaml"]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DemoError, match=str(tmp_path / "file" / "demo")):
        prepare(tmp_path / "file" / "demo")
