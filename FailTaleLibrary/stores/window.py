"""A query's texts and a window -> the texts that are sent. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlencode

from FailTaleLibrary.config.queries import PLACEHOLDER, HttpQuery
from FailTaleLibrary.lazy import dataclass, replace

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MOST_VALUES = 240
"""Of one series in an answer."""
_PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass(frozen=True, slots=True)
class QueryWindow:
    """What a query is about: from ``since`` to ``until``, at most ``limit`` lines."""

    since: datetime
    until: datetime
    limit: int

    @property
    def step_s(self) -> int:
        """Seconds between two values of a series, so that there are some hundred of them."""
        return max(1, math.ceil((self.until - self.since).total_seconds() / _MOST_VALUES))

    def before(self, seconds: float, *, limit: int) -> QueryWindow:
        """The time before it."""
        return QueryWindow(self.since - timedelta(seconds=seconds), self.since, limit)

    def longer(self, seconds: float) -> QueryWindow:
        """The same with so much of the time before it, or a step more: the last one ends where the window does."""
        longer = replace(self, since=self.since - timedelta(seconds=seconds))
        steps = math.ceil((longer.until - longer.since).total_seconds() / longer.step_s)
        return replace(longer, since=longer.until - timedelta(seconds=steps * longer.step_s))

    @property
    def since_ns(self) -> int:
        return nanoseconds(self.since)

    @property
    def until_ns(self) -> int:
        return nanoseconds(self.until)

    def value(self, name: str, unit: str) -> str:
        """What stands in the place of ``{name:unit}``; a start is rounded down and an end up."""
        if name == "limit":
            return str(self.limit)
        if name == "step":
            return str(self.step_s)
        moment = self.since if name == "since" else self.until
        if unit in _PER_SECOND:
            units, rest = divmod(nanoseconds(moment), 1_000_000_000 // _PER_SECOND[unit])
            return str(units + (1 if rest and name == "until" else 0))
        return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def filled(self, text: str) -> str:
        """A text with the window's values in place of its placeholders."""
        return PLACEHOLDER.sub(lambda match: self.value(match[1], match[2] or ""), text)

    def filled_data(self, data: Any) -> Any:
        """The same of JSON data; a text that is nothing but a number's placeholder becomes that number."""
        if isinstance(data, dict):
            return {self.filled(key): self.filled_data(item) for key, item in data.items()}
        if isinstance(data, list):
            return [self.filled_data(item) for item in data]
        if not isinstance(data, str):
            return data
        alone = PLACEHOLDER.fullmatch(data)
        filled = self.filled(data)
        return int(filled) if alone and filled.isdigit() else filled


def nanoseconds(moment: datetime) -> int:
    """Since 1970, exactly."""
    passed = moment - _EPOCH
    return (passed.days * 86400 + passed.seconds) * 1_000_000_000 + passed.microseconds * 1000


def moment_of(at_ns: int) -> datetime:
    """The moment of so many nanoseconds since 1970, to the microsecond."""
    return _EPOCH + timedelta(microseconds=at_ns // 1000)


def asks_for(texts: Iterator[str], name: str) -> bool:
    """Whether a placeholder of this name stands in one of the texts."""
    return any(found[1] == name for text in texts for found in PLACEHOLDER.finditer(text))


# --- HTTP -------------------------------------------------------------------------------------------------------------


def address_of(query: HttpQuery, window: QueryWindow) -> str:
    """The address with its parameters."""
    url = window.filled(query.url)
    pairs = tuple(parameters_of(query.params, window))
    if not pairs:
        return url
    base, hash_, fragment = url.partition("#")
    return f"{base}{'&' if '?' in base else '?'}{urlencode(pairs, quote_via=quote)}{hash_}{fragment}"


def parameters_of(params: str | None, window: QueryWindow) -> Iterator[tuple[str, str]]:
    """Name and value of each parameter, filled."""
    parameters: Mapping[str, Any] = json.loads(params) if params else {}
    for name, value in parameters.items():
        for each in value if isinstance(value, list) else [value]:
            yield window.filled(name), window.filled(_text_of(each))


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False) if value is not None else ""


def body_of(body: str | None, window: QueryWindow) -> str | None:
    """The body of a POST; None for a GET."""
    return None if body is None else json.dumps(window.filled_data(json.loads(body)), ensure_ascii=False)
