"""Whose line it is: what a test used that names one thing, and the lines that hold it."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from builders import FAILED_AT, STARTED_AT, a_failure, an_item
from hypothesis import given
from hypothesis import strategies as st

from FailTaleLibrary.belonging.identifiers import (
    MAX_IDENTIFIERS,
    identifiers_in,
    requests_in,
)
from FailTaleLibrary.belonging.used_texts import UsedText
from FailTaleLibrary.ranking import History, rank
from FailTaleLibrary.records import (
    Analysis,
    Evidence,
    Identifier,
    LookBack,
    OtherTest,
    OtherTests,
    SafeText,
    SeenIn,
    Suspect,
    our_words,
)
from FailTaleLibrary.redaction import Redactor

# --- What names one thing ---------------------------------------------------------------------------------------------


def named_in(text: str, seen_in: SeenIn = "message", keyword: str = "") -> list[str]:
    return [each.text for each in identifiers_in([UsedText(text, seen_in, keyword)], SafeText)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("POST /orders/4711 answered 500 in 1234 ms", ["4711"]),
        ("Order 17 was not shipped: expected 200, got 500", ["17"]),
        ('{"order_id": 4711, "count": 25000, "port": 15432}', ["4711"]),
        ("job 7f1c9d2e-1111-4222-8333-abcdefabcdef ended", ["7f1c9d2e-1111-4222-8333-abcdefabcdef"]),
        ("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ["0af7651916cd43dd8448eb211c80319c"]),
        ("account anna.k@shop.example is locked", ["anna.k@shop.example"]),
        ("user [mail:3] is locked", ["[mail:3]"]),
        ("invoice INV-2026-0042 of CUST_00123", ["INV-2026-0042", "CUST_00123"]),
        ("commit 3f9c1a7be24d", ["3f9c1a7be24d"]),
        ("msisdn 4915112345678", ["4915112345678"]),
    ],
)
def test_numbers_ids_and_addresses_name_one_thing(text: str, names: list[str]) -> None:
    assert named_in(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-26T10:00:00.123456Z 10:00:01,250 started at 1732581234567, day 20261126",
        "GET http://127.0.0.1:8123/health and http://node-0012.shop.example:15432/ answered 200",
        "python3.11 utf-16 iso-8859-1 sha256 HTTP/1.1 v2.31.4567 x86_64 ORA-00942 RFC-7230",
        "http-nio-8080-exec-3 waited 5000 ms for 123456 bytes and 4711 lines, retry 4711",
        "db1:5432 refused app[4711] at shop.py:4711, 3.14159, -4711, 47,110",
        "year 2026, timeout 30000, status 4711, expected 4711 got 4712",
        "nothing at all",
        "",
    ],
)
def test_times_ports_versions_sizes_and_codes_name_nothing(text: str) -> None:
    assert named_in(text) == []


@pytest.mark.parametrize(
    ("text", "seen_in", "keyword", "names"),
    [
        ("${order} = 4711", "value", "", ["4711"]),
        ("${parcel} = 4711", "value", "", ["4711"]),
        ("${port} = 4711", "value", "", []),
        ("${count} = 4711", "value", "", []),
        ("order=17", "argument", "", ["17"]),
        ("17", "argument", "Create Order", ["17"]),
        ("17", "argument", "Sleep", []),
        ("4711", "argument", "Enter Text", ["4711"]),
        ("8080", "argument", "Enter Text", []),
        ("alice", "argument", "Lock Account", ["alice"]),
        ("username=alice", "argument", "", ["alice"]),
        ("username=admin", "argument", "", []),
        ("alice", "argument", "Enter Text", []),
        ("tea", "argument", "Create Order", []),
    ],
)
def test_a_whole_value_counts_by_what_it_was_given_as(
    text: str, seen_in: SeenIn, keyword: str, names: list[str]
) -> None:
    assert named_in(text, seen_in, keyword) == names


def test_a_secret_is_no_identifier() -> None:
    secret = "k9" + "Zx7Qw" * 5
    redactor = Redactor(known=[secret])
    used = [
        UsedText(f"${{key}} = {secret}", "value"),
        UsedText(secret, "argument"),
        UsedText(f"saw {secret}", "message"),
    ]
    assert identifiers_in(used, redactor.safe_text) == ()
    assert identifiers_in([UsedText("password=Summer20261234", "argument")], Redactor().safe_text) == ()


@given(st.lists(st.text(max_size=300), max_size=30))
def test_any_text_gives_few_identifiers_that_stand_in_it(texts: list[str]) -> None:
    found = identifiers_in([UsedText(text, "value") for text in texts], SafeText)
    assert len(found) <= MAX_IDENTIFIERS
    assert all(any(each.text in text for text in texts) for each in found)
    assert len({each.text.casefold() for each in found}) == len(found)


def test_a_huge_output_costs_little_and_gives_few() -> None:
    used = (
        UsedText(f"order {number} of order {number + 7} " + "1a" * 3000, "message") for number in range(10**5, 10**6)
    )
    began = time.thread_time()
    assert 0 < len(identifiers_in(used, SafeText)) <= MAX_IDENTIFIERS
    assert time.thread_time() - began < 2.0


@pytest.mark.parametrize(
    ("line", "requests"),
    [
        ("request 7f1c POST /orders from api1", ["7f1c"]),
        ('{"trace_id": "0af7651916cd43dd8448eb211c80319c", "msg": "x"}', ["0af7651916cd43dd8448eb211c80319c"]),
        ("x-request-id=ab-12-cd done", ["ab-12-cd"]),
        ("INFO [3f9c1a7be24d] order placed", ["3f9c1a7be24d"]),
        ("the request failed at once", []),
    ],
)
def test_a_line_names_its_request(line: str, requests: list[str]) -> None:
    assert list(requests_in(line)) == requests


# --- Whose a line is --------------------------------------------------------------------------------------------------

OTHERS = OtherTests(
    ran_by=our_words("pabot"),
    tests=(OtherTest(name=our_words("Shop.Locks"), started_at=STARTED_AT, ended_at=FAILED_AT, status="failed"),),
)
ORDER = Identifier(text=our_words("4711"), kind="number", label=our_words("order"), seen_in="value")


def ranked(
    *lines: str,
    identifiers: tuple[Identifier, ...] = (ORDER,),
    others: OtherTests | None = OTHERS,
    history: History | None = None,
) -> Analysis:
    """Lines of one log, a second apart in the window's last seconds, which the log did not hold before."""
    times = [FAILED_AT - timedelta(seconds=len(lines) - number) / 4 for number in range(len(lines))]
    text = "\n".join(f"{at:%Y-%m-%dT%H:%M:%S.%f}Z {line}" for at, line in zip(times, lines, strict=True))
    item = an_item(text=text, before="", look_backs=(LookBack(of_lines=len(lines), lines=100, seconds=600.0),))
    evidence = Evidence(failure_id="x", items=(item,), collected_at=FAILED_AT)
    failure = a_failure(message="no answer came", keyword_path=(), keywords=(), identifiers=identifiers, others=others)
    return rank(failure, evidence, history=history or History())


