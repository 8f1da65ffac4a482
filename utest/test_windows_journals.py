"""Journal windows, against real journal files that `systemd-journal-remote` made."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from host_shells import Counted, HostShell, host_shells

from FailTaleLibrary.collection.silence import meaning
from FailTaleLibrary.config import Collector, parse_config
from FailTaleLibrary.run import Run
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


def test_a_unit_that_was_stopped_before_the_window_tells_it_and_no_other_line(tmp_path: Path) -> None:
    entries = ["app[7]: order 8 is packed", "systemd[1]: Stopping app.service - Shop...", "systemd[1]: Stopped Shop."]
    lines = [f"2026-11-22T18:30:0{second}.000000+0000 web {text}" for second, text in enumerate(entries)]
    wrapper = tmp_path / "journalctl"
    newest_first = "\\n".join(reversed(lines))
    wrapper.write_text(f"#!/bin/sh\ncase \" $* \" in *' -r '*) printf '{newest_first}\\n' ;; esac\n")
    wrapper.chmod(0o755)
    found = answer(tmp_path, ResolvedWindow(kind="test", since_epoch=START + 540.0), "app")
    assert found.before.decode().splitlines() == lines[1:]
    assert answer(tmp_path, ResolvedWindow(kind="test", since_epoch=START - 9e6), "app").before == b""


def test_a_unit_that_does_not_exist_is_not_silent_but_missing(journal: Path) -> None:
    systemctl = journal / "systemctl"
    systemctl.write_text("#!/bin/sh\necho not-found\n")
    systemctl.chmod(0o755)
    found = answer(journal, ResolvedWindow(kind="test", since_epoch=START + 590.0), "nosuch.service")
    assert found.text == b""
    assert found.stderr == b"Unit nosuch.service could not be found.\n"
    quiet = answer(journal, ResolvedWindow(kind="test", since_epoch=START + 9000.0), "app.service")
    assert (quiet.text, quiet.stderr) == (b"", b"")
    systemctl.write_text("#!/bin/sh\necho 'Failed to connect to bus: Host is down' >&2; exit 1\n")
    untold = answer(journal, ResolvedWindow(kind="test", since_epoch=START + 590.0), "nosuch.service")
    assert b"does not tell whether there is such a unit" in untold.stderr
    assert meaning(untold.stderr.decode()) == "unknown"


# --- What it costs a host ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", host_shells(), ids=str)
def test_a_window_of_a_journal_starts_journalctl_for_the_window_and_for_what_was_before_and_little_else(
    journal: Path, tmp_path: Path, shell: HostShell
) -> None:
    programs = Counted(tmp_path / "programs", journalctl=journal / "journalctl")
    late = mark(580, cursor_at(journal, 580))
    times = {"since_epoch": START + 570.5, "sure_epoch": START + 570.6, "until_epoch": START + 600.0}
    by_times, by_cursor = ResolvedWindow(kind="test", **times), ResolvedWindow(kind="test", late_mark=late, **times)
    silent = ResolvedWindow(kind="test", since_epoch=START + 599.5)
    started = {}
    for name, window, fields in (
        ("times", by_times, {}),
        ("cursor", by_cursor, {}),
        ("grep", by_times, {"grep": "line"}),
        ("silent", silent, {}),
    ):
        line = command_line(
            Collector(name="journal", journal="app.service", **fields), window=window, max_bytes=1_000_000
        )
        found = shell.answer(line, first_in_path=programs.folder)
        wanted = [second for second in range(571, 600) if second % 2 == 0 and second % 3]
        assert seconds(found.text) == ([] if name == "silent" else wanted)
        assert found.method == ("journal cursor" if name == "cursor" else "time filter")
        assert [part.look_back is None for part in found.parts] == [False] * len(found.parts)
        asked = [each for each in programs.since_last() if each != "cat"]  # which stands in for the visit's bound
        started[name] = asked.count("journalctl"), len(asked)
    assert started["times"] <= (2, 4)
    assert started["cursor"] <= (4, 6)
    assert started["grep"] <= (2, 5)
    assert started["silent"] <= (2, 6)


@pytest.mark.parametrize("shell", host_shells(), ids=str)
@pytest.mark.parametrize("of_many", [False, True], ids=["few", "many"])
def test_a_window_of_few_entries_and_one_of_many_hold_the_same_and_tell_what_was_left_out(
    journal: Path, shell: HostShell, of_many: bool
) -> None:
    first = 5 if of_many else 560
    window = ResolvedWindow(
        kind="test",
        since_epoch=START + first + 0.5,
        sure_epoch=START + first + 3.5,
        late_mark=mark(first + 10.5, cursor_at(journal, first + 10)),
    )
    for grep, lines in ((None, None), (None, 7), ("line .*[05]$", None), ("line .*[05]$", 3), ("nothing", None)):
        collector = Collector(name="journal", journal="*", grep=grep, lines=lines, grep_before=0, grep_after=0)
        found = shell.answer(command_line(collector, window=window, max_bytes=1_000_000), first_in_path=journal)
        inside = [second for second in range(first + 1, 600) if grep is None or second % 5 == 0]
        if grep == "nothing":
            inside = []
        unsure = [second for second in inside if second <= first + 3]
        sure = [second for second in inside if second > first + 3]
        most = lines or 500
        assert set(seconds(found.text)) == {*unsure[-most:], *sure[-most:]} or of_many
        assert seconds(found.text)[-most:] == inside[-most:]
        assert found.omitted_lines == len(inside) - len(seconds(found.text))
        assert found.stderr == b""
        assert [seconds(part.text) for part in found.parts if part.is_unsure] == ([unsure[-most:]] if unsure else [])
        if grep is not None:
            assert found.filter_status == (1 if grep == "nothing" else 0)


# --- Through a whole run: what the journal held before tells noise, a fault that stands, and news apart ---------------

NOISE, FULL = "feed: connection to legacy01 refused", "spool: No space left on device"
WINDOW_S, LOOKED_BACK_S = 6, 600


def live_entry(at: datetime, unit: str, message: str, priority: int) -> str:
    return (
        f"__REALTIME_TIMESTAMP={int(at.timestamp() * 1_000_000)}\n__MONOTONIC_TIMESTAMP={int(at.timestamp()) % 10**8}\n"
        f"_BOOT_ID={'b' * 32}\n_HOSTNAME=web\nSYSLOG_IDENTIFIER={unit}\n_TRANSPORT=syslog\n"
        f"_SYSTEMD_UNIT={unit}.service\nPRIORITY={priority}\nMESSAGE={message}\n\n"
    )


def live_journal(directory: Path, *, now: datetime, full_since_s: float) -> Path:
    """A directory with a `journalctl` whose journal ends now: noise every 2 s, and a disk that is full since then."""
    entries: list[str] = []
    for second in range(LOOKED_BACK_S, 0, -1):
        at = now - timedelta(seconds=second)
        entries.append(live_entry(at, "app", f"orders: order {second} is packed", 6))
        if second % 2 == 0:
            entries.append(live_entry(at + timedelta(seconds=0.2), "app", NOISE, 3))
        if second <= full_since_s and second % 3 == 0:
            entries.append(live_entry(at + timedelta(seconds=0.4), "app", FULL, 3))
    (directory / "export").write_text("".join(entries))
    subprocess.run([REMOTE, "-o", directory / "live.journal", directory / "export"], check=True, capture_output=True)
    (directory / "export").unlink()
    wrapper = directory / "journalctl"
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("journalctl")} -D {directory} "$@"\n')
    wrapper.chmod(0o755)
    return directory


@pytest.mark.parametrize(("full_since_s", "signal"), [(WINDOW_S, "new"), (WINDOW_S + 60, "standing")])
def test_a_run_tells_noise_of_a_journal_from_news_and_from_a_fault_that_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_since_s: float, signal: str
) -> None:
    now = datetime.now(timezone.utc)
    directory = live_journal(tmp_path, now=now, full_since_s=full_since_s)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    told = "marks: off\ncomponents:\n  app:\n    collectors: [{name: journal, journal: '*'}]\n"
    config = parse_config(
        f"{told}hosts:\n  web: {{component: app, transport: local}}\n", source=tmp_path / "failtale.yaml"
    )
    with Run(config, environ={}) as run:
        failure = run.failure("Order", message="order 4 was lost", start=now - timedelta(seconds=WINDOW_S + 0.5))
        report = run.collect_failure(failure)
    (item,) = report.evidence.items
    (look_back,) = item.look_backs
    assert look_back.lines > LOOKED_BACK_S
    assert FULL in report.analysis.headline
    by_text = {suspect.text.rpartition(": ")[2]: suspect for suspect in report.analysis.suspects}
    assert signal in [each.name for each in by_text["No space left on device"].signals]
    noise = [suspect for suspect in report.analysis.suspects if "legacy01" in suspect.text]
    assert not any(each.strong for suspect in noise for each in suspect.signals)
