"""``failtale template``: nothing -> a commented failtale.yaml on standard output."""

from __future__ import annotations

import argparse

from FailTaleLibrary.cli.options import Commands
from FailTaleLibrary.config.reference import template_text


def add_command(commands: Commands) -> None:
    template = commands.add_parser("template", help="print a commented failtale.yaml to start from")
    template.set_defaults(run=_run_template)


def _run_template(options: argparse.Namespace) -> int:
    print(template_text(), end="")
    return 0
