"""A visit: many items, one command, and what one of them does costs none of the others."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from host_shells import met_by
from hypothesis import given
from hypothesis import strategies as st
from needs import missing, need
from patience import FOREVER_S, PATIENCE_S, wait_until
from sshd import Sshd, running_with
from ways import NEVER, batched, item, to, visit

from FailTaleLibrary import on_host
from FailTaleLibrary.config import Collector
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.transports import CommandResult, Script, Transport, VisitItem, VisitStart
from FailTaleLibrary.transports.local import LocalTransport
from FailTaleLibrary.transports.ssh import SshTransport
from FailTaleLibrary.transports.visit import hold_visit
from FailTaleLibrary.transports.visit_answers import Frame, FrameSplitter
from FailTaleLibrary.transports.visit_host import KnownLogin
from FailTaleLibrary.transports.visit_request import command_line, opening, request
from FailTaleLibrary.windows import ResolvedWindow, parse_host_output
from FailTaleLibrary.windows import command_line as command_line_of

SHELLS = [shell for shell in ("dash", "bash", "busybox", "mksh") if shutil.which(shell)]


@pytest.fixture
def here() -> Transport:
    return LocalTransport()


@pytest.fixture(params=SHELLS)
def in_any_shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Transport:
    return in_shell(request.param, tmp_path, monkeypatch)


@pytest.fixture
def in_a_shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Transport:
    """For tests of many cases, of which each shell meets some."""
    return in_shell(met_by(request, SHELLS), tmp_path, monkeypatch)


def in_shell(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Transport:
    """This machine, where `sh` is another one; known from a visit, as hosts mostly are."""
    (tmp_path / "sh").symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    transport = LocalTransport()
    assert visit(transport, item("first", "echo hello"))["first"].stdout == b"hello\n"
    return transport


def test_a_command_line_is_short_and_has_nothing_that_a_login_shell_could_take_for_its_own() -> None:
    line = command_line((999_999, 999_999), len(opening((1, 2))))
    assert len(line) <= 130
    assert line.startswith("exec sh -c '")
    assert line.endswith("'")
    assert not set(line[len("exec sh -c '") : -1]) & set("'!\n\\`")


class HereWithProcess(LocalTransport):
    """This machine, with the shell that was started last."""

    process: Any = None

    def start(self, command_line: str, *, wait_s: float) -> Any:
        self.process = super().start(command_line, wait_s=wait_s)
        return self.process


def test_a_shell_that_its_guard_ends_behind_the_time_limit_is_told_as_late_not_as_ended_by_somebody(
    tmp_path: Path,
) -> None:
    """Whoever takes in a big answer may come back to another shell when all time is over, and the guard was there."""
    for lasts_s in (3, 12, 48):  # a busy machine may need more than the first to start another shell
        begun = tmp_path / f"begun {lasts_s}"
        waits = f"until [ -e '{begun}' ]; do sleep 0.05; done; echo here"
        hangs = f": >'{begun}'; while kill -0 \"$PPID\"; do sleep 0.1; done"
        here, results = HereWithProcess(), dict[str, CommandResult]()
        ends_at = time.monotonic() + lasts_s

        def take_long(name: str, result: CommandResult) -> None:
            results[name] = result  # noqa: B023
            if name == "first" and result.incomplete is None:
                time.sleep(max(0.0, ends_at - 0.3 - time.monotonic()))  # noqa: B023 - time for last words has begun
                here.process.send_signal("KILL")  # noqa: B023 - as the guard does
                assert wait_until(lambda: here.process._child.poll() is not None)  # noqa: B023

        here.visit([item("first", waits), item("hung", hangs)], ends_at=ends_at, cancel=NEVER, on_result=take_long)
        if results["first"].incomplete is None:
            break
    assert results["first"].stdout == b"here\n"
    assert results["hung"].timed_out
    assert "ended the command" not in str(results["hung"].incomplete)
    if results["hung"].incomplete is not None:  # else the host's clock struck first and told the end itself
        assert "at the time limit, after " in results["hung"].incomplete


def test_the_script_of_a_visit_is_clean() -> None:
    if shutil.which("shellcheck") is None:
        missing("shellcheck", "apt-get install shellcheck")
    for name in ("visit.sh", "batch.sh", "frames.sh"):
        done = subprocess.run(
            ["shellcheck", "-s", "sh", "-"], input=host_script(name), capture_output=True, text=True, check=False
        )
        assert "error" not in done.stdout


def test_no_text_for_hosts_holds_a_character_that_is_lost_where_a_gate_is_printed() -> None:
    texts = [text for text in Path(on_host.__file__).parent.iterdir() if text.suffix in (".sh", ".awk")]
    assert len(texts) > 10
    assert [text.name for text in texts if not text.read_text(encoding="utf-8").replace("\n", "").isprintable()] == []


def test_each_item_is_told_once_and_as_soon_as_it_has_ended(in_any_shell: Transport, tmp_path: Path) -> None:
    gate, told = tmp_path / "gate", []

    def on_result(name: str, _: CommandResult) -> None:
        told.append(name)
        gate.touch()  # the second item waits for the first one's result

    items = [item("one", "echo one"), item("two", f"until [ -e {gate} ]; do sleep 0.05; done"), item("three", "true")]
    in_any_shell.visit(items, ends_at=time.monotonic() + FOREVER_S, cancel=NEVER, on_result=on_result)
    assert sorted(told) == ["one", "three", "two"]
    assert told[0] == "one"


def test_statuses_and_streams_of_each_item_are_its_own(in_any_shell: Transport) -> None:
    items = [item(str(number), f"echo out{number}; echo err{number} >&2; exit {number}") for number in range(6)]
    items.append(item("killed", "kill -SEGV $$"))
    results = visit(in_any_shell, *items)
    for number in range(6):
        result = results[str(number)]
        expected = (f"out{number}\n".encode(), f"err{number}\n".encode(), number)
        assert (result.stdout, result.stderr, result.exit_status) == expected
    assert results["killed"].exit_status == 128 + 11


@pytest.mark.parametrize("shell", ["ksh93", "zsh", "dash"])
def test_a_batch_has_ended_before_what_follows_it_begins(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ksh93 and zsh put the last part of a pipe in the place of the shell that waits for the pipe."""
    need(shell, package="ksh93u+m" if shell == "ksh93" else shell)
    where = in_shell(shell, tmp_path, monkeypatch)
    bound = tmp_path / "dd"  # which bounds each stream of a batch; only that of stdout is slow
    bound.write_text("#!/bin/dash\ntext=$(cat)\ncase $text in *slow*) sleep 0.5 ;; esac\nprintf '%s\\n' \"$text\"\n")
    bound.chmod(0o755)
    results = visit(where, batched("one", "echo one"), batched("two", "echo slow"), item("after", "echo after", "cat"))
    assert [results[name].stdout for name in ("one", "two", "after")] == [b"one\n", b"slow\n", b"after\n"]


