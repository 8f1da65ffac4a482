"""Items of a visit -> their results over SSH: one connection for the whole run, reused, and replaced when it died."""

from __future__ import annotations

import contextlib
import math
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from FailTaleLibrary import background
from FailTaleLibrary.breaker import Breaker
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.transports.base import CommandResult, Items, OnResult, Script
from FailTaleLibrary.transports.crowd import crowd
from FailTaleLibrary.transports.descriptors import CONNECTING, SHELL, descriptors
from FailTaleLibrary.transports.host_keys import Trust
from FailTaleLibrary.transports.jump_hosts import BusyJumpHostError, Passage, hang_up, jump_hosts
from FailTaleLibrary.transports.reach import Reach, reach_of
from FailTaleLibrary.transports.reading_pace import pace
from FailTaleLibrary.transports.signs_of_life import Silence
from FailTaleLibrary.transports.ssh_config import NOWHERE, local_user
from FailTaleLibrary.transports.ssh_login import Login, NoServerError
from FailTaleLibrary.transports.visit import hold_visit, visit_for_one
from FailTaleLibrary.transports.visit_host import KnownLogin

if TYPE_CHECKING:
    import paramiko

    from FailTaleLibrary.transports.ssh_bounds import BoundedTransport, OrderedChannel

_STARTS_NONE = (
    "its SSH server refuses to start one, as those of routers and switches do, those that are there for a terminal, "
    "for files or for forwarding alone, and sshd where the account may start no more processes (`nproc`, `pids.max`)"
)
_NO_PAM_SESSION = 254, "but status 254: sshd ends so where PAM opens no session (its log says why)"
"""The status, and what it says of a login without a shell; see `Shell.why_no_shell`."""
_log = logger_of(__name__)
MAX_CHANNELS = 4
"""At once on one connection: with more, servers refuse some at random, because they free old ones late."""
_REFUSED_FOR_S = 2.0
"""How long a server that has none of our channels open may refuse to open one."""
_CHUNK_BYTES = 32 * 1024
_SILENCES = frozenset({"no answer", "unreachable", "timed out", "connection lost"})
_HELD_UP_S = 2.0
"""Beyond its limit no attempt lasts so long while this process runs."""
_CHEAP_S = 2.0
"""A refusal that took no longer is asked for again by the next failure."""
_MUTE_S = 10.0
"""A shell that has said nothing for so long, up to the end of its visit, is known for that, however long a login may
take: with a long `ssh.connect_timeout` each failure would pay for it."""
_AHEAD_S = 2.0
"""What kept us from connecting ahead is told to whoever connects so much later; else it is tried again."""
_FIRST_USE_S = 5.0
"""How long a new connection through a jump host is kept for whoever asked for it."""
_LEAST_PATIENCE_S, _TIMES_LOGIN = 3.0, 10
"""What a connection has for its answers where nothing is lost with it, or behind a silent one: more than its login
took, which is several of them."""
_LOOK_S = 0.5
"""Between two looks at whether an opener has ended."""
_GIVES_SIGNS = ("SSH-2.0-OpenSSH", "SSH-2.0-dropbear")
"""Servers of which it is known that they answer each request that wants an answer."""
_LOST_IN_OPENING = "Unable to open channel"
"""paramiko's words where the connection ends while a session is opened, a moment before it counts as ended."""
_LEAVING_S = 1.0
"""How long a host whose items have all been told may take to end what is left of its visit."""
_IDLE_S = 5.0
"""How often a connection wakes up in vain: paramiko's ten times a second, of ten hosts, cost one percent of a CPU."""


SETTINGS = None  # the model of the configuration has them, because the section `ssh` holds defaults for all hosts


def connect(host: str, config: Config, *, clock: Callable[[], float]) -> SshTransport:
    """The way to a host over SSH; connects when it is first used."""
    return SshTransport(host, config, clock=clock)


def repeater(host: str, config: Config) -> Callable[[str], str]:
    """A command -> ``ssh -p 2222 user@host 'command'``; ssh reads its own configuration for what ours does not say."""
    ssh = config.ssh_for(host)
    is_usual = ssh.config in (Path("~/.ssh/config").expanduser(), NOWHERE)
    options = [] if is_usual else ["-F", str(ssh.config)]
    options += ["-p", str(ssh.port)] if ssh.port not in (None, 22) else []
    options += ["-i", str(ssh.key)] if ssh.key is not None else []
    options += ["-J", ",".join(ssh.proxy_jump)] if ssh.proxy_jump else []
    address = config.hosts[host].address or host
    user = ssh.user or (local_user() if ssh.config == NOWHERE else "")
    login = shlex.join(["ssh", *options, f"{user}@{address}" if user else address])
    return lambda command: f"{login} {shlex.quote(command)}"


