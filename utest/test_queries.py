"""What a test may ask of a report: Robot's keywords and pytest's fixture share these answers."""

from __future__ import annotations

import json

import pytest
from builders import (
    FAILED_AT,
    NGINX_LOG,
    STARTED_AT,
    STORAGE_LOG,
    a_failure,
    a_gap,
    a_report,
    an_analysis,
    an_item,
    some_evidence,
)

from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.queries import check_contains, check_contains_not, check_verdicts, items_of, text_of, value_of
from FailTaleLibrary.records import Gap, Item, OtherTest, OtherTests, Report, our_words
from FailTaleLibrary.rendering import to_text

WELL = a_report(evidence=some_evidence(gaps=()))
"""All that was asked answered."""
WITH_GAPS = a_report()
"""db1 is silent; web1's access.log may not be read."""


def told_by(*items: Item, gaps: tuple[Gap, ...] = ()) -> Report:
    return a_report(evidence=some_evidence(items=items, gaps=gaps))


# --- text_of, items_of ------------------------------------------------------------------------------------------------


def test_one_item_is_its_text_alone() -> None:
    assert text_of(WELL, "storage1", "storage.log") == STORAGE_LOG


def test_several_items_stand_each_under_its_name() -> None:
    text = text_of(WELL, "web1")
    assert text.startswith(f"==> web1/nginx.error <==\n{NGINX_LOG}\n==> web1/kernel <==\n")
    assert "storage1" not in text


def test_a_collector_alone_is_taken_from_every_host() -> None:
    report = told_by(an_item("web1", "log"), an_item("web2", "log"), an_item("web1", "other"))
    assert [item.id for item in items_of(report, collector="log")] == ["web1/log", "web2/log"]


def test_no_selection_means_all() -> None:
    assert items_of(WELL) == WELL.evidence.items


def test_what_is_not_there_is_named_with_what_is() -> None:
    with pytest.raises(FailTaleError) as error:
        text_of(told_by(an_item("web1", "log")), "web2", "log")
    assert str(error.value) == "There is no evidence 'web2/log'; there is web1/log."


def test_a_missing_item_is_explained_by_the_gaps_of_its_host() -> None:
    with pytest.raises(FailTaleError, match=r"'db1/\*'.*; db1: No route to 10\.0\.0\.31") as error:
        items_of(WITH_GAPS, "db1")
    assert "access.log: not readable" not in str(error.value)


def test_without_any_evidence_there_is_nothing() -> None:
    with pytest.raises(FailTaleError) as error:
        items_of(told_by())
    assert str(error.value) == "There is no evidence '*/*'; there is nothing."


# --- check_contains ---------------------------------------------------------------------------------------------------


def test_a_line_of_one_matching_item_is_enough() -> None:
    check_contains(WITH_GAPS, "database is locked", host=None, collector=None)
    check_contains(WITH_GAPS, "database is locked", host="storage1", collector="storage.log")


def test_case_counts_unless_told_otherwise() -> None:
    with pytest.raises(FailTaleError):
        check_contains(WELL, "DATABASE IS LOCKED", host=None, collector=None)
    check_contains(WELL, "DATABASE IS LOCKED", host=None, collector=None, ignore_case=True)


def test_a_text_is_looked_for_within_a_line() -> None:
    first, second = STORAGE_LOG.splitlines()[:2]
    with pytest.raises(FailTaleError):
        check_contains(WELL, f"{first}\n{second}", host=None, collector=None)


def test_what_no_line_contains_is_said_with_where_was_looked() -> None:
    with pytest.raises(FailTaleError) as error:
        check_contains(WELL, "out of memory", host="storage1", collector=None)
    looked = "storage1/units, storage1/storage.log, storage1/access.log"
    assert str(error.value) == f"No evidence contains 'out of memory'; looked into {looked}."


def test_looking_where_nothing_is_fails() -> None:
    with pytest.raises(FailTaleError, match="There is no evidence 'db1/"):
        check_contains(WITH_GAPS, "locked", host="db1", collector=None)


# --- check_contains_not -----------------------------------------------------------------------------------------------


def test_absence_holds_where_everything_answered() -> None:
    check_contains_not(WELL, "out of memory", host=None, collector=None)


def test_presence_is_said_with_its_place() -> None:
    with pytest.raises(FailTaleError, match=r"^Evidence contains 'database is locked': storage1/storage\.log\.$"):
        check_contains_not(WELL, "database is locked", host=None, collector=None)
    with pytest.raises(FailTaleError, match=r"^Evidence contains 'DATABASE IS LOCKED'"):
        check_contains_not(WELL, "DATABASE IS LOCKED", host=None, collector=None, ignore_case=True)


