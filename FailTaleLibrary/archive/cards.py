"""A report -> the same report with every text transformed, for redaction after the fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from FailTaleLibrary.records import Report

Transform = Callable[[str], str]

_STRUCTURE = frozenset(
    {
        "id",
        "failure_id",
        "item_id",
        "suspect_id",
        "hash",
        "host",
        "component",
        "collector",
        "kind",
        "status",
        "scope",
        "reason",
        "method",
        "category",
        "confidence",
        "framework",
        "failtale_version",
        "model",
        "bundle",
        "rule",
        "window",
    }
)
"""Fields that hold names from the configuration or words of a fixed list; everything else is a text."""


def rewritten(report: Report, transform: Transform) -> Report:
    """The report with ``transform`` applied to each of its texts; a field that is new here counts as a text."""
    return Report.model_validate(_walk(report.model_dump(), transform))


def _walk(value: Any, transform: Transform) -> Any:
    if isinstance(value, str):
        return transform(value)
    if isinstance(value, dict):
        return {name: each if _is_structure(name, each) else _walk(each, transform) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_walk(each, transform) for each in value)
    return value


def _is_structure(name: str, value: Any) -> bool:
    return name in _STRUCTURE and isinstance(value, str)
