"""Hosts reached as people reach them: ssh's own configuration, jump hosts, proxy commands and passwords."""

from __future__ import annotations

import getpass
import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from builders import a_failure
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import need
from patience import PATIENCE_S, wait_until
from ports import free_port
from sshd import Sshd, key_agent, new_key, throw_away_user
from ways import Clock, run

from FailTaleLibrary.cli import main
from FailTaleLibrary.config import Config, load_config, parse_config
from FailTaleLibrary.config.types import jump_place
from FailTaleLibrary.doctor.checkup import check
from FailTaleLibrary.errors import ConfigError, TransportError
from FailTaleLibrary.pytest_plugin import _PytestRun as PytestRun
from FailTaleLibrary.run import Run, redactor_for
from FailTaleLibrary.transports import Connections, ssh_config
from FailTaleLibrary.transports.jump_hosts import MAX_THROUGH
from FailTaleLibrary.transports.proxy_command import ProxyConnection
from FailTaleLibrary.transports.reach import Reach, reach_of
from FailTaleLibrary.transports.ssh_config import host_config, text_of
from FailTaleListener import FailTaleListener

ME = getpass.getuser()


@pytest.fixture(scope="module", autouse=True)
def a_program_ssh() -> None:
    need("ssh", package="openssh-client")


def configured(config: object = "none", *, hosts: Mapping[str, Any] | None = None, **ssh: Any) -> Config:
    """A configuration with the hosts, by default one of the name 'web1'; ``ssh`` are settings for all."""
    every = hosts or {"web1": {}}
    return Config.model_validate(
        {
            "components": {"web": {}},
            "hosts": {name: {"component": "web", **host} for name, host in every.items()},
            "ssh": {"config": config, **ssh},
        }
    )


def way(text: str, tmp_path: Path, name: str = "web1", **ssh: Any) -> Reach:
    file = tmp_path / "config"
    file.write_text(text)
    return reach_of(configured(file, hosts={name: {}}, **ssh), name)


def origins(reach: Reach) -> dict[str, str]:
    return {each.key: each.origin for each in reach.origins}


# --- ssh's configuration


def test_a_file_of_ssh_is_read_once_for_all_hosts_and_again_when_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, included = tmp_path / "config", tmp_path / "more.conf"
    file.write_text(f"# nothing\nInclude {tmp_path}/*.conf\n")
    config = configured(file, hosts={f"web{number}": {} for number in range(20)})
    read: list[Path] = []

    def noted(path: Path) -> str | None:
        read.append(path)
        return text_of(path)

    monkeypatch.setattr(ssh_config, "text_of", noted)

    def is_remembered() -> bool:
        read.clear()
        return {reach_of(config, name).port for name in config.hosts} == {22} and read == []

    assert wait_until(is_remembered)
    included.write_text("Port 2222\n")
    assert reach_of(config, "web2").port == 2222
    included.unlink()
    assert is_remembered()
    file.write_text("Port 2223\n")
    assert reach_of(config, "web4").port == 2223


