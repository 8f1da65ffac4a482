"""What every transport takes and gives: Script -> CommandResult."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Script:
    """What to run on a host."""

    producer: str
    """POSIX shell text; its exit status is the answer's."""
    filters: str = ""
    """A pipeline that reads what the producer writes; empty: none."""
    collector: str = ""
    """Name of the collector that it belongs to; empty: FailTale's own, which reads clock and marks."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a host answered. Partial answers are answers: `timed_out` and `incomplete` say what they lack."""

    exit_status: int | None
    """The producer's own, 128 + n for signal n; None when it was lost."""
    stdout: bytes
    """The newest `max_bytes`."""
    stderr: bytes
    """The newest `conversation.STDERR_BYTES`, of producer and filters."""
    received_bytes: int
    """What travelled here on both streams."""
    omitted_bytes: int
    """What `max_bytes` removed from the head of stdout."""
    duration_s: float
    timed_out: bool
    """The time limit ended the producer or its filters."""
    incomplete: str | None
    """Why the answer stopped early for another reason ("connection lost …", "cancelled …"), else None."""
    filter_status: int | None
    """Exit status of the last filter; None without filters or when it was lost."""
    nonce: str
    """What the script's own frames bear (`on_host/frames.sh`); a line without it is somebody else's."""


class Transport(Protocol):
    """The way to one host. Safe to use from any thread.

    A transport derives from this class and writes `run`; the rest stands here for one that needs no connection.
    """

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        """Run a script; nothing of it is left on the host afterwards, whatever happens.

        Returns soon after ``timeout_s`` at the latest. Once the script has started, whatever arrived is returned.
        Raises TransportError when it could not be started.
        """
        ...

    def connect(self) -> None:
        """Make sure that the host can be reached. Raises TransportError."""
        return

    def close(self) -> None:
        """End the way to the host, and with it what still runs there. Quick, and safe to call twice."""
        return

    @property
    def is_open(self) -> bool:
        """Whether an attempt may be made now; False while a breaker is open."""
        return True

    @property
    def opened(self) -> int:
        """Connections opened so far."""
        return 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader may want to know of the way, in sentences."""
        return ()
