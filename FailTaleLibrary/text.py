"""Bytes and strings from anywhere -> text that Robot, XML, a browser and a terminal can take.

The one sanitiser: whatever reaches Robot, a file or a model went through `sanitize` or `decode`.
"""

from __future__ import annotations

import re

_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links
    r"|[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|[@-Z\\-_])"
)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff]")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")


def decode(data: bytes) -> str:
    """Text of bytes in UTF-8; a byte that is none becomes ``\\xNN``; sanitised."""
    return sanitize(data.decode("utf-8", "backslashreplace"))


def sanitize(text: str) -> str:
    """Text without lone surrogates, control characters, ANSI sequences and direction overrides.

    Surrogates become ``\\udNNN``, direction overrides their code point (``\\u202e``), a carriage return a line end;
    other control characters go. Tabs and line ends stay. Idempotent.
    """
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    text = _ANSI.sub("", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    text = _FORBIDDEN.sub("", text)
    return _DIRECTION.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
