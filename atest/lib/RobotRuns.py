"""Runs Robot Framework on the inner suites, in processes of their own, and reads back what they left.

A `Run` is what a test looks at: `${run.status}`, `${run.told}`, `${run.reports}` …
"""

from __future__ import annotations

import base64
import fnmatch
import html
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from robot.api import ExecutionResult, logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

ROOT = Path(__file__).resolve().parents[2]
INNER = ROOT / "atest" / "_inner"
SOURCES = (ROOT, ROOT / "listeners", ROOT / "resources")
sys.path[:0] = [str(path) for path in SOURCES]

from FailTaleLibrary.archive import reports_in  # noqa: E402 - from this checkout, whatever is installed
from FailTaleLibrary.records import Gap, Item, Report  # noqa: E402
from FailTaleLibrary.rendering import is_card  # noqa: E402

TIME_LIMIT_S = 600
OURS = ("FAILTALE_CONFIG", "ROBOT_OPTIONS", "REBOT_OPTIONS", "ROBOT_SYSLOG_FILE")
"""Variables that would change an inner run from outside."""
_COMMAND = "import sys; from FailTaleLibrary.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Run:
    """What one process left."""

    directory: Path
    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> Path:
        """Its output.xml, or its output.json."""
        return next(path for path in sorted(self.directory.glob("output.*"), reverse=True))

    @property
    def log(self) -> Path:
        return self.directory / "log.html"

    @property
    def bundles(self) -> list[Path]:
        return sorted(manifest.parent for manifest in (self.directory / "failtale").glob("*/manifest.json"))

    @cached_property
    def result(self) -> Any:
        """Robot's own model of the output."""
        return ExecutionResult(self.output)

    @cached_property
    def reports(self) -> list[Report]:
        """The reports in the output, in order; a damaged one is an error."""
        reports = []
        for report in reports_in(self.output):
            if isinstance(report, Exception):
                raise report
            reports.append(report)
        return reports

    @property
    def told(self) -> list[str]:
        """Names of the failures that were told, in order."""
        return [report.failure.name for report in self.reports]

    @property
    def outcomes(self) -> list[str]:
        """Every test's long name, status and message."""
        return [f"{test.full_name} | {test.status} | {test.message}" for test in _tests(self.result.suite)]


