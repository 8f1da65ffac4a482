"""What a collector may ask of a log or metrics store: the sections `http` and `mcp`.

A query is a template: ``{since}``, ``{until}``, ``{limit}`` and ``{step}`` in its texts become the window's values when
it is asked. Secrets are given as everywhere (``"%{NAME}"``, ``file:PATH``) and stay `SecretStr` until they are sent.
"""

# Annotations are not postponed here: every run reads them, and as texts they would be compiled each time.
import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from FailTaleLibrary.config.section import Section
from FailTaleLibrary.config.types import (
    Expanded,
    Kind,
    NotUnderstoodError,
    ReadableFile,
    Secret,
    in_quotes,
    one_or_many,
)
from FailTaleLibrary.lazy import regex
from FailTaleLibrary.schema import AfterValidator, BeforeValidator, Field, SecretStr

QUERY_TIME_S = 3.0
"""Longest time for a query whose collector sets none, and to reach a store in any case."""
IN_QUERIES = ("url", "params", "body", "arguments")
"""What of a query may hold variables of the tests; `url` behind its host alone."""
UNITS = ("s", "ms", "us", "ns", "rfc3339")
PLACEHOLDER = regex(r"\{(since|until|limit|step)(?::([^{}]*))?\}")
"""What becomes a value of the window; any other brace is the query language's own."""
_STEP = r"[^\s.\[\]]+"
_PATH = regex(rf"(?:{_STEP}|\[\])(?:\.{_STEP}|\[\])*")
_HEADER_NAME = regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SECRET_HEADER = regex(r"(?i)auth|cookie|token|secret|key|password|credential")
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})


def check_placeholders(text: str) -> str:
    """The text. Raises NotUnderstoodError where a placeholder has a unit that is none."""
    for name, unit in PLACEHOLDER.findall(text):
        if unit and (name in ("limit", "step") or unit not in UNITS):
            known = "no unit" if name in ("limit", "step") else ", ".join(UNITS)
            raise NotUnderstoodError(f"{{{name}:{unit}}}", f"has a unit that is none; write {known}")
    return text


def _store_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise NotUnderstoodError(text, "is not an address; write e.g. 'http://loki:3100/loki/api/v1'") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("a user or password must not be written in an address; write 'user' and 'password' beside it")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not _is_plain(text):
        raise NotUnderstoodError(text, "is not an address; write e.g. 'http://loki:3100/loki/api/v1'")
    return check_placeholders(text)


def _address_with(url: str, filled: Callable[[str], str]) -> str:
    """An address in which each value is one segment, or a part of one."""
    place, path = _place_and_path(url)
    there = place + filled(path)
    if any(segment in (".", "..") for segment in re.split(r"[/?#]", there[len(place) :])):
        raise NotUnderstoodError(there, "has a path that leads upwards")
    return there


def _place_and_path(url: str) -> tuple[str, str]:
    """``http://loki:3100`` and what stands behind it."""
    found = re.match(r"[a-z]+://[^/?#]*", url)
    end = found.end() if found else 0
    return url[:end], url[end:]


def misplaced_variable(query: Mapping[str, object], is_held: Callable[[object], bool]) -> str:
    """Where in a query's section a variable stands that may not stand there; empty for none."""
    for key, item in query.items():
        if key == "url" and is_held(_place_and_path(str(item))[0]):
            return "the host of 'url'"
        if key not in (*IN_QUERIES, "json") and is_held(item):
            return in_quotes(key)
    return ""


def _is_plain(text: str) -> bool:
    return re.fullmatch(r"[\x21-\x7e]+", text) is not None


def _json_path(text: str) -> str:
    if _PATH.fullmatch(text) is None:
        raise NotUnderstoodError(text, "is not a path; write e.g. 'hits.hits[]._source.message'")
    return text


