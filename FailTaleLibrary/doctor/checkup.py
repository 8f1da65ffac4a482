"""Configuration -> Checkup: every host logged in to and surveyed, every collector run once as it would at a failure.

All hosts at the same time, each in a thread of its own, so that thirty take the time of the slowest. Nothing of what a
host said leaves here with a secret in it.
"""

from __future__ import annotations

import getpass
import os
import shlex
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Literal

from FailTaleLibrary import __version__, background
from FailTaleLibrary.background import once
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.collection.silence import meaning
from FailTaleLibrary.collection.source import OwnHosts
from FailTaleLibrary.config import Collector, Config
from FailTaleLibrary.config.variables import Resolved, Values, nothing_set, resolve, values_of
from FailTaleLibrary.doctor.configuration import configuration_notes
from FailTaleLibrary.doctor.findings import (
    Advice,
    Checkup,
    CollectorFinding,
    HostFinding,
    Note,
    StageFinding,
    WayFinding,
    problems_in,
)
from FailTaleLibrary.doctor.fleets import minion_finding, minion_gate_finding
from FailTaleLibrary.doctor.gates import gate_finding
from FailTaleLibrary.doctor.logins import way_finding
from FailTaleLibrary.doctor.remedies import Refusal, advice_for, full_file_systems, lacking_tools
from FailTaleLibrary.doctor.services import service_findings
from FailTaleLibrary.doctor.survey import MAX_BYTES, HostSurvey, host_collectors, parse_survey, survey_script
from FailTaleLibrary.errors import ConfigError, RedactionError, TransportError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.log import logger_of, redact_with
from FailTaleLibrary.progress import EVERY_S, CollectionState, Progress
from FailTaleLibrary.records import Evidence, Failure, Gap, HostClock, Item, Window, our_words
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.run import redactor_for
from FailTaleLibrary.text import one_line, shorten
from FailTaleLibrary.transports import Connections
from FailTaleLibrary.transports.base import Fleet
from FailTaleLibrary.transports.reach import SSHS, Reach

_log = logger_of(__name__)

WINDOW = timedelta(minutes=5)
"""How far back the logs are read."""
NOTABLE_CLOCK_S = 1.0
WRONG_CLOCK_S = 10.0
"""A clock that is further off is a fault: the product's own times, tokens and certificates go by it."""
TMP = "/tmp"  # noqa: S108 - asked about, not written to
_SURVEY_S = 15.0
_SAID_CHARS = 300
_WITH_SHELL = {"ssh": "logged in as", "local": "runs here"}
"""Transports to something that can be surveyed, and how the stage begins."""
_NOTHING_TO_READ = ("not been booted with systemd", "Failed to connect to bus")
"""What says that a host has no such thing, and not that somebody may not see it."""


def check(
    config: Config,
    hosts: Collection[str] = (),
    *,
    environ: Mapping[str, str] | None = None,
    values: Values | None = None,
    progress: Progress | None = None,
) -> Checkup:
    """All findings; ``values`` are of the configuration's variables. Raises ConfigError for an unknown host."""
    environ = os.environ if environ is None else environ
    began = time.monotonic()
    _refuse_unknown(config, hosts)
    config = config.model_copy(update={"bundles": config.bundles.model_copy(update={"enabled": False})})
    redactor = redactor_for(config, environ)
    resolved = resolve(config, values or values_of(config.variables, nothing_set))
    asked, config = tuple(hosts or config.hosts), resolved.config
    context = _Context(config, redactor, Connections(config))
    stop_redacting_the_log = redact_with(lambda text: redactor.redact(text).text)
    try:
        found = () if config.gateway else _all_findings(context, asked, resolved, progress)
        services = tuple(service_findings(config, environ, redactor, hosts))
        notes = (*configuration_notes(config), *(Note(said=each) for each in context.connections.notes))
    finally:
        context.connections.close()
        stop_redacting_the_log()
    well = not any(list(problems_in(host)) for host in found)
    return Checkup(
        failtale_version=__version__,
        configuration=str(config.source or ""),
        well=well and all(service.verdict != "problem" for service in services),
        seconds=round(time.monotonic() - began, 2),
        hosts=found,
        services=services,
        notes=notes,
    )


