"""First answers of many hosts -> which hosts a failure names, and which differ from the others, best first. Pure.

What most hosts of a component say is how such hosts are; what one of them says, or fails to say, is worth a closer
look. Lines are compared by their templates, states by their rows. Linear in the lines.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from statistics import median

from FailTaleLibrary.belonging.identifiers import sought_words
from FailTaleLibrary.lazy import dataclass, field, regex
from FailTaleLibrary.ranking.history import History
from FailTaleLibrary.ranking.lines import LINE_CHARS, Log, gist, template
from FailTaleLibrary.ranking.names import Names
from FailTaleLibrary.ranking.novelty import NEUTRAL, novelty_by_line
from FailTaleLibrary.ranking.states import states_of
from FailTaleLibrary.records import (
    Evidence,
    Failure,
    Gap,
    Item,
    SafeText,
    configured_name,
    derived,
    derived_texts,
    our_words,
)

NOTABLE = 2.5
"""With less a host does not stand out."""
NAMED, NAMED_BY_STEP, NAMED_BY_OTHER, OF_TEST, NAMED_COMPONENT = 40.0, 30.0, 9.0, 20.0, NOTABLE
"""By the failure itself, by another step of the test, by what another host logged, by what the test used."""
_ONE_OF = 0.05
"""What so small a part of a component's hosts says, or one alone, tells them from the others."""
_MANY = 0.25
_MOST = 0.8
"""What so many say is how such hosts are."""
_FEWEST = 5
"""Hosts of a component, from which on they can be compared."""
_ALONE, _COMMON = 1.5, 0.3
_NEW, _UNIQUE, _OTHER_ROWS, _SILENT_LOG, _LOUD_LOG, _OWN_GAP, _UNSEEN = 2.0, 1.5, 3.5, 4.0, 3.0, 3.0, 3.0
_SLOW, _SLOW_S, _TIMES_SLOWER = 3.0, 3.0, 10
"""A command that takes seconds more than on the others is worth a look, one that takes twice as long is not."""
_MOST_ROWS = 400
"""Of one state; longer ones are lists of what comes and goes."""
_MOST_NAMING = 60
"""Grave lines that are searched for names of other hosts."""


@dataclass(frozen=True, slots=True)
class StandingOut:
    """A host that is worth a closer look, and the best reason."""

    host: str
    score: float
    why: SafeText


@dataclass(slots=True)
class _Board:
    """The best reason of each host."""

    found: dict[str, StandingOut] = field(default_factory=dict)

    def add(self, host: str, score: float, why: SafeText) -> None:
        known = self.found.get(host)
        if known is None or score > known.score:
            self.found[host] = StandingOut(host, round(score, 2), why)

    def best_first(self) -> list[StandingOut]:
        return sorted(self.found.values(), key=lambda each: -each.score)  # equals stay in the configuration's order


def standing_out(
    failure: Failure, evidence: Evidence, *, is_over: Callable[[], bool] = lambda: False
) -> list[StandingOut]:
    """Hosts that the failure names or that differ from others of their component, best first.

    ``evidence``: what came of all hosts so far; without items only names count. ``is_over``: whether the time for it is
    used up, asked between its parts.
    """
    board = _Board()
    names = Names(evidence)
    _named_by_failure(failure, evidence, names, board)
    grave: list[tuple[float, str, SafeText]] = []
    for part in (
        partial(_judge_states, evidence, board),
        partial(_judge_rows, evidence, board),
        partial(_judge_slowness, evidence, board),
        partial(_judge_logs, failure, evidence, board, grave),
        partial(_judge_volumes, evidence, board),
        partial(_judge_gaps, evidence, board),
        partial(_named_by_others, names, grave, board),
    ):
        if not is_over():
            part()
    return board.best_first()


# --- Named by the failure ---------------------------------------------------------------------------------------------


