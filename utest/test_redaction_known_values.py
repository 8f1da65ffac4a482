"""Values that are known go in every form; words that are no secrets are never hunted."""

from __future__ import annotations

import base64
import html
import json
import quopri
import re
import shlex
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from FailTaleLibrary.redaction import Redactor, secret_values

VALUE = 'tr0mbøne/7+&"x\\ q'
UTF_16 = VALUE.encode("utf-16-le")
SECURITY = Path(__file__).parent.parent / "docs" / "security.md"


def every_second(value: str, escape) -> str:
    return "".join(escape(char) if number % 2 else char for number, char in enumerate(value))


def hexadecimal(raw: bytes) -> list[str]:
    pairs = [f"{byte:02x}" for byte in raw]
    lower = [mark.join(pairs) for mark in ("", " ", ":", "-", ", ")]
    lower += [", ".join(f"0x{pair}" for pair in pairs), "".join(rf"\\x{pair}" for pair in pairs)]
    return [form for each in lower for form in (each, each.upper().replace("X", "x"))]


def json_layers(value: str, ascii_only: bool) -> Iterator[str]:
    for _ in range(4):
        value = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield value


def forms_of_c(value: str) -> str:
    return re.sub(r'(["\\?&+ ])', r"\\\1", value)


FORMS = {
    "plain": [VALUE],
    "lower case, upper case": [VALUE.lower(), VALUE.upper()],
    "cut by line ends": [f"{VALUE[:5]}{fold}{VALUE[5:]}" for fold in ("\n", "\r\n", "\n  ", "=\n", "\\\n    ")],
    "JSON": [
        *json_layers(VALUE, ascii_only=True),
        *json_layers(VALUE, ascii_only=False),
        json.dumps(VALUE)[1:-1].replace("/", "\\/"),
    ],
    r"`\uXXXX`": [
        "".join(f"\\u{ord(char):04x}" for char in VALUE),
        every_second(VALUE.replace("\\", "\\\\"), lambda char: f"\\u{ord(char):04X}").replace("\\u005C", "\\"),
        "".join(f"\\u{{{ord(char):x}}}" for char in VALUE),
        "".join(f"\\U{ord(char):08x}" for char in VALUE),
    ],
    r"`\xNN`": [
        "".join(f"\\x{byte:02x}" for byte in VALUE.encode()),
        "".join(f"\\x{byte:02X}" for byte in VALUE.encode("latin-1")),
        repr(VALUE.encode())[2:-1],
    ],
    "octal": ["".join(f"\\{byte:03o}" for byte in VALUE.encode())],
    "C": [forms_of_c(VALUE)],
    "shell": [shlex.quote(VALUE)[1:-1], forms_of_c(VALUE)],
    "URL": [
        urllib.parse.quote(VALUE, safe=""),
        urllib.parse.quote(VALUE, safe="/+&"),
        urllib.parse.quote_plus(VALUE),
        re.sub("%..", lambda escape: escape[0].lower(), urllib.parse.quote(VALUE, safe="")),
        "".join(f"%{byte:02X}" for byte in VALUE.encode()),
        "".join(f"%u{ord(char):04X}" for char in VALUE),
    ],
    "URL twice": [urllib.parse.quote(urllib.parse.quote(VALUE, safe=""), safe="")],
    "HTML entities": [
        html.escape(VALUE),
        html.escape(VALUE, quote=False),
        html.escape(html.escape(VALUE)),
        "".join(f"&#{ord(char)};" for char in VALUE),
        "".join(f"&#x{ord(char):X};" for char in VALUE),
        every_second(VALUE.replace("&", "&amp;"), lambda char: f"&#{ord(char)};" if char.isalnum() else char)
        .replace("&&#97;m&#112;;", "&amp;")
        .replace("&a&#109;p;", "&amp;"),
        VALUE.replace("&", "&amp;").replace("/", "&sol;").replace("ø", "&oslash;"),
    ],
    "quoted-printable": [
        quopri.encodestring(VALUE.encode()).decode().removesuffix("=\n"),
        "".join(f"={byte:02X}" for byte in VALUE.encode()),
    ],
    "UTF-16 as text": [UTF_16.decode("latin-1").rstrip("\0")],
    "hexadecimal": [*hexadecimal(VALUE.encode()), *hexadecimal(UTF_16)],
    "decimal": [
        str(list(VALUE.encode())),
        str([byte if byte < 128 else byte - 256 for byte in VALUE.encode()]),
    ],
    "base64": [
        base64.b64encode(VALUE.encode()).decode(),
        base64.b64encode(UTF_16).decode(),
        base64.b64encode(base64.b64encode(VALUE.encode())).decode(),
    ],
    "base64url": [base64.urlsafe_b64encode(VALUE.encode()).decode()],
    "base32": [
        base64.b32encode(VALUE.encode()).decode(),
        base64.b32encode(VALUE.encode()).decode().lower(),
        base64.b32encode(UTF_16).decode(),
    ],
}


def rows_of_the_document() -> list[str]:
    """The first column of the table of forms in docs/security.md."""
    table = SECURITY.read_text().partition("### Forms of a known value")[2].partition("\n## ")[0]
    return re.findall(r"^\| (?!form |---)(.+?) \|", table, re.MULTILINE)


def test_the_document_lists_exactly_the_forms_that_are_tested():
    assert rows_of_the_document() == list(FORMS)


@pytest.mark.parametrize("forms", FORMS.values(), ids=FORMS)
def test_every_form_goes(forms):
    redactor = Redactor(known=[VALUE])
    for form in forms:
        left = redactor.redact(f"in {form}, said").text
        assert "[redacted:known-value]" in left, form
        assert form[:10] not in left, form
        assert form[-8:] not in left, form


def test_layers_of_different_kinds_are_undone_one_by_one():
    value = "violin & ba/ss"
    form = json.dumps(html.escape(urllib.parse.quote(json.dumps(value)[1:-1])))
    assert "violin" not in Redactor(known=[value]).redact(form).text


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


def test_a_soft_line_end_of_a_mail_before_what_begins_no_escape_costs_nothing_of_it():
    text = "=C3=A9 at a=\nface"
    assert Redactor(known=["tr0mbone=7"]).redact(text).text == text
