"""Report -> the least that a reader needs, for when the real card cannot be drawn: what failed, gaps, the evidence.

Made of strings alone, so that hardly anything can go wrong in it.
"""

from __future__ import annotations

import html

from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering.html import CARD_START

_MARKUP_BYTES = 300
_MOST_PER_CHARACTER = 6
"""Bytes of one character in HTML: ``&quot;``."""


def plain_text(report: Report, note: str) -> str:
    """``note`` says why it is no more than this."""
    parts = [note, f"{report.failure.name}: {report.failure.message}", report.analysis.headline]
    parts += [f"{gap.host} {gap.collector or ''}: {gap.reason}: {gap.detail}" for gap in report.evidence.gaps]
    parts += [f"==> {item.id} ({item.status}) <==\n{item.text}{item.stderr}" for item in report.evidence.items]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain_card(report: Report, note: str, *, max_bytes: int) -> str:
    """The same as a fragment of HTML, recognised as a card; cut at the end where it has no room."""
    escaped = html.escape(plain_text(report, note))
    room = max(0, max_bytes - _MARKUP_BYTES)
    if len(escaped.encode()) > room:
        kept = plain_text(report, note)[: room // _MOST_PER_CHARACTER]
        escaped = html.escape(f"{kept}\n… (cut: no room for more)")
    start = f'{CARD_START}data-failure-id="{html.escape(report.failure.id)}" data-bundle="">'
    return f'{start}<pre style="white-space: pre-wrap">{escaped}</pre></div>'
