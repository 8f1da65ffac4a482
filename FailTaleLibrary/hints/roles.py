"""A sentence and the lines -> which role it gives to a value or a name that a line gives to another one. Pure.

"The queue has 30000, and 60000 was asked for" has each of its words from a line that says the reverse. What a text
says of a value is read by the words that assign a role, as "expected X, got Y" does, and by the verbs of its clause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise, permutations

from FailTaleLibrary.hints.bearing import names_of_writer
from FailTaleLibrary.hints.clauses import clauses_of
from FailTaleLibrary.hints.truth import Line, Scene, is_change
from FailTaleLibrary.hints.words import significant_stems, stem, words_of_kind
from FailTaleLibrary.lazy import dataclass


def exchanged_role(sentence: str, scene: Scene) -> str | None:
    """Which role of a line stands exchanged in a sentence, in a few words; None where there is no such one."""
    for line in scene.cited:
        if _exchanges_sides(sentence, line.text):
            return f"{line.id} has the two values the other way round"
        if _exchanges_clauses(sentence, line.text):
            return f"{line.id} tells of the one value what it says of the other"
        if _gives_the_whole(sentence, line.text):
            return f"{line.id} says that only a part of it was done"
        if _has_what_lacks(sentence, line.text):
            return f"{line.id} says that it is missing"
        if _denies_a_flag(sentence, line.text):
            return f"{line.id} says that it was so"
        if _labels_otherwise(sentence, line.text):
            return f"{line.id} names something else so"
        if _acts_on_its_actor(sentence, line.text):
            return f"{line.id} says who did it the other way round"
        if _did_it_itself(sentence, line):
            return f"{line.id} says that another one did it"
        if _compares_otherwise(sentence, line.text):
            return f"{line.id} compares them the other way round"
        if _gives_another_key(sentence, line.text):
            return f"{line.id} gives the value to another name"
        if _exchanges_old_and_new(sentence, line.text):
            return f"{line.id} says the reverse of what was and what is"
    return (
        _unit_of_its_own(sentence, scene.lines)
        or _failure_as_cause(sentence, scene)
        or _later_as_first(sentence, scene)
        or _done_to_another(sentence, scene)
        or _success_of_what_failed(sentence, scene)
        or _end_as_cause(sentence, scene)
        or _exit_as_cause(sentence, scene)
        or _error_that_made_a_change(sentence, scene)
        or _foreign_kind(sentence, scene)
    )


# --- Two sides: what was wanted and what was met, what was asked for and what was there -------------------------------


@dataclass(frozen=True, slots=True)
class _Axis:
    """Two roles that a value can have, and the words that give them to what stands behind (or ahead of) them."""

    one: re.Pattern[str]
    other: re.Pattern[str]


def _behind_words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b[: ]*", re.IGNORECASE)


_AXES = (
    _Axis(
        _behind_words(
            r"expect(?:s|ed|ing)?|want(?:s|ed)?|wanting|requir(?:es?|ed)|needs?|needed|demand(?:s|ed)?|must(?: be)?|"
            r"should(?: be| have been)?|look(?:s|ed|ing) for|ask(?:s|ed) for|wait(?:s|ed|ing) for|intended"
        ),
        _behind_words(
            r"got|gets|received|receives|found|finds|met|respond(?:s|ed) with|answer(?:s|ed) with|return(?:s|ed)|"
            r"repl(?:ies|ied) with|sent|sends|served?|serves|deliver(?:s|ed)|offer(?:s|ed)?|presents?|presented|"
            r"provid(?:es|ed)|contain(?:s|ed)|carri(?:es|ed)|was signed for|signed for|came with|comes with|"
            r"actual(?:ly)?|(?:came|comes|arrived|given|sent|passed) as|but was|is only|was only|has only|had only"
        ),
    ),
    _Axis(
        _behind_words(
            r"received|asked for|requested|declar(?:es|ed)(?: \w+)?(?: with| as)?|passed|given|submitted|supplied|"
            r"wanted|"
            r"tried(?: to \w+)?(?: with)?|client (?:sent|gave|has)|sent"
        ),
        _behind_words(
            r"current(?:ly)?(?: value)?(?: is| was)?|existing|stored(?: as)?|configured(?: as| with| to)?|"
            r"(?:is|was|are) (?:set|defined|created)(?: to| as| with)?|already(?: has| is)|has|had|"
            r"holds|held|exists with"
        ),
    ),
)
_CONVERSION = re.compile(
    r"\b(?:cannot|can't|could not|unable to|failed to) "
    r"(?:unmarshal|convert|parse|cast|decode|deserialize|assign|coerce) "
    r"(?:an? |the |type |value of type )*(?P<met>\w+)\b.*?\b(?:of type|to type|into|to|as) (?:an? )?"
    r"(?P<wanted>\w+)(?=\W*$|[:,;])",
    re.IGNORECASE,
)
"""How a line tells of which kind something was, and of which it should have been."""
_STOP = re.compile(
    r"[,;()|]|: |\b(?:but|while|whereas|although|though|and|so|then|than|because|instead|rather|"
    r"which|that|when|since)\b",
    re.IGNORECASE,
)
_REACH = 9
"""Words behind the one that assigns a role that may hold what has it."""
_SIDES_FIXED = frozenset({"server", "client", "value", "type", "version", "number", "field", "request", "respon"})


def _exchanges_sides(claim: str, line: str) -> bool:
    """Whether what a line gives one side of an axis stands on the other one in a claim, for at least one side each."""
    for axis in _AXES:
        wanted, met = _side(axis.one, axis.other, line), _side(axis.other, axis.one, line)
        if axis is _AXES[0] and (found := _CONVERSION.search(line)):
            wanted, met = wanted | _tokens(found["wanted"]), met | _tokens(found["met"])
        if not wanted or not met:
            continue
        said_wanted, said_met = _side(axis.one, axis.other, claim), _side(axis.other, axis.one, claim)
        only_wanted, only_met = wanted - met - _SIDES_FIXED, met - wanted - _SIDES_FIXED
        is_straight = said_wanted & only_wanted or said_met & only_met
        if not is_straight and said_wanted & only_met and said_met & only_wanted:
            return True
    return False


def _side(marker: re.Pattern[str], opposite: re.Pattern[str], text: str) -> frozenset[str]:
    """The stems, names and numbers that stand behind what gives a side, up to what gives the other one."""
    found: set[str] = set()
    for match in marker.finditer(text):
        rest = text[match.end() :]
        if other := opposite.search(rest):
            rest = rest[: other.start()]
        rest = _STOP.split(rest, maxsplit=1)[0]
        found |= _tokens(" ".join(rest.split()[:_REACH]))
    for match in _SAID_OF.finditer(text):
        if marker.fullmatch(match["side"]):
            found |= _tokens(match["value"])
    return frozenset(found)


_SAID_OF = re.compile(
    r"(?P<value>[\"'\w./-]+) (?:was|were|is|are|has been|had been) (?P<side>expected|requested|required|needed|"
    r"wanted|asked for|found|received|sent|offered|configured|declared|stored|current)\b",
    re.IGNORECASE,
)
"""What stands ahead of its side, as a passive has it."""


@lru_cache(maxsize=1024)
def _tokens(text: str) -> frozenset[str]:
    """Stems of what says something, and each value as it stands."""
    values = (value.casefold().strip(".,:;'\"") for value in _VALUE.findall(text))
    return frozenset({*significant_stems(_PARTS_OF_NAMES.sub(" ", text)), *values} - {""})


@lru_cache(maxsize=1024)
def _plain_stems(text: str) -> frozenset[str]:
    """Stems of words alone, no numbers and no joined names."""
    return frozenset(each for each in significant_stems(_PARTS_OF_NAMES.sub(" ", text)) if each.isalpha())


_PARTS_OF_NAMES = re.compile(r"(?<=\w)[_/](?=\w)")
_VALUE = re.compile(
    r"(?<![\w.-])\d[\d.,:]*\w{0,3}|(?<![\w./-])(?=[\w./-]*[\d/])[A-Za-z/][\w./-]*\w|"
    r"(?<=')[\w./-]+(?=')|(?<=\")[\w./-]+(?=\")"
)


# --- Two values and the clauses they stand in -------------------------------------------------------------------------

_CLAUSE_ENDS = re.compile(
    r"[,;|](?=\s)|\((?=(?:this|is|was|has|had|got|current\w*|actual\w*|now|found|expected)\b)|"
    r": (?=[A-Z'\"])|\b(?:but|while|whereas|although|though|because|than|"
    r"instead of|rather than|so that|which)\b",
    re.IGNORECASE,
)


def _exchanges_clauses(claim: str, line: str) -> bool:
    """Whether two values of a claim stand each in a clause whose words the line has only beside the other one."""
    told = _values_in_clauses(line)
    if len(told) < 2:
        return False
    for (one, near_one), (other, near_other) in permutations(_values_in_clauses(claim), 2):
        if one == other or one not in dict(told) or other not in dict(told):
            continue
        of_one, of_other = (frozenset[str]().union(*(n for v, n in told if v == value)) for value in (one, other))
        only_one, only_other = of_one - of_other, of_other - of_one
        if near_one & only_one or near_other & only_other:
            continue
        if near_one & only_other - near_other and near_other & only_one - near_one:
            return True
    return False


@lru_cache(maxsize=1024)
def _values_in_clauses(text: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """Each value with the words of its clause; of several in one clause each with those ahead of it."""
    found = []
    for clause in _CLAUSE_ENDS.split(_AHEAD_OF_A_LINE.sub(" ", text)):
        values = list(_VALUE.finditer(clause))
        for place, match in enumerate(values):
            start = values[place - 1].end() if place else 0
            told = clause if len(values) == 1 else clause[start : match.start()]
            words = frozenset(each for each in significant_stems(told) if not any(map(str.isdigit, each)))
            found.append((match[0].casefold().strip(".,:"), words))
    return tuple(found)


_AHEAD_OF_A_LINE = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d[T ]?|\b\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?|"
    r"\[\d+\]|\b\d+#\d+:|\*\d+\b|<[\d.]+>|\(\d{5}\)"
)
"""Times and numbers of processes, which tell nothing of what happened."""


# --- More and less, a name and its value ------------------------------------------------------------------------------

_N = r"(?<![\w.])(\d[\d.,]*)"
_MORE_THAN = re.compile(
    rf"{_N}\b[^.;\d]{{0,60}}?\b(?:larger|bigger|greater|longer|higher|more|older|newer) than\b[^.;\d]{{0,40}}?{_N}|"
    rf"{_N}\b[^.;\d]{{0,30}}?\b(?:exceeds?|exceeded)\b[^.;\d]{{0,40}}?{_N}",
    re.IGNORECASE,
)
_LESS_THAN = re.compile(
    rf"{_N}\b[^.;\d]{{0,60}}?\b(?:smaller|shorter|lower|less|fewer|older) than\b[^.;\d]{{0,40}}?{_N}", re.IGNORECASE
)


def _compares_otherwise(claim: str, line: str) -> bool:
    """Whether a claim compares two numbers of a line that compares them the other way round."""
    told, said = set(_compared(line)), set(_compared(claim))
    return any((less, more) in told and (more, less) not in told for more, less in said)


def _compared(text: str) -> Iterator[tuple[str, str]]:
    """Which number is said to be more than which other one."""
    for match in _MORE_THAN.finditer(text):
        more, less = (each for each in match.groups() if each)
        yield more.replace(",", "").rstrip("."), less.replace(",", "").rstrip(".")
    for match in _LESS_THAN.finditer(text):
        yield match[2].replace(",", "").rstrip("."), match[1].replace(",", "").rstrip(".")


_KEY_AND_VALUE = re.compile(
    r"(?<![\w.])(?P<key>[A-Za-z][\w. -]*?)[\"']?\s?[:=]\s?[\"']?(?P<value>\d[\d.]*)(?![\w:-]|/\d)"
)
_NAME_IS_VALUE = re.compile(
    r"\b(?P<name>[A-Za-z_][\w.-]{2,}) (?:is|was|of|stood at|stands at|=) (?:only |just |set to |about )?"
    r"(?P<value>\d[\d,]*(?:\.\d+)?)(?![\d.:]*[.:]\d)"
)
_VALUE_OF_NAME = re.compile(
    r"(?<![\w.:-])(?P<value>\d[\d,]*(?:\.\d+)?) (?:(?!(?:for|of|from|in|to|at|by|and|with|on|out|per) )[a-z]+ )?"
    r"(?P<name>[a-z]{3,})\b(?! of\b)",
    re.IGNORECASE,
)


def _gives_another_key(claim: str, line: str) -> bool:
    """Whether a claim gives a name a value that the line gives to another name, and this name another one."""
    pairs = [(_plain_stems(found["key"]), found["value"].rstrip(".")) for found in _KEY_AND_VALUE.finditer(line)]
    for match in (match for pattern in (_NAME_IS_VALUE, _VALUE_OF_NAME) for match in pattern.finditer(claim)):
        name, value = stem(match["name"]), match["value"].replace(",", "").rstrip(".")
        own = {each for key, each in pairs if name in key}
        others = {each for key, each in pairs if name not in key}
        if own and value in others - own:
            return True
    return False


# --- What was and what is ---------------------------------------------------------------------------------------------

_DIFFERENCE = re.compile(r"(?:^|\s)([-+])(?=[\w./'\"])((?:(?!\s[-+][\w./'\"]).)+)")
_REPLACED_BY = re.compile(r"(?P<gone>[^.,;]+?) (?:was|were|is|got) (?:replaced|superseded) by (?P<come>[^.,;]+)", re.I)
_USED_TO = re.compile(
    r"(?P<gone>[^.,;]*\b(?:used to|formerly|previously|until then)\b[^.,;]*?)"
    r"(?=$|[.,;]|\band (?:is |are )?now\b)",
    re.I,
)
_IS_NOW = re.compile(
    r"\b(?:now|reduced to|restricted to|raised to|switched to|was added|were added)\b(?P<come>[^.,;]*)", re.I
)


def _exchanges_old_and_new(claim: str, line: str) -> bool:
    """Whether a claim has come what a difference took away, or was before what it brought."""
    gone, come = set[str](), set[str]()
    for sign, text in _DIFFERENCE.findall(line):
        (gone if sign == "-" else come).update(_tokens(text), map(str.casefold, re.findall(r"[A-Za-z][\w-]+", text)))
    only_gone, only_come = gone - come, come - gone
    if not gone or not come or not (only_gone or only_come):
        return False
    was = [found["gone"] for found in _REPLACED_BY.finditer(claim)] + [
        found["gone"] for found in _USED_TO.finditer(claim)
    ]
    now = [found["come"] for found in _REPLACED_BY.finditer(claim)] + [
        found["come"] for found in _IS_NOW.finditer(claim)
    ]
    of_was, of_now = (_tokens(" ".join(texts)) for texts in (was, now))
    crossed = bool(of_was & only_come) + bool(of_now & only_gone)
    return crossed > bool(of_was & only_gone) + bool(of_now & only_come)


# --- A part and the whole ---------------------------------------------------------------------------------------------

_PART_OF_WHOLE = re.compile(
    r"(?<![\w.])(?P<part>\d[\d.,]*)\s?(?P<unit>[A-Za-z]{1,7})? (?:out )?of (?:the )?(?P<whole>\d[\d.,]*)"
)
_DONE_WITH = (
    r"\b(?:sent|received|read|wrote|written|got|transferred|delivered|copied|imported|processed|stored|loaded|uploaded|"
    r"downloaded|fetched|saved|sends|applied|finished|completed|succeeded)"
)
_NOT_DONE = re.compile(
    r"\b(?:not|never|no|only|instead|should|expected|must|had to|without|cannot|before|all)\b|n't\b", re.I
)


def _gives_the_whole(claim: str, line: str) -> bool:
    """Whether a claim says of all of it what a line says of a part: "40000 of 60250 bytes" were sent, not 60250."""
    for match in _PART_OF_WHOLE.finditer(line):
        part, whole = (match[side].replace(",", "").rstrip(".") for side in ("part", "whole"))
        if part == whole or len(whole) < 2:
            continue
        plain = re.sub(r"(?<=\d),(?=\d{3})", "", claim)
        for said in re.finditer(rf"{_DONE_WITH}(?P<between>(?: [\w-]+){{0,3}}?) {whole}(?![\w.]\d)", plain):
            ahead = plain[max(0, said.start() - 30) : said.start()] + said["between"]
            if not _NOT_DONE.search(ahead) and not re.search(r"\bof(?: the)? ?$", said["between"]):
                return True
    return False


# --- What is missing, and what was so ---------------------------------------------------------------------------------

_Q = r"[\"'`\u2018\u2019\u201c\u201d]"
_MISSING = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:KeyError|NameError|AttributeError): {_Q}?(?P<name>[\w.-]+){_Q}?",
        rf"\b(?:undefined|unknown|missing|no such) (?:\w+ ){{0,2}}?(?:named |called |variable |index:? |key:? )?"
        rf"{_Q}(?P<name>[\w.-]+){_Q}",
        rf"{_Q}(?P<name>[\w.-]+){_Q} (?:is|was) (?:undefined|missing|unknown|not (?:found|defined|set))",
        rf"{_Q}(?P<name>[\w.-]+){_Q} (?:does not exist|not found)",
    )
)


def _has_what_lacks(claim: str, line: str) -> bool:
    """Whether a claim says that something contains what a line says to be missing."""
    for name in {match["name"] for pattern in _MISSING for match in pattern.finditer(line)}:
        said = re.search(
            rf"(?P<ahead>[^,;]*)\b(?:contains?|contained|holds?|held|includes?|included|has|had) "
            rf"(?:(?:only|the|an?|just|its|field|key|column|name|misspelled|wrong|\w+ed) )*"
            rf"{_Q}?{re.escape(name)}{_Q}?(?![\w.-])",
            claim,
            re.IGNORECASE,
        )
        if said and not re.search(r"\b(?:no|not|nothing|never|should|must|none)\b|n't\b", said[0], re.IGNORECASE):
            return True
    return False


_FLAG = re.compile(
    r"\b(?:using |with |has[ _-]?)?(?P<what>[A-Za-z][a-z]{3,})\s?[:=]\s?[\"']?(?P<set>yes|true|no|false)\b",
    re.IGNORECASE,
)


def _denies_a_flag(claim: str, line: str) -> bool:
    """Whether a claim says of a flag ("using password: YES") the reverse of what a line has there."""
    for match in _FLAG.finditer(line):
        what = re.escape(match["what"].casefold())
        without = re.search(
            rf"\b(?:without|no|lacks?|lacked|gave no|empty)(?: (?:any|an?|the|valid))* {what}\b", claim.casefold()
        )
        using = re.search(rf"\b(?:with|used|using|gave|sent) (?:an?|the|its|his) {what}\b", claim.casefold())
        if without if match["set"].casefold() in ("yes", "true") else (using and not without):
            return True
    return False


# --- What is called what ----------------------------------------------------------------------------------------------

_LABELLED = re.compile(rf"(?:\b(?P<before>[a-z]{{3,}}):? )?{_Q}(?P<name>[\w./-]+){_Q}(?: (?P<behind>[a-z]{{3,}})\b)?")


def _labels_otherwise(claim: str, line: str) -> bool:
    """Whether a claim calls a quoted name what the line calls something else: "user 'xadd'" for "'xadd' command"."""
    labels = dict(_labels_of(line))
    for name, said in _labels_of(claim):
        known = labels.get(name)
        if not known or said & known:
            continue
        elsewhere = {stem(word) for word in re.findall(r"[a-z]{3,}", line.casefold())} - known
        if said & elsewhere:
            return True
    return False


def _labels_of(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    found: dict[str, set[str]] = {}
    for match in _LABELLED.finditer(text):
        words = {word for word in (match["before"], match["behind"]) if word and word.casefold() in _nouns()}
        found.setdefault(match["name"].casefold(), set()).update(map(stem, words))
    return ((name, frozenset(words)) for name, words in found.items() if words)


@cache
def _nouns() -> frozenset[str]:
    """By which a text can tell what something is."""
    return (words_of_kind("nouns") | words_of_kind("agents") | words_of_kind("participants")) - words_of_kind(
        "verbs"
    ) | _ALSO


_ALSO = frozenset({"user", "command", "queue", "file", "order", "host", "name"})


# --- Who did it to whom -----------------------------------------------------------------------------------------------

_ACTIVE = re.compile(
    r"(?P<who>(?:[\w./-]+ ){1,4})(?:has |had )?(?P<act>locked|blocked|closed|refused|rejected|killed|stopped|cancelled|"
    r"canceled|held|used|occupied|filled|removed|replaced|terminated|interrupted|reset|denied|evicted|"
    r"expired|disabled) "
    r"(?:the |its |an? |all |every |their )(?P<whom>[\w./-]+(?: [\w./-]+){0,3})"
)
_PASSIVE = re.compile(
    r"(?P<whom>(?:[\w./-]+ ){1,3})(?:is|was|were|are|got|been) (?P<act>[a-z]{3,}ed|held|reset)"
    r"(?: by (?P<who>[\w./-]+(?: [\w./-]+)?))?"
)


def _acts_on_its_actor(claim: str, line: str) -> bool:
    """Whether a claim has somebody do what the line says that this one suffered from: "X failed: Y is locked"."""
    for match in _PASSIVE.finditer(line):
        victim = _tokens(re.split(r"\b(?:failed|not \w+|refused|rejected)\b", line[: match.start()])[0])
        whom = _tokens(match["whom"])
        for said in _ACTIVE.finditer(claim):
            if stem(said["act"]) != stem(match["act"]) or not _tokens(said["whom"]) & whom:
                continue
            who = _tokens(said["who"])
            by = _tokens(match["who"] or "")
            if (
                who & victim - whom
                and not who & by
                and re.search(r"\b(?:failed|not|refused|rejected)\b", line[: match.start()])
            ):
                return True
    return False


_DONE_BY = re.compile(
    r"\b(?P<act>[a-z]{3,}ed|reset|sent) by (?:the |an? |its )?"
    r"(?P<who>server|client|peer|remote|upstream|backend|user|supplier|broker)"
    r"\b(?= (?:after|before|while|during)\b|[,.;:)]|$)",
    re.IGNORECASE,
)


def _did_it_itself(claim: str, line: Line) -> bool:
    """Whether the one that wrote a line is told to have done what the line says that somebody else did to it."""
    ours = names_of_writer(line)
    for match in _DONE_BY.finditer(line.text):
        if match["who"].casefold() in ours:
            continue
        act = re.escape(match["act"].casefold())
        who = "|".join(map(re.escape, ours))
        if re.search(rf"\b(?:{who}) (?:has |had |itself |\w+ly )?{act}\b(?! by\b)", claim.casefold()):
            return True
    return False


# --- A number's unit --------------------------------------------------------------------------------------------------

_TIME_OF_CLAIM = re.compile(
    r"(?<![\w.])(?P<number>\d{3,}(?:[.,]\d+)*) ?(?:ms|milliseconds?|s|sec|secs|seconds?|minutes?)\b"
)
_ACCESS = re.compile(r"\"[A-Z]{3,8} \S+(?: HTTP/[\d.]+)?\" [1-5]\d\d (?P<rest>[\d. -]+)")


def _unit_of_its_own(sentence: str, lines: Sequence[Line]) -> str | None:
    """A number of an access log's last fields that is given as a time, which no line says it to be."""
    for match in _TIME_OF_CLAIM.finditer(sentence):
        number = match["number"].replace(",", "")
        having = [line for line in lines if re.search(rf"(?<![\w.]){re.escape(number)}(?![\w.]\d)", line.text)]
        fields = [
            line for line in having if any(number in found["rest"].split() for found in _ACCESS.finditer(line.text))
        ]
        if having and len(fields) == len(having):
            return f"{fields[0].id} does not say what {number} counts"
    return None


