"""The text that a Cucumber suite writes of a failed scenario -> its name, place and tags. Nothing in it is an error."""

from __future__ import annotations

import re

from FailTaleLibrary.lazy import dataclass

_LOCATION = re.compile(r"(.+?):(\d{1,7})")
_KEYS = ("feature", "scenario", "scenario outline", "location", "tags")


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a report says."""

    name: str
    feature: str = ""
    source: str | None = None
    line: int | None = None
    tags: tuple[str, ...] = ()


def scenario_of(report: str) -> Scenario:
    """``Feature:``, ``Scenario:``, ``Location: FILE:LINE``, ``Tags: a, b``; each may be missing.

    A report of another form is named by its first line.
    """
    found: dict[str, str] = {}
    for line in report.splitlines():
        key, colon, value = line.partition(":")
        word = key.strip().lower()
        if word == "steps":
            break
        if colon and word in _KEYS:
            found.setdefault(word, value.strip())
    first = next((line.strip() for line in report.splitlines() if line.strip()), "Scenario")
    location = found.get("location", "")
    place = _LOCATION.fullmatch(location)
    return Scenario(
        name=found.get("scenario") or found.get("scenario outline") or first,
        feature=found.get("feature", ""),
        source=place[1] if place else location or None,
        line=int(place[2]) if place else None,
        tags=tuple(tag.strip() for tag in found.get("tags", "").split(",") if tag.strip()),
    )
