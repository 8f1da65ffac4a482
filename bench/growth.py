"""What a failure costs as things grow: hosts, collectors, output, files under a pattern, failures in a run.

    python -m bench.growth [AXIS ...] [--most N] [--plots DIR]

Each point is a whole ``robot`` process with the listener and failing tests, against one real sshd on loopback that all
hosts of the configuration lead to. Told for each: seconds of the process, those of the processor, the peak of its
memory, the bytes that travelled, and the size of output.xml and log.html. Seconds count beside the other points of the
same run only. Below each axis stands whether the last points grow faster than in proportion, and where there is a
bound, whether it holds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.environment import ROOT, environment, goal, refuse_plots_without_matplotlib

sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

import yaml  # noqa: E402
from sshd import Sshd  # noqa: E402

from FailTaleLibrary.archive import reports_in  # noqa: E402

LINE = b"2026-01-01T00:00:00.000Z INFO orders: request 4711 served in 12 ms, 3 items, nothing to complain about\n"
KB, MB, GB = 1000, 1000**2, 1000**3


@dataclass(frozen=True, slots=True)
class Point:
    """What one run of Robot cost."""

    size: int
    seconds: float
    cpu_s: float
    """Of the process alone: what the load of the machine changes least."""
    peak_bytes: int
    received_bytes: int
    output_bytes: int
    log_bytes: int
    gaps: int
    reasons: tuple[str, ...] = ()
    """Why these are missing."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What grows, in which steps, and how a configuration and a suite of a size look."""

    name: str
    unit: str
    sizes: Sequence[int]
    configure: Callable[[Path, int], Mapping[str, object]]
    """Folder and size -> what a configuration says under `hosts`, `components` and `limits`."""
    tests: Callable[[int], int] = lambda _size: 1
    before: Callable[[Path, int], None] = lambda _folder, _size: None
    """What must be in the folder."""
    most_memory: int | None = None
    """Bytes that no point may exceed at its peak."""


# --- Axes


def _commands(number: int) -> list[dict[str, object]]:
    return [
        {"name": f"state-{index}", "command": f"echo state {index}; uptime; df -P / | tail -n 1"}
        for index in range(number)
    ]


def _hosts(number: int, **settings: object) -> dict[str, object]:
    return {f"host{index}": {"component": "all", **settings} for index in range(number)}


def _site(hosts: int, collectors: list[dict[str, object]], **limits: object) -> dict[str, object]:
    return {
        "components": {"all": {"collectors": collectors}},
        "hosts": _hosts(hosts),
        "limits": {"failure_time": "120 s", "parallel_hosts": 16, **limits},
    }


def _many_hosts(_folder: Path, size: int) -> Mapping[str, object]:
    return _site(size, _commands(8))


def _many_items(_folder: Path, size: int) -> Mapping[str, object]:
    return _site(1, _commands(size))


def _much_output(folder: Path, _size: int) -> Mapping[str, object]:
    return _site(1, [{"name": "output", "command": f"cat {folder}/big.txt", "timeout": "90 s"}])


def _many_files(folder: Path, _size: int) -> Mapping[str, object]:
    return _site(1, [{"name": "logs", "file": f"{folder}/logs/*.log"}])


def _big_logs(folder: Path, size: int) -> Mapping[str, object]:
    return _site(size, [{"name": "log", "file": f"{folder}/big.txt"}])


def _many_failures(_folder: Path, _size: int) -> Mapping[str, object]:
    return _site(3, _commands(4))


