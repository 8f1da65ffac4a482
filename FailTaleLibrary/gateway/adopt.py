"""A gateway's record -> the runner's own: its failure, its clock, its secrets. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from FailTaleLibrary.archive import rewritten
from FailTaleLibrary.errors import RedactionError
from FailTaleLibrary.gateway.record import Handover
from FailTaleLibrary.records import (
    Evidence,
    Failure,
    Gap,
    HostClock,
    Item,
    Plan,
    Redaction,
    Report,
    SafeText,
    our_words,
)
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.redaction.redactor import RecordRedactor, reason_of


@dataclass(frozen=True, slots=True)
class GatewayClock:
    """The gateway's clock against the runner's."""

    offset_s: float
    """Gateway minus runner: positive when the gateway is ahead."""
    uncertainty_s: float

    @classmethod
    def between(cls, sent: float, told: float, received: float) -> GatewayClock:
        """Of a clock that was read between two moments on ours, all in seconds since 1970."""
        return cls(offset_s=told - (sent + received) / 2, uncertainty_s=max(0.0, received - sent) / 2)

    def __lt__(self, other: GatewayClock) -> bool:
        return self.uncertainty_s < other.uncertainty_s

    @property
    def differs(self) -> bool:
        """Whether the clocks cannot be the same."""
        return abs(self.offset_s) > self.uncertainty_s


def adopted(handover: Handover, failure: Failure, *, redactor: Redactor, clock: GatewayClock) -> Handover:
    """The record as if the runner had collected it itself."""
    plan = handover.plan.model_copy(update={"failure_id": failure.id})
    evidence = handover.evidence.model_copy(update={"failure_id": failure.id})
    if clock.differs:
        plan, evidence = _on_our_clock(plan, evidence, clock)
    return _RecordRewriter(failure, redactor).handover(plan, evidence, handover.full_texts)


# --- Clock -----------------------------------------------------------------------------------------------------------


def _on_our_clock(plan: Plan, evidence: Evidence, clock: GatewayClock) -> tuple[Plan, Evidence]:
    by = timedelta(seconds=-clock.offset_s)
    skipped = tuple(_moved_gap(gap, by) for gap in plan.skipped)
    return plan.model_copy(update={"skipped": skipped}), evidence.model_copy(
        update={
            "items": tuple(_moved_item(item, by) for item in evidence.items),
            "gaps": tuple(_moved_gap(gap, by) for gap in evidence.gaps),
            "clocks": tuple(_moved_clock(each, clock) for each in evidence.clocks),
            "collected_at": evidence.collected_at + by,
        }
    )


def _moved_item(item: Item, by: timedelta) -> Item:
    window = item.window
    if window is not None:
        window = window.model_copy(update={"since": _moved(window.since, by)})
    return item.model_copy(update={"started_at": _moved(item.started_at, by), "window": window})


def _moved_gap(gap: Gap, by: timedelta) -> Gap:
    return gap.model_copy(update={"at": _moved(gap.at, by)})


def _moved_clock(host: HostClock, gateway: GatewayClock) -> HostClock:
    return host.model_copy(
        update={
            "offset_s": round(host.offset_s + gateway.offset_s, 4),
            "uncertainty_s": round(host.uncertainty_s + gateway.uncertainty_s, 4),
        }
    )


def _moved(moment: datetime | None, by: timedelta) -> datetime | None:
    return moment + by if moment else None


# --- Secrets ---------------------------------------------------------------------------------------------------------


class _RecordRewriter:
    """Redacts once more, and counts; what cannot be made safe becomes a gap."""

    def __init__(self, failure: Failure, redactor: Redactor) -> None:
        self._failure = failure.model_copy(update={"keywords": (), "keyword_path": (), "message": ""})
        self._redactor = redactor

    def handover(self, plan: Plan, evidence: Evidence, full_texts: dict[str, str]) -> Handover:
        items: list[Item] = []
        texts: dict[str, str] = {}
        gaps: list[Gap] = []
        for item in evidence.items:
            try:
                texts |= {item.id: self._redactor.safe_text(full_texts[item.id])} if item.id in full_texts else {}
                items.append(self._item(plan, evidence, item))
            except RedactionError as error:
                texts.pop(item.id, None)
                gaps.append(_withheld(item, reason_of(error)))
        frame, _ = self._rewritten(plan, evidence.model_copy(update={"items": ()}))
        gaps = [*frame.evidence.gaps, *gaps]
        return Handover(
            plan=frame.plan,
            evidence=frame.evidence.model_copy(update={"items": tuple(items), "gaps": tuple(gaps)}),
            full_texts=texts,
        )

    def _item(self, plan: Plan, evidence: Evidence, item: Item) -> Item:
        alone = evidence.model_copy(update={"items": (item,), "gaps": (), "clocks": ()})
        report, new = self._rewritten(plan.model_copy(update={"steps": (), "skipped": ()}), alone)
        counts = {redaction.rule: redaction.count for redaction in item.redactions}
        for rule, count in new.items():
            counts[rule] = counts.get(rule, 0) + count
        redactions = tuple(Redaction(rule=rule, count=count) for rule, count in counts.items())
        return report.evidence.items[0].model_copy(update={"redactions": redactions})

    def _rewritten(self, plan: Plan, evidence: Evidence) -> tuple[Report, dict[str, int]]:
        """Every text of a report, as `archive` knows them: a field that is new there is redacted here."""
        safe = RecordRedactor(self._redactor)
        letter = Report(
            failtale_version="",
            created_at=evidence.collected_at,
            failure=self._failure,
            plan=plan,
            evidence=evidence,
        )
        return rewritten(letter, safe.text), {each.rule: each.count for each in safe.redactions()}


def _withheld(item: Item, reason: SafeText) -> Gap:
    return Gap(
        host=item.host,
        component=item.component,
        collector=item.collector,
        reason="withheld",
        detail=our_words("withheld: its text could not be searched for secrets ({})", reason),
        at=item.started_at,
    )
