"""Short ways to say what tests of transports say often."""

from __future__ import annotations

import threading
import time
from typing import Any

from patience import FOREVER_S
from sshd import Sshd

from FailTaleLibrary.config import Config
from FailTaleLibrary.transports import CommandResult, Connections, Script, Transport, VisitItem

NEVER = threading.Event()


def config_for(host: Sshd, **ssh: Any) -> Config:
    """A configuration with one host, called 'web1'; ``ssh`` are its settings, None for "not set"."""
    return config_at(host.address, **host.ssh_settings(**ssh))


def config_at(address: str, **ssh: Any) -> Config:
    return Config.model_validate(
        {"components": {"web": {}}, "hosts": {"web1": {"component": "web", "address": address, "ssh": ssh}}}
    )


def to(host: Sshd, **ssh: Any) -> Connections:
    return Connections(config_for(host, **ssh))


def run(
    way: Connections | Transport,
    producer: str,
    filters: str = "",
    *,
    timeout_s: float = FOREVER_S,
    max_bytes: int = 1_000_000,
    cancel: threading.Event = NEVER,
) -> CommandResult:
    transport = way.transport("web1") if isinstance(way, Connections) else way
    return transport.run(Script(producer, filters), timeout_s=timeout_s, max_bytes=max_bytes, cancel=cancel)


def item(
    name: str, producer: str, filters: str = "", *, timeout_s: float = FOREVER_S, max_bytes: int = 1_000_000
) -> VisitItem:
    return VisitItem(name, Script(producer, filters), timeout_s, max_bytes)


def batched(name: str, producer: str, *, timeout_s: float = FOREVER_S, newest_bytes: int = 100_000) -> VisitItem:
    """An item that shares a session with its neighbours of the same kind."""
    return VisitItem(name, Script(producer, newest_bytes=newest_bytes), timeout_s, newest_bytes + 70_000)


def visit(
    way: Connections | Transport, *items: VisitItem, lasts_s: float = 2 * FOREVER_S, cancel: threading.Event = NEVER
) -> dict[str, CommandResult]:
    """The results by item, in the order in which they came."""
    transport = way.transport("web1") if isinstance(way, Connections) else way
    results: dict[str, CommandResult] = {}
    transport.visit(items, ends_at=time.monotonic() + lasts_s, cancel=cancel, on_result=results.__setitem__)
    return results


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
