"""A claim and the lines that it cites -> what of it the lines contradict or do not bear.

A claim is read in clauses: what it says was the cause must stand in the lines that it cites; what it says followed may
stand in any line that the model saw, and in the failure's message. What it says of a machine, of what came first, of
"from X to Y" and of who did something by whom is held against the same lines. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise, product

from FailTaleLibrary.hints.clauses import Clause, acts_of, clauses_of, parts_of
from FailTaleLibrary.hints.concepts import Concept, borne_by_any, concepts, said_in
from FailTaleLibrary.hints.naming import said_spans
from FailTaleLibrary.hints.pairings import pairs_otherwise
from FailTaleLibrary.hints.quantities import MONTHS, Quantities, dates_of, numbers_of
from FailTaleLibrary.hints.relations import turns_handing_round, turns_holder_round, turns_round, turns_times_round
from FailTaleLibrary.hints.words import significant_stems, stem, stems_of, words_of_kind
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Chain, Suspect

# --- Lines ------------------------------------------------------------------------------------------------------------

_BAD = (
    "err|fail|oom|kill|drop|lost|lock|timeout|retrans|crash|restart|reject|refus|abort|overflow|corrupt|evict|throttl"
)
_ZERO = re.compile(
    rf"[\w.]*(?:{_BAD})\w*[\"']?[ :=]+0(?:\.0+)?(?![\w.])|\b0 (?:{_BAD})\w*",
    re.IGNORECASE,
)
"""A counter of something bad that counted nothing says that it did not happen."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that the model saw, as far as it can bear a claim."""

    suspect: Suspect
    text: str
    """What it says, without counters of nothing."""
    names: frozenset[str]
    """The machines that it is about: its host, and those that it names."""

    @property
    def id(self) -> str:
        return self.suspect.id

    @property
    def is_usual(self) -> bool:
        return not self.suspect.is_strong and any(signal.name == "seen before" for signal in self.suspect.signals)

    @property
    def stems(self) -> dict[str, str]:
        return significant_stems(self.text)


def line_of(suspect: Suspect, text: str, hosts: Iterable[str]) -> Line:
    told = _ZERO.sub(" ", text)
    return Line(
        suspect, told, frozenset(host for host in hosts if host == suspect.host.casefold() or _names_host(text, host))
    )


def _stems_with_place(line: Line) -> frozenset[str]:
    """Of what a line says, and of where it stands."""
    return frozenset({*line.stems, *significant_stems(_place_of(line.suspect))})


def _are_twins(one: str, other: str) -> bool:
    """Whether two names differ in a single character."""
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def _names_host(text: str, host: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(host)}(?![\w-])", text.casefold()) is not None


def _names_any(text: str, hosts: Iterable[str]) -> bool:
    return any(_names_host(text, host) for host in hosts)


def _days_of(text: str) -> frozenset[str]:
    return frozenset(f"{date.day} {MONTHS[date.month - 1]}" for date, _ in dates_of(text))


def common_stems(lines: Sequence[Line]) -> frozenset[str]:
    """Stems of more than half of at least four lines: a word that all lines bear supports none of them."""
    counts = Counter(each for line in lines for each in line.stems)
    return frozenset(each for each, count in counts.items() if len(lines) >= 4 and count > len(lines) / 2)


# --- The claim against the lines --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Objection:
    """Why the lines do not bear what somebody says."""

    why: str
    is_certain: bool = True
    """They say otherwise; else they may say it in words that are not known here."""
    is_of_effect: bool = False
    """What they do not bear is told as what followed."""


