"""``failtale show``: an output of Robot Framework or a bundle -> the evidence in it, in one of the output formats."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from FailTaleLibrary.archive import read_bundle, reports_in
from FailTaleLibrary.cli.options import Commands
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering import FORMATS


def add_command(commands: Commands) -> None:
    show = commands.add_parser("show", help="print the evidence in an output.xml, an output.json or a bundle")
    show.add_argument("path", type=Path, help="output.xml, output.json, or the folder of a bundle")
    show.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    show.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")
    show.add_argument("--test", metavar="NAME", help="only failures whose test has this name")
    show.set_defaults(run=_show)


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


def _show(options: argparse.Namespace) -> int:
    reports, damaged = [], 0
    for report in reports_at(options.path):
        if isinstance(report, ArchiveError):
            damaged += 1
            print(f"failtale: {report}", file=sys.stderr)
        elif options.test in (None, report.failure.name):
            reports.append(report)
    if reports or options.format == "json":
        print(FORMATS[options.format].render_all(reports))
    else:
        print(f"No evidence in '{options.path}'.")
    return 1 if damaged else 0
