"""Script -> CommandResult, over SSH or on this machine; nothing is left behind on a host."""

from FailTaleLibrary.transports.base import CommandResult, Script, Transport
from FailTaleLibrary.transports.connections import Connections

__all__ = ["CommandResult", "Connections", "Script", "Transport"]
