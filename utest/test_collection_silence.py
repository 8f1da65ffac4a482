"""No output: when that is "empty", and when it is a refusal, something missing, or nobody knows."""

from __future__ import annotations

import pytest
from test_collection_items import a_result, asked

from FailTaleLibrary.collection.items import make_item
from FailTaleLibrary.collection.silence import WORDS, meaning
from FailTaleLibrary.config import Collector
from FailTaleLibrary.records import Gap, Item
from FailTaleLibrary.redaction import Redactor

EXAMPLES = [(row.reason, line) for row in WORDS for line in row.examples]
UNKNOWN = (
    "frobnicate: cannot frobnicate the widget",
    "E: Sub-process returned an error code (1)",
    "zsh: parse error near `|'",
    "panic: runtime error: index out of range",
    "err: 0x8007045b",
)


def judged(stderr: str, *, exit_status: int = 0, stdout: str = "", collector: Collector | None = None) -> Item | Gap:
    result = a_result(stdout, stderr, exit_status=exit_status)
    return make_item(asked(collector), result, Redactor()).record


@pytest.mark.parametrize(("reason", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_each_row_of_words_is_told_as_what_it_is(reason: str | None, line: str) -> None:
    record = judged(line + "\n")
    if reason is None:
        assert isinstance(record, Item)
        assert (record.status, record.stderr) == ("empty", line.strip())
    else:
        assert isinstance(record, Gap)
        assert record.reason == reason
        assert line.strip() in record.detail


@pytest.mark.parametrize("line", UNKNOWN)
def test_silence_with_words_that_nobody_knows_is_not_empty(line: str) -> None:
    assert meaning(line) == "unknown"
    record = judged(line + "\n")
    assert isinstance(record, Gap)
    assert (record.reason, record.detail) == ("could not tell", line)


def test_silence_without_a_word_is_empty() -> None:
    record = judged("")
    assert isinstance(record, Item)
    assert record.status == "empty"


def test_harmless_words_beside_a_refusal_hide_nothing() -> None:
    record = judged(
        "stdin: is not a tty\ncat: /x: Permission denied\nbash: warning: setlocale: cannot change locale (x)\n"
    )
    assert isinstance(record, Gap)
    assert (record.reason, record.detail) == ("permission denied", "cat: /x: Permission denied; needs group adm")


def test_a_refusal_explains_more_than_what_follows_from_it() -> None:
    record = judged("cat: /x: Permission denied\nawk: cannot open y (No such file or directory)\n")
    assert isinstance(record, Gap)
    assert record.reason == "permission denied"


def test_a_title_ahead_of_a_refusal_is_no_answer() -> None:
    said = "java.io.IOException: Operation not permitted\n\tat jdk.attach/sun.tools.attach.X(Native Method)\n"
    record = judged(said, stdout="4711:\n", exit_status=1)
    assert isinstance(record, Gap)
    assert record.reason == "permission denied"
    assert "Operation not permitted" in record.detail


@pytest.mark.parametrize("exit_status", [0, 1])
@pytest.mark.parametrize("title", ["4711:", "-- No entries --", "0"])
def test_a_title_behind_which_a_refusal_stands_on_stderr_is_no_answer_though_a_pipe_hides_the_failure(
    title: str, exit_status: int
) -> None:
    record = judged("java.io.IOException: Operation not permitted\n", stdout=f"{title}\n", exit_status=exit_status)
    assert isinstance(record, Gap)
    assert record.reason == "permission denied"
    assert isinstance(judged("", stdout=f"{title}\n", exit_status=exit_status), Item)


def test_of_several_lines_the_one_that_says_what_failed_is_the_reason() -> None:
    said = 'psql: error: connection to server at "db1" failed: Connection refused\n\tDo others reach it on that host?\n'
    record = judged(said)
    assert isinstance(record, Gap)
    assert (record.reason, "Connection refused" in record.detail) == ("failed", True)


def test_a_program_that_failed_in_its_own_words_is_shown_with_them() -> None:
    for line in ("frobnicate: cannot frobnicate", "Failed to connect to bus: Host is down"):
        record = judged(line + "\n", exit_status=1)
        assert isinstance(record, Item)
        assert (record.status, record.stderr) == ("failed", line)


def test_a_filter_that_failed_has_not_found_that_there_is_nothing() -> None:
    record = judged("\x1eN0nce grep 2\n\x1eN0nce produced 4 80\n")
    assert isinstance(record, Gap)
    assert record.reason == "could not tell"


def test_a_command_that_says_much_on_stderr_alone_has_answered_there() -> None:
    lines = [f"shop: step {number} has gone wrong" for number in range(4)]
    record = judged("\n".join(lines) + "\n")
    assert isinstance(record, Item)
    assert (record.status, record.stderr) == ("ok", "")
    assert record.text.splitlines() == ["[printed on stderr]", *lines]


def test_few_words_on_stderr_and_those_of_our_own_reading_of_a_log_are_no_answer() -> None:
    said = "".join(f"frob {word}\n" for word in ("this", "that", "those", "these"))
    assert isinstance(judged("".join(said.splitlines(keepends=True)[:3])), Gap)
    assert isinstance(judged(said, collector=Collector(name="log", file=("/x",))), Gap)


def test_a_refusal_among_many_words_is_the_reason() -> None:
    record = judged("one\ntwo\nthree\nfour\ncat: /x: Permission denied\n")
    assert isinstance(record, Gap)
    assert record.reason == "permission denied"


def test_half_a_secret_at_the_cut_of_a_long_stderr_is_not_shown() -> None:
    said = "Hidden7words\n" + "the same again\n" * 5000
    record = judged(said[-65536:] if len(said) > 65536 else said)
    assert isinstance(record, Item)
    assert record.text.startswith("[printed on stderr; older lines were left out]\n")
    assert set(record.text.splitlines()[1:]) == {"the same again"}
