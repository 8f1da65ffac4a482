"""A function of ours -> a tool whose arguments are ids and bounded numbers, with what is wrong said in our own words.

What a caller plainly means is taken: one name for a list of one, ``null`` for an argument that was left out, ``host``
for ``hosts``. What is unknown or contradicts itself is refused with the arguments that there are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from FailTaleLibrary import __version__
from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.gateway.record import MAX_PAST_S
from FailTaleLibrary.text import sanitize, shorten

# --- What arguments may be --------------------------------------------------------------------------------------------

MAX_NAMES = 256
_MAX_MISTAKES = 5
_MAX_ARGUMENT = 100
"""Characters of a caller's word that are repeated to it."""

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Names = Annotated[list[Id], Field(max_length=MAX_NAMES)]
Variables = Annotated[
    dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")], Annotated[str, Field(max_length=256)]],
    Field(max_length=MAX_NAMES, description="Values of variables; what this server's configuration declares counts."),
]
Past = Annotated[float, Field(ge=0, le=MAX_PAST_S)]

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
ASKS_HOSTS = ToolAnnotations(read_only_hint=True, open_world_hint=True)
"""Open world: the answer holds text that somebody else wrote."""
READ_WHOLE = {"anthropic/maxResultSizeChars": 100_000}
"""``meta`` of tools with long answers: Claude Code puts what exceeds its own limit (50,000 characters) into a file."""
NOTES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

_PUBLISHED = ("text", "complete", "components")
FAR = 6e5
"""A bound beyond this guards the server, and tells a caller nothing."""
_OTHER_NAMES = {
    "component": "components",
    "collector": "collectors",
    "host": "hosts",
    "hosts": "host",
    "collectors": "collector",
    "id": "failure_id",
    "failure": "failure_id",
    "item_id": "item",
    "query": "text",
    "other": "other_id",
    "search": "text",
    "words": "text",
    "test": "name",
    "test_name": "name",
    "suspect": "around",
    "pattern": "regex",
    "expression": "regex",
    "regexp": "regex",
    "re2": "regex",
    "since": "since_s",
    "until": "until_s",
    "deadline": "deadline_s",
    "timeout": "deadline_s",
    "timeout_s": "deadline_s",
    "since_mark_id": "since_mark",
    "mark": "since_mark",
    "before": "context",
}
"""What callers write for an argument, where a tool has the second and not the first."""

_OF_OLDER_RUNNERS = frozenset({"brief", "part", "run_since_s"})
OLDER_RUNNER = (
    f"This gateway has FailTale {__version__}, and the FailTale of this test run is older than it can serve; "
    "update FailTale where the tests run."
)


