"""Journal windows, against real journal files that `systemd-journal-remote` made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from host_shells import host_shells

from FailTaleLibrary.config import Collector
from FailTaleLibrary.windows import HostMark, HostOutput, ResolvedWindow, command_line

REMOTE = Path("/usr/lib/systemd/systemd-journal-remote")
START = 1795372200
SHELL = host_shells()[0]
pytestmark = [pytest.mark.needs("journalctl"), pytest.mark.needs("systemd-journal-remote")]


def entry(second: int) -> str:
    """One entry a second: every third of the kernel, every tenth an error of two lines."""
    unit = ["app", "db"][second % 2]
    transport = "_TRANSPORT=kernel" if second % 3 == 0 else f"_TRANSPORT=syslog\n_SYSTEMD_UNIT={unit}.service"
    priority = 3 if second % 10 == 0 else 6
    return (
        f"__REALTIME_TIMESTAMP={(START + second) * 1_000_000}\n__MONOTONIC_TIMESTAMP={(1000 + second) * 1_000_000}\n"
        f"_BOOT_ID={'a' * 32}\n_HOSTNAME=web\nSYSLOG_IDENTIFIER={unit}\n{transport}\nPRIORITY={priority}\n"
        f"MESSAGE=line {second}\n\n"
    )


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose `journalctl` reads a journal of 600 entries."""
    directory = tmp_path_factory.mktemp("journal")
    (directory / "export").write_text("".join(map(entry, range(600))))
    subprocess.run([REMOTE, "-o", directory / "all.journal", directory / "export"], check=True, capture_output=True)
    wrapper = directory / "journalctl"
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("journalctl")} -D {directory} "$@"\n')
    wrapper.chmod(0o755)
    return directory


def cursor_at(journal: Path, second: int) -> str:
    """The cursor of the entry of one second."""
    command = [journal / "journalctl", "--no-pager", "-o", "export", f"--since=@{START + second}"]
    exported = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return exported.splitlines()[0].removeprefix("__CURSOR=")


def mark(second: float, cursor: str | None) -> HostMark:
    return HostMark(epoch=START + second, cursor=cursor)


def answer(journal: Path, window: ResolvedWindow, unit: str = "*", **fields: object) -> HostOutput:
    collector = Collector(name="journal", journal=unit, **fields)
    return SHELL.answer(command_line(collector, window=window, max_bytes=100_000), first_in_path=journal)


def seconds(text: bytes) -> list[int]:
    return [int(line.rpartition(" ")[2]) for line in text.decode().splitlines()]


def test_the_mark_notes_the_newest_entry(journal: Path) -> None:
    noted = SHELL.mark(Collector(name="journal", journal="*"), first_in_path=journal)
    assert noted.cursor == cursor_at(journal, 599)


def test_a_host_without_a_journal_has_no_cursor(tmp_path: Path) -> None:
    (tmp_path / "journalctl").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "journalctl").chmod(0o755)
    noted = SHELL.mark(Collector(name="journal", journal="*"), first_in_path=tmp_path)
    assert noted.cursor is None


def test_from_the_cursor_on_is_exact(journal: Path) -> None:
    window = ResolvedWindow(kind="test", late_mark=mark(500, cursor_at(journal, 500)))
    found = answer(journal, window, before=3)
    assert seconds(found.text) == list(range(501, 600))
    assert seconds(found.before) == [498, 499, 500]
    assert (found.method, found.note, found.stderr) == ("journal cursor", "", b"")


def test_a_late_cursor_is_preceded_by_what_came_since_the_windows_start(journal: Path) -> None:
    late = mark(500.5, cursor_at(journal, 500))
    window = ResolvedWindow(kind="test", since_epoch=START + 490.5, until_epoch=START + 600, late_mark=late)
    found = answer(journal, window, before=2)
    assert seconds(found.text) == list(range(491, 600))
    assert seconds(found.before) == [489, 490]
    assert found.method == "journal cursor"


