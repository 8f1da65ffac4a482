"""Measures what docs/performance.md claims: ``./dev bench [NAME [ARGUMENTS]]``; without a name, all of them."""

from __future__ import annotations

import subprocess
import sys

NAMES = {
    "redaction": "bench.redaction",
    "ranking": "bench.ranking",
    "ranking_speed": "bench.ranking_speed",
    "faults": "bench.faults",
    "written": "bench.written",
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


def main() -> int:
    name, *arguments = sys.argv[1:] or ["all"]
    if name != "all" and name not in NAMES:
        print(f"There is no bench '{name}'; there are: {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    chosen = [NAMES[each] for each in NAMES if each not in _BY_NAME_ALONE] if name == "all" else [NAMES[name]]
    return max(subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode for module in chosen)


if __name__ == "__main__":
    sys.exit(main())
