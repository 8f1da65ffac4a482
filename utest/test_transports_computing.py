"""What hosts answer is worked off by one thread at a time, and whoever takes long over it keeps nobody waiting."""

from __future__ import annotations

import threading
import time

import pytest
from patience import FOREVER_S, PATIENCE_S
from ways import NEVER, batched

from FailTaleLibrary.transports import CommandResult
from FailTaleLibrary.transports import visit as visits
from FailTaleLibrary.transports.computing import Turn
from FailTaleLibrary.transports.local import LocalTransport


class Patient(Turn):
    """A turn for which threads wait as long as a busy machine takes."""

    def __init__(self) -> None:
        super().__init__(patience_s=PATIENCE_S, most_s=PATIENCE_S)

    @property
    def is_free(self) -> bool:
        if is_free := self._lock.acquire(blocking=False):
            self._lock.release()
        return is_free


def test_answers_of_several_hosts_are_worked_off_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "turn", Patient())
    at_work: list[str] = []
    company: list[list[str]] = []

    def work(name: str, _: CommandResult) -> None:
        at_work.append(name)
        time.sleep(0.02)  # in which any other thread might begin
        company.append(list(at_work))
        at_work.remove(name)

    def ask(host: int) -> None:
        items = [batched(f"{host}-{number}", f"echo {number}") for number in range(4)]
        LocalTransport().visit(items, ends_at=time.monotonic() + FOREVER_S, cancel=NEVER, on_result=work)

    threads = [threading.Thread(target=ask, args=(host,)) for host in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(company) == 16
    assert max(map(len, company)) == 1


def test_a_thread_that_has_the_turn_may_take_it_again() -> None:
    turn = Patient()
    with turn.taken(), turn.taken():
        pass
    assert turn.is_free


class Holder:
    """A thread that has the turn until it is told to leave it; it may take it again and again meanwhile."""

    def __init__(self, turn: Turn, *, again: bool) -> None:
        self._turn, self._again = turn, again
        self._has, self._leaves = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._has.wait(PATIENCE_S)

    def __exit__(self, *_: object) -> None:
        self._leaves.set()
        self._thread.join()

    def _hold(self) -> None:
        with self._turn.taken():
            self._has.set()
            while self._again and not self._leaves.is_set():
                with self._turn.taken():
                    time.sleep(0.001)
            self._leaves.wait(PATIENCE_S)


def test_whoever_has_the_turn_for_long_holds_up_one_thread_once() -> None:
    turn = Turn(patience_s=0.01, most_s=PATIENCE_S)
    with Holder(turn, again=False):
        first = turn.take()
        first.release()
        second = turn.take()
        second.release()
        assert second is first
    assert turn.take() is first


def test_nobody_waits_for_the_turn_without_end() -> None:
    """Also where those that come first have it for a moment each."""
    turn = Turn(patience_s=0.01, most_s=0.05)
    with Holder(turn, again=True):
        turn.take().release()
