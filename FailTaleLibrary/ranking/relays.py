"""A candidate -> whether it passes on what another host said, or brings about what another one refuses. Pure."""

from __future__ import annotations

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.ranking.lines import LINE_CHARS, gist
from FailTaleLibrary.ranking.score import Candidate
from FailTaleLibrary.ranking.signals import kinds_brought_by

_SAYS = (
    r"return(?:s|ed)|answer(?:s|ed)|sa(?:ys|id)|repl(?:ies|ied)|respond(?:s|ed)|report(?:s|ed)|complain(?:s|ed)"
    r"|told (?:us|me)|gave|came back"
)
_WHO = (
    r"upstream|backend|server|database|db|storage|store|cache|broker|queue|gateway|service|remote|peer|cluster|primary"
    r"|replica"
)
_WORDS = r"reply|response|answer|message|exception|failure|fault"
_CLIENT_LIBRARIES = (
    r"psycopg2?|pymysql|mysql|redis|sqlalchemy|requests|urllib3|httpx|aiohttp|grpc|pika|amqp|kafka|botocore"
)
_LEVEL = regex(r"^\W*(?:\[\d+\] )?(?:FATAL|ERROR|PANIC|LOG|WARNING|WARN|ERR):?\s+|^# ")
_LEAST_QUOTED = 12
"""Characters of what one host says and another one repeats."""
_PASSES_ON = regex(
    rf"\b(?:{_SAYS})(?: [\w'\"/.-]+){{0,3}}? ?(?::|->|=>) "  # database returned: …, app1 answered 500: …
    rf"|\b(?:error|{_WORDS}) (?:from|of|by|at|on) (?:the )?\S"
    rf"|\b(?:{_WHO})(?:'s)? (?:error|{_WORDS})\b"
    rf"|\b(?:{_CLIENT_LIBRARIES})\.[\w.]+(?:: |\) )"  # SQLAlchemy has it in parentheses
    r"|\b\w*(?:Operational|Interface|Database|Response|Remote|HTTP|Http|Api|Rpc|SQL|Redis|Mongo|Amqp)\w*"
    r"(?:Error|Exception): "
)


def passes_on(candidate: Candidate) -> bool:
    """Whether its line tells a reason as another one's words."""
    return candidate.line_number is not None and bool(_PASSES_ON.search(candidate.text[:LINE_CHARS]))


def are_of_one_reason(relay: Candidate, source: Candidate) -> bool:
    """Whether a host passes on the kind of reason that another host says of itself."""
    if relay.host == source.host or not _reasons_of(relay) & _reasons_of(source):
        return False
    return (passes_on(relay) or _repeats_all_of(relay, source)) and not passes_on(source)


def brings_about(change: Candidate, refusal: Candidate) -> bool:
    """Whether changes of such a kind bring about refusals of such a kind, as `signals.yaml` knows it."""
    if change.line_number is None or not change.can_be_told:
        return False
    kinds = {signal.name for signal in refusal.signals}
    return any(not kinds.isdisjoint(kinds_brought_by().get(signal.name, ())) for signal in change.signals)


def _repeats_all_of(relay: Candidate, source: Candidate) -> bool:
    """Whether a line has words of its own ahead of all that another host says."""
    if relay.line_number is None or source.line_number is None:
        return False
    said, whole = _without_level(source), _without_level(relay)
    return len(said) >= _LEAST_QUOTED and whole != said and whole.endswith(said)


def _without_level(candidate: Candidate) -> str:
    """What a line says, without the words ahead of it that say how grave it is."""
    return _LEVEL.sub("", gist(candidate.text, max_chars=LINE_CHARS)).casefold().strip(" .")


def _reasons_of(candidate: Candidate) -> set[str]:
    """The kinds of its strong signals that say more than that something failed."""
    return {signal.name for signal in candidate.signals if signal.strong} - {"error", "exception", "stack trace"}
