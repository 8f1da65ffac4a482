"""Robot's own objects, from a real run, become failures: the way to the failing keyword, its place, and no secret."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from patience import PATIENCE_S

from FailTaleLibrary.records import Failure, KeywordStep
from FailTaleLibrary.redaction.redactor import MAX_TEXT
from FailTaleLibrary.robot_results import MAX_KEYWORDS, secret_variables

ROOT = Path(__file__).parent.parent
PASSWORD = f"Xq{secrets.token_hex(10)}"

SUITE = """\
*** Settings ***
Library     Collections

*** Variables ***
@{ITEMS}    tea    cup    pot

*** Test Cases ***
Plain
    [Tags]    orders    smoke
    Log    begins
    Fail    plainly

Nested
    Outer    tea

Waits
    Wait Until Keyword Succeeds    3x    10 ms    Fails Again And Again

Handled Before
    TRY
        Fail    handled by TRY
    EXCEPT
        No Operation
    END
    Run Keyword And Ignore Error    Fail    handled by a keyword
    Fail    not handled

Handler Fails
    TRY
        Fail    first
    EXCEPT
        Fail    in the handler
    END

Cleaning Up Fails
    TRY
        Fail    first
    EXCEPT
        No Operation
    FINALLY
        Fail    cannot clean up
    END

Handler Does Not Fit
    TRY
        Fail    first
    EXCEPT    another error
        No Operation
    END

Broken Setup
    [Setup]    Outer    setup
    Log    never

Broken Teardown
    Log    fine
    [Teardown]    Outer    teardown

Fails And Breaks
    Fail    in the body
    [Teardown]    Fail    in the teardown

Loop
    FOR    ${item}    IN    @{ITEMS}
        IF    '${item}' == 'cup'    Fail    no ${item}
    END

Continued
    [Tags]    robot:continue-on-failure
    Fail    first of two
    Fail    second of two

Without A Keyword
    No Such Keyword    tea

Long
    ${text} =    Evaluate    'begin ' + 'x' * 100_000 + ' end'
    Fail    ${text}

Secret
    Outer    login with PASSWORD

Many
    MANY KEYWORDS
    Fail    after many

*** Keywords ***
Outer
    [Arguments]    ${what}
    Log    ${what}
    Inner    ${what}

Inner
    [Arguments]    ${what}
    Should Be Equal    ${what}    coffee

Fails Again And Again
    Fail    attempt that fails
"""
FIXTURES = """\
*** Settings ***
Suite Setup       Prepare    product
Suite Teardown    Fail    cannot clean up

*** Test Cases ***
Never Runs
    No Operation

*** Keywords ***
Prepare
    [Arguments]    ${what}
    Fail    cannot prepare ${what}
"""
LISTENER = """\
import json
import os
import sys

from robot.running import TestSuite

from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.robot_results import failure_of_suite_fixture, failure_of_test

ROBOT_LISTENER_API_VERSION = 3
redactor = Redactor(known=[os.environ["SHOP_PASSWORD"]])
failed = []
suites = []


def start_suite(data, result):
    suites.append(result)


def end_suite(data, result):
    suites.pop()


def end_body_item(data, result):
    if result.status != "FAIL":
        return
    failed.append((data, result))
    if isinstance(data.parent, TestSuite):
        write(failure_of_suite_fixture(result, suites[-1], places=places(), redactor=redactor))


def end_test(data, result):
    failed.append((data, result))
    if result.failed:
        write(failure_of_test(result, places=places(), redactor=redactor, attempt=2))


def places():
    return {id(result): (str(data.source), data.lineno) for data, result in failed}


def write(failure):
    failed.clear()
    with open("failures.jsonl", "a") as file:
        file.write(failure.model_dump_json() + "\\n")
