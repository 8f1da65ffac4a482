"""The worst failure that hostile output can make: how long it holds the run, and in how much memory.

    python -m bench.hostile [SHAPE ...] [--limit 10] [--hosts 4] [--collectors 16] [--files]

Each shape is a whole process: hosts on this machine (`transport: local`) whose collectors all print the shape, one
failure with a bundle, and its card. Told are the seconds of the thread that runs the tests, from the failure to the
drawn card, to be read beside `limits.failure_time` (--limit), the seconds of processor that this thread took of them,
and what they went for. On a machine that is busy with other work the former exceed the limit: this thread waits too.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT)]


def _repeated(text: str, size: int, *, in_one_line: bool = False) -> str:
    """A command that prints a text, in which printf's escapes are known, over and over."""
    quoted = text.replace("'", "'\"'\"'").replace("%", "%%")
    line = " | tr -d '\\n'" if in_one_line else ""
    return f"yes -- \"$(printf -- '{quoted}')\" | head -c {size}{line}"


def _numbered(lines: int, words: str) -> str:
    """A command that prints lines by awk's ``print``; ``i`` counts them."""
    return f"awk 'BEGIN {{ srand(7); for (i = 0; i < {lines}; i++) print {words} }}'"


_KEY = "-----BEGIN RSA PRIVATE KEY-----"
_PYTHON = 'Traceback (most recent call last):\\n  File "a.py", line 1\\nKeyError: 1'
_JAVA = "Caused by: a.b.C: x\\n\\tat a.b.C.d(C.java:7)\\n\\t... 3 more"
_TOKENS = '"password=" rand() " token: ghp_" int(rand()*1e9) "abcdefghijklmnopqrstuvwxyzABCD"'
_JSON = (
    '"{\\"time\\":\\"2026-01-01T00:00:00Z\\",\\"level\\":\\"error\\",\\"msg\\":\\"order " i " lost\\",\\"id\\":" i "}"'
)
_PRETTY = '"  {\\n    \\"password\\": \\"" rand() "\\",\\n    \\"n\\": " i "\\n  },"'
_ERRORS = '"2026-01-01 00:00:00 ERROR shop: " rand() rand() " x" i ": connection refused"'
SHAPES: dict[str, str] = {
    "lines of two bytes": _repeated("a", 2_000_000),
    "one line of 200 MB": "head -c 200000000 /dev/zero | tr '\\0' a",
    "a million stack traces": _repeated(_PYTHON, 70_000_000),
    "Java traces, causes in causes": _repeated(_JAVA, 3_000_000),
    "tokens side by side": _repeated("AKIAIOSFODNN7EXAMPLE", 2_000_000, in_one_line=True),
    "a token in each line": _numbered(60_000, _TOKENS),
    "100 MB of JSON": _numbered(1_000_000, _JSON),
    "one JSON document with passwords": _numbered(40_000, _PRETTY),
    "brackets, a million deep": _repeated("[{(", 3_000_000, in_one_line=True),
    "brackets, 60 a line": _repeated('{"a":[' * 60, 2_000_000),
    "quotes and escapes": _repeated("\\134\\042\\134\\134'\\134u0041", 2_000_000, in_one_line=True),
    "errors, each in its own words": _numbered(60_000, _ERRORS),
    "markup": _repeated('<b>&amp;"<script>', 2_000_000),
    "control characters": _repeated("\\033[31m\\342\\200\\256\\001\\r", 2_000_000),
    "bytes of chance": "head -c 2000000 /dev/urandom",
    "base64 in one line": "head -c 2000000 /dev/urandom | base64 -w0",
    "key blocks that do not end": _repeated(_KEY, 2_000_000),
    "keys and equal signs": _repeated("password=", 2_000_000, in_one_line=True),
    "times alone": _repeated("2026-01-01T00:00:00.000Z", 2_000_000),
    "times in one line": _repeated("2026-01-01T00:00:00Z ", 2_000_000, in_one_line=True),
    "only line ends": _repeated("", 2_000_000),
    "on stderr": f"{_repeated('ERROR: on the other stream', 3_000_000)} >&2",
    "without end": "yes 'ERROR: flood without an end'",
}
"""What is printed, and the command that prints it."""


