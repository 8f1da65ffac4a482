"""A runner and its gateway: the same evidence as with keys of its own, and a run that goes on whatever happens."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import builders
import pytest
from mcp_servers import ROOT, Served, a_config, answer_in, environment, is_running, served
from other_clocks import forget_killed_ones
from patience import PATIENCE_S, wait_until
from ports import free_port
from pytest_runs import plugin_options
from sshd import Sshd
from test_gateway_rogue import Answer, rogue
from test_mcp_tools import a_marker, slow

from FailTaleLibrary import __version__
from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.config import Config, load_config
from FailTaleLibrary.config.model import GatewaySettings
from FailTaleLibrary.doctor.checkup import check
from FailTaleLibrary.doctor.table import summary_line
from FailTaleLibrary.errors import ConfigError, GatewayError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.gateway.adopt import adopted
from FailTaleLibrary.gateway.clock import GatewayClock, KnownClock, under_way
from FailTaleLibrary.gateway.record import Handover, pack_handover, unpack_handover
from FailTaleLibrary.gateway.source import GatewaySource
from FailTaleLibrary.progress import CollectionState
from FailTaleLibrary.records import Failure, Redaction, Report, Window
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.run import Run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that tests share; nobody hurts it."""
    folder = tmp_path_factory.mktemp("gateway")
    with served(folder, "--config", str(a_config(folder)), "--allow-host", "localhost") as running:
        yield running


SECRET = f"s3cret{uuid.uuid4().hex}"
BOOK = """\
limits: {item_bytes: 2 kB, bundle_item_bytes: 2 MB, failure_time: 500, host_time: 500}
components:
  noisy: {collectors: [{name: random, command: 'od -An -tx1 -N 500000 /dev/urandom'}]}
  leaky: {collectors: [{name: state, command: 'echo it is SECRET; echo SECRET >&2'}]}
  slow:
    collectors: [{name: quick, command: echo quick}, {name: slow, command: 'exec sleep MARKER', timeout: 600 s}]
hosts:
  slow1: {component: slow, transport: local}
  noisy1: {component: noisy, transport: local}
  leaky1: {component: leaky, transport: local}
"""


@dataclass
class ManyKinds:
    """A gateway whose hosts each give something else; tests share it and ask one host each."""

    server: Served
    marker: str

    @property
    def way(self) -> tuple[str, Path]:
        return self.server.url, self.server.token_file

    def is_slow(self) -> bool:
        """Whether its command that never ends by itself runs."""
        return is_running(self.marker)


@pytest.fixture(scope="module")
def many_kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManyKinds]:
    folder, marker = tmp_path_factory.mktemp("kinds"), a_marker()
    text = BOOK.replace("SECRET", SECRET).replace("MARKER", marker)
    with served(folder, "--config", str(a_config(folder, text))) as running:
        yield ManyKinds(running, marker)


@dataclass
class OverSsh:
    """A gateway to one real SSH server, its configuration, and a file to which each mark and each visit adds a line."""

    server: Served
    config: Path
    trace: Path
    host: Sshd

    @property
    def folder(self) -> Path:
        return self.config.parent


@pytest.fixture(scope="module")
def over_ssh(tmp_path_factory: pytest.TempPathFactory, a_host: Sshd) -> Iterator[OverSsh]:
    folder = tmp_path_factory.mktemp("over_ssh")
    (trace := folder / "trace").touch()
    text = f"""\
ssh: {{user: {a_host.user}, key: {a_host.key}, host_keys: accept-new}}
components:
  web:
    collectors:
      - {{name: state, command: 'echo >> {trace}; echo all is well', baseline: true}}
      - {{name: web.log, file: LOG}}
hosts:
  web1: {{component: web, address: 127.0.0.1, ssh: {{port: {a_host.port}}}}}
"""
    config = a_config(folder, text)
    with served(folder, "--config", str(config)) as running:
        yield OverSsh(running, config, trace, a_host)


