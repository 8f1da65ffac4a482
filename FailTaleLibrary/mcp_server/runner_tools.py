"""The tools of test runs without SSH keys, whose gateway this server is: whole records, by pages.

They are no business of an assistant, so only a client that says it is a runner of FailTale finds them in the list of
tools. That is tidiness and no border: whoever has the token may see all that the server knows.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from FailTaleLibrary import __version__
from FailTaleLibrary.background import in_thread
from FailTaleLibrary.gateway.clock import ASKED_AT, GRACE_S, under_way
from FailTaleLibrary.gateway.record import Handover, pack_handover
from FailTaleLibrary.mcp_server import models, responses
from FailTaleLibrary.mcp_server.arguments import ASKS_HOSTS, NOTES, READS, Names, Past, Sentences, Variables, strict
from FailTaleLibrary.mcp_server.queue import CollectionQueue, Selection
from FailTaleLibrary.mcp_server.store import Store, StoredFailure
from FailTaleLibrary.mcp_server.tools import TestMessage, TestName, moment_ago
from FailTaleLibrary.records import Evidence, Failure, Window

MAX_PAGE = 256 * 1024
KEPT_RECORDS = 16
_TAKES = [ASKED_AT]


class RunnerTools:
    """The tools over one queue and one store."""

    def __init__(self, store: Store, queue: CollectionQueue) -> None:
        self._store = store
        self._queue = queue
        self._packed: OrderedDict[str, tuple[Evidence, str]] = OrderedDict()
        """Records that were asked for lately, by failure id: their pages are asked for one after the other."""
        self._packing = threading.Lock()

    def tools(self) -> list[Tool]:
        return [
            strict(self.runner_components, "Components, for a runner", READS),
            strict(self.runner_check, "Check hosts, for a runner", ASKS_HOSTS),
            strict(self.runner_mark, "Begin a test, for a runner", NOTES),
            strict(self.runner_collect, "Collect, for a runner", ASKS_HOSTS),
            strict(self.runner_record, "Read a record, for a runner", READS),
        ]

    async def runner_components(self) -> Annotated[CallToolResult, models.RunnersComponents]:
        """For test runs of FailTale: components, hosts and collectors."""
        known = responses.components(self._queue.config)
        return _typed(models.RunnersComponents(**dict(known), takes=_TAKES, server_time=time.time()))

    async def runner_check(
        self,
        hosts: Names = [],  # noqa: B006
        variables: Variables = {},  # noqa: B006
    ) -> Annotated[CallToolResult, models.Verdicts]:
        """For test runs of FailTale: what keeps hosts from answering."""
        with Sentences():
            verdicts = await self._queue.check_hosts(tuple(hosts), values=self._queue.values_of(variables))
        return _typed(
            models.Verdicts(
                hosts=[models.HostVerdict(host=host, answers=not why, detail=why) for host, why in verdicts.items()],
                failtale_version=__version__,
            )
        )

    async def runner_mark(self, variables: Variables = {}) -> Annotated[CallToolResult, models.MarkAsked]:  # noqa: B006
        """For test runs of FailTale: a test begins now; returns at once."""
        taken = self._queue.window_began(self._queue.values_of(variables))
        return _typed(models.MarkAsked(marks="taken" if taken else "off", takes=_TAKES, server_time=time.time()))

    async def runner_collect(
        self,
        ctx: Context[Any, Any],
        components: Names = [],  # noqa: B006
        hosts: Names = [],  # noqa: B006
        collectors: Names = [],  # noqa: B006
        since_s: Past = 300.0,
        until_s: Past = 0.0,
        suite_since_s: Annotated[Past, Field(description="0: unknown.")] = 0.0,
        run_since_s: Annotated[Past, Field(description="0: unknown.")] = 0.0,
        asked_at: Annotated[float, Field(ge=0, le=2**40)] = 0.0,
        asked_within_s: Past = 0.0,
        deadline_s: Annotated[float, Field(gt=0, le=3600)] = 3600.0,
        name: TestName = "",
        suite: TestName = "",
        message: TestMessage = "",
        tags: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=200)] = [],  # noqa: B006
        variables: Variables = {},  # noqa: B006
    ) -> Annotated[CallToolResult, models.Collected]:
        """For test runs of FailTale: collects a window told as seconds before asked_at; runner_record has it."""
        now = datetime.now(timezone.utc)
        way = under_way(asked_at, asked_within_s, now=now.timestamp(), longest_s=deadline_s + GRACE_S)
        # what may be of the window is: it begins as early, and ends as late, as it can
        earliest, latest = (now - timedelta(seconds=seconds) for seconds in (way.most_s, way.least_s))
        safe = self._queue.redactor.safe_text
        if until_s > since_s:
            raise ToolError(f"until_s ({until_s:g}) is longer ago than since_s ({since_s:g}); swap them.")
        with Sentences():
            failure = Failure(
                id=uuid.uuid4().hex,
                framework="other",
                scope="test" if name else "on demand",
                name=safe(name or "On demand"),
                suite=safe(suite),
                message=safe(message),
                tags=tuple(map(safe, tags)),
                window=Window(start=moment_ago(since_s, earliest), end=moment_ago(until_s, latest)),
                suite_started_at=moment_ago(suite_since_s, earliest) if suite_since_s else None,
                run_started_at=moment_ago(run_since_s, earliest) if run_since_s else None,
            )
            outcome = await self._queue.collect(
                failure,
                Selection(
                    tuple(components),
                    tuple(hosts),
                    tuple(collectors),
                    values=self._queue.values_of(variables),
                ),
                deadline_s=deadline_s,
                is_of_run=True,
                progress=lambda done, total, host: ctx.report_progress(done, total, host),
            )
        report = await in_thread(partial(outcome.report_of, failure))
        self._store.put(StoredFailure(report, outcome.full_texts))
        return _typed(models.Collected(failure_id=failure.id))

    async def runner_record(
        self,
        failure_id: Annotated[str, Field(pattern=r"^[0-9a-zA-Z_-]{1,64}$")],
        offset: Annotated[int, Field(ge=0, le=2**40)] = 0,
        max_bytes: Annotated[int, Field(ge=256, le=MAX_PAGE)] = MAX_PAGE,
    ) -> Annotated[CallToolResult, models.RecordPage]:
        """For test runs of FailTale: plan, evidence and full texts as one packed word, by pages."""
        stored = await in_thread(partial(self._store.get, failure_id))
        if stored is None:
            raise ToolError(f"There is no failure '{failure_id}' here (any more).")
        word = await in_thread(partial(self._packed_record, stored))
        after = offset + max_bytes
        return _typed(
            models.RecordPage(
                failure_id=failure_id,
                text=word[offset:after],
                next_offset=after if after < len(word) else -1,
                total_bytes=len(word),
                server_time=time.time(),
            )
        )

    def _packed_record(self, stored: StoredFailure) -> str:
        report = stored.report
        evidence, word = self._packed.get(report.failure.id, (None, ""))
        if evidence is not report.evidence:  # never packed, or read anew from a file that has changed
            word = pack_handover(Handover(plan=report.plan, evidence=report.evidence, full_texts=_fuller_texts(stored)))
            with self._packing:
                self._packed[report.failure.id] = (report.evidence, word)
                while len(self._packed) > KEPT_RECORDS:
                    self._packed.popitem(last=False)
        return word


def _fuller_texts(stored: StoredFailure) -> dict[str, str]:
    """The full texts that are more than the report holds."""
    texts = ((item, stored.full_texts.get(item.id, item.text)) for item in stored.report.evidence.items)
    return {item.id: text for item, text in texts if text != item.text}


def _typed(answer: BaseModel) -> CallToolResult:
    """The answer for a program; its text says only that there is one."""
    return CallToolResult(
        content=[TextContent(type="text", text="The answer is in the structured content.")],
        structured_content=answer.model_dump(mode="json"),
    )
