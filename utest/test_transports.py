"""What a host answers to a script, over SSH and here; how connections are kept."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import FOREVER_S, PATIENCE_S, wait_until
from sshd import Sshd
from ways import config_for, run, to

from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.transports import Connections, Transport
from FailTaleLibrary.transports.host_keys import Trust
from FailTaleLibrary.transports.local import LocalTransport
from FailTaleLibrary.transports.reach import reach_of
from FailTaleLibrary.transports.ssh_login import Login
from FailTaleLibrary.transports.visit_answers import STDERR_BYTES, NewestBytes

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@pytest.fixture(scope="module")
def over_ssh(a_host: Sshd) -> Iterator[Connections]:
    connections = to(a_host)
    yield connections
    connections.close()


@pytest.fixture(params=[pytest.param("ssh", marks=pytest.mark.ssh), "local"])
def way(request: pytest.FixtureRequest) -> Transport:
    """The same laws hold over SSH and here."""
    if request.param == "local":
        return LocalTransport()
    connections: Connections = request.getfixturevalue("over_ssh")
    return connections.transport("web1")


def test_a_script_is_answered_with_output_and_status(way: Transport) -> None:
    result = run(way, "echo out; echo err >&2; exit 3")
    assert (result.stdout, result.stderr, result.exit_status) == (b"out\n", b"err\n", 3)
    assert (result.timed_out, result.incomplete, result.was_started, result.omitted_bytes) == (False, None, True, 0)


def test_the_status_is_the_producers_own_and_not_its_filters(way: Transport) -> None:
    result = run(way, "echo out; exit 7", "cat | cat")
    assert (result.stdout, result.exit_status) == (b"out\n", 7)


def test_a_filter_that_finds_nothing_is_no_failed_command(way: Transport) -> None:
    result = run(way, "echo out", "grep nothing")
    assert (result.stdout, result.exit_status) == (b"", 0)


def test_a_command_that_is_not_there_says_127(way: Transport) -> None:
    result = run(way, "no-such-command --now")
    assert result.exit_status == 127
    assert b"not found" in result.stderr


def test_a_signal_is_a_status(way: Transport) -> None:
    assert run(way, "kill -SEGV $$").exit_status == 128 + 11


def test_any_byte_arrives_unchanged(way: Transport) -> None:
    octal = "".join(f"\\{byte:03o}" for byte in range(256))
    assert run(way, f"printf '{octal}'", "cat").stdout == bytes(range(256))


@settings(max_examples=40)
@given(said=TEXTS, filtered=TEXTS)
def test_any_quoting_in_producer_and_filters_reaches_the_shell_unchanged(said: str, filtered: str) -> None:
    result = run(LocalTransport(), f"printf %s {shlex.quote(said)}", f"cat; printf %s {shlex.quote(filtered)}")
    assert result.stdout == (said + filtered).encode()


@pytest.mark.ssh
@pytest.mark.parametrize("text", ['it\'s $HOME `id` "x" \\ !', "two\nlines\n", "'\"'\"'", "äß\t"])
def test_a_filter_with_quotes_reaches_the_host_unchanged(over_ssh: Connections, text: str) -> None:
    assert run(over_ssh, "true", f"printf %s {shlex.quote(text)}").stdout == text.encode()


def test_programs_are_asked_for_plain_output_and_have_no_input(way: Transport) -> None:
    result = run(way, 'echo "$LC_ALL $TERM $SYSTEMD_COLORS $PAGER"; cat; tty', 'cat; echo "$LC_ALL"')
    assert result.stdout == b"C dumb 0 cat\nnot a tty\nC\n"


def test_a_filter_that_has_enough_ends_the_producer(way: Transport) -> None:
    result = run(way, "yes", "head -n 1")
    assert (result.stdout, result.exit_status, result.timed_out) == (b"y\n", 128 + 13, False)
    assert result.stderr == b""


def test_of_100_mb_the_newest_bytes_travel_and_no_others(way: Transport) -> None:
    result = run(way, "head -c 100000000 /dev/zero; echo end", max_bytes=1000)
    assert result.stdout == b"\0" * 996 + b"end\n"
    assert result.omitted_bytes >= 1  # of a script that does not count itself nobody knows more
    assert result.received_bytes < 2000


def test_5_mb_on_stderr_do_not_stop_stdout(way: Transport) -> None:
    result = run(way, "echo first; head -c 5000000 /dev/zero >&2; echo last; echo end >&2")
    assert result.stdout == b"first\nlast\n"
    assert result.stderr.endswith(b"\0end\n")
    assert len(result.stderr) == STDERR_BYTES


def test_a_log_line_cannot_forge_the_report(way: Transport) -> None:
    result = run(way, "printf '\\n\\036FailTale producer=0 filters=0\\n' >&2; exit 5")
    assert result.exit_status == 5
    assert b"FailTale producer=0" in result.stderr


@given(chunks=st.lists(st.binary(max_size=300)), max_bytes=st.integers(1, 500))
def test_any_stream_keeps_its_newest_bytes(chunks: list[bytes], max_bytes: int) -> None:
    newest, whole = NewestBytes(max_bytes), b"".join(chunks)
    for chunk in chunks:
        newest.add(chunk)
    assert (newest.data, newest.received) == (whole[-max_bytes:], len(whole))


# --- Connections


@pytest.mark.ssh
def test_one_connection_serves_the_whole_run(new_host: Callable[..., Sshd]) -> None:
    host = new_host()
    connections = to(host)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda number: run(connections, f"echo {number}").stdout, range(24)))
    assert results == [f"{number}\n".encode() for number in range(24)]
    assert (connections.opened, host.connections_seen) == (1, 1)
    connections.close()


@pytest.mark.ssh
def test_a_server_that_takes_one_session_at_a_time_gets_one_at_a_time(new_host: Callable[..., Sshd]) -> None:
    connections = to(new_host(options=["MaxSessions 1"]))
    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(lambda number: run(connections, f"sleep 0.1; echo {number}").stdout, range(6)))
    assert results == [f"{number}\n".encode() for number in range(6)]
    assert connections.opened == 1
    connections.close()


@pytest.mark.ssh
def test_a_server_that_wants_new_keys_for_each_packet_of_data_is_no_storm(new_host: Callable[..., Sshd]) -> None:
    """Only keys that nothing was sent between are."""
    megabytes = 7_000_000
    with closing(to(new_host(options=["RekeyLimit 16K"]))) as connections:
        result = run(connections, f"yes keys | head -c {megabytes}", max_bytes=megabytes)
        assert (len(result.stdout), result.incomplete) == (megabytes, None)
        assert connections.opened == 1


@pytest.mark.ssh
def test_a_rebooted_host_is_connected_to_again_without_a_failure_in_between(new_host: Callable[..., Sshd]) -> None:
    host = new_host()
    connections = to(host)
    run(connections, "true")
    transport = connections.transport("web1")
    host.restart()
    assert run(transport, "echo back").stdout == b"back\n"
    assert connections.opened == 2
    connections.close()


@pytest.mark.ssh
def test_a_host_that_refused_while_it_rebooted_answers_as_soon_as_it_is_back(new_host: Callable[..., Sshd]) -> None:
    """A mark in the background may have met the refusal; the failure a moment later asks again."""
    host = new_host()
    connections = to(host)
    transport = connections.transport("web1")
    run(transport, "true")
    host.stop()
    for _ in range(2):
        with pytest.raises(TransportError, match="no SSH server listens there") as caught:
            run(transport, "true")
        assert "not tried again" not in str(caught.value)
    host.start()
    assert run(transport, "echo back").stdout == b"back\n"
    connections.close()


@pytest.mark.ssh
def test_short_questions_are_sent_at_once(a_host: Sshd) -> None:
    """Nagle's algorithm, which paramiko leaves on, would cost 40 ms each."""
    connection = Login(Trust(reach_of(config_for(a_host), "web1"))).connection()
    assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    connection.close()


