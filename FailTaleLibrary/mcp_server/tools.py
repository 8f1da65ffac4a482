"""The tools, as an assistant and a runner call them: ids from the configuration and bounded numbers in, records out.

No tool takes a command, a path, an address, an expression or a URL. What a caller says about a test (its name, its
message) is stored, redacted and shown, and reaches no host.
"""

from __future__ import annotations

import secrets
import time
import uuid
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
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.config import Config
from FailTaleLibrary.hints import HintMaker
from FailTaleLibrary.mcp_server import models, responses
from FailTaleLibrary.mcp_server.arguments import ASKS_HOSTS, NOTES, READS, Names, Past, Sentences, strict
from FailTaleLibrary.mcp_server.queue import CollectionQueue, Outcome, Selection
from FailTaleLibrary.mcp_server.responses import TEXT_BYTES
from FailTaleLibrary.mcp_server.store import Store, StoredFailure
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Failure, Report, Window, our_words
from FailTaleLibrary.text import shorten, shorten_to_bytes

MAX_TEXT_PAGE = TEXT_BYTES

# --- What arguments may be --------------------------------------------------------------------------------------------

FailureId = Annotated[
    str, Field(pattern=r"^[0-9a-zA-Z_-]{1,64}$", description="As list_failures or collect_evidence gives it.")
]
TestName = Annotated[str, Field(max_length=1000)]
TestMessage = Annotated[str, Field(max_length=20_000)]

# --- The tools --------------------------------------------------------------------------------------------------------


