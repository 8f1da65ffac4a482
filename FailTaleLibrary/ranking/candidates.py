"""Items -> candidates: lines that could matter, duplicates folded, stack traces taken as one, each with its score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from FailTaleLibrary.ranking.candidate import Candidate
from FailTaleLibrary.ranking.history import History
from FailTaleLibrary.ranking.moments import SLACK_S, Scene, moments_of
from FailTaleLibrary.ranking.overlap import Overlap
from FailTaleLibrary.ranking.readings import Rarity, read, templates_of
from FailTaleLibrary.ranking.reasons import Found, Novelty, signals_of
from FailTaleLibrary.ranking.severity import Gravity
from FailTaleLibrary.ranking.signals import SYMPTOMS
from FailTaleLibrary.ranking.units import Unit, gravity_of_unit, units_of
from FailTaleLibrary.records import HostClock, Item

NEW, SEEN, RARE, TRACE, CONCLUSION = 3.0, -4.0, 1.5, 1.0, -1.5
NEW_BUT_HARMLESS = 1.0
GRAVE = 3.0
"""From here on a line can be the onset of the failure."""
ECHO = 1.0
"""What a symptom can gain by words that it shares with the failure: it is the failure, seen from the other side."""
_ENOUGH = 8
"""So many known shapes make it a fact that another one is new."""
_LEAST_SCORE, _LEAST_CAUSE = 2.0, 1.5
_SYMPTOM_NAMES = frozenset(cue.name for cue in SYMPTOMS)
_EXACT = frozenset({"byte mark", "journal cursor"})
"""With these methods every line of an item lies in the window, also one without a time."""
IN_WINDOW = 0.75
"""For a line without a time of which that is known."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all items of one failure are judged against."""

    scene: Scene
    overlap: Overlap
    history: History
    clocks: Mapping[str, HostClock]


def candidates_of(item: Item, setting: Setting) -> Iterator[Candidate]:
    """The candidates of one item, in the order of their lines; of lines of one shape the first. Linear in the lines."""
    source = _Source(item, setting)
    told = {line[2:].strip() for line in item.changes if line.startswith("+ ")}  # a change is a candidate of its own
    shown: set[str] = set()
    for unit in units_of(source.readings):
        shape = source.readings[unit.telling].template
        if shape in shown or source.lines[unit.telling].strip() in told:
            continue
        candidate = source.candidate(unit)
        if candidate is not None:
            shown.add(shape)
            yield candidate


class _Source:
    """One item with what is known of its earlier lines."""

    def __init__(self, item: Item, setting: Setting) -> None:
        self.lines = item.lines
        self.readings = read(self.lines)
        self._item = item
        self._setting = setting
        self._rarity = Rarity(self.readings)
        self._is_exact = item.window is not None and item.window.method in _EXACT
        clock = setting.clocks.get(item.host)
        self._moments = moments_of(self.lines, clock=clock, near=setting.scene.failed_at)
        self._before = templates_of(f"{item.ahead}\n{item.before}\n{item.baseline or ''}".splitlines())
        self._early = self._ahead_of_window()
        self._earlier = setting.history.seen(item.host, item.collector)
        known = len(self._before) + len(self._early) + len(self._earlier)
        self._knows_enough = known >= _ENOUGH or bool(item.baseline)

    def candidate(self, unit: Unit) -> Candidate | None:
        """The unit as a candidate; None when nothing speaks for it."""
        reading = self.readings[unit.telling]
        found, near = self._found(unit)
        cause = found.gravity.weight + (TRACE if unit.is_trace else 0.0)
        score = cause + near + self._context(found, cause) + RARE * self._rarity.of(reading.template)
        if score < _LEAST_SCORE or cause + found.shared.weight < _LEAST_CAUSE:
            return None
        is_cause = not found.novelty.is_old and not found.gravity.is_conclusion and near >= 0 and not _is_echo(found)
        return Candidate(
            host=self._item.host,
            component=self._item.component,
            collector=self._item.collector,
            item=self._item,
            line_number=unit.telling,
            text=self.lines[unit.telling],
            at=self._moments[unit.telling],
            score=round(score, 2),
            is_onset=cause >= GRAVE and is_cause,
            signals=tuple(signals_of(found)),
            count=found.count,
        )

    def _found(self, unit: Unit) -> tuple[Found, float]:
        """What is found out about a unit, and what its time is worth."""
        scene = self._setting.scene
        at = self._moments[unit.telling]
        near, signal = scene.proximity(at) if at else (IN_WINDOW if self._is_exact else 0.0, None)
        text = "\n".join(self.lines[index] for index in unit.lines)
        found = Found(
            gravity=gravity_of_unit(unit, self.readings),
            novelty=self._novelty(unit),
            shared=self._setting.overlap.of(text),
            near=signal,
            offset_s=scene.offset_s(at) if at else None,
            in_window=scene.is_inside(at) if at else self._is_exact,
            count=self._rarity.counts[self.readings[unit.telling].template],
            trace_size=unit.size,
            logged_as=self.lines[unit.lines[0]] if unit.lines[0] < unit.telling else "",
        )
        return found, near

    def _context(self, found: Found, cause: float) -> float:
        score = min(ECHO, found.shared.weight) if _is_symptom(found.gravity) else found.shared.weight
        if found.gravity.is_conclusion:
            score += CONCLUSION
        if found.novelty.is_old:
            return score + SEEN
        if found.novelty.is_known and found.novelty.is_new:
            return score + (NEW if cause >= _LEAST_CAUSE else NEW_BUT_HARMLESS)
        return score

    def _novelty(self, unit: Unit) -> Novelty:
        """Of a unit's telling line. What a failure's window showed first is neither new nor ordinary afterwards."""
        shape = self.readings[unit.telling].template
        first_seen = self._earlier.get(shape)
        if first_seen:
            return Novelty(is_known=True, is_new=False, also_in=first_seen)
        stood_early = shape in self._early and self._setting.scene.is_inside(self._moments[unit.telling])
        seen = shape in self._before or first_seen == "" or stood_early
        return Novelty(is_known=seen or self._knows_enough, is_new=not seen)

    def _ahead_of_window(self) -> frozenset[str]:
        """Shapes of lines that came along though they were written before the window."""
        since = self._item.window.since if self._item.window else None
        if since is None:
            return frozenset()
        return frozenset(
            reading.template
            for reading, at in zip(self.readings, self._moments, strict=True)
            if at is not None and (since - at).total_seconds() > SLACK_S
        )


def _is_echo(found: Found) -> bool:
    """An access log's 500 is the failure itself, told by a server."""
    return bool(found.gravity.cues) and found.gravity.cues[0].name == "server error"


def _is_symptom(gravity: Gravity) -> bool:
    return bool(gravity.cues) and gravity.cues[0].name in _SYMPTOM_NAMES
