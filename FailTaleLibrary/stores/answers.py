"""What a store answered -> its lines with time and source, or its series, and what it lacks. Foreign text. Pure.

Where the lines stand is said by paths (``data.result[].values[].1``: keys, and ``[]`` for each of a list); paths of the
same line have the same ``[]`` up to where they part. Without paths the answers of well-known stores are recognised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import islice
from typing import Any

from FailTaleLibrary.config.queries import Query
from FailTaleLibrary.lazy import dataclass, regex, replace
from FailTaleLibrary.stores.failures import quoted
from FailTaleLibrary.stores.series import Series, is_series, series_in
from FailTaleLibrary.stores.window import nanoseconds
from FailTaleLibrary.text import count, one_line, sanitize, shorten

MOST_ENTRIES = 20_000
"""Of one answer; of more, the first: stores are asked for the newest first."""
_SOURCE_CHARS = 160
_MOST_LABELS = 12
_MISSING = object()
_EACH = "[]"


class AnswerError(Exception):
    """What came is no answer to the query; its text says why, as the rest of a sentence about the store."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a store."""

    at_ns: int | None
    """Nanoseconds since 1970; None where no time can be read."""
    text: str
    """May have several lines of its own."""
    source: str
    """What it comes from, on one line; empty where nobody says."""


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """An answer, read: its lines, or its series."""

    entries: tuple[Entry, ...] = ()
    series: tuple[Series, ...] | None = None
    """None: the answer has lines."""
    plain: str | None = None
    """An answer that has neither: its text, as it came."""
    lacks: tuple[str, ...] = ()
    """Why it is not whole, in clauses."""
    notes: tuple[str, ...] = ()
    """What a reader of its times should know, in sentences."""


# --- Bytes -> data ----------------------------------------------------------------------------------------------------


def parse_json(text: str | bytes) -> Any:
    """The data in a JSON text. Raises AnswerError."""
    try:
        return json.loads(text)
    except RecursionError:
        raise AnswerError("answers JSON that is nested too deeply") from None
    except ValueError:
        begin = text[:80] if isinstance(text, str) else text[:80].decode("utf-8", "replace")
        said = f", it begins with '{quoted(begin)}'" if begin.strip() else ": it is empty"
        raise AnswerError(f"gave an answer that is no JSON{said}") from None


def parse_body(body: bytes, *, is_list: bool) -> Any:
    """The data in an answer: a JSON text, or a list of those that stand in its lines. Raises AnswerError.

    ``is_list``: a list is wanted, so that one line, or none, is one as well.
    """
    lines = [line for line in body.splitlines() if line.strip()]
    if (is_list and len(lines) < 2) or len(lines) > 1:
        try:
            found = [parse_json(line) for line in lines]
        except AnswerError:
            return parse_json(body)
        return found[0] if len(found) == 1 and isinstance(found[0], list) else found
    return parse_json(body)


# --- Data -> lines or series ------------------------------------------------------------------------------------------


def read_answer(query: Query, data: Any, *, limit: int | None) -> StoreAnswer:
    """The lines or series in an answer; ``limit``: how many lines were asked for, where the query says.

    Raises AnswerError where the query's own paths lead nowhere.
    """
    lacks = list(_lacks_told(query, data))
    paths = query if query.line or query.series else _recognised_paths(query, data)
    if paths is None and _holds_nothing(data):
        return StoreAnswer(lacks=tuple(lacks))
    if paths is None:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, indent=1)
        return StoreAnswer(plain=text, lacks=tuple(lacks))
    if paths.series is not None:
        found = _value_at(data, steps_of(paths.series), ())
        if found is _MISSING:
            raise AnswerError(f"gave an answer without '{paths.series}'{_keys_words(data)}")
        series, notes = series_in(found)
        return StoreAnswer(series=series, lacks=(*lacks, *notes))
    return _lines_of_answer(paths, data, lacks, limit=limit)


