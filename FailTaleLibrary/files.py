"""A path -> a file that is whole or not there, private files and directories, and where this user's own files lie."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TextIO

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is checked
Kind = Literal["config", "state", "cache"]

_HOMES: Mapping[Kind, tuple[str, str]] = {
    "config": ("XDG_CONFIG_HOME", ".config"),
    "state": ("XDG_STATE_HOME", ".local/state"),
    "cache": ("XDG_CACHE_HOME", ".cache"),
}
"""https://specifications.freedesktop.org/basedir-spec/latest/"""


def user_directory(kind: Kind, environ: Mapping[str, str] = os.environ) -> Path:
    """FailTale's directory of a kind in the user's home, such as ``$XDG_CACHE_HOME/failtale``; it may not exist yet."""
    variable, default = _HOMES[kind]
    base = environ.get(variable)
    return (Path(base) if base else Path.home() / default) / "failtale"


def own_runtime_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where this user's processes on this machine find each other; in memory where there is such a place.

    Made with mode 0700 where it is missing. Raises OSError, also when the directory there is another user's or open to
    others: anybody can make one in a place that all may write to.
    """
    runtime = environ.get("XDG_RUNTIME_DIR")
    shared = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
    path = Path(runtime) / "failtale" if runtime and Path(runtime).is_dir() else shared / f"failtale-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "the directory is not this user's alone", str(path))
    return path


def private_directory(path: Path) -> Path:
    """The directory, made with mode 0700 where it is missing; one that is there keeps its mode. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_new_private_file(path: Path, data: bytes) -> None:
    """A file of mode 0600 from its first byte on. Raises FileExistsError when it is there already, else OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def write_private_file(path: Path, text: str) -> None:
    """A file of mode 0600 with this text, at once in place of an earlier one of any mode. Raises OSError."""
    with _draft_of(path) as (draft, target):
        target.write(text)
    draft.replace(path)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """What the block writes takes the place of the file's text, at once and under its mode; a link stays one.

    UTF-8, bytes that are none as surrogates, line ends as they are written. When the block or the disk fails, the file
    stays as it was and nothing lies beside it. Raises OSError.
    """
    path = path.resolve()
    with _draft_of(path) as (draft, target):
        yield target
        draft.chmod(path.stat().st_mode & 0o777)
    draft.replace(path)


@contextlib.contextmanager
def _draft_of(path: Path) -> Iterator[tuple[Path, TextIO]]:
    """A new file of mode 0600 beside a path, open for writing; it goes when the block raises."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as target:
            yield draft, target
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
