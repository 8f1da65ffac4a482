"""Answer and Prompt -> Hint, or a HintError that says why the answer was dropped.

A model's word counts as far as the lines that it cites carry it, and no further. Sentence by sentence goes what could
steer a reader (`steering`) or names what nothing holds (`naming`); what is left must be true of the lines (`truth`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial

from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.answer import CONFIDENCES, MAX_CAUSE_CHARS, MAX_CITATIONS, ModelAnswer
from FailTaleLibrary.hints.concepts import said_in
from FailTaleLibrary.hints.naming import Named
from FailTaleLibrary.hints.prompt import Prompt, prompt_line
from FailTaleLibrary.hints.steering import Ground, hosts_named_in, steering
from FailTaleLibrary.hints.steps import steps_for
from FailTaleLibrary.hints.telling import Tale, speaks_to_somebody
from FailTaleLibrary.hints.truth import Line, Scene, chain_places, is_change, line_of
from FailTaleLibrary.lazy import dataclass
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
    along: tuple[SafeText, ...] = ()
    """What went along with the prompt and supports nothing, in sentences."""


def checked_hint(answered: VerifiedAnswer, *, prompt: Prompt, report: Report) -> Hint:
    """What of an answer may be shown.

    Raises HintError when no sentence survives, no citation, or when the lines say otherwise: an opinion without support
    is worth less than none.
    """
    answer = answered.answer
    unseen = _unseen_note(prompt)
    if answer.finds_no_cause:
        return _no_cause(answered, notes=(*unseen, *answered.along, *prompt.notes))
    scene = _scene_of(answer, prompt, report)
    claim = checked_claim(
        answer.cause,
        ground=_ground_of(scene, prompt, report),
        named=_named(prompt),
        tale=_tale_of(scene, report),
        max_chars=MAX_CAUSE_CHARS,
    )
    if not claim.sentences:
        raise _dropped(f"the model's text held {_listed(claim.removed) or 'no whole sentence'}", unseen)
    if not scene.cited:
        raise _dropped("the model's text cites no line of the evidence", unseen)
    if why := scene.objection(claim.whole):
        raise _dropped(f"the model's text does not fit the lines: {why}", unseen)
    cause = NO_KNOWN_VALUES.safe_text(claim.text)
    citations = _supported(cause, scene)
    supporting = tuple(line for line in scene.lines if line.id in {citation.suspect_id for citation in citations})
    if why := _lack_of_support(claim.text, supporting, scene, report):
        raise _dropped(why, unseen)
    suspects = tuple(line.suspect for line in supporting)
    unlikely = scene.doubtful_ideas(claim.sentences)
    most, doubts = _most_confidence(suspects, prompt=prompt, report=report)
    return Hint(
        model=answered.model,
        seconds=round(answered.seconds, 1),
        category=_fair_category(answer.category, claim.text, supporting),
        component=_supported_component(answer.component, prompt=prompt, supporting=suspects),
        cause=cause,
        confidence=_lowest_of(
            answer.confidence, most, "low" if claim.is_steered or claim.strange or unlikely else "high"
        ),
        next_steps=steps_for(suspects),
        citations=citations,
        removed_sentences=len(claim.removed) + claim.cut,
        notes=(
            *_left_out(claim),
            *_cut_short(claim),
            *_strange(claim),
            *_unlikely(unlikely),
            *unseen,
            *doubts,
            *answered.along,
            *prompt.notes,
        ),
        prompt_tokens=answered.prompt_tokens,
        answer_tokens=answered.answer_tokens,
    )


def _dropped(why: str, unseen: Sequence[SafeText]) -> HintError:
    return HintError(" ".join([f"dropped: {why}", *(f"({note.rstrip('.')})" for note in unseen)]))


def _no_cause(answered: VerifiedAnswer, *, notes: tuple[SafeText, ...]) -> Hint:
    """That the model does not know, in our own words."""
    return Hint(
        model=answered.model,
        seconds=round(answered.seconds, 1),
        category="unknown",
        component="unknown",
        cause=NO_CAUSE,
        confidence="low",
        citations=(),
        notes=notes,
        prompt_tokens=answered.prompt_tokens,
        answer_tokens=answered.answer_tokens,
    )


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


# --- Notes ------------------------------------------------------------------------------------------------------------


def _left_out(claim: Claim) -> tuple[SafeText, ...]:
    if not claim.removed:
        return ()
    reasons = NO_KNOWN_VALUES.safe_text(_listed(claim.removed))
    return (our_words("Left out, because the evidence does not hold it or it could do harm: {}.", reasons),)


def _cut_short(claim: Claim) -> tuple[SafeText, ...]:
    return (our_words("A part without support in the lines was left out."),) if claim.cut else ()


def _strange(claim: Claim) -> tuple[SafeText, ...]:
    if not claim.strange:
        return ()
    words = NO_KNOWN_VALUES.safe_text(_listed(claim.strange))
    return (our_words("Confidence is low, because these words stand nowhere in the evidence: {}.", words),)


def _unlikely(ideas: Sequence[str]) -> tuple[SafeText, ...]:
    if not ideas:
        return ()
    words = NO_KNOWN_VALUES.safe_text(_listed(ideas))
    return (our_words("Confidence is low, because no line says this in so many words: {}.", words),)


def _unseen_note(prompt: Prompt) -> tuple[SafeText, ...]:
    """That the model did not see a line that may be the cause."""
    if not prompt.withheld:
        return ()
    ids = derived_texts(lambda source: [_listed(prompt.withheld)], our_words(""))[0]
    return (our_words("The model did not see {}, which reads like an instruction to a model.", ids),)


# --- What it is held against ------------------------------------------------------------------------------------------


def _scene_of(answer: ModelAnswer, prompt: Prompt, report: Report) -> Scene:
    hosts = _host_names(report)
    lines = tuple(line_of(suspect, prompt_line(suspect.text), hosts) for suspect in prompt.suspects)
    known = {line.id: line for line in lines}
    ids = list(dict.fromkeys(id_ for id_ in answer.evidence if id_ in known))[:MAX_CITATIONS]
    failure = report.failure
    steps = (" ".join([step.name, *step.arguments]) for step in failure.keyword_path)
    return Scene(
        lines=lines,
        cited=tuple(known[id_] for id_ in ids),
        message=f"{failure.message} {failure.name}",
        others="\n".join([prompt.facts, *prompt.components, *steps]),
        hosts=hosts,
        chain=report.analysis.chain,
    )


def _host_names(report: Report) -> frozenset[str]:
    """Of the machines that took part, in lower case."""
    hosts = {suspect.host for suspect in report.analysis.suspects} | {item.host for item in report.evidence.items}
    hosts |= {names.host for names in report.evidence.names}
    hosts |= {match[1] for match in _HOST_OF_MESSAGE.finditer(report.failure.message)}
    return frozenset(host.casefold() for host in hosts if host)


_HOST_OF_MESSAGE = re.compile(r"(?:://|\bhost[=:] ?['\"]?)([A-Za-z][\w-]*)(?![\w.-]*@)")


def _ground_of(scene: Scene, prompt: Prompt, report: Report) -> Ground:
    addresses = (address.casefold() for names in report.evidence.names for address in names.addresses)
    texts = (scene.message, *(line.text for line in scene.lines))
    return Ground(facts=prompt.facts, hosts=frozenset({*scene.hosts, *addresses, *hosts_named_in(texts)}))


def _tale_of(scene: Scene, report: Report) -> Tale:
    failure = report.failure
    steps = (" ".join([step.name, *step.arguments]) for step in failure.keyword_path)
    return Tale(
        lines=tuple(line.text for line in scene.lines),
        failure=" ".join([failure.message, failure.name, *steps]),
        others=scene.others,
        names=scene.names,
    )


def _named(prompt: Prompt) -> Named:
    offsets = tuple(suspect.offset_s for suspect in prompt.suspects if suspect.offset_s is not None)
    return Named("\n".join([prompt.facts, *prompt.components]), offsets_s=offsets)


# --- Support ----------------------------------------------------------------------------------------------------------


def _supported(claim: SafeText, scene: Scene) -> tuple[Citation, ...]:
    """Citations of the lines that have something in common with the claim that only they say.

    Where none of those that the model cites has, those that its text plainly tells.
    """
    citations = _citations_of(claim, scene)
    if citations:
        return citations
    told = [
        line
        for line in scene.lines
        if not (line.is_usual or speaks_to_somebody(line.text))
        and len(_shared_with(scene, line, claim)) >= _LEAST_OF_AN_UNCITED_LINE
    ]
    return tuple(
        Citation(suspect_id=line.id, shared_words=derived_texts(partial(_shared_with, scene, line), claim)[:5])
        for line in told[:1]
    )


def _citations_of(claim: SafeText, scene: Scene) -> tuple[Citation, ...]:
    citations = []
    for line in scene.cited:
        if speaks_to_somebody(line.text):
            continue
        shared = derived_texts(partial(_shared_with, scene, line), claim)
        if not shared and line.suspect.is_strong:
            shared = derived_texts(partial(_common_with, scene, line), claim)
        if _is_enough(shared, scene, line, claim):
            citations.append(Citation(suspect_id=line.id, shared_words=shared[:5]))
    return tuple(citations)


def _is_enough(shared: Sequence[str], scene: Scene, line: Line, claim: str) -> bool:
    if line.suspect.is_strong or not shared:
        return bool(shared)
    return len({*shared, *scene.words_at_all(claim, line)}) >= _LEAST_OF_A_WEAK_LINE


def _common_with(scene: Scene, line: Line, claim: str) -> tuple[str, ...]:
    """Of words that most lines have it takes more than one."""
    words = scene.common_words(claim, line)
    return words if len(words) >= _LEAST_OF_A_WEAK_LINE else ()


_LEAST_OF_AN_UNCITED_LINE = 4
_LEAST_OF_A_WEAK_LINE = 2
"""Words in common with a line that no strong signal speaks for: one may be chance."""


def _shared_with(scene: Scene, line: Line, claim: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*scene.shared_words(claim, line), *scene.shared_numbers(claim, line)]))


def _lack_of_support(claim: str, supporting: Sequence[Line], scene: Scene, report: Report) -> str | None:
    """Why the lines that bear the claim are not enough; None when they are."""
    if not supporting:
        ids = " ".join(line.id for line in scene.cited)
        return (
            f"the model's text has no significant word in common with the lines that it cites ({ids}) "
            "beyond names and the failure's own message"
        )
    if all(line.is_usual for line in supporting):
        return f"the lines that the model cites ({_ids(supporting)}) are usual ones"
    if not any(_is_told_of(line.suspect) or _is_detail(line, scene) for line in supporting):
        return f"nothing speaks for the lines that the model cites ({_ids(supporting)})"
    lead = _lead_of(scene, report)
    if lead is None or any(line.id == lead.id for line in supporting):
        return None
    if len(scene.shared_words(claim, lead)) >= _LEAST_OF_A_WEAK_LINE:
        return None  # it tells the lead, though it does not cite it
    if all(_follows(line, lead, scene) for line in supporting):
        return f"what the model gives as the cause ({_ids(supporting)}) followed from {lead.id}"
    return None


def _ids(lines: Iterable[Line]) -> str:
    return " ".join(line.id for line in lines)


def _lead_of(scene: Scene, report: Report) -> Line | None:
    """The cause that the ranking found, if the model saw it: the chain's first, else the first strong suspect."""
    chain = report.analysis.chain
    first = next((suspect.id for suspect in report.analysis.suspects if suspect.is_strong), None)
    wanted = chain.links[0].cause.suspect_id if chain else first
    return next((line for line in scene.lines if line.id == wanted), None)


