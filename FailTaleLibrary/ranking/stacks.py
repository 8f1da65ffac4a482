"""The lines of one log -> its units: a line, or a stack trace with the line that logs it, told by one line each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.ranking.lines import Log, Opening
from FailTaleLibrary.ranking.severity import CHANGED, ORDINARY, WARNING, Gravity, level_of
from FailTaleLibrary.ranking.signals import SignalRow

# --- Traces: which lines belong to one, and which of them tells the cause --------------------------------------------

_CAUSED = regex(r"\s*(?:Caused by: |Caused by:\s*$|---> |\[cause\]: )")
_GO_CALL = regex(r"[\w./*()-]+\)\s*$")
_SAYS_NOTHING = regex(
    r"\s*(?:(?:\[?stack ?(?:back)?trace(?:back)?\]?|backtrace|call stack|coroutine \d+):?"
    r"|\[signal SIG.*\]|note: (?:run with|some details).*)?$",
    re.IGNORECASE,
)
"""Between an error and its frames; blank lines, too."""
_FOLLOWS = regex(
    r"\s*(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):?\s*$"
)
"""Between two tracebacks of a chain, as Python writes it; the message ahead of it may have several lines."""
_BARE = regex(r"\s*[\w.]+(?:: ?\S*)?\s*$")
"""An error without a sentence: "KeyError: 'toys'"."""
_NAMES_ERROR = regex(r"\s*(?:\S+ )?(?:[\w$]+[.:\\\\]+)*(?:[A-Z]\w*)?(?:Error|Exception)(?:$|: | \()")
_QUOTES = '"""'
_WRAPPER = regex(r"\s*[\w.]+:\s*$")
"""An error without a message on its own line: "multiprocessing.pool.RemoteTraceback:"."""
_MOST_LINES = 400
"""A trace longer than this goes on in the next one."""
_MOST_BETWEEN, _MOST_OF_MESSAGE = 4, 6
"""Lines between an error and its frames that say nothing; lines of its message."""
_PADDING = 6
"""How deep .NET's console logger indents what stands below the line of level and category."""


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
    opener: int | None = None
    """The line that logs it, where the form of the trace says which."""


def traces_of(log: Log) -> tuple[Trace, ...]:
    """The stack traces of a log, in order, without overlap. Linear in the lines."""
    traces: list[Trace] = []
    last = -1
    for index, reading in enumerate(log.readings):
        if index > last and (reading.opens_trace or reading.gravity.is_frame):
            trace = _trace_at(log, index, reading.opens_trace, after=last)
            traces.append(trace)
            last = trace.last
    return tuple(traces)


def _trace_at(log: Log, index: int, opening: Opening, *, after: int) -> Trace:
    if opening == "traceback":
        return _python(log, index, after=after)
    if opening == "reason below":
        return _told_below(log, index)
    if opening == "causes below":
        return _with_causes_below(log, index, after=after)
    if opening == "message below":
        return _padded(log, index)
    return _framed(log, index, after=after)


def _framed(log: Log, index: int, *, after: int) -> Trace:
    """A trace whose first frame stands at `index`; its head stands above."""
    head = cause = _head_above(log, index, after=after)
    while _CAUSED.match(log.said(head)):  # .NET writes causes before all frames, the innermost last
        above = _head_above(log, head, after=after)
        if above == head:
            break
        head = above
    last = index
    end = min(len(log), index + _MOST_LINES)
    for place in range(index, end):
        if _CAUSED.match(log.said(place)):
            cause = _named_cause(log, place)
            last = place
        elif log.gravity(place).is_frame or place == cause or _GO_CALL.match(log.said(place)):
            last = place
        elif log.said(place).strip() and place - 1 != cause:  # a cause's message may have a second line
            break
    return Trace(first=min(head, index), last=last, head=head, cause=cause)


