"""Values that are known go in every form; words that are no secrets are never hunted."""

from __future__ import annotations

import base64
import html
import json
import re
import urllib.parse

import pytest

from FailTaleLibrary.redaction import Redactor, secret_values

VALUE = 'tr0mbøne/7+&"x\\ q'


FORMS = {
    "plain": VALUE,
    "URL": urllib.parse.quote(VALUE, safe=""),
    "URL of a form": urllib.parse.quote_plus(VALUE),
    "URL in lower case": re.sub("%..", lambda escape: escape[0].lower(), urllib.parse.quote(VALUE, safe="")),
    "URL twice": urllib.parse.quote(urllib.parse.quote(VALUE, safe=""), safe=""),
    "JSON": json.dumps(VALUE)[1:-1],
    "JSON in UTF-8": json.dumps(VALUE, ensure_ascii=False)[1:-1],
    "JSON in JSON": json.dumps(json.dumps(VALUE))[3:-3],
    "numbers of JSON": "".join(f"\\u{ord(char):04x}" for char in VALUE),
    "HTML": html.escape(VALUE),
    "HTML but for quotes": html.escape(VALUE, quote=False),
    "decimal entities": "".join(f"&#{ord(char)};" for char in VALUE),
    "hexadecimal entities": "".join(f"&#x{ord(char):X};" for char in VALUE),
    "hexadecimal": VALUE.encode().hex(),
    "hexadecimal in upper case": VALUE.encode().hex().upper(),
    "hexadecimal with colons": VALUE.encode().hex(":"),
    "hexadecimal with spaces": VALUE.encode().hex(" "),
    "escaped bytes": "".join(f"\\x{byte:02x}" for byte in VALUE.encode()),
    "base64": base64.b64encode(VALUE.encode()).decode(),
    "base64 of URLs": base64.urlsafe_b64encode(VALUE.encode()).decode(),
    "base32": base64.b32encode(VALUE.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_goes(form):
    assert form not in Redactor(known=[VALUE]).redact(f"in {form}, said").text


@pytest.mark.parametrize("lead", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.b32encode])
def test_base64_and_base32_around_a_value_is_cut_whatever_its_alignment(lead, encode):
    whole = encode(f"{lead}{VALUE} and more".encode()).decode()
    text = Redactor(known=[VALUE]).redact(f"x {whole} y").text
    assert "[redacted:known-value]" in text
    assert len(text) < len(whole) + len("[redacted:known-value]")


@pytest.mark.parametrize("fold", ["\n", "\r\n", "\n  ", "=\n", "\\\n    "])
@pytest.mark.parametrize("at", [1, 4, 9])
def test_a_value_that_line_ends_cut_goes_piece_by_piece(fold, at):
    value = "tr0mbone-77x"
    text = Redactor(known=[value]).redact(f"before\nkey: {value[:at]}{fold}{value[at:]} after\nlast").text
    assert text.count("[redacted:known-value]") == 2
    assert text.startswith("before\n")
    assert text.endswith(" after\nlast")
    assert text.count("\n") == 3


def test_base64_in_lines_of_a_mail_hides_no_value():
    whole = base64.encodebytes(f"user:{'x' * 40}tr0mbone-and-violins-77{'y' * 40}".encode()).decode()
    left = Redactor(known=["tr0mbone-and-violins-77"]).redact(whole).text
    assert "[redacted:known-value]" in left
    decoded = base64.b64decode("".join(re.sub(r"\[redacted:known-value\]", "", left).split()) + "===")
    assert b"violins" not in decoded


def test_words_that_meet_at_a_line_end_are_no_value():
    text = "the long trom\nbone is harmless"
    assert Redactor(known=["trombon"]).redact(text).text == text


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


def test_a_short_text_that_was_redacted_before_is_searched_for_values_that_became_known_since():
    text = f"at {VALUE} again"
    before = Redactor()
    assert [before.redact(text).text for _ in range(2)] == [text, text]
    assert VALUE not in before.with_known([VALUE]).redact(text).text


def test_more_values_make_another_redactor():
    first = Redactor(known=["tr0mbone77"])
    second = first.with_known(["v1ola-77"])
    assert second.redact("tr0mbone77 v1ola-77").text == "[redacted:known-value] [redacted:known-value]"
    assert first.redact("v1ola-77").text == "v1ola-77"