@contextlib.contextmanager
def investigating(config: Config) -> Iterator[Run]:
    run = Run(config)
    try:
        yield run
    finally:
        run.run_ended()


def runner_config(url: str, token_file: Path | None, **more: Any) -> Config:
    """What stands on a runner: no host, no key."""
    gateway = GatewaySettings(url=url, token_file=token_file, connect_timeout_s=60.0, silence_timeout_s=60.0)
    return Config(gateway=gateway, **{"bundles": {"enabled": False}, **more})


def a_failure(seconds: float = 60.0, **changes: Any) -> Failure:
    now = datetime.now(timezone.utc)
    values = {
        "id": uuid.uuid4().hex,
        "window": Window(start=now - timedelta(seconds=seconds), end=now),
        "suite_started_at": now - timedelta(seconds=seconds + 10),
        "run_started_at": now - timedelta(days=30),
    }
    return builders.a_failure(**{**values, **changes})


def stamp() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def only_gap(report: Report) -> str:
    (gap,) = report.evidence.gaps
    assert gap.reason == "gateway"
    assert not report.evidence.items
    return gap.detail


# --- The same as with keys of its own ---------------------------------------------------------------------------------

VOLATILE = {
    "why",
    "answered_at",
    "failure_id",
    "started_at",
    "duration_s",
    "since",
    "at",
    "elapsed_s",
    "offset_s",
    "uncertainty_s",
}


def what_was_found(report: Report) -> Any:
    """Plan and evidence without ids, times and cost."""

    def stable(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: stable(each) for name, each in value.items() if name not in VOLATILE}
        return [stable(each) for each in value] if isinstance(value, (list, tuple)) else value

    return stable(report.plan.model_dump()), stable(report.evidence.model_dump(exclude={"cost", "collected_at"}))


def marks_under_way(server: Served) -> bool:
    """Whether a mark is being taken here or by the server, whose marks of local hosts are its child processes."""
    here = any(thread.name.startswith("failtale-mark") for thread in threading.enumerate())
    children = (
        subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, check=False).returncode == 0
    )
    return here or children


def the_same(
    config_file: Path, server: Served, act: Callable[[], None], *, is_marked: Callable[[], bool] = lambda: True
) -> tuple[Report, Report]:
    """One failure told directly and through the gateway, with a mark at the start of its window."""
    marks = server.marks()
    direct = Run(load_config(config_file))
    through = Run(runner_config(server.url, server.token_file))
    reports = []
    try:
        for run in (direct, through):
            run.test_began()
        assert wait_until(lambda: server.marks() > marks and is_marked())
        assert wait_until(lambda: not marks_under_way(server))
        start = datetime.now(timezone.utc)
        time.sleep(3)  # more than a clock of whole seconds is unsure of, asked by a busy machine
        act()
        for run in (direct, through):
            window = Window(start=start, end=datetime.now(timezone.utc))
            failure = a_failure(window=window)
            reports.append(run.collect_failure(failure))
    finally:
        direct.run_ended()
        through.run_ended()
    return reports[0], reports[1]


def test_a_failure_told_directly_and_through_the_gateway_has_equal_records(tmp_path: Path) -> None:
    text = """\
components:
  web:
    collectors:
      - {name: state, command: 'echo >> TRACE; cat STATE', baseline: true}
      - {name: broken, command: 'echo half; exit 3'}
      - {name: missing, command: no-such-command-anywhere}
      - {name: web.log, file: LOG, before: 2}
      - {name: cut, command: 'seq 20000', max_bytes: 1 kB}
hosts:
  web1: {component: web, transport: local}
  web2: {component: web, transport: local}
"""
    password = uuid.uuid4().hex[:12]
    state = tmp_path / "state"
    state.write_text("pool idle\n")
    trace = tmp_path / "trace"
    trace.touch()
    config = a_config(tmp_path, text.replace("STATE", str(state)).replace("TRACE", str(trace)))

    def act() -> None:
        state.write_text("pool exhausted\n")
        with (tmp_path / "web.log").open("a") as log:
            log.write(f"{stamp()} ERROR no connection left, password={password}\n")

    with served(tmp_path, "--config", str(config)) as server:
        marks = 2 * 2  # two hosts, asked by two
        direct, through = the_same(config, server, act, is_marked=lambda: len(trace.read_text()) == marks)
    assert what_was_found(through) == what_was_found(direct)
    log = through.evidence.item("web1/web.log")
    assert log is not None
    assert "ERROR no connection left" in log.text
    assert password not in through.model_dump_json()
    assert log.window is not None
    assert log.window.method == "byte mark"
    snapshot = through.evidence.item("web1/state")
    assert snapshot is not None
    assert snapshot.changes == ("- pool idle", "+ pool exhausted")
    assert [each.text for each in through.analysis.suspects] == [each.text for each in direct.analysis.suspects]


