"""A request -> whether it is answered: its token, its Host and Origin, and how often its caller may call."""

from __future__ import annotations

import ipaddress
import json
import math
import re
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from pathlib import Path
from typing import Any

from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.files import (
    check_private,
    private_directory,
    read_regular,
    user_directory,
    write_new_private_file,
)
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.mcp_server.admission import bears_token

# --- How often --------------------------------------------------------------------------------------------------------

_CALLERS = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a second in the long run, and so many at once."""

    per_second: float
    burst: int


READING = Rate(per_second=200, burst=500)
"""For all tools together."""
ASKING = Rate(per_second=10, burst=100)
"""For tools that make hosts work."""


class Bucket:
    """Permissions of each caller. For one event loop."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str) -> float:
        """Takes a permission and returns 0; when there is none, returns after how many seconds there will be."""
        now = self._clock()
        left, then = self._left.pop(caller, (float(self._rate.burst), now))
        left = min(self._rate.burst, left + (now - then) * self._rate.per_second)
        self._left[caller] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _CALLERS:
            self._left.popitem(last=False)
        return 0.0 if left >= 1 else max(0.1, math.ceil((1 - left) / self._rate.per_second * 10) / 10)


# --- Who --------------------------------------------------------------------------------------------------------------

MIN_TOKEN = 32
"""Characters; a made one has 43, of 256 random bits."""
_MAX_TOKEN_FILE = 4096
MAX_UNDER_WAY = 128
"""Requests of one caller at a time."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def default_token_file() -> Path:
    """``$XDG_CONFIG_HOME/failtale/token``, by default in ``~/.config``."""
    return user_directory("config") / "token"


def token_from(path: Path) -> str:
    """The token in a file, which is made when it is not there. Raises ConfigError: open to others, short, not ASCII."""
    try:
        made = _make_token(path)
        check_private(path)
        token = made or read_regular(path, max_bytes=_MAX_TOKEN_FILE).decode("ascii", "replace").strip()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"Cannot use the token file '{path}': {reason}.") from error
    if len(token) < MIN_TOKEN or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ConfigError(
            f"The token in '{path}' is not one word of at least {MIN_TOKEN} ASCII characters; "
            "delete the file and a good one is made."
        )
    return token


def _make_token(path: Path) -> str | None:
    """A new token in a new file of mode 0600; None when there is a file already."""
    private_directory(path.parent)
    token = secrets.token_urlsafe(32)
    try:
        write_new_private_file(path, f"{token}\n".encode("ascii"))
    except FileExistsError:
        return None
    return token


def check_binding(host: str, allowed_hosts: Collection[str]) -> None:
    """Raises ConfigError where the port would be open to a network and nobody said under which name."""
    if is_loopback(host) or allowed_hosts:
        return
    raise ConfigError(
        f"'--host {host}' opens the server to the network, where the token would travel in clear. Better: keep it on "
        "127.0.0.1 with a reverse proxy for TLS in front (docs/mcp.md shows nginx), or an SSH tunnel: "
        "ssh -L 5050:127.0.0.1:5050 GATEWAY. If you do want this, name the Host header that clients send: "
        "--allow-host GATEWAY:5050"
    )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def hosts_for(port: int, more: Collection[str]) -> list[str]:
    """Exact Host headers that are answered. Raises ConfigError for a pattern."""
    _check_exact(more, "--allow-host", "gateway.example.org:5050")
    return [f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", *more]


def origins_for(port: int, more: Collection[str]) -> list[str]:
    """Exact Origin headers that are answered, where there is one. Raises ConfigError for a pattern."""
    _check_exact(more, "--allow-origin", "https://gateway.example.org")
    return [f"http://127.0.0.1:{port}", f"http://localhost:{port}", f"http://[::1]:{port}", *more]


def _check_exact(values: Collection[str], option: str, example: str) -> None:
    for value in values:
        if "*" in value or not value.strip():
            raise ConfigError(f"'{option} {value}' is a pattern; write the header exactly, e.g. '{example}'.")


class Callers:
    """Who calls, as an address; what a proxy says of it is believed of the proxies that the command line trusts."""

    def __init__(self, trusted_proxies: Collection[str] = ()) -> None:
        """Raises ConfigError for what is no address and no network."""
        try:
            self._trusted = tuple(ipaddress.ip_network(each) for each in trusted_proxies)
        except ValueError as error:
            raise ConfigError(
                f"'--trusted-proxy' takes an address or a network such as '127.0.0.1' or '10.0.0.0/8': {error}."
            ) from error

    def caller_of(self, scope: Scope) -> str:
        """The nearest address that is no trusted proxy's; of a list that holds something else, the connection's own."""
        client = scope.get("client")
        nearest = str(client[0]) if client else ""
        forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        for said in reversed(b",".join(forwarded).decode("ascii", "replace").split(",")):
            address = _plain_address(said)
            if address is None or not self._trusts(nearest):
                break
            nearest = address
        return nearest

    def _trusts(self, text: str) -> bool:
        address = _plain_address(text)
        return address is not None and any(ipaddress.ip_address(address) in each for each in self._trusted)


def _plain_address(text: str) -> str | None:
    """An address in its shortest form; one with a zone can hold any text and is none."""
    try:
        return str(ipaddress.ip_address(text.strip())) if "%" not in text else None
    except ValueError:
        return None


class TokenGuard:
    """ASGI: lets through what bears the token, so many of each caller at a time; answers anything else without reading.

    That the first request of a connection bears it, `admission` has seen already.
    """

    def __init__(self, application: Application, token: str, callers: Callers | None = None) -> None:
        self._application = application
        self._token = token.encode("ascii")
        self._callers = callers or Callers()
        self._under_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        values = (value for name, value in scope["headers"] if name.lower() == b"authorization")
        if scope["type"] != "http" or not bears_token(values, self._token):
            sentence, header = b"A token is needed: Authorization: Bearer ...\n", b'Bearer realm="failtale"'
            await _send_refusal(send, 401, sentence, (b"www-authenticate", header))
            return
        caller = self._callers.caller_of(scope)
        if self._under_way[caller] >= MAX_UNDER_WAY:
            await _send_refusal(send, 503, b"Too many requests of yours are under way.\n", (b"retry-after", b"5"))
            return
        self._under_way[caller] += 1
        try:
            await self._application({**scope, "client": (caller, 0)}, receive, _InOurWords(send))
        finally:
            self._under_way[caller] -= 1
            if not self._under_way[caller]:
                del self._under_way[caller]


async def _send_refusal(send: Send, status: int, body: bytes, header: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        header,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _InOurWords:
    """Passes on what the application sends; a refusal in which a library explains itself at length is made short."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: MutableMapping[str, Any] | None = None
        self._body = b""

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            body = _shortened_refusal(self._body)
            kept = [header for header in self._start.get("headers", ()) if header[0].lower() != b"content-length"]
            length = (b"content-length", str(len(body)).encode())
            await self._send({**self._start, "headers": [*kept, length]})
            await self._send({**message, "body": body})


def _shortened_refusal(body: bytes) -> bytes:
    """A JSON-RPC error without what pydantic says of it: its fields and web addresses are nothing to a caller."""
    try:
        answer = json.loads(body)
        said = answer["error"]["message"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return body
    if not isinstance(said, str) or ("\n" not in said and "://" not in said):
        return body
    error = {"code": answer["error"].get("code"), "message": f"{said.partition(':')[0]}: {_NO_MESSAGE}"}
    return json.dumps({**answer, "error": error}).encode()


_NO_MESSAGE = "the body is no JSON-RPC request, notification or response of this protocol"
