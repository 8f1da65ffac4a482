"""What an administrator runs on a host once: an account that can use its gate, and nothing else."""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gates import ask, collectors_of, config_of
from needs import need
from patience import PATIENCE_S
from sshd import Sshd, new_key
from ways import config_for

from FailTaleLibrary.cli import main
from FailTaleLibrary.config import Collector, load_config
from FailTaleLibrary.errors import ConfigError, TransportError
from FailTaleLibrary.gate import gate_of_host
from FailTaleLibrary.gate.account import Account, notes_on, preparation, sudo_rules, wanted_groups
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.windows import ResolvedWindow

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA tests"
STATE = {"name": "state", "command": "echo of the state; id -un"}


def of_command(command: str) -> Collector:
    return Collector(name="x", command=command)


@pytest.mark.parametrize(
    ("command", "rules"),
    [
        ("sudo -n ss -tlnp", ["ss -tlnp"]),
        ("sudo ss", ['ss ""']),
        ("id; sudo -n /usr/sbin/dmidecode -t 1 2>/dev/null | grep -v x && sudo -u root lsof -i :80", [
            "dmidecode -t 1", r"lsof -i \:80",
        ]),
        ("x=$(sudo -n docker logs --since '5 m' 'a,b') || exit", [r"docker logs --since 5\ m a\,b"]),
        ('$([ "$(id -u)" = 0 ] || echo sudo -n) rabbitmqctl status', ["rabbitmqctl status"]),
        ("sudo -n cat /var/log/*.log", [r"cat /var/log/\*.log"]),
        ("sudo -n cat $FILE", []),
        ("sudo -n sh -c \"$(id)\"", []),
        ("sudo -n cat 'open", []),
        ("echo pseudo sudoku", []),
    ],
)  # fmt: skip
def test_sudo_allows_exactly_what_a_collector_runs(command: str, rules: list[str]) -> None:
    assert [f"{rule.program} {rule.arguments}" for rule in sudo_rules(of_command(command))] == rules


def test_what_no_rule_can_say_and_what_is_as_good_as_root_is_said() -> None:
    notes = list(notes_on([of_command("sudo -n cat $X"), of_command("docker ps"), of_command("sudo -n docker ps")]))
    assert len(notes) == 2
    assert "by hand" in notes[0]
    assert "as good as root" in notes[1]


