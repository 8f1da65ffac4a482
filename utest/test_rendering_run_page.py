"""A run's summary: failures grouped by cause, as a page, as JSON, as JUnit XML and for GitHub."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from builders import FAILED_AT, a_failure, a_report, a_suspect, an_analysis
from chromium import a_page

from FailTaleLibrary.ranking.causes import signature_of
from FailTaleLibrary.records import Analysis, Recurrence, Report, our_words
from FailTaleLibrary.rendering.run_formats import to_github_annotations, to_github_summary, to_junit, to_lines
from FailTaleLibrary.rendering.run_page import title_of, to_run_page
from FailTaleLibrary.rendering.run_summary import FallenTest, RunSummary, failure_summary, run_summary

AXE = AXE_FILE_PATH.read_text(encoding="utf-8")
SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "run-report.schema.json").read_text(encoding="utf-8"))
HOSTILE = "<script>window.hit=1</script>\"'><img src=x onerror=window.hit=2>\x00\x1b]0;x\x07 ::error::x\n%0A|*x*[a](b)"


def a_failed(
    number: int,
    *,
    text: str = "",
    name: str = "",
    minutes: float = 0,
    recurrence: Recurrence | None = None,
    **changes: object,
) -> Report:
    """A failure of a run, some minutes after the first."""
    at = timedelta(minutes=minutes)
    window = a_failure().window
    moved = window.model_copy(update={"start": window.start + at, "end": window.end + at})
    failure = a_failure(id=f"{number:032x}", name=name or f"Test {number}", window=moved, **changes)
    if not text:
        return a_report(failure=failure, analysis=Analysis(signature=signature_of(failure, None, known={})))
    suspect = a_suspect(text=text, at=FAILED_AT + at)
    analysis = an_analysis(
        suspects=(suspect,),
        headline=f"storage1: {text}",
        chain=None,
        signature=signature_of(failure, suspect, known={}),
        recurrence=recurrence,
    )
    return a_report(failure=failure, analysis=analysis)


def a_summary(*reports: Report) -> RunSummary:
    return run_summary((failure_summary(report, test_id="s1-t1", log="log.html") for report in reports), version="1.0")


def test_failures_of_one_cause_are_one_group_whatever_their_numbers_are() -> None:
    summary = a_summary(
        a_failed(1, text="ERROR req=7f1c disk is full: 100 % of /var"),
        a_failed(2, text="ERROR lost connection"),
        a_failed(3, text="ERROR req=99aa disk is full: 99 % of /var", minutes=4),
    )
    assert [len(group.failure_ids) for group in summary.groups] == [2, 1]
    assert summary.groups[0].last_at - summary.groups[0].first_at == timedelta(minutes=4)
    assert summary.groups[0].hosts == ("storage1",)
    assert title_of(summary) == "3 failures, 2 causes"


def test_failures_that_nothing_explains_are_no_causes() -> None:
    summary = a_summary(a_failed(1, text="ERROR disk is full"), a_failed(2, minutes=3), a_failed(3, minutes=5))
    assert title_of(summary) == "3 failures, 1 cause, 2 without a strong suspect"
    assert title_of(a_summary(a_failed(2))) == "1 failure, 1 without a strong suspect"


def test_another_status_is_another_cause() -> None:
    texts = ("backend answered 502 to /a", "backend answered 404 to /a")
    assert len(a_summary(*(a_failed(n, text=text) for n, text in enumerate(texts))).groups) == 2


def test_without_a_cause_the_message_groups() -> None:
    reports = [a_failed(n, message=message) for n, message in enumerate(("no order 17", "no order 18", "no stock"))]
    assert [len(group.failure_ids) for group in a_summary(*reports).groups] == [2, 1]


def test_a_failure_that_comes_twice_counts_once() -> None:
    assert len(a_summary(a_failed(1), a_failed(1)).failures) == 1


def test_the_page_leads_to_the_log_and_the_bundle_of_each_failure() -> None:
    page = to_run_page(a_summary(a_failed(1, text="ERROR disk is full")))
    assert 'href="./log.html#s1-t1"' in page
    assert f'href="./{a_report().bundle}"' in page


def test_the_page_is_one_file_without_scripts_and_nothing_foreign_is_markup() -> None:
    page = to_run_page(a_summary(a_failed(1, text=f"ERROR {HOSTILE}", name=HOSTILE, message=HOSTILE, suite=HOSTILE)))
    assert not re.findall(r"<(?:script|img|link|iframe)", page)
    assert not [href for href in re.findall(r'href="([^"]*)"', page) if not href.startswith(("./", "#"))]
    assert "url(" not in page


def test_a_run_without_failures_has_a_page_too() -> None:
    assert "No failure with evidence" in to_run_page(run_summary((), version="1.0"))


def test_json_is_as_the_published_schema_says() -> None:
    summary = a_summary(a_failed(1, text="ERROR disk is full"), a_failed(2))
    told = json.loads(summary.model_dump_json())
    jsonschema.validate(told, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert set(told) == set(SCHEMA["properties"])
    assert set(told["groups"][0]) == set(SCHEMA["$defs"]["CauseGroup"]["properties"])
    assert set(told["failures"][0]) == set(SCHEMA["$defs"]["FailureSummary"]["properties"])


def a_recurrence(signature: str, note: str = "") -> Recurrence:
    return Recurrence.model_validate(
        {"signature": signature * 16, "times": 4, "first_at": FAILED_AT - timedelta(days=9), "note": note}
    )


def test_what_the_history_knows_is_told_once_a_cause_on_the_page_and_in_every_other_form() -> None:
    known = a_recurrence("a", "BUG-123 <b>")
    reports = [a_failed(n, text="ERROR disk is full", recurrence=known) for n in range(3)]
    summary = a_summary(*reports)
    page = to_run_page(summary)
    assert page.count("Known: BUG-123 &lt;b&gt;") == page.count("4th time since 5 Mar") == 1
    assert next(to_lines(summary)).endswith("; Known: BUG-123 <b>; 4th time since 5 Mar")
    assert to_junit(summary).count("Known: BUG-123 &lt;b&gt;; 4th time since 5 Mar") == 3
    assert "| Known: BUG" in to_github_summary(summary).replace("\\", "")
    assert "Known: BUG-123 <b>" in to_github_annotations(summary)
    group = json.loads(summary.model_dump_json())["groups"][0]
    assert (group["note"], group["history_signature"]) == ("BUG-123 <b>", "a" * 16)


def test_a_note_of_one_failure_is_not_said_of_others_beside_it() -> None:
    reports = [
        a_failed(n, text="ERROR disk is full", recurrence=a_recurrence("ab"[n], ["BUG-1", ""][n])) for n in (0, 1)
    ]
    summary = a_summary(*reports)
    (group,) = summary.groups
    assert (group.note, group.recurrence, group.history_signature) == ("", "", "")
    assert to_run_page(summary).count("Known: BUG-1") == 1
    assert "Known" not in next(to_lines(summary))
    assert "2 causes of the history" in to_github_summary(summary)


def test_failures_of_one_cause_are_one_group_whichever_keyword_failed_over_it() -> None:
    reports = [a_failed(n, text="ERROR disk is full", message=f"{message} failed") for n, message in enumerate("ab")]
    assert len(a_summary(*reports).groups) == 1


def test_junit_counts_tests_that_fell_with_their_suites_setup() -> None:
    row = failure_summary(a_failed(1, text="ERROR disk is full", name="Suite setup of Shop"))
    fallen = tuple(FallenTest(name=our_words(name)) for name in ("Order Is Paid", "Order Is Sent"))
    root = ElementTree.fromstring(to_junit(run_summary([row.model_copy(update={"fallen": fallen})], version="1.0")))
    assert [case.get("name") for case in root[0]] == ["Suite setup of Shop", "Order Is Paid", "Order Is Sent"]
    assert {root.get("failures"), root[0].get("failures"), root[0].get("tests")} == {"3"}
    assert "fell with Suite setup of Shop: storage1: ERROR disk is full" in str(root[0][1][0].get("message"))


def test_junit_has_a_case_for_each_failure_and_any_text_in_it_is_xml() -> None:
    reports = (a_failed(1, text=f"ERROR {HOSTILE}", message=HOSTILE), a_failed(2, suite="Other"))
    root = ElementTree.fromstring(to_junit(a_summary(*reports)))
    assert [suite.get("name") for suite in root] == ["Shop.Orders.Restart", "Other"]
    (told,) = root[0][0]
    assert (told.get("message") or "").startswith("storage1: ERROR")
    assert "failtale show" in (told.text or "")


def test_github_gets_one_error_a_cause_and_a_table_and_no_text_adds_a_command() -> None:
    summary = a_summary(a_failed(1, text=f"ERROR {HOSTILE}", name=HOSTILE), a_failed(2, text="ERROR other"))
    lines = to_github_annotations(summary).splitlines()
    assert len(lines) == 2
    assert all(line.startswith("::error title=FailTale%3A ") for line in lines)
    table = to_github_summary(summary)
    assert len(table.splitlines()) == 6
    assert "<script>" not in table.replace("\\<", "")


def test_a_console_is_told_the_causes_and_their_tests_in_a_few_lines() -> None:
    many = [a_failed(n, text=f"ERROR cause {'abcdefghij'[n % 10]}") for n in range(30)]
    lines = list(to_lines(a_summary(*many)))
    assert len(lines) == 6
    assert lines[0] == "3 \N{MULTIPLICATION SIGN} storage1: ERROR cause a (Test 0, Test 10, Test 20)"
    assert lines[-1] == "and 5 more"


@pytest.mark.browser
def test_five_hundred_failures_are_one_small_page_that_leads_from_its_timeline_to_the_cause(tmp_path: Path) -> None:
    reports = [a_failed(n, text=f"ERROR cause {'abcdefgh'[n % 8]} of {n}", minutes=n) for n in range(500)]
    path = tmp_path / "failtale-report.html"
    path.write_text(to_run_page(a_summary(*reports)), encoding="utf-8")
    assert path.stat().st_size < 1_000_000
    with a_page() as page:
        page.goto(path.as_uri())
        assert page.get_by_text("500 failures, 8 causes").first.is_visible()
        page.evaluate(AXE)
        found = page.evaluate("axe.run()")
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]] == []
        page.locator("svg a").last.focus()
        page.keyboard.press("Enter")
        assert page.locator(":target").is_visible()
        assert page.evaluate("window.hit") is None


def test_what_was_collected_on_demand_while_nothing_failed_is_no_failure() -> None:
    asked = a_failed(2, scope="on demand", message="")
    made = run_summary([failure_summary(each) for each in (a_failed(1), asked)], version="0")
    assert [each.failure_id for each in made.failures] == [a_failed(1).failure.id]
    assert title_of(made).startswith("1 failure")
