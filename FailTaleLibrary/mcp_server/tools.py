"""The tools, as an assistant and a runner call them: ids from the configuration and bounded numbers in, records out.

No tool takes a command, a path, an address, an expression or a URL. What a caller says about a test (its name, its
message) is stored, redacted and shown, and reaches no host.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from FailTaleLibrary import __version__
from FailTaleLibrary.background import in_thread
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.gateway.record import MAX_PAST_S, Handover, pack_handover
from FailTaleLibrary.hints import HintMaker
from FailTaleLibrary.mcp_server import models, responses
from FailTaleLibrary.mcp_server.queue import CollectionQueue, Outcome, Selection
from FailTaleLibrary.mcp_server.responses import TEXT_BYTES
from FailTaleLibrary.mcp_server.store import Store, StoredFailure
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Evidence, Failure, Report, Window, our_words
from FailTaleLibrary.text import sanitize, shorten, shorten_to_bytes

# --- What arguments may be --------------------------------------------------------------------------------------------

MAX_NAMES = 256
MAX_TEXT_PAGE = TEXT_BYTES
MAX_RECORD_PAGE = 256 * 1024
_MAX_MISTAKES = 5
_MAX_ARGUMENT = 100
"""Characters of a caller's word that are repeated to it."""

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
    tool = _StrictTool.from_function(function, title=title, annotations=annotations)
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    return tool


class _StrictTool(Tool):
    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        """As the SDK runs it, but what is wrong with the arguments is said in words of ours, without their values."""
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            known = ", ".join(self.fn_metadata.arg_model.model_fields) or "no arguments"
            wrong = [_wrong(each) for each in error.errors(include_url=False, include_input=False)[:_MAX_MISTAKES]]
            raise ToolError(f"'{self.name}' refuses its arguments: {'; '.join(wrong)}. It takes: {known}.") from None
        return await super().run(arguments, context, convert_result)


def _wrong(mistake: ErrorDetails) -> str:
    where = shorten(sanitize(".".join(map(str, mistake["loc"]))), _MAX_ARGUMENT)
    if mistake["type"] == "extra_forbidden":
        return f"there is no argument '{where}'"
    return f"{where}: {mistake['msg'][:1].lower()}{shorten(sanitize(mistake['msg'][1:]), _MAX_ARGUMENT)}"


# --- The tools --------------------------------------------------------------------------------------------------------

KEPT_RECORDS = 16


