"""The first failure of a run: hosts are connected to before what failed is put together, and never for nothing."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from patience import PATIENCE_S, wait_until
from robot.api import ExecutionResult
from robot_runs import ENVIRONMENT, ROOT, ran
from sshd import Sshd

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.config import Config
from FailTaleLibrary.records import Report
from FailTaleLibrary.run import Run

Make = Callable[..., Run]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Sshd]:
    with Sshd(tmp_path / "host") as sshd:
        yield sshd


def configuration(sshd: Sshd, *, ssh: dict[str, object] | None = None, **sections: Any) -> dict[str, Any]:
    settings = {name: str(value) for name, value in sshd.ssh_settings(**(ssh or {})).items()}
    return {
        "marks": "off",
        "components": {"web": {"collectors": [{"name": "state", "command": "echo up"}]}},
        "hosts": {"web1": {"component": "web", "address": sshd.address, "ssh": settings}},
        **sections,
    }


@pytest.fixture
def run() -> Iterator[Make]:
    with contextlib.ExitStack() as stack:
        yield lambda config: stack.enter_context(Run(Config.model_validate(config), environ={}))


def collected(run: Run) -> Report:
    return run.collect_failure(run.failure("Order", message="503 != 200"))


# --- What a run does


def test_a_host_lets_us_in_before_anything_is_asked_and_is_logged_in_to_once(run: Make, host: Sshd) -> None:
    of_host = run(configuration(host))
    of_host.failure_is_near()
    wait_until(lambda: host.logins_seen == 1)
    report = collected(of_host)
    assert [item.text for item in report.evidence.items] == ["up\n"]
    assert report.evidence.cost.connections == 1
    of_host.failure_is_near()
    assert collected(of_host).evidence.cost.connections == 0
    assert host.logins_seen == 1


def test_what_kept_us_from_connecting_ahead_is_told_in_the_same_words_and_tried_once(
    run: Make, host: Sshd, tmp_path: Path
) -> None:
    stranger = str(Sshd(tmp_path / "stranger").key)
    gaps = []
    for is_ahead in (False, True):
        of_host = run(configuration(host, ssh={"key": stranger}))
        seen = host.connections_seen
        if is_ahead:
            of_host.failure_is_near()
        (gap,) = collected(of_host).evidence.gaps
        gaps.append((gap.reason, gap.detail, host.connections_seen - seen))
    assert gaps[0] == gaps[1]
    assert gaps[0][0] == "authentication refused"
    assert gaps[0][2] == 1


@pytest.mark.parametrize(
    "sections",
    [{"marks": "test"}, {"variables": {"HOST": {"kind": "host"}}}],
    ids=["marks on", "variables"],
)
def test_nobody_is_connected_to_ahead_where_others_do_it_or_it_is_not_known_who(
    run: Make, host: Sshd, sections: dict[str, Any]
) -> None:
    of_host = run({**configuration(host), **sections})
    of_host.failure_is_near()
    assert of_host._hosts.ahead is None


def test_a_run_that_collects_nothing_after_all_leaves_no_connection(run: Make, host: Sshd) -> None:
    of_host = run(configuration(host))
    of_host.failure_is_near()
    wait_until(lambda: host.logins_seen == 1)
    of_host.run_ended()
    wait_until(lambda: not [each for each in threading.enumerate() if each.name.startswith("failtale-ahead")])
    ahead = of_host._hosts.ahead
    assert ahead is not None
    assert not ahead.is_open("web1")


# --- What Robot's listener makes of it

LOADED = "sys.modules.get('paramiko') is not None"
FINAL = """\
*** Test Cases ***
Continues
    [Tags]    robot:continue-on-failure
    Check    1    2
    Should Be True    {loaded}
    Log    ahead
Templated
    [Template]    Check
    1    2
    1    1
*** Keywords ***
Check
    [Arguments]    ${{a}}    ${{b}}
    Should Be Equal    ${{a}}    ${{b}}
"""
CAUGHT = """\
*** Test Cases ***
Caught
    TRY
        Fail    as expected
    EXCEPT    as expected
        Log    caught
    END
    Run Keyword And Ignore Error    Fail    as expected
    Run Keyword And Expect Error    as expected    Fail    as expected
    ${{tries}} =    Create List
    Wait Until Keyword Succeeds    3x    0s    Second Try    ${{tries}}
    Should Not Be True    {loaded}
Left Out
    [Tags]    failtale:off    robot:continue-on-failure
    Fail    as expected
    Should Not Be True    {loaded}
Skipped
    [Tags]    robot:skip-on-failure    robot:continue-on-failure
    Fail    as expected
    Should Not Be True    {loaded}
*** Keywords ***
Second Try
    [Arguments]    ${{tries}}
    Append To List    ${{tries}}    one
    Length Should Be    ${{tries}}    2
