"""Texts of a record are sanitised, redacted, counted, and short enough to read."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from FailTaleLibrary.errors import RedactionError
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.redaction.redactor import MAX_TEXT, RecordRedactor

SECRET = secrets.token_urlsafe(18)
NO_TIME_S = -1.0
"""A redactor with this limit is always too late."""


def test_a_known_secret_and_control_characters_are_gone() -> None:
    assert SECRET not in RecordRedactor(Redactor(known=[SECRET])).text(f"\x1b[31mlogin {SECRET}\x00\x1b[0m")
    assert RecordRedactor(Redactor()).text("\x1b[31mred\x1b[0m\x00\r\n") == "red\n"


def test_a_secret_that_an_escape_sequence_cuts_in_two_is_found() -> None:
    coloured = f"{SECRET[:8]}\x1b[1m{SECRET[8:]}"
    assert RecordRedactor(Redactor(known=[SECRET])).text(coloured) == "[redacted:known-value]"


def test_removals_are_counted_by_rule_over_all_texts() -> None:
    cleaner = RecordRedactor(Redactor(known=[SECRET], rules=[("order", r"order (?P<secret>\d+)")]))
    for text in (f"{SECRET} and {SECRET[::-1]}", f"again {SECRET}", "order 4711", "nothing"):
        cleaner.short(text)
    assert [(each.rule, each.count) for each in cleaner.redactions()] == [("known value", 2), ("order", 1)]


def test_a_cleaner_that_removed_nothing_counts_nothing() -> None:
    cleaner = RecordRedactor(Redactor())
    cleaner.text("all is well")
    assert cleaner.redactions() == ()


def test_anything_can_be_shown_short() -> None:
    assert RecordRedactor(Redactor()).short(4711) == "4711"
    assert RecordRedactor(Redactor()).short(None) == "None"


# Without the control characters that begin a terminal's sequence, which takes the next letters with it.
@given(st.text(st.characters(exclude_categories=("Cc", "Cs"))), st.integers(min_value=1, max_value=5))
def test_any_short_text_has_both_ends_of_the_long_one_and_says_what_is_left_out(middle: str, times: int) -> None:
    text = f"first words {'middle ' * (MAX_TEXT // 5) * times}{middle} last words"
    short = RecordRedactor(Redactor()).short(text)
    assert short.startswith("first words")
    assert short.endswith("last words")
    assert "characters …]" in short
    assert len(short) < MAX_TEXT + 100


def test_a_text_of_just_readable_length_is_whole() -> None:
    assert RecordRedactor(Redactor()).short("x" * MAX_TEXT) == "x" * MAX_TEXT


def test_a_secret_at_the_cut_is_removed_before_the_cut() -> None:
    text = "x" * (MAX_TEXT // 2 - 10) + f" {SECRET} " + "y" * MAX_TEXT
    assert SECRET[:8] not in RecordRedactor(Redactor(known=[SECRET])).short(text)


def test_a_text_that_cannot_be_made_safe_is_withheld_with_the_reason() -> None:
    cleaner = RecordRedactor(Redactor(timeout_s=NO_TIME_S))
    assert cleaner.short(SECRET).startswith("[withheld: redaction took longer than")
    with pytest.raises(RedactionError):
        cleaner.text(SECRET)
