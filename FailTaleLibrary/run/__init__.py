"""Failure -> Report, for a whole run: what every face drives, and the one list of what a face must call.

    run = Run(load_config("failtale.yaml"))   a run begins
    run.suite_began()                         a suite, module or feature begins; may be nested, may be left out
    run.test_began("Name of the test")        a test begins; marks are taken in the background
    run.know(secrets)                         values that must never show, as soon as the face knows them
    run.variables_from(lookup)                where variables of the configuration get their values, if there are any
    run.failure_is_near()                     a test has failed for certain: hosts are connected to; may be left out
    report = run.collect_failure(failure)     a test failed: before its teardown, where that can be
    run.card(report)  run.text(report)        what is laid beside the failure, as HTML and as text
    run.test_passed("Name of the test")       where it passed: what logs held meanwhile is routine
    run.test_ended()
    run.suite_ended()
    run.run_ended()                           the run ends: no connection and no thread stays

`Run.failure` makes the failure of a face that knows no more than a name and a message. All are called by one thread at
a time, and none raises but for a mistake of the user's (ConfigError: an unknown component or host): every stage of a
failure (collect, store, rank, count, store, render) is guarded, so that a fault of FailTale's costs that stage alone.
It then is a gap in the evidence that names the fault, and its traceback lies in ``failtale/error.log`` of the output
directory.
"""

from __future__ import annotations

from FailTaleLibrary.run.course import MAX_TESTS, MAX_TESTS_USED
from FailTaleLibrary.run.known_secrets import redactor_for
from FailTaleLibrary.run.reporting import HINT_AFTER_RUN, HINT_OFFLINE, NOT_RANKED
from FailTaleLibrary.run.run import Run
from FailTaleLibrary.run.showing import MIN_CARD_BYTES
from FailTaleLibrary.run.stages import Stages
from FailTaleLibrary.run.tally import Tally

__all__ = [
    "HINT_AFTER_RUN",
    "HINT_OFFLINE",
    "MAX_TESTS",
    "MAX_TESTS_USED",
    "MIN_CARD_BYTES",
    "NOT_RANKED",
    "Run",
    "Stages",
    "Tally",
    "redactor_for",
]