def _named_by_failure(failure: Failure, evidence: Evidence, names: Names, board: _Board) -> None:
    told = [failure.message, *(text for step in failure.keyword_path for text in step.arguments)]
    steps = [text for step in failure.keywords for text in step.arguments]
    used = [each.text for each in failure.identifiers]
    addresses = _own_addresses(evidence)
    for texts, score, why in (
        (told, NAMED, our_words("the failure names it")),
        ([*steps, *used], NAMED_BY_STEP, our_words("a step of the test names it")),
    ):
        for text in dict.fromkeys(texts):
            for host, words in _named_in(text, names, addresses):
                board.add(host, score, our_words("{} ({})", why, derived(partial(_same, words), text)))
    for component in _components_named(told, evidence):
        for each in evidence.names:
            if component in each.components:
                words = our_words("the failure names its component {}", configured_name(component))
                board.add(each.host, NAMED_COMPONENT, words)


def _same(words: str, text: str) -> str:
    """Words that stand in a text."""
    return words


def _named_in(text: str, names: Names, addresses: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield from names.named_in(text, by="").items()
    for word in _ADDRESS.findall(text[: 4 * LINE_CHARS]):
        if word in addresses:
            yield addresses[word], word


_ADDRESS = regex(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)")


def _own_addresses(evidence: Evidence) -> dict[str, str]:
    """Addresses of the configuration that one host alone has; a loopback address, too, says which one is meant."""
    hosts: dict[str, set[str]] = defaultdict(set)
    for each in evidence.names:
        for address in each.addresses:
            hosts[address].add(each.host)
    return {address: next(iter(those)) for address, those in hosts.items() if len(those) == 1}


def _components_named(texts: Iterable[str], evidence: Evidence) -> list[str]:
    """Components of which the failure speaks; where all hosts have one component it tells them from nobody."""
    components = dict.fromkeys(component for each in evidence.names for component in each.components)
    if len(components) < 2:
        return []
    words = {word for text in texts for word in re.findall(r"[a-z0-9_.-]+", text[: 4 * LINE_CHARS].lower())}
    return [component for component in components if component.lower() in words]


# --- What differs: states ---------------------------------------------------------------------------------------------


def _judge_states(evidence: Evidence, board: _Board) -> None:
    """What broke or stands at its limit, the less the more hosts say the same."""
    found = [
        (each, (each.component, each.collector, template(each.text.replace(each.host, ""))))
        for each in states_of(evidence, History())
        if each.item is not None or each.collector
    ]
    shares = _Shares(evidence)
    sharing = _hosts_by((key, each.host) for each, key in found)
    for each, key in found:
        score = shares.weighed(each.score, each.component, sharing[key])
        board.add(each.host, score, derived(partial(gist, max_chars=60), each.text))


def _judge_rows(evidence: Evidence, board: _Board) -> None:
    for item, rows, _ in rows_missed(evidence):
        board.add(item.host, _OTHER_ROWS, derived(partial(_other_rows, len(rows)), item))


def rows_missed(evidence: Evidence) -> Iterator[tuple[Item, tuple[SafeText, ...], int]]:
    """Rows of a state that nearly all hosts of a component have, and one lacks: another version, a unit gone.

    With the number of hosts that were asked for it; rows in the order in which others have them.
    """
    for items in _by_question(item for item in evidence.items if item.window is None and item.status == "ok"):
        if len(items) < _FEWEST:
            continue
        rows = {item.host: dict.fromkeys(derived_texts(_rows_of, item)) for item in items}
        counts = Counter(row for those in rows.values() for row in those)
        common = {row: number for row, number in counts.items() if number >= _MOST * len(rows)}
        most_lacking = max(1, _ONE_OF * len(rows))
        telling = [row for row, number in common.items() if 0 < len(rows) - number <= most_lacking]
        for item in items:
            if missed := tuple(row for row in telling if row not in rows[item.host]):
                yield item, missed, len(items)


def _rows_of(item: Item) -> list[str]:
    return item.text.splitlines()[:_MOST_ROWS]


def _other_rows(number: int, item: Item) -> str:
    return f"{item.collector} differs from the others in {number} row{'s' if number > 1 else ''}"


def _judge_slowness(evidence: Evidence, board: _Board) -> None:
    """A host on which a command took many times as long as on the others: its disk, or all of it, is slow."""
    for items in _by_question(item for item in evidence.items if item.kind != "query"):
        if len(items) < _FEWEST:
            continue
        usual = median(item.duration_s for item in items)
        slow = [item for item in items if item.duration_s > max(_SLOW_S, _TIMES_SLOWER * usual)]
        if len(slow) <= max(1, _ONE_OF * len(items)):
            for item in slow:
                board.add(item.host, _SLOW, derived(_slow_words, item, item.duration_s, usual))


def _slow_words(item: Item, seconds: float, usual: float) -> str:
    return f"{item.collector} took {seconds:.1f} s, on other hosts about {usual:.1f} s"


# --- What differs: logs -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _SaidLine:
    """A line of a log, as one host logged it."""

    host: str
    component: str
    shape: tuple[str, str, str]
    """Component, collector and template: what lines of several hosts have in common."""
    text: SafeText
    weight: float
    is_new: bool


def _judge_logs(failure: Failure, evidence: Evidence, board: _Board, grave: list[tuple[float, str, SafeText]]) -> None:
    """Grave, new and unique lines; ``grave`` gets those that may name other hosts."""
    logs = [item for item in evidence.items if item.window is not None]
    for item in logs:
        if item.glance and item.omitted_lines and not item.text:
            board.add(item.host, _UNSEEN, derived(_unseen_words, item))
    said = [line for item in logs for line in _said_lines(item)]
    sharing = _hosts_by((line.shape, line.host) for line in said)
    shares = _Shares(evidence)
    _judge_lines_of_test(sought_words(failure), said, shares, board)
    for line in said:
        is_unique = shares.is_rare(line.component, sharing[line.shape])
        score = line.weight + _NEW * line.is_new + _UNIQUE * (is_unique and line.is_new)
        score = shares.weighed(score, line.component, sharing[line.shape])
        if score < NOTABLE:
            continue
        words = _words_of_line(line.is_new, is_unique)
        board.add(line.host, score, our_words("{}: {}", words, derived(partial(gist, max_chars=60), line.text)))
        grave.append((score, line.host, line.text))


def _judge_lines_of_test(words: Collection[str], said: Sequence[_SaidLine], shares: _Shares, board: _Board) -> None:
    """Lines that hold what the test used, where not many hosts have such lines."""
    if not words:
        return
    holds = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, words))})(?![\w-]|\.\w)")
    found = [(line, match[0]) for line in said if (match := holds.search(line.text.lower()))]
    sharing = _hosts_by(((line.component, word), line.host) for line, word in found)
    for line, word in found:
        if not shares.are_many(line.component, sharing[line.component, word]):
            words_of = derived(partial(_same, word), line.text)
            board.add(line.host, OF_TEST, our_words("its log holds what the test used ({})", words_of))


