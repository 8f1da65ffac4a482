"""Takes the pictures of README and docs anew: the demo's own card in log.html, in both themes and on a telephone.

``./dev pictures``. Everything in them is real: a run of ``failtale demo``, opened in Debian's Chromium.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "utest"))

from chromium import Theme, a_page  # noqa: E402 - lies beside the tests

PICTURES: tuple[tuple[str, Theme, int], ...] = (
    ("card.png", "light", 1280),
    ("card-dark.png", "dark", 1280),
    ("card-narrow.png", "light", 400),
)
"""File, theme and the page's width in pixels."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([Path(sys.executable).with_name("failtale"), "demo"], cwd=folder, check=True)
        (log,) = Path(folder).rglob("log.html")
        for name, theme, width in PICTURES:
            with a_page(theme=theme, width=width, height=4000) as page:  # so that Robot's fixed link lies over no card
                page.goto(f"{log.as_uri()}?expand=FAIL")
                page.locator("[data-failtale]").first.screenshot(path=str(HERE / name))


if __name__ == "__main__":
    main()
