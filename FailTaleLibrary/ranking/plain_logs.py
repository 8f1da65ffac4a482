"""A log without times or hosts, such as a build's -> its lines, most suspicious first, with the reasons.

The same readings, traces and order as for evidence. In place of clocks it goes by what such a log has: a log of a run
that went well to compare with, the steps that a CI server marks as failed, and the order of its lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import islice
from math import log
from operator import itemgetter

from FailTaleLibrary.lazy import dataclass, regex, replace
from FailTaleLibrary.ranking.lines import LINE_CHARS, Log, templates_of
from FailTaleLibrary.ranking.score import interleaved
from FailTaleLibrary.ranking.severity import ERROR, ORDINARY, WARNING, Gravity, gravity_of
from FailTaleLibrary.ranking.signals import builds
from FailTaleLibrary.ranking.stacks import Trace, traces_of
from FailTaleLibrary.text import sanitize

NEW, SEEN, RARE = 3.0, -4.0, 1.5
HEAD, CAUSE, FRAME = 1.5, 1.0, -1.5
LATE = 1.5
"""Without a passing log: what stopped the build stands rather at its end."""
TERSE = -2.0
_TERSE_WORDS = 4
_SHORT_LOG = 200
"""Lines; within fewer, late says little."""
LAST_WORDS = 1.5
"""What is said right before the line that says that something failed."""
_RUN_LINES = 40
_MARK, _MARKED = "##[error]", 2.5
_STEP, _END_OF_SCRIPT = "##[group]Run ", "##[endgroup]"
_SCRIPT = Gravity(0.0, is_routine=True)
"""A line of a script that a CI server echoes before it runs it."""
IN_FAILED_STEP = 2.0
AGAIN, _MOST_AGAIN = 0.3, 8
_MOST_CUES = 2
_CARETS = regex(r"\^\[\[[0-9;]*m")
"""Colours as `cat -v` writes them."""
GRAVE = 3.0
"""From here on a new line can be the onset of the failure."""


@dataclass(frozen=True, slots=True)
class LineSuspect:
    """One line that could tell why."""

    line_number: int
    """From 0."""
    text: str
    """Sanitised and bounded."""
    score: float
    reasons: tuple[str, ...]
    """In words, the most significant first."""
    count: int
    """How many lines of the log have its shape."""


def suspects_in(lines: Sequence[str], *, passing: Sequence[str] | None = None, most: int) -> tuple[LineSuspect, ...]:
    """The lines that have a signal, most suspicious first, at most so many; ``passing`` as for `rank_lines`."""
    build = _Build(lines, passing)
    told = ((index, build.reasons(index)) for index in build.order())
    return tuple(build.suspect(index, reasons) for index, reasons in islice(filter(itemgetter(1), told), most))


def rank_lines(lines: Sequence[str], *, passing: Sequence[str] | None = None) -> list[int]:
    """Indices of the lines that are not blank, most suspicious first; of lines of one shape the first stands for all.

    ``passing``: the log of a run of the same thing that went well. Linear in the lines.
    """
    build = _Build(lines, passing)
    order = build.order()
    ranked = set(order)
    return [*order, *(index for index, shape in enumerate(build.templates) if shape and index not in ranked)]


class _Build:
    def __init__(self, lines: Sequence[str], passing: Sequence[str] | None) -> None:
        self.log = Log(_printable(lines), catalogue=builds())
        self.templates = [self.log.template(index) for index in range(len(self.log))]
        self.gravities = [_gravity_of_step(self.log, index) for index in range(len(self.log))]
        self._known = templates_of(_printable(passing)) if passing is not None else None
        self._counts = Counter(self.templates)
        traces = traces_of(self.log)
        self._heads = {trace.head for trace in traces if not self.log.readings[trace.head].opens_trace}
        self._causes = {trace.cause for trace in traces}
        self._frames = _frames(traces)
        self._failed_step = self._steps_that_failed()
        self._beginnings = self._runs() if passing is not None else {}

    def is_new(self, index: int) -> bool:
        return self._known is None or self.templates[index] not in self._known

    def is_onset(self, index: int) -> bool:
        gravity = self.gravities[index]
        weight = gravity.weight + (HEAD if index in self._heads else 0.0)
        return weight >= GRAVE and self.is_new(index) and index not in self._frames and not gravity.is_conclusion

    def order(self) -> list[int]:
        """The first line of each shape, most suspicious first."""
        scores = self.scores
        by_score = self._varied(sorted(scores, key=lambda index: (-scores[index], index)))
        if self._known is None:
            return by_score
        by_onset = [index for index in sorted(scores) if self.is_onset(index)]
        beginnings = self._beginnings_of([*by_score[:1], *by_onset[:1]])
        return interleaved(by_score, by_onset, [index for index in beginnings if index in scores])

    def reasons(self, index: int) -> tuple[str, ...]:
        """What speaks for a line, in words; empty when nothing does."""
        gravity = self.gravities[index]
        if gravity.is_routine or index in self._frames or not self.is_new(index):
            return ()
        reasons: list[str] = [cue.words for cue in gravity.cues[:_MOST_CUES]]
        if gravity.weight >= ERROR and not reasons:
            reasons.append("mentions an error")
        elif gravity.weight > WARNING and not reasons:
            reasons.append("mentions a failure")
        elif gravity.is_conclusion:
            reasons.append("says that something failed")
        if index in self._heads or index in self._causes:
            reasons.append("told by a stack trace")
        if index in self.last_words:
            reasons.append("stands right above the line that says that it failed")
        if self._known is not None:
            reasons.append("not in the passing log")
        elif reasons and index in self._failed_step:
            reasons.append("in the step that failed")
        return tuple(reasons)

    def suspect(self, index: int, reasons: tuple[str, ...]) -> LineSuspect:
        score = round(self.scores[index], 2)
        return LineSuspect(index, self.log.lines[index], score, reasons, self._counts[self.templates[index]])

    @cached_property
    def scores(self) -> dict[int, float]:
        """Of each line that is the first of its shape."""
        firsts: dict[str, int] = {}
        for index, shape in enumerate(self.templates):
            firsts.setdefault(shape, index)
        firsts.pop("", None)
        return {index: self._score(index) for index in firsts.values()}

    def _score(self, index: int) -> float:
        gravity, shape = self.gravities[index], self.templates[index]
        score = FRAME if index in self._frames else gravity.weight
        if index in self._heads:
            score += HEAD
        elif index in self._causes:
            score += CAUSE
        if self._known is None and self._failed_step:
            score += IN_FAILED_STEP if index in self._failed_step else 0.0
        elif self._known is None:
            score += LATE * index / max(_SHORT_LOG, len(self.log))
        else:
            score += NEW if self.is_new(index) else SEEN
        if len(shape.split()) < _TERSE_WORDS and not gravity.cues:
            score += TERSE
        rarity = 1.0 - log(self._counts[shape]) / log(max(2, len(self.log)))
        score += LAST_WORDS if index in self.last_words else 0.0
        return score + RARE * rarity - gravity.is_conclusion

    def _steps_that_failed(self) -> set[int]:
        """The lines of the steps that a CI server marks as failed, the echoed scripts of steps left out."""
        failed: set[int] = set()
        step: list[int] = []
        in_script = False
        for index in range(len(self.log)):
            message = self.log.message(index)
            if message.startswith(_STEP):
                step, in_script = [], True
            elif message.startswith(_END_OF_SCRIPT):
                in_script = False
            elif in_script:
                self.gravities[index] = _SCRIPT
            step.append(index)
            if message.startswith(_MARK):
                failed.update(step)
                step = []
        return failed

    def _beginnings_of(self, indices: Iterable[int]) -> list[int]:
        """The first lines of the runs of new lines in which these stand, each once."""
        return list(dict.fromkeys(self._beginnings[index] for index in indices if index in self._beginnings))

    def _runs(self) -> dict[int, int]:
        """Each line near the beginning of a run of new lines -> the run's first line."""
        runs: dict[int, int] = {}
        first, size = None, 0
        for index, gravity in enumerate(self.gravities):
            if not self.templates[index]:
                continue
            if not self.is_new(index) or self.log.message(index).startswith("##[group]"):
                first, size = None, 0
            elif not gravity.is_routine and size < _RUN_LINES:
                first, size = (index if first is None else first), size + 1
                runs[index] = first
        return runs

    def _varied(self, order: Sequence[int]) -> list[int]:
        """The order in which each further line of one kind counts a little less: forty failed tests are one finding."""
        seen: Counter[str] = Counter()
        lowered: dict[int, float] = {}
        for index in order:
            cues = self.gravities[index].cues
            kind = cues[0].name if cues else ""
            lowered[index] = self.scores[index] - (AGAIN * min(seen[kind], _MOST_AGAIN) if kind else 0.0)
            seen[kind] += 1
        return sorted(order, key=lambda index: (-lowered[index], index))

    @cached_property
    def last_words(self) -> set[int]:
        """The new lines right above a new line that says that something failed and not why."""
        words: set[int] = set()
        above: int | None = None
        for index, gravity in enumerate(self.gravities):
            if not self.templates[index]:
                continue
            if gravity.is_conclusion and above is not None and self.is_new(index) and self.is_new(above):
                words.add(above)
            above = None if gravity.is_conclusion or gravity.is_routine or self._stands_out(gravity) else index
        return words

    def _stands_out(self, gravity: Gravity) -> bool:
        """Whether a line needs no help: with a passing log a grave new line shows by itself."""
        return self._known is not None and gravity.weight >= GRAVE


def _printable(lines: Sequence[str]) -> list[str]:
    plain = (line if line.isprintable() else sanitize(line[:LINE_CHARS]).replace("\n", " ") for line in lines)
    return [_CARETS.sub("", line) if "^[[" in line else line for line in plain]


def _gravity_of_step(read: Log, index: int) -> Gravity:
    """A CI server marks what a step ends with; the words behind the mark say how grave that is."""
    gravity = read.gravity(index)
    if gravity is ORDINARY or not (message := read.message(index)).startswith(_MARK):
        return gravity
    inner = _unmarked(message)
    return inner if inner.is_conclusion else replace(inner, weight=max(_MARKED, inner.weight))


def _unmarked(message: str) -> Gravity:
    words = message[len(_MARK) :]
    return gravity_of(words, builds().hits_in(words))


def _frames(traces: Sequence[Trace]) -> set[int]:
    """Lines of traces that tell neither the error nor its cause."""
    inside = {index for trace in traces for index in range(trace.first, trace.last + 1)}
    return inside - {index for trace in traces for index in (trace.head, trace.cause)}
