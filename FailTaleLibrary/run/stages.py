"""What a failure goes through, stage by stage, each loaded when the first failure needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from FailTaleLibrary.config import Config
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Analysis, Report

if TYPE_CHECKING:
    from FailTaleLibrary.collection.source import EvidenceSource


def source_of(config: Config) -> EvidenceSource:
    """The gateway, where the configuration names one; else its own hosts."""
    if config.gateway is None:
        from FailTaleLibrary.collection.source import OwnHosts

        return OwnHosts(config, has_keeper=True)
    from FailTaleLibrary.gateway.source import GatewaySource

    return GatewaySource(config)


def _store(*arguments: Any, **options: Any) -> Path:
    from FailTaleLibrary.archive import write_bundle

    return write_bundle(*arguments, **options)


def _replace(report: Report, directory: Path, *, documents: Mapping[str, str]) -> Path:
    from FailTaleLibrary.archive.bundles import replace_report

    return replace_report(directory / report.failure.id, report, documents=documents)


def _rank(*arguments: Any, **options: Any) -> Analysis:
    from FailTaleLibrary.ranking import rank

    return rank(*arguments, **options)


def _card(*arguments: Any, **options: Any) -> str:
    from FailTaleLibrary.archive import to_payload
    from FailTaleLibrary.rendering import to_html

    return to_html(*arguments, pack=to_payload, **options)


def _report_text(report: Report) -> str:
    from FailTaleLibrary.rendering import to_text

    return to_text(report)


@dataclass(frozen=True, slots=True)
class Stages:
    """What a failure goes through; a face or a test may put its own in the place of one."""

    source: Callable[[Config], EvidenceSource] = source_of
    store: Callable[..., Path] = _store
    replace: Callable[..., Path] = _replace
    rank: Callable[..., Analysis] = _rank
    card: Callable[..., str] = _card
    text: Callable[[Report], str] = _report_text
