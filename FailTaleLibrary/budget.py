"""What one failure may still cost -> a number, or the sentence that says which limit is used up.

One `Budget` serves one failure: its deadline on a monotonic clock, and, once a plan names the hosts, the time and the
bytes of each. All bytes are bytes of UTF-8, never characters. Safe to use from any thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Plan, SafeText, Step, our_words

GRACE_S = 2.0
"""A transport ends a command this long after its limit at the latest; of a short time a quarter is kept for it."""
MIN_ITEM_BYTES = 1024
"""With less than this of a byte budget left, a host is given no further item."""
STDERR_BYTES = 4096
"""Of a command's stderr kept in an item."""
FAILURE_TIME = our_words("limits.failure_time")
_LEAST_RANKING_S = 0.5
"""For ranking, also where the collection took all the time: a card without suspects says little."""
_LEAST_REMEMBERING_S = 0.2
"""For what later failures are to know of this one's lines."""
STOPPED_RANKING_S = 0.2
"""For ranking once somebody has pressed Ctrl-C: all that is shown behind it has about a second."""
_READING_S = 2.0
"""Of a host's time, for what it says at the end: that is still to be searched for secrets. Of a short time a sixth."""
_DRAWING_S = 3.0
"""Of a failure's time, for the card and the bundle, and as much again for ranking; of a short time less."""
_DRAWING_CPU_S = 0.18
"""So much processor either of them takes at a run's first failure: where we get little of one, more time is kept."""
_MOST_SLOWNESS = 20.0

_FEW_ITEMS = 1000
_ITEM_S = 0.001
"""Of a failure's time, for each item beyond those few: it is stored, ranked, remembered and drawn in less."""

_OWNERS = {
    "limits.run_time": our_words("the run's time"),
    "limits.failure_time": our_words("the failure's time"),
    "limits.host_time": our_words("the host's time"),
    "limits.host_bytes": our_words("the host's number of bytes"),
    "limits.failure_bytes": our_words("the host's share of the failure's bytes"),
}


