"""A test begins or ends -> 256 bytes of shared memory; a failure -> the tests of other processes, meanwhile and before.

Each process that runs tests keeps one small file in its user's directory on this machine: a header that says which run
it belongs to and whose hosts it uses (as checksums), then its newest tests in slots of one size. The file is mapped, so
that a test costs no system call, and what was told stays when the process is killed; the files of others are read only
when a test fails. Who still lives is told by a lock that the system takes away with the process, so that a worker that
crashed is known as such and nothing has to be tidied up by it.

Other users, other machines and other containers cannot be seen. Nothing is written on a host.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from itertools import cycle
from mmap import mmap
from pathlib import Path
from struct import Struct
from typing import Literal, cast

from FailTaleLibrary.files import own_runtime_directory
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.records import OtherTest, OtherTests, SafeText, derived, our_words

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_log = logger_of(__name__)

HEADER_BYTES = 1024
SLOT_BYTES = 256
SLOTS = 128
"""Newest tests that a process tells of."""
FILE_BYTES = HEADER_BYTES + SLOTS * SLOT_BYTES
MOST_READINGS = 5
"""Of a file, until two say the same: nothing keeps its process from changing a slot while it is read."""
MAX_TARGETS = 48
"""Checksums of hosts in a header: the smallest, so that processes with the same hosts keep the same ones."""
KEPT_FILES = 200
"""Of processes that have ended; more are of no use to a window that is still open."""
MAX_TESTS = 20
"""Named in one report."""
LOST_AFTER_S = 600.0
"""A test whose process died is taken to have run for this long at most."""
GRAIN_S = 0.1
"""What is newer than that in a directory may have another one beside it that bears the same time."""
COMPANY_S = 10.0
"""So long the company of another process counts without a new look at it."""
SLACK_S = 1.0
"""So long after its end a test's lines may still be written, and many logs write whole seconds."""
_ANOTHER_RUN = our_words("another run")
_LONG_AGO = datetime.fromtimestamp(0, timezone.utc)

Status = Literal["running", "passed", "failed", "ended"]
SafeName = Callable[[str], SafeText]

_SLOT = Struct(f"<dd8s{SLOT_BYTES - 24}s")
"""A test: when it began and ended in seconds (0 while it runs), its status, its name; the rest is zeros."""
_SLOT_END = Struct("<d8s")
_BEFORE_END = 8
"""What changes when a test ends follows so many bytes behind a slot's begin."""
_FORMAT = 2
"""Of the slots; a process of another version of FailTale may have another one, and its tests are not read."""
_write_slot, _write_end = _SLOT.pack_into, _SLOT_END.pack_into
_STATUSES: dict[Status, bytes] = {status: status.encode() for status in ("running", "passed", "failed", "ended")}


@dataclass(frozen=True, slots=True)
class ParallelRun:
    """A run whose tests several processes share, as the face knows it."""

    name: SafeText
    """``pabot``, ``pytest-xdist``."""
    key: str
    """The same in all processes of the run, and in no other run."""