@pytest.mark.ssh
def test_through_the_gateway_real_ssh_gives_equal_records(over_ssh: OverSsh) -> None:
    before = len(over_ssh.trace.read_text())

    def act() -> None:
        with (over_ssh.folder / "web.log").open("a") as log:
            log.write(f"{stamp()} ERROR the pool is empty\n")

    def is_marked() -> bool:
        return len(over_ssh.trace.read_text()) == before + 2 and not over_ssh.host.leftovers()

    direct, through = the_same(over_ssh.config, over_ssh.server, act, is_marked=is_marked)
    assert [item.id for item in through.evidence.items] == ["web1/state", "web1/web.log"]
    assert what_was_found(through) == what_was_found(direct)


def test_full_texts_come_by_pages_for_the_bundle(many_kinds: ManyKinds, tmp_path: Path) -> None:
    limits = {"bundle_item_bytes": 2_000_000, "failure_time": 500, "host_time": 500}
    with investigating(runner_config(*many_kinds.way, bundles={"enabled": True}, limits=limits)) as run:
        report = run.collect_failure(a_failure(), hosts=["noisy1"], output_dir=tmp_path)
        (item,) = report.evidence.items
        assert item.omitted_bytes > 1_000_000
        stored = (tmp_path / "failtale" / report.failure.id / "items" / "noisy1" / "random.txt").read_text()
        assert len(stored) > 1_500_000
        assert stored.endswith(item.text)
        pages = [line for line in many_kinds.server.audit_file.read_text().splitlines() if '"runner_record"' in line]
        assert len(pages) > 2


def test_everything_is_redacted_once_more_with_the_secrets_of_the_runner(many_kinds: ManyKinds, tmp_path: Path) -> None:
    with investigating(runner_config(*many_kinds.way, bundles={"enabled": True})) as run:
        run.know([SECRET])
        report = run.collect_failure(a_failure(), hosts=["leaky1"], output_dir=tmp_path)
        assert SECRET not in report.model_dump_json()
        (item,) = report.evidence.items
        assert item.text.startswith("it is [redacted:")
        assert sum(redaction.count for redaction in item.redactions) >= 3
        for path in (tmp_path / "failtale").rglob("*"):
            assert path.is_dir() or SECRET not in path.read_text()


def test_components_are_selected_by_name_and_by_tag_and_unknown_ones_are_the_users_mistake(server: Served) -> None:
    with investigating(runner_config(server.url, server.token_file)) as run:
        report = run.collect_failure(a_failure(), hosts=["web2"])
        assert {item.host for item in report.evidence.items} == {"web2"}
        tagged = run.collect_failure(a_failure(tags=("failtale:only=nothing",)))
        assert not tagged.evidence.items
        assert "nothing" in tagged.evidence.gaps[0].detail
        with pytest.raises(ConfigError, match="has no host 'db1'; it has: web1, web2"):
            run.collect_failure(a_failure(), hosts=["db1"])
        with pytest.raises(ConfigError, match="has no component 'db'; it has: web"):
            run.collect_failure(a_failure(), components=["db"])