NAMES = ("web1", "db1.lab", "web2.lab", "jump")
PATTERNS = (
    "web1",
    "*",
    "web?",
    "*.lab",
    "!web1 web*",
    "!*.lab *",
    "db1.lab web1",
    "web2.lab !web2.lab",
    '"web1"',
    "jump",
)
SETTINGS = (
    "HostName %h.example.com",
    "HostName=10.0.0.5",
    'HostName "192.168.7.7"',
    "User deploy",
    'User = "some body"',
    "user admin # of all",
    "Port 2200",
    "Port=2300",
    "IdentityFile ~/.ssh/one",
    "IdentityFile /keys/two",
    'identityfile "/keys/with space"',
    "IdentityFile %d/.ssh/%h",
    "IdentitiesOnly yes",
    "IdentitiesOnly no",
    "CertificateFile /keys/two-cert.pub",
    "CertificateFile ~/%r-cert.pub",
    "UserKnownHostsFile /known/one /known/two",
    "HostKeyAlias an-alias",
    "ProxyJump first,second:2222",
    "ProxyJump me@10.9.9.9",
    "ProxyJump ssh://me@10.9.9.9:2222",
    "IdentityAgent ${FT_PLACE}/agent",
    "UserKnownHostsFile /known/%h ${FT_PLACE}/known",
    "ProxyCommand nc -X %h %p",
    "ServerAliveInterval 5",
    "# HostName nothing",
    "ProxyJump NONE",
    "ProxyCommand None",
    "User 'quo ted'",
    "Include GENERATED/*.conf",
    "AddressFamily inet6",
    "BindAddress 10.0.0.9",
    "BindInterface lo",
    "KnownHostsCommand /usr/bin/keys %H",
    "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512",
    "HostKeyAlgorithms +ssh-rsa",
    "HostKeyAlgorithms -ssh-ed25519",
    "PKCS11Provider /usr/lib/token.so",
    "HostbasedAuthentication yes",
    "VerifyHostKeyDNS ask",
)
MATCHES = (
    "host web1",
    "host web*,!web2.lab",
    "originalhost db1.lab",
    "user deploy",
    f"localuser {ME}",
    "all",
    "!host web1",
)
LINES = st.lists(
    st.one_of(
        st.sampled_from(SETTINGS),
        st.sampled_from(SETTINGS),
        st.sampled_from(PATTERNS).map("Host {}".format),
        st.sampled_from(MATCHES).map("Match {}".format),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(lines=LINES, name=st.sampled_from(NAMES), user=st.sampled_from((None, "deploy")))
def test_what_is_read_without_ssh_is_what_ssh_says(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], name: str, user: str | None
) -> None:
    folder = tmp_path_factory.getbasetemp() / "generated"
    folder.mkdir(exist_ok=True)
    (folder / "inside.conf").write_text("User included\nHost *.lab\n Port 2400\nHost web?\n IdentityFile /in/key\n")
    file = folder / "config"
    file.write_text("\n".join(lines).replace("GENERATED", str(folder)) + "\n")
    found = os.environ["PATH"]
    try:
        os.environ["FT_PLACE"] = "/place"
        by_ssh = host_config(name, user=user, port=None, file=file)
        os.environ["PATH"] = "/nowhere"
        by_us = host_config(name, user=user, port=None, file=file)
    finally:
        os.environ["PATH"] = found
        del os.environ["FT_PLACE"]
    jumps = [[jump_place(each) for each in said.proxy_jump.split(",") if each] for said in (by_ssh, by_us)]
    assert jumps[0] == jumps[1], file.read_text()
    assert replace(by_us, proxy_jump=by_ssh.proxy_jump) == by_ssh, file.read_text()


def test_what_our_configuration_says_wins_and_each_value_tells_where_it_is_from(tmp_path: Path) -> None:
    text = (
        "Host web1\n HostName 10.1.2.3\n User deploy\n Port 2200\n IdentityFile ~/.ssh/%r@%h\n IdentityFile /keys/b\n"
        " CertificateFile /keys/b-cert.pub\n UserKnownHostsFile /known/one /known/two\n HostKeyAlias web\n"
        " ProxyJump gw\nHost gw\n User jumper\n Port 2201\n"
    )
    reach = way(text, tmp_path)
    assert (reach.address, reach.port, reach.user) == ("10.1.2.3", 2200, "deploy")
    assert reach.keys == (Path("~/.ssh/deploy@10.1.2.3").expanduser(), Path("/keys/b"))
    assert reach.certificates == (Path("/keys/b-cert.pub"),)
    assert reach.known_hosts[:2] == (Path("/known/one"), Path("/known/two"))
    assert reach.names == ("web",)
    assert [(jump.address, jump.port, jump.user) for jump in reach.jumps] == [("gw", 2201, "jumper")]
    assert set(origins(reach).values()) == {"ssh's configuration"}
    key = new_key(tmp_path / "key")
    ours = way(text, tmp_path, user="me", port=22, key=key, known_hosts=tmp_path / "known", proxy_jump="none")
    assert (ours.address, ours.port, ours.user, ours.keys) == ("10.1.2.3", 22, "me", (key,))
    assert (ours.known_hosts, ours.jumps, ours.keys_alone) == ((tmp_path / "known",), (), True)
    assert {key for key, origin in origins(ours).items() if origin == "failtale.yaml"} >= {"user", "port", "key"}
    none = reach_of(configured("none", hosts={"web1": {}}), "web1")
    assert (none.address, none.port, none.user, none.keys, none.jumps) == ("web1", 22, ME, None, ())
    assert origins(none)["user"] == "default"


def test_only_ssh_reads_what_only_ssh_can_and_whoever_has_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'Match originalhost web1 exec "test %p = 22"\n User by-match\nHost *\n Include {tmp_path}/in*.conf\n'
    (tmp_path / "inside.conf").write_text("Port 2222\n")
    reach = way(text, tmp_path)
    assert (reach.user, reach.port) == ("by-match", 2222)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TransportError, match=r"line 1 of .* takes the program 'ssh' to read; install it"):
        way(text, tmp_path)
    assert way(f"Include {tmp_path}/in*.conf\nHost web1\n User by-host\n", tmp_path).port == 2222
    assert way("Host other\n CanonicalizeHostname yes\nHost *\n CanonicalizeHostname no\n", tmp_path).port == 22
    with pytest.raises(TransportError, match=r"has 'CanonicalizeHostname always' .* takes the program 'ssh' to read"):
        way("CanonicalizeHostname always\nCanonicalDomains lab.example.com\nUser x\n", tmp_path)


