"""The table of time formats and a collector's own one -> awk functions that read a line's time as `timestamps` does.

`on_host/times.awk` has the arithmetic and calls what is made here: ``by_row(text, number)``, ``by_rows(text)`` and
``own(line)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from FailTaleLibrary.timestamps import COMPOSE_LEAD, FORMATS, KEYS, KEYS_OF_EVENTS, NESTED, Piece, TimeFormat

_VARIABLES = {
    "year": "Y", "short_year": "y2", "month": "M", "month_name": "B", "day": "D", "hour": "h", "half": "p",
    "minute": "m", "second": "s", "fraction": "F", "zone": "Z", "epoch": "E", "tai": "T", "hex_epoch": "H", "mjd": "J",
}  # fmt: skip


@cache
def time_functions(own: TimeFormat | None) -> str:
    """awk functions for every row of the table and for a collector's own format; short, because they travel."""
    cutting = _Cutting()
    rows = [_awk_function(f"row{number}", each.pieces, cutting) for number, each in enumerate(FORMATS, 1)]
    numbers = range(1, len(FORMATS) + 1)
    cases = "".join(f"if(number=={number})return row{number}(text)\n" for number in numbers)
    tries = "".join(f'if((t=row{number}(text))!=""){{row={number};return t}}\n' for number in numbers)
    settings = [
        f"rows = {len(FORMATS)}\n",
        f"keys = {_string('|'.join(map(re.escape, KEYS)))}\n",
        f"keys_of_events = {_string('|'.join(KEYS_OF_EVENTS))}\n",
        f"nested = {_string(NESTED)}\n",
        f"compose_lead = {_string('^' + COMPOSE_LEAD)}\n",
        f"has_own = {0 if own is None else 1}\n",
    ]
    return "".join(
        [
            *rows,
            f"function by_row(text,number){{\n{cases}}}\n",
            f'function by_rows(text,t){{\n{tries}return ""\n}}\n',
            _own_functions(own, cutting),
            cutting.functions(),
            f"BEGIN {{\n{''.join(settings)}}}\n",
        ]
    )


class _Cutting:
    """The functions that take a piece of a varying length off what is left of a line; one for all rows that have it."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def call(self, pattern: str) -> str:
        return f"cut{self._numbers.setdefault(pattern, len(self._numbers))}()"

    def functions(self) -> str:
        taken = "left=substr(rest,1,RLENGTH);rest=substr(rest,RLENGTH+1);return left"
        return "".join(
            f"function cut{number}(left){{match(rest,/^{_literal(pattern)}/);{taken}}}\n"
            for pattern, number in self._numbers.items()
        )


def _awk_function(name: str, pieces: Sequence[Piece], cutting: _Cutting) -> str:
    """A function that reads the time at a text's start: epoch seconds, or nothing."""
    needed = list(pieces)
    while re.match(f"({needed[-1].pattern})x", "x"):  # it may be missing, so it decides nothing
        needed.pop()
    whole = _literal("".join(piece.pattern for piece in needed))
    reading = "".join(_reading(pieces, cutting))
    return f'function {name}(text){{if(text!~/^{whole}/)return ""\nclear();rest=text\n{reading}return made()}}\n'


def _reading(pieces: Sequence[Piece], cutting: _Cutting) -> Iterator[str]:
    """awk that takes the fields off ``rest`` one after the other; cheaply, where all are of a fixed width."""
    offset = 0
    last = max((number for number, piece in enumerate(pieces) if piece.field), default=-1)
    for piece in pieces[: last + 1]:
        variable = _VARIABLES.get(piece.field)
        if piece.width is not None:
            if variable:
                yield f"{variable}=substr(rest,{offset + 1},{piece.width})\n"
            offset += piece.width
            continue
        if offset:
            yield f"rest=substr(rest,{offset + 1})\n"
            offset = 0
        yield f"{variable}={cutting.call(piece.pattern)}\n" if variable else f"{cutting.call(piece.pattern)}\n"


def _own_functions(own: TimeFormat | None, cutting: _Cutting) -> str:
    if own is None:
        return 'function own(line) { return "" }\nfunction own_value(text) { return any(text, 0) }\n'
    value = "function own_value(text) { return any(text, 0) }\n"
    if own.pieces is not None:
        value = _awk_function("own_row", own.pieces, cutting)
        value += "function own_value(text) { return own_row(substr(text, 1, 300)) }\n"
    if own.key:
        how = f"return keyed(line, {_string(re.escape(own.key))}, 1)\n"
    elif own.pattern:
        how = f'if (!match(line, {_string(own.pattern)})) return ""\nline = substr(line, RSTART)\n'
        if ahead := own.ahead.removeprefix("^"):
            how += f"match(line, {_string('^' + ahead)})\nline = substr(line, RLENGTH + 1)\n"
        how += "return own_value(line)\n"
    else:
        how = "return own_value(line)\n"
    return f"{value}function own(line) {{\n{how}}}\n"


def _literal(pattern: str) -> str:
    """Between the slashes of awk."""
    return re.sub(r"(?<!\\)/", r"\\/", pattern)


def _string(pattern: str) -> str:
    """A dynamic expression as a string of awk."""
    return '"' + pattern.replace("\\", "\\\\").replace('"', '\\"') + '"'
