"""Real containers of podman: what is collected in them, what is told of them, and that nothing is left there.

Not proven here: Docker itself, which was met by hand (20.10); its words are tested as recorded.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import gates
import pytest
from builders import a_failure
from containers import Engine, engine_or_skip
from gates import GateTransport
from host_shells import BUSYBOX, HostShell, host_shells
from patience import FOREVER_S, wait_until
from preset_answers import SECRET, ask, collectors_of, judge, keep
from sshd import Sshd
from ways import item, visit

from FailTaleLibrary.collection.collect import collect
from FailTaleLibrary.collection.host import HostAccess
from FailTaleLibrary.collection.plan import plan
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.gate import gate_of_host
from FailTaleLibrary.ranking.suspects import rank
from FailTaleLibrary.records import Window
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.transports import CommandResult, Connections
from FailTaleLibrary.transports.inside import InsideTransport
from FailTaleLibrary.windows import Marks, ResolvedWindow


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with engine_or_skip() as engine:
        engine.run("shop", "exec sleep 6000")
        yield engine


@pytest.fixture
def inside(engine: Engine) -> tuple[str, ...]:
    return (str(engine.podman), "exec", "-i", "shop")


def _connections(inside: tuple[str, ...], host: Sshd | None = None) -> Connections:
    way = {"transport": "local"} if host is None else {"address": host.address, "ssh": host.ssh_settings()}
    collectors = [{"name": "in", "command": "true"}]
    return Connections(
        Config.model_validate(
            {
                "components": {"shop": {"collectors": collectors}},
                "hosts": {"web1": {"component": "shop", "inside": list(inside), **way}},
            }
        )
    )


def test_a_visit_is_held_in_a_real_container_over_ssh(engine: Engine, inside: tuple[str, ...], a_host: Sshd) -> None:
    connections = _connections(inside, a_host)
    results = visit(connections.transport("web1", inside), item("who", "ls /; readlink /proc/self/ns/pid"))
    connections.close()
    assert b"etc\n" in results["who"].stdout
    assert b"home\n" not in results["who"].stdout
    assert wait_until(lambda: not engine.processes("shop") and not engine.clients())


SHAPES = ("sleep 6000", "trap '' TERM; sleep 6000; sleep 6000", "sleep 6000 | cat", "setsid sleep 6000 & sleep 6000")
ENDS = ("limit", "cancel", "connection", "client")


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_left_in_a_container_however_a_visit_ends(
    end: str, engine: Engine, inside: tuple[str, ...], a_host: Sshd
) -> None:
    """``client``: the engine's own `exec` is killed, while what it started lives."""
    connections, cancel = _connections(inside, a_host), threading.Event()
    transport = connections.transport("web1", inside)
    items = [item(str(number), f"{shape} # end", timeout_s=FOREVER_S) for number, shape in enumerate(SHAPES)]
    if end == "limit":
        items = [item("0", SHAPES[1], timeout_s=2.0), item("1", SHAPES[3], timeout_s=2.0)]
    results: dict[str, CommandResult] = {}

    def hold() -> None:
        try:
            ends_at = time.monotonic() + FOREVER_S
            transport.visit(items, ends_at=ends_at, cancel=cancel, on_result=results.__setitem__)
        except TransportError:
            return

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    if end == "limit":
        thread.join(FOREVER_S)
        assert [results[each.id].timed_out for each in items] == [True, True]
    else:
        assert wait_until(lambda: any("sleep 6000" in each for each in engine.processes("shop")))
    if end == "cancel":
        cancel.set()
    elif end == "connection":
        connections.close()
    elif end == "client":
        cancel.set() if not engine.clients() else engine.kill_clients()
        time.sleep(0.1)
        cancel.set()
    thread.join(FOREVER_S)
    assert wait_until(lambda: not engine.processes("shop") and not engine.clients()), engine.processes("shop")
    connections.close()


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("nobody", "not running", "no such container"),
        ("ended", "not running", "container state improper"),
        ("bare", "command not found", "no shell 'sh' behind"),
    ],
)
def test_what_keeps_a_visit_out_of_a_container_is_told_in_plain_words(
    name: str, reason: str, words: str, engine: Engine
) -> None:
    if name == "ended":
        engine.run("ended", "exit 3")
    elif name == "bare":
        engine.run("bare", "while :; do /bin/busybox sleep 1; done", tools=False)
    inside = (str(engine.podman), "exec", "-i", name)
    with pytest.raises(TransportError, match=words) as refused:
        visit(_connections(inside).transport("web1", inside), item("a", "true"))
    assert refused.value.reason == reason


