"""Step, failure, marks and the host's clock -> the window in terms of that host, and what it cannot guarantee. Pure.

The place where it is decided which moment of which host a window begins at; the log readers act on what stands here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from FailTaleLibrary.lazy import replace
from FailTaleLibrary.records import Failure, Step
from FailTaleLibrary.windows.clock import ClockReading
from FailTaleLibrary.windows.model import HostMark, ResolvedWindow, TakenMark

CLOCK_STEP_S = 1.0
"""A host's clock that moved by more than this against ours was set, it did not drift."""
CLOCK_WAS_SET = "The host's clock was set after the mark, so no time in its logs tells what belongs to the window."
CLOCK_UNKNOWN = "The host's clock could not be read, so no time in its logs tells what belongs to the window."


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
    start = since.timestamp() if since else None
    end = failure.window.end.timestamp()
    mark = earlier or later
    marked = mark.clock if mark else None
    was_set = _was_set_between(marked, clock)
    if clock is not None and marked is not None and not was_set:
        clock = clock.reaching(marked)
    window = ResolvedWindow(
        kind=step.window,
        since_epoch=start + clock.least_s if start is not None and clock else None,
        sure_epoch=start + clock.most_s if start is not None and clock else None,
        until_epoch=end + clock.most_s if clock else None,
        asked_since_epoch=start + (clock.least_s if clock else 0.0) if start is not None else None,
        asked_until_epoch=end + (clock.most_s if clock else 0.0),
        utc_offset_s=utc_offset_s,
        mark=earlier.mark if earlier else None,
        late_mark=later.mark if later else None,
    )
    if since is not None and clock is None:
        return window, CLOCK_UNKNOWN
    if not was_set:
        return window, ""
    # no time tells any more: what a mark does not prove is unsure
    return replace(window, since_epoch=None, sure_epoch=None), CLOCK_WAS_SET


def came_after_failure(mark: HostMark, window: ResolvedWindow) -> bool:
    """Whether a mark was taken behind the window's end, by the host's clock."""
    return mark.epoch is not None and window.until_epoch is not None and mark.epoch > window.until_epoch


def _was_set_between(then: ClockReading | None, now: ClockReading | None) -> bool:
    """Whether somebody set the host's clock after a mark: the times in its logs then jump, or run backwards."""
    if then is None or now is None:
        return False
    return max(then.least_s, now.least_s) - min(then.most_s, now.most_s) > CLOCK_STEP_S
