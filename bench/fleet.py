"""What a failure costs in a fleet: real minions of Salt, thousands by a stand-in, and SSH to as many hosts beside them.

    python -m bench.fleet [stub] [rounds] [real] [cases] [ssh] [--minions N,N,...] [--failure-time S]
        [--cases EXPRESSION] [--sizes N,N,...] [--salt DIR] [--figures FILE] [--plot FILE]

``real`` starts a Salt master, its salt-api and so many forked minions on loopback and ends them again (35 MB of memory
and, to start, a second of processor time each). Salt comes from PyPI, into an environment of its own (``--salt``, made
when it is not there: 240 MB). Told for each size: hosts of which evidence came within `limits.failure_time`, seconds
of the whole ``robot`` process, its peak memory, jobs, and the size of log.html; of real minions also what is left of a
command that hung on all of them. ``cases`` are the mishaps of `bench.fleet_real` with three minions. Exit status 1
where one fell, or less than 98 % gave evidence. ``rounds`` has logs as well, and asks once those hosts in full that
stand out, one of which is guilty, and once all.

Figures are kept in ``--figures``, each with the newest of its size, so that ``--plot`` draws those of several runs.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

from bench.environment import ROOT, refuse_plots_without_matplotlib
from bench.growth import MB, run_robot, size_in_words, suite_text

sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

import yaml  # noqa: E402
from salt_stub import ModuleMinion, RecordedMinion, SaltStub, serving  # noqa: E402
from sshd import Sshd  # noqa: E402

from bench.fleet_real import (  # noqa: E402
    SECRET,
    Lab,
    a_lab,
    collectors_of_cases,
    fleet_of,
    parsed,
    rows_of_cases,
    salt_python,
    what_forced_ends_left,
)
from FailTaleLibrary.archive import read_bundle, reports_in  # noqa: E402
from FailTaleLibrary.gate.fleet import salt_module  # noqa: E402

FAILURE_S = 60
_MINIONS_OF_CASES = 3
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
    received_bytes: int
    in_full: int
    """Hosts that were asked in full."""
    first_suspect: str
    """Its host."""
    why_not: str
    """What is told of the first host without evidence."""


def measured(configuration: Mapping[str, object], *, password: str = "", jobs: Any = None) -> Point:
    """One failing test in a ``robot`` process of its own."""
    os.environ["SALT_PASSWORD"] = password or "none"
    with tempfile.TemporaryDirectory(prefix="failtale-fleet-") as name:
        folder = Path(name)
        (folder / "failtale.yaml").write_text(yaml.safe_dump(dict(configuration)))
        (folder / "suite.robot").write_text(suite_text(folder, 1))
        cost = run_robot(folder)
        bundles = [path.parent for path in (folder / "failtale").glob("*/manifest.json")]
        (report,) = list(reports_in(folder / "output.xml")) or map(read_bundle, bundles)  # no time: no payload
        return Point(
            hosts=len(configuration["hosts"]),  # type: ignore[arg-type]
            with_evidence=len({item.host for item in report.evidence.items}),
            seconds=cost.seconds,
            collecting_s=report.evidence.cost.seconds,
            peak_bytes=cost.peak_bytes,
            log_bytes=(folder / "log.html").stat().st_size,
            jobs=len(jobs) if jobs is not None else 0,
            received_bytes=report.evidence.cost.received_bytes,
            in_full=len(configuration["hosts"]) - len(report.evidence.glanced_at),  # type: ignore[arg-type]
            first_suspect=next((each.host for each in report.analysis.suspects), ""),
            why_not=next((f"{gap.reason}: {gap.detail}" for gap in report.evidence.gaps), ""),
        )


# --- By a stand-in that replays what one minion returned


def stub_point(hosts: int) -> Point:
    """As many minions as wanted, without their processes."""
    names = [f"minion{number}" for number in range(hosts)]
    stub = SaltStub({})
    with serving(stub):
        configuration = fleet_of(names, stub.url, _COLLECTORS, salt={"eauth": "pam"}, limits=_LIMITS)
        module = salt_module(parsed(configuration, password=stub.password))
        stub.minions |= dict.fromkeys(names, RecordedMinion(ModuleMinion("minion0", module)))
        return measured(configuration, password=stub.password, jobs=stub.jobs)


def rounds_point(hosts: int, *, full_hosts: int) -> Point:
    """The same with two logs on each host that hold 3,000 lines of the window each; one of them knows the cause."""
    names, stub = [f"minion{number}" for number in range(hosts)], SaltStub({})
    with serving(stub), tempfile.TemporaryDirectory(prefix="failtale-fleet-") as folder:
        began = datetime.now(timezone.utc) - timedelta(seconds=60)
        for name in ("app", "access", "other"):
            lines = [f"INFO served /orders/{number} in 4 ms" for number in range(3000)]
            lines[2000] = "ERROR disk quota exceeded on /srv/orders" if name == "other" else lines[2000]
            times = ((began + timedelta(seconds=number / 50)).isoformat() for number in range(3000))
            text = "".join(f"{at} {line}\n" for at, line in zip(times, lines, strict=True))
            (Path(folder) / f"{name}.log").write_text(text)
        logs = [
            {"name": name, "file": f"{folder}/{name}.log", "window": "600", "lines": 3000} for name in ("app", "access")
        ]
        limits = {**_LIMITS, "full_hosts": full_hosts}
        configuration = fleet_of(names, stub.url, [*_COLLECTORS, *logs], salt={"eauth": "pam"}, limits=limits)
        module = salt_module(parsed(configuration, password=stub.password))
        stub.minions |= dict.fromkeys(names, RecordedMinion(ModuleMinion("minion0", module)))
        guilty = names[hosts // 2]
        stub.minions[guilty] = ModuleMinion(guilty, module.replace(f"{folder}/app.log", f"{folder}/other.log"))
        return measured(configuration, password=stub.password, jobs=stub.jobs)


# --- The real thing


def real_point(lab: Lab, failure_s: int) -> Point:
    """What a failing test costs that may take so long."""
    limits = {"failure_time": f"{failure_s} s", "host_time": f"{failure_s} s"}
    return measured(lab.configuration(_COLLECTORS, limits=limits), password=SECRET)


def _lab(python: Path, number: int) -> AbstractContextManager[Lab]:
    return a_lab(python, number, [*_COLLECTORS, *collectors_of_cases()], tell=partial(print, flush=True))


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


HEAD_OF_ROUNDS = """
| | hosts | in full | collecting | received | whole run | peak memory | log.html | first suspect |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def row_of_rounds(point: Point, what: str) -> str:
    """Of the table with and without."""
    return (
        f"| {what} | {point.hosts:,} | {point.in_full:,} | {point.collecting_s:.1f} s "
        f"| {size_in_words(point.received_bytes)} | {point.seconds:.1f} s | {size_in_words(point.peak_bytes)} "
        f"| {size_in_words(point.log_bytes)} | {point.first_suspect} |"
    )


