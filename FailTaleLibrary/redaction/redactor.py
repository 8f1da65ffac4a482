"""Texts from anywhere -> texts for a record: sanitised, redacted, and counted by rule."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import re2

from FailTaleLibrary.background import must_leave, native_code
from FailTaleLibrary.errors import RedactionError
from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.records import Redaction, SafeText, derived, our_words
from FailTaleLibrary.redaction import key_blocks, tables
from FailTaleLibrary.redaction.identifiers import Identifiers
from FailTaleLibrary.redaction.known_values import KnownValues
from FailTaleLibrary.redaction.rules import Rule, prefilter, prefilter_across_lines
from FailTaleLibrary.redaction.spans import TOKEN, Span, beside_tokens, merged, token
from FailTaleLibrary.text import sanitize, shorten

_log = logger_of(__name__)

# --- Raw text -> the same text without secrets, and how many of which class were removed

_KEPT_CHARS, _MOST_KEPT = 8 * 1024, 1_000_000
"""Characters of a text that is kept with what became of it, and of all such texts."""
_MOST_ROUNDS = 6
_PIECE = 16 * 1024
"""Longer lines are searched in pieces: a search that fails reads to the piece's end, and there may be many."""
_OVERLAP = 2 * 1024
_CHUNK = 256 * 1024
WITHHELD = "line withheld"
"""The rule of a whole line that could not be made safe."""
_MOST_TO_SCAN = 0.2
"""Of the time of a text, to find the lines that are worth a search."""
_MOST_OF_A_LINE = 0.5
"""Of the time of a text, for one line of it."""
_MOST_HELD = 64 * 1024
_WORD_END = regex(rb"[\s\"'<>&,;]")


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without secrets, and what is no longer in it; control characters are as they were."""

    text: str
    redactions: tuple[Redaction, ...] = ()


class _KeptTexts:
    """Texts that were redacted -> what became of them.

    Names and command lines are the same in every failure; mounts, addresses and the like on hosts that were made alike.
    """

    def __init__(self) -> None:
        self.texts: dict[str, Redacted] = {}
        self._chars = 0

    def add(self, text: str, redacted: Redacted) -> None:
        if self._chars + len(text) > _MOST_KEPT:
            self.texts, self._chars = {}, 0
        self.texts[text] = redacted
        self._chars += len(text)


class Redactor:
    """Removes secrets; holds what is known of them and never gives it away.

    ``rules`` are the user's own: (name, RE2 expression with a group ``secret``). ``keep`` are texts that stay, in full.
    ``timeout_s`` is the CPU time that one call of `redact` may take to search, and once more to search what it changed;
    other threads' work does not count. ``clock`` tells that time. Thread-safe.
    """

    def __init__(
        self,
        *,
        known: Iterable[str] = (),
        rules: Iterable[tuple[str, str]] = (),
        keep: Iterable[str] = (),
        identifiers: bool = False,
        timeout_s: float = 5.0,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._known = KnownValues(known)
        self._rules = tuple(_own_rule(name, pattern) for name, pattern in rules)
        self._keep = _any_of(keep)
        self._identifiers = Identifiers() if identifiers else None
        self._kept = _KeptTexts()
        self.timeout_s = timeout_s
        self.clock = clock
        self._is_over: Callable[[], bool] = lambda: False

    def prepare(self) -> None:
        """Make what every text is searched with: the first one would wait for it."""
        prefilter()
        prefilter_across_lines()

    def until(self, is_over: Callable[[], bool]) -> Redactor:
        """The same redactor, whose time is also used up once nobody waits for its texts any more."""
        bounded = self._copy()
        bounded._is_over = is_over
        return bounded

    def within(self, most_s: float) -> Redactor:
        """The same redactor, which takes at most so much time for a text."""
        bounded = self._copy()
        bounded.timeout_s = min(self.timeout_s, most_s)
        return bounded

    def _copy(self) -> Redactor:
        """In a tenth of the time of `copy.copy`: each item has one."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def _budget(self) -> _Budget:
        return _Budget(self.timeout_s, self.clock, self._is_over)

    def with_known(self, values: Iterable[str]) -> Redactor:
        """The same redactor, which knows more values; rules and identifier tokens are shared."""
        more = self._copy()
        more._known = self._known.with_more(values)
        more._kept = _KeptTexts()
        return more

    def safe_text(self, text: str) -> SafeText:
        """The text as a record may hold it: sanitised and without secrets. Raises RedactionError as `redact` does."""
        return SafeText(self.redact(sanitize(text)).text)

    def safe_message(self, message: object) -> SafeText:
        """An error's words or the like, safe and of readable length; where that fails, the reason in their place."""
        try:
            return derived(shorten, self.safe_text(str(message)), MAX_TEXT)
        except RedactionError as error:
            return SafeText(f"[withheld: {error}]")

    def redact(self, text: str) -> Redacted:
        """The text without secrets, and nothing else changed: for files; a record takes `safe_text`.

        A line that cannot be made safe in time, newer ones first, or that changes without end is withheld as a whole.
        Raises RedactionError when nothing can be known of the text within ``timeout_s``; then nobody may see it.
        """
        if not text:
            return Redacted(text)
        if (known := self._kept.texts.get(text)) is not None:
            return known
        try:
            with native_code():
                redacted = self._redacted(text)
            if len(text) <= _KEPT_CHARS and not any(each.rule == WITHHELD for each in redacted.redactions):
                self._kept.add(text, redacted)
            return redacted
        except RedactionError:
            raise
        except Exception as error:  # fail closed: no mistake of ours may let a secret through
            _log.debug("redaction failed", exc_info=True)
            raise RedactionError(
                f"text of {len(text)} characters: redaction failed ({type(error).__name__}); it is withheld"
            ) from None

    def _redacted(self, text: str) -> Redacted:
        if must_leave():
            raise RedactionError(f"text of {len(text)} characters: the run is over; it is withheld")
        data = before = text.encode("utf-8", "surrogatepass")
        rules: dict[bytes, str] = {}
        budget = self._budget()
        lines = list(_suspicious(data, budget))
        for number in range(2 * _MOST_ROUNDS):
            found = list(merged(beside_tokens(data, self._spans(data, lines, budget, is_first=number == 0))))
            if not found:
                break
            if number >= _MOST_ROUNDS:
                found = list(merged(_lines_of(data, span) for span in found))
            rules.update((token(span.rule), span.rule) for span in found)
            data, changed = _with_tokens(data, ((span.start, span.end, token(span.rule)) for span in found))
            lines = list(
                _pieces_at(data, changed)
            )  # a rule for lines can find more only where one has removed something
            if number == 0:
                budget = self._budget()
        else:
            raise RedactionError(f"text of {len(text)} characters: still changing after {number} rounds; withheld")
        counts = _new_tokens(before, data, rules)
        if self._identifiers is not None:
            data = self._without_identifiers(data, self._identifiers, counts)
        removed = tuple(Redaction(rule=name, count=count) for name, count in sorted(counts.items()))
        return Redacted(data.decode("utf-8", "surrogatepass") if data != before else text, removed)

    def _spans(
        self, data: bytes, lines: Sequence[tuple[int, int]], budget: _Budget, *, is_first: bool
    ) -> Iterator[Span]:
        """What must go: first what stands across lines, which takes a time linear in the text, then line by line."""
        try:
            found = list(self._found_in_whole(data, budget))
        except RedactionError:
            if is_first:
                raise
            found = [Span(*_line_around(data, *line), WITHHELD) for line in lines]
        else:
            found.extend(_in_lines(data, lines, budget))
        return self._not_kept(data, found)

    def _found_in_whole(self, data: bytes, budget: _Budget) -> Iterator[Span]:
        """Raises RedactionError when the time is used up."""
        budget.check_wanted()
        yield from self._known.spans(data)
        yield from key_blocks.spans(data)
        budget.check_wanted()
        yield from tables.spans(data)
        budget.check_wanted()
        for whole in (*prefilter_across_lines().searchers_for(data), *self._rules):
            for span in whole.spans(data, 0, len(data)):
                budget.check()
                yield span
        budget.check()

    def _not_kept(self, data: bytes, found: list[Span]) -> Iterator[Span]:
        if self._keep is None or not found:
            yield from found
            return
        kept = [match.span() for match in self._keep.finditer(data)]
        for span in found:
            if not any(start <= span.start and span.end <= end for start, end in kept):
                yield span

    def _without_identifiers(self, data: bytes, identifiers: Identifiers, counts: Counter[str]) -> bytes:
        places = list(identifiers.places(data))
        kept = [match.span() for match in self._keep.finditer(data)] if self._keep else []
        places = [place for place in places if not any(a <= place[0] and place[1] <= b for a, b in kept)]
        counts.update(kind for _, _, kind, _ in places)
        return _with_tokens(data, ((start, end, made) for start, end, _, made in places))[0]


