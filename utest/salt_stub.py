"""A stand-in for salt-api and its master, with any number of minions behind it: it replays what a real one answered.

What rest_cherrypy of Salt 3008.4 answered to a login, a job, a runner, and to what external_auth does not allow was
recorded on 2026-11-26; names, ids and times are filled in here. A minion is a function: name of Salt's function and its
arguments in, what it returns out; None: it is silent. `ModuleMinion` runs the very module that `failtale gate --salt`
writes, `shell_minion` what ``cmd.run_all`` runs.
"""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import re
import secrets
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MinionOf = Callable[[str, Mapping[str, Any]], Any]
_NOT_ALLOWED = """<!DOCTYPE html PUBLIC
"-//W3C//DTD XHTML 1.0 Transitional//EN"
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html>
<head>
    <title>401 Unauthorized</title>
</head>
    <body>
        <h2>401 Unauthorized</h2>
        <p>No permission -- see authorization schemes</p>
    </body>
</html>
"""
_MODULE = ("failtale.hello", "failtale.collect", "failtale.end")
_COMMANDS = ("cmd.run_all",)
_JOBS = ("jobs.list_job", "jobs.exit_success")


class ModuleMinion:
    """A minion that has the module: each job runs on this machine, in a thread, as with ``multiprocessing: False``."""

    def __init__(self, minion: str, module: str, *, salt: Mapping[str, Any] | None = None) -> None:
        """``salt``: functions of the minion that the module may call."""
        functions = {"saltutil.is_running": lambda _: []} if salt is None else salt
        self.id = minion
        self._space: dict[str, Any] = {"__opts__": {"id": minion}, "__salt__": functions}
        exec(compile(module, "failtale.py", "exec", dont_inherit=True), self._space)

    def __call__(self, function: str, arguments: Mapping[str, Any]) -> Any:
        name = function.removeprefix("failtale.")
        named = dict(arguments) if name != "hello" else {}
        if name == "end":
            named.pop("__pub_jid", None)
        return self._space[name](**named)


class RecordedMinion:
    """Many minions that are alike: the first request of a kind runs, the others get what it gave, with their nonces."""

    def __init__(self, real: ModuleMinion) -> None:
        self._real = real
        self._told: dict[str, tuple[bytes, tuple[str, str], Mapping[str, Any]]] = {}

    def __call__(self, function: str, arguments: Mapping[str, Any]) -> Any:
        if function != "failtale.collect":
            return self._real(function, arguments)
        request = request_for(arguments, self._real.id)
        items = request.partition("\n")[2]
        if items not in self._told:
            told = self._real(function, arguments)
            self._told[items] = (zlib.decompress(base64.b64decode(told["data"])), nonces_of(request), told)
        data, old, told = self._told[items]
        for before, now in zip(old, nonces_of(request), strict=True):
            data = data.replace(before.encode(), now.encode())
        now_s = time.time()
        return {**told, "data": base64.b64encode(zlib.compress(data)).decode(), "clock": [now_s - 0.2, now_s]}


