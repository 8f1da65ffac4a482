"""A run's connections and marks live in a process of their own, whatever becomes of that process or of the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from patience import FOREVER_S, PATIENCE_S, wait_until
from sshd import Sshd

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.config import Config, load_config
from FailTaleLibrary.records import Report
from FailTaleLibrary.run import Run
from FailTaleLibrary.windows.main_thread import MainThreadOf

ROOT = Path(__file__).parent.parent
SLOW = f"sleep {FOREVER_S}"
SUITE = """
*** Settings ***
Library    Shop.py

*** Test Cases ***
Passes
    Wait For Mark

Passes Too
    No Operation
"""
LIBRARY = """
import os, sys, threading, time
STARTED = []
start = threading.Thread.start
def counted(thread):
    STARTED.append(thread.name)
    start(thread)
threading.Thread.start = counted

class Shop:
    ROBOT_LIBRARY_SCOPE = "GLOBAL"
    def wait_for_mark(self):
        while not os.path.exists("marked"):
            time.sleep(0.02)
        print(f"threads: {STARTED}, paramiko: {'paramiko' in sys.modules}", file=sys.__stderr__)
"""


@pytest.fixture
def place(tmp_path: Path, new_host: Callable[..., Sshd]) -> Place:
    return Place(tmp_path, new_host())


class Place:
    """A directory with a configuration of one host, on which a mark leaves the file ``marked``."""

    def __init__(self, directory: Path, host: Sshd) -> None:
        self.directory, self.host = directory, host
        self.state = directory / "state"
        self.state.write_text("as it was\n")

    def configured(self, *collectors: dict[str, Any], **settings: Any) -> Config:
        marking = {
            "name": "state",
            "command": f"cat {self.state}; touch {self.directory}/marked",
            "baseline": True,
        }
        config = {
            "components": {"app": {"collectors": [marking, *collectors]}},
            "hosts": {"app1": {"component": "app", "address": self.host.address, "ssh": self._ssh()}},
            "limits": {"failure_time": PATIENCE_S, "host_time": PATIENCE_S},
            **settings,
        }
        file = self.directory / "failtale.yaml"
        file.write_text(yaml.safe_dump(config))
        return load_config(file)

    def _ssh(self) -> dict[str, Any]:
        return {name: str(value) for name, value in self.host.ssh_settings().items()}

    def is_marked(self) -> bool:
        return wait_until((self.directory / "marked").exists)

    @contextmanager
    def run(self, config: Config) -> Iterator[Run]:
        """A run whose first test has begun, with a mark on its host."""
        with Run(config) as run:
            run.suite_began()
            run.test_began("Order")
            assert self.is_marked()
            wait_until(lambda: not self.host.leftovers())  # the mark is complete
            yield run

    def robot(self, suite: str, **more: Any) -> subprocess.Popen[str]:
        (self.directory / "suite.robot").write_text(suite)
        (self.directory / "Shop.py").write_text(LIBRARY)
        command = ["-m", "robot", "--listener", "FailTaleListener:failtale.yaml", "suite.robot"]
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'listeners'}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )


def keepers_of(process: int) -> list[int]:
    """The processes that keep the connections of another one."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(each) for each in children if b"failtale-keeper" in Path(f"/proc/{each}/cmdline").read_bytes()]


def is_running(process: int) -> bool:
    """Not a zombie, which nobody may have waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def keeper() -> int:
    (process,) = keepers_of(os.getpid())
    return process


def texts(report: Report) -> dict[str, str]:
    return {item.collector: item.text for item in report.evidence.items}


def failed(run: Run) -> Report:
    return run.collect_failure(run.failure("Order"))


pytestmark = pytest.mark.ssh


def test_marks_of_a_passing_run_are_taken_by_another_process(place: Place) -> None:
    """So that no thread takes Python's lock from tests that compute."""
    place.configured()
    run = place.robot(SUITE)
    _, said = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, said
    assert "threads: [], paramiko: False" in said
    assert place.host.logins_seen == 1
    assert keepers_of(os.getpid()) == []


