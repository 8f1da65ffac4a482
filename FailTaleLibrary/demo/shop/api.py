"""api: prices, carts and log-ins of its own; orders and invoices it asks of storage.

Run as ``python -m FailTaleLibrary.demo.shop.api ROOT STORAGE_PORT``; its log is ROOT/var/log/shop/api.log.
It reads ROOT/etc/prices.json (product -> price), users.json (user -> SHA-256 of the password) and signing-key.json.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from FailTaleLibrary.demo.shop.service import Answer, Request, ask, open_log, plain_local, serve


class Api:
    """Holds two faults: a price list that changes under a customer's eyes, and a signing key that expired."""

    def __init__(self, root: Path, *, storage_port: int) -> None:
        self._etc = root / "etc"
        self._metrics_socket = root / "run/metrics.sock"
        self._storage_port = storage_port
        self.log = open_log(
            root / "var/log/shop/api.log", style="%(asctime)s [api] %(levelname)s %(message)s", time=plain_local
        )
        self._prices = self._read_fields("prices.json")
        self.log.info("price list loaded from %s, %d products", self._etc / "prices.json", len(self._prices))

    def handle(self, request: Request) -> Answer:
        match request.method, request.parts:
            case "GET", ["health"]:
                return self._ask_storage(request)
            case "GET", ["products", name]:
                return self._product(name)
            case "POST", ["carts"]:
                return self._open_cart(request)
            case "POST", ["sessions"]:
                return self._log_in(request)
            case (("GET" | "POST"), ["orders", *_]):
                return self._ask_storage(request)
            case _:
                return Answer(404)

    def keep_house(self) -> None:
        """Push metrics to a collector that nobody ever installed: an error that means nothing."""
        with socket.socket(socket.AF_UNIX) as metrics:
            try:
                metrics.connect(str(self._metrics_socket))
            except OSError as error:
                self.log.error("metrics not pushed to %s: %s", self._metrics_socket.name, error.strerror or error)  # noqa: TRY400

    def _product(self, name: str) -> Answer:
        if name not in self._prices:
            return Answer(404)
        return Answer(200, {"name": name, "price": self._prices[name]})

    def _open_cart(self, request: Request) -> Answer:
        """The first fault: the price list may have changed since the customer saw the product."""
        self._reload_prices()
        products = request.body["products"]
        total = f"{sum(float(self._prices[name]) for name in products):.2f}"
        self.log.info("req=%s cart opened, %d products, total %s", request.id, len(products), total)
        return Answer(201, {"products": products, "total": total})

    def _reload_prices(self) -> None:
        prices = self._read_fields("prices.json")
        changed = [name for name in prices if prices[name] != self._prices.get(name)]
        if changed:
            self._prices = prices
            self.log.info("price list reloaded from %s, %d rule changed", self._etc / "prices.json", len(changed))

    def _log_in(self, request: Request) -> Answer:
        """The second fault: the password is right, but the key that signs sessions has expired.

        The form goes to the log with the password in it, as it does in too many real services.
        """
        user, password = request.body["user"], request.body["password"]
        self.log.debug("req=%s login form: user=%s password=%s", request.id, user, password)
        refusal = self._login_refusal(user, password)
        if refusal:
            self.log.warning("req=%s no session for '%s': %s", request.id, user, refusal)
            return Answer(401)
        return Answer(201, {"session": secrets.token_hex(16)})

    def _login_refusal(self, user: str, password: str) -> str | None:
        known = self._read_fields("users.json").get(user, "")
        if not hmac.compare_digest(known, hashlib.sha256(password.encode()).hexdigest()):
            return "wrong password"
        key = self._read_fields("signing-key.json")
        if datetime.now(timezone.utc) > datetime.fromisoformat(key["not_after"]):
            return f"signing key '{key['id']}' expired at {key['not_after']}"
        return None

    def _ask_storage(self, request: Request) -> Answer:
        answer = ask(self._storage_port, request)
        if answer.status < 500:
            return answer
        self.log.error("req=%s storage answered %d to %s %s", request.id, answer.status, request.method, request.path)
        return Answer(500 if answer.status == 500 else 502)

    def _read_fields(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self._etc / name).read_text())
        return content


if __name__ == "__main__":
    api = Api(Path(sys.argv[1]), storage_port=int(sys.argv[2]))
    serve(api.handle, log=api.log, housekeeping=api.keep_house)