def test_presence_outweighs_a_gap() -> None:
    with pytest.raises(FailTaleError, match=r"^Evidence contains"):
        check_contains_not(WITH_GAPS, "database is locked", host=None, collector=None)


@pytest.mark.parametrize(
    ("host", "collector"), [(None, None), ("db1", None), ("db1", "any.log"), ("web1", "access.log"), ("web1", None)]
)
def test_a_gap_where_was_to_be_looked_is_no_absence(host: str | None, collector: str | None) -> None:
    with pytest.raises(FailTaleError, match=r"^Cannot tell whether evidence contains 'out of memory'"):
        check_contains_not(WITH_GAPS, "out of memory", host=host, collector=collector)


def test_a_gap_elsewhere_does_not_matter() -> None:
    check_contains_not(WITH_GAPS, "out of memory", host="storage1", collector=None)
    check_contains_not(WITH_GAPS, "out of memory", host="web1", collector="nginx.error")


def test_a_silent_host_leaves_every_collector_of_that_name_open() -> None:
    report = told_by(an_item("web1", "log"), gaps=(a_gap(host="web2", collector=None),))
    with pytest.raises(FailTaleError, match="because of gaps: web2: No route"):
        check_contains_not(report, "out of memory", host=None, collector="log")


def test_a_bundle_that_was_not_written_says_nothing_about_the_evidence() -> None:
    no_bundle = a_gap(host="-", component="", reason="failed", detail="no bundle was written: No space left on device")
    check_contains_not(told_by(an_item(), gaps=(no_bundle,)), "out of memory", host=None, collector=None)


def test_a_component_that_no_host_plays_leaves_it_open() -> None:
    nobody = a_gap(host="-", component="db", reason="skipped", detail="No host is assigned to component 'db'.")
    with pytest.raises(FailTaleError, match="Cannot tell"):
        check_contains_not(told_by(an_item(), gaps=(nobody,)), "out of memory", host=None, collector=None)


def test_absence_in_what_nobody_asked_for_is_a_mistake() -> None:
    with pytest.raises(FailTaleError, match=r"There is no evidence 'storage1/no\.log'"):
        check_contains_not(WELL, "locked", host="storage1", collector="no.log")


# --- check_verdicts, value_of -----------------------------------------------------------------------------------------


def test_hosts_that_answer_pass() -> None:
    check_verdicts({"web1": "", "db1": ""})
    check_verdicts({})


def test_hosts_that_do_not_are_listed() -> None:
    with pytest.raises(FailTaleError) as error:
        check_verdicts({"web1": "", "db1": "no route", "db2": "no answer"})
    assert str(error.value) == "2 of 3 hosts cannot be reached:\n- db1: no route\n- db2: no answer"


def test_a_value_has_the_documented_keys() -> None:
    value = value_of(WITH_GAPS, text=to_text(WITH_GAPS))
    assert {"headline", "chain", "all_items", "gaps", "suspects", "text", "bundle", "hint", "no_hint_reason"} <= set(
        value
    )
    assert {"host", "component", "collector", "status", "text", "lines"} <= set(value["all_items"][0])
    assert value["other_tests"] == []
    assert set(value["gaps"][0]) == {"host", "collector", "reason", "detail"}
    assert set(value["suspects"][0]) == {"id", "host", "collector", "text", "offset", "signals"}


def test_a_value_names_the_tests_that_ran_at_the_same_time() -> None:
    test = OtherTest(name=our_words("Locks"), started_at=STARTED_AT, ended_at=FAILED_AT, status="failed")
    report = a_report(failure=a_failure(others=OtherTests(ran_by=our_words("pabot"), tests=(test,))))
    (told,) = value_of(report, text="")["other_tests"]
    assert (told["name"], told["status"]) == ("Locks", "failed")
    assert (told["started"], told["ended"]) == (STARTED_AT.isoformat(), FAILED_AT.isoformat())


def test_a_value_tells_what_the_report_tells() -> None:
    value = value_of(WITH_GAPS, text=to_text(WITH_GAPS))
    assert value["chain"].startswith("storage1: database is locked")
    assert value["text"] == to_text(WITH_GAPS)
    assert value["bundle"] == WITH_GAPS.bundle
    assert [item["lines"] for item in value["all_items"]] == [list(item.lines) for item in WITH_GAPS.evidence.items]
    assert [each["id"] for each in value["suspects"]] == ["E1", "E2", "E3"]
    assert value["hint"] == "The nightly backup held an exclusive lock on orders.db, so the order could not be written."
    assert (
        value_of(a_report(analysis=an_analysis(hint=None, no_hint_reason="no model")), text="")["no_hint_reason"]
        == "no model"
    )


def test_a_value_is_made_of_plain_values_alone() -> None:
    value = value_of(WITH_GAPS, text=to_text(WITH_GAPS))
    assert json.loads(json.dumps(value)) == value
