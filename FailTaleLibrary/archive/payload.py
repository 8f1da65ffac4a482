"""Records <-> ASCII words of compressed JSON; a report's begins with ``failtale:1:``, so that it is found in a card."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.records import SCHEMA_VERSION, Record, RecordVisitor, Report, SeenShape
from FailTaleLibrary.schema import ValidationError
from FailTaleLibrary.text import sanitize, shorten

MAX_BYTES = 64 * 1024 * 1024
"""Of a payload's JSON: a card holds 1 MB, so more is damage or malice."""

_PREFIX = f"failtale:{SCHEMA_VERSION}:"
_ANY_VERSION = re.compile(r"failtale:(\d{1,9}):")
_ESCAPED = re.compile(r"\\[ubfr]")
_EMBEDDED = re.compile(r'="(failtale:\d{1,9}:[^"<>]*)"')


def pack(record: Record, *, level: int = 6) -> str:
    """A record as one word of ASCII that HTML, XML and JSON leave alone, of zlib's ``level``; `unpack` reads it."""
    return base64.b64encode(zlib.compress(record.model_dump_json().encode(), level)).decode("ascii")


def unpack(word: str, *, max_bytes: int) -> bytes:
    """The JSON in a packed word. Raises ValueError with the reason: damaged, or more than ``max_bytes``."""
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(base64.b64decode(word, validate=True), max_bytes)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"is damaged: {error}") from error
    if inflater.unconsumed_tail:
        raise ValueError(f"holds more than {max_bytes} bytes")
    if not inflater.eof:
        raise ValueError("is damaged: its end is missing")
    return data


def to_payload(report: Report) -> str:
    """A report as one word for its card; `from_payload` reads it.

    When and where a log said the same before the window is not in it: that is half of the word, the ranking that asks
    for it is done, and a log of many cards opens the slower for each byte of them. Bundles have it.
    """
    return _PREFIX + pack(_WithoutSeenTimes().visit(report))


class _WithoutSeenTimes(RecordVisitor):
    """Leaves of a shape which lines have it, and how often it stood before the window."""

    def visit_seen_shape(self, shape: SeenShape) -> SeenShape:
        return SeenShape(lines=shape.lines, count=shape.count)


def from_payload(payload: str) -> Report:
    """The report of a payload. Raises ArchiveError when it is foreign, damaged, too large or of another schema."""
    version = _ANY_VERSION.match(payload)
    if version is None:
        raise ArchiveError(f"This is no FailTale payload: it begins with '{shorten(payload, 20)}'.")
    if not payload.startswith(_PREFIX):
        raise ArchiveError(_other_schema("The payload", int(version[1])))
    try:
        data = unpack(payload[len(_PREFIX) :], max_bytes=MAX_BYTES)
    except ValueError as error:
        raise ArchiveError(f"The payload {error}.") from error
    return parse_report(data, where="The payload")


def report_in(message: str) -> Report | None:
    """The report that a card of Robot's output carries; None when there is none. Raises ArchiveError as above."""
    match = _EMBEDDED.search(message)
    return from_payload(match[1]) if match else None


def parse_report(data: bytes, *, where: str) -> Report:
    """A report from its JSON; ``where`` begins the sentence of the ArchiveError."""
    try:
        return Report.model_validate_json(sanitised(data))
    except ValidationError as error:
        raise refusal(data, error, where=where) from error


def sanitised(data: bytes) -> bytes:
    """Stored JSON in whose texts a terminal and XML find nothing to obey; what is no JSON stays as it is.

    What FailTale writes is so already. Whoever else writes a payload or a bundle may escape in it what he likes.
    """
    text = data.decode("utf-8", "replace")
    if sanitize(text) == text and not _ESCAPED.search(text):
        return data
    try:
        return json.dumps(_sanitised(json.loads(data)), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return data


def _sanitised(value: Any) -> Any:
    if isinstance(value, str):
        return sanitize(value)
    if isinstance(value, list):
        return [_sanitised(each) for each in value]
    if isinstance(value, dict):
        return {sanitize(key): _sanitised(each) for key, each in value.items()}
    return value


def refusal(data: bytes, error: ValidationError, *, where: str) -> ArchiveError:
    """Why stored JSON is no record of ours: another schema version, or its first mistake without the value."""
    version = _schema_version(data)
    if version not in (None, SCHEMA_VERSION):
        return ArchiveError(_other_schema(where, version))
    return ArchiveError(f"{where} cannot be read: {shorten(str(error.refusals[0]), 300)}.")


def _schema_version(data: bytes) -> object:
    try:
        return json.loads(data).get("schema_version")
    except (ValueError, AttributeError, RecursionError):
        return None


def _other_schema(where: str, version: object) -> str:
    return (
        f"{where} has schema version '{version}', this FailTale reads '{SCHEMA_VERSION}'; "
        "use the FailTale version that wrote it, or a newer one."
    )
