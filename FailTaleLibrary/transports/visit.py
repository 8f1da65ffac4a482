"""Items -> their results, in one command on a host, whatever the login and however it ends.

The order of events, each step a round trip at most:

1. A short command line, which any login shell passes on, starts `sh`. It says hello with a sum: a menu that echoes what
   it is sent cannot add.
2. `on_host/visit.sh` goes to its standard input and tells the host's clock. A login that has never said hello gets the
   text only then: to a menu it would be a row of keystrokes.
3. The items follow, with a nonce. From here on standard input is the lifeline: its end ends everything on the host.
   What an earlier visit has learned of the login and of its clock lets all three go at once. Where the clock turns out
   to have been set since, that visit is given up, and its items are made anew.
4. Frames, which bear the nonce, tell on both streams where an item begins and ends.

A visit that breaks off is repeated for the items whose turn had not come. Where one item waits, a second shell (a lane)
takes the others from the end; where the two meet, they are done.

What is sent stands in `visit_request`, what comes back is read by `visit_answers`, and `visit_lane` leads one shell
from its hello to its end. What a transport brings along is in `visit_host`; `visit_doubts` tells a slow login from a
menu.
"""

from __future__ import annotations

import contextlib
import math
import selectors
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.transports.base import CommandResult, Items, OnResult, Script, VisitItem, VisitStart
from FailTaleLibrary.transports.computing import turn
from FailTaleLibrary.transports.crowd import crowd
from FailTaleLibrary.transports.gates import NO_TEXTS, gate_request, is_gate, why_not_run
from FailTaleLibrary.transports.visit_answers import ItemAnswer
from FailTaleLibrary.transports.visit_doubts import LoginDoubts, login_words
from FailTaleLibrary.transports.visit_host import KnownLogin, Shell, ShellHost
from FailTaleLibrary.transports.visit_lane import Lane
from FailTaleLibrary.transports.visit_request import Request, in_company, needs_no_shell, request
from FailTaleLibrary.transports.visit_times import BEAT_S, LAST_WORDS_S, beats, polite_s, ticks

_SIGNALS_S = 0.2
"""How long a login that started no shell may take to end, by each signal."""
LANE_AFTER_S = 1.0
"""An item that takes longer lets the others overtake it; on a crowded machine most take half a second."""
_LANE_WITHIN_S = 0.3
"""For a lane to open; meanwhile nobody listens to the others, so that it is better had a moment later."""
LANE_AGAIN_S = 2.0
"""Between two attempts at a lane."""
REVISITS = 2
"""After a visit that broke off."""
_SWEEP_WITHIN_S = 2.0
"""For a visit that does nothing but that."""
_SAYS_WITHIN_S = 2.5
"""Behind the end of an item whose time was up: so soon a healthy host has ended it, or says that it cannot."""
_STILL_S = 1.0
"""Whoever was heard so lately still sends: by a filter, or over a link, that is slow."""
_LOOK_UP_S = 0.2
"""How often the cancel event and the time are looked at. Each look costs more than an answer that has come."""
_ROOM_AT_FIRST_S, _ROOM_S = 0.003, 0.01
"""How soon it is looked at again whether a host takes more of what it is sent: OpenSSH does as soon as it has started a
login, which then takes some milliseconds to say hello. Nothing tells us."""
_BEHIND_S, _BEHIND_SHARE = 0.3, 0.25
"""A wait so much longer than it should be shows that this machine is too busy; such a share of a visit is told."""
_ENDS_EARLY = "that stays until it has read what to do (is its standard input taken away, or are its limits too low?)"
_NO_NULL = "that can use /dev/null: each needs it, as a device that everybody may read and write (mknod -m 666, c 1 3)"
_TALKS = "within the megabyte that it prints first"
"""What the shell of a login lacks; see `ShellHost.no_shell`."""
_STARTS_NOTHING = (
    "that can do what it is sent, but one that ends by itself (are its limits too low for more processes: `ulimit -u`, "
    "`pids.max`?)"
)
_NO_STDERR = "its standard error is missing: the login passes none on"
_Selector = getattr(selectors, "PollSelector", selectors.DefaultSelector)


