"""What web, api and storage have in common: JSON over HTTP on loopback, one log, one thread of housekeeping."""

from __future__ import annotations

import http.client
import json
import logging
import secrets
import socketserver
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from FailTaleLibrary import background
from FailTaleLibrary.demo.lifeline import say_ready, wait_for_the_end
from FailTaleLibrary.lazy import dataclass, field

UPSTREAM_TIMEOUT_S = 5.0
HOUSEKEEPING_S = 0.2


def new_request_id() -> str:
    return secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=new_request_id)
    """Passed on from service to service, so that one customer's click can be found in three logs."""

    @property
    def parts(self) -> list[str]:
        return self.path.strip("/").split("/")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any] = field(default_factory=dict)


Handle = Callable[[Request], Answer]
TimeStyle = Callable[[datetime], str]


def serve(handle: Handle, *, log: logging.Logger, housekeeping: Callable[[], None]) -> None:
    """Serve on a port that the kernel chose, say which, and return when the lifeline ends."""
    server = _Server(handle, log)
    background.start(server.serve_forever, name="serve")
    background.start(partial(_repeat, housekeeping), name="housekeeping")
    say_ready(str(server.server_port))
    wait_for_the_end()


def ask(port: int, request: Request) -> Answer:
    """Ask another service on loopback; raises OSError when it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=UPSTREAM_TIMEOUT_S)
    try:
        headers = {"X-Request-Id": request.id}
        connection.request(request.method, request.path, json.dumps(request.body), headers)
        response = connection.getresponse()
        return Answer(response.status, json.loads(response.read()))
    finally:
        connection.close()


def open_log(path: Path, *, style: str, time: TimeStyle) -> logging.Logger:
    """The service's logger; every service has its own way to write lines and times, as in real life."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_Formatter(style, time))
    logger = logging.getLogger(path.stem)
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    return logger


def iso_utc(moment: datetime) -> str:
    """``2026-03-01T09:30:00.123Z``"""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_local(moment: datetime) -> str:
    """``2026-03-01T10:30:00.123+01:00``"""
    return moment.astimezone().isoformat(timespec="milliseconds")


def plain_local(moment: datetime) -> str:
    """``2026-03-01 10:30:00,123``, as Python's logging writes it: local time that does not say its zone."""
    local = moment.astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S},{local.microsecond // 1000:03d}"


class _Formatter(logging.Formatter):
    def __init__(self, style: str, time: TimeStyle) -> None:
        super().__init__(style)
        self._time_style = time

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return self._time_style(datetime.fromtimestamp(record.created, timezone.utc))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handle: Handle, log: logging.Logger) -> None:
        self.handle = handle
        self.log = log
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Bind without looking up the host's name, which takes seconds on a machine without a network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.socket.getsockname()[1]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _handle(self) -> None:
        started = time.monotonic()
        request = self._request_read()
        answer = self.server.handle(request)
        elapsed_ms = (time.monotonic() - started) * 1000
        self.server.log.info(
            "req=%s %s %s -> %d in %.0f ms", request.id, request.method, request.path, answer.status, elapsed_ms
        )
        self._send(answer)

    do_GET = do_POST = _handle  # noqa: N815 - http.server's names

    def _request_read(self) -> Request:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request_id = self.headers.get("X-Request-Id") or new_request_id()
        return Request(self.command, self.path, json.loads(content or b"{}"), request_id)

    def _send(self, answer: Answer) -> None:
        body = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on standard error: each service has its own log."""


def _repeat(housekeeping: Callable[[], None]) -> None:
    while True:
        housekeeping()
        time.sleep(HOUSEKEEPING_S)