def _all_findings(
    context: _Context, hosts: tuple[str, ...], resolved: Resolved, progress: Progress | None
) -> tuple[HostFinding, ...]:
    """Of each host; one whose address has no value was not looked at, and says so."""
    unknown = {each.host: each.why for each in resolved.unresolved if each.collector is None}
    known = tuple(host for host in hosts if host not in unknown)
    found = {each.host: each for each in _all_hosts(context, known, progress)}
    for each in resolved.unresolved:
        if each.collector is None:
            found[each.host] = HostFinding(host=each.host, stages=(_without_value("name", each.why),))
        elif each.host in found:
            stage = _without_value("tools", f"'{each.collector}' was not run: {each.why}")
            stages = (*found[each.host].stages, stage)
            found[each.host] = found[each.host].model_copy(update={"stages": stages})
    return tuple(found[host] for host in hosts)


def _without_value(stage: Literal["name", "tools"], said: str) -> StageFinding:
    return StageFinding(stage=stage, verdict="problem", said=said, advice=(_SAY_VALUES,))


_SAY_VALUES = Advice(
    needs="the value that the tests will set", where="on this machine", lines=("failtale check --variable NAME=VALUE",)
)


def _refuse_unknown(config: Config, hosts: Collection[str]) -> None:
    unknown = [host for host in hosts if host not in config.hosts]
    if unknown and config.gateway is None:
        known = ", ".join(config.hosts) or "none"
        raise ConfigError(f"There is no host '{unknown[0]}' in the configuration; it has: {known}.")


@dataclass(slots=True)
class _Context:
    """What the threads of a checkup share."""

    config: Config
    redactor: Redactor
    connections: Connections
    stop: threading.Event = field(default_factory=threading.Event)
    fleets: Mapping[Fleet, Callable[[], Evidence]] = field(default_factory=dict)
    """What the hosts of a fleet answered when they were asked together, once."""


def _all_hosts(context: _Context, hosts: tuple[str, ...], progress: Progress | None) -> tuple[HostFinding, ...]:
    found: dict[str, HostFinding] = {}
    arrived = threading.Condition()

    def work(host: str) -> None:
        finding = _HostCheckup(context, host).finding()
        with arrived:
            found[host] = finding
            arrived.notify_all()

    context.fleets = _asked_together(context, hosts)
    for host in hosts:
        background.start(partial(work, host), name=f"failtale-check-{host}")
    ends = time.monotonic() + _longest_s(context.config)
    try:
        while len(found) < len(hosts) and time.monotonic() < ends:
            with arrived:
                arrived.wait_for(lambda: len(found) == len(hosts), EVERY_S)
            if progress is not None:
                waited_for = next((host for host in hosts if host not in found), "")
                progress(CollectionState(len(found), len(hosts), waited_for, len(found), len(hosts)))
    finally:
        context.stop.set()
    with arrived:
        return tuple(found.get(host) or _silent(context, host) for host in hosts)


def _asked_together(context: _Context, hosts: tuple[str, ...]) -> Mapping[Fleet, Callable[[], Evidence]]:
    """Of each fleet, what asks all of its hosts when the first of them has its turn."""
    members: dict[Fleet, list[str]] = {}
    for host in hosts:
        fleet = context.connections.way(host).fleet
        if fleet is not None:
            members.setdefault(fleet, []).append(host)
    return {fleet: once(partial(_evidence_of, context, own, fleet)) for fleet, own in members.items()}


def _evidence_of(context: _Context, hosts: Sequence[str], fleet: Fleet | None = None) -> Evidence:
    """As at a failure: the same plan, the same visit, the same limits."""
    if fleet is not None:
        fleet.greet([context.connections.way(host) for host in hosts])
    now = datetime.now(timezone.utc)
    failure = Failure(
        id="0" * 32,
        framework="other",
        scope="on demand",
        name=our_words("checkup"),
        suite=our_words(""),
        window=Window(start=now - WINDOW, end=now),
    )
    source = OwnHosts(context.config, context.connections)
    _, evidence, _ = source.collect(
        failure,
        hosts=hosts,
        redactor=context.redactor,
        faults=Faults(lambda: context.redactor),
        budget=Budget(context.config.limits.failure_time_s),
        cancel=context.stop,
    )
    return evidence


def _longest_s(config: Config) -> float:
    """What a host may take: a login (tried again), the survey, and a failure."""
    login_s = max((config.ssh_for(host).connect_timeout_s for host in config.hosts), default=0.0)
    jumps = max((len(config.ssh_for(host).proxy_jump or ()) for host in config.hosts), default=0)
    return (3 + jumps) * login_s + _SURVEY_S + config.limits.failure_time_s + 5.0


def _silent(context: _Context, host: str) -> HostFinding:
    stage = StageFinding(stage="shell", verdict="problem", said="did not finish in time")
    return _HostCheckup(context, host).without(stage)


