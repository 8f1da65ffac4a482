"""A failure's message -> in which way the test failed, and whether a candidate can explain a failure of that way.

A test that does not know its own variable fails by itself, whatever hosts log meanwhile. One that was refused (401,
404, a typing error in its query) was answered: who logs the refusal tells what the test asked for, and no fault; only
what changes the rules can be one. One that got a value which it did not expect was answered, too: a fault must have to
do with it, or change how a service behaves. All else, such as a 500 or a time-out, anything may have brought about.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

from FailTaleLibrary.lazy import dataclass, regex, replace
from FailTaleLibrary.ranking.belonging import not_strong
from FailTaleLibrary.ranking.chain import Linker
from FailTaleLibrary.ranking.headlines import UNNAMED_CHANGE
from FailTaleLibrary.ranking.lines import LINE_CHARS, gist
from FailTaleLibrary.ranking.score import Candidate
from FailTaleLibrary.ranking.signals import event_names, fault_names
from FailTaleLibrary.records import Failure, SafeText, Signal, derived, our_words

Way = Literal["own", "refused", "compared", "broken", "unknown"]
"""own: Robot Framework, pytest or Python say so of the test's own text; refused: a server did not do what it was asked
for, such as a 404; compared: what came is not what was expected; broken: a 500, a lost connection, a time-out, what
did not come in time; unknown: the message does not tell."""

_HEADING = regex(
    r"^(?:(?:Parent )?(?:suite )?(?:setup|teardown) failed:|Several failures occurred:|\d+\))\s*", re.IGNORECASE
)
_LAST_ERROR = regex(r"after retrying .{0,80}?\bThe last error was: ", re.IGNORECASE | re.DOTALL)
_OWN = regex(
    r"^(?:No keyword with name '|(?:Resolving |Setting )?[Vv]ariable '.{0,200}' (?:not found|failed)|No library '"
    r"|Importing |Keyword name cannot be empty|Evaluating (?:expression '|IF condition)|Invalid (?:IF|WHILE|FOR) "
    r"|No browser is open|(?:NameError|UnboundLocalError|ImportError|ModuleNotFoundError|IndentationError): "
    r"|SyntaxError: |AttributeError: module |Argument '.{0,200}' got value .{0,200} cannot be converted)"
    r"|\bexpected (?:at least |at most )?\d+(?: to \d+)?(?: non-named)? arguments?, got \d"
    r"|\bmissing \d+ required (?:positional|keyword-only) argument|\bfixture '\w+' not found"
    r"|\bgot (?:an unexpected|multiple values for) (?:keyword )?argument|\bis a reserved keyword"
)
_COMMON_STATUSES = "20[0-6]|30[1-8]|40[0-9]|41[0-8]|42[2-9]|451|499|50[0-8]|511"
_STATUS = regex(
    rf"Expected status: (?P<robot>{_COMMON_STATUSES}) !="  # RequestsLibrary names what came first
    r"|(?:\bexpect(?:ed|s)?|!=|==|\bwant(?:ed)?|\bshould (?:be|have been))[\s:'\"(]*"
    rf"(?:(?:status|code|http|to be)[\s:'\"=(]*){{0,3}}(?:{_COMMON_STATUSES})\b"
    rf"|(?<![\w./:=?&-])(?P<got>{_COMMON_STATUSES})(?![\w/-]|[.,]\d)",
    re.IGNORECASE,
)
"""A status that is got, or one that is expected, which has no group."""
_SYSTEM_STATUSES = frozenset({"408", "423", "424", "425", "429", "499"})
"""Of those from 400 on: what they tell of is not the request alone."""
_LOST = regex(
    r"connection ?(?:to \S+ )?(?:was )?(?:refused|reset|aborted|closed|lost|error|timed out)|\bECONN\w+"
    r"|RemoteDisconnected|closed connection|\bunreachable\b|no route to host|broken pipe|read timed out"
    r"|timeouterror: (?!locator)|\btimed out\b|max retries exceeded|name or service not known|getaddrinfo"
    r"|could not connect|unexpected eof|server closed|deadline exceeded",
    re.IGNORECASE,
)
_REFUSED = regex(
    r"password authentication failed|access denied|authentication failed|\bpermission denied\b|\bunauthori[sz]ed\b"
    r"|\bforbidden\b|(?:column|relation|table|database|role) \S+ does not exist|unknown (?:column|command)"
    r"|no such (?:table|column)\b|syntax error at|error in your sql syntax|\bWRONGTYPE\b|invalid input syntax"
    r"|transaction is aborted|violates \S.{0,40} constraint|duplicate (?:key|entry)"
    r"|invalid (?:credentials|password|token)",
    re.IGNORECASE,
)
"""What servers answer to a client that is the test itself."""
_WAITED = regex(
    r"\bwithin \d|\bafter (?:waiting|retrying|\d+ ?(?:s|seconds))\b|\bin time\b|\bdid not (?:finish|arrive|complete)",
    re.IGNORECASE,
)
_COMPARED = regex(
    r" (?:!=|==|<|>|<=|>=|in|not in) |\bshould (?:not )?(?:be|have|contain|match|start|end)\b"
    r"|\bdoes not (?:contain|match|exist|equal|start|end)\b|\b(?:are|is) not (?:equal|in|the same)\b"
    r"|\bassert(?:ion)?(?:error)?\b|\bexpected\b.{1,200}\b(?:but|got|was|actual)\b|\bdiffers?\b",
    re.IGNORECASE,
)
_PAGE = regex(r"\b(?:locator|selector|element|xpath|css)\b", re.IGNORECASE)
"""What is not on a page may be missing for any reason."""


def way_of(failure: Failure) -> Way:
    """In which way a test failed, as far as its message tells."""
    message = _HEADING.sub("", failure.message[: 2 * LINE_CHARS].strip())
    message = _LAST_ERROR.sub("after retrying: ", message)
    if _OWN.search(message):
        return "own"
    status = _status_in(message)
    if status >= "500" or status in _SYSTEM_STATUSES or (not status and _LOST.search(message)):
        return "broken"
    if _WAITED.search(message):
        return "broken"
    if status >= "400" or (not status and _REFUSED.search(message)):
        return "refused"
    if _PAGE.search(message) or not (status or _COMPARED.search(message)):
        return "unknown"
    return "compared"


def _status_in(message: str) -> str:
    """The status of an answer that the test got; empty when it names none."""
    found = (match["robot"] or match["got"] for match in _STATUS.finditer(message))
    return next((status for status in found if status), "")


# --- What can explain it ---------------------------------------------------------------------------------------------

_CHANGES = frozenset(
    {
        "configuration change", "deployment", "version started", "activated", "schema change", "paused", "role change",
        "clock", "stale",
    }
)  # fmt: skip
"""Kinds of causes that change what a service answers while it goes on answering."""
_CHANGES_OF_RULES = _CHANGES | {
    "reload", "account locked", "certificate", "security policy", "brings about", "state changed",
}  # fmt: skip
"""Those that can make it refuse."""
_REFUSALS = frozenset(
    {
        "authentication", "permission denied", "missing", "page not found", "data error", "exception", "error",
        "failure", "assertion", "broken program", "expired", "too large", "stack trace", "warning", "name resolution",
    }
)  # fmt: skip
_ENDS = frozenset(
    {
        "killed", "unit failed", "service stopped", "restart", "out of memory", "memory asked for", "segfault",
        "crashed", "panic",
    }
)  # fmt: skip
"""Kinds of causes that a machine tells of any of its programs."""
_SWITCH = "configuration change"
"""What somebody makes at any time: a flag, a secret."""
UNNAMED = Signal(name=UNNAMED_CHANGE, words=our_words("nothing but the time links it with the failure"))
_OF_PROCESS = regex(r"(?:^|, |→ )state [A-Za-z+<]+: (?P<program>\S.*)$")
"""A row of the collector `stopped` of the preset `linux`."""
_OF_LOGIN = regex(r"sshd\b")
"""Who serves logins alone: what stopped them did not stop what is tested."""
_TIES = frozenset({"same identifier", "shared words", "of this test"})
_LONG_WORD = regex(r"'[^']{4,}'")
_VERSIONS = frozenset({"deployment", "version started"})
_OF_VERSION = regex(r"\b([a-z][\w-]{2,40}) (?:from |version |to )?v?\d+\.\d+", re.IGNORECASE)
_EXPIRED_IN_SYSTEM = regex(
    r"\b(?:key|licen[cs]e|certificate|account|password|subscription|credentials?)\b[^:;]{0,40}\bexpired",
    re.IGNORECASE,
)
"""What a system has to renew; a token or a session is the test's own."""
_ERRNO = regex(r"\((?:13|2[48]|30): |\[Errno \d+\]|\bE(?:ACCES|PERM|ROFS|NOSPC|MFILE)\b")
"""What the operating system refused to a program is no refusal of a request."""
_UNREADABLE = regex(
    r"invalid literal|could not convert|cannot (?:be converted|convert|unmarshal|deserialize|parse)|unable to parse"
    r"|failed to parse|numberformatexception|invalid (?:input|value|number|date|uuid|format)|not a (?:valid|number)"
    r"|must be an? ",
    re.IGNORECASE,
)
_READS_REQUEST = regex(
    r"\b(?:request|req|query|params?|args|form|body|payload)\b ?(?:[\[.(]|->)(?!.{0,80}\b(?:execute|commit|send)\b)"
    r"|(?:missing|required) (?:\w+ ){0,3}(?:parameter|header|field|argument|body)|BadRequestKeyError",
    re.IGNORECASE,
)
"""In the lines of a trace that stand right above its exception: the program was reading what the test sent."""
_MISREADS = regex(
    r"^(?:[\w.]+\.)?(?:Key|Value|Type|Index|Attribute|Validation|NumberFormat|NullPointer)\w*(?:Error|Exception)\b"
)
_LAST_LINES = 3
_WORD = regex(r"[A-Za-z]{4,}")
_ENDING = regex(r"(?:ations?|ings?|ions?|ed|es|s|e)$")
_LEAST_STEM = 4
_NO_STEMS = frozenset(
    {"should", "expect", "assert", "error", "that", "with", "from", "http", "fail", "does", "contain"}
)