# --- What came after, told as the cause -------------------------------------------------------------------------------


def _failure_as_cause(sentence: str, scene: Scene) -> str | None:
    """What the test itself met with, told as what led to what a line says."""
    message = significant_stems(scene.message).keys()
    for cause, effect in _links_of(sentence):
        of_cause, of_effect = (significant_stems(text).keys() - scene.names for text in (cause, effect))
        own = {each for line in scene.lines for each in line.stems} - message
        if len(of_cause & message) < _SOME or of_cause & own:
            continue
        line = next((line for line in scene.cited if len(of_effect & line.stems.keys() - message) >= _SOME), None)
        if line:
            return f"{line.id} did not follow from the test's own failure"
    return None


def _links_of(sentence: str) -> Iterator[tuple[str, str]]:
    """Each cause with the effect next to it."""
    for one, other in pairwise(clauses_of(sentence)):
        if {one.role, other.role} == {"cause", "effect"}:
            yield (one.text, other.text) if one.role == "cause" else (other.text, one.text)


_SOME = 2
_ENDS = re.compile(
    r"\b(?:closed|closing|closes|ended|exited|gave up|giving up|disconnect\w*|hung up|went away|stopped|rolled back|"
    r"aborted|"
    r"shut(?: ?down)?|timed out|dropped|cancell?ed|terminated)\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(?<!\d)\d\d:\d\d:\d\d[.,]\d{2,}")