def test_hosts_are_checked_by_the_gateway(server: Served) -> None:
    with investigating(runner_config(server.url, server.token_file)) as run:
        assert run.check_hosts() == {"web1": "", "web2": ""}
        assert run.check_hosts(["web2"]) == {"web2": ""}


def test_a_checkup_says_whether_the_gateway_would_serve(server: Served, tmp_path: Path) -> None:
    well = check(runner_config(server.url, server.token_file))
    assert (well.well, well.hosts) == (True, ())
    assert f"{__version__}; 2 of its 2 hosts can be reached" in well.services[0].said
    (wrong := tmp_path / "wrong").write_text("x" * 40)
    refused = check(runner_config(server.url, wrong))
    assert not refused.well
    assert refused.services[0].advice[0].lines == ("token_file: ~/.config/failtale/token",)
    dead = check(runner_config("http://127.0.0.1:9/mcp", None))
    assert dead.services[0].advice[0].lines == ("failtale serve --config failtale.yaml",)
    assert "1 service would not serve" in summary_line(dead)


def test_progress_comes_from_the_gateway(server: Served) -> None:
    states: list[CollectionState] = []
    with investigating(runner_config(server.url, server.token_file)) as run:
        run.collect_failure(a_failure(), progress=states.append)
    assert str(states[-1]).startswith("4 of 4 answers")


# --- Clocks ----------------------------------------------------------------------------------------------------------


def test_times_are_put_on_the_clock_of_the_runner_where_the_clocks_differ() -> None:
    report = builders.a_report()
    given = Handover(plan=report.plan, evidence=report.evidence, full_texts={})
    clock = GatewayClock(offset_s=90.0, uncertainty_s=0.01)
    evidence = adopted(given, report.failure, redactor=Redactor(), faults=Faults(Redactor), clock=clock).evidence
    for ours, theirs in zip(evidence.items, report.evidence.items, strict=True):
        assert ours.started_at is not None
        assert theirs.started_at is not None
        assert theirs.started_at - ours.started_at == timedelta(seconds=90)
    assert report.evidence.collected_at - evidence.collected_at == timedelta(seconds=90)
    assert evidence.clocks[0].offset_s == pytest.approx(report.evidence.clocks[0].offset_s + 90)
    assert evidence.clocks[0].uncertainty_s > report.evidence.clocks[0].uncertainty_s


def test_nothing_is_changed_where_clocks_and_secrets_agree() -> None:
    report = builders.a_report()
    given = Handover(plan=report.plan, evidence=report.evidence, full_texts={"web1/kernel": "quiet"})
    clock = GatewayClock.between(100.0, 100.004, 100.01)
    assert not clock.differs
    assert adopted(given, report.failure, redactor=Redactor(), faults=Faults(Redactor), clock=clock) == given


def test_counts_of_both_redactions_add_up() -> None:
    item = builders.an_item(text="the word is zanzibar", redactions=(Redaction(rule="password", count=2),))
    report = builders.a_report(evidence=builders.some_evidence(items=(item,), gaps=()))
    given = Handover(plan=report.plan, evidence=report.evidence, full_texts={})
    clock = GatewayClock(offset_s=0.0, uncertainty_s=1.0)
    (safe,) = adopted(
        given, report.failure, redactor=Redactor(known=["zanzibar"]), faults=Faults(Redactor), clock=clock
    ).evidence.items
    assert "zanzibar" not in safe.model_dump_json()
    assert {redaction.rule: redaction.count for redaction in safe.redactions}["password"] == 2
    assert sum(redaction.count for redaction in safe.redactions) == 3