def _head_above(log: Log, index: int, *, after: int) -> int:
    """The nearest line above that says something and is no frame; of a message of several lines the first."""
    place = index - 1
    lowest = max(after, index - _MOST_BETWEEN - 1)
    while place > lowest and _SAYS_NOTHING.match(log.said(place)):
        place -= 1
    if place <= lowest:
        return index
    for above in range(place, max(after, place - _MOST_OF_MESSAGE), -1):
        if _SAYS_NOTHING.match(log.said(above)):
            break
        if _NAMES_ERROR.match(log.said(above)) or _CAUSED.match(log.said(above)):
            return above
        if log.readings[above].said_at:  # a line of its own, and none of a message's
            break
    return place


def _named_cause(log: Log, place: int) -> int:
    """Gradle writes the cause on the line below "Caused by:"."""
    if log.said(place).strip() == "Caused by:" and place + 1 < len(log):
        return place + 1
    return place


def _told_below(log: Log, index: int) -> Trace:
    """An error whose message stands on the line below, as Rust and C++ write it; frames may follow."""
    reason = index + 1
    if reason == len(log) or _SAYS_NOTHING.match(log.said(reason)):
        return Trace(first=index, last=index, head=index, cause=index)
    last = reason
    for place in range(reason + 1, min(len(log), index + _MOST_LINES)):
        if not (log.gravity(place).is_frame or _SAYS_NOTHING.match(log.said(place))):
            break
        last = place
    return Trace(first=index, last=last, head=reason, cause=reason, opener=index)


def _with_causes_below(log: Log, index: int, *, after: int) -> Trace:
    """An error without frames and the causes that are listed below "Caused by:", the innermost last."""
    head = _head_above(log, index, after=after)
    last = index
    while last + 1 < min(len(log), index + _MOST_LINES) and _indentation(log.said(last + 1)) > _indentation(
        log.said(index)
    ):
        last += 1
    return Trace(first=head, last=last, head=head, cause=last if last > index else head)


def _padded(log: Log, index: int) -> Trace:
    """What .NET's console logger wrote: level and category, and below it, indented, the message and its exception."""
    last = index
    while last + 1 < min(len(log), index + _MOST_LINES) and _indentation(log.said(last + 1)) >= _PADDING:
        last += 1
    if last == index:
        return Trace(first=index, last=index, head=index, cause=index)
    message = index + 1
    below = range(message + 1, last + 1)
    named = [place for place in below if not log.gravity(place).is_frame and _NAMES_ERROR.match(log.said(place))]
    causes = [place for place in below if _CAUSED.match(log.said(place))]
    error = next(reversed(causes), next(iter(named), message))
    return Trace(first=index, last=last, head=error, cause=error, opener=message)


def _python(log: Log, index: int, *, after: int) -> Trace:
    """A chain of tracebacks; told by the innermost error that has a sentence."""
    part = _whole_traceback(log, index)
    causes = [part.cause]
    while (start := _next_of_chain(log, part.last)) is not None and start < index + _MOST_LINES:
        part = _whole_traceback(log, start)
        causes.append(part.cause)
    cause = next((place for place in causes if not _BARE.match(log.said(place))), causes[0])
    first = index - 2 if index - 2 > after and _wraps_traceback(log, index - 2) else index
    return Trace(first=first, last=part.last, head=index, cause=cause)


def _whole_traceback(log: Log, index: int) -> Trace:
    """A traceback; where its error only wraps the text of another one, that one's error tells it."""
    part = _traceback(log, index)
    if _wraps_traceback(log, part.last):
        part = _traceback(log, part.last + 2)
    last = part.last
    if last + 1 < len(log) and log.said(last + 1).strip() == _QUOTES:
        last += 1
    return Trace(first=index, last=last, head=index, cause=part.cause)


def _wraps_traceback(log: Log, place: int) -> bool:
    """Whether an error's message is a traceback in quotes, as pools of processes tell what a worker raised."""
    if place + 2 >= len(log) or not _WRAPPER.match(log.said(place)):
        return False
    return log.said(place + 1).strip() == _QUOTES and log.readings[place + 2].opens_trace == "traceback"


