"""Text with secrets -> text without; pure, bounded, fails closed.

Best effort, no guarantee: rules know classes of secrets, not the truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from FailTaleLibrary import lazy

if TYPE_CHECKING:
    from FailTaleLibrary.redaction.assignments import names_a_secret
    from FailTaleLibrary.redaction.known_values import secret_values
    from FailTaleLibrary.redaction.redactor import Redacted, Redactor, redact_lines

__all__ = ["Redacted", "Redactor", "names_a_secret", "redact_lines", "secret_values"]
__getattr__ = lazy.members(
    __name__,
    {
        "assignments": ["names_a_secret"],
        "known_values": ["secret_values"],
        "redactor": ["Redacted", "Redactor", "redact_lines"],
    },
)