@pytest.mark.parametrize("end", ["answers", "limit", "client"])
def test_a_gate_leads_into_a_real_container_and_leaves_nothing_there(
    end: str, engine: Engine, inside: tuple[str, ...], tmp_path: Path
) -> None:
    asked = {"name": "where", "command": "ls /; readlink /proc/self/ns/pid", "inside": list(inside)}
    hung = {"name": "hung", "command": "trap '' TERM; sleep 6000; sleep 6000", "inside": list(inside)}
    config = gates.config_of(*([asked] if end == "answers" else [hung | {"timeout": "2 s"}]))
    gate = GateTransport(gates.written(gate_of_host(config, "web1").text, tmp_path / "gate"))
    way = InsideTransport(gate, inside, hello_s=FOREVER_S)
    results: dict[str, CommandResult] = {}

    def hold() -> None:
        with contextlib.suppress(TransportError):
            results.update(gates.ask(way, gates.collectors_of(config), ResolvedWindow(kind="none")))

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    if end == "client":
        assert wait_until(lambda: any("sleep 6000" in each for each in engine.processes("shop")))
        engine.kill_clients()
    thread.join(FOREVER_S)
    assert wait_until(lambda: not engine.processes("shop") and not engine.clients()), engine.processes("shop")
    if end == "answers":
        assert b"etc\n" in results["where"].stdout
        assert b"home\n" not in results["where"].stdout
    elif end == "limit":
        assert results["hung"].timed_out


# --- The engine's own words: the preset and the collector `container` -------------------------------------------------

VERSION = "podman version 4.3.1, runc version 1.1.5+ds1"
NO_TOOLS = HostShell("BusyBox alone", (BUSYBOX or "", "ash"), applets_only=True)
DENIED = (
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "
    '"http://%2Fvar%2Frun%2Fdocker.sock/v1.24/containers/json": dial unix /var/run/docker.sock: connect: '
    "permission denied"
)


@pytest.fixture(scope="module")
def told(engine: Engine) -> tuple[Engine, float]:
    """A container that fails with a secret in its log, one that goes on, and the moment before both."""
    began = time.time()
    engine.run("api", f"echo starting; echo 'ERROR ledger is locked, password={SECRET}' >&2; sleep 1; exit 3")
    engine.run("worker", "while :; do echo tick; sleep 1; done", "--memory", "64m")
    assert wait_until(
        lambda: "exited" in engine("ps", "--all", "--filter", "name=api", "--format", "{{.State}}").lower()
    )
    return engine, began


def test_the_preset_tells_what_real_containers_did(told: tuple[Engine, float]) -> None:
    engine, began = told
    collectors = collectors_of("containers")
    answers = {name: ask(collector, since=began, path=engine.bin) for name, collector in collectors.items()}
    for name, recorded in answers.items():
        judge("good", collectors[name], recorded)
        judge("secrets", collectors[name], recorded)
    states = {line.split()[0]: line for line in answers["state"].stdout.splitlines()}
    assert " exited exit=3 oom=false health=none restarts=0 id=" in states["api"]
    assert "worker running exit=0 " in states["worker"]
    assert " memory=67108864 " in states["worker"]
    events = [line.partition(" ")[2] for line in answers["events"].stdout.splitlines()]
    assert "container api exited with code 3" in events
    assert not any("exec" in line for line in events)
    keep("containers", "good", VERSION, answers, instead={})
    keep("containers", "secrets", VERSION, {"logs": answers["logs"]}, instead={})