@library(scope="GLOBAL", auto_keywords=False)
class RobotRuns:
    """Keywords that run Robot and check what came of it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    @keyword(tags=["run"])
    def new_run_directory(self) -> Path:
        """Returns a fresh directory in the output directory, for one inner run."""
        suite = str(BuiltIn().get_variable_value("${SUITE NAME}")).rpartition(".")[2].lower().replace(" ", "-")
        directory = Path(str(BuiltIn().get_variable_value("${OUTPUT DIR}"))) / "runs" / f"{suite}-{next(self._numbers)}"
        directory.mkdir(parents=True)
        return directory

    @keyword(tags=["run"])
    def run_robot(self, *arguments: str, directory: Path | None = None, **environment: str) -> Run:
        """Runs ``robot`` in the folder of the inner suites; free named arguments are environment variables."""
        return self._run("robot", arguments, directory or self.new_run_directory(), environment)

    @keyword(tags=["run"])
    def run_robot_there(self, python: Path, directory: Path, *arguments: str) -> Run:
        """Runs ``robot`` with another environment's Python, which knows nothing of this checkout."""
        began = time.monotonic()
        command = [str(python), "-m", "robot", "--outputdir", str(directory), *arguments]
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "RUN": str(directory), "CONFIG": "local.yaml"}
        return _ended(_process(command, INNER, environment), directory, began)

    @keyword(tags=["run"])
    def run_pabot(self, *arguments: str, **environment: str) -> Run:
        """Runs ``pabot`` with two processes, as `Run Robot` does."""
        directory = self.new_run_directory()  # pabot leaves files where it is started
        return self._run("pabot.pabot", ("--processes", "2", *arguments), directory, environment, cwd=directory)

    @keyword(tags=["run"])
    def run_rebot(self, *arguments: str | Path) -> Run:
        """Runs ``rebot``, as `Run Robot` does."""
        return self._run("robot.rebot", tuple(map(str, arguments)), self.new_run_directory(), {})

    @keyword(tags=["run"])
    def run_robot_until_interrupted(self, *arguments: str, after: str, **environment: str) -> Run:
        """Runs ``robot`` and presses Ctrl-C as soon as there is a file ``after`` in the run's directory."""
        directory = self.new_run_directory()
        process = _start("robot", arguments, directory, environment)
        _wait_for(directory / after, process)
        process.send_signal(signal.SIGINT)
        return _ended(process, directory, time.monotonic())

    @keyword(tags=["run"])
    def run_failtale(self, *arguments: str | Path) -> Run:
        """Runs the ``failtale`` command."""
        directory, began = self.new_run_directory(), time.monotonic()
        command = [sys.executable, "-c", _COMMAND, *map(str, arguments)]
        return _ended(_process(command, INNER, _surroundings(directory)), directory, began)

    def _run(
        self,
        module: str,
        arguments: tuple[str, ...],
        directory: Path,
        environment: dict[str, str],
        cwd: Path = INNER,
    ) -> Run:
        began = time.monotonic()
        return _ended(_start(module, arguments, directory, environment, cwd), directory, began)

    # --- What came of it ---------------------------------------------------------------------------------------------

    @keyword(tags=["check"])
    def told_should_be(self, run: Run, *names: str) -> None:
        """Fails unless exactly these failures were told, in this order."""
        if run.told != list(names):
            raise AssertionError(f"Told were {run.told}, not {list(names)}.\n{run.stderr}")

    @keyword(tags=["check"])
    def tests_should_end_as_documented(self, run: Run) -> None:
        """Fails unless each inner test ended as the first line of its documentation says: ``FAIL: message pattern``."""
        wrong = [
            f"{test.name}: {test.status}: {test.message}" for test in _tests(run.result.suite) if not _as_said(test)
        ]
        if wrong or not run.outcomes:
            raise AssertionError("\n".join(["These did not end as documented:", *wrong, run.stderr]))

    @keyword(tags=["check"])
    def report_of(self, run: Run, name: str) -> Report:
        """Returns the one report of a failure."""
        found = [report for report in run.reports if report.failure.name == name]
        if len(found) != 1:
            raise AssertionError(f"'{name}' was told {len(found)} times; told were {run.told}.\n{run.stderr}")
        return found[0]

    @keyword(tags=["check"])
    def item_of(self, report: Report, item_id: str) -> Item:
        """Returns an item of a report by ``host/collector``."""
        item = report.evidence.item(item_id)
        if item is None:
            raise AssertionError(f"There is no item '{item_id}' in {_listed(report)}")
        return item

    @keyword(tags=["check"])
    def gap_of(self, report: Report, host: str, collector: str | None = None) -> Gap:
        """Returns the one gap of a host, or of one of its collectors."""
        gaps = [gap for gap in report.evidence.gaps if (gap.host, gap.collector) == (host, collector)]
        if len(gaps) != 1:
            raise AssertionError(f"There are {len(gaps)} gaps of '{host}/{collector}' in {_listed(report)}")
        return gaps[0]

    @keyword(tags=["check"])
    def cards_in_test(self, run: Run, name: str) -> list[str]:
        """Returns the cards that stand directly in a test."""
        test = next(test for test in _tests(run.result.suite) if test.name == name)
        return self.cards_in_keyword(test)

    @keyword(tags=["check"])
    def cards_in_keyword(self, item: Any) -> list[str]:
        """Returns the cards that stand directly in a keyword or a test."""
        return [each.message for each in item.body if each.type == "MESSAGE" and each.html and is_card(each.message)]

    @keyword(tags=["check"])
    def card_text(self, run: Run, name: str) -> str:
        """Returns the text of a test's one card, without its markup."""
        (card,) = self.cards_in_test(run, name)
        return html.unescape(re.sub(r"<[^>]*>", " ", card))

    @keyword(tags=["check"])
    def line_number_of(self, inner: str, text: str) -> int:
        """Returns the number of the only line with this text in an inner suite."""
        lines = (INNER / inner).read_text(encoding="utf-8").splitlines()
        (number,) = [number for number, line in enumerate(lines, 1) if text in line]
        return number

    @keyword(tags=["check"])
    def files_should_be(self, run: Run, *names: str) -> None:
        """Fails unless the run left exactly these files beside the product's logs."""
        left = sorted(path.name for path in run.directory.iterdir() if path.suffix != ".log")
        if left != sorted(names):
            raise AssertionError(f"The run left {left}, not {sorted(names)}.")

    @keyword(tags=["check"])
    def nothing_should_hold(self, *places: Any, secret: str) -> None:
        """Fails when one of these (a file, a folder, a report) holds a secret: plain or in any other writing."""
        writings = _written(secret)
        found = [str(place)[:200] for place in places for text in _texts(place) for each in writings if each in text]
        if found:
            raise AssertionError("The secret is in:\n" + "\n".join(found))

    @keyword(tags=["check"])
    def modes_below(self, folder: Path) -> tuple[set[int], set[int]]:
        """Returns the modes of all folders and of all files in a folder."""
        modes = [(path.is_dir(), path.stat().st_mode & 0o777) for path in folder.rglob("*")]
        return {mode for is_folder, mode in modes if is_folder}, {mode for is_folder, mode in modes if not is_folder}