class JsonText(str):
    """Data as JSON text, which is hashable and cannot change."""

    __slots__ = ("secrets", "shown")
    shown: str
    """As the configuration has it: with names in place of what comes from the environment."""
    secrets: tuple[str, ...]
    """What the environment gave for keys that are named like a secret's."""

    @classmethod
    def of(cls, data: object) -> "JsonText":
        text = cls(json.dumps(data, ensure_ascii=False))
        text.shown = json.dumps(_as_written(data), ensure_ascii=False)
        text.secrets = tuple(_secret_texts(data))
        return text

    def filled(self, filled: Callable[[str], str]) -> "JsonText":
        """The same data with values in its texts, encoded anew: a value is never more than a part of a text."""
        text = JsonText(json.dumps(_with_texts(json.loads(self), filled), ensure_ascii=False))
        text.shown = json.dumps(_with_texts(json.loads(self.shown), filled), ensure_ascii=False)
        text.secrets = self.secrets
        return text


def _with_texts(data: object, filled: Callable[[str], str]) -> object:
    if isinstance(data, dict):
        return {filled(key): _with_texts(item, filled) for key, item in data.items()}
    if isinstance(data, list):
        return [_with_texts(item, filled) for item in data]
    return filled(data) if isinstance(data, str) else data


def as_shown(text: str) -> str:
    """A text of a query for a reader: with names in place of what comes from the environment."""
    if isinstance(text, JsonText):
        return text.shown
    return text.raw if isinstance(text, Expanded) else text


def _as_written(data: object) -> object:
    if isinstance(data, dict):
        return {key: _as_written(item) for key, item in data.items()}
    if isinstance(data, list):
        return [_as_written(item) for item in data]
    return data.raw if isinstance(data, Expanded) else data


def _secret_texts(data: object, name: str = "") -> Iterator[str]:
    if isinstance(data, dict):
        for key, item in data.items():
            yield from _secret_texts(item, str(key))
    elif isinstance(data, list):
        for item in data:
            yield from _secret_texts(item, name)
    elif isinstance(data, Expanded) and _SECRET_HEADER.search(name):
        yield str(data)


def _json_text(value: object) -> object:
    """A mapping or a list as JSON text; a text is taken for such a text."""
    if isinstance(value, JsonText):
        return value
    if isinstance(value, str) and not isinstance(value, Expanded):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise NotUnderstoodError(value, "is no mapping and no JSON; write keys and values") from None
    if not isinstance(value, (dict, list)):
        raise NotUnderstoodError(value, "is no mapping; write keys and values")
    text = JsonText.of(value)
    check_placeholders(text)
    return text


def _json_mapping(value: object) -> object:
    text = _json_text(value)
    if not str(text).startswith("{"):
        raise NotUnderstoodError(value, "is no mapping; write keys and values")
    return text


def _values_by_name(value: object) -> object:
    """Name -> value as a list of what is a secret and what is none."""
    if not isinstance(value, dict):
        return value
    given = {name: item for name, item in value.items() if item != "" or isinstance(item, Expanded)}
    return [{"name": str(name), **_plain_or_secret(str(name), item)} for name, item in given.items()]


def _plain_or_secret(name: str, item: object) -> dict[str, object]:
    is_secret = isinstance(item, Expanded) or (isinstance(item, str) and item.startswith("file:"))
    if is_secret or (isinstance(item, str) and _SECRET_HEADER.search(name)):
        return {"secret": item}  # refused where it stands there in clear
    if isinstance(item, bool) or not isinstance(item, (str, int, float)):
        raise NotUnderstoodError(item, "is not a text")
    return {"value": str(item)}


def _header_name(name: str) -> str:
    if _HEADER_NAME.fullmatch(name) is None or name.lower() in _FRAMING:
        raise NotUnderstoodError(name, "is no header that can be set")
    return name


def _header_value(value: str) -> str:
    if re.fullmatch(r"[\x20-\x7e]*", value) is None:
        raise NotUnderstoodError(value, "holds a character that no header may have")
    return value


