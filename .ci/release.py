"""A release without its uploads: builds sdist and wheel, checks them, installs the wheel and runs it (docs/release.md).

``python .ci/release.py [DIRECTORY]`` (default: dist). Exit status 0: it could be released; 1: not, with the reasons.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.metadata import Metadata
from packaging.version import Version
from readme_renderer import markdown

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {
    "FailTaleLibrary": "FailTaleLibrary",
    "resources/FailTaleLibrary": "FailTaleLibrary",
    "listeners": ".",
    "docs": "FailTaleLibrary/docs",
}
"""Folder of the project -> where its files lie in the wheel."""
LEFT_OUT = ("docs/images/", "docs/generate.py", "docs/site.py")
"""What makes the pages and their pictures."""

SUITE = """\
*** Settings ***
Library          FailTaleLibrary
Resource         FailTaleLibrary/failtale.resource
Test Teardown    Collect Evidence On Failure

*** Test Cases ***
It Fails
    Fail    as it should
"""
CONFIGURATION = """\
components: {shop: {collectors: [{name: state, command: echo 'ERROR the wheel is on fire'}]}}
hosts: {here: {component: shop, transport: local}}
"""


class NotReadyError(Exception):
    """Why this is no release."""


def main(directory: Path) -> int:
    try:
        for step in _steps(directory.resolve()):
            print(f"release: {step}")
    except NotReadyError as error:
        print(f"release: NOT READY: {error}", file=sys.stderr)
        return 1
    print(f"release: nothing was uploaded; what is left to type: twine upload {directory}/*  (docs/release.md)")
    return 0


def _steps(directory: Path) -> Iterator[str]:
    version = _version()
    yield f"version {version}, and the change log has {_changes_of(version)} entries for it"
    sdist = _built("sdist", ROOT, directory)
    with tempfile.TemporaryDirectory() as folder:
        wheel = _built("wheel", _unpacked(sdist, Path(folder)), directory)
    yield f"built {sdist.name}, and {wheel.name} from it"
    check_metadata(wheel, version)
    yield f"the metadata is valid, and the wheel has {check_contents(wheel)} files"
    with tempfile.TemporaryDirectory() as folder:
        python = _installed(wheel, Path(folder) / "environment")
        _check_run(python, version, Path(folder))
    yield "the installed wheel tells its version, and its listener collects"


def _version() -> str:
    (version,) = re.findall(r'(?m)^__version__ = "(.+)"$', (ROOT / "FailTaleLibrary/__init__.py").read_text("utf-8"))
    if str(Version(version)) != version:
        raise NotReadyError(f"the version '{version}' is written '{Version(version)}'")
    return str(version)


def _changes_of(version: str) -> int:
    """Entries of the version, or of what is to become it."""
    sections = re.split(r"(?m)^## \[", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    told = {head: text for head, _, text in (section.partition("]") for section in sections[1:])}
    entries = re.findall(r"(?m)^- ", told.get(version) or told.get("Unreleased", ""))
    if not entries:
        raise NotReadyError(f"CHANGELOG.md has nothing under '[{version}]' nor under '[Unreleased]'")
    return len(entries)


def _built(kind: str, source: Path, directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    _output_of([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(directory)], source)
    pattern = "*.whl" if kind == "wheel" else "*.tar.gz"
    return max(directory.glob(pattern), key=lambda path: path.stat().st_mtime_ns)


def _unpacked(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data") if sys.version_info >= (3, 12) else archive.extractall(folder)
    (source,) = folder.iterdir()
    return source


def check_metadata(wheel: Path, version: str) -> None:
    """Raises NotReadyError where the rules of packages are not kept."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = Metadata.from_email(archive.read(name), validate=True)
    told = {
        "name": str(metadata.name) == "robotframework-failtale",
        "version": str(metadata.version) == version,
        "summary": bool(metadata.summary),
        "long description": metadata.description_content_type == "text/markdown" and bool(metadata.description),
        "project URLs": {"Repository", "Documentation", "Changelog", "Issues"} <= set(metadata.project_urls or {}),
        "rendering of the long description": renders(metadata.description or ""),
        "licence": str(metadata.license_expression) == "Apache-2.0",
    }
    if wrong := [name for name, right in told.items() if not right]:
        raise NotReadyError(f"the metadata is wrong in: {', '.join(wrong)}")


def renders(description: str) -> bool:
    """Whether PyPI shows a long description, and none of its links or pictures is relative to the project."""
    page = markdown.render(description)
    return page is not None and not re.findall(r'(?:href|src)="(?!https?://|#|mailto:)', page)


def check_contents(wheel: Path) -> int:
    """How many files it has. Raises NotReadyError where one of the package is missing, or there is a module besides."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    if missing := sorted(set(_expected()) - names):
        raise NotReadyError(f"the wheel has no {missing[0]} ({len(missing)} missing)")
    top = {name.partition("/")[0] for name in names}
    if besides := {name for name in top if not name.endswith(".dist-info")} - {
        "FailTaleLibrary",
        "FailTaleListener.py",
    }:
        raise NotReadyError(f"the wheel also has {sorted(besides)}")
    return len(names)


def _expected() -> Iterator[str]:
    for folder, place in SOURCES.items():
        for path in (ROOT / folder).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and not name.startswith(LEFT_OUT):
                yield (Path(place) / path.relative_to(ROOT / folder)).as_posix()


def _installed(wheel: Path, environment: Path) -> Path:
    """A fresh environment with the wheel, and with the dependencies of this one in place of an index."""
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    _output_of([*pip, "install", "--no-index", "--no-deps", str(wheel)], environment)
    return python


def _check_run(python: Path, version: str, folder: Path) -> None:
    program = [str(python.with_name("failtale"))]
    if (told := _output_of([*program, "--version"], folder)) != f"failtale {version}\n":
        raise NotReadyError(f"the installed wheel says it is {told!r}")
    (folder / "suite.robot").write_text(SUITE, encoding="utf-8")
    (folder / "failtale.yaml").write_text(CONFIGURATION, encoding="utf-8")
    robot = [str(python), "-m", "robot", "--listener", "FailTaleListener", "suite.robot"]
    _output_of(robot, folder, expected=1)
    if "the wheel is on fire" not in _output_of([*program, "show", "output.xml"], folder):
        raise NotReadyError("the installed listener collects nothing")


def _output_of(command: list[str], folder: Path, *, expected: int = 0) -> str:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode != expected:
        raise NotReadyError(f"{command} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if sys.argv[1:] else "dist")))
