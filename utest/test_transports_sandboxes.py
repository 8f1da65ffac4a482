"""A login that is put into a sandbox is answered as well as that allows, and what it lacks is told as it is."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from patience import PATIENCE_S, wait_until
from sshd import Sshd
from ways import batched, item, run, to, visit

from FailTaleLibrary.config import Collector
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.windows import ResolvedWindow, command_line, parse_host_output

pytestmark = pytest.mark.ssh
PASSES_ON = 'sh -c "$SSH_ORIGINAL_COMMAND"'
REFUSES = """
import ctypes, errno, os, struct, sys
numbers, words = [int(each) for each in sys.argv[1].split(",")], sys.argv[2:]
jumps = [(0x15, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
filters = [(0x20, 0, 0, 0), *jumps, (6, 0, 0, 0x7FFF0000), (6, 0, 0, 0x00050000 | errno.EPERM)]
text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in filters))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(filters), ctypes.addressof(text)))
prctl = ctypes.CDLL(None).prctl
if prctl(38, 1, 0, 0, 0) or prctl(22, 2, program, 0, 0):
    sys.exit("no filter of system calls")
os.execvp(words[0], words)
"""
"""Refuses system calls to a program by their numbers, as a container engine with an older filter does."""
FACCESSAT2 = 439
"""By which `[ -r FILE ]` asks where glibc is newer than 2.32."""


def can(*words: str) -> bool:
    try:
        return subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(platform.machine() != "x86_64", reason="this kernel numbers system calls otherwise")
def test_a_file_that_opens_is_read_also_where_the_host_must_not_be_asked_whether_it_would(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    """It was left out, and nothing told of that."""
    (tmp_path / "refuses.py").write_text(REFUSES)
    refused = f"{sys.executable} {tmp_path}/refuses.py {FACCESSAT2}"
    if not can(*refused.split()):
        pytest.skip("this kernel filters no system calls")
    host = new_host(options=[f"ForceCommand exec {refused} {PASSES_ON}"], environment={"SSH_CLIENT": "x"})
    log = tmp_path / "app.log"
    log.write_text("order 7 was refused\n")
    line = command_line(Collector(name="log", file=str(log)), window=ResolvedWindow(kind="none"), max_bytes=65536)
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        assert run(connections, f"[ -r {log} ] || echo no").stdout == b"no\n"
        result = visit(connections, item("log", line.producer, line.filters))["log"]
    answer = parse_host_output(result.stdout, result.stderr, nonce=result.nonce)
    assert answer.text == b"order 7 was refused\n"


@pytest.mark.skipif(not can("unshare", "--fork", "--pid", "setsid"), reason="this kernel lets us make no container")
def test_a_shell_that_is_the_first_process_of_a_container_stays_until_it_has_done_what_it_is_sent(
    new_host: Callable[..., Sshd],
) -> None:
    """`docker run IMAGE sh -c ...`. It wanted to become the head of a session, which ended the container."""
    first = f"exec unshare --fork --pid --kill-child setsid {PASSES_ON}"
    host = new_host(options=[f"ForceCommand {first}"], environment={"SSH_CLIENT": "x"})
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        for _ in range(2):
            items = item("first", "echo out; exit 3"), batched("one", "echo 1"), item("cut", "seq 9", "tail -n 1")
            results = visit(connections, *items)
            assert [each.exit_status for each in results.values()] == [3, 0, 0]
            assert [each.stdout for each in results.values()] == [b"out\n", b"1\n", b"9\n"]
        assert wait_until(lambda: host.leftovers() == [])


@pytest.mark.skipif(not can("unshare", "-m"), reason="this kernel lets us mount nothing of our own")
def test_a_host_without_dev_null_is_told_so(new_host: Callable[..., Sshd]) -> None:
    """It was asked for limits that are too low."""
    without = "mount -t tmpfs none /dev && mkdir /dev/null && exec " + PASSES_ON.replace('"', '\\"')
    host = new_host(options=[f'ForceCommand exec unshare -m sh -c "{without}"'.replace("$", "\\$")])
    with (
        closing(to(host, connect_timeout_s=PATIENCE_S)) as connections,
        pytest.raises(TransportError, match=r"that can use /dev/null: each needs it.*it says: .*/dev/null"),
    ):
        run(connections, "echo answer")


@pytest.mark.skipif(
    not can("unshare", "-m", "--fork", "--pid", "--mount-proc"), reason="this kernel lets us make no container"
)
def test_nobody_is_sought_where_nobody_else_was_started(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    """Each visit of root's sought its own guards, whose time was over."""
    grep, called = tmp_path / "grep", tmp_path / "called"
    grep.write_text(f'#!/bin/sh\n: >>{called}\nexec {shutil.which("grep")} "$@"\n')
    grep.chmod(0o755)
    alone = tmp_path / "alone"
    alone.write_text(f'#!/bin/sh\nPATH={tmp_path}:$PATH\nsetsid -w sh -c "$SSH_ORIGINAL_COMMAND"\nexit $?\n')
    alone.chmod(0o755)
    host = new_host(options=[f"ForceCommand exec unshare -m --fork --pid --mount-proc --kill-child {alone}"])
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        for _ in range(12):  # on a busy machine a visit lasts until its clock has begun a younger `sleep`
            called.unlink(missing_ok=True)
            results = visit(connections, batched("one", "echo 1"), batched("two", "echo 2 | cat"))
            assert [each.stdout for each in results.values()] == [b"1\n", b"2\n"]
            assert wait_until(lambda: host.leftovers() == [])
            if not called.exists():
                break
        assert not called.exists()
        leaves = "{ setsid sh -c 'echo left; exec sleep 300 >/dev/null' & } | { read -r left; echo $left; }"
        assert run(connections, leaves).stdout == b"left\n"  # before `setsid` it would end with its group, unsought
        assert wait_until(lambda: host.leftovers() == [])
        assert called.exists()
