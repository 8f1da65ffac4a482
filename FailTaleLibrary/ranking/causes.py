"""A failure and its first suspect -> its cause: what it has in common with others that have one thing to blame. Pure.

There is one cause and two grains of it. Within a run, `signature_of` takes failures together: those that a strong
suspect explains by its line alone, whatever keyword failed over it; the others by their way and message. Over many runs
`cause_of_failure` is stricter, because people hang notes on it, and a wrong note costs more than a missed one: way,
message, host and line count, and where nothing explains a failure its name as well.

Both read texts the same way: what may tell two causes apart stays (hosts, ports, status codes, error numbers, versions,
names of tables); what differs each time is masked (times, durations, sizes, process numbers, random identifiers, what
the test itself named: its order, its customer).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.moments import message_of
from FailTaleLibrary.ranking.lines import gist_with_error
from FailTaleLibrary.records import Failure, Identifier, Report, SafeText, Signature, Suspect, derived

_TEXT_CHARS = 2000
"""Of a message or a line; what differs behind that is not seen."""
_LEAST_NUMBER = 4
"""Digits below which what a test named is no number of its own."""
_SHOWN_CHARS = 400


def signature_of(failure: Failure, strongest: Suspect | None, *, known: Mapping[str, SafeText]) -> Signature | None:
    """What failures of one cause share within a run; None when there is nothing to tell failures apart by.

    ``strongest``: the first suspect, if a strong signal speaks for it. ``known``: hash -> name of the first failure.
    """
    text = derived(_same_in_run, (failure,) if strongest is None else (failure, strongest))
    if not text:
        return None
    digest = _digest(text)
    return Signature(hash=digest, text=derived(_shown_part, text), same_as=known.get(digest))


def _same_in_run(records: tuple[Failure] | tuple[Failure, Suspect]) -> str:
    failure, *strongest = records
    own = _own_names(failure)
    for suspect in strongest:
        said = gist_with_error(message_of(suspect.text[:_TEXT_CHARS]), suspect.error, max_chars=_SHOWN_CHARS)
        line = _masked_text(said, own, each=_EACH_OF_RUN)
        return f"{suspect.component or suspect.host}: {line}"
    message = _masked_text(failure.message, own, each=_EACH_OF_RUN)
    return " | ".join(part for part in (_way(failure, own), message) if part)


@dataclass(frozen=True, slots=True)
class Cause:
    """What equal failures share over many runs."""

    signature: str
    """16 hexadecimal digits."""
    text: SafeText
    """The beginning of what was hashed, so that a reader sees what it is about."""


def cause_of_failure(report: Report) -> Cause:
    """The cause of a ranked failure, as the history counts it."""
    text = derived(_same_over_runs, report)
    return Cause(_digest(text), derived(_shown_part, text))


def _same_over_runs(report: Report) -> str:
    failure = report.failure
    own = _own_names(failure)
    first = report.analysis.suspects[0] if report.analysis.suspects else None
    parts = [failure.scope, _way(failure, own), _masked_text(failure.message, own)]
    if first is None or not first.is_strong:
        parts += [failure.suite, failure.name]
    else:
        parts += [first.host, first.component, _masked_line(first.text, own)]
        parts += [_masked_line(first.error, own)] if first.error else []
    return " | ".join(parts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _shown_part(text: SafeText) -> str:
    return text[:_SHOWN_CHARS]


def _way(failure: Failure, own: re.Pattern[str] | None) -> str:
    """The keywords; a name may hold an argument."""
    names = " > ".join(step.name for step in failure.keyword_path)
    return names if own is None else own.sub("<own>", names)


# --- What differs each time -------------------------------------------------------------------------------------------

_CODE_WORDS = r"status|code|errno|error|exception|(?<![A-Za-z])(?:signal|exit|sqlstate|port|version|rc)"
"""Also at the end of a longer word; without a part of any length before them, which would cost quadratic time."""
_NUMBER_WORDS = (
    r"pid|tid|process|proc|thread|worker|pool|conn|connection|session|job|task|order|id|attempt|retry|line"
    r"|exec|executor|dispatcher|eventloop"
)
_UNITS = (
    r"ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|milliseconds?|microseconds?|[kKMGT]i?B|bytes?|B"
)
_SOURCES = r"py|java|kt|scala|go|js|mjs|ts|rs|c|cc|cpp|h|cs|rb|php|robot|resource"
_POD = "[bcdfghjklmnpqrstvwxz2456789]"
"""What Kubernetes makes random names of: no vowel, so that they spell no word."""
_COUNTED = (
    r"(?:seconds|duration|elapsed|took|time|bytes|size|count|latency|offset"
    r"|(?<![A-Za-z])(?:ms|us|ns|secs?|ts|pid|tid|id|line))"
)
_KEPT = (
    rf"(?i:(?:{_CODE_WORDS})\b)[\"']?[ \t]*[=:(\[]*[ \t\"']*"
    r"(?:0[xX][0-9A-Fa-f]+|-?\d{1,10})(?![\w:./-]*\d)",
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![.\d])(?::(?:[12]?\d{1,4}|3[01]\d{3})(?!\d))?",  # an address and its port
    r"(?<![\w.])[vV]?\d+\.\d+\.\d+(?![.:\d])",  # a version
    r"\b[A-Z]{1,8}[-_]?\d{2,6}[A-Z]?\b",  # ORA-00942, E11000
    r"\bHTTP/\d(?:\.\d)?",
    rf"(?<=[A-Za-z][ /])\d{{1,2}}\.\d{{1,2}}(?![.\d])(?! ?(?:%|(?:{_UNITS})\b))",  # a version of two parts
    r"(?<=[A-Za-z0-9\]])(?<!\d\d):(?:[12]?\d{1,4}|3[01]\d{3})(?![\d:.])",  # a service's port
)
_MASKED = (
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?",
    r"\b\d{1,2}/(?:\d{1,2}|[A-Z][a-z]{2})/\d{4}(?:[: ]\d\d:\d\d:\d\d)?(?: [+-]\d{4})?",
    r"(?<![\d:])\d{1,2}:\d\d:\d\d(?:[.,]\d+)?",
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b",
    rf"-{_POD}{{8,10}}-{_POD}{{5}}\b",
    r"\b0[xX][0-9A-Fa-f]{4,}\b",
    r"\b(?=[0-9A-Fa-f]*\d)(?=[0-9A-Fa-f]*[A-Fa-f])[0-9A-Fa-f]{8,}\b",
    r"(?<=/tmp/)(?:tmp|pytest-|pip-)[\w.-]+",
    rf"(?<=\.)(?:{_SOURCES}):\d+",
    rf"(?<![\w.])-?\d+(?:[.,]\d+)* ?(?:{_UNITS})\b",
    r"(?<![\w.])-?\d+(?:[.,]\d+)* ?%",
    rf"(?i:\b(?:{_NUMBER_WORDS}))(?:[ =:#([\"'-]|-\w+-){{1,3}}\d+\b",
    r"(?i:\breq(?:uest)?)[ =:#-]{1,2}(?![1-5]\d\d\b)\d+\b",
    r"(?<=\w)\[\d+\]",
    r"\b\d+#\d+(?=:)",  # nginx's process and thread
    r"(?<!\w)[#*]\d+\b",
    r"(?<=/)\d+(?=[/?#\s'\",)&]|$)",
    r"(?<=:)\d{5}(?!\d)",  # a client's port
    r"(?<![A-Za-z\d.])\d+[.,]\d+(?![.\d])",
    r"(?<![\w-])\d{5,}(?![\w-])",
)
_EACH = regex(f"(?P<kept>{'|'.join(_KEPT)})|(?P<masked>{'|'.join(_MASKED)})")
_EACH_OF_FIELDS = regex(
    f"(?P<kept>{'|'.join(_KEPT)})|(?P<masked>{'|'.join(_MASKED)}"
    rf"|(?i:{_COUNTED})[\"']?[=:]\s*-?\d+(?:\.\d+)?)"
)
"""Of structured lines, some fields of which count or measure."""
_FIELDS = regex(r"\s*\{|(?:^|\s)[\w.-]+=\S+.*\s[\w.-]+=\S")
_TELLS = regex(r"err|code|status|host|port|table", re.IGNORECASE)


def _masked_text(text: str, own: re.Pattern[str] | None, *, each: re.Pattern[str] = _EACH) -> str:
    shown = text[:_TEXT_CHARS] if own is None else own.sub("<own>", text[:_TEXT_CHARS])
    return " ".join(each.sub(lambda match: match["kept"] or "<n>", shown).split())


_SAID = "".join(f"(?<!{word} )" for word in ("returned", "answered", "status", "got", "was", "not", "->", "=="))
_LOOSE = rf"(?<==)(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]+|(?<![\w.:/-]){_SAID}(?![45]\d\d )\d+(?![\w.:-])"
"""Short names of one thing, such as ``req=7f1c``, and numbers alone that are no answer: they tell nothing in a run."""
_EACH_OF_RUN = regex(f"(?P<kept>{'|'.join(_KEPT)})|(?P<masked>{'|'.join(_MASKED)}|{_LOOSE})")


def _masked_line(line: str, own: re.Pattern[str] | None) -> str:
    """A line of a log without its time; of a structured one every field counts."""
    message = message_of(line[:_TEXT_CHARS])
    return _masked_text(message, own, each=_EACH_OF_FIELDS if _FIELDS.match(message) else _EACH)


def _own_names(failure: Failure) -> re.Pattern[str] | None:
    """What the test itself named; what only the failure's message names may be the cause's."""
    texts = sorted({each.text for each in failure.identifiers if _is_own(each)}, key=lambda text: (-len(text), text))
    if not texts:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, texts))})(?!\w)", re.IGNORECASE)


def _is_own(identifier: Identifier) -> bool:
    if identifier.kind == "name" or identifier.seen_in in ("failure", "output") or _TELLS.search(identifier.label):
        return False
    return identifier.kind != "number" or sum(map(str.isdigit, identifier.text)) >= _LEAST_NUMBER
