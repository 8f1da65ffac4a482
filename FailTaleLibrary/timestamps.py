"""A log line -> the moment that it bears, in every format that windows and ranking know.

A line's time stands at its start, in a known key of a JSON or logfmt line, or where the collector's ``time_format``
says; a date inside a message is nobody's time. `FORMATS` is the one table: `parse` and the awk program that runs on
hosts (`windows.awk_formats`) are both made from its rows, so a format is one row with its examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache

# --- Pieces: what a format is made of ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a format: a field with the pattern of its text, or a pattern that means no field."""

    field: str
    pattern: str
    """An extended regular expression that every awk and `re` understand alike: no counts, no classes by name."""
    width: int | None = None
    """Characters, where it is always as many."""


_HOUR = "([01][0-9]|2[0-3])"
_LEVEL = "(trace|debug|info|notice|warn|warning|err|error|critical|fatal)"
_WORDS = rf"(\[[A-Za-z][^]]*\][:,]? *|\[[0-9]+\] +|[A-Z]+[:,]? +|{_LEVEL}:? +)*"
_QUARTER = "(00|15|30|45)"
_ZONE = f"(Z|[+-][01][0-9](:?{_QUARTER})?| ?(UTC|GMT)| [+-][01][0-9]:?{_QUARTER})"

_FIELDS = {
    "year": Piece("year", "[12][0-9][0-9][0-9]", 4),
    "yy": Piece("short_year", "[0-9][0-9]", 2),
    "month": Piece("month", "[01][0-9]", 2),
    "mon": Piece("month_name", "[A-Z][a-z][a-z]", 3),
    "dow": Piece("", "[A-Z][a-z][a-z]", 3),
    "day": Piece("day", "[ 0-3][0-9]", 2),
    "day1": Piece("day", "[0-3]?[0-9]"),
    "hour": Piece("hour", _HOUR, 2),
    "hour1": Piece("hour", "([01]?[0-9]|2[0-3])"),
    "minute": Piece("minute", "[0-5][0-9]", 2),
    "second": Piece("second", "[0-6][0-9]", 2),
    "fraction": Piece("fraction", "([.,][0-9]+)?"),
    "half": Piece("half", "[AaPp][Mm]", 2),
    "zone": Piece("zone", f"{_ZONE}?"),
    "epoch": Piece("epoch", "[0-9]+([.][0-9]+)?"),
    # What may stand before a time that begins a line: a list's mark, process, host, level, thread or logger.
    "lead": Piece("", rf'[<("#*> -]*([0-9]+ )?([A-Za-z]+[0-9_.:@/=|-][^ ]* )?{_WORDS}[(<"[]?'),
    "level": Piece("", rf"{_WORDS}\[?"),
}
_CLOCK = "{hour}:{minute}:{second}{fraction}"
_START_CHARS = 300
"""How far into a line, or into a key's value, a time is looked for."""


def pieces_of(template: str) -> tuple[Piece, ...]:
    """The pieces of a template: fields in braces, and between them extended regular expressions."""
    template = template.replace("{clock}", _CLOCK)
    return tuple(
        _FIELDS[text[1:-1]] if text.startswith("{") else Piece("", text, _width_of_pattern(text))
        for text in re.findall(r"\{[a-z0-9_]+\}|[^{]+", template)
    )


def _width_of_pattern(pattern: str) -> int | None:
    """Of plain characters and single classes; None for all else."""
    single = re.fullmatch(r"(?:\[[^]]+\](?![*+?])|\\[^A-Za-z0-9](?![*+?])|[A-Za-z0-9 :,/_=-](?![*+?]))*", pattern)
    return len(re.findall(r"\[[^]]+\]|\\.|.", pattern)) if single else None


# --- The table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Format:
    """One way in which programs write time at the start of a line, or of the value of a known key."""

    name: str
    template: str
    examples: tuple[tuple[str, str], ...]
    """Lines as programs write them, each with its moment in UTC, on a host of UTC+1 in 2026."""

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return pieces_of(self.template)


