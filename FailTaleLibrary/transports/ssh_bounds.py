"""What an SSH server sends -> the same within bounds, or the end of its connection and the words that say why.

paramiko believes the sizes that a server names, keeps whatever comes for a channel, does whatever it is asked as often
as it is asked, and waits without end for a server that takes nothing. A server that goes beyond what the protocol or
FailTale ever wants of one loses its connection: its own items are the price, not the memory and time of the others.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_SUCCESS,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_DEBUG,
    MSG_DISCONNECT,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_NEWKEYS,
)
from paramiko.packet import NeedRekeyException, Packetizer
from paramiko.transport import ChannelMap

from FailTaleLibrary import background
from FailTaleLibrary.transports import ed25519_key
from FailTaleLibrary.transports.reading_pace import pace
from FailTaleLibrary.transports.ssh_ciphers import CHACHA20, INFO, ChaCha20Poly1305, has_chacha20

LARGEST_PACKET_BYTES = 256 * 1024
"""RFC 4253 wants 35,000 to be taken, and nobody may send us more than 32 kB of data in one; OpenSSH stops here."""
GARBLED = "announced a packet of"
"""How the words begin of a violation that may be a byte which the network has changed."""
LONGEST_GREETING_BYTES = 64 * 1024
"""Of the lines before and with the version; RFC 4253 allows the version itself 255."""
_ALLOWED_AT_LOGIN, _ALLOWED, _ALLOWED_EACH_S = 1000.0, 20_000.0, 200.0
"""What all messages may cost: before the login, at once behind it, and then for each second."""
_NEW_KEYS, _MESSAGE = 100, 10
"""What a message costs. A visit needs a dozen; more of them are keepalives, or a storm."""
_KEYS_BYTES, _REST_OF_KEYS = 8 * 1024, 3
"""New keys cost nothing behind so many bytes of data, nor do the messages behind their first one: OpenSSH 8.4 with a
RekeyLimit of 100K wants them for each packet of 16 kB."""
_KEY_EXCHANGE = range(30, 42)
"""The numbers of messages of a key exchange, behind its first one."""
_FREE_BYTES, _ONE_BYTE = 16, 1
"""Data that somebody reads costs nothing from so many bytes on: how much comes of those is the visit's to mind."""
_COMPANIONS = frozenset({MSG_IGNORE, MSG_CHANNEL_WINDOW_ADJUST})
"""Messages that go with others: asyncssh sends one to be ignored with each of data, and a server with a small window
opens it after each packet of ours. So many of them cost a byte only."""
_WRITING_S = 15.0
"""For one packet of ours."""
_WORK_OFF_IN_ORDER = ("SSH-2.0-OpenSSH", "SSH-2.0-dropbear")
"""Servers of which it is known that they take a message ahead of their answer to the one before."""
_OLD_NAME, _NEW_NAME = "curve25519-sha256@libssh.org", "curve25519-sha256"
"""Of one and the same key exchange."""
_READ_BYTES = 32 * 1024
"""At once, at most."""
_LITTLE_BYTES = 8 * 1024
"""Behind a larger reading more is there already."""
_ANSWERS = frozenset({MSG_CHANNEL_DATA, MSG_CHANNEL_EXTENDED_DATA})
_SPARE_BYTES = 64 * 1024
"""Beyond a channel's window: it may be under way when the window shrinks."""


class Stream(Protocol):
    """What a connection is to paramiko: a socket, or what is like one."""

    def send(self, data: bytes | memoryview, /) -> int: ...

    def recv(self, size: int, /) -> bytes: ...

    def settimeout(self, timeout: float | None, /) -> None: ...

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...


class ServerViolation(paramiko.SSHException):
    """A server went beyond what it may do; the words go on behind "Host 'web1' "."""


