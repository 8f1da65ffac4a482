"""A failure and a candidate -> whether the line is the test's own: it holds an identifier that the test used.

Where other tests ran at the same time, nothing else is a strong suspect: a line that names nothing of this test may be
theirs. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from FailTaleLibrary.ranking.score import Candidate
from FailTaleLibrary.records import Failure, OtherTest, OtherTests, SafeText, derived, our_words
from FailTaleLibrary.text import count

_NAMED_TESTS = 5
"""Of other tests in one sentence."""


def strong_only_where_it_belongs(candidate: Candidate, failure: Failure) -> Candidate:
    """The candidate; in company none of its signals is strong unless it belongs to the test."""
    if failure.others is None or candidate.belongs or not any(signal.strong for signal in candidate.signals):
        return candidate
    return replace(candidate, signals=tuple(each.model_copy(update={"strong": False}) for each in candidate.signals))


def notes_of(failure: Failure) -> Iterator[SafeText]:
    """Who else ran meanwhile, and what that means for the suspects; nothing when the test ran alone."""
    others = failure.others
    if others is None:
        return
    yield our_words(
        "{} A line that holds no identifier of this test may be theirs, and is no strong suspect.",
        derived(_who_ran, others),
    )


def _who_ran(others: OtherTests) -> str:
    if others.unknown:
        return f"Other tests may have run at the same time ({others.ran_by}); which is not known: {others.unknown}."
    if not others.tests:
        return f"Another process was at work at the same time ({others.ran_by}), between its tests."
    number = len(others.tests) + others.more
    shown = others.tests[-_NAMED_TESTS:]
    left_out = number - len(shown)
    more = f" and {count(left_out, 'other')}" if left_out else ""
    return f"{count(number, 'other test')} ran at the same time ({others.ran_by}): {_listed_tests(shown)}{more}."


def _listed_tests(tests: Sequence[OtherTest]) -> str:
    return ", ".join(f"'{test.name}' ({_span_of_test(test)})" for test in tests)


def _span_of_test(test: OtherTest) -> str:
    """``12:01:03 to 12:01:05 UTC, failed``."""
    if test.ended_at is not None:
        outcome = "" if test.status == "ended" else f", {test.status}"
        return f"{_time_in_utc(test.started_at)} to {_time_in_utc(test.ended_at)} UTC{outcome}"
    state = "its process ended in the middle of it" if test.status == "lost" else "still running"
    return f"since {_time_in_utc(test.started_at)} UTC, {state}"


def _time_in_utc(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"
