"""What was true on each host when a window began: clock, log positions, journal cursor, baselines.

`mark_script` is the one cheap command that asks for it, `parse_mark` reads what a host said, `take_mark` does both over
a transport, and `Marks` keeps a run's marks. `Marks.window_began` returns at once; a daemon thread per host asks. Where
another process has a host's connection, it is done there, and `Marks.learn` here what `Marks.told` there. At most one
mark is under way per host, and `Pace` says how soon the next is due, whatever number of tests begins: a test that
begins meanwhile uses the last earlier mark, from which the time filter leads to its own start.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial

from FailTaleLibrary import background
from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.errors import FailTaleError, TransportError
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.text import decode
from FailTaleLibrary.transports import (
    CommandResult,
    Connections,
    Question,
    Script,
    Transport,
    VisitItem,
    VisitStart,
)
from FailTaleLibrary.transports.base import Fleet, HostVisit, MarkTaker, read_epoch
from FailTaleLibrary.windows.clock import ClockReading
from FailTaleLibrary.windows.collector_text import (
    baseline_line,
    collector_digest,
    marking_functions,
    position_lines,
)
from FailTaleLibrary.windows.frames import split_frames
from FailTaleLibrary.windows.main_thread import MainThread, is_computing
from FailTaleLibrary.windows.model import MOST_FILES, FileMark, HostMark, TakenMark

_log = logger_of(__name__)

MARK_TIMEOUT_S = 5.0
_WITH_TRANSPORT = 2.0
"""What a mark takes in all for each second of its own thread: the connection's thread decrypts and sorts; measured."""
MARK_BYTES = 1024 * 1024
"""Of a mark's answer; baselines make the most of it."""
MARKS_OFF = "marks are off in the configuration"
NOT_ASKED = "nobody said that a test began"
OTHER_VALUES = "a variable of the tests had another value, or none, when the test began"
TOO_SOON = "the host had been asked shortly before"
UNDER_WAY = "one from shortly before was still under way"
KEEPER_LOST = "the process that takes marks has not told of any"
UNREACHED = "the host could not be reached shortly before"
PENDING = "it was asked for and had not come yet"
_ENGINE_PAUSE = 20.0
"""How many times as long as a mark in a container took there is none of it afterwards."""
_DEAR_TIMEOUT_S = 20.0
_DEAR_PAUSE_S = 30.0
"""Between two snapshots of a cluster, at least: three kubectl take a third of a second of processor time."""
TOO_MANY = "marks of so many minions would keep their master busy"
MOST_MARKED_TOGETHER = 256
"""Minions of a configuration. Each mark is a process on each of them, and a return that their master takes in; of more,
the times in their logs tell what belongs to a window (docs/decisions/0017)."""
_FLEET_PAUSE = 20.0
"""So many times as long as the marks of a fleet took it is left alone: 5 % of its master's time at most."""
_FAILED_PAUSE_S = 10.0
"""A host that gave no mark is asked for none so long."""
_TOGETHER_S = 20.0
"""For a mark of all hosts of a fleet, with the greeting of those that are silent."""
_WHILE_OTHERS_S = 60.0
"""No mark of a host is due while others of its fleet are still waited for."""
_KEPT = 48
_RECENT = 16
_KEPT_BY_CALLERS = 64
Place = tuple[str, tuple[str, ...]]
"""A host, and the prefix that leads into a container on it; an empty one for the machine itself."""
MARKS_ID = "@marks"
"""Of the question that asks a gate where a host stands; no collector can have this name."""


def take_mark(
    transport: Transport, script: Script, *, cancel: threading.Event, timeout_s: float = MARK_TIMEOUT_S
) -> TakenMark:
    """One mark, now. Raises TransportError or ValueError when the host gives none."""
    sent_at = datetime.now(timezone.utc)
    result = transport.run(script, timeout_s=timeout_s, max_bytes=MARK_BYTES, cancel=cancel)
    received_at = datetime.now(timezone.utc)
    return TakenMark(mark=parse_mark(result.stdout, nonce=result.nonce), sent_at=sent_at, received_at=received_at)