def test_groups_are_those_that_read_logs_and_journals() -> None:
    log, journal = Collector(name="l", file=("/var/log/x",)), Collector(name="j", journal="*")
    assert wanted_groups([log, journal, of_command("docker ps")]) == ("adm", "systemd-journal")
    assert wanted_groups([Collector(name="l", file=("/srv/x",)), of_command("id")]) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "root; id"}, {"name": "-x"}, {"name": "a b"}, {"name": ""}, {"public_key": ""},
        {"public_key": f"{KEY}\n{KEY}"}, {"public_key": f'command="id" {KEY}'}, {"allowed_from": '*" ssh-rsa'},
        {"allowed_from": "a b"}, {"certificate_authority": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_what_would_be_something_else_in_a_file_of_sshd_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        Account(**{"public_key": KEY, **wrong})


def test_a_certificate_is_bound_as_a_key_is() -> None:
    account = Account(certificate_authority=KEY, allowed_from="192.0.2.7,198.51.100.0/24")
    config = config_of(STATE)
    script = preparation(account, gate_of_host(config, "web1"), collectors_of(config), host="web1")
    assert 'principals_line=\'restrict,command="/usr/local/lib/failtale/failtale.gate",from="192.0.2.7' in script
    assert account.signing_line("me.pub") == (
        "ssh-keygen -s CA_KEY -I failtale -n failtale -V +52w -O clear "
        "-O force-command=/usr/local/lib/failtale/failtale.gate -O source-address=192.0.2.7,198.51.100.0/24 me.pub"
    )


# --- On this machine --------------------------------------------------------------------------------------------------


README = Path(__file__).parents[1] / "README.md"
USUAL = ["AuthorizedKeysFile .ssh/authorized_keys", "StrictModes yes", "Subsystem sftp internal-sftp", "AcceptEnv LC_*"]


class Prepared:
    """An account that the lines in README make on this machine, and how to undo it."""

    def __init__(self, home: Path, new_host: Callable[..., Sshd]) -> None:
        self.name = f"ftgate{os.getpid()}"
        self.host = new_host(user=self.name, options=["UsePAM no", *USUAL])
        self.home = home
        self.key = home / ".ssh" / "failtale"
        self.yaml = home / "failtale.yaml"
        self.script = home / "prepare.sh"
        self.key.parent.mkdir(mode=0o700)
        self.yaml.write_text(
            f"ssh: {{user: {self.name}, key: {self.key}, port: {self.host.port}, command_timeout: 60 s,\n"
            f"  known_hosts: {home / '.ssh' / 'known_hosts'}}}\n"
            "components: {web: {collectors: [{name: state, command: 'echo of the state; id -un'},\n"
            "  {name: log, file: /var/log/failtale-no-such.log}, {name: root, command: 'sudo -n ls /root | wc -l'}]}}\n"
            "hosts: {web1.example.com: {component: web, address: 127.0.0.1}}\n"
        )
        (home / "bin").mkdir()
        (home / "bin" / "failtale").write_text(
            f"#!{sys.executable}\nimport sys\nfrom FailTaleLibrary.cli import main\nsys.exit(main())\n"
        )
        (home / "bin" / "failtale").chmod(0o755)

    def follow_readme(self) -> str:
        """Each line as it stands there, but for the name of the host, which no server here has, and the way to it."""
        section = README.read_text(encoding="utf-8").partition("## A user that may read")[2]
        block = section.partition("```sh\n")[2].partition("```")[0]
        said = ""
        for line in block.splitlines():
            here = line.replace("ssh-keyscan web1.example.com", f"ssh-keyscan -p {self.host.port} 127.0.0.1")
            here = re.sub(r"^scp prepare.sh web1.example.com: && ssh -t web1.example.com sudo ", "", here)
            assert "prepare-host" in here or "example.com" not in here, here
            said = self.run(here)
        return said

    def checkup(self, capsys: pytest.CaptureFixture[str]) -> str:
        main(["check", "--json", "--config", str(self.yaml)])
        return " ".join(capsys.readouterr().out.split())

    def run(self, line: str) -> str:
        environment = {**os.environ, "HOME": str(self.home), "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-c", line.replace("~", str(self.home))],
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (line, done.stderr)
        return done.stdout


@pytest.fixture
def prepared(as_root: None, tmp_path: Path, new_host: Callable[..., Sshd]) -> Iterator[Prepared]:
    need("useradd")
    home = tmp_path / "home"
    home.mkdir()
    account = Prepared(home, new_host)
    try:
        yield account
    finally:
        if account.script.exists():
            account.run("sh prepare.sh undo")


def as_account(name: str, command: str) -> int:
    return subprocess.run(["su", "-s", "/bin/sh", name, "-c", command], capture_output=True, check=False).returncode


@pytest.mark.ssh
def test_the_lines_in_readme_make_an_account_that_runs_its_collectors_through_sshd_and_nothing_else(
    prepared: Prepared, new_host: Callable[..., Sshd], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = prepared.follow_readme(), prepared.run("sh prepare.sh")
    assert first.count("\n") > 4
    assert second == f"{prepared.name}: is ready; 'undo' behind this script's name takes all of it away\n"
    home = Path(f"/var/lib/{prepared.name}")
    keys = home / ".ssh" / "authorized_keys"
    assert keys.read_text().startswith('restrict,command="/usr/local/lib/failtale/')
    assert ',from="127.0.0.1" ssh-ed25519 ' in keys.read_text()
    for change in (f"echo >>{keys}", f"mv {keys} {keys}.x", f"mv {home}/.ssh {home}/x", f"touch {home}/x"):
        assert as_account(prepared.name, change) != 0, change
    assert as_account(prepared.name, "true") == 0
    with_pam = new_host(user=prepared.name, options=["UsePAM yes", *USUAL])
    config = load_config(prepared.yaml)
    for way, host in ((config, "web1.example.com"), (config_for(with_pam, key=prepared.key), "web1")):
        connections = Connections(way)
        collectors = [collector for _, collector in config.collectors_for("web1.example.com")]
        answers = ask(connections.transport(host), collectors, ResolvedWindow("none"), timeout_s=60)
        connections.close()
        assert answers["state"].stdout == f"of the state\n{prepared.name}\n".encode(), answers["state"]
        if shutil.which("sudo"):
            assert answers["root"].stdout.strip().isdigit()
            assert b"password" not in answers["root"].stderr
    assert "through a gate of this configuration" in prepared.checkup(capsys)
    prepared.yaml.write_text(prepared.yaml.read_text().replace("echo of the state", "echo of another state"))
    said = prepared.checkup(capsys)
    assert "through a gate of another configuration" in said
    assert "collector 'state' differs; make it anew with 'failtale gate web1.example.com'" in said
    assert "failtale prepare-host web1.example.com > prepare.sh" in said
    canary = tmp_path / "canary"
    for attack, said in attacks_over_ssh(with_pam, prepared.key, canary):
        # of a subsystem sshd passes on no standard error
        assert said.returncode == 1 if "-s" in attack else attack_is_refused(said), (attack, said)
    assert not canary.exists()
    assert not with_pam.leftovers()


def attack_is_refused(said: subprocess.CompletedProcess[str]) -> bool:
    words = said.stdout + said.stderr
    refusals = [
        *("failtale-gate 1: refused: ", "PTY allocation request failed", "administratively prohibited"),
        *("forwarding failed", "Connection closed"),
    ]
    return said.returncode != 0 and any(each in words for each in refusals) and "root:x:0" not in words


def attacks_over_ssh(
    host: Sshd, key: Path, canary: Path
) -> Iterator[tuple[list[str], subprocess.CompletedProcess[str]]]:
    """What OpenSSH's own programs can be told to do with the key."""
    (host.directory / "known_hosts").write_text(host.known_hosts_line)
    login = [
        "-F", "none", "-o", f"UserKnownHostsFile={host.directory / 'known_hosts'}", "-o", "IdentitiesOnly=yes", "-o",
        f"IdentityFile={key}", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes",
    ]  # fmt: skip
    port, where = str(host.port), f"{host.user}@{host.address}"
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        inside = f"127.0.0.1:{listening.getsockname()[1]}"
        ssh = ["ssh", *login, "-p", port]
        attempts = [
            [*ssh, where],
            [*ssh, where, f"touch {canary}"],
            [*ssh, "-tt", where, f"touch {canary}"],
            [*ssh, "-A", where, f"echo $SSH_AUTH_SOCK; touch {canary}"],
            [*ssh, "-X", where, f"xterm -e touch {canary}"],
            [*ssh, "-W", inside, where],
            [*ssh, "-R", f"127.0.0.1:0:{inside}", where, f"touch {canary}"],
            [*ssh, "-s", where, "sftp"],
            [*ssh, "-o", f'SetEnv=LC_ALL="$(touch {canary})"', where, "x"],
            ["sftp", *login, "-P", port, f"{where}:/etc/passwd", str(canary)],
            ["scp", *login, "-O", "-P", port, f"{where}:/etc/passwd", str(canary)],
            ["scp", *login, "-O", "-P", port, str(key), f"{where}:{canary}"],
        ]
        for attempt in attempts:
            yield (
                attempt,
                subprocess.run(
                    attempt, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, check=False
                ),
            )


@pytest.mark.ssh
def test_a_signed_key_runs_the_collectors_through_sshd_and_nothing_else(
    prepared: Prepared, new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    authority, _ = new_key(tmp_path / "CA_KEY"), new_key(prepared.key)
    (prepared.home / ".ssh" / "known_hosts").touch()
    prepared.run(f"failtale prepare-host web1.example.com --ca {authority}.pub --from 127.0.0.1 >prepare.sh")
    prepared.run("sh prepare.sh")
    (line,) = re.findall("(?m)^# A runner's key is signed by: (.*)$", prepared.script.read_text())
    sign = line.replace("CA_KEY", str(authority)).replace("RUNNER_KEY.pub", f"{prepared.key}.pub")
    prepared.run(sign)
    (settings,) = Path("/etc/ssh/sshd_config.d").glob(f"*{prepared.name}*")
    host = new_host(user=prepared.name, options=[f"Include {settings}", "UsePAM no", *USUAL])
    config = load_config(prepared.yaml)
    collectors = [collector for _, collector in config.collectors_for("web1.example.com")]
    connections = Connections(config_for(host, key=prepared.key))
    answers = ask(connections.transport("web1"), collectors, ResolvedWindow("none"), timeout_s=60)
    connections.close()
    assert answers["state"].stdout == f"of the state\n{prepared.name}\n".encode(), answers["state"]
    canary = tmp_path / "canary"
    attack, said = next(each for each in attacks_over_ssh(host, prepared.key, canary) if str(canary) in str(each[0]))
    assert attack_is_refused(said), (attack, said)
    assert not canary.exists()
    prepared.key.with_name(f"{prepared.key.name}-cert.pub").unlink()
    with pytest.raises(TransportError, match="refused the login"):
        Connections(config_for(host, key=prepared.key)).transport("web1")


@pytest.mark.ssh
def test_it_is_run_over_ssh_after_a_yes_and_undone_the_same_way(
    prepared: Prepared,
    new_host: Callable[..., Sshd],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new_key(prepared.key)
    host = new_host(options=["PermitRootLogin yes"])
    known_hosts = host.ssh_settings()["known_hosts"]
    text = prepared.yaml.read_text().replace(f"port: {prepared.host.port}", f"port: {host.port}")
    prepared.yaml.write_text(re.sub(r"known_hosts: [^}]+", f"known_hosts: {known_hosts}", text))
    command = ["prepare-host", "web1.example.com", "--config", str(prepared.yaml), "--run", "--login", host.user]
    command += ["--login-key", str(host.key)]
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert main(command) == 0
    assert "nothing was done" in capsys.readouterr().out
    assert main([*command, "--yes"]) == 0
    assert "is ready" in capsys.readouterr().out
    assert re.search(rf"^{prepared.name}:", Path("/etc/passwd").read_text(), re.MULTILINE)
    assert main([*command, "--yes", "--undo"]) == 0
    assert "removed the account" in capsys.readouterr().out
    assert prepared.name not in Path("/etc/passwd").read_text()