@pytest.mark.needs("faketime")
def test_a_gateway_whose_clock_is_ahead_finds_the_same_window(tmp_path: Path) -> None:
    config = a_config(tmp_path, "marks: off\n" + A_LOG)
    forget_killed_ones()
    with (
        served(tmp_path, "--config", str(config), prefix=("faketime", "-f", "+5m")) as server,
        investigating(runner_config(server.url, server.token_file, marks="off")) as run,
    ):
        began = datetime.now(timezone.utc)
        report = run.collect_failure(a_failure(seconds=30))
        (item,) = report.evidence.items
        assert item.started_at is not None
        assert abs(item.started_at - began) < timedelta(seconds=PATIENCE_S)
        assert item.window is not None
        assert item.window.since is not None
        early = report.failure.window.start - item.window.since
        assert timedelta(milliseconds=-1) <= early < timedelta(seconds=PATIENCE_S)
        (clock,) = report.evidence.clocks
        assert clock.offset_s == pytest.approx(300, abs=2 + clock.uncertainty_s)


@pytest.mark.parametrize(
    ("asked_at", "within_s", "says"),
    [
        (97.0, 0.5, (2.5, 3.5)),
        (100.2, 0.5, (0.0, 0.3)),
        (60.0, 60.0, (0.0, 30.0)),
        (0.0, 1.0, (0.0, 0.0)),
        (101.0, 0.5, (0.0, 0.0)),
        (1.0, 0.5, (0.0, 0.0)),
        (1e300, 0.0, (0.0, 0.0)),
        (float("nan"), 0.0, (0.0, 0.0)),
    ],
)
def test_a_request_is_under_way_as_long_as_clocks_tell_and_as_its_runner_would_wait(
    asked_at: float, within_s: float, says: tuple[float, float]
) -> None:
    assert under_way(asked_at, within_s, now=100.0, longest_s=30.0) == pytest.approx(says)


def test_a_gateways_clock_is_that_of_its_surest_answer_until_it_is_set() -> None:
    known = KnownClock()
    for told in (float("nan"), 1e300, "1000", None):
        known.hear({"takes": ["asked_at"], "server_time": told}, sent=1000.0, received=1001.0)
    known.hear({"server_time": 1000.5}, sent=1000.0, received=1001.0)
    assert known.at(1001.0) is None
    for told, sent, received in ((1090.5, 1000.0, 1001.0), (1091.5, 1001.0, 1005.0)):
        known.hear({"takes": ["asked_at"], "server_time": told}, sent=sent, received=received)
    assert known.at(1001.0) == GatewayClock(offset_s=90.0, uncertainty_s=0.5)
    later = known.at(2001.0)
    assert later is not None
    assert 0.5 < later.uncertainty_s < 1.5
    known.hear({"takes": ["asked_at"], "server_time": 1006.0}, sent=1005.0, received=1007.0)
    assert known.at(1007.0) == GatewayClock(offset_s=0.0, uncertainty_s=1.0)


def late(server: Served, *, by_s: float, leaves_out: Collection[str] = ()) -> Answer:
    """A way to the server on which a collection is long under way; ``leaves_out``: what an older one does not say."""

    def answer(tool: str, arguments: dict[str, Any]) -> Any:
        if tool == "runner_collect":
            time.sleep(by_s)
        status, body = server.post("tools/call", {"name": tool, "arguments": arguments})
        assert status == 200, body
        told = answer_in(body)["result"]["structuredContent"]
        return {name: value for name, value in told.items() if name not in leaves_out}

    return answer


def collected_late(server: Served, **way: Any) -> tuple[Report, bool]:
    """What a test of a moment has when its collection is 3 seconds under way; whether its first line is there."""
    word = uuid.uuid4().hex
    with (
        rogue(late(server, by_s=3.0, **way)) as url,
        investigating(runner_config(url, None, marks="off")) as run,
    ):
        start = datetime.now(timezone.utc)
        with (server.token_file.parent / "web.log").open("a") as log:
            log.write(f"{start + timedelta(milliseconds=100):%Y-%m-%dT%H:%M:%S.%fZ} ERROR {word}\n")
        window = Window(start=start, end=start + timedelta(milliseconds=200))
        report = run.collect_failure(a_failure(window=window))
    log_item = report.evidence.item("web1/web.log")
    return report, log_item is not None and word in log_item.text