def clock_mark(start: VisitStart) -> TakenMark:
    """What a host sent as its visit began: its clock and zone. Raises ValueError when it told none."""
    epoch, whole_seconds = read_epoch(start.clock)
    mark = HostMark(epoch, utc_offset_s=_utc_offset(start.zone), whole_seconds=whole_seconds)
    return TakenMark(mark, sent_at=start.sent_at, received_at=start.received_at)


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon after a mark of a host the next one is due: not at once, and so that all marks stay cheap.

    A run of thousands of short tests would ask all hosts all the time; longer tests get a mark of their own start.
    """

    least_s: float = 1.0
    """Between the beginnings of two marks of one host, at least."""
    share: float = 0.01
    """Of the processor's time that this process could have, marks of all hosts together may take so much of it."""

    def pause_s(self, mark_cpu_s: float, *, hosts: int, crowding: float) -> float:
        """From the beginning of a mark of one of so many hosts, which took so much CPU, to the next of that host.

        However crowded the machine is, some host has its turn once in `least_s`.
        """
        quiet_s = max(self.least_s, mark_cpu_s * hosts / self.share)
        return max(quiet_s, min(quiet_s * crowding, self.least_s * hosts))


_OPENING_CPU_S = 0.03
"""Of a login and the first mark after it, beside a main thread that computes: 20 ms, and what that one loses."""
_LOOK_AGAIN_S = 0.4
"""After a moment in which the run computed."""
_QUIET_S = 0.5
"""So long after a moment in which the run only waited hosts are asked without looking again."""


class Openings:
    """First marks of hosts, each with a login -> one after another where the run keeps its processor busy.

    Else ten of them at once would take ten times the share that marks may have, from tests that compute; a run that
    waits for its product does not notice them.
    """

    def __init__(
        self,
        pause_s: float,
        is_busy: Callable[[threading.Event], bool] = is_computing,
        *,
        look_again_s: float = _LOOK_AGAIN_S,
    ) -> None:
        """``look_again_s`` after a moment in which the run was busy."""
        self._pause_s = pause_s
        self._is_busy = is_busy
        self._look_again_s = look_again_s
        self._turn = threading.Lock()
        self._next_at = self._quiet_until = float("-inf")

    def wait(self, cancel: threading.Event) -> None:
        """Until another host may be asked for its first mark; the first one is never kept waiting."""
        with self._turn:
            while (now := time.monotonic()) < self._next_at and now > self._quiet_until and not cancel.is_set():
                if not self._is_busy(cancel):
                    self._quiet_until = time.monotonic() + _QUIET_S
                else:
                    cancel.wait(min(self._look_again_s, max(0.0, self._next_at - time.monotonic())))
            self._next_at = time.monotonic() + self._pause_s


