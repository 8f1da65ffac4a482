"""A snapshot then and now -> what changed, with the parts masked that change all the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import re2

from FailTaleLibrary.records import SafeText, derived, derived_texts

MASK = "…"
_CONTEXT_LINES = 1
_MOST_LINES = 2000
"""Of either side; a snapshot that is longer is compared by its first lines."""


def masked(text: SafeText, patterns: Iterable[str]) -> SafeText:
    """The text with everything that a pattern matches replaced by ``…``; RE2 syntax, ``^`` and ``$`` are line ends.

    Raises ValueError naming a pattern that is none.
    """
    for pattern in patterns:
        try:
            text = derived(partial(_masked, f"(?m:{pattern})"), text)
        except re2.error as error:
            raise ValueError(f"mask '{pattern}' is no regular expression in RE2 syntax: {error}") from error
    return text


def _masked(pattern: str, text: str) -> str:
    return str(re2.sub(pattern, lambda _: MASK, text))  # a plain "…" comes out as mojibake in re2 1.1


def changes(before: SafeText, after: SafeText) -> tuple[SafeText, ...]:
    """Lines that begin with ``- `` (gone), ``+ `` (new) or two spaces (a neighbour for context); empty when equal."""
    return derived_texts(_diff, (before, after))


def _diff(texts: tuple[SafeText, SafeText]) -> Iterator[str]:
    import difflib  # most collectors have no baseline

    before, after = texts
    then, now = before.splitlines()[:_MOST_LINES], after.splitlines()[:_MOST_LINES]
    diff = difflib.unified_diff(then, now, n=_CONTEXT_LINES, lineterm="")
    return (f"{line[0]} {line[1:]}" for line in list(diff)[2:] if not line.startswith("@@"))
