"""Failure + Evidence -> what the test and all hosts did, on one clock."""

from __future__ import annotations

from datetime import timedelta

from builders import FAILED_AT, a_clock, a_failure, a_gap, a_snapshot, a_step, an_item, some_evidence

from FailTaleLibrary.timeline import timeline

NGINX = "2026/03/14 12:02:38 [error] 311#311: *94 upstream answered 500"
STORE = "2026-03-14T12:01:06.900Z ERROR database is locked\n\tat org.shop.Store.insert(Store.java:88)"


def test_lines_of_hosts_whose_clocks_differ_stand_in_their_true_order() -> None:
    items = (an_item("web1", "nginx.error", text=NGINX), an_item("storage1", text=STORE))
    clocks = (a_clock(host="web1", offset_s=90.0, uncertainty_s=0.02), a_clock(host="storage1", offset_s=0.0))
    told = timeline(a_failure(keyword_path=()), some_evidence(items=items, gaps=(), clocks=clocks))
    assert [(event.host, event.offset_s) for event in told.events] == [("storage1", -0.5), (None, 0.0), ("web1", 0.6)]
    assert told.events[2].uncertainty_s == 0.02


def test_an_event_of_a_line_leads_to_its_place() -> None:
    item = an_item("storage1", text=f"no time here\n{STORE}")
    told = timeline(a_failure(keyword_path=()), some_evidence(items=(item,), gaps=()))
    event = told.events[0]
    assert (event.item_id, event.line_number, event.text) == (item.id, 1, item.lines[1])


def test_lines_without_a_time_are_counted_and_are_no_events() -> None:
    items = (an_item("storage1", text=STORE), a_snapshot())
    told = timeline(a_failure(), some_evidence(items=items, gaps=()))
    assert told.undated_lines == 1 + len(a_snapshot().lines)


def test_keywords_and_the_failure_are_events_of_the_test() -> None:
    steps = (a_step(name="Open Shop", started_at=FAILED_AT - timedelta(seconds=5)), a_step(), a_step(started_at=None))
    told = timeline(a_failure(keywords=steps), some_evidence(items=(), gaps=()))
    assert [(event.kind, event.text, event.host) for event in told.events] == [
        ("keyword", "Open Shop", None),
        ("keyword", "Create Order", None),
        ("failure", "HTTPError: 500 Server Error for url: http://web1/orders", None),
    ]


def test_a_gap_is_an_event_at_the_moment_it_was_met() -> None:
    told = timeline(a_failure(keyword_path=()), some_evidence(items=(), gaps=(a_gap(), a_gap(at=None))))
    assert [(event.kind, event.host) for event in told.events] == [("failure", None), ("gap", "db1")]


def test_what_happened_at_the_moment_of_the_failure_stands_ahead_of_it() -> None:
    item = an_item("storage1", text="2026-03-14T12:01:07.400Z ERROR x")
    told = timeline(a_failure(keyword_path=()), some_evidence(items=(item,), gaps=()))
    assert [event.kind for event in told.events] == ["line", "failure"]


def test_a_host_in_another_zone_is_put_right() -> None:
    item = an_item("storage1", text="2026-03-14 14:01:07.000 ERROR x")
    clock = a_clock(host="storage1", offset_s=0.0, utc_offset_s=7200)
    told = timeline(a_failure(keyword_path=()), some_evidence(items=(item,), gaps=(), clocks=(clock,)))
    assert told.events[0].offset_s == -0.4