class Marks:
    """The marks of a run, per host. Safe to use from any thread."""

    def __init__(
        self,
        config: Config,
        connections: Connections,
        *,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        beside: Marks | None = None,
        openings: Openings | None = None,
        tests: MainThread | None = None,
    ) -> None:
        """``clock`` is what the pace goes by; ``openings`` are when hosts may be asked that never were.

        ``tests`` is the thread that runs the tests, in which marks are to be noticed as little as can be.

        ``beside``: of the same configuration with other values of variables; marks of hosts that are no others, and
        are asked the same, are shared.
        """
        self._connections = connections
        self._clock = clock
        self._pace = pace or Pace()
        self._tests = tests or MainThread()
        places = () if config.marks == "off" else tuple(_places_with_marks(config))
        minions = [host for host in config.hosts if config.hosts[host].transport == "salt"]
        too_many = config.marks != "off" and len(minions) > MOST_MARKED_TOGETHER
        self._unmarked = dict.fromkeys(minions, TOO_MANY) if too_many else {}
        places = tuple(each for each in places if each[0][0] not in self._unmarked)
        self._asked = {place: (config.hosts[place[0]], collectors) for place, collectors in places}
        asking = _Asking()
        self._hosts = {
            place: (beside and beside._marks_of(place, self._asked[place]))
            or _HostMarks(asking.scripts(collectors), OTHER_VALUES if beside else NOT_ASKED)
            for place, collectors in places
        }
        self._keeper: MarkTaker | None = None
        """Whoever takes the marks of hosts whose connection it has."""
        for place, marks in self._hosts.items():
            if (keeper := connections.way(*place).keeper) is not None:
                self._keeper = keeper
                marks.is_kept = marks.is_kept or beside is None  # with other values it would ask something else
        self._nothing_due_until = float("-inf")
        """Before, no mark of any host is due or under way, so that nobody looks: many tests begin within a second."""
        self._passed_over: deque[float] = deque(maxlen=_KEPT)
        """When windows began meanwhile, in seconds of our clock."""
        self._cancel: threading.Event = beside._cancel if beside else threading.Event()
        # A hundred logins at once are too much for one process: each would take longer than it may.
        self._turns: threading.Semaphore = (
            beside._turns if beside else threading.Semaphore(config.limits.parallel_hosts)
        )
        if openings is None:
            openings = Openings(self._pace.pause_s(_OPENING_CPU_S, hosts=1, crowding=1.0), self._tests.is_computing)
        self._openings: Openings = beside._openings if beside else openings

    def _marks_of(self, place: Place, asked: object) -> _HostMarks | None:
        """Marks of a host, where the same is asked of the same host: then one's marks tell the same as the other's."""
        return self._hosts[place] if self._asked.get(place) == asked else None

    def window_began(self) -> None:
        """A window begins now: ask each host for a mark in the background, where one is due."""
        now = self._clock()
        if now < self._nothing_due_until:
            self._passed_over.append(time.time())
            return
        is_kept = self._keeper is not None and self._keeper.window_began()
        ours = [each for each in self._hosts.items() if not (is_kept and each[1].is_kept)]
        self._mark_what_is_due(ours, now, datetime.now(timezone.utc))
        # Looked at again soon: what others release meanwhile, or a fleet that is done, may be due earlier.
        self._nothing_due_until = min([now + self._pace.least_s, *(marks.due_at for _, marks in ours)])

    def window_went_by(self, at_s: float) -> None:
        """A window began then, in seconds of our clock, and nobody told of it: shortly after one that was told of."""
        self._passed_over.append(at_s)

    def take_due(self) -> None:
        """As `window_began`, for a caller that has a pace of its own: each host is looked at."""
        self._mark_what_is_due(self._hosts.items(), self._clock(), datetime.now(timezone.utc))

    def _mark_what_is_due(self, hosts: Iterable[tuple[Place, _HostMarks]], now: float, at: datetime) -> None:
        together: dict[Fleet, list[_Claimed]] = {}
        for place, marks in hosts:
            is_due = marks.is_due(now)
            if (is_due or marks.has_failed) and not self._connections.is_open(*place):
                marks.note(at, UNREACHED)
            elif not is_due:
                marks.pass_over(at)
            elif marks.claim(now):
                marks.note(at, "")
                way = self._connections.way(*place)  # by now: a variable may lead to another host a moment later
                if way.fleet is not None:
                    together.setdefault(way.fleet, []).append(_Claimed(place, way, marks))
                    continue
                background.start(partial(self._take_marks, place, way, marks), name=f"failtale-mark-{place[0]}")
        for fleet, claimed in together.items():
            background.start(partial(self._take_together, fleet, claimed), name="failtale-mark-fleet")

    def take_now(self, *, within_s: float) -> dict[str, str]:
        """Takes a mark of every host, due or not, and waits for it: host -> why there is none, empty when there is one.

        What is written from then on stands behind the marks, which are kept for windows that begin there.
        """
        told = dict.fromkeys(self._hosts, f"it did not come within {within_s:g} s")
        self._nothing_due_until = float("-inf")
        fleets: dict[Fleet | None, list[Place]] = {}
        for place in self._hosts:
            fleets.setdefault(self._connections.way(*place).fleet, []).append(place)
        threads = [
            background.start(
                partial(self._take_when_free, place, self._hosts[place], told, within_s),
                name=f"failtale-mark-{place[0]}",
            )
            for place in fleets.pop(None, ())
        ]
        threads += [
            background.start(
                partial(self._take_fleet_when_free, fleet, own, told, within_s), name="failtale-mark-fleet"
            )
            for fleet, own in fleets.items()
            if fleet is not None
        ]
        ends = time.monotonic() + within_s
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))
        by_host: dict[str, str] = {}
        for (host, _), why in told.items():
            by_host[host] = by_host.get(host) or why
        return by_host

    def around(
        self, host: str, moment: datetime, inside: tuple[str, ...] = ()
    ) -> tuple[TakenMark | None, TakenMark | None]:
        """The newest mark that was complete at a moment, and the first that began after it; None where there is none.

        One that was under way saw some logs before the moment and some after it: it proves nothing of that moment.
        """
        marks = self._hosts.get((host, inside))
        return marks.around(moment) if marks else (None, None)

    def missed(self, host: str, moment: datetime, inside: tuple[str, ...] = ()) -> str:
        """Why no mark of a host was taken at a moment, in a clause; empty when one was, however late it came."""
        marks = self._hosts.get((host, inside))
        passed_over = [datetime.fromtimestamp(at, timezone.utc) for at in list(self._passed_over)]
        return marks.missed(moment, passed_over) if marks else self._unmarked.get(host, MARKS_OFF)

    def clocks(self, host: str, inside: tuple[str, ...] = ()) -> tuple[ClockReading, ...]:
        """What the newest marks of a host tell about its clock."""
        marks = self._hosts.get((host, inside))
        return marks.clocks() if marks else ()

    def answered_at(self) -> dict[str, datetime]:
        """Host -> when its newest mark, or that of a container on it, was received; without those that have none."""
        newest: dict[str, datetime] = {}
        for (host, _), marks in self._hosts.items():
            if (moment := marks.newest_at) is not None:
                newest[host] = max(moment, newest.get(host, moment))
        return newest

    def compared_with(
        self, host: str, collector: Collector, moment: datetime, inside: tuple[str, ...] = ()
    ) -> TakenMark | None:
        """The mark whose snapshot that of now is compared with: the newest from before a moment, else the first since.

        What was configured in a cluster is compared with how it was when the run began: a fault of today's deployment
        may be met by the third test.
        """
        marks = self._hosts.get((host, inside))
        if marks is None:
            return None
        if collector.has_dear_baseline:
            return marks.dear(collector.name, moment, oldest=collector.kubernetes == "changes")
        earlier, later = marks.around(moment)
        return earlier or later

    @property
    def places(self) -> Collection[Place]:
        """Those that marks are taken of."""
        return self._hosts.keys()

    def told(self, places: Collection[Place]) -> dict[Place, ToldMarks]:
        """What another process is to learn of these places: what is new since they were last told, and what stays."""
        return {place: self._hosts[place].told() for place in places if place in self._hosts}

    def learn(self, told: Mapping[Place, ToldMarks]) -> None:
        """Takes what another process has told, as if the marks had been taken here."""
        for place, marks in told.items():
            if place in self._hosts:
                self._hosts[place].learn(marks)

    def close(self) -> None:
        """Ends marks that are under way."""
        self._cancel.set()

    def _take_when_free(self, place: Place, marks: _HostMarks, told: dict[Place, str], within_s: float) -> None:
        if not self._connections.is_open(*place):
            marks.note(datetime.now(timezone.utc), UNREACHED)
            told[place] = UNREACHED
        elif marks.claim_when_free(self._clock, within_s):
            marks.note(datetime.now(timezone.utc), "")
            told[place] = self._take_marks(place, self._connections.way(*place), marks, is_kept=True)

    def _take_fleet_when_free(
        self, fleet: Fleet, places: Sequence[Place], told: dict[Place, str], within_s: float
    ) -> None:
        claimed = []
        for place in places:
            marks = self._hosts[place]
            if not self._connections.is_open(*place):
                marks.note(datetime.now(timezone.utc), UNREACHED)
                told[place] = UNREACHED
            elif marks.claim_when_free(self._clock, within_s):
                marks.note(datetime.now(timezone.utc), "")
                claimed.append(_Claimed(place, self._connections.way(*place), marks))
        self._take_together(fleet, claimed, told=told, is_kept=True)

    def _take_together(
        self,
        fleet: Fleet,
        claimed: Sequence[_Claimed],
        *,
        told: dict[Place, str] | None = None,
        is_kept: bool = False,
    ) -> None:
        """Takes a mark of each of these hosts in one job; all of them are due again at the same time."""
        told = {} if told is None else told
        sent_at, began = datetime.now(timezone.utc), time.monotonic()
        open_places = {each.place for each in claimed}

        def take(each: _Claimed, result: CommandResult) -> None:
            received_at = datetime.now(timezone.utc)
            try:
                mark = parse_mark(result.stdout, nonce=result.nonce)
            except ValueError:
                return
            open_places.discard(each.place)
            told[each.place] = ""
            taken = TakenMark(mark=mark, sent_at=sent_at, received_at=received_at)
            each.marks.release(taken, pause_s=_WHILE_OTHERS_S, is_kept=is_kept)

        visits = [
            HostVisit(
                each.way,
                [VisitItem("", each.marks.script, MARK_TIMEOUT_S, MARK_BYTES)],
                ends_at=began + _TOGETHER_S,
                on_result=lambda _, result, each=each: take(each, result),  # type: ignore[misc]
                on_error=partial(_log.debug, "%s: no mark was taken: %s", each.place[0]),
            )
            for each in claimed
        ]
        try:
            fleet.visit(visits, cancel=self._cancel)
        except Exception:  # a host without a mark is routine; its collection will say what is wrong
            _log.debug("no marks were taken of a fleet", exc_info=True)
        pause_s = max(self._pace.least_s, _FLEET_PAUSE * (time.monotonic() - began))
        for each in claimed:
            if each.place in open_places:
                told[each.place] = "the host gave none"
                each.marks.release(None, pause_s=pause_s, failed=told[each.place])
            else:
                each.marks.rest(pause_s)

    def _take_marks(self, place: Place, transport: Transport, marks: _HostMarks, *, is_kept: bool = False) -> str:
        """Takes one mark in its turn; why there is none, empty when there is one."""
        if not marks.was_asked and not is_kept:
            self._openings.wait(self._cancel)
        marks.was_asked = True
        with self._turns:
            return self._take_marks_now(place, transport, marks, is_kept=is_kept)

    def _take_marks_now(self, place: Place, transport: Transport, marks: _HostMarks, *, is_kept: bool) -> str:
        taken, failed = None, "the host gave none"
        pause_s = self._pace.least_s
        try:
            if self._cancel.is_set():
                return failed
            transport.connect()  # once a run, so that it does not count for the pace
            began_s, began = time.thread_time(), time.monotonic()
            lost_s = self._tests.lost_time()
            taken = take_mark(transport, marks.script, cancel=self._cancel)
            cpu_s = _WITH_TRANSPORT * (time.thread_time() - began_s) + lost_s()
            pause_s = self._pace.pause_s(cpu_s, hosts=len(self._hosts), crowding=self._tests.crowding())
            if place[1]:  # the engine starts several programs for it, on the machine of the product
                pause_s = max(pause_s, _ENGINE_PAUSE * (time.monotonic() - began))
        except (FailTaleError, ValueError, OSError) as error:
            if isinstance(error, TransportError):
                failed = f"the host gave none ({error.reason})"
                pause_s = max(pause_s, _FAILED_PAUSE_S)
            # a host without a mark is routine; its collection will say what is wrong
            _log.debug("%s: no mark was taken", " ".join([place[0], *place[1]]), exc_info=True)
        finally:
            marks.release(taken, pause_s=pause_s, failed=failed, is_kept=is_kept)
        if taken is not None and marks.claim_dear(self._clock(), is_kept=is_kept):
            self._take_dear(place, transport, marks)
        return failed if taken is None else ""

    def _take_dear(self, place: Place, transport: Transport, marks: _HostMarks) -> None:
        """What a cluster says, behind the mark, so that the mark itself is not complete any later."""
        began = time.monotonic()
        taken = None
        try:
            taken = take_mark(transport, marks.dear_script, cancel=self._cancel, timeout_s=_DEAR_TIMEOUT_S)
        except (FailTaleError, ValueError, OSError):
            _log.debug("%s: no snapshot of a cluster was taken", place[0], exc_info=True)
        pause_s = max(_DEAR_PAUSE_S, _ENGINE_PAUSE * (time.monotonic() - began))
        marks.release_dear(taken, due_at=self._clock() + pause_s)


