"""An MCP query -> what its tool answers, when the server says that the tool only reads.

The server is asked anew on each connection what it has; only a tool with ``readOnlyHint: true`` is called. Both
generations of the protocol are spoken: with a handshake (up to 2025-11-25), and stateless (2026-07-28).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from FailTaleLibrary import __version__
from FailTaleLibrary.config.queries import McpQuery, as_shown, origin_of
from FailTaleLibrary.stores.answers import AnswerError, lacks_told, parse_json, says_cut
from FailTaleLibrary.stores.failures import StoreError, quoted
from FailTaleLibrary.stores.fetch import Patience, credentials_of, fetch
from FailTaleLibrary.stores.http_store import refusal_of_store
from FailTaleLibrary.stores.server_process import ServerProcess
from FailTaleLibrary.stores.window import QueryWindow
from FailTaleLibrary.wire import MAX_RESPONSE_BYTES, HttpAnswer

HANDSHAKE_VERSION, STATELESS_VERSION = "2025-11-25", "2026-07-28"
_MOST_PAGES = 20
_NO_HANDSHAKE = frozenset({-32601, -32022, -32600, -32602, -32020})
"""What a server without `initialize` answers to it."""
_CLIENT = {"name": "failtale", "version": __version__}


class RpcError(Exception):
    """The server answered a request with an error of the protocol."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Channel(Protocol):
    """A way to a server on which requests have answers."""

    def send(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any] | None:
        """The answer to a request; None to a notification. Raises StoreError."""
        ...


def ask_over_mcp(query: McpQuery, window: QueryWindow, patience: Patience) -> tuple[Any, int, tuple[str, ...]]:
    """The data, or the text, that a tool answers; how many bytes came; why it is not whole. Raises StoreError."""
    where = f"the MCP server '{origin_of(query)}'"
    with _channel_of(query, patience, where) as channel:
        session = _Session(channel, where)
        session.begin()
        tool = session.read_only_tool(query.tool)
        result = session.call(query.tool, _filled_arguments(query, window, tool))
    data, notes = _data_of(result, where)
    lacks = [*lacks_told(result.get("_meta")), *(f"the tool says '{quoted(note)}'" for note in notes if says_cut(note))]
    return data, len(json.dumps(result)), tuple(lacks)


@contextmanager
def _channel_of(query: McpQuery, patience: Patience, where: str) -> Iterator[Channel]:
    if query.url is not None:
        yield (over_http := _HttpChannel(query, patience, where))
        over_http.end()
        return
    environment = {each.name: each.secret.get_secret_value() if each.secret else each.value for each in query.env}
    try:
        process = ServerProcess(query.command, environment, max_bytes=MAX_RESPONSE_BYTES)
    except (OSError, ValueError) as error:
        said = quoted(getattr(error, "strerror", None) or str(error))
        raise StoreError("command not found", f"{_capital_of(where)} cannot be started: {said}.") from error
    try:
        yield _StdioChannel(process, patience, where)
    finally:
        process.close()


# --- The protocol -----------------------------------------------------------------------------------------------------


