"""A card keeps under its size whatever it is given, and gives every item its share."""

from __future__ import annotations

import random

import pytest
from builders import a_gap, a_report, a_suspect, an_analysis, an_item, some_evidence
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from FailTaleLibrary.archive import report_in, to_payload
from FailTaleLibrary.records import ItemPart, Report
from FailTaleLibrary.rendering import to_html
from FailTaleLibrary.rendering.fitting import Fitter, fitted, left_out
from FailTaleLibrary.text import sanitize


def a_log(lines: int, *, seed: int = 1) -> str:
    """Lines that do not compress away."""
    noise = random.Random(seed)
    return "\n".join(f"12:01:0{number % 10} INFO request {noise.getrandbits(128):x} served" for number in range(lines))


def a_big_report(*logs: str, **changes: object) -> Report:
    items = tuple(an_item(f"host{number}", "app.log", text=text, before="") for number, text in enumerate(logs))
    return a_report(evidence=some_evidence(items=items), **{"analysis": an_analysis(suspects=()), **changes})


def stored(report: Report, max_bytes: int) -> Report:
    card = to_html(report, max_bytes=max_bytes, pack=to_payload)
    assert len(card.encode()) <= max_bytes
    result = report_in(card)
    assert result is not None
    return result


texts = st.one_of(
    st.text().map(sanitize),
    st.builds(lambda text, times: sanitize(text) * times, st.text(min_size=1), st.integers(1, 2000)),
    st.integers(0, 3000).map(a_log),
    st.sampled_from(["'" * 50_000, "<&>\n" * 20_000, "ERROR\n" * 9_000, "\n" * 40_000, "é" * 30_000]),
)


@given(st.lists(texts, max_size=6), st.integers(0, 300_000))
@examples(60)
def test_no_card_is_larger_than_it_may(logs: list[str], max_bytes: int) -> None:
    card = to_html(a_big_report(*logs), max_bytes=max_bytes, bundle_link="failtale/x", pack=to_payload)
    assert len(card.encode()) <= max_bytes


def test_a_large_log_does_not_starve_a_small_one() -> None:
    report = stored(a_big_report(a_log(20_000), "small but complete"), 100_000)
    large, small = report.evidence.items
    assert small.text == "small but complete"
    assert len(large.text) > 20_000


def test_two_large_logs_share_the_room() -> None:
    report = stored(a_big_report(a_log(20_000, seed=1), a_log(5_000, seed=2)), 100_000)
    first, second = (len(item.text) for item in report.evidence.items)
    assert first == pytest.approx(second, rel=0.1)


def test_the_room_is_used() -> None:
    card = to_html(a_big_report(a_log(20_000)), max_bytes=200_000, pack=to_payload)
    assert len(card.encode()) > 120_000


def test_the_newest_lines_stay_and_the_rest_is_counted() -> None:
    log = a_log(20_000)
    (item,) = stored(a_big_report(log), 100_000).evidence.items
    marker, *kept = item.lines
    assert kept == log.splitlines()[-len(kept) :]
    assert marker == f"[… {20_000 - len(kept):,} lines left out of this card …]"
    assert left_out(item) == 20_000 - len(kept)


def test_a_suspect_stays_with_its_neighbours_and_is_still_found() -> None:
    lines = a_log(20_000).splitlines()
    lines[40] = "the cause"
    analysis = an_analysis(suspects=(a_suspect(item_id="host0/app.log", line_number=40, text="the cause"),))
    report = stored(a_big_report("\n".join(lines), analysis=analysis), 60_000)
    (item,), (suspect,) = report.evidence.items, report.analysis.suspects
    assert suspect.line_number is not None
    assert item.lines[suspect.line_number] == "the cause"
    assert item.lines[suspect.line_number - 2 : suspect.line_number + 3] == tuple(lines[38:43])


def test_old_error_looking_lines_outlive_newer_harmless_ones() -> None:
    lines = a_log(20_000).splitlines()
    lines[7] = "FATAL: the disk is gone"
    (item,) = stored(a_big_report("\n".join(lines)), 60_000).evidence.items
    assert "FATAL: the disk is gone" in item.lines


def test_the_card_says_what_it_leaves_out_and_where_it_is() -> None:
    card = to_html(a_big_report(a_log(20_000)), max_bytes=100_000)
    assert "this card leaves out" in card
    assert "the bundle &#39;failtale/3f9c1a7be24d4c0f9d6b2a8815c7e043&#39; has them" in card


def test_a_card_that_fits_leaves_nothing_out() -> None:
    assert "leaves out" not in to_html(a_report(), max_bytes=1_000_000)
    assert stored(a_report(), 1_000_000) == a_report()


