"""What card, text and summary say, and that no text gets out of its place.

`approved/card.html` and `approved/card.txt` are the rendering of one report that a human looked at. After an intended
change look at the new ones and approve them: ``FAILTALE_APPROVE=1 python -m pytest utest/test_rendering.py``.
"""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from builders import (
    a_clock,
    a_failure,
    a_gap,
    a_hint,
    a_report,
    a_snapshot,
    a_step,
    a_suspect,
    an_analysis,
    an_item,
    some_evidence,
)
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from FailTaleLibrary.archive import report_in, rewritten, to_payload
from FailTaleLibrary.records import (
    Analysis,
    AppliedWindow,
    Chain,
    ChainEvent,
    ChainLink,
    Citation,
    ItemPart,
    Redaction,
    Signal,
    Signature,
)
from FailTaleLibrary.rendering import is_card, redraw, summary_line, to_html, to_text
from FailTaleLibrary.rendering.card import shown_suspects
from FailTaleLibrary.rendering.json import to_json
from FailTaleLibrary.rendering.text import to_brief_text
from FailTaleLibrary.text import sanitize

APPROVED = Path(__file__).parent / "approved"
ROOM = 1_000_000


class Elements(HTMLParser):
    """The elements of a fragment and its text, as a browser would see them."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(fragment)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data

    def values_of(self, name: str) -> list[str | None]:
        return [value for attribute, value in self.attributes if attribute == name]


def card_of(**changes: object) -> str:
    return to_html(a_report(**changes), max_bytes=ROOM)


def text_of_card(**changes: object) -> str:
    return Elements(card_of(**changes)).text


@pytest.mark.parametrize("name", ["card.html", "card.txt"])
def test_the_rendering_is_the_approved_one(name: str) -> None:
    report = a_report()
    now = to_text(report) if name.endswith(".txt") else to_html(report, max_bytes=ROOM, bundle_link=report.bundle)
    if os.environ.get("FAILTALE_APPROVE"):
        (APPROVED / name).write_text(now, encoding="utf-8")
    assert now == (APPROVED / name).read_text(encoding="utf-8")


# --- The card as HTML -------------------------------------------------------------------------------------------------


@given(st.text().map(sanitize))
@examples(40)
def test_any_text_stays_text(text: str) -> None:
    plain = Elements(to_html(rewritten(a_report(), lambda old: f"{old} "), max_bytes=ROOM))
    hostile = Elements(to_html(rewritten(a_report(), lambda old: f"{old} {text}"), max_bytes=ROOM))
    assert hostile.open == []
    assert set(hostile.tags) - {"mark"} == set(plain.tags) - {"mark"}  # what may be an identifier is marked
    assert {name for name, _ in hostile.attributes} == {name for name, _ in plain.attributes}


def test_the_card_refers_to_nothing_outside_and_brings_no_script() -> None:
    card = Elements(to_html(a_report(), max_bytes=ROOM, bundle_link=a_report().bundle, pack=to_payload))
    assert not {"script", "link", "img", "iframe", "object", "image", "use", "foreignobject"} & set(card.tags)
    assert not [name for name, _ in card.attributes if name.startswith("on") or name in ("src", "srcset", "action")]
    assert all(link and link.startswith(("#", "./")) for link in card.values_of("href"))
    assert not [style for style in card.values_of("style") if style and "url(" in style]


def test_the_style_sheet_speaks_of_cards_alone_and_fetches_nothing() -> None:
    (sheet,) = re.findall(r"<style [^>]*>(.*?)</style>", card_of())
    selectors = re.sub(r"\{[^{}]*\}", "\n", re.sub(r"@media[^{]*\{", "", sheet)).replace("}", "").split("\n")
    assert len(selectors) > 50
    assert all("failtale" in part or ".ft-" in part for each in selectors if each for part in each.split(","))
    assert "url(" not in sheet
    assert "@import" not in sheet


def test_the_pre_wrap_cell_of_the_log_gets_no_line_end_outside_of_outputs() -> None:
    card = card_of()
    assert "\n" in card
    assert "\n" not in re.sub(r"<pre.*?</pre>", "", card, flags=re.DOTALL)


def test_ids_of_two_cards_in_one_log_differ() -> None:
    first = Elements(card_of()).values_of("id")
    second = Elements(card_of(failure=a_failure(id="0" * 32))).values_of("id")
    assert len(set(first)) == len(first) > 5
    assert not set(first) & set(second)


def test_every_link_within_the_card_leads_to_something() -> None:
    card = Elements(card_of())
    targets = {f"#{name}" for name in card.values_of("id")}
    assert len(card.values_of("href")) > 1
    assert set(card.values_of("href")) <= targets


@pytest.mark.parametrize(
    ("link", "href"),
    [
        ("failtale/3f9c", "./failtale/3f9c"),
        ("./failtale/3f9c", "./failtale/3f9c"),
        ("name with space/#1?", "./name%20with%20space/%231%3F"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
    ],
)
def test_the_link_to_the_bundle_is_relative_whatever_it_says(link: str, href: str) -> None:
    assert href in Elements(to_html(a_report(), max_bytes=ROOM, bundle_link=link)).values_of("href")


@pytest.mark.parametrize("link", [None, "", "/srv/failtale/3f9c", "//evil.test/x"])
def test_a_bundle_that_no_relative_link_reaches_is_not_linked(link: str | None) -> None:
    hrefs = Elements(to_html(a_report(), max_bytes=ROOM, bundle_link=link)).values_of("href")
    assert all(href and href.startswith("#") for href in hrefs)


# --- What it says -----------------------------------------------------------------------------------------------------


def test_sections_stand_in_the_order_in_which_a_reader_needs_them() -> None:
    text = text_of_card(analysis=an_analysis(signature=Signature(hash="a" * 16, text="POST > 500", same_as="First")))
    order = [
        "database is locked, 0.4 s before",
        "storage1 → web1: upstream answered 500 → test: ",
        "Same cause as 'First'",
        "names a locked database",
        "linked by: web1 names storage1",
        "Model's hint, may be wrong",
        "qwen2.5:3b, 12 s, cites E1",
        "restart.robot:31",
        "Log lines",
        "Changed since the window began",
        "Hosts",
        "Not collected",
        "collected in 2.1 s, 2 new connections, 70 kB",
    ]
    assert sorted(order, key=text.index) == order


def test_the_story_ends_with_what_the_test_saw_and_where() -> None:
    text = text_of_card()
    assert "POST On Session  shop  /orders" in text
    assert f"\N{EM DASH} {a_failure().message}" in text
    assert a_failure().message in to_text(a_report())


def test_a_cause_of_an_earlier_attempt_of_the_same_test_is_told_as_that() -> None:
    again = a_failure(name="Order", attempt=2)
    for name, told in (("Order", "as at an earlier attempt"), ("Cart", "as 'Cart'")):
        analysis = an_analysis(signature=Signature(hash="a" * 16, text="POST > 500", same_as=name))
        assert f"Same cause {told}" in text_of_card(failure=again, analysis=analysis)
        assert f"Same cause {told}" in to_text(a_report(failure=again, analysis=analysis))


def test_a_message_that_is_the_keywords_argument_stands_once() -> None:
    fails = a_step(name="BuiltIn.Fail", arguments=("HTTPError: 500",))
    failure = a_failure(message="HTTPError: 500", keyword_path=(fails,))
    assert "HTTPError: 500 \N{EM DASH}" not in re.sub(r"\s+", " ", text_of_card(failure=failure))


def test_a_line_of_json_is_told_by_what_it_says_before_its_fields() -> None:
    line = json.dumps(
        {
            "t": {"$date": "2026-11-26T14:37:03.934Z"},
            "id": 21343,
            "msg": "Stepping down",
            "err": {"message": "no quorum"},
        }
    )
    suspect = a_suspect(text=line, line_number=0)
    row = text_of_card(analysis=an_analysis(suspects=(suspect,))).split("test", 1)[-1]
    assert "Stepping down: no quorum \N{EM DASH} {" in row


def test_a_keyword_that_only_says_the_message_gives_way_to_its_caller() -> None:
    steps = (a_step(name="Order Is Paid", arguments=("mug",)), a_step(name="BuiltIn.Fail", arguments=("not paid",)))
    text = text_of_card(failure=a_failure(message="not paid", keyword_path=steps))
    assert "Order Is Paid mug \N{EM DASH} not paid" in re.sub(r"\s+", " ", text)


def test_without_an_analysis_the_headline_counts() -> None:
    assert "Evidence of 3 hosts, 7 items, 2 gaps" in text_of_card(analysis=Analysis())


def test_a_card_without_a_model_says_nothing_of_hints() -> None:
    assert "hint" not in text_of_card(analysis=an_analysis(hint=None)).lower()


def test_a_card_says_why_there_is_no_hint() -> None:
    analysis = an_analysis(hint=None, no_hint_reason="no strong suspect")
    assert "No hint from a model: no strong suspect" in text_of_card(analysis=analysis)
    assert "No hint from a model: no strong suspect" in to_text(a_report(analysis=analysis))


@pytest.mark.parametrize(
    ("changes", "word", "why"),
    [
        ({}, "ok", ""),
        ({"exit_status": 3}, "ok", "exit status 3"),
        ({"status": "empty", "text": "", "empty_means": "Nobody logged in."}, "empty", "Nobody logged in."),
        ({"omitted_lines": 1204, "omitted_bytes": 182_044}, "cut", "1,204 lines (182 kB) cut by the limit"),
        ({"timed_out": True, "duration_s": 10.0}, "timed out", "stopped after 10 s"),
        ({"incomplete": "connection lost after 2 s"}, "incomplete", "connection lost after 2 s"),
        ({"status": "failed", "exit_status": 127, "stderr": "sh: ss: not found"}, "failed", "sh: ss: not found"),
    ],
)
def test_the_ledger_says_how_each_item_ended_and_why(changes: dict[str, object], word: str, why: str) -> None:
    evidence = some_evidence(items=(an_item(**changes),), gaps=())
    for text in (text_of_card(evidence=evidence), to_text(a_report(evidence=evidence))):
        assert word in text
        assert why in text


def test_gaps_stand_in_the_ledger_with_their_reason() -> None:
    for text in (text_of_card(), to_text(a_report())):
        assert "unreachable" in text
        assert "not readable for failtale; add it to group adm." in text


def test_many_healthy_items_fold_the_ledger_and_leave_what_went_wrong_in_sight() -> None:
    items = tuple(an_item(f"web{number}", "access.log") for number in range(30))
    card = card_of(evidence=some_evidence(items=items))
    assert "30 ok, 1 permission denied, 1 unreachable" in Elements(card).text
    assert "<details open>" not in card
    assert Elements(card).text.count("No route to 10.0.0.31 port 22 within 5 s.") == 2


@pytest.mark.parametrize(
    ("offset", "words"), [(92.31, "clock 92.3 s ahead (±12 ms)"), (-3.0, "clock 3.0 s behind (±12 ms)")]
)
def test_a_notable_clock_offset_is_shown_with_its_uncertainty(offset: float, words: str) -> None:
    evidence = some_evidence(clocks=(a_clock(offset_s=offset),))
    assert words in text_of_card(evidence=evidence)
    assert words in to_text(a_report(evidence=evidence))


def test_a_small_clock_offset_is_not_worth_a_word() -> None:
    assert "clock" not in text_of_card(evidence=some_evidence(clocks=(a_clock(offset_s=0.9),)))


def test_the_item_says_which_window_applied_and_what_is_not_guaranteed() -> None:
    text = text_of_card()
    assert "test, since 12:01:01.200 UTC, by time filter" in text
    assert "nginx writes whole seconds; lines of the first second may be older." in text


def test_the_text_says_which_lines_are_unsure_and_why_no_surer_way_was_had() -> None:
    window = AppliedWindow(kind="test", method="byte mark", why="The mark came 0.2 s after the window began.")
    parts = (ItemPart(first_line=0, lines=1, unsure=True), ItemPart(first_line=1, lines=1))
    item = an_item(text="perhaps of the test before\nof this test", parts=parts, window=window, before="")
    text = to_text(a_report(evidence=some_evidence(items=(item,), gaps=()), analysis=Analysis()))
    assert "by byte mark; The mark came 0.2 s after the window began." in text
    assert "  perhaps older | perhaps of the test before\nof this test" in text


def test_the_card_and_the_json_mark_each_unsure_line() -> None:
    parts = (ItemPart(first_line=0, lines=2, unsure=True), ItemPart(first_line=2, lines=2))
    item = an_item(text="perhaps ERROR\nperhaps old\nERROR of it\nof this test", parts=parts, before="")
    report = a_report(evidence=some_evidence(items=(item,), gaps=()), analysis=Analysis())
    unsure = re.compile(r'<span class="ft-l-[a-z]+ ft-unsure" title="perhaps older[^"]*"[^>]*>([^<]*)\n</span>')
    assert unsure.findall(to_html(report, max_bytes=100_000)) == ["perhaps ERROR", "perhaps old"]
    (stored,) = json.loads(to_json(report))["evidence"]["items"]
    parts_told = [(part["first_line"], part["lines"], part["unsure"]) for part in stored["parts"]]
    assert parts_told == [(0, 2, True), (2, 2, False)]


def test_a_card_of_a_failure_without_keywords_is_drawn() -> None:
    assert "database is locked" in text_of_card(failure=a_failure(keyword_path=()))


def test_secrets_are_counted_by_rule() -> None:
    text = text_of_card(failure=a_failure(redactions=(Redaction(rule="header", count=1),)))
    assert "password \N{MULTIPLICATION SIGN}2, bearer token \N{MULTIPLICATION SIGN}1" in text
    assert "Removed from the failure: header \N{MULTIPLICATION SIGN}1" in text


def test_lines_from_before_the_window_are_marked_and_not_counted() -> None:
    evidence = some_evidence(items=(an_item(text="one\ntwo", before="earlier"),), gaps=())
    text = text_of_card(evidence=evidence, analysis=Analysis())
    assert "2 lines" in text
    assert text.index("before the window") < text.index("earlier") < text.index("in the window")


def test_zero_errors_are_no_error() -> None:
    evidence = some_evidence(items=(an_item(text="done: 0 errors\nERROR: disk full\nfailed=0"),), gaps=())
    assert "3 lines, 1 error-looking" in text_of_card(evidence=evidence, analysis=Analysis())


def test_standard_error_is_shown_apart() -> None:
    assert "standard error\nss: cannot open netlink socket: Permission denied" in text_of_card()


def test_at_most_five_suspects_are_shown() -> None:
    suspects = tuple(a_suspect(id=f"E{number}", text=f"suspicion {number}") for number in range(1, 9))
    for text in (
        text_of_card(analysis=an_analysis(suspects=suspects)),
        to_text(a_report(analysis=an_analysis(suspects=suspects))),
    ):
        assert "suspicion 5" in text
        assert "suspicion 6" not in text


def test_what_two_collectors_of_a_host_say_alike_is_shown_once() -> None:
    alike = (a_suspect(text="no answer"), a_suspect(id="E2", item_id="storage1/state", text="no answer"))
    suspects = (*alike, a_suspect(id="E4", text="retrying"))
    assert [each.id for each in shown_suspects(an_analysis(suspects=suspects))] == ["E1", "E4"]


def test_an_event_of_the_chain_is_shown_though_it_ranks_low_and_was_seen_before() -> None:
    seen = (Signal(name="seen before", words="seen before"),)
    low = a_suspect(id="E9", host="web1", text="upstream refused", signals=seen)
    suspects = (*(a_suspect(id=f"E{number}", text=f"suspicion {number}") for number in range(1, 7)), low)
    event = ChainEvent(suspect_id="E9", who="web1", says="upstream refused")
    failure = ChainEvent(suspect_id=None, who="test", says="the test failed")
    chain = Chain(links=(ChainLink(cause=event, effect=failure, reasons=("names it",)),))
    suspects_shown = [each.id for each in shown_suspects(an_analysis(suspects=suspects, chain=chain))]
    assert suspects_shown == ["E1", "E2", "E3", "E4", "E9"]


def test_host_and_kind_of_the_cause_stand_in_the_badge_alone() -> None:
    """Also where the headline tells the component of a host whose name does not."""
    first = a_suspect(host="db1", component="cache", text="no answer", lines_before=(), lines_after=())
    analysis = an_analysis(suspects=(first,), headline="db1 (cache) · locked: no answer", cause="db1 · locked")
    text = text_of_card(analysis=analysis)
    assert "db1 (cache) · locked" in text
    assert text.count("· locked") == 1
    assert "· locked:" not in text


def test_a_second_attempt_is_named() -> None:
    assert "attempt 2" in text_of_card(failure=a_failure(attempt=2))


def test_long_arguments_do_not_push_the_file_and_line_away() -> None:
    text = text_of_card(failure=a_failure(keyword_path=(a_step(arguments=("x" * 5000,)),)))
    assert "x" * 121 not in text
    assert "/home/ci/shop/tests/orders/restart.robot:31" in text


def test_a_code_quote_of_the_headline_is_set_as_code_and_a_lone_one_stays() -> None:
    assert ">GET /orders</code> returned `500" in card_of(analysis=Analysis(headline="`GET /orders` returned `500"))


# --- Recognised and drawn again ---------------------------------------------------------------------------------------


def test_a_card_is_recognised_and_other_messages_are_not() -> None:
    assert is_card(card_of())
    assert not is_card("<div>data-failtale</div>")
    assert not is_card(f" {card_of()}")


# --- Where a hint stands ---------------------------------------------------------------------------------------------

AGREEING = "The database is locked on storage1, because orders.db is held by a backup."


def hinted(**changes: Any) -> dict[str, Any]:
    return {"analysis": an_analysis(hint=a_hint(**changes))}


@pytest.mark.parametrize(("confidence", "is_on_top"), [("high", True), ("medium", True), ("low", False)])
def test_a_hint_that_adds_something_stands_under_the_headline_when_it_is_sure_enough_else_below_the_suspects(
    confidence: str, is_on_top: bool
) -> None:
    told = hinted(confidence=confidence)
    for page in (text_of_card(**told), to_text(a_report(**told)), to_brief_text(a_report(**told), more="")):
        assert (page.index("Model's hint") < page.index("orders.db held by backup (pid 812)")) is is_on_top
        assert page.count("The nightly backup held an exclusive lock") == 1


@pytest.mark.parametrize("confidence", ["low", "high"])
def test_a_paraphrase_of_the_headline_is_told_as_an_agreement(confidence: str) -> None:
    told = hinted(cause=AGREEING, confidence=confidence, notes=("Left out: something.",))
    for page in (text_of_card(**told), to_text(a_report(**told)), to_brief_text(a_report(**told), more="")):
        assert f"The model agrees (qwen2.5:3b, cites E1, {confidence} confidence)" in page
        assert "may be wrong" not in page
    assert f"The model's words: {AGREEING}" in text_of_card(**told)
    assert "Left out: something." in text_of_card(**told)


def test_a_hint_in_our_words_that_names_the_headlines_line_points_there_and_has_no_words_of_the_model() -> None:
    told = hinted(cause='The model points at E1 of storage1: "…"', in_our_words=True, confidence="low")
    for page in (text_of_card(**told), to_text(a_report(**told)), to_brief_text(a_report(**told), more="")):
        assert "The model points at E1, too (qwen2.5:3b, low confidence)" in page
        assert "points at E1 of" not in page
        assert "agrees" not in page


@pytest.mark.parametrize(
    "changes",
    [
        {"cause": AGREEING, "citations": (Citation(suspect_id="E2"),)},
        {"cause": "The nightly backup of storage1 took the lock that pool-2 waited for since one second."},
    ],
)
def test_who_blames_another_line_or_says_more_does_not_just_agree(changes: dict[str, Any]) -> None:
    assert "The model agrees" not in text_of_card(**hinted(**changes))


def test_that_the_model_found_no_cause_is_said_in_one_line_and_not_as_a_hint() -> None:
    told = hinted(cause="the model found no cause in these lines", citations=(), category="unknown", next_steps=())
    for page in (text_of_card(**told), to_text(a_report(**told)), to_brief_text(a_report(**told), more="")):
        assert "No hint: the model found no cause in these lines (qwen2.5:3b)" in page
        assert "may be wrong" not in page
    assert "the model found no cause in these lines" in to_json(a_report(**told))


def test_a_hint_that_comes_later_replaces_the_placeholder_and_keeps_the_link() -> None:
    waiting = a_report(analysis=an_analysis(hint=None, no_hint_reason="asked when the run has ended"))
    card = to_html(waiting, max_bytes=ROOM, bundle_link="a&b/c", pack=to_payload)
    stored = report_in(card)
    assert stored == waiting
    complete = stored.model_copy(update={"analysis": an_analysis()})
    again = redraw(card, complete, max_bytes=ROOM, pack=to_payload)
    assert again == to_html(complete, max_bytes=ROOM, bundle_link="a&b/c", pack=to_payload)
    assert "asked when" not in again


def test_drawing_again_adds_no_link_where_there_was_none() -> None:
    assert redraw(card_of(), a_report(), max_bytes=ROOM) == card_of()


# --- One line ---------------------------------------------------------------------------------------------------------


def test_the_summary_names_cause_gaps_hosts_and_seconds() -> None:
    evidence = some_evidence(gaps=(a_gap(), a_gap(host="db2", reason="refused")))
    report = a_report(analysis=Analysis(headline="storage1: database is locked"), evidence=evidence)
    assert summary_line(report) == (
        "FailTale: storage1: database is locked (2 gaps: db1 unreachable, db2 refused), 4 hosts, 2.1 s"
    )


def test_the_summary_of_nothing_special_is_still_one_line() -> None:
    report = a_report(analysis=Analysis(), evidence=some_evidence(gaps=()))
    assert summary_line(report) == "FailTale: evidence collected, 2 hosts, 2.1 s"


@given(st.text().map(sanitize))
def test_the_summary_is_one_line_of_bounded_length(headline: str) -> None:
    line = summary_line(a_report(analysis=Analysis(headline=headline * 20)))
    assert len(line.splitlines()) == 1
    assert len(line) <= 300


def test_a_gap_of_no_host_counts_as_no_host() -> None:
    evidence = some_evidence(
        items=(a_snapshot(),), gaps=(a_gap(host="-", reason="skipped", detail="No host plays 'x'."),)
    )
    assert "1 host, 1 item, 1 gap" in to_text(a_report(evidence=evidence))
