"""``failtale collect``: a test that has just failed elsewhere -> its evidence, in one of the output formats."""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from FailTaleLibrary.cli.options import (
    Commands,
    configuration,
    status_1,
    told_of,
    variables_of,
    with_config,
    with_variables,
)
from FailTaleLibrary.cli.printing import unfiltered
from FailTaleLibrary.cli.terminal import fits_on_screen, is_terminal, print_report
from FailTaleLibrary.config.types import parse_duration
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.files import write_private_file
from FailTaleLibrary.interrupts import held_back
from FailTaleLibrary.progress import live_line
from FailTaleLibrary.records import Failure, Report
from FailTaleLibrary.rendering import FORMATS
from FailTaleLibrary.run import Run


def add_command(commands: Commands) -> None:
    collect = commands.add_parser(
        "collect",
        parents=[with_config(), with_variables()],
        help="collect evidence now, for a hook of any test framework",
        epilog=status_1("no host answered, or nothing could be collected"),
    )
    collect.add_argument("--test", metavar="NAME", default="On demand", help="name of the test that failed")
    collect.add_argument("--suite", metavar="NAME", default="", help="suite or file that it belongs to")
    collect.add_argument("--message", default="", help="why it failed")
    collect.add_argument(
        "--since",
        default="5 min",
        metavar="WHEN",
        help="when the test began: ISO 8601, seconds since 1970, or a duration ago such as '90 s' (default: 5 min)",
    )
    collect.add_argument("--component", action="append", default=[], metavar="NAME", help="only this one; repeatable")
    collect.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="only this one, with all of its logs, however many hosts there are; repeatable",
    )
    collect.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    collect.add_argument("--output", type=Path, metavar="FILE", help="write the report there instead of printing it")
    collect.add_argument(
        "--all", action="store_true", help="print all of it on a terminal, too, where a summary is printed else"
    )
    collect.add_argument("--bundle", type=Path, metavar="DIR", help="also write a bundle to DIR/failtale")
    collect.set_defaults(run=_run_collect)


def _run_collect(options: argparse.Namespace) -> int:
    with held_back():  # what there is when it is interrupted is printed, too
        return _printed(options)


def _printed(options: argparse.Namespace) -> int:
    run = Run(told_of(configuration(options)))
    try:
        run.variables_from(variables_of(options, run.config).__getitem__)
        failure = _failure_of(options, run)
        with live_line(unfiltered(sys.stderr)) as progress:
            report = run.collect_failure(
                failure,
                components=options.component,
                hosts=options.host,
                output_dir=options.bundle,
                progress=progress,
            )
        text = run.rendered(report, options.format)
        if _is_for_reading(options) and not (options.all or fits_on_screen(text)):
            text = run.brief_text(report, more=_how_to_get_more(options, report))
    finally:
        run.run_ended()
    if options.output is None:
        print_report(text) if _is_for_reading(options) else print(text)
    else:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_private_file(options.output, text)
    return 1 if report.evidence.gaps and not report.evidence.items else 0


def _is_for_reading(options: argparse.Namespace) -> bool:
    """Whether somebody sees it on a terminal; a program that reads a pipe gets all."""
    return options.output is None and options.format == "text" and is_terminal(sys.stdout)


def _how_to_get_more(options: argparse.Namespace, report: Report) -> str:
    if report.bundle is not None:
        return f"All of it: failtale show {report.failure.id[:8]} --in {shlex.quote(str(options.bundle))}"
    return "All of it: the same with '--all', which collects anew; '--bundle DIR' keeps it for 'failtale show'."


def _failure_of(options: argparse.Namespace, run: Run) -> Failure:
    start = moment(options.since, now=datetime.now(timezone.utc))
    return run.failure(options.test, message=options.message, suite=options.suite, scope="test", start=start)


def moment(text: str, *, now: datetime) -> datetime:
    """``2026-11-22T03:12:00Z``, ``1795316400.5`` or ``90 s`` (ago) -> aware UTC. Raises ConfigError with examples."""
    try:
        found = _ago_or_epoch(text, now=now) or datetime.fromisoformat(text.replace("Z", "+00:00"))
        began = found.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"'{text}' is no time; write e.g. '2026-11-22T03:12:00+01:00', '1795316400' or '90 s' (ago)."
        ) from None
    if began > now:
        raise ConfigError(f"'{text}' is still to come ({began:%Y-%m-%d %H:%M:%S} UTC); say when the test began.")
    return began


def _ago_or_epoch(text: str, *, now: datetime) -> datetime | None:
    if text.replace(".", "", 1).isdigit() and float(text) > 1e8:
        return datetime.fromtimestamp(float(text), timezone.utc)
    try:
        return now - timedelta(seconds=parse_duration(text))
    except ValueError:
        return None