def shell_minion(function: str, arguments: Mapping[str, Any]) -> Any:
    """A minion that runs commands of anybody who may call ``cmd.run_all``."""
    if function != "cmd.run_all":
        return True
    child = subprocess.Popen(
        ["/bin/sh", "-c", arguments["cmd"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    stdout, stderr = child.communicate(arguments.get("stdin", "").encode())
    told = [stream.decode("utf-8", "replace") for stream in (stdout, stderr)]
    trimmed = ["VALUE_TRIMMED" if len(text) > 1_000_000 else text for text in told]
    return {"pid": child.pid, "retcode": child.returncode, "stdout": trimmed[0], "stderr": trimmed[1]}


def silent(function: str, arguments: Mapping[str, Any]) -> None:
    """A minion that is down, or frozen."""


@dataclass
class SaltStub:
    """One master, and what was asked of it."""

    minions: dict[str, MinionOf]
    user: str = "failtale"
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    allowed: tuple[str, ...] = (*_MODULE, *_COMMANDS, *_JOBS)
    url: str = ""
    mishap: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
    """What happens instead of an answer; whether something did."""
    logins: int = 0
    jobs: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Function and minions of each job, in their order."""
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    """Their arguments."""
    tokens: set[str] = field(default_factory=set)
    lifetime_s: float = 43_200.0
    has_events: bool = True
    """Whether there is an event stream."""
    is_away: bool = False
    """Whether salt-api is just being started anew; the master and its minions go on. See `goes_away`."""
    _listeners: list[queue.SimpleQueue[str]] = field(default_factory=list)
    _returns: dict[str, dict[str, Any]] = field(default_factory=dict)
    _meant: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def jobs_of(self, function: str) -> list[tuple[str, ...]]:
        """The minions of each job of one function."""
        return [minions for name, minions in self.jobs if name == function]

    def answer(self, path: str, token: str, data: Any) -> tuple[int, str, str]:
        """Status, type and body."""
        if path == "/login":
            return self._login(data)
        low = data[0]
        if token not in self.tokens or low["fun"] not in self.allowed:
            return 401, "text/html;charset=utf-8", _NOT_ALLOWED
        if low["client"] == "runner":
            told: Any = self._run(low["fun"], low["kwarg"]["jid"])
        else:
            told = self._publish(low)
        return 200, "application/json", json.dumps({"return": [told]})

    def events(self) -> Iterator[str]:
        """What the stream sends to one who listens, until nobody does."""
        mine: queue.SimpleQueue[str] = queue.SimpleQueue()
        with self._lock:
            self._listeners.append(mine)
        try:
            yield "retry: 400\n"
            while True:
                try:
                    told = mine.get(timeout=1.0)
                except queue.Empty:
                    told = 'tag: salt/beacon\ndata: {"tag": "salt/beacon", "data": {}}\n\n'
                if self.is_away:
                    return
                yield told
        finally:
            with self._lock:
                self._listeners.remove(mine)

    def goes_away(self) -> None:
        """As a salt-api does that is ended: its streams end, and no call gets an answer until `is_away` is over."""
        self.is_away = True
        with self._lock:
            for each in self._listeners:
                each.put("\n")

    def _login(self, data: Mapping[str, str]) -> tuple[int, str, str]:
        self.logins += 1
        if (data.get("username"), data.get("password")) != (self.user, self.password):
            return 401, "text/html;charset=utf-8", _NOT_ALLOWED
        token, now = secrets.token_hex(20), time.time()
        self.tokens.add(token)
        told = {"token": token, "start": now, "expire": now + self.lifetime_s, "user": self.user, "eauth": "pam"}
        return 200, "application/json", json.dumps({"return": [{**told, "perms": [{"*": list(self.allowed)}]}]})

    def _publish(self, low: Mapping[str, Any]) -> Any:
        meant = tuple(each for each in low["tgt"] if each in self.minions)
        self.jobs.append((low["fun"], tuple(low["tgt"])))
        arguments = low.get("kwarg", {})
        self.asked.append(arguments)
        if not meant:
            return {}
        job = f"2026112611{secrets.randbelow(10**10):010d}"
        self._meant[job], self._returns[job] = meant, {}
        threading.Thread(target=self._work, args=(job, low["fun"], meant, arguments), daemon=True).start()
        return {"jid": job, "minions": list(meant)}

    def _work(self, job: str, function: str, meant: tuple[str, ...], arguments: Mapping[str, Any]) -> None:
        """Those that run something get a thread each; the others, thousands, none."""
        for minion in meant:
            behaviour = self.minions[minion]
            if isinstance(behaviour, ModuleMinion) or behaviour is shell_minion:
                work = (job, minion, function, {**arguments, "__pub_jid": job})
                threading.Thread(target=self._return, args=work, daemon=True).start()
            else:
                self._return(job, minion, function, arguments)

    def _return(self, job: str, minion: str, function: str, arguments: Mapping[str, Any]) -> None:
        if self.minions[minion] is shell_minion:
            arguments = {name: value for name, value in arguments.items() if name != "__pub_jid"}
        returned = self.minions[minion](function, arguments)
        if returned is not None:
            with self._lock:
                self._returns[job][minion] = returned
                listeners = tuple(self._listeners)
            data = {"cmd": "_return", "id": minion, "success": True, "return": returned, "jid": job, "fun": function}
            event = json.dumps({"tag": f"salt/job/{job}/ret/{minion}", "data": data})
            for each in listeners:
                each.put(f"tag: salt/job/{job}/ret/{minion}\ndata: {event}\n\n")

    def _run(self, function: str, job: str) -> Any:
        with self._lock:
            returns = dict(self._returns.get(job, {}))
        if function == "jobs.exit_success":
            return {minion: minion in returns for minion in self._meant.get(job, ())}
        result = {minion: {"return": told, "retcode": 0, "success": True} for minion, told in returns.items()}
        return {"jid": job, "Minions": list(self._meant.get(job, ())), "Target-type": "list", "Result": result}


@contextmanager
def serving(stub: SaltStub, *, certificate: tuple[Path, Path] | None = None) -> Iterator[SaltStub]:
    """The stub on a port of this machine; ``certificate``: files of certificate and key, for https."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if stub.is_away:
                self.close_connection = True
                return
            if stub.mishap(self):
                return
            status, kind, text = stub.answer(self.path, self.headers.get("X-Auth-Token", ""), data)
            reply(self, status, kind, text)

        def do_GET(self) -> None:
            if stub.is_away:
                self.close_connection = True
                return
            if self.path != "/events" or not stub.has_events or self.headers.get("X-Auth-Token") not in stub.tokens:
                reply(self, 401 if self.path == "/events" and stub.has_events else 404, "text/html", _NOT_ALLOWED)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream;charset=utf-8")
            self.send_header("Connection", "close")
            self.end_headers()
            with contextlib.suppress(OSError):
                for text in stub.events():
                    self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    stub.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


def reply(handler: BaseHTTPRequestHandler, status: int, kind: str, text: str) -> None:
    """One answer."""
    body = text.encode()
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def request_for(arguments: Mapping[str, Any], minion: str) -> str:
    """What a job asks one minion for."""
    return str(arguments["requests"][arguments["whose"].get(minion, 0)])


def nonces_of(request: str) -> tuple[str, str]:
    """The visit's own and its items'."""
    words = re.findall(r"\A([0-9a-f]{16}) ([0-9a-f]{16}) ", request)
    return words[0][0], words[0][1]
