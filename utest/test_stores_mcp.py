"""Queries to MCP servers: only tools that declare themselves read-only, and no process left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from patience import wait_until
from store_stub import Answer, Asked, a_store, config_of, report_of, the_gap, the_item
from test_stores import TOKEN, WINDOW, at

from FailTaleLibrary.records import Evidence

STUB = str(Path(__file__).with_name("mcp_stub.py"))
READ_ONLY = {"readOnlyHint": True}
TOOL = {"name": "events", "annotations": READ_ONLY, "inputSchema": {"properties": {"since": {"type": "string"}}}}
LINES = {"logs": [{"timestamp": at(5).timestamp(), "message": "ERROR queue is full"}]}


def a_call(does: Mapping[str, Any], *, timeout: str = "60 s", **mcp: Any) -> dict[str, Any]:
    """A collector that calls a tool of the stub."""
    command = [sys.executable, "-I", "-S", STUB, json.dumps({"tools": [TOOL], **does})]
    return {"name": "lines", "timeout": timeout, "mcp": {"command": command, "tool": "events", **mcp}}


def evidence_of(collector: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Evidence:
    return report_of(config_of(collector, environ=environ), WINDOW).evidence


def text(*words: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": each} for each in words]}


# --- What is called ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "result"),
    [
        ({}, {"structuredContent": LINES}),
        ({"noise": True}, text(json.dumps(LINES))),
        ({"stateless": True}, text(f"```json\n{json.dumps(LINES)}\n```")),
        ({}, text("Found:", json.dumps(LINES))),
    ],
)
def test_a_read_only_tools_lines_are_evidence(does: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    item = the_item(evidence_of(a_call({**does, "result": result})))
    assert item.text == "2026-11-26T12:00:05.000000Z ERROR queue is full\n"
    assert item.command.startswith("MCP tool events {} of ")


@pytest.mark.parametrize(
    "tools",
    [
        [{"name": "events"}],
        [{"name": "events", "annotations": {"readOnlyHint": False}}],
        [{"name": "events", "annotations": {"readOnlyHint": "true"}}],
        [{"name": "events", "annotations": {"readOnlyHint": 1}}],
        [TOOL, {"name": "other"}, {"name": "events", "annotations": {"destructiveHint": True}}],
    ],
)
def test_a_tool_that_does_not_declare_itself_read_only_is_not_called(tools: list[Any]) -> None:
    gap = the_gap(evidence_of(a_call({"tools": tools, "result": text("called!")})))
    assert gap.reason == "refused"
    assert "does not declare itself read-only (readOnlyHint), so it is not called" in gap.detail


def test_arguments_have_the_windows_times_and_the_server_has_none_of_our_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STORE_TOKEN", TOKEN)
    arguments = {"since": "{since:ms}", "until": "{until:s}", "most": "{limit}", "query": 'up{a="{x}"} > 1'}
    call = a_call({"echo": True}, arguments=arguments, env={"PROM": "%{STORE_TOKEN}", "PLAIN": "1"})
    told = json.loads(the_item(evidence_of(call, environ={"STORE_TOKEN": TOKEN})).text)
    assert told["arguments"] == {
        "since": "1795694400000",  # its schema wants a text
        "until": 1795694430,
        "most": 1000,
        "query": 'up{a="{x}"} > 1',
    }
    assert {"PROM", "PLAIN", "PATH"} <= set(told["environment"])
    assert "STORE_TOKEN" not in told["environment"]


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ({"result": {"isError": True, **text("no such metric 'x'")}}, "failed: no such metric 'x'"),
        ({"tools": [{"name": "other", "annotations": READ_ONLY}]}, "has no tool 'events'; it has: other"),
        ({"dies": "ModuleNotFoundError: No module named 'prom'"}, "its last words: ModuleNotFoundError"),
        ({"flood": True}, "answers more than is read"),
        ({"result": {"content": [{"type": "image", "data": "eA==", "mimeType": "image/png"}]}}, "pictures or links"),
    ],
)
def test_what_is_no_answer_is_a_gap_in_the_servers_words(does: Mapping[str, Any], said: str) -> None:
    assert said in the_gap(evidence_of(a_call(does))).detail


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"structuredContent": {**LINES, "metadata": {"resultsTruncated": True}}}, "'metadata.resultsTruncated'"),
        ({"structuredContent": {**LINES, "nextCursor": "abc"}}, "has more than it gave"),
        ({"structuredContent": LINES, "_meta": {"truncated": True}}, "'truncated'"),
        (
            {"content": [{"type": "text", "text": each} for each in (json.dumps(LINES), "Results limited to 10 rows")]},
            "Results limited to 10 rows",
        ),
        (text("ERROR queue is full\n... [output truncated]"), "its last line says that it was cut"),
    ],
)
def test_a_result_that_was_cut_says_so(result: Mapping[str, Any], said: str) -> None:
    assert said in str(the_item(evidence_of(a_call({"result": result}))).incomplete)


def test_each_part_of_a_result_is_an_entry_and_an_empty_list_is_none() -> None:
    entries = [{"timestamp": at(second).timestamp(), "message": f"line {second}"} for second in (5, 6)]
    item = the_item(evidence_of(a_call({"result": text(*map(json.dumps, entries))})))
    assert [line.partition("Z ")[2] for line in item.lines] == ["line 5", "line 6"]
    empty = {"structuredContent": {"result": []}}
    assert the_item(evidence_of(a_call({"result": empty}))).status == "empty"


def test_a_text_is_read_by_the_times_of_its_lines() -> None:
    lines = "2026-11-26T11:59:00Z too old\n2026-11-26 12:00:07 ERROR disk full\n  at its end\n"
    item = the_item(evidence_of(a_call({"result": text(lines)})))
    assert item.text == "2026-11-26 12:00:07 ERROR disk full\n  at its end\n"
    assert item.window is not None
    assert "1 lines from before the window were left out" in item.window.note


# --- What is left behind ----------------------------------------------------------------------------------------------


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.fixture
def pid_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "pids"
    yield path
    for pid in pids_in(path):
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def pids_in(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()] if path.exists() else []


@pytest.mark.parametrize(
    ("does", "timeout"), [({"result": text("x")}, "60 s"), ({"flood": True}, "60 s"), ({"silent": True}, "15 s")]
)
def test_a_stubborn_server_and_its_child_are_ended_whatever_came_of_the_call(
    does: Mapping[str, Any], timeout: str, pid_file: Path
) -> None:
    evidence_of(a_call({"stubborn": True, "pid_file": str(pid_file), **does}, timeout=timeout))
    assert len(pids_in(pid_file)) == 2
    assert wait_until(lambda: not any(map(is_running, pids_in(pid_file))))


def test_a_server_ends_when_failtale_is_killed(pid_file: Path, tmp_path: Path) -> None:
    does = {"stubborn": True, "silent": True, "pid_file": str(pid_file)}
    config = {
        "components": {"stores": {"collectors": [a_call(does)]}},
        "hosts": {"here": {"component": "stores", "transport": "local"}},
    }
    (tmp_path / "failtale.yaml").write_text(json.dumps(config))
    program = "from FailTaleLibrary.api import Run, load_config; r = Run(load_config('failtale.yaml')); "
    program += "r.collect_failure(r.failure('T'))"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    assert wait_until(lambda: len(pids_in(pid_file)) == 2)
    process.kill()
    process.wait()
    assert wait_until(lambda: not any(map(is_running, pids_in(pid_file))))


# --- Over HTTP --------------------------------------------------------------------------------------------------------


def served(asked: Asked, *, as_events: bool) -> Any:
    """A server with sessions, as the handshake's generation has them."""
    body = asked.body or {}
    method = body.get("method")
    if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
        return Answer({"error": "no token"}, 401)
    if method == "initialize":
        result: Any = {"protocolVersion": "2025-03-26", "capabilities": {}}
        return Answer({"jsonrpc": "2.0", "id": body["id"], "result": result}, 200, {"Mcp-Session-Id": "s1"})
    if asked.headers.get("Mcp-Session-Id") != "s1":
        return Answer({"error": "no session"}, 400)
    if "id" not in body:
        return Answer(b"", 202)
    result = {"tools": [TOOL]} if method == "tools/list" else {"structuredContent": LINES}
    message = {"jsonrpc": "2.0", "id": body["id"], "result": result}
    if not as_events:
        return message
    ping = {"jsonrpc": "2.0", "id": body["id"], "method": "ping"}
    events = "".join(f"event: message\ndata: {json.dumps(each)}\n\n" for each in (ping, message))
    return Answer(f": hello\n\n{events}".encode(), 200, {"Content-Type": "text/event-stream"})


@pytest.mark.parametrize("as_events", [False, True])
def test_a_server_over_http_is_asked_within_a_session_that_is_ended(as_events: bool) -> None:
    with a_store(lambda asked: served(asked, as_events=as_events)) as store:
        mcp = {"url": f"{store.url}/mcp", "tool": "events", "token": "%{STORE_TOKEN}"}
        item = the_item(evidence_of({"name": "lines", "timeout": "60 s", "mcp": mcp}, {"STORE_TOKEN": TOKEN}))
        methods = [asked.body["method"] if asked.body else "DELETE" for asked in store.asked]
    assert item.text.endswith("ERROR queue is full\n")
    assert methods[:4] == ["initialize", "notifications/initialized", "tools/list", "tools/call"]
    assert methods[-1] == "DELETE"


def test_what_is_no_mcp_server_is_told() -> None:
    with a_store(lambda _: {"hello": "world"}) as store:
        mcp = {"url": store.url, "tool": "events"}
        gap = the_gap(evidence_of({"name": "lines", "timeout": "60 s", "mcp": mcp}))
    assert "gave no answer of an MCP server" in gap.detail
