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

import errno
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from FailTaleLibrary import __version__
from FailTaleLibrary.background import call_within
from FailTaleLibrary.belonging.other_tests import OwnTests, ParallelRun
from FailTaleLibrary.belonging.used_texts import UsedText
from FailTaleLibrary.budget import FAILURE_TIME, Budget, slowness_of_this_thread
from FailTaleLibrary.config import Config, secret_values_of
from FailTaleLibrary.config.variables import Lookup, Values, nothing_set, resolve, values_of
from FailTaleLibrary.errors import ConfigError, FailTaleError, HistoryError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.files import user_directory
from FailTaleLibrary.interrupts import held_back
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.log import log_as_asked, logger_of, redact_with
from FailTaleLibrary.progress import Progress
from FailTaleLibrary.records import (
    NO_HOST,
    Analysis,
    Evidence,
    Failure,
    FailureScope,
    Gap,
    Plan,
    Recurrence,
    Report,
    SafeText,
    Window,
    derived,
    our_words,
)

# What only a failure needs is imported where it is needed: a run in which all passes starts 0.3 s sooner.
if TYPE_CHECKING:
    from FailTaleLibrary.collection.source import EvidenceSource
    from FailTaleLibrary.hints import HintMaker
    from FailTaleLibrary.history import RunHistory
    from FailTaleLibrary.ranking import History, Repeats, RunTest
    from FailTaleLibrary.redaction import Redactor
    from FailTaleLibrary.rendering.run_summary import FailureSummary, FallenTest, RunSummary
    from FailTaleLibrary.transports import Connections

HINT_AFTER_RUN = our_words("none yet; it is made when the run has ended, or by 'failtale analyze output.xml'")
HINT_OFFLINE = our_words("none yet; it is made by 'failtale analyze output.xml'")
"""`Analysis.no_hint_reason` of a report whose hint is still to come."""
MIN_CARD_BYTES = 20_000
"""What a card may have even when `limits.run_card_bytes` is used up: the ledger and the payload's essentials."""
_PAGES_BYTES, _OUTPUT_BYTES = 520_000, 32_000
"""What log.html and report.html of a small run take, and what it still writes into its output file without cards."""
_NO_ROOM = "FailTale: the disk of the output file is full but for a little; this is what there was room for."
NOT_RANKED = our_words("The evidence could not be ranked.")

BRIEFLY_S = 0.05
"""From a test that was told of as it began: one that begins meanwhile may be told of later, where somebody asks."""
MAX_TESTS = 200
"""Passed tests that are remembered between two failures; no look-back reaches further."""

MAX_TESTS_USED = 20
"""Newest tests of which is remembered what they used."""

