"""Robot's output.xml or output.json -> the reports that its cards carry, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from FailTaleLibrary.archive.payload import report_in
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.records import Report


def reports_in(path: Path) -> Iterator[Report | ArchiveError]:
    """Every report in an output file; a damaged one comes as the error that says why, and the others still come.

    XML is streamed in constant memory; of JSON the text alone is held. Raises ArchiveError when the file itself cannot
    be read to its end, after the reports that stand before the damage.
    """
    for number, message in enumerate(_html_messages(path), 1):
        try:
            report = report_in(message)
        except ArchiveError as error:
            yield ArchiveError(f"{path}, HTML message {number}: {error}")
            continue
        if report is not None:
            yield report


def _html_messages(path: Path) -> Iterator[str]:
    """Texts of messages that are HTML; a text that merely quotes a card is none."""
    read = _from_json if path.suffix.lower() == ".json" else _from_xml
    try:
        yield from read(path)
    except OSError as error:
        raise ArchiveError(f"Cannot read '{path}': {error.strerror or error}.") from error
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise ArchiveError(f"'{path}' is damaged or no output file of Robot Framework: {error}.") from error


def _from_xml(path: Path) -> Iterator[str]:
    open_elements: list[ElementTree.Element] = []
    for event, element in ElementTree.iterparse(path, events=("start", "end")):  # noqa: S314 - expat >= 2.4.1 bounds entities
        if event == "start":
            open_elements.append(element)
            continue
        open_elements.pop()
        if element.tag == "msg" and element.get("html") in ("true", "yes"):  # yes: Robot Framework before 4.0
            yield element.text or ""
        if open_elements:
            open_elements[-1].remove(element)


def _from_json(path: Path) -> Iterator[str]:
    """Messages as the parser completes them: it sees pairs, so a second "body" of a test hides nothing."""
    messages: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> None:
        values = dict(pairs)
        if values.get("html") is True and isinstance(values.get("message"), str):
            messages.append(values["message"])

    with path.open(encoding="utf-8") as file:
        json.load(file, object_pairs_hook=collect)
    yield from messages
