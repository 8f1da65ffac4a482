"""Durations and sizes: what is read, what is written, and that both agree."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from FailTaleLibrary.config.types import (
    MAX_SIZE_BYTES,
    NotUnderstoodError,
    format_bytes,
    format_duration,
    in_quotes,
    parse_bytes,
    parse_duration,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500 ms", 0.5),
        ("10 s", 10.0),
        ("10", 10.0),
        ("1.5s", 1.5),
        ("90 sec", 90.0),
        ("2 min", 120.0),
        ("1 minute", 60.0),
        ("3m", 180.0),
        ("1 h", 3600.0),
        ("2 hours", 7200.0),
        ("1 d", 86400.0),
        (0, 0.0),
        (2.5, 2.5),
    ],
)
def test_a_duration_is_seconds_or_has_a_unit(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64 kB", 64_000),
        ("64 KiB", 65_536),
        ("64k", 65_536),
        ("1 MB", 1_000_000),
        ("0.5 MiB", 524_288),
        ("7", 7),
        (9, 9),
    ],
)
def test_a_size_counts_in_1000s_or_1024s(text: object, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "wrong", ["", "5 parsecs", "-1 s", "1e3", "1,5 s", None, True, -1, float("inf"), float("nan"), []]
)
def test_what_is_no_duration_is_refused_with_an_example(wrong: object) -> None:
    with pytest.raises(
        NotUnderstoodError, match=r"is not a duration; write seconds or e\.g\. '500 ms', '10 s', '2 min'"
    ):
        parse_duration(wrong)


@pytest.mark.parametrize("wrong", ["", "lots", "-1", "1 TB", None, True, -1, 1.5, []])
def test_what_is_no_size_is_refused_with_an_example(wrong: object) -> None:
    with pytest.raises(NotUnderstoodError, match=r"is not a size; write bytes or e\.g\. '64 kB', '1 MB'"):
        parse_bytes(wrong)


@given(st.floats(min_value=0, max_value=1e9, allow_nan=False))
def test_any_duration_survives_being_written_and_read(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(min_value=0, max_value=MAX_SIZE_BYTES))
def test_any_size_survives_being_written_and_read(size: int) -> None:
    assert parse_bytes(format_bytes(size)) == size


@given(st.text(), st.sampled_from([parse_duration, parse_bytes]))
def test_any_text_is_read_or_refused_but_never_crashes(text: str, parse: Callable[[object], float]) -> None:
    with contextlib.suppress(NotUnderstoodError):
        assert parse(text) >= 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "500 ms"), (45, "45 s"), (90, "90 s"), (600, "10 min"), (86400, "1 d"), (0, "0 s")]
)
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (65536, "64 KiB"), (1_000_000, "1 MB"), (1024**2, "1 MiB"), (1001, "1001 B")]
)
def test_a_size_is_written_in_its_largest_whole_unit(size: int, text: str) -> None:
    assert format_bytes(size) == text


@given(st.text())
def test_any_quoted_value_is_one_printable_line(text: str) -> None:
    assert in_quotes(text).isprintable()


def test_a_long_value_loses_its_middle_and_says_so() -> None:
    shown = in_quotes("first" + "x" * 100 + "last")
    assert shown.startswith("'first")
    assert shown.endswith("last'")
    assert len(shown) <= 82
    assert "characters" in shown
