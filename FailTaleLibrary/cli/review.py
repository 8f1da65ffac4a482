"""``failtale review``: the files that a Cucumber suite writes for a failed scenario -> what broke, as text.

It takes the place of the command that the original FailTale's users name in ``AI_TEST_REVIEWER_CMD``: the suite sets
CONFIG_PATH, TEST_REPORT_PATH, TEST_FAILURE_PATH and SCREENSHOT_PATH, and shows what is printed. Options do the same.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from FailTaleLibrary.cli.collect import moment
from FailTaleLibrary.cli.options import Commands, status_1, told_of
from FailTaleLibrary.cli.printing import unfiltered
from FailTaleLibrary.config import Config, config_path, load_config
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.files import read_regular
from FailTaleLibrary.interrupts import held_back
from FailTaleLibrary.progress import live_line
from FailTaleLibrary.records import Failure, Report
from FailTaleLibrary.run import Run
from FailTaleLibrary.scenario import Scenario, scenario_of
from FailTaleLibrary.text import decode

_MAX_BYTES = 1024 * 1024
"""Of a report: a scenario's steps and a stack trace are some kilobytes."""
_FILES = {"config": "CONFIG_PATH", "report": "TEST_REPORT_PATH", "failure": "TEST_FAILURE_PATH"}


def add_command(commands: Commands) -> None:
    review = commands.add_parser(
        "review",
        help="say what broke a Cucumber scenario, from the files that its suite wrote (the original's interface)",
        epilog=status_1("no host answered, or nothing could be collected"),
    )
    review.add_argument("-c", "--config", metavar="FILE", help="failtale.yaml or the original's (default: CONFIG_PATH)")
    review.add_argument("-r", "--report", metavar="FILE", help="the scenario: name, tags, steps (TEST_REPORT_PATH)")
    review.add_argument("-f", "--failure", metavar="FILE", help="why it failed (TEST_FAILURE_PATH)")
    review.add_argument("--screenshot", metavar="FILE", help="is named in the answer (SCREENSHOT_PATH)")
    review.add_argument("--since", default="10 min", metavar="WHEN", help="when it began, as for collect (10 min)")
    review.add_argument("--bundle", type=Path, metavar="DIR", help="also write a bundle to DIR/failtale")
    review.set_defaults(run=_run_review)


def _run_review(options: argparse.Namespace) -> int:
    config = _configuration(options, os.environ)
    scenario = scenario_of(_text(options, "report", os.environ))
    message = _text(options, "failure", os.environ).strip()
    screenshot = options.screenshot or os.environ.get("SCREENSHOT_PATH")
    with held_back():
        run = Run(config)
        try:
            with live_line(unfiltered(sys.stderr)) as progress:
                report = run.collect_failure(
                    _failure(run, scenario, message, since=options.since), output_dir=options.bundle, progress=progress
                )
            if config.analysis.model is not None:
                report = run.with_hint(report)
            print(f"{scenario.name}\n{run.brief_text(report, more=_rest(report, screenshot))}", end="")
        finally:
            run.run_ended()
    return 1 if report.evidence.gaps and not report.evidence.items else 0


def _configuration(options: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    path = options.config or environ.get(_FILES["config"]) or config_path(None, environ)
    if not path:
        raise ConfigError(f"No configuration; write '--config FILE' or set {_FILES['config']}.")
    return told_of(load_config(path))


def _text(options: argparse.Namespace, name: str, environ: Mapping[str, str]) -> str:
    path = getattr(options, name) or environ.get(_FILES[name])
    if not path:
        raise ConfigError(f"The {name} of the test is not named; write '--{name} FILE' or set {_FILES[name]}.")
    try:
        return decode(read_regular(Path(path), max_bytes=_MAX_BYTES))
    except ValueError as error:
        raise ConfigError(f"'{path}' {error}") from error


def _failure(run: Run, scenario: Scenario, message: str, *, since: str) -> Failure:
    return run.failure(
        scenario.name,
        message=message,
        suite=scenario.feature,
        source=scenario.source,
        line=scenario.line,
        tags=scenario.tags,
        framework="cucumber",
        scope="test",
        start=moment(since, now=datetime.now(timezone.utc)),
    )


def _rest(report: Report, screenshot: str | None) -> str:
    """Where to look further."""
    seen = [f"Screenshot: {screenshot}"] if screenshot else []
    kept = [f"All of it: failtale show {report.bundle}"] if report.bundle is not None else []
    return "\n".join([*seen, *kept]) or "All of it: the same with '--bundle DIR', then 'failtale show'."