def _one_big_file(folder: Path, size: int) -> None:
    with (folder / "big.txt").open("wb") as file:
        for _ in range(0, max(1, size), MB):
            file.write((LINE * (MB // len(LINE) + 1))[: min(size, MB)])


def _one_gigabyte(folder: Path, _size: int) -> None:
    _one_big_file(folder, GB)


def _log_files(folder: Path, size: int) -> None:
    (folder / "logs").mkdir()
    for index in range(size):
        (folder / "logs" / f"app{index:04}.log").write_bytes(LINE * 20)


AXES = (
    Axis("hosts", "hosts with 8 commands", (1, 10, 50, 100, 200), _many_hosts),
    Axis("items", "commands on one host", (1, 5, 20, 50), _many_items),
    Axis("output", "bytes of one answer", (KB, 100 * KB, 10 * MB, 100 * MB), _much_output, before=_one_big_file),
    Axis("files", "new files of 2 kB under a pattern", (1, 10, 100, 1000), _many_files, before=_log_files),
    Axis("failures", "failures in a run, 3 hosts", (1, 10, 100, 500), _many_failures, tests=lambda size: size),
    Axis("logs", "hosts with a log of 1 GB", (1, 10, 50), _big_logs, before=_one_gigabyte, most_memory=150 * MB),
)


# --- One point


def measured(axis: Axis, size: int, folder: Path, sshd: Sshd) -> Point:
    """One run of Robot at one size."""
    axis.before(folder, size)
    settings = {name: str(value) if isinstance(value, Path) else value for name, value in sshd.ssh_settings().items()}
    ssh = {"connect_timeout": "60 s", "command_timeout": "60 s", **settings}
    configuration = dict(axis.configure(folder, size))
    hosts = {name: {**host, "address": sshd.address} for name, host in configuration["hosts"].items()}  # type: ignore[attr-defined]
    (folder / "failtale.yaml").write_text(yaml.safe_dump({"ssh": ssh, **configuration, "hosts": hosts}))
    (folder / "suite.robot").write_text(suite_text(folder, axis.tests(size)))
    cost = run_robot(folder)
    reports = list(reports_in(folder / "output.xml"))
    gaps = [gap for report in reports for gap in report.evidence.gaps]
    return Point(
        size=size,
        seconds=cost.seconds,
        cpu_s=cost.cpu_s,
        peak_bytes=cost.peak_bytes,
        received_bytes=sum(report.evidence.cost.received_bytes for report in reports),
        output_bytes=(folder / "output.xml").stat().st_size,
        log_bytes=(folder / "log.html").stat().st_size,
        gaps=len(gaps),
        reasons=tuple(f"{gap.host}: {gap.detail}" for gap in gaps),
    )


def suite_text(folder: Path, tests: int) -> str:
    """Tests that fail with messages of their own; the first changes one log, if there are any."""
    touch = f"    Run    echo '2030-01-01T00:00:00Z ERROR disk is full' >> {folder}/logs/app0000.log\n"
    lines = ["*** Settings ***\n", "Library    OperatingSystem\n", "*** Test Cases ***\n"]
    for index in range(tests):
        changes = touch if index == 0 and (folder / "logs").is_dir() else ""
        lines.append(f"Test {index}\n{changes}    Fail    order {index} was not found\n")
    return "".join(lines)


class ProcessCost(NamedTuple):
    """Of a whole process."""

    seconds: float
    cpu_s: float
    peak_bytes: int
    """Resident, Linux."""


def run_robot(folder: Path) -> ProcessCost:
    listener = f"FailTaleListener:{folder / 'failtale.yaml'}"
    words = [sys.executable, "-m", "robot", "--console", "none", "--listener", listener, "-d", str(folder)]
    began = time.perf_counter()
    process = subprocess.Popen([*words, str(folder / "suite.robot")], env=environment(), stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # it is not waited for again
    return ProcessCost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def points(axis: Axis, most: int | None) -> Iterator[Point]:
    """All points of an axis, each in a folder and with a server of its own."""
    for size in axis.sizes:
        if most is not None and size > most:
            return
        with tempfile.TemporaryDirectory(prefix="failtale-growth-") as name:
            folder = Path(name)
            sshd = Sshd(folder / "sshd", options=["MaxStartups 500", "MaxSessions 20"])
            with sshd:
                yield measured(axis, size, folder, sshd)


# --- What is told


def _row(point: Point) -> str:
    sizes = (point.peak_bytes, point.received_bytes, point.output_bytes, point.log_bytes)
    seconds = (f"{each:.2f}" for each in (point.seconds, point.cpu_s))
    return f"| {' | '.join([f'{point.size:,}', *seconds, *map(size_in_words, sizes), str(point.gaps)])} |"


PROPORTIONAL = 1.5
"""How many times as long one more may take towards the end of an axis; less is noise."""
_TELLS = 1.2
"""How many times the first point's cost a later one must have, to tell what one more costs."""
_REASONS = 3
"""Of what is missing, told for each axis."""


def verdicts(axis: Axis, found: Sequence[Point]) -> Iterator[str]:
    """What one more costs at the end of an axis beside the step before, and whether the memory keeps to its bound."""
    if len(found) > 2:
        first, before, last = found[0], found[-2], found[-1]
        earlier, later = ((point.cpu_s - first.cpu_s) / (point.size - first.size) for point in (before, last))
        words = "CPU grows no faster than in proportion"
        if before.cpu_s < first.cpu_s * _TELLS:
            yield f"goal not told: {words}; up to {before.size:,} it hardly differs"
        else:
            each = (
                f"{1000 * earlier:.3g} ms for each more up to {before.size:,}, {1000 * later:.3g} up to {last.size:,}"
            )
            yield goal(f"{words} ({each})", met=later <= earlier * PROPORTIONAL)
    if axis.most_memory is not None and found:
        peak = max(point.peak_bytes for point in found)
        words = f"memory stays under {size_in_words(axis.most_memory)} (at its peak {size_in_words(peak)})"
        yield goal(words, met=peak < axis.most_memory)
    missing = sum(point.gaps for point in found)
    reasons = list(dict.fromkeys(reason for point in found for reason in point.reasons))
    said = "".join(f"; {reason}" for reason in reasons[:_REASONS])
    yield goal(f"no item is missing ({missing:,} are{said})", met=not missing)


def size_in_words(size: int) -> str:
    for factor, unit in ((MB, "MB"), (KB, "kB")):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B"


def plot(axis: Axis, found: Sequence[Point], path: Path) -> None:
    """An SVG of seconds and memory over the size, both axes logarithmic."""
    import matplotlib  # only for those who want plots

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = axis.name  # the same picture of the same figures
    from matplotlib import pyplot

    figure, left = pyplot.subplots(figsize=(5, 3), layout="constrained")
    sizes = [point.size for point in found]
    left.loglog(sizes, [point.seconds for point in found], "o-", color="#1f6feb", label="seconds")
    left.set_xlabel(axis.unit)
    left.set_ylabel("seconds of the run")
    right = left.twinx()
    right.semilogx(sizes, [point.peak_bytes / MB for point in found], "s--", color="#bc4c00", label="peak memory")
    right.set_ylabel("peak memory, MB")
    right.set_ylim(bottom=0)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("axes", nargs="*", metavar="AXIS", help=", ".join(axis.name for axis in AXES))
    parser.add_argument("--most", type=int, help="no point beyond this size")
    parser.add_argument("--plots", type=Path, help="folder for an SVG of each axis")
    options = parser.parse_args()
    if options.plots is not None:
        refuse_plots_without_matplotlib(parser)
    unknown = set(options.axes) - {axis.name for axis in AXES}
    if unknown:
        parser.error(f"unknown axis: {', '.join(sorted(unknown))}")
    for axis in AXES:
        if options.axes and axis.name not in options.axes:
            continue
        print(f"\n| {axis.unit} | s | CPU s | peak memory | travelled | output.xml | log.html | gaps |")
        print("|" + " --- |" * 8)
        found = []
        for point in points(axis, options.most):
            found.append(point)
            print(_row(point), flush=True)
        print("\n" + "\n".join(verdicts(axis, found)), flush=True)
        if options.plots is not None and len(found) > 1:
            options.plots.mkdir(parents=True, exist_ok=True)
            plot(axis, found, options.plots / f"growth-{axis.name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
