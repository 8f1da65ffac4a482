"""The run's end of a keeper: starts the process, tells it that windows begin, and asks it at a failure.

While tests pass the run writes a few bytes once a second, which never waits, and has no thread for it. The process
ends when its standard input does, so also when the run's process is killed.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from weakref import WeakSet

import FailTaleLibrary
from FailTaleLibrary import background
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.keeper.kept_way import GoneError, KeptWay
from FailTaleLibrary.keeper.messages import Message, News, framed, read_message
from FailTaleLibrary.log import PARAMIKO, logger_of, made_safe
from FailTaleLibrary.transports.base import Transport
from FailTaleLibrary.transports.signs_of_life import Silence
from FailTaleLibrary.windows.place_marks import Place, ToldMarks

_log = logger_of(__name__)

_BEGIN = """
import os, sys
package, *path = map(os.fsdecode, open(0, "rb", 0, closefd=False).readline()[:-1].split(b"\\0"))
sys.path += [each for each in path if each not in sys.path]
from importlib.util import module_from_spec, spec_from_file_location
init = os.path.join(package, "__init__.py")
spec = spec_from_file_location("FailTaleLibrary", init, submodule_search_locations=[package])
sys.modules["FailTaleLibrary"] = made = module_from_spec(spec)
spec.loader.exec_module(made)
from FailTaleLibrary.keeper.process import main
main()
"""
"""Loads this very package, whatever else bears its name: what the tests put into ``sys.path`` comes last."""
_PIPE_BYTES = 32 * 1024
"""So much a pipe takes at once, wherever we run."""
_ANSWER_S = 5.0
"""A keeper that has not told its marks in that time is given up: it may have to start first."""
_WRITE_S = 5.0
_LEAVING_S = 1.5
"""For it to end its connections."""
_CANCELLED_S = 2.5
"""For what was under way, once it is cancelled."""
_LOOK_S = 0.05

Learn = Callable[[Mapping[Place, ToldMarks]], object]


class Keeper:
    """The process that keeps a run's connections and marks while its tests compute. Safe to use from any thread.

    It is started when the first window begins. Where it cannot be, or ends, the run does everything by itself.
    """

    def __init__(self, config: Config) -> None:
        """Only hosts over SSH are kept: other ways are no connections, and load nothing that computes."""
        hosts = {name: host for name, host in config.hosts.items() if host.transport == "ssh"}
        is_possible = os.name == "posix" and bool(sys.executable)
        self._config = config.model_copy(update={"hosts": hosts if is_possible and config.marks != "off" else {}})
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._input = -1
        self._starting = threading.Lock()
        self._writing = threading.Lock()
        self._is_gone = self._is_closed = False
        self._numbers = itertools.count()
        self._requests: dict[int, queue.SimpleQueue[Message | None]] = {}
        self._reader: threading.Thread | None = None
        self._minding = threading.Lock()
        self._messages = 0
        self._silence = Silence()
        self._learn: Learn = lambda _: None
        self.opened: Mapping[str, int] = {}
        """Host -> connections that it has opened, as far as it has told."""
        _keepers.add(self)

    def keeps(self, host: str) -> bool:
        """Whether a host is one of those that it keeps the connection of."""
        return host in self._config.hosts

    def way(self, host: str, inside: tuple[str, ...], own: Callable[[], Transport]) -> Transport:
        """The way to a host, or behind a prefix there; ``own`` makes another one, for when the keeper has gone."""
        return KeptWay(self, host, inside, own)

    def told_to(self, learn: Learn) -> None:
        """Who gets what it tells of marks."""
        self._learn = learn

    @property
    def is_there(self) -> bool:
        """Whether it has been started and is not known to have ended; a forked process has none."""
        return self._process is not None and not self._is_gone

    @property
    def is_closed(self) -> bool:
        """Whether the run has ended."""
        return self._is_closed

    # --- While tests pass ---------------------------------------------------------------------------------------------

    def window_began(self) -> bool:
        """Tells it that a window begins, which it takes marks for; False: there is none, and the run takes them."""
        if self._process is None and not self._is_gone and self._config.hosts:
            self._start()
        if not self.is_there:
            return False
        if self._writing.acquire(blocking=False):  # else somebody tells it more than that
            try:
                os.write(self._input, _WINDOW_BEGAN)
            except BlockingIOError:
                pass  # it is behind, and takes marks as soon as it can
            except OSError as error:
                self._lost(f"it takes nothing any more: {error}")
            finally:
                self._writing.release()
        return self.is_there

    def _start(self) -> None:
        with self._starting:
            if self._process is not None or self._is_gone:
                return
            try:
                self._start_process()
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                self._is_gone = True
                _log.debug("no keeper could be started: %s", error)

    def _start_process(self) -> None:
        package = Path(FailTaleLibrary.__file__).parent
        told = [str(package), *(each for each in sys.path if Path(each).is_absolute() and "\n" not in each)]
        is_logging = logging.getLogger("failtale").isEnabledFor(logging.DEBUG)
        begin = framed(("begin", self._config, os.getpid(), is_logging))
        no_bytecode = ["-B"] if sys.dont_write_bytecode else []
        process = subprocess.Popen(  # noqa: S603 - our own words alone
            [sys.executable, "-I", *no_bytecode, "-c", _BEGIN, "failtale-keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is the run's
        )
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        self._input = process.stdin.fileno()
        os.set_blocking(self._input, False)
        data = memoryview(b"\0".join(map(os.fsencode, told)) + b"\n" + begin)
        self._owner, self._process = os.getpid(), process
        if len(data) <= _PIPE_BYTES:
            os.write(self._input, data)
        else:  # of hundreds of hosts: it takes the rest once it has started
            self._writing.acquire()
            background.start(lambda: self._write_rest(data), name="failtale-keeper-begin")

    # --- At a failure -------------------------------------------------------------------------------------------------

    def ask_for_marks(self) -> Callable[[float, threading.Event | None], None]:
        """Asks for all marks, and returns what waits for them, so many seconds at most and until an event is set."""
        if not self.is_there:
            return lambda seconds, cancel: None
        try:
            request = Request(self, "marks")
        except GoneError:
            return lambda seconds, cancel: None

        def wait(seconds: float, cancel: threading.Event | None) -> None:
            with request:
                try:
                    request.next(time.monotonic() + min(seconds, _ANSWER_S), cancel)
                except TimeoutError:
                    if cancel is None or not cancel.is_set():
                        self._lost("it does not answer")
                except GoneError:
                    pass

        return wait

    def request(self, kind: str, *words: Any) -> Request:
        """Asks for something. Raises GoneError where there is nobody to ask."""
        return Request(self, kind, *words)

    def mind_silence(self) -> None:
        """Gives it up where it gives no sign of life any more; called often by whoever waits for an answer.

        An answer may take long, a sign of life does not: the process may be frozen, or hang.
        """
        if not self._minding.acquire(blocking=False):
            return
        try:
            if self._silence.look(self._messages):
                with contextlib.suppress(GoneError):
                    self.send("alive", -1)
            elif self._silence.unanswered_s > _ANSWER_S:
                self._lost("it gives no sign of life")
        finally:
            self._minding.release()

    def forget(self, host: str) -> None:
        """The connection to a host is wanted no more."""
        if self.is_there:
            with contextlib.suppress(GoneError):
                self.send("forget", -1, host)

    def send(self, *message: Any) -> None:
        """Writes a message. Raises GoneError."""
        data = memoryview(framed(message))
        if not self.is_there or not self._writing.acquire(timeout=_WRITE_S):
            raise GoneError
        self._write_rest(data)
        if not self.is_there:
            raise GoneError

    def _write_rest(self, data: memoryview) -> None:
        """Writes all of it, and lets the next one write."""
        ends = time.monotonic() + _WRITE_S
        try:
            while data and time.monotonic() < ends:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._input, data) :]
                    continue
                select.select([], [self._input], [], _LOOK_S)
        except (OSError, ValueError) as error:
            self._lost(f"it takes nothing any more: {error}")
        else:
            if data:
                self._lost("it takes nothing any more")
        finally:
            self._writing.release()

    def expect(self) -> tuple[int, queue.SimpleQueue[Message | None]]:
        """Number and answers of a request to come."""
        number, answers = next(self._numbers), queue.SimpleQueue[Message | None]()
        self._requests[number] = answers
        with self._starting:
            if self._reader is None and self._process is not None:
                stream = self._process.stdout
                assert stream is not None  # noqa: S101 - it is a pipe
                self._reader = background.start(lambda: self._read(stream), name="failtale-keeper")
        return number, answers

    def expect_no_more(self, number: int) -> None:
        """Nobody waits for a request's answers."""
        self._requests.pop(number, None)

    def _read(self, stream: IO[bytes]) -> None:
        try:
            with stream:
                while (message := read_message(stream)) is not None:
                    number, *answer, news = message
                    self._messages += 1
                    self._take(news)
                    if number in self._requests:
                        self._requests[number].put(tuple(answer))
        except Exception:  # what cannot be read is as good as no answer
            _log.debug("the keeper cannot be understood", exc_info=True)
        if not self._is_closed:
            self._lost("it has ended")
        for answers in list(self._requests.values()):
            answers.put(None)

    def _take(self, news: News | None) -> None:
        if news is None:
            return
        self.opened = news.opened
        self._learn(news.marks)
        for line in news.lines:
            logger = logging.getLogger(line.logger)
            record = logger.makeRecord(logger.name, logging.DEBUG, "", 0, line.text, (), None)
            record.threadName, record.created = f"failtale-keeper/{line.thread}", line.created
            if line.logger.startswith(PARAMIKO):
                made_safe(logger)
            logger.handle(record)

    # --- Its end ------------------------------------------------------------------------------------------------------

    def _lost(self, why: str) -> None:
        """From now on the run does everything by itself."""
        with self._starting:
            if self._is_gone or self._process is None:
                return
            self._is_gone = True
        _log.debug("the keeper is given up: %s", why)
        with contextlib.suppress(OSError):
            self._process.kill()  # it may be frozen; what it had on hosts ends with its connections
        for answers in list(self._requests.values()):
            answers.put(None)

    def close(self) -> None:
        """Ends it and its connections; takes 1.5 s at most, and a moment as a rule."""
        self._is_closed = True
        process = self._process
        if process is None or self._owner != os.getpid():
            return
        if self.is_there and logging.getLogger("failtale").isEnabledFor(logging.DEBUG):
            with contextlib.suppress(GoneError):
                self.ask_for_marks()(1.0, None)  # for its log
        self._is_gone, self._process = True, None
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        with contextlib.suppress(OSError):
            process.stdin.close()
        has_begun = self._reader is not None or bool(select.select([process.stdout], [], [], 0)[0])
        try:
            process.wait(_LEAVING_S if has_begun else 0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is None:
            process.stdout.close()

    def left_by_fork(self) -> None:
        """In a forked process, which has no thread of the keeper's and must not hold its input open."""
        process, self._process, self._is_gone = self._process, None, True
        self._starting, self._writing = threading.Lock(), threading.Lock()
        if process is not None and process.stdin is not None:
            process.returncode = 0  # it is no child of this process
            process.stdin.close()


class Request:
    """Something that the keeper is asked for, and its answers; one that is left early is cancelled."""

    def __init__(self, keeper: Keeper, kind: str, *words: Any) -> None:
        self._keeper = keeper
        self._number, self._answers = keeper.expect()
        self._ends_at = float("inf")
        self._is_over = False
        try:
            self.send(kind, *words)
        except BaseException:
            keeper.expect_no_more(self._number)
            raise

    def __enter__(self) -> Request:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeper.expect_no_more(self._number)
        if kind is not None and not self._is_over:
            with contextlib.suppress(GoneError):
                self.send("cancel")

    def send(self, kind: str, *words: Any) -> None:
        """Says more. Raises GoneError."""
        self._keeper.send(kind, self._number, *words)

    def next(self, ends_at: float, cancel: threading.Event | None) -> Message:
        """The next answer; ``cancel`` cancels the request, whose last answers come soon then.

        Raises GoneError when the keeper has gone, TimeoutError when nothing came in time, and the TransportError that
        the keeper tells.
        """
        is_cancelled = self._ends_at < float("inf")
        while True:
            with contextlib.suppress(queue.Empty):
                answer = self._answers.get(timeout=_LOOK_S)
                break
            self._keeper.mind_silence()
            if cancel is not None and cancel.is_set() and not is_cancelled:
                is_cancelled, self._ends_at = True, time.monotonic() + _CANCELLED_S
                self.send("cancel")
            if time.monotonic() > min(ends_at, self._ends_at):
                raise TimeoutError
        if answer is None:
            raise GoneError
        self._is_over = answer[0] in ("done", "error", "fault")
        if answer[0] == "error":
            raise TransportError(*answer[1:])
        if answer[0] == "fault":
            raise RuntimeError(f"in the process that keeps the connections: {answer[1]}")
        return answer


_WINDOW_BEGAN = framed(("began", -1))
_keepers: WeakSet[Keeper] = WeakSet()


def _leave_all_to_the_parent() -> None:
    for keeper in list(_keepers):
        keeper.left_by_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_to_the_parent)