class _ReadAhead:
    """A connection from which as much is read at once as has come.

    paramiko (5.1) reads each packet by two calls, and waits twice in each. Every such wait takes Python's lock from the
    thread that runs the tests.
    """

    def __init__(self, connection: Stream) -> None:
        self.is_paced = False
        """Whether what is read may wait for more to come."""
        self.may_wait = False
        """Whether it may now: answers come, and nobody has asked for anything since the last one."""
        self._connection = connection
        self._read = b""
        self._read_at = -math.inf
        self._has_read_little = False
        self._hurry: threading.Event | None = None
        """Of who waits at the moment."""

    def recv(self, size: int) -> bytes:
        if not self._read:
            if self.may_wait and self.is_paced and self._has_read_little:
                self._wait_for_more()
            self._read = self._connection.recv(max(size, _READ_BYTES))
            self._has_read_little = len(self._read) < _LITTLE_BYTES
            self._read_at = time.monotonic()
        data, self._read = self._read[:size], self._read[size:]
        return data

    def _wait_for_more(self) -> None:
        left_s = self._read_at + pace.pause_s() - time.monotonic()
        if left_s > 0:
            self._hurry = hurry = threading.Event()
            if self.may_wait:
                hurry.wait(left_s)
            self._hurry = None

    def wait_no_longer(self) -> None:
        """What comes next is an answer to what is sent now."""
        self.may_wait = False
        if (hurry := self._hurry) is not None:
            hurry.set()

    def close(self) -> None:
        self.wait_no_longer()
        self._connection.close()


class BoundedPacketizer(Packetizer):
    """Packets and lines of a server within bounds."""

    def __init__(self, connection: Stream) -> None:
        self._reading = reading = _ReadAhead(connection)
        super().__init__(reading)  # type: ignore[arg-type]
        self.violation = ""
        """What the server did that ended its connection: words behind "the host "."""
        self.has_ended = False
        """Whether nothing more comes. paramiko ends the channels first, and says only then that it is not active."""
        self.messages = 0
        """How many have come."""
        self._connection = connection
        self._acknowledged = connection if isinstance(connection, socket.socket) else None
        """Whose packets are acknowledged at once; None: by and by."""
        self._said = b""
        """What the server has been told already, ahead of this."""
        self._greeting_bytes = 0
        self._allowed, self._most = _ALLOWED_AT_LOGIN, _ALLOWED_AT_LOGIN
        self._counted_at = time.monotonic()
        self._bytes = 0
        """Of data, since the last new keys."""
        self._rest_of_keys = 0
        """How many messages of new keys may still come for nothing."""
        self._companions = 0
        """How many messages may still come beside what was sent, and what was read."""
        self._chacha_in: ChaCha20Poly1305 | None = None
        self._chacha_out: ChaCha20Poly1305 | None = None

    @property
    def has_heard(self) -> bool:
        """Whether anything came, be it a greeting that no version followed."""
        return self._greeting_bytes > 0

    def has_said(self, line: bytes) -> None:
        """The server knows this line: it is not sent to it once more, where it comes next."""
        self._said = line

    def start_handshake(self, timeout: float) -> None:
        """Starts no thread that minds the time, as paramiko does for each connection: whoever logs in minds it."""

    def logged_in(self) -> None:
        """From here on more may come."""
        self._allowed = self._most = _ALLOWED

    def read_by_pace(self) -> None:
        """From here on answers of visits come."""
        self._reading.is_paced = True

    def refuse(self, what: str) -> None:
        """Raises the error that ends the connection."""
        self.violation = self.violation or what
        raise ServerViolation(what)

    def give_back(self, size: int) -> None:
        """A message that has just been counted was so many bytes of data for somebody who reads them."""
        self._companions += 1
        self._bytes += size
        cost = _ONE_BYTE * max(0.0, 1 - size / _FREE_BYTES)
        self._allowed = min(self._most, self._allowed + _MESSAGE - cost)

    # What paramiko calls

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        if n > LARGEST_PACKET_BYTES:
            self.refuse(f"{GARBLED} {n:,} bytes")
        data: bytes = super().read_all(n, check_rekey)
        if self._chacha_in is not None and check_rekey:  # the beginning of a packet
            return self._chacha_in.received_length(data[:4]) + data[4:]
        return data

    def read_message(self) -> tuple[int, paramiko.Message]:
        try:
            kind, message = super().read_message()
        except NeedRekeyException:
            raise
        except BaseException:
            self.has_ended = True
            raise
        self.has_ended = kind == MSG_DISCONNECT
        self.messages += 1
        self._reading.may_wait = kind in _ANSWERS
        if self._acknowledged is not None:
            self._acknowledge(self._acknowledged, kind)
        self._count(self._cost(kind))
        return MSG_IGNORE if kind == MSG_DEBUG else kind, message  # paramiko would prepare its text for a log

    def _acknowledge(self, connection: socket.socket, kind: int) -> None:
        """At once until the first command runs; the system would wait 40 ms for something to send with it.

        Until then OpenSSH leaves Nagle's algorithm on, and tells of its own accord which host keys it has: the answer
        to our first channel would stay with the server until that has been acknowledged.
        """
        if kind == MSG_CHANNEL_SUCCESS:
            self._acknowledged = None
            return
        with contextlib.suppress(AttributeError, OSError):  # Linux only, and while it is connected
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # lasts until the system thinks better

    def _cost(self, kind: int) -> float:
        if kind in _COMPANIONS and self._companions:
            self._companions -= 1
            return _ONE_BYTE
        if kind == MSG_KEXINIT:
            are_due, self._bytes = self._bytes >= _KEYS_BYTES, 0
            self._rest_of_keys = _REST_OF_KEYS if are_due else 0
            return 0 if are_due else _NEW_KEYS
        if self._rest_of_keys and (kind == MSG_NEWKEYS or kind in _KEY_EXCHANGE):
            self._rest_of_keys -= 1
            return 0
        return _MESSAGE

    def set_inbound_cipher(self, block_engine: Any, *words: Any, **settings: Any) -> None:
        self._chacha_in = block_engine if isinstance(block_engine, ChaCha20Poly1305) else None
        if self._chacha_in is not None:
            self._chacha_in.count_by(lambda: self._Packetizer__sequence_number_in)  # type: ignore[attr-defined]
        super().set_inbound_cipher(block_engine, *words, **settings)

    def set_outbound_cipher(self, block_engine: Any, *words: Any, **settings: Any) -> None:
        self._chacha_out = block_engine if isinstance(block_engine, ChaCha20Poly1305) else None
        if self._chacha_out is not None:
            self._chacha_out.count_by(lambda: self._Packetizer__sequence_number_out)  # type: ignore[attr-defined]
        super().set_outbound_cipher(block_engine, *words, **settings)

    def write_all(self, out: bytes) -> None:  # type: ignore[override]
        """Raises EOFError, as paramiko expects it, also where the server takes nothing any more."""
        said, self._said = self._said, b""
        if said and out == said:
            return
        self._reading.wait_no_longer()
        self._companions += len(_COMPANIONS)
        if self._chacha_out is not None:
            out = self._chacha_out.length_to_send + out[4:]
        rest, ends = memoryview(out), time.monotonic() + _WRITING_S
        while rest:
            try:
                sent = self._connection.send(rest)
                if not sent:  # so a channel of paramiko says that it is closed
                    raise EOFError
                rest = rest[sent:]
            except TimeoutError:  # paramiko wants to look up every 0.1 s
                if time.monotonic() > ends:
                    self.violation = self.violation or "takes nothing any more"
                    self.close()
                if self.closed:
                    raise EOFError from None
            except OSError:
                raise EOFError from None

    def _read_timeout(self, timeout: float) -> bytes:
        """Bytes of the greeting."""
        chunk: bytes = super()._read_timeout(timeout)  # type: ignore[misc]
        self._greeting_bytes += len(chunk)
        if self._greeting_bytes > LONGEST_GREETING_BYTES:
            self.refuse("sent a greeting without end")
        return chunk

    def _count(self, cost: float) -> None:
        now = time.monotonic()
        self._allowed = min(self._most, self._allowed + (now - self._counted_at) * _ALLOWED_EACH_S) - cost
        self._counted_at = now
        if self._allowed < 0:
            self.refuse("sent more messages than anybody asked for")


