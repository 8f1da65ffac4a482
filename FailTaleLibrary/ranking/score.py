"""One item, read -> its candidates, each with a score and the reasons for it; candidates -> their order by quotas.

Everything about a line is worked out only as far as the line can still be a suspect: first its gravity and what it
shares with the failure, then its time and novelty, and the reasons in words for the few that are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, zip_longest
from math import log
from typing import NamedTuple, Protocol, TypeVar

from FailTaleLibrary.lazy import dataclass, replace
from FailTaleLibrary.moments import SLACK_S, Moments
from FailTaleLibrary.ranking.belonging import FOREIGN, OWN, Belonging, Proof, not_strong
from FailTaleLibrary.ranking.history import History
from FailTaleLibrary.ranking.lines import LINE_CHARS, Log, gist, templates_of
from FailTaleLibrary.ranking.novelty import NEUTRAL, PERHAPS_OLDER, USUAL, Novelty, judged_lines, judged_shape_ahead
from FailTaleLibrary.ranking.novelty import NEW as NEWS
from FailTaleLibrary.ranking.overlap import NOTHING_SHARED, Overlap, Shared
from FailTaleLibrary.ranking.severity import CHANGED, ERROR, WARNING, Gravity, is_plain
from FailTaleLibrary.ranking.signals import NO_WORDS, SignalRow, event_names
from FailTaleLibrary.ranking.stacks import Unit, gravity_of_unit, units_of
from FailTaleLibrary.ranking.times import Scene, relative
from FailTaleLibrary.records import HostClock, Item, SafeText, Signal, WindowMethod, derived, our_words

# --- Candidates: a line of an item, a gap, a change -------------------------------------------------------------------


COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate with its score; `item` is None for a gap."""

    host: str
    component: str
    collector: str
    item: Item | None
    text: SafeText
    score: float
    signals: tuple[Signal, ...]
    line_number: int | None = None
    at: datetime | None = None
    """On the test machine's clock."""
    count: int = 1
    is_onset: bool = False
    """A line that is grave and not known to be old."""
    lines_before: tuple[SafeText, ...] = ()
    lines_after: tuple[SafeText, ...] = ()
    shares: SafeText = NO_WORDS
    """Why it may be of the failing test's own request: an identifier of its arguments, the path that it asked for."""
    error: SafeText = NO_WORDS
    """Of a line that logs a stack trace: the trace's line that names the error."""
    trace: tuple[SafeText, ...] = ()
    """All lines of a stack trace, as far as they are looked at; empty for a line."""
    told_by: str = ""
    """``server``: a strong reason why it could not answer; ``client``: what one tells that wanted something of it;
    `COMPLAINT`: what a collector's own command says of the service that it asked."""

    belongs: bool = False
    """It holds an identifier that the test used."""

    @property
    def is_strong(self) -> bool:
        """As of a suspect."""
        return any(signal.strong for signal in self.signals)

    @property
    def is_event(self) -> bool:
        """Whether it tells of what happened to a service: it stopped, was reloaded, changed its role."""
        return any(signal.strong and signal.name in event_names() for signal in self.signals)

    @property
    def is_exception(self) -> bool:
        """Whether it is reported in an exception: a reason in there is a client's, of what a server answered."""
        return any(signal.name in ("exception", "stack trace") for signal in self.signals)

    @property
    def can_be_told(self) -> bool:
        """Whether it is not what the host logs routinely, or speaks of the failing test's own request."""
        return self.belongs or bool(self.shares) or all(signal.name != "seen before" for signal in self.signals)

    def told_as_reason(self, signal: Signal) -> Candidate:
        """The candidate as a reason why a service could not answer."""
        return replace(self, told_by="server", signals=(*self.signals, signal))

    def gaining(self, score: float, *signals: Signal) -> Candidate:
        """The candidate with more to speak for it."""
        return replace(self, score=round(self.score + score, 2), signals=(*self.signals, *signals))

    def in_company(self) -> Candidate:
        """The candidate as far as it counts where other tests ran: strong only if it is this test's."""
        return self if self.belongs else replace(self, signals=not_strong(self.signals))