FORMATS = (
    Format(
        "ISO 8601",
        "{lead}{year}[-/.]{month}[-/.]{day}([T_|;,-]| +| - ){hour1}:{minute}:{second}{fraction}{zone}",
        (
            ("2026-11-22T18:30:01.123+01:00 started", "2026-11-22T17:30:01.123Z"),
            ("2026-11-22 18:30:01,123 ERROR [main] a.b.C - x", "2026-11-22T17:30:01.123Z"),  # log4j, Python
            ("2026-11-22 17:30:01.123 UTC [42] LOG:  x", "2026-11-22T17:30:01.123Z"),  # PostgreSQL
            ("2026/11/22 18:30:01 [error] 1#1: *7 x", "2026-11-22T17:30:01Z"),  # nginx, Go
            ("[2026-11-22T18:30:01,123][WARN ][o.e.n.Node] x", "2026-11-22T17:30:01.123Z"),  # Elasticsearch
            ("INFO  [main] 2026-11-22 18:30:01,123 StorageService.java:1 - x", "2026-11-22T17:30:01.123Z"),  # Cassandra
            ("I, [2026-11-22T18:30:01.123456 #12]  INFO -- : x", "2026-11-22T17:30:01.123456Z"),  # Ruby
            ("[GIN] 2026/11/22 - 18:30:01 | 500 | x", "2026-11-22T17:30:01Z"),
            ("2026-11-22T17:30:01.123456789Z stderr F x", "2026-11-22T17:30:01.123456Z"),  # CRI
        ),
    ),
    Format(
        "syslog RFC 5424",
        r"<[0-9]+>[0-9]+ {year}-{month}-{day}T{clock}{zone}",
        (("<34>1 2026-11-22T18:30:01.123+01:00 web app 1 - - x", "2026-11-22T17:30:01.123Z"),),
    ),
    Format(
        "syslog",
        r"(<[0-9]+>)?[*.]?{mon} {day} {clock}",
        (
            ("Nov 22 18:30:01 web app[1]: x", "2026-11-22T17:30:01Z"),
            ("<34>Nov  2 18:30:01 web app: x", "2026-11-02T17:30:01Z"),
            ("*Nov 22 18:30:01.123: %SYS-5-CONFIG_I: x", "2026-11-22T17:30:01.123Z"),  # Cisco
        ),
    ),
    Format(
        "syslog with year",
        r"(<[0-9]+>)?[*.]?{mon} {day1} {year},? {clock}",
        (("Nov 22 2026 18:30:01: %ASA-4-106023: x", "2026-11-22T17:30:01Z"),),
    ),
    Format(
        "java.util.logging",
        "{mon} {day1}, {year},? {hour1}:{minute}:{second} {half}",
        (("Nov 22, 2026 6:30:01 PM com.example.Main run", "2026-11-22T17:30:01Z"),),
    ),
    Format(
        "apache error",
        r"\[?{dow} {mon} {day} {clock} {year}",
        (
            ("[Sun Nov 22 18:30:01.123456 2026] [core:error] x", "2026-11-22T17:30:01.123456Z"),
            ("Sun Nov 22 18:30:01 2026 [pid 2] CONNECT", "2026-11-22T17:30:01Z"),
        ),
    ),
    Format(
        "date",
        "{dow} {mon} {day1} {clock} [A-Z]+ {year}",
        (("Sun Nov 22 18:30:01 CET 2026: x", "2026-11-22T17:30:01Z"),),
    ),
    Format(
        "access log",
        r'(\[[0-9a-fA-F:.]*\])?[^"[]*\[{day}/{mon}/{year}:{clock}{zone}',
        (
            ('10.0.0.1 - bob [22/Nov/2026:18:30:01 +0100] "GET / HTTP/1.1" 500', "2026-11-22T17:30:01Z"),
            ("127.0.0.1:4711 [22/Nov/2026:18:30:01.123] front back/web1 0/0/1", "2026-11-22T17:30:01.123Z"),  # HAProxy
        ),
    ),
    Format(
        "tomcat, php, bind",
        "{level}{day1}[-/ ]{mon}[-/ ]{year}[: ]{clock}{zone}",
        (
            ("22-Nov-2026 18:30:01.123 SEVERE [main] x", "2026-11-22T17:30:01.123Z"),
            ("[22-Nov-2026 17:30:01 UTC] PHP Fatal error: x", "2026-11-22T17:30:01Z"),
        ),
    ),
    Format(
        "redis",
        "[0-9]+:[A-Z] {day} {mon} {year} {clock}",
        (("812:M 22 Nov 2026 18:30:01.123 # x", "2026-11-22T17:30:01.123Z"),),
    ),
    Format(
        "RFC 2822",
        r"\[?{dow}, {day1} {mon} {year} {clock}{zone}",
        (("Sun, 22 Nov 2026 18:30:01 +0100 x", "2026-11-22T17:30:01Z"),),
    ),
    Format(
        "erlang report",
        "=[A-Z ]+ REPORT==== {day1}-{mon}-{year}::{clock}",
        (("=ERROR REPORT==== 22-Nov-2026::18:30:01.123 ===", "2026-11-22T17:30:01.123Z"),),
    ),
    Format(
        "klog",
        "[IWEF]{month}{day} {clock}",
        (("E1122 18:30:01.123456       1 app.go:1] x", "2026-11-22T17:30:01.123456Z"),),
    ),
    Format(
        "glog",
        "[IWEF]{year}{month}{day} {clock}",
        (("E20261122 18:30:01.123456     1 app.cc:1] x", "2026-11-22T17:30:01.123456Z"),),
    ),
    Format(
        "compact ISO 8601",
        "{level}{year}{month}{day}[T _-]{hour}:?{minute}:?{second}{fraction}{zone}",
        (
            ("20261122T173001Z x", "2026-11-22T17:30:01Z"),
            ("20261122 18:30:01.123 x", "2026-11-22T17:30:01.123Z"),
        ),
    ),
    Format(
        "day first",
        "{level}{day}[.]{month}[.]{year},? +{clock}{zone}",
        (("22.11.2026 18:30:01,123 FEHLER x", "2026-11-22T17:30:01.123Z"),),
    ),
    Format(
        "month and day",
        "{month}-{day} {clock}",
        (("11-22 18:30:01.123  1234  5678 E Tag: x", "2026-11-22T17:30:01.123Z"),),  # Android
    ),
    Format(
        "two-digit year",
        "{level}{yy}/{month}/{day} {clock}",
        (("26/11/22 18:30:01 INFO Executor: x", "2026-11-22T17:30:01Z"),),  # Spark
    ),
    Format(
        "six digits",
        "{yy}{month}{day} +{hour1}:?{minute}:?{second} ",
        (
            ("261122 18:30:01 [ERROR] x", "2026-11-22T17:30:01Z"),  # MySQL 5
            ("261122 183001 148 INFO dfs.DataNode: x", "2026-11-22T17:30:01Z"),  # Hadoop
        ),
    ),
    Format(
        "audit",
        r"(node=[^ ]+ )?type=[^ ]+ msg=audit\({epoch}",
        (("type=AVC msg=audit(1795368601.123:7): x", "2026-11-22T17:30:01.123Z"),),
    ),
    Format(
        "epoch seconds",
        r"(- )?\[?{epoch}",
        (
            ("1795368601.123 x", "2026-11-22T17:30:01.123Z"),  # Squid
            ("[1795368601] x", "2026-11-22T17:30:01Z"),  # Nagios
            ("1795368601123 x", "2026-11-22T17:30:01.123Z"),
        ),
    ),
)
"""From the most to the least particular: the first that fits is the line's."""

