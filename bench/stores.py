"""Queries against a real Prometheus and its real MCP server: ``./dev bench stores``.

The MCP server needs some forty packages, which the tests' own environment does not have: it gets one of its own, for
this run. Prometheus comes from Debian.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "prometheus-mcp-server"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="failtale-stores-") as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([f"{folder}/bin/python", "-m", "pip", "install", "--quiet", PACKAGE], check=True)
        environment = os.environ | {"FAILTALE_PROMETHEUS_MCP": f"{folder}/bin/{PACKAGE}"}
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "--durations=5", "utest/test_stores_real.py"]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