def _unseen_words(item: Item) -> str:
    return f"{item.collector}: the host could not glance at it"


def _words_of_line(is_new: bool, is_unique: bool) -> SafeText:
    if is_unique:
        return our_words("on few hosts, and new") if is_new else our_words("on few hosts")
    return our_words("new in its log") if is_new else our_words("in its log")


def _said_lines(item: Item) -> Iterator[_SaidLine]:
    lines = item.lines
    log = Log(lines)
    known = {
        number: novelty
        for look_back in item.look_backs
        for number, novelty in enumerate(novelty_by_line(look_back), look_back.first_line)
    }
    headings, own_name = item.headings, template(item.host)
    for number, line in enumerate(lines):
        if number in headings or log.readings[number].is_blank:
            continue
        novelty = known.get(number, NEUTRAL)
        weight = log.gravity(number).weight * (_COMMON if novelty.is_usual else 1.0)
        shape = (item.component, item.collector, log.template(number).replace(own_name, "<host>"))
        yield _SaidLine(item.host, item.component, shape, line, weight, novelty.is_news)


def _judge_volumes(evidence: Evidence, board: _Board) -> None:
    """A log that holds nothing where those of others hold much, or many times as much."""
    for items in _by_question(item for item in evidence.items if item.window is not None):
        if len(items) < _FEWEST:
            continue
        sizes = {item.host: len(item.lines) + item.omitted_lines for item in items}
        usual = median(sizes.values())
        silent = [host for host, size in sizes.items() if not size]
        if usual >= _FEWEST and len(silent) <= max(1, _ONE_OF * len(items)):
            for item in (each for each in items if each.host in silent):
                board.add(item.host, _SILENT_LOG, derived(partial(_logs_nothing, usual), item))
        for item in items:
            if sizes[item.host] > 5 * usual + 20:
                board.add(item.host, _LOUD_LOG, derived(partial(_logs_much, usual, sizes[item.host]), item))


