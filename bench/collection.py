"""What a failure costs beside the other ways to ask the same hosts: whole processes, interleaved, medians.

    python -m bench.collection [--hosts 1,10] [--runs 5] [--delay-ms 25] [--ways NAME,NAME] [--plot FILE.svg]

Eight usual commands on hosts that are OpenSSH servers on loopback, each under an address of its own. "cold" is a
process from its start to the end of its first round; "warm" is the best of its later rounds. CPU is what the client
and its children computed, the servers left out. ``--delay-ms`` puts a proxy in between that holds each direction back.
A way that is not installed is left out, and the line to type is told. Rows are in the order of their cold seconds;
below them stands which way is first, and whether the goals are met.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.environment import ROOT, environment, goal, pip_line, refuse_plots_without_matplotlib

sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from ports import free_port  # noqa: E402
from sshd import Sshd  # noqa: E402

from bench.rivals import NEEDS, WAYS  # noqa: E402

COMMANDS = (
    "uptime",
    "df -P",
    "cat /proc/meminfo",
    "cat /proc/loadavg",
    "ps -eo pid,ppid,user,stat,etime,rss,comm --sort=-rss | head -n 25",
    "ip -brief address 2>/dev/null || cat /proc/net/dev",
    "cat /proc/mounts",
    "ls -l /var/log | tail -n 50",
)
"""Of a machine's state, as a `linux` preset asks them."""


class _DelayingProxy:
    """Passes connections on to a server and holds each direction back."""

    def __init__(self, target: int, delay_s: float, addresses: list[str]) -> None:
        self._target = target
        self._addresses = addresses
        self._delay_s = delay_s
        self.port = free_port()
        self._listens = threading.Event()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, daemon=True).start()
        self._listens.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve, self._addresses, self.port, limit=2**20))
        self._listens.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._pass_on(reader, theirs[1]), self._pass_on(theirs[0], writer), return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                at, data = await waiting.get()
                await asyncio.sleep(max(0.0, at - time.monotonic()))
                if not data:
                    break
                writer.write(data)
            writer.close()

        delivering = asyncio.create_task(deliver())
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                waiting.put_nowait((time.monotonic() + self._delay_s, data))
        waiting.put_nowait((time.monotonic() + self._delay_s, b""))
        await delivering


