"""One run's failures told: every stage, the run's budget, what is stored, and what is remembered."""

from __future__ import annotations

import secrets
import shutil
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from FailTaleLibrary.archive import bundles, read_bundle, read_item
from FailTaleLibrary.belonging.used_texts import UsedText
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import ConfigError, FailTaleError
from FailTaleLibrary.records import NO_HOST, Failure, Report, Window
from FailTaleLibrary.run import HINT_AFTER_RUN, HINT_OFFLINE, MIN_CARD_BYTES, Run, Tally, redactor_for

LOCKED = "ERROR storage: database is locked: orders.db held by backup (pid 812)"
SECRET = f"Xq{secrets.token_hex(10)}"
Make = Callable[..., Run]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "shop.log"
    path.write_text(f"{datetime.now(timezone.utc).isoformat()} {LOCKED}\n")
    return path


@pytest.fixture
def run(log: Path) -> Iterator[Make]:
    """Makes investigators of one local host with a log and a state; sections of the configuration as arguments."""
    made: list[Run] = []

    def make(*, environ: dict[str, str] | None = None, **sections: Any) -> Run:
        config = {
            "components": {
                "storage": {"collectors": [{"name": "log", "file": [str(log)]}]},
                "web": {"collectors": [{"name": "state", "command": "echo up"}]},
                "idle": {},
            },
            "hosts": {
                "storage1": {"component": ["storage"], "transport": "local"},
                "web1": {"component": ["web"], "transport": "local"},
            },
        }
        made.append(Run(Config.model_validate({**config, **sections}), environ=environ or {}))
        return made[-1]

    yield make
    for each in made:
        each.run_ended()


def a_failure(name: str = "Order", **changes: Any) -> Failure:
    now = datetime.now(timezone.utc)
    values: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "name": name,
        "message": "HTTPError: 500 Server Error",
        "window": Window(start=now - timedelta(seconds=5), end=now),
    }
    return Failure(**{**values, **changes})


def reasons(report: Report) -> dict[str, str]:
    return {gap.host: gap.reason for gap in report.evidence.gaps}


def bundles_in(directory: Path) -> list[Path]:
    return sorted(directory.rglob("manifest.json"))


# --- The stages -------------------------------------------------------------------------------------------------------


def test_a_report_has_what_failed_whom_was_asked_what_they_said_and_what_matters(run: Make) -> None:
    failure = a_failure()
    report = run().collect_failure(failure)
    assert report.failure == failure.model_copy(update={"run_started_at": report.failure.run_started_at})
    assert [step.id for step in report.plan.steps] == ["storage1/log", "web1/state"]
    assert [item.id for item in report.evidence.items] == ["storage1/log", "web1/state"]
    assert report.evidence.gaps == ()
    assert LOCKED in report.analysis.suspects[0].text
    assert "database is locked" in report.analysis.headline
    assert report.bundle is None


def test_components_and_hosts_narrow_whom_is_asked(run: Make) -> None:
    run = run()
    assert {step.host for step in run.collect_failure(a_failure(), components=["web"]).plan.steps} == {"web1"}
    assert {step.host for step in run.collect_failure(a_failure(), hosts=["storage1"]).plan.steps} == {"storage1"}


def test_an_unknown_component_or_host_is_the_users_mistake_and_costs_nothing(run: Make) -> None:
    run = run()
    with pytest.raises(ConfigError, match="There is no component 'database'.*it has: storage, web, idle"):
        run.collect_failure(a_failure(), components=["database"])
    with pytest.raises(ConfigError, match="There is no host 'web9'.*it has: storage1, web1"):
        run.collect_failure(a_failure(), hosts=["web9"])
    with pytest.raises(ConfigError, match="There is no host 'web9'"):
        run.check_hosts(["web1", "web9"])
    assert (run.tally, run.last) == (Tally(), None)


def test_cancelling_leaves_gaps(run: Make) -> None:
    cancel = threading.Event()
    cancel.set()
    report = run().collect_failure(a_failure(), cancel=cancel)
    assert set(reasons(report).values()) <= {"cancelled"}
    assert len(report.evidence.items) + len(report.evidence.gaps) == 2


def test_checked_hosts_answer(run: Make) -> None:
    assert run().check_hosts() == {"storage1": "", "web1": ""}
    assert run().check_hosts(["web1"]) == {"web1": ""}


