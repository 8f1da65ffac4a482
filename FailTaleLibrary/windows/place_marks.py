"""The marks of one place, a host or a container on it: which are kept, when the next is due, why one is missing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.windows.clock import ClockReading
from FailTaleLibrary.windows.mark_command import MarkScripts
from FailTaleLibrary.windows.model import TakenMark

Place = tuple[str, tuple[str, ...]]
"""A host, and the prefix that leads into a container on it; an empty one for the machine itself."""

# Why there is no mark of a place, in a clause.
MARKS_OFF = "marks are off in the configuration"
NOT_ASKED = "nobody said that a test began"
OTHER_VALUES = "a variable of the tests had another value, or none, when the test began"
TOO_SOON = "the host had been asked shortly before"
UNDER_WAY = "one from shortly before was still under way"
KEEPER_LOST = "the process that takes marks has not told of any"
UNREACHED = "the host could not be reached shortly before"
PENDING = "it was asked for and had not come yet"

_LATE_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 600.0
"""Behind a mark that was cut off at its limit, and at most, where each further one in a row doubles it."""
KEPT = 48
"""Marks of a place, and moments at which one might have been taken."""
_RECENT = 16
_KEPT_BY_CALLERS = 64
DEAR_TIMEOUT_S = 20.0
DEAR_PAUSE_S = 30.0
"""Between two snapshots of a cluster, at least: three kubectl take a third of a second of processor time."""


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


class PlaceMarks:
    """Safe to use from any thread: those that take marks, and those that ask for them."""

    def __init__(self, scripts: MarkScripts, unasked: str = NOT_ASKED) -> None:
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
        self._late_in_a_row = 0
        """How many of the newest ones were cut off at their limit."""
        self.was_asked = False
        """Whether the host was ever asked, so that there may be a connection to it."""
        self._notes: deque[tuple[datetime, str]] = deque(maxlen=KEPT)
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
            self._notes = deque(told.notes, maxlen=KEPT)
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
            self._dear_due_at = now + DEAR_TIMEOUT_S + DEAR_PAUSE_S if is_due else self._dear_due_at
            return is_due

    def release_dear(self, taken: TakenMark | None, *, due_at: float) -> None:
        """Keeps what came; the next ones are due then."""
        with self._lock:
            self._dear_due_at = due_at
            if taken is not None:
                self._dear = [*self._dear[:1], *self._dear[1:][-KEPT:], taken]

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

    def pause_behind(self, *, was_late: bool) -> float:
        """How long the host is to be left alone behind a mark, at least, by whether that was cut off at its limit.

        A program that waits for a file system which hangs cannot be ended: each mark would leave another one there.
        """
        self._late_in_a_row = self._late_in_a_row + 1 if was_late else 0
        if not was_late:
            return 0.0
        return min(_LONGEST_PAUSE_S, _LATE_PAUSE_S * 2.0 ** min(10, self._late_in_a_row - 1))

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
        if len(self._taken) > KEPT:
            kept = set(map(id, self._kept))
            middle = enumerate(self._taken[1:-_RECENT])
            thinned = [taken for place, taken in middle if place % 2 == 0 or id(taken) in kept]
            self._taken = self._taken[:1] + thinned + self._taken[-_RECENT:]
