"""What a test used or saw, as the faces hand it over: raw, and looked into only when a test fails."""

from __future__ import annotations

from typing import NamedTuple

from FailTaleLibrary.records import SeenIn


class UsedText(NamedTuple):
    """A text that a test used or saw, as it was, with secrets in it."""

    text: str
    seen_in: SeenIn
    keyword: str = ""
    """The keyword that it was given to."""


def can_name(value: object) -> bool:
    """Whether a value can name something as it is: a text, a number, a UUID."""
    return isinstance(value, str | int) or type(value).__name__ == "UUID"
