"""Report <-> a bundle: one folder per failure with a manifest, the report and every item's full output.

    <directory>/<failure id>/
        manifest.json                       schema version, what failed, each file's size and SHA-256
        report.json
        items/<host>/<collector>.txt
        …                                   documents that others add, such as prompt.md

Folders have mode 0700, files 0600. A bundle appears whole or not at all.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from FailTaleLibrary.archive.cards import TextTransform, rewritten
from FailTaleLibrary.archive.payload import parse_report, refusal, sanitised
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.files import private_directory, read_regular, write_new_private_file
from FailTaleLibrary.records import Record, Report
from FailTaleLibrary.schema import ValidationError
from FailTaleLibrary.text import sanitize

MANIFEST = "manifest.json"
REPORT = "report.json"
MAX_FILE_BYTES = 256 * 1024 * 1024
"""What a reader takes into memory of one file."""
ROOM_LEFT_BYTES = 16_000_000
"""Of a disk, that no bundle takes: for the framework's output, with the cards in it, and its log."""
_MAX_NAME = 60
_LEVELS = 3
"""Of a bundle's JSON files that stand in lines of their own: an item of the evidence has one."""


class StoredFile(Record):
    """A file of a bundle as it was written."""

    path: str
    """Relative to the bundle, with forward slashes."""
    sha256: str
    bytes: int


class StoredItem(Record):
    """An item and the file with its full output."""

    id: str
    host: str
    component: str
    collector: str
    status: str
    path: str
    lines: int


class Manifest(Record):
    """What a bundle holds."""

    schema_version: Literal[1] = 1
    failtale_version: str
    created_at: datetime
    failure_id: str
    name: str
    suite: str
    message: str
    gaps: int
    items: tuple[StoredItem, ...]
    files: tuple[StoredFile, ...]


def write_bundle(
    report: Report,
    directory: Path,
    *,
    full_texts: Mapping[str, str] | None = None,
    documents: Mapping[str, str] | None = None,
) -> Path:
    """Writes ``directory/<failure id>/`` atomically, in place of an earlier one of the same failure; returns its path.

    ``full_texts`` has full outputs by item id, where they are more than `Item.text`; ``documents`` further files by
    plain name (``prompt.md``). Raises OSError when the disk does not let us, or has no room beside what the run itself
    has yet to write; then nothing is left behind.
    """
    private_directory(directory)
    _leave_room(directory, report, full_texts or {})
    return _write_draft(report, directory / _file_name(report.failure.id), full_texts or {}, documents or {})


def read_bundle(path: Path) -> Report:
    """The report of a bundle, after a check of every file. Raises ArchiveError: missing, damaged, foreign, too new."""
    manifest = read_manifest(path)
    contents = {file.path: _checked_file(path, file) for file in manifest.files if file.path != REPORT}
    for item in manifest.items:
        if item.path not in contents:
            raise ArchiveError(f"'{path / MANIFEST}' names no file for item '{item.id}'.")
    return parse_report(_listed_file(path, manifest, REPORT), where=f"'{path / REPORT}'")


def read_item(path: Path, item_id: str) -> str:
    """The full output of one item of a bundle. Raises ArchiveError as `read_bundle` does."""
    manifest = read_manifest(path)
    for item in manifest.items:
        if item.id == item_id:
            return sanitize(_listed_file(path, manifest, item.path).decode("utf-8", "replace"))
    known = ", ".join(item.id for item in manifest.items) or "none"
    raise ArchiveError(f"'{path}' has no item '{item_id}'; it has: {known}.")