def _new_tokens(before: bytes, after: bytes, rules: Mapping[bytes, str]) -> Counter[str]:
    """How often each rule's token stands in a text that it did not before: later rounds take tokens in."""
    counts: Counter[str] = Counter()
    if rules:
        had = Counter(TOKEN.findall(before))
        has = Counter(TOKEN.findall(after))
        counts.update({rule: max(0, has[made] - had[made]) for made, rule in rules.items()})
    return +counts


class _Budget:
    """The time of one search; a bound, and no part of a result but for what is withheld."""

    def __init__(self, timeout_s: float, clock: Callable[[], float], is_over: Callable[[], bool]) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._is_over = is_over
        self._began = clock()

    def check_wanted(self) -> None:
        """Raises RedactionError once nobody waits for the text: whoever goes on needs the processor."""
        if self._is_over() or must_leave():
            raise RedactionError("nobody waits for the text any more; it is withheld")

    def check(self) -> None:
        if self.spent > 1:
            raise RedactionError(f"redaction took longer than {self._timeout_s:g} s; the text is withheld")

    @property
    def spent(self) -> float:
        """The part of it that is used up: 1 is all."""
        if self._is_over() or must_leave():
            return 2.0
        spent_s = self._clock() - self._began
        return spent_s / self._timeout_s if self._timeout_s > 0 else 2.0


