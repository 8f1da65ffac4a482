"""Times as awk reads them on a host, against the parser here: one table, two readers, three awks."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_timestamps import EXAMPLES, MISSES, WRITERS

from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.time_formats import FORMATS, KEYED_EXAMPLES, TimeFormat
from FailTaleLibrary.timestamps import parse
from FailTaleLibrary.windows.awk_formats import common_time_functions, time_functions

AWKS = {name: words for name, words in {
    "mawk": ["mawk"], "gawk": ["gawk"], "BusyBox": ["busybox", "awk"],
}.items() if shutil.which(words[0])}  # fmt: skip
NOW = datetime(2026, 11, 22, 18, 0, tzinfo=timezone.utc)
EACH_LINE = """
kind == "each" {
  name = kind_of($0)
  print name == "" ? "-" : sprintf("%.6f", time)
  next
}
"""


def moments(awk: list[str], lines: list[str], own: TimeFormat | None, utc_offset_s: int) -> list[float | None]:
    """What an awk reads in each line."""
    program = EACH_LINE + host_script("times.awk") + time_functions(own)
    settings_ = {"kind": "each", "ahead": utc_offset_s, "year": NOW.year, "now": int(NOW.timestamp()), "written": 0}
    done = subprocess.run(
        [*awk, *(word for name, value in settings_.items() for word in ("-v", f"{name}={value}")), program],
        input="".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"),
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        check=False,
    )
    assert done.stderr == b""
    return [None if told == "-" else float(told) for told in done.stdout.decode().split()[: len(lines)]]


def expected(lines: list[str], own: TimeFormat | None, utc_offset_s: int) -> list[float | None]:
    read = (parse(line, utc_offset_s=utc_offset_s, near=NOW, time_format=own) for line in lines)
    return [moment.timestamp() if moment else None for moment in read]


def assert_same(awk: str, lines: list[str], own: TimeFormat | None = None, utc_offset_s: int = 0) -> None:
    told, here = moments(AWKS[awk], lines, own, utc_offset_s), expected(lines, own, utc_offset_s)
    assert len(told) == len(here)
    for line, there, ours in zip(lines, told, here, strict=True):
        assert (there is None) == (ours is None), (line, there, ours)
        assert there is None or ours is None or abs(there - ours) < 2e-6, (line, there, ours)


@pytest.mark.parametrize("awk", AWKS)
def test_awk_reads_each_example_as_the_parser_here_does(awk: str) -> None:
    lines = [line for _, line, _ in EXAMPLES] + [line for line, _ in KEYED_EXAMPLES]
    assert None not in expected(lines, None, 3600)
    coloured = [f"\x1b[2m{line[:19]}\x1b[0;1m{line[19:]}\x1b[K" for line in lines]
    assert expected(coloured, None, 3600) == expected(lines, None, 3600)
    assert_same(awk, lines + coloured + [line for _, line in MISSES], utc_offset_s=3600)


recent = st.integers(-86_400_000_000 * 100, 0).map(lambda microseconds: NOW + timedelta(microseconds=microseconds))
zones = st.integers(-12 * 4, 14 * 4).map(lambda quarters: quarters * 900)
lines_of_programs = st.lists(st.tuples(st.sampled_from(sorted(WRITERS)), recent), min_size=1, max_size=30)
stray = st.lists(st.text(st.sampled_from(list('0123456789-:/.,TZ {}[]"=\\+|timesNovINFO')), max_size=60), max_size=30)


@pytest.mark.parametrize("awk", AWKS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(written=lines_of_programs, others=stray, zone=zones)
def test_awk_and_the_parser_here_agree_on_any_line(
    awk: str, written: list[tuple[str, datetime]], others: list[str], zone: int
) -> None:
    lines = [WRITERS[name][1](at, zone) for name, at in written] + others
    assert_same(awk, lines, utc_offset_s=zone)


DOUBTING = """
function give_up() { doubted = 1 }
kind == "each" {
  doubted = 0
  name = kind_of($0)
  print doubted ? "?" : name == "" ? "-" : name "|" sprintf("%.6f", time)
  next
}
"""


def kinds(awk: list[str], lines: list[str], functions: str) -> list[str]:
    """The kind of each line and its time; `?` where the functions give up."""
    times = re.sub(r"function give_up\(\) \{.*?\n\}\n", "", host_script("times.awk"), flags=re.DOTALL)
    done = subprocess.run(
        [
            *awk,
            "-v",
            "kind=each",
            "-v",
            f"year={NOW.year}",
            "-v",
            f"now={int(NOW.timestamp())}",
            DOUBTING + times + functions,
        ],
        input="".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"),
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        check=False,
    )
    assert done.stderr == b""
    return done.stdout.decode("utf-8", "surrogateescape").split("\n")[: len(lines)]


def assert_few_rows_agree(awk: str, lines: list[str]) -> list[str]:
    lines = [re.sub(r"[\n\x00]", " ", line) for line in lines]
    few, all_of_them = (kinds(AWKS[awk], lines, each) for each in (common_time_functions(), time_functions(None)))
    for line, told, wanted in zip(lines, few, all_of_them, strict=True):
        assert told in ("?", wanted), (line, told, wanted)
    return few


@pytest.mark.parametrize("awk", AWKS)
def test_the_few_rows_that_are_tried_first_read_common_logs_and_give_up_where_another_row_may_fit(awk: str) -> None:
    common = [
        "2026-11-22 17:30:01,123 INFO orders: packed",
        "2026-11-22T17:30:01.5Z level=warn x",
        "Nov 22 17:30:01 web app[7]: x",
        '10.0.0.1 - - [22/Nov/2026:17:30:01 +0000] "GET / HTTP/1.1" 200 5',
        '{"ts":"2026-11-22T17:30:01Z","msg":"x"}',
        "    at shop.Orders.pack(Orders.java:123)",
        "ValueError: no such order",
    ]
    assert "?" not in assert_few_rows_agree(awk, common)
    lines = [line for _, line, _ in EXAMPLES] + [line for line, _ in KEYED_EXAMPLES] + [line for _, line in MISSES]
    assert assert_few_rows_agree(awk, lines).count("?") > 100


TEXTS_OF_ROWS = [re.compile("".join(piece.pattern for piece in each.pieces), re.ASCII) for each in FORMATS]


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.one_of(*(st.from_regex(each, fullmatch=True) for each in TEXTS_OF_ROWS)), max_size=60),
    stray,
    lines_of_programs,
)
def test_the_few_rows_agree_with_all_rows_or_give_up_on_any_line(
    of_rows: list[str], others: list[str], written: list[tuple[str, datetime]]
) -> None:
    assert_few_rows_agree("mawk", of_rows + others + [WRITERS[name][1](at, 0) for name, at in written])


@pytest.mark.parametrize("awk", AWKS)
@pytest.mark.parametrize(
    "own",
    [
        TimeFormat("%d.%m.%Y %H:%M:%S"),
        TimeFormat("%s"),
        TimeFormat("%I:%M:%S %p"),
        TimeFormat(key="when"),
        TimeFormat("%s", key="when"),
        TimeFormat(pattern="at=<([^>]*)>"),
        TimeFormat("%H:%M", pattern="^[a-z]* ([0-9:]*)"),
        TimeFormat("%d-%b-%Y %H:%M", pattern="[|] ([0-9A-Za-z-]* [0-9:]*) [|]"),
        TimeFormat(pattern="t:([0-9]+)$"),
        TimeFormat(pattern="([0-9]+) ms$"),
    ],
    ids=str,
)
def test_awk_and_the_parser_here_agree_on_a_collectors_own_format(awk: str, own: TimeFormat) -> None:
    lines = [
        "22.11.2026 17:30:01 x",
        "31.02.2026 17:30:01 x",
        "1795368601 x",
        "1795368601123 x",
        "179536860 x",
        "05:30:01 PM x",
        "17:30:01 x",
        "at 17:30 x",
        '{"when":"2026-11-22T17:30:01Z"}',
        '{"x":{"when":1},"when": 1795368601123}',
        "x=1 when=1795368601.5",
        "x at=<22/Nov/2026:17:30:01 +0000> y",
        "x at=<soon> y",
        "ERROR | 22-Nov-2026 17:30 | what docker compose puts ahead looks alike",
        "web-1  | INFO | main | 22-Nov-2026 17:30 | x",
        "t:12 t:1795368601",
        "12 1795368601123 ms",
        "",
    ]
    assert any(moment is not None for moment in expected(lines, own, 0))
    assert_same(awk, lines, own)
