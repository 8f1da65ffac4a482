"""Config -> the way to each host, kept for the whole run."""

from __future__ import annotations

import time
from collections.abc import Callable

from FailTaleLibrary import background
from FailTaleLibrary.config import Config
from FailTaleLibrary.transports.base import Transport
from FailTaleLibrary.transports.local import LocalTransport
from FailTaleLibrary.transports.ssh import SshTransport

_CLOSING_S = 1.0


class Connections:
    """The ways to all hosts of a configuration. Opens nothing until it is asked; safe to use from any thread."""

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is what the breakers go by."""
        self._local = {name: LocalTransport() for name, host in config.hosts.items() if host.transport == "local"}
        self._ssh = {
            name: SshTransport(name, host.address or name, config.ssh_for(name), clock=clock)
            for name, host in config.hosts.items()
            if host.transport == "ssh"
        }

    def transport(self, host: str) -> Transport:
        """The way to a host, connected. Raises TransportError."""
        if host in self._local:
            return self._local[host]
        self._ssh[host].connect()
        return self._ssh[host]

    def is_open(self, host: str) -> bool:
        """Whether a host may be asked now; False while its breaker is open."""
        return host in self._local or self._ssh[host].is_open

    @property
    def opened(self) -> int:
        """Connections opened so far."""
        return sum(ssh.opened for ssh in self._ssh.values())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader may want to know of the `known_hosts` files: each line that was skipped, once."""
        return tuple(dict.fromkeys(note for ssh in self._ssh.values() for note in ssh.notes))

    def close(self) -> None:
        """End all connections, and with them what still runs on the hosts. Takes 1 s at most; safe to call twice."""
        threads = [background.start(ssh.close, name="failtale-close") for ssh in self._ssh.values()]
        deadline = time.monotonic() + _CLOSING_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
