"""`inside`: a prefix carries the visit into a container or a namespace, whatever login shell stands in between."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import gates
import pytest
from builders import a_failure
from gates import GateTransport
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import FOREVER_S, wait_until
from sshd import Sshd
from ways import item, visit

from FailTaleLibrary.collection.collect import collect
from FailTaleLibrary.collection.host import HostAccess
from FailTaleLibrary.collection.plan import plan
from FailTaleLibrary.config import Config, load_config
from FailTaleLibrary.config.command_rules import refusal_of_command
from FailTaleLibrary.config.inside import parse_inside
from FailTaleLibrary.doctor.checkup import check
from FailTaleLibrary.errors import ConfigError, TransportError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.gate import gate_of_host
from FailTaleLibrary.gate.account import inside_rules
from FailTaleLibrary.ranking.suspects import rank
from FailTaleLibrary.records import Evidence, Gap, Item, Window
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.transports import CommandResult, Connections, Transport
from FailTaleLibrary.transports.inside import WORDS, InsideTransport, Words, error_of, inside_command_line
from FailTaleLibrary.transports.local import LocalTransport
from FailTaleLibrary.windows import Marks, ResolvedWindow, mark_script, take_mark

ENV = "env INSIDE=yes"


# --- What may be written ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "docker exec -i web",
        "docker exec --interactive --user 1000 web",
        "docker -H unix:///run/other.sock exec -u root -i web",
        "docker container exec -i web",
        "docker compose -f compose.yaml exec -T web",
        "podman exec -i web",
        "sudo -n podman exec -i web",
        "sudo -n -u app env HOME=/srv",
        "nsenter --target 4711 --net --",
        "ip netns exec lab",
        "kubectl exec -i web -c app --",
        ["docker", "exec", "-i", "it's"],
        "sudo -n",
    ],
)
def test_a_prefix_that_passes_standard_input_on_is_taken(written: object) -> None:
    assert parse_inside(written)


@pytest.mark.parametrize(
    ("written", "to_write"),
    [
        ("docker exec web", "docker exec -i web"),
        ("docker exec -it web", "docker exec -i web"),
        ("podman exec -i", "podman exec -i NAME"),
        ("docker exec -i web sh", "docker exec -i web"),
        ("docker exec -i web sh -c", "docker exec -i web"),
        ("docker exec -d web", "docker exec -i web"),
        ("docker run -i busybox", "docker exec -i NAME"),
        ("docker", "docker exec -i NAME"),
        ("docker compose exec web", "-T"),
        ("sudo docker exec -i web", "sudo -n docker exec -i web"),
        ("sudo -n docker exec web", "sudo -n docker exec -i web"),
        ("kubectl exec web --", "kubectl exec -i web --"),
        ("kubectl exec -it web -c app --", "kubectl exec -i web -c app --"),
        ("kubectl -n a exec -i web", "kubectl -n a exec -i web --"),
        ("kubectl exec -i web -- sh", "kubectl exec -i web --"),
        ("kubectl exec -i --", "kubectl exec -i POD --"),
        ("kubectl debug -i web --", "kubectl exec -i POD --"),
        ("docker exec -i 'web", "quotation"),
        (["docker", "exec", "-i", "we\nb"], "line break"),
    ],
)
def test_a_prefix_that_cannot_work_is_refused_with_the_line_to_write(written: object, to_write: str) -> None:
    with pytest.raises(ValueError, match=".") as refused:
        parse_inside(written)
    assert to_write in str(refused.value)


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        ("docker exec shop-api cat /etc/hosts", "inside: docker exec -i shop-api' and 'command: cat /etc/hosts"),
        ("sudo -n podman exec -it web ps | head", "inside: podman exec -i web' and 'command: ps"),
        ("docker ps; docker container exec web ps", "inside: docker exec -i web' and 'command: ps"),
        ("kubectl -n a exec -it b -c app -- ps x", "inside: kubectl -n a exec -i b -c app --' and 'command: ps x"),
        ("for pod in a b; do kubectl exec $pod date; done", "inside: kubectl exec -i $pod --' and 'command: date"),
        ("sh -c 'oc rsh web ls'", "inside: oc exec -i web --' and 'command: ls"),
        ("timeout 5 kubectl port-forward svc/web 80:80 &", "'kubectl port-forward', which does not end by itself"),
        ("sudo kubectl --context lab cp web:/x /tmp/x", "'kubectl cp', which changes what is tested"),
        ("kubectl get pods || k3s kubectl delete pod web", "'kubectl delete', which changes what is tested"),
        ("kubectl rollout restart deploy/web", "'kubectl rollout', which changes what is tested"),
        ("docker compose -f x.yaml restart web", "'docker restart', which changes what is tested"),
        ("docker logs web", ""),
        ("docker ps --format '{{.Names}} exec'", ""),
        ("docker config inspect exec; docker system df", ""),
        ("kubectl -n exec get pods; kubectl rollout status deploy/web; kubectl auth can-i delete pods", ""),
        ("grep 'docker exec ' /var/log/audit.log", ""),
    ],
)
def test_a_client_that_does_more_than_read_stands_in_no_command(command: str, refusal: str, tmp_path: Path) -> None:
    assert refusal in refusal_of_command(command)
    assert bool(refusal) == bool(refusal_of_command(command))
    file = tmp_path / "failtale.yaml"
    file.write_text(
        f"components: {{web: {{collectors: [{{command: {json.dumps(command)}}}]}}}}\n"
        "hosts: {here: {component: web, transport: local}}\n"
    )
    if refusal:
        with pytest.raises(ConfigError, match=re.escape(refusal)):
            load_config(file)
    else:
        load_config(file)


# --- Quoting ----------------------------------------------------------------------------------------------------------

HARD = ["it's", 'a "b" c', "$HOME `id` $(id)", "!x !", "\\", "\\\\'", "*", "; & | < >", "", "é€", "%s%d", "~", "#", "-"]
LOGINS = [shell for shell in ("sh", "bash", "dash", "tcsh", "fish", "zsh", "mksh") if shutil.which(shell)]
PRINTS = ["sh", "-c", "printf '%s\\0' \"$@\"", "sh"]


def _words_behind(login: str, words: list[str]) -> list[str]:
    line = inside_command_line([*PRINTS, *words], "echo 'it' \"$0\" !")
    result = subprocess.run([login, "-c", line], capture_output=True, stdin=subprocess.DEVNULL, start_new_session=True)
    return result.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("login", LOGINS)
def test_every_login_shell_passes_a_prefix_on_word_by_word(login: str) -> None:
    assert _words_behind(login, HARD) == [*HARD, "sh", "-c", "echo 'it' \"$0\" !"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8), max_size=3))
@settings(max_examples=5, deadline=None)
def test_any_words_are_passed_on(words: list[str]) -> None:
    assert _words_behind("sh", words) == [*words, "sh", "-c", "echo 'it' \"$0\" !"]


# --- What an engine says in place of a shell --------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "said"), [(row, said) for row in WORDS for said in row.examples])
def test_the_words_of_an_engine_are_told_by_their_meaning(row: Words, said: str) -> None:
    error = error_of(said, ["sudo", "-n", "docker", "exec", "-i", "web"], "host1")
    assert (error.reason, said in str(error)) == (row.reason, True)


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """A stand-in for an engine; its container `web`, an environment of its own, runs while a file is there."""
    program, runs = tmp_path / "docker", tmp_path / "runs"
    runs.touch()
    program.write_text(
        f"#!/bin/sh\n[ -e {runs} ] || {{ echo 'Error: No such container: web' >&2; exit 1; }}\n"
        'shift 3\nINSIDE=yes exec "$@"\n'
    )
    program.chmod(0o755)
    return program


# --- The visit --------------------------------------------------------------------------------------------------------


def _inside(prefix: str) -> InsideTransport:
    return InsideTransport(LocalTransport(), prefix.split(), hello_s=FOREVER_S)


def test_a_visit_takes_place_behind_the_prefix() -> None:
    results = visit(_inside(ENV), item("a", "echo $INSIDE"), item("b", "echo $INSIDE >&2; exit 3"))
    assert (results["a"].stdout, results["b"].stderr, results["b"].exit_status) == (b"yes\n", b"yes\n", 3)


def test_a_visit_over_ssh_takes_place_behind_the_prefix(a_host: Sshd) -> None:
    config = Config.model_validate(
        {
            "components": {
                "web": {"collectors": [{"name": "in", "command": "echo $INSIDE", "inside": ENV}]},
            },
            "hosts": {"web1": {"component": "web", "address": a_host.address, "ssh": a_host.ssh_settings()}},
        }
    )
    connections = Connections(config)
    results = visit(connections.transport("web1", tuple(ENV.split())), item("a", "echo $INSIDE"))
    connections.close()
    assert results["a"].stdout == b"yes\n"


def test_an_engine_that_says_nothing_costs_a_failure_its_time_once() -> None:
    silent = InsideTransport(LocalTransport(), ["sleep", "600", "#"], hello_s=3.5)
    silent._prefix = ("sh", "-c", "exec sleep 600")
    with pytest.raises(TransportError, match="starts no shell and says nothing"):
        visit(silent, item("a", "true"))
    assert not silent.is_open
    with pytest.raises(TransportError, match="not tried again"):
        visit(silent, item("a", "true"))


def test_what_a_prefix_started_is_ended_with_the_visit_even_where_it_hears_nothing(tmp_path: Path) -> None:
    """An engine that is frozen keeps its client; the machine's own guard ends that."""
    told = tmp_path / "pid"
    frozen = ("sh", "-c", f"echo $$ > {told}; exec sleep 600 </dev/null", "sh")
    way, cancel = InsideTransport(LocalTransport(), frozen, hello_s=FOREVER_S), threading.Event()
    thread = threading.Thread(target=lambda: visit(way, item("a", "true"), cancel=cancel), daemon=True)
    thread.start()
    assert wait_until(lambda: told.exists() and told.read_text().strip())
    cancel.set()
    assert wait_until(lambda: not Path(f"/proc/{told.read_text().strip()}").exists())
    thread.join()


