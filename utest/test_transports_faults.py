"""What goes wrong on the way to a host: each fault has its reason and its plain sentence, and costs little."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.common import MSG_CHANNEL_CLOSE
from patience import FOREVER_S, PATIENCE_S, wait_until
from sshd import LOGIN_S, Sshd, fingerprint, key_agent, new_key, throw_away_user
from ways import NEVER, Clock, batched, config_at, config_for, item, run, to, visit

from FailTaleLibrary.config import Collector
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports import CommandResult, Connections, signs_of_life, ssh, ssh_bounds
from FailTaleLibrary.transports import visit as visits
from FailTaleLibrary.transports.signs_of_life import Silence
from FailTaleLibrary.transports.visit_host import KnownLogin
from FailTaleLibrary.transports.visit_lane import TEXT_WITHIN_S, Lane
from FailTaleLibrary.transports.visit_request import request
from FailTaleLibrary.windows import ResolvedWindow, command_line, parse_host_output

pytestmark = pytest.mark.ssh


def refusal(connections: Connections) -> TransportError:
    """The error of a host that cannot be asked."""
    with pytest.raises(TransportError) as caught:
        connections.transport("web1")
    connections.close()
    return caught.value


def assert_printed_and_sleeps(host: Sshd, connections: Connections) -> None:
    """Waits until a command sleeps, and what it printed before has reached this side.

    A shell names the ``sleep`` that it is to start before it has printed anything: only the program itself counts. The
    server reads all its sessions in one loop and sends in order: a later command's answer follows what was printed.
    """
    assert wait_until(lambda: "sleep 300" in host.leftovers())
    assert run(connections, "echo passed").stdout == b"passed\n"


class Listener:
    """A TCP port that is no SSH server; counts who comes."""

    def __init__(self, *, says: bytes | None, holds_on: bool = False) -> None:
        """``says`` is sent before hanging up, or holding on; None: it says nothing and holds on."""
        self.came = 0
        self._says = says or b""
        self._holds_on = holds_on or says is None
        self._held: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        for held in [self._socket, *self._held]:
            held.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.came += 1
            with contextlib.suppress(OSError):  # who came may have left
                client.sendall(self._says)
            if self._holds_on:
                self._held.append(client)
            else:
                client.close()


@pytest.fixture
def listener() -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def make(*, says: bytes | None, holds_on: bool = False) -> Listener:
        made.append(Listener(says=says, holds_on=holds_on))
        return made[-1]

    yield make
    for one in made:
        one.close()


STAGE_S = 3.0
"""Of a connection attempt whose stage is told: a busy machine needs some of it to get there."""


def at_port(port: int, *, clock: Callable[[], float] = time.monotonic, limit_s: float = 0.4) -> Connections:
    config = config_at("127.0.0.1", user="nobody", port=port, connect_timeout_s=limit_s, known_hosts="/nonexistent")
    return Connections(config, clock=clock)


# --- Before SSH


def test_a_refused_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    error = refusal(at_port(port))
    assert error.reason == "refused"
    assert f"Host 'web1' (127.0.0.1 port {port}) refuses connections: no SSH server listens there." in str(error)


def test_a_silent_port_is_told_in_time(listener: Callable[..., Listener]) -> None:
    error = refusal(at_port(listener(says=None).port, limit_s=STAGE_S))
    assert error.reason == "no answer"
    assert "accepts connections, but sent no SSH banner within 3 s" in str(error)


def test_a_handshake_that_stops_is_told_in_time(new_host: Callable[..., Sshd]) -> None:
    """The banner comes, then nothing."""
    silent = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve() -> None:
        client, _ = silent.accept()
        client.sendall(b"SSH-2.0-Silence\r\n")
        held.append(client)

    threading.Thread(target=serve, daemon=True).start()
    error = refusal(at_port(silent.getsockname()[1], limit_s=STAGE_S))
    assert (error.reason, "finished no handshake within 3 s" in str(error)) == ("no answer", True)
    for end in [silent, *held]:
        end.close()


def test_a_server_that_hangs_up_before_its_banner_is_tried_again_a_little(listener: Callable[..., Listener]) -> None:
    busy = listener(says=b"Not allowed at this time\r\n")
    error = refusal(at_port(busy.port, limit_s=3.0))
    assert error.reason == "no answer"
    assert "MaxStartups" in str(error)
    assert busy.came == 3


def test_what_is_no_ssh_server_is_told(listener: Callable[..., Listener]) -> None:
    web = listener(says=b"HTTP/1.1 400 Bad Request\r\n" * 200)
    error = refusal(at_port(web.port))
    assert error.reason == "failed"
    assert "sends lines in place of an SSH banner: it is no SSH server, or" in str(error)
    assert "(the last line: 'HTTP/1.1 400 Bad Request')" in str(error)


def test_lines_that_drip_in_place_of_a_banner_are_told(listener: Callable[..., Listener]) -> None:
    """A trap for those who look for servers keeps them so; as endlessh."""
    trap = listener(says=b"%7qT\r\n", holds_on=True)
    error = refusal(at_port(trap.port, limit_s=STAGE_S))
    assert error.reason == "no answer"
    assert "accepts connections, but sent some bytes and no whole SSH banner within 3 s" in str(error)


def test_a_name_that_cannot_be_resolved_is_told() -> None:
    error = refusal(Connections(config_at("no-such-host.invalid", user="nobody", connect_timeout_s=PATIENCE_S)))
    assert error.reason == "unreachable"
    assert "has a name that cannot be resolved" in str(error)


# --- Authentication


def test_a_refused_login_names_the_key_and_is_never_repeated(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    host, wrong, clock = new_host(), new_key(tmp_path / "wrong"), Clock()
    connections = Connections(config_for(host, key=wrong), clock=clock)
    for hours in range(5):
        clock.now = hours * 3600.0
        with pytest.raises(TransportError) as caught:
            connections.transport("web1")
        assert caught.value.reason == "authentication refused"
        assert f"refused the login of user '{host.user}' with '{wrong}'" in str(caught.value)
        assert fingerprint(wrong) in str(caught.value)
        assert not connections.is_open("web1")
    assert "not tried again in this run" in str(caught.value)
    assert host.connections_seen == 1
    connections.close()


def test_a_locked_account_looks_like_a_refused_login(
    new_host: Callable[..., Sshd], as_root: None, public_directory: Path
) -> None:
    with throw_away_user(password="!") as user:
        error = refusal(to(new_host(directory=public_directory, user=user)))
    assert error.reason == "authentication refused"
    assert "is the account not locked?" in str(error)


def test_a_login_by_password_only_is_told(new_host: Callable[..., Sshd]) -> None:
    error = refusal(to(new_host(options=["PubkeyAuthentication no", "PasswordAuthentication yes"])))
    assert error.reason == "authentication refused"
    assert "by password only" in str(error)


def test_a_configured_key_is_the_only_one_offered(
    new_host: Callable[..., Sshd], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, wrong = new_host(), new_key(tmp_path / "wrong")
    with key_agent(tmp_path / "agent", host.key) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        error = refusal(to(host, key=wrong))
    assert error.reason == "authentication refused"
    assert "agent" not in str(error)


def test_without_a_key_the_agent_is_asked(
    new_host: Callable[..., Sshd], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host()
    with key_agent(tmp_path / "agent", new_key(tmp_path / "other"), host.key) as agent:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        monkeypatch.setenv("HOME", str(tmp_path))
        connections = to(host, key=None)
        assert run(connections, "echo in").stdout == b"in\n"
        connections.close()


def test_without_key_and_agent_the_default_files_are_offered(
    new_host: Callable[..., Sshd], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host()
    (tmp_path / ".ssh").mkdir()
    new_key(tmp_path / ".ssh/id_ed25519", passphrase="locked away")
    key = new_key(tmp_path / ".ssh/id_ecdsa", kind="ecdsa")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "'~/.ssh/id_ed25519' was not offered: it is encrypted" in str(refusal(to(host, key=None)))
    host.authorize(key)
    connections = to(host, key=None)
    assert run(connections, "echo in").stdout == b"in\n"
    connections.close()


def test_a_user_without_any_key_is_told_so(a_host: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    error = refusal(to(a_host, key=None))
    assert error.reason == "authentication refused"
    assert "there is no key to offer" in str(error)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_key_may_have_a_passphrase(new_host: Callable[..., Sshd], tmp_path: Path, kind: str) -> None:
    host, words = new_host(), "open sesame"
    key = new_key(tmp_path / "key", kind=kind, passphrase=words)
    host.authorize(key)
    connections = to(host, key=key, key_passphrase=words)
    assert run(connections, "echo in").stdout == b"in\n"
    connections.close()
    for passphrase, why in (("wrong", "its passphrase is wrong"), (None, "it is encrypted; set 'key_passphrase'")):
        error = refusal(to(host, key=key, key_passphrase=passphrase))
        assert (error.reason, why in str(error)) == ("failed", True)


def test_a_certificate_beside_the_key_is_used(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    authority, key = new_key(tmp_path / "authority"), new_key(tmp_path / "key")
    host = new_host(options=[f"TrustedUserCAKeys {authority}.pub"])
    assert refusal(to(host, key=key)).reason == "authentication refused"
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "tests", "-n", host.user, "-V", "+5m", f"{key}.pub"]
    subprocess.run(sign, check=True)
    connections = to(host, key=key)
    assert run(connections, "echo in").stdout == b"in\n"
    connections.close()


# --- In mid-command


def test_a_killed_connection_keeps_what_came_and_is_replaced(new_host: Callable[..., Sshd]) -> None:
    host = new_host()
    connections = to(host)
    with ThreadPoolExecutor(1) as threads:
        items = item("first", "echo out"), item("killed", "echo part; sleep 300"), item("last", "echo back")
        pending = threads.submit(visit, connections, *items)
        assert_printed_and_sleeps(host, connections)
        host.kill_sessions()
        results = pending.result(PATIENCE_S)
    assert [results[name].stdout for name in ("first", "last")] == [b"out\n", b"back\n"]
    assert (results["killed"].exit_status, results["killed"].timed_out) == (None, False)
    assert results["killed"].incomplete is not None
    assert results["killed"].incomplete.startswith("connection lost after")
    assert results["killed"].stdout == b"part\n"
    assert wait_until(lambda: host.leftovers() == [])
    assert run(connections, "echo again").stdout == b"again\n"  # a busy machine has told the last one before the cut
    assert connections.opened == 2
    connections.close()


def test_what_a_command_had_printed_before_the_cut_is_evidence(new_host: Callable[..., Sshd]) -> None:
    host = new_host()
    connections = to(host)
    collector = Collector(name="slow", command="for n in 1 2 3; do echo step $n; done; printf 'step 4: '; sleep 300")
    line = command_line(collector, window=ResolvedWindow(kind="none"), max_bytes=65536)
    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(visit, connections, item("slow", line.producer, line.filters))
        assert_printed_and_sleeps(host, connections)
        host.kill_sessions()
        result = pending.result(PATIENCE_S)["slow"]
    answer = parse_host_output(result.stdout, result.stderr, nonce=result.nonce)
    assert answer.text == b"step 1\nstep 2\nstep 3\nstep 4: "
    assert answer.produced_bytes is None, "how much it would have been is not known"
    assert result.incomplete is not None
    assert result.incomplete.startswith("connection lost after")
    connections.close()


def test_a_connection_that_is_cut_ahead_of_its_hello_says_nothing_of_the_login(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    host = new_host(
        options=[f'ForceCommand test -e {cut} || {{ touch {cut}; kill -KILL $PPID; }}; eval "$SSH_ORIGINAL_COMMAND"']
    )
    connections = to(host)
    assert run(connections, "echo out").stdout == b"out\n"
    assert connections.opened == 2
    assert connections.is_open("web1")
    connections.close()


def test_a_server_that_ends_the_connection_for_each_command_is_asked_once_a_minute(
    new_host: Callable[..., Sshd],
) -> None:
    host = new_host(options=["ForceCommand kill -KILL $PPID"])
    connections = to(host)
    error = refusal_of_a_visit(connections)
    assert error.reason == "connection lost"
    assert "and closes the connection before anything runs" in str(error)
    for _ in range(3):
        assert "not tried again for" in str(refusal_of_a_visit(connections))
    assert host.logins_seen == 2
    connections.close()


def test_a_visit_with_too_little_time_for_a_slow_login_cuts_no_other(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    host = new_host(options=[f'ForceCommand test -e {slow} && sleep 2; exec sh -c "$SSH_ORIGINAL_COMMAND"'])
    connections = to(host)
    run(connections, "true")
    slow.touch()
    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(run, connections, "echo out")
        assert wait_until(lambda: "sleep 2" in host.leftovers())
        assert not visit(connections, item("brief", "echo brief"), lasts_s=0.5)["brief"].was_started
        assert pending.result(PATIENCE_S).stdout == b"out\n"
    assert connections.opened == 1
    connections.close()


def test_a_network_that_falls_silent_ends_at_the_time_limit_with_what_came(new_host: Callable[..., Sshd]) -> None:
    host = new_host()
    connections = to(host, connect_timeout_s=6.0)
    came: dict[str, CommandResult] = {}
    transport = connections.transport("web1")

    def ask() -> None:
        items = item("first", "echo out"), item("hung", "sleep 300", timeout_s=6.0), item("last", "echo back")
        transport.visit(items, ends_at=time.monotonic() + 12, cancel=NEVER, on_result=came.__setitem__)

    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(ask)
        assert wait_until(lambda: "first" in came and any("sleep 300" in line for line in host.leftovers()))
        with host.frozen():
            pending.result(PATIENCE_S)
            assert refusal_in_passing(connections).reason == "no answer"
            assert wait_until(lambda: host.leftovers() == [])  # the limit holds on the host though nobody can tell it
    assert came["first"].stdout == b"out\n"
    assert came["hung"].timed_out
    assert came["hung"].incomplete is not None
    assert "connection lost" in came["hung"].incomplete
    connections.close()


def refusal_in_passing(connections: Connections) -> TransportError:
    with pytest.raises(TransportError) as caught:
        connections.transport("web1")
    return caught.value


class FaultyNetwork:
    """A way to a port on which one byte is changed, or a connection is reset, when somebody asks for it."""

    def __init__(self, port: int) -> None:
        self.corrupts_next = False
        self.resets = 0
        """How many more handshakes end by a reset."""
        self.takes_bytes = math.inf
        """Of each client; then nothing passes any more, in either direction."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._to = port
        self._taken: dict[socket.socket, int] = {}
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._to))
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with one, contextlib.suppress(OSError):
            while data := bytearray(one.recv(65536)):
                client = one if other.getpeername()[1] == self._to else other
                self._taken[client] = self._taken.get(client, 0) + (len(data) if one is client else 0)
                if self._taken[client] > self.takes_bytes:
                    continue
                if self.corrupts_next and one.getpeername()[1] == self._to:
                    self.corrupts_next = False
                    data[0] ^= 0x41  # of a packet's length, which most ciphers leave as it is
                if self.resets and b"curve25519" in data and other.getpeername()[1] == self._to:
                    self.resets -= 1
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                other.sendall(data)
            other.shutdown(socket.SHUT_RDWR)


