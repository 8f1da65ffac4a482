"""Who has no token: how little it can take from those who have one, and what it can make the server say."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import resource
import selectors
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mcp_servers import Served, a_config, answer_in, served
from patience import PATIENCE_S, wait_until

from FailTaleLibrary.cli import main
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.mcp_server import admission
from FailTaleLibrary.mcp_server.access import Callers, token_from
from FailTaleLibrary.mcp_server.audit import Audit
from FailTaleLibrary.mcp_server.http import Seldom, listen

PROXY = "127.0.0.2"
"""Trusted; on loopback a request may come from any 127.*."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that tests share."""
    folder = tmp_path_factory.mktemp("strangers")
    with served(folder, "--config", str(a_config(folder)), "--trusted-proxy", PROXY) as running:
        yield running


# --- A thousand at a time --------------------------------------------------------------------------------------------

HEAD = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
WORST = {
    "idle": b"",
    "half a request": HEAD,
    "a slow body": HEAD + b"Content-Length: 200000\r\n\r\n{",
    "a body without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n" + b"x" * 50_000,
    "a head without end": HEAD + b"X-Long: " + b"y" * 60_000,
    "many headers": HEAD + b"".join(b"X-%d: z\r\n" % number for number in range(3000)),
    "garbage": bytes(range(256)) * 100,
    "garbage that ends": b"\x1b]0;mine\x07\xff\xfe\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    "no token": HEAD + b"Content-Length: 2\r\n\r\n{}",
    "a wrong token": HEAD + b"Authorization: Bearer " + b"x" * 43 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "a forged caller": HEAD + b"X-Forwarded-For: " + b"9" * 9000 + b"\r\n\r\n",
}


class Hostile:
    """So many connections to a port, each doing one of the worst, and anew as soon as it is ended."""

    PAUSE_S = 0.05
    """Between looks at them all: what they do, not how often, is what a server must stand."""

    def __init__(self, port: int, number: int) -> None:
        self._port = port
        self._number = number
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._do_their_worst, daemon=True)
        self.begun: Counter[str] = Counter()

    def __enter__(self) -> Hostile:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)

    def _do_their_worst(self) -> None:
        kinds = list(WORST)
        with selectors.DefaultSelector() as selector:
            for number in range(self._number):
                self._connect(selector, kinds[number % len(kinds)])
            while not self._stop.wait(self.PAUSE_S):
                for key, events in selector.select(0):
                    self._go_on(selector, key, events)
            for key in list(selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]

    def _connect(self, selector: selectors.BaseSelector, kind: str) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", self._port))
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, [kind, WORST[kind]])
        self.begun[kind] += 1

    def _go_on(self, selector: selectors.BaseSelector, key: selectors.SelectorKey, events: int) -> None:
        connection, (kind, unsent) = key.fileobj, key.data
        assert isinstance(connection, socket.socket)
        try:
            if events & selectors.EVENT_WRITE and unsent:
                key.data[1] = unsent[connection.send(unsent) :]
            if not key.data[1]:
                selector.modify(connection, selectors.EVENT_READ, key.data)
            if events & selectors.EVENT_READ and not connection.recv(65_536):
                raise ConnectionError
        except BlockingIOError:
            pass
        except OSError:
            selector.unregister(connection)
            connection.close()
            self._connect(selector, kind)


def open_files(wanted: int) -> int:
    """How many connections this process may open, at most as many as wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + 300 <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + 300, hard))
    return min(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 300)


def memory_peak_kb(process: subprocess.Popen[str]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


CALLS = 4


def test_a_caller_is_served_while_a_thousand_strangers_do_their_worst(tmp_path: Path) -> None:
    with served(tmp_path, "--config", str(a_config(tmp_path))) as server:
        before = memory_peak_kb(server.process)
        with Hostile(server.port, open_files(1000)) as hostile:
            assert wait_until(lambda: sum(hostile.begun.values()) > 1500)
            for number in range(CALLS):
                status, body = server.post(
                    "tools/call",
                    {"name": "collect_evidence", "arguments": {"name": f"T{number}", "since_s": 60}},
                )
                assert status == 200
                assert "4 items from 2 hosts, 0 gaps" in answer_in(body)["result"]["structuredContent"]["text"]
            assert all(hostile.begun[kind] for kind in WORST)
        assert memory_peak_kb(server.process) - before < 100_000
        server.process.terminate()
        _, said = server.process.communicate(timeout=PATIENCE_S)
        assert len(said) < 5_000
        assert "Traceback" not in said
        assert len(server.audit_file.read_text().splitlines()) == CALLS


# --- Time ------------------------------------------------------------------------------------------------------------


def connected(server: Served, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
    connection.sendall(sent)
    return connection


def all_that_comes(connection: socket.socket) -> bytes:
    """Until the other side ends the connection."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while chunk := connection.recv(65_536):
            data += chunk
    return data


