"""A run's summary -> failtale-report.html: one self-contained page, no script, everything escaped; opens at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.rendering.html import rendered_page
from FailTaleLibrary.rendering.run_summary import CauseGroup, FailureSummary, RunSummary, span_of
from FailTaleLibrary.text import count

PAGE_NAME = "failtale-report.html"
MOST_LANES = 30
"""Hosts in the timeline; of more, those with the most marks."""
MOST_MARKS = 200
"""In one lane; marks that would cover each other are one."""
_FINEST = 0.4
"""Per cent of the width within which marks are one."""


@dataclass(frozen=True, slots=True)
class RunMark:
    """Failures at about the same moment."""

    at: float
    number: int
    is_strong: bool
    words: str
    group: int
    """1-based number of the first one's group, which the mark leads to."""


@dataclass(frozen=True, slots=True)
class RunLane:
    """The tests, or one host."""

    name: str
    marks: tuple[RunMark, ...]


@dataclass(frozen=True, slots=True)
class GroupView:
    """One cause with its failures."""

    number: int
    group: CauseGroup
    failures: tuple[FailureSummary, ...]


@dataclass(frozen=True, slots=True)
class RunPage:
    """Everything that the page's template shows."""

    summary: RunSummary
    title: str
    groups: tuple[GroupView, ...]
    lanes: tuple[RunLane, ...]
    begins: str
    ends: str


def to_run_page(summary: RunSummary) -> str:
    """The page."""
    groups = tuple(
        GroupView(number, group, summary.failures_of(group)) for number, group in enumerate(summary.groups, 1)
    )
    span = span_of(summary)
    page = RunPage(
        summary=summary,
        title=title_of(summary),
        groups=groups,
        lanes=tuple(_lanes(summary, groups, span)) if span else (),
        begins=f"{span[0]:%Y-%m-%d %H:%M:%S}" if span else "",
        ends=f"{span[1]:%Y-%m-%d %H:%M:%S} UTC" if span else "",
    )
    return rendered_page("run_page.html.j2", style="run_page.css", page=page)


def title_of(summary: RunSummary) -> str:
    """``12 failures, 3 causes``; failures that no strong suspect explains have no cause that is known."""
    if not summary.failures:
        return "No failure with evidence"
    explained = [group for group in summary.groups if _is_explained(summary, group)]
    unexplained = sum(group.number for group in summary.groups) - sum(group.number for group in explained)
    told = [count(len(explained), "cause")] if explained else []
    told += [f"{unexplained} without a strong suspect"] if unexplained else []
    return ", ".join([count(sum(group.number for group in summary.groups), "failure"), *told])


def _is_explained(summary: RunSummary, group: CauseGroup) -> bool:
    return any(failure.moments and failure.moments[0].is_strong for failure in summary.failures_of(group))


def _lanes(summary: RunSummary, groups: Sequence[GroupView], span: tuple[datetime, datetime]) -> Iterable[RunLane]:
    number_of = {failure.failure_id: view.number for view in groups for failure in view.failures}
    moments: dict[str, list[tuple[datetime, bool, FailureSummary]]] = {"tests": []}
    for failure in summary.failures:
        moments["tests"].append((failure.failed_at, True, failure))
        for moment in failure.moments:
            at = min(max(moment.at or failure.failed_at, span[0]), span[1])
            moments.setdefault(moment.host, []).append((at, moment.is_strong, failure))
    hosts = sorted((host for host in moments if host != "tests"), key=lambda host: (-len(moments[host]), host))
    for name in ("tests", *hosts[:MOST_LANES]):
        yield RunLane(name, tuple(_marks_of_run(moments[name], span, number_of))[:MOST_MARKS])


def _marks_of_run(
    moments: Iterable[tuple[datetime, bool, FailureSummary]],
    span: tuple[datetime, datetime],
    number_of: dict[str, int],
) -> Iterable[RunMark]:
    seconds = max((span[1] - span[0]).total_seconds(), 0.001)
    groups: list[list[tuple[float, bool, FailureSummary]]] = []
    for at, is_strong, failure in sorted(moments, key=lambda moment: moment[0]):
        place = 1 + 97 * (at - span[0]).total_seconds() / seconds
        if not groups or place - groups[-1][0][0] > _FINEST:
            groups.append([])
        groups[-1].append((place, is_strong, failure))
    for group in groups:
        names = list(dict.fromkeys(failure.name for _, _, failure in group))
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield RunMark(
            at=round(group[0][0], 2),
            number=len(names),
            is_strong=any(is_strong for _, is_strong, _ in group),
            words=f"{in_words.clock_time(group[0][2].failed_at)} {', '.join(names[:3])}{more}",
            group=number_of[group[0][2].failure_id],
        )
