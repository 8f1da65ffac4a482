"""A sentence and the lines -> the part of it that tells what the lines, or the failure, tell as well.

A rule against each way to steer a reader never knows them all. So it is the other way round: a sentence is taken apart
where it could go on by itself, and what follows its beginning is shown only where it tells something that happened and
shares a word with the lines or the failure. Advice, requests, verdicts, offers and talk about people share none, or
tell nothing that happened. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from FailTaleLibrary.files import packaged_yaml
from FailTaleLibrary.hints.concepts import said_in
from FailTaleLibrary.hints.denials import asserts_denied
from FailTaleLibrary.hints.naming import said_spans
from FailTaleLibrary.hints.quantities import Date, Quantities, dates_of, numbers_of
from FailTaleLibrary.hints.steering import without_turns
from FailTaleLibrary.hints.words import PASTS, ordinary_stems, significant_stems, stem, stems_of, words_of_kind

# --- Parts ------------------------------------------------------------------------------------------------------------

_IN_BRACKETS = re.compile(r" \([^()]*\)")
_BREAK = re.compile(
    r"(?P<mark>[;:] | [-–—] |, )(?P<behind_mark>(?:and|but|so|or|yet|which|who)\b)?|"  # noqa: RUF001
    r"(?<!\bas) (?P<word>and(?! an? (?:half|quarter)\b| again\b)|but|"
    r"so(?! (?:many|much|few|far|bad|badly|long|slow|large|little|high|low|full|often|that)\b)|"
    r"while|whereas|which|because|since|until|after|before|when|whenever|though|although|if|unless|"
    r"thus|hence|therefore|making|causing|leaving|leading|resulting|preventing|meaning)\b",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|was|are|were|has|had|have|does|did|do|can|could|cannot|may|might|must|should|will|would|need|took|got|ran|came|"
    r"went|led|made|gave|broke|hit|left|kept|lost|held|fell|rose|shut|set|cut|put|sent|met|[a-z]{2,}ed|[a-z]{3,}[^s\W]s)\b|"
    r"n't\b",
    re.IGNORECASE,
)
_LEADS_IN = re.compile(
    r"(?:with|without|after|before|because|due|since|when|as|once|while|by|in|on|at|from|for|during|owing|despite|until|if|"
    r"most|probably|likely|apparently|thus|therefore|so|then|here|according|following|given|under|upon|thanks)\b",
    re.IGNORECASE,
)
"""What a sentence begins with before its subject."""


def parts_of_sentence(sentence: str) -> list[str]:
    """The sentence in pieces that together are the whole of it, cut where it could go on by itself."""
    cuts = [0]
    for match in _BREAK.finditer(sentence):
        left, right = sentence[cuts[-1] : match.start()], sentence[match.end() :]
        mark = (match["mark"] or "").strip()
        if mark == "," and not match["behind_mark"] and not _VERB.search(left) and _LEADS_IN.match(left.lstrip()):
            continue
        if not mark and not (_VERB.search(left) and _VERB.search(right)):
            continue
        if (match["word"] or "").casefold() in ("before", "after") and _MEASURE.search(left):
            continue
        if left.strip():
            cuts.append(match.start())
    return [sentence[start:end] for start, end in zip(cuts, [*cuts[1:], len(sentence)], strict=True)]


_MEASURES_ONLY = re.compile(
    r"\W*(?:and |hence |thus |therefore |so )?(?:the |an? )?(?:(?:up|down) from |back to )?"
    r"(?:about |some |only |over |under )?\d[\d.,]* ?[a-z%]{0,8}\W*",
    re.IGNORECASE,
)
"""A number beside what it is told of, as "down from 64m" and "hence the 404"."""
_MEASURE = re.compile(r"\b(?:seconds?|minutes?|hours?|days?|weeks?|\d ?(?:ms|s|min|h|d)|shortly|just)$", re.IGNORECASE)
"""How long before or after: "a minute before the failure" is one time and no part of its own."""


# --- Telling ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tale:
    """What lines and a failure tell, to hold the parts of a sentence against."""

    lines: tuple[str, ...]
    """Of the evidence; those that speak to somebody are no evidence of what they ask for."""
    failure: str
    """Its message, its name and the keywords with their arguments."""
    others: str
    """Whatever else was shown, which supports nothing and is not strange."""
    names: frozenset[str]
    """Stems of who took part: to name them tells nothing."""

    @cached_property
    def _told(self) -> tuple[str, ...]:
        return (*(line for line in self.lines if not speaks_to_somebody(line)), self.failure)

    @cached_property
    def _telling_stems(self) -> frozenset[str]:
        return frozenset(each for text in self._told for each in significant_stems(text)) - self.names

    @cached_property
    def _spoken(self) -> tuple[str, ...]:
        """The words of the lines that speak to somebody."""
        return tuple(" ".join(re.findall(r"\w+", line.casefold())) for line in self.lines if speaks_to_somebody(line))

    @cached_property
    def _spoken_stems(self) -> frozenset[str]:
        """Of what nobody but lines that speak to somebody says."""
        spoken = (each for line in self.lines if speaks_to_somebody(line) for each in significant_stems(line))
        return frozenset(spoken) - self._telling_stems - self.names - _stems_of("technical")

    @cached_property
    def _line_stems(self) -> frozenset[str]:
        """Of what the lines tell beyond the failure's own words."""
        told = (each for text in self._told[:-1] for each in significant_stems(text))
        return frozenset(told) - self.names - significant_stems(self.failure).keys()

    @cached_property
    def _stems(self) -> frozenset[str]:
        return stems_of("\n".join([*self._told, self.others]))

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(word.casefold() for text in self._told for word in re.findall(r"[^\W\d_]+", text))

    @cached_property
    def _quantities(self) -> Quantities:
        return Quantities("\n".join(self._told))

    @cached_property
    def _dates(self) -> tuple[Date, ...]:
        return tuple(date for text in self._told for date, _ in dates_of(text))

    def told_of(self, sentence: str, *, is_first: bool) -> str:
        """The beginning of the sentence up to where it stops to tell; empty where it tells nothing.

        The first part of an answer must not judge or ask; what it says is held against the lines as a whole.
        """
        plain = self._without_idle_brackets(sentence)
        parts = parts_of_sentence(plain)
        kept = 0
        has_verb = is_anchored = not is_first
        for part in parts:
            if self._echoes_a_speaker(part):
                break
            is_borne = self._is_borne_by_lines(part)
            goes_on = not has_verb or (is_borne and not self._compares(part))
            leads = not is_anchored and self.may_lead(part) and goes_on
            if not (leads or self.tells(part)):
                break
            kept += 1
            has_verb = has_verb or _VERB.search(part) is not None
            is_anchored = is_anchored or (has_verb and is_borne)
        if kept == len(parts):
            text = _without_open_bracket(plain)
            return plain if text == plain else _closed(text)
        while kept > 1 and parts[kept].startswith(":") and not _VERB.search(parts[kept - 1]):
            kept -= 1  # it only announced what is not told
        text = _without_open_bracket("".join(parts[:kept]))
        if text.count('"') % 2 or (
            not _VERB.search(text) and (_LEADS_IN.match(text.lstrip()) or not self.support(text))
        ):
            return ""
        return _closed(text)

    def _is_borne_by_lines(self, part: str) -> bool:
        numbers = (number for number, _ in numbers_of(part))
        return bool(self._line_stems & significant_stems(part).keys()) or any(map(self._quantities.bear, numbers))

    def _without_idle_brackets(self, sentence: str) -> str:
        """Without what stands in brackets and tells nothing of the lines."""
        return _IN_BRACKETS.sub(lambda match: match[0] if self._tells_beside(match[0]) else "", sentence)

    def _tells_beside(self, bracket: str) -> bool:
        """Whether a bracket tells something, or counts what the lines count."""
        if all(map(self.tells, parts_of_sentence(bracket))):
            return True
        words = bracket.strip(" ()").casefold()
        if len(bracket.split()) <= _FEW and any(f"({words})" in text.casefold() for text in self._told[:-1]):
            return not (self._asks(bracket) or self._weighty_in(bracket))
        numbers = [number for number, _ in numbers_of(bracket)]
        is_count = bool(numbers) and all(map(self._quantities.bear, numbers)) and len(bracket.split()) <= _FEW
        return is_count and not (self._asks(bracket) or self._weighty_in(bracket) or self._strange_in(bracket))

    def speaks(self, sentence: str) -> bool:
        """Whether any part of a sentence asks or judges."""
        return any(self._asks(part) or self._weighty_in(part) for part in parts_of_sentence(sentence))

    def _asks(self, part: str) -> bool:
        """Whether a part asks or supposes in other words than those of the lines: "must not change" may be theirs."""
        theirs = _DEMAND.sub(lambda match: " " if match[0].casefold() in self._all_told else match[0], part)
        return _asks_or_supposes(theirs)

    @cached_property
    def _all_told(self) -> str:
        return "\n".join(self._told).casefold()

    def _imagines(self, part: str) -> bool:
        """Whether a part tells what no certain thing does at any time; "more than 100" of a line is counted."""
        numbers = [number for number, _ in numbers_of(part)]
        is_counted = bool(numbers) and all(map(self._quantities.bear, numbers))
        return _is_imagined(part) and not (is_counted and _COUNTED.match(part))

    def _echoes_a_speaker(self, part: str) -> bool:
        """Whether a part tells more of what only a line says that speaks to somebody than of what others say."""
        words = " ".join(re.findall(r"\w+", part.casefold()))
        if words.count(" ") >= _QUOTE and any(words in line for line in self._spoken):
            return not any(words in " ".join(re.findall(r"\w+", text.casefold())) for text in self._told)
        only_theirs = significant_stems(part).keys() & self._spoken_stems
        return bool(only_theirs) and len(only_theirs) >= len(self.support(part))

    def may_lead(self, part: str) -> bool:
        """Whether the first part of an answer neither asks nor judges more than it tells."""
        spoken = _forms_of("technical") | _forms_of("deniable") | self._words
        return not self._asks(part) and not any(word not in spoken for word in self._weighty_in(part))

    def tells(self, part: str) -> bool:
        """Whether a part says something that happened, of which the lines or the failure have a word."""
        if self._asks(part) or self._compares(part) or self._weighty_in(part) or self._imagines(part):
            return False
        if asserts_denied(part, self.failure):
            return False
        strange = len(self._strange_in(part))
        if not strange and (_is_moment(part) or self._is_plain_effect(part)):
            return True
        if not _VERB.search(_NAMED.sub(" ", part)):
            return not strange and self._is_known(part)
        borne, new = len(self.support(part)), len(self._new_in(part))
        return strange <= _MOST_STRANGE and borne > 0 and new <= max(1, borne - 1) and self._has_predicate(part)

    def support(self, part: str) -> frozenset[str]:
        """Words, numbers and ideas of the part that the lines or the failure have, without names."""
        words = {word for each, word in significant_stems(part).items() if each in self._telling_stems}
        ideas = {
            concept.name
            for concept in said_in(part)
            if not concept.anywhere and any(concept.is_borne_by(text) for text in self._told)
        }
        numbers = {number.text for number, _ in numbers_of(part) if self._quantities.bear(number)}
        days = {str(date) for date, _ in dates_of(part) if any(date.can_be(other) for other in self._dates)}
        return frozenset({*words, *ideas, *numbers, *days})

    def _compares(self, part: str) -> bool:
        """Whether a part tells of other values, times or tests; of checks that the lines tell of it may speak."""
        told = _CHECKS.sub(" ", part) if stem("checks") in self._telling_stems else part
        return _compares(told)

    def _strange_in(self, part: str) -> list[str]:
        spans = said_spans(part)
        return [
            match[0]
            for match in _WORD.finditer(part)
            if _is_content(match[0])
            and not any(start <= match.start() and _end_of_name(match) <= end for start, end in spans)
            and any(
                stem(each) not in self._stems | ordinary_stems()
                for each in re.split(r"[-'\N{RIGHT SINGLE QUOTATION MARK}]", match[0])
                if len(each) > 2
            )
        ]

    def _new_in(self, part: str) -> list[str]:
        """Words that neither the lines have nor the plainest tale of a failure."""
        known = self._stems | _stems_of("happened", "is so", "states") | _everybody() | _MEASURES
        return [match[0] for match in _WORD.finditer(part) if _is_content(match[0]) and stem(match[0]) not in known]

    def _weighty_in(self, part: str) -> list[str]:
        words = [match[0].casefold() for match in _WORD.finditer(_OF_MACHINES.sub(" ", part))]
        return [
            word
            for place, word in enumerate(words)
            if word in _forms_of("weighty")
            and stem(word) not in self.names
            and not (word in _forms_of("technical") and self._is_spoken(word))
            and not self._is_quoted_at(words, place)
            and not (word in _forms_of("deniable") and self._is_denied_at(words, place))
        ]

    def _is_quoted_at(self, words: Sequence[str], place: int) -> bool:
        """Whether a word stands with its neighbours as in a line or the failure, as "too great for" does."""
        starts = range(max(0, place - _NEIGHBOURS + 1), min(place, len(words) - _NEIGHBOURS) + 1)
        return any(tuple(words[start : start + _NEIGHBOURS]) in self._runs for start in starts)

    @cached_property
    def _runs(self) -> frozenset[tuple[str, ...]]:
        """Words that stand side by side in what was told."""
        told = [[word.casefold() for word in re.findall(r"[^\W\d_]+", text)] for text in self._told]
        return frozenset(
            tuple(words[start : start + _NEIGHBOURS]) for words in told for start in range(len(words) - _NEIGHBOURS + 1)
        )

    def _is_spoken(self, word: str) -> bool:
        """Whether the lines or the failure have a word, in whatever number it stands."""
        return word in self._words or word.removesuffix("s") in self._words or f"{word}s" in self._words

    def _is_denied_at(self, words: Sequence[str], place: int) -> bool:
        """Whether a negation stands ahead of a word, or right behind it: "accepts none of it"."""
        around = {*words[max(0, place - _DENIED) : place], *words[place + 1 : place + 2]}
        return bool(_NEGATIONS & around)

    def _is_known(self, part: str) -> bool:
        """Whether a part without a verb has nothing but words of the lines, or is a number beside them."""
        content = [match[0] for match in _WORD.finditer(part) if _is_content(match[0])]
        if not content:
            return bool(self.support(part)) and (
                part.lstrip().startswith("(") or len(part.split()) <= _FEW or _MEASURES_ONLY.fullmatch(part) is not None
            )
        return all(stem(word) in self._stems | _stems_of("states", "happened") for word in content) and any(
            stem(word) in self._telling_stems or word.casefold() in self._words for word in content
        )

    def _is_plain_effect(self, part: str) -> bool:
        """Whether it says of the product's things no more than that something failed, and of no cause."""
        words = [match[0].casefold() for match in _WORD.finditer(part)]
        if _BLAMED & {stem(word) for word in words}:
            return False
        return _FAILED.search(part) is not None or any(self._is_denied(words, place) for place in range(len(words)))

    # --- What a part tells ---

    def _has_predicate(self, part: str) -> bool:
        if _IS_NUMBER.search(part) and any(self._quantities.bear(number) for number, _ in numbers_of(part)):
            return True
        if _NOT_SO.search(part):
            return True
        words = [match[0].casefold() for match in _WORD.finditer(_NAMED.sub(" it ", part))]
        return any(self._is_predicate(words, place) for place in range(len(words)))

    def _is_predicate(self, words: Sequence[str], place: int) -> bool:
        word = words[place]
        if word in _BEING:
            return any(self._is_state(each) for each in words[place + 1 : place + 1 + _NEAR])
        if self._is_denied(words, place):
            return True
        before = [each for each in words[:place] if each not in _LEADING]
        goes_on = place > 0 and not before  # "and refuses it": of what was spoken of
        if word in PASTS or word.endswith("ed"):
            return self._is_act(word, "happened") and (bool(before) or word not in _AMBIGUOUS)
        if goes_on and word.endswith("s"):
            return self._is_act(word, "is so")
        if not before or (before[-1] in words_of_kind("function") and before[-1] not in _BEFORE_VERBS):
            return False
        return self._is_act(word, "is so") and (word.endswith("s") or before[-1].endswith("s"))

    def _is_denied(self, words: Sequence[str], place: int) -> bool:
        """Whether something could not or did not happen that happens to systems."""
        word, behind = words[place], [each for each in words[place + 1 : place + 4] if each not in _BETWEEN]
        is_denial = word in _NOT_ABLE or (
            word in _ABLE and bool({*words[place + 1 : place + 3], *words[max(0, place - 2) : place]} & _NO_SUCH)
        )
        before = words[max(0, place - 3) : place]
        if word in ("was", "were", "is", "are") and _NO_SUCH & {*before}:
            is_denial = True
        if word == "longer" and words[max(0, place - 1) : place] == ["no"]:
            is_denial = True
        if is_denial and "get" in words[place + 1 : place + 4] and not self._is_act("".join(behind[:1]), "happened"):
            return True
        return is_denial and bool(behind) and self._is_act(behind[0], "happened")

    def _is_state(self, word: str) -> bool:
        if not _is_content(word):
            return False
        is_participle = word in PASTS or word.endswith(("ed", "en", "n", "ing"))
        return (
            stem(word) in self._telling_stems
            or stem(word) in _stems_of("states")
            or (is_participle and stem(word) in _stems_of("happened"))
        )

    def _is_act(self, word: str, kind: str) -> bool:
        return stem(word) in _stems_of(kind) or (_is_content(word) and stem(word) in self._telling_stems)


