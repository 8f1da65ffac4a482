"""Robot Framework keywords: evidence on demand, and checks on what was collected.

There is one `FailTaleLibrary` object in a run: suites that import the library get it, with or without arguments, and
the listener drives it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TextIO
from urllib.parse import quote

from robot.api import logger
from robot.api.deco import keyword, library
from robot.errors import TimeoutError as RobotTimeoutError
from robot.libraries.BuiltIn import BuiltIn
from robot.output import LOGGER
from robot.running.context import EXECUTION_CONTEXTS
from robot.utils import DotDict

from FailTaleLibrary import __version__
from FailTaleLibrary.belonging.correlation import Correlation
from FailTaleLibrary.belonging.other_tests import ParallelRun
from FailTaleLibrary.config import CONFIG_VARIABLE, config_found_here, config_path, load_config, taken_by_itself
from FailTaleLibrary.errors import ConfigError, FailTaleError
from FailTaleLibrary.interrupts import held_back
from FailTaleLibrary.progress import live_line
from FailTaleLibrary.queries import check_contains, check_contains_not, check_verdicts, text_of, value_of
from FailTaleLibrary.records import Failure, Report, our_words
from FailTaleLibrary.robot_log import attach_to_allure, log_html
from FailTaleLibrary.robot_results import (
    Mention,
    Places,
    failure_of_suite_fixture,
    failure_of_test,
    failure_with_screenshots,
    mentions_in,
    secret_variables,
    used_in,
    used_texts,
)
from FailTaleLibrary.run import Run, Stages
from FailTaleLibrary.text import sanitize

if TYPE_CHECKING:  # tests that pass need none of it
    from FailTaleLibrary.screenshots import OutputFolders

MAX_NODES_OF_PASSED = 40
"""Of a passing test's keywords and messages that are remembered, to know its lines when a later test fails."""
_LEAST_CARD_BYTES = 2_000
"""With less room a card would say nothing of use."""
_CARD_S = 0.5
"""Ahead of a timeout of Robot's, for what stands behind a collection: the card is drawn and written to the log."""


class Driver(Protocol):
    """Whoever tells the library of tests: of some of them not before something is asked that hangs on it."""

    def catch_up(self) -> None:
        """Tells of the test that is under way, and of those that have passed."""