def suspect_with(analysis: Analysis, words: str) -> Suspect:
    return next(suspect for suspect in analysis.suspects if words in suspect.text)


def names_of_signals(suspect: Suspect) -> list[str]:
    return [signal.name for signal in suspect.signals]


def test_beside_other_tests_only_a_line_with_an_identifier_of_the_test_is_strong() -> None:
    analysis = ranked("ERROR database is locked", "ERROR stock of order 4711 is locked")
    first, second = analysis.suspects[:2]
    assert ("4711" in first.text, first.is_strong) == (True, True)
    assert second.is_strong is False
    assert "order 4711" in analysis.headline
    assert "holds order '4711', which the test used" in [signal.words for signal in first.signals]


def test_beside_other_tests_a_line_that_names_nothing_leads_to_no_headline_and_the_card_says_why() -> None:
    analysis = ranked("ERROR database is locked")
    assert analysis.headline.startswith("No strong suspect")
    assert analysis.notes == (
        "1 other test ran at the same time (pabot): 'Shop.Locks' (12:01:01 to 12:01:07 UTC, failed). "
        "A line that names nothing of this test may be theirs, and is no strong suspect.",
    )


def test_a_test_that_ran_alone_is_judged_as_ever() -> None:
    analysis = ranked("ERROR database is locked", others=None)
    assert analysis.suspects[0].is_strong
    assert analysis.notes == ()


