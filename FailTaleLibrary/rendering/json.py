"""Report -> its record as JSON, for programs. Pure."""

from __future__ import annotations

import json

from FailTaleLibrary.records import Report


def to_json(report: Report) -> str:
    """The record as an object, indented; `Report.model_validate_json` reads it."""
    return json.dumps(report.model_dump(mode="json"), indent=2)
