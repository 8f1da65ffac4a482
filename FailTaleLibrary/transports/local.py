"""Items of a visit -> their results on this machine, with the same script as over SSH."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence

from FailTaleLibrary import background
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports.base import CommandResult, Items, OnResult, Script, Transport
from FailTaleLibrary.transports.visit import hold_visit, visit_for_one
from FailTaleLibrary.transports.visit_host import KnownLogin

_CHUNK_BYTES = 256 * 1024
_LEAVING_S = 1.0
"""How long a visit whose items have all been told may take to end by itself."""


SETTINGS = None  # there is nothing to say


def connect(host: str, config: Config, *, clock: Callable[[], float]) -> LocalTransport:
    """The way to this machine."""
    return LocalTransport()


def repeater(host: str, config: Config) -> None:
    """None: the command itself is the line."""
    return


class LocalTransport(Transport):
    """Runs scripts here: for a product that lives beside its tests."""

    hello_s = 5.0
    name = "this machine"

    def __init__(self) -> None:
        self.known = KnownLogin(has_shell=True)

    def visit(self, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult) -> None:
        hold_visit(self, items, ends_at=ends_at, cancel=cancel, on_result=on_result)

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        return visit_for_one(
            self.visit, script, timeout_s=timeout_s, max_bytes=max_bytes, cancel=cancel, known=self.known
        )

    def start(self, command_line: str, *, wait_s: float) -> _Process:
        try:
            return _Process(command_line)
        except OSError as error:
            sentence = f"'/bin/sh' could not be started on this machine: {error.strerror}"
            raise TransportError("failed", sentence) from error

    def start_another(self, command_line: str, *, wait_s: float) -> _Process:
        return self.start(command_line, wait_s=wait_s)

    def no_shell(self, words: str, *, lacks: str = "") -> TransportError:
        return TransportError("failed", f"'/bin/sh' of this machine runs nothing; its output: {words}")


class _Process:
    """A shell that is a child of this process."""

    def __init__(self, command_line: str) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - to run what the configuration says is its purpose
            ["/bin/sh", "-c", command_line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        assert self._child.stdin is not None  # noqa: S101 - all three are pipes
        assert self._child.stdout is not None  # noqa: S101
        assert self._child.stderr is not None  # noqa: S101
        self._stdin = self._child.stdin
        self._streams = [self._child.stdout, self._child.stderr]
        self._open = [self._child.stdout.fileno(), self._child.stderr.fileno()]
        for pipe in (self._stdin, *self._streams):
            os.set_blocking(pipe.fileno(), False)

    @property
    def ended(self) -> bool:
        return not self._open

    @property
    def was_cut(self) -> bool:
        return False

    def filenos(self) -> Sequence[int]:
        return tuple(self._open)

    def read(self) -> tuple[bytes, bytes]:
        stdout, stderr = (self._read(stream.fileno()) for stream in self._streams)
        return stdout, stderr

    def write(self, data: bytes) -> int:
        try:
            return os.write(self._stdin.fileno(), data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:  # it has ended; its streams will say so
            return len(data)

    def hang_up(self) -> None:
        self._stdin.close()

    def why_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(0.5)  # it comes right behind the end of the streams
        return f"something on this machine ended the command (status {self._child.returncode})"

    def why_no_shell(self) -> str:
        return ""

    def ended_by_itself(self) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(0.5)
        return self._child.returncode is not None and self._child.returncode >= 0

    def ended_well(self) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(0.5)
        return self._child.returncode == 0

    def send_signal(self, name: str) -> None:
        if self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.Signals[f"SIG{name}"])

    def leave(self) -> None:
        def wait_and_close() -> None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_LEAVING_S)
            self.close()

        background.start(wait_and_close, name="failtale-reap")

    def close(self) -> None:
        self.hang_up()
        for stream in self._streams:
            stream.close()
        self._open.clear()
        # Its guard sees to the rest, in a second where something resists.
        background.start(self._child.wait, name="failtale-reap")

    def _read(self, fileno: int) -> bytes:
        if fileno not in self._open:
            return b""
        try:
            chunk = os.read(fileno, _CHUNK_BYTES)
        except BlockingIOError:
            return b""
        if not chunk:
            self._open.remove(fileno)
        return chunk