def _traceback(log: Log, index: int) -> Trace:
    """From "Traceback" to the first line that is indented no deeper."""
    margin = _indentation(log.said(index))
    for place in range(index + 1, min(len(log), index + _MOST_LINES)):
        text = log.said(place)
        if text.strip() and _indentation(text) <= margin and not log.gravity(place).is_frame:
            return Trace(first=index, last=place, head=index, cause=place)
    return Trace(first=index, last=min(len(log), index + _MOST_LINES) - 1, head=index, cause=index)


def _next_of_chain(log: Log, last: int) -> int | None:
    """Where the next traceback of a chain begins, behind the one that ends at `last`."""
    follows = False
    for place in range(last + 1, min(len(log), last + 1 + _MOST_OF_MESSAGE + _MOST_BETWEEN)):
        if log.readings[place].opens_trace:
            return place if follows and log.readings[place].opens_trace == "traceback" else None
        follows = follows or bool(_FOLLOWS.match(log.said(place)))
    return None


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip())


# --- Units: a line, or a stack trace with the line that logs it -----------------------------------------------------


class Unit(NamedTuple):
    """What is suspected as one thing. A tuple, because in a bad log each line is one."""

    telling: int
    """Index of the line that is shown: of a trace the cause."""
    others: tuple[int, ...] = ()
    """The other lines of a trace that name an error: the line that logs it, its head."""
    size: int = 1
    error: int | None = None
    """Of a trace that is told by the line that logs it: the line that names the error."""

    @property
    def is_trace(self) -> bool:
        return self.size > 1

    @property
    def lines(self) -> tuple[int, ...]:
        return tuple(sorted({self.telling, *self.others})) if self.others else (self.telling,)


def units_of(log: Log, *, also: Collection[int]) -> Iterator[Unit]:
    """Stack traces taken as one, lines of which anything is grave, and the lines ``also``; in order of first lines."""
    index = 0
    for trace in traces_of(log):
        opener = _opener(log, trace, after=index)
        yield from _units_of_lines(log, range(index, min(opener, trace.first)), also)
        yield _unit(log, trace, opener)
        index = trace.last + 1
    yield from _units_of_lines(log, range(index, len(log)), also)


def _units_of_lines(log: Log, places: range, also: Collection[int]) -> Iterator[Unit]:
    readings = log.readings
    for place in places:
        reading = readings[place]
        gravity = reading.gravity
        if ((gravity is not ORDINARY and gravity is not CHANGED) or place in also) and not reading.is_blank:
            yield Unit(telling=place)


def gravity_of_unit(unit: Unit, log: Log) -> Gravity:
    """The gravest of a unit's lines, with the cues of all."""
    if not unit.others:
        return log.gravity(unit.telling)
    gravities = [log.gravity(index) for index in (unit.telling, *unit.others)]
    gravest = max(gravities, key=lambda gravity: gravity.weight)
    cues: dict[str, SignalRow] = {cue.name: cue for gravity in gravities for cue in gravity.cues}
    return Gravity(
        weight=gravest.weight,
        level=max((gravity.level for gravity in gravities if gravity.level is not None), default=None),
        cues=tuple(sorted(cues.values(), key=lambda cue: -cue.weight)),
        is_conclusion=gravities[0].is_conclusion,
        is_routine=gravities[0].is_routine,
    )


def _opener(log: Log, trace: Trace, *, after: int) -> int:
    """The line that logs the trace: one with a level, right above a head without one; else the trace's first line."""
    if trace.opener is not None:
        return trace.opener
    above = trace.first - 1
    if above > after and not log.said(above).strip():
        above -= 1
    if above < after or level_of(log.message(trace.head)) is not None:
        return trace.first
    return above if (log.gravity(above).level or 0.0) >= WARNING else trace.first


def _unit(log: Log, trace: Trace, opener: int) -> Unit:
    first = min(opener, trace.first)
    named = {opener, trace.head, trace.cause} if trace.opener is None else {first, opener, trace.head}
    telling, error = trace.cause, None
    if trace.cause == trace.head and log.gravity(opener).weight >= log.gravity(trace.head).weight:
        telling, error = opener, None if opener == trace.head else trace.head
    return Unit(telling, tuple(sorted(named - {telling})), trace.last - first + 1, error)
