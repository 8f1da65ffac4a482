"""What a run costs in which every test passes: Robot alone, with a listener of three lines, with ours, and with marks.

    python -m bench.passing_runs [--tests 10000] [--rounds 3] [--hosts 10] [--files 1] [--keywords 1]
    python -m bench.passing_runs --in-turn [--files 100]
    python -m bench.passing_runs --instructions

Whole ``robot`` processes without log and report, side by side: each round runs every way once, in turn. Seconds of CPU
are those of the robot process and of what it waited for, the keeper of its marks among them, not of the SSH server.
Told are medians, and the median of what a way costs beyond Robot alone in the same round; a suite of one test tells
what it costs once. Three rounds of 10,000 tests take four minutes on a quiet machine. ``perf`` adds instructions, where
it may count them. The last column is how often the threads of these processes waited, for one another or for something
else.

With 10,000 tests in one file a sixth of Robot's own time is to look each test up in the list of all, and hangs on what
stays in the processor's caches; ``--files 100`` leaves that out.

Two processes that do the same differ by several percent, which is more than a listener costs each test. ``--in-turn``
leaves that out: within one process ways take turns every ten tests (`bench.in_turn`), without what a way costs once.

A machine that is in use disturbs seconds more than we cost. ``--instructions`` has ``valgrind`` count what no load
disturbs: of runs of 1 and of 500 tests, without the system's own work and without marks.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.environment import ROOT, environment
from bench.in_turn import NONE, REAL

sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

import yaml  # noqa: E402
from sshd import Sshd  # noqa: E402

PLAIN, IDLE, OFF, ON = "robot alone", "idle listener", "listener, marks off", "listener, marks on"
LISTENERS = {IDLE: "idle.py", OFF: "FailTaleListener:off.yaml", ON: "FailTaleListener:on.yaml"}
WAYS = (PLAIN, *LISTENERS)
IDLE_LISTENER = """
ROBOT_LISTENER_API_VERSION = 3


def start_test(data, result):
    pass
"""
GOAL_SHARE, GOAL_ONCE_S, GOAL_SHARE_WITH_MARKS = 0.01, 0.12, 0.05
COUNTED_TESTS = 500
"""Under valgrind, which takes 30 times as long."""


class Cost(NamedTuple):
    """Of one process."""

    cpu_s: float
    wall_s: float
    instructions: float
    """In millions; 0 where nobody counts them."""
    waits: int
    """Of all threads, for one another's lock and for whatever else comes: each finds its caches cold afterwards."""


def write_suite(path: Path, tests: int, *, keywords: int = 1, files: int = 1) -> None:
    """A file, or a directory of files with so many tests in all."""
    each = tests // files
    paths = [path] if files == 1 else [path / f"suite{number:03}.robot" for number in range(files)]
    for place, file in enumerate(paths):
        file.parent.mkdir(exist_ok=True)
        names = (f"Test {place * each + number}\n" for number in range(each))
        file.write_text("*** Test Cases ***\n" + "".join(name + "    No Operation\n" * keywords for name in names))


def write_configuration(path: Path, host: Sshd, *, hosts: int, marks: str) -> None:
    ssh = {name: str(value) for name, value in host.ssh_settings().items()}
    configuration = {
        "components": {"app": {"collectors": ["linux", {"file": str(host.directory / "app.log")}]}},
        "hosts": {f"app{number}": {"component": "app", "address": host.address} for number in range(hosts)},
        "ssh": ssh,
        "marks": marks,
    }
    path.write_text(yaml.safe_dump(configuration))


def robot_command(suite: str, way: str) -> list[str]:
    listener = ["--listener", LISTENERS[way]] if way in LISTENERS else []
    quiet = ["--log", "NONE", "--report", "NONE", "--console", "quiet"]
    return [sys.executable, "-m", "robot", *listener, *quiet, suite]


def run(folder: Path, suite: str, way: str, *, counting: Sequence[str] = ()) -> Cost:
    """What one process took; ``counting`` is a command that counts its instructions on standard error."""
    began = time.monotonic()
    with (folder / "counted").open("w+") as told:
        command = [*counting, *robot_command(suite, way)]
        process = subprocess.Popen(command, cwd=folder, env=environment(), stderr=told)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        said = told.read()
    assert process.returncode == 0, said
    instructions = _instructions(said) if counting else 0.0
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, instructions, usage.ru_nvcsw)


def _instructions(said: str) -> float:
    """In millions, as perf or valgrind's cachegrind tell them; 0 where they do not."""
    told = re.search(r"^(\d+),,instructions|I +refs: +([\d,]+)", said, re.MULTILINE)
    return int((told[1] or told[2]).replace(",", "")) / 1e6 if told else 0.0


def perf() -> list[str]:
    """Counts instructions; empty where there is no perf, or the machine lets nobody count."""
    command = ["perf", "stat", "-x,", "-e", "instructions:u"]
    if shutil.which("perf") is None:
        return []
    done = subprocess.run([*command, "true"], capture_output=True, text=True)
    return command if _instructions(done.stderr) else []


