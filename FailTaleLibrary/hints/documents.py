"""A folder of the product's own documents -> Passages by heading, bounded and free of secrets.

Text files alone, and no link is followed: whoever can write into the folder chooses what is read, and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from FailTaleLibrary.errors import HintError, RedactionError
from FailTaleLibrary.files import read_regular
from FailTaleLibrary.hints.injection import reads_like_instruction
from FailTaleLibrary.hints.prompt import prompt_line
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import SafeText
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.text import shorten

MOST_PASSAGES = 400
MAX_FILE_BYTES = 1_000_000
_MOST_ENTRIES = 5000
"""Files and folders that are looked at."""
_PASSAGE_CHARS = 800
_NAME_CHARS = 120
_SUFFIXES = frozenset({".md", ".rst", ".txt"})


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document, redacted; each field is one line."""

    file: SafeText
    """Relative to the folder."""
    heading: SafeText
    """The nearest above; empty where there is none."""
    text: SafeText

    @property
    def hash(self) -> str:
        return hashlib.sha256("\0".join([self.file, self.heading, self.text]).encode()).hexdigest()

    @property
    def gives_orders(self) -> bool:
        """Whether a model might take any of it for an instruction."""
        whole = f"{self.file} {self.heading} {self.text}"
        return any(reads_like_instruction(text) for text in (self.file, self.heading, self.text, whole))


@dataclass(frozen=True, slots=True)
class Documents:
    """What was read of a folder."""

    passages: tuple[Passage, ...]
    left_out: int
    """Files that are too large, no text or unreadable, and whatever stands behind a limit."""

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256("".join(passage.hash for passage in self.passages).encode()).hexdigest()


def read_documents(folder: Path, redactor: Redactor, *, within_s: float) -> Documents:
    """The passages of the text files below a folder, in the order of their names.

    Raises HintError when there is no such folder. What is not read within the time counts as left out.
    """
    if not folder.is_dir():
        raise HintError("'analysis: documents' names no folder that is there")
    ends, passages, left_out = time.monotonic() + within_s, list[Passage](), 0
    for file in _text_files(folder):
        if len(passages) >= MOST_PASSAGES or time.monotonic() > ends:
            left_out += 1
            continue
        try:
            text = _text_of(file)
            found = list(_passages_of(file.relative_to(folder).as_posix(), redactor.safe_text(text), redactor))
        except (OSError, ValueError, RedactionError):
            left_out += 1
            continue
        left_out += len(passages) + len(found) > MOST_PASSAGES
        passages += found[: MOST_PASSAGES - len(passages)]
    return Documents(tuple(passages), left_out)


def _text_files(folder: Path) -> Iterator[Path]:
    """Those with a known ending; neither links nor what is hidden."""
    seen = 0
    for here, folders, names in os.walk(folder):
        seen += len(folders)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            seen += 1
            if seen > _MOST_ENTRIES:
                return
            file = Path(here, name)
            if not name.startswith(".") and file.suffix.lower() in _SUFFIXES and not file.is_symlink():
                yield file


def _text_of(file: Path) -> str:
    """Raises OSError for what is too large, and ValueError for what is no text."""
    text = read_regular(file, max_bytes=MAX_FILE_BYTES).decode("utf-8-sig")
    if "\0" in text:
        raise ValueError("binary")
    return text


_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_HEADING = re.compile(r" {0,3}#{1,6}\s+(.*?)\s*#*\s*")
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+:.])\1{2,}\s*")


def _passages_of(name: str, text: str, redactor: Redactor) -> Iterator[Passage]:
    file = redactor.safe_text(_short_line(name, _NAME_CHARS))
    for heading, lines in _sections_of(text):
        for part in _parts_of_section(lines):
            yield Passage(file, redactor.safe_text(_short_line(heading, _NAME_CHARS)), redactor.safe_text(part))


def _sections_of(text: str) -> Iterator[tuple[str, list[str]]]:
    """Headings with the lines below them, those of Markdown and of reStructuredText."""
    heading, lines, is_code = "", list[str](), False
    for line in text.splitlines():
        if _FENCE.match(line):
            is_code = not is_code
        elif not is_code and (match := _HEADING.fullmatch(line)):
            yield heading, lines
            heading, lines = match[1], []
            continue
        elif not is_code and _UNDERLINE.fullmatch(line):
            # A line of dashes below a line of words makes a heading of it; elsewhere it is a rule or an overline.
            if lines and lines[-1].strip() and len(line.rstrip()) >= len(lines[-1].strip()):
                title = lines.pop()
                yield heading, lines
                heading, lines = title, []
            continue
        lines.append(line)
    yield heading, lines


def _parts_of_section(lines: list[str]) -> Iterator[str]:
    """The lines as single lines of at most `_PASSAGE_CHARS`."""
    part = ""
    for line in lines:
        plain = _short_line(line, _PASSAGE_CHARS)
        if part and len(part) + 1 + len(plain) > _PASSAGE_CHARS:
            yield part
            part = ""
        part = f"{part} {plain}".strip()
    if part:
        yield part


def _short_line(text: str, limit: int) -> str:
    return shorten(prompt_line(text), limit)