# --- A host's turn ----------------------------------------------------------------------------------------------------


def _config(engine: Path, log: Path, **host: Any) -> Config:
    inside = f"{engine} exec -i web"
    return Config.model_validate(
        {
            "components": {
                "shop": {
                    "collectors": [
                        {"name": "on-machine", "command": "echo ${INSIDE:-no}"},
                        {"name": "in-container", "command": "echo ${INSIDE:-no}", "inside": inside},
                        {"name": "log", "file": str(log), "inside": inside},
                    ]
                }
            },
            "hosts": {"here": {"component": "shop", "transport": "local", **host}},
        }
    )


def _collected(config: Config, marks: Marks | None, connections: Connections, began: datetime) -> Evidence:
    failure = a_failure(window=Window(start=began, end=datetime.now(timezone.utc)))
    access = HostAccess.of(config, connections, marks)
    redactor = Redactor()
    return collect(plan(failure, config), failure, access, redactor=redactor, faults=Faults(lambda: redactor)).evidence


def test_collectors_of_one_host_are_asked_where_each_belongs(engine: Path, tmp_path: Path) -> None:
    config = _config(engine, tmp_path / "app.log")
    (tmp_path / "app.log").write_text("old\n")
    connections = Connections(config)
    marks = Marks(config, connections)
    assert marks.take_now(within_s=FOREVER_S) == {"here": ""}
    began = datetime.now(timezone.utc)
    with (tmp_path / "app.log").open("a") as log:
        log.write("new\n")
    items = {each.collector: each for each in _collected(config, marks, connections, began).items}
    assert {name: each.text.strip() for name, each in items.items()} == {
        "on-machine": "no",
        "in-container": "yes",
        "log": "new",
    }
    assert items["log"].window is not None
    assert items["log"].window.method == "byte mark"
    assert items["on-machine"].ssh_command is None
    assert str(items["in-container"].ssh_command).startswith(f"{engine} exec -i web sh -c ")


