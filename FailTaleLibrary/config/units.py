"""Texts with units <-> numbers: ``10 s`` <-> seconds, ``64 kB`` <-> bytes."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

_DURATION = re.compile(r"\s*(\d{1,18}(?:\.\d+)?)\s*(?:(ms)|(s|sec|seconds?)|(m|min|minutes?)|(h|hours?)|(d|days?))?\s*")
_SIZE = re.compile(r"\s*(\d{1,18}(?:\.\d+)?)\s*(b|bytes?|[kmg]|[kmg]b|[kmg]ib)?\s*", re.IGNORECASE)

_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "min": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_BYTES = {"B": 1, "kB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2, "GB": 1000**3, "GiB": 1024**3}
_BYTES_OF_SUFFIX = {name.lower(): factor for name, factor in _BYTES.items()} | {"k": 1024, "m": 1024**2, "g": 1024**3}


def quoted(value: object) -> str:
    """The value in single quotes on one line, unprintable characters escaped, the end of a long one cut."""
    text = str(value)
    shown = text if len(text) <= 80 else text[:79] + "…"
    return "'" + "".join(char if char.isprintable() else _escaped(char) for char in shown) + "'"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


class NotUnderstoodError(ValueError):
    """A value that is not what it should be.

    ``complaint`` is the sentence without the value, for a reader who must see it as it stands in the file.
    """

    def __init__(self, value: object, complaint: str) -> None:
        super().__init__(f"{quoted(value)} {complaint}")
        self.complaint = complaint


def parse_duration(value: object) -> float:
    """Seconds from a number or a text with a unit; never negative.

    Raises NotUnderstoodError with an example when it is no duration.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise NotUnderstoodError(value, "is not a duration; write seconds or e.g. '500 ms', '10 s', '2 min'")
    unit = next((name for name, text in zip(_SECONDS, match.groups()[1:], strict=True) if text), "s")
    return float(Decimal(match[1]) * _SECONDS[unit])


def parse_bytes(value: object) -> int:
    """Bytes from a whole number or a text with a unit (``k``, ``m``, ``g`` alone count in 1024s); never negative.

    Raises NotUnderstoodError with an example when it is no size.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise NotUnderstoodError(value, "is not a size; write bytes or e.g. '64 kB', '1 MB'")
    return int(Fraction(match[1]) * _BYTES_OF_SUFFIX.get((match[2] or "b").lower(), 1))


def format_duration(seconds: float) -> str:
    """The duration in the largest unit that leaves a whole number; what `parse_duration` reads back unchanged."""
    exact = Decimal(repr(seconds))
    for unit in reversed(_SECONDS):
        if exact and exact % _SECONDS[unit] == 0:
            return f"{exact / _SECONDS[unit]:.0f} {unit}"
    return f"{exact:f} s"


def format_bytes(size: int) -> str:
    """The size in the largest unit that leaves a whole number; what `parse_bytes` reads back unchanged."""
    unit = max((name for name, factor in _BYTES.items() if size % factor == 0), key=_BYTES.__getitem__)
    return f"{size // _BYTES[unit]} {unit}" if size else "0 B"
