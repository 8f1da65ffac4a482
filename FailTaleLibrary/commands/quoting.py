"""Values -> words of a POSIX shell."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPECIAL = re.compile("['\udc80-\udcff]")


def quoted(text: str) -> str:
    """One word that the shell takes as it is; any text but NUL.

    A byte that is no UTF-8 (a surrogate escape) travels as its octal number, so that the word can always be encoded.
    """
    return "'" + _SPECIAL.sub(_escaped, text) + "'"


def _escaped(match: re.Match[str]) -> str:
    if match[0] == "'":
        return "'\\''"
    return f"'\"$(printf '\\{ord(match[0]) - 0xDC00:03o}')\"'"


def quoted_pattern(path: str) -> str:
    """One word of which only ``*`` and ``?`` are active, and a leading ``~/``."""
    home = '"$HOME"/' if path.startswith("~/") else ""
    pieces = re.split(r"([*?]+)", path[2:] if home else path)
    return home + "".join(piece if piece[0] in "*?" else quoted(piece) for piece in pieces if piece)


def is_pattern(path: str) -> bool:
    """Whether a path may mean several files."""
    return "*" in path or "?" in path


def assignments(values: Iterable[tuple[str, object]]) -> str:
    """Lines that set shell variables."""
    return "".join(f"{name}={quoted(str(value))}\n" for name, value in values)
