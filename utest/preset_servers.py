"""Real servers as throw-away processes on loopback, below a directory of their own; ended by their process ids."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from needs import find
from patience import PATIENCE_S

IS_ROOT = os.geteuid() == 0
JOURNAL_REMOTE = "/usr/lib/systemd/systemd-journal-remote"


def found(program: str) -> str:
    path = find(program)
    assert path is not None
    return path


def version(*command: str, line: int = 0) -> str:
    """What a program says of itself."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).splitlines()[line].strip()


@contextmanager
def place(name: str) -> Iterator[Path]:
    """A directory that everybody may enter: some servers refuse to run as root."""
    directory = Path(tempfile.mkdtemp(prefix=f"failtale-{name}-"))
    directory.chmod(0o755)
    try:
        (directory / "logs").mkdir()
        (directory / "bin").mkdir()
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def as_user(user: str) -> list[str]:
    """Words ahead of a command that run it as another user, where that is possible and wanted."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if IS_ROOT else []


@contextmanager
def running(
    *command: str | Path,
    ready: Callable[[], object],
    output: Path,
    env: dict[str, str] | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server, from when it is ready until the block ends."""
    with output.open("ab") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"TZ": "UTC"} | (env or {}),
            start_new_session=True,
        )
    try:
        wait_for(ready, until=lambda: process.poll() is not None, said=output)
        yield process
    finally:
        end(process, stop)


def end(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    """Ends a process that we started, and the group that it leads."""
    for number in (stop, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
    process.wait(PATIENCE_S)


def wait_for(ready: Callable[[], object], *, until: Callable[[], bool] = lambda: False, said: Path) -> None:
    """Polls, as servers have no other way to say that they are there."""
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        if until() or time.monotonic() > deadline:
            raise AssertionError(f"not ready: {said.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def listens(port: int) -> Callable[[], bool]:
    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    return answers


def get(port: int, target: str) -> int:
    """One HTTP request; its status."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        client.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        return int(client.makefile("rb").readline().split()[1])


def program(directory: Path, name: str, script: str) -> None:
    """A program that comes first in the PATH of a place: the real one in surroundings of its own."""
    path = directory / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def journal(directory: Path, entries: Iterable[dict[str, object]]) -> None:
    """Real journal files with these entries, and a `journalctl` in the place's PATH that reads them.

    The machine has no systemd that could be asked whether there is a unit: `systemctl` says so of any.
    """
    export = "".join(map(_exported, entries, range(1_000_000)))
    (directory / "export").write_text(export)
    files = directory / "journal"
    files.mkdir(mode=0o755)
    remote = [JOURNAL_REMOTE, "-o", files / "all.journal", directory / "export"]
    subprocess.run(remote, check=True, capture_output=True)
    program(directory, "journalctl", f'exec {found("journalctl")} -D {files} "$@"')
    asks = 'case $* in "show -p LoadState --value "*) echo loaded ;; *) exec'
    program(directory, "systemctl", f'{asks} {found("systemctl")} "$@" ;; esac')


def _exported(entry: dict[str, object], number: int) -> str:
    at = float(str(entry.pop("at", time.time()))) * 1_000_000
    fields = {"_BOOT_ID": "b" * 32, "_HOSTNAME": "web1", "_TRANSPORT": "journal", "PRIORITY": 6} | entry
    head = f"__REALTIME_TIMESTAMP={at + number:.0f}\n__MONOTONIC_TIMESTAMP={number + 1_000_000}\n"
    return head + "".join(f"{name}={value}\n" for name, value in fields.items()) + "\n"
