"""A request -> its answer, over HTTP and the standard library alone, so that a runner starts at once.

Gateways, log stores, MCP servers and salt-api are asked with it. Whatever the other side does (nothing, a byte a
second, no end), whoever waits ends it from another thread, and it can send no more than a call is worth: no endless
body, compressed or not, no redirect that is followed.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from FailTaleLibrary.lazy import dataclass, replace

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""Of one response: a page of a record has 256 kB, a list of a thousand components less than 1 MB, 1,000 lines of a log
store some 300 kB."""
_CHUNK_BYTES = 64 * 1024
_SOCKET_S = 3600.0
"""Longer than any call: the one who waits ends an exchange, not the socket."""

_COMPRESSED = ("gzip", "x-gzip", "deflate")
_ENDED_EARLY = "the connection ended before the answer was complete"


class WireError(Exception):
    """What came is no complete answer; its text says what is wrong with it."""

    @property
    def is_early_end(self) -> bool:
        """Whether the connection ended within the answer."""
        return str(self) == _ENDED_EARLY


class TooLargeError(WireError):
    """The answer has more bytes than any answer may have."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

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
    session: str = ""
    """What an MCP server wants to hear again with the next request."""
    content_type: str = ""
    """Such as ``application/json``, without its parameters."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """What requests go through."""

    address: Address
    authorization: str = ""
    """The value of a Proxy-Authorization header; a secret."""

    @classmethod
    def of(cls, url: str) -> Proxy:
        """Of ``http://[user:password@]host:port``. Raises ValueError for a port that is none."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        known = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        basic = f"Basic {base64.b64encode(known.encode()).decode()}" if parts.username else ""
        return cls(Address.of(parts.geturl()), basic)

    @property
    def headers(self) -> dict[str, str]:
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


class Exchange:
    """A request and what comes of it: `run` it in its own thread; from any other wait for `done`, or `abort` it."""

    def __init__(
        self,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        connect_timeout_s: float,
        tls: Callable[[], ssl.SSLContext],
        method: str = "POST",
        proxy: Proxy | None = None,
        hear: Callable[[dict[str, Any] | None], object] = lambda _: None,
        take_line: Callable[[bytes], object] | None = None,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        """``hear`` gets each notification while it comes, and None for a complete answer that is no proxy's fault.

        With ``take_line`` an event stream is no answer to a question: it gets the lines, for as long as they come.
        """
        self.done = threading.Event()
        self.answered = threading.Event()
        """Set when `head` is known, or when it is `done` without."""
        self.head: HttpAnswer | None = None
        """The answer without its body, as soon as that much has come."""
        self.received = 0
        """Bytes of the body so far."""
        self._answer: HttpAnswer | None = None
        self._error: Exception | None = None
        self._url = url
        self._body = body
        self._headers = headers
        self._connect_timeout_s = connect_timeout_s
        self._tls = tls
        self._method = method
        self._proxy = proxy
        self._hear = hear
        self._take_line = take_line
        self._max_bytes = max_bytes
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
            self.answered.set()

    def result(self) -> HttpAnswer:
        """The answer of an exchange that is `done`. Raises why there is none."""
        if self._answer is None:
            raise self._error or WireError(_ENDED_EARLY)
        return self._answer

    def abort(self) -> None:
        """Ends it, wherever it stands; a server then ends what it does for us."""
        self._is_aborted = True
        if self._socket is not None:
            with contextlib.suppress(OSError, ValueError):  # not connected yet, or closed just now
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _exchanged(self, address: Address) -> HttpAnswer:
        connection = http.client.HTTPConnection(address.host, address.port)
        connection.sock = self._connected(address)
        path, headers = address.path, {"Host": address.named, **self._headers}
        if self._proxy is not None and not address.is_tls:
            path, headers = f"http://{address.named}{address.path}", {**headers, **self._proxy.headers}
        connection.request(self._method, path, self._body, headers)
        with contextlib.closing(connection.getresponse()) as response:
            return self._answer_in(response)

    def _answer_in(self, response: http.client.HTTPResponse) -> HttpAnswer:
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
        if encoding not in ("identity", *_COMPRESSED):
            raise WireError("the response is compressed in a way that was not asked for")
        location = response.headers.get("Location", "") if 300 <= response.status < 400 else ""
        session = response.headers.get("Mcp-Session-Id", "")
        kind = response.headers.get_content_type() if "Content-Type" in response.headers else ""
        self.head = head = HttpAnswer(response.status, b"", location, session, kind)
        self.answered.set()
        if kind == "text/event-stream" and encoding == "identity":
            return replace(head, body=self._body_of_events(response), location="")
        body = b"".join(self._bounded(response.read1, _CHUNK_BYTES))
        if response.length:
            raise WireError(_ENDED_EARLY)
        if body and encoding in _COMPRESSED:  # by who takes no notice of what was asked for
            body = _unpacked_body(body, max_bytes=self._max_bytes)
        return replace(head, body=body)

    def _connected(self, address: Address) -> socket.socket:
        """A socket that is connected, with TLS where the address asks for it."""
        if self._proxy is None:
            made = self._reached(address)
        else:
            made = self._reached(self._proxy.address)
            if address.is_tls:
                _tunnel(made, address, self._proxy)
        return self._encrypted(made, address.host) if address.is_tls else made

    def _reached(self, address: Address) -> socket.socket:
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
            return made
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

    def _body_of_events(self, response: http.client.HTTPResponse) -> bytes:
        """Nothing where a caller takes the lines; else the one message that answers."""
        if self._take_line is None:
            return self._answer_among_events(response)
        while line := response.readline(self._max_bytes):
            self._take_line(line)
        return b""

    def _answer_among_events(self, response: http.client.HTTPResponse) -> bytes:
        """The message with the request's id; the notifications before it are heard."""
        lines = self._bounded(response.readline, self._max_bytes)
        for message in _messages_in(lines):
            if "id" in message and "method" not in message:  # else a question of the server's, which nobody answers
                return json.dumps(message).encode()
            self._hear(message)
        raise WireError(_ENDED_EARLY)

    def _bounded(self, read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
        """What a response has, piece by piece. Raises WireError when it is more than any answer."""
        while piece := read(size):
            self.received += len(piece)
            if self.received > self._max_bytes:
                raise TooLargeError(f"the response has more than {self._max_bytes:,} bytes")
            yield piece

    def _close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()


def _tunnel(made: socket.socket, address: Address, proxy: Proxy) -> None:
    """Asks a proxy for the way to an address. Raises WireError when it gives none."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    place = f"{host}:{address.port}"
    headers = {"Host": place, **proxy.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    made.sendall(f"CONNECT {place} HTTP/1.1\r\n{head}\r\n".encode("ascii"))
    response = http.client.HTTPResponse(made, method="CONNECT")
    try:
        response.begin()
        if response.status != http.client.OK:
            raise WireError(f"the proxy refuses the way there (HTTP status {response.status})")
    finally:
        response.close()


def _unpacked_body(body: bytes, *, max_bytes: int) -> bytes:
    """What was compressed as gzip or by zlib, as far as an answer may be large."""
    import zlib

    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        data = unpacking.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise WireError("the response is not compressed as it says") from error
    if len(data) > max_bytes:
        raise TooLargeError(f"the response has more than {max_bytes:,} bytes")
    if not unpacking.eof:
        raise WireError(_ENDED_EARLY)
    return data


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
