"""Every login that starts a shell is answered alike; one that starts none is recognised, in its own words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import dropbear
import pytest
from needs import apt, missing
from patience import PATIENCE_S, wait_until
from sshd import Sshd, running_with, throw_away_user
from ways import Clock, batched, config_at, config_for, item, run, to, visit

from FailTaleLibrary.config import Config
from FailTaleLibrary.doctor.checkup import check
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports import Connections

pytestmark = pytest.mark.ssh

BUSYBOX = shutil.which("busybox") or ""
LONG = ": " + "x" * 100_000 + "\n"
"""Longer than Dropbear takes a command line."""


@dataclass(frozen=True)
class Login:
    """A login shell and the start-up file that it reads."""

    name: str
    shell: str
    file: str = ""
    text: str = ""

    def __str__(self) -> str:
        return self.name


LOGINS = (
    Login("dash", "/bin/dash"),
    Login("bash", "/bin/bash"),
    Login("bash that talks", "/bin/bash", ".bashrc", "echo Welcome; echo careful >&2; sleep 0.2; cd /\n"),
    Login("bash that is slow", "/bin/bash", ".bashrc", "echo Welcome; sleep 2\n"),
    Login("bash that reads what is typed", "/bin/bash", ".bashrc", "read -r -t 0.5 key\n"),
    Login("BusyBox", BUSYBOX),
    Login("tcsh", "/bin/tcsh"),
    Login("tcsh that talks", "/bin/tcsh", ".cshrc", "echo Welcome\nset noclobber\n"),
    Login("fish", "/usr/bin/fish", ".config/fish/config.fish", "echo Welcome\n"),
    Login("zsh", "/usr/bin/zsh", ".zshenv", "echo Welcome\n"),
    Login("mksh", "/bin/mksh"),
    Login("a login that stays", "stays"),
    Login("programs without a shell", "programs"),
    Login("sudo -i", "sudo -n -i sh"),
)


def shell_of(login: Login, directory: Path) -> str:
    """A program that sshd runs as it runs an account's shell, with ``-c COMMAND``."""
    if login.shell == "stays":
        wrapper = directory / "stays"
        wrapper.write_text('#!/bin/sh\n/bin/sh "$@"\nstatus=$?\nexit $status\n')
        wrapper.chmod(0o755)
        return str(wrapper)
    if login.shell == "programs":
        starter = directory / "starter"
        starter.write_text("import shlex, subprocess, sys\nsys.exit(subprocess.call(shlex.split(sys.argv[2])))\n")
        return f"{sys.executable} {starter}"
    if login.shell.startswith("sudo"):
        if not shutil.which("sudo"):
            missing(login.name, apt("sudo"))
        if os.geteuid() != 0:
            pytest.skip("needs root, who may use sudo without a rule")
        return login.shell
    if not login.shell or not Path(login.shell).exists():
        missing(login.name, apt(Path(login.shell).name))
    return f"{login.shell} sh" if login.shell == BUSYBOX else login.shell


def files_of(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}


@pytest.fixture(params=LOGINS, ids=str)
def a_login(request: pytest.FixtureRequest, new_host: Callable[..., Sshd], tmp_path: Path) -> Sshd:
    """A host with that login shell."""
    login: Login = request.param
    shell = shell_of(login, tmp_path)
    host = new_host(options=[f'ForceCommand exec {shell} -c "$SSH_ORIGINAL_COMMAND"'], environment={"SSH_CLIENT": "x"})
    if login.file:
        (host.directory / login.file).parent.mkdir(parents=True, exist_ok=True)
        (host.directory / login.file).write_text(login.text)
    return host


