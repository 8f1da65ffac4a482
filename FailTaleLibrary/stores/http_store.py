"""An HTTP query -> the data of the store's JSON answer, or why there is none in the store's own words."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from FailTaleLibrary.config.queries import HttpQuery, as_shown, origin_of
from FailTaleLibrary.stores.answers import AnswerError, parse_body
from FailTaleLibrary.stores.failures import StoreError, quoted
from FailTaleLibrary.stores.fetch import Patience, credentials_of, fetch
from FailTaleLibrary.stores.window import QueryWindow, address_of, body_of, parameters_of
from FailTaleLibrary.wire import HttpAnswer


def ask_over_http(query: HttpQuery, window: QueryWindow, patience: Patience) -> tuple[Any, int, tuple[str, ...]]:
    """The data that a store answers; how many bytes came; why it is not whole. Raises StoreError."""
    where = f"the store at '{origin_of(query)}'"
    body = body_of(query.body, window)
    headers = {"Accept": "application/json", **credentials_of(query)}
    if body is not None:
        headers["Content-Type"] = "application/json"
    url = _printable_url(address_of(query, window))
    answer = fetch(query, url, body.encode() if body is not None else None, headers, patience=patience, where=where)
    if answer.status != 200:
        raise refusal_of_store(where, answer)
    try:
        data = parse_body(answer.body, is_list=(query.line or "").startswith("[]"))
    except AnswerError as error:
        raise StoreError("failed", f"{_with_capital(where)} {error}.") from error
    if isinstance(data, dict) and data.get("status") == "error":
        raise StoreError("failed", f"{_with_capital(where)} refuses the query: {_words_in(data)}.")
    return data, len(answer.body), ()


def _printable_url(url: str) -> str:
    """The address without a fragment, and with what stands in no address as its percent signs."""
    return re.sub(r"[^\x21-\x7e]", lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), url).partition(
        "#"
    )[0]


def refusal_of_store(where: str, answer: HttpAnswer) -> StoreError:
    """The sentence of an answer that is none."""
    said = _words_of_error(answer.body)
    words = f": {said}" if said else ""
    status = answer.status
    if status == 407:
        sentence = f"The proxy on the way to {where} wants a user and a password in its address{words}."
        return StoreError("authentication refused", sentence, is_about_store=True)
    if status == 401:
        what = "wants a token or a user, and refuses what it was sent"
        return StoreError("authentication refused", f"{_with_capital(where)} {what}{words}.", is_about_store=True)
    if status == 403:
        return StoreError("permission denied", f"{_with_capital(where)} forbids the query{words}.")
    if status == 404:
        return StoreError("failed", f"{_with_capital(where)} has nothing at this path (HTTP status 404){words}.")
    if status == 429 or status >= 500:
        what = "has too many queries" if status == 429 else f"failed (HTTP status {status})"
        is_query = bool(said) and status in (500, 503) and re.search(r"(?i)pars|syntax|too many samples|timeout", said)
        return StoreError("failed", f"{_with_capital(where)} {what}{words}.", is_about_store=not is_query)
    return StoreError("failed", f"{_with_capital(where)} refuses the query (HTTP status {status}){words}.")


def _words_of_error(body: bytes) -> str:
    """The words of an error: of JSON its message, of text its beginning, of a page nothing but its title."""
    text = body[:20_000].decode("utf-8", "replace")
    if re.match(r"\s*<", text):
        title = re.search(r"(?is)<title[^>]*>(.*?)</title>", text)
        return quoted(title[1]) if title else ""
    try:
        return _words_in(json.loads(body[:1_000_000]))
    except (ValueError, RecursionError):
        return quoted(text[:1000])


def _words_in(data: Any) -> str:
    """The message in an error's data, wherever stores put it."""
    for _ in range(4):
        if isinstance(data, list) and data:
            data = data[0]
        if not isinstance(data, dict):
            break
        causes = data.get("root_cause")
        told = [data.get(key) for key in ("error", "reason", "message", "detail", "errorMessage", "errors")]
        data = next((each for each in told if each), causes)
    return quoted(data) if isinstance(data, str) else ""


def shown_http(query: HttpQuery, window: QueryWindow) -> str:
    """The query as a person would type it; secrets are left to them."""
    words = ["curl", "-s"]
    if query.token is not None:
        words += ["-H", "Authorization: Bearer …"]
    elif query.user is not None:
        words += ["-u", f"{query.user}:…"]
    for header in query.headers:
        words += ["-H", f"{header.name}: {'…' if header.secret is not None else header.value}"]
    if query.ca_file is not None:
        words += ["--cacert", str(query.ca_file)]
    params = as_shown(query.params) if query.params is not None else None
    parameters = [f"{name}={value}" for name, value in parameters_of(params, window)]
    if query.body is not None:
        words += ["-H", "Content-Type: application/json", "-d", body_of(as_shown(query.body), window) or ""]
    words += ["-G"] if parameters and query.body is None else []
    words.append(window.filled(as_shown(query.url)))
    for parameter in parameters:
        words += ["--url-query" if query.body is not None else "--data-urlencode", parameter]
    return " ".join(map(shlex.quote, words))


def _with_capital(text: str) -> str:
    return text[0].upper() + text[1:]
