"""Real servers as throw-away processes on loopback, ended by their process ids."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

IS_ROOT = os.geteuid() == 0
START_S, END_S = 30.0, 5.0
_PLACES = ":".join([os.environ["PATH"], "/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])


class Server:
    """One process that leads a group of its own; can be started again after its end."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        output: Path,
        ready: Callable[[], object],
        ends_by: signal.Signals = signal.SIGTERM,
        cwd: Path | None = None,
    ) -> None:
        self._command = [str(word) for word in command]
        self._output = output
        self._ready = ready
        self._ends_by = ends_by
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it is ready. Raises RuntimeError with its last words when it is not within `START_S`."""
        with self._output.open("ab") as output:
            process = self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._cwd,
                env=os.environ | {"TZ": "UTC", "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
        if not wait_for(self._ready, unless=lambda: process.poll() is not None):
            said = self._output.read_text(errors="replace")[-2000:]
            self.stop()
            raise RuntimeError(f"'{self._command[0]}' is not ready:\n{said}")

    def stop(self) -> None:
        """Ends it and its group; nothing happens when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (self._ends_by, signal.SIGKILL):
            try:
                process.send_signal(number)
                process.wait(END_S)
                break
            except subprocess.TimeoutExpired:
                continue
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing of the group is left
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(
    ready: Callable[[], object], *, unless: Callable[[], bool] = lambda: False, longest_s: float = START_S
) -> bool:
    """Whether it became ready in time; polls, as servers have no common way to say so."""
    deadline = time.monotonic() + longest_s
    while not ready():
        if unless() or time.monotonic() > deadline:
            return False
        time.sleep(0.03)
    return True


def program(name: str) -> str:
    """The path of a program. Raises RuntimeError when it is not here."""
    path = shutil.which(name, path=_PLACES)
    if path is None:
        raise RuntimeError(f"The program '{name}' is not here; this bench needs nginx, PostgreSQL, Redis and OpenSSH.")
    return path


def as_user(user: str) -> list[str]:
    """Words ahead of a command that run it as this user, where we are root."""
    return [program("setpriv"), f"--reuid={user}", f"--regid={user}", "--init-groups"] if IS_ROOT else []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
