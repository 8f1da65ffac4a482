"""The same commands on the same hosts, by other means: what FailTale's collection is measured beside.

    python -m bench.rivals WAY SETTINGS

SETTINGS is a file with `hosts` (name, address, port), `user`, `key`, `known_hosts`, `commands` and `rounds`. Each way
asks all hosts at once, takes whole outputs and prints the seconds of each round, on the clock and of the processor; the
first one includes connecting. No way but FailTale's limits, filters, redacts or ranks anything, or ends what hangs on
the host. Each loads what it needs itself, and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Settings = dict[str, Any]


def asyncssh(settings: Settings) -> None:
    """One connection for each host; a channel for each command, all at once."""
    import asyncio

    import asyncssh as ssh

    async def all_of() -> None:
        async def ask(host: dict[str, Any], connections: dict[str, Any]) -> None:
            if host["name"] not in connections:
                connections[host["name"]] = await ssh.connect(
                    host["address"],
                    host["port"],
                    username=settings["user"],
                    client_keys=[settings["key"]],
                    known_hosts=settings["known_hosts"],
                )
            connection = connections[host["name"]]
            await asyncio.gather(*(connection.run(command, check=False) for command in settings["commands"]))

        connections: dict[str, Any] = {}
        for _ in range(settings["rounds"]):
            began = time.perf_counter()
            await asyncio.gather(*(ask(host, connections) for host in settings["hosts"]))
            _tell(began)

    asyncio.run(all_of())


def paramiko(settings: Settings) -> None:
    """One connection for each host, four channels at once on each."""
    from concurrent.futures import ThreadPoolExecutor

    import paramiko as ssh

    def ask(host: dict[str, Any], clients: dict[str, Any]) -> None:
        if host["name"] not in clients:
            client = ssh.SSHClient()
            client.load_host_keys(settings["known_hosts"])
            client.connect(host["address"], host["port"], settings["user"], key_filename=settings["key"])
            client.get_transport().sock.setsockopt(6, 1, 1)  # TCP_NODELAY, which paramiko leaves off
            clients[host["name"]] = client

        def run(command: str) -> bytes:
            transport = clients[host["name"]].get_transport()
            while True:
                try:
                    channel = transport.open_session()
                    break
                except ssh.SSHException:  # a server that frees ended channels late refuses new ones
                    if not transport.is_active():
                        raise
            # `SSHClient.exec_command` brings a file for standard input along, which sends an end of input when it goes,
            # at times behind the channel's own end: for that OpenSSH ends the whole connection.
            channel.exec_command(command)
            channel.makefile_stderr("rb").read()
            text = bytes(channel.makefile("rb").read())
            channel.recv_exit_status()  # else it arrives for a channel that is gone, and ends the connection
            return text

        with ThreadPoolExecutor(4) as channels:
            list(channels.map(run, settings["commands"]))

    clients: dict[str, Any] = {}
    for _ in range(settings["rounds"]):
        began = time.perf_counter()
        with ThreadPoolExecutor(len(settings["hosts"])) as hosts:
            list(hosts.map(lambda host: ask(host, clients), settings["hosts"]))
        _tell(began)


def parallel_ssh(settings: Settings) -> None:
    """Its own pool; a run for each command."""
    from pssh.clients import ParallelSSHClient
    from pssh.config import HostConfig

    names = [host["address"] for host in settings["hosts"]]
    each = [
        HostConfig(port=host["port"], user=settings["user"], private_key=settings["key"]) for host in settings["hosts"]
    ]
    client = ParallelSSHClient(names, host_config=each, pool_size=len(names))
    for _ in range(settings["rounds"]):
        began = time.perf_counter()
        outputs = [client.run_command(command) for command in settings["commands"]]
        for output in outputs:
            client.join(output)
            for answer in output:
                list(answer.stdout)
        _tell(began)


def fabric(settings: Settings) -> None:
    """A thread for each host, its commands one after the other."""
    from concurrent.futures import ThreadPoolExecutor

    from fabric import Connection
    from fabric.config import Config

    def ask(host: dict[str, Any], connections: dict[str, Any]) -> None:
        connection = connections.setdefault(
            host["name"],
            Connection(
                host["address"],
                user=settings["user"],
                port=host["port"],
                config=Config(overrides={"load_ssh_configs": False}),
                connect_kwargs={"key_filename": settings["key"]},
            ),
        )
        for command in settings["commands"]:
            connection.run(command, hide=True, warn=True, in_stream=False)

    connections: dict[str, Any] = {}
    for _ in range(settings["rounds"]):
        began = time.perf_counter()
        with ThreadPoolExecutor(len(settings["hosts"])) as hosts:
            list(hosts.map(lambda host: ask(host, connections), settings["hosts"]))
        _tell(began)


def _openssh(settings: Settings, host: dict[str, Any], command: str, *options: str) -> None:
    import subprocess

    files = ["-F", "none", "-o", f"UserKnownHostsFile={settings['known_hosts']}", "-i", settings["key"]]
    login = ["-p", str(host["port"]), f"{settings['user']}@{host['address']}"]
    subprocess.run(
        ["ssh", "-o", "BatchMode=yes", *files, *options, *login, command], capture_output=True, check=False, stdin=-3
    )


def openssh(settings: Settings) -> None:
    """A process for each host with all commands in one line."""
    from concurrent.futures import ThreadPoolExecutor

    batch = "; ".join(settings["commands"])
    for _ in range(settings["rounds"]):
        began = time.perf_counter()
        with ThreadPoolExecutor(len(settings["hosts"])) as hosts:
            list(hosts.map(lambda host: _openssh(settings, host, batch), settings["hosts"]))
        _tell(began)


def openssh_master(settings: Settings) -> None:
    """The same through a shared connection that stays (ControlMaster)."""
    from concurrent.futures import ThreadPoolExecutor

    batch = "; ".join(settings["commands"])
    shared = "-o", "ControlMaster=auto", "-o", f"ControlPath={settings['folder']}/%C", "-o", "ControlPersist=3"
    for _ in range(settings["rounds"]):
        began = time.perf_counter()
        with ThreadPoolExecutor(len(settings["hosts"])) as hosts:
            list(hosts.map(lambda host: _openssh(settings, host, batch, *shared), settings["hosts"]))
        _tell(began)


def a_connection_a_command(settings: Settings) -> None:
    """A new connection for each command, the hosts at once: how scripts begin."""
    from concurrent.futures import ThreadPoolExecutor

    import paramiko as ssh

    def ask(host: dict[str, Any]) -> None:
        for command in settings["commands"]:
            client = ssh.SSHClient()
            client.load_host_keys(settings["known_hosts"])
            client.connect(host["address"], host["port"], settings["user"], key_filename=settings["key"])
            _, stdout, _ = client.exec_command(command)
            stdout.read()
            client.close()

    for _ in range(settings["rounds"]):
        began = time.perf_counter()
        with ThreadPoolExecutor(len(settings["hosts"])) as hosts:
            list(hosts.map(ask, settings["hosts"]))
        _tell(began)


def failtale(settings: Settings) -> None:
    """A failure's evidence: limits, kill-safety, redaction and ranking included."""
    _failtale(settings, rank=True)


