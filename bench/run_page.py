"""How long the page of a run with many failures takes to open.

    python -m bench.run_page [--failures 500] [--causes 50] [--rounds 5] [--keep PAGE.html]

The failures are made up: each cause is a line that one host of eight wrote, met by a share of the tests that falls from
cause to cause. Told are the medians of the seconds until a frame was drawn, and of the processor's seconds of the page.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from builders import FAILED_AT, a_failure, a_report, a_suspect, an_analysis  # noqa: E402
from chromium import a_browser, a_page_of  # noqa: E402
from playwright.sync_api import Browser  # noqa: E402

from FailTaleLibrary.ranking.causes import signature_of  # noqa: E402
from FailTaleLibrary.records import Report  # noqa: E402
from FailTaleLibrary.rendering.run_page import to_run_page  # noqa: E402
from FailTaleLibrary.rendering.run_summary import failure_summary, run_summary  # noqa: E402

WHAT = ["disk", "lock", "token", "socket", "certificate", "quota", "schema", "queue", "cache", "migration"]
HAPPENED = ["is full", "was refused", "has expired", "timed out", "is missing"]


def causes(number: int) -> Iterator[tuple[str, str]]:
    """(host, line); no two are told as one."""
    for at in range(number):
        what = f"{WHAT[at % len(WHAT)]} of {WHAT[at // len(WHAT) % len(WHAT)]}"
        yield f"{['web', 'api', 'db', 'queue'][at % 4]}{at % 2 + 1}", f"ERROR {what} {HAPPENED[at % len(HAPPENED)]}"


def failures(number: int, found: list[tuple[str, str]]) -> Iterator[Report]:
    for at in range(number):
        host, line = found[at * at % len(found) if at >= len(found) else at]
        moved = timedelta(seconds=7 * at)
        window = a_failure().window
        window = window.model_copy(update={"start": window.start + moved, "end": window.end + moved})
        failure = a_failure(id=f"{at:032x}", name=f"Test {at}", window=window)
        suspect = a_suspect(host=host, text=line, at=FAILED_AT + moved)
        signature = signature_of(failure, suspect, known={})
        analysis = an_analysis(suspects=(suspect,), headline=f"{host}: {line}", chain=None, signature=signature)
        yield a_report(failure=failure, analysis=analysis)


def opened(browser: Browser, page_file: Path) -> tuple[float, float]:
    """Seconds, and those of the processor."""
    with a_page_of(browser) as page:
        protocol = page.context.new_cdp_session(page)
        protocol.send("Performance.enable", {"timeDomain": "threadTicks"})
        began = time.perf_counter()
        page.goto(page_file.resolve().as_uri())
        page.evaluate("new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn, 0)))")
        seconds = time.perf_counter() - began
        told = {each["name"]: each["value"] for each in protocol.send("Performance.getMetrics")["metrics"]}
        return seconds, told["TaskDuration"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failures", type=int, default=500)
    parser.add_argument("--causes", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="where the page is to stay")
    options = parser.parse_args()
    rows = [
        failure_summary(report, test_id=f"s1-t{at + 1}", log="log.html")
        for at, report in enumerate(failures(options.failures, list(causes(options.causes))))
    ]
    summary = run_summary(rows, version="1.0")
    with tempfile.TemporaryDirectory() as made, a_browser() as browser:
        page_file = options.keep or Path(made) / "failtale-report.html"
        page_file.write_text(to_run_page(summary), encoding="utf-8")
        rounds = [opened(browser, page_file) for _ in range(options.rounds)]
        size = page_file.stat().st_size
    seconds, of_processor = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(
        f"{options.failures} failures of {len(summary.groups)} causes, {size:,} bytes, {options.rounds} rounds; medians"
    )
    print(f"opened in {seconds:.2f} s, {of_processor:.2f} s of the processor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
