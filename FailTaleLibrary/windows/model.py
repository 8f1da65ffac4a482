"""What is known of a host at a window's start, and the window in that host's own terms. Simple values only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.windows.clock import ClockReading

MOST_FILES = 1000
"""Newest files that one pattern may mean."""


@dataclass(frozen=True, slots=True)
class FileMark:
    """Where a log file stood."""

    pattern: str
    """As the collector names it."""
    path: str
    inode: int
    size: int
    digest: str
    """Of its first min(256, size) bytes; ``-`` where it was not taken."""
    written: int = 0
    """When it was last written, in epoch seconds; 0 where the host could not tell."""


@dataclass(frozen=True, slots=True)
class HostMark:
    """Where a host stood: simple values only, so that it may cross a process border."""

    epoch: float | None = None
    """The host's clock; None when it could not be read. Positions and cursors are good without it."""
    utc_offset_s: int | None = None
    cursor: str | None = None
    """Of the journal's newest entry."""
    files: tuple[FileMark, ...] = ()
    patterns: tuple[str, ...] = ()
    """Those of which every file is in `files`: what they mean later and is not there is new."""
    unreadable: tuple[str, ...] = ()
    """Paths that were there and could not be read."""
    baselines: Mapping[str, str] = field(default_factory=dict)
    """Output of snapshots by collector name, filtered and sanitised but not redacted."""
    whole_seconds: bool = False
    """The host's clock has no fractions (BusyBox): half a second more uncertainty, and `epoch` is early."""


@dataclass(frozen=True, slots=True)
class TakenMark:
    """One host's mark and when it was taken, on the test machine's clock."""

    mark: HostMark
    sent_at: datetime
    received_at: datetime
    """Clock and positions in it were read between these two."""

    @property
    def clock(self) -> ClockReading | None:
        """What this mark tells about the host's clock; None when it could not be read."""
        if self.mark.epoch is None:
            return None
        unsure_s = 1.0 if self.mark.whole_seconds else 0.0  # such a host does not tell the fraction
        return ClockReading(
            least_s=self.mark.epoch - self.received_at.timestamp(),
            most_s=self.mark.epoch + unsure_s - self.sent_at.timestamp(),
        )


@dataclass(frozen=True, slots=True)
class ResolvedWindow:
    """A window in terms of one host."""

    kind: str
    """As in `records.Step.window`; ``none`` is no window."""
    since_epoch: float | None = None
    """Its start on the host's clock, at the earliest; None when no time of the host's tells."""
    sure_epoch: float | None = None
    """Its start at the latest: what bears a time between the two may be of the window. None: as `since_epoch`."""
    until_epoch: float | None = None
    """Its end on the host's clock; what is written later still comes along."""
    asked_since_epoch: float | None = None
    """Its start for a command that asks for it: as well as is known, also without the host's clock."""
    asked_until_epoch: float | None = None
    utc_offset_s: int | None = None
    """The host's zone, for logs that write local time; None: as the host says at the visit."""
    mark: HostMark | None = None
    """Taken before the window's start: what stands before it is older, proven; behind it the logs' times tell."""
    late_mark: HostMark | None = None
    """Taken after the window's start: what stands behind it is in the window, proven, whatever its text says."""


@dataclass(frozen=True, slots=True)
class Glance:
    """That of a log's window only the most telling lines are wanted, one of each shape."""

    max_bytes: int
    """Of each file."""
    sought: tuple[str, ...] = ()
    """What the test used, as `belonging.identifiers.sought_words` has it; lines that hold one of them come first."""


NO_GLANCE = Glance(0)
"""The whole window is wanted."""


@dataclass(frozen=True, slots=True)
class CollectorText:
    """What of a collector's command line is the same whatever its window is: shell text that a gate can hold."""

    own: str
    """The collector's own part; of a command, what the user wrote."""
    shared: tuple[str, ...] = ()
    """What follows it, in parts that command lines of other collectors have as well."""
    filters: str = ""
    """A compound command that reads stdin and finds its bound in ``$max``; empty where the producer filters by itself,
    or a bound is enough."""


@dataclass(frozen=True, slots=True)
class WindowValues:
    """What a window decides of a collector's command line: numbers, and the marked files."""

    words: tuple[tuple[str, str], ...]
    """Variable of the shell and value; no value has a space."""
    marks: tuple[str, ...] = ()
    """Lines as `changed_files.awk` reads them."""
    unreadable: tuple[str, ...] = ()
    """Paths that the mark could not read."""
