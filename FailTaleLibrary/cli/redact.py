"""``failtale redact``: texts, outputs of Robot Framework and bundles of the past -> the same without secrets."""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TextIO

from FailTaleLibrary.archive import rewrite_all, rewrite_bundle, rewritten
from FailTaleLibrary.archive.cards import REMOVED_PAYLOAD, rewrite_payloads
from FailTaleLibrary.archive.texts import Text, chunks_of, format_of
from FailTaleLibrary.cli.options import Commands, configuration_if_named, with_config
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.files import open_regular, replacing
from FailTaleLibrary.redaction import names_a_secret, redact_lines
from FailTaleLibrary.redaction.redactor import RecordRedactor
from FailTaleLibrary.run import redactor_for
from FailTaleLibrary.text import count, sanitize

_STDIN = "-"
_HEAD = 1000
"""Characters that tell what a file is."""
_SHORT, _MOST_CLEAN = 200, 100_000
_LONGEST_LINE = 16 << 20
"""Characters; a line is searched as a whole, so it is held as a whole."""
_UNREADABLE = {
    b"\x1f\x8b": "gunzip",
    b"\x1f\x9d": "uncompress",
    b"BZh": "bunzip2",
    b"\xfd7zXZ\0": "unxz",
    b"\x28\xb5\x2f\xfd": "unzstd",
    b"\x04\x22\x4d\x18": "unlz4",
    b"PK\x03\x04": "unzip",
    b"7z\xbc\xaf\x27\x1c": "7z x",
    b"Rar!\x1a\x07": "unrar x",
    b"\xff\xfe": "iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "iconv -f UTF-16 -t UTF-8",
}
"""How a file begins in which no secret can be seen -> the program that makes a text of it."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?")


def add_command(commands: Commands) -> None:
    redact = commands.add_parser(
        "redact",
        parents=[with_config()],
        help="remove secrets from texts, outputs of Robot Framework and bundles",
        description="Prints each file without its secrets. An output.xml or output.json loses them in messages, "
        "arguments, cards and in what its cards carry; log.html is made anew of it with rebot.",
    )
    redact.add_argument(
        "paths", nargs="+", metavar="FILE", help="text, output.xml, output.json, a bundle's folder, or - for stdin"
    )
    redact.add_argument("--in-place", action="store_true", help="replace each file instead of printing it")
    redact.set_defaults(run=_run_redact)


def _run_redact(options: argparse.Namespace) -> int:
    config = configuration_if_named(options) or Config()
    redactor = RecordRedactor(redactor_for(config, os.environ))
    for name in options.paths:
        if options.in_place:
            _redact_in_place(name, redactor, max_bytes=config.limits.card_bytes)
        else:
            _print_redacted(name, redactor, max_bytes=config.limits.card_bytes)
    removed = ", ".join(f"{each.count} by rule '{each.rule}'" for each in redactor.redactions())
    print(f"failtale: removed {removed or 'nothing'}", file=sys.stderr)
    return 0


def _redact_in_place(name: str, redactor: RecordRedactor, *, max_bytes: int) -> None:
    if name == _STDIN:
        raise ConfigError("'-' is standard input, which has no place; leave out '--in-place'.")
    path = Path(name)
    if path.is_dir():
        rewrite_bundle(path, redactor.text)
        return
    with _opened_file(path) as source, replacing(path) as target:
        target.writelines(_with_losses_said(_redacted_parts(source, path, redactor, max_bytes=max_bytes), path))


def _print_redacted(name: str, redactor: RecordRedactor, *, max_bytes: int) -> None:
    path = Path(name)
    if name != _STDIN and path.is_dir():
        raise ConfigError(f"'{path}' is a bundle; say '--in-place' to redact it where it is, or copy it first.")
    source = _as_it_comes(sys.stdin.buffer) if name == _STDIN else _opened_file(path)
    sys.stdout.flush()
    target = _as_it_comes(sys.stdout.buffer)
    try:
        with source:
            parts = _with_losses_said(_redacted_parts(source, path, redactor, max_bytes=max_bytes), path)
            target.writelines(map(sanitize, parts) if sys.stdout.isatty() else parts)
    finally:
        target.detach()  # which writes what is left, and leaves standard output open


def _opened_file(path: Path) -> TextIO:
    """Raises OSError, also for a device or a pipe: those go to standard input."""
    return _as_it_comes(open_regular(path))


def _as_it_comes(stream: BinaryIO) -> io.TextIOWrapper:
    """A stream's text; bytes that are no UTF-8 and line ends pass as they are."""
    return io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="")


