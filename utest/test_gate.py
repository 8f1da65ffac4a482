"""A gate gives what a direct visit gives, for the collectors that runner and gate have in common, and for no other."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from gates import SHELLS, GateTransport, ask, collectors_of, config_of, written
from hypothesis import given
from hypothesis import strategies as st
from patience import FOREVER_S, wait_until
from sshd import running_with

from FailTaleLibrary.cli import main
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.gate import gate_of_component, gate_of_host
from FailTaleLibrary.gate.script import _expression_of
from FailTaleLibrary.transports import CommandResult, Script, VisitItem
from FailTaleLibrary.transports.local import LocalTransport
from FailTaleLibrary.transports.visit_host import KnownLogin
from FailTaleLibrary.windows import ResolvedWindow, mark_script, parse_host_output, take_mark


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return request.param


def through_gate(config, directory: Path, shell: str = "dash") -> GateTransport:
    return GateTransport(written(gate_of_host(config, "web1").text, directory / "bin", shell))


def evidence(result: CommandResult) -> tuple[object, ...]:
    """What collection makes its items of.

    Of commands that share a session all output travels, and the client throws away what a host does otherwise: then the
    host counts less, and the sum is the same.
    """
    output = parse_host_output(result.stdout, result.stderr, nonce=result.nonce)
    omitted = output.omitted_bytes + result.omitted_bytes
    output = replace(output, produced_bytes=None, omitted_bytes=omitted, omitted_lines=0)
    return output, result.exit_status, result.timed_out, result.incomplete, result.was_started


def strange_logs(tmp_path: Path) -> Path:
    """A folder of logs whose names are strange, and of which each has another fate after its mark."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "app.log").write_text("before\n" * 20)
    for name in ("it's.log", "-rf.log", "*.log", "bytes\udce9.log"):
        (logs / name).write_text("before\n")
    (logs / "emptied.log").write_text("before\n" * 9)
    (logs / "dated.log").write_text(f"{time.strftime('%Y-%m-%d')} 00:00:00 ERROR ancient\n" * 3)
    return logs


def let_time_pass(logs: Path) -> None:
    with (logs / "app.log").open("a") as log:
        log.write("ERROR ahead of the rotation\n")
    (logs / "app.log").rename(logs / "app.log.1")
    (logs / "app.log").write_text("ERROR behind the rotation\nfine\n")
    (logs / "emptied.log").write_text("ERROR anew\n")
    for log in logs.glob("*.log"):
        with log.open("a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} ERROR of {log.name!a}\n")
    (logs / "new.log").write_text("ERROR in a new file\n")


def test_a_gate_gives_the_same_evidence_as_a_direct_visit(shell: str, tmp_path: Path) -> None:
    logs = strange_logs(tmp_path)
    config = config_of(
        {"name": "all", "file": str(logs / "*.log")},
        {"name": "one", "file": str(logs / "app.log"), "grep": "ERROR|it's", "before": 3},
        {"name": "newest", "file": str(logs / "app.log"), "window": "none", "lines": 1},
        {"name": "none", "file": [str(logs / "not there.log"), str(logs / "?.txt")]},
        {"name": "journal", "journal": "it's.service", "priority": "err"},
        {"name": "state", "command": 'echo "it\'s $FAILTALE_SINCE to $FAILTALE_UNTIL" && echo why >&2; exit 3'},
        {"name": "filtered", "command": "seq 1 20000", "grep": "7$", "lines": 3, "baseline": True},
        {"name": "much", "command": "seq 1 20000"},
        {"name": "silent", "command": "true"},
        {"name": "hung", "command": "echo part; sleep 300", "timeout": 1},
        {"name": "gone", "command": "no-such-program"},
    )
    gate, direct = through_gate(config, tmp_path, shell), LocalTransport()
    everything = collectors_of(config)
    marks = [take_mark(way, mark_script(everything), cancel=threading.Event()).mark for way in (gate, direct)]
    assert (marks[0].files, marks[0].patterns, marks[0].baselines) == (
        marks[1].files,
        marks[1].patterns,
        marks[1].baselines,
    )
    assert len(marks[0].files) == 8
    let_time_pass(logs)
    now = time.time()
    window = ResolvedWindow(
        "test",
        since_epoch=now - 30,
        sure_epoch=now - 30,
        until_epoch=now,
        asked_since_epoch=now - 30,
        asked_until_epoch=now,
        utc_offset_s=-3600,
        mark=marks[0],
    )
    answers, expected = (ask(way, everything, window) for way in (gate, direct))
    assert answers.keys() == expected.keys()
    assert {name: evidence(answers[name]) for name in answers} == {name: evidence(expected[name]) for name in expected}
    assert b"ahead of the rotation" in answers["one"].stdout
    assert b"in a new file" in answers["all"].stdout
    if shell != SHELLS[0]:
        return  # by its times a log is read by the same programs
    unmarked = ResolvedWindow("test", since_epoch=now - 30, sure_epoch=now - 29, until_epoch=now)
    logs_alone = everything[:5]
    assert {name: evidence(each) for name, each in ask(gate, logs_alone, unmarked).items()} == {
        name: evidence(each) for name, each in ask(direct, logs_alone, unmarked).items()
    }


