"""One visitor changes parts of any record and leaves the rest the same objects."""

from __future__ import annotations

from typing import NoReturn

import pytest
from builders import a_report

from FailTaleLibrary.records import Gap, Item, KeywordStep, RecordVisitor, Report, SafeText


class Nothing(RecordVisitor):
    """Changes nothing."""


class Shouting(RecordVisitor):
    def text(self, text: SafeText) -> SafeText:
        return SafeText(text.upper())


class Order(RecordVisitor):
    def __init__(self) -> None:
        self.visited: list[str] = []

    def visit_keyword_step(self, step: KeywordStep) -> KeywordStep:
        self.visited.append("step")
        return step

    def visit_item(self, item: Item) -> Item:
        self.visited.append("item")
        return item

    def visit_report(self, report: Report) -> Report:
        self.visited.append("report")
        return report


class WithoutGaps(RecordVisitor):
    def visit_gap(self, gap: Gap) -> Gap:
        return gap.model_copy(update={"elapsed_s": 7.0})


def test_what_nobody_changes_stays_the_same_object() -> None:
    report = a_report()
    assert Nothing().visit(report) is report


def test_a_change_deep_inside_keeps_all_around_it() -> None:
    report = a_report()
    changed = WithoutGaps().visit(report)
    assert {gap.elapsed_s for gap in changed.evidence.gaps} == {7.0}
    assert changed.failure is report.failure
    assert changed.analysis is report.analysis
    assert changed.evidence.items is report.evidence.items
    assert changed.evidence.collected_at == report.evidence.collected_at


class Untouchable(tuple[Item, ...]):
    def __iter__(self) -> NoReturn:
        raise AssertionError("somebody looked at it")


def test_what_cannot_hold_what_a_visitor_changes_is_not_looked_at() -> None:
    report = a_report()
    evidence = report.evidence.model_copy(update={"items": Untouchable(report.evidence.items)})
    WithoutGaps().visit(report.model_copy(update={"evidence": evidence}))
    with pytest.raises(AssertionError, match="somebody looked"):
        Shouting().visit(report.model_copy(update={"evidence": evidence}))


def test_parts_are_visited_before_the_whole_and_in_the_order_of_the_flow() -> None:
    order = Order()
    order.visit(a_report())
    assert order.visited[0] == "step"
    assert order.visited[-1] == "report"
    assert order.visited == sorted(order.visited, key=["step", "item", "report"].index)


def test_every_text_is_seen_and_names_are_not() -> None:
    report = a_report()
    loud = Shouting().visit(report)
    assert loud.failure.message == report.failure.message.upper()
    assert loud.evidence.items[0].text == report.evidence.items[0].text.upper()
    assert loud.evidence.items[0].host == report.evidence.items[0].host
    assert loud.failure.keyword_path[0].arguments == tuple(
        argument.upper() for argument in report.failure.keyword_path[0].arguments
    )
