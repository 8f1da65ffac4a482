"""A connection -> the HTTP server, once it has shown the token; strangers are bounded in number, bytes and time.

Whoever has no token costs a file descriptor for some seconds and never reaches HTTP server, protocol or audit log.
There is no place that strangers could take from a caller: when there are too many of them, the oldest goes.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import resource
from collections import Counter
from collections.abc import Callable, Iterable, MutableSet
from functools import partial
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

STRANGER_S = 10.0
"""From the connection to the end of the first request's head, token included: nobody without one stays longer."""
HEAD_S = 10.0
"""A caller's next request may take so long from its first byte to the end of its head …"""
BODY_S = 15.0
"""… and so long to the end of its body."""
IDLE_S = 30
"""Between two requests."""
READER_S = 60.0
"""A caller that reads nothing of its answer is given up then."""
_FAREWELL_S = 1.0
"""A stranger may read its refusal for so long."""
MAX_HEAD_BYTES = 16 * 1024
BACKLOG = 128
"""Connections that are accepted in one go, and that wait in the kernel."""
MAX_STRANGERS = 512
"""Four times as many as are accepted in one go, so that nobody is replaced who sends the request at once."""
MAX_CALLERS = 256
_OTHER_FILES = 128
"""File descriptors that are left for hosts, files and libraries."""


class Admission:
    """The connections of one server. For one event loop."""

    def __init__(self, token: str, *, max_strangers: int = MAX_STRANGERS, max_callers: int = MAX_CALLERS) -> None:
        self.token = token.encode("ascii")
        self.max_strangers = max_strangers
        self.max_callers = max_callers
        self._strangers: dict[_Door, None] = {}
        """In the order in which they came."""
        self._callers: set[_CallerProtocol] = set()

    def door(self, **server: Any) -> asyncio.Protocol:
        """What uvicorn makes of each new connection, in place of its HTTP protocol."""
        return _Door(self, partial(_CallerProtocol, self, **server), server["server_state"].connections)

    def came(self, stranger: _Door) -> None:
        """One more; when that is one too many, the oldest goes of those that come from the busiest address."""
        self._strangers[stranger] = None
        if len(self._strangers) > self.max_strangers:
            busiest = Counter(each.address for each in self._strangers).most_common(1)[0][0]
            next(each for each in self._strangers if each.address == busiest).shutdown()

    def left(self, stranger: _Door) -> None:
        self._strangers.pop(stranger, None)

    def takes_one_more(self) -> bool:
        return len(self._callers) < self.max_callers

    @property
    def callers(self) -> set[_CallerProtocol]:
        return self._callers


def admission_within_the_limit_of_files(token: str) -> Admission:
    """As many connections as this process may have open files; the soft limit is raised as far as that helps."""
    wanted = MAX_STRANGERS + MAX_CALLERS + BACKLOG + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        share = max(0, soft - BACKLOG - _OTHER_FILES) / (MAX_STRANGERS + MAX_CALLERS)
        strangers, callers = (max(16, int(number * min(1.0, share))) for number in (MAX_STRANGERS, MAX_CALLERS))
        return Admission(token, max_strangers=strangers, max_callers=callers)
    return Admission(token)


def bears_token(authorizations: Iterable[bytes], token: bytes) -> bool:
    """Whether these values of all Authorization headers of a request are one, and the token.

    As a bearer, or as the password of anybody (``Basic``): so a client that knows addresses alone brings it along,
    ``http://anybody:TOKEN@127.0.0.1:5050``.
    """
    values = list(authorizations)
    if len(values) != 1:
        return False
    scheme, _, given = values[0].strip().partition(b" ")
    if scheme.lower() == b"basic":
        return hmac.compare_digest(_password_in(given.strip()), token)
    return hmac.compare_digest(given.strip(), token) and scheme.lower() == b"bearer"


