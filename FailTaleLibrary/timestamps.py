"""A log line -> the moment that it bears, in every format that windows and ranking know (`time_formats`).

A line's time stands at its start, in a known key of a JSON or logfmt line, or where the collector's ``time_format``
says; a date inside a message is nobody's time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache, partial

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.time_formats import COMPOSE_LEAD, FIELDS, FORMATS, KEYS, KEYS_OF_EVENTS, NESTED, Piece, TimeFormat

_START_CHARS = 300
"""How far into a line, or into a key's value, a time is looked for."""
_MOST_DIGITS = 9
"""Of a fraction; more are the next field of a line whose fields are parted by commas."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TAI_AHEAD_S = 10
"""As daemontools, runit and s6 reckon it, who count no leap second."""
_EPOCHS_JULIAN_DAY = 40587
_HALF_A_YEAR = timedelta(days=182)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_RECENT_EPOCH = r"(1[4-9][0-9]{8}([0-9]{3}|[0-9]{6}|[0-9]{9})?([.][0-9]+)?|1[.][4-9][0-9]*e[+]?0?9)(?![0-9])"
"""Seconds, milli-, micro- or nanoseconds from 2014 on: other numbers begin many messages."""
_LINE_CHARS = 32 * 1024
"""How far into a line a key is looked for; docker splits what is longer than 16 kB."""
_COMPOSE_LEAD = regex(COMPOSE_LEAD)


def parse(line: str, *, utc_offset_s: int, near: datetime, time_format: TimeFormat | None = None) -> datetime | None:
    """The moment a line bears, in UTC; None when it bears none.

    ``utc_offset_s``: the host's zone, east positive, for times without one. ``near``: an aware moment in whose
    neighbourhood the line was written. ``time_format``: the collector's own, which then is the only one.
    """
    whole = line = _without_colours(line)
    if (lead := _COMPOSE_LEAD.match(line)) is not None:
        line = line[lead.end() :]
    try:
        if time_format is not None:
            own = _read_own(whole, time_format, utc_offset_s, near)
            return own or (_read_own(line, time_format, utc_offset_s, near) if lead else None)
        return (
            _read_time(line, utc_offset_s, near)
            or _read_keyed(line, KEYS, None, utc_offset_s, near)
            or _read_keyed(line, KEYS_OF_EVENTS, None, utc_offset_s, near)
        )
    except (ValueError, OverflowError):  # 31 February: looks like a time and is none
        return None


def _without_colours(line: str) -> str:
    """Without the colours that a line has on a terminal, and not longer than a time is looked for in."""
    line = line[:_LINE_CHARS]
    return re.sub(r"\x1b\[[0-9;]*[mK]", "", line) if "\x1b" in line else line


def parse_known(
    line: str, *, utc_offset_s: int, near: datetime, format_name: str = "", key: str = ""
) -> datetime | None:
    """The same of a line whose log writes its times in one format of the table, or in one key, and in no other way."""
    line = re.sub(f"^{COMPOSE_LEAD}", "", _without_colours(line))
    try:
        if key:
            return _read_keyed(line, (key,), None, utc_offset_s, near)
        pieces = next((each.pieces for each in FORMATS if each.name == format_name), None)
        return None if pieces is None else _read_value(line, pieces, utc_offset_s, near)
    except (ValueError, OverflowError):
        return None


def _read_time(text: str, utc_offset_s: int, near: datetime) -> datetime | None:
    """The time at a text's start, by the first format that fits."""
    for each in _expressions_of_formats():
        match = each.match(text, 0, _START_CHARS)
        if match is None or (each.is_head and (match := each.match_whole(text, _START_CHARS)) is None):
            continue
        with suppress(ValueError, OverflowError):  # 31 November: another row may fit
            moment = _moment_of_match(match, each.first, each.fraction, utc_offset_s, near)
            if moment is not None:
                return moment
    return None


_MOST_SECONDS = 1000
_seconds: dict[tuple[str, str, str, int, datetime], datetime | None] = {}
"""Moments without their fraction, by all that they depend on. Lines follow each other within a second, and reading one
costs more than remembering it. A pattern stands there as text: its own hash is made anew, from all of it, each time."""


