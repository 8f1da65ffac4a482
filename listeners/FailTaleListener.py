"""The listener: collects evidence the moment a test fails and lays it into log.html under that test.

``robot --listener FailTaleListener:failtale.yaml tests/``. It drives the `FailTaleLibrary` object that suites import.

When a failing test has a teardown, evidence is collected just before it, because a teardown destroys evidence;
otherwise when the test ends. Nothing here changes a result: every hook catches whatever goes wrong, and says so once.
"""

from __future__ import annotations

import functools
import html
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn
from robot.model import TagPatterns
from robot.running import TestSuite

from FailTaleLibrary import FailTaleLibrary
from FailTaleLibrary.collection.plan import switched_off
from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering import summary_line
from FailTaleLibrary.robot_results import Places
from FailTaleLibrary.text import sanitize

TERMINATED = "Execution terminated by signal"
TERMINATED_DEADLINE_S = 5.0
"""What a failure may still cost after Ctrl-C."""
EXIT_TAG = "robot:exit"

P = ParamSpec("P")


def _harmless(hook: Callable[P, None]) -> Callable[P, None]:
    """A hook that never disturbs the run: a listener that raises would log an error, or end the run."""

    @functools.wraps(hook)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        listener = args[0]
        assert isinstance(listener, FailTaleListener)  # noqa: S101 - for the type checker
        if listener.disabled:
            return
        try:
            hook(*args, **kwargs)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            listener.note_fault(error)

    return guarded


class FailTaleListener:
    """Robot Framework listener (API version 3)."""

    ROBOT_LISTENER_API_VERSION = 3
    ROBOT_LISTENER_PRIORITY = 1000
    """Early: RetryFailed turns a failure into a skip in its own `end_test`, and each attempt deserves its evidence."""

    def __init__(self, config: str | None = None, strict: bool = False) -> None:
        """``config``: path of failtale.yaml; without it, FAILTALE_CONFIG names it.

        ``strict``: a configuration with mistakes stops the run instead of switching the listener off.
        """
        self.disabled = False
        self._library = FailTaleLibrary()
        self._test: Any = None
        self._last_failed: Any = None
        self._attempt = 1
        self._result: Any = None
        self._report: Report | None = None
        self._failed: list[tuple[Any, Any]] = []
        """Data and result of what failed since the test or fixture began; only data knows file and line."""
        self._hidden_cards = 0
        self._fault: str | None = None
        try:
            self._take_into_use(config)
        except FailTaleError as error:
            self._refuse(error, strict)

    # --- Robot's events ----------------------------------------------------------------------------------------------

    @_harmless
    def start_suite(self, data: Any, result: Any) -> None:
        self._library.suite_began(result)

    @_harmless
    def start_test(self, data: Any, result: Any) -> None:
        self._attempt = self._attempt + 1 if data is self._last_failed else 1
        self._test, self._result, self._report = data, result, None
        self._failed = [(data, result)]
        self._library.test_began(result)

    @_harmless
    def start_keyword(self, data: Any, result: Any) -> None:
        if data.type == "TEARDOWN" and data.parent is self._test and self._test is not None:
            self._tell(self._result)

    @_harmless
    def end_body_item(self, data: Any, result: Any) -> None:
        if getattr(result, "status", "") != "FAIL":
            return
        self._failed.append((data, result))
        if isinstance(data.parent, TestSuite) and not BuiltIn().dry_run_active:
            self._show(self._library.collect_suite_fixture_failure(result, places=self._places()))
            self._failed.clear()

    @_harmless
    def end_test(self, data: Any, result: Any) -> None:
        try:
            self._tell(result)
            if self._report is not None:
                self._last_failed = data
                self._show(self._report)
                self._summarise(result, self._report)
        finally:
            self._test = self._result = None
            self._failed.clear()

    @_harmless
    def end_suite(self, data: Any, result: Any) -> None:
        self._library.suite_ended()

    @_harmless
    def output_file(self, path: Path | None) -> None:
        """The output is complete and log.html is not yet made of it: the moment for hints."""
        if path is not None:
            self._library.add_hints(Path(path))

    def close(self) -> None:
        """Robot ends: one line on the console if anything was told, and no connection stays open."""
        if not self.disabled:
            self._print_summary()
        self._library.run_ended()

    # --- What they mean ----------------------------------------------------------------------------------------------

    def note_fault(self, error: BaseException) -> None:
        """Remembers that FailTale itself failed, and says so once in the log."""
        text = f"FailTale could not tell a failure: {type(error).__name__}: {error}"
        if self._fault is None:
            self._fault = sanitize(text)
            logger.warn(self._fault)

    def _take_into_use(self, config: str | None) -> None:
        self._library.listening = True
        if config is not None:
            self._library.use(config)
        settings = self._library.run.config
        self._include = TagPatterns(settings.tags.include)
        self._exclude = TagPatterns(settings.tags.exclude)

    def _refuse(self, error: FailTaleError, strict: bool) -> None:
        """A listener that cannot be used says so on the console and in the log; the run is left as it was."""
        text = sanitize(f"FailTale is switched off for this run: {error}")
        self.disabled = True
        self._library.listening = False
        if strict:
            _print(text.replace("switched off for this run", "strict and stops this run"))
            raise SystemExit  # Robot ends with status 253, whatever is said here
        logger.warn(text)

    def _tell(self, result: Any) -> None:
        if self._report is None and self._is_told(result):
            deadline_s = TERMINATED_DEADLINE_S if TERMINATED in result.message else None
            self._report = self._library.collect_test_failure(
                result, places=self._places(), attempt=self._attempt, deadline_s=deadline_s
            )

    def _is_told(self, result: Any) -> bool:
        """Whether this failing test deserves evidence: it ran itself, and no tag speaks against it."""
        ran = bool(result.body) or result.has_setup or result.has_teardown
        if not result.failed or not ran or EXIT_TAG in result.tags or BuiltIn().dry_run_active:
            return False
        if switched_off(result.tags) or self._exclude.match(result.tags):
            return False
        return not self._include or self._include.match(result.tags)

    def _places(self) -> Places:
        return {id(result): (str(data.source) if data.source else None, data.lineno) for data, result in self._failed}

    def _show(self, report: Report) -> None:
        if not self._library.show(report):
            self._hidden_cards += 1

    def _summarise(self, result: Any, report: Report) -> None:
        if self._library.run.config.message_summary:
            result.message = _with_line(result.message, sanitize(summary_line(report)))

    def _print_summary(self) -> None:
        tally = self._library.run.tally
        if not tally.failures:
            return
        told = f"{_counted(tally.failures, 'failure')} told, {_counted(len(tally.hosts), 'host')} asked"
        parts = [told, _counted(tally.gaps, "gap"), f"{tally.seconds:.1f} s added"]
        if self._hidden_cards:
            parts.append(f"{_counted(self._hidden_cards, 'card')} not in the log, as --loglevel asks")
        _print(f"FailTale: {', '.join(parts)}")


def _with_line(message: str, line: str) -> str:
    """A test's message with one more line; escaped in an HTML message, because the line quotes logs."""
    if message.startswith("*HTML*"):
        return f"{message}<br><br>{html.escape(line)}"
    return f"{message}\n\n{line}".lstrip()


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _print(text: str) -> None:
    """To the real standard error: Robot captures the other one, and standard output may be parsed by somebody."""
    if sys.__stderr__ is not None:
        print(text, file=sys.__stderr__)