# --- Reasons: what was found out about a unit of lines, in words, and whether one is strong by itself -----------------

_MOST_CUES, _MOST_WORDS = 2, 3
_TELLING_OVERLAP = 0.8


@dataclass(frozen=True, slots=True)
class Found:
    """All that was found out about one unit of lines."""

    gravity: Gravity
    novelty: Novelty
    stands_since: SafeText | None
    """Of a standing line: since when, in words."""
    shared: Shared
    near: Signal | None
    """How its time lies to the failure; None when it has no time."""
    offset_s: float | None
    in_window: bool
    may_be_older: bool
    """Neither a mark nor a time says that it is of the window, and older lines stand beside it."""
    count: int
    trace_size: int = 1
    logged_as: SafeText | None = None
    """The line that logs the trace, if that is not the line that is shown."""
    change: Signal | None = None
    """Of what it tells a change, if the failure or an error names that."""
    error: SafeText = NO_WORDS
    """The line of the trace that names the error, if the one that logs it is shown."""
    proof: Proof | None = None
    """Whose the lines are; None when nothing in them tells."""

    @property
    def may_be_of_anybody(self) -> bool:
        """The log held such lines now and then before, and nothing ties this one to the test."""
        is_tied = self.proof is not None or self.shared.weight >= _TELLING_OVERLAP or _sharing_words(self.shared)
        return self.novelty.stood_before and not is_tied


def signals_of(found: Found) -> Iterator[Signal]:
    """The reasons, the most significant first."""
    return chain.from_iterable(signals(found) for signals in _SIGNALS)


def _trace(found: Found) -> Iterator[Signal]:
    if found.error:
        words = our_words("logs a stack trace of {} lines: {}", found.trace_size, derived(_error_gist, found.error))
        yield Signal(name="stack trace", words=words)
    elif found.trace_size > 1:
        words = our_words("cause of a stack trace of {} lines", found.trace_size)
        if found.logged_as:
            words = our_words("{}, logged as '{}'", words, derived(_brief_gist, found.logged_as))
        yield Signal(name="stack trace", words=words)


def _error_gist(line: str) -> str:
    return gist(line.strip())


def _brief_gist(line: str) -> str:
    return gist(line, max_chars=60)


def _cues(found: Found) -> Iterator[Signal]:
    gravity = found.gravity
    for cue in gravity.cues[:_MOST_CUES]:
        yield Signal(name=cue.name, words=cue.words, strong=_is_strong(found, cue))
    level = gravity.level
    if level is not None and level >= ERROR:
        yield Signal(name="error", words=our_words("logged as an error"), strong=_is_strong(found))
    elif level == WARNING and not gravity.cues:
        yield Signal(name="warning", words=our_words("logged as a warning"))
    elif gravity.weight >= ERROR and (not gravity.cues or _is_uncaught(found)):
        yield Signal(name="error", words=our_words("mentions an error"), strong=_is_strong(found))
    elif not gravity.cues and gravity.weight > WARNING:
        yield Signal(name="failure", words=our_words("mentions a failure"))


def _is_uncaught(found: Found) -> bool:
    """A stack trace that nobody logged at a level."""
    return found.trace_size > 1 and found.gravity.level is None


def _is_strong(found: Found, cue: SignalRow | None = None) -> bool:
    """Whether a cue, or without one an error, is strong: in the test's own time, and not what this host logs routinely.

    What happens to a service, such as a reload, is strong only where it is known to be news.
    """
    if cue is None and found.may_be_of_anybody:
        return False
    if found.may_be_older or found.novelty.is_usual or found.gravity.is_conclusion or _is_echo(found.gravity):
        return False
    if not (found.in_window or found.offset_s is None) or (found.proof is not None and not found.proof.is_own):
        return False
    if cue is not None and cue.kind == "event" and not cue.strong:
        return found.novelty.is_news and found.in_window
    return cue is None or cue.strong


