"""Laws of redaction as a whole: every class of secret goes, what looks like one stays, and it always ends."""

from __future__ import annotations

import base64
import html
import json
import random
import re
import time
import urllib.parse

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from patience import PATIENCE_S
from properties import examples
from redaction_shapes import HARMLESS, SECRETS, harmless_lines, secret_lines

from FailTaleLibrary.errors import RedactionError
from FailTaleLibrary.redaction import Redactor, redact_lines, redactor, secret_values
from FailTaleLibrary.redaction.rules import LinePrefilter, Prefilter, rules_across_lines, searchers_of_lines, set_for

TOKEN = re.compile(r"\[redacted:[a-z0-9.-]+\]")
REDACTOR = Redactor()


def redacted(text: str) -> str:
    return REDACTOR.redact(text).text


def test_what_was_redacted_before_changes_nothing_of_the_next_text(monkeypatch):
    """By letters, with all that is remembered of earlier texts, and by automata: the same, also across lines."""
    chance = random.Random(11)
    lines = [
        *(line for _, line, _ in secret_lines(5)),
        *harmless_lines(5),
        "password:",
        "token:",
        "  name: DB_PASSWORD",
    ]
    ways = [LinePrefilter(searchers_of_lines(), work=work) for work in (10**12, 0)]
    across = [Prefilter(rules_across_lines(), set_for, work=work) for work in (10**12, 0)]
    remembering = Redactor()
    for _ in range(60):
        text = "\n".join(chance.choices(lines, k=chance.randint(1, 12)))
        results = []
        for way, way_across, by in zip(ways, across, (remembering, Redactor()), strict=True):
            monkeypatch.setattr(redactor, "prefilter", lambda way=way: way)
            monkeypatch.setattr(redactor, "prefilter_across_lines", lambda way=way_across: way)
            results.append(by.redact(text))
        assert results[0] == results[1] == remembering.redact(text), text


def test_no_more_of_redacted_texts_is_kept_than_its_bound(monkeypatch):
    monkeypatch.setattr(redactor, "_MOST_KEPT", 1000)
    own = Redactor()
    for number in range(50):
        own.redact(f"{number} " + 90 * "x")
        assert sum(map(len, own._kept.texts)) <= 1000
    assert own.redact("49 " + 90 * "x") is own.redact("49 " + 90 * "x")


# --- Secrets and their look-alikes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_every_shape_of_a_secret_goes(seed):
    assert len(SECRETS) >= 60
    left = [(shape, redacted(line)) for shape, line, secret in secret_lines(seed) if secret in redacted(line)]
    assert left == []


@pytest.mark.parametrize("seed", range(4))
def test_what_only_looks_like_a_secret_stays(seed):
    assert len(HARMLESS) >= 60
    lines = list(harmless_lines(seed))
    assert [redacted(line) for line in lines] == lines


def test_the_key_and_the_rest_of_the_line_stay():
    line = 'INFO pool={user=app, password=tr0mbone77, size=5} ready "in" 3 ms'
    assert redacted(line) == 'INFO pool={user=app, password=[redacted:password], size=5} ready "in" 3 ms'


def test_every_secret_of_a_line_goes_and_is_counted_by_class():
    result = REDACTOR.redact('{"password": "tr0mbone77", "next": "amqp://a:b4ss00n@h/", "passwd": "v1ola"}')
    assert (
        result.text
        == '{"password": "[redacted:password]", "next": "amqp://a:[redacted:url]@h/", "passwd": "[redacted:password]"}'
    )
    assert {redaction.rule: redaction.count for redaction in result.redactions} == {"password": 2, "url": 1}


def test_a_value_on_the_line_after_its_name_goes_as_kubernetes_writes_it():
    text = "env:\n- name: DB_PASSWORD\n  value: tr0mbone77\n- name: MODE\n  value: fast"
    assert redacted(text) == text.replace("tr0mbone77", "[redacted:password]")


def test_a_token_needs_no_escaping_in_xml_json_and_html():
    assert not set(redacted("password=tr0mbone77").partition("=")[2]) & set("<>&\"'\\")