@dataclass(frozen=True)
class Scene:
    """What a claim is held against."""

    lines: tuple[Line, ...]
    """All that the model saw."""
    cited: tuple[Line, ...]
    message: str
    """The failure's own, and its test's name."""
    others: str
    """Whatever else was shown: names of hosts, components and collectors, the product."""
    hosts: frozenset[str]
    chain: Chain | None
    keywords: tuple[str, ...] = ()
    """The failing ones with their arguments."""

    # --- What bears what ---

    def shared_words(self, claim: str, line: Line) -> tuple[str, ...]:
        """What a claim has in common with a line: words, and ideas that both state.

        Names, and what the failure's message says anyway, are nothing that a line adds.
        """
        words = self._shared_stems(claim, line, idle=self._idle_stems)
        ideas = [name for name in self._shared_ideas(claim, line) if name not in self._ideas_of_the_message]
        days = [day for day in _days_of(claim) if day in _days_of(line.text)]
        return tuple(dict.fromkeys([*words, *ideas, *days]))

    def _shared_stems(self, claim: str, line: Line, *, idle: frozenset[str]) -> list[str]:
        theirs = line.stems
        return [word for each, word in significant_stems(claim).items() if each in theirs and each not in idle]

    def _shared_ideas(self, claim: str, line: Line) -> list[str]:
        return [each.name for each in said_in(claim) if not each.anywhere and each.is_borne_by(line.text)]

    def words_at_all(self, claim: str, line: Line) -> tuple[str, ...]:
        """What a claim has in common with a line, though the message or other lines say it as well; no names."""
        found = [*self._shared_stems(claim, line, idle=self.names), *self._shared_ideas(claim, line)]
        return tuple(dict.fromkeys(found))

    def common_words(self, claim: str, line: Line) -> tuple[str, ...]:
        """What a claim has in common with a line and with most others, and the message does not say."""
        return tuple(self._shared_stems(claim, line, idle=self._idle_stems - self._common))

    def is_about(self, text: str, line: Line) -> bool:
        """Whether a text has anything at all in common with a line, be it only a name or a number."""
        return bool(_stems_with_place(line) & significant_stems(text).keys() or self._shared_ideas(text, line)) or bool(
            self.shared_numbers(text, line)
        )

    def says_only_the_message(self, text: str) -> bool:
        """Whether a text has no word beyond the failure's own message and names."""
        return significant_stems(text).keys() <= {*significant_stems(self.message), *self.names}

    def repeats_the_message(self, text: str) -> bool:
        """Whether a text has words of the failure's own message or name, and no word or number beyond them.

        So does a keyword word by word, and that two values differ which the message compares.
        """
        plain = _in_one_dress(text)
        if len(plain.split()) >= _LEAST_TOLD and any(plain in _in_one_dress(keyword) for keyword in self.keywords):
            return True
        words, own = significant_stems(text).keys(), significant_stems(self.message).keys()
        known = Quantities(self.message)
        if not all(known.bear(number) for number, _ in numbers_of(text)):
            return False
        return bool(words & own and words <= {*own, *self.names}) or self._compares_again(text)

    def _compares_again(self, text: str) -> bool:
        """Whether a text says of a message as "17.99 != 19.99" only that the one is not the other.

        It names what was compared, and so has a word of a line here and there, but not two of any.
        """
        if not (_COMPARISON.search(self.message) and _COMPARES.search(text)):
            return False
        told = significant_stems(_COMPARES.sub(" ", text)).keys() - self.names
        words = {each for each in told if each.isalpha()}
        return len(words) < _MUCH_TOLD and all(len(words & line.stems.keys()) < _LEAST_TOLD for line in self.lines)

    def shared_numbers(self, claim: str, line: Line) -> tuple[str, ...]:
        """Numbers of a claim that a person can have got from a line, and from nothing that the message says.

        A small one stands in many lines: it takes two of them.
        """
        theirs, known = Quantities(line.text), Quantities(self.message)
        found = [number for number, _ in numbers_of(claim) if theirs.bear(number) and not known.bear(number)]
        telling = [each.text for each in found if each.value >= _LEAST_TELLING or each.meanings]
        small = {each.text for each in found if each.value < _LEAST_TELLING}
        small |= {
            word for word in _small_counts(claim) if re.search(rf"(?<![\w.]){_COUNTS.index(word)}(?![\w.])", line.text)
        }
        return tuple(dict.fromkeys([*telling, *(sorted(small) if len(small) > 1 else ())]))

    @cached_property
    def _common(self) -> frozenset[str]:
        return common_stems(self.lines)

    @cached_property
    def names(self) -> frozenset[str]:
        """Of who took part."""
        took_part = (f"{line.suspect.component} {line.suspect.host}" for line in self.lines)
        names = " ".join([*self.hosts, *took_part])
        return frozenset({*significant_stems(names), *names.casefold().split()})

    @cached_property
    def _idle_stems(self) -> frozenset[str]:
        said = f"{self.message} {_WITHIN_NAMES.sub(' ', self.message)}"
        return frozenset({*self._common, *significant_stems(said), *self.names})

    @cached_property
    def _ideas_of_the_message(self) -> frozenset[str]:
        return frozenset(concept.name for concept in said_in(self.message))

    def objection(self, sentences: Sequence[str]) -> Objection | None:
        """Why the lines do not bear what the sentences say; None when they do. One that is certain goes first."""
        found = [each for place, sentence in enumerate(sentences) for each in self._objections(sentence, place)]
        return next((each for each in found if each.is_certain), found[0] if found else None)

    def _objections(self, sentence: str, place: int) -> Iterator[Objection]:
        clauses = clauses_of(sentence)
        for clause in clauses:
            may_bear = self.cited if place == 0 and clause.role == "cause" else self.lines
            for concept in self._unborne(clause, may_bear, sentence):
                where = "the lines that it cites say" if may_bear is self.cited else "the evidence says"
                yield Objection(
                    f"'{concept.name}' is not what {where}",
                    is_certain=not (concept.is_vague or self._tells_much_of_cited(sentence)),
                    is_of_effect=clause.role == "effect",
                )
            if why := self._wrong_host(clause.text, may_bear):
                yield Objection(why)
            if why := self._told_of_another(clause.text):
                yield Objection(why, is_certain=False)
            if why := self._wrong_owner(clause.text):
                yield Objection(why)
            if place == 0 and clause.role == "cause" and (why := self._unnamed_participant(clause.text)):
                yield Objection(why, is_certain=False)
        first = clauses[0].text if place == 0 and clauses else ""
        if why := self._wrong_machine(first):
            yield Objection(why, is_certain=False)
        if why := self._misread_name(first) or self._reversed_relation(sentence):
            yield Objection(why)
        if pairs_otherwise(sentence, [(line.text, _place_of(line.suspect)) for line in self.lines]):
            yield Objection("its values belong to other names than it says")
        if not _INFERS.search(sentence) and (why := self._reversed_order(clauses)):
            yield Objection(why)
        elif place == 0 and (why := self._leads_later(clauses)):
            yield Objection(why, is_certain=False)
        if place == 0 and (why := self._blames_upkeep(clauses)):
            yield Objection(why, is_certain=False)

    def borne_beginning(self, sentence: str) -> str:
        """What a sentence begins with as the cause, where the lines bear all but what it says to have followed."""
        cause, *rest = clauses_of(sentence)
        is_cause_first = cause.role == "cause" and sentence.startswith(cause.text) and bool(rest)
        if not is_cause_first or not all(each.is_of_effect for each in self._objections(sentence, place=0)):
            return ""
        return cause.text if self.objection([cause.text]) is None else ""

    def borne_before_a_guess(self, sentence: str) -> str:
        """What a sentence tells ahead of a reason that it marks as a guess, where the lines bear this much."""
        found = _GUESS.search(sentence)
        told = sentence[: found.start()] if found else ""
        return told if told and self.objection([told]) is None else ""

    def _tells_much_of_cited(self, sentence: str) -> bool:
        """Whether a sentence has so much in common with the cited lines that it is hardly about another matter."""
        told = {
            each
            for line in self.cited
            for each in (*self.words_at_all(sentence, line), *self.shared_numbers(sentence, line))
        }
        return _count_apart(told) >= _MUCH_TOLD

    def tells_much_of(self, text: str, lines: Sequence[Line]) -> bool:
        """Whether a text tells a line by several of its words, names and numbers."""
        told = {
            each
            for line in lines
            for each in (
                *_named_both(text, line.text),
                *self.words_at_all(text, line),
                *self.shared_numbers(text, line),
            )
        }
        return _count_apart(told) > _LEAST_TOLD

    def doubtful_ideas(self, sentences: Sequence[str]) -> tuple[str, ...]:
        """Ideas that no line bears, said by words that mean another thing of the subject of which they are told."""
        clauses = [clause for sentence in sentences for clause in clauses_of(sentence)]
        ideas = [concept.name for each in clauses for concept in self._unborne_ideas(each, self.lines)]
        return tuple(dict.fromkeys(ideas))

    def _unborne(self, clause: Clause, may_bear: Sequence[Line], sentence: str) -> Iterator[Concept]:
        """The ideas of a clause that stand in none of the lines that they may stand on."""
        for concept in self._unborne_ideas(clause, may_bear):
            if concept.is_loosely_said_in(clause.text) and self._tells_the_lines(sentence):
                continue
            if self._is_told_elsewhere(concept, clause.text):
                continue
            if not self._is_meant_otherwise(concept, clause.text):
                yield concept

    def _tells_the_lines(self, sentence: str) -> bool:
        """Whether a sentence tells what the cited lines tell as well: ideas of theirs, or their words."""
        return any(len(self.words_at_all(sentence, line)) >= _LEAST_TOLD for line in self.cited)

    def _is_told_elsewhere(self, concept: Concept, clause: str) -> bool:
        """Whether a line that is not cited bears an idea, and the clause has words that only this line has."""
        return any(
            concept.is_borne_by(line.text)
            and not line.is_usual
            and (len(self.shared_words(clause, line)) > _LEAST_TOLD or (concept.event and is_change(line.suspect)))
            and not self._is_shared_by_cited(clause, line)
            for line in self.lines
        )

    def _is_shared_by_cited(self, clause: str, line: Line) -> bool:
        """Whether a cited line has all that a clause shares with another one."""
        theirs = set(self.shared_words(clause, line))
        return any(theirs <= set(self.shared_words(clause, cited)) for cited in self.cited)

    def _unborne_ideas(self, clause: Clause, may_bear: Sequence[Line]) -> Iterator[Concept]:
        for concept in said_in(_WITHOUT.sub(" ", _STATEMENT.sub(" ", clause.text))):
            is_free = concept.symptom and clause.role == "effect"
            if not is_free and not self._is_borne(concept, may_bear):
                yield concept

    def _is_meant_otherwise(self, concept: Concept, clause: str) -> bool:
        """Whether all that says an idea is told of a thing that it cannot happen to, as "the attempt expired" is."""
        subjects = concept.acts_said_in(clause)
        return bool(subjects) and all(self._names_a_thing(subject) for subject in subjects)

    def _names_a_thing(self, subject: str) -> bool:
        owners = "|".join(map(re.escape, sorted(self.hosts, key=len, reverse=True)))
        words = re.findall(r"[a-z][\w-]+", re.sub(rf"\b(?:of|on|at) (?:{owners})(?![\w-])", " ", subject))
        if self.hosts & set(words):
            return False
        shown = {each for line in self.lines for each in line.stems}
        return any(word in words_of_kind("nouns") or stem(word) in shown for word in words)

    def _is_borne(self, concept: Concept, may_bear: Sequence[Line]) -> bool:
        if concept.is_said_in(self.message) or (may_bear is self.lines and self._is_shown_by_message(concept)):
            return True
        if concept.anywhere:
            return borne_by_any(concept, [*(line.text for line in self.lines), self.message, self.others])
        return borne_by_any(concept, [line.text for line in may_bear])

    def _is_shown_by_message(self, concept: Concept) -> bool:
        """Whether the failure's message tells of a symptom, in whatever words."""
        return concept.symptom and concept.is_borne_by(self.message)

    def _wrong_host(self, clause: str, may_bear: Sequence[Line]) -> str | None:
        """A machine that a clause blames for what the lines tell of another one."""
        for part in parts_of(clause):
            named = self._machines_in(part)
            if not named:
                continue
            for concept in said_in(part):
                if not concept.own:
                    continue
                bearing = [line for line in may_bear if concept.is_borne_by(line.text)]
                if bearing and not any(line.names & named or _names_any(line.text, named) for line in bearing):
                    return f"'{concept.name}' is told of {bearing[0].suspect.host}, not of {min(named)}"
        return None

    def _told_of_another(self, clause: str) -> str | None:
        """A machine of which a clause tells what only a line of another one tells."""
        for part in parts_of(clause):
            named = self._machines_in(part)
            names = "|".join(map(re.escape, named))
            if not named or re.search(rf"\bof (?:{names})(?![\w-])|\b(?:{names})'s\b", part.casefold()):
                continue  # of its clock or its client may be spoken where another machine's line tells of it
            only = self._only_teller(part)
            if only and not only.names & named and not _names_any(only.text, named):
                return f"{only.id} is told of {only.suspect.host}, not of {min(named)}"
        return None

    def _wrong_owner(self, clause: str) -> str | None:
        """A machine to which a clause gives an interface, a disk or a file that only lines of others have."""
        for match in (match for pattern in _OWNED for match in pattern.finditer(clause)):
            host, thing = match["host"].casefold(), match["thing"]
            having = [line for line in self.lines if re.search(rf"(?<![\w/]){re.escape(thing)}(?![\w/])", line.text)]
            is_foreign = not any(host in line.names or is_change(line.suspect) for line in having)
            if host in self.hosts and having and is_foreign:
                return f"{thing} is told of {having[0].suspect.host}, not of {host}"
        return None

    def _machines_in(self, text: str) -> frozenset[str]:
        folded = text.casefold()
        return frozenset(host for host in (*self.hosts, *_MACHINE.findall(folded)) if _names_host(folded, host))

    def _wrong_machine(self, clause: str) -> str | None:
        """A machine of the lines that an answer begins with, where no line that it cites is of it or names it."""
        machines = {line.suspect.host.casefold() for line in self.lines}
        named = {host for host in machines if _names_host(clause, host)}
        known = {host for line in self.cited for host in line.names}
        return f"no line that it cites is of {min(named)}" if named and not named & known else None

    def _misread_name(self, clause: str) -> str | None:
        """A name that no cited line has, where one has its twin: co2 for co1."""
        told = " ".join(f"{line.text} {line.suspect.host} {line.suspect.collector}" for line in self.cited).casefold()
        names, known = (frozenset(_NUMBERED.findall(text)) for text in (clause.casefold(), told))
        for name in names - known - {line.id.casefold() for line in self.lines}:
            twin = next((each for each in known - names if _are_twins(name, each)), None)
            if twin and name not in told:
                return f"the lines that it cites tell of {twin}, not of {name}"
        return None

    def _unnamed_participant(self, clause: str) -> str | None:
        """Somebody or something that takes part by itself and stands in nothing that the model saw."""
        spans = said_spans(clause)
        for match in _PLAIN_WORD.finditer(clause):
            word = match[0].casefold()
            one = word if word in words_of_kind("participants") else word.removesuffix("s")
            if one not in words_of_kind("participants") or stem(word) in self._all_stems or one in self._told:
                continue
            if any(start <= match.start() < end for start, end in spans):
                continue  # an idea, which is held against the lines by itself
            if one in _KNOWN_BY and re.search(_KNOWN_BY[one], self._told):
                continue
            return f"the word '{word}' stands nowhere in the evidence"
        return None

    @cached_property
    def _told(self) -> str:
        """All that the model saw, in lower case."""
        places = (_place_of(line.suspect) for line in self.lines)
        return "\n".join([*(line.text for line in self.lines), *places, self.message, self.others]).casefold()

    @cached_property
    def _all_stems(self) -> frozenset[str]:
        return stems_of(self._told)

    def has_stem(self, word: str) -> bool:
        """Whether a word stands in anything that the model saw, in whatever form."""
        return stem(word) in self._all_stems

    def was_shown(self, word: str) -> bool:
        """The same, and also within another word."""
        return self.has_stem(word) or word.casefold() in self._told

    def _only_teller(self, part: str) -> Line | None:
        """The line that alone has what a part tells, in several words that no other line has one of."""
        shared = [
            ({*self._shared_stems(part, line, idle=self.names), *self.shared_numbers(part, line)}, line)
            for line in self.lines
        ]
        words, best = max(shared, key=lambda each: len(each[0]), default=(set[str](), None))
        if best is None or len(words) <= _LEAST_TOLD or _OTHER_ADDRESS.search(best.text):
            return None
        others = {each for theirs, line in shared if line is not best for each in theirs}
        return best if len(words - others) >= _LEAST_TOLD else None

    # --- What came first ---

    def _reversed_order(self, clauses: Sequence[Clause]) -> str | None:
        """A cause and an effect that the lines tell the other way round."""
        links = list(_links_between(clauses))
        return (
            next((why for link in links if (why := self._follows_a_change(*link))), None)
            or next((why for link in self._links_of(clauses) if (why := self._is_reversed(*link))), None)
            or next((why for link in links if (why := self._blames_a_symptom(*link))), None)
        )

    def _links_of(self, clauses: Sequence[Clause]) -> list[tuple[str, str]]:
        """What the clauses tell as cause and effect, and who did something to whom."""
        acts = [act for clause in clauses for act in acts_of(clause.text) if _tells_event(*act)]
        return [*_links_between(clauses), *acts]

    def _leads_later(self, clauses: Sequence[Clause]) -> str | None:
        """What the lines lead with, told to have followed from what a clock, be it another one's, puts later."""
        lead = self.leading
        if lead is None or lead.suspect.offset_s is None:
            return None
        for cause, effect in self._links_of(clauses):
            told, followed = self.lines_told_by(cause), self.lines_told_by(effect)
            if not told or lead not in followed or lead in told or self._tells_another_change(cause, told):
                continue
            if all(_is_later(line, lead) for line in told) and not any(
                self._fits_as_well(cause, line, told) for line in followed
            ):
                return f"{told[0].id} came later than {lead.id}"
        return None

    def _blames_upkeep(self, clauses: Sequence[Clause]) -> str | None:
        """A reload or a graceful restart, told as the cause because it was under way, beside a strong lead.

        Both are made so that nothing fails meanwhile; what they brought may be the cause, and is told otherwise.
        """
        lead = self.leading
        if lead is None or not (lead.suspect.is_strong or _says_what_was_wrong(lead)):
            return None
        if is_change(lead.suspect) or _UPKEEP.search(lead.text) or _UPKEEP.search(self.message):
            return None
        for clause in clauses:
            told = clause.text
            if clause.role == "cause" and _UPKEEP_UNDER_WAY.search(told):
                events = (each for each in said_in(told) if each.event and each.is_borne_by(lead.text))
                if len(self._shared_stems(told, lead, idle=self.names)) < _LEAST_TOLD and not any(events):
                    return f"nothing says that upkeep that was under way led to {lead.id}"
        return None

    def _blames_a_symptom(self, cause: str, effect: str) -> str | None:
        """A failure of somebody who met with the lead, told as what led to the lead, which says what was wrong."""
        told, followed = self.lines_told_by(cause), self.lines_told_by(effect)
        if not told or len(followed) != 1 or self._is_the_failure(effect):
            return None
        lead = followed[0]
        if lead != self.leading or not _says_what_was_wrong(lead) or is_change(lead.suspect):
            return None
        if not all(_is_symptom(line) and line != lead and not self.precedes(line, lead) for line in told):
            return None
        if any(self._fits_as_well(cause, line, told) for line in self.lines if line not in told):
            return None
        return f"{told[0].id} only shows a failure, and {lead.id} did not follow from it"

    @cached_property
    def leading(self) -> Line | None:
        """What the chain begins with, else the first line."""
        first = next((each for each, place in chain_places(self.chain).items() if place == 0), None)
        return next((line for line in self.lines if first in (None, line.id)), None)

    def _follows_a_change(self, cause: str, effect: str) -> str | None:
        """A change that somebody made and the claim cites, told as what an error led to."""
        told, followed = self.lines_told_by(cause), self.lines_told_by(effect)
        errors = [line for line in told if line.suspect.is_strong and not is_change(line.suspect)]
        if not errors or not all(is_change(line.suspect) for line in followed):
            return None
        if not any(line in self.cited for line in followed):
            return None
        if followed[0] in told and _shows_an_error(followed[0]):
            return None  # it says both itself
        if any(self.precedes(one, followed[0]) for one in errors):
            return None
        return f"{followed[0].id} is a change that did not follow from {errors[0].id}"

    def _is_reversed(self, cause: str, effect: str) -> str | None:
        told, followed = self.lines_told_by(cause), self.lines_told_by(effect)
        if self._is_the_failure(effect):  # nothing of the lines came before the cause of it
            followed = [line for line in followed if self.shared_words(effect, line)]
        if (
            followed
            and not told
            and self._is_the_failure(cause)
            and all(self._precedes_failure(line) for line in followed)
        ):
            return f"{followed[0].id} came before the failure and did not follow from it"
        if set(map(id, told)) & set(map(id, followed)):
            return None
        if any(self._fits_as_well(cause, line, told) for line in followed):
            return None
        if self._tells_another_change(cause, told) or self._tells_another_change(effect, followed):
            return None
        if self._best_fit(cause, told) + self._best_fit(effect, followed) <= _FITS_BY_CHANCE:
            return None
        pairs = list(product(followed, told))
        if any(self.precedes(*pair) for pair in pairs) and not any(self.precedes(two, one) for one, two in pairs):
            return f"{followed[0].id} came before {told[0].id} and did not follow from it"
        return None

    def _fits_as_well(self, clause: str, line: Line, told: Sequence[Line]) -> bool:
        """Whether a clause may as well tell another line than those that it fits best: much of it stands there."""
        best = max((self._fit_by_words(clause, each, frozenset()) for each in told), default=0)
        other = self._fit_by_words(clause, line, frozenset())
        return other >= _FITS_BY_WORDS and 3 * other >= 2 * best

    def _best_fit(self, clause: str, lines: Sequence[Line]) -> int:
        return max((self._fit(clause, each, frozenset()) for each in lines), default=0)

    def _is_the_failure(self, clause: str) -> bool:
        words = significant_stems(clause)
        return sum(each in significant_stems(self.message) for each in words) >= _LEAST_TOLD

    def _precedes_failure(self, line: Line) -> bool:
        offset = line.suspect.offset_s
        return line.id in chain_places(self.chain) or (offset is not None and offset < -_LEAST_S)

    def lines_told_by(self, clause: str) -> list[Line]:
        """The lines that a clause fits best; empty when it fits none."""
        return (
            self._best_fitting(clause, self._common)
            or self._best_fitting(clause, frozenset())
            or self._only_idea_fits(clause)
        )

    def _tells_another_change(self, clause: str, told: Sequence[Line]) -> bool:
        """Whether a clause tells what was set anew, and it fits lines that tell no change where another one does."""
        changes = [line for line in self.lines if is_change(line.suspect)]
        return _SETS_ANEW.search(clause) is not None and bool(changes) and not any(line in changes for line in told)

    def _only_idea_fits(self, clause: str) -> list[Line]:
        """The one line that bears an idea of a clause, where no other does."""
        for concept in said_in(clause):
            bearing = [line for line in self.lines if not concept.anywhere and concept.is_borne_by(line.text)]
            if len(bearing) == 1:
                return bearing
        return []

    def _best_fitting(self, clause: str, common: frozenset[str]) -> list[Line]:
        weights = [(self._fit(clause, line, common), line) for line in self.lines]
        best = max((weight for weight, _ in weights), default=0)
        return [line for weight, line in weights if weight == best and best]

    def _fit(self, clause: str, line: Line, common: frozenset[str]) -> int:
        """How well a clause fits a line: by words, by ideas, and by numbers, which tell a line as a word does."""
        return self._fit_by_words(clause, line, common) + 2 * len(self.shared_numbers(clause, line))

    def _fit_by_words(self, clause: str, line: Line, common: frozenset[str]) -> int:
        idle = common | self.names | significant_stems(line.suspect.collector).keys() | _products(clause)
        words = len(significant_stems(clause).keys() & line.stems.keys() - idle)
        ideas = [concept for concept in said_in(clause) if not concept.anywhere and concept.is_borne_by(line.text)]
        return 2 * words + len(ideas) if words or any(concept.event for concept in ideas) else 0

    def precedes(self, first: Line, second: Line) -> bool:
        """Whether the chain, or clearly the clock, says that one line came before another."""
        places = chain_places(self.chain)
        if first.id in places and second.id in places:
            return places[first.id] < places[second.id]
        one, other = first.suspect, second.suspect
        if is_change(one) and not is_change(other):  # no error makes what somebody changed
            return one.offset_s is None or other.offset_s is None or one.offset_s < other.offset_s + _LEAST_S
        if one.offset_s is None or other.offset_s is None:
            return False
        began_s = other.offset_s - _took_s(second.text)
        latest_s = latest_offset_s(first, second)
        if places.get(first.id) == 0 and latest_s < began_s - _CLEARLY_S:
            return True  # nothing led to what the chain begins with
        return latest_s < began_s - self._slack_s(one, other)

    def _slack_s(self, one: Suspect, other: Suspect) -> float:
        """By how much two times must differ: those of one log are of one clock."""
        if one.count > 1 or other.count > 1:
            return _LEAST_OF_MANY_S
        return _CLEARLY_S if one.item_id is not None and one.item_id == other.item_id else _LEAST_S

    # --- From what to what, by whom ---

    def _reversed_relation(self, sentence: str) -> str | None:
        for line in self.cited:
            if (
                turns_round(sentence, line.text, beside=[each.text for each in self.cited if each != line])
                or turns_holder_round(sentence, [each.text for each in self.lines])
                or turns_handing_round(sentence, line.text, line.suspect.host)
            ):
                return f"{line.id} says it the other way round"
        for line in self.cited:
            earlier = [each.text for each in self.cited if self.precedes(each, line)]
            if earlier and turns_times_round(sentence, earlier, [line.text]):
                return f"{line.id} came later than what it is said to have become"
        return None


