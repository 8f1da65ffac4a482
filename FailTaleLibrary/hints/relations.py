"""A sentence and a line -> whether the sentence turns the line round: from what to what, who did it by whom. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Iterator, Sequence, Set

from FailTaleLibrary.hints.denials import asserts_denied, denies, in_words
from FailTaleLibrary.hints.words import significant_stems


def turns_round(claim: str, line: str, *, beside: Iterable[str] = ()) -> bool:
    """Whether a change or an act of the line stands the other way round in the claim.

    ``beside``: other lines, which may tell the same values as a change, or say themselves what this one denies.
    """
    others = tuple(beside)
    return (
        _turns_change_round(claim, line, others)
        or _mixes_opposites(claim, line, others)
        or _turns_side_round(claim, line)
        or _turns_actor_round(claim, line)
        or _turns_expectation_round(claim, line)
        or _names_other_signal(claim, line, others)
    )


# --- Changes: from X to Y ---------------------------------------------------------------------------------------------

_X, _Y = r"[\"'`]?(?P<a>[\w.:/%-]*\w%?)[\"'`]?", r"[\"'`]?(?P<b>[\w.:/%-]*\w%?)[\"'`]?"
_ARTICLE = r"(?:(?:a|an|the|its|as|version|release|revision|firmware|image|kernel|driver|build) )*"
_OLD, _NEW = (
    r"\b(?:was|before|old|previous(?:ly)?|formerly)\b[ :='\"]+(?!(?:\w+ed|too|not|so|very|only|still|also|no|never)\b)",
    r"\b(?:now|is|new|after)\b[ :='\"]+",
)
_TURNED = (
    r"(?:became|turned into|(?:up|down) to|"
    r"(?:(?:was|were|got) )?(?:changed|switched|renamed|turned|converted|set|moved|promoted|demoted) (?:in)?to)"
)
_CHANGES = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"{_X}\s*(?:->|=>|→)\s*{_Y}",
        r"(?P<a>\d[\d.]*) [A-Za-zµ°]{1,4}\s*(?:->|=>|→)\s*(?P<b>\d[\d.]*)(?= [A-Za-zµ°])",
        r"(?<![\w.-])(?P<b>v?\d[\w.:-]*)(?!\w)[^\d;]{1,30}\b(?:previous(?:ly)?|formerly|prior|old)\b[ :='\"]+"
        r"(?:version |release )?(?P<a>[\w.:-]*\d[\w.:-]*\w|\d)",
        rf"\bfrom\s+{_ARTICLE}{_X}(?:\s+\w+)?\s+(?:(?:back |up |down )?to|into)\s+{_ARTICLE}{_Y}",
        rf"\balter table {_X} rename to {_Y}",
        rf"\brename (?:column |table |to )?{_X} to {_Y}",
        rf"(?:^|[\s;])- +(?P<key>[\w.-]+)[ =:]+{_X}.*?\+ +(?P=key)[ =:]+{_Y}",
        rf"{_OLD}{_X}.{{0,40}}{_NEW}{_Y}",
        rf"{_NEW}{_Y}.{{0,40}}{_OLD}{_X}",
        rf"{_Y}(?: of [\w ]{{1,20}})?(?: (?:[A-Za-z]{{1,4}}|started|running|loaded|installed))?[;,]?\s+"
        r"(?:replaced|replaces|instead of|in place of|superseded|took the place of|"
        rf"\((?:was|before|previously|formerly))\s+{_ARTICLE}{_X}",
        rf"\{{ *{_Y};? *\}};?\s+\(was +\{{ *{_X};? *\}}\)",
        rf"{_X}\s+{_TURNED}\s+{_ARTICLE}{_Y}",
        rf"\b(?:up|down)grade:? [\w.:+-]+ \({_X}, {_Y}\)",
    )
)
"""How texts tell a change of ``a`` to ``b``; a diff of two lines as well."""
_INSTEAD = re.compile(rf"{_Y}(?: [A-Za-z]{{1,4}})?\s+instead of\s+{_ARTICLE}{_X}", re.IGNORECASE)
"""Compares what was with what was wanted, where nothing changed."""
_NOW = re.compile(
    r"\b(?:runs?|is|are|stands?|was|were) (?:again |back )?(?:now )?(?:at |on )?"
    rf"{_Y}(?: \w+)? (?:now|again)\b|\bnow (?:runs? |is |are |stands? )?(?:at |on )?(?P<c>[\w.:/%-]*\d%?)",
    re.IGNORECASE,
)
"""What is so in the end, as a claim tells it."""
_TARGET = re.compile(
    r"\b(?:raised|lowered|increased|decreased|reduced|scaled|set|changed|switched|rolled|reverted|moved|grew|fell|rose|"
    r"dropped|renamed|upgraded|downgraded|updated|promoted|demoted|converted|turned|went|back)"
    rf"(?: \w+){{0,3}}? (?:in)?to {_ARTICLE}{_Y}",
    re.IGNORECASE,
)


def _changes_told(text: str) -> Iterator[tuple[str, str]]:
    """The changes that a text tells, from what to what, in lower case."""
    for pattern in _CHANGES:
        for match in pattern.finditer(text):
            yield _plain_value(match["a"]), _plain_value(match["b"])


def _plain_value(thing: str) -> str:
    """In lower case, a number without zeros that count nothing, a version without the package's: 16.00M is 16m."""
    plain = re.sub(r"^(\d+)\.0+(?![\d.])", r"\1", thing.casefold().strip("."))
    plain = re.sub(r"^(\d+\.\d*[1-9])0+(?![\d.])", r"\1", plain)
    return re.sub(r"^(v?\d+(?:\.\d+)+)-[\w.+~]+$", r"\1", plain)