def test_what_came_while_the_clocks_cannot_tell_is_shown_and_said_to_be_unsure(journal: Path) -> None:
    late = mark(500.5, cursor_at(journal, 500))
    since = {"since_epoch": START + 490.5, "sure_epoch": START + 494.0, "until_epoch": START + 600.0}
    for marks in ({"late_mark": late}, {}):
        found = answer(journal, ResolvedWindow(kind="test", **since, **marks))
        assert seconds(found.text) == list(range(491, 600))
        assert [seconds(part.text) for part in found.parts if part.is_unsure] == [[491, 492, 493]]
        assert "The first 3 lines may be older than the window" in found.note


def test_an_old_cursor_without_times_proves_nothing_but_what_is_older(journal: Path) -> None:
    found = answer(journal, ResolvedWindow(kind="test", mark=mark(500, cursor_at(journal, 500))))
    assert seconds(found.text) == list(range(501, 600))
    assert found.is_unsure


@pytest.mark.parametrize("cursor", [None, "s=0;i=1;b=0;m=0;t=0;x=0", "junk"])
def test_without_its_cursor_the_journal_goes_by_its_times(journal: Path, cursor: str | None) -> None:
    late = mark(590.2, cursor)
    window = ResolvedWindow(kind="test", since_epoch=START + 590.1, until_epoch=START + 600, late_mark=late)
    found = answer(journal, window)
    assert seconds(found.text) == list(range(591, 600))
    assert found.method == "time filter"
    assert ("no longer in it" in found.note) == (cursor is not None)


def test_an_earlier_mark_is_not_read_from_because_the_journals_times_are_exact(journal: Path) -> None:
    early = mark(100, cursor_at(journal, 100))
    window = ResolvedWindow(kind="test", since_epoch=START + 595.5, until_epoch=START + 600, mark=early)
    assert seconds(answer(journal, window).text) == [596, 597, 598, 599]


def test_without_a_window_the_newest_entries_come_in_their_order(journal: Path) -> None:
    found = answer(journal, ResolvedWindow(kind="none"), lines=3)
    assert seconds(found.text) == [597, 598, 599]
    assert found.method == "tail"


def test_the_newest_lines_are_kept_never_the_oldest(journal: Path) -> None:
    found = answer(journal, ResolvedWindow(kind="run", since_epoch=float(START)), lines=5)
    assert seconds(found.text) == [595, 596, 597, 598, 599]
    assert found.omitted_lines == 595


@pytest.mark.parametrize(
    ("unit", "fields", "wanted"),
    [
        ("app.service", {}, [590, 592, 596, 598]),
        ("kernel", {}, [591, 594, 597]),
        ("*", {"priority": "err"}, [590]),
        ("nosuch; id", {}, []),
    ],
)
def test_unit_kernel_and_priority_select(
    journal: Path, unit: str, fields: dict[str, object], wanted: list[int]
) -> None:
    found = answer(journal, ResolvedWindow(kind="test", since_epoch=START + 590.0), unit, **fields)
    assert seconds(found.text) == wanted


def test_that_the_user_may_not_read_the_journal_is_not_hidden(tmp_path: Path) -> None:
    wrapper = tmp_path / "journalctl"
    hint = "Hint: You are currently not seeing messages from other users and the system."
    wrapper.write_text(f"#!/bin/sh\ncase \" $* \" in *' -q '*|*' --quiet '*) ;; *) echo '{hint}' >&2 ;; esac\nexit 1\n")
    wrapper.chmod(0o755)
    line = command_line(
        Collector(name="journal", journal="*"),
        window=ResolvedWindow(kind="test", since_epoch=float(START)),
        max_bytes=1000,
    )
    _, stderr, status = SHELL.outputs(line, first_in_path=tmp_path)
    assert hint in stderr.decode()
    assert status == 1


def test_a_unit_that_does_not_exist_is_not_silent_but_missing(journal: Path) -> None:
    systemctl = journal / "systemctl"
    systemctl.write_text("#!/bin/sh\necho not-found\n")
    systemctl.chmod(0o755)
    found = answer(journal, ResolvedWindow(kind="test", since_epoch=START + 590.0), "nosuch.service")
    assert found.text == b""
    assert found.stderr == b"Unit nosuch.service could not be found.\n"
    quiet = answer(journal, ResolvedWindow(kind="test", since_epoch=START + 9000.0), "app.service")
    assert (quiet.text, quiet.stderr) == (b"", b"")
