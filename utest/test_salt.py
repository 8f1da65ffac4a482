"""A fleet of minions is asked in few jobs, leaves nothing behind, and every host that gives nothing says why."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from builders import a_failure
from patience import FOREVER_S, PATIENCE_S, wait_until
from salt_stub import ModuleMinion, RecordedMinion, SaltStub, reply, serving, shell_minion, silent

from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.source import OwnHosts
from FailTaleLibrary.config import Config, parse_config
from FailTaleLibrary.doctor.checkup import check
from FailTaleLibrary.doctor.findings import HostFinding
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.gate.fleet import external_auth, salt_module
from FailTaleLibrary.records import Gap, Report, Window
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.run import Run
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.windows import Marks
from FailTaleLibrary.windows.marks import MOST_MARKED_TOGETHER

COLLECTORS = "{name: state, command: 'echo up; echo warn >&2'}, {name: log, file: LOG, window: none}"
CONFIG = """
salt:
  url: {url}
  user: failtale
  password: "%{{SALT_PASSWORD}}"
  answer_timeout: {answer_timeout}
  {more}
components:
  web:
    collectors: [{collectors}]
hosts: {{{hosts}}}
limits: {{failure_time: {failure_time}, host_time: 90 s}}
bundles: {{enabled: no}}
marks: off
"""


@dataclass
class Lab:
    """A stub, and configurations that lead to it."""

    stub: SaltStub
    directory: Path

    def config(
        self,
        *hosts: str,
        collectors: str = COLLECTORS,
        more: str = "",
        answer_timeout: str = "60 s",
        failure_time: str = "90 s",
        password: str = "",
    ) -> Config:
        (self.directory / "app.log").write_text(
            "2026-11-26 10:00:00 ERROR out of \udcff beans\n", "utf-8", "surrogateescape"
        )
        text = CONFIG.format(
            url=self.stub.url or "http://127.0.0.1:9",
            collectors=collectors.replace("LOG", str(self.directory / "app.log")),
            hosts=", ".join(f"{host}: {{component: web, transport: salt}}" for host in hosts),
            more=more,
            answer_timeout=answer_timeout,
            failure_time=failure_time,
        )
        return parse_config(text, environ={"SALT_PASSWORD": password or self.stub.password})

    def with_modules(self, config: Config, *minions: str) -> None:
        module = salt_module(config)
        self.stub.minions |= {minion: ModuleMinion(minion, module) for minion in minions}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A master of one's own; when a test is over, nobody listens to it any longer."""
    with serving(SaltStub({})) as stub:
        yield Lab(stub, tmp_path)
        assert wait_until(lambda: not [each for each in threading.enumerate() if each.name == "failtale-salt-events"])


def collected(config: Config) -> Report:
    with Run(config, environ={}) as run:
        return run.collect_failure(run.failure("Order"))


def texts(report: Report) -> dict[tuple[str, str], str]:
    return {(item.host, item.collector): item.text for item in report.evidence.items}


def gaps(report: Report) -> dict[str, Gap]:
    return {gap.host: gap for gap in report.evidence.gaps}


# --- Evidence


def test_hosts_of_one_configuration_share_one_job_and_one_login(lab: Lab) -> None:
    config = lab.config("web1", "web2", "web3")
    lab.with_modules(config, "web1", "web2", "web3")
    with Run(config, environ={}) as run:
        first, second = (run.collect_failure(run.failure(name)) for name in ("Order", "Pay"))
    for report in (first, second):
        assert {text for (_, name), text in texts(report).items() if name == "state"} == {"up\n"}
        assert sum("beans" in text for text in texts(report).values()) == 3
        assert {clock.host for clock in report.evidence.clocks} == {"web1", "web2", "web3"}
        assert all(item.stderr == "warn" for item in report.evidence.items if item.collector == "state")
    assert lab.stub.logins == 1
    assert lab.stub.jobs_of("failtale.hello") == [("web1", "web2", "web3")]
    assert lab.stub.jobs_of("failtale.collect") == [("web1", "web2", "web3")] * 2


