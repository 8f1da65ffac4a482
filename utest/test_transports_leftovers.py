"""After a time-out, a cancel or a lost connection nothing is left on a host, and what came until then is kept.

Each host has a shell and tools of its own; whatever was started there is found by its environment, wherever it went.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hung_file_system import hung_file_system
from needs import need
from patience import FOREVER_S, PATIENCE_S, wait_until
from sshd import Sshd, parent_of, pids_with, running_with, throw_away_user, words_of
from ways import batched, item, run, to, visit

from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports import CommandResult, Connections, Transport, VisitItem, VisitStart, ssh
from FailTaleLibrary.transports.local import LocalTransport
from FailTaleLibrary.transports.visit_answers import STUCK

BUSYBOX = shutil.which("busybox") or ""
LIMIT_S = 2.0
"""Of a script that ends by nothing else; a busy machine needs some of it to start the script."""
NEWEST = "tail -c 100"


@dataclass(frozen=True)
class Shape:
    """A script that does not end by itself, or not cleanly."""

    name: str
    producer: str
    filters: str = NEWEST
    kept: bytes = b"part\n"
    """What must have come of its output."""
    needs_setsid: bool = False
    """Its output, not its end, is lost on a host without setsid."""

    def __str__(self) -> str:
        return self.name


SHAPES = (
    Shape("hung", "echo part; sleep 300"),
    Shape("hung, unfiltered", "echo part; sleep 300", ""),
    Shape("hung child", "echo part; sleep 300; true"),
    Shape("hung grandchild", "echo part; sh -c 'sh -c \"sleep 300; true\"; true'"),
    Shape("ignores TERM", "trap '' TERM ALRM; echo part; sleep 300; sleep 300", needs_setsid=True),
    Shape("only the child ignores TERM", "echo part; (trap '' TERM; sleep 300; sleep 300) & wait", needs_setsid=True),
    Shape("pipeline", "echo part; sleep 300 | cat"),
    Shape("endless", "yes part"),
    Shape("endless, unfiltered", "yes part", ""),
    Shape("hung behind a filter that has enough", "echo part; sleep 300", "head -n 1"),
)


@dataclass(frozen=True)
class Tools:
    """What a host's PATH holds."""

    name: str
    sh: str
    links: tuple[str, ...] = ()
    """Programs to find beside `sh`; empty: all of this machine's."""

    def path(self, directory: Path) -> str:
        directory.mkdir()
        (directory / "sh").symlink_to(self.sh)
        for name in self.links:
            program = self.sh if self.sh == BUSYBOX and "setsid" in self.links else shutil.which(name)
            (directory / name).symlink_to(str(program))
        return str(directory) if self.links else f"{directory}:{os.environ['PATH']}"

    @property
    def has_setsid(self) -> bool:
        return not self.links or "setsid" in self.links

    def __str__(self) -> str:
        return self.name


NO_END = "while echo part; do sleep 0.02; done"
"""What floods one host, drips on the others: a flood takes all of a processor."""
FEW = ("cat", "sleep", "tail", "head", "yes")
HOSTS = (
    Tools("dash", "/bin/dash"),
    Tools("bash", "/bin/bash"),
    Tools("ash with GNU tools", BUSYBOX),
    Tools("BusyBox alone", BUSYBOX, (*FEW, "setsid", "timeout")),
    Tools("dash without setsid", "/bin/dash", FEW),
    Tools("ash without setsid", BUSYBOX, FEW),
)


@pytest.fixture(params=HOSTS, ids=str)
def tools(request: pytest.FixtureRequest) -> Tools:
    found: Tools = request.param
    if not Path(found.sh).exists():
        need(Path(found.sh).name or "busybox")
    return found