def _links_between(clauses: Sequence[Clause]) -> Iterator[tuple[str, str]]:
    """Each cause with the effect beside it."""
    for one, other in pairwise(clauses):
        if {one.role, other.role} == {"cause", "effect"}:
            last, first = _plain_parts(one.text)[-1], _plain_parts(other.text)[0]
            cause, effect = (last, first) if one.role == "cause" else (first, last)
            if not _TELLS_OF_BEFORE.search(effect):
                yield cause, effect


_GUESS = re.compile(
    r",? (?:very |most |quite )?(?:probably|presumably|possibly|perhaps|maybe|likely|apparently) "
    r"(?:because|since|as|due to|owing to)\b",
    re.IGNORECASE,
)
"""Behind it stands a reason of which the sentence says itself that it is none that a line tells."""
_UPKEEP = re.compile(r"\breload|\breconfigur|\bgraceful|\bre-?start|\bstarting up\b|\bshutting down\b", re.IGNORECASE)
_UPKEEP_UNDER_WAY = re.compile(
    r"\b(?:is|was|were|are) (?:(?:just|still|currently|busy) )*(?:gracefully \w+ing|reload\w*ing|reconfiguring)\b|"
    r"\b(?:reload|reconfiguration|graceful (?:restart|reload|shutdown|stop))\b[^,;.]{0,30}"
    r"\b(?:under way|in progress|ongoing|going on|running|not (?:yet )?(?:finished|complete|over|done))\b",
    re.IGNORECASE,
)
_TELLS_OF_BEFORE = re.compile(r"\bhad (?:been )?(?:\w+ )*\w+ (?:earlier|before|previously|ago)\b", re.IGNORECASE)
"""Of what stands behind the effect, and says itself that it was first."""


