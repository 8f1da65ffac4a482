"""Hosts that share this machine's processors are visited a few at a time; others, and who waits in vain, at once."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from patience import PATIENCE_S, wait_until
from ways import NEVER

from FailTaleLibrary import background
from FailTaleLibrary.transports import crowd as crowds
from FailTaleLibrary.transports.crowd import Crowd, read_times

HOSTS = 12


def processors(*, idle: float) -> Callable[[], tuple[int, int]]:
    """Two that are idle for such a share of the time."""
    looks = itertools.count()

    def read() -> tuple[int, int]:
        now = next(looks)
        return round(20 * idle) * now, 20 * now

    return read


class Hosts:
    """Turns in a crowd that go on until they are told to end."""

    def __init__(self, crowd: Crowd, cancel: threading.Event = NEVER) -> None:
        self._crowd = crowd
        self._cancel = cancel
        self._ends_at = time.monotonic() + 10 * PATIENCE_S
        self._may_end = threading.Semaphore(0)
        self._lock = threading.Lock()
        self.inside = self.most = self.done = 0
        self._threads = [threading.Thread(target=self._turn) for _ in range(HOSTS)]
        for thread in self._threads:
            thread.start()

    def _turn(self) -> None:
        with self._crowd.joined(ends_at=self._ends_at, cancel=self._cancel):
            with self._lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            self._may_end.acquire()
            with self._lock:
                self.inside -= 1
                self.done += 1

    def end(self, number: int = 1) -> None:
        for _ in range(number):
            self._may_end.release()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_S)


@contextmanager
def asked(crowd: Crowd, cancel: threading.Event = NEVER) -> Iterator[Hosts]:
    hosts = Hosts(crowd, cancel)
    try:
        yield hosts
    finally:
        hosts.end(HOSTS)
        hosts.join()


def test_hosts_that_keep_the_processors_busy_are_asked_a_few_at_a_time() -> None:
    with asked(Crowd(at_ease=3, read_times=processors(idle=0.05), stuck_s=PATIENCE_S)) as hosts:
        for number in range(HOSTS):
            assert wait_until(lambda number=number: hosts.done == number and hosts.inside == min(3, HOSTS - number))
            hosts.end()
        hosts.join()
    assert hosts.most == 3


def test_hosts_that_leave_this_machine_idle_are_all_asked_at_once() -> None:
    with asked(Crowd(at_ease=3, read_times=processors(idle=0.5), stuck_s=PATIENCE_S)) as hosts:
        assert wait_until(lambda: hosts.inside == HOSTS)


def test_hosts_that_take_long_keep_no_other_from_being_asked_on_a_busy_machine() -> None:
    with asked(Crowd(at_ease=3, read_times=processors(idle=0.0), stuck_s=0.01)) as hosts:
        assert wait_until(lambda: hosts.inside == HOSTS)


def test_where_a_system_tells_nothing_of_its_processors_all_are_asked_at_once() -> None:
    with asked(Crowd(at_ease=3, read_times=lambda: None, stuck_s=PATIENCE_S)) as hosts:
        assert wait_until(lambda: hosts.inside == HOSTS)


def test_a_visit_that_is_cancelled_waits_no_longer() -> None:
    cancel = threading.Event()
    with asked(Crowd(at_ease=3, read_times=processors(idle=0.0), stuck_s=PATIENCE_S), cancel) as hosts:
        assert wait_until(lambda: hosts.inside == 3)
        cancel.set()
        assert wait_until(lambda: hosts.inside == HOSTS)


def test_where_no_thread_can_be_started_nobody_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> threading.Thread:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(crowds.background, "start", refuse)
    with asked(Crowd(at_ease=3, read_times=processors(idle=0.0), stuck_s=PATIENCE_S)) as hosts:
        assert wait_until(lambda: hosts.inside == HOSTS)
    assert crowds.background is background


def test_this_system_tells_of_its_processors() -> None:
    before, now = read_times(), read_times()
    assert before is not None
    assert now is not None
    assert now[1] >= before[1] > before[0] > 0