def test_what_of_sshs_configuration_is_not_followed_is_said_once_with_the_way_out(tmp_path: Path) -> None:
    text = (
        "Host gw\n KnownHostsCommand /usr/bin/keys %H\n HostbasedAuthentication yes\n"
        "Host web1\n ProxyJump gw\n PKCS11Provider /usr/lib/token.so\n HostKeyAlgorithms ssh-ed25519\n"
        " SecurityKeyProvider /usr/lib/sk.so\n BindInterface lo\n VerifyHostKeyDNS yes\n ControlMaster auto\n"
    )
    notes = way(text, tmp_path).notes
    begins = [note.partition(", which FailTale does not follow: ")[0].rpartition(" has ")[2] for note in notes]
    assert begins == [
        "KnownHostsCommand",
        "HostbasedAuthentication",
        "VerifyHostKeyDNS",
        "HostKeyAlgorithms",
        "PKCS11Provider",
        "SecurityKeyProvider",
        "BindInterface",
    ]
    assert notes[0].endswith("write what it prints into a file, 'ssh: {known_hosts: FILE}'.")
    assert not way("Host *\n User x\n GSSAPIAuthentication yes\n ControlMaster auto\n", tmp_path).notes


def test_a_home_that_is_not_the_accounts_own_counts_and_whoever_has_two_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_ssh, other = tmp_path / "passwd" / ".ssh" / "config", tmp_path / "home" / ".ssh" / "config"
    for file, user in ((of_ssh, "of-passwd"), (other, "of-home")):
        file.parent.mkdir(parents=True)
        file.write_text(f"User {user}\n")
    account = pwd.struct_passwd(("me", "x", os.getuid(), 0, "", str(tmp_path / "passwd"), "/bin/sh"))
    monkeypatch.setattr("pwd.getpwuid", lambda _: account)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    reach = reach_of(configured("~/.ssh/config"), "web1")
    assert reach.user == "of-home"
    (note,) = reach.notes
    assert note.endswith(
        f"ssh itself reads '{of_ssh}', whatever HOME is. To go by that one, write 'ssh: {{config: {of_ssh}}}'."
    )
    named = reach_of(configured(of_ssh), "web1")
    assert (named.user, named.notes) == ("of-passwd", ())
    of_ssh.unlink()
    assert not reach_of(configured("~/.ssh/config"), "web1").notes, "there is no other one"


def test_known_hosts_are_those_below_home_where_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / ".ssh" / "config"
    file.parent.mkdir()
    for text, known in (
        ("User x\n", tmp_path / ".ssh" / "known_hosts"),
        ("UserKnownHostsFile /of/all\n", Path("/of/all")),
    ):
        file.write_text(text)
        assert host_config("web1", user=None, port=None, file=file).user_known_hosts[0] == known


def test_the_usual_file_is_read_beside_the_systems_and_not_where_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    usual = tmp_path / ".ssh" / "config"
    config = configured("~/.ssh/config")
    assert reach_of(config, "web1").user == ME, "there is no file"
    usual.write_text("Host *\n ServerAliveInterval 5\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "ssh").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "ssh").chmod(0o755)
    assert reach_of(config, "web1").user == ME, "no program was started for what does not matter"
    usual.write_text("User deploy\n")
    with pytest.raises(TransportError, match="ssh cannot read its configuration"):
        reach_of(config, "web1")
    monkeypatch.setenv("PATH", os.defpath)
    assert reach_of(config, "web1").user == "deploy"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Bogus 3\nUser x\n", "line 1: Bad configuration option: bogus"),
        (
            "Host web1 c\n ProxyJump b\nHost b\n ProxyJump c\n",
            "lead in a circle: web1 → b → c → b.",
        ),
        ("ProxyCommand nc %h %p\nHostName 1;id\n", "'1;id' cannot be the address of a host with a ProxyCommand"),
        ("ProxyCommand x\nProxyUseFdpass yes\n", "write 'ProxyCommand ssh -W [%h]:%p JUMPHOST' instead"),
    ],
)
def test_a_configuration_that_cannot_be_followed_is_told_with_the_way_out(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(TransportError) as caught:
        way(text, tmp_path)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Host web1\n  Port twenty\n", "has 'Port twenty', which is no number (line 2 of '"),
        ("Host\n  Port 2\n", "has 'host' without a value (line 1 of '"),
    ],
)
def test_what_ssh_would_refuse_is_refused_without_it(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TransportError) as caught:
        way(text, tmp_path)
    assert why in str(caught.value)


def test_a_configuration_that_takes_too_long_to_read_is_told_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text('Match exec "sleep 600"\n User x\n')
    with pytest.raises(TransportError, match=r"took more than 0\.3 s \(a 'Match exec', or a name.*config: none"):
        host_config("web1", user=None, port=None, file=file, lasts_s=0.3)


def test_the_default_files_are_no_keys_that_were_named_and_none_is_none(tmp_path: Path) -> None:
    assert way("User x\n", tmp_path).keys is None
    assert way("IdentityFile none\n", tmp_path).keys == ()
    assert way("IdentityFile ~/.ssh/id_rsa\n", tmp_path).keys == (Path("~/.ssh/id_rsa").expanduser(),)


