"""A window as it was found -> why no surer way was to be had, in a sentence that a reader understands. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from FailTaleLibrary.config import Collector
from FailTaleLibrary.lazy import dataclass, replace
from FailTaleLibrary.records import WindowMethod
from FailTaleLibrary.windows.journals import mark_of_journal
from FailTaleLibrary.windows.log_files import marks_of_log
from FailTaleLibrary.windows.model import FileMark, HostMark, ResolvedWindow, TakenMark
from FailTaleLibrary.windows.output import HostOutput
from FailTaleLibrary.windows.resolve import came_after_failure

_UNPROVEN: tuple[WindowMethod, ...] = ("time filter", "tail")
_AFTER_FAILURE = "The mark of this window came only after the failure."
_NOT_AS_FAR = "The mark did not come as far as this log."
_ELSEWHEN = "marks are taken when a test or a suite begins"
_NO_PLACE = "The mark could not note a place in the journal."


@dataclass(frozen=True, slots=True)
class MarksAround:
    """What marks of a host there are around a window's start."""

    since: datetime | None
    """The start, on our clock; None for no window."""
    earlier: TakenMark | None = None
    later: TakenMark | None = None
    missed: str = ""
    """Why none was taken right there, as `Marks.missed` says it; empty when it only took its time."""


def no_surer_way(collector: Collector, window: ResolvedWindow, around: MarksAround, answer: HostOutput) -> str:
    """Why an answer's window was not found by the surest way; empty when it was, or there is no window."""
    if around.since is None or window.kind == "none":
        return ""
    if window.kind not in ("test", "suite", "run") and (around.earlier or around.later):
        around = replace(around, missed=_ELSEWHEN)
    if collector.file:
        return _of_files(collector, window, around, answer)
    return _of_journal(window, around, answer) if collector.journal is not None else ""


def _of_files(collector: Collector, window: ResolvedWindow, around: MarksAround, answer: HostOutput) -> str:
    early, late = marks_of_log(collector, window)
    first = early or late
    if first is None:
        return _without_mark(window, around) or _NOT_AS_FAR
    if answer.method in _UNPROVEN and (unknown := _unknown_files(first, collector, answer)):
        return unknown
    if late is not None:
        is_exact = (
            early is not None
            and not answer.is_unsure
            and _marked_files(early, collector) == _marked_files(late, collector)
        )
        return "" if is_exact else _late(around)
    next_one = window.late_mark
    if next_one is not None and not came_after_failure(next_one, window):
        return _early(replace(around, missed="the next one did not come as far as this log"))
    return _early(around)


def _of_journal(window: ResolvedWindow, around: MarksAround, answer: HostOutput) -> str:
    read_from = mark_of_journal(window)
    if read_from is not None and read_from.cursor is not None:
        if answer.method != "journal cursor":
            return ""  # its note says that the entry is gone
        return _early(around) if read_from is window.mark else _late(around)
    if reason := _without_mark(window, around):
        return reason
    late = window.late_mark
    newest = window.mark if late is None or came_after_failure(late, window) else late
    if newest is None or newest.cursor is None:
        return _NO_PLACE
    return f"{_early(around)} A journal's own times are surer than that."


def _without_mark(window: ResolvedWindow, around: MarksAround) -> str:
    """Empty when some mark of the host is of use to its windows."""
    if window.mark is not None:
        return ""
    if window.late_mark is None:
        return f"There is no mark from when the window began{_because(around.missed)}."
    return _AFTER_FAILURE if came_after_failure(window.late_mark, window) else ""


def _late(around: MarksAround) -> str:
    if around.since is None or around.later is None:
        return ""
    late_s = max(0.0, (around.later.received_at - around.since).total_seconds())
    return f"The mark of this window was complete {late_s:.1f} s after it began{_because(around.missed)}."


def _early(around: MarksAround) -> str:
    if around.since is None or around.earlier is None:
        return ""
    early_s = max(0.0, (around.since - around.earlier.sent_at).total_seconds())
    why = _because(around.missed or _ELSEWHEN)
    return f"The newest mark that knows this log is from {early_s:.1f} s before the window began{why}."


def _because(clause: str) -> str:
    return f": {clause}" if clause else ""


def _unknown_files(mark: HostMark, collector: Collector, answer: HostOutput) -> str:
    """Why a mark that knows the collector does not know all of its files; empty when that is not the reason."""
    by_times = [part.path for part in answer.parts if part.method in _UNPROVEN]
    unreadable = [path for path in dict.fromkeys(by_times) if path in mark.unreadable]
    if unreadable:
        names = ", ".join(f"'{path}'" for path in unreadable)
        return f"{names} could not be read when the mark was taken."
    partly = [pattern for pattern in collector.file if pattern not in mark.patterns]
    if not partly:
        return ""
    names = ", ".join(f"'{pattern}'" for pattern in partly)
    if any(file.pattern in partly for file in mark.files):
        return f"Of {names} the mark knows the newest files alone."
    return f"The mark did not come as far as {names}."


def _marked_files(mark: HostMark, collector: Collector) -> Collection[FileMark]:
    return {file for file in mark.files if file.pattern in collector.file}