class Budget:
    """The time of one failure; `for_hosts` divides it, and the failure's bytes, among the hosts of a plan."""

    def __init__(
        self,
        time_s: float,
        *,
        limit: SafeText = FAILURE_TIME,
        spent_s: float = 0.0,
        slowness: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The time begins now, with ``spent_s`` of it over. ``limit`` names where the number comes from, for a gap.

        ``slowness``: how many seconds this machine takes for one of its processor's.
        """
        self.time_s = time_s
        self.limit = limit
        self.is_of_caller = False
        """Whether somebody who waits has set it, below what the configuration gives."""
        self._spent_s = spent_s
        self._slowness = slowness
        self._clock = clock
        self._ends = clock() + time_s - spent_s

    @classmethod
    def of_caller(cls, time_s: float, *, deadline_s: float) -> Budget:
        """What is left of the deadline that a caller has set."""
        budget = cls(time_s, limit=our_words("the caller's deadline_s of {:g} s", deadline_s))
        budget.is_of_caller = True
        return budget

    @property
    def left_s(self) -> float:
        """Seconds that are left; 0 when it is used up."""
        return max(0.0, self._ends - self._clock())

    @property
    def command_s(self) -> float:
        """Seconds that a command may still take so that it has ended in time, whatever it does."""
        return max(0.0, self.left_s - min(GRACE_S, self.time_s / 4))

    @property
    def used_up(self) -> SafeText:
        """The sentence of a gap when no time is left; empty while there is some."""
        return our_words("") if self.left_s > 0 else _used_up(self.limit)

    def part(self, time_s: float, *, limit: SafeText = FAILURE_TIME) -> Budget:
        """A time of its own that begins now, by the same clock."""
        return Budget(time_s, limit=limit, clock=self._clock)

    @property
    def drawing_s(self) -> float:
        """Seconds that are kept for the card and the bundle."""
        time_s = max(0.0, self.time_s)
        return min(max(min(_DRAWING_S, time_s / 8), _DRAWING_CPU_S * self._slowness), time_s / 4)

    def for_collecting(self, items: int) -> Budget:
        """What is left of it for collecting so many items, without what is kept for what follows; at least half."""
        kept_s = max(0, items - _FEW_ITEMS) * _ITEM_S
        if not kept_s:
            return self
        collecting = self.part(max(self.left_s / 2, self.left_s - kept_s), limit=self.limit)
        collecting.is_of_caller = self.is_of_caller
        return collecting

    def without_what_follows(self) -> Budget:
        """What it begins with for collecting, without what is kept for ranking, the card and the bundle."""
        return self.part(max(0.0, self.time_s - self._spent_s - 2 * self.drawing_s), limit=self.limit)

    def for_ranking(self) -> Budget:
        """What is left of it for ranking, without what is kept for the card and the bundle; never nothing."""
        return self.part(max(_LEAST_RANKING_S, self.left_s - self.drawing_s))

    def for_remembering(self) -> Budget:
        """What is left of it for what later failures are to know of this one, without what is kept for the card."""
        return self.part(max(_LEAST_REMEMBERING_S, self.left_s - self.drawing_s))

    def is_over_by(self, stop: threading.Event, *, stopped_s: float = STOPPED_RANKING_S) -> Callable[[], bool]:
        """Whether its time is over; once ``stop`` is set, a moment is left, ``stopped_s``."""

        stopped: list[float] = []

        def is_over() -> bool:
            if stop.is_set() and not stopped:
                stopped.append(self._clock() + stopped_s)
            return self.left_s <= 0 or any(ends <= self._clock() for ends in stopped)

        return is_over

    def empty_plan(self, failure_id: str) -> Plan:
        """The plan of a collection that could ask nobody."""
        return Plan(
            failure_id=failure_id,
            deadline_s=self.time_s,
            max_bytes=0,
            host_time_s=self.time_s,
            host_bytes=0,
            parallel_hosts=0,
        )

    def for_hosts(self, plan: Plan) -> dict[str, HostBudget]:
        """Each host's own budget, by the numbers of the plan."""
        hosts = tuple(dict.fromkeys(step.host for step in plan.steps))
        shared = _SharedBytes(plan.max_bytes, hosts)
        return {
            host: HostBudget(host, failure=self, time_s=plan.host_time_s, max_bytes=plan.host_bytes, shared=shared)
            for host in hosts
        }


def slowness_of_this_thread() -> float:
    """How many seconds it has taken so far for one of the processor's: much, where many compute or a quota is used up.

    As the system counts it (Linux); 1 where it does not.
    """
    try:
        worked, waited, _ = map(int, Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return 1.0
    return min(_MOST_SLOWNESS, 1.0 + waited / max(1, worked))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one step may cost now."""

    timeout_s: float
    max_bytes: int
    """Of the item that the card shows."""
    travelling_bytes: int
    """Of what the host sends: a bundle keeps more of an item than the card does."""
    is_bound_by_way: bool = False
    """Whether no more can travel from this host."""


class HostBudget:
    """The time and the bytes of one host for one failure.

    A context manager: the time begins when it is entered, and when it is left the unused bytes are the other hosts'.
    """

    def __init__(self, host: str, *, failure: Budget, time_s: float, max_bytes: int, shared: _SharedBytes) -> None:
        self._host = host
        self._failure = failure
        self._max_bytes = max_bytes
        self._shared = shared
        self._time = failure.part(time_s, limit=our_words("limits.host_time"))

    def __enter__(self) -> HostBudget:
        self._time = self._failure.part(self._time.time_s, limit=self._time.limit)
        return self

    def __exit__(self, *error: Any) -> None:
        self._shared.release(self._host)

    @property
    def limit(self) -> SafeText:
        """What ends this host's time first: its own limit, or that of the failure."""
        return self._scarcer.limit

    @property
    def _scarcer(self) -> Budget:
        return min(self._time, self._failure, key=lambda each: each.command_s)

    @property
    def left_s(self) -> float:
        """Seconds that are left to this host: of its own time and of the failure's."""
        return min(self._time.left_s, self._failure.left_s)

    @property
    def visit_s(self) -> float:
        """Seconds that a visit may still last, so that its last answers are evidence in time."""
        return max(0.0, self.left_s - min(_READING_S, min(self._time.time_s, self._failure.time_s) / 6))

    @property
    def visit_used_up(self) -> SafeText:
        """Why a visit that took all of its time started nothing more, in a sentence."""
        return _used_up(self.limit)

    @property
    def bytes_limit(self) -> str:
        """Which limit is the scarcer for what may still be kept of this host, by its name in the configuration."""
        is_own = self._own_left_bytes <= self._shared.left(self._host)
        return "limits.host_bytes" if is_own else "limits.failure_bytes"

    @property
    def left_bytes(self) -> int:
        """Bytes of items that may still be kept of this host."""
        return min(self._own_left_bytes, self._shared.left(self._host))

    @property
    def used_up(self) -> SafeText:
        """Why no further step is asked, in a sentence; empty while one may be."""
        if self._scarcer.command_s <= 0:
            return _used_up(self.limit)
        return self.bytes_used_up

    @property
    def bytes_used_up(self) -> SafeText:
        """Why nothing more may be kept, whatever the time; empty while something may be."""
        if self._own_left_bytes < min(MIN_ITEM_BYTES, self._max_bytes):
            return _used_up(our_words("limits.host_bytes"))
        if self._shared.left(self._host) < max(1, min(MIN_ITEM_BYTES, self._shared.share)):
            return _used_up(our_words("limits.failure_bytes"))
        return our_words("")

    def allowance(self, step: Step, *, most_bytes: int | None = None) -> Allowance:
        """What this step may cost; ask `used_up` first. ``most_bytes``: more cannot travel from this host."""
        max_bytes = min(step.max_bytes, self.left_bytes, most_bytes or step.max_bytes)
        return Allowance(
            timeout_s=min(step.timeout_s, self._time.command_s, self._failure.command_s),
            max_bytes=max_bytes,
            travelling_bytes=max(max_bytes, min(step.bundle_bytes, most_bytes or step.bundle_bytes)),
            is_bound_by_way=most_bytes is not None and max_bytes == most_bytes < step.max_bytes,
        )

    def take(self, wanted: int) -> int:
        """Of ``wanted`` bytes as many as may be kept; they are used up with that."""
        return self._shared.take(self._host, min(wanted, self._own_left_bytes))

    @property
    def _own_left_bytes(self) -> int:
        return max(0, self._max_bytes - self._shared.taken(self._host))


class _SharedBytes:
    """A failure's bytes: every host has its fair share, and beyond that what hosts that are done have left over."""

    def __init__(self, total: int, hosts: Collection[str]) -> None:
        self.share = total // max(1, len(hosts))
        self._total = total
        self._taken = dict.fromkeys(hosts, 0)
        self._reserved = dict.fromkeys(hosts, self.share)
        self._claimed = self.share * len(self._taken)
        """What each host has taken or has reserved, whichever is more, in all."""
        self._lock = threading.Lock()

    def taken(self, host: str) -> int:
        return self._taken[host]

    def left(self, host: str) -> int:
        """As it was a moment ago, for whoever plans with it: only `take` is sure, and waits for nobody but others' own.

        Fifty hosts that ask for it eight times an item would wait for each other.
        """
        taken = self._taken[host]
        return max(0, self._total - (self._claimed - self._claim(host)) - taken)

    def take(self, host: str, wanted: int) -> int:
        with self._lock:
            granted = min(wanted, self.left(host))
            claimed = self._claimed - self._claim(host)
            self._taken[host] += granted
            self._claimed = claimed + self._claim(host)
            return granted

    def release(self, host: str) -> None:
        """The host is done: what it has not used is free for the others."""
        with self._lock:
            claimed = self._claimed - self._claim(host)
            self._reserved[host] = 0
            self._claimed = claimed + self._claim(host)

    def _claim(self, host: str) -> int:
        return max(self._taken[host], self._reserved[host])


def _used_up(limit: SafeText) -> SafeText:
    owner = _OWNERS.get(limit, our_words("the time"))
    return our_words("skipped: {} ({}) is used up", owner, limit)
