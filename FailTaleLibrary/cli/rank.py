"""``failtale rank``: logs that arrive without hosts -> the lines that could tell why, with reasons and line numbers."""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

from FailTaleLibrary.cli.options import Commands, configuration_if_named, status_1, with_config
from FailTaleLibrary.config import Config
from FailTaleLibrary.files import open_regular, read_anything
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.ranking import LineSuspect, suspects_in
from FailTaleLibrary.redaction.redactor import RecordRedactor
from FailTaleLibrary.run import redactor_for
from FailTaleLibrary.text import count

_STDIN = "-"
_MOST = 10
MOST_BYTES = 64 << 20
"""Of each log; of a bigger one the end is read, for there it says what stopped it."""
_CHUNK_BYTES = 1 << 20
_SHOWN_CHARS = 300
_MOST_LINES = 500_000
"""The newest of a log: of two bytes each, a limit of bytes alone would let thirty million through."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A log as it was read."""

    name: str
    lines: list[str]
    omitted_bytes: int


def add_command(commands: Commands) -> None:
    rank = commands.add_parser(
        "rank",
        parents=[with_config()],
        help="rank the lines of logs that you have as files",
        description="Prints the lines of plain logs (of a build, of a run without FailTale) that could tell why it "
        "failed, most suspicious first, each with its line number and the reasons. Secrets are removed from what is "
        "printed.",
        epilog=status_1("nothing stands out"),
    )
    rank.add_argument("paths", nargs="+", metavar="FILE", help="a log, or - for standard input")
    rank.add_argument("--passing", metavar="FILE", help="the log of a run of the same thing that went well")
    rank.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    rank.add_argument("--most", type=_positive, default=_MOST, metavar="N", help=f"at most so many (default: {_MOST})")
    rank.set_defaults(run=_rank_files)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number of 1 or more")
    return int(text)


def _rank_files(options: argparse.Namespace) -> int:
    redactor = RecordRedactor(redactor_for(configuration_if_named(options) or Config(), os.environ))
    passing = _read_log(options.passing) if options.passing else None
    logs = [_read_log(name) for name in dict.fromkeys(options.paths)]
    found = [suspects_in(log.lines, passing=passing.lines if passing else None, most=options.most) for log in logs]
    shown = list(_in_turn(logs, found))[: options.most]
    for log in (*logs, *([passing] if passing else [])):
        if log.omitted_bytes:
            said = f"the first {log.omitted_bytes:,} bytes were left out; lines are counted from there"
            print(f"failtale: {log.name}: {said}", file=sys.stderr)
    print(_as_json(logs, shown, redactor) if options.json else _as_safe_text(logs, shown, redactor))
    return 0 if shown else 1


def _in_turn(logs: Sequence[_Read], found: Sequence[Sequence[LineSuspect]]) -> Iterator[tuple[_Read, LineSuspect]]:
    """The first of each log, the second of each …: scores of different logs cannot be compared."""
    for row in zip_longest(*found):
        yield from ((log, suspect) for log, suspect in zip(logs, row, strict=True) if suspect is not None)


def _read_log(name: str) -> _Read:
    if name == _STDIN:
        return _of_stream("standard input", sys.stdin.buffer)
    path = Path(name)
    if path.exists() and not path.is_file():
        return _of_pipe(path)
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        skipped = file.seek(size - MOST_BYTES) if size > MOST_BYTES else 0
        return _of_stream(name, file, omitted_bytes=skipped)


def _of_pipe(path: Path) -> _Read:
    """What a shell's ``<(zcat old.gz)`` gives. Raises OSError: it has no end, or says nothing."""
    data = read_anything(path, max_bytes=MOST_BYTES)
    if len(data) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it is no regular file and has more than {MOST_BYTES:,} bytes", str(path))
    return _of_stream(str(path), io.BytesIO(data))


def _of_stream(name: str, stream: BinaryIO, *, omitted_bytes: int = 0) -> _Read:
    """The end of a stream, of which no more than twice the limit is held at a time."""
    held = bytearray()
    while chunk := stream.read(_CHUNK_BYTES):
        held += chunk
        if len(held) > 2 * MOST_BYTES:
            omitted_bytes += len(held) - MOST_BYTES
            del held[:-MOST_BYTES]
    cut = max(0, len(held) - MOST_BYTES)
    text = bytes(held[cut:]).decode("utf-8", "replace")
    lines = text.rsplit("\n", _MOST_LINES)
    older = len(lines.pop(0).encode()) + 1 if len(lines) > _MOST_LINES else 0
    return _Read(name, lines, omitted_bytes + cut + older)


def _as_safe_text(logs: Sequence[_Read], shown: Sequence[tuple[_Read, LineSuspect]], redactor: RecordRedactor) -> str:
    if not shown:
        return f"Nothing stands out in {count(sum(len(log.lines) for log in logs), 'line')}."
    return "\n".join(line for log, suspect in shown for line in _in_words(log, suspect, redactor, many=len(logs) > 1))


def _in_words(log: _Read, suspect: LineSuspect, redactor: RecordRedactor, *, many: bool) -> Iterator[str]:
    place = f"{log.name}:{suspect.line_number + 1}" if many else f"{suspect.line_number + 1}"
    times = f"; {suspect.count:,} times" if suspect.count > 1 else ""
    yield f"{place}: {_safe_text(suspect, redactor).strip()[:_SHOWN_CHARS]}"
    yield f"    {', '.join(suspect.reasons)}{times}"


def _as_json(logs: Sequence[_Read], shown: Sequence[tuple[_Read, LineSuspect]], redactor: RecordRedactor) -> str:
    suspects = [
        {
            "file": log.name,
            "line": suspect.line_number + 1,
            "text": _safe_text(suspect, redactor),
            "score": suspect.score,
            "reasons": suspect.reasons,
            "count": suspect.count,
        }
        for log, suspect in shown
    ]
    read = [{"file": log.name, "lines": len(log.lines), "omitted_bytes": log.omitted_bytes} for log in logs]
    return json.dumps({"suspects": suspects, "logs": read}, indent=2, ensure_ascii=False)


def _safe_text(suspect: LineSuspect, redactor: RecordRedactor) -> str:
    return redactor.text(suspect.text)