def strict(
    function: Callable[..., Any],
    title: str,
    annotations: ToolAnnotations,
    *,
    caps: Mapping[str, float] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Tool:
    """A tool that refuses arguments it does not know; the SDK (2.3) would ignore them.

    ``caps``: the largest number that an argument takes on this server, where that is less than what its type says.
    Its schemas are as short as they can be: a model reads them with each task. What they leave out is checked as well.
    """
    tool = StrictTool.from_function(function, title=title, annotations=annotations, meta=dict(meta) if meta else None)
    tool.description = " ".join(tool.description.split())
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = _published(arguments.model_json_schema(by_alias=True))
    for name, cap in (caps or {}).items():
        tool.parameters["properties"][name]["maximum"] = int(cap) if cap == int(cap) else cap
    if tool.fn_metadata.output_schema is not None:
        tool.fn_metadata.output_schema = _published_answer(tool.fn_metadata.output_schema)
    return tool


def _published(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of arguments as an assistant reads it, each time anew: types, bounds, choices, and words of ours."""
    properties = {name: _published_field(field) for name, field in schema["properties"].items()}
    required = {"required": schema["required"]} if schema.get("required") else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


def _published_field(field: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: field[name] for name in ("description", "enum", "type") if name in field}
    if field.get("type") == "array":
        kept["items"] = {"type": "string"}
    for bound in ("minimum", "maximum", "default"):
        value = field.get(bound)
        if value and _is_telling(bound, value):
            kept[bound] = int(value) if isinstance(value, float) and value.is_integer() else value
    return kept


def _is_telling(bound: str, value: Any) -> bool:
    """Whether a model should know it: not that a text may be long, a number large, or how it begins to count."""
    return not isinstance(value, float | int) or (abs(value) < FAR and (bound, value) != ("minimum", 1))


def _published_answer(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What answers have in common: enough to check one by, and the text says the rest to whoever reads."""
    fields = {name: {"type": field["type"]} for name, field in schema["properties"].items() if name in _PUBLISHED}
    return {"type": "object", "properties": fields}


class StrictTool(Tool):
    """As the SDK runs it, but a refusal is a sentence of ours without the values that were sent."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        meant = _meant(arguments, self.parameters)
        try:
            self._check(meant)
            return await super().run(meant, context, convert_result)
        except UnexpectedToolError:
            raise
        except ToolError as error:
            said = str(error).removeprefix(f"Error executing tool {self.name}: ")
            return CallToolResult(content=[TextContent(type="text", text=sanitize(said))], is_error=True)

    def _check(self, arguments: dict[str, Any]) -> None:
        properties = self.parameters["properties"]
        if not _OF_OLDER_RUNNERS.isdisjoint(arguments.keys() - properties.keys()):
            raise ToolError(OLDER_RUNNER)
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            mistakes = error.errors(include_url=False, include_input=False)
            wrong = [_wrong(each, properties) for each in mistakes[:_MAX_MISTAKES]]
            takes = ", ".join(properties) or "no arguments"
            raise ToolError(f"'{self.name}' refuses its arguments: {'; '.join(wrong)}. It takes: {takes}.") from None
        for name, value in arguments.items():
            cap = properties[name].get("maximum")
            if cap is not None and float(value) > cap:
                raise ToolError(f"'{self.name}' refuses its arguments: {name} is at most {cap:g} on this server.")


def _meant(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the caller plainly means them; what is not plain stays as it is, to be refused."""
    properties = schema["properties"]
    meant: dict[str, Any] = {}
    for name, value in arguments.items():
        plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[- ]", "_", name).lower()
        others = [each for each in (plain, _OTHER_NAMES.get(plain, plain)) if each in properties]
        known = name if name in properties or not others or others[0] in arguments else others[0]
        if value is None and known in properties and known not in schema.get("required", ()):
            continue
        meant[known] = _of_kind(value, properties.get(known, {}))
    if "item" in properties and "item" not in meant and not {"host", "collector"}.isdisjoint(meant):
        meant["item"] = "/".join(str(meant.pop(part)) for part in ("host", "collector") if part in meant)
    return meant


def _of_kind(value: Any, field: Mapping[str, Any]) -> Any:
    kind = field.get("type")
    if isinstance(value, str) and value.lower() in field.get("enum", ()):
        return value.lower()
    if kind == "array" and isinstance(value, str) and not value.lstrip().startswith("["):
        return [name for name in (part.strip(" ") for part in value.split(",")) if name]
    if kind == "array" and isinstance(value, int | float) and not isinstance(value, bool):
        return [str(value)]
    if kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if kind == "string" and isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return value[0]
    return value


def _wrong(mistake: ErrorDetails, properties: Mapping[str, Any]) -> str:
    where = shorten(sanitize(".".join(map(str, mistake["loc"]))), _MAX_ARGUMENT)
    if mistake["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, properties, n=1)
        return f"there is no argument '{where}'{f', perhaps {near[0]!r}' if near else ''}"
    if mistake["type"] == "missing":
        return f"{where} is missing"
    if mistake["type"] == "string_pattern_mismatch":
        by_name = "; list_failures finds one by words of its test" if where in ("failure_id", "other_id") else ""
        return f"{where}: no such id can be; ids have letters, digits, '_', '.' and '-'{by_name}"
    return f"{where}: {mistake['msg'][:1].lower()}{shorten(sanitize(mistake['msg'][1:]), _MAX_ARGUMENT)}"


class Sentences:
    """As a context: what FailTale says about a mistake reaches the caller; anything else is hidden by the SDK."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FailTaleError):
            raise ToolError(str(error)) from error