def test_the_first_second_is_found_however_long_a_request_is_under_way(server: Served) -> None:
    report, is_found = collected_late(server)
    assert is_found
    assert not report.evidence.gaps


def test_an_older_gateway_that_begins_a_window_too_late_is_said_to(server: Served) -> None:
    report, is_found = collected_late(server, leaves_out=("takes",))
    assert not is_found
    (gap,) = report.evidence.gaps
    assert re.search(r"began the window [\d.]+ s too late", gap.detail)


A_LOG = """\
components: {web: {collectors: [{name: web.log, file: LOG}]}}
hosts: {web1: {component: web, transport: local}}
"""


# --- Whatever happens, the run goes on -------------------------------------------------------------------------------


def test_a_dead_gateway_is_one_gap_and_costs_a_run_next_to_nothing() -> None:
    port = free_port()
    with investigating(runner_config(f"http://127.0.0.1:{port}/mcp", None)) as run:
        assert "Cannot reach the gateway" in only_gap(run.collect_failure(a_failure()))
        for _ in range(20):
            run.test_began()
            assert re.search(r"\(not tried again for \d+ s\)", only_gap(run.collect_failure(a_failure())))
        assert "Cannot reach" in run.check_hosts()["gateway"]


def test_a_refused_token_is_said(tmp_path: Path, server: Served) -> None:
    wrong = tmp_path / "wrong"
    wrong.touch(0o600)
    wrong.write_text("x" * 43)
    for token_file in (wrong, None):
        with investigating(runner_config(server.url, token_file)) as run:
            assert "refuses the token" in only_gap(run.collect_failure(a_failure()))


def test_a_gateway_that_dies_in_mid_call_is_a_gap_and_the_next_one_is_used_when_it_is_back(tmp_path: Path) -> None:
    marker = a_marker()
    config = str(a_config(tmp_path, slow(tmp_path, marker)))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(served(tmp_path, "--config", config, "--port", str(free_port())))
        run = stack.enter_context(investigating(runner_config(server.url, server.token_file)))
        reports: list[Report] = []
        telling = threading.Thread(target=lambda: reports.append(run.collect_failure(a_failure())), daemon=True)
        telling.start()
        assert wait_until(lambda: is_running(marker))
        server.process.send_signal(signal.SIGKILL)
        telling.join(PATIENCE_S)
        # without an answer, or in the midst of one
        assert re.search(r"gateway at '\S+' (ended the connection|failed: the connection ended)", only_gap(reports[0]))
        server.process.wait()
        a_config(tmp_path)  # the same file without the slow command
        stack.enter_context(served(tmp_path, "--config", config, "--port", str(server.port)))
        assert len(run.collect_failure(a_failure()).evidence.items) == 4


def test_a_cancelled_collection_ends_on_the_hosts(many_kinds: ManyKinds) -> None:
    cancel = threading.Event()
    with investigating(runner_config(*many_kinds.way)) as run:
        threading.Thread(target=lambda: wait_until(many_kinds.is_slow) and cancel.set(), daemon=True).start()
        report = run.collect_failure(a_failure(), hosts=["slow1"], cancel=cancel)
        assert [gap.reason for gap in report.evidence.gaps] == ["cancelled"]
        assert wait_until(lambda: not many_kinds.is_slow())


def test_at_the_deadline_there_is_what_there_was(many_kinds: ManyKinds) -> None:
    with investigating(runner_config(*many_kinds.way)) as run:
        report = run.collect_failure(a_failure(), hosts=["slow1"], deadline_s=8.0)
        assert [item.id for item in report.evidence.items] == ["slow1/quick"]
        assert [gap.reason for gap in report.evidence.gaps] == ["timed out"]
        assert wait_until(lambda: not many_kinds.is_slow())