def test_a_container_that_stopped_in_the_test_is_told_once_as_a_change(engine: Path, tmp_path: Path) -> None:
    config = _config(engine, tmp_path / "app.log")
    connections = Connections(config)
    marks = Marks(config, connections)
    marks.take_now(within_s=FOREVER_S)
    began = datetime.now(timezone.utc)
    (tmp_path / "runs").unlink()
    evidence = _collected(config, marks, connections, began)
    assert [each.collector for each in evidence.items] == ["on-machine"]
    assert {(gap.collector, gap.reason) for gap in evidence.gaps} == {("in-container", "stopped"), ("log", "stopped")}
    failure = a_failure(window=Window(start=began, end=datetime.now(timezone.utc)))
    suspects = rank(failure, evidence).suspects
    assert [(each.text.partition(" leads")[0], any(s.strong for s in each.signals)) for each in suspects] == [
        (f"here: in-container does not run any more: '{engine} exec -i web'", True)
    ]


def test_a_container_that_nobody_saw_running_is_no_change(engine: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").unlink()
    config = _config(engine, tmp_path / "app.log")
    evidence = _collected(config, None, Connections(config), datetime.now(timezone.utc) - timedelta(seconds=1))
    assert {gap.reason for gap in evidence.gaps} == {"not running"}
    assert all("docker ps --all" in gap.detail for gap in evidence.gaps)


def test_a_whole_host_may_lie_behind_a_prefix_and_a_collector_before_it(engine: Path, tmp_path: Path) -> None:
    config = _config(engine, tmp_path / "app.log", inside=f"{engine} exec -i web")
    collectors = config.components["shop"].collectors
    before = collectors[0].model_copy(update={"inside": ()})
    shop = config.components["shop"].model_copy(update={"collectors": (before, collectors[1])})
    config = config.model_copy(update={"components": {"shop": shop}})
    evidence = _collected(config, None, Connections(config), datetime.now(timezone.utc))
    assert {each.collector: each.text.strip() for each in evidence.items} == {"on-machine": "no", "in-container": "yes"}
    assert all(isinstance(each, Item) for each in evidence.items)
    assert not any(isinstance(each, Gap) for each in evidence.gaps)


# --- Gates ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def gated(tmp_path: Path) -> tuple[Config, GateTransport]:
    inside = {"name": "inside", "command": "echo ${INSIDE:-no}", "inside": "env INSIDE=yes"}
    log = {"name": "log", "file": str(tmp_path / "app.log"), "inside": "env INSIDE=yes"}
    config = gates.config_of({"name": "outside", "command": "echo ${INSIDE:-no}"}, inside, log)
    gate = gates.written(gate_of_host(config, "web1").text, tmp_path / "gate")
    return config, GateTransport(gate)


def _asked(way: Transport, config: Config) -> dict[str, CommandResult]:
    return gates.ask(way, gates.collectors_of(config), ResolvedWindow(kind="none"))


def test_a_gate_leads_into_the_places_of_its_configuration_and_asks_there_what_belongs_there(
    gated: tuple[Config, GateTransport], tmp_path: Path
) -> None:
    config, machine = gated
    (tmp_path / "app.log").write_text("a line\n")
    behind = _asked(InsideTransport(machine, ENV.split(), hello_s=FOREVER_S), config)
    assert (behind["inside"].stdout, b"a line\n" in behind["log"].stdout) == (b"yes\n", True)
    assert "does not know collector 'outside'" in str(behind["outside"].incomplete)
    before = _asked(machine, config)
    assert before["outside"].stdout == b"no\n"
    assert "does not know collector 'inside'" in str(before["inside"].incomplete)
    assert machine.command_lines[0].startswith("failtale-gate 1 ")  # no word of the prefix is sent
    assert "INSIDE" not in " ".join(machine.command_lines)


def test_a_gate_leads_nowhere_else(gated: tuple[Config, GateTransport]) -> None:
    config, machine = gated
    elsewhere = InsideTransport(machine, ["env", "INSIDE=other"], hello_s=FOREVER_S)
    with pytest.raises(TransportError, match="made from another configuration: it does not know 'env INSIDE=other'"):
        _asked(elsewhere, config)


def test_marks_are_taken_through_a_gate_behind_its_prefix(gated: tuple[Config, GateTransport], tmp_path: Path) -> None:
    config, machine = gated
    (tmp_path / "app.log").write_text("a line\n")
    log = [each for each in gates.collectors_of(config) if each.name == "log"]
    way = InsideTransport(machine, ENV.split(), hello_s=FOREVER_S)
    # a gate gives a mark no more than a minute
    mark = take_mark(way, mark_script(log), cancel=threading.Event(), timeout_s=50.0).mark
    assert [file.path for file in mark.files] == [str(tmp_path / "app.log")]


def test_a_gates_digest_tells_whether_it_leads_into_the_same_places() -> None:
    one, other = (
        gate_of_host(gates.config_of({"name": "a", "command": "ps", "inside": f"docker exec -i {name}"}), "web1")
        for name in ("web", "api")
    )
    assert one.digest != other.digest
    assert "enter docker exec -i web ;;" in one.text


def test_a_prefix_with_sudo_gets_a_rule_for_this_container_alone() -> None:
    assert [
        f"{rule.program} {rule.arguments}" for rule in inside_rules([("sudo", "-n", "docker", "exec", "-i", "a:b")])
    ] == [r"docker exec -i a\:b sh -c *"]
    assert not list(inside_rules([("docker", "exec", "-i", "web"), ("sudo", "-n")]))


# --- The checkup ------------------------------------------------------------------------------------------------------

SAYS = {
    "denied": "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
    "gone": "Error response from daemon: No such container: gone",
    "bare": 'OCI runtime exec failed: exec: "sh": executable file not found in $PATH: unknown',
    "down": "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
}


def test_the_checkup_says_what_keeps_it_out_of_a_container_with_the_line_to_type(tmp_path: Path) -> None:
    program = tmp_path / "docker"
    cases = "".join(f"{name}) echo '{said}' >&2; exit 1 ;;\n" for name, said in SAYS.items())
    program.write_text(f'#!/bin/sh\ncase $3 in\n{cases}esac\nshift 3\nexec "$@"\n')
    program.chmod(0o755)
    collectors = [
        {"name": name, "command": "echo fine", "inside": f"{program} exec -i {name}"} for name in (*SAYS, "well")
    ]
    collectors.append({"name": "missing", "command": "echo fine", "inside": "no-such-engine exec -i web"})
    host = {"component": "shop", "transport": "local"}
    lost = {"component": "lone", "transport": "local", "inside": f"{program} exec -i gone"}
    config = Config.model_validate(
        {
            "components": {
                "shop": {"collectors": collectors},
                "lone": {"collectors": [{"name": "a", "command": "true"}]},
            },
            "hosts": {"here": host, "lost": lost},
        }
    )
    here, behind = check(config, environ={}).hosts
    lines = {each.collector: [line for advice in each.advice for line in advice.lines] for each in here.collectors}
    assert lines["well"] == []
    assert f"{program} exec -i denied sh -c *" in lines["denied"][0]
    assert lines["denied"][1] == f"inside: sudo -n {program} exec -i denied"
    assert lines["gone"] == ["docker ps --all"]
    assert lines["bare"] == ["- containers"]
    assert lines["down"] == ["sudo systemctl start docker"]
    assert lines["missing"] == ["command -v no-such-engine"]
    assert [line for stage in behind.stages for advice in stage.advice for line in advice.lines] == ["docker ps --all"]
