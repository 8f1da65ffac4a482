"""The lines of one log -> readings: the message, its template and how grave it is."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log

from FailTaleLibrary.ranking.severity import Gravity, gravity_of
from FailTaleLibrary.ranking.signals import Catalogue, services
from FailTaleLibrary.text import sanitize, shorten

# --- A log line -> its message without the prefix that dates it, and its template, in which all that varies is

LINE_CHARS = 2000
"""How much of a line is judged and shown; a line of a megabyte is one line, not a megabyte of work."""
_TEMPLATE_CHARS = 300

_MASKS = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"(?<=/tmp/)[^\s'\":;,)]+"), "<name>"),
    (re.compile(r"\b(?:0x)?(?=[a-f]*\d)[0-9a-f]{6,}\b", re.IGNORECASE), "<id>"),
    # A status or an exit code is no varying number: 200 and 500 are not the same line.
    (re.compile(r"(?<!\d)(?<!\b(?:status|signal)[= ])(?<!\bcode[= ])(?<!\" )\d+(?:[.,:]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)


def clipped(line: str) -> str:
    """The line as it is shown."""
    return shorten(line, LINE_CHARS)


def template(message: str) -> str:
    """The shape of a message: identifiers, numbers, times and temporary names are masked."""
    for pattern, token in _MASKS:
        message = pattern.sub(token, message)
    return message.strip()[:_TEMPLATE_CHARS]


# --- Prefixes --------------------------------------------------------------------------------------------------------

_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_TIME = (
    rf"\[?\d{{4}}[-/]\d\d[-/]\d\d[T ]{_CLOCK}(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?\]?"
    rf"|(?:<\d+>)?[A-Z][a-z]{{2}} [ 0-3]\d {_CLOCK} [\w.-]+(?= [\w./@-]+(?:\[\d+\])?:)"  # syslog with its host
    rf"|(?:<\d+>)?[A-Z][a-z]{{2}} [ 0-3]\d {_CLOCK}"
    rf"|\[[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ 0-3]\d {_CLOCK} \d{{4}}\]"
    rf"|\[?\d\d[-/ ][A-Z][a-z]{{2}}[-/ ]\d{{4}}[: ]{_CLOCK}(?: [+-]\d{{4}})?\]?"
    rf"|\d+:[A-Z] \d\d [A-Z][a-z]{{2}} \d{{4}} {_CLOCK}"  # Redis: process and role ahead of its time
    rf"|\[? *\d+\.\d{{6}}\](?= )"  # the kernel's seconds since boot
    rf"|\[?{_CLOCK}\]?"
)
_STEP = r"(?:[^\t]{1,80}\t[^\t]{1,80}\t)?\ufeff?"  # `gh run view --log`: job and step
_DATED = re.compile(rf"{_STEP}(?:{_TIME})(?: |\t|$)")


def message_of(line: str) -> str:
    """The line without the time that it begins with; the indentation that follows the time stays."""
    match = _DATED.match(line)
    return line[match.end() :] if match else line


# --- The gist: what a headline says ----------------------------------------------------------------------------------

_LEVEL = r"TRACE|DEBUG|INFO|NOTICE|LOG|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|ALERT|EMERG|FATAL|SEVERE|PANIC"
_DRESS = re.compile(
    rf"\s*(?:\[[^\]]{{0,60}}\]|\((?:{_LEVEL})\)|(?:{_LEVEL})\b:?|(?i:{_LEVEL}):(?= )"
    r"|[\w./@-]+\[\d+\](?=[ :]):?|\d+#\d+:|\*\d+(?= )|[#*│|>-](?= ))",
)
_LOGGER = re.compile(r"(?:[\w$-]+\.)+[\w$-]+\s*(?: - |: )|[\w$-]+(?: - |: )(?=\S+ \S+ \S+)")
_SPOKEN = ("msg", "message", "error", "err", "exception", "event")
_LOGFMT = re.compile(r"\b(?:msg|message|err|error)=(?:\"((?:[^\"\\]|\\.){1,300})\"|(\S+))")


def gist(line: str, *, max_chars: int = 110) -> str:
    """What a line says, without time, level, thread and logger; whole words, one line."""
    text = message_of(line[:LINE_CHARS]).strip()
    text = _spoken(text) or _undressed(text) or text
    text = re.sub(r"\s+", " ", text).strip()
    if len(text) <= max_chars:
        return text
    return text[:max_chars].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"


def _spoken(text: str) -> str:
    """The message of a JSON or logfmt line; empty when it is neither."""
    if text.startswith("{"):
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            return ""
        return next((str(fields[name]) for name in _SPOKEN if fields.get(name)), "")
    match = _LOGFMT.search(text)
    return (match[1] or match[2]) if match else ""


def _undressed(text: str) -> str:
    while match := _DRESS.match(text):
        text = text[match.end() :]
    text = text.strip()
    match = _LOGGER.match(text)
    return text[match.end() :] if match and not re.search(r"(?:Exception|Error)\W*$", match[0]) else text


# --- The lines of one log -> readings: the message, its template and how grave it is


@dataclass(frozen=True, slots=True)
class Reading:
    """What one line says, read without its neighbours."""

    message: str
    """Without the time that it begins with; bounded."""
    template: str
    gravity: Gravity

    @property
    def is_blank(self) -> bool:
        return not self.template


def read(lines: Iterable[str], *, catalogue: Catalogue | None = None) -> tuple[Reading, ...]:
    """Each line's reading, in order; a line's cost is bounded whatever its length.

    ``catalogue``: what the lines are searched for; without one, that of services and machines.
    """
    searched = catalogue or services()
    return tuple(_read(line, searched) for line in lines)


def templates_of(lines: Iterable[str]) -> frozenset[str]:
    """The distinct templates of lines; blank lines have none."""
    return frozenset(shape for line in lines if (shape := template(_message(line))))


def _read(line: str, catalogue: Catalogue) -> Reading:
    message = _message(line)
    return Reading(message, template(message), gravity_of(message, catalogue=catalogue))


def _message(line: str) -> str:
    return message_of(sanitize(line[:LINE_CHARS]).rstrip())


class Rarity:
    """How rare each template is among these lines: 1 for one of many, 0 where all are alike."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self.counts = Counter(reading.template for reading in readings)
        self._scale = log(max(2, self.counts.total()))

    def of(self, shape: str) -> float:
        return 1.0 - log(max(1, self.counts[shape])) / self._scale