def test_with_no_time_left_the_gateway_is_not_asked() -> None:
    config = runner_config("http://127.0.0.1:9/mcp", None, limits={"run_time_s": 1e-9})
    with investigating(config) as run:
        run.collect_failure(a_failure())
        report = run.collect_failure(a_failure())
        assert [(gap.reason, gap.host) for gap in report.evidence.gaps] == [("skipped", "gateway")]


def test_in_a_storm_a_gateway_is_asked_for_state_alone(server: Served) -> None:
    with investigating(runner_config(server.url, server.token_file, limits={"repeats": 1})) as run:
        first, second = (run.collect_failure(a_failure()) for _ in range(2))
    collectors = {item.collector for item in first.evidence.items}
    commands = {item.collector for item in first.evidence.items if item.window is None}
    assert commands < collectors
    assert {item.collector for item in second.evidence.items} == commands
    (gap,) = second.evidence.gaps
    assert gap.detail.startswith("logs are not collected again: this is number 2 of equal failures in a row")


RUNNER = """
import sys, threading
from FailTaleLibrary.config import load_config
from FailTaleLibrary.run import Run
from test_gateway import a_failure
run = Run(load_config(sys.argv[1]))
run.test_began()
report = run.collect_failure(a_failure())
assert len(report.evidence.items) == 4, report.evidence.gaps
for name in ("paramiko", "robot", "ollama", "mcp", "httpx2", "anyio"):
    assert name not in sys.modules, name
assert [each.name for each in threading.enumerate() if not each.daemon] == ["MainThread"]
"""