# --- Bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["password=", "a", "x=1;", "-p ", '\\"', "://", "[redacted:", "password: '", "A1b+"])
def test_a_hostile_line_of_two_megabytes_ends_in_time(unit):
    begun = time.monotonic()
    try:
        Redactor(timeout_s=1).redact(unit * (2_000_000 // len(unit)))
    except RedactionError as error:
        assert "longer than 1 s" in str(error)  # noqa: PT017 - either end is lawful, a late one is not
    assert time.monotonic() - begun < PATIENCE_S


def test_a_secret_deep_in_a_long_line_goes():
    line = "x" * 16_380 + " password=" + "tr0mbone77" * 300 + " " + "y" * 40_000 + " token=b4ss00nQ77"
    assert "tr0mbone" not in redacted(line)
    assert "b4ss00n" not in redacted(line)


def test_a_text_that_takes_too_long_is_refused():
    with pytest.raises(RedactionError, match="took longer than 0 s"):
        Redactor(timeout_s=0).redact("password=tr0mbone77")


def test_an_own_rule_that_is_no_expression_is_an_error_with_its_name():
    with pytest.raises(RedactionError, match="rule 'mine'"):
        Redactor(rules=[("mine", "(?P<secret>")])


# --- What the user adds ----------------------------------------------------------------------------------------------


def test_an_own_rule_removes_its_group_only_and_is_counted_by_its_name():
    result = Redactor(rules=[("Ticket No", r"ticket (?P<secret>[A-Z]+-\d+) of")]).redact(
        "ticket ÄB ticket QX-77 of Zoë"
    )
    assert result.text == "ticket ÄB ticket [redacted:ticket-no] of Zoë"
    assert [(redaction.rule, redaction.count) for redaction in result.redactions] == [("Ticket No", 1)]


def test_texts_to_keep_stay():
    line = "password=changeme42 password=tr0mbone77"
    assert Redactor(keep=["changeme42"]).redact(line).text == "password=changeme42 password=[redacted:password]"


def test_a_text_to_keep_does_not_save_a_longer_secret():
    assert "tr0mbone" not in Redactor(keep=["tr0m"]).redact("password=tr0mbone77").text


# --- Big files -------------------------------------------------------------------------------------------------------


def a_key(lines: int = 60) -> list[str]:
    raw = base64.b64encode(bytes(range(256)) * 12).decode()
    body = [raw[at : at + 64] + "\n" for at in range(0, 64 * lines, 64)]
    return ["-----BEGIN " + "RSA PRIVATE KEY-----\n", *body, "-----END " + "RSA PRIVATE KEY-----\n"]


@pytest.mark.parametrize("shift", [0, 1, 7, 23, 40, 63])
def test_a_key_across_the_border_of_two_chunks_goes(shift):
    filler = "2026-11-22 12:00:00 INFO all is well in the shop today\n"
    before = [filler] * ((256 * 1024) // len(filler) - shift)
    out = "".join(redact_lines([*before, *a_key(), filler], REDACTOR))
    assert not [line for line in a_key()[1:-1] if line.strip() in out]
    assert out.count(filler) == len(before) + 1


def test_lines_without_secrets_pass_unchanged():
    lines = [f"line {number} of a big file\n" for number in range(20_000)]
    assert list(redact_lines(lines, REDACTOR)) == lines


# --- Any text --------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *(
            "password",
            "=",
            ": ",
            '"',
            "'",
            "\\",
            "token",
            "[redacted:",
            "]",
            "[redacted:password]",
            "\n",
            " ",
            "https://",
        ),
        *(
            "@",
            ":",
            "&",
            "tr0mbone77",
            "None",
            "Authorization: Bearer ",
            "Cookie: a=",
            "-----BEGIN ",
            "PRIVATE KEY-----",
        ),
        *(
            "-u ",
            "curl ",
            "IDENTIFIED BY ",
            "A1b2" * 16,
            "{",
            "}",
            "<",
            "/>",
            "$6$",
            "é",
            "\udcff",
            "secret",
            "-p",
            "sid=",
        ),
    ]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=14).map("".join))
PLAIN = st.lists(st.from_regex(r"[a-z]{1,12}", fullmatch=True), max_size=12).map(" ".join)
VALUES = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=6, max_size=24)


@examples(300)
@given(TEXTS)
def test_redacting_twice_is_redacting_once(text):
    once = redacted(text)
    again = REDACTOR.redact(once)
    assert (again.text, again.redactions) == (once, ())


@examples(200)
@given(TEXTS.filter(lambda text: "[redacted" not in text))
def test_counts_match_the_tokens_in_the_text(text):
    result = REDACTOR.redact(text)
    assert sum(redaction.count for redaction in result.redactions) == len(TOKEN.findall(result.text))


@examples(100)
@given(PLAIN)
def test_plain_words_stay(text):
    assert redacted(text) == text


PARTS_OF_ESCAPES = st.text("0013478ABDFacdfnrtuxLlm\\%&#;='\"{}:é", min_size=6, max_size=14)
BESIDE_ESCAPES = st.text("0014AFaftnux\\%&#;='\"{é \n", max_size=6)


@examples(150)
@given(VALUES | PARTS_OF_ESCAPES, st.text(max_size=7) | BESIDE_ESCAPES, st.text(max_size=7) | BESIDE_ESCAPES)
@example("00000:", "\\", "")
@example('trombone"x', "DOMAIN\\", "")
@example('sec"ret%', "", "41")
@example('00sec"ret%', "\\0", "41")
@example('A\\nB"F', "F", "F")
@example('tr"ombone=', "", "\nnext")
@example("x{m%70u8x", "\\\n", "")
@example("𣯈ı/:ÇlŃYÛ", "n\\", "")
def test_a_known_value_survives_in_no_encoding(value, before, after):
    redactor = Redactor(known=[value])
    if redactor.redact(value).text == value:
        return  # too plain a word to be hunted: see test_redaction_known_values
    raw = value.encode()
    in_json = json.dumps(value)[1:-1]
    forms = [
        value,
        urllib.parse.quote(value, safe=""),
        urllib.parse.quote_plus(value),
        in_json,
        json.dumps(in_json)[1:-1],
        urllib.parse.quote(urllib.parse.quote(value, safe=""), safe=""),
        html.escape(html.escape(value)),
        "".join(f"\\{byte:03o}" for byte in raw),
    ]
    for form in forms:
        assert form not in TOKEN.sub("|", redactor.redact(before + form + after).text)
    whole = base64.b64encode(before.encode("utf-8", "surrogatepass") + raw + after.encode("utf-8", "surrogatepass"))
    left = TOKEN.sub("", redactor.redact(whole.decode()).text)
    assert len(left) < len(whole) - len(raw)


