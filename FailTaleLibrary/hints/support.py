"""A claim and the lines that it cites -> those that bear it, why that is not enough, how sure it can be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial

from FailTaleLibrary.hints.answer import CONFIDENCES
from FailTaleLibrary.hints.concepts import said_in
from FailTaleLibrary.hints.prompt import Prompt, prompt_line
from FailTaleLibrary.hints.telling import speaks_to_somebody
from FailTaleLibrary.hints.truth import SYMPTOMS, Line, Scene, chain_places, is_change, latest_offset_s
from FailTaleLibrary.records import (
    Citation,
    Confidence,
    HintCategory,
    Report,
    SafeText,
    Suspect,
    Window,
    derived_texts,
    our_words,
)

# --- Support ----------------------------------------------------------------------------------------------------------


def supporting_citations(claim: SafeText, scene: Scene) -> tuple[Citation, ...]:
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


def lack_of_support(claim: str, supporting: Sequence[Line], scene: Scene, report: Report, *, said: str) -> str | None:
    """Why the lines that bear the claim are not enough; None when they are. ``said``: the whole of the answer."""
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
    lead = lead_of(scene, report)
    if lead is None or lead in supporting:
        return None
    if lead in scene.cited and not _tells_only_noise(claim, lead, supporting, scene):
        return None
    if all(map(_is_side_fact, supporting)) and (lead.suspect.is_strong or all(map(_has_ended_well, supporting))):
        return f"the lines that the model cites ({_ids(supporting)}) tell of no failure"
    competing = any(_may_compete(line, scene) for line in supporting)
    if competing and _says_what_was_wrong(lead) and all(_is_apart(line, lead, scene) for line in supporting):
        return f"nothing links what the model cites ({_ids(supporting)}) to {lead.id}, which says itself what was wrong"
    if any(_may_stand_for(line, lead, said, scene) or _is_told_link(line, said, scene) for line in supporting):
        return None
    if len(scene.shared_words(claim, lead)) >= _LEAST_OF_A_WEAK_LINE:
        return None  # it tells the lead, though it does not cite it
    if _tells_how_it_came(supporting, said, scene):
        return None
    if all(_follows(line, lead, scene) for line in supporting):
        return f"what the model gives as the cause ({_ids(supporting)}) followed from {lead.id}"
    if not competing:
        return f"{lead.id} is a far stronger suspect than what the model cites ({_ids(supporting)})"
    return None


def _tells_only_noise(claim: str, lead: Line, supporting: Sequence[Line], scene: Scene) -> bool:
    """Whether a claim tells everyday complaints beside a lead that is news, and nothing of the lead that it cites.

    Small models cite the first lines whatever they say, so that a citation alone is no word for a line.
    """
    is_news = any(signal.name == "new" for signal in lead.suspect.signals)
    return is_news and not scene.is_about(claim, lead) and all(_is_everyday(line) for line in supporting)


def _is_everyday(line: Line) -> bool:
    """Whether a line complains of something, and is neither news nor near nor shares anything with the failure."""
    return not line.suspect.is_strong and {signal.name for signal in line.suspect.signals} <= _EVERYDAY


_EVERYDAY = frozenset({"error", "exception", "failure", "failure word", "in the window", "missing", "warning"})


def _is_apart(line: Line, lead: Line, scene: Scene) -> bool:
    """Whether a line has nothing in common with the lead, the failure or the chain: noise that was met beside them."""
    signals = {signal.name for signal in line.suspect.signals}
    if line.id in chain_places(scene.chain) or is_change(line.suspect) or signals & _SHARED_WITH_THE_FAILURE:
        return False
    if signals & {signal.name for signal in lead.suspect.signals} - SYMPTOMS or _says_the_same(line, lead):
        return False
    common = (line.stems.keys() & lead.stems.keys()) - scene.names
    return sum(each.isalpha() for each in common) < _LEAST_OF_A_WEAK_LINE


_ENDED_WELL = re.compile(
    r"\bexit(?:ed)?(?: with)?(?:[ _]?(?:code|status))?[ =:]+0\b|\bgracefully\b|\bstatus=0/|\bDeactivated successfully",
    re.IGNORECASE,
)
"""Of a line: what it tells of ended as it should, and no failure ended it."""
_UPKEEP = re.compile(
    r"\breconfiguring\b|\breceived SIGHUP\b|\(SIGHUP\) received\b|\breload(?:ing|ed) config\w*", re.IGNORECASE
)
"""Of a line: somebody had a program read its settings again, and it does not say which of them changed."""


def _has_ended_well(line: Line) -> bool:
    return _ENDED_WELL.search(line.text) is not None


def _is_side_fact(line: Line) -> bool:
    """Whether a line tells of nothing that could fail: an end as it should be, or a reload."""
    return _has_ended_well(line) or _UPKEEP.search(line.text) is not None


_SHARED_WITH_THE_FAILURE = frozenset({"shared words", "of this test", "same identifier"})


def _may_stand_for(line: Line, lead: Line, said: str, scene: Scene) -> bool:
    """Whether what the lead brought about at once is told in its place, and no mere symptom is blamed."""
    is_blamed = _INSISTS.search(said) is not None and not _says_what_was_wrong(line)
    return _is_first_effect(line, lead, scene) and not is_blamed


def is_near_lead(line: Line, lead: Line, scene: Scene) -> bool:
    """Whether a line is the lead, or what it brought about at once."""
    return line == lead or (scene.chain is not None and _is_first_effect(line, lead, scene))


def _is_first_effect(line: Line, lead: Line, scene: Scene) -> bool:
    """Whether a line tells what the chain's cause brought about at once, which people call the cause as well.

    It does so of what a change broke, where more followed from it, or where it says itself what was wrong.
    """
    places = chain_places(scene.chain)
    if places.get(line.id) != 1:
        return False
    is_strong = line.suspect.is_strong
    return is_change(lead.suspect) or (is_strong and max(places.values()) > 1) or _says_what_was_wrong(line)


def _says_what_was_wrong(line: Line) -> bool:
    """Whether more than a symptom speaks for a line: a limit, a wrong password, a panic."""
    return any(signal.strong and signal.name not in SYMPTOMS for signal in line.suspect.signals)


def _is_told_link(line: Line, said: str, scene: Scene) -> bool:
    """Whether an answer tells a link of the chain that says what was wrong, and does not insist on it as the cause.

    What the same log wrote at the same time tells the same.
    """
    places = chain_places(scene.chain)
    links = [each for each in scene.lines if each.id in places and _says_what_was_wrong(each)]
    is_link = line in links or (line.id in places and any(_is_beside(line.suspect, each.suspect) for each in links))
    return is_link and not _INSISTS.search(said)


def tells_effects(lines: Sequence[Line], said: str, scene: Scene) -> bool:
    """Whether an answer tells links of a chain alone, and insists on none as the cause.

    What a chain of a single link ends with is no more than the symptom.
    """
    places = chain_places(scene.chain)
    is_long = max(places.values(), default=0) > 1
    return is_long and all(line.id in places for line in lines) and not _INSISTS.search(said)


def cause_of_effects(claim: str, supporting: Sequence[Line], scene: Scene, report: Report) -> str:
    """The id of the lead, where all that bears a claim followed from it by the chain and the claim does not tell it."""
    lead, places = lead_of(scene, report), chain_places(scene.chain)
    if lead is None or lead in scene.cited or not all(places.get(line.id) for line in supporting):
        return ""
    return "" if len(scene.shared_words(claim, lead)) >= _LEAST_OF_A_WEAK_LINE else lead.id


def _tells_how_it_came(lines: Sequence[Line], said: str, scene: Scene) -> bool:
    """Whether an answer tells several links of the chain, and insists on none as the cause."""
    return sum(line.id in chain_places(scene.chain) for line in lines) > 1 and not _INSISTS.search(said)


_INSISTS = re.compile(
    r"\b(?:root|culprit)\b|\b(?:the|an?|this|its) (?:\w+ )?origin\b|"
    r"\b(?:real|actual|true|only|sole) (?:cause|reason|problem)\b|"
    r"\b(?:lie|lay|stand|stood|i|wa)s? behind (?:it|this|that|the (?:failure|problem|error|whole|matter))\b|"
    r"\bat the (?:bottom|heart|core|beginning|start) of\b|\b(?:comes?|came|boils?) down to\b|"
    r"\bstarted (?:it|everything|all)\b|"
    r"\bset (?:it|everything|all) off\b|\bresponsible for\b|\bexplains? (?:the (?:failure|whole)|it all|everything)\b|"
    r"\b(?:failure|failed test|problem|outage|it all|everything|whole thing) (?:was|is|were|are) (?:caused|triggered|"
    r"started|brought about) by\b|\b(?<!do )(?<!did )nothing (?:else|but)\b|\bsource of (?:the|this|all)\b|"
    r"\b(?:cause|reason|culprit)s? (?:is|was|for|of)\b|"
    r"\b(?:is|was|are|were) (?:the|what) (?:\w+ )?(?:cause|reason|culprit|broke|caused)|"
    r"\b(?:in the first place|everything else|(?<!not )to blame)\b|"
    r"\b(?:by itself|alone)\b(?= (?:caus|explain|broke|stopped|suffic|is|was|can|could|accounts)|[.,;]?$)",
    re.IGNORECASE,
)


def _may_compete(line: Line, scene: Scene) -> bool:
    """Whether a line can be a cause beside one that leads a chain."""
    return (
        scene.chain is None
        or line.suspect.is_strong
        or line.id in chain_places(scene.chain)
        or is_change(line.suspect)
        or _is_detail(line, scene)
    )


def _ids(lines: Iterable[Line]) -> str:
    return " ".join(line.id for line in lines)


def lead_of(scene: Scene, report: Report) -> Line | None:
    """The cause that the ranking found, if the model saw it: the chain's first, else the first strong suspect."""
    chain = report.analysis.chain
    first = next((suspect.id for suspect in report.analysis.suspects if suspect.is_strong), None)
    wanted = chain.links[0].cause.suspect_id if chain else first
    return next((line for line in scene.lines if line.id == wanted), None)


