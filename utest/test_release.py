"""What would be released: the dry run of docs/release.md, and that it finds what is wrong."""

from __future__ import annotations

import importlib.util
import os
import zipfile
from pathlib import Path

import pytest
from page_blocks import ROOT

SPECIFICATION = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
assert SPECIFICATION is not None
assert SPECIFICATION.loader is not None
release = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(release)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the dry run built; it ended well."""
    directory = tmp_path_factory.mktemp("dist")
    assert release.main(Path(os.path.relpath(directory))) == 0  # as `./dev release` names it
    return directory


def test_a_release_is_an_sdist_and_the_wheel_that_is_built_from_it(dist: Path) -> None:
    assert sorted(path.suffix for path in dist.glob("[!.]*")) == [".gz", ".whl"]


@pytest.mark.parametrize("change", ["without a file", "with a module besides"])
def test_a_wheel_that_is_not_whole_is_no_release(dist: Path, tmp_path: Path, change: str) -> None:
    (wheel,) = dist.glob("*.whl")
    other = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            if change == "with a module besides" or not name.endswith("/failtale.resource"):
                target.writestr(name, source.read(name))
        if change == "with a module besides":
            target.writestr("listeners/FailTaleListener.py", "")
    with pytest.raises(release.NotReadyError, match=r"failtale\.resource|listeners"):
        release.check_contents(other)


def test_a_wheel_of_another_version_is_no_release(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    with pytest.raises(release.NotReadyError, match="version"):
        release.check_metadata(wheel, "99")