def test_a_failure_uses_the_login_that_the_marks_made_and_what_they_noted(place: Place) -> None:
    inside = {"name": "inside", "command": "echo $THERE", "inside": "env THERE=yes"}
    with place.run(place.configured({"name": "here", "command": "echo here"}, inside)) as run:
        process = keeper()
        place.state.write_text("as it is\n")
        report = failed(run)
        assert texts(report) == {"state": "as it is\n", "here": "here\n", "inside": "yes\n"}
        (state,) = (item for item in report.evidence.items if item.collector == "state")
        assert any("as it was" in change for change in state.changes)
        assert report.evidence.cost.connections == 0
        assert texts(failed(run))["here"] == "here\n"
        assert place.host.logins_seen == 1
    assert not is_running(process)
    assert wait_until(lambda: place.host.leftovers() == [])


def test_a_keeper_that_is_killed_costs_no_evidence(place: Place) -> None:
    with place.run(place.configured({"name": "here", "command": "echo here"})) as run:
        os.kill(keeper(), signal.SIGKILL)
        report = failed(run)
        assert texts(report) == {"state": "as it was\n", "here": "here\n"}
        assert report.evidence.gaps == ()
        run.test_began("Another")
        assert texts(failed(run))["here"] == "here\n"
        assert place.host.logins_seen == 2
    assert wait_until(lambda: place.host.leftovers() == [])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_keeper_that_is_killed_or_frozen_in_a_visit_costs_none_of_its_items(
    place: Place, tmp_path: Path, number: signal.Signals
) -> None:
    began, may_end = tmp_path / "began", tmp_path / "may-end"
    slow = f"echo once >> {began}; until [ -e {may_end} ]; do sleep 0.05; done; echo there"
    config = place.configured({"name": "here", "command": "echo here"}, {"name": "there", "command": slow})
    reports: list[Report] = []
    with place.run(config) as run:
        collecting = threading.Thread(target=lambda: reports.append(failed(run)))
        collecting.start()
        assert wait_until(began.exists)
        os.kill(keeper(), number)
        may_end.touch()
        collecting.join(PATIENCE_S)
    (report,) = reports
    assert texts(report) == {"state": "as it was\n", "here": "here\n", "there": "there\n"}


def test_a_keeper_that_is_frozen_is_given_up(place: Place) -> None:
    limits = {"failure_time": 60, "host_time": 50}
    with place.run(place.configured({"name": "here", "command": "echo here"}, limits=limits)) as run:
        frozen = keeper()
        os.kill(frozen, signal.SIGSTOP)
        assert texts(failed(run))["here"] == "here\n"
        assert wait_until(lambda: not is_running(frozen))


def test_where_no_keeper_can_be_started_the_run_takes_its_marks(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    config = place.configured({"name": "here", "command": "echo here"})
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with place.run(config) as run:
        assert keepers_of(os.getpid()) == []
        place.state.write_text("as it is\n")
        report = failed(run)
        assert texts(report)["here"] == "here\n"
        assert place.host.logins_seen == 1


def test_the_tests_own_modules_are_none_of_the_keepers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite may have a ``queue.py`` beside it, or another ``FailTaleLibrary``."""
    for name in ("queue.py", "select.py", "FailTaleLibrary.py", "paramiko.py"):
        (place.directory / name).write_text("raise SystemExit('of the tests')\n")
    monkeypatch.setattr(sys, "path", [str(place.directory), *sys.path])
    monkeypatch.chdir(place.directory)
    with place.run(place.configured()):
        assert is_running(keeper())


def test_secrets_of_the_configuration_stand_in_no_command_line_and_no_environment(place: Place) -> None:
    secret = place.directory / "password"
    secret.write_text("tr0ub4dor-and-3\n")
    secret.chmod(0o600)
    with place.run(place.configured(ssh={"password": f"file:{secret}"})):
        told = b"".join(Path(f"/proc/{keeper()}/{name}").read_bytes() for name in ("cmdline", "environ"))
        assert b"tr0ub4dor" not in told


def test_marks_of_further_values_are_the_runs_own_over_the_keepers_connection(place: Place) -> None:
    """It knows the values of the first test alone, and would note another log."""
    for name in ("one", "two"):
        (place.directory / f"{name}.txt").write_text(f"{name} as it was\n")
    touch = f"touch {place.directory}/marked-${{UNIT}}"
    of_unit = {"name": "unit", "command": f"cat {place.directory}/${{UNIT}}.txt; {touch}", "baseline": True}
    config = place.configured(of_unit, variables={"UNIT": "name"})
    unit = {"UNIT": "one"}
    with Run(config) as run:
        run.variables_from(unit.__getitem__)
        run.suite_began()
        for name in ("one", "two"):
            unit["UNIT"] = name
            run.test_began(name)
            assert wait_until((place.directory / f"marked-{name}").exists)
            assert wait_until(lambda: not place.host.leftovers())
            (place.directory / f"{name}.txt").write_text(f"{name} as it is\n")
            report = failed(run)
            (item,) = (item for item in report.evidence.items if item.collector == "unit")
            assert item.text == f"{name} as it is\n"
            assert any(f"{name} as it was" in change for change in item.changes), item.changes
        assert place.host.logins_seen == 1


def test_several_runs_of_a_process_have_keepers_of_their_own(place: Place) -> None:
    config = place.configured({"name": "here", "command": "echo here"})
    seen = []
    for _ in range(2):
        (place.directory / "marked").unlink(missing_ok=True)
        with place.run(config) as run:
            seen.append(keeper())
            assert texts(failed(run))["here"] == "here\n"
    assert len(set(seen)) == 2
    assert place.host.logins_seen == 2


FAILS = """
*** Test Cases ***
Fails
    Fail    Shop is closed
"""


def test_ctrl_c_at_a_terminal_ends_the_collection_and_then_the_keeper(place: Place) -> None:
    """It reaches all processes of the terminal's group, which the keeper has left."""
    place.configured({"name": "slow", "command": SLOW}, ssh={"command_timeout": FOREVER_S})
    run = place.robot(FAILS, start_new_session=True)
    assert wait_until(lambda: any(SLOW in line for line in place.host.leftovers()))
    (process,) = keepers_of(run.pid)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=PATIENCE_S)
    assert "Second signal will force exit." in said
    (report,) = reports_in(place.directory / "output.xml")
    assert texts(report)["state"] == "as it was\n"
    assert [(gap.collector, gap.reason) for gap in report.evidence.gaps] == [("slow", "cancelled")]
    assert wait_until(lambda: not is_running(process))
    assert wait_until(lambda: place.host.leftovers() == []), place.host.leftovers()


