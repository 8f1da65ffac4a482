"""What a pattern of many files costs when one of them changed: the mark, and the reading at a failure.

    python -m bench.windows [--files N ...] [--rounds N]

On this machine's shells, with GNU tools and with BusyBox alone; medians.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from host_shells import HostShell, host_shells  # noqa: E402

from FailTaleLibrary.config import Collector  # noqa: E402
from FailTaleLibrary.windows import HostMark, ResolvedWindow, command_line  # noqa: E402


def written(directory: Path, files: int) -> Collector:
    """A collector of that many logs of a few lines each."""
    for number in range(files):
        lines = "".join(f"2026-11-25 10:00:0{second} INFO entry of {number}\n" for second in range(9))
        (directory / f"app-{number}.log").write_text(lines)
    return Collector(name="logs", file=(str(directory / "*.log"),))


def read(shell: HostShell, logs: Collector, mark: HostMark) -> None:
    window = ResolvedWindow(kind="test", mark=mark, late_mark=mark)
    answer = shell.answer(command_line(logs, window=window, max_bytes=100_000))
    assert answer.text.endswith(b"ERROR boom\n"), answer


def median_s(act: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[5, 100, 1000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("| shell | files | mark, s | reading, one changed, s |\n|---|---|---|---|")
    for shell in host_shells():
        for files in options.files:
            with tempfile.TemporaryDirectory() as directory:
                logs = written(Path(directory), files)
                mark = shell.mark(logs)
                with (Path(directory) / "app-3.log").open("a") as log:
                    log.write("ERROR boom\n")
                marking = median_s(partial(shell.mark, logs), options.rounds)
                reading = median_s(partial(read, shell, logs, mark), options.rounds)
            print(f"| {shell} | {files} | {marking:.2f} | {reading:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
