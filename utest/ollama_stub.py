"""An Ollama server that fails in one chosen way, for tests; also `python utest/ollama_stub.py ROW` on a terminal.

Each row of `ROWS` is one way in which a server can disappoint; `tags`, `show` and `chat` may each have their own.
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "small:1b"
GOOD_ANSWER = {
    "evidence": ["E1"],
    "cause": "The backup held a lock on orders.db, so the database is locked.",
    "component": "storage",
    "category": "environment",
    "confidence": "high",
    "next_steps": ["Find who held the lock at that time."],
}
HTML = "<!doctype html><html><body><h1>It works</h1><script>alert(1)</script></body></html>"


@dataclass
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class OllamaStub:
    """A server on loopback; use it as a context manager."""

    chat: str = "ok"
    tags: str = "ok"
    show: str = "ok"
    answer: Any = field(default_factory=lambda: dict(GOOD_ANSWER))
    """An object, sent as JSON, or a text, sent as it is."""
    model: str = MODEL
    listed: dict[str, Any] = field(default_factory=dict)
    """More fields of the model's entry in /api/tags."""
    shown: dict[str, Any] = field(default_factory=dict)
    """More fields of /api/show."""
    context_length: int = 32_768
    prompt_tokens: int | None = 900
    answer_tokens: int = 60
    done_reason: str = "stop"
    embed: str = "ok"
    vector_of: Callable[[str], list[float]] = lambda text: [1.0, float("lock" in text)]
    """A text -> its embedding."""
    requests: list[Request] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when a client hung up on a server that was silent or dripping."""
    closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> OllamaStub:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stub: OllamaStub

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        stub = self.server.stub
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        stub.requests.append(Request(method, self.path, dict(self.headers), json.loads(raw) if raw else None))
        row, good = {
            "/api/tags": (stub.tags, self.good_tags),
            "/api/show": (stub.show, self.good_show),
            "/api/chat": (stub.chat, self.good_chat),
            "/api/embed": (stub.embed, self.good_embed),
        }.get(self.path, ("html 404", self.good_tags))
        if row == "ok":
            good()
        else:
            ROWS[row](self)

    # --- What a healthy server says ----------------------------------------------------------------------------------

    def good_tags(self) -> None:
        stub = self.server.stub
        entry = {"name": stub.model, "model": stub.model, "digest": "d1", "details": {"family": "llama"}}
        self.send(200, {"models": [{**entry, **stub.listed}]})

    def good_show(self) -> None:
        stub = self.server.stub
        info = {"general.architecture": "llama", "llama.context_length": stub.context_length}
        self.send(200, {"model_info": info, "capabilities": ["completion"], **stub.shown})

    def good_embed(self) -> None:
        stub = self.server.stub
        texts = stub.requests[-1].body["input"]
        self.send(200, {"embeddings": [stub.vector_of(text) for text in texts]})

    def good_chat(self) -> None:
        stub = self.server.stub
        text = stub.answer if isinstance(stub.answer, str) else json.dumps(stub.answer)
        self.begin_stream()
        for start in range(0, len(text), 20):
            self.chunk(part(text[start : start + 20]))
        self.chunk(
            part("")
            | {
                "done": True,
                "done_reason": stub.done_reason,
                "prompt_eval_count": stub.prompt_tokens,
                "eval_count": stub.answer_tokens,
            }
        )
        self.end_stream()

    # --- Wire --------------------------------------------------------------------------------------------------------

    def send(self, status: int, body: Any, *, kind: str = "application/json", **headers: str) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, value: Any) -> None:
        data = (value if isinstance(value, str) else json.dumps(value)).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def wait_for_hang_up(self) -> None:
        """Until the client leaves or the test ends."""
        self.connection.settimeout(0.02)
        while not self.server.stub.closing.is_set():
            try:
                if not self.connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.server.stub.gone.set()
        self.close_connection = True


def part(content: str) -> dict[str, Any]:
    return {
        "model": MODEL,
        "created_at": "2026-03-14T12:00:00Z",
        "done": False,
        "message": {"role": "assistant", "content": content},
    }


# --- Ways to disappoint ----------------------------------------------------------------------------------------------


def _status(status: int, body: Any, kind: str = "application/json") -> Callable[[_Handler], None]:
    return lambda handler: handler.send(status, body, kind=kind)


def _drip(handler: _Handler) -> None:
    """A byte of the answer now and then, for ever."""
    stub = handler.server.stub
    handler.begin_stream()
    try:
        while not stub.closing.wait(0.03):
            handler.chunk(part("x"))
    except OSError:
        stub.gone.set()


def _drip_headers(handler: _Handler) -> None:
    """A header line now and then: the answer never begins."""
    stub = handler.server.stub
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not stub.closing.wait(0.03):
            handler.wfile.write(b"X-Wait: 1\r\n")
            handler.wfile.flush()
    except OSError:
        stub.gone.set()
    handler.close_connection = True


def _silent_after_start(handler: _Handler) -> None:
    handler.begin_stream()
    handler.chunk(part('{"evidence'))
    handler.wait_for_hang_up()


def _cut(handler: _Handler) -> None:
    """Fewer bytes than were promised."""
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"models": [')
    handler.hang_up()


def _dies(handler: _Handler) -> None:
    handler.begin_stream()
    handler.chunk(part('{"evidence'))
    handler.hang_up()


def _streamed(*values: Any) -> Callable[[_Handler], None]:
    def stream(handler: _Handler) -> None:
        handler.begin_stream()
        for value in values:
            handler.chunk(value)
        handler.end_stream()

    return stream


def _redirect(handler: _Handler) -> None:
    stub = handler.server.stub
    handler.send(302, "", Location=f"{stub.url}/elsewhere")


_TOO_LONG = "the prompt is longer than the context length currently available to the model"
_DONE = {"done": True, "done_reason": "stop", "prompt_eval_count": 900, "eval_count": 3}

ROWS: dict[str, Callable[[_Handler], None]] = {
    "silent": _Handler.wait_for_hang_up,
    "silent after start": _silent_after_start,
    "dripping": _drip,
    "dripping headers": _drip_headers,
    "404 model": _status(404, {"error": f"model '{MODEL}' not found"}),
    "404 html": _status(404, HTML, "text/html"),
    "html 404": _status(404, "404 page not found", "text/plain"),
    "400": _status(400, {"error": f'"{MODEL}" does not support thinking'}),
    "400 too long": _status(400, {"error": _TOO_LONG}),
    "401": _status(401, {"error": "unauthorized", "signin_url": "https://ollama.com/connect"}),
    "403": _status(403, {"error": "remote model details are unavailable"}),
    "500": _status(500, {"error": "model requires more system memory (9.6 GiB) than is available (3.1 GiB)"}),
    "500 json text": _status(500, '"oops"'),
    "500 json list": _status(500, "[1, 2]"),
    "502 html": _status(502, HTML, "text/html"),
    "503": _status(503, {"error": "server busy, please try again.  maximum pending requests exceeded"}),
    "200 html": _status(200, HTML, "text/html"),
    "200 empty": _status(200, ""),
    "200 list": _status(200, "[1, 2]"),
    "200 text": _status(200, '"oops"'),
    "wrong shape": _status(200, {"choices": [{"message": {"content": "x"}}]}),
    "cut body": _cut,
    "dies": _dies,
    "no done": _streamed(part('{"evidence')),
    "no content": _streamed({"model": MODEL, "message": {"role": "assistant"}, **_DONE}),
    "garbage in the middle": _streamed(part('{"evidence'), "not json"),
    "error in the middle": _streamed(part('{"evidence'), {"error": "CUDA error: out of memory"}),
    "length": _streamed(part('{"evidence": ["E1"], "cause": "The back'), part("") | _DONE | {"done_reason": "length"}),
    "load": _streamed(part("") | _DONE | {"done_reason": "load"}),
    "no end": _streamed(*[part("x" * 5000)] * 30),
    "redirect": _redirect,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="An Ollama server that fails in one way, until Enter is pressed.")
    parser.add_argument("row", choices=["ok", *ROWS], help="how /api/chat behaves")
    with OllamaStub(chat=parser.parse_args().row) as stub:
        print(stub.url, flush=True)
        input()


if __name__ == "__main__":
    main()
