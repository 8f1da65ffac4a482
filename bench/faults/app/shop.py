"""The shop's HTTP server: ``shop CONFIG``. Plain HTTP for customers, TLS for payments."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench.faults.app import cache
from bench.faults.app.postgres import Session, quoted
from bench.faults.app.process import begin
from bench.faults.app.settings import Settings

MEMORY_BYTES = 512 * 1024 * 1024
TARIFFS = {"standard": 1.0, "summer": 0.9}
FIRST_WITH_REPORTS = "1.5.0"
LOCK_TIMEOUT = "-c lock_timeout=900ms"
_HTTP = logging.getLogger("http")
_ORDERS = logging.getLogger("orders")
_AUTH = logging.getLogger("auth")


class RefusedError(Exception):
    """The request is answered with a status of its own."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Shop:
    """What the shop can do; each method answers one kind of request."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._settings = Settings(Path(config["settings"]))
        self._spool = Path(config["spool"])

    def health(self) -> object:
        return {"status": "up"}

    def log_in(self, user: str) -> object:
        if user != "alice":
            raise RefusedError(401, f"no user '{user}'")
        expires = f"{time.time() + self._settings['token_seconds']:.3f}"
        return {"token": f"{user}/{expires}/{self._signed(user, expires)}"}

    def account(self, token: str) -> object:
        user, expires, signature = token.split("/")
        if not hmac.compare_digest(signature, self._signed(user, expires)):
            raise RefusedError(401, f"session of '{user}' is not signed by us")
        late_s = time.time() - float(expires)
        if late_s > 0:
            _AUTH.warning("session of '%s' is over since %.1f s", user, late_s)
            raise RefusedError(401, "log in again")
        return {"user": user}

    def price(self, sku: str) -> object:
        known = cache.command(self._config["redis"], "GET", f"price:{sku}")
        if known is None:
            known = self._price_of(sku)
            cache.command(self._config["redis"], "SET", f"price:{sku}", known, "EX", 1)
        return {"sku": sku, "price": self._shown(float(str(known)))}

    def order(self, customer: str, sku: str) -> object:
        with self._database() as database:
            price = self._shown(float(self._price_of(sku)))
            rows = database.query(
                "INSERT INTO orders (customer, sku, total) "
                f"VALUES ({int(customer)}, {quoted(sku)}, {price}) RETURNING id"
            )
        number = rows[0][0]
        cache.command(self._config["redis"], "RPUSH", "exports", str(number))
        _ORDERS.info("customer %s ordered %s for %.2f, order %s", customer, sku, price, number)
        return {"order": number, "total": price}

    def order_state(self, order: str) -> object:
        with self._database() as database:
            rows = database.query(f"SELECT exported FROM orders WHERE id = {int(order)}")
        if not rows:
            raise RefusedError(404, f"no order {order}")
        return {"order": order, "exported": rows[0][0] == "t"}

    def transfer(self, source: str, target: str) -> object:
        with self._database() as database:
            database.query("BEGIN")
            for account, change in ((source, -1), (target, 1)):
                database.query(f"UPDATE accounts SET balance = balance + {change} WHERE id = {int(account)}")
            database.query("COMMIT")
        return {"moved": 1}

    def receipt(self, order: str) -> object:
        text = (self._spool / "receipt.template").read_text().format(order=order)
        with (self._spool / "receipts").open("a") as receipts:
            receipts.write(text)
        return {"receipt": order}

    def report(self, days: str) -> object:
        if self._config["version"] < FIRST_WITH_REPORTS:
            raise RefusedError(404, "nothing at '/reports/sales'")
        rows = bytearray(int(days) * 1_000_000)  # a day of sales
        return {"days": days, "bytes": len(rows)}

    def shipping(self, order: str) -> object:
        host, port = self._settings["carrier"].split(":")
        with socket.create_connection((host, int(port)), timeout=3):
            return {"order": order, "carrier": host}

    def payment(self, order: str) -> object:
        return {"order": order, "paid": True}

    def send_newsletters(self) -> None:
        """The mail relay of this environment was never set up; everybody knows, nobody minds."""
        log = logging.getLogger("newsletter")
        while True:
            time.sleep(0.8)
            try:
                smtplib.SMTP("127.0.0.1", self._config["closed_port"])
            except OSError:
                log.exception("newsletter 81 could not be sent, tried 3 times")

    def _price_of(self, sku: str) -> str:
        with self._database() as database:
            rows = database.query(f"SELECT price FROM prices WHERE sku = {quoted(sku)}")
        if not rows:
            raise RefusedError(404, f"no article '{sku}'")
        return str(rows[0][0])

    def _shown(self, price: float) -> float:
        price = round(price * TARIFFS[self._settings["tariff"]], 2)
        return round(price * 1.19, 2) if self._settings["prices_with_tax"] else price

    def _database(self) -> Session:
        config = self._config
        return Session(config["postgres"], user="shop", password=config["password"], options=LOCK_TIMEOUT)

    def _signed(self, user: str, expires: str) -> str:
        return hmac.new(self._config["password"].encode(), f"{user}{expires}".encode(), hashlib.sha256).hexdigest()


ROUTES: tuple[tuple[str, str, Callable[..., object]], ...] = (
    ("GET", r"/health", Shop.health),
    ("POST", r"/login", Shop.log_in),
    ("GET", r"/account", Shop.account),
    ("GET", r"/prices/(?P<sku>\w+)", Shop.price),
    ("POST", r"/orders", Shop.order),
    ("GET", r"/orders/(?P<order>\d+)", Shop.order_state),
    ("POST", r"/transfers", Shop.transfer),
    ("POST", r"/receipts/(?P<order>\d+)", Shop.receipt),
    ("GET", r"/reports/sales", Shop.report),
    ("GET", r"/shipping/(?P<order>\d+)", Shop.shipping),
    ("POST", r"/payments/(?P<order>\d+)", Shop.payment),
)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    shop: Shop

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._serve()

    def log_message(self, *_: object) -> None:
        """The shop logs requests itself."""

    @cached_property
    def _arguments(self) -> dict[str, str]:
        given = dict(parse_qsl(urlsplit(self.path).query))
        if self.headers.get("X-Session"):
            given["token"] = self.headers["X-Session"]
        return given

    def _serve(self) -> None:
        began = time.monotonic()
        status, body = self._answer()
        content = json.dumps(body).encode()
        ms = (time.monotonic() - began) * 1000
        _HTTP.info("%s %s %d %.0f ms", self.command, self.path, status, ms)
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError as error:
            _HTTP.warning("%s %s: the client went away: %s", self.command, self.path, error)

    def _answer(self) -> tuple[int, object]:
        try:
            return 200, self._called()
        except RefusedError as refused:
            _HTTP.warning("%s %s refused: %s", self.command, self.path, refused)
            return refused.status, {"error": str(refused)}
        except Exception:
            _HTTP.exception("%s %s failed", self.command, self.path)
            return 500, {"error": "internal error"}

    def _called(self) -> object:
        path = urlsplit(self.path).path
        for method, pattern, handle in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == self.command:
                return handle(self.shop, **self._arguments, **match.groupdict())
        raise RefusedError(404, f"nothing at '{path}'")


class TlsServer(ThreadingHTTPServer):
    """Reads its certificate anew for each connection, so that a renewed one needs no restart."""

    certificate: str

    def finish_request(self, request: Any, client_address: Any) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        with context.wrap_socket(request, server_side=True) as secured:
            Handler(secured, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _HTTP.warning("TLS client %s:%d left without a request", *client_address)


def main() -> None:
    config = begin("shop.log", memory_bytes=MEMORY_BYTES)
    Handler.shop = Shop(config)
    TlsServer.certificate = config["certificate"]
    tls = TlsServer(("127.0.0.1", config["tls_port"]), Handler)
    server = ThreadingHTTPServer(("127.0.0.1", config["http_port"]), Handler)
    for background in (tls.serve_forever, Handler.shop.send_newsletters):
        threading.Thread(target=background, daemon=True).start()
    _HTTP.info("shop %s listens on %d, for payments on %d", config["version"], config["http_port"], config["tls_port"])
    server.serve_forever()


if __name__ == "__main__":
    main()
