"""Blocking work beside the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

# --- A call that may hang -> its result, or TimeoutError in time

T = TypeVar("T")


def call_within(seconds: float, call: Callable[[], T], *, name: str, discard: Callable[[T], object]) -> T:
    """The result of a call that knows no time limit: a name look-up, a key agent, paramiko's `exec_command`.

    Raises TimeoutError when it takes longer. The call then goes on in its daemon thread, ``name``; should it still
    bring something, ``discard`` gets it.
    """
    thread = _Call(call, discard, name)
    thread.start()
    thread.join(max(0.0, seconds))
    return thread.take()


class _Call(threading.Thread, Generic[T]):
    def __init__(self, call: Callable[[], T], discard: Callable[[T], object], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._call = call
        self._discard = discard
        self._lock = threading.Lock()
        self._abandoned = False
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            result = self._call()
        except BaseException as error:  # whoever waits raises it again
            self._error = error
            return
        with self._lock:
            self._results.append(result)
            if self._abandoned:
                self._discard(result)

    def take(self) -> T:
        with self._lock:
            if self._results:
                return self._results[0]
            if self._error is not None:
                raise self._error
            self._abandoned = True
            raise TimeoutError


# --- Blocking work beside the event loop


async def in_thread(work: Callable[[], T]) -> T:
    """What ``work`` returns or raises; a caller that is cancelled leaves it behind.

    In a daemon thread of its own, because anyio's workers (4.16) would keep the interpreter alive until they are done.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(outcome.set_result, work())
        except Exception as error:
            settle = partial(outcome.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
            loop.call_soon_threadsafe(_unless_left, outcome, settle)

    threading.Thread(target=run, name="failtale-serve", daemon=True).start()
    return await outcome


def _unless_left(outcome: asyncio.Future[T], settle: Callable[[], None]) -> None:
    if not outcome.done():
        settle()