def replace_report(path: Path, report: Report, *, documents: Mapping[str, str] | None = None) -> Path:
    """The same bundle with a newer report of the same evidence, atomically, and with further documents; its path.

    The files of its items stay as they are: of a fleet there are tens of thousands. Raises ArchiveError or OSError.
    """
    manifest = read_manifest(path)
    draft = _Draft(path)
    try:
        texts = {_file_name(name): text for name, text in (documents or {}).items()}
        texts[REPORT] = report.model_dump_json(levels=_LEVELS)
        new = tuple(draft.store(name, text) for name, text in texts.items())
        kept = tuple(each for each in manifest.files if each.path not in texts)
        update = {"files": (*kept, *new), "gaps": len(report.evidence.gaps)}
        draft.store(MANIFEST, manifest.model_copy(update=update).model_dump_json(levels=_LEVELS))
        draft.put_in_place({each.path.partition("/")[0] for each in kept})
    except BaseException:
        draft.remove()
        raise
    return path


def rewrite_bundle(path: Path, transform: TextTransform, *, documents: Mapping[str, str] | None = None) -> Path:
    """Replaces a bundle by itself with ``transform`` applied to each text, atomically.

    Earlier documents are not carried over, because what they quote may be what has to go.
    """
    report = rewritten(read_bundle(path), transform)
    full_texts = {item.id: transform(read_item(path, item.id)) for item in report.evidence.items}
    return _write_draft(report, path.absolute(), full_texts, documents or {})


# --- Writing ----------------------------------------------------------------------------------------------------------


class _Draft:
    """A folder that becomes a bundle when it is whole."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._folder = Path(tempfile.mkdtemp(prefix=".draft-", dir=target.parent))  # mode 0700
        self._made = {""}

    def store(self, name: str, text: str) -> StoredFile:
        """Not synchronised to the disk one by one: after a power cut the checksums tell what did not arrive."""
        data = text.encode()
        self._make(name.rpartition("/")[0])
        write_new_private_file(self._folder / name, data)
        return StoredFile(path=name, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    def _make(self, folder: str) -> None:
        """One by one: the mode is that of the last alone."""
        if folder not in self._made:
            self._make(folder.rpartition("/")[0])
            (self._folder / folder).mkdir(mode=0o700, exist_ok=True)  # some file systems take no notice of case
            self._made.add(folder)

    def put_in_place(self, kept: Collection[str] = ()) -> None:
        """Renames it. An earlier bundle makes way first, because a folder can only replace an empty one.

        ``kept`` are files and folders of the earlier one that move into it.
        """
        if not self._target.exists():
            self._folder.rename(self._target)
            return
        for name in kept:
            _path_inside(self._target, name)
        old = Path(tempfile.mkdtemp(prefix=".old-", dir=self._target.parent))
        earlier = self._target.rename(old / "bundle")
        moved: list[str] = []
        try:
            for name in kept:
                (earlier / name).rename(self._folder / name)
                moved.append(name)
            self._folder.rename(self._target)
        except BaseException:
            for name in moved:
                (self._folder / name).rename(earlier / name)
            earlier.rename(self._target)
            old.rmdir()
            raise
        shutil.rmtree(old, ignore_errors=True)

    def remove(self) -> None:
        """What there is of it; the earlier bundle stays."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _write_draft(report: Report, target: Path, full_texts: Mapping[str, str], documents: Mapping[str, str]) -> Path:
    draft = _Draft(target)
    try:
        _fill_draft(draft, report, full_texts, documents)
        draft.put_in_place()
    except BaseException:
        draft.remove()
        raise
    return target


def _leave_room(directory: Path, report: Report, full_texts: Mapping[str, str]) -> None:
    """The last of a disk is the framework's: without an output file there would be no result of the run at all."""
    texts = [full_texts.get(item.id, item.text) for item in report.evidence.items]
    disk = shutil.disk_usage(directory)
    if disk.total and disk.free < sum(map(len, texts)) + ROOM_LEFT_BYTES:  # some tell nothing of themselves
        words = f"less than {ROOM_LEFT_BYTES // 10**6} MB would be left for the run's own files"
        raise OSError(errno.ENOSPC, words, str(directory))


