"""Report -> the timeline of its card: what the test did, a lane for each host, marks and intervals. Pure.

Everything lies between 0 and 100 per cent of the width, so that the drawing fits any page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import NO_HOST, Failure, Gap, HostClock, KeywordStep, Report, Suspect
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.text import count, duration, shorten

MOST_HOSTS = 6
"""Lanes; of more hosts those with a mark come first and the rest are counted."""
MOST_KEYWORDS = 12
LABEL_CHARS = 24
_CHARACTER = 0.75
"""Per cent of the width that a character of a label takes where the page is narrow."""
_TOGETHER = 2.5
"""Per cent within which marks of a lane would cover each other: they are drawn as one."""
_AFTER = 0.2
"""Of the window: how much of what came after the failure is drawn."""
_MARK_CHARS = 80
"""Of a line in the words of its mark; the story has it in full."""
_SHORTEST_S = 0.001
_LEFT, _RIGHT = 1.0, 98.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A keyword, or how long a host was in a state."""

    left: float
    width: float
    look: str
    """``pass``, ``fail``, ``other``, ``gap`` or ``state``."""
    words: str
    label: str = ""
    """What has room in it; empty when nothing has."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Suspects of one host that were written at about the same moment."""

    at: float
    spread: float
    """How far the moment may lie to either side, as far as the host's clock is known."""
    label: str
    words: str
    moments: str
    """Ids and offsets: the same without the lines, which stand in the story."""
    is_strong: bool
    is_earlier: bool = False
    """It lies before the test, and is drawn at its edge."""

    @property
    def left(self) -> float:
        return round(max(self.at - self.spread, 0.0), 2)

    @property
    def right(self) -> float:
        return round(min(self.at + self.spread, 100.0), 2)

    @property
    def width_px(self) -> int:
        """A disc, or as much as the label takes."""
        return 16 + 6 * (len(self.label) + self.is_earlier - 1)


