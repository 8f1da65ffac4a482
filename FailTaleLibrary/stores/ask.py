"""The stores of a configuration: each is asked within its time, and left alone for a while when it does not answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from FailTaleLibrary.breaker import Breaker
from FailTaleLibrary.config.queries import HttpQuery, McpQuery, origin_of
from FailTaleLibrary.lazy import dataclass, replace
from FailTaleLibrary.stores.answers import AnswerError, StoreAnswer, parse_json, read_answer, says_cut, without
from FailTaleLibrary.stores.failures import StoreError
from FailTaleLibrary.stores.fetch import Patience, TooMuchError
from FailTaleLibrary.stores.http_store import ask_over_http, shown_http
from FailTaleLibrary.stores.mcp_store import ask_over_mcp, shown_mcp
from FailTaleLibrary.stores.window import QueryWindow, asks_for

_LESS = 8
"""When an answer is too large, so many times fewer lines are asked for."""
_LEAST_LIMIT = 20


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer with what it cost; its texts are foreign."""

    answer: StoreAnswer
    received_bytes: int


class Stores:
    """The stores that queries ask. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._breakers: dict[str, Breaker] = {}

    def ask(
        self, query: HttpQuery | McpQuery, window: QueryWindow, *, timeout_s: float, cancel: threading.Event
    ) -> RawAnswer:
        """What the store answers within the time. Raises StoreError."""
        breaker = self._breaker_of(query)
        if refusal := breaker.attempt():
            raise StoreError(refusal.cause, str(refusal))
        try:
            raw = _asked_within(query, window, Patience.of(timeout_s, cancel))
        except StoreError as error:
            if error.is_about_store:
                breaker.failed(error.reason, str(error))
            elif error.reason != "cancelled":
                breaker.succeeded()
            raise
        breaker.succeeded()
        return raw

    def _breaker_of(self, query: HttpQuery | McpQuery) -> Breaker:
        place = " ".join(query.command) if isinstance(query, McpQuery) and query.url is None else origin_of(query)
        with self._lock:
            return self._breakers.setdefault(place, Breaker())


def _asked_within(query: HttpQuery | McpQuery, window: QueryWindow, patience: Patience) -> RawAnswer:
    try:
        return _asked_once(query, window, patience)
    except TooMuchError:
        if not asks_for(_texts_of(query), "limit") or window.limit < _LESS * _LEAST_LIMIT:
            raise
        fewer = replace(window, limit=window.limit // _LESS)
        raw = _asked_once(query, fewer, patience)
        clause = f"{window.limit:,} lines were more than is read at once, so that {fewer.limit:,} were asked for"
        return replace(raw, answer=without(raw.answer, lacks=clause))


def _asked_once(query: HttpQuery | McpQuery, window: QueryWindow, patience: Patience) -> RawAnswer:
    ask = ask_over_http if isinstance(query, HttpQuery) else ask_over_mcp
    data, received, lacks = ask(query, window, patience)  # type: ignore[arg-type]
    answer = answer_in(query, data, window)
    return RawAnswer(replace(answer, lacks=(*answer.lacks, *lacks)), received)


def answer_in(query: HttpQuery | McpQuery, data: Any, window: QueryWindow) -> StoreAnswer:
    """The lines or series of an answer's data. Raises StoreError."""
    limit = window.limit if asks_for(_texts_of(query), "limit") else None
    try:
        answer = read_answer(query, data, limit=limit)
    except AnswerError as error:
        raise StoreError("failed", f"The store at '{origin_of(query)}' {error}.") from error
    if answer.plain is not None and says_cut(answer.plain):
        return without(answer, lacks="its last line says that it was cut")
    return answer


def recorded_answer(query: HttpQuery | McpQuery, body: bytes, window: QueryWindow) -> RawAnswer:
    """The answer in recorded bytes, as a store would have sent them. Raises StoreError."""
    try:
        data = parse_json(body)
    except AnswerError:
        data = body.decode("utf-8", "replace")
    return RawAnswer(answer_in(query, data, window), len(body))


def is_windowed(query: HttpQuery | McpQuery) -> bool:
    """Whether a query says since when, so that the same can be asked of the time before."""
    return asks_for(_texts_of(query), "since")


def shown_query(query: HttpQuery | McpQuery, window: QueryWindow) -> str:
    """A query as a person would type or read it, without secrets."""
    return shown_http(query, window) if isinstance(query, HttpQuery) else shown_mcp(query, window)


def _texts_of(query: HttpQuery | McpQuery) -> Iterator[str]:
    if isinstance(query, HttpQuery):
        yield from (query.url, query.params or "", query.body or "")
    else:
        yield query.arguments
