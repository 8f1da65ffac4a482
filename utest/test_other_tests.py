"""Tests that run at the same time: what processes know of each other, and what they make of each other's lines.

Real pabot in both of its modes, real pytest-xdist, and robot in two shells.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from patience import PATIENCE_S
from pytest_runs import plugin_options

from FailTaleLibrary.archive import read_bundle, reports_in
from FailTaleLibrary.belonging.other_tests import HEADER_BYTES, KEPT_FILES, SLOT_BYTES, SLOTS, OwnTests, ParallelRun
from FailTaleLibrary.config import load_config
from FailTaleLibrary.files import own_runtime_directory
from FailTaleLibrary.ranking import History, RunTest
from FailTaleLibrary.records import Analysis, OtherTests, Report, SafeText, our_words
from FailTaleLibrary.run import Run, Stages

ROOT = Path(__file__).resolve().parents[1]
RUN = ParallelRun(our_words("pabot"), key="one run")

# --- What processes know of each other --------------------------------------------------------------------------------

OTHER_PROCESS = """
import sys, time
from pathlib import Path
from FailTaleLibrary.belonging.other_tests import OwnTests, ParallelRun
directory, key, target, *tests = sys.argv[1:]
own = OwnTests([target], parallel=ParallelRun("pabot", key) if key else None, directory=Path(directory))
own.begin()
for test in tests:
    name, _, status = test.partition("=")
    own.test_began(name)
    if status:
        own.test_ended(status)
print("ready", flush=True)
if sys.stdin.readline() == "close\\n":
    own.close()
"""


@contextmanager
def another_process(directory: Path, *tests: str, key: str = "one run", target: str = "db1:22") -> Iterator[Process]:
    """A process that began (and, ``name=status``, ended) these tests, and lives as long as the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(directory), key, target, *tests],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


Process = subprocess.Popen[str]


def ended(process: Process, word: str = "close") -> None:
    """Lets the process end: with a word of its end, or as one that crashed."""
    process.communicate(f"{word}\n", timeout=PATIENCE_S)


def others_now(own: OwnTests, *, seconds: float = 0.0) -> OtherTests | None:
    """Those of a window that ends now."""
    now = datetime.now(timezone.utc)
    return own.others(now - timedelta(seconds=seconds), now, safe=lambda name: SafeText(str(name)))


def own_tests(directory: Path, *targets: str, parallel: ParallelRun | None = RUN) -> OwnTests:
    own = OwnTests(targets or ("db1:22",), parallel=parallel, directory=directory)
    own.begin()
    return own


def test_who_only_asks_is_no_company(tmp_path: Path) -> None:
    asking = OwnTests(["db1:22"], directory=tmp_path)
    with another_process(tmp_path, "Theirs"):
        assert names_and_states(others_now(asking)) == [("Theirs", "running")]
        assert len(list(tmp_path.iterdir())) == 1


def names_and_states(others: OtherTests | None) -> list[tuple[str, str]]:
    return [(test.name, test.status) for test in others.tests] if others else []


def test_company_is_whoever_would_ask_for_the_own_tests_and_is_noticed_as_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("FailTaleLibrary.belonging.other_tests.COMPANY_S", 0.0)
    own = own_tests(tmp_path, parallel=None)
    assert not own.has_company
    with another_process(tmp_path, key="", target="db2:22"):
        assert not own.has_company
        with another_process(tmp_path, key="") as theirs:
            assert own.has_company
            ended(theirs)
            assert not own.has_company


def test_who_is_alone_does_not_read_what_ended_processes_have_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with another_process(tmp_path, "Theirs=passed") as theirs:
        ended(theirs)
    own = own_tests(tmp_path, parallel=None)
    assert not own.has_company
    monkeypatch.setattr("FailTaleLibrary.belonging.other_tests._is_alive", None)
    assert not own.has_company


def test_a_process_that_runs_alone_has_no_others(tmp_path: Path) -> None:
    own = own_tests(tmp_path)
    own.test_began("Mine")
    assert others_now(own) is None