class Toolbox:
    """The tools over one queue (None: finished runs only) and one store."""

    def __init__(self, store: Store, queue: CollectionQueue | None) -> None:
        self._store = store
        self._queue = queue

    def tools(self) -> list[Tool]:
        """What this server can do; without hosts, what needs none."""
        reading = [
            strict(self.list_failures, "List failures", READS),
            strict(self.get_evidence, "Read evidence", READS),
            strict(self.analyze_failure, "Rank suspects", READS),
        ]
        if self._queue is None:
            return reading
        return [
            strict(self.list_components, "List components", READS),
            strict(self.check_hosts, "Check hosts", ASKS_HOSTS),
            strict(self.mark, "Begin a window", NOTES),
            strict(self.collect_evidence, "Collect evidence", ASKS_HOSTS),
            *reading,
        ]

    async def list_components(self) -> Annotated[CallToolResult, models.Components]:
        """The parts of the system under test: their hosts, and what can be collected from them. Asks no host."""
        answer = responses.components(self._open_queue().config)
        lines = [
            f"{each.name}: on {', '.join(each.hosts) or 'no host'}; {', '.join(c.name for c in each.collectors)}"
            for each in answer.components
        ]
        return _tool_result("\n".join(lines) or "The configuration has no components.", answer)

    async def check_hosts(
        self,
        hosts: Annotated[Names, Field(description="Names from list_components; empty: all.")] = [],  # noqa: B006
    ) -> Annotated[CallToolResult, models.Verdicts]:
        """Asks each host for a sign of life and says what keeps it from answering. Changes nothing."""
        with Sentences():
            verdicts = await self._open_queue().check_hosts(tuple(hosts))
        answer = models.Verdicts(
            hosts=[models.HostVerdict(host=host, answers=not why, detail=why) for host, why in verdicts.items()],
            failtale_version=__version__,
        )
        lines = [f"{host}: {why or 'answers'}" for host, why in verdicts.items()]
        return _tool_result(shorten_to_bytes("\n".join(lines) or "no hosts", MAX_TEXT_PAGE), answer)

    async def mark(self) -> Annotated[CallToolResult, models.MarkAsked]:
        """A window begins now, for instance a test: notes where logs end, so that evidence can begin exactly there.

        Returns at once.
        """
        taken = self._open_queue().window_began()
        answer = models.MarkAsked(marks="taken" if taken else "off", server_time=time.time())
        return _tool_result(
            "Marks are being taken." if taken else "Marks are switched off by the configuration.", answer
        )

    async def collect_evidence(
        self,
        ctx: Context[Any, Any],
        components: Annotated[Names, Field(description="Names from list_components; empty: all.")] = [],  # noqa: B006
        hosts: Annotated[Names, Field(description="Only these hosts; empty: all.")] = [],  # noqa: B006
        collectors: Annotated[Names, Field(description="Only these collectors; empty: all.")] = [],  # noqa: B006
        since_s: Annotated[Past, Field(description="The window began this many seconds ago.")] = 300.0,
        until_s: Annotated[Past, Field(description="The failure was this many seconds ago; 0: now.")] = 0.0,
        deadline_s: Annotated[
            float,
            Field(gt=0, le=3600, description="Answer by then with what there is."),
        ] = 3600.0,
        name: Annotated[TestName, Field(description="The test's name; stored and shown.")] = "",
        suite: Annotated[TestName, Field(description="Suite or file of the test.")] = "",
        message: Annotated[TestMessage, Field(description="Why the test failed.")] = "",
    ) -> Annotated[CallToolResult, models.FailureAnswer]:
        """Collects logs and states from the hosts with the read-only collectors of the configuration.

        The answer ranks suspicious lines, shows the newest lines of each host, and says what was cut and how to get it.
        """
        queue = self._open_queue()
        if until_s > since_s:
            raise ToolError(f"until_s ({until_s:g}) is longer ago than since_s ({since_s:g}); swap them.")
        now = datetime.now(timezone.utc)
        with Sentences():
            failure = Failure(
                id=uuid.uuid4().hex,
                framework="other",
                scope="test" if name else "on demand",
                name=queue.redactor.safe_text(name or "On demand"),
                suite=queue.redactor.safe_text(suite),
                message=queue.redactor.safe_text(message),
                window=Window(start=moment_ago(since_s, now), end=moment_ago(until_s, now)),
            )
            outcome = await queue.collect(
                failure,
                Selection(tuple(components), tuple(hosts), tuple(collectors)),
                deadline_s=deadline_s,
                progress=lambda done, total, host: ctx.report_progress(done, total, host),
            )
        budget = Budget(max(0.0, queue.config.limits.failure_time_s - outcome.evidence.cost.seconds))
        stored = await in_thread(partial(_stored_failure, failure, outcome, budget=budget))
        self._store.put(stored)
        return _collected_answer(stored)

    async def analyze_failure(
        self,
        failure_id: FailureId,
        hint: Annotated[
            bool, Field(description="Also use the local model of the configuration, where it names one; takes a while.")
        ] = False,
    ) -> Annotated[CallToolResult, models.Analyzed]:
        """Ranks the lines of a failure's evidence by suspicion, with the reasons. Asks no host."""
        stored = await self._existing_failure(failure_id)
        report = await in_thread(partial(self._analyzed_report, stored.report, hint=hint))
        if stored.source == "collected":
            self._store.put(StoredFailure(report, stored.full_texts))
        return _tool_result(responses.suspects_text(report, mark=new_mark()), responses.analyzed(report))

    async def list_failures(
        self,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        offset: Annotated[int, Field(ge=0, le=1_000_000, description="Skip this many, newest first.")] = 0,
    ) -> Annotated[CallToolResult, models.Failures]:
        """Failures that evidence was collected for, newest first: collected here, or read from finished runs."""
        failures = await in_thread(self._store.newest_first)
        shown = failures[offset : offset + limit]
        after = offset + len(shown)
        answer = models.Failures(
            failures=[responses.known_failure(stored) for stored in shown],
            total=len(failures),
            next_offset=after if after < len(failures) else -1,
            unreadable=self._store.unreadable()[:20],
        )
        return _tool_result(responses.failures_text(answer, mark=new_mark()), answer)

    async def get_evidence(
        self,
        failure_id: FailureId,
        item: Annotated[
            str, Field(max_length=200, description="host/collector, as an answer lists it; empty: the list of items.")
        ] = "",
        offset: Annotated[int, Field(ge=0, le=2**40, description="Byte at which the page begins.")] = 0,
        max_bytes: Annotated[int, Field(ge=256, le=MAX_TEXT_PAGE, description="Of the page.")] = 16 * 1024,
    ) -> Annotated[CallToolResult, models.EvidencePage]:
        """One item's whole output by pages, oldest lines first; or the list of a failure's items and gaps."""
        stored = await self._existing_failure(failure_id)
        text, after, total = responses.page(_text_of(stored, item), offset, max_bytes)
        answer = models.EvidencePage(
            failure_id=failure_id,
            item=item,
            offset=offset,
            next_offset=after,
            total_bytes=total,
            text=text,
            server_time=time.time(),
        )
        return _tool_result(_page_text(answer), answer)

    async def stored(self, failure_id: str) -> StoredFailure | None:
        """One failure of the store; reading files may take a while."""
        return await in_thread(partial(self._store.get, failure_id))

    async def _existing_failure(self, failure_id: str) -> StoredFailure:
        stored = await self.stored(failure_id)
        if stored is None:
            raise ToolError(f"There is no failure '{failure_id}' here (any more); list_failures says what there is.")
        return stored

    def _open_queue(self) -> CollectionQueue:
        if self._queue is None:
            raise ToolError("This server reads finished runs and connects to no hosts.")
        return self._queue

    def _analyzed_report(self, report: Report, *, hint: bool) -> Report:
        limits = self._queue.config.limits if self._queue is not None else Config().limits
        report = _ranked_report(report, Budget(limits.failure_time_s))
        if hint and self._queue is not None and report.analysis.hint is None:
            analysis = HintMaker(self._queue.config.analysis).hint(report)  # a fresh one: its budget is for one run
            if analysis == report.analysis:
                analysis = analysis.without_hint(our_words("the configuration names no model"))
            return report.model_copy(update={"analysis": analysis})
        return report