class _HostCheckup:
    """One host's turn."""

    def __init__(self, context: _Context, host: str) -> None:
        self._context = context
        self._host = host
        self._began = time.monotonic()
        self._collectors = host_collectors(context.config, host)
        self._asks_stores_alone = not self._collectors and bool(context.config.collectors_for(host))
        self._is_ssh = context.config.hosts[host].transport == "ssh"
        self._is_minion = context.config.hosts[host].transport == "salt"
        self._ssh = context.config.ssh_for(host)
        self._user = (self._ssh.user or getpass.getuser()) if self._is_ssh else ""
        self._reach: Reach | None = None
        """Known once ssh's configuration was read."""

    def finding(self) -> HostFinding:
        try:
            self._reach = self._context.connections.reach(self._host)
            self._user = self._reach.user if self._reach else self._user
            survey = self._surveyed()
            evidence = self._evidence()
        except TransportError as error:
            return self.without(self._finding_of_way(error))
        except Exception as error:  # a fault of ours costs this host's finding alone
            _log.debug("checking '%s' failed", self._host, exc_info=True)
            words = f"FailTale internal error: {type(error).__name__}: {error}"
            return self.without(StageFinding(stage="shell", verdict="problem", said=self._safe(words)))
        lost = next((gap for gap in evidence.gaps if gap.collector is None and gap.host == self._host), None)
        if lost is not None:
            return self.without(self._finding_of_way(TransportError(lost.reason, lost.detail)))
        if self._asks_stores_alone:
            stage = StageFinding(stage="shell", verdict="ok", said="asks stores, from this machine")
            return self._made((stage,), tuple(self._collector_findings(survey, evidence)))
        stages = (
            *self._stages_of_way(),
            self._shell(survey),
            _clock_stage(evidence.clocks, self._host),
            *self._tools(survey),
            *self._space(survey),
        )
        return self._made(stages, tuple(self._collector_findings(survey, evidence)))

    def _finding_of_way(self, error: TransportError) -> StageFinding:
        if self._is_minion:
            return minion_finding(error, self._context.config, self._host)
        return way_finding(error, self._context.config, self._host, self._user, self._reach)

    def without(self, stage: StageFinding) -> HostFinding:
        """What is found of a host that cannot be asked."""
        return self._made((self._safe_stage(stage),), ())

    def _made(self, stages: tuple[StageFinding, ...], collectors: tuple[CollectorFinding, ...]) -> HostFinding:
        address = (self._context.config.hosts[self._host].address or self._host) if self._is_ssh else ""
        number = self._ssh.port
        if self._reach is not None:
            address, number = self._reach.address, self._reach.port
        port = f" port {number}" if self._is_ssh and number not in (None, 22) else ""
        return HostFinding(
            host=self._host,
            address=address + port,
            way=tuple(self._way()),
            user=self._user,
            seconds=round(time.monotonic() - self._began, 2),
            stages=stages,
            collectors=collectors,
        )

    def _way(self) -> Iterator[WayFinding]:
        """What the way to it is made of, and where each value comes from."""
        for each in self._reach.origins if self._reach else ():
            yield WayFinding(key=each.key, value=self._safe(each.value), origin=each.origin)

    def _stages_of_way(self) -> Iterator[StageFinding]:
        """The way, where it is more than an address of the configuration."""
        if self._reach is None:
            return
        parts = []
        if self._reach.jump is not None:
            parts.append(f"through {' and '.join(jump.host for jump in self._reach.jumps)}")
        elif self._reach.proxy_command:
            parts.append("by a ProxyCommand")
        if keys := [each.key for each in self._reach.origins if each.origin == SSHS]:
            parts.append(f"{', '.join(keys)} of ssh's configuration")
        if parts:
            yield self._safe_stage(StageFinding(stage="reach", verdict="ok", said="; ".join(parts)))

    # --- What is asked of the host

    def _surveyed(self) -> HostSurvey:
        if self._asks_stores_alone or self._context.config.hosts[self._host].transport not in _WITH_SHELL:
            return HostSurvey(is_complete=True)
        inside = self._context.config.hosts[self._host].inside
        transport = self._context.connections.transport(self._host, inside if self._is_asked_inside(inside) else ())
        script = survey_script(self._collectors)
        result = transport.run(script, timeout_s=_SURVEY_S, max_bytes=MAX_BYTES, cancel=self._context.stop)
        survey = parse_survey(result)
        survey.user = survey.user or self._user  # a gate does not say
        return survey

    def _is_asked_inside(self, inside: tuple[str, ...]) -> bool:
        """Whether the host's own prefix leads to where its collectors run."""
        return bool(inside) and inside in self._context.config.places_of(self._host)

    def _evidence(self) -> Evidence:
        """Of a fleet it is that of all its hosts; who is not there is told by his way."""
        fleet = self._context.connections.way(self._host).fleet
        if fleet is None:
            return _evidence_of(self._context, [self._host])
        evidence = self._context.fleets[fleet]()
        self._context.connections.transport(self._host)
        return evidence

    # --- What it is like

    def _shell(self, survey: HostSurvey) -> StageFinding:
        if self._is_minion:
            gates = self._context.connections.way(self._host).gates
            return self._safe_stage(minion_gate_finding(gates, self._context.config, self._host))
        if digest := self._context.connections.transport(self._host).gate:
            return self._safe_stage(gate_finding(digest, self._context.config, self._host, self._user))
        said = _WITH_SHELL.get(self._context.config.hosts[self._host].transport, "its answers are recorded")
        said += f" {survey.user or self._user}" if self._is_ssh else ""
        if survey.groups:
            said += f", groups {' '.join(survey.groups[:8])}"
        if survey.awk:
            said += f", {survey.awk}"
        verdict = "ok"
        advice: tuple[Advice, ...] = ()
        if not survey.is_complete:
            verdict, said = "note", f"{said}; what the host is like could not be found out"
        elif self._is_ssh and not survey.has_home:
            verdict, said = "note", f"{said}; its home {survey.home} is not there"
            home, user = shlex.quote(survey.home or "/home/USER"), shlex.quote(survey.user or self._user)
            advice = (Advice(needs="a home", lines=(f"sudo install -d -m 700 -o {user} {home}",)),)
        stage = StageFinding(stage="shell", verdict=verdict, said=said, advice=advice)
        return self._safe_stage(stage)

    def _tools(self, survey: HostSurvey) -> Iterator[StageFinding]:
        for is_loss, said, advice in lacking_tools(survey, self._collectors):
            verdict = "problem" if is_loss else "note"
            yield self._safe_stage(StageFinding(stage="tools", verdict=verdict, said=said, advice=(advice,)))

    def _space(self, survey: HostSurvey) -> Iterator[StageFinding]:
        for said, advice in full_file_systems(self._collectors, survey):
            yield self._safe_stage(StageFinding(stage="space", verdict="problem", said=said, advice=(advice,)))
        of_tmp = survey.space.get(TMP)
        if of_tmp is not None and of_tmp.used_percent >= 100:
            said = f"{TMP} is full: programs that sort much, and jcmd, may fail"
            advice = Advice(needs="free space", lines=(f"sudo du -xh --max-depth=1 {TMP} | sort -h | tail",))
            yield self._safe_stage(StageFinding(stage="space", verdict="note", said=said, advice=(advice,)))

    # --- What its collectors got

    def _collector_findings(self, survey: HostSurvey, evidence: Evidence) -> Iterator[CollectorFinding]:
        answers: dict[str | None, Item | Gap] = {item.collector: item for item in evidence.items}
        answers |= {gap.collector: gap for gap in evidence.gaps if gap.host == self._host and gap.collector}
        for component, collector in self._context.config.collectors_for(self._host):
            answer = answers.get(collector.name)
            if survey.units.get(collector.journal or "") == "not-found":
                yield self._of_no_unit(component, collector, survey)
            elif isinstance(answer, Item):
                yield self._of_item(component, collector, answer, survey)
            else:
                yield self._of_gap(component, collector, answer, survey)

    def _of_item(self, component: str, collector: Collector, item: Item, survey: HostSurvey) -> CollectorFinding:
        said, refused = _words_of_item(item)
        outcome, verdict = ("empty" if item.status == "empty" else "ok"), "ok"
        advice: tuple[Advice, ...] = ()
        if collector.query is not None and item.incomplete:
            outcome, verdict, said = "in part", "note", item.incomplete
        elif item.incomplete and not item.timed_out:
            outcome, verdict, said = "in part", "problem", item.incomplete
        elif item.timed_out:
            outcome, verdict = "in part", "problem"
            said = f"stopped after {item.duration_s:.1f} s: it takes longer than its limit"
            longer = f"timeout: {max(20, round(2 * item.duration_s))} s"
            advice = (Advice(needs="more time", where="in the configuration", lines=(longer,)),)
        elif item.status == "failed" and collector.command is not None:
            outcome, verdict = ("in part" if item.text.strip() else "cannot"), "problem"
            said = f"exit status {item.exit_status}" + (f": {said}" if said else "")
            advice = advice_for(Refusal(collector, "failed", said), survey)
        elif refused or item.status == "failed":
            outcome, verdict = "in part", "problem" if collector.is_log else "note"
            advice = advice_for(Refusal(collector, "part", item.stderr if collector.kubernetes else said), survey)
        elif outcome == "empty":
            said = item.empty_means or "nothing in the last 5 minutes"
        return CollectorFinding(
            component=component,
            collector=collector.name,
            outcome=outcome,
            verdict=verdict,
            said=shorten(one_line(said), _SAID_CHARS),
            privilege=collector.privilege if advice else "",
            seconds=round(item.duration_s, 2),
            bytes=item.received_bytes,
            advice=self._safe_advice(advice),
        )

    def _of_gap(self, component: str, collector: Collector, gap: Gap | None, survey: HostSurvey) -> CollectorFinding:
        reason, detail = (gap.reason, str(gap.detail)) if gap is not None else ("failed", "was not asked")
        detail = detail.removesuffix(f"; needs {collector.privilege}")  # which is told with the lines to type
        has_nothing = any(words in detail for words in _NOTHING_TO_READ)
        has_advice = not has_nothing and collector.query is None  # a store's own words say what it wants
        advice = advice_for(Refusal(collector, reason, detail), survey) if has_advice else ()
        if collector.kubernetes and advice:
            detail = detail.partition("; apply this role")[0]  # which stands in the lines to type
        return CollectorFinding(
            component=component,
            collector=collector.name,
            outcome="cannot",
            verdict="note" if has_nothing else "problem",
            said=shorten(one_line(f"{reason}: {detail}"), _SAID_CHARS),
            privilege=collector.privilege,
            seconds=round(gap.elapsed_s, 2) if gap is not None else 0.0,
            advice=self._safe_advice(advice),
        )

    def _of_no_unit(self, component: str, collector: Collector, survey: HostSurvey) -> CollectorFinding:
        """Whatever its journal said: that nobody may read it comes second."""
        words = f"Unit {collector.journal} could not be found."
        advice = advice_for(Refusal(collector, "file not found", words), survey)
        return CollectorFinding(
            component=component,
            collector=collector.name,
            outcome="cannot",
            verdict="problem",
            said=self._safe(words),
            advice=self._safe_advice(advice),
        )

    # --- Without secrets

    def _safe(self, text: str) -> str:
        return self._context.redactor.safe_message(text)

    def _safe_stage(self, stage: StageFinding) -> StageFinding:
        update = {"said": self._safe(stage.said), "advice": self._safe_advice(stage.advice)}
        return stage.model_copy(update=update)

    def _safe_advice(self, advice: tuple[Advice, ...]) -> tuple[Advice, ...]:
        return tuple(
            each.model_copy(update={"needs": self._safe(each.needs), "lines": tuple(map(self._safe_line, each.lines))})
            for each in advice
        )

    def _safe_line(self, line: str) -> str:
        try:
            return self._context.redactor.safe_text(line)
        except RedactionError as error:
            return f"# withheld: {error}"


