"""What a look-back says of a window's lines: usual, standing, new or neutral."""

from __future__ import annotations

from collections.abc import Sequence

from FailTaleLibrary.ranking.novelty import NEUTRAL, NEW, Novelty, PastTest, novelty_by_line
from FailTaleLibrary.records import LookBack, SeenShape, our_words


def judged(
    seconds_before: Sequence[float],
    *,
    span_s: float = 600.0,
    within: Sequence[float] = (0.0,),
    past: Sequence[PastTest] = (),
    lines: int = 400,
) -> Novelty:
    """Of one shape, of which the window's first line is one."""
    before = sorted(seconds_before, reverse=True)
    shape = SeenShape(
        lines=(0,),
        count=len(before),
        places=tuple(1 - seconds / span_s for seconds in before),
        seconds_before=tuple(before),
        seconds_within=tuple(within),
    )
    return novelty_by_line(LookBack(of_lines=1, lines=lines, seconds=span_s, shapes=(shape,)), past=past)[0]


def test_what_never_stood_there_is_new() -> None:
    assert novelty_by_line(LookBack(of_lines=2, lines=100, seconds=60.0)) == (NEW, NEW)


def test_a_log_of_a_few_lines_tells_nothing() -> None:
    assert novelty_by_line(LookBack(of_lines=1, lines=3, seconds=60.0)) == (NEUTRAL,)


def test_noise_every_second_is_usual() -> None:
    assert judged([1.5 * step for step in range(1, 400)]).kind == "usual"


def test_a_fault_that_began_shortly_before_the_test_stands() -> None:
    found = judged([13.0, 11.0, 8.0, 5.0, 2.0])
    assert (found.kind, found.since_s) == ("standing", 13.0)


def test_what_comes_now_and_then_all_the_time_is_usual() -> None:
    assert judged([580.0, 400.0, 250.0, 90.0]).kind == "usual"


def test_yesterdays_same_fault_leaves_it_open() -> None:
    assert judged([86000.0, 85990.0], span_s=90000.0).kind == "neutral"


def test_what_was_logged_while_a_test_passed_is_usual_and_names_it() -> None:
    past = [PastTest(our_words("Login"), began_s=320.0, ended_s=290.0, has_passed=True)]
    assert judged([300.0], past=past) == Novelty("usual", passed_test=our_words("Login"))


def test_what_was_seen_only_when_another_test_failed_is_still_new() -> None:
    past = [PastTest(our_words("Order"), began_s=320.0, ended_s=290.0, has_passed=False)]
    assert judged([300.0], past=past) == Novelty("new", failed_test=our_words("Order"))


def test_tests_that_pass_within_an_episode_do_not_make_it_usual() -> None:
    past = [PastTest(our_words("Unaffected"), began_s=9.0, ended_s=6.0, has_passed=True)]
    assert judged([12.0, 10.0, 8.0, 6.0, 4.0, 2.0], past=past).kind == "standing"


def test_a_long_episode_stands_when_tests_passed_before_it_and_failed_since() -> None:
    episode = [2.0 * step for step in range(1, 200)]
    assert judged(episode).kind == "usual"
    past = [
        PastTest(our_words("Before"), began_s=560.0, ended_s=550.0, has_passed=True),
        PastTest(our_words("Since"), began_s=200.0, ended_s=150.0, has_passed=False),
    ]
    assert judged(episode, past=past).kind == "standing"


def test_a_log_without_times_knows_usual_and_neutral() -> None:
    spread = SeenShape(lines=(0,), count=30, places=tuple(step / 30 for step in range(30)))
    once = SeenShape(lines=(1,), count=1, places=(0.97,))
    found = novelty_by_line(LookBack(of_lines=3, lines=300, shapes=(spread, once)))
    assert [each.kind for each in found] == ["usual", "neutral", "new"]


def test_a_short_log_cannot_call_its_only_line_usual() -> None:
    assert judged([0.9], span_s=1.0, lines=1) == NEUTRAL


def test_what_only_failed_tests_of_the_run_saw_is_news_however_often() -> None:
    past = [PastTest(our_words("First"), began_s=6.0, ended_s=4.0, has_passed=False)]
    past += [PastTest(our_words("Second"), began_s=3.0, ended_s=1.0, has_passed=False)]
    assert judged([5.0, 4.5, 2.0], span_s=6.0, lines=3, past=past) == Novelty("new", failed_test=our_words("Second"))


ATTEMPTS = [
    PastTest(our_words("Order"), began_s=60.0 * number + 8.0, ended_s=60.0 * number + 5.0, has_passed=False)
    for number in range(5, -1, -1)
]
"""A test that somebody tries again each minute."""


def test_what_the_teardowns_of_failed_attempts_logged_as_well_is_their_news() -> None:
    moments = [60.0 * number + each for number in range(6) for each in (6.0, 2.5)]
    assert judged(moments, past=ATTEMPTS) == Novelty("new", failed_test=our_words("Order"))


def test_a_log_that_began_with_an_earlier_attempt_does_not_make_its_cause_usual() -> None:
    assert judged([7.0, 6.0, 6.5, -0.0], span_s=12.0, past=ATTEMPTS[-1:]).failed_test == our_words("Order")


def test_what_is_logged_also_while_nothing_was_tried_stays_usual_beside_failed_attempts() -> None:
    assert judged([1.5 * step for step in range(1, 400)], past=ATTEMPTS).kind == "usual"
