"""How much longer log.html takes to open with cards in it than without.

    python -m bench.cards [OUTPUT] [--failures 100] [--rounds 9]

The first failure of OUTPUT (an output.xml of a run with FailTale; without one the demo is run for it) gets a card under
each of so many failed tests of a made-up run, by a listener; each card has an id of its own, for the log keeps equal
texts once. The same run without cards and this one are opened in turn in one headless Chromium, each time in a fresh
page. Told are medians of both and their ratio: seconds until each failed test is open and a frame was drawn, and the
processor's seconds by what Chromium did, which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from chromium import a_browser, a_page_of  # noqa: E402
from playwright.sync_api import Browser  # noqa: E402

from FailTaleLibrary.archive import reports_in, to_payload  # noqa: E402
from FailTaleLibrary.config.model import Limits  # noqa: E402
from FailTaleLibrary.records import Report  # noqa: E402
from FailTaleLibrary.rendering import to_html  # noqa: E402

LISTENER = """
from pathlib import Path
from robot.api import logger


class Listener:
    ROBOT_LISTENER_API_VERSION = 3

    def end_test(self, data, result):
        if result.failed:
            card = Path(__file__).parent / f"{result.name}.html"
            logger.info(card.read_text(encoding="utf-8"), html=True)
"""
ALL_OPEN = """
    number => document.querySelectorAll('.test > .children.populated').length >= number
        && window.elementsToExpand && !window.elementsToExpand.length
"""
"""Robot's log opens one failed test after the other."""
MEASURES = {
    "TaskDuration": "all tasks",
    "ScriptDuration": "script",
    "RecalcStyleDuration": "style",
    "LayoutDuration": "layout",
}


def demo_output(folder: Path) -> Path:
    program = "import sys; from FailTaleLibrary.cli import main; sys.exit(main(sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", program, "demo", str(folder)], check=False, stdout=subprocess.DEVNULL)
    return next(folder.rglob("output.xml"))


def run_robot(folder: Path, name: str, *options: str) -> Path:
    words = [sys.executable, "-m", "robot", "-d", name, "--pythonpath", ".", *options, "suite.robot"]
    subprocess.run(words, cwd=folder, check=False, stdout=subprocess.DEVNULL)
    return folder / name / "log.html"


def opened(browser: Browser, log: Path, *, failures: int) -> dict[str, float]:
    with a_page_of(browser) as page:
        protocol = page.context.new_cdp_session(page)
        protocol.send("Performance.enable", {"timeDomain": "threadTicks"})
        began = time.perf_counter()
        page.goto(log.resolve().as_uri())
        page.wait_for_function(ALL_OPEN, arg=failures, polling=20, timeout=0)
        page.evaluate("new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn, 0)))")
        seconds = {"opened": time.perf_counter() - began}
        told = {each["name"]: each["value"] for each in protocol.send("Performance.getMetrics")["metrics"]}
        return {**seconds, **{words: told[name] for name, words in MEASURES.items()}, "elements": told["Nodes"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", nargs="?", type=Path)
    parser.add_argument("--failures", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, a_browser() as browser:
        folder = Path(made)
        output = options.output or demo_output(folder / "demo")
        report = next(each for each in reports_in(output) if isinstance(each, Report))
        for number in range(options.failures):
            failure = report.failure.model_copy(update={"id": f"{number:032x}"})
            own = report.model_copy(update={"failure": failure})
            card = to_html(own, max_bytes=Limits().card_bytes, pack=to_payload)
            (folder / f"T{number}.html").write_text(card, encoding="utf-8")
        (folder / "Listener.py").write_text(LISTENER)
        tests = "".join(
            f"T{number}\n    Log    a\n    Log    b\n    Fail    no {number}\n" for number in range(options.failures)
        )
        (folder / "suite.robot").write_text(f"*** Test Cases ***\n{tests}")
        logs = {"without": run_robot(folder, "without"), "with": run_robot(folder, "with", "--listener", "Listener.py")}
        rounds = [
            {name: opened(browser, log, failures=options.failures) for name, log in logs.items()}
            for _ in range(options.rounds)
        ]
    print(
        f"A card of {len(card):,} bytes under each of {options.failures} failed tests, {options.rounds} rounds; medians"
    )
    print(f"{'':12}{'without':>10}{'with':>10}{'ratio':>8}")
    for measure in rounds[0]["with"]:
        without, with_cards = (
            statistics.median(each[name][measure] for each in rounds) for name in ("without", "with")
        )
        print(f"{measure:12}{without:10.3f}{with_cards:10.3f}{with_cards / without:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