_ASIDE = re.compile(r"(?<=\w) \((?!was\b|before\b|now\b|formerly\b|previously\b)[^()]*\)")
"""What tells more of a value in brackets behind it: "to 12 (chairs)"."""


def _turns_change_round(claim: str, line: str, others: Sequence[str]) -> bool:
    told_beside = {change for other in others for change in _changes_told(other)}
    told, claimed = list(_changes_told(line)), list(_changes_told(claim))
    told += _changes_told(_ASIDE.sub("", line))
    claimed += _changes_told(_ASIDE.sub("", claim))
    if any(_tells_change(b, a, told) and not _tells_change(a, b, told) for a, b in claimed) or _turns_words_round(
        claim, line
    ):
        return True
    targets = {b for _, b in told}
    origins = {a for a, _ in told} - targets - {b for _, b in told_beside}
    now = {_plain_value(match["b"] or match["c"]) for match in _NOW.finditer(claim)}
    if now & origins or any(_plain_value(match["b"]) in origins for match in _TARGET.finditer(claim)):
        return True
    compared = {(_plain_value(match["a"]), _plain_value(match["b"])) for match in _INSTEAD.finditer(claim)}
    return not told and any(
        _stands_before(b, a, line) and not any(_stands_before(a, b, other) for other in others)
        for a, b in claimed
        if (a, b) not in compared | told_beside and _has_digit(a) == _has_digit(b) and not _is_step(a, b, claim)
    )


def _tells_change(origin: str, target: str, told: Iterable[tuple[str, str]]) -> bool:
    return any(_is_same(origin, a) and _is_same(target, b) for a, b in told)


def _is_same(one: str, other: str) -> bool:
    """Whether two values are one, a version perhaps cut short: 140.3 for 140.3.0esr-1; 3.02 is 3.02v as well."""
    if one == other or _without_unit(one) == other or one == _without_unit(other):
        return True
    return ("." in one and other.startswith(f"{one}.")) or ("." in other and one.startswith(f"{other}."))


def _without_unit(value: str) -> str:
    return re.sub(r"^(\d+(?:\.\d+)?)[a-zµ°%]{1,4}$", r"\1", value)


