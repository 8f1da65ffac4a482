"""The history over runs: it counts each failure once by its cause, gives a look-alike no note, never costs a run."""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import Any

import needs
import pytest
from builders import FAILED_AT, a_failure, a_report, a_step, a_suspect, an_analysis
from patience import PATIENCE_S, wait_until
from preset_servers import IS_ROOT, as_user, place, running

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.cli import main
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import HistoryError
from FailTaleLibrary.history import Count, RunHistory
from FailTaleLibrary.ranking.causes import Cause, cause_of_failure
from FailTaleLibrary.records import Analysis, Identifier, Recurrence, Report, our_words
from FailTaleLibrary.rendering import to_html, to_text
from FailTaleLibrary.rendering.run_page import to_run_page
from FailTaleLibrary.rendering.run_summary import failure_summary, run_summary
from FailTaleLibrary.rendering.words import recurrence_words
from FailTaleLibrary.run import Run

ROOT = Path(__file__).resolve().parents[1]
WORDS = our_words("disk is full")
CAUSE = Cause("0123456789abcdef", WORDS)


def need_extra() -> None:
    """Ends the running test where what the extra ``history`` installs is missing."""
    for module in ("sqlalchemy", "psycopg"):
        if importlib.util.find_spec(module) is None:
            needs.missing(module, "pip install --editable '.[history]'")


def a_history(path: Path, *, time_s: float = PATIENCE_S, days: int = 180, most: int = 10_000) -> RunHistory:
    return RunHistory(str(path), time_s=time_s, days=days, most=most)


def counted(history: RunHistory, cause: Cause = CAUSE, *, days: float = 0) -> Count:
    return history.count_failure(cause, headline=WORDS, test=WORDS, at=FAILED_AT + timedelta(days=days))


# --- What has one cause -----------------------------------------------------------------------------------------------

MESSAGE = "HTTPError: {status} Server Error for url: http://{web}/{table}/4711 after 1.204 s"
LINE = (
    "2026-03-14 12:01:06.961 ERROR [pool-2] {service}: {error}: relation {table} on {db}:{port} (pid 812, code {code})"
)
STORY = {
    "status": "500",
    "web": "web1.shop.test",
    "table": "orders",
    "service": "storage",
    "error": "deadlock detected",
    "db": "10.0.0.31",
    "port": "5432",
    "code": "40001",
    "host": "storage1",
    "component": "storage",
    "keyword": "Create Order",
}
OTHERS = {
    "status": ("501", "502", "503", "504", "507", "429", "404"),
    "web": ("web2.shop.test", "web1.bank.test", "10.0.0.7", "10.0.0.8", "web1.shop.test:8443"),
    "table": ("customers", "orders_v2", "orders_2025", "invoices", "order", "stock", "orders_archive", "parcels"),
    "service": ("billing", "storage2", "mailer", "search", "stock"),
    "error": ("lock timeout", "disk is full", "permission denied", "syntax error", "connection refused", "ORA-00060"),
    "db": ("10.0.0.32", "db2", "10.0.1.31", "10.0.0.131"),
    "port": ("5433", "6432", "3306", "6379", "15432"),
    "code": ("23505", "40003", "57014", "53100", "1205"),
    "host": ("storage2", "web1", "db1"),
    "component": ("billing", "web"),
    "keyword": ("Cancel Order", "Create Invoice", "Create Order 2", "Log In"),
}


def a_story(
    number: str = "4711", seconds: str = "1.204", pid: str = "812", clock: str = "12:01:06.961", **parts: str
) -> Report:
    """The failure, with parts of another; what differs each time has names of its own."""
    told = {**STORY, **parts}
    message = MESSAGE.format(**told).replace("4711", number).replace("1.204", seconds)
    line = LINE.format(**told).replace("812", pid).replace("12:01:06.961", clock).replace("pool-2", f"pool-{pid[-1]}")
    failure = a_failure(message=message, keyword_path=(a_step(name=told["keyword"]), a_step(name="POST On Session")))
    suspect = a_suspect(text=line, host=told["host"], component=told["component"])
    return a_report(failure=failure, analysis=Analysis(suspects=(suspect,)))


