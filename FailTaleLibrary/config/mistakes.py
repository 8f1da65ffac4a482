"""What is wrong in a configuration: found all over, reported together, sorted by line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from FailTaleLibrary.config.units import quoted
from FailTaleLibrary.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake: where it stands and the sentence that mends it. Line and column count from 1."""

    source: str
    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}: {self.sentence}"


@dataclass(slots=True)
class Mistakes:
    """The mistakes of a configuration and of the preset files that it names."""

    found: list[Mistake] = field(default_factory=list)

    def add(self, mistake: Mistake) -> None:
        self.found.append(mistake)

    def raise_if_any(self, source: str) -> None:
        """Raise one ConfigError that tells all: those in ``source`` first, each file's by line."""
        lines = sorted(set(self.found), key=lambda mistake: (mistake.source != source, mistake))
        if len(lines) == 1:
            raise ConfigError(str(lines[0]))
        if lines:
            raise ConfigError("\n".join([f"{len(lines)} mistakes in the configuration:", *map(str, lines)]))


def unknown(kind: str, word: str, known: Iterable[str]) -> str:
    """The sentence for a word that stands for nothing, with the nearest right one or all that there are."""
    import difflib  # wanted by mistakes alone

    names = sorted(known)
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    if near:
        advice = f"did you mean {quoted(near[0])}?"
    elif names:
        advice = f"known: {', '.join(map(quoted, names))}"
    else:
        advice = "there is none"
    return f"unknown {kind} {quoted(word)}; {advice}"
