"""Visits to the minions of one master -> their results, in as few jobs as there are different requests.

The order of events:

1. A minion of which nothing is known is greeted: one job asks all of them for their clock and their gates. Who does not
   answer is a gap with its reason, and is left alone for a minute; how long he may be silent is said by the others
   (`salt_pace`), who are not kept waiting by him.
2. What each host is asked is made for its clock. Hosts that are asked the same share a request; different requests
   share a job while they are small. State of a whole fleet, and then logs of a few of its hosts, are two jobs.
3. Where greetings took long, minions and their master share too few processors: a part is asked at a time, so that each
   has its answers soon, those with a request of their own first.
4. What minions return is heard on the master's event stream; where there is none, the master is asked. Minions that are
   silent meanwhile are greeted again: who answers is busy, who does not is gone.
5. The scripts on the minions end by their own time limit. Who has not returned by then is told to end the job, politely
   and then by force.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from FailTaleLibrary import background
from FailTaleLibrary.breaker import Breaker
from FailTaleLibrary.config import SaltSettings
from FailTaleLibrary.lazy import dataclass, field, replace
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.transports.base import (
    CommandResult,
    Fleet,
    HostVisit,
    Items,
    OnResult,
    Script,
    Transport,
    VisitItem,
    VisitStart,
)
from FailTaleLibrary.transports.gates import NO_TEXTS, gate_request, why_not_run
from FailTaleLibrary.transports.salt_api import Problem, PublishedJob, SaltApi, SaltError
from FailTaleLibrary.transports.salt_commands import GREETING_COMMAND, end_command, visit_command
from FailTaleLibrary.transports.salt_pace import Pace, silence_s
from FailTaleLibrary.transports.salt_returns import (
    Greeting,
    MinionReturn,
    read_answers,
    read_greeting,
    read_return,
    words_of,
)
from FailTaleLibrary.transports.visit import REVISITS, visit_for_one
from FailTaleLibrary.transports.visit_answers import ItemAnswer
from FailTaleLibrary.transports.visit_times import beats, ticks

_log = logger_of(__name__)

MOST_ITEM_BYTES = 384 * 1024
"""Of one item: with its heading, and whatever else was printed, it fits into an event of the master: a megabyte."""
_REQUEST_BYTES = 48 * 1024
"""Of all requests of a job: every minion gets, and returns, all of them."""
_RETURN_S = 2.0
"""Of a visit's time, for the way back; of a short one a sixth."""
_FIRST_POLL_S = 0.3
_LONGEST_POLL_S = 5.0
_POLL_SHARE = 4.0
"""Between two polls passes so many times what the last one took: reading a thousand returns keeps a master busy."""
_AWAY_S = 20.0
"""Within this time a salt-api is back that was started anew."""
_LOOK_UP_S = 0.2
"""How often the cancel event and the time are looked at."""
_ROUGH_S = 0.5
"""Hosts whose clocks are as near to each other as this are asked the same."""
_FORCE_AFTER_S = 2.0
_END_S = 5.0


class Minion(Transport):
    """The way to one minion, and what is known of it."""

    def __init__(self, minion: str, host: str, fleet: SaltFleet, breaker: Breaker) -> None:
        self.id = minion
        """As the master knows it."""
        self.host = host
        """As the configuration names it."""
        self.breaker = breaker
        self.greeting: Greeting | None = None
        """What it said of itself."""
        self.problem: Problem = "minion"
        """What it failed with last."""
        self.is_closed = False
        self._fleet = fleet
        self._start: VisitStart | None = None
        self._seen_at = 0.0

    @property
    def fleet(self) -> SaltFleet:
        return self._fleet

    @property
    def gates(self) -> tuple[str, ...]:
        return self.greeting.gates if self.greeting else ()

    @property
    def most_item_bytes(self) -> int:
        return MOST_ITEM_BYTES

    @property
    def is_open(self) -> bool:
        return self._fleet.is_open and self.breaker.is_closed

    def connect(self) -> None:
        ends_at = time.monotonic() + self._fleet.answer_timeout_s + _RETURN_S
        errors = self._fleet.connect([self], ends_at=ends_at, cancel=threading.Event())
        if self.id in errors:
            raise errors[self.id]

    def visit(self, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult) -> None:
        errors: list[Exception] = []
        one = HostVisit(self, items, ends_at=ends_at, on_result=on_result, on_error=errors.append)
        self._fleet.visit([one], cancel=cancel)
        if errors:
            raise errors[0]

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        return visit_for_one(self.visit, script, timeout_s=timeout_s, max_bytes=max_bytes, cancel=cancel)

    def close(self) -> None:
        self.is_closed = True

    # --- Its clock

    def saw(self, start: VisitStart) -> None:
        """What its clock said; of two that agree the better reading counts."""
        expected = self._start.later(time.monotonic() - self._seen_at) if self._start else None
        if expected is not None and expected.agrees_with(start) and _width_s(expected) < _width_s(start):
            start = expected
        self._start, self._seen_at = start, time.monotonic()

    @property
    def zone(self) -> str:
        """As it told last."""
        return self._start.zone if self._start else ""

    @property
    def is_known(self) -> bool:
        return self._start is not None

    def expected_start(self) -> VisitStart | None:
        """What its clock says now, so roughly that those of a fleet that is kept right are the same."""
        later = self._start.later(time.monotonic() - self._seen_at) if self._start else None
        return _rough(later) if later else self._start