@dataclass(frozen=True, slots=True)
class ToldMarks:
    """How it stands with the marks of a place, as one process tells it to another."""

    new: Mapping[int, TakenMark]
    """Those that were not told before, by numbers of the teller's."""
    taken: tuple[int, ...]
    """All that are kept, oldest first."""
    dear: tuple[int, ...]
    """Those with snapshots that are dear to take."""
    notes: tuple[tuple[datetime, str], ...]
    is_under_way: bool


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A host of a fleet whose mark is due."""

    place: Place
    way: Transport
    marks: _HostMarks


def _places_with_marks(config: Config) -> Iterator[tuple[Place, tuple[Collector, ...]]]:
    """Hosts with what is collected there; and containers on them where a mark tells more than a clock."""
    for host in config.hosts:
        places = config.places_of(host)
        if not places and config.collectors_for(host):
            continue  # stores are asked, and nothing of the host itself
        for inside in places if config.hosts[host].inside else {(): (), **places}:
            collectors = places.get(inside, ())
            if not inside or any(position_lines(each) or baseline_line(each) for each in collectors):
                yield (host, inside), collectors


@dataclass(frozen=True, slots=True)
class _Scripts:
    """What asks a host for its mark, and for the snapshots that are dear to take."""

    cheap: Script
    dear: Script
    has_dear: bool


class _Asking:
    """Collectors -> the scripts of their marks; hosts of one component share them, which are 20 kB and 1 ms each."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, ...], tuple[Sequence[Collector], _Scripts]] = {}

    def scripts(self, collectors: Sequence[Collector]) -> _Scripts:
        key = tuple(map(id, collectors))  # theirs alone, since they are kept; to compare them would take long
        if key not in self._made:
            dear = [each for each in collectors if each.has_dear_baseline]
            cheap = [each for each in collectors if not each.has_dear_baseline]
            self._made[key] = collectors, _Scripts(mark_script(cheap), mark_script(dear), has_dear=bool(dear))
        return self._made[key][1]