_FROM_WORDS = re.compile(
    r"\bfrom (?P<a>\w[\w .-]{2,40}?) (?:in)?to (?P<b>\w[\w .-]{2,40}?)(?= (?:by|on|at|in)\b|[.,;]|$)"
)


def _turns_words_round(claim: str, line: str) -> bool:
    """Whether a change between two names of several words is told the other way round than "B (was A)" says."""
    folded = line.casefold()
    before = " ".join(re.findall(r"\(was ([^)]*)\)", folded))
    now = re.sub(r"\(was [^)]*\)", " ", folded)
    found = ((match["a"], match["b"]) for match in _FROM_WORDS.finditer(claim.casefold()))
    return any(b in before and b not in now and a in now and a not in before for a, b in found)


def _has_digit(thing: str) -> bool:
    return any(char.isdigit() for char in thing)


def _place_of_thing(thing: str, text: str) -> int | None:
    match = re.search(rf"(?<![\w.]){re.escape(thing)}(?!\w|\.\d)", text.casefold())
    return match.start() if match else None


def _is_step(one: str, other: str, claim: str) -> bool:
    """Whether an arrow between them is one from step to step, as "not valid -> refused" is."""
    is_arrow = re.search(rf"{re.escape(one)}\W*\s*(?:->|=>|→)\s*\W*{re.escape(other)}", claim.casefold()) is not None
    return is_arrow and (one.isalpha() or other.isalpha())


def _stands_before(first: str, second: str, line: str) -> bool:
    """Whether a line without words of change has both, in this order."""
    one, other = _place_of_thing(first, line), _place_of_thing(second, line)
    return one is not None and other is not None and one < other and not _NAMES_OLD.search(line[one:other])


_NAMES_OLD = re.compile(
    r"\b(?:was|were|previous(?:ly)?|formerly|former|prior|old|before|replac\w+|supersed\w+|instead|from|over|since|"
    r"last)\b[^.;]{0,14}$",
    re.IGNORECASE,
)
"""Stands before a value that was, so that the one ahead of it is the new one."""


def turns_times_round(claim: str, earlier: Iterable[str], later: Iterable[str]) -> bool:
    """Whether a claim tells a change of numbers from what later lines have to what earlier ones like them have."""
    before, after = list(earlier), list(later)
    for origin, target in _changes_told(claim):
        if len(origin) < _TELLING or len(target) < _TELLING or not (_has_digit(origin) and _has_digit(target)):
            continue
        theirs, ours = (
            [text for text in texts if _place_of_thing(value, text) is not None]
            for texts, value in ((before, target), (after, origin))
        )
        straight = [text for text in before if _place_of_thing(origin, text) is not None]
        if theirs and ours and not straight and any(_is_of_same(one, other) for one in theirs for other in ours):
            return True
    return False


_TELLING = 2
"""Figures of a number that does not stand in any line by chance."""


def _is_of_same(one: str, other: str) -> bool:
    """Whether two lines are of the same form but for their numbers."""
    return len(_significant_words(one) & _significant_words(other)) >= _TELLING


def _significant_words(text: str) -> frozenset[str]:
    return frozenset(each for each in significant_stems(text) if not _has_digit(each))


# --- What was added and what was taken away ---------------------------------------------------------------------------

_SIGNED = re.compile(r"(?:(?<=[\s:,])|^)([-+])([A-Za-z][\w.-]{3,}\w)(?![=\w])")
"""A part of a list that came (+) or went (-)."""
_LISTS = re.compile(r"(?P<before>[\w.-]+(?:,\s?[\w.-]+)*)\s*(?:->|=>|→)\s*(?P<after>[\w.-]+(?:,\s?[\w.-]+)*)(?![\w.-])")
_COMES = r"(?:add(?:ed|s)|introduc(?:ed|es)|insert(?:ed|s)|brought)"
_GOES = r"(?:remov(?:ed|es)|delet(?:ed|es)|dropp?(?:ed|s)|withdr(?:ew|awn))"
_SIDES = (
    re.compile(r"'(?P<before>[^']+)' (?:was )?replaced by '(?P<after>[^']+)'", re.IGNORECASE),
    re.compile(
        r"(?P<after>[^;|()]{1,60}?)\s*\((?:\w+ )?(?:was|before|previously|formerly)\b:?\s*(?P<before>[^()]*)\)",
        re.IGNORECASE,
    ),
)
"""What stood in one place before, and what stands there after, in words."""
_MADE = re.compile(
    r"\b(?:relaxed|narrowed|widened|tightened|loosened|restricted|changed|switched|set|moved|renamed|turned) "
    r"(?:\w+ ){0,3}?(?:in)?to (?P<target>[^.,;]{1,40})",
    re.IGNORECASE,
)


