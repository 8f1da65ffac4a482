"""The listener: collects evidence the moment a test fails and lays it into log.html under that test.

``robot --listener FailTaleListener:failtale.yaml tests/``. It drives the `FailTaleLibrary` object that suites import.

When a failing test has a teardown, evidence is collected just before it, because a teardown destroys evidence;
otherwise when the test ends. Nothing here changes a result: every hook catches whatever goes wrong, and says so once.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn
from robot.model import TagPatterns
from robot.running import TestSuite

from FailTaleLibrary import FailTaleLibrary
from FailTaleLibrary.background import without_garbage_collection
from FailTaleLibrary.collection.plan import switched_off
from FailTaleLibrary.errors import ConfigError, FailTaleError
from FailTaleLibrary.interrupts import held_back
from FailTaleLibrary.keywords import MAX_NODES_OF_PASSED
from FailTaleLibrary.records import Report
from FailTaleLibrary.robot_results import Mention, Places
from FailTaleLibrary.run import MAX_TESTS, MAX_TESTS_USED, Stages
from FailTaleLibrary.text import count, duration, one_line, sanitize, without_ci_commands

TERMINATED = "Execution terminated by signal"
TERMINATED_DEADLINE_S = 5.0
"""What failures may still cost after Ctrl-C, all together; nothing once a collection was cut by it."""
EXIT_TAG = "robot:exit"
PARENT_SETUP_FAILED = "Parent suite setup failed"
"""How Robot's message of a test begins that did not run for that reason."""
_TRUTH = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
_USAGE = "write 'FailTaleListener:failtale.yaml' or 'FailTaleListener:failtale.yaml:strict=yes'."


