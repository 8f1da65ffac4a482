"""Who only says that something failed yields to who says why; what is called after a fault is none."""

from __future__ import annotations

import pytest
from builders import a_failure, a_step, an_item, some_evidence

from FailTaleLibrary.ranking import rank
from FailTaleLibrary.records import Analysis, AppliedWindow, Item

QUIET = "\n".join(f"2026-03-14 12:00:4{n},100 INFO [main] orders: {word} is well" for n, word in enumerate("abcdefghi"))
AT = "2026-03-14 12:01:06"


def log(*lines: str, host: str = "app1", collector: str = "app.log") -> Item:
    window = AppliedWindow(kind="test", method="time filter", since=a_failure().window.start)
    return an_item(host, collector, component="shop", text="\n".join(lines), before=QUIET, window=window)


def ranked(*items: Item, message: str = "HTTPError: 500 Server Error for url: http://web1/reviews") -> Analysis:
    step = a_step(name="Review", arguments=())
    failure = a_failure(message=message, keyword_path=(step,), keywords=(step,))
    return rank(failure, some_evidence(items=items, gaps=()))


@pytest.mark.parametrize(
    ("wrapper", "reason"),
    [
        ("shop: storing review failed: ----", "ERROR shop: value too long for type character varying(40)"),
        ("ingest: upload of a.txt ended with status 255", "WARN ingest: Host key verification failed."),
        ("web: GET /baskets/4 failed, see below", "ERROR web: no such file or directory, open basket.hbs"),
        (
            "deploy: command failed: make all (exit status: 2)",
            "INFO deploy: make: *** No rule to make target 'app.js'.",
        ),
        ("deploy: Command failed: cmake .", "INFO deploy: CMake Error: the directory /srv/x does not exist."),
        ("sync: step 3 of 5 returned an error", "ERROR sync: row 2 has no unit"),
    ],
)
@pytest.mark.parametrize("reason_first", [True, False])
def test_a_line_that_only_says_that_it_failed_yields_to_what_was_logged_beside_it(
    wrapper: str, reason: str, reason_first: bool
) -> None:
    lines = (f"{AT},{660 if reason_first else 720} {reason}", f"{AT},690 ERROR {wrapper}")
    analysis = ranked(log(*lines if reason_first else lines[::-1]))
    assert analysis.suspects[0].text.endswith(reason)
    assert reason.split(": ", 1)[1].rstrip(".") in analysis.headline


def test_the_reason_may_stand_in_another_log_and_what_was_logged_a_second_before_is_none() -> None:
    wrapper = f"{AT},690 ERROR shop: storing review failed: ----"
    beside = log(f"{AT},700 ERROR worker: value too long", host="db1", collector="db.log")
    assert ranked(log(wrapper), beside).suspects[0].host == "db1"
    earlier = log("2026-03-14 12:01:05,200 WARN worker: value too long", host="app1", collector="db.log")
    assert ranked(log(wrapper), earlier).headline.startswith("app1 (shop): storing review failed: ----")


def test_it_leads_where_nobody_says_more() -> None:
    wrapper = f"{AT},690 ERROR shop: upload ended with status 255"
    assert ranked(log(wrapper, f"{AT},700 INFO shop: waiting")).headline.startswith(
        "app1 (shop): upload ended with status 255"
    )


@pytest.mark.parametrize(
    "line",
    [
        "INFO shop.alerts: rule 'Service Unavailable' is enabled",
        "INFO shop.alerts: loaded alert 'Disk Full', threshold 95",
        'INFO shop.mail: template "Connection Refused" saved',
        'INFO shop.i18n: imported translation "Out of memory" (de)',
        "INFO waf: policy 'deny connection refused' registered",
    ],
)
def test_what_is_called_after_a_fault_and_only_defined_is_no_event(line: str) -> None:
    assert ranked(log(f"{AT},690 {line}")).headline.startswith("No strong suspect")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("INFO shop.alerts: alert 'Disk Full' is firing", "disk full"),
        ("INFO shop.rules: rule 'summer prices' is enabled", "activated"),
        ("ERROR shop: cannot save template 'cart': No space left on device", "disk full"),
    ],
)
def test_an_alert_that_fires_and_a_rule_of_the_product_are_events(line: str, kind: str) -> None:
    assert kind in {each.name for each in ranked(log(f"{AT},690 {line}")).suspects[0].signals if each.strong}


def test_a_service_that_was_still_starting_is_told_by_who_wanted_it() -> None:
    client = (
        "ERROR shop: POST /reviews failed: redis.exceptions.BusyLoadingError: Redis is loading the dataset in memory"
    )
    server = log("811:M 14 Mar 2026 12:01:06.600 # Server initialized", host="cache1", collector="redis.log")
    analysis = ranked(log(f"{AT},700 {client}"), server)
    assert analysis.headline.startswith("cache1 (shop) · restart: Server initialized")


def test_a_switch_accuses_nobody_of_a_breakdown_of_which_others_tell_another_trouble() -> None:
    switch = f"{AT},300 INFO shop.flags: flag 'newsletter' is on now"
    trouble = f"{AT},700 WARNING shop.reviews: review refused by moderation: its queue is gone"
    assert ranked(log(switch)).suspects[0].is_strong
    assert not any(each.is_strong for each in ranked(log(switch, trouble)).suspects)
    named = f"{AT},700 WARNING shop.mail: letters are not sent: newsletters are not known"
    assert any(each.is_strong for each in ranked(log(switch, named)).suspects)
