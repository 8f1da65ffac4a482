"""A report -> the line that stands in a test whose evidence is elsewhere: it fell with its suite's setup. Pure."""

from __future__ import annotations

import html
import re

from FailTaleLibrary.records import Report, SafeText
from FailTaleLibrary.rendering.card import headline_of

POINTER_START = '<div data-failtale-fell-with="'
_POINTER = re.compile(rf'{POINTER_START}([0-9a-f]{{32}})" data-test="([^"]*)"')


def pointer_text(report: Report) -> str:
    """``FailTale: fell with Suite setup of Shop: storage1 · disk full: …``."""
    return f"FailTale: fell with {report.failure.name}: {headline_of(report)}"


def pointer_to(report: Report, *, test: SafeText, anchor: str) -> str:
    """The line as HTML for a test; ``anchor`` is the setup's id in the same log.html, empty when that is not known."""
    failure_id, name = html.escape(report.failure.id), html.escape(report.failure.name)
    link = f'<a href="#{html.escape(anchor)}">{name}</a>' if anchor else name
    return (
        f'{POINTER_START}{failure_id}" data-test="{html.escape(test)}"><b>FailTale</b>: fell with {link}: '
        f"{html.escape(headline_of(report))} · <code>failtale show {failure_id[:8]}</code></div>"
    )


def pointer_in(message: str) -> tuple[str, str] | None:
    """What a message of Robot's output points to: the failure's id, and the name of its own test; None: to nothing."""
    match = _POINTER.match(message)
    return (match[1], html.unescape(match[2])) if match else None