def _lines_of_answer(query: Query, data: Any, lacks: list[str], *, limit: int | None) -> StoreAnswer:
    assert query.line is not None  # noqa: S101 - whoever calls has looked
    line, time = steps_of(query.line), steps_of(query.time) if query.time else None
    source = steps_of(query.source) if query.source else None
    _check_there(data, line, query.line)
    entries: list[Entry] = []
    whole = zoneless = 0
    for trail, value in islice(_values_along(data, line), MOST_ENTRIES + 1):
        if value is _MISSING or value is None:
            whole, value = whole + 1, _innermost_entry(data, line, trail)
        at_ns, has_zone = moment_in(_value_at(data, time, trail)) if time is not None else (None, True)
        zoneless += not has_zone
        entries.append(Entry(at_ns, _text_of(value), _source_of(_value_at(data, source, trail)) if source else ""))
    asked = len(entries)
    lacks += _limits_met(query, data, asked, limit=limit)
    if asked > MOST_ENTRIES:
        del entries[MOST_ENTRIES:]
        lacks.append(f"only the first {MOST_ENTRIES:,} of its lines were read")
    notes = [f"{count(whole, 'entry', 'entries')} without '{query.line}' came whole."] if whole else []
    if zoneless:
        notes.append("Times without a zone were read as UTC.")
    return StoreAnswer(tuple(entries), lacks=tuple(lacks), notes=tuple(notes))


def _limits_met(query: Query, data: Any, entries: int, *, limit: int | None) -> Iterator[str]:
    """What was not sent, because there is more of it than was asked for."""
    total, is_least = _total_told(_value_at(data, steps_of(query.total), ())) if query.total else (None, False)
    if total is not None and (total > entries or is_least):
        more = "more than " if is_least else ""
        yield f"the store has {more}{total:,} lines for the query, of which it gave {entries:,}"
    elif total is None and limit is not None and entries >= limit:
        yield f"the store gave all of the {limit:,} lines that it was asked for and may have more"


def _total_told(value: Any) -> tuple[int | None, bool]:
    """How many lines there are, and whether there may be more: a number, or Elasticsearch's ``{value, relation}``."""
    is_least = False
    if isinstance(value, dict):
        is_least = value.get("relation") == "gte"
        value = value.get("value")
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15
    return (value if is_number else None), is_least and is_number


def _check_there(data: Any, line: Sequence[str], path: str) -> None:
    """Raises AnswerError where the list in which lines would stand is not there."""
    before = line[: line.index(_EACH)] if _EACH in line else line[:-1]
    found = _value_at(data, before, ())
    if found is _MISSING or (_EACH in line and found is not None and not isinstance(found, list)):
        raise AnswerError(f"gave an answer without '{path}'{_keys_words(data)}")


def _keys_words(data: Any) -> str:
    if not isinstance(data, dict):
        return f"; it is a {'list' if isinstance(data, list) else 'single value'}"
    return f"; it has {', '.join(quoted(str(key))[:40] for key in list(data)[:8]) or 'nothing'}"


# --- Paths ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def steps_of(path: str) -> tuple[str, ...]:
    """``data.result[].line`` as its steps: ``data``, ``result``, ``[]``, ``line``."""
    return tuple(step for part in path.split(".") for step in re.findall(r"\[\]|[^\[\]]+", part))


