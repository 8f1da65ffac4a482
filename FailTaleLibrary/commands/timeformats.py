"""A ``time_format`` of the user's -> the awk function that reads it at a line's start."""

from __future__ import annotations

from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.timestamps import Directive, directives

_NONE = 'function own(line) { return "" }\n'
_VARIABLES = "rest, year_, short_year, month_, month_name, day, hour, half, minute, second, fraction_, zone_, clock"
_NAMES = {"year": "year_", "month": "month_", "fraction": "fraction_", "zone": "zone_"}


def own_format(time_format: str | None) -> str:
    """The awk function ``own(line)``: epoch seconds of a line, or nothing.

    Raises ConfigError for a directive that FailTale does not know.
    """
    if time_format is None:
        return _NONE
    try:
        pieces = directives(time_format)
    except ValueError as error:
        raise ConfigError(f"time_format '{time_format}' cannot be used: {error}") from error
    whole = "".join(piece.pattern for piece in pieces)
    reading = "".join(map(_reading, pieces))
    return (
        f'function own(line,    {_VARIABLES}) {{\nif (line !~ /^{whole}/) return ""\nrest = line\n{reading}{_END}}}\n'
    )


def _reading(piece: Directive) -> str:
    """awk that takes one piece off the rest of the line."""
    keep = f"{_NAMES.get(piece.field, piece.field)} = substr(rest, 1, RLENGTH)\n" if piece.field else ""
    return f"match(rest, /^{piece.pattern}/)\n{keep}rest = substr(rest, RLENGTH + 1)\n"


_END = """\
if (half != "") hour = hour % 12 + (half ~ /^[Pp]/ ? 12 : 0)
clock = sprintf("%02d:%02d:%02d", hour, minute, second) (fraction_ != "" ? "." fraction_ : "") zone_
if (month_name != "") month_ = month(substr(month_name, 1, 3))
if (short_year != "") year_ = 2000 + short_year
return year_ == "" ? recent(month_, day, clock) : moment(year_, month_, day, clock)
"""
