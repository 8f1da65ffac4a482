"""What was true on each host when a window began: clock, log positions, journal cursor, baselines.

`Marks.window_began` returns at once; a daemon thread per host asks. At most one mark is under way per host and one a
second is taken: a test that begins meanwhile uses the last earlier mark, from which the time filter leads to its own
start.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.transports import Connections, Script, Transport
from FailTaleLibrary.windows import HostMark, mark_script, parse_mark

MIN_INTERVAL_S = 1.0
"""Between two marks of one host."""
MARK_TIMEOUT_S = 5.0
MARK_BYTES = 1024 * 1024
"""Of a mark's answer; baselines make the most of it."""
_KEPT = 48
_RECENT = 16


@dataclass(frozen=True, slots=True)
class TakenMark:
    """One host's mark and when it was taken, on the test machine's clock."""

    mark: HostMark
    sent_at: datetime
    received_at: datetime
    """Clock and positions in it were read between these two."""

    @property
    def clock(self) -> ClockReading:
        """What this mark tells about the host's clock."""
        unsure_s = 1.0 if self.mark.whole_seconds else 0.0  # such a host does not tell the fraction
        return ClockReading(
            least_s=self.mark.epoch - self.received_at.timestamp(),
            most_s=self.mark.epoch + unsure_s - self.sent_at.timestamp(),
        )


@dataclass(frozen=True, slots=True)
class ClockReading:
    """How far a host's clock is ahead of ours: at least and at most, in seconds."""

    least_s: float
    most_s: float

    @property
    def uncertainty_s(self) -> float:
        return (self.most_s - self.least_s) / 2

    @property
    def offset_s(self) -> float:
        """Host minus ours; 0 where both may as well be equal."""
        return 0.0 if self.least_s <= 0 <= self.most_s else (self.least_s + self.most_s) / 2

    @property
    def for_a_start_s(self) -> float:
        """What to add to a start on our clock so that no line of the host's is missed."""
        return 0.0 if self.offset_s == 0 else self.least_s

    def narrowed(self, others: Iterable[ClockReading]) -> ClockReading:
        """With what other readings tell; those that contradict it are from before somebody set the clock."""
        least_s, most_s = self.least_s, self.most_s
        for other in others:
            if max(least_s, other.least_s) <= min(most_s, other.most_s):
                least_s, most_s = max(least_s, other.least_s), min(most_s, other.most_s)
        return ClockReading(least_s, most_s)


def take_mark(
    transport: Transport, script: str, *, cancel: threading.Event, timeout_s: float = MARK_TIMEOUT_S
) -> TakenMark:
    """One mark, now. Raises TransportError or ValueError when the host gives none."""
    sent_at = datetime.now(timezone.utc)
    result = transport.run(Script(script), timeout_s=timeout_s, max_bytes=MARK_BYTES, cancel=cancel)
    received_at = datetime.now(timezone.utc)
    return TakenMark(mark=parse_mark(result.stdout), sent_at=sent_at, received_at=received_at)


class Marks:
    """The marks of a run, per host. Safe to use from any thread."""

    def __init__(self, config: Config, connections: Connections) -> None:
        self._connections = connections
        self._hosts = (
            {}
            if config.marks == "off"
            else {host: _HostMarks(mark_script([c for _, c in config.collectors_for(host)])) for host in config.hosts}
        )
        self._cancel = threading.Event()

    def window_began(self) -> None:
        """A window begins now: ask each host for a mark in the background, where one is due."""
        for host, marks in self._hosts.items():
            if self._connections.is_open(host) and marks.claim():
                threading.Thread(
                    target=self._take, args=(host, marks), name=f"failtale-mark-{host}", daemon=True
                ).start()

    def around(self, host: str, moment: datetime) -> tuple[TakenMark | None, TakenMark | None]:
        """The newest mark that was complete at a moment, and the first one after it; None where there is none."""
        marks = self._hosts.get(host)
        return marks.around(moment) if marks else (None, None)

    def clocks(self, host: str) -> tuple[ClockReading, ...]:
        """What the newest marks of a host tell about its clock."""
        marks = self._hosts.get(host)
        return marks.clocks() if marks else ()

    def close(self) -> None:
        """Ends marks that are under way."""
        self._cancel.set()

    def _take(self, host: str, marks: _HostMarks) -> None:
        taken = None
        try:
            taken = take_mark(self._connections.transport(host), marks.script, cancel=self._cancel)
        except (FailTaleError, ValueError, OSError):
            pass  # a host without a mark is no news; its collection will say what is wrong
        finally:
            marks.release(taken)


class _HostMarks:
    def __init__(self, script: str) -> None:
        self.script = script
        self._lock = threading.Lock()
        self._taken: list[TakenMark] = []
        self._under_way = False
        self._last_began = float("-inf")

    def claim(self) -> bool:
        """Whether a mark may be taken now; the caller then has to `release`."""
        with self._lock:
            if self._under_way or time.monotonic() - self._last_began < MIN_INTERVAL_S:
                return False
            self._under_way = True
            self._last_began = time.monotonic()
            return True

    def release(self, taken: TakenMark | None) -> None:
        with self._lock:
            self._under_way = False
            if taken is not None:
                self._taken.append(taken)
                self._thin_out()

    def around(self, moment: datetime) -> tuple[TakenMark | None, TakenMark | None]:
        with self._lock:
            earlier = [taken for taken in self._taken if taken.received_at <= moment]
            later = self._taken[len(earlier) :]
            return (earlier[-1] if earlier else None), (later[0] if later else None)

    def clocks(self) -> tuple[ClockReading, ...]:
        with self._lock:
            return tuple(taken.clock for taken in self._taken[-_RECENT:])

    def _thin_out(self) -> None:
        """Fewer of the old marks: a window that began long ago may start from an older one, it only reads more."""
        if len(self._taken) > _KEPT:
            self._taken = self._taken[:1] + self._taken[1:-_RECENT:2] + self._taken[-_RECENT:]