def _end_as_cause(sentence: str, scene: Scene) -> str | None:
    """How somebody left, told as what led to what the same log had written ahead of it."""
    for cause, effect in _links_of(sentence):
        if not _ENDS.search(cause):
            continue
        for later in scene.lines_told_by(cause):
            if not _ENDS.search(later.text):
                continue
            for earlier in scene.lines_told_by(effect):
                if earlier != later and _stands_ahead(earlier, later) and earlier.suspect.is_strong:
                    return f"{later.id} was written after {earlier.id}"
    return None


_EXITS = re.compile(
    r"\b(?:unit|service|process|task|job|container|pod|program)\b.*\b(?:failed|exited|ended|stopped|died)\b", re.I
)
_EXITED = re.compile(r"\bprocess exited\b|\bFailed with result\b|\bexit(?:ed)?(?: with)? (?:code|status|value)\b", re.I)
_FELL = re.compile(r"\bpanic|\b[A-Z]\w+(?:Exception|Error)\b|\bTraceback\b|\bsegfault|\bSIGSEGV\b")


def _exit_as_cause(sentence: str, scene: Scene) -> str | None:
    """That a process ended, as whoever runs it says, told as what led to what it fell over."""
    for cause, effect in _links_of(sentence):
        told, followed = scene.lines_told_by(cause), scene.lines_told_by(effect)
        if not _EXITS.search(cause) or not told or not followed or any(line in told for line in followed):
            continue
        if all(_EXITED.search(line.text) for line in told) and all(_FELL.search(line.text) for line in followed):
            return f"{told[0].id} only tells how it ended, and {followed[0].id} did not follow from it"
    return None


