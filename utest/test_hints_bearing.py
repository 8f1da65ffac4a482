"""A relation that no line bears costs the model's words, and not the line that it points at."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.hint_answers import judged, written_answers

BENCH = Path(__file__).parent.parent / "bench"


def _judged(file: str, said: str) -> tuple[str, str]:
    """What came of an answer, and why."""
    outcome, _, why = judged(next(each for each in written_answers(BENCH / file) if said in each.answer.cause))
    return outcome, why


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("hint_cases_judge_4.yaml", "this rollback then caused the deadlock"),
        ("hint_cases_judge_4.yaml", "this answer led to the internal recursion"),
        ("hint_cases_judge_4.yaml", "this made the host key of vault1 change"),
        ("hint_cases_judge_4.yaml", "therefore db1 was set to read-only"),
        ("hint_cases_judge_3.yaml", "because of that the script in Redis became slow"),
        ("hint_cases_lab_2.yaml", "The MISCONF error led to the failed opening"),
    ],
)
def test_how_something_ended_is_not_told_as_what_led_to_the_cause(file: str, said: str) -> None:
    outcome, why = _judged(file, said)
    assert outcome == "pointed"
    assert "followed from how something ended" in why


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("hint_cases_judge_4.yaml", "Order 977 was rolled back because of a deadlock"),
        ("hint_cases_judge_4.yaml", "rejected the answer of the account service"),
        ("hint_cases_judge_5.yaml", "The shop refused the order with 404 because it has no article"),
        ("hint_cases_voices_3.yaml", "certbot had failed to renew it"),
    ],
)
def test_how_something_ended_is_told_as_what_followed_and_what_a_line_puts_first_as_the_cause(
    file: str, said: str
) -> None:
    assert _judged(file, said)[0] == "kept"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("hint_cases_judge_8.yaml", "request line of 1062 bytes is larger than the 1024"),
        ("hint_cases_judge_8.yaml", "because it or its folder does not exist"),
        ("hint_cases_judge_8.yaml", "came as a string where an int is expected"),
        ("hint_cases_judge_8.yaml", "since the definer mbauer does not exist"),
        ("hint_cases_judge_8.yaml", "after the failed fetch its process exited"),
        ("hint_cases_judge_8.yaml", "so the log-in was denied"),
        ("hint_cases_judge_4.yaml", "newer Java than the one on the machine"),
        ("hint_cases_judge_4.yaml", "could not find the Node module"),
        ("hint_cases_judge_6.yaml", "booking kept its transaction open"),
    ],
)
def test_what_a_line_says_in_other_words_behind_brackets_or_in_another_order_bears_a_relation(
    file: str, said: str
) -> None:
    assert _judged(file, said)[0] == "kept"


@pytest.mark.parametrize(
    ("file", "said", "outcome"),
    [
        ("hint_cases_judge_3.yaml", "The transfer broke the check constraint", "kept"),
        ("hint_cases_judge_1.yaml", "kept failing to parse", "kept"),
        ("hint_cases_mixed_6.yaml", "Ansible deleted /etc/default/pricing", "kept"),
        ("hint_cases_mixed_3.yaml", "/usr/bin/scanner was deleted", "pointed"),
        ("hint_cases_voices_3.yaml", "kept certbot from renewing it", "pointed"),
        ("hint_cases_assistant_4.yaml", "kept running without interruption", "pointed"),
        ("hint_cases_voices_3.yaml", "declined for lack of funds", "pointed"),
    ],
)
def test_an_act_may_be_told_in_other_words_where_the_cited_line_bears_it_and_in_no_other(
    file: str, said: str, outcome: str
) -> None:
    assert _judged(file, said)[0] == outcome


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("hint_cases_judge_4.yaml", "The failover to the second data center"),
        ("hint_cases_judge_1.yaml", "because HAProxy had marked stock1 as down"),
        ("hint_cases_mixed_9.yaml", "the upgraded Jenkins wants Java 17"),
    ],
)
def test_a_cause_of_which_no_line_has_a_word_is_not_told(file: str, said: str) -> None:
    assert _judged(file, said) == ("pointed", _judged(file, said)[1])
    assert "no line has a word of what it gives as the cause" in _judged(file, said)[1]


@pytest.mark.parametrize(
    ("file", "said", "doer"),
    [
        ("hint_cases_judge_4.yaml", "The standby server took", "standby"),
        ("hint_cases_blind_4.yaml", "The watchdog of Selenoid", "watchdog"),
        ("hint_cases_author_1.yaml", "A backup on bak1 held the lock", "backup"),
    ],
)
def test_who_acts_by_itself_and_stands_in_no_line_did_nothing(file: str, said: str, doer: str) -> None:
    outcome, why = _judged(file, said)
    assert outcome == "pointed"
    assert f"the word '{doer}' stands nowhere" in why


@pytest.mark.parametrize(
    ("file", "said", "act"),
    [
        ("hint_cases_voices_4.yaml", "The table customers was dropped", "dropped"),
        ("hint_cases_voices_6.yaml", "/var/cache was not mounted", "mounted"),
        ("hint_cases_mixed_3.yaml", "/usr/bin/scanner was deleted", "deleted"),
        ("hint_cases_assistant_2.yaml", "The cleanup created /etc/default/prom-bridge", "created"),
    ],
)
def test_an_act_of_which_no_line_has_the_word_is_not_told_as_the_cause(file: str, said: str, act: str) -> None:
    outcome, why = _judged(file, said)
    assert outcome == "pointed"
    assert f"no line says '{act}'" in why


def test_an_act_that_a_line_tells_is_shown() -> None:
    assert _judged("hint_cases_plain_2.yaml", "The table sales_2026_q1 was dropped by a cron job")[0] == "kept"


def test_who_is_not_allowed_something_met_with_a_refusal_which_lines_tell_in_many_words() -> None:
    assert _judged("hint_cases_judge_5.yaml", "not allowed to read prices any more")[0] != "pointed"


def test_what_is_said_not_to_exist_is_what_the_line_says_it_of() -> None:
    assert _judged("hint_cases_judge_4.yaml", "Account 1 does not exist")[0] == "pointed"
    assert _judged("hint_cases_judge_4.yaml", "because column tier does not exist")[0] != "pointed"


def test_what_was_more_than_what_is_told_as_the_line_compares_it() -> None:
    outcome, why = _judged("hint_cases_judge_4.yaml", "because 'maxmemory' was higher than the memory")
    assert outcome == "pointed"
    assert "the other way round" in why
    assert _judged("hint_cases_judge_4.yaml", "because its used memory was above 'maxmemory'")[0] == "kept"


@pytest.mark.parametrize(
    "said",
    [
        "The client sent a request header for /account",
        "timed out while it waited for nginx",
        "MariaDB sent the documents service a packet",
    ],
)
def test_what_a_line_tells_of_the_other_side_is_not_told_of_its_writer_or_a_third(said: str) -> None:
    assert _judged("hint_cases_judge_4.yaml", said)[0] == "pointed"


@pytest.mark.parametrize(
    "said",
    [
        "The upstream sent a header that was too large for nginx",
        "nginx on web1 timed out while it read the response",
        "MariaDB got a packet bigger than max_allowed_packet",
    ],
)
def test_what_a_line_tells_of_its_writer_and_of_the_other_side_is_shown(said: str) -> None:
    assert _judged("hint_cases_judge_4.yaml", said)[0] != "dropped"


def test_the_certificate_of_the_other_side_is_not_the_writers() -> None:
    assert _judged("hint_cases_judge_2.yaml", "because the certificate of nginx had expired")[0] == "pointed"
    assert _judged("hint_cases_judge_5.yaml", "The certificate of the upstream has expired")[0] != "pointed"


def test_what_a_line_gives_as_the_reason_is_not_told_as_what_followed() -> None:
    outcome, why = _judged("hint_cases_judge_6.yaml", "Because stock rolled the transfer back")
    assert outcome == "pointed"
    assert "gives it as the reason" in why


def test_what_one_machine_did_is_not_told_of_another() -> None:
    outcome, why = _judged("hint_cases_judge_6.yaml", "cache1 refused the connection of cache3")
    assert outcome == "pointed"
    assert "says so of cache3" in why


def test_that_nothing_led_to_something_is_told_only_where_a_line_says_so() -> None:
    assert _judged("hint_cases_judge_6.yaml", "Recovery on db2 stopped by itself")[0] == "pointed"


@pytest.mark.parametrize("said", ["had 900 GB of free disk space", "3 active threads and 2 queued tasks"])
def test_a_value_belongs_to_the_name_that_its_line_gives_it_in_whatever_unit(said: str) -> None:
    assert _judged("hint_cases_judge_6.yaml", said)[0] == "dropped"
