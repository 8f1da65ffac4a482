"""The readings of one log -> its units: a line, or a stack trace with the line that logs it, told by one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from FailTaleLibrary.ranking.readings import Reading
from FailTaleLibrary.ranking.severity import WARNING, Gravity
from FailTaleLibrary.ranking.signals import Cue
from FailTaleLibrary.ranking.stacks import Trace, traces_of


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
    traces = iter(traces_of([reading.message for reading in readings]))
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
    cues: dict[str, Cue] = {cue.name: cue for gravity in gravities for cue in gravity.cues}
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
