"""Ctrl-C and SIGTERM in mid-collection: real processes, a real SSH server, a collector that takes for ever."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from patience import FOREVER_S, PATIENCE_S, wait_until
from pytest_runs import plugin_options
from robot.api import ExecutionResult
from sshd import Sshd

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.config import Config
from FailTaleLibrary.interrupts import held_back
from FailTaleLibrary.records import Analysis, Evidence, Failure, Report, our_words
from FailTaleLibrary.run import Run, Stages

ROOT = Path(__file__).parent.parent
SLOW = f"sleep {FOREVER_S}"


# --- Without a collection


class HeardError(Exception):
    """A handler ran."""


def test_a_signal_waits_for_the_end_of_the_block_and_sets_the_event() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with held_back() as stop:
            assert not stop.is_set()
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.is_set()
            assert heard == []
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_second_signal_is_passed_on_at_once_with_the_first() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            assert heard == [signal.SIGTERM] * 2
        assert heard == [signal.SIGTERM] * 2
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_handler_that_raises_does_so_behind_the_block() -> None:
    def handler(*_: object) -> None:
        raise HeardError

    before = signal.signal(signal.SIGTERM, handler)
    shown = False
    try:
        with pytest.raises(HeardError), held_back():  # noqa: PT012 - what the block does to it is the point
            os.kill(os.getpid(), signal.SIGTERM)
            shown = True
        assert shown
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_nested_blocks_are_one() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with held_back() as outer:
            with held_back() as inner:
                os.kill(os.getpid(), signal.SIGTERM)
            assert inner is outer
            assert heard == []
        assert len(heard) == 1
    finally:
        signal.signal(signal.SIGTERM, before)


def test_who_ignores_a_signal_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with held_back() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not stop.is_set()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_block_may_be_the_answer_to_one_signal_and_to_no_second_one() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with held_back(is_answer=True) as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.is_set()
        assert heard == []
        with held_back(is_answer=True):
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            assert heard == [signal.SIGTERM] * 2
    finally:
        signal.signal(signal.SIGTERM, before)


# --- In the stages behind the collection


def test_a_signal_in_ranking_ends_it_soon_and_the_report_comes_all_the_same() -> None:
    """The time that is left for it is far longer than a test's patience."""
    heard: list[int] = []

    def judge(failure: Failure, evidence: Evidence, *, is_over: Callable[[], bool], **_: object) -> Analysis:
        assert not is_over()
        os.kill(os.getpid(), signal.SIGTERM)
        assert wait_until(is_over)
        assert heard == []
        return Analysis(headline=our_words("what there is"))

    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        config = Config.model_validate({"limits": {"failure_time": FOREVER_S}})
        with Run(config, environ={}, stages=Stages(rank=judge)) as run:
            report = run.collect_failure(run.failure("Order"))
        assert report.analysis.headline == "what there is"
        assert run.interrupted
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def terminations() -> Iterator[list[int]]:
    """What a handler of SIGTERM hears that was there before."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        yield heard
    finally:
        signal.signal(signal.SIGTERM, before)


PATIENT = Config.model_validate({"limits": {"failure_time": FOREVER_S}})


def test_a_signal_ends_the_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    hangs = threading.Event()

    def store(*_: object, **__: object) -> Path:
        os.kill(os.getpid(), signal.SIGTERM)
        hangs.wait(FOREVER_S)
        return tmp_path

    with terminations() as heard, Run(PATIENT, environ={}, stages=Stages(store=store)) as run:
        report = run.collect_failure(run.failure("Order"), output_dir=tmp_path)
        hangs.set()
    assert heard == [signal.SIGTERM]
    assert report.bundle is None
    assert any("was still being written to when the run was stopped" in gap.detail for gap in report.evidence.gaps)


def test_a_signal_in_drawing_ends_it_soon_and_counts_as_one_in_the_collection(tmp_path: Path) -> None:
    def card(*_: object, is_over: Callable[[], bool], **__: object) -> str:
        assert not is_over()
        os.kill(os.getpid(), signal.SIGTERM)
        assert wait_until(is_over)
        assert heard == []
        return "what there is"

    with terminations() as heard, Run(PATIENT, environ={}, stages=Stages(card=card)) as run:
        report = run.collect_failure(run.failure("Order"))
        assert not run.interrupted
        assert run.card(report) == "what there is"
        assert run.interrupted
        assert heard == [signal.SIGTERM]


def test_behind_a_signal_little_is_remembered_and_drawing_has_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    from FailTaleLibrary.ranking import History

    remembering: list[bool] = []
    with_report = History.with_report

    def remember(history: History, report: Report, *, is_over: Callable[[], bool]) -> History:
        remembering.append(is_over())
        return with_report(history, report, is_over=is_over)

    def judge(*_: object, **__: object) -> Analysis:
        os.kill(os.getpid(), signal.SIGTERM)
        return Analysis(headline=our_words("what there is"))

    def card(*_: object, is_over: Callable[[], bool], **__: object) -> str:
        assert not is_over()
        assert wait_until(is_over)
        return ""

    monkeypatch.setattr(History, "with_report", remember)
    with terminations() as heard, Run(PATIENT, environ={}, stages=Stages(rank=judge, card=card)) as run:
        run.card(run.collect_failure(run.failure("Order")))
    assert remembering == [True]
    assert heard == [signal.SIGTERM]


# --- In a collection


@pytest.fixture
def slow_host(new_host: Callable[..., Sshd], tmp_path: Path) -> Sshd:
    """A host with a collector that answers and one that does not; `failtale.yaml` lies in ``tmp_path``."""
    host = new_host()
    ssh = {name: str(value) for name, value in host.ssh_settings().items()}
    config = {
        "components": {
            "app": {"collectors": [{"name": "quick", "command": "echo here"}, {"name": "slow", "command": SLOW}]}
        },
        "hosts": {"app1": {"component": "app", "address": host.address, "ssh": ssh}},
        "ssh": {"command_timeout": FOREVER_S},
        "limits": {"failure_time": FOREVER_S, "host_time": FOREVER_S},
        "marks": "off",
    }
    (tmp_path / "failtale.yaml").write_text(yaml.safe_dump(config))
    return host


def started(directory: Path, *command: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'listeners'}"}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def collecting(host: Sshd) -> bool:
    """Whether the collector that does not answer runs: the one before it has answered then."""
    return wait_until(lambda: any(SLOW in line for line in host.leftovers()))


LISTENED = """
*** Test Cases ***
Fails
    Fail    Shop is closed

