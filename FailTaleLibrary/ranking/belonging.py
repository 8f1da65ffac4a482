"""Identifiers of the test and of others -> which lines are the test's own, and who else could have written the rest.

A line that holds what the test used belongs to it; so does one of the same request as such a line. One that holds what
another test used, and nothing of this one, hardly does. Where other tests ran at the same time, what does not belong is
no strong suspect: it may be theirs. Linear in the lines; pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import re2

from FailTaleLibrary.belonging.identifiers import AROUND, is_named, requests_in
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.records import (
    Failure,
    Identifier,
    OtherTest,
    OtherTests,
    SafeText,
    Signal,
    derived,
    derived_texts,
    our_words,
)
from FailTaleLibrary.text import count

OWN, FOREIGN = 2.5, -3.0
"""What a proof adds to a line's score."""
MANY_TESTS = 2
"""An identifier that so many other tests used is everybody's, and proves nothing."""
_COMMON_FROM, _COMMON_SHARE = 20, 1 / 3
"""Nor does one that stands in more lines of a source than both of these allow."""
_MOST_REQUESTS = 32
_MOST_OWN_LINES = 500
"""Of one source, in which requests are looked for."""
_NAMED_TESTS = 5
"""Of other tests in one sentence."""
_SURE = ("trace", "unique")