def test_any_login_shell_passes_a_visit_on_and_nothing_is_written(a_login: Sshd) -> None:
    with closing(to(a_login, connect_timeout_s=PATIENCE_S)) as connections:
        connections.transport("web1")
        before = files_of(a_login.directory)
        quoted = item("quoted", "printf '%s\\n' \"it's $((1 > 0)) ! *\"; echo e >&2; exit 3")
        results = visit(connections, quoted, item("long", LONG + "echo long"), item("filtered", "seq 9", "tail -n 1"))
        assert (results["quoted"].stdout, results["quoted"].stderr) == (b"it's 1 ! *\n", b"e\n")
        assert (results["quoted"].exit_status, results["long"].stdout) == (3, b"long\n")
        assert results["filtered"].stdout == b"9\n"
        assert visit(connections, quoted)["quoted"].exit_status == 3  # and again, now that it is known
        assert wait_until(lambda: a_login.leftovers() == [])
        made_by_the_shell = {name for name in files_of(a_login.directory) if "fish" in name or "zcompdump" in name}
        assert files_of(a_login.directory) - made_by_the_shell <= before


@dataclass(frozen=True)
class NoShell:
    """What a login starts in place of a shell, and the words that a reader should see."""

    name: str
    command: str
    says: str

    def __str__(self) -> str:
        return self.name


PASSES_ON = '/bin/sh -c "$SSH_ORIGINAL_COMMAND"'
BASH_PASSES_ON = '/bin/bash -c "$SSH_ORIGINAL_COMMAND"'
NO_SHELLS = (
    NoShell("nologin", "/usr/sbin/nologin", "This account is currently not available."),
    NoShell("false", "/bin/false", "it prints nothing"),
    NoShell("a fixed command", "echo backup done", "backup done"),
    NoShell("a restricted shell", 'exec /bin/bash -r -c "$SSH_ORIGINAL_COMMAND"', "restricted"),
    NoShell("a menu", "echo '1) status 2) quit'; while read -r choice; do echo \"no $choice\"; done", "1) status"),
    NoShell("a prompt that echoes", "exec /bin/sh -c 'printf \"router> \"; exec cat'", "router>"),
    NoShell(
        "a prompt that goes on beyond its input",
        "printf 'Welcome\\r\\n\\033[1mswitch1# \\033[0m'; cat >/dev/null; exec sleep 32",
        "beyond the end of its input; FailTale types nothing; it says: Welcome",
    ),
    NoShell(
        "a prompt of a database",
        "printf 'psql (17)\\n\\npostgres=# '; cat >/dev/null; exec sleep 32",
        "beyond the end of its input; FailTale types nothing; it says: psql (17)",
    ),
    NoShell(
        "a prompt beside a complaint",
        "printf 'db 17\\n(db) '; echo 'no such dump' >&2; cat >/dev/null; exec sleep 32",
        "beyond the end of its input; FailTale types nothing; it says: db 17",
    ),
    NoShell(  # in each image of a cloud that has another account than root
        "a refusal that stays",
        'echo \'Please login as the user \\"ubuntu\\" rather than the user \\"root\\".\'; echo; exec sleep 32',
        "but words that refuse it, and does not end with them; it says: Please login as the user",
    ),
    NoShell(
        "no session of PAM",
        "echo Welcome; exit 254",
        "but status 254: sshd ends so where PAM opens no session (its log",
    ),
    NoShell("another program", "exec sleep 31", "it prints nothing"),
    NoShell("sftp alone", "internal-sftp", "starts no shell"),
    NoShell(
        "a filter of control characters", PASSES_ON + " | stdbuf -o0 tr -d '\\036'", "or a filter stands in between"
    ),
    NoShell("a filter that holds back", PASSES_ON + " | sed 's/^/host: /'", "a filter holds its output back"),
    NoShell("a terminal in between", PASSES_ON + " | sed -u 's/$/\\r/'", "a terminal (as of 'script')"),
    NoShell(
        "a shell behind a key",
        f"echo Press ENTER; read -r key; {PASSES_ON}",
        "typed; FailTale types nothing; it says: Press",
    ),
    NoShell(  # which begins once sshd knows that what it started has ended; a quicker one may answer until then
        "a shell that is left alone",
        f"exec setsid -f /bin/sh -c 'sleep 1; exec {PASSES_ON}'",
        "is its standard input taken away",
    ),
    NoShell("a shell without input", f"{PASSES_ON} </dev/null; echo no room >&2", "too low?); it says: no room"),
    NoShell(
        "a flood",
        f"head -c 3000000 /dev/zero | tr '\\0' x; {PASSES_ON}",
        "within the megabyte that it prints first; it says: xx",
    ),
    NoShell("cmd.exe", "echo \"'exec' is not recognized as an internal command\" >&2; exit 1", "not recognized"),
)