def _logs_nothing(usual: float, item: Item) -> str:
    return f"{item.collector} holds nothing, on other hosts about {usual:.0f} lines"


def _logs_much(usual: float, size: int, item: Item) -> str:
    return f"{item.collector} holds {size:,} lines, on other hosts about {usual:.0f}"


# --- What differs: gaps -----------------------------------------------------------------------------------------------


def _judge_gaps(evidence: Evidence, board: _Board) -> None:
    """What could not be had of few hosts, where the others gave it; what our time left out tells nothing."""
    shares = _Shares(evidence)
    gaps = [gap for gap in evidence.gaps if gap.collector is not None and gap.reason != "skipped"]
    sharing = _hosts_by(((gap.component, gap.collector, gap.reason), gap.host) for gap in gaps)
    for gap in gaps:
        if shares.is_rare(gap.component, sharing[gap.component, gap.collector, gap.reason]):
            board.add(gap.host, _OWN_GAP, derived(_gap_words, gap))


def _gap_words(gap: Gap) -> str:
    return f"{gap.collector}: {gap.reason}, as on few hosts"


# --- Named by others --------------------------------------------------------------------------------------------------


def _named_by_others(names: Names, grave: Sequence[tuple[float, str, SafeText]], board: _Board) -> None:
    """Hosts of which grave lines of others speak: ``connection to db1:5432 refused``."""
    once: dict[str, tuple[float, str, SafeText]] = {}
    for line in grave:
        once.setdefault(template(line[2]), line)
    for score, by, text in sorted(once.values(), key=lambda line: -line[0])[:_MOST_NAMING]:
        if score < NOTABLE:
            return
        for host, words in names.named_in(text, by=by).items():
            named = derived(partial(_same, words), text)
            board.add(host, NAMED_BY_OTHER, our_words("{} names it ({})", configured_name(by), named))


# --- Hosts beside each other ------------------------------------------------------------------------------------------


class _Shares:
    """How many hosts each component has of which something came."""

    def __init__(self, evidence: Evidence) -> None:
        answered = {(item.component, item.host) for item in evidence.items}
        answered |= {(gap.component, gap.host) for gap in evidence.gaps}
        self._hosts = Counter(component for component, _ in answered)

    def is_rare(self, component: str, hosts: int) -> bool:
        """Whether so few hosts of a component say so that it tells them from the others."""
        every = self._hosts[component]
        return every >= _FEWEST and hosts <= max(1, _ONE_OF * every)

    def weighed(self, score: float, component: str, hosts: int) -> float:
        """A score, the more the fewer hosts it is true of."""
        if self.is_rare(component, hosts):
            return score + (_ALONE if score else 0.0)
        return _COMMON * score if self.are_many(component, hosts) else score

    def are_many(self, component: str, hosts: int) -> bool:
        """Whether so many hosts of a component say so that it is how such hosts are."""
        every = self._hosts[component]
        return every >= _FEWEST and hosts > _MANY * every


def _hosts_by(pairs: Iterable[tuple[Hashable, str]]) -> dict[Hashable, int]:
    """What is said -> how many hosts say it."""
    hosts: dict[Hashable, set[str]] = defaultdict(set)
    for key, host in pairs:
        hosts[key].add(host)
    return {key: len(those) for key, those in hosts.items()}


def _by_question(items: Iterable[Item]) -> Iterable[list[Item]]:
    """The items of several hosts that were asked the same."""
    found: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        found[item.component, item.collector].append(item)
    return found.values()