def test_any_byte_of_a_log_survives_the_way(lab: Lab) -> None:
    config = lab.config("web1")
    lab.with_modules(config, "web1")
    assert "out of \\xff beans" in texts(collected(config))["web1", "log"]


def test_where_there_is_no_event_stream_the_master_is_asked_for_returns(lab: Lab) -> None:
    lab.stub.has_events = False
    config = lab.config("web1", "web2")
    lab.with_modules(config, "web1", "web2")
    report = collected(config)
    assert {text for (_, name), text in texts(report).items() if name == "state"} == {"up\n"}
    assert {item.host for item in report.evidence.items} == {"web1", "web2"}


def test_whole_scripts_run_only_where_the_configuration_says_so_and_that_is_warned_about_once(lab: Lab) -> None:
    config = lab.config("web1", "web2", more="function: cmd.run_all")
    lab.stub.minions |= {"web1": shell_minion, "web2": shell_minion}
    report = collected(config)
    assert texts(report)["web1", "state"] == texts(report)["web2", "state"] == "up\n"
    assert "out of \\xff beans" in texts(report)["web2", "log"]
    assert [minions for name, minions in lab.stub.jobs if name != "cmd.run_all"] == []
    assert any("root on every minion" in warning for warning in config.warnings)
    assert not any("root on every minion" in warning for warning in lab.config("web1").warnings)


def test_much_output_is_cut_on_the_minion_and_never_thrown_away_by_the_master(lab: Lab) -> None:
    much = "{name: much, command: 'seq 1 1200000', max_bytes: 8 MB}, {name: after, command: echo after}"
    for more, minion in (("", None), ("function: cmd.run_all", shell_minion)):
        config = lab.config("web1", collectors=much, more=more)
        if minion is None:
            lab.with_modules(config, "web1")
        else:
            lab.stub.minions["web1"] = minion
        report = collected(config)
        (item,) = (each for each in report.evidence.items if each.collector == "much")
        assert item.text.endswith("1200000\n")
        assert item.omitted_bytes > 7_000_000
        assert texts(report)["web1", "after"] == "after\n"


# --- Nothing is left


@pytest.mark.parametrize("function", ["failtale.collect", "cmd.run_all"])
def test_a_command_that_hangs_is_ended_on_the_minion_by_its_time_limit(lab: Lab, function: str) -> None:
    mark = f"{FOREVER_S}.{os.getpid()}"
    hangs = f"{{name: hangs, command: 'echo begun; setsid sleep {mark} & sleep {mark}', timeout: 1 s}}, "
    config = lab.config("web1", collectors=hangs + COLLECTORS, more=f"function: {function}")
    if function == "cmd.run_all":
        lab.stub.minions["web1"] = shell_minion
    else:
        lab.with_modules(config, "web1")
    report = collected(config)
    (item,) = (each for each in report.evidence.items if each.collector == "hangs")
    assert (item.text, item.timed_out) == ("begun\n", True)
    assert texts(report)["web1", "state"] == "up\n"
    assert wait_until(lambda: not pids_of(f"sleep {mark}"))


@pytest.mark.parametrize("function", ["failtale.collect", "cmd.run_all"])
def test_a_job_that_does_not_return_in_time_is_ended_and_leaves_no_process(lab: Lab, function: str) -> None:
    mark = f"{FOREVER_S}.1{os.getpid()}"
    config = config_of_hanging(lab, function, f"sleep {mark}", failure_time="6 s")
    report = collected(config)
    assert not report.evidence.items or report.evidence.items[0].timed_out
    assert wait_until(lambda: not pids_of(f"sleep {mark}"))


def config_of_hanging(lab: Lab, function: str, command: str, *, failure_time: str = "90 s") -> Config:
    collectors = f"{{name: hangs, command: {command}, timeout: 80 s}}"
    config = lab.config("web1", collectors=collectors, more=f"function: {function}", failure_time=failure_time)
    if function == "cmd.run_all":
        lab.stub.minions["web1"] = shell_minion
    else:
        lab.with_modules(config, "web1")
    return config


