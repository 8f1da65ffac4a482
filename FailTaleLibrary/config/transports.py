"""The table of transports: a name in the configuration -> the module that knows this way to a host.

The modules are named here and imported at need: a configuration is checked without loading what connects, and `config`
stays below `transports` (docs/decisions/0007). To add a transport, write its module and its line in the table.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from FailTaleLibrary.config.model import Config, Section

TRANSPORTS = {
    "ssh": "FailTaleLibrary.transports.ssh",
    "local": "FailTaleLibrary.transports.local",
    "salt": "FailTaleLibrary.transports.salt",
    "scripted": "FailTaleLibrary.transports.scripted",
}
WITH_SHELL = ("ssh", "local", "scripted")
"""Those to machines that run shells, where `inside` leads on from; a recorded answer stands for one."""


class TransportModule(Protocol):
    """What the module of a transport has."""

    SETTINGS: type[Section] | None
    """What a host may say in the section that bears the transport's name; None: there is no such section."""

    def connect(self, host: str, config: Config, *, clock: Callable[[], float]) -> Any:
        """The way to a host, a `transports.Transport`. Opens nothing yet; ``clock`` is what a breaker goes by."""
        ...

    def repeater(self, host: str, config: Config) -> Callable[[str], str] | None:
        """A command -> the line with which a person repeats it by hand from here; None: that is the command itself."""
        ...


def transport_module(name: str) -> TransportModule:
    """The module of a transport in the table."""
    return cast(TransportModule, importlib.import_module(TRANSPORTS[name]))
