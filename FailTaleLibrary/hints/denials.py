"""A claim and a line -> whether one says that something was done of which the other says that it was not. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from FailTaleLibrary.hints.words import PASTS, significant_stems, stem, stems_of

# --- Denied by the claim ----------------------------------------------------------------------------------------------

_APOSTROPHE = r"['\N{RIGHT SINGLE QUOTATION MARK}]"
_NOT_DONE = re.compile(
    rf"\b(?:(?:is|was|are|were|been|got|had)(?: not| never|n{_APOSTROPHE}t)|"
    r"(?:no|none of the) (?:[\w-]+ ){1,2}?(?:is|was|are|were))"
    r"(?: (?:yet|been|even|actually|really))* "
    r"(?P<done>[a-z]{3,}(?:ed|ing)|held|kept|sent|lost|set|full|down|dead|gone)\b(?! any ?(?:more|longer)\b)",
    re.IGNORECASE,
)
"""What is said not to be done "any more" was, so that a line may say it of then."""
_DID_NOT = re.compile(
    rf"(?P<who>[\w.-]+) (?:(?:did|does|has|have|had)(?: not|n{_APOSTROPHE}t)|never)"
    r" (?:\w+ly |even |yet |ever )?(?P<verb>[a-z]{4,})\b",
    re.IGNORECASE,
)
"""Who is said not to have done what; of whom the line must speak to deny it."""
_DENIES = re.compile(
    r"\b(?:not|no|never|none|cannot|without|un(?:able|known|supported|authori\w+))\b|n't\b|"
    r"fail|denied|refus|reject|invalid|"
    r"\b(?:answer(?:ed|s)?|return(?:ed|s)?|repl(?:ied|ies)|response|status|code|got) (?:with |was |code )?[45]\d\d\b",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?<![\w/])[\w.~-]*/\S+")
"""What is part of a name says nothing: ``/srv/failover/prices.json``."""
_SWITCH = re.compile(r"(?<![\w.])-{0,2}([A-Za-z]+(?:[_-][A-Za-z]+)+)(?=\s?[=:]\s?[\"']?(?:1|true|yes|on)\b)")


def denies(claim: str, line: str) -> bool:
    """Whether the claim says that something was not done of which the line says plainly that it was."""
    plain = in_words(line)
    told = [] if _denies_something(plain) else re.findall(r"(?<![\w./-])[a-z]+(?![\w./-])", plain.casefold())
    denied = (match["done"].casefold() for match in _NOT_DONE.finditer(claim))
    if any({word, word[:-1], word[:-2], word[:-3]} & {*told} for word in denied):
        return True
    set_in_it = " ".join(match[1] for match in _SWITCH.finditer(line))
    if _denies_switch(claim, [stems_of(match[1]) for match in _SWITCH.finditer(line)]):
        return True
    acts = stems_of(set_in_it) | {stem(word) for word in told if word in PASTS or word.endswith("ed")}
    return any(
        stem(match["verb"]) in acts and significant_stems(match["who"]).keys() & significant_stems(plain).keys()
        for match in _DID_NOT.finditer(claim)
    )


def _denies_something(text: str) -> bool:
    """Whether a text says of anything that it was not done; the names of files do not."""
    return _DENIES.search(_PATH.sub(" ", text)) is not None


def _denies_switch(claim: str, switches: Iterable[frozenset[str]]) -> bool:
    """Whether the claim says that nobody does what a switch is set to let somebody do: ``allow_overwrite: true``."""
    for match in _DID_NOT.finditer(claim):
        object_ = stems_of(" ".join(claim[match.end() :].split()[:_NEAR_WORDS]))
        if any(stem(match["verb"]) in switch and switch & object_ for switch in switches):
            return True
    return False


_NEAR_WORDS = 4


def in_words(line: str) -> str:
    """The line with the switches that it sets in words: ``SKIP_MIGRATIONS=1`` says that they are skipped."""
    return _SWITCH.sub(lambda match: re.sub(r"[_-]", " ", match[1]).casefold() + " ", line)


# --- Denied by the line -----------------------------------------------------------------------------------------------

_UNDONE = re.compile(
    r"\bun(answered|handled|changed|authenticated|authori[sz]ed|supported|trusted|reached|resolved|assigned|delivered|"
    r"acknowledged|finished|confirmed|signed|verified|encrypted|allocated|scheduled|processed|completed|connected|"
    r"wired)\b|"
    r"\b(?:was|were|is|are|has|had|have|been|be|but)(?: not|n't| never)(?: (?:yet|been|properly|be))* "
    r"([a-z]{3,}ed|found|sent)\b|\bnot (seen|found|sent|received|delivered|answered|reached)\b",
    re.IGNORECASE,
)
_DOES_NOT = re.compile(r"\b(?:does|did|do) not ([a-z]{4,})\b", re.IGNORECASE)
_LACKS = re.compile(
    r"\b(?:missing|lack\w*|absent|gone|late|later|again|only|until|before|instead|too|if|wrong|vain|bad|hardly|barely|stopp\w+|lost|"
    r"longer|neither|nobody|nothing|rather|un[a-z]{4,}ed)\b",
    re.IGNORECASE,
)
"""With one of these a sentence does not say plainly that something was done."""
_OBJECT = r"(?:the|all|every|its|both|each|an?)"


def _is_about(claim: str, before: str) -> bool:
    """Whether a claim names what a line says last ahead of a word: what of many things did not change."""
    return bool(significant_stems(" ".join(before.split()[-3:])).keys() & significant_stems(claim).keys())


def asserts_denied(claim: str, line: str) -> bool:
    """Whether the claim says plainly that something was done of which the line says that it was not."""
    if _denies_something(claim) or _LACKS.search(claim):
        return False
    undone = {
        next(group for group in match.groups() if group).casefold()
        for match in _UNDONE.finditer(line)
        if "changed" not in match[0] or _is_about(claim, line[: match.start()])
    }
    never = {match[1].casefold().removesuffix("e") for match in _DOES_NOT.finditer(line)}
    return any(
        re.search(rf"\b(?:was|were|is|are|been|has|had|have) (?:\w+ly )?{word}\b|\b{word} {_OBJECT}\b", claim, re.I)
        for word in undone
    ) or any(re.search(rf"\b{word}e?s\b|\b{word}e?d {_OBJECT}\b", claim, re.I) for word in never)