def test_tests_of_the_same_run_are_known_by_name_and_outcome(tmp_path: Path) -> None:
    own = own_tests(tmp_path)
    with another_process(tmp_path, "First=passed", "Second=failed", "Third"):
        others = others_now(own, seconds=60)
    assert others is not None
    assert (others.ran_by, others.more, others.unknown) == ("pabot", 0, "")
    assert names_and_states(others) == [("First", "passed"), ("Second", "failed"), ("Third", "running")]
    assert [test.ended_at is None for test in others.tests] == [False, False, True]


def test_only_tests_within_the_window_count(tmp_path: Path) -> None:
    own = own_tests(tmp_path)
    with another_process(tmp_path, "Before=passed", "Still Running"):
        now = datetime.now(timezone.utc)
        later = own.others(now + timedelta(hours=1), now + timedelta(hours=2), safe=lambda name: SafeText(str(name)))
        earlier = own.others(now - timedelta(hours=2), now - timedelta(hours=1), safe=lambda name: SafeText(str(name)))
    assert names_and_states(later) == [("Still Running", "running")]
    assert earlier is None


@pytest.mark.parametrize(("target", "found"), [("db1:22", True), ("db2:22", False)])
def test_another_run_counts_where_it_uses_the_same_hosts(tmp_path: Path, target: str, found: bool) -> None:
    own = own_tests(tmp_path, "web1:22", "db1:22", parallel=None)
    with another_process(tmp_path, "Theirs", key="", target=target):
        others = others_now(own)
    assert (others is not None) == found
    if others:
        assert (others.ran_by, others.tests[0].same_run) == ("another run", False)


def test_what_failed_before_in_other_runs_is_known_and_what_this_run_is_at_is_not(tmp_path: Path) -> None:
    own = own_tests(tmp_path)
    with (
        another_process(tmp_path, "Mine=failed"),
        another_process(tmp_path, "Fell=failed", "Passed=passed", key="") as before,
    ):
        ended(before)
        with another_process(tmp_path, "Elsewhere=failed", key="", target="db2:22"):
            failed = own.failed_before(datetime.now(timezone.utc), safe=lambda name: SafeText(str(name)))
            long_ago = own.failed_before(failed[0].started_at, safe=lambda name: SafeText(str(name)))
    assert [(test.name, test.status) for test in failed] == [("Fell", "failed")]
    assert long_ago == []


def test_a_failure_is_ranked_with_what_failed_in_other_runs_before(tmp_path: Path) -> None:
    known: list[RunTest] = []

    def ranked(*_: object, history: History, **__: object) -> Analysis:
        known.extend(history.tests)
        return Analysis(headline=our_words("ranked"))

    (tmp_path / "failtale.yaml").write_text(CONFIG)
    config = load_config(tmp_path / "failtale.yaml", environ={"PLACE": str(tmp_path)})
    target = f"here {(tmp_path / 'failtale.yaml').resolve()}"
    with another_process(own_runtime_directory(), "Order Tea=failed", key="", target=target) as before:
        ended(before)
    with Run(config, environ={}, stages=Stages(rank=ranked)) as run:
        run.test_began("Order Tea")
        run.collect_failure(run.failure("Order Tea", scope="test"))
    assert [(test.name, test.has_passed) for test in known] == [("Order Tea", False)]


def test_a_process_between_its_tests_is_company_without_a_name(tmp_path: Path) -> None:
    own = own_tests(tmp_path)
    with another_process(tmp_path) as process:
        assert others_now(own) == OtherTests(ran_by=our_words("pabot"))
        ended(process)
        now = datetime.now(timezone.utc) + timedelta(hours=1)
        assert own.others(now, now, safe=lambda name: SafeText(str(name))) is None


def test_a_worker_that_crashed_is_known_as_such(tmp_path: Path) -> None:
    own = own_tests(tmp_path)
    with another_process(tmp_path, "Crashes") as process:
        ended(process, "crash")
        assert names_and_states(others_now(own, seconds=5)) == [("Crashes", "lost")]
        much_later = datetime.now(timezone.utc) + timedelta(hours=1)
        assert own.others(much_later, much_later, safe=lambda name: SafeText(str(name))) is None


