"""The keeper itself: a process that holds connections and takes marks, as the run that started it says.

It writes to the run only what it was asked for, so that it never waits for a run that computes. It ends with its
standard input, or when the run's process is not its parent any more: a process that a test forks may hold the pipe.
"""

from __future__ import annotations

import logging
import os
import queue
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from FailTaleLibrary import background
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.keeper.messages import LogLine, Message, News, framed, messages_in
from FailTaleLibrary.log import PARAMIKO, TREE, logger_of, redact_with
from FailTaleLibrary.transports import CommandResult, Connections, Transport, VisitItem, VisitStart
from FailTaleLibrary.windows.main_thread import MainThreadOf
from FailTaleLibrary.windows.marks import Marks
from FailTaleLibrary.windows.place_marks import Place

_log = logger_of(__name__)
_LOOK_S = 1.0
"""Between two looks whether the run's process is still there, where its end is not heard of."""
_CHUNK_BYTES = 256 * 1024
_MOST_LINES = 2000
"""Of the log, between two answers."""


def main() -> None:
    """Serves the run that started this process, to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the run's, which says what is to end
    heard, said = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)  # what a library prints, or a ProxyCommand reads, is no message
    os.dup2(nothing, 1)
    status = 1
    try:
        _serve(heard, said)
        status = 0
    finally:
        os._exit(status)  # whatever a thread waits for


def _serve(heard: int, said: int) -> None:
    received = bytearray()
    keeping: _Keeping | None = None
    parent = os.getppid()
    while parent == os.getppid():
        if not select.select([heard], [], [], _LOOK_S)[0]:
            continue
        data = os.read(heard, _CHUNK_BYTES)
        if not data:
            break
        received += data
        for message in messages_in(received):
            if message[0] == "begin":
                _, config, parent, is_logging = message
                keeping = _Keeping(said, config, parent, is_logging)
                keeping.greet()
            elif keeping is not None:
                keeping.hear(*message)
    if keeping is not None:
        keeping.close()


class _Keeping:
    """Connections, marks, and the requests that are under way."""

    def __init__(self, said: int, config: Config, run: int, is_logging: bool) -> None:
        """``run``: the process that runs the tests."""
        self._said = said
        self._telling = threading.Lock()
        self._lines: deque[LogLine] = deque(maxlen=_MOST_LINES)
        if is_logging:
            self._keep_log()
        self._config = config
        self._connections = Connections(config)
        self._marks = Marks(config, self._connections, tests=MainThreadOf(run))
        self._items: dict[int, queue.SimpleQueue[Sequence[VisitItem] | None]] = {}
        self._cancels: dict[int, threading.Event] = {}

    def greet(self) -> None:
        """Says that it hears, so that the run need not wait at its end for one that has only begun to start."""
        self._say(-1, "there")

    def hear(self, kind: str, number: int, *words: Any) -> None:
        """What the run says; whatever takes time is done in a thread of its own."""
        if kind == "began":
            self._marks.take_due()
        elif kind == "marks":
            self._say(number, "done", places=self._marks.places)
        elif kind == "alive":
            self._say(number, "alive", is_brief=True)
        elif kind == "items" and number in self._items:
            self._items[number].put(words[0])
        elif kind == "cancel" and number in self._cancels:
            self._cancels[number].set()
            self._items[number].put(None)
        elif kind == "forget":
            background.start(self._connections.way(words[0]).close, name="failtale-close")
        elif kind in ("connect", "run", "visit"):
            self._items[number], self._cancels[number] = queue.SimpleQueue(), threading.Event()
            works: dict[str, Callable[..., Message]] = {
                "connect": self._connect,
                "run": self._run,
                "visit": self._visit,
            }
            work = partial(works[kind], number, *words)
            background.start(partial(self._answer, number, work), name=f"failtale-keep-{words[0][0]}")

    def close(self) -> None:
        """Ends marks and connections, and with them what still runs on hosts."""
        for cancel in list(self._cancels.values()):
            cancel.set()
        self._marks.close()
        self._connections.close()

    def _answer(self, number: int, work: Callable[[], Message]) -> None:
        try:
            self._say(number, "done", *work())
        except TransportError as error:
            self._say(number, "error", error.reason, str(error))
        except _LeftError:
            self._say(number, "error", "cancelled", "nobody waits for it any more")
        except Exception as error:  # the run tells it as a fault, and goes on
            _log.debug("a request failed", exc_info=True)
            self._say(number, "fault", f"{type(error).__name__}: {error}")
        finally:
            del self._items[number], self._cancels[number]

    def _connect(self, number: int, place: Place) -> Message:
        self._connections.transport(*place)
        return ()

    def _run(self, number: int, place: Place, item: VisitItem) -> Message:
        way, cancel = self._connections.way(*place), self._cancels[number]
        return (way.run(item.script, timeout_s=item.timeout_s, max_bytes=item.max_bytes, cancel=cancel),)

    def _visit(self, number: int, place: Place, given: Sequence[VisitItem] | None, ends_at: float) -> Message:
        way = self._connections.way(*place)

        def items(start: VisitStart) -> Sequence[VisitItem]:
            self._say(number, "start", start, _has_gate(way), places=[place])
            try:
                told = self._items[number].get(timeout=max(0.1, ends_at - time.monotonic()))
            except queue.Empty:
                raise _LeftError from None
            if told is None:
                raise _LeftError
            return told

        def on_result(item: str, result: CommandResult) -> None:
            self._say(number, "result", item, result, is_brief=True)

        way.visit(items if given is None else given, ends_at=ends_at, cancel=self._cancels[number], on_result=on_result)
        return ()

    def _say(self, number: int, kind: str, *words: Any, places: Collection[Place] = (), is_brief: bool = False) -> None:
        """Writes to the run; ``places``: those whose marks it wants as well; ``is_brief``: nothing of marks at all."""
        with self._telling:  # a mark is told once, and before what refers to it
            news = None if is_brief else self._news(places)
            data = memoryview(framed((number, kind, *words, news)))
            while data:
                data = data[os.write(self._said, data) :]

    def _news(self, places: Collection[Place]) -> News:
        opened = {host: self._connections.way(host).opened for host in self._config.hosts}
        lines = tuple(self._lines.popleft() for _ in range(len(self._lines)))
        return News(self._marks.told(places), opened, lines)

    def _keep_log(self) -> None:
        """What is logged goes to the run with the next answer; it has the secrets that no log may show."""
        redact_with(lambda text: text)
        for name in (TREE, PARAMIKO):
            logging.getLogger(name).addHandler(_LinesHandler(self._lines))
        logging.getLogger(TREE).setLevel(logging.DEBUG)


class _LinesHandler(logging.Handler):
    def __init__(self, lines: deque[LogLine]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(LogLine(record.name, record.threadName or "", record.created, self.format(record)))


class _LeftError(Exception):
    """The run has left a visit before it said what to ask."""


def _has_gate(way: Transport) -> bool:
    known = getattr(way, "known", None)
    return bool(known is not None and known.has_gate)
