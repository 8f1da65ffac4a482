"""A sentence and the lines -> which of the relations that it tells the lines do not bear. Pure.

Each word of "the upload failed, and this made the host key change" stands in a line; what led to what stands in none.
Nothing of such a sentence needs to be wrong, so it costs the model's words and not the line that it points at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from itertools import pairwise

from FailTaleLibrary.hints.clauses import Clause, clauses_of
from FailTaleLibrary.hints.concepts import said_in
from FailTaleLibrary.hints.truth import Line, Scene, is_change
from FailTaleLibrary.hints.words import significant_stems, stem, words_of_kind


def unborne_relation(sentence: str, scene: Scene) -> str | None:
    """Which relation of a sentence no line bears, in a few words; None where there is no such one."""
    clauses = clauses_of(sentence)
    causes = [clause for clause in clauses if clause.role == "cause"]
    for cause, effect in _links_of(clauses):
        why = (
            _foreign_cause(cause, scene)
            or _symptom_as_cause(cause, effect, scene)
            or _reason_as_effect(cause, effect, scene)
        )
        if why:
            return why
    return (
        next((why for clause in clauses if (why := _foreign_doer(clause.text, scene))), None)
        or next((why for clause in causes if (why := _foreign_act(clause.text, scene))), None)
        or _cause_of_its_own(sentence, scene)
        or _other_subject(sentence, scene)
        or _other_actor(sentence, scene)
        or _turned_comparison(sentence, scene)
        or _other_party(sentence, scene)
    )


# --- What led to what -------------------------------------------------------------------------------------------------

_POINTS_BACK = re.compile(
    r"^(?:and )?(?:this|that|these|those|which|it)(?: (?:then|also|in turn|alone|\w+))?$", re.IGNORECASE
)
_ADDED = re.compile(r",? and (?=(?:[a-z]+ed|gave|got|sent|so)\b)")
"""Behind a reason: what the subject of the effect did besides."""


def _links_of(clauses: Sequence[Clause]) -> Iterator[tuple[str, str]]:
    """Each cause with the effect next to it; a mere "this answer" stands for what was told ahead of it."""
    for place, (one, other) in enumerate(pairwise(clauses)):
        if {one.role, other.role} != {"cause", "effect"}:
            continue
        cause, effect = (one.text, other.text) if one.role == "cause" else (_ADDED.split(other.text)[0], one.text)
        if _POINTS_BACK.match(cause) and one.role == "cause" and place:
            cause = clauses[place - 1].text
        yield cause, effect


def _foreign_cause(cause: str, scene: Scene) -> str | None:
    """A cause that is told at some length without a word, a number or an idea of any line."""
    named = scene.names | {each for line in scene.lines for each in significant_stems(_where_of(line))}
    words = {each for each in significant_stems(cause).keys() - named if not any(map(str.isdigit, each))}
    shown = {each for line in scene.lines for each in line.stems}
    if len(words) < _SOME_LENGTH or words & shown:
        return None
    if any(_telling_numbers(cause, line, scene) or _ideas_of_both(cause, line) for line in scene.lines):
        return None
    return "no line has a word of what it gives as the cause"


def _telling_numbers(text: str, line: Line, scene: Scene) -> list[str]:
    """Numbers of both that stand in few lines; versions and counts are small."""
    return [each for each in scene.shared_numbers(text, line) if sum(map(str.isdigit, each)) >= _FIGURES]


_FIGURES = 3


def _ideas_of_both(text: str, line: Line) -> bool:
    """Whether a line tells what a text tells in other words; that there was an update tells nothing of what it did."""
    told = (each for each in said_in(text) if not (each.anywhere or each.symptom or each.name == _UPDATE))
    return any(each.is_borne_by(line.text) for each in told)


_UPDATE = "an update"


_SOME_LENGTH = 2


def _where_of(line: Line) -> str:
    return f"{line.suspect.host} {line.suspect.component} {line.suspect.collector}"


_SYMPTOM = re.compile(
    r"\bfail(?:ed|s|ing|ure)?\b|\berrors?\b|\b[45]\d\d\b|\b(?:ended|answered|responded|exited) (?:\S+ )?with\b|"
    r"(?<!\bwas )(?<!\bwere )(?<!\bis )\brefus\w+|\breject\w+|\broll(?:ed)?[ -]?back\b|\btimed? ?-?out\b|"
    r"\btime-?outs?\b|\babort\w*|\bcancel\w*|\bretr(?:y|ied|ies)\b|\bdisappeared\b|\bwent away\b",
    re.IGNORECASE,
)


def _symptom_as_cause(cause: str, effect: str, scene: Scene) -> str | None:
    """How something ended, told as what led to what another line says, where nothing says that it came first."""
    if scene.leading is None or not _SYMPTOM.search(cause) or _STATUS.search(effect):
        return None
    message = significant_stems(scene.message).keys()
    of_cause, of_effect = (significant_stems(text).keys() - scene.names for text in (cause, effect))
    told = scene.lines_told_by(cause)
    for line in dict.fromkeys((scene.leading, *scene.lines_told_by(effect))):
        shown = line.stems.keys() - scene.names - message
        only_effect = shown & of_effect - of_cause
        if len(of_effect & message) > len(only_effect) or not only_effect:
            continue  # the failure itself, to which anything may have led, or told of another line
        if line in told:
            continue
        if not any(line != each and (_is_mere_change(each) or scene.precedes(each, line)) for each in told):
            return f"nothing says that {line.id} followed from how something ended"
    return None


def _is_mere_change(line: Line) -> bool:
    return is_change(line.suspect) and not line.suspect.is_strong


_STATUS = re.compile(r"\b[45]\d\d\b")


_BEHIND_COLON = re.compile(r":\s+(?=[A-Z])")


def _reason_as_effect(cause: str, effect: str, scene: Scene) -> str | None:
    """What a line gives as the reason, behind its last colon, told as what followed from what it says ahead of it."""
    message = significant_stems(scene.message).keys()
    of_cause, of_effect = (significant_stems(text).keys() - scene.names for text in (cause, effect))
    if of_effect & message or not (_SYMPTOM.search(cause) or of_cause & message):
        return None
    for line in scene.cited:
        *ahead, reason = _BEHIND_COLON.split(line.text)
        first, last = significant_stems(": ".join(ahead)).keys(), significant_stems(reason).keys()
        of_reason = of_effect & last - first - of_cause
        if len(of_reason) >= _SOME_LENGTH and of_cause & first - last - of_effect and not of_cause & last - first:
            return f"{line.id} gives it as the reason"
    return None


# --- Who did it -------------------------------------------------------------------------------------------------------

_VERB = re.compile(
    r"\b(?:is|was|are|were|has|had|have|did|does|do|could|can|cannot|would|will|kept|took|held|sent|made|got|ran|broke|"
    r"led|set|cut|put|let|shut|left|gave|went|came|fell|became|began|[a-z]{2,}ed)\b"
)
_MOST_OF_A_SUBJECT = 9


def _foreign_doer(clause: str, scene: Scene) -> str | None:
    """Somebody or something that acts by itself, as the subject of a clause, and stands in nothing that was shown."""
    verb = _VERB.search(clause)
    subject = clause[: verb.start()] if verb else clause
    if len(subject.split()) > _MOST_OF_A_SUBJECT:
        return None
    for match in re.finditer(r"(?<![\w./-])[a-z][a-z-]+(?![\w./@=])", subject.casefold()):
        one = match[0] if match[0] in words_of_kind("doers") else match[0].removesuffix("s")
        if one in words_of_kind("doers") and not scene.was_shown(one):
            return f"the word '{match[0]}' stands nowhere in the evidence"
    return None


_OF_ITSELF = re.compile(
    r"\b(?:by (?:it|them)sel(?:f|ves)|spontaneously|of its own accord|for no (?:apparent )?reason)\b", re.IGNORECASE
)


def _cause_of_its_own(sentence: str, scene: Scene) -> str | None:
    """That nothing led to something, which no line can show but one that says so."""
    found = _OF_ITSELF.search(sentence)
    if found is None or any(_OF_ITSELF.search(line.text) for line in scene.lines):
        return None
    return f"no line says '{found[0].casefold()}'"


_PLAIN_WORD = re.compile(r"(?<![\w./@:=\\-])[^\W\d_]+(?![\w@\\=(]|[./:]\w)")
_LET = frozenset({"allowed", "permitted"})
_STILL = re.compile(
    r" (?:on )?(?:failing|trying|retrying|asking|getting|waiting)\b| (?:its|their|the|an?) \w+ (?:open|locked|idle)\b"
)
"""Behind "kept": it did or held something for longer, which a line that says so once tells as well."""
_NOT = re.compile(r"(?:\bnot|n't|\bno longer)(?: \w+)? $", re.IGNORECASE)


def _foreign_act(clause: str, scene: Scene) -> str | None:
    """What somebody is told to have done or let be, as the cause, in a word that stands nowhere.

    Who was not allowed or permitted something met with a refusal, which lines tell in many words.
    """
    for match in _PLAIN_WORD.finditer(clause):
        act = match[0].casefold()
        is_refusal = act in _LET and _NOT.search(clause[: match.start()]) is not None
        if act == "kept" and _STILL.match(clause[match.end() :]):
            continue
        if act not in words_of_kind("acts") or is_refusal or scene.has_stem(act):
            continue
        is_of_value = act in _LET and _OF_A_VALUE.search(clause[: match.start()]) is not None
        if not (is_of_value or _GOES_ON.match(clause, match.start()) or _is_idea_of_a_line(act, scene)):
            return f"no line says '{act}'"
    return None


_GOES_ON = re.compile(
    r"kept (?:on )?(?:fail|ask|try|wait|retry|crash|end|receiv|return|send|restart|look)[a-z]*ing\b|"
    r"kept (?:its|the|an?) (?:\w+ )?(?:transaction|connection|session|cursor|socket|file)s? open\b|"
    r"dropped (?:\w+ )?(?:from|below|under|to) [^,;]{0,20}\d|"
    r"broke (?:the |an? |its )?(?:\w+ )?(?:constraint|rule|limit)\b",
    re.IGNORECASE,
)
"""With which the word is no act of somebody: what went on, sank or was violated."""
_OF_A_VALUE = re.compile(r"\b(?:the|maximum|max\.?|minimum|than|an?|its) $", re.IGNORECASE)
"""Ahead of "allowed size": the word tells what a value is, and nothing that somebody did."""
_TOLD_BY = {
    "deleted": re.compile(r"\bstate=absent\b|\bunlink|\brm -|\bdestroy", re.IGNORECASE),
    "disappeared": re.compile(r"\bdelet|\bremov|\bdestroy|\bgone\b|(?:^|[:\]] )- \S", re.IGNORECASE),
}
"""By what a line tells an act without its word."""


def _is_idea_of_a_line(act: str, scene: Scene) -> bool:
    """Whether an act says an idea that a cited line bears, as "filled" does of "no space left", and no mere symptom."""
    known = _TOLD_BY.get(act)
    if known and any(known.search(line.text) for line in scene.cited):
        return True
    ideas = [each for each in said_in(f"{act} the") if not (each.anywhere or each.symptom)]
    return any(each.is_borne_by(line.text) for each in ideas for line in scene.cited)


# --- Of whom it is told -----------------------------------------------------------------------------------------------

_ABSENT = re.compile(r"\b(?:does|did|do) not exist\b", re.IGNORECASE)
_STOPS = re.compile(r"[;:,|()]|\b(?:that|which|because|so|and|but|while|when|since|as|if|than)\b(?=\s)", re.IGNORECASE)
_NEAR_SUBJECT = 5


def _other_subject(sentence: str, scene: Scene) -> str | None:
    """What is said not to exist, where a line says so of something else and names it besides."""
    for match in _ABSENT.finditer(sentence):
        subject = _subject_before(sentence[: match.start()])
        told = [(line, found) for line in scene.lines for found in _ABSENT.finditer(line.text)]
        if not subject or any(subject & _subjects_before(line.text[: found.start()]) for line, found in told):
            continue
        other = next((line for line, _ in told if subject & line.stems.keys()), None)
        if other:
            return f"{other.id} says so of something else"
    return None


def _subjects_before(text: str) -> frozenset[str]:
    """The same of a line, with what it has in brackets and without."""
    return _subject_before(text) | _subject_before(re.sub(r" ?\([^()]*\) ?$", " ", text))


def _subject_before(text: str) -> frozenset[str]:
    words = _STOPS.split(text)[-1].split()
    return frozenset(significant_stems(" ".join(words[-_NEAR_SUBJECT:])))


_ACTOR = re.compile(
    r"(?<![\w.-])(?P<who>[A-Za-z][\w-]*) (?:has |had )?"
    r"(?P<act>[a-z]{3,}ed|sent|held|took|lost|got|gave|broke|left|kept)\b"
)


def _other_actor(sentence: str, scene: Scene) -> str | None:
    """A machine that is told to have done what a line tells of another one, which the sentence names besides."""
    words = re.findall(r"[\w-]+", sentence.casefold())
    machines = {each for each in words if each in scene.hosts or _NUMBERED.search(each)}
    for who, act in _acts_of(sentence, machines):
        told = {each: line for line in scene.lines for each, other in _acts_of(line.text, machines) if other == act}
        if told and who not in told:
            other, line = next(iter(told.items()))
            return f"{line.id} says so of {other}"
    return None


_NUMBERED = re.compile(r"^[a-z][a-z-]*\d")


def _acts_of(text: str, machines: Set[str]) -> Iterator[tuple[str, str]]:
    """Which of the machines did what, as the stem of the verb behind its name."""
    for match in _ACTOR.finditer(text):
        if match["who"].casefold() in machines:
            yield match["who"].casefold(), stem(match["act"])


# --- What was more than what ------------------------------------------------------------------------------------------

_MORE = re.compile(
    r"\b(?P<more>higher|larger|bigger|greater|more|longer|older|newer|later)(?: \w+)? than\b|"
    r"\b(?P<less>lower|smaller|less|fewer|shorter|older|earlier)(?: \w+)? than\b|(?P<above>(?<=\s)>=?(?=\s))|"
    r"(?P<below>(?<=\s)<=?(?=\s))",
    re.IGNORECASE,
)


def _turned_comparison(sentence: str, scene: Scene) -> str | None:
    """A line's comparison with its sides exchanged."""
    for more, less in _comparisons(sentence):
        for line in scene.cited:
            for more_there, less_there in _comparisons(line.text):
                is_straight = more & more_there - less or less & less_there - more
                if (more - less) & (less_there - more_there) and not is_straight:
                    return f"{line.id} compares them the other way round"
    return None