class _HostMarks:
    def __init__(self, scripts: _Scripts, unasked: str = NOT_ASKED) -> None:
        self.script, self.dear_script = scripts.cheap, scripts.dear
        self._dear: list[TakenMark] = []
        """Those with the snapshots that are dear to take, the run's first one always among them."""
        self._dear_due_at = float("-inf") if scripts.has_dear else float("inf")
        self._unasked = unasked
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._taken: list[TakenMark] = []
        self._kept: deque[TakenMark] = deque(maxlen=_KEPT_BY_CALLERS)
        """Those that a caller waited for: its windows begin at them exactly."""
        self._under_way = False
        self._last_began = float("-inf")
        self._pause_s = 0.0
        self.has_failed = False
        """Whether the last one that was asked for did not come."""
        self.was_asked = False
        """Whether the host was ever asked, so that there may be a connection to it."""
        self._notes: deque[tuple[datetime, str]] = deque(maxlen=_KEPT)
        """When one was asked for, or might have been, and why none came of it; empty while it may still come."""
        self.is_kept = False
        """Whether another process takes them, while there is one."""
        self._told: dict[int, tuple[int, TakenMark]] = {}
        """By their identity in this process: their numbers, and themselves, so that the identity stays theirs."""
        self._next_number = 0
        self._learned: dict[int, TakenMark] = {}
        """By the numbers of the process that told them."""
        self._is_under_way_there = False

    def told(self) -> ToldMarks:
        """For another process; each mark is told in full once."""
        with self._lock:
            new = {}
            kept = {id(taken): taken for taken in (*self._taken, *self._dear)}
            for identity, taken in kept.items():
                if identity not in self._told:
                    self._told[identity] = self._next_number, taken
                    new[self._next_number] = taken
                    self._next_number += 1
            self._told = {identity: self._told[identity] for identity in kept}
            taken_numbers = tuple(self._told[id(taken)][0] for taken in self._taken)
            dear_numbers = tuple(self._told[id(taken)][0] for taken in self._dear)
            return ToldMarks(new, taken_numbers, dear_numbers, tuple(self._notes), self._under_way)

    def learn(self, told: ToldMarks) -> None:
        """What another process has told."""
        with self._lock:
            known = {**self._learned, **told.new}
            self._learned = {number: known[number] for number in (*told.taken, *told.dear) if number in known}
            self._taken = [self._learned[number] for number in told.taken if number in self._learned]
            self._dear = [self._learned[number] for number in told.dear if number in self._learned]
            self._notes = deque(told.notes, maxlen=_KEPT)
            self._is_under_way_there = told.is_under_way

    def is_due(self, now: float) -> bool:
        """Whether the pause after the last mark is over; cheap, for it is asked with each test."""
        return not self._under_way and now - self._last_began >= self._pause_s

    @property
    def due_at(self) -> float:
        """When the next one is due, on the pace's clock; long ago where it must be looked at: under way, or failed."""
        return float("-inf") if self._under_way or self.has_failed else self._last_began + self._pause_s

    def claim(self, now: float) -> bool:
        """Whether a mark may be taken now; the caller then has to `release`."""
        with self._lock:
            if not self.is_due(now):
                return False
            self._under_way = True
            self._last_began = now
            return True

    def claim_when_free(self, clock: Callable[[], float], within_s: float) -> bool:
        """As `claim`, due or not, once no mark is under way; False when that takes too long."""
        with self._freed:
            if not self._freed.wait_for(lambda: not self._under_way, within_s):
                return False
            self._under_way = True
            self._last_began = clock()
            return True

    def claim_dear(self, now: float, *, is_kept: bool) -> bool:
        """Whether the dear snapshots may be taken now; behind a mark that a caller waits for they always are."""
        with self._lock:
            is_due = self._dear_due_at != float("inf") and (is_kept or now >= self._dear_due_at)
            self._dear_due_at = now + _DEAR_TIMEOUT_S + _DEAR_PAUSE_S if is_due else self._dear_due_at
            return is_due

    def release_dear(self, taken: TakenMark | None, *, due_at: float) -> None:
        """Keeps what came; the next ones are due then."""
        with self._lock:
            self._dear_due_at = due_at
            if taken is not None:
                self._dear = [*self._dear[:1], *self._dear[1:][-_KEPT:], taken]

    def dear(self, name: str, moment: datetime, *, oldest: bool) -> TakenMark | None:
        """The mark with a collector's snapshot that is dear: the run's first, or the newest from before a moment."""
        with self._lock:
            known = [taken for taken in self._dear if taken.mark.baselines.get(name)]  # empty: nobody answered
        earlier = [taken for taken in known if taken.received_at <= moment]
        return (earlier[0 if oldest else -1] if earlier else known[0]) if known else None

    def note(self, at: datetime, words: str) -> None:
        """What became of the mark that a window which began then would have needed."""
        with self._lock:
            self._notes.append((at, words))

    def pass_over(self, at: datetime) -> None:
        """A window began while none is due."""
        self.note(at, UNDER_WAY if self._under_way else TOO_SOON)

    def missed(self, moment: datetime, passed_over: Sequence[datetime] = ()) -> str:
        """Why there is none of a window that began then; ``passed_over`` are windows that began while none was due."""
        with self._lock:
            if self.is_kept and not self._notes:
                return KEEPER_LOST if passed_over else self._unasked
            notes = [*self._notes, *((at, TOO_SOON) for at in passed_over)]
            if not notes:
                return self._unasked
            at, words = min(notes, key=lambda note: abs(note[0] - moment))
            if words or not (self._under_way or self._is_under_way_there):
                return words
            return PENDING if at == max(at for at, words in self._notes if not words) else ""

    def release(self, taken: TakenMark | None, *, pause_s: float, failed: str = "", is_kept: bool = False) -> None:
        with self._freed:
            self._pause_s = pause_s
            self.has_failed = taken is None
            self._under_way = False
            self._freed.notify()
            if taken is not None:
                self._taken.append(taken)
                if is_kept:
                    self._kept.append(taken)
                self._thin_out()
                return
            asked = [place for place, (_, words) in enumerate(self._notes) if not words]
            if asked:
                self._notes[asked[-1]] = (self._notes[asked[-1]][0], failed)

    def rest(self, pause_s: float) -> None:
        """The next one is due so long after the last began."""
        with self._lock:
            self._pause_s = pause_s

    def around(self, moment: datetime) -> tuple[TakenMark | None, TakenMark | None]:
        with self._lock:
            earlier = [taken for taken in self._taken if taken.received_at <= moment]
            later = next((taken for taken in self._taken[len(earlier) :] if taken.sent_at >= moment), None)
            return (earlier[-1] if earlier else None), later

    @property
    def newest_at(self) -> datetime | None:
        """When the newest mark was received."""
        with self._lock:
            return self._taken[-1].received_at if self._taken else None

    def clocks(self) -> tuple[ClockReading, ...]:
        with self._lock:
            return tuple(taken.clock for taken in self._taken[-_RECENT:] if taken.clock is not None)

    def _thin_out(self) -> None:
        """Fewer of the old marks: a window that began long ago may start from an older one, it only reads more."""
        if len(self._taken) > _KEPT:
            kept = set(map(id, self._kept))
            middle = enumerate(self._taken[1:-_RECENT])
            thinned = [taken for place, taken in middle if place % 2 == 0 or id(taken) in kept]
            self._taken = self._taken[:1] + thinned + self._taken[-_RECENT:]


