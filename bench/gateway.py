"""What a gateway costs: time it adds to a failure (cold, warm), calls a second, memory.

    python -m bench.gateway [--rounds N] [--seconds S]

Hosts are this machine's own shell, so that the difference is the gateway alone. Times are medians; "cold" is a new
process that imports and connects, "warm" every later failure of the run. Below them stands how often
the direct way's time the gateway takes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from mcp_servers import a_config, opened, served  # noqa: E402

from FailTaleLibrary.config import load_config  # noqa: E402
from FailTaleLibrary.config.model import GatewaySettings  # noqa: E402
from FailTaleLibrary.gateway.client import GatewayClient  # noqa: E402
from FailTaleLibrary.records import Failure, Window  # noqa: E402
from FailTaleLibrary.run import Run  # noqa: E402

CLIENTS = 4


def a_failure() -> Failure:
    now = datetime.now(timezone.utc)
    return Failure(id=uuid.uuid4().hex, name="Bench", window=Window(start=now - timedelta(seconds=60), end=now))


def told_s(run: Run) -> float:
    began = time.perf_counter()
    report = run.collect_failure(a_failure())
    assert not report.evidence.gaps, report.evidence.gaps
    return time.perf_counter() - began


def cold_s(config: Path) -> float:
    """From a loaded configuration to the first report, in a new process."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from pathlib import Path\n"
        "from bench.gateway import Run, load_config, told_s\n"
        "run = Run(load_config(Path(sys.argv[3])))\n"
        "print(told_s(run))\n"
        "run.run_ended()\n"
    )
    words = [sys.executable, "-c", code, str(ROOT), str(ROOT / "utest"), str(config)]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def failures(direct: Path, runner: Path, rounds: int) -> None:
    medians: dict[str, tuple[float, float]] = {}
    for name, config in (("direct", direct), ("gateway", runner)):
        cold = statistics.median(cold_s(config) for _ in range(3))
        run = Run(load_config(config))
        told_s(run)
        warm = sorted(told_s(run) for _ in range(rounds))
        run.run_ended()
        high = warm[int(len(warm) * 0.95)]
        middle = statistics.median(warm)
        print(f"{name:8} cold {cold * 1000:6.0f} ms   warm {middle * 1000:6.0f} ms   p95 {high * 1000:6.0f} ms")
        medians[name] = (cold, middle)
    ratios = (theirs / own for own, theirs in zip(medians["direct"], medians["gateway"], strict=True))
    print("gateway beside direct: cold {:.2f}, warm {:.2f} times".format(*ratios))


def calls(url: str, seconds: float) -> None:
    wires = [GatewayClient(GatewaySettings(url=url)) for _ in range(CLIENTS)]
    for _ in range(20):
        told = wires[0].call("runner_collect", {}, timeout_s=60)
    page = {"failure_id": told["failure_id"], "item": "web1/web.log"}
    for tool, arguments in (("list_failures", {}), ("get_evidence", page)):
        for crowd in (1, CLIENTS):
            count = _hammer(partial(_ask, tool, arguments), wires[:crowd], seconds)
            print(f"{tool:14} {crowd} client{'s' if crowd > 1 else ' '}  {count / seconds:6.0f} calls/s")
    for wire in wires:
        wire.close()


def _ask(tool: str, arguments: dict[str, object], wire: GatewayClient) -> None:
    wire.call(tool, arguments, timeout_s=10)


def _hammer(ask: Callable[[GatewayClient], object], wires: list[GatewayClient], seconds: float) -> int:
    counts = [0] * len(wires)
    ends = time.perf_counter() + seconds

    def work(number: int) -> None:
        while time.perf_counter() < ends:
            ask(wires[number])
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(wires))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        direct = a_config(folder)
        with served(folder, "--config", str(direct)) as server:
            runner = folder / "runner.yaml"
            runner.write_text(f"gateway: {{url: '{server.url}', token_file: {server.token_file}}}\n")
            print(f"server after its start {memory_mb(server.process.pid):.0f} MB")
            before = memory_mb(os.getpid())
            failures(direct, runner, options.rounds)
            print(f"runner's process grew by {memory_mb(os.getpid()) - before:.0f} MB")
            print(f"server after the failures {memory_mb(server.process.pid):.0f} MB")
        with opened(folder, direct) as url:
            calls(url, options.seconds)


if __name__ == "__main__":
    main()