def test_fitting_twice_counts_each_missing_line_once() -> None:
    report = a_big_report(a_log(1000))
    once = fitted(report, Fitter(report).text_size // 2)
    (item,) = fitted(once, Fitter(report).text_size // 10).evidence.items
    kept = [line for line in item.lines if not line.startswith("[…")]
    assert left_out(item) == 1000 - len(kept)


def test_with_little_room_the_suspects_and_what_went_wrong_remain_and_the_payload_with_them() -> None:
    items = tuple(an_item(f"host{number}", "app.log") for number in range(60))
    report = a_report(evidence=some_evidence(items=items, gaps=(a_gap(), *(a_gap(host=f"db{n}") for n in range(40)))))
    card = to_html(report, max_bytes=21_000, bundle_link="failtale/x", pack=to_payload)
    assert len(card.encode()) <= 21_000
    assert "database is locked: orders.db held by backup" in card
    assert "60 ok, 41 unreachable" in card
    assert "db1, db0, db1 and 38 more hosts" in card
    kept = report_in(card)
    assert kept is not None
    assert [item.id for item in kept.evidence.items] == [item.id for item in items]


def test_why_an_item_failed_stays_when_its_output_has_to_go() -> None:
    (item,) = fitted(a_report(evidence=some_evidence(items=(an_item(stderr="ss: not permitted"),))), 0).evidence.items
    assert item.stderr == "ss: not permitted"
    assert left_out(item) == len(an_item().lines) + 1  # with the line from before the window


def a_fleet(hosts: int) -> Report:
    """Each says little; one is guilty."""
    items = [an_item(f"host{number}", "state", text="up\n", window=None) for number in range(hosts)]
    guilty = a_suspect(host="host7", collector="state", text="up", item_id="host7/state", line_number=0)
    return a_report(analysis=an_analysis(suspects=(guilty,)), evidence=some_evidence(items=tuple(items), gaps=()))


@pytest.mark.parametrize("looks", [0, 30, 99])
def test_a_card_for_which_there_is_no_time_has_the_suspects_and_says_what_it_leaves_out(looks: int) -> None:
    """However far the drawing has come."""
    report = a_fleet(100)
    left = iter(range(looks))
    card = to_html(report, max_bytes=1_000_000, pack=to_payload, is_over=lambda: next(left, None) is None)
    assert "host7" in card
    assert "limits.failure_time left no time to draw 99 of 100 items" in card
    assert "the bundle has them" in card


def test_a_card_for_which_there_is_no_time_carries_the_newest_lines_of_every_item() -> None:
    text = "".join(f"line {number} of many\n" for number in range(20_000))
    items = tuple(an_item(f"host{number}", "app.log", text=text, before="") for number in range(10))
    report = a_report(analysis=an_analysis(suspects=()), evidence=some_evidence(items=items))
    card = to_html(
        report.model_copy(update={"bundle": None}), max_bytes=1_000_000, pack=to_payload, is_over=lambda: True
    )
    kept = report_in(card)
    assert kept is not None
    assert [item.id for item in kept.evidence.items] == [item.id for item in items]
    assert all(item.text.endswith("line 19999 of many\n") for item in kept.evidence.items)
    assert all(left_out(item) > 19_000 for item in kept.evidence.items)
    assert kept.evidence.gaps == report.evidence.gaps
    assert any("'failtale show' has their newest lines" in note for note in kept.analysis.notes)


def test_of_items_that_have_no_room_none_is_drawn_to_find_that_out() -> None:
    looks = []

    def is_over() -> bool:
        looks.append(None)
        return False

    card = to_html(a_fleet(1_000), max_bytes=100_000, pack=to_payload, is_over=is_over)
    assert "1000 ok" in card
    assert len(looks) == 2 * 1_000  # their texts are taken away, and then they are counted


def test_with_no_room_the_headline_and_the_bundle_remain() -> None:
    card = to_html(a_report(), max_bytes=1_500, bundle_link=a_report().bundle)
    assert "database is locked" in card
    assert 'href="./failtale/3f9c1a7be24d4c0f9d6b2a8815c7e043"' in card


def test_what_is_unsure_is_still_known_when_lines_are_left_out() -> None:
    log = a_log(4000)
    parts = (ItemPart(first_line=0, lines=3990, unsure=True), ItemPart(first_line=3990, lines=10))
    item = an_item("web1", "app.log", text=log, before="", parts=parts)
    report = a_report(evidence=some_evidence(items=(item,)), analysis=an_analysis(suspects=()))
    (small,) = stored(report, 30_000).evidence.items
    unsure = {small.lines[number] for number in small.unsure_lines}
    assert set(log.splitlines()[-10:]).isdisjoint(unsure)
    assert set(small.lines) - unsure - set(log.splitlines()[-10:]) <= {
        line for line in small.lines if "left out" in line
    }
    assert len(unsure) > 10
