"""Answer and Prompt -> Hint, or a HintError that says why the answer was dropped.

A model's word counts as far as the lines that it cites carry it, and no further. Sentence by sentence goes what could
steer a reader (`steering`) or names what nothing holds (`naming`); what is left must be true of the lines (`truth`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from FailTaleLibrary.errors import HintError
from FailTaleLibrary.hints.answer import MAX_CAUSE_CHARS, MAX_CITATIONS, ModelAnswer
from FailTaleLibrary.hints.bearing import unborne_relation
from FailTaleLibrary.hints.claims import Claim, checked_claim, in_sentences
from FailTaleLibrary.hints.naming import Named
from FailTaleLibrary.hints.prompt import Prompt, label_of, prompt_line
from FailTaleLibrary.hints.roles import exchanged_role
from FailTaleLibrary.hints.steering import Ground, hosts_named_in
from FailTaleLibrary.hints.steps import steps_for
from FailTaleLibrary.hints.support import (
    cause_of_effects,
    fair_category,
    is_near_lead,
    lack_of_support,
    lead_of,
    lowest_of,
    most_confidence,
    supported_component,
    supporting_citations,
    tells_effects,
)
from FailTaleLibrary.hints.telling import Tale, speaks_to_somebody
from FailTaleLibrary.hints.truth import Line, Objection, Scene, line_of
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.moments import message_at
from FailTaleLibrary.ranking.lines import gist
from FailTaleLibrary.records import (
    Citation,
    Confidence,
    Hint,
    Report,
    SafeText,
    Suspect,
    derived,
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
    """What of an answer may be shown: of the model's sentences what the lines bear, else the line that it points at.

    Raises HintError when neither is left, or when the lines say otherwise: an opinion without support is worth less
    than none.
    """
    answer = answered.answer
    unseen = _unseen_note(prompt)
    if answer.finds_no_cause:
        return _no_cause(answered, notes=(*unseen, *answered.along, *prompt.notes))
    answer = _without_labels(_with_ids_cited(answer), prompt)
    scene = _scene_of(answer, prompt, report)
    tale = _tale_of(scene, report)
    claim = checked_claim(
        answer.cause, ground=_ground_of(scene, prompt, report), named=_named(prompt), tale=tale,
        max_chars=MAX_CAUSE_CHARS,
    )  # fmt: skip
    if scene.repeats_the_message(answer.cause):
        raise _dropped("the model's text only repeats the failure's own message or name", unseen)
    if not claim.sentences and (claim.harms or claim.invents or not claim.said):
        raise _dropped(f"the model's text held {_listed(claim.removed) or 'no whole sentence'}", unseen)
    if not scene.cited:
        raise _dropped("the model's text cites no line of the evidence", unseen)
    claim, objection = _without_contradictions(claim, scene)
    if objection and objection.is_certain:
        raise _dropped(f"the model's text does not fit the lines: {objection.why}", unseen)
    claim, unborne = _without_unborne(claim, scene)
    unborne = unborne or _lost_reason(claim)
    shown = None if objection or unborne or _is_one_word(claim) else _in_its_words(claim, scene, answer.cause)
    shown = shown or _in_our_words(claim, scene, report, unseen, objection=objection, unborne=unborne)
    why = lack_of_support(shown.told, shown.lines, scene, report, said=answer.cause)
    if why and unborne and tells_effects(shown.lines, answer.cause, scene):
        why = None
    elif why and not (shown.in_our_words or claim.is_steered) and tells_effects(shown.lines, answer.cause, scene):
        why, shown = None, _in_our_words(claim, scene, report, unseen, objection=None, unborne="")
    elif why and not (objection or claim.is_steered) and tells_effects(shown.lines, answer.cause, scene):
        why = None if scene.tells_much_of(answer.cause, shown.lines[:1]) else why  # of the line, and by its own words
    if why:
        raise _dropped(why, unseen)
    effects_of = cause_of_effects(shown.told, shown.lines, scene, report)
    suspects = tuple(line.suspect for line in shown.lines)
    most, doubts = most_confidence(suspects, prompt=prompt, report=report)
    claimed = lowest_of(answer.confidence, shown.confidence)
    if most != "low" and lowest_of(claimed, most) == claimed:
        doubts = ()  # it would be no higher in any case
    return Hint(
        model=answered.model,
        seconds=round(answered.seconds, 1),
        category=fair_category(answer.category, shown.told, shown.lines),
        component=supported_component(answer.component, prompt=prompt, supporting=suspects),
        cause=shown.cause,
        in_our_words=shown.in_our_words,
        confidence=lowest_of(claimed, most),
        next_steps=steps_for(suspects),
        citations=shown.citations,
        removed_sentences=len(claim.removed) + claim.cut,
        notes=(*shown.notes, *_followed(effects_of), *unseen, *doubts, *answered.along, *prompt.notes),
        prompt_tokens=answered.prompt_tokens,
        answer_tokens=answered.answer_tokens,
    )


def _without_contradictions(claim: Claim, scene: Scene) -> tuple[Claim, Objection | None]:
    """The claim up to where the lines say otherwise; why, where they do so from its beginning on.

    Of a claim without a sentence that may be shown the whole text is judged: it says nothing that a reader sees, and
    still tells what its citations are worth.
    """
    whole = claim.whole or claim.said
    objection = scene.objection(whole)
    for kept in range(len(claim.sentences) - 1, 0, -1) if objection else ():
        if scene.objection(whole[:kept]) is None:
            return claim.only_first(kept, why=_NOT_SAID), None
    if (
        objection
        and claim.sentences
        and (borne := scene.borne_beginning(whole[0]) or scene.borne_before_a_guess(whole[0]))
    ):
        return claim.only_beginning(borne, why=_NOT_SAID), None
    return claim, objection


def _without_unborne(claim: Claim, scene: Scene) -> tuple[Claim, str]:
    """The claim up to where a relation is told that the lines do not bear; which one, where its first sentence does."""
    for place, sentence in enumerate(claim.sentences):
        if why := unborne_relation(sentence, scene) or exchanged_role(sentence, scene):
            return (claim.only_first(place, why=_NOT_SAID), "") if place else (claim, why)
    return claim, ""


_NOT_SAID = "what the lines do not say"


def _lost_reason(claim: Claim) -> str:
    """Why the one sentence that is left tells no cause: it told its reason in the part whose names stand nowhere."""
    if not (claim.cut and claim.missing) or len(claim.sentences) != 1:
        return ""
    told, whole = claim.sentences[0].rstrip(".!?"), claim.whole[0]
    is_ahead = whole.startswith(told) and _REASON.match(whole[len(told) :]) is not None
    return "no line bears the reason that it gives" if is_ahead else ""


_REASON = re.compile(r",? (?:because|since|as|due to|owing to|caused by|on account of)\b(?! of which)", re.IGNORECASE)


_IDS = re.compile(r"\W*(?:E\d{1,4}\b(?:\W|and)*)+", re.IGNORECASE)


def _with_ids_cited(answer: ModelAnswer) -> ModelAnswer:
    """The answer with the ids that its text begins with in front of those that it cites, and not in its text.

    A small model writes "E1" or "E1: out of memory" where a sentence was asked for.
    """
    found = _IDS.match(answer.cause)
    if found is None or (found.end() < len(answer.cause) and ":" not in found[0]):
        return answer
    ids = [id_.upper() for id_ in re.findall(r"E\d+", found[0], re.IGNORECASE)]
    rest = answer.cause[found.end() :].strip()
    told = {"evidence": (*ids, *answer.evidence), "cause": rest or found[0].strip()}
    return ModelAnswer.model_validate({**answer.model_dump(), **told})


def _without_labels(answer: ModelAnswer, prompt: Prompt) -> ModelAnswer:
    """The answer without host, log and offset of a line that it copies: they are the prompt's words, not the log's.

    Nor with the time that the line begins with, and level and logger behind it, which no headline has either.
    """
    cause = answer.cause
    for suspect in prompt.suspects:
        if suspect.offset_s is not None:  # without it the label is a mere name, which a sentence may hold
            cause = re.sub(rf"(?:\[?{suspect.id}\]?:? )?{re.escape(label_of(suspect))} ", "", cause)
    for suspect in prompt.suspects:
        line = prompt_line(suspect.text)
        time_ends, ends = message_at(line), line.find(gist(line, max_chars=len(line)))
        for ahead in (line[:ends], line[time_ends:ends]) if 0 < time_ends < ends else ():
            cause = cause.removeprefix(ahead)
    return ModelAnswer.model_validate({**answer.model_dump(), "cause": cause}) if cause.strip() else answer


def _is_one_word(claim: Claim) -> bool:
    """Whether a model gives a word in place of a sentence, as "timeout": the line says more."""
    return len(claim.text.split()) == 1


# --- In whose words ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a reader is to see, and the lines that bear it."""

    cause: SafeText
    told: str
    """What is held against the lines."""
    citations: tuple[Citation, ...]
    lines: tuple[Line, ...]
    confidence: Confidence
    """The most that such words allow."""
    notes: tuple[SafeText, ...]
    in_our_words: bool = False


