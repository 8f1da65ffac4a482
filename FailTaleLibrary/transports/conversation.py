"""A running wrapper -> CommandResult: both streams drained, the newest bytes kept, clock and cancel event minded."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from FailTaleLibrary.transports.base import CommandResult
from FailTaleLibrary.transports.kill_safe import Report, Wrapped

STDERR_BYTES = 64 * 1024
"""Kept of stderr."""
STRAGGLERS_S = 1.0
"""How long a stream may be silent after the report: what left by `setsid` can hold it open for ever."""
_LOOK_UP_S = 0.05
"""How often the cancel event is looked at."""
_REPORT_ROOM = 256


class Running(Protocol):
    """A wrapper that runs on a host."""

    @property
    def ended(self) -> bool:
        """Whether both streams have ended and were read."""
        ...

    def read(self, wait_s: float) -> tuple[bytes, bytes]:
        """What came on stdout and stderr; waits at most ``wait_s`` for something to come."""
        ...

    def let_go(self) -> None:
        """Break the lifeline: the host then ends the script."""
        ...

    def why_no_report(self) -> str:
        """What is known of a wrapper that ended without its report."""
        ...


@dataclass(frozen=True, slots=True)
class Conversation:
    """How one went."""

    result: CommandResult
    in_order: bool
    """The host itself ended it; else nobody knows what state the connection is in."""


class Newest:
    """The newest bytes of a stream, and how many there were in all."""

    def __init__(self, max_bytes: int) -> None:
        self.received = 0
        self._max_bytes = max_bytes
        self._data = bytearray()

    def add(self, chunk: bytes) -> None:
        self.received += len(chunk)
        self._data += chunk
        if len(self._data) > 2 * self._max_bytes + 65536:  # not at each chunk: moving bytes costs time
            self._cut()

    @property
    def data(self) -> bytes:
        self._cut()
        return bytes(self._data)

    def _cut(self) -> None:
        del self._data[: max(0, len(self._data) - self._max_bytes)]


def converse(
    running: Running, wrapped: Wrapped, *, timeout_s: float, max_bytes: int, cancel: threading.Event
) -> Conversation:
    """Listen until the wrapper has reported and its streams have ended, at most until it must have reported."""
    return _Listener(running, wrapped, timeout_s=timeout_s, max_bytes=max_bytes, cancel=cancel).listen()


class _Listener:
    def __init__(
        self, running: Running, wrapped: Wrapped, *, timeout_s: float, max_bytes: int, cancel: threading.Event
    ) -> None:
        self._running = running
        self._wrapped = wrapped
        self._timeout_s = timeout_s
        self._cancel = cancel
        self._talk: bytearray | None = bytearray()
        """What the login said on stdout; None once the wrapper has begun."""
        self._stdout = Newest(max_bytes)
        self._stderr = Newest(STDERR_BYTES + _REPORT_ROOM)
        self._report: Report | None = None
        self._cancelled_after_s: float | None = None
        self._began = time.monotonic()
        self._deadline = self._began + timeout_s + wrapped.patience_s

    def listen(self) -> Conversation:
        quiet_since = self._began
        while not self._running.ended:
            now = time.monotonic()
            if now >= self._deadline or (self._report and now >= quiet_since + STRAGGLERS_S):
                break
            if self._cancel.is_set() and self._cancelled_after_s is None:
                self._let_go(now)
            if self._take(min(_LOOK_UP_S, self._deadline - now)):
                quiet_since = time.monotonic()
        return Conversation(self._result(), in_order=self._report is not None or self._running.ended)

    def _let_go(self, now: float) -> None:
        """Ask the host to end it; what it still holds may come, for the time that this takes."""
        self._cancelled_after_s = now - self._began
        self._deadline = min(self._deadline, now + self._wrapped.patience_s)
        self._running.let_go()

    def _take(self, wait_s: float) -> bool:
        stdout, stderr = self._running.read(wait_s)
        self._stdout.add(self._behind_the_talk(stdout))
        self._stderr.add(stderr)
        if stderr and self._report is None:
            _, self._report = self._wrapped.split_report(self._stderr.data)
        return bool(stdout or stderr)

    def _behind_the_talk(self, stdout: bytes) -> bytes:
        """What is the script's own: a login may print a greeting, or refuse in words, ahead of it."""
        if self._talk is None:
            return stdout
        self._talk += stdout
        _, begun, answer = self._talk.partition(self._wrapped.beginning)
        if begun:
            self._talk = None
            return bytes(answer)
        del self._talk[:-STDERR_BYTES]
        return b""

    def _result(self) -> CommandResult:
        stdout = self._stdout.data
        stderr, report = self._wrapped.split_report(self._stderr.data)
        if self._talk:
            stderr = bytes(self._talk) + stderr  # nothing began: its words are the reason
        elapsed_s = time.monotonic() - self._began
        return CommandResult(
            exit_status=report.producer if report else None,
            stdout=stdout,
            stderr=stderr[-STDERR_BYTES:],
            received_bytes=self._stdout.received + self._stderr.received,
            omitted_bytes=self._stdout.received - len(stdout),
            duration_s=elapsed_s,
            timed_out=report.late if report else elapsed_s >= self._timeout_s and self._cancelled_after_s is None,
            incomplete=self._incomplete(elapsed_s),
            filter_status=report.filters if report else None,
        )

    def _incomplete(self, elapsed_s: float) -> str | None:
        if self._cancelled_after_s is not None:
            return f"cancelled after {self._cancelled_after_s:.1f} s"
        if self._report is not None:
            return None
        if not self._running.ended:
            return f"connection lost: the host was silent at the time limit, after {elapsed_s:.1f} s"
        return f"{self._running.why_no_report()} after {elapsed_s:.1f} s"
