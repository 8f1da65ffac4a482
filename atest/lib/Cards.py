"""Opens log.html in Chromium and tells what a reader sees of its cards."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Literal

from robot.api import logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "utest"))

from chromium import a_page, requests_of

CARD = "[data-failtale]"


@library(scope="GLOBAL", auto_keywords=False)
class Cards:
    """Keywords that look at cards as people do."""

    @keyword(tags=["browser"])
    def open_card(self, log: Path, theme: Literal["light", "dark"]) -> dict[str, Any]:
        """Opens a log, expands the failing test's card and takes a screenshot; returns what there is to see."""
        with a_page(theme=theme, height=1600) as page:
            requests, faults = requests_of(page), []
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.goto(log.as_uri())
            card = page.locator(CARD).first
            card.wait_for(state="visible")
            summaries = card.locator("details:not([open]) > summary")
            closed = summaries.count()
            for _ in range(closed):  # those that are nested come into sight when the outer one is open
                summaries.locator("visible=true").first.click()
            seen = {
                "text": card.inner_text(),
                "closed": closed,
                "still_closed": summaries.count(),
                "scripts": card.locator("script, img, svg[onload], iframe, [onerror], [onload], [onclick]").count(),
                "title": page.title(),
                "theme": page.locator("body").get_attribute("data-theme") or "light",
                "contrasts": [_contrast(each) for each in card.evaluate(_COLOURS)],
                "faults": faults,
                "elsewhere": [request.url for request in requests if not request.url.startswith("file:")],
            }
            self._keep_screenshot(card, theme)
        return seen

    def _keep_screenshot(self, card: Any, theme: str) -> None:
        path = Path(str(BuiltIn().get_variable_value("${OUTPUT DIR}"))) / f"card-{theme}.png"
        card.screenshot(path=path)
        logger.info(f'<a href="{path.name}"><img src="{path.name}" width="700"></a>', html=True)


_COLOURS = r"""card => {
    const solid = each => {
        for (; each; each = each.parentElement) {
            const colour = getComputedStyle(each).backgroundColor;
            if (!/, 0(\.\d+)?\)$/.test(colour) && colour !== 'transparent') return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    return [...card.querySelectorAll('*')]
        .filter(each => [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
        .map(each => [getComputedStyle(each).color, solid(each), each.textContent.slice(0, 40)]);
}"""
"""The colour of each piece of text in a card, what is behind it, and how it begins."""


def _contrast(piece: list[str]) -> float:
    """The contrast ratio of a piece of text as WCAG defines it."""
    lighter, darker = sorted((_luminance(piece[0]), _luminance(piece[1])), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
