"""Installs FailTale into fresh virtual environments, as users do: editable."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword, library


@library(scope="GLOBAL", auto_keywords=False)
class Installations:
    """Keywords around environments that share this one's dependencies, but not its FailTale."""

    @keyword(tags=["install"])
    def new_environment(self, directory: Path, *to_install: str) -> Path:
        """Makes an environment with the dependencies of this one, installs something into it, returns its Python."""
        venv.create(directory, with_pip=False, symlinks=True)
        python = directory / "bin" / "python"
        (site_packages,) = directory.glob("lib/python*/site-packages")
        (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        if to_install:
            _pip("--python", str(python), "install", "--no-deps", *to_install)
        return python

    @keyword(tags=["install"])
    def where_is(self, python: Path, module: str) -> str:
        """Returns the file or folder that a module is imported from; nothing when there is no such module."""
        code = (
            "import importlib.util, sys; spec = importlib.util.find_spec(sys.argv[1]);"
            "print(spec and (spec.origin or list(spec.submodule_search_locations)[0]) or '', end='')"
        )
        return _output_of([str(python), "-I", "-c", code, module])


def _pip(*arguments: str) -> None:
    logger.info(_output_of([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]))


def _output_of(command: list[str]) -> str:
    ended = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if ended.returncode:
        raise AssertionError(f"{command} ended with status {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout
