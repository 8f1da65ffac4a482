"""What a host says of itself reaches no terminal, file or record with escape sequences or reversed text in it."""

from __future__ import annotations

import re
import secrets
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from ways import config_at

from FailTaleLibrary.records import Failure, Report, Window, our_words
from FailTaleLibrary.rendering import to_html, to_text
from FailTaleLibrary.run import Run

SECRET = secrets.token_urlsafe(18)
HOSTILE = f"\x1b]0;mine\x07\x1b[2J\u202e{SECRET}\x9b31m"
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@contextmanager
def server_of_another_protocol(words: str) -> Iterator[int]:
    """The port of a server that names such a version of SSH, which a client repeats in its complaint."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.sendall(f"SSH-{words}-other\r\n".encode())
                    client.recv(1000)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def run_at(port: int) -> Run:
    settings = {"user": "nobody", "port": port, "connect_timeout_s": 20.0, "known_hosts": "/nonexistent"}
    config = config_at("127.0.0.1", **settings)
    component = config.components["web"].model_validate({"collectors": [{"name": "state", "command": "uptime"}]})
    return Run(config.model_copy(update={"components": {"web": component}}), environ={"WEB_PASSWORD": SECRET})


def report_of(run: Run) -> Report:
    now = datetime.now(timezone.utc)
    return run.collect_failure(Failure(id=uuid.uuid4().hex, name=our_words("Order"), window=Window(start=now, end=now)))


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_of(each)


def test_the_words_of_a_server_come_without_control_characters_and_secrets() -> None:
    with server_of_another_protocol(HOSTILE) as port:
        run = run_at(port)
        report, verdict = report_of(run), run.check_hosts()["web1"]
        run.run_ended()
    (gap,) = report.evidence.gaps
    assert "Incompatible version" in gap.detail
    assert r"\u202e" in gap.detail
    shown = [verdict, to_text(report), to_html(report, max_bytes=64_000), *texts_of(report.model_dump())]
    assert [text for text in shown if UNSEEN.search(text) or SECRET in text] == []