def test_a_long_run_keeps_its_newest_tests_in_a_file_of_one_size(tmp_path: Path) -> None:
    own = own_tests(tmp_path)
    with another_process(tmp_path, *(f"Test {number}=passed" for number in range(3 * SLOTS))):
        others = others_now(own, seconds=60)
    assert others is not None
    assert others.tests[-1].name == f"Test {3 * SLOTS - 1}"
    assert len(others.tests) + others.more == SLOTS
    assert max(path.stat().st_size for path in tmp_path.iterdir()) == HEADER_BYTES + SLOTS * SLOT_BYTES


def test_a_name_of_any_length_and_kind_stays_in_its_place(tmp_path: Path) -> None:
    own = own_tests(tmp_path)
    with another_process(tmp_path, "Lines\nand 漢字 " * 100, "Next"):
        others = others_now(own, seconds=60)
    assert others is not None
    assert others.tests[0].name.startswith("Lines and 漢字 ")
    assert others.tests[1].name == "Next"


BUSY = """
import itertools, sys, time
from pathlib import Path
from FailTaleLibrary.belonging.other_tests import OwnTests
own = OwnTests(["db1:22"], directory=Path(sys.argv[1]))
for number in itertools.count():
    own.test_began(chr(ord("a") + number % 26) * 200)
    if number == 200:
        print("ready", flush=True)
    time.sleep(0.001)
"""