def test_a_gate_is_recognised_by_its_first_words_and_is_then_sent_ids_and_numbers_alone(tmp_path: Path) -> None:
    config = config_of({"name": "state", "command": "echo here"})
    gate = GateTransport(through_gate(config, tmp_path).file, is_known=False)
    for _ in range(2):
        assert ask(gate, collectors_of(config), ResolvedWindow("none"))["state"].stdout == b"here\n"
    first, *others = gate.command_lines
    assert first.startswith("exec sh -c")
    assert [re.sub(r"\d{6}", "N", line) for line in others] == ["failtale-gate 1 N N"] * 2
    assert gate.known.gate_digest == gate_of_host(config, "web1").digest


def test_where_gates_are_demanded_a_shell_gets_nothing(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    shell = LocalTransport()
    shell.known = KnownLogin(has_gate=True)
    with pytest.raises(TransportError, match="failtale-gate"):
        ask(shell, collectors_of(config_of({"name": "x", "command": f"touch {canary}"})), ResolvedWindow("none"))
    assert not canary.exists()


def test_what_a_gate_and_its_runner_do_not_have_in_common_is_said_and_the_rest_is_collected(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("old\n")
    same = {"name": "same", "command": "echo same"}
    gate = through_gate(
        config_of(same, {"name": "other", "command": "echo 1"}, {"name": "log", "file": str(log)}, item_bytes=20_000),
        tmp_path,
    )
    config = config_of(
        same,
        {"name": "other", "command": "echo 2"},
        {"name": "log", "file": str(log)},
        {"name": "new", "command": "id"},
    )
    everything = collectors_of(config)
    mark = take_mark(gate, mark_script(everything), cancel=threading.Event()).mark
    assert [file.path for file in mark.files] == [str(log)]
    answers = ask(gate, everything, ResolvedWindow("test", mark=mark))
    said = {name: answer.incomplete for name, answer in answers.items()}
    end = "; make it anew with 'failtale gate web1'"
    beginning = "the gate on 'web1' was made from another configuration:"
    assert said == {
        "same": None,
        "log": None,
        "other": f"{beginning} collector 'other' differs{end}",
        "new": f"{beginning} it does not know collector 'new'{end}",
    }
    assert answers["same"].stdout == b"same\n"
    too_much = ask(gate, everything[:1], ResolvedWindow("none"), max_bytes=5_000_000)["same"]
    assert too_much.incomplete == f"{beginning} collector 'same' may take more time or bytes there{end}"
    assert gate.known.gate_digest != gate_of_host(config, "web1").digest


def test_what_is_no_collector_of_the_configuration_does_not_reach_a_gate(tmp_path: Path) -> None:
    gate = through_gate(config_of({"name": "state", "command": "true"}), tmp_path)
    said: dict[str, CommandResult] = {}
    gate.visit(
        [VisitItem("own", Script("id"), FOREVER_S, 1000)],
        ends_at=time.monotonic() + FOREVER_S,
        cancel=threading.Event(),
        on_result=lambda name, result: said.update({name: result}),
    )
    assert said["own"].incomplete == "the gate of this host runs the collectors of the configuration alone"
    assert not said["own"].was_started


def test_nothing_is_left_of_a_call_whose_runner_is_gone(shell: str, tmp_path: Path) -> None:
    sign = f"failtale-gate-test-{os.getpid()}-{shell}"
    command = f"export SIGN={sign}; setsid sleep 300 & trap '' TERM; sleep 300; sleep 300"
    config = config_of({"name": "hung", "command": command})
    gate = through_gate(config, tmp_path, shell)
    started = []
    start = gate.start

    def remember(command_line: str, *, wait_s: float) -> object:
        started.append(start(command_line, wait_s=wait_s))
        return started[-1]

    gate.start = remember
    arguments = (gate, collectors_of(config), ResolvedWindow("none"))
    threading.Thread(target=ask, args=arguments, daemon=True).start()
    assert wait_until(lambda: running_with(f"SIGN={sign}"))
    started[0].hang_up()  # as sshd does when the connection ends
    assert wait_until(lambda: not running_with(f"SIGN={sign}")), "something is left"


def test_a_call_without_a_request_ends_by_itself(tmp_path: Path) -> None:
    text = gate_of_host(config_of({"name": "state", "command": "true"}), "web1").text
    gate = written(text.replace("clock 40 ", "clock 2 "), tmp_path / "bin")
    process = GateTransport(gate).start("failtale-gate 1 123456 123456", wait_s=1)
    assert wait_until(lambda: (process.read(), process.ended)[1])
    process.close()


@pytest.mark.parametrize("arguments", [["web1"], ["--component", "web"]], ids=" ".join)
def test_equal_configurations_give_equal_gates(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yaml = tmp_path / "failtale.yaml"
    yaml.write_text("components: {web: {collectors: [linux]}}\nhosts: {web1: {component: web, transport: local}}\n")
    printed = []
    for _ in range(2):
        assert main(["gate", *arguments, "--config", str(yaml)]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "#   linux.disk\n" in printed[0]
    yaml.write_text(yaml.read_text().replace("[linux]", "[linux, {command: id}]"))
    assert main(["gate", *arguments, "--config", str(yaml)]) == 0
    assert capsys.readouterr().out != printed[0]


@pytest.mark.parametrize("arguments", [[], ["web1", "--component", "web"], ["web2"], ["--component", "db"]], ids=str)
def test_a_gate_for_nothing_is_refused_with_a_sentence(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yaml = tmp_path / "failtale.yaml"
    yaml.write_text("components: {web: {}}\nhosts: {web1: {component: web, transport: local}}\n")
    assert main(["gate", *arguments, "--config", str(yaml)]) == 2
    assert re.fullmatch(r"failtale: [^\n]+\n", capsys.readouterr().err)


def test_hosts_of_one_component_have_its_gate() -> None:
    config = config_of({"name": "state", "command": "true"})
    assert gate_of_component(config, "web").digest == gate_of_host(config, "web1").digest


NAMES = st.text(alphabet="ab.*?-", min_size=1, max_size=6)


@given(pattern=st.lists(NAMES, min_size=1, max_size=3), path=st.lists(NAMES, min_size=1, max_size=3))
def test_a_marked_path_is_one_that_the_shell_itself_would_find(pattern: list[str], path: list[str]) -> None:
    allowed = re.fullmatch(_expression_of(["/" + "/".join(pattern)]), "/" + "/".join(path)) is not None
    matches = len(pattern) == len(path) and all(
        fnmatchcase(name, glob) and (name[0] != "." or glob[0] == ".") for name, glob in zip(path, pattern, strict=True)
    )
    assert allowed == matches
