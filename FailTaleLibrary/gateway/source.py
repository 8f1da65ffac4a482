"""Failure -> Plan and Evidence from a gateway: the other back-end of what `collection` does with hosts of our own.

The runner needs no key, no list of hosts and no SSH. Windows travel as seconds before the request, so that clocks need
not agree; what comes back is put on the runner's clock and redacted once more with the runner's own secrets.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any, NamedTuple

from FailTaleLibrary import background
from FailTaleLibrary.budget import Budget
from FailTaleLibrary.config import Config
from FailTaleLibrary.config.variables import Values
from FailTaleLibrary.errors import ConfigError, GatewayError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.gateway.adopt import adopted
from FailTaleLibrary.gateway.bounds import MAX_TEXT, bounded, record_bytes
from FailTaleLibrary.gateway.client import CancelledError, GatewayClient
from FailTaleLibrary.gateway.clock import GRACE_S, GatewayClock, KnownClock
from FailTaleLibrary.gateway.record import MAX_ITEMS, MAX_PAST_S, Handover, unpack_handover
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.progress import CollectionState, Progress
from FailTaleLibrary.records import NO_HOST, Cost, Evidence, Failure, Gap, GapReason, Plan, SafeText, our_words
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.text import sanitize, shorten

MARK_INTERVAL_S = 1.0
_CALL_S = 10.0
"""For calls that make no host work."""
_SURE_S = 1.0
"""A clock that is known less surely than this is asked for once more before a collection."""
_PAGE_BYTES = 256 * 1024
_MAX_TAGS = 100
_MAX_NAME = 64

_log = logger_of(__name__)


class CollectedRecord(NamedTuple):
    """What a gateway answered for one failure; as a direct collection would."""

    plan: Plan
    evidence: Evidence
    full_texts: Mapping[str, str]


class GatewaySource:
    """The gateway of one run. Safe to use from any thread; costs nothing until it is used."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError when the configuration names no gateway."""
        if config.gateway is None:
            raise ConfigError("The configuration names no 'gateway:'.")
        self._config = config
        self._wire = GatewayClient(config.gateway)
        self._clock = KnownClock()
        self._known: Mapping[str, tuple[str, ...]] | None = None
        self._mark_lock = threading.Lock()
        self._last_mark = float("-inf")
        self.version = ""
        """Of the gateway's FailTale, as `check_hosts` was told it; empty where it says none."""

    def window_began(self, values: Values | None = None, *, at_s: float | None = None) -> None:
        """A window begins now: the gateway notes marks. Asked in the background; returns at once.

        ``at_s``: when one began of which nobody told by then; it has no mark of its own.
        """
        if at_s is not None or self._config.marks == "off" or not self._wire.is_open or not self._claim_mark():
            return
        background.start(partial(self._take_mark, _told_values(values)), name="failtale-gateway-mark")

    def collect(
        self,
        failure: Failure,
        *,
        components: Collection[str] = (),
        hosts: Collection[str] = (),
        redactor: Redactor,
        faults: Faults,
        budget: Budget,
        only_state: SafeText | None = None,
        values: Values | None = None,
        cancel: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> CollectedRecord:
        """The evidence of all hosts by the deadline; whatever the gateway does, at worst one gap that says it.

        ``only_state``: the sentence of why only the gateway's commands are asked, and no log. Raises ConfigError when a
        selected component or host is unknown to the gateway.
        """
        began = time.monotonic()
        nothing = partial(_nothing, failure, began=began, budget=budget)
        cancel = cancel or threading.Event()
        if budget.used_up:
            return nothing("skipped", budget.used_up)
        try:
            self._check_known(components=components, hosts=hosts)
            commands = list(self._names()["commands"]) if only_state else []
            if only_state and not commands:
                return nothing("skipped", only_state)
            ends = time.monotonic() + budget.left_s + GRACE_S
            clock_now = self._sure_clock(timeout_s=ends - time.monotonic(), cancel=cancel)
            deadline_s = max(0.001, min(budget.time_s, ends - time.monotonic()))
            asked = {
                **_collect_arguments(failure, components, hosts, deadline_s, clock_now),
                **_told_values(values),
                **({"collectors": commands} if commands else {}),
            }
            told = self._wire.call(
                "runner_collect",
                asked,
                timeout_s=ends - time.monotonic(),
                cancel=cancel,
                progress=_relay_of_gateway(progress),
            )
            with _understanding():
                handover, clock = self._record(str(told["failure_id"]), ends=ends, cancel=cancel)
                handover = bounded(handover, self._config.limits, now=datetime.now(timezone.utc))
        except CancelledError:
            return nothing("cancelled", our_words("cancelled before the gateway had finished"))
        except GatewayError as error:
            return nothing("gateway", redactor.safe_message(error))
        handover = adopted(
            handover,
            failure,
            redactor=redactor,
            faults=faults,
            clock=clock,
            has_time=lambda: time.monotonic() < ends,
        )
        evidence = handover.evidence
        if only_state:
            left_out = Gap(host=NO_HOST, reason="skipped", detail=only_state)
            evidence = evidence.model_copy(update={"gaps": (*evidence.gaps, left_out)})
        return CollectedRecord(handover.plan, evidence, handover.full_texts)

    def check_hosts(
        self, hosts: Collection[str] = (), *, budget: Budget, values: Values | None = None
    ) -> dict[str, str]:
        """Host -> what keeps it from answering the gateway; empty text for a host that is well.

        A gateway that does not answer itself is the one entry ``gateway``. Raises ConfigError for an unknown host.
        """
        try:
            self._check_known(hosts=hosts)
            told = self._wire.call(
                "runner_check", {"hosts": list(hosts), **_told_values(values)}, timeout_s=budget.left_s + GRACE_S
            )
            with _understanding():
                self.version = _told_name(told.get("failtale_version", ""))
                verdicts = {
                    _told_name(each["host"]): sanitize(str(each["detail"])) for each in told["hosts"][:MAX_ITEMS]
                }
            return {host: shorten(verdict, MAX_TEXT) for host, verdict in verdicts.items()}
        except GatewayError as error:
            return {"gateway": str(error)}

    def shared_by(self, run: str) -> None:
        """Other processes belong to this run, too: together they wait no longer than one for a silent gateway."""
        self._wire.shared_by(run)

    @property
    def trouble(self) -> str:
        """Why the gateway served none or not all of this run, in a sentence; empty where it did."""
        return self._wire.trouble

    def close(self) -> None:
        """Ends calls that are under way; quick, and safe to call twice."""
        self._wire.close()

    def _claim_mark(self) -> bool:
        """At most one mark a second, and none while one is under way: it holds the lock."""
        if not self._mark_lock.acquire(blocking=False):
            return False
        if time.monotonic() - self._last_mark < MARK_INTERVAL_S:
            self._mark_lock.release()
            return False
        self._last_mark = time.monotonic()
        return True

    def _take_mark(self, told: dict[str, Any]) -> None:
        try:
            self._timed_call("runner_mark", told, timeout_s=_CALL_S, in_background=True)
        except GatewayError:
            # a window without a mark is routine; the collection will say what is wrong
            _log.debug("no mark was taken through the gateway", exc_info=True)
        finally:
            self._mark_lock.release()

    def _timed_call(self, tool: str, arguments: dict[str, Any], **how: Any) -> dict[str, Any]:
        """A call whose answer tells the gateway's time as well."""
        sent = time.time()
        told = self._wire.call(tool, arguments, **how)
        self._clock.hear(told, sent=sent, received=time.time())
        return told

    def _sure_clock(self, *, timeout_s: float, cancel: threading.Event) -> GatewayClock | None:
        """What is known of the gateway's clock, after one small call where that is little; None: it does not tell."""
        known = self._clock.at(time.time())
        if known is None or known.uncertainty_s > _SURE_S:
            self._timed_call("runner_components", {}, timeout_s=timeout_s, cancel=cancel)
        return self._clock.at(time.time())

    def _check_known(self, **names: Collection[str]) -> None:
        """Of components and hosts that were asked for by name."""
        for what, wanted in names.items():
            for name in wanted:
                known = self._names()[what]
                if name not in known:
                    listed = ", ".join(known) or "none"
                    raise ConfigError(f"The gateway has no {what[:-1]} '{name}'; it has: {listed}.")

    def _names(self) -> Mapping[str, tuple[str, ...]]:
        if self._known is None:
            told = self._timed_call("runner_components", {}, timeout_s=_CALL_S)
            with _understanding():
                components = told["components"][:MAX_ITEMS]
                collectors = (each for component in components for each in component["collectors"][:MAX_ITEMS])
                commands = dict.fromkeys(_told_name(each["name"]) for each in collectors if each["kind"] == "command")
                self._known = {
                    "components": tuple(_told_name(each["name"]) for each in components),
                    "hosts": tuple(map(_told_name, told["hosts"][:MAX_ITEMS])),
                    "commands": tuple(commands)[:MAX_ITEMS],
                }
        return self._known

    def _record(self, failure_id: str, *, ends: float, cancel: threading.Event) -> tuple[Handover, GatewayClock]:
        """The whole of what was collected, page by page, and the gateway's clock as the quickest page told it."""
        max_bytes = record_bytes(self._config.limits)
        pages: list[str] = []
        offset, size, best = 0, 0, GatewayClock(offset_s=0.0, uncertainty_s=float("inf"))
        while offset >= 0:
            asked = {"failure_id": failure_id, "offset": offset, "max_bytes": _PAGE_BYTES}
            sent = time.time()
            timeout_s = min(_CALL_S, ends - time.monotonic())
            if timeout_s <= 0:
                raise GatewayError("The gateway did not hand over its record in time.")
            page = self._wire.call("runner_record", asked, timeout_s=timeout_s, cancel=cancel)
            best = min(best, GatewayClock.between(sent, float(page["server_time"]), time.time()))
            pages.append(str(page["text"]))
            size += len(pages[-1])
            following = int(page["next_offset"])
            if size > max_bytes or (following != -1 and not offset < following == size):
                raise GatewayError("The gateway sends pages without end.")
            offset = following
        return unpack_handover("".join(pages), max_bytes=max_bytes), best


@contextlib.contextmanager
def _understanding() -> Iterator[None]:
    """What a gateway answers may be of any shape; one that is none of ours is the gateway's mistake."""
    try:
        yield
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        _log.debug("an answer of the gateway is of another shape", exc_info=True)
        raise GatewayError("The gateway's answer is not that of a FailTale server.") from error


def _told_name(text: object) -> str:
    return sanitize(str(text))[:_MAX_NAME]


def _relay_of_gateway(progress: Progress | None) -> Callable[[int, int, str], None] | None:
    """What the gateway says of its progress, as that of a collection."""
    if progress is None:
        return None
    return lambda done, total, slowest: progress(CollectionState(done, total, slowest))


def _nothing(failure: Failure, reason: GapReason, detail: SafeText, *, began: float, budget: Budget) -> CollectedRecord:
    now = datetime.now(timezone.utc)
    elapsed_s = round(time.monotonic() - began, 3)
    gap = Gap(host="gateway", reason=reason, detail=detail, at=now, elapsed_s=elapsed_s)
    return CollectedRecord(
        budget.empty_plan(failure.id),
        Evidence(failure_id=failure.id, gaps=(gap,), cost=Cost(seconds=elapsed_s), collected_at=now),
        {},
    )


def _told_values(values: Values | None) -> dict[str, Any]:
    """The argument with values of variables: those that fit the runner's own declaration; the server has another."""
    return {"variables": dict(values.known)} if values and values.known else {}


def _collect_arguments(
    failure: Failure,
    components: Collection[str],
    hosts: Collection[str],
    deadline_s: float,
    clock: GatewayClock | None,
) -> dict[str, Any]:
    """The arguments of ``runner_collect``: moments as seconds ago, and when that was by the gateway's clock."""
    now = datetime.now(timezone.utc)

    def ago(moment: datetime | None) -> float:
        return min(max(0.0, (now - moment).total_seconds()), MAX_PAST_S) if moment else 0.0

    asked_at = now.timestamp() + clock.offset_s if clock else 0.0
    moment = {"asked_at": asked_at, "asked_within_s": clock.uncertainty_s} if clock else {}
    tags = sorted(failure.tags, key=lambda tag: not tag.lower().replace(" ", "").startswith("failtale:"))
    return {
        "components": list(components),
        "hosts": list(hosts),
        "since_s": max(ago(failure.window.start), ago(failure.window.end)),
        "until_s": ago(failure.window.end),
        "suite_since_s": ago(failure.suite_started_at),
        "run_since_s": ago(failure.run_started_at),
        **moment,
        "deadline_s": deadline_s,
        "name": failure.name[:1000],
        "suite": failure.suite[:1000],
        "message": failure.message[:4000],
        "tags": [tag[:1000] for tag in tags[:_MAX_TAGS]],
    }