class _Session:
    """Requests in whatever generation of the protocol the server speaks."""

    def __init__(self, channel: Channel, where: str) -> None:
        self._channel = channel
        self._where = where
        self._number = 0
        self._version = ""
        self._is_stateless = False

    def begin(self) -> None:
        """Shakes hands where the server wants that."""
        try:
            told = self._request(
                "initialize",
                {"protocolVersion": HANDSHAKE_VERSION, "capabilities": {}, "clientInfo": _CLIENT},
            )
        except RpcError as error:
            if error.code not in _NO_HANDSHAKE:
                raise self._refused(error) from error
            self._is_stateless, self._version = True, STATELESS_VERSION
            return
        self._version = str(told.get("protocolVersion") or HANDSHAKE_VERSION)[:40]
        self._channel.send({"jsonrpc": "2.0", "method": "notifications/initialized"}, self._headers("", {}))

    def read_only_tool(self, name: str) -> dict[str, Any]:
        """The tool of a name. Raises StoreError when there is none, or it does not declare itself read-only."""
        found: list[dict[str, Any]] = []
        names: list[str] = []
        params: dict[str, Any] = {}
        for _ in range(_MOST_PAGES):
            page = self._told("tools/list", params)
            tools = page.get("tools")
            known = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
            found += [tool for tool in known if tool.get("name") == name]
            names += [str(tool.get("name"))[:80] for tool in known]
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or not cursor:
                break
            params = {"cursor": cursor}
        if not found:
            known_names = quoted(", ".join(names[:20])) or "none"
            raise StoreError("failed", f"{_capital_of(self._where)} has no tool '{name}'; it has: {known_names}.")
        for tool in found:
            hints = tool.get("annotations")
            if not isinstance(hints, dict) or hints.get("readOnlyHint") is not True:
                raise StoreError(
                    "refused",
                    f"The tool '{name}' of {self._where} does not declare itself read-only (readOnlyHint), so it is "
                    "not called: FailTale changes nothing in what is tested.",
                )
        return found[0]

    def call(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What a tool answers. Raises StoreError when that is a refusal."""
        result = self._told("tools/call", {"name": name, "arguments": dict(arguments)})
        if result.get("isError"):
            said = quoted(" ".join(_texts_in(result))) or "no reason is given"
            raise StoreError("failed", f"The tool '{name}' of {self._where} failed: {said}.")
        if result.get("resultType", "complete") != "complete":
            raise StoreError("failed", f"The tool '{name}' of {self._where} wants to be told more before it answers.")
        return result

    def _told(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._request(method, params)
        except RpcError as error:
            raise self._refused(error) from error

    def _refused(self, error: RpcError) -> StoreError:
        return StoreError("failed", f"{_capital_of(self._where)} refuses: {quoted(str(error)) or error.code}.")

    def _request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._number += 1
        if self._is_stateless:
            meta = {
                "io.modelcontextprotocol/protocolVersion": STATELESS_VERSION,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": _CLIENT,
            }
            params = {**params, "_meta": meta}
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": dict(params)}
        answer = self._channel.send(message, self._headers(method, params)) or {}
        error = answer.get("error")
        if isinstance(error, dict):
            code = error.get("code")
            raise RpcError(code if isinstance(code, int) else 0, str(error.get("message") or ""))
        result = answer.get("result")
        if not isinstance(result, dict):
            raise StoreError("failed", f"{_capital_of(self._where)} gave no answer of an MCP server.")
        return result

    def _headers(self, method: str, params: Mapping[str, Any]) -> dict[str, str]:
        """What a server over HTTP wants to read ahead of a message."""
        headers = {"MCP-Protocol-Version": self._version} if self._version.isascii() and self._version else {}
        if self._is_stateless:
            headers["Mcp-Method"] = method
            if "name" in params:
                headers["Mcp-Name"] = str(params["name"])
        return headers


# --- The ways ---------------------------------------------------------------------------------------------------------


class _StdioChannel:
    """Messages as lines of a server's standard input and output."""

    def __init__(self, process: ServerProcess, patience: Patience, where: str) -> None:
        self._process = process
        self._patience = patience
        self._where = where

    def send(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any] | None:
        try:
            self._process.write(json.dumps(message).encode(), check=self._left_s)
            return self._answer_to(message["id"]) if "id" in message else None
        except StoreError as error:
            if not str(error).startswith("it "):
                raise
            said = quoted(self._process.words)
            words = f"; its last words: {said}" if said else ""
            raise StoreError("failed", f"{_capital_of(self._where)}: {error}{words}.", is_about_store=True) from error

    def _left_s(self) -> float:
        self._patience.check(f"{self._where} (a server that starts slowly needs a longer 'timeout')")
        return self._patience.left_s

    def _answer_to(self, number: int) -> dict[str, Any]:
        while True:
            line = self._process.read_line(check=self._left_s)
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                continue  # a server that prints other things as well
            if not isinstance(message, dict):
                continue
            if "method" in message:
                self._decline(message)
            elif message.get("id") == number:
                return message

    def _decline(self, message: Mapping[str, Any]) -> None:
        """Answers what a server asks: that we are there, and nothing else."""
        if isinstance(message.get("id"), (int, str)):
            outcome: dict[str, Any] = {"error": {"code": -32601, "message": "not supported"}}
            if message.get("method") == "ping":
                outcome = {"result": {}}
            answer = {"jsonrpc": "2.0", "id": message["id"], **outcome}
            self._process.write(json.dumps(answer).encode(), check=self._left_s)


class _HttpChannel:
    """Messages as requests of streamable HTTP."""

    def __init__(self, query: McpQuery, patience: Patience, where: str) -> None:
        self._query = query
        self._patience = patience
        self._where = where
        self._session = ""

    def send(self, message: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any] | None:
        answer = self._posted(json.dumps(message).encode(), headers)
        if answer.session and answer.session.isascii() and answer.session.isprintable():
            self._session = answer.session[:1000]
        if "id" not in message:
            return None
        try:
            data = parse_json(answer.body) if answer.body else None
        except AnswerError:
            data = None
        if isinstance(data, dict) and ("result" in data or isinstance(data.get("error"), dict)):
            return data
        if answer.status != 200:
            raise refusal_of_store(self._where, answer)
        raise StoreError("failed", f"{_capital_of(self._where)} gave no answer of an MCP server.")

    def _posted(self, body: bytes, headers: Mapping[str, str], method: str = "POST") -> HttpAnswer:
        assert self._query.url is not None  # noqa: S101 - that is why it is this channel
        sent = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            **credentials_of(self._query),
            **({"Mcp-Session-Id": self._session} if self._session else {}),
            **headers,
        }
        return fetch(
            self._query, self._query.url, body, sent, patience=self._patience, where=self._where, method=method
        )

    def end(self) -> None:
        """Tells the server that its session is over; whether it listens is its own matter."""
        if self._session:
            try:
                self._posted(b"", {}, method="DELETE")
            except StoreError:
                return