@pytest.mark.parametrize(
    ("chain", "jumps"),
    [
        ("gw", [("gw", 22, ME)]),
        ("me@gw:2222", [("gw", 2222, "me")]),
        ("ssh://me@gw:2222", [("gw", 2222, "me")]),
        ("me@[2001:db8::1]:2222", [("2001:db8::1", 2222, "me")]),
        ("one, two:23", [("one", 22, ME), ("two", 23, ME)]),
        (["one", "x@two"], [("one", 22, ME), ("two", 22, "x")]),
        ("none", []),
        ("web1,gw", []),
        ("gw,web1", [("gw", 22, ME)]),
    ],
)
def test_jump_hosts_are_written_as_ssh_writes_them(chain: object, jumps: list[tuple[str, int, str]]) -> None:
    reach = reach_of(configured("none", proxy_jump=chain), "web1")
    assert [(jump.address, jump.port, jump.user) for jump in reach.jumps] == jumps


@pytest.mark.parametrize(
    "chain", ["", "gw:0", "gw:99999", "-oProxyCommand=id", "a b", "gw;id", ["gw", ""], [1], "a,,b"]
)
def test_what_is_no_jump_host_is_refused(chain: object) -> None:
    with pytest.raises(ValueError, match="proxy_jump"):
        configured("none", proxy_jump=chain)


# --- Real servers: two jump hosts and a host behind them, for all tests


class Lab:
    """Jump hosts 'gw1' and 'gw2', and a host; one key opens all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = new_key(folder / "key")
        self.known_hosts = folder / "known"
        self.gw1, self.gw2, self.host = (Sshd(folder / name, name=name) for name in ("gw1", "gw2", "host"))
        self.closed = Sshd(folder / "closed", options=["AllowTcpForwarding no"])
        for server in self.servers:
            server.authorize(self.key)
        self.known_hosts.write_text("".join(server.known_hosts_line for server in self.servers))

    @property
    def servers(self) -> tuple[Sshd, ...]:
        return (self.gw1, self.gw2, self.host, self.closed)

    def ssh_config(self, extra: str = "") -> Path:
        """A file of ssh's configuration that names all of them."""
        file = self.folder / f"config-{secrets.token_hex(4)}"
        blocks = [
            f"Host {name}\n HostName 127.0.0.1\n Port {server.port}\n"
            for name, server in (("gw1", self.gw1), ("gw2", self.gw2), ("web*", self.host), ("closed", self.closed))
        ]
        every = f"Host *\n User {ME}\n IdentityFile {self.key}\n UserKnownHostsFile {self.known_hosts}\n"
        file.write_text("".join([extra, *blocks, every]))
        return file

    def connections(self, extra: str = "", *, hosts: tuple[str, ...] = ("web1",), **settings: Any) -> Connections:
        clock = settings.pop("clock", time.monotonic)
        config = configured(self.ssh_config(extra), hosts={name: {} for name in hosts}, **settings)
        return Connections(config, clock=clock)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("lab"))
    for server in made.servers:
        server.start()
    yield made
    for server in made.servers:
        server.stop()


def refusal(connections: Connections, host: str = "web1") -> TransportError:
    with pytest.raises(TransportError) as caught:
        connections.transport(host)
    return caught.value


def most_at_once(log: list[str]) -> int:
    """How many connections a server had at once, by what it says."""
    now = most = 0
    for line in log:
        now += line.startswith("Connection from")
        now -= line.startswith(("Connection closed by", "Connection reset by", "Disconnected from"))
        most = max(most, now)
    return most


@pytest.mark.ssh
@pytest.mark.parametrize(
    ("extra", "settings"),
    [
        ("", {}),
        ("Host web1\n ProxyJump gw1,gw2\n", {}),
        ("Host web1\n ProxyJump gw2\nHost gw2\n ProxyJump gw1\n", {}),
        ("Host gw3\n HostName 127.0.0.1\n Port %HOST%\nHost web1\n ProxyJump gw1,gw2,gw3\n", {}),
        ("", {"proxy_jump": "gw1, gw2"}),
        ("Host web1\n ProxyCommand ssh -F %CONFIG% -W [%h]:%p gw1\n", {}),
    ],
    ids=["directly", "ssh's chain", "a jump of a jump", "three jumps", "our chain", "a command"],
)
def test_a_host_is_asked_by_whatever_way_and_nothing_of_the_way_stays(
    lab: Lab, extra: str, settings: dict[str, Any]
) -> None:
    file = lab.ssh_config()
    hops = [hop for hop in (lab.gw1, lab.gw2) if hop.name in f"{extra}{settings}"]  # a path may have these names, too
    extra = extra.replace("%CONFIG%", str(file)).replace("%HOST%", str(lab.host.port))
    before = [hop.logins_seen for hop in hops]
    with closing(lab.connections(extra, **settings)) as connections:
        assert run(connections, "echo in").stdout == b"in\n"
        assert run(connections, "seq 100000 | tail -n 1").stdout == b"100000\n"
        after = [count + 1 for count in before]
        assert wait_until(lambda: [hop.logins_seen for hop in hops] == after), "they write their logs late"
    assert wait_until(lambda: not any(server.session_pids() for server in lab.servers))
    assert wait_until(lambda: not processes_with(str(file)))


def processes_with(words: str) -> list[str]:
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in told.splitlines() if words in line and line.startswith("ssh ")]