def caller_head(server: Served, more: str) -> bytes:
    head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n{more}"
    return head.encode()


def test_who_brings_nothing_in_time_is_let_go(server: Served) -> None:
    """Strangers and callers, also those who drip."""
    answered = caller_head(server, "Content-Length: 0\r\n\r\n")
    waiting = {
        "a stranger": connected(server),
        "a stranger who drips": connected(server),
        "half a request": connected(server, HEAD),
        "half a body": connected(server, caller_head(server, "Content-Length: 9000\r\n\r\n{")),
        "a body that drips": connected(server, caller_head(server, "Content-Length: 9000\r\n\r\n{")),
        "half of the next": connected(server, answered + b"POST /mcp HT"),
        "half of the next that drips": connected(server, answered + b"POST /mcp HTTP/1.1\r\nX-Y: "),
    }
    came = dict.fromkeys(waiting, b"")

    def is_over(name: str) -> bool:
        """Whether the other side has ended it; a byte more drips in."""
        with contextlib.suppress(TimeoutError):
            try:
                if name.endswith("drips"):
                    waiting[name].send(b"x")
                chunk = waiting[name].recv(65_536)
            except ConnectionError:
                return True
            came[name] += chunk
            return not chunk
        return False

    left = set(waiting)
    for connection in waiting.values():
        connection.settimeout(0.05)
    assert wait_until(lambda: not left.difference_update([name for name in left if is_over(name)]) and not left), left
    for connection in waiting.values():
        connection.close()
    answers = {name: data.count(b"HTTP/1.1") for name, data in came.items()}
    assert answers == {name: int("next" in name) for name in waiting}


@pytest.mark.parametrize(
    ("kind", "status"),
    [("a slow body", b"401"), ("no token", b"401"), ("a wrong token", b"401"), ("a head without end", b"431")],
)
def test_a_stranger_is_refused_once_and_then_let_go(server: Served, kind: str, status: bytes) -> None:
    with connected(server, WORST[kind]) as connection:
        answer = all_that_comes(connection)
    assert answer.startswith(b"HTTP/1.1 " + status + b" ")
    assert answer.count(b"HTTP/1.1") == 1


# --- Addresses -------------------------------------------------------------------------------------------------------


def caller_in_audit(server: Served, forwarded: str, *, address: str = "127.0.0.1") -> str:
    lines = len(server.audit_file.read_text().splitlines()) if server.audit_file.exists() else 0
    asked = {"name": "list_failures", "arguments": {}}
    status, _ = server.post("tools/call", asked, headers={"X-Forwarded-For": forwarded}, address=address)
    assert status == 200
    (line,) = server.audit_file.read_text().splitlines()[lines:]
    return line


@pytest.mark.parametrize("forwarded", ["203.0.113.7", "hunter2" * 1000, "127.0.0.1, 203.0.113.7"])
def test_no_forwarded_address_is_believed_unless_a_proxy_is_trusted(server: Served, forwarded: str) -> None:
    assert '"caller": "127.0.0.1"' in caller_in_audit(server, forwarded)


