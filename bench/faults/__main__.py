"""Faults in real services: whether the cause is collected, and at which place it stands, beside tail and grep.

    python -m bench.faults [--only REGEX] [--keep DIR | --again DIR]

Starts nginx, a small shop, PostgreSQL and Redis on three loopback hosts, each with a real sshd, and lets other
customers and daily errors make their noise. Then, for each fault of `faults.py`: a window begins, the damage is done, a
test fails, an Investigator that has seen nothing before collects over SSH, the damage is undone. What is compared sees
the same lines: those of the logs in the window, of all hosts in order of time.

``--keep DIR`` keeps the bundles, which `bench/hints.py DIR/*/` reads. ``--again DIR`` ranks such bundles anew, without
starting anything.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from bench.faults import changes, standing  # noqa: E402, F401 - they add to FAULTS
from bench.faults.client import FailedError  # noqa: E402
from bench.faults.faults import FAULTS, Fault  # noqa: E402
from bench.faults.mistakes import MISTAKES  # noqa: E402
from bench.faults.noise import noise  # noqa: E402
from bench.faults.services import Site  # noqa: E402
from FailTaleLibrary.archive import read_bundle  # noqa: E402
from FailTaleLibrary.ranking import History, rank  # noqa: E402
from FailTaleLibrary.records import Failure, Item, KeywordStep, Report, Window  # noqa: E402
from FailTaleLibrary.run import Run  # noqa: E402
from FailTaleLibrary.timestamps import parse  # noqa: E402

AT = (1, 3, 5)
_NOTHING_SEEN = History()
_ERROR = re.compile("error", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line or a suspect, and where it comes from."""

    host: str
    collector: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """A fault and the report of the failure that it made."""

    fault: Fault
    report: Report

    @property
    def is_collected(self) -> bool:
        return any(self.is_cause(line) for item in self.report.evidence.items for line in _all_lines(item))

    def is_cause(self, line: Line) -> bool:
        return any(cause.is_told_by(line.host, line.collector, line.text) for cause in self.fault.causes)

    def place(self, lines: Sequence[Line]) -> int | None:
        """Place of the first line that tells the cause, from 1."""
        return next((place for place, line in enumerate(lines, 1) if self.is_cause(line)), None)


def _all_lines(item: Item) -> list[Line]:
    texts = (*item.lines, *item.changes, *item.stderr.splitlines())
    return [Line(item.host, item.collector, text) for text in texts]


# --- Playing the faults ----------------------------------------------------------------------------------------------


def play(site: Site, fault: Fault, bundles: Path) -> Told | None:
    """One fault from the window's start to the report; None when its test passed. Afterwards the site is well again."""
    run = Run(site.config(bundles), environ={})
    try:
        run.check_hosts()  # as at a run's start; opens the connections
        with contextlib.ExitStack() as damage:
            if fault.lead_s:
                damage.enter_context(fault.damage(site))
                time.sleep(fault.lead_s)
            start = _now()
            run.test_began()
            time.sleep(0.4)  # the test's first steps
            if not fault.lead_s:
                damage.enter_context(fault.damage(site))
            failure = _failure(fault, site, start)
            report = run.collect_failure(failure, output_dir=bundles) if failure else None
        site.wait_until_well()
    finally:
        run.run_ended()
    return Told(fault, report) if report else None


def _failure(fault: Fault, site: Site, start: datetime) -> Failure | None:
    began = _now()
    try:
        fault.check(site.client)
    except FailedError as failed:
        step = KeywordStep(name=fault.keyword, arguments=fault.arguments, status="FAIL", started_at=began)
        return Failure(
            id=uuid.uuid4().hex,
            name=fault.keyword,
            suite="Shop",
            tags=(fault.name,),
            message=str(failed),
            window=Window(start=start, end=_now()),
            keyword_path=(step,),
            keywords=(step,),
        )
    return None


def _now() -> datetime:
    return datetime.now(timezone.utc)


# --- Methods ---------------------------------------------------------------------------------------------------------


def merged(report: Report) -> list[Line]:
    """The log lines of all hosts in order of time; a line without a time goes with the line above."""
    timed: list[tuple[datetime, Line]] = []
    for item in report.evidence.items:
        at = report.failure.window.start
        for line in item.lines if item.kind != "command" else ():
            at = parse(line, utc_offset_s=0, near=report.failure.window.end) or at
            timed.append((at, Line(item.host, item.collector, line)))
    return [line for _, line in sorted(timed, key=lambda each: each[0])]


def _errors(report: Report) -> list[Line]:
    return [line for line in merged(report) if _ERROR.search(line.text)]


def suspects(report: Report, history: History = _NOTHING_SEEN) -> list[Line]:
    analysis = rank(report.failure, report.evidence, history=history)
    return [Line(suspect.host, suspect.collector, suspect.text) for suspect in analysis.suspects]


def orders(told: Sequence[Told]) -> dict[str, list[list[Line]]]:
    """What each method shows for each fault, best first."""
    methods: dict[str, Callable[[Report], list[Line]]] = {
        "tail": lambda report: merged(report)[::-1],
        "grep -i error, last": lambda report: _errors(report)[::-1],
        "grep -i error, first": _errors,
        "FailTale": suspects,
    }
    shown = {name: [method(each.report) for each in told] for name, method in methods.items()}
    return {**shown, "FailTale, as one run": list(_as_one_run([each.report for each in told]))}


