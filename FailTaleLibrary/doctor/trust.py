"""Hosts whose key is not known yet -> the keys that they show; and a key that a person has compared -> known_hosts.

A key that is known and has changed is nobody's to accept here.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Collection
from functools import partial
from pathlib import Path

from FailTaleLibrary import background
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import ConfigError, TransportError
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.transports.host_keys import UnknownHostKeyError
from FailTaleLibrary.transports.known_hosts import HostKey


@dataclass(frozen=True, slots=True)
class OfferedKey:
    """A key that a host shows and nobody knows."""

    host: str
    name: str
    """As `known_hosts` has it: ``host`` or ``[host]:port``."""
    key: HostKey
    file: Path

    @property
    def shown(self) -> str:
        return f"{self.host}  {self.name}  {self.key}"

    @property
    def comparison(self) -> str:
        kind = next((name for name in ("ed25519", "ecdsa", "rsa") if name in self.key.type), "*")
        return f"ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub"

    @property
    def line(self) -> str:
        return f"{self.name} {self.key.type} {base64.b64encode(self.key.blob).decode()}\n"


def offered_keys(config: Config, hosts: Collection[str]) -> tuple[OfferedKey, ...]:
    """The keys that are not known, each once, in the order of the hosts; all hosts are tried at the same time."""
    connections = Connections(config)
    found: dict[str, OfferedKey] = {}

    def ask(host: str) -> None:
        try:
            connections.transport(host)
        except UnknownHostKeyError as error:
            found[host] = OfferedKey(host, error.name, error.key, error.file)
        except TransportError:
            return  # the checkup says why

    threads: list[threading.Thread] = []
    try:
        for host in hosts:
            if config.hosts[host].transport == "ssh":
                threads.append(background.start(partial(ask, host), name=f"failtale-key-{host}"))
        for thread in threads:
            thread.join()
    finally:
        connections.close()
    each_once = {(found[host].line, found[host].file): found[host] for host in reversed(list(hosts)) if host in found}
    return tuple(reversed(each_once.values()))


def remember(offered: OfferedKey) -> None:
    """Appends the key to its file, which is made where it is not there. Raises ConfigError when that cannot be."""
    try:
        offered.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with offered.file.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            else:
                offered.file.chmod(0o600)
            file.write(offered.line.encode())
    except OSError as error:
        raise ConfigError(f"The key cannot be added to '{offered.file}': {error.strerror}.") from error