_CLEARLY_LATER_S = 0.05
_SYMPTOMS = frozenset(
    {
        "back end down", "cannot connect", "connection lost", "connection refused", "error", "exception", "failure",
        "in the window", "near the failure", "new", "page not found", "server error", "session ended", "shared words",
        "slow", "stack trace", "time-out", "unit failed", "unreachable", "warning",
    }
)  # fmt: skip


def _follows(line: Line, lead: Line, scene: Scene) -> bool:
    """Whether a line followed from the lead: by the chain, or by the clock.

    The clock tells it only of a line that shows that something failed, and not what.
    """
    if is_change(line.suspect):
        return False  # no error makes what somebody changed
    if _says_the_same(line, lead):
        return False
    if line.id in chain_places(scene.chain) or any(signal.name == "consequence" for signal in line.suspect.signals):
        return True
    one, other = lead.suspect, line.suspect
    if one.offset_s is None or other.offset_s is None or other.offset_s <= one.offset_s + _CLEARLY_LATER_S:
        return False
    only_shows = {each.name for each in other.signals} <= _SYMPTOMS
    return only_shows and (one.host == other.host or scene.chain is not None)


def _is_detail(line: Line, scene: Scene) -> bool:
    """Whether a line stands beside a strong one of the same log, as a DETAIL or a HINT does."""
    ours = line.suspect
    return any(
        other.suspect.is_strong
        and other.suspect.item_id == ours.item_id
        and None not in (other.suspect.offset_s, ours.offset_s)
        and abs((other.suspect.offset_s or 0.0) - (ours.offset_s or 0.0)) <= _CLEARLY_LATER_S
        for other in scene.lines
    )


