"""A log line -> the moment that it bears, in every format that filters and ranking know.

A line has its time at its start, or where access logs, JSON and logfmt have it. Times without a zone are the host's
local time; times without a year get the year that is nearest to a given moment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FAR = timedelta(days=1)
"""A time in the middle of a line is believed only when it is this near: a line may speak of any date."""
_HALF_A_YEAR = timedelta(days=182)
_MIDDLE_CHARS = 300
"""How far into a line its time may stand."""
_MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip

_CLOCK = r"([ 01]\d|2[0-3]):([0-5]\d):([0-6]\d)"
_FRACTION = r"(?:[.,](\d+))?"
_ZONE = r"(?:(Z)(?![A-Za-z])| ?(UTC|GMT)\b| ?([+-]\d\d):?([0-5]\d)(?!\d))?"
_DATE = r"([12]\d{3})[-/]([01]\d)[-/]([0-3]\d)[T ]"

_ISO = re.compile(r"\[?" + _DATE + _CLOCK + _FRACTION + _ZONE)
_MIDDLE_ISO = re.compile(r"(?<!\d)" + _DATE + _CLOCK + _FRACTION + _ZONE)
_SYSLOG = re.compile(r"(?:<\d+>)?([A-Z][a-z]{2}) ([ 0-3]\d) " + _CLOCK + _FRACTION)
_KLOG = re.compile(r"[IWEF]([01]\d)([0-3]\d) " + _CLOCK + _FRACTION)
_CTIME = re.compile(r"\[?[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ 0-3]\d) " + _CLOCK + _FRACTION + r" ([12]\d{3})")
_DAY_FIRST = re.compile(r"(?<!\d)([0-3]\d)[-/ ]([A-Z][a-z]{2})[-/ ]([12]\d{3})[: ]" + _CLOCK + _FRACTION + _ZONE)
_SECONDS = re.compile(r'(?:^\[?|audit\(|"(?:ts|time|timestamp)": ?)(1\d{9}(?:\d{3}|\d{6}|\d{9})?)(?:\.(\d+))?(?!\d)')

_NAMES = {
    "ISO 8601": "2026-11-22T18:30:01.123+01:00",
    "log4j": "2026-11-22 18:30:01,123",
    "nginx error": "2026/11/22 18:30:01",
    "syslog": "Nov 22 18:30:01",
    "apache error": "[Sun Nov 22 18:30:01.123456 2026]",
    "access log": "[22/Nov/2026:18:30:01 +0000]",
    "tomcat, redis, php": "22-Nov-2026 18:30:01.123",
    "klog": "I1122 18:30:01.123456",
    "epoch seconds": "1795372201.123",
    "JSON, logfmt": '{"time":"2026-11-22T18:30:01Z"}',
}


def format_names() -> tuple[str, ...]:
    """Names of the formats that FailTale recognises, for documentation."""
    return tuple(_NAMES)


def format_examples() -> dict[str, str]:
    """Each format's name with an example, for documentation."""
    return dict(_NAMES)


def parse(line: str, *, utc_offset_s: int, near: datetime) -> datetime | None:
    """The moment a line bears, in UTC; None when it bears none.

    ``utc_offset_s``: the host's zone, east positive, for times without one. ``near``: an aware moment in whose
    neighbourhood the line was written.
    """
    first = line[:1]
    try:
        if first.isdigit():
            return _parse_digits(line, utc_offset_s, near)
        if first in "IWEFJMASOND<" and (match := _SYSLOG.match(line) or _KLOG.match(line)):
            return _without_year(match, utc_offset_s, near)
        return _parse_bracket(line, utc_offset_s) or _parse_middle(line, utc_offset_s, near)
    except (ValueError, OverflowError):  # 31 February: looks like a time and is none
        return None


def _parse_digits(line: str, utc_offset_s: int, near: datetime) -> datetime | None:
    if match := _ISO.match(line):
        return _with_date(match.groups(), utc_offset_s)
    if match := _SECONDS.match(line):
        return _of_epoch(match)
    return _parse_middle(line, utc_offset_s, near)


def _parse_bracket(line: str, utc_offset_s: int) -> datetime | None:
    if match := _ISO.match(line):
        return _with_date(match.groups(), utc_offset_s)
    if match := _CTIME.match(line):
        month, day, hour, minute, second, fraction, year = match.groups()
        return _with_date((year, month, day, hour, minute, second, fraction, None, None, None, None), utc_offset_s)
    return None