@pytest.mark.parametrize("function", ["failtale.collect", "cmd.run_all"])
def test_a_cancelled_run_ends_its_jobs_and_no_process_that_is_not_theirs(lab: Lab, function: str) -> None:
    mark = f"{FOREVER_S}.2{os.getpid()}"
    config = config_of_hanging(lab, function, f"sleep {mark}")
    cancel = threading.Event()
    with Run(config, environ={}) as run:
        thread = threading.Thread(target=lambda: run.collect_failure(run.failure("Order"), cancel=cancel))
        thread.start()
        assert wait_until(lambda: pids_of(f"sleep {mark}"))
        cancel.set()
        thread.join(PATIENCE_S)
        assert wait_until(lambda: not pids_of(f"sleep {mark}"))
    assert {job.split(".")[0] for job, _ in lab.stub.jobs} == {function.split(".")[0]}  # term_job would end a minion


def test_a_module_that_was_loaded_anew_never_ends_the_minion_itself(lab: Lab) -> None:
    asked: list[str] = []
    jobs = [{"jid": "20261126110131033328", "pid": os.getpid()}, {"jid": "20261126110131033329", "pid": 1}]
    salt = {"saltutil.is_running": lambda _: jobs, "saltutil.term_job": asked.append, "saltutil.kill_job": asked.append}
    minion = ModuleMinion("web1", salt_module(lab.config("web1")), salt=salt)
    for job in jobs:
        minion("failtale.end", {"jid": job["jid"], "force": True})
    assert asked == ["20261126110131033329"]


def pids_of(words: str) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = each.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            continue
        if command == words:
            found.append(int(each.parent.name))
    return found


# --- Who gives nothing says why


def test_minions_that_are_down_or_have_no_accepted_key_are_gaps_and_cost_the_others_nothing(lab: Lab) -> None:
    config = lab.config("web1", "frozen", "stranger", answer_timeout="6 s")
    lab.with_modules(config, "web1")
    lab.stub.minions["frozen"] = silent
    with Run(config, environ={}) as run:
        first = run.collect_failure(run.failure("Order"))
        second = run.collect_failure(run.failure("Pay"))
    for report in (first, second):
        assert texts(report)["web1", "state"] == "up\n"
        assert gaps(report)["frozen"].reason == gaps(report)["stranger"].reason == "no answer"
        assert "did not respond within" in gaps(report)["frozen"].detail
        assert "no accepted key of a minion 'stranger'" in gaps(report)["stranger"].detail
    assert lab.stub.jobs_of("failtale.collect") == [("web1",)] * 2
    assert [job for job in lab.stub.jobs_of("failtale.hello") if job != ("web1",)] == [("web1", "frozen", "stranger")]


def test_a_minion_that_freezes_in_a_job_is_a_gap_before_the_time_is_up(lab: Lab) -> None:
    config = lab.config("web1", "web2", answer_timeout="6 s")
    lab.with_modules(config, "web1", "web2")
    module = lab.stub.minions["web2"]
    lab.stub.minions["web2"] = lambda name, asked: (
        module(name, asked) if not lab.stub.jobs_of("failtale.collect") else None
    )
    report = collected(config)
    assert texts(report)["web1", "state"] == "up\n"
    (gap,) = report.evidence.gaps  # of the host, and none more of what it was asked
    assert (gap.host, gap.collector, gap.reason) == ("web2", None, "no answer")


def test_who_is_slow_to_answer_keeps_nobody_waiting_and_is_asked_when_he_does(lab: Lab) -> None:
    config = lab.config("web1", "web2", "web3", answer_timeout="30 s")
    lab.with_modules(config, "web1", "web2", "web3")
    module = lab.stub.minions["web3"]

    def slow(function: str, arguments: Mapping[str, Any]) -> Any:
        assert wait_until(lambda: lab.stub.jobs_of("failtale.collect"))
        return module(function, arguments)

    lab.stub.minions["web3"] = slow
    report = collected(config)
    assert {host for host, name in texts(report) if name == "state"} == {"web1", "web2", "web3"}
    *others, last = lab.stub.jobs_of("failtale.collect")
    assert last == ("web3",)
    assert "web3" not in {minion for job in others for minion in job}