def _says_the_same(line: Line, lead: Line) -> bool:
    """Whether a line only passes on what another one says, as a client does with its server's error."""
    ours, theirs = set(line.stems), set(lead.stems)
    return len(ours & theirs) >= _MOST_OF_A_LINE * min(len(ours), len(theirs))


_MOST_OF_A_LINE = 0.6


def _is_told_of(suspect: Suspect) -> bool:
    """Whether anything but its time speaks for a line."""
    return any(signal.name not in _IDLE for signal in suspect.signals)


_IDLE = frozenset({"seen before", "consequence", "in the window", "near the failure", "of another test"})


def _supported_component(named: str, *, prompt: Prompt, supporting: tuple[Suspect, ...]) -> str:
    """The component that the model named, if a line that it cites comes from it."""
    theirs = {prompt_line(suspect.component or suspect.host) for suspect in supporting}
    return named if named in prompt.components and (named in theirs or named == "test") else "unknown"


def _fair_category(named: HintCategory, claim: str, supporting: Sequence[Line]) -> HintCategory:
    """The model's category, unless what the lines show is of another.

    No blame on the test while a machine shows a strong signal: small models like to.
    """
    if named == "test" and any(line.suspect.is_strong for line in supporting):
        return "unknown"
    shown = {
        concept.category
        for concept in said_in(claim)
        if concept.category and any(concept.is_borne_by(line.text) for line in supporting)
    }
    return "unknown" if shown and named not in shown else named


