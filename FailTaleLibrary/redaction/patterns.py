"""Regular expressions of RE2 over bytes: time linear in the text, and other threads run meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import re2

Pattern = Any  # google-re2 ships no types
Match = Any
Check = Callable[[str], bool]
Family = tuple[tuple[str, str, str, Check], ...]
"""Rules as (name, hints, expression, check): the line must hold one of the hints, parted by ``|`` and in lower case;
what the groups ``secret…`` of the expression match goes when the check says so."""


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set to look up in."""
    return frozenset(text.split())


def compiled(pattern: str | bytes, *, max_mem: int = 64 << 20) -> Pattern:
    """An expression to search bytes with: a str knows UTF-8, with bytes one byte is one character."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1 if isinstance(pattern, bytes) else re2.Options.Encoding.UTF8
    options.max_mem = max_mem
    options.log_errors = False
    return re2.compile(pattern, options)
