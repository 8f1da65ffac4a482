"""The text for a model: small, fair to all hosts, honest about what was cut, and impossible to forge from a log."""

from __future__ import annotations

import json
import re

import builders
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from FailTaleLibrary.mcp_server.responses import TEXT_BYTES, failure_text, fenced, ledger, page
from FailTaleLibrary.records import Report

MARK = "0123456789abcdef"


def a_fleet(hosts: int, *, items: int = 1, lines: int = 1000) -> Report:
    log = "\n".join(f"line {number} of a log that goes on and on" for number in range(lines))
    return builders.a_report(
        evidence=builders.some_evidence(
            items=tuple(
                builders.an_item(f"host{host}", f"log{item}", text=log)
                for host in range(hosts)
                for item in range(items)
            ),
            gaps=(),
        )
    )


@pytest.mark.parametrize("hosts", [1, 3, 20, 1000])
def test_the_text_stays_within_its_bytes_for_any_number_of_hosts(hosts: int) -> None:
    text = failure_text(a_fleet(hosts, items=3, lines=2000 if hosts < 50 else 50), {}, mark=MARK).text
    assert len(text.encode()) <= TEXT_BYTES


def test_every_host_has_its_share_before_any_has_more() -> None:
    shown = failure_text(a_fleet(20, items=2), {}, mark=MARK).shown_bytes
    by_host = {item_id.split("/")[0]: 0 for item_id in shown}
    for item_id, size in shown.items():
        by_host[item_id.split("/")[0]] += size
    assert len(by_host) == 20
    assert max(by_host.values()) - min(by_host.values()) < 200


def test_the_newest_lines_are_kept_and_the_cut_names_the_call_for_the_rest() -> None:
    report = a_fleet(2, lines=5000)
    text = failure_text(report, {}, mark=MARK).text
    assert "line 4999 " in text
    assert "line 0 " not in text
    calls = re.findall(r"^- get_evidence (\{.*?\})", text, re.MULTILINE)
    assert [json.loads(call)["item"] for call in calls] == ["host0/log0", "host1/log0"]
    assert {json.loads(call)["failure_id"] for call in calls} == {report.failure.id}


def test_what_fits_is_complete_and_nothing_is_said_to_be_cut() -> None:
    report = builders.a_report()
    text = failure_text(report, {}, mark=MARK).text
    for item in report.evidence.items:
        assert item.text in text
    assert "Cut to fit" not in text


def test_a_gap_and_a_suspect_stand_in_the_text() -> None:
    text = failure_text(builders.a_report(), {}, mark=MARK).text
    assert "db1: unreachable: No route to 10.0.0.31 port 22 within 5 s." in text
    assert "> 12:01:06.961 ERROR [pool-2] storage: database is locked" in text


def test_the_chain_stands_in_the_text_with_its_reasons() -> None:
    text = failure_text(builders.a_report(), {}, mark=MARK).text
    assert "storage1: database is locked: orders.db held by backup\n-> web1: upstream answered 500 (web1 names" in text


@given(st.text())
def test_text_from_hosts_cannot_end_its_fence(text: str) -> None:
    inside = fenced(text, mark=MARK)
    if MARK not in text:
        assert inside.count(f"=== {MARK} ends") == 1
    assert inside.endswith(f"\n=== {MARK} ends")


@settings(max_examples=50)
@given(st.text(max_size=2000), st.integers(1, 200))
def test_pages_put_together_are_the_whole_text(text: str, max_bytes: int) -> None:
    size = max(4, max_bytes)  # no character has more bytes
    pages, offset = [], 0
    while offset >= 0:
        part, after, total = page(text, offset, size)
        assert len(part.encode()) <= size
        assert total == len(text.encode())
        pages.append(part)
        offset = after
    assert "".join(pages) == text


def test_the_ledger_has_a_line_for_each_item_and_gap() -> None:
    report = builders.a_report()
    lines = ledger(report, {}).splitlines()
    assert len(lines) == len(report.evidence.items) + len(report.evidence.gaps)
    assert any(line.startswith("web1/config check: ok, timed out") for line in lines)