def look_alikes() -> Iterator[dict[str, str]]:
    """Each part changed alone, and pairs of changes."""
    for part, values in OTHERS.items():
        yield from ({part: value} for value in values)
    names = list(OTHERS)
    for one, other in zip(names, names[1:] + names[:1], strict=True):
        yield from ({one: a, other: b} for a, b in product(OTHERS[one], OTHERS[other]))


def test_300_look_alikes_get_no_note_and_the_failure_itself_does_whatever_differs_each_time(tmp_path: Path) -> None:
    history = a_history(tmp_path / "history.db")
    cause = cause_of_failure(a_story())
    counted(history, cause)
    history.attach(cause.signature, our_words("BUG-123"), at=FAILED_AT)
    others = list(look_alikes())[:300]
    assert len(others) == 300
    signatures = {str(parts): cause_of_failure(a_story(**parts)).signature for parts in others}
    assert [parts for parts, signature in signatures.items() if signature == cause.signature] == []
    assert len(set(signatures.values())) == 300
    for parts in others[:: len(others) // 25]:
        assert counted(history, cause_of_failure(a_story(**parts))).note == ""
    for number, seconds, pid, clock in [("8", "12.9", "31337", "23:59:59.001"), ("990017", "0.3", "7", "00:00:00.5")]:
        again = a_story(number=number, seconds=seconds, pid=pid, clock=clock)
        assert cause_of_failure(again) == cause
    assert counted(history, cause).note == "BUG-123"


SAME = [
    ("Order 4711 not found", "Order 52 not found"),
    ("pod api-7d9f8b6c55-x2x4z restarted", "pod api-5f6b7c8d9c-q8k2v restarted"),
    (
        "no reply to 6f1c2d3e-aaaa-bbbb-cccc-0123456789ab in 30 s",
        "no reply to 11112222-3333-4444-5555-666677778888 in 31 s",
    ),
    ("cannot write /tmp/tmpa1b2/out.txt", "cannot write /tmp/tmpzz99/out.txt"),
    ("sshd[812]: fatal: mm_answer failed", "sshd[90211]: fatal: mm_answer failed"),
    ("peer 10.0.0.9:53412 closed", "peer 10.0.0.9:40122 closed"),
    ("object at 0x7f3a2b1c is gone", "object at 0x7fffdeadbeef is gone"),
    ("91.4 % of 120 GB used at 2026-03-14T12:01:06Z", "97 % of 119 GB used at 2026-05-01T00:00:00Z"),
    ("OrderStore.java:88: null", "OrderStore.java:91: null"),
    ('{"level": "error", "msg": "late", "took_ms": 1204}', '{"level": "error", "msg": "late", "took_ms": 88}'),
]
DIFFERENT = [
    ("503 != 200", "500 != 200"),
    ("[Errno 111] Connection refused", "[Errno 113] Connection refused"),
    ("connect to db1:5432 failed", "connect to db1:6379 failed"),
    ("connect to 10.0.0.5:5432 failed", "connect to 10.0.0.6:5432 failed"),
    ("exited with code 137", "exited with code 139"),
    ("killed by signal 9", "killed by signal 11"),
    ("ORA-00942: no such table", "ORA-01555: no such table"),
    ("SQLSTATE[42000] refused", "SQLSTATE[23505] refused"),
    ("HRESULT error 0x80070005", "HRESULT error 0x80070002"),
    ("needs libfoo 2.1.4", "needs libfoo 2.1.5"),
    ("duplicate key in table orders", "duplicate key in table customers"),
    ("svc-invoices-parts is down", "svc-vouchers-names is down"),
    ("cannot write /tmp/orders.db", "cannot write /tmp/stock.db"),
    ("[WinError 10061] refused", "[WinError 10060] refused"),
    ("no relation t_100001", "no relation t_100002"),
    ("Python 3.11 is missing", "Python 3.12 is missing"),
    ("bad request 400", "bad request 431"),
    ('{"msg": "lost", "shard": 3}', '{"msg": "lost", "shard": 4}'),
    ("level=error msg=lost partition=17 took_ms=12", "level=error msg=lost partition=18 took_ms=12"),
    ("TLSv1.2 alert", "TLSv1.3 alert"),
    (f"{'x' * 500} disk is full", f"{'x' * 500} disk is gone"),
    ('{"msg": "insert failed", "table": "orders"}', '{"msg": "insert failed", "table": "stock"}'),
    ('{"msg": "request failed", "status": 503}', '{"msg": "request failed", "status": 500}'),
    ("level=error msg=failed status=503 took=12", "level=error msg=failed status=502 took=12"),
]


def of_message(text: str) -> str:
    return cause_of_failure(a_report(failure=a_failure(message=text), analysis=Analysis())).signature


def of_line(text: str) -> str:
    suspect = a_suspect(text=f"2026-03-14 12:01:06 {text}" if not text.startswith("{") else text)
    return cause_of_failure(a_report(analysis=Analysis(suspects=(suspect,)))).signature


@pytest.mark.parametrize("signature", [of_message, of_line])
@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_differs_each_time_does_not_count(one: str, other: str, signature: Callable[[str], str]) -> None:
    if one.startswith("{") and signature is of_message:
        return  # fields are read in lines of logs
    assert signature(one) == signature(other)


@pytest.mark.parametrize("signature", [of_message, of_line])
@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_tells_causes_apart_counts(one: str, other: str, signature: Callable[[str], str]) -> None:
    assert signature(one) != signature(other)


def test_what_the_test_itself_named_does_not_count() -> None:
    def of(order: str) -> str:
        named = Identifier(text=our_words("{}", our_words(order)), kind="unique", seen_in="argument")  # type: ignore[arg-type]
        failure = a_failure(message=f"{order} is lost", identifiers=(named,))
        return cause_of_failure(a_report(failure=failure, analysis=Analysis())).signature

    assert of("ORD-4711") == of("ORD-4712")


def test_equal_messages_of_two_tests_are_one_cause_only_where_a_strong_suspect_says_so() -> None:
    tests = [a_failure(name=name) for name in ("Order", "Invoice")]
    bare = {cause_of_failure(a_report(failure=each, analysis=Analysis())).signature for each in tests}
    with_suspect = {cause_of_failure(a_report(failure=each, analysis=an_analysis())).signature for each in tests}
    assert (len(bare), len(with_suspect)) == (2, 1)


# --- Counting ---------------------------------------------------------------------------------------------------------


def test_a_cause_is_counted_over_days_and_bears_its_note_until_it_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.db"
    assert counted(a_history(path)) == Count(times=1, first_at=FAILED_AT, previous_at=None, note="")
    a_history(path).attach("012345", our_words("BUG-123"), at=FAILED_AT)
    second = counted(a_history(path), days=3)
    assert (second.times, second.first_at, second.previous_at, second.note) == (2, FAILED_AT, FAILED_AT, "BUG-123")
    assert path.stat().st_mode & 0o777 == 0o600
    a_history(path).forget(CAUSE.signature)
    third = counted(a_history(path), days=9)
    assert (third.times, third.previous_at, third.note) == (3, FAILED_AT + timedelta(days=3), "")


@pytest.mark.parametrize(
    ("times", "first", "previous", "words"),
    [
        (1, 0, None, "first time in the history"),
        (2, 1, 1, "2nd time since 13 Mar, last on 13 Mar"),
        (3, 100, 30, "3rd time since 4 Dec 2025, last on 12 Feb"),
        (11, 2, 0.01, "11th time since 12 Mar, last at 11:46:43"),
        (1021, 2, 1, "1,021st time since 12 Mar, last on 13 Mar"),
    ],
)
def test_a_recurrence_in_words(times: int, first: float, previous: float | None, words: str) -> None:
    recurrence = Recurrence(
        signature=CAUSE.signature,
        times=times,
        first_at=FAILED_AT - timedelta(days=first),
        previous_at=None if previous is None else FAILED_AT - timedelta(days=previous),
    )
    assert recurrence_words(recurrence, FAILED_AT) == words


def test_the_card_the_text_and_the_run_page_tell_it_and_a_hostile_note_stays_text() -> None:
    recurrence = Recurrence(
        signature=CAUSE.signature,
        times=4,
        first_at=FAILED_AT - timedelta(days=40),
        previous_at=FAILED_AT - timedelta(days=2),
        note="BUG-1<script>x</script>",
    )
    report = a_report(analysis=an_analysis(recurrence=recurrence))
    page = to_run_page(run_summary([failure_summary(report)], version="1"))
    for html in (to_html(report, max_bytes=1_000_000), page):
        assert "4th time since 2 Feb, last on 12 Mar" in html
        assert "Known: BUG-1&lt;script&gt;" in html
        assert "<script>x" not in html
    assert "Known: BUG-1<script>x</script>; 4th time since 2 Feb, last on 12 Mar; cause 0123456789abcdef" in to_text(
        report
    )


WRITER = """
import sys
from datetime import datetime, timezone
from FailTaleLibrary.history import RunHistory
from FailTaleLibrary.ranking.causes import Cause
place, number, failures = sys.argv[1:]
history = RunHistory(place, time_s=600, days=180, most=10_000)
print("ready", flush=True)
sys.stdin.readline()
for each in range(int(failures)):
    text = f"cause {each % 5}"
    history.count_failure(Cause(f"{each % 5:016x}", text), headline=text, test=number, at=datetime.now(timezone.utc))
"""


def eight_processes_count(at: str, *, failures: int) -> None:
    """All at once, from the first moment on, when the place is still empty."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, at, str(number), str(failures)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=2 * PATIENCE_S)
        assert process.returncode == 0, errors


def test_eight_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    eight_processes_count(str(path), failures=50)
    assert [cause.times for cause in a_history(path).known()] == [80] * 5


CONFIG = "components: {a: {collectors: [{command: echo x}]}}\nhosts: {h: {component: a, transport: local}}\n"
PABOT_SUITE = """
*** Test Cases ***
Fails First
    Fail    the order is lost
Fails Again
    Fail    the order is lost
"""


def test_a_pabot_run_counts_every_failure_of_its_processes(tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    for number in range(2):
        (tmp_path / "suites" / f"s{number}.robot").write_text(PABOT_SUITE)
    (tmp_path / "failtale.yaml").write_text(f"{CONFIG}history: history.db\n")
    pabot = [sys.executable, "-m", "pabot.pabot", "--processes", "2", "--listener", "FailTaleListener:failtale.yaml"]
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # pabot starts `robot` by name
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'listeners'}", "PATH": programs}
    for _ in range(2):
        done = subprocess.run(
            [*pabot, "--outputdir", "out", "suites"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 4, done.stdout + done.stderr
    known = a_history(tmp_path / "history.db").known()
    assert [cause.times for cause in known] == [2] * 4
    told = [
        report.analysis.recurrence
        for report in reports_in(tmp_path / "out" / "output.xml")
        if isinstance(report, Report)
    ]
    assert [each.times for each in told if each] == [2] * 4


# --- What goes wrong costs no run -------------------------------------------------------------------------------------


def a_report_with(history: str, **limits: Any) -> Report:
    config = Config.model_validate(
        {
            "components": {"a": {"collectors": [{"name": "c", "command": "echo x"}]}},
            "hosts": {"h": {"component": "a", "transport": "local"}},
            "bundles": {"enabled": False},
            "history": history,
            "limits": limits,
        }
    )
    with Run(config, environ={}) as run:
        return run.collect_failure(run.failure("Order", message="lost", scope="test"))


def the_gap(report: Report) -> str:
    (gap,) = report.evidence.gaps
    assert report.analysis.recurrence is None
    assert len(report.evidence.items) == 1
    return gap.detail


def test_a_locked_history_costs_a_fifth_of_its_time_and_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    counted(a_history(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        detail = the_gap(a_report_with(str(path), history_time="2 s"))
        assert 0.4 <= time.monotonic() - began < PATIENCE_S
    assert re.fullmatch(
        r"not counted in the history: ('history.db': another process keeps it locked|it did not answer within 0.4 s)",
        detail,
    )
    assert wait_until(lambda: not [each for each in threading.enumerate() if each.name == "failtale-history"])
    assert len(a_history(path).known()) == 1, "what was said not to be counted is not counted later either"


def test_the_time_of_a_run_for_the_history_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    counted(a_history(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        history = a_history(path, time_s=1)
        said = []
        for _ in range(20):
            with pytest.raises(HistoryError) as error:
                counted(history)
            said.append(str(error.value))
    assert said[-1] == "the time of a run for it is used up (limits.history_time, 1 s)"


def test_a_damaged_history_is_a_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"this is no database" * 500)
    detail = the_gap(a_report_with(str(path)))
    assert "'history.db': the file is damaged" in detail
    assert "move it away" in detail
    assert path.read_bytes() == b"this is no database" * 500


def test_a_history_in_no_directory_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert the_gap(a_report_with(str(tmp_path / "file" / "history.db"))).startswith("not counted in the history: ")


def test_a_history_of_a_newer_failtale_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    counted(a_history(path))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE failtale_history SET version = 99")
    assert "was made by a newer FailTale (schema 99)" in the_gap(a_report_with(str(path)))


READER = """
import os, sys
from datetime import datetime, timezone
from FailTaleLibrary.errors import HistoryError
from FailTaleLibrary.history import RunHistory
from FailTaleLibrary.ranking.causes import Cause
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    RunHistory(sys.argv[1], time_s=60, days=9, most=9).count_failure(
        Cause("0" * 16, "x"), headline="x", test="x", at=datetime.now(timezone.utc))
except HistoryError as error:
    print(error)
"""


def test_a_read_only_history_is_a_sentence() -> None:
    with place("history") as directory:
        path = directory / "history.db"
        counted(a_history(path))
        path.chmod(0o444)
        done = subprocess.run(
            [sys.executable, "-c", READER, path],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout == "'history.db': Permission denied\n"


def test_a_note_in_a_shared_place_is_redacted_before_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    first = a_report_with(str(path)).analysis.recurrence
    assert first is not None
    secret = f"Xq{os.urandom(9).hex()}"
    a_history(path).attach(first.signature, our_words("{}", our_words(f"password={secret}")), at=FAILED_AT)  # type: ignore[arg-type]
    second = a_report_with(str(path)).analysis.recurrence
    assert second is not None
    assert second.times == 2
    assert second.note.startswith("password=")
    assert secret not in second.note


# --- failtale know ----------------------------------------------------------------------------------------------------


def test_know_attaches_lists_and_forgets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "failtale.yaml"
    config.write_text(f"{CONFIG}history: history.db\n")
    counted(a_history(tmp_path / "history.db"))
    counted(a_history(tmp_path / "history.db"), Cause("fedcba9876543210", WORDS), days=1)

    def know(*words: str) -> tuple[int, str, str]:
        status = main(["know", *words, "--config", str(config)])
        told = capsys.readouterr()
        return status, told.out, told.err

    assert know("0123456789abcdef", "BUG-123") == (0, "0123456789abcdef: BUG-123\n", "")
    _, listed, _ = know()
    assert [line.split()[0] for line in listed.splitlines()] == ["0123456789abcdef", "fedcba9876543210"]
    assert "1 time, last on 2026-03-14" in listed
    assert "[BUG-123] disk is full" in listed
    assert know("0123456789abcdef", "--forget") == (0, "forgotten: 'BUG-123'\n", "")
    assert know("0123456789abcdef", "--forget")[0] == 2
    assert "no failure was counted with the signature 999999" in know("999999", "BUG-1")[2]
    assert "is no signature" in know("what", "BUG-1")[2]
    assert know("0123456789abcdef")[0] == 2
    assert know("0123456789abcdef", "x" * 300)[0] == 2


def test_a_password_in_the_address_of_a_database_is_refused() -> None:
    with pytest.raises(ValueError, match="a password must not be written here"):
        Config.model_validate({"history": "postgresql://shop:pw@db1/failtale"})
    with pytest.raises(ValueError, match="this is no address of a database"):
        Config.model_validate({"history": "mysql://db1/failtale"})


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of a real server's database, over a socket in a directory of its own."""
    need_extra()
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        needs.missing("postgres", needs.apt("postgresql"))
    with place("history-postgresql") as directory:
        if IS_ROOT:
            subprocess.run(["chown", "-R", "postgres", directory], check=True)
        data, log = directory / "data", directory / "logs" / "log"
        initdb = [*as_user("postgres"), programs[-1] / "initdb", "-D", data, "-U", "postgres", "-A", "trust"]
        subprocess.run([*initdb, "--no-sync", "-N", "--no-locale"], check=True, capture_output=True, cwd="/")
        settings = {"listen_addresses": "", "unix_socket_directories": directory, "fsync": "off"}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        log.touch()
        server = [*as_user("postgres"), programs[-1] / "postgres", "-D", data, *words]
        with running(*server, ready=lambda: "ready to accept" in log.read_text(), output=log):
            yield f"postgresql://postgres@/postgres?host={directory}"


def test_postgresql_counts_as_sqlite_does_and_loses_nothing_of_eight_processes(database: str) -> None:
    eight_processes_count(database, failures=10)
    history = RunHistory(database, time_s=PATIENCE_S, days=180, most=10_000)
    assert [cause.times for cause in history.known()] == [16] * 5
    history.attach(f"{3:016x}", our_words("BUG-123"), at=FAILED_AT)
    again = counted(history, Cause(f"{3:016x}", WORDS), days=400)
    assert (again.times, again.note) == (17, "BUG-123")
    assert again.previous_at is not None
    assert history.forget(f"{3:016x}").note == "BUG-123"
    assert counted(history, Cause(f"{3:016x}", WORDS)).note == ""
    report = a_report_with(database)
    assert report.analysis.recurrence is not None


def test_a_database_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    need_extra()
    detail = the_gap(a_report_with(f"postgresql://nobody@/none?host={tmp_path}"))
    # A busy machine takes more than the history's two seconds to load the driver.
    assert detail.startswith(
        ("not counted in the history: PostgreSQL: ", "not counted in the history: it did not answer")
    )


def test_two_runs_whose_logs_tell_the_same_of_another_order_are_one_cause(tmp_path: Path) -> None:
    log, line = tmp_path / "app.log", "ERROR [pool-{0}] storage: disk full: cannot write order 4{0}71 (pid 99{0}1)"
    config = Config.model_validate(
        {
            "components": {"storage": {"collectors": [{"name": "log", "file": str(log)}]}},
            "hosts": {"storage1": {"component": "storage", "transport": "local"}},
            "history": str(tmp_path / "history.db"),
        }
    )
    reports = []
    for number in (1, 2):
        with Run(config, environ={}) as run:
            run.test_began("Order")
            with log.open("a") as file:
                file.write(f"{datetime.now(timezone.utc):%FT%T.%fZ} {line.format(number)}\n")
            failure = run.failure(f"Test {number}", message=f"order 4{number}71 is lost", scope="test")
            reports.append(run.collect_failure(failure))
    assert all(report.analysis.suspects[0].is_strong for report in reports)
    assert [report.analysis.recurrence and report.analysis.recurrence.times for report in reports] == [1, 2]


@pytest.mark.parametrize("piece", ["_", "w", "errorx_", "1.1", "a-", "--", "x=1 ", "pid ", '{"a": 1, ', "1", "error "])
def test_a_message_of_any_kind_is_read_in_little_time(piece: str) -> None:
    text = piece * (8000 // len(piece))
    report = a_report(failure=a_failure(message=text), analysis=Analysis(suspects=(a_suspect(text=text),)))
    began = time.process_time()
    cause_of_failure(report)
    assert time.process_time() - began < 1  # some milliseconds; quadratic time and worse takes many seconds
