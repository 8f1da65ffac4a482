"""Answers of many visits are read a few at a time while the processors are busy; nothing that is asked for waits."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import paramiko
import pytest
from paramiko.common import cMSG_CHANNEL_DATA, cMSG_CHANNEL_WINDOW_ADJUST
from patience import FOREVER_S, PATIENCE_S, wait_until
from sshd import Sshd
from test_transports_crowd import processors
from test_transports_read_ahead import Counted
from ways import item, run, to, visit

from FailTaleLibrary.transports import ssh_bounds
from FailTaleLibrary.transports.crowd import ReadTimes
from FailTaleLibrary.transports.reading_pace import ReadingPace
from FailTaleLibrary.transports.ssh_bounds import BoundedPacketizer

MANY = 50


def paused_s(read_times: ReadTimes, *, visits: int = MANY) -> float:
    """How long an answer waits, behind a second look at the processors."""
    pace = ReadingPace(read_times=read_times, look_s=0)
    with contextlib.ExitStack() as under_way:
        for _ in range(visits):
            under_way.enter_context(pace.counted())
        pace.pause_s()
        return pace.pause_s()


def test_answers_of_many_visits_wait_the_longer_the_more_they_are() -> None:
    few, more, many = (paused_s(processors(idle=0), visits=visits) for visits in (6, 12, MANY))
    assert 0 < few < more < many <= 0.1
    assert paused_s(processors(idle=0), visits=1000) <= 0.1


def test_nothing_waits_where_processors_have_idle_time_or_few_visits_go_on() -> None:
    assert paused_s(processors(idle=0.3)) == 0
    assert paused_s(lambda: None) == 0  # the system does not tell
    assert paused_s(processors(idle=0), visits=4) == 0


def test_a_visit_that_is_over_is_none_that_others_wait_for() -> None:
    pace = ReadingPace(read_times=processors(idle=0), look_s=0)
    for _ in range(MANY):
        with pace.counted():
            pass
    pace.pause_s()
    assert pace.pause_s() == 0


# --- Packets


class Paused(ReadingPace):
    """A pace of which a test says how long it is."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.asked = 0

    def pause_s(self) -> float:
        self.asked += 1
        return self.seconds


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Paused]:
    def set_to(seconds: float) -> Paused:
        pace = Paused(seconds)
        monkeypatch.setattr(ssh_bounds, "pace", pace)
        return pace

    return set_to


class Ends:
    """A server, and our side, which is about to read answers."""

    def __init__(self) -> None:
        self.socket, ours = socket.socketpair()
        self.counted = Counted(ours)
        self._server = BoundedPacketizer(self.socket)
        self.ours = BoundedPacketizer(self.counted)
        self.ours.logged_in()
        self.ours.read_by_pace()
        self.read: list[bytes] = []
        self.ended = False

    def send(self, kind: bytes = cMSG_CHANNEL_DATA, *, size: int = 1) -> None:
        message = paramiko.Message()
        message.add_byte(kind)
        message.add_bytes(bytes(size))
        self._server.send_message(message)

    def read_all(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self.read.append(bytes([self.ours.read_message()[0]]))
        self.ended = True

    def close(self) -> None:
        self.socket.close()
        self.ours.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    with closing(Ends()) as both:
        yield both


def reading(ends: Ends) -> threading.Thread:
    thread = threading.Thread(target=ends.read_all, daemon=True)
    thread.start()
    return thread


def test_answers_that_follow_one_another_are_read_together(ends: Ends, pause: Callable[[float], Paused]) -> None:
    pace = pause(0.5)
    ends.send()
    reading(ends)
    assert wait_until(lambda: pace.asked == 1)  # the first one was read at once
    for _ in range(10):
        ends.send()
    assert wait_until(lambda: len(ends.read) == 11)
    assert ends.counted.reads <= 3


def test_what_is_asked_for_meanwhile_is_read_as_it_comes(ends: Ends, pause: Callable[[float], Paused]) -> None:
    pace = pause(FOREVER_S)
    ends.send()
    reading(ends)
    assert wait_until(lambda: pace.asked == 1)
    asked = paramiko.Message()
    asked.add_byte(cMSG_CHANNEL_DATA)
    ends.ours.send_message(asked)
    ends.send()
    assert wait_until(lambda: len(ends.read) == 2)


def test_the_end_of_a_connection_ends_the_wait(ends: Ends, pause: Callable[[float], Paused]) -> None:
    pace = pause(FOREVER_S)
    ends.send()
    thread = reading(ends)
    assert wait_until(lambda: pace.asked == 1)
    ends.ours.close()
    thread.join(PATIENCE_S)
    assert ends.ended


@pytest.mark.parametrize("sent", [{"kind": cMSG_CHANNEL_WINDOW_ADJUST}, {"size": 9000}], ids=["no answer", "a flood"])
def test_behind_what_is_no_short_answer_nothing_waits(
    ends: Ends, pause: Callable[[float], Paused], sent: dict[str, Any]
) -> None:
    pace = pause(FOREVER_S)
    ends.send(**sent)
    reading(ends)
    assert wait_until(lambda: ends.counted.reads == 2)
    assert pace.asked == 0


def test_a_login_and_what_passes_through_a_jump_host_are_read_as_they_come(pause: Callable[[float], Paused]) -> None:
    """Only a connection that visits are held in waits."""
    pace = pause(FOREVER_S)
    with closing(Ends()) as ends:
        ends.ours = BoundedPacketizer(ends.counted)
        ends.ours.logged_in()
        ends.send()
        reading(ends)
        assert wait_until(lambda: ends.counted.reads == 2)
        assert pace.asked == 0


# --- Real servers


@pytest.mark.ssh
@pytest.mark.parametrize("options", [[], ["RekeyLimit 16K"]], ids=["usual", "new keys for each packet"])
def test_visits_at_a_pace_bring_the_same(
    new_host: Callable[..., Sshd], pause: Callable[[float], Paused], options: list[str]
) -> None:
    pace = pause(0.1)
    large = 300_000
    with closing(to(new_host(options=options))) as connections:
        for _ in range(2):
            items = [item(str(number), f"echo {number}; sleep 0.01; echo e >&2; exit {number}") for number in range(8)]
            items.append(item("large", f"yes keys | head -c {large}"))
            results = visit(connections, *items)
            said = {name: (each.stdout, each.exit_status) for name, each in results.items() if name != "large"}
            assert said == {str(number): (f"{number}\n".encode(), number) for number in range(8)}
            assert len(results["large"].stdout) == large
        assert run(connections, "echo after").stdout == b"after\n"
        assert connections.opened == 1
    assert pace.asked
