"""Short ways to say what tests of transports say often."""

from __future__ import annotations

import threading
from typing import Any

from patience import FOREVER_S
from sshd import Sshd

from FailTaleLibrary.config import Config
from FailTaleLibrary.transports import CommandResult, Connections, Script, Transport

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


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