def _error_that_made_a_change(sentence: str, scene: Scene) -> str | None:
    """What somebody set, told as what a failure led to: no failure makes a change."""
    for cause, effect in _links_of(sentence):
        told = scene.lines_told_by(cause)
        doer = next(iter(significant_stems(effect)), "")
        naming = [line for line in scene.lines if doer in line.stems]
        if not told or not all(line.suspect.is_strong and not is_change(line.suspect) for line in told):
            continue
        if len(naming) != 1 or naming[0] not in scene.cited or not is_change(naming[0].suspect):
            continue
        is_first = any(scene.precedes(line, naming[0]) for line in told) or _EARLIER.search(effect)
        if _SETS.search(effect) and not is_first:
            return f"{naming[0].id} is a change that did not follow from {told[0].id}"
    return None


_EARLIER = re.compile(r"\b(?:earlier|before|previously|already|ago)\b", re.IGNORECASE)
_SETS = re.compile(
    r"\b(?:limited|set|changed|switched|lowered|raised|reduced|removed|added|granted|revoked|disabled|enabled|renamed|moved|"
    r"upgraded|replaced|deployed|rotated|dropped|altered)\b",
    re.IGNORECASE,
)


def _stands_ahead(one: Line, other: Line) -> bool:
    """Whether one log wrote one line clearly, by its own clock, ahead of another one."""
    if (one.suspect.host, one.suspect.collector) != (other.suspect.host, other.suspect.collector):
        return False
    first, second = _CLOCK.search(one.suspect.text), _CLOCK.search(other.suspect.text)
    return bool(first and second) and first[0] < second[0]  # type: ignore[index]