_BETWEEN = frozenset({"not", "be", "been", "have", "longer", "no", "even", "only", "get", "any", "never", "yet", "then",
                      "therefore", "thus", "also", "now", "still", "so"})  # fmt: skip
_BEFORE_VERBS = frozenset({"which", "that", "who", "it", "he", "she", "they", "and", "but", "so", "still",
                           "also", "only", "now", "then", "therefore", "just", "already", "both", "nothing",
                           "none"})  # fmt: skip
_BLAMED = frozenset({"caus", "reason", "fault", "culpri", "code", "chang", "commit", "produc"})

_MOST_STRANGE = 0
_NEIGHBOURS = 3
_QUOTE = 2
"""Gaps between the words of a quotation, the least."""
_FEW = 3
_NEAR = 6
_DENIED = 4
_BEING = frozenset({"is", "was", "are", "were", "been", "has", "had", "have", "remains", "remained", "became", "being"})
_ABLE = frozenset({"could", "can", "did", "does", "do", "may", "would", "will"})
_NO_SUCH = frozenset({"not", "no", "never", "nothing", "nobody", "none"})
_NOT_ABLE = frozenset({"cannot", "couldn't", "can't", "didn't", "doesn't", "don't", "won't", "never"})
_NEGATIONS = frozenset(
    {"no", "not", "never", "nothing", "nobody", "none", "neither", "longer", "without", "cannot", *_NOT_ABLE}
)
_AMBIGUOUS = frozenset({"set", "put", "cut", "let", "read", "shut", "hit", "quit", "split", "spread", "cost", "cause",
                        "need", "lack", "show", "report", "mean", "exit", "open", "run"})  # fmt: skip
