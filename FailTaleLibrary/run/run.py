"""What every face drives: it tells a run of its tests and failures, and asks it for what is shown of them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from FailTaleLibrary.belonging.other_tests import ParallelRun
from FailTaleLibrary.belonging.used_texts import UsedText
from FailTaleLibrary.budget import FAILURE_TIME, Budget, slowness_of_this_thread
from FailTaleLibrary.config import Config
from FailTaleLibrary.config.variables import Lookup
from FailTaleLibrary.errors import FailTaleError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.files import user_directory
from FailTaleLibrary.interrupts import held_back
from FailTaleLibrary.log import log_as_asked, logger_of, redact_with
from FailTaleLibrary.progress import Progress
from FailTaleLibrary.records import Analysis, Failure, FailureScope, Report, Window, our_words
from FailTaleLibrary.run.course import Course
from FailTaleLibrary.run.hosts import Hosts
from FailTaleLibrary.run.known_secrets import KnownSecrets
from FailTaleLibrary.run.reporting import Reporter
from FailTaleLibrary.run.showing import STOPPED_DRAWING_S, Showing
from FailTaleLibrary.run.stages import Stages
from FailTaleLibrary.run.summaries import Summaries
from FailTaleLibrary.run.tally import Tally

# What only a failure needs is imported where it is needed: a run in which all passes starts 0.3 s sooner.
if TYPE_CHECKING:
    from FailTaleLibrary.hints import HintMaker
    from FailTaleLibrary.redaction import Redactor
    from FailTaleLibrary.rendering.run_summary import FallenTest, RunSummary

BRIEFLY_S = 0.05
"""From a test that was told of as it began: one that begins meanwhile may be told of later, where somebody asks."""

_log = logger_of(__name__)


class Run:
    """One run of tests, from its begin to its end. It holds the connections, the marks, the budget and the secrets."""

    def __init__(
        self,
        config: Config,
        *,
        environ: Mapping[str, str] | None = None,
        stages: Stages | None = None,
        passed_on: tuple[type[BaseException], ...] = (),
    ) -> None:
        """``environ`` is where secrets and FAILTALE_LOG are looked for; default: the process's own.

        ``passed_on`` are errors with which the face's own framework ends what is under way, such as a test's time-out.
        """
        environ = os.environ if environ is None else environ
        stages = stages or Stages()
        self.config = config
        self.started_at = datetime.now(timezone.utc)
        self.tally = Tally()
        self.last: Report | None = None
        """The newest report."""
        self.interrupted = False
        """Whether Ctrl-C or SIGTERM ended a collection."""
        self._marks_each_test = config.marks == "test"
        self._secrets = secrets = KnownSecrets(config, environ)
        self._faults = faults = Faults(self.redactor)
        self._hosts = Hosts(config, stages, faults, passed_on=passed_on)
        self._course = Course(targets=self._hosts.targets, secrets=secrets, faults=faults, started_at=self.started_at)
        self._reporter = Reporter(
            config,
            stages,
            faults,
            hosts=self._hosts,
            course=self._course,
            secrets=secrets,
            passed_on=passed_on,
        )
        self._showing = Showing(config, stages, faults, passed_on=passed_on)
        self._summaries = Summaries(faults)
        self._hint_maker: HintMaker | None = None
        self._stop_redacting_the_log = redact_with(secrets.redact)
        self._stop_the_log = log_as_asked(environ)
        for note in (*config.notes, *config.warnings):
            _log.info("the configuration: %s", note)
        if config.gateway is not None:
            self._hosts.source  # noqa: B018 - says at once what is missing for it

    # --- What a face tells --------------------------------------------------------------------------------------------

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        self.run_ended()

    def runs_in_parallel(self, parallel: ParallelRun) -> None:
        """Other processes share this run; to be told before its first suite or test begins."""
        self._course.parallel = parallel
        if self.config.gateway is not None:
            self._hosts.source.shared_by(parallel.key)

    def suite_began(self) -> None:
        """A suite begins, within the one that is under way."""
        self._course.suite_began()
        if self.config.marks != "off":
            self._hosts.window_began()

    def suite_ended(self) -> None:
        """The innermost suite has ended."""
        self._course.suite_ended()

    def test_began(self, name: str = "a test", *, at_s: float | None = None, began_s: float | None = None) -> None:
        """A test, or another attempt of it, begins. Returns at once: marks are taken in the background.

        ``name`` is what other processes tell of it that run tests against the same hosts at the same time.

        ``at_s`` and ``began_s``: when it began, by `time.time` and `time.monotonic`, for one that is told of later
        (`tests_may_wait_until`).
        """
        self._course.test_began(name, at_s=at_s, began_s=began_s)
        if self._marks_each_test:
            self._hosts.window_began(at_s)

    @property
    def tests_may_wait_until(self) -> float:
        """Until then, by `time.monotonic`, a test that begins may be told of later, when it fails; long ago: none may.

        For tests that take less than it takes to tell of them all: those that pass need not be told of but by
        `test_had_passed`. One that begins then is told of at once, so that others know of a test that lasts.
        """
        each_has_a_mark = self._marks_each_test and (self.config.variables or self.config.gateway is not None)
        if each_has_a_mark or self._course.has_company:
            return float("-inf")
        return time.monotonic() + BRIEFLY_S

    def test_passed(self, name: str) -> None:
        """The test that is under way has passed: what logs held while it ran is routine for later failures."""
        self._course.test_passed(name)

    def test_had_passed(self, name: str, start_s: float, end_s: float) -> None:
        """A test that nobody told of when it ended had passed; its times are those of our clock."""
        self._course.test_had_passed(name, start_s, end_s)

    def test_used(self, name: str, used: Iterable[UsedText]) -> None:
        """What a test used, read once a later one fails: lines with its identifiers are hardly those of a failure."""
        self._course.test_used(name, used)

    def test_ended(self, *, has_passed: bool = False) -> None:
        """The test has ended, its teardown included; ``has_passed`` by then, of which `test_had_passed` will tell."""
        self._course.test_ended(has_passed=has_passed)

    def variables_from(self, lookup: Lookup) -> None:
        """Where the variables of the configuration get their values from, when a test begins and when one fails.

        ``lookup`` gives the value that a name has in the tests at that moment; it raises KeyError where it has none.
        """
        self._hosts.lookup = lookup

    def know(self, secrets: Iterable[str]) -> None:
        """Values that are secret from now on, to the run's end: a log keeps them longer than a test does."""
        self._secrets.know(secrets)

    def run_ended(self) -> None:
        """Ends marks and connections; quick, and safe to call twice."""
        self._hosts.close()
        self._course.close()
        self._stop_the_log()
        self._stop_redacting_the_log()

    # --- A failure and its report -------------------------------------------------------------------------------------

    def failure_is_near(self) -> None:
        """A test has failed for certain and evidence of it will be collected: its hosts are connected to from now on.

        They do their part while ours is still putting together what failed. For the first failure of a run, of which
        no host is connected to; returns once what connects is loaded, and never raises.
        """
        if not self.interrupted and self.tally.seconds < self.config.limits.run_time_s:
            self._hosts.connect_ahead()

    def failure(
        self,
        name: str,
        *,
        message: str = "",
        suite: str = "",
        source: str | None = None,
        line: int | None = None,
        tags: Iterable[str] = (),
        framework: str = "other",
        scope: FailureScope = "on demand",
        start: datetime | None = None,
        used: Iterable[UsedText | str] = (),
    ) -> Failure:
        """A failure of now, its texts free of secrets; from ``start``, or since the test (suite, run) began.

        ``used`` are texts that the test used or saw, as they are, such as ``order=4711``: what in them names one thing
        proves lines its own.
        """
        import secrets

        from FailTaleLibrary.belonging.identifiers import identifiers_in

        safe = self._secrets.of_record()
        texts = [UsedText(each, "value") if isinstance(each, str) else each for each in used]
        texts.append(UsedText(message, "failure"))
        return Failure(
            id=secrets.token_hex(16),
            framework=framework,
            scope=scope,
            name=safe.short(name),
            suite=safe.short(suite),
            source=None if source is None else safe.short(source),
            line=line,
            tags=tuple(safe.short(tag) for tag in tags),
            message=safe.short(message),
            window=Window(start=start or self.window_start, end=datetime.now(timezone.utc)),
            identifiers=identifiers_in(texts, self._secrets.of_record().short),
            redactions=safe.redactions(),
        )

    @property
    def window_start(self) -> datetime:
        """When the test began; outside of a test the suite, or the run."""
        return self._course.window_start

    def collect_failure(
        self,
        failure: Failure,
        *,
        components: Collection[str] = (),
        hosts: Collection[str] = (),
        output_dir: Path | None = None,
        deadline_s: float | None = None,
        began_s: float | None = None,
        cancel: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """The report of one failure, collected now. ``output_dir`` is where its bundle goes; None: no bundle.

        ``began_s``: when the face began with it, by `time.monotonic`; what it may cost counts from then.

        The first Ctrl-C, or SIGTERM, ends collecting and ranking with what there is by then. Raises ConfigError when a
        selected component or host is unknown.
        """
        with held_back() as stop:
            report = self._reported(
                failure,
                stop,
                components=components,
                hosts=hosts,
                output_dir=output_dir,
                deadline_s=deadline_s,
                began_s=began_s,
                cancel=cancel,
                progress=progress,
            )
            self.interrupted |= stop.is_set()
        return report

    def _reported(
        self,
        failure: Failure,
        stop: threading.Event,
        *,
        components: Collection[str],
        hosts: Collection[str],
        output_dir: Path | None,
        deadline_s: float | None,
        began_s: float | None,
        cancel: threading.Event | None,
        progress: Progress | None,
    ) -> Report:
        """All stages of one failure but its drawing; ``stop`` is set when it is to end."""
        now_s = time.monotonic()
        began_s = now_s if began_s is None else began_s
        budget = self._budget(deadline_s, spent_s=now_s - began_s)
        self.last = report = self._reporter.report(
            failure,
            budget=budget,
            stop=stop,
            components=components,
            hosts=hosts,
            output_dir=output_dir,
            cancel=cancel,
            progress=progress,
        )
        seconds = time.monotonic() - began_s
        self.tally = self.tally.with_report(report, seconds)
        self._summaries.add(report)
        counts = len(report.evidence.items), len(report.evidence.gaps)
        _log.debug("'%s': %d items and %d gaps in %.2f s", report.failure.name, *counts, seconds)
        left_s = STOPPED_DRAWING_S if stop.is_set() else max(budget.drawing_s, budget.left_s)
        self._showing.has_time(report, left_s)
        return report

    def _budget(self, deadline_s: float | None, *, spent_s: float) -> Budget:
        """What this failure may cost: within its own limit, the caller's, and what is left of the run's time."""
        limits = self.config.limits
        times = {
            FAILURE_TIME: limits.failure_time_s,
            our_words("limits.run_time"): limits.run_time_s - self.tally.seconds,
        }
        if deadline_s is not None:
            times[our_words("the time that the test run leaves")] = deadline_s
        limit = min(times, key=lambda name: times[name])
        return Budget(times[limit], limit=limit, spent_s=spent_s, slowness=slowness_of_this_thread())

    def with_failure(self, report: Report, failure: Failure, *, output_dir: Path | None) -> Report:
        """The report with what its test told of its failure later; its bundle, where it has one, tells the same."""
        if failure == report.failure:
            return report
        self.last = report = report.model_copy(update={"failure": failure})
        self._reporter.complete(report, output_dir=output_dir)
        self._summaries.add(report)
        return report

    def hint_of(self, report: Report, *, folder: Path | None = None) -> Analysis:
        """The report's analysis with a model's hint, or with the reason why there is none; waits for the model.

        ``folder`` is the one of the run's output, below which screenshots lie.
        """
        from FailTaleLibrary.hints import HintMaker

        if self._hint_maker is None:  # one for all, because they share its budget
            self._hint_maker = HintMaker(
                self.config.analysis, cache_dir=user_directory("cache") / "hints", redactor=self._secrets.redactor
            )
        return self._hint_maker.hint(report, folder=folder)

    def with_hint(self, report: Report, *, folder: Path | None = None) -> Report:
        """The report with `hint_of` it."""
        return report.model_copy(update={"analysis": self.hint_of(report, folder=folder)})

    def last_report(self) -> Report:
        """The newest report. Raises FailTaleError when there is none."""
        if self.last is None:
            raise FailTaleError("No evidence has been collected in this run; collect some first.")
        return self.last

    # --- What is shown of it ------------------------------------------------------------------------------------------

    def card(
        self,
        report: Report,
        *,
        bundle_link: str | None = None,
        screenshot_links: Sequence[str] = (),
        room_bytes: int = sys.maxsize,
    ) -> str:
        """A report as HTML, within `limits.card_bytes` and what is left of `limits.run_card_bytes`.

        ``bundle_link`` is relative to the page; ``screenshot_links`` are, too, percent-encoded, one a screenshot.
        ``room_bytes``: so much there is room for on the disk; plain where that is less than a drawn card needs.
        The first Ctrl-C, or SIGTERM, ends the drawing soon.
        """
        began = time.monotonic()
        with held_back() as stop:
            card = self._showing.card(
                report,
                stop=stop,
                is_disk_full=self._reporter.is_disk_full,
                bundle_link=bundle_link,
                screenshot_links=screenshot_links,
                room_bytes=room_bytes,
            )
            self.interrupted |= stop.is_set()
        self.tally = self.tally.with_seconds(time.monotonic() - began)
        return card

    def room_for_card(self, free_bytes: int) -> int:
        """Bytes that a card may take where so many are free on the disk of Robot's output."""
        return self._showing.room_for_card(free_bytes)

    def text(self, report: Report) -> str:
        """A report as text for a terminal."""
        return self._showing.text(report)

    def brief_text(self, report: Report, *, more: str) -> str:
        """A report in at most forty lines; ``more`` says where the rest is."""
        return self._showing.brief_text(report, more=more)

    def rendered(self, report: Report, form: str) -> str:
        """A report in one of the output formats, `rendering.FORMATS`."""
        return self._showing.rendered(report, form)

    def summary(self, report: Report) -> str:
        """A report in one line."""
        return self._showing.summary(report)

    def shown_at(self, report: Report, test_id: str) -> None:
        """Where a face has shown a report: Robot's id of the test or suite, to which the run page then leads."""
        self._summaries.shown_at(report, test_id)

    def fell_with(self, report: Report, name: str, *, test_id: str) -> FallenTest:
        """A test did not run because what ``report`` is about had failed; it counts with that."""
        return self._summaries.fell_with(report, self._secrets.short(name), test_id=test_id)

    def run_summary(self, *, log: str = "", link: Callable[[str | None], str | None] = lambda path: path) -> RunSummary:
        """The failures so far, grouped by cause. ``log`` is the log.html that shows them, relative to the run page.

        ``link`` makes of a bundle's or screenshot's path, relative to the output directory, one that is relative to
        the run page.
        """
        return self._summaries.of_run(log=log, link=link)

    def fault(self, activity: str, error: BaseException) -> str:
        """The sentence for a fault in a face itself, whose traceback is kept as those of the stages are."""
        return self._faults.sentence(activity, error)

    # --- The hosts ----------------------------------------------------------------------------------------------------

    def check_hosts(self, hosts: Collection[str] = ()) -> dict[str, str]:
        """Host -> what keeps it from answering; empty text for a host that is well. Raises ConfigError."""
        verdicts = self._hosts.check(hosts)
        return {host: self._secrets.redactor.safe_message(verdict) for host, verdict in verdicts.items()}

    @property
    def trouble(self) -> str:
        """Why a gateway served none or not all of this run, in a sentence; empty where it did, or there is none."""
        trouble = self._hosts.trouble
        return self._secrets.redactor.safe_message(trouble) if trouble else ""

    def redactor(self) -> Redactor:
        """What makes texts safe, with every secret that is known by now."""
        return self._secrets.redactor
