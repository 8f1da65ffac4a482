"""The tools of assistants: ids, words to look for and bounded numbers in, one text and its numbers out.

No tool takes a command, a path, an address or a URL, and nothing of what a caller says reaches a host: neither what it
tells of a test (its name, its message), which is stored, redacted and shown, nor an expression, which is looked for in
what was collected before.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Annotated, Any, Literal

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
from FailTaleLibrary.mcp_server import comparison, models, responses
from FailTaleLibrary.mcp_server.arguments import (
    ASKS_HOSTS,
    FAR,
    NOTES,
    READ_WHOLE,
    READS,
    Names,
    Past,
    Sentences,
    strict,
)
from FailTaleLibrary.mcp_server.pages import PAGE_BYTES, Wanted, evidence_page
from FailTaleLibrary.mcp_server.queue import CallersMark, CollectionQueue, Outcome, Selection
from FailTaleLibrary.mcp_server.responses import TEXT_BYTES, call
from FailTaleLibrary.mcp_server.search import SEARCH_S, Matches, Query, expression, search
from FailTaleLibrary.mcp_server.store import COLLECTED, Store, StoredFailure
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Failure, Report, Window, our_words
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.rendering.merged import Merged, merged_lines
from FailTaleLibrary.text import count, duration, shorten, shorten_to_bytes

# --- What arguments may be --------------------------------------------------------------------------------------------

LATEST = "latest"
NEED_HOSTS = ("collect_evidence", "mark", "list_components", "check_hosts")
"""The tools of a server with a configuration."""
_NEWEST = (LATEST, "last", "newest")
FailureId = Annotated[str, Field(pattern=r"^[0-9a-zA-Z_-]{1,64}$")]
TestName = Annotated[str, Field(max_length=1000)]
TestMessage = Annotated[str, Field(max_length=20_000)]
Item = Annotated[str, Field(max_length=200)]
Seconds = Annotated[float, Field(ge=-1e6, le=1e6)]
_SINCE_S = 300.0
_LEAST_DEADLINE_S = 0.5
_LEAST_PREFIX = 6
"""Characters of an id that are enough of it, when no other begins so."""
_PART_FOR_RANKING = 5
"""Of a caller's deadline, a fifth and at most two seconds are for ranking what was collected."""


# --- The tools --------------------------------------------------------------------------------------------------------


