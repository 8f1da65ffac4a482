"""The table of time formats and a collector's own one -> awk functions that read a line's time as `timestamps` does.

`on_host/times.awk` has the arithmetic and calls what is made here: ``by_row(text, number)``, ``by_rows(text)`` and
``own(line)``. A host starts an awk with few rows first, because one that knows them all takes gawk and BusyBox longer
to start than most logs to read; it gives up where a line may have a time of another row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from FailTaleLibrary.time_formats import COMPOSE_LEAD, FORMATS, KEYS, KEYS_OF_EVENTS, NESTED, Piece, TimeFormat

_VARIABLES = {
    "year": "Y", "short_year": "y2", "month": "M", "month_name": "B", "day": "D", "hour": "h", "half": "p",
    "minute": "m", "second": "s", "fraction": "F", "zone": "Z", "epoch": "E", "tai": "T", "hex_epoch": "H", "mjd": "J",
}  # fmt: skip


_HALF_OF_DAY = "[0-9]( |[^ -~]+)?[AaPp][.Mm]"
_DATE_OF_DIGITS = "[12][0-9][0-9][0-9][-/.]"
_DOUBTS = {
    "ISO 8601": ("~", f"^[A-Z]+:[12]|{_HALF_OF_DAY}"),
    "syslog": ("~", f"{_DATE_OF_DIGITS}|{_HALF_OF_DAY}"),
    "access log": ("!~", r'^[^ :]+ [^ :"[]+ [^ :"[]+ \[[ 0-3][0-9]/'),
}
"""Where an uncommon row ahead of a common one may fit a text as well: what it must hold, or lack."""
_MAYBE = (
    "[0-9]:[0-5][0-9]|[0-9][0-9][0-9][0-9][0-9]|[12][0-9][0-9][0-9][-.]|audit[(]|[0-9][eE][+]?[0-9]"
    "|^[5-7][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][. ]"
)
"""What every text holds that begins with a time of any row."""
_JSON, _JSON_WITH_A_TIME = '^[{] *"', '^[{]"text": "'
"""The only row whose times a line of JSON may begin with is that of loguru."""


@cache
def time_functions(own: TimeFormat | None) -> str:
    """awk functions for every row of the table and for a collector's own format; short, because they travel."""
    return _time_functions(own, range(1, len(FORMATS) + 1), is_all=True)


@cache
def common_time_functions() -> str:
    """The same for the rows that most logs have; they call ``give_up()`` where another row may fit."""
    numbers = [number for number, each in enumerate(FORMATS, 1) if each.name in _DOUBTS]
    return _time_functions(None, numbers, is_all=False)


def _time_functions(own: TimeFormat | None, numbers: Sequence[int], *, is_all: bool) -> str:
    cutting = _Cutting()
    rows = [_awk_function(f"row{number}", FORMATS[number - 1].pieces, cutting) for number in numbers]
    cases = "".join(f"if(number=={number})return row{number}(text)\n" for number in numbers)
    tries = "".join(
        f'if((t=row{number}(text))!=""){{{"" if is_all else _doubt(number)}row={number};return t}}\n'
        for number in numbers
    )
    if not is_all:
        cases += "give_up()\n"
        json = f'if(text~/{_JSON}/){{if(text~/{_JSON_WITH_A_TIME}/)give_up();return ""}}\n'
        tries = f"{json}{tries}if(text~/{_MAYBE}/)give_up()\n"
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


def _doubt(number: int) -> str:
    """awk that gives up where a row ahead of this one may fit as well."""
    operator, pattern = _DOUBTS[FORMATS[number - 1].name]
    return f"if(text{operator}/{_literal(pattern)}/)give_up();"


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
