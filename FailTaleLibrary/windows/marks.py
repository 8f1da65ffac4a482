"""What was true on each host when a window began: clock, log positions, journal cursor, baselines.

`Marks` keeps a run's marks. `Marks.window_began` returns at once; a daemon thread per host asks (`mark_command`). Where
another process has a host's connection, it is done there, and `Marks.learn` here what `Marks.told` there. At most one
mark is under way per host, and `Pace` says how soon the next is due, whatever number of tests begins: a test that
begins meanwhile uses the last earlier mark, from which the time filter leads to its own start.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial

from FailTaleLibrary import background
from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.errors import FailTaleError, TransportError
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.transports import CommandResult, Connections, Transport, VisitItem
from FailTaleLibrary.transports.base import Fleet, HostVisit, MarkTaker
from FailTaleLibrary.windows.clock import ClockReading
from FailTaleLibrary.windows.collector_text import baseline_line, position_lines
from FailTaleLibrary.windows.main_thread import MainThread
from FailTaleLibrary.windows.mark_command import (
    MARK_BYTES,
    MARK_TIMEOUT_S,
    SharedMarkScripts,
    parse_mark,
    take_mark,
)
from FailTaleLibrary.windows.mark_pace import Openings, Pace
from FailTaleLibrary.windows.model import TakenMark
from FailTaleLibrary.windows.place_marks import (
    DEAR_PAUSE_S,
    DEAR_TIMEOUT_S,
    KEPT,
    MARKS_OFF,
    NOT_ASKED,
    OTHER_VALUES,
    UNREACHED,
    Place,
    PlaceMarks,
    ToldMarks,
)

_log = logger_of(__name__)

_WITH_TRANSPORT = 2.0
"""What a mark takes in all for each second of its own thread: the connection's thread decrypts and sorts; measured."""
_ENGINE_PAUSE = 20.0
"""How many times as long as a mark in a container took there is none of it afterwards."""
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
_OPENING_CPU_S = 0.03
"""Of a login and the first mark after it, beside a main thread that computes: 20 ms, and what that one loses."""


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
        scripts = SharedMarkScripts()
        self._hosts = {
            place: (beside and beside._marks_of(place, self._asked[place]))
            or PlaceMarks(scripts.of(collectors), OTHER_VALUES if beside else NOT_ASKED)
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
        self._passed_over: deque[float] = deque(maxlen=KEPT)
        """When windows began meanwhile, in seconds of our clock."""
        self._cancel: threading.Event = beside._cancel if beside else threading.Event()
        # A hundred logins at once are too much for one process: each would take longer than it may.
        self._turns: threading.Semaphore = (
            beside._turns if beside else threading.Semaphore(config.limits.parallel_hosts)
        )
        if openings is None:
            openings = Openings(self._pace.pause_s(_OPENING_CPU_S, hosts=1, crowding=1.0), self._tests.is_computing)
        self._openings: Openings = beside._openings if beside else openings

    def _marks_of(self, place: Place, asked: object) -> PlaceMarks | None:
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

    def _mark_what_is_due(self, hosts: Iterable[tuple[Place, PlaceMarks]], now: float, at: datetime) -> None:
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

    def _take_when_free(self, place: Place, marks: PlaceMarks, told: dict[Place, str], within_s: float) -> None:
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

    def _take_marks(self, place: Place, transport: Transport, marks: PlaceMarks, *, is_kept: bool = False) -> str:
        """Takes one mark in its turn; why there is none, empty when there is one."""
        if not marks.was_asked and not is_kept:
            self._openings.wait(self._cancel)
        marks.was_asked = True
        with self._turns:
            return self._take_marks_now(place, transport, marks, is_kept=is_kept)

    def _take_marks_now(self, place: Place, transport: Transport, marks: PlaceMarks, *, is_kept: bool) -> str:
        taken, failed = None, "the host gave none"
        pause_s, began = self._pace.least_s, math.inf
        try:
            if self._cancel.is_set():
                return failed
            transport.connect()  # once a run, so that it does not count for the pace
            began_s, began = time.thread_time(), time.monotonic()
            lost_s = self._tests.lost_time()
            taken = take_mark(transport, marks.script, cancel=self._cancel, timeout_s=MARK_TIMEOUT_S)
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
            was_late = time.monotonic() - began >= MARK_TIMEOUT_S
            pause_s = max(pause_s, marks.pause_behind(was_late=was_late))
            marks.release(taken, pause_s=pause_s, failed=failed, is_kept=is_kept)
        if taken is not None and marks.claim_dear(self._clock(), is_kept=is_kept):
            self._take_dear(place, transport, marks)
        return failed if taken is None else ""

    def _take_dear(self, place: Place, transport: Transport, marks: PlaceMarks) -> None:
        """What a cluster says, behind the mark, so that the mark itself is not complete any later."""
        began = time.monotonic()
        taken = None
        try:
            taken = take_mark(transport, marks.dear_script, cancel=self._cancel, timeout_s=DEAR_TIMEOUT_S)
        except (FailTaleError, ValueError, OSError):
            _log.debug("%s: no snapshot of a cluster was taken", place[0], exc_info=True)
        pause_s = max(DEAR_PAUSE_S, _ENGINE_PAUSE * (time.monotonic() - began))
        marks.release_dear(taken, due_at=self._clock() + pause_s)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A host of a fleet whose mark is due."""

    place: Place
    way: Transport
    marks: PlaceMarks


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
