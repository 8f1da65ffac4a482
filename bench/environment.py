"""What the processes that are measured run with."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def environment() -> dict[str, str]:
    """This process's, with the project to import from, and with bytecode.

    A package that pip installs is compiled then. Where an environment forbids bytecode, each process would compile
    ours anew, and nothing else, which costs 0.2 s.
    """
    path = os.pathsep.join(str(ROOT / folder) for folder in (".", "listeners", "resources"))
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": path}


def pip_line(*words: str) -> str:
    """What to type so that this very interpreter finds more packages."""
    return shlex.join([os.path.relpath(sys.executable), "-m", "pip", "install", *words])


def refuse_plots_without_matplotlib(parser: argparse.ArgumentParser) -> None:
    """Ends a bench that is to draw before it has measured for minutes."""
    if importlib.util.find_spec("matplotlib") is None:
        parser.error(f"there is no matplotlib to draw with; type:  {pip_line('--group', 'bench')}")


def goal(what: str, *, met: bool) -> str:
    """A line below a table: what is wanted, and whether this run has it."""
    return f"goal {'met' if met else 'MISSED'}: {what}"
