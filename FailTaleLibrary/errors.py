"""The error tree, sorted by who must act next.

FailTaleError
    ConfigError         the user mends the configuration, an argument or a command line
    TransportError      a host could not be reached; becomes a Gap, never leaves the engine
    RedactionError      a text could not be made safe in time; the item is withheld
    HintError           the model gave no usable hint; the Analysis says why
    ArchiveError        a bundle or payload cannot be read: damaged, foreign or of another schema
    GatewayError        the gateway did not answer as agreed; becomes a Gap
    HistoryError        the history of runs cannot be read or written; becomes a Gap
"""

from __future__ import annotations


class FailTaleError(Exception):
    """Base of all; Robot Framework prints the message without the class name."""

    ROBOT_SUPPRESS_NAME = True


class ConfigError(FailTaleError):
    """The user's own mistake: what, where and how to mend it. The only error that leaves the engine."""


class TransportError(FailTaleError):
    """A host could not be reached.

    ``reason`` is one of `records.GapReason`; the message is the sentence a reader sees.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RedactionError(FailTaleError):
    """A text could not be made safe within its bounds; whoever holds it must withhold it."""


class HintError(FailTaleError):
    """The model gave no usable hint; the message is the reason that the card shows."""


class ArchiveError(FailTaleError):
    """A stored report cannot be read; the message says which file and why."""


class GatewayError(FailTaleError):
    """The gateway did not answer as agreed; the message becomes a gap's detail."""


class HistoryError(FailTaleError):
    """The history of runs cannot be read or written; the message becomes a gap's detail."""
