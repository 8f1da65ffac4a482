"""What a user has typed of an id -> the ids that it may become, for prompts and addresses of resources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from mcp.types import Completion

from FailTaleLibrary.mcp_server.store import StoredFailure
from FailTaleLibrary.rendering import FORMATS

MAX_VALUES = 100
"""The protocol's own limit of one answer."""


class Completions:
    """Completes the arguments that our prompts and resources have, from what a store knows."""

    def __init__(
        self,
        newest_first: Callable[[], Awaitable[list[StoredFailure]]],
        stored: Callable[[str], Awaitable[StoredFailure | None]],
    ) -> None:
        self._newest_first = newest_first
        self._stored = stored

    async def complete(self, name: str, typed: str, others: Mapping[str, str]) -> Completion:
        """``others``: the arguments of the same prompt or address that are known already."""
        if name == "failure_id":
            ids = (stored.report.failure.id for stored in await self._newest_first())
            return _beginning_with(typed, ("latest", *ids))
        if name == "form":
            return _beginning_with(typed, FORMATS)
        stored = await self._stored(others["failure_id"]) if "failure_id" in others else None
        items = stored.report.evidence.items if stored else ()
        if name == "host":
            return _beginning_with(typed, (item.host for item in items))
        if name == "collector":
            host = others.get("host")
            return _beginning_with(typed, (item.collector for item in items if host in (None, item.host)))
        return _beginning_with(typed, ())


def _beginning_with(typed: str, values: Iterable[str]) -> Completion:
    """Without regard to case; names in the order in which they come, each once."""
    fitting = [value for value in dict.fromkeys(values) if value.lower().startswith(typed.lower())]
    return Completion(values=fitting[:MAX_VALUES], total=len(fitting), has_more=len(fitting) > MAX_VALUES)
