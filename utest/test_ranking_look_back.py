"""Suspects of logs that the host looked back on: what is usual there, what stands, what is new."""

from __future__ import annotations

from datetime import timedelta

from builders import FAILED_AT, STARTED_AT, a_failure, a_report, an_item

from FailTaleLibrary.ranking import History, RunTest, rank
from FailTaleLibrary.records import (
    Analysis,
    AppliedWindow,
    Evidence,
    Item,
    LookBack,
    SeenShape,
    Suspect,
    Window,
    our_words,
)

NOISE = "2026-03-14T12:01:06.100Z ERROR feed: connection to legacy01 refused"
FULL = "2026-03-14T12:01:06.200Z ERROR store: No space left on device"


def a_log(*shapes: SeenShape, text: str = f"{NOISE}\n{FULL}\n", lines: int = 500, seconds: float = 600.0) -> Item:
    look_back = LookBack(of_lines=len(text.splitlines()), lines=lines, seconds=seconds, shapes=shapes)
    return an_item(text=text, before="", look_backs=(look_back,))


def seen(line: int, *seconds_before: float, span_s: float = 600.0) -> SeenShape:
    """One of the window's lines, which the log held before, too."""
    before = tuple(sorted(seconds_before, reverse=True))
    places = tuple(max(0.0, 1 - each / span_s) for each in before)
    return SeenShape(lines=(line,), count=len(before), places=places, seconds_before=before, seconds_within=(0.0,))


EVERY_1_5_S = [1.5 * step for step in range(1, 400)]


def ranked(item: Item, history: History | None = None) -> Analysis:
    found = Evidence(failure_id="0" * 32, items=(item,), collected_at=FAILED_AT)
    return rank(a_failure(), found, history=history or History())


def words(suspect: Suspect) -> list[str]:
    return [signal.words for signal in suspect.signals]


def test_noise_is_no_suspect_beside_news_and_never_strong() -> None:
    analysis = ranked(a_log(seen(0, *EVERY_1_5_S)))
    assert "No space left" in analysis.headline
    noise = [suspect for suspect in analysis.suspects if "legacy01" in suspect.text]
    assert not any(signal.strong for suspect in noise for signal in suspect.signals)


def test_noise_alone_leaves_the_headline_silent() -> None:
    assert ranked(a_log(seen(0, *EVERY_1_5_S), text=f"{NOISE}\n")).headline.startswith("No strong suspect")


def test_a_fault_that_began_before_the_test_leads_and_says_since_when() -> None:
    analysis = ranked(a_log(seen(0, *EVERY_1_5_S), seen(1, 13.0, 9.0, 4.0)))
    first = analysis.suspects[0]
    assert "No space left" in first.text
    began = first.at - timedelta(seconds=13) if first.at else None
    assert began is not None
    assert any(
        each.startswith(f"since {began:%H:%M:%S}, ") and "before this test began" in each for each in words(first)
    )
    assert any(signal.strong for signal in first.signals)


def test_a_fault_that_strikes_each_half_minute_stands_though_the_test_met_it_once() -> None:
    analysis = ranked(a_log(seen(0, *EVERY_1_5_S), seen(1, 200.0, 170.0, 140.0, 110.0, 80.0, 50.0, 20.0)))
    assert "No space left" in analysis.suspects[0].text
    assert " · disk full: No space left on device, since " in analysis.headline.replace("store: ", "")
    assert analysis.headline.endswith("before this test began")
    noise = a_log(seen(0, *EVERY_1_5_S), seen(1, *(20.0 + 30 * step for step in range(19))))
    assert ranked(noise).headline.startswith("No strong suspect")


def test_an_error_that_came_now_and_then_before_is_strong_only_where_its_kind_or_the_test_says_so() -> None:
    rarely = (40.0, 20.0)
    error = "2026-03-14T12:01:06.100Z ERROR newsletter: mail 7 was put back"
    assert ranked(a_log(seen(0, *rarely), text=f"{error}\n")).headline.startswith("No strong suspect")
    assert "No space left" in ranked(a_log(seen(0, *rarely), text=f"{FULL}\n")).headline
    short = a_log(seen(0, *rarely), text=f"{error}\n", lines=3)
    assert "was put back" in ranked(short).headline  # so few lines tell nothing of what is usual
    own = "2026-03-14T12:01:06.100Z ERROR mail of POST /orders was put back"
    assert "was put back" in ranked(a_log(seen(0, *rarely), text=f"{own}\n")).headline


def test_what_a_passed_test_saw_names_that_test() -> None:
    start = STARTED_AT - timedelta(seconds=60)
    passed = RunTest(our_words("Log In"), Window(start=start, end=start + timedelta(seconds=5)), has_passed=True)
    before_line = (STARTED_AT - start).total_seconds() - 2
    analysis = ranked(a_log(seen(1, before_line), text=f"{NOISE}\n{FULL}\n"), History().with_test(passed))
    full = next(suspect for suspect in analysis.suspects if "No space" in suspect.text)
    assert "also logged while 'Log In' passed" in words(full)
    assert not any(signal.strong for signal in full.signals)


def test_news_of_an_earlier_failure_stays_news_though_it_has_become_frequent() -> None:
    first = a_log(text=f"{FULL}\n")
    found = Evidence(failure_id="0" * 32, items=(first,), collected_at=FAILED_AT)
    failure = a_failure(name="Order Tea")
    history = History().with_report(a_report(failure=failure, evidence=found, analysis=rank(failure, found)))
    later = ranked(a_log(seen(0, *EVERY_1_5_S), text=f"{FULL}\n"), history)
    assert "No space left" in later.headline
    assert "also seen when 'Order Tea' failed" in words(later.suspects[0])