def test_a_trusted_proxy_tells_who_calls(server: Served) -> None:
    assert '"caller": "203.0.113.7"' in caller_in_audit(server, "198.51.100.1, 203.0.113.7", address=PROXY)
    assert f'"caller": "{PROXY}"' in caller_in_audit(server, "my secret is out", address=PROXY)


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.0.0.9", "203.0.113.7"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "10.0.0.7, 10.0.0.9", "10.0.0.7"),
        ("10.0.0.1", "2001:DB8:0::1", "2001:db8::1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7:1234", "10.0.0.1"),
        ("10.0.0.1", "fe80::1%\x1b]0;x\x07", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7, unknown", "10.0.0.1"),
        ("192.0.2.1", "203.0.113.7", "192.0.2.1"),
        ("", "203.0.113.7", ""),
    ],
)
def test_who_calls_is_the_nearest_address_that_is_no_proxys(peer: str, forwarded: str, caller: str) -> None:
    scope = {
        "client": (peer, 1) if peer else None,
        "headers": [(b"x-forwarded-for", each.strip().encode()) for each in forwarded.split(",")],
    }
    assert Callers(["10.0.0.0/8"]).caller_of(scope) == caller


@pytest.mark.parametrize("value", ["*", "gateway", "10.0.0.1/8", "", "\x1b[2J"])
def test_what_is_no_address_is_no_trusted_proxy(value: str) -> None:
    with pytest.raises(ConfigError, match="takes an address or a network"):
        Callers([value])


class _Connection:
    """What `Admission` sees of a stranger's connection."""

    def __init__(self, places: admission.Admission, address: str) -> None:
        self._places = places
        self.address = address
        self.is_ended = False

    def shutdown(self) -> None:
        self.is_ended = True
        self._places.left(self)  # type: ignore[arg-type]


def test_a_busy_address_makes_room_and_not_the_others() -> None:
    places = admission.Admission("x" * 43, max_strangers=10, max_callers=10)
    quiet = _Connection(places, "192.0.2.1")
    busy = [_Connection(places, "203.0.113.7") for _ in range(100)]
    for each in (quiet, *busy):
        places.came(each)  # type: ignore[arg-type]
    assert not quiet.is_ended
    assert [each.is_ended for each in busy] == [True] * 91 + [False] * 9


# --- Redirects, ports, paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/mcp/", "//evil.example/mcp/", "/mcp/?x=1", "/MCP/"])
def test_no_host_of_a_request_leads_anybody_anywhere(server: Served, path: str) -> None:
    more = f"Authorization: Bearer {server.token}\r\nConnection: close\r\n\r\n"
    with connected(server, f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n{more}".encode()) as connection:
        answer = all_that_comes(connection).lower()
    assert answer.split()[1].startswith(b"4")
    assert b"location:" not in answer
    assert b"evil" not in answer


@pytest.mark.parametrize("upgrade", ["websocket", "h2c"])
def test_no_other_protocol_is_spoken(server: Served, upgrade: str) -> None:
    more = f"Connection: Upgrade, close\r\nUpgrade: {upgrade}\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    with connected(server, caller_head(server, more)) as connection:
        assert all_that_comes(connection).split()[1].startswith(b"4")


@pytest.mark.parametrize("port", ["-1", "65536", "999999999", "5050x", "1e3", "٣", ""])
def test_a_port_that_cannot_be_is_refused_in_a_sentence(
    tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--token-file", str(tmp_path / "token"), "--audit-file", str(tmp_path / "audit")]
    try:
        status = main(["serve", "--config", str(a_config(tmp_path)), *files, f"--port={port}"])
    except SystemExit as end:
        status = int(str(end.code))
    assert status == 2
    assert "65535" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["a..b", "x" * 300, "no.such.host.invalid", "\x1b]0;mine\x07", "a\0b"])
def test_a_host_that_cannot_be_is_refused_in_a_sentence(host: str) -> None:
    with pytest.raises(ConfigError, match="^Cannot listen on") as refused:
        listen(host, 0)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("kind", ["pipe", "directory", "device", "looping link", "open folder", "NUL"])
@pytest.mark.parametrize("use", [token_from, Audit])
def test_a_token_or_an_audit_log_is_a_regular_file_in_a_folder_of_its_owner(
    tmp_path: Path, kind: str, use: Callable[[Path], object]
) -> None:
    path = {"device": Path("/dev/full"), "NUL": tmp_path / "a\0b", "open folder": tmp_path / "open" / "it"}.get(
        kind, tmp_path / "it"
    )
    if kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "directory":
        path.mkdir(0o700)
    elif kind == "looping link":
        path.symlink_to(path)
    elif kind == "open folder":
        path.parent.mkdir()
        path.parent.chmod(0o777)
    with pytest.raises(ConfigError, match="chmod go-w" if kind == "open folder" else "Cannot (?:use|write) the"):
        use(path)


def test_an_audit_log_that_became_a_pipe_holds_nobody_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "audit"
    audit = Audit(path)
    path.unlink()
    os.mkfifo(path, 0o600)
    for _ in range(3):
        audit.write(caller="x")
    assert capsys.readouterr().err.count("cannot write the audit log") == 1


# --- What is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("list_failures", {"command": "id"}, "there is no argument 'command'. It takes: text, source, limit, offset."),
        ("list_failures", {"limit": "\x1b[2Jmany"}, "limit: "),
        ("list_failures", {"\x1b]0;x\x07\u202e" * 100: 1}, "there is no argument"),
        ("collect_evidence", {"components": ["/etc/passwd"]}, "components.0: "),
        ("collect_evidence", {"since_s": "NaN"}, "since_s: "),
        ("get_evidence", {}, "There is no failure with evidence here"),
        ("no_such_tool", {}, "no_such_tool"),
    ],
)
def test_a_wrong_argument_is_said_in_words_of_ours(
    server: Served, tool: str, arguments: dict[str, object], says: str
) -> None:
    _, body = server.post("tools/call", {"name": tool, "arguments": arguments})
    answer = answer_in(body)
    said = str(answer.get("error") or answer["result"]["content"][0]["text"])
    assert says in said
    assert "http" not in said
    assert "pydantic" not in said
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert len(said) < 700


