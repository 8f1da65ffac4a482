"""Failure -> Report: alone knows all stages, and what a whole run may cost.

One `Run` serves a run: it holds the connections, the marks, what the ranking has learned and the budget. It
is asked by one thread at a time; whatever a host or a disk does, `collect_failure` returns a Report.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from FailTaleLibrary import __version__
from FailTaleLibrary.archive import write_bundle
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.collect import Progress
from FailTaleLibrary.collection.source import EvidenceSource, OwnHosts
from FailTaleLibrary.config import Config, secret_values_of
from FailTaleLibrary.gateway.source import GatewaySource
from FailTaleLibrary.hints import CHARS_PER_TOKEN, build_prompt
from FailTaleLibrary.ranking import History, Repeats, rank
from FailTaleLibrary.records import NO_HOST, Analysis, Evidence, Failure, Gap, Plan, Report, SafeText, our_words
from FailTaleLibrary.redaction import Redactor, secret_values

ASKED_AFTER_RUN = our_words("none yet; it is made when the run has ended, or by 'failtale analyze output.xml'")
ASKED_OFFLINE = our_words("none yet; it is made by 'failtale analyze output.xml'")
"""`Analysis.no_hint_reason` of a report whose hint is still to come."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run has cost so far."""

    failures: int = 0
    hosts: frozenset[str] = frozenset()
    gaps: int = 0
    seconds: float = 0.0

    def with_report(self, report: Report, seconds: float) -> Tally:
        asked = {step.host for step in report.plan.steps}
        answered = {item.host for item in report.evidence.items}
        return Tally(
            failures=self.failures + 1,
            hosts=self.hosts | asked | answered,
            gaps=self.gaps + len(report.evidence.gaps),
            seconds=self.seconds + seconds,
        )