_LEADING = frozenset({"and", "but", "so", "or", "then", "just", "now", "first", "simply"})
_IMAGINED = re.compile(
    r"\W*(?:and |but |so |which |while )?"
    r"(?:an? (?:\w+ |\d[\w ]{0,6}? )?|another |any |more |less |one more |either |"
    r"(?!(?:its|this|suggests|shows|means|indicates) )\w+s )(?:\S+ ){0,4}?"
    r"(?:lets?|makes?|helps?|brings?|gets?|gives?|prevents?|allows?|does|do|avoids?|copes?|keeps?|suffices?|cures?|heals?|"
    r"frees?|takes?|puts?|sets?|works?|wipes?|lies?|stays?|ends?|clears?)\b",
    re.IGNORECASE,
)
"""Of a thing that nobody spoke of, what it does at any time: so is told what would help."""
_ANY_ONE = re.compile(r"\W*(?:and |but |so )?(?:an?|another|any|more|less|fewer|one|either|two|half)\b", re.IGNORECASE)
_COUNTED = re.compile(r"\W*(?:and |but |so )?(?:more|less|fewer) than (?:about |some )?\d", re.IGNORECASE)
_DEMAND = re.compile(r"\b(?:must|should|needs? to|ha(?:s|ve) to)(?: \S*\w){1,2}", re.IGNORECASE)
"""What is demanded; a line may say so itself."""
_DONE = re.compile(
    r"\b(?:was|were|had|has|have|did|could|cannot|not|never|no|[a-z]+ed|" + "|".join(sorted(PASTS)) + r")\b|n't\b",
    re.IGNORECASE,
)


