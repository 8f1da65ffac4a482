"""What every transport takes and gives: items of a visit -> their results."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Protocol

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.lazy import dataclass, replace

if TYPE_CHECKING:
    from FailTaleLibrary.transports.reach import Reach

HEADROOM_BYTES = 64 * 1024
"""The cap is the host's work; a transport's own cap only bounds what a faulty host sends, headings included."""
_LAST_EPOCH = 32_503_680_000.0
"""The year 3000. A clock that stands later is of no use: what lies so far apart leaves Python's calendar."""
_DRIFT = 1e-4


@dataclass(frozen=True, slots=True)
class Question:
    """A script in ids and numbers, as a gate takes it: the gate itself holds the texts."""

    id: str
    """The collector's name, or ``@marks``."""
    digest: str
    """Of the texts that the gate must hold for it."""
    words: tuple[str, ...] = ()
    """The numbers that the window decides, in the order of the collector's kind; ``-`` for none."""
    table: tuple[str, ...] = ()
    """Lines below it: marked files, or the collectors whose marks are wanted."""


@dataclass(frozen=True, slots=True)
class Script:
    """What to run on a host.

    Both texts may print frames, lines ``\\036$failtale_nonce WORD VALUE``: who names that variable gets it, and what it
    starts cannot see it.
    """

    producer: str
    """POSIX shell text; its exit status is the result's."""
    filters: str = ""
    """A pipeline that reads what the producer writes and bounds it; empty: the newest `max_bytes` pass."""
    newest_bytes: int = 0
    """With empty filters: so many bytes of stdout are wanted, and how many there were is told in frames."""
    shared: tuple[str, ...] = ()
    """Parts of `producer`, in their order, that other items of a visit may have as well: each travels once."""
    collector: str = ""
    """Name of the collector that it belongs to; empty: FailTale's own, which reads clock and marks."""
    question: Callable[[], Question] | None = None
    """The same for a host that has a gate; None for what no gate does."""


@dataclass(frozen=True, slots=True)
class VisitItem:
    """One question of a visit, with limits of its own."""

    id: str
    script: Script
    timeout_s: float
    max_bytes: int
    """Of stdout; with an empty `Script.filters` the host sends no more than this and one byte."""


@dataclass(frozen=True, slots=True)
class VisitStart:
    """What a host sent as its visit began."""

    clock: str
    """As `date +%s.%N` tells it: foreign text, not yet a number; empty where the host cannot tell."""
    zone: str
    """As `date +%z` tells it."""
    sent_at: datetime
    """The clock was read after this moment on our own clock ..."""
    received_at: datetime
    """... and before this one."""

    @property
    def offset_s(self) -> tuple[float, float] | None:
        """How far the host's clock is ahead of ours, at least and at most; None where it cannot be read."""
        epoch, whole_seconds = read_epoch(self.clock)
        if epoch is None:
            return None
        unsure_s = 1.0 if whole_seconds else 0.0  # such a host does not tell the fraction
        return epoch - self.received_at.timestamp(), epoch + unsure_s - self.sent_at.timestamp()

    def later(self, seconds: float) -> VisitStart | None:
        """What the host would have sent so many seconds later; None where its clock cannot be read.

        As exact as clocks run: one that nobody sets gains or loses a ten-thousandth at most.
        """
        epoch, whole_seconds = read_epoch(self.clock)
        if epoch is None:
            return None
        passed, drifted = timedelta(seconds=seconds), timedelta(seconds=seconds * _DRIFT)
        clock = f"{epoch + seconds:.0f}" if whole_seconds else f"{epoch + seconds:.6f}"
        return replace(
            self,
            clock=clock,
            sent_at=self.sent_at + passed - drifted,
            received_at=self.received_at + passed + drifted,
        )

    def agrees_with(self, other: VisitStart) -> bool:
        """Whether both may come from one clock that nobody has set in between."""
        if self.offset_s is None or other.offset_s is None:
            return False
        least, most = zip(self.offset_s, other.offset_s, strict=True)
        return max(least) <= min(most) and self.zone == other.zone


def read_epoch(told: str) -> tuple[float | None, bool]:
    """What `date +%s.%N` printed, and whether it has whole seconds only; None for a clock that no calendar knows."""
    match = re.fullmatch(r"([0-9]{1,11})(?:(\.[0-9]{1,9})|\.?%?N?)", told)  # %N where a `date` does not know it
    if match is None:
        return None, False
    epoch = float(match[1] + (match[2] or ""))
    return (epoch, match[2] is None) if epoch <= _LAST_EPOCH else (None, False)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a host sent to one item; `timed_out` and `incomplete` say what a partial answer lacks."""

    exit_status: int | None
    """The producer's own, 128 + n for signal n; None when it was lost."""
    stdout: bytes
    """The newest `max_bytes`."""
    stderr: bytes
    """The newest `visit_answers.STDERR_BYTES`, of producer and filters."""
    received_bytes: int
    """What travelled here on both streams."""
    omitted_bytes: int
    """At least so much is missing at the head of stdout: the host itself throws away what nobody would read."""
    duration_s: float
    timed_out: bool
    """Its time limit ended it."""
    incomplete: str | None
    """Why the answer stopped early for another reason ("connection lost …", "cancelled …"), else None."""
    nonce: str = ""
    """What the script's own frames bear (`on_host/frames.sh`); a line without it is somebody else's."""
    was_started: bool = True
    """False when its turn never came; `incomplete` then says why."""

    @classmethod
    def not_started(cls, why: str, *, timed_out: bool = False) -> CommandResult:
        """Of an item whose turn never came; ``timed_out``: because the visit's time was used up."""
        return cls(None, b"", b"", 0, 0, 0.0, timed_out=timed_out, incomplete=why, was_started=False)