def _moment_of_match(
    match: re.Match[str], first: int, fraction: int, utc_offset_s: int, near: datetime
) -> datetime | None:
    """``first``, ``fraction``: groups, 0 where there is none. Raises ValueError for a date that does not exist."""
    text = match.string
    start = max(0, match.start(first))
    cut, behind = match.span(fraction) if fraction else (-1, -1)
    if cut < 0:
        cut = behind = match.end()
    key = (match.re.pattern, text[start:cut], text[behind : match.end()], utc_offset_s, near)
    try:
        second = _seconds[key]
    except KeyError:
        if len(_seconds) >= _MOST_SECONDS:
            _seconds.clear()
        fields = match.groupdict()
        fields["fraction"] = None
        second = _seconds[key] = _moment_of_fields(fields, utc_offset_s, near)
    if second is None or cut == behind:
        return second
    return second + timedelta(0, 0, _microseconds(text[cut:behind]))


class _Expression:
    """An expression that is compiled once a text begins as its head says: few of all are met by what a run reads."""

    __slots__ = ("_make", "first", "fraction", "is_head", "match")

    def __init__(self, head: str, make: Callable[[], re.Pattern[str]]) -> None:
        self.match: Callable[[str, int, int], re.Match[str] | None] = _compiled_head(head).match
        """Of the head alone, as long as `is_head` says so."""
        self.is_head = True
        self._make = make
        self.first = self.fraction = 0
        """The groups of the first field and of the fraction; 0 where there is none."""

    def match_whole(self, text: str, most_chars: int) -> re.Match[str] | None:
        """Where a text that begins with the head begins with all of it, within so many characters."""
        whole = self._make()
        self.first, self.fraction = min(whole.groupindex.values(), default=0), whole.groupindex.get("fraction", 0)
        self.match, self.is_head = whole.match, False
        return whole.match(text, 0, most_chars)


_FIELDS_OF_HEAD = 2
_compiled_head = cache(re.compile)


def _head_of(pieces: Sequence[Piece], patterns: Iterable[str]) -> str:
    """Up to the second field: whatever the whole matches begins so. Many formats share it."""
    head, fields = "", 0
    for piece, pattern in zip(pieces, patterns, strict=True):
        head += pattern
        fields += bool(piece.field)
        if fields == _FIELDS_OF_HEAD:
            break
    return head


@cache
def _expressions_of_formats() -> tuple[_Expression, ...]:
    return tuple(
        _Expression(_head_of(pieces, (piece.pattern for piece in pieces)), partial(compiled, pieces))
        for pieces in (each.pieces for each in FORMATS)
    )


@cache
def compiled(pieces: tuple[Piece, ...]) -> re.Pattern[str]:
    """The pieces as one expression with a group for each field; of a field that stands twice the last one counts."""
    last = {piece.field: number for number, piece in enumerate(pieces)}
    return re.compile(
        "".join(
            f"(?P<{piece.field}>{piece.pattern})" if piece.field and last[piece.field] == number else piece.pattern
            for number, piece in enumerate(pieces)
        )
    )


def leading_time_end(line: str, *, most_chars: int) -> int:
    """How many of a line's first characters are a time of the table, without a word ahead of it, and what parts it from
    the message; 0 where the line does not begin with one."""
    start, rows = _leading_times()
    if not start.match(line, 0, most_chars):
        return 0
    for row in rows:
        match = row.match(line, 0, most_chars)
        if match is not None and (not row.is_head or (match := row.match_whole(line, most_chars)) is not None):
            return match.end()
    return 0


