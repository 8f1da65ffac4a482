"""``failtale schema``: nothing -> the JSON Schema of failtale.yaml, for editors that complete and check it."""

from __future__ import annotations

import argparse
import json

from FailTaleLibrary.cli.options import Commands


def add_command(commands: Commands) -> None:
    schema = commands.add_parser("schema", help="print the JSON Schema of failtale.yaml, for editors")
    schema.set_defaults(run=_run_schema)


def _run_schema(options: argparse.Namespace) -> int:
    from FailTaleLibrary.config.json_schema import configuration_schema  # reads all presets

    print(json.dumps(configuration_schema(), ensure_ascii=False, indent=2))
    return 0
