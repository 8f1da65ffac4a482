"""A call that may take for ever -> its result within a number of seconds, or none.

Time-outs of an HTTP client count from one byte to the next, so a server that drips holds a call as long as it likes.
Here the call runs in a daemon thread, and when the time is up its sockets are shut: the thread wakes and ends, and the
server sees that nobody listens.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class DeadlineError(Exception):
    """The time was up before the call was done."""


class Wire:
    """The sockets of one call, so that another thread can shut them."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self.is_cut = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Remembers each socket; for httpx's request extension ``trace``."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            connected = info["return_value"].get_extra_info("socket")
            with self._lock:
                self._sockets.append(connected)
                if self.is_cut:
                    self._shut()

    def cut(self) -> None:
        """Ends what runs over the wire, now and later."""
        with self._lock:
            self.is_cut = True
            self._shut()

    def _shut(self) -> None:
        for connected in self._sockets:
            with contextlib.suppress(OSError):  # closed already
                connected.shutdown(socket.SHUT_RDWR)


class _Outcome(Generic[T]):
    """What the thread came to."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.value: T | None = None
        self.error: Exception | None = None

    def run(self, call: Callable[[Wire], T], wire: Wire) -> None:
        try:
            self.value = call(wire)
        except Exception as error:  # raised again in the thread that waits
            self.error = error
        finally:
            self.done.set()


def within(seconds: float, call: Callable[[Wire], T]) -> T:
    """The result of ``call(wire)``.

    Raises DeadlineError when `seconds` have passed, whatever the call is waiting for; else what the call raises.
    """
    wire = Wire()
    outcome: _Outcome[T] = _Outcome()
    threading.Thread(target=outcome.run, args=(call, wire), name="failtale-hint", daemon=True).start()
    try:
        if not outcome.done.wait(seconds):
            raise DeadlineError
    finally:
        wire.cut()
    if outcome.error is not None:
        raise outcome.error
    return outcome.value  # type: ignore[return-value]  # None only where T is None