@library(scope="GLOBAL", version=__version__, auto_keywords=False, doc_format="ROBOT")
class FailTaleLibrary:
    """Tells what every component of the system under test was doing while a test failed.

    With the listener (``robot --listener FailTaleListener:failtale.yaml …``) evidence is collected by itself whenever a
    test fails, and laid into log.html as a card under the failing test. This library adds keywords for the moments
    that you choose yourself, and lets a suite look at what was collected.

    = Configuration =

    Hosts, components and collectors are configured in ``failtale.yaml``. It is found, in this order: the argument of
    the import, the listener's argument, the environment variable ``FAILTALE_CONFIG``, ``failtale.yaml`` in the
    directory in which ``robot`` was started (the console then says so). All imports of a run must name the same file.

    = Evidence as a value =

    `Collect Evidence` returns a dictionary with dotted access:

    | ``${evidence.headline}``  | the strongest suspect in a sentence |
    | ``${evidence.chain}``     | what it led to, up to the failure; empty where nothing links them |
    | ``${evidence.all_items}`` | list: ``host``, ``component``, ``collector``, ``status``, ``text``, ``lines`` … |
    | ``${evidence.gaps}``      | list: ``host``, ``collector``, ``reason``, ``detail`` |
    | ``${evidence.suspects}``  | list, best first: ``id``, ``host``, ``collector``, ``text``, ``offset``, ``signals`` |
    | ``${evidence.other_tests}`` | list: ``name``, ``status``, ``started``, ``ended`` of tests that ran meanwhile |
    | ``${evidence.screenshots}`` | list: ``path`` below the output directory, ``keyword``, ``note`` |
    | ``${evidence.text}``      | all of it as readable text |
    | ``${evidence.bundle}``    | folder with the full outputs, or ``None`` |

    Secrets are gone from all of them, as they are from the card.

    = Whose line it is =

    What a test is given, gets back, logs and fails with is searched for what names one thing: the number of an order,
    an account, an id. A log line that holds it is the test's and says so. Where tests run at the same time (pabot, a
    second run against the same hosts), no other line is a strong suspect, and the card names the tests that ran.

    `Get Correlation Id` makes sure of it where the product logs the trace of a request: send the id along.

    | Create Session    shop    http://shop.example.com
    | ${id} =    `Get Correlation Id`
    | POST On Session    shop    /orders    json=${order}    headers=${{{'traceparent': $id}}}
    """

    ROBOT_LISTENER_API_VERSION = "of none: this is the library; write '--listener FailTaleListener'"
    """No version: Robot would take ``--listener FailTaleLibrary`` and call nothing. It repeats these words."""

    _shared: ClassVar[FailTaleLibrary | None] = None

    def __new__(cls, config: str | None = None) -> FailTaleLibrary:
        if cls._shared is None:
            cls._shared = super().__new__(cls)
            cls._shared._begin()
        return cls._shared

    def __init__(self, config: str | None = None) -> None:
        """``config`` is the path of ``failtale.yaml``, relative to the directory in which ``robot`` was started.

        Without it the listener's configuration is used, or the one that ``FAILTALE_CONFIG`` names, or
        ``./failtale.yaml``.
        """
        if config is not None:
            self.use(config)

    def _begin(self) -> None:
        self.ROBOT_LIBRARY_LISTENER = _SuiteWatcher(self)
        self.listening = False
        """Whether the listener drives this run; it then sees more than a library can."""
        self.driver: Driver | None = None
        """The listener object that drives this run, once it has begun."""
        self._config_path: Path | None = None
        self._run: Run | None = None
        self.cards_without_room = 0
        """Not logged, because the disk of Robot's output file is full."""
        self._parallel = False
        self._folder: Path | None = None
        """Robot's output directory, once a card was shown."""
        self._knows_of_parallel_run = False
        self._suites: list[Any] = []
        self._suite_of_tests: Any = None
        """That of the newest test, and how full names of its tests begin."""
        self._names_begin = ""
        self._test: Any = None
        self._outside_tests = Correlation()
        self._of_test: Correlation | None = None
        """That of the test that is under way, once it has asked for an id."""
        self._collected: Report | None = None
        """Of the test that is under way."""

    # --- What the listener drives ------------------------------------------------------------------------------------

    @property
    def run(self) -> Run:
        """The run's run. Raises ConfigError when no configuration is to be found."""
        if self._run is None:
            self.use(_config_from_environment())
        assert self._run is not None  # noqa: S101 - `use` made it or raised
        return self._run

    @property
    def is_current(self) -> bool:
        """Whether its run goes on or is still to come; another listener may have ended it."""
        return type(self)._shared is self

    def use(self, config: str | Path, *, stages: Stages | None = None) -> None:
        """Takes a configuration file into use and reads it. Raises ConfigError, also when another one is in use."""
        path = Path(config).expanduser().absolute()
        if self._config_path is not None and path != self._config_path:
            raise ConfigError(
                f"FailTale cannot use '{path}' because this run already uses '{self._config_path}'; "
                "name the same file at the listener and at every import, or name it once."
            )
        self._config_path = path
        if self._run is None:
            self._run = Run(load_config(path), stages=stages, passed_on=(RobotTimeoutError,))
            self._run.variables_from(_robot_variable)

    def suite_began(self, result: Any) -> None:
        """A suite begins; ``result`` is its robot.result.TestSuite."""
        self._suites.append(result)
        if not self._knows_of_parallel_run:
            self._know_of_parallel_run()
        self.run.suite_began()

    def suite_ended(self) -> None:
        """The innermost suite has ended."""
        self._suites.pop()
        self.run.suite_ended()

    def test_began(self, result: Any, *, began_s: float | None = None) -> None:
        """A test or task begins; ``result`` is its robot.result.TestCase.

        ``began_s``: when, by `time.monotonic`, for one that has begun a while ago.
        """
        self._test = result
        if result.parent is not self._suite_of_tests or result.parent is None:
            self._know_suite_of_tests(result.parent)
        run = self._run or self.run
        if began_s is None:
            run.test_began(self._names_begin + result.name)
        else:
            run.test_began(self._names_begin + result.name, at_s=result.start_time.timestamp(), began_s=began_s)

    def _know_suite_of_tests(self, suite: Any) -> None:
        """Once a suite; Robot makes its full name anew each time."""
        if not self._knows_of_parallel_run:
            self._know_of_parallel_run()
        self._names_begin = f"{suite.full_name}." if suite is not None else ""
        self._suite_of_tests = suite

    def test_ended(self, result: Any) -> None:
        """The test has ended, its teardown included; ``result`` is its robot.result.TestCase."""
        self._test = self._collected = self._of_test = None
        run = self.run
        if result.status == "PASS":
            run.test_passed(result.name)
            if mentions := mentions_in(result.body, most=MAX_NODES_OF_PASSED):
                run.test_used(result.name, used_texts(mentions))
        run.test_ended()

    def told_test_ended(self, *, has_passed: bool) -> None:
        """The test that was told of as it began has ended; where it has passed, `tests_passed` will tell more of it."""
        self._test = self._collected = self._of_test = None
        self.run.test_ended(has_passed=has_passed)

    def tests_passed(self, results: deque[Any], used: deque[tuple[Any, Sequence[Mention]]]) -> None:
        """Takes the tests that have passed since the last failure, and what some of them used; it leaves none."""
        while results:
            result = results.popleft()
            if result.status == "PASS" and result.start_time and result.end_time:  # another listener may have its way
                times = result.start_time.timestamp(), result.end_time.timestamp()
                self.run.test_had_passed(result.name, *times)
        while used:
            result, mentions = used.popleft()
            self.run.test_used(result.name, used_texts(mentions))

    def collect_test_failure(self, result: Any, *, places: Places, attempt: int, deadline_s: float | None) -> Report:
        """The report of a failing test, collected now."""
        began_s = time.monotonic()
        self.run.failure_is_near()
        variables = self._know_secrets()
        failure = failure_of_test(
            result,
            places=places,
            redactor=self.run.redactor(),
            variables=variables,
            attempt=attempt,
            folders=self._folders(),
        )
        self._collected = self._collect(failure, began_s=began_s, deadline_s=deadline_s)
        return self._collected

    def collect_suite_fixture_failure(self, keyword: Any, *, places: Places, deadline_s: float | None) -> Report:
        """The report of a suite's failing setup or teardown, collected now."""
        began_s = time.monotonic()
        self.run.failure_is_near()
        self._know_secrets()
        suite = self._suites[-1]
        failure = failure_of_suite_fixture(
            keyword, suite, places=places, redactor=self.run.redactor(), folders=self._folders()
        )
        return self._collect(failure, began_s=began_s, deadline_s=deadline_s)

    def with_late_screenshots(self, report: Report, result: Any) -> Report:
        """The report with the screenshots that the test's teardown took after its evidence was collected."""
        folders = self._folders()
        if folders is None:
            return report
        failure = failure_with_screenshots(report.failure, result, folders, self.run.redactor())
        return self.run.with_failure(report, failure, output_dir=_place_of_bundles())

    def show(self, report: Report) -> bool:
        """Logs a report's card where Robot is; False when the log level keeps it out.

        What its disk has no room for is not logged: without a whole output file there is no result of the run at all.
        """
        from FailTaleLibrary.rendering import to_page

        self._folder = _output_dir()
        links = tuple(_link_to_screenshot(each.path) for each in report.failure.screenshots)
        room_bytes = self.run.room_for_card(_free_bytes_for_output())
        if room_bytes < _LEAST_CARD_BYTES:
            self.cards_without_room += 1
            return True
        card = self.run.card(report, bundle_link=_link_to(report.bundle), screenshot_links=links, room_bytes=room_bytes)
        attach_to_allure(f"FailTale: {report.analysis.headline or 'evidence'}", to_page(card, [report]))
        more = f"All of it: failtale show {report.failure.id[:8]}"
        return log_html(card, text=lambda: self.run.brief_text(report, more=more))

    def point_to_setup(self, result: Any, report: Report, setup_id: str) -> None:
        """Logs where the evidence for a test is that fell with its suite's setup, whose report that is."""
        from FailTaleLibrary.rendering.pointers import pointer_text, pointer_to

        fallen = self.run.fell_with(report, result.name, test_id=result.id)
        anchor = setup_id if str(_variable("${LOG FILE}")) != "NONE" else ""  # a merge gives other ids
        log_html(pointer_to(report, test=fallen.name, anchor=anchor), text=lambda: pointer_text(report))

    def write_run_page(self, log: Path | None) -> tuple[str, ...]:
        """Writes the run page beside log.html; returns what a console may say of it: a line for each cause.

        Under pabot each process has an output of its own, which is merged later: then no page is written.
        """
        if not self.run.tally.failures:
            return ()
        from FailTaleLibrary.files import write_file
        from FailTaleLibrary.rendering.run_formats import to_lines
        from FailTaleLibrary.rendering.run_page import PAGE_NAME, to_run_page

        home = self._folder
        folder = log.parent if log else home
        summary = self.run.run_summary(
            log=log.name if log else "", link=lambda bundle: bundle and _relative_link(home, bundle, folder)
        )
        if folder is None or self._parallel:
            return tuple(to_lines(summary))
        try:
            write_file(folder / PAGE_NAME, to_run_page(summary))
        except OSError as error:  # a full disk, most of all
            why = sanitize(f"{error.strerror or error} ('{folder / PAGE_NAME}')")
            return (*to_lines(summary), f"FailTale: no page of the run was written: {why}")
        return (*to_lines(summary), f"FailTale: {folder / PAGE_NAME}")

    def add_hints(self, output: Path) -> None:
        """Asks the model, where one is configured, and draws the cards of Robot's complete output file anew.

        Ctrl-C ends that with the hints that there are, and Robot writes its log.
        """
        settings = self.run.config.analysis
        tally = self.run.tally
        if settings.model is None or settings.when != "after_run" or not tally.failures or self._parallel:
            return
        from FailTaleLibrary.hints import HintOf, until_stopped, with_progress, write_hints

        ask: HintOf = partial(self.run.hint_of, folder=output.parent)
        if sys.__stderr__ is not None:
            ask = with_progress(ask, tally.failures, sys.__stderr__)
        with held_back(is_answer=True) as stop:  # log.html is still to come
            write_hints(output, until_stopped(ask, stop), max_bytes=self.run.config.limits.card_bytes)

    def run_ended(self) -> None:
        """Ends connections; the next run in this process starts afresh."""
        if self._run is not None:
            self._run.run_ended()
        type(self)._shared = None

    # --- Keywords ----------------------------------------------------------------------------------------------------

    @keyword(tags=["failtale"])
    def collect_evidence(
        self,
        *,
        components: str | list[str] | None = None,
        name: str | None = None,
        hosts: str | list[str] | None = None,
    ) -> DotDict:
        """Collects evidence from all hosts now, logs the card and returns the evidence as a value.

        ``components`` narrows it to hosts of these components, ``hosts`` to these hosts, whose logs are then read in
        full however many there are; ``name`` is the title of the card. The window reaches from the start of the test
        (or of the suite, outside a test) until now.

        In the teardown of a test for which the listener has already collected, and without arguments, nothing is
        collected again: the evidence that the listener collected is returned.

        | ${evidence} =    `Collect Evidence`    components=web,db    name=After the upgrade
        | Log    ${evidence.headline}

        A host that cannot be reached never fails this keyword; it is a gap in the evidence. Where the test or a
        keyword around this one has a timeout, collecting ends ahead of it, with what there is by then.
        """
        began_s = time.monotonic()
        if self._collected is not None and not components and not hosts and not name:
            logger.info("FailTale has collected this failure already; its card is at the end of the test.")
            return self._value(self._collected)
        self._catch_up()
        self._know_secrets()
        with held_back():  # a stopped run still gets its card
            report = self._collect(
                self._failure_now(name),
                began_s=began_s,
                deadline_s=_time_until_a_timeout(),
                components=_names_in(components),
                hosts=_names_in(hosts),
            )
            self.show(report)
        return self._value(report)

    @keyword(tags=["failtale"])
    def get_evidence(self, host: str | None = None, collector: str | None = None) -> str:
        """Returns what was collected last, by the listener or by `Collect Evidence`.

        With ``host`` and ``collector`` it is the output of this one item; with less, all that matches, each with a
        header line. Fails when nothing matches, and says what there is.

        | ${log} =    `Get Evidence`    web1    nginx.error-log
        """
        return text_of(self.run.last_report(), host, collector)

    @keyword(tags=["failtale"])
    def check_hosts(self, *hosts: str) -> None:
        """Connects to every host (or the given ones), and fails with a readable list if one cannot be reached.

        Meant for a suite setup, so that a missing key is found before the first failure needs it.

        | Suite Setup    `Check Hosts`
        """
        verdicts = self.run.check_hosts(hosts)
        check_verdicts(verdicts)
        logger.info(f"All hosts can be reached: {', '.join(verdicts)}")

    @keyword(tags=["failtale"])
    def evidence_should_contain(
        self, text: str, *, host: str | None = None, collector: str | None = None, ignore_case: bool = False
    ) -> None:
        """Fails unless the last collected evidence contains ``text``, in one line of one item.

        ``host`` and ``collector`` narrow it down; ``ignore_case`` takes no notice of upper and lower case.

        | `Evidence Should Contain`    database is locked    host=storage1
        """
        check_contains(self.run.last_report(), text, host=host, collector=collector, ignore_case=ignore_case)

    @keyword(tags=["failtale"])
    def evidence_should_not_contain(
        self, text: str, *, host: str | None = None, collector: str | None = None, ignore_case: bool = False
    ) -> None:
        """Fails when a line of the last collected evidence contains ``text``.

        Arguments as in `Evidence Should Contain`. A gap is no evidence of absence: it fails, too, when a host or item
        that it was to look into could not be had.

        | `Evidence Should Not Contain`    ERROR    host=web1
        """
        check_contains_not(self.run.last_report(), text, host=host, collector=collector, ignore_case=ignore_case)

    @keyword(tags=["failtale"])
    def get_correlation_id(self) -> str:
        """Returns an id to send along with a request: a W3C traceparent, ``00-<32 digits>-<16 digits>-01``.

        The trace (the 32 hexadecimal digits) is the same throughout a test and no other test's; a test that is tried
        again has a new one. The span (the 16 digits) is new with each call, so that requests can be told apart. Outside
        of tests, as in a suite's setup, all calls of the run share one trace.

        A log line with the trace is the test's, whatever else it says and whichever tests run at the same time. The
        product has to log the trace of a request, as OpenTelemetry's and most frameworks' loggers do.

        It needs no listener and no configuration, and knows no secret.

        | ${id} =    `Get Correlation Id`
        | POST On Session    shop    /orders    json=${order}    headers=${{{'traceparent': $id}}}
        """
        self._catch_up()
        if self._test is None:
            return self._outside_tests.traceparent()
        self._of_test = self._of_test or Correlation()
        return self._of_test.traceparent()

    @keyword(tags=["failtale"])
    def analyze_evidence(self) -> DotDict:
        """Returns what the last collected evidence points to, and logs it: suspects, and a hint by a model if set up.

        The value is as described above; its ``hint`` is the model's sentence or ``None``, and ``no_hint_reason`` says
        why. With a model configured this keyword waits for it, at most ``analysis.hint_time``; elsewhere hints are
        made after the run. A model never fails this keyword.

        | `Collect Evidence`
        | ${analysis} =    `Analyze Evidence`
        | Should Contain    ${analysis.headline}    database is locked
        """
        report = self.run.with_hint(self.run.last_report(), folder=_place_of_bundles())
        self.show(report)
        return self._value(report)

    # --- Inside ------------------------------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Ahead of whatever asks for the test that is under way."""
        if self.driver is not None:
            self.driver.catch_up()

    def _collect(
        self,
        failure: Failure,
        *,
        began_s: float,
        deadline_s: float | None,
        components: Iterable[str] = (),
        hosts: Iterable[str] = (),
    ) -> Report:
        own = self._of_test.identifiers if self._of_test is not None else ()
        traces = [*own, *self._outside_tests.identifiers]
        failure = failure.with_traces(traces)
        with live_line(_terminal()) as progress:
            report = self.run.collect_failure(
                failure,
                components=tuple(components),
                hosts=tuple(hosts),
                output_dir=_place_of_bundles(),
                deadline_s=deadline_s,
                began_s=began_s,
                progress=progress,
            )
        self._parallel = _under_pabot()
        return _for_merged_output(report) if self._parallel else report

    def _folders(self) -> OutputFolders | None:
        """Where screenshots may be, and where those that are embedded are saved beside the bundles."""
        from FailTaleLibrary.screenshots import OutputFolders

        output, home, bundles = _output_dir(), _place_of_bundles(), self.run.config.bundles
        if output is None or home is None:
            return None
        log = _variable("${LOG FILE}")
        return OutputFolders(
            output=output,
            log=output if log in (None, "NONE") else Path(str(log)).parent,
            home=home,
            kept=home / "failtale" / "screenshots" if bundles.enabled and bundles.directory is None else None,
        )

    def _value(self, report: Report) -> DotDict:
        value = _dotted(value_of(report, text=self.run.text(report)))
        assert isinstance(value, DotDict)  # noqa: S101 - for the type checker
        return value

    def _know_of_parallel_run(self) -> None:
        """Once; what pabot tells its processes is known as soon as the first suite begins."""
        self._knows_of_parallel_run = True
        if (parallel := _parallel_run()) is not None:
            self.run.runs_in_parallel(parallel)

    def _know_secrets(self) -> Mapping[str, Any]:
        """All variables, whose secrets the run knows from now on."""
        variables: Mapping[str, Any] = BuiltIn().get_variables()
        self.run.know(secret_variables(variables))
        return variables

    def _failure_now(self, name: str | None) -> Failure:
        """What a keyword calls a failure: the running test's own, or the time since it began."""
        if self._test is not None and name is None and _variable("${TEST STATUS}") == "FAIL":
            variables: Mapping[str, Any] = BuiltIn().get_variables()
            return failure_of_test(self._test, places={}, redactor=self.run.redactor(), variables=variables)
        suite = str(_variable("${SUITE NAME}") or "")
        title = name or str(_variable("${TEST NAME}") or suite)
        used = used_in(self._test.body) if self._test is not None else ()
        return self.run.failure(title, suite=suite, framework="robot", start=_start_of(self._test), used=used)


