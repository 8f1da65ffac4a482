"""Byte marks: exactly what was written since the mark, through every rotation, on every shell."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable
from dataclasses import replace as replace_in
from datetime import datetime, timezone
from pathlib import Path

import pytest
from host_shells import NONCE, Counted, HostShell, host_shells, met_by
from log_rotations import SCENARIOS, append, collector, lines, renamed, rotated_and_packed, window_of, zstd

from FailTaleLibrary.windows import ResolvedWindow, command_line, parse_host_output

SHELLS = host_shells()


@pytest.fixture
def shell(request: pytest.FixtureRequest) -> HostShell:
    """test_windows_command_line and test_windows_model have all of them."""
    return met_by(request, SHELLS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_what_was_written_since_the_mark_is_found_through_a_rotation(
    shell: HostShell, scenario: Callable[[Path], str], tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines("old", 500))
    wanted = []
    answer = window_of(shell, collector(log), lambda: wanted.append(scenario(log)))
    assert answer.text.decode() == wanted[0]
    assert answer.method == "byte mark"
    assert answer.note == ""
    assert answer.produced_bytes == len(wanted[0])


def test_two_test_windows_around_a_shifting_chain_of_copies_each_hold_their_own_lines(
    shell: HostShell, tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines("zero", 300))

    def rotate(word: str) -> Callable[[], None]:
        def change() -> None:
            append(log, lines(word, 4))
            if (tmp_path / "app.log.1").exists():
                (tmp_path / "app.log.1").rename(tmp_path / "app.log.2")
            renamed(log)
            log.write_text(lines(f"after-{word}", 3))

        return change

    first = window_of(shell, collector(log), rotate("first"))
    second = window_of(shell, collector(log), rotate("second"))
    assert first.text.decode() == lines("first", 4) + lines("after-first", 3)
    assert second.text.decode() == lines("second", 4) + lines("after-second", 3)


@pytest.mark.needs("zstd")
@pytest.mark.parametrize("shell", [SHELLS[0], SHELLS[-1]], ids=str)
def test_a_copy_packed_with_zstd_is_read_or_the_missing_program_is_named(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines("old", 500))
    answer = window_of(shell, collector(log), lambda: rotated_and_packed(log, ".zst", zstd))
    if shell.applets_only:
        assert answer.text.decode() == lines("after", 7)
        assert "app.log.1.zst' could not be unpacked: the host has no program for it" in answer.note
    else:
        assert answer.text.decode() == lines("new", 5) + lines("after", 7)


def test_a_log_truncated_without_a_copy_says_that_the_old_lines_are_lost(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines("old", 500))
    answer = window_of(shell, collector(log), lambda: log.write_text(lines("after", 3)))
    assert answer.text.decode() == lines("after", 3)
    assert f"'{log}' was truncated, deleted or rotated" in answer.note


def test_a_deleted_log_is_empty_and_said_to_be_lost(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines("old", 500))
    answer = window_of(shell, collector(log), log.unlink)
    assert answer.text == b""
    assert "truncated, deleted" in answer.note
    assert "rotated copy" not in answer.note
    assert answer.has_unread
    assert answer.stderr == b""


def test_a_log_created_after_the_mark_is_wholly_in_the_window(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    answer = window_of(shell, collector(log), lambda: log.write_text(lines("new", 4)))
    assert answer.text.decode() == lines("new", 4)
    assert (answer.method, answer.note) == ("byte mark", "")


def test_a_log_that_was_empty_at_the_mark_is_wholly_in_the_window(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.touch()
    assert window_of(shell, collector(log), lambda: append(log, lines("new", 4))).text.decode() == lines("new", 4)


@pytest.mark.parametrize(
    "name", ["my app.log", 'it\'s "$HOME" `id`.log', "-n.log", "ünï.log", "a[1].log", "back\\slash.log"]
)
def test_a_name_of_any_characters_is_read(shell: HostShell, name: str, tmp_path: Path) -> None:
    log = tmp_path / name
    log.write_text(lines("old", 5))
    answer = window_of(shell, collector(log), lambda: append(log, lines("new", 4)))
    assert answer.text.decode() == lines("new", 4)


def test_a_name_that_is_no_utf8_keeps_its_mark(shell: HostShell, tmp_path: Path) -> None:
    log = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.log"))
    log.write_text(lines("old", 5))
    answer = window_of(shell, collector(tmp_path / "*.log"), lambda: append(log, lines("new", 4)))
    assert lines("new", 4).encode() in answer.text
    assert b"old" not in answer.text


def test_each_file_of_a_pattern_has_its_heading_and_files_without_news_have_none(
    shell: HostShell, tmp_path: Path
) -> None:
    names = ["a.log", "b c.log", "idle.log"]
    for name in names:
        (tmp_path / name).write_text(lines("old", 5))

    def change() -> None:
        append(tmp_path / "a.log", lines("one", 2))
        append(tmp_path / "b c.log", lines("two", 2))
        (tmp_path / "fresh.log").write_text(lines("three", 2))

    answer = window_of(shell, collector(tmp_path / "*.log"), change)
    assert answer.text.decode() == (
        f"==> {tmp_path}/a.log <==\n{lines('one', 2)}"
        f"==> {tmp_path}/b c.log <==\n{lines('two', 2)}"
        f"==> {tmp_path}/fresh.log <==\n{lines('three', 2)}"
    )


def test_a_noisy_file_does_not_drown_the_others(shell: HostShell, tmp_path: Path) -> None:
    for name in ("a.log", "noisy.log"):
        (tmp_path / name).write_text(lines("old", 5))

    def change() -> None:
        append(tmp_path / "a.log", lines("quiet", 3))
        append(tmp_path / "noisy.log", lines("noise", 3000))

    answer = window_of(shell, collector(tmp_path / "*.log"), change, max_bytes=10_000)
    assert lines("quiet", 3) in answer.text.decode()
    assert len(answer.text) <= 10_000
    assert answer.omitted_lines == 3003 - answer.text.count(b"\n") + 2  # two of them are headings
    assert answer.omitted_bytes == len(lines("noise", 3000)) - len(answer.text.partition(b"noisy.log <==\n")[2])


def test_a_pattern_matches_nothing_but_file_names(shell: HostShell, tmp_path: Path) -> None:
    (tmp_path / "dir.log").mkdir()
    (tmp_path / "a.log").write_text("")
    answer = window_of(shell, collector(tmp_path / "?.log"), lambda: append(tmp_path / "a.log", "new\n"))
    assert answer.text.decode().endswith("a.log <==\nnew\n")


def test_a_missing_file_is_told_by_message_and_status(shell: HostShell, tmp_path: Path) -> None:
    for path in (tmp_path / "nosuch.log", tmp_path / "*.log"):
        line = command_line(collector(path), window=ResolvedWindow(kind="none"), max_bytes=1000)
        stdout, stderr, status = shell.outputs(line)
        answer = parse_host_output(stdout, stderr, nonce=NONCE)
        assert status == 1
        assert b"No such file or directory" in answer.stderr
        assert answer.text == b""


def test_what_is_no_regular_file_is_not_read(shell: HostShell, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    line = command_line(collector(tmp_path / "pipe"), window=ResolvedWindow(kind="none"), max_bytes=1000)
    _, stderr, status = shell.outputs(line)
    assert status == 1
    assert b"not a regular file" in stderr


@pytest.mark.parametrize("target", ["link", "gone"])
def test_a_link_that_leads_nowhere_says_so(shell: HostShell, tmp_path: Path, target: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / target)
    line = command_line(collector(tmp_path / "link"), window=ResolvedWindow(kind="none"), max_bytes=1000)
    _, stderr, status = shell.outputs(line)
    assert status == 1
    assert str(tmp_path / "link").encode() in parse_host_output(b"", stderr, nonce=NONCE).stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try what another user may not read")
def test_a_refused_file_is_told_by_message_and_status_and_spoils_no_other(shell: HostShell, tmp_path: Path) -> None:
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(0o755)
    (tmp_path / "open.log").write_text("open\n")
    (tmp_path / "shut.log").write_text("shut\n")
    (tmp_path / "shut.log").chmod(0o600)
    line = command_line(collector(tmp_path / "*.log"), window=ResolvedWindow(kind="none"), max_bytes=1000)
    unprivileged = HostShell(shell.name, ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *shell.argv))
    stdout, stderr, status = unprivileged.outputs(line)
    assert status == 1
    assert b"ermission denied" in stderr
    assert parse_host_output(stdout, stderr, nonce=NONCE).text.endswith(b"open.log <==\nopen\n")


def test_the_lines_ahead_of_the_mark_come_beside_the_window(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines("old", 500))
    answer = window_of(shell, collector(log, before=3, grep="new"), lambda: append(log, lines("new", 4)))
    assert answer.text.decode() == lines("new", 4)
    assert answer.before.decode() == "".join(lines("old", 500).splitlines(keepends=True)[-3:])
    assert answer.stderr == b""


def test_filters_apply_within_the_window_and_tell_what_they_did(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("ERROR before the window\n")
    noise = lines("noise", 50)
    change = f"{noise}ERROR it's \x00 here\n  at stack\n{noise}"
    answer = window_of(
        shell,
        collector(log, grep="error.*it's", ignore_case=True, grep_before=1, grep_after=1),
        lambda: append(log, change),
    )
    assert answer.text.decode() == f"{lines('noise', 50).splitlines()[-1]}\nERROR it's \x00 here\n  at stack\n"
    assert (answer.filter_status, answer.produced_bytes) == (0, len(change))


def test_no_match_and_a_broken_filter_are_told_apart(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("")
    nothing = window_of(shell, collector(log, grep="nosuch"), lambda: append(log, "a\n"))
    refused = collector(log).model_copy(update={"grep": "(["})  # the configuration would not let it pass
    broken = window_of(shell, refused, lambda: append(log, "b\n"))
    assert (nothing.text, nothing.filter_status) == (b"", 1)
    assert broken.filter_status is not None
    assert broken.filter_status >= 2
    assert broken.note == "The filter 'grep' failed."
    assert broken.stderr


def test_the_newest_whole_lines_are_kept_within_the_cap(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("")
    text = lines("new", 200)
    answer = window_of(shell, collector(log), lambda: append(log, text), max_bytes=1000)
    assert text.endswith(answer.text.decode())
    assert 1000 - 50 < len(answer.text) <= 1000
    assert answer.text.startswith(b"new ")
    assert (answer.omitted_bytes, answer.omitted_lines) == (
        len(text) - len(answer.text),
        200 - answer.text.count(b"\n"),
    )


def test_a_file_that_the_mark_could_not_see_is_read_by_its_times(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("2026-11-22 10:00:00 old\n2026-11-22 10:00:05 new\n")
    other = collector(tmp_path / "other.log")
    mark = shell.mark(other)
    window = ResolvedWindow(kind="test", since_epoch=1795341603.0, utc_offset_s=0, mark=mark)
    os.utime(log, (1795341605, 1795341605))
    answer = shell.answer(command_line(collector(log), window=window, max_bytes=1000))
    assert answer.text == b"2026-11-22 10:00:05 new\n"
    assert answer.method == "time filter"


# --- Where rotation leads, and what is no log any more ---------------------------------------------------------------


def test_a_log_rotated_into_another_folder_is_followed_by_its_inode(shell: HostShell, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "archive").mkdir()
    log = tmp_path / "app" / "app.log"
    log.write_text(lines("old", 100))

    def rotate() -> None:
        append(log, lines("new", 5))
        log.rename(tmp_path / "archive" / "1795372201.s")
        log.write_text(lines("after", 7))

    answer = window_of(shell, collector(log), rotate)
    assert answer.text.decode() == lines("new", 5) + lines("after", 7)
    assert answer.note == ""


def test_a_copy_that_no_inode_leads_to_is_found_where_the_collector_names_its_archive(
    shell: HostShell, tmp_path: Path
) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "app").mkdir()
    log = tmp_path / "app" / "app.log"
    log.write_text(lines("old", 100))

    def rotate() -> None:
        append(log, lines("new", 5))
        (tmp_path / "far" / "away" / "app.log-1.gz").write_bytes(gzip.compress(log.read_bytes()))
        log.write_text(lines("after", 7))

    archive = (str(tmp_path / "far" / "*" / "app.log-*"),)
    answer = window_of(shell, collector(log, archive=archive), rotate)
    assert answer.text.decode() == lines("new", 5) + lines("after", 7)
    log.write_text(lines("old", 100))
    answer = window_of(shell, collector(log), rotate)
    assert answer.text.decode() == lines("after", 7)
    assert "write beside 'file' where its copies lie: 'archive: /FOLDER/app*'." in answer.note


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_a_log_that_is_no_file_any_more_is_said(shell: HostShell, kind: str, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines("old", 10))

    def replace() -> None:
        log.unlink()
        if kind == "folder":
            log.mkdir()
        else:
            os.mkfifo(log)

    answer = window_of(shell, collector(log), replace)
    assert answer.text == b""
    assert f"'{log}' is no regular file any more" in answer.note


def test_a_file_name_of_two_lines_is_said_and_spoils_no_other(shell: HostShell, tmp_path: Path) -> None:
    (tmp_path / "a\nb.log").write_text("strange\n")
    (tmp_path / "c.log").write_text("")
    answer = window_of(shell, collector(tmp_path / "*.log"), lambda: append(tmp_path / "c.log", "new\n"))
    assert answer.text.endswith(b"c.log <==\nnew\n")
    assert f"left out: '{tmp_path}/a'" in answer.note


def test_a_line_that_looks_like_a_heading_is_none(shell: HostShell, tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text("")

    def write() -> None:
        append(tmp_path / "a.log", "==> /etc/shadow <==\nof a\n")
        append(tmp_path / "b.log", "of b\n")

    answer = window_of(shell, collector(tmp_path / "*.log"), write)
    assert [(Path(part.path).name, part.text) for part in answer.parts] == [
        ("a.log", b"==> /etc/shadow <==\nof a\n"),
        ("b.log", b"of b\n"),
    ]


def test_marks_without_a_clock_still_prove(shell: HostShell, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines("old", 10))
    mark = replace_in(shell.mark(collector(log)), epoch=None)
    append(log, lines("new", 3))
    for window in (ResolvedWindow(kind="test", late_mark=mark), ResolvedWindow(kind="test", mark=mark, late_mark=mark)):
        answer = shell.answer(command_line(collector(log), window=window, max_bytes=10_000))
        sure = b"".join(part.text for part in answer.parts if not part.is_unsure)
        assert sure.decode() == lines("new", 3)


# --- What it costs a host ---------------------------------------------------------------------------------------------


def test_a_host_starts_few_programs_for_a_mark_and_for_logs_and_none_for_those_in_which_nothing_happened(
    tmp_path: Path,
) -> None:
    programs = Counted(tmp_path / "programs")
    logs = [tmp_path / f"{number}.log" for number in range(20)]
    for log in logs:
        log.write_text(lines("2026-11-22 18:00:00 old", 100))
    asked = collector(tmp_path / "*.log")
    mark = SHELLS[0].mark(asked, first_in_path=programs.folder)
    assert len(mark.files) == 20
    assert len(programs.since_last()) <= 6
    since = time.time()
    window = ResolvedWindow(kind="test", mark=mark, since_epoch=since, sure_epoch=since, utc_offset_s=0)
    started = []
    for log in (None, *logs[:3]):
        if log is not None:
            append(log, lines(f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} new", 5))
        answer = SHELLS[0].answer(
            command_line(asked, window=window, max_bytes=1_000_000), first_in_path=programs.folder
        )
        assert answer.text.decode().count("new") == (0 if log is None else 5 * (logs.index(log) + 1))
        started.append(len(programs.since_last()))
    nothing, one, two, three = started
    assert nothing <= 8
    assert one <= 16
    assert max(two - one, three - two) <= 8
