"""A report -> what a test may ask of it: one item's text, whether a line is in it, the whole as a plain value.

Robot's keywords and pytest's fixture share these, so that they mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.records import NO_HOST, Gap, Item, Report


def text_of(report: Report, host: str | None = None, collector: str | None = None) -> str:
    """The output of the matching items; with several, each under its heading. Raises FailTaleError when none match."""
    items = items_of(report, host, collector)
    if len(items) == 1:
        return items[0].text
    return "\n".join(f"==> {item.id} <==\n{item.text}" for item in items)


def items_of(report: Report, host: str | None = None, collector: str | None = None) -> tuple[Item, ...]:
    """The matching items. Raises FailTaleError that says what there is instead, and the gaps that may be why."""
    evidence = report.evidence
    found = tuple(item for item in evidence.items if _is_wanted(item, host, collector))
    if found:
        return found
    gaps = "".join(f"; {gap.host}: {gap.detail}" for gap in evidence.gaps if host in (None, gap.host))
    wanted = "/".join(part or "*" for part in (host, collector))
    raise FailTaleError(f"There is no evidence '{wanted}'; there is {names_of(evidence.items)}{gaps}.")


def check_contains(
    report: Report, text: str, *, host: str | None, collector: str | None, ignore_case: bool = False
) -> None:
    """Raises FailTaleError unless a line of a matching item contains the text."""
    items = items_of(report, host, collector)
    if not any(_contains(item, text, ignore_case=ignore_case) for item in items):
        raise FailTaleError(f"No evidence contains '{text}'; looked into {names_of(items)}.")


def check_contains_not(
    report: Report, text: str, *, host: str | None, collector: str | None, ignore_case: bool = False
) -> None:
    """Raises FailTaleError when a line contains the text, or when a gap leaves it open: no evidence is no absence."""
    gaps = _gaps_of(report, host, collector)
    items = report.evidence.items if gaps else items_of(report, host, collector)
    found = [
        item for item in items if _is_wanted(item, host, collector) and _contains(item, text, ignore_case=ignore_case)
    ]
    if found:
        raise FailTaleError(f"Evidence contains '{text}': {names_of(found)}.")
    if gaps:
        listed = "; ".join(f"{gap.host}: {gap.detail}" for gap in gaps)
        raise FailTaleError(f"Cannot tell whether evidence contains '{text}', because of gaps: {listed}")


def check_verdicts(verdicts: Mapping[str, str]) -> None:
    """Raises FailTaleError with a list when a host cannot be reached; as `Run.check_hosts` returns it."""
    silent = {host: verdict for host, verdict in verdicts.items() if verdict}
    if silent:
        listed = "\n".join(f"- {host}: {verdict}" for host, verdict in silent.items())
        raise FailTaleError(f"{len(silent)} of {len(verdicts)} hosts cannot be reached:\n{listed}")


def names_of(items: Iterable[Item]) -> str:
    return ", ".join(item.id for item in items) or "nothing"


def value_of(report: Report, *, text: str) -> dict[str, Any]:
    """The report as nested dictionaries and lists of plain values, in the words of the keyword documentation.

    ``text`` is the report as text: `Run.text`.
    """
    from FailTaleLibrary.rendering.words import chain_words  # tests that pass need none of it

    evidence, analysis = report.evidence, report.analysis
    return {
        "name": report.failure.name,
        "headline": analysis.headline,
        "chain": chain_words(analysis.chain) if analysis.chain else "",
        "all_items": [
            {
                "host": item.host,
                "component": item.component,
                "collector": item.collector,
                "status": item.status,
                "text": item.text,
                "lines": list(item.lines),
                "command": item.command,
                "exit_status": item.exit_status,
                "seconds": item.duration_s,
            }
            for item in evidence.items
        ],
        "gaps": [gap.model_dump(include={"host", "collector", "reason", "detail"}) for gap in evidence.gaps],
        "suspects": [
            {
                "id": suspect.id,
                "host": suspect.host,
                "collector": suspect.collector,
                "text": suspect.text,
                "offset": suspect.offset_s,
                "signals": [signal.words for signal in suspect.signals],
            }
            for suspect in analysis.suspects
        ],
        "other_tests": [
            {
                "name": test.name,
                "status": test.status,
                "started": test.started_at.isoformat(),
                "ended": test.ended_at.isoformat() if test.ended_at else None,
            }
            for test in (report.failure.others.tests if report.failure.others else ())
        ],
        "screenshots": [each.model_dump(include={"path", "keyword", "note"}) for each in report.failure.screenshots],
        "notes": list(analysis.notes),
        "hint": analysis.hint.cause if analysis.hint else None,
        "no_hint_reason": analysis.no_hint_reason,
        "text": text,
        "bundle": report.bundle,
    }


def _is_wanted(item: Item, host: str | None, collector: str | None) -> bool:
    return host in (None, item.host) and collector in (None, item.collector)


def _gaps_of(report: Report, host: str | None, collector: str | None) -> list[Gap]:
    """The gaps that a question about these items would have fallen into; a bundle that is missing is none of them."""
    return [
        gap
        for gap in report.evidence.gaps
        if host in (None, gap.host) and (collector is None or gap.collector in (None, collector))
        if gap.host != NO_HOST or gap.component
    ]


def _contains(item: Item, text: str, *, ignore_case: bool) -> bool:
    haystack, needle = (item.text.lower(), text.lower()) if ignore_case else (item.text, text)
    return any(needle in line for line in haystack.splitlines())
