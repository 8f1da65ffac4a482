"""``GET /``, ``POST /v1/collect`` and ``POST /v1/analyze``: the HTTP interface of the original FailTale, in its shapes.

For clients that speak no MCP, those of the original among them. Nothing of a request reaches a host: hosts, logins and
commands are those of the configuration, whatever a request says of them. What ``collect`` answers has the failure's id
in each host's part, so that ``analyze`` goes by the evidence itself; data of another origin is taken as lines of text.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from FailTaleLibrary import __version__
from FailTaleLibrary.background import in_thread
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.hints import HintMaker
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.mcp_server.access import ASKING, READING, Bucket
from FailTaleLibrary.mcp_server.audit import Audit
from FailTaleLibrary.mcp_server.queue import CollectionQueue, Selection
from FailTaleLibrary.mcp_server.store import Store, StoredFailure
from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Evidence, Failure, Item, Plan, Report, Window
from FailTaleLibrary.rendering import to_brief_text
from FailTaleLibrary.scenario import scenario_of
from FailTaleLibrary.text import newest_whole_lines, sanitize, shorten

_log = logger_of(__name__)

MAX_BODY_BYTES = 16 * 1024 * 1024
"""With a screenshot, which is let pass and not looked at."""
MAX_FOREIGN_ITEMS = 500
_FOREIGN_ITEM_BYTES = 64 * 1024
_MAX_TEXT = 20_000
"""Characters of a test's report and failure."""
_MAX_HOSTS = 1000
_SINCE_S = 600.0
"""A request does not say when the test began."""
_NO_STATUS = -1