@pytest.mark.parametrize(
    ("shell", "name", "value"),
    [
        ("bash", "TMOUT", "1"),
        ("ksh93", "TMOUT", "1"),
        ("bash", "FUNCNEST", "1"),
        ("dash", "_POSIX2_VERSION", "199209"),
    ],
)
def test_what_a_login_sets_for_its_shells_and_programs_changes_none_of_ours(
    shell: str, name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(shell, package="ksh93u+m" if shell == "ksh93" else shell)
    monkeypatch.setenv(name, value)
    where = in_shell(shell, tmp_path, monkeypatch)
    tag = f"32{os.getpid()}"
    results = visit(
        where,
        item("longer", "sleep 1.5; echo longer"),
        item("filtered", "seq 9", "tail -n 1"),
        item("stray", f"setsid sleep {tag} & echo started"),
        batched("one", "echo one"),
        batched("fails", "exit 3"),
    )
    told = {each: (result.stdout, result.exit_status, result.incomplete) for each, result in results.items()}
    assert told == {
        "longer": (b"longer\n", 0, None),
        "filtered": (b"9\n", 0, None),
        "stray": (b"started\n", 0, None),
        "one": (b"one\n", 0, None),
        "fails": (b"", 3, None),
    }
    assert wait_until(
        lambda: not subprocess.run(["pgrep", "-f", f"sleep {tag}"], check=False, capture_output=True).stdout
    )


@pytest.mark.parametrize("shell", ["ksh93", "zsh"])
def test_a_command_that_ends_at_a_beat_keeps_its_status(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ksh93 forgets it where a signal comes at that moment; zsh took an earlier signal for its end, and killed it."""
    need(shell, package="ksh93u+m" if shell == "ksh93" else shell)
    where = in_shell(shell, tmp_path, monkeypatch)
    for _ in range(2):  # about half of them fell
        results = visit(where, item("at the first", "sleep 0.47; exit 3"), item("at the third", "sleep 1.5; exit 4"))
        assert [results[name].exit_status for name in ("at the first", "at the third")] == [3, 4]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_host_cannot_count_it_passes_on(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `tee` a log was told as empty."""
    where = in_shell(shell, tmp_path, monkeypatch)
    for program in ("cat", "date", "dd", "grep", "head", "printf", "sed", "seq", "setsid", "sleep", "tail", "wc"):
        (tmp_path / program).symlink_to(shutil.which(program) or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    result = visit(where, item("log", "seq 9", "count produced | tail -n 2"))["log"]
    assert (result.stdout, result.exit_status, result.stderr) == (b"8\n9\n", 0, b"")


@pytest.mark.usefixtures("in_a_shell")
def test_a_shell_whose_request_never_comes_ends_by_itself() -> None:
    """The network may be gone, and its server hold the shell's input open for hours."""
    text = opening((1, 2), lasts_s=1.0)
    with subprocess.Popen(
        ["sh", "-c", command_line((1, 2), len(text))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(text)
        child.stdin.flush()
        assert child.wait(PATIENCE_S) == -signal.SIGKILL
        assert b" ready " in child.stdout.read()
        own = ["pgrep", "-s", str(child.pid)]
        assert wait_until(lambda: not subprocess.run(own, check=False, capture_output=True).stdout)


@pytest.mark.parametrize("lacking", ["sleep", "tail", "tail awk", "head", "head tail sleep dd"])
def test_a_host_without_a_program_that_a_visit_needs_gives_its_evidence_all_the_same(
    lacking: str, in_a_shell: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `sleep` all of it was lost, and without `head`; without `tail` whatever was no command of a batch."""
    programs = "awk cat date dd grep head printf sed seq setsid sleep tail tr wc"
    for program in programs.split():
        if program not in lacking.split():
            (tmp_path / program).symlink_to(shutil.which(program) or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    if lacking.endswith("dd"):
        with pytest.raises(TransportError, match="dd: .*not found"):
            visit(LocalTransport(), item("never", "echo never"))
        return
    for transport in (in_a_shell, LocalTransport()):  # one that is known is sent everything at once
        results = visit(
            transport,
            batched("one", "echo one"),
            batched("fails", "echo two; exit 3"),
            item("filtered", "seq 9", "tail -n 2"),
            item("much", "seq 200000"),
            item("hangs", "echo part; while :; do :; done", timeout_s=1.5),
            item("last", "echo last; echo said >&2"),
        )
        assert [results[name].stdout for name in ("one", "fails", "last")] == [b"one\n", b"two\n", b"last\n"]
        assert results["filtered"].stdout == (b"8\n9\n" if lacking != "tail awk" else b"1\n2\n3\n4\n5\n6\n7\n8\n9\n")
        assert (results["fails"].exit_status, results["last"].stderr) == (3, b"said\n")
        assert (results["hangs"].stdout, results["hangs"].timed_out) == (b"part\n", True)
        if lacking != "tail awk":
            assert results["much"].stdout.endswith(b"\n199999\n200000\n")


@pytest.mark.parametrize("shell", ["ksh93", "yash", "posh", "zsh"])
def test_a_shell_that_few_hosts_have_as_sh_loses_nothing(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is unlike the others: `kill` sends CONT as well, `printf` is nowhere without its program, or always one."""
    need(shell, package="ksh93u+m" if shell == "ksh93" else shell)
    where = in_shell(shell, tmp_path, monkeypatch)
    tag = f"31{os.getpid()}"
    for _ in range(3):  # what ksh93 lost, it lost in most visits
        results = visit(
            where,
            batched("out", "echo out; echo err >&2"),
            batched("pipe", "seq 5 | tail -n 1"),
            item("filtered", "seq 9", "tail -n 1"),
            item("broken pipe", "yes | head -n 1", "cat; yes | head -n 1"),
            item("fails", "echo part; exit 3"),
            item("nonce", 'echo "${#failtale_nonce}"'),
            item("long", ": " + f"{'x' * 300}'\\n'" * 400 + "\nprintf '%s' 'a\\nb'"),
            batched("killed", "kill -KILL $$"),
            batched("last", "echo last"),
        )
        told = {name: (result.stdout, result.exit_status, result.incomplete) for name, result in results.items()}
        assert told == {
            "out": (b"out\n", 0, None),
            "pipe": (b"5\n", 0, None),
            "filtered": (b"9\n", 0, None),
            "broken pipe": (b"y\ny\n", 0, None),
            "fails": (b"part\n", 3, None),
            "nonce": (b"16\n", 0, None),
            "long": (b"a\\nb", 0, None),
            "killed": (b"", 128 + signal.SIGKILL, None),
            "last": (b"last\n", 0, None),
        }
        assert b"err\n" in results["out"].stderr
        assert results["broken pipe"].stderr == b"", "who writes to it ends without a word"
    hung = replace(item("hung", f"echo part; sleep {tag}; true"), timeout_s=1)
    results = visit(where, hung, item("after", "echo after"))
    assert (results["hung"].stdout, results["hung"].timed_out) == (b"part\n", True)
    assert results["after"].stdout == b"after\n"
    assert wait_until(
        lambda: not subprocess.run(["pgrep", "-f", f"sleep {tag}"], capture_output=True, check=False).stdout
    )


FAULTS = {
    "a syntax error": "echo 'unclosed",
    "an early end": "exit 7",
    "frames that it made up": "printf '\\n\\036%032d e 0\\n\\n\\0360 z\\n' 5; printf '\\n\\036x z\\n' >&2",
    "a frame behind 70 kB": "head -c 70000 /dev/zero | tr '\\0' y; printf '\\036failtale p %05000d 1\\n' 1 >&2",
    "all bytes": "head -c 20000 /dev/urandom",
    "a killed parent": "kill -KILL $PPID; echo part",
    "signals to its parents": "for each in URG WINCH CONT TERM ALRM HUP INT; do kill -$each $PPID; done",
    "a closed output": "exec >&- 2>&-; sleep 0.1",
    "more text than an argument may have": ": " + "x" * 300_000,
    "a filter that is none": "echo out",
}


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if "filter" not in fault])
def test_a_fault_in_a_batch_costs_one_item(in_a_shell: Transport, fault: str) -> None:
    items = [batched("first", "echo first"), batched("fault", FAULTS[fault]), batched("last", "echo last")]
    results = visit(in_a_shell, *items)
    assert (results["first"].stdout, results["last"].stdout) == (b"first\n", b"last\n")
    assert (results["first"].exit_status, results["last"].exit_status) == (0, 0), results["last"]
    assert set(results) == {"first", "fault", "last"}


class AheadOfItself:
    """A host of which stderr is read further than stdout: its first item's frames come before its start."""

    hello_s, name, ended = FOREVER_S, "ahead", False

    def __init__(self, *, end: str = "{mark} s 0 7 ended\n") -> None:
        """``end``: how it tells the status of its item."""
        self._end = end
        self.known = KnownLogin(has_shell=True)
        now = datetime.now(timezone.utc)
        self.known.saw(VisitStart(f"{now.timestamp():.6f}", "+0000", now, now))
        self._sent = b""
        self._reads = 0
        self.is_left = False
        self._readable, self._writable = os.pipe()
        os.write(self._writable, b"something to read")

    def start(self, command_line: str, *, wait_s: float) -> AheadOfItself:
        return self

    def filenos(self) -> Sequence[int]:
        return (self._readable,)

    def write(self, data: bytes) -> int:
        self._sent += data
        return len(data)

    def read(self) -> tuple[bytes, bytes]:
        self._reads += 1
        hello, nonce = self._sent.decode().rpartition("\nvisit ")[2].split()[:2]
        mark, now = f"\x1e{nonce}", datetime.now(timezone.utc).timestamp()
        if self._reads == 1:
            return b"", f"{mark} b 0\nits stderr\n{mark} e 0\n".encode()
        began = f"failtale {hello}\n\x1efailtale {hello} ready direct {now:.6f} +0000\n"
        return f"{began}{mark} b 0\ntext\n{self._end.format(mark=mark)}{mark} e 0\n".encode(), b""

    def leave(self) -> None:
        self.is_left = True
        self.close()

    def close(self) -> None:
        os.close(self._readable)
        os.close(self._writable)


def answer_of(host: AheadOfItself) -> CommandResult:
    told: list[CommandResult] = []
    patience = time.monotonic() + FOREVER_S
    hold_visit(host, [item("one", "")], ends_at=patience, cancel=NEVER, on_result=lambda _, it: told.append(it))
    (result,) = told
    return result


def test_an_item_ends_whichever_stream_is_read_first() -> None:
    result = answer_of(AheadOfItself())
    assert (result.stdout, result.stderr, result.exit_status) == (b"text\n", b"its stderr\n", 7)
    assert result.incomplete is None


@pytest.mark.parametrize("end", ["", "{mark} s 0 lost ended\n", "{mark} s 0 7\n"])
def test_an_item_whose_end_nobody_told_is_not_whole(end: str) -> None:
    """As in an account that may start no more processes: without it, no output would read as nothing to say."""
    result = answer_of(AheadOfItself(end=end))
    assert (result.stdout, result.exit_status) == (b"text\n", None)
    assert result.incomplete is not None
    assert result.incomplete.startswith("the host did not say how the command ended")


def test_a_host_that_has_told_all_is_left_to_end_its_visit_by_itself() -> None:
    host = AheadOfItself()
    answer_of(host)
    assert host.is_left  # to be hung up on costs it more processes


def test_statuses_and_streams_in_a_batch_are_each_items_own(in_any_shell: Transport) -> None:
    items = [batched(str(number), f"echo out{number}; echo err{number} >&2; exit {number}") for number in range(6)]
    items.append(batched("killed", "kill -SEGV $$"))
    results = visit(in_any_shell, *items)
    for number in range(6):
        result = results[str(number)]
        answer = parse_host_output(result.stdout, result.stderr, nonce=result.nonce)
        expected = (f"out{number}\n".encode(), f"err{number}\n".encode(), number)
        assert (answer.text, answer.stderr, result.exit_status) == expected
        assert answer.produced_bytes == 5
    assert results["killed"].exit_status == 128 + 11


def test_a_program_of_a_batch_runs_without_a_shell_of_its_own_and_else_as_with_one(in_any_shell: Transport) -> None:
    parent = "grep PPid /proc/self/status"
    alike = ["no-such-program -x", "ls /no/such/file", "ulimit -n", "exit 3", ". /no/such/file"]
    alike += ["ls /no/such/file | cat", "ls /no/such/file 2>/dev/null || cat /no/such/file", "ls / && grep -c ^ / 2>&1"]
    alike += ["no-such-program 2>&1 | cat", "ls / | no-such-program", "exit 3 | cat", "ls / | exit 3", "ls /; exit 4"]
    alike += ["ls '/no/such; | file'", "printenv HOME | sed 's/^/a  b'\\''/'", "awk 'BEGIN{exit 3}'; cat", "ls & wait"]
    results = visit(
        in_any_shell,
        batched("program", parent),
        batched("two programs", f"{parent} | cat"),
        batched("shell", "echo $PPID"),
        batched("a shell's child", f"{parent}; :"),
        batched("environment", "export FAILTALE_SINCE=12.5; printenv FAILTALE_SINCE"),
        *(batched(each, each) for each in alike),
        *(batched(f"shell {each}", f" {each}") for each in alike),
    )
    for each in ("program", "two programs"):
        assert results[each].stdout.split()[-1:] == results["shell"].stdout.split()
    assert results["a shell's child"].stdout != results["program"].stdout
    assert results["environment"].stdout == b"12.5\n"
    for each in alike:
        assert told_by(results[each]) == told_by(results[f"shell {each}"]), each


def told_by(result: CommandResult) -> tuple[int | None, bytes, bytes]:
    answer = parse_host_output(result.stdout, result.stderr, nonce=result.nonce)
    return result.exit_status, answer.text, answer.stderr


def visited_beside(transport: Transport, slow: str, *items: VisitItem) -> dict[str, CommandResult]:
    """A visit in which the item ``slow`` runs beside the others: earlier ones have shown that it pays."""
    for each in items:
        transport.known.answered(each.id, 9.0 if each.id == slow else 0.1, with_errors=False)  # type: ignore[attr-defined]
    assert transport.known.worth_beside([each.id for each in items]) == slow  # type: ignore[attr-defined]
    return visit(transport, *items)


def test_what_takes_longest_in_a_batch_runs_beside_the_others(in_any_shell: Transport, tmp_path: Path) -> None:
    """The slow one ends behind the others here, or never."""
    program(
        tmp_path / "slow",
        f"until [ -e {tmp_path}/begun ]; do sleep 0.05; done; echo slow; echo >>{tmp_path}/runs; exit 3",
    )
    program(tmp_path / "quick", f"echo quick; : >{tmp_path}/begun")
    items = [
        batched("slow", f"{tmp_path}/slow"),
        batched("quick", f"{tmp_path}/quick; exit 4"),
        batched("last", "id -u"),
    ]
    results = visited_beside(in_any_shell, "slow", *items)
    assert list(results) == ["quick", "last", "slow"]
    assert (tmp_path / "runs").read_text() == "\n"
    said = {name: told_by(result) for name, result in results.items()}
    assert said == {"slow": (3, b"slow\n", b""), "quick": (4, b"quick\n", b""), "last": (0, b"%d\n" % os.getuid(), b"")}


@pytest.mark.parametrize("complains", ["slow", "quick", "both"])
def test_errors_of_two_that_run_at_a_time_are_each_ones_own(
    in_a_shell: Transport, tmp_path: Path, complains: str
) -> None:
    for each in ("slow", "quick"):
        errs = f"echo {each} errs >&2; " if complains in (each, "both") else ""
        program(tmp_path / each, f"{errs}sleep 0.2; echo {each}")
    items = [batched(each, f"{tmp_path}/{each}") for each in ("slow", "quick")]
    results = visited_beside(in_a_shell, "slow", *items, batched("last", "id -u"))
    for each in ("slow", "quick"):
        errors = f"{each} errs\n".encode() if complains in (each, "both") else b""
        assert told_by(results[each]) == (0, f"{each}\n".encode(), errors)
    assert in_a_shell.known.worth_beside(["slow", "quick", "last"]) is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", ["kills its shell", "prints much", "leaves something running"])
def test_a_fault_of_what_runs_beside_others_costs_none_of_them(
    in_a_shell: Transport, tmp_path: Path, fault: str
) -> None:
    does = {
        "kills its shell": 'kill -9 "$PPID"',
        "prints much": "yes part | head -c 300000",
        "leaves something running": "sleep 300 & true",
    }
    program(tmp_path / "slow", f"{does[fault]}; echo slow")
    items = [batched("slow", f"{tmp_path}/slow"), batched("one", "echo 1"), batched("two", "echo 2; exit 5")]
    results = visited_beside(in_a_shell, "slow", *items)
    assert told_by(results["one"]) == (0, b"1\n", b"")
    assert told_by(results["two"]) == (5, b"2\n", b"")
    assert results["slow"].stdout.endswith(b"slow\n")
    assert results["slow"].exit_status == (None if fault.startswith("kills") else 0)


def test_a_command_that_ends_in_the_moment_of_a_beat_keeps_its_status(in_any_shell: Transport) -> None:
    """bash 5.2 loses what `wait` was about to tell when it is signalled just then."""
    results = visit(in_any_shell, *(item(str(number), "kill -URG $PPID; exit 3") for number in range(20)))
    assert {result.exit_status for result in results.values()} == {3}


@pytest.mark.parametrize("stream", ["1", "2"])
def test_what_exceeds_the_bounds_of_a_batch_is_run_by_itself_and_counted(here: Transport, stream: str) -> None:
    floods = f"yes part | head -c 20000000 >&{stream}; exit 3"
    items = [batched("first", "echo first"), batched("floods", floods), batched("last", "echo last")]
    results = visit(here, *items)
    assert [results[name].stdout for name in ("first", "last")] == [b"first\n", b"last\n"]
    flood = results["floods"]
    assert (flood.exit_status, flood.timed_out, flood.incomplete) == (3, False, None)
    assert flood.received_bytes < 400_000
    if stream == "1":
        assert parse_host_output(flood.stdout, flood.stderr, nonce=flood.nonce).produced_bytes == 20_000_000


def test_an_item_of_a_batch_that_is_late_keeps_what_it_printed_and_the_others_are_run(
    in_a_shell: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILTALE_TEST", str(tmp_path))
    hangs = "trap '' TERM ALRM; setsid sleep 300 >/dev/null 2>&1 & echo part; sleep 300; sleep 300"
    items = [batched("first", "echo first"), batched("late", hangs), batched("last", "echo last")]
    results = visit(in_a_shell, *(replace(each, timeout_s=5) for each in items))  # one limit: else they share nothing
    assert [results[name].stdout for name in ("first", "late", "last")] == [b"first\n", b"part\n", b"last\n"]
    assert [results[name].timed_out for name in ("first", "late", "last")] == [False, True, False]
    assert wait_until(lambda: running_with(f"FAILTALE_TEST={tmp_path}") == [])


@pytest.mark.parametrize("end", ["cancel", "cancel anew", "deadline"])
def test_a_batch_that_is_ended_leaves_nothing_and_keeps_what_came(
    in_a_shell: Transport, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILTALE_TEST", str(tmp_path))
    began, cancel = tmp_path / "began", threading.Event()
    began.touch()
    if end != "deadline":
        threading.Thread(target=lambda: wait_until(began.read_text) and cancel.set(), daemon=True).start()
    hangs = f"(trap '' TERM; sleep 300; sleep 300) & echo part; echo began > {began}; sleep 300"
    items = [batched("first", "echo first"), batched("hung", hangs), batched("last", "sleep 300")]
    results = visit(in_a_shell, *items, lasts_s=6 if end == "deadline" else FOREVER_S, cancel=cancel)
    assert [results[name].stdout for name in ("first", "hung", "last")] == [b"first\n", b"part\n", b""]
    assert results["first"].incomplete is None
    for name in ("hung", "last"):
        assert results[name].timed_out or "cancelled" in (results[name].incomplete or "") or end == "deadline"
    assert wait_until(lambda: running_with(f"FAILTALE_TEST={tmp_path}") == [])


@pytest.mark.ssh
def test_a_batch_that_broke_off_goes_on_where_a_server_takes_one_session(
    new_host: Callable[..., Sshd],
) -> None:
    host = new_host(options=["MaxSessions 1"])
    items = [batched("first", "echo first"), batched("late", "sleep 300"), batched("last", "echo last")]
    results = visit(to(host), *(replace(each, timeout_s=5) for each in items))
    assert [results[name].stdout for name in ("first", "late", "last")] == [b"first\n", b"", b"last\n"]
    assert [results[name].timed_out for name in ("first", "late", "last")] == [False, True, False]
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()


def test_no_command_of_a_batch_sees_the_nonces(in_any_shell: Transport) -> None:
    look = "env; set; for each in $$ $PPID; do cat /proc/$each/environ /proc/$each/cmdline; done"
    results = visit(in_any_shell, *(batched(name, look) for name in ("one", "two")))
    for result in results.values():
        answer = parse_host_output(result.stdout, result.stderr, nonce=result.nonce)
        assert b"FAILTALE_VISIT" in answer.text
        assert result.nonce.encode() not in answer.text


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_one_item(here: Transport, fault: str) -> None:
    filters = "this is ( no filter" if "filter" in fault else ""
    items = [item("first", "echo first"), item("fault", FAULTS[fault], filters, timeout_s=9), item("last", "echo last")]
    results = visit(here, *items)
    assert (results["first"].stdout, results["last"].stdout) == (b"first\n", b"last\n")
    assert (results["first"].exit_status, results["last"].exit_status) == (0, 0)
    assert set(results) == {"first", "fault", "last"}


def test_a_text_longer_than_an_argument_runs(here: Transport) -> None:
    results = visit(here, *(item(str(number), ": " + "x" * 200_000 + f"\necho {number}") for number in range(3)))
    assert [results[str(number)].stdout for number in range(3)] == [b"0\n", b"1\n", b"2\n"]


def sharing(name: str, own: str, *shared: str) -> VisitItem:
    return VisitItem(name, Script("".join([own, *shared]), shared=shared), FOREVER_S, 1_000_000)


def test_what_items_share_is_each_ones_own_text(in_any_shell: Transport) -> None:
    quotes, numbers = "said='it'\\''s \"$5\" `\\n\n'\n", ": " + "x" * 200_000 + "\n"
    asks = 'printf \'%s %s %s\' "$own" "$said" "${shared1-}${shared0-}"; exit $((own))\n'
    items = [sharing(str(each), f"own={each}\n", quotes, *[numbers][: each % 2], asks) for each in range(1, 5)]
    results = visit(in_any_shell, *items, sharing("5", "own=5\n", quotes, "exit $own\n"))
    for each in range(1, 5):
        assert results[str(each)].stdout == f'{each} it\'s "$5" `\\n\n '.encode()
    assert [results[str(each)].exit_status for each in range(1, 6)] == [1, 2, 3, 4, 5]


def test_the_programs_of_several_logs_travel_once() -> None:
    window = ResolvedWindow(kind="test", since_epoch=1_790_000_000.0, utc_offset_s=0)

    def size(logs: int) -> int:
        collectors = [Collector(name=f"log{each}", file=(f"/var/log/{each}.log",)) for each in range(logs)]
        collectors += [Collector(name=f"unit{each}", journal=f"unit{each}") for each in range(logs)]
        lines = [command_line_of(each, window=window, max_bytes=1_000_000) for each in collectors]
        items = [VisitItem("", Script(each.producer, shared=each.shared), 9, 9) for each in lines]
        return len(request(("nonce", "items"), dict(enumerate(items)), lasts_s=9).text)

    assert size(4) - size(2) < size(2) / 5


@pytest.mark.parametrize(("is_dead", "tenths"), [(True, 1), (False, 3)])
def test_nobody_waits_for_what_is_dead_and_was_not_reaped(in_any_shell: Transport, is_dead: bool, tenths: int) -> None:
    stops = f"{host_script('visit.sh')}reach=group leads=\nstop $PID 3 2>/dev/null\necho $tenths"
    ignores = ["sh", "-c", "trap '' TERM; echo; sleep 300; sleep 300"]
    with subprocess.Popen(ignores, stdout=subprocess.PIPE, start_new_session=True) as group:
        assert group.stdout is not None
        group.stdout.readline()
        if is_dead:  # a zombie, as long as nobody asks for its status
            os.killpg(group.pid, signal.SIGKILL)
            assert wait_until(lambda: ") Z " in Path(f"/proc/{group.pid}/stat").read_text())
        stopping = ["sh", "-c", f"PID={group.pid}\n{stops}"]
        done = subprocess.run(stopping, capture_output=True, timeout=FOREVER_S, check=False)
    assert (done.stdout, group.returncode) == (f"{tenths}\n".encode(), -signal.SIGKILL)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_nothing_is_run_of_a_request_that_was_cut(part: float, tmp_path: Path) -> None:
    runs = tmp_path / "ran"
    items = [sharing(each, f"echo > {runs}{each}\n", ": " + "x" * 5000 + "\n") for each in ("one", "two", "three")]
    text, sent = opening((1, 2)), request(("nonce", "items"), dict(enumerate(items)), lasts_s=5).text
    line = command_line((1, 2), len(text))
    subprocess.run(["sh", "-c", line], input=text + sent[: int(len(sent) * part)], check=False, timeout=FOREVER_S)
    assert list(tmp_path.iterdir()) == []


def test_no_command_sees_the_nonce(in_any_shell: Transport) -> None:
    look = "env; set; cat /proc/$$/environ /proc/$PPID/environ /proc/*/cmdline 2>/dev/null"
    tells = "printf '%s\\n' \"$failtale_nonce\"; sh -c 'env; set'"
    results = visit(in_any_shell, item("user", look), item("ours", tells))
    nonce = results["ours"].stdout.splitlines()[0]
    assert nonce.decode() == results["ours"].nonce
    assert results["ours"].stdout.count(nonce) == 1
    assert nonce not in results["user"].stdout


@pytest.mark.ssh
def test_an_item_that_waits_is_overtaken(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate_opens = item("opens", f"touch {gate}; chmod 666 {gate}; echo open")
    waits = item("waits", f"until [ -e {gate} ]; do sleep 0.05; done; echo waited")
    connections = to(new_host())
    results = visit(connections, waits, item("between", "echo between"), gate_opens)
    connections.close()
    assert {name: each.stdout for name, each in results.items()} == {
        "waits": b"waited\n",
        "between": b"between\n",
        "opens": b"open\n",
    }


def test_items_that_each_end_their_shell_are_run_once_though_lanes_take_turns(here: Transport, tmp_path: Path) -> None:
    def ends_its_shell(name: str, after_s: float) -> VisitItem:
        visit_of_parent = "-$(cut -d' ' -f6 /proc/$PPID/stat)"
        return item(name, f"echo {name}; echo {name} >> {tmp_path}/runs; sleep {after_s}; kill -9 {visit_of_parent}")

    results = visit(here, ends_its_shell("first", 1.3), ends_its_shell("last", 2.5), lasts_s=PATIENCE_S)
    assert {name: each.stdout for name, each in results.items()} == {"first": b"first\n", "last": b"last\n"}
    assert all(each.incomplete for each in results.values())
    assert sorted((tmp_path / "runs").read_text().split()) == ["first", "last"]


@pytest.mark.ssh
def test_a_server_without_room_for_a_lane_gets_none(new_host: Callable[..., Sshd]) -> None:
    connections = to(new_host(options=["MaxSessions 1"]))
    items = [item("waits", "sleep 1.5; echo waited"), *(item(str(number), f"echo {number}") for number in range(4))]
    for _ in range(2):
        results = visit(connections, *items)
        assert list(results) == ["waits", "0", "1", "2", "3"]
        assert all(result.exit_status == 0 for result in results.values())
    assert connections.opened == 1
    connections.close()


def test_items_may_be_made_when_the_host_has_told_its_clock(in_any_shell: Transport) -> None:
    starts: list[VisitStart] = []

    def make(start: VisitStart) -> Sequence[VisitItem]:
        starts.append(start)
        return [item("only", f"echo {start.clock}")]

    results: dict[str, CommandResult] = {}
    in_any_shell.visit(make, ends_at=time.monotonic() + FOREVER_S, cancel=NEVER, on_result=results.__setitem__)
    (start,) = starts
    assert start.sent_at.timestamp() - 1 <= float(start.clock) <= start.received_at.timestamp() + 1
    assert start.zone[0] in "+-"
    assert results["only"].stdout == f"{start.clock}\n".encode()


class Watched(LocalTransport):
    """This machine, and how many texts each of its shells was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[int] = []

    def start(self, command_line: str, *, wait_s: float) -> Any:
        shell, number = super().start(command_line, wait_s=wait_s), len(self.texts)
        self.texts.append(0)
        write = shell.write

        def counted(data: bytes) -> int:
            self.texts[number] += 1
            return write(data)

        shell.write = counted  # type: ignore[method-assign]
        return shell


def test_a_host_that_is_known_gets_all_in_one_text() -> None:
    transport = Watched()
    for number in range(3):
        assert visit(transport, item("one", f"echo {number}"))["one"].stdout == f"{number}\n".encode()
    assert transport.texts == [2, 1, 1]


def test_items_are_made_anew_where_somebody_has_set_the_hosts_clock() -> None:
    transport, results, clocks = Watched(), {}, []
    now = datetime.now(timezone.utc)
    transport.known.saw(VisitStart(f"{now.timestamp() + 3600:.6f}", "+0000", now, now))

    def make(start: VisitStart) -> Sequence[VisitItem]:
        clocks.append(float(start.clock) - now.timestamp())
        return [item(each, f"echo {len(clocks)}") for each in ("one", "two")]

    def on_result(name: str, result: CommandResult) -> None:
        assert name not in results
        results[name] = result.stdout

    transport.visit(make, ends_at=time.monotonic() + FOREVER_S, cancel=NEVER, on_result=on_result)
    assert [round(clock / 3600) for clock in clocks] == [1, 0]
    assert results == {"one": b"2\n", "two": b"2\n"}
    assert visit(transport, item("again", "echo again"))["again"].stdout == b"again\n"
    assert transport.texts == [1, 2, 1]


@pytest.mark.parametrize("date", ['sleep 1.2; exec {} "$@"', "exit 1 # {}"])
def test_no_item_is_lost_beside_a_clock_that_is_slow_or_cannot_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, date: str
) -> None:
    """It is told beside what else is started; what came ahead of it would belong to nothing."""
    program(tmp_path / "date", date.format(shutil.which("date")))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    transport = Watched()
    for number in range(2):
        asked = [batched("one", f"echo {number}"), batched("two", "echo two"), item("alone", "echo 3")]
        results = visit(transport, *asked)
        assert [each.stdout for each in results.values()] == [b"%d\n" % number, b"two\n", b"3\n"]
    assert date.startswith("exit") or 1 in transport.texts


def test_the_session_of_a_batch_begins_while_the_clock_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And none of its commands does: they might print ahead of what is told."""
    need("dash")
    (tmp_path / "sh").symlink_to(shutil.which("dash") or "")
    transport = LocalTransport()
    program(tmp_path / "setsid", f'/bin/touch {tmp_path}/begun; exec {shutil.which("setsid")} "$@"')
    program(
        tmp_path / "date",
        f"until [ -e {tmp_path}/begun ]; do sleep 0.1; done; {shutil.which('date')} '+%s.%N %z'; touch {tmp_path}/told",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    now = datetime.now(timezone.utc)
    transport.known.saw(VisitStart(f"{now.timestamp():.6f}", "+0000", now, now))
    starts: list[VisitStart] = []

    def make(start: VisitStart) -> Sequence[VisitItem]:
        starts.append(start)
        return [batched(each, f"test -e {tmp_path}/told && echo told") for each in ("one", "two")]

    results: dict[str, CommandResult] = {}
    transport.visit(make, ends_at=time.monotonic() + FOREVER_S, cancel=NEVER, on_result=results.__setitem__)
    assert [each.stdout for each in results.values()] == [b"told\n", b"told\n"]
    assert len(starts) == 1


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_text_of_a_visit_is_read_by_one_process(tmp_path: Path) -> None:
    """Each costs a host a millisecond, ahead of all else."""
    need("dash")
    program(tmp_path / "head", f'echo "$PPID" >{tmp_path}/parent; exec {shutil.which("head")} "$@"')
    with subprocess.Popen(
        ["dash", "-c", command_line((1, 2), 9).replace("exec sh", "exec dash")],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as main:
        assert main.communicate(b"{ echo; }")[0] == b"failtale 3\n\n"
    assert int((tmp_path / "parent").read_text()) == main.pid


def test_a_shell_that_has_to_begin_anew_keeps_no_items_in_its_environment(tmp_path: Path) -> None:
    """Behind a login shell that stays; the nonces would be in sight of all that the account runs."""
    items = {0: item("one", f"touch {tmp_path}/ran")}
    text = opening((1, 2), request(("nonce", "items"), items, lasts_s=5))
    stays = command_line((1, 2), len(text)).removeprefix("exec ") + "; exit $?"
    done = subprocess.run(["sh", "-c", stays], input=text, capture_output=True, check=False, timeout=FOREVER_S)
    assert (done.stdout, done.returncode, list(tmp_path.iterdir())) == (b"failtale 3\n", 1, [])


@pytest.mark.ssh
def test_the_next_visit_needs_no_answer_of_the_server_to_begin(new_host: Callable[..., Sshd]) -> None:
    host = new_host()
    connections = to(host)
    transport = connections.transport("web1")
    assert isinstance(transport, SshTransport)
    visit(transport, item("one", "echo one"))
    assert wait_until(lambda: not threads_named("failtale-spare"))
    host.signal(signal.SIGSTOP, host.session_pids())
    shell = transport.start("echo begun", wait_s=0.1)
    host.signal(signal.SIGCONT, host.session_pids())
    assert wait_until(lambda: shell.ended or shell.read()[0] == b"begun\n")
    shell.close()
    connections.close()


def threads_named(beginning: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(beginning)]


def test_what_has_no_time_left_is_told_as_not_started(here: Transport) -> None:
    items = [item("first", "echo first"), item("long", "echo part; sleep 600"), item("never", "echo never")]
    results: dict[str, CommandResult] = {}
    lasts_s = 6.0
    began = time.monotonic()
    serial = _OneAtATime()
    serial.visit(items, ends_at=began + lasts_s, cancel=NEVER, on_result=results.__setitem__)
    assert results["first"].stdout == b"first\n"
    assert (results["long"].stdout, results["long"].timed_out) == (b"part\n", True)
    assert (results["never"].was_started, results["never"].exit_status) == (False, None)
    assert results["never"].incomplete is not None


class _OneAtATime(LocalTransport):
    """A host that takes no lanes."""

    def start_another(self, command_line: str, *, wait_s: float) -> None:  # type: ignore[override]
        return


def test_a_cancelled_visit_tells_every_item(here: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAILTALE_TEST", str(tmp_path))
    cancel, results = threading.Event(), {}

    def on_result(name: str, result: CommandResult) -> None:
        results[name] = result
        cancel.set()

    items = [item("first", "echo first"), *(item(str(number), f"sleep {FOREVER_S}") for number in range(3))]
    here.visit(items, ends_at=time.monotonic() + FOREVER_S, cancel=cancel, on_result=on_result)
    assert set(results) == {"first", "0", "1", "2"}
    assert all("cancelled" in (results[name].incomplete or "") for name in ("0", "1", "2"))
    assert wait_until(lambda: running_with(f"FAILTALE_TEST={tmp_path}") == [])


def test_a_visit_that_was_given_nothing_to_do_harms_no_other(here: Transport, tmp_path: Path) -> None:
    began, gate = tmp_path / "began", tmp_path / "gate"
    waits = item("waits", f"touch {began}; until [ -e {gate} ]; do sleep 0.05; done; echo whole")

    def meanwhile() -> None:
        wait_until(began.exists)
        text = opening((1, 2))
        for rest in (b"", b"half a line", b"nonce items  4 0\n"):
            subprocess.run(["sh", "-c", command_line((1, 2), len(text))], input=text + rest, check=False, timeout=60)
        gate.touch()

    threading.Thread(target=meanwhile, daemon=True).start()
    assert visit(here, waits)["waits"].stdout == b"whole\n"


def test_a_machine_without_a_shell_is_told(monkeypatch: pytest.MonkeyPatch, here: Transport) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(TransportError):
        here.run(Script("true"), timeout_s=5, max_bytes=10, cancel=NEVER)


PIECES = st.one_of(st.binary(max_size=40), st.sampled_from([b"\n", b"\x1e", b"\x1eabc", b"\x1eabcdef", b"\n\x1e"]))


@given(texts=st.lists(PIECES, max_size=8), cuts=st.lists(st.integers(0, 400), max_size=10))
def test_any_chunks_of_a_stream_give_the_same_text_and_frames(texts: list[bytes], cuts: list[int]) -> None:
    nonce = "abcdef"
    stream = b"".join(text + f"\x1e{nonce} e {number}\n".encode() for number, text in enumerate(texts))
    splitter, data, frames = FrameSplitter(nonce), b"", []
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    for start, end in pairwise(edges):
        for piece in splitter.feed(stream[start:end]):
            if isinstance(piece, Frame):
                frames.append(piece)
            else:
                data += piece
    assert data + splitter.rest() == b"".join(texts)
    assert frames == [Frame("e", (str(number),)) for number in range(len(texts))]


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_frame_that_does_not_end_is_text(size: int) -> None:
    """A host knows its nonce; what it does with it must not keep its reader for ever."""
    nonce, endless = "abcdef", b"\x1eabcdef e " + b"1" * 5000
    stream = endless + b"\x1eabcdef e 7\n" + endless
    splitter, pieces = FrameSplitter(nonce), []
    for start in range(0, len(stream), size):
        pieces += list(islice(splitter.feed(stream[start : start + size]), 100))
    assert [piece for piece in pieces if isinstance(piece, Frame)] == [Frame("e", ("7",))]
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) + splitter.rest() == endless * 2


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_what_is_too_long_for_a_frame_is_text_wherever_its_chunks_end(size: int) -> None:
    stream = b"\x1eabcdef e " + b"1" * 500 + b"\nline\n"
    splitter = FrameSplitter("abcdef")
    pieces = [piece for start in range(0, len(stream), size) for piece in splitter.feed(stream[start : start + size])]
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) + splitter.rest() == stream


@pytest.mark.ssh
def test_a_failure_costs_a_host_one_command(new_host: Callable[..., Sshd]) -> None:
    host = new_host()
    connections = to(host)
    results = visit(connections, *(item(str(number), f"echo {number}") for number in range(20)))
    assert [result.stdout for result in results.values()] == [f"{number}\n".encode() for number in range(20)]
    assert wait_until(lambda: any("Starting session" in line for line in host.log))
    assert sum("Starting session" in line for line in host.log) == 1
    connections.close()


@pytest.mark.needs("bash")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_a_bash_that_knows_the_time_starts_no_program_to_tell_it(zone: str, tmp_path: Path) -> None:
    bash = shutil.which("bash") or ""
    if not subprocess.run([bash, "-c", 'echo "$EPOCHREALTIME"'], capture_output=True, check=True).stdout.strip():
        pytest.skip("bash before version 5 tells no time")
    for path in (os.environ["PATH"], str(tmp_path)):
        done = subprocess.run(
            [bash, "-c", host_script("visit.sh") + "visit 5"],
            env={"PATH": path, "TZ": zone},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            timeout=PATIENCE_S,
            check=False,
        )
        *words, at, ahead = done.stdout.split()
        assert words == [b"\x1efailtale", b"5", b"ready", b"direct"]
        assert abs(float(at) - time.time()) < PATIENCE_S
        assert ahead == {"UTC": b"+0000", "Asia/Kolkata": b"+0530"}[zone]
