"""A failure's id and folders to look below -> where its bundle lies by now: outputs are merged, folders are moved."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from FailTaleLibrary.archive.bundles import MANIFEST, read_manifest
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.lazy import dataclass, field

MAX_FOLDERS = 20_000
"""That are looked into below one folder: somebody may stand in their home directory."""
MAX_DEPTH = 8
_ID = re.compile(r"[0-9a-f]{32}")
_OUTPUT = re.compile(r"output.*\.(xml|json)", re.IGNORECASE)
_NEVER_OURS = {"node_modules", "__pycache__"}


@dataclass(slots=True)
class _Found:
    """What lies below a folder, the nearest first."""

    bundles: dict[str, Path] = field(default_factory=dict)
    """By the failure's id."""
    outputs: list[Path] = field(default_factory=list)


class Whereabouts:
    """Where bundles lie. Folders are looked into at need, in their order, each once."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(dict.fromkeys(folder.absolute() for folder in folders))
        self._found: dict[Path, _Found] = {}

    @classmethod
    def around(cls, *paths: Path) -> Whereabouts:
        """For outputs (or folders): their own folder, the working directory, and what lies beside their folder.

        A merged output lies beside the outputs that it was made of, or elsewhere below the working directory; pabot's
        processes write below ``pabot_results`` of the output's own folder.
        """
        own = [path if path.is_dir() else path.parent for path in paths]
        return cls([*own, Path.cwd(), *(folder.absolute().parent for folder in own)])

    def bundle_of(self, failure_id: str, recorded: Path | None = None) -> Path | None:
        """The bundle of a failure: where it was ``recorded`` to be, else wherever it is found; None: it is gone."""
        if recorded is not None and (recorded / MANIFEST).is_file():
            return recorded
        return next((found.bundles[failure_id] for found in self._all() if failure_id in found.bundles), None)

    def bundles_with(self, id_begins: str) -> dict[str, Path]:
        """Bundles of failures whose id begins so, by id; of the first folder that has any."""
        for found in self._all():
            matching = {each: path for each, path in found.bundles.items() if each.startswith(id_begins)}
            if matching:
                return matching
        return {}

    @cached_property
    def outputs(self) -> tuple[Path, ...]:
        """What by its name is an output file of Robot Framework."""
        return tuple(dict.fromkeys(path for found in self._all() for path in found.outputs))

    def _all(self) -> Iterator[_Found]:
        for folder in self.folders:
            if folder not in self._found:
                self._found[folder] = _looked_below(folder)
            yield self._found[folder]


def _looked_below(folder: Path) -> _Found:
    found = _Found()
    level = [folder]
    left = MAX_FOLDERS
    for _ in range(MAX_DEPTH):
        below: list[Path] = []
        for each in level[:left]:
            below += _looked_into(each, found)
        left -= len(level)
        level = below
        if left <= 0:
            break
    return found


def _looked_into(folder: Path, found: _Found) -> list[Path]:
    """Notes what lies directly in a folder; returns the folders in it. What may not be read is as if it were not."""
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
    if any(entry.name == MANIFEST for entry in ordered):
        failure_id = _id_of(folder)
        if failure_id:
            found.bundles.setdefault(failure_id, folder)
        return []
    found.outputs += [Path(entry.path) for entry in ordered if _OUTPUT.fullmatch(entry.name) and _is_file(entry)]
    return [
        Path(entry.path)
        for entry in ordered
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".") and entry.name not in _NEVER_OURS
    ]


def _is_file(entry: os.DirEntry[str]) -> bool:
    """False for a link that leads in a circle or where nobody may look, for which ``is_file`` of an entry raises."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _id_of(bundle: Path) -> str:
    """Its folder's name, unless somebody renamed that; empty where it is no bundle of ours."""
    if _ID.fullmatch(bundle.name):
        return bundle.name
    try:
        return read_manifest(bundle).failure_id
    except ArchiveError:
        return ""