def _is_later(line: Line, lead: Line) -> bool:
    """Whether a line is clearly later than the lead, and neither a change nor the lead's own words passed on."""
    one, other = line.suspect.offset_s, lead.suspect.offset_s
    if one is None or other is None or is_change(line.suspect):
        return False
    return one > latest_offset_s(lead, line) + _CLEARLY_S


def latest_offset_s(one: Line, other: Line) -> float:
    """Until when a line can have been written, beside another one: a stamp of whole seconds is of all its second.

    Of two such stamps the seconds tell which was first, and what says itself what was wrong is no effect in doubt.
    """
    offset_s = one.suspect.offset_s or 0.0
    is_open = _has_whole_seconds(one) and not (_has_whole_seconds(other) or _says_what_was_wrong(one))
    return offset_s + 1.0 if is_open else offset_s


def _has_whole_seconds(line: Line) -> bool:
    found = _CLOCK.search(line.suspect.text)
    return found is not None and not found["fraction"]


_CLOCK = re.compile(r"(?<!\d)\d\d:\d\d:\d\d(?P<fraction>[.,]\d)?")


def _place_of(suspect: Suspect) -> str:
    return f"{suspect.host} {suspect.component} {suspect.collector}"


def _shows_an_error(line: Line) -> bool:
    """Whether strong signals speak for a line, and none of them of a change."""
    strong = {signal.name for signal in line.suspect.signals if signal.strong}
    return bool(strong) and not strong & _CHANGES