class _SuiteWatcher:
    """Tells the library about tests where no listener does; Robot asks it in suites that import the library."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, failtale: FailTaleLibrary) -> None:
        self._library = failtale

    def start_test(self, data: Any, result: Any) -> None:
        if self._library.listening:
            return
        with contextlib.suppress(FailTaleError):  # a keyword will say what is wrong, to whoever uses one
            self._library.test_began(result)

    def end_test(self, data: Any, result: Any) -> None:
        if not self._library.listening:
            with contextlib.suppress(FailTaleError):
                self._library.test_ended(result)

    def close(self) -> None:
        if not self._library.listening:
            self._library.run_ended()


def _config_from_environment() -> str:
    if path := config_path(None, os.environ):
        return path
    if path := config_found_here():
        if sys.__stderr__ is not None:
            sys.__stderr__.write(f"{sanitize(taken_by_itself(path))}\n")
        return path
    raise ConfigError(
        "FailTale has no configuration: there is no 'failtale.yaml' here. Write 'Library    FailTaleLibrary    "
        f"FILE', '--listener FailTaleListener:FILE', or set {CONFIG_VARIABLE}; 'failtale init' makes one."
    )


_LOUD = ("VerboseOutput", "DottedOutput", "VerboseConsole", "DottedConsole")
"""Robot's own consoles that show how a run goes on; its versions before 7.5, and since."""