class _RefusalError(Exception):
    """A request that is not answered as asked."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class HttpApi:
    """The routes over one queue and one store, for a server that guards its token itself."""

    def __init__(self, queue: CollectionQueue, store: Store, *, hosts: Collection[str], audit: Audit | None) -> None:
        """``hosts``: the Host headers that are answered."""
        self._queue = queue
        self._store = store
        self._hosts = frozenset(hosts)
        self._audit = audit
        self._reading = Bucket(READING)
        self._asking = Bucket(ASKING)

    def routes(self) -> list[Route]:
        return [
            Route("/", self._answered(self._health), methods=["GET"]),
            Route("/v1/collect", self._answered(self._collect), methods=["POST"]),
            Route("/v1/analyze", self._answered(self._analyze), methods=["POST"]),
        ]

    def _answered(
        self, answer: Callable[[Request], Awaitable[dict[str, Any]]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The answer as JSON, or the reason why there is none, and a line in the audit log."""

        async def answered(request: Request) -> Response:
            began, status = time.monotonic(), 500
            try:
                self._check_caller(request)
                body = await answer(request)
                status = 200
            except _RefusalError as refusal:
                status, body = refusal.status, {"error": str(refusal)}
            except FailTaleError as error:
                status, body = 503, {"error": sanitize(str(error))}
            except Exception:
                _log.debug("a request of the HTTP interface failed", exc_info=True)
                body = {
                    "error": "FailTale could not answer this; its own log has the reason (failtale --verbose serve)."
                }
            finally:
                self._write_audit(request, status, began)
            return JSONResponse(body, status_code=status)

        return answered

    def _check_caller(self, request: Request) -> None:
        if request.headers.get("host") not in self._hosts:
            raise _RefusalError(421, "This server answers for other names; see 'failtale serve --allow-host'.")
        wait_s = self._reading.wait_s(_caller(request))
        if not wait_s and request.url.path == "/v1/collect":
            wait_s = self._asking.wait_s(_caller(request))
        if wait_s:
            raise _RefusalError(429, f"Too many calls; try again in {wait_s:g} s.")

    def _write_audit(self, request: Request, status: int, began: float) -> None:
        if self._audit is not None and request.url.path != "/":
            seconds = round(time.monotonic() - began, 3)
            self._audit.write(
                caller=_caller(request), method=f"POST {request.url.path}", outcome=status, seconds=seconds
            )

    # --- GET /

    async def _health(self, _: Request) -> dict[str, Any]:
        return {"message": f"FailTale {__version__} is running."}

    # --- POST /v1/collect

    async def _collect(self, request: Request) -> dict[str, Any]:
        asked = await _json_of(request)
        hosts, report = asked.get("hosts"), asked.get("test_report")
        if not isinstance(hosts, list) or not hosts or len(hosts) > _MAX_HOSTS:
            raise _RefusalError(400, '\'hosts\' is no list; send [{"hostname": "db1", "role": "database"}].')
        if not isinstance(report, str):
            raise _RefusalError(400, "'test_report' is no text; send what the test was, e.g. its steps.")
        wanted = {name: self._configured(name) for name in map(_hostname, hosts) if name}
        names = tuple(dict.fromkeys(name for name in wanted.values() if name))
        stored = await self._collected(names, report) if names else None
        return {
            name: _host_answer(role, wanted[name], stored)
            for name, role in ((_hostname(host), _role(host)) for host in hosts)
            if name
        }

    def _configured(self, asked: str) -> str | None:
        """The name in the configuration of what a request calls a host, by its name or its address."""
        hosts = self._queue.config.hosts
        return asked if asked in hosts else next((name for name, host in hosts.items() if host.address == asked), None)

    async def _collected(self, hosts: tuple[str, ...], report: str) -> StoredFailure:
        failure = self._failure(report)
        limit_s = self._queue.config.limits.failure_time_s
        outcome = await self._queue.collect(failure, Selection(hosts=hosts), deadline_s=limit_s, progress=_no_progress)
        stored = StoredFailure(outcome.report_of(failure), outcome.full_texts)
        self._store.put(stored)
        return stored

    def _failure(self, report: str, message: str = "") -> Failure:
        safe = self._queue.redactor.safe_text
        scenario = scenario_of(report[:_MAX_TEXT])
        now = datetime.now(timezone.utc)
        return Failure(
            id=uuid.uuid4().hex,
            framework="cucumber",
            scope="test",
            name=safe(shorten(scenario.name, 1000)),
            suite=safe(shorten(scenario.feature, 1000)),
            source=safe(scenario.source) if scenario.source else None,
            line=scenario.line,
            tags=tuple(map(safe, scenario.tags)),
            message=safe(shorten(message, _MAX_TEXT)),
            window=Window(start=now - timedelta(seconds=_SINCE_S), end=now),
        )

    # --- POST /v1/analyze

    async def _analyze(self, request: Request) -> dict[str, Any]:
        asked = await _json_of(request)
        data = asked.get("collected_data")
        if not isinstance(data, dict) or not data:
            raise _RefusalError(400, "'collected_data' is missing; send what /v1/collect answered.")
        message, report = (_text_in(asked, key) for key in ("test_failure", "test_report"))
        known = next((stored for each in _ids_in(data) if (stored := self._store.get(each))), None)
        return {"root_cause_hint": await in_thread(partial(self._hint, known, data, report, message))}

    def _hint(self, known: StoredFailure | None, data: Mapping[str, Any], report: str, message: str) -> str:
        if known is not None:
            told = self._queue.redactor.safe_text(shorten(message, _MAX_TEXT))
            failure = known.report.failure.with_message(told or known.report.failure.message)
            found = known.report.model_copy(update={"failure": failure})
        else:
            found = self._foreign_report(data, report, message)
        left = Budget(self._queue.config.limits.failure_time_s).for_ranking()
        analysis = rank(found.failure, found.evidence, is_over=lambda: left.left_s <= 0)
        if analysis.suspects == found.analysis.suspects:  # an earlier hint cites these, and a model may be gone since
            analysis = analysis.model_copy(update={"hint": found.analysis.hint})
        found = found.model_copy(update={"analysis": analysis})
        if self._queue.config.analysis.model is not None:
            hint = HintMaker(self._queue.config.analysis, redactor=self._queue.redactor).hint(found)
            found = found.model_copy(update={"analysis": hint})
        if known is not None:
            self._store.put(StoredFailure(found, known.full_texts))
        return to_brief_text(found, more=f"Failure {found.failure.id}" if known else "From the data as it was sent.")

    def _foreign_report(self, data: Mapping[str, Any], report: str, message: str) -> Report:
        """Somebody's collected data, as text that proves no time: redacted, bounded, ranked by its words."""
        failure = self._failure(report, message)
        now = datetime.now(timezone.utc)
        items = tuple(self._foreign_items(data))
        plan = Plan(
            failure_id=failure.id, deadline_s=0, max_bytes=0, host_time_s=0, host_bytes=0, parallel_hosts=1
        )  # nothing was asked
        return Report(
            failtale_version=__version__,
            created_at=now,
            failure=failure,
            plan=plan,
            evidence=Evidence(failure_id=failure.id, items=items, collected_at=now),
        )

    def _foreign_items(self, data: Mapping[str, Any]) -> Iterator[Item]:
        safe = self._queue.redactor.safe_text
        left = MAX_FOREIGN_ITEMS
        for host, told in data.items():
            answers = told.get("data") if isinstance(told, dict) else None
            for number, answer in enumerate(answers if isinstance(answers, list) else (), 1):
                if left == 0:
                    return
                left -= 1
                if not isinstance(answer, dict):
                    continue
                output = "\n".join(_text_in(answer, key) for key in ("output", "error") if answer.get(key))
                name = shorten(sanitize(str(host)), 64)
                yield Item(
                    id=f"{name}/{number}",
                    host=name,
                    component=shorten(_text_in(told, "role"), 64),
                    collector=str(number),
                    kind="file",  # its lines are read one by one: what it was is not known
                    description=safe(shorten(_text_in(answer, "description"), 200)),
                    command=safe(shorten(_text_in(answer, "command"), 1000)),
                    text=safe(newest_whole_lines(sanitize(output), _FOREIGN_ITEM_BYTES)),
                )