# --- Confidence ------------------------------------------------------------------------------------------------------


def _most_confidence(
    supporting: tuple[Suspect, ...], *, prompt: Prompt, report: Report
) -> tuple[Confidence, tuple[SafeText, ...]]:
    """What the lines and the chain allow, and why it is no more."""
    order = {suspect.id: place for place, suspect in enumerate(report.analysis.suspects)}
    first = min(order[suspect.id] for suspect in supporting)
    if any(order.get(id_, first) < first for id_ in prompt.withheld):
        return "low", (our_words("Confidence is low, because a line that the model did not see is a better suspect."),)
    chain = report.analysis.chain
    lead = chain.links[0].cause.suspect_id if chain else None
    cites_lead = lead is None or any(suspect.id == lead for suspect in supporting)
    strongest = next((suspect.id for suspect in report.analysis.suspects if suspect.is_strong), None)
    if not cites_lead or (strongest is not None and not any(suspect.is_strong for suspect in supporting)):
        return "low", (our_words("Confidence is low, because the strongest suspect is not cited."),)
    own = own_confidence(supporting, window=report.failure.window)
    if own == "high" and chain is None:
        return "medium", (our_words("Confidence is no higher, because nothing links the cited lines to the failure."),)
    return own, ()


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


def _lowest_of(*each: Confidence) -> Confidence:
    return min(each, key=CONFIDENCES.index)


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
    strange: tuple[str, ...] = ()
    """Plain words of the kept sentences that stand nowhere, where they make them doubtful."""
    is_steered: bool = False
    """Something went that would have steered its reader: the model may have obeyed somebody."""

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


