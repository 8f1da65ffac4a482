"""Makes fifty tests of one: ``--prerunmodifier Fifty.py``."""

from __future__ import annotations

from robot.api import SuiteVisitor
from robot.running import TestSuite


class Fifty(SuiteVisitor):
    """Copies the first test of each suite."""

    def start_suite(self, suite: TestSuite) -> None:
        """Replaces the tests by numbered copies of the first."""
        suite.tests = [suite.tests[0].deepcopy(name=f"Fails {number}") for number in range(1, 51)]
