"""Robot's output file -> the same file with hints in its cards.

One streaming pass into a temporary file that replaces the output atomically; whatever goes wrong leaves the output as
it was. A card is recognised by how it begins, read through its payload, and drawn anew.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape, unescape

from FailTaleLibrary.archive import report_in, to_payload
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.records import Analysis, Report
from FailTaleLibrary.rendering import CARD_START, is_card, redraw

Caption = Callable[[Report], Analysis]
"""A report -> its analysis, with a hint or with the reason why there is none."""

_XML_CARD = f">{escape(CARD_START)}"
_XML_END = "</msg>"


def caption(path: Path, caption_of: Caption, *, max_bytes: int) -> int:
    """Draws every card of an output.xml or output.json anew with what ``caption_of`` says; returns how many.

    ``max_bytes`` is the limit of one card. Raises ArchiveError when the file cannot be read or written; it is then
    as it was. A damaged card stays as it is.
    """
    rewrite = _json if path.suffix.lower() == ".json" else _xml
    draw = _Drawing(caption_of, max_bytes)
    try:
        _replace(path, lambda source, target: target.writelines(rewrite(source, draw)))
    except (OSError, ValueError) as error:
        raise ArchiveError(f"No hint was written into '{path}': {error}.") from error
    return draw.count


def with_progress(caption_of: Caption, total: int | None, stream: TextIO) -> Caption:
    """The same, with a line on a terminal that says how far it is; silent where ``stream`` is none."""
    if not stream.isatty():
        return caption_of
    done = 0

    def told(report: Report) -> Analysis:
        nonlocal done
        done += 1
        stream.write(f"\rFailTale: hint {done}{f' of {total}' if total else ''} …")
        stream.flush()
        try:
            return caption_of(report)
        finally:
            stream.write("\r\033[K")
            stream.flush()

    return told


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Where answers are kept across runs: ``$XDG_CACHE_HOME/failtale/hints`` or ``~/.cache/failtale/hints``."""
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "failtale" / "hints"


class _Drawing:
    """Draws cards anew and counts them."""

    def __init__(self, caption_of: Caption, max_bytes: int) -> None:
        self._caption_of = caption_of
        self._max_bytes = max_bytes
        self.count = 0

    def __call__(self, card: str) -> str:
        try:
            report = report_in(card)
        except ArchiveError:
            return card
        if report is None:
            return card
        self.count += 1
        captioned = report.model_copy(update={"analysis": self._caption_of(report)})
        return redraw(card, captioned, max_bytes=self._max_bytes, pack=to_payload)


def _xml(source: TextIO, draw: _Drawing) -> Iterator[str]:
    """Lines as they are; a card's message, which may span lines, is taken together."""
    for line in source:
        start = line.find(_XML_CARD)
        if start < 0 or 'html="true"' not in line[line.rfind("<msg", 0, start) : start]:
            yield line
            continue
        while _XML_END not in line[start:]:
            more = source.readline()
            if not more:
                raise ValueError("a card is not complete")
            line += more
        end = line.index(_XML_END, start)
        yield line[: start + 1] + escape(draw(unescape(line[start + 1 : end]))) + line[end:]


def _json(source: TextIO, draw: _Drawing) -> Iterator[str]:
    """Everything as it is but the strings that are cards: a second "body" of a test must not be lost."""
    text = source.read()
    decoder = json.JSONDecoder()
    position = 0
    for match in re.finditer(re.escape(json.dumps(CARD_START)[:-1]), text):
        if match.start() < position:
            continue
        card, end = decoder.raw_decode(text, match.start())
        if is_card(card):
            yield text[position : match.start()]
            yield json.dumps(draw(card))
            position = end
    yield text[position:]


def _replace(path: Path, fill: Callable[[TextIO, TextIO], None]) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with (
            os.fdopen(descriptor, "w", encoding="utf-8", newline="") as target,
            path.open(encoding="utf-8", newline="") as source,
        ):
            fill(source, target)
        draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