# --- Arguments and results --------------------------------------------------------------------------------------------


def _filled_arguments(query: McpQuery, window: QueryWindow, tool: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, filled; a number where the tool wants a text is one."""
    given = window.filled_data(json.loads(query.arguments))
    schema = tool.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, value in given.items():
        wanted = properties.get(name) if isinstance(properties, dict) else None
        if isinstance(value, int) and not isinstance(value, bool) and _wants_text(wanted):
            given[name] = str(value)
    return dict(given)


def _wants_text(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    forms = [schema, *(schema.get("anyOf") or [] if isinstance(schema.get("anyOf"), list) else [])]
    kinds = {str(form.get("type")) for form in forms if isinstance(form, dict)}
    return "string" in kinds and not kinds & {"integer", "number"}


def _data_of(result: Mapping[str, Any], where: str) -> tuple[Any, list[str]]:
    """What a result holds (its structure, JSON in its text, or the text), and the texts beside that."""
    data = result.get("structuredContent")
    texts = list(_texts_in(result))
    if data is None and len(texts) > 1:
        found = [_json_in(text) for text in texts]
        known = [each for each in found if each is not None]
        if len(known) == len(texts):  # a list, an entry in each part
            return [entry for each in known for entry in (each if isinstance(each, list) else [each])], []
        if len(known) == 1:
            return _unwrapped(known[0]), [text for text, each in zip(texts, found, strict=True) if each is None]
    if data is None:
        parts = result.get("content")
        if not texts and isinstance(parts, list) and parts:
            raise StoreError("failed", f"{_capital_of(where)} answers pictures or links alone, and no text.")
        return _unwrapped("\n".join(texts)), []
    return _unwrapped(data), texts


def _unwrapped(data: Any) -> Any:
    if isinstance(data, dict) and data.keys() == {"result"}:
        data = data["result"]  # how servers in Python wrap what is no mapping
    found = _json_in(data) if isinstance(data, str) else None
    return data if found is None else found


def _json_in(text: str) -> Any:
    """The data in a text that is JSON of some structure, also between fences of Markdown; None for another one."""
    if fenced := re.fullmatch(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", text, re.DOTALL):
        text = fenced[1]
    try:
        return parse_json(text) if text.lstrip()[:1] in ("{", "[") else None
    except AnswerError:
        return None


def _texts_in(result: Mapping[str, Any]) -> Iterator[str]:
    parts = result.get("content")
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict):
            continue
        resource = part.get("resource")
        text = part.get("text") if part.get("type") == "text" else None
        if isinstance(resource, dict):
            text = resource.get("text")
        if isinstance(text, str):
            yield text


def shown_mcp(query: McpQuery, window: QueryWindow) -> str:
    """The call as a person reads it."""
    arguments = json.dumps(window.filled_data(json.loads(as_shown(query.arguments))), ensure_ascii=False)
    words = " ".join(shlex.quote(as_shown(word)) for word in query.command)
    server = as_shown(query.url) if query.url is not None else words
    return f"MCP tool {query.tool} {arguments} of {server}"


def _capital_of(text: str) -> str:
    return text[0].upper() + text[1:]
