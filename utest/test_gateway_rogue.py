"""A gateway that is another's: what it can cost a run, and what of it reaches a report."""

from __future__ import annotations

import base64
import contextlib
import functools
import gzip
import http.server
import json
import socket
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import builders
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import PATIENCE_S
from test_hostile_words import UNSEEN, texts_of

from FailTaleLibrary.config import Config
from FailTaleLibrary.config.model import GatewaySettings, Limits
from FailTaleLibrary.errors import GatewayError
from FailTaleLibrary.gateway import bounds, record
from FailTaleLibrary.gateway.bounds import bounded
from FailTaleLibrary.gateway.record import Handover, unpack_handover
from FailTaleLibrary.records import Report, Window
from FailTaleLibrary.rendering import to_html, to_text
from FailTaleLibrary.run import Run

NOW = datetime.now(timezone.utc)
HOSTILE = "\x1b]0;mine\x07\x1b[2J\u202e\x9b31m"

# --- A rogue ---------------------------------------------------------------------------------------------------------

Answer = Callable[[str, dict[str, Any]], Any]
"""(tool, arguments) -> its structured content; bytes are a whole body."""


class Rogue(http.server.BaseHTTPRequestHandler):
    """Speaks enough of the protocol to be believed; one a server, with its `answer`."""

    answer: Answer
    tools: tuple[str, ...] = ("runner_components", "runner_collect", "runner_record", "runner_check", "runner_mark")
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in request:
            self._send(202, b"")
            return
        if request["method"] == "server/discover":
            result: Any = {"resultType": "complete"}
        elif request["method"] == "tools/list":
            schema = {"type": "object", "properties": {"text": {"pattern": "^(a+)+$"}}}
            names = type(self).tools
            result = {"tools": [{"name": n, "inputSchema": {"type": "object"}, "outputSchema": schema} for n in names]}
            result |= {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        elif request["params"]["name"] not in type(self).tools:
            text = f"Unknown tool: {request['params']['name']}"
            result = {"content": [{"type": "text", "text": text}], "isError": True, "resultType": "complete"}
        else:
            content = type(self).answer(request["params"]["name"], request["params"].get("arguments", {}))
            if isinstance(content, bytes):
                self._send(200, content)
                return
            result = {"content": [], "structuredContent": content, "resultType": "complete"}
        self._send(200, json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode())

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def rogue(answer: Answer, *, tools: tuple[str, ...] = Rogue.tools) -> Iterator[str]:
    handler = type("ThisRogue", (Rogue,), {"answer": staticmethod(answer), "tools": tools})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mcp"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("tools", "says"),
    [
        (("list_components", "collect_evidence", "get_evidence"), "has a FailTale older than this one"),
        (("search_the_web",), "is no gateway of FailTale"),
    ],
)
def test_a_server_that_cannot_serve_a_run_is_said_to_be_older_or_another(tools: tuple[str, ...], says: str) -> None:
    with rogue(lambda *_: {}, tools=tools) as url:
        (gap,) = report_at(url).evidence.gaps
        assert gap.reason == "gateway"
        assert says in gap.detail


def packed(record: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(record).encode(), 1)).decode()


def handing_over(packed_record: str | Callable[[], bytes]) -> Answer:
    """A gateway that collects at once, and gives this record by pages; a large one is packed when asked for."""

    @functools.cache
    def packed_once() -> str:
        if isinstance(packed_record, str):
            return packed_record
        return base64.b64encode(zlib.compress(packed_record(), 1)).decode()

    def answer(tool: str, arguments: dict[str, Any]) -> Any:
        if tool == "runner_collect":
            return {"failure_id": "f" * 32}
        word = packed_once()
        at, size = arguments.get("offset", 0), arguments.get("max_bytes", 1000)
        end = at + size if at + size < len(word) else -1
        return {"text": word[at : at + size], "next_offset": end, "server_time": time.time()}

    return answer


def report_through(answer: Answer, **limits: Any) -> Report:
    """The report of a run whose gateway answers so."""
    with rogue(answer) as url:
        return report_at(url, **limits)


def report_at(url: str, **limits: Any) -> Report:
    gateway = GatewaySettings(url=url, connect_timeout_s=60.0, silence_timeout_s=60.0)
    run = Run(Config(gateway=gateway, bundles={"enabled": False}, limits={"failure_time_s": 20.0, **limits}))
    now = datetime.now(timezone.utc)
    try:
        return run.collect_failure(
            builders.a_failure(id=uuid.uuid4().hex, window=Window(start=now - timedelta(seconds=9), end=now))
        )
    finally:
        run.run_ended()


def a_record(**evidence: Any) -> dict[str, Any]:
    report = builders.a_report()
    sent: dict[str, Any] = {"schema_version": 1, "plan": report.plan.model_dump(mode="json"), "full_texts": {}}
    return sent | {"evidence": report.evidence.model_dump(mode="json") | evidence}