"""


@dataclass(frozen=True)
class RobotRun:
    directory: Path
    failures: Mapping[str, Failure]

    def path(self, name: str) -> list[str]:
        return [step.name for step in self.failures[name].keyword_path]

    def call(self, step: KeywordStep) -> str:
        """The line of the suite that a step names."""
        assert step.source is not None
        assert step.line is not None
        return Path(step.source).read_text().splitlines()[step.line - 1].strip()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RobotRun:
    directory = tmp_path_factory.mktemp("robot")
    suites = directory / "shop"
    suites.mkdir()
    suite = SUITE.replace("PASSWORD", PASSWORD).replace("MANY KEYWORDS", "No Operation\n    " * MAX_KEYWORDS)
    (suites / "orders.robot").write_text(suite)
    (suites / "stock.robot").write_text(FIXTURES)
    (directory / "capture.py").write_text(LISTENER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SHOP_PASSWORD": PASSWORD}
    command = [sys.executable, "-m", "robot", "--listener", "capture.py", "--output", "NONE", "shop"]
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (directory / "failures.jsonl").exists(), done.stdout + done.stderr
    assert "Error in" not in done.stderr, done.stderr  # a listener that raises
    lines = (directory / "failures.jsonl").read_text().splitlines()
    failures = [Failure.model_validate_json(line) for line in lines]
    return RobotRun(directory, {failure.name: failure for failure in failures})


def test_a_failure_bears_what_robot_knows_of_the_test(run: RobotRun) -> None:
    failure = run.failures["Plain"]
    assert (failure.scope, failure.framework, failure.attempt) == ("test", "robot", 2)
    assert failure.suite == "Shop.Orders"
    assert failure.tags == ("orders", "smoke")
    assert failure.message == "plainly"
    assert failure.source == str(run.directory / "shop" / "orders.robot")
    assert failure.line == 1 + SUITE.splitlines().index("Plain")
    assert len(failure.id) == 32


def test_ids_are_all_different(run: RobotRun) -> None:
    assert len({failure.id for failure in run.failures.values()}) == len(run.failures)


def test_the_window_ends_when_the_failing_keyword_ended(run: RobotRun) -> None:
    failure = run.failures["Fails And Breaks"]
    (failed,) = failure.keyword_path
    assert failed.started_at is not None
    assert failed.elapsed_s is not None
    ended = failed.started_at + timedelta(seconds=failed.elapsed_s)
    assert abs(failure.window.end - ended) < timedelta(milliseconds=1)
    assert failure.window.start <= failed.started_at
    assert datetime.now(timezone.utc) - failure.window.end < timedelta(minutes=5)  # local time was told as such


def test_the_path_leads_from_the_test_to_the_failing_keyword(run: RobotRun) -> None:
    assert run.path("Plain") == ["BuiltIn.Fail"]
    assert run.path("Nested") == ["Outer", "Inner", "BuiltIn.Should Be Equal"]
    assert [step.depth for step in run.failures["Nested"].keyword_path] == [0, 1, 2]
    assert run.failures["Nested"].keyword_path[-1].arguments == ("${what}", "coffee")


def test_each_step_names_its_line(run: RobotRun) -> None:
    calls = [run.call(step) for step in run.failures["Nested"].keyword_path]
    assert calls == ["Outer    tea", "Inner    ${what}", "Should Be Equal    ${what}    coffee"]


def test_of_repeated_attempts_the_last_one_is_the_way(run: RobotRun) -> None:
    failure = run.failures["Waits"]
    assert run.path("Waits") == ["BuiltIn.Wait Until Keyword Succeeds", "Fails Again And Again", "BuiltIn.Fail"]
    attempts = [step for step in failure.keywords if step.name == "Fails Again And Again"]
    assert len(attempts) == 3
    assert failure.keyword_path[1].started_at == attempts[-1].started_at


def test_handled_failures_are_not_entered(run: RobotRun) -> None:
    assert run.path("Handled Before") == ["BuiltIn.Fail"]
    assert run.failures["Handled Before"].keyword_path[0].arguments == ("not handled",)


def test_a_failing_handler_is_the_way_to_what_it_failed_at(run: RobotRun) -> None:
    for name in ("Handler Fails", "Cleaning Up Fails", "Handler Does Not Fit"):
        failure = run.failures[name]
        assert failure.keyword_path[-1].arguments == (failure.message,)
    assert run.failures["Handler Fails"].message == "in the handler"


def test_a_setup_and_a_teardown_are_entered(run: RobotRun) -> None:
    assert run.path("Broken Setup") == ["Outer", "Inner", "BuiltIn.Should Be Equal"]
    assert run.failures["Broken Setup"].keyword_path[0].kind == "SETUP"
    assert run.path("Broken Teardown") == ["Outer", "Inner", "BuiltIn.Should Be Equal"]
    assert run.failures["Broken Teardown"].keyword_path[0].kind == "TEARDOWN"


def test_what_failed_first_is_the_way_though_more_failed_later(run: RobotRun) -> None:
    assert run.failures["Fails And Breaks"].keyword_path[0].arguments == ("in the body",)
    assert run.failures["Continued"].keyword_path[0].arguments == ("first of two",)


def test_a_loop_is_entered_at_the_round_that_failed(run: RobotRun) -> None:
    steps = run.failures["Loop"].keyword_path
    assert [step.kind for step in steps] == ["FOR", "ITERATION", "IF/ELSE ROOT", "IF", "KEYWORD"]
    assert "@{ITEMS}" in steps[0].name
    assert "cup" in steps[1].name
    assert steps[0].arguments == ()
    assert run.call(steps[0]) == "FOR    ${item}    IN    @{ITEMS}"
    assert "Fail    no ${item}" in run.call(steps[-1])


def test_an_unknown_keyword_is_named_as_it_was_written(run: RobotRun) -> None:
    (step,) = run.failures["Without A Keyword"].keyword_path
    assert step.name == "No Such Keyword"
    assert "No keyword with name 'No Such Keyword' found." in run.failures["Without A Keyword"].message


def test_a_suites_setup_and_teardown_are_failures_of_their_own(run: RobotRun) -> None:
    setup = run.failures["Suite setup of Stock"]
    assert (setup.scope, setup.suite, setup.message) == ("suite setup", "Shop.Stock", "cannot prepare product")
    assert run.path("Suite setup of Stock") == ["Prepare", "BuiltIn.Fail"]
    assert run.call(setup.keyword_path[0]).startswith("Suite Setup")
    teardown = run.failures["Suite teardown of Stock"]
    assert teardown.scope == "suite teardown"
    assert run.path("Suite teardown of Stock") == ["BuiltIn.Fail"]


def test_a_test_that_never_ran_has_no_way_to_a_keyword(run: RobotRun) -> None:
    failure = run.failures["Never Runs"]
    assert (failure.keyword_path, failure.keywords) == ((), ())
    assert "cannot prepare product" in failure.message


def test_a_long_message_keeps_both_ends(run: RobotRun) -> None:
    message = run.failures["Long"].message
    assert message.startswith("begin xxx")
    assert message.endswith("xxx end")
    assert len(message) < MAX_TEXT + 100


def test_a_known_secret_is_neither_in_the_message_nor_in_an_argument(run: RobotRun) -> None:
    failure = run.failures["Secret"]
    assert PASSWORD not in failure.model_dump_json()
    assert failure.keyword_path[0].arguments == ("login with [redacted:known-value]",)
    assert failure.message.startswith("login with [redacted:known-value]")
    assert [each.rule for each in failure.redactions] == ["known value"]
    assert run.failures["Plain"].redactions == ()


def test_what_ran_is_told_in_order_two_levels_deep_without_what_did_not_run(run: RobotRun) -> None:
    assert [step.name for step in run.failures["Nested"].keywords] == ["Outer", "BuiltIn.Log", "Inner"]
    assert [step.name for step in run.failures["Broken Setup"].keywords] == ["Outer", "BuiltIn.Log", "Inner"]
    started = [step.started_at for step in run.failures["Nested"].keywords if step.started_at]
    assert started == sorted(started)


def test_of_many_keywords_the_last_ones_are_told(run: RobotRun) -> None:
    failure = run.failures["Many"]
    assert len(failure.keywords) == MAX_KEYWORDS
    assert failure.keywords[-1].arguments == ("after many",)


# --- Variables --------------------------------------------------------------------------------------------------------


def test_values_of_variables_named_like_secrets_are_secrets() -> None:
    named = {"${DB PASSWORD}": PASSWORD, "${api_token}": PASSWORD[::-1], "${GREETING}": "hello everybody"}
    assert set(secret_variables(named)) == {PASSWORD, PASSWORD[::-1]}


@pytest.mark.parametrize(
    "variables",
    [
        {"&{DB}": {"host": "database1", "password": PASSWORD}},
        {"@{PASSWORDS}": ["short", PASSWORD]},
        {"&{ALL}": {"db": {"user": "shopkeeper", "settings": {"password": PASSWORD}}}},
        {"&{ALL}": {"databases": [{"password": PASSWORD}]}},
        {"&{TOKENS}": {"web": (PASSWORD,)}},
        {"&{PASSWORDS}": {"admin": PASSWORD}},
        {"&{ALL}": {"passwords": {"admin": PASSWORD}}},
    ],
)
def test_a_secret_in_a_dictionary_or_list_is_found_by_the_names_on_its_way(variables: dict[str, object]) -> None:
    assert set(secret_variables(variables)) == {PASSWORD}


def test_what_robot_marks_as_secret_is_one_whatever_its_name() -> None:
    types = pytest.importorskip("robot.api.types", reason="Robot Framework before 7.4 has no Secret")
    marked = types.Secret(PASSWORD)
    assert secret_variables({"${GREETING}": marked}) == (PASSWORD,)
    assert secret_variables({"@{LIST}": ["x", {"deep": [marked]}]}) == (PASSWORD,)


def test_a_list_that_holds_itself_has_an_end() -> None:
    endless: list[object] = [PASSWORD]
    endless.append(endless)
    assert PASSWORD in secret_variables({"@{PASSWORDS}": endless})


def test_what_is_no_text_is_no_secret() -> None:
    assert secret_variables({"${PASSWORD}": None, "${TOKEN}": 123456789, "${SECRET}": object()}) == ()
