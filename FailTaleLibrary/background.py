"""Work -> a thread of its own, and what came of it in time or once for all; nothing else here starts a thread.

All of them are daemons, so that none delays the end of the interpreter, whatever it waits for.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import math
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakSet

from FailTaleLibrary.interrupts import is_stopping

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


_SETTLING_S, _LEAVING_S = 1.0, 10.0
_STOP_SEEN_S = 0.05
"""A signal that is held back is seen after so long at most."""
_BEGIN_S, _NEXT_BEGIN_S = 10.0, 1.0
"""A thread that has not begun by then has had no memory for it; so much a further one gets."""
_M_ARENA_MAX, _FEW_ARENAS = -8, 2
"""https://man7.org/linux/man-pages/man3/mallopt.3.html"""
_started: WeakSet[threading.Thread] = WeakSet()
_in_native_code: set[int] = set()
_is_ending = False


@atexit.register
def _settle_work() -> None:
    """Waits a moment for threads that are about to end, and longer for those that search a text and are about to stop.

    Before Python 3.14 a daemon thread that is in the middle of cryptography's or re2's code when the interpreter ends
    takes the whole process with it ("FATAL: exception not rethrown"), exit status and all. A thread that is stuck waits
    in Python's own code, where that does no harm, so that it is not waited for longer.
    """
    global _is_ending
    _is_ending = True
    ends, leaves = time.monotonic() + _SETTLING_S, time.monotonic() + _LEAVING_S
    for thread in threading.enumerate():
        is_paramikos = any(each.__module__.startswith("paramiko.") for each in type(thread).__mro__)
        if thread in _started or is_paramikos:
            thread.join(max(0.0, ends - time.monotonic()))
    while _in_native_code - {threading.get_ident()} and time.monotonic() < leaves:
        time.sleep(0.01)


@contextlib.contextmanager
def native_code() -> Iterator[None]:
    """Around work that calls code in which no thread may be when the interpreter ends.

    It looks at `must_leave` as it begins and every now and then, and stops.
    """
    thread = threading.get_ident()
    _in_native_code.add(thread)
    try:
        yield
    finally:
        _in_native_code.discard(thread)


def must_leave() -> bool:
    """Whether the interpreter ends, which goes on in the main thread alone."""
    return _is_ending and threading.current_thread() is not threading.main_thread()


def start(work: Callable[[], object], *, name: str) -> threading.Thread:
    """Does ``work`` in a daemon thread and returns at once; whoever wants its outcome asks by other means.

    ``name`` begins with ``failtale-``, so that a debugger's list of threads tells which are ours. Raises RuntimeError
    ("can't start new thread") where the system gives none, or no memory for its begin.
    """
    _take_little_address_space()
    thread = _Thread(work, name)
    thread.start()
    _started.add(thread)
    return thread


class _Begin(threading.Event):
    """What `Thread.start` waits for, for ever: also for a thread that had no memory to say that it has begun."""

    patience_s = _BEGIN_S

    def __init__(self) -> None:
        super().__init__()
        self.is_given_up = False

    def wait(self, timeout: float | None = None) -> bool:
        if super().wait(timeout or self.patience_s):
            return True
        self.is_given_up = True
        type(self).patience_s = _NEXT_BEGIN_S
        raise RuntimeError("can't start new thread")  # as where the system gives none


class _Thread(threading.Thread):
    """A daemon; one that is given up as dead and begins after all does nothing."""

    def __init__(self, work: Callable[[], object], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._started = self._begin = _Begin()

    def run(self) -> None:
        work = self.__dict__.pop("_work")  # what it refers to ends with it
        if not self._begin.is_given_up:
            work()


def call_within(
    seconds: float, call: Callable[[], T], *, name: str, discard: Callable[[T], object], stopped_s: float = math.inf
) -> T:
    """The result of a call that knows no time limit: a name look-up, a key agent, paramiko's `exec_command`.

    Raises TimeoutError when it takes longer, else what the call raises. A call that is late goes on in its thread,
    ``name``; should it still bring something, ``discard`` gets it. The same when the wait is interrupted (Ctrl-C), and
    when it takes longer than ``stopped_s`` once a signal is held back.
    """
    outcome = _Outcome(call, discard)
    start(outcome.run, name=name)
    return outcome.take(seconds, stopped_s)


def _limit_of_address_space() -> float:
    """Bytes; infinite where the system sets no limit, or knows none."""
    try:
        import resource  # of POSIX alone
    except ImportError:
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Puts off Python's search for cycles of objects, which lasts the longer the more objects the tests have.

    Loading a hundred modules calls for a search of all of them, in the midst of what somebody waits for.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def once(make: Callable[[], T]) -> Callable[[], T]:
    """What ``make`` returns, made when it is first asked for; whoever asks meanwhile waits, and makes no second one."""
    making = threading.Lock()
    made: list[T] = []

    @wraps(make)
    def the_one() -> T:
        if not made:
            with making:
                if not made:
                    made.append(make())
        return made[0]

    return the_one


@once
def _take_little_address_space() -> None:
    """Where it is limited (``ulimit -v``): glibc reserves 64 MB of it for a thread, up to eight times a processor."""
    if _limit_of_address_space() < math.inf:
        import ctypes  # 5 ms

        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _FEW_ARENAS)


class _Outcome(Generic[T]):
    """What a call came to, wanted until somebody has waited long enough."""

    def __init__(self, call: Callable[[], T], discard: Callable[[T], object]) -> None:
        self._call = call
        self._discard = discard
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._abandoned = False
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            result = self._call()
        except BaseException as error:  # whoever waits raises it again
            self._error = error
        else:
            with self._lock:
                self._results.append(result)
                if self._abandoned:
                    self._discard(result)
        self._done.set()

    def take(self, seconds: float, stopped_s: float) -> T:
        try:
            self._wait(seconds, stopped_s)
        except BaseException:
            self._abandon()
            raise
        if self._error is not None:
            raise self._error
        if not self._abandon():
            return self._results[0]
        raise TimeoutError

    def _wait(self, seconds: float, stopped_s: float) -> None:
        ends = time.monotonic() + seconds
        if stopped_s < math.inf:
            while not is_stopping() and (left_s := ends - time.monotonic()) > 0:
                if self._done.wait(min(_STOP_SEEN_S, left_s)):  # short: no signal can end this wait
                    return
            ends = min(ends, time.monotonic() + stopped_s)
        self._done.wait(max(0.0, ends - time.monotonic()))

    def _abandon(self) -> bool:
        """Give up waiting; False when the result has come."""
        with self._lock:
            self._abandoned = not self._results
            return self._abandoned


async def in_thread(work: Callable[[], T]) -> T:
    """What ``work`` returns or raises, for an event loop; a caller that is cancelled leaves it behind.

    In a daemon thread of its own, because anyio's workers (4.16) would keep the interpreter alive until they are done.
    """
    import asyncio  # 40 ms, and only servers have a loop

    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(outcome.set_result, work())
        except Exception as error:
            settle = partial(outcome.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
            loop.call_soon_threadsafe(_unless_left, outcome, settle)

    start(run, name="failtale-serve")
    return await outcome


def _unless_left(outcome: asyncio.Future[T], settle: Callable[[], None]) -> None:
    if not outcome.done():
        settle()