# --- Parts -----------------------------------------------------------------------------------------------------------


def moment_ago(seconds: float, now: datetime) -> datetime:
    return now - timedelta(seconds=seconds)


def new_mark() -> str:
    """For the fences of one answer: no log line can know it."""
    return secrets.token_hex(8)


def _tool_result(text: str, answer: BaseModel) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=answer.model_dump(mode="json")
    )


def _stored_failure(failure: Failure, outcome: Outcome, *, budget: Budget) -> StoredFailure:
    """What was collected, under this caller's own id: others may have got the same collection."""
    return StoredFailure(_ranked_report(outcome.report_of(failure), budget), outcome.full_texts)


def _ranked_report(report: Report, budget: Budget) -> Report:
    """The report with its suspects, found within what a failure's time leaves for it, as in a run."""
    if report.analysis.suspects or report.analysis.headline:
        return report
    time_left = budget.for_ranking()
    analysis = rank(report.failure, report.evidence, is_over=lambda: time_left.left_s <= 0)
    return report.model_copy(update={"analysis": analysis})


def _collected_answer(stored: StoredFailure) -> CallToolResult:
    text = responses.failure_text(stored.report, stored.full_texts, mark=new_mark())
    return _tool_result(text.text, responses.failure_answer(stored, text.shown_bytes))


def _text_of(stored: StoredFailure, item_id: str) -> str:
    if not item_id:
        return responses.ledger(stored.report, stored.full_texts)
    item = stored.report.evidence.item(item_id)
    if item is None:
        known = ", ".join(each.id for each in stored.report.evidence.items[:20]) or "none"
        raise ToolError(f"There is no item '{shorten(item_id, 100)}' in this failure; it has: {known}.")
    parts = (("stderr", item.stderr), ("before the window", item.before))
    heads = "".join(f"[{what}]\n{text}\n" for what, text in parts if text)
    whole = responses.full_text(item, stored.full_texts)
    return f"{heads}[output]\n{whole}" if heads else whole


def _page_text(answer: models.EvidencePage) -> str:
    rest = (
        f"The next page: {responses.call(answer.failure_id, answer.item, offset=answer.next_offset)}"
        if answer.next_offset >= 0
        else "This is the end."
    )
    return f"{responses.fenced(answer.text, mark=new_mark())}\n{answer.total_bytes} bytes in all. {rest}"