_FIRST = re.compile(r"\b(?:first|at first|in the beginning)\b(?! (?:row|line|time|attempt|try|request|of|one))", re.I)
_AFTER_IT = re.compile(
    r",? (?:and )?(?:therefore|then|afterwards|after that|later|as a (?:result|consequence)|so|thereupon)\b|, and\b",
    re.I,
)


def _later_as_first(sentence: str, scene: Scene) -> str | None:
    """What is told as the first, where the lines have it clearly later than what is told to have come of it."""
    first = _FIRST.search(sentence)
    if first is None:
        return None
    ahead, *behind = _AFTER_IT.split(sentence, maxsplit=1)
    if not behind or first.start() > len(ahead):
        return None
    told, followed = scene.lines_told_by(ahead), scene.lines_told_by(behind[0])
    if len(told) != 1 or len(followed) != 1 or told == followed:
        return None
    one, other = told[0].suspect.offset_s, followed[0].suspect.offset_s
    if one is None or other is None or other > one - 1.0:
        return None
    return f"{followed[0].id} came before {told[0].id}"


_ACTS = (
    r"killed|locked|dropped|closed|removed|deleted|disabled|restarted|stopped|banned|evicted|revoked|unmounted|drained"
)
_DONE_TO = (
    re.compile(
        rf"\b(?P<act>{_ACTS}) (?:the )?(?:[a-z]+ ){{0,2}}?{_Q}?(?P<what>(?=[\w./-]*[\d._])[A-Za-z][\w./-]*\w){_Q}?",
        re.I,
    ),
    re.compile(
        rf"(?P<what>(?=[\w./-]*[\d._])[A-Za-z][\w./-]*\w){_Q}? (?:was|were|got|has been) (?P<act>{_ACTS})\b", re.I
    ),
)


