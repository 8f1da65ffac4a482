"""``failtale presets``: a preset's name, or none -> what it collects and with which options, or the list of all."""

from __future__ import annotations

import argparse

from FailTaleLibrary.cli.options import Commands
from FailTaleLibrary.config import describe_presets
from FailTaleLibrary.config.reference import preset_markdown
from FailTaleLibrary.errors import ConfigError


def add_command(commands: Commands) -> None:
    presets = commands.add_parser("presets", help="list the presets, or explain one")
    presets.add_argument("name", nargs="?", help="preset to explain")
    presets.set_defaults(run=_run_presets)


def _run_presets(options: argparse.Namespace) -> int:
    presets = describe_presets()
    chosen = [preset for preset in presets if options.name in (None, preset.name)]
    if not chosen:
        known = ", ".join(preset.name for preset in presets)
        raise ConfigError(f"There is no preset '{options.name}'; there are: {known}.")
    if options.name is None:
        width = max(len(preset.usage) for preset in chosen)
        print("\n".join(f"{preset.usage:{width}}  {preset.description}" for preset in chosen))
    else:
        print(preset_markdown(chosen[0]))
    return 0