@pytest.mark.ssh
def test_at_most_eight_connections_go_through_a_jump_host_and_all_hosts_are_asked(lab: Lab) -> None:
    hosts = tuple(f"web{number}" for number in range(1, 21))
    lab.host.log.clear()
    answers: dict[str, bytes] = {}

    def ask(connections: Connections, host: str) -> None:
        for _ in range(2):
            result = run(connections.transport(host), f"echo {host}; sleep 0.1")
            answers[host] = result.stdout or repr(result).encode()

    with closing(
        lab.connections("Host web*\n ProxyJump gw1\n", hosts=hosts, connect_timeout=PATIENCE_S)
    ) as connections:
        logins = lab.gw1.logins_seen
        threads = [threading.Thread(target=ask, args=(connections, host)) for host in hosts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert answers == {host: f"{host}\n".encode() for host in hosts}
        assert wait_until(lambda: lab.gw1.logins_seen == logins + 1), "they share one connection to the jump host"
    assert wait_until(lambda: not lab.host.session_pids())
    assert 2 <= most_at_once(lab.host.log) <= MAX_THROUGH


@pytest.mark.ssh
def test_a_dead_jump_host_is_tried_once_and_told_for_each_host_behind_it(lab: Lab) -> None:
    dead, clock = free_port(), Clock()
    hosts = ("web1", "web2", "web3")
    with closing(lab.connections(hosts=hosts, proxy_jump=f"127.0.0.1:{dead}", clock=clock)) as connections:
        said = [refusal(connections, host) for host in hosts]
        assert {error.reason for error in said} == {"refused"}
        for host, error in zip(hosts, said, strict=True):
            begin = (
                f"Host '{host}' is behind jump host '127.0.0.1', which cannot be used: Jump host '127.0.0.1' (127.0.0.1"
            )
            assert str(error).startswith(begin)
            assert "no SSH server listens there" in str(error)
        assert "not tried again" not in str(said[0])
        assert all("not tried again for 60 s" in str(error) for error in said[1:])
        assert not any(connections.is_open(host) for host in hosts)
        clock.now = 61.0
        assert all(connections.is_open(host) for host in hosts)


@pytest.mark.ssh
def test_a_jump_host_that_came_back_is_used_again(lab: Lab) -> None:
    clock = Clock()
    with closing(lab.connections(proxy_jump="gw2", clock=clock)) as connections:
        assert run(connections, "echo in").stdout == b"in\n"
        lab.gw2.restart()
        assert run(connections, "echo again").stdout == b"again\n"


@pytest.mark.ssh
def test_a_jump_host_whose_key_is_not_known_is_not_logged_in_to(lab: Lab, tmp_path: Path) -> None:
    only_host = tmp_path / "known"
    only_host.write_text(lab.host.known_hosts_line)
    with closing(lab.connections(proxy_jump="gw1", known_hosts=only_host)) as connections:
        logins = lab.gw1.logins_seen
        error = refusal(connections)
        assert error.reason == "unknown host key"
        assert "is behind jump host 'gw1', which cannot be used: Jump host 'gw1' (127.0.0.1" in str(error)
        assert lab.gw1.fingerprint in str(error)
        assert lab.gw1.logins_seen == logins
    only_host.write_text(lab.gw1.known_hosts_line)
    with closing(lab.connections(proxy_jump="gw1", known_hosts=only_host)) as connections:
        error = refusal(connections)
        assert (error.reason, lab.host.fingerprint in str(error)) == ("unknown host key", True)
        assert "type: failtale check --accept-host-keys" in str(error), "ssh-keyscan cannot reach it"


@pytest.mark.ssh
@pytest.mark.parametrize(
    ("extra", "settings", "reason", "why"),
    [
        (
            "",
            {"proxy_jump": "closed"},
            "refused",
            "jump host 'closed', which forbids it (open failed): allow it there with",
        ),
        ("", {"proxy_jump": "gw1", "port": 1}, "refused", "cannot be reached from jump host 'gw1': Connection refused"),
        ("Host web1\n ProxyCommand echo no way >&2; exit 3\n", {}, "unreachable", "no way"),
        (
            "Host web1\n ProxyCommand sleep 600\n",
            {"connect_timeout": 0.5},
            "no answer",
            "sent no SSH banner within 0.5 s",
        ),
        ("Host web1\n ProxyCommand /nowhere/program\n", {}, "unreachable", "/nowhere/program: "),
        ("Host web1\n AddressFamily inet6\n", {}, "unreachable", "(AddressFamily inet6 of ssh's configuration)"),
        ("Host web1\n BindAddress 192.0.2.1\n", {}, "unreachable", "no address '192.0.2.1' for it (BindAddress of"),
        (
            "Host web1\n UserKnownHostsFile /nowhere/known\n KnownHostsCommand /usr/bin/keys %H\n",
            {},
            "unknown host key",
            "has KnownHostsCommand, which FailTale does not follow: write what it prints into a file",
        ),
    ],
)
def test_a_way_that_ends_early_is_told_where(
    lab: Lab, extra: str, settings: dict[str, Any], reason: str, why: str
) -> None:
    with closing(lab.connections(extra, **settings)) as connections:
        error = refusal(connections)
    assert (error.reason, why in str(error)) == (reason, True), str(error)
    assert wait_until(lambda: not processes_with("sleep 600"))


@pytest.mark.needs("bash")
def test_a_proxy_command_reads_no_profile_of_its_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".bashrc").write_text(f"touch {tmp_path}/read\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", str(shutil.which("bash")))
    monkeypatch.delenv("SHLVL", raising=False)
    with closing(ProxyConnection.to("echo in")) as connection:
        assert connection.recv(3) == b"in\n"
    assert not (tmp_path / "read").exists()


