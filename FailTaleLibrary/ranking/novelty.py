"""A look-back and the run's passed and failed tests -> for each line of a window, whether it is usual, standing or new.

The present *episode* of a shape is what stands of it in the window, extended backwards while its gaps stay small. A
shape without an episode-free past is new or standing; one that comes and goes all the time is usual; what is in between
is neutral. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.moments import SLACK_S
from FailTaleLibrary.records import Item, LookBack, SafeText, SeenShape, Window

Kind = Literal["new", "standing", "usual", "neutral"]

PERHAPS_OLDER = "perhaps older"
"""The signal of a line of which nothing tells whether it was written in the window."""
ENOUGH_LINES = 8
"""A log of fewer lines before the window tells nothing about what is usual."""
SMALLEST_PAUSE_S = 10.0
"""An episode ends where nothing of it stood for longer than this, and than `PAUSE_RATIO` of its own mean gap."""
PAUSE_RATIO = 6.0
RHYTHM_RATIO, RHYTHM_MOMENTS = 3.0, 4
"""Nor does it end in a pause of so many of its shape's usual gaps, where so many moments tell them: what is written
each half minute is not over when a short test began between two of its lines."""
AFTERMATH_S = 5.0
"""So long after a failed test its teardown, and who still waits, log the like of what it failed by."""
SLICES = 10
USUAL_SLICES = 3
"""In this many of ten equal slices of the look-back, a shape is spread over it."""


@dataclass(frozen=True, slots=True)
class PastTest:
    """An earlier test of the run, in seconds before the window's start."""

    name: SafeText
    began_s: float
    ended_s: float
    has_passed: bool

    def holds(self, seconds_before: float) -> bool:
        """Whether it ran then; a failed one has an aftermath, in which its teardown and who gave up tell of it."""
        aftermath_s = SLACK_S if self.has_passed else AFTERMATH_S
        return self.ended_s - aftermath_s <= seconds_before <= self.began_s + SLACK_S


@dataclass(frozen=True, slots=True)
class Novelty:
    """How a line relates to what its log held before the window."""

    kind: Kind
    since_s: float = 0.0
    """Of a standing one: how long before the shape's first line in the window it began."""
    passed_test: SafeText | None = None
    """Of a usual one: a test that passed while it was logged."""
    failed_test: SafeText | None = None
    """An earlier test that failed while it was logged, too."""

    stood_before: bool = False
    """Of a neutral one: that its log, which is long enough to tell, held it now and then before."""

    @property
    def is_usual(self) -> bool:
        return self.kind == "usual"

    @property
    def is_news(self) -> bool:
        """Whether it began with the window, or began before it and still goes on."""
        return self.kind in ("new", "standing")


@dataclass(frozen=True, slots=True)
class RunTest:
    """A test of this run that has ended, on the test machine's clock."""

    name: SafeText
    window: Window
    has_passed: bool


NEUTRAL = Novelty("neutral")
STOOD_BEFORE = Novelty("neutral", stood_before=True)
USUAL = Novelty("usual")
NEW = Novelty("new")


def judged_lines(item: Item, tests: Sequence[RunTest], start: datetime, lines: int) -> tuple[Novelty, ...]:
    """The novelty of each of an item's lines; empty when the host did not look back.

    ``tests``: those of the run that have ended; ``start``: of the window.
    """
    if not item.look_backs:
        return ()
    past = [_before_window(test, start) for test in tests if test.window.end <= start]
    found = [NEUTRAL] * lines
    for look_back in item.look_backs:
        first, end = look_back.first_line, min(lines, look_back.first_line + look_back.of_lines)
        found[first:end] = novelty_by_line(look_back, past=past)[: max(0, end - first)]
    return tuple(found)


def _before_window(test: RunTest, start: datetime) -> PastTest:
    began_s, ended_s = ((start - moment).total_seconds() for moment in (test.window.start, test.window.end))
    return PastTest(test.name, began_s, ended_s, test.has_passed)


def judged_shape_ahead(
    ahead: Sequence[datetime],
    within: Sequence[datetime],
    *,
    log_began: datetime,
    lines: int,
    tests: Sequence[RunTest],
    start: datetime,
) -> Novelty:
    """The novelty of a shape in a test, where a window of its own reaches further back: by what it holds ahead of it.

    ``ahead``: when the shape stood there; ``within``: when it did since the test's ``start``; ``lines``: how many the
    log has ahead of it, since ``log_began``.
    """
    first = within[0]
    span_s = max(SLACK_S, (first - log_began).total_seconds())
    before_s = sorted(((first - at).total_seconds() for at in ahead), reverse=True)
    shape = SeenShape(
        lines=(0,),
        count=len(before_s),
        places=tuple(max(0.0, 1 - each / span_s) for each in before_s),
        seconds_before=tuple(before_s),
        seconds_within=tuple(sorted((at - first).total_seconds() for at in within)),
    )
    past = [_before_window(test, first) for test in tests if test.window.end <= start]
    return _judged_shape(shape, LookBack(of_lines=1, lines=lines, seconds=span_s), past)


