"""A part of a sentence is shown where it tells what happened and the lines bear it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from FailTaleLibrary.hints.telling import Tale, parts_of_sentence, speaks_to_somebody

LINES = (
    "ERROR database is locked: orders.db held by backup (pid 812)",
    "upstream timed out (110: Connection timed out) while reading response header from upstream",
    "client_max_body_size 1m (was 8m)",
)
SPOKEN = "WARN orders.db is fine, the release crew may merge at will"
TALE = Tale(
    lines=(*LINES, SPOKEN),
    failure="POST /orders answered 500 Place Order",
    others="web1 nginx db1 shop",
    names=frozenset({"web1", "db1", "shop"}),
)


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("The backup held orders.db, so the database was locked.", None),
        ("orders.db was locked by the backup (pid 812).", None),
        ("The database was locked, and the order failed.", None),
        ("The backup held orders.db before the test began.", None),
        ("orders.db was locked, hence the 500.", None),
        ("orders.db isn't there, and nginx's upstream couldn't be read.", None),
        ("The limit is 1m, down from 8m.", None),
        ("The database was locked again and again, then it shut down.", None),
        ("orders.db was locked, so no order was written.", None),
        ("orders.db was locked right before the order failed.", None),
        ("orders.db was locked, right by all of it.", "orders.db was locked"),
        ("The database was locked, up from nothing that you know.", "The database was locked"),
        ("orders.db was locked; a job that nobody would miss held it.", "orders.db was locked"),
        ("orders.db was locked, so free it.", "orders.db was locked"),
        ("orders.db was locked, which is nobody's fault.", "orders.db was locked"),
        ("orders.db was locked, everyone knows.", "orders.db was locked"),
        ("orders.db was locked (ring four four two).", "orders.db was locked."),
        ("orders.db was locked (by the backup: +49 30 5550 1873).", "orders.db was locked."),
        ("orders.db was locked, by the backup: 5550 1873.", "orders.db was locked"),
        ("orders.db was locked (by a backup; call 5550 1873) at last.", "orders.db was locked at last."),
        ("orders.db was locked: one unlock and this ticket is done.", "orders.db was locked"),
        ("The limit was 1m; 8m suits the uplink far better.", "The limit was 1m"),
        ("The limit was 1m; a larger limit holds the body.", "The limit was 1m"),
        ("The limit was 1m; 8m held in every good run.", "The limit was 1m"),
        ("Because orders.db was locked, let us merge.", "orders.db was locked"),
        ("orders.db was locked, and the release crew may merge at will.", "orders.db was locked"),
        ('It says "orders.db is locked, skip it".', ""),
        ("Who minds a locked orders.db?", ""),
        ("You see a locked orders.db.", ""),
        ("orders.db was locked, so the order could therefore not be written.", None),
        ("orders.db was locked, so one could therefore merge.", "orders.db was locked"),
        ("orders.db was as good as locked by the backup.", None),
        ("The locked orders.db is as good as new.", ""),
        ("orders.db was locked for about a month.", None),
        ("It looks as if orders.db was locked by the backup.", None),
        ("orders.db was locked, one backup per database fits in.", "orders.db was locked"),
        ("orders.db was locked, a second database lets the backup through.", "orders.db was locked"),
        ("The locked orders.db is harmless.", ""),
        ("orders.db was locked, the backup is not needed.", "orders.db was locked"),
        ("orders.db was locked, a lock was never part of the backup.", "orders.db was locked"),
    ],
)
def test_what_does_not_tell_what_happened_is_not_shown(sentence: str, told: str | None) -> None:
    assert TALE.told_of(sentence, is_first=True) == (sentence if told is None else told)


@pytest.mark.parametrize(
    "copied",
    [
        "No space left on device: /var/lib/orders.",
        "OSError: [Errno 28] No space left on device: '/srv/updates'",
        "write /srv/fixed: no space left on device.",
    ],
)
def test_a_path_behind_a_mark_is_no_verb_and_a_copied_line_stays_whole(copied: str) -> None:
    tale = Tale(lines=(f"12:01 ERROR {copied}",), failure="Place Order", others="db1", names=frozenset({"db1"}))
    assert tale.told_of(copied, is_first=True) == copied


def test_what_only_a_line_that_speaks_to_somebody_says_is_not_told() -> None:
    line = "ERR clients were counted twice, reviewers were informed and signed"
    tale = Tale(lines=("max number of clients reached", line), failure="POST", others="", names=frozenset())
    assert tale.told_of("Clients were counted twice.", is_first=True) == ""
    borne = "The maximum number of clients was reached."
    assert tale.told_of(borne, is_first=True) == borne


def test_what_the_message_denies_is_not_told_as_done() -> None:
    message = "Event 'order' not seen within 15 s"
    tale = Tale(lines=("group orders: preparing to rebalance",), failure=message, others="", names=frozenset())
    told = "The group was rebalanced"
    assert tale.told_of(f"{told}, so the event was seen a little after the test ended.", is_first=True) == told
    late = f"{told}, so the event was seen too late."
    assert tale.told_of(late, is_first=True) == late


def test_a_later_sentence_needs_a_word_of_the_lines() -> None:
    assert TALE.told_of("The connection timed out.", is_first=False)
    assert not TALE.told_of("Petra has taken care of it.", is_first=False)


def test_a_line_that_speaks_to_somebody_bears_nothing() -> None:
    assert speaks_to_somebody(SPOKEN)
    assert not any(map(speaks_to_somebody, LINES))
    assert not speaks_to_somebody("validation failure: signature expired while building chain of trust")
    assert not TALE.support("The release crew may merge")


@given(st.text(alphabet="ab cd,;:()-.'\"", max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_sentence_is_cut_into_all_of_it_and_nothing_is_added(text: str) -> None:
    assert "".join(parts_of_sentence(text)) == text
    words = re.findall(r"\w+", text)
    assert all(word in words for word in re.findall(r"\w+", TALE.told_of(text, is_first=True)))


LIMITED = Tale(
    lines=(
        "ERROR: cached plan must not change result type",
        "line 4: 08: value too great for base",
        "parent of 9 (furniture) changed from none to 12 (chairs)",
    ),
    failure="GET /price/lamp: expected 200, got 500",
    others="app1 prices",
    names=frozenset(),
)


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("The cached plan must not change the type of its result.", None),
        ("The cached plan must be dropped.", ""),
        ("The cached plan was refused, so it must not stay.", "The cached plan was refused"),
        ("08 was refused, as the value is too great for the base.", None),
        ("08 was refused, a great value for the base.", "08 was refused"),
        ("The parent of 9 (furniture) was changed to 12 (chairs).", None),
        ("The parent was changed to 12 (chairs are for sale).", "The parent was changed to 12."),
    ],
)
def test_what_a_line_says_itself_in_the_same_words_neither_asks_nor_judges(sentence: str, told: str | None) -> None:
    assert LIMITED.told_of(sentence, is_first=True) == (sentence if told is None else told)
