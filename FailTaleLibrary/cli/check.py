"""``failtale check``: the hosts of a configuration -> a line for each that says whether evidence can be had from it."""

from __future__ import annotations

import argparse

from FailTaleLibrary.cli.options import Commands, configuration, with_config
from FailTaleLibrary.run import Run


def add_command(commands: Commands) -> None:
    check = commands.add_parser("check", parents=[with_config()], help="check that every host can be reached")
    check.add_argument("hosts", nargs="*", metavar="HOST", help="only these (default: all)")
    check.set_defaults(run=_run_check)


def _run_check(options: argparse.Namespace) -> int:
    run = Run(configuration(options))
    try:
        verdicts, notes = run.check_hosts(options.hosts), run.notes
    finally:
        run.run_ended()
    width = max(map(len, verdicts), default=0)
    for host, verdict in verdicts.items():
        print(f"{host:{width}}  {verdict or 'answers'}")
    for note in notes:
        print(f"note: {note}")
    return 1 if any(verdicts.values()) else 0
