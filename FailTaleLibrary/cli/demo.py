"""``failtale demo``: an empty directory -> a small shop on this machine, four failed tests and log.html with cards."""

from __future__ import annotations

import argparse
from pathlib import Path

from FailTaleLibrary.cli.options import Commands, status_1


def add_command(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo",
        help="a small shop on this machine, real failures, log.html with cards",
        epilog=status_1("it did not show what it should; standard error says what"),
    )
    demo.add_argument("directory", nargs="?", type=Path, help="where results go (default: failtale-demo)")
    demo.set_defaults(run=_run_demo)


def _run_demo(options: argparse.Namespace) -> int:
    from FailTaleLibrary.demo import run_demo  # brings Robot Framework, which no other command needs

    return run_demo(options.directory)