def _says_what_was_wrong(line: Line) -> bool:
    return any(signal.name not in SYMPTOMS | _BESIDE for signal in line.suspect.signals) and not line.is_usual


def _is_symptom(line: Line) -> bool:
    names = {signal.name for signal in line.suspect.signals}
    shows = names - _BESIDE
    is_met = bool(names & _MET_WITH_A_FAILURE) or "same identifier" in names
    return bool(shows) and is_met and shows <= _MET_WITH_A_FAILURE | _WARNS and not is_change(line.suspect)


def _took_s(text: str) -> float:
    """How long before its time what a line tells had begun: it is logged at its end, "took 301822 ms"."""
    found = _TOOK.search(text)
    if found is None:
        return 0.0
    unit = found[2].casefold()
    return float(found[1]) * (0.001 if unit == "ms" else 60.0 if unit == "min" else 1.0)


_TOOK = re.compile(r"\b(?:took|after|duration[:=]) ?(\d+(?:\.\d+)?) ?(ms|s|secs?|seconds?|min)\b", re.IGNORECASE)


def _tells_event(who: str, act: str) -> bool:
    """Whether what stands before a verb tells something that happened, and not only who did it.

    "The failed connection" does, "the broker on mq2" does not; whatever made others do something did.
    """
    return (
        _MAKES.match(act) is not None
        or _HAPPENED.search(who) is not None
        or any(not concept.anywhere for concept in said_in(who))
    )


