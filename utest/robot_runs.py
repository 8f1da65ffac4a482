"""Robot Framework in a process of its own, because Robot is one run's at a time, with listener and library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "PYTHONPATH": ":".join(map(str, (ROOT, ROOT / "listeners", ROOT / "resources"))),
    "LANG": "C.UTF-8",
}


def ran(place: Path, script: str) -> subprocess.CompletedProcess[str]:
    """What a Python program left that runs Robot; it knows `robot`, `sys` and the class of our listener."""
    header = "import robot, sys\nfrom FailTaleListener import FailTaleListener\n"
    return subprocess.run(
        [sys.executable, "-c", header + script],
        env=ENVIRONMENT,
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
