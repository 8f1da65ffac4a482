"""Text with secrets -> text without; pure, bounded, fails closed.

Best effort, no guarantee: rules know classes of secrets, not the truth.
"""

from FailTaleLibrary.redaction.assignments import names_a_secret
from FailTaleLibrary.redaction.known_values import secret_values
from FailTaleLibrary.redaction.redactor import Redacted, Redactor, redact_lines

__all__ = ["Redacted", "Redactor", "names_a_secret", "redact_lines", "secret_values"]
