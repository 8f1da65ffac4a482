"""Measures what ranking costs a line, on ordinary logs and on hostile ones.

Usage: ``python bench/ranking_speed.py [--lines N]``. Each shape of log is invented, ranked in a fresh process, and its
processor time is told a line: of the first failure, when no such line was read before, and of a second one with other
numbers. The time that the catalogue of signals takes to load stands above the table. Prints a Markdown table, and below
it whether ordinary lines keep to the goal; of a log of one line the figure is that of all its words.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs in a checkout that is not installed

from bench.environment import goal

FAILED_AT = datetime(2026, 3, 14, 12, 2, tzinfo=timezone.utc)
SECONDS = 60


def _letters(number: int) -> str:
    return "".join(chr(97 + number // 26**place % 26) for place in range(4))


def _mixed(lines: int, draw: random.Random) -> Iterator[str]:
    """Ordinary application, access, JSON and journal lines; one in twenty is a warning, one in twenty an error."""
    for index in range(lines):
        at = f"12:01:{index * SECONDS // lines:02}"
        stamp, order, roll = f"2026-03-14 {at},{index % 1000:03}", draw.randint(1, 9999), draw.random()
        if roll < 0.5:
            yield f"{stamp} INFO [pool-{order % 9}] shop: request {draw.getrandbits(48):012x} in {order % 97} ms"
        elif roll < 0.7:
            yield f'10.0.0.9 - - [14/Mar/2026:{at} +0000] "GET /orders/{order} HTTP/1.1" 200 {order} "-" "curl/8"'
        elif roll < 0.8:
            yield f'{{"time":"2026-03-14T{at}Z","level":"info","msg":"order {order} written","took_ms":{order % 97}}}'
        elif roll < 0.9:
            yield f"Mar 14 {at} api1 systemd[1]: Started session {order} of user shop."
        elif roll < 0.95:
            yield f"{stamp} WARN [timer] shop: metrics collector {order} did not answer, trying again"
        else:
            yield f"{stamp} ERROR [pool-{order % 9}] shop: could not store order {order}: database is locked"


def _two_bytes(lines: int, draw: random.Random) -> Iterator[str]:
    return (draw.choice(("ab", "c1", "d.")) for _ in range(lines))


def _all_severe(lines: int, draw: random.Random) -> Iterator[str]:
    start = draw.randint(0, 26**4 - lines)
    for index in range(lines):
        name = _letters(start + index)
        yield f"2026-03-14 12:01:{index * SECONDS // lines:02},000 ERROR shop: {name}: connection refused"


def _traces(lines: int, draw: random.Random) -> Iterator[str]:
    for _ in range(lines // 6):
        yield f"2026-03-14 12:01:06,900 ERROR shop: could not store order {draw.randint(1, 9999)}"
        yield "org.shop.StoreException: insert failed"
        yield from [f"\tat org.shop.Orders.create(Orders.java:{draw.randint(1, 400)})"] * 2
        yield 'Caused by: org.postgresql.util.PSQLException: ERROR: relation "orders" does not exist'
        yield "\t... 31 more"


def _long_line(lines: int, draw: random.Random) -> Iterator[str]:
    yield f"{draw.random()} error " * 10_000


ORDINARY, GOAL_MS = "mixed", 0.02
SHAPES: dict[str, Callable[[int, random.Random], Iterator[str]]] = {
    ORDINARY: _mixed,
    "lines of two bytes": _two_bytes,
    "severe, each in other words": _all_severe,
    "stack traces": _traces,
    "one line of 200 kB": _long_line,
}


def ranked_s(shape: str, lines: int, seed: int) -> tuple[int, float]:
    """How many lines one invented log has, and the processor seconds that ranking it takes."""
    from FailTaleLibrary.ranking import rank
    from FailTaleLibrary.records import AppliedWindow, Evidence, Failure, Item, KeywordStep, Window

    window = Window(start=FAILED_AT - timedelta(seconds=SECONDS), end=FAILED_AT)
    step = KeywordStep(name="POST On Session", arguments=("shop", "/orders", "4711"))
    failure = Failure(id="0" * 32, name="Order", message="500 for /orders/4711", window=window, keyword_path=(step,))
    text = "\n".join(SHAPES[shape](lines, random.Random(seed)))
    applied = AppliedWindow(kind="test", method="time filter", since=window.start)
    log = {"host": "api1", "component": "api", "collector": "log", "command": "tail", "window": applied}
    item = Item(id="api1/log", text=text, **log)
    evidence = Evidence(failure_id=failure.id, items=(item,), collected_at=FAILED_AT)
    began = time.process_time()
    rank(failure, evidence)
    return len(item.lines), time.process_time() - began


def loading_s() -> float:
    """Processor seconds until the catalogue of signals can read its first message."""
    from FailTaleLibrary.ranking.signals import services

    began = time.process_time()
    services().rows_in("a first message")
    return time.process_time() - began


def measured(shape: str, lines: int) -> str:
    """One row of the table."""
    cost = [ranked_s(shape, lines, seed) for seed in (1, 2)]
    return f"| {shape} | {cost[0][0]:,} | " + " | ".join(f"{s * 1000 / many:.4f}" for many, s in cost) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures what ranking costs a line.")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--shape", choices=sorted(SHAPES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    loading = loading_s()
    if options.shape:
        print(measured(options.shape, options.lines))
        return 0
    print(f"Loading the catalogue of signals: {loading * 1000:.0f} ms.\n")
    print("| log | lines | ms a line, first failure | ms a line, second failure |\n| --- | --- | --- | --- |")
    dearest = 0.0
    for shape in SHAPES:
        sys.stdout.flush()
        words = [sys.executable, __file__, "--shape", shape, "--lines", str(options.lines)]
        row = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        print(row, end="")
        if shape == ORDINARY:
            dearest = max(float(cell) for cell in row.split("|")[3:5])
    print("\n" + goal(f"at most {GOAL_MS} ms a line of a mixed log ({dearest:.4f} ms)", met=dearest <= GOAL_MS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
