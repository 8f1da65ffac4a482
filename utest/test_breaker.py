"""When something that failed is tried again: per cause, after a pause, one attempt first."""

from __future__ import annotations

import pytest
from ways import Clock

from FailTaleLibrary.breaker import Breaker


def test_what_failed_is_left_alone_for_a_minute_and_says_for_how_long() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    assert breaker.attempt() is None
    breaker.failed("refused", "Host 'web1' is down.")
    clock.now = 18.0
    refusal = breaker.attempt()
    assert refusal is not None
    assert (refusal.cause, refusal.wait_s) == ("refused", 42.0)
    assert str(refusal) == "Host 'web1' is down. (not tried again for 42 s)"
    assert not breaker.is_closed


def test_a_failed_second_attempt_opens_it_for_another_minute() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    for minute in range(3):
        clock.now = minute * 60.0
        assert breaker.attempt() is None
        breaker.failed("refused", "Down.")
        clock.now += 59.0
        assert not breaker.is_closed
    clock.now += 1.0
    assert breaker.is_closed


def test_half_open_it_lets_one_attempt_pass_until_something_is_heard_of_it() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    breaker.failed("refused", "Down.")
    clock.now = 60.0
    assert [breaker.attempt() is None for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert [breaker.attempt() is None for _ in range(3)] == [True, True, True]


def test_an_attempt_of_which_nothing_is_heard_is_replaced_after_the_pause() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    breaker.failed("refused", "Down.")
    clock.now = 60.0
    assert breaker.attempt() is None
    clock.now = 119.0
    assert breaker.attempt() is not None
    clock.now = 120.0
    assert breaker.attempt() is None


def test_a_final_cause_is_not_tried_again_in_the_run() -> None:
    clock = Clock()
    breaker = Breaker(final=("authentication refused",), clock=clock)
    breaker.failed("authentication refused", "Host 'web1' refused the login.")
    clock.now = 1e9
    assert str(breaker.attempt()) == "Host 'web1' refused the login. (not tried again in this run)"


def test_a_success_ends_the_causes_that_it_disproves_and_no_other() -> None:
    breaker = Breaker()
    breaker.failed("unreachable", "No route.")
    breaker.failed("no shell", "A menu answers.")
    breaker.succeeded("unreachable")
    refusal = breaker.attempt()
    assert refusal is not None
    assert refusal.cause == "no shell"
    breaker.succeeded()
    assert breaker.attempt() is None


def test_the_cause_that_lasts_longest_is_the_one_that_is_told() -> None:
    clock = Clock()
    breaker = Breaker(final=("authentication refused",), clock=clock)
    breaker.failed("authentication refused", "Refused.")
    clock.now = 1.0
    breaker.failed("unreachable", "No route.")
    refusal = breaker.attempt()
    assert refusal is not None
    assert refusal.cause == "authentication refused"


@pytest.mark.parametrize("between", ["succeeded", "nothing"])
def test_a_cause_with_patience_counts_failures_in_a_row(between: str) -> None:
    breaker = Breaker(patience={"too slow": 2})
    breaker.failed("too slow", "Slow.")
    assert breaker.attempt() is None
    if between == "succeeded":
        breaker.succeeded()
    breaker.failed("too slow", "Slow.")
    assert breaker.is_closed == (between == "succeeded")