def _words_of_item(item: Item) -> tuple[str, bool]:
    """The telling line that came with an answer, and whether it is a refusal."""
    lines = [line for line in item.stderr.splitlines() if line.strip() and meaning(line) != "harmless"]
    refusal = next((line for line in lines if meaning(line) in ("permission denied", "file not found")), "")
    note = item.window.note if item.window is not None and "may not read" in item.window.note else ""
    return refusal or note or (lines[-1] if lines else ""), bool(refusal or note)


def _clock_stage(clocks: tuple[HostClock, ...], host: str) -> StageFinding:
    clock = next((each for each in clocks if each.host == host), None)
    if clock is None:
        said = "the clock cannot be read: times of its logs cannot be compared with the test's"
        return StageFinding(stage="clock", verdict="problem", said=said)
    off_s = max(0.0, abs(clock.offset_s) - clock.uncertainty_s)
    ahead = "ahead of" if clock.offset_s > 0 else "behind"
    if off_s < NOTABLE_CLOCK_S:
        return StageFinding(stage="clock", verdict="ok", said=f"clock {clock.offset_s:+.2f} s")
    verdict = "problem" if off_s >= WRONG_CLOCK_S else "note"
    said = f"the clock is {off_s:.0f} s {ahead} this machine's: FailTale allows for it, the product does not"
    advice = Advice(needs="a clock that is kept right", lines=("sudo timedatectl set-ntp true",))
    return StageFinding(stage="clock", verdict=verdict, said=said, advice=(advice,))
