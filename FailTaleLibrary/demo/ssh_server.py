"""A throw-away SSH server on loopback that stands for several hosts: a port, a key pair and a root directory each.

Run as ``python -m FailTaleLibrary.demo.ssh_server HOME HOST...``: it writes each host's client key and one
`known_hosts` to HOME/ssh, says ``host=port`` for each host and lives as long as its standard input stays open. The
hosts' own keys never touch the disk. "Rooted" means that commands start in HOME/<host>: without root's rights there is
no chroot. It is made for the demo and for tests, not for other use.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, cast

import paramiko  # at module level: this process is nothing but its server
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from FailTaleLibrary import background
from FailTaleLibrary.demo.lifeline import say_ready, wait_for_the_end
from FailTaleLibrary.demo.processes import kill_group
from FailTaleLibrary.lazy import dataclass

USER = "failtale"
GRACE_S = 1.0
"""What a command gets to end by itself after its client went away and its standard input was closed."""


@dataclass(frozen=True, slots=True)
class PlayedHost:
    """One host that the server stands for."""

    name: str
    root: Path
    listener: socket.socket
    host_key: paramiko.PKey
    client_key: paramiko.PKey

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])


def prepare_hosts(home: Path, names: list[str]) -> list[PlayedHost]:
    """Bind a port and make the keys for each host; write client keys and `known_hosts` to HOME/ssh."""
    keys = home / "ssh"
    keys.mkdir(mode=0o700)
    known_hosts = paramiko.HostKeys()
    hosts = []
    for name in names:
        host = PlayedHost(name, home / name, _bind(), paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate())
        host.client_key.write_private_key_file(str(keys / name))
        known_hosts.add(f"[127.0.0.1]:{host.port}", host.host_key.get_name(), host.host_key)
        hosts.append(host)
    known_hosts.save(str(keys / "known_hosts"))
    return hosts


class Client(paramiko.ServerInterface):
    """One connection: lets in whoever holds the host's client key, and runs the commands that it sends."""

    def __init__(self, host: PlayedHost, connection: socket.socket) -> None:
        self._host = host
        self._transport = paramiko.Transport(connection)
        self._round_trip = threading.Lock()
        self._sessions: list[threading.Thread] = []

    def serve(self) -> None:
        self._transport.add_server_key(self._host.host_key)
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):  # it only looked in, or broke off
            self._transport.start_server(server=self)

    def close(self) -> None:
        self._transport.close()

    def wait(self) -> None:
        """Return when the commands of a closed connection have ended."""
        for session in self._sessions:
            session.join(2 * GRACE_S)

    # What paramiko asks of a server; its base class refuses everything that is not named here.

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == USER and key == self._host.client_key
        return AUTH_SUCCESSFUL if known else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._sessions.append(_in_background(self._run_command, channel, command))
        return True

    def _run_command(self, channel: paramiko.Channel, command: bytes) -> None:
        self._wait_until_the_request_is_answered()
        run_command(command, channel=channel, root=self._host.root)

    def _wait_until_the_request_is_answered(self) -> None:
        """Make sure that the client hears "request granted" before it can hear "channel closed".

        paramiko grants the request after `check_channel_exec_request` has returned, in the thread that also reads;
        so what that thread reads later (the answer to a question of ours) comes after it.
        """
        with self._round_trip, contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            self._transport.global_request("keepalive@failtale", wait=True)


def run_command(command: bytes, *, channel: paramiko.Channel, root: Path) -> None:
    """Run a command line by ``/bin/sh -c`` with the session's three streams; nothing of it outlives the session."""
    process = subprocess.Popen(  # noqa: S603 - to run what an authorised client sends is its purpose
        ["/bin/sh", "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=root,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(root), "USER": USER, "LANG": "C"},
        start_new_session=True,
    )
    streams = (process.stdin, process.stdout, process.stderr)
    stdin, stdout, stderr = cast(tuple[IO[bytes], IO[bytes], IO[bytes]], streams)  # all three are pipes
    _in_background(_feed, channel, stdin)
    outputs = [
        _in_background(_drain, stdout, channel.sendall),
        _in_background(_drain, stderr, channel.sendall_stderr),
    ]
    _wait_or_kill(process, channel)
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # nobody reads it any more
        channel.send_exit_status(process.returncode if process.returncode >= 0 else 128 - process.returncode)
    while not channel.closed and any(output.is_alive() for output in outputs):
        for output in outputs:
            output.join(0.05)
    kill_group(process.pid)  # a child in the background may have outlived its shell
    channel.close()


def _wait_or_kill(process: subprocess.Popen[bytes], channel: paramiko.Channel) -> None:
    """Wait for the command; once the client is gone, for GRACE_S at most."""
    while not channel.closed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            return
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    kill_group(process.pid)
    process.wait()


def _feed(channel: paramiko.Channel, stdin: IO[bytes]) -> None:
    """Pass the client's input on; when it ends or the client goes away, the command's standard input ends at once."""
    with contextlib.suppress(OSError):  # the command does not read any more
        while data := channel.recv(32768):
            stdin.write(data)
    with contextlib.suppress(OSError):
        stdin.close()


def _drain(output: IO[bytes], send: Callable[[bytes], None]) -> None:
    """Pass output on until it ends or the client is gone; a command that goes on writing meets a broken pipe."""
    with output, contextlib.suppress(OSError):
        while data := output.read(65536):
            send(data)


def _bind() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def _in_background(target: Callable[..., None], *arguments: object) -> threading.Thread:
    return background.start(partial(target, *arguments), name=target.__name__)


def _accept(host: PlayedHost, clients: list[Client]) -> None:
    while True:
        connection, _ = host.listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(host, connection)
        clients.append(client)
        _in_background(client.serve)


def main(home: Path, names: list[str]) -> None:
    """Play the hosts until the lifeline ends, then end every command that still runs."""
    hosts = prepare_hosts(home, names)
    clients: list[Client] = []
    for host in hosts:
        _in_background(_accept, host, clients)
    say_ready(" ".join(f"{host.name}={host.port}" for host in hosts))
    wait_for_the_end()
    for client in clients:
        client.close()
    for client in clients:
        client.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