@contextlib.contextmanager
def _site(hosts: int, delay_ms: float, rounds: int) -> Iterator[Path]:
    """The settings of `bench.rivals`."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ft-")))
        addresses = [f"127.0.0.{number + 2}" for number in range(hosts)]
        servers: list[Sshd] = []
        known, listed = "", []
        for first in range(0, hosts, _ADDRESSES):
            some = addresses[first : first + _ADDRESSES]
            server = _server(folder / f"server{first}", some, stack)
            servers.append(server)
            server.authorize(servers[0].key)
            port = _DelayingProxy(server.port, delay_ms / 1000, some).port if delay_ms else server.port
            key = server.known_hosts_line.split(maxsplit=1)[1]
            known += "".join(f"[{address}]:{port} {key}" for address in some)
            listed += [{"name": f"host{address[8:]}", "address": address, "port": port} for address in some]
        (folder / "known_hosts").write_text(known)
        settings: dict[str, Any] = {
            "hosts": listed,
            "user": servers[0].user,
            "key": str(servers[0].key),
            "known_hosts": str(folder / "known_hosts"),
            "commands": COMMANDS,
            "rounds": rounds,
            "folder": str(folder),
        }
        file = folder / "settings.json"
        file.write_text(json.dumps(settings))
        yield file


def _server(folder: Path, addresses: list[str], stack: contextlib.ExitStack) -> Sshd:
    """One that answers at all of these."""
    server = Sshd(folder, options=_OPTIONS)
    server.options += [f"ListenAddress {address}:{server.port}" for address in addresses]
    stack.enter_context(server)
    for address in addresses:  # it says that it listens as soon as one of them is ready
        while socket.socket().connect_ex((address, server.port)):
            time.sleep(0.01)
    return server


_ADDRESSES = 15
"""At which one sshd can listen, beside its own: it has 16 sockets for that."""
_OPTIONS = ("MaxStartups 1000", "MaxSessions 20", "LogLevel INFO")


@dataclass(frozen=True)
class Cost:
    """Of one round."""

    seconds: float
    cpu_s: float
    """Of the client and what it started; not of the server."""


class _BrokeOffError(Exception):
    """A way did not come to its end, however often it was started."""


def _one(way: str, settings: Path, *, attempts: int = 5) -> tuple[Cost, list[Cost]]:
    """What the process cost up to the end of its first round, and each later round. Raises _BrokeOffError."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.rivals", way, str(settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    _, cpu_s = process.stdout.readline().split() or ("", "nan")
    cold = Cost(time.perf_counter() - began, float(cpu_s))
    later = [Cost(*map(float, line.split())) for line in process.stdout]
    if process.wait() and attempts > 1:
        print(f"{way} broke off: {process.stderr.read().splitlines()[-1]}", file=sys.stderr)
        return _one(way, settings, attempts=attempts - 1)
    if process.returncode:
        raise _BrokeOffError
    return cold, later


def _row(first: Cost, later: list[Cost]) -> tuple[float, float, float, float]:
    return (
        first.seconds,
        min(each.seconds for each in later),
        first.cpu_s,
        min(each.cpu_s for each in later),
    )


Medians = dict[str, tuple[float, ...]]
"""Way -> seconds, cold and warm, and the same of the processor."""


MOST_BEYOND = 1.2
"""How many times what the fastest way takes a failure may take."""


def verdicts(medians: Medians, *, far: bool) -> Iterator[str]:
    """Which way is first, cold and warm, and whether FailTale is where it shall be.

    Cold it is to be first, and not worse than 1.2 of the best; warm within 1.2 of what plain paramiko takes, and ahead
    of it on a line with delay.
    """
    for column, kind in enumerate(("cold", "warm")):
        order = sorted(medians, key=lambda way: medians[way][column])
        yield f"{kind}, first is {order[0]}, then {', '.join(order[1:])}"
    if OURS not in medians:
        return
    others = {way: row for way, row in medians.items() if not way.startswith(OURS)}
    if others:
        best = min(others, key=lambda way: others[way][0])
        ratio = medians[OURS][0] / others[best][0]
        yield goal(f"cold, {OURS} is first ({ratio:.2f} of {best})", met=ratio < 1)
        yield goal(
            f"cold, {OURS} takes at most {MOST_BEYOND} of the best other way ({ratio:.2f})", met=ratio <= MOST_BEYOND
        )
    if PLAIN in others:
        ratio = medians[OURS][1] / others[PLAIN][1]
        words = f"is ahead of {PLAIN}" if far else f"takes at most {MOST_BEYOND} of {PLAIN}"
        yield goal(f"warm, {OURS} {words} ({ratio:.2f})", met=ratio < 1 if far else ratio <= MOST_BEYOND)
    else:
        yield f"goal not told: warm, {OURS} beside {PLAIN}, which was not measured"


OURS, PLAIN = "FailTale", "paramiko, 4 channels"


def plot(found: Mapping[int, Medians], title: str, path: Path) -> None:
    """Bars of each way, cold beside warm, a row of them for each number of hosts."""
    import matplotlib  # only for those who want plots

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = title  # the same picture of the same figures
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(len(found), 2, figsize=(8, 2.4 * len(found)), layout="constrained", squeeze=False)
    for (hosts, medians), row in zip(found.items(), rows, strict=True):
        for column, (axes, kind) in enumerate(zip(row, ("cold", "warm"), strict=True)):
            ways = sorted(medians, key=lambda way: -medians[way][column])
            colours = ["#1f6feb" if way.startswith("FailTale") else "#9aa4b2" for way in ways]
            axes.barh(ways, [medians[way][column] for way in ways], color=colours)
            axes.set_title(f"{hosts} host{'s' if hosts > 1 else ''}, {kind}, {title}", fontsize=8)
            axes.set_xlabel("seconds", fontsize=7)
            axes.tick_params(labelsize=7)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", default="1,10", help="how many, separated by commas")
    parser.add_argument("--runs", type=int, default=5, help="of each way, behind a first one that does not count")
    parser.add_argument("--rounds", type=int, default=4, help="failures in each run, of which the first is cold")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="each direction: 25 adds 50 to a round trip")
    parser.add_argument("--plot", type=Path, help="an SVG of all that was measured")
    default = ",".join(each.replace(",", ";") for each in WAYS)
    parser.add_argument("--ways", default=default, help=f"instead of '{default}'")
    options = parser.parse_args()
    if options.plot is not None:
        refuse_plots_without_matplotlib(parser)
    named = [name.strip().replace(";", ",") for name in options.ways.split(",")]
    if unknown := [name for name in named if name not in WAYS]:
        parser.error(f"no such way: {', '.join(unknown)}; there are: {default}")
    ways = [name for name in named if name not in NEEDS or importlib.util.find_spec(NEEDS[name])]
    if len(ways) < len(named):
        missing = ", ".join(name for name in named if name not in ways)
        print(f"left out, because not installed: {missing}; type:  {pip_line('--group', 'bench')}")
    found: dict[int, Medians] = {}
    trip_ms = 2 * options.delay_ms
    for hosts in map(int, options.hosts.split(",")):
        rounds: dict[str, list[tuple[float, ...]]] = {way: [] for way in ways}
        with _site(hosts, options.delay_ms, options.rounds) as settings:
            for number in range(options.runs + 1):
                for way in [*rounds]:
                    try:
                        first, later = _one(way, settings)
                    except _BrokeOffError:
                        print(f"{way} is left out at {hosts} hosts: it broke off five times in a row")
                        del rounds[way]
                        continue
                    if number:  # the first time bytecode is written, and files are read from the disk
                        rounds[way].append(_row(first, later))
        print(f"\n{hosts} hosts x {len(COMMANDS)} commands, {trip_ms:g} ms of round trip, medians of {options.runs}")
        print(f"{'':26} {'cold s':>8} {'warm s':>8} {'cold CPU':>8} {'warm CPU':>8}")
        found[hosts] = {
            way: tuple(map(statistics.median, zip(*measured, strict=True))) for way, measured in rounds.items()
        }
        for way, medians in sorted(found[hosts].items(), key=lambda each: each[1]):
            print(f"{way:26} {' '.join(f'{each:8.3f}' for each in medians)}", flush=True)
        print("\n".join(verdicts(found[hosts], far=options.delay_ms > 0)), flush=True)
    if options.plot is not None:
        plot(found, f"{trip_ms:g} ms of round trip", options.plot)


if __name__ == "__main__":
    main()