def test_a_changed_case_of_a_known_value_is_another_word():
    assert Redactor(known=["Bassoonist"]).redact("a bassoonist plays").text == "a bassoonist plays"


def test_names_tell_which_values_are_secret():
    named = {
        "DB_PASSWORD": "tr0mbone77",
        "PWD": "/root/x",
        "TOKEN_URL": "https://x.example",
        "API_TOKEN": "true",
        "MODE": "tr0mbone78",
        "sshPass": "v1ola77",
        "PIN": "12",
    }
    assert secret_values(named) == ("tr0mbone77", "v1ola77")


# --- Lines that cannot be made safe ----------------------------------------------------------------------------------


class Ticks:
    """CPU time that passes by one second whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


WITHHELD_LINE = "[redacted:line-withheld]"


def counts_of(result):
    return {redaction.rule: redaction.count for redaction in result.redactions}


def test_one_word_of_many_tokens_goes_at_once():
    assert redacted("start\n" + "AKIA" * 70 + "\nend") == "start\n[redacted:provider-token]\nend"


def test_a_line_that_changes_without_end_is_withheld_and_the_others_stay():
    result = Redactor(rules=[("peel", r"[y\]](?P<secret>x)")]).redact("before\ny" + "x" * 200 + "\nafter")
    assert result.text == f"before\n{WITHHELD_LINE}\nafter"
    assert counts_of(result)["line withheld"] == 1


def test_when_the_time_is_up_older_lines_are_withheld_and_the_newest_are_redacted():
    lines = [f"{number}: password=tr0mbone{number}" for number in range(30)]
    text = "\n".join(
        line for pair in zip(lines, [f"line {n} is harmless" for n in range(30)], strict=True) for line in pair
    )
    result = Redactor(timeout_s=20, clock=Ticks()).redact(text)
    out = result.text.splitlines()
    assert "tr0mbone" not in result.text
    assert out[1::2] == [f"line {n} is harmless" for n in range(30)]
    assert out[0] == WITHHELD_LINE
    assert out[-2] == "29: password=[redacted:password]"
    assert counts_of(result)["line withheld"] == out.count(WITHHELD_LINE)


def test_one_long_line_does_not_take_the_time_of_the_others():
    long_line = "password=tr0mbone77 " * 30_000
    result = Redactor(timeout_s=60, clock=Ticks()).redact(f"first password=tr0mbone78\n{long_line}\nlast")
    assert result.text == f"first password=[redacted:password]\n{WITHHELD_LINE}\nlast"


@pytest.mark.parametrize(
    "statement",
    [
        "create user app identified by '{pw}'",
        "CREATE USER app\n  IDENTIFIED BY '{pw}'",
        "create user app\n  identified by '{pw}'",
        "create user if not\n  exists app identified by '{pw}';",
        "grant all on *.*\n  to app identified by '{pw}'",
        "mysql> create user\n    -> app identified by '{pw}'",
        "ann@localhost identified by 'x7', bob@localhost identified by '{pw}'",
        "2026-11-27 16:22:03 ERROR (1064) near 'identified by '{pw}''",
        "sqlalchemy.exc.OperationalError: [SQL: alter user app identified by '{pw}']",
        """{"query": "create user app\\nidentified by '{pw}'"}""",
        r"statement: \"alter user app identified by \'{pw}\'\"",
        "The clause reads IDENTIFIED BY '{pw}'",
        "some plain words identified with caching_sha2_password by '{pw}'",
        "no revision identified by '9b7e'; alter user app identified by '{pw}'",
        "they were identified by '{pw}';",
        "SET PASSWORD FOR 'app'@'%' = '{pw}'",
        "set password for app = password('{pw}')",
    ],
)
def test_what_a_statement_identifies_a_user_by_goes_however_it_is_cut_or_quoted(statement):
    assert "tr0mbone77" not in redacted(statement.replace("{pw}", "tr0mbone77"))


@pytest.mark.parametrize(
    "sentence",
    [
        "ERROR [alembic.util.messaging] Can't locate revision identified by '9b7e'",
        "alembic.util.exc.CommandError: Can't locate revision identified by '3c1f0a9d77be'",
        'The resource identified by "9b7ec12f0a11" was not found',
        "'shop' is identified by 'k1Ab99xx', which nobody knows",
    ],
)
def test_what_a_sentence_identifies_a_thing_by_is_no_secret(sentence):
    assert redacted(sentence) == sentence
    assert redacted(f"{sentence}\n{sentence}") == f"{sentence}\n{sentence}"