def _done_to_another(sentence: str, scene: Scene) -> str | None:
    """An act whose object only lines have that do not tell of it, where a cited line tells it of something else."""
    for match in (match for pattern in _DONE_TO for match in pattern.finditer(sentence)):
        act, what = stem(match["act"]), match["what"].casefold()
        telling = [line for line in scene.lines if act in line.stems]
        objects = re.compile(rf"\b{re.escape(match['act'])}\b[^;,]*?[(\"' ](?P<other>[a-z][\w.-]{{3,}})", re.I)
        if not telling or any(
            what in f"{line.text} {line.suspect.host} {line.suspect.component}".casefold() for line in telling
        ):
            continue
        if any(what in line.text.casefold() for line in scene.lines) and any(
            line in scene.cited and objects.search(line.text) for line in telling
        ):
            return f"{telling[0].id} says so of something else"
    return None


_SUCCEEDED = re.compile(
    r"(?P<what>[^.,;]*?)\b(?:succeeded|was (?:successful|working|fine)|worked(?: fine| well)?|"
    r"was (?:completed|finished) successfully|"
    r"loaded fine|went (?:well|through))\b",
    re.I,
)
_FAILED = re.compile(r"\bfail|\berror|\bnot\b|\btimed out|\brefus|\bdenied|\breject|\bunable|\bcannot|\babort", re.I)
_WENT_WELL = re.compile(r"succe|\bok\b|\b200\b|complet|\bdone\b|finished|passed|\bfine\b", re.I)


