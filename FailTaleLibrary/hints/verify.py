"""Answer and Prompt -> Hint, or a HintError that says why the answer was dropped.

A model's word counts as far as the lines that it cites carry it, and no further.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial

from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.answer import CONFIDENCES, MAX_CAUSE_CHARS, MAX_CITATIONS, ModelAnswer
from FailTaleLibrary.hints.injection import reads_like_instruction
from FailTaleLibrary.hints.prompt import Prompt, prompt_line
from FailTaleLibrary.hints.steps import steps_for
from FailTaleLibrary.records import (
    Citation,
    Confidence,
    Hint,
    HintCategory,
    Report,
    SafeText,
    Suspect,
    Window,
    derived_texts,
    our_words,
)
from FailTaleLibrary.redaction import Redactor
from FailTaleLibrary.text import is_visible, shorten

# --- The hint ---------------------------------------------------------------------------------------------------------

NO_KNOWN_VALUES = Redactor()
"""For a model's words: it sees redacted text alone, so it knows no value that only the run's redactor would find."""
NO_CAUSE = our_words("the model found no cause in these lines")


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """An answer and what it cost."""

    answer: ModelAnswer
    model: str
    seconds: float
    prompt_tokens: int | None
    answer_tokens: int | None


def checked_hint(answered: VerifiedAnswer, *, prompt: Prompt, report: Report) -> Hint:
    """What of an answer may be shown.

    Raises HintError when no sentence survives, or no citation: an opinion without support is worth less than none.
    """
    answer = answered.answer
    if answer.finds_no_cause:
        return _no_cause(answered)
    claim = checked_claim(answer.cause, facts=prompt.facts, max_chars=MAX_CAUSE_CHARS)
    if not claim.text:
        raise HintError(f"dropped: the model's text held {_listed(claim.removed) or 'no whole sentence'}")
    cited = _cited(answer, prompt)
    cause = NO_KNOWN_VALUES.safe_text(claim.text)
    citations = _supported(cause, cited=cited, lines=prompt.suspects)
    if not citations:
        raise HintError(f"dropped: {_unsupported(cited)}")
    supporting = tuple(s for s in cited if s.id in {citation.suspect_id for citation in citations})
    return Hint(
        model=answered.model,
        seconds=round(answered.seconds, 1),
        category=_fair_category(answer.category, supporting),
        component=_supported_component(answer.component, prompt=prompt, supporting=supporting),
        cause=cause,
        confidence=_lower_of(answer.confidence, own_confidence(supporting, window=report.failure.window)),
        next_steps=steps_for(supporting),
        citations=citations,
        removed_sentences=len(claim.removed),
        notes=_hint_notes(claim),
        prompt_tokens=answered.prompt_tokens,
        answer_tokens=answered.answer_tokens,
    )


def _hint_notes(claim: Claim) -> tuple[SafeText, ...]:
    if not claim.removed:
        return ()
    reasons = NO_KNOWN_VALUES.safe_text(_listed(claim.removed))
    return (our_words("Left out, because the evidence does not hold it or it could do harm: {}.", reasons),)


def _no_cause(answered: VerifiedAnswer) -> Hint:
    """That the model does not know, in our own words."""
    return Hint(
        model=answered.model,
        seconds=round(answered.seconds, 1),
        category="unknown",
        component="unknown",
        cause=NO_CAUSE,
        confidence="low",
        citations=(),
        prompt_tokens=answered.prompt_tokens,
        answer_tokens=answered.answer_tokens,
    )


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _cited(answer: ModelAnswer, prompt: Prompt) -> tuple[Suspect, ...]:
    """The suspects that the answer cites and the model has seen, each once; a schema is not a guarantee."""
    known = {suspect.id: suspect for suspect in prompt.suspects}
    ids = dict.fromkeys(id_ for id_ in answer.evidence if id_ in known)
    return tuple(known[id_] for id_ in list(ids)[:MAX_CITATIONS])


def _unsupported(cited: tuple[Suspect, ...]) -> str:
    if not cited:
        return "the model's text cites no line of the evidence"
    ids = " ".join(suspect.id for suspect in cited)
    return f"the model's text has no significant word in common with the lines that it cites ({ids})"


def _supported_component(named: str, *, prompt: Prompt, supporting: tuple[Suspect, ...]) -> str:
    """The component that the model named, if a line that it cites comes from it."""
    theirs = {prompt_line(suspect.component or suspect.host) for suspect in supporting}
    return named if named in prompt.components and (named in theirs or named == "test") else "unknown"


def _fair_category(named: HintCategory, supporting: tuple[Suspect, ...]) -> HintCategory:
    """The model's category, but no blame on the test while a machine shows a strong signal: small models like to."""
    return "unknown" if named == "test" and any(suspect.is_strong for suspect in supporting) else named