@dataclass(frozen=True, slots=True)
class VisitOutcome:
    """How a visit went, beside its results."""

    in_order: bool
    """All shells ended as they should; else nobody knows what state the connection is in."""
    learned: TransportError | None = None
    """What the next visit would meet again, so that it is better not tried for a while."""


def hold_visit(
    host: ShellHost, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult
) -> VisitOutcome:
    """Ask a host; see `Transport.visit`."""
    visit = _Visit(host, items, ends_at=ends_at, cancel=cancel, on_result=on_result)
    try:
        return visit.hold()
    finally:
        if visit.is_to_be_swept:
            _sweep(host, ends_at=min(ends_at, time.monotonic() + _SWEEP_WITHIN_S), cancel=cancel)


def _sweep(host: ShellHost, *, ends_at: float, cancel: threading.Event) -> None:
    """End what a visit has left whose processes somebody has killed on the host: no later visit may come."""
    nothing = VisitItem("sweep", Script("true"), _SWEEP_WITHIN_S, 1)
    with contextlib.suppress(TransportError):  # told by whoever asks it next
        _Visit(host, [nothing], ends_at=ends_at, cancel=cancel, on_result=lambda *_: None).hold()


def visit_for_one(
    visit: Callable[..., None],
    script: Script,
    *,
    timeout_s: float,
    max_bytes: int,
    cancel: threading.Event,
    known: KnownLogin | None = None,
) -> CommandResult:
    """The result of one script, by a visit of its own; see `Transport.run`.

    ``known``: a host that was slow before gets more time to end the script, as much again as its limit at most.
    """
    results: list[CommandResult] = []
    slack_s = min(known.slack_s, timeout_s) if known else 0.0
    ends_at = time.monotonic() + timeout_s + 2 * BEAT_S + polite_s(script.producer) + LAST_WORDS_S + slack_s
    item = VisitItem("", script, timeout_s, max_bytes)
    visit([item], ends_at=ends_at, cancel=cancel, on_result=lambda _, result: results.append(result))
    return results[0]


