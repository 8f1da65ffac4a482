"""Settings -> a running server: on a socket with its token guard, or on stdin and stdout."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import time
from pathlib import Path

import uvicorn

from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.mcp_server import access, admission
from FailTaleLibrary.mcp_server.audit import Audit
from FailTaleLibrary.mcp_server.http_api import HttpApi
from FailTaleLibrary.mcp_server.queue import CollectionQueue
from FailTaleLibrary.mcp_server.server import PATH, build_server, http_application
from FailTaleLibrary.mcp_server.store import Store
from FailTaleLibrary.text import count, sanitize, shorten

GRACE_S = 5
"""After a request to end: how long calls under way may finish."""
MAX_PORT = 65_535
_MAX_SENTENCE = 1000
_MAX_SENTENCES = 100
SELDOM_S = 60.0
"""A sentence of the log comes once in this time, however often its reason does."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is to serve; a configuration, finished runs, or both."""

    config: Config | None
    outputs: tuple[Path, ...]
    audit_file: Path
    host: str = "127.0.0.1"
    port: int = 5050
    token_file: Path = Path()
    allow_hosts: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks whose X-Forwarded-For is believed."""
    http_api: bool = False
    """Whether `http_api` is served beside MCP; only on a port, and with a configuration."""


def serve_http(settings: Settings) -> None:
    """Serves until it is stopped. Raises ConfigError when the settings are not safe or the port is taken."""
    access.check_binding(settings.host, settings.allow_hosts)
    callers = access.Callers(settings.trusted_proxies)
    token = access.token_from(settings.token_file)
    listening = listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    store, queue, audit = _store_of(settings), _queue_of(settings), Audit(settings.audit_file)
    api = None
    if settings.http_api:
        if queue is None:
            raise ConfigError("'--http-api' collects from hosts; name them with '--config failtale.yaml'.")
        api = HttpApi(queue, store, hosts=access.hosts_for(port, settings.allow_hosts), audit=audit)
    application = http_application(
        build_server(store, queue, audit=audit),
        port=port,
        allow_hosts=settings.allow_hosts,
        allow_origins=settings.allow_origins,
        api=api,
    )
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    _say_on_stderr(f"listening on http://{shown}:{port}{PATH}; the token is in '{settings.token_file}'")
    uvicorn_config = uvicorn.Config(
        access.TokenGuard(application, token, callers),
        http=admission.admission_within_the_limit_of_files(token).door,  # type: ignore[arg-type]  # it makes protocols
        ws="none",
        proxy_headers=False,  # its reader of X-Forwarded-For takes any text for an address
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=admission.IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=admission.BACKLOG,
    )
    _keep_the_log_short()
    uvicorn.Server(uvicorn_config).run(sockets=[listening])


def serve_stdio(settings: Settings) -> None:
    """Serves the one client that started this process, until it closes stdin."""
    server = build_server(_store_of(settings), _queue_of(settings), audit=Audit(settings.audit_file))
    server.run("stdio")


def _store_of(settings: Settings) -> Store:
    """With the failures that a server before this one collected, where the configuration says where bundles go."""
    bundles = settings.config.bundles if settings.config else None
    return Store(settings.outputs, kept_in=bundles.directory if bundles and bundles.enabled else None)


def _queue_of(settings: Settings) -> CollectionQueue | None:
    if settings.config is None:
        return None
    if settings.config.gateway is not None:
        raise ConfigError("A server needs 'hosts:' of its own; its configuration names a 'gateway:' instead.")
    return CollectionQueue(settings.config)


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on. Raises ConfigError: no such port or host, or the port is taken."""
    if not 0 <= port <= MAX_PORT:
        raise ConfigError(f"There is no port {port}; write a number from 1 to {MAX_PORT}, or 0 for any free one.")
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with contextlib.ExitStack() as otherwise:
            listening = otherwise.enter_context(socket.socket(family, kind, number))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(admission.BACKLOG)  # before anybody hears of it
            otherwise.pop_all()
    except (OSError, ValueError) as error:  # ValueError: a name that DNS cannot hold
        why = (error.strerror if isinstance(error, OSError) else "this is no name of a host") or error
        raise ConfigError(f"Cannot listen on '{sanitize(shorten(host, 100))}' port {port}: {why}.") from error
    return listening


class Seldom(logging.Filter):
    """Lets a sentence through once a minute, safe for a terminal; the next says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._since: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        sentence, now = str(record.msg)[:200], time.monotonic()
        if now - self._since.get(sentence, -SELDOM_S) < SELDOM_S:
            self._left_out[sentence] = self._left_out.get(sentence, 0) + 1
            return False
        if len(self._since) > _MAX_SENTENCES:
            self._since.clear()
            self._left_out.clear()
        self._since[sentence] = now
        left_out = self._left_out.pop(sentence, 0)
        text = shorten(sanitize(record.getMessage()), _MAX_SENTENCE)
        record.msg, record.args = f"{text} ({count(left_out, 'more')} like it)" if left_out else text, None
        if record.exc_info and not record.exc_text:
            record.exc_text = sanitize(logging.Formatter().formatException(record.exc_info))
        return True


def _keep_the_log_short() -> None:
    """For what the libraries log: a stranger can make each of them say the same for each of its requests."""
    seldom = Seldom()
    for logger in (logging.getLogger(), logging.getLogger("uvicorn")):
        for handler in logger.handlers:
            handler.addFilter(seldom)


def _say_on_stderr(sentence: str) -> None:
    print(f"failtale: {sentence}", file=sys.stderr, flush=True)  # noqa: T201