# --- Confidence ------------------------------------------------------------------------------------------------------


def own_confidence(supporting: Iterable[Suspect], *, window: Window) -> Confidence:
    """High for a strong signal inside the window, medium for one whose time is not known to be, else low."""
    strong = [suspect for suspect in supporting if suspect.is_strong]
    if any(_is_inside(suspect, window) for suspect in strong):
        return "high"
    return "medium" if strong else "low"


def _is_inside(suspect: Suspect, window: Window) -> bool:
    if suspect.at is not None:
        return window.start <= suspect.at <= window.end
    # What differs from a baseline has changed since the window's start.
    return suspect.item_id is not None and suspect.line_number is None


def _lower_of(first: Confidence, second: Confidence) -> Confidence:
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
_INSIGNIFICANT = frozenset(_FUNCTION_AND_TRADE_WORDS.split())


def _supported(claim: SafeText, *, cited: Iterable[Suspect], lines: Iterable[Suspect]) -> tuple[Citation, ...]:
    """Citations of the lines that have significant words in common with the claim."""
    common = _common_stems(lines)
    citations = []
    for suspect in cited:
        theirs = _significant_words(_words_of(suspect)).keys() - common
        if shared := derived_texts(partial(_shared_words, theirs), claim):
            citations.append(Citation(suspect_id=suspect.id, shared_words=shared[:5]))
    return tuple(citations)


def _shared_words(theirs: Collection[str], claim: str) -> list[str]:
    return [word for stem, word in _significant_words(claim).items() if stem in theirs]


def _words_of(suspect: Suspect) -> str:
    """The line, and the names of its strong signals, with which a model paraphrases it."""
    return " ".join([prompt_line(suspect.text), *(signal.name for signal in suspect.signals if signal.strong)])


def _significant_words(text: str) -> dict[str, str]:
    """Stem -> word, of the words that say something."""
    found: dict[str, str] = {}
    for word in (*_NAME.findall(text.casefold()), *_WORD.findall(text.casefold())):
        if word not in _INSIGNIFICANT:
            found.setdefault(word[:_STEM] if word.isalpha() else word, word)
    return found


def _common_stems(suspects: Iterable[Suspect]) -> frozenset[str]:
    """Stems of more than half of at least four lines: a word that all lines bear supports none of them."""
    stems = [_significant_words(_words_of(suspect)).keys() for suspect in suspects]
    counts = Counter(stem for line in stems for stem in line)
    return frozenset(stem for stem, count in counts.items() if len(stems) >= 4 and count > len(stems) / 2)


# --- The claim: the sentences that may be shown -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """What is left of a model's text."""

    text: str
    removed: tuple[str, ...]
    """Why each removed sentence went, in a few words."""


def checked_claim(text: str, *, facts: str, max_chars: int) -> Claim:
    """The sentences of `text` that are harmless and invent nothing; an unfinished last one goes as well.

    `max_chars` is the length at which the model's text was cut, if it was.
    """
    sentences = _sentences_of(text, max_chars=max_chars)
    objections = [(sentence, objection(sentence, facts=facts)) for sentence in sentences]
    return Claim(
        text=" ".join(_finished(sentence) for sentence, why in objections if why is None),
        removed=tuple(why for _, why in objections if why is not None),
    )


