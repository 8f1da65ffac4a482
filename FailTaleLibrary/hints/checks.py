"""Answer and Prompt -> Hint, or a HintError that says why the answer was dropped.

A model's word counts as far as the lines that it cites carry it, and no further.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.answer import CONFIDENCES, MAX_CAUSE_CHARS, MAX_CITATIONS, MAX_NEXT_STEPS, Answer
from FailTaleLibrary.hints.claims import checked_claim
from FailTaleLibrary.hints.lines import one_line
from FailTaleLibrary.hints.prompt import Prompt
from FailTaleLibrary.records import Citation, Confidence, Hint, HintCategory, Suspect, Window


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and what it cost."""

    answer: Answer
    model: str
    seconds: float
    prompt_tokens: int | None
    answer_tokens: int | None


def checked_hint(answered: Answered, *, prompt: Prompt, window: Window) -> Hint:
    """What of an answer may be shown.

    Raises HintError when no sentence survives, or no citation: an opinion without support is worth less than none.
    """
    answer = answered.answer
    claim = checked_claim(answer.cause, facts=prompt.facts, max_chars=MAX_CAUSE_CHARS)
    if not claim.text:
        raise HintError(f"dropped: the model's text held {_list(claim.removed) or 'no whole sentence'}")
    cited = _cited(answer, prompt)
    citations = _supported(claim.text, cited=cited, lines=prompt.suspects)
    if not citations:
        raise HintError(f"dropped: {_unsupported(cited)}")
    supporting = tuple(s for s in cited if s.id in {citation.suspect_id for citation in citations})
    return Hint(
        model=answered.model,
        seconds=round(answered.seconds, 1),
        category=_category(answer.category, supporting),
        component=_component(answer.component, prompt=prompt, supporting=supporting),
        cause=claim.text,
        confidence=_lower(answer.confidence, own_confidence(supporting, window=window)),
        next_steps=_known_steps(answer, prompt),
        citations=citations,
        removed_sentences=len(claim.removed),
        prompt_tokens=answered.prompt_tokens,
        answer_tokens=answered.answer_tokens,
    )


def _list(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _cited(answer: Answer, prompt: Prompt) -> tuple[Suspect, ...]:
    """The suspects that the answer cites and the model has seen, each once; a schema is not a guarantee."""
    known = {suspect.id: suspect for suspect in prompt.suspects}
    ids = dict.fromkeys(id_ for id_ in answer.evidence if id_ in known)
    return tuple(known[id_] for id_ in list(ids)[:MAX_CITATIONS])


def _unsupported(cited: tuple[Suspect, ...]) -> str:
    if not cited:
        return "the model's text cites no line of the evidence"
    ids = " ".join(suspect.id for suspect in cited)
    return f"the model's text shares no telling word with the lines that it cites ({ids})"


def _component(named: str, *, prompt: Prompt, supporting: tuple[Suspect, ...]) -> str:
    """The component that the model named, if a line that it cites comes from it."""
    theirs = {one_line(suspect.component or suspect.host) for suspect in supporting}
    return named if named in prompt.components and (named in theirs or named == "test") else "unknown"


def _category(named: HintCategory, supporting: tuple[Suspect, ...]) -> HintCategory:
    """The model's category, but no blame on the test while a machine shows a strong signal: small models like to."""
    return "unknown" if named == "test" and any(_is_strong(suspect) for suspect in supporting) else named


def _is_strong(suspect: Suspect) -> bool:
    return any(signal.strong for signal in suspect.signals)


def _known_steps(answer: Answer, prompt: Prompt) -> tuple[str, ...]:
    return tuple(dict.fromkeys(step for step in answer.next_steps if step in prompt.steps))[:MAX_NEXT_STEPS]


# --- Confidence ------------------------------------------------------------------------------------------------------


def own_confidence(supporting: Iterable[Suspect], *, window: Window) -> Confidence:
    """High for a strong signal inside the window, medium for one whose time is not known to be, else low."""
    strong = [suspect for suspect in supporting if _is_strong(suspect)]
    if any(_is_inside(suspect, window) for suspect in strong):
        return "high"
    return "medium" if strong else "low"


def _is_inside(suspect: Suspect, window: Window) -> bool:
    if suspect.at is not None:
        return window.start <= suspect.at <= window.end
    # What differs from a baseline has changed since the window's start.
    return suspect.item_id is not None and suspect.line_number is None


def _lower(first: Confidence, second: Confidence) -> Confidence:
    return min(first, second, key=CONFIDENCES.index)


# --- Support ---------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W\d_]{3,}|\d{2,}")
_NAME = re.compile(r"\w+(?:[./:_@-]\w+)+")
_STEM = 6
"""Letters that "connection" and "connected", "locked" and "locking" have in common."""
_FUNCTION_AND_TRADE_WORDS = """
    about after again all also although and answer any appears application are because been before being both but
    caused causes causing could did does down due during each error errors evidence exception fail failed failing
    fails failure failures for from had has have host hosts indicates info into issue issues its itself level likely
    line lines log logs machine may message messages might more most node not occurred only other out over problem
    problems process product reason request requests response result returned returns root said same says seems
    server servers service services should show shows shown since software some such suggests system test tests than
    that the their them then there these they this those through time too unable unknown until very warn warning was
    were what when where which while who will with within without would
"""
_TELLS_NOTHING = frozenset(_FUNCTION_AND_TRADE_WORDS.split())


def _supported(claim: str, *, cited: Iterable[Suspect], lines: Iterable[Suspect]) -> tuple[Citation, ...]:
    """Citations of the lines that share telling words with the claim."""
    words = _telling_words(claim)
    common = _common_stems(lines)
    citations = []
    for suspect in cited:
        theirs = _telling_words(_words_of(suspect)).keys() - common
        if shared := [word for stem, word in words.items() if stem in theirs]:
            citations.append(Citation(suspect_id=suspect.id, shared_words=tuple(shared[:5])))
    return tuple(citations)


def _words_of(suspect: Suspect) -> str:
    """The line, and the names of its strong signals, with which a model paraphrases it."""
    return " ".join([one_line(suspect.text), *(signal.name for signal in suspect.signals if signal.strong)])


def _telling_words(text: str) -> dict[str, str]:
    """Stem -> word, of the words that say something."""
    found: dict[str, str] = {}
    for word in (*_NAME.findall(text.casefold()), *_WORD.findall(text.casefold())):
        if word not in _TELLS_NOTHING:
            found.setdefault(word[:_STEM] if word.isalpha() else word, word)
    return found


def _common_stems(suspects: Iterable[Suspect]) -> frozenset[str]:
    """Stems of more than half of at least four lines: a word that all lines bear supports none of them."""
    stems = [_telling_words(_words_of(suspect)).keys() for suspect in suspects]
    counts = Counter(stem for line in stems for stem in line)
    return frozenset(stem for stem, count in counts.items() if len(stems) >= 4 and count > len(stems) / 2)