def _terminal() -> TextIO | None:
    """Where progress is shown; nowhere with ``--console quiet``, ``none`` or one of the user's own.

    Robot tells nobody which console it has, so that its logger is looked into (7.2 to 7.5); where that fails: nowhere.
    """
    for name in ("_console", "_console_logger"):
        console = getattr(LOGGER, name, None)
        for each in (getattr(console, "listener", None), getattr(console, "logger", None), console):
            if type(each).__name__ in _LOUD:
                return sys.__stderr__
    return None


_PABOT_RESULTS = "pabot_results"


def _variable(name: str) -> Any:
    return BuiltIn().get_variable_value(name)


def _robot_variable(name: str) -> Any:
    """The value of ``${name}`` as it is; None where Robot has none. What it holds is not looked into."""
    return _variable(f"${{{name}}}")


def _time_until_a_timeout() -> float | None:
    """What Robot leaves to the keyword that runs: until a timeout ends it, with a tenth for the card; None: for ever.

    A timeout that strikes leaves nothing of what was collected but its bundle.
    """
    timeouts = getattr(EXECUTION_CONTEXTS.current, "timeouts", None) or ()
    left_s = min((each.time_left() for each in timeouts), default=None)
    return None if left_s is None else max(0.0, left_s - max(_CARD_S, left_s / 10))