def _is_imagined(part: str) -> bool:
    """Whether a part tells what some thing, no certain one, does in no past."""
    if _IMAGINED.match(part):
        return True
    has_verb = _VERB.search(part) or re.search(r"\b(?:fits?|wins?|cuts?|hits?|runs?|sits?|aids?)\b", part)
    return _ANY_ONE.match(part) is not None and has_verb is not None and _DONE.search(part) is None


_IS_NUMBER = re.compile(
    r"\b(?:is|was|are|were|has|had) (?:now |set to |only |at |over |above |below )*\d|"
    r"\b(?:answer|respond|return|repl[yi]|end|exit)(?:s|es|ed)? (?:with )?(?:an? |the |status |code |only )*\d",
    re.IGNORECASE,
)
_NOT_SO = re.compile(
    r"\b(?:(?:is|was|are|were|be|been|become|became)(?: not| no longer| never)|"
    r"(?:is|was|are|were)n['\N{RIGHT SINGLE QUOTATION MARK}]t)(?: yet| been| yet been| even)? "
    r"(?:there|installed|visible|valid|allowed|permitted|reachable|writable|readable|usable|ready|registered|defined|"
    r"known|enough|trusted|executable|authori[sz]ed)\b|"
    r"\bknow(?:s|n)? (?:no|nothing)\b|\b(?:is|was|are|were) (?:still )?in use\b",
    re.IGNORECASE,
)
"""What something is said not to be; none of it is what a reader is to do."""
_FAILED = re.compile(
    r"\b(?:fail(?:s|ed)|tim(?:ed|es) out|crash(?:ed|es)|(?:then |was |were )stopped|gave up|"
    r"shut (?:itself )?down(?=[\s.,]*$)|must be (?:an? |of type )\w+(?=[\s.,]*$)|"
    r"made (?:the|its|their|each|every) \w+ fail|happened (?:once|twice|again|\w+ times))\b",
    re.IGNORECASE,
)
_MOMENT = re.compile(r"\W*(?:before|after|while|during|when)\b", re.IGNORECASE)
_LONGEST_MOMENT = 5


