"""Items of a visit -> their results, over SSH, on this machine or as recorded; nothing is left behind on a host."""

from FailTaleLibrary.transports.base import CommandResult, Question, Script, Transport, VisitItem, VisitStart
from FailTaleLibrary.transports.connections import Connections
from FailTaleLibrary.transports.scripted import RecordedAnswer, ScriptedTransport, with_recorded_answers

__all__ = [
    "CommandResult",
    "Connections",
    "Question",
    "RecordedAnswer",
    "Script",
    "ScriptedTransport",
    "Transport",
    "VisitItem",
    "VisitStart",
    "with_recorded_answers",
]
