"""The parts of a card: its timeline, the log lines in the order of time, what changed, hosts and gaps."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from builders import (
    FAILED_AT,
    STARTED_AT,
    a_clock,
    a_failure,
    a_gap,
    a_gap_suspect,
    a_report,
    a_snapshot,
    a_step,
    a_suspect,
    an_item,
    some_evidence,
)

from FailTaleLibrary.archive import to_payload
from FailTaleLibrary.archive.payload import from_payload, report_in
from FailTaleLibrary.records import Analysis, LookBack, Report, Rows, SeenShape, Signal, our_words
from FailTaleLibrary.rendering import to_html
from FailTaleLibrary.rendering.card import card_of
from FailTaleLibrary.rendering.changes import changes_of
from FailTaleLibrary.rendering.merged import MOST_LINES, merged_lines, shared_identifiers
from FailTaleLibrary.rendering.timeline import MOST_HOSTS, Lane, Timeline, timeline_of
from FailTaleLibrary.rendering.words import gap_outcome

STEPS = (
    a_step(name="Start Shop", status="PASS", started_at=STARTED_AT, elapsed_s=3.1),
    a_step(name="Create Order", started_at=FAILED_AT - timedelta(seconds=3.1), elapsed_s=None, status=None),
)


def a_timeline(*suspects: object, **changes: object) -> Timeline:
    report = a_report(analysis=Analysis(suspects=suspects), **changes)
    return timeline_of(report, report.analysis.suspects)


def lane_of(timeline: Timeline, name: str) -> Lane:
    return next(lane for lane in timeline.lanes if lane.name == name)


# --- The timeline -----------------------------------------------------------------------------------------------------


def test_keywords_share_the_first_lane_as_they_shared_the_time() -> None:
    first, second = a_timeline(failure=a_failure(keywords=STEPS)).lanes[0].intervals
    assert (first.label, first.look) == ("Start Shop", "pass")
    assert (second.label, second.look) == ("Create Order", "fail")
    assert first.width == pytest.approx(second.width, abs=1)
    assert first.left + first.width == pytest.approx(second.left, abs=1)


def test_the_failure_is_the_line_at_the_end_unless_something_came_after_it() -> None:
    assert a_timeline(a_suspect()).failed == pytest.approx(98)
    late = a_suspect(at=FAILED_AT + timedelta(seconds=0.6), offset_s=0.6)
    assert a_timeline(late).failed < 95


def test_a_suspect_is_a_mark_in_the_lane_of_its_host_where_it_was_written() -> None:
    (mark,) = lane_of(a_timeline(a_suspect(at=FAILED_AT - timedelta(seconds=3.1), offset_s=-3.1)), "storage1").marks
    assert mark.at == pytest.approx(49.5, abs=0.5)
    assert mark.label == "1"
    assert mark.is_strong


def test_marks_that_would_cover_each_other_are_one() -> None:
    suspects = (a_suspect(), a_suspect(id="E2", at=FAILED_AT - timedelta(seconds=0.4), offset_s=-0.4))
    (mark,) = lane_of(a_timeline(*suspects), "storage1").marks
    assert mark.label == "1·2"


def test_an_uncertain_clock_is_as_wide_as_it_is_uncertain() -> None:
    evidence = some_evidence(clocks=(a_clock(host="storage1", offset_s=0, uncertainty_s=0.62),))
    (mark,) = lane_of(a_timeline(a_suspect(), evidence=evidence), "storage1").marks
    assert mark.spread == pytest.approx(9.7, abs=0.1)


def test_a_host_that_is_silent_is_an_interval() -> None:
    (gap,) = lane_of(a_timeline(a_gap_suspect()), "db1").intervals
    assert (gap.look, gap.label) == ("gap", "unreachable")


def test_what_is_older_than_the_test_stands_at_its_edge_and_says_so() -> None:
    early = a_suspect(at=STARTED_AT - timedelta(seconds=40), offset_s=-46.2)
    (mark,) = lane_of(a_timeline(early), "storage1").marks
    assert mark.is_earlier
    assert mark.at == pytest.approx(1)


def test_of_many_hosts_those_with_marks_have_a_lane_and_the_rest_is_counted() -> None:
    items = (*(an_item(f"web{number}", "access.log") for number in range(30)), an_item())
    timeline = a_timeline(a_suspect(), evidence=some_evidence(items=items, gaps=()))
    assert len(timeline.lanes) == MOST_HOSTS + 1
    assert lane_of(timeline, "storage1").marks
    assert timeline.unshown == "25 more hosts, quiet"


def test_the_drawing_is_told_in_words_too() -> None:
    words = a_timeline(a_suspect(), failure=a_failure(keywords=STEPS)).words
    assert "test: Start Shop, 3.1 s, PASS; Create Order, 3.1 s, FAIL" in words
    assert "storage1: E1 \N{MINUS SIGN}0.4 s. " in words


def test_a_window_without_length_is_drawn() -> None:
    window = a_failure().window.model_copy(update={"start": FAILED_AT})
    assert a_timeline(a_suspect(), failure=a_failure(window=window)).lanes


# --- Log lines in the order of time -----------------------------------------------------------------------------------


def two_logs(**changes: object) -> Report:
    app = an_item(
        "app1", "app.log", text="2026-03-14 12:01:05.000 app asks\n2026-03-14 12:01:07.100 app got 500", before=""
    )
    db = an_item("db1", "db.log", text="2026-03-14 12:01:06.000 db is full", before="", **changes)
    return a_report(evidence=some_evidence(items=(app, db), clocks=()), analysis=Analysis())


def test_lines_of_all_logs_stand_in_one_order() -> None:
    merged = merged_lines(two_logs(), ())
    assert [(line.host, line.text, line.offset_s) for line in merged.lines] == [
        ("app1", "app asks", -2.4),
        ("db1", "db is full", -1.4),
        ("app1", "app got 500", -0.3),
    ]
    assert (merged.of_lines, merged.hosts, merged.unshown) == (3, 2, 0)


def test_a_clock_that_is_ahead_is_taken_back() -> None:
    report = two_logs()
    clocks = (a_clock(host="db1", offset_s=5.0, utc_offset_s=0),)
    evidence = report.evidence.model_copy(update={"clocks": clocks})
    merged = merged_lines(report.model_copy(update={"evidence": evidence}), ())
    assert [line.host for line in merged.lines] == ["db1", "app1", "app1"]


def test_lines_that_stood_there_before_are_one_line_that_says_how_often() -> None:
    text = "\n".join(f"2026-03-14 12:01:0{second}.000 heartbeat" for second in range(1, 7))
    back = LookBack(lines=100, of_lines=6, shapes=(SeenShape(lines=(0, 1, 2, 3, 4, 5), count=90),))
    report = a_report(
        evidence=some_evidence(items=(an_item(text=text, before="", look_backs=(back,)),)), analysis=Analysis()
    )
    (line,) = merged_lines(report, ()).lines
    assert (line.look, line.times, line.text) == ("usual", 6, "heartbeat")


def test_of_very_many_lines_those_near_the_failure_are_shown_and_the_suspect() -> None:
    text = "\n".join(f"2026-03-14 12:01:0{n // 100}.{n % 100:02d}0 line {n}" for n in range(600))
    item = an_item(text=text, before="")
    suspect = a_suspect(line_number=3)
    merged = merged_lines(a_report(evidence=some_evidence(items=(item,)), analysis=Analysis()), (suspect,))
    assert len(merged.lines) == MOST_LINES
    assert merged.unshown == 600 - MOST_LINES
    assert merged.lines[0].text == "line 3"
    assert merged.lines[-1].text == "line 599"


def test_what_names_one_thing_on_two_hosts_is_an_identifier_that_they_share() -> None:
    texts = [("app1", "req=00796cf5 answered 507"), ("db1", "req=00796cf5 quota 2026"), ("db1", "pid 20481 2026")]
    assert shared_identifiers(texts) == {"00796cf5"}
    assert shared_identifiers(texts[:1] * 2) == frozenset()
    called = [
        ("app1", "12:01:07 order=4711 refused"),
        ("db1", "12:01:07 order_id: 4711 locked at 12:01:07 for 4711 ms"),
    ]
    assert shared_identifiers(called) == {"4711"}


# --- What changed, hosts and gaps -------------------------------------------------------------------------------------


def test_rows_that_only_count_are_one_line_and_states_are_told_in_full() -> None:
    counting = a_snapshot(
        collector="tcp", rows=Rows(counters=(r"^(InSegs|OutSegs)",)), changes=("- InSegs 1", "+ InSegs 9", "  Max 4")
    )
    changes = changes_of((counting, a_snapshot()))
    assert [each.item.collector for each in changes.items] == ["units"]
    assert changes.counters == (("storage1/tcp", 1),)
    assert changes.words == "2 lines of 1 snapshot, 1 counter moved"


def test_an_expression_that_is_none_costs_nothing_but_itself() -> None:
    (changed,) = changes_of((a_snapshot(rows=Rows(counters=("(", "^x"))),)).items
    assert changed.lines == a_snapshot().changes


def test_each_host_is_one_row_and_holds_its_items() -> None:
    card = card_of(a_report())
    names = [host.name for host in card.hosts]
    assert len(names) == len(set(names))
    assert set(names) == {item.host for item in a_report().evidence.items} | {"db1"}
    for host in card.hosts:
        assert all(view.item.host == host.name for view in (*host.items, *host.quiet))


def test_a_suspect_that_is_no_error_is_not_counted_as_an_error_line() -> None:
    item = an_item("api1", "orders.log", text="price of tea asked\nprice of tea 3 -> 0\nthe spool is full")
    changed = Signal(name="changed", words=our_words("a change"))
    full = Signal(name="disk full", words=our_words("a full disk"), strong=True)
    weak, strong = (
        a_suspect(
            id=f"E{line}", item_id=item.id, host="api1", line_number=line, text=item.lines[line], signals=(signal,)
        )
        for line, signal in ((1, changed), (2, full))
    )
    for suspects, words in (((weak,), "1 ok"), ((weak, strong), "1 ok, 1 error line in 1 log")):
        report = a_report(evidence=some_evidence(items=(item,), gaps=()), analysis=Analysis(suspects=suspects))
        assert [host.words for host in card_of(report).hosts if host.name == "api1"] == [words]


def test_gaps_that_ask_for_the_same_act_are_one_group() -> None:
    denied = [
        a_gap(host=f"web{n}", collector="dmesg", reason="permission denied", detail=f"add failtale@web{n} to adm")
        for n in range(5)
    ]
    first, second = card_of(a_report(evidence=some_evidence(gaps=(a_gap(), *denied)))).gaps
    assert (first.places, first.number) == ("dmesg on web0, web1, web2 and 2 more hosts", 5)
    assert (second.places, second.reason) == ("db1", "unreachable")


def test_a_card_that_carries_all_lines_shows_a_few_of_each_usual_shape_and_all_near_a_suspect() -> None:
    lines = [f"12:01:0{n % 10} INFO GET /health -> 200 in {n} ms" for n in range(20)]
    lines[12] = "12:01:02 ERROR orders: database is locked"
    shape = SeenShape(lines=tuple(n for n in range(20) if n != 12), count=40)
    item = an_item(text="\n".join(lines), before="", look_backs=(LookBack(of_lines=20, lines=400, shapes=(shape,)),))
    suspect = a_suspect(item_id=item.id, line_number=12, text=lines[12])
    report = a_report(evidence=some_evidence(items=(item,), gaps=()), analysis=Analysis(suspects=(suspect,)))
    whole, short = (to_html(report, max_bytes=100_000, pack=pack) for pack in (None, to_payload))
    evidence = [shown_lines(card) for card in (whole, short)]
    assert evidence[0] == lines
    assert evidence[1] == [lines[0], "… 9 usual lines", *lines[10:15], "… 3 usual lines", *lines[18:]]
    assert "left out 12 lines of shapes that this log held often before; all of them: failtale show" in text_of(short)
    assert report_in(short) == from_payload(to_payload(report))
    assert "20 lines, 1 error-looking" in text_of(short)


def shown_lines(card: str) -> list[str]:
    """Of the one item."""
    return unescape(re.sub("<[^>]*>", "", card[card.rindex("<pre") : card.rindex("</pre>")])).strip().splitlines()


def text_of(card: str) -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", card)).split())


def test_how_long_something_is_not_tried_again_is_told_as_a_time_of_day() -> None:
    gap = a_gap(detail="Host 'db1' is silent. (not tried again for 58 s)", at=FAILED_AT)
    assert gap_outcome(gap).why == "Host 'db1' is silent. (not tried again until 12:02:05 UTC)"
    unknown = gap_outcome(gap.model_copy(update={"at": None}))
    assert unknown.why == "Host 'db1' is silent. (not tried again at once)"
