"""A YAML file's data of which every key and value knows its place, so that a mistake can be told with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError

from FailTaleLibrary.config.complaints import complaint_of
from FailTaleLibrary.config.mistakes import Mistake, Mistakes
from FailTaleLibrary.config.model import Section
from FailTaleLibrary.config.units import quoted
from FailTaleLibrary.config.values import Origin

Where: TypeAlias = tuple[str | int, ...]
"""The keys and 0-based list positions that lead to a value."""
Place: TypeAlias = tuple[int, int]
"""Line and column, from 1."""
S = TypeVar("S", bound=Section)


@dataclass(slots=True)
class Document:
    """The data of a file, and where mistakes in it are noted."""

    source: Path
    mistakes: Mistakes
    data: Any = None
    environment: dict[str, str] = field(default_factory=dict)
    """The variables that went into the data."""
    keys: dict[Where, Place] = field(default_factory=dict)
    values: dict[Where, Place] = field(default_factory=dict)
    raw: dict[Where, str] = field(default_factory=dict)
    """Scalars as they stand in the file, variables not expanded."""
    broken: set[Where] = field(default_factory=set)
    """Values of which a mistake was told already, so that its consequences are not."""

    def add(self, where: Where, sentence: str) -> None:
        """Note a mistake of a value."""
        self._add(where, sentence, places=self.values)

    def add_at_key(self, where: Where, sentence: str) -> None:
        """Note a mistake of a key, or of a section that lacks something."""
        self._add(where, sentence, places=self.keys)

    def shown(self, where: Where, value: object) -> str:
        """A scalar in quotes as it stands in the file, so that nothing from the environment is repeated."""
        return quoted(self.raw.get(where, value))

    def validate(self, model: type[S], data: object, *, at: Where = ()) -> S | None:
        """The model of some of this document's data; None, and its mistakes are noted, when it does not fit."""
        context = Origin(self.source.parent)
        try:
            return model.model_validate(data, by_alias=True, by_name=False, context=context)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                where = self._written((*at, *details["loc"]))
                complaint = complaint_of(details, model=model, raw=self.raw.get(where))
                (self.add_at_key if complaint.of_key else self.add)(where, complaint.sentence)
        return None

    def _written(self, where: Where) -> Where:
        """Without the list position that a single value gets when it stands for a list of one."""
        stands_alone = where not in self.values and where[:-1] in self.raw and isinstance(where[-1], int)
        return where[:-1] if stands_alone else where

    def _add(self, where: Where, sentence: str, *, places: Mapping[Where, Place]) -> None:
        if where not in self.broken:
            name = dotted(where)
            place = self._place(where, places)
            self.mistakes.add(Mistake(str(self.source), *place, f"{name}: {sentence}" if name else sentence))

    def _place(self, where: Where, places: Mapping[Where, Place]) -> Place:
        """The place of the value, or of the nearest one around it."""
        ways = (where[:length] for length in range(len(where), 0, -1))
        return next((found for way in ways if (found := places.get(way) or self.values.get(way))), (1, 1))


def dotted(where: Where) -> str:
    """``components.web.collectors[2].lines``; list positions count from 1."""
    parts = (f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in where if part != "[key]")
    return "".join(parts).lstrip(".")