def test_closing_twice_is_fine(run: Make) -> None:
    run = run()
    run.test_began()
    run.collect_failure(a_failure())
    run.run_ended()
    run.run_ended()


# --- The budget -------------------------------------------------------------------------------------------------------


def test_when_the_runs_time_is_used_up_nobody_is_asked_and_each_host_is_a_gap(
    run: Make,
) -> None:
    run = run(limits={"run_time": "1 ms"})
    run.collect_failure(a_failure())
    assert run.tally.seconds >= 0.001
    second = run.collect_failure(a_failure())
    assert second.plan.steps == ()
    assert second.evidence.items == ()
    assert reasons(second) == {"storage1": "skipped", "web1": "skipped"}
    assert all("limits.run_time" in gap.detail for gap in second.evidence.gaps)


def test_what_is_left_of_the_runs_time_bounds_a_failure(run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever else the machine does.
    monkeypatch.setattr("FailTaleLibrary.run.run.slowness_of_this_thread", lambda: 1.0)
    assert run(limits={"run_time": "7 s"}).collect_failure(a_failure()).plan.deadline_s == for_collecting(7)
    assert run(limits={"failure_time": "9 s"}).collect_failure(a_failure()).plan.deadline_s == for_collecting(9)
    assert run().collect_failure(a_failure(), deadline_s=3).plan.deadline_s == for_collecting(3)
    run = run(limits={"run_time": "7 s"})
    run.collect_failure(a_failure())
    left_s = 7 - run.tally.seconds
    assert run.collect_failure(a_failure()).plan.deadline_s == for_collecting(left_s)


def for_collecting(seconds: float) -> Any:
    """What collecting may take of a failure's time, where that is less than 24 s."""
    return pytest.approx(0.75 * seconds)


def test_the_tally_counts_failures_hosts_gaps_and_seconds(run: Make) -> None:
    run = run()
    run.collect_failure(a_failure(), hosts=["web1"])
    run.collect_failure(a_failure(), components=["web", "idle"])  # nobody plays idle
    assert (run.tally.failures, run.tally.hosts, run.tally.gaps) == (2, {"web1"}, 1)
    assert run.tally.seconds > 0


def test_the_last_report_is_the_newest(run: Make) -> None:
    run = run()
    assert run.last is None
    run.collect_failure(a_failure("first"))
    assert run.collect_failure(a_failure("second")) is run.last


# --- Storms -----------------------------------------------------------------------------------------------------------


def items_of(report: Report) -> list[str]:
    return [item.id for item in report.evidence.items]


EVERYTHING = ["storage1/log", "web1/state"]


def test_equal_failures_in_a_row_are_collected_in_full_three_times_then_state_only(run: Make) -> None:
    run = run()
    messages = [f"HTTPError: 500 Server Error for order {number}" for number in range(5)]
    reports = [run.collect_failure(a_failure(f"Test {message[-1]}", message=message)) for message in messages]
    assert [items_of(report) for report in reports] == [EVERYTHING] * 3 + [["web1/state"]] * 2
    (gap,) = reports[4].evidence.gaps
    assert (gap.host, gap.reason) == (NO_HOST, "skipped")
    assert gap.detail == (
        "logs are not collected again: this is number 5 of equal failures in a row, the first of which is 'Test 0'; "
        "only state is collected (limits.repeats)"
    )
    assert [report.analysis.signature and report.analysis.signature.same_as for report in reports] == [
        None,
        *["Test 0"] * 4,
    ]


def test_another_failure_ends_a_row_and_is_collected_in_full(run: Make) -> None:
    run = run(limits={"repeats": 1})
    messages = ["A is down", "A is down", "B is down", "A is down", "A is down"]
    reports = [run.collect_failure(a_failure(message=message)) for message in messages]
    assert [items_of(report) == EVERYTHING for report in reports] == [True, False, True, True, False]


def test_what_a_keyword_collects_on_demand_is_never_cut_and_ends_no_row(run: Make) -> None:
    run = run(limits={"repeats": 1})
    scopes = ["test", "on demand", "test", "on demand"]
    reports = [run.collect_failure(a_failure(scope=scope)) for scope in scopes]
    assert [items_of(report) == EVERYTHING for report in reports] == [True, True, False, True]


def test_failures_that_say_nothing_are_never_taken_for_equal(run: Make) -> None:
    run = run(limits={"repeats": 1})
    assert [items_of(run.collect_failure(a_failure(message=""))) for _ in range(2)] == [EVERYTHING] * 2


@pytest.mark.parametrize("message", ["HTTP 500", "{}"], ids=["equal", "all different"])
def test_five_hundred_failures_of_a_half_dead_environment_cost_the_runs_time_and_no_more(
    log: Path, message: str
) -> None:
    silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ssh = [{"port": each.getsockname()[1], "user": "nobody", "connect_timeout": "200 ms"} for each in silent]
    dead = {
        f"dead{number}": {"component": ["shop"], "address": "127.0.0.1", "ssh": each} for number, each in enumerate(ssh)
    }
    config = {
        "components": {
            "shop": {"collectors": [{"name": "log", "file": [str(log)]}, {"name": "state", "command": "echo up"}]}
        },
        "hosts": {**dead, "live": {"component": ["shop"], "transport": "local"}},
        "limits": {"run_time": "4 s", "failure_time": "3 s"},
    }
    run = Run(Config.model_validate(config), environ={})
    reports = [run.collect_failure(a_failure(message=message.format("x" * number))) for number in range(500)]
    run.run_ended()
    asked = [report for report in reports if report.plan.steps]
    assert sum(report.evidence.cost.seconds for report in asked) < 4 + 3
    assert items_of(reports[0]) != []
    assert len(asked) < 500
    used_up = "skipped: the run's time (limits.run_time) is used up"
    told = [{gap.detail for gap in report.evidence.gaps} for report in reports[len(asked) :]]
    assert all(used_up in details for details in told)  # one that was planned as the time ended tells more beside it
    assert told[-1] == {used_up}
    assert all(details == {used_up} for details in told[told.index({used_up}) :])
    for each in silent:
        each.close()


# --- The bundle -------------------------------------------------------------------------------------------------------


def test_a_bundle_holds_the_report_and_the_outputs(run: Make, tmp_path: Path) -> None:
    report = run().collect_failure(a_failure(), output_dir=tmp_path)
    assert report.bundle == f"failtale/{report.failure.id}"
    bundle = tmp_path / report.bundle
    assert read_bundle(bundle) == report
    assert LOCKED in read_item(bundle, "storage1/log")
    assert not (bundle / "prompt.md").exists()


def test_a_bundle_holds_the_prompt_where_a_model_is_named(run: Make, tmp_path: Path) -> None:
    report = run(analysis={"model": "small:1b"}).collect_failure(a_failure(), output_dir=tmp_path)
    assert LOCKED in (tmp_path / str(report.bundle) / "prompt.md").read_text()


def test_a_bundle_is_for_its_owner_alone(run: Make, tmp_path: Path) -> None:
    report = run().collect_failure(a_failure(), output_dir=tmp_path)
    bundle = tmp_path / str(report.bundle)
    modes = {path.stat().st_mode & 0o777 for path in bundle.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (bundle, bundle.parent, bundle / "items")} == {0o700}


def test_a_bundle_that_lies_elsewhere_is_named_in_full(run: Make, tmp_path: Path) -> None:
    run = run(bundles={"directory": tmp_path / "elsewhere"})
    report = run.collect_failure(a_failure(), output_dir=tmp_path / "output")
    assert report.bundle == f"{tmp_path}/elsewhere/{report.failure.id}"
    assert read_bundle(Path(report.bundle)) == report
    assert run.collect_failure(a_failure()).bundle is not None


def test_no_bundle_is_written_where_none_is_wanted(run: Make, tmp_path: Path) -> None:
    assert run(bundles={"enabled": False}).collect_failure(a_failure(), output_dir=tmp_path).bundle is None
    assert run().collect_failure(a_failure()).bundle is None
    assert bundles_in(tmp_path) == []


def test_a_disk_that_takes_no_bundle_is_a_gap_beside_the_evidence(run: Make, tmp_path: Path) -> None:
    (tmp_path / "failtale").write_text("a file where the folder should be")
    report = run().collect_failure(a_failure(), output_dir=tmp_path)
    (gap,) = report.evidence.gaps
    assert gap.detail == f"no bundle was written: File exists ('{tmp_path / 'failtale'}')"
    assert report.bundle is None
    assert LOCKED in report.analysis.headline + report.analysis.suspects[0].text


def test_the_last_of_a_disk_is_left_to_the_runs_own_files(
    run: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No bundle, and a small card: without room for its output file a run would lose all its results."""
    lines = "yes ERROR the disk of storage is nearly full | head -c 300000"
    collectors = [{"name": f"state{number}", "command": f"{lines} | nl"} for number in range(5)]
    storage = {"components": {"storage": {"collectors": collectors}, "web": {"collectors": collectors}}}
    one = run(**storage)
    whole = one.card(one.collect_failure(a_failure(), output_dir=tmp_path))
    monkeypatch.setattr(bundles, "ROOM_LEFT_BYTES", shutil.disk_usage(tmp_path).total)
    report = one.collect_failure(a_failure(), output_dir=tmp_path)
    (gap,) = report.evidence.gaps
    assert gap.detail.startswith("no bundle was written: less than ")
    assert gap.detail.endswith(f" MB would be left for the run's own files ('{tmp_path / 'failtale'}')")
    assert len(bundles_in(tmp_path)) == 1
    assert len(report.evidence.items) == 10
    assert len(one.card(report).encode()) <= MIN_CARD_BYTES < len(whole.encode())


def test_where_our_clock_was_set_back_meanwhile_the_window_is_as_long_as_the_test_took(run: Make, log: Path) -> None:
    one = run()
    one.test_began()
    with log.open("a") as file:  # the fixture's own line may be older than the test by a moment
        file.write(f"{datetime.now(timezone.utc).isoformat()} {LOCKED}\n")
    now = datetime.now(timezone.utc)
    report = one.collect_failure(a_failure(window=Window(start=now + timedelta(hours=1), end=now)))
    window = report.failure.window
    assert now - timedelta(seconds=PATIENCE_S) < window.start <= window.end == now
    log_of_test = next(item for item in report.evidence.items if item.collector == "log")
    assert LOCKED in log_of_test.text


# --- Secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "sections", "known"),
    [
        ({"SHOP_PASSWORD": SECRET}, {}, ()),
        ({}, {"redaction": {"secrets": [SECRET]}}, ()),
        ({}, {"redaction": {"rules": [{"name": "card", "pattern": f"card (?P<secret>{SECRET})"}]}}, ()),
        ({}, {}, (SECRET,)),
    ],
    ids=["environment", "configuration", "rule", "caller"],
)
def test_a_known_secret_is_in_no_report_and_no_file(
    run: Make,
    log: Path,
    tmp_path: Path,
    environ: dict[str, str],
    sections: dict[str, Any],
    known: tuple[str, ...],
) -> None:
    with log.open("a") as file:
        file.write(f"{datetime.now(timezone.utc).isoformat()} FATAL storage: cannot charge card {SECRET}\n")
    run = run(environ=environ, analysis={"model": "small:1b"}, **sections)
    run.know(known)
    report = run.collect_failure(a_failure(), output_dir=tmp_path / "output")
    assert "cannot charge card [redacted:" in report.model_dump_json()
    assert SECRET not in report.model_dump_json()
    files = [path for path in (tmp_path / "output").rglob("*") if path.is_file()]
    assert len(files) >= 5
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_a_secret_stays_known_until_the_run_ends_because_logs_keep_it_longer_than_its_test(run: Make) -> None:
    first = run()
    assert SECRET in first.redactor().redact(f"login {SECRET}").text
    first.know([SECRET])
    first.know(["another value of another test"])
    assert SECRET not in first.redactor().redact(f"login {SECRET}").text
    assert SECRET in run().redactor().redact(f"login {SECRET}").text


# --- What a face tells ------------------------------------------------------------------------------------------------


def test_a_failure_of_now_reaches_back_to_the_start_of_the_test_the_suite_or_the_run(run: Make) -> None:
    run = run()
    assert run.failure("a").window.start == run.started_at
    run.suite_began()
    of_suite = run.failure("b").window.start
    run.test_began()
    of_test = run.failure("c").window.start
    assert run.started_at < of_suite < of_test
    run.test_ended()
    assert run.failure("d").window.start == of_suite
    run.suite_ended()
    assert run.failure("e").window.start == run.started_at
    start = datetime.now(timezone.utc) - timedelta(seconds=30)
    assert run.failure("f", start=start).window.start == start


def test_a_failure_of_now_has_no_secret_in_its_texts(run: Make) -> None:
    run = run()
    run.know([SECRET])
    failure = run.failure(f"After {SECRET}", message=f"login {SECRET}", suite=SECRET)
    assert failure.scope == "on demand"
    assert SECRET not in failure.model_dump_json()


def test_a_report_knows_when_its_suite_and_its_run_began(run: Make) -> None:
    run = run()
    run.suite_began()
    run.suite_began()
    inner = run.window_start
    report = run.collect_failure(a_failure())
    assert (report.failure.suite_started_at, report.failure.run_started_at) == (inner, run.started_at)


def test_without_a_report_there_is_a_sentence_about_it(run: Make) -> None:
    with pytest.raises(FailTaleError, match="No evidence has been collected in this run"):
        run().last_report()


def test_what_the_configuration_keeps_and_hides_is_obeyed() -> None:
    settings = {"redaction": {"keep": [SECRET], "identifiers": True}}
    redactor = redactor_for(Config.model_validate(settings), {"SHOP_PASSWORD": SECRET})
    assert redactor.redact(f"login {SECRET}").text == f"login {SECRET}"
    assert "10.0.0.7" not in redactor.redact("client 10.0.0.7 left").text


# --- What a run remembers ---------------------------------------------------------------------------------------------


def test_the_same_failure_twice_names_the_first(run: Make) -> None:
    run = run()
    first = run.collect_failure(a_failure("First")).analysis.signature
    second = run.collect_failure(a_failure("Second")).analysis.signature
    third = run.collect_failure(a_failure("Third")).analysis.signature
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.same_as is None
    assert (second.same_as, third.same_as) == ("First", "First")


def test_a_strong_suspect_makes_failures_the_same_whatever_their_messages_are(run: Make) -> None:
    run = run()
    run.collect_failure(a_failure("First"))
    other = run.collect_failure(a_failure("Second", message="Button 'Pay' is not visible")).analysis.signature
    assert other is not None
    assert other.same_as == "First"


def test_runs_do_not_know_of_each_other(run: Make) -> None:
    run().collect_failure(a_failure("First"))
    signature = run().collect_failure(a_failure("Second")).analysis.signature
    assert signature is not None
    assert signature.same_as is None


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, None),
        ({"model": "small:1b"}, HINT_AFTER_RUN),
        ({"model": "small:1b", "when": "offline"}, HINT_OFFLINE),
    ],
)
def test_a_report_says_when_its_hint_will_be_made(run: Make, settings: dict[str, str], reason: str | None) -> None:
    assert run(analysis=settings).collect_failure(a_failure()).analysis.no_hint_reason == reason


# --- Whose a line is --------------------------------------------------------------------------------------------------


def test_a_line_with_what_the_face_says_the_test_used_is_the_tests(run: Make) -> None:
    made = run()
    made.know([SECRET])
    failure = made.failure("Backs Up", message="no backup", used=["database=orders-0815", f"key={SECRET}"])
    assert [each.text for each in failure.identifiers] == ["orders-0815"]


def test_what_a_passed_test_used_is_known_to_be_its_own(run: Make, log: Path) -> None:
    made = run()
    made.test_began("Earlier")
    made.test_used("Earlier", (UsedText("${order} = 4711", "value"),))
    made.test_passed("Earlier")
    made.test_ended()
    made.test_began("Later")
    log.write_text(f"{datetime.now(timezone.utc).isoformat()} ERROR order 4711: connection lost\n")
    report = made.collect_failure(made.failure("Later", message="1 != 2"))
    (suspect,) = (each for each in report.analysis.suspects if "4711" in each.text)
    assert "holds order '4711' of 'Earlier'" in [signal.words for signal in suspect.signals]
    assert not suspect.is_strong


def test_what_passed_tests_used_is_read_once_a_later_one_fails(run: Make) -> None:
    read: list[str] = []

    def used() -> Iterator[UsedText]:
        read.append("Earlier")
        yield UsedText("${order} = 4711", "value")

    made = run()
    made.test_began("Earlier")
    made.test_used("Earlier", used())
    made.test_passed("Earlier")
    made.test_ended()
    assert read == []
    made.test_began("Later")
    made.collect_failure(made.failure("Later"))
    assert read == ["Earlier"]