# --- Which lines hold what --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Used:
    """An identifier that earlier tests of the run used."""

    identifier: Identifier
    tests: tuple[SafeText, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Whose a line is, and by what."""

    identifier: Identifier
    through: Identifier | None = None
    """Where the identifier is a request's: what stands in another line of that request."""
    other_test: SafeText | None = None
    """The test that used it, when it was not this one."""

    @property
    def is_own(self) -> bool:
        return self.other_test is None

    @property
    def signal(self) -> Signal:
        """The same in words."""
        what = derived(_named_identifier, self.identifier)
        if self.other_test is not None:
            return Signal(name="of another test", words=our_words("holds {} of '{}'", what, self.other_test))
        if self.through is not None:
            of_test = derived(_named_identifier, self.through)
            words = our_words("of the same {} as a line with {}, which the test used", what, of_test)
        elif self.identifier.kind == "trace":
            words = our_words("holds this test's correlation id")
        else:
            words = our_words("holds {}, which the test used", what)
        return Signal(name="of this test", words=words)


def _named_identifier(identifier: Identifier) -> str:
    """``order '4711'``."""
    return f"{identifier.label} '{identifier.text}'".lstrip()


@dataclass(frozen=True, slots=True)
class Held:
    """Lines of one source (by index) that tell whose they are."""

    own: Mapping[int, Proof] = field(default_factory=dict)
    foreign: Mapping[int, Proof] = field(default_factory=dict)

    def proof(self, lines: Iterable[int]) -> Proof | None:
        """Whose some lines are that belong together; the test's own word counts before others'."""
        if not self.own and not self.foreign:
            return None
        places = list(lines)
        found = (held[place] for held in (self.own, self.foreign) for place in places if place in held)
        return next(found, None)


class Belonging:
    """Knows what the test used, and what others did."""

    def __init__(self, failure: Failure, used_before: Mapping[str, Used]) -> None:
        """``used_before``: by the identifiers' texts in lower case."""
        mine = {each.text.casefold(): each for each in failure.identifiers}
        common = {text for text, used in used_before.items() if len(used.tests) >= MANY_TESTS}
        self._proofs = {
            text: Proof(each) for text, each in mine.items() if each.kind == "trace" or text not in common
        } | {
            text: Proof(used.identifier, other_test=used.tests[-1])
            for text, used in used_before.items()
            if text not in mine and text not in common
        }
        self._search = _search_for(self._proofs)

    def know_requests(self, sources: Iterable[Sequence[SafeText]]) -> None:
        """Learns from all sources which requests were the test's: a line that holds what it used names them."""
        requests: dict[str, Proof] = {}
        for lines in sources if self._search else ():
            for place, proof in islice(self.held_in(lines).own.items(), _MOST_OWN_LINES):
                for request in derived_texts(requests_in, lines[place]):
                    identifier = Identifier(text=request, kind="unique", label=our_words("request"), seen_in="output")
                    requests.setdefault(request.casefold(), Proof(identifier, through=proof.identifier))
        known = {text: proof for text, proof in islice(requests.items(), _MOST_REQUESTS) if text not in self._proofs}
        if known:
            self._proofs |= known
            self._search = _search_for(self._proofs)

    def held_in(self, lines: Sequence[str]) -> Held:
        """Which lines of a source tell whose they are."""
        if self._search is None or not lines:
            return Held()
        found: dict[int, list[Proof]] = {}
        counts: Counter[str] = Counter()
        for place, text, before, after in _places_of(self._search, lines):
            proof = self._proofs.get(text)
            if proof is not None and is_named(proof.identifier, before, after):
                found.setdefault(place, []).append(proof)
                counts[text] += 1
        most = max(_COMMON_FROM, len(lines) * _COMMON_SHARE)
        common = {text for text, number in counts.items() if number > most}
        return _told_apart(found, common)


def _told_apart(found: Mapping[int, Sequence[Proof]], common: set[str]) -> Held:
    own: dict[int, Proof] = {}
    foreign: dict[int, Proof] = {}
    for place, proofs in found.items():
        telling = [each for each in proofs if each.identifier.kind in _SURE or _key_of(each) not in common]
        mine = [each for each in telling if each.is_own]
        if mine:
            own[place] = min(mine, key=lambda each: each.through is not None)
        elif telling and all(not each.is_own for each in proofs):
            foreign[place] = telling[0]
    return Held(own, foreign)


def _key_of(proof: Proof) -> str:
    return proof.identifier.text.casefold()


def _search_for(texts: Iterable[str]) -> Any:
    """One automaton for all; None where there is nothing to look for."""
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    if not longest_first:
        return None
    options = re2.Options()
    options.case_sensitive = False
    return re2.compile("|".join(map(re2.escape, longest_first)).encode("utf-8", "backslashreplace"), options)


def _places_of(search: Any, lines: Sequence[str]) -> Iterator[tuple[int, str, str, str]]:
    """Line, text that was found, and what stands before and after it in that line."""
    text = "\n".join(lines).encode("utf-8", "backslashreplace")
    place = counted = 0
    for match in search.finditer(text):
        start, end = match.span()
        place += text.count(b"\n", counted, start)
        counted = start
        before = text[max(0, start - AROUND) : start].rpartition(b"\n")[2].decode("utf-8", "ignore")
        after = text[end : end + AROUND].partition(b"\n")[0].decode("utf-8", "ignore")
        yield place, match.group().decode("utf-8", "ignore").casefold(), before, after


# --- Who else ran -----------------------------------------------------------------------------------------------------


def notes_of(failure: Failure) -> Iterator[SafeText]:
    """Which other tests ran, and what that means for the suspects; nothing when the test ran alone."""
    if failure.others is not None:
        who = derived(_who_ran, failure.others)
        yield our_words("{} A line that names nothing of this test may be theirs, and is no strong suspect.", who)


def not_strong(signals: Sequence[Signal]) -> tuple[Signal, ...]:
    """The same reasons, none of them enough by itself."""
    return tuple(each.model_copy(update={"strong": False}) if each.strong else each for each in signals)


def _who_ran(others: OtherTests) -> str:
    if others.unknown:
        return f"Other tests may have run at the same time ({others.ran_by}); which is not known: {others.unknown}."
    if not others.tests:
        return f"Another process was at work at the same time ({others.ran_by}), between its tests."
    number = len(others.tests) + others.more
    shown = others.tests[-_NAMED_TESTS:]
    left_out = number - len(shown)
    more = f" and {count(left_out, 'other')}" if left_out else ""
    return f"{count(number, 'other test')} ran at the same time ({others.ran_by}): {_listed_tests(shown)}{more}."


def _listed_tests(tests: Sequence[OtherTest]) -> str:
    return ", ".join(f"'{test.name}' ({_span_of_test(test)})" for test in tests)


def _span_of_test(test: OtherTest) -> str:
    """``12:01:03 to 12:01:05 UTC, failed``."""
    if test.ended_at is not None:
        outcome = "" if test.status == "ended" else f", {test.status}"
        return f"{_time_in_utc(test.started_at)} to {_time_in_utc(test.ended_at)} UTC{outcome}"
    state = "its process ended in the middle of it" if test.status == "lost" else "still running"
    return f"since {_time_in_utc(test.started_at)} UTC, {state}"


def _time_in_utc(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"