def _environment_name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
        raise NotUnderstoodError(name, "is no name of an environment variable")
    return name


def _words_of_command(value: object) -> object:
    """A command as its words; a text is split as a shell would."""
    import shlex

    if not isinstance(value, str):
        return value
    try:
        words = shlex.split(value)
        if isinstance(value, Expanded) and len(written := shlex.split(value.raw)) == len(words):
            return [_expanded(word, raw) for word, raw in zip(words, written, strict=True)]
        return words
    except ValueError as error:
        raise NotUnderstoodError(value, f"cannot be split into words: {error}") from None


def _expanded(word: str, raw: str) -> str:
    if word == raw:
        return word
    expanded = Expanded(word)
    expanded.raw = raw
    return expanded


StoreUrl = Annotated[str, Kind("address"), AfterValidator(_store_address)]
JsonPath = Annotated[str, Kind("path in the JSON answer"), AfterValidator(_json_path)]
JsonPaths = Annotated[
    tuple[JsonPath, ...], Kind("path in the JSON answer, or a list of them"), BeforeValidator(one_or_many)
]
JsonMapping = Annotated[str, Kind("mapping"), BeforeValidator(_json_mapping)]
Json = Annotated[str, Kind("mapping or list"), BeforeValidator(_json_text)]


class Header(Section):
    """A header of a request, with a value or a secret."""

    name: Annotated[str, AfterValidator(_header_name)]
    value: Annotated[str, AfterValidator(_header_value)] = ""
    secret: Secret | None = None


class EnvironmentVariable(Section):
    """A variable of a server's environment."""

    name: Annotated[str, AfterValidator(_environment_name)]
    value: str = ""
    secret: Secret | None = None


Headers = Annotated[
    tuple[Header, ...], Kind('name → text, or secret (`"%{NAME}"` or `file:PATH`)'), BeforeValidator(_values_by_name)
]
Environment = Annotated[
    tuple[EnvironmentVariable, ...],
    Kind('name → text, or secret (`"%{NAME}"` or `file:PATH`)'),
    BeforeValidator(_values_by_name),
]
ServerCommand = Annotated[tuple[str, ...], Kind("command, or a list of its words"), BeforeValidator(_words_of_command)]
_PROXY = Annotated[Literal["none", "environment"], BeforeValidator(lambda value: "none" if value is False else value)]


