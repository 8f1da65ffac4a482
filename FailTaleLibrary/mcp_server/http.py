"""Settings -> a running server: on a socket with its token guard, or on stdin and stdout."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.mcp_server import access
from FailTaleLibrary.mcp_server.audit import Audit
from FailTaleLibrary.mcp_server.queue import CollectionQueue
from FailTaleLibrary.mcp_server.server import PATH, build_server, http_application
from FailTaleLibrary.mcp_server.store import Store

GRACE_S = 5
"""After a request to end: how long calls under way may finish."""
MAX_CONNECTIONS = 256


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


def serve_http(settings: Settings) -> None:
    """Serves until it is stopped. Raises ConfigError when the settings are not safe or the port is taken."""
    access.check_binding(settings.host, settings.allow_hosts)
    token = access.token_from(settings.token_file)
    listening = listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    server = build_server(Store(settings.outputs), _queue_of(settings), audit=Audit(settings.audit_file))
    application = http_application(
        server, port=port, allow_hosts=settings.allow_hosts, allow_origins=settings.allow_origins
    )
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    _say_on_stderr(f"listening on http://{shown}:{port}{PATH}; the token is in '{settings.token_file}'")
    runner = uvicorn.Server(
        uvicorn.Config(
            access.TokenGuard(application, token),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            limit_concurrency=MAX_CONNECTIONS,
        )
    )
    runner.run(sockets=[listening])


def serve_stdio(settings: Settings) -> None:
    """Serves the one client that started this process, until it closes stdin."""
    server = build_server(Store(settings.outputs), _queue_of(settings), audit=Audit(settings.audit_file))
    server.run("stdio")


def _queue_of(settings: Settings) -> CollectionQueue | None:
    if settings.config is None:
        return None
    if settings.config.gateway is not None:
        raise ConfigError("A server needs 'hosts:' of its own; its configuration names a 'gateway:' instead.")
    return CollectionQueue(settings.config)


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on. Raises ConfigError when the port is taken."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, number)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(MAX_CONNECTIONS)  # before anybody hears of it
    except OSError as error:
        raise ConfigError(f"Cannot listen on '{host}' port {port}: {error.strerror or error}.") from error
    return listening


def _say_on_stderr(sentence: str) -> None:
    print(f"failtale: {sentence}", file=sys.stderr, flush=True)  # noqa: T201
