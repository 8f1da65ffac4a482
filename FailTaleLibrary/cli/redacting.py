"""The command that applies redaction to what is already there: redact."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from html import unescape
from pathlib import Path
from typing import cast
from xml.sax.saxutils import escape

from FailTaleLibrary.archive import report_in, rewrite_bundle, rewritten, to_payload
from FailTaleLibrary.cli.asking import add_config, configuration
from FailTaleLibrary.config import Config, Limits
from FailTaleLibrary.errors import ArchiveError, ConfigError
from FailTaleLibrary.redaction import Redacted, Redactor, redact_lines
from FailTaleLibrary.rendering import is_card, redraw
from FailTaleLibrary.run import redactor_for

_MARKUP = re.compile(r"(<!\[CDATA\[.*?\]\]>|<!--.*?-->|<[^>]*>)", re.DOTALL)
_SEALED = re.compile(r"(<!\[CDATA\[|<!--)(.*)(\]\]>|-->)", re.DOTALL)
_COUNTS = re.compile(r'( pass="\d+" fail="\d+")')
"""Of Robot's statistics: here `pass` is no password."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds ``redact``."""
    redact = commands.add_parser("redact", help="remove secrets from any text, an output.xml of the past, or a bundle")
    redact.add_argument("paths", nargs="+", type=Path, metavar="FILE", help="text, output.xml, or a bundle's folder")
    add_config(redact)
    redact.add_argument("--in-place", action="store_true", help="replace each file instead of printing it")
    redact.set_defaults(run=_redact)


def _redact(options: argparse.Namespace) -> int:
    redactor = _CountingRedactor(_redactor(options))
    for path in options.paths:
        if path.is_dir():
            _redact_bundle(path, redactor, in_place=options.in_place)
        else:
            _redact_file(path, redactor, in_place=options.in_place)
    told = ", ".join(f"{count} by rule '{rule}'" for rule, count in sorted(redactor.counts.items()))
    print(f"failtale: removed {told or 'nothing'}", file=sys.stderr)
    return 0


def _redactor(options: argparse.Namespace) -> Redactor:
    """With the configuration's own rules and secrets where one is named, and the environment's secrets always."""
    named = options.config or os.environ.get("FAILTALE_CONFIG")
    return redactor_for(configuration(options) if named else Config(), os.environ)


class _CountingRedactor:
    """A redactor that remembers how many secrets each rule removed."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self.counts: Counter[str] = Counter()

    def redact(self, text: str) -> Redacted:
        redacted = self.redactor.redact(text)
        self.counts.update({each.rule: each.count for each in redacted.redactions})
        return redacted

    def text(self, text: str) -> str:
        return self.redact(text).text


def _redact_bundle(path: Path, redactor: _CountingRedactor, *, in_place: bool) -> None:
    if not in_place:
        raise ConfigError(f"'{path}' is a bundle; say '--in-place' to redact it where it is, or copy it first.")
    rewrite_bundle(path, redactor.text)


def _redact_file(path: Path, redactor: _CountingRedactor, *, in_place: bool) -> None:
    with path.open(encoding="utf-8", errors="backslashreplace", newline="") as source:
        is_xml = path.suffix.lower() == ".xml"
        parts = _xml(source.read(), redactor) if is_xml else redact_lines(source, cast("Redactor", redactor))
        if in_place:
            _replace(path, parts)
        else:
            sys.stdout.writelines(parts)


def _xml(text: str, redactor: _CountingRedactor) -> Iterator[str]:
    """An XML file, text by text, so that it stays well-formed; cards of FailTale are drawn anew, payload included."""
    for number, part in enumerate(_MARKUP.split(text)):
        if number % 2:
            yield _markup(part, redactor)
        elif part.strip():
            yield escape(_message(unescape(part), redactor))
        else:
            yield part


def _markup(part: str, redactor: _CountingRedactor) -> str:
    """A tag, a comment or a CDATA section, whose own delimiters and counts stay."""
    if sealed := _SEALED.fullmatch(part):
        return sealed[1] + redactor.text(sealed[2]) + sealed[3]
    return "".join(each if number % 2 else redactor.text(each) for number, each in enumerate(_COUNTS.split(part)))


def _message(message: str, redactor: _CountingRedactor) -> str:
    if not is_card(message):
        return redactor.text(message)
    try:
        report = report_in(message)
    except ArchiveError:
        report = None
    if report is None:
        return redactor.text(message)
    return redraw(message, rewritten(report, redactor.text), max_bytes=Limits().card_bytes, pack=to_payload)


def _replace(path: Path, parts: Iterable[str]) -> None:
    draft = path.with_name(f".{path.name}.failtale")
    try:
        draft.touch(mode=0o600)
        with draft.open("w", encoding="utf-8", newline="") as target:
            target.writelines(parts)
        draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
