"""The readings of one log -> its units: a line, or a stack trace with the line that logs it, told by one line each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from FailTaleLibrary.ranking.lines import Reading
from FailTaleLibrary.ranking.severity import WARNING, Gravity
from FailTaleLibrary.ranking.signals import Row

# --- Traces: which lines belong to one, and which of them tells the cause --------------------------------------------

_PYTHON = "Traceback (most recent call last):"
_CAUSED = re.compile(r"\s*(?:Caused by: |Caused by:\s*$|---> )")
_GO_CALL = re.compile(r"[\w./*()-]+\)\s*$")
_MOST_LINES = 400
"""A trace longer than this goes on in the next one."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One stack trace, with the line that introduces it."""

    first: int
    last: int
    """Inclusive."""
    head: int
    """The line that names the error, or logs it."""
    cause: int
    """The line that tells the cause: the last "Caused by", Python's last line, else the head."""


def traces_of(readings: Sequence[Reading]) -> tuple[Trace, ...]:
    """The stack traces among readings, in order, without overlap. Linear in the lines."""
    traces: list[Trace] = []
    index = 0
    while index < len(readings):
        trace = _trace_at(readings, index, after=traces[-1].last if traces else -1)
        if trace is not None:
            traces.append(trace)
        index = trace.last + 1 if trace else index + 1
    return tuple(traces)


def _trace_at(readings: Sequence[Reading], index: int, *, after: int) -> Trace | None:
    if _opens_python(readings[index]):
        return _python(readings, index)
    if not readings[index].gravity.is_frame:
        return None
    return _framed(readings, index, after=after)


def _opens_python(reading: Reading) -> bool:
    """Nothing follows in the line: a trace that stands in one line, as JSON logs write it, opens no trace of lines."""
    return reading.message.rstrip().endswith(_PYTHON)


def _framed(readings: Sequence[Reading], index: int, *, after: int) -> Trace:
    """A trace whose first frame stands at `index`; its head stands above."""
    head = cause = _head_above(readings, index, after=after)
    if _CAUSED.match(readings[head].message):  # .NET writes causes ahead of all frames
        head = _head_above(readings, head, after=after)
    last = index
    end = min(len(readings), index + _MOST_LINES)
    for place in range(index, end):
        if _CAUSED.match(readings[place].message):
            cause = _named_cause(readings, place)
            last = place
        elif readings[place].gravity.is_frame or place == cause or _GO_CALL.match(readings[place].message):
            last = place
        elif readings[place].message.strip() and place - 1 != cause:  # a cause's message may have a second line
            break
    return Trace(first=min(head, index), last=last, head=head, cause=cause)


def _head_above(readings: Sequence[Reading], index: int, *, after: int) -> int:
    """The nearest line above that is neither empty nor a frame, at most three lines up."""
    for place in range(index - 1, max(after, index - 4), -1):
        if readings[place].message.strip():
            return place
    return index


def _named_cause(readings: Sequence[Reading], place: int) -> int:
    """Gradle writes the cause on the line below "Caused by:"."""
    if readings[place].message.strip() == "Caused by:" and place + 1 < len(readings):
        return place + 1
    return place


def _python(readings: Sequence[Reading], index: int) -> Trace:
    """From "Traceback" to the first line that is indented no deeper; a chain of tracebacks is one."""
    margin = _indentation(readings[index].message)
    for place in range(index + 1, min(len(readings), index + _MOST_LINES)):
        text = readings[place].message
        if text.strip() and _indentation(text) <= margin and not readings[place].gravity.is_frame:
            return _chained(readings, Trace(first=index, last=place, head=index, cause=place))
    return Trace(first=index, last=min(len(readings), index + _MOST_LINES) - 1, head=index, cause=index)


def _chained(readings: Sequence[Reading], trace: Trace) -> Trace:
    """A traceback and those that follow "During handling of the above exception"; the last one is what left."""
    place = trace.last + 1
    while place < min(len(readings), trace.last + 3) and not readings[place].message.strip():
        place += 1
    if place < len(readings) and "the above exception" in readings[place].message:
        for start in range(place + 1, min(len(readings), place + 4)):
            if _opens_python(readings[start]):
                return Trace(first=trace.first, last=_python(readings, start).last, head=trace.head, cause=trace.cause)
    return trace


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip())


# --- Units: a line, or a stack trace with the line that logs it -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unit:
    """What is suspected as one thing."""

    telling: int
    """Index of the line that is shown: of a trace the cause."""
    others: tuple[int, ...] = ()
    """The other lines of a trace that name an error: the line that logs it, its head."""
    size: int = 1

    @property
    def is_trace(self) -> bool:
        return self.size > 1

    @property
    def lines(self) -> tuple[int, ...]:
        return tuple(sorted({self.telling, *self.others}))


def units_of(readings: Sequence[Reading]) -> Iterator[Unit]:
    """Each line that is not blank, stack traces taken as one; in order of their first lines."""
    traces = iter(traces_of(readings))
    trace = next(traces, None)
    index = 0
    while index < len(readings):
        opener = _opener(readings, trace) if trace else index
        if trace is not None and index >= opener:
            yield _unit(readings, trace, opener)
            index, trace = trace.last + 1, next(traces, None)
            continue
        if not readings[index].is_blank:
            yield Unit(telling=index)
        index += 1


def gravity_of_unit(unit: Unit, readings: Sequence[Reading]) -> Gravity:
    """The gravest of a unit's lines, with the cues of all."""
    gravities = [readings[index].gravity for index in (unit.telling, *unit.others)]
    gravest = max(gravities, key=lambda gravity: gravity.weight)
    cues: dict[str, Row] = {cue.name: cue for gravity in gravities for cue in gravity.cues}
    return Gravity(
        weight=gravest.weight,
        level=max((gravity.level for gravity in gravities if gravity.level is not None), default=None),
        cues=tuple(sorted(cues.values(), key=lambda cue: -cue.weight)),
        is_conclusion=gravities[0].is_conclusion,
        is_routine=gravities[0].is_routine,
    )


def _opener(readings: Sequence[Reading], trace: Trace) -> int:
    """The line that logs the trace: one with a level, right above a head without one; else the trace's first line."""
    above = trace.first - 1
    if above < 0 or readings[trace.head].gravity.level is not None:
        return trace.first
    return above if (readings[above].gravity.level or 0.0) >= WARNING else trace.first


def _unit(readings: Sequence[Reading], trace: Trace, opener: int) -> Unit:
    named = {opener, trace.head, trace.cause}
    telling = trace.cause
    if trace.cause == trace.head and readings[opener].gravity.weight >= readings[trace.head].gravity.weight:
        telling = opener
    return Unit(telling, tuple(sorted(named - {telling})), trace.last - opener + 1)