Comes Later
    No Operation
"""
ON_DEMAND = """
*** Settings ***
Library    FailTaleLibrary    failtale.yaml

*** Test Cases ***
Asks
    Collect Evidence
    Fail    never here

Comes Later
    No Operation
"""


def robot(directory: Path, suite: str) -> subprocess.Popen[str]:
    (directory / "suite.robot").write_text(suite)
    listener = ["--listener", "FailTaleListener:failtale.yaml"] if suite is LISTENED else []
    return started(directory, "-m", "robot", *listener, "suite.robot")


def is_told(report: object) -> None:
    """The quick answer is there, the slow one is a gap that says why."""
    assert isinstance(report, Report)
    assert [(item.collector, item.text) for item in report.evidence.items] == [("quick", "here\n")]
    assert [(gap.collector, gap.reason) for gap in report.evidence.gaps] == [("slow", "cancelled")]


@pytest.mark.ssh
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("suite", [LISTENED, ON_DEMAND], ids=["listener", "keyword"])
def test_robot_stops_its_own_way_with_what_there_is_and_nothing_stays_on_the_host(
    slow_host: Sshd, tmp_path: Path, number: signal.Signals, suite: str
) -> None:
    with robot(tmp_path, suite) as run:
        assert collecting(slow_host)
        run.send_signal(number)
        _, errors = run.communicate(timeout=PATIENCE_S)
    assert run.returncode not in (0, 253), errors
    assert "Second signal will force exit." in errors
    (report,) = reports_in(tmp_path / "output.xml")
    is_told(report)
    first, later = ExecutionResult(tmp_path / "output.xml").suite.tests
    assert first.message == ("Shop is closed" if suite is LISTENED else "Execution terminated by signal")
    assert (later.status, later.message) == (
        "FAIL",
        "Execution terminated by signal" if suite is LISTENED else "Test execution stopped due to a fatal error.",
    )
    assert wait_until(lambda: slow_host.leftovers() == []), slow_host.leftovers()


@pytest.mark.ssh
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_robot_stops_while_hosts_are_being_logged_in_to(tmp_path: Path, number: signal.Signals) -> None:
    """Ten ports that take connections and say nothing."""
    silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(10)]
    config = {
        "components": {"app": {"collectors": [{"name": "quick", "command": "echo here"}]}},
        "hosts": {
            f"app{index}": {"component": "app", "address": "127.0.0.1", "ssh": {"port": each.getsockname()[1]}}
            for index, each in enumerate(silent)
        },
        "ssh": {"user": "nobody", "connect_timeout": FOREVER_S},
        "limits": {"failure_time": FOREVER_S, "host_time": FOREVER_S},
        "marks": "off",
    }
    (tmp_path / "failtale.yaml").write_text(yaml.safe_dump(config))
    with robot(tmp_path, LISTENED) as run:
        clients = [each.accept()[0] for each in silent]
        run.send_signal(number)
        _, errors = run.communicate(timeout=PATIENCE_S)
    assert run.returncode not in (0, 253), errors
    (report,) = reports_in(tmp_path / "output.xml")
    assert {gap.reason for gap in report.evidence.gaps} == {"cancelled"}
    assert {gap.host for gap in report.evidence.gaps} == set(config["hosts"])
    for each in [*silent, *clients]:
        each.close()


@pytest.mark.ssh
def test_a_command_that_ignores_term_holds_robot_no_longer_and_ends_as_well(slow_host: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "failtale.yaml"
    path.write_text(
        path.read_text().replace(f"command: {SLOW}", f"command: \"trap '' TERM HUP INT ALRM; {SLOW}; {SLOW}\"")
    )
    with robot(tmp_path, LISTENED) as run:
        assert collecting(slow_host)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=PATIENCE_S)
    assert run.returncode not in (0, 253), errors
    (report,) = reports_in(tmp_path / "output.xml")
    is_told(report)
    assert wait_until(lambda: slow_host.leftovers() == []), slow_host.leftovers()


def test_robot_stops_while_it_waits_for_a_gateway(tmp_path: Path) -> None:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        gateway = {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/mcp", "connect_timeout": FOREVER_S}
        config = {"gateway": gateway, "limits": {"failure_time": FOREVER_S}, "marks": "off"}
        (tmp_path / "failtale.yaml").write_text(yaml.safe_dump(config))
        with robot(tmp_path, LISTENED) as run:
            client, _ = silent.accept()
            assert client.recv(1)  # it was asked
            run.send_signal(signal.SIGINT)
            _, errors = run.communicate(timeout=PATIENCE_S)
        client.close()
    assert run.returncode not in (0, 253), errors
    (report,) = reports_in(tmp_path / "output.xml")
    assert report.evidence.items == ()
    assert len(report.evidence.gaps) == 1
    first, later = ExecutionResult(tmp_path / "output.xml").suite.tests
    assert (first.message, later.message) == ("Shop is closed", "Execution terminated by signal")


@pytest.mark.ssh
def test_ctrl_c_that_ends_the_reader_of_a_console_too_ends_the_run_no_other_way(
    slow_host: Sshd, tmp_path: Path
) -> None:
    """``robot … 2>&1 | tee console.txt``: whoever reads is gone before Robot's handler speaks."""
    with robot(tmp_path, LISTENED) as run:
        assert collecting(slow_host)
        for stream in (run.stdout, run.stderr):
            assert stream is not None
            stream.close()
        run.send_signal(signal.SIGINT)
        run.wait(PATIENCE_S)
    (report,) = reports_in(tmp_path / "output.xml")
    is_told(report)
    assert not (tmp_path / "failtale" / "error.log").exists()
    assert (tmp_path / "log.html").exists()
    assert (tmp_path / "failtale-report.html").exists()
    assert wait_until(lambda: slow_host.leftovers() == []), slow_host.leftovers()