def _turns_side_round(claim: str, line: str) -> bool:
    """Whether a claim has come what went, or made into something what it was before."""
    folded = claim.casefold()
    came, went = _parts_changed(line.casefold())
    if any(_is_told_with(part, _COMES, folded) for part in went - came):
        return True
    if any(_is_told_with(part, _GOES, folded) for part in came - went):
        return True
    sides = [
        (_words_in(match["before"]), _words_in(match["after"])) for side in _SIDES for match in side.finditer(line)
    ]
    targets = [_words_in(match["target"]) for match in _MADE.finditer(claim)]
    return any(target & (before - after) and not target & after for target in targets for before, after in sides)


def _parts_changed(line: str) -> tuple[Set[str], Set[str]]:
    """What of the lists of a line came and what went."""
    signed = _SIGNED.findall(line)
    came, went = ({part for sign, part in signed if sign == wanted} for wanted in "+-")
    for match in _LISTS.finditer(line):
        before, after = (set(re.split(r",\s?", match[side])) for side in ("before", "after"))
        if len(before) + len(after) > 2:
            came, went = came | (after - before), went | (before - after)
    return came, went


def _is_told_with(part: str, verb: str, claim: str) -> bool:
    name = rf"(?<![\w.-]){re.escape(part)}(?![\w-])"
    return re.search(rf"\b{verb}\W+{name}|{name}[^.;,]{{0,20}} (?:was|were|has been|is) {verb}\b", claim) is not None


def _words_in(text: str) -> Set[str]:
    return set(re.findall(r"[\w.-]*\w", text.casefold())) - {"a", "an", "the", "all", "it"}


# --- What was wanted and what was there -------------------------------------------------------------------------------

_WANTS = r"(?:expect|want|requir|need|demand|ask(?:s|ed) for|look(?:s|ed) for)\w*"
_MEETS = (
    r"(?:got|gets?|received?|receives|found|finds|was|is|has|had|have|sent|sends|used|uses|offer\w*|present\w*|carr\w+)"
)
_SOME = r"(?:[\w'-]+ ){0,4}?"
_VALUE = r"[\w.-]*\d[\w.-]*"
_WANTED, _MET = rf"[\[\"'`(]?(?P<wanted>{_VALUE})[\]\"'`)]?", rf"[\[\"'`(]?(?P<met>{_VALUE})[\]\"'`)]?"
_EXPECTATIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_WANTS} {_SOME}{_WANTED}[^.;]{{0,40}}?\b{_MEETS} {_SOME}{_MET}",
        rf"\b{_WANTS} {_SOME}{_WANTED},? but {_SOME}{_MET} (?:was|were|is) ",
        rf"\b{_MEETS} {_SOME}{_MET}[^.;]{{0,40}}?\b{_WANTS} {_SOME}{_WANTED}",
        rf"{_MET} (?:does|did|do) not (?:match|equal|fit) {_SOME}{_WANTED}",
        rf"{_MET} (?:instead of|rather than|but not) {_SOME}{_WANTED}",
        rf"\b{_MEETS} {_SOME}{_MET}[^.;]{{0,30}}? {_SOME}{_WANTED} (?:was|were|is) (?:wanted|expected|required|needed)",
        rf"{_WANTED} (?:was|were|is) (?:wanted|expected|required|needed)[^.;]{{0,30}}? {_SOME}{_MET}",
    )
)
"""How texts tell that somebody ``wanted`` one value and ``met`` another one."""


