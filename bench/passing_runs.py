"""What a run costs in which every test passes: plain Robot, with the listener, and with marks on ten loopback hosts.

    python -m bench.passing_runs [--tests 3000] [--rounds 5] [--hosts 10]

Whole ``robot`` processes without log and report, side by side: each round runs every way once, in turn. Seconds of CPU
are those of the robot process and what it waited for, not of the SSH server. Told are medians, and what a way costs
beyond plain Robot; a suite of one test tells what it costs once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.environment import ROOT, environment

sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

import yaml  # noqa: E402
from sshd import Sshd  # noqa: E402

PLAIN, OFF, ON = "robot alone", "listener, marks off", "listener, marks on"
WAYS = (PLAIN, OFF, ON)


def write_suite(path: Path, tests: int) -> None:
    cases = "".join(f"Test {number}\n    No Operation\n" for number in range(tests))
    path.write_text(f"*** Test Cases ***\n{cases}")


def write_configuration(path: Path, host: Sshd, *, hosts: int, marks: str) -> None:
    ssh = {name: str(value) for name, value in host.ssh_settings().items()}
    configuration = {
        "components": {"app": {"collectors": ["linux", {"file": str(host.directory / "app.log")}]}},
        "hosts": {f"app{number}": {"component": "app", "address": host.address} for number in range(hosts)},
        "ssh": ssh,
        "marks": marks,
    }
    path.write_text(yaml.safe_dump(configuration))


def run(folder: Path, suite: str, way: str) -> tuple[float, float]:
    """Seconds of CPU and of the wall that one process took."""
    configuration = {OFF: "off.yaml", ON: "on.yaml"}.get(way)
    listener = ["--listener", f"FailTaleListener:{configuration}"] if configuration else []
    command = ["robot", *listener, "--log", "NONE", "--report", "NONE", "--console", "quiet", suite]
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=folder, env=environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began


def measured(folder: Path, suite: str, rounds: int) -> dict[str, tuple[float, float]]:
    """Way -> medians of CPU and wall."""
    for way in WAYS:
        run(folder, suite, way)  # bytecode is written, files are in memory
    seen: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS[number % 3 :] + WAYS[: number % 3]:
            seen[way].append(run(folder, suite, way))
    return {
        way: (statistics.median(cpu for cpu, _ in each), statistics.median(wall for _, wall in each))
        for way, each in seen.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.passing_runs")
    parser.add_argument("--tests", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hosts", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="failtale-") as name, Sshd(Path(name) / "host") as host:
        folder = Path(name)
        (host.directory / "app.log").touch()
        write_configuration(folder / "off.yaml", host, hosts=options.hosts, marks="off")
        write_configuration(folder / "on.yaml", host, hosts=options.hosts, marks="test")
        print(f"{'':>10}  {'way':22} {'CPU s':>8} {'more':>8} {'wall s':>8} {'more':>8}")
        for tests in (1, options.tests):
            write_suite(folder / f"tests{tests}.robot", tests)
            told = measured(folder, f"tests{tests}.robot", options.rounds)
            plain_cpu, plain_wall = told[PLAIN]
            for way, (cpu, wall) in told.items():
                more = f"{cpu:8.2f} {cpu / plain_cpu - 1:+8.1%} {wall:8.2f} {wall / plain_wall - 1:+8.1%}"
                print(f"{tests:>4} tests  {way:22} {more}", flush=True)


if __name__ == "__main__":
    main()
