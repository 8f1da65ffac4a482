"""Who waits, and what is heard -> for how long a gateway has been silent; what the run's other processes know of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from FailTaleLibrary.files import own_runtime_directory, read_regular, write_private_file
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.log import logger_of

_log = logger_of(__name__)
_MAX_BYTES = 8192


class Pulse:
    """For how long nothing has been heard though somebody waits. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0
        self._since = 0.0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Somebody waits for a sign of life, as long as the block lasts."""
        with self._lock:
            self._waiting += 1
            if self._waiting == 1:
                self._since = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def heard(self) -> None:
        """There is a sign of life: a complete answer, or a step of a collection."""
        with self._lock:
            self._since = time.monotonic()

    @property
    def silent_s(self) -> float:
        with self._lock:
            return time.monotonic() - self._since if self._waiting else 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """What another process of the run has told of a silent gateway."""

    because: str
    """Its sentence."""
    age_s: float


class KnownSilence:
    """A small file by which the processes of one run tell each other that a gateway is silent.

    Where nobody shares the run, or the file cannot be had, each process finds out by itself.
    """

    def __init__(self, url: str, run: str | None = None, *, directory: Path | None = None) -> None:
        """``run`` is the same in all processes of the run and in no other; None: nobody shares it."""
        self._name = None if run is None else f"gateway-{hashlib.sha256(f'{url} {run}'.encode()).hexdigest()[:16]}"
        self._directory = directory
        self._is_asked = False
        self._is_forgotten = run is None

    def told(self) -> Told | None:
        """What others have told, to who asks first; None when they have not."""
        if self._name is None or self._is_asked:
            return None
        self._is_asked = True
        try:
            told = json.loads(read_regular(self._path(self._name), max_bytes=_MAX_BYTES))
            return Told(str(told["because"]), max(0.0, time.time() - float(told["at"])))
        except (OSError, ValueError, KeyError, TypeError):  # nobody had to tell anything
            return None

    def tell(self, because: str) -> None:
        """This process has waited for it in vain."""
        if self._name is not None:
            self._is_asked, self._is_forgotten = True, False
            with _quietly():
                write_private_file(self._path(self._name), json.dumps({"at": time.time(), "because": because}))

    def forget(self) -> None:
        """The gateway answers."""
        if self._name is not None and not self._is_forgotten:
            self._is_forgotten = True
            with _quietly():
                self._path(self._name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return (self._directory or own_runtime_directory()) / name


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    try:
        yield
    except OSError:
        _log.debug("the processes of this run cannot tell each other of the gateway", exc_info=True)