@pytest.mark.ssh
def test_a_connection_comes_from_the_address_that_sshs_configuration_names(lab: Lab) -> None:
    with closing(lab.connections("Host web1\n AddressFamily inet\n BindAddress 127.0.0.3\n")) as connections:
        assert run(connections, "echo $SSH_CLIENT").stdout.startswith(b"127.0.0.3 ")


@pytest.mark.ssh
def test_keys_of_sshs_configuration_are_offered_in_its_order_and_missing_ones_skipped(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, key = new_key(tmp_path / "authority"), new_key(tmp_path / "with-certificate")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "x", "-n", ME, f"{key}.pub"]
    subprocess.run(sign, check=True, capture_output=True)
    certificate = (tmp_path / "with-certificate-cert.pub").rename(tmp_path / "elsewhere-cert.pub")
    extra = f"Host web1\n IdentityFile {tmp_path}/none\n IdentityFile {key}\n CertificateFile {certificate}\n"
    with closing(lab.connections(extra)) as connections:
        assert run(connections, "echo in").stdout == b"in\n", "the third one that ssh's configuration names"
    lab.host.authorize(new_key(tmp_path / "other"))
    try:
        with closing(lab.connections(extra)) as connections:
            said = str(refusal(connections))
    finally:
        lab.host.authorize(lab.key)
    assert f"'{key}' with its certificate (" in said
    assert said.index("with its certificate") < said.index(f"'{key}' (") < said.index(f"'{lab.key}' (")
    assert "none" not in said


@pytest.mark.ssh
def test_an_agent_that_sshs_configuration_names_offers_its_key_with_its_certificate(lab: Lab, tmp_path: Path) -> None:
    authority, key = new_key(tmp_path / "authority"), new_key(tmp_path / "held")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "x", "-n", ME, f"{key}.pub"]
    subprocess.run(sign, check=True, capture_output=True)
    certificate = (tmp_path / "held-cert.pub").rename(tmp_path / "elsewhere-cert.pub")
    authorized = lab.host.directory / "authorized_keys"
    with key_agent(tmp_path / "agent", key) as agent:
        key.unlink()
        file = tmp_path / "config"
        file.write_text(
            f"Host web1\n HostName 127.0.0.1\n Port {lab.host.port}\n IdentityFile none\n IdentityAgent {agent}\n"
            f" CertificateFile {certificate}\n UserKnownHostsFile {lab.known_hosts}\n"
        )
        authorized.write_text(f"cert-authority {authority.with_suffix('.pub').read_text()}")
        try:
            with closing(Connections(configured(file))) as connections:
                assert run(connections, "echo in").stdout == b"in\n"
            file.write_text(file.read_text().replace(str(certificate), "none"))
            with closing(Connections(configured(file))) as connections:
                assert refusal(connections).reason == "authentication refused", "the key alone is not enough"
        finally:
            lab.host.authorize(lab.key)


# --- The doctor


