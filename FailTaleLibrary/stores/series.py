"""Series of numbers as a metrics store answers them -> a row for each: what it is, what it was, and when it changed.

The values before the window say what is ordinary for a series. It changed where it left that: a state (few distinct
whole numbers) when it has another value, a measure when it goes beyond its range by more than the range is wide. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.stores.window import QueryWindow, moment_of
from FailTaleLibrary.text import one_line, sanitize, shorten

MOST_SERIES = 500
_MOST_VALUES = 11_000
"""Of one series; Prometheus gives no more."""
_NAME_CHARS = 400
_LONGEST_VALUE = 40
_MOST_STATES = 4
"""So many distinct whole numbers make a state."""
_LEAST_VALUES = 5
"""Before the window, to know what is ordinary for a measure."""
_LEAST_PART = 0.1
"""Of its height a measure must have moved, where it stood still before."""
_MISSED = 2.5
"""So many intervals without a value mean that a series has ended."""
STANDING = "before the test"
"""Stands in the row of what went down shortly before the window and stayed so."""
_UP = re.compile(r"(?:^|_)(?:up|success|healthy|alive|ready)(?:\{|$)")
"""Names of metrics that are 1 while all is well, by the convention of Prometheus and its exporters."""


@dataclass(frozen=True, slots=True)
class Series:
    """A series: its name with labels, and its values in the order of their times."""

    name: str
    values: tuple[tuple[float, float], ...]
    """Seconds since 1970 and value; NaN for none."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one series, in two texts that begin with its name."""

    now: str
    was: str
    """Before the window; empty where there was none."""
    detail: str = ""
    has_changed: bool = False
    """In a way that is not ordinary for it."""

    @property
    def text(self) -> str:
        return f"{self.now}{self.detail}"


# --- Data -> series ---------------------------------------------------------------------------------------------------


def is_series(data: Any) -> bool:
    """Whether data is a list of series as Prometheus answers, with one in it."""
    return isinstance(data, list) and bool(data) and all(_is_one(each) for each in data[:3])


def _is_one(each: Any) -> bool:
    return isinstance(each, dict) and isinstance(each.get("metric"), dict) and bool({"values", "value"} & each.keys())


def series_in(data: Any) -> tuple[tuple[Series, ...], tuple[str, ...]]:
    """The series in data, and in clauses what was left out."""
    given = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    found = [Series(_name_of(each.get("metric")), tuple(_values_of(each))) for each in given[:MOST_SERIES]]
    lacks = []
    if len(given) > MOST_SERIES:
        lacks.append(f"only the first {MOST_SERIES} of {len(given):,} series were read")
    if any("histogram" in each or "histograms" in each for each in given):
        lacks.append("native histograms were left out")
    return tuple(found), tuple(lacks)


def _name_of(metric: Any) -> str:
    labels = dict(metric) if isinstance(metric, dict) else {}
    name = str(labels.pop("__name__", ""))
    pairs = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return shorten(one_line(sanitize(f"{name}{{{pairs}}}" if pairs or not name else name)), _NAME_CHARS)


def _values_of(each: dict[str, Any]) -> Iterator[tuple[float, float]]:
    pairs = each.get("values") if isinstance(each.get("values"), list) else [each.get("value")]
    seen: dict[float, float] = {}
    for pair in (pairs or [])[-_MOST_VALUES:]:
        if isinstance(pair, list) and len(pair) >= 2 and (at := _value_in(pair[0])) is not None and math.isfinite(at):
            value = _value_in(pair[1])
            seen[at / 1000 if at > 1e11 else at] = math.nan if value is None else value
    yield from sorted(seen.items())


def _value_in(value: Any) -> float | None:
    """Prometheus writes values as texts, ``+Inf`` and ``NaN`` among them."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and len(value) <= _LONGEST_VALUE):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


# --- Series -> rows ---------------------------------------------------------------------------------------------------


def rows_of(series: Sequence[Series], window: QueryWindow) -> list[Row]:
    """A row for each, those that changed first; ``window`` is the test's, of which the values begin earlier."""
    since, until = window.since.timestamp(), window.until.timestamp()
    newest = max((each.values[-1][0] for each in series if each.values), default=until)
    rows = [_row_of_series(each, since, newest) for each in series]
    return sorted(rows, key=lambda row: not row.has_changed)


