"""Collected failures <-> bundles in a directory of the configuration, so that a server that starts anew still has them.

They are written by one thread, so that no answer waits for a disk, and read anew when they have changed. Of each the
report is in memory; the full texts are read when somebody asks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path

from FailTaleLibrary import background
from FailTaleLibrary.archive import read_bundle, read_item, write_bundle
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.records import Report

_log = logger_of(__name__)
MAX_BUNDLES = 500
"""Of one directory, the newest: the reports of all are in memory."""
MAX_WAITING = 16
"""Failures that wait for a disk; of more, the oldest are kept in memory alone, and that is said."""


class BundleTexts(Mapping[str, str]):
    """The full texts of a bundle by item id, read from its files when they are asked for."""

    def __init__(self, bundle: Path, report: Report) -> None:
        self._bundle = bundle
        self._items = {item.id: item.text for item in report.evidence.items}

    def __getitem__(self, item_id: str) -> str:
        text = self._items[item_id]
        try:
            return read_item(self._bundle, item_id)
        except ArchiveError:  # it went away; the report has the most telling part
            _log.debug("'%s' of the bundle '%s' cannot be read", item_id, self._bundle, exc_info=True)
            return text

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class Bundles:
    """The bundles below one directory, read when somebody asks and again when they have changed."""

    def __init__(self, directory: Path, *, max_bundles: int = MAX_BUNDLES) -> None:
        self.directory = directory
        self._max_bundles = max_bundles
        self.left_out = 0
        """Bundles that are older than the newest ones, which alone are served."""
        self._read: dict[Path, tuple[object, Report | ArchiveError]] = {}
        self._lock = threading.Lock()

    def reports(self) -> list[tuple[Path, Report | ArchiveError]]:
        """Each bundle with its report, or with the reason why it cannot be read."""
        with self._lock:
            read = {}
            for manifest in self.manifests():
                state = _state_of(manifest)
                known = self._read.get(manifest)
                read[manifest] = known if known and known[0] == state else (state, _report_in(manifest.parent))
            self._read = read
            return [(manifest.parent, report) for manifest, (_, report) in read.items()]

    def manifests(self) -> list[Path]:
        """Of the newest bundles, by name; the directory may be a bundle itself."""
        own = self.directory / "manifest.json"
        found = [own] if own.is_file() else list(self.directory.glob("*/manifest.json"))
        self.left_out = max(0, len(found) - self._max_bundles)
        return sorted(sorted(found, key=_written_at)[-self._max_bundles :])


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it went away just now
        return 0.0


def _state_of(path: Path) -> object:
    """What changes when the content does."""
    try:
        found = path.stat()
    except OSError as error:
        return str(error)
    return found.st_mtime_ns, found.st_size, found.st_ino


def _report_in(bundle: Path) -> Report | ArchiveError:
    try:
        return read_bundle(bundle)
    except ArchiveError as error:
        return error


class Keeper:
    """Writes collected failures as bundles below one directory. Safe to use from any thread; returns at once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._waiting: OrderedDict[str, tuple[Report, Mapping[str, str]]] = OrderedDict()
        self._lock = threading.Lock()
        self._is_writing = False
        self._refused: dict[str, str] = {}

    def keep(self, report: Report, full_texts: Mapping[str, str]) -> None:
        """Soon as a bundle, in place of an earlier one of the same failure."""
        with self._lock:
            self._waiting[report.failure.id] = (report, full_texts)
            if len(self._waiting) > MAX_WAITING:
                lost, _ = self._waiting.popitem(last=False)
                self._refused[lost] = f"Failure '{lost}' is in memory alone: '{self.directory}' is too slow."
            if self._is_writing:
                return
            self._is_writing = True
        background.start(self._write_all, name="failtale-keep")

    def not_kept(self) -> list[str]:
        """Why failures could not be written, a sentence each."""
        with self._lock:
            return list(self._refused.values())

    def _write_all(self) -> None:
        while (waiting := self._next()) is not None:
            report, full_texts = waiting
            failure_id = report.failure.id
            try:
                write_bundle(report, self.directory, full_texts=full_texts)
            except OSError as error:
                why = error.strerror or error
                with self._lock:
                    self._refused = {
                        failure_id: f"Failure '{failure_id}' is in memory alone: '{self.directory}': {why}."
                    }
            else:
                with self._lock:
                    self._refused.pop(failure_id, None)

    def _next(self) -> tuple[Report, Mapping[str, str]] | None:
        with self._lock:
            if not self._waiting:
                self._is_writing = False
                return None
            return self._waiting.popitem(last=False)[1]