def test_what_only_failed_tests_of_earlier_runs_saw_stays_news_however_often_the_test_is_tried_again() -> None:
    minutes_ago = [550.0, 430.0, 300.0, 180.0, 60.0]
    log = a_log(seen(0, *EVERY_1_5_S), seen(1, *minutes_ago), text=f"{NOISE}\n{FULL}\n")
    assert ranked(log).headline.startswith("No strong suspect")
    tries = [
        (STARTED_AT - timedelta(seconds=each + 3), STARTED_AT - timedelta(seconds=each - 3)) for each in minutes_ago
    ]
    failed = [RunTest(our_words("Order Tea"), Window(start=start, end=end), has_passed=False) for start, end in tries]
    analysis = ranked(log, History().with_tests_of_other_runs(failed))
    assert "No space left" in analysis.headline
    assert "also seen when 'Order Tea' failed" in words(analysis.suspects[0])
    assert not any(signal.strong for each in analysis.suspects[1:] for signal in each.signals)


def test_noise_of_an_earlier_failure_does_not_become_news() -> None:
    first = a_log(seen(0, *EVERY_1_5_S), text=f"{NOISE}\n")
    found = Evidence(failure_id="0" * 32, items=(first,), collected_at=FAILED_AT)
    failure = a_failure(name="Order Tea")
    history = History().with_report(a_report(failure=failure, evidence=found, analysis=rank(failure, found)))
    assert ranked(a_log(seen(0, *EVERY_1_5_S), text=f"{NOISE}\n"), history).headline.startswith("No strong suspect")


def test_words_that_a_log_never_held_are_a_suspect_without_being_grave_and_never_strong() -> None:
    tariff = "2026-03-14T12:01:06.300Z INFO prices: from here on it is summer"
    routine = "2026-03-14T12:01:06.400Z INFO orders: order 12 is packed"
    text = f"{NOISE}\n{tariff}\n{routine}\n"
    analysis = ranked(a_log(seen(0, *EVERY_1_5_S), seen(2, *EVERY_1_5_S), text=text))
    assert [suspect.text for suspect in analysis.suspects] == [tariff, NOISE]
    assert not any(signal.strong for signal in analysis.suspects[0].signals)
    assert analysis.headline.startswith("No strong suspect")


def test_of_much_that_is_new_in_a_log_only_the_first_is_told() -> None:
    words_ = ("alder", "beech", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine", "rowan", "willow")
    text = "".join(f"2026-03-14T12:01:06.{100 + n}Z INFO trees: {word} is planted\n" for n, word in enumerate(words_))
    shown = [suspect.text for suspect in ranked(a_log(text=text)).suspects]
    assert 0 < len(shown) <= 6
    assert all(any(word in each for each in shown) for word in words_[: len(shown)])


# --- A window of the collector's own, which reaches further back than the test ----------------------------------------


def minute_long(*lines: tuple[float, str], filler: int = 20) -> Item:
    """A log whose window is the last minute; lines by the seconds after the test began, negative ahead of it."""
    since = FAILED_AT - timedelta(seconds=60)
    every = [(-50.0 + each, f"INFO shop: request {each} was served") for each in range(filler)] + list(lines)
    text = "".join(
        f"{STARTED_AT + timedelta(seconds=each):%Y-%m-%dT%H:%M:%S}.000Z {line}\n" for each, line in sorted(every)
    )
    window = AppliedWindow(kind="60", method="time filter", since=since)
    return an_item(text=text, before="", window=window, look_backs=(LookBack(of_lines=len(lines) + filler, lines=500),))


TURNED_AWAY = "ERROR store: No space left on device"


def a_test(began_s: float, ended_s: float, *, has_passed: bool) -> RunTest:
    start, end = (STARTED_AT + timedelta(seconds=each) for each in (began_s, ended_s))
    return RunTest(our_words("Order Tea"), Window(start=start, end=end), has_passed=has_passed)


def test_a_line_of_a_test_that_is_run_again_is_strong_though_it_stood_in_the_first_attempt() -> None:
    log = minute_long((-30.0, TURNED_AWAY), (3.0, TURNED_AWAY))
    analysis = ranked(log, History().with_test(a_test(-35, -25, has_passed=False)))
    assert "No space left" in analysis.headline
    first = analysis.suspects[0]
    assert first.at == STARTED_AT.replace(microsecond=0) + timedelta(seconds=3)
    assert "also seen when 'Order Tea' failed" in words(first)


def test_what_a_longer_window_shows_of_a_fault_ahead_of_the_test_says_since_when_it_stands() -> None:
    log = minute_long((-12.0, TURNED_AWAY), (-6.0, TURNED_AWAY), (0.0, TURNED_AWAY), (3.0, TURNED_AWAY))
    analysis = ranked(log)
    assert "No space left" in analysis.headline
    assert any("before this test began" in each for each in words(analysis.suspects[0]))


def test_what_a_longer_window_shows_of_a_passed_test_or_all_the_time_is_not_strong() -> None:
    passed = minute_long((-30.0, TURNED_AWAY), (3.0, TURNED_AWAY))
    analysis = ranked(passed, History().with_test(a_test(-35, -25, has_passed=True)))
    assert analysis.headline.startswith("No strong suspect")
    assert "also logged while 'Order Tea' passed" in words(analysis.suspects[0])
    always = minute_long(*((each * 1.0, TURNED_AWAY) for each in range(-50, 6)))
    assert ranked(always).headline.startswith("No strong suspect")