# --- The command and its answer -------------------------------------------------------------------------------------


def mark_script(collectors: Sequence[Collector]) -> Script:
    """One command that tells a host's clock and zone, and for these collectors cursor, file marks and baselines."""
    baselines = _with_baseline(collectors)
    positions = dict.fromkeys(line for collector in collectors for line in position_lines(collector))
    lines = ["clock\n", *positions, "marks\n", *map(baseline_line, baselines)]
    functions = marking_functions(has_files=any(collector.file for collector in collectors))
    asked = [each for each in dict.fromkeys(collectors) if position_lines(each) or each in baselines]
    return Script(
        f"{{\n{functions}{''.join(lines)}}} 2>&1\n",
        filters=f"in_one_piece {MARK_BYTES + 1}",  # a line for each file: alone they were most of what a mark costs us
        question=partial(_mark_question, asked),
    )


def _mark_question(collectors: Sequence[Collector]) -> Question:
    return Question(MARKS_ID, "-", table=tuple(f"c {each.name} {collector_digest(each)}" for each in collectors))


def _with_baseline(collectors: Sequence[Collector]) -> list[Collector]:
    """Those that want a baseline; two different ones under the same name get none: they look alike."""
    wanted = dict.fromkeys(each for each in collectors if baseline_line(each))
    names = Counter(collector.name for collector in wanted)
    return [collector for collector in wanted if names[collector.name] == 1]


