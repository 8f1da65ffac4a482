"""Marks: at most one under way per host, at a pace, none where none may be taken; and which one a window gets."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S, wait_until

from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.transports import Connections, Script
from FailTaleLibrary.transports.base import read_epoch
from FailTaleLibrary.transports.local import LocalTransport
from FailTaleLibrary.windows import ClockReading, Marks, TakenMark, mark_script, take_mark
from FailTaleLibrary.windows import marks as windows_marks
from FailTaleLibrary.windows.main_thread import LostTime, crowding, turns
from FailTaleLibrary.windows.mark_pace import Openings, Pace
from FailTaleLibrary.windows.place_marks import PENDING, TOO_SOON, UNDER_WAY, UNREACHED

ROOT = Path(__file__).parent.parent


def now() -> datetime:
    return datetime.now(timezone.utc)


def until(condition: Callable[[], bool]) -> None:
    assert wait_until(condition), "it did not become true"


def a_config(*collectors: dict[str, Any], hosts: dict[str, Any] | None = None, **sections: Any) -> Config:
    return Config.model_validate(
        {
            "components": {"app": {"collectors": list(collectors)}},
            "hosts": hosts or {"here": {"component": ["app"], "transport": "local"}},
            **sections,
        }
    )


def a_snapshot(command: str) -> dict[str, Any]:
    """A collector that runs with every mark."""
    return {"name": "state", "command": command, "baseline": True}


AT_ONCE = Pace(least_s=0.0, share=float("inf"))


@contextmanager
def marks_of(
    config: Config,
    connections: Connections | None = None,
    *,
    pace: Pace | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Marks]:
    marks = Marks(config, connections or Connections(config), pace=pace, clock=clock)
    try:
        yield marks
    finally:
        marks.close()


def newest(marks: Marks, host: str = "here") -> TakenMark | None:
    return marks.around(host, now())[0]


def noted(marks: Marks) -> TakenMark:
    """Notes, and waits for the mark that comes of it."""
    before = newest(marks)
    marks.window_began()
    until(lambda: newest(marks) is not before)
    taken = newest(marks)
    assert taken is not None
    return taken


def test_the_pace_of_marks_is_set_by_time_and_not_by_the_number_of_tests(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    moment = 1000.0
    collector = a_snapshot(f"echo once >> {asked}")
    with marks_of(a_config(collector), pace=Pace(share=float("inf")), clock=lambda: moment) as marks:
        noted(marks)
        for _ in range(2000):
            marks.window_began()
        moment += 0.9
        marks.window_began()
        assert not mark_threads()
        assert asked.read_text() == "once\n"
        assert marks.missed("here", now()) == TOO_SOON
        moment += 0.2
        noted(marks)
        assert asked.read_text() == "once\nonce\n"


def test_the_next_mark_is_as_far_away_as_the_last_one_was_dear() -> None:
    pace = Pace(least_s=1.0, share=0.02)
    assert pace.pause_s(0.001, hosts=1, crowding=1.0) == 1.0
    assert pace.pause_s(0.012, hosts=10, crowding=1.0) == pytest.approx(6.0)
    assert pace.pause_s(0.012, hosts=100, crowding=1.0) == pytest.approx(60.0)
    assert pace.pause_s(0.001, hosts=1, crowding=9.0) == 1.0
    assert pace.pause_s(0.004, hosts=10, crowding=3.0) == pytest.approx(6.0)
    assert pace.pause_s(0.004, hosts=10, crowding=9.0) == pytest.approx(10.0)


def test_a_machine_is_crowded_where_others_compute_while_a_run_would(tmp_path: Path) -> None:
    told = tmp_path / "schedstat"
    told.write_text("2000000000 6000000000 40\n")
    assert crowding(told) == 4.0
    told.write_text("0 0 0\n")
    assert crowding(told) == 1.0
    assert crowding(tmp_path / "none") == 1.0
    assert crowding() >= 1.0


class ARun:
    """One that computes until it waits; how often somebody looked is counted."""

    LOOK_S = 0.005

    def __init__(self) -> None:
        self.waits = threading.Event()
        self.looks = 0

    def is_busy(self, cancel: threading.Event) -> bool:
        cancel.wait(self.LOOK_S)
        self.looks += 1
        return not self.waits.is_set()


def test_hosts_are_asked_first_one_after_another_where_the_run_computes_and_at_once_where_it_waits() -> None:
    hosts = {f"app{number}": {"component": ["app"], "transport": "local"} for number in range(5)}
    config = a_config(hosts=hosts)
    run = ARun()
    with marks_with(config, Openings(3600.0, run.is_busy, look_again_s=0.0)) as marks:
        marks.window_began()
        until(lambda: len(marked(marks, hosts)) == 1)
        looks = run.looks
        until(lambda: run.looks > looks + 20)
        (first,) = marked(marks, hosts)
        waiting = next(host for host in hosts if host != first)
        assert marks.missed(waiting, now()) == PENDING
        run.waits.set()
        until(lambda: len(marked(marks, hosts)) == len(hosts))


def test_a_run_that_ends_does_not_wait_for_hosts_that_were_never_asked() -> None:
    hosts = {f"app{number}": {"component": ["app"], "transport": "local"} for number in range(5)}
    with marks_with(a_config(hosts=hosts), Openings(3600.0, ARun().is_busy, look_again_s=0.0)) as marks:
        marks.window_began()
        until(lambda: len(marked(marks, hosts)) == 1)
        marks.close()
        until(lambda: not mark_threads())
        assert len(marked(marks, hosts)) == 1


@contextmanager
def marks_with(config: Config, openings: Openings) -> Iterator[Marks]:
    marks = Marks(config, Connections(config), openings=openings)
    try:
        yield marks
    finally:
        marks.close()


def marked(marks: Marks, hosts: dict[str, Any]) -> list[str]:
    return [host for host in hosts if newest(marks, host) is not None]


LOOKED_AT = """
import threading, time
from FailTaleLibrary.windows.main_thread import is_computing
told, waited = [], []
def waits():
    with open(f"/proc/self/task/{threading.main_thread().native_id}/status") as status:
        return int(status.read().rpartition("\\nvoluntary_ctxt_switches:")[2].split()[0])
