"""Configurations with local hosts, a real `failtale serve` process, and raw HTTP to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from patience import PATIENCE_S

ROOT = Path(__file__).parent.parent
VERSION = "2026-07-28"
TWO_HOSTS = """\
components:
  web:
    description: The web tier
    collectors:
      - {name: state, command: 'echo all is well'}
      - {name: web.log, file: LOG}
hosts:
  web1: {component: web, transport: local}
  web2: {component: web, transport: local}
"""


def a_config(folder: Path, text: str = TWO_HOSTS) -> Path:
    """failtale.yaml in a folder, with a log of 200 lines of just now in place of ``LOG``."""
    log = folder / "web.log"
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
    log.write_text("".join(f"{stamp} INFO request {number} served\n" for number in range(200)))
    path = folder / "failtale.yaml"
    path.write_text(text.replace("LOG", str(log)))
    return path


def is_running(marker: str) -> bool:
    """Whether a process on this machine has this word in its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker.encode() in path.read_bytes().split(b"\0"):
                return True
    return False


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    url: str
    token: str
    token_file: Path
    audit_file: Path

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def marks(self) -> int:
        """How many a runner has had it take."""
        return self.audit_file.read_text().count('"name": "runner_mark"') if self.audit_file.exists() else 0

    def post(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        address: str = "127.0.0.1",
    ) -> tuple[int, str]:
        """One request of the stateless protocol as raw HTTP: (status, body). A header that is None is left out.

        ``address``: where it comes from.
        """
        body = self.body(method, params or {})
        return self.send(body, headers={**self.headers(method, params or {}), **(headers or {})}, address=address)

    def send(self, body: str, *, headers: Mapping[str, str | None], address: str = "127.0.0.1") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S, source_address=(address, 0))
        try:
            connection.putrequest("POST", "/mcp", skip_host="Host" in headers)
            for name, value in headers.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body.encode())))
            connection.endheaders()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # an oversized body may be refused early
                connection.send(body.encode())
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def body(self, method: str, params: Mapping[str, Any]) -> str:
        meta = {
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        }
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}})

    def headers(self, method: str, params: Mapping[str, Any]) -> dict[str, str]:
        named = {"Mcp-Name": str(params["name"])} if method in ("tools/call", "prompts/get") else {}
        return {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSION,
            "Mcp-Method": method,
            **named,
        }


def answer_in(body: str) -> dict[str, Any]:
    """The JSON-RPC message of a body, which may be an event stream."""
    lines = [line[5:].strip() for line in body.splitlines() if line.startswith("data:")]
    messages = [json.loads(line) for line in lines if line] or [json.loads(body)]
    return next(message for message in messages if "id" in message)


def command(*arguments: str) -> list[str]:
    """The command line of `failtale`, as this source tree has it."""
    return [sys.executable, "-c", "import sys; from FailTaleLibrary.cli import main; sys.exit(main())", *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Without anything of the user's: a home of its own, no configuration, no coverage of warnings."""
    keep = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "PYTHONPATH")}
    return {**keep, "HOME": str(folder), "PYTHONPATH": os.pathsep.join([str(ROOT), keep.get("PYTHONPATH", "")])}


@contextlib.contextmanager
def served(folder: Path, *arguments: str, prefix: tuple[str, ...] = ()) -> Iterator[Served]:
    """`failtale serve` on a free port of loopback; ended when the block is left."""
    token_file, audit_file = folder / "token", folder / "audit.jsonl"
    options = ("--token-file", str(token_file), "--audit-file", str(audit_file))
    port = () if "--port" in arguments else ("--port", "0")
    process = subprocess.Popen(
        [*prefix, *command("serve", *options, *port, *arguments)],
        env=environment(folder),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "listening on " in said, said + process.stderr.read()
        url = said.split("listening on ")[1].split(";")[0]
        yield Served(process, url, token_file.read_text().strip(), token_file, audit_file)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the group, because `faketime` starts it as a child
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


OPEN_SERVER = """
import logging
import sys
import uvicorn
from pathlib import Path
from FailTaleLibrary.config import load_config
from FailTaleLibrary.mcp_server import build_server, http_application
from FailTaleLibrary.mcp_server.queue import CollectionQueue
from FailTaleLibrary.mcp_server.access import Rate
from FailTaleLibrary.mcp_server.http import listen
from FailTaleLibrary.mcp_server.store import Store

logging.disable()  # a suite that asks for what is not here has each refusal drawn as a traceback
listening = listen("127.0.0.1", 0)
port = listening.getsockname()[1]
rate = Rate(per_second=1e6, burst=1_000_000)
server = build_server(Store(), CollectionQueue(load_config(Path(sys.argv[1]))), reading=rate, asking=rate)
print(port, flush=True)
uvicorn.Server(
    uvicorn.Config(http_application(server, port=port), log_level="error", timeout_graceful_shutdown=1)
).run(sockets=[listening])
"""


@contextlib.contextmanager
def opened(folder: Path, config: Path) -> Iterator[str]:
    """The address of the same application without its token guard and without rates; no switch of ours does that."""
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN_SERVER, str(config)],
        env=environment(folder),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