_CLEARLY_LATER_S = 0.05


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
    if (
        one.offset_s is None
        or other.offset_s is None
        or other.offset_s <= latest_offset_s(lead, line) + _CLEARLY_LATER_S
    ):
        return False
    only_shows = {each.name for each in other.signals} <= SYMPTOMS
    return only_shows and (one.host == other.host or scene.chain is not None)


def _is_detail(line: Line, scene: Scene) -> bool:
    """Whether a line stands beside a strong one of the same log, as a DETAIL or a HINT does."""
    return any(other.suspect.is_strong and _is_beside(line.suspect, other.suspect) for other in scene.lines)


def _is_beside(one: Suspect, other: Suspect) -> bool:
    """Whether one log wrote both lines at the same time."""
    if (one.host, one.item_id) != (other.host, other.item_id) or one.offset_s is None or other.offset_s is None:
        return False
    return abs(one.offset_s - other.offset_s) <= _CLEARLY_LATER_S


def _says_the_same(line: Line, lead: Line) -> bool:
    """Whether a line only passes on what another one says, as a client does with its server's error."""
    ours, theirs = set(line.stems), set(lead.stems)
    return len(ours & theirs) >= _MOST_OF_A_LINE * min(len(ours), len(theirs))


_MOST_OF_A_LINE = 0.6


def _is_told_of(suspect: Suspect) -> bool:
    """Whether anything but its time speaks for a line."""
    return any(signal.name not in _IDLE for signal in suspect.signals)


_IDLE = frozenset({"seen before", "consequence", "in the window", "near the failure", "of another test"})


def supported_component(named: str, *, prompt: Prompt, supporting: tuple[Suspect, ...]) -> str:
    """The component that the model named, if a line that it cites comes from it."""
    theirs = {prompt_line(suspect.component or suspect.host) for suspect in supporting}
    return named if named in prompt.components and (named in theirs or named == "test") else "unknown"


def fair_category(named: HintCategory, claim: str, supporting: Sequence[Line]) -> HintCategory:
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


def most_confidence(
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


def lowest_of(*each: Confidence) -> Confidence:
    return min(each, key=CONFIDENCES.index)
