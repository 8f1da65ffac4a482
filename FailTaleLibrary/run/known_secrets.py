"""The secrets of a run, as they become known -> the redactor that removes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from FailTaleLibrary.config import Config, secret_values_of
from FailTaleLibrary.records import SafeText

# What only a failure needs is imported where it is needed: a run in which all passes starts 0.3 s sooner.
if TYPE_CHECKING:
    from FailTaleLibrary.redaction import Redactor
    from FailTaleLibrary.redaction.redactor import RecordRedactor


class KnownSecrets:
    """What a run knows as secret, from its configuration, its environment and its tests."""

    def __init__(self, config: Config, environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ
        self._secrets: set[str] = set()

    @cached_property
    def redactor(self) -> Redactor:
        """With every secret that is known by now; made when the first text is to be safe."""
        made = redactor_for(self._config, self._environ)
        return made.with_known(sorted(self._secrets)) if self._secrets else made

    def of_record(self) -> RecordRedactor:
        """For the texts of one record, of which it counts what was removed."""
        from FailTaleLibrary.redaction.redactor import RecordRedactor

        return RecordRedactor(self.redactor)

    def short(self, text: str) -> SafeText:
        """A name or a message of one line."""
        return self.of_record().short(text)

    def know(self, secrets: Iterable[str]) -> None:
        """Values that are secret from now on."""
        new = {secret for secret in secrets if secret} - self._secrets
        if new:
            self._secrets |= new
            if "redactor" in self.__dict__:  # else it will know them when it is made
                self.redactor = self.redactor.with_known(sorted(new))

    def redact(self, text: str) -> str:
        return self.redactor.redact(text).text


def redactor_for(config: Config, environ: Mapping[str, str]) -> Redactor:
    """Removes what the configuration knows as secret, and the values of variables that are named like secrets."""
    from FailTaleLibrary.redaction import Redactor, secret_values

    settings = config.redaction
    return Redactor(
        known=(*secret_values(environ), *secret_values_of(config)),
        rules=tuple((rule.name, rule.pattern) for rule in settings.rules),
        keep=settings.keep,
        identifiers=settings.identifiers,
        timeout_s=settings.timeout_s,
    )
