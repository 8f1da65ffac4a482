"""Real OpenSSH servers on loopback, one per host of a configuration, each with the fault that its name tells."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from robot.api.deco import keyword, library

ROOT = Path(__file__).resolve().parents[2]
INNER = ROOT / "atest" / "_inner"
sys.path.insert(0, str(ROOT / "utest"))

from sshd import Sshd, new_key  # noqa: E402 - shared with the unit tests

LOCKED_USER = "failtale-locked"
POLL_S = 0.02


@library(scope="SUITE", auto_keywords=False)
class SshHosts:
    """Keywords that start hosts and hurt them."""

    def __init__(self) -> None:
        self._servers: dict[str, Sshd] = {}
        self._sockets: list[socket.socket] = []
        self._ended = threading.Event()
        self._has_locked_user = False

    @keyword(tags=["hosts"])
    def start_hosts(self, configuration: str, directory: Path) -> Path:
        """Starts a server for every host of an inner configuration; returns the configuration with what leads to them.

        ``directory`` is the run's: a host that is to die in mid-collection waits for a file there.
        """
        told = yaml.safe_load((INNER / configuration).read_text(encoding="utf-8"))
        if os.geteuid() != 0:
            told["hosts"].pop("locked", None)
        for name, host in told["hosts"].items():
            host["address"] = "127.0.0.1"
            host["ssh"] = {**self._start(name, directory), **host.get("ssh", {})}
        path = directory / configuration
        path.write_text(yaml.safe_dump(told), encoding="utf-8")
        return path

    @keyword(tags=["hosts"])
    def stop_hosts(self) -> None:
        """Ends every server that was started, and takes back what this machine was given."""
        self._ended.set()
        for server in self._servers.values():
            server.stop()
        for listener in self._sockets:
            listener.close()
        if self._has_locked_user:
            subprocess.run(["userdel", LOCKED_USER], check=True, capture_output=True)

    @keyword(tags=["hosts"])
    def server_of(self, host: str) -> Sshd:
        """Returns the server of a host: its ``log``, ``fingerprint``, ``logins_seen`` …"""
        return self._servers[host]

    @keyword(tags=["hosts"])
    def no_process_should_run(self, command: str) -> None:
        """Fails while a process on this machine has exactly this command line."""
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if entry.read_bytes().rstrip(b"\0").split(b"\0") == command.encode().split():
                    raise AssertionError(f"'{command}' still runs as process {entry.parent.name}.")

    def _start(self, name: str, directory: Path) -> dict[str, Any]:
        """One host's server and the ``ssh`` section that leads to it."""
        folder = directory / "hosts" / name
        server = Sshd(folder, name=name, options=_OPTIONS.get(name, ()))
        self._servers[name] = server
        settings = {**server.ssh_settings(), **self._fault(name, server, folder)}
        if name not in ("refused", "silent"):
            server.start()
        for action in _ACTIONS.get(name, {}).items():
            self._watch(directory, *action, server)
        return {key: str(value) if isinstance(value, Path) else value for key, value in settings.items()}

    def _fault(self, name: str, server: Sshd, folder: Path) -> Mapping[str, Any]:
        """What is wrong with a host before it starts; the settings that differ."""
        if name == "silent":
            return {"port": self._silent_port()}
        if name == "changed-key":
            (folder / "known_key").write_text(server.fingerprint, encoding="utf-8")
            server.new_host_key()
        if name == "unknown-key":
            (folder / "known_hosts").write_text("", encoding="utf-8")
        if name == "wrong-user-key":
            return {"key": new_key(folder / "not_authorized")}
        if name == "locked":
            subprocess.run(["useradd", "--system", "--shell", "/bin/sh", LOCKED_USER], check=True, capture_output=True)
            self._has_locked_user = True
            return {"user": LOCKED_USER}
        return {}

    def _silent_port(self) -> int:
        """A port that accepts connections and never says anything."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._sockets.append(listener)
        return int(listener.getsockname()[1])

    def _watch(self, directory: Path, flag: str, action: Callable[[Sshd], None], server: Sshd) -> None:
        """Does something to a server as soon as a file appears, and takes the file away when it is done.

        What the server's commands printed before is with the client by then: else it would be collected once more.
        """

        def watch() -> None:
            while not (directory / flag).exists():
                if self._ended.wait(POLL_S):
                    return
            server.wait_until_all_is_sent()
            action(server)
            (directory / flag).unlink()

        threading.Thread(target=watch, name=f"watch-{flag}", daemon=True).start()


_OPTIONS = {"one-session": ["MaxSessions 1"]}
_ACTIONS: dict[str, dict[str, Callable[[Sshd], None]]] = {
    "killed": {"kill-me": Sshd.kill_sessions},
    "frozen": {"freeze-me": Sshd.freeze},
    "rebooted": {"reboot-me": Sshd.restart},
}
"""Host -> file whose appearance hurts it, and how."""
