"""A real `failtale serve` process, over HTTP and stdio: strangers, attackers, crowds, and clients that die."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_servers import (
    ROOT,
    Served,
    a_config,
    answer_in,
    command,
    environment,
    is_running,
    served,
)
from patience import PATIENCE_S, wait_until
from test_mcp_tools import a_marker, slow

from FailTaleLibrary.cli import main
from FailTaleLibrary.files import install_line


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that tests share; nobody hurts it."""
    folder = tmp_path_factory.mktemp("server")
    with served(folder, "--config", str(a_config(folder))) as running:
        yield running


def call(server: Served, tool: str, arguments: dict[str, Any], **more: Any) -> tuple[int, dict[str, Any]]:
    status, body = server.post("tools/call", {"name": tool, "arguments": arguments}, **more)
    return status, answer_in(body) if status == 200 else {"body": body}


# --- Strangers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Authorization": None}, 401),
        ({"Authorization": "Bearer " + "x" * 43}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost:PORT.evil.example"}, 421),
        ({"Host": "localhost"}, 421),
        ({"Host": "localhost:PORT"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:PORT.evil.example"}, 403),
        ({"Origin": "http://localhost:PORT"}, 200),
        ({"Content-Type": "text/plain"}, 400),
        ({"Mcp-Name": "check_hosts"}, 400),
    ],
    ids=str,
)
def test_what_a_request_must_bring(server: Served, headers: dict[str, str | None], status: int) -> None:
    filled = {name: value and value.replace("PORT", str(server.port)) for name, value in headers.items()}
    assert call(server, "list_failures", {}, headers=filled)[0] == status


def test_without_a_token_not_even_the_path_is_told(server: Served) -> None:
    with httpx2.Client(trust_env=False) as client:
        for path in ("/", "/mcp", "/docs", "/.well-known/oauth-protected-resource"):
            response = client.get(f"http://127.0.0.1:{server.port}{path}")
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == 'Bearer realm="failtale"'
            assert "server" not in response.headers


def test_a_slash_behind_the_path_leads_to_the_same(server: Served) -> None:
    known = {"name": "list_failures", "arguments": {}}
    with httpx2.Client(trust_env=False) as client:
        response = client.post(
            f"http://127.0.0.1:{server.port}/mcp/",
            content=server.body("tools/call", known),
            headers=server.headers("tools/call", known),
        )
    assert response.status_code == 200
    assert not answer_in(response.text)["result"]["isError"]


def test_an_oversized_body_is_refused(server: Served) -> None:
    status, _ = call(server, "collect_evidence", {"message": "x" * 1_000_000})
    assert status == 413


def test_a_text_beyond_its_limit_is_refused(server: Served) -> None:
    status, answer = call(server, "collect_evidence", {"message": "x" * 100_000})
    assert status == 200
    assert answer["result"]["isError"] is True


def test_an_unknown_tool_and_an_unknown_argument_are_refused(server: Served) -> None:
    assert call(server, "run_command", {"command": "id"})[1].get("result", {"isError": True})["isError"] is True
    assert call(server, "list_failures", {"command": "id"})[1]["result"]["isError"] is True


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"jsonrpc": "2.0"}', "\x00" * 100, "[" * 10_000])
def test_broken_bodies_do_no_harm(server: Served, body: str) -> None:
    headers = server.headers("tools/call", {"name": "mark"})
    status, _ = server.send(body, headers=headers)
    assert 400 <= status < 500
    assert call(server, "list_failures", {})[0] == 200


# --- Crowds ----------------------------------------------------------------------------------------------------------


def test_fifty_clients_at_a_time_each_get_their_own_answer(server: Served) -> None:
    def ask(number: int) -> tuple[str, str]:
        name = f"test number {number}"
        _, answer = call(server, "collect_evidence", {"since_s": 60, "name": name})
        told = answer["result"]["structuredContent"]
        assert f"Test: {name}\n" in told["text"]
        assert told["text"].startswith(f"Failure {told['failure_id']}: 4 items from 2 hosts, 0 gaps")
        _, page = call(server, "get_evidence", {"failure_id": told["failure_id"], "item": "web1/state"})
        assert "all is well" in page["result"]["structuredContent"]["text"]
        return told["failure_id"], name

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        told = list(pool.map(ask, range(50)))
    assert len({failure_id for failure_id, _ in told}) == 50
    _, answer = call(server, "list_failures", {"limit": 100})
    listed = answer["result"]["structuredContent"]["text"]
    assert all(re.search(rf"^{failure_id} \S+ {name} \(4 items", listed, re.MULTILINE) for failure_id, name in told)


# --- Clients that die ------------------------------------------------------------------------------------------------