class Toolbox:
    """The tools over one queue (None: finished runs only) and one store."""

    def __init__(self, store: Store, queue: CollectionQueue | None) -> None:
        self._store = store
        self._queue = queue

    def tools(self) -> list[Tool]:
        """What this server can do; without hosts, what needs none."""
        reading = [
            strict(self.analyze_failure, "Why did it fail? Start here", READS, meta=READ_WHOLE),
            strict(self.list_failures, "List failures", READS),
            strict(self.search_evidence, "Search evidence", READS, meta=READ_WHOLE),
            strict(self.get_evidence, "Read evidence", READS, meta=READ_WHOLE),
            strict(self.timeline, "Timeline of all hosts", READS),
            strict(self.compare_failures, "Compare failures", READS),
        ]
        if self._queue is None:
            return reading
        cap = {"deadline_s": self._queue.config.limits.failure_time_s}
        return [
            *reading,
            strict(self.collect_evidence, "Collect from hosts now", ASKS_HOSTS, caps=cap),
            strict(self.mark, "Begin a window", NOTES),
            strict(self.list_components, "List components", READS),
            strict(self.check_hosts, "Check hosts", ASKS_HOSTS),
        ]

    async def analyze_failure(
        self,
        failure_id: FailureId = LATEST,
        show: Annotated[Literal["suspects", "all"], Field(description="all: newest lines of every item")] = "suspects",
        hint: Annotated[bool, Field(description="also ask the local model; up to 60 s")] = False,
    ) -> Annotated[CallToolResult, models.Triage]:
        """Start here. Why a test failed: message, failing keyword, suspicious log lines of all hosts, changed states,
        gaps, calls for more. Asks no host. 1,000 to 2,500 tokens; show "all": up to 10,000."""
        stored = await self._existing_failure(failure_id)
        report = await in_thread(partial(self._analyzed_report, stored.report, hint=hint))
        analyzed = StoredFailure(report, stored.full_texts, stored.source)
        if stored.source == COLLECTED and report is not stored.report:
            self._store.put(analyzed)
        return await in_thread(partial(_triage_result, analyzed, show_all=show == "all"))

    async def list_failures(
        self,
        text: Annotated[str, Field(max_length=300, description="in test, message or headline")] = "",
        source: Annotated[str, Field(max_length=200)] = "",
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
    ) -> Annotated[CallToolResult, models.Failures]:
        """Failures with evidence, newest first: id, test, message, headline, source. Asks no host; 100 tokens each."""
        failures = [each for each in await in_thread(self._store.newest_first) if each.is_about(text, source=source)]
        _check_offset(offset, len(failures), "failures")
        shown = failures[offset : offset + limit]
        after = offset + len(shown)
        unreadable = [shorten_to_bytes(sentence, 1000) for sentence in self._store.unreadable()[:20]]
        lines = [*map(responses.failure_line, shown), *(f"unreadable: {sentence}" for sentence in unreadable)]
        body = shorten_to_bytes("\n".join(lines) or "none", TEXT_BYTES - 1024)
        silent = "".join(f" {sentence}." for sentence in self._store.without_evidence())
        which = " that fit" if text or source else ""
        head = f"{len(shown)} of {count(len(failures), 'failure')} with evidence{which}.{silent}"
        told = f"{head}\n{responses.fenced(body, mark=new_mark())}"
        if after < len(failures):
            told += f"\nMore: {call('list_failures', text=text, source=source, limit=limit, offset=after)}"
        return _result(
            models.Failures(
                text=told,
                complete=len(shown) == len(failures) and not unreadable,
                failures=[responses.known_failure(stored) for stored in shown],
                total=len(failures),
                next_offset=after if after < len(failures) else -1,
            )
        )

    async def search_evidence(
        self,
        failure_id: Annotated[str, Field(pattern=r"^[0-9a-zA-Z_-]{0,64}$", description="none: all failures")] = "",
        text: Annotated[str, Field(max_length=300, description="words as they stand; case does not matter")] = "",
        regex: Annotated[str, Field(max_length=300, description="instead of text, RE2")] = "",
        host: Annotated[str, Field(max_length=64)] = "",
        collector: Annotated[str, Field(max_length=64)] = "",
        from_s: Annotated[Seconds, Field(description="relative to the failure; -5: 5 s before it")] = -FAR,
        to_s: Seconds = FAR,
        context: Annotated[int, Field(ge=0, le=20, description="lines around each")] = 2,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
    ) -> Annotated[CallToolResult, models.Found]:
        """Finds lines in all that was collected. When suspects do not show the cause: search an id of the message, a
        host, "error". Asks no host; 60 tokens a match."""
        if bool(text.strip()) == bool(regex):
            raise ToolError("Give either 'text' (words as they stand) or 'regex' (RE2), and not both.")
        if from_s > to_s:
            raise ToolError(f"from_s ({from_s:g}) is after to_s ({to_s:g}); swap them.")
        with Sentences():
            pattern = await in_thread(partial(expression, text.strip() or regex, is_regex=bool(regex)))
        if failure_id and failure_id != "all":
            failures = [await self._existing_failure(failure_id)]
        else:
            failures = await in_thread(self._store.newest_first)
        _check_known(failures, host=host, collector=collector)
        query = Query(
            pattern,
            host,
            collector,
            from_s=from_s if from_s > -FAR else None,
            to_s=to_s if to_s < FAR else None,
            context=context,
            limit=limit,
            offset=offset,
        )
        ends = time.monotonic() + SEARCH_S
        found = await in_thread(partial(search, failures, query, is_over=lambda: time.monotonic() > ends))
        _check_offset(offset, found.count, "matches")
        return _result(_found(found, query, text=text, regex=regex, failure_id=failure_id, failures=failures))

    async def get_evidence(
        self,
        failure_id: FailureId = LATEST,
        item: Annotated[Item, Field(description="host/collector; none: the list of items")] = "",
        around: Annotated[Item, Field(description="a suspect (E3), or a line as search names it (120)")] = "",
        tail: Annotated[int, Field(ge=0, le=10_000, description="only so many last lines")] = 0,
        lines: Annotated[int, Field(ge=0, le=10_000, description="at most so many; around: 40")] = 0,
        offset: Annotated[int, Field(ge=0, le=2**40, description="byte; for the next page")] = 0,
        max_bytes: Annotated[int, Field(ge=256, le=TEXT_BYTES)] = PAGE_BYTES,
    ) -> Annotated[CallToolResult, models.EvidencePage]:
        """Lines of one item: around a suspect or a line, the last ones, or by pages. Asks no host; max_bytes/3
        tokens."""
        stored = await self._existing_failure(failure_id)
        wanted = Wanted(item, around, tail=tail, lines=lines, offset=offset, max_bytes=max_bytes)
        return _result(await in_thread(partial(evidence_page, stored, wanted, mark=new_mark())))

    async def timeline(
        self,
        failure_id: FailureId = LATEST,
        from_s: Seconds = -FAR,
        to_s: Seconds = FAR,
        hosts: Names = [],  # noqa: B006
        limit: Annotated[int, Field(ge=1, le=300)] = 60,
    ) -> Annotated[CallToolResult, models.TimelinePage]:
        """Log lines of all hosts and keywords in order of time, nearest to the failure; from_s -5: 5 s before it.
        Asks no host; 40 tokens a line."""
        if from_s > to_s:
            raise ToolError(f"from_s ({from_s:g}) is after to_s ({to_s:g}); swap them.")
        stored = await self._existing_failure(failure_id)
        for host in hosts:
            _check_known([stored], host=host)
        merged = await in_thread(
            partial(
                merged_lines,
                stored.report,
                stored.report.analysis.suspects,
                hosts=hosts,
                from_s=from_s,
                to_s=to_s,
                most_lines=limit,
            )
        )
        return _result(_timeline(stored, merged))

    async def compare_failures(
        self,
        failure_id: FailureId = LATEST,
        other_id: Annotated[str, Field(pattern=r"^[0-9a-zA-Z_-]{0,64}$", description="none: the likeliest")] = "",
    ) -> Annotated[CallToolResult, models.Compared]:
        """Whether two failures have one cause, and what only one logged; other_id may be evidence of a good moment.
        Asks no host; up to 3,000 tokens."""
        stored = await self._existing_failure(failure_id)
        failures = await in_thread(self._store.newest_first)
        other = await self._existing_failure(other_id) if other_id else comparison.best_partner(stored, failures)
        if other is None:
            raise ToolError("There is no other failure here to compare with.")
        if other.report.failure.id == stored.report.failure.id:
            raise ToolError("failure_id and other_id are the same failure.")
        return _result(await in_thread(partial(self._compared, stored, other, failures)))

    async def collect_evidence(
        self,
        ctx: Context[Any, Any],
        components: Annotated[Names, Field(description="none: all")] = [],  # noqa: B006
        hosts: Names = [],  # noqa: B006
        collectors: Names = [],  # noqa: B006
        since_mark: Annotated[
            str,
            Field(pattern=r"^[0-9a-zA-Z]{0,32}$", description="where the window begins; none: at your last mark"),
        ] = "",
        since_s: Annotated[Past, Field(description="or so many seconds ago; without any mark 300")] = 0.0,
        until_s: Annotated[Past, Field(description="it failed so many seconds ago")] = 0.0,
        deadline_s: Annotated[float, Field(ge=0, le=86_400, description="answer by then with what there is")] = 0.0,
        name: Annotated[TestName, Field(description="of the test; stored and shown, as are suite and message")] = "",
        suite: TestName = "",
        message: TestMessage = "",
    ) -> Annotated[CallToolResult, models.Triage]:
        """Collects logs and states of a window from all hosts, or those named, read-only; answers as analyze_failure.
        For a failure of just now, or a good moment to compare with. 1 to 10 s, 2,000 tokens."""
        queue = self._open_queue()
        if 0 < deadline_s < _LEAST_DEADLINE_S:
            raise ToolError(
                f"deadline_s ({deadline_s:g}) is too short for any host; give {_LEAST_DEADLINE_S:g} or more."
            )
        began = time.monotonic()
        now = datetime.now(timezone.utc)
        with Sentences():
            window, mark = _window(queue, _caller_of(ctx), now, since_mark, since_s, until_s)
            failure = Failure(
                id=uuid.uuid4().hex,
                framework="other",
                scope="test" if name else "on demand",
                name=queue.redactor.safe_text(name or "On demand"),
                suite=queue.redactor.safe_text(suite),
                message=queue.redactor.safe_text(message),
                window=window,
            )
            for_ranking = min(2.0, deadline_s / _PART_FOR_RANKING)
            outcome = await queue.collect(
                failure,
                Selection(tuple(components), tuple(hosts), tuple(collectors), mark.id if mark else ""),
                deadline_s=max(0.0, deadline_s - for_ranking),
                shown_deadline_s=deadline_s,
                progress=lambda done, total, host: ctx.report_progress(done, total, host),
            )
        limit_s = deadline_s or queue.config.limits.failure_time_s
        budget = Budget(max(0.0, limit_s - (time.monotonic() - began)))
        stored = await in_thread(partial(_stored_failure, failure, outcome, budget=budget))
        self._store.put(stored)
        return await in_thread(partial(_triage_result, stored, show_all=False, mark=mark))

    async def mark(self, ctx: Context[Any, Any]) -> Annotated[CallToolResult, models.Marked]:
        """Call before you try something: a window begins when this returns. Notes where all logs end, so that
        collect_evidence has exactly what came after. Asks all hosts; 1 to 5 s."""
        queue = self._open_queue()
        taken = await queue.mark(_caller_of(ctx))
        lines = [f"{host}: {why}" for host, why in taken.unmarked.items()]
        begins = (
            f"The window of mark {taken.id} begins now; {call('collect_evidence', since_mark=taken.id)} collects it."
        )
        if queue.config.marks == "off":
            begins += " The configuration switches marks off: what belongs to it is told by times alone."
        if lines:
            begins += f" {count(len(lines), 'host')} did not say where logs end; there, times tell:"
            begins += f"\n{responses.fenced(shorten_to_bytes(chr(10).join(lines), 4096), mark=new_mark())}"
        return _result(models.Marked(text=begins, complete=not lines and queue.config.marks != "off", mark=taken.id))

    async def list_components(self) -> Annotated[CallToolResult, models.Components]:
        """Components, hosts and collectors: the names that collect_evidence takes. Asks no host."""
        answer = responses.components(self._open_queue().config)
        lines = map(_component_line, answer.components)
        return _tool_result("\n".join(lines) or "The configuration has no components.", answer)

    async def check_hosts(
        self,
        hosts: Annotated[Names, Field(description="none: all")] = [],  # noqa: B006
    ) -> Annotated[CallToolResult, models.CheckedHosts]:
        """Logs in to hosts and says what keeps them from answering. For gaps. 1 to 10 s."""
        with Sentences():
            verdicts = await self._open_queue().check_hosts(tuple(hosts))
        silent = {host: why for host, why in verdicts.items() if why}
        text = f"{len(verdicts) - len(silent)} of {count(len(verdicts), 'host')} can be reached"
        text += f": {', '.join(host for host in verdicts if host not in silent)}" if len(verdicts) > len(silent) else ""
        if silent:
            lines = shorten_to_bytes("\n".join(f"{host}: {why}" for host, why in silent.items()), TEXT_BYTES - 4096)
            text += f"\n{responses.fenced(lines, mark=new_mark())}"
        return _result(
            models.CheckedHosts(
                text=text,
                complete=True,
                hosts=[
                    models.HostVerdict(host=host, answers=not why, detail=why and "the text says why")
                    for host, why in verdicts.items()
                ],
                failtale_version=__version__,
            )
        )

    async def stored(self, failure_id: str) -> StoredFailure | None:
        """One failure of the store; reading files may take a while."""
        if failure_id.lower() in _NEWEST:
            return next(iter(await in_thread(self._store.newest_first)), None)
        return await in_thread(partial(self._store.get, failure_id))

    async def _existing_failure(self, failure_id: str) -> StoredFailure:
        stored = await self.stored(failure_id)
        if stored is not None:
            return stored
        failures = await in_thread(self._store.newest_first)
        alike = [each for each in failures if each.report.failure.id.startswith(failure_id)]
        if len(alike) == 1 and len(failure_id) >= _LEAST_PREFIX:
            return alike[0]
        if not failures:
            silent = "".join(f" {sentence}." for sentence in self._store.without_evidence())
            raise ToolError(f"There is no failure with evidence here.{silent} {self._how_to_get_one()}")
        known = ", ".join(each.report.failure.id for each in failures[:5])
        more = f" and {len(failures) - 5} more in list_failures" if len(failures) > 5 else ""
        raise ToolError(f"There is no failure '{failure_id}' here (any more); there are '{LATEST}', {known}{more}.")

    def _how_to_get_one(self) -> str:
        if self._queue is None:
            return "Run the tests with FailTale's listener."
        return "collect_evidence collects for one of just now."

    def _open_queue(self) -> CollectionQueue:
        if self._queue is None:
            raise ToolError("This server reads finished runs and connects to no hosts.")
        return self._queue

    def _analyzed_report(self, report: Report, *, hint: bool) -> Report:
        limits = self._queue.config.limits if self._queue is not None else Config().limits
        report = _ranked_report(report, Budget(limits.failure_time_s))
        if hint and report.analysis.hint is None:
            if self._queue is None:
                why = our_words("this server has no configuration, and so no model")
                return report.model_copy(update={"analysis": report.analysis.without_hint(why)})
            # A fresh one: its budget is for one run.
            analysis = HintMaker(self._queue.config.analysis, redactor=self._queue.redactor).hint(report)
            if analysis == report.analysis:
                analysis = analysis.without_hint(our_words("the configuration names no model"))
            return report.model_copy(update={"analysis": analysis})
        return report

    def _compared(
        self, stored: StoredFailure, other: StoredFailure, failures: Sequence[StoredFailure]
    ) -> models.Compared:
        first, second = (
            StoredFailure(self._analyzed_report(each.report, hint=False), each.full_texts, each.source)
            for each in (stored, other)
        )
        ends = time.monotonic() + SEARCH_S
        found = comparison.compare(first, second, is_over=lambda: time.monotonic() > ends)
        sharing = comparison.sharing_cause(first, failures)
        text = responses.comparison_text(first, second, found, sharing=sharing, mark=new_mark())
        return models.Compared(
            text=text,
            complete=max(len(found.only_first), len(found.only_other)) <= comparison.MOST_LINES,
            failure_id=stored.report.failure.id,
            other_id=other.report.failure.id,
            same_cause=found.same_cause,
            sharing_cause=[each.report.failure.id for each in sharing[:100]],
        )


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


