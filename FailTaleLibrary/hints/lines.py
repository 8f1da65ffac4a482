"""Text of any origin -> one visible line that can forge nothing in a prompt.

A line end inside evidence would let a log line begin a prompt line of its own, an invisible character would let a word
pass every filter, and ``[E9]`` would look like our numbering: none of the three leaves this module.
"""

from __future__ import annotations

import re
import unicodedata

from FailTaleLibrary.plaintext import sanitize

ELLIPSIS = " … "
_FORGED_ID = re.compile(r"[\[({<\uff3b\u3010\u3014]\s*[Ee\uff25\uff45\u0415\u0435]\s*(\d+)\s*[\])}>\uff3d\u3011\u3015]")
"""``[E9]`` in any brackets, also with full-width and Cyrillic letters."""
_SPACES = re.compile(r"\s+")
_INVISIBLE = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}


def one_line(text: str) -> str:
    """Text as one line: line ends written out as ``\\n``, invisible characters gone, ``[E9]`` as ``E-9``."""
    escaped = sanitize(text).replace("\n", "\\n")
    visible = "".join(" " if char == "\t" else char for char in escaped if char == "\t" or is_visible(char))
    return _FORGED_ID.sub(r"E-\1", _SPACES.sub(" ", visible)).strip()


def is_visible(char: str) -> bool:
    """Whether a reader sees the character or the gap that it leaves."""
    return unicodedata.category(char) not in _INVISIBLE


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut in the middle: a line's time stands at its front, its reason often at its end."""
    if len(text) <= limit:
        return text
    tail = (limit - len(ELLIPSIS)) // 2
    return text[: limit - len(ELLIPSIS) - tail] + ELLIPSIS + text[-tail:]


_VARIABLE = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b(?:0x)?(?=[0-9a-f]*\d)[0-9a-f]{7,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\d+"), "<n>"),
)


def normalised(text: str) -> str:
    """Text without what differs between two occurrences of the same thing: numbers, identifiers."""
    for pattern, token in _VARIABLE:
        text = pattern.sub(token, text)
    return text