def _in_lines(data: bytes, pieces: Iterable[tuple[int, int]], budget: _Budget) -> Iterator[Span]:
    """The secrets of lines (or pieces of long ones), newest first, because those are read first.

    Where the time is used up, or one line took its share of it, the whole line is the secret. Lines that say the same
    are searched once.
    """
    line, began, is_withheld = (len(data), len(data)), budget.spent, False
    known: dict[bytes, list[Span]] = {}
    share = _MOST_OF_A_LINE if b"\n" in data else 1.0  # a line alone takes nothing from others
    for start, end in reversed(list(pieces)):
        if not line[0] <= start < line[1]:
            budget.check_wanted()
            line, began, is_withheld = _line_around(data, start, start), budget.spent, False
        if is_withheld:
            continue
        is_whole = (start, end) == line
        found = known.get(data[start:end]) if is_whole else None
        if found is None:
            found = _found_in_piece(data, start, end, budget, min(1, began + share))
            if is_whole and found is not None:
                known[data[start:end]] = found
        is_withheld = found is None
        if found is None:
            yield Span(*line, WITHHELD)
        else:
            yield from (Span(span.start + start, span.end + start, span.rule) for span in found)


def _found_in_piece(data: bytes, start: int, end: int, budget: _Budget, most: float) -> list[Span] | None:
    """The secrets of a piece, counted from its start; None where it took too long or a fault of ours struck."""
    found: list[Span] = []
    try:
        for searcher in prefilter().searchers_for(data[start:end]):
            if budget.spent > most:
                return None
            for span in searcher.spans(data, start, end):
                whole = _whole(data, end, span)
                found.append(Span(whole.start - start, whole.end - start, whole.rule))
    except Exception:
        _log.debug("a line could not be searched for secrets", exc_info=True)
        return None
    return found if budget.spent <= most else None


def _lines_of(data: bytes, span: Span) -> Span:
    return Span(*_line_around(data, span.start, span.end), WITHHELD)


def _line_around(data: bytes, start: int, end: int) -> tuple[int, int]:
    """From the start of the line in which something begins to the end of the line in which it ends."""
    line_end = data.find(b"\n", max(start, end - 1))
    return data.rfind(b"\n", 0, start) + 1, len(data) if line_end < 0 else line_end


def _whole(data: bytes, end: int, span: Span) -> Span:
    """The span up to its secret's end, where a piece of a long line has cut it."""
    if span.end < end or end == len(data) or data[end] == ord("\n"):
        return span
    rest = _WORD_END.search(data, end)
    return span._replace(end=rest.start() if rest else len(data))


def _suspicious(data: bytes, budget: _Budget) -> Iterator[tuple[int, int]]:
    """Lines that hold a keyword of a rule, each once; long ones in overlapping pieces."""

    def is_late() -> bool:
        budget.check_wanted()
        return budget.spent > _MOST_TO_SCAN

    for start, end in prefilter().lines(data, is_late=is_late):
        yield from _pieces_of(start, end, start)