def _feed_within(channel: paramiko.Channel, message: paramiko.Message) -> None:
    _admit(channel, _unread(message) - 4)
    channel._feed(message)  # type: ignore[attr-defined]


def _feed_extended_within(channel: paramiko.Channel, message: paramiko.Message) -> None:
    at = message.packet.tell()
    if bytes(message.packet.getbuffer()[at : at + 4]) == _STDERR:  # paramiko throws away whatever else it is
        _admit(channel, _unread(message) - 8)
    channel._feed_extended(message)  # type: ignore[attr-defined]


_STDERR = b"\0\0\0\1"
_IN_TURN_S = 0.5
"""How long a channel's end waits for what is being sent: a moment, but for new keys that are waited for meanwhile."""


class OrderedChannel(paramiko.Channel):
    """A channel of which nothing is sent behind its end.

    paramiko (5.1) sends what was on its way when another thread closed the channel, its own for one that answers the
    server's end. A server ends the whole connection for what belongs to a channel that is gone: that would cost the
    other shells on the host, and behind a jump host all hosts. A new channel may have the number by then.
    """

    _in_turn: threading.Lock

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._in_turn = threading.Lock()

    @classmethod
    def out_of(cls, channel: paramiko.Channel) -> OrderedChannel:
        """The same channel, which paramiko has made: `open_channel` knows one kind of them only."""
        channel._in_turn = threading.Lock()  # type: ignore[attr-defined]
        channel.__class__ = cls  # its lock is there by now: paramiko's thread may end it at any moment
        return cast(OrderedChannel, channel)

    def send(self, data: bytes) -> int:  # type: ignore[override]
        """As much as the window takes; waits for it as long as `settimeout` says. 0: the channel is closed."""
        timeout = self.gettimeout()
        ends = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            with self._in_turn:
                if self.closed:
                    return 0
                if self.send_ready():
                    return super().send(data)
            if time.monotonic() > ends:
                raise TimeoutError
            time.sleep(0.01)  # a full window is rare: nothing large is sent to a host

    def request(self, kind: str, text: str, *, wants_answer: bool) -> bool:
        """Ask for something without waiting for the answer; False where nothing was sent: the channel is closed."""
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
        message.add_int(self.remote_chanid)
        message.add_string(kind)
        message.add_boolean(wants_answer)
        message.add_string(text)
        return self._send_in_turn(message)

    def shutdown(self, how: int) -> None:
        with self._in_turn:
            super().shutdown(how)

    def _check_add_window(self, size: int) -> int:
        """What was read makes room for more, which the server is told here: paramiko would do so out of turn."""
        room: int = super()._check_add_window(size)  # type: ignore[misc]
        if room:
            message = paramiko.Message()
            message.add_byte(paramiko.common.cMSG_CHANNEL_WINDOW_ADJUST)
            message.add_int(self.remote_chanid)
            message.add_int(room)
            self._send_in_turn(message)
        return 0

    def _send_in_turn(self, message: paramiko.Message) -> bool:
        with self._in_turn:
            is_open = not self.closed
            if is_open:
                self.get_transport()._send_user_message(message)  # type: ignore[attr-defined]
        return is_open

    def close(self) -> None:
        with self.in_turn():
            super().close()

    @contextlib.contextmanager
    def in_turn(self) -> Iterator[None]:
        """While nothing is being sent."""
        has_turn = self._in_turn.acquire(timeout=_IN_TURN_S)
        try:
            yield
        finally:
            if has_turn:
                self._in_turn.release()