@pytest.mark.ssh
@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="this kernel acknowledges as it likes")
def test_what_a_server_says_behind_a_login_is_acknowledged_at_once(a_host: Sshd) -> None:
    """It may keep its answer to the first question until then, which takes the system 40 ms."""
    with closing(Login(Trust(reach_of(config_for(a_host), "web1"))).connection()) as connection:
        assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)


@pytest.mark.ssh
def test_a_closed_run_asks_nobody(a_host: Sshd) -> None:
    connections = to(a_host)
    connections.close()
    connections.close()
    with pytest.raises(TransportError, match="the run has ended") as caught:
        connections.transport("web1")
    assert caught.value.reason == "cancelled"
    assert not connections.is_open("web1")


@pytest.mark.ssh
def test_closing_is_quick_while_commands_run(new_host: Callable[..., Sshd]) -> None:
    host = new_host()
    connections = to(host)
    transport = connections.transport("web1")
    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(run, transport, "echo part; sleep 300")
        assert wait_until(lambda: any("sleep 300" in line for line in host.leftovers()))
        connections.close()
        result = pending.result(PATIENCE_S)
    assert result.incomplete is not None
    assert result.incomplete.startswith("connection lost")


def test_a_local_host_needs_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config.model_validate(
        {"components": {"web": {}}, "hosts": {"here": {"component": "web", "transport": "local"}}}
    )
    connections = Connections(config)
    monkeypatch.setenv("FAILTALE_TEST", "here")
    result = run(connections.transport("here"), "echo $FAILTALE_TEST")
    assert (result.stdout, connections.opened, connections.is_open("here")) == (b"here\n", 0, True)
    connections.close()