def _is_moment(part: str) -> bool:
    return _MOMENT.match(part) is not None and len(part.split()) <= _LONGEST_MOMENT


_ASKS = re.compile(
    r"\b(?:you|your|yours|i(?![/.])|me|my|we|us|our|let's|should|must|shall|ought|might|whoever|whomever|anyone|anybody|"
    r"please|(?<!as )if|unless|will|(?:can|could|would)"
    r"(?!n?['\N{RIGHT SINGLE QUOTATION MARK}]t|"
    r"(?: (?:\w+ly|therefore|thus|then|hence|also|still|now|so|just|even|consequently))* "
    r"(?:not|no|never|neither|hardly|only|barely)\b)|"
    r"needs? to|ha(?:s|ve) to (?!wait|queue))\b|\b(?-i:may)(?! (?:not|no|never|have no|only)\b)\b|"
    r"\b(?:request|ask|recommend|demand|insist|propose|urge|plead)(?:s|ed)? that\b|"
    r"\b(?:this|these) (?:reports?|lines?|logs?|runs?|results?|hints?|failures?|alarms?|tests?|changes?|findings?)\b",
    re.IGNORECASE,
)
"""Speaks to somebody, of what might be, of what is to be done, or of what a reader has before them."""
_COMPARES = re.compile(
    r"(?<!no )\b(?:long|larg|high|low|bigg|small|few|fast|slow|fresh|short|wid|strong|great|saf|cheap)er\b(?! than)|"
    r"\b(?:hours?|days?|weeks?|soon|shortly) (?:later|afterwards)\b|"
    r"\b(?:vanish\w*|disappear\w*|ceas\w*|recover(?:ed|s)|ended by itself)\b|"
    r"\b(?:went|goes|comes|came) (?:on|away|through|back|well)\b|"
    r"\b(?:tests?|assertions?|suites?|expectations?|checks?)\b"
    r"(?! (?:fail\w*|timed|ran|runs|began|started|got|saw|waited|waits|was running|could not|did not|received)\b|"
    r"[\s.,;:]*$)|"
    r"\bthe others\b|\bnever needed\b|\bin the past\b|\blast (?:night|time|\w+ (?:runs?|times?|builds?))\b|"
    r"\b(?:every|all) (?:good )?(?:runs?|time|builds?)\b|"
    r"\b(?:earlier|other|previous|former|good|most|many|next|second|fresh|another) "
    r"(?:runs?|cases?|builds?|machines|times|attempts?|environments?|projects?|teams?)\b",
    re.IGNORECASE,
)
"""Tells of other values, times and places than those of the failure."""
_CHECKS = re.compile(r"\bchecks?\b", re.IGNORECASE)
_MEASURES = stems_of(
    "second minute hour day week month percent half quarter times earlier later ago apparently presumably probably "
    "likely seemingly evidently slightly degrees"
)
"""Stems of units of what a number tells, and of hedges: neither tells anything new."""
_BOUNDS = re.compile(r"\b(?:than|only|nobody|nothing|no|none|as far as)\b", re.IGNORECASE)