@pytest.mark.ssh
def test_a_second_signal_ends_robot_at_once(slow_host: Sshd, tmp_path: Path) -> None:
    with robot(tmp_path, ON_DEMAND) as run:
        assert collecting(slow_host)
        run.send_signal(signal.SIGINT)
        run.send_signal(signal.SIGTERM)
        _, errors = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 253, errors
    assert "Execution forcefully stopped." in errors
    assert wait_until(lambda: slow_host.leftovers() == []), slow_host.leftovers()


@pytest.mark.ssh
def test_a_process_that_was_stopped_while_it_connected_blames_no_host(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    """Ctrl-Z, or a laptop that slept: the time to connect was over when it went on, and the host was left alone."""
    host = new_host()
    ssh = {name: str(value) for name, value in host.ssh_settings().items()}
    config = {
        "components": {"app": {"collectors": [{"name": "quick", "command": "echo here"}]}},
        "hosts": {"app1": {"component": "app", "address": host.address, "ssh": {**ssh, "connect_timeout": 3}}},
        "limits": {"failure_time": FOREVER_S, "host_time": FOREVER_S},
        "marks": "off",
    }
    (tmp_path / "failtale.yaml").write_text(yaml.safe_dump(config))
    host.freeze()
    with robot(tmp_path, LISTENED) as run:
        assert wait_until(lambda: host.is_behind)
        run.send_signal(signal.SIGSTOP)
        host.thaw()
        time.sleep(6)  # beyond the time to connect
        run.send_signal(signal.SIGCONT)
        _, errors = run.communicate(timeout=PATIENCE_S)
    (report,) = reports_in(tmp_path / "output.xml")
    assert [item.text for item in report.evidence.items] == ["here\n"], errors


@pytest.mark.ssh
def test_pytest_stops_its_own_way_with_what_there_is(slow_host: Sshd, tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text("def test_fails(): assert False\ndef test_later(): pass\n")
    with started(tmp_path, "-m", "pytest", *plugin_options(), "--failtale=failtale.yaml", "test_shop.py") as run:
        assert collecting(slow_host)
        run.send_signal(signal.SIGINT)
        output, errors = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == pytest.ExitCode.INTERRUPTED, output + errors
    assert "KeyboardInterrupt" in output
    assert "1 failed" in output
    assert "cancelled" in output
    assert wait_until(lambda: slow_host.leftovers() == []), slow_host.leftovers()


@pytest.mark.ssh
def test_the_command_prints_what_there_is_and_says_that_it_was_interrupted(slow_host: Sshd, tmp_path: Path) -> None:
    program = "import sys; from FailTaleLibrary.cli import main; sys.exit(main(sys.argv[1:]))"
    with started(tmp_path, "-c", program, "collect", "--config", "failtale.yaml") as run:
        assert collecting(slow_host)
        run.send_signal(signal.SIGINT)
        output, errors = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 130, errors
    assert "here" in output
    assert "cancelled" in output
    assert wait_until(lambda: slow_host.leftovers() == []), slow_host.leftovers()