def _expectations(text: str) -> set[tuple[str, str]]:
    """What a text says to have been wanted, and what was met."""
    found = (match for pattern in _EXPECTATIONS for match in pattern.finditer(text))
    return {(_plain_value(match["wanted"]), _plain_value(match["met"])) for match in found}


def _turns_expectation_round(claim: str, line: str) -> bool:
    told = _expectations(line)
    return any((met, wanted) in told and (wanted, met) not in told for wanted, met in _expectations(claim))


# --- Opposites --------------------------------------------------------------------------------------------------------

_OPPOSITES = (
    ("promot", "demot"), ("enabl", "disabl"), ("switched on", "switched off"), ("turned on", "turned off"),
    ("mounted", "unmounted"), ("ahead", "behind"), ("too large", "too small"), ("too many", "too few"),
    ("allowed", "denied"), ("connected", "disconnected"), ("upgrad", "downgrad"), ("too small", "larger than"),
    ("too large", "smaller than"), ("too short", "longer than"), ("too long", "shorter than"),
    ("grant", "revok"), ("took over", "stepp"),
    ("skip", "(?:was|were|been) (?:run|applied|executed)"), ("accepted", "rejected"), ("added", "(?:remov|delet)e"),
    ("larger than", "smaller than"), ("more than", "less than"), ("higher than", "lower than"),
    ("longer than", "shorter than"),
    ("seconds fast", "seconds slow"), ("s fast", "s slow"), ("ahead of", "seconds slow"), ("behind", "seconds fast"),
    ("verb=create", "deleted"), ("verb=delete", "created"),
    ("(?:not enough|too few|insufficient)", "more [a-z ]{2,30} than"),
    ("(?:not (?:yet )?valid yet|not yet valid)", r"(?:certificate[ _])?(?:has )?expired\b"),
    (r"jumped (?:forward )?by \+", "jumped back"),
)  # fmt: skip


def _mixes_opposites(claim: str, line: str, beside: Iterable[str]) -> bool:
    """Whether one says the opposite of the other, neither says both, and no other line says what the claim says."""
    if _says_other_switch(claim, line) or _turns_difference_round(claim, line):
        return True
    if denies(claim, line) or asserts_denied(claim, line):
        return True
    line = in_words(line)
    return any(
        _begins_word(one, claim)
        and not _begins_word(other, claim)
        and _begins_word(other, line)
        and not _begins_word(one, line)
        and not _is_set_off(other, line)
        and not any(_begins_word(one, each) for each in beside)
        for pair in _OPPOSITES
        for one, other in (pair, pair[::-1])
    )


_IS_ON = re.compile(r"(?:=|:|\bis|\bto|\bnow) ?'?\"?(?:on|true|enabled)\b", re.IGNORECASE)
_IS_OFF = re.compile(r"(?:=|:|\bis|\bto|\bnow) ?'?\"?(?:off|false|disabled)\b", re.IGNORECASE)
_PUT_ON = re.compile(r"\b(?:switched|turned|set|put|flipped) (?:[\w'-]+ ){0,5}?on\b|\benabled\b", re.IGNORECASE)
_PUT_OFF = re.compile(
    r"\b(?:switched|turned|set|put|flipped) (?:[\w'-]+ ){0,5}?off\b|\bdisabled\b|"
    r"\b(?:is|are|was|were) (?:no longer|not) (?:required|enabled|active|needed|set)\b|\b(?:is|was) off\b",
    re.IGNORECASE,
)


_SWITCHED = re.compile(
    r"(?:[:=] ?)?['\"]?\b(?:on|off|true|false|enabled|disabled)\b['\"]?\s*(?:->|=>|\N{RIGHTWARDS ARROW})\s*",
    re.IGNORECASE,
)
"""What a switch was before."""
_SETTING = re.compile(r"([A-Za-z][\w.-]*)['\"]? ?$")
_ANY_SETTING = frozenset(
    {"state", "status", "value", "enable", "enabled", "disabled", "active", "changed", "set", "setting"}
)