def _novelty(found: Found) -> Iterator[Signal]:
    if found.may_be_older:
        yield Signal(name=PERHAPS_OLDER, words=our_words("perhaps older than this test"))
    novelty = found.novelty
    if found.stands_since:
        yield Signal(name="standing", words=found.stands_since)
    if novelty.failed_test:
        yield Signal(name="seen with a failure", words=our_words("also seen when '{}' failed", novelty.failed_test))
    elif novelty.kind == "new" and not found.may_be_older:
        when = relative(found.offset_s) if found.offset_s is not None else our_words("in this test")
        yield Signal(name="new", words=our_words("first seen {}", when))
    elif novelty.is_usual and novelty.passed_test:
        yield Signal(name="seen before", words=our_words("also logged while '{}' passed", novelty.passed_test))
    elif novelty.is_usual:
        yield Signal(name="seen before", words=our_words("also logged before this test started"))


def _is_said(found: Found) -> bool:
    """The words of novelty told the time already, and the time tells no more than that."""
    novel = found.novelty.kind == "new" and not found.novelty.failed_test
    return novel and found.near is not None and found.near.name == "in the window"


def _whose(found: Found) -> Iterator[Signal]:
    if found.proof is not None:
        yield found.proof.signal


def _overlap(found: Found) -> Iterator[Signal]:
    signal = overlap_signal(found.shared)
    if signal is not None and not (signal.name == "same identifier" and found.proof is not None):
        yield signal


def _near(found: Found) -> Iterator[Signal]:
    if found.near is not None and not _is_said(found):
        yield found.near


def _named_change(found: Found) -> Iterator[Signal]:
    if found.change is not None:
        yield found.change


_SIGNALS: tuple[Callable[[Found], Iterator[Signal]], ...] = (
    _cues,
    _named_change,
    _trace,
    _novelty,
    _whose,
    _overlap,
    _near,
)
"""Each tells what it makes of a unit; the order is that in which a reader meets the reasons."""


def _sharing_words(shared: Shared) -> SafeText:
    identifier = next((word.word for word in shared.words if word.is_argument and word.is_identifier), None)
    if identifier is not None:
        return our_words("same '{}' as the failing keyword", identifier)
    path = next((word.word for word in shared.words if "/" in word.word), None)
    return our_words("shares '{}' with the failure", path) if path else NO_WORDS


def overlap_signal(shared: Shared) -> Signal | None:
    """What a line shares with the failure, in words; None when that is too little to speak of."""
    if shared.weight < _TELLING_OVERLAP:
        return None
    identifier = next((word for word in shared.words if word.is_argument and word.is_identifier), None)
    if identifier is not None:
        return Signal(name="same identifier", words=our_words("same '{}' as the failing keyword", identifier.word))
    listed = derived(_listed_words, tuple(word.word for word in shared.words[:_MOST_WORDS]))
    return Signal(name="shared words", words=our_words("shares {} with the failure", listed))


def _listed_words(words: Sequence[SafeText]) -> str:
    quoted = [f"'{word}'" for word in words]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}" if len(quoted) > 1 else quoted[0]


# --- Scores: lines of one shape folded, stack traces taken as one -----------------------------------------------------