@cache
def _leading_times() -> tuple[re.Pattern[str], tuple[_Expression, ...]]:
    """How each of them begins, and each."""
    no_word = {
        FIELDS["lead"]: rf'[<("#*>|=\t -]*(({"|".join(_DAYS)}) )?(\[#[|]|\[)?',
        FIELDS["level"]: r"\[?",
        FIELDS["any_day"]: rf"\[?(({'|'.join(_DAYS)})[a-z]*,? )?",
        FIELDS["epoch"]: _RECENT_EPOCH,
        FIELDS["device"]: r"([0-9]+: )?[*.%]?\[?",
        FIELDS["card"]: "",
        FIELDS["thread"]: r"\[?",
        FIELDS["column"]: "([0-9]+,)?",
        FIELDS["event"]: r"\[?",
        FIELDS["heading"]: "",
        FIELDS["process"]: "(- )?[([]?",
    }
    known = (*no_word, FIELDS["dow"], FIELDS["long_day"])
    rows = []
    for pieces in (row.pieces for row in FORMATS):
        first = next(number for number, piece in enumerate(pieces) if piece.field)
        ahead = "".join(piece.pattern for piece in pieces[:first] if piece not in known)
        if not re.search(r"[A-Za-z]|\[\^", ahead):
            patterns = [no_word.get(piece, piece.pattern) for piece in pieces]
            whole = f"(?:{''.join(patterns)}){_BEHIND_TIME}"
            rows.append(_Expression(_head_of(pieces, patterns), partial(re.compile, whole)))
    start = f"[^A-Za-z0-9]{{0,6}}(?:[0-9]|{'|'.join((*_MONTHS, *_DAYS))})"
    return re.compile(f"(?={start})(?![0-9]+[.][0-9]+[.][0-9]+[.])"), tuple(rows)


_BEHIND_TIME = r"(?:[\])}>\"'|,;:]{0,3}(?:[ \t]|$)|(?<=[ \t])|[\]|](?=[\[A-Z]))"


def _read_keyed(
    line: str, keys: tuple[str, ...], pieces: tuple[Piece, ...] | None, utc_offset_s: int, near: datetime
) -> datetime | None:
    for value in _values(line, keys):
        moment = _read_value(value, pieces, utc_offset_s, near)
        if moment is not None:
            return moment
    return None


def _read_value(value: str, pieces: tuple[Piece, ...] | None, utc_offset_s: int, near: datetime) -> datetime | None:
    if pieces is None:
        return _read_time(value, utc_offset_s, near)
    match = compiled(pieces).match(value, 0, _START_CHARS)
    return _moment_of_fields(match.groupdict(), utc_offset_s, near) if match else None


def _values(line: str, keys: tuple[str, ...]) -> Iterator[str]:
    """The texts behind these keys of a JSON or logfmt line, each to the line's end; keys inside strings are none."""
    line = line.lstrip(" \t")
    masked = re.sub(r"\\.", "__", line)
    if line.startswith("{"):
        for match in _json_key(keys).finditer(masked):
            if _depth(masked[: match.start() + 1]) == 1:
                yield line[match.end() :]
    elif re.match(r"[A-Za-z_@.-]+=", line):
        for match in _logfmt_key(keys).finditer(masked):
            if '"' not in re.sub('"[^"]*"', "", masked[: match.start()]):
                yield line[match.end() :]


def _depth(masked: str) -> int:
    bare = re.sub('"[^"]*"', "", masked)
    return sum(map(bare.count, "{[")) - sum(map(bare.count, "]}"))


@cache
def _json_key(keys: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f'[{{,] *"({"|".join(map(re.escape, keys))})" *: *{NESTED}')


@cache
def _logfmt_key(keys: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f'(?:(?<= )|^)({"|".join(map(re.escape, keys))})="?')


