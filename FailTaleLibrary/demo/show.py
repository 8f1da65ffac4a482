"""Runs the demo's suite against the shop, checks what was collected and prints what to look at."""

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
from FailTaleLibrary.demo.failures import DEMO_FAILURES, DemoFailure
from FailTaleLibrary.demo.processes import DemoError, kill_group
from FailTaleLibrary.demo.shop_hosts import ShopHosts, running_shop
from FailTaleLibrary.records import Report

SUITE_TIMEOUT_S = 300.0
INTERRUPTED_S = 30.0
"""What Robot gets after Ctrl-C to write its log."""

_OURS = "# Written by `failtale demo`"
"""How the demo's configuration begins: the demo overwrites nothing but its own."""
_RESULTS = ("output.xml", "log.html", "report.html")
_BUNDLES = "failtale"
_LISTENER = "FailTaleListener:failtale.yaml"


def show_demo(directory: Path) -> int:
    """Run the whole demo; 0 when it worked, 1 when it did not, with the reasons on standard error."""
    prepare(directory)
    with _every_end_cleans_up(), running_shop() as shop:
        run_suite(shop, directory)
    found = list(mistakes(directory))
    for mistake in found:
        sys.stderr.write(f"failtale demo: {mistake}\n")
    if not found:
        _explain(directory)
    return 1 if found else 0


def prepare(directory: Path) -> None:
    """Make the directory or clear away an earlier demo's results; raises DemoError when others' files are in it."""
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


def run_suite(shop: ShopHosts, directory: Path) -> None:
    """Run the suite as a user would, in a process group of its own, and wait for its end."""
    shop.write_suite(directory)
    _print_line(f"A shop of three hosts is running. Running 'robot --listener {_LISTENER} shop.robot':\n")
    robot = subprocess.Popen(  # noqa: S603 - our own interpreter and suite
        [sys.executable, "-m", "robot", "--listener", _LISTENER, "shop.robot"],
        cwd=directory,
        env=shop.environment,
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
            robot.wait(INTERRUPTED_S)
        raise
    finally:
        kill_group(robot.pid)
        robot.wait()


def mistakes(directory: Path) -> Iterator[str]:
    """What is not as it should be: exactly the expected tests failed, and the cause of each was collected."""
    output = directory / "output.xml"
    if not output.exists():
        yield "Robot Framework wrote no results; its messages are above."
        return
    failed, expected = _failed_tests(output), [failure.test for failure in DEMO_FAILURES]
    if failed != expected:
        yield f"Other tests failed than should: {failed} instead of {expected}; see '{directory / 'log.html'}'."
    reports = {str(report.failure.name): report for report in reports_in(output) if isinstance(report, Report)}
    for failure in DEMO_FAILURES:
        if not _has_its_cause(failure, reports.get(failure.test)):
            yield f"The cause of '{failure.test}' was not collected from host '{failure.host}'."


def _failed_tests(output: Path) -> list[str]:
    from robot.api import ExecutionResult  # only here is Robot wanted in this process

    return [test.name for test in ExecutionResult(output).suite.all_tests if test.failed]


def _has_its_cause(failure: DemoFailure, report: Report | None) -> bool:
    item = report.evidence.item(f"{failure.host}/{failure.collector}") if report else None
    return item is not None and failure.cause in item.text


def _explain(directory: Path) -> None:
    _print_line("\nEach failing test in log.html has a card that shows the cause. Open\n")
    _print_line(f"    {(directory / 'log.html').resolve()}\n")
    _print_line("and look at the failing tests:\n")
    for failure in DEMO_FAILURES:
        _print_line(f"  {failure.test}\n    {failure.notice}")


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()  # Robot writes to the same terminal


@contextlib.contextmanager
def _every_end_cleans_up() -> Iterator[None]:
    """Let SIGTERM and a closed terminal interrupt the demo as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread gets signals
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