def _result(answer: models.Answer) -> CallToolResult:
    """Both halves of an answer: each has its whole text."""
    return _tool_result(answer.text, answer)


def _caller_of(ctx: Context[Any, Any]) -> str:
    """Who calls, as far as the protocol tells: the address and the program. For whose mark is the last; no border."""
    request = ctx.request_context
    client = getattr(request.request, "client", None)
    params = request.session.client_params
    program = params.client_info.name if params is not None else ""
    return f"{client.host if client is not None else 'stdio'} {shorten(program, 100)}"


def _window(
    queue: CollectionQueue, caller: str, now: datetime, since_mark: str, since_s: float, until_s: float
) -> tuple[Window, CallersMark | None]:
    """The window of a request, and the mark that it begins at. Raises ConfigError for an unknown mark."""
    if since_mark and since_s:
        raise ToolError("Give either 'since_mark' or 'since_s': both say where the window begins.")
    mark = None if since_s else queue.mark_of(caller, since_mark)
    start = mark.at if mark else moment_ago(since_s or max(_SINCE_S, until_s + _SINCE_S), now)
    end = moment_ago(until_s, now)
    if end < start:
        began = f"mark {mark.id}, {duration((now - mark.at).total_seconds())} ago" if mark else f"since_s ({since_s:g})"
        raise ToolError(f"until_s ({until_s:g}) is longer ago than the window's beginning ({began}).")
    return Window(start=start, end=end), mark


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