def kept(found: Mapping[str, Sequence[Point]], path: Path) -> dict[str, list[Point]]:
    """These figures, and of sizes that are not among them those that the file has; it has all of them then."""
    every: dict[str, dict[int, Point]] = {}
    if path.exists():
        for what, points in json.loads(path.read_text()).items():
            every[what] = {each["hosts"]: Point(**each) for each in points}
    for what, newest in found.items():
        every.setdefault(what, {}).update({point.hosts: point for point in newest})
    both = {what: [points[size] for size in sorted(points)] for what, points in sorted(every.items())}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({what: list(map(asdict, points)) for what, points in both.items()}, indent=1))
    return both


def plot(found: Mapping[str, Sequence[Point]], path: Path) -> None:
    """An SVG: seconds of collecting, and memory, over the number of hosts."""
    import matplotlib  # only for those who want plots

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "fleet"
    from matplotlib import pyplot

    figure, left = pyplot.subplots(figsize=(5, 3), layout="constrained")
    right = left.twinx()
    for (what, unsorted), mark in zip(sorted(found.items()), "os^D", strict=False):
        points = sorted(unsorted, key=lambda point: point.hosts)
        sizes = [point.hosts for point in points]
        left.loglog(sizes, [point.collecting_s for point in points], f"{mark}-", label=what, gid=what)
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
    parser.add_argument("parts", nargs="*", metavar="PART", help="stub, rounds, real, cases, ssh; none: all")
    parser.add_argument("--minions", default="80,120,200", help="real ones")
    parser.add_argument("--failure-time", type=int, default=FAILURE_S, help="seconds, for real ones")
    parser.add_argument("--cases", default="", help="of three real minions: an expression for their names")
    parser.add_argument("--sizes", default="100,300,1000,2000,5000", help="of the stand-in")
    parser.add_argument("--ssh-hosts", default="10,50,200")
    parser.add_argument("--rounds-sizes", default="100,1000", help="hosts that are asked in rounds, and all in full")
    parser.add_argument("--salt", type=Path, default=ROOT / "build" / "salt", help="environment that has Salt")
    parser.add_argument("--figures", type=Path, default=ROOT / "build" / "fleet.json", help="where figures are kept")
    parser.add_argument("--plot", type=Path, help="file for an SVG of all figures that are kept")
    options = parser.parse_args()
    if options.plot is not None:
        refuse_plots_without_matplotlib(parser)
    parts = options.parts or ["stub", "ssh", "rounds", "real", "cases"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    found: dict[str, list[Point]] = {}
    print(HEAD, flush=True)

    def tell(what: str, point: Point) -> None:
        found.setdefault(what, []).append(point)
        kept(found, options.figures)
        print(row(point, what), flush=True)

    for size in map(int, options.sizes.split(",")) if "stub" in parts else ():
        tell("Salt, by a stand-in", stub_point(size))
    for size in map(int, options.ssh_hosts.split(",")) if "ssh" in parts else ():
        tell("SSH", ssh_point(size))
    if "rounds" in parts:
        print(HEAD_OF_ROUNDS, flush=True)
        for size in map(int, options.rounds_sizes.split(",")):
            for what, most in (("in two rounds", 20), ("all in full", 100_000)):
                print(row_of_rounds(rounds_point(size, full_hosts=most), what), flush=True)
    fell = 0
    for size in map(int, options.minions.split(",")) if "real" in parts else ():
        with _lab(salt_python(options.salt), size) as lab:
            point = real_point(lab, options.failure_time)
            tell("Salt, real minions", point)
            if point.with_evidence < 0.98 * size:
                fell += 1
                print(f"{len(lab.names)} of {size} were there; {point.why_not}", flush=True)
            print(what_forced_ends_left(lab), flush=True)
    if "cases" in parts:
        with _lab(salt_python(options.salt), _MINIONS_OF_CASES) as lab:
            for line, holds in rows_of_cases(lab, options.cases):
                fell += not holds
                print(line, flush=True)
    if options.plot is not None:
        plot(kept(found, options.figures), options.plot)
    return 1 if fell else 0


if __name__ == "__main__":
    sys.exit(main())