def _fill_draft(draft: _Draft, report: Report, full_texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
    paths = _item_paths(report)
    texts = {paths[item.id]: full_texts.get(item.id, item.text) for item in report.evidence.items}
    texts |= {_file_name(name): text for name, text in documents.items()}
    texts[REPORT] = report.model_dump_json(levels=_LEVELS)
    files = tuple(draft.store(path, text) for path, text in texts.items())
    draft.store(MANIFEST, _manifest_of(report, paths, texts, files).model_dump_json(levels=_LEVELS))


def _manifest_of(
    report: Report, paths: Mapping[str, str], texts: Mapping[str, str], files: tuple[StoredFile, ...]
) -> Manifest:
    items = (item for item in report.evidence.items if item.id in paths)
    return Manifest(
        failtale_version=report.failtale_version,
        created_at=report.created_at,
        failure_id=report.failure.id,
        name=report.failure.name,
        suite=report.failure.suite,
        message=report.failure.message,
        gaps=len(report.evidence.gaps),
        items=tuple(
            StoredItem(
                id=item.id,
                host=item.host,
                component=item.component,
                collector=item.collector,
                status=item.status,
                path=paths[item.id],
                lines=_line_count(texts[paths[item.id]]),
            )
            for item in items
        ),
        files=files,
    )


def _line_count(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n") and bool(text))


def _item_paths(report: Report) -> dict[str, str]:
    """Item id -> path; no two alike, also where a file system ignores case."""
    paths: dict[str, str] = {}
    taken: set[str] = set()
    for item in report.evidence.items:
        path = f"items/{_file_name(item.host)}/{_file_name(item.collector)}.txt"
        if path.casefold() in taken:
            path = f"items/{_file_name(item.host)}/{_hashed_name(item.collector, salt=item.id + str(len(taken)))}.txt"
        taken.add(path.casefold())
        paths[item.id] = path
    return paths


def _file_name(text: str) -> str:
    """A text as a file name: itself when it is a plain one, else its plain characters and a hash."""
    plain = re.fullmatch(rf"[A-Za-z0-9][A-Za-z0-9._ -]{{0,{_MAX_NAME - 1}}}", text) and not text.endswith((".", " "))
    return text if plain else _hashed_name(text)


def _hashed_name(text: str, *, salt: str = "") -> str:
    digest = hashlib.sha256((text + salt).encode()).hexdigest()[:10]
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', text)[:30].strip('-')}-{digest}".lstrip("-")


# --- Reading ----------------------------------------------------------------------------------------------------------


def read_manifest(path: Path) -> Manifest:
    """What a bundle says that it holds. Raises ArchiveError: no bundle, damaged, too new."""
    file = path / MANIFEST
    if not file.is_file():
        raise ArchiveError(f"'{path}' is no bundle: there is no '{MANIFEST}' in it.")
    data = _read_bytes(file)
    try:
        return Manifest.model_validate_json(sanitised(data))
    except ValidationError as error:
        raise refusal(data, error, where=f"'{file}'") from error


def _listed_file(path: Path, manifest: Manifest, name: str) -> bytes:
    for file in manifest.files:
        if file.path == name:
            return _checked_file(path, file)
    raise ArchiveError(f"'{path / MANIFEST}' does not list '{name}'.")


def _checked_file(path: Path, file: StoredFile) -> bytes:
    data = _read_bytes(_path_inside(path, file.path))
    if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
        raise ArchiveError(f"'{path / file.path}' was changed since the bundle was written: its checksum differs.")
    return data


def _path_inside(path: Path, name: str) -> Path:
    """The file that a manifest names, which must not lead out of its bundle by ``..``, a root or a link."""
    parts = PurePosixPath(name).parts
    file = path.joinpath(*parts)
    if not parts or ".." in parts or name.startswith("/") or not file.resolve().is_relative_to(path.resolve()):
        raise ArchiveError(f"'{path / MANIFEST}' names a file outside of the bundle: '{name}'.")
    return file


def _read_bytes(file: Path) -> bytes:
    try:
        return read_regular(file, max_bytes=MAX_FILE_BYTES)
    except OSError as error:
        raise ArchiveError(f"Cannot read '{file}': {error.strerror or error}.") from error
    except ValueError as error:  # a NUL in the name
        raise ArchiveError(f"Cannot read '{file}': {error}.") from error