def _component_line(component: models.ComponentInfo) -> str:
    description = f" ({component.description})" if component.description else ""
    collectors = "; ".join(map(_collector_words, component.collectors))
    return f"{component.name}{description}: on {', '.join(component.hosts) or 'no host'}; {collectors}"


def _collector_words(collector: models.CollectorInfo) -> str:
    window = f", window {collector.window}" if collector.window != "none" else ""
    description = f": {collector.description}" if collector.description else ""
    return f"{collector.name} ({collector.kind}{window}{description})"


def _triage_result(stored: StoredFailure, *, show_all: bool, mark: CallersMark | None = None) -> CallToolResult:
    shown = responses.triage(stored, mark=new_mark(), show_all=show_all, since=f"mark {mark.id}" if mark else "")
    return _result(responses.triage_answer(stored, shown))


def _check_offset(offset: int, total: int, what: str) -> None:
    if offset and offset >= total:
        raise ToolError(f"offset {offset} is past the end: there are {total} {what}.")


def _check_known(failures: Sequence[StoredFailure], *, host: str = "", collector: str = "") -> None:
    """Raises ToolError for a host or a collector that none of them has."""
    evidence = [stored.report.evidence for stored in failures]
    for what, name, known in (
        ("host", host, {name for one in evidence for name in in_words.hosts_of(one)}),
        ("collector", collector, {item.collector for one in evidence for item in one.items}),
    ):
        if name and failures and name not in known:
            listed = ", ".join(sorted(known)[:30]) or "none"
            raise ToolError(f"There is no {what} '{shorten(name, 64)}' in this evidence; it has: {listed}.")