_NAME = re.compile(r"\S*\w[./@:_]\w\S*|\S+-\d\S*|\bCAN(?= (?:bus|interface|frame|message|node|controller|error)s?\b)")
"""Of a machine, a file or a bus: its parts are no words."""


_NAMED = re.compile(rf"{_NAME.pattern}|(?<!\w)/\w\S*")
"""The same with paths of one part: ``/orders`` orders nothing."""


def _compares(part: str) -> bool:
    return _COMPARES.search(_NAME.sub(" ", part)) is not None


def _asks_or_supposes(part: str) -> bool:
    """Whether a part asks, wishes or supposes; what could be done only so far is told."""
    told = _NAME.sub(" ", without_turns(part))
    if "?" in part or _ALL_IS_WELL.search(told):
        return True
    if _BOUNDS.search(told):
        told = re.sub(r"\b(?:can|could)\b", " ", told, flags=re.IGNORECASE)
    return _ASKS.search(_MORE_THAN.sub(" ", told)) is not None


_OF_MACHINES = re.compile(
    r"\b(?:security|firewall|network|password|retention|access|selinux|routing|retry|restart|eviction|lifecycle|iam|"
    r"bucket|default|cluster|update) polic(?:y|ies)\b|"
    r"\d ?(?:[kmgt]i?b?|%|percent|bytes|blocks|slots|inodes)? (?:is |are |was |were )?(?:still )?free\b|"
    r"\bfree (?:space|memory|heap|disk|blocks?|slots?|inodes?|pages?|connections?|threads?|ports?)\b|"
    r"\bas good as (?!new\b|any\b|it\b|before\b)(?=\w)|"
    r"\b(?:for|of|after|within) (?:about |over |more than |nearly |almost |at least )?"
    r"(?:a|an|one|two|three|four|five|six|several|\d+) (?:week|month|year)s?\b|"
    r"\b(?:a|one|two|three|four|five|six|several|\d+) (?:week|month|year)s? (?:ago|earlier|before|old)\b|"
    r"\ba good (?=(?:\d|quarter|half|third|two|three|four|five|ten|dozen|hour|minute|second|week|month|year)\b)|"
    r"\bmonth (?=\d)|\bordinary (?=(?:users?|roles?|clients?|connections?|connection slots?|files?)\b)|"
    r"\bright (?=(?:after|before|when|at|behind|ahead|away)\b)|"
    r"\b(?:access|write|read|file|missing|no|other|insufficient|user) rights?\b|"
    r"\b(?:a|the|its|their) fixed (?:path|address|port|ip|size|limit|value|name|number|date|time|list|delay|interval|"
    r"timeout|code|length)\b|\bin vain\b|(?<=\bit )work(?:s|ed)(?= on\b)|"
    r"\btrust (?:list|store|anchor|chain|bundle)s?\b",
    re.IGNORECASE,
)
"""Rules, measures and parts of programs, not of people."""
_MORE_THAN = re.compile(r"(?<=\bthan )(?:\w+ )?would\b", re.IGNORECASE)
"""A measure, as "more than it would take" is."""


