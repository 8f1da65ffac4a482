"""Other versions of Robot Framework and Python, and what people run beside the listener.

What else there is has pages and tests of its own, and the whole is tried by `./dev bench matrix` (docs/ecosystem.md).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from needs import missing
from patience import PATIENCE_S

from bench.matrix import CONFIG, DATA, DATA_SUITE, LATEST, PAIRS, SUITE, interpreter_of, python_of
from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.records import Report

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ROOT / ".dev" / "versions"
OURS = ("--listener", "FailTaleListener:failtale.yaml")


def run(
    folder: Path, command: Sequence[str], *, suites: Sequence[str] = ("order.robot",), beside: Path | None = None
) -> str:
    """What is said while suites with failing tests run; ``beside``: packages that come before all others."""
    files = {"data.robot": DATA_SUITE, "data.csv": DATA, "order.robot": SUITE, "shop.log": ""}
    for name, text in {**files, "failtale.yaml": CONFIG.replace("shop.log", str(folder / "shop.log"))}.items():
        (folder / name).write_text(text)
    places = (*([beside] if beside else []), ROOT, ROOT / "listeners", ROOT / "resources")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ROBOT"))}
    done = subprocess.run(
        [*command, "--outputdir", "out", *suites],
        cwd=folder,
        env={**plain, "PYTHONPATH": os.pathsep.join(map(str, places))},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == len(cards(folder)), said
    assert not [word for word in ("switched off", "internal error", "Taking listener") if word in said], said
    return said


def cards(folder: Path) -> list[str]:
    """The failing tests that have a card with all of its evidence."""
    reports = [each for each in reports_in(folder / "out" / "output.xml") if isinstance(each, Report)]
    wanted = {"shop1/log", "shop1/state"}
    return sorted(each.failure.name for each in reports if wanted <= {item.id for item in each.evidence.items})


def test_each_failing_test_of_datadriver_has_its_card_and_stacktrace_tells_its_own(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        [sys.executable, "-m", "robot", *OURS, "--listener", "RobotStackTracer"],
        suites=("data.robot", "order.robot"),
    )
    assert cards(tmp_path) == ["Five", "Order", "Payment", "Three"]
    assert "Traceback (most recent call last):" in said, "stacktrace's own way to the failing line"


@pytest.mark.parametrize(("python", "robot"), PAIRS)
def test_each_version_of_robot_framework_and_python_has_its_cards(python: str, robot: str, tmp_path: Path) -> None:
    place = VERSIONS / robot
    if not place.exists() and python_of(python) is None and robot == LATEST:
        pytest.skip(f"this machine has no Python {python}, and the Robot Framework is that of all other tests")
    if not (place / "python").exists():
        missing(f"Robot Framework {robot} beside its own", "./dev versions")
    interpreter = interpreter_of(place)
    told = subprocess.run(
        [interpreter, "-c", "import robot.version as it; print(it.VERSION)"],
        env={"PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == robot
    run(tmp_path, [interpreter, "-m", "robot", *OURS], beside=place)
    assert cards(tmp_path) == ["Order", "Payment"]


@pytest.mark.parametrize("words", [["robot"], ["debug", "--no-wait-for-client"]], ids=["runner", "debugger"])
def test_robotcode_runs_and_debugs_with_cards(words: list[str], tmp_path: Path) -> None:
    run(tmp_path, [sys.executable, "-m", "robotcode.cli", *words, *OURS])
    assert cards(tmp_path) == ["Order", "Payment"]
