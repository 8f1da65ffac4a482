"""Windows that go by a log's own times: every format, on every awk, in the host's zone."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from host_shells import AWKS, HostShell, host_shells, met_by, turning_zone

from FailTaleLibrary.config import Collector
from FailTaleLibrary.records import LineTimes
from FailTaleLibrary.time_formats import TimeFormat
from FailTaleLibrary.windows import FileMark, HostMark, HostOutput, ResolvedWindow, command_line

SHELLS = {shell.name: shell for shell in host_shells()}
DASH = SHELLS.get("dash") or next(iter(SHELLS.values()))
UNLIKE = [*SHELLS.values()][:: len(SHELLS) - 1]
"""The two that differ most."""
START = datetime(2026, 11, 22, 18, 30, 0, tzinfo=timezone.utc)


@pytest.fixture
def awk(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory whose `awk` is one of them. What each reads in a line test_windows_awk_formats has in full."""
    return holding(met_by(request, AWKS), tmp_path)


def holding(awk: str, tmp_path: Path) -> Path:
    directory = tmp_path / "awk"
    directory.mkdir()
    (directory / "awk").symlink_to(str(shutil.which(awk)))
    return directory


def local(moment: datetime, style: str) -> str:
    return moment.strftime(style)


def milliseconds(moment: datetime, style: str) -> str:
    return moment.strftime(style).replace("%f", "") + f"{moment.microsecond // 1000:03d}"


FORMATS = {
    "ISO with Z": lambda at: at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    "ISO with zone": lambda at: at.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(),
    "ISO in brackets": lambda at: f"[{at.isoformat(timespec='milliseconds')}]",
    "ISO with space": lambda at: at.strftime("%Y-%m-%d %H:%M:%S"),
    "postgresql": lambda at: milliseconds(at, "%Y-%m-%d %H:%M:%S.") + " UTC [42] LOG: ",
    "log4j": lambda at: milliseconds(at, "%Y-%m-%d %H:%M:%S,"),
    "mariadb": lambda at: at.strftime("%Y-%m-%d %H:%M:%S") + " 0 [Note]",
    "journal": lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%f+0000 web app[1]:"),
    "syslog": lambda at: at.strftime("%b %e %H:%M:%S web app[1]:"),
    "syslog with priority": lambda at: at.strftime("<34>%b %e %H:%M:%S web app[1]:"),
    "nginx error": lambda at: at.strftime("%Y/%m/%d %H:%M:%S [error] 1#1:"),
    "access log": lambda at: at.strftime('10.0.0.1 - - [%d/%b/%Y:%H:%M:%S +0000] "GET / HTTP/1.1" 500'),
    "apache error": lambda at: at.strftime("[%a %b %d %H:%M:%S.%f %Y] [core:error]"),
    "tomcat": lambda at: milliseconds(at, "%d-%b-%Y %H:%M:%S."),
    "php": lambda at: at.strftime("[%d-%b-%Y %H:%M:%S UTC] PHP Fatal error:"),
    "redis": lambda at: "1:M " + milliseconds(at, "%d %b %Y %H:%M:%S.") + " *",
    "klog": lambda at: at.strftime("E%m%d %H:%M:%S.%f 1 app.go:1]"),
    "epoch": lambda at: f"{at.timestamp():.3f}",
    "epoch milliseconds": lambda at: f"{at.timestamp() * 1000:.0f}",
    "audit": lambda at: f"type=AVC msg=audit({at.timestamp():.3f}:7):",
    "JSON": lambda at: f'{{"level":"error","time":"{at.isoformat()}","msg":"',
    "JSON with epoch": lambda at: f'{{"level":"error","ts":{at.timestamp():.4f},"msg":"',
    "logfmt": lambda at: f"level=error ts={at.isoformat()}",
}


def written_by(style: str, start: datetime = START, minutes: int = 40) -> tuple[str, str]:
    """A log of one entry a minute, each with a stack trace; and the part that belongs to its last ten minutes."""
    entries = [
        f"{FORMATS[style](start + timedelta(minutes=minute))} entry {minute}\n"
        f"java.lang.IllegalStateException: 9 lives\n\tat com.example.Main(Main.java:7)\n"
        for minute in range(minutes)
    ]
    return "".join(entries), "".join(entries[-10:])


def log_file(tmp_path: Path, text: str, written: datetime) -> Path:
    log = tmp_path / "app.log"
    log.write_text(text)
    os.utime(log, (written.timestamp(),) * 2)
    return log


def answer_of(
    log: Path, since: datetime, *, shell: HostShell = DASH, utc_offset_s: int | None = 0, tz: str = "UTC",
    awk: Path | None = None, **fields: object,
) -> HostOutput:  # fmt: skip
    collector = Collector(name="log", file=(str(log),), **fields)
    window = ResolvedWindow(kind="test", since_epoch=since.timestamp(), utc_offset_s=utc_offset_s)
    return shell.answer(command_line(collector, window=window, max_bytes=1_000_000), tz=tz, first_in_path=awk)


@pytest.mark.parametrize("style", FORMATS)
def test_a_log_is_cut_to_the_window_with_its_stack_traces(style: str, awk: Path, tmp_path: Path) -> None:
    text, wanted = written_by(style)
    log = log_file(tmp_path, text, START + timedelta(minutes=39))
    answer = answer_of(log, START + timedelta(minutes=29, seconds=30), awk=awk)
    assert answer.text.decode() == wanted
    assert answer.method == "time filter"


HOSTS = [*((shell, None) for shell in SHELLS.values()), *((DASH, awk) for awk in AWKS)]
STYLES = ("ISO with Z", "syslog", "access log", "JSON with epoch")


@pytest.mark.parametrize(
    ("shell", "awk", "style"), [(*host, STYLES[number % len(STYLES)]) for number, host in enumerate(HOSTS)], ids=str
)
def test_every_shell_and_every_awk_cut_a_log_to_the_window(
    shell: HostShell, awk: str | None, style: str, tmp_path: Path
) -> None:
    text, wanted = written_by(style)
    log = log_file(tmp_path, text, START + timedelta(minutes=39))
    first = holding(awk, tmp_path) if awk else None
    since = START + timedelta(minutes=29, seconds=30)
    answer = answer_of(log, since, shell=shell, awk=first, utc_offset_s=None, before=2)
    assert answer.text.decode() == wanted
    assert answer.before.decode() == "".join(text.splitlines(keepends=True)[-32:-30])
    assert answer.stderr == b""


