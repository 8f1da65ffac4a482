"""What a storm of failures costs against an environment of which three of ten hosts are frozen.

    python -m bench.storm [--failures 500] [--frozen 3] [--hosts 10]

Real sshd on loopback: one for the hosts that are well, one for those that freeze (SIGSTOP, connections and all) once
the first failure has been collected. Each failure has the same message. Told are the seconds of the failures by what
was done for them, how often a frozen host was tried, and what stands in the last report; below the table,
whether all kept to `limits.run_time`.
"""

from __future__ import annotations

import argparse
import collections
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from sshd import Sshd  # noqa: E402

from bench.environment import goal  # noqa: E402
from FailTaleLibrary.config import Config  # noqa: E402
from FailTaleLibrary.records import Report  # noqa: E402
from FailTaleLibrary.run import Run  # noqa: E402

COLLECTORS = [
    {"name": "state", "command": "uptime; df -P / | tail -n 1"},
    {"name": "log", "file": "/var/log/*.log", "lines": 50},
]


def configuration(well: Sshd, frozen: Sshd, *, hosts: int, frozen_hosts: int) -> dict[str, object]:
    def host(number: int) -> dict[str, object]:
        sshd = frozen if number < frozen_hosts else well
        ssh = {name: str(value) for name, value in sshd.ssh_settings(connect_timeout=5).items()}
        return {"component": "app", "address": sshd.address, "ssh": ssh}

    return {
        "components": {"app": {"collectors": COLLECTORS}},
        "hosts": {f"host{number}": host(number) for number in range(hosts)},
        "bundles": {"enabled": False},
    }


def kind_of(number: int, report: Report) -> str:
    if not report.plan.steps:
        return "not asked: limits.run_time is used up"
    if number == 0:
        return "the first, all hosts well"
    tried = any(gap.elapsed_s > 1 for gap in report.evidence.gaps)
    which = "in full" if number < 3 else "state only"
    return f"{which}, {'a frozen host was tried' if tried else 'frozen hosts left alone'}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failures", type=int, default=500)
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--frozen", type=int, default=3)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = collections.defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="failtale-storm-") as name:
        many = ["MaxStartups 100", "MaxSessions 20"]
        with Sshd(Path(name) / "well", options=many) as well, Sshd(Path(name) / "frozen", options=many) as frozen:
            config = configuration(well, frozen, hosts=options.hosts, frozen_hosts=options.frozen)
            validated = Config.model_validate(config)
            run = Run(validated, environ={})
            run.suite_began()
            began = time.monotonic()
            for number in range(options.failures):
                run.test_began(f"Test {number}")
                report = run.collect_failure(run.failure(f"Test {number}", message="503 for /orders", scope="test"))
                drawn = time.monotonic()
                run.card(report)
                seconds[kind_of(number, report)].append(report.evidence.cost.seconds + time.monotonic() - drawn)
                run.test_ended()
                if number == 0:
                    frozen.freeze()
            whole = time.monotonic() - began
            run.run_ended()
    print("| failures | number | median s | longest s | all s |\n| --- | --- | --- | --- | --- |")
    for kind, each in seconds.items():
        print(f"| {kind} | {len(each)} | {statistics.median(each):.2f} | {max(each):.2f} | {sum(each):.1f} |")
    print(f"| all, ranked and drawn | {options.failures} | | | {whole:.1f} |")
    bound_s = validated.limits.run_time_s
    print("\n" + goal(f"all failures stay within limits.run_time, {bound_s:g} s ({whole:.1f} s)", met=whole <= bound_s))
    for gap in report.evidence.gaps:
        print(f"  {gap.host}: {gap.reason}: {gap.detail}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
