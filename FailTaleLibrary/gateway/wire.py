"""A request -> its answer from a gateway, over HTTP and the standard library alone, so that a runner starts at once.

Whatever the other side does (nothing, a byte a second, no end), whoever waits ends it from another thread, and it can
send no more than a call is worth: no endless body, nothing compressed, no redirect that is followed.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""Of one response: a page of a record has 256 kB, a list of a thousand components less than 1 MB."""
_CHUNK_BYTES = 64 * 1024
_SOCKET_S = 3600.0
"""Longer than any call: the one who waits ends an exchange, not the socket."""

_ENDED_EARLY = "the connection ended before the answer was complete"


class WireError(Exception):
    """What came is no answer that a gateway would give; its text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a gateway listens."""

    host: str
    port: int
    path: str
    is_tls: bool

    @property
    def named(self) -> str:
        """As a Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises ValueError for a port that is none."""
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname or "", parts.port or (443 if is_tls else 80), path or "/", is_tls)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer: its body, or of an event stream the one message that answers the request."""

    status: int
    body: bytes
    location: str = ""
    """Where a redirect leads."""


class Exchange:
    """One POST and what comes of it: `run` it in a thread of its own; from any other wait for `done`, or `abort` it."""

    def __init__(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        connect_timeout_s: float,
        tls: Callable[[], ssl.SSLContext],
        hear: Callable[[dict[str, Any] | None], object],
    ) -> None:
        """``hear`` gets each notification while it comes, and None for a complete answer that is no proxy's fault."""
        self.done = threading.Event()
        self._answer: HttpAnswer | None = None
        self._error: Exception | None = None
        self._url = url
        self._body = body
        self._headers = headers
        self._connect_timeout_s = connect_timeout_s
        self._tls = tls
        self._hear = hear
        self._socket: socket.socket | None = None
        self._is_aborted = False

    def run(self) -> None:
        try:
            self._answer = self._exchanged(Address.of(self._url))
            if self._answer.status < 500:
                self._hear(None)
        except Exception as error:  # of whatever kind: whoever waits makes a sentence of it
            self._error = error
        finally:
            self._close()
            self.done.set()

    def result(self) -> HttpAnswer:
        """The answer of an exchange that is `done`. Raises why there is none."""
        if self._answer is None:
            raise self._error or WireError(_ENDED_EARLY)
        return self._answer

    def abort(self) -> None:
        """Ends it, wherever it stands; the gateway then ends what it does for us."""
        self._is_aborted = True
        if self._socket is not None:
            with contextlib.suppress(OSError, ValueError):  # not connected yet, or closed just now
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _exchanged(self, address: Address) -> HttpAnswer:
        connection = http.client.HTTPConnection(address.host, address.port)
        connection.sock = self._connected(address)
        connection.request("POST", address.path, self._body, {"Host": address.named, **self._headers})
        with contextlib.closing(connection.getresponse()) as response:
            return self._answer_in(response)

    def _answer_in(self, response: http.client.HTTPResponse) -> HttpAnswer:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise WireError("the response is compressed, which was not asked for")
        location = response.headers.get("Location", "") if 300 <= response.status < 400 else ""
        if response.headers.get_content_type() == "text/event-stream":
            return HttpAnswer(response.status, self._answer_among_events(response))
        body = b"".join(_bounded(response.read1, _CHUNK_BYTES))
        if response.length:
            raise WireError(_ENDED_EARLY)
        return HttpAnswer(response.status, body, location)

    def _connected(self, address: Address) -> socket.socket:
        """A socket that is connected, with TLS where the address asks for it."""
        found: OSError | None = None
        for family, kind, number, _, where in socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM):
            self._take(made := socket.socket(family, kind, number))
            made.settimeout(self._connect_timeout_s)
            try:
                made.connect(where)
            except OSError as error:
                found = error
                made.close()
                continue
            made.settimeout(_SOCKET_S)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._encrypted(made, address.host) if address.is_tls else made
        raise found or OSError("the name has no address")

    def _encrypted(self, made: socket.socket, host: str) -> socket.socket:
        encrypted = self._tls().wrap_socket(made, server_hostname=host, do_handshake_on_connect=False)
        self._take(encrypted)
        encrypted.do_handshake()
        return encrypted

    def _take(self, made: socket.socket) -> None:
        self._socket = made
        if self._is_aborted:
            raise WireError("it was ended")

    def _answer_among_events(self, response: http.client.HTTPResponse) -> bytes:
        """The message with the request's id; the notifications before it are heard."""
        lines = _bounded(response.readline, MAX_RESPONSE_BYTES)
        for message in _messages_in(lines):
            if "id" in message:
                return json.dumps(message).encode()
            self._hear(message)
        raise WireError(_ENDED_EARLY)

    def _close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()


def _bounded(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    """What a response has, piece by piece. Raises WireError when it is more than any answer."""
    received = 0
    while piece := read(size):
        received += len(piece)
        if received > MAX_RESPONSE_BYTES:
            raise WireError(f"the response has more than {MAX_RESPONSE_BYTES:,} bytes")
        yield piece


def _messages_in(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON-RPC messages of an event stream; comments, which keep it open, are passed over."""
    data = io.BytesIO()
    for line in lines:
        text = line.rstrip(b"\r\n")
        if text.startswith(b"data:"):
            data.write(text[5:])
        elif not text and data.tell():
            message = json.loads(data.getvalue())
            if isinstance(message, dict):
                yield message
            data = io.BytesIO()