@pytest.mark.parametrize("no_shell", NO_SHELLS, ids=str)
def test_a_login_without_a_shell_is_told_in_its_own_words_and_asked_once_a_minute(
    no_shell: NoShell, new_host: Callable[..., Sshd]
) -> None:
    host, clock = new_host(options=[f"ForceCommand {no_shell.command}"]), Clock()
    patience_s = 6.0 if no_shell.command.startswith("exec sleep") else PATIENCE_S  # all others end by themselves
    with closing(Connections(config_for(host, connect_timeout_s=patience_s), clock=clock)) as connections:
        with pytest.raises(TransportError) as caught:
            run(connections, "echo answer")
        assert no_shell.says in str(caught.value)
        assert caught.value.reason == "refused"
        assert not connections.is_open("web1")
        with pytest.raises(TransportError, match="not tried again"):
            run(connections, "echo answer")
        assert host.logins_seen == 1
        assert host.sessions_seen <= 2  # the second tells what the first one waits for


def test_a_prompt_that_knows_no_exec_is_recognised_by_its_second_start(new_host: Callable[..., Sshd]) -> None:
    """As gdb does, for which the command line is the name of a file; it goes on."""
    complains = "printf '(gdb) '; echo \"${SSH_ORIGINAL_COMMAND%% *}: No such file or directory.\" >&2; exec cat"
    host = new_host(options=[f"ForceCommand {complains}"])
    with (
        closing(to(host, connect_timeout_s=PATIENCE_S)) as connections,
        pytest.raises(TransportError, match="sh: No such file or directory"),
    ):
        run(connections, "echo answer")