class Toolbox:
    """The tools over one queue (None: finished runs only) and one store."""

    def __init__(self, store: Store, queue: CollectionQueue | None) -> None:
        self._store = store
        self._queue = queue
        self._packed: OrderedDict[str, tuple[Evidence, str]] = OrderedDict()
        """Records that were asked for lately, by failure id: their pages are asked for one after the other."""
        self._packing = threading.Lock()

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
        with _sentences():
            verdicts = await self._open_queue().check_hosts(tuple(hosts))
        answer = models.Verdicts(
            hosts=[models.HostVerdict(host=host, answers=not why, detail=why) for host, why in verdicts.items()],
            failtale_version=__version__,
        )
        lines = [f"{host}: {why or 'answers'}" for host, why in verdicts.items()]
        return _tool_result(shorten_to_bytes("\n".join(lines) or "no hosts", MAX_TEXT_PAGE), answer)

    async def mark(self) -> Annotated[CallToolResult, models.Marked]:
        """A window begins now, for instance a test: notes where logs end, so that evidence can begin exactly there.

        Returns at once.
        """
        taken = self._open_queue().mark()
        answer = models.Marked(marks="taken" if taken else "off", server_time=time.time())
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
        suite_since_s: Annotated[Past, Field(description="The suite began this many seconds ago; 0: unknown.")] = 0.0,
        run_since_s: Annotated[Past, Field(description="The run began this many seconds ago; 0: unknown.")] = 0.0,
        deadline_s: Annotated[
            float,
            Field(gt=0, le=3600, description="Answer by then with what there is."),
        ] = 3600.0,
        name: Annotated[str, Field(max_length=1000, description="The test's name; stored and shown.")] = "",
        suite: Annotated[str, Field(max_length=1000, description="Suite or file of the test.")] = "",
        message: Annotated[str, Field(max_length=20_000, description="Why the test failed.")] = "",
        tags: Annotated[
            list[Annotated[str, Field(max_length=1000)]], Field(max_length=200, description="Tags of the test.")
        ] = [],  # noqa: B006
        brief: Annotated[bool, Field(description="Counts only; for programs that read the record by pages.")] = False,
    ) -> Annotated[CallToolResult, models.FailureAnswer]:
        """Collects logs and states from the hosts with the read-only collectors of the configuration.

        The answer ranks suspicious lines, shows the newest lines of each host, and says what was cut and how to get it.
        """
        queue = self._open_queue()
        if until_s > since_s:
            raise ToolError(f"until_s ({until_s:g}) is longer ago than since_s ({since_s:g}); swap them.")
        now = datetime.now(timezone.utc)
        with _sentences():
            failure = Failure(
                id=uuid.uuid4().hex,
                framework="other",
                scope="test" if name else "on demand",
                name=queue.redactor.safe_text(name or "On demand"),
                suite=queue.redactor.safe_text(suite),
                message=queue.redactor.safe_text(message),
                tags=tuple(map(queue.redactor.safe_text, tags)),
                window=Window(start=_moment_ago(since_s, now), end=_moment_ago(until_s, now)),
                suite_started_at=_moment_ago(suite_since_s, now) if suite_since_s else None,
                run_started_at=_moment_ago(run_since_s, now) if run_since_s else None,
            )
            outcome = await queue.collect(
                failure,
                Selection(tuple(components), tuple(hosts), tuple(collectors)),
                deadline_s=deadline_s,
                progress=lambda done, total, host: ctx.report_progress(done, total, host),
            )
        budget = Budget(max(0.0, queue.config.limits.failure_time_s - outcome.evidence.cost.seconds))
        stored = await in_thread(partial(_stored_failure, failure, outcome, brief=brief, budget=budget))
        self._store.put(stored)
        return _collected_answer(stored, brief=brief)

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
        max_bytes: Annotated[int, Field(ge=256, le=MAX_RECORD_PAGE, description="Of the page.")] = 16 * 1024,
        part: Annotated[
            Literal["text", "record"], Field(description="record: the whole, machine-readable; for FailTale itself.")
        ] = "text",
    ) -> Annotated[CallToolResult, models.EvidencePage]:
        """One item's whole output by pages, oldest lines first; or the list of a failure's items and gaps."""
        stored = await self._existing_failure(failure_id)
        if part == "record":
            word = await in_thread(partial(self._packed_record, stored))
            text, after, total = word[offset : offset + max_bytes], offset + max_bytes, len(word)
            after = after if after < total else -1
        else:
            whole = _text_of(stored, item)
            text, after, total = responses.page(whole, offset, min(max_bytes, MAX_TEXT_PAGE))
        answer = models.EvidencePage(
            failure_id=failure_id,
            item=item,
            part=part,
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


class _sentences:  # noqa: N801 - reads as a statement
    """What FailTale says about a mistake reaches the caller; anything else is hidden by the SDK."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FailTaleError):
            raise ToolError(str(error)) from error


def _moment_ago(seconds: float, now: datetime) -> datetime:
    return now - timedelta(seconds=seconds)


def new_mark() -> str:
    """For the fences of one answer: no log line can know it."""
    return secrets.token_hex(8)


def _tool_result(text: str, answer: BaseModel) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=answer.model_dump(mode="json")
    )


def _stored_failure(failure: Failure, outcome: Outcome, *, brief: bool, budget: Budget) -> StoredFailure:
    """What was collected, under this caller's own id: others may have got the same collection."""
    report = outcome.report_of(failure)
    return StoredFailure(report if brief else _ranked_report(report, budget), outcome.full_texts)


def _fuller_texts(stored: StoredFailure) -> dict[str, str]:
    """The full texts that are more than the report holds."""
    texts_ = ((item, stored.full_texts.get(item.id, item.text)) for item in stored.report.evidence.items)
    return {item.id: text for item, text in texts_ if text != item.text}


def _ranked_report(report: Report, budget: Budget) -> Report:
    """The report with its suspects, found within what a failure's time leaves for it, as in a run."""
    if report.analysis.suspects or report.analysis.headline:
        return report
    time_left = budget.for_ranking()
    analysis = rank(report.failure, report.evidence, is_over=lambda: time_left.left_s <= 0)
    return report.model_copy(update={"analysis": analysis})


def _collected_answer(stored: StoredFailure, *, brief: bool) -> CallToolResult:
    if brief:
        return _tool_result(
            f"Failure {stored.report.failure.id} is ready to be read.", responses.failure_answer(stored, {}, brief=True)
        )
    text = responses.failure_text(stored.report, stored.full_texts, mark=new_mark())
    return _tool_result(text.text, responses.failure_answer(stored, text.shown_bytes, brief=False))


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
    if answer.part == "record":
        return f"Bytes {answer.offset} to {answer.offset + len(answer.text)} of {answer.total_bytes} of the record."
    rest = (
        f"The next page: {responses.call(answer.failure_id, answer.item, offset=answer.next_offset)}"
        if answer.next_offset >= 0
        else "This is the end."
    )
    return f"{responses.fenced(answer.text, mark=new_mark())}\n{answer.total_bytes} bytes in all. {rest}"
