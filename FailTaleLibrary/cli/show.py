"""``failtale show``: an output of Robot Framework or a bundle -> the evidence in it, in one of the output formats."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from FailTaleLibrary.archive import read_bundle, reports_in
from FailTaleLibrary.cli.options import Commands
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering import FORMATS
from FailTaleLibrary.text import count, shorten

MANY = 5
"""Whole reports of more failures than this nobody reads one after the other."""


def add_command(commands: Commands) -> None:
    show = commands.add_parser(
        "show",
        help="print the evidence in an output.xml, an output.json or a bundle",
        description=f"Prints whole reports, or one line a failure where there are more than {MANY}.",
    )
    show.add_argument("path", type=Path, help="output.xml, output.json, or the folder of a bundle")
    show.add_argument("--test", metavar="NAME", help="only failures whose test has this name; * stands for anything")
    show.add_argument("--all", action="store_true", help="whole reports, however many there are")
    show.add_argument("--format", choices=FORMATS, help="default: text")
    show.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")
    show.set_defaults(run=_run_show)


def reports_at(path: Path) -> Iterator[Report | ArchiveError]:
    """All reports in an output file of Robot Framework, or the one of a bundle.

    What a killed run left of its output gives the reports before the tear, then the error.
    """
    if path.is_dir():
        yield read_bundle(path)
        return
    is_output = False
    try:
        for report in reports_in(path):
            is_output = True
            yield report
    except ArchiveError as error:
        if not is_output:
            raise
        yield error


def _run_show(options: argparse.Namespace) -> int:
    found = list(reports_at(options.path))
    unreadable = [each for each in found if isinstance(each, ArchiveError)]
    reports = [each for each in found if isinstance(each, Report)]
    chosen = [each for each in reports if _is_asked_for(each, options.test)]
    for error in unreadable:
        print(f"failtale: {error}", file=sys.stderr)
    if options.format == "json" or (options.format and chosen):
        print(FORMATS[options.format].render_all(chosen))
    elif chosen:
        print(_overview(chosen) if len(chosen) > MANY and not options.all else FORMATS["text"].render_all(chosen))
    else:
        print(_what_there_is(options, reports))
    return 1 if unreadable or (options.test and not chosen) else 0


def _is_asked_for(report: Report, pattern: str | None) -> bool:
    """Whether the test's name, or its long name, fits a pattern in which ``*`` stands for anything."""
    if pattern is None:
        return True
    expression = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.IGNORECASE | re.DOTALL)
    failure = report.failure
    return any(expression.fullmatch(name) for name in (failure.name, f"{failure.suite}.{failure.name}"))


def _overview(reports: Sequence[Report]) -> str:
    """A line for each failure, and how to see more."""
    width = min(40, max(len(report.failure.name) for report in reports))
    lines = [f"{shorten(report.failure.name, 40):<{width}}  {report.analysis.headline}" for report in reports]
    return "\n".join([*lines, f"{count(len(reports), 'failure')}; add '--test NAME' for one report, '--all' for all."])


def _what_there_is(options: argparse.Namespace, reports: Sequence[Report]) -> str:
    if options.test is None or not reports:
        return f"No evidence in '{options.path}'."
    names = list(dict.fromkeys(f"'{report.failure.name}'" for report in reports))
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    listed = f"{', '.join(names[:20])}{more}"
    return f"No evidence for a test '{options.test}' in '{options.path}'; there is evidence for {listed}."