def checked_claim(text: str, *, ground: Ground, named: Named, tale: Tale, max_chars: int) -> Claim:
    """The sentences of ``text`` that are harmless and invent nothing, as far as they tell what the lines tell as well.

    An unfinished last one goes. ``max_chars`` is the length at which the model's text was cut, if it was.
    """
    kept: list[str] = []
    whole: list[str] = []
    removed: list[str] = []
    strange: list[str] = []
    cut = 0
    is_steered = False
    for sentence in _sentences_of(text, max_chars=max_chars):
        told = tale.told_of(sentence, is_first=not kept)
        harm = steering(sentence, ground)
        is_steered = is_steered or harm is not None or (told != sentence and tale.speaks(sentence))
        if len(" ".join([*kept, told])) >= _MOST_SHOWN:
            removed.append(_TOO_LONG)
        elif not told:
            removed.append(harm or named.invention(sentence) or _NOTHING_TOLD)
        elif why := steering(told, ground) or named.invention(told):
            removed.append(why)
        else:
            cut += told != sentence
            kept.append(_finished(told))
            whole.append(_finished(sentence))
            strange += named.strange_words(told)
    return Claim(tuple(kept), tuple(whole), tuple(removed), cut, tuple(strange), is_steered)


_MOST_SHOWN = 2 * MAX_CAUSE_CHARS
"""Of a server without grammars, which does not keep to what was asked for."""
_TOO_LONG = "what is longer than a hint"
_NOTHING_TOLD = "what the lines do not tell"


# --- Sentences -------------------------------------------------------------------------------------------------------

_END = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)(?<!\bapprox\.)(?<!\bca\.)[\"')\]]?\s+")


def _sentences_of(text: str, *, max_chars: int) -> list[str]:
    """Sentences in plain dress; what follows the last full stop is kept only when it is all there is and not cut."""
    plain = _without_markup(text)
    parts = [part.strip() for part in _END.split(plain) if part.strip()]
    if parts and not _is_finished(parts[-1]) and (len(parts) > 1 or len(text) >= max_chars - 1):
        parts.pop()
    return parts


def _without_markup(text: str) -> str:
    """Markdown's marks, semicolons and arrows, which prose can do without, in harmless forms."""
    text = re.sub(r"[ \t\r\n]+", " ", text).strip()
    text = text.replace("**", "").replace("`", "'")
    text = re.sub(r"(?<![<-])[-=]>", "\N{RIGHTWARDS ARROW}", text)
    return re.sub(r"; (?=\w)", ", ", text)


def _is_finished(sentence: str) -> bool:
    return sentence.rstrip("\"')]").endswith((".", "!", "?"))


def _finished(sentence: str) -> str:
    return sentence if _is_finished(sentence) else f"{sentence}."
