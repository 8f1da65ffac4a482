"""Tests that fail by their own mistake while the site is well: nothing in its logs may be accused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.faults.client import Client, FailedError
from bench.faults.faults import Fault
from bench.faults.services import Site


@contextmanager
def _no_damage(_: Site) -> Iterator[None]:
    yield


def _price_is(expected: float) -> Callable[[Client], None]:
    def check(client: Client) -> None:
        price = client.json("GET", "/prices/book")["price"]
        if price != expected:
            raise FailedError(f"AssertionError: price of 'book': {price} != {expected}")

    return check


def _has_key(path: str, key: str) -> Callable[[Client], None]:
    def check(client: Client) -> None:
        answer = client.json("GET", path)
        if key not in answer:
            raise FailedError(f"Dictionary does not contain key '{key}'.")

    return check


def _status_is(method: str, path: str, expected: int) -> Callable[[Client], None]:
    def check(client: Client) -> None:
        status, reason, _ = client.ask(method, path)
        if status != expected:
            raise FailedError(f"{status} {reason} != {expected}")

    return check


def _says(message: str) -> Callable[[Client], None]:
    def check(client: Client) -> None:
        client.json("GET", "/health")
        raise FailedError(message)

    return check


def _mistake(name: str, keyword: str, *arguments: str, check: Callable[[Client], None]) -> Fault:
    return Fault(name, keyword, arguments, check, (), _no_damage)


MISTAKES = [
    _mistake("wrong price expected", "Price Should Be", "book", "19.0", check=_price_is(19.0)),
    _mistake("price compared with a text", "Should Be Equal", "20.0", "20,00", check=_says("20.0 != 20,00")),
    _mistake("wrong key expected", "Dictionary Should Contain Key", check=_has_key("/orders/2", "state")),
    _mistake("order that never was", "Order Should Exist", "99999", check=_status_is("GET", "/orders/99999", 200)),
    _mistake("path with a typing error", "Get Order", check=_status_is("GET", "/order/2", 200)),
    _mistake("log-in of an unknown user", "Log In", "bob", check=_status_is("POST", "/login?user=bob", 200)),
    _mistake("wrong method", "Post Price", check=_status_is("POST", "/prices/book", 200)),
    _mistake("status 201 expected", "Place Order", check=_status_is("POST", "/orders?customer=4711&sku=mug", 201)),
    _mistake("variable missing", "Place Order", check=_says("Variable '${CUSTOMER}' not found.")),
    _mistake("element missing", "Click", "id=buy", check=_says("Element 'id=buy' did not appear in 5 seconds.")),
    _mistake("unknown keyword", "Plce Order", check=_says("No keyword with name 'Plce Order' found.")),
    _mistake("number of items", "Length Should Be", check=_says("Length of '${items}' should be 4 but is 3.")),
]