@dataclass(frozen=True, slots=True)
class Lane:
    """What is known of one host, or of the test itself."""

    name: str
    intervals: tuple[Interval, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def words(self) -> str:
        return "; ".join([*(each.words for each in self.intervals), *(each.moments for each in self.marks)])


@dataclass(frozen=True, slots=True)
class Timeline:
    """The test's own lane first."""

    lanes: tuple[Lane, ...]
    failed: float
    begins: str
    ends: str
    unshown: str = ""
    """How many hosts have no lane; empty when all have one."""

    @property
    def words(self) -> str:
        """For those who do not see the drawing."""
        return "Timeline. " + ". ".join(f"{lane.name}: {lane.words or 'nothing'}" for lane in self.lanes)


def timeline_of(report: Report, suspects: Sequence[Suspect], *, most_hosts: int = MOST_HOSTS) -> Timeline:
    """``suspects``: those that the card shows; ``most_hosts``: for how many there is room."""
    failure = report.failure
    axis = _Axis(failure, suspects)
    clocks = {clock.host: clock for clock in report.evidence.clocks}
    hosts = [*in_words.hosts_of(report.evidence)]
    lanes = [_host_lane(host, report.evidence.gaps, suspects, clocks.get(host), axis) for host in hosts]
    telling = [lane for lane in lanes if lane.intervals or lane.marks]
    quiet = [lane for lane in lanes if not (lane.intervals or lane.marks)]
    by_rank = list(dict.fromkeys(each.host for each in suspects))
    telling.sort(key=lambda lane: by_rank.index(lane.name) if lane.name in by_rank else len(by_rank))
    if telling and report.evidence.glanced_at:
        quiet = []  # of many hosts, those of which nothing is told are any
    shown = [*telling, *quiet][:most_hosts]
    return Timeline(
        lanes=(Lane("test", tuple(_keywords(failure, axis))), *sorted(shown, key=lambda lane: hosts.index(lane.name))),
        failed=axis.place(failure.window.end),
        begins=_beginning(failure),
        ends=in_words.clock_time(failure.window.end),
        unshown=_unshown(len(telling), len(hosts), len(shown)),
    )


def _beginning(failure: Failure) -> str:
    """``12:00:01.000``; of what was run again, which time it was: the drawing begins with that attempt."""
    moment = in_words.clock_time(failure.window.start)
    return f"attempt {failure.attempt}: {moment}" if failure.attempt > 1 else moment


def _unshown(telling: int, hosts: int, shown: int) -> str:
    if hosts <= shown:
        return ""
    rest = count(hosts - shown, "more host")
    return f"{rest} with marks" if telling > shown else f"{rest}, quiet"


class _Axis:
    """Moments on the test machine's clock -> places between the drawing's edges."""

    def __init__(self, failure: Failure, suspects: Iterable[Suspect]) -> None:
        self._start = failure.window.start
        seconds = max(failure.window.seconds, _SHORTEST_S)
        latest = max((each.offset_s or 0.0 for each in suspects), default=0.0)
        self._seconds = seconds + min(max(latest, 0.0), _AFTER * seconds)

    def place(self, moment: datetime) -> float:
        part = (moment - self._start).total_seconds() / self._seconds
        return round(_LEFT + (_RIGHT - _LEFT) * min(max(part, 0.0), 1.0), 2)

    def width(self, seconds: float) -> float:
        return round((_RIGHT - _LEFT) * min(abs(seconds) / self._seconds, 1.0), 2)

    def is_earlier(self, moment: datetime) -> bool:
        return (moment - self._start).total_seconds() < -1.0


def _keywords(failure: Failure, axis: _Axis) -> Iterator[Interval]:
    """What ran directly in the test; the longest where there are too many."""
    steps = [step for step in failure.keywords if step.depth == 0 and step.started_at is not None]
    if not steps:
        steps = [step for step in failure.keyword_path[:1] if step.started_at is not None]
    longest = sorted(steps, key=lambda step: -_seconds_of(step, failure))[:MOST_KEYWORDS]
    for step in sorted(longest, key=lambda step: steps.index(step)):
        yield _keyword(step, failure, axis)


def _seconds_of(step: KeywordStep, failure: Failure) -> float:
    if step.elapsed_s is not None or step.started_at is None:
        return step.elapsed_s or 0.0
    return max(0.0, (failure.window.end - step.started_at).total_seconds())


def _keyword(step: KeywordStep, failure: Failure, axis: _Axis) -> Interval:
    assert step.started_at is not None  # noqa: S101 - for the type checker
    seconds = _seconds_of(step, failure)
    left = axis.place(step.started_at)
    width = min(max(axis.width(seconds), 0.4), _RIGHT - left + 0.4)
    name = shorten(step.name.rsplit(".", 1)[-1], LABEL_CHARS)
    look = {"PASS": "pass", "FAIL": "fail"}.get(step.status or "FAIL", "other")
    label = name if (len(name) + 1) * _CHARACTER < width else ""
    return Interval(left, round(width, 2), look, f"{step.name}, {duration(seconds)}, {step.status or 'FAIL'}", label)


def _host_lane(
    host: str, gaps: Iterable[Gap], suspects: Iterable[Suspect], clock: HostClock | None, axis: _Axis
) -> Lane:
    own = [each for each in suspects if each.host == host]
    states = [each for each in own if each.at is None and each.item_id is not None and each.is_strong]
    silent = [gap for gap in gaps if gap.host == host and gap.collector is None and gap.host != NO_HOST]
    intervals = [_whole_window("gap", f"{gap.reason}: {in_words.gap_detail(gap)}", gap.reason) for gap in silent[:1]]
    if states and not intervals:
        ids = " ".join(each.id for each in states)
        intervals = [_whole_window("state", "; ".join(f"{each.id} {each.text}" for each in states), ids)]
    spread = axis.width(clock.uncertainty_s) if clock else 0.0
    return Lane(host, tuple(intervals), tuple(_marks_of_lane(own, spread, axis)))


def _whole_window(look: str, words: str, label: str) -> Interval:
    """Of the whole window: since when it was so is not known better."""
    return Interval(_LEFT, round(_RIGHT - _LEFT, 2), look, words, shorten(label, LABEL_CHARS))


def _marks_of_lane(suspects: Iterable[Suspect], spread: float, axis: _Axis) -> Iterator[Mark]:
    """Neighbours that would cover each other are one."""
    groups: list[list[tuple[float, Suspect]]] = []
    timed = ((axis.place(each.at), each) for each in suspects if each.at is not None)
    for place, suspect in sorted(timed, key=itemgetter(0)):
        if not groups or place - groups[-1][0][0] > _TOGETHER:
            groups.append([])
        groups[-1].append((place, suspect))
    for group in groups:
        yield _mark(group[0][0], [suspect for _, suspect in group], spread, axis)


def _mark(place: float, suspects: Sequence[Suspect], spread: float, axis: _Axis) -> Mark:
    moments = [f"{each.id} {in_words.offset(each.offset_s or 0.0)}" for each in suspects]
    said = [f"{moment}: {shorten(each.text, _MARK_CHARS)}" for moment, each in zip(moments, suspects, strict=True)]
    return Mark(
        at=place,
        spread=spread,
        label=_mark_label([each.id.removeprefix("E")[:3] for each in suspects]),
        words="; ".join(said),
        moments="; ".join(moments),
        is_strong=any(each.is_strong for each in suspects),
        is_earlier=any(each.at is not None and axis.is_earlier(each.at) for each in suspects),
    )


def _mark_label(ids: Sequence[str]) -> str:
    """``1``, ``2·4``; of more than three the first and how many."""
    return "·".join(ids) if len(ids) <= 3 else f"{ids[0]}+{len(ids) - 1}"
