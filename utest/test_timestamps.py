"""Times of log lines: each format, with its zone and its year."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from FailTaleLibrary.moments import message_of
from FailTaleLibrary.time_formats import FORMATS, KEYED_EXAMPLES, TimeFormat, directives
from FailTaleLibrary.timestamps import parse

NEAR = datetime(2026, 11, 22, 18, 31, tzinfo=timezone.utc)
MOMENT = datetime(2026, 11, 22, 18, 30, 1, tzinfo=timezone.utc)
SECOND, MILLISECOND, MICROSECOND = timedelta(seconds=1), timedelta(milliseconds=1), timedelta(microseconds=1)

moments = st.integers(1_000_000_000_000_000, 1_999_999_999_999_999).map(
    lambda microseconds: datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=microseconds)
)
zones = st.integers(-14 * 4, 14 * 4).map(lambda quarters: quarters * 900)


def with_zone(at: datetime, offset_s: int, style: str) -> str:
    return at.astimezone(timezone(timedelta(seconds=offset_s))).strftime(style)


def in_milliseconds(at: datetime, offset_s: int, style: str) -> str:
    return with_zone(at, offset_s, style).replace("@", f"{at.microsecond // 1000:03d}")


Writer = Callable[[datetime, int], str]
WRITERS: dict[str, tuple[timedelta, Writer]] = {
    "ISO with zone": (MICROSECOND, lambda at, _: at.astimezone(timezone(timedelta(hours=-3, minutes=-30))).isoformat()),
    "ISO in UTC": (MICROSECOND, lambda at, _: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ app started")),
    "ISO local": (MICROSECOND, lambda at, zone: with_zone(at, zone, "%Y-%m-%d %H:%M:%S.%f Zone A")),
    "ISO in brackets": (SECOND, lambda at, zone: with_zone(at, zone, "[%Y-%m-%d %H:%M:%S] -- 12:30")),
    "postgresql": (MILLISECOND, lambda at, _: in_milliseconds(at, 0, "%Y-%m-%d %H:%M:%S.@ UTC [7] LOG")),
    "log4j": (MILLISECOND, lambda at, zone: in_milliseconds(at, zone, "%Y-%m-%d %H:%M:%S,@ ERROR [main]")),
    "journal": (MICROSECOND, lambda at, zone: with_zone(at, zone, "%Y-%m-%dT%H:%M:%S.%f%z web app[1]: x")),
    "nginx error": (SECOND, lambda at, zone: with_zone(at, zone, "%Y/%m/%d %H:%M:%S [error] 1#1: *7")),
    "syslog": (SECOND, lambda at, zone: with_zone(at, zone, "%b %e %H:%M:%S web app[1]: 5 lines")),
    "syslog, padded by 0": (SECOND, lambda at, zone: with_zone(at, zone, "<34>%b %d %H:%M:%S web")),
    "klog": (MICROSECOND, lambda at, zone: with_zone(at, zone, "W%m%d %H:%M:%S.%f 1 app.go:1]")),
    "apache error": (MICROSECOND, lambda at, zone: with_zone(at, zone, "[%a %b %d %H:%M:%S.%f %Y] [core:error]")),
    "ctime": (SECOND, lambda at, zone: with_zone(at, zone, "%a %b %e %H:%M:%S %Y - x")),
    "access log": (SECOND, lambda at, zone: with_zone(at, zone, '10.0.0.1 - bob [%d/%b/%Y:%H:%M:%S %z] "GET /" 200')),
    "tomcat": (MILLISECOND, lambda at, zone: in_milliseconds(at, zone, "%d-%b-%Y %H:%M:%S.@ INFO [main]")),
    "redis": (MILLISECOND, lambda at, zone: in_milliseconds(at, zone, "812:M %d %b %Y %H:%M:%S.@ * Ready")),
    "epoch": (MICROSECOND, lambda at, _: f"[{(at - datetime.fromtimestamp(0, timezone.utc)) // SECOND}.{at:%f}] x"),
    "audit": (SECOND, lambda at, _: f"type=AVC msg=audit({int(at.timestamp())}.000:12): denied"),
    "JSON": (MICROSECOND, lambda at, _: f'{{"level":30,"time":"{at.isoformat()}","msg":"x"}}'),
    "JSON, milliseconds": (
        MILLISECOND,
        lambda at, _: f'{{"time":{(at - datetime.fromtimestamp(0, timezone.utc)) // MILLISECOND},"msg":"x"}}',
    ),
    "logfmt": (MICROSECOND, lambda at, zone: with_zone(at, zone, "level=info ts=%Y-%m-%dT%H:%M:%S.%f%z msg=x")),
}


@pytest.mark.parametrize("name", WRITERS)
@given(at=moments, zone=zones)
def test_what_a_program_writes_is_read_back_in_utc(name: str, at: datetime, zone: int) -> None:
    resolution, write = WRITERS[name]
    at -= timedelta(microseconds=at.microsecond % (resolution // MICROSECOND))
    moment = parse(write(at, zone), utc_offset_s=zone, near=at + timedelta(hours=2))
    assert moment == at
    assert moment.utcoffset() == timedelta(0)


@given(at=moments, days=st.integers(-170, 170))
def test_a_missing_year_is_the_nearest_one_also_across_new_year(at: datetime, days: int) -> None:
    at = at.replace(microsecond=0)
    if (at.month, at.day) != (2, 29):  # exists once in four years
        assert parse(f"{at:%b %e %H:%M:%S} web", utc_offset_s=0, near=at + timedelta(days=days)) == at


def test_29_february_is_read_in_a_leap_year() -> None:
    near = datetime(2028, 3, 1, tzinfo=timezone.utc)
    assert parse("Feb 29 12:00:00 web", utc_offset_s=0, near=near) == datetime(2028, 2, 29, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize("example", [pytest.param(each.examples[0][0], id=each.name) for each in FORMATS])
def test_the_example_of_each_named_format_is_understood(example: str) -> None:
    moment = parse(example, utc_offset_s=0, near=NEAR)
    assert moment is not None
    assert abs(moment - MOMENT) <= timedelta(hours=1, seconds=1)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\tat com.example.Main(Main.java:7)",
        "Caused by: java.lang.IllegalStateException: 2020-01-01 00:00:00 is long ago",
        "certificate valid until 2036-11-22T18:30:01Z",
        "2026-13-22 18:30:01 no such month",
        "2026-02-31 18:30:01 no such day",
        "2026-11-22 24:30:01 no such hour",
        "Foo 22 18:30:01 no such month",
        "12345678901 is a number",
        "1795372201234567890123 is a number",
        "Exception in thread main",
        "10.0.0.1 lost",
        "\x00\ud800",
    ],
)
def test_a_line_without_a_time_of_its_own_has_none(line: str) -> None:
    assert parse(line, utc_offset_s=0, near=NEAR) is None


def test_a_leap_second_belongs_to_the_next_minute() -> None:
    assert parse("2016-12-31T23:59:60Z", utc_offset_s=0, near=NEAR) == datetime(2017, 1, 1, tzinfo=timezone.utc)


@given(st.text())
def test_no_line_breaks_the_reader(line: str) -> None:
    for start in ("", "2026-11-22T18:30:01", "Nov 22 18:30:01", "[", "17"):
        parse(start + line, utc_offset_s=0, near=NEAR)


def test_a_format_of_ones_own_comes_in_pieces_and_its_mistakes_are_named() -> None:
    fields = [piece.field for piece in directives("[%d.%m.%Y %H:%M")]
    assert fields == ["", "day", "", "month", "", "year", "", "hour", "", "minute"]
    with pytest.raises(ValueError, match="'%Q' is no directive"):
        directives("%d.%m. %H:%M %Q")
    for without_clock in ("%d.%m.%Y", "%H", "%d %H:%M", "no time"):
        with pytest.raises(ValueError, match="has no clock"):
            directives(without_clock)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "says nothing"),
        ({"key": "a", "pattern": "(b)"}, "not both"),
        ({"key": "a b"}, "is no key"),
        ({"pattern": "no group"}, "exactly one group"),
        ({"pattern": "(a)(b)"}, "exactly one group"),
        ({"pattern": "at (\\d+)"}, "every awk"),
        ({"pattern": "a|b (.*)"}, "every awk"),
        ({"pattern": "[z-a](.*)"}, "no regular expression"),
        ({"format": "%d.%m. %H:%M %Q"}, "no directive"),
    ],
)
def test_a_time_format_that_cannot_be_used_says_why(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        TimeFormat(**given)


# --- The table --------------------------------------------------------------------------------------------------------

EXAMPLES = [(each.name, line, moment) for each in FORMATS for line, moment in each.examples]


def test_each_example_of_the_table_bears_its_moment() -> None:
    for name, line, moment in EXAMPLES:
        told = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        assert parse(line, utc_offset_s=3600, near=NEAR) == told, (name, line)


MISSES = [(each.name, line) for each in FORMATS for line in each.misses]


def test_no_miss_of_the_table_bears_a_time() -> None:
    assert [(name, line) for name, line in MISSES if parse(line, utc_offset_s=3600, near=NEAR) is not None] == []


def test_the_table_knows_what_many_programs_write() -> None:
    assert len(EXAMPLES) + len(KEYED_EXAMPLES) > 120
    assert {each.name for each in FORMATS if not each.misses} <= {"date", "erlang report", "glog", "two-digit year"}


def test_a_carrier_has_its_time_in_its_key() -> None:
    for line, writer in KEYED_EXAMPLES:
        moment = parse(line, utc_offset_s=3600, near=NEAR)
        assert moment is not None, writer
        assert moment.replace(microsecond=0) == datetime(2026, 11, 22, 17, 30, 1, tzinfo=timezone.utc), writer


@pytest.mark.parametrize(
    "line",
    [
        "INFO build of 2026-11-22 18:30:01 started",
        "valid until 2026-11-22T18:30:01Z",
        "retry at time=2026-11-22T18:30:01Z",
        '{"msg":"time: 2026-11-22T18:30:01Z"}',
        '{"inner":{"time":"2026-11-22T18:30:01Z"}}',
        '{"msg":"{\\"time\\":\\"2026-11-22T18:30:01Z\\"}"}',
        'msg="x time=2026-11-22T18:30:01Z y"',
        "| 2026-11-22",
        "12345678901 is a number",
    ],
)
def test_a_date_inside_a_message_is_not_the_lines_time(line: str) -> None:
    assert parse(line, utc_offset_s=0, near=NEAR) is None


def test_a_time_of_day_at_the_start_counts_and_the_date_behind_it_does_not() -> None:
    line = "17:29:30.123 [main] INFO build of 2026-01-22 18:30:01 started"
    moment = datetime(2026, 11, 22, 17, 29, 30, 123_000, timezone.utc)
    assert parse(line, utc_offset_s=0, near=NEAR) == moment


def test_no_line_costs_more_than_its_length() -> None:
    began = time.process_time()
    for text in ("A" * 32_000, "A " * 16_000, "[a] " * 8_000, "web1 " * 6_000, '{"' + 'a":{"' * 6_000, "- " * 16_000):
        for start in ("", "[", "2026-11-22", "level="):
            parse(start + text, utc_offset_s=0, near=NEAR)
    assert time.process_time() - began < 5


# --- The message: a line without the time that it begins with ---------------------------------------------------------

BEGIN_WITH_A_TIME = [line for _, line, _ in EXAMPLES if re.match(r"[^A-Za-z0-9]{0,3}(20|22|11|26|Nov|Sun|1795)", line)]
GLUED = ("2026-11-22-18.30", "[2026.11.22-18.30", '"22.11.2026', "22.11.2026;", "[2026-11-22T18:30:01,", "[1122/")
"""Times with which a message begins, because no space or bracket parts the two."""


def test_no_message_begins_with_a_time_of_the_table() -> None:
    for line in BEGIN_WITH_A_TIME:
        if not line.startswith(GLUED):
            assert parse(message_of(line), utc_offset_s=3600, near=NEAR) is None, line
            assert line.endswith(message_of(line))
            assert message_of(line) != line


@pytest.mark.parametrize(
    "line",
    [
        '10.0.0.1 - - [22/Nov/2026:18:30:01 +0100] "GET / HTTP/1.1" 500',
        "E1122 18:30:01.123456 1 app.go:1] its letter is its level",
        "ERROR 2026-11-22 18:30:01,123 so is its word",
        "12345678901 is a number",
        "4711 requests refused",
        "1.5e+03 x",
        "30.11.7.4 refused",
        "Nov release failed",
        "Sunday's job failed",
    ],
)
def test_what_is_more_than_a_time_stays_in_the_message(line: str) -> None:
    assert message_of(line) == line