class SshTransport:
    """The way to one host."""

    fleet = None
    keeper = None
    most_item_bytes = None

    def __init__(self, host: str, config: Config, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.opened = 0
        """Connections so far."""
        self.name = host
        self._ssh = ssh = config.ssh_for(host)
        self._clock = clock
        self._way = background.once(lambda: Trust(reach_of(config, host)))
        """How the host is reached, found out when it is needed."""
        self._trust: Trust | None = None
        self._breaker = Breaker(final=("authentication refused",), clock=clock)
        self._connecting = threading.Lock()
        self._connection: _Connection | None = None
        self._login: Login | None = None
        """The one that is under way."""
        self._was_asked = False
        """Whether somebody has wanted a connection, and waited for it."""
        self._failed_ahead: tuple[Exception, float] | None = None
        """Why nobody was let in ahead, and when, for whoever wants a connection next."""
        self._closed = False
        self._kept_bounds = False
        """Whether its newest visit was in order."""
        self._cut_at_once = 0
        """How many connections in a row have ended ahead of the first word of the first command in them."""
        self._takes_one_session = False
        """Whether it opens no second one in a connection, though the first one has ended: each gets its own then."""
        self._fell_silent = 0
        """How many did so in the middle of a visit, in a row."""
        self.known = KnownLogin(has_gate=ssh.gate)
        self.hello_s = ssh.connect_timeout_s
        """How long it may take to do so for the first time."""

    @property
    def is_open(self) -> bool:
        """Whether the host may be connected to: no failure is known that still counts."""
        return not self._closed and self._breaker.is_closed

    @property
    def gate(self) -> str:
        """What its gate says it was made from; empty where a shell answers."""
        return self.known.gate_digest if self.known.has_gate else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What of ssh's configuration is not followed, and lines of `known_hosts` that were skipped."""
        return (*self._trust.reach.notes, *self._trust.notes) if self._trust is not None else ()

    @property
    def reach(self) -> Reach:
        """How the host is reached. Raises TransportError where that cannot be told."""
        return self._way().reach

    def visit(self, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult) -> None:
        # First visits begin one after another, as logins end.
        has_turn = crowd.joined(ends_at=ends_at, cancel=cancel) if self.known.has_shell else contextlib.nullcontext()
        with has_turn, pace.counted():
            self._visit(items, ends_at=ends_at, cancel=cancel, on_result=on_result)

    def _visit(self, items: Items, *, ends_at: float, cancel: threading.Event, on_result: OnResult) -> None:
        def tell(name: str, result: CommandResult) -> None:
            if result.exit_status is not None and self._connection is not None:
                self._connection.has_served = True
            on_result(name, result)

        began, hello_s = time.monotonic(), self.hello_s
        if not self.known.has_shell:
            hello_s *= 2  # a slow one is hung up on, and says hello to the next attempt
        try:
            outcome = hold_visit(self, items, ends_at=ends_at, cancel=cancel, on_result=tell)
        except NoShellError as error:
            self._breaker.failed(error.reason, str(error))
            self._drop(self._connection)
            raise
        except TransportError as error:
            connection = self._connection
            if error.reason != "no answer" or not self.is_open or connection is None or not connection.is_alive:
                raise  # a connection that was cut says nothing of the shell
            if connection.owes_sign_of_life:
                connection.fall_silent()
                raise
            if time.monotonic() - max(began, connection.began) < min(hello_s, _MUTE_S):
                raise
            silent = TransportError(
                error.reason, f"Host '{self.name}' lets us log in, but its shell says nothing: {error}"
            )
            self._breaker.failed(silent.reason, str(silent))
            self._drop(self._connection)
            self.known.has_shell = False  # the next attempt waits no longer than for a first one
            raise silent from error
        finally:
            self._mind_violation(self._connection)
        if outcome.learned is not None:
            self._breaker.failed(outcome.learned.reason, str(outcome.learned))
            self._drop(self._connection)
        self._kept_bounds = outcome.in_order
        connection = self._connection
        if connection is not None and connection.is_alive:
            self._fell_silent = 0
            self.known.fell_silent = False
        if not outcome.in_order and connection is not None and not connection.is_in_use:
            self._drop(connection)  # else whoever else is in it will find out, and may still get what a mark did not

    def run(self, script: Script, *, timeout_s: float, max_bytes: int, cancel: threading.Event) -> CommandResult:
        return visit_for_one(
            self.visit, script, timeout_s=timeout_s, max_bytes=max_bytes, cancel=cancel, known=self.known
        )

    def connect(self) -> None:
        """Make sure that there is a live connection. Raises TransportError."""
        self._live_connection()

    def connect_ahead(self) -> None:
        if not self._was_asked and self._connection is None:
            background.start(self._connect_ahead, name=f"failtale-ahead-{self.name}")

    def close(self) -> None:
        self._closed = True
        if (login := self._login) is not None:
            login.abandon()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        jump_hosts.left_by(self)

    # What a visit asks of a host

    def start(self, command_line: str, *, wait_s: float) -> _RemoteShell:
        """A channel in which a shell starts; a connection that died unnoticed is replaced."""
        died_unused = 0
        while True:
            connection = self._live_connection()
            if self._takes_one_session and connection.was_used and connection.retire():
                self._drop(connection)
                continue
            try:
                return connection.start(command_line, wait_s=wait_s)
            except _DeadConnectionError as error:
                self._takes_one_session = self._takes_one_session or error.reason == "refused"
                if error.reason == "no answer" and not (connection.was_used or connection.is_retired):
                    learned = self._opens_none(str(error))  # ahead of whoever waits for this connection
                    connection.fall_silent()
                    raise learned from error
                if error.reason == "no answer":  # not even a session opens
                    connection.fall_silent(counts=not connection.is_at_rest)  # which is minded when it is replaced
                else:
                    self._drop(connection)
                if connection.was_used or connection.is_retired or not self._breaker.is_closed:
                    continue  # if the breaker is open, another visit has ended the connection, and knows why
                died_unused += 1
                if error.reason != "connection lost":
                    raise
                if died_unused > 1:
                    raise self._closed_at_once() from error

    def _closed_at_once(self) -> TransportError:
        """The error for a server that logs us in and then wants nothing more of us, twice in a row."""
        return self._learned(
            "connection lost",
            "closes the connection before anything runs. The log of its sshd says why (PAM, a limit of logins, "
            "PermitRootLogin forced-commands-only).",
        )

    def _opens_none(self, what: str) -> TransportError:
        """The error for a server that logs us in and is silent from then on."""
        error = TransportError(
            "no answer", f"{what} It lets '{self.reach.user}' in: does PAM hang there (a directory service, a home)?"
        )
        self._breaker.failed(error.reason, str(error))
        return error

    def _silent_again(self) -> TransportError:
        return self._learned(
            "no answer",
            "falls silent in the middle of a visit. Does the network in between lose large packets (MTU), or does the "
            "host hang?",
        )

    def _learned(self, reason: str, what_it_does: str) -> TransportError:
        """The error for a server that does so behind the login, which the breaker knows from now on."""
        error = TransportError(reason, f"Host '{self.name}' lets '{self.reach.user}' in and {what_it_does}")
        self._breaker.failed(error.reason, str(error))
        return error

    def start_another(self, command_line: str, *, wait_s: float) -> _RemoteShell | None:
        """The same where the server takes one more at once."""
        connection = self._connection
        return None if connection is None else connection.start_another(command_line, wait_s=wait_s)

    def no_shell(self, words: str, *, lacks: str = "") -> TransportError:
        connection = self._connection
        if connection is not None and connection.owes_sign_of_life:  # then nobody knows what its login would have said
            connection.fall_silent()
            return self._silent_again()
        said = f"it says: {words}" if words else "it prints nothing"
        user = self.reach.user
        if self.known.is_refused_commands and not words:
            return NoShellError("refused", f"Host '{self.name}' does not run commands for '{user}': {_STARTS_NONE}")
        if self.known.has_gate:
            return NoShellError("refused", f"Host '{self.name}' has no gate that answers '{user}'; {said}")
        lacking = f" {lacks}" if lacks else ""
        return NoShellError("refused", f"Host '{self.name}' starts no shell for '{user}'{lacking}; {said}")

    # Connections

    def _live_connection(self) -> _Connection:
        if not self._connecting.acquire(timeout=self._longest_connecting_s):
            raise TransportError("no answer", f"Host '{self.name}' is still being connected to by another collector.")
        try:
            if self._closed:
                raise TransportError(
                    "cancelled", f"Host '{self.name}' is not connected to any more: the run has ended."
                )
            self._was_asked = True
            self._tell_what_failed_ahead()
            if self._connection is None or not self._connection.is_alive:
                self._mind_violation(self._connection)
                self._mind_cut(self._connection)
                self._connection = self._new_connection()
            if not self._connection.is_counted:
                self._connection.is_counted = True
                self.opened += 1
            return self._connection
        finally:
            self._connecting.release()

    def _connect_ahead(self) -> None:
        """One attempt; none where others wait for the same jump host, whose places are for hosts that are asked."""
        with self._connecting:
            try:
                if not self._was_asked and not self._closed and self.reach.is_direct:
                    self._connection = self._new_connection()
            except Exception as error:  # a fault of ours, too, is told where it costs something
                _log.debug("%s: not connected to ahead of a failure", self.name, exc_info=True)
                self._failed_ahead = error, time.monotonic()

    def _tell_what_failed_ahead(self) -> None:
        """Raises it, unless so much time has passed that the host may be another by now."""
        failed, self._failed_ahead = self._failed_ahead, None
        if failed is not None and time.monotonic() - failed[1] < _AHEAD_S:
            raise failed[0]

    @property
    def _longest_connecting_s(self) -> float:
        """How long one who connects may keep others waiting."""
        trust = self._trust
        if trust is not None and trust.reach.is_direct:
            return 2 * self._ssh.connect_timeout_s + 1
        return 2 * (trust.reach.connecting_s if trust else self._ssh.connect_timeout_s) + 40

    def _logged_in(self) -> BoundedTransport:
        self._trust = trust = self._way()
        jump = trust.reach.jump
        through = None if jump is None else jump_hosts.used_by(self, jump, self._clock)
        self._login = login = Login(trust, through)
        try:
            if self._closed:
                login.abandon()
            return login.connection()
        finally:
            self._login = None

    def _logged_in_while_we_run(self) -> BoundedTransport:
        """Once more where this process was held up (Ctrl-Z, a laptop that slept): then the time was not the host's."""
        began = time.monotonic()
        try:
            return self._logged_in()
        except TransportError as error:
            trust = self._trust
            limit_s = trust.reach.connecting_s if trust else self._ssh.connect_timeout_s
            held_up_s = time.monotonic() - began - limit_s
            if error.reason not in _SILENCES or held_up_s < _HELD_UP_S or self._closed:
                raise
            _log.debug("%s: connected to again, since this process was held up for %.1f s", self.name, held_up_s)
            return self._logged_in()

    def _new_connection(self) -> _Connection:
        if refusal := self._breaker.attempt():
            raise TransportError(refusal.cause, str(refusal))
        descriptors.take(CONNECTING, until=time.monotonic() + self._ssh.connect_timeout_s)
        began = time.monotonic()
        try:
            transport = self._logged_in_while_we_run()
            login_s = time.monotonic() - began
            connection = _Connection(transport, self.name, self.known, self._patience_s(login_s), _short_s(login_s))
        except BusyJumpHostError:
            raise  # which says nothing of this host
        except TransportError as error:
            # To be refused costs a round trip, and a host that reboots is back a moment later.
            is_cheap = isinstance(error, NoServerError) and time.monotonic() - began < _CHEAP_S
            if not is_cheap or not self.reach.is_direct:
                self._breaker.failed(error.reason, str(error))
            raise
        finally:
            descriptors.give_back(CONNECTING)
        self._breaker.succeeded()
        if self._closed:
            connection.close()
        return connection

    def _patience_s(self, login_s: float) -> float:
        """How long a connection may take for its answers. The one behind a silent one has shown by its login how fast
        the host is: where that falls silent as well, nobody waits as long for a second time."""
        limit_s = self._ssh.connect_timeout_s
        return min(limit_s, _short_s(login_s)) if self._fell_silent else limit_s

    def _mind_violation(self, connection: _Connection | None) -> None:
        """A host that goes beyond its bounds is left alone for a while: its next connection would be as bad.

        Not one that has kept to them before, for what the network may have garbled.
        """
        if connection is not None and connection.violation and not connection.is_minded:
            connection.is_minded = True
            was_well, self._kept_bounds = self._kept_bounds, False
            if not (was_well and connection.is_garbled):
                self._breaker.failed("connection lost", f"Host '{self.name}' {connection.violation}.")

    def _mind_cut(self, connection: _Connection | None) -> None:
        """Raises the error for a server that has twice in a row ended the connection for what was to run in it.

        Or that fell silent there.
        """
        if connection is None or connection.is_retired or connection.violation or not connection.was_used:
            return
        if connection.fell_silent:
            self._fell_silent += 1
            if self._fell_silent > 1:
                self._fell_silent, self._connection = 0, None
                raise self._silent_again()
            return
        self._cut_at_once = 0 if connection.has_said_something else self._cut_at_once + 1
        if self._cut_at_once > 1:
            self._cut_at_once = 0
            self._connection = None
            raise self._closed_at_once()

    def _drop(self, connection: _Connection | None) -> None:
        if connection is not None:
            self._mind_violation(connection)
            connection.close()
            if self._connection is connection:
                self._connection = None


def _short_s(login_s: float) -> float:
    """What a server has for an answer where nothing is lost with its connection, by how long its login took."""
    return max(_LEAST_PATIENCE_S, _TIMES_LOGIN * login_s)


class NoShellError(TransportError):
    """A login starts something else than a shell, or nothing."""


class _DeadConnectionError(TransportError):
    """A connection turned out to be dead before anything ran in it."""


class _Connection:
    """A connection that is logged in, and its channels."""

    def __init__(
        self, transport: BoundedTransport, host: str, known: KnownLogin, open_timeout_s: float, short_s: float
    ) -> None:
        """``open_timeout_s``: for any answer of its server. ``short_s``: for one where no more than a login is lost."""
        self.began = time.monotonic()
        self.was_used = False
        """Whether a command ever ran in it; if so, it may have died since."""
        self.has_said_something = False
        """Whether anything was printed there."""
        self.has_served = False
        """Whether a command has ended in it: what runs now may then have something to lose."""
        self.fell_silent = False
        """Whether it was ended because its server gave no sign of life."""
        self._silence = Silence()
        self.is_counted = False
        """Whether somebody wanted it who says what was opened."""
        self.is_minded = False
        """Whether its violation has been told to the breaker."""
        self.is_retired = False
        """Whether another host got its place behind the same jump host, or its file descriptor."""
        self.used_at = time.monotonic()
        self._transport = transport
        self._host = host
        self._known = known
        self._open_timeout_s, self._short_s = open_timeout_s, min(open_timeout_s, short_s)
        self._opening = threading.Lock()
        """One after the other: paramiko keeps one error for a connection, whichever channel it is about."""
        self._freed = threading.Condition()
        self._in_use = self._leaving = 0
        """Channels, and those among them that their server is about to end."""
        self._at_once = MAX_CHANNELS
        self._opener: threading.Thread | None = None
        """Opens a channel, where one is wanted at once."""
        self._spare: OrderedChannel | None = None
        """Open, with nothing in it, for the next visit: that one then waits for no round trip more."""
        self._keeps_spare = True
        with contextlib.suppress(OSError):  # lost behind its login already, which is noticed by whoever uses it
            transport.sock.settimeout(_IDLE_S)
        transport.packetizer.read_by_pace()
        self._place = transport.sock.place if isinstance(transport.sock, Passage) else None
        if self._place is not None:
            self._place.held_by(self)
        else:
            descriptors.held_by(self)  # else it is its jump host's, and has no socket

    @property
    def is_alive(self) -> bool:
        return self._transport.is_active() and not self._transport.packetizer.has_ended and not self.is_retired

    def retire(self) -> bool:
        """Give its place to another one, unless somebody uses it, or is about to for the first time."""
        with self._freed:
            is_new = not self.was_used and time.monotonic() < self.used_at + _FIRST_USE_S
            if not self._in_use and not is_new:
                self.is_retired = True
            return self.is_retired

    @property
    def is_in_use(self) -> bool:
        """Whether a shell runs in it."""
        with self._freed:
            return self._in_use > 0

    @property
    def violation(self) -> str:
        """What the host did that ended it: words behind "the host "; empty where it kept to its bounds."""
        return self._transport.violation

    @property
    def is_openssh(self) -> bool:
        return self._transport.remote_version.startswith("SSH-2.0-OpenSSH")

    def mind_silence(self) -> None:
        """End it where its server gives no sign of life any more: it hangs, or the network loses what it sends.

        Asked for one, sshd answers whatever runs in its sessions.
        """
        is_to_be_asked = self._silence.look(self._transport.packetizer.messages)
        if not self._gives_signs:
            return
        if is_to_be_asked:
            _ask_for_sign_of_life(self._transport)
        patience_s = self._open_timeout_s if self.has_served else self._short_s
        if self.unanswered_s > patience_s and self.is_alive:
            self.fall_silent()

    @property
    def unanswered_s(self) -> float:
        """For how long its server has sent nothing, although somebody waits for it, beyond a moment."""
        return self._silence.unanswered_s

    @property
    def owes_sign_of_life(self) -> bool:
        """Whether its server was asked for one long ago."""
        return self._gives_signs and self.unanswered_s > _LEAST_PATIENCE_S

    @property
    def _gives_signs(self) -> bool:
        return self._transport.remote_version.startswith(_GIVES_SIGNS)

    @property
    def is_garbled(self) -> bool:
        """Whether its violation may be the network's."""
        from FailTaleLibrary.transports.ssh_bounds import GARBLED

        return self.violation.startswith(GARBLED)

    def start(self, command_line: str, *, wait_s: float) -> _RemoteShell:
        """A channel in which the command runs; waits up to ``wait_s`` for one to be free.

        Raises TransportError, `_DeadConnectionError` when a new connection could help.
        """
        import paramiko  # heavy, and not wanted by a run that touches no host

        deadline = time.monotonic() + wait_s
        refused_until = time.monotonic() + _REFUSED_FOR_S
        while True:
            alone = self._claim(deadline)
            try:
                return self._open_shell(command_line)
            except paramiko.ChannelException as error:
                self._give_back(one_less=not alone)
                # Beside another session any refusal may be for that one's sake, which may be about to end.
                is_final = alone and error.code != paramiko.common.OPEN_FAILED_CONNECT_FAILED
                if is_final or time.monotonic() > (refused_until if alone else deadline):
                    if alone and self.was_used:
                        raise _DeadConnectionError("refused", "It takes no session more in this connection.") from error
                    raise self._no_session(error, ever=not alone) from error
                time.sleep(0.05)
            except BaseException:
                self._give_back()
                raise

    def start_another(self, command_line: str, *, wait_s: float) -> _RemoteShell | None:
        """The same, now or not at all; a server that hangs keeps nobody waiting longer than ``wait_s``."""
        import paramiko

        if not self._has_spare_within(wait_s) or not descriptors.take_at_once(SHELL):
            return None
        with self._freed:
            if self._in_use >= self._at_once or self.is_retired:
                descriptors.give_back(SHELL)
                return None
            self._in_use += 1
        try:
            return self._open_shell(command_line)
        except paramiko.ChannelException:
            self._give_back(one_less=True)
        except TransportError:
            self._give_back()
        return None

    def end_later(self, channel: paramiko.Channel) -> None:
        """`end` it in the background, once the server has ended it, or a moment later."""

        def wait_and_end() -> None:
            channel.status_event.wait(_LEAVING_S)
            self._let_next_in(channel)
            with self._freed:
                self._leaving -= 1
            self._open_spare()

        with self._freed:
            self._leaving += 1
        background.start(wait_and_end, name=f"failtale-spare-{self._host}")

    def end(self, channel: paramiko.Channel) -> None:
        """Close a channel and let the next one in."""
        self._let_next_in(channel)
        if self._keeps_spare and self.is_alive:
            background.start(self._open_spare, name=f"failtale-spare-{self._host}")

    def _let_next_in(self, channel: paramiko.Channel) -> None:
        _forget_pipe(channel)
        with contextlib.suppress(EOFError, OSError):  # the connection has gone already
            channel.close()
        self._give_back()

    def refused_command(self) -> None:
        """Its server has refused to start one, which no login shell had a say in."""
        self._known.is_refused_commands = True

    @property
    def is_at_rest(self) -> bool:
        """Whether it has served, and one shell is in it at most, which begins: no more is lost with it than a login."""
        return self.has_served and self._in_use - self._leaving <= 1

    def fall_silent(self, *, counts: bool = True) -> None:
        """Its server gives no sign of life: whoever is in it gets an end, and the next shell minds its own waiting.

        ``counts``: towards what is told of the host. Not of a connection that nobody was in: it may have died long ago.
        """
        self.fell_silent, self._known.fell_silent = counts, True
        hang_up(self._transport, at_once=True)

    def close(self) -> None:
        hang_up(self._transport, at_once=self.fell_silent)

    def _open_shell(self, command_line: str) -> _RemoteShell:
        import paramiko

        within_s = self._short_s if self.is_at_rest else self._open_timeout_s
        try:
            with self._opening:
                spare = self._take_spare()
                channel = spare or self._transport.open_session(timeout=within_s)
                if not _exec(channel, command_line) and spare is not None:  # the server has just ended it
                    spare = None
                    channel = self._transport.open_session(timeout=within_s)
                    _exec(channel, command_line)
        except paramiko.ChannelException:
            raise
        except (paramiko.SSHException, EOFError, OSError) as error:
            is_lost = not self.is_alive or _LOST_IN_OPENING in str(error)
            if not is_lost and "timeout" not in str(error).lower():
                raise TransportError("refused", f"Host '{self._host}' does not run commands for this user.") from error
            sentence = f"Host '{self._host}' opened no session within {within_s:.2g} s."
            if is_lost:
                raise _DeadConnectionError("connection lost", f"Host '{self._host}' closed the connection.") from error
            raise _DeadConnectionError("no answer", sentence) from error
        self.was_used = True
        # A channel that was opened just now shows that the connection lives, one that was opened long ago does not.
        return _RemoteShell(channel, self, accepted_within_s=within_s if spare else math.inf)

    def _open_spare(self) -> None:
        """One at a time, and none more with a server that refuses it: it may take one session only."""
        import paramiko

        with self._opening:
            is_wanted = self._keeps_spare and self.is_alive
            if is_wanted and self._spare is None and self._in_use < self._at_once:
                try:
                    within_s = self._short_s if self.has_served else self._open_timeout_s  # others wait for its end
                    self._spare = self._transport.open_session(timeout=within_s)
                except (paramiko.SSHException, EOFError, OSError):
                    self._keeps_spare = False

    def _has_spare_within(self, wait_s: float) -> bool:
        """Opens one, if need be; of a server that takes one session only this is known, or learned."""
        if self._spare is None and self._in_use < self._at_once:
            if self._opener is None or not self._opener.is_alive():
                self._opener = background.start(self._open_spare, name=f"failtale-spare-{self._host}")
            until = time.monotonic() + wait_s
            while self._opener.is_alive() and (left_s := until - time.monotonic()) > 0:
                self._opener.join(min(left_s, _LOOK_S))
                self.mind_silence()
        return self._spare is not None

    def _take_spare(self) -> OrderedChannel | None:
        spare, self._spare = self._spare, None
        return None if spare is None or spare.closed else spare

    def _claim(self, deadline: float) -> bool:
        """Take a channel's place; whether it is the only one taken."""
        descriptors.take(SHELL, until=deadline, but=self)
        try:
            return self._claim_place(deadline)
        except BaseException:
            descriptors.give_back(SHELL)
            raise

    def _claim_place(self, deadline: float) -> bool:
        with self._freed:
            if not self._freed.wait_for(lambda: self._in_use < self._at_once, deadline - time.monotonic()):
                raise TransportError("timed out", f"Host '{self._host}' was busy with other collectors all the time.")
            if self.is_retired:
                raise _DeadConnectionError("connection lost", f"Host '{self._host}' has left its place to others.")
            self._in_use += 1
            return self._in_use == 1

    def _give_back(self, *, one_less: bool = False) -> None:
        """Leave a place; ``one_less``: the server has shown that it takes fewer at once (MaxSessions)."""
        descriptors.give_back(SHELL)
        with self._freed:
            self._in_use -= 1
            if one_less:
                self._at_once = max(1, self._in_use)
            self.used_at = time.monotonic()
            self._freed.notify()
        if self._place is not None and not self._in_use:
            self._place.is_idle_now()

    def _no_session(self, error: paramiko.ChannelException, *, ever: bool) -> TransportError:
        """``ever``: the server has others of ours open; if not, it will have none for the next visit either."""
        kind = TransportError if ever else NoShellError
        return kind(
            "refused", f"Host '{self._host}' opens no session: {error.text} (is MaxSessions of its sshd used up?)."
        )


def _forget_pipe(channel: paramiko.Channel) -> None:
    """Nothing is told any more to whoever waits for the channel's file number.

    paramiko's thread writes into a pipe whenever something comes for the channel, and `Channel.close` closes that pipe:
    what came at that moment ended the whole connection with "Broken pipe".
    """
    for buffer in (channel.in_buffer, channel.in_stderr_buffer):
        buffer.set_event(threading.Event())
        buffer.read_ready()  # takes its lock: whoever was writing to the pipe has done so


def _exec(channel: OrderedChannel, command_line: str) -> bool:
    """What `Channel.exec_command` does, without waiting for the server's yes; a no closes the channel.

    False where it is closed already.
    """
    return channel.request("exec", command_line, wants_answer=True)


def _ask_for_sign_of_life(transport: BoundedTransport) -> None:
    """A request that wants an answer; as OpenSSH's clients put it."""
    import paramiko

    message = paramiko.Message()
    message.add_byte(paramiko.common.cMSG_GLOBAL_REQUEST)
    message.add_string("keepalive@openssh.com")
    message.add_boolean(True)
    with contextlib.suppress(paramiko.SSHException, EOFError, OSError):  # the connection has gone already
        transport._send_user_message(message)  # type: ignore[attr-defined]


class _RemoteShell:
    """A shell in a channel."""

    def __init__(self, channel: OrderedChannel, connection: _Connection, *, accepted_within_s: float) -> None:
        """``accepted_within_s``: for the server's answer to the command; without one the connection counts as dead."""
        self._channel = channel
        self._connection = connection
        self._accepted_within_s = accepted_within_s
        self._is_closed = self._was_heard = False
        channel.setblocking(False)

    @property
    def ended(self) -> bool:
        channel = self._channel
        is_answered = channel.event.is_set() or self.was_cut
        if not is_answered and self._connection.unanswered_s > self._accepted_within_s:
            self._connection.fall_silent(counts=not self._connection.is_at_rest)
        self._connection.mind_silence()
        over = channel.closed or channel.eof_received
        if self._was_refused:
            self._connection.refused_command()
        return bool(over and not channel.recv_ready() and not channel.recv_stderr_ready())

    @property
    def was_cut(self) -> bool:
        return not self._connection.is_alive

    @property
    def _was_refused(self) -> bool:
        """Whether the server ended the channel in place of a yes to the command."""
        was_answered: bool = self._channel.event_ready
        return self._channel.closed and not (was_answered or self._was_heard or self._is_closed or self.was_cut)

    def filenos(self) -> Sequence[int]:
        return (self._channel.fileno(),)

    def read(self) -> tuple[bytes, bytes]:
        channel = self._channel
        stdout = _received_bytes(channel.recv_ready, channel.recv)
        stderr = _received_bytes(channel.recv_stderr_ready, channel.recv_stderr)
        if stdout or stderr:
            self._connection.has_said_something = self._was_heard = True
        return stdout, stderr

    def write(self, data: bytes) -> int:
        try:
            return self._channel.send(data) or len(data)  # to a closed channel nothing is sent: its end will be seen
        except TimeoutError:  # the server takes no more for now
            return 0
        except (EOFError, OSError):
            return len(data)

    def hang_up(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # the connection has gone already
            self._channel.shutdown_write()

    def why_ended(self) -> str:
        self._channel.status_event.wait(0.5)  # it comes right behind the end of the streams, as the connection's does
        if not self._connection.is_alive:
            violation = self._connection.violation
            if self._connection.fell_silent:
                violation = "fell silent"
            return f"connection lost: the host {violation}," if violation else "connection lost"
        if self._was_refused:
            return "its SSH server refused to start the command"
        if self._channel.exit_status >= 0:
            told = f"status {self._channel.exit_status}; may its login start no more processes?"
            return f"the shell of the visit ended by itself ({told})"
        return f"something on the host ended the command (status {self._channel.exit_status})"

    def why_no_shell(self) -> str:
        self._channel.status_event.wait(0.5)
        status, what = _NO_PAM_SESSION
        return what if self._channel.exit_status == status and self._connection.is_openssh else ""

    def ended_by_itself(self) -> bool:
        self._channel.status_event.wait(0.5)
        return self._connection.is_alive and self._channel.exit_status >= 0

    def ended_well(self) -> bool:
        self._channel.status_event.wait(0.5)
        return self._channel.exit_status == 0

    def send_signal(self, name: str) -> None:
        """OpenSSH passes it to the process group of the login, but not to a forced command."""
        import paramiko

        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):  # the connection has gone already
            self._channel.request("signal", name, wants_answer=False)

    def leave(self) -> None:
        self._is_closed = True
        self._connection.end_later(self._channel)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._connection.end(self._channel)


def _received_bytes(is_ready: Callable[[], bool], receive: Callable[[int], bytes]) -> bytes:
    """What has come of a stream. Where paramiko finds in passing that the connection is gone, one chunk is lost."""
    try:
        return receive(_CHUNK_BYTES) if is_ready() else b""
    except (EOFError, OSError):
        return b""
