"""An ordinary line that tells of a change -> a suspect, where the failure or a later error names the same thing."""

from __future__ import annotations

import pytest
from builders import a_failure, a_step
from test_ranking import DAY, log, ranked, signal_names, words

from FailTaleLibrary.records import Analysis, Failure

NOISE = [f"{DAY} 12:01:0{n % 6},{n:03} INFO [pool] orders: request {n} GET /orders answered 200" for n in range(60)]
CHANGED_AT, FAILED_AT = f"{DAY} 12:01:05,900 INFO [x]", f"{DAY} 12:01:06,900 ERROR [x]"


def failure_with(message: str, *arguments: str) -> Failure:
    return a_failure(message=message, keyword_path=(a_step(name="Do It", arguments=arguments),))


def told(line: str, failure: Failure, *errors: str) -> Analysis:
    lines = [*sorted([*NOISE, f"{CHANGED_AT} {line}"]), *(f"{FAILED_AT} {error}" for error in errors)]
    return ranked(log(*lines), failure=failure)


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("cache: ttl of prices 60 -> 0", failure_with("12 != 13", "prices")),
        ("flags: rollout checkout.invoice: 100 % -> 0 %", failure_with("Method 'invoice' is not offered", "invoice")),
        ("accounts: user anna changed: role viewer", failure_with("403 != 200", "anna")),
        ("janitor: removed export-17.csv", failure_with("File export-17.csv should exist", "export-17.csv")),
        ("router: route /v2/quotes withdrawn", failure_with("404 != 200: http://gw1/v2/quotes")),
        ("limits: tenant acme set to 0 orders a day", failure_with("429 != 201", "acme")),
    ],
)
def test_a_change_of_what_the_failure_names_is_a_suspect(line: str, failure: Failure) -> None:
    first = told(line, failure).suspects[0]
    assert line in first.text
    assert signal_names(first)[0] == "changed"
    assert "which the failure names" in words(first)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("orm: dropped index orders_customer_idx", "shop.db: no index orders_customer_idx"),
        ("migrate: moved total of invoices to invoice_lines", "relation invoices has no column total"),
        ("pki: rotated certificate of payments-gw", "handshake with payments-gw refused"),
        ("scaler: scaled pricing-worker from 2 pods to 0", "queue: nobody takes jobs of pricing-worker"),
        ("hosts: mapped payments.internal from 10.0.0.4 to 10.0.0.9", "connect to payments.internal refused"),
        ("deploy: 0 packages added, mustache removed", "Error: Cannot find module 'mustache'"),
    ],
)
def test_a_change_of_what_a_later_error_names_stands_behind_it(line: str, error: str) -> None:
    analysis = told(line, failure_with("500 != 200"), error)
    assert error in analysis.suspects[0].text
    assert line in analysis.suspects[1].text
    assert "which an error of api1 names" in words(analysis.suspects[1])
    assert analysis.headline.startswith("api1")


@pytest.mark.parametrize(
    "line",
    [
        "cache: evicted 12 entries of session store",
        "secrets: renewed the secret of newsletter, removed the older",
        "jobs: closed 3 idle connections",
        "orders: updated statistics of today",
    ],
)
def test_a_change_of_what_nothing_names_is_no_suspect(line: str) -> None:
    analysis = told(line, failure_with("Order 17 is not placed", "17"), "orders: order 17 is refused: no stock")
    assert not [each for each in analysis.suspects if line in each.text]


def test_a_change_behind_an_error_is_no_cause_of_it() -> None:
    late = f"{DAY} 12:01:07,000 INFO [x] pki: rotated certificate of payments-gw"
    analysis = ranked(log(*NOISE, f"{FAILED_AT} handshake with payments-gw refused", late), failure=failure_with("500"))
    assert not [each for each in analysis.suspects if each.text == late]


def test_a_change_alone_leads_no_headline_but_is_named_there() -> None:
    analysis = told("cache: ttl of prices 60 -> 0", failure_with("12 != 13", "prices"))
    assert not analysis.suspects[0].is_strong
    assert analysis.headline.startswith("No strong suspect: api1")
    assert analysis.headline.endswith(" logged a change of 'prices', which the failure names")


def test_a_change_that_every_passing_test_sees_is_no_suspect() -> None:
    line = "2026-03-14 12:00:40,100 INFO [x] cache: ttl of prices 60 -> 0"
    again = f"{CHANGED_AT} cache: ttl of prices 60 -> 0"
    analysis = ranked(log(*NOISE, again, before="\n".join([line, *NOISE])), failure=failure_with("12 != 13", "prices"))
    assert not [each for each in analysis.suspects if each.text == again and "changed" in signal_names(each)]