@pytest.mark.parametrize(
    "body",
    [
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
        b'{"jsonrpc":"1.0"}',
        b'{"jsonrpc":"2.0","id":{"a":[]},"method":7}',
        b'"x"',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"' + b"x" * 50_000 + b'"}',
        b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b"}",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_body_that_is_no_message_is_refused_in_words_of_ours(server: Served, body: bytes, method: str) -> None:
    more = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\nConnection: close\r\n"
    head = caller_head(server, f"{more}Content-Length: {len(body)}\r\n\r\n").replace(b"POST", method.encode())
    with connected(server, head + body) as connection:
        status, _, rest = all_that_comes(connection).partition(b"\r\n")
    assert status.split()[1].startswith(b"4")
    assert len(rest) < 1500
    assert not re.search(rb"pydantic|://|validation errors? for|Traceback", rest.partition(b"\r\n\r\n")[2])


SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
TRICKS = {
    "two lengths": "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "length and chunks": f"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "a coding that nobody knows": f"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SMUGGLED}",
    "a chunk of negative size": "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
    "a length with a sign": "Content-Length: +2\r\n\r\n{}",
    "a length of 5000 digits": f"Content-Length: {'9' * 5000}\r\n\r\n{{}}",
    "a space before the colon": f"Content-Length : {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
    "two hosts": "Host: localhost\r\nContent-Length: 0\r\n\r\n",
    "two tokens": "Authorization: Bearer x\r\nContent-Length: 0\r\n\r\n",
    "another origin": "Origin: null\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    "a session of nobody": "Mcp-Session-Id: 1234\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_of_the_wire_is_answered_well(server: Served, trick: str) -> None:
    with connected(server, caller_head(server, f"Connection: close\r\n{TRICKS[trick]}")) as connection:
        answer = all_that_comes(connection)
    statuses = re.findall(rb"HTTP/1\.1 (\d)", answer)
    assert statuses
    assert set(statuses) == {b"4"}
    assert b"smuggled" not in answer


def test_the_log_says_the_same_once_a_minute_and_nothing_that_a_terminal_obeys() -> None:
    seldom = Seldom()
    records = [
        logging.LogRecord("x", logging.WARNING, "x", 1, "Invalid Host %s", (f"\x1b[2J\u202e{n}",), None)
        for n in range(100)
    ]
    passed = [record for record in records if seldom.filter(record)]
    assert [record.getMessage() for record in passed] == ["Invalid Host \\u202e0"]
