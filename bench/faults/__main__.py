"""Faults in real services: whether the cause is collected, and at which place it stands, beside tail and grep.

    python -m bench.faults [--only REGEX] [--half design | blind] [--keep DIR | --again DIR] [--unblind]

Starts nginx, a small shop, PostgreSQL and Redis on three loopback hosts, each with a real sshd, and lets other
customers and daily errors make their noise. Then, for each fault: a run begins, in half of them two tests pass, a
window begins, the damage is done, a test fails, the run collects over SSH, the damage is undone. Tests that fail by
their own mistake follow, alone and beside another test that meets a fault. What is compared sees the same lines: those
of the logs in the window, of all hosts in order of time.

Faults are of a design half or of a blind half, and the figures of both are told apart. What the blind half shows line
by line is printed with ``--unblind`` only: whoever has read it may not mend the ranking by it and call it blind.

``--keep DIR`` keeps the bundles, which `bench/hints.py DIR/*/` reads. ``--again DIR`` ranks such bundles anew, without
starting anything.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import re
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from bench.faults.client import FailedError  # noqa: E402
from bench.faults.faults import FAULTS, Fault  # noqa: E402
from bench.faults.mistakes import MISTAKES, PARALLEL  # noqa: E402
from bench.faults.noise import noise  # noqa: E402
from bench.faults.results import Played, tables  # noqa: E402
from bench.faults.services import Site  # noqa: E402
from FailTaleLibrary.archive import read_bundle  # noqa: E402
from FailTaleLibrary.ranking import History, RunTest  # noqa: E402
from FailTaleLibrary.records import Failure, KeywordStep, Window, our_words  # noqa: E402
from FailTaleLibrary.run import Run  # noqa: E402

PASSING = ("Shop Should Be Up", "Price Of A Mug")
"""Tests that pass before, where the fault's test is not the first of its run."""
_PASSED = "passed.json"
"""In a directory of bundles: fault -> start and end of each test that passed before."""

Windows = list[tuple[datetime, datetime]]


# --- Playing the faults ----------------------------------------------------------------------------------------------


def play(site: Site, fault: Fault, bundles: Path) -> Played | None:
    """One fault from the window's start to the report; None when its test passed. Afterwards the site is well again."""
    run = Run(site.config(bundles), environ={})
    try:
        run.check_hosts()  # as at a run's start; opens the connections
        passed = [] if fault.comes_first else list(_passing_tests(run, site))
        with contextlib.ExitStack() as damage:
            if fault.lead_s:
                damage.enter_context(fault.damage(site))
                time.sleep(fault.lead_s)
            start = _now()
            run.test_began()
            time.sleep(0.4)  # the test's first steps
            if not fault.lead_s:
                damage.enter_context(fault.damage(site))
            with _meanwhile(fault, site):
                failure = _failure(fault, site, start)
            report = run.collect_failure(failure, output_dir=bundles) if failure else None
        site.wait_until_well()
    finally:
        run.run_ended()
    if report is None:
        return None
    _keep_passed(bundles, fault, passed)
    return Played(fault, report, _history(passed))


def _passing_tests(run: Run, site: Site) -> Iterator[tuple[datetime, datetime]]:
    for name in PASSING:
        began = _now()
        run.test_began()
        site.client.json("GET", "/health")
        site.client.json("GET", "/prices/mug")
        time.sleep(0.8)
        run.test_passed(name)
        run.test_ended()
        yield began, _now()


@contextlib.contextmanager
def _meanwhile(fault: Fault, site: Site) -> Iterator[None]:
    """The other process's test, which begins first and fails."""
    if fault.meanwhile is None:
        yield
        return

    def check() -> None:
        with contextlib.suppress(FailedError):
            assert fault.meanwhile is not None
            fault.meanwhile(site.client)

    other = threading.Thread(target=check)
    other.start()
    other.join(0.5)
    yield
    other.join()


def _failure(fault: Fault, site: Site, start: datetime) -> Failure | None:
    began = _now()
    try:
        fault.check(site.client)
    except FailedError as failed:
        step = KeywordStep(
            name=our_words("{}", fault.keyword), arguments=fault.arguments, status="FAIL", started_at=began
        )
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


# --- What the run had seen before ------------------------------------------------------------------------------------


def _history(passed: Windows) -> History:
    history = History()
    for name, (start, end) in zip(PASSING, passed, strict=False):
        history = history.with_test(RunTest(our_words("{}", name), Window(start=start, end=end), has_passed=True))
    return history


def _keep_passed(bundles: Path, fault: Fault, passed: Windows) -> None:
    path = bundles / _PASSED
    known = json.loads(path.read_text()) if path.exists() else {}
    known[fault.name] = [[start.isoformat(), end.isoformat()] for start, end in passed]
    path.write_text(json.dumps(known))


def _kept_passed(bundles: Path) -> dict[str, Windows]:
    path = bundles / _PASSED
    known = json.loads(path.read_text()) if path.exists() else {}
    read = datetime.fromisoformat
    return {name: [(read(start), read(end)) for start, end in windows] for name, windows in known.items()}


# --- Measuring -------------------------------------------------------------------------------------------------------


def played_again(faults: Sequence[Fault], bundles: Path) -> list[Played]:
    """The reports of an earlier run that kept them; a report bears its fault's name as a tag."""
    reports = (read_bundle(path) for path in bundles.iterdir() if path.is_dir())
    named = {report.failure.tags[0]: report for report in reports}
    passed = _kept_passed(bundles)
    return [
        Played(fault, named[fault.name], _history(passed.get(fault.name, [])))
        for fault in faults
        if fault.name in named
    ]


def _measured(faults: Sequence[Fault], keep: Path | None) -> list[Played]:
    with tempfile.TemporaryDirectory(prefix="failtale-faults-", ignore_cleanup_errors=True) as name:
        directory = Path(name).resolve()
        directory.chmod(0o711)
        bundles = keep.resolve() if keep else directory / "bundles"
        bundles.mkdir(parents=True, exist_ok=True)
        return measure(faults, directory, bundles)


def measure(faults: Sequence[Fault], directory: Path, bundles: Path) -> list[Played]:
    """Plays the faults one after the other on one site."""
    site = Site(directory)
    with site.running(), noise(site):
        site.wait_until_well()
        played = []
        for fault in faults:
            time.sleep(1.0)  # noise ahead of the window
            print(f"{fault.name} …", file=sys.stderr, flush=True)
            if (each := play(site, fault, bundles)) is not None:
                played.append(each)
            else:
                print(f"'{fault.name}' did no harm: its test passed, so it is not counted.\n", flush=True)
        return played


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="REGEX", help="faults whose name matches")
    parser.add_argument("--half", choices=("design", "blind"), help="one half only; default: both")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where bundles stay; default: nowhere")
    parser.add_argument("--again", type=Path, metavar="DIR", help="rank the bundles of an earlier run anew")
    parser.add_argument("--unblind", action="store_true", help="print the blind half line by line as well")
    options = parser.parse_args()
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    halves = (options.half == "blind",) if options.half else (False, True)
    faults = [
        fault
        for fault in (*FAULTS, *MISTAKES, *PARALLEL)
        if re.search(options.only, fault.name) and fault.is_blind in halves
    ]
    began = time.monotonic()
    played = played_again(faults, options.again) if options.again else _measured(faults, options.keep)
    if not played:
        parser.error(f"There is no fault whose name matches '{options.only}'.")
    print("\n".join([*tables(played, unblind=options.unblind), f"\nTook {time.monotonic() - began:.0f} s."]))


if __name__ == "__main__":
    main()