@pytest.mark.parametrize(
    "line",
    [
        "ERROR app[4711]: database is locked",
        "ERROR db1:4711 database is locked",
        "ERROR database is locked for 4711 ms",
        "ERROR database is locked, retry 4711",
        "ERROR database 47110 is locked",
        "ERROR database is locked 0.4711",
    ],
)
def test_an_equal_number_of_something_else_is_no_proof(line: str) -> None:
    assert not ranked(line).suspects[0].is_strong


@pytest.mark.parametrize(
    "line",
    [
        'ERROR {"orderId":4711} is locked: database is locked',
        "ERROR POST /orders/4711: database is locked",
        "ERROR database is locked (order no. 4711)",
        "ERROR database is locked order=4711",
    ],
)
def test_a_number_is_found_however_the_log_writes_it(line: str) -> None:
    assert ranked(line).suspects[0].is_strong


def test_a_name_counts_only_beside_what_it_names() -> None:
    name = Identifier(text=our_words("hunter"), kind="name", label=our_words("account"), seen_in="argument")
    analysis = ranked(
        "ERROR bug hunter: database is locked", "ERROR database of user hunter is locked", identifiers=(name,)
    )
    assert suspect_with(analysis, "user hunter").is_strong
    assert not suspect_with(analysis, "bug hunter").is_strong


def test_a_line_of_the_same_request_as_one_with_the_identifier_belongs_too() -> None:
    analysis = ranked(
        "INFO req=7f1c9a POST /orders/4711",
        "INFO req=81bb02 POST /orders/4712",
        "ERROR req=81bb02 disk quota exceeded",
        "ERROR req=7f1c9a database is locked",
    )
    first = analysis.suspects[0]
    assert ("database is locked" in first.text, first.is_strong) == (True, True)
    words = "of the same request '7f1c9a' as a line with order '4711', which the test used"
    assert words in [signal.words for signal in first.signals]
    assert not suspect_with(analysis, "quota").is_strong


def test_all_lines_of_a_traced_test_are_its_own_however_many() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    lines = [f"INFO trace={trace} step {number}" for number in range(60)]
    identifier = Identifier(text=SafeText(trace), kind="trace", seen_in="correlation id")
    analysis = ranked(*lines, f"ERROR trace={trace.upper()} database is locked", identifiers=(identifier,))
    assert analysis.suspects[0].is_strong
    assert "holds this test's correlation id" in [signal.words for signal in analysis.suspects[0].signals]


def test_what_stands_in_most_lines_of_a_log_is_no_proof() -> None:
    tenant = Identifier(text=our_words("tenant-0001"), kind="number", seen_in="argument")
    lines = [f"INFO tenant-0001 step {number}" for number in range(60)]
    assert not ranked(*lines, "ERROR tenant-0001 database is locked", identifiers=(tenant,)).suspects[0].is_strong


def test_a_line_of_an_earlier_tests_order_is_hardly_this_tests() -> None:
    theirs = Identifier(text=our_words("4999"), kind="number", label=our_words("order"), seen_in="value")
    history = History().with_used(our_words("Ships"), [theirs])
    lines = ("ERROR order 4999: connection lost", "ERROR stock of tea: database is locked")
    analysis = ranked(*lines, others=None, history=history)
    assert "stock of tea" in analysis.suspects[0].text
    foreign = suspect_with(analysis, "order 4999")
    assert not foreign.is_strong
    assert "holds order '4999' of 'Ships'" in [signal.words for signal in foreign.signals]


def test_what_several_tests_used_is_everybodys() -> None:
    history = History()
    for name in ("One", "Two"):
        history = history.with_used(SafeText(name), [ORDER])
    assert not ranked("ERROR order 4711: database is locked", history=history).suspects[0].is_strong
    alone = ranked("ERROR order 4711: database is locked", history=history, others=None).suspects[0]
    assert alone.is_strong
    assert "of another test" not in names_of_signals(alone)
