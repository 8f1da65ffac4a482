"""What a failure costs in a fleet: real minions of Salt, thousands by a stand-in, and SSH to as many hosts beside them.

    python -m bench.fleet [stub] [real] [ssh] [--minions N] [--sizes N,N,...] [--salt DIR] [--plot FILE]

``real`` starts a Salt master, its salt-api and forked minions on loopback and ends them again. Salt comes from PyPI,
into an environment of its own (``--salt``, made when it is not there: 240 MB). Told for each size: hosts of which
evidence came within `limits.failure_time`, seconds of the whole ``robot`` process, its peak memory, jobs, and the size
of log.html; and how many processes were left after a command that hangs was ended on every minion.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.environment import ROOT
from bench.growth import MB, run_robot, size_in_words, suite_text

sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

import yaml  # noqa: E402
from salt_stub import ModuleMinion, SaltStub, nonces_of, request_for, serving  # noqa: E402
from sshd import Sshd  # noqa: E402

from FailTaleLibrary.archive import reports_in  # noqa: E402
from FailTaleLibrary.config import parse_config  # noqa: E402
from FailTaleLibrary.gate.fleet import salt_module  # noqa: E402

FAILURE_S = 60
_SECRET = "bench"
_COLLECTORS = [
    {"name": "load", "command": "cat /proc/loadavg"},
    {"name": "space", "command": "df -P /"},
    {"name": "memory", "command": "head -n 20 /proc/meminfo"},
    {"name": "units", "command": "ls /proc/self"},
]
_START_S, _WARM_S = 600.0, 900.0


@dataclass(frozen=True, slots=True)
class Point:
    """What one failing test cost in a fleet of a size."""

    hosts: int
    with_evidence: int
    seconds: float
    collecting_s: float
    peak_bytes: int
    log_bytes: int
    jobs: int
    why_not: str
    """What is told of the first host without evidence."""


def _configuration(hosts: Mapping[str, Mapping[str, object]], **more: object) -> dict[str, object]:
    return {
        "components": {"all": {"collectors": _COLLECTORS}},
        "hosts": dict(hosts),
        "limits": {"failure_time": f"{FAILURE_S} s", "host_time": f"{FAILURE_S} s", "parallel_hosts": 64},
        "marks": "off",
        **more,
    }


def _minions(names: Sequence[str], url: str, **more: object) -> dict[str, object]:
    salt = {
        "url": url,
        "user": "failtale",
        "password": "%{SALT_PASSWORD}",
        "eauth": "sharedsecret",
        "answer_timeout": "20 s",
    }
    hosts = {name: {"component": "all", "transport": "salt"} for name in names}
    return _configuration(hosts, salt=salt, **more)


def measured(configuration: Mapping[str, object], *, password: str = "", jobs: Any = None) -> Point:
    """One failing test in a ``robot`` process of its own."""
    os.environ["SALT_PASSWORD"] = password or "none"
    with tempfile.TemporaryDirectory(prefix="failtale-fleet-") as name:
        folder = Path(name)
        (folder / "failtale.yaml").write_text(yaml.safe_dump(dict(configuration)))
        (folder / "suite.robot").write_text(suite_text(folder, 1))
        seconds, peak_bytes = run_robot(folder)
        (report,) = reports_in(folder / "output.xml")
        return Point(
            hosts=len(configuration["hosts"]),  # type: ignore[arg-type]
            with_evidence=len({item.host for item in report.evidence.items}),
            seconds=seconds,
            collecting_s=report.evidence.cost.seconds,
            peak_bytes=peak_bytes,
            log_bytes=(folder / "log.html").stat().st_size,
            jobs=len(jobs) if jobs is not None else 0,
            why_not=next((f"{gap.reason}: {gap.detail}" for gap in report.evidence.gaps), ""),
        )


# --- By a stand-in that replays what one minion returned


class RecordedMinion:
    """Answers as one real run of the module did, with the nonces of each request."""

    def __init__(self, module: str) -> None:
        self._real = ModuleMinion("minion0", module)
        self._told: dict[str, tuple[bytes, tuple[str, str], Mapping[str, Any]]] = {}

    def __call__(self, function: str, arguments: Mapping[str, Any]) -> Any:
        if function != "failtale.collect":
            return self._real(function, arguments)
        request = request_for(arguments, "minion0")
        items = request.partition("\n")[2]
        if items not in self._told:
            told = self._real(function, arguments)
            self._told[items] = (zlib.decompress(base64.b64decode(told["data"])), nonces_of(request), told)
        data, old, told = self._told[items]
        for before, now in zip(old, nonces_of(request), strict=True):
            data = data.replace(before.encode(), now.encode())
        now_s = time.time()
        return {**told, "data": base64.b64encode(zlib.compress(data)).decode(), "clock": [now_s - 0.2, now_s]}


def stub_point(hosts: int) -> Point:
    """As many minions as wanted, without their processes."""
    names = [f"minion{number}" for number in range(hosts)]
    stub = SaltStub({})
    with serving(stub):
        configuration = _minions(names, stub.url)
        module = salt_module(parse_config(yaml.safe_dump(configuration), environ={"SALT_PASSWORD": stub.password}))
        stub.minions |= dict.fromkeys(names, RecordedMinion(module))
        return measured(configuration, password=stub.password, jobs=stub.jobs)


# --- The real thing


@contextmanager
def a_master(python: Path, folder: Path, module: str) -> Iterator[tuple[str, int, int]]:
    """A Salt master and its salt-api on loopback: address, and the ports that minions need."""
    publish, returns, http = (_free_port() for _ in range(3))
    (folder / "modules").mkdir()
    (folder / "modules" / "failtale.py").write_text(module)
    settings = {
        "interface": "127.0.0.1",
        "publish_port": publish,
        "ret_port": returns,
        "user": "root",
        "auto_accept": True,
        "worker_threads": 4,
        "sharedsecret": _SECRET,
        "netapi_enable_clients": ["local_async", "runner"],
        "rest_cherrypy": {"host": "127.0.0.1", "port": http, "disable_ssl": True},
        "external_auth": {
            "sharedsecret": {
                "failtale": [
                    {"*": ["failtale.hello$", "failtale.collect$", "failtale.end$"]},
                    {"@jobs": ["list_job$", "exit_success$"]},
                ]
            }
        },
        **{key: str(folder / "master" / key) for key in ("pki_dir", "cachedir", "sock_dir", "log_file", "pidfile")},
        "api_pidfile": str(folder / "master" / "api.pid"),
        "api_logfile": str(folder / "master" / "api.log"),
    }
    (folder / "master").mkdir()
    (folder / "master" / "master").write_text(yaml.safe_dump(settings))
    programs = [
        _started([str(python.with_name(name)), "-c", str(folder / "master")]) for name in ("salt-master", "salt-api")
    ]
    try:
        yield f"http://127.0.0.1:{http}", publish, returns
    finally:
        for program in reversed(programs):
            _ended(program)


@contextmanager
def forked_minions(
    python: Path, folder: Path, number: int, ports: tuple[int, int]
) -> Iterator[subprocess.Popen[bytes]]:
    """Real minions; each a process."""
    script = str(ROOT / "bench" / "fleet_minions.py")
    words = [str(python), script, str(folder / "minions"), str(number), str(folder / "modules"), *map(str, ports)]
    program = _started(words)
    try:
        yield program
    finally:
        _ended(program)


def real_points(python: Path, number: int) -> Iterator[str]:
    """Rows: a failing test, one with a frozen minion, and what forced ends leave."""
    names = [f"minion{each}" for each in range(number)]
    with tempfile.TemporaryDirectory(prefix="failtale-fleet-") as name:
        folder = Path(name)
        configuration = _minions(names, "http://127.0.0.1:1")
        mark = f"600.{os.getpid()}"
        hangs = {**configuration, "components": {"all": {"collectors": [_hanging(mark)]}}}
        module = salt_module(_parsed(_both(configuration, mark)))
        with (
            a_master(python, folder, module) as (url, *ports),
            forked_minions(python, folder, number, (ports[0], ports[1])) as program,
        ):
            for each in (configuration, hangs):
                each["salt"] = {**each["salt"], "url": url}  # type: ignore[dict-item]
            began = time.monotonic()
            there = _warmed(url, names)
            yield f"{there} of {number} minions were there after {time.monotonic() - began:.0f} s"
            yield f"memory of a minion: {_share_bytes(program.pid) / MB:.0f} MB (PSS)"
            yield row(measured(configuration, password=_SECRET))
            measured(hangs, password=_SECRET)
            yield f"processes of a command that hung on {number} minions: {_left(mark)} left after its time limit"
            frozen = _pids_of_group(program.pid)[-1]
            os.kill(frozen, signal.SIGSTOP)
            yield f"with one minion frozen: {row(measured(configuration, password=_SECRET))}"
            os.kill(frozen, signal.SIGCONT)


def _hanging(mark: str) -> dict[str, object]:
    return {"name": "hangs", "command": f"sleep {mark} & sleep {mark}", "timeout": "5 s"}


def _both(configuration: Mapping[str, object], mark: str) -> dict[str, object]:
    return {**configuration, "components": {"all": {"collectors": [*_COLLECTORS, _hanging(mark)]}}}


def _parsed(configuration: Mapping[str, object]) -> Any:
    return parse_config(yaml.safe_dump(dict(configuration)), environ={"SALT_PASSWORD": _SECRET})


def _warmed(url: str, names: Sequence[str]) -> int:
    """How many minions have answered once: their modules are loaded then."""
    answered: set[str] = set()
    ends = time.monotonic() + _WARM_S
    while len(answered) < len(names) and time.monotonic() < ends:
        time.sleep(3)
        try:
            answered |= _greeted(url, [name for name in names if name not in answered])
        except (OSError, KeyError, ValueError):
            continue
    return len(answered)


def _greeted(url: str, names: Sequence[str]) -> set[str]:
    who = {"username": "failtale", "password": _SECRET, "eauth": "sharedsecret"}
    token = _asked(url + "/login", who)["token"]
    low = {"client": "local_async", "tgt": list(names), "tgt_type": "list", "fun": "failtale.hello"}
    job = _asked(url, [low], token).get("jid", "")
    returned: set[str] = set()
    for _ in range(6 if job else 0):
        time.sleep(5)
        told = _asked(url, [{"client": "runner", "fun": "jobs.exit_success", "kwarg": {"jid": job}}], token)
        returned = {name for name, is_there in told.items() if is_there}
        if len(returned) == len(names):
            break
    return returned


def _asked(url: str, data: object, token: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "X-Auth-Token": token}
    request = urllib.request.Request(url, json.dumps(data).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["return"][0]


def _left(mark: str) -> int:
    """Processes that sleep for the mark, when a minute has passed or none is left."""
    for _ in range(60):
        found = [each for each in Path("/proc").glob("[0-9]*/cmdline") if mark.encode() in _read_bytes(each)]
        found = [each for each in found if _read_bytes(each).startswith(b"sleep")]
        if not found:
            return 0
        time.sleep(1)
    return len(found)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _share_bytes(group: int) -> int:
    """What each process of a group takes, shared pages counted in shares."""
    sizes = []
    for pid in _pids_of_group(group):
        for line in _read_bytes(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
            if line.startswith(b"Pss:"):
                sizes.append(1024 * int(line.split()[1]))
    return sum(sizes) // max(1, len(sizes))


def _pids_of_group(group: int) -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        words = _read_bytes(each).rpartition(b")")[2].split()
        if len(words) > 2 and int(words[2]) == group:
            found.append(int(each.parent.name))
    return sorted(found)


def _started(words: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _ended(program: subprocess.Popen[bytes]) -> None:
    """The program and its group, which is its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(program.pid, number)
        except ProcessLookupError:
            break
        time.sleep(1)
    program.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def salt_python(folder: Path) -> Path:
    """The Python of an environment that has Salt; made when it is not there."""
    python = folder / "bin" / "python"
    if not (folder / "bin" / "salt-master").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "salt==3008.4", "cherrypy"], check=True)
    return python