def test_no_reader_sees_half_of_a_test(tmp_path: Path) -> None:
    """The file changes while it is read: nothing keeps its process from it."""
    own = own_tests(tmp_path, parallel=None)
    with subprocess.Popen(
        [sys.executable, "-c", BUSY, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as busy:
        assert busy.stdout is not None
        busy.stdout.readline()
        try:
            seen = {name for _ in range(300) for name, _ in names_and_states(others_now(own, seconds=5))}
        finally:
            busy.kill()
    assert {len(set(name)) for name in seen} == {1}


FULL_DISK = """
import resource, sys
from pathlib import Path
from FailTaleLibrary.belonging.other_tests import OwnTests
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
own = OwnTests(["db1:22"], directory=Path(sys.argv[1]))
own.begin()
for number in range(200):
    own.test_began(f"Test {number}")
    own.test_ended("passed")
own.close()
print(own.unknown)
"""


def test_where_there_is_no_room_for_the_file_the_run_goes_on(tmp_path: Path) -> None:
    """To write to a mapped page for which the disk has no space ends a process."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, "could not share a file" in done.stdout) == (0, True), done.stderr


def test_tests_of_another_format_are_not_read(tmp_path: Path) -> None:
    own = own_tests(tmp_path)
    with another_process(tmp_path, "Theirs"):
        (theirs,) = (path for path in tmp_path.iterdir() if b"Theirs" in path.read_bytes())
        assert names_and_states(others_now(own)) == [("Theirs", "running")]
        with theirs.open("r+b") as file:
            header = file.read(HEADER_BYTES)
            file.seek(0)
            file.write(header.replace(b'"format": 2', b'"format": 9'))
        assert others_now(own) == OtherTests(ran_by=our_words("pabot"))


def test_foreign_and_damaged_files_are_left_alone(tmp_path: Path) -> None:
    own = own_tests(tmp_path)
    for name, data in {"empty": b"", "noise": bytes(range(256)) * 20, "list": b"[1]", "numbers": b'{"run": 1}'}.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("/etc/passwd")
    with another_process(tmp_path, "Theirs"):
        assert names_and_states(others_now(own)) == [("Theirs", "running")]


def test_files_of_ended_processes_do_not_pile_up_and_nobody_takes_a_living_one_away(tmp_path: Path) -> None:
    with another_process(tmp_path, "Lives"):
        (living,) = tmp_path.iterdir()
        for number in range(KEPT_FILES + 50):
            (tmp_path / f"9{number:019d}-dead").touch()
        own_tests(tmp_path)
        assert living.exists()
        assert len(list(tmp_path.iterdir())) <= KEPT_FILES + 2


def test_a_parallel_run_whose_processes_cannot_find_each_other_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    own = own_tests(tmp_path / "file")
    own.test_began("Mine")
    others = others_now(own)
    assert others is not None
    assert others.tests == ()
    assert "could not share a file" in others.unknown
    assert others_now(own_tests(tmp_path / "file", parallel=None)) is None


def test_the_place_is_this_users_alone(tmp_path: Path) -> None:
    own = own_runtime_directory({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert (own, own.stat().st_mode & 0o777) == (tmp_path / "failtale", 0o700)
    own.chmod(0o777)
    with pytest.raises(PermissionError):
        own_runtime_directory({"XDG_RUNTIME_DIR": str(tmp_path)})


def test_a_file_tells_no_host_and_is_its_owners_alone(tmp_path: Path) -> None:
    own = own_tests(tmp_path, "db1.shop.test:22")
    own.test_began("Mine")
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"shop.test" not in path.read_bytes()


# --- Real runs --------------------------------------------------------------------------------------------------------

PRODUCT = '''
"""A shop with a log, and tests that meet each other in it."""
import time, os
from pathlib import Path
from datetime import datetime, timezone

PLACE = Path(__file__).parent
TIME_S = 100

def open_account():
    return f"customer-{os.getpid()}{time.time_ns() % 1000:03d}@shop.example"

def log_line(text):
    with (PLACE / "shop.log").open("a") as log:
        log.write(f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.%f}Z {text}\\n")

def tell(moment):
    (PLACE / moment).touch()

def wait_for(moment):
    until = time.monotonic() + TIME_S
    while not (PLACE / moment).exists():
        assert time.monotonic() < until, f"nobody told {moment}"
        time.sleep(0.02)
'''
LOCKS = """
*** Settings ***
Library    Product.py

*** Test Cases ***
Locks The Account
    ${account} =    Open Account
    Tell    locker
    Wait For    innocent
    Log Line    ERROR login: account ${account} is locked after 5 attempts
    Tell    locked
    Wait For    over
    Fail    Login was refused
"""
INNOCENT = """
*** Settings ***
Library    Product.py

*** Test Cases ***
Fails By Its Own Mistake
    [Teardown]    Tell    over
    Tell    innocent
    Wait For    locked
    Should Be Equal    one    two
"""
CONFIG = """
components: {shop: {collectors: [{name: log, file: "%{PLACE}/shop.log"}]}}
hosts: {shop1: {component: shop, transport: local}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "Product.py").write_text(PRODUCT)
    (tmp_path / "failtale.yaml").write_text(CONFIG)
    earlier = "".join(f"2026-01-01T00:00:{second:02d}Z INFO order {second} served\n" for second in range(30))
    (tmp_path / "shop.log").write_text(earlier)
    return tmp_path


def surroundings(place: Path) -> dict[str, str]:
    sources = os.pathsep.join(map(str, (ROOT, ROOT / "listeners", ROOT / "resources")))
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # pabot starts `robot` by name
    return {**os.environ, "PYTHONPATH": sources, "PATH": programs, "PLACE": str(place)}


def started(place: Path, *command: str) -> Process:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=place,
        env=surroundings(place),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def reports_by_name(*outputs: Path) -> dict[str, Report]:
    return {report.failure.name: report for output in outputs for report in reports_in(output)}


NAMES = ("Fails By Its Own Mistake", "Locks The Account")


def assert_each_gets_its_own(reports: dict[str, Report], *, ran_by: str, names: tuple[str, str] = NAMES) -> None:
    """The innocent one accuses nobody and names the other; what the guilty one did leads its own card."""
    innocent, guilty = (reports[name] for name in names)
    assert any("is locked" in suspect.text for suspect in innocent.analysis.suspects)
    assert not any(suspect.is_strong for suspect in innocent.analysis.suspects)
    assert innocent.analysis.headline.startswith("No strong suspect")
    assert innocent.failure.others is not None
    assert innocent.failure.others.ran_by == ran_by
    assert [re.split(r"[.:]", test.name)[-1] for test in innocent.failure.others.tests] == [names[1]]
    (note,) = innocent.analysis.notes
    assert f"1 other test ran at the same time ({ran_by})" in note
    assert names[1] in note
    assert guilty.failure.others is not None
    assert guilty.analysis.suspects[0].is_strong
    assert "is locked" in guilty.analysis.headline
    assert any("which the test used" in signal.words for signal in guilty.analysis.suspects[0].signals)


BOTH = f"{LOCKS}{INNOCENT.partition('*** Test Cases ***')[2]}"
LISTENER = ("--listener", "FailTaleListener:failtale.yaml")


@pytest.mark.parametrize("suites", [{"both": BOTH}, {"locks": LOCKS, "innocent": INNOCENT}], ids=["tests", "suites"])
def test_under_pabot_each_test_gets_its_own_lines(place: Path, suites: dict[str, str]) -> None:
    for name, text in suites.items():
        (place / f"{name}.robot").write_text(text)
    split = ["--testlevelsplit"] if len(suites) == 1 else []
    sources = [f"{name}.robot" for name in suites]
    pabot = started(place, "pabot.pabot", "--processes", "2", *split, *LISTENER, *sources)
    said, _ = pabot.communicate(timeout=4 * PATIENCE_S)
    assert (place / "output.xml").exists(), said
    assert_each_gets_its_own(reports_by_name(place / "output.xml"), ran_by="pabot")


def test_two_runs_against_the_same_hosts_know_of_each_other(place: Path) -> None:
    (place / "locks.robot").write_text(LOCKS)
    (place / "innocent.robot").write_text(INNOCENT)
    names = ("locks", "innocent")
    runs = [started(place, "robot", *LISTENER, "--outputdir", f"{name}-run", f"{name}.robot") for name in names]
    said = [run.communicate(timeout=4 * PATIENCE_S)[0] for run in runs]
    outputs = [place / f"{name}-run" / "output.xml" for name in names]
    assert all(output.exists() for output in outputs), said
    assert_each_gets_its_own(reports_by_name(*outputs), ran_by="another run")


XDIST = """
from Product import log_line, open_account, tell, wait_for

def test_locks_the_account():
    account = open_account()
    tell("locker")
    wait_for("innocent")
    log_line(f"ERROR login: account {account} is locked after 5 attempts")
    tell("locked")
    wait_for("over")
    assert False, "login was refused"

def test_fails_by_its_own_mistake():
    tell("innocent")
    wait_for("locked")
    try:
        assert 1 == 2
    finally:
        tell("over")
"""


QUICK = """
*** Test Cases ***
{passing}
Fails
    Fail    no
"""


@pytest.mark.parametrize("has_company", [True, False])
def test_a_run_with_company_tells_of_each_test_and_one_without_of_those_that_last_or_fail(
    place: Path, has_company: bool
) -> None:
    names = [f"Passes {number}" for number in range(40)]
    passing = "".join(f"{name}\n    No Operation\n" for name in names)
    (place / "quick.robot").write_text(QUICK.format(passing=passing))
    target = f"here {(place / 'failtale.yaml').resolve()}"
    since = datetime.now(timezone.utc)
    with another_process(own_runtime_directory(), "Theirs", key="", target=target if has_company else "elsewhere"):
        started(place, "robot", *LISTENER, "quick.robot").communicate(timeout=4 * PATIENCE_S)
    asking = OwnTests([target])
    told = asking.others(since, datetime.now(timezone.utc), safe=lambda name: SafeText(str(name)))
    assert told is not None
    assert (told.tests[-1].name, told.tests[-1].status) == ("Quick.Fails", "failed")
    if has_company:
        assert told.more + len(told.tests) == len(["Theirs", *names, "Fails"])


def test_under_xdist_each_test_gets_its_own_lines(place: Path) -> None:
    (place / "test_shop.py").write_text(XDIST)
    options = [*plugin_options("xdist"), "-n", "2", "--failtale=failtale.yaml"]
    said, _ = started(place, "pytest", *options, "test_shop.py").communicate(timeout=4 * PATIENCE_S)
    bundles = [bundle for bundle in (place / "failtale").iterdir() if bundle.is_dir()]
    reports = {report.failure.name: report for report in map(read_bundle, bundles)}
    assert "2 failed" in said
    names = ("test_fails_by_its_own_mistake", "test_locks_the_account")
    assert_each_gets_its_own(reports, ran_by="pytest-xdist", names=names)
