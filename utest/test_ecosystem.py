"""Beside what people run with Robot Framework: DataDriver and stacktrace; others have pages and tests of their own.

What is not installed here, and other versions, are tried by `./dev bench matrix` (docs/ecosystem.md).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from patience import PATIENCE_S

from bench.matrix import CONFIG, DATA, DATA_SUITE, SUITE
from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.records import Report

ROOT = Path(__file__).resolve().parents[1]


def test_each_failing_test_of_datadriver_has_its_card_and_stacktrace_tells_its_own(tmp_path: Path) -> None:
    files = {"data.robot": DATA_SUITE, "data.csv": DATA, "order.robot": SUITE, "shop.log": ""}
    for name, text in {**files, "failtale.yaml": CONFIG.replace("shop.log", str(tmp_path / "shop.log"))}.items():
        (tmp_path / name).write_text(text)
    listeners = ("FailTaleListener:failtale.yaml", "RobotStackTracer")
    words = [word for each in listeners for word in ("--listener", each)]
    path = os.pathsep.join(map(str, (ROOT, ROOT / "listeners", ROOT / "resources")))
    done = subprocess.run(
        [sys.executable, "-m", "robot", *words, "--outputdir", "out", "data.robot", "order.robot"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    reports = {
        each.failure.name: each for each in reports_in(tmp_path / "out" / "output.xml") if isinstance(each, Report)
    }
    assert sorted(reports) == ["Five", "Order", "Payment", "Three"]
    assert all({"shop1/log", "shop1/state"} <= {item.id for item in each.evidence.items} for each in reports.values())
    assert "Traceback (most recent call last):" in done.stdout, "stacktrace's own way to the failing line"