def objection(sentence: str, *, facts: str) -> str | None:
    """Why the sentence may not be shown, in a few words; None when it may."""
    return harm(sentence, facts=facts) or invention(sentence, facts=facts)


# --- Sentences -------------------------------------------------------------------------------------------------------

_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+")


def _sentences_of(text: str, *, max_chars: int) -> list[str]:
    """Sentences in plain dress; what follows the last full stop is kept only when it is all there is and not cut."""
    plain = _without_markup(text)
    parts = [part.strip() for part in _END.split(plain) if part.strip()]
    if parts and not _is_finished(parts[-1]) and (len(parts) > 1 or len(text) >= max_chars - 1):
        parts.pop()
    return parts


def _without_markup(text: str) -> str:
    """Markdown's marks and semicolons, which prose can do without, in harmless forms."""
    text = re.sub(r"[ \t\r\n]+", " ", text).strip()
    text = text.replace("**", "").replace("`", "'")
    return re.sub(r"; (?=\w)", ", ", text)


def _is_finished(sentence: str) -> bool:
    return sentence.rstrip("\"')]").endswith((".", "!", "?"))


def _finished(sentence: str) -> str:
    return sentence if _is_finished(sentence) else f"{sentence}."


# --- What could harm a reader ----------------------------------------------------------------------------------------

_PUNCTUATION = set(".,:!?'\"()-/%_@=+[]") | set("–—−…‘’“”°×µ€")  # noqa: RUF001 - the dashes are meant
_LINK = re.compile(
    r"[a-z][a-z0-9+.-]{1,15}:/|\bwww\.|\b(?:javascript|vbscript|data|mailto|file|tel):|\]\s*\(|"
    r"\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|dev|sh|ru|cn|xyz|top|info|example|app|ai|co)\b/",
    re.IGNORECASE,
)
_COMMAND = re.compile(
    r"\b(?:sudo|curl|wget|chmod|chown|killall|powershell|mkfs\S*|iptables|kubectl|systemctl|crontab|useradd|netcat)\b"
    r"|\b(?:rm|kill|pkill|dd|nc|sh|bash|zsh|ssh|scp|python\d?|perl|ruby|node|php|base64|docker|podman|git|tar|"
    r"cat|echo|eval|exec|source)\s+(?:-{1,2}\w|/|if=|of=)"
    r"|\b(?:apt|apt-get|yum|dnf|pip\d?|npm|gem|docker|podman|git|service|ollama|helm|go)\s+"
    r"(?:install|remove|run|exec|pull|push|clone|start|stop|restart|reload|rm|get)\b"
    r"|\b(?:truncate|drop)\s+(?:table|database)\b|\bdelete\s+from\b"
    r"|^(?:please\s+|now\s+|then\s+)*(?:run|execute|paste|download|install|visit|click|type|open|enter|send|copy)\b"
    r"|\b(?:please|must|should|to)\s+(?:run|execute|paste|download|install|visit|click)\b",
    re.IGNORECASE,
)


def harm(sentence: str, *, facts: str) -> str | None:
    """Why the sentence could harm a reader or an assistant that reads it; None when it could not."""
    if any(not is_visible(char) for char in sentence):
        return "invisible characters"
    if any(not _is_expected(char, facts) for char in sentence):
        return "markup, shell or foreign characters"
    if _LINK.search(sentence):
        return "a link"
    if _COMMAND.search(sentence):
        return "a command"
    if reads_like_instruction(sentence):
        return "an instruction"
    return None


def _is_expected(char: str, facts: str) -> bool:
    """Latin letters, digits, the punctuation of prose, and letters of any script that the facts are written in."""
    if char == " " or char in _PUNCTUATION or (char.isascii() and char.isalnum()):
        return True
    if unicodedata.name(char, "").startswith("LATIN "):
        return True
    return unicodedata.category(char)[0] in "LMN" and char in facts