def _output_dir() -> Path | None:
    directory = _variable("${OUTPUT DIR}")
    return Path(str(directory)) if directory else None


def _free_bytes_for_output() -> int:
    """Of the disk of Robot's output file."""
    output = _variable("${OUTPUT FILE}")
    if output in (None, "NONE"):
        return sys.maxsize
    try:
        disk = shutil.disk_usage(Path(str(output)).parent)
    except OSError:
        return sys.maxsize
    return disk.free if disk.total else sys.maxsize  # some tell nothing of themselves


def _under_pabot() -> bool:
    return _variable("${PABOTQUEUEINDEX}") is not None


def _place_of_bundles() -> Path | None:
    """The output directory; under pabot the one in which the merged log.html will lie.

    Each process of pabot has its own below ``pabot_results``, which the next run of pabot deletes.
    """
    own = _output_dir()
    if own is None or not _under_pabot():
        return own
    absolute = own.absolute()
    return next((each.parent for each in (absolute, *absolute.parents) if each.name == _PABOT_RESULTS), own)


def _link_to(bundle: str | None) -> str | None:
    """A path of a bundle as log.html links it, which may lie in another folder than the rest of the output."""
    log = _variable("${LOG FILE}")
    home = _place_of_bundles()
    if bundle is None or log in (None, "NONE"):
        return bundle
    return _relative_link(home, bundle, Path(str(log)).parent)