def an_item(**changes: Any) -> dict[str, Any]:
    return builders.an_item().model_dump(mode="json") | changes


# --- Too much --------------------------------------------------------------------------------------------------------


def test_twelve_thousand_items_and_gaps_are_cut_and_counted() -> None:
    items = [{"id": "", "host": f"h{n}", "component": "", "collector": "c", "command": ""} for n in range(12_000)]
    gaps = [{"host": "h", "reason": "failed", "detail": "no"} for _ in range(12_000)]
    for evidence, left_out in ({"items": items}, "10000 items and 0"), ({"gaps": gaps}, "0 items and 10000"):
        handover = unpack_handover(packed(a_record(**evidence)), max_bytes=100_000_000)
        kept = bounded(handover, Limits(), now=NOW).evidence
        assert len(kept.items) <= record.MAX_ITEMS
        assert len(kept.gaps) <= record.MAX_GAPS + 1
        assert any(f"{left_out} gaps too many" in gap.detail for gap in kept.gaps)


def test_every_text_of_a_gateway_is_within_the_limits_of_the_run() -> None:
    long = "".join(f"{number} line of a log\n" for number in range(2000))
    item = an_item(
        text=long,
        stderr=long,
        before=long,
        baseline=long,
        changes=[f"+ {long[:50]}"] * 3000,
        description=long,
        command=long,
        ssh_command=long,
        empty_means=long,
        incomplete=long,
        rows={"keys": ["x" * 5000] * 5 + ["y"] * 1000},
        redactions=[{"rule": "r" * 100, "count": 10**30}] * 1000,
        window={"kind": long, "method": "tail", "note": long, "why": long},
    )
    gap = {"host": "h" * 9999, "reason": "failed", "detail": long}
    bytes_of = {"item_bytes": 2000, "host_bytes": 5000, "failure_bytes": 9000, "bundle_item_bytes": 3000}
    limits = {**bytes_of, "failure_time_s": PATIENCE_S}
    items = [{**item, "id": f"h{n // 5}/c{n}", "host": f"h{n // 5}", "collector": f"c{n}"} for n in range(20)]
    sent = a_record(items=items, gaps=[gap]) | {"full_texts": {"h0/c0": long}}
    report = report_through(handing_over(packed(sent)), **limits)
    sizes = [len(each.text) for each in report.evidence.items]
    assert len(sizes) == 20
    assert max(sizes) <= 2000
    assert 5000 < sum(sizes) <= 9000
    assert max(map(len, texts_of(report.evidence.model_dump()))) <= bounds.MAX_TEXT + 96  # of stderr 4 kB
    assert {len(each.rows.keys) for each in report.evidence.items} == {bounds.MAX_PATTERNS - 5}
    assert {each.redactions[0].count for each in report.evidence.items} == {10**15}
    assert len(report.evidence.model_dump_json()) < 20 * 50_000


def test_indices_times_and_numbers_that_lead_nowhere_are_not_believed() -> None:
    endless = 10**14
    item = an_item(
        text="one\ntwo\n",
        exit_status=endless,
        duration_s=1e308,
        received_bytes=10**400,
        omitted_bytes=-5,
        started_at="0001-01-01T00:00:00Z",
        parts=[{"path": "/a", "first_line": 1, "lines": endless}, {"first_line": -endless, "lines": endless}],
        look_backs=[
            {"lines": 5, "of_lines": endless},
            {"lines": 5, "of_lines": 2, "shapes": [{"lines": [endless], "count": 1}]},
            {"lines": 5, "of_lines": 2, "shapes": [{"lines": [0], "count": 10**50, "seconds_before": [1e300] * 99}]},
        ],
    )
    clocks = [{"host": "web1", "offset_s": 1e300, "uncertainty_s": -1.0, "utc_offset_s": 10**50}]
    gaps = [{"host": "h", "reason": "failed", "detail": "no", "at": "9999-12-31T23:59:59Z", "elapsed_s": 1e300}]
    sent = a_record(items=[item], clocks=clocks, gaps=gaps, collected_at="9999-12-31T23:59:59Z")
    report = report_through(handing_over(packed(sent)))
    (kept,) = report.evidence.items
    assert [(part.first_line, part.lines) for part in kept.parts] == [(1, 1)]
    (look_back,) = kept.look_backs
    assert look_back.shapes[0].lines == (0,)
    assert len(look_back.shapes[0].seconds_before) == 49
    assert kept.started_at is None
    assert abs(report.evidence.collected_at - datetime.now(timezone.utc)) < timedelta(minutes=10)
    assert to_text(report)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "9" * 5000, '"x"', "null", "[]"])
