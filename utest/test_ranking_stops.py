"""A log that fell silent before the test, saying that it stopped: it leads where somebody misses the service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from builders import STARTED_AT, a_failure, a_step, an_item, some_evidence

from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Analysis, Item, LookBack, SeenShape

AGO = STARTED_AT - timedelta(minutes=9)
YESTERDAY = STARTED_AT - timedelta(hours=30)
REFUSED = "2026-03-14 12:01:06,500 ERROR shop.carts: GET /carts/7 failed: {}"
BY_REDIS = "redis.exceptions.ConnectionError: Error 111 connecting to {}. Connection refused."
NOBODY = "2026-03-14 12:01:06,500 INFO shop.carts: GET /carts/7 200"
MESSAGE = "HTTPError: 500 Server Error: Internal Server Error for url: http://web1/carts/7"


TOLERATED = "2026-03-14 12:01:06,500 WARNING shop: GET /carts/7 goes without cache: " + BY_REDIS.format("cache1:6379")
SECONDS = tuple(float(each) for each in range(590, 0, -2))
OFTEN = SeenShape(
    lines=(0,), count=295, places=tuple(n / 295 for n in range(295)), seconds_before=SECONDS, seconds_within=(0.0,)
)
USUALLY = LookBack(of_lines=1, lines=500, seconds=600.0, shapes=(OFTEN,))


def stopped(host: str = "cache1", at: Any = AGO, *more: str, collector: str = "redis.log", text: str = "") -> Item:
    said = ("User requested shutdown...", "Redis is now ready to exit, bye bye...", *more)
    before = "\n".join(f"811:M {at:%d %b %Y %H:%M:%S}.100 # {line}" for line in said)
    return an_item(host, collector, before=before, text=text, command="tail /var/log/redis/redis.log")


def client(text: str, host: str = "app1", collector: str = "app-log", **changes: Any) -> Item:
    return an_item(host, collector, text=text, before="", command="tail app.log", **changes)


def asked(status: str, stderr: str = "", host: str = "cache1") -> Item:
    """What the preset's own command had as an answer."""
    told = {
        "kind": "command",
        "window": None,
        "status": status,
        "stderr": stderr,
        "text": "" if stderr else "role:master",
    }
    return an_item(host, "redis.state", before="", command="redis-cli -h 127.0.0.1 -p 6379 INFO", **told)


def ranked(*items: Item, message: str = MESSAGE) -> Analysis:
    step = a_step(name="Open Cart", arguments=("7",))
    failure = a_failure(message=message, keyword_path=(step,), keywords=(step,))
    return rank(failure, some_evidence(items=items, gaps=()))


ADDRESSES = an_item(
    "cache1", "linux.addresses", kind="command", window=None, before="", text="eth0 UP 10.0.0.8/24", command="ip addr"
)
DOWN = asked("failed", "Could not connect to Redis at 127.0.0.1:6379: Connection refused")
BY_NAME = client(REFUSED.format(BY_REDIS.format("cache1:6379")))


@pytest.mark.parametrize("address", ["cache1:6379", "10.0.0.7:6379", "127.0.0.1:6379"])
def test_a_service_that_stood_stopped_leads_where_a_client_was_refused_by_it(address: str) -> None:
    refused = client(REFUSED.format(BY_REDIS.format(address)))
    for items in ((stopped(), refused), (stopped(), refused, DOWN)):
        analysis = ranked(*items)
        told = "cache1 · service stopped: User requested shutdown..., since 11:52:01, 9 min before this test began"
        assert analysis.headline == told
        assert "app1 was refused by it" in [signal.words for signal in analysis.suspects[0].signals]
        assert analysis.chain is not None


def test_it_leads_though_it_was_stopped_the_day_before() -> None:
    assert ranked(stopped(at=YESTERDAY), BY_NAME).headline.endswith(", since 06:01:01, 30 h before this test began")


def test_it_leads_where_the_test_itself_was_refused_by_it() -> None:
    message = "ConnectionError: Error 111 connecting to cache1:6379. Connection refused."
    assert "User requested shutdown" in ranked(stopped(), message=message).headline


@pytest.mark.parametrize(
    "items",
    [
        (stopped(), client(NOBODY)),
        (stopped(), client(NOBODY), DOWN),
        (stopped(), client(REFUSED.format("feed at legacy9:9000: Connection refused"))),
        (stopped(), client(REFUSED.format(BY_REDIS.format("legacy9:6379")))),
        (stopped(), client(REFUSED.format(BY_REDIS.format("cache2:6379"))), stopped("cache2", text="1:M * saved")),
        (stopped("cache1", AGO, "Ready to accept connections tcp"), BY_NAME),
        (stopped(), asked("ok"), BY_NAME),
        (stopped(text="811:M 14 Mar 2026 12:01:06.100 * 100 changes in 60 seconds. Saving..."), BY_NAME),
        (stopped(collector="worker-log"), client(NOBODY, "cache1", "shop-log"), BY_NAME),
        (stopped(), client(TOLERATED, look_backs=(USUALLY,))),
        (stopped(), client(REFUSED.format(BY_REDIS.format("10.0.0.7:6379"))), ADDRESSES),
    ],
    ids=[
        "nobody calls it", "its own command alone complains", "another one refused", "a stranger's redis refused",
        "the other redis refused", "it was started again", "it answers", "it goes on", "another program of its host",
        "its client does without it for long", "another address refused",
    ],
)  # fmt: skip
def test_a_stop_that_nobody_misses_is_no_suspect(items: tuple[Item, ...]) -> None:
    analysis = ranked(*items)
    assert not [suspect.text for suspect in analysis.suspects if "shutdown" in suspect.text]


def test_what_a_part_of_a_service_said_of_its_end_stops_no_service() -> None:
    item = an_item(
        "cache1", "redis.log", text="", before="2026-03-14 11:52:03 worker 7 shutting down\n", command="tail redis.log"
    )
    assert not [each for each in ranked(item, BY_NAME).suspects if "worker" in each.text]


def test_a_service_that_stood_stopped_explains_no_wrong_value() -> None:
    analysis = ranked(stopped(), BY_NAME, message="AssertionError: 17.0 != 20.0")
    assert "shutdown" not in analysis.headline


def test_a_client_that_fails_for_it_all_the_time_misses_it_still() -> None:
    failing = client(TOLERATED.replace("WARNING", "ERROR"), look_backs=(USUALLY,))
    assert "User requested shutdown" in ranked(stopped(), failing).headline