def _rough(start: VisitStart) -> VisitStart:
    """The same with the bounds of its offset at whole multiples of `_ROUGH_S`; never narrower."""
    offset = start.offset_s
    if offset is None:
        return start
    least = _ROUGH_S * (offset[0] // _ROUGH_S)
    most = -_ROUGH_S * (-offset[1] // _ROUGH_S)
    now = datetime.now(timezone.utc)
    return VisitStart(
        f"{now.timestamp():.6f}", start.zone, now - timedelta(seconds=most), now - timedelta(seconds=least)
    )


def _width_s(start: VisitStart) -> float:
    least, most = start.offset_s or (0.0, float("inf"))
    return most - least


class _Turn:
    """One host's visit: what is left of it, and what came."""

    def __init__(self, visit: HostVisit, minion: Minion) -> None:
        self.visit = visit
        self.minion = minion
        self.left: dict[int, VisitItem] = {}
        self.is_over = False
        self.jobs = 0
        """So many have asked this host."""
        self._start: VisitStart | None = None
        self._was_misled = False

    def fail(self, error: Exception) -> None:
        if not self.is_over:
            self.is_over = True
            self.visit.on_error(error)

    def tell(self, number: int, result: CommandResult) -> None:
        item = self.left.pop(number, None)
        if item is not None:
            self.visit.on_result(item.id, result)
        self.is_over = self.is_over or not self.left

    def make_items(self, *, to_gate: bool) -> None:
        """Made for the minion's clock; what no gate takes is told at once."""
        self._start = self.minion.expected_start() or VisitStart("", "", *[datetime.now(timezone.utc)] * 2)
        try:
            items = self.visit.items(self._start) if callable(self.visit.items) else self.visit.items
        except Exception as error:  # a fault of ours costs this host alone
            self.fail(error)
            return
        self.left = dict(enumerate(items))
        self.is_over = not self.left
        for number, item in list(self.left.items()) if to_gate else ():
            if item.script.question is None:
                self.tell(number, CommandResult.not_started(NO_TEXTS))

    def is_misled_by(self, start: VisitStart) -> bool:
        """Whether its items were made for another clock than the minion's; once, they are then made anew."""
        if self._was_misled or self._start is None or self._start.agrees_with(start) or not callable(self.visit.items):
            return False
        self._was_misled = True
        self.left = {}
        return True

    def give_up(self, *, why: str, timed_out: bool) -> None:
        """Tells of each item that is left why it was not run; a host that failed has told its reason already."""
        for number in () if self.is_over else list(self.left):
            self.tell(number, CommandResult.not_started(why, timed_out=timed_out))
        self.is_over = True


@dataclass(slots=True)
class _Greeting:
    """A job that asks minions whether they are there, and whom it still waits for."""

    published: PublishedJob
    sent_at: datetime
    pace: Pace
    waiting: dict[str, Minion]
    ready: list[Minion] = field(default_factory=list)
    """Those who have answered, while they wait for others."""


@dataclass(slots=True)
class _Job:
    """A job that asks for evidence, and whom it still waits for."""

    published: PublishedJob
    sent_at: datetime
    pace: Pace
    waiting: dict[str, _Turn]
    token: str
    """What its processes bear in their environment, where it runs whole scripts."""
    nonce: str = ""
    items_nonce: str = ""
    is_part: bool = False
    """Whether others wait for their turn until it is done."""
    ready: list[_Turn] = field(default_factory=list)
    """Those who have returned, and are to be asked again."""
    alive: set[str] = field(default_factory=set)
    """Minions that said they are there while they did not return."""
    greeting: _Greeting | None = None
    """The job that asked for it."""


@dataclass(slots=True)
class _Course:
    """How far the visits to a fleet have got that were asked for together."""

    ends_at: float
    cancel: threading.Event
    turns: Sequence[_Turn]
    queue: list[_Turn] = field(default_factory=list)
    """Those that are to be asked now."""
    greeting: _Greeting | None = None
    jobs: list[_Job] = field(default_factory=list)

    @property
    def may_go_on(self) -> bool:
        return time.monotonic() < self.ends_at and not self.cancel.is_set()

    @property
    def asked(self) -> list[_Greeting | _Job]:
        """Whom somebody is still waited for, or waits in."""
        every = [*([self.greeting] if self.greeting else ()), *self.jobs]
        return [each for each in every if each.waiting or each.ready]


class SaltFleet(Fleet):
    """The minions of one master. Safe to use from any thread."""

    def __init__(self, settings: SaltSettings, api: SaltApi) -> None:
        self._settings = settings
        self._api = api
        self._breaker = Breaker()
        self._problem: Problem = "api"
        """What salt-api failed with last."""
        self._by_module = settings.function == "failtale.collect"
        self._usual: Pace | None = None
        """How the minions answered the greeting of the most of them."""
        self._at_once: int | None = None
        """So many are asked together; None: all."""
        self.jobs = 0
        """Published so far, those that end others aside."""

    @property
    def is_open(self) -> bool:
        """Whether salt-api may be asked now."""
        return self._breaker.is_closed

    @property
    def answer_timeout_s(self) -> float:
        """How long a minion may take to say that it is there."""
        return self._settings.answer_timeout_s

    # --- Who is there

    def greet(self, ways: Sequence[Transport]) -> None:
        """See `Fleet.greet`."""
        minions = [way for way in ways if isinstance(way, Minion)]
        ends_at = time.monotonic() + 2 * silence_s(self.answer_timeout_s, len(minions)) + _RETURN_S
        self.connect(minions, ends_at=ends_at, cancel=threading.Event())

    def connect(self, minions: Sequence[Minion], *, ends_at: float, cancel: threading.Event) -> dict[str, Exception]:
        """Greets those of which nothing is known; minion's id -> why it cannot be asked."""
        unknown, errors = self._unknown_of(minions)
        if not unknown:
            return errors
        try:
            with self._guarded(), self._listening(ends_at) as listener:
                greeting, absent = self._greeting_of(unknown, ends_at=ends_at)
                errors |= absent
                while greeting.waiting and time.monotonic() < ends_at and not cancel.is_set():
                    errors |= self._take_greetings(greeting, listener, ends_at=ends_at)
                errors |= self._gone(greeting)
        except SaltError as error:
            errors |= dict.fromkeys((minion.id for minion in unknown), error)
        return errors

    def _unknown_of(self, minions: Sequence[Minion]) -> tuple[list[Minion], dict[str, Exception]]:
        """Those that are to be greeted; minion's id -> why it is left alone."""
        errors: dict[str, Exception] = {}
        unknown = []
        for minion in minions:
            if refusal := minion.breaker.attempt():
                errors[minion.id] = SaltError(minion.problem, refusal.cause, str(refusal))
            elif not minion.is_known:
                unknown.append(minion)
        return unknown, errors

    def _greeting_of(self, minions: Sequence[Minion], *, ends_at: float) -> tuple[_Greeting, dict[str, Exception]]:
        """The job that greets them; minion's id -> why it is not among those who are asked. Raises SaltError."""
        sent_at, began = datetime.now(timezone.utc), time.monotonic()
        published = self._publish_greeting(tuple(minion.id for minion in minions), ends_at=ends_at)
        errors: dict[str, Exception] = {}
        waiting = {}
        for minion in minions:
            if minion.id in published.minions:
                waiting[minion.id] = minion
            else:
                errors[minion.id] = self._failed(minion, _unknown(minion.id))
        return _Greeting(published, sent_at, self._pace(len(waiting), began), waiting), errors

    def _pace(self, asked: int, began: float) -> Pace:
        return Pace(self.answer_timeout_s, asked, began, self._usual.last_s if self._usual else 0.0)

    def _publish_greeting(self, minions: tuple[str, ...], *, ends_at: float) -> PublishedJob:
        self.jobs += 1
        if self._by_module:
            return self._api.publish("failtale.hello", minions, {}, ends_at=ends_at)
        return self._api.publish("cmd.run_all", minions, GREETING_COMMAND, ends_at=ends_at)

    def _take_greetings(self, greeting: _Greeting, listener: _Listener, *, ends_at: float) -> dict[str, Exception]:
        """What has come of a greeting, which waits a moment for it; minion's id -> why it cannot be asked."""
        returned = listener.news(greeting.published.id, greeting.waiting, ends_at=ends_at)
        received_at, now = datetime.now(timezone.utc), time.monotonic()
        came = [each for each in greeting.waiting if each in returned]
        greeting.pace.heard(len(came), now=now)
        errors: dict[str, Exception] = {}
        for each in came:
            minion = greeting.waiting.pop(each)
            try:
                said = read_greeting(returned[each], each)
            except SaltError as error:
                errors[each] = self._failed(minion, error)
            else:
                _greeted(minion, said, greeting.sent_at, received_at)
                greeting.ready.append(minion)
        if came and (self._usual is None or greeting.pace.asked >= self._usual.asked):
            self._usual, self._at_once = greeting.pace, greeting.pace.at_once
        if not listener.away and greeting.pace.is_over(now=now):
            errors |= self._gone(greeting)
        return errors

    def _gone(self, greeting: _Greeting) -> dict[str, Exception]:
        """Those who have not answered are waited for no longer."""
        within = f"within {time.monotonic() - greeting.pace.began:.0f} s"
        errors: dict[str, Exception] = {
            each: self._failed(minion, _no_response(each, within)) for each, minion in greeting.waiting.items()
        }
        greeting.waiting.clear()
        return errors

    def _failed(self, minion: Minion, error: SaltError) -> SaltError:
        minion.problem = error.problem
        minion.breaker.failed(error.reason, str(error))
        return error

    # --- Visits

    def visit(self, visits: Sequence[HostVisit], *, cancel: threading.Event) -> None:
        """Hold them; see `Fleet.visit`."""
        turns = [_Turn(visit, visit.way) for visit in visits if isinstance(visit.way, Minion)]
        if not turns:
            return
        course = _Course(min(turn.visit.ends_at for turn in turns), cancel, turns)
        unknown, errors = self._unknown_of([turn.minion for turn in turns])
        _fail(course, errors)
        course.queue = [turn for turn in turns if turn.minion.is_known and not turn.is_over]
        if unknown or course.queue:
            self._hold(course, unknown)
        for job in course.jobs:
            if job.waiting:
                self._end(job)
                self._tell_missing(job, is_cancelled=cancel.is_set())
        is_cancelled = cancel.is_set()
        why = "cancelled" if is_cancelled else "not run: no time was left for it"
        for turn in turns:
            if not (turn.left or turn.is_over or is_cancelled):
                turn.fail(_not_asked(turn.minion.id))
            turn.give_up(why=why, timed_out=not is_cancelled)

    def _hold(self, course: _Course, unknown: Sequence[Minion]) -> None:
        """Greets whom nothing is known of, and asks each who is ready, until all have said what they can."""
        try:
            with self._guarded(), self._listening(course.ends_at) as listener:
                if unknown:
                    course.greeting, errors = self._greeting_of(unknown, ends_at=course.ends_at)
                    _fail(course, errors)
                while course.may_go_on:
                    self._publish_queue(course)
                    if not course.asked:
                        break
                    self._take_news(course, listener)
                    _call_up(course)
                if listener.away and not course.cancel.is_set() and any(asked.waiting for asked in course.asked):
                    raise listener.away
        except SaltError as error:
            for turn in course.turns:
                turn.fail(error)
        else:
            if course.greeting is not None and not course.cancel.is_set():
                _fail(course, self._gone(course.greeting))

    def _publish_queue(self, course: _Course) -> None:
        """Jobs for those who are to be asked now: all of them, or a part where a fleet is slow."""
        turns = [turn for turn in course.queue if not turn.is_over]
        course.queue = []
        for turn in turns:
            if not turn.left:
                turn.make_items(to_gate=self._by_module)
        turns = [turn for turn in turns if not turn.is_over]
        room = self._room(course)
        is_part = len(turns) > room
        if is_part:
            turns = [turn for group in reversed(_grouped(turns)) for turn in group]
            turns, course.queue = turns[:room], turns[room:]
        groups = _grouped(turns)
        for requests in _bins(groups) if self._by_module else _each(groups):
            try:
                course.jobs.append(self._publish(requests, ends_at=course.ends_at, is_part=is_part))
            except SaltError as error:
                if not course.asked:
                    raise
                for turn in (turn for group in requests for turn in group):
                    turn.fail(error)

    def _room(self, course: _Course) -> int:
        """How many may be asked now."""
        if self._at_once is None:
            return len(course.turns)
        outstanding = sum(len(job.waiting) for job in course.jobs if job.greeting is None)
        return self._at_once if outstanding <= self._at_once // 2 else 0

    def _take_news(self, course: _Course, listener: _Listener) -> None:
        greeting, ends_at = course.greeting, course.ends_at
        if greeting is not None and greeting.waiting:
            _fail(course, self._take_greetings(greeting, listener, ends_at=ends_at))
        for job in course.jobs:
            if job.waiting:
                self._take(job, listener.news(job.published.id, job.waiting, ends_at=ends_at))
            if job.waiting:
                self._look_after_silent(job, listener, ends_at)
            for each in [each for each, turn in job.waiting.items() if turn.minion.is_closed]:
                job.waiting.pop(each).give_up(why="cancelled", timed_out=False)
            if job.is_part and not job.waiting:
                job.is_part = False
                self._speed_up(job)

    def _speed_up(self, job: _Job) -> None:
        """A part of a fleet that was quick may be larger."""
        if self._at_once is not None and job.pace.last_s <= self.answer_timeout_s:
            self._at_once *= 2

    def _publish(self, groups: Sequence[list[_Turn]], *, ends_at: float, is_part: bool) -> _Job:
        self.jobs += 1
        left_s = max(1.0, ends_at - time.monotonic())
        lasts_s = left_s - min(_RETURN_S, left_s / 6)
        nonces, token = (secrets.token_hex(8), secrets.token_hex(8)), secrets.token_hex(8)
        turns = {turn.minion.id: turn for group in groups for turn in group}
        sent_at, began = datetime.now(timezone.utc), time.monotonic()
        if self._by_module:
            texts = [_request_of(nonces, group[0].left, lasts_s=lasts_s) for group in groups]
            whose = {turn.minion.id: number for number, group in enumerate(groups) if number for turn in group}
            asked: Mapping[str, object] = {"requests": texts, "whose": whose, "lasts": round(lasts_s, 1)}
            function = "failtale.collect"
        else:
            function, asked = "cmd.run_all", visit_command(nonces, groups[0][0].left, token=token, lasts_s=lasts_s)
        published = self._api.publish(function, tuple(turns), asked, ends_at=ends_at)
        for each in [each for each in turns if each not in published.minions]:
            turn = turns.pop(each)
            turn.fail(self._failed(turn.minion, _unknown(each)))
        for turn in turns.values():
            turn.jobs += 1
        return _Job(published, sent_at, self._pace(len(turns), began), turns, token, *nonces, is_part=is_part)

    def _take(self, job: _Job, returned: Mapping[str, Any]) -> None:
        received_at = datetime.now(timezone.utc)
        came = [each for each in job.waiting if each in returned]
        job.pace.heard(len(came), now=time.monotonic())
        for each in came:
            turn = job.waiting.pop(each)
            try:
                read = read_return(returned[each], each)
                self._take_return(turn, job, read, received_at)
            except SaltError as error:
                turn.fail(self._failed(turn.minion, error))
            except Exception as error:  # a fault of ours costs this host alone
                turn.fail(error)
            if not turn.is_over and turn.jobs <= REVISITS:
                job.ready.append(turn)

    def _take_return(self, turn: _Turn, job: _Job, returned: MinionReturn, received_at: datetime) -> None:
        turn.minion.breaker.succeeded()
        if returned.clock is not None:
            start = _start_of(returned.clock, job.sent_at, received_at, zone=turn.minion.zone)
            turn.minion.saw(start)
            if turn.is_misled_by(start):
                return
        reader, complete = read_answers(returned, job.nonce, turn.left)
        if not reader.answers and not reader.is_finished:
            sentence = f"Minion '{turn.minion.id}' ran nothing of what it was asked for; it said: {words_of(returned)}"
            raise SaltError("module", "failed", sentence)
        for number, answer in complete.items():
            turn.tell(number, self._result(turn, job, answer))
        begun = [number for number in reader.answers if number not in complete]
        for number in begun:
            if returned.why != "full" or not complete:
                turn.tell(number, self._result(turn, job, reader.answers[number], broke_off=returned.why))
        if returned.why == "late":
            turn.give_up(why="not started: no time was left", timed_out=True)

    def _result(self, turn: _Turn, job: _Job, answer: ItemAnswer, *, broke_off: str = "") -> CommandResult:
        nonce = job.items_nonce
        collector, host = answer.item.script.collector, turn.minion.host
        if self._by_module and (refusal := why_not_run(answer.why, collector, host, command="failtale gate --salt")):
            return CommandResult.not_started(refusal)
        if not broke_off:
            return answer.result(nonce, timed_out=answer.why == "cancelled")
        why = "more came than one event of Salt carries," if broke_off == "full" else "something on the minion ended it"
        late = broke_off == "late"
        return answer.result(nonce, timed_out=late, incomplete=f"{why} after {answer.elapsed_s:.1f} s")

    # --- Who does not return

    def _look_after_silent(self, job: _Job, listener: _Listener, ends_at: float) -> None:
        """Minions that have not returned are asked, once, whether they are there; who does not say so is gone."""
        if listener.away:
            job.greeting = None  # nobody can be heard now
            return
        now = time.monotonic()
        if job.greeting is None:
            if job.pace.is_over(now=now) and ends_at - now > self.answer_timeout_s:
                job.greeting = self._second_greeting(job, listener, ends_at)
            return
        greeting = job.greeting
        greeting.waiting = {each: turn.minion for each, turn in job.waiting.items() if each not in job.alive}
        if not greeting.waiting:
            return
        returned = listener.news(greeting.published.id, greeting.waiting, ends_at=ends_at)
        heard = [each for each in greeting.waiting if each in returned]
        job.alive.update(heard)
        greeting.pace.heard(len(heard), now=time.monotonic())
        if not greeting.pace.is_over(now=time.monotonic()):
            return
        within = f"within {time.monotonic() - job.pace.began:.0f} s"
        for each in [each for each in greeting.waiting if each not in job.alive]:
            turn = job.waiting.pop(each)
            turn.fail(self._failed(turn.minion, _no_response(each, within)))

    def _second_greeting(self, job: _Job, listener: _Listener, ends_at: float) -> _Greeting | None:
        sent_at, began = datetime.now(timezone.utc), time.monotonic()
        try:
            published = self._publish_greeting(tuple(job.waiting), ends_at=ends_at)
        except SaltError as error:
            listener.bear(error)
            return None
        return _Greeting(published, sent_at, self._pace(len(job.waiting), began), {})

    def _tell_missing(self, job: _Job, *, is_cancelled: bool) -> None:
        took = f"after {time.monotonic() - job.pace.began:.1f} s"
        why = f"cancelled {took}" if is_cancelled else f"the minion had not returned {took}"
        for turn in job.waiting.values():
            turn.give_up(why=why, timed_out=not is_cancelled)

    def _end(self, job: _Job) -> None:
        """In the background: nobody waits for it."""
        background.start(partial(self._end_by_force, job, tuple(job.waiting)), name="failtale-salt-end")

    def _end_by_force(self, job: _Job, minions: tuple[str, ...]) -> None:
        """Politely, and then by force, where a minion has still not returned."""
        try:
            self._tell_to_end(job, minions, is_forced=False)
            time.sleep(_FORCE_AFTER_S)
            self._tell_to_end(job, self._not_returned(job, minions), is_forced=True)
        except SaltError as error:
            _log.debug("job %s could not be ended: %s; its own time limit does", job.published.id, error)

    def _not_returned(self, job: _Job, minions: tuple[str, ...]) -> tuple[str, ...]:
        """All, where nobody may ask who has."""
        try:
            returned = self._api.returned(job.published.id, ends_at=time.monotonic() + _END_S)
        except SaltError:
            return minions
        return tuple(each for each in minions if each not in returned)

    def _tell_to_end(self, job: _Job, minions: tuple[str, ...], *, is_forced: bool) -> None:
        if not minions:
            return
        if self._by_module:
            function, asked = "failtale.end", {"jid": job.published.id, "force": is_forced}
        else:
            function, asked = "cmd.run_all", end_command(job.token, is_forced=is_forced)
        self._api.publish(function, minions, asked, ends_at=time.monotonic() + _END_S)

    # --- salt-api itself

    @contextlib.contextmanager
    def _listening(self, ends_at: float) -> Iterator[_Listener]:
        """Hears what minions return, from before a job is published."""
        with contextlib.closing(_Listener(self._api, ends_at=ends_at)) as listener:
            yield listener

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """A conversation with salt-api: what it fails with is not tried again for a minute."""
        if refusal := self._breaker.attempt():
            raise SaltError(self._problem, refusal.cause, str(refusal))
        try:
            yield
        except SaltError as error:
            self._problem = error.problem
            self._breaker.failed(error.reason, str(error))
            raise
        self._breaker.succeeded()


class _Listener:
    """What minions return: heard on the event stream, and asked for where there is none, or where it is silent.

    A salt-api that goes away meanwhile is waited for: the jobs run on, and their master keeps what they return.
    """

    def __init__(self, api: SaltApi, *, ends_at: float) -> None:
        self._api = api
        self._stream = api.listen(ends_at=ends_at)
        self._had_stream = self._stream is not None
        self._polls: dict[str, tuple[float, float]] = {}
        """Job -> when it is to be asked about next, and the pause after that."""
        self._may_poll = True
        self._away_since = 0.0
        self.away: SaltError | None = None
        """How salt-api says that it is away, while it is."""

    def close(self) -> None:
        """Nothing more is heard."""
        if self._stream is not None:
            self._stream.close()

    def news(self, job: str, waiting: Collection[str], *, ends_at: float) -> Mapping[str, Any]:
        """What has come of those that are waited for; waits a moment for it. Raises SaltError."""
        stream = self._stream
        if stream is None:
            time.sleep(max(0.0, min(_LOOK_UP_S, ends_at - time.monotonic())))
            return self._polled(job, waiting, ends_at=ends_at)
        heard = stream.returns(job)
        if not any(each in heard for each in waiting) and stream.is_alive:
            stream.wait(min(_LOOK_UP_S, ends_at - time.monotonic()))
            heard = stream.returns(job)
        if any(each in heard for each in waiting):
            return heard
        if not stream.is_alive:
            self._stream = None
            self._polls.clear()  # those were for a stream that is silent
        return self._polled(job, waiting, ends_at=ends_at)

    def _polled(self, job: str, waiting: Collection[str], *, ends_at: float) -> Mapping[str, Any]:
        pause_s = _FIRST_POLL_S if self._stream is None else _LONGEST_POLL_S
        due, pause_s = self._polls.setdefault(job, (time.monotonic() + pause_s, pause_s))
        began = time.monotonic()
        if began < due or not (self._may_poll or self._stream is None):
            return {}
        returned: Mapping[str, Any] = {}
        try:
            if self._had_stream and self._stream is None:
                self._stream = self._api.listen(ends_at=ends_at)
            if self._api.returned(job, ends_at=ends_at) & set(waiting):
                returned = self._api.returns(job, ends_at=ends_at)
            self.away = None
        except SaltError as error:
            self.bear(error)
        took_s = time.monotonic() - began
        pause_s = min(_LONGEST_POLL_S, max(1.2 * pause_s, _POLL_SHARE * took_s))
        self._polls[job] = (time.monotonic() + pause_s, pause_s)
        return returned

    def bear(self, error: SaltError) -> None:
        """Raises an error that ends the waiting; others pass."""
        is_heard = self._stream is not None and self._stream.is_alive
        if is_heard:
            self.away = None
            self._may_poll = error.problem == "api"  # who may not ask has the stream, which is enough
        elif error.problem != "api":
            raise error
        else:
            self._away_since = self._away_since if self.away else time.monotonic()
            self.away = error
            if time.monotonic() - self._away_since > _AWAY_S:
                raise error
        _log.debug("salt-api could not be asked about a job: %s", error)


# --- Who is next


def _fail(course: _Course, errors: Mapping[str, Exception]) -> None:
    for turn in course.turns if errors else ():
        if turn.minion.id in errors:
            turn.fail(errors[turn.minion.id])


def _call_up(course: _Course) -> None:
    """Those who are ready are to be asked, unless it is worth to wait for the others of their job."""
    now = time.monotonic()
    for asked in course.asked:
        if asked.waiting and asked.pace.is_worth_waiting(now=now):
            continue
        course.queue += _turns_of(course, asked)
        asked.ready.clear()


def _turns_of(course: _Course, asked: _Greeting | _Job) -> Iterable[_Turn]:
    """Those who are ready in a job."""
    if isinstance(asked, _Job):
        return asked.ready
    ids = {minion.id for minion in asked.ready}
    return [turn for turn in course.turns if turn.minion.id in ids and not turn.is_over] if ids else []


# --- Requests


def _grouped(turns: Sequence[_Turn]) -> list[list[_Turn]]:
    """Those that are asked the same, the largest group first; limits that differ by a moment are made the same."""
    groups: dict[tuple[object, ...], list[_Turn]] = {}
    for turn in turns:
        groups.setdefault(tuple(map(_group_key, turn.left.values())), []).append(turn)
    for group in groups.values():
        for number in group[0].left:
            limits = [turn.left[number] for turn in group]
            timeout_s, max_bytes = min(each.timeout_s for each in limits), max(each.max_bytes for each in limits)
            for turn in group:
                turn.left[number] = replace(turn.left[number], timeout_s=timeout_s, max_bytes=max_bytes)
    return sorted(groups.values(), key=len, reverse=True)


def _group_key(item: VisitItem) -> tuple[object, ...]:
    script = item.script
    if script.question is not None:
        question = script.question()
        return question.id, question.digest, question.words, question.table
    return script.producer, script.filters, script.newest_bytes


def _request_of(nonces: tuple[str, str], items: Mapping[int, VisitItem], *, lasts_s: float) -> str:
    ticks_of = {number: ticks(item.timeout_s) for number, item in items.items()}
    return gate_request(nonces, items, ticks_of=ticks_of, beats=beats(lasts_s)).decode("ascii")


def _each(groups: Sequence[list[_Turn]]) -> Iterator[list[list[_Turn]]]:
    for group in groups:
        yield [group]


def _bins(groups: Sequence[list[_Turn]]) -> Iterator[list[list[_Turn]]]:
    """Groups that go in one job: as many as their requests leave room for."""
    taken: list[list[_Turn]] = []
    room = _REQUEST_BYTES
    for group in groups:
        size = len(_request_of(("0" * 16, "0" * 16), group[0].left, lasts_s=1.0))
        if taken and size > room:
            yield taken
            taken, room = [], _REQUEST_BYTES
        taken.append(group)
        room -= size
    if taken:
        yield taken


# --- Clocks and errors


def _greeted(minion: Minion, greeting: Greeting, sent_at: datetime, received_at: datetime) -> None:
    minion.greeting = greeting
    minion.saw(VisitStart(greeting.clock, greeting.zone, sent_at, received_at))
    minion.breaker.succeeded()


def _start_of(clock: tuple[float, float], sent_at: datetime, received_at: datetime, *, zone: str) -> VisitStart:
    """The minion's clock as a visit began: what it took there is not part of what is unsure."""
    began, ended = clock
    lasted = timedelta(seconds=max(0.0, min(ended - began, (received_at - sent_at).total_seconds())))
    return VisitStart(f"{began:.6f}", zone, sent_at, received_at - lasted)


def _unknown(minion: str) -> SaltError:
    return SaltError(
        "minion",
        "no answer",
        f"The master has no accepted key of a minion '{minion}': it is not known there, or its key was never accepted, "
        "or rejected ('salt-key -L' on the master tells).",
    )


def _not_asked(minion: str) -> SaltError:
    return SaltError("minion", "skipped", f"Minion '{minion}' gave nothing: no time was left to ask it.")


def _no_response(minion: str, within: str) -> SaltError:
    return SaltError(
        "minion",
        "no answer",
        f"Minion '{minion}' did not respond {within}: the machine or its salt-minion is down, or does not get on.",
    )
