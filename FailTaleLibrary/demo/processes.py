"""The parent's side of the demo's processes: start them on a lifeline, end them completely."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from FailTaleLibrary.errors import FailTaleError

START_TIMEOUT_S = 60.0
"""Longest wait for a process to report that it is ready; on a loaded machine Python takes seconds to start."""
END_TIMEOUT_S = 3.0
"""Longest wait for a process to end by itself before its group is killed."""


class DemoError(FailTaleError):
    """The demo cannot run here; the message says why and what to do."""


class Processes:
    """Child processes, each the leader of its own process group; leaving the context ends them all, newest first."""

    def __init__(self, directory: Path, *, environment: Mapping[str, str]) -> None:
        self._directory = directory
        """Where they run and their standard errors are kept."""
        self._environment = environment
        self._running: list[subprocess.Popen[str]] = []

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(process.pid for process in self._running)

    def start(self, module: str, *arguments: str) -> str:
        """Run ``python -m module`` and return the line in which it reports that it is ready.

        Raises DemoError with the process's last line of output when it does not start.
        """
        errors = self._directory / f"{module}.stderr"
        with errors.open("w") as stderr:
            process = spawn(module, *arguments, directory=self._directory, environment=self._environment, stderr=stderr)
        self._running.append(process)
        words = first_line(process)
        if not words:
            raise DemoError(f"The demo's process '{module}' did not start: {_last_words(errors)}.")
        return words

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._running:
            end(self._running.pop())


def spawn(
    module: str,
    *arguments: str,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stderr: IO[str] | None = None,
) -> subprocess.Popen[str]:
    """Start ``python -m module`` on a lifeline, with its standard output as a pipe."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and modules
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd=directory,
        env=environment,
        start_new_session=True,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    """The first line of a spawned process; empty when it ends or START_TIMEOUT_S pass without one."""
    assert process.stdout is not None  # noqa: S101 - spawn made it a pipe
    readable, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
    return process.stdout.readline().strip() if readable else ""


def end(process: subprocess.Popen[str]) -> None:
    """Close the lifeline, and kill what is left of the process group after END_TIMEOUT_S."""
    with contextlib.suppress(OSError):  # a broken pipe: it is gone already
        process.stdin.close()  # type: ignore[union-attr]  # spawn made it a pipe
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_TIMEOUT_S)
    kill_group(process.pid)
    process.wait()
    process.stdout.close()  # type: ignore[union-attr]


def kill_group(leader_pid: int) -> None:
    """Kill a process group; nothing happens when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
        os.killpg(leader_pid, signal.SIGKILL)


def _last_words(errors: Path) -> str:
    lines = errors.read_text(errors="replace").strip().splitlines()
    return lines[-1].rstrip(".") if lines else f"no output within {START_TIMEOUT_S:.0f} s"
