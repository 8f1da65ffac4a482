"""A hint beside the headline and the chain -> where a reader meets it. Pure.

Under the headline it has to add something that headline and chain do not say; what only says them again is told as
"the model agrees". Small models copy what they are shown, so that a sentence of theirs is often the headline's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from FailTaleLibrary.records import Analysis, Hint

HintPlace = Literal["nowhere", "under the headline", "agrees", "below", "finds no cause"]

_MOST_NEW = 0.35
"""Of a sentence's words, that may be new in a paraphrase: no two people choose the same verbs."""
_LEAST_COMMON = 4
"""Letters that two forms of a word begin with: "lock" and "locked"."""
_COMMON = 5
_WORD = re.compile(r"[^\W_]+(?:[./:_@-][^\W_]+)*")
_WORDS_OF_NO_MEANING = """
    about after again all also and any are because been before being both but cause caused causes causing could did
    does due during each error errors fail failed failing fails failure for from had has have host hosts its itself
    not now only other out over problem reason same server servers service services since some such test tests than
    that the their them then there these they this those through time too unable until was were when where which while
    who will with would request requests return returned returns answer answered answers ran run runs
    second seconds minute minutes longer therefore whose into onto got get gets made makes took take takes two three
    """
_SAYS_NOTHING = frozenset(_WORDS_OF_NO_MEANING.split())


def place_of_hint(analysis: Analysis) -> HintPlace:
    """Where the hint of an analysis stands."""
    hint = analysis.hint
    if hint is None:
        return "nowhere"
    if hint.finds_no_cause:
        return "finds no cause"
    if says_headline_again(hint, analysis):
        return "agrees"
    return "below" if hint.confidence == "low" else "under the headline"


def agreement_words(hint: Hint) -> str:
    """``The model agrees (qwen2.5:3b, cites E1, medium confidence)``.

    Who only points at the headline's line has not said that it is the cause in words that hold.
    """
    cited = " ".join(citation.suspect_id for citation in hint.citations)
    if hint.in_our_words:
        return f"The model points at {cited}, too ({hint.model}, {hint.confidence} confidence)"
    return f"The model agrees ({hint.model}, cites {cited}, {hint.confidence} confidence)"


def says_headline_again(hint: Hint, analysis: Analysis) -> bool:
    """Whether the hint blames the same line as the headline, in no more than its words and those of the chain.

    A hint in our words only names the line.
    """
    first = next(iter(analysis.suspects), None)
    if first is None or not first.is_strong or first.id not in {each.suspect_id for each in hint.citations}:
        return False
    if hint.in_our_words:
        return True
    chain = analysis.chain
    said = [analysis.headline, analysis.cause, first.text, first.host, first.component, first.collector]
    said += [signal.name for signal in first.signals if signal.strong]
    said += [f"{each.who} {each.says}" for link in (chain.links if chain else ()) for each in (link.cause, link.effect)]
    words, known = _telling_words([hint.cause]), _telling_words([*said, *map(_in_parts, said)])
    new = [word for word in words if not any(_are_alike(word, other) for other in known)]
    return len(new) <= _MOST_NEW * len(words)


def _telling_words(texts: Iterable[str]) -> frozenset[str]:
    """Words with a meaning of their own; numbers have none, for a model rounds them."""
    words = (word for text in texts for word in _WORD.findall(text.casefold()))
    return frozenset(
        word for word in words if len(word) > 2 and word not in _SAYS_NOTHING and not word.replace(".", "").isdigit()
    )


def _in_parts(name: str) -> str:
    return re.sub(r"[./:_@-]", " ", name)


def _are_alike(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    if short == long or (len(short) >= _LEAST_COMMON and long.startswith(short)):
        return True
    return len(short) >= _COMMON and short[:_COMMON] == long[:_COMMON]
