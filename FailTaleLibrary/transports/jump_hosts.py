"""Jump hosts -> connections from there onwards: each is logged in to once, and at most 8 connections go through it.

`JumpHosts` has those that the process is connected to. A host takes a `Place` before it connects, and leaves it when
its connection ends. When all are taken, a connection that nobody uses at the moment is ended for the next in line.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from FailTaleLibrary.breaker import Breaker
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.text import one_line, sanitize, shorten
from FailTaleLibrary.transports.host_keys import Trust, UnknownHostKeyError
from FailTaleLibrary.transports.reach import Reach

if TYPE_CHECKING:
    import paramiko

    from FailTaleLibrary.transports.ssh_bounds import BoundedTransport, OrderedChannel
    from FailTaleLibrary.transports.ssh_login import Login

MAX_THROUGH = 8
"""Connections at once: of more that come in a burst, an sshd refuses some (MaxStartups 10)."""
_WAITING_S = 30.0
"""For a place: as long as the visits of the hosts that are there may take by default (`limits.host_time`)."""
_IDLE_S = 5.0
"""How often a connection wakes up in vain."""
_FORBIDDEN = 1
"""Why a server opens no channel: RFC 4254, section 5.1."""


class Holder(Protocol):
    """Whoever has a connection that goes through a jump host."""

    @property
    def used_at(self) -> float:
        """When it was last used, on the monotonic clock."""
        ...

    def retire(self) -> bool:
        """Say whether nobody uses it now; from then on nobody does any more."""
        ...

    def close(self) -> None:
        """End it, after it was retired."""
        ...


class BusyJumpHostError(TransportError):
    """No place became free: nothing is wrong with the host behind."""


class Place:
    """One of the connections that may go through a jump host at once."""

    def __init__(self, jump: JumpHost) -> None:
        self.holder: Holder | None = None
        """None while its connection is being made."""
        self._jump = jump
        self._passage: Passage | None = None

    def connect(self, address: str, port: int, *, within_s: float) -> Passage:
        """A connection from the jump host to an address. Raises TransportError, with words behind a host's name."""
        previous, self._passage = self._passage, None
        if previous is not None:
            previous.close()
        self._passage = Passage(self._jump.open(address, port, within_s=within_s), self)
        return self._passage

    def held_by(self, holder: Holder) -> None:
        """Its connection is made and has an owner: it ends with the place, and the place with it."""
        self.holder = holder
        if self._passage is None or self._passage._closed:
            self.leave()

    def ended(self, passage: Passage) -> None:
        """A connection has ended: with it the place is free, unless another one has been made meanwhile."""
        if passage is self._passage and self.holder is not None:
            self.leave()

    def leave(self) -> None:
        """It is not needed any more. Safe to call twice."""
        passage, self._passage = self._passage, None
        if passage is not None:
            passage.close()
        self._jump.is_left(self)

    def is_idle_now(self) -> None:
        """Its holder has stopped using it for the moment: whoever waits may have it."""
        self._jump.may_have_room()


