"""A gateway's record -> the runner's own: its failure, its clock, its secrets. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from FailTaleLibrary.archive import rewritten
from FailTaleLibrary.errors import RedactionError
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.gateway.clock import MAX_OFFSET_S, GatewayClock
from FailTaleLibrary.gateway.record import Handover
from FailTaleLibrary.records import (
    AnyRecord,
    AppliedWindow,
    Evidence,
    Failure,
    Gap,
    HostClock,
    HostNames,
    Item,
    Plan,
    RecordVisitor,
    Redaction,
    SafeText,
    our_words,
)
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.redaction.redactor import RecordRedactor, reason_of

_NOTICED_S = 1.0
"""A window that begins later by less may be a matter of how exactly two clocks can be compared."""


def adopted(
    handover: Handover,
    failure: Failure,
    *,
    redactor: Redactor,
    faults: Faults,
    clock: GatewayClock,
    has_time: Callable[[], bool] = lambda: True,
) -> Handover:
    """The record as if the runner had collected it itself; an item with which that cannot be done becomes a gap.

    So do all that are left when there is no more time, in one gap.
    """
    plan = handover.plan.model_copy(update={"failure_id": failure.id})
    evidence = handover.evidence.model_copy(update={"failure_id": failure.id})
    if abs(clock.offset_s) > MAX_OFFSET_S:
        said = our_words("The gateway's clock cannot be true; its times stand here as it told them.")
        untold = Gap(host="gateway", reason="gateway", detail=said)
        evidence = evidence.model_copy(update={"gaps": (*evidence.gaps, untold)})
        clock = GatewayClock(offset_s=0.0, uncertainty_s=0.0)
    whole = _Adoption(redactor, faults, clock).handover(plan, evidence, handover.full_texts, has_time=has_time)
    late = _late_window(whole.evidence, failure, clock)
    gaps = (*whole.evidence.gaps, *late)
    return whole.model_copy(update={"evidence": whole.evidence.model_copy(update={"gaps": gaps})}) if late else whole


def _late_window(evidence: Evidence, failure: Failure, clock: GatewayClock) -> tuple[Gap, ...]:
    """What an older gateway, or one that does not believe our clock, has lost of the test's beginning; in one gap."""
    begun = (
        (item.window.since - failure.window.start).total_seconds()
        for item in evidence.items
        if item.window is not None and item.window.kind == "test" and item.window.since is not None
    )
    late_s = max(begun, default=0.0) - clock.uncertainty_s
    if not _NOTICED_S < late_s < MAX_OFFSET_S:
        return ()
    said = our_words(
        "the gateway began the window {:.1f} s too late: its request was so long under way, and it has an older "
        "FailTale or another idea of the time; what the logs say of these seconds may be missing",
        late_s,
    )
    return (Gap(host="gateway", reason="gateway", detail=said),)


# --- Clock -----------------------------------------------------------------------------------------------------------


class _OnOurClock(RecordVisitor):
    """Moves the gateway's moments to the runner's clock."""

    def __init__(self, clock: GatewayClock) -> None:
        self._clock = clock

    def visit_evidence(self, evidence: Evidence) -> Evidence:
        return evidence.model_copy(update={"collected_at": evidence.collected_at + self._clock.shift})

    def visit_item(self, item: Item) -> Item:
        return item.model_copy(update={"started_at": self._moved(item.started_at)})

    def visit_applied_window(self, window: AppliedWindow) -> AppliedWindow:
        return window.model_copy(update={"since": self._moved(window.since)})

    def visit_gap(self, gap: Gap) -> Gap:
        return gap.model_copy(update={"at": self._moved(gap.at)})

    def visit_host_names(self, names: HostNames) -> HostNames:
        return names.model_copy(update={"answered_at": self._moved(names.answered_at)})

    def visit_host_clock(self, host: HostClock) -> HostClock:
        if not self._clock.differs:
            return host
        return host.model_copy(
            update={
                "offset_s": round(host.offset_s + self._clock.offset_s, 4),
                "uncertainty_s": round(host.uncertainty_s + self._clock.uncertainty_s, 4),
            }
        )

    def _moved(self, moment: datetime | None) -> datetime | None:
        return moment + self._clock.shift if moment else None


# --- Secrets ---------------------------------------------------------------------------------------------------------


class _Adoption:
    """Puts a record on our clock, redacts it once more, and counts; what cannot be made safe becomes a gap."""

    def __init__(self, redactor: Redactor, faults: Faults, clock: GatewayClock) -> None:
        self._redactor = redactor
        self._faults = faults
        self._on_our_clock = _OnOurClock(clock)

    def handover(
        self, plan: Plan, evidence: Evidence, full_texts: dict[str, str], *, has_time: Callable[[], bool]
    ) -> Handover:
        items: list[Item] = []
        texts: dict[str, str] = {}
        gaps: list[Gap] = []
        for number, item in enumerate(evidence.items):
            if not has_time():
                gaps.append(_without_time(len(evidence.items) - number))
                break
            try:
                text = self._redactor.safe_text(full_texts[item.id]) if item.id in full_texts else None
                items.append(self._adopted_item(item))
                texts |= {item.id: text} if text is not None else {}
            except RedactionError as error:
                gaps.append(_withheld(item, reason_of(error)))
            except Exception as error:  # a fault of ours costs this item alone
                of_item = {"host": item.host, "component": item.component, "collector": item.collector}
                gaps.append(self._faults.gap(f"adopting {item.id} from the gateway", error, **of_item))
        plan, evidence = self._frame(plan, evidence.model_copy(update={"items": ()}))
        return Handover(
            plan=plan,
            evidence=evidence.model_copy(update={"items": tuple(items), "gaps": (*evidence.gaps, *gaps)}),
            full_texts=texts,
        )

    def _frame(self, plan: Plan, evidence: Evidence) -> tuple[Plan, Evidence]:
        """All but the items, of which nothing is lost when it cannot be adopted."""
        try:
            return self._adopted(plan)[0], self._adopted(evidence)[0]
        except Exception as error:
            gap = self._faults.gap("adopting the gateway's gaps and clocks", error, host="gateway")
            at = datetime.now(timezone.utc)
            return plan.model_copy(update={"steps": (), "skipped": ()}), Evidence(
                failure_id=evidence.failure_id, gaps=(gap,), collected_at=at
            )

    def _adopted_item(self, item: Item) -> Item:
        adopted, new = self._adopted(item)
        counts = {redaction.rule: redaction.count for redaction in item.redactions}
        for rule, count in new.items():
            counts[rule] = counts.get(rule, 0) + count
        redactions = tuple(Redaction(rule=rule, count=count) for rule, count in counts.items())
        return adopted.model_copy(update={"redactions": redactions})

    def _adopted(self, record: AnyRecord) -> tuple[AnyRecord, dict[str, int]]:
        """The record on our clock and redacted, and how many secrets each rule removed."""
        safe = RecordRedactor(self._redactor)
        whole = rewritten(self._on_our_clock.visit(record), safe.text)
        return whole, {each.rule: each.count for each in safe.redactions()}


def _without_time(items: int) -> Gap:
    said = our_words("{} items of the gateway are left out: the failure's time ended while they were redacted", items)
    return Gap(host="gateway", reason="withheld", detail=said)


def _withheld(item: Item, reason: SafeText) -> Gap:
    return Gap(
        host=item.host,
        component=item.component,
        collector=item.collector,
        reason="withheld",
        detail=our_words("withheld: its text could not be searched for secrets ({})", reason),
        at=item.started_at,
    )
