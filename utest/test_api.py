"""The public names are those that docs/api.md explains, and importing them is cheap."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S

from FailTaleLibrary import api

DOCS = Path(__file__).parent.parent / "docs"
HEAVY = ("robot", "paramiko", "jinja2", "ollama", "httpx", "mcp", "pytest", "yaml")


def explained() -> list[str]:
    return re.findall(r"^\| `(\w+)` \| .+ \|$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)


def loaded_by(statement: str) -> set[str]:
    """Heavy packages that a statement imports in a fresh interpreter."""
    program = f"import sys; {statement}; print(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_every_public_name_is_explained_once() -> None:
    assert sorted(explained()) == sorted(api.__all__)


def test_the_public_names_are_about_twenty() -> None:
    assert len(api.__all__) <= 25


@pytest.mark.parametrize("name", api.__all__)
def test_a_public_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(api, name)
    assert value.__doc__
    assert value.__name__ == name


def test_the_public_names_load_nothing_heavy() -> None:
    assert loaded_by("import FailTaleLibrary.api") == set()


def test_the_package_alone_loads_nothing_of_its_own_but_itself() -> None:
    assert loaded_by("import FailTaleLibrary; assert 'pydantic' not in sys.modules") == set()
