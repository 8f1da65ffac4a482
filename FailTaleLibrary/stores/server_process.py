"""A command -> an MCP server as a child of this process, whose whole group ends with it or with us.

Beside each server stands a guard, a shell that waits for the end of a pipe: should this process be killed, the pipe
ends and the guard kills the server's group. What leaves the group by `setsid` can escape; docs/security.md says so.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from FailTaleLibrary import background
from FailTaleLibrary.stores.failures import StoreError

_CHUNK_BYTES = 64 * 1024
_WORDS_KEPT = 40
_TO_END_S = 0.5
"""How long a server may take to end by itself when its input has ended, and once more after SIGTERM."""
_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SHELL", "TERM")
"""Of our own environment, in which secrets of the tests may stand."""
_GUARD = 'read -r group || exit; read -r _; kill -9 "-$group"'
"""No ``--``: dash's own kill takes it for a number."""


class ServerProcess:
    """A running server: lines in, lines out."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], *, max_bytes: int) -> None:
        """Raises OSError when it cannot be started."""
        known = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._guard = subprocess.Popen(  # noqa: S603 - our own words alone
            ["/bin/sh", "-c", _GUARD, "failtale-guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin"},
            bufsize=0,
            start_new_session=True,
        )
        assert self._guard.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._child = subprocess.Popen(  # noqa: S603 - to start what the configuration says is its purpose
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**known, **environment},
                bufsize=0,
                start_new_session=True,
            )
        except BaseException:
            self._guard.kill()
            self._guard.wait()
            self._guard.stdin.close()
            raise
        self._guard.stdin.write(f"{self._child.pid}\n".encode())
        self._left_bytes = max_bytes
        self._buffer = bytearray()
        self._words: deque[bytes] = deque(maxlen=_WORDS_KEPT)
        assert self._child.stdin is not None  # noqa: S101 - all three are pipes
        assert self._child.stdout is not None  # noqa: S101
        self._stdin, self._stdout = self._child.stdin, self._child.stdout
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)
        self._hearing = background.start(self._hear_words, name="failtale-mcp-words")

    def _hear_words(self) -> None:
        """Keeps the newest of what it says on stderr, so that it never waits for us."""
        assert self._child.stderr is not None  # noqa: S101
        with contextlib.suppress(OSError, ValueError):
            while data := self._child.stderr.read(4096):
                self._words.append(data)

    @property
    def words(self) -> str:
        """The last line of what it said on stderr."""
        self._hearing.join(0.2)
        lines = b"".join(self._words).decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def write(self, line: bytes, *, check: Callable[[], float]) -> None:
        """Sends a line; ``check`` says how long that may still take, or raises."""
        data = memoryview(line + b"\n")
        while data:
            try:
                data = data[os.write(self._stdin.fileno(), data) :]
            except BlockingIOError:
                self._await(self._stdin.fileno(), selectors.EVENT_WRITE, check())
            except (BrokenPipeError, ValueError):
                raise StoreError("failed", "it has ended") from None

    def read_line(self, *, check: Callable[[], float]) -> bytes:
        """The next line of its output. Raises StoreError when it has ended, or said more than is read."""
        while True:
            line, found, rest = bytes(self._buffer).partition(b"\n") if b"\n" in self._buffer else (b"", b"", b"")
            if found:
                self._buffer = bytearray(rest)
                return line
            left_s = check()
            try:
                data = os.read(self._stdout.fileno(), _CHUNK_BYTES)
            except BlockingIOError:
                self._await(self._stdout.fileno(), selectors.EVENT_READ, left_s)
                continue
            if not data:
                raise StoreError("failed", "it has ended")
            self._left_bytes -= len(data)
            if self._left_bytes < 0:
                raise StoreError("failed", "it answers more than is read")
            self._buffer += data

    def _await(self, fileno: int, event: int, left_s: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(fileno, event)
            selector.select(min(0.1, left_s))

    def close(self) -> None:
        """Ends it and all of its group; returns at once, and what resists is killed within a second."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        ended = threading.Event()

        def end() -> None:
            try:
                self._end_group()
            finally:
                ended.set()

        background.start(end, name="failtale-mcp-end")
        ended.wait(_TO_END_S / 2)

    def _end_group(self) -> None:
        """The child is not waited for before its group is gone: until then its number is nobody else's."""
        self._wait_for_exit()
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            if not self._signalled(signal_number):
                break
            self._wait_for_exit()
        self._signalled(signal.SIGKILL)
        self._guard.kill()
        self._child.wait()
        self._guard.wait()
        for stream in (self._stdout, self._child.stderr, self._guard.stdin):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _wait_for_exit(self) -> None:
        """Until the child is a zombie, or the time is over."""
        ends = time.monotonic() + _TO_END_S
        while time.monotonic() < ends:
            if os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return
            time.sleep(0.01)

    def _signalled(self, number: signal.Signals) -> bool:
        try:
            os.killpg(self._child.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True