def _moment_of_fields(fields: dict[str, str | None], utc_offset_s: int, near: datetime) -> datetime | None:
    """Raises ValueError for a date that does not exist."""
    if epoch := fields.get("epoch"):
        return _of_epoch(epoch)
    if tai := fields.get("tai"):
        return _EPOCH + timedelta(seconds=int(tai[7:], 16) - _TAI_AHEAD_S)
    if hex_epoch := fields.get("hex_epoch"):
        return _EPOCH + timedelta(seconds=int(hex_epoch, 16))
    if mjd := fields.get("mjd"):
        return _of_julian_day(*mjd.split(" "))
    if month_name := fields.get("month_name"):
        name = month_name[:3].title()
        if name not in _MONTHS:
            return None
        month = _MONTHS.index(name) + 1
    else:
        month = int(fields.get("month") or 0)
    after_midnight = timedelta(0, *_clock(fields, utc_offset_s))
    if "day" not in fields:
        return _nearest_clock(after_midnight, near)
    day = int(fields["day"] or 0)
    if year := fields.get("year") or (fields.get("short_year") and f"20{fields['short_year']}"):
        return _midnight(int(year), month, day) + after_midnight
    return _nearest_year(month, day, after_midnight, near)


def _clock(fields: dict[str, str | None], utc_offset_s: int) -> tuple[int, int]:
    """Seconds and microseconds since the midnight of UTC."""
    hour = int(fields.get("hour") or 0)
    if half := fields.get("half"):
        hour = hour % 12 + (12 if half[0] in "Pp" else 0)
    seconds = hour * 3600 + int(fields.get("minute") or 0) * 60 + int((fields.get("second") or "").lstrip(":") or 0)
    return seconds - _zone(fields.get("zone"), utc_offset_s), _microseconds(fields.get("fraction") or "")


def _microseconds(fraction: str) -> int:
    digits = fraction.lstrip(".,:")
    return 0 if len(digits) > _MOST_DIGITS else int(digits.ljust(6, "0")[:6])


def _zone(text: str | None, utc_offset_s: int) -> int:
    zone = re.sub(r"[ :]|(UTC|GMT)(?=[+-])", "", text or "")
    if not zone:
        return utc_offset_s
    if zone[0] not in "+-":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[3:] or 0) * 60
    return -seconds if zone[0] == "-" else seconds


@lru_cache(maxsize=64)
def _midnight(year: int, month: int, day: int) -> datetime:
    """A log's lines share their days, and reading one costs more than remembering it."""
    return datetime(year, month, day, tzinfo=timezone.utc)


def _nearest_year(month: int, day: int, after_midnight: timedelta, near: datetime) -> datetime | None:
    moments = []
    for year in (near.year, near.year - 1, near.year + 1):
        try:
            moment = _midnight(year, month, day) + after_midnight
        except ValueError:  # 29 February of another year
            continue
        if abs(moment - near) < _HALF_A_YEAR:
            return moment
        moments.append(moment)
    return min(moments, key=lambda moment: abs(moment - near), default=None)


def _nearest_clock(after_midnight: timedelta, near: datetime) -> datetime:
    today = _midnight(near.year, near.month, near.day) + after_midnight
    return min((today + timedelta(days=days) for days in (-1, 0, 1, -2, 2)), key=lambda moment: abs(moment - near))


def _of_julian_day(day: str, second: str) -> datetime | None:
    if float(second) >= 86401:
        return None
    return _EPOCH + timedelta(days=int(day) - _EPOCHS_JULIAN_DAY, seconds=float(second))


def _of_epoch(text: str) -> datetime | None:
    """Seconds, milli-, micro- or nanoseconds, told apart by their digits; from 2001 to 2033."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    if exponent:  # 1.795368601e+09
        places = int(exponent[:4])
        if places > 18:
            return None
        whole, fraction = (whole + fraction).ljust(len(whole) + places, "0")[: len(whole) + places], fraction[places:]
    if len(whole) not in (10, 13, 16, 19) or whole[0] != "1":
        return None
    return _EPOCH + timedelta(0, int(whole[:10]), int((whole[10:] + fraction).ljust(6, "0")[:6]))


def _read_own(line: str, own: TimeFormat, utc_offset_s: int, near: datetime) -> datetime | None:
    if own.key:
        return _read_keyed(line, (own.key,), own.pieces, utc_offset_s, near)
    if own.pattern:
        match = re.search(own.pattern, line)
        return _read_value(line[match.start(1) :], own.pieces, utc_offset_s, near) if match else None
    return _read_value(line, own.pieces, utc_offset_s, near)