def a_client_waits(server: Served) -> contextlib.closing[http.client.HTTPConnection]:
    """A connection on which a collection was asked for; what the kernel does for a client that dies is its closing."""
    params = {"name": "collect_evidence", "arguments": {}}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    connection.request("POST", "/mcp", server.body("tools/call", params), server.headers("tools/call", params))
    return contextlib.closing(connection)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_death_of_a_client_and_the_end_of_the_server_end_the_commands_on_its_hosts(
    tmp_path: Path, how: signal.Signals
) -> None:
    marker = a_marker()  # it sleeps for ten minutes, which the end of the server does not wait for
    with served(tmp_path, "--config", str(a_config(tmp_path, slow(tmp_path, marker)))) as server:
        if how == signal.SIGTERM:
            with a_client_waits(server):
                assert wait_until(lambda: is_running(marker))
            assert wait_until(lambda: not is_running(marker))
            assert wait_until(lambda: '"outcome": "cancelled"' in server.audit_file.read_text())
        with a_client_waits(server):
            assert wait_until(lambda: is_running(marker))
            server.process.send_signal(how)
            assert server.process.wait(PATIENCE_S) is not None
        assert wait_until(lambda: not is_running(marker))


# --- Start -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What `failtale serve` says when it does not start."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    def said(*arguments: str) -> str:
        options = [
            "serve",
            "--token-file",
            str(tmp_path / "token"),
            "--audit-file",
            str(tmp_path / "audit"),
            *arguments,
        ]
        assert main(options) == 2
        return capsys.readouterr().err

    return said


def test_it_does_not_start_where_it_would_not_be_safe_or_has_nothing_to_serve(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    config = str(a_config(tmp_path))
    assert "TLS" in refused("--config", config, "--host", "0.0.0.0", "--port", "0")
    assert "Nothing to serve" in refused()
    assert "no-such.xml" in refused("--output", "no-such.xml")
    (tmp_path / "token").touch(0o644)
    (tmp_path / "token").chmod(0o644)
    assert "chmod 600" in refused("--config", config)


def test_a_port_that_is_taken_is_said(refused: Callable[..., str], tmp_path: Path, server: Served) -> None:
    said = refused("--config", str(a_config(tmp_path)), "--port", str(server.port))
    assert f"port {server.port}" in said


# --- stdio -----------------------------------------------------------------------------------------------------------


def test_over_stdio_it_serves_whoever_started_it(tmp_path: Path) -> None:
    async def test() -> None:
        argv = command("serve", "--stdio", "--config", str(a_config(tmp_path)))
        server = StdioServerParameters(command=argv[0], args=argv[1:], env=environment(tmp_path))
        async with Client(server, mode="auto", read_timeout_seconds=PATIENCE_S) as client:
            told = await client.call_tool("collect_evidence", {"since_s": 60})
            assert "4 items from 2 hosts, 0 gaps" in told.structured_content["text"]

    with anyio_time():
        anyio.run(test)
    assert not (tmp_path / ".config").exists()
    assert "collect_evidence" in (tmp_path / ".local/state/failtale/audit.jsonl").read_text()


def test_over_stdio_a_cancelled_call_and_a_closed_pipe_end_the_command_on_the_host(tmp_path: Path) -> None:
    marker = a_marker()
    argv = command("serve", "--stdio", "--config", str(a_config(tmp_path, slow(tmp_path, marker))))
    process = subprocess.Popen(
        argv, env=environment(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for message in (
            {
                "id": 1,
                "method": "initialize",
                "params": {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {},
                    "clientInfo": {"name": "raw", "version": "1"},
                },
            },
            {"method": "notifications/initialized"},
            {"id": 2, "method": "tools/call", "params": {"name": "collect_evidence", "arguments": {}}},
        ):
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["protocolVersion"] == "2025-06-18"
        assert wait_until(lambda: is_running(marker))
        process.stdin.close()
        process.wait(PATIENCE_S)
        assert wait_until(lambda: not is_running(marker))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def anyio_time() -> Iterator[None]:
    """Bounds a test from outside of its event loop."""

    def too_long(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(int(PATIENCE_S))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_without_the_sdk_the_command_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ModuleNotFoundError(\"No module named 'mcp'\", name='mcp')\n")
    env = {**environment(tmp_path), "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    argv = command("serve", "--config", str(a_config(tmp_path)))
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert f"type: {install_line('mcp')}" in done.stderr


async def _client(server: Served, mode: str) -> str:
    headers = {"Authorization": f"Bearer {server.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S, trust_env=False) as web,
        Client(streamable_http_client(server.url, http_client=web), mode=mode) as client,
    ):
        return str((await client.call_tool("list_components", {})).structured_content["components"][0]["name"])


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
def test_the_sdk_client_is_served_in_every_mode(server: Served, mode: str) -> None:
    assert anyio.run(_client, server, mode) == "web"
