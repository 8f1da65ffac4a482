"""In which way a test failed decides what can explain it: its own mistakes accuse nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import a_failure, a_snapshot, a_step, an_item, some_evidence

from FailTaleLibrary.ranking import rank
from FailTaleLibrary.ranking.failing import way_of
from FailTaleLibrary.records import Analysis, AppliedWindow, Failure, Item, Rows, our_words

QUIET = "\n".join(f"2026-03-14 12:00:4{n},100 INFO [main] orders: {word} is well" for n, word in enumerate("abcdefghi"))
AT = "2026-03-14 12:01:06,900 "

WAYS = {
    "own": [
        "No keyword with name 'Plce Order' found.",
        "Variable '${CUSTOMER}' not found.",
        "Keyword 'Shop.Place Order' expected 2 arguments, got 1.",
        "Setup failed:\nImporting library 'Shop' failed: ModuleNotFoundError: No module named 'shop'",
        "NameError: name 'prise' is not defined",
        "fixture 'shop' not found",
    ],
    "refused": [
        "HTTPError: 404 Client Error: Not Found for url: http://web1/ordres",
        "Url: http://gw1/api/order/99999 Expected status: 404 != 200",
        "GET http://web1/me returned 401, expected 200",
        "AssertionError: expected status 201 but was 422",
        "assert 403 == 200",
        'connection to server at "db1", port 5432 failed: FATAL:  password authentication failed for user "tester"',
        'UndefinedColumn: column "pric" does not exist LINE 1: SELECT pric FROM prices',
    ],
    "compared": [
        "'Ida' != 'Ada'",
        "AssertionError: price of 'book': 20.0 != 19.0",
        "Length of '${items}' should be 4 but is 3.",
        "Url: http://web1/orders Expected status: 200 != 201",
        "Dictionary does not contain key 'state'.",
    ],
    "broken": [
        "HTTPError: 500 Server Error for url: http://web1/orders",
        "PUT http://web1/files/a.txt: expected 201, got 503",
        "Expected 200, got 500",
        "ReadTimeout: HTTPConnectionPool(host='gw1', port=80): Read timed out. (read timeout=1)",
        "ConnectionError: [Errno 111] Connection refused: http://web1/",
        "Order 51 was not exported within 2 s",
        "GET http://web1/thumbs/cat.png returned 404 after 2 s",
        "HTTPError: 429 Client Error: Too Many Requests for url: http://web1/",
        "Keyword 'X' failed after retrying for 1 minute. The last error was: state is 'new', should be 'done'",
    ],
    "unknown": ["Element with locator 'id=buy' not found.", "Test timeout 1 second exceeded.", "it is broken"],
}  # fmt: skip


@pytest.mark.parametrize(("way", "message"), [(way, each) for way, messages in WAYS.items() for each in messages])
def test_the_message_tells_in_which_way_a_test_failed(way: str, message: str) -> None:
    assert way_of(a_failure(message=message)) == way


def log(*lines: str, host: str = "app1", component: str = "shop", collector: str = "app.log") -> Item:
    window = AppliedWindow(kind="test", method="time filter", since=a_failure().window.start)
    return an_item(host, collector, component=component, text="\n".join(lines), before=QUIET, window=window)


def failed(message: str, keyword: str = "Name Should Be", *arguments: str) -> Failure:
    step = a_step(name=keyword, arguments=arguments)
    return a_failure(name=our_words("{}", keyword), message=message, keyword_path=(step,), keywords=(step,))


def ranked(failure: Failure, *items: Item) -> Analysis:
    return rank(failure, some_evidence(items=items, gaps=()))


KILLED = f"{AT}kernel: Out of memory: Killed process 3011 (imagemagick) total-vm:4182444kB"
TRACE = (
    f"{AT}ERROR shop.api: POST /orders failed",
    "Traceback (most recent call last):",
    '  File "/srv/shop/api.py", line 31, in place',
    "    customer = {}",
    "{}",
)


def a_trace(source: str, exception: str) -> Item:
    return log(*TRACE[:3], TRACE[3].format(source), TRACE[4].format(exception))


def test_nothing_is_accused_of_a_mistake_in_the_tests_own_text() -> None:
    analysis = ranked(failed("Variable '${CUSTOMER}' not found.", "Place Order"), log(KILLED))
    assert analysis.headline == "No strong suspect: the message tells of the test itself, not of what it tests"
    assert [suspect.text for suspect in analysis.suspects] == [KILLED]


def test_a_refusal_is_told_and_accuses_nobody() -> None:
    line = f"{AT}WARN shop.login: login of alice refused: invalid credentials"
    analysis = ranked(failed("HTTPError: 401 Client Error for url: http://web1/login", "Log In", "alice"), log(line))
    assert analysis.headline.startswith(
        "No strong suspect: app1 (shop) refused what the test asked for: login of alice refused: invalid credentials"
    )


@pytest.mark.parametrize(
    "change",
    [
        "INFO shop.flags: flag 'sessions' is off now",
        "INFO shop.accounts: account alice was locked by admin",
        "WARN shop.auth: no session for 'alice': signing key 'k7' expired at 2026-03-12T17:22:45Z",
        "WARN shop.auth: token refused: it is not valid yet: nbf lies 7199 s in the future",
    ],
)
def test_what_changes_the_rules_leads_ahead_of_the_refusal(change: str) -> None:
    refusal = f"{AT}WARN shop.login: login of alice refused: invalid credentials"
    failure = failed("HTTPError: 401 Client Error for url: http://web1/login", "Log In", "alice")
    analysis = ranked(failure, log(f"{AT}{change}", refusal))
    assert (analysis.suspects[0].text, analysis.suspects[0].is_strong) == (f"{AT}{change}", True)


@pytest.mark.parametrize(
    ("line", "is_strong"),
    [
        (f"{AT}ERROR shop.mail: newsletter was not sent", False),
        (KILLED, False),
        (f"{AT}systemd[1]: mailer.service: Failed with result 'exit-code'.", False),
        (f"{AT}INFO mailer: mailer 2.4.1 starting", False),
        (f"{AT}ERROR shop.export: order stays where it is", True),
        (f"{AT}systemd[1]: shop-worker.service: Main process exited, code=killed, status=9/KILL", True),
        (f"{AT}INFO shop.flags: flag 'exports_paused' is on now", True),
        (f"{AT}INFO shop.tariffs: tariff table 2026-12 activated", True),
        (f"{AT}INFO shop.flags: flag 'summer' is on now", False),
        (f"{AT}INFO shop.vault: client secret rotated", False),
    ],
)
def test_a_value_that_was_not_expected_accuses_what_has_to_do_with_it(line: str, is_strong: bool) -> None:
    analysis = ranked(failed("'placed' != 'done'", "Order Should Be Exported"), log(line))
    assert (analysis.suspects[0].text, analysis.suspects[0].is_strong) == (line, is_strong)


@pytest.mark.parametrize(
    "message", ["AssertionError: total of the cart: 17.0 != 20.0", "Element with locator 'id=byu' not found."]
)
@pytest.mark.parametrize(
    "said", ["INFO shop.flags: flag 'newsletter' is on now", "INFO shop.vault: secret kv/smtp rotated, lease renewed"]
)
def test_a_switch_that_only_the_time_links_with_the_failure_is_told_and_accused_of_nothing(
    message: str, said: str
) -> None:
    analysis = ranked(failed(message, "Click Or Compare"), log(f"{AT}{said}"))
    assert analysis.headline.startswith(
        f"No strong suspect: nothing but the time links this with the failure: app1 (shop): {said.split(': ')[1]}"
    )
    assert not analysis.suspects[0].is_strong


@pytest.mark.parametrize(("status", "is_strong"), [("401 Client Error: Unauthorized", True), ("404 Not Found", False)])
def test_a_secret_that_is_rotated_may_refuse_a_login_and_hides_no_page(status: str, is_strong: bool) -> None:
    line = f"{AT}INFO shop.vault: signing secret rotated"
    analysis = ranked(failed(f"HTTPError: {status} for url: http://web1/ordres", "Get It"), log(line))
    assert analysis.suspects[0].is_strong is is_strong


def test_a_date_that_the_test_expects_is_not_shared_with_each_line_of_its_year() -> None:
    analysis = ranked(
        failed("2026-03-15 != 2026-03-16", "Delivery Should Be", "2026-03-16"), log(f"{AT}WARN shop: odd")
    )
    assert {"same identifier", "shared words"}.isdisjoint(each.name for each in analysis.suspects[0].signals)


ROW = "pid 711, parent 1, state Ts: {}"


@pytest.mark.parametrize(
    ("program", "since_before", "is_strong"),
    [
        ("sshd", True, False),
        ("sshd", False, False),
        ("less", True, False),
        ("less", False, True),
        ("redis-server", True, True),
        ("python3 /srv/shop/worker.py", True, True),
        ("gunicorn /opt/billing/api.py", True, False),
    ],
)
def test_a_stopped_process_is_to_blame_where_it_is_of_what_is_tested(
    program: str, since_before: bool, is_strong: bool
) -> None:
    row = ROW.format(program)
    rows = Rows(limits=("^(pid|frozen) ",), keys=("^(pid [0-9]+|frozen .+)",))
    was, changes = (row, ()) if since_before else ("", (f"+ {row}",))
    state = a_snapshot("app1", "stopped", component="shop", text=row, baseline=was, changes=changes, rows=rows)
    failure = failed("ReadTimeout: Read timed out. (read timeout=1)", "Open It")
    analysis = ranked(failure, state, log(f"{AT}INFO shop: well"))
    assert analysis.suspects[0].is_strong is is_strong


@pytest.mark.parametrize(("second", "near"), [("12:01:06", True), ("12:01:06.100", False), ("12:01:04", False)])
def test_a_line_of_a_log_with_whole_seconds_may_be_of_the_second_in_which_the_keyword_began(
    second: str, near: bool
) -> None:
    began = a_failure().window.end - timedelta(milliseconds=600)
    step = a_step(name="Place Order", started_at=began)
    failure = a_failure(message="503 != 200", keyword_path=(step,), keywords=(step,))
    line = f"2026-03-14 {second} ERROR shop: it is broken"
    found = ranked(failure, log(line)).suspects[0]
    assert ("near the failure" in {each.name for each in found.signals}) is near


@pytest.mark.parametrize(
    ("source", "exception", "is_strong"),
    [
        ("int(query['customer'])", "ValueError: invalid literal for int() with base 10: 'anna'", False),
        ("query['customer']", "KeyError: 'customer'", False),
        ("template['customer']", "KeyError: 'customer'", True),
        ("int(row.customer)", "ValueError: invalid literal for int() with base 10: 'n/a'", True),
    ],
)
def test_a_program_that_cannot_read_what_the_test_sent_is_not_accused(
    source: str, exception: str, is_strong: bool
) -> None:
    failure = failed("POST http://web1/orders?customer=anna returned 500, expected 200", "Place Order", "anna")
    first = ranked(failure, a_trace(source, exception)).suspects[0]
    assert (first.text, first.is_strong) == (exception, is_strong)


def test_the_killed_process_leads_and_not_who_asked_for_memory() -> None:
    killed = f"{AT}kernel: Memory cgroup out of memory: Killed process 4242 (carts) total-vm:1482444kB"
    witnesses = (
        f"{AT}kernel: http-worker invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=984",
        f"{AT}kernel: oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task=carts,pid=4242,uid=1000",
    )
    assert ranked(a_failure(), log(*witnesses, killed)).suspects[0].text == killed


def test_what_keeps_a_service_from_starting_leads_ahead_of_its_restart() -> None:
    reason = f"{AT}shop[9120]: OSError: [Errno 98] Address already in use: ('0.0.0.0', 8080)"
    lines = (
        f"{AT}systemd[1]: Stopped shop.service - Shop.",
        reason,
        f"{AT}systemd[1]: shop.service: Failed with result 'exit-code'.",
    )
    assert ranked(a_failure(), log(*lines)).suspects[0].text == reason


def test_a_pause_leads_where_the_test_itself_waited_in_vain() -> None:
    pause = f"{AT}[gc] GC(411) Pause Full (G1 Compaction Pause) 4093M->4090M(4096M) 4812.118ms"
    assert ranked(failed("ReadTimeout: Read timed out."), log(pause)).suspects[0].is_strong
    assert not ranked(failed("Test timeout 1 second exceeded."), log(pause)).suspects[0].is_strong