def test_nothing_is_left_of_a_run_that_is_killed(place: Place) -> None:
    place.configured({"name": "slow", "command": SLOW}, ssh={"command_timeout": FOREVER_S})
    run = place.robot(FAILS)
    assert wait_until(lambda: any(SLOW in line for line in place.host.leftovers()))
    (process,) = keepers_of(run.pid)
    run.kill()
    run.communicate(timeout=PATIENCE_S)
    assert wait_until(lambda: not is_running(process))
    assert wait_until(lambda: place.host.leftovers() == []), place.host.leftovers()


FORKS = """
import os, sys, time
from FailTaleLibrary.config import load_config
from FailTaleLibrary.run import Run
run = Run(load_config("failtale.yaml"))
run.suite_began()
run.test_began("Order")
while not os.path.exists("marked"):
    time.sleep(0.02)
child = os.fork()
if not child:
    time.sleep(1.1)
    run.test_began("Another")
    items = run.collect_failure(run.failure("Another")).evidence.items
    print(*sorted(item.text.strip() for item in items), flush=True)
    os.close(1)
    time.sleep(600)
print(child, flush=True)
os.waitpid(child, 0)
"""


def test_a_forked_process_collects_by_itself_and_holds_no_keeper_alive(place: Place) -> None:
    place.configured({"name": "here", "command": "echo here"})
    run = subprocess.Popen(
        [sys.executable, "-c", FORKS], cwd=place.directory, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    forked = int(run.stdout.readline())
    try:
        assert run.stdout.readline() == "as it was here\n"
        assert place.host.logins_seen == 2
        (process,) = keepers_of(run.pid)
        run.kill()
        run.wait(PATIENCE_S)
        assert wait_until(lambda: not is_running(process))
        assert is_running(forked)
    finally:
        os.kill(forked, signal.SIGKILL)
        run.kill()
        run.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize(("work", "computes"), [("while True: pass", True), ("import time; time.sleep(600)", False)])
def test_whether_another_process_computes_is_told(work: str, computes: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", work]) as process:
        thread = MainThreadOf(process.pid)
        try:
            assert wait_until(lambda: thread.is_computing(threading.Event()) == computes)
            assert thread.crowding() >= 1.0
        finally:
            process.kill()


def test_a_process_of_which_nobody_tells_counts_as_one_that_computes() -> None:
    assert MainThreadOf(2**30).is_computing(threading.Event())
