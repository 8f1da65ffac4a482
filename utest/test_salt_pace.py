"""How long silent minions are waited for follows from what the others of their job did."""

from __future__ import annotations

import pytest

from FailTaleLibrary.config import Config
from FailTaleLibrary.transports.salt_pace import QUICK_MINIONS, Pace

USUAL_S = 5.0
"""The least time that is given: `salt.answer_timeout` as it is, unless somebody says otherwise."""


def pace(asked: int, *answers: tuple[int, float], usual_s: float = 0.0) -> Pace:
    """After so many answers, so many seconds since the job began."""
    made = Pace(USUAL_S, asked, 100.0, usual_s)
    for number, seconds in answers:
        made.heard(number, now=100.0 + seconds)
    return made


def is_given_up(made: Pace, seconds: float) -> bool:
    return made.is_over(now=100.0 + seconds)


@pytest.mark.parametrize("asked", [1, 3, QUICK_MINIONS])
def test_a_few_minions_that_are_all_silent_cost_the_usual_time_and_no_more(asked: int) -> None:
    assert not is_given_up(pace(asked), USUAL_S)
    assert is_given_up(pace(asked), USUAL_S + 0.01)


def test_one_that_is_frozen_beside_quick_ones_costs_the_usual_time_and_the_others_a_fifth_of_it() -> None:
    made = pace(40, (30, 0.8), (9, 1.2))
    assert is_given_up(made, USUAL_S + 0.01)
    assert made.is_worth_waiting(now=102.1)
    assert not made.is_worth_waiting(now=102.3)


def test_nobody_of_a_large_fleet_is_given_up_while_nobody_has_answered_two_thirds_of_a_failure_long() -> None:
    failure_s = Config.model_fields["limits"].default_factory().failure_time_s  # type: ignore[misc, call-arg, union-attr]
    made = pace(120)
    assert not is_given_up(made, 2 / 3 * failure_s)
    assert made.is_worth_waiting(now=100.0 + failure_s)
    made.heard(1, now=100.0 + 2 / 3 * failure_s)
    assert not is_given_up(made, failure_s)


def test_a_fleet_of_any_size_is_given_up_a_minute_after_the_usual_time() -> None:
    assert is_given_up(pace(5000), USUAL_S + 60.1)


def test_who_takes_half_as_long_again_as_the_slowest_is_given_up() -> None:
    made = pace(120, (1, 10.0), (80, 20.0))
    assert not is_given_up(made, 29.9)
    assert is_given_up(made, 30.1)


def test_what_a_fleet_took_to_answer_before_is_what_it_may_take() -> None:
    assert not is_given_up(pace(100, usual_s=20.0), 29.9)
    assert not is_given_up(pace(100, (20, 2.0), usual_s=20.0), 29.9)
    assert is_given_up(pace(100, (20, 2.0), usual_s=20.0), 30.1)


def test_the_fewer_are_missing_the_less_the_others_wait() -> None:
    half, most = pace(100, (50, 20.0)), pace(100, (99, 20.0))
    assert half.is_worth_waiting(now=129.9)
    assert not most.is_worth_waiting(now=121.1)


@pytest.mark.parametrize(
    ("answered", "seconds", "at_once"), [(200, 4.9, None), (5000, 4.9, None), (200, 10.0, 100), (200, 40.0, 25)]
)
def test_a_slow_fleet_is_asked_in_parts_that_answer_in_the_usual_time(
    answered: int, seconds: float, at_once: int | None
) -> None:
    assert pace(answered, (answered, seconds)).at_once == at_once


def test_a_part_is_never_smaller_than_what_is_quick_anyway() -> None:
    assert pace(30, (1, 30.0)).at_once == QUICK_MINIONS
