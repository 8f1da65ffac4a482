"""Command collectors, quoting, marks told by hosts, answers and baselines."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from host_shells import NONCE, HostShell, host_shells, met_by
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from patience import PATIENCE_S

from FailTaleLibrary.collection.baselines import changes, masked
from FailTaleLibrary.config import Collector
from FailTaleLibrary.windows import ResolvedWindow, command_line, mark_script, parse_host_output, parse_mark
from FailTaleLibrary.windows.pipeline import shell_quote, shell_quote_pattern

SHELLS = host_shells()
NO_WINDOW = ResolvedWindow(kind="none")
every_shell = pytest.mark.parametrize("shell", SHELLS, ids=str)
few = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
anything = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)))
any_bytes = st.binary().map(lambda data: os.fsdecode(data.replace(b"\0", b"")))


def command(text: str, **fields: object) -> Collector:
    return Collector(name="state", command=text, **fields)


# --- Commands ---------------------------------------------------------------------------------------------------------


@every_shell
@few
@given(text=anything | any_bytes)
@example(text='it\'s "$HOME" `id` \\ \n!*?')
def test_any_word_reaches_the_shell_unchanged(shell: HostShell, text: str) -> None:
    done = shell.run(
        f"printf %s {shell_quote(text)}".encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    )
    assert done.stdout == os.fsencode(text)


@every_shell
def test_a_command_of_many_lines_and_quotes_runs_as_it_is(shell: HostShell) -> None:
    text = "cat <<'EOF' # a comment\nit's \"$HOME\" \\n `id`\nEOF\nx='a  b'; printf '%s|' \"$x\" $x\nexit 3"
    line = command_line(command(text), window=NO_WINDOW, max_bytes=1000)
    stdout, stderr, status = shell.outputs(line)
    assert parse_host_output(stdout, stderr, nonce=NONCE).text == b'it\'s "$HOME" \\n `id`\na  b|a|b|'
    assert status == 3


@every_shell
def test_a_command_may_ask_for_its_window_in_whole_seconds(shell: HostShell) -> None:
    window = ResolvedWindow(kind="test", asked_since_epoch=1795372201.7, asked_until_epoch=1795372300.2)
    line = command_line(command("sh -c 'echo \"$FAILTALE_SINCE $FAILTALE_UNTIL\"'"), window=window, max_bytes=1000)
    assert shell.answer(line).text == b"1795372201 1795372301\n"


@every_shell
def test_the_filters_of_a_command_keep_its_status_and_tell_theirs(shell: HostShell) -> None:
    text = "for i in 1 2 3 4 5 6; do echo \"line $i\"; done; printf 'ERR \\377\\000\\n'; echo oops >&2; exit 7"
    collector = command(text, grep="ERR|[246]", grep_before=0, grep_after=0, lines=2)
    line = command_line(collector, window=NO_WINDOW, max_bytes=1000)
    stdout, stderr, status = shell.outputs(line)
    answer = parse_host_output(stdout, stderr, nonce=NONCE)
    assert (answer.text, answer.stderr, status) == (b"line 6\nERR \xff\0\n", b"oops\n", 7)
    assert (answer.filter_status, answer.method, answer.note) == (0, "none", "")
    assert (answer.produced_bytes, answer.omitted_lines, answer.omitted_bytes) == (49, 2, 14)


@every_shell
def test_of_endless_lines_the_newest_whole_ones_are_kept(shell: HostShell) -> None:
    line = command_line(command("seq 1 20000"), window=NO_WINDOW, max_bytes=1000)
    stdout, stderr, _ = shell.outputs(line)
    answer = parse_host_output(stdout, stderr, nonce=NONCE)
    assert len(stdout) <= 2 * 1001 + 512 + len(f"\x1e{NONCE} rest\n"), (
        "the beginning, which came at once, and the newest"
    )
    assert answer.text.decode().splitlines() == [str(number) for number in range(19835, 20001)]
    assert answer.omitted_lines == 20000 - 166
    assert answer.produced_bytes == 108894


@pytest.mark.parametrize("size", [0, 1, 57343, 57344, 57345, 99_999, 100_001, 250_000])
def test_of_a_command_of_any_size_the_newest_is_kept_in_one_piece_and_all_is_counted(
    size: int, request: pytest.FixtureRequest
) -> None:
    shell = met_by(request, SHELLS)
    line = command_line(command(f"seq 1 100000 | head -c {size}"), window=NO_WINDOW, max_bytes=100_000)
    printed = "".join(f"{number}\n" for number in range(1, 100_001))[:size].encode()
    answer = shell.answer(line)
    assert printed.endswith(answer.text)
    assert len(answer.text) >= min(size, 100_000 - len("100000\n"))
    assert (answer.produced_bytes, answer.omitted_bytes) == (size, size - len(answer.text))
    assert answer.omitted_lines == printed.count(b"\n") - answer.text.count(b"\n")


def test_what_is_shown_can_be_typed() -> None:
    plain = command_line(command("df -h"), window=NO_WINDOW, max_bytes=1)
    piped = command_line(command("a || b", grep="x y", lines=3), window=NO_WINDOW, max_bytes=1)
    log = command_line(Collector(name="log", file=("/var/log/my app.log",)), window=NO_WINDOW, max_bytes=1)
    journal = command_line(Collector(name="j", journal="app"), window=NO_WINDOW, max_bytes=1)
    assert plain.shown == "df -h"
    assert piped.shown == "{ a || b; } | grep -a -E -B 2 -A 10 -e 'x y' | tail -n 3"
    assert log.shown == "tail -n 500 '/var/log/my app.log'"
    assert journal.shown == "journalctl --no-pager -o short-iso-precise --utc -u 'app' | tail -n 500"


def test_of_a_path_only_star_and_question_mark_are_active() -> None:
    assert shell_quote_pattern("/var/log/my app/*.l?g") == "'/var/log/my app/'*'.l'?'g'"
    assert shell_quote_pattern("/a[1]/$(id)`id`") == "'/a[1]/$(id)`id`'"
    assert shell_quote_pattern("~/it's/*") == "\"$HOME\"/'it'\\''s/'*"


# --- Marks ------------------------------------------------------------------------------------------------------------


@every_shell
def test_a_mark_tells_clock_zone_and_positions_and_survives_json(shell: HostShell, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("12345\n")
    files = Collector(name="log", file=(str(tmp_path / "*.log"), str(tmp_path / "nosuch")))
    mark = shell.mark(files, tz="XST-5:30")
    assert abs(mark.epoch - time.time()) < PATIENCE_S
    assert mark.utc_offset_s == 19800
    assert mark.whole_seconds == shell.applets_only
    assert [(file.path, file.size) for file in mark.files] == [(str(tmp_path / "a.log"), 6)]
    assert mark.patterns == files.file
    assert json.loads(json.dumps(asdict(mark)))["files"][0]["inode"] == (tmp_path / "a.log").stat().st_ino


@every_shell
def test_baselines_come_filtered_bounded_and_one_by_one(shell: HostShell) -> None:
    mark = shell.mark(
        command("printf 'a 1\\nb 2\\n'", baseline=True, grep="b", grep_before=0),
        Collector(name="silent", command="echo no", baseline=False),
        Collector(name="hung", command="echo early; exec sleep 60", baseline=True, timeout=3),
        Collector(name="broken", command="'", baseline=True),
        Collector(name="huge", command="seq 1 100000", baseline=True, max_bytes=50),
    )
    assert mark.baselines.keys() == {"state", "hung", "broken", "huge"}
    assert mark.baselines["state"] == "b 2\n"
    assert mark.baselines["hung"] == "early\n"
    assert mark.baselines["huge"].endswith("99999\n100000\n")
    assert len(mark.baselines["huge"]) == 51


def test_two_different_snapshots_of_one_name_have_no_baseline() -> None:
    one, other = (command(text, baseline=True) for text in ("id", "date"))
    assert "baseline" not in mark_script([one, other]).producer.rpartition("clock\n")[2]
    assert "baseline" in mark_script([one, one]).producer.rpartition("clock\n")[2]


def test_a_mark_starts_no_more_programs_for_more_logs(tmp_path: Path) -> None:
    calls, wrapper = tmp_path / "calls", tmp_path / "bin" / "awk"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\necho awk >> {calls}\nexec {shutil.which("awk")} "$@"\n')
    wrapper.chmod(0o755)
    counts = []
    for number in (1, 30):
        logs = [tmp_path / f"{number}-{each}.log" for each in range(number)]
        for log in logs:
            log.write_text("ready\n")
        calls.write_text("")
        patterns = tuple(str(log) for log in logs)
        mark = host_shells()[0].mark(Collector(name="log", file=patterns), first_in_path=wrapper.parent)
        assert [file.path for file in mark.files] == list(mark.patterns) == list(patterns)
        counts.append(len(calls.read_text().splitlines()))
    assert counts[0] == counts[1]


def test_a_mark_is_read_among_the_chatter_of_a_login() -> None:
    mark = parse_mark(
        b"Welcome!\nno newline\x1eN0nce clock 1795372201.25\njunk\n\x1eN0nce zone -0330\n\x1eN0nce x\n",
        nonce="N0nce",
    )
    assert (mark.epoch, mark.utc_offset_s, mark.files, mark.cursor) == (1795372201.25, -12600, (), None)


@pytest.mark.parametrize("told", [b"", b"This account is not available.\n", b"\x1eforged clock 1.5\n"])
def test_a_host_that_tells_nothing_has_no_mark(told: bytes) -> None:
    with pytest.raises(ValueError, match="no mark"):
        parse_mark(told, nonce="N0nce")


@pytest.mark.parametrize("clock", [b"soon", b"", b"253402300900", b"253402300900000", b"9" * 400, b"-5"])
def test_a_clock_that_cannot_be_read_leaves_a_mark_its_positions(clock: bytes) -> None:
    mark = parse_mark(
        b"\x1eN0nce clock %s\n\x1eN0nce zone +9999\n\x1eN0nce file 7 30 1795372201 12345 /x\n\x1eN0nce pattern /x\n"
        % clock,
        nonce="N0nce",
    )
    assert (mark.epoch, mark.utc_offset_s, [file.size for file in mark.files]) == (None, None, [30])


@given(st.binary())
def test_no_bytes_break_the_reading_of_marks_and_answers(data: bytes) -> None:
    frames = b"\x1eN0nce clock 1.5\n\x1eN0nce file x\n\x1eN0nce produced 1\n" + data
    assert parse_mark(frames, nonce="N0nce").epoch == 1.5
    answer = parse_host_output(data, data.replace(b"\n", b"\n\x1e"), nonce="N0nce")
    assert answer.omitted_bytes >= 0


# --- Answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_whose_command_was_killed_has_what_came_and_no_counts() -> None:
    answer = parse_host_output(b"half a li", b"warning\n\x1eN0nce method mark /x\n", nonce="N0nce")
    assert (answer.text, answer.stderr, answer.method) == (b"half a li", b"warning\n", "byte mark")
    assert (answer.produced_bytes, answer.filter_status, answer.omitted_bytes) == (None, None, 0)


def test_the_weakest_method_of_several_files_is_told() -> None:
    told = b"".join(b"\x1eN0nce method %s\n" % word for word in (b"mark", b"tail /a", b"time /b", b"mark /c"))
    assert parse_host_output(b"", told, nonce="N0nce").method == "tail"


def test_one_line_longer_than_the_cap_keeps_its_newest_part() -> None:
    assert parse_host_output(b"x" * 11 + b"y" * 5, b"\x1eN0nce cap 10\n", nonce="N0nce").text == b"x" * 5 + b"y" * 5


# --- Baselines --------------------------------------------------------------------------------------------------------

LISTENERS = "LISTEN 0 511 0.0.0.0:80 pid=12\nLISTEN 0 128 0.0.0.0:22 pid=7\nLISTEN 0 99 0.0.0.0:5432 pid=99\n"


def test_changes_show_what_vanished_and_came_with_a_neighbour() -> None:
    now = LISTENERS.replace("LISTEN 0 511 0.0.0.0:80 pid=12\n", "") + "LISTEN 0 9 0.0.0.0:99 pid=1\n"
    assert changes(LISTENERS, now) == (
        "- LISTEN 0 511 0.0.0.0:80 pid=12",
        "  LISTEN 0 128 0.0.0.0:22 pid=7",
        "  LISTEN 0 99 0.0.0.0:5432 pid=99",
        "+ LISTEN 0 9 0.0.0.0:99 pid=1",
    )


def test_a_masked_column_is_no_change() -> None:
    now = LISTENERS.replace("pid=12", "pid=4711")
    patterns = (r"pid=\d+", r"^LISTEN \d")
    assert changes(LISTENERS, now) != ()
    assert changes(masked(LISTENERS, patterns), masked(now, patterns)) == ()
    assert masked(LISTENERS, patterns).startswith("… 511 0.0.0.0:80 …\n… 128")


def test_a_mask_that_is_no_expression_is_named() -> None:
    with pytest.raises(ValueError, match="mask"):
        masked("x", ("([",))


@given(st.text(), st.text())
def test_changes_are_empty_exactly_when_the_lines_are_equal(then: str, now: str) -> None:
    diff = changes(then, now)
    assert (diff == ()) == (then.splitlines() == now.splitlines())
    assert all(line[:2] in ("- ", "+ ", "  ") for line in diff)


# --- Frames of others -------------------------------------------------------------------------------------------------


def test_what_imitates_a_frame_or_a_heading_without_the_nonce_is_text() -> None:
    forged = b"\x1efailtale produced 1 1\n\x1e heading /etc/shadow\n==> /etc/shadow <==\n"
    answer = parse_host_output(forged, forged, nonce="N0nce")
    assert (answer.text, answer.stderr, answer.produced_bytes) == (forged, forged, None)


@pytest.mark.parametrize("told", [b"9" * 5000 + b" 1", b"-1 4", b"1 2 3", b"1.5 2", "\u0661 \u0662".encode()])
def test_a_number_that_cannot_be_one_counts_for_nothing(told: bytes) -> None:
    frames = b"".join(b"\x1eN0nce %s %s\n" % (word, told) for word in (b"produced", b"cap", b"grep", b"skipped"))
    answer = parse_host_output(b"a line\n", frames, nonce="N0nce")
    assert (answer.text, answer.produced_bytes, answer.filter_status) == (b"a line\n", None, None)


def test_nothing_without_a_nonce_is_a_frame() -> None:
    assert parse_host_output(b"x\n", b"\x1e method mark\n", nonce="").method == "none"