def look():
    time.sleep(0.3)
    while len(told) < 3 or len(set(told[-3:])) > 1 or told[-1] != COMPUTES:
        before = waits()
        for _ in range(3):
            told.append(is_computing(threading.Event()))
        waited.append(waits() - before)
thread = threading.Thread(target=look)
thread.start()
while thread.is_alive():
    WORK
print(min(waited))
"""
ON_LINUX = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this kernel does not tell what a process does"
)


def looked_at(work: str, *, computes: bool) -> int:
    """How often a main thread that does such work waited while it was looked at three times, and told as it is."""
    script = LOOKED_AT.replace("WORK", work).replace("COMPUTES", str(computes))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return int(done.stdout)


@ON_LINUX
@pytest.mark.parametrize(("work", "computes"), [("sum(range(1000))", True), ("time.sleep(0.5)", False)])
def test_a_run_that_computes_is_told_from_one_that_waits(work: str, computes: bool) -> None:
    looked_at(work, computes=computes)


@ON_LINUX
def test_to_look_whether_a_run_computes_takes_pythons_lock_from_it_twice_at_most() -> None:
    """It was two dozen times: each file that another thread reads is some of them, and finds the caches cold behind it.

    The test itself reads a file, at which end and begin of looking are one or two more.
    """
    assert looked_at("sum(range(1000))", computes=True) <= 3 * 2 + 10


@ON_LINUX
def test_how_often_a_main_thread_waits_is_counted() -> None:
    before = turns()
    for _ in range(20):
        time.sleep(0.001)
    assert 20 <= turns() - before < 200


@ON_LINUX
def test_what_a_main_thread_loses_to_others_counts_where_it_computes() -> None:
    def lost_s(goes_on: Callable[[threading.Thread], object]) -> float:
        lost: list[float] = []

        def take_turns() -> None:
            since = LostTime()
            for _ in range(50):
                time.sleep(0.001)
            lost.append(since.until_now())

        thread = threading.Thread(target=take_turns)
        thread.start()
        while thread.is_alive():
            goes_on(thread)
        return lost[0]

    computing_s = max(lost_s(lambda _: sum(range(1000))) for _ in range(3))
    waiting_s = min(lost_s(lambda thread: thread.join()) for _ in range(3))
    assert computing_s > 5 * waiting_s


def test_where_nobody_tells_how_often_it_waits_nothing_is_counted(tmp_path: Path) -> None:
    assert turns(tmp_path / "none") == 0


def test_a_mark_that_was_dear_is_not_repeated_soon() -> None:
    moment = 1000.0
    with marks_of(a_config(), pace=Pace(share=1e-9), clock=lambda: moment) as marks:
        first = noted(marks)
        moment += 10
        marks.window_began()
        assert not mark_threads()
        assert newest(marks) is first


def test_a_host_whose_marks_are_cut_off_at_their_limit_is_asked_ever_more_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program there may wait for a file system that hangs, and cannot be ended: each mark would leave another one."""
    monkeypatch.setattr(windows_marks, "MARK_TIMEOUT_S", 1.0)
    asked, hangs = tmp_path / "asked", tmp_path / "hangs"
    hangs.touch()
    moment = 1000.0
    collector = a_snapshot(f"echo once >> {asked}; if [ -e {hangs} ]; then sleep 600; fi")

    def times_asked_after(seconds: float) -> int:
        nonlocal moment
        moment += seconds
        marks.window_began()
        until(lambda: not mark_threads())
        return len(asked.read_text().split())

    with marks_of(a_config(collector), pace=Pace(share=float("inf")), clock=lambda: moment) as marks:
        assert [times_asked_after(each) for each in (0, 9, 2, 18, 3)] == [1, 1, 2, 2, 3]
        hangs.unlink()
        monkeypatch.setattr(windows_marks, "MARK_TIMEOUT_S", PATIENCE_S)
        assert [times_asked_after(each) for each in (41, 2, 2)] == [4, 5, 6]


