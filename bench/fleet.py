"""What a failure costs in a fleet: real minions of Salt, thousands by a stand-in, and SSH to as many hosts beside them.

    python -m bench.fleet [stub] [real] [ssh] [--minions N] [--cases WORD] [--sizes N,N,...] [--salt DIR] [--plot FILE]

``real`` starts a Salt master, its salt-api and forked minions on loopback and ends them again. Salt comes from PyPI,
into an environment of its own (``--salt``, made when it is not there: 240 MB). Told for each size: hosts of which
evidence came within `limits.failure_time`, seconds of the whole ``robot`` process, its peak memory, jobs, and the size
of log.html; and, of real minions, what came of each mishap of `bench.fleet_real`: exit status 1 where one fell.
"""

from __future__ import annotations

import argparse
import base64
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.environment import ROOT
from bench.growth import MB, run_robot, size_in_words, suite_text

sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

import yaml  # noqa: E402
from salt_stub import ModuleMinion, SaltStub, nonces_of, request_for, serving  # noqa: E402
from sshd import Sshd  # noqa: E402

from bench.fleet_real import (  # noqa: E402
    SECRET,
    a_lab,
    collectors_of_cases,
    fleet_of,
    parsed,
    rows_of_cases,
    salt_python,
)
from FailTaleLibrary.archive import reports_in  # noqa: E402
from FailTaleLibrary.gate.fleet import salt_module  # noqa: E402

FAILURE_S = 60
_LIMITS = {"failure_time": f"{FAILURE_S} s", "host_time": f"{FAILURE_S} s"}
_COLLECTORS = [
    {"name": "load", "command": "cat /proc/loadavg"},
    {"name": "space", "command": "df -P /"},
    {"name": "memory", "command": "head -n 20 /proc/meminfo"},
    {"name": "units", "command": "ls /proc/self"},
]


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
        configuration = fleet_of(names, stub.url, _COLLECTORS, salt={"eauth": "pam"}, limits=_LIMITS)
        module = salt_module(parsed(configuration, password=stub.password))
        stub.minions |= dict.fromkeys(names, RecordedMinion(module))
        return measured(configuration, password=stub.password, jobs=stub.jobs)


# --- The real thing


def real_rows(python: Path, number: int, only: str) -> Iterator[tuple[str, bool]]:
    """What a failing test costs, and then the cases; each row with whether it holds."""
    with a_lab(python, number, [*_COLLECTORS, *collectors_of_cases()], tell=partial(print, flush=True)) as lab:
        if not only:
            point = measured(lab.configuration(_COLLECTORS, limits=_LIMITS), password=SECRET)
            yield row(point, "Salt, real minions"), point.with_evidence >= 0.98 * number
        yield from rows_of_cases(lab, only)


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
            names = [f"host{number}" for number in range(hosts)]
            configuration = fleet_of(names, "http://127.0.0.1", _COLLECTORS, limits=_LIMITS)
            del configuration["salt"]
            there = {name: {"component": "all", "address": sshd.address} for name in names}
            return measured({**configuration, "ssh": ssh, "hosts": there})


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
    parser.add_argument("--cases", default="", help="of real minions those alone whose name holds this word")
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
    fell = 0
    for line, holds in real_rows(salt_python(options.salt), options.minions, options.cases) if "real" in parts else ():
        fell += not holds
        print(line, flush=True)
    if options.plot is not None and found:
        plot(found, options.plot)
    return 1 if fell else 0


if __name__ == "__main__":
    sys.exit(main())