_MAKES = re.compile(r"(?:made|drove|led|let|brought|prompted|forced|broke|sent|threw|shook)\b", re.IGNORECASE)
_HAPPENED = re.compile(
    r"\b(?:[a-z]{3,}(?:ed|ing)|error|failure|fault|exit|lack|crash|death|null|slow|empty|wrong|late|lost|broken|stuck)\b",
    re.IGNORECASE,
)
_SETS_ANEW = re.compile(
    r"\b(?:changed?|cut|raised|lowered|reduced|shortened|increased|decreased|switched|moved|set)\b[^.;]*\bfrom\b[^.;]*\bto\b|"
    r"^(?:the|a) changes? (?:of|to|in)\b",
    re.IGNORECASE,
)
_FITS_BY_CHANCE = 4
"""A word each that two clauses have in common with a line."""


def _plain_parts(clause: str) -> list[str]:
    return parts_of(_BRACKETS.sub("", clause))


_MACHINE = re.compile(r"\bon ([a-z][a-z-]*\d+)\b")
"""Where something is said to have happened, be it a machine of the run or one that only a line names."""
_THING = (
    r"(?:(?:eth|en[ospx]|wl[psx]|wlan|bond|br-|veth|tun|tap|can|tty[A-Z]*|vmbr|wg|ppp|ib|md|dm-|nvme|loop|fan|psu|gpu)"
    r"\d[\w.]*|[\w@-]+\.(?:service|socket|timer|mount)|"
    r"[svx]v?d[a-z]\d?(?!\w)|/(?:dev|etc|var|usr|srv|opt|home|tmp|data|mnt|root|run|boot)/[\w./-]*\w)"
)
"""What each machine has of its own: interfaces, disks, fans, units and files."""
_HOST = r"(?<![\w-])(?:the |host |machine |node )*(?P<host>[A-Za-z][\w-]*)"
_OWNED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<![\w/])(?P<thing>{_THING})['\"]? (?:of|on|in|at) {_HOST}",
        rf"{_HOST}'s (?:\w+ ){{0,3}}?['\"]?(?P<thing>{_THING})",
        rf"\b[Oo]n {_HOST},? (?:\w+ ){{0,4}}?['\"]?(?P<thing>{_THING})",
        rf"{_HOST} (?:has |had )?(?:lost|dropped|missed|had|has|saw) (?:\w+ ){{0,3}}?['\"]?(?P<thing>{_THING})",
    )
)
_PLAIN_WORD = re.compile(r"(?<![\w./@:=\\-])[^\W\d_]+(?![\w@\\=(]|[./:]\w)")
_KNOWN_BY = {
    "account": r"\brole|login|\buid\b|user",
    "browser": r"chrom|firefox|gecko|webdriver|selen|/dev/shm|page|element|css=",
    "caller": r"\bcall|sip|invite",
    "client": r"handshake|connection from|peer|remote|user.agent|\bmsie|http/",
    "customer": r"client",
    "job": r"cron|timer|batch|\btask|dump|nightly|worker|build|\bci\b|rotate",
    "lease": r"dhcp|bound|address",
    "provider": r"\bpsp|sandbox|third|carrier|gateway",
    "script": r"\.(?:sh|py|pl|rb|lua|js)\b|command|sudo|eval",
    "session": r"login|connection|fetcher|token|cookie|user",
    "team": r"user=|\bby\b",
    "thread": r"pool|worker|\bpid\b|sql",
    "transaction": r"commit|rollback|rolled back|deadlock|\bxact|\btxn|\bbegin\b|\block(?!_)",
    "user": r"\brole\b|\(\w+\) cmd|login|account|\buid\b|sudo|session|@|alice|token|password",
    "volume": r"\bdf\b|no space|disk|mount|/dev/|filesystem|\d+%",
}
"""By what a line tells of one without its word."""
_WITHIN_NAMES = re.compile(r"(?<=\w)[/:](?=\w)")
_BRACKETS = re.compile(r" ?\([^()]*\)")
_OTHER_ADDRESS = re.compile(r"(?<![\d.])(?!127\.)\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
"""By which a line can mean any machine."""
_LEAST_TELLING = 10
_COUNTS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _small_counts(claim: str) -> set[str]:
    return set(re.findall(r"[a-z]+", claim.casefold())) & set(_COUNTS)


_STATEMENT = re.compile(r"\b(?:UPDATE|INSERT|DELETE|SELECT)s?\b")
"""Of SQL; as words they mean something else."""
_WITHOUT = re.compile(
    r"\b(?:without|rather than|instead of)(?: any| a| an| the)? \w+(?: \w+)?|"
    r"\bnot (?:any|a|an|the|because of|due to) \w+(?: \w+)?|"
    r"(?:\w+ )?\w+ (?:(?:can|could|may) be|is|was) "
    r"(?:ruled out|excluded|not (?:to blame|the cause|the problem|involved))|"
    r"\b(?:no (?:sign|trace|hint|evidence|indication) of|rules? out|ruling out)(?: any| a| an| the)? \w+(?: \w+)?",
    re.IGNORECASE,
)
"""What a claim says not to be so."""


def _count_apart(told: Iterable[str]) -> int:
    """How many words and numbers there are, of one within another only the longer one."""
    each_told = set(told)
    return sum(not any(each != other and each in other for other in each_told) for each in each_told)


def _named_both(one: str, other: str) -> set[str]:
    """Names with a digit, a dot or a mark that stand in two texts."""
    first, second = (set(_NAMES.findall(text.casefold())) for text in (one, other))
    return first & second


_NAMES = re.compile(r"(?<![\w.])(?=[\w.-]*\d)[a-z][\w-]*(?:\.\w+)*(?![\w.]*\w)")


def _products(clause: str) -> frozenset[str]:
    """Stems of the names of products in a clause: they tell who took part, and not which line is meant."""
    folded = clause.casefold()
    rows = [concept for concept in concepts() if concept.is_product]
    return frozenset(
        each for row in rows for match in row.said.finditer(folded) for each in significant_stems(match[0])
    )


def _in_one_dress(text: str) -> str:
    """The words of a text, in lower case and each with a space on both sides."""
    words = " ".join(re.findall(r"[^_\W]+", text.casefold()))
    return f" {words} "


_COMPARISON = re.compile(r"[!=]=|\bshould (?:be|have been|equal|match)\b|\bexpected\b", re.IGNORECASE)
"""Of a message: it compares two values."""
_COMPARES = re.compile(
    r"\b(?:(?:is|was|are|were|do|does|did) not (?:equal|match|the (?:same|expected)|as expected)(?: to)?|"
    r"differ(?:s|ed|ent)?|mismatch(?:es|ed)?|incorrect|unequal|expected)\b",
    re.IGNORECASE,
)
"""That one value is not another, and nothing of why."""
_INFERS = re.compile(
    r"\b(?:appear|seem|look|suggest|probably|possibly|perhaps|likely|apparently|presumably)\w*\b.*"
    r"\b(?:since|as|because)\b",
    re.IGNORECASE,
)
"""What stands behind "since" may be the reason for thinking so, and followed."""
_FITS_BY_WORDS = 4
"""Two words that a clause and a line have in common."""
_MUCH_TOLD = 4
"""Words, ideas and numbers that a sentence has in common with the lines that it cites: false tales have fewer."""
_NUMBERED = re.compile(r"(?<![\w.:/-])(?=[\w-]*[a-z]|\d{3}\d*[1-9](?!\d))[\w-]*\d[\w-]*(?!\w|[.:]\d)")
_LEAST_TOLD = 2
"""Words or ideas that a sentence has in common with a line that it tells."""
_CLEARLY_S, _LEAST_S, _LEAST_OF_MANY_S = 0.05, 1.0, 10.0
"""By which a line must be earlier to be known to come first: the chain's own cause or a line of the same log, any other
line, and folded lines, of which the first one's time is not known."""

SYMPTOMS = frozenset(
    {
        "back end down", "back-off", "cannot connect", "connection lost", "connection refused", "error", "exception",
        "failure", "failure word", "in the window", "near the failure", "new", "page not found", "restart",
        "server error", "session ended", "shared words", "slow", "stack trace", "state changed", "time-out",
        "unit failed", "unreachable", "warning",
    }
)  # fmt: skip
"""Signals of a line that shows that something failed, and not what was wrong."""
_MET_WITH_A_FAILURE = frozenset(
    {"cannot connect", "connection lost", "connection refused", "page not found", "server error", "session ended"}
)
"""Signals of a line that tells of another's failure."""
_WARNS = frozenset({"error", "failure", "failure word", "warning"})
_BESIDE = frozenset({"consequence", "in the window", "near the failure", "new", "same identifier", "shared words"})
"""Signals that make no cause of what only shows a failure."""

_CHANGES = frozenset(
    {"changed", "configuration change", "package change", "schema change", "deployment", "new version"}
)
_CHANGED = re.compile(
    r"\bstatement: +(?:alter|create|drop|grant|revoke|truncate)\b|\breceived SIGHUP\b|\(SIGHUP\) received|"
    r"\bre(?:configuring|loading (?:the )?config)|\bCONFIG SET\b|\bsettings?: .*\bnow\b|\bCOMMAND=/",
    re.IGNORECASE,
)


def is_change(suspect: Suspect) -> bool:
    """Whether a line tells what somebody changed, and no failure."""
    return any(signal.name in _CHANGES for signal in suspect.signals) or _CHANGED.search(suspect.text) is not None


def chain_places(chain: Chain | None) -> dict[str, int]:
    """Suspect id -> place in the chain, the cause first; what else followed comes behind what it followed from."""
    if chain is None:
        return {}
    events = [chain.links[0].cause, *(link.effect for link in chain.links)]
    places = {event.suspect_id: place for place, event in enumerate(events) if event.suspect_id}
    for link in chain.consequences:
        if link.effect.suspect_id and link.cause.suspect_id in places:
            places.setdefault(link.effect.suspect_id, places[link.cause.suspect_id] + 1)
    return places