KEYS = (
    "time", "ts", "timestamp", "@timestamp", "timeMillis", "asctime", "datetime", "t", "eventTime", "@t", "date",
    "Time", "Timestamp", "timeStamp", "TimeStamp", "T", "dt", "instant", "event_time", "eventtime", "log_time",
    "logtime", "logTime", "_time", "@time", "start_time", "time_local", "time_iso8601", "timestamp_ms", "epoch",
    "requestReceivedTimestamp", "stageTimestamp", "__REALTIME_TIMESTAMP", "written_at", "created_at", "when",
    "DateTime", "dateTime", "date_time", "EventTime", "UtcTime", "timeGenerated",
)  # fmt: skip
"""Keys of JSON and logfmt lines in which programs and carriers (docker, ECS, pino, zap …) write a line's time."""

KEYED_EXAMPLES = (
    ('{"log":"x until 2024-01-01T00:00:00Z","stream":"stderr","time":"2026-11-22T17:30:01.123Z"}', "docker json-file"),
    ('{"@timestamp":"2026-11-22T17:30:01.123Z","message":"x"}', "ECS, logstash"),
    ('{"level":30,"time":1795368601123,"pid":1,"msg":"x"}', "pino"),
    ('{"level":"error","ts":1795368601.123,"msg":"x"}', "zap"),
    ('{"time":"2026-11-22T18:30:01.123+01:00","level":"INFO","msg":"x"}', "slog"),
    ('{"timeMillis":1795368601123,"level":"INFO","message":"x"}', "log4j2"),
    ('{"instant":{"epochSecond":1795368601,"nanoOfSecond":123},"level":"INFO"}', "log4j2 with an instant"),
    ('{"asctime": "2026-11-22 18:30:01,123", "levelname": "ERROR", "message": "x"}', "python-json-logger"),
    ('{"t":{"$date":"2026-11-22T18:30:01.123+01:00"},"s":"I","msg":"x"}', "MongoDB"),
    ('{"a":{"time":"2020-01-01T00:00:00Z"},"msg":"{\\"time\\":1}","time":"2026-11-22T17:30:01.123Z"}', "nested"),
    ('level=error ts=2026-11-22T17:30:01.123Z msg="x ts=2020-01-01T00:00:00Z"', "logfmt"),
    ('time="2026-11-22T18:30:01+01:00" level=error msg=x', "logrus"),
)
"""Lines whose time stands in a key (2026-11-22T17:30:01 UTC and some milliseconds), each with who writes so."""