def novelty_by_line(look_back: LookBack, *, past: Sequence[PastTest] = ()) -> tuple[Novelty, ...]:
    """One judgement for each line that the look-back is about. ``past``: the run's earlier tests."""
    unseen = NEW if look_back.lines >= ENOUGH_LINES else NEUTRAL
    found = [unseen] * look_back.of_lines
    for shape in look_back.shapes:
        judged = _judged_shape(shape, look_back, past)
        for line in shape.lines:
            if 0 <= line - look_back.first_line < look_back.of_lines:
                found[line - look_back.first_line] = judged
    return tuple(found)


def _judged_shape(shape: SeenShape, look_back: LookBack, past: Sequence[PastTest]) -> Novelty:
    if look_back.seconds is None or not shape.seconds_before:
        return _by_places(shape, look_back)
    failed = [test for test in past if not test.has_passed]
    if all(any(test.holds(moment) for test in failed) for moment in shape.seconds_before):
        return Novelty("new", failed_test=failed[-1].name)  # what only failed tests saw is their news, and this one's
    if look_back.lines < ENOUGH_LINES:
        return NEUTRAL
    began_s = _episode_began(shape)
    earlier = [moment for moment in shape.seconds_before if moment > began_s]
    own = [moment for moment in earlier if not any(test.holds(moment) for test in failed)]
    passed = next((test for moment in own for test in past if test.has_passed and test.holds(moment)), None)
    if passed is not None:
        return Novelty("usual", passed_test=passed.name)
    if own:
        return USUAL if _is_spread(shape.places) else STOOD_BEFORE
    if began_s <= 0:
        return Novelty(
            "new", failed_test=next((test.name for test in failed for each in earlier if test.holds(each)), None)
        )
    return _episode_alone(began_s, shape, look_back, past)


def _episode_began(shape: SeenShape) -> float:
    """How long before its first line in the window the present episode began; 0 when it began with that line."""
    began = 0.0
    moments = sorted({*shape.seconds_before, *(-each for each in shape.seconds_within)})
    inside = [moment for moment in moments if moment <= 0]
    smallest_s = max(SMALLEST_PAUSE_S, RHYTHM_RATIO * _usual_gap(shape.seconds_before))
    for moment in (each for each in moments if each > 0):
        inside_span = began - min(inside, default=0.0)
        mean_gap = inside_span / (len(inside) - 1) if len(inside) > 1 else 0.0
        if moment - began > max(smallest_s, PAUSE_RATIO * mean_gap):
            break
        began = moment
        inside.append(moment)
    return began


def _usual_gap(moments: Sequence[float]) -> float:
    """The median of the seconds between two moments; 0 where they are too few to tell."""
    if len(moments) < RHYTHM_MOMENTS:
        return 0.0
    ordered = sorted(moments)
    gaps = sorted(later - earlier for earlier, later in pairwise(ordered))
    return gaps[len(gaps) // 2]


def _episode_alone(began_s: float, shape: SeenShape, look_back: LookBack, past: Sequence[PastTest]) -> Novelty:
    """Of a shape that stood nowhere before its present episode: a fault that stands, or noise since the log began."""
    first_line_s = _look_back_began(shape, look_back)
    quiet_s = first_line_s - began_s
    reaches_start = quiet_s <= max(SMALLEST_PAUSE_S, PAUSE_RATIO * began_s / max(1, shape.count))
    before, since = (
        [test for test in past if test.ended_s >= began_s],
        [test for test in past if test.ended_s < began_s],
    )
    broke_tests = any(test.has_passed for test in before) and since and not any(test.has_passed for test in since)
    if not broke_tests and (reaches_start or began_s > quiet_s):
        failed = [test for test in past if not test.has_passed]
        held = [moment for moment in shape.seconds_before if any(test.holds(moment) for test in failed)]
        if 2 * len(held) > len(shape.seconds_before):  # the log began with an earlier attempt of the test
            return Novelty("new", failed_test=failed[-1].name)
        return USUAL
    return Novelty("standing", since_s=began_s)


def _look_back_began(shape: SeenShape, look_back: LookBack) -> float:
    """How long before the shape's first line in the window the look-back begins, by the shape's place in it."""
    first = shape.places[0] if shape.places else 0.0
    oldest = shape.seconds_before[0]
    return max(oldest, (look_back.seconds or 0.0) if first > 0 else oldest)


def _by_places(shape: SeenShape, look_back: LookBack) -> Novelty:
    """Without times: spread over the log is usual; what stood there at all is not new."""
    return USUAL if look_back.lines >= ENOUGH_LINES and _is_spread(shape.places) else NEUTRAL


def _is_spread(places: Sequence[float]) -> bool:
    return len({min(int(place * SLICES), SLICES - 1) for place in places}) >= USUAL_SLICES