@pytest.mark.parametrize("field", ["server_time", "next_offset"])
def test_a_page_with_a_number_that_is_none_costs_a_gap_at_most(number: str, field: str) -> None:
    page = {"text": packed(a_record()), "next_offset": -1, "server_time": time.time()}

    def answer(tool: str, arguments: dict[str, Any]) -> Any:
        if tool == "runner_collect":
            return {"failure_id": "f" * 32}
        return {**page, field: json.loads(number) if len(number) < 1000 else 10**4000}

    report = report_through(answer)
    assert report.evidence.items or report.evidence.gaps[0].host == "gateway"


# --- Another shape ---------------------------------------------------------------------------------------------------


SHAPES: dict[str, Answer] = {
    "nothing": lambda tool, arguments: {},
    "a list": lambda tool, arguments: [],
    "wrong types": lambda tool, arguments: {"failure_id": {"a": []}, "components": 5, "hosts": [[]], "text": 7},
    "no JSON": lambda tool, arguments: b"\x00\xff" * 1000,
    "another protocol": lambda tool, arguments: b"<html>\x1b]0;mine\x07</html>",
    "deep JSON": lambda tool, arguments: b"[" * 100_000 + b"]" * 100_000,
    "deep content": lambda tool, arguments: (
        b'{"jsonrpc":"2.0","id":1,"result":' + b'{"a":' * 99_999 + b"1" + b"}" * 100_000
    ),
    "a huge body": lambda tool, arguments: b'{"jsonrpc":"2.0","id":1,"result":"' + b"x" * 30_000_000 + b'"}',
    "an empty record": handing_over(""),
    "no record": handing_over("////"),
    "another record": handing_over(packed({"schema_version": 2})),
    "a deep record": handing_over(lambda: b"[" * 100_000),
    "many values": handing_over(lambda: b'{"a":[' + b"[]," * 5_000_000),
    "escapes without an end": handing_over(lambda: b'{"a":"' + b'\\"' * 3_000_000),
    "a bomb": handing_over(lambda: b" " * 400_000_000),
    "a compressed page": lambda tool, arguments: gzip.compress(b" " * 50_000_000),
    "no end of pages": lambda tool, arguments: {
        "failure_id": "f",
        "text": "x",
        "next_offset": arguments.get("offset", 0) + 1,
        "server_time": 0,
    },
    "pages backwards": lambda tool, arguments: {"failure_id": "f", "text": "x", "next_offset": 0, "server_time": 0},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_of_another_shape_is_one_gap(shape: str) -> None:
    report = report_through(SHAPES[shape], failure_time_s=3.0)
    (gap,) = report.evidence.gaps
    assert (gap.host, gap.reason) == ("gateway", "gateway")
    assert not report.evidence.items
    assert len(gap.detail) < 3000
    assert not [text for text in texts_of(report.model_dump()) if UNSEEN.search(text)]


def speaking(act: Callable[[socket.socket], None]) -> contextlib.AbstractContextManager[str]:
    """The address of a server that does this with each connection."""

    @contextlib.contextmanager
    def served() -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                while True:
                    try:
                        connection, _ = server.accept()
                    except OSError:
                        return
                    threading.Thread(target=speak, args=(connection,), daemon=True).start()

            def speak(connection: socket.socket) -> None:
                with connection, contextlib.suppress(OSError):
                    connection.recv(65_536)
                    act(connection)

            threading.Thread(target=serve, daemon=True).start()
            yield f"http://127.0.0.1:{server.getsockname()[1]}/mcp"
            server.shutdown(socket.SHUT_RDWR)

    return served()


def _without_end(head: bytes, chunk: bytes, pause_s: float = 0.0) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(chunk)
            time.sleep(pause_s)

    return act


JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
ENDLESS = {
    "a body": _without_end(JSON, b" " * 65_536),
    "an event": _without_end(EVENTS + b"data: ", b"x" * 65_536),
    "events": _without_end(EVENTS, b"data: {}\n\n" * 1000),
    "comments that drip": _without_end(EVENTS, b":\n\n", 0.2),
    "a body that drips": _without_end(JSON, b" ", 0.2),
    "a head": _without_end(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"y" * 5000 + b"\r\n"),
    "a status that drips": _without_end(b"", b"H", 0.2),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_has_no_end_ends_here(kind: str) -> None:
    with speaking(ENDLESS[kind]) as url:
        gateway = GatewaySettings(url=url, silence_timeout_s=1.0)
        run = Run(Config(gateway=gateway, bundles={"enabled": False}, limits={"failure_time_s": 4.0}))
        report = run.collect_failure(builders.a_failure(id=uuid.uuid4().hex))
        run.run_ended()
    (gap,) = report.evidence.gaps
    assert gap.reason == "gateway"


def test_a_redirect_elsewhere_takes_no_token_with_it() -> None:
    heard: list[bytes] = []

    def elsewhere(connection: socket.socket) -> None:
        heard.append(b"somebody came")

    with speaking(elsewhere) as other:
        answer = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n".encode()
        with speaking(lambda connection: connection.sendall(answer)) as url:
            gateway = GatewaySettings(url=url, connect_timeout_s=5.0, token="t" * 43)
            run = Run(Config(gateway=gateway, bundles={"enabled": False}))
            report = run.collect_failure(builders.a_failure(id=uuid.uuid4().hex))
            run.run_ended()
    assert report.evidence.gaps[0].reason == "gateway"
    assert heard == []


def test_a_gateway_that_speaks_no_tls_is_a_gap() -> None:
    with speaking(lambda connection: connection.sendall(b"\x16\x03\x01" + b"\xff" * 100)) as url:
        report = report_at(url.replace("http", "https"))
    assert report.evidence.gaps[0].reason == "gateway"


# --- Hostile words ---------------------------------------------------------------------------------------------------


def test_nothing_of_a_gateway_reaches_a_terminal_or_a_file_as_it_came() -> None:
    hostile = HOSTILE + "word"
    item = an_item(
        id=hostile, host=hostile, component=hostile, collector=hostile, text=hostile, stderr=hostile, command=hostile,
        changes=[f"+ {hostile}"], baseline=hostile, parts=[{"path": hostile, "first_line": 0, "lines": 1}],
        redactions=[{"rule": hostile, "count": 1}], rows={"keys": [hostile]},
    )  # fmt: skip
    gap = {"host": hostile, "component": hostile, "collector": hostile, "reason": "failed", "detail": hostile}
    step = {
        "host": hostile,
        "component": hostile,
        "collector": hostile,
        "window": hostile,
        "timeout_s": 1,
        "max_bytes": 1,
    }
    sent = a_record(items=[item], gaps=[gap], clocks=[{"host": hostile, "offset_s": 0, "uncertainty_s": 0}])
    sent["plan"] |= {"steps": [step], "skipped": [gap]}
    report = report_through(handing_over(packed(sent)))
    assert report.evidence.items
    patterns = {*report.evidence.items[0].rows.keys}
    texts = [text for text in texts_of(report.model_dump()) if text not in patterns]
    shown = [to_text(report), to_html(report, max_bytes=64_000), *texts]
    assert [text for text in shown if UNSEEN.search(text)] == []


def test_names_and_verdicts_of_a_gateway_are_words_for_a_terminal() -> None:
    def answer(tool: str, arguments: dict[str, Any]) -> Any:
        if tool == "runner_check":
            return {"hosts": [{"host": HOSTILE, "detail": HOSTILE}]}
        return {"components": [], "hosts": [HOSTILE]}

    with rogue(answer) as url:
        run = Run(Config(gateway=GatewaySettings(url=url, connect_timeout_s=60.0, silence_timeout_s=60.0)))
        verdicts = run.check_hosts()
        with pytest.raises(Exception, match="has no host 'db1'") as refused:
            run.check_hosts(["db1"])
        run.run_ended()
    assert [text for text in (*verdicts, *verdicts.values(), str(refused.value)) if UNSEEN.search(text)] == []


def test_an_expression_of_a_gateway_is_never_run_on_what_it_sends() -> None:
    """Its schema would need years for this text."""

    def answer(tool: str, arguments: dict[str, Any]) -> Any:
        return {"failure_id": "f", "text": "a" * 60 + "!", "next_offset": -1, "server_time": 0}

    assert report_through(answer).evidence.gaps[0].reason == "gateway"


# --- Any record ------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=20)
        | st.just("2026-01-01T00:00:00Z"),
        lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
        max_leaves=20,
    ),
    st.sampled_from(["evidence", "plan", "full_texts", "items", "gaps", "clocks", "cost", "parts", "look_backs"]),
)
def test_any_json_in_any_place_is_a_record_or_refused_as_one(value: Any, place: str) -> None:
    sent = a_record()
    for part in (sent, sent["evidence"], sent["evidence"]["items"][0]):
        if place in part:
            part[place] = value
    with contextlib.suppress(GatewayError):
        bounded(unpack_handover(packed(sent), max_bytes=1_000_000), Limits(), now=NOW)


def test_a_record_within_all_bounds_stays_as_it_is() -> None:
    report = builders.a_report()
    items = tuple(item for item in report.evidence.items if " " not in item.id)
    evidence, plan = report.evidence.model_copy(update={"items": items}), builders.a_plan(steps=())
    handover = Handover(plan=plan, evidence=evidence, full_texts={"web1/kernel": "all"})
    assert bounded(handover, Limits(), now=report.evidence.collected_at) == handover
