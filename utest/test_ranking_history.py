"""What a run has seen: ordinary lines, earlier failures, and the signatures by which equal failures are known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import FAILED_AT, a_failure, a_gap, a_report, a_step, an_analysis, an_item

from FailTaleLibrary.ranking import History, rank
from FailTaleLibrary.ranking.history import MAX_SIGNATURES, MAX_SOURCES, MAX_TEMPLATES
from FailTaleLibrary.records import Analysis, Evidence, Failure, Item, Report, Signature

LOCKED = "2026-03-14T12:01:06.9Z ERROR store: database is locked by backup (pid 812)"
FULL = "2026-03-14T12:01:06.9Z ERROR store: No space left on device"


def evidence(*items: Item, **changes: object) -> Evidence:
    return Evidence(**{"failure_id": "0" * 32, "items": items, "collected_at": FAILED_AT, **changes})


def analysed(text: str, failure: Failure | None = None, history: History | None = None) -> Analysis:
    item = an_item(text=text, before="")
    return rank(failure or a_failure(), evidence(item), history=history or History())


def told(text: str, name: str, *, before: str = "") -> Report:
    failure = a_failure(name=name)
    found = evidence(an_item(text=text, before=before))
    return a_report(failure=failure, evidence=found, analysis=rank(failure, found))


# --- Lines -----------------------------------------------------------------------------------------------------------


def test_a_line_of_an_earlier_failure_is_neither_new_nor_ordinary() -> None:
    history = History().with_report(told(LOCKED, "Order Tea"))
    first = analysed(LOCKED, history=history).suspects[0]
    assert "also seen when 'Order Tea' failed" in [signal.words for signal in first.signals]
    assert any(signal.strong for signal in first.signals)


def test_what_an_earlier_failure_brought_stays_its_own_though_it_stands_ahead_of_the_next_window() -> None:
    history = History().with_report(told(LOCKED, "Order Tea"))
    item = an_item(text=LOCKED, before=LOCKED)
    first = rank(a_failure(), evidence(item), history=history).suspects[0]
    assert any(signal.strong for signal in first.signals)


def test_what_stood_ahead_of_an_earlier_window_is_ordinary() -> None:
    history = History().with_report(told("2026-03-14T12:01:06Z INFO x", "Order Tea", before=LOCKED))
    assert analysed(LOCKED, history=history).headline.startswith("No strong suspect")


def test_history_knows_each_source_by_itself() -> None:
    history = History().with_lines("api1", "storage.log", [LOCKED])
    assert not analysed(LOCKED, history=history).headline.startswith("No strong suspect")


def test_growing_leaves_the_earlier_history_as_it_was() -> None:
    history = History()
    history.with_lines("api1", "x.log", [LOCKED])
    history.with_report(told(LOCKED, "Order Tea"))
    assert history == History()


def test_history_is_bounded_and_forgets_the_oldest_first() -> None:
    names = [f"{chr(97 + n // 676)}{chr(97 + n // 26 % 26)}{chr(97 + n % 26)}" for n in range(MAX_TEMPLATES + 100)]
    history = History().with_lines("api1", "x.log", ["first line"]).with_lines("api1", "x.log", names)
    assert len(history.seen("api1", "x.log")) == MAX_TEMPLATES
    assert "first line" not in history.seen("api1", "x.log")
    assert names[-1] in history.seen("api1", "x.log")


def test_history_keeps_a_bounded_number_of_sources_and_signatures() -> None:
    history = History()
    for n in range(MAX_SOURCES + 5):
        history = history.with_lines(f"host{n}", "x.log", ["line"])
    assert len(history.shapes) == MAX_SOURCES
    known = History(signatures={f"{n:016x}": "A" for n in range(MAX_SIGNATURES)})
    grown = known.with_report(a_report(analysis=an_analysis(signature=Signature(hash="f" * 16, text="x"))))
    assert len(grown.signatures) == MAX_SIGNATURES
    assert "f" * 16 in grown.signatures


def test_a_host_that_answers_again_is_no_longer_silent() -> None:
    silent = History().with_report(a_report(evidence=evidence(gaps=(a_gap(host="storage1"),))))
    assert silent.silent_since == {"storage1": FAILED_AT + timedelta(seconds=0.1)}
    assert silent.with_report(a_report(evidence=evidence(an_item("storage1")))).silent_since == {}


# --- Signatures ------------------------------------------------------------------------------------------------------


def signature(failure: Failure, text: str = "") -> Signature | None:
    return analysed(text, failure).signature


SAME = [
    ("order 4711 not found", "order 4712 not found"),
    ("Element 'id=row-12' not visible after 5 seconds", "Element 'id=row-97' not visible after 12 seconds"),
    ("request 6f9619ff-8b86-d011-b42d-00c04fc964ff lost", "request 0a1b2c3d-8b86-d011-b42d-00c04fc964aa lost"),
    ("500 Server Error for url: http://web1/orders/17", "500 Server Error for url: http://web1/orders/18"),
    ("took 1.25 s at 12:01:07", "took 13 s at 12:03:11"),
    ("row 217 of req=7f1c is locked", "row 8 of req=0aa9 is locked"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_identifiers_and_numbers_do_not_part_equal_failures(first: str, second: str) -> None:
    assert signature(a_failure(message=first)) == signature(a_failure(message=second))


DIFFERENT = [
    ("500 Server Error for url: http://web1/orders", "404 Client Error for url: http://web1/orders"),
    ("order not found", "order not shipped"),
    ("GET /orders returned 502", "GET /orders returned 404"),
    ("worker exited with code 137", "worker exited with code 139"),
    ("Element 'id=row' not visible", "Element 'id=table' not visible"),
]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_different_messages_have_different_signatures(first: str, second: str) -> None:
    assert signature(a_failure(message=first)) != signature(a_failure(message=second))


def test_different_causes_part_failures_with_the_same_message() -> None:
    assert signature(a_failure(), LOCKED) != signature(a_failure(), FULL)
    assert signature(a_failure(), LOCKED) == signature(a_failure(name="Another Test"), LOCKED.replace("812", "97"))


def test_different_keywords_part_failures_with_the_same_message() -> None:
    other = a_failure(keyword_path=(a_step(name="Delete Order"),))
    assert signature(a_failure()) != signature(other)


def test_of_nothing_there_is_no_signature() -> None:
    assert signature(a_failure(message="", keyword_path=())) is None


def test_a_weak_suspect_is_no_part_of_a_signature() -> None:
    assert signature(a_failure(), "2026-03-14T12:01:06Z WARN cart: slow") == signature(a_failure())


def test_the_text_of_a_signature_shows_why_two_were_merged() -> None:
    merged = signature(a_failure(), LOCKED)
    assert merged is not None
    assert merged.text == "storage: database is locked by backup (<n>)"
    alone = signature(a_failure())
    assert alone is not None
    assert alone.text == (
        "Create Order > RequestsLibrary.POST On Session | HTTPError: 500 Server Error for url: http://web1/orders"
    )


def test_an_equal_failure_says_whose_equal_it_is() -> None:
    history = History().with_report(told(LOCKED, "Order Tea")).with_report(told(LOCKED, "Order Coffee"))
    again = analysed(LOCKED, history=history).signature
    assert again is not None
    assert again.same_as == "Order Tea"