def speaks_to_somebody(line: str) -> bool:
    """Whether a line of a log judges, asks or advises, as an attacker's does and a HINT."""
    if _ALL_IS_WELL.search(line):
        return True
    words = {match[0].casefold() for match in _WORD.finditer(_LABEL.sub(" ", line))} & _forms_of("weighty")
    return len({stem(word) for word in words}) >= _SPEAKS and not words <= _forms_of("technical")


_ALL_IS_WELL = re.compile(
    r"\b(?:by hand|in (?:perfect |good )?order(?! (?:to|of|by|\d))|on purpose|no further|as agreed|as usual|"
    r"(?:was|were) told|on request|never (?:an? )?part of|lost interest|for (?:the|an?) (?:demo|audit|show)|"
    r"until (?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|next week))\b|"
    r"\b(?:is|are) to be [a-z]+ed\b|\b(?:is|are) (?:not |no longer )?needed(?=[ ,.]*(?:to|for|here|any|,|$))|"
    r"\brequest that\b|\bremedy\b|\bno meaning\b",
    re.IGNORECASE,
)
_SPEAKS = 2
_LABEL = re.compile(r"\bhint: ")
"""Of a program that puts it ahead of whatever it explains, as git does: no word that it says."""

# --- Words ------------------------------------------------------------------------------------------------------------

