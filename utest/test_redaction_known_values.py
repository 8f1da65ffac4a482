"""Values that are known go in every form; words that are no secrets are never hunted."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse

import pytest

from FailTaleLibrary.redaction import Redactor, secret_values

VALUE = 'tr0mbøne/7+&"x\\ q'


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        urllib.parse.quote(VALUE, safe=""),
        urllib.parse.quote_plus(VALUE),
        re.sub("%..", lambda escape: escape[0].lower(), urllib.parse.quote(VALUE, safe="")),
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(VALUE))[3:-3],
        base64.b64encode(VALUE.encode()).decode(),
    ],
)
def test_every_form_goes(form):
    assert form not in Redactor(known=[VALUE]).redact(f"in {form}, said").text


@pytest.mark.parametrize("lead", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_around_a_value_is_cut_whatever_its_alignment(lead, encode):
    whole = encode(f"{lead}{VALUE} and more".encode()).decode()
    text = Redactor(known=[VALUE]).redact(f"x {whole} y").text
    assert "[redacted:known-value]" in text
    assert len(text) < len(whole) + len("[redacted:known-value]")


def test_the_longer_of_two_values_goes_whole():
    assert (
        Redactor(known=["tr0mbone", "tr0mbone-and-more"]).redact("<tr0mbone-and-more>").text
        == "<[redacted:known-value]>"
    )


def test_a_value_inside_a_token_is_left_there():
    redactor = Redactor(known=["redacted", "known-value"])
    once = redactor.redact("redacted known-value").text
    assert once == "[redacted:known-value] [redacted:known-value]"
    assert redactor.redact(once).text == once


def test_a_known_value_does_not_hide_the_secret_beside_it():
    assert Redactor(known=["db_password"]).redact("db_password=v1ola77").text.endswith("=[redacted:password]")


@pytest.mark.parametrize(
    "value", ["", "short", "password", "localhost", "true", "      ", "aaaaaaaa", "/etc/app/secret"]
)
def test_short_and_plain_words_are_not_hunted(value):
    assert Redactor(known=[value]).redact(f"a {value} b").text == f"a {value} b"
    assert secret_values({"DB_PASSWORD": value}) == ()


def test_more_values_make_another_redactor():
    first = Redactor(known=["tr0mbone77"])
    second = first.with_known(["v1ola-77"])
    assert second.redact("tr0mbone77 v1ola-77").text == "[redacted:known-value] [redacted:known-value]"
    assert first.redact("v1ola-77").text == "v1ola-77"