ALL_SLOW_S = 8
"""Longer than anybody may take who is alone."""


def test_a_slow_fleet_is_waited_for_and_asked_in_parts_beginning_with_whom_the_failure_names(lab: Lab) -> None:
    """As on two processors that all of them share: nobody answers in the usual time."""
    names = [f"web{number}" for number in range(120)]
    collectors = "{name: state, command: echo up}, {name: log, file: LOG}"
    config = lab.config(*names, answer_timeout="6 s", collectors=collectors)
    recorded, woken = RecordedMinion(ModuleMinion("web0", salt_module(config))), threading.Event()

    def slow(function: str, arguments: Mapping[str, Any]) -> Any:
        if not woken.is_set():
            woken.wait(ALL_SLOW_S)
            woken.set()
        return recorded(function, arguments)

    lab.stub.minions |= dict.fromkeys(names, slow)
    with Run(config, environ={}) as run:
        report = run.collect_failure(run.failure("Order", message="web119 gave 500"))
    assert {host for host, name in texts(report) if name == "state"} == set(names), report.evidence.gaps[:2]
    assert lab.stub.jobs_of("failtale.hello") == [tuple(names)]
    first, *others = lab.stub.jobs_of("failtale.collect")
    assert "web119" in first
    assert len(first) < len(names)
    assert set(names) == {minion for job in (first, *others) for minion in job}


def test_a_fleet_that_never_answers_is_told_for_each_host_within_the_failures_time(lab: Lab) -> None:
    names = [f"web{number}" for number in range(60)]
    lab.stub.minions |= dict.fromkeys(names, silent)
    report = collected(lab.config(*names, answer_timeout="5 s", failure_time="16 s"))
    assert {gap.reason for gap in gaps(report).values()} == {"no answer"}
    assert "did not respond within" in gaps(report)["web0"].detail
    assert gaps(report).keys() == set(names)
    assert report.evidence.cost.seconds <= 16


def test_a_master_that_throws_returns_away_is_told(lab: Lab) -> None:
    config = lab.config("web1")
    lab.stub.minions["web1"] = lambda name, _: "VALUE_TRIMMED" if name == "failtale.collect" else greeting()
    assert "max_event_size" in gaps(collected(config))["web1"].detail


def greeting() -> dict[str, Any]:
    return {"v": 1, "clock": time.time(), "zone": "+0000", "gates": ["0" * 16]}


def test_a_minion_without_the_module_is_told_how_it_gets_it(lab: Lab) -> None:
    config = lab.config("web1")
    lab.stub.minions["web1"] = lambda *_: "'failtale.hello' is not available."
    gap = gaps(collected(config))["web1"]
    assert gap.reason == "command not found"
    assert "failtale gate --salt" in gap.detail
    assert "saltutil.sync_modules" in gap.detail


def test_a_module_of_another_configuration_runs_what_is_the_same_and_names_the_rest(lab: Lab) -> None:
    lab.with_modules(lab.config("web1"), "web1")
    config = lab.config("web1", collectors=COLLECTORS + ", {name: new, command: echo new}")
    report = collected(config)
    assert texts(report)["web1", "state"] == "up\n"
    (gap,) = (gap for gap in report.evidence.gaps if gap.collector == "new")
    assert "does not know collector 'new'" in gap.detail
    assert "failtale gate --salt" in gap.detail


@dataclass
class Mishap:
    """What an unwell salt-api does, and what a reader is told."""

    do: Callable[[BaseHTTPRequestHandler], bool]
    reason: str
    words: str


def _hang(handler: BaseHTTPRequestHandler) -> bool:
    """Until the client hangs up."""
    with contextlib.suppress(OSError):
        handler.connection.recv(1)
    handler.close_connection = True
    return True


