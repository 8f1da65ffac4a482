"""The failures that the demo shows: where the cause of each is logged, and what a reader should notice."""

from __future__ import annotations

from FailTaleLibrary.lazy import dataclass


@dataclass(frozen=True, slots=True)
class DemoFailure:
    """One failing test and the line of another host's log that explains it."""

    test: str
    message: str
    """All that the test itself can say."""
    host: str
    collector: str
    """Its output holds the line."""
    cause: str
    """Words of that line; no other log has them."""
    notice: str


DEMO_FAILURES = (
    DemoFailure(
        test="Placed Orders Are Listed",
        message="GET /orders answered 500 Internal Server Error, expected 200 OK.",
        host="storage1",
        collector="storage-log",
        cause="database is locked",
        notice="500 from web; on storage1 the database is locked, by a sales report that the second order started. "
        "The test's own teardown emptied that log after FailTale had read it.",
    ),
    DemoFailure(
        test="Cart Costs What The Product Page Says",
        message="17.99 != 19.99",
        host="api1",
        collector="api-log",
        cause="price list reloaded",
        notice="two prices for one book; api1 reloaded its price list between the two clicks, and calls that INFO.",
    ),
    DemoFailure(
        test="Another Order Can Be Paid",
        message="POST /orders/4/checkout answered 502 Bad Gateway, expected 201 Created.",
        host="storage1",
        collector="storage-log",
        cause="spool quota exceeded",
        notice="502 where the same keywords passed before; on storage1 the invoice spool is full to its quota.",
    ),
    DemoFailure(
        test="Customer Can Log In",
        message="POST /sessions answered 401 Unauthorized, expected 201 Created.",
        host="api1",
        collector="api-log",
        cause="signing key",
        notice="401 with the right password; api1's signing key has expired. "
        "That log also holds the password: see what became of it.",
    ),
)
