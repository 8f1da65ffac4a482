"""The log of a build, without times or hosts -> its lines, most suspicious first.

The same readings, traces and order as for evidence. In place of clocks it goes by what a build's log has: a passing
log to compare with, and the order of its lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import log

from FailTaleLibrary.ranking.lines import LINE_CHARS, Log, templates_of
from FailTaleLibrary.ranking.score import interleaved
from FailTaleLibrary.ranking.severity import ORDINARY, Gravity, gravity_of
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
GRAVE = 3.0
"""From here on a new line can be the onset of the failure."""


def rank_lines(lines: Sequence[str], *, passing: Sequence[str] | None = None) -> list[int]:
    """Indices of the lines that are not blank, most suspicious first; of lines of one shape the first stands for all.

    ``passing``: the log of a run of the same thing that went well. Linear in the lines.
    """
    build = _Build(lines, passing)
    scores = build.scores()
    by_score = sorted(scores, key=lambda index: (-scores[index], index))
    by_onset = [index for index in sorted(scores) if build.is_onset(index)]
    folded = [index for index in range(len(lines)) if index not in scores and build.templates[index]]
    beginnings = build.beginnings([*by_score[:1], *by_onset[:1]])
    return [*interleaved(by_score, by_onset, [index for index in beginnings if index in scores]), *folded]


class _Build:
    def __init__(self, lines: Sequence[str], passing: Sequence[str] | None) -> None:
        self.log = Log(_printable(lines), catalogue=builds())
        self.templates = [self.log.template(index) for index in range(len(self.log))]
        self.gravities = [_gravity(self.log, index) for index in range(len(self.log))]
        self._known = templates_of(_printable(passing)) if passing is not None else None
        self._counts = Counter(self.templates)
        traces = traces_of(self.log)
        self._heads = {trace.head for trace in traces}
        self._causes = {trace.cause for trace in traces}
        self._frames = _frames(traces)
        self._beginnings = self._runs() if passing is not None else {}

    def is_new(self, index: int) -> bool:
        return self._known is None or self.templates[index] not in self._known

    def is_onset(self, index: int) -> bool:
        gravity = self.gravities[index]
        weight = gravity.weight + (HEAD if index in self._heads else 0.0)
        return weight >= GRAVE and self.is_new(index) and index not in self._frames and not gravity.is_conclusion

    def scores(self) -> dict[int, float]:
        """Of each line that is the first of its shape."""
        firsts: dict[str, int] = {}
        for index, shape in enumerate(self.templates):
            firsts.setdefault(shape, index)
        firsts.pop("", None)
        scores = {index: self._score(index) for index in firsts.values()}
        for index in self._last_words():
            if index in scores:
                scores[index] += LAST_WORDS
        return scores

    def _score(self, index: int) -> float:
        gravity, shape = self.gravities[index], self.templates[index]
        score = FRAME if index in self._frames else gravity.weight
        if index in self._heads:
            score += HEAD
        elif index in self._causes:
            score += CAUSE
        if self._known is None:
            score += LATE * index / max(_SHORT_LOG, len(self.log))
        else:
            score += NEW if self.is_new(index) else SEEN
        if len(shape.split()) < _TERSE_WORDS and not gravity.cues:
            score += TERSE
        rarity = 1.0 - log(self._counts[shape]) / log(max(2, len(self.log)))
        return score + RARE * rarity - gravity.is_conclusion

    def beginnings(self, indices: Iterable[int]) -> list[int]:
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

    def _last_words(self) -> set[int]:
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
    return [line if line.isprintable() else sanitize(line[:LINE_CHARS]) for line in lines]


def _gravity(read: Log, index: int) -> Gravity:
    """A CI server marks what a step ends with; the words behind the mark say how grave that is."""
    gravity = read.gravity(index)
    if gravity is ORDINARY or not (message := read.message(index)).startswith(_MARK):
        return gravity
    inner = gravity_of(message[len(_MARK) :], catalogue=builds())
    return inner if inner.is_conclusion else replace(inner, weight=max(_MARKED, inner.weight))


def _frames(traces: Sequence[Trace]) -> set[int]:
    """Lines of traces that tell neither the error nor its cause."""
    inside = {index for trace in traces for index in range(trace.first, trace.last + 1)}
    return inside - {index for trace in traces for index in (trace.head, trace.cause)}
