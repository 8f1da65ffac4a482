"""Rotated copies: none that is older than the mark appears, and the real logrotate takes no line away."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from host_shells import HostShell, host_shells, met_by
from log_rotations import SCENARIOS, append, collector, copied_and_truncated, later, lines, renamed, window_of

from FailTaleLibrary.windows import ResolvedWindow, command_line

SHELLS = host_shells()


@pytest.fixture
def shell(request: pytest.FixtureRequest) -> HostShell:
    """test_windows_command_line and test_windows_model have all of them."""
    return met_by(request, SHELLS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_copies_that_were_rotated_before_the_mark_never_appear_even_when_the_pattern_names_them(
    shell: HostShell, scenario: Callable[[Path], str], tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    for number, name in enumerate(["app.log.9", "app.log-20260101", "app-2026-01-01.log"]):
        (tmp_path / name).write_text(lines(f"ancient{number}", 30))
        later(tmp_path / name, -3600)
    (tmp_path / "app.log.8.gz").write_bytes(gzip.compress(lines("ancient", 30).encode()))
    later(tmp_path / "app.log.8.gz", -3600)
    log.write_text(lines("old", 500))
    wanted = []
    answer = window_of(shell, collector(tmp_path / "*"), lambda: wanted.append(scenario(log)))
    text = "".join(line for line in answer.text.decode().splitlines(keepends=True) if not line.startswith("==>"))
    assert text == wanted[0]


ROTATIONS = {
    "rename": "create",
    "compress": "create\ncompress",
    "delaycompress": "create\ncompress\ndelaycompress",
    "dateext": "create\ndateext\ndateformat -%Y%m%d-%sTURN\ncompress",
    "extension": "create\ndateext\ndateformat -%Y%m%d-%sTURN\nextension .log",
    "xz": "create\ncompress\ncompresscmd /usr/bin/xz\ncompressext .xz",
    "copytruncate": "copytruncate",
    "copytruncate, compress": "copytruncate\ncompress",
    "olddir unknown, nocreate": "nocreate",
}


@pytest.mark.needs("logrotate")
@pytest.mark.parametrize("options", ROTATIONS.values(), ids=ROTATIONS)
def test_the_real_logrotate_takes_no_line_away_and_brings_no_older_one(
    shell: HostShell, options: str, tmp_path: Path
) -> None:
    log = tmp_path / "logs" / "app.log"
    log.parent.mkdir(mode=0o755)
    settings = tmp_path / "logrotate.conf"
    turns = iter("123")

    def rotate() -> None:
        settings.write_text(f"{log} {{\nrotate 5\n{options.replace('TURN', next(turns))}\n}}\n")
        command = ["logrotate", "--force", "--state", tmp_path / "state", settings]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/bin"})

    log.write_text(lines("ancient", 30))
    later(log, -3600)
    rotate()
    log.write_text(lines("old", 30))

    def change() -> None:
        append(log, lines("new", 5))
        rotate()
        append(log, lines("after", 7))

    answer = window_of(shell, collector(log.parent / "app*"), change)
    read = "".join(line for line in answer.text.decode().splitlines(keepends=True) if not line.startswith("==>"))
    assert sorted(read.splitlines()) == sorted((lines("new", 5) + lines("after", 7)).splitlines())
    assert window_of(shell, collector(log), rotate).text == b""


@pytest.mark.parametrize("rotated", [renamed, copied_and_truncated])
@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_a_rotation_between_the_marks_around_the_windows_start_takes_no_line_away_and_proves_none(
    shell: HostShell, pattern: str, rotated: Callable[[Path], Path], tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines("old", 20))
    asked = collector(tmp_path / pattern)
    early = shell.mark(asked)
    append(log, lines("before the rotation", 5))
    rotated(log)
    append(log, lines("after the rotation", 40))
    late = shell.mark(asked)
    append(log, lines("new", 5))
    window = ResolvedWindow(kind="test", mark=early, late_mark=late)
    answer = shell.answer(command_line(asked, window=window, max_bytes=1_000_000))
    assert [(part.is_unsure, part.text.decode()) for part in answer.parts] == [
        (True, lines("before the rotation", 5)),
        (True, lines("after the rotation", 40)),
        (False, lines("new", 5)),
    ]