NEW, SEEN, RARE, TRACE, CONCLUSION = 3.0, -4.0, 1.5, 1.0, -1.5
NEW_BUT_HARMLESS = 1.0
NAMED_CHANGE, MOST_OF_CHANGE = 2.0, 6.0
"""For a line that tells of a change of what the failure or an error names, and the most that this makes of it."""
FIRST_WORDS = 2.0
"""For a line without any grave word whose like its log never held."""
_MOST_FIRST_WORDS = 6
"""Of one source, the earliest: a program that starts says much that is new."""
GRAVE = 3.0
"""From here on a line can be the onset of the failure."""
ECHO = 1.0
"""What a symptom can gain by words that it shares with the failure: it is the failure, seen from the other side."""
_ENOUGH = 8
"""So many known shapes make it a fact that another one is new."""
_NOTHING: frozenset[bytes] = frozenset()
_AT_ONCE = 100
"""Units, and then shapes, between two looks at whether time is used up; so many of a source are judged in any case."""
_TRACE_LINES = 60
"""Of a stack trace, looked at for what it names."""
_CONTEXT_LINES = 2
"""Shown above and below a suspect."""
_LEAST_SCORE, _LEAST_CAUSE = 2.0, 1.5
_EXACT: frozenset[WindowMethod] = frozenset({"byte mark", "journal cursor"})
"""With these methods every line of an item lies in the window, also one without a time."""
IN_WINDOW = 0.75
"""For a line without a time of which that is known."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all items of one failure are judged against."""

    scene: Scene
    overlap: Overlap
    belonging: Belonging
    history: History
    clocks: Mapping[str, HostClock]
    collected_at: datetime
    is_over: Callable[[], bool]
    """Whether the time for ranking is used up."""


class Scored(NamedTuple):
    """A unit of lines of one source with its score; what is said of it is worked out only when it is shown."""

    unit: Unit
    score: float
    times: int
    """How often the like of it stands there."""
    at: datetime | None
    is_onset: bool