def _in_its_words(claim: Claim, scene: Scene, written: str) -> _Shown | None:
    """The model's own sentences; None where none is left, or no line has anything in common with them."""
    cause = NO_KNOWN_VALUES.safe_text(in_sentences(claim.text, written))
    citations = supporting_citations(cause, scene) if claim.sentences else ()
    if not citations:
        return None
    unlikely = scene.doubtful_ideas(claim.sentences)
    is_doubtful = claim.is_steered or claim.strange or unlikely
    return _Shown(
        cause=cause,
        told=claim.text,
        citations=citations,
        lines=_lines_of(citations, scene),
        confidence="low" if is_doubtful else "medium" if claim.cut or claim.removed else "high",
        notes=(*_left_out(claim), *_cut_short(claim), *_strange(claim), *_unlikely(unlikely)),
    )


def _in_our_words(
    claim: Claim, scene: Scene, report: Report, unseen: Sequence[SafeText], *, objection: Objection | None, unborne: str
) -> _Shown:
    """The line that the model points at, where its words are only strange.

    Whoever was talked into something, or may have misread the lines, may point at a wrong one as well.

    Raises HintError where they would steer a reader, invent something, say nothing beyond the failure's message or
    have nothing to do with the line: then its pointing is worth nothing either.
    """
    if claim.harms or claim.invents:
        raise _dropped(f"the model's text held {_listed(claim.removed) or 'what could steer a reader'}", unseen)
    said = " ".join(claim.said)
    only_ids = re.findall(r"E\d+", said.upper()) if _IDS.fullmatch(said) else []
    pointed = tuple(
        line
        for line in scene.cited
        if not speaks_to_somebody(line.text) and (line.id in only_ids if only_ids else scene.is_about(said, line))
    )
    lead = lead_of(scene, report) or scene.lines[0]
    if claim.is_steered:
        pointed = tuple(line for line in pointed if line == lead)
    elif objection:
        pointed = tuple(line for line in pointed if is_near_lead(line, lead, scene))
    pointed = tuple(sorted(pointed, key=lambda line: line != lead))
    if objection and not pointed and any(scene.is_about(said, line) for line in scene.cited):
        raise _dropped(f"the model's text does not fit the lines: {objection.why}", unseen)
    if not pointed or (not only_ids and scene.says_only_the_message(said)):
        ids = _listed(line.id for line in scene.cited)
        why = f"the model's text has no significant word in common with the lines that it cites ({ids})"
        raise _dropped(f"{why} beyond names and the failure's own message", unseen)
    return _Shown(
        cause=_pointing_sentence(pointed[0].suspect),
        told=pointed[0].text,
        citations=tuple(Citation(suspect_id=line.id) for line in pointed),
        lines=pointed,
        confidence="low",
        notes=_not_in_its_words(claim, pointed, objection.why if objection else unborne),
        in_our_words=True,
    )