@pytest.mark.needs("bash")
def test_functions_that_a_login_exports_stand_for_no_command_of_ours(
    new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    """Where `sh` is bash it takes them over, in place of programs and of its own commands."""
    (tmp_path / "sh").symlink_to(shutil.which("bash") or "")
    host = new_host(options=['ForceCommand exec /bin/bash -c "$SSH_ORIGINAL_COMMAND"'], environment={"SSH_CLIENT": "x"})
    names = ("read", "kill", "wait", "printf", "date", "sleep", "tail", "grep", "cd", "sudo")
    functions = "".join(f"{name}() {{ builtin echo FN; }}; export -f {name}\n" for name in names)
    (host.directory / ".bashrc").write_text(f"{functions}export PATH={tmp_path}:$PATH\n")
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        for _ in range(2):
            results = visit(
                connections,
                item("status", "echo out; exit 3"),
                item("filtered", "seq 9", "tail -n 1"),
                batched("one", "echo 1"),
            )
            assert [each.exit_status for each in results.values()] == [3, 0, 0]
            assert [each.stdout for each in results.values()] == [b"out\n", b"9\n", b"1\n"]
        assert wait_until(lambda: host.leftovers() == [])


def test_a_variable_of_a_login_names_no_process_that_is_to_be_ended(new_host: Callable[..., Sshd]) -> None:
    """Whoever exported `watch=1` asked for the end of the first process, as root."""
    with subprocess.Popen(["sleep", "100"]) as others:
        host = new_host(options=[f"ForceCommand export watch={others.pid}; exec {PASSES_ON}"])
        with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
            assert run(connections, "echo answer").stdout == b"answer\n"
        assert others.poll() is None
        others.kill()


def test_a_slow_login_is_waited_for_and_not_begun_anew(new_host: Callable[..., Sshd]) -> None:
    host = new_host(options=['ForceCommand exec /bin/bash -c "$SSH_ORIGINAL_COMMAND"'], environment={"SSH_CLIENT": "x"})
    starts_up = "if [ -z $START ]; then echo >> starts; export START=$(wc -l < starts); sleep 2.5; fi"
    (host.directory / ".bashrc").write_text(f"cd {host.directory}; {starts_up}\n")
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        assert run(connections, "echo $START").stdout == b"1\n"
        assert host.logins_seen == 1
        assert wait_until(lambda: host.leftovers() == [])


def test_a_slow_login_of_one_session_is_visited_again(new_host: Callable[..., Sshd]) -> None:
    host = new_host(options=["MaxSessions 1", f"ForceCommand sleep 2.5; {PASSES_ON}"])
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        assert run(connections, "echo answer").stdout == b"answer\n"


START_UP_FILES = {"SSH_CLIENT": "x"}
"""Makes bash read its .bashrc where a command is forced."""
ONCE = "[ -z $STARTED ] || return; export STARTED=yes\n"
"""In a .bashrc that the account's shell reads and the forced one would read again."""


@pytest.mark.needs("bash")
def test_a_start_up_file_that_prints_the_like_of_a_prompt_and_goes_on_is_no_prompt(
    new_host: Callable[..., Sshd],
) -> None:
    """Nobody types anything; what goes on printing is waited for."""
    host = new_host(options=[f"ForceCommand exec {BASH_PASSES_ON}"], environment=START_UP_FILES)
    (host.directory / ".bashrc").write_text(
        f"{ONCE}for part in 1 2 3 4; do printf 'Password: '; sleep 0.8; done; echo\n"
    )
    for last in (False, False, True):  # on a busy machine it may pause for longer
        with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
            try:
                assert run(connections, "echo answer").stdout == b"answer\n"
                break
            except TransportError:
                if last:
                    raise


@pytest.mark.needs("bash")
def test_a_login_that_was_judged_by_a_prompt_has_all_its_time_a_minute_later(
    new_host: Callable[..., Sshd],
) -> None:
    host, clock = new_host(options=[f"ForceCommand exec {BASH_PASSES_ON}"], environment=START_UP_FILES), Clock()
    (host.directory / ".bashrc").write_text(f"{ONCE}printf 'Press any key'; sleep 4\n")
    with closing(Connections(config_for(host, connect_timeout_s=PATIENCE_S), clock=clock)) as connections:
        with pytest.raises(TransportError, match="FailTale types nothing"):
            run(connections, "echo answer")
        clock.now += 61
        assert run(connections, "echo answer").stdout == b"answer\n"


@pytest.mark.parametrize("to_where", ["3>&1 1>&2 2>&3", ">&2"], ids=["swapped", "all on stderr"])
def test_a_login_that_sends_output_to_standard_error_gives_its_evidence(
    to_where: str, new_host: Callable[..., Sshd]
) -> None:
    host = new_host(options=[f"ForceCommand exec {PASSES_ON} {to_where}"])
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        asked = [batched(f"item{n}", f"echo {n}; exit {n}") for n in range(3)]
        for _ in range(2):  # a known login is sent all at once
            results = visit(connections, *asked, item("filtered", "seq 9", "tell produced 9 18; tail -n 1"))
            assert [results[f"item{n}"].stdout for n in range(3)] == [b"0\n", b"1\n", b"2\n"]
            assert [results[f"item{n}"].exit_status for n in range(3)] == [0, 1, 2]
            assert results["filtered"].stdout == b"9\n"
            assert {each.incomplete for each in results.values()} == {None}
        assert wait_until(lambda: host.leftovers() == [])


def test_streams_that_a_login_mixes_cost_no_item_its_output(new_host: Callable[..., Sshd]) -> None:
    host = new_host(options=[f"ForceCommand exec {PASSES_ON} 2>&1"])
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        asked = [batched(f"item{n}", f"echo {n}a; echo {n}b >&2; echo {n}c") for n in range(5)]
        for _ in range(3):  # a known login is sent all at once
            results = visit(
                connections, *asked, item("bounded", "seq 9; echo more >&2", "tell produced 9 18; tail -n 1")
            )
            assert [sorted(results[f"item{n}"].stdout.split()) for n in range(5)] == [
                [b"%da" % n, b"%db" % n, b"%dc" % n] for n in range(5)
            ]
            assert results["bounded"].stdout.split() == [b"9", b"more"]
            assert results["bounded"].stderr.endswith(b" produced 9 18\n")


@pytest.mark.needs("bash")
@pytest.mark.parametrize(
    "by_a_program",
    ["tee /dev/null", "tee /dev/stderr", "exec setsid sh -c 'sleep 0.3; exec cat'"],
    ids=["joined", "doubled", "late"],
)
def test_streams_that_a_program_of_the_login_joins_cost_no_item_its_output(
    by_a_program: str, new_host: Callable[..., Sshd], tmp_path: Path
) -> None:
    """What that program passes on comes whenever it comes, and so among the output of any command."""
    login = tmp_path / "login"
    login.write_text(f"#!/bin/bash\nexec {PASSES_ON} 2> >({by_a_program})\n")
    login.chmod(0o755)
    host = new_host(options=[f"ForceCommand {login}"])
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        asked = [batched(f"item{n}", f"echo {n}a; echo {n}b >&2; echo {n}c; exit {n}") for n in range(5)]
        for _ in range(3):
            results = visit(connections, *asked, item("bounded", "seq 9", "tell produced 9 18; tail -n 1"))
            for n in range(5):
                assert sorted(results[f"item{n}"].stdout.split()) == [b"%d%c" % (n, part) for part in b"abc"]
                assert (results[f"item{n}"].exit_status, results[f"item{n}"].incomplete) == (n, None)
            assert results["bounded"].stdout == b"9\n"
            assert results["bounded"].stderr.endswith(b" produced 9 18\n")
        assert wait_until(lambda: host.leftovers() == [])


@pytest.mark.parametrize("away", ["2>/dev/null", "2>&-"])
def test_a_login_that_drops_standard_error_is_told_and_its_output_kept(
    away: str, new_host: Callable[..., Sshd]
) -> None:
    host = new_host(options=[f"ForceCommand exec {PASSES_ON} {away}"])
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        results = visit(
            connections, batched("one", "echo one"), batched("two", "echo two; exit 4"), item("three", "seq 3")
        )
        assert [each.stdout for each in results.values()] == [b"one\n", b"two\n", b"1\n2\n3\n"]
        assert results["two"].exit_status == 4
        assert {each.incomplete for each in results.values()} == {
            "its standard error is missing: the login passes none on"
        }
        again = visit(connections, batched("one", "echo one"), item("three", "seq 3; echo why >&2; exit 5"))
        assert {each.incomplete for each in again.values()} == {None}
        assert (again["three"].stdout.split(), again["three"].exit_status) == ([b"1", b"2", b"3", b"why"], 5)


@pytest.mark.parametrize(
    ("start_up", "login_filter", "is_told"),
    [("true", "sed -u 's/^/host: /'", True), ("printf 'no end '; printf 'nor here ' >&2", "cat", False)],
    ids=["a prefix", "an open line"],
)
def test_a_login_that_changes_lines_is_told_in_its_own_words(
    start_up: str, login_filter: str, is_told: bool, new_host: Callable[..., Sshd]
) -> None:
    host = new_host(options=[f"ForceCommand {start_up}; {PASSES_ON} | {login_filter}"])
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        for _ in range(2):
            result = run(connections, "echo answer")
            assert b"answer\n" in result.stdout
            assert ("became 'host: failtale " in (result.incomplete or "")) == is_told


def test_a_login_that_passes_output_on_slowly_is_not_told_as_silent(new_host: Callable[..., Sshd]) -> None:
    slowly = "while IFS= read -r line; do printf '%s\\n' \"$line\"; sleep 0.05; done"
    host = new_host(options=[f"ForceCommand {PASSES_ON} | {slowly}"])
    with closing(to(host, connect_timeout_s=PATIENCE_S)) as connections:
        results = visit(connections, item("much", "seq 2000"), item("next", "echo next"), lasts_s=5.0)
        assert results["much"].stdout.startswith(b"1\n2\n3\n")
        assert "connection lost: the host was " in str(results["next"].incomplete or results["much"].incomplete)
        assert "still sending at the time limit" in str(results["next"].incomplete or results["much"].incomplete)


def test_what_a_login_starts_in_place_of_a_shell_ends_with_the_visit(
    as_root: None, public_directory: Path, new_host: Callable[..., Sshd]
) -> None:
    """It neither reads nor ends; a server passes signals on to what is neither root's nor forced on the account."""
    home = public_directory / "home"
    with throw_away_user(shell="/bin/bash", home=home) as user:
        host = new_host(directory=home, user=user)
        (home / ".bashrc").write_text("trap '' TERM; sleep 301; sleep 302\n")
        with closing(to(host, connect_timeout_s=6.0)) as connections:
            with pytest.raises(TransportError, match="starts no shell for .* within 6 s"):
                run(connections, "echo answer")
            assert wait_until(lambda: host.leftovers() == [])
        host.stop()


def test_nothing_runs_that_a_login_reads_from_elsewhere(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    elsewhere, ran = tmp_path / "elsewhere", tmp_path / "ran"
    elsewhere.write_text(f"echo ran >> {ran}\n" * 500)
    host = new_host(options=[f"ForceCommand {PASSES_ON} < {elsewhere}"])
    with (
        closing(to(host, connect_timeout_s=PATIENCE_S)) as connections,
        pytest.raises(TransportError, match="taken away"),
    ):
        run(connections, "echo answer")
    assert not ran.exists()


def test_a_menu_gets_no_key_pressed_by_us(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    host = new_host(options=[f"ForceCommand echo menu; cat > {keys}"])
    with closing(to(host)) as connections, pytest.raises(TransportError, match="starts no shell"):
        run(connections, "echo answer")
    assert keys.read_bytes() == b""


# --- Dropbear


@pytest.fixture
def small_system(as_root: None, public_directory: Path) -> Iterator[Connections]:
    if dropbear.BINARY is None:
        missing("dropbear", apt("dropbear-bin"))
    home = public_directory / "home"
    home.mkdir()
    with throw_away_user(home=home) as user, dropbear.dropbear(home, user) as ssh:
        connections = Connections(config_at("127.0.0.1", **ssh))
        yield connections
        connections.close()
        assert wait_until(lambda: running_with(f"USER={user}") == [])


def test_dropbear_takes_a_visit_of_any_length(small_system: Connections) -> None:
    for _ in range(4):  # a busy machine may be silent for so long that a connection is replaced
        before = small_system.opened
        results = visit(small_system, item("one", "echo one; exit 4"), item("long", LONG + LONG + "echo long"))
        assert [(each.stdout, each.exit_status) for each in results.values()][:1] == [(b"one\n", 4)]
        assert visit(small_system, item("again", "echo again"))["again"].stdout == b"again\n"
        if small_system.opened == max(before, 1):
            break
    assert small_system.opened == max(before, 1), "a long visit ended the connection each time"


def test_the_doctor_is_content_with_dropbear(as_root: None, public_directory: Path) -> None:
    """Its command lines are short, and it has no sftp; a checkup asks for neither."""
    if dropbear.BINARY is None:
        missing("dropbear", apt("dropbear-bin"))
    home = public_directory / "home"
    home.mkdir()
    (home / "app.log").write_text("started\n")
    collectors = [{"name": "state", "command": "id -un"}, {"name": "log", "file": str(home / "app.log")}]
    with throw_away_user(home=home) as user, dropbear.dropbear(home, user) as ssh:
        host = {"component": "web", "address": "127.0.0.1", "ssh": ssh}
        data = {"components": {"web": {"collectors": collectors}}, "hosts": {"web1": host}}
        found = check(Config.model_validate({**data, "bundles": {"enabled": False}}), environ={})
        assert found.well, found
        assert [each.verdict for each in found.hosts[0].collectors] == ["ok", "ok"]
        assert f"logged in as {user}" in found.hosts[0].stages[0].said
        assert wait_until(lambda: running_with(f"USER={user}") == [])


def test_nothing_is_left_behind_on_dropbear(small_system: Connections) -> None:
    late = item("late", "echo part; (trap '' TERM; sleep 300; sleep 300)", timeout_s=4.0)
    results = visit(small_system, late, item("strays", "setsid sleep 300 & echo done"))
    assert (results["late"].stdout, results["late"].timed_out) == (b"part\n", True)
    assert results["strays"].stdout == b"done\n"