# --- SSH beside it


def ssh_point(hosts: int) -> Point:
    """One sshd on loopback that all hosts of the configuration lead to, as in `bench.growth`."""
    with tempfile.TemporaryDirectory(prefix="failtale-fleet-") as name:
        sshd = Sshd(Path(name) / "sshd", options=["MaxStartups 500", "MaxSessions 20"])
        with sshd:
            settings = {
                key: str(value) if isinstance(value, Path) else value for key, value in sshd.ssh_settings().items()
            }
            ssh = {"connect_timeout": "60 s", "command_timeout": "60 s", **settings}
            names = {f"host{number}": {"component": "all", "address": sshd.address} for number in range(hosts)}
            return measured(_configuration(names, ssh=ssh))


# --- What is told

HEAD = """| | hosts | with evidence | collecting | whole run | peak memory | log.html | jobs |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def row(point: Point, what: str = "") -> str:
    """Of the table."""
    share = 100 * point.with_evidence / point.hosts
    return (
        f"| {what} | {point.hosts:,} | {share:.1f} % | {point.collecting_s:.1f} s | {point.seconds:.1f} s "
        f"| {size_in_words(point.peak_bytes)} | {size_in_words(point.log_bytes)} | {point.jobs or ''} |"
    )


def plot(found: Mapping[str, Sequence[Point]], path: Path) -> None:
    """An SVG: seconds of collecting, and memory, over the number of hosts."""
    import matplotlib  # only for those who want plots: pip install matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "fleet"
    from matplotlib import pyplot

    figure, left = pyplot.subplots(figsize=(5, 3), layout="constrained")
    right = left.twinx()
    for (what, points), mark in zip(found.items(), "os^", strict=False):
        sizes = [point.hosts for point in points]
        left.loglog(sizes, [point.collecting_s for point in points], f"{mark}-", label=what)
        right.semilogx(sizes, [point.peak_bytes / MB for point in points], f"{mark}--", color="#bc4c00")
    left.set_xlabel("hosts that one failing test asks")
    left.set_ylabel("seconds of collecting")
    right.set_ylabel("peak memory, MB (dashed)")
    right.set_ylim(bottom=0)
    left.legend()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="stub, real, ssh; none: all")
    parser.add_argument("--minions", type=int, default=200, help="real ones")
    parser.add_argument("--sizes", default="100,300,1000,2000,5000", help="of the stand-in")
    parser.add_argument("--ssh-hosts", default="10,50,200")
    parser.add_argument("--salt", type=Path, default=ROOT / "build" / "salt", help="environment that has Salt")
    parser.add_argument("--plot", type=Path, help="file for an SVG")
    options = parser.parse_args()
    parts = options.parts or ["stub", "ssh", "real"]
    found: dict[str, list[Point]] = {}
    print(HEAD, flush=True)
    for part, what, sizes, measure in (
        ("stub", "Salt, by a stand-in", options.sizes, stub_point),
        ("ssh", "SSH", options.ssh_hosts, ssh_point),
    ):
        for size in map(int, sizes.split(",")) if part in parts else ():
            found.setdefault(what, []).append(measure(size))
            print(row(found[what][-1], what), flush=True)
    if "real" in parts:
        for line in real_points(salt_python(options.salt), options.minions):
            print(line, flush=True)
    if options.plot is not None and found:
        plot(found, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