@pytest.mark.ssh
def test_nothing_outlives_its_time_limit_and_what_came_is_kept(
    tools: Tools, new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    host = new_host(environment={"PATH": tools.path(tmp_path / "bin")})
    ways = [to(host) for _ in range(3)]  # a connection takes four at once
    assert run(ways[0], "echo hello").stdout == b"hello\n"  # one of them knows the host, and has a spare channel

    def ask(number: int, *, limit_s: float) -> CommandResult:
        shape = SHAPES[number]
        producer = shape.producer if tools is HOSTS[0] else shape.producer.replace("yes part", NO_END)
        one = item("one", producer, shape.filters, timeout_s=limit_s, max_bytes=100)
        return visit(ways[number % 3], one)["one"]  # as a collection does, which waits longer than `run`

    for limit_s in (LIMIT_S, 5 * LIMIT_S, 20 * LIMIT_S):  # on a busy machine some have not begun within the first
        with ThreadPoolExecutor(len(SHAPES)) as threads:
            told = threads.map(partial(ask, limit_s=limit_s), range(len(SHAPES)))
            answers = dict(zip(SHAPES, told, strict=True))
        lost = [
            (shape, answer)
            for shape, answer in answers.items()
            if shape.kept not in answer.stdout and (tools.has_setsid or not shape.needs_setsid)
        ]
        if not lost:
            break
    assert lost == []
    for shape, answer in answers.items():
        assert (answer.timed_out, answer.incomplete is None or not tools.has_setsid) == (True, True), (shape, answer)
        assert answer.duration_s < PATIENCE_S, (shape, answer)
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()
    for way in ways:
        way.close()


GOING = (
    Shape("hung child", "echo part; sleep 300; true"),
    Shape("ignores TERM", "trap '' TERM ALRM; echo part; sleep 300; sleep 300", needs_setsid=True),
    Shape("hung filter", "echo part", "sh -c 'sleep 300; cat'", b""),
    Shape("endless, unfiltered", "yes part", ""),
)


@pytest.mark.ssh
def test_nothing_outlives_a_client_that_goes(tools: Tools, new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    """One cancels, one closes its connection, and one loses it."""
    host = new_host(environment={"PATH": tools.path(tmp_path / "bin")})
    cancels, closes, loses = (to(host) for _ in range(3))
    cancel = threading.Event()
    for way in (cancels, closes):
        assert run(way, "echo hello").stdout == b"hello\n"  # the host is known to them
    others = host.session_pids()
    loses.transport("web1")
    lost = set(host.session_pids()) - set(others)

    def ask(way: Connections, shape: Shape) -> CommandResult:
        return run(way, shape.producer, shape.filters, timeout_s=FOREVER_S, max_bytes=100, cancel=cancel)

    with ThreadPoolExecutor(12) as threads:
        asked = [(way, shape) for way in (cancels, closes, loses) for shape in GOING]
        pending = [threads.submit(ask, *one) for one in asked]
        assert wait_until(lambda: _running(host, "sleep 300") == 9 and _running(host, "yes part") == 3), (
            host.leftovers()
        )
        closes.close()
        host.signal(signal.SIGKILL, lost)
        cancel.set()
        answers = [future.result(PATIENCE_S) for future in pending]
    for (way, shape), answer in zip(asked, answers, strict=True):
        assert (bool(answer.incomplete), answer.timed_out) == (True, False), (shape, answer)
        if way is cancels and (tools.has_setsid or not shape.needs_setsid):
            assert shape.kept in answer.stdout or wait_until(partial(_is_kept, cancels, shape, host)), (
                shape,
                answer,
            )
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()
    cancels.close()
    loses.close()


def _is_kept(way: Connections, shape: Shape, host: Sshd) -> bool:
    """Whether what came is kept of a script alone: the last words of a cancelled one have a second, busy or not."""
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()
    cancel = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(
            run, way, shape.producer, shape.filters, timeout_s=FOREVER_S, max_bytes=100, cancel=cancel
        )
        assert wait_until(lambda: pending.done() or _running(host, "sleep 300") + _running(host, "yes part"))
        cancel.set()
        return shape.kept in pending.result(PATIENCE_S).stdout


@pytest.fixture
def slow_tools(tmp_path: Path) -> Path:
    """A PATH on which what a visit begins with, and each step by which it ends an item, takes as on a starved host."""
    tools = tmp_path / "slow"
    tools.mkdir()
    for name, delay_s in (("head", 1.5), ("sleep", 0.8)):
        (tools / name).write_text(f'#!/bin/sh\n{shutil.which("sleep")} {delay_s}\nexec {shutil.which(name)} "$@"\n')
        (tools / name).chmod(0o755)
    return tools


@pytest.mark.ssh
def test_a_slow_host_gets_the_time_to_end_an_item_and_a_healthy_one_no_more_than_before(
    slow_tools: Path, new_host: Callable[..., Sshd]
) -> None:
    host = new_host(environment={"PATH": f"{slow_tools}:{os.environ['PATH']}"})
    connections = to(host)
    hung = item("hung", "trap '' TERM; echo part; sleep 300; sleep 300", NEWEST, timeout_s=1)
    answer = visit(connections, hung)["hung"]
    assert (answer.stdout, answer.timed_out, answer.incomplete) == (b"part\n", True, None)
    login = connections.transport("web1").known
    assert login.slow
    assert login.slack_s > 3
    for program in slow_tools.iterdir():
        program.unlink()
    assert wait_until(lambda: visit(connections, item("any", "echo done")) and not login.slow), login.slow
    assert login.slack_s == 0
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()
    connections.close()


@pytest.mark.ssh
def test_of_a_slow_host_that_falls_silent_both_is_told_and_what_came_is_kept(
    slow_tools: Path, new_host: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "_TIMES_LOGIN", 1e6)  # else its silence ends the connection ahead of the time limit
    host = new_host(environment={"PATH": f"{slow_tools}:{os.environ['PATH']}"})
    connections = to(host, connect_timeout_s=FOREVER_S)
    for lasts_s in (6, 24, 24, 96):  # a busy machine may need more than the first to get there
        with ThreadPoolExecutor(1) as thread:
            hung = item("hung", "echo part; exec tail -f /dev/null")
            pending = thread.submit(visit, connections, hung, lasts_s=lasts_s)
            assert wait_until(lambda: pending.done() or _running(host, "tail -f /dev/null"))  # noqa: B023
            login = connections.transport("web1").known
            assert wait_until(lambda: pending.done() or login.slow)  # noqa: B023
            host.signal(signal.SIGSTOP, host.session_pids())
            answer = pending.result(PATIENCE_S)["hung"]
        host.signal(signal.SIGCONT, host.session_pids())
        if answer.stdout and str(answer.incomplete).startswith("connection lost: the host was slow ("):
            break
    assert answer.stdout == b"part\n"
    assert str(answer.incomplete).startswith("connection lost: the host was slow (")
    assert ") and silent at the time limit, after " in str(answer.incomplete)
    connections.close()
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()


def _running(host: Sshd, command: str) -> int:
    return sum(line == command for line in host.leftovers())


@pytest.mark.ssh
@pytest.mark.parametrize("way", ["alone", "in a batch"])
def test_what_waits_for_a_file_system_that_hangs_is_told_as_that_and_ends_once_it_answers(
    new_host: Callable[..., Sshd], as_root: None, tmp_path: Path, way: str
) -> None:
    """Nobody can end it before: neither its limit nor the end of its visit leaves anything else there."""
    make = item if way == "alone" else batched
    host = new_host()
    with hung_file_system(tmp_path / "hangs") as hangs:
        hangs.hang()
        connections = to(host)
        asked = [
            make("first", "echo first"),
            make("hung", f"cat {hangs.folder}/log", timeout_s=LIMIT_S),
            make("slow", "exec sleep 300", timeout_s=LIMIT_S),
            make("last", "echo last"),
        ]
        answers = visit(connections, *asked)
        connections.close()
        assert wait_until(lambda: set(host.leftovers()) == {f"cat {hangs.folder}/log"}), host.leftovers()
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()
    assert answers["first"].stdout == b"first\n"
    assert answers["last"].stdout == b"last\n"
    assert [answers[name].incomplete for name in ("hung", "slow")] == [STUCK, None]
    assert [answers[name].timed_out for name in ("hung", "slow")] == [True, True]


@pytest.mark.ssh
@pytest.mark.parametrize("tools", HOSTS[:3], ids=str, indirect=True)
@pytest.mark.parametrize("is_cut", [False, True], ids=["watchers", "watchers and the connection"])
def test_who_watches_a_command_may_be_killed_and_it_ends_all_the_same(
    tools: Tools, new_host: Callable[..., Sshd], tmp_path: Path, is_cut: bool
) -> None:
    """What reads the lifeline and what counts the time, both at once; without a cut nothing is lost by it."""
    host = new_host(environment={"PATH": tools.path(tmp_path / "bin")})
    connections = to(host)
    asked = [
        batched("first", "echo first", timeout_s=LIMIT_S),
        (item if is_cut else batched)("hung", "echo part; sleep 300; true", timeout_s=LIMIT_S),
        item("last", "echo last"),
    ]
    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(visit, connections, *asked, lasts_s=FOREVER_S)
        assert wait_until(lambda: _running(host, "sleep 300") == 1)
        host.signal(signal.SIGKILL, [*_watchers(host), *(host.session_pids() if is_cut else [])])
        answers = pending.result(PATIENCE_S)
    assert (answers["first"].stdout, answers["hung"].stdout) == (b"first\n", b"part\n")
    if not is_cut:
        assert (answers["hung"].timed_out, answers["hung"].incomplete) == (True, None)
        assert (answers["last"].stdout, answers["last"].incomplete) == (b"last\n", None)
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()
    connections.close()


@pytest.mark.ssh
@pytest.mark.parametrize("tools", HOSTS[:3], ids=str, indirect=True)
def test_the_last_one_of_a_visit_that_is_left_ends_its_command(
    tools: Tools, new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    """Whichever three of its shell and the three that watch over it are killed at once; the client goes on."""
    path = tools.path(tmp_path / "bin")
    hosts = [new_host(environment={"PATH": path}) for _ in range(4)]

    def kill_all_but(number: int) -> None:
        host = hosts[number]
        connections, cancel = to(host), threading.Event()
        with ThreadPoolExecutor(1) as thread:
            hung = item("hung", "echo part; sleep 300; true")
            pending = thread.submit(visit, connections, hung, lasts_s=FOREVER_S, cancel=cancel)
            assert wait_until(lambda: _running(host, "sleep 300") == 1)
            main, watchers = _main(host), _watchers(host)
            host.signal(signal.SIGKILL, [each for each in (main, *watchers) if each != (main, *watchers)[number]])
            if not number:
                cancel.set()  # it has started others, who wait for that
            assert wait_until(lambda: host.leftovers() == []), host.leftovers()
            cancel.set()
            pending.result(PATIENCE_S)
        connections.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(kill_all_but, range(4)))


@pytest.mark.ssh
@pytest.mark.parametrize("tools", HOSTS[:3], ids=str, indirect=True)
@pytest.mark.parametrize("is_cut", [False, True], ids=["all", "all and the connection"])
def test_what_is_left_of_a_visit_of_which_somebody_killed_all_else_is_ended_by_the_next(
    tools: Tools, new_host: Callable[..., Sshd], tmp_path: Path, is_cut: bool
) -> None:
    """Which comes at once where the connection is there, though nothing more is to be asked."""
    host = new_host(environment={"PATH": tools.path(tmp_path / "bin")})
    connections = to(host)
    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(
            visit, connections, item("hung", "echo part; setsid sleep 300; true"), lasts_s=FOREVER_S
        )
        assert wait_until(lambda: _running(host, "sleep 300") == 1)
        others = [pid for pid in pids_with(f"HOME={host.directory}") if words_of(pid) != "sleep 300"]
        host.signal(signal.SIGKILL, [*others, *(host.session_pids() if is_cut else [])])
        assert (pending.result(PATIENCE_S)["hung"].incomplete or "").startswith(
            "connection lost" if is_cut else "something on the host ended the command"
        )
    if is_cut:
        assert visit(connections, item("next", "echo next"))["next"].stdout == b"next\n"
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()
    assert connections.transport("web1").known.broken_off == ()
    connections.close()


def _main(host: Sshd) -> int:
    """The shell of the visit under way."""
    parents = {pid: parent_of(pid) for pid in pids_with(f"HOME={host.directory}")}
    line = next(pid for pid in parents if words_of(pid) == "sleep 300")
    while parents[line] in parents:
        line = parents[line]
    return line


def _watchers(host: Sshd) -> list[int]:
    """Of the visit under way: what its main process started as copies of itself, without what runs the item."""
    parents = {pid: parent_of(pid) for pid in pids_with(f"HOME={host.directory}")}
    line = next(pid for pid in parents if words_of(pid) == "sleep 300")
    ancestors = {line}
    while (line := parents.get(line, 0)) in parents:
        ancestors.add(line)
    main = next(pid for pid in ancestors if parents[pid] not in parents)
    copies = [pid for pid, parent in parents.items() if parent == main and words_of(pid) == words_of(main)]
    watchers = [pid for pid in copies if pid not in ancestors]
    assert len(watchers) == 3, [words_of(pid) for pid in parents]
    return watchers


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if "300" in shape.producer][:4], ids=str)
def test_nothing_outlives_a_local_script(shape: Shape, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAILTALE_TEST", str(tmp_path))
    answer = run(LocalTransport(), shape.producer, shape.filters, timeout_s=LIMIT_S)
    assert (answer.stdout, answer.timed_out) == (b"part\n", True)
    assert wait_until(lambda: running_with(f"FAILTALE_TEST={tmp_path}") == [])


def test_a_background_child_that_holds_the_output_delays_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FAILTALE_TEST", str(tmp_path))
    answer = run(LocalTransport(), "sleep 300 & echo done", NEWEST)
    assert (answer.stdout, answer.exit_status, answer.timed_out) == (b"done\n", 0, False)
    assert answer.duration_s < PATIENCE_S
    assert wait_until(lambda: running_with(f"FAILTALE_TEST={tmp_path}") == [])


def test_groups_are_never_left_to_a_kill_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The one of procps 4.0.2 takes a group for everybody."""
    program = tmp_path / "kill"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path / 'called'}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    answer = run(LocalTransport(), "trap '' TERM; sleep 300; true", NEWEST, timeout_s=LIMIT_S)
    assert answer.timed_out
    assert not (tmp_path / "called").exists()


@pytest.mark.ssh
@pytest.mark.parametrize("escape", ["setsid sleep 300 &", "setsid sleep 300 >/dev/null 2>&1 &"])
def test_what_leaves_by_setsid_is_found_by_its_environment(new_host: Callable[..., Sshd], escape: str) -> None:
    host = new_host()
    connections = to(host)
    answer = run(connections, f"{escape} sleep 0.2; echo done")
    assert (answer.stdout, answer.exit_status) == (b"done\n", 0)
    assert answer.duration_s < PATIENCE_S
    assert wait_until(lambda: host.leftovers() == [])
    connections.close()


@pytest.mark.ssh
def test_the_host_itself_is_left_as_it_was(new_host: Callable[..., Sshd]) -> None:
    """Nothing is written there."""
    host = new_host()
    connections = to(host)
    run(connections, "echo part; sleep 300", NEWEST, timeout_s=LIMIT_S)
    connections.close()
    names = {path.name for path in host.directory.iterdir()}
    keys = {"host_key", "host_key.pub", "id_ed25519", "id_ed25519.pub"}
    assert names == keys | {"authorized_keys", "known_hosts", "sshd_config"}


# --- sudo


SUDO_SHAPES = {
    "a root command": "sudo -n sleep {tag}",
    "a root command in a shell": "sudo -n sleep {tag}; true",
    "a root command that ignores TERM": "sudo -n sh -c \"trap '' TERM HUP; exec sleep {tag}\"",
}
BELOW_A_ROOT_COMMAND = "sudo -n sh -c 'sleep {tag}; true'"


@pytest.mark.ssh
@pytest.mark.parametrize("pty", ["use_pty", "!use_pty"])
def test_sudo_does_not_orphan_its_child(
    pty: str, new_host: Callable[..., Sshd], as_root: None, public_directory: Path
) -> None:
    with throw_away_user() as user, sudoers(f"{user} ALL=(root) NOPASSWD: ALL\nDefaults:{user} {pty}"):
        connections = to(new_host(directory=public_directory, user=user))
        tags = {name: f"30{number}{os.getpid()}" for number, name in enumerate(SUDO_SHAPES)}

        def ask(name: str) -> CommandResult:
            producer = "echo part; " + SUDO_SHAPES[name].format(tag=tags[name])
            return run(connections, producer, NEWEST, timeout_s=LIMIT_S)

        with ThreadPoolExecutor(len(tags)) as threads:
            answers = list(threads.map(ask, tags))
        connections.close()
        assert all(answer.timed_out and answer.stdout == b"part\n" for answer in answers), answers
        assert wait_until(lambda: not any(map(_sleeps, tags.values()))), tags


@pytest.mark.ssh
def test_what_a_root_command_started_itself_ends_where_the_account_may_end_it(
    new_host: Callable[..., Sshd], as_root: None, public_directory: Path
) -> None:
    tag = f"309{os.getpid()}"
    with throw_away_user() as user, sudoers(f"{user} ALL=(root) NOPASSWD: ALL"):
        connections = to(new_host(directory=public_directory, user=user))
        answer = run(connections, f"echo part; {BELOW_A_ROOT_COMMAND.format(tag=tag)}", timeout_s=LIMIT_S)
        connections.close()
        assert (answer.stdout, answer.timed_out) == (b"part\n", True)
        assert wait_until(lambda: not _sleeps(tag))


def _sleeps(tag: str) -> bool:
    return subprocess.run(["pgrep", "-fx", f"sleep {tag}"], capture_output=True, check=False).returncode == 0


@contextmanager
def sudoers(lines: str) -> Iterator[None]:
    """Rights that last as long as the test."""
    need("sudo")
    file = Path(f"/etc/sudoers.d/failtale-test-{os.getpid()}")
    file.touch(mode=0o440)
    file.write_text(lines + "\n")
    try:
        yield
    finally:
        file.unlink()


@pytest.mark.parametrize("sh", ["/bin/dash", BUSYBOX, shutil.which("mksh") or ""], ids=["dash", "ash", "mksh"])
def test_a_clock_program_that_hangs_costs_the_clock_alone(
    new_host: Callable[..., Sshd], tmp_path: Path, sh: str
) -> None:
    if not Path(sh).exists():
        need(Path(sh).name or "busybox")
    tools = tmp_path / "bin"
    path = Tools("hung date", sh).path(tools)
    (tools / "date").write_text("#!/bin/sh\nsleep 300\n")
    (tools / "date").chmod(0o755)
    host = new_host(environment={"PATH": path})
    connections = to(host)
    starts: list[str] = []

    def items(start: VisitStart) -> list[VisitItem]:
        starts.append(start.clock)
        return [item(name, f"echo {name}") for name in ("first", "second")]

    began = time.monotonic()
    for _ in range(2):
        results: dict[str, CommandResult] = {}
        connections.transport("web1").visit(
            items, ends_at=time.monotonic() + FOREVER_S, cancel=threading.Event(), on_result=results.__setitem__
        )
        assert {name: result.stdout for name, result in results.items()} == {"first": b"first\n", "second": b"second\n"}
    assert starts == ["", ""]
    assert time.monotonic() - began < FOREVER_S / 2
    assert wait_until(lambda: not host.leftovers())


def test_a_clock_program_that_hangs_does_not_outlive_its_visit(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    path = Tools("hung date", "/bin/dash").path(tools)
    (tools / "date").write_text("#!/bin/sh\nsleep 300\n")
    (tools / "date").chmod(0o755)
    host = new_host(environment={"PATH": path})
    connections, cancel = to(host), threading.Event()
    way = connections.transport("web1")
    visit = threading.Thread(target=lambda: _until_ended(way, cancel))
    visit.start()
    assert wait_until(lambda: "sleep 300" in host.leftovers())
    cancel.set()
    visit.join(PATIENCE_S)
    assert wait_until(lambda: not host.leftovers())


def _until_ended(way: Transport, cancel: threading.Event) -> None:
    with suppress(TransportError):
        way.visit([item("any", "true")], ends_at=time.monotonic() + FOREVER_S, cancel=cancel, on_result=lambda *_: None)
