"""A call that may hang -> its result, or TimeoutError in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T], *, name: str, discard: Callable[[T], object]) -> T:
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
