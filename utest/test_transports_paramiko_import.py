"""What paramiko's import brings along: invoke only when somebody wants it, and then the whole of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = """
import sys
from FailTaleLibrary.transports.paramiko_import import load_paramiko
load_paramiko()
import paramiko
print("invoke" in sys.modules, "asyncio" in sys.modules, "importlib.metadata" in sys.modules)
"""


def told_by(program: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


def test_paramiko_brings_neither_invoke_nor_asyncio_nor_packages_metadata() -> None:
    assert told_by(LOADED) == ["False", "False", "False"]


@pytest.mark.parametrize(
    "wanted",
    [
        'paramiko.SSHConfig.from_text("Match exec true\\n User bob\\n").lookup("h")["user"]',
        '__import__("invoke").Context().run("echo bob", hide=True).stdout.strip()',
        '__import__("invoke.context", fromlist=["x"]).Context().run("echo bob", hide=True).stdout.strip()',
    ],
    ids=["by paramiko's reader of ssh_config", "by somebody else", "a part of it"],
)
def test_invoke_is_there_for_whoever_wants_it(wanted: str) -> None:
    assert told_by(f"{LOADED}print({wanted}, 'invoke' in sys.modules)") == ["False", "False", "False", "bob", "True"]


def test_paramiko_knows_its_version_and_others_those_of_all_packages() -> None:
    program = "from importlib import metadata; print(paramiko.__version__ == metadata.version('paramiko'), metadata)"
    assert told_by(f"{LOADED}{program}")[3:6] == ["True", "<module", "'importlib.metadata'"]


def test_who_imports_invoke_while_paramiko_is_imported_gets_the_whole_of_it() -> None:
    program = """
import sys
class Meanwhile:
    def find_spec(self, name, path=None, target=None):
        if name == "paramiko.ssh_exception":
            sys.meta_path.remove(self)
            import invoke
            from invoke import Context
            from invoke.config import Config
            import importlib.metadata
            assert importlib.metadata.version("invoke") and importlib.metadata.distributions
            print(Context().run("echo bob", hide=True).stdout.strip(), invoke.Config is Config)
sys.meta_path.insert(0, Meanwhile())
"""
    assert told_by(program + LOADED)[:2] == ["bob", "True"]