def _row_of_series(series: Series, since: float, newest: float) -> Row:
    known = [(at, value) for at, value in series.values if not math.isnan(value)]
    before = [value for at, value in known if at < since]
    within = [(at, value) for at, value in known if at >= since]
    name = series.name
    was = f"{name} {_value_words(name, before[-1])}" if before else ""
    if not known:
        return Row(f"{name} no value", "")
    if _has_ended(series, known[-1][0], newest):
        gone = f"{name} no value since {_clock_words(known[-1][0])}"
        in_window = known[-1][0] >= since - _interval_s(series)
        return Row(gone, was or f"{name} {_value_words(name, known[-1][1])}", has_changed=in_window)
    last = known[-1][1]
    moved_at = _moved_at(before, within)
    detail = _range_words(before, within)
    if moved_at is None and (fell_at := _fell_before(series.name, known, since)) is not None:
        standing = f"{name} {_number_words(last)} (down since {_clock_words(fell_at)}, {STANDING})"
        return Row(standing, standing)
    if moved_at is None:
        is_new = not before and bool(within) and within[0][0] > since + 2 * _interval_s(series)
        return Row(f"{name} {_value_words(name, last)}", was, detail, has_changed=is_new)
    word = _value_words(name, last, since=moved_at)
    if before and last == before[-1]:  # back again: what it was meanwhile is the news
        other = next(value for at, value in within if at == moved_at)
        word = f"{_value_words(name, last)}, was {_value_words(name, other, since=moved_at)}"
    return Row(f"{name} {word}", was, detail, has_changed=True)


def _fell_before(name: str, known: Sequence[tuple[float, float]], since: float) -> float | None:
    """When what is 1 while all is well became 0 for good, shortly before the window; None where it did not."""
    if _UP.search(name) is None or {value for _, value in known} != {0.0, 1.0}:
        return None
    changes = [at for (_, was), (at, now) in pairwise(known) if was != now]
    return changes[0] if len(changes) == 1 and known[-1][1] == 0.0 and changes[0] < since else None


def _moved_at(before: Sequence[float], within: Sequence[tuple[float, float]]) -> float | None:
    """The first moment of the window at which a series was not as ordinary; None where it always was."""
    if not before or not within:
        return None
    if _is_state([*before, *(value for _, value in within)]):
        usual = set(before) if len(set(before)) > 1 and len(before) >= _LEAST_VALUES else {before[-1]}
        return next((at for at, value in within if value not in usual), None) or _changed_for_good(before, within)
    if len(before) < _LEAST_VALUES:
        return None
    low, high = min(before), max(before)
    margin = max(high - low, _LEAST_PART * max(abs(low), abs(high)))
    return next((at for at, value in within if value > high + margin or value < low - margin), None)


def _changed_for_good(before: Sequence[float], within: Sequence[tuple[float, float]]) -> float | None:
    """Of a state that changed now and then: when it took the value with which the window ends, if it was rare."""
    last = within[-1][1]
    if last == before[-1] or before.count(last) * 5 > len(before):
        return None
    at = within[-1][0]
    for moment, value in reversed(within):
        if value != last:
            break
        at = moment
    return at


def _is_state(values: Sequence[float]) -> bool:
    return len(set(values)) <= _MOST_STATES and all(math.isfinite(value) and value == int(value) for value in values)


def _has_ended(series: Series, last_at: float, newest: float) -> bool:
    return len(series.values) > 1 and newest - last_at > _MISSED * _interval_s(series)


def _interval_s(series: Series) -> float:
    steps = [later - earlier for (earlier, _), (later, _) in pairwise(series.values[:100])]
    return median(steps) if steps else 15.0


def _range_words(before: Sequence[float], within: Sequence[tuple[float, float]]) -> str:
    values = [value for _, value in within]
    if len(values) < 2 or min(values) == max(values):
        return ""
    usual = f"; before: {_number_words(min(before))} to {_number_words(max(before))}" if before else ""
    first, least, most = map(_number_words, (values[0], min(values), max(values)))
    return f" (first {first}, min {least}, max {most}{usual})"


def _value_words(name: str, value: float, *, since: float | None = None) -> str:
    """``0 (down since 12:01:03)``, ``0.4``."""
    known = [f"since {_clock_words(since)}"] if since is not None else []
    if _UP.search(name) and value in (0.0, 1.0):
        known.insert(0, "up" if value else "down")
    return f"{_number_words(value)} ({' '.join(known)})" if known else _number_words(value)


def _number_words(value: float) -> str:
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}"


def _clock_words(at: float) -> str:
    moment: datetime = moment_of(int(min(max(at, 0.0), 32_503_680_000.0) * 1e9))
    return f"{moment:%H:%M:%S}Z"
