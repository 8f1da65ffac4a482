"""Runs the suite on the stage and tells the audience what to look at."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.demo.processes import DemoError, kill_group
from FailTaleLibrary.demo.stage import Stage, set_stage
from FailTaleLibrary.demo.stories import STORIES, Story
from FailTaleLibrary.records import Report

SUITE_TIMEOUT_S = 120.0
PATIENCE_S = 10.0
"""What Robot gets after Ctrl-C to write its log."""

_OURS = "# Written by `failtale demo`"
"""How the demo's configuration begins: the demo overwrites nothing but its own."""
_RESULTS = ("output.xml", "log.html", "report.html")
_BUNDLES = "failtale"
_LISTENER = "FailTaleListener:failtale.yaml"


def perform(directory: Path) -> int:
    """Show the demo; 0 when it worked, 1 when it did not, with the reasons on standard error."""
    prepare(directory)
    with _every_end_cleans_up(), set_stage() as stage:
        play(stage, directory)
    found = list(mistakes(directory))
    for mistake in found:
        sys.stderr.write(f"failtale demo: {mistake}\n")
    if not found:
        _explain(directory)
    return 1 if found else 0


def prepare(directory: Path) -> None:
    """Make the directory or clear away an earlier demo's results; raises DemoError when it is somebody else's."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"Cannot make the directory '{directory}' for the results: {error.strerror}.") from error
    if any(directory.iterdir()) and not _is_ours(directory / "failtale.yaml"):
        raise DemoError(f"Directory '{directory}' holds files that the demo did not write; name an empty or a new one.")
    for name in _RESULTS:
        (directory / name).unlink(missing_ok=True)
    shutil.rmtree(directory / _BUNDLES, ignore_errors=True)


def _is_ours(configuration: Path) -> bool:
    return configuration.is_file() and configuration.read_text(errors="replace").startswith(_OURS)


def play(stage: Stage, directory: Path) -> None:
    """Run the suite as a user would, in a process group of its own, and wait for its end."""
    stage.write_suite(directory)
    _say(f"A shop of three hosts is open. Running 'robot --listener {_LISTENER} shop.robot':\n")
    robot = subprocess.Popen(  # noqa: S603 - our own interpreter and suite
        [sys.executable, "-m", "robot", "--listener", _LISTENER, "shop.robot"],
        cwd=directory,
        env=stage.environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        robot.wait(SUITE_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"The suite did not end within {SUITE_TIMEOUT_S:.0f} s; is this machine very busy?") from error
    except KeyboardInterrupt:
        robot.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            robot.wait(PATIENCE_S)
        raise
    finally:
        kill_group(robot.pid)
        robot.wait()


def mistakes(directory: Path) -> Iterator[str]:
    """What is not as it should be: just the tests of the stories failed, and the cause of each was collected."""
    output = directory / "output.xml"
    if not output.exists():
        yield "Robot Framework wrote no results; its own words stand above."
        return
    failed, expected = _failed_tests(output), [story.test for story in STORIES]
    if failed != expected:
        yield f"Other tests failed than should: {failed} instead of {expected}; see '{directory / 'log.html'}'."
    reports = {str(report.failure.name): report for report in reports_in(output) if isinstance(report, Report)}
    for story in STORIES:
        if not _is_told(story, reports.get(story.test)):
            yield f"The cause of '{story.test}' was not collected from host '{story.host}'."


def _failed_tests(output: Path) -> list[str]:
    from robot.api import ExecutionResult  # only here is Robot wanted in this process

    return [test.name for test in ExecutionResult(output).suite.all_tests if test.failed]


def _is_told(story: Story, report: Report | None) -> bool:
    item = report.evidence.item(f"{story.host}/{story.collector}") if report else None
    return item is not None and story.cause in item.text


def _explain(directory: Path) -> None:
    _say("\nThe tests say what failed; the cards below them, in log.html, say why. Open\n")
    _say(f"    {(directory / 'log.html').resolve()}\n")
    _say("and look at the failing tests:\n")
    for story in STORIES:
        _say(f"  {story.test}\n    {story.notice}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()  # Robot writes to the same terminal


@contextlib.contextmanager
def _every_end_cleans_up() -> Iterator[None]:
    """Let SIGTERM and a closed terminal interrupt the demo as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield
        return
    previous = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
