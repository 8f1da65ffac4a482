"""A role that a line gives to another value, name or moment costs the model's words, and not the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.hint_answers import Written, judged, written_answers
from bench.hints import report_of_case
from FailTaleLibrary.config.model import AnalysisSettings
from FailTaleLibrary.hints import build_prompt
from FailTaleLibrary.hints.answer import ModelAnswer

BENCH = Path(__file__).parent.parent / "bench"


def _judged(file: str, said: str) -> tuple[str, str]:
    """What came of an answer, and why."""
    outcome, _, why = judged(next(each for each in written_answers(BENCH / file) if said in each.answer.cause))
    return outcome, why


def _outcome(line: str, said: str) -> tuple[str, str]:
    """What comes of a sentence about a failure with this one line."""
    suspect = {
        "host": "app1", "component": "importer", "collector": "app-log", "offset_s": -0.2, "text": line,
        "signals": ["error", "near the failure"], "strong": ["error"],
    }  # fmt: skip
    told = {"name": "a role", "message": "The goods did not arrive", "keyword": ["Wait"], "suspects": [suspect]}
    report = report_of_case(1, told)
    prompt = build_prompt(report, settings=AnalysisSettings(), context_tokens=8192)
    answer = ModelAnswer(evidence=("E1",), cause=said, component="importer", category="environment", confidence="high")
    outcome, _, why = judged(Written("a role", report, prompt, "wrong", "", answer, said, frozenset({"E1"})))
    return outcome, why


VALUES = [
    (
        "ERROR declare of queue goods: received '30000' but current is '60000'",
        "The queue goods has 60000, but it was declared with 30000.",
        "The queue goods has 30000, but it was declared with 60000.",
    ),
    (
        "ERROR loader: expected a JavaScript module but the server responded with application/octet-stream",
        "The loader expected a JavaScript module, but the server responded with application/octet-stream.",
        "The loader expected application/octet-stream, but the server responded with a JavaScript module.",
    ),
    (
        "ERROR plugin goods has been compiled for class version 65.0, this runtime only recognizes versions up to 61.0",
        "The plugin goods was compiled for class version 65.0, but this runtime only recognizes 61.0.",
        "The plugin goods was compiled for class version 61.0, but this runtime only recognizes 65.0.",
    ),
    (
        "ERROR transfer of goods.tgz: connection closed by supplier after 40000 of 60250 bytes",
        "The supplier closed the connection of goods.tgz after it had sent 40000 of 60250 bytes.",
        "The supplier had sent 60250 bytes of goods.tgz, then the connection was closed.",
    ),
    (
        "ERROR message of goods is 1432118 bytes when serialized, which is larger than 1048576",
        "The message of goods was larger than 1048576 bytes when serialized, it has 1432118.",
        "The message of goods is 1048576 bytes when serialized, which is larger than 1432118.",
    ),
    (
        "ERROR gateway answered 429, ratelimit-limit: 1000, retry-after: 2520",
        "The gateway answered 429 because the ratelimit was 1000.",
        "The gateway answered 429 because the limit was 2520.",
    ),
    (
        "ERROR goods: KeyError: 'ordre'",
        "A template of the goods asks for the key 'ordre', which is not there.",
        "The goods failed because their data contains only the key 'ordre'.",
    ),
    (
        "ERROR Access denied for user 'crm' (using password: YES)",
        "The user 'crm' was denied access, though a password was given.",
        "The user 'crm' was denied access because it logged in without a password.",
    ),
    (
        "ERROR price not published: this user has no permissions to run the 'xadd' command",
        "The user has no permissions to run the 'xadd' command, so the price was not published.",
        "The user 'xadd' has no permissions to run the command, so the price was not published.",
    ),
    (
        "ERROR POST /goods failed: the store is locked",
        "POST /goods failed because the store was locked.",
        "POST /goods had locked the store.",
    ),
    (
        "ERROR zones/shop: -inventory IN A 10.2.0.50 ; +stock IN A 10.2.0.50",
        "In zones/shop the record inventory was replaced by stock.",
        "In zones/shop the record stock was replaced by inventory.",
    ),
    (
        "ERROR the service answered with rows: 6040, bytes: 114760",
        "The service answered with 6040 rows in 114760 bytes.",
        "The service answered with 114760 rows in 6040 bytes.",
    ),
    (
        "ERROR Request Line is too large (1062 > 1024)",
        "The Request Line of 1062 bytes is too large, as 1024 are allowed.",
        "The server takes a Request Line of up to 1062, but this one had only 1024.",
    ),
    (
        "ERROR json: cannot unmarshal string into Go struct field Item.qty of type int",
        "The qty of an Item came as a string, but the field is of type int.",
        "The qty of an Item came as an int, but the import expects a string.",
    ),
    (
        "ERROR parent of 9 (furniture) changed from none to 12 (chairs)",
        "The parent of 9 (furniture) was changed from none to 12 (chairs).",
        "The parent of 9 (furniture) was changed from 12 (chairs) to none.",
    ),
    (
        "ERROR importer: connection to cache1 closed by the server, reconnecting in 5 s",
        "The server closed the connection to cache1.",
        "The importer closed its connection to cache1.",
    ),
    (
        "ERROR backup of the goods to tape: no scratch volume, error 19511",
        "The backup of the goods to tape found no scratch volume.",
        "The backup of the goods to tape succeeded.",
    ),
]


@pytest.mark.parametrize(("line", "right", "wrong"), VALUES)
def test_a_value_or_name_in_the_role_of_another_one_is_not_told(line: str, right: str, wrong: str) -> None:
    assert _outcome(line, right)[0] in ("kept", "cut")
    assert _outcome(line, wrong)[0] in ("pointed", "dropped")


@pytest.mark.parametrize(
    ("file", "said", "why"),
    [
        ("hint_cases_judge_6.yaml", "took 2252111 ms", "does not say what 2252111 counts"),
        ("hint_cases_judge_6.yaml", "which led to the channel error in the broker", "E5 was written after E1"),
        ("hint_cases_judge_8.yaml", "so Ansible limited vhost / to 2 connections", "is a change that did not follow"),
        ("hint_cases_judge_8.yaml", "that made the thread panic with an overflow", "only tells how it ended"),
        ("hint_cases_judge_8.yaml", "The supervisor shut the chat down, and because", "was written after"),
        ("hint_cases_judge_7.yaml", "The web server did not accept the date", "nothing speaks of the web server"),
        ("hint_cases_assistant_4.yaml", "The kernel killed import_prices.py", "says so of something else"),
        ("hint_cases_plain_6.yaml", "First the account svc-portal was locked out", "E3 came before E2"),
    ],
)
def test_what_lines_do_not_measure_tell_later_or_tell_of_another_is_not_told(file: str, said: str, why: str) -> None:
    outcome, told = _judged(file, said)
    assert outcome == "pointed"
    assert why in told


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("hint_cases_judge_6.yaml", "The step render was skipped because Varnish"),
        ("hint_cases_author_1.yaml", "Event 385 was raised because the Okta sync service"),
    ],
)
def test_what_is_left_of_a_sentence_without_its_invented_reason_is_no_cause(file: str, said: str) -> None:
    assert _judged(file, said)[0] == "pointed"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("hint_cases_judge_6.yaml", "PostgreSQL reloaded its configuration files while the report ran"),
        ("hint_cases_judge_7.yaml", "nginx was reconfigured and its worker process exited"),
    ],
)
def test_a_reload_that_a_strong_line_says_nothing_of_is_no_cause(file: str, said: str) -> None:
    outcome, why = _judged(file, said)
    assert outcome == "dropped"
    assert "tell of no failure" in why


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("hint_cases_judge_7.yaml", "The id for the new coupon was too big for the column"),
        ("hint_cases_judge_6.yaml", "while booking kept its transaction open"),
        ("hint_cases_judge_1.yaml", "The worker kept failing to parse a message"),
    ],
)
def test_was_too_big_is_no_change_and_what_was_kept_up_no_act_of_its_own(file: str, said: str) -> None:
    assert _judged(file, said)[0] == "kept"


@pytest.mark.parametrize(
    "said",
    [
        "since the definer mbauer does not exist",
        "its request line of 1062 bytes is larger than the 1024",
        "because it or its folder does not exist",
    ],
)
def test_a_reason_is_borne_by_numbers_by_other_words_and_by_what_stands_in_brackets(said: str) -> None:
    assert _judged("hint_cases_judge_8.yaml", said)[0] == "kept"
