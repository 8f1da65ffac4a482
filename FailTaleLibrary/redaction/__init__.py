"""Text with secrets -> text without; pure, bounded, fails closed.

Best effort, no guarantee: rules know classes of secrets, not the truth.
"""

from FailTaleLibrary.redaction.engine import Redacted, Redactor, redact_lines
from FailTaleLibrary.redaction.known_values import secret_values

__all__ = ["Redacted", "Redactor", "redact_lines", "secret_values"]
