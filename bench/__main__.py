"""Measures what docs/performance.md claims: ``./dev bench NAME [ARGUMENTS]``; without a name it lists what there is.

``./dev bench all`` measures, one after the other, what neither asks the package index nor starts programs by the
thousand.
"""

from __future__ import annotations

import ast
import importlib
import signal
import subprocess
import sys
from types import FrameType

from bench.environment import ROOT

NAMES = {
    "redaction": "bench.redaction",
    "ranking": "bench.ranking",
    "ranking_speed": "bench.ranking_speed",
    "faults": "bench.faults.__main__",
    "written": "bench.written.__main__",
    "hints": "bench.hints",
    "hint_answers": "bench.hint_answers",
    "hint_prompts": "bench.hint_prompts",
    "gateway": "bench.gateway",
    "assistant": "bench.assistant",
    "collection": "bench.collection",
    "growth": "bench.growth",
    "windows": "bench.windows",
    "passing_runs": "bench.passing_runs",
    "imports": "bench.imports",
    "hostile": "bench.hostile",
    "leftovers": "bench.leftovers",
    "containers": "bench.containers",
    "storm": "bench.storm",
    "cards": "bench.cards",
    "run_page": "bench.run_page",
    "measures": "bench.measures",
    "matrix": "bench.matrix",
    "stores": "bench.stores",
    "fleet": "bench.fleet",
}
_BY_NAME_ALONE = ("containers", "fleet", "matrix", "stores")
"""What takes long: it asks the package index, or starts programs by the thousand."""


def listed() -> str:
    """Each bench with what it measures, by the first line of its module."""
    rows = []
    for name, module in NAMES.items():
        path = ROOT / f"{module.replace('.', '/')}.py"
        described = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        rows.append(f"  {name:13} {described.splitlines()[0]}")
    return "\n".join(rows)


def _ended(number: int, _frame: FrameType | None) -> None:
    """What a bench has started ends with it: its servers are closed on the way out."""
    sys.exit(128 + number)


def main() -> int:
    name, *arguments = sys.argv[1:] or ["help"]
    if name in {"help", "-h", "--help"}:
        print(f"Usage: ./dev bench NAME [ARGUMENTS], or: ./dev bench all\n\n{listed()}\n\nEach one takes --help.")
        return 0
    if name == "all":
        chosen = [each for each in NAMES if each not in _BY_NAME_ALONE]
        return max(subprocess.run([sys.executable, "-m", "bench", each], check=False).returncode for each in chosen)
    if name not in NAMES:
        print(f"There is no bench '{name}'; there are: {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _ended)
    sys.argv = [f"./dev bench {name}", *arguments]
    return int(importlib.import_module(NAMES[name]).main() or 0)


if __name__ == "__main__":
    sys.exit(main())
