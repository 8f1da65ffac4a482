"""Cards of a finished output file are drawn anew, or the file stays as it was."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from builders import a_failure, a_hint, a_report, an_analysis

from FailTaleLibrary.archive import reports_in, to_payload
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.hints import write_hints
from FailTaleLibrary.records import Analysis, Report
from FailTaleLibrary.rendering import is_card, to_html
from FailTaleLibrary.rendering.log_messages import messages_of

MAX_BYTES = 1_000_000


def a_card(name: str) -> str:
    report = a_report(failure=a_failure(name=name), analysis=an_analysis(hint=None, no_hint_reason="none yet"))
    return to_html(report, max_bytes=MAX_BYTES, pack=to_payload)


def an_xml(path: Path, *cards: str) -> Path:
    messages = "\n".join(
        f'<msg time="2026-11-22T12:00:00" level="INFO" html="true">{escape(card)}</msg>' for card in cards
    )
    quoted = f'<msg time="2026-11-22T12:00:00" level="INFO">{escape(cards[0])}</msg>'
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<robot>\n{messages}\n{quoted}\n<x a="ä"/>\n</robot>\n')
    return path


def a_json(path: Path, *cards: str) -> Path:
    messages = [{"message": card, "html": True} for card in cards]
    path.write_text('{"body": [1], "body": ' + json.dumps(messages) + "}")
    return path


def told(report: Report) -> Analysis:
    return report.analysis.model_copy(
        update={"hint": a_hint(cause=f"Cause of {report.failure.name}."), "no_hint_reason": None}
    )


def hints_in(path: Path) -> list[str | None]:
    reports = [report for report in reports_in(path) if isinstance(report, Report)]
    return [report.analysis.hint.cause if report.analysis.hint else None for report in reports]


@pytest.mark.parametrize(("make", "name"), [(an_xml, "output.xml"), (a_json, "output.json")])
def test_every_card_gets_its_own_hint_whether_its_payload_is_in_it_or_ahead_of_it(
    tmp_path: Path, make: object, name: str
) -> None:
    cards = [a_card("Order"), *messages_of(a_card("Invoice")), a_card("Stock"), *messages_of(a_card("Cart"))]
    assert len(cards) == 6
    path = make(tmp_path / name, *cards)  # type: ignore[operator]
    assert write_hints(path, told, max_bytes=MAX_BYTES) == 4
    assert hints_in(path) == ["Cause of Order.", "Cause of Invoice.", "Cause of Stock.", "Cause of Cart."]
    assert path.read_text().count("Cause of Cart.") == 1, "the card itself"
    assert path.read_text().count("failtale:1:") == path.read_text().count("border-box") == 4 + (make is an_xml)


@pytest.mark.parametrize(("make", "name"), [(an_xml, "output.xml"), (a_json, "output.json")])
def test_a_payload_ahead_counts_for_its_own_card_alone(tmp_path: Path, make: object, name: str) -> None:
    payload, card = messages_of(a_card("Order"))
    other = card.replace(a_failure().id, "f" * 32)
    assert hints_in(make(tmp_path / name, payload, card)) == [None]  # type: ignore[operator]
    for messages in ((payload, other), (card, payload), (payload,), (card,)):
        assert hints_in(make(tmp_path / name, *messages)) == [], messages  # type: ignore[operator]


def test_a_card_without_room_for_its_payload_is_one_message() -> None:
    card = to_html(a_report(), max_bytes=MAX_BYTES)
    assert messages_of(card) == (card,)
    assert is_card(card)


def test_all_else_in_the_file_stays_to_the_letter(tmp_path: Path) -> None:
    path = an_xml(tmp_path / "output.xml", a_card("Order"))
    before = path.read_text().splitlines()
    write_hints(path, told, max_bytes=MAX_BYTES)
    after = path.read_text().splitlines()
    ElementTree.parse(path)
    assert [line for line in before if 'html="true"' not in line][-3:] == after[-3:]


def test_a_second_body_in_json_is_not_lost(tmp_path: Path) -> None:
    path = a_json(tmp_path / "output.json", a_card("Order"))
    write_hints(path, told, max_bytes=MAX_BYTES)
    assert path.read_text().startswith('{"body": [1], "body": [')


def test_a_file_that_breaks_off_stays_as_it_was(tmp_path: Path) -> None:
    path = an_xml(tmp_path / "output.xml", a_card("Order"))
    torn = path.read_text().partition("</msg>")[0][:-50]
    path.write_text(torn)
    with pytest.raises(ArchiveError, match="a card is not complete"):
        write_hints(path, told, max_bytes=MAX_BYTES)
    assert path.read_text() == torn
    assert [each.name for each in tmp_path.iterdir()] == ["output.xml"]


@pytest.mark.parametrize(("make", "name"), [(an_xml, "output.xml"), (a_json, "output.json")])
def test_no_character_of_a_hint_costs_the_file(tmp_path: Path, make: object, name: str) -> None:
    path = make(tmp_path / name, a_card("Order"))  # type: ignore[operator]

    def hostile(report: Report) -> Analysis:
        return report.analysis.model_copy(update={"hint": a_hint(model="a\x1b[31m\x01\x0b\ufffeb")})

    assert write_hints(path, hostile, max_bytes=MAX_BYTES) == 1
    assert hints_in(path) == [a_hint().cause]


def test_a_caption_that_raises_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = an_xml(tmp_path / "output.xml", a_card("Order"))
    before = path.read_text()

    def broken(report: Report) -> Analysis:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_hints(path, broken, max_bytes=MAX_BYTES)
    assert path.read_text() == before
    assert [each.name for each in tmp_path.iterdir()] == ["output.xml"]
