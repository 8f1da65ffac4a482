"""Every module can be imported by the oldest Python that `requires-python` names, where this machine has one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = """\
import importlib, importlib.abc, importlib.machinery, pathlib, sys, unittest.mock

class Others(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    # Packages of others have Pythons of their own; what counts here is what our modules ask of Python itself. PyYAML,
    # which reads files of ours at once, runs on all of them.
    def find_spec(self, name, path=None, target=None):
        is_other = name.split(".")[0] not in {*sys.stdlib_module_names, "FailTaleLibrary", "FailTaleListener", "yaml"}
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if is_other else None
    def create_module(self, spec):
        return unittest.mock.MagicMock(__spec__=spec, __path__=[], __all__=[])
    def exec_module(self, module):
        pass

root = sys.argv[1]
sys.meta_path.insert(0, Others())
sys.path[:0] = [root, root + "/listeners", sys.argv[2]]
wrong = []
for path in sorted(pathlib.Path(root, "FailTaleLibrary").rglob("*.py")):
    name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    try:
        importlib.import_module(name)
    except Exception as error:
        wrong.append(f"{name}: {type(error).__name__}: {error}")
importlib.import_module("FailTaleListener")
print("\\n".join(wrong))
"""


def oldest() -> str:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = re.search(r'requires-python = ">=([\d.]+)"', pyproject)
    assert wanted is not None
    candidates = [*Path.home().glob(f".pyenv/versions/{wanted[1]}.*/bin/python"), shutil.which(f"python{wanted[1]}")]
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return str(candidate)
    pytest.skip(f"this machine has no Python {wanted[1]}")  # Debian has none beside its own


def test_every_module_can_be_imported_by_the_oldest_python_that_is_supported(tmp_path: Path) -> None:
    (tmp_path / "yaml").symlink_to(Path(yaml.__file__).parent)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [oldest(), "-B", "-c", IMPORTS, str(ROOT), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
