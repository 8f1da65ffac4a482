"""What a run costs in which every test passes: it loads none of what only a failure needs, and touches no host."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from patience import PATIENCE_S
from sshd import Sshd

ROOT = Path(__file__).parent.parent
ONLY_FOR_A_FAILURE = (
    "jinja2",
    "paramiko",
    "cryptography",
    "httpx",
    "ollama",
    "mcp",
    "pydantic",
    "pydantic_core",
    "re2",
    "sqlite3",
    "sqlalchemy",
    "FailTaleLibrary.history",
    "FailTaleLibrary.time_formats",
    "FailTaleLibrary.timestamps",
    "FailTaleLibrary.archive",
    "FailTaleLibrary.gateway",
    "FailTaleLibrary.hints",
    "FailTaleLibrary.ranking",
    "FailTaleLibrary.redaction",
    "FailTaleLibrary.stores",
    "FailTaleLibrary.rendering",
    "FailTaleLibrary.screenshots",
)
CONNECTS = ("FailTaleLibrary.collection.source", "FailTaleLibrary.transports", "FailTaleLibrary.windows")
FOR_WINDOWS = ("FailTaleLibrary.time_formats",)
SUITE = """
*** Test Cases ***
Passes
    Log    nothing special

Passes Too
    [Setup]    No Operation
    No Operation
    [Teardown]    No Operation
"""
WATCHED = """
import sys
import robot
presets = set()
def note_presets(event, arguments):
    if event == "open" and "/FailTaleLibrary/presets/" in str(arguments[0]):
        presets.add(str(arguments[0]).rpartition("/")[2])
sys.addaudithook(note_presets)
status = robot.run("suite.robot", listener="FailTaleListener:failtale.yaml", stdout=sys.stderr)
print(status, *sorted(name for name in (*sys.modules, *presets) if name in NAMES), sep="\\n")
"""


def python(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What a Python of its own printed, which finds library and listener and ends well."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'listeners'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done


def loaded_by_a_run(directory: Path, *, marks: str, host: str, names: tuple[str, ...]) -> list[str]:
    """Which of these modules and presets a real run of tests that pass has loaded by its end."""
    (directory / "suite.robot").write_text(SUITE)
    (directory / "failtale.yaml").write_text(
        f"components: {{app: {{collectors: [linux]}}}}\nhosts: {{app1: {{component: app, {host}}}}}\nmarks: {marks}\n"
        "history: failures.db\n"
    )
    done = python("-c", f"NAMES = {names!r}\n{WATCHED}", cwd=directory)
    status, *loaded = done.stdout.split()
    assert status == "0", done.stderr
    return loaded


def test_a_run_without_a_failure_loads_nothing_that_only_a_failure_needs(tmp_path: Path) -> None:
    names = (*ONLY_FOR_A_FAILURE, *CONNECTS)
    assert loaded_by_a_run(tmp_path, marks="off", host="address: shop.invalid", names=names) == []


def test_of_the_presets_a_run_reads_those_that_it_uses(tmp_path: Path) -> None:
    names = tuple(path.name for path in (ROOT / "FailTaleLibrary" / "presets").glob("*.yaml"))
    assert len(names) > 1
    assert loaded_by_a_run(tmp_path, marks="off", host="address: shop.invalid", names=names) == ["linux.yaml"]


@pytest.mark.parametrize("marks", ["test", "suite"])
def test_marks_load_the_way_to_the_hosts_and_no_more(tmp_path: Path, marks: str) -> None:
    loaded = loaded_by_a_run(tmp_path, marks=marks, host="transport: local", names=(*ONLY_FOR_A_FAILURE, *CONNECTS))
    assert set(loaded) == {*CONNECTS, *FOR_WINDOWS}


COUNTED = """
import collections, sys
import robot
import FailTaleLibrary.run.run
FailTaleLibrary.run.run.BRIEFLY_S = 1000.0
calls, tests, ours = collections.Counter(), [], FOLDERS
def note_call(frame, event, what):
    if frame.f_code.co_filename.startswith(ours):
        if event == "call":
            calls["functions"] += 1
        elif event == "c_call":
            calls["builtin"] += 1
            if what.__module__ == "posix" or what.__name__ in ("write", "flush"):
                calls["system"] += 1
class Watch:
    ROBOT_LISTENER_API_VERSION = 3
    ROBOT_LISTENER_PRIORITY = 5000
    def start_test(self, data, result):
        tests.append(dict(calls))
        sys.setprofile(note_call)
    def end_suite(self, data, result):
        sys.setprofile(None)
listeners = ["FailTaleListener:failtale.yaml", Watch()]
status = robot.run("suite.robot", listener=listeners, stdout=sys.stderr, output=None, log=None, report=None)
assert status == 0
before, after = tests[-2:]
print(*(after.get(kind, 0) - before.get(kind, 0) for kind in ("functions", "builtin", "system")))
"""


@pytest.mark.parametrize(("keywords", "most_functions", "most_builtin"), [(1, 4, 2), (21, 44, 2)])
def test_a_passing_test_costs_few_calls_and_no_system_call(
    tmp_path: Path, keywords: int, most_functions: int, most_builtin: int
) -> None:
    """A call is what our share of a test's time is made of; of seconds a tenth is chance.

    On a busy machine such a test may take long, and then the next is told of as it begins; here it never is.
    """
    tests = "".join(f"Test {number}\n" + "    No Operation\n" * keywords for number in range(9))
    (tmp_path / "suite.robot").write_text(f"*** Test Cases ***\n{tests}")
    (tmp_path / "failtale.yaml").write_text(
        "components: {app: {collectors: [linux]}}\nhosts: {app1: {component: app, address: shop.invalid}}\nmarks: off\n"
    )
    folders = (str(ROOT / "FailTaleLibrary"), str(ROOT / "listeners"))
    done = python("-c", COUNTED.replace("FOLDERS", repr(folders)), cwd=tmp_path)
    functions, builtin, system = map(int, done.stdout.split())
    assert functions <= most_functions
    assert builtin <= most_builtin
    assert system == 0


LATE = """
import sys
from datetime import timezone
import robot
from FailTaleListener import FailTaleListener
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.run import Stages
times = {}
class Watch:
    ROBOT_LISTENER_API_VERSION = 3
    def end_test(self, data, result):
        times[result.name] = result.start_time.astimezone(timezone.utc), result.end_time.astimezone(timezone.utc)
def ranked(failure, evidence, *, history, is_over):
    passed = [test for test in history.tests if test.has_passed]
    assert all((test.window.start, test.window.end) == times[test.name] for test in passed)
    used = {key: [str(name) for name in each.tests] for key, each in history.used.items()}
    print(repr((str(failure.name), [str(test.name) for test in passed], used)), file=sys.__stdout__)
    return rank(failure, evidence, history=history, is_over=is_over)
listener = FailTaleListener("failtale.yaml", stages=Stages(rank=ranked))
robot.run("suite.robot", listener=[listener, Watch()], stdout=sys.stderr, output=None, log=None, report=None)
"""
QUICK_TESTS = """
*** Test Cases ***
{passing}
Fails
    Log    order=order-99999
    Fail    no

Passes At Last
    No Operation

Fails Again
    Fail    no
"""


def test_of_quick_tests_a_failure_knows_all_though_few_are_told_of_as_they_begin(tmp_path: Path) -> None:
    names = [f"Passes {number}" for number in range(60)]
    passing = "".join(f"{name}\n    Log    order=order-{name[7:]:0>5}\n" for name in names)
    (tmp_path / "suite.robot").write_text(QUICK_TESTS.format(passing=passing))
    (tmp_path / "failtale.yaml").write_text(
        "components: {app: {collectors: [{name: state, command: echo well}]}}\n"
        "hosts: {app1: {component: app, transport: local}}\nmarks: off\n"
    )
    done = python("-c", LATE, cwd=tmp_path)
    first, again = map(ast.literal_eval, done.stdout.splitlines())
    newest = names[-20:]  # of more tests nothing is kept of what they used
    assert first == ("Fails", names, {f"order-{name[7:]:0>5}": [name] for name in newest})
    assert again[:2] == ("Fails Again", [*names, "Passes At Last"])


FIRST_FAILURE = """
import sys
from datetime import datetime, timezone
from FailTaleLibrary.ranking import Repeats
from FailTaleLibrary.records import Failure, Window, our_words
now = datetime.now(timezone.utc)
failure = Failure(id="0" * 32, name=our_words("Order"), message=our_words("no"), window=Window(start=now, end=now))
assert Repeats().with_failure(failure).count == 1
print(*(name for name in sys.modules if "ranking." in name))
"""


def test_a_first_failure_is_counted_without_the_ranking() -> None:
    """Before hosts are asked: they would wait for it."""
    command = [sys.executable, "-c", FIRST_FAILURE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert done.stdout.split() == ["FailTaleLibrary.ranking.repeats"]


@pytest.mark.ssh
def test_a_run_that_ends_in_the_middle_of_its_marks_keeps_its_status(tmp_path: Path, a_host: Sshd) -> None:
    """Before Python 3.14 a thread inside of cryptography's code took the process with it, in one of eight such runs."""
    ssh = {name: str(value) for name, value in a_host.ssh_settings().items()}
    config = {
        "components": {"app": {"collectors": ["linux"]}},
        "hosts": {f"app{number}": {"component": "app", "address": a_host.address} for number in range(10)},
        "ssh": ssh,
    }
    (tmp_path / "failtale.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "suite.robot").write_text(SUITE)
    listener = ["--listener", "FailTaleListener:failtale.yaml"]
    for _ in range(3):
        python("-m", "robot", *listener, "--log", "NONE", "--report", "NONE", "suite.robot", cwd=tmp_path)