class Source:
    """One item with what is known of its earlier lines. Linear in the lines.

    ``most_lines``: how many of the newest are read; ``unread`` counts those that were not, ``unjudged`` those that
    were read when the time was used up.
    """

    def __init__(self, item: Item, setting: Setting, *, lines: Sequence[SafeText], most_lines: int) -> None:
        self.item = item
        self._setting = setting
        self._all_lines = lines
        left_out = max(0, len(lines) - most_lines)
        self.log = Log(lines[left_out:], is_over=setting.is_over)
        self.unread = left_out + self.log.first
        self.unjudged = 0
        self._shares = setting.overlap.shares(self.log.lines)
        self._held = setting.belonging.held_in(self.log.lines)
        self._is_snapshot = item.kind in ("command", "query") and item.window is None
        """Its rows count by their change, never by their words; see `states`."""
        self._proven = _from(self.unread, item.lines_found_by(_EXACT))
        self._unsure = _from(self.unread, item.unsure_lines)
        self._moments = Moments(
            self.log.lines,
            clock=setting.clocks.get(item.host),
            near=setting.scene.failed_at,
            headings=_from(self.unread, item.headings),
            line_times=item.line_times[self.unread :],
        )
        self._before = templates_of(f"{item.before}\n{item.baseline or ''}".splitlines())
        self._early = self._ahead_of_window()
        self._earlier = setting.history.seen(item.host, item.collector)
        known = len(self._before) + len(self._early) + len(self._earlier)
        self._knows_enough = known >= _ENOUGH or bool(item.baseline)
        self._looked_back = judged_lines(item, setting.history.tests, setting.scene.failure.window.start, len(lines))
        self._first_words = self._lines_first_of_their_kind()
        self._changes: Mapping[int, Signal] = {}
        """Lines that tell of a change of what the failure or an error names, with that as the reason."""
        self._stood_ahead: dict[int, Novelty] = {}
        """Of a line whose shape stands ahead of the test, too, where the item's own window reaches further back."""

    def errors(self) -> Iterator[int]:
        """The lines that tell of an error, and not one of every day."""
        for place, reading in enumerate(self.log.readings):
            if reading.gravity.weight >= GRAVE and not self._is_usual(place):
                yield place

    def changes(self) -> Iterator[int]:
        """The ordinary lines that tell of a change, and not one of every day."""
        for place, reading in enumerate(self.log.readings):
            if reading.gravity is CHANGED and not self._is_usual(place):
                yield place

    def _is_usual(self, place: int) -> bool:
        if self._looked_back:
            return self._looked_back[self.unread + place].is_usual
        return self.log.template(place) in self._before

    def said(self, place: int) -> SafeText:
        """A line without its time and its speaker."""
        return derived(_part_behind, self._all_lines[self.unread + place], self.log.readings[place].said_at)

    def at(self, place: int) -> datetime | None:
        return self._moments.at(place)

    def tell_changes(self, changes: Mapping[int, Signal]) -> None:
        """Which of the changes count, and why."""
        self._changes = changes

    def scored(self) -> list[Scored]:
        """The units that have a signal, in any order; of lines of one shape the most significant."""
        groups = self._groups()
        scale = log(max(2, len(self.log)))
        scored: list[Scored] = []
        for number, units in enumerate(reversed(groups.values())):  # the newest first, should time run out
            if number and number % _AT_ONCE == 0 and self._setting.is_over():
                self.unjudged += sum(len(units) for units in list(groups.values())[: len(groups) - number])
                break
            best = self._best(self.log.template(units[0].telling), units, 1.0 - log(len(units)) / scale)
            if best is not None:
                scored.append(best)
        return scored

    def _groups(self) -> dict[str, list[Unit]]:
        """The units that may be suspects, by their shapes and in their order; the newest, should time run out."""
        told = {line[2:].strip() for line in self.item.changes if line.startswith("+ ")}  # a change speaks for itself
        telling = self._setting.overlap.telling_lines(self._shares, least=_LEAST_CAUSE)
        units = list(units_of(self.log, also={*telling, *self._first_words, *self._changes}))
        shaped: list[tuple[str, Unit]] = []
        for number, unit in enumerate(reversed(units)):
            if number and number % _AT_ONCE == 0 and self._setting.is_over():
                self.unjudged = len(units) - number
                break
            if self._is_snapshot and not any(map(self._is_dated, unit.lines)):
                continue
            if not told or self.log.lines[unit.telling].strip() not in told:
                shaped.append((self._shape(unit), unit))
        groups: dict[str, list[Unit]] = {}
        for shape, unit in reversed(shaped):
            groups.setdefault(shape, []).append(unit)
        return groups

    def _shape(self, unit: Unit) -> str:
        """Of a trace with the shapes of the line that logs it and of its error: each may have many of the other."""
        telling = self.log.template(unit.telling)
        if unit.error is not None:
            return f"{telling}\n{self.log.template(unit.error)}"
        opener = unit.lines[0]
        return telling if opener == unit.telling else f"{telling}\n{self.log.template(opener)}"

    def candidate(self, scored: Scored) -> Candidate:
        """A scored unit with the reasons for it."""
        place = self.unread + scored.unit.telling
        found = self._found(scored)
        around = 0 if self.item.glance else _CONTEXT_LINES  # lines of a glance stood anywhere
        return Candidate(
            host=self.item.host,
            component=self.item.component,
            collector=self.item.collector,
            item=self.item,
            line_number=place,
            text=self._all_lines[place],
            lines_before=tuple(self._all_lines[max(0, place - around) : place]),
            lines_after=tuple(self._all_lines[place + 1 : place + 1 + around]),
            at=scored.at,
            score=scored.score,
            is_onset=scored.is_onset,
            signals=tuple(signals_of(found)),
            count=scored.times,
            error=found.error,
            trace=self._trace(scored.unit),
            shares=_sharing_words(found.shared),
            told_by=_told_by(found),
            belongs=found.proof is not None and found.proof.is_own,
        )

    def _trace(self, unit: Unit) -> tuple[SafeText, ...]:
        if not unit.is_trace:
            return ()
        first = self.unread + unit.lines[0]
        return tuple(self._all_lines[first : first + min(unit.size, _TRACE_LINES)])

    def _best(self, shape: str, units: list[Unit], rarity: float) -> Scored | None:
        """Of units of one shape the first of the test's time, unless a later one shares more with the failure."""
        count = len(units)
        first, *later = self._of_test(units)
        best = self._scored(first, shape, count, rarity)
        sharing = next((unit for unit in later if self._shares_more(unit, first)), None)
        if first.telling not in self._changes:
            sharing = next((unit for unit in later if unit.telling in self._changes), sharing)
        other = self._scored(sharing, shape, count, rarity) if sharing else None
        return other if other and (best is None or other.score > best.score) else best

    def _of_test(self, units: list[Unit]) -> list[Unit]:
        """The units without those ahead of the test, in whose stead it is noted what they say of the others' novelty.

        All of them where none is of the test. Only a window that is not the test's has many lines ahead of it.
        """
        if self.item.window is None or self.item.window.kind in ("test", "none") or len(units) == 1:
            return units
        earliest = self._setting.scene.failure.window.start - timedelta(seconds=SLACK_S)
        ats = [self._moments.at(unit.telling) for unit in units]
        ahead = [at for at in ats if at is not None and at < earliest]
        later = [unit for unit, at in zip(units, ats, strict=True) if at is None or at >= earliest]
        within = [at for at in ats if at is not None and at >= earliest]
        if not (ahead and within):
            return units
        judged = self._judged_ahead(ahead, within)
        self._stood_ahead.update((unit.telling, judged) for unit in later)
        return later

    def _judged_ahead(self, ahead: list[datetime], within: list[datetime]) -> Novelty:
        start = self._setting.scene.failure.window.start
        lines_ahead = list(self._moments.ahead_of(start))
        began = self._moments.at(lines_ahead[0]) if lines_ahead else None
        tests = self._setting.history.tests
        return judged_shape_ahead(
            ahead, within, log_began=began or ahead[0], lines=len(lines_ahead), tests=tests, start=start
        )

    def _shares_more(self, unit: Unit, first: Unit) -> bool:
        held = self._shares.by_line.get(unit.telling)
        return held is not None and held > self._shares.by_line.get(first.telling, frozenset())

    def _scored(self, unit: Unit, shape: str, count: int, rarity: float) -> Scored | None:
        """None when nothing speaks for the unit."""
        gravity = gravity_of_unit(unit, self.log)
        shared = self._shared(unit)
        cause = gravity.weight + (TRACE if unit.is_trace else 0.0)
        is_first = unit.telling in self._first_words
        is_change = unit.telling in self._changes
        if cause + shared.weight < _LEAST_CAUSE and not (is_first or is_change):
            return None
        at = self._moment(unit)
        offset_s = self._setting.scene.offset_s(at) if at else None
        nearness = self._nearness(unit, offset_s)
        novelty = self._novelty(unit, shape, offset_s)
        proof = self._held.proof(unit.lines)
        score = cause + nearness + _context(gravity, shared, novelty, cause) + RARE * rarity + _weight_of(proof)
        score += FIRST_WORDS if is_first else 0.0
        score = max(score, min(score + NAMED_CHANGE, MOST_OF_CHANGE)) if is_change else score
        if score < _LEAST_SCORE:
            return None
        is_cause = not (novelty.is_usual or gravity.is_conclusion or _is_echo(gravity) or _weight_of(proof) < 0)
        is_onset = cause >= GRAVE and is_cause and nearness >= 0
        return Scored(unit, round(score, 2), count, at, is_onset)

    def _found(self, scored: Scored) -> Found:
        """All that is found out about a unit."""
        unit, scene = scored.unit, self._setting.scene
        offset_s = scene.offset_s(scored.at) if scored.at else None
        novelty = self._novelty(unit, self.log.template(unit.telling), offset_s)
        return Found(
            gravity=gravity_of_unit(unit, self.log),
            novelty=novelty,
            stands_since=scene.since(scored.at, novelty.since_s) if novelty.kind == "standing" else None,
            shared=self._shared(unit),
            near=None if offset_s is None else scene.signal(offset_s, perhaps_later_s=self._perhaps_later_s(unit)),
            offset_s=offset_s,
            in_window=self._is_of_window(unit) if offset_s is None else scene.is_inside(offset_s),
            may_be_older=offset_s is None and unit.telling in self._unsure,
            count=scored.times,
            trace_size=unit.size,
            logged_as=self._all_lines[self.unread + unit.lines[0]] if unit.lines[0] < unit.telling else None,
            change=self._changes.get(unit.telling),
            error=NO_WORDS if unit.error is None else self._all_lines[self.unread + unit.error],
            proof=self._held.proof(unit.lines),
        )

    def _is_dated(self, place: int) -> bool:
        """Whether a line bears a time of its own: what a log wrote, not a row of a state."""
        is_dated = self.log.readings[place].message_at > 0 or self.log.lines[place].startswith("{")
        return is_dated and self._moments.borne(place) is not None

    def _is_of_window(self, unit: Unit) -> bool:
        """Whether the mark proves it. A line that may be older and has no time of its own never is a headline."""
        return unit.telling in self._proven and unit.telling not in self._unsure

    def _nearness(self, unit: Unit, offset_s: float | None) -> float:
        if offset_s is None:
            return IN_WINDOW if self._is_of_window(unit) else 0.0
        return self._setting.scene.nearness(offset_s, perhaps_later_s=self._perhaps_later_s(unit))

    def _perhaps_later_s(self, unit: Unit) -> float:
        return self._moments.may_be_later_s(unit.telling)

    def _moment(self, unit: Unit) -> datetime | None:
        """When the unit was written; None where that contradicts the mark, which proves it to be of the window."""
        at = self._moments.at(unit.telling)
        if at is None or not self._is_of_window(unit):
            return at
        slack = timedelta(seconds=SLACK_S)
        is_possible = self._setting.scene.failure.window.start - slack <= at <= self._setting.collected_at + slack
        return at if is_possible else None

    def _shared(self, unit: Unit) -> Shared:
        by_line = self._shares.by_line
        if not unit.others:
            return self._setting.overlap.of_parts(by_line.get(unit.telling, _NOTHING), self.log.lines[unit.telling])
        if by_line.keys().isdisjoint(unit.lines):
            return NOTHING_SHARED
        return self._setting.overlap.of("\n".join(self.log.lines[index] for index in unit.lines))

    def _novelty(self, unit: Unit, shape: str, offset_s: float | None) -> Novelty:
        """Of a unit, by what stood ahead of the test and ahead of the item's window; what is usual by one is usual."""
        judged, ahead = self._novelty_in_window(unit, shape, offset_s), self._stood_ahead.get(unit.telling)
        if ahead is None or judged.is_usual or judged.stood_before or judged.failed_test or judged.kind == "standing":
            return judged
        return judged if ahead is NEUTRAL else ahead

    def _novelty_in_window(self, unit: Unit, shape: str, offset_s: float | None) -> Novelty:
        """Of a unit, by the host's look-back; where there is none, by what this run has seen of its shape."""
        first_seen = self._earlier.get(shape)
        if self._looked_back:
            judged = self._judged(unit)
            if judged.is_usual and judged.passed_test is None and first_seen:
                return Novelty("new", failed_test=first_seen)  # news stays news for the whole run
            return judged
        if first_seen:
            return Novelty("neutral", failed_test=first_seen)
        is_inside = offset_s is not None and self._setting.scene.is_inside(offset_s)
        if shape in self._before or first_seen == "" or (is_inside and shape in self._early):
            return USUAL
        return NEWS if self._knows_enough else NEUTRAL

    def _judged(self, unit: Unit) -> Novelty:
        """By the telling line; where a trace of the test's own is logged by a line that is news, by that one."""
        judged = self._looked_back[self.unread + unit.telling]
        if judged.is_usual and unit.others and self._shared(unit).weight >= _TELLING_OVERLAP:
            news = (each for place in unit.others if (each := self._looked_back[self.unread + place]).is_news)
            return next(news, judged)
        return judged

    def _lines_first_of_their_kind(self) -> frozenset[int]:
        """The first lines without a grave word whose like the log never held, by the host's look-back.

        A change is often told in words of its own ("from here on it is summer"): that they are new is all there is.
        """
        found: dict[str, int] = {}
        for place, judged in enumerate(self._looked_back[self.unread :]):
            if judged is NEWS and is_plain(self.log.readings[place].gravity):
                if not self.log.readings[place].is_blank:
                    found.setdefault(self.log.template(place), place)
                if len(found) == _MOST_FIRST_WORDS:
                    break
        return frozenset(found.values())

    def _ahead_of_window(self) -> frozenset[str]:
        """Shapes of lines that came along though they were written before the window."""
        window = self.item.window
        since = window.since if window else None
        if window is None or since is None or window.method in _EXACT:
            return frozenset()
        return frozenset(self.log.template(index) for index in self._moments.ahead_of(since))


