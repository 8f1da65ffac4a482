"""A claim and a line -> the ideas that the claim states, and whether the line bears them: `concepts.yaml`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache

from FailTaleLibrary.files import packaged_yaml
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import HintCategory


@dataclass(frozen=True, slots=True, eq=False)
class Concept:
    """One idea, such as "expired", with the words of claims that say it and of lines that bear it."""

    name: str
    said: re.Pattern[str]
    shown: re.Pattern[str]
    anywhere: bool
    """It tells who takes part: any text that the model saw may bear it, and names of hosts and collectors."""
    own: bool
    """It happens to the machine whose line bears it."""
    symptom: bool
    """It is what others notice of a cause: what followed may be told so, in words that stand nowhere."""
    event: bool
    """It alone tells which line a clause means."""
    category: HintCategory | None
    loose: re.Pattern[str] | None
    """The words of ``said`` that are often only a picture."""
    act: re.Pattern[str] | None
    """The words of ``said`` that mean something else of a subject that ``of`` does not hold."""
    of: re.Pattern[str] | None
    hits: tuple[tuple[str, str], ...]
    misses: tuple[tuple[str, str], ...]

    @property
    def is_product(self) -> bool:
        """Whether it is the name of a program, and no common noun."""
        return self.anywhere and (self.name[:1].isupper() or self.name in ("nginx", "etcd", "systemd"))

    @property
    def is_vague(self) -> bool:
        """Whether its words are so common that a text has them where no line does: symptoms, and who took part."""
        return self.symptom or (self.anywhere and not self.is_product)

    def is_said_in(self, text: str) -> bool:
        return self.said.search(text.casefold()) is not None

    def is_loosely_said_in(self, text: str) -> bool:
        """Whether only words say it that are often a picture."""
        return self.loose is not None and not self.is_said_in(self.loose.sub(" ", text.casefold()))

    def acts_said_in(self, text: str) -> tuple[str, ...]:
        """What stands before each verb or adjective with which a text says it, where all that says it are such, and
        none is told of a subject that makes the idea plain."""
        if self.act is None or self.of is None:
            return ()
        folded = text.casefold()
        before = [folded[: match.start()] for match in self.act.finditer(folded)]
        if self.said.search(self.act.sub(" ", folded)) or any(self.of.search(subject) for subject in before):
            return ()
        return tuple(before)

    def is_borne_by(self, text: str) -> bool:
        return self in _borne_in(text)


_REMEMBERED = 2048
"""Texts whose ideas are known already: one answer is read clause by clause against the same few lines."""


@cache
def concepts() -> tuple[Concept, ...]:
    """The rows of `concepts.yaml`."""
    rows = packaged_yaml("FailTaleLibrary", "hints", "concepts.yaml")["rows"]
    return tuple(
        Concept(
            name=row["name"],
            said=re.compile(row["said"]),
            shown=re.compile(row["shown"]),
            anywhere=row.get("anywhere", False),
            own=row.get("own", False),
            symptom=row.get("symptom", False),
            event=row.get("event", False),
            category=row.get("category"),
            loose=re.compile(row["loose"]) if "loose" in row else None,
            act=re.compile(row["act"]) if "act" in row else None,
            of=re.compile(row["of"]) if "of" in row else None,
            hits=tuple(map(tuple, row["hits"])),
            misses=tuple(map(tuple, row["misses"])),
        )
        for row in rows
    )


@lru_cache(maxsize=_REMEMBERED)
def said_in(text: str) -> tuple[Concept, ...]:
    """The ideas that a text states."""
    return tuple(concept for concept in concepts() if concept.is_said_in(text))


_CONSTANT = re.compile(r"\b[A-Z][A-Z\d]*(?:_[A-Z\d]+)+\b")
"""``PKT_TOO_BIG``: several words."""


@lru_cache(maxsize=_REMEMBERED)
def _borne_in(text: str) -> frozenset[Concept]:
    """The ideas that a text states or shows."""
    folded = text.casefold()
    words = _CONSTANT.sub(lambda match: match[0].replace("_", " "), text).casefold()
    return frozenset(
        each
        for each in concepts()
        if each.said.search(folded) or each.shown.search(folded) or (words != folded and each.shown.search(words))
    )


def borne_by_any(concept: Concept, texts: Iterable[str]) -> bool:
    return any(concept.is_borne_by(text) for text in texts)