def _as_one_run(reports: Sequence[Report]) -> Iterator[list[Line]]:
    history = History()
    for report in reports:
        yield suspects(report, history)
        history = history.with_report(report)


# --- Tables ----------------------------------------------------------------------------------------------------------


def fault_table(told: Sequence[Told]) -> Iterator[str]:
    """The cause's place by each method, fault by fault, and what FailTale puts first."""
    shown = orders(told)
    yield "| fault | lines | collected | " + " | ".join(shown) + " | first suspect |"
    yield "| --- |" + " --- |" * (len(shown) + 3)
    for number, each in enumerate(told):
        places = [each.place(lines[number]) for lines in shown.values()]
        first = next(iter(shown["FailTale"][number]), None)
        yield " | ".join(
            [
                f"| {each.fault.name}",
                str(len(merged(each.report))),
                "yes" if each.is_collected else "no",
                *("-" if place is None else str(place) for place in places),
                f"{first.host}/{first.collector}: {first.text[:90].replace('|', '/')} |" if first else "none |",
            ]
        )


def total_table(told: Sequence[Told]) -> Iterator[str]:
    """How many causes are among the first lines of each method."""
    yield "| method | " + " | ".join(f"hit@{k}" for k in AT) + " |"
    yield "| --- |" + " --- |" * len(AT)
    for name, shown in orders(told).items():
        places = [each.place(lines) for each, lines in zip(told, shown, strict=True)]
        hits = [sum(place is not None and place <= k for place in places) for k in AT]
        yield f"| {name} | " + " | ".join(f"{hit} ({hit / len(told):.2f})" for hit in hits) + " |"
    yield f"\nCause collected: {sum(each.is_collected for each in told)} of {len(told)}."


def headline_table(told: Sequence[Told]) -> Iterator[str]:
    """Of each kind of failure: how many headlines name the cause, name something else, or name nothing."""
    kinds = {
        "faults in the test": [each for each in told if not each.fault.lead_s and not each.fault.is_mistake],
        "faults that stood before it": [each for each in told if each.fault.lead_s],
        "mistakes of the test": [each for each in told if each.fault.is_mistake],
    }
    yield "| headlines | failures | right | another line | silent | silent with the cause first |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, those in kinds.items():
        verdicts = [verdict(each) for each in those]
        yield f"| {name} | {len(those)} | " + " | ".join(str(verdicts.count(each)) for each in VERDICTS) + " |"


VERDICTS = ("right", "another line", "silent", "silent, cause first")


def verdict(told: Told) -> str:
    """What the headline says, judged by the labels; ``another line`` may be a consequence of the cause, or noise."""
    analysis = rank(told.report.failure, told.report.evidence, history=_NOTHING_SEEN)
    first = next(iter(analysis.suspects), None)
    names_cause = first is not None and told.is_cause(Line(first.host, first.collector, first.text))
    if analysis.headline.startswith(SILENT):
        return "silent, cause first" if names_cause else "silent"
    return "right" if names_cause else "another line"


SILENT = "No strong suspect"


def _again(faults: Sequence[Fault], bundles: Path) -> list[Told]:
    """The reports of an earlier run that kept them; a report bears its fault's name as a tag."""
    reports = (read_bundle(path) for path in bundles.iterdir() if path.is_dir())
    named = {report.failure.tags[0]: report for report in reports}
    return [Told(fault, named[fault.name]) for fault in faults if fault.name in named]


def _measured(faults: Sequence[Fault], keep: Path | None) -> list[Told]:
    with tempfile.TemporaryDirectory(prefix="failtale-faults-", ignore_cleanup_errors=True) as name:
        directory = Path(name).resolve()
        directory.chmod(0o711)
        return measure(faults, directory, keep.resolve() if keep else directory / "bundles")


def measure(faults: Sequence[Fault], directory: Path, bundles: Path) -> list[Told]:
    """Plays the faults one after the other on one site."""
    site = Site(directory)
    with site.running(), noise(site):
        site.wait_until_well()
        told = []
        for fault in faults:
            time.sleep(1.0)  # noise ahead of the window
            print(f"{fault.name} …", file=sys.stderr, flush=True)
            if (each := play(site, fault, bundles)) is not None:
                told.append(each)
            else:
                print(f"'{fault.name}' did no harm: its test passed, so it is not counted.\n", flush=True)
        return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="REGEX", help="faults whose name matches")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where bundles stay; default: nowhere")
    parser.add_argument("--again", type=Path, metavar="DIR", help="rank the bundles of an earlier run anew")
    options = parser.parse_args()
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    faults = [fault for fault in (*FAULTS, *MISTAKES) if re.search(options.only, fault.name)]
    began = time.monotonic()
    told = _again(faults, options.again) if options.again else _measured(faults, options.keep)
    if not told:
        parser.error(f"There is no fault whose name matches '{options.only}'.")
    faulty = [each for each in told if not each.fault.is_mistake]
    tables = [*fault_table(told), "", *total_table(faulty), "", *headline_table(told)]
    print("\n".join([*tables, f"\nTook {time.monotonic() - began:.0f} s."]))


if __name__ == "__main__":
    main()
