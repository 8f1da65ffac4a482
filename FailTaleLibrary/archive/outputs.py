"""Robot's output.xml or output.json -> the reports that the cards in it carry.

XML is streamed in constant memory; of JSON the text alone is held.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from FailTaleLibrary.archive.payload import report_in
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.files import open_regular, read_regular
from FailTaleLibrary.lazy import dataclass, replace
from FailTaleLibrary.records import Report, our_words
from FailTaleLibrary.rendering import is_card
from FailTaleLibrary.rendering.log_messages import is_payload, with_payload
from FailTaleLibrary.rendering.pointers import POINTER_START, pointer_in

MAX_JSON_BYTES = 1024 * 1024 * 1024
"""Of an output.json, which is held as a whole; an output.xml of any size is streamed."""
_OUR_LIBRARY = "FailTaleLibrary"


def reports_in(path: Path) -> Iterator[Report | ArchiveError]:
    """Every report in an output file; one that cannot be shown comes as the error that says why, the others still come.

    A product under test can write anything into a log, also a card. So a card counts where FailTale writes one: in a
    test that did not pass, in a suite's setup or teardown, in its own keywords. Where it may be another's, its headline
    says so. Raises ArchiveError when the file itself cannot be read to its end, after the reports before the damage.
    """
    yield from (found.report if isinstance(found, PlacedReport) else found for found in placed_reports_in(path))


def failed_tests_in(path: Path) -> int:
    """How many tests of an output file failed, with evidence or without. Raises ArchiveError as `reports_in`."""
    with _as_archive_error(path):
        return sum(_failed_in_json(path)) if path.suffix.lower() == ".json" else sum(_failed_in_xml(path))


def _failed_in_xml(path: Path) -> Iterator[bool]:
    for element, parents in _elements(path):
        if element.tag == "status" and parents and parents[-1].tag == "test":
            yield element.get("status") == "FAIL"


def _failed_in_json(path: Path) -> Iterator[bool]:
    waiting: list[Any] = [json.loads(_text_of_json(path))]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            tests = each.get("tests")
            yield from (test.get("status") == "FAIL" for test in tests or () if isinstance(test, dict))
            waiting += [value for key, value in each.items() if key in ("suite", "suites")]
        elif isinstance(each, list):
            waiting += each


@dataclass(frozen=True, slots=True)
class PlacedReport:
    """A report and the test (or the suite, for its setup or teardown) in which it stands."""

    report: Report
    test_id: str
    """Robot's own, ``s1-s2-t3``; empty where the file does not tell."""


@dataclass(frozen=True, slots=True)
class PlacedPointer:
    """A test that fell with its suite's setup, and the id of the setup's failure, where the evidence is."""

    failure_id: str
    test: str
    test_id: str


def placed_reports_in(path: Path) -> Iterator[PlacedReport | ArchiveError]:
    """As `reports_in`, with the place of each."""
    yield from (found for found in placements_in(path) if not isinstance(found, PlacedPointer))


def placements_in(path: Path) -> Iterator[PlacedReport | PlacedPointer | ArchiveError]:
    """As `placed_reports_in`, with the tests that point to one of the reports."""
    number = 0
    for found in _cards_in(path):
        if not is_card(found.text):
            pointer = pointer_in(found.text)
            if pointer is not None and found.place == "test" and found.status == "FAIL":
                yield PlacedPointer(*pointer, found.test_id)
            continue
        number += 1
        try:
            report = _report_of(found)
        except ArchiveError as error:
            yield ArchiveError(f"{path}, card {number}: {error}")
            continue
        if report is not None:
            yield PlacedReport(report, found.test_id)


Place = Literal["test", "fixture", "our keyword", "outside", "elsewhere"]
"""What a message stands in: directly in a test, where only listeners write; directly in a suite's setup or teardown,
where the keyword of a library writes as well."""


@dataclass(slots=True)
class _Card:
    """A message that looks like a card, and where it stands."""

    text: str
    place: Place
    test: str = ""
    """Name of the test, or of the suite's setup or teardown."""
    status: str = ""
    """Of that; empty where the file ends before that is known."""
    test_id: str = ""
    """Robot's id of the innermost test or suite."""
    follows_failure: bool = False
    """In a setup or teardown: right after what failed in it, where no keyword writes any more."""