def test_at_most_one_mark_per_host_is_under_way(tmp_path: Path) -> None:
    began, may_end = tmp_path / "began", tmp_path / "may-end"
    slow = a_snapshot(f"echo once >> {began}; until [ -e {may_end} ]; do sleep 0.02; done")
    with marks_of(a_config(slow), pace=AT_ONCE) as marks:
        marks.window_began()
        until(began.exists)
        assert marks.missed("here", now()) == PENDING
        for _ in range(5):
            marks.window_began()
        assert marks.missed("here", now()) == UNDER_WAY
        may_end.touch()
        until(lambda: newest(marks) is not None)
        assert began.read_text() == "once\n"
        noted(marks)
        assert began.read_text() == "once\nonce\n"


def test_no_more_hosts_are_marked_at_once_than_are_collected_from(tmp_path: Path) -> None:
    """A hundred logins at once of one process would all take longer than they may."""
    began, may_end = tmp_path / "began", tmp_path / "may-end"
    slow = a_snapshot(f"echo once >> {began}; until [ -e {may_end} ]; do sleep 0.02; done")
    names = ("here", "there", "yonder")
    hosts = {name: {"component": ["app"], "transport": "local"} for name in names}
    with marks_of(a_config(slow, hosts=hosts, limits={"parallel_hosts": 1})) as marks:
        marks.window_began()
        until(began.exists)
        assert [marks.missed(name, now()) for name in names] == [PENDING] * 3
        assert began.read_text() == "once\n"
        may_end.touch()
        until(lambda: all(newest(marks, name) for name in names))
        assert began.read_text() == "once\n" * 3