@dataclass(frozen=True, slots=True)
class Explaining:
    """Knows in which way a test failed, and what can explain that."""

    failure: Failure
    linker: Linker
    way: Way
    refusing: frozenset[str] = frozenset()
    """Hosts that refused what the test asked for."""
    troubles: tuple[SafeText, ...] = ()
    """What hosts told of trouble, and not every day."""

    def weighed(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates, those that cannot explain the failure no longer strong; a refusal is said to be one."""
        refusing = frozenset(each.host for each in candidates if self._is_refusal(each) or _is_refusal_already(each))
        knowing = replace(self, refusing=refusing, troubles=tuple(_troubles_among(candidates)))
        return [knowing._weighed(each) for each in candidates]

    def lead_first(self, ordered: Sequence[Candidate]) -> list[Candidate]:
        """The first strong candidate ahead of all, where the way in which the test failed rules others out."""
        if self.way not in ("refused", "compared"):
            return list(ordered)
        lead = next((each for each in ordered if each.is_strong), None)
        return list(ordered) if lead is None else [lead, *(each for each in ordered if each is not lead)]

    def _weighed(self, candidate: Candidate) -> Candidate:
        if self._is_refusal(candidate):
            return replace(_weakened(candidate), signals=(REFUSAL, *_others_than_refusal(candidate)))
        if not candidate.is_strong or self._can_explain(candidate):
            return candidate
        weakened = _weakened(candidate)
        if self.way == "own" or not self._is_switched(candidate):
            return weakened
        return replace(weakened, signals=(*weakened.signals, UNNAMED))

    def _can_explain(self, candidate: Candidate) -> bool:
        if self.way == "own":
            return False
        kinds = {signal.name for signal in candidate.signals if signal.strong}
        if self._is_process_of_others(candidate, kinds):
            return False
        if self._is_switched(candidate) and not self._is_tied(candidate, kinds):
            return False
        if self.way in ("refused", "compared"):
            rules = _CHANGES_OF_RULES if self.way == "refused" else _CHANGES
            if self._is_tied(candidate, kinds) or ("expired" in kinds and _EXPIRED_IN_SYSTEM.search(candidate.text)):
                return True
            return not kinds.isdisjoint(rules) and not _is_version_of_other(candidate, kinds)
        return self.way == "broken" or "at its limit" not in kinds or self._is_tied(candidate, kinds)

    def _is_refusal(self, candidate: Candidate) -> bool:
        """Whether a line tells that the test's own request was refused, or could not be read."""
        if candidate.line_number is None or not self._is_of_test(candidate):
            return False
        kinds = {signal.name for signal in candidate.signals if signal.strong}
        text = "\n".join((candidate.text, *candidate.trace[-1:]))[:LINE_CHARS]
        if self.way == "refused":
            is_known = not kinds.isdisjoint(_CHANGES_OF_RULES) or bool(kinds - _REFUSALS)
            return not is_known and bool(kinds) and not (_ERRNO.search(text) or _EXPIRED_IN_SYSTEM.search(text))
        if self.way != "broken":
            return False
        return _misreads_request(candidate) or (bool(_UNREADABLE.search(text)) and self._quotes_own_text(text))

    def _is_switched(self, candidate: Candidate) -> bool:
        """Whether somebody switched something, and nothing but the time can link that with the failure.

        What broke may have been switched off, where nobody tells of other trouble. A program that begins to refuse may
        obey what changed on its host; where none is known that did, a login may be refused for any secret's sake.
        """
        kinds = {signal.name for signal in candidate.signals if signal.strong}
        if _SWITCH not in kinds or not kinds <= {_SWITCH, "activated"}:
            return False
        if self.way == "broken":
            switched = _stems(gist(candidate.text, max_chars=LINE_CHARS))
            return bool(self.troubles) and all(switched.isdisjoint(_stems(each)) for each in self.troubles)
        if self.way != "refused":
            return True
        if self.refusing:
            return candidate.host not in self.refusing
        return _status_in(self.failure.message[:LINE_CHARS]) not in ("", "401", "403")

    def _is_process_of_others(self, candidate: Candidate, kinds: set[str]) -> bool:
        """Whether a stopped process serves logins, or stood stopped before the test and nothing speaks of it."""
        row = _OF_PROCESS.search(candidate.text) if candidate.line_number is None else None
        if row is None:
            return False
        if _OF_LOGIN.match(row["program"]):
            return True
        return "at its limit" in kinds and not (self._is_tied(candidate, kinds) or self.linker.serves(candidate))

    def _is_of_test(self, candidate: Candidate) -> bool:
        """A refusal is believed to be of this test where its log tells nothing else."""
        foreign = any(signal.name == "of another test" for signal in candidate.signals)
        return not foreign and (self.way == "refused" or candidate.belongs or any(_ties(candidate)))

    def _quotes_own_text(self, text: str) -> bool:
        """Whether a line quotes what the test gave to a keyword, as a thing that could not be read."""
        given = {argument for step in self.failure.keyword_path for argument in step.arguments if len(argument) > 1}
        return any(re.search(rf"[\"'«=:]\s*{re.escape(each)}[\"'»]?(?:$|\W)", text) for each in given)

    def _is_tied(self, candidate: Candidate, kinds: set[str]) -> bool:
        """Whether something but time links a candidate with the failure."""
        if candidate.belongs or any(map(_is_telling, _ties(candidate))) or self._shares_a_stem(candidate):
            return True
        return not kinds.isdisjoint(_ENDS) and _names_component(candidate)

    def _shares_a_stem(self, candidate: Candidate) -> bool:
        """``exports_paused`` and `Order Should Be Exported`."""
        step = self.failure.telling_step
        said = f"{self.failure.name} {step.name if step else ''} {self.failure.message[:LINE_CHARS]}"
        return not _stems(said).isdisjoint(_stems(gist(candidate.text, max_chars=LINE_CHARS)))


REFUSAL = Signal(name="refusal", words=our_words("tells that what the test asked for was refused"))


def _troubles_among(candidates: Sequence[Candidate]) -> Iterator[SafeText]:
    for each in candidates:
        names = {signal.name for signal in each.signals}
        if names & _TROUBLE and each.can_be_told and names.isdisjoint(_NO_TROUBLE):
            yield derived(_whole_gist, each.text)


def _whole_gist(line: str) -> str:
    return gist(line, max_chars=LINE_CHARS)


_TROUBLE = frozenset({"error", "warning", "exception", "stack trace"})
_NO_TROUBLE = frozenset({"server error", "page not found", "before the test", "after the failure", _SWITCH})


def _is_refusal_already(candidate: Candidate) -> bool:
    return any(each.name == REFUSAL.name for each in candidate.signals)


def _others_than_refusal(candidate: Candidate) -> Iterator[Signal]:
    return (each for each in not_strong(candidate.signals) if each.name != REFUSAL.name)


def _misreads_request(candidate: Candidate) -> bool:
    """Whether a trace ends where a program took a request apart: the exception tells of what the test sent."""
    above = "\n".join(candidate.trace[-_LAST_LINES:])
    return bool(_MISREADS.search(candidate.text.strip()) and _READS_REQUEST.search(above))


def _ties(candidate: Candidate) -> Iterator[Signal]:
    """What of its signals links a candidate with the failure."""
    return (signal for signal in candidate.signals if signal.name in _TIES)


def _is_telling(tie: Signal) -> bool:
    """Whether more is shared than a short word, such as ``key``."""
    return tie.name != "shared words" or bool(_LONG_WORD.search(tie.words))


def _weakened(candidate: Candidate) -> Candidate:
    return replace(candidate, signals=not_strong(candidate.signals), told_by="")


def _is_version_of_other(candidate: Candidate, kinds: set[str]) -> bool:
    """Whether it is the version of a program with another name than its component's that changed."""
    named = _OF_VERSION.search(gist(candidate.text, max_chars=LINE_CHARS)) if kinds & _VERSIONS else None
    if named is None:
        return False
    program, component = named[1].casefold(), candidate.component.casefold()
    return program not in component and component not in program


def _stems(text: str) -> set[str]:
    words = (_ENDING.sub("", word.casefold()) for word in _WORD.findall(text))
    return {word for word in words if len(word) >= _LEAST_STEM and word not in _NO_STEMS}


def _names_component(candidate: Candidate) -> bool:
    """``shop-worker.service: Main process exited``, where the host is one of the component shop."""
    said = candidate.text[:LINE_CHARS].casefold()
    component = re.escape(candidate.component.casefold())
    return len(component) > 2 and bool(re.search(rf"(?<![\w.-]){component}[-_.]", said))


def explaining(failure: Failure, linker: Linker) -> Explaining:
    """What can explain this failure."""
    return Explaining(failure, linker, way_of(failure))


def may_be_told_by(kinds: Collection[str], failure: Failure) -> bool:
    """Whether a line of such kinds may tell why a test failed in its way, though nothing else links it with that.

    A killed worker does not change a value that was answered; a line of no known kind may tell of anything.
    """
    known = (event_names() | fault_names()).intersection(kinds)
    way = way_of(failure)
    if not known or way not in ("refused", "compared"):
        return True
    return not known.isdisjoint(_CHANGES if way == "compared" else _CHANGES_OF_RULES | _REFUSALS)