def _start(
    module: str, arguments: tuple[str, ...], directory: Path, environment: dict[str, str], cwd: Path = INNER
) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, "--outputdir", str(directory), *arguments]
    return _process(command, cwd, {**_surroundings(directory), **environment})


def _surroundings(directory: Path) -> dict[str, str]:
    """The environment of a run: ours, this checkout and its programs first."""
    outside = {name: value for name, value in os.environ.items() if name not in OURS}
    runtime = directory.with_name(f"{directory.name}-runtime")
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        **outside,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), outside["PATH"]]),  # pabot starts `robot` by name
        "PYTHONPATH": os.pathsep.join([*map(str, SOURCES), *filter(None, [outside.get("PYTHONPATH")])]),
        "RUN": str(directory),
        "XDG_RUNTIME_DIR": str(runtime),  # where runs find each other; nobody else's
    }


def _process(command: list[str], cwd: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _ended(process: subprocess.Popen[str], directory: Path, began: float) -> Run:
    try:
        stdout, stderr = process.communicate(timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    run = Run(directory, process.returncode, stdout, stderr, time.monotonic() - began)
    logger.info(f"{run.seconds:.1f} s, status {run.status}: {process.args}\n{stdout}\n{stderr}")
    if run.log.exists():
        logger.info(f'<a href="{run.log.as_uri()}">{run.log}</a>', html=True)
    return run


def _wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + TIME_LIMIT_S
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"The run ended without '{path}'.")
        time.sleep(0.02)


def _tests(suite: Any) -> Iterator[Any]:
    yield from suite.tests
    for child in suite.suites:
        yield from _tests(child)


def _texts(place: Any) -> Iterator[str]:
    """All that is written in a place."""
    if isinstance(place, Report):
        yield place.model_dump_json()
    elif place.is_dir():
        for path in place.rglob("*"):
            yield from _texts(path)
    else:
        yield place.read_text(encoding="utf-8")


def _written(secret: str) -> set[str]:
    """The writings of a secret: as it is, in a URL, in base64, in JSON, in HTML."""
    encoded = base64.b64encode(secret.encode()).decode()
    escaped = {html.escape(secret), html.escape(secret, quote=False)}
    return {secret, quote(secret, safe=""), encoded.rstrip("="), json.dumps(secret)[1:-1], *escaped}


def _as_said(test: Any) -> bool:
    said, _, pattern = test.doc.splitlines()[0].partition(": ")
    return bool(said.strip() == test.status and fnmatch.fnmatchcase(test.message, pattern or "*"))


def _listed(report: Report) -> str:
    items = [f"{item.id} ({item.status})" for item in report.evidence.items]
    gaps = [f"{gap.host}/{gap.collector}: {gap.reason}: {gap.detail}" for gap in report.evidence.gaps]
    return "\n".join([f"'{report.failure.name}':", *items, *gaps])