@pytest.mark.ssh
def test_the_doctor_asks_for_keys_on_the_way_first_and_says_where_values_are_from(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = tmp_path / "known"
    known.touch()
    config = tmp_path / "f.yaml"
    config.write_text(
        f"ssh: {{config: {lab.ssh_config()}, known_hosts: {known}, proxy_jump: 'gw1, gw2'}}\n"
        "components: {web: {collectors: [{name: state, command: uptime}]}}\nhosts: {web1: {component: web}}\n"
    )
    assert main(["check", "--config", str(config)]) == 1
    said = capsys.readouterr().out
    assert "Host 'web1' is behind jump host 'gw2', which cannot be used: Jump host 'gw2' is behind" in " ".join(
        said.split()
    )
    assert "failtale check --accept-host-keys" in said
    assert main(["check", "--config", str(config), "--accept-host-keys", "--yes"]) == 0
    said = capsys.readouterr().out
    order = [said.index(server.fingerprint) for server in (lab.gw1, lab.gw2, lab.host)]
    assert order == sorted(order)
    assert "through gw1 and gw2; address, port, key of ssh's configuration" in said
    assert main(["check", "--config", str(config), "--json"]) == 0
    way = {each["key"]: each for each in json.loads(capsys.readouterr().out)["hosts"][0]["way"]}
    assert way["port"] == {"key": "port", "value": str(lab.host.port), "origin": "ssh's configuration"}
    jumps = ", ".join(f"{hop.name} ({ME}@127.0.0.1:{hop.port})" for hop in (lab.gw1, lab.gw2))
    assert way["proxy_jump"] == {"key": "proxy_jump", "value": jumps, "origin": "failtale.yaml"}


@pytest.mark.ssh
def test_a_jump_host_that_falls_silent_costs_no_more_than_its_time(lab: Lab) -> None:
    with closing(lab.connections(hosts=("web1", "web2"), proxy_jump="gw2", connect_timeout=0.5)) as connections:
        with lab.gw2.frozen():
            first, second = refusal(connections, "web1"), refusal(connections, "web2")
        assert first.reason == second.reason == "no answer"
        assert "Jump host 'gw2'" in str(first)
        assert "not tried again" in str(second)


@pytest.mark.ssh
def test_a_failure_behind_a_frozen_jump_host_takes_no_more_than_its_time(lab: Lab) -> None:
    ssh = {"config": str(lab.ssh_config()), "proxy_jump": ["gw2"], "connect_timeout": PATIENCE_S}
    config = Config.model_validate(
        {
            "components": {"web": {"collectors": [{"name": "state", "command": "uptime"}]}},
            "hosts": {name: {"component": "web"} for name in ("web1", "web2")},
            "ssh": ssh,
            "limits": {"failure_time": "3 s", "host_time": "2 s"},
        }
    )
    with Run(config, environ={}) as failed, lab.gw2.frozen():
        began = time.monotonic()
        report = failed.collect_failure(a_failure())
        took_s = time.monotonic() - began
    assert took_s < PATIENCE_S / 2, "the login to it may take far longer"
    assert {gap.host for gap in report.evidence.gaps} == {"web1", "web2"}


@pytest.mark.ssh
def test_the_lines_to_type_lead_to_where_the_way_ends(lab: Lab, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other")
    ssh = {"config": lab.ssh_config(f"Host gw1\n IdentityFile {other}\n IdentitiesOnly yes\n"), "proxy_jump": "gw1"}
    hosts = {"web1": {}, "web2": {"ssh": {"proxy_jump": "closed"}}, "web3": {"ssh": {"config": tmp_path / "bad"}}}
    (tmp_path / "bad").write_text("User x\nBogus\n")
    lab.gw1.authorize(other)
    try:
        lab.gw1.authorize(new_key(tmp_path / "third"))
        found = {host.host: host for host in check(configured(hosts=hosts, **ssh), environ={}).hosts}
    finally:
        lab.gw1.authorize(lab.key)
    (refused,), (forbidden,), (unread,) = (found[host].stages for host in hosts)
    assert (refused.stage, refused.advice[0].lines) == (
        "login",
        (f"ssh-copy-id -p {lab.gw1.port} {ME}@127.0.0.1",),
    )
    assert refused.advice[1].where == "on the jump host"
    assert (forbidden.stage, forbidden.advice[0].where) == ("reach", "on the jump host")
    assert (unread.stage, unread.advice[0].lines) == ("reach", ("ssh -G web3",))


# --- Passwords


@pytest.fixture(scope="module")
def a_host_with_passwords(as_root: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sshd, str]]:
    """A server for an account with a password, which it takes as such and by a question; and the password."""
    need("openssl", package="openssl")
    password = secrets.token_urlsafe(12)
    made = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    options = ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes", "UsePAM yes"]
    with ExitStack() as stack:
        user = stack.enter_context(throw_away_user(password=made.stdout.strip()))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="failtale-")))
        folder.chmod(0o755)  # the account's own keys are looked up there
        yield stack.enter_context(Sshd(folder, user=user, options=options)), password


def by_password(host: Sshd, password: str, **ssh: Any) -> Connections:
    return Connections(
        configured(
            "none",
            hosts={
                "web1": {
                    "address": host.address,
                    "ssh": {**host.ssh_settings(), "key": None, "password": password, **ssh},
                }
            },
        )
    )


@pytest.mark.ssh
@pytest.mark.parametrize("way_in", ["password", "keyboard-interactive"])
def test_a_password_lets_in_as_such_and_as_the_answer_to_a_question(
    a_host_with_passwords: tuple[Sshd, str], way_in: str
) -> None:
    host, password = a_host_with_passwords
    host.options.insert(0, f"AuthenticationMethods {way_in}")
    host.restart()
    try:
        with closing(by_password(host, password)) as connections:
            assert run(connections, "id -un").stdout == f"{host.user}\n".encode()
        with closing(by_password(host, "not it")) as connections:
            error = refusal(connections)
    finally:
        host.options.pop(0)
        host.restart()
    assert error.reason == "authentication refused"
    assert f"refused the login of user '{host.user}' with its password. Is it the right one" in str(error)
    assert "not it" not in str(error)


