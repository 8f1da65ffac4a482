"""A failure and its budget -> its report, stage by stage: collect, store, rank, count, store again.

Every stage is guarded: a fault costs that stage alone, and is a gap in the evidence that names it.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timezone
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from FailTaleLibrary import __version__
from FailTaleLibrary.background import call_within
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.config import Config
from FailTaleLibrary.errors import ConfigError, HistoryError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.progress import Progress
from FailTaleLibrary.records import (
    NO_HOST,
    Analysis,
    Evidence,
    Failure,
    Gap,
    Recurrence,
    Report,
    SafeText,
    derived,
    our_words,
)
from FailTaleLibrary.run.course import Course
from FailTaleLibrary.run.hosts import Hosts
from FailTaleLibrary.run.known_secrets import KnownSecrets
from FailTaleLibrary.run.places import link, own_directory
from FailTaleLibrary.run.stages import Stages

if TYPE_CHECKING:
    from FailTaleLibrary.history import RunHistory
    from FailTaleLibrary.ranking import Repeats

HINT_AFTER_RUN = our_words("none yet; it is made when the run has ended, or by 'failtale analyze output.xml'")
HINT_OFFLINE = our_words("none yet; it is made by 'failtale analyze output.xml'")
"""`Analysis.no_hint_reason` of a report whose hint is still to come."""
NOT_RANKED = our_words("The evidence could not be ranked.")
_LEAST_STORING_S = 3.0
"""A bundle has this long, however little time is left: it is the evidence itself. A disk that hangs gets no more."""
_STOPPED_STORING_S = 0.5
"""For a bundle once somebody has pressed Ctrl-C; its thread goes on while the rest is done."""


class Reporter:
    """Makes the reports of a run."""

    def __init__(
        self,
        config: Config,
        stages: Stages,
        faults: Faults,
        *,
        hosts: Hosts,
        course: Course,
        secrets: KnownSecrets,
        passed_on: tuple[type[BaseException], ...],
    ) -> None:
        self._config = config
        self._stages = stages
        self._faults = faults
        self._hosts = hosts
        self._course = course
        self._secrets = secrets
        self._passed_on = passed_on
        self.is_disk_full = False
        """Cards are small then: Robot's output file shares the disk with the bundles."""

    @cached_property
    def _run_history(self) -> RunHistory | None:
        if self._config.history is None:
            return None
        from FailTaleLibrary.history import history_of

        return history_of(self._config)

    @cached_property
    def _repeats(self) -> Repeats:
        from FailTaleLibrary.ranking import Repeats

        return Repeats()

    def report(
        self,
        failure: Failure,
        *,
        budget: Budget,
        stop: threading.Event,
        components: Collection[str],
        hosts: Collection[str],
        output_dir: Path | None,
        cancel: threading.Event | None,
        progress: Progress | None,
    ) -> Report:
        """``stop`` is set when it is to end; ``cancel``, where there is one, ends the collection in its place."""
        for_collecting = budget.without_what_follows()
        self._keep_faults_in(output_dir)
        self._count_repeats(failure)
        report, full_texts = self._collected(
            self._course.placed(failure),
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
        self._remember(report, budget, stop)
        return report

    def complete(self, report: Report, *, output_dir: Path | None) -> None:
        """The bundle of a report, where it has one, tells what its test told of its failure later."""
        directory = own_directory(self._config, output_dir)
        if report.bundle is not None and directory is not None:
            try:
                self._stages.replace(report, directory, documents={})
            except self._passed_on:
                raise
            except Exception as error:  # the bundle stays as it was
                self._faults.sentence("completing the bundle", error)

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
            the_plan, evidence, full_texts = self._hosts.source.collect(
                failure,
                only_state=self._only_state(failure),
                components=components,
                hosts=hosts,
                redactor=self._secrets.redactor,
                faults=self._faults,
                budget=budget,
                values=self._hosts.values(),
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
        report = Report(
            failtale_version=__version__,
            created_at=datetime.now(timezone.utc),
            failure=failure,
            plan=the_plan,
            evidence=evidence,
        )
        return report, full_texts

    def _ranked(self, report: Report, budget: Budget, stop: threading.Event) -> Report:
        settings = self._config.analysis
        is_over = budget.for_ranking().is_over_by(stop)
        try:
            history = self._course.history_before(report.failure.window.start)
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
                note=self._secrets.short(count.note),
            )
            analysis = report.analysis.recurring(recurrence)
            return report.model_copy(update={"analysis": analysis})
        except self._passed_on:
            raise
        except HistoryError as error:
            why = self._secrets.redactor.safe_message(error)
            gap = Gap(host=NO_HOST, reason="failed", detail=our_words("not counted in the history: {}", why))
        except Exception as error:
            gap = self._faults.gap("counting the failure in the history", error)
        return _with_gap(report, gap)

    def _stored(
        self,
        report: Report,
        store: Callable[[Report, Path], Path],
        output_dir: Path | None,
        budget: Budget,
        stop: threading.Event,
    ) -> Report:
        """The report with its bundle, where one is wanted and the disk lets us; if not, an earlier one of it stays."""
        settings = self._config.bundles
        directory = own_directory(self._config, output_dir)
        if not settings.enabled or directory is None:
            return report
        stored = report.model_copy(update={"bundle": link(directory / report.failure.id, output_dir)})
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
            why = self._secrets.redactor.safe_message(f"'{directory}' {late}")
            gap = Gap(host=NO_HOST, reason="failed", detail=our_words("no whole bundle was written: {}", why))
        except OSError as error:
            self.is_disk_full |= error.errno in (errno.ENOSPC, errno.EDQUOT)
            where = f" ('{error.filename}')" if error.filename else ""
            why = self._secrets.redactor.safe_message(f"{error.strerror or error}{where}")
            gap = Gap(host=NO_HOST, reason="failed", detail=our_words("no bundle was written: {}", why))
        except Exception as error:
            gap = self._faults.gap("writing the bundle", error)
        else:
            return stored
        return _with_gap(report, gap)

    def _with_documents(self, report: Report) -> tuple[Report, dict[str, str]]:
        """And what a model would be sent, where one is named: for people who want to paste it elsewhere."""
        settings = self._config.analysis
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

    def _remember(self, report: Report, budget: Budget, stop: threading.Event) -> None:
        time_left = budget.for_remembering()
        try:
            self._course.remember(report, is_over=lambda: stop.is_set() or time_left.left_s <= 0)
        except self._passed_on:
            raise
        except Exception as error:
            self._faults.sentence("remembering what is routine", error)

    def _only_state(self, failure: Failure) -> SafeText | None:
        """Why only cheap state is asked, in a sentence: one failure of a storm is reported by the first ones."""
        return self._repeats.only_state(failure, most=self._config.limits.repeats)

    def _keep_faults_in(self, output_dir: Path | None) -> None:
        directory = own_directory(self._config, output_dir)
        if directory is not None:
            self._faults.keep_in(directory, shown=link(directory, output_dir))


def _with_gap(report: Report, gap: Gap) -> Report:
    evidence = report.evidence.model_copy(update={"gaps": (*report.evidence.gaps, gap)})
    return report.model_copy(update={"evidence": evidence})