def _harmless(hook: Callable[..., None]) -> Callable[..., None]:
    """A hook that never disturbs the run: a listener that raises would log an error, or end the run."""

    @functools.wraps(hook)
    def guarded(listener: FailTaleListener, *told: Any) -> None:
        if listener.disabled:
            return
        try:
            hook(listener, *told)
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

    def __init__(
        self, config: str | None = None, *words: str, strict: bool | str = False, stages: Stages | None = None
    ) -> None:
        """``config``: path of failtale.yaml; without it, FAILTALE_CONFIG names it, or it is
        ``./failtale.yaml``.

        ``strict``: a configuration with mistakes stops the run instead of switching the listener off. ``words`` are
        what else Robot makes of the colons behind the listener's name: the rest of a Windows path, or a mistake.
        ``stages`` stand in the place of FailTale's own, for a caller of `robot.run` in Python.
        """
        self._config, self._words = _whole_path(config, words)
        self._strict = _TRUTH.get(str(strict).lower())
        self._stages = stages
        self._begin_run()

    def _begin_run(self) -> None:
        """Everything of one run of Robot; an object that is given to several `robot.run` begins afresh with each."""
        self.disabled = False
        self._is_over = self._is_second = False
        self._library = FailTaleLibrary()
        self._test: Any = None
        self._began_s = 0.0
        """When the test under way began, by `time.monotonic`."""
        self._is_told = False
        """Whether the library was told of it."""
        self._tests_wait_until = float("-inf")
        """Tests that begin until then are told of when something hangs on it, by the same clock."""
        self._passed: deque[Any] = deque(maxlen=MAX_TESTS)
        """Results of tests that have passed since the last failure; and what the newest of them used."""
        self._used: deque[tuple[Any, Sequence[Mention]]] = deque(maxlen=MAX_TESTS_USED)
        self._last_failed: Any = None
        self._attempt = 0
        """That of the last failed test's newest failure: it may be tried again."""
        self._result: Any = None
        self._report: Report | None = None
        self._failed: list[tuple[Any, Any]] = []
        """Data and result of what failed within the test or fixture; only data knows file and line."""
        self._has_failed = False
        """Whether the newest of them stands in the test's own body, so that nothing catches it."""
        self._setups: dict[str, tuple[Report, str]] = {}
        """Of suites whose setup failed, by the suite's id: its report and the id of the setup."""
        self._mentions: list[Mention] = []
        """What the test under way used, as far as there is room; where it passes, a later failure may want to know."""
        self._room_for_mentions = 0
        self._hidden_cards = 0
        self._stopped_at_s: float | None = None
        """What failures had cost when Ctrl-C or SIGTERM was first seen."""
        self._log: Path | None = None
        self._fault: str | None = None
        try:
            self._take_into_use(self._config)
        except FailTaleError as error:
            self._refuse(error)

    # --- Robot's events ----------------------------------------------------------------------------------------------

    def start_suite(self, data: Any, result: Any) -> None:
        if self._is_of_an_earlier_run():
            self.disabled = False  # what a run was refused for may be mended by the next
        self._start_suite(result)

    def _is_of_an_earlier_run(self) -> bool:
        """Whether all that this object holds belongs to a run that has ended, perhaps by another listener's hand."""
        return self._is_over or not self._library.is_current

    @_harmless
    def _start_suite(self, result: Any) -> None:
        if self._is_of_an_earlier_run():
            self._begin_run()
        if not self.disabled:
            self._stand_back_for_another()
        if not self.disabled:
            self._library.suite_began(result)

    # What each test calls does only what a test that passes needs, and nothing of it can raise: between two tests Robot
    # does enough to push all of it out of the processor's caches, so that each step costs several times its own.

    def start_test(self, data: Any, result: Any) -> None:
        self._test = data
        self._result = result
        self._room_for_mentions = MAX_NODES_OF_PASSED
        self._began_s = now_s = monotonic()
        if now_s > self._tests_wait_until:
            self._tell_of_test()
        if self._failed:  # in a suite's fixture, and was caught
            self._forget_what_failed()

    @_harmless
    def _tell_of_test(self) -> None:
        """At once, because others may ask for it, or because it may last."""
        self._is_told = True
        self._library.test_began(self._result)
        self._tests_wait_until = self._library.run.tests_may_wait_until

    @_harmless
    def catch_up(self) -> None:
        """Tells of the test that is under way, and of those that have passed: something is asked that hangs on it."""
        self._library.tests_passed(self._passed, self._used)
        if self._test is not None and not self._is_told:
            self._is_told = True
            self._library.test_began(self._result, began_s=self._began_s)

    # Robot takes one step less to these three than to `start_keyword` and `end_keyword`, and a test has many of them.

    def start_library_keyword(self, data: Any, implementation: Any, result: Any) -> None:
        if data.type == "TEARDOWN":  # of the thousands of keywords that begin few are guarded, which costs more
            self._teardown_begins(data)
        elif self._has_failed:
            self._test_goes_on()

    start_user_keyword = start_invalid_keyword = start_library_keyword

    def end_library_keyword(self, data: Any, implementation: Any, result: Any) -> None:
        if self._room_for_mentions and (args := result.args):
            self._room_for_mentions -= 1
            self._mentions.append(Mention(args, result.name or ""))
        if result.status == "FAIL":
            self._item_failed(data, result)

    end_user_keyword = end_invalid_keyword = end_library_keyword

    def end_body_item(self, data: Any, result: Any) -> None:
        if getattr(result, "status", "") == "FAIL":
            self._item_failed(data, result)

    def log_message(self, message: Any) -> None:
        if self._room_for_mentions:
            self._room_for_mentions -= 1
            self._mentions.append(Mention((message.message,), is_message=True))

    @_harmless
    def _teardown_begins(self, data: Any) -> None:
        if self._test is not None and data.parent is self._test:
            self._collect(self._result)

    @_harmless
    def _test_goes_on(self) -> None:
        """Behind a failure, in a template or with ``robot:continue-on-failure``: the test's rest is time to connect.

        A failure of the test's own body is final; one below may be caught yet.
        """
        self._has_failed = False
        result = self._result
        if self._report is None and self._may_be_wanted(result) and not result.tags.robot("skip-on-failure"):
            self._library.run.failure_is_near()

    def _in_a_hurry(self) -> contextlib.AbstractContextManager[None]:
        """Around what the first failure of a run costs, which loads what collects, ranks and draws."""
        return contextlib.nullcontext() if self._library.run.tally.failures else without_garbage_collection()

    @_harmless
    def _item_failed(self, data: Any, result: Any) -> None:
        self._failed.append((data, result))
        self._has_failed = self._test is not None and data.parent is self._test
        if isinstance(data.parent, TestSuite) and not BuiltIn().dry_run_active:
            with held_back(), self._in_a_hurry():
                self.catch_up()
                report = self._library.collect_suite_fixture_failure(
                    result, places=self._places(), deadline_s=self._deadline_s(result)
                )
                self._show(report)
            self._library.run.shown_at(report, result.parent.id)
            if result.type == "SETUP":
                self._setups[result.parent.id] = report, result.id
            self._failed.clear()

    def end_test(self, data: Any, result: Any) -> None:
        self._room_for_mentions = 0
        if self._is_told or self._failed or result.status != "PASS":
            self._notable_test_ends(data, result)
        self._test = self._result = None
        if result.status == "PASS":
            self._passed.append(result)
            if self._mentions:
                self._used.append((result, self._mentions))
                self._mentions = []
        elif self._mentions:
            self._mentions = []

    @_harmless
    def _notable_test_ends(self, data: Any, result: Any) -> None:
        """The end of a test that failed, or that the library was told of."""
        try:
            if self._failed or result.status == "FAIL" or self._report is not None:
                self._failing_test_ends(data, result)
        finally:
            if self._is_told:
                self._is_told = False
                self._library.told_test_ended(has_passed=result.status == "PASS")

    def _failing_test_ends(self, data: Any, result: Any) -> None:
        """The end of a test that failed, or in which something did and was caught."""
        try:
            if self._report is not None or result.status == "FAIL":
                # Also between two stages a stopped run still gets its card, and no further one.
                with held_back(), self._in_a_hurry():
                    self._tell_failure(data, result)
        finally:
            self._report = None
            self._forget_what_failed()

    def _forget_what_failed(self) -> None:
        self._failed.clear()
        self._has_failed = False

    @_harmless
    def end_suite(self, data: Any, result: Any) -> None:
        self._library.suite_ended()

    @_harmless
    def output_file(self, path: Path | None) -> None:
        """The output is complete and log.html is not yet made of it: the moment for hints."""
        if path is not None:
            self._library.add_hints(Path(path))

    @_harmless
    def log_file(self, path: Path | None) -> None:
        """log.html is there: what the run page leads to."""
        self._log = Path(path) if path is not None else None

    def close(self) -> None:
        """Robot ends: the run page, a few lines on the console if anything was collected, and no connection stays."""
        if self._is_second:
            self._is_over = True
            return
        try:
            if not self.disabled:
                self._print_summary()
                self._print_causes()
        finally:  # Robot no longer takes care of Ctrl-C here
            self._library.run_ended()
            self._is_over = True

    # --- What they mean ----------------------------------------------------------------------------------------------

    def note_fault(self, error: BaseException) -> None:
        """Remembers that FailTale itself failed, and says so once in the log."""
        if self._fault is None:
            self._fault = f"{self._library.run.fault(self._activity(), error)} The test result is not affected."
            logger.warn(self._fault)

    def _activity(self) -> str:
        return f"collecting evidence for test '{self._test.name}'" if self._test is not None else "following the run"

    def _stand_back_for_another(self) -> None:
        """Does nothing in a run that another object of this class drives: each failure is collected once."""
        if self._library.driver is None:
            self._library.driver, self._library.listening = self, True
        elif self._library.driver is not self:
            self.disabled = self._is_second = True
            _print(
                "FailTale: the listener is named twice (command line, ROBOT_OPTIONS, argument file); once is enough."
            )

    def _take_into_use(self, config: str | None) -> None:
        self._library.listening = True
        if self._words:
            raise ConfigError(f"'{self._words[0]}' is no option of the listener; {_USAGE}")
        if self._strict is None:
            raise ConfigError(f"'strict' is yes or no; {_USAGE}")
        if config is not None:
            self._library.use(config, stages=self._stages)
        settings = self._library.run.config
        self._include = TagPatterns(settings.tags.include)
        self._exclude = TagPatterns(settings.tags.exclude)
        for warning in settings.warnings:
            logger.warn(f"FailTale: {warning}")

    def _refuse(self, error: FailTaleError) -> None:
        """A listener that cannot be used says so on the console and in the log; the run is left as it was."""
        text = sanitize(f"FailTale is switched off for this run: {error}")
        self.disabled = True
        self._library.listening = False
        if self._strict:
            _print(text.replace("switched off for this run", "strict and stops this run"))
            raise SystemExit  # Robot ends with status 253, whatever is said here
        logger.warn(text)

    def _tell_failure(self, data: Any, result: Any) -> None:
        """What a test's end shows of its failure: its card, or where that is."""
        self._collect(result)
        if self._report is not None:
            self._attempt, self._last_failed = self._attempt_of(data), data
            self._report = self._library.with_late_screenshots(self._report, result)
            self._show(self._report)
            self._library.run.shown_at(self._report, result.id)
            self._summarise(result, self._report)
            self._tell_in_metadata(result, self._report, at=result.id)
        elif result.message.startswith(PARENT_SETUP_FAILED):
            self._point_to_setup(result)

    def _collect(self, result: Any) -> None:
        if self._report is None and self._is_wanted(result):
            with held_back(), self._in_a_hurry():  # a run that is stopped as this begins still gets its card
                self.catch_up()
                self._report = self._library.collect_test_failure(
                    result,
                    places=self._places(),
                    attempt=self._attempt_of(self._test),
                    deadline_s=self._deadline_s(result),
                )

    def _attempt_of(self, data: Any) -> int:
        return self._attempt + 1 if data is self._last_failed else 1

    def _deadline_s(self, result: Any) -> float | None:
        """What this failure may cost, where somebody waits for the end of the run; None: what it may always."""
        run = self._library.run
        if run.interrupted:
            return 0.0
        if self._stopped_at_s is None and TERMINATED in result.message:
            self._stopped_at_s = run.tally.seconds
        if self._stopped_at_s is None:
            return None
        return max(0.0, TERMINATED_DEADLINE_S - (run.tally.seconds - self._stopped_at_s))

    def _is_wanted(self, result: Any) -> bool:
        """Whether this failing test gets evidence: it ran itself, and no tag excludes it."""
        return result.failed and self._may_be_wanted(result)

    def _may_be_wanted(self, result: Any) -> bool:
        """The same of one that has not come to its end."""
        ran = bool(result.body) or result.has_setup or result.has_teardown
        if not ran or EXIT_TAG in result.tags or BuiltIn().dry_run_active:
            return False
        if self._library.run.interrupted and TERMINATED in result.message:
            return False  # it was stopped while evidence of another test was collected
        if switched_off(result.tags) or self._exclude.match(result.tags):
            return False
        return not self._include or self._include.match(result.tags)

    def _places(self) -> Places:
        failed = [(self._test, self._result), *self._failed] if self._test is not None else self._failed
        return {id(result): (str(data.source) if data.source else None, data.lineno) for data, result in failed}

    def _show(self, report: Report) -> None:
        if not self._library.show(report):
            self._hidden_cards += 1

    def _summarise(self, result: Any, report: Report) -> None:
        if self._library.run.config.message_summary:
            result.message = _with_line(
                result.message, without_ci_commands(sanitize(self._library.run.summary(report)))
            )

    def _point_to_setup(self, result: Any) -> None:
        """The test did not run; what there is to know stands with the setup of a suite around it."""
        suite = result.parent
        while suite is not None and suite.id not in self._setups:
            suite = suite.parent
        if suite is not None:
            report, setup_id = self._setups[suite.id]
            self._library.point_to_setup(result, report, setup_id)
            self._tell_in_metadata(result, report, at=setup_id)

    def _tell_in_metadata(self, result: Any, report: Report, *, at: str) -> None:
        """The headline in the test's own row, in log.html and in report.html; Robot Framework has it since 7.5."""
        metadata = getattr(result, "metadata", None)
        if metadata is None or not report.analysis.headline:
            return
        log = _name_of_log()
        link = f" [{log}#{at}|evidence]" if log else ""
        metadata["FailTale"] = one_line(report.analysis.headline) + link

    def _print_summary(self) -> None:
        tally = self._library.run.tally
        if not tally.failures:
            return
        failed = tally.failures - tally.on_demand
        reasons = [f"for {count(failed, 'failed test')}"] if failed else []
        if tally.on_demand:
            reasons.append(f"{count(tally.on_demand, 'time')} on demand")
        collected = f"collected evidence {' and '.join(reasons)}"
        missing = f" ({count(tally.gaps, 'item')} missing)" if tally.gaps else ""
        parts = [f"{collected} from {count(len(tally.hosts), 'host')}{missing} in {duration(tally.seconds)}"]
        if self._hidden_cards:
            parts.append(f"{count(self._hidden_cards, 'card')} not in the log because of --loglevel")
        if without_room := self._library.cards_without_room:
            parts.append(f"{count(without_room, 'card')} not in the log because the disk of its output file is full")
        trouble = self._library.run.trouble
        _print(f"FailTale: {', '.join(parts)}{'. ' if trouble else ''}{trouble}")

    @_harmless
    def _print_causes(self) -> None:
        for line in self._library.write_run_page(self._log):
            _print(f"  {line}" if not line.startswith("FailTale") else line)


def _whole_path(config: str | None, words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The path and what stands behind it; Robot has taken ``C:\\tests\\failtale.yaml`` apart at its colon."""
    if config is not None and len(config) == 1 and config.isalpha() and words and words[0][:1] in ("\\", "/"):
        return f"{config}:{words[0]}", words[1:]
    return config, words


def _with_line(message: str, line: str) -> str:
    """A test's message with one more line; escaped in an HTML message, because the line quotes logs."""
    if message.startswith("*HTML*"):
        import html  # with its tables of characters

        return f"{message}<br><br>{html.escape(line)}"
    return f"{message}\n\n{line}".lstrip()


def _name_of_log() -> str:
    """Of the log.html that will lie beside report.html; empty when there is none."""
    path = str(BuiltIn().get_variable_value("${LOG FILE}", "NONE"))
    return "" if path == "NONE" else quote(Path(path).name)


def _print(text: str) -> None:
    """To the real standard error: Robot captures the other one, and standard output may be parsed by somebody."""
    with contextlib.suppress(OSError, ValueError):  # nobody reads it any more, or it is closed
        if sys.__stderr__ is not None:
            print(without_ci_commands(text), file=sys.__stderr__)