def _redacted_parts(source: TextIO, path: Path, redactor: RecordRedactor, *, max_bytes: int) -> Iterator[str]:
    """A file in pieces without its secrets. Raises ConfigError for a page that cannot be redacted."""
    head = source.read(_HEAD)
    _refuse_unreadable(head, path)
    form = format_of(head, path.suffix)
    if form == "page":
        raise ConfigError(
            f"'{path}' is a page of Robot Framework, whose contents are packed. Redact the output.xml or output.json "
            f"that it was made of, then make it anew: rebot --log {path.name if path.suffix else 'log.html'} output.xml"
        )
    chunks = chain([head], chunks_of(source))
    if form == "text":
        return redact_lines(_lines_of(chunks, redactor), redactor)
    return rewrite_all(
        chunks,
        form,
        reports=partial(rewritten, transform=redactor.text),
        texts=_Texts(redactor),
        max_bytes=max_bytes,
    )


def _refuse_unreadable(head: str, path: Path) -> None:
    """Raises ConfigError for what is packed or no UTF-8: it would pass as it is, as a text without secrets."""
    begins = head[:8].encode("utf-8", "surrogateescape")
    for beginning, program in _UNREADABLE.items():
        if begins.startswith(beginning):
            raise ConfigError(
                f"No secret can be seen in '{path}': it is packed, or written in UTF-16. Redact what this makes of it: "
                f"{program} {shlex.quote(str(path))}"
            )


def _with_losses_said(parts: Iterable[str], path: Path) -> Iterator[str]:
    """The same, and at its end a sentence about what could only be removed."""
    lost = 0
    for part in parts:
        lost += part.count(REMOVED_PAYLOAD)
        yield part
    if lost:
        what = f"{count(lost, 'payload of a card', 'payloads of cards')} could not be read and had to be removed"
        print(f"failtale: '{path}': {what}", file=sys.stderr)


def _lines_of(chunks: Iterable[str], redactor: RecordRedactor) -> Iterator[str]:
    """Lines with their ends; payloads of reports, which the redactor cannot see into, are redacted already."""
    held = ""
    for chunk in chunks:
        *whole, held = (held + chunk).split("\n")
        if len(held) > _LONGEST_LINE:
            raise ConfigError(f"A line has more than {_LONGEST_LINE:,} characters, so this is no text.")
        for line in whole:
            yield rewrite_payloads(line, partial(rewritten, transform=redactor.text)) + "\n"
    if held:
        yield rewrite_payloads(held, partial(rewritten, transform=redactor.text))


class _Texts:
    """Redacts the texts of an output one by one; most of the short ones (names, levels) it has many times over."""

    def __init__(self, redactor: RecordRedactor) -> None:
        self._redactor = redactor
        self._clean: set[str] = set()

    def __call__(self, text: Text) -> str:
        if names_a_secret(text.name) and not text.value.isdigit():  # Robot's statistics count what did `pass`
            return self._secret_by_name(text)
        if text.value in self._clean or _MOMENT.fullmatch(text.value):
            return text.value
        redacted = self._redactor.redact(text.value).text
        if redacted == text.value and len(redacted) <= _SHORT and len(self._clean) < _MOST_CLEAN:
            self._clean.add(redacted)
        return redacted

    def _secret_by_name(self, text: Text) -> str:
        """A text whose name says that it is a secret, as that of Robot's metadata may do."""
        begin = f'{text.name}="'
        redacted = self._redactor.redact(f'{begin}{text.value}"').text
        if redacted.startswith(begin) and redacted.endswith('"'):
            return redacted[len(begin) : -1]
        return self._redactor.redact(text.value).text