def _comparisons(text: str) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """What is said to be more, and than what."""
    for match in _MORE.finditer(text):
        before = _subject_before(text[: match.start()])
        behind = frozenset(significant_stems(" ".join(_STOPS.split(text[match.end() :])[0].split()[:_NEAR_SUBJECT])))
        if before and behind:
            yield (behind, before) if match["less"] or match["below"] else (before, behind)


# --- Who is who in a line ---------------------------------------------------------------------------------------------

_PARTY = r"(?P<party>client|upstream|peer|backend|remote|server|caller|browser)"
_OTHER_PARTY = re.compile(
    rf"\b{_PARTY} (?P<verb>sent|prematurely closed|closed|reset|timed out|rejected|refused)\b", re.IGNORECASE
)
_RECEIVES = re.compile(r"(?:^|: )(?:got|received|read) (?:an? |the )?(?P<what>[a-z]+)\b", re.IGNORECASE)
_OWNED_THERE = re.compile(
    rf"\b{_PARTY}(?:'s)? (?:SSL |TLS )?(?P<what>certificate|header|response|request|body|key|token)\b", re.IGNORECASE
)


def _other_party(sentence: str, scene: Scene) -> str | None:
    """What a line tells of the other side, told of the one that wrote it or of a third one; or the reverse."""
    folded = sentence.casefold()
    for line in scene.cited:
        ours = names_of_writer(line)
        for match in _OTHER_PARTY.finditer(line.text):
            verb = re.escape(match["verb"].casefold())
            for said in re.finditer(rf"(?P<who>[\w-]+) (?:\w+ly )?{verb}\b", folded):
                who = said["who"]
                is_ours = who in ours and verb != "timed\\ out"
                if who != match["party"].casefold() and (is_ours or who in _PARTIES):
                    return f"{line.id} says so of the {match['party'].casefold()}"
        if _waits_for_writer(folded, line, ours):
            return f"{line.id} was written by who waited"
        for match in _RECEIVES.finditer(line.text):
            if re.search(rf"\b(?:{'|'.join(map(re.escape, ours))}) sent\b[^,;]*\b{match['what'].casefold()}", folded):
                return f"{line.id} says that it was received"
        for match in _OWNED_THERE.finditer(line.text):
            what = match["what"].casefold()
            owner = re.search(rf"\b{what} of (?:the )?([\w-]+)|\b([\w-]+)'s {what}\b", folded)
            if owner and (owner[1] or owner[2]) in ours:
                return f"{line.id} tells of the {match['party'].casefold()}'s {what}"
    return None


_PARTIES = frozenset({"client", "browser", "caller", "user", "customer"})
_WAITED = re.compile(r"\btimed out\b|\btime-?out\b|\bwhile reading\b", re.IGNORECASE)


def _waits_for_writer(sentence: str, line: Line, ours: Sequence[str]) -> bool:
    """Whether somebody is said to wait for whom the line is of, which tells that this one waited in vain."""
    writer = "|".join(map(re.escape, ours))
    is_said = re.search(rf"\bwait(?:ed|s|ing)? (?:\w+ )?for (?:the )?(?:{writer})\b", sentence) is not None
    return is_said and _WAITED.search(line.text) is not None


def names_of_writer(line: Line) -> tuple[str, ...]:
    """The words by which a text can name the program that wrote a line."""
    place = _where_of(line).casefold()
    words = {word for word in re.findall(r"[a-z][a-z\d]+", place) if word not in ("log", "error", "errors", "access")}
    products = {each.name.casefold() for each in said_in(place) if each.is_product}
    return tuple(sorted(words | products))