class _Visit:
    def __init__(
        self, host: ShellHost, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult
    ) -> None:
        self._host = host
        self._given = items
        self._items = self._known_items()
        self._was_ready = False
        """Whether a shell ever told the host's clock."""
        self._ends_at = ends_at
        self._cancel = cancel
        self._on_result = on_result
        self._active: list[Lane] = []
        self._told: set[int] = set()
        self._partial: dict[int, CommandResult] = {}
        """Of items that broke off in one lane while another might still bring them."""
        self._began = time.monotonic()
        self._ending = ""
        """``cancelled`` or ``late``, once it has to end."""
        self._over_at = ends_at
        self._attempts = 0
        self._next_lane_at = self._began
        self._lost = ""
        """How the last lane broke off."""
        self._early_end: TransportError | None = None
        """The host's error, where the last shell ended by itself ahead of its work."""
        self._in_order = True
        self._may_batch = True
        """Not once a batch broke off: then each item is run by itself."""
        self._doubts = LoginDoubts(host, self._request, ends_at=ends_at)
        self._behind_s = 0.0
        """For how long this machine was too busy to listen."""
        self._did_nothing = 0
        """Shells that ended by themselves ahead of any item's end."""
        self._learned: TransportError | None = None
        self._broke_off_alive = False
        """Whether a shell of it has gone while the way to the host was there."""

    def _known_items(self) -> dict[int, VisitItem] | None:
        """By their numbers; None where they are made for a clock."""
        return None if callable(self._given) else dict(enumerate(self._given))

    def hold(self) -> VisitOutcome:
        try:
            self._open(self._host.start)
            while self._active and not self._is_answered() and time.monotonic() < self._over_at:
                self._step()
            self._tell_what_is_missing()
        finally:
            self._leave()
        return VisitOutcome(self._in_order, self._learned)

    def _leave(self) -> None:
        """A host that is hung up on ends in a hurry, by more processes than one whose visit is over."""
        if len(self._active) == 1 and self._is_answered() and self._active[0].is_at_rest:
            self._active[0].shell.leave()
            return
        lanes = [*self._active, *([self._doubts.probe] if self._doubts.probe else [])]
        self._end_logins([lane for lane in lanes if not lane.said_hello and not lane.shell.was_cut])
        for lane in lanes:
            lane.shell.close()

    def _end_logins(self, lanes: Sequence[Lane]) -> None:
        """Whatever they started in place of a shell, it has nothing to do any more.

        Of a login that has got its text already, the shell may have begun: it ignores TERM and ends in good order.
        """
        for lane in lanes:
            lane.hang_up()
        for name in ("TERM", "KILL"):
            lanes = [lane for lane in lanes if not lane.shell.ended and not (lane.known and name == "KILL")]
            until = time.monotonic() + _SIGNALS_S
            for lane in lanes:
                lane.shell.send_signal(name)
            while (alive := [lane for lane in lanes if not lane.shell.ended]) and time.monotonic() < until:
                _wait_for(alive, until - time.monotonic())
                for lane in alive:
                    lane.take()

    @property
    def is_to_be_swept(self) -> bool:
        """Whether the host may still run what nobody there will end, and can be asked to."""
        return self._broke_off_alive and bool(self._host.known.broken_off) and not self._cancel.is_set()

    def _is_answered(self) -> bool:
        return self._items is not None and len(self._told) == len(self._items)

    def _step(self) -> None:
        probe = self._doubts.probe
        waited = _wait_for([*self._active, *([probe] if probe is not None and not probe.shell.ended else [])])
        if waited > _LOOK_UP_S + _BEHIND_S:
            self._was_behind(waited - _LOOK_UP_S)
        self._end_in_time()
        if probe is not None:
            probe.take()
        for lane in list(self._active):
            with turn.taken():
                for number, answer in lane.take():
                    if number in lane.batched and lane.was_sent_ahead and lane.reader.beside is None:
                        # else their ends come in bunches, at a first failure beside what is still loaded
                        with_errors = lane.reader.has_errors(answer)
                        self._host.known.answered(answer.item.id, answer.elapsed_s, with_errors=with_errors)
                    if answer.why == "late":
                        self._host.known.ended_behind_limit(answer.behind_end_s)
                    self._tell(number, self._result(lane, answer))
            for item in lane.reader.unsure_items:
                self._host.known.answered(item.id, 0.0, with_errors=True)
            lane.send()  # with what it was asked for just now
            self._look_at_time()  # what came may have taken long, and its guard ends a shell behind the time limit
            self._look_after(lane)
        if self._is_waiting():
            self._next_lane_at = time.monotonic() + LANE_AGAIN_S
            self._open(self._host.start_another, within_s=_LANE_WITHIN_S)

    def _was_behind(self, seconds: float) -> None:
        self._behind_s += seconds
        for lane in [*self._active, *([self._doubts.probe] if self._doubts.probe else [])]:
            lane.was_not_listened_to(seconds)

    # Lanes

    def _open(self, start: Callable[..., Shell | None], *, within_s: float = math.inf) -> None:
        login = self._host.known
        expected = None if self._active or self._attempts else login.expected_start()
        lasts_s = self._ends_at - time.monotonic() + BEAT_S
        with turn.taken():
            make = self._request_to_gate if login.has_gate else self._request
            lane = Lane(make, login, lasts_s=lasts_s, expected=expected)
        shell = start(lane.command_line, wait_s=min(within_s, max(0.1, self._ends_at - time.monotonic())))
        if shell is not None:
            lane.shell, lane.opened_at = shell, time.monotonic()
            lane.send()
            self._active.append(lane)

    def _left(self, start: VisitStart) -> dict[int, VisitItem]:
        """What a shell is to do: all that nobody has begun, a lane from the end."""
        if self._items is None:
            self._items = dict(enumerate(self._given(start) if callable(self._given) else self._given))
        begun = self._begun
        left = [number for number in self._items if number not in begun]
        if len(self._active) > 1:
            left.reverse()
        return {number: self._items[number] for number in left}

    def _request_to_gate(self, nonces: tuple[str, str], start: VisitStart) -> Request:
        items = self._left(start)
        for number in [number for number, item in items.items() if item.script.question is None]:
            del items[number]
            self._tell(number, CommandResult.not_started(NO_TEXTS))
        lasts = beats(self._ends_at - time.monotonic() + BEAT_S)
        ticks_of = {number: ticks(item.timeout_s) for number, item in items.items()}
        asked = gate_request(nonces, items, ticks_of=ticks_of, beats=lasts)
        return Request(items, frozenset(), words="", lines="", to_gate=asked)

    def _request(self, nonces: tuple[str, str], start: VisitStart) -> Request:
        items = self._left(start)
        may_batch = self._may_batch and len(self._active) < 2 and not self._host.known.mixes_streams
        batched = frozenset(in_company(items) if may_batch else ())
        self._may_batch = False
        lasts_s = self._ends_at - time.monotonic() + BEAT_S
        sweeps, as_one = self._host.known.broken_off, self._host.known.mixes_streams
        beside = self._worth_beside(items) if len(batched) == len(items) else None
        return request(nonces, items, batched=batched, beside=beside, lasts_s=lasts_s, sweeps=sweeps, as_one=as_one)

    def _worth_beside(self, items: Mapping[int, VisitItem]) -> int | None:
        """The number of the one that is to run beside the others, where that makes the visit shorter.

        Where many hosts are asked, which may share their processors, it would only cost. What follows a batch would
        wait for whatever such an item leaves running.
        """
        if not crowd.is_small or len(items) < 2:
            return None
        chosen = self._host.known.worth_beside([item.id for item in items.values()])
        return next((number for number, item in items.items() if item.id == chosen and needs_no_shell(item)), None)

    def _is_waiting(self) -> bool:
        """Whether one item makes others wait for whom nobody has asked."""
        if time.monotonic() < self._next_lane_at or self._ending or len(self._active) != 1 or self._items is None:
            return False
        (lane,) = self._active
        number = lane.running
        others = len(self._items) - len(self._begun)
        return number is not None and others > 0 and lane.answers[number].elapsed_s > LANE_AFTER_S

    @property
    def _begun(self) -> set[int]:
        """What no further lane is asked for: it was told, or is under way, or a lane broke off with it."""
        return self._told.union(self._partial, *(lane.reader.begun for lane in self._active))

    @property
    def _last_words_s(self) -> float:
        """At the end of its time; a slow host is hung up on earlier, else what its filters hold is lost."""
        return min(LAST_WORDS_S + self._host.known.slack_s, (self._ends_at - self._began) / 4)

    def _end_in_time(self) -> None:
        self._look_at_time()
        if self._ending:
            for lane in self._active:
                lane.reader.take_in_beside()
                lane.hang_up()

    def _look_at_time(self) -> None:
        if not self._ending and self._cancel.is_set():
            self._ending, self._over_at = "cancelled", min(self._ends_at, time.monotonic() + LAST_WORDS_S)
        elif not self._ending and time.monotonic() > self._ends_at - self._last_words_s:
            self._ending = "late"

    def _look_after(self, lane: Lane) -> None:
        self._was_ready = self._was_ready or lane.is_ready
        if lane.answers and lane.request is not None and lane.request.sweeps:
            self._host.known.was_swept(lane.request.sweeps)
        if lane.shell.ended and not lane.said_hello and not lane.to_gate and is_gate(lane.talk):
            self._knock_at_gate(lane)
            return
        if self._is_told_to_lack_exec(lane) and not self._ending:
            self._host.known.lacks_exec = True
            self._doubts.end_probe()
            self._end_logins([lane])
            self._begin_anew(lane)
            return
        is_program = self._host.known.is_program
        if lane.said_hello:
            self._host.known.said_hello()
            self._doubts.end_probe()
            if is_program and lane.shell.ended and not lane.is_ready and lane.talk and not self._ending:
                raise self._host.no_shell(login_words(lane.talk))
        elif (is_program or not lane.known) and not self._ending and not lane.shell.was_cut:
            self._doubts.look_for_hello(lane)
        if lane.lacks_clock:
            lane.start_without_clock()
        if lane.said_hello and not (lane.is_ready or lane.is_misled or lane.known or lane.is_hung_up or is_program):
            self._doubts.look_for_start(lane)
        if lane.lacks_what_was_sent and not (is_program or self._ending):
            self._begin_without_sending_ahead(lane)
            return
        running = lane.answers.get(lane.running) if lane.running is not None else None
        if running is not None and running.beat_late_s:
            self._host.known.beat_late(running.beat_late_s, slack_s=running.slack_s)
        if lane.is_misled:
            self._begin_anew(lane)
        elif lane.is_over:
            self._retire(lane)
        elif lane.is_flooded:
            if not (lane.said_hello or lane.to_gate):
                raise self._host.no_shell(login_words(lane.talk), lacks=_TALKS)
            self._in_order, self._attempts = False, REVISITS
            self._retire(lane, lost="connection lost: the host sent far more than it was asked for,")
        elif running is not None and running.is_overdue(self._host.known.slack_s + self._behind_s):
            self._in_order = False
            self._retire(lane, lost=self._late_end([lane]))
        elif running is not None and lane.is_minded_by_client and running.is_late and not self._ending:
            self._end_batch(lane, running)
        elif self._is_overtaken(lane):
            lane.shell.close()
            self._active.remove(lane)

    def _knock_at_gate(self, lane: Lane) -> None:
        """What was taken for a shell is a gate: begin anew as it wants to be spoken to."""
        lane.shell.close()
        self._active.remove(lane)
        self._items = self._known_items()
        self._host.known.has_gate = True
        self._open(self._host.start)

    def _is_told_to_lack_exec(self, lane: Lane) -> bool:
        login = self._host.known
        if lane.said_hello or lane.to_gate or login.is_program or login.lacks_exec:
            return False
        return self._doubts.tells_to_lack_exec(lane)

    def _begin_anew(self, lane: Lane) -> None:
        """As if nothing had been sent: somebody has set the host's clock since, or its login wants other words."""
        lane.shell.close()
        self._active.remove(lane)
        self._items = self._known_items()
        self._may_batch = True
        self._attempts += 1
        self._open(self._host.start)

    def _begin_without_sending_ahead(self, lane: Lane) -> None:
        self._host.known.reads_ahead = True
        if not self._was_ready and len(self._active) == 1:
            self._begin_anew(lane)
            return
        lane.shell.close()
        self._active.remove(lane)
        if not self._active:
            self._attempts += 1
            self._open(self._host.start)

    def _is_overtaken(self, lane: Lane) -> bool:
        """Whether it begins what another one has begun: then that one has all the others as well."""
        number = lane.running
        if any(answer.ends == 1 for answer in lane.answers.values()):
            return False  # the other stream's end is under way
        return number is not None and any(
            other is not lane and number in other.answers and other.answers[number].began <= lane.answers[number].began
            for other in self._active
        )

    def _end_batch(self, lane: Lane, late: ItemAnswer) -> None:
        """For an item whose time is up; the others are asked for again once the host has ended the batch.

        It is told with the lane's end, or once the host has had the time to say that it cannot be ended.
        """
        late.why = "late"
        lane.hang_up()
        is_due = late.is_stuck or late.behind_end_s > _SAYS_WITHIN_S + self._host.known.slack_s
        if lane.running is not None and is_due:
            self._tell(lane.running, self._result(lane, late))

    def _retire(self, lane: Lane, *, lost: str = "") -> None:
        """A lane has ended: keep what it brought, and ask again for what it did not begin."""
        lane.reader.take_the_rest()
        self._active.remove(lane)
        if lane.was_broken_off and lane.request is not None and lane.request.mark:
            self._host.known.was_broken_off(lane.request.mark)
            self._broke_off_alive = self._broke_off_alive or not lane.shell.was_cut
        self._lost = lost or self._how_it_ended(lane)
        if lane.is_ready and not (
            lost or lane.is_finished or lane.is_hung_up or any(a.why for a in lane.answers.values())
        ):
            self._did_nothing += lane.shell.ended_by_itself()
        early = lane.ended_early and not lost
        if early:
            self._did_nothing += lane.shell.ended_by_itself()
        is_rule = early and not self._was_ready and lane.shell.ended_well()  # it will be as short-lived again
        lacks = _NO_NULL if b"/dev/null:" in lane.talk else _ENDS_EARLY
        self._early_end = self._host.no_shell(login_words(lane.talk), lacks=lacks) if early else None
        for number, answer in lane.answers.items():
            if number in self._told:
                continue
            if lane.reader.lacks_stderr and answer.ends:
                self._host.known.mixes_streams = True  # from the next visit on
                self._partial[number] = answer.result(lane.items_nonce, incomplete=_NO_STDERR)
            elif number in lane.batched and answer.why == "late":
                self._tell(number, self._result(lane, answer))
            elif number not in lane.batched or not lane.is_finished:
                self._partial[number] = self._result(lane, answer, broke_off=True)
            elif self._ending:  # else it or another one reached the bounds of the batch, and is asked for again
                answer.why = "cancelled"
                self._partial[number] = self._result(lane, answer)
        if lane.is_finished and not lost:
            lane.shell.leave()  # asyncssh (2.24) ends the whole connection where a client closes a channel ahead of it
        else:
            lane.shell.close()
        if self._active or self._ending:
            return
        self._tell_partial()
        if is_rule and self._early_end is not None:
            raise self._early_end
        if self._did_nothing > REVISITS:
            self._learned = self._host.no_shell(login_words(lane.talk), lacks=_STARTS_NOTHING)
        if not self._is_answered() and self._attempts < REVISITS:
            self._attempts += 1
            self._ask_again(lane)

    def _how_it_ended(self, lane: Lane) -> str:
        """Of a lane; empty where it finished, or was ended for us by its own guard, which may find it stuck."""
        if lane.is_finished:
            return ""
        if self._ending and not lane.shell.was_cut:
            return self._late_end([lane])
        is_ours = lane.is_hung_up and not (lane.is_doubted or lane.shell.was_cut)
        return "" if is_ours else lane.shell.why_ended()

    def _ask_again(self, lane: Lane) -> None:
        self._host.known.forget_start()
        if not lane.said_hello:
            self._host.known.has_shell = False
        try:
            self._open(self._host.start)
        except TransportError as error:
            if not self._told:
                raise
            self._lost = f"connection lost: {str(error).rstrip('.')},"

    # Results

    def _result(self, lane: Lane, answer: ItemAnswer, *, broke_off: bool = False) -> CommandResult:
        after = f"after {answer.elapsed_s:.1f} s"
        if lane.to_gate and (refusal := why_not_run(answer.why, answer.item.script.collector, self._host.name)):
            return CommandResult.not_started(refusal)
        if self._ending == "cancelled" and (broke_off or answer.why == "cancelled"):
            return answer.result(lane.items_nonce, incomplete=f"cancelled {after}")
        if not broke_off:
            late = answer.why == "cancelled"
            changed = lane.changed or None
            return answer.result(lane.items_nonce, timed_out=late, incomplete=changed, is_mixed=lane.is_mixed)
        held = "a process that FailTale cannot end held its output"
        if slow := self._slow:  # then nobody knows whether it can be ended
            held = f"the host was {slow} and gave up ending the command"
        late = self._ending == "late" or answer.elapsed_s >= answer.item.timeout_s
        incomplete = f"{self._lost or held} {after}"
        return answer.result(lane.items_nonce, timed_out=late, incomplete=incomplete, is_mixed=lane.is_mixed)

    @property
    def _slow(self) -> str:
        """Of a host that was seen to be slow: a word for it, with the reason; else empty."""
        slow = self._host.known.slow
        return f"slow ({slow})" if slow else ""

    @property
    def _is_ours(self) -> bool:
        """Whether this machine was too busy, or stopped, for so long that nothing can be said of the host."""
        return self._behind_s > _BEHIND_SHARE * (time.monotonic() - self._began)

    def _late_end(self, lanes: Sequence[Lane]) -> str:
        """How lanes are broken off whose time is up."""
        if self._is_ours:
            late = f"late by {self._behind_s:.1f} s in all"
            return f"connection lost: this machine was too busy to hear the host in time ({late}),"
        is_heard = any(time.monotonic() - lane.heard_at < _STILL_S for lane in lanes)
        was = " and ".join(filter(None, [self._slow, "still sending" if is_heard else "silent"]))
        return f"connection lost: the host was {was} at the time limit,"

    def _tell(self, number: int, result: CommandResult) -> None:
        if number not in self._told and self._items is not None:
            self._told.add(number)
            self._on_result(self._items[number].id, result)

    def _tell_partial(self) -> None:
        for number, result in self._partial.items():
            self._tell(number, result)

    def _tell_what_is_missing(self) -> None:
        """At the end, whatever it was."""
        if self._is_answered():
            return
        self._in_order = self._in_order and not self._active
        if self._active and not self._lost:
            self._lost = self._late_end(self._active)
        for lane in self._active:
            for number, answer in lane.answers.items():
                self._partial.setdefault(number, self._result(lane, answer, broke_off=True))
        self._tell_partial()
        cancelled = self._ending == "cancelled"
        out_of_time = not (cancelled or self._lost) and (self._ending == "late" or time.monotonic() >= self._over_at)
        early = "not started: no time was left" if out_of_time else "not started: the host ended the visit"
        why = "cancelled" if cancelled else self._lost or early
        why = f"{why} after {time.monotonic() - self._began:.1f} s"
        if self._early_end is not None and not self._was_ready and not cancelled:
            raise self._early_end
        if self._items is None or (callable(self._given) and not self._was_ready):
            reason = "cancelled" if cancelled else "timed out" if self._is_ours else "no answer"
            raise TransportError(reason, f"not run: {why}")
        for number in self._items:
            self._tell(number, CommandResult.not_started(why, timed_out=out_of_time))


def _wait_for(lanes: Sequence[Lane], most_s: float = _LOOK_UP_S) -> float:
    """Until something has come, or a moment; how long that took.

    By `poll`, which is one call of the system; `epoll` is five, and after each a thread waits for its turn where others
    compute.
    """
    began = time.monotonic()
    with _Selector() as selector:
        for lane in lanes:
            for fileno in lane.shell.filenos():
                selector.register(fileno, selectors.EVENT_READ)
        for lane in lanes:
            if lane.has_more_to_send:
                most_s = min(most_s, _ROOM_AT_FIRST_S if began - lane.opened_at < _ROOM_S else _ROOM_S)
        selector.select(max(0.0, min(most_s, _LOOK_UP_S)))
    return time.monotonic() - began