class OwnTests:
    """What this process tells the others of its tests. Raises nothing: what fails is a sentence in `unknown`."""

    def __init__(
        self, targets: Iterable[str], *, parallel: ParallelRun | None = None, directory: Path | None = None
    ) -> None:
        """``targets`` are whose logs are collected; processes without a common one have nothing to do with each other.

        ``directory`` is where the processes find each other; default: this user's on this machine.
        """
        self.unknown = our_words("")
        """Why other tests cannot be known; empty while they can."""
        self._targets = sorted({_checksum(target) for target in targets})[:MAX_TARGETS]
        self._parallel = parallel
        self._began_at = time.time()
        self._file: int | None = None
        self._memory: mmap | None = None
        """The file; None where the others know nothing of this process."""
        self._next_slots = cycle(range(HEADER_BYTES, FILE_BYTES, SLOT_BYTES))
        self._open_slot = 0
        """Where the test stands that is under way; 0 for none."""
        self._directory = directory
        self._name = f"{time.time_ns():020d}-{os.urandom(4).hex()}"
        self._seen_at = 0.0
        """When the directory had changed, as of the newest look for company."""
        self._no_company: set[str] = set()
        """Names of files that can be no company's any more: an ended process does not come back."""
        self._had_company = False
        self._company_until = 0.0
        """So long it counts, by a clock that nobody sets."""

    def begin(self) -> None:
        """From now on others know of this process. One that only asks for them need not say so."""
        if self._memory is None and self._targets and not self.unknown:
            self._guarded(self._open)

    def test_began(self, name: str, at_s: float | None = None) -> None:
        """A test of this process begins; one that has not been told to have ended (it is tried again) has.

        ``at_s``: when, in seconds of the clock; default: now.
        """
        if self._open_slot:
            self.test_ended("ended", at_s)
        if self._memory is None:
            self.begin()
        if self._memory is not None:
            self._open_slot = slot = next(self._next_slots)
            _write_slot(self._memory, slot, at_s or time.time(), 0.0, b"running", name.encode("utf-8", "replace"))

    def test_ended(self, status: Status, at_s: float | None = None) -> None:
        """It has ended, its teardown included; ``at_s`` as above."""
        if self._open_slot and self._memory is not None:
            _write_end(self._memory, self._open_slot + _BEFORE_END, at_s or time.time(), _STATUSES[status])
        self._open_slot = 0

    @property
    def has_company(self) -> bool:
        """Whether another process lives that would ask for this one's tests; cheap until another one begins.

        A name is in the directory only once the file behind it is complete, and changes the directory's own time.
        """
        if self._directory is None or not self._targets or self.unknown:
            return False
        if self._had_company and time.monotonic() < self._company_until:
            return True
        try:
            changed_at = self._directory.stat().st_mtime
            if self._had_company or changed_at != self._seen_at or time.time() - changed_at < GRAIN_S:
                self._seen_at = changed_at
                self._had_company = self._is_one_alive()
                self._company_until = time.monotonic() + COMPANY_S
        except OSError:  # somebody has removed it; a failure will say so
            self._had_company = False
        return self._had_company

    def close(self) -> None:
        """This process runs no further test."""
        if self._memory is not None:
            self._guarded(self._write_header, time.time())
        self._let_go()

    def others(self, start: datetime, end: datetime, *, safe: SafeName) -> OtherTests | None:
        """The tests of other processes that ran between two moments; None when this process was alone.

        Where the framework says that the run is parallel and nothing can be known of the others, that is said.
        """
        found: list[_Process] = []
        if self._targets and not self.unknown:
            self._guarded(lambda: found.extend(self._processes(start.timestamp() - SLACK_S, end.timestamp())))
        tests = sorted(
            (test for process in found for test in process.tests(start, end, safe)), key=lambda test: test.started_at
        )
        same_run = any(process.same_run for process in found)
        if not found and not (self._parallel and self.unknown):
            return None
        name = self._parallel.name if self._parallel and (same_run or not found) else _ANOTHER_RUN
        return OtherTests(
            ran_by=name,
            tests=tuple(tests[-MAX_TESTS:]),
            more=max(0, len(tests) - MAX_TESTS),
            unknown=self.unknown,
        )

    def failed_before(self, start: datetime, *, safe: SafeName) -> list[OtherTest]:
        """The tests of other runs that failed and were over by then, in the order in which they ended.

        Those of this very run are not among them: while some of its tests fail, others prove what is routine.
        """
        found: list[_Process] = []
        if self._targets and not self.unknown:
            self._guarded(lambda: found.extend(self._processes(0.0, start.timestamp())))
        ended = [
            test
            for process in found
            if not process.same_run
            for test in process.tests(_LONG_AGO, start, safe)
            if test.status == "failed" and test.ended_at is not None and test.ended_at <= start
        ]
        return sorted(ended, key=lambda test: str(test.ended_at))

    # --- The own file -------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        directory = self._place()
        _forget_oldest(directory)
        unfinished = directory / f"{self._name}.new"  # by its name the newest, which nobody tidies up
        self._file = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # All of it has its space from now on: a mapped page for which there is none would end the process.
        if os.pwrite(self._file, bytes(FILE_BYTES), 0) < FILE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._memory = mmap(self._file, FILE_BYTES)
        self._write_header(0.0)
        unfinished.rename(directory / self._name)

    def _place(self) -> Path:
        if fcntl is None:
            raise OSError("this system has no file locks")
        if self._directory is None:
            self._directory = own_runtime_directory()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._directory

    def _write_header(self, ended_at: float) -> None:
        header = {
            "pid": os.getpid(),
            "run": self._parallel.key if self._parallel else "",
            "targets": self._targets,
            "began": self._began_at,
            "ended": ended_at,
            "format": _FORMAT,
        }
        assert self._memory is not None  # noqa: S101 - for the type checker
        self._memory[:HEADER_BYTES] = json.dumps(header).encode().ljust(HEADER_BYTES)

    def _let_go(self) -> None:
        if self._memory is not None:
            self._memory.close()
        if self._file is not None:
            os.close(self._file)
        self._memory = self._file = None

    def _guarded(self, act: Callable[..., None], *arguments: float) -> None:
        try:
            act(*arguments)
        except Exception as error:  # no test may suffer from it
            _log.debug("other processes' tests cannot be known", exc_info=True)
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.unknown = our_words("the processes of this run could not share a file")
        if isinstance(error, OSError) and error.errno:
            self.unknown = our_words("{} ({})", self.unknown, derived(os.strerror, error.errno))
        self._let_go()

    # --- Those of the others ------------------------------------------------------------------------------------------

    def _processes(self, start: float, end: float) -> Iterator[_Process]:
        """The other processes that lived in a window and belong to this run or use one of its hosts."""
        directory = self._place()
        for name in os.listdir(directory):  # noqa: PTH208 - a name is all that is needed
            if name != self._name and (process := self._process(directory / name)) and process.lived_in(start, end):
                yield process

    def _is_one_alive(self) -> bool:
        """Whether another process lives that this one's tests concern."""
        directory = self._place()
        names = set(os.listdir(directory))  # noqa: PTH208 - a name is all that is needed
        self._no_company &= names
        for name in names - self._no_company - {self._name}:
            if not _is_alive(f"{directory}/{name}"):
                self._no_company.add(name)
            elif self._process(directory / name) is not None:
                return True
        return False

    def _process(self, path: Path) -> _Process | None:
        try:
            is_alive, data = _read(path)
            header = json.loads(data[:HEADER_BYTES])
            run, targets = str(header["run"]), header["targets"]
            same_run = bool(self._parallel and run == self._parallel.key)
            if header["pid"] == os.getpid() or not (same_run or set(targets) & set(self._targets)):
                return None
            began_at, ended_at = float(header["began"]), float(header["ended"])
            slots = data[HEADER_BYTES:FILE_BYTES] if header.get("format") == _FORMAT else b""
            return _Process(same_run, is_alive, began_at, ended_at, slots)
        except (OSError, ValueError, KeyError, TypeError):  # it went away, or is none of ours
            _log.debug("'%s' is no file of a process that runs tests", path, exc_info=True)
            return None