def _is_of(switch: re.Match[str], stems: Set[str]) -> bool:
    """Whether a claim with these words may speak of a switch: it names the setting, or that has no name of its own."""
    setting = _SETTING.search(switch.string[: switch.start()])
    is_named = setting is not None and switch[0][:1] in "=:"
    if setting is None or not is_named or setting[1].casefold() in _ANY_SETTING:
        return True
    return bool(significant_stems(re.sub(r"[_.-]", " ", setting[1])).keys() & stems)


def _says_other_switch(claim: str, line: str) -> bool:
    """Whether one says that something was switched on and the other that it was switched off."""
    line = _SWITCHED.sub(": ", line)
    stems = significant_stems(claim).keys()
    on, off = (any(_is_of(match, stems) for match in pattern.finditer(line)) for pattern in (_IS_ON, _IS_OFF))
    put_on, put_off = _PUT_ON.search(claim) is not None, _PUT_OFF.search(claim) is not None
    return (on and not off and put_off and not put_on) or (off and not on and put_on and not put_off)


def _turns_difference_round(claim: str, line: str) -> bool:
    """Whether what a difference shows as gone is said to have been added, or the reverse."""
    added = re.search(r"\b(?:added|inserted|introduced|created)\b", claim, re.IGNORECASE) is not None
    removed = re.search(
        r"\b(?:remov|delet|gone|disappear|vanish|lost|pulled|dropp|no longer|bricked)", claim, re.IGNORECASE
    )
    is_gone = re.match(r"- \S", line) is not None or (line.endswith(" is gone") and " is new" not in line)
    return added and removed is None and is_gone and " + " not in line


def _begins_word(part: str, text: str) -> bool:
    return re.search(rf"\b(?<!not )(?<!not yet )(?<!never )(?<!no longer ){part}", text.casefold()) is not None


def _is_set_off(part: str, text: str) -> bool:
    """Whether a text has a word as a setting's name, with a value that says no: ``enabled=0``."""
    return re.search(rf"\b{part}\w*[\"']?\s?[=:]\s?[\"']?(?:0|no|off|false)\b", text.casefold()) is not None


# --- Signals ----------------------------------------------------------------------------------------------------------

_SIGNAL = re.compile(r"\bSIG([A-Z]{3,6})\b|\bsignal (\d{1,2})\b")


def _names_other_signal(claim: str, line: str, beside: Iterable[str]) -> bool:
    """Whether a claim has something ended by a signal where the line, and no other, tells of another one."""
    said, told = _signals_in(claim), _signals_in(line)
    known = {each for text in (line, *beside) for each in _signals_in(text)}
    return bool(said and told) and not said & known


def _signals_in(text: str) -> Set[str]:
    numbers = {str(int(each)): each.name.removeprefix("SIG") for each in signal.Signals}
    return {name or numbers.get(number, number) for name, number in _SIGNAL.findall(text)}


# --- Who did it: "X held by Y" ----------------------------------------------------------------------------------------

_ACTED_ON = re.compile(r"\b(?:by|waits? for|waiting for|waited for|depends on)\b", re.IGNORECASE)
_NEAR_WORDS = 7


def _turns_actor_round(claim: str, line: str) -> bool:
    """Whether "X held by Y" of a line stands as "Y held by X" in a claim, and the line tells it nowhere straight."""
    told = [(match[0].casefold()[:4], _around(line, match)) for match in _ACTED_ON.finditer(line)]
    for match in _ACTED_ON.finditer(claim):
        claimed = _around(claim, match)
        alike = [sides for word, sides in told if word == match[0].casefold()[:4]]
        is_straight = any(_is_crossed(claimed, (behind, before)) for before, behind in alike)
        if not is_straight and any(_is_crossed(claimed, sides) for sides in alike):
            return True
    return False


