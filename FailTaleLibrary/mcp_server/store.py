"""A failure's id -> its report and full texts: collected by this server, or read from finished runs on disk.

Collected failures live in memory, newest kept. Files are read when somebody asks and again when they have changed, so
that last night's ``output.xml`` is always the latest. Ids are looked up in an index; none ever becomes part of a path.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from FailTaleLibrary.archive import failed_tests_in, reports_in
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.files import private_directory
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.mcp_server.kept import MAX_BUNDLES, Bundles, BundleTexts, Keeper
from FailTaleLibrary.records import Report
from FailTaleLibrary.text import count

MAX_FAILURES = 500
MAX_BYTES = 256 * 1024 * 1024
"""Of the texts of collected failures in memory."""
COLLECTED = "collected"
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""A report may be anybody's, and ids are shown as words of ours."""


@dataclass(frozen=True, slots=True)
class StoredFailure:
    """One failure: its report, its full texts where they are more than the report holds, and where it comes from."""

    report: Report
    full_texts: Mapping[str, str] = field(default_factory=dict)
    source: str = COLLECTED

    def is_about(self, text: str, *, source: str = "") -> bool:
        """Whether its test, suite, message or headline has this text, and its source that one; case does not matter."""
        failure, headline = self.report.failure, self.report.analysis.headline
        told = "\n".join((failure.suite, failure.name, failure.message, headline))
        return text.lower() in told.lower() and source.lower() in self.source.lower()

    @property
    def bytes(self) -> int:
        items = sum(len(item.text) for item in self.report.evidence.items)
        return items + sum(len(text) for text in self.full_texts.values())


class Store:
    """The failures by id. Safe to use from any thread; reading files may take a while."""

    def __init__(self, paths: Iterable[Path] = (), *, kept_in: Path | None = None) -> None:
        """``kept_in``: where collected failures go as bundles, and where a server that starts anew finds them."""
        self._keeper = Keeper(kept_in) if kept_in else None
        if kept_in:
            with contextlib.suppress(OSError):  # what is to be kept there will say why
                private_directory(kept_in)
        kept = [StoredSource(kept_in, source=COLLECTED)] if kept_in else []
        self._sources = [*kept, *(StoredSource(path) for path in paths)]
        self._collected: OrderedDict[str, StoredFailure] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, stored: StoredFailure) -> None:
        """Keeps a collected failure, in place of the oldest ones when there are too many."""
        with self._lock:
            self._collected[stored.report.failure.id] = stored
            while len(self._collected) > 1 and self._is_full():
                self._collected.popitem(last=False)
        if self._keeper:
            self._keeper.keep(stored.report, stored.full_texts)

    def get(self, failure_id: str) -> StoredFailure | None:
        with self._lock:
            stored = self._collected.get(failure_id)
        return stored or self._on_disk().get(failure_id)

    def newest_first(self) -> list[StoredFailure]:
        with self._lock:
            failures = {**self._on_disk(), **self._collected}
        return sorted(failures.values(), key=lambda stored: stored.report.failure.window.end, reverse=True)

    def unreadable(self) -> list[str]:
        """Why stored reports cannot be read, a sentence each."""
        not_kept = self._keeper.not_kept() if self._keeper else []
        return [*not_kept, *(sentence for source in self._sources for sentence in source.unreadable)]

    def without_evidence(self) -> list[str]:
        """What sources hold no evidence, with what they hold, a clause each."""
        return [source.without_evidence for source in self._sources if source.without_evidence]

    def _is_full(self) -> bool:
        collected = self._collected.values()
        return len(collected) > MAX_FAILURES or sum(stored.bytes for stored in collected) > MAX_BYTES

    def _on_disk(self) -> dict[str, StoredFailure]:
        """By id; a bundle, which has the full texts, takes precedence over a card of the same failure."""
        failures: dict[str, StoredFailure] = {}
        for source in self._sources:
            for stored in source.failures():
                known = failures.get(stored.report.failure.id)
                if known is None or not known.full_texts:
                    failures[stored.report.failure.id] = stored
        return failures


class StoredSource:
    """One path of the command line: an output file, a bundle, or a folder of bundles."""

    def __init__(self, path: Path, *, source: str | None = None) -> None:
        """``source`` is what its failures say of where they come from; by default the path's last two parts."""
        self._path = path
        self._source = source or "/".join(path.absolute().parts[-2:])
        self._bundles = Bundles(path)
        self._state: object = None
        self._failures: list[StoredFailure] = []
        self._lock = threading.Lock()
        self.unreadable: list[str] = []
        self.without_evidence = ""
        """``output.xml: 1 failed test, none with evidence``; empty when there is some, or nobody can tell."""

    def failures(self) -> list[StoredFailure]:
        with self._lock:
            state = self._state_now()
            if state != self._state:
                self._state = state
                self._read_failures()
            return self._failures

    def _state_now(self) -> object:
        """What changes when the content does."""
        try:
            return [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in self._parts_of_path()]
        except OSError as error:
            return str(error)

    def _parts_of_path(self) -> list[Path]:
        """The output file, or the manifests of the bundles."""
        return self._bundles.manifests() if self._path.is_dir() else [self._path]

    def _read_failures(self) -> None:
        self._failures, self.unreadable, self.without_evidence = [], [], ""
        try:
            for each in self._each_failure():
                if isinstance(each, ArchiveError):
                    self.unreadable.append(str(each))
                elif _ID.fullmatch(each.report.failure.id):
                    self._failures.append(each)
                else:
                    self.unreadable.append(f"'{self._path.name}' has a report with an id that FailTale does not give.")
            if not (self._path.is_dir() or self._failures or self.unreadable):
                self.without_evidence = f"{self._path.name}: {self._words_without_evidence()}"
        except ArchiveError as error:  # the file ends in damage; what stands before it was read
            self.unreadable.append(str(error))

    def _words_without_evidence(self) -> str:
        failed = failed_tests_in(self._path)
        return f"{count(failed, 'failed test')}, none with evidence" if failed else "no failed test"

    def _each_failure(self) -> Iterator[StoredFailure | ArchiveError]:
        if not self._path.is_dir():
            for report in reports_in(self._path):
                yield report if isinstance(report, ArchiveError) else StoredFailure(report, source=self._source)
            return
        for bundle, report in self._bundles.reports():
            if isinstance(report, ArchiveError):
                yield report
            else:
                yield StoredFailure(report, BundleTexts(bundle, report), source=self._source)
        if self._bundles.left_out:
            older = count(self._bundles.left_out, "older bundle")
            yield ArchiveError(f"The newest {MAX_BUNDLES} bundles of '{self._path}' are served, {older} are not.")