def _values_along(
    node: Any, steps: Sequence[str], trail: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Each value that a path leads to, and the places in the lists on the way."""
    if _EACH not in steps:
        yield trail, _value_at(node, steps, ())
        return
    place = steps.index(_EACH)
    found = _value_at(node, steps[:place], ())
    for index, each in enumerate(found) if isinstance(found, list) else ():
        yield from _values_along(each, steps[place + 1 :], (*trail, index))


def _value_at(node: Any, steps: Sequence[str], trail: Sequence[int]) -> Any:
    """The value at the end of a path, with a place for each ``[]``; _MISSING where it leads nowhere."""
    places = iter(trail)
    position = 0
    while position < len(steps):
        step = steps[position]
        if step == _EACH:
            index = next(places, None)
            node = node[index] if isinstance(node, list) and index is not None and index < len(node) else _MISSING
        elif isinstance(node, dict):
            node, position = _value_of(node, steps, position)
        elif isinstance(node, list) and step.isdigit() and len(step) < 9:
            node = node[int(step)] if int(step) < len(node) else _MISSING
        else:
            return _MISSING
        if node is _MISSING:
            return _MISSING
        position += 1
    return node


def _value_of(node: dict[str, Any], steps: Sequence[str], position: int) -> tuple[Any, int]:
    """The value of a key, which may have dots of its own; and the last step that it took."""
    for end in range(position + 1, len(steps) + 1):
        if _EACH in steps[position:end]:
            break
        key = ".".join(steps[position:end])
        if key in node:
            return node[key], end - 1
    return _MISSING, position


def _innermost_entry(data: Any, line: Sequence[str], trail: Sequence[int]) -> Any:
    last = max(place for place, step in enumerate(line) if step == _EACH) if _EACH in line else -1
    return _value_at(data, line[: last + 1], trail)


# --- Values -----------------------------------------------------------------------------------------------------------


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _source_of(value: Any) -> str:
    """A name, or labels as ``{app="shop", pod="shop-1"}``."""
    if isinstance(value, dict):
        pairs = [f'{key}="{_text_of(item)}"' for key, item in sorted(value.items())[:_MOST_LABELS]]
        value = f"{{{', '.join(pairs)}{', …' if len(value) > _MOST_LABELS else ''}}}" if pairs else ""
    elif value is _MISSING or value is None:
        return ""
    return shorten(one_line(sanitize(_text_of(value))), _SOURCE_CHARS)


_RFC3339 = regex(
    r"\s*(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?"
    r"\s*(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?\s*"
)
_NUMBER = regex(r"\s*\d{1,20}(?:\.\d{1,20})?\s*")
_LATEST_NS = 32_503_680_000 * 10**9
"""The year 3000."""
_MAGNITUDES = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (10**20, 1))
"""Below so many, a number since 1970 is seconds, milli-, micro-, nanoseconds: from 1973 to 5138 none is another."""


def moment_in(value: Any) -> tuple[int | None, bool]:
    """Nanoseconds since 1970 that a value tells, and whether it told its zone; None for what is no time."""
    if isinstance(value, bool) or value is _MISSING or value is None:
        return None, True
    if isinstance(value, (int, float)) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return _of_number(value), True
    if isinstance(value, str) and (found := _RFC3339.fullmatch(value)):
        return _of_text(found), found[8] is not None
    return None, True


def _of_number(value: float | str) -> int | None:
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
        factor = next((factor for bound, factor in _MAGNITUDES if number < bound), None)
        at_ns = int(number * factor) if factor is not None and number >= 0 else None
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return at_ns if at_ns is not None and 0 < at_ns < _LATEST_NS else None


def _of_text(found: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second = (int(group or 0) for group in found.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc) - _zone_offset(found[8])
    except (ValueError, OverflowError):
        return None
    at_ns = nanoseconds(moment) + int((found[7] or "").ljust(9, "0"))
    return at_ns if 0 < at_ns < _LATEST_NS else None


def _zone_offset(zone: str | None) -> timedelta:
    if zone is None or zone in ("Z", "z", "UTC"):
        return timedelta(0)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError("no zone is that far")
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)


# --- Whether it is whole ----------------------------------------------------------------------------------------------

_TELLING = frozenset(
    {
        "truncated", "istruncated", "resultstruncated", "resulttruncated", "outputtruncated", "hasmore", "moreresults",
        "partial", "ispartial", "partialresults", "incomplete", "incompleteresults", "timedout", "terminatedearly",
        "nextcursor", "nexttoken", "nextpagetoken", "nextpage", "warnings", "partialfailure", "limitreached",
        "limithit",
    }
)  # fmt: skip
_DEPTH = 3


def _lacks_told(query: Query, data: Any) -> Iterator[str]:
    """What an answer says itself of not being whole."""
    said: dict[str, str] = {}
    for path in query.incomplete:
        value = _value_at(data, steps_of(path), ())
        if _is_telling(value):
            said[path.rpartition(".")[2].lower()] = _clause_of(path, value)
    for name, value in _telling_names(data, "", _DEPTH):
        said.setdefault(name.rpartition(".")[2].lower(), _clause_of(name, value))
    yield from said.values()


def lacks_told(data: Any) -> Iterator[str]:
    """What data says, by usual names, of an answer that is not whole."""
    yield from (_clause_of(name, value) for name, value in _telling_names(data, "", _DEPTH))


def _telling_names(node: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict) or depth == 0:
        return
    for key, value in list(node.items())[:200]:
        name = re.sub(r"[^a-z]", "", str(key).lower())
        if name in _TELLING and _is_telling(value):
            yield f"{path}{key}", value
        elif key == "_shards" and isinstance(value, dict) and _is_telling(value.get("failed")):
            yield "_shards.failed", value["failed"]
        elif isinstance(value, dict):
            yield from _telling_names(value, f"{path}{key}.", depth - 1)


def _is_telling(value: Any) -> bool:
    return value is not _MISSING and value not in (False, None, 0, "", "false", [], {})


def _clause_of(path: str, value: Any) -> str:
    name = quoted(path)
    if "cursor" in path.lower() or "token" in path.lower():
        return f"the store has more than it gave ('{name}')"
    if value is True or value == "true":
        return f"the store says '{name}'"
    words = "; ".join(_text_of(each) for each in value[:5]) if isinstance(value, list) else _text_of(value)
    return f"the store says '{name}': {quoted(words)}"


_CUT = regex(r"(?i)\b(?:truncated|output (?:was )?cut|more (?:lines|results|entries|rows)\b|results? limited)")


def says_cut(text: str) -> bool:
    """Whether a plain text says at its end, in a line of its own, that it was cut."""
    last = text.rstrip().rpartition("\n")[2]
    return len(last) <= 200 and _CUT.search(last) is not None


# --- Answers without paths --------------------------------------------------------------------------------------------

_LISTS = (
    "",
    "data",
    "result",
    "results",
    "logs",
    "lines",
    "entries",
    "events",
    "items",
    "records",
    "rows",
    "messages",
    "hits",
)
_TIMES = ("timestamp", "@timestamp", "time", "ts", "_time", "datetime", "date", "eventTime", "event_time", "t")
_TEXTS = ("line", "message", "msg", "_msg", "_raw", "text", "log", "body", "event", "content")
_SOURCES = ("source", "labels", "stream", "_stream", "host", "logger", "service", "pod")


def _recognised_paths(query: Query, data: Any) -> Query | None:
    """The query with the paths of an answer that has a well-known form; None for another one."""
    for root in ("", "data."):
        result = _value_at(data, steps_of(f"{root}result"), ())
        first = result[0] if isinstance(result, list) and result else None
        if isinstance(first, dict) and "stream" in first and "values" in first:
            of_values = f"{root}result[].values[]"
            return query.model_copy(
                update={"line": f"{of_values}.1", "time": f"{of_values}.0", "source": f"{root}result[].stream"}
            )
        if is_series(result):
            return query.model_copy(update={"series": f"{root}result"})
        if result == [] and _value_at(data, steps_of(f"{root}resultType"), ()) in ("matrix", "vector"):
            return query.model_copy(update={"series": f"{root}result"})
        if result == [] and _value_at(data, steps_of(f"{root}resultType"), ()) == "streams":
            return query.model_copy(update={"line": f"{root}result[].values[].1"})
    hits = _value_at(data, ("hits", "hits"), ())
    if isinstance(hits, list):
        found = _keys_of(hits[0].get("_source") if hits and isinstance(hits[0], dict) else None, "hits.hits[]._source.")
        return query.model_copy(update={"total": "hits.total", "line": "hits.hits[]._source.message", **found})
    for name in _LISTS:
        entries = _value_at(data, (name,), ()) if name else data
        first = entries[0] if isinstance(entries, list) and entries else None
        if found := _keys_of(first, f"{name}[]."):
            return query.model_copy(update=found)
    return None


def _holds_nothing(data: Any) -> bool:
    """Whether data is an empty list, or has one under a usual name and nothing else that holds something."""
    if not isinstance(data, dict):
        return isinstance(data, list) and not data
    held = [value for value in data.values() if isinstance(value, (dict, list, str)) and value]
    return not held and any(data.get(name) == [] for name in _LISTS)


def _keys_of(entry: Any, before: str) -> dict[str, str]:
    """The paths of one entry's text, time and source; none where it has no text."""
    if not isinstance(entry, dict):
        return {}
    text = next((key for key in _TEXTS if isinstance(entry.get(key), str)), None)
    if text is None:
        return {}
    time = next((key for key in _TIMES if moment_in(entry.get(key))[0] is not None), None)
    source = next((key for key in _SOURCES if isinstance(entry.get(key), (str, dict)) and key != text), None)
    found = {"line": f"{before}{text}", "time": time and f"{before}{time}", "source": source and f"{before}{source}"}
    return {key: path for key, path in found.items() if path}


def without(answer: StoreAnswer, *, lacks: str) -> StoreAnswer:
    """The answer that lacks one thing more."""
    return replace(answer, lacks=(*answer.lacks, lacks))
