"""A host's steps that are queries -> their items, from stores that this machine asks, some at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, cast

from FailTaleLibrary.budget import HostBudget
from FailTaleLibrary.collection.items import CollectedItem, limit_of_item, make_gap, make_item
from FailTaleLibrary.collection.queries import AskedQuery, in_threads
from FailTaleLibrary.records import GapReason, Step
from FailTaleLibrary.stores import StoreError
from FailTaleLibrary.transports import Script
from FailTaleLibrary.transports.scripted import ScriptedTransport
from FailTaleLibrary.wire import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    from FailTaleLibrary.budget import Allowance
    from FailTaleLibrary.collection.host import CollectionContext, Put
    from FailTaleLibrary.transports import CommandResult
    from FailTaleLibrary.windows import HostOutput

_LEAST_REDACTION_S = 0.15
"""As of a host's answers."""


class StoreTurn:
    """The queries of one host, within the host's budget."""

    def __init__(self, context: CollectionContext, steps: Sequence[Step], budget: HostBudget) -> None:
        self._context = context
        self._steps = steps
        self._budget = budget

    def start(self, put: Put) -> Callable[[], None]:
        """Asks all of them, and returns what waits for the last; ``put`` gets each step's item or gap."""
        return in_threads([partial(self._put_answer, step, put) for step in self._steps])

    def _put_answer(self, step: Step, put: Put) -> None:
        try:
            put(self._answer_of(step))
        except Exception as error:  # a fault of ours costs this step alone
            of_step = {"host": step.host, "component": step.component, "collector": step.collector}
            put(CollectedItem(self._context.faults.gap(f"collecting {step.id}", error, **of_step)))

    def _answer_of(self, step: Step) -> CollectedItem:
        now, began = datetime.now(timezone.utc), time.monotonic()
        if used_up := self._budget.used_up:
            return CollectedItem(make_gap(step, reason="skipped", detail=used_up, at=now))
        collector = self._context.access.collectors[step.id]
        allowance = self._budget.allowance(step)
        question = AskedQuery.of(step, collector, self._context.failure)
        asked = question.as_asked_step(
            allowance,
            item_limit=limit_of_item(self._budget, step, allowance, collector),
            bytes_limit=self._budget.bytes_limit,
            time_limit=self._budget.limit if allowance.timeout_s < step.timeout_s else None,
        )
        try:
            result, output = self._store_answer(question, allowance)
        except StoreError as error:
            detail, reason = self._context.redactor.safe_message(error), cast("GapReason", error.reason)
            elapsed_s = round(time.monotonic() - began, 3)
            return CollectedItem(make_gap(step, reason=reason, detail=detail, at=now, elapsed_s=elapsed_s))
        share_s = self._budget.left_s / max(1, len(self._steps)) / self._context.at_once
        redactor = self._context.redactor.within(max(_LEAST_REDACTION_S, share_s))
        return make_item(asked, result, redactor, take=self._budget.take, output=output)

    def _store_answer(self, question: AskedQuery, allowance: Allowance) -> tuple[CommandResult, HostOutput]:
        """What the store answers, or what was recorded of it. Raises StoreError."""
        way = self._context.access.connections.way(question.step.host)
        if isinstance(way, ScriptedTransport):
            recorded = way.run(
                Script("", collector=question.step.collector),
                timeout_s=allowance.timeout_s,
                max_bytes=MAX_RESPONSE_BYTES,
                cancel=self._context.leave,
            )
            return question.recorded(recorded.stdout, max_bytes=allowance.travelling_bytes)
        return question.answer(
            self._context.access.stores(),
            timeout_s=allowance.timeout_s,
            max_bytes=allowance.travelling_bytes,
            cancel=self._context.leave,
        )