def configuration(command: str, *, limit_s: float, hosts: int, collectors: int, log: Path | None) -> dict[str, object]:
    asked = [{"name": f"c{number}", "command": command, "timeout": f"{limit_s:g} s"} for number in range(collectors)]
    if log is not None:
        asked = [{"name": f"c{number}", "file": str(log), "lines": 1_000_000} for number in range(collectors)]
    return {
        "components": {"app": {"collectors": asked}},
        "hosts": {f"host{number}": {"component": "app", "transport": "local"} for number in range(hosts)},
        "limits": {"failure_time": f"{limit_s:g} s", "host_time": f"{limit_s:g} s"},
    }


def one_failure(shape: str, options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """What one failure cost in this process."""
    from FailTaleLibrary.config import Config
    from FailTaleLibrary.run import Run

    log = None
    if options.files:
        log = folder / "app.log"
        log.write_bytes(b"")
    config = Config.model_validate(
        configuration(SHAPES[shape], limit_s=options.limit, hosts=options.hosts, collectors=options.collectors, log=log)
    )
    run = Run(config, environ={})
    run.suite_began()
    run.test_began()
    if log is not None:
        time.sleep(1)
        with log.open("wb") as file:
            subprocess.run(["timeout", "5", "sh", "-c", SHAPES[shape]], stdout=file, stderr=subprocess.DEVNULL)
    failure = run.failure("Order", message="500 for /orders/4711: password token error")
    began, began_cpu = time.monotonic(), time.thread_time()
    report = run.collect_failure(failure, output_dir=folder)
    collected = report.evidence.cost.seconds
    reported = time.monotonic() - began
    card = run.card(report)
    drawn = time.monotonic() - began
    return {
        "seconds": drawn,
        "processor": time.thread_time() - began_cpu,
        "collecting": collected,
        "ranking and storing": reported - collected,
        "drawing": drawn - reported,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "items": len(report.evidence.items),
        "gaps": len(report.evidence.gaps),
        "card": len(card) / 1000,
        "said": list(report.analysis.notes) + sorted({str(gap.detail)[:70] for gap in report.evidence.gaps})[:2],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help="a part of its name: " + ", ".join(SHAPES))
    parser.add_argument("--limit", type=float, default=10.0, help="limits.failure_time in seconds")
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--collectors", type=int, default=16)
    parser.add_argument("--files", action="store_true", help="the shape stands in a log instead of a command's output")
    parser.add_argument("--one", choices=sorted(SHAPES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory(prefix="failtale-hostile-") as name:
            print(json.dumps(one_failure(options.one, options, Path(name))))
        return 0
    names = ("seconds", "processor", "collecting", "ranking and storing", "drawing")
    print(f"| output of every collector | {' | '.join(names)} | peak memory, MB | items | gaps | card, kB |")
    print(f"| --- |{' --- |' * (len(names) + 4)}")
    for shape in SHAPES:
        if options.shapes and not any(each in shape for each in options.shapes):
            continue
        done = subprocess.run(
            [sys.executable, "-m", "bench.hostile", *sys.argv[1:], "--one", shape], capture_output=True, text=True
        )
        if done.returncode:
            print(f"| {shape} | ended with {done.returncode}: {done.stderr[-300:]} |", flush=True)
            continue
        found = json.loads(done.stdout)
        numbers = " | ".join(f"{found[name]:.1f}" for name in names)
        print(
            f"| {shape} | {numbers} | {found['peak']:.0f} | {found['items']} | {found['gaps']} | {found['card']:.0f} |",
            flush=True,
        )
        print(f"  {found['said']}", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
