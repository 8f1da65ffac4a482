"""Tables whose head names a column of secrets: of psql, mysql, CSV, TSV and Markdown -> the cells of that column."""

from __future__ import annotations

from collections.abc import Iterator

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.redaction.assignments import strength
from FailTaleLibrary.redaction.spans import Span, compiled, only_tokens
from FailTaleLibrary.redaction.values import is_made_up, is_nothing, is_reference, is_value

_HEAD = compiled(rb"(?im)^[^\n]*(?:password|passwd|passphrase|pwd|secret|token|api_?key)[\"' \t]*(?:[|,;\t\r][^\n]*)?$")
_NAME = regex(rb"[ \t]*[\"']?[A-Za-z_][\w .-]{0,60}[\"']?[ \t]*\r?")
_BORDER = regex(rb"[-+|=:\s]+")
_TYPES = regex(r"(?i)(?:var|n)?char.*|text|string|int\w*|bytea|blob|not null|\w*(?:password|secret|token|key)\w*")
_MOST_ROWS = 10_000


def spans(data: bytes) -> Iterator[Span]:
    """The cells below a secret's name; a table ends with the first line of another number of cells."""
    at = 0
    while head := _HEAD.search(data, at):
        at = max(head.end(), head.start() + 1)
        line = data[head.start() : head.end()]
        separator = next((mark for mark in (b"|", b"\t", b";", b",") if mark in line), b"")
        cells = line.split(separator) if separator else []
        is_framed = separator == b"|"
        columns = [number for number, cell in enumerate(cells) if strength(_cell_text(cell)) == 2]
        names = [cell for cell in cells if not is_framed or cell.strip()]
        if columns and len(names) > 1 and all(map(_NAME.fullmatch, names)):
            for span, end in _secret_cells(data, head.end() + 1, separator, len(cells), columns):
                at = max(at, end)
                if span:
                    yield span


def _secret_cells(
    data: bytes, at: int, separator: bytes, count: int, columns: list[int]
) -> Iterator[tuple[Span | None, int]]:
    """(cell of a secret, if any, end of its line)"""
    for _ in range(_MOST_ROWS):
        if at >= len(data):
            return
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        line = data[at:end]
        if not _BORDER.fullmatch(line):
            cells = line.split(separator)
            if len(cells) != count:
                return
            for column in columns:
                start = at + sum(map(len, cells[:column])) + column * len(separator)
                yield _secret_in(cells[column], start, is_framed=separator == b"|"), end
        elif not line.strip():
            return
        at = end + 1


def _secret_in(cell: bytes, at: int, *, is_framed: bool) -> Span | None:
    value = _cell_text(cell)
    if not is_framed and not is_made_up(value):  # a list of names in a program looks like it
        return None
    if not is_value(value) or is_nothing(value) or is_reference(value) or _TYPES.fullmatch(value) or only_tokens(cell):
        return None
    start = at + len(cell) - len(cell.lstrip(b" \t\"'"))
    return Span(start, at + len(cell.rstrip(b" \t\r\"'")), "password")


def _cell_text(cell: bytes) -> str:
    return cell.strip(b" \t\r\"'").decode("utf-8", "replace")
