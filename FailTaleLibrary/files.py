"""A path -> a file that is whole or not there, private files and directories, bounded reading, a user's own files."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import selectors
import stat
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, BinaryIO, Literal, TextIO, cast

_PACKAGE = Path(__file__).parent
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is checked
Kind = Literal["config", "state", "cache"]

_HOMES: Mapping[Kind, tuple[str, str]] = {
    "config": ("XDG_CONFIG_HOME", ".config"),
    "state": ("XDG_STATE_HOME", ".local/state"),
    "cache": ("XDG_CACHE_HOME", ".cache"),
}
"""https://specifications.freedesktop.org/basedir-spec/latest/"""


def _temporary_directory() -> Path:
    import tempfile

    return Path(tempfile.gettempdir())


def user_directory(kind: Kind, environ: Mapping[str, str] = os.environ) -> Path:
    """FailTale's directory of a kind in the user's home, such as ``$XDG_CACHE_HOME/failtale``; it may not exist yet."""
    variable, default = _HOMES[kind]
    base = environ.get(variable)
    return (Path(base) if base else Path.home() / default) / "failtale"


def install_line(extra: str, *, direct_url: str | None = None) -> str:
    """What installs an extra beside this FailTale: from the folder or wheel that it came from, where that is there.

    ``direct_url`` is how pip noted the place. https://packaging.python.org/en/latest/specifications/direct-url/
    """
    import json  # wanted by a sentence alone
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import unquote, urlsplit

    name = "robotframework-failtale"
    with contextlib.suppress(PackageNotFoundError, ValueError):
        place = urlsplit(
            json.loads(direct_url or distribution(name).read_text("direct_url.json") or "{}").get("url", "")
        )
        path = Path(unquote(place.path))
        if place.scheme == "file" and path.exists():
            name = str(path)
    return f"pip install '{name}[{extra}]'"


EXAMPLES = ("hits", "misses")
"""Fields of rows in our YAML files that tests alone read."""


def packaged_yaml(package: str, *path: str) -> Any:
    """The content of a YAML file of our own package; see `yaml_parsed_once`."""
    return yaml_parsed_once(_PACKAGE.joinpath(*package.split(".")[1:], *path))


def yaml_parsed_once(path: Path) -> Any:
    """The content of a YAML file that we ship, parsed when it is new."""
    return made_once(path, (path,), lambda: yaml_parsed(path))


def made_once(path: Path, sources: Sequence[Path], make: Callable[[], Any]) -> Any:
    """What ``make`` makes of our own ``sources``, in Python's plain values; see `code_made_once`."""
    code = code_made_once(path, sources, lambda: compile(repr(make()), str(path), "eval"))
    return eval(code)  # noqa: S307 - a literal: what Python's own `repr` made


def code_made_once(path: Path, sources: Sequence[Path], make: Callable[[], CodeType]) -> CodeType:
    """The code that ``make`` makes of our own ``sources``: made when one of them is new.

    It is kept as Python keeps a module's bytecode, beside ``path`` and under its name.
    """
    return cast(CodeType, _MadeLoader(path, sources, make).get_code(path.name))


class _MadeLoader(SourceFileLoader):
    """Files -> code; importlib compares times and sizes, and writes ``__pycache__`` where it may."""

    def __init__(self, path: Path, sources: Sequence[Path], make: Callable[[], CodeType]) -> None:
        super().__init__(path.name, str(path.with_name(f"{path.name}.py")))
        self._sources = sources
        self._make = make

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """In the place of a time: what changes whenever the time or the size of a source does."""
        known = [source.stat() for source in self._sources]
        stamps = repr([(status.st_mtime_ns, status.st_size) for status in known])
        return {"mtime": zlib.crc32(stamps.encode()), "size": 0}  # as long as what `get_data` tells

    def get_data(self, path: str) -> bytes:
        return b"" if path == self.path else super().get_data(path)

    def source_to_code(self, data: Any, path: Any, *, _optimization: int = -1) -> CodeType:  # type: ignore[override]
        return self._make()


def yaml_parsed(path: Path, *, without: Collection[str] = ()) -> Any:
    """The content of a YAML file that we ship; ``without`` keys that nobody asks for now."""
    text = path.read_text(encoding="utf-8")
    if without:  # before the text is parsed, which is most of the work
        text = re.sub(rf"(?m)^( +)(?:{'|'.join(without)}):.*\n(?:\1[ -].*\n|\n)*", "", text)
    return _parsed_yaml(text)


def _parsed_yaml(text: str) -> Any:
    """At the speed of libyaml where PyYAML has it."""
    import yaml  # not needed by a run without a failure

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, loader)  # noqa: S506 - both loaders are safe