# --- Shapes ----------------------------------------------------------------------------------------------------------


def _host_answer(role: str, name: str | None, stored: StoredFailure | None) -> dict[str, Any]:
    if name is None or stored is None:
        return {"role": role, "error": "The server's configuration has no such host.", "data": []}
    evidence = stored.report.evidence
    answers = [
        {
            "description": item.description or item.collector,
            "command": item.command,
            "status": _NO_STATUS if item.exit_status is None else item.exit_status,
            "output": item.text,
            "error": item.stderr or item.incomplete or "",
        }
        for item in evidence.items
        if item.host == name
    ]
    gaps = [gap for gap in evidence.gaps if gap.host == name]
    answers += [
        {
            "description": gap.collector,
            "command": "",
            "status": _NO_STATUS,
            "output": "",
            "error": f"{gap.reason}: {gap.detail}",
        }
        for gap in gaps
        if gap.collector is not None
    ]
    lost = [f"{gap.reason}: {gap.detail}" for gap in gaps if gap.collector is None]
    told = {"role": role, "data": answers, "failure_id": stored.report.failure.id}
    return {**told, "error": lost[0]} if lost else told


async def _json_of(request: Request) -> dict[str, Any]:
    """The object that a request has for a body. Raises _RefusalError: too large, no JSON, no object."""
    if "json" not in request.headers.get("content-type", ""):
        raise _RefusalError(400, "A JSON body is needed, with 'Content-Type: application/json'.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise _RefusalError(413, f"The body exceeds {MAX_BODY_BYTES // 1024 // 1024} MiB.")
    try:
        data = await in_thread(partial(json.loads, bytes(body)))
    except (ValueError, RecursionError):
        raise _RefusalError(400, "The body is no JSON.") from None
    if not isinstance(data, dict):
        raise _RefusalError(400, "The body is no JSON object.")
    return data


def _hostname(host: object) -> str:
    name = host.get("hostname") if isinstance(host, dict) else None
    return sanitize(name) if isinstance(name, str) and 0 < len(name) <= 255 else ""


def _role(host: object) -> str:
    role = host.get("role") if isinstance(host, dict) else None
    return shorten(sanitize(role), 64) if isinstance(role, str) else ""


def _text_in(data: object, key: str) -> str:
    value = data.get(key) if isinstance(data, dict) else None
    return sanitize(value) if isinstance(value, str) else ""


def _ids_in(data: Mapping[str, Any]) -> Iterator[str]:
    for told in data.values():
        failure_id = told.get("failure_id") if isinstance(told, dict) else None
        if isinstance(failure_id, str):
            yield failure_id


def _caller(request: Request) -> str:
    return request.client.host if request.client is not None else ""


async def _no_progress(_: int, __: int, ___: str) -> None:
    return None
