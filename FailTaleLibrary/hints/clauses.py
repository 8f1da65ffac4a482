"""A sentence -> its clauses, each as what the sentence gives as the cause or as what it says followed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from FailTaleLibrary.lazy import dataclass

Role = Literal["cause", "effect"]

_THEN_EFFECT = (
    r"(?:(?:which|that|this) (?:is|was)|that's) why|so that|and so|so|"
    r"(?:and )?(?<!could )(?<!can )(?<!did )(?<!does )(?<!was )(?<!is )"
    r"(?<!were )(?<!are )(?<!had )(?<!has )(?<!would )(?:thus|hence|therefore|consequently)|"
    r"because of (?:that|this)|"
    r"(?:which|and (?:that|this)) (?:then |therefore |also |in turn )?"
    r"(?:caus|made|make|le[da]|left|leav|broke|break|prevent|result|end|"
    r"clos|sent|stop|forc|trigger|turn|kept|keep|block|put|push|took|brought|drove|kill|crash|fail|answer|return|refus|"
    r"reject|got|gave|cut|threw|meant|means|time[ds]|renders?|rendered|knocked)\w*|"
    r"as a (?:result|consequence)(?! of)|causing|leading to|led to|resulting in|resulted in|ended in|making|"
    r"leaving|preventing|after (?:which|that)|(?:and )?after it(?= the\b| an?\b| all\b| every\b)|"
    r"and then|whereupon|until|caused(?! by)|causes|triggered(?! by)"
)
"""What comes behind it followed."""
_NO_REASON = (
    r"(?! (?:it (?:the|an?|all|every)|then|that|which|\d|more|about|around|at least|four|three|two|five|ten|"
    r"a while|some))"
)
_THEN_CAUSE = (
    rf"because of(?! (?:that|this))|because|since{_NO_REASON}|due to|owing to|as a (?:result|consequence) of|caused by|"
    rf"triggered by|after{_NO_REASON}|once|as soon as|"
    r",? (?<!\bsuch )(?<!\bcame )(?<!\bused )(?<!\bsent )(?<!\bread )(?<!\bsame )(?<!\bserves )(?<!\bserved )"
    r"(?<!\bacts )(?<!\bstored )(?<!\btaken )(?<!\btreated )(?<!\bgiven )(?<!\barrived )"
    r"as (?=it |they |the |its |their |there |no |a |an )|"
    r"on account of|thanks to|following"
)
"""What comes behind it was the cause."""
_MARKER = re.compile(
    rf"(?P<effect>(?:,? ?)\b(?:{_THEN_EFFECT})\b)|(?P<cause>(?:,? ?)\b(?:{_THEN_CAUSE})\b)|"
    r"(?P<stop>;|: )",
    re.IGNORECASE,
)
_CAUSE_FIRST = re.compile(
    rf"^(?:{_THEN_CAUSE}|when|with|without|as)\b(?P<first>[^,]+), (?:so |therefore |then )?(?P<then>.+)$", re.IGNORECASE
)
_CAUSE_FIRST_BARE = re.compile(
    r"^(?:because of|due to|owing to|on account of) "
    r"(?P<first>(?:(?!\b(?:was|were|is|are|has|had|which|that)\b)[^,])+?) "
    r"(?P<then>(?:(?:the|an?|its|no|all|every) \w+|\S*[A-Z\d_./-]\S*)(?: \w+){0,2}? "
    r"(?:was|were|is|are|could|did|has|had|got|failed|stopped|ended|died|crashed|broke|went|never|cannot)\b.+)$",
    re.IGNORECASE,
)
"""Without a comma: the effect begins with a new subject that has a verb."""
_SECOND_REASON = re.compile(
    r",? and (?=(?:since|because|as|once|when|after|due to|owing to)\b[^,]+, )|"
    r", (?=(?:once|as soon as|when|after)\b[^,]+, (?:the|an?|its|no|all|every|each)\b)|"
    r", (?=(?:once|as soon as|when|after) (?:the|an?|its|this|that|their) (?:[\w-]+ ){1,3}?"
    r"(?:the|an?|its|no|all|their|it|they) (?:[\w-]+ ){0,3}?"
    r"(?:is|was|were|has|had|could|did|got|went|[a-z]{2,}ed)\b)",
    re.IGNORECASE,
)
"""Behind it a reason of its own begins, with what followed from it."""
_LOOKS_BACK = re.compile(
    r"^(?:therefore|so|thus|hence|consequently|as a result|after that|then|this|that|because of (?:this|that)|"
    r"since then)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a sentence, and whether it is what the sentence gives as the cause."""

    text: str
    role: Role


