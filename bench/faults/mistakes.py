"""Tests that fail by their own mistake while the site is well: nothing in its logs may be accused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.faults import standing  # noqa: F401 - it, and what it imports, adds to FAULTS
from bench.faults.client import Client, FailedError
from bench.faults.faults import FAULTS, Fault
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


def _header_is(path: str, expected: str) -> Callable[[Client], None]:
    def check(client: Client) -> None:
        client.json("GET", path)
        raise FailedError(f"Header 'Content-Type' of {path}: 'None' does not contain '{expected}'.")

    return check


def _times_out(_: Client) -> None:
    time.sleep(1.0)
    raise FailedError("Test timeout 1 second exceeded.")


def _price_of_unknown(client: Client) -> None:
    client.json("GET", "/prices/boook")


def _mistake(
    name: str, keyword: str, *arguments: str, check: Callable[[Client], None], is_blind: bool = False
) -> Fault:
    return Fault(name, keyword, arguments, check, (), _no_damage, is_blind=is_blind)


_DESIGN = [
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
_BLIND = [
    _mistake("typing error in an article", "Get Price", "boook", check=_price_of_unknown, is_blind=True),
    _mistake("log-in with the wrong case", "Log In", "Alice", check=_status_is("POST", "/login?user=Alice", 200),
             is_blind=True),
    _mistake("parameter forgotten", "Place Order", check=_status_is("POST", "/orders?sku=mug", 200), is_blind=True),
    _mistake("header expected", "Get Price", "book", check=_header_is("/prices/book", "text/html"), is_blind=True),
    _mistake("page that was never there", "Page Should Be There", "imprint",
             check=_status_is("GET", "/static/imprint.html", 200), is_blind=True),
    _mistake("time-out of the test", "Sleep", "10", check=_times_out, is_blind=True),
    _mistake("customer is no number", "Place Order", "anna",
             check=_status_is("POST", "/orders?customer=anna&sku=mug", 200), is_blind=True),
    _mistake("transfer expected to be refused", "Transfer", "31", "32",
             check=_status_is("POST", "/transfers?source=31&target=32", 409), is_blind=True),
]  # fmt: skip
MISTAKES = [*_DESIGN, *_BLIND]


# --- Parallel tests: a mistake of one test, while another test's fault is there --------------------------------------

_WHILE = {
    "price compared with a text": "database password changed",
    "element missing": "disk full",
    "number of items": "deadlock",
    "variable missing": "shop killed",
    "header expected": "privilege on the sequence missing",
    "time-out of the test": "foreign key added by a migration",
    "unknown keyword": "too few replicas",
    "wrong key expected": "cache holds rubbish",
}
"""A mistake, and the fault that a test of another process meets meanwhile."""


def _in_parallel(mistake: Fault, other: Fault) -> Fault:
    return replace(
        mistake,
        name=f"{mistake.name}, while {other.name}",
        damage=other.damage,
        meanwhile=other.check,
        is_blind=mistake.is_blind or other.is_blind,
    )


_NAMED = {each.name: each for each in (*MISTAKES, *FAULTS)}
PARALLEL = [_in_parallel(_NAMED[mistake], _NAMED[other]) for mistake, other in _WHILE.items()]