@pytest.mark.parametrize("style", ["%H:%M:%S", "%I:%M:%S.000 %p"])
def test_yesterdays_lines_of_the_windows_hours_are_not_shown_as_sure(style: str, awk: Path, tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    text = "".join(f"{(now - timedelta(minutes=20 * n)).strftime(style)} entry {n}\n" for n in range(90, -1, -1))
    answer = answer_of(log_file(tmp_path, text, now), now - timedelta(minutes=30), awk=awk)
    sure = b"".join(part.text for part in answer.parts if not part.is_unsure).decode()
    assert [line.rpartition(" ")[2] for line in sure.splitlines()] == ["1", "0"]
    assert "have no date" in answer.note


@pytest.mark.parametrize("style", ["syslog", "klog"])
def test_a_window_across_new_year_is_cut_right(style: str, awk: Path, tmp_path: Path) -> None:
    year = datetime.now(timezone.utc).year
    start = datetime(year - 1, 12, 31, 23, 35, tzinfo=timezone.utc)  # a past that reads as this year's future
    text, _ = written_by(style, start, minutes=20)
    log = log_file(tmp_path, text, start + timedelta(minutes=19))
    answer = answer_of(log, start + timedelta(minutes=9, seconds=30), awk=awk)
    assert answer.text.count(b"entry") == 10


@pytest.mark.parametrize("utc_offset_s", [3600, None])
def test_times_without_a_zone_are_the_hosts(utc_offset_s: int | None, awk: Path, tmp_path: Path) -> None:
    text, wanted = written_by("ISO with space")
    log = log_file(tmp_path, text, START + timedelta(minutes=39) - timedelta(hours=1))
    since = START + timedelta(minutes=29, seconds=30) - timedelta(hours=1)
    answer = answer_of(log, since, utc_offset_s=utc_offset_s, tz="XST-1", awk=awk)
    assert answer.text.decode() == wanted
    assert "UTC" not in answer.note


def test_a_log_in_utc_on_a_host_of_another_zone_is_recognised_and_said(awk: Path, tmp_path: Path) -> None:
    text, wanted = written_by("ISO with space")
    log = log_file(tmp_path, text, START + timedelta(minutes=39))
    answer = answer_of(log, START + timedelta(minutes=29, seconds=30), utc_offset_s=-5 * 3600, tz="XST+5", awk=awk)
    assert answer.text.decode() == wanted
    assert f"The times in '{log}' were read as UTC" in answer.note


@pytest.mark.parametrize(
    "time_format",
    [
        "%d.%m.%Y %H:%M:%S",
        "<%d/%b/%y %I:%M:%S %p>",
        "[it's %m-%d|%H.%M.%S.%f",
        "%A, %d %B %Y at %H:%M:%S %z",
        "100%% %Z \\%Y/%m/%d(%H*%M+%S)",
    ],
)
def test_a_time_format_of_ones_own_is_understood(time_format: str, awk: Path, tmp_path: Path) -> None:
    moments = [START + timedelta(minutes=minute) for minute in range(0, 40, 5)]
    entries = [f"{at.strftime(time_format)} entry\n  trace 2020-01-01 00:00:00\n" for at in moments]
    log = log_file(tmp_path, "".join(entries), moments[-1])
    answer = answer_of(log, moments[5], awk=awk, time_format=time_format)
    assert answer.text.decode() == "".join(entries[5:])


@pytest.mark.parametrize(
    "own",
    [
        (TimeFormat("%s"), lambda at: f"{at.timestamp():.0f}000"),
        (TimeFormat("%s"), lambda at: f"{at.timestamp():.0f}000000000"),
        (TimeFormat("%H:%M:%S.%f"), lambda at: at.strftime("%H:%M:%S.%f")),
        (TimeFormat(key="when"), lambda at: f'{{"a":{{"when":1}},"when": "{at.isoformat()}"}}'),
        (TimeFormat("%d.%m.%Y %T", key="when"), lambda at: at.strftime("x=1 when=%d.%m.%Y %H:%M:%S")),
        (
            TimeFormat(pattern="at=<([^>]*)>"),
            lambda at: at.strftime("2020-01-01 00:00:00 x at=<%d/%b/%Y:%H:%M:%S +0000>"),
        ),
        (TimeFormat("%y%m%d-%H%M%S", pattern="at ([0-9-]*)"), lambda at: at.strftime("job at %y%m%d-%H%M%S done")),
    ],
    ids=lambda own: str(own[0]),
)
def test_a_collector_may_say_where_the_time_stands(own: tuple, awk: Path, tmp_path: Path) -> None:
    time_format, write = own
    start = datetime.now(timezone.utc) - timedelta(hours=1)
    moments = [start + timedelta(minutes=minute) for minute in range(0, 40, 5)]
    entries = [f"{write(at)} entry\n  trace 2020-01-01 00:00:00\n" for at in moments]
    log = log_file(tmp_path, "".join(entries), moments[-1])
    answer = answer_of(log, moments[5] - timedelta(minutes=2), awk=awk, time_format=time_format)
    assert answer.text.decode() == "".join(entries[5:])
    assert not answer.is_unsure


def test_a_log_without_times_shows_its_newest_lines_and_says_so(tmp_path: Path) -> None:
    log = log_file(tmp_path, "".join(f"line {number}\n" for number in range(900)), START + timedelta(hours=1))
    answer = answer_of(log, START)
    assert answer.text.splitlines()[0] == b"line 400"
    assert answer.text.count(b"\n") == 500
    assert answer.omitted_lines == 400
    assert answer.method == "tail"
    assert "knows no time of most lines" in answer.note
    assert answer.is_unsure


@pytest.mark.parametrize("shell", UNLIKE, ids=str)
def test_a_log_that_holds_nothing_is_read_as_surely_as_the_logs_beside_it(shell: HostShell, tmp_path: Path) -> None:
    text, wanted = written_by("ISO with Z")
    log_file(tmp_path, text, START + timedelta(minutes=39))
    (tmp_path / "empty.log").touch()
    answer = answer_of(tmp_path / "*.log", START + timedelta(minutes=29, seconds=30), shell=shell)
    assert [part.text.decode() for part in answer.parts] == [wanted]
    assert (answer.method, answer.note) == ("time filter", "")


def test_a_log_that_was_not_written_since_then_is_empty(tmp_path: Path) -> None:
    log = log_file(tmp_path, "no times here\n", START - timedelta(hours=1))
    answer = answer_of(log, START)
    assert (answer.text, answer.method, answer.note) == (b"", "time filter", "")


def test_no_window_is_the_newest_lines(tmp_path: Path) -> None:
    text, _ = written_by("syslog")
    log = log_file(tmp_path, text, START)
    collector = Collector(name="log", file=(str(log),), lines=3)
    answer = DASH.answer(command_line(collector, window=ResolvedWindow(kind="none"), max_bytes=1000))
    assert answer.text.decode().splitlines() == text.splitlines()[-3:]
    assert answer.method == "tail"
    assert answer.note == ""


def test_what_stands_behind_a_line_of_the_window_was_written_after_it_whatever_its_time(tmp_path: Path) -> None:
    lines = [f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S} at {second}\n" for second in (0, 5, 3, 6)]
    log = log_file(tmp_path, "".join(lines), START + timedelta(seconds=6))
    assert answer_of(log, START + timedelta(seconds=4)).text.decode() == "".join(lines[1:])


def test_only_the_newest_part_of_a_huge_log_is_searched_and_the_rest_is_said(tmp_path: Path) -> None:
    line = f"{START:%Y-%m-%dT%H:%M:%S.000Z} {'x' * 974}\n"
    assert len(line) == 1000
    log = log_file(tmp_path, line * 10_000, START + timedelta(seconds=1))
    answer = answer_of(log, START)
    assert answer.produced_bytes in (len(line) * 10_000, len(line) * 10_000 - 1000 + 392)
    assert answer.text.count(b"\n") == 500
    assert "Only the newest 8 MiB" in answer.note


@pytest.mark.parametrize("shell", UNLIKE, ids=str)
def test_a_line_longer_than_all_that_is_searched_keeps_its_newest_part(shell: HostShell, tmp_path: Path) -> None:
    log = log_file(tmp_path, "x" * 9_000_000 + " the end", START)
    line = command_line(Collector(name="log", file=(str(log),)), window=ResolvedWindow(kind="none"), max_bytes=1000)
    answer = shell.answer(line)
    assert answer.text.endswith(b" the end")
    assert len(answer.text) == 1000


# --- What no time of the log tells, though it was written -------------------------------------------------------------


def seconds_ago(seconds: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(seconds=seconds)


def minute_of_entries(style: str = "%Y-%m-%d %H:%M:%S.%f", **shift: float) -> str:
    """Entries from ten minutes to three and a half minutes ago, none of the last minute."""
    moments = [seconds_ago(600 - 10 * number) + timedelta(**shift) for number in range(40)]
    return "".join(f"{at.strftime(style)} INFO old {number}\n" for number, at in enumerate(moments))


def entry(seconds: float, text: str, style: str = "%Y-%m-%d %H:%M:%S.%f", **shift: float) -> str:
    return f"{(seconds_ago(seconds) + timedelta(**shift)).strftime(style)} {text}\n"


WRITTEN_UNTOLD = {
    "a trace without a time": lambda: (
        minute_of_entries(),
        "Traceback (most recent call last):\n  File x\nKeyError: 1\n",
    ),
    "a line without a time": lambda: (minute_of_entries(), "ERROR boom\n"),
    "a line that a buffer held back": lambda: (minute_of_entries(), entry(90, "ERROR boom")),
    "a clock four minutes behind": lambda: (minute_of_entries(minutes=-4), entry(20, "ERROR boom", minutes=-4)),
    "a clock ten minutes behind": lambda: (
        minute_of_entries("%Y-%m-%dT%H:%M:%SZ", minutes=-10),
        entry(30, "ERROR one", "%Y-%m-%dT%H:%M:%SZ", minutes=-10) + entry(20, "two", "%Y-%m-%dT%H:%M:%SZ", minutes=-10),
    ),
    "a zone that is not the times'": lambda: (
        minute_of_entries("%Y-%m-%dT%H:%M:%S+05:45"),
        entry(30, "ERROR one", "%Y-%m-%dT%H:%M:%S+05:45") + entry(20, "ERROR two", "%Y-%m-%dT%H:%M:%S+05:45"),
    ),
}


@pytest.mark.parametrize("case", WRITTEN_UNTOLD)
def test_what_was_written_in_the_window_is_shown_as_unsure_when_no_time_tells_of_it(
    case: str, awk: Path, tmp_path: Path
) -> None:
    old, new = WRITTEN_UNTOLD[case]()
    log = log_file(tmp_path, old + new, seconds_ago(0))
    answer = answer_of(log, seconds_ago(60), awk=awk)
    assert answer.text.decode().endswith(new)
    assert all(part.is_unsure for part in answer.parts)
    assert f"'{log}' was written in the window, but no time in it tells of that." in answer.note


COPIES = ["app.log.1", "app.log-20261122", "app-2026-11-22.log", "old/app.log.1", "app.log.old", "app.log.1.gz"]


@pytest.mark.parametrize("copy", COPIES)
def test_a_rotation_in_the_window_that_no_mark_knows_takes_no_line_away(copy: str, tmp_path: Path) -> None:
    boom, new = entry(30, "ERROR boom"), entry(20, "INFO new")
    (tmp_path / "old").mkdir()
    log = log_file(tmp_path, minute_of_entries() + boom, seconds_ago(30))
    if copy.endswith(".gz"):
        (tmp_path / copy).write_bytes(gzip.compress(log.read_bytes()))
        os.utime(tmp_path / copy, (seconds_ago(30).timestamp(),) * 2)
    else:
        log.rename(tmp_path / copy)
    for name in ("app-2.log", "app.log.lock", "app-errors.log", "other.log.1"):  # other logs
        (tmp_path / name).write_text(entry(25, "INFO of another log"))
    log_file(tmp_path, new, seconds_ago(20))
    answer = answer_of(log, seconds_ago(60))
    assert (answer.text.decode(), answer.is_unsure, answer.note) == (boom + new, False, "")
    assert answer_of(log, seconds_ago(25)).text.decode() == new


ANEW = "begins within the window and no mark tells of an earlier one"


@pytest.mark.parametrize("name", ["taken-away.log", "2026-app.log", "@4000000065.s"])
def test_a_log_that_begins_in_the_window_may_have_had_an_earlier_one_and_that_is_said(
    name: str, tmp_path: Path
) -> None:
    log = log_file(tmp_path, minute_of_entries() + entry(30, "ERROR boom"), seconds_ago(30))
    log.rename(tmp_path / name)
    log_file(tmp_path, new := entry(20, "INFO new"), seconds_ago(0))
    answer = answer_of(log, seconds_ago(60))
    assert answer.text.decode() == new
    assert ANEW in answer.note


def test_a_log_that_began_before_the_window_says_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    log = log_file(tmp_path, minute_of_entries() + entry(10, "INFO new"), seconds_ago(0))
    assert ANEW not in answer_of(log, seconds_ago(30)).note


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_a_rotated_copy_that_cannot_be_unpacked_is_told_as_that(pattern: str, tmp_path: Path) -> None:
    path = tmp_path / "applets"
    path.mkdir()
    needed = "awk cat cut date find grep head ls sed sh sort stat tail tee tr wc"
    for applet in needed.split():
        (path / applet).symlink_to(str(shutil.which(applet)))
    new = entry(20, "INFO new")
    logs = tmp_path / "logs"
    logs.mkdir()
    log_file(logs, new, seconds_ago(0))
    (logs / "app.log.2.xz").write_bytes(lzma.compress(entry(30, "ERROR boom").encode()))
    (logs / "app.log.1.gz").write_bytes(b"no gzip")
    asked = Collector(name="log", file=(str(logs / pattern),))
    window = ResolvedWindow(kind="test", since_epoch=seconds_ago(60).timestamp(), utc_offset_s=0)
    line = command_line(asked, window=window, max_bytes=1_000_000)
    locked = replace(line, producer=f"PATH={path}\n{line.producer}", filters="")
    for answer, note in (
        (DASH.answer(locked), "could not be unpacked: the host has no program for it."),
        (DASH.answer(line), f"'{logs}/app.log.1.gz' could not be unpacked: it is damaged"),
    ):
        assert b"".join(part.text for part in answer.parts).decode().endswith(new)
        assert note in answer.note
        assert "no time of most lines" not in answer.note


def test_of_more_files_than_a_program_takes_for_arguments_the_newest_are_read(tmp_path: Path) -> None:
    """They were told as no regular files."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(12_000):
        path = logs / f"{number:05}{'x' * 200}.log"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.utime(path, (0, 0))
    new = entry(20, "ERROR boom")
    log_file(logs, new, seconds_ago(0))
    answer = answer_of(logs / "*.log", seconds_ago(60))
    assert b"".join(part.text for part in answer.parts).decode().endswith(new)
    assert "Only the 1000 newest files" in answer.note


AHEAD_OF_THE_FIRST = {
    "without a time": lambda: "ERROR boom\n",
    "with the time of another program": lambda: entry(30, "1 app.go:1] boom", "E%m%d %H:%M:%S.%f"),
    "at 24:00": lambda: "2026-11-22 24:00:00.000 ERROR midnight\n",
    "of a lost clock": lambda: "1970-01-01 00:00:01.000 ERROR boom\n",
    "of the far future": lambda: "2099-01-01 00:00:01.000 ERROR boom\n",
}


@pytest.mark.parametrize("case", AHEAD_OF_THE_FIRST)
def test_a_line_whose_time_is_not_known_ahead_of_the_windows_first_one_is_shown_as_unsure(
    case: str, awk: Path, tmp_path: Path
) -> None:
    new = AHEAD_OF_THE_FIRST[case]()
    after = entry(20, "INFO new")
    log = log_file(tmp_path, minute_of_entries() + new + after, seconds_ago(0))
    answer = answer_of(log, seconds_ago(60), awk=awk)
    assert answer.text.decode() == new + after
    assert answer.is_unsure


def test_lines_from_before_the_end_of_summer_time_are_not_taken_for_the_windows(awk: Path, tmp_path: Path) -> None:
    summer = "".join(entry(3600 - 100 * number, f"INFO old {number}", hours=1) for number in range(36))
    winter = "".join(entry(1000 - 10 * number, f"INFO old {number}") for number in range(90))
    new = entry(20, "INFO new")
    log = log_file(tmp_path, summer + winter + new, seconds_ago(0))
    answer = answer_of(log, seconds_ago(60), awk=awk)
    assert [part.text.decode() for part in answer.parts if not part.is_unsure] == [new]


# --- A log's own clock that is apart from the host's ------------------------------------------------------------------

PLAIN, WITH_Z, OF_DAY = "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%fZ", "%H:%M:%S.%f"
APART = [
    (PLAIN, -60, "is 60 s behind", "seems to be 60 s behind"),
    (PLAIN, 75, "is 75 s ahead of", "seems to be 75 s ahead of"),
    ("%b %e %H:%M:%S", -45, "is 4", "seems to be 4"),
    (OF_DAY, 62, "is 62 s ahead of", "seems to be 62 s ahead of"),
    (PLAIN, -7255, "is 7255 s behind", "were not used: they do not fit"),
    (PLAIN, 9 * 3600, "were read as UTC+09:00", "were read as UTC+09:00"),
    (WITH_Z, 3600, "is 3600 s ahead of", "bear a zone and are 3600 s ahead of its last write"),
    (WITH_Z, -3600, "is 3600 s behind", "seems to be 3600 s behind"),
]


class BusyLog:
    """A log with a line every two seconds until now, by a clock that is so many seconds ahead of the host's."""

    def __init__(self, path: Path, style: str, ahead_s: float) -> None:
        self.path, self.style, self.ahead = path, style, timedelta(seconds=ahead_s)
        self.began = seconds_ago(80).replace(microsecond=0)
        self.collector = Collector(name="log", file=(str(path),))
        self.written = -40
        self.trace = ""

    def write_until(self, number: int) -> datetime:
        """Up to this line; line 0 is the first of the window."""
        lines = range(self.written, number)
        moments = [self.began + timedelta(seconds=2 * each + 0.5) for each in lines]
        with self.path.open("a") as file:
            file.writelines(
                f"{(at + self.ahead).strftime(self.style)} line {n}\n{self.trace}"
                for n, at in zip(lines, moments, strict=True)
            )
        os.utime(self.path, (moments[-1].timestamp(),) * 2)
        self.written = number
        return moments[-1]

    def marked_at(self, number: int) -> HostMark:
        at = self.write_until(number)
        return replace(DASH.mark(self.collector), epoch=at.timestamp() + 0.1)

    def answer(self, awk: Path, **marks: HostMark) -> HostOutput:
        self.write_until(40)
        start = self.began.timestamp()
        window = ResolvedWindow(
            kind="test",
            since_epoch=start - 0.1,
            sure_epoch=start + 0.1,
            until_epoch=start + 80,
            utc_offset_s=0,
            **marks,
        )
        return DASH.answer(command_line(self.collector, window=window, max_bytes=1_000_000), first_in_path=awk)


def numbers(answer: HostOutput, *, unsure: bool) -> set[int]:
    """Of the lines that are shown as unsure, or as sure."""
    lines = [line for part in answer.parts if part.is_unsure == unsure for line in part.text.decode().splitlines()]
    return {int(line.split()[-1]) for line in lines if " line " in line}


@pytest.mark.parametrize(("style", "ahead_s", "proven", "inferred"), APART)
def test_a_log_by_a_clock_of_its_own_loses_no_line_and_is_told_as_that(
    style: str, ahead_s: int, proven: str, inferred: str, awk: Path, tmp_path: Path
) -> None:
    alone = BusyLog(tmp_path / "alone.log", style, ahead_s)
    early = BusyLog(tmp_path / "early.log", style, ahead_s)
    late = BusyLog(tmp_path / "late.log", style, ahead_s)
    answers = {
        "alone": alone.answer(awk),
        "early": early.answer(awk, mark=early.marked_at(-5)),
        "late": late.answer(awk, late_mark=late.marked_at(5)),
    }
    for name, answer in answers.items():
        sure, unsure = numbers(answer, unsure=False), numbers(answer, unsure=True)
        assert sure | unsure >= set(range(40)), (name, answer.note)
        assert min(sure, default=0) >= 0, (name, answer.note)
        assert (inferred if name == "alone" else proven) in answer.note, (name, answer.note)
        assert name == "alone" or len(unsure) <= 3, (
            name,
            unsure,
            answer.note,
        )  # marks tell the clock, which tells the rest


def test_a_date_that_a_trace_speaks_of_is_not_the_logs_clock(awk: Path, tmp_path: Path) -> None:
    log = BusyLog(tmp_path / "app.log", WITH_Z, -3600)
    log.trace = "  2020-01-01 00:00:00 was the last backup\n"
    answer = log.answer(awk, mark=log.marked_at(-5), late_mark=log.marked_at(5))
    assert numbers(answer, unsure=True) | numbers(answer, unsure=False) == set(range(40)), answer.note
    assert "is 3600 s behind the host's" in answer.note


def test_a_log_that_began_between_the_marks_has_its_clock_told_by_the_later_one(awk: Path, tmp_path: Path) -> None:
    log = BusyLog(tmp_path / "app.log", PLAIN, -60)
    early = replace(log.marked_at(-39), files=())
    answer = log.answer(awk, mark=early, late_mark=log.marked_at(5))
    assert set(range(5)) <= numbers(answer, unsure=True) | numbers(answer, unsure=False), answer.note
    assert min(numbers(answer, unsure=True)) >= -1
    assert "is 60 s behind the host's" in answer.note


def test_a_log_whose_clock_nobody_can_tell_is_shown_from_its_mark_on(awk: Path, tmp_path: Path) -> None:
    log = BusyLog(tmp_path / "app.log", PLAIN, -100)
    early = log.marked_at(-5)
    by_another_clock = replace(early, files=tuple(replace(file, written=file.written + 200) for file in early.files))
    answer = log.answer(awk, mark=by_another_clock)
    assert numbers(answer, unsure=True) | numbers(answer, unsure=False) == set(range(-5, 40)), answer.note
    assert min(numbers(answer, unsure=False), default=0) >= 0
    assert "no time in it tells of that" in answer.note


def test_no_clock_is_learned_from_a_log_whose_last_line_is_old(awk: Path, tmp_path: Path) -> None:
    quiet = log_file(tmp_path, minute_of_entries(), seconds_ago(209))
    answer = answer_of(quiet, seconds_ago(60), awk=awk)
    assert (answer.text, answer.note) == (b"", "")
    untimed = log_file(tmp_path, minute_of_entries() + "a line without a time\n", seconds_ago(1))
    assert "The clock of" not in answer_of(untimed, seconds_ago(60), awk=awk).note


@pytest.mark.parametrize("hour", [3600, -3600], ids=["to summer time", "from summer time"])
@pytest.mark.parametrize("ago", [2700, 4500])
def test_the_change_of_summer_time_within_a_window_takes_no_line_away(
    hour: int, ago: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    shell = met_by(request, UNLIKE)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    turn = now - timedelta(seconds=ago - 900)
    zones = [timezone(timedelta(seconds=seconds)) for seconds in (18000, 18000 + hour)]
    moments = [now - timedelta(seconds=2 * ago - 60 * number) for number in range(2 * ago // 60)]
    entries = [f"{at.astimezone(zones[at >= turn]):%Y-%m-%d %H:%M:%S.%f} of {at.timestamp():.0f}\n" for at in moments]
    log = log_file(tmp_path, "".join(entries), moments[-1])
    tz = turning_zone(turn, from_s=18000, to_s=18000 + hour)
    since = now - timedelta(seconds=ago + 10)
    answer = answer_of(log, since, shell=shell, utc_offset_s=18000 + hour, tz=tz)
    shown = answer.text.decode().splitlines()
    sure = [line for part in answer.parts if not part.is_unsure for line in part.text.decode().splitlines()]
    assert [line for line in entries if int(line.split()[-1]) > since.timestamp() and line.rstrip() not in shown] == []
    assert [line for line in sure if int(line.split()[-1]) < since.timestamp() - 1] == []
    assert len(shown) <= ago / 60 + 61
    assert sure


@pytest.mark.parametrize("turn", ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"])
def test_a_log_in_a_zone_that_is_not_the_hosts_has_its_change_of_summer_time(
    turn: str, awk: Path, tmp_path: Path
) -> None:
    from zoneinfo import ZoneInfo

    turned = datetime.fromisoformat(turn.replace("Z", "+00:00"))
    moments = [turned + timedelta(seconds=20 * number + 5) for number in range(-240, 90)]
    entries = [
        f"{at.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%d %H:%M:%S} of {at.timestamp():.0f}\n" for at in moments
    ]
    log = log_file(tmp_path, "".join(entries), moments[-1])
    since = turned - timedelta(minutes=10)
    answer = answer_of(log, since, awk=awk)
    shown = answer.text.decode().splitlines()
    sure = [line for part in answer.parts if not part.is_unsure for line in part.text.decode().splitlines()]
    assert [line for line in entries if int(line.split()[-1]) > since.timestamp() and line.rstrip() not in shown] == []
    assert [line for line in sure if int(line.split()[-1]) < since.timestamp() - 1] == []


def test_of_more_new_files_than_can_be_looked_into_the_first_are_read_and_the_others_counted(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.log").write_text(entry(10, "ERROR boom"))
    asked = Collector(name="log", file=(f"{tmp_path}/*.log",))
    found = ResolvedWindow(kind="test", since_epoch=seconds_ago(60).timestamp(), utc_offset_s=0)
    line = command_line(asked, window=found, max_bytes=1_000_000)
    at_once = replace(line, producer=line.producer.replace("planning=5", "planning=0"))
    assert at_once.producer != line.producer
    answer = DASH.answer(at_once)
    assert answer.text.count(b"ERROR boom") == 20
    assert "10 more files were written and not read" in answer.note
    assert answer.has_unread


# --- Marks ahead of and behind the window's start ---------------------------------------------------------------------


def marked(log: Path, size: int, at: datetime) -> HostMark:
    """A mark of a log that was `size` bytes long then."""
    text = log.read_bytes()[:size]
    written = log.stat().st_mtime
    now = DASH.mark(Collector(name="log", file=(str(log),)))
    kept = log.read_bytes()
    log.write_bytes(text)
    then = DASH.mark(Collector(name="log", file=(str(log),)))
    log.write_bytes(kept)
    os.utime(log, (written, written))
    file = FileMark(str(log), str(log), now.files[0].inode, size, then.files[0].digest)
    return HostMark(epoch=at.timestamp(), utc_offset_s=0, files=(file,), patterns=(str(log),))


def seconds_log(tmp_path: Path, stamp: str) -> tuple[Path, list[str]]:
    entries = [f"{local(START + timedelta(seconds=second / 2), stamp)} entry {second}\n" for second in range(20)]
    return log_file(tmp_path, "".join(entries), START + timedelta(seconds=10)), entries


def window(since: float, **marks: HostMark) -> ResolvedWindow:
    start = START.timestamp()
    return ResolvedWindow(kind="test", since_epoch=start + since, until_epoch=start + 10, utc_offset_s=0, **marks)


def read(log: Path, resolved: ResolvedWindow, **fields: object) -> HostOutput:
    collector = Collector(name="log", file=(str(log),), **fields)
    return DASH.answer(command_line(collector, window=resolved, max_bytes=100_000))


def unsure(answer: HostOutput) -> str:
    return b"".join(part.text for part in answer.parts if part.is_unsure).decode()


def size_of(entries: list[str]) -> int:
    return len("".join(entries))


def test_an_earlier_mark_is_narrowed_to_the_window_by_the_logs_times(tmp_path: Path) -> None:
    log, entries = seconds_log(tmp_path, "%Y-%m-%dT%H:%M:%S.%fZ")
    mark = marked(log, size_of(entries[:4]), START + timedelta(seconds=2))
    answer = read(log, window(4.6, mark=mark), before=2)
    assert answer.text.decode() == "".join(entries[10:])
    assert answer.before.decode() == "".join(entries[8:10])
    assert (answer.method, answer.note) == ("byte mark", "")


@pytest.mark.parametrize("stamp", ["%Y-%m-%dT%H:%M:%S.%fZ ", "%b %d %H:%M:%S ", ""])
@pytest.mark.parametrize("ahead_s", [-432_000_000, -600, 4000])
def test_no_clock_of_a_file_server_hides_what_a_mark_proves_to_be_new(ahead_s: int, stamp: str, tmp_path: Path) -> None:
    entries = [f"{local(START + timedelta(seconds=second / 2), stamp)}entry {second}\n" for second in range(20)]
    log = log_file(tmp_path, "".join(entries), START + timedelta(seconds=10 + ahead_s))
    mark = marked(log, size_of(entries[:4]), START + timedelta(seconds=2))
    answer = read(log, window(4.6, mark=mark))
    assert answer.text.decode().endswith("".join(entries[10:]))
    assert "entry 3" not in answer.text.decode()
    sure = answer.text.decode().removeprefix(unsure(answer))
    assert "".join(entries[10:]).endswith(sure)


def test_an_earlier_mark_of_a_log_without_times_says_that_older_lines_may_be_there(tmp_path: Path) -> None:
    entries = [f"entry {number}\n" for number in range(20)]
    log = log_file(tmp_path, "".join(entries), START)
    mark = marked(log, size_of(entries[:4]), START)
    answer = read(log, window(5, mark=mark), before=1)
    assert answer.text.decode() == "".join(entries[4:])
    assert answer.before.decode() == entries[3]
    assert unsure(answer) == "".join(entries[4:])
    assert "The first 16 lines may be older than the window" in answer.note


def test_a_late_mark_is_exact_from_then_on_and_times_tell_what_lies_between(tmp_path: Path) -> None:
    log, entries = seconds_log(tmp_path, "%Y-%m-%dT%H:%M:%S.%fZ")
    early = marked(log, size_of(entries[:2]), START + timedelta(seconds=1))
    late = marked(log, size_of(entries[:12]), START + timedelta(seconds=6))
    for marks in ({"late_mark": late}, {"mark": early, "late_mark": late}):
        answer = read(log, window(3.2, **marks), before=2)
        assert answer.text.decode() == "".join(entries[7:])
        assert answer.before.decode() == "".join(entries[5:7])


def test_a_line_of_the_first_second_is_shown_and_said_to_be_unsure(tmp_path: Path) -> None:
    log, entries = seconds_log(tmp_path, "%b %d %H:%M:%S")
    late = marked(log, size_of(entries[:12]), START + timedelta(seconds=6))
    answer = read(log, window(3.2, late_mark=late), before=2)
    assert answer.text.decode() == "".join(entries[6:])
    assert unsure(answer) == "".join(entries[6:8])
    assert answer.before.decode() == "".join(entries[4:6])
    assert "right to a second" in answer.note


def test_whole_seconds_of_a_log_by_a_clock_of_its_own_prove_no_line_of_the_second_ahead(
    awk: Path, tmp_path: Path
) -> None:
    zero = START.replace(microsecond=0)
    moments = [zero + timedelta(seconds=seconds) for seconds in (1.1, 10.73, 10.79, 16.38)]
    ahead = timedelta(seconds=75.4)
    entries = [f"{local(at + ahead, '%Y-%m-%d %H:%M:%S')} entry {number}\n" for number, at in enumerate(moments)]
    log = log_file(tmp_path, "".join(entries), moments[-1])
    since = (zero + timedelta(seconds=10.75)).timestamp()
    collector = Collector(name="log", file=(str(log),))
    found = ResolvedWindow(kind="test", since_epoch=since, until_epoch=since + 9, utc_offset_s=0)
    answer = DASH.answer(command_line(collector, window=found, max_bytes=100_000), first_in_path=awk)
    assert set("".join(entries[2:]).splitlines()) <= set(answer.text.decode().splitlines())
    assert entries[1] in unsure(answer)


def test_a_log_of_whole_minutes_has_no_clock_that_is_behind(tmp_path: Path) -> None:
    at = START.replace(second=40)
    entries = [f"{local(at + timedelta(minutes=number), '%Y-%m-%d %H:%M')} entry {number}\n" for number in range(-9, 1)]
    log = log_file(tmp_path, "".join(entries), at)
    start = (at - timedelta(seconds=20)).timestamp()
    answer = read(log, ResolvedWindow(kind="test", since_epoch=start, until_epoch=at.timestamp(), utc_offset_s=0))
    assert answer.text.decode() == entries[-1]
    assert ("right to a minute" in answer.note, "clock of" in answer.note) == (True, False)


def test_a_line_without_a_time_that_is_written_in_the_windows_first_second_may_be_of_it(
    awk: Path, tmp_path: Path
) -> None:
    entries = "".join(f"{local(START + timedelta(seconds=number), PLAIN)} entry {number}\n" for number in range(4))
    panic = "out of memory, the kernel has ended the worker\n"
    written = START.replace(microsecond=0) + timedelta(seconds=6.7)
    since = (written - timedelta(seconds=0.6)).timestamp()
    log = log_file(tmp_path, entries + panic, written)
    collector = Collector(name="log", file=(str(log),))
    found = ResolvedWindow(kind="test", since_epoch=since, until_epoch=since + 9, utc_offset_s=0)
    answer = DASH.answer(command_line(collector, window=found, max_bytes=100_000), first_in_path=awk)
    assert unsure(answer) == answer.text.decode() == panic


@pytest.mark.parametrize(("ahead_s", "shown"), [(0.3, True), (30.0, False)])
def test_a_record_that_began_just_ahead_of_the_window_may_end_in_it(
    ahead_s: float, shown: bool, tmp_path: Path
) -> None:
    stamp = "%Y-%m-%dT%H:%M:%S.%fZ"
    head = f"{local(START + timedelta(seconds=5 - ahead_s), stamp)} ERROR order is lost\n"
    trace = "\tat com.example.Main(Main.java:7)\nCaused by: java.lang.OutOfMemoryError: heap\n"
    rest = f"{local(START + timedelta(seconds=6), stamp)} INFO ready\n"
    answer = read(log_file(tmp_path, head + trace + rest, START + timedelta(seconds=6)), window(5))
    assert answer.text.decode() == (trace if shown else "") + rest
    assert unsure(answer) == (trace if shown else "")


def test_a_late_mark_of_a_log_without_times_counts_from_when_it_came(tmp_path: Path) -> None:
    entries = [f"entry {number}\n" for number in range(20)]
    log = log_file(tmp_path, "".join(entries), START + timedelta(seconds=10))
    late = marked(log, size_of(entries[:12]), START + timedelta(seconds=6))
    answer = read(log, window(3.2, late_mark=late))
    assert answer.text.decode() == "".join(entries)
    assert unsure(answer) == "".join(entries[:12])
    early = marked(log, size_of(entries[:9]), START + timedelta(seconds=3))
    answer = read(log, window(3.2, mark=early, late_mark=late))
    assert answer.text.decode() == "".join(entries[9:])
    assert unsure(answer) == "".join(entries[9:12])


def test_a_mark_that_came_after_the_window_is_not_its_start(tmp_path: Path) -> None:
    log, entries = seconds_log(tmp_path, "%Y-%m-%dT%H:%M:%S.%fZ")
    far = marked(log, size_of(entries), START + timedelta(seconds=11))
    answer = read(log, window(3.2, late_mark=far))
    assert answer.text.decode() == "".join(entries[7:])
    assert answer.method == "time filter"


@pytest.mark.needs("busybox")
def test_a_log_packed_since_a_late_mark_is_narrowed_too(tmp_path: Path) -> None:
    import gzip

    log, entries = seconds_log(tmp_path, "%Y-%m-%dT%H:%M:%S.%fZ")
    late = marked(log, size_of(entries[:12]), START + timedelta(seconds=6))
    packed = tmp_path / "app.log.1.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    os.utime(packed, ((START + timedelta(seconds=10)).timestamp(),) * 2)
    log.unlink()
    log.write_text("after\n")
    answer = read(log, window(3.2, late_mark=late))
    assert answer.text.decode() == "".join(entries[7:]) + "after\n"


@pytest.mark.parametrize("style", ["%b %e %H:%M:%S web app[1]:", '{"ts":"%Y-%m-%dT%H:%M:%SZ"}'])
def test_a_log_that_changes_its_format_ahead_of_a_late_mark_loses_no_line(
    style: str, awk: Path, tmp_path: Path
) -> None:
    old, new = minute_of_entries(), entry(30, "ERROR boom", style)
    log = log_file(tmp_path, old + new, seconds_ago(25))
    late = marked(log, size_of([old + new]), seconds_ago(20))
    log_file(tmp_path, old + new + entry(10, "INFO new", style), seconds_ago(0))
    found = ResolvedWindow(kind="test", since_epoch=seconds_ago(60).timestamp(), utc_offset_s=0, late_mark=late)
    line = command_line(Collector(name="log", file=(str(log),)), window=found, max_bytes=1_000_000)
    answer = DASH.answer(line, first_in_path=awk)
    assert answer.text.decode().splitlines()[0] == new.rstrip()
    assert answer.parts[0].is_unsure


# --- Dates that are nobody's time ------------------------------------------------------------------------------------


def test_one_date_in_a_message_does_not_become_the_time_of_a_whole_log(awk: Path, tmp_path: Path) -> None:
    old = ["10:00:00.123 [main] INFO build of 2024-01-01 00:00:00 started\n"]
    old += [f"10:00:0{n % 10}.123 [main] INFO old line {n}\n" for n in range(20)]
    log = log_file(tmp_path, "".join(old), START)
    mark = marked(log, size_of(old), START)
    with log.open("a") as file:
        file.write("10:00:09.500 [main] ERROR boom\n")
    os.utime(log, ((START + timedelta(seconds=5)).timestamp(),) * 2)
    proven = read(log, window(1, mark=mark, late_mark=mark))
    assert proven.text == b"10:00:09.500 [main] ERROR boom\n"
    assert not proven.is_unsure
    unproven = read(log, window(1))
    assert unproven.text.endswith(b"ERROR boom\n")
    assert "knows no time of most lines" in unproven.note


@pytest.mark.parametrize(
    "message", ["card valid until 2024-01-01T00:00:00Z", "2026-11-22 13:30:01 its own zone", "2026-11-23 03:30:01 x"]
)
def test_a_carriers_time_is_the_lines_whatever_its_message_begins_with(message: str, awk: Path, tmp_path: Path) -> None:
    entries = [
        f'{{"log":"{message} {n}\\n","stream":"stderr","time":"{(START + timedelta(minutes=n)).isoformat()}"}}\n'
        for n in range(20)
    ]
    log = log_file(tmp_path, "".join(entries), START + timedelta(minutes=19))
    answer = answer_of(log, START + timedelta(minutes=14, seconds=30), awk=awk)
    assert answer.text.decode() == "".join(entries[15:])
    assert not answer.is_unsure


@pytest.mark.parametrize("ahead_s", [9 * 3600, -5 * 3600, 20700, -12600])
def test_a_log_in_a_zone_that_is_not_the_hosts_is_read_as_it_fits_its_last_write_and_said(
    ahead_s: int, awk: Path, tmp_path: Path
) -> None:
    zone = timezone(timedelta(seconds=ahead_s))
    entries = [f"{(START + timedelta(minutes=n)).astimezone(zone):%Y-%m-%d %H:%M:%S} entry {n}\n" for n in range(20)]
    log = log_file(tmp_path, "".join(entries), START + timedelta(minutes=19))
    answer = answer_of(log, START + timedelta(minutes=14, seconds=30), awk=awk, utc_offset_s=3600)
    assert answer.text.decode() == "".join(entries[15:])
    assert "were read as UTC" in answer.note


@pytest.mark.parametrize("shell", UNLIKE, ids=str)
def test_a_log_that_is_written_over_in_place_is_not_empty(shell: HostShell, tmp_path: Path) -> None:
    start = datetime.now(timezone.utc)
    hour_ago = start - timedelta(hours=1)
    text = "".join(f"{hour_ago.isoformat()} old {number:05d}\n" for number in range(1000))
    log = log_file(tmp_path, text, hour_ago)
    mark = shell.mark(collector := Collector(name="log", file=(str(log),)))
    with log.open("r+") as file:
        file.seek(text.index(f"{hour_ago.isoformat()} old 00500"))
        file.write(f"{start.isoformat()} new 00500\n")
    os.utime(log, (start.timestamp() + 2,) * 2)  # hosts tell whole seconds
    window = ResolvedWindow(kind="test", since_epoch=start.timestamp() - 0.1, utc_offset_s=0, mark=mark)
    answer = shell.answer(command_line(collector, window=window, max_bytes=1_000_000))
    assert b"new 00500" in answer.text
    assert [part.text for part in answer.parts if not part.is_unsure and b"old" in part.text] == []
    assert "written to without growing" in answer.note
    assert answer.has_unread


# --- Logs that are written to while they are read


def growing_while_read(log: Path, tmp_path: Path) -> Path:
    """A directory whose `stat` is followed by another line in the log: as if it had grown once its size was known."""
    directory = tmp_path / "programs"
    directory.mkdir()
    stat = directory / "stat"
    stat.write_text(f'#!/bin/sh\n{shutil.which("stat")} "$@"\nstatus=$?\necho later >>{log}\nexit $status\n')
    stat.chmod(0o755)
    return directory


@pytest.mark.parametrize("size", [40_000, 400_000])
@pytest.mark.parametrize("kind", ["test", "none"])
def test_what_is_written_while_a_log_is_read_keeps_nobody_reading(kind: str, size: int, tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    log = tmp_path / "app.log"
    log.write_text(f"{now.isoformat()} a line\n" * (size // 42) + f"{now.isoformat()} last line\n")
    os.utime(log, (now.timestamp() + 5,) * 2)  # as if this very moment, however long the host takes to look at it
    window = ResolvedWindow(kind=kind, since_epoch=now.timestamp() - 1, utc_offset_s=0)
    line = command_line(Collector(name="log", file=(str(log),)), window=window, max_bytes=1_000_000)
    answer = DASH.answer(line, first_in_path=growing_while_read(log, tmp_path))
    assert log.read_text().endswith("later\n")
    assert answer.text.endswith(b"last line\n")


@pytest.mark.parametrize("grep", [None, "boom"])
def test_of_more_than_can_be_read_in_time_the_newest_is_read_and_that_is_told(
    grep: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("_WIDEST_BYTES", "_WIDEST_BYTES_WITH_GREP"):
        monkeypatch.setattr(f"FailTaleLibrary.windows.log_files.{name}", 1_000_000)
    log = tmp_path / "app.log"
    log.write_text("an old line\n")
    collector = Collector(name="log", file=(str(log),), grep=grep)
    mark = DASH.mark(collector)
    with log.open("a") as file:
        file.write("boom, at first\n")
        file.truncate(10**12)  # nobody reads all of that
        file.seek(0, os.SEEK_END)
        file.write("\nboom, at last\n")
    window = ResolvedWindow(kind="test", since_epoch=mark.epoch, mark=mark, utc_offset_s=0)
    answer = DASH.answer(command_line(collector, window=window, max_bytes=1_000))
    assert answer.text.endswith(b"boom, at last\n")
    assert b"at first" not in answer.text
    assert "older lines of it were not read" in answer.note
    assert answer.has_unread


# --- Records of many lines -------------------------------------------------------------------------------------------

UNREGISTERED = """Received unregistered task of type 'shop.tasks.pack'.
The message has been ignored and discarded.

Did you remember to import the module containing this task?
Or maybe you're using relative imports?

Please see
https://docs.celeryq.dev/en/latest/internals/protocol.html
for more information.

The full contents of the message body was:
b'[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]' (77b)

The full contents of the message headers:
{'lang': 'py', 'task': 'shop.tasks.pack', 'id': '7f1c'}

The delivery info for this task is:
{'consumer_tag': 'None4', 'delivery_tag': 1, 'redelivered': False}
Traceback (most recent call last):
  File "/srv/celery/worker/consumer/consumer.py", line 659, in on_task_received
    strategy = strategies[type_]
KeyError: 'shop.tasks.pack'
"""
WORKER_STARTS = """ -------------- celery@shop v5.4.0 (opalescent)
--- ***** -----
-- ******* ---- Linux
- ** ---------- [config]
- ** ---------- .> app:         shop
--- ***** -----
[tasks]
  . shop.tasks.add
"""
TERMINATED = "** Generic server shop_queue terminating\n" + "".join(
    f"** {part} ==\n[{{shop,{part},7}}]\n" for part in ("Last message in was", "When Server state", "Reason", "Stack")
)
PRINTED_JSON = "{\n" + '  "order": 7,\n' * 5 + "}\n[\n  1\n]\nend of the order\nits sum: 9\nits weight: 3\n"
RECORDS = {
    "celery": lambda at: f"[{milliseconds(at, '%Y-%m-%d %H:%M:%S,')}: ERROR/MainProcess] {UNREGISTERED}",
    "gunicorn": lambda at: f"[{at:%Y-%m-%d %H:%M:%S} +0000] [12] [ERROR] {UNREGISTERED}",
    "rabbitmq": lambda at: f"{milliseconds(at, '%Y-%m-%d %H:%M:%S.')} [error] <0.700.0> {TERMINATED}",
    "erlang": lambda at: f"=ERROR REPORT==== {milliseconds(at, '%d-%b-%Y::%H:%M:%S.')} ===\n{TERMINATED}",
    "uwsgi": lambda at: f"{at:%a %b %d %H:%M:%S %Y} - *** uWSGI stops ***\n{UNREGISTERED}",
    "java": lambda at: (
        f"{milliseconds(at, '%Y-%m-%d %H:%M:%S,')} ERROR x\n" + "at shop.Orders.pack(Orders.java:7)\n" * 60
    ),
    "JSON": lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ} order:\n{PRINTED_JSON}",
    "postgresql": lambda at: (
        f"{milliseconds(at, '%Y-%m-%d %H:%M:%S.')} UTC [4] STATEMENT: SELECT\n" + "1,\n" * 30 + "2;\n"
    ),
}


def times_told(answer: HostOutput) -> bool:
    return all(part.times is not None and part.times != LineTimes() for part in answer.parts)


@pytest.mark.parametrize("ahead", ["", WORKER_STARTS], ids=["record alone", "behind what a start prints"])
@pytest.mark.parametrize("style", RECORDS)
def test_a_log_of_one_record_of_many_lines_has_the_time_of_its_record(
    style: str, ahead: str, awk: Path, tmp_path: Path
) -> None:
    record = RECORDS[style](START)
    answer = answer_of(log_file(tmp_path, ahead + record, START), START - timedelta(seconds=5), awk=awk)
    assert "".join(part.text.decode() for part in answer.parts if not part.is_unsure) == record
    assert "knows no time" not in answer.note
    assert times_told(answer)


@pytest.mark.parametrize("shell", SHELLS.values(), ids=str)
@pytest.mark.parametrize("style", ["celery", "erlang"])
def test_a_log_of_long_records_is_cut_between_them(style: str, shell: HostShell, tmp_path: Path) -> None:
    moments = [START + timedelta(minutes=10 * number) for number in range(6)]
    records = [RECORDS[style](at) for at in moments]
    log = log_file(tmp_path, "".join(records), moments[-1] + timedelta(seconds=1))
    answer = answer_of(log, moments[-2] - timedelta(seconds=30), shell=shell)
    sure = "".join(part.text.decode() for part in answer.parts if not part.is_unsure)
    unsure = "".join(part.text.decode() for part in answer.parts if part.is_unsure)
    assert sure == "".join(records[-2:])
    assert records[-3].endswith(unsure)  # nothing tells that a program wrote these lines at once with their first
    assert times_told(answer)


def test_records_that_were_written_at_once_are_not_taken_for_older_lines_of_the_window(tmp_path: Path) -> None:
    moments = [START + timedelta(minutes=10 * number, seconds=second) for number in range(6) for second in (0, 1)]
    records = [RECORDS["celery"](at) for at in moments]
    log = log_file(tmp_path, "".join(records), moments[-1] + timedelta(seconds=1))
    answer = answer_of(log, moments[-2] - timedelta(seconds=30))
    assert (answer.text.decode(), answer.is_unsure) == ("".join(records[-2:]), False)


@pytest.mark.parametrize("style", RECORDS)
def test_a_record_behind_a_mark_has_its_time(style: str, tmp_path: Path) -> None:
    log = log_file(tmp_path, WORKER_STARTS, START)
    mark = marked(log, len(WORKER_STARTS), START)
    record = RECORDS[style](START + timedelta(seconds=4))
    with log.open("a") as file:
        file.write(record)
    os.utime(log, ((START + timedelta(seconds=4)).timestamp(),) * 2)
    answer = read(log, window(1, mark=mark, late_mark=mark))
    assert (answer.text.decode(), answer.is_unsure) == (record, False)
    assert times_told(answer)


def test_a_line_that_may_have_been_printed_at_any_time_is_shown_as_unsure(tmp_path: Path) -> None:
    stamps = [START + timedelta(minutes=10 * number) for number in range(3)]
    text = "".join(f"{at:%Y-%m-%d %H:%M:%S} started\n" + "packed an order\n" * 30 for at in stamps)
    log = log_file(tmp_path, text, stamps[-1] + timedelta(minutes=4))
    answer = answer_of(log, stamps[-1] - timedelta(seconds=30))
    assert [part.text.count(b"\n") for part in answer.parts] == [30, 31]
    assert [part.is_unsure for part in answer.parts] == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        f"{START:%Y-%m-%d %H:%M:%S} started\n" + "packed an order\n" * 100,
        "packed an order\n" * 100 + f"{START:%Y-%m-%d %H:%M:%S} is the order's date\npacked an order\n",
        f"{START - timedelta(hours=1):%Y-%m-%d %H:%M:%S} started\n" * 3 + "packed an order\n" * 100,
    ],
    ids=["a time where it begins", "a date in a message", "times of long ago"],
)
def test_a_log_that_tells_a_time_but_not_when_its_lines_were_written_has_none(
    text: str, awk: Path, tmp_path: Path
) -> None:
    answer = answer_of(log_file(tmp_path, text, START + timedelta(minutes=2)), START, awk=awk)
    assert "knows no time of most lines" in answer.note
    assert answer.is_unsure
