"""Script -> CommandResult on this machine, in the same wrapper as over SSH."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable

from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports.base import CommandResult, Script, Transport
from FailTaleLibrary.transports.visit import WrappedScript, run_to_end, wrap

_CHUNK_BYTES = 256 * 1024


SETTINGS = None  # there is nothing to say


def connect(host: str, config: Config, *, clock: Callable[[], float]) -> LocalTransport:
    """The way to this machine."""
    return LocalTransport()


def repeat_line(host: str, command: str, config: Config) -> None:
    """None: the command itself is the line."""
    return


class LocalTransport(Transport):
    """Runs scripts here: for a product that lives beside its tests."""

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        wrapped = wrap(script, timeout_s=timeout_s)
        running = _start(wrapped)
        try:
            return run_to_end(running, wrapped, timeout_s=timeout_s, max_bytes=max_bytes, cancel=cancel).result
        finally:
            running.close()


def _start(wrapped: WrappedScript) -> _Process:
    try:
        return _Process(wrapped)
    except OSError as error:
        raise TransportError("failed", f"'/bin/sh' could not be started on this machine: {error.strerror}") from error


class _Process:
    """A wrapper as a child of this process."""

    def __init__(self, wrapped: WrappedScript) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - to run what the configuration says is its purpose
            ["/bin/sh", *wrapped.words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        assert self._child.stdout is not None and self._child.stderr is not None  # noqa: PT018, S101 - they are pipes
        self._streams = (self._child.stdout, self._child.stderr)
        self._selector = selectors.DefaultSelector()
        for stream in self._streams:
            self._selector.register(stream, selectors.EVENT_READ)

    @property
    def ended(self) -> bool:
        return not self._selector.get_map()

    def read(self, wait_s: float) -> tuple[bytes, bytes]:
        chunks = {}
        for key, _ in self._selector.select(wait_s):
            chunks[key.fd] = os.read(key.fd, _CHUNK_BYTES)
            if not chunks[key.fd]:
                self._selector.unregister(key.fileobj)
        stdout, stderr = (chunks.get(stream.fileno(), b"") for stream in self._streams)
        return stdout, stderr

    def cancel(self) -> None:
        if self._child.stdin is not None:
            self._child.stdin.close()

    def why_no_report(self) -> str:
        return f"something on this machine ended the command (status {self._child.wait()})"

    def close(self) -> None:
        self.cancel()
        self._selector.close()
        for stream in self._streams:
            stream.close()
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself, as it should
            if self._child.poll() is None:
                os.killpg(self._child.pid, signal.SIGKILL)  # its guards outlive it and see to the rest
        self._child.wait()
