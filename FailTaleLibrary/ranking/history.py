"""What a run has seen so far, as a pure value: the ordinary lines of each source, and the failures' signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice, takewhile
from typing import TypeVar

from FailTaleLibrary.lazy import dataclass, field, replace
from FailTaleLibrary.ranking.belonging import Used
from FailTaleLibrary.ranking.lines import Log, templates_of
from FailTaleLibrary.ranking.novelty import RunTest, judged_lines
from FailTaleLibrary.ranking.severity import is_plain
from FailTaleLibrary.records import Failure, Identifier, Item, Report, SafeText, our_words

MAX_TEMPLATES = 4000
"""Of one source; the oldest are forgotten first."""
MAX_SOURCES = 400
MAX_SIGNATURES = 2000
MAX_USED = 1000
MAX_TESTS = 200
"""The newest: no look-back reaches further."""
MOST_LINES = 20_000
"""Of one item that are read once more; the newest."""
_MOST_ORDINARY = 200
"""Ordinary lines of one item whose templates are remembered."""
_AT_ONCE = 100
"""Lines between two looks at whether time is used up."""
_ORDINARY = our_words("")

K = TypeVar("K")
V = TypeVar("V")
Source = tuple[str, str]
"""Host and collector."""
Shapes = Mapping[str, SafeText]
"""Template -> name of the first failure in whose window it was seen, empty for an ordinary line; oldest first."""


@dataclass(frozen=True, slots=True)
class History:
    """What this run has seen so far; grows by `with_report` and `with_lines`, each of which returns a new value."""

    shapes: Mapping[Source, Shapes] = field(default_factory=dict)
    signatures: Mapping[str, SafeText] = field(default_factory=dict)
    """Hash -> name of the first failure that had it."""
    tests: tuple[RunTest, ...] = ()
    """In the order in which they ended."""
    used: Mapping[str, Used] = field(default_factory=dict)
    """Identifiers that earlier tests used, by their text in lower case."""
    silent_since: Mapping[str, datetime] = field(default_factory=dict)
    """Host -> when it was first asked in vain, while it has not answered since."""
    failing_since: Mapping[Source, datetime] = field(default_factory=dict)
    """Whose command failed -> when it first did so, while it has not succeeded since."""
    answered: frozenset[str] = frozenset()
    """Hosts that answered at an earlier failure."""

    def with_lines(self, host: str, collector: str, lines: Iterable[str]) -> History:
        """Knows that a source writes such lines while all is well: from a passing test, or from before a window."""
        shapes = dict(self.shapes)
        _add_shapes(shapes, (host, collector), dict.fromkeys(sorted(templates_of(lines)), _ORDINARY))
        return replace(self, shapes=_newest_entries(shapes, MAX_SOURCES))

    def with_test(self, test: RunTest) -> History:
        """Knows of one more test, so that what logs held while it ran can be known by its outcome."""
        return replace(self, tests=(*self.tests, test)[-MAX_TESTS:])

    def with_tests_of_other_runs(self, tests: Iterable[RunTest]) -> History:
        """Knows of tests of earlier runs as well, such as this one's when somebody tries it again and again."""
        every = sorted((*tests, *self.tests), key=lambda test: test.window.end)
        return replace(self, tests=tuple(every[-MAX_TESTS:]))

    def with_used(self, test: SafeText, identifiers: Iterable[Identifier]) -> History:
        """Knows what one more test used."""
        used = dict(self.used)
        for identifier in identifiers:
            key = identifier.text.casefold()
            known = used.pop(key, Used(identifier, ()))  # what was used last is forgotten last
            used[key] = replace(known, tests=(*known.tests[-1:], test))
        return replace(self, used=_newest_entries(used, MAX_USED))

    def with_report(self, report: Report, *, is_over: Callable[[], bool] = lambda: False) -> History:
        """Knows what one failure's evidence held, and the failure's signature.

        ``is_over``: whether the time for it is used up; then no more lines are read.
        """
        shapes = dict(self.shapes)
        for item in report.evidence.items:
            if is_over():
                break
            self._take_item(item, report.failure, shapes, is_over)
        history = replace(self, shapes=_newest_entries(shapes, MAX_SOURCES))
        history = history.with_used(report.failure.name, report.failure.identifiers)
        return replace(
            history.with_test(RunTest(report.failure.name, report.failure.window, has_passed=False)),
            signatures=self._signatures_with(report),
            silent_since=self._silent_with(report),
            failing_since=self._failing_with(report),
            answered=self.answered | {item.host for item in report.evidence.items},
        )

    def seen(self, host: str, collector: str) -> Shapes:
        """What is known of one source."""
        return self.shapes.get((host, collector), {})

    def stopped_answering(self, host: str, answered_at: datetime | None, silent_since: datetime | None) -> bool:
        """Whether a host answered earlier in this run, and no test has passed without it since."""
        if answered_at is None and host not in self.answered:
            return False
        passed = (test for test in self.tests if test.has_passed)
        return silent_since is None or not any(test.window.start >= silent_since for test in passed)

    def passed_while_failing(self, host: str, collector: str) -> SafeText | None:
        """The last test that has passed since a collector's command first failed, if it has not succeeded since."""
        since = self.failing_since.get((host, collector))
        if since is None:
            return None
        return next(
            (test.name for test in reversed(self.tests) if test.has_passed and test.window.start >= since), None
        )

    def _take_item(
        self, item: Item, failure: Failure, shapes: dict[Source, Shapes], is_over: Callable[[], bool]
    ) -> None:
        """Add what an item shows to ``shapes``.

        Where the host looked back, its routine lines are known anew each time: then only news is remembered.
        """
        source = (item.host, item.collector)
        ordinary = dict.fromkeys(sorted(templates_of(item.before.splitlines())), _ORDINARY)
        judged = judged_lines(item, self.tests, failure.window.start, len(item.lines))
        lines = [line for line, each in zip(item.lines, judged, strict=True) if each.is_news] if judged else item.lines
        of_window = dict.fromkeys(sorted(_telling_templates(lines, is_over)), failure.name)
        _add_shapes(shapes, source, {**of_window, **ordinary})

    def _signatures_with(self, report: Report) -> Mapping[str, SafeText]:
        signature = report.analysis.signature
        if signature is None or signature.hash in self.signatures:
            return self.signatures
        return _newest_entries({**self.signatures, signature.hash: report.failure.name}, MAX_SIGNATURES)

    def _silent_with(self, report: Report) -> Mapping[str, datetime]:
        answered = {item.host for item in report.evidence.items}
        silent = {host: since for host, since in self.silent_since.items() if host not in answered}
        for gap in report.evidence.gaps:
            if gap.collector is None and gap.at is not None and gap.host not in answered:
                silent.setdefault(gap.host, gap.at)
        return silent

    def _failing_with(self, report: Report) -> Mapping[Source, datetime]:
        failing = dict(self.failing_since)
        for item in report.evidence.items:
            source = (item.host, item.collector)
            if item.status != "failed":
                failing.pop(source, None)
            elif source not in failing:
                failing[source] = item.started_at or report.failure.window.end
        return _newest_entries(failing, MAX_SOURCES)


def _add_shapes(shapes: dict[Source, Shapes], source: Source, shown: Shapes) -> None:
    """What a failure's window showed first stays its own, though it stands before the next window."""
    earlier = shapes.pop(source, {})  # what was shown last is forgotten last
    known = {**earlier, **{shape: name for shape, name in shown.items() if shape not in earlier}}
    shapes[source] = _newest_entries(known, MAX_TEMPLATES)


def _telling_templates(lines: Sequence[str], is_over: Callable[[], bool]) -> set[str]:
    """Of the lines that could be suspects, where they are many the newest; of ordinary lines a few say enough."""
    log = Log(lines[-MOST_LINES:], is_over=is_over)
    ordinary = islice((index for index, each in enumerate(log.readings) if is_plain(each.gravity)), _MOST_ORDINARY)
    grave = (index for index, each in enumerate(log.readings) if not is_plain(each.gravity))
    in_time = takewhile(lambda each: each[0] % _AT_ONCE or not is_over(), enumerate(chain(ordinary, grave)))
    return {shape for _, index in in_time if (shape := log.template(index))}


def _newest_entries(entries: dict[K, V], most: int) -> dict[K, V]:
    return dict(list(entries.items())[-most:]) if len(entries) > most else entries