def measured(folder: Path, suite: str, rounds: int) -> dict[str, list[Cost]]:
    """Way -> what it cost in each round."""
    counting = perf()
    seen: dict[str, list[Cost]] = {way: [] for way in WAYS}
    for number in range(rounds):
        turn = number % len(WAYS)
        for way in WAYS[turn:] + WAYS[:turn]:
            seen[way].append(run(folder, suite, way, counting=counting))
    return seen


def beyond(costs: Sequence[Cost], plain: Sequence[Cost], place: int) -> float:
    """The median share that a way costs beyond Robot alone in the same round."""
    return statistics.median(cost[place] / alone[place] - 1 for cost, alone in zip(costs, plain, strict=True))


def tell(tests: int, told: dict[str, list[Cost]]) -> None:
    for way, costs in told.items():
        row = f"{tests:>6} tests  {way:20}"
        for place in range(3):
            if costs[0][place]:
                median = statistics.median(cost[place] for cost in costs)
                row += f" {median:9.2f} {beyond(costs, told[PLAIN], place):+8.1%}"
        print(row, f"{statistics.median(cost.waits for cost in costs):9.0f}", flush=True)


def tell_goals(told: dict[str, list[Cost]]) -> None:
    """Whether the goals are met: what may be paid is a share of Robot alone, and with marks off a sum once."""
    cpu = {way: statistics.median(cost.cpu_s for cost in costs) for way, costs in told.items()}
    for way, most_s in (
        (OFF, cpu[PLAIN] * (1 + GOAL_SHARE) + GOAL_ONCE_S),
        (ON, cpu[PLAIN] * (1 + GOAL_SHARE_WITH_MARKS)),
    ):
        print(f"{way}: {cpu[way]:.2f} s of {most_s:.2f} s: {'within' if cpu[way] <= most_s else 'MISSED'}", flush=True)


def tell_in_turn(folder: Path, suite: str, rounds: int) -> None:
    """What each test takes in one process, its ways in turn; medians of rounds."""
    print(f"{'a test, us':20} {'quartile':>9} {'more':>8} {'median':>9} {'more':>8}")
    for real in (OFF, ON):
        seen = [_in_turn(folder, suite, LISTENERS[real]) for _ in range(rounds)]
        for way in seen[0]:
            row = f"{real if way == REAL else way:20}"
            for place in range(2):
                taken = statistics.median(each[way][place] for each in seen)
                more = statistics.median(each[way][place] / each[NONE][place] - 1 for each in seen)
                row += f" {taken:9.1f} {more:+8.1%}"
            print(row, flush=True)


def _in_turn(folder: Path, suite: str, listener: str) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "bench.in_turn", suite, listener]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told: dict[str, list[float]] = json.loads(done.stdout)
    return told


def count(folder: Path) -> None:
    """Instructions of Robot's process, once and for each test."""
    write_suite(folder / "one.robot", 1)
    write_suite(folder / "many.robot", COUNTED_TESTS)
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    print(f"{'millions of instructions':24} {'once':>9} {'more':>9} {'a test':>9} {'more':>9}")
    alone: tuple[float, float] | None = None
    for way in (PLAIN, IDLE, OFF):
        run(folder, "one.robot", way)  # bytecode is written
        one, many = (run(folder, name, way, counting=valgrind).instructions for name in ("one.robot", "many.robot"))
        told = one, (many - one) / (COUNTED_TESTS - 1)
        alone = alone or told
        more = [f"{mine:9.3f} {mine / its - 1:+9.2%}" for mine, its in zip(told, alone, strict=True)]
        print(f"{way:24} {' '.join(more)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.passing_runs")
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--files", type=int, default=1, help="suite files that share the tests")
    parser.add_argument("--keywords", type=int, default=1, help="of a test")
    parser.add_argument("--in-turn", action="store_true", help="tell ways apart within one process, and nothing else")
    parser.add_argument("--instructions", action="store_true", help="count them with valgrind, and nothing else")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="failtale-") as name, Sshd(Path(name) / "host") as host:
        folder = Path(name)
        (host.directory / "app.log").touch()
        (folder / "idle.py").write_text(IDLE_LISTENER)
        write_configuration(folder / "off.yaml", host, hosts=options.hosts, marks="off")
        write_configuration(folder / "on.yaml", host, hosts=options.hosts, marks="test")
        if options.instructions:
            count(folder)
            return
        suite = "many.robot" if options.files == 1 else "many"
        if options.in_turn:
            write_suite(folder / suite, options.tests, keywords=options.keywords, files=options.files)
            tell_in_turn(folder, suite, options.rounds)
            return
        print(f"{'':>13}{'way':20} {'CPU s':>9} {'more':>8} {'wall s':>9} {'more':>8} {'waits':>9}")
        write_suite(folder / "one.robot", 1)
        for way in WAYS:
            run(folder, "one.robot", way)  # bytecode is written, files are in memory
        tell(1, measured(folder, "one.robot", options.rounds))
        write_suite(folder / suite, options.tests, keywords=options.keywords, files=options.files)
        told = measured(folder, suite, options.rounds)
        tell(options.tests, told)
        tell_goals(told)


if __name__ == "__main__":
    main()