def failtale_collection(settings: Settings) -> None:
    """The same without ranking: limits, kill-safety and redaction included."""
    _failtale(settings, rank=False)


def _failtale(settings: Settings, *, rank: bool) -> None:
    from FailTaleLibrary.background import without_garbage_collection

    with without_garbage_collection():
        each_round = _failtale_rounds(settings, rank=rank)
        next(each_round)
    for _ in each_round:
        pass


def _failtale_rounds(settings: Settings, *, rank: bool) -> Iterator[None]:
    """As `Run` and the listener have it: once a test has failed its hosts are connected to before all else."""
    from FailTaleLibrary.config import Config
    from FailTaleLibrary.transports import Connections

    collectors = [{"name": f"c{index}", "command": command} for index, command in enumerate(settings["commands"])]
    ssh = {name: settings[name] for name in ("user", "key", "known_hosts")}
    config = Config.model_validate(
        {
            "marks": "off",
            "ssh": ssh,
            "components": {"all": {"collectors": collectors}},
            "hosts": {
                host["name"]: {"component": "all", "address": host["address"], "ssh": {"port": host["port"]}}
                for host in settings["hosts"]
            },
            "limits": {"parallel_hosts": len(settings["hosts"])},
        }
    )
    connections = Connections(config)
    connections.connect_ahead(config.hosts)
    from FailTaleLibrary.transports.paramiko_import import load_paramiko

    load_paramiko()
    from datetime import datetime, timedelta, timezone

    from FailTaleLibrary.budget import Budget
    from FailTaleLibrary.collection.source import OwnHosts
    from FailTaleLibrary.faults import Faults
    from FailTaleLibrary.records import Failure, Window, our_words
    from FailTaleLibrary.redaction import Redactor

    hosts, redactor = OwnHosts(config, connections), Redactor()
    faults = Faults(lambda: redactor)
    for number in range(settings["rounds"]):
        began = time.perf_counter()
        now = datetime.now(timezone.utc)
        window = Window(start=now - timedelta(seconds=1), end=now)
        message = our_words("503 != 200")
        failure = Failure(id=f"{number:032x}", name=our_words("Order"), message=message, window=window)
        _, evidence, _ = hosts.collect(failure, redactor=redactor, faults=faults, budget=Budget(120))
        expected = len(settings["hosts"]) * len(collectors)
        assert len(evidence.items) == expected, evidence.gaps
        if rank:
            from FailTaleLibrary.ranking.suspects import rank as ranked

            ranked(failure, evidence)
        _tell(began)
        yield
    hosts.close()


_told_cpu_s = 0.0


def _tell(began: float) -> None:
    """The seconds since then, and those of the processor since the last time."""
    global _told_cpu_s
    cpu_s = sum(os.times()[:4])
    sys.stdout.write(f"{time.perf_counter() - began:.4f} {cpu_s - _told_cpu_s:.4f}\n")
    _told_cpu_s = cpu_s
    sys.stdout.flush()


WAYS: dict[str, Callable[[Settings], None]] = {
    "FailTale": failtale,
    "FailTale, not ranked": failtale_collection,
    "asyncssh": asyncssh,
    "paramiko, 4 channels": paramiko,
    "parallel-ssh": parallel_ssh,
    "Fabric": fabric,
    "OpenSSH, a batch": openssh,
    "OpenSSH, ControlMaster": openssh_master,
    "a connection a command": a_connection_a_command,
}


NEEDS = {"asyncssh": "asyncssh", "parallel-ssh": "pssh", "Fabric": "fabric"}
"""Way -> the module that it needs; ``pip install --group bench`` brings them."""


if __name__ == "__main__":
    WAYS[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text()))