def _parse_middle(line: str, utc_offset_s: int, near: datetime) -> datetime | None:
    """The time in an access log, JSON or logfmt line; only where it is plausible."""
    line = line[:_MIDDLE_CHARS]
    if match := _DAY_FIRST.search(line):
        day, month, year, *rest = match.groups()
        moment = _with_date((year, month, day, *rest), utc_offset_s)
    elif match := _MIDDLE_ISO.search(line):
        moment = _with_date(match.groups(), utc_offset_s)
    elif match := _SECONDS.search(line):
        moment = _of_epoch(match)
    else:
        return None
    return moment if abs(moment - near) < _FAR else None


def _with_date(groups: tuple[str | None, ...], utc_offset_s: int) -> datetime:
    """From year, month, day, hour, minute, second, fraction, Z, UTC, hours and minutes of the zone."""
    year, month, day, hour, minute, second, fraction, zulu, utc, zone_hours, zone_minutes = groups
    seconds = int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)
    if zone_hours:
        seconds -= int(zone_hours) * 3600 + int(zone_hours[0] + (zone_minutes or "0")) * 60
    elif not zulu and not utc:
        seconds -= utc_offset_s
    return _midnight(year, month, day) + timedelta(0, seconds, _microseconds(fraction) if fraction else 0)


@lru_cache(maxsize=64)
def _midnight(year: str | None, month: str | None, day: str | None) -> datetime:
    """A log's lines share their days, and reading one costs more than remembering it."""
    return datetime(int(year or 0), _MONTHS.get(month or "") or int(month or 0), int(day or 0), tzinfo=timezone.utc)


def _without_year(match: re.Match[str], utc_offset_s: int, near: datetime) -> datetime | None:
    month, day, *clock = match.groups()
    moments = []
    for year in (near.year, near.year - 1, near.year + 1):
        try:
            moment = _with_date((str(year), month, day, *clock, None, None, None, None), utc_offset_s)
        except ValueError:  # 29 February of another year
            continue
        if abs(moment - near) < _HALF_A_YEAR:
            return moment
        moments.append(moment)
    return min(moments, key=lambda moment: abs(moment - near), default=None)


def _microseconds(fraction: str) -> int:
    return int(fraction.ljust(6, "0")[:6])


def _of_epoch(match: re.Match[str]) -> datetime:
    digits = match[1]
    return _EPOCH + timedelta(0, int(digits[:10]), _microseconds(digits[10:] or match[2] or "0"))


# --- Formats of one's own --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Directive:
    """One piece of a strptime format: a field with the pattern of its text, or literal text with no field."""

    field: str
    pattern: str
    """An extended regular expression that every awk and `re` understand alike: no counts, no classes by name."""


_DIRECTIVES = {
    "Y": Directive("year", "[0-9][0-9][0-9][0-9]"),
    "y": Directive("short_year", "[0-9][0-9]"),
    "m": Directive("month", "[0-9][0-9]?"),
    "b": Directive("month_name", "[A-Z][a-z][a-z]"),
    "B": Directive("month_name", "[A-Z][a-z]+"),
    "d": Directive("day", " ?[0-9][0-9]?"),
    "a": Directive("", "[A-Z][a-z][a-z]"),
    "A": Directive("", "[A-Z][a-z]+"),
    "H": Directive("hour", " ?[0-9][0-9]?"),
    "I": Directive("hour", " ?[0-9][0-9]?"),
    "p": Directive("half", "[AaPp][Mm]"),
    "M": Directive("minute", "[0-9][0-9]?"),
    "S": Directive("second", "[0-9][0-9]?"),
    "f": Directive("fraction", "[0-9]+"),
    "z": Directive("zone", "(Z|[+-][0-9][0-9]:?[0-9][0-9])"),
    "Z": Directive("", "[A-Za-z]+"),
}


def directives(time_format: str) -> tuple[Directive, ...]:
    """The pieces of a strptime format, in order; a piece of literal text is escaped and has no field.

    Raises ValueError naming a directive that FailTale does not know, or when date or clock is missing.
    """
    if not time_format.isprintable():
        raise ValueError(f"{time_format!r} holds a control character; a time stands in one line")
    pieces = tuple(map(_piece, re.findall(r"%.|[^%]+|%$", time_format, re.DOTALL)))
    fields = {piece.field for piece in pieces}
    dated = "day" in fields and fields & {"month", "month_name"}
    if not (dated and {"hour", "minute"} <= fields):
        raise ValueError(f"'{time_format}' has no date and clock; write e.g. '%d.%m.%Y %H:%M:%S'")
    return pieces


def _piece(text: str) -> Directive:
    if text == "%%":
        return Directive("", "%")
    if not text.startswith("%"):
        return Directive("", re.sub(r"[][.^$*+?(){}|\\/]", r"\\\g<0>", text))
    if text[1:] not in _DIRECTIVES:
        known = " ".join(f"%{name}" for name in _DIRECTIVES)
        raise ValueError(f"'{text}' is no directive that FailTale knows; there are {known}")
    return _DIRECTIVES[text[1:]]
