"""How far a collection is, and the line on a terminal that says so; nothing where there is no terminal."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from FailTaleLibrary.lazy import dataclass

EVERY_S = 0.2
_FROM_S = 0.5
"""What is over sooner than that needs no line."""
_MAKE_ROOM = "\033D\033M"
"""Index and reverse index keep the column: below the line that somebody else is writing there is then another."""
_BELOW = f"{_MAKE_ROOM}\0337\033[E"
_END = "\033[K\0338"


@dataclass(frozen=True, slots=True)
class CollectionState:
    """How far a collection is."""

    steps_done: int
    steps: int
    slowest: str = ""
    """The host that has been waited for longest; empty when none is."""
    hosts_done: int = 0
    hosts: int = 0
    """0 when they are a gateway's, which does not say."""

    def __str__(self) -> str:
        hosts, steps = f"{self.hosts_done} of {self.hosts} hosts", f"{self.steps_done} of {self.steps} answers"
        waiting = f", waiting for {self.slowest}" if self.slowest else ""
        return f"{hosts if self.hosts else steps}{waiting}"


Progress = Callable[[CollectionState], None]
"""Called in the thread that collects, again and again until all is done or the time is over."""


@contextlib.contextmanager
def live_line(stream: TextIO | None, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Progress | None]:
    """Gives what shows progress on a terminal, at most five times a second; the line is gone at the block's end.

    None where ``stream`` is no terminal.
    """
    if stream is None or not _is_terminal(stream):
        yield None
        return
    line = _LiveLine(stream, clock)
    try:
        yield line.show
    finally:
        line.clear()


class _LiveLine:
    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._began = clock()
        self._next_at = self._began + _FROM_S
        self._is_shown = False

    def show(self, state: CollectionState) -> None:
        now = self._clock()
        if now >= self._next_at:
            self._next_at = now + EVERY_S
            self._is_shown = True
            text = f"FailTale collects evidence: {state} ({now - self._began:.0f} s)"
            self._write(f"{_BELOW}{text[: _terminal_width(self._stream) - 1]}{_END}")

    def clear(self) -> None:
        if self._is_shown:
            self._write(f"\0337\033[E{_END}")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone, or the stream is closed
            self._stream.write(text)
            self._stream.flush()


def _is_terminal(stream: TextIO) -> bool:
    """Whether it understands where a cursor may go."""
    try:
        return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    except ValueError:  # it is closed
        return False


def _terminal_width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