def through(network: FaultyNetwork, host: Sshd, directory: Path, **ssh: Any) -> Connections:
    known_hosts = directory / "known_hosts"
    known_hosts.write_text(host.known_hosts_line.replace(f":{host.port} ", f":{network.port} "))
    return to(host, port=network.port, known_hosts=known_hosts, **ssh)


def test_a_handshake_that_is_reset_is_tried_again_at_once_and_once(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    host = new_host()
    with contextlib.closing(FaultyNetwork(host.port)) as network:
        network.resets = 1
        connections = through(network, host, tmp_path)
        assert run(connections, "echo well").stdout == b"well\n"
        connections.close()
        network.resets = 5
        connections = through(network, host, tmp_path)
        assert "closed the connection during the handshake" in str(refusal_in_passing(connections))
        assert network.resets == 3
        assert not connections.is_open("web1")
        connections.close()


def test_a_byte_that_the_network_changes_costs_a_connection_and_no_answer(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    host = new_host()
    with contextlib.closing(FaultyNetwork(host.port)) as network:
        connections = through(network, host, tmp_path)
        for changes in (False, True, False, True):
            network.corrupts_next = changes
            assert run(connections, "echo well").stdout == b"well\n"
        assert connections.opened == 3
        connections.close()


def test_a_server_that_falls_silent_in_a_visit_is_found_out_ahead_of_any_time_limit(
    new_host: Callable[..., Sshd],
) -> None:
    """One that only runs something silent is not."""
    host = new_host()
    other, connections = to(host, connect_timeout_s=8.0), to(host, connect_timeout_s=8.0)
    with ThreadPoolExecutor(2) as threads:
        still = threads.submit(run, other, "sleep 15; echo still")
        assert wait_until(lambda: "sleep 15" in host.leftovers())
        others = host.session_pids()
        asked = [item("hung", "echo part; sleep 300"), item("last", "echo last")]
        pending = threads.submit(visit, connections, *asked, lasts_s=FOREVER_S)
        assert wait_until(lambda: "sleep 300" in host.leftovers())
        frozen = set(host.session_pids()) - set(others)
        host.signal(signal.SIGSTOP, frozen)
        answers = pending.result(PATIENCE_S)
        assert still.result(PATIENCE_S).stdout == b"still\n"
    other.close()
    assert "connection lost: the host fell silent, after" in str(answers["hung"].incomplete)
    assert answers["last"].stdout == b"last\n"
    connections.close()
    host.signal(signal.SIGKILL, frozen)
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()


def test_a_network_that_lets_logins_pass_and_no_more_costs_one_failure_in_a_minute(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    host = new_host()
    with contextlib.closing(FaultyNetwork(host.port)) as network:
        network.takes_bytes = 9000
        connections = through(network, host, tmp_path, connect_timeout_s=8.0)
        assert "falls silent in the middle of a visit" in str(refusal_of_a_visit(connections))
        assert "not tried again for" in str(refusal_of_a_visit(connections))
        assert host.logins_seen == 2
        assert any(f"sleep {TEXT_WITHIN_S}" in each for each in host.leftovers())  # that of the second one
        connections.close()
    host.kill_sessions()
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()


def test_a_server_that_falls_silent_before_its_shell_has_said_a_word_is_told_as_that_within_the_time_of_a_login(
    new_host: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as a login without a shell; nor is each of its connections waited for as long as one that has served."""
    monkeypatch.setattr(signs_of_life, "ASKED_AFTER_S", 0.5)
    monkeypatch.setattr(ssh, "_LEAST_PATIENCE_S", 1.0)
    host = new_host(options=["ForceCommand sleep 600"])
    connect_timeout_s, began = 3.0 * LOGIN_S, time.monotonic()
    connections = to(host, connect_timeout_s=connect_timeout_s)
    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(refusal_of_a_visit, connections)
        for session in (1, 2):
            assert wait_until(lambda: len(host.leftovers()) >= session)  # noqa: B023 - called at once
            host.signal(signal.SIGSTOP, host.session_pids())
        assert "falls silent in the middle of a visit" in str(pending.result(PATIENCE_S))
    assert time.monotonic() - began < connect_timeout_s
    host.kill_sessions()
    connections.close()


def test_silence_is_asked_about_once_and_counts_only_while_somebody_listens() -> None:
    clock = Clock()
    silence = Silence(clock)

    def listen(seconds: float, messages: int = 0) -> list[bool]:
        asked = []
        for _ in range(int(seconds / 0.25)):
            clock.now += 0.25
            asked.append(silence.look(messages))
        return asked

    assert listen(5.0).count(True) == 1
    assert silence.unanswered_s == 3.0
    clock.now += 3600  # this process was stopped
    silence.look(0)
    assert silence.unanswered_s == 3.5
    assert listen(1.0, messages=1).count(True) == 0
    assert silence.unanswered_s == 0.0
    assert listen(3.0, messages=1).count(True) == 1


def test_a_shell_behind_a_silent_connection_minds_by_itself_how_long_it_waits_for_its_text() -> None:
    known = KnownLogin(has_shell=True)
    known.fell_silent = True
    line = Lane(lambda nonces, start: request(nonces, {}, lasts_s=1.0), known, lasts_s=1.0).command_line
    assert f"sleep {TEXT_WITHIN_S}&" in line
    for shell in [each for each in ("dash", "bash", "busybox") if shutil.which(each)]:
        words = [shell, "sh"] if shell == "busybox" else [shell]
        soon = line.replace(f"sleep {TEXT_WITHIN_S}&", "sleep 1&")
        with subprocess.Popen([*words, "-c", soon], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.wait(PATIENCE_S) == -signal.SIGKILL  # nobody has sent anything, or closed its input
            assert process.stdout is not None
            assert process.stdout.read().startswith(b"failtale ")


def test_a_host_that_fell_silent_once_is_judged_by_its_login_the_next_time() -> None:
    way = ssh.SshTransport("web1", config_at("127.0.0.1", connect_timeout_s=20.0))
    assert way._patience_s(0.2) == 20.0
    way._fell_silent = 1
    assert [way._patience_s(login_s) for login_s in (0.02, 0.5, 4.0)] == [3.0, 5.0, 20.0]


def test_a_server_that_does_not_answer_a_login_hears_of_its_end_at_once() -> None:
    """Without what was sent before it, which a network may lose for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as threads:

        def heard() -> bytes:
            client, _ = silent.accept()
            with client:
                while data := client.recv(4096):
                    pass
                return data

        pending = threads.submit(heard)
        refusal(at_port(silent.getsockname()[1], limit_s=STAGE_S))
        with pytest.raises(ConnectionResetError):
            pending.result(PATIENCE_S)


def test_a_connection_that_fell_silent_between_two_failures_is_replaced(new_host: Callable[..., Sshd]) -> None:
    host = new_host()
    connections = to(host)
    run(connections, "true")
    with_sessions = host.session_pids()
    host.signal(signal.SIGSTOP, with_sessions)
    began = time.monotonic()
    assert run(connections, "echo back").stdout == b"back\n"
    assert time.monotonic() - began < LOGIN_S  # nothing is lost with it, so that it is waited for no longer
    assert connections.opened == 2
    host.signal(signal.SIGCONT, with_sessions)
    connections.close()


def test_a_machine_that_is_too_busy_to_listen_tells_no_host_as_silent(
    new_host: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host()
    connections = to(host)
    run(connections, "true")
    wait = visits._wait_for

    def late(*arguments: Any) -> float:
        time.sleep(1.3)  # as the system does with a process for which it has no time
        return 1.3 + wait(*arguments)

    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(visit, connections, item("hangs", "sleep 300"), lasts_s=8.0)
        assert wait_until(lambda: "sleep 300" in host.leftovers())
        monkeypatch.setattr(visits, "_wait_for", late)
        with host.frozen():
            told = str(pending.result(PATIENCE_S)["hangs"].incomplete)
    assert told.startswith("connection lost: this machine was too busy to hear the host in time (late by ")
    connections.close()


def test_a_machine_that_was_stopped_in_a_visit_leaves_no_host_alone_for_it(
    new_host: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = new_host(options=["ForceCommand sleep 300"])
    connections = to(host)
    wait = visits._wait_for

    def late(*arguments: Any) -> float:
        time.sleep(1.3)
        return 1.3 + wait(*arguments)

    monkeypatch.setattr(visits, "_wait_for", late)
    monkeypatch.setattr(ssh, "_MUTE_S", 1.0)
    with pytest.raises(TransportError, match="this machine was too busy"):
        connections.transport("web1").visit(
            lambda _: [item("state", "echo up")], ends_at=time.monotonic() + 4, cancel=NEVER, on_result=print
        )
    assert connections.is_open("web1")
    connections.close()


def test_sessions_that_freeze_cost_the_failure_that_is_under_way_and_not_the_next(
    new_host: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that fell silent says nothing of the login's shell, for which a host is left alone for a minute."""
    monkeypatch.setattr(ssh, "_TIMES_LOGIN", 1e6)  # as of so slow a login that it is not replaced
    host = new_host()
    connections = to(host, connect_timeout_s=8.0)
    run(connections, "true")
    frozen = host.session_pids()
    host.signal(signal.SIGSTOP, frozen)
    with pytest.raises(TransportError, match="fell silent|no answer|not run"):
        connections.transport("web1").visit(
            lambda _: [item("never", "echo never")],
            ends_at=time.monotonic() + 9.0,
            cancel=NEVER,
            on_result=lambda *_: None,
        )
    assert run(connections, "echo back").stdout == b"back\n"
    host.signal(signal.SIGCONT, frozen)
    connections.close()


@pytest.mark.parametrize("most", [3, 8, 12])
def test_an_account_that_may_start_no_more_processes_costs_its_items_and_leaves_nothing(
    most: int, new_host: Callable[..., Sshd], as_root: None, public_directory: Path
) -> None:
    with throw_away_user() as user:
        starved = f'ForceCommand ulimit -p {most} || ulimit -u {most}; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
        host = new_host(directory=public_directory, user=user, options=[starved])
        connections = to(host, connect_timeout_s=30.0)
        items = item("state", "echo one; sleep 0.1"), item("piped", "echo x | cat | cat | cat")
        results: dict[str, CommandResult] = {}
        refusal = ""  # where not even the visit's own shell could start a process
        try:
            results = visit(connections, *items)
        except TransportError as error:
            refusal = str(error)
        assert set(results) == {"state", "piped"} or ("its limits too low" in refusal and "fork" in refusal)
        for result in results.values():
            assert result.stdout or result.exit_status or result.incomplete or b"fork" in result.stderr
        connections.close()
        assert wait_until(lambda: host.leftovers() == [])


def test_a_login_in_which_no_shell_can_start_a_program_costs_one_failure_in_a_minute(
    new_host: Callable[..., Sshd], as_root: None, public_directory: Path
) -> None:
    with throw_away_user() as user:
        starved = 'ForceCommand ulimit -p 5 || ulimit -u 5; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
        host = new_host(directory=public_directory, user=user, options=[starved])
        connections = to(host, connect_timeout_s=30.0)
        with contextlib.suppress(TransportError):  # where not even the first text could be read
            result = visit(connections, item("piped", "echo x | cat | cat | cat"))["piped"]
            assert result.exit_status is None
            assert "may its login start no more processes?" in str(result.incomplete)
        with pytest.raises(TransportError, match="its limits too low.*not tried again for"):
            visit(connections, item("never", "echo never"))
        connections.close()
        assert wait_until(lambda: host.leftovers() == [])


@pytest.mark.needs("dash")
def test_a_login_that_blocks_all_signals_gives_its_evidence_at_each_failure(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    """dash then waits for ever for the program that tells the time, where it was sent everything ahead."""
    (tmp_path / "sh").symlink_to(shutil.which("dash") or "")
    blocks = tmp_path / "blocks.py"
    blocked = "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))"
    blocks.write_text(f"import os, signal, sys\n{blocked}\nos.execvp(sys.argv[1], sys.argv[1:])\n")
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = f'ForceCommand {sys.executable} -S {blocks} sh -c "$SSH_ORIGINAL_COMMAND"'
    host = new_host(options=[command], environment=path)
    connections = to(host)
    for _ in range(3):
        asked = batched("one", "echo one"), batched("two", "echo two"), item("three", "echo three | cat")
        results = visit(connections, *asked, lasts_s=PATIENCE_S)
        assert [result.stdout for result in results.values()] == [b"one\n", b"two\n", b"three\n"]
    connections.close()
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()


def test_a_login_shell_that_runs_nothing_is_told(
    new_host: Callable[..., Sshd], as_root: None, public_directory: Path
) -> None:
    with throw_away_user(shell="/usr/sbin/nologin") as user:
        connections = to(new_host(directory=public_directory, user=user))
        with pytest.raises(TransportError, match="starts no shell for .*; it says: .*not available") as caught:
            run(connections, "echo hi")
        assert caught.value.reason == "refused"
        with pytest.raises(TransportError, match="not tried again"):
            connections.transport("web1")
        connections.close()


# --- The run ends


def connect_in_background(connections: Connections) -> list[TransportError]:
    """Where the error of a login comes to be, once it has failed."""
    errors: list[TransportError] = []

    def connect() -> None:
        try:
            connections.transport("web1")
        except TransportError as error:
            errors.append(error)

    threading.Thread(target=connect, daemon=True).start()
    return errors


def login_threads_beside(others: set[threading.Thread]) -> list[str]:
    """Logins that are under way; ``others`` are of earlier tests, whose silent servers may still hold one."""
    return [thread.name for thread in new_threads(others) if thread.name.startswith("failtale-login-")]


def test_a_login_that_is_under_way_ends_when_the_run_ends(listener: Callable[..., Listener]) -> None:
    import paramiko  # else the login ends in its import, ahead of what it would wait for

    silent = listener(says=None)
    others = set(threading.enumerate())
    connections = at_port(silent.port, limit_s=float(FOREVER_S))
    errors = connect_in_background(connections)
    assert wait_until(lambda: any(isinstance(each, paramiko.Transport) for each in new_threads(others)))
    connections.close()
    assert wait_until(lambda: errors)
    assert errors[0].reason == "cancelled"
    assert wait_until(lambda: login_threads_beside(others) == [])


def test_a_connection_attempt_into_nothing_ends_when_the_run_ends() -> None:
    """A port that takes no more answers no SYN, as a firewall that drops packets."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        others = set(threading.enumerate())
        before = len(attempts_at(port))
        connections = at_port(port, limit_s=float(FOREVER_S))
        errors = connect_in_background(connections)
        assert wait_until(lambda: len(attempts_at(port)) > before)
        connections.close()
        assert wait_until(lambda: errors)
        assert errors[0].reason == "cancelled"
        assert wait_until(lambda: login_threads_beside(others) == [])
        for filler in fillers:
            filler.close()


def new_threads(others: set[threading.Thread]) -> set[threading.Thread]:
    return set(threading.enumerate()) - others


def attempts_at(port: int) -> list[str]:
    """Connections to a port here that were not answered yet (state 02, SYN_SENT)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return [line for line in lines if line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "02"]


def test_a_connection_that_is_lost_right_behind_its_login_is_replaced(
    a_host: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in = ssh.SshTransport._logged_in_while_we_run
    came: list[int] = []

    def lost_at_first(transport: ssh.SshTransport) -> Any:
        connection = logged_in(transport)
        came.append(1)
        if len(came) == 1:
            connection.close()  # its socket with it, as where paramiko's thread was quicker to see the end
            assert wait_until(lambda: not connection.is_alive())
        return connection

    monkeypatch.setattr(ssh.SshTransport, "_logged_in_while_we_run", lost_at_first)
    with contextlib.closing(to(a_host)) as connections:
        assert run(connections, "echo here").stdout == b"here\n"
    assert len(came) == 2


# --- The end of a shell that meets what is sent to it


def _read_all(shell: Any) -> None:
    while shell._channel.recv_ready():
        shell.read()


MEETS_THE_END: dict[str, Callable[[Any], object]] = {
    "end of input": lambda shell: shell.hang_up(),
    "input": lambda shell: shell.write(b"more\n"),
    "signal": lambda shell: shell.send_signal("HUP"),
    "room for more": _read_all,
}


@pytest.mark.parametrize("act", MEETS_THE_END.values(), ids=list(MEETS_THE_END))
def test_what_is_sent_to_a_shell_that_ends_at_that_moment_costs_nobody_the_connection(
    new_host: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch, act: Callable[[Any], object]
) -> None:
    """OpenSSH ends the whole connection for it: the message is held here until the server has ended the channel."""
    host, printed = new_host(), 400_000
    handlers = ssh_bounds.BoundedTransport._channel_handler_table
    send, take_end = ssh_bounds.BoundedTransport._send_user_message, handlers[MSG_CHANNEL_CLOSE]
    is_to_be_held, end_came, end_answered = threading.Event(), threading.Event(), threading.Event()
    order: list[str] = []
    here = threading.current_thread()

    def send_late(transport: Any, message: Any) -> None:
        is_held = is_to_be_held.is_set() and threading.current_thread() is here
        if is_held:
            is_to_be_held.clear()
            os.kill(int((host.directory / "pid").read_text()), signal.SIGKILL)
            assert end_came.wait(PATIENCE_S)
            at_once = time.monotonic() + 0.3  # so it comes where nothing keeps it back
            assert wait_until(lambda: end_answered.is_set() or time.monotonic() > at_once)
        send(transport, message)
        if is_held:
            order.append("what was held")
        elif message.asbytes()[0] == MSG_CHANNEL_CLOSE:
            order.append("our end")
            end_answered.set()

    def take_noted_end(channel: Any, message: Any) -> None:
        end_came.set()
        take_end(channel, message)

    monkeypatch.setattr(ssh_bounds, "_IN_TURN_S", PATIENCE_S)
    with contextlib.closing(to(host)) as connections:
        way: Any = connections.transport("web1")
        assert run(way, "echo before").stdout == b"before\n"
        beside = way.start("cat", wait_s=PATIENCE_S)
        script = f'head -c {printed} /dev/zero; echo $$ >"$HOME/new"; mv "$HOME/new" "$HOME/pid"; exec sleep 300'
        ending = way.start(script, wait_s=PATIENCE_S)
        assert wait_until((host.directory / "pid").exists)
        assert wait_until(lambda: len(ending._channel.in_buffer) == printed)
        monkeypatch.setattr(ssh_bounds.BoundedTransport, "_send_user_message", send_late)
        monkeypatch.setitem(handlers, MSG_CHANNEL_CLOSE, take_noted_end)
        is_to_be_held.set()
        act(ending)
        assert end_answered.wait(PATIENCE_S)
        assert order == ["what was held", "our end"]
        beside.write(b"still here\n")
        echoed: list[bytes] = []
        assert wait_until(lambda: echoed.append(beside.read()[0]) or beside.ended or b"".join(echoed))
        assert b"".join(echoed) == b"still here\n"
        assert run(way, "echo behind").stdout == b"behind\n"
        for shell in (beside, ending):
            shell.close()
        assert (connections.opened, host.logins_seen) == (1, 1)


def test_a_connection_that_is_closed_while_a_shell_opens_in_it_is_closed_whole(new_host: Callable[..., Sshd]) -> None:
    """paramiko enters a channel before it tells it its transport, and would stop at it in the middle of closing."""
    with contextlib.closing(to(new_host())) as connections:
        way: Any = connections.transport("web1")
        beside = way.start("cat", wait_s=PATIENCE_S)
        transport = beside._channel.transport
        transport._channels.put(-1, opening := paramiko.Channel(-1))  # the first half of opening one
        way.close()
        assert transport.sock.fileno() == -1
        assert wait_until(lambda: not transport.is_alive())
        assert opening.closed
        assert wait_until(lambda: beside.ended)


# --- Breakers


def test_fifty_questions_to_a_dead_host_cost_one_attempt(listener: Callable[..., Listener]) -> None:
    dead, clock = listener(says=None), Clock()
    connections = at_port(dead.port, clock=clock, limit_s=0.3)

    def ask(_: int) -> str:
        return str(refusal_in_passing(connections))

    with ThreadPoolExecutor(10) as threads:
        sentences = list(threads.map(ask, range(50)))
    assert dead.came == 1
    assert sum("not tried again for 60 s" in sentence for sentence in sentences) == 49
    assert not connections.is_open("web1")
    connections.close()


def test_a_host_whose_shells_hang_costs_its_time_once_a_minute(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    hung = tmp_path / "hung"
    clock = Clock()
    host = new_host(
        options=[f'ForceCommand test -e {hung} && exec sleep {FOREVER_S}; exec sh -c "$SSH_ORIGINAL_COMMAND"']
    )
    connections = Connections(config_for(host, connect_timeout_s=60.0), clock=clock)
    assert run(connections, "echo well").stdout == b"well\n"
    hung.touch()
    with pytest.raises(TransportError, match="lets us log in, but its shell says nothing"):
        connections.transport("web1").visit(
            lambda _: [item("state", "echo up")],
            ends_at=time.monotonic() + 11,
            cancel=NEVER,
            on_result=lambda *_: None,
        )
    opened = connections.opened
    for _ in range(100):
        assert "not tried again for 60 s" in str(refusal_of_a_visit(connections))
    assert connections.opened == opened
    hung.unlink()
    clock.now += 60.0
    assert run(connections, "echo well again").stdout == b"well again\n"
    connections.close()


def refusal_of_a_visit(connections: Connections) -> TransportError:
    with pytest.raises(TransportError) as caught:
        visit(connections, item("state", "echo up"))
    return caught.value


def test_a_host_is_asked_again_after_a_minute_and_welcome_back(new_host: Callable[..., Sshd]) -> None:
    host, clock = new_host(), Clock()
    connections = Connections(config_for(host), clock=clock)
    key = host.host_key.read_bytes()
    host.new_host_key()
    host.restart()
    assert refusal_in_passing(connections).reason == "host key changed"
    host.host_key.write_bytes(key)
    host.restart()
    clock.now = 59.0
    assert "not tried again for 1 s" in str(refusal_in_passing(connections))
    clock.now = 61.0
    assert connections.is_open("web1")
    assert run(connections, "echo back").stdout == b"back\n"
    connections.close()


# --- What users must not notice


def test_faults_put_nothing_into_the_users_log(
    new_host: Callable[..., Sshd], listener: Callable[..., Listener], tmp_path: Path
) -> None:
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        refusal(at_port(listener(says=b"HTTP/1.1 400\r\n" * 200).port))
        refusal(to(new_host(), key=new_key(tmp_path / "wrong")))
        host = new_host()
        connections = to(host)
        run(connections, "true")
        host.kill_sessions()
        run(connections, "true")
        connections.close()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert seen == []
