"""What the first failure of a run imports, beside ``import paramiko``.

    python -m bench.imports [--rounds 7]

A real failure, one host over SSH, collected, ranked and drawn in a process of its own, tells which modules it loads.
Then processes that do nothing else import these, or paramiko alone, in turn; told are medians of their CPU, and how
many modules there are then. paramiko "as FailTale loads it" leaves out what nobody needs of it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.environment import ROOT, environment, goal
from bench.passing_runs import write_configuration

sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from sshd import Sshd  # noqa: E402

FAILURE = """
import sys
before = set(sys.modules)
from FailTaleLibrary.config import load_config
from FailTaleLibrary.run import Run
with Run(load_config("failtale.yaml")) as run:
    run.test_began("Order")
    report = run.collect_failure(run.failure("Order", message="Connection refused"))
    assert report.evidence.items, report
    run.card(report), run.text(report)
    print(*(name for name in sys.modules if name not in before), sep="\\n")
"""
WAYS = {
    "import paramiko": "import paramiko",
    "paramiko as FailTale loads it": "load()",
    "all that a first failure loads": "load(); [import_module(name) for name in NAMES if name not in sys.modules]",
}
GOAL_S = 0.15
IMPORTS = """
import resource, sys
from importlib import import_module
def load():
    from FailTaleLibrary.transports.paramiko_import import load_paramiko
    load_paramiko()
def cpu_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
NAMES = sys.argv[1].split()
before = cpu_s()
WAY
print(cpu_s() - before, len(sys.modules))
"""


def modules_of_a_failure(folder: Path) -> list[str]:
    with Sshd(folder / "host") as host:
        (host.directory / "app.log").touch()
        write_configuration(folder / "failtale.yaml", host, hosts=1, marks="off")
        return told_by(folder, FAILURE)


def told_by(folder: Path, program: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.imports")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="failtale-") as name:
        folder = Path(name)
        names = " ".join(modules_of_a_failure(folder))
        seen: dict[str, list[list[str]]] = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way, program in WAYS.items():
                seen[way].append(told_by(folder, IMPORTS.replace("WAY", program), names))
    medians = {way: statistics.median(float(cpu_s) for cpu_s, _ in told) for way, told in seen.items()}
    alone, leanest, whole = medians.values()
    for way, cpu_s in medians.items():
        modules = seen[way][0][1]
        print(f"{way:32} {1000 * cpu_s:6.0f} ms {1000 * (cpu_s - alone):+6.0f} ms {modules:>6} modules", flush=True)
    words = f"at most {GOAL_S} s beyond paramiko as FailTale loads it ({whole - leanest:.3f} s)"
    print(goal(words, met=whole - leanest <= GOAL_S))


if __name__ == "__main__":
    main()
