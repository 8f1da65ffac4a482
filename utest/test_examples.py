"""The examples of the documentation work as they stand."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mcp_servers import served
from needs import missing
from patience import PATIENCE_S
from pytest_runs import plugin_options

ROOT = Path(__file__).parent.parent
LINE = "storage: database is locked"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    copy = tmp_path / "examples"
    shutil.copytree(ROOT / "docs" / "examples", copy)
    return copy


def environment(**more: str) -> dict[str, str]:
    """This process's, with the package of this checkout on Python's path."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, **more}


def run(words: list[str], directory: Path, tmp_path: Path) -> str:
    """Runs a failing example with `failtale` on the path; returns all that it printed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    failtale = programs / "failtale"
    failtale.write_text(f"#!{sys.executable}\nimport sys\nfrom FailTaleLibrary.cli import main\nsys.exit(main())\n")
    failtale.chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    surroundings = environment(PATH=path, SHOP_LOG=str(tmp_path / "shop.log"))
    done = subprocess.run(words, cwd=directory, env=surroundings, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_pytest_example_shows_the_products_log(examples: Path, tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "pytest",
        *plugin_options(),
        "--failtale=../failtale.yaml",
    ]
    output = run(words, examples / "pytest", tmp_path)
    assert f"ERROR {LINE}" in output.partition("- FailTale -")[2]


def test_the_behave_example_shows_the_products_log(examples: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("behave") is None:
        missing("behave", "pip install behave")
    output = run([sys.executable, "-m", "behave", "--no-color"], examples / "behave", tmp_path)
    assert LINE in output
    assert list((examples / "behave" / "failtale").iterdir())


def test_the_unittest_face_shows_the_products_log_before_the_next_test(examples: Path, tmp_path: Path) -> None:
    words = [sys.executable, "failtale_unittest.py", "discover"]
    output = run(words, examples / "unittest", tmp_path)
    assert f"ERROR {LINE}" in output
    assert list((examples / "unittest" / "failtale").iterdir())


def test_the_shell_example_writes_a_page_with_the_products_log(examples: Path, tmp_path: Path) -> None:
    run(["sh", "smoke.sh"], examples / "shell", tmp_path)
    assert LINE in (examples / "shell" / "evidence.html").read_text()


@pytest.mark.needs("cucumber", "cucumber")
@pytest.mark.parametrize(("folder", "words"), [("cucumber", ["cucumber", "--no-color"]), ("http", ["sh", "smoke.sh"])])
def test_a_client_of_the_http_interface_is_told_the_cause(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, words: list[str]
) -> None:
    config = (examples / "failtale.yaml").read_text().replace("%{SHOP_LOG}", str(tmp_path / "shop.log"))
    (tmp_path / "failtale.yaml").write_text(config)
    with served(tmp_path, "--config", str(tmp_path / "failtale.yaml"), "--http-api") as server:
        monkeypatch.setenv("FAILTALE_URL", f"http://anybody:{server.token}@127.0.0.1:{server.port}")
        output = run(words, examples / folder, tmp_path)
    assert LINE in output.partition("FailTale: ")[2]


# --- The code in docs/extending.md ------------------------------------------------------------------------------------


@pytest.fixture
def extending(tmp_path: Path) -> Path:
    """A folder with the files that the page shows; their names stand in their first lines."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w+\n(# (\S+)\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for text, name in blocks:
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert {name for _, name in blocks} == {"failtale.yaml", "shop.yaml", "answers.yaml", "test_shop_preset.py"}
    return tmp_path


def test_the_preset_of_the_page_is_tested_by_the_test_of_the_page(extending: Path) -> None:
    words = [sys.executable, "-m", "pytest", *plugin_options(), "test_shop_preset.py"]
    done = subprocess.run(words, cwd=extending, env=environment(), capture_output=True, text=True, timeout=PATIENCE_S)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_command_of_the_page_prints_what_was_recorded(extending: Path) -> None:
    words = ["collect", "--config", "failtale.yaml", "--test", "Order"]
    command = [sys.executable, "-c", "import sys; from FailTaleLibrary.cli import main; sys.exit(main())", *words]
    done = subprocess.run(command, cwd=extending, env=environment(), capture_output=True, text=True, timeout=PATIENCE_S)
    assert "42 waiting" in done.stdout, done.stdout + done.stderr
    assert "permission denied" in done.stdout