def test_a_runner_loads_neither_ssh_nor_mcp_and_its_interpreter_ends_at_once_even_unclosed(
    tmp_path: Path, server: Served
) -> None:
    (tmp_path / "runner.yaml").write_text(of_a_runner(server))
    path = ":".join([str(Path(__file__).parent), environment(tmp_path)["PYTHONPATH"]])
    script = RUNNER.replace("from test_gateway import a_failure\n", A_FAILURE)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "runner.yaml")],
        env={**environment(tmp_path), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


A_FAILURE = """
from datetime import datetime, timedelta, timezone
from FailTaleLibrary.records import Failure, Window
def a_failure():
    now = datetime.now(timezone.utc)
    return Failure(id="0" * 32, name="T", window=Window(start=now - timedelta(seconds=60), end=now))
"""


def test_a_passing_run_with_marks_off_never_calls_the_gateway(server: Served) -> None:
    before = server.audit_file.read_text() if server.audit_file.exists() else ""
    gateway = GatewaySource(runner_config(server.url, server.token_file, marks="off"))
    for _ in range(10):
        gateway.window_began()
    assert not [thread for thread in threading.enumerate() if "gateway" in thread.name]
    assert server.audit_file.read_text() == before
    gateway.close()


def test_a_mark_returns_at_once_and_is_taken_in_the_background() -> None:
    asked: list[str] = []
    all_began = threading.Event()

    def answer(tool: str, arguments: dict[str, Any]) -> Any:
        asked.append(tool)
        assert all_began.wait(PATIENCE_S)  # whoever waits for an answer, waits for ever
        return {"marks": {}, "server_time": time.time()}

    with rogue(answer) as url:
        gateway = GatewaySource(runner_config(url, None))
        for _ in range(100):
            gateway.window_began()
        all_began.set()
        assert wait_until(lambda: asked == ["runner_mark"])
        gateway.close()
    assert asked == ["runner_mark"]


# --- From end to end -------------------------------------------------------------------------------------------------


def listing(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    path = ":".join([str(ROOT / "listeners"), environment(folder)["PYTHONPATH"]])
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**environment(folder), "PYTHONPATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.ssh
def test_robot_gets_a_card_through_the_gateway_from_a_real_ssh_host(tmp_path: Path, over_ssh: OverSsh) -> None:
    (tmp_path / "suite.robot").write_text("*** Test Cases ***\nOrders Survive\n    Fail    it is down\n")
    (tmp_path / "runner.yaml").write_text(of_a_runner(over_ssh.server))
    done = listing(["robot", "--listener", "FailTaleListener:runner.yaml", "suite.robot"], tmp_path)
    assert done.returncode == 1, done.stderr
    (report,) = reports_in(tmp_path / "output.xml")
    assert isinstance(report, Report)
    assert report.failure.name == "Orders Survive"
    state = report.evidence.item("web1/state")
    assert state is not None
    assert state.text.strip() == "all is well"
    assert state.ssh_command is not None


def of_a_runner(server: Served) -> str:
    return f"gateway: {{url: '{server.url}', token_file: {server.token_file}}}\n"


def test_pytest_gets_its_section_through_the_gateway(tmp_path: Path, server: Served) -> None:
    (tmp_path / "runner.yaml").write_text(of_a_runner(server))
    (tmp_path / "test_orders.py").write_text("def test_orders():\n    assert False, 'it is down'\n")
    done = listing(["pytest", *plugin_options(), "-vv", "--failtale", "runner.yaml", "test_orders.py"], tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "all is well" in done.stdout


@pytest.mark.needs("nginx")
def test_tls_in_front_works_as_the_manual_shows_it(
    tmp_path: Path, server: Served, openssl_pair: tuple[Path, Path]
) -> None:
    certificate, key = openssl_pair
    port = free_port()
    manual = (ROOT / "docs" / "mcp.md").read_text().split("```nginx\n")[1].split("```")[0]
    block = manual.replace("gateway.example.org", "localhost").replace("listen 443", f"listen 127.0.0.1:{port}")
    block = block.replace("/etc/ssl/gateway.pem", str(certificate)).replace("/etc/ssl/gateway.key", str(key))
    block = block.replace("127.0.0.1:5050", f"127.0.0.1:{server.port}")
    (tmp_path / "nginx.conf").write_text(NGINX.replace("FOLDER", str(tmp_path)).replace("BLOCK", block))
    nginx = subprocess.Popen(["nginx", "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "nginx.log")])
    try:
        assert wait_until(lambda: (tmp_path / "nginx.pid").exists())
        url = f"https://localhost:{port}/mcp"
        settings = GatewaySettings(url=url, token_file=server.token_file, ca_file=certificate)
        with investigating(Config(gateway=settings, bundles={"enabled": False})) as run:
            assert len(run.collect_failure(a_failure()).evidence.items) == 4
        stranger = Config(gateway=GatewaySettings(url=url, token_file=server.token_file))
        with investigating(stranger) as run:
            assert "Cannot reach" in only_gap(run.collect_failure(a_failure()))
    finally:
        nginx.terminate()
        nginx.wait(PATIENCE_S)


NGINX = """
daemon off;
pid FOLDER/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    BLOCK
}
"""


@pytest.fixture
def openssl_pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    certificate, key = tmp_path / "gateway.pem", tmp_path / "gateway.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


# --- The record ------------------------------------------------------------------------------------------------------


def test_a_record_survives_its_way() -> None:
    report = builders.a_report()
    handover = Handover(plan=report.plan, evidence=report.evidence, full_texts={"web1/kernel": "ü\n" * 1000})
    word = pack_handover(handover)
    assert word.isascii()
    assert unpack_handover(word, max_bytes=10_000_000) == handover


@pytest.mark.parametrize(
    "word",
    [
        "",
        "x",
        "ä",
        pack_handover(Handover(plan=builders.a_plan(), evidence=builders.some_evidence(), full_texts={}))[:-8],
    ],
)
def test_a_damaged_record_is_the_gateways_fault(word: str) -> None:
    with pytest.raises(GatewayError):
        unpack_handover(word, max_bytes=10_000_000)


def test_a_record_of_another_version_says_what_to_do() -> None:
    import base64
    import zlib

    word = base64.b64encode(zlib.compress(json.dumps({"schema_version": 2}).encode())).decode()
    with pytest.raises(GatewayError, match="same version on both sides"):
        unpack_handover(word, max_bytes=10_000_000)