def clauses_of(sentence: str) -> tuple[Clause, ...]:
    """The sentence in the order in which it is written."""
    if len(sentences := _SECOND_REASON.split(sentence)) > 1:
        return tuple(clause for each in sentences for clause in clauses_of(each))
    if found := _CAUSE_FIRST.match(sentence) or _CAUSE_FIRST_BARE.match(sentence):
        return (Clause(found["first"].strip(), "cause"), *_split(found["then"], "effect"))
    return _split(sentence, "effect" if _LOOKS_BACK.match(sentence) else "cause")


def _split(text: str, role: Role) -> tuple[Clause, ...]:
    """Split where a word says what caused what; the first part has ``role`` unless what follows is its cause."""
    found: list[Clause] = []
    start, current = 0, role
    for match in _MARKER.finditer(text):
        if part := text[start : match.start()].strip(" ,"):
            found.append(Clause(part, "effect" if match["cause"] and not found else current))
        if match["cause"]:
            current = "cause"
        elif match["effect"]:
            current = "effect"
        start = match.end()
    rest = text[start:].strip(" ,.")
    return (*found, *_last_clauses(rest, current, behind=text[:start])) if rest else tuple(found)


def _last_clauses(rest: str, role: Role, *, behind: str) -> tuple[Clause, ...]:
    """One, but for a thing as the reason and what happened besides: "because of its cookie and nginx answered 400"."""
    parts = re.split(r",? and (?=\w)", rest, maxsplit=1)
    is_thing = _THING_AS_REASON.search(behind) is not None and len(parts) > 1
    if is_thing and not _FINITE.search(parts[0]) and _FINITE.search(parts[1]):
        return (Clause(parts[0], role), Clause(parts[1], "effect"))
    return (Clause(rest, role),)


_THING_AS_REASON = re.compile(r"\b(?:because of|due to|owing to|on account of|thanks to) *$", re.IGNORECASE)
_FINITE = re.compile(
    r"\b(?:is|was|are|were|has|had|have|could|cannot|does|did|got|went|sent|broke|[a-z]{3,}ed)\b", re.IGNORECASE
)


def parts_of(clause: str) -> list[str]:
    """A clause at its "and" and "but", where each side says enough to stand alone."""
    parts = [part.strip() for part in re.split(r",? (?:and|but|while) |,", clause) if part.strip()]
    return parts if all(len(part.split()) >= 3 for part in parts) else [clause]


_ACT = re.compile(
    r"(?<=\w )([a-z]{2,}ed|made|drove|led|sent|brought|broke|threw|set|let|cut|shook|shut)"
    r"(?= (?:(?:up|down|off|out|away) )?"
    r"(?:(?<=made )[a-z]+|the|an?|its|their|all|every|some|[A-Z]\w+|\S*[\d._/-]\S*\w|\w+ to)\b(?! by\b))"
)
"""A verb with its object; a participle ("the maximum allowed size") has none."""
_BEFORE_NO_ACT = re.compile(
    r"(?:'s|\b(?:is|was|are|were|be|been|being|has|had|have|not|never|got|get|an?|the|its|their|to|of|by|no|and|or|in|on|"
    r"with|for|that|which|who|when|as|just|already|also|all)(?: \w+ly)?) $",
    re.IGNORECASE,
)
_NO_CAUSE = frozenset(
    {
        "answered", "appeared", "asked", "attempted", "became", "called", "detected", "encountered", "ended",
        "exceeded", "expected", "expired", "failed", "found", "happened", "lacked", "logged", "missed", "needed",
        "noticed", "observed", "occurred", "received", "passed", "processed", "reached",
        "refused", "rejected", "remained", "reported", "required",
        "responded", "returned", "seemed", "showed", "spotted", "started", "stopped", "suffered", "timed", "tried",
        "used", "waited", "wanted",
    }
)  # fmt: skip
"""Verbs of what somebody met with, or did alone."""


def acts_of(clause: str) -> Iterator[tuple[str, str]]:
    """Who did something to whom, as "X made Y crawl" and "X prompted Y" tell: what stands before the verb,
    and the verb with the rest.

    A passive and a participle of a noun are no acts; neither is a verb of what its subject only met with.
    """
    for match in _ACT.finditer(clause):
        before, behind = clause[: match.start()], clause[match.start() :]
        if match[1] not in _NO_CAUSE and not _BEFORE_NO_ACT.search(before):
            yield before, behind
