"""What a customer of the shop does, as keywords; what its caretaker does, as one more."""

from __future__ import annotations

import http
import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from robot.api.deco import keyword, library

THINKING_TIME_S = 0.2
"""Customers do not click at once."""


@library(scope="GLOBAL")
class ShopKeywords:
    """The shop's customers talk to web and to nobody else; they do not know that there is more."""

    def __init__(self) -> None:
        self._url = f"http://127.0.0.1:{os.environ['SHOP_PORT']}"
        self._home = Path(os.environ["SHOP_HOME"])
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy

    @keyword
    def get_health(self) -> None:
        """Pass when the shop says that it is well."""
        self._ask("GET /health", expected=200)

    @keyword
    def get_price(self, product: str) -> str:
        """Return the price on the product's page."""
        return str(self._ask(f"GET /products/{product}", expected=200)["price"])

    @keyword
    def look_for_unknown_product(self, product: str) -> None:
        """Pass when the shop says that it does not know the product."""
        self._ask(f"GET /products/{product}", expected=404)

    @keyword
    def fill_cart(self, *products: str) -> str:
        """Put products into a new cart and return their total."""
        return str(self._ask("POST /carts", expected=201, products=products)["total"])

    @keyword
    def place_order(self, product: str) -> int:
        """Order a product and return the order's number."""
        return int(self._ask("POST /orders", expected=201, product=product)["order"])

    @keyword
    def check_out(self, order: int) -> None:
        """Pay an order."""
        self._ask(f"POST /orders/{order}/checkout", expected=201)

    @keyword
    def get_orders(self) -> list[int]:
        """Return the numbers of all orders."""
        return [entry["order"] for entry in self._ask("GET /orders", expected=200)["orders"]]

    @keyword
    def log_in(self, user: str, password: str) -> str:
        """Open a session and return its id."""
        return str(self._ask("POST /sessions", expected=201, user=user, password=password)["session"])

    @keyword
    def clear_logs(self, host: str = "*") -> None:
        """Empty the logs of one host, or of all: what many a teardown does to its evidence."""
        for log in self._home.glob(f"{host}/var/log/shop/*.log"):
            os.truncate(log, 0)

    def _ask(self, what: str, *, expected: int, **content: object) -> Any:
        method, path = what.split()
        time.sleep(THINKING_TIME_S)
        body = json.dumps(content).encode()
        request = urllib.request.Request(self._url + path, body, method=method)  # noqa: S310 - our own URL
        try:
            with self._opener.open(request) as response:
                status, body = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                status, body = error.code, error.read()
        if status != expected:
            raise AssertionError(f"{what} answered {_status_words(status)}, expected {_status_words(expected)}.")
        return json.loads(body)


def _status_words(status: int) -> str:
    return f"{status} {http.HTTPStatus(status).phrase}"
