"""What is known of a host at a window's start, and the window in that host's own terms. Simple values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from FailTaleLibrary.windows.clock import ClockReading

MOST_FILES = 100
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
    """Checksum of its first min(256, size) bytes, by whatever tool the host has."""


@dataclass(frozen=True, slots=True)
class HostMark:
    """Where a host stood: simple values only, so that it may cross a process border."""

    epoch: float
    """The host's clock."""
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
    """The host's clock was told without fractions (BusyBox): half a second more uncertainty, and `epoch` is early."""


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
class ResolvedWindow:
    """A window in terms of one host."""

    kind: str
    """As in `records.Step.window`; ``none`` is no window."""
    since_epoch: float | None = None
    """Its start on the host's clock."""
    until_epoch: float | None = None
    """Its end on the host's clock; what is written later still comes along."""
    utc_offset_s: int | None = None
    """The host's zone, for logs that write local time; None: the host is asked."""
    mark: HostMark | None = None
    """Taken at or before the window's start; the logs' times narrow what was written since then."""
    late_mark: HostMark | None = None
    """Taken after the window's start: exact from then on, and the logs' times tell what lies between."""