@dataclass(frozen=True, slots=True)
class _Process:
    """Another process, as its file tells."""

    same_run: bool
    is_alive: bool
    began_at: float
    ended_at: float
    """0 for one that did not say so."""
    slots: bytes

    def lived_in(self, start: float, end: float) -> bool:
        if self.began_at > end:
            return False
        if self.ended_at:
            return self.ended_at >= start
        return self.is_alive or any(_until(*test[:2], is_alive=False) >= start for test in self._slots())

    def tests(self, start: datetime, end: datetime, safe: SafeName) -> Iterator[OtherTest]:
        """Those that ran between two moments."""
        for began_at, ended_at, status, name in self._slots():
            is_later = began_at > end.timestamp()
            until = _until(began_at, ended_at, is_alive=self.is_alive)
            if is_later or until < start.timestamp() - SLACK_S:
                continue
            yield OtherTest(
                name=safe(name),
                started_at=datetime.fromtimestamp(began_at, timezone.utc),
                ended_at=datetime.fromtimestamp(ended_at, timezone.utc) if ended_at else None,
                status="lost" if status == "running" and not self.is_alive else status,
                same_run=self.same_run,
            )

    def _slots(self) -> Iterator[tuple[float, float, Status, str]]:
        whole = len(self.slots) // SLOT_BYTES * SLOT_BYTES
        for began_at, ended_at, written, name in _SLOT.iter_unpack(self.slots[:whole]):
            status = written.rstrip(b"\0").decode("ascii", "replace")
            if status in _STATUSES:
                text = name.rstrip(b"\0").decode("utf-8", "replace").replace("\n", " ")
                yield began_at, ended_at, cast(Status, status), text


def _until(began_at: float, ended_at: float, *, is_alive: bool) -> float:
    """When a test ended; for one that runs, never, and for one whose process died, some time later."""
    if ended_at:
        return ended_at
    return float("inf") if is_alive else began_at + LOST_AFTER_S


def _read(path: Path) -> tuple[bool, bytes]:
    """Whether the process of a file lives, and what the file holds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return _is_locked(descriptor), _read_whole(descriptor)
    finally:
        os.close(descriptor)


def _is_alive(path: str) -> bool:
    """Whether the process of a file lives, where it is one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return _is_locked(descriptor)
    finally:
        os.close(descriptor)


def _read_whole(descriptor: int) -> bytes:
    """What the file holds, without a slot of which one half is older than the other."""
    data = os.pread(descriptor, FILE_BYTES, 0)
    for _ in range(MOST_READINGS - 1):
        before, data = data, os.pread(descriptor, FILE_BYTES, 0)
        if data == before:
            break
    return data


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False


def _forget_oldest(directory: Path) -> None:
    """Removes the oldest files of processes that have ended, where there are many."""
    names = sorted(os.listdir(directory))  # noqa: PTH208 - a name begins with its time
    for name in names[:-KEPT_FILES]:
        path = directory / name
        with contextlib.suppress(FileNotFoundError):  # another process tidies up, too
            if not _read(path)[0]:
                path.unlink()


def _checksum(target: str) -> str:
    """Tells equal targets; nobody can read a host's name off it."""
    return f"{zlib.crc32(target.encode('utf-8', 'replace')):08x}"