def _pieces_at(data: bytes, places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The lines, or pieces of long ones, that hold these ascending places, each once."""
    line, done = (-1, -1), -1
    for place in places:
        if not line[0] <= place <= line[1]:
            line, done = _line_around(data, place, place + 1), -1
        first = max(place - _OVERLAP, line[0])
        for piece in _pieces_of(*line, first):
            if piece[0] > place:
                break
            if piece[0] > done:
                yield piece
                done = piece[0]


def _pieces_of(start: int, end: int, first: int) -> Iterator[tuple[int, int]]:
    """The overlapping pieces of a line, from the one that holds ``first`` on."""
    for at in range(start + (first - start) // _PIECE * _PIECE, max(end, start + 1), _PIECE):
        yield at, min(end, at + _PIECE + _OVERLAP)


def _with_tokens(data: bytes, places: Iterable[tuple[int, int, bytes]]) -> tuple[bytes, list[int]]:
    """The text with tokens in these places, and where in it they stand."""
    parts, starts, at, shift = [], [], 0, 0
    for start, end, made in places:
        parts += [data[at:start], made]
        starts.append(start + shift)
        shift += len(made) - (end - start)
        at = end
    return b"".join([*parts, data[at:]]), starts


def _own_rule(name: str, pattern: str) -> Rule:
    own = Rule(name, pattern)
    try:
        own.pattern.search(b"")
    except re2.error as error:
        raise RedactionError(f"rule '{name}': '{pattern}' is not a regular expression (RE2): {error}") from error
    return own


def _any_of(texts: Iterable[str]) -> re.Pattern[bytes] | None:
    parts = sorted({text.encode("utf-8", "surrogatepass") for text in texts if text}, key=len, reverse=True)
    return re.compile(b"|".join(map(re.escape, parts))) if parts else None


def redact_lines(lines: Iterable[str], redactor: Redactor | RecordRedactor) -> Iterator[str]:
    """A big file's lines without secrets, in chunks of whole lines; ``lines`` keep their line ends.

    What may be a key that goes on after the chunk is held back for the next one.
    """
    held: list[str] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= _CHUNK:
            ready, held = _parted(held)
            yield from redactor.redact("".join(ready)).text.splitlines(keepends=True)
            size = sum(map(len, held))
    if held:
        yield from redactor.redact("".join(held)).text.splitlines(keepends=True)


def _parted(lines: list[str]) -> tuple[list[str], list[str]]:
    """(what can go, what must wait) so that no key is cut in two; at most `_MOST_HELD` characters wait."""
    first, size = len(lines), 0
    for index in range(len(lines) - 1, -1, -1):
        size += len(lines[index])
        if size > _MOST_HELD:
            break
        if key_blocks.may_go_on(lines[index]):
            first = index
        elif key_blocks.ends_a_block(lines[index]) or first < len(lines):
            break
    return lines[:first], lines[first:]


# --- Texts from anywhere -> texts for a record: sanitised, redacted, and counted by rule

MAX_TEXT = 4000
"""Characters kept of a message or an argument."""


class RecordRedactor:
    """Makes the texts of one record safe, and counts what it removes from them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._counts: Counter[str] = Counter()

    def text(self, text: str) -> SafeText:
        """The text, safe. Raises RedactionError when it could not be made so; then it must be withheld."""
        if not text:  # as most texts of an item are
            return our_words("")
        return SafeText(self.redact(sanitize(text)).text)

    def redact(self, text: str) -> Redacted:
        """As `Redactor.redact`, counted."""
        redacted = self._redactor.redact(text)
        if redacted.redactions:
            self._counts.update({redaction.rule: redaction.count for redaction in redacted.redactions})
        return redacted

    def short(self, value: object) -> SafeText:
        """A name, message or argument, safe and of readable length; where that fails, the reason in its place."""
        try:
            return derived(shorten, self.text(str(value)), MAX_TEXT)
        except RedactionError as error:
            return SafeText(f"[withheld: {error}]")

    def part_first(self, text: str, part: str) -> tuple[SafeText, bool]:
        """A part of a text, safe, and whether all of it would take no more time than one text may.

        What is removed from the part counts only where the rest would take too long. Raises RedactionError.
        """
        began = self._redactor.clock()
        alone = RecordRedactor(self._redactor)
        safe = alone.text(part)
        expected_s = (self._redactor.clock() - began) * len(text) / max(1, len(part))
        if expected_s <= self._redactor.timeout_s:
            return safe, True
        self._counts.update(alone._counts)
        return safe, False

    def redactions(self) -> tuple[Redaction, ...]:
        """What was removed so far."""
        return tuple(Redaction(rule=rule, count=count) for rule, count in sorted(self._counts.items()))


def reason_of(error: RedactionError) -> SafeText:
    """Why a text is withheld: an error of ours, which quotes nothing of the text."""
    return SafeText(str(error))
