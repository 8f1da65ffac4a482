"""The lines of one log -> readings: the message, its template and how grave it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log

from FailTaleLibrary.plaintext import sanitize
from FailTaleLibrary.ranking.severity import Gravity, gravity_of
from FailTaleLibrary.ranking.signals import CATALOGUE, Catalogue
from FailTaleLibrary.ranking.templates import LINE_CHARS, message_of, template


@dataclass(frozen=True, slots=True)
class Reading:
    """What one line says, read without its neighbours."""

    message: str
    """Without the time that it begins with; bounded."""
    template: str
    gravity: Gravity

    @property
    def is_blank(self) -> bool:
        return not self.template


def read(lines: Iterable[str], *, catalogue: Catalogue = CATALOGUE) -> tuple[Reading, ...]:
    """Each line's reading, in order; a line's cost is bounded whatever its length."""
    return tuple(_read(line, catalogue) for line in lines)


def templates_of(lines: Iterable[str]) -> frozenset[str]:
    """The distinct templates of lines; blank lines have none."""
    return frozenset(shape for line in lines if (shape := template(_message(line))))


def _read(line: str, catalogue: Catalogue) -> Reading:
    message = _message(line)
    return Reading(message, template(message), gravity_of(message, catalogue=catalogue))


def _message(line: str) -> str:
    return message_of(sanitize(line[:LINE_CHARS]).rstrip())


class Rarity:
    """How rare each template is among these lines: 1 for one of many, 0 where all are alike."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self.counts = Counter(reading.template for reading in readings)
        self._scale = log(max(2, self.counts.total()))

    def of(self, shape: str) -> float:
        return 1.0 - log(max(1, self.counts[shape])) / self._scale