class Run:
    """Tells the failures of one run."""

    def __init__(self, config: Config, *, environ: Mapping[str, str] | None = None) -> None:
        self.config = config
        self.started_at = datetime.now(timezone.utc)
        self.tally = Tally()
        self.last: Report | None = None
        """The newest report."""
        self._redactor = redactor_for(config, os.environ if environ is None else environ)
        self._source: EvidenceSource = OwnHosts(config) if config.gateway is None else GatewaySource(config)
        self._history = History()
        self._repeats = Repeats()

    def window_began(self) -> None:
        """A test, suite or run begins now: notes marks in the background. Returns at once."""
        self._source.window_began()

    def redactor(self, known: Iterable[str] = ()) -> Redactor:
        """The run's redactor, which also knows these secrets."""
        values = tuple(known)
        return self._redactor.with_known(values) if values else self._redactor

    def collect_failure(
        self,
        failure: Failure,
        *,
        known: Iterable[str] = (),
        components: Collection[str] = (),
        hosts: Collection[str] = (),
        output_dir: Path | None = None,
        deadline_s: float | None = None,
        cancel: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """One failure told. ``output_dir`` is where its bundle goes; None: no bundle.

        Raises ConfigError when a selected component or host is unknown.
        """
        budget = self._budget(deadline_s)
        began = time.monotonic()
        self._repeats = self._repeats.with_failure(failure)
        the_plan, evidence, full_texts = self._source.collect(
            failure,
            only_state=self._only_state(failure),
            components=components,
            hosts=hosts,
            redactor=self.redactor(known),
            budget=budget,
            cancel=cancel,
            progress=progress,
        )
        report = self._stored(self._report(failure, the_plan, evidence), full_texts, output_dir)
        self._history = self._history.with_report(report)
        self.tally = self.tally.with_report(report, time.monotonic() - began)
        self.last = report
        return report

    def check_hosts(self, hosts: Collection[str] = ()) -> dict[str, SafeText]:
        """Host -> what keeps it from answering; empty text for a host that is well. Raises ConfigError."""
        verdicts = self._source.check_hosts(hosts, budget=Budget(self.config.limits.failure_time_s))
        return {host: self._redactor.safe_message(verdict) for host, verdict in verdicts.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may want to know of the way to the hosts, in sentences."""
        return self._source.notes

    def close(self) -> None:
        """Ends marks and connections; quick, and safe to call twice."""
        self._source.close()

    def _budget(self, deadline_s: float | None) -> Budget:
        """What this failure may cost: within its own limit, the caller's, and what is left of the run's time."""
        limits = self.config.limits
        times = {
            "limits.failure_time": limits.failure_time_s,
            "limits.run_time": limits.run_time_s - self.tally.seconds,
            "the time after the run was stopped": limits.failure_time_s if deadline_s is None else deadline_s,
        }
        limit = min(times, key=lambda name: times[name])
        return Budget(times[limit], limit=limit)

    def _only_state(self, failure: Failure) -> SafeText | None:
        """Why only cheap state is asked, in a sentence: one failure of a storm is told by the first ones."""
        return self._repeats.only_state(failure, most=self.config.limits.repeats)

    def _report(self, failure: Failure, the_plan: Plan, evidence: Evidence) -> Report:
        return Report(
            failtale_version=__version__,
            created_at=datetime.now(timezone.utc),
            failure=failure,
            plan=the_plan,
            evidence=evidence,
            analysis=self._analysis(failure, evidence),
        )

    def _analysis(self, failure: Failure, evidence: Evidence) -> Analysis:
        analysis = rank(failure, evidence, history=self._history)
        if analysis.signature and self._only_state(failure):
            same = analysis.signature.model_copy(update={"same_as": self._repeats.first})
            analysis = analysis.model_copy(update={"signature": same})
        settings = self.config.analysis
        if settings.model is None:
            return analysis
        return analysis.without_hint(ASKED_AFTER_RUN if settings.when == "after_run" else ASKED_OFFLINE)

    def _prompt(self, report: Report) -> str:
        """What a model would be sent, for people who want to paste it elsewhere."""
        settings = self.config.analysis
        prompt = build_prompt(
            report, settings=settings, context_tokens=settings.context, chars_per_token=CHARS_PER_TOKEN
        )
        return prompt.text()

    def _stored(self, report: Report, full_texts: Mapping[str, str], output_dir: Path | None) -> Report:
        """The report with its bundle, where one is wanted and the disk lets us."""
        settings = self.config.bundles
        if not settings.enabled or (output_dir is None and settings.directory is None):
            return report
        directory = settings.directory or (output_dir or Path()) / "failtale"
        stored = report.model_copy(update={"bundle": _bundle_link(directory, report.failure.id, output_dir)})
        documents = {"prompt.md": self._prompt(stored)} if self.config.analysis.model else {}
        try:
            write_bundle(stored, directory, full_texts=full_texts, documents=documents)
        except OSError as error:
            why = self._redactor.safe_message(error.strerror or error)
            gap = Gap(host=NO_HOST, reason="failed", detail=our_words("no bundle was written: {}", why))
            evidence = report.evidence.model_copy(update={"gaps": (*report.evidence.gaps, gap)})
            return report.model_copy(update={"evidence": evidence})
        return stored


def _bundle_link(directory: Path, failure_id: str, output_dir: Path | None) -> str:
    """The bundle's path as log.html can link it; absolute where it lies elsewhere."""
    bundle = directory / failure_id
    if output_dir is not None and bundle.is_relative_to(output_dir):
        return bundle.relative_to(output_dir).as_posix()
    return bundle.absolute().as_posix()


def redactor_for(config: Config, environ: Mapping[str, str]) -> Redactor:
    """Removes what the configuration knows as secret, and the values of variables that are named like secrets."""
    settings = config.redaction
    return Redactor(
        known=(*secret_values(environ), *secret_values_of(config)),
        rules=tuple((rule.name, rule.pattern) for rule in settings.rules),
        keep=settings.keep,
        identifiers=settings.identifiers,
        timeout_s=settings.timeout_s,
    )
