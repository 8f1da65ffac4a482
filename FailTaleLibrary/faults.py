"""A fault of FailTale's own -> one sentence for the reader, and its traceback in a file that the sentence names.

A fault costs the stage or the item in which it happened and nothing else: whoever guards one asks `Faults` for the gap
that stands in its place.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

from FailTaleLibrary.files import private_directory
from FailTaleLibrary.log import logger_of, traceback_of
from FailTaleLibrary.records import NO_HOST, Gap, SafeText, our_words

FILE_NAME = "error.log"
MAX_FILE_BYTES = 1024 * 1024
"""Of the file of tracebacks; what comes later is named in the report, but not kept."""
_LACKING = {
    errno.EMFILE: our_words("file descriptors ('ulimit -n')"),
    errno.ENFILE: our_words("file descriptors (its kernel's fs.file-max)"),
    errno.ENOMEM: our_words("memory ('ulimit -v', or its container's limit)"),
    errno.ENOSPC: our_words("space on a disk"),
    errno.EDQUOT: our_words("space in a disk's quota"),
}
_REMEDIES = {
    _LACKING[errno.EMFILE]: our_words("Raise that limit, or have fewer hosts asked at once (limits.parallel_hosts)."),
}
_NO_THREADS = our_words("threads ('ulimit -u' or 'ulimit -v', or its container's limit)")

_log = logger_of(__name__)


class SafetyOfTexts(Protocol):
    """What makes texts safe: `redaction.Redactor`."""

    def safe_text(self, text: str) -> SafeText: ...

    def safe_message(self, message: object) -> SafeText: ...


class Faults:
    """The faults of a run. Safe to use from any thread; raises nothing."""

    def __init__(self, redactor: Callable[[], SafetyOfTexts]) -> None:
        """``redactor`` gives the one that knows all secrets that are known by then."""
        self._redactor = redactor
        self._directory: Path | None = None
        self._shown = ""
        self._lock = threading.Lock()

    def keep_in(self, directory: Path, *, shown: str) -> None:
        """Tracebacks go to ``error.log`` in this directory, made at need; ``shown`` is its name for a reader."""
        with self._lock:
            self._directory, self._shown = directory, shown

    def sentence(self, activity: str, error: BaseException) -> SafeText:
        """What a reader sees: "FailTale internal error while ranking the evidence: KeyError: 'x'. Details: …".

        What the machine that runs the tests lacks is told as that: nobody has to look for a fault in FailTale then.
        """
        _log.debug("internal error while %s", activity, exc_info=error)
        lacking = _what_is_lacking(error)
        try:
            safe = self._redactor()
            whose = f"This machine has no more {lacking}" if lacking else "FailTale internal error"
            said = " ".join(f"{whose} while {activity}: {type(error).__name__}: {error}".split()).rstrip(":")
            where = our_words("Set FAILTALE_LOG to the name of a file to get the details.")
            if self._kept(f"while {activity}\n{traceback_of(error, safe.safe_text)}"):
                where = our_words("Details: {}", safe.safe_message(f"{self._shown}/{FILE_NAME}"))
            if remedy := _REMEDIES.get(lacking):
                where = our_words("{} {}", remedy, where)
            return our_words("{}. {}", safe.safe_message(said), where)
        except Exception:
            _log.debug("a fault cannot be reported", exc_info=True)
            if lacking:  # also for what would make the activity's name safe
                return our_words("This machine has no more {}.", lacking)
            return our_words("FailTale internal error, details withheld for safety.")

    def gap(
        self,
        activity: str,
        error: BaseException,
        *,
        host: str = NO_HOST,
        component: str = "",
        collector: str | None = None,
    ) -> Gap:
        """The gap that stands for what the fault cost."""
        return Gap(
            host=host,
            component=component,
            collector=collector,
            reason="failed",
            detail=self.sentence(activity, error),
            at=datetime.now(timezone.utc),
        )

    def _kept(self, text: str) -> bool:
        """Whether there is a file for it, even if that is full by now."""
        with self._lock:
            try:
                return self._directory is not None and _append(self._directory, text)
            except OSError:
                _log.debug("the file of tracebacks cannot be written", exc_info=True)
                return False


def _what_is_lacking(error: BaseException) -> SafeText:
    """What the machine that runs the tests has no more of, with the limit that says so; else empty."""
    if isinstance(error, MemoryError):
        return _LACKING[errno.ENOMEM]
    if isinstance(error, RuntimeError) and str(error).endswith("can't start new thread"):
        return _NO_THREADS
    if isinstance(error, (ImportError, RuntimeError)):  # the linker of shared libraries, and a keeper, have words alone
        return next((what for number, what in _LACKING.items() if os.strerror(number) in str(error)), our_words(""))
    return _LACKING.get(error.errno or 0, our_words("")) if isinstance(error, OSError) else our_words("")


def _append(directory: Path, text: str) -> bool:
    path = private_directory(directory) / FILE_NAME
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
        if file.tell() < MAX_FILE_BYTES:
            entry = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC, {text.rstrip()}\n\n"
            file.write(entry.encode("utf-8", "backslashreplace")[:MAX_FILE_BYTES])
    return True
