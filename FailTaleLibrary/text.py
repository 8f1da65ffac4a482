"""Bytes and strings from anywhere -> text that Robot, XML, a browser and a terminal can take, as long as there is room.

The one sanitiser: whatever reaches Robot, a file or a model went through `sanitize` or `decode`. The one way to cut:
`shorten` for a line, `newest_whole_lines` for a log, `fair_shares` where several share a limit.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import TypeVar

from FailTaleLibrary.lazy import regex

Sliced = TypeVar("Sliced", str, bytes)

_ANSI = regex(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|[@-Z\\-_])"
)
_FORBIDDEN = regex("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff]")
_NOT_PLAIN = regex(r"[^\t\n -~]")
"""What may have to be changed; most of what hosts print has none of it."""
_UNSEEN = regex(
    "(?<=[^\n\t])\ufeff"  # not as a byte order mark in front of a text
    "|[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c"  # the direction of text
    "\u200b\u2060-\u2064\u206a-\u206f\u034f\u180e\ufff9-\ufffb"  # nothing at all, and marks for programs
    "\U000e0000-\U000e007f\U000e0100-\U000e01ef]"  # tags and variants: whole sentences, for models alone
)


def decode(data: bytes) -> str:
    """Text of bytes in UTF-8; a byte that is none becomes ``\\xNN``; sanitised."""
    return sanitize(data.decode("utf-8", "backslashreplace"))


def sanitize(text: str) -> str:
    """Text without lone surrogates, control characters, ANSI sequences and what no reader sees.

    Surrogates become ``\\udNNN``, direction overrides, spaces of no width and the like their code point (``\\u202e``),
    a carriage return a line end; other control characters go. Tabs, line ends and what joins letters stay. Idempotent.
    """
    if not _NOT_PLAIN.search(text):
        return text
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    text = _ANSI.sub("", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    text = _FORBIDDEN.sub("", text)
    return _UNSEEN.sub(lambda match: match[0].encode("unicode-escape").decode(), text)


_CI_SERVERS = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")
"""Variables of servers that obey lines of what their jobs print: GitHub and its kin, Azure Pipelines, TeamCity."""
_CI_COMMAND = regex(r"^[^\S\n]*:(?=:)|#(?=#(?:\[|vso\[|teamcity\[))", re.MULTILINE)


def without_ci_commands(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Text that no CI server obeys, where one reads what is printed: ``::add-mask::x`` becomes ``: :add-mask::x``.

    It stays JSON where it is JSON.
    """
    if not any(name in environ for name in _CI_SERVERS):
        return text
    return _CI_COMMAND.sub(r"\g<0> ", text)


# --- One line ---------------------------------------------------------------------------------------------------------

_INVISIBLE = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}


def one_line(text: str) -> str:
    """The text's words with one space between them."""
    return " ".join(text.split())


def is_visible(char: str) -> bool:
    """Whether a reader sees the character or the gap that it leaves."""
    return unicodedata.category(char) not in _INVISIBLE


# --- Within a limit ---------------------------------------------------------------------------------------------------

_ROOM_FOR_A_COUNT = 60
"""Below this limit the mark of a cut does not say how much went."""


def shorten(text: str, max_chars: int) -> str:
    """At most ``max_chars`` characters: the middle goes, and a mark in its place says how much went.

    A line's time stands at its front and its reason often at its end.
    """
    return text if len(text) <= max_chars else _without_middle(text, max_chars, str)


def shorten_to_bytes(text: str, max_bytes: int) -> str:
    """The same, measured in bytes of UTF-8."""
    data = text.encode()
    if len(data) <= max_bytes:
        return text
    return _without_middle(data, max_bytes, lambda part: part.decode("utf-8", "ignore"))


def _without_middle(text: Sliced, limit: int, as_text: Callable[[Sliced], str]) -> str:
    """Front and end with the mark between them. A count needs no more digits than the text's own length has."""
    unit = "bytes" if isinstance(text, bytes) else "characters"
    mark = f" [… {len(text):,} {unit} …] " if limit >= _ROOM_FOR_A_COUNT else "…"
    room = limit - (len(mark.encode()) if isinstance(text, bytes) else len(mark))
    if room <= 0:
        return as_text(text[: max(0, limit)])
    front, end = as_text(text[: room - room // 2]), as_text(text[len(text) - room // 2 :])
    return front + mark.replace(f"{len(text):,}", f"{len(text) - room:,}") + end


def bytes_of(text: str) -> int:
    """How many bytes of UTF-8 a text has; what a tokenizer counts as well where it has no word."""
    return len(text.encode())


def newest_whole_lines(text: str, max_bytes: int) -> str:
    """The newest whole lines within a number of bytes; of one line that is longer than all, its newest part."""
    data = text.encode()
    if len(data) <= max_bytes:
        return text
    newest = data[len(data) - max(0, max_bytes) :]
    _, found, whole = newest.partition(b"\n")
    return (whole if found and whole else newest).decode(errors="ignore")


def fair_shares(wanted: Mapping[str, int], available: int) -> dict[str, int]:
    """``available`` divided equally, where nobody gets more than is wanted and what is left over goes to the others."""
    shares: dict[str, int] = {}
    for name in sorted(wanted, key=lambda each: wanted[each]):
        shares[name] = min(wanted[name], max(0, available) // (len(wanted) - len(shares)))
        available -= shares[name]
    return shares


# --- Numbers in words -------------------------------------------------------------------------------------------------


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 line``, ``1,204 lines``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """``80 ms``, ``2.1 s``, ``12 s``, ``3 min 5 s``, ``2 h 5 min``, ``3 d 2 h``."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return _in_two_units(round(seconds), 60, "min", "s")
    if seconds < 172_800:
        return _in_two_units(round(seconds / 60), 60, "h", "min")
    return _in_two_units(round(seconds / 3600), 24, "d", "h")


def _in_two_units(number: int, size: int, unit: str, smaller: str) -> str:
    whole, rest = divmod(number, size)
    return f"{whole} {unit} {rest} {smaller}" if rest else f"{whole} {unit}"
