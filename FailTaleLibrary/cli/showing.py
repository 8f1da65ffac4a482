"""Commands that need no configuration: demo, template, presets."""

from __future__ import annotations

import argparse
from pathlib import Path

from FailTaleLibrary.errors import ConfigError


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``demo``, ``template`` and ``presets``."""
    demo = commands.add_parser("demo", help="a small shop on this machine, real failures, log.html with cards")
    demo.add_argument("directory", nargs="?", type=Path, help="where results go (default: failtale-demo)")
    demo.set_defaults(run=_demo)
    template = commands.add_parser("template", help="print a commented failtale.yaml to start from")
    template.set_defaults(run=_template)
    presets = commands.add_parser("presets", help="list the presets, or explain one")
    presets.add_argument("name", nargs="?", help="preset to explain")
    presets.set_defaults(run=_presets)


def _demo(options: argparse.Namespace) -> int:
    from FailTaleLibrary.demo import run_demo  # brings Robot Framework, which no other command needs

    return run_demo(options.directory)


def _template(options: argparse.Namespace) -> int:
    from FailTaleLibrary.config import template_text

    print(template_text(), end="")
    return 0


def _presets(options: argparse.Namespace) -> int:
    from FailTaleLibrary.config import describe_presets
    from FailTaleLibrary.config.reference import presets_markdown

    presets = describe_presets()
    chosen = [preset for preset in presets if options.name in (None, preset.name)]
    if not chosen:
        known = ", ".join(preset.name for preset in presets)
        raise ConfigError(f"There is no preset '{options.name}'; there are: {known}.")
    if options.name is None:
        width = max(len(preset.usage) for preset in chosen)
        print("\n".join(f"{preset.usage:{width}}  {preset.description}" for preset in chosen))
    else:
        print(presets_markdown(chosen).rstrip())
    return 0