_Sides = tuple[frozenset[str], frozenset[str]]


def _is_crossed(claimed: _Sides, told: _Sides) -> bool:
    """Whether the two sides of one stand on the other's opposite ones."""
    (left, right), (before, behind) = claimed, told
    straight = len(left & before) + len(right & behind)
    crossed = len(left & behind) + len(right & before)
    return bool(left & behind) and bool(right & before) and crossed > straight + 1


def _around(text: str, match: re.Match[str]) -> _Sides:
    """The significant stems of the nearest words on both sides."""
    left = " ".join(text[: match.start()].split()[-_NEAR_WORDS:])
    right = " ".join(text[match.end() :].split()[:_NEAR_WORDS])
    return frozenset(significant_stems(left)), frozenset(significant_stems(right))


# --- Who handed a role to whom ----------------------------------------------------------------------------------------

_NAME = r"(?<![\w.-])([\w.-]*\w)(?:'s)?"
_GIVES = (
    r"relinquish|hand|ced|pass|transferr?|yield|surrender|g[ai]ve|giving|lost|los[ei]|abdicat|fail(?:ed|s|ing)? over|"
    r"step|mov"
)
_TAKES = r"took|taking|takes|inherit|seiz|assum|acquir|succeed|receiv|got|replac|superseded|won"
_HANDED = (
    (
        re.compile(
            rf"{_NAME} (?:\w+ ){{0,2}}?(?:{_GIVES})\w*\b(?: [\w-]+){{0,5}}? (?:to|favou?r of) {_NAME}", re.IGNORECASE
        ),
        False,
    ),
    (re.compile(rf"{_NAME} (?:\w+ ){{0,2}}?(?:{_TAKES})\w*\b(?: [\w-]+){{0,7}}? from {_NAME}", re.IGNORECASE), True),
)
_STEPS_DOWN = re.compile(r"step\w*[ -]down|demot|relinquish|resign|abdicat|lost leader|handing over", re.IGNORECASE)
_STEPS_UP = re.compile(r"promot|took over|taking over|acquired|elected|becom\w+|became", re.IGNORECASE)


def turns_handing_round(claim: str, line: str, host: str) -> bool:
    """Whether a machine of a line handed its role to another one, and the claim says the reverse.

    A line speaks of the machine that logged it, unless it has names on both sides itself.
    """
    down, up = _STEPS_DOWN.search(line) is not None, _STEPS_UP.search(line) is not None
    if down == up:
        return False
    for pattern, takes in _HANDED:
        for match in pattern.finditer(claim):
            giver, taker = (match[2], match[1]) if takes else (match[1], match[2])
            other = taker if giver == host else giver
            if host in (giver, taker) and giver != taker and _place_of_thing(other.casefold(), line) is not None:
                return (giver == host) != down
    return False


# --- Who holds a lock and who waits for it ----------------------------------------------------------------------------

_WAITER = re.compile(r"\b(\d+)\)? (?:is |was |still )*wait|wait queue: (\d+)", re.IGNORECASE)
_HOLDER = re.compile(
    r"holding the lock: (\d+)|blocked by (?:process )?(\d+)|held by (?:\w+ )?\(?(?:pid )?(\d+)", re.IGNORECASE
)
_SAID_TO_HOLD = re.compile(
    r"\b(\d+)\)? (?:\w+ ){0,2}?(?:held|holds|holding|hogg\w+|blocks|blocking|sat on|sits on)\b|"
    r"\b(?:held|blocked) by (?:\w+ ){0,2}?(\d+)",
    re.IGNORECASE,
)


def turns_holder_round(claim: str, lines: Sequence[str]) -> bool:
    """Whether a process is said to hold what the lines say that it waits for, and nothing else of it."""
    waiting, holding, said = (
        {group for text in texts for match in pattern.finditer(text) for group in match.groups() if group}
        for pattern, texts in ((_WAITER, lines), (_HOLDER, lines), (_SAID_TO_HOLD, [claim]))
    )
    return bool(said & (waiting - holding))