def format_names() -> tuple[str, ...]:
    """Names of the formats that FailTale recognises, for documentation."""
    return tuple(each.name for each in FORMATS)


def format_examples() -> dict[str, str]:
    """Each format's name with an example, for documentation."""
    return {each.name: each.examples[0][0] for each in FORMATS}


# --- Reading a line ---------------------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_HALF_A_YEAR = timedelta(days=182)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LINE_CHARS = 32 * 1024
"""How far into a line a key is looked for; docker splits what is longer than 16 kB."""
COMPOSE_LEAD = "[A-Za-z0-9_.-]+ +[|] "
"""What ``docker compose logs`` puts before each line."""
NESTED = '([{] *"[$A-Za-z]+" *: *)?([{] *"[$A-Za-z]+" *: *)?"?'
"""Between a key and the time: MongoDB's ``{"$date":"…``, log4j2's ``{"epochSecond":…``."""


_COMPOSE_LEAD = re.compile(COMPOSE_LEAD)


def parse(line: str, *, utc_offset_s: int, near: datetime, time_format: TimeFormat | None = None) -> datetime | None:
    """The moment a line bears, in UTC; None when it bears none.

    ``utc_offset_s``: the host's zone, east positive, for times without one. ``near``: an aware moment in whose
    neighbourhood the line was written. ``time_format``: the collector's own, which then is the only one.
    """
    line = line[:_LINE_CHARS]
    if (lead := _COMPOSE_LEAD.match(line)) is not None:
        line = line[lead.end() :]
    try:
        if time_format is not None:
            return _read_own(line, time_format, utc_offset_s, near)
        return _read_time(line, utc_offset_s, near) or _read_keyed(line, KEYS, None, utc_offset_s, near)
    except (ValueError, OverflowError):  # 31 February: looks like a time and is none
        return None


def parse_known(
    line: str, *, utc_offset_s: int, near: datetime, format_name: str = "", key: str = ""
) -> datetime | None:
    """The same of a line whose log writes its times in one format of the table, or in one key, and in no other way."""
    line = re.sub(f"^{COMPOSE_LEAD}", "", line[:_LINE_CHARS])
    try:
        if key:
            return _read_keyed(line, (key,), None, utc_offset_s, near)
        pieces = next((each.pieces for each in FORMATS if each.name == format_name), None)
        return None if pieces is None else _read_value(line, pieces, utc_offset_s, near)
    except (ValueError, OverflowError):
        return None