# --- What the facts do not hold --------------------------------------------------------------------------------------

_QUOTED = re.compile(r"(?<!\w)(?:\"([^\"]+)\"|'([^']+)'|“([^”]+)”|‘([^’]+)’)(?!\w)")  # noqa: RUF001
_TOKEN = re.compile(r"[^\s,!?()\"“”‘’\[\]]+")  # noqa: RUF001
_AROUND = ".:;'=-–—"  # noqa: RUF001
_NUMBER = re.compile(r"[+−–-]?(\d+(?:[.:]\d+)*)(?:[a-zµ%°]{0,3}|[KMGT]i?B)")  # noqa: RUF001
_HOST = re.compile(r"\b(?:host|server|node|machine)s?\s+(?:named\s+|called\s+)?([a-z][\w.-]*)", re.IGNORECASE)
_AFTER_HOST = """
    a an and any are as at be because been before but by can cannot could did do does due for from had has have he
    her if in into is it itself may might must name names no nor not of off on or out over process resolution
    restart returned returning said says side so than that the their then they this to under unreachable until up
    was were when where which while who will with without would key keys error errors failure time disk memory clock
    configuration log logs refused rejected restarted responded responds answered answers crashed ran failed fails
    went became lost down stopped timed reported reports refuses rejects sent killed closed
"""
_NO_HOST_NAME = frozenset(_AFTER_HOST.split())
_COMMON_SHORT = frozenset({"e.g", "i.e", "and/or", "i/o", "n/a", "a.m", "p.m", "client/server", "read/write"})


_SHOWN_CHARS = 40
"""Of what was not found."""


def invention(sentence: str, *, facts: str) -> str | None:
    """What the sentence names though the facts do not hold it; None when there is no such thing."""
    known = _comparable(facts)
    for quote in _QUOTED.finditer(sentence):
        words = next(group for group in quote.groups() if group is not None)
        if _comparable(words).strip(" .") not in known:
            return _not_found("the quote", words)
    for match in _HOST.finditer(sentence):
        name = match[1].rstrip(".-").casefold()
        if name not in _NO_HOST_NAME and not _holds(known, name):
            return _not_found("the host", name)
    return next((found for token in _tokens(sentence) if (found := _invented(token, known))), None)


def _not_found(kind: str, words: str) -> str:
    return f"{kind} '{shorten(words, _SHOWN_CHARS)}', which stands nowhere in the evidence"


def _comparable(text: str) -> str:
    return " ".join(text.casefold().replace("−", "-").split())  # noqa: RUF001


def _tokens(sentence: str) -> list[str]:
    """Words as they stand, without the punctuation around them; a path keeps the slash by which it is known."""
    words = (word.lstrip(_AROUND).rstrip(f"{_AROUND}/") for word in _TOKEN.findall(sentence))
    return [word for word in words if word]


def _invented(token: str, known: str) -> str | None:
    word = token.casefold().replace("−", "-").removesuffix("'s").removesuffix("’s")  # noqa: RUF001
    if word in _COMMON_SHORT:
        return None
    if number := _NUMBER.fullmatch(token):
        return None if _holds(known, number[1]) else _not_found("the number", token)
    if not _is_identifier(word) or _holds(known, word):
        return None
    return _not_found("the path" if "/" in word else "the name", token)


def _is_identifier(word: str) -> bool:
    """Names of machines, files, addresses and numbers, in contrast to the words of a language."""
    return any(char.isdigit() for char in word) or any(mark in word.strip(".") for mark in "./\\_@:=")


def _holds(known: str, word: str) -> bool:
    """Whether the facts hold the word as a whole one."""
    start = r"(?<![\w.])" if word[0].isdigit() else r"(?<!\w)"
    return re.search(rf"{start}{re.escape(word)}(?!\w|\.\d)", known) is not None