def _link_to_screenshot(path: str) -> str:
    """A path of a screenshot as log.html links it, percent-encoded, also the one that pabot merges; empty for none."""
    own, home = _output_dir(), _place_of_bundles()
    if not path or own is None or home is None or own == home:
        return quote(_link_to(path) or "")
    return link_that_pabot_merges(path, own=own.absolute(), home=home)


def link_that_pabot_merges(path: str, *, own: Path, home: Path) -> str:
    """A path below ``home`` as a log.html links it that pabot merges there; ``own`` is a process's output directory.

    pabot copies pictures that lie directly in the output directory of one of its processes, by default those in PNG,
    to its own under another name and changes links that end in their names as they are (``result_merger.py`` of pabot
    5.2). Others stay where they are, and their link is written so that pabot leaves it alone.
    """
    file = home / path
    if file.parent == own and file.suffix == ".png" and quote(file.name) == file.name:
        return file.name
    return quote(path.removesuffix(file.suffix)) + file.suffix.replace(".", "%2E")


def _relative_link(home: Path | None, bundle: str, folder: Path | None) -> str:
    """A path of a bundle, relative to the output directory, as a page in another folder links it."""
    if home is None or folder is None or Path(bundle).is_absolute():
        return bundle
    return Path(os.path.relpath(home / bundle, folder)).as_posix()