def _part_behind(line: str, chars: int) -> str:
    return line[chars:LINE_CHARS]


def _from(start: int, numbers: frozenset[int]) -> frozenset[int]:
    """Numbers of an item's lines as those of its newest, of which the first is ``start``."""
    return frozenset(number - start for number in numbers if number >= start) if start else numbers


def _weight_of(proof: Proof | None) -> float:
    return 0.0 if proof is None else OWN if proof.is_own else FOREIGN


def _context(gravity: Gravity, shared: Shared, novelty: Novelty, cause: float) -> float:
    """What words shared with the failure and novelty add to a unit's own weight."""
    score = min(ECHO, shared.weight) if _is_symptom(gravity) else shared.weight
    if gravity.is_conclusion:
        score += CONCLUSION
    if novelty.is_usual:
        return score + SEEN
    if novelty.is_news:
        return score + (NEW if cause >= _LEAST_CAUSE else NEW_BUT_HARMLESS)
    return score


_ECHOES = frozenset({"server error", "page not found"})


def _is_echo(gravity: Gravity) -> bool:
    """A server's own 500 or 404 is the failure itself, seen from the other side: it tells what, never why."""
    return bool(gravity.cues) and gravity.cues[0].name in _ECHOES


def _told_by(found: Found) -> str:
    cues = found.gravity.cues
    if any(cue.told_by == "server" and _is_strong(found, cue) for cue in cues):
        return "server"
    return "client" if any(cue.told_by == "client" for cue in cues) else ""