_POINTED_CHARS = 160


def _pointing_sentence(suspect: Suspect) -> SafeText:
    """``The model points at E1 of db1, postgresql.log: "could not …".``, without what stands ahead of each line."""

    def sentence(of: Suspect) -> str:
        place = f"{of.host}, {of.collector}" if of.collector else of.host
        return f'The model points at {of.id} of {place}: "{gist(prompt_line(of.text), max_chars=_POINTED_CHARS)}"'

    return derived(sentence, suspect)


def _lines_of(citations: Sequence[Citation], scene: Scene) -> tuple[Line, ...]:
    cited = {citation.suspect_id for citation in citations}
    return tuple(line for line in scene.lines if line.id in cited)


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
    if not claim.cut:
        return ()
    if claim.is_steered:
        return (our_words("A part that could steer a reader was left out."),)
    if not claim.missing:
        return (our_words("A part without support in the lines was left out."),)
    return (our_words("A part was left out because of {}.", NO_KNOWN_VALUES.safe_text(_listed(claim.missing))),)


def _not_in_its_words(claim: Claim, pointed: Sequence[Line], reason: str) -> tuple[SafeText, ...]:
    """Why the line is named in place of the model's words."""
    if len(claim.said) == 1 and len(claim.said[0].split()) == 1:
        return (our_words("The model gave a single word in place of a sentence."),)
    if any(" ".join(claim.said).rstrip(".") in line.text for line in pointed):
        return (our_words("The model gave a copy of the line in place of a sentence."),)
    why = _listed(claim.missing) or reason
    if claim.is_steered or not why:
        return (our_words("The model's own words are not shown, because the lines do not bear them."),)
    return (our_words("The model's own words are not shown. Why: {}.", NO_KNOWN_VALUES.safe_text(why)),)


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


def _followed(cause: str) -> tuple[SafeText, ...]:
    """That what the hint tells is a link of the chain, and from which line it followed."""
    if not cause:
        return ()
    id_ = derived_texts(lambda source: [cause], our_words(""))[0]
    return (our_words("By the chain this followed from {}.", id_),)


def _unseen_note(prompt: Prompt) -> tuple[SafeText, ...]:
    """That the model did not see a line that may be the cause."""
    if not prompt.withheld:
        return ()
    ids = derived_texts(lambda source: [_listed(prompt.withheld)], our_words(""))[0]
    return (our_words("The model did not see {}, which reads like an instruction to a model.", ids),)


# --- What it is held against ------------------------------------------------------------------------------------------


def _scene_of(answer: ModelAnswer, prompt: Prompt, report: Report) -> Scene:
    hosts = _host_names(report)
    lines = tuple(line_of(suspect, prompt_line(suspect.with_error), hosts) for suspect in prompt.suspects)
    known = {line.id: line for line in lines}
    ids = list(dict.fromkeys(id_ for id_ in answer.evidence if id_ in known))[:MAX_CITATIONS]
    failure = report.failure
    steps = tuple(" ".join([step.name, *step.arguments]) for step in failure.keyword_path)
    return Scene(
        lines=lines,
        cited=tuple(known[id_] for id_ in ids),
        message=f"{failure.message} {failure.name}",
        others="\n".join([prompt.facts, *prompt.components, *steps]),
        hosts=hosts,
        chain=report.analysis.chain,
        keywords=steps,
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