def _close_in_turn(channel: paramiko.Channel, message: paramiko.Message) -> None:
    """The server's end of a channel is answered with ours."""
    with _in_turn(channel):
        channel._handle_close(message)  # type: ignore[attr-defined]


def _refuse_in_turn(channel: paramiko.Channel, message: paramiko.Message) -> None:
    """The server's no to a command ends its channel."""
    with _in_turn(channel):
        channel._request_failed(message)  # type: ignore[attr-defined]


def _in_turn(channel: paramiko.Channel) -> contextlib.AbstractContextManager[None]:
    return channel.in_turn() if isinstance(channel, OrderedChannel) else contextlib.nullcontext()


def _admit(channel: paramiko.Channel, size: int) -> None:
    """Data for somebody who reads it costs nothing, unless it is more than the channel's window lets through."""
    packetizer: BoundedPacketizer = channel.get_transport().packetizer  # type: ignore[assignment]
    held = len(channel.in_buffer) + len(channel.in_stderr_buffer)
    if held + size > channel.in_window_size + _SPARE_BYTES:
        packetizer.refuse("sent more than the window allows")
    if size > 0:
        packetizer.give_back(size)


def _unread(message: paramiko.Message) -> int:
    return message.packet.getbuffer().nbytes - message.packet.tell()


def _with_new_name(names: tuple[str, ...]) -> tuple[str, ...]:
    pairs = ((name, _NEW_NAME) if name == _OLD_NAME and _NEW_NAME not in names else (name,) for name in names)
    return tuple(itertools.chain.from_iterable(pairs))