def _is_symptom(gravity: Gravity) -> bool:
    return bool(gravity.cues) and gravity.cues[0].kind == "symptom"


# --- Order: no host and no source takes all places --------------------------------------------------------------------

PER_SOURCE, PER_HOST = 6, 10
"""Of the suspects that are shown, while others wait."""

T = TypeVar("T", bound=Hashable)


def interleaved(*orders: Sequence[T]) -> list[T]:
    """The first of each order, the second of each …; each once: the gravest line is not always where it began."""
    return list(dict.fromkeys(each for each in chain.from_iterable(zip_longest(*orders)) if each is not None))


class Placed(Protocol):
    """Something that comes from a source of a host."""

    @property
    def host(self) -> str: ...
    @property
    def collector(self) -> str: ...


P = TypeVar("P", bound=Placed)


def within_quotas(ordered: Iterable[P], *, most: int) -> list[P]:
    """The first of these, as many as asked for; those beyond a quota come after all others."""
    hosts: Counter[str] = Counter()
    sources: Counter[tuple[str, str]] = Counter()
    inside: list[P] = []
    beyond: list[P] = []
    for each in ordered:
        source = (each.host, each.collector)
        if hosts[each.host] >= PER_HOST or sources[source] >= PER_SOURCE:
            beyond.append(each)
            continue
        hosts[each.host] += 1
        sources[source] += 1
        inside.append(each)
    return [*inside, *beyond][:most]
