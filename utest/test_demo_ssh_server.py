from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest
from patience import PATIENCE_S, wait_until

from FailTaleLibrary.demo.processes import Processes
from FailTaleLibrary.demo.shop_hosts import source_directories
from FailTaleLibrary.demo.ssh_server import USER


@dataclass(frozen=True)
class Lab:
    """A running server with two hosts, `red` and `blue`."""

    home: Path
    ports: dict[str, int]
    processes: Processes

    def connect(self, host: str = "red", *, key_of: str = "", user: str = USER) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.load_host_keys(str(self.home / "ssh/known_hosts"))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        key = paramiko.ECDSAKey.from_private_key_file(str(self.home / "ssh" / (key_of or host)))
        try:
            client.connect(
                "127.0.0.1", self.ports[host], username=user, pkey=key, allow_agent=False, look_for_keys=False
            )
        except BaseException:
            client.close()
            raise
        return client


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("ssh")
    with start_lab(home) as processes:
        yield open_lab(home, processes)


def start_lab(home: Path) -> Processes:
    for host in ("red", "blue"):
        (home / host).mkdir()
        (home / host / f"{host}.log").write_text(f"I am {host}\n")
    return Processes(home, environment=os.environ | {"PYTHONPATH": os.pathsep.join(source_directories())})


def open_lab(home: Path, processes: Processes) -> Lab:
    words = processes.start("FailTaleLibrary.demo.ssh_server", str(home), "red", "blue")
    return Lab(home, {host: int(port) for host, port in (word.split("=") for word in words.split())}, processes)


def run(client: paramiko.SSHClient, command: str) -> tuple[int, bytes, bytes]:
    _, stdout, stderr = client.exec_command(command, timeout=PATIENCE_S)
    out, err = stdout.read(), stderr.read()
    return stdout.channel.recv_exit_status(), out, err


def start_and_wait_for_pid(client: paramiko.SSHClient, command: str) -> tuple[paramiko.Channel, int]:
    """Start a command whose first words are a process id."""
    transport = client.get_transport()
    assert transport is not None
    channel = transport.open_session()
    channel.settimeout(PATIENCE_S)
    channel.exec_command(command)
    return channel, int(channel.recv(100))


def drop_connection(client: paramiko.SSHClient) -> None:
    """What a client's crash looks like from the server: the TCP connection ends without a word of SSH."""
    transport = client.get_transport()
    assert transport is not None
    transport.sock.close()
    client.close()


