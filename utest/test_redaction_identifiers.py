"""Identifiers become tokens that keep what a reader must see: same or other, same network, private or public."""

from __future__ import annotations

import ipaddress
import re

import pytest

from FailTaleLibrary.redaction import Redactor


def test_the_same_address_is_the_same_token_in_every_text_of_a_run():
    redactor = Redactor(identifiers=True)
    first = redactor.redact("10.1.2.3 -> 10.1.2.9 -> 10.7.2.3 -> 93.184.216.34").text
    assert first == "[ip:private-1.1] -> [ip:private-1.2] -> [ip:private-2.1] -> [ip:public-1.1]"
    assert redactor.with_known(["tr0mbone77"]).redact("again 10.1.2.9:8080").text == "again [ip:private-1.2]:8080"


def test_every_class_has_its_token_and_its_count():
    result = Redactor(identifiers=True).redact(
        "Failed password for invalid user bob from 2001:db8::7 port 22, "
        "mail bob@shop.example, db1.shop.internal at 52:54:00:12:34:56"
    )
    assert result.text == (
        "Failed password for invalid user [user:1] from [ip:private-1.1] port 22, mail [mail:1], [host:1] at [mac:1]"
    )
    assert {redaction.rule: redaction.count for redaction in result.redactions} == {
        "user": 1, "ip": 1, "mail": 1, "host": 1, "mac": 1,
    }  # fmt: skip


def test_a_token_is_no_valid_address():
    for token in re.findall(r"\[.*?\]", Redactor(identifiers=True).redact("10.1.2.3 and fe80::1").text):
        with pytest.raises(ValueError):
            ipaddress.ip_address(token.strip("[]"))


@pytest.mark.parametrize(
    "line",
    [
        "127.0.0.1 ::1 0.0.0.0",
        "2026-11-22 12:00:00.123 started in 1.2.3 s, version 1.24.0, 300.1.1.1",
        "at com.example.Shop.main(Shop.java:12)",
        "session opened for user root by (uid=0)",
        "std::string::find and 12:34:56",
        "GET /a/b.html 200",
    ],
)
def test_what_is_no_identifier_stays(line):
    assert Redactor(identifiers=True).redact(line).text == line


def test_redacting_twice_is_redacting_once():
    redactor = Redactor(identifiers=True)
    once = redactor.redact("bob@shop.example from 10.1.2.3 password=tr0mbone77").text
    assert redactor.redact(once).text == once


def test_identifiers_stay_unless_asked():
    line = "from 10.1.2.3, mail bob@shop.example"
    assert Redactor().redact(line).text == line
    assert Redactor(identifiers=True, keep=["10.1.2.3"]).redact(line).text == "from 10.1.2.3, mail [mail:1]"
