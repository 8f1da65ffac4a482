"""What the arguments of tools may be, what tools say of themselves, and how a tool refuses what it does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from pydantic import Field

from FailTaleLibrary.gateway.handover import MAX_PAST_S
from FailTaleLibrary.mcp_server.texts import TEXT_BYTES

MAX_NAMES = 256
MAX_TEXT_PAGE = TEXT_BYTES
MAX_RECORD_PAGE = 256 * 1024

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
FailureId = Annotated[
    str, Field(pattern=r"^[0-9a-zA-Z_-]{1,64}$", description="As list_failures or collect_evidence gives it.")
]
Names = Annotated[list[Id], Field(max_length=MAX_NAMES)]
Past = Annotated[float, Field(ge=0, le=MAX_PAST_S)]

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
ASKS_HOSTS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
"""Open world: the answer holds text that somebody else wrote."""
NOTES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


def strict(function: Callable[..., Any], title: str, annotations: ToolAnnotations) -> Tool:
    """A tool that refuses arguments it does not know; the SDK (2.3) would ignore them."""
    tool = Tool.from_function(function, title=title, annotations=annotations)
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    return tool