@pytest.mark.ssh
def test_a_server_may_want_a_key_and_the_password(a_host_with_passwords: tuple[Sshd, str], tmp_path: Path) -> None:
    host, password = a_host_with_passwords
    host.options.insert(0, "AuthenticationMethods publickey,password")
    host.restart()
    try:
        with closing(by_password(host, password, key=host.key)) as connections:
            assert run(connections, "echo in").stdout == b"in\n"
    finally:
        host.options.pop(0)
        host.restart()


@pytest.mark.ssh
def test_a_run_that_logs_in_by_password_shows_it_nowhere(
    a_host_with_passwords: tuple[Sshd, str], tmp_path: Path
) -> None:
    host, password = a_host_with_passwords
    told = host.directory / "told"
    told.write_text(f"the login {password} is in a log\n")
    told.chmod(0o644)
    login = {key: str(value) for key, value in host.ssh_settings().items() if key != "key" and value is not None}
    login["password"] = "%{LAB_PASSWORD}"
    hosts = {
        "web1": {"component": "web", "address": host.address, "ssh": login},
        "web2": {"component": "web", "address": host.address, "ssh": {**login, "password": "%{WRONG_PASSWORD}"}},
    }
    collectors = [{"name": "log", "command": f"cat {told}; echo behind"}]
    config = {"components": {"web": {"collectors": collectors}}, "hosts": hosts, "bundles": {"directory": "bundles"}}
    (tmp_path / "failtale.yaml").write_text(json.dumps(config))
    (tmp_path / "fails.robot").write_text("*** Test Cases ***\nIt Fails\n    Fail    the shop is closed\n")
    wrong = secrets.token_urlsafe(12)
    environ = {**os.environ, "LAB_PASSWORD": password, "WRONG_PASSWORD": wrong, "PYTHONUNBUFFERED": "1"}
    said = ""
    robot = "-m robot --loglevel TRACE --debugfile debug.txt --listener FailTaleListener:failtale.yaml fails.robot"
    doctor = ["-c", "import sys; from FailTaleLibrary.cli import main; sys.exit(main(['--verbose', 'check']))"]
    for line in (robot.split(), doctor):
        ran = subprocess.run([sys.executable, *line], cwd=tmp_path, env=environ, capture_output=True, check=False)
        said += (ran.stdout + ran.stderr).decode()
    written = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    shown = b"".join([said.encode(), *written.values()])
    assert {"output.xml", "log.html", "debug.txt"} <= {file.name for file in written}
    assert b"behind" in written[tmp_path / "output.xml"], "the host was asked"
    assert "refused the login" in " ".join(said.split()), "the other password is wrong"
    assert len(written) > 6, "there is a bundle"
    for secret in (password, wrong):
        assert secret.encode() not in shown


@pytest.mark.ssh
def test_a_server_that_takes_no_password_is_told(lab: Lab) -> None:
    with closing(by_password(lab.host, "never seen", known_hosts=lab.known_hosts)) as connections:
        error = refusal(connections)
    assert error.reason == "authentication refused"
    assert f"lets user '{ME}' in by publickey, not by a password" in str(error)


SECRET_HOST = "components: {web: {collectors: [{command: uptime}]}}\nhosts: {web1: {component: web}}\n"


def test_a_password_is_warned_about_once_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("open sesame\n")
    file.chmod(0o600)
    for written, environ in ((f"file:{file}", {}), ('"%{LAB}"', {"LAB": "open sesame"})):
        config = parse_config(f"{SECRET_HOST}ssh: {{password: {written}}}\n", environ=environ)
        assert config.ssh.password is not None
        assert config.ssh.password.get_secret_value() == "open sesame"
        (note,) = config.warnings
        assert "The login to hosts is by password" in note
        assert "a key is better" in note
        redacted = redactor_for(config, {}).safe_message("it said open sesame")
        assert "sesame" not in f"{config!r} {config.model_dump_json()} {note} {redacted}"


def test_a_run_says_the_warning_once_and_no_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB", "open sesame")
    file = tmp_path / "failtale.yaml"
    file.write_text(f'{SECRET_HOST}ssh: {{password: "%{{LAB}}"}}\n')
    FailTaleListener(str(file)).close()
    by_robot = "\n".join(each.getMessage() for each in caplog.records if each.levelname == "WARNING")
    assert by_robot.count("The login to hosts is by password") == 1
    run = Run(load_config(file))
    of_pytest: Any = SimpleNamespace(run=run)
    by_pytest = PytestRun.pytest_report_header(of_pytest)
    run.run_ended()
    assert [line.partition(", which")[0] for line in by_pytest] == ["failtale: The login to hosts is by password"]
    assert "sesame" not in f"{by_robot}{by_pytest}"


def test_a_password_in_clear_or_open_to_others_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("open sesame\n")
    file.chmod(0o644)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for written, why in (
        ("open sesame", "must not be written here in clear"),
        (f"file:{file}", "is open to others (mode 0644); type: chmod 600"),
        (f"file:{tmp_path}/pipe", "is not a file"),
    ):
        with pytest.raises(ConfigError) as caught:
            parse_config(f"{SECRET_HOST}ssh: {{password: '{written}'}}\n", environ={})
        assert why in str(caught.value)
        assert "sesame" not in str(caught.value)