def is_alive(pid: int) -> bool:
    """A zombie that waits for a slow init is not alive."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_the_exit_status_and_both_streams_of_a_command_reach_the_client_apart(lab: Lab) -> None:
    with lab.connect() as client:
        assert run(client, "echo to-out; echo to-err >&2; exit 3") == (3, b"to-out\n", b"to-err\n")


def test_a_killed_command_has_the_exit_status_that_a_shell_would_show(lab: Lab) -> None:
    with lab.connect() as client:
        assert run(client, "kill -KILL $$")[0] == 137


def test_two_megabytes_on_each_stream_arrive_complete(lab: Lab) -> None:
    with lab.connect() as client, ThreadPoolExecutor() as pool:
        _, stdout, stderr = client.exec_command("head -c 2000000 /dev/zero; head -c 2000000 /dev/zero >&2")
        out, err = pool.submit(stdout.read), pool.submit(stderr.read)
        assert len(out.result(PATIENCE_S)) == 2_000_000
        assert len(err.result(PATIENCE_S)) == 2_000_000
        assert stdout.channel.recv_exit_status() == 0


def test_short_commands_are_granted_before_their_channel_closes(lab: Lab) -> None:
    with lab.connect() as client, ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: run(client, "true"), range(40))) == {(0, b"", b"")}


def test_each_host_has_a_root_of_its_own(lab: Lab) -> None:
    with lab.connect("red") as red, lab.connect("blue") as blue:
        assert run(red, "cat red.log; pwd; echo ~") == (0, f"I am red\n{lab.home}/red\n{lab.home}/red\n".encode(), b"")
        assert run(blue, "cat blue.log")[1] == b"I am blue\n"


def test_a_path_that_is_not_on_the_host_gives_nothing(lab: Lab) -> None:
    with lab.connect("red") as red:
        status, out, err = run(red, "cat blue.log")
    assert (status, out) == (1, b"")
    assert b"No such file" in err


def test_the_key_of_another_host_is_refused(lab: Lab) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        lab.connect("red", key_of="blue")


def test_another_user_is_refused_even_with_the_right_key(lab: Lab) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        lab.connect("red", user="root")


def test_hosts_have_host_keys_of_their_own_that_stand_in_known_hosts(lab: Lab) -> None:
    known = paramiko.HostKeys(str(lab.home / "ssh/known_hosts"))
    red, blue = (known.lookup(f"[127.0.0.1]:{lab.ports[host]}") for host in ("red", "blue"))
    assert red is not None
    assert blue is not None
    assert set(red.values()).isdisjoint(blue.values())


def test_client_keys_are_readable_by_their_owner_only(lab: Lab) -> None:
    assert {(lab.home / "ssh" / host).stat().st_mode & 0o777 for host in lab.ports} == {0o600}


def test_shells_and_subsystems_are_refused(lab: Lab) -> None:
    with lab.connect() as client:
        with pytest.raises(paramiko.SSHException):
            client.invoke_shell()
        with pytest.raises(paramiko.SSHException):
            client.open_sftp()


def test_the_end_of_the_clients_input_is_the_end_of_the_commands_input(lab: Lab) -> None:
    with lab.connect() as client:
        stdin, stdout, _ = client.exec_command("cat; echo over")
        stdin.write(b"heard, ")
        stdin.channel.shutdown_write()
        assert stdout.read() == b"heard, over\n"


def test_a_dropped_connection_ends_the_commands_input_at_once(lab: Lab) -> None:
    client = lab.connect()
    start_and_wait_for_pid(client, "echo $$; cat > /dev/null; echo noticed > noticed")
    drop_connection(client)
    assert wait_until((lab.home / "red/noticed").exists)


@pytest.mark.parametrize("leave", [drop_connection, paramiko.SSHClient.close])
def test_a_command_that_takes_no_notice_is_killed_when_its_client_left(
    lab: Lab, leave: Callable[[paramiko.SSHClient], None]
) -> None:
    client = lab.connect()
    _, pid = start_and_wait_for_pid(client, "echo $$; trap '' TERM HUP; sleep 1000")
    leave(client)
    assert wait_until(lambda: not is_alive(pid))


def test_a_client_that_said_all_and_then_left_is_noticed_too(lab: Lab) -> None:
    client = lab.connect()
    channel, pid = start_and_wait_for_pid(client, "echo $$; sleep 1000")
    channel.shutdown_write()
    drop_connection(client)
    assert wait_until(lambda: not is_alive(pid))


def test_a_watcher_on_the_input_has_time_to_kill_what_moved_to_another_process_group(lab: Lab) -> None:
    client = lab.connect()
    watcher = "cat <&3; sleep 0.2; kill -KILL -$p"
    command = f"exec 3<&0; timeout 1000 sleep 999 </dev/null & p=$!; ({watcher}) & echo $p; wait"
    _, pid = start_and_wait_for_pid(client, command)
    drop_connection(client)
    assert wait_until(lambda: not is_alive(pid))


def test_a_child_that_holds_the_output_does_not_hide_the_exit_status_and_dies_with_the_channel(lab: Lab) -> None:
    with lab.connect() as client:
        channel, child = start_and_wait_for_pid(client, "sleep 1000 & echo $!; exit 4")
        assert channel.recv_exit_status() == 4
        assert is_alive(child)
        channel.close()
        assert wait_until(lambda: not is_alive(child))


def test_nothing_is_left_when_the_server_ends(tmp_path: Path) -> None:
    with start_lab(tmp_path) as processes:
        lab = open_lab(tmp_path, processes)
        client = lab.connect()
        (server,) = processes.pids
        _, command = start_and_wait_for_pid(client, "echo $$; sleep 1000")
    assert not is_alive(server)
    assert not is_alive(command)
    client.close()
