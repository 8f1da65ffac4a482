"""The names that programs may build on; docs/api.md explains each, and a test holds the two together.

Everything else may change without notice. Importing this module loads neither Robot Framework nor paramiko, a template
engine or a model's client.
"""

from __future__ import annotations

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.config import Config, load_config, parse_config
from FailTaleLibrary.errors import ArchiveError, ConfigError, FailTaleError, TransportError
from FailTaleLibrary.records import (
    Analysis,
    Chain,
    Evidence,
    Failure,
    Gap,
    Hint,
    Item,
    Plan,
    Report,
    Signal,
    Step,
    Suspect,
    Window,
)
from FailTaleLibrary.run import Run
from FailTaleLibrary.transports import RecordedAnswer, ScriptedTransport, with_recorded_answers

__all__ = [
    "Analysis",
    "ArchiveError",
    "Chain",
    "Config",
    "ConfigError",
    "Evidence",
    "FailTaleError",
    "Failure",
    "Gap",
    "Hint",
    "Item",
    "Plan",
    "RecordedAnswer",
    "Report",
    "Run",
    "ScriptedTransport",
    "Signal",
    "Step",
    "Suspect",
    "TransportError",
    "Window",
    "load_config",
    "parse_config",
    "reports_in",
    "with_recorded_answers",
]
