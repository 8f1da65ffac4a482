"""Ordinary lines that tell of a change -> those that change what the failure, or a later error, names; with the reason.

What brought a failure about is often told by one line at INFO, in words that no rule knows: a flag is switched, an
index dropped, a limit lowered. Such lines are many, and most have nothing to do with the failure. One deserves a place
among the suspects where it names the same thing: the table, key, file, route or user. Pure; linear in the lines.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import log

from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.ranking.overlap import STOP_WORDS, Overlap, words_in
from FailTaleLibrary.ranking.score import Source
from FailTaleLibrary.records import SafeText, Signal, configured_name, derived_texts, our_words

CHANGED = "changed"
_MOST_ERRORS, _MOST_CHANGES = 200, 500
"""Lines of one source that are looked at: of errors the newest, of changes the newest."""
_MOST_OF_SOURCE = 3
"""Changes of one source that are told."""
_FEWEST_LINES = 100
_LEAST_RARITY = 0.5
_LEAST_CHARS = 4
_SLACK_S = 2.0
"""Clocks and buffers differ by so much."""
_PLAIN = """
    added applied before changed check checked cleanup closed completed config configuration created debug default
    deleted deploy deployed deployment disabled done dropped enabled entries every existing file files finished found
    host import imported into items keeping level list loaded loading local main mode moved name newest none now over
    packages pool process processed ready removed removing replaced reset restart restarted rows running scheduled
    service settings since skipped some start started starting stop stopped switched table task test thread total update
    updated updating users using version warn warning worker changes cached commit data system user write written
    database step steps seconds minutes hours failing unable cannot could exist exists does column index more than
"""
_PLAIN_WORDS = STOP_WORDS.union(_PLAIN.split())
"""Words that name nothing of a product."""
_WORD = regex(r"\w+")


def tell_changes(sources: Sequence[Source], overlap: Overlap) -> None:
    """Let each source know which of its changes count, at most `_MOST_OF_SOURCE`."""
    changes = [(source, place) for source in sources for place in _newest(source.changes(), _MOST_CHANGES)]
    if not changes:
        return
    named = _Named(frozenset(filter(_is_name, overlap.words)), _named_by_errors(sources))
    found = [(source, place, names) for source, place in changes if (names := named.of_change(source, place))]
    if not found:
        return
    rarity = _rarities(sources, {name for *_, names in found for name in names})
    told: dict[int, list[tuple[float, int, Signal]]] = {}
    for source, place, names in found:
        name = max(sorted(names), key=lambda each: (rarity[each], len(each)))
        if rarity[name] >= _LEAST_RARITY:
            told.setdefault(id(source), []).append((-rarity[name], place, named.signal_for(name, names[name])))
    for source in sources:
        best = sorted(told.get(id(source), ()), key=lambda each: each[:2])[:_MOST_OF_SOURCE]
        source.tell_changes({place: signal for _, place, signal in best})


@dataclass(frozen=True, slots=True)
class _Named:
    """Which words name something: by the failure, and by the errors of hosts."""

    by_failure: frozenset[SafeText]
    by_errors: Mapping[SafeText, Sequence[tuple[Source, int]]]

    def of_change(self, source: Source, place: int) -> dict[SafeText, SafeText | None]:
        """What a change has in common with the failure, by None, or with a later error, by its host."""
        found: dict[SafeText, SafeText | None] = {}
        for name in _names_in(source, place):
            if name in self.by_failure:
                found[name] = None
                continue
            errors = self.by_errors.get(name, ())
            later = next((other for other, error in errors if _can_follow(source, place, other, error)), None)
            if later is not None:
                found[name] = configured_name(later.item.host)
        return found

    def signal_for(self, name: SafeText, host: SafeText | None) -> Signal:
        if host is None:
            return Signal(name=CHANGED, words=our_words("a change of '{}', which the failure names", name))
        return Signal(name=CHANGED, words=our_words("a change of '{}', which an error of {} names", name, host))


def _named_by_errors(sources: Sequence[Source]) -> Mapping[SafeText, Sequence[tuple[Source, int]]]:
    named: dict[SafeText, list[tuple[Source, int]]] = {}
    for source in sources:
        for place in _newest(source.errors(), _MOST_ERRORS):
            for name in _names_in(source, place):
                named.setdefault(name, []).append((source, place))
    return named


def _can_follow(source: Source, place: int, other: Source, error: int) -> bool:
    if source is other:
        return place < error
    changed_at, failed_at = source.at(place), other.at(error)
    return changed_at is None or failed_at is None or (failed_at - changed_at).total_seconds() >= -_SLACK_S


def _names_in(source: Source, place: int) -> tuple[SafeText, ...]:
    return tuple(filter(_is_name, sorted(derived_texts(words_in, source.said(place)))))


def _is_name(word: str) -> bool:
    """Whether a word can name one thing of a product: no plain word, number or hash."""
    return len(word) >= _LEAST_CHARS and word not in _PLAIN_WORDS and any(char.isalpha() for char in word)


def _newest(places: Iterable[int], most: int) -> Sequence[int]:
    return deque(places, maxlen=most)


def _rarities(sources: Sequence[Source], names: Collection[str]) -> Mapping[str, float]:
    """1 for a name that one line holds, 0 for one that all hold."""
    parts = {name: frozenset(_WORD.findall(name)) for name in names}
    sought = frozenset(part for each in parts.values() for part in each)
    counts: Counter[str] = Counter()
    lines = _FEWEST_LINES
    for source in sources:
        lines += len(source.log)
        for line in source.log.lines:
            counts.update(sought.intersection(_WORD.findall(line.lower())))
    scale = log(lines + 1)
    return {name: 1 - log(1 + min(counts[part] for part in parts[name])) / scale for name in names}
