"""Patterns of a YAML catalogue that share pieces -> patterns of Python's re."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PART = re.compile(r"\(\?&(\w+)\)")


def with_parts(pattern: str, parts: Mapping[str, str]) -> str:
    """The pattern with each ``(?&name)`` replaced by the part of that name."""
    return _PART.sub(lambda match: with_parts(parts[match[1]], parts), pattern)
