"""Report -> the card (HTML for Robot's log.html), text, JSON, and one line. Pure but for its own templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from FailTaleLibrary import lazy

if TYPE_CHECKING:
    from FailTaleLibrary.rendering.formats import FORMATS, Format
    from FailTaleLibrary.rendering.html import is_card, redraw, to_html, to_page, with_own_style
    from FailTaleLibrary.rendering.text import summary_line, to_brief_text, to_text

__all__ = [
    "FORMATS",
    "Format",
    "is_card",
    "redraw",
    "summary_line",
    "to_brief_text",
    "to_html",
    "to_page",
    "to_text",
    "with_own_style",
]
__getattr__ = lazy.members(
    __name__,
    {
        "formats": ["FORMATS", "Format"],
        "html": ["is_card", "redraw", "to_html", "to_page", "with_own_style"],
        "text": ["summary_line", "to_brief_text", "to_text"],
    },
)
