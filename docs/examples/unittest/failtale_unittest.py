"""unittest with FailTale: ``python failtale_unittest.py discover``, as ``python -m unittest discover``."""

import sys
import unittest
from pathlib import Path

from FailTaleLibrary.api import Run, load_config


class FailTaleResult(unittest.TextTestResult):
    """Prints the evidence below each failure, and writes its bundle."""

    def startTestRun(self):
        super().startTestRun()
        self.run = Run(load_config("../failtale.yaml"))

    def startTest(self, test):
        super().startTest(test)
        self.run.test_began(test.id())

    def addSuccess(self, test):
        super().addSuccess(test)
        self.run.test_passed(test.id())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._collect(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._collect(test, err)

    def _collect(self, test, err):
        failure = self.run.failure(test.id(), message=str(err[1]), framework="unittest", scope="test")
        report = self.run.collect_failure(failure, output_dir=Path())
        self.stream.writeln(self.run.text(report))

    def stopTest(self, test):
        self.run.test_ended()
        super().stopTest(test)

    def stopTestRun(self):
        self.run.run_ended()
        super().stopTestRun()


if __name__ == "__main__":
    sys.path.insert(0, "")
    unittest.main(module=None, testRunner=unittest.TextTestRunner(resultclass=FailTaleResult))
