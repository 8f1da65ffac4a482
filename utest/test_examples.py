"""The examples of the documentation work as they stand."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from needs import missing
from patience import PATIENCE_S

ROOT = Path(__file__).parent.parent
LINE = "storage: database is locked"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    copy = tmp_path / "examples"
    shutil.copytree(ROOT / "docs" / "examples", copy)
    return copy


def run(words: list[str], directory: Path, tmp_path: Path) -> str:
    """Runs a failing example with `failtale` on the path; returns all that it printed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    failtale = programs / "failtale"
    failtale.write_text(f"#!{sys.executable}\nimport sys\nfrom FailTaleLibrary.cli import main\nsys.exit(main())\n")
    failtale.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "SHOP_LOG": str(tmp_path / "shop.log"),
    }
    done = subprocess.run(words, cwd=directory, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_pytest_example_shows_the_products_log(examples: Path, tmp_path: Path) -> None:
    from test_pytest_plugin import plugin_options

    words = [
        sys.executable,
        "-m",
        "pytest",
        *plugin_options(),
        "-p",
        "no:cacheprovider",
        "--failtale",
        "../failtale.yaml",
    ]
    output = run(words, examples / "pytest", tmp_path)
    assert f"ERROR {LINE}" in output.partition("- FailTale -")[2]


def test_the_behave_example_shows_the_products_log(examples: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("behave") is None:
        missing("behave", "pip install behave")
    output = run([sys.executable, "-m", "behave", "--no-color"], examples / "behave", tmp_path)
    assert LINE in output
    assert list((examples / "behave" / "failtale").iterdir())


def test_the_shell_example_writes_a_page_with_the_products_log(examples: Path, tmp_path: Path) -> None:
    run(["sh", "smoke.sh"], examples / "shell", tmp_path)
    assert LINE in (examples / "shell" / "evidence.html").read_text()
