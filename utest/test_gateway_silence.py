"""A gateway that says nothing, or not enough: what it costs a run in all, and what the run says of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import builders
import pytest
from mcp_servers import ROOT, a_config, environment, served
from patience import FOREVER_S, PATIENCE_S, wait_until
from test_gateway import a_failure, only_gap
from test_gateway_rogue import handing_over, packed, rogue

from FailTaleLibrary.config import Config
from FailTaleLibrary.config.model import GatewaySettings
from FailTaleLibrary.errors import GatewayError
from FailTaleLibrary.gateway.client import GatewayClient
from FailTaleLibrary.gateway.source import GatewaySource
from FailTaleLibrary.run import Run

SILENCE_S = 0.6
FAILURES = 20

# --- Gateways that do not answer -------------------------------------------------------------------------------------

Act = Callable[[socket.socket], None]


class Listener:
    """A socket on loopback that does one thing with each connection, and keeps them open."""

    def __init__(self, act: Act, *, scheme: str = "http", context: ssl.SSLContext | None = None) -> None:
        self._act = act
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._kept: list[socket.socket] = []
        self._is_over = False
        self.connections = 0
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}/mcp"

    def __enter__(self) -> Listener:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._is_over = True
        for each in self._kept:
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._keep(connection)
            threading.Thread(target=self._speak, args=(connection,), daemon=True).start()

    def _speak(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._keep(connection)
            self._act(connection)

    def _keep(self, connection: socket.socket) -> None:
        self._kept.append(connection)
        if self._is_over:  # it came while this one ended
            connection.close()


def silence(connection: socket.socket) -> None:
    connection.recv(65_536)


def a_head_alone(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n")


def a_byte_now_and_then(connection: socket.socket) -> None:
    connection.recv(65_536)
    for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * 9999:
        connection.sendall(bytes([byte]))
        time.sleep(SILENCE_S / 6)


def comments_alone(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    while True:
        connection.sendall(b": ping\n\n")
        time.sleep(SILENCE_S / 6)


def an_end_after_a_while(connection: socket.socket) -> None:
    connection.recv(65_536)
    time.sleep(SILENCE_S / 2)
    connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "gateway.pem", folder / "gateway.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*words, "-out", str(files[0]), "-keyout", str(files[1])], check=True, capture_output=True)
    return files


def over_tls(act: Act, certificate: tuple[Path, Path]) -> Listener:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return Listener(act, scheme="https", context=context)


SILENT: dict[str, Callable[[tuple[Path, Path]], Listener]] = {
    "accepts and is silent": lambda _: Listener(silence),
    "gets a TLS hello and is silent": lambda _: Listener(silence, scheme="https"),
    "speaks TLS and is silent": lambda certificate: over_tls(silence, certificate),
    "answers a head and no body": lambda _: Listener(a_head_alone),
    "answers a byte now and then": lambda _: Listener(a_byte_now_and_then),
    "keeps a stream open with comments": lambda _: Listener(comments_alone),
    "ends each connection after a while": lambda _: Listener(an_end_after_a_while),
}


def settings_for(url: str, certificate: tuple[Path, Path] | None = None, **more: float) -> GatewaySettings:
    ca_file = certificate[0] if certificate and url.startswith("https") else None
    return GatewaySettings(url=url, ca_file=ca_file, **{"silence_timeout_s": SILENCE_S, **more})


@pytest.mark.parametrize("kind", SILENT)
def test_a_silent_gateway_costs_a_run_of_many_failures_and_marks_one_wait(
    kind: str, certificate: tuple[Path, Path]
) -> None:
    with SILENT[kind](certificate) as gateway:
        run = Run(Config(gateway=settings_for(gateway.url, certificate), bundles={"enabled": False}))
        said, took_s = [], []
        for _ in range(FAILURES):
            began = time.monotonic()
            run.test_began()
            said.append(only_gap(run.collect_failure(a_failure())))
            took_s.append(time.monotonic() - began)
        run.run_ended()
        assert gateway.connections <= 6  # a call, a mark, and looks whether the gateway is there
    assert statistics.median(took_s) < SILENCE_S, "most failures wait for nobody"
    assert "within" in said[0] or "ended" in said[0]
    assert "not tried again" in said[-1]
    assert said[0].startswith(run.trouble.rstrip("."))


def test_a_passing_run_waits_for_no_gateway_whatever_it_does() -> None:
    settings = {"silence_timeout_s": FOREVER_S, "connect_timeout_s": FOREVER_S}
    with Listener(silence) as silent, socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # so that one more gets no answer to its first packet
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        for url in (silent.url, f"http://127.0.0.1:{full.getsockname()[1]}/mcp"):
            run = Run(Config(gateway=settings_for(url, **settings)))
            for _ in range(20):
                run.test_began()
                run.test_passed("passes")
                run.test_ended()
            assert wait_until(lambda: [each for each in threading.enumerate() if each.name == "failtale-gateway"])
            run.run_ended()
            assert wait_until(lambda: not [each for each in threading.enumerate() if "gateway" in each.name])
        for filler in fillers:
            filler.close()


# --- Gateways that answer --------------------------------------------------------------------------------------------


def test_a_gateway_that_is_slow_but_well_is_waited_for() -> None:
    """A collection takes longer than silence may last."""
    record = handing_over(packed({**a_small_record()}))

    def slowly(tool: str, arguments: dict[str, object]) -> object:
        time.sleep(6.0 if tool == "runner_collect" else 0.5)
        return record(tool, arguments)

    with rogue(slowly) as url:
        source = GatewaySource(Config(gateway=settings_for(url, silence_timeout_s=5.0)))
        told = source._wire.call("runner_collect", {}, timeout_s=PATIENCE_S)
        source.close()
    assert told["failure_id"]


def a_small_record() -> dict[str, object]:
    report = builders.a_report()
    plan, evidence = (each.model_dump(mode="json") for each in (report.plan, report.evidence))
    return {"schema_version": 1, "plan": plan, "evidence": evidence, "full_texts": {}}


def test_a_gateway_that_hangs_between_mark_and_failure_costs_one_wait_and_serves_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    with served(tmp_path, "--config", str(a_config(tmp_path))) as server:
        settings = settings_for(server.url, silence_timeout_s=2.0)
        settings = settings.model_copy(update={"token_file": server.token_file})
        client = GatewayClient(settings, pause_s=0.5)
        assert wait_until(lambda: serves(client))
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        for _ in range(8):
            with pytest.raises(GatewayError, match="no response within 2 s"):
                client.call("runner_components", {}, timeout_s=FOREVER_S)
            time.sleep(0.1)  # so that it is tried again, in the background
        assert time.monotonic() - began < 8 * 2.0 / 2
        server.process.send_signal(signal.SIGCONT)
        assert wait_until(lambda: serves(client))
        client.close()


def serves(client: GatewayClient) -> bool:
    with contextlib.suppress(GatewayError):
        return bool(client.call("runner_components", {}, timeout_s=PATIENCE_S))
    return False


def test_processes_of_one_run_wait_together_no_longer_than_one() -> None:
    with Listener(silence) as gateway:
        first, second, stranger = (GatewayClient(settings_for(gateway.url)) for _ in range(3))
        for client, run in ((first, "this run"), (second, "this run"), (stranger, "another")):
            client.shared_by(run)
        with pytest.raises(GatewayError, match="no response within"):
            first.call("runner_collect", {}, timeout_s=PATIENCE_S)
        asked = gateway.connections
        with pytest.raises(GatewayError, match="no response within .*not tried again"):
            second.call("runner_collect", {}, timeout_s=PATIENCE_S)
        assert gateway.connections == asked
        with pytest.raises(GatewayError, match=r"says nothing\.$"):
            stranger.call("runner_collect", {}, timeout_s=PATIENCE_S)
        assert gateway.connections > asked


# --- What is said ----------------------------------------------------------------------------------------------------


def answering(status: str, body: bytes = b"", *headers: str) -> Act:
    def act(connection: socket.socket) -> None:
        connection.recv(65_536)
        head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""))
        connection.sendall(head.encode() + body)

    return act


def an_error(code: int, message: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}).encode()


OLD_SDK = an_error(-32600, "Bad Request: Missing session ID")
REASONS: dict[str, tuple[Callable[[tuple[Path, Path]], Listener], str]] = {
    "a wrong token": (
        lambda _: Listener(answering("401 Unauthorized")),
        "refuses the token; check 'gateway.token_file'",
    ),
    "an old server": (
        lambda _: Listener(answering("400 Bad Request", an_error(-32022, "no"))),
        "update FailTale there",
    ),
    "an old SDK": (lambda _: Listener(answering("400 Bad Request", OLD_SDK)), "update FailTale there"),
    "a wrong path": (lambda _: Listener(answering("404 Not Found")), "nothing is served at the path '/mcp'"),
    "another name": (lambda _: Listener(answering("421 Misdirected Request")), "start it with --allow-host"),
    "a redirect": (
        lambda _: Listener(answering("308 Permanent Redirect", b"", "Location: https://gateway.example.org/mcp")),
        "leads to 'https://gateway.example.org/mcp'",
    ),
    "no MCP": (lambda _: Listener(answering("200 OK", b"<html>")), "gave no answer of a FailTale server"),
    "self-signed": (lambda pair: over_tls(silence, pair), "set gateway.ca_file"),
    "no TLS": (lambda _: Listener(answering("400 Bad Request"), scheme="https"), "is 'https' right?"),
}


@pytest.mark.parametrize("reason", REASONS)
def test_the_reason_is_told_with_what_to_do(reason: str, certificate: tuple[Path, Path]) -> None:
    make, words = REASONS[reason]
    with make(certificate) as gateway:
        run = Run(Config(gateway=settings_for(gateway.url, silence_timeout_s=60.0), bundles={"enabled": False}))
        said = [only_gap(run.collect_failure(a_failure())) for _ in range(3)]
        run.run_ended()
        asked = gateway.connections
    assert words in said[0]
    assert "not tried again" in said[2]
    assert asked <= 2  # on a busy machine, one of them looks whether the gateway is there
    assert run.trouble == said[0]


def test_a_token_that_is_no_header_is_refused_without_repeating_it() -> None:
    with Listener(silence) as gateway:
        settings = GatewaySettings(url=gateway.url, token="secret\nX-Other: 1")
        with pytest.raises(GatewayError, match="not one word of ASCII") as refused:
            GatewayClient(settings).call("runner_collect", {}, timeout_s=1.0)
    assert "secret" not in str(refused.value)


SUITE = "*** Test Cases ***\n" + "".join(f"Order {number}\n    Fail    it is down\n" for number in range(FAILURES))


def test_robots_last_line_gives_the_reason_once(tmp_path: Path) -> None:
    (tmp_path / "suite.robot").write_text(SUITE)
    with Listener(silence) as gateway:
        config = f"gateway: {{url: '{gateway.url}', silence_timeout: {SILENCE_S} s}}\n"
        (tmp_path / "runner.yaml").write_text(config)
        path = os.pathsep.join([str(ROOT / "listeners"), environment(tmp_path)["PYTHONPATH"]])
        done = subprocess.run(
            [sys.executable, "-m", "robot", "--listener", "FailTaleListener:runner.yaml", "suite.robot"],
            env={**environment(tmp_path), "PYTHONPATH": path},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == FAILURES, done.stderr
    (line,) = (line for line in done.stderr.splitlines() if "Cannot reach the gateway" in line)
    assert line.startswith(f"FailTale: collected evidence for {FAILURES} failed tests from 0 hosts")
    assert f"no response within {SILENCE_S:g} s" in line