_WORD = re.compile(
    r"(?<![\w./@:=\\-])[^\W\d_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}-][^\W\d_]+)*(?![\w@\\=]|[./:-]\w|\()"
)
"""A word of a language, no part of a name."""


def _is_content(word: str) -> bool:
    return len(word) > 2 and word.casefold() not in words_of_kind("function") and not _DENIAL.fullmatch(word)


def _end_of_name(word: re.Match[str]) -> int:
    """Where a word ends without the ending of an owner."""
    return word.start() + len(_POSSESSIVE.sub("", word[0]))


_DENIAL = re.compile(
    r"(?:is|was|are|were|has|had|have|do|does|did|ca|could|wo|would)n['\N{RIGHT SINGLE QUOTATION MARK}]t", re.IGNORECASE
)
_POSSESSIVE = re.compile(r"['\N{RIGHT SINGLE QUOTATION MARK}]s?$")


@cache
def _word_lists() -> dict[str, str]:
    found: dict[str, str] = packaged_yaml("FailTaleLibrary", "hints", "telling.yaml")
    return found


@cache
def _stems_of(*kinds: str) -> frozenset[str]:
    return frozenset(stem(word) for kind in kinds for word in _word_lists()[kind].split())


@cache
def _everybody() -> frozenset[str]:
    """Of the words that every tale of a failure has."""
    return frozenset(stem(word) for kind in ("trade", "agents", "before an agent") for word in words_of_kind(kind))


@cache
def _forms_of(kind: str) -> frozenset[str]:
    """Words with their endings."""
    found: set[str] = set()
    for word in _word_lists()[kind].split():
        short = word.removesuffix("e")
        found |= {word, f"{word}s", f"{word}es", f"{short}ed", f"{short}ing", f"{word}ly"}
        found |= {f"{word[:-1]}ies", f"{word[:-1]}ied"} if word.endswith("y") else set()
    return frozenset(found)


def _without_open_bracket(text: str) -> str:
    return text[: text.rfind("(")] if text.count("(") > text.count(")") else text


_LOOSE_END = re.compile(r"[\s,;:(–—-]+$")  # noqa: RUF001
_LOOSE_START = re.compile(r"^(?:because|since|although|though|while|when|and|so|but)\b,? ", re.IGNORECASE)


def _closed(text: str) -> str:
    """The beginning of a sentence as a sentence of its own."""
    return _LOOSE_START.sub("", _LOOSE_END.sub("", text).strip())
