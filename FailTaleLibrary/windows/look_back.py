"""What a host says of the time before a window -> for each shape of the window's lines, when it stood there before.

The host reads the newest megabyte before the window with `look_back.awk` and says how often and when each shape of the
window's lines stood there. A shape is a line without what varies: numbers, identifiers. Of that no text from before the
window leaves the host; a log that is silent in the window tells the lines of its stop (`last_words` in `look_back.sh`),
which travel as those that `before` asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import LookBack, SeenShape
from FailTaleLibrary.windows.frames import Frame, whole_number
from FailTaleLibrary.windows.model import Glance

MOST_SECONDS = 48
"""Moments told of one shape; when there are more, they are thinned evenly, first and last stay."""
LOOK_BACK_BYTES = 1024 * 1024
"""Read before the window; four times as much told no more (measured on 210 failures)."""
LOOK_BACK_ENTRIES = 8000
"""The same of a journal, in entries."""
_MOST_SHAPES = 2000
_LONGEST_S = 10 * 366 * 86400.0


def glance_words(glance: Glance) -> Iterator[tuple[str, str]]:
    """As variables of `look_back.sh`; empty where the whole window is wanted."""
    yield "brief", str(glance.max_bytes) if glance.max_bytes else ""
    yield "sought", ",".join(glance.sought) if glance.max_bytes else ""


def parse_look_backs(frames: Iterable[Frame]) -> dict[str, LookBack]:
    """The look-backs among a host's frames, by what each is about: ``sure PATH`` or ``unsure PATH``.

    The lines of their shapes are numbered from the part's end, 1 for its last line, until `placed` knows where the part
    stands. Frames come from a host: what does not follow the form, or holds a number out of bounds, is left out.
    """
    found: dict[str, LookBack] = {}
    label, span, shapes = "", None, list[SeenShape]()
    for frame in frames:
        if frame.word not in ("span", "profile"):
            continue
        value = frame.value.decode("utf-8", "surrogateescape")
        if frame.word == "span":
            told, _, label = value.partition("|")
            span, shapes = _parsed_span(told), []
            if span is not None:
                found[label] = LookBack(lines=span.lines, seconds=span.seconds)
        elif span is not None and len(shapes) < _MOST_SHAPES:
            shape = _seen_shape(value, span)
            if shape is not None:
                shapes.append(shape)
                found[label] = found[label].model_copy(update={"shapes": tuple(shapes)})
    return found


def placed(look_back: LookBack, *, first_line: int, end_line: int) -> LookBack:
    """A look-back of a part that takes these lines of its item; lines that were cut off are gone."""
    shapes = []
    for shape in look_back.shapes:
        lines = tuple(end_line - number for number in shape.lines if first_line <= end_line - number < end_line)
        if lines:
            shapes.append(shape.model_copy(update={"lines": lines}))
    return look_back.model_copy(
        update={"first_line": first_line, "of_lines": end_line - first_line, "shapes": tuple(shapes)}
    )


@dataclass(frozen=True, slots=True)
class _Span:
    lines: int
    began: float | None
    ended: float | None

    @property
    def seconds(self) -> float | None:
        return None if self.began is None or self.ended is None else max(0.0, self.ended - self.began)


def _parsed_span(value: str) -> _Span | None:
    lines, *moments = value.split()[:3] or [""]
    number = whole_number(lines)
    if number is None:
        return None
    seconds = [_seconds(each) for each in moments]
    if len(seconds) != 2 or None in seconds:
        return _Span(number, None, None)
    return _Span(number, seconds[0], seconds[1])


def _seen_shape(value: str, span: _Span) -> SeenShape | None:
    fields = value.split("|")
    if len(fields) != 5:
        return None
    window_lines, count = _numbers_of(fields[0]), whole_number(fields[1])
    places, moments, window_moments = _numbers_of(fields[2]), _parsed_moments(fields[3]), _parsed_moments(fields[4])
    if not window_lines or count is None:
        return None
    is_timed = span.began is not None and bool(moments) and bool(window_moments)
    return SeenShape(
        lines=window_lines,
        count=count,
        places=tuple(place / span.lines for place in places if place < span.lines),
        seconds_before=tuple(window_moments[0] - each for each in moments) if is_timed else (),
        seconds_within=tuple(each - window_moments[0] for each in window_moments) if is_timed else (),
    )


def _numbers_of(field: str) -> tuple[int, ...]:
    return tuple(number for each in field.split() if (number := whole_number(each)) is not None)


def _parsed_moments(field: str) -> tuple[float, ...]:
    """Ascending; a clock that was set back in the log counts as standing still."""
    found = [seconds for each in field.split() if (seconds := _seconds(each)) is not None]
    return tuple(accumulate(found, max))


def _seconds(text: str) -> float | None:
    if len(text) > 20 or not text.replace(".", "", 1).isdigit() or not text.isascii():
        return None
    seconds = float(text)
    return seconds if seconds <= _LONGEST_S else None