def test_a_host_that_is_not_configured_is_never_this_machine() -> None:
    connections = Connections(Config())
    with pytest.raises(KeyError):
        connections.transport("here")
    connections.close()


def test_a_cancelled_script_is_over_at_once_and_keeps_what_came(way: Transport, tmp_path: Path) -> None:
    cancel, began = threading.Event(), tmp_path / "began"
    began.touch(mode=0o666)
    began.chmod(0o666)
    threading.Thread(target=lambda: wait_until(began.read_text) and cancel.set(), daemon=True).start()
    result = run(way, f"echo part; echo began > {began}; sleep {FOREVER_S}", "tail -c 100", cancel=cancel)
    assert result.stdout == b"part\n"
    assert result.incomplete is not None
    assert result.incomplete.startswith("cancelled after")
    assert not result.timed_out


# --- What users of the library must not notice


def in_python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_importing_transports_does_not_import_paramiko() -> None:
    done = in_python("import sys, FailTaleLibrary.transports as t; sys.exit('paramiko' in sys.modules)")
    assert done.returncode == 0, done.stderr


def test_a_run_loads_what_only_some_failures_need_when_one_needs_it() -> None:
    heavy = {"paramiko", "jinja2", "ollama", "mcp", "FailTaleLibrary.hints", "FailTaleLibrary.hints.maker"}
    done = in_python(f"import sys, FailTaleListener; print(sorted({heavy} & set(sys.modules)))")
    assert done.stdout.strip() == "[]", done


ON_A_HOST = """
import sys, threading, time
from FailTaleLibrary.config import Config
from FailTaleLibrary.transports import Connections, Script
port, user, key, known_hosts = sys.argv[1:5]
ssh = dict(port=int(port), user=user, key=key, known_hosts=known_hosts)
config = Config.model_validate(
    dict(components=dict(web={}), hosts=dict(web1=dict(component="web", address="127.0.0.1", ssh=ssh)))
)
transport = Connections(config).transport("web1")
def run(text):
    return transport.run(Script(text), timeout_s=600, max_bytes=1000, cancel=threading.Event())
"""


def on_a_host(host: Sshd, script: str, *, before: str = "") -> subprocess.CompletedProcess[str]:
    ssh = host.ssh_settings()
    return in_python(before + ON_A_HOST + script, ssh["port"], ssh["user"], ssh["key"], ssh["known_hosts"])


@pytest.mark.ssh
def test_an_interpreter_that_forgets_to_close_still_exits_at_once_and_leaves_nothing(
    new_host: Callable[..., Sshd],
) -> None:
    host = new_host()
    script = """
threading.Thread(target=run, args=("sleep 600.5",), daemon=True).start()
while "nothing" in run("pgrep -fx 'sleep 600.5' >/dev/null || echo nothing").stdout.decode(): time.sleep(0.05)
"""
    done = on_a_host(host, script)
    assert done.returncode == 0, done.stderr
    assert wait_until(lambda: host.leftovers() == []), host.leftovers()


@pytest.mark.ssh
def test_a_machine_without_md5_can_connect(a_host: Sshd) -> None:
    no_md5 = """
import hashlib
def forbidden(*arguments, **named):
    raise ValueError("disabled for FIPS")
hashlib.md5 = forbidden
"""
    done = on_a_host(a_host, "print(run('echo hi').stdout.decode())", before=no_md5)
    assert done.stdout.strip() == "hi", done.stderr


@pytest.mark.ssh
def test_what_a_login_prints_is_no_part_of_the_answer(new_host: Callable[..., Sshd], tmp_path: Path) -> None:
    greeting = tmp_path / "shell"
    greeting.write_text('#!/bin/sh\necho "Welcome to app1, load 0.1"\nexec /bin/sh "$@"\n')
    greeting.chmod(0o755)
    host = new_host(options=[f'ForceCommand {greeting} -c "$SSH_ORIGINAL_COMMAND"'])
    with closing(to(host)) as connections:
        assert run(connections, "echo answer").stdout == b"answer\n"


@pytest.mark.ssh
def test_a_login_that_starts_no_shell_is_told_in_its_own_words(new_host: Callable[..., Sshd]) -> None:
    host = new_host(options=["ForceCommand echo This account is currently not available."])
    with (
        closing(to(host)) as connections,
        pytest.raises(TransportError, match="it says: This account is currently not"),
    ):
        run(connections, "echo answer")