Items = Sequence[VisitItem] | Callable[[VisitStart], Sequence[VisitItem]]
"""What to ask; made when the host has told its clock, where that matters."""
OnResult = Callable[[str, CommandResult], None]


@dataclass(frozen=True, slots=True)
class HostVisit:
    """What one host of a fleet is asked, and where its answers go: `Transport.visit` as a value."""

    way: Transport
    items: Items
    ends_at: float
    """On the monotonic clock."""
    on_result: OnResult
    on_error: Callable[[Exception], object]
    """Called instead of further results: with a TransportError when nothing could be started, or a fault of ours."""


class Fleet(Protocol):
    """Hosts that are asked together: what is the same for many is one job. Safe to use from any thread."""

    def visit(self, visits: Sequence[HostVisit], *, cancel: threading.Event) -> None:
        """Hold visits to several of its hosts; each gets its results, or its error, from this thread and as they come.

        Returns by the first ``ends_at``, and within 2 s of ``cancel``; whoever has not answered then is told so.
        """
        ...

    def greet(self, ways: Sequence[Transport]) -> None:
        """Find out, all at once, which of its hosts are there; each then tells when it is connected to."""
        ...


class MarkTaker(Protocol):
    """Another process that takes the marks of hosts."""

    def window_began(self) -> bool:
        """Tells it that a window begins, and returns at once; False: it takes no marks any more."""
        ...


class WayKeeper(MarkTaker, Protocol):
    """Another process that has connections to hosts, and gives ways that use them."""

    def keeps(self, host: str) -> bool:
        """Whether a host is one of those."""
        ...

    def way(self, host: str, inside: tuple[str, ...], own: Callable[[], Transport]) -> Transport:
        """The way to such a host, or behind a prefix there; ``own`` makes the one to use without that process."""
        ...


class Transport(Protocol):
    """The way to one host. Safe to use from any thread.

    A transport derives from this class and writes `run`, and `visit` where items gain by going together; the rest
    stands here for one that needs no connection.
    """

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        """Run one script, as `visit` runs many; returns soon after ``timeout_s`` at the latest."""
        ...

    def visit(self, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult) -> None:
        """Run items in one command on the host; nothing of it is left there afterwards, whatever happens.

        ``on_result`` is called with the id of each item, once, from this thread and as soon as the item has ended;
        items that did not end are reported last. Returns by ``ends_at`` (on the monotonic clock), and within 2 s of
        ``cancel``. Raises TransportError when nothing could be started.
        """
        if callable(items):
            now = datetime.now(timezone.utc)
            items = items(VisitStart(f"{now.timestamp():.6f}", "+0000", now, now))
        for item in items:
            timeout_s = min(item.timeout_s, max(0.1, ends_at - time.monotonic()))
            try:
                result = self.run(item.script, timeout_s=timeout_s, max_bytes=item.max_bytes, cancel=cancel)
            except TransportError as error:
                result = CommandResult.not_started(str(error))
            on_result(item.id, result)

    def connect(self) -> None:
        """Make sure that the host can be reached. Raises TransportError."""
        return

    def connect_ahead(self) -> None:
        """Begin to connect in the background; returns at once. Whoever connects next hears what came of it."""
        return

    def close(self) -> None:
        """End the way to the host, and with it what still runs there. Quick, and safe to call twice."""
        return

    @property
    def reach(self) -> Reach | None:
        """How the host is reached, where that is a matter of its own. Raises TransportError when it cannot be told."""
        return None

    @property
    def fleet(self) -> Fleet | None:
        """Whom this host is asked together with; None: it is asked by itself."""
        return None

    @property
    def keeper(self) -> MarkTaker | None:
        """Who has its connection, and takes its marks, in another process; None: that is done here."""
        return None

    @property
    def most_item_bytes(self) -> int | None:
        """More than this cannot travel of one item; None: there is no such bound."""
        return None

    @property
    def is_open(self) -> bool:
        """Whether an attempt may be made now; False while a breaker is open."""
        return True

    @property
    def opened(self) -> int:
        """Connections opened so far."""
        return 0

    @property
    def gate(self) -> str:
        """What the host's gate says it was made from; empty where a shell answers."""
        return ""

    @property
    def gates(self) -> tuple[str, ...]:
        """Digests of all gates that the host has, where it may have several."""
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader may want to know of the way, in sentences."""
        return ()
