"""A tool's answer -> the same with a link to what a client can read whole: the report, or the item that it is about."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import CallToolResult, ResourceLink

LINKS_SINCE = "2025-06-18"
"""The revision of the protocol in which an answer may hold a link; clients of an older one may refuse all of it."""
_OF_RUNNERS = "runner_"


def evidence_uri(failure_id: str, host: str, collector: str) -> str:
    """Where a client reads the whole output of one item."""
    return f"{_failure_uri(failure_id)}/evidence/{quote(host, safe='')}/{quote(collector, safe='')}"


def report_uri(failure_id: str, form: str) -> str:
    """Where a client reads the whole report in one of the formats."""
    return f"{_failure_uri(failure_id)}/report/{form}"


def _failure_uri(failure_id: str) -> str:
    return f"failtale://failures/{quote(failure_id, safe='')}"


class Links:
    """Around every call of an assistant's tool."""

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        tool = str((ctx.params or {}).get("name", "")) if ctx.method == "tools/call" else ""
        if tool and not tool.startswith(_OF_RUNNERS) and (ctx.protocol_version or "") >= LINKS_SINCE:
            return _with_link(result)
        return result


def _with_link(result: HandlerResult) -> HandlerResult:
    if isinstance(result, CallToolResult) and (link := _link_to(result.structured_content)):
        return result.model_copy(update={"content": [*result.content, link]})
    if isinstance(result, dict) and (link := _link_to(result.get("structuredContent"))):
        wire = link.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {**result, "content": [*result.get("content", ()), wire]}
    return result


def _link_to(content: object) -> ResourceLink | None:
    """The item that an answer is about, else its failure's whole report."""
    if not isinstance(content, dict) or not isinstance(failure_id := content.get("failure_id"), str) or not failure_id:
        return None
    host, _, collector = str(content.get("item", "")).partition("/")
    collector, _, _ = collector.partition("[")  # what stands beside its output
    if collector:
        return ResourceLink(
            name=f"{host}/{collector}", uri=evidence_uri(failure_id, host, collector), mime_type="text/plain"
        )
    return ResourceLink(name="report", uri=report_uri(failure_id, "text"), mime_type="text/plain")