def own_runtime_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where this user's processes on this machine find each other; in memory where there is such a place.

    Made with mode 0700 where it is missing. Raises OSError, also when the directory there is another user's or open to
    others: anybody can make one in a place that all may write to.
    """
    runtime = environ.get("XDG_RUNTIME_DIR")
    shared = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else _temporary_directory()
    path = Path(runtime) / "failtale" if runtime and Path(runtime).is_dir() else shared / f"failtale-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "the directory is not this user's alone", str(path))
    return path


PIPE_S = 10.0
"""A pipe or a device has to say all that it has within this time."""
_CHUNK_BYTES = 64 * 1024


def open_regular(path: Path) -> BinaryIO:
    """A regular file, open for reading. Raises OSError, whose ``strerror`` says why: a device, a pipe, a directory …"""
    file = _open_anything(path)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return file


def read_at_most(file: BinaryIO, max_bytes: int) -> bytes:
    """What a file holds, so many bytes at most, in as much memory; its own `read` takes all that it might fill."""
    data = bytearray()
    while len(data) < max_bytes and (chunk := file.read(min(_CHUNK_BYTES, max_bytes - len(data)))):
        data += chunk
    return bytes(data)


def read_regular(path: Path, *, max_bytes: int) -> bytes:
    """What a regular file holds. Raises OSError, whose ``strerror`` says why, also for more than ``max_bytes``."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > max_bytes or len(data := read_at_most(file, max_bytes + 1)) > max_bytes:
            raise OSError(errno.EFBIG, f"it has more than {max_bytes:,} bytes", str(path))
    return data


def read_anything(path: Path, *, max_bytes: int) -> bytes:
    """The same of a pipe or a device as well, as far as it speaks: one byte more than ``max_bytes`` says "too much".

    Raises OSError: a directory, or what says nothing for `PIPE_S`.
    """
    with _open_anything(path) as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return read_at_most(file, max_bytes + 1)
        return _all_that_comes(file.fileno(), max_bytes + 1, path)


def _open_anything(path: Path) -> BinaryIO:
    """Open without waiting: a pipe without writer would keep its reader for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return os.fdopen(descriptor, "rb")


def _all_that_comes(descriptor: int, max_bytes: int, path: Path) -> bytes:
    ends, data = time.monotonic() + PIPE_S, bytearray()
    with selectors.SelectSelector() as selector:  # epoll refuses devices
        selector.register(descriptor, selectors.EVENT_READ)
        while len(data) < max_bytes:
            if not selector.select(max(0.0, ends - time.monotonic())):
                raise TimeoutError(errno.ETIMEDOUT, f"it did not end within {PIPE_S:g} s", str(path))
            with contextlib.suppress(BlockingIOError):
                if not (chunk := os.read(descriptor, min(_CHUNK_BYTES, max_bytes - len(data)))):
                    break
                data += chunk
    return bytes(data)


def check_private(path: Path) -> None:
    """Raises OSError with the command that mends it, unless only its owner can read, write or replace a file.

    The file is there; a link counts as what it leads to.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise OSError(
            errno.EPERM, f"others may read it (mode {stat.S_IMODE(status.st_mode):o}); type: chmod 600 '{path}'"
        )
    for folder in {path.absolute().parent, path.resolve().parent}:
        mode = folder.stat().st_mode
        if mode & 0o022 and not mode & stat.S_ISVTX:
            raise OSError(errno.EPERM, f"others may replace it in its folder; type: chmod go-w '{folder}'")
    if status.st_uid not in (os.geteuid(), 0):
        raise OSError(errno.EPERM, f"it belongs to another user (number {status.st_uid})")


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
    """A file of mode 0600 with this text, at once in place of an earlier one of any mode. Raises OSError.

    A device or a pipe that is there (``/dev/stdout``) gets the text and stays what it is.
    """
    if _takes_a_stream(path):
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        return
    with _draft_of(path) as (draft, target):
        target.write(text)
    draft.replace(path)


def write_file(path: Path, text: str) -> None:
    """A file with the mode that new files have, at once in place of an earlier one. Raises OSError.

    A device or a pipe that is there (``/dev/stdout``) gets the text and stays what it is.
    """
    if _takes_a_stream(path):
        path.write_text(text, encoding="utf-8")
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _takes_a_stream(path: Path) -> bool:
    """Whether what is there is no file that another one may replace: root would replace the machine's ``/dev/null``."""
    if not path.exists():
        return False
    folder = path.parent.resolve()  # what stands there may also be a link to a file that is open as standard output
    return folder == Path("/dev") or folder.is_relative_to("/proc") or not (path.is_file() or path.is_dir())


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
    import tempfile  # 7 ms, with what packs files

    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as target:
            yield draft, target
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
