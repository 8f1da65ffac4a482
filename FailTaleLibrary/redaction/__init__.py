"""Text with secrets -> text without; pure, bounded, fails closed.

Best effort, no guarantee: rules know classes of secrets, not the truth.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from FailTaleLibrary.redaction.assignments import names_a_secret
    from FailTaleLibrary.redaction.known_values import secret_values
    from FailTaleLibrary.redaction.redactor import Redacted, Redactor, redact_lines

__all__ = ["Redacted", "Redactor", "names_a_secret", "redact_lines", "secret_values"]
_MODULES = {
    "Redacted": "redactor",
    "Redactor": "redactor",
    "names_a_secret": "assignments",
    "redact_lines": "redactor",
    "secret_values": "known_values",
}


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for.

    A first message to the log redacts, in whatever thread, while another one needs a module of this room: if the room
    itself loaded that module, each would wait for the other, and Python ends that with an ImportError for both.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
