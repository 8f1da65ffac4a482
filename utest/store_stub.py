"""A log store or metrics store as a test wants it: recorded answers, and everything that a store must not do."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from patience import PATIENCE_S

from FailTaleLibrary.config import Config, parse_config
from FailTaleLibrary.records import Evidence, Gap, Item, Report, Window
from FailTaleLibrary.run import Run


@dataclass
class Asked:
    """A request that a store got."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass
class Answer:
    """What a store answers."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = "whole"
    """``whole``; ``hang``: nothing at all; ``drip``: a byte now and then, without end."""

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Store:
    """A running store: what it was asked, and what it answers."""

    url: str
    answer: Callable[[Asked], Any]
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def a_store(answer: Callable[[Asked], Any], *, certificate: Path | None = None) -> Iterator[Store]:
    """A store on loopback; ``answer`` gives the `Answer` to a request, or its JSON; with a certificate over TLS."""

    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(size)
            params = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            asked = Asked(parts.path, params, dict(self.headers), json.loads(data) if data else None)
            store.asked.append(asked)
            given = store.answer(asked)
            self._send(given if isinstance(given, Answer) else Answer(given))

        do_GET = do_POST = do_DELETE = _respond  # noqa: N815

        def _send(self, answer: Answer) -> None:
            with contextlib.suppress(OSError):
                if answer.how == "hang":
                    store.over.wait(PATIENCE_S)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.how == "drip":
                    self.end_headers()
                    while not store.over.wait(0.05):
                        self.wfile.write(b" ")
                        self.wfile.flush()
                    return
                self.send_header("Content-Length", str(len(answer.data)))
                self.end_headers()
                self.wfile.write(answer.data)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that does not trust it hangs up
    store = Store(f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_port}", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        store.over.set()
        server.shutdown()
        server.server_close()


def self_signed(folder: Path, *, days: int = 1) -> Path:
    """A certificate for 127.0.0.1 with its key, which ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "store")])
    ends_at = datetime.now(timezone.utc) + timedelta(days=days)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(ends_at - timedelta(days=2))
        .not_valid_after(ends_at)
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "both.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return folder / "both.pem"


# --- A failing test that asks it --------------------------------------------------------------------------------------


def config_of(*collectors: Mapping[str, Any], environ: Mapping[str, str] | None = None, **more: Any) -> Config:
    """A configuration with these collectors on the machine that asks; ``more``: its further sections."""
    data = {
        "components": {"stores": {"collectors": list(collectors)}},
        "hosts": {"here": {"component": "stores", "transport": "local"}},
        "marks": "off",
        **more,
    }
    return parse_config(json.dumps(data), source=Path("/nowhere/failtale.yaml"), environ=environ or {})


def a_query(url: str, *, name: str = "lines", timeout: str = "60 s", **query: Any) -> dict[str, Any]:
    """A collector that asks a store, with patience for a busy machine."""
    return {"name": name, "timeout": timeout, "http": {"url": url, **query}}


def report_of(config: Config, window: Window, **failure: Any) -> Report:
    """The report of a test that ran in a window."""
    with Run(config) as run:
        failed = run.failure("Order", message="no order came", **failure).model_copy(update={"window": window})
        return run.collect_failure(failed)


def the_item(evidence: Evidence, name: str = "lines") -> Item:
    """The item of a collector; fails where it is none."""
    assert not [gap for gap in evidence.gaps if gap.collector == name], evidence.gaps
    return next(item for item in evidence.items if item.collector == name)


def the_gap(evidence: Evidence, name: str = "lines") -> Gap:
    """The gap of a collector; fails where it is none."""
    assert not [item for item in evidence.items if item.collector == name], evidence.items
    return next(gap for gap in evidence.gaps if gap.collector == name)