def test_the_state_is_asked_by_keys_alone_that_docker_always_has() -> None:
    """Docker ends a template with an error at the first key that a container lacks: `Health`, as most do."""
    (template,) = re.findall(r"--format '({{\.Name}}[^']*)'", str(collectors_of("containers")["state"].command))
    assert "Health" not in template
    assert template.endswith(" health={{json .State}}")


def test_the_preset_says_why_no_engine_answers(tmp_path: Path) -> None:
    for name in ("docker", "podman", "nerdctl"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{DENIED}' >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    for case, shell, path in (("permission-denied", host_shells()[0], tmp_path), ("missing-tool", NO_TOOLS, None)):
        version = "Docker's documented refusal" if path else "no engine"
        for name, collector in collectors_of("containers").items():
            recorded = ask(collector, since=time.time(), shell=shell, path=path)
            judge(case, collector, recorded)
            keep("containers", case, version, {name: recorded}, instead={})


def test_a_machine_without_containers_has_nothing_to_tell(engine: Engine) -> None:
    with Engine() as empty:
        for name, collector in collectors_of("containers").items():
            recorded = ask(collector, since=time.time(), path=empty.bin)
            judge("empty", collector, recorded)
            keep("containers", "empty", VERSION, {name: recorded}, instead={})


def test_what_became_of_containers_in_the_test_is_told_and_ranked(engine: Engine) -> None:
    """Replaced, restarted, removed and failed; and of the logs exactly the window, each a source of its own."""
    speaks = "i=0; while :; do i=$((i+1)); echo INFO tick $i; sleep 0.5; done"
    for name in ("calm", "again", "other", "gone"):
        engine.run(name, speaks)
    config = Config.model_validate(
        {
            "components": {"shop": {"collectors": tuple(collectors_of("containers", engine=engine.podman).values())}},
            "hosts": {"here": {"component": "shop", "transport": "local"}},
        }
    )
    connections = Connections(config)
    marks = Marks(config, connections)
    assert marks.take_now(within_s=FOREVER_S) == {"here": ""}
    assert wait_until(lambda: "tick 4" in engine("logs", "calm"))
    began = datetime.now(timezone.utc)
    engine("rm", "--force", "--time", "0", "gone")
    engine("restart", "--time", "0", "again")
    engine("rm", "--force", "--time", "0", "other")
    engine.run("other", "echo 'FATAL cannot read the price list'; exit 4")
    assert wait_until(lambda: " 4" in engine("inspect", "--format", "x {{.State.ExitCode}}", "other"))
    failure = a_failure(window=Window(start=began, end=datetime.now(timezone.utc)))
    access, redactor = HostAccess.of(config, connections, marks), Redactor()
    evidence = collect(
        plan(failure, config), failure, access, redactor=redactor, faults=Faults(lambda: redactor)
    ).evidence
    items = {each.collector.partition(".")[2]: each for each in evidence.items}

    changed = "\n".join(items["state"].changes)
    assert "- gone running" in changed
    assert "+ other exited exit=4" in changed
    assert "+ again running" in changed
    assert "+ calm" not in changed
    suspects = {each.text: each for each in rank(failure, evidence).suspects}
    assert any(text.startswith("again started=") and each.is_strong for text, each in suspects.items()), suspects
    assert any(text.startswith("other running") and each.is_strong for text, each in suspects.items()), suspects
    assert any("container gone was removed" in text or text.startswith("gone ") for text in suspects), suspects

    parts = {part.path: part for part in items["logs"].parts}
    assert {"calm", "again", "other"} <= parts.keys()
    lines = items["logs"].text.splitlines()
    told = {path: lines[part.first_line : part.first_line + part.lines] for path, part in parts.items()}
    assert "FATAL cannot read the price list" in told["other"][0]
    written = [line.partition("Z ")[0] for line in told["calm"]]
    moments = [
        datetime.fromisoformat(f"{each if '.' in each else each + '.':0<26}"[:26] + "+00:00") for each in written
    ]
    assert min(moments) >= began.replace(microsecond=began.microsecond // 10 * 10)
    (look_back,) = (each for each in items["logs"].look_backs if each.first_line == parts["calm"].first_line)
    assert look_back.lines >= 4
    assert "Created in the window: 'other'" in items["logs"].window.note