def _read_time(text: str, utc_offset_s: int, near: datetime) -> datetime | None:
    """The time at a text's start, by the first format that fits."""
    for pattern in _patterns_of_formats():
        if match := pattern.match(text, 0, _START_CHARS):
            moment = _moment_of_match(match, utc_offset_s, near)
            if moment is not None:
                return moment
    return None


_MOST_SECONDS = 1000
_seconds: dict[tuple[re.Pattern[str], str, str, int, datetime], datetime | None] = {}
"""Moments without their fraction, by all that they depend on. Lines follow each other within a second, and reading one
costs more than remembering it."""


def _moment_of_match(match: re.Match[str], utc_offset_s: int, near: datetime) -> datetime | None:
    """Raises ValueError for a date that does not exist."""
    pattern, text = match.re, match.string
    first, fraction = _places_of_groups(pattern)
    start = max(0, match.start(first))
    cut, behind = match.span(fraction) if fraction else (-1, -1)
    if cut < 0:
        cut = behind = match.end()
    key = (pattern, text[start:cut], text[behind : match.end()], utc_offset_s, near)
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


@cache
def _places_of_groups(pattern: re.Pattern[str]) -> tuple[int, int]:
    """The groups of the first field and of the fraction; 0 where there is none."""
    return min(pattern.groupindex.values(), default=0), pattern.groupindex.get("fraction", 0)


@cache
def _patterns_of_formats() -> tuple[re.Pattern[str], ...]:
    return tuple(compiled(each.pieces) for each in FORMATS)


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
    if month_name := fields.get("month_name"):
        if month_name[:3] not in _MONTHS:
            return None
        month = _MONTHS.index(month_name[:3]) + 1
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
    seconds = hour * 3600 + int(fields.get("minute") or 0) * 60 + int(fields.get("second") or 0)
    return seconds - _zone(fields.get("zone"), utc_offset_s), _microseconds(fields.get("fraction") or "")


def _microseconds(fraction: str) -> int:
    return int(fraction.lstrip(".,").ljust(6, "0")[:6])


def _zone(text: str | None, utc_offset_s: int) -> int:
    zone = (text or "").strip().replace(":", "")
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


def _of_epoch(text: str) -> datetime | None:
    """Seconds, milli-, micro- or nanoseconds, told apart by their digits; from 2001 to 2033."""
    whole, _, fraction = text.partition(".")
    if len(whole) not in (10, 13, 16, 19) or whole[0] != "1":
        return None
    return _EPOCH + timedelta(0, int(whole[:10]), int((whole[10:] + fraction).ljust(6, "0")[:6]))


# --- Formats of one's own ---------------------------------------------------------------------------------------------

