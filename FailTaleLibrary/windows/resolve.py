"""Step, failure, marks and the host's clock -> the window in terms of that host, and what it cannot guarantee. Pure.

The place where it is decided which moment of which host a window begins at; the log readers act on what stands here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

from FailTaleLibrary.records import Failure, Step
from FailTaleLibrary.windows.clock import ClockReading
from FailTaleLibrary.windows.model import ResolvedWindow, TakenMark

CLOCK_STEP_S = 1.0
"""A host's clock that moved by more than this against ours was set, it did not drift."""
CLOCK_WAS_SET = "The host's clock was set after the mark: all lines behind the mark are here, older ones among them."


def window_start(step: Step, failure: Failure) -> datetime | None:
    """Where a step's window starts, on our clock; None for no window."""
    if step.window == "none":
        return None
    if step.window == "suite":
        return failure.suite_started_at or failure.window.start
    if step.window == "run":
        return failure.run_started_at or failure.suite_started_at or failure.window.start
    if step.window == "test":
        return failure.window.start
    return failure.window.end - timedelta(seconds=float(step.window))


def resolve_window(
    step: Step,
    failure: Failure,
    *,
    earlier: TakenMark | None,
    later: TakenMark | None,
    clock: ClockReading | None,
    utc_offset_s: int | None,
) -> tuple[ResolvedWindow, str]:
    """The window on the host's clock, and a sentence on what it cannot guarantee (empty when it is exact).

    ``earlier`` and ``later`` are the marks around `window_start`; ``clock`` and ``utc_offset_s`` are what the host's
    clock says now, None when it could not be read.
    """
    since = window_start(step, failure)
    offset_s = clock.for_a_start_s if clock else 0.0
    window = ResolvedWindow(
        kind=step.window,
        since_epoch=math.floor((since.timestamp() + offset_s) * 1000) / 1000 if since else None,  # as logs cut it
        until_epoch=failure.window.end.timestamp() + offset_s,
        utc_offset_s=utc_offset_s,
        mark=earlier.mark if earlier else None,
        late_mark=later.mark if later else None,
    )
    if not _was_set_since(earlier or later, clock):
        return window, ""
    # no time tells any more: all behind the mark counts
    return replace(window, since_epoch=None, late_mark=None if earlier else window.late_mark), CLOCK_WAS_SET


def _was_set_since(mark: TakenMark | None, now: ClockReading | None) -> bool:
    """Whether somebody set the host's clock after a mark: the times in its logs then jump, or run backwards."""
    if mark is None or now is None:
        return False
    then = mark.clock
    return max(then.least_s, now.least_s) - min(then.most_s, now.most_s) > CLOCK_STEP_S
