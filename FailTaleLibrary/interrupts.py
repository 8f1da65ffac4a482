"""SIGINT and SIGTERM while evidence is collected: the first one ends the collection, then takes its usual way.

Whoever handled these signals before (Robot Framework, pytest, Python) handles them afterwards, when what was collected
by then has been shown. The second signal is passed on at once, together with the first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def held_back(*, is_answer: bool = False) -> Iterator[threading.Event]:
    """Gives an event that the first signal sets; the signal itself waits for the end of the block.

    ``is_answer``: that the block ends early is all that somebody wanted who sent one signal; it goes nowhere else.

    Blocks may be nested: the outermost counts. In another thread than the main one, which alone hears of signals, the
    event is never set. The main thread may only poll it, because its handler sets it wherever that thread is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield threading.Event()
    elif _Holder.current is not None:
        yield _Holder.current.stop
    else:
        with _Holder(is_answer=is_answer) as holder:
            yield holder.stop


def is_stopping() -> bool:
    """Whether a signal is held back at this moment, by whatever block."""
    holder = _Holder.current
    return holder is not None and holder.stop.is_set()


class _Holder:
    """Stands in for the handlers of both signals."""

    current: _Holder | None = None

    def __init__(self, *, is_answer: bool) -> None:
        self.stop = threading.Event()
        self._is_answer = is_answer
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int] = {}
        self._waiting: list[signal.Signals] = []

    def __enter__(self) -> _Holder:
        _Holder.current = self
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if handler is not None and handler != signal.SIG_IGN:
                self._before[number] = handler
                with contextlib.suppress(ValueError):  # not in a sub-interpreter
                    signal.signal(number, self._heard)
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._is_answer:
            self._waiting.clear()
        self._pass_on()

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._waiting.append(signal.Signals(number))
        if self.stop.is_set():
            self._pass_on()
        self.stop.set()

    def _pass_on(self) -> None:
        """Everything as it was, and the signals that wait to their own handlers, which may raise."""
        _Holder.current = None
        waiting, self._waiting = self._waiting, []
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._heard:
                signal.signal(number, handler)
        for number in waiting[:-1]:
            with contextlib.suppress(BaseException):  # what the last one leads to counts
                self._hand_over(number)
        for number in waiting[-1:]:
            self._hand_over(number)

    def _hand_over(self, number: signal.Signals) -> None:
        handler = self._before[number]
        if callable(handler):
            with contextlib.suppress(BrokenPipeError):  # it told somebody who has gone, by the same Ctrl-C perhaps
                handler(number, None)
        else:
            os.kill(os.getpid(), number)  # what the operating system does without a handler