def _parallel_run() -> ParallelRun | None:
    """The pabot run that this process belongs to; None where it has one process, or is none.

    All processes of a pabot run write below one ``pabot_results``; the run's own number is in none of its variables.
    """
    if not _under_pabot() or str(_variable("${PABOTNUMBEROFPROCESSES}")) == "1":
        return None
    output, _, _ = str(_output_dir()).rpartition(_PABOT_RESULTS)
    return ParallelRun(our_words("pabot"), key=f"pabot {output}")


def _for_merged_output(report: Report) -> Report:
    """A report whose hint cannot be made by this process: pabot merges the outputs when all have ended."""
    if report.analysis.no_hint_reason is None:
        return report
    reason = our_words("none yet; type 'failtale analyze output.xml --log log.html' when pabot has merged the outputs")
    return report.model_copy(update={"analysis": report.analysis.without_hint(reason)})


def _start_of(result: Any) -> datetime | None:
    start = getattr(result, "start_time", None)
    return start.astimezone(timezone.utc) if start else None


def _names_in(told: str | list[str] | None) -> tuple[str, ...]:
    """Names of components or hosts; ``a,b`` in one text counts as two."""
    texts = [told] if isinstance(told, str) else told or []
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def _dotted(value: Any) -> Any:
    """The same with Robot's dictionaries, whose values have dotted access."""
    if isinstance(value, dict):
        return DotDict((name, _dotted(each)) for name, each in value.items())  # type: ignore[no-untyped-call]
    if isinstance(value, list):
        return [_dotted(each) for each in value]
    return value
