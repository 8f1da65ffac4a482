"""The pictures that a test showed in its log -> screenshots below its output directory, and the bytes of one of them.

Browser, SeleniumLibrary, Robot's own Screenshot and their kin save a picture and log ``<img src="…">`` with a path
relative to log.html, or the picture itself as a ``data:`` address. What a message says is not believed: nothing leads
to a file that is not there, is no picture by its name, or lies outside of the output directory, by ``..`` or by a link.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from FailTaleLibrary.files import private_directory, read_regular, write_new_private_file
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Failure, SafeText, Screenshot, our_words
from FailTaleLibrary.text import shorten

MOST_SCREENSHOTS = 5
"""Of one failure: the newest. Of more there is a number."""
MAX_BYTES = 8 * 1024 * 1024
"""Of one picture; a page of 1920 by 10,000 pixels has less."""
MAX_ADDRESS = 1000
"""Characters of a path; no library makes a longer one."""
EMBEDDED = our_words("embedded in the log")
NOT_THERE = our_words("not there")
OUTSIDE = our_words("outside of the output directory")
WITHHELD = our_words("its path holds a secret")

_TAG = re.compile(r"<(?:img|a)\s([^<>]*)>", re.IGNORECASE)
_ADDRESS = re.compile(r"""(?:^|\s)(?:src|href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_NAME = re.compile(r"\.(?:png|jpe?g|webp|gif|bmp)", re.IGNORECASE)
_ELSEWHERE = re.compile(r"(?!file:)[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_EMBEDDED = re.compile(r"data:image/(?:png|jpe?g|webp|gif);base64,", re.IGNORECASE)
_KINDS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"))
_WEBP = (b"RIFF", b"WEBP")


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """One picture as a test showed it: raw."""

    address: str
    """A path, a ``file:`` or a ``data:`` address, as a page would take it."""
    keyword: str = ""
    """What took it."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutputFolders:
    """Where a test run puts what it writes."""

    output: Path
    """The output directory: no link leads out of it."""
    log: Path
    """The folder of log.html, which paths in messages are relative to."""
    home: Path
    """What the paths of records are relative to: ``output``, or where outputs are merged later."""
    kept: Path | None = None
    """Where embedded pictures are saved, below ``home``; None: they are not."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a screenshot."""

    data: bytes
    kind: str
    """``png``, ``jpeg``, ``gif`` or ``webp``, as its first bytes say."""


# --- What a test showed ----------------------------------------------------------------------------------------------


def addresses_in(message: str) -> Iterator[str]:
    """The addresses of pictures in an HTML message, shown or linked, each once."""
    found: dict[str, None] = {}
    for tag in _TAG.finditer(message):
        for match in _ADDRESS.finditer(tag[1]):
            address = html.unescape(match[1] or match[2] or match[3] or "")
            if _EMBEDDED.match(address) or is_of_picture(address):
                found[address] = None
    yield from found


def is_of_picture(address: str) -> bool:
    """Whether an address is a file's, of a picture by its name; a page's own address leads elsewhere."""
    return not _ELSEWHERE.match(address) and _NAME.fullmatch(Path(_path_in(address)).suffix) is not None


def _path_in(address: str) -> str:
    """``file:///out/a%20b.png?1#x`` -> ``/out/a b.png``."""
    path = re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", address, flags=re.IGNORECASE)
    return unquote(re.split(r"[?#]", path, maxsplit=1)[0])


# --- Where they are --------------------------------------------------------------------------------------------------


def with_screenshots(
    failure: Failure, newest_first: Iterable[ShownPicture], folders: OutputFolders, safe: Callable[[str], SafeText]
) -> Failure:
    """The failure with what its test showed, the newest `MOST_SCREENSHOTS`, in the order of time."""
    found: dict[str, Screenshot] = {}
    more = 0
    for shown in newest_first:
        if shown.address in found:
            continue
        if len(found) < MOST_SCREENSHOTS:
            found[shown.address] = _screenshot(shown, folders, safe)
        else:
            more += 1
    return failure.with_screenshots(tuple(reversed(found.values())), more=more)


def _screenshot(shown: ShownPicture, folders: OutputFolders, safe: Callable[[str], SafeText]) -> Screenshot:
    is_embedded = _EMBEDDED.match(shown.address) is not None
    place = _kept(shown.address, folders) if is_embedded else _place_of(shown.address, folders)
    path = safe(place.as_posix()) if isinstance(place, Path) else our_words("")
    note = place if not isinstance(place, Path) else our_words("")
    if isinstance(place, Path) and path != place.as_posix():
        path, note = our_words(""), WITHHELD
    return Screenshot(
        path=path,
        name=EMBEDDED if is_embedded else safe(shorten(Path(_path_in(shown.address)).name, 120)),
        keyword=safe(shown.keyword),
        taken_at=shown.at,
        note=note,
    )


def _place_of(address: str, folders: OutputFolders) -> Path | SafeText:
    """A picture's path, relative to `OutputFolders.home`; or why nothing leads to it."""
    text = _path_in(address)
    if len(text) > MAX_ADDRESS or "\0" in text:
        return NOT_THERE
    try:
        files = [(folder / text).resolve() for folder in (folders.log, folders.output)]
        inside = [file for file in files if file.is_relative_to(folders.output.resolve())]
        for file in inside:
            if file.is_file() and _NAME.fullmatch(file.suffix):  # also of what a link leads to
                return file.relative_to(folders.home.resolve())
    except (OSError, ValueError, RuntimeError):  # a name that no file system takes, a link in a circle
        return NOT_THERE
    return NOT_THERE if inside else OUTSIDE


def _kept(address: str, folders: OutputFolders) -> Path | SafeText:
    """Where an embedded picture is saved as a file, which is named by what is in it; or that it is not."""
    data = _decoded(address)
    kind = kind_of(data)
    if folders.kept is None or not kind:
        return EMBEDDED
    file = folders.kept / f"{hashlib.sha256(data).hexdigest()[:16]}.{kind}"
    try:
        private_directory(folders.kept)
        if not file.is_file():
            write_new_private_file(file, data)
        return file.relative_to(folders.home)
    except (OSError, ValueError):  # a full disk; the picture is in the log all the same
        return EMBEDDED


def _decoded(address: str) -> bytes:
    """The bytes of a ``data:`` address; none where it is damaged or too large."""
    _, _, text = address.partition(",")
    if len(text) > MAX_BYTES * 4 // 3:
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def kind_of(data: bytes) -> str:
    """What picture bytes are, by how they begin; empty for what is none."""
    if data[:4] == _WEBP[0] and data[8:12] == _WEBP[1]:
        return "webp"
    return next((kind for start, kind in _KINDS if data.startswith(start)), "")


# --- The one that shows the failure ----------------------------------------------------------------------------------


def nearest_screenshot(failure: Failure) -> Screenshot | None:
    """Of those that are files the one that was taken nearest to the failure; None where there is none."""
    files = [each for each in failure.screenshots if each.path]
    end = failure.window.end
    timed = [each for each in files if each.taken_at is not None]
    if timed:
        return min(timed, key=lambda each: abs((each.taken_at - end).total_seconds()) if each.taken_at else 0.0)
    return files[-1] if files else None


def picture_of(failure: Failure, folder: Path) -> Picture | None:
    """The picture that shows a failure, for a model that can see; None: there is none, or it is too large.

    ``folder`` is the one of the output file that the failure is from. What lies outside of it is not read, whatever
    the record says: a gateway or somebody else may have written that.
    """
    nearest = nearest_screenshot(failure)
    file = screenshot_file(nearest.path, folder) if nearest else None
    try:
        data = read_regular(file, max_bytes=MAX_BYTES) if file else b""
    except OSError:
        return None
    kind = kind_of(data)
    return Picture(data, kind) if kind else None


def screenshot_file(path: str, folder: Path) -> Path | None:
    """The file of a record's path below the folder of its output; None where it is not there, or leads out of it."""
    try:
        file = (folder / path).resolve()
        is_ours = file.is_relative_to(folder.resolve()) and file.is_file() and _NAME.fullmatch(file.suffix)
    except (OSError, ValueError, RuntimeError):
        return None
    return folder / path if is_ours else None