def test_noting_does_not_wait_for_a_slow_host(tmp_path: Path) -> None:
    may_end = tmp_path / "may-end"
    with marks_of(a_config(a_snapshot(f"until [ -e {may_end} ]; do sleep 0.02; done"))) as marks:
        marks.window_began()
        assert newest(marks) is None
        may_end.touch()
        until(lambda: newest(marks) is not None)


def test_closing_ends_a_mark_that_is_under_way(tmp_path: Path) -> None:
    began = tmp_path / "began"
    marks = Marks(config := a_config(a_snapshot(f"touch {began}; sleep 600")), Connections(config))
    marks.window_began()
    until(began.exists)
    marks.close()
    until(lambda: not mark_threads())


def mark_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("failtale-mark-")]


def test_a_moment_lies_between_the_marks_around_it() -> None:
    with marks_of(a_config(), pace=AT_ONCE) as marks:
        before_all = now()
        first = noted(marks)
        between = now()
        second = noted(marks)
        assert marks.around("here", before_all) == (None, first)
        assert marks.around("here", between) == (first, second)
        assert marks.around("here", now()) == (second, None)


def test_a_mark_that_was_under_way_at_a_moment_is_a_later_one() -> None:
    with marks_of(a_config()) as marks:
        taken = noted(marks)
        assert taken.sent_at < taken.received_at
        assert marks.around("here", taken.sent_at) == (None, taken)
        assert marks.around("here", taken.received_at) == (taken, None)


def test_a_mark_that_was_under_way_at_a_moment_proves_nothing_of_it() -> None:
    with marks_of(a_config()) as marks:
        under_way = noted(marks)
        moment = under_way.sent_at + (under_way.received_at - under_way.sent_at) / 2
        assert marks.around("here", moment) == (None, None)  # what it saw may be older, or not


def test_a_host_that_nobody_knows_has_no_marks() -> None:
    with marks_of(a_config()) as marks:
        assert marks.around("elsewhere", now()) == (None, None)


def test_of_many_marks_the_first_the_newest_and_some_between_are_kept() -> None:
    with marks_of(a_config(), pace=AT_ONCE) as marks:
        all_taken = [noted(marks) for _ in range(60)]
        kept = {id(marks.around("here", each.received_at)[0]) for each in all_taken}
        assert 20 < len(kept) < 55
        assert {id(each) for each in (all_taken[0], *all_taken[-16:])} <= kept
        for each in all_taken:  # what is left still stands at or before the moment
            earlier = marks.around("here", each.received_at)[0]
            assert earlier is not None
            assert earlier.received_at <= each.received_at


