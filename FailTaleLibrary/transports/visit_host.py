"""A host as a visit meets it: where shells are started, a shell, and what is known of its login from earlier visits."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Sequence
from typing import Protocol

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports.base import VisitStart
from FailTaleLibrary.transports.visit_times import BEAT_S, MOST_SLACK_S

_SLOW_S = 0.5
"""A shell that took longer to begin is one on a slow host, or far away."""
_SLOWER = 3
"""To end an item takes so many times as many programs as to begin."""
_PAYS_BESIDE_S = 0.003
"""To run one beside the others starts two processes and a program."""
_MOST_BROKEN_OFF = 20
"""Visits of which a later one ends what they have left."""


class ShellHost(Protocol):
    """Where shells can be started."""

    known: KnownLogin
    """What its visits have learned of it."""
    hello_s: float
    """How long a login may take to say hello for the first time."""
    name: str
    """As the configuration has it."""

    def start(self, command_line: str, *, wait_s: float) -> Shell:
        """Raises TransportError."""
        ...

    def start_another(self, command_line: str, *, wait_s: float) -> Shell | None:
        """A second one at the same time; None where the host takes no more."""
        ...

    def no_shell(self, words: str, *, lacks: str = "") -> TransportError:
        """The error for a login that starts no shell and says ``words``; ``lacks``: what a shell it starts does not do.

        That goes on behind "starts no shell ".
        """
        ...


class Shell(Protocol):
    """A shell that was started on a host, and its three streams. No method waits."""

    @property
    def ended(self) -> bool:
        """Whether both streams have ended and were read."""
        ...

    @property
    def was_cut(self) -> bool:
        """Whether the way to it broke: its end then says nothing of the login."""
        ...

    def filenos(self) -> Sequence[int]:
        """What becomes readable when there is something to `read`."""
        ...

    def read(self) -> tuple[bytes, bytes]:
        """What has come on stdout and stderr."""
        ...

    def write(self, data: bytes) -> int:
        """Send a beginning of ``data``; how many bytes it was."""
        ...

    def hang_up(self) -> None:
        """End its standard input: the host then ends everything."""
        ...

    def why_ended(self) -> str:
        """What is known of a shell that ended before its visit."""
        ...

    def why_no_shell(self) -> str:
        """What its end tells of a login that has started none, for `ShellHost.no_shell`; waits a moment for that."""
        ...

    def ended_by_itself(self) -> bool:
        """Whether it has ended with a status of its own: no signal has ended it."""
        ...

    def ended_well(self) -> bool:
        """Whether it has ended by itself, with status 0; waits a moment for that."""
        ...

    def send_signal(self, name: str) -> None:
        """TERM or KILL for what was started; some servers pass none on."""
        ...

    def leave(self) -> None:
        """`close`, once the host has ended it by itself, or a moment later."""
        ...

    def close(self) -> None: ...


class KnownLogin:
    """What visits have learned of a host's login, for those to come. Safe to use from any thread."""

    def __init__(self, *, has_shell: bool = False, has_gate: bool = False, is_program: bool = False) -> None:
        self.is_program = is_program
        """No person's login, which might be a menu, but a program that starts `sh`: it may take its time for that, and
        whatever it was yesterday, it may have none today."""
        self.has_shell = has_shell
        """Whether it has said hello before."""
        self.has_gate = has_gate
        """Whether it is asked for collectors by id: the configuration says so, or it has answered as a gate."""
        self.gate_digest = ""
        """What its gate was made from; empty until it has told."""
        self.hello_behind_end_s: float | None = None
        """How long its hello took, where it came only behind the end of its input: it may have waited for that. None
        where it says hello by itself, as far as is known."""
        self.ignores_end = False
        """Whether it has gone on without a shell beyond the end of its input: then that tells nothing of it."""
        self.reads_ahead = False
        """Whether it took for itself what was sent ahead of its shell's hello: ``read -t 1`` in a start-up file."""
        self.gets_all_its_time = False
        """Whether visits wait for its hello as long as one may take: one has judged it by less, and a start-up file may
        print the like of a prompt and go on."""
        self.had_all_its_time = False
        """Whether it was given that without saying hello."""
        self.swaps_streams = False
        """Whether its standard output comes as standard error."""
        self.lacks_exec = False
        """Whether it starts programs without a shell that would know `exec`."""
        self.is_refused_commands = False
        """Whether its server refuses to start one, whatever its shell is."""
        self.mixes_streams = False
        """Whether its standard error comes on standard output, or nowhere. Both are joined on the host then, and
        commands share no session, else one would get what another one printed."""
        self.fell_silent = False
        """Whether the connection of its last visit gave no sign of life: its shell then minds by itself how long it
        waits for its text."""
        self.slow = ""
        """By what its last visit has shown that the host is slow; empty where it has not."""
        self.slack_s = 0.0
        """For how much longer than for a healthy host its ends are waited for."""
        self._took: dict[str, tuple[float, bool]] = {}
        """Item -> how many seconds it took in a batch, and whether it printed errors."""
        self._seen: tuple[VisitStart, float] | None = None
        self._broken_off: tuple[str, ...] = ()

    @property
    def broken_off(self) -> tuple[str, ...]:
        """The marks of visits that something on the host, or between, has broken off, for the next one."""
        return self._broken_off

    def was_broken_off(self, mark: str) -> None:
        self._broken_off = (*self._broken_off, mark)[-_MOST_BROKEN_OFF:]

    def was_swept(self, marks: Collection[str]) -> None:
        self._broken_off = tuple(mark for mark in self._broken_off if mark not in marks)

    def said_hello(self) -> None:
        """Whatever it was taken for, it has a shell."""
        self.has_shell = True
        self.ignores_end = self.had_all_its_time = self.is_refused_commands = False

    def was_judged_early(self) -> None:
        """Ahead of the time that a hello may take."""
        self.gets_all_its_time = not self.had_all_its_time

    def was_silent(self) -> None:
        """For as long as a hello may take."""
        self.had_all_its_time, self.gets_all_its_time = self.had_all_its_time or self.gets_all_its_time, False

    def began_within(self, seconds: float) -> None:
        """So long a shell took from its command line to its first word."""
        is_slow = seconds > _SLOW_S
        self.slow = f"its shell took {seconds:.1f} s to begin" if is_slow else ""
        self.slack_s = min(MOST_SLACK_S, _SLOWER * seconds) if is_slow else 0.0

    def beat_late(self, seconds: float, *, slack_s: float) -> None:
        """By so much its half seconds are too long; ``slack_s``: what the item that showed it needs."""
        self.slow = f"half a second took it {BEAT_S + seconds:.1f} s"
        self.slack_s = max(self.slack_s, min(MOST_SLACK_S, slack_s))

    def ended_behind_limit(self, seconds: float) -> None:
        """So much later than a healthy host's came the end of an item whose time was up."""
        self.slack_s = min(MOST_SLACK_S, max(self.slack_s, seconds))

    def answered(self, item_id: str, seconds: float, *, with_errors: bool) -> None:
        """An item of a batch."""
        self._took[item_id] = seconds, with_errors

    def worth_beside(self, item_ids: Sequence[str]) -> str | None:
        """The one that takes so long that it pays to run it beside the others; None where none does.

        Nor where one prints errors: of two at a time nobody knows whose they are.
        """
        took = [self._took.get(item_id, (0.0, True)) for item_id in item_ids]
        if any(with_errors for _, with_errors in took):
            return None
        slowest_s, slowest = max((seconds, item_id) for (seconds, _), item_id in zip(took, item_ids, strict=True))
        rest_s = sum(seconds for seconds, _ in took) - slowest_s
        return slowest if min(slowest_s, rest_s) > _PAYS_BESIDE_S and slowest_s > rest_s / 2 else None

    def expected_start(self) -> VisitStart | None:
        """What its next visit will send first; None where items have to wait for that."""
        if not self.has_shell or self._seen is None:
            return None
        start, at = self._seen
        return start.later(time.monotonic() - at)

    def saw(self, start: VisitStart) -> None:
        """A visit began, in a shell that could have had its items at once."""
        expected = self.expected_start()
        if expected is not None and expected.agrees_with(start) and _width_s(expected) < _width_s(start):
            start = expected  # the better reading of the same clock
        self._seen = (start, time.monotonic())

    def forget_start(self) -> None:
        """Items have to wait again."""
        self._seen = None

    @property
    def wants_all_at_once(self) -> bool:
        """Whether it may be sent everything ahead of its hello: a menu would take that for keystrokes."""
        return self.has_shell and self.hello_behind_end_s is None and not self.reads_ahead


def _width_s(start: VisitStart) -> float:
    least, most = start.offset_s or (0.0, math.inf)
    return most - least