class _OneWish(AuthHandler):
    """Wishes to be allowed a login once for each connection, as OpenSSH does; the first login may go right behind it.

    paramiko (5.1) repeats that wish for each key, and asyncssh (2.24) ends a connection at the second one. It also
    waits for the answer, which is yes, or the end of the connection.
    """

    def __init__(self, transport: BoundedTransport, *, is_at_once: bool) -> None:
        super().__init__(transport)
        self._connection = transport
        self._goes_ahead = is_at_once or transport.has_wished

    def _request_auth(self) -> None:
        if not self._connection.has_wished:
            self._connection.has_wished = True
            super()._request_auth()  # type: ignore[misc]
        if self._goes_ahead:
            allowed = paramiko.Message()
            allowed.add_string("ssh-userauth")
            allowed.rewind()
            super()._parse_service_accept(allowed)  # type: ignore[misc]

    def _parse_service_accept(self, message: paramiko.Message) -> None:
        if not self._goes_ahead:
            super()._parse_service_accept(message)  # type: ignore[misc]


class _Channels(ChannelMap):
    """The channels of a connection, each with its connection from the start.

    paramiko 5.1 enters a channel before it tells it its transport; a connection that was closed in that moment by
    another thread ended with an error, and its socket and the channels behind that one stayed open.
    """

    def __init__(self, transport: paramiko.Transport) -> None:
        super().__init__()
        self._transport = transport

    def put(self, chanid: int, chan: Any) -> None:
        chan.transport = self._transport
        super().put(chanid, chan)


