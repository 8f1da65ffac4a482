"""The shells and tool sets that the commands room promises to run on."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

import pytest
from patience import PATIENCE_S

from FailTaleLibrary.config import Collector
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.transports.visit_request import bounded
from FailTaleLibrary.windows import CommandLine, HostMark, HostOutput, mark_script, parse_host_output, parse_mark

BUSYBOX = shutil.which("busybox")
NONCE = "5ca1ab1e0ddba11f"
AWKS = [name for name in ("mawk", "gawk", "busybox") if shutil.which(name)]
Program = TypeVar("Program")


@dataclass(frozen=True)
class HostShell:
    """A shell with the tools that it finds."""

    name: str
    argv: tuple[str, ...]
    applets_only: bool = False

    def run(self, script: str, *, first_in_path: Path | None = None, tz: str = "UTC") -> subprocess.CompletedProcess:
        path = _applets() if self.applets_only else os.environ["PATH"]
        if first_in_path is not None:
            path = f"{first_in_path}:{path}"
        return subprocess.run(
            [*self.argv, "-c", f"failtale_nonce={NONCE}\n{script}".encode()],
            env={"PATH": path, "LC_ALL": "C", "TZ": tz, "HOME": "/root"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def answer(self, line: CommandLine, **surroundings) -> HostOutput:
        """What a host with this shell answers to a command line."""
        return parse_host_output(*self.outputs(line, **surroundings)[:2], nonce=NONCE)

    def outputs(self, line: CommandLine, **surroundings) -> tuple[bytes, bytes, int]:
        """stdout, stderr and the producer's exit status, run as the kill-safe wrapper does: producer | filters."""
        filters = host_script("frames.sh") + (line.filters or bounded(line.newest_bytes) or "cat")
        script = f"{{ {{ (\n{line.producer}\n) 3>&-; echo $? >&3; }} | ({filters}\n) >&4 3>&-; }} 3>&1"
        done = self.run(f"exec 4>&1; status=$({script}); exit $status", **surroundings)
        return done.stdout, done.stderr, done.returncode

    def mark(self, *collectors: Collector, **surroundings) -> HostMark:
        return parse_mark(self.run(mark_script(collectors).producer, **surroundings).stdout, nonce=NONCE)

    def __str__(self) -> str:
        return self.name


def turning_zone(turn: datetime, *, from_s: int, to_s: int) -> str:
    """A ``TZ`` whose clocks are turned at this moment, and back at another time of the year."""
    standard, summer = sorted((from_s, to_s))
    local = turn.astimezone(timezone(timedelta(seconds=from_s)))
    here, elsewhere = f"J{_day_of_year(local)}/{local:%H:%M:%S}", f"J{_day_of_year(local + timedelta(days=100))}"
    begin, end = (here, elsewhere) if to_s == summer else (elsewhere, here)
    return f"STD{_behind_utc(standard)}DST{_behind_utc(summer)},{begin},{end}"


def _day_of_year(moment: datetime) -> int:
    return moment.replace(year=2026, day=min(moment.day, 28) if moment.month == 2 else moment.day).timetuple().tm_yday


def _behind_utc(ahead_s: int) -> str:
    return f"{'-' if ahead_s > 0 else ''}{abs(ahead_s) // 3600:02d}:{abs(ahead_s) // 60 % 60:02d}"


@cache
def _applets() -> str:
    """A directory in which there is nothing but BusyBox."""
    directory = mkdtemp(prefix="failtale-applets-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    for applet in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split():
        (Path(directory) / applet).symlink_to(BUSYBOX)
    return directory


def host_shells() -> list[HostShell]:
    shells = [HostShell(name, (path,)) for name in ("dash", "bash") if (path := shutil.which(name))]
    if BUSYBOX:
        shells += [
            HostShell("ash with GNU tools", (BUSYBOX, "ash")),
            HostShell("BusyBox alone", (BUSYBOX, "ash"), applets_only=True),
        ]
    return shells


def met_by(request: pytest.FixtureRequest, programs: Sequence[Program]) -> Program:
    """The program that a test meets: drawn from its name, so that each test runs once and each program meets its share.

    That a representative passes with every program is a test of its own where this is used.
    """
    met = programs[zlib.crc32(request.node.name.encode()) % len(programs)]
    print(f"met by: {met}")
    return met


# --- What it costs a host ---------------------------------------------------------------------------------------------

PROGRAMS = "awk cat cut date dd expr find grep gzip head ls readlink sed sort stat tail tee tr wc".split()  # noqa: SIM905


class Counted:
    """A directory of programs that note when they are started."""

    def __init__(self, folder: Path, **further: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._told = folder / "told"
        for name, program in {**{name: shutil.which(name) for name in PROGRAMS}, **further}.items():
            text = f'#!/bin/sh\necho {name} >>{self._told}\nexec {program} "$@"\n'
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def since_last(self) -> list[str]:
        """The names of what was started since this was asked last."""
        started = self._told.read_text().split()
        self._told.write_text("")
        return started
