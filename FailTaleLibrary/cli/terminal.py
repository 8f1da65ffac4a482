"""A stream -> whether somebody reads it on a terminal, in colour, and a report's text in colours."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from typing import TextIO

from FailTaleLibrary.cli.printing import unfiltered
from FailTaleLibrary.text import sanitize

_RESET = "\033[0m"
_TITLES = ("What led to it", "Way to the failing keyword", "Suspects", "What was collected", "What changed since")
_STYLES = (
    (re.compile(r"FailTale: "), "\033[1;31m"),
    (re.compile(r" +> "), "\033[33m"),
    (re.compile("|".join(_TITLES)), "\033[1m"),
)
_ITEM = re.compile(r"--- ")
_ITEM_STYLE = "\033[1;36m"


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty()


def has_colour(stream: TextIO) -> bool:
    """A terminal that shows colours, and whose user did not say no (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def fits_on_screen(text: str) -> bool:
    """Whether the beginning is still to be seen when all of it is printed."""
    return text.count("\n") + 2 <= shutil.get_terminal_size().lines


def print_report(text: str) -> None:
    """In colours where a terminal shows them: these are ours, so they go around what sanitises the text."""
    if has_colour(sys.stdout):
        print(coloured(sanitize(text)), file=unfiltered(sys.stdout))
    else:
        print(text)


def coloured(text: str) -> str:
    """The text of `rendering.to_text` with colours for its headline, its titles, suspected lines and items."""
    return "\n".join(_coloured_lines(text.split("\n")))


def _coloured_lines(lines: list[str]) -> Iterator[str]:
    in_items = False  # where each line is a host's own
    for line in lines:
        in_items = (in_items or _ITEM.match(line) is not None) and not line.startswith("=" * 100)
        style = _ITEM_STYLE if _ITEM.match(line) else None
        if not in_items:
            style = next((style for pattern, style in _STYLES if pattern.match(line)), None)
        yield f"{style}{line}{_RESET}" if style else line