def test_without_marks_no_host_is_touched(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    collector = a_snapshot(f"touch {touched}")
    with marks_of(a_config(collector, marks="off")) as marks:
        marks.window_began()
        assert not mark_threads()
        assert newest(marks) is None
    assert not touched.exists()
    with marks_of(a_config(collector)) as marks:
        noted(marks)
    assert touched.exists()


@dataclass
class HangUp:
    """A port that hangs up on whoever connects, and counts them."""

    port: int
    called: int = 0


@pytest.fixture
def hang_up() -> Iterator[HangUp]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stub = HangUp(server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                stub.called += 1
                caller.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield stub
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_host_with_an_open_breaker_is_not_asked(hang_up: HangUp, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").touch()
    ssh = {"port": hang_up.port, "user": "nobody", "known_hosts": str(tmp_path / "known_hosts")}
    config = a_config(hosts={"dead": {"component": ["app"], "address": "127.0.0.1", "ssh": ssh}})
    connections = Connections(config)
    with marks_of(config, connections, pace=AT_ONCE) as marks:
        marks.window_began()
        until(lambda: not connections.is_open("dead") and not mark_threads())
        called = hang_up.called
        assert called > 0
        assert marks.missed("dead", now()).startswith("the host gave none (")
        marks.window_began()
        assert marks.missed("dead", now()) == UNREACHED
        assert not mark_threads()
        assert newest(marks, "dead") is None
    connections.close()
    assert hang_up.called == called


def test_a_mark_knows_this_machines_clock_by_a_round_trip() -> None:
    taken = take_mark(LocalTransport(), mark_script([]), cancel=threading.Event())
    assert taken.clock.least_s <= 0 <= taken.clock.most_s
    assert taken.clock.offset_s == 0
    assert taken.clock.uncertainty_s == pytest.approx((taken.received_at - taken.sent_at).total_seconds() / 2, abs=1e-6)


class PiecesOfMarks(LocalTransport):
    """This machine, and in how many pieces it told its snapshots."""

    pieces = 0

    def start(self, command_line: str, *, wait_s: float) -> Any:
        shell = super().start(command_line, wait_s=wait_s)
        read = shell.read

        def counted() -> tuple[bytes, bytes]:
            stdout, stderr = read()
            self.pieces += b" baseline " in stdout
            return stdout, stderr

        shell.read = counted  # type: ignore[method-assign]
        return shell


def test_a_mark_comes_in_one_piece_however_much_it_tells() -> None:
    states = [Collector(name=f"state{number}", command="sleep 0.02; uptime", baseline=True) for number in range(8)]
    way = PiecesOfMarks()
    taken = take_mark(way, mark_script(states), cancel=threading.Event())
    assert len(taken.mark.baselines) == 8
    assert way.pieces == 1  # each costs the thread of a connection as much as a small answer


def test_a_clock_that_tells_whole_seconds_is_half_a_second_more_uncertain() -> None:
    whole = r"printf '\036%s clock %s\n' $failtale_nonce $(date +%s)"
    taken = take_mark(LocalTransport(), Script(whole), cancel=threading.Event())
    assert taken.mark.whole_seconds
    assert 0.5 <= taken.clock.uncertainty_s < 1
    assert taken.clock.offset_s == 0


def test_an_offset_beyond_its_uncertainty_is_known() -> None:
    ahead = r"printf '\036%s clock %s.000\n' $failtale_nonce $(( $(date +%s) + 90 ))"
    assert take_mark(LocalTransport(), Script(ahead), cancel=threading.Event()).clock.offset_s == pytest.approx(
        90, abs=2
    )


def test_readings_narrow_each_other_and_one_that_contradicts_is_passed_over() -> None:
    now_read = ClockReading(89.9, 90.2)
    narrowed = now_read.narrowed([ClockReading(89.95, 90.5), ClockReading(89.0, 90.05), ClockReading(0.0, 0.1)])
    assert narrowed == ClockReading(89.95, 90.05)
    assert (narrowed.offset_s, narrowed.uncertainty_s) == (pytest.approx(90), pytest.approx(0.05))


def test_a_host_that_tells_no_clock_gives_no_mark() -> None:
    with pytest.raises(ValueError, match="told no mark"):
        take_mark(LocalTransport(), Script("echo Welcome to this appliance"), cancel=threading.Event())


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("1795736440.610257", (1795736440.610257, False)),
        ("1795736440.N", (1795736440.0, True)),
        ("1795736440.%N", (1795736440.0, True)),
        ("1795736440", (1795736440.0, True)),
        ("1e308", (None, False)),
        ("23:41:12", (None, False)),
        ("26.11.2026", (None, False)),
        ("١٧٩٥٧٣٦٤٤٠", (None, False)),
        ("9" * 400, (None, False)),
        ("253402300900", (None, False)),
        ("-5", (None, False)),
    ],
)
def test_what_is_no_number_of_seconds_as_a_whole_is_no_clock(told: str, read: tuple[float | None, bool]) -> None:
    assert read_epoch(told) == read
