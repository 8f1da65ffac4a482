"""Texts from anywhere -> texts for a record: sanitised, redacted, and counted by rule."""

from __future__ import annotations

from FailTaleLibrary.errors import RedactionError
from FailTaleLibrary.plaintext import sanitize
from FailTaleLibrary.records import Redaction
from FailTaleLibrary.redaction import Redactor

MAX_TEXT = 4000
"""Characters kept of a message or an argument."""


class Cleaner:
    """Makes the texts of one record safe."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._counts: dict[str, int] = {}

    def text(self, text: str) -> str:
        """The text, safe. Raises RedactionError when it could not be made so; then it must be withheld."""
        redacted = self._redactor.redact(sanitize(text))
        for redaction in redacted.redactions:
            self._counts[redaction.rule] = self._counts.get(redaction.rule, 0) + redaction.count
        return redacted.text

    def short(self, value: object) -> str:
        """A name, message or argument, safe and of readable length; where that fails, the reason in its place."""
        try:
            return _shortened(self.text(str(value)))
        except RedactionError as error:
            return f"[withheld: {error}]"

    def redactions(self) -> tuple[Redaction, ...]:
        """What was removed so far."""
        return tuple(Redaction(rule=rule, count=count) for rule, count in sorted(self._counts.items()))


def _shortened(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n[… {len(text) - MAX_TEXT} characters left out …]\n{text[-half:]}"
