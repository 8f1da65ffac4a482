"""Config -> the way to each host, kept for the whole run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from FailTaleLibrary import background
from FailTaleLibrary.config import Config
from FailTaleLibrary.config.transports import transport_module
from FailTaleLibrary.transports.base import Transport, WayKeeper
from FailTaleLibrary.transports.inside import InsideTransport, inside_shown

if TYPE_CHECKING:
    from FailTaleLibrary.transports.reach import Reach

_CLOSING_S = 1.0
_HELLO_TIMES = 2
"""How many times as long as a login an engine may take to start a shell in a container: it starts several programs."""


class Connections:
    """The ways to all hosts of a configuration. Opens nothing until a host is needed; safe to use from any thread."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], float] = time.monotonic,
        beside: Connections | None = None,
        keeper: WayKeeper | None = None,
    ) -> None:
        """``clock`` is what the breakers go by; ``keeper`` is another process that has connections to hosts.

        ``beside``: the same configuration with other values of variables; ways to hosts that are no others are shared.
        """
        self._config = config
        self._keeper = keeper
        self._own: dict[str, Transport] = {}
        """Ways to hosts that are kept, for when nobody keeps them any more."""
        self._repeaters: dict[str, Callable[[str], str] | None] = {}
        """Of the hosts that were asked before: what leads there is the same for each command."""
        self._making = threading.Lock()
        self._transports: dict[str, Transport] = {
            name: (beside and beside._way_to(name, config)) or self._new_way(name, clock=clock) for name in config.hosts
        }
        self._inside = {
            (name, inside): (beside and self._inside_beside(beside, name, inside))
            or self._way_inside(name, inside, clock=clock)
            for name in config.hosts
            for inside in config.places_of(name)
            if inside
        }

    def _inside_beside(self, other: Connections, name: str, inside: tuple[str, ...]) -> Transport | None:
        """Another configuration's way behind the same prefix on the same host."""
        is_same = self._transports[name] is other._transports.get(name)
        return other._inside.get((name, inside)) if is_same else None

    def _new_way(self, name: str, *, clock: Callable[[], float]) -> Transport:
        if self._keeper is None or not self._keeper.keeps(name):
            return self._own_way(name, clock)
        return self._keeper.way(name, (), partial(self._own_way, name, clock))

    def _own_way(self, name: str, clock: Callable[[], float]) -> Transport:
        """The one that this process connects by itself."""
        with self._making:
            if name not in self._own:
                transport = self._config.hosts[name].transport
                self._own[name] = transport_module(transport).connect(name, self._config, clock=clock)
            return self._own[name]

    def _way_inside(self, name: str, inside: tuple[str, ...], *, clock: Callable[[], float]) -> Transport:
        """The way behind a prefix; recorded answers are the same wherever they come from."""
        machine = self._transports[name]
        if self._config.hosts[name].transport == "scripted":
            return machine
        hello_s = _HELLO_TIMES * self._config.ssh_for(name).connect_timeout_s

        def own() -> Transport:
            to_machine: Any = machine if machine.keeper is None else self._own_way(name, clock)
            return InsideTransport(to_machine, inside, hello_s=hello_s, clock=clock)

        if machine.keeper is None or self._keeper is None:
            return own()
        return self._keeper.way(name, inside, own)

    def _way_to(self, name: str, config: Config) -> Transport | None:
        """The way to a host, where another configuration means the same host by its name."""
        is_same = name in self._config.hosts and self._config.hosts[name] == config.hosts[name]
        if is_same and config.ssh_for(name).proxy_jump:
            is_same = self._config.hosts == config.hosts  # one of them may be the jump host
        return self._transports[name] if is_same else None

    def way(self, host: str, inside: Sequence[str] = ()) -> Transport:
        """The way to a host, or behind a prefix there, connected or not."""
        return self._inside[host, tuple(inside)] if inside else self._transports[host]

    def transport(self, host: str, inside: Sequence[str] = ()) -> Transport:
        """The same, connected. Raises TransportError."""
        self._transports[host].connect()
        return self.way(host, inside)

    def connect_ahead(self, hosts: Iterable[str]) -> None:
        """Begin to connect to some hosts, which are about to be asked; returns at once."""
        for host in hosts:
            self._transports[host].connect_ahead()

    def reach(self, host: str) -> Reach | None:
        """How a host is reached, found out without connecting; None where there is no way. Raises TransportError."""
        return self._transports[host].reach

    def is_open(self, host: str, inside: Sequence[str] = ()) -> bool:
        """Whether a host may be connected to now; False while its breaker is open."""
        return self.way(host, inside).is_open

    def repeat_line(self, host: str, command: str, inside: Sequence[str] = ()) -> str | None:
        """The line with which a person repeats a command by hand; None where that is the command itself."""
        if host not in self._repeaters:
            module = transport_module(self._config.hosts[host].transport)
            self._repeaters[host] = module.repeater(host, self._config)
        line, repeated = inside_shown(inside, command), self._repeaters[host]
        if repeated is not None:
            return repeated(line)
        return line if inside else None

    @property
    def opened(self) -> int:
        """Connections opened so far."""
        return sum(transport.opened for transport in self._transports.values())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader may want to know of the ways to the hosts, each sentence once."""
        return tuple(dict.fromkeys(note for transport in self._transports.values() for note in transport.notes))

    def close(self, *, but: Iterable[Connections] = ()) -> None:
        """End all connections, and with them what still runs on the hosts. Takes 1 s at most; safe to call twice.

        ``but``: the ways of these stay.
        """
        kept = {id(way) for each in but for way in each._transports.values()}
        left = [name for name, way in self._transports.items() if id(way) not in kept]
        ways = {id(way): way for ways in (self._transports, self._own) for name, way in ways.items() if name in left}
        threads = [background.start(each.close, name="failtale-close") for each in ways.values()]
        deadline = time.monotonic() + _CLOSING_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
