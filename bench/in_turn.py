"""What a listener adds to each test, within one process: ways take turns every few tests.

    python -m bench.in_turn SUITE LISTENER

Two processes that do the same differ by several percent (where their memory lies, what else the machine does), which is
more than a listener costs. Here ten tests run without a listener, ten with one that does nothing, ten with the same
methods that do nothing, ten with the real one, in an order by chance, and so on; of each way the lower quartile and the
median of a test's microseconds are told as a line of JSON, without the first of each ten, which finds caches as
another way left them. What a way costs once is not in it, nor what being loaded costs: all are in one process.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from typing import Any

import robot
from robot.output import LOGGER
from robot.output.listeners import Listeners
from robot.running.suiterunner import SuiteRunner

BLOCK = 10
NONE, IDLE, SAME, REAL = "robot alone", "idle listener", "idle, same methods", "listener"


class Idle:
    ROBOT_LISTENER_API_VERSION = 3

    def start_test(self, data: Any, result: Any) -> None:
        pass


class IdleWithTheSameMethods(Idle):
    def start_suite(self, data: Any, result: Any) -> None:
        pass

    end_suite = end_test = start_suite

    def start_library_keyword(self, data: Any, implementation: Any, result: Any) -> None:
        pass

    start_user_keyword = start_invalid_keyword = start_library_keyword
    end_library_keyword = end_user_keyword = end_invalid_keyword = start_library_keyword

    def log_message(self, message: Any) -> None:
        pass


class Turns:
    """Puts another listener in the place of the real one before each block of tests, and times each test."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {way: [] for way in (NONE, IDLE, SAME, REAL)}
        self._number = 0
        self._coming: list[str] = []
        self._way = REAL
        self._choice: dict[str, list[Any]] = {}
        self._random = random.Random(1)
        self._visit_test = SuiteRunner.visit_test

    def take_over(self) -> None:
        turns = self

        def visit_test(runner: SuiteRunner, data: Any) -> None:
            turns.visit(runner, data)

        SuiteRunner.visit_test = visit_test

    def visit(self, runner: SuiteRunner, data: Any) -> None:
        place = self._number % BLOCK
        self._number += 1
        if place == 0:
            self._next_way()
        began = time.perf_counter_ns()
        self._visit_test(runner, data)
        if place:
            self.taken[self._way].append((time.perf_counter_ns() - began) / 1000)

    def _next_way(self) -> None:
        listeners = LOGGER._cli_listeners._listeners
        if not self._choice:
            idle, same = Listeners([Idle()]), Listeners([IdleWithTheSameMethods()])
            self._choice = {NONE: [], IDLE: list(idle), SAME: list(same), REAL: list(listeners)}
        if not self._coming:
            self._coming = self._random.sample(list(self._choice), len(self._choice))
        self._way = self._coming.pop()
        listeners[:] = self._choice[self._way]


def main() -> None:
    suite, listener = sys.argv[1:]
    turns = Turns()
    turns.take_over()
    status = robot.run(suite, listener=[listener], output="in_turn.xml", log=None, report=None, console="none")
    assert status == 0
    quartiles = {way: statistics.quantiles(taken)[:2] for way, taken in turns.taken.items()}
    print(json.dumps(quartiles))


if __name__ == "__main__":
    main()
