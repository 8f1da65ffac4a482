"""A line -> whether it looks like an error or a warning, for emphasis only; `ranking` judges by far more. Pure."""

from __future__ import annotations

import re
from typing import Literal

Severity = Literal["error", "warning", "plain"]

_HARMLESS = re.compile(
    r"\b(?:no|0|zero|without)\s+(?:errors?|failures?|failed|exceptions?)\b"
    r"|\b(?:errors?|failures?|failed|exceptions?)\s*[:=]\s*0\b",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"\b(?:error|err|fatal|critical|crit|emerg|alert|severe|panic|failed|failure|denied|refused|segfault)\b"
    r"|\w*(?:Error|Exception)\b"
    r"|\b(?:traceback|out of memory|no space left|oom-kill\w*|core dumped|timed out)\b",
    re.IGNORECASE,
)
_WARNING = re.compile(r"\bwarn(?:ing)?\b|\bW\d{4}\b", re.IGNORECASE)


def severity(line: str) -> Severity:
    """How a line looks by its words; ``0 errors`` is no error."""
    words = _HARMLESS.sub("", line[:2000])  # what makes a line an error stands near its start
    if _ERROR.search(words):
        return "error"
    return "warning" if _WARNING.search(words) else "plain"