def _found(
    found: Matches, query: Query, *, text: str, regex: str, failure_id: str, failures: Sequence[StoredFailure]
) -> models.Found:
    after = query.offset + len(found.hits)
    is_last = after >= found.count
    asked = {"failure_id": failure_id, "text": text, "regex": regex, "host": query.host, "collector": query.collector}
    times = {"from_s": query.from_s, "to_s": query.to_s}
    more = call("search_evidence", **asked, **times, limit=query.limit, offset=after)
    said = count(len(failures), "failure")
    shown = responses.matches_text(
        found, query, words=said, mark=new_mark(), next_call="" if is_last else f"More: {more}", several=not failure_id
    )
    return models.Found(
        text=shown,
        complete=responses.is_complete(found, query),
        matches=found.count,
        shown=len(found.hits),
        next_offset=-1 if is_last else after,
    )


def _timeline(stored: StoredFailure, merged: Merged) -> models.TimelinePage:
    failure = stored.report.failure
    body = "\n".join(responses.timeline_lines(merged, stored))
    fence = responses.fenced(shorten_to_bytes(body, TEXT_BYTES - 1024), mark=new_mark())
    head = (
        f"Seconds relative to the failure at {failure.window.end.isoformat()}; "
        f"{count(merged.of_lines, 'line')} of {count(merged.hosts, 'host')} with a time"
    )
    narrower = "ask for less with from_s, to_s, hosts, or for more with limit"
    head += f", {merged.unshown} not shown: {narrower}." if merged.unshown else "."
    return models.TimelinePage(
        text=f"{head}\n{fence}",
        complete=not merged.unshown,
        failure_id=failure.id,
        lines=merged.of_lines,
        shown=merged.of_lines - merged.unshown,
    )