class BoundedTransport(paramiko.Transport):
    """A connection whose server is minded."""

    packetizer: BoundedPacketizer
    _channel_handler_table = {  # noqa: RUF012 - as paramiko has it
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_DATA: _feed_within,
        MSG_CHANNEL_EXTENDED_DATA: _feed_extended_within,
        MSG_CHANNEL_CLOSE: _close_in_turn,
        MSG_CHANNEL_FAILURE: _refuse_in_turn,
    }

    _kex_info = {**paramiko.Transport._kex_info}  # type: ignore[attr-defined] # noqa: RUF012 - as paramiko has it
    _cipher_info = {**paramiko.Transport._cipher_info}  # type: ignore[attr-defined] # noqa: RUF012
    _preferred_kex = paramiko.Transport._preferred_kex  # type: ignore[attr-defined]
    _preferred_ciphers = paramiko.Transport._preferred_ciphers  # type: ignore[attr-defined]
    if _OLD_NAME in _kex_info:  # of RFC 8731, which has given it a name of its own; some servers know that one alone
        _kex_info.setdefault(_NEW_NAME, _kex_info[_OLD_NAME])
        _preferred_kex = _with_new_name(_preferred_kex)
    if has_chacha20():
        _cipher_info.setdefault(CHACHA20, {"class": ChaCha20Poly1305, **INFO})
        _preferred_ciphers = tuple(dict.fromkeys((*_preferred_ciphers, CHACHA20)))
    _key_info = {  # noqa: RUF012 - as paramiko has it
        **paramiko.Transport._key_info,  # type: ignore[attr-defined]
        **dict.fromkeys(("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"), ed25519_key.host_key),
    }

    def __init__(self, connection: Stream) -> None:
        super().__init__(connection, packetizer_class=BoundedPacketizer)  # type: ignore[arg-type]
        self._channels = _Channels(self)
        self.shown_key = b""
        """What the server showed as its key: the key, or a certificate of it."""
        self.has_wished = False
        """Whether the server was asked to allow a login."""
        self._refusals: dict[int, str] = {}
        """Why the server opened no channel of a number, in its words."""

    @property
    def violation(self) -> str:
        """What the server did that ended the connection; empty while it keeps to its bounds."""
        return self.packetizer.violation

    # --- Round trips saved

    def has_greeted(self, version: str) -> None:
        """Who we are has been told as the connection began, so that its server went on meanwhile."""
        self.local_version = version
        self.packetizer.has_said(f"{version}\r\n".encode())

    def auth_publickey(self, username: str, key: paramiko.PKey, event: threading.Event | None = None) -> list[str]:
        """As paramiko has it; what is asked for first goes along where the server is known to work it off in order."""
        if event is not None or not self.is_active():
            return super().auth_publickey(username, key, event)
        is_at_once = self._works_off_in_order and self._signs_at_once(key)
        return self._log_in(lambda login, done: login.auth_publickey(username, key, done), is_at_once=is_at_once)

    def auth_password(
        self, username: str, password: str, event: threading.Event | None = None, fallback: bool = True
    ) -> list[str]:
        if event is not None or fallback or not self.is_active():
            return super().auth_password(username, password, event, fallback)
        return self._log_in(lambda login, done: login.auth_password(username, password, done))

    def auth_interactive(self, username: str, handler: Any, submethods: str = "") -> list[str]:
        if not self.is_active():
            return super().auth_interactive(username, handler, submethods)
        return self._log_in(lambda login, done: login.auth_interactive(username, handler, done, submethods))

    def _log_in(
        self, log_in: Callable[[AuthHandler, threading.Event], object], *, is_at_once: bool = False
    ) -> list[str]:
        """What the server wants besides."""
        self.auth_handler = login = _OneWish(self, is_at_once=is_at_once)
        done = threading.Event()
        log_in(login, done)
        return login.wait_for_response(done)

    @property
    def _works_off_in_order(self) -> bool:
        return self.remote_version.startswith(_WORK_OFF_IN_ORDER)

    def _signs_at_once(self, key: paramiko.PKey) -> bool:
        """Whether nobody is asked for the signature, and its algorithm is known; of RSA it is what the server tells."""
        is_known = "rsa" not in key.get_name() or bool(self.server_extensions)  # type: ignore[attr-defined]
        return is_known and not isinstance(key, paramiko.AgentKey)

    # --- What a server shows

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """As `get_security_options` has them: paramiko (5.1) would add certificates that nobody can judge."""
        return tuple(self._filter_algorithm("keys"))  # type: ignore[attr-defined]

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        super()._verify_key(host_key, sig)  # type: ignore[misc]
        self.shown_key = bytes(host_key)

    # --- Channels

    def open_session(self, *words: Any, **settings: Any) -> OrderedChannel:
        return OrderedChannel.out_of(super().open_session(*words, **settings))

    def open_tcp(self, address: str, port: int, *, timeout_s: float) -> OrderedChannel:
        """A connection from the server onwards. Raises ChannelException with the server's words, SSHException.

        As `open_channel`, which keeps one error for all channels that are being opened: here each has its own.
        """
        opening = _Opening(self)
        with self.lock:
            number = self._next_channel()  # type: ignore[attr-defined]
            opening.channel = channel = OrderedChannel(number)
            self._channels.put(number, channel)
            self.channel_events[number] = opening
            self.channels_seen[number] = True
            window, packet = self._sanitize_window_size(None), self._sanitize_packet_size(None)  # type: ignore[attr-defined]
            channel._set_transport(self)  # type: ignore[attr-defined]
            channel._set_window(window, packet)  # type: ignore[attr-defined]
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_CHANNEL_OPEN)
        message.add_string("direct-tcpip")
        for value in (number, window, packet):
            message.add_int(value)
        for place, its_port in ((address, port), ("127.0.0.1", 0)):
            message.add_string(place)
            message.add_int(its_port)
        self._send_user_message(message)  # type: ignore[attr-defined]
        opening.take(timeout_s)
        if self._channels.get(number) is channel:
            return channel
        error = opening.error
        code = error.code if isinstance(error, paramiko.ChannelException) else 0
        raise paramiko.ChannelException(code, self._refusals.pop(number, "")) from error

    def _parse_channel_open_failure(self, message: paramiko.Message) -> None:
        at = message.packet.tell()
        number, _ = message.get_int(), message.get_int()
        self._refusals[number] = message.get_text()
        message.packet.seek(at)
        super()._parse_channel_open_failure(message)  # type: ignore[misc]


class _Opening(threading.Event):
    """A channel that is being opened. paramiko sets it in the thread that has just noted why it was refused."""

    def __init__(self, transport: BoundedTransport) -> None:
        super().__init__()
        self.error: Any = None
        self.channel: paramiko.Channel | None = None
        self._transport = transport
        self._is_given_up = False
        self._deciding = threading.Lock()

    def set(self) -> None:
        self.error = self._transport.saved_exception
        with self._deciding:
            super().set()
            is_late = self._is_given_up
        if is_late and self.channel is not None:  # the server has opened what nobody waits for any more
            background.start(self.channel.close, name="failtale-late-channel")

    def take(self, timeout_s: float) -> None:
        """Wait until it is opened or refused. Raises SSHException when it takes too long or the connection ends."""
        ends = time.monotonic() + timeout_s
        while not self.wait(0.1):
            if not self._transport.is_active():
                raise paramiko.SSHException("the connection ended")
            if time.monotonic() > ends:
                with self._deciding:
                    self._is_given_up = not self.is_set()
                if self._is_given_up:
                    raise paramiko.SSHException("timeout")