class Passage:
    """A connection that goes through a jump host, as paramiko wants a socket."""

    def __init__(self, channel: OrderedChannel, place: Place) -> None:
        self.place = place
        self._channel = channel

    @property
    def _closed(self) -> bool:  # paramiko asks for it
        return bool(self._channel.closed)

    def send(self, data: bytes | memoryview) -> int:
        return self._channel.send(bytes(data))

    def recv(self, size: int) -> bytes:
        return self._channel.recv(size)

    def settimeout(self, timeout: float | None) -> None:
        self._channel.settimeout(timeout)

    def shutdown(self, how: int) -> None:
        """Wakes up whoever reads."""
        self.close()

    def close(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # the jump host has gone already
            self._channel.close()
        self.place.ended(self)


class JumpHost:
    """The way through one jump host. Safe to use from any thread."""

    def __init__(self, reach: Reach, clock: Callable[[], float], before: JumpHost | None) -> None:
        self.trust = Trust(reach)
        self.used_at = time.monotonic()
        self._reach = reach
        self._before = before
        """The jump host that this one is reached through."""
        self._breaker = Breaker(final=("authentication refused",), clock=clock)
        self._connecting = threading.Lock()
        self._login: Login | None = None
        self._transport: BoundedTransport | None = None
        self._retired_transport: BoundedTransport | None = None
        self._is_closed = False
        self._changed = threading.Condition()
        self._places: set[Place] = set()

    # --- Places

    def place(self, abandoned: threading.Event) -> Place:
        """A place, once there is one. Raises TransportError."""
        ends = time.monotonic() + _WAITING_S
        while True:
            with self._changed:
                if abandoned.is_set() or self._is_closed:
                    raise TransportError("cancelled", "is not connected to any more: the run has ended")
                if len(self._places) < MAX_THROUGH:
                    place = Place(self)
                    self._places.add(place)
                    return place
                holder = self._retired()
                if holder is None:
                    if time.monotonic() > ends:
                        among = f"{MAX_THROUGH} connections through {self._name}"
                        said = f"found no place among the {among} in {_WAITING_S:g} s"
                        raise BusyJumpHostError("timed out", said)
                    self._changed.wait(0.5)  # short: being abandoned does not notify
            if holder is not None:
                holder.close()

    def _retired(self) -> Holder | None:
        """A connection that is not used, the one that was used longest ago."""
        holders = [place.holder for place in self._places if place.holder is not None]
        return next((each for each in sorted(holders, key=lambda each: each.used_at) if each.retire()), None)

    def is_left(self, place: Place) -> None:
        with self._changed:
            self._places.discard(place)
            self.used_at = time.monotonic()
            self._changed.notify_all()
        if (own := self._own_place) is not None:
            own.is_idle_now()

    def may_have_room(self) -> None:
        with self._changed:
            self._changed.notify_all()

    @property
    def _own_place(self) -> Place | None:
        """That this jump host has among the connections through the one before it."""
        transport = self._transport
        place = getattr(transport.sock, "place", None) if transport is not None else None
        return place if isinstance(place, Place) else None

    def retire(self) -> bool:
        with self._changed:
            if not self._places:
                self._retired_transport, self._transport = self._transport, None
            return not self._places

    # --- Connections

    @property
    def _name(self) -> str:
        return f"jump host '{self._reach.host}'"

    def open(self, address: str, port: int, *, within_s: float) -> OrderedChannel:
        """A connection from here onwards. Raises TransportError; the words go on behind a host's name."""
        import paramiko  # heavy, and not wanted by a run that touches no host

        transport = self.connected()
        try:
            return transport.open_tcp(address, port, timeout_s=within_s)
        except paramiko.ChannelException as error:
            raise self._not_opened(error) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            if not transport.is_active():
                raise TransportError("connection lost", f"was lost with the connection to {self._name}") from error
            said = f"did not respond within {within_s:.1f} s to {self._name}, through which it is reached"
            raise TransportError("unreachable", said) from error

    def _not_opened(self, error: paramiko.ChannelException) -> TransportError:
        words = shorten(one_line(sanitize(error.text)), 100)
        if error.code == _FORBIDDEN:
            said = (
                f"is not connected to by {self._name}, which forbids it ({words}): allow it there with "
                "AllowTcpForwarding and PermitOpen of its sshd_config, and without 'restrict' in authorized_keys"
            )
            return TransportError("refused", said)
        reason = "refused" if "refused" in words.lower() else "unreachable"
        return TransportError(reason, f"cannot be reached from {self._name}: {words or 'no reason is given'}")

    def connected(self) -> BoundedTransport:
        """The connection to the jump host itself, logged in. Raises TransportError."""
        if not self._connecting.acquire(timeout=2 * self._reach.connecting_s + _WAITING_S):
            raise TransportError("no answer", f"{self._reach.called} is still being connected to.")
        try:
            transport = self._transport
            if transport is None or not transport.is_active():
                transport = self._transport = self._new_connection()
            return transport
        finally:
            self._connecting.release()

    def _new_connection(self) -> BoundedTransport:
        if refusal := self._breaker.attempt():
            raise TransportError(refusal.cause, str(refusal))
        try:
            transport = self._logged_in()
        except BusyJumpHostError:
            raise
        except TransportError as error:
            self._breaker.failed(error.reason, str(error))
            raise
        self._breaker.succeeded()
        return transport

    def _logged_in(self) -> BoundedTransport:
        from FailTaleLibrary.transports.ssh_login import Login  # which knows jump hosts itself

        self._login = login = Login(self.trust, self._before)
        try:
            if self._is_closed:
                login.abandon()
            transport = login.connection()
        finally:
            self._login = None
        transport.sock.settimeout(_IDLE_S)
        if isinstance(transport.sock, Passage):
            transport.sock.place.held_by(self)
        return transport

    def close(self) -> None:
        """Ends the connection; the next one who comes makes another."""
        transports = (self._retired_transport, self._transport)
        self._retired_transport = self._transport = None
        for transport in filter(None, transports):
            hang_up(transport)

    def end(self) -> None:
        """Nobody will use it any more."""
        self._is_closed = True
        self.may_have_room()
        if (login := self._login) is not None:
            login.abandon()
        self.close()


def ends_at_once(connection: object) -> None:
    """What was not sent yet will not be, once it is closed: the other side is told so at once."""
    if isinstance(connection, socket.socket):
        with contextlib.suppress(OSError):  # it is closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(transport: BoundedTransport, *, at_once: bool = False) -> None:
    """Ends a connection and what runs in it, whatever it goes through.

    ``at_once``: also where the network loses what was sent last, as it does with large packets (MTU). Else the end of
    the connection would wait behind that for as long as the system sends it again, and the host with it.
    """
    if at_once:
        ends_at_once(transport.sock)
    with contextlib.suppress(OSError):  # it is closed already
        transport.sock.shutdown(socket.SHUT_RDWR)  # its thread, which `close` waits for, wakes up
    transport.close()
    transport.sock.close()


def behind(error: TransportError, reach: Reach, jump: Reach) -> TransportError:
    """Why a host behind a jump host cannot be asked, which is the jump host's error."""
    said = f"{reach.called} is behind {jump.called[0].lower()}{jump.called[1:]}, which cannot be used: {error}"
    if isinstance(error, UnknownHostKeyError):
        return UnknownHostKeyError(said, key=error.key, name=error.name, file=error.file)
    return type(error)(error.reason, said)


class JumpHosts:
    """The jump hosts that are in use, each once: hosts with the same way through share a connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Reach, Callable[[], float]], tuple[JumpHost, set[int]]] = {}

    def used_by(self, user: object, reach: Reach, clock: Callable[[], float]) -> JumpHost:
        """The jump host, for as long as its user does not leave it."""
        with self._lock:
            return self._used_by(user, reach, clock)

    def _used_by(self, user: object, reach: Reach, clock: Callable[[], float]) -> JumpHost:
        before = None if reach.jump is None else self._used_by(user, reach.jump, clock)
        jump, users = self._known.setdefault((reach, clock), (JumpHost(reach, clock, before), set()))
        users.add(id(user))
        return jump

    def left_by(self, user: object) -> None:
        """Jump hosts that nobody else uses are disconnected from, the farthest first."""
        with self._lock:
            unused = []
            for key, (jump, users) in list(self._known.items()):
                users.discard(id(user))
                if not users:
                    del self._known[key]
                    unused.append((len(key[0].jumps), jump))
        for _, jump in sorted(unused, key=lambda each: -each[0]):
            jump.end()


jump_hosts = JumpHosts()
"""One for the process: what a jump host takes at once does not depend on who asks."""
