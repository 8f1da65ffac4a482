"""How much longer log.html takes to open with cards in it than without.

    python -m bench.cards [OUTPUT] [--failures 100] [--rounds 9] [--parts] [--first] [--plot FILE.svg]

The first failure of OUTPUT (an output.xml of a run with FailTale; without one the demo is run for it) gets a card under
each of so many failed tests of a made-up run, by a listener; each card has an id of its own, for the log keeps equal
texts once. The same run without cards and this one are opened in turn in one headless Chromium, each time in a fresh
page. Told are medians of both and their ratio: seconds until the first failed test is in sight, until each is open and
a frame was drawn, and the processor's seconds by what Chromium did, which other work on the machine changes less.

``--parts`` also opens the log with an empty message in the place of each card, and with cards without their payload and
folded parts; ``--first`` waits for the first failed test alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from chromium import a_browser, a_page_of  # noqa: E402
from playwright.sync_api import Browser  # noqa: E402

from bench.environment import refuse_plots_without_matplotlib  # noqa: E402
from FailTaleLibrary.archive import reports_in, to_payload  # noqa: E402
from FailTaleLibrary.config.model import Limits  # noqa: E402
from FailTaleLibrary.records import Report  # noqa: E402
from FailTaleLibrary.rendering import to_html  # noqa: E402
from FailTaleLibrary.rendering.log_messages import messages_of  # noqa: E402

LISTENER = """
import json
from pathlib import Path
from robot.api import logger


class Listener:
    ROBOT_LISTENER_API_VERSION = 3

    def end_test(self, data, result):
        if result.failed:
            for message in json.loads((Path(__file__).parent / f"{result.name}.json").read_text(encoding="utf-8")):
                logger.info(message, html=True)
"""
FIRST_OPEN = (
    "() => document.querySelector('.test > .children.populated > .messages, .test > .children > .keyword .messages')"
)
"""What a test says stands there: the messages of its failed keyword, or a card."""
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


Messages = Callable[[str], tuple[str, ...]]
"""A whole card -> the messages that stand in the log for it."""


def unopened(card: str) -> str:
    """A card's message without what is folded."""
    *_, message = messages_of(card)
    return message[: message.index('<details class="ft-fold">')] + message[message.index('<div class="ft-foot') :]


BOTH: dict[str, Messages] = {"without": lambda _: (), "with": messages_of}
PARTS: dict[str, Messages] = {
    "without": lambda _: (),
    "an empty message": lambda card: (card[: card.index("<style")] + "</div>",),
    "unopened": lambda card: (unopened(card),),
    "without payload": lambda card: messages_of(card)[-1:],
    "with": messages_of,
}


def demo_output(folder: Path) -> Path:
    program = "import sys; from FailTaleLibrary.cli import main; sys.exit(main(sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", program, "demo", str(folder)], check=False, stdout=subprocess.DEVNULL)
    return next(folder.rglob("output.xml"))


def run_robot(folder: Path, name: str, *options: str) -> Path:
    words = [sys.executable, "-m", "robot", "-d", name, "--pythonpath", ".", *options, "suite.robot"]
    subprocess.run(words, cwd=folder, check=False, stdout=subprocess.DEVNULL)
    return folder / name / "log.html"


def a_log(folder: Path, cards: Mapping[str, str], messages: Messages) -> Path:
    """log.html of a run in which each of these tests fails and has the messages of its card."""
    folder.mkdir()
    for name, card in cards.items():
        (folder / f"{name}.json").write_text(json.dumps(messages(card)), encoding="utf-8")
    (folder / "Listener.py").write_text(LISTENER)
    tests = "".join(f"{name}\n    Log    a\n    Log    b\n    Fail    no {name}\n" for name in cards)
    (folder / "suite.robot").write_text(f"*** Test Cases ***\n{tests}")
    return run_robot(folder, "results", "--listener", "Listener.py")


def opened(browser: Browser, log: Path, *, failures: int, first_only: bool = False) -> dict[str, float]:
    with a_page_of(browser) as page:
        protocol = page.context.new_cdp_session(page)
        protocol.send("Performance.enable", {"timeDomain": "threadTicks"})
        began = time.perf_counter()
        page.goto(log.resolve().as_uri(), wait_until="commit")
        page.wait_for_function(FIRST_OPEN, polling=20, timeout=0)
        seconds = {"first seen": time.perf_counter() - began}
        if first_only:
            return seconds
        page.wait_for_function(ALL_OPEN, arg=failures, polling=20, timeout=0)
        page.evaluate("new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn, 0)))")
        seconds["opened"] = time.perf_counter() - began
        told = {each["name"]: each["value"] for each in protocol.send("Performance.getMetrics")["metrics"]}
        return {**seconds, **{words: told[name] for name, words in MEASURES.items()}, "elements": told["Nodes"]}


def plot(medians: Mapping[str, Mapping[str, float]], title: str, path: Path) -> None:
    """A bar for each log: the processor's seconds by what Chromium did."""
    import matplotlib  # only for those who want plots

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = title  # the same picture of the same figures
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 2.6), layout="constrained")
    left = dict.fromkeys(medians, 0.0)
    for what, colour in (("script", "#1f6feb"), ("style", "#8250df"), ("layout", "#bf8700"), ("rest", "#9aa4b2")):
        seconds = {
            name: found[what] if what != "rest" else found["all tasks"] - left[name] for name, found in medians.items()
        }
        axes.barh([*seconds], [*seconds.values()], left=[*left.values()], color=colour, label=what)
        left = {name: left[name] + seconds[name] for name in left}
    axes.invert_yaxis()
    axes.set_title(title, fontsize=8)
    axes.set_xlabel("processor seconds of the page", fontsize=7)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", nargs="?", type=Path)
    parser.add_argument("--failures", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--plot", type=Path, help="an SVG of what was measured")
    options = parser.parse_args()
    if options.plot is not None:
        refuse_plots_without_matplotlib(parser)
    with tempfile.TemporaryDirectory() as made, a_browser() as browser:
        folder = Path(made)
        output = options.output or demo_output(folder / "demo")
        report = next(each for each in reports_in(output) if isinstance(each, Report))
        cards = {}
        for number in range(options.failures):
            failure = report.failure.model_copy(update={"id": f"{number:032x}"})
            own = report.model_copy(update={"failure": failure})
            cards[f"T{number}"] = to_html(own, max_bytes=Limits().card_bytes, pack=to_payload)
        variants = PARTS if options.parts else BOTH
        logs = {name: a_log(folder / name, cards, messages) for name, messages in variants.items()}
        rounds = [
            {
                name: opened(browser, log, failures=options.failures, first_only=options.first)
                for name, log in logs.items()
            }
            for _ in range(options.rounds)
        ]
    title = f"A card of {len(cards['T0']):,} bytes under each of {options.failures} failed tests"
    print(f"{title}, {options.rounds} rounds; medians, and how often the seconds without cards")
    print(f"{'':12}" + "".join(f"{name:>24}" for name in logs))
    medians = {
        name: {what: statistics.median(each[name][what] for each in rounds) for what in rounds[0][name]}
        for name in logs
    }
    for what, base in medians["without"].items():
        print(f"{what:12}" + "".join(f"{medians[name][what]:17.3f}{medians[name][what] / base:7.2f}" for name in logs))
    if options.plot is not None:
        plot(medians, f"{title}, medians of {options.rounds} rounds", options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
