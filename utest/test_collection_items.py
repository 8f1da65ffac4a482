"""What a host says becomes evidence only through redaction, and silence has a reason."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from FailTaleLibrary.collection.items import BEGINNING_ALONE, TOO_MUCH_TO_REDACT, AskedStep, make_item
from FailTaleLibrary.config import Collector
from FailTaleLibrary.records import Gap, Item, Step
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.transports import CommandResult
from FailTaleLibrary.windows import CommandLine
from FailTaleLibrary.windows.model import WindowValues

AT = datetime(2026, 11, 22, 3, 12, tzinfo=timezone.utc)


def asked(collector: Collector | None = None, *, max_bytes: int = 1000, shown: str = "df -P") -> AskedStep:
    return AskedStep(
        step=Step(host="web1", component="web", collector="disk", timeout_s=10, max_bytes=max_bytes),
        collector=collector or Collector(name="disk", command="df -P", privilege="group adm"),
        line=CommandLine(producer="df -P", filters="", shown=shown, values=WindowValues(())),
        timeout_s=10,
        since=None,
        note="",
        no_surer_way=lambda answer: "",
        ssh_command=None,
        at=AT,
    )


def a_result(
    stdout: str = "",
    stderr: str = "",
    *,
    exit_status: int | None = 0,
    timed_out: bool = False,
    incomplete: str | None = None,
    omitted_bytes: int = 0,
) -> CommandResult:
    return CommandResult(
        exit_status=exit_status,
        stdout=stdout.encode(),
        stderr=stderr.encode(),
        received_bytes=len(stdout),
        omitted_bytes=omitted_bytes,
        duration_s=0.2,
        timed_out=timed_out,
        incomplete=incomplete,
        nonce="N0nce",
    )


def an_item(result: CommandResult, **of_asked: object) -> Item:
    record = make_item(asked(**of_asked), result, Redactor()).record  # type: ignore[arg-type]
    assert isinstance(record, Item), record
    return record


@pytest.mark.parametrize(
    ("result", "reason", "words"),
    [
        (a_result(stderr="sh: 1: df: not found\n", exit_status=127), "command not found", "df: not found"),
        (a_result(stderr="sh: 1: jcmd: not found\n"), "command not found", "jcmd: not found"),
        (a_result(stderr="bash: line 1: df: command not found\n", exit_status=127), "command not found", "df"),
        (a_result(exit_status=127), "command not found", "disk"),
        (a_result(stderr="cat: /x: Permission denied\n", exit_status=1), "permission denied", "needs group adm"),
        (a_result(stderr="Hint: … insufficient permissions.\n", exit_status=1), "permission denied", "insufficient"),
        (a_result(timed_out=True, exit_status=None), "timed out", "no output within 0.2 s"),
        (a_result(incomplete="connection lost: reset by peer", exit_status=None), "connection lost", "reset by peer"),
        (a_result(incomplete="cancelled", exit_status=None), "cancelled", "cancelled"),
    ],
)
def test_silence_is_a_gap_with_its_reason_in_plain_words(result: CommandResult, reason: str, words: str) -> None:
    record = make_item(asked(), result, Redactor()).record
    assert isinstance(record, Gap)
    assert record.reason == reason
    assert words in record.detail
    assert not record.detail.startswith(f"{reason}:")  # it is shown behind its reason


def test_a_missing_log_is_a_gap_and_a_program_that_misses_a_file_a_failed_item() -> None:
    missing = a_result(stderr="tail: /x: No such file or directory\n", exit_status=1)
    log = Collector(name="log", file=("/x",))
    gap = make_item(asked(log), missing, Redactor()).record
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.detail) == ("file not found", "tail: /x: No such file or directory")
    said = "psql: error: connection to server on socket failed: No such file or directory\n\tIs the server running?\n"
    item = an_item(a_result(stderr=said, exit_status=2))
    assert (item.status, item.stderr) == ("failed", said.strip())


def test_a_program_that_the_host_has_no_memory_to_load_is_not_missing() -> None:
    said = "uptime: error while loading shared libraries: libc.so.6: failed to map segment from shared object\n"
    item = an_item(a_result(stderr=said, exit_status=127))
    assert (item.status, item.stderr) == ("failed", said.strip())


def test_a_quiet_log_of_a_user_without_a_home_is_empty_not_missing() -> None:
    said = "Could not chdir to home directory /nonexistent: No such file or directory\n"
    item = an_item(a_result(stderr=f"{said}\x1eN0nce method time\n"), collector=Collector(name="log", file=("/x",)))
    assert (item.status, item.stderr) == ("empty", said.strip())


def test_a_log_of_which_nothing_says_that_it_was_read_is_not_told_as_empty() -> None:
    """As where a shell broke off while it was handed the text that reads it."""
    gap = make_item(asked(collector=Collector(name="log", file=("/x",))), a_result(), Redactor()).record
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.detail) == (
        "could not tell",
        "the host did not say how it read the log: its shell broke off, perhaps",
    )


def test_partial_output_is_evidence_whatever_ended_it() -> None:
    item = an_item(a_result("half of it\n", timed_out=True, exit_status=None))
    assert (item.text, item.timed_out, item.exit_status) == ("half of it\n", True, None)
    assert an_item(a_result("half\n", incomplete="connection lost", exit_status=None)).incomplete == "connection lost"


def test_what_cut_an_item_is_told_by_the_name_of_its_limit() -> None:
    def cut_by(step: AskedStep, *, kept: float = 1.0) -> str:
        lines = a_result("a line of a log\n" * 40)
        record = make_item(step, lines, Redactor(), take=lambda wanted: int(wanted * kept)).record
        assert isinstance(record, Item)
        return record.cut_by

    assert cut_by(asked()) == ""
    assert cut_by(asked(max_bytes=500)) == "limits.item_bytes"
    own = "max_bytes of collector 'disk'"
    named = replace(asked(max_bytes=500), item_limit=own, bytes_limit="limits.failure_bytes")
    assert cut_by(named) == own
    assert cut_by(named, kept=0.5) == "limits.failure_bytes"


def test_a_failing_command_keeps_its_status_and_stderr() -> None:
    item = an_item(a_result(stderr="df: cannot read table of mounted file systems\n", exit_status=3))
    assert (item.status, item.exit_status) == ("failed", 3)
    assert item.stderr == "df: cannot read table of mounted file systems"


def test_an_empty_answer_is_evidence_of_its_own() -> None:
    assert an_item(a_result()).status == "empty"


def test_secrets_leave_text_stderr_and_the_shown_command() -> None:
    secret = uuid.uuid4().hex
    collector = Collector(name="disk", command="x")
    result = a_result(f"password={secret}\n", f"warning: token={secret}\n")
    record = make_item(asked(collector, shown=f"psql --password={secret}"), result, Redactor()).record
    assert secret not in record.model_dump_json()
    assert isinstance(record, Item)
    assert sum(each.count for each in record.redactions) == 3


def test_a_secret_leaves_the_reason_of_a_gap() -> None:
    secret = uuid.uuid4().hex
    result = a_result(stderr=f"open /x?password={secret}: Permission denied\n", exit_status=1)
    record = make_item(asked(), result, Redactor(known=[secret])).record
    assert isinstance(record, Gap)
    assert secret not in record.detail


def test_an_item_that_cannot_be_made_safe_is_withheld() -> None:
    record = make_item(asked(), a_result("x" * 1000 + "\n"), Redactor(timeout_s=0)).record
    assert isinstance(record, Gap)
    assert record.reason == "withheld"
    assert "xxx" not in record.detail


def test_a_torn_first_line_goes_because_half_a_secret_is_no_longer_one() -> None:
    assert an_item(a_result("f-a-secret\nwhole line\n", omitted_bytes=500)).text == "whole line\n"


def test_the_newest_whole_lines_within_the_cap_stay_and_the_rest_is_counted() -> None:
    answer = make_item(asked(max_bytes=20), a_result("first line\nsecond line\nthird line\n"), Redactor())
    assert isinstance(answer.record, Item)
    assert answer.record.text == "third line\n"
    assert (answer.record.omitted_lines, answer.record.omitted_bytes) == (2, 23)
    assert answer.full_text == "first line\nsecond line\nthird line\n"


@pytest.mark.parametrize("end", ["", "\n"])
def test_of_one_line_longer_than_the_cap_the_newest_part_stays(end: str) -> None:
    item = an_item(a_result("old line\n" + "é" * 500 + " the end" + end), max_bytes=20)
    assert item.text.endswith(" the end" + end)
    assert len(item.text.encode()) in (19, 20)
    assert (item.status, item.omitted_lines) == ("ok", 1)
    assert item.omitted_bytes == 9 + 1000 + len(" the end" + end) - len(item.text.encode())


def test_a_bundle_that_cannot_be_searched_in_time_does_not_cost_the_card_its_share() -> None:
    readings = iter([0.0, 100.0])  # the first search is late, and no further one
    redactor = Redactor(timeout_s=5, clock=lambda: next(readings, 100.0))
    lines = "".join(f"line {number} password=tr0mbone{number}\n" for number in range(1000))
    collected = make_item(asked(max_bytes=200), a_result(lines), redactor)
    assert isinstance(collected.record, Item)
    assert "line 999 password=[redacted:password]" in collected.record.text
    assert collected.full_text.splitlines()[0] == TOO_MUCH_TO_REDACT
    assert "tr0mbone" not in collected.full_text


class Ticks:
    """CPU time that passes by one second whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_what_only_the_bundle_keeps_is_not_searched_where_the_cards_part_shows_that_it_would_take_too_long() -> None:
    clock = Ticks()
    lines = "".join(f"line {number} password=tr0mbone{number}\n" for number in range(1000))
    collected = make_item(asked(max_bytes=200), a_result(lines), Redactor(timeout_s=60, clock=clock))
    assert isinstance(collected.record, Item)
    assert "line 999 password=[redacted:password]" in collected.record.text
    assert collected.full_text.splitlines()[0] == TOO_MUCH_TO_REDACT
    assert "tr0mbone" not in collected.full_text
    assert clock.now < 500, "the clock is looked at 20,000 times for all of it"
    assert {each.rule: each.count for each in collected.record.redactions}["password"] < 20


def test_of_a_line_that_cannot_be_searched_in_time_the_beginning_is_shown_without_half_a_secret_at_its_end() -> None:
    secret = uuid.uuid4().hex
    head = f"first words password={secret} "
    line = f"{head}{'x' * (21_000 - len(head))}{secret * 50} password={secret} {'y' * 100_000}"
    collected = make_item(asked(max_bytes=2000), a_result(line), Redactor(timeout_s=40, clock=Ticks()))
    assert isinstance(collected.record, Item)
    heading, shown = collected.full_text.split("\n", 1)
    assert heading == BEGINNING_ALONE
    assert shown.startswith("first words password=[redacted:password] xxx")
    assert secret[:8] not in shown
    assert len(collected.record.text) > 1000