class Query(Section):
    """What the ways to a store have in common: where in an answer its lines are."""

    @classmethod
    def prepared(cls, data: object) -> object:
        """A preset's parameter that nobody set is empty; what the environment left empty is a mistake."""
        if isinstance(data, dict):
            data = {key: item for key, item in data.items() if not (item == "" and not isinstance(item, Expanded))}
        return super().prepared(data)

    line: JsonPath | None = Field(
        None,
        description="Where the text of each line stands in the JSON answer: keys with dots between them, and `[]` for "
        "each of a list (`data.result[].values[].1`). Without `line` and `series` FailTale recognises the answers of "
        "Loki, Elasticsearch and Prometheus and plain lists of entries.",
    )
    time: JsonPath | None = Field(
        None,
        description="Where its time stands, with the same `[]`: seconds, milli-, micro- or nanoseconds since 1970, or "
        "RFC 3339; without a zone it is UTC.",
    )
    source: JsonPath | None = Field(
        None, description="What it comes from: a name, or labels (`data.result[].stream`). Lines are shown below it."
    )
    series: JsonPath | None = Field(
        None,
        description="Where a list of series of numbers stands, as Prometheus answers (`data.result`), instead of "
        "`line`: a row for each, with what changed in the window.",
    )
    total: JsonPath | None = Field(
        None, description="Where the store says how many lines it has for the query (`hits.total`)."
    )
    incomplete: JsonPaths = Field(
        (),
        description="What says that the answer is not whole when it is there and is not `false`, 0 or empty "
        "(`timed_out`). Usual names (`truncated`, `warnings`, `has_more` …) are known.",
    )
    token: Secret | None = Field(None, description="Token, sent as `Authorization: Bearer`.")
    user: str | None = Field(None, description="User, sent with `password` (HTTP's basic authentication).")
    password: Secret | None = Field(None, description="Password of `user`.")
    headers: Headers = Field(
        (), description='Further headers of the request (`X-Scope-OrgID: shop`, `X-Api-Key: "%{KEY}"`).'
    )
    ca_file: ReadableFile | None = Field(
        None, description="Certificates to trust for `https`, instead of the system's."
    )
    proxy: _PROXY = Field(
        "none",
        description="`environment`: through the proxy that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name. Without "
        "it they are not used.",
    )

    def with_variables(self, values: Mapping[str, str], fill: Callable[[str, Mapping[str, str]], str]) -> "Query":
        """The query with values of the tests' variables: in an address percent-encoded, in JSON as parts of texts.

        Raises NotUnderstoodError where an address would then lead elsewhere.
        """
        encoded = {name: quote(value, safe="") for name, value in values.items()}
        update: dict[str, object] = {}
        for name in IN_QUERIES:
            text = getattr(self, name, None)
            if isinstance(text, JsonText):
                update[name] = text.filled(lambda each: fill(each, values))
            elif text:
                update[name] = _address_with(text, lambda each: fill(each, encoded))
        return self.model_copy(update=update)

    @property
    def secret_forms(self) -> Iterator[str]:
        """Secrets of it in the form in which they are sent; and those among its texts."""
        for name in type(self).model_fields:
            if isinstance(text := getattr(self, name), JsonText):
                yield from text.secrets
        if self.user is not None and self.password is not None:
            yield basic_credentials(self.user, self.password)


class HttpQuery(Query):
    """A question to a log or metrics store over HTTP, put by the machine that runs FailTale."""

    url: StoreUrl = Field(
        description="Address to ask. In it, in `params` and in `json` `{since}` and `{until}` are the window in RFC "
        "3339, `{since:s}`, `{since:ms}`, `{since:us}` and `{since:ns}` in numbers; `{limit}` is `lines`, and `{step}` "
        "the seconds between two values of a series."
    )
    params: JsonMapping | None = Field(None, description="Parameters of the address; a list gives one several values.")
    body: Json | None = Field(
        None,
        alias="json",
        description="Body of the request, which is then a POST. A text that is nothing but a placeholder with a unit, "
        "`{limit}` or `{step}` becomes a number.",
    )


class McpQuery(Query):
    """A read-only tool of an MCP server, called with fixed arguments by the machine that runs FailTale."""

    command: ServerCommand = Field(
        (),
        description="Command that starts the server, which speaks over its standard input and output; it is ended "
        "with all that it started.",
    )
    url: StoreUrl | None = Field(None, description="Address of a server that runs (`http://127.0.0.1:8080/mcp`).")
    tool: str = Field(
        min_length=1,
        max_length=200,
        description="Tool to call; one that does not declare itself read-only (`readOnlyHint`) is not called.",
    )
    arguments: JsonMapping = Field(
        "{}", description="Its arguments, with `{since}`, `{until}`, `{limit}` and `{step}` as in `http`."
    )
    env: Environment = Field(
        (),
        description="Variables of the environment of a server that `command` starts. Beside these it gets `PATH`, "
        "`HOME` and the language alone.",
    )


def basic_credentials(user: str, password: SecretStr) -> str:
    """User and password as the header has them."""
    return base64.b64encode(f"{user}:{password.get_secret_value()}".encode()).decode()


def origin_of(query: Any) -> str:
    """What a query's store is called in sentences: its address without a path, or its program."""
    if isinstance(query, McpQuery) and query.url is None:
        return query.command[0].rpartition("/")[2] if query.command else "server"
    parts = urlsplit(query.url)
    return f"{parts.scheme}://{parts.netloc}"