def parse_mark(stdout: bytes, *, nonce: str) -> HostMark:
    """The mark that a host told in frames with this nonce; lines of others (a login banner) are passed over.

    Raises ValueError when there is no mark at all.
    """
    told: dict[str, list[str]] = {}
    files: list[FileMark] = []
    patterns: list[str] = []
    baselines: dict[str, str] = {}
    marked: list[bytes] = []
    carried = b""
    is_carried = False
    for piece in split_frames(stdout, nonce):
        if isinstance(piece, bytes):
            carried += piece if is_carried else b""
        elif piece.word in ("carry", "carried"):
            is_carried = piece.word == "carry"
        elif piece.word == "file":
            marked += [piece.value] if len(marked) < MOST_FILES else []  # the host's script tells no more either
        elif piece.word in ("pattern", "many"):
            pattern = _file_name(piece.value)
            files += [mark for mark in (_file_mark(pattern, each) for each in marked) if mark is not None]
            marked.clear()
            if piece.word == "pattern":
                patterns.append(pattern)
        elif piece.word == "baseline":
            baselines[_file_name(piece.value)] = decode(carried)
            carried = b""
        else:
            told.setdefault(piece.word, []).append(_file_name(piece.value))
    if "clock" not in told:
        raise ValueError("the host told no mark")
    epoch, whole_seconds = read_epoch(told.get("clock", [""])[0])
    return HostMark(
        epoch=epoch,
        utc_offset_s=_utc_offset(told.get("zone", [""])[0]),
        cursor=told.get("cursor", [""])[0] or None,
        files=tuple(files),
        patterns=tuple(patterns),
        unreadable=tuple(told.get("unreadable", ())),
        baselines=baselines,
        whole_seconds=whole_seconds,
    )


def _file_name(value: bytes) -> str:
    """As Python's own file names: any byte survives the way back."""
    return value.decode("utf-8", "surrogateescape")


def _file_mark(pattern: str, value: bytes) -> FileMark | None:
    match = re.fullmatch(rb"(\d{1,20}) (\d{1,15}) (\d{1,15}) (-|\d{1,10}) (.+)", value)
    if match is None:
        return None
    inode, size, written = (int(match[group]) for group in (1, 2, 3))
    return FileMark(pattern, _file_name(match[5]), inode=inode, size=size, digest=match[4].decode(), written=written)


def _utc_offset(told: str) -> int | None:
    match = re.fullmatch(r"([+-])([01]\d)([0-5]\d)", told)
    if match is None:
        return None
    seconds = int(match[2]) * 3600 + int(match[3]) * 60
    return -seconds if match[1] == "-" else seconds