def _report_of(found: _Card) -> Report | None:
    """The report that a card carries, None when it carries none. Raises ArchiveError: damaged, or not FailTale's."""
    if found.place == "elsewhere" and found.status not in ("FAIL", ""):
        raise ArchiveError(
            f"it looks like a card of FailTale, which writes none in '{found.test}', because that did not fail; "
            "it is not shown"
        )
    if found.place in ("test", "fixture") and found.status == "PASS":
        raise ArchiveError(f"it looks like a card of FailTale, but '{found.test}' passed; it is not shown")
    report = report_in(found.text)
    if report is None or found.place != "elsewhere":
        return report
    doubt = our_words("Perhaps not FailTale's, because it is amid other messages: {}", report.analysis.headline)
    return report.model_copy(update={"analysis": report.analysis.with_headline(doubt)})


def _is_ours(text: str) -> bool:
    """Whether it begins as a card, as the payload of one, or as what points to one."""
    return is_card(text) or is_payload(text) or text.startswith(POINTER_START)


def _cards_in(path: Path) -> Iterator[_Card]:
    """What begins as a card in the messages that are HTML, in their order; a text that merely quotes a card is none."""
    read = _from_json if path.suffix.lower() == ".json" else _from_xml
    with _as_archive_error(path):
        yield from read(path)


@contextmanager
def _as_archive_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveError(f"Cannot read '{path}': {error.strerror or error}.") from error
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        if path.suffix.lower() in (".html", ".htm"):
            raise ArchiveError(
                f"'{path}' is a page for a browser; name the output.xml or output.json that it was made of."
            ) from error
        raise ArchiveError(f"'{path}' is damaged or no output file of Robot Framework: {error}.") from error


# --- XML --------------------------------------------------------------------------------------------------------------


def _from_xml(path: Path) -> Iterator[_Card]:
    """Cards wait for the status of their test, which stands at its end."""
    waiting: list[_Card] = []
    payloads = _PayloadAhead()
    failed: ElementTree.Element | None = None
    """What ended last with a failure in it, or beside it."""
    try:
        for element, parents in _elements(path):
            if element.tag == "msg" and _is_card(element, parents):
                text = payloads.card_of(element.text or "", parents[-1])
                if text is not None:
                    after = failed is parents[-1]
                    waiting.append(_Card(text, _place_of(parents), test_id=_id_of(parents), follows_failure=after))
                    failed = None
                continue
            failed = _parent_of_failure(element, parents, failed)
            if element.tag == "status" and _is_test_or_fixture(parents):
                for card in waiting:
                    card.test, card.status = parents[-1].get("name", ""), element.get("status", "")
                yield from _with_doubts(waiting)
                waiting.clear()
    except ElementTree.ParseError:
        yield from waiting
        raise
    yield from waiting


def _parent_of_failure(
    element: ElementTree.Element, parents: list[ElementTree.Element], failed: ElementTree.Element | None
) -> ElementTree.Element | None:
    """In what a failed message or keyword has just ended; ``failed``: the answer of the element before."""
    if element.tag == "status":
        return parents[-2] if element.get("status") == "FAIL" and len(parents) > 1 else None
    if element.tag == "msg":
        return parents[-1] if element.get("level") == "FAIL" else None
    return failed if parents and failed is parents[-1] else None


class _PayloadAhead:
    """Puts a payload that has a message of its own into the card that follows it in the same test or keyword."""

    def __init__(self) -> None:
        self._payload = ""
        self._parent: object = None

    def card_of(self, text: str, parent: object) -> str | None:
        """The card with its payload; None where the text is a payload, which is kept for the card to come."""
        if is_payload(text):
            self._payload, self._parent = text, parent
            return None
        return with_payload(text, self._payload) if parent is self._parent else text


def _with_doubts(cards: list[_Card]) -> list[_Card]:
    """FailTale writes its card when a setup or teardown has ended: an earlier one there is a message of the keyword.

    Of tests of one suite that ran in several processes pabot puts the messages of all their setups into one.
    """
    in_fixture = [card for card in cards if card.place == "fixture"]
    for card in in_fixture[:-1]:
        if not card.follows_failure:
            card.place = "elsewhere"
    return cards


