"""Script -> CommandResult, over SSH, on this machine or from recorded answers; nothing is left behind on a host."""

from FailTaleLibrary.transports.base import CommandResult, Script, Transport
from FailTaleLibrary.transports.connections import Connections
from FailTaleLibrary.transports.scripted import RecordedAnswer, ScriptedTransport

__all__ = ["CommandResult", "Connections", "RecordedAnswer", "Script", "ScriptedTransport", "Transport"]