"""


def robot_run(folder: Path, config: dict[str, Any], suite: str, script: str = "") -> subprocess.CompletedProcess[str]:
    """Robot in a process of its own, with one that does ``script`` before."""
    settings = "*** Settings ***\nLibrary    Collections\n"
    (folder / "order.robot").write_text(settings + suite.format(loaded=LOADED))
    (folder / "failtale.yaml").write_text(yaml.safe_dump(config))
    run = "robot.run('order.robot', outputdir='out', listener=['FailTaleListener:failtale.yaml', *more])\n"
    return ran(folder, f"import gc\nmore = []\n{script}{run}")


def statuses(test: Any) -> list[str]:
    """Of its keywords; Robot Framework 7.5 has its card beside them."""
    return [each.status for each in test.body if each.type == "KEYWORD"]


def test_a_test_that_goes_on_behind_its_failure_gives_time_to_connect(host: Sshd, tmp_path: Path) -> None:
    done = robot_run(tmp_path, configuration(host), FINAL)
    first, second = ExecutionResult(tmp_path / "out" / "output.xml").suite.tests
    assert statuses(first) == ["FAIL", "PASS", "PASS"], (first.message, done.stdout)
    assert second.status == "FAIL"
    reports = list(reports_in(tmp_path / "out" / "output.xml"))
    assert [item.text for report in reports for item in report.evidence.items] == ["up\n"] * 2
    assert [report.evidence.cost.connections for report in reports] == [1, 0]
    assert host.logins_seen == 1


def test_a_failure_that_is_caught_or_not_collected_connects_to_nobody(host: Sshd, tmp_path: Path) -> None:
    robot_run(tmp_path, configuration(host), CAUGHT)
    caught, left_out, skipped = ExecutionResult(tmp_path / "out" / "output.xml").suite.tests
    assert caught.status == "PASS", caught.message
    assert statuses(left_out) == ["FAIL", "PASS"], left_out.message
    assert (skipped.status, statuses(skipped)) == ("SKIP", ["FAIL", "PASS"]), skipped.message
    assert host.connections_seen == 0


def test_hosts_are_connected_to_before_what_failed_is_put_together(host: Sshd, tmp_path: Path) -> None:
    script = (
        "from FailTaleLibrary import keywords\n"
        "real = keywords.failure_of_test\n"
        "def told(*arguments, **options):\n"
        "    run = keywords.FailTaleLibrary._shared.run\n"
        "    print('AHEAD', run._hosts.ahead is not None, 'paramiko' in sys.modules, file=sys.stderr)\n"
        "    return real(*arguments, **options)\n"
        "keywords.failure_of_test = told\n"
    )
    done = robot_run(tmp_path, configuration(host), "*** Test Cases ***\nOrder\n    Fail    503\n", script)
    assert "AHEAD True True" in done.stderr
    assert host.logins_seen == 1


def test_pythons_search_for_cycles_waits_for_the_first_failure_of_a_run_and_for_no_other(
    host: Sshd, tmp_path: Path
) -> None:
    script = (
        "from FailTaleLibrary.run.reporting import Reporter\n"
        "real = Reporter._ranked\n"
        "def ranked(*arguments):\n"
        "    print('SEARCH', gc.isenabled(), file=sys.stderr)\n"
        "    return real(*arguments)\n"
        "Reporter._ranked = ranked\n"
    )
    suite = "*** Test Cases ***\nOne\n    Fail    503\nTwo\n    Fail    504\n"
    done = robot_run(tmp_path, configuration(host), suite, script)
    assert [line for line in done.stderr.splitlines() if line.startswith("SEARCH")] == ["SEARCH False", "SEARCH True"]


def test_what_draws_a_card_and_writes_a_bundle_is_loaded_while_hosts_work() -> None:
    script = (
        "import sys\n"
        "from FailTaleLibrary.collection.collect import _prepare\n"
        "_prepare(lambda: False)\n"
        "wanted = {'jinja2', 'FailTaleLibrary.archive.bundles', 'FailTaleLibrary.archive.payload'}\n"
        "print(*wanted - set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "\n"


def test_nothing_is_prepared_beside_answers_that_are_worked_off_nor_behind_the_last_one() -> None:
    script = (
        "import sys, threading\n"
        "from FailTaleLibrary.collection.collect import _prepare\n"
        "from FailTaleLibrary.transports.computing import turn\n"
        "looked, answered = threading.Semaphore(0), threading.Event()\n"
        "def is_over():\n"
        "    looked.release()\n"
        "    return answered.is_set()\n"
        "preparing = threading.Thread(target=_prepare, args=[is_over])\n"
        "with turn.taken():\n"
        "    preparing.start()\n"
        "    for _ in range(3):\n"
        "        looked.acquire()\n"
        "    answered.set()\n"
        "preparing.join()\n"
        "print(*{'jinja2', 'FailTaleLibrary.ranking.suspects'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "\n"


def test_ctrl_c_in_a_test_that_goes_on_leaves_no_login_behind(host: Sshd, tmp_path: Path) -> None:
    """The login is under way, with a server that says nothing; nobody has asked for it yet."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(PATIENCE_S)
        config = configuration(host)
        config["hosts"]["web1"]["ssh"] |= {"port": silent.getsockname()[1], "connect_timeout": "3s"}
        (tmp_path / "failtale.yaml").write_text(yaml.safe_dump(config))
        (tmp_path / "order.robot").write_text(
            "*** Test Cases ***\nOrder\n    [Tags]    robot:continue-on-failure\n    Fail    503\n    Sleep    300s\n"
        )
        robot = subprocess.Popen(
            [sys.executable, "-m", "robot", "-d", "out", "--listener", "FailTaleListener:failtale.yaml", "order.robot"],
            env=ENVIRONMENT,
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            connection, _ = silent.accept()
            with connection:
                robot.send_signal(signal.SIGINT)
                assert robot.wait(PATIENCE_S) == 1
                connection.settimeout(PATIENCE_S)
                with contextlib.suppress(ConnectionError):
                    while connection.recv(4096):
                        pass
        finally:
            robot.kill()
            robot.wait()
    (report,) = reports_in(tmp_path / "out" / "output.xml")
    assert [gap.host for gap in report.evidence.gaps] == ["web1"]
