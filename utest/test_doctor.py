"""`failtale check` tells each broken set-up with the line to type: real sshd, real accounts, a real refusal each."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sshd
import yaml
from needs import need
from ollama_stub import MODEL, OllamaStub
from patience import PATIENCE_S
from ports import free_port

from FailTaleLibrary.cli import main
from FailTaleLibrary.config import Collector, Config, parse_config
from FailTaleLibrary.doctor.checkup import check
from FailTaleLibrary.doctor.findings import Advice, Checkup, HostFinding, ServiceFinding
from FailTaleLibrary.doctor.survey import parse_survey, survey_script
from FailTaleLibrary.doctor.table import WIDTH, host_lines, other_lines, summary_line
from FailTaleLibrary.gate.script import gate_of_host
from FailTaleLibrary.transports import CommandResult

HIDDEN = {"psql", "redis-cli", "rabbitmqctl", "docker", "sudo", "date", "df", "journalctl", "systemctl"}
"""Programs of this machine that the host of this file has in other guises, or not at all."""
LEAST: dict[str, Any] = {"limits": {"failure_time": "60 s"}}


def configured(hosts: dict[str, Any], collectors: list[Any], **more: Any) -> Config:
    data = {"components": {"app": {"collectors": collectors}}, "hosts": hosts, **more}
    return parse_config(yaml.safe_dump(data, sort_keys=False), environ={})


def lines_of(advice: tuple[Advice, ...]) -> str:
    return "\n".join([*(each.needs for each in advice), *(line for each in advice for line in each.lines)])


# --- The way to a host ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BrokenWay:
    """A host that cannot be asked: its `ssh` and what of it is told."""

    name: str
    stage: str
    says: str
    line: str
    options: tuple[str, ...] = ()
    """Of its sshd; none: the host that all share."""

    def __str__(self) -> str:
        return self.name


OLD_KEX = "KexAlgorithms diffie-hellman-group1-sha1"
WAYS = (
    BrokenWay("dead-dns", "name", "cannot be resolved", "address: 192.0.2.10"),
    BrokenWay("closed-port", "reach", "no SSH server listens", "sudo systemctl enable --now ssh"),
    BrokenWay("mute", "reach", "within", "ssh -v -p "),
    BrokenWay("new-key", "host key", "which is not in", "failtale check --accept-host-keys"),
    BrokenWay("new-key", "host key", "SHA256:", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"),
    BrokenWay("new-key", "host key", "SHA256:", "ssh-keyscan -p "),
    BrokenWay("changed-key", "host key", "Somebody may be in between", "ssh-keygen -f "),
    BrokenWay("other-key", "login", "refused the login", "ssh-copy-id -i "),
    BrokenWay("encrypted-key", "key", "encrypted", "ssh-add "),
    BrokenWay("encrypted-key", "key", "encrypted", 'key_passphrase: "%{FAILTALE_KEY_PASSPHRASE}"'),
    BrokenWay("public-key", "key", "public key", "key: "),
    BrokenWay("wrong-user", "login", "refused the login of user 'nobody-here'", "id nobody-here"),
    BrokenWay("no-kex", "reach", "no key exchange in common", "sudo sshd -T | grep -i KexAlgorithms", (OLD_KEX,)),
    BrokenWay("nologin", "shell", "not available", "sudo usermod -s /bin/sh ", ("ForceCommand /usr/sbin/nologin",)),
    BrokenWay("forced", "shell", "backup done", "grep -n 'command='", ("ForceCommand echo backup done",)),
    BrokenWay("sftp-only", "shell", "starts no shell", "grep -i forcecommand", ("ForceCommand internal-sftp",)),
    BrokenWay("rc-exits", "shell", "prints nothing", ".bashrc", ("ForceCommand exit 0",)),
    BrokenWay("rc-hangs", "shell", "prints nothing", ".bashrc", ("ForceCommand exec sleep 600",)),
    BrokenWay("menu", "shell", "1) status", "no menu in .bashrc", ("ForceCommand echo '1) status'; read -r key",)),
)
WELL = {"talks": 'ForceCommand echo hello; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"', "one-session": "MaxSessions 1"}
"""Logins that look odd and are well."""


@pytest.fixture(scope="module")
def ways(a_host: sshd.Sshd, tmp_path_factory: pytest.TempPathFactory) -> dict[str, HostFinding]:
    """What one checkup of all of them finds; each is a host of the same configuration."""
    directory = tmp_path_factory.mktemp("ways")
    other, encrypted = sshd.new_key(directory / "other"), sshd.new_key(directory / "locked", passphrase="x1y2z3")
    (directory / "known_hosts").touch()
    with contextlib.ExitStack() as stack:
        mute = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        changed = Path(directory / "changed")
        changed.write_text(a_host.known_hosts_line.rsplit(" ", 1)[0] + " " + public(other) + "\n")
        usual = a_host.ssh_settings()
        settings: dict[str, dict[str, Any]] = {
            "dead-dns": {"address": "no-such-host.invalid"},
            "closed-port": {"ssh": {"port": free_port()}},
            "mute": {"ssh": {"port": mute.getsockname()[1], "connect_timeout": 2}},
            "new-key": {"ssh": {"known_hosts": directory / "known_hosts"}},
            "changed-key": {"ssh": {"known_hosts": changed}},
            "other-key": {"ssh": {"key": other}},
            "encrypted-key": {"ssh": {"key": encrypted}},
            "public-key": {"ssh": {"key": f"{a_host.key}.pub"}},
            "wrong-user": {"ssh": {"user": "nobody-here"}},
        }
        for name, options in [
            *((way.name, way.options) for way in WAYS if way.options),
            *((n, (o,)) for n, o in WELL.items()),
        ]:
            host = stack.enter_context(sshd.Sshd(directory / name, options=options))
            settings[name] = {"ssh": {**host.ssh_settings(), "connect_timeout": 5}}
        hosts = {
            name: {
                "component": "app",
                "address": a_host.address,
                **each,
                "ssh": {key: str(value) for key, value in {**usual, **each.get("ssh", {})}.items()},
            }
            for name, each in settings.items()
        }
        checkup = check(configured(hosts, [{"command": "echo here"}], **LEAST), environ={})
        return {host.host: host for host in checkup.hosts}


def public(key: Path) -> str:
    return key.with_name(key.name + ".pub").read_text().split()[1]


@pytest.mark.ssh
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_host_that_cannot_be_asked_is_told_at_its_stage_with_the_line_to_type(
    way: BrokenWay, ways: dict[str, HostFinding]
) -> None:
    (stage,) = ways[way.name].stages
    assert (stage.stage, stage.verdict) == (way.stage, "problem")
    assert way.says in stage.said
    assert way.line in lines_of(stage.advice)
    assert not ways[way.name].can_be_asked
    assert ways[way.name].collectors == ()


@pytest.mark.ssh
@pytest.mark.parametrize("name", WELL)
def test_an_odd_login_that_is_well_is_told_as_well(name: str, ways: dict[str, HostFinding]) -> None:
    assert [each.verdict for each in ways[name].stages] == ["ok"] * len(ways[name].stages)
    assert [each.outcome for each in ways[name].collectors] == ["ok"]


# --- What a host does not give ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BrokenCollector:
    """A collector that does not get its evidence; ``{logs}`` is the folder of the logs, ``{user}`` who logs in."""

    name: str
    entry: dict[str, Any]
    says: str
    line: str
    outcome: str = "cannot"

    def __str__(self) -> str:
        return self.name


COLLECTORS = (
    BrokenCollector("of-adm", {"file": "{logs}/adm.log"}, "Permission denied", "sudo usermod -aG adm {user}"),
    BrokenCollector(
        "of-root", {"file": "{logs}/root.log"}, "Permission denied", "sudo setfacl -m u:{user}:r {logs}/root.log"
    ),
    BrokenCollector("behind-adm", {"file": "{logs}/private/x.log"}, "Permission denied", "sudo usermod -aG adm {user}"),
    BrokenCollector(
        "behind-root", {"file": "{logs}/secret/x.log"}, "Permission denied", "setfacl -m u:{user}:x {logs}/secret"
    ),
    BrokenCollector(
        "unlisted", {"file": "{logs}/passed/*.log"}, "Permission denied", "setfacl -m u:{user}:rx {logs}/passed"
    ),
    BrokenCollector("dead-glob", {"file": "{logs}/*.txt"}, "No such file", "{logs} has adm.log"),
    BrokenCollector("misspelt", {"file": "{logs}/raedable.log"}, "No such file", "file: {logs}/readable.log"),
    BrokenCollector("no-folder", {"file": "{logs}/shop/x.log"}, "No such file", "{logs} has no 'shop'"),
    BrokenCollector("a-folder", {"file": "{logs}/passed"}, "not a regular file", "file: {logs}/passed/*.log"),
    BrokenCollector("no-psql", {"command": "psql -c 'select 1'"}, "not found", "the program 'psql'"),
    BrokenCollector("no-rabbit", {"command": "rabbitmqctl status"}, "not found", "the program 'rabbitmqctl'"),
    BrokenCollector("no-own", {"command": "shop-admin queue"}, "not found", "the program 'shop-admin'"),
    BrokenCollector("peer", {"command": "psql-peer"}, "Peer authentication failed", 'CREATE ROLE "{user}" LOGIN'),
    BrokenCollector("pgpass", {"command": "psql-password"}, "no password supplied", "~{user}/.pgpass"),
    BrokenCollector("noauth", {"command": "redis-noauth"}, "NOAUTH", "SetEnv REDISCLI_AUTH=PASSWORD"),
    BrokenCollector("mysql", {"command": "mysql-denied"}, "Access denied", "IDENTIFIED VIA unix_socket"),
    BrokenCollector(
        "docker", {"command": "docker logs shop"}, "permission denied", "NOPASSWD: {programs}/docker logs shop"
    ),
    BrokenCollector(
        "sudo",
        {"command": "sudo -n cat {logs}/root.log"},
        "password is required",
        "NOPASSWD: {tools}/cat {logs}/root.log",
    ),
    BrokenCollector("no-n", {"command": "sudo cat {logs}/root.log"}, "", "command: sudo -n cat"),
    BrokenCollector("tty", {"command": "tty/sudo id"}, "must have a tty", "Defaults:{user} !requiretty"),
    BrokenCollector("journal", {"journal": "ssh"}, "not seeing messages", "sudo usermod -aG "),
    BrokenCollector("no-unit", {"journal": "nginxx"}, "could not be found", "journal: nginx"),
    BrokenCollector(
        "slow",
        {"command": "echo begin; sleep 600", "timeout": "1 s"},
        "longer than its limit",
        "timeout: 20 s",
        "in part",
    ),
    BrokenCollector("fails", {"command": "echo part; exit 3"}, "exit status 3", "", "in part"),
    BrokenCollector(
        "half", {"file": ["{logs}/readable.log", "{logs}/root.log"]}, "Permission denied", "setfacl", "in part"
    ),
)
FAKES = {
    "date": '#!/bin/sh\ncase $1 in +%s*) exec /bin/date -d "90 seconds" "$1" ;; *) exec /bin/date "$@" ;; esac\n',
    "df": "#!/bin/sh\necho 'Filesystem 1024-blocks Used Available Capacity Mounted on'\n"
    "case $* in *-Pi*) echo '/dev/x 1000 10 990 1% /data' ;; *tmp) echo 'tmpfs 1000 1000 0 100% /tmp' ;;\n"
    "*) echo '/dev/x 1000000 999000 1000 100% /data' ;; esac\n",
    "psql-peer": '#!/bin/sh\necho \'psql: error: connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed:'
    ' FATAL:  Peer authentication failed for user "ci"\' >&2; exit 2\n',
    "psql-password": "#!/bin/sh\necho 'psql: error: fe_sendauth: no password supplied' >&2; exit 2\n",
    "redis-noauth": "#!/bin/sh\necho 'NOAUTH Authentication required.' >&2; exit 1\n",
    "mysql-denied": "#!/bin/sh\necho \"ERROR 1045 (28000): Access denied for user 'ci'@'localhost'\" >&2; exit 1\n",
    "docker": "#!/bin/sh\necho 'permission denied while trying to connect to the Docker daemon socket at "
    "unix:///var/run/docker.sock' >&2; exit 1\n",
    "journalctl": "#!/bin/sh\ncase $* in *nginxx*) echo '-- No entries --' ;; *) echo 'Hint: You are currently not "
    "seeing messages from other users and the system.' >&2; echo '-- No entries --' ;; esac\n",
    "systemctl": "#!/bin/sh\ncase $* in *LoadState*nginxx*) echo not-found ;; *LoadState*) echo loaded ;;\n"
    "*list-unit-files*) echo 'nginx.service enabled enabled'; echo 'ssh.service enabled enabled' ;; esac\n",
    "tty/sudo": "#!/bin/sh\necho 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1\n",
}


@dataclass
class Broken:
    """The host of all broken collectors, and what a checkup of it finds."""

    host: sshd.Sshd
    config: Config
    words: dict[str, str]
    checkup: Checkup

    def finding(self, name: str) -> Any:
        return next(each for each in self.checkup.hosts[0].collectors if each.collector == name)

    def filled(self, text: str) -> str:
        for word, value in self.words.items():
            text = text.replace(f"{{{word}}}", value)
        return text


def logs_in(directory: Path) -> None:
    """Readable by all, by the group adm, by root alone; and the same of folders."""
    for name, group, mode in (("readable", "root", 0o644), ("adm", "adm", 0o640), ("root", "root", 0o600)):
        (directory / f"{name}.log").write_text("a line\n")
        shutil.chown(directory / f"{name}.log", "root", group)
        (directory / f"{name}.log").chmod(mode)
    for name, group, mode in (("private", "adm", 0o750), ("secret", "root", 0o700), ("passed", "root", 0o711)):
        (directory / name).mkdir()
        (directory / name / "x.log").write_text("a line\n")
        shutil.chown(directory / name, "root", group)
        (directory / name).chmod(mode)


@pytest.fixture(scope="module")
def broken(as_root: None) -> Iterator[Broken]:
    need("sshd", "sudo")
    with TemporaryDirectory(prefix="failtale-") as name, sshd.throw_away_user() as user:
        top = Path(name)
        top.chmod(0o755)
        logs, programs, tools = (top / each for each in ("logs", "programs", "tools"))
        for each in (logs, programs, tools):
            each.mkdir(mode=0o755)
        logs_in(logs)
        for program, text in FAKES.items():
            (programs / program).parent.mkdir(exist_ok=True)
            (programs / program).write_text(text)
            (programs / program).chmod(0o755)
        for place in ("/bin", "/usr/bin"):
            for each in Path(place).iterdir():
                if each.name not in HIDDEN and not (tools / each.name).is_symlink():
                    (tools / each.name).symlink_to(each)
        (programs / "sudo").symlink_to("/usr/bin/sudo")
        words = {"logs": str(logs), "user": user, "programs": str(programs), "tools": str(tools)}
        with sshd.Sshd(
            top / "host", user=user, environment={"PATH": f"{programs}:{tools}", "HOME": f"{top}/gone"}
        ) as host:
            host.directory.chmod(0o755)
            for path in host.directory.iterdir():
                path.chmod(0o644 if path.suffix == ".pub" or path.name == "authorized_keys" else 0o600)
            found = Broken(host, Config(), words, Checkup(failtale_version="", configuration="", well=True, seconds=0))
            entries = [{"name": each.name, **filled_entry(each.entry, found)} for each in COLLECTORS]
            ssh = {key: str(value) for key, value in host.ssh_settings().items()}
            hosts = {"app1": {"component": "app", "address": host.address, "ssh": ssh}}
            found.config = configured(hosts, entries, **LEAST)
            found.checkup = check(found.config, environ={"MYSQL_PASSWORD": "ci'@'localhost"})
            yield found


def filled_entry(entry: dict[str, Any], found: Broken) -> dict[str, Any]:
    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(each) for each in value]
        text = found.filled(str(value))
        return text.replace("tty/sudo", f"{found.words['programs']}/tty/sudo")

    return {key: filled(value) for key, value in entry.items()}


@pytest.mark.ssh
@pytest.mark.parametrize("collector", COLLECTORS, ids=str)
def test_what_a_collector_does_not_get_is_told_with_the_line_to_type(
    collector: BrokenCollector, broken: Broken
) -> None:
    finding = broken.finding(collector.name)
    assert (finding.outcome, finding.verdict) == (collector.outcome, "problem"), finding
    assert collector.says in finding.said
    assert broken.filled(collector.line) in lines_of(finding.advice)


@pytest.mark.ssh
@pytest.mark.parametrize(
    ("stage", "verdict", "says", "line"),
    [
        ("shell", "note", "gone is not there", "sudo install -d"),
        ("clock", "problem", "90 s ahead", "sudo timedatectl set-ntp true"),
        ("space", "problem", "/data, where", "sudo du -xh"),
        ("space", "note", "/tmp is full", "sudo du -xh"),
    ],
)
def test_what_is_wrong_with_a_host_is_told_though_it_answers(
    stage: str, verdict: str, says: str, line: str, broken: Broken
) -> None:
    found = [each for each in broken.checkup.hosts[0].stages if each.stage == stage and each.verdict == verdict]
    assert any(says in each.said and line in lines_of(each.advice) for each in found), broken.checkup.hosts[0].stages


@pytest.mark.ssh
def test_the_lines_that_are_told_mend_what_they_are_told_for(broken: Broken) -> None:
    rules = Path("/etc/sudoers.d/failtale")
    assert not rules.exists(), "somebody's own"
    mended = ("of-adm", "behind-adm", "sudo")
    lines = dict.fromkeys(line for name in mended for each in broken.finding(name).advice for line in each.lines)
    try:
        for line in lines:
            subprocess.run(["sh", "-c", line], check=True, capture_output=True)
        again = check(broken.config, environ={})
        found = {each.collector: each.outcome for each in again.hosts[0].collectors}
        assert [found[name] for name in mended] != ["cannot"] * 3
        assert {found[name] for name in mended} <= {"ok", "empty"}
    finally:
        rules.unlink(missing_ok=True)


@pytest.mark.ssh
def test_the_table_fits_100_columns_but_for_the_lines_to_type_and_holds_no_secret(broken: Broken) -> None:
    table = [*host_lines(broken.checkup.hosts[0]), *other_lines(broken.checkup), summary_line(broken.checkup)]
    long = [line for line in table if len(line) > WIDTH and not line.startswith(" " * 12)]
    assert long == []
    assert "ci'@'localhost" not in "\n".join(table)
    assert not broken.checkup.well


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh", "mksh"])
def test_any_shell_surveys_a_host_alike(shell: str, public_directory: Path) -> None:
    need(shell.split()[0], package=shell.split()[0])
    (public_directory / "a b.log").write_text("x")
    collectors = [
        Collector(name="logs", file=(f"{public_directory}/*.log", f"{public_directory}/no/x.log", "/no'thing/*")),
        Collector(name="command", command="no-such-program | awk 1"),
    ]
    script = survey_script(collectors).producer
    done = subprocess.run(
        [*shell.split(), "-c", script], capture_output=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    survey = parse_survey(CommandResult(0, done.stdout, b"", 0, 0, 0.0, False, None))
    assert (survey.is_complete, done.stderr) == (True, b"")
    (match,) = survey.matches[f"{public_directory}/*.log"]
    assert (match.path, match.mode, match.size, match.is_readable) == (
        f"{public_directory}/a b.log",
        "-rw-r--r--",
        1,
        True,
    )
    assert survey.folders[f"{public_directory}/no/x.log"].path == str(public_directory)
    assert survey.folders["/no'thing/*"].path == "/"
    assert "no-such-program" in survey.missing
    assert survey.programs["awk"].endswith("awk")
    assert survey.space[f"{public_directory}/*.log"].mount.startswith("/")


@pytest.mark.ssh
def test_a_gate_is_checked_as_it_is_and_its_drift_is_told_with_the_line_that_ends_it(
    new_host: Callable[..., sshd.Sshd], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    host = new_host(options=[f"ForceCommand {gate}"])
    settings = {key: str(value) for key, value in host.ssh_settings().items()}
    hosts = {"app1": {"component": "app", "address": host.address, "ssh": settings}}
    then = configured(hosts, [{"name": "state", "command": "echo fine"}], **LEAST)
    now = configured(hosts, [*({"name": n, "command": "echo fine"} for n in ("state", "more", "most"))], **LEAST)
    gate.write_text(gate_of_host(then, "app1").text)
    gate.chmod(0o755)
    well = check(then, environ={})
    assert well.well, well
    assert "through a gate" in well.hosts[0].stages[0].said
    drifted = check(now, environ={}).hosts[0]
    state, more, _ = drifted.collectors
    assert (state.outcome, more.outcome) == ("ok", "cannot")
    assert more.advice[0].lines == ("failtale gate app1",)
    lines = [line.strip() for line in host_lines(drifted)]
    assert lines.count("failtale gate app1") == 1
    assert "configuration: more, most" in " ".join(lines)


# --- All at once, exit status, JSON -----------------------------------------------------------------------------------


def test_hosts_take_the_time_of_the_slowest(tmp_path: Path) -> None:
    """Each waits until all have begun: one after the other, none would ever end."""
    number = 12
    command = f"echo > {tmp_path}/$$; while [ $(ls {tmp_path} | wc -l) -lt {number} ]; do sleep 0.2; done; echo all"
    hosts = {f"h{each}": {"component": "app", "transport": "local"} for each in range(number)}
    limits = {"failure_time": "200 s", "host_time": "180 s", "parallel_hosts": 1}
    config = configured(hosts, [{"command": command, "timeout": "170 s"}], limits=limits)
    assert {each.collectors[0].outcome for each in check(config, environ={}).hosts} == {"ok"}


def test_thirty_hosts_are_connected_to_before_any_of_them_speaks(tmp_path: Path) -> None:
    number, arrived = 30, threading.Semaphore(0)
    (tmp_path / "known_hosts").touch()
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        opened: list[socket.socket] = []

        def serve() -> None:
            for _ in range(number):
                opened.append(server.accept()[0])
            arrived.release()
            for each in opened:
                each.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                each.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        ssh = {"port": server.getsockname()[1], "known_hosts": str(tmp_path / "known_hosts"), "connect_timeout": 60}
        hosts = {f"h{n}": {"component": "app", "address": "127.0.0.1", "ssh": ssh} for n in range(number)}
        config = configured(hosts, [{"command": "id"}], **LEAST)
        checks = threading.Thread(target=lambda: check(config, environ={}), daemon=True)
        checks.start()
        assert arrived.acquire(timeout=PATIENCE_S)
        thread.join()
    checks.join(PATIENCE_S)  # a second look at a host is refused now


def test_a_host_of_recorded_answers_is_checked_without_a_survey(tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text("answers: {uptime: {stdout: up}}")
    hosts = {
        "h": {"component": "app", "transport": "scripted", "scripted": {"answers": str(tmp_path / "answers.yaml")}}
    }
    checkup = check(configured(hosts, [{"command": "uptime"}], **LEAST), environ={})
    assert checkup.well
    assert [stage.verdict for stage in checkup.hosts[0].stages] == ["ok", "ok"]


def written(path: Path, config: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(config))
    return str(path)


def test_the_exit_status_says_whether_evidence_would_be_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = {"hosts": {"here": {"component": "app", "transport": "local"}}}
    well = {**base, "components": {"app": {"collectors": [{"command": "echo x"}]}, "spare": {"collectors": ["linux"]}}}
    well["tags"] = {"exclude": "wip smoke"}
    assert main(["check", "--config", written(tmp_path / "well.yaml", well)]) == 0
    said = capsys.readouterr().out
    assert "All is well: 1 host, 1 collector" in said
    assert "No host is assigned to component 'spare'" in said
    assert "exclude: [wip, smoke]" in said
    assert "\033[" not in said
    lost = {**base, "components": {"app": {"collectors": [{"file": "/nowhere/x.log"}]}}}
    assert main(["check", "--config", written(tmp_path / "lost.yaml", lost)]) == 1
    assert "1 collector would lose evidence (of 1 host" in capsys.readouterr().out
    assert main(["check", "--config", written(tmp_path / "wrong.yaml", {"hosts": ["a"]})]) == 2
    assert main(["check", "--config", str(tmp_path / "well.yaml"), "--yes"]) == 2


@pytest.mark.parametrize(
    ("is_up", "is_there", "line"), [(True, True, ""), (True, False, "ollama pull"), (False, False, "ollama serve")]
)
def test_a_model_is_there_or_the_line_is_told_that_brings_it(is_up: bool, is_there: bool, line: str) -> None:
    hosts = {"here": {"component": "app", "transport": "local"}}
    with OllamaStub(show="ok" if is_there else "404 model") as stub:
        analysis = {"model": MODEL, "host": stub.url if is_up else "http://127.0.0.1:9"}
        checkup = check(configured(hosts, [{"command": "echo x"}], analysis=analysis, **LEAST), environ={})
    (service,) = checkup.services
    assert checkup.well == is_there
    assert line in lines_of(service.advice)


def test_a_history_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    hosts = {"here": {"component": "app", "transport": "local"}}
    (tmp_path / "folder").mkdir()
    for place, says in (("folder", "Is a directory"), ("failtale-history.db", "")):
        checkup = check(configured(hosts, [{"command": "echo x"}], history=str(tmp_path / place), **LEAST), environ={})
        assert [says in service.said for service in checkup.services] == ([True] if says else [])
        assert checkup.well != bool(says)


def test_documents_are_read_and_compared_or_it_is_told_what_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    hosts = {"here": {"component": "app", "transport": "local"}}
    with OllamaStub() as stub:
        analysis = {"model": MODEL, "host": stub.url, "documents": str(folder)}

        def documents() -> ServiceFinding:
            checkup = check(configured(hosts, [{"command": "echo x"}], analysis=analysis, **LEAST), environ={})
            return checkup.services[1]

        assert documents().verdict == "problem"
        (folder / "locks.md").write_text("# Locks\n\nThe backup locks orders.db.\n")
        assert (documents().verdict, documents().said) == ("ok", f"1 files in 1 passages (0 kB), compared by {MODEL}")
        (folder / "binary.txt").write_bytes(b"\0\1")
        assert documents().verdict == "note"
        stub.embed = "404 model"
        assert documents().verdict == "problem"
        analysis["documents"] = str(tmp_path / "nowhere")
        assert "no folder that is there" in documents().said


# --- Host keys --------------------------------------------------------------------------------------------------------


@pytest.mark.ssh
def test_host_keys_are_shown_and_added_after_a_yes_and_a_changed_one_never(
    a_host: sshd.Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known_hosts, other = tmp_path / "known_hosts", sshd.new_key(tmp_path / "other")
    known_hosts.write_text("# mine")  # without a newline at its end
    ssh = {key: str(value) for key, value in a_host.ssh_settings(known_hosts=known_hosts).items()}
    host = {"component": "app", "address": a_host.address, "ssh": ssh}
    data = {"components": {"app": {"collectors": [{"command": "id"}]}}, "hosts": {"web1": host, "web2": host}}
    config = written(tmp_path / "f.yaml", data)
    assert main(["check", "--config", config, "--accept-host-keys"]) == 2
    said = capsys.readouterr()
    assert a_host.fingerprint in said.out
    assert "no terminal to ask on" in said.err
    assert known_hosts.read_text() == "# mine"
    assert main(["check", "--config", config, "--accept-host-keys", "--yes"]) == 0
    assert known_hosts.read_text().splitlines()[1:] == [a_host.known_hosts_line.strip()]
    changed = a_host.known_hosts_line.rsplit(" ", 1)[0] + " " + public(other) + "\n"
    known_hosts.write_text(changed)
    assert main(["check", "--config", config, "--accept-host-keys", "--yes"]) == 1
    assert known_hosts.read_text() == changed