T = TypeVar("T")
_log = logger_of(__name__)


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run has cost so far."""

    failures: int = 0
    """What was collected for: failures, and what a keyword asked for."""
    hosts: frozenset[str] = frozenset()
    gaps: int = 0
    seconds: float = 0.0
    on_demand: int = 0
    """How many of them a keyword asked for: no test need have failed."""

    def with_report(self, report: Report, seconds: float) -> Tally:
        asked = {step.host for step in report.plan.steps}
        answered = {item.host for item in report.evidence.items}
        return Tally(
            failures=self.failures + 1,
            hosts=self.hosts | asked | answered,
            gaps=self.gaps + len(report.evidence.gaps),
            seconds=self.seconds + seconds,
            on_demand=self.on_demand + (report.failure.scope == "on demand"),
        )

    def with_seconds(self, seconds: float) -> Tally:
        return Tally(self.failures, self.hosts, self.gaps, self.seconds + seconds, self.on_demand)


def _plain_card(report: Report, note: str, *, max_bytes: int) -> str:
    from FailTaleLibrary.rendering.plain import plain_card

    return plain_card(report, note, max_bytes=max_bytes)


def source_of(config: Config) -> EvidenceSource:
    """The gateway, where the configuration names one; else its own hosts."""
    if config.gateway is None:
        from FailTaleLibrary.collection.source import OwnHosts

        return OwnHosts(config, has_keeper=True)
    from FailTaleLibrary.gateway.source import GatewaySource

    return GatewaySource(config)


def _store(*arguments: Any, **options: Any) -> Path:
    from FailTaleLibrary.archive import write_bundle

    return write_bundle(*arguments, **options)


def _replace(report: Report, directory: Path, *, documents: Mapping[str, str]) -> Path:
    from FailTaleLibrary.archive.bundles import replace_report

    return replace_report(directory / report.failure.id, report, documents=documents)


def _rank(*arguments: Any, **options: Any) -> Analysis:
    from FailTaleLibrary.ranking import rank

    return rank(*arguments, **options)


def _card(*arguments: Any, **options: Any) -> str:
    from FailTaleLibrary.archive import to_payload
    from FailTaleLibrary.rendering import to_html

    return to_html(*arguments, pack=to_payload, **options)


def _report_text(report: Report) -> str:
    from FailTaleLibrary.rendering import to_text

    return to_text(report)


_LEAST_STORING_S = 3.0
"""A bundle has this long, however little time is left: it is the evidence itself. A disk that hangs gets no more."""
_STOPPED_STORING_S = 0.5
"""For a bundle once somebody has pressed Ctrl-C; its thread goes on while the rest is done."""
_STOPPED_DRAWING_S = 0.6
"""For a card once somebody has pressed Ctrl-C; the first one of a run also loads what draws it."""


@dataclass(frozen=True, slots=True)
class Stages:
    """What a failure goes through; a face or a test may put its own in the place of one."""

    source: Callable[[Config], EvidenceSource] = source_of
    store: Callable[..., Path] = _store
    replace: Callable[..., Path] = _replace
    rank: Callable[..., Analysis] = _rank
    card: Callable[..., str] = _card
    text: Callable[[Report], str] = _report_text


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
        self.config = config
        self.started_at = datetime.now(timezone.utc)
        self.tally = Tally()
        self.last: Report | None = None
        """The newest report."""
        self._summaries: dict[str, FailureSummary] = {}
        """Of each failure a row, by its id."""
        self.interrupted = False
        """Whether Ctrl-C or SIGTERM ended a collection."""
        self._marks_each_test = config.marks == "test"
        self._stages = stages or Stages()
        self._passed_on = passed_on
        self._environ = environ
        self._secrets: set[str] = set()
        self._lookup: Lookup = nothing_set
        self._faults = Faults(self.redactor)
        self._stop_redacting_the_log = redact_with(self._redacted_text)
        self._suites: list[datetime] = []
        self._test_began_s: float | None = None
        """Of the clock's seconds; None outside of a test. A moment costs four times as much, and few are asked for."""
        self._began_s = time.monotonic()
        """Of the newest test, and before the first of the run, by a clock that nobody sets."""
        self._outcome: Literal["passed", "failed", "ended"] = "ended"
        """Of the test that is under way, as far as it is known."""
        self._parallel: ParallelRun | None = None
        self._passed: deque[tuple[str, float, float]] = deque(maxlen=MAX_TESTS)
        """Names and times of tests that passed since the last failure; made safe when the next one needs them."""
        self._used: deque[tuple[str, Iterable[UsedText]]] = deque(maxlen=MAX_TESTS_USED)
        """Names of tests since the last failure, and what they used; searched for identifiers when one is needed."""
        self._hint_maker: HintMaker | None = None
        self._card_bytes = 0
        self._is_disk_full = False
        """Cards are small then: Robot's output file shares the disk with the bundles."""
        self._ahead: Connections | None = None
        """Ways to the hosts, where they were connected to before it was known what to ask them."""
        self._left_s: tuple[str, float] = ("", 0.0)
        """The newest failure, by its id, and how much time there is for what is shown of it."""
        self._stop_the_log = log_as_asked(environ)
        for note in (*config.notes, *config.warnings):
            _log.info("the configuration: %s", note)
        if config.gateway is not None:
            self._source  # noqa: B018 - says at once what is missing for it

    # --- What only a failure, or a mark, needs ------------------------------------------------------------------------

    @cached_property
    def _source(self) -> EvidenceSource:
        if self._ahead is not None:
            from FailTaleLibrary.collection.source import OwnHosts

            return OwnHosts(self.config, self._ahead)
        return self._stages.source(self.config)

    @cached_property
    def _redactor(self) -> Redactor:
        made = redactor_for(self.config, self._environ)
        return made.with_known(sorted(self._secrets)) if self._secrets else made

    @cached_property
    def _own_tests(self) -> OwnTests:
        return OwnTests(self._targets(), parallel=self._parallel)

    @cached_property
    def _history(self) -> History:
        from FailTaleLibrary.ranking import History

        return History()

    @cached_property
    def _run_history(self) -> RunHistory | None:
        if self.config.history is None:
            return None
        from FailTaleLibrary.history import history_of

        return history_of(self.config)

    @cached_property
    def _repeats(self) -> Repeats:
        from FailTaleLibrary.ranking import Repeats

        return Repeats()

    # --- What a face tells --------------------------------------------------------------------------------------------

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        self.run_ended()

    def runs_in_parallel(self, parallel: ParallelRun) -> None:
        """Other processes share this run; to be told before its first suite or test begins."""
        self._parallel = parallel
        if self.config.gateway is not None:
            self._source.shared_by(parallel.key)

    def suite_began(self) -> None:
        """A suite begins, within the one that is under way."""
        self._suites.append(datetime.now(timezone.utc))
        self._own_tests.begin()
        if self.config.marks != "off":
            self._window_began()

    def suite_ended(self) -> None:
        """The innermost suite has ended."""
        if self._suites:
            self._suites.pop()

    def test_began(self, name: str = "a test", *, at_s: float | None = None, began_s: float | None = None) -> None:
        """A test, or another attempt of it, begins. Returns at once: marks are taken in the background.

        ``name`` is what other processes tell of it that run tests against the same hosts at the same time.

        ``at_s`` and ``began_s``: when it began, by `time.time` and `time.monotonic`, for one that is told of later
        (`tests_may_wait_until`).
        """
        self._test_began_s = now = time.time() if at_s is None else at_s
        self._began_s = time.monotonic() if began_s is None else began_s
        self._outcome = "ended"
        self._own_tests.test_began(name, now)
        if self._marks_each_test:
            self._window_began(at_s)

    @property
    def tests_may_wait_until(self) -> float:
        """Until then, by `time.monotonic`, a test that begins may be told of later, when it fails; long ago: none may.

        For tests that take less than it takes to tell of them all: those that pass need not be told of but by
        `test_had_passed`. One that begins then is told of at once, so that others know of a test that lasts.
        """
        each_has_a_mark = self._marks_each_test and (self.config.variables or self.config.gateway is not None)
        if self._parallel is not None or each_has_a_mark or self._own_tests.has_company:
            return float("-inf")
        return time.monotonic() + BRIEFLY_S

    def test_passed(self, name: str) -> None:
        """The test that is under way has passed: what logs held while it ran is routine for later failures."""
        self._outcome = "passed"
        if self._test_began_s is not None:
            self.test_had_passed(name, self._test_began_s, time.time())

    def test_had_passed(self, name: str, start_s: float, end_s: float) -> None:
        """A test that nobody told of when it ended had passed; its times are those of our clock."""
        self._passed.append((name, start_s, end_s))

    def test_used(self, name: str, used: Iterable[UsedText]) -> None:
        """What a test used, read once a later one fails: lines with its identifiers are hardly those of a failure."""
        self._used.append((name, used))

    def test_ended(self, *, has_passed: bool = False) -> None:
        """The test has ended, its teardown included; ``has_passed`` by then, of which `test_had_passed` will tell."""
        if has_passed:
            self._outcome = "passed"
        self._own_tests.test_ended(self._outcome)
        self._test_began_s = None

    def variables_from(self, lookup: Lookup) -> None:
        """Where the variables of the configuration get their values from, when a test begins and when one fails.

        ``lookup`` gives the value that a name has in the tests at that moment; it raises KeyError where it has none.
        """
        self._lookup = lookup

    def know(self, secrets: Iterable[str]) -> None:
        """Values that are secret from now on, to the run's end: a log keeps them longer than a test does."""
        new = {secret for secret in secrets if secret} - self._secrets
        if new:
            self._secrets |= new
            if "_redactor" in self.__dict__:  # else it will know them when it is made
                self._redactor = self._redactor.with_known(sorted(new))

    def run_ended(self) -> None:
        """Ends marks and connections; quick, and safe to call twice."""
        if "_source" in self.__dict__:  # else nobody was asked
            self._source.close()
        elif self._ahead is not None:
            self._ahead.close()
        if "_own_tests" in self.__dict__:
            self._own_tests.close()
        self._stop_the_log()
        self._stop_redacting_the_log()

    # --- A failure and its report -------------------------------------------------------------------------------------

    def failure_is_near(self) -> None:
        """A test has failed for certain and evidence of it will be collected: its hosts are connected to from now on.

        They do their part while ours is still putting together what failed. For the first failure of a run, of which
        no host is connected to; returns once what connects is loaded, and never raises.
        """
        if not self._may_connect_ahead:
            return
        try:
            from FailTaleLibrary.transports import Connections

            self._ahead = Connections(self.config)
            hosts = [host for host in self.config.hosts if self.config.collectors_for(host)]
            self._ahead.connect_ahead(hosts[: self.config.limits.parallel_hosts])
            if any(each.transport == "ssh" for each in self.config.hosts.values()):
                from FailTaleLibrary.transports.paramiko_import import load_paramiko

                load_paramiko()  # here, because beside it nothing of ours would get on
        except self._passed_on:
            raise
        except Exception as error:  # what it is will be met again
            _log.debug("connecting ahead failed: %s", type(error).__name__)

    @property
    def _may_connect_ahead(self) -> bool:
        """Whether no host was ever asked, and the first failure asks them as the configuration has them."""
        config = self.config
        return (
            "_source" not in self.__dict__
            and self._ahead is None
            and self._stages.source is source_of
            and config.gateway is None
            and config.marks == "off"
            and not config.variables
            and not self.interrupted
            and self.tally.seconds < config.limits.run_time_s
        )

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
        from FailTaleLibrary.redaction.redactor import RecordRedactor

        safe = RecordRedactor(self._redactor)
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
            identifiers=identifiers_in(texts, RecordRedactor(self._redactor).short),
            redactions=safe.redactions(),
        )

    @property
    def window_start(self) -> datetime:
        """When the test began; outside of a test the suite, or the run."""
        if self._test_began_s is not None:
            return _moment(self._test_began_s)
        return self._suites[-1] if self._suites else self.started_at

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
        for_collecting = budget.without_what_follows()
        self._keep_faults_in(output_dir)
        self._count_repeats(failure)
        failure = self._with_others(self._within_run(failure))
        report, full_texts = self._collected(
            failure,
            components=components,
            hosts=hosts,
            budget=for_collecting,
            cancel=cancel or stop,
            progress=progress,
        )
        store = partial(self._stages.store, full_texts=full_texts, documents={})
        report = self._stored(report, store, output_dir, budget, stop)  # safe before anything judges it
        report = self._counted_in_history(self._ranked(report, budget, stop))
        if report.bundle is not None:
            report, documents = self._with_documents(report)
            report = self._stored(report, partial(self._stages.replace, documents=documents), output_dir, budget, stop)
        self._remember(report, budget, stop, time.monotonic() - began_s)
        self._left_s = report.failure.id, _STOPPED_DRAWING_S if stop.is_set() else max(budget.drawing_s, budget.left_s)
        return report

    def with_failure(self, report: Report, failure: Failure, *, output_dir: Path | None) -> Report:
        """The report with what its test told of its failure later; its bundle, where it has one, tells the same."""
        if failure == report.failure:
            return report
        report = report.model_copy(update={"failure": failure})
        directory = _own_directory(self.config, output_dir)
        if report.bundle is not None and directory is not None:
            try:
                self._stages.replace(report, directory, documents={})
            except self._passed_on:
                raise
            except Exception as error:  # the bundle stays as it was
                self._faults.sentence("completing the bundle", error)
        self.last = report
        self._summarise(report)
        return report

    def hint_of(self, report: Report, *, folder: Path | None = None) -> Analysis:
        """The report's analysis with a model's hint, or with the reason why there is none; waits for the model.

        ``folder`` is the one of the run's output, below which screenshots lie.
        """
        from FailTaleLibrary.hints import HintMaker

        if self._hint_maker is None:  # one for all, because they share its budget
            self._hint_maker = HintMaker(
                self.config.analysis, cache_dir=user_directory("cache") / "hints", redactor=self._redactor
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
        with held_back() as stop:
            card = self._drawn(
                report, stop, bundle_link=bundle_link, screenshot_links=screenshot_links, room_bytes=room_bytes
            )
            self.interrupted |= stop.is_set()
        return card

    def room_for_card(self, free_bytes: int) -> int:
        """Bytes that a card may take where so many are free on the disk of Robot's output; its log takes them again.

        Where Robot's pages have no room even without a card, what counts is that the output file stays whole.
        """
        pages_bytes = _PAGES_BYTES if free_bytes > _PAGES_BYTES else 0
        return (free_bytes - pages_bytes - _OUTPUT_BYTES - self._card_bytes) // 2

    def _drawn(
        self,
        report: Report,
        stop: threading.Event,
        *,
        bundle_link: str | None,
        screenshot_links: Sequence[str],
        room_bytes: int,
    ) -> str:
        began = time.monotonic()
        limits = self.config.limits
        time_left = self._time_for_showing(report)
        left = 0 if self._is_disk_full else limits.run_card_bytes - self._card_bytes
        max_bytes = min(limits.card_bytes, max(left, MIN_CARD_BYTES), room_bytes)
        if room_bytes < MIN_CARD_BYTES:
            return _plain_card(report, _NO_ROOM, max_bytes=max_bytes)
        try:
            card = self._stages.card(
                report,
                max_bytes=max_bytes,
                bundle_link=bundle_link,
                screenshot_links=screenshot_links,
                is_over=time_left.is_over_by(stop, stopped_s=_STOPPED_DRAWING_S),
            )
        except self._passed_on:
            raise
        except Exception as error:
            card = _plain_card(report, self._faults.sentence("drawing the card", error), max_bytes=max_bytes)
        self._card_bytes += len(card.encode())
        self.tally = self.tally.with_seconds(time.monotonic() - began)
        return card

    def _time_for_showing(self, report: Report) -> Budget:
        """What its collection has left; for a report of long ago, or one whose time is used up, what is kept for it."""
        budget = Budget(self.config.limits.failure_time_s)
        newest, left_s = self._left_s
        return budget.part(left_s if newest == report.failure.id else budget.drawing_s)

    def text(self, report: Report) -> str:
        """A report as text for a terminal."""
        try:
            return self._stages.text(report)
        except self._passed_on:
            raise
        except Exception as error:
            from FailTaleLibrary.rendering.plain import plain_text

            return plain_text(report, self._faults.sentence("writing the report", error))

    def brief_text(self, report: Report, *, more: str) -> str:
        """A report in at most forty lines; ``more`` says where the rest is."""
        from FailTaleLibrary.rendering import to_brief_text

        try:
            return to_brief_text(report, more=more)
        except self._passed_on:
            raise
        except Exception as error:
            return f"{self._faults.sentence('writing the report in short', error)}\n{more}\n"

    def rendered(self, report: Report, form: str) -> str:
        """A report in one of the output formats, `rendering.FORMATS`."""
        from FailTaleLibrary.rendering import FORMATS

        try:
            return FORMATS[form].render(report, max_bytes=self.config.limits.card_bytes)
        except self._passed_on:
            raise
        except Exception as error:
            from FailTaleLibrary.rendering.plain import plain_text

            return plain_text(report, self._faults.sentence(f"writing the report as {form}", error))

    def summary(self, report: Report) -> str:
        """A report in one line."""
        from FailTaleLibrary.rendering import summary_line

        try:
            return summary_line(report)
        except self._passed_on:
            raise
        except Exception as error:
            return self._faults.sentence("writing the summary", error)

    def shown_at(self, report: Report, test_id: str) -> None:
        """Where a face has shown a report: Robot's id of the test or suite, to which the run page then leads."""
        known = self._summaries.get(report.failure.id)
        if known is not None:
            self._summaries[report.failure.id] = known.model_copy(update={"test_id": test_id})

    def fell_with(self, report: Report, name: str, *, test_id: str) -> FallenTest:
        """A test did not run because what ``report`` is about had failed; it counts with that."""
        from FailTaleLibrary.redaction.redactor import RecordRedactor
        from FailTaleLibrary.rendering.run_summary import FallenTest

        fallen = FallenTest(name=RecordRedactor(self._redactor).short(name), test_id=test_id)
        known = self._summaries.get(report.failure.id)
        if known is not None:
            update = {"fallen": (*known.fallen, fallen)}
            self._summaries[report.failure.id] = known.model_copy(update=update)
        return fallen

    def run_summary(self, *, log: str = "", link: Callable[[str | None], str | None] = lambda path: path) -> RunSummary:
        """The failures so far, grouped by cause. ``log`` is the log.html that shows them, relative to the run page.

        ``link`` makes of a bundle's or screenshot's path, relative to the output directory, one that is relative to
        the run page.
        """
        from FailTaleLibrary.rendering.run_summary import run_summary

        rows = (
            row.model_copy(update={"log": log, "bundle": link(row.bundle), "screenshot": link(row.screenshot)})
            for row in self._summaries.values()
        )
        return run_summary(rows, version=__version__)

    def fault(self, activity: str, error: BaseException) -> str:
        """The sentence for a fault in a face itself, whose traceback is kept as those of the stages are."""
        return self._faults.sentence(activity, error)

    # --- The hosts ----------------------------------------------------------------------------------------------------

    def check_hosts(self, hosts: Collection[str] = ()) -> dict[str, str]:
        """Host -> what keeps it from answering; empty text for a host that is well. Raises ConfigError."""
        budget = Budget(self.config.limits.failure_time_s)
        verdicts = self._source.check_hosts(hosts, budget=budget, values=self._values())
        return {host: self._redactor.safe_message(verdict) for host, verdict in verdicts.items()}

    @property
    def trouble(self) -> str:
        """Why a gateway served none or not all of this run, in a sentence; empty where it did, or there is none."""
        return self._redactor.safe_message(self._source.trouble) if "_source" in self.__dict__ else ""

    def redactor(self) -> Redactor:
        """What makes texts safe, with every secret that is known by now."""
        return self._redactor

    # --- The stages ---------------------------------------------------------------------------------------------------

    def _collected(
        self,
        failure: Failure,
        *,
        components: Collection[str],
        hosts: Collection[str],
        budget: Budget,
        cancel: threading.Event | None,
        progress: Progress | None,
    ) -> tuple[Report, Mapping[str, str]]:
        """What was collected and answered, not yet ranked; and the items' full texts."""
        try:
            the_plan, evidence, full_texts = self._source.collect(
                failure,
                only_state=self._only_state(failure),
                components=components,
                hosts=hosts,
                redactor=self._redactor,
                faults=self._faults,
                budget=budget,
                values=self._values(),
                cancel=cancel,
                progress=progress,
            )
        except ConfigError:
            raise
        except self._passed_on:
            raise
        except Exception as error:
            gap = self._faults.gap("collecting the evidence", error)
            the_plan, full_texts = budget.empty_plan(failure.id), {}
            evidence = Evidence(failure_id=failure.id, gaps=(gap,), collected_at=datetime.now(timezone.utc))
        return self._report(failure, the_plan, evidence), full_texts

    def _ranked(self, report: Report, budget: Budget, stop: threading.Event) -> Report:
        settings = self.config.analysis
        is_over = budget.for_ranking().is_over_by(stop)
        try:
            self._know_passed_tests()
            self._know_used()
            history = self._history.with_tests_of_other_runs(self._failed_in_other_runs(report.failure.window.start))
            analysis = self._stages.rank(report.failure, report.evidence, history=history, is_over=is_over)
        except self._passed_on:
            raise
        except Exception as error:
            report = _with_gap(report, self._faults.gap("ranking the evidence", error))
            analysis = Analysis(headline=NOT_RANKED)
        if analysis.signature and self._only_state(report.failure):
            same = analysis.signature.repeating(self._repeats.first)
            analysis = analysis.model_copy(update={"signature": same})
        if settings.model is not None:
            analysis = analysis.without_hint(HINT_AFTER_RUN if settings.when == "after_run" else HINT_OFFLINE)
        return report.model_copy(update={"analysis": analysis})

    def _counted_in_history(self, report: Report) -> Report:
        """The report with how often its cause struck before, where a history is kept."""
        if self._run_history is None or report.failure.scope == "on demand":
            return report
        from FailTaleLibrary.ranking.causes import cause_of_failure
        from FailTaleLibrary.redaction.redactor import RecordRedactor
        from FailTaleLibrary.rendering.card import headline_of

        try:
            cause = cause_of_failure(report)
            count = self._run_history.count_failure(
                cause,
                headline=derived(headline_of, report),
                test=report.failure.name,
                at=report.failure.window.end,
            )
            recurrence = Recurrence(
                signature=cause.signature,
                times=count.times,
                first_at=count.first_at,
                previous_at=count.previous_at,
                note=RecordRedactor(self._redactor).short(count.note),
            )
            analysis = report.analysis.recurring(recurrence)
            return report.model_copy(update={"analysis": analysis})
        except self._passed_on:
            raise
        except HistoryError as error:
            why = self._redactor.safe_message(error)
            gap = Gap(host=NO_HOST, reason="failed", detail=our_words("not counted in the history: {}", why))
        except Exception as error:
            gap = self._faults.gap("counting the failure in the history", error)
        return _with_gap(report, gap)

    def _know_passed_tests(self) -> None:
        from FailTaleLibrary.ranking import RunTest
        from FailTaleLibrary.redaction.redactor import RecordRedactor

        while self._passed:
            name, start_s, end_s = self._passed.popleft()
            safe_name = RecordRedactor(self._redactor).short(name)
            window = Window(start=_moment(start_s), end=_moment(end_s))
            self._history = self._history.with_test(RunTest(safe_name, window, has_passed=True))

    def _failed_in_other_runs(self, start: datetime) -> list[RunTest]:
        """Tests that failed on the same hosts before: what logs held meanwhile is not routine."""
        from FailTaleLibrary.ranking import RunTest
        from FailTaleLibrary.redaction.redactor import RecordRedactor

        failed = self._own_tests.failed_before(start, safe=RecordRedactor(self._redactor).short)
        return [
            RunTest(test.name, Window(start=test.started_at, end=test.ended_at or test.started_at), has_passed=False)
            for test in failed[-MAX_TESTS:]
        ]

    def _know_used(self) -> None:
        from FailTaleLibrary.belonging.identifiers import identifiers_in
        from FailTaleLibrary.redaction.redactor import RecordRedactor

        while self._used:
            name, used = self._used.popleft()
            safe = RecordRedactor(self._redactor).short
            self._history = self._history.with_used(safe(name), identifiers_in(used, safe))

    def _stored(
        self,
        report: Report,
        store: Callable[[Report, Path], Path],
        output_dir: Path | None,
        budget: Budget,
        stop: threading.Event,
    ) -> Report:
        """The report with its bundle, where one is wanted and the disk lets us; if not, an earlier one of it stays."""
        settings = self.config.bundles
        directory = _own_directory(self.config, output_dir)
        if not settings.enabled or directory is None:
            return report
        stored = report.model_copy(update={"bundle": _link(directory / report.failure.id, output_dir)})
        try:
            seconds = max(_LEAST_STORING_S, budget.left_s / 2)
            call_within(
                seconds,
                partial(store, stored, directory),
                name="failtale-store",
                discard=lambda _: None,
                stopped_s=_STOPPED_STORING_S,
            )
        except self._passed_on:
            raise
        except TimeoutError:
            late = f"took more than {seconds:.0f} s"
            if stop.is_set():
                late = "was still being written to when the run was stopped"
            why = self._redactor.safe_message(f"'{directory}' {late}")
            gap = Gap(host=NO_HOST, reason="failed", detail=our_words("no whole bundle was written: {}", why))
        except OSError as error:
            self._is_disk_full |= error.errno in (errno.ENOSPC, errno.EDQUOT)
            where = f" ('{error.filename}')" if error.filename else ""
            why = self._redactor.safe_message(f"{error.strerror or error}{where}")
            gap = Gap(host=NO_HOST, reason="failed", detail=our_words("no bundle was written: {}", why))
        except Exception as error:
            gap = self._faults.gap("writing the bundle", error)
        else:
            return stored
        return _with_gap(report, gap)

    def _with_documents(self, report: Report) -> tuple[Report, dict[str, str]]:
        """And what a model would be sent, where one is named: for people who want to paste it elsewhere."""
        settings = self.config.analysis
        if settings.model is None:
            return report, {}
        from FailTaleLibrary.hints import CHARS_PER_TOKEN, build_prompt

        try:
            prompt = build_prompt(
                report, settings=settings, context_tokens=settings.context, chars_per_token=CHARS_PER_TOKEN
            )
            return report, {"prompt.md": prompt.text()}
        except self._passed_on:
            raise
        except Exception as error:
            return _with_gap(report, self._faults.gap("writing the model's prompt", error)), {}

    def _count_repeats(self, failure: Failure) -> None:
        try:
            self._repeats = self._repeats.with_failure(failure)
        except Exception as error:
            self._faults.sentence("counting equal failures", error)

    def _remember(self, report: Report, budget: Budget, stop: threading.Event, seconds: float) -> None:
        time_left = budget.for_remembering()
        try:
            self._history = self._history.with_report(report, is_over=lambda: stop.is_set() or time_left.left_s <= 0)
        except self._passed_on:
            raise
        except Exception as error:
            self._faults.sentence("remembering what is routine", error)
        self.tally = self.tally.with_report(report, seconds)
        self.last = report
        self._summarise(report)
        counts = len(report.evidence.items), len(report.evidence.gaps)
        _log.debug("'%s': %d items and %d gaps in %.2f s", report.failure.name, *counts, seconds)

    def _summarise(self, report: Report) -> None:
        from FailTaleLibrary.rendering.run_summary import failure_summary

        try:
            self._summaries[report.failure.id] = failure_summary(report)
        except Exception as error:
            self._faults.sentence("summing up the failure", error)

    # --- What the stages share ----------------------------------------------------------------------------------------

    def _window_began(self, at_s: float | None = None) -> None:
        try:
            self._source.window_began(self._values(), at_s=at_s)
        except self._passed_on:
            raise
        except Exception as error:  # no test may suffer from it; the items will say that they have no mark
            self._faults.sentence("taking marks", error)

    def _values(self) -> Values | None:
        """The values of the configuration's variables as the tests have them now; None where it has no variable."""
        if not self.config.variables:
            return None
        return values_of(self.config.variables, self._lookup)

    def _targets(self) -> Iterator[str]:
        """Whose logs this run collects, as it begins."""
        values = self._values()
        if values is None or self.config.gateway is not None:
            return _targets_of(self.config)
        return _targets_of(resolve(self.config, values).config)

    def _within_run(self, failure: Failure) -> Failure:
        suite_began_at = self._suites[-1] if self._suites else None
        return failure.model_copy(
            update={
                "window": self._without_a_step(failure.window),
                "suite_started_at": failure.suite_started_at or suite_began_at,
                "run_started_at": failure.run_started_at or self.started_at,
            }
        )

    def _without_a_step(self, window: Window) -> Window:
        """The window; where our clock was set back meanwhile, one as long as the test has taken."""
        if window.start <= window.end:
            return window
        lasted = timedelta(seconds=time.monotonic() - self._began_s)
        return window.model_copy(update={"start": window.end - lasted})

    def _with_others(self, failure: Failure) -> Failure:
        """The failure with the tests that ran at the same time."""
        if self._test_began_s is not None and failure.scope == "test":
            self._outcome = "failed"
        try:
            from FailTaleLibrary.redaction.redactor import RecordRedactor

            window, safe = failure.window, RecordRedactor(self._redactor)
            others = self._own_tests.others(window.start, window.end, safe=safe.short)
        except Exception as error:
            self._faults.sentence("looking for tests that ran at the same time", error)
            return failure
        return failure.model_copy(update={"others": others})

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

    def _only_state(self, failure: Failure) -> SafeText | None:
        """Why only cheap state is asked, in a sentence: one failure of a storm is reported by the first ones."""
        return self._repeats.only_state(failure, most=self.config.limits.repeats)

    def _report(self, failure: Failure, the_plan: Plan, evidence: Evidence) -> Report:
        return Report(
            failtale_version=__version__,
            created_at=datetime.now(timezone.utc),
            failure=failure,
            plan=the_plan,
            evidence=evidence,
        )

    def _keep_faults_in(self, output_dir: Path | None) -> None:
        directory = _own_directory(self.config, output_dir)
        if directory is not None:
            self._faults.keep_in(directory, shown=_link(directory, output_dir))

    def _redacted_text(self, text: str) -> str:
        return self._redactor.redact(text).text


def _moment(clock_s: float) -> datetime:
    return datetime.fromtimestamp(clock_s, timezone.utc)


def _with_gap(report: Report, gap: Gap) -> Report:
    evidence = report.evidence.model_copy(update={"gaps": (*report.evidence.gaps, gap)})
    return report.model_copy(update={"evidence": evidence})


def _own_directory(config: Config, output_dir: Path | None) -> Path | None:
    """Where a run's bundles and tracebacks go; None: nowhere."""
    if config.bundles.directory is not None:
        return config.bundles.directory
    return output_dir / "failtale" if output_dir is not None else None


def _link(path: Path, output_dir: Path | None) -> str:
    """A path as log.html can link it; absolute where it lies elsewhere."""
    if output_dir is not None and path.is_relative_to(output_dir):
        return path.relative_to(output_dir).as_posix()
    return path.absolute().as_posix()


def _targets_of(config: Config) -> Iterator[str]:
    """Whose logs a run collects, as other runs name it, too; this machine's are those of one configuration."""
    if config.gateway is not None:
        yield config.gateway.url
    for name, host in config.hosts.items():
        if host.transport == "ssh":
            yield f"{(host.address or name).lower()}:{config.ssh_for(name).port or 22}"
        elif host.transport == "local" and config.source is not None:
            yield f"here {config.source.resolve()}"


def redactor_for(config: Config, environ: Mapping[str, str]) -> Redactor:
    """Removes what the configuration knows as secret, and the values of variables that are named like secrets."""
    from FailTaleLibrary.redaction import Redactor, secret_values

    settings = config.redaction
    return Redactor(
        known=(*secret_values(environ), *secret_values_of(config)),
        rules=tuple((rule.name, rule.pattern) for rule in settings.rules),
        keep=settings.keep,
        identifiers=settings.identifiers,
        timeout_s=settings.timeout_s,
    )
