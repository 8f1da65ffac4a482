"""Records -> the typed answers of the tools, and back from what a caller says. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import quote

from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.mcp_server import models, texts
from FailTaleLibrary.mcp_server.store import Tale
from FailTaleLibrary.plaintext import sanitize
from FailTaleLibrary.records import Item, Report, Suspect
from FailTaleLibrary.redaction import Redactor

LISTED = 200
"""Items and gaps listed in one answer."""
SUSPECTS = 20
_LINE_BYTES = 1000


def safe(text: str, redactor: Redactor) -> str:
    """A caller's text without control characters and secrets. Raises RedactionError."""
    return redactor.redact(sanitize(text)).text


def components(config: Config) -> models.Components:
    return models.Components(
        components=[
            models.KnownComponent(
                name=name,
                description=component.description,
                hosts=[host for host, settings in config.hosts.items() if name in settings.component],
                collectors=[_collector(collector) for collector in component.collectors],
            )
            for name, component in config.components.items()
        ],
        hosts=list(config.hosts),
    )


def _collector(collector: Collector) -> models.KnownCollector:
    kind = "command" if collector.command is not None else "journal" if collector.journal is not None else "file"
    return models.KnownCollector(
        name=collector.name,
        kind=kind,
        description=collector.description,
        window="none" if kind == "command" else collector.window,
    )


def told(tale: Tale, shown_bytes: Mapping[str, int], *, brief: bool) -> models.Told:
    report, evidence = tale.report, tale.report.evidence
    listed = 0 if brief else LISTED
    return models.Told(
        failure_id=report.failure.id,
        name=report.failure.name,
        headline=report.analysis.headline,
        complete=not evidence.gaps and not any(item.timed_out or item.incomplete for item in evidence.items),
        items=[_item(item, tale, shown_bytes.get(item.id, 0)) for item in evidence.items[:listed]],
        more_items=max(0, len(evidence.items) - listed),
        gaps=[
            models.KnownGap(
                host=gap.host,
                collector=gap.collector or "",
                reason=gap.reason,
                detail=texts.shortened(gap.detail, _LINE_BYTES),
            )
            for gap in evidence.gaps[:listed]
        ],
        more_gaps=max(0, len(evidence.gaps) - listed),
        suspects=suspects(report),
        seconds=evidence.cost.seconds,
        server_time=time.time(),
    )


def _item(item: Item, tale: Tale, shown_bytes: int) -> models.KnownItem:
    return models.KnownItem(
        id=item.id,
        status=item.status,
        exit_code=-1 if item.exit_status is None else item.exit_status,
        bytes=len(texts.full_text(item, tale.full_texts).encode()),
        shown_bytes=shown_bytes,
        omitted_bytes=item.omitted_bytes,
        redactions=sum(redaction.count for redaction in item.redactions),
        resource=item_uri(tale.report.failure.id, item),
    )


def item_uri(failure_id: str, item: Item) -> str:
    return f"failtale://failures/{failure_id}/evidence/{quote(item.host, safe='')}/{quote(item.collector, safe='')}"


def suspects(report: Report) -> list[models.KnownSuspect]:
    return [_suspect(suspect) for suspect in report.analysis.suspects[:SUSPECTS]]


def _suspect(suspect: Suspect) -> models.KnownSuspect:
    return models.KnownSuspect(
        id=suspect.id,
        item=suspect.item_id or "",
        line=texts.shortened(suspect.text, _LINE_BYTES),
        offset_s=round(suspect.offset_s, 3) if suspect.offset_s is not None else 0.0,
        signals=[signal.words for signal in suspect.signals],
    )


def analyzed(report: Report) -> models.Analyzed:
    analysis = report.analysis
    return models.Analyzed(
        failure_id=report.failure.id,
        headline=analysis.headline,
        suspects=suspects(report),
        hint=analysis.hint.cause if analysis.hint else "",
        no_hint_reason=analysis.no_hint_reason or "",
    )


def known_failure(tale: Tale) -> models.KnownFailure:
    failure, report = tale.report.failure, tale.report
    return models.KnownFailure(
        failure_id=failure.id,
        name=texts.shortened(failure.name, _LINE_BYTES // 4),
        suite=texts.shortened(failure.suite, _LINE_BYTES // 4),
        at=failure.window.end.isoformat(),
        message=texts.shortened(failure.message, _LINE_BYTES // 4),
        headline=texts.shortened(report.analysis.headline, _LINE_BYTES // 4),
        items=len(report.evidence.items),
        gaps=len(report.evidence.gaps),
        source=tale.source,
    )


def failures_text(answer: models.Failures, *, mark: str) -> str:
    lines = [
        f"{each.failure_id} {each.at} {each.suite + ': ' if each.suite else ''}{each.name} "
        f"({each.items} items, {each.gaps} gaps) {' '.join((each.headline or each.message).split())}"
        for each in answer.failures
    ]
    lines += [f"unreadable: {texts.shortened(sentence, _LINE_BYTES)}" for sentence in answer.unreadable]
    rest = f'\nMore: list_failures {{"offset": {answer.next_offset}}}' if answer.next_offset >= 0 else ""
    listed = texts.shortened("\n".join(lines) or "none", texts.TEXT_BYTES - 1024)
    return f"{len(answer.failures)} of {answer.total} failures.\n{texts.fenced(listed, mark=mark)}{rest}"
