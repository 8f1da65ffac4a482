"""The text for a model: small, fair to all hosts, honest about what was cut, and impossible to forge from a log."""

from __future__ import annotations

import json
import re

import builders
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from FailTaleLibrary.mcp_server.responses import TEXT_BYTES, TRIAGE_BYTES, TriageText, fenced, ledger, page, triage
from FailTaleLibrary.mcp_server.store import StoredFailure
from FailTaleLibrary.records import Analysis, Report

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
        ),
        analysis=Analysis(),
    )


def told(report: Report, *, show_all: bool = True) -> TriageText:
    return triage(StoredFailure(report), mark=MARK, show_all=show_all)


@pytest.mark.parametrize("hosts", [1, 3, 20, 1000])
def test_the_text_stays_within_its_bytes_for_any_number_of_hosts(hosts: int) -> None:
    report = a_fleet(hosts, items=3, lines=2000 if hosts < 50 else 50)
    assert len(told(report).text.encode()) <= TEXT_BYTES
    assert len(told(report, show_all=False).text.encode()) <= TRIAGE_BYTES


def test_every_host_has_its_share_before_any_has_more() -> None:
    shown = told(a_fleet(20, items=2)).shown_bytes
    by_host = {item_id.split("/")[0]: 0 for item_id in shown}
    for item_id, size in shown.items():
        by_host[item_id.split("/")[0]] += size
    assert len(by_host) == 20
    assert max(by_host.values()) - min(by_host.values()) < 200


def test_the_newest_lines_are_kept_and_what_is_not_shown_is_named_with_a_call_for_it() -> None:
    report = a_fleet(2, lines=5000)
    answer = told(report)
    assert "line 4999 " in answer.text
    assert "line 0 " not in answer.text
    assert not answer.complete
    (call,) = re.findall(r"^What is not shown: get_evidence (\{.*\})$", answer.text, re.MULTILINE)
    assert json.loads(call) == {"failure_id": report.failure.id, "item": "HOST/COLLECTOR"}
    for host in ("host0", "host1"):
        shown = answer.shown_bytes[f"{host}/log0"]
        whole = len(report.evidence.items[0].text.encode())
        assert f"\n{host}/: log0 ({shown:,} of {whole:,} B)" in answer.text


def test_what_is_whole_is_said_to_be_complete_and_what_a_limit_cut_is_not() -> None:
    whole = a_fleet(1, lines=3)
    assert told(whole).complete
    assert "Complete: nothing is missing." in told(whole).text
    item = whole.evidence.items[0].model_copy(update={"omitted_bytes": 9_000, "cut_by": "limits.host_bytes"})
    cut = told(whole.model_copy(update={"evidence": builders.some_evidence(items=(item,), gaps=())}))
    assert not cut.complete
    assert "Not complete: limits.host_bytes cut 9,000 bytes of 1 item." in cut.text
    assert "Cut by limits.host_bytes: host0/log0" in cut.text


def test_what_a_triage_needs_comes_first_and_the_rest_on_request() -> None:
    text = told(builders.a_report(), show_all=False).text
    for needle in (
        "db1: unreachable: No route to 10.0.0.31 port 22 within 5 s.",
        "> 12:01:06.961 ERROR [pool-2] storage: database is locked",
        "storage1: database is locked: orders.db held by backup\n-> web1: upstream answered 500 (web1 names",
        "resources/orders.resource:12",
        "+ shop-backup.service active running",
    ):
        assert needle in text
    assert "config check (64 B)" in text


@given(st.text())
def test_text_from_hosts_cannot_end_its_fence(text: str) -> None:
    inside = fenced(text, mark=MARK)
    if MARK not in text:
        assert inside.count(f"=== {MARK} ends") == 1
    assert inside.endswith(f"\n=== {MARK} ends")


@examples(50)
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
    lines = ledger(StoredFailure(report)).splitlines()
    assert len(lines) == len(report.evidence.items) + len(report.evidence.gaps)
    assert any(line.startswith("web1/config check: ok, timed out") for line in lines)
