"""A model's text -> the claim in it: the sentences, as far as they may be shown. Pure."""

from __future__ import annotations

import re

from FailTaleLibrary.hints.answer import MAX_CAUSE_CHARS
from FailTaleLibrary.hints.naming import Named
from FailTaleLibrary.hints.steering import Ground, only_quotes_marks, steering
from FailTaleLibrary.hints.telling import Tale
from FailTaleLibrary.hints.words import ordinary_stems, stem
from FailTaleLibrary.lazy import dataclass, replace

# --- The claim: the sentences that may be shown -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """What is left of a model's text."""

    sentences: tuple[str, ...]
    whole: tuple[str, ...]
    """The same as the model wrote them: what went with a part would have been told as well."""
    removed: tuple[str, ...]
    """Why each removed sentence went, in a few words."""
    cut: int = 0
    """Sentences that lost what did not tell what happened, or shared no word with the lines."""
    missing: tuple[str, ...] = ()
    """Names and numbers that stand nowhere, of sentences that ask nothing and are not shown in whole."""
    strange: tuple[str, ...] = ()
    """Plain words of the kept sentences that stand nowhere, where they make them doubtful."""
    is_steered: bool = False
    """Something went that would have steered its reader: the model may have obeyed somebody."""
    harms: bool = False
    """A rule knows what went as a way to steer."""
    invents: bool = False
    """Something went that stands nowhere: a number, a date, a path, a name."""
    said: tuple[str, ...] = ()
    """All its sentences, shown or not."""

    @property
    def text(self) -> str:
        return " ".join(self.sentences)

    def only_first(self, sentences: int, *, why: str) -> Claim:
        """Without those behind the first ones."""
        gone = len(self.sentences) - sentences
        return replace(
            self,
            sentences=self.sentences[:sentences],
            whole=self.whole[:sentences],
            removed=(*self.removed, *[why] * gone),
        )

    def only_beginning(self, text: str, *, why: str) -> Claim:
        """Without what stands behind the beginning of its first sentence."""
        return replace(self.only_first(1, why=why), sentences=(_finished(text),), whole=(text,), cut=max(self.cut, 1))


def checked_claim(text: str, *, ground: Ground, named: Named, tale: Tale, max_chars: int) -> Claim:
    """The sentences of ``text`` that are harmless and invent nothing, as far as they tell what the lines tell as well.

    An unfinished last one goes; what it would have steered to counts nevertheless. ``max_chars`` is the length
    at which the model's text was cut, if it was.
    """
    kept: list[str] = []
    whole: list[str] = []
    removed: list[str] = []
    strange: list[str] = []
    missing: list[str] = []
    cut = 0
    is_steered = harms = invents = False
    said, unfinished = _sentences_of(text, max_chars=max_chars)
    if unfinished and (harm := steering(unfinished, ground)) and not only_quotes_marks(unfinished, ground):
        harms = is_steered = True
        removed.append(harm)
    for sentence in said:
        told = tale.told_of(sentence, is_first=not kept)
        harm, invention = steering(sentence, ground), named.invention(sentence)
        is_harm = harm is not None and not only_quotes_marks(sentence, ground)
        harms = harms or is_harm
        is_steered = is_steered or is_harm or (told != sentence and tale.speaks(sentence))
        invents = invents or (invention is not None and not named.invents_only_a_word(sentence))
        if invention and told != sentence and not (harm or tale.speaks(sentence)):
            missing.append(invention)
        if len(" ".join([*kept, told])) >= _MOST_SHOWN:
            removed.append(_TOO_LONG)
        elif not told:
            removed.append(harm or invention or _NOTHING_TOLD)
        elif why := steering(told, ground) or named.invention(told):
            removed.append(why)
        else:
            cut += told != sentence
            kept.append(_finished(told))
            whole.append(_finished(sentence))
            strange += named.strange_words(told)
    return Claim(
        tuple(kept),
        tuple(whole),
        tuple(removed),
        cut=cut,
        missing=tuple(missing),
        strange=tuple(strange),
        is_steered=is_steered,
        harms=harms,
        invents=invents,
        said=tuple(map(_finished, said)),
    )


_MOST_SHOWN = 2 * MAX_CAUSE_CHARS
"""Of a server without grammars, which does not keep to what was asked for."""
_TOO_LONG = "what is longer than a hint"
_NOTHING_TOLD = "what the lines do not tell"


# --- Sentences -------------------------------------------------------------------------------------------------------

_END = re.compile(
    r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)(?<!\bapprox\.)(?<!\bca\.)[\"')\]]?\s+"
    r"(?!(?:and|or|nor|but|so|then)\b)"
)
"""Not before a small conjunction: what it goes on with is of the same sentence, and goes with it."""


def _sentences_of(text: str, *, max_chars: int) -> tuple[list[str], str]:
    """Sentences in plain dress, and what follows the last full stop, unless it is all there is and not cut."""
    plain = _without_markup(text)
    parts = [part.strip() for part in _END.split(plain) if part.strip()]
    if parts and not _is_finished(parts[-1]) and (len(parts) > 1 or len(text) >= max_chars - 1):
        return parts[:-1], parts[-1]
    return parts, ""


def _without_markup(text: str) -> str:
    """Markdown's marks, semicolons and arrows, which prose can do without, in harmless forms."""
    text = re.sub(r"[ \t\r\n]+", " ", text).strip()
    text = re.sub(r"~ ?(?=\d)", "about ", text).replace("**", "").replace("`", "'")
    text = re.sub(r"(?<![<-])[-=]>", "\N{RIGHTWARDS ARROW}", text)
    text = re.sub(r"(?:(?<=[\w,:%(] )|(?<=\())<=? ?(?=\d)", "under ", text)
    text = re.sub(r"(?:(?<=[\w,:%(] )|(?<=\())>=? ?(?=\d)", "over ", text)
    return re.sub(r"; (?=\w)", ", ", text)


def in_sentences(shown: str, written: str) -> str:
    """What is shown of an answer, with a full stop where it was written with a semicolon, which is told as a comma."""
    for match in _BEHIND_SEMICOLON.finditer(" ".join(written.split())):
        first, rest = match["first"], match["rest"]
        begin = first.capitalize() if stem(first) in ordinary_stems() else first
        shown = shown.replace(f", {first}{rest}", f". {begin}{rest}", 1)
    return shown


_BEHIND_SEMICOLON = re.compile(r"; (?P<first>\w+)(?P<rest>(?: [\w./-]*\w){1,2})")


def _is_finished(sentence: str) -> bool:
    return sentence.rstrip("\"')]").endswith((".", "!", "?"))


def _finished(sentence: str) -> str:
    return sentence if _is_finished(sentence) else f"{sentence}."
