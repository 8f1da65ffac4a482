"""Real containers of podman and runc, without a registry: BusyBox is their whole file system.

What this machine's kernel wants (cgroups v1, no CAP_SYS_RESOURCE) stands in one wrapper, so that a test or a
configuration names `podman` and nothing else.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from tempfile import mkdtemp

import pytest
from needs import need

_SOME = (
    "cat",
    "head",
    "tail",
    "sed",
    "awk",
    "grep",
    "sort",
    "cut",
    "date",
    "dd",
    "sleep",
    "setsid",
    "ps",
    "kill",
    "ls",
)
_MORE = (
    "tee",
    "tr",
    "wc",
    "stat",
    "find",
    "printf",
    "env",
    "yes",
    "true",
    "mv",
    "gzip",
    "timeout",
    "cksum",
    "rm",
    "echo",
)


class Engine:
    """An engine with a store of its own. Usable as a context manager, which ends all containers and removes it."""

    def __init__(self) -> None:
        directory = Path(mkdtemp(prefix="ft-", dir="/tmp"))  # podman takes no path that is longer than 50 characters
        self.bin = directory / "bin"
        """Holds `podman`: to be put ahead of PATH."""
        self._directory = directory
        self.bin.mkdir(parents=True)
        self.podman = self.bin / "podman"
        store = " ".join(f"--{name} {shlex.quote(str(directory / name))}" for name in ("root", "runroot", "tmpdir"))
        self.podman.write_text(
            f"#!/bin/sh\nexec {shutil.which('podman')} {store} --storage-driver vfs --cgroup-manager cgroupfs "
            '--runtime runc --events-backend file "$@"\n'
        )
        self.podman.chmod(0o755)
        self._files = directory / "files"
        _make_files(self._files)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self("rm", "--force", "--time", "0", "--all", may_fail=True)
        shutil.rmtree(self._directory, ignore_errors=True)

    def __call__(self, *arguments: str, may_fail: bool = False) -> str:
        """What podman prints. Raises RuntimeError with its words where it fails."""
        result = subprocess.run([self.podman, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if result.returncode and not may_fail:
            raise RuntimeError(f"podman {shlex.join(arguments)}: {result.stderr.strip()}")
        return result.stdout

    def run(self, name: str, script: str, *options: str, tools: bool = True) -> Path:
        """Starts a container and returns its files; ``tools``: whether it has more than the one program that runs."""
        files = self._directory / f"files-{name}"
        shutil.rmtree(files, ignore_errors=True)
        shutil.copytree(self._files, files, symlinks=True)
        if not tools:
            for link in (files / "bin").iterdir():
                if link.is_symlink():
                    link.unlink()
        limits = ("--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4000:4000")
        how = ("--detach", "--name", name, *limits, "--log-driver", "k8s-file", *options)
        self("run", *how, "--rootfs", str(files), "/bin/busybox", "sh", "-c", script)
        return files

    def processes(self, name: str) -> list[str]:
        """What runs in a container beside its first process, seen from outside: command lines."""
        first = int(self("inspect", "--format", "{{.State.Pid}}", name))
        return [words for pid in _pids_beside(first) if (words := _command_line(pid))]

    def clients(self) -> list[int]:
        """Processes of `podman exec`, and those that hold their streams for them."""
        own = str(self._directory).encode()
        found = []
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            line = _bytes(each)
            if own in line and re.search(rb"\0exec\0|\0--exec-attach\0", line):
                found.append(int(each.parent.name))
        return found

    @staticmethod
    def is_client(pid: int) -> bool:
        """Whether a process is `podman exec` itself, and not the one that holds its streams."""
        return b"\0--exec-attach\0" not in _bytes(Path(f"/proc/{pid}/cmdline"))

    def kill_clients(self) -> None:
        """As the kernel does it when memory is short: without a word to anybody."""
        for pid in filter(self.is_client, self.clients()):
            _kill(pid)


def engine_or_skip() -> Engine:
    """An engine that has run a container; else the test is skipped, or fails in CI where packages are missing."""
    need("podman", "runc", "busybox")
    if os.geteuid() != 0:
        pytest.skip("needs root: containers without root want subordinate ids")
    engine = Engine()
    try:
        engine.run("probe", "exec sleep 600")
        engine("exec", "probe", "true")
        engine("rm", "--force", "--time", "0", "probe")
    except RuntimeError as error:
        engine.__exit__()
        pytest.skip(f"this kernel lets podman run no container: {error}")
    return engine


def _make_files(root: Path) -> None:
    busybox = shutil.which("busybox") or ""
    for name in ("bin", "tmp", "var/log", "proc", "dev", "sys", "etc"):
        (root / name).mkdir(parents=True)
    shutil.copy(busybox, root / "bin" / "busybox")
    for library in re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", busybox], capture_output=True, text=True).stdout):
        place = root / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)
    for name in ("sh", *_SOME, *_MORE):
        (root / "bin" / name).symlink_to("busybox")


def _pids_beside(first: int) -> list[int]:
    """Those in the same PID namespace."""
    own = Path(f"/proc/{first}/ns/pid").readlink()
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if int(each.name) != first and (each / "ns/pid").readlink() == own:
                found.append(int(each.name))
        except OSError:
            continue  # it has just ended
    return found


def _command_line(pid: int) -> str:
    return _bytes(Path(f"/proc/{pid}/cmdline")).replace(b"\0", b" ").decode(errors="replace").strip()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