def _elements(path: Path) -> Iterator[tuple[ElementTree.Element, list[ElementTree.Element]]]:
    """Every element at its end with its parents, outermost first; what ended is forgotten."""
    parents: list[ElementTree.Element] = []
    with open_regular(path) as file:
        for event, element in ElementTree.iterparse(file, events=("start", "end")):  # noqa: S314 - expat >= 2.4.1 bounds entities
            if event == "start":
                parents.append(element)
                continue
            parents.pop()
            yield element, parents
            if parents:
                parents[-1].remove(element)


def _is_card(message: ElementTree.Element, parents: list[ElementTree.Element]) -> bool:
    """Whether Robot shows a message as HTML and it looks like a card; not where the list of errors repeats it."""
    is_html = message.get("html") in ("true", "yes")  # yes: Robot Framework before 4.0
    return is_html and _is_ours(message.text or "") and not any(parent.tag == "errors" for parent in parents)


def _id_of(parents: list[ElementTree.Element]) -> str:
    """Of the innermost test or suite."""
    return next((each.get("id", "") for each in reversed(parents) if each.tag in ("test", "suite")), "")


def _is_test_or_fixture(parents: list[ElementTree.Element]) -> bool:
    tags = [parent.tag for parent in parents[-2:]]
    return tags[-1:] == ["test"] or tags == ["suite", "kw"]


def _place_of(parents: list[ElementTree.Element]) -> Place:
    inner = parents[-1] if parents else None
    if inner is not None and inner.tag == "kw" and _OUR_LIBRARY in (inner.get("owner"), inner.get("library")):
        return "our keyword"  # library: Robot Framework before 7.0
    if _is_test_or_fixture(parents):
        return "test" if parents[-1].tag == "test" else "fixture"
    return "elsewhere" if any(parent.tag in ("test", "kw") for parent in parents) else "outside"


# --- JSON -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Object:
    """What is kept of an object of the file: the cards in it, and what decides where these are."""

    cards: list[_Card]
    is_message: bool = False
    name: str = ""
    owner: str = ""
    status: str = ""


def _from_json(path: Path) -> Iterator[_Card]:
    """Cards as the parser completes what they stand in.

    It sees pairs, so a second "body" of a test hides nothing.
    """
    root = json.loads(_text_of_json(path), object_pairs_hook=_object_of)
    yield from root.cards if isinstance(root, _Object) else ()


def _text_of_json(path: Path) -> str:
    return read_regular(path, max_bytes=MAX_JSON_BYTES).decode("utf-8")


def _object_of(pairs: list[tuple[str, Any]]) -> _Object:
    values = dict(pairs)
    if values.get("html") is True and _is_ours(_word_of(values, "message")):
        return _Object([_Card(values["message"], "outside")], is_message=True)
    status = _word_of(values, "status") or _word_of(values, "level")  # of a message
    whole = _Object([], name=_word_of(values, "name"), owner=_word_of(values, "owner"), status=status)
    is_suite = "tests" in values or "suites" in values
    payloads = _PayloadAhead()
    for key, value in pairs:
        has_failed = False
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, _Object):
                cards = _of_message(child, payloads, follows_failure=has_failed) if child.is_message else child.cards
                whole.cards += _settled(replace(child, cards=cards), key, in_suite=is_suite)
                has_failed = child.status == "FAIL" or (has_failed and child.is_message and not cards)
    for card in whole.cards:
        card.test_id = card.test_id or _word_of(values, "id")
    return whole


def _of_message(message: _Object, payloads: _PayloadAhead, *, follows_failure: bool) -> list[_Card]:
    (card,) = message.cards
    text = payloads.card_of(card.text, None)
    return [] if text is None else [replace(card, text=text, follows_failure=follows_failure)]


def _word_of(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _settled(child: _Object, key: str, *, in_suite: bool) -> list[_Card]:
    """The cards of an object that stands under ``key``; what the object is tells where its own messages stand."""
    if key == "errors":  # which repeats messages
        return []
    if child.is_message:
        return child.cards
    is_fixture = in_suite and key in ("setup", "teardown")
    own: Place = "our keyword" if child.owner == _OUR_LIBRARY else "test" if key == "tests" else "elsewhere"
    if is_fixture and own == "elsewhere":
        own = "fixture"
    for card in child.cards:
        if card.place == "outside" and key not in ("suite", "suites"):
            card.place = own
        if is_fixture or key == "tests":
            card.test, card.status = child.name, child.status
    return _with_doubts(child.cards) if is_fixture else child.cards