def _with(status: int, kind: str, text: str) -> Callable[[BaseHTTPRequestHandler], bool]:
    def do(handler: BaseHTTPRequestHandler) -> bool:
        reply(handler, status, kind, text)
        return True

    return do


def _drip(handler: BaseHTTPRequestHandler) -> bool:
    """Something all the time, and never a whole head."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Words: ")
        for _ in range(100):
            handler.wfile.write(b"x")
            time.sleep(0.1)
    return True


MISHAPS = {
    "drips": Mishap(_drip, "no answer", "did not answer within 0.5 s"),
    "hangs": Mishap(_hang, "no answer", "did not answer within 0.5 s"),
    "500": Mishap(_with(500, "text/html", "<h1>Oh no</h1>"), "failed", "status 500"),
    "html": Mishap(_with(200, "text/html", "<h1>Welcome to the proxy</h1>"), "failed", "no JSON"),
    "401": Mishap(_with(401, "text/html", "no"), "authentication refused", "refused the login"),
    "list": Mishap(_with(200, "application/json", "[]"), "failed", "no JSON"),
    "empty": Mishap(_with(200, "application/json", '{"return": []}'), "failed", "holds no token"),
}


@pytest.mark.parametrize("kind", MISHAPS)
def test_a_salt_api_that_is_unwell_is_a_gap_with_its_reason_and_is_left_alone(lab: Lab, kind: str) -> None:
    mishap = MISHAPS[kind]
    asked: list[str] = []

    def do(handler: BaseHTTPRequestHandler) -> bool:
        asked.append(handler.path)
        return mishap.do(handler)

    lab.stub.mishap = do
    patience = "500 ms" if kind in ("drips", "hangs") else "60 s"
    with Run(lab.config("web1", "web2", answer_timeout=patience), environ={}) as run:
        for name in ("Order", "Pay"):
            report = run.collect_failure(run.failure(name))
            assert {gap.reason for gap in report.evidence.gaps} == {mishap.reason}
            assert all(mishap.words in gap.detail for gap in report.evidence.gaps)
            assert gaps(report).keys() == {"web1", "web2"}
    assert asked == ["/login"]


def test_nobody_listens_is_told(lab: Lab) -> None:
    lab.stub.url = "http://127.0.0.1:9"
    assert gaps(collected(lab.config("web1")))["web1"].reason == "refused"


def test_a_function_that_is_not_allowed_is_told_with_the_command_that_prints_the_lines(lab: Lab) -> None:
    lab.stub.allowed = ("test.ping",)
    gap = gaps(collected(lab.config("web1")))["web1"]
    assert gap.reason == "permission denied"
    assert "'failtale.hello'" in gap.detail
    assert "failtale gate --external-auth" in gap.detail


def test_a_token_that_ends_is_renewed(lab: Lab) -> None:
    config = lab.config("web1")
    lab.with_modules(config, "web1")
    with Run(config, environ={}) as run:
        assert texts(run.collect_failure(run.failure("Order")))
        lab.stub.tokens.clear()
        assert texts(run.collect_failure(run.failure("Pay")))
    assert lab.stub.logins == 2


def test_a_user_who_may_not_ask_for_jobs_gets_all_that_the_event_stream_tells(lab: Lab) -> None:
    config = lab.config("web1", collectors="{name: slow, command: 'sleep 6; echo up', timeout: 60 s}")
    lab.with_modules(config, "web1")
    lab.stub.allowed = ("failtale.hello", "failtale.collect")
    assert texts(collected(config))["web1", "slow"] == "up\n"


def away_with_the_job(lab: Lab, *, seconds: float | None) -> None:
    """Of minion web1: salt-api goes away as its job begins, for so long; None: for ever."""
    module = lab.stub.minions["web1"]

    def back() -> None:
        lab.stub.is_away = False

    def minion(function: str, arguments: Mapping[str, Any]) -> Any:
        if function == "failtale.collect":
            lab.stub.goes_away()
            if seconds is not None:
                threading.Timer(seconds, back).start()
        return module(function, arguments)

    lab.stub.minions["web1"] = minion


def test_a_salt_api_that_is_started_anew_while_a_job_runs_is_waited_for(lab: Lab) -> None:
    config = lab.config("web1")
    lab.with_modules(config, "web1")
    away_with_the_job(lab, seconds=1)
    assert texts(collected(config))["web1", "state"] == "up\n"
    assert lab.stub.jobs_of("failtale.collect") == [("web1",)]


def test_a_salt_api_that_stays_away_is_what_is_told_and_not_the_minions_silence(lab: Lab) -> None:
    config = lab.config("web1", failure_time="8 s")
    lab.with_modules(config, "web1")
    away_with_the_job(lab, seconds=None)
    first, *others = collected(config).evidence.gaps
    assert "salt-api at http" in first.detail
    assert {gap.reason for gap in others} <= {"skipped"}, "a busy machine has no time left for them"


def test_https_is_trusted_by_the_authority_that_the_configuration_names(tmp_path: Path) -> None:
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key)]
    subprocess.run([*words, "-out", str(certificate)], check=True, capture_output=True)
    with serving(SaltStub({}), certificate=(certificate, key)) as stub:
        lab = Lab(stub, tmp_path)
        trusting = lab.config("web1", more=f"ca_file: {certificate}")
        lab.with_modules(trusting, "web1")
        assert texts(collected(trusting))["web1", "state"] == "up\n"
        gap = gaps(collected(lab.config("web1")))["web1"]
        assert "is not trusted" in gap.detail
        assert "ca_file" in gap.detail


def test_a_password_goes_over_https_or_to_this_machine_alone(lab: Lab) -> None:
    lab.stub.url = "http://salt.example.com:8000"
    with pytest.raises(ConfigError, match="is not an address of https"):
        lab.config("web1")


def test_hosts_of_salt_need_the_section_that_says_where_it_is() -> None:
    with pytest.raises(ConfigError, match="needs a section 'salt'"):
        parse_config("components: {web: {collectors: [linux]}}\nhosts: {web1: {component: web, transport: salt}}\n")


def test_a_collector_that_runs_inside_of_something_is_refused_for_a_minion(lab: Lab) -> None:
    with pytest.raises(ConfigError, match="collector 'state' runs 'inside' of something"):
        lab.config("web1", collectors="{name: state, command: uptime, inside: docker exec -i web}")


# --- Least privilege


def test_external_auth_allows_the_modules_functions_and_nothing_else(lab: Lab) -> None:
    lines = external_auth(lab.config("web1", "web2")).splitlines()
    allowed = [line.strip(" -") for line in lines if line.startswith("        - ")]
    assert allowed == ["failtale.hello$", "failtale.collect$", "failtale.end$", "list_job$", "exit_success$"]
    assert "      - 'L@web1,web2':" in lines


def test_equal_configurations_give_equal_modules_with_one_gate_for_equal_hosts(lab: Lab) -> None:
    module = salt_module(lab.config("web1", "web2"))
    assert module == salt_module(lab.config("web1", "web2"))
    assert module.count("\nGATES[") == 1


def test_the_module_runs_nothing_that_its_gate_does_not_hold(lab: Lab) -> None:
    minion = ModuleMinion("web1", salt_module(lab.config("web1")))
    header = f"{'a' * 16} {'b' * 16} {'c' * 16} 20 "
    for body in (
        "item 0 state; touch /tmp/x 0000 3 100 - - 100\nend\n",
        "item 0 other 0123456789abcdef 3 100 - - 100\nend\n",
        "$(id)\nend\n",
    ):
        request = f"{header}{len(body)}".ljust(79) + "\n" + body
        told = minion("failtale.collect", {"requests": [request], "whose": {}, "lasts": 5.0})
        assert told["why"] == "ended"
    assert minion("failtale.end", {"jid": "20261126110131033328"}) == "not running"


# --- failtale check


def findings(config: Config) -> dict[str, HostFinding]:
    return {host.host: host for host in check(config, environ={}).hosts}


def test_a_checkup_asks_the_whole_fleet_once_and_names_who_does_not_answer(lab: Lab) -> None:
    config = lab.config("web1", "web2", "frozen", answer_timeout="6 s")
    lab.with_modules(config, "web1", "web2")
    lab.stub.minions["frozen"] = silent
    found = findings(config)
    for name in ("web1", "web2"):
        assert [stage.verdict for stage in found[name].stages] == ["ok", "ok"]
        assert [each.outcome for each in found[name].collectors] == ["ok", "ok"]
    (stage,) = found["frozen"].stages
    assert (stage.stage, stage.advice[0].where, stage.advice[0].lines[-1]) == (
        "reach",
        "on the Salt master",
        "salt frozen test.ping",
    )
    assert lab.stub.jobs_of("failtale.collect") == [("web1", "web2")]


def test_a_checkup_tells_each_trouble_with_what_to_write_on_the_master(lab: Lab) -> None:
    config = lab.config("web1")
    lab.with_modules(lab.config("web1", collectors="{name: other, command: uptime}"), "web1")
    assert "of another configuration" in findings(config)["web1"].stages[0].said
    lab.stub.minions["web1"] = lambda *_: "'failtale.hello' is not available."
    assert "salt '*' saltutil.sync_modules" in findings(config)["web1"].stages[0].advice[0].lines
    lab.stub.allowed = ()
    (stage,) = findings(config)["web1"].stages
    assert "        - failtale.collect$" in stage.advice[0].lines
    stage = findings(lab.config("web1", password="wrong"))["web1"].stages[0]
    assert (stage.stage, stage.verdict) == ("login", "problem")
    lab.stub.url = "http://127.0.0.1:9"
    assert "systemctl status salt-api" in findings(lab.config("web1"))["web1"].stages[0].advice[0].lines


# --- Marks


def test_marks_of_a_fleet_are_one_job_and_hosts_with_marks_share_one_job_for_their_logs(lab: Lab) -> None:
    log = lab.directory / "shop.log"
    log.write_text("before\n")
    collectors = f"{{name: log, file: {log}}}, {{name: rows, command: 'cat {log} | wc -l', baseline: yes}}"
    config = lab.config("web1", "web2", collectors=collectors).model_copy(update={"marks": "test"})
    lab.with_modules(config, "web1", "web2")
    hosts = OwnHosts(config)
    try:
        assert hosts.mark_now(within_s=PATIENCE_S) == {"web1": "", "web2": ""}
        began = datetime.now(timezone.utc)
        with log.open("a") as file:
            file.write("behind the mark\n")
        failure = a_failure(window=Window(start=began, end=datetime.now(timezone.utc)))
        _, evidence, _ = hosts.collect(failure, redactor=Redactor(), faults=Faults(Redactor), budget=Budget(90))
    finally:
        hosts.close()
    found = {(item.host, item.collector): item for item in evidence.items}
    assert found["web1", "log"].text == found["web2", "log"].text == "behind the mark\n"
    assert found["web1", "rows"].baseline == "1\n"
    assert lab.stub.jobs_of("failtale.collect") == [("web1", "web2")] * 2


def test_of_a_fleet_that_is_too_large_no_marks_are_taken_and_that_is_said(lab: Lab) -> None:
    names = [f"web{number}" for number in range(MOST_MARKED_TOGETHER + 1)]
    config = lab.config(*names, collectors="{name: up, command: uptime}").model_copy(update={"marks": "test"})
    hosts = OwnHosts(config)
    try:
        assert hosts.mark_now(within_s=1) == {}
        hosts.window_began()
        assert lab.stub.jobs == []
    finally:
        hosts.close()
    marks = Marks(config, Connections(config))
    assert "keep their master busy" in marks.missed("web1", datetime.now(timezone.utc))