def _password_in(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except ValueError:
        return b""


class _Door(asyncio.Protocol):
    """A connection before it has shown the token."""

    def __init__(self, admission: Admission, beyond: Callable[[], H11Protocol], connections: MutableSet[Any]) -> None:
        self._admission = admission
        self._beyond = beyond
        self._connections = connections
        """uvicorn's: what is in there is shut down with the server."""
        self._head = bytearray()
        self._is_refused = False
        self._transport: asyncio.Transport | None = None
        self._ends: asyncio.TimerHandle | None = None
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self._connections.add(self)
        self._end_after(STRANGER_S)
        self._admission.came(self)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:  # nobody reads what it still sends
            return
        searched = max(0, len(self._head) - 3)
        self._head += data
        end = self._head.find(b"\r\n\r\n", searched)
        if end < 0:
            if len(self._head) > MAX_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of this request is too large.")
        elif not bears_token(_authorizations_in(bytes(self._head[:end])), self._admission.token):
            self._refuse(HTTPStatus.UNAUTHORIZED, "A token is needed: Authorization: Bearer ...")
        elif not self._admission.takes_one_more():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "There are too many callers; try again in some seconds.")
        else:
            self._let_in()

    def connection_lost(self, error: Exception | None) -> None:
        self._leave()

    def shutdown(self) -> None:
        """Ends the connection at once, as uvicorn ends its own."""
        self._leave()
        if self._transport is not None:
            self._transport.abort()

    def _let_in(self) -> None:
        assert self._transport is not None  # noqa: S101 - it has sent something
        self._leave()
        caller = self._beyond()
        self._transport.set_protocol(caller)
        caller.connection_made(self._transport)
        caller.data_received(bytes(self._head))

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        """Answers, and waits for the other side to close: a close with bytes unread would destroy the answer."""
        assert self._transport is not None  # noqa: S101 - it has sent something
        self._is_refused = True
        self._head.clear()
        self._transport.write(_refusal(status, sentence))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._end_after(_FAREWELL_S)

    def _end_after(self, seconds: float) -> None:
        if self._ends is not None:
            self._ends.cancel()
        self._ends = asyncio.get_running_loop().call_later(seconds, self.shutdown)

    def _leave(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
        self._connections.discard(self)
        self._admission.left(self)


def _authorizations_in(head: bytes) -> list[bytes]:
    """The values of the Authorization headers in the head of a request."""
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return [value.strip() for name, _, value in pairs if name.lower() == b"authorization"]


def _refusal(status: HTTPStatus, sentence: str) -> bytes:
    body = f"{sentence}\n"
    more = {
        HTTPStatus.UNAUTHORIZED: 'WWW-Authenticate: Bearer realm="failtale"\r\n',
        HTTPStatus.SERVICE_UNAVAILABLE: "Retry-After: 5\r\n",
    }.get(status, "")
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n{body}"
    ).encode("ascii")


class _CallerProtocol(H11Protocol):
    """A connection that has shown the token: uvicorn's own, whose requests must come and whose answers must go."""

    def __init__(self, admission: Admission, **server: Any) -> None:
        super().__init__(**server)
        self._admission = admission
        self._ends: asyncio.TimerHandle | None = None
        self._awaited: str | None = None
        """What the connection has to bring by the time that `_ends` tells."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._admission.callers.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._admission.callers.discard(self)
        self._await(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await(self._missing())

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await(self._missing())

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await("reader")

    def resume_writing(self) -> None:
        super().resume_writing()
        self._await(self._missing())

    def _missing(self) -> str | None:
        """What is to come from the caller before anything else can happen."""
        if self.flow.write_paused:
            return "reader"
        if self.cycle is None or self.cycle.response_complete:
            return "head" if self.timeout_keep_alive_task is None else None
        return "body" if self.cycle.more_body else None

    def _await(self, what: str | None) -> None:
        """A time-out that goes on while the same is awaited, whatever drips in."""
        if what == self._awaited:
            return
        self._awaited = what
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None
        if what is not None and not self.transport.is_closing():
            seconds = {"head": HEAD_S, "body": BODY_S, "reader": READER_S}[what]
            self._ends = self.loop.call_later(seconds, self.transport.abort)