_DIRECTIVES = {
    "Y": Piece("year", "[0-9][0-9][0-9][0-9]", 4),
    "y": Piece("short_year", "[0-9][0-9]", 2),
    "m": Piece("month", "[0-9][0-9]?"),
    "b": Piece("month_name", "[A-Z][a-z][a-z]", 3),
    "B": Piece("month_name", "[A-Z][a-z]+"),
    "d": Piece("day", " ?[0-9][0-9]?"),
    "e": Piece("day", " ?[0-9][0-9]?"),
    "a": Piece("", "[A-Z][a-z][a-z]", 3),
    "A": Piece("", "[A-Z][a-z]+"),
    "H": Piece("hour", " ?[0-9][0-9]?"),
    "I": Piece("hour", " ?[0-9][0-9]?"),
    "p": Piece("half", "[AaPp][Mm]", 2),
    "M": Piece("minute", "[0-9][0-9]?"),
    "S": Piece("second", "[0-9][0-9]?"),
    "f": Piece("fraction", "[0-9]+"),
    "z": Piece("zone", "(Z|[+-][0-9][0-9]:?[0-9][0-9])"),
    "Z": Piece("", "[A-Za-z]+"),
    "s": Piece("epoch", "[0-9]+([.][0-9]+)?"),
}
_TOGETHER = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "D": "%m/%d/%y", "R": "%H:%M"}
_KEY = r"[A-Za-z0-9_@$.-]{1,60}"


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """Where a log's lines have their time and how it is written, in the user's words.

    The time stands at the line's start, in the JSON or logfmt key ``key``, or in the one group of ``pattern``, an
    extended regular expression. ``format`` is a strptime format with ``%s`` for epoch seconds, milli-, micro- or
    nanoseconds; empty: any that FailTale knows. Raises ValueError with a sentence for what cannot be used.
    """

    format: str = ""
    key: str = ""
    pattern: str = ""

    def __post_init__(self) -> None:
        if self.key and self.pattern:
            raise ValueError("a time stands in a key or where a pattern says, not both; remove one")
        if not (self.format or self.key or self.pattern):
            raise ValueError("says nothing; write e.g. '%d.%m.%Y %H:%M:%S' or {key: timeMillis}")
        if self.key and re.fullmatch(_KEY, self.key) is None:
            raise ValueError(f"'{self.key}' is no key; use letters, digits, '_', '@', '$', '.' and '-'")
        if self.format:
            directives(self.format)
        if self.pattern:
            self.ahead  # noqa: B018 - refuses with a sentence

    @property
    def pieces(self) -> tuple[Piece, ...] | None:
        """Of the format; None when any known one may be the time's."""
        return directives(self.format) if self.format else None

    @property
    def ahead(self) -> str:
        """What a pattern says stands before its group, as an expression; empty without a pattern.

        Raises ValueError when there is not exactly one group, or it is no expression that every awk takes.
        """
        if not self.pattern:
            return ""
        bare = re.sub(r"\\.|\[\^?\]?[^]]*\]", lambda match: "_" * len(match[0]), self.pattern)
        if bare.count("(") != 1 or not self.pattern.isprintable():
            raise ValueError(f"'{self.pattern}' needs exactly one group; write (…) around the time alone")
        if re.search(r"\\[A-Za-z0-9]", self.pattern) or re.search(r"[?|{}]|\*\*|\+\+", bare):
            raise ValueError(
                f"'{self.pattern}' is not understood by every awk; write '[0-9]*' instead of '\\d*', "
                "and no '?', '|' or counts"
            )
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"'{self.pattern}' is no regular expression: {error}") from None
        return self.pattern[: bare.index("(")]


def _read_own(line: str, own: TimeFormat, utc_offset_s: int, near: datetime) -> datetime | None:
    if own.key:
        return _read_keyed(line, (own.key,), own.pieces, utc_offset_s, near)
    if own.pattern:
        match = re.search(own.ahead, line)
        return _read_value(line[match.end() :], own.pieces, utc_offset_s, near) if match else None
    return _read_value(line, own.pieces, utc_offset_s, near)


@cache
def directives(time_format: str) -> tuple[Piece, ...]:
    """The pieces of a strptime format, in order; a piece of literal text is escaped and has no field.

    Raises ValueError naming a directive that FailTale does not know, or when the clock is missing.
    """
    if not time_format.isprintable():
        raise ValueError(f"{time_format!r} holds a control character; a time is within one line")
    whole = re.sub("%([TFDR])", lambda match: _TOGETHER[match[1]], time_format)
    pieces = tuple(map(_directive, re.findall(r"%.|[^%]+|%$", whole, re.DOTALL)))
    fields = {piece.field for piece in pieces}
    if "epoch" in fields:
        return pieces
    has_month = bool(fields & {"month", "month_name"})
    if not {"hour", "minute"} <= fields or ("day" in fields) != has_month:
        raise ValueError(f"'{time_format}' has no clock; write e.g. '%d.%m.%Y %H:%M:%S', '%H:%M:%S' or '%s'")
    return pieces


def _directive(text: str) -> Piece:
    if text == "%%":
        return Piece("", "%", 1)
    if not text.startswith("%"):
        return Piece("", re.sub(r"[][.^$*+?(){}|\\/]", r"\\\g<0>", text), len(text))
    if text[1:] not in _DIRECTIVES:
        known = " ".join(f"%{name}" for name in _DIRECTIVES)
        raise ValueError(f"'{text}' is no directive that FailTale supports; there are {known}")
    return _DIRECTIVES[text[1:]]