def _success_of_what_failed(sentence: str, scene: Scene) -> str | None:
    """What is said to have gone well, where all lines that tell of it say that it failed."""
    for match in _SUCCEEDED.finditer(sentence):
        if re.search(r"\b(?:not|no|never|until|nothing|none|hardly|before)\b|n't\b", match[0], re.I):
            continue
        told = scene.lines_told_by(match["what"])
        words = significant_stems(match["what"]).keys() - scene.names
        has_failed = all(_FAILED.search(line.text) and not _WENT_WELL.search(line.text) for line in told)
        if has_failed and any(line in scene.cited and len(words & line.stems.keys()) >= _SOME for line in told):
            return f"{told[0].id} says that it failed"
    return None


# --- A kind of machine that took no part ------------------------------------------------------------------------------

_KINDS = {
    r"web ?server": r"nginx|apache|httpd|\bhttp|\bweb|varnish|haproxy|caddy|tomcat|\b(?:get|post|put) /",
    r"mail ?server": r"smtp|mail|postfix|imap|exim|dovecot",
    r"load ?balancer": r"balanc|haproxy|upstream|back ?end|nginx|proxy",
    r"(?:reverse )?proxy": r"proxy|upstream|nginx|squid|varnish|back ?end|envoy|traefik",
    r"(?:message )?broker": r"broker|mosquitto|publish|amqp|rabbit|kafka|mqtt|queue|topic|nats|channel|celery",
    r"browser": r"browser|chrom|firefox|webdriver|selenium|playwright|page|element|script|client",
    r"cache": r"cache|redis|varnish|memcach|hit|purge",
    r"database": r"database|\bsql|postgres|mariadb|mysql|oracle|relation|column|table|constraint|\bkey\b|transaction|"
    r"error \d{3,4} \(|mongo|redis|\bdb|query|sqlstate|row",
    r"(?:dns|name) ?server": r"dns|resolv|host not found|name or service|servfail|nxdomain",
    r"file ?server": r"nfs|smb|cifs|mount|share|stale",
}
_KIND = tuple(
    (re.compile(rf"\bthe {name}\b(?! (?:of|was|were|is) |'s )", re.I), re.compile(cue, re.I))
    for name, cue in _KINDS.items()
)


def _foreign_kind(sentence: str, scene: Scene) -> str | None:
    """A kind of program that is said to have done something, of which nothing that was shown speaks."""
    for clause in clauses_of(sentence):
        for named, cue in _KIND:
            match = named.search(clause.text)
            if match and not cue.search(_all_shown(scene)):
                return f"nothing speaks of {match[0].casefold()}"
    return None


@lru_cache(maxsize=8)
def _shown_of(lines: tuple[str, ...], rest: str) -> str:
    return "\n".join([*lines, rest])


def _all_shown(scene: Scene) -> str:
    places = (
        f"{line.text} {line.suspect.host} {line.suspect.component} {line.suspect.collector}" for line in scene.lines
    )
    return _shown_of(tuple(places), f"{scene.message} {scene.others}")
