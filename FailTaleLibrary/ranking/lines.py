"""The lines of one log -> what each is: its message without the time, its template, how grave it is.

Most lines are ordinary and most differ from an earlier one in digits and identifiers alone, so a line is read as a
whole only when no such line was read before; see `Log`. Nothing here costs more than its bound for a line of any size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Literal, NamedTuple

from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.moments import message_at, message_of
from FailTaleLibrary.ranking.severity import Gravity, gravity_of
from FailTaleLibrary.ranking.signals import CUES, Catalogue, Hits, SignalRow, services
from FailTaleLibrary.structured_lines import LINE_END, TRACE_SIGN, words_of_fields
from FailTaleLibrary.text import shorten

LINE_CHARS = 2000
"""How much of a line is judged and shown; a line of a megabyte is one line, not a megabyte of work."""


def clipped(line: str) -> str:
    """The line as it is shown."""
    return shorten(line, LINE_CHARS)


# --- The template: what two occurrences of one message share ---------------------------------------------------------

_TEMPLATE_CHARS = 300
_MASKS = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"(?<=/tmp/)[^\s'\":;,)]+"), "<name>"),
    (re.compile(r"\b(?:0x)?(?=[a-f]*\d)[0-9a-f]{6,}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<n>"),
)
_VARIES = regex(r"\d|/tmp/")
_TELLING_NUMBER = regex(
    r"(?:\b(?:status|signal|code)[= ]|\" )\d+"  # a status or an exit code is no varying number: 200 is not 500
    r"|(?<![\d.:/])[vV]?\d+\.\d+\.\d+(?![.:/\d])"  # nor is a version
)
_KEEP = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_KEPT = str.maketrans("⓪①②③④⑤⑥⑦⑧⑨", "0123456789")
_MOST_WORDS = 20_000


class _Masked(dict[str, str]):
    """Words of messages with what varies in them masked; a log's words repeat, so each is masked once."""

    def __missing__(self, word: str) -> str:
        masked = word
        if _VARIES.search(word):
            for pattern, token in _MASKS:
                masked = pattern.sub(token, masked)
        if len(self) >= _MOST_WORDS:
            self.clear()
        self[word] = masked
        return masked


_masked = _Masked()


def template(message: str) -> str:
    """The shape of a message: identifiers, numbers, times and temporary names are masked.

    Statuses, exit codes and versions stay: what differs in them is not the same message.
    """
    if message.count(".") > 1 or "code" in message or "status" in message or "signal" in message or '" ' in message:
        kept = _TELLING_NUMBER.sub(_kept_part, message)
        if kept is not message:
            return _masked_words(kept).translate(_KEPT)
    return _masked_words(message)


def _masked_words(message: str) -> str:
    return " ".join([word if word.isalpha() else _masked[word] for word in message.split()])[:_TEMPLATE_CHARS]


def _kept_part(match: re.Match[str]) -> str:
    return match[0].translate(_KEEP)


def templates_of(lines: Iterable[str]) -> frozenset[str]:
    """The distinct templates of lines; blank lines have none."""
    return frozenset(shape for line in lines if (shape := template(message_of(line[:LINE_CHARS]))))


# --- A log, read -----------------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """What one line is, read without its neighbours; shared by the lines that differ from it in digits and
    hexadecimal identifiers alone.

    A tuple, because where no line is like another each is made, and tuples are made three times as fast.
    """

    message_at: int
    """How many characters the time at the line's start takes."""
    gravity: Gravity
    is_blank: bool = False
    opens_trace: Opening = ""
    said_at: int = 0
    """How many characters time and speaker take; see `_SPEAKER`."""


Opening = Literal["", "traceback", "reason below", "causes below", "message below"]
"""What a line begins: Python's trace, where nothing stands behind these words; an error that the line below it tells;
a list of causes; a message of .NET's console logger."""
_PYTHON_TRACE = "Traceback (most recent call last):"
_REASON_BELOW = regex(
    r"thread '.{0,120}' (?:\(\d+\) )?panicked at \S+:\d+:\d+:$|terminate called after throwing an instance of "
)
"""Of Rust since 1.73, and of C++."""
_MESSAGE_BELOW = regex(r"(?:fail|crit|warn): [\w.`+]+\[\d+\]$")
_SPEAKER = regex(
    r"(?:[\w.-]+ )?[\w./@-]+\[\d+\]: ?"  # journald's and syslog's host, program and process
    r"|[DIWEFAU], \[[^\]]{1,60}\] +[A-Z]+ -- [^:]{0,60}: (?:\[[\w-]+\] ?)*"  # Ruby's logger, with Rails' tags
)
"""Who says it, ahead of each line of what was said: a trace's frames and its last line stand behind it."""
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_HEXADECIMAL = re.compile(
    rb"\b(?:[0a-f]{8}-[0a-f]{4}-[0a-f]{4}-[0a-f]{4}-[0a-f]{12}|(?=[a-f]*0)(?=0*[a-f])[0a-f]{8,64})\b"
)
"""Identifiers of requests, of containers and commits, once their digits are alike: their letters say no more."""
_MOST_READINGS = 20_000
_LINES_AT_ONCE = 2000
"""Between two looks at whether time is used up."""


@dataclass(frozen=True, slots=True)
class _ByNumbers:
    """The readings of lines of one form in which certain digits matter."""

    message_at: int
    readings: dict[tuple[int, ...], Reading]


class Readings:
    """The readings of lines by their form: the line with all digits and all hexadecimal identifiers alike, and, where
    digits can matter, which do."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._known: dict[bytes, Reading | _ByNumbers] = {}

    def read(self, lines: Sequence[str], forms: Sequence[bytes]) -> list[Reading]:
        """The reading of each line, in order."""
        known = self._known
        readings: list[Reading] = []
        for line, form in zip(lines, forms, strict=True):
            reading = known.get(form)
            if reading is None:
                reading = self._learn(line, form)
            if isinstance(reading, _ByNumbers):
                reading = self._by_numbers(reading, line)
            readings.append(reading)
        return readings

    def _learn(self, line: str, form: bytes) -> Reading | _ByNumbers:
        if len(self._known) >= _MOST_READINGS:
            self._known.clear()
        start = message_at(line)
        message = self._without_titles(line[start:].rstrip())
        hits = self.catalogue.hits_in(message, _without_speaker(message))
        reading: Reading | _ByNumbers = (
            _ByNumbers(start, {}) if hits.digits_matter else _read_line(start, message, hits)
        )
        self._known[form] = reading
        return reading

    def _by_numbers(self, known: _ByNumbers, line: str) -> Reading:
        message = self._without_titles(line[known.message_at :].rstrip())
        said = _without_speaker(message)
        numbers = self.catalogue.numbers_in(message, said)
        reading = known.readings.get(numbers)
        if reading is None:
            reading = _read_line(known.message_at, message, self.catalogue.hits_in(message, said))
            known.readings[numbers] = reading
        return reading

    def _without_titles(self, message: str) -> str:
        """A message without what a rule or a text is called that it defines, where that names a fault: none happened.

        As long as it was, so that places in it stay.
        """
        if "'" not in message and '"' not in message:
            return message
        title = _TITLE.search(message)
        if title is None or not _DEFINES.search(message):
            return message
        if not any(row.kind in CUES for row in self.catalogue.rows_in(title["title"])):
            return message
        return _DEFINES.sub(_blank, _TITLE.sub(_blank, message))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


@cache
def readings_of(catalogue: Catalogue) -> Readings:
    """The readings that are shared by all logs that are searched for one catalogue."""
    return Readings(catalogue)


def _read_line(start: int, message: str, hits: Hits) -> Reading:
    said = _without_speaker(message)
    said_at = start + len(message) - len(said)
    opening = _opening(message, said.rstrip())
    return Reading(start, gravity_of(message, hits), not said.strip(), opening, said_at)


_TITLE = regex(
    r"\b(?:rule|alert|alarm|check|monitor|policy|template|translation|label|dashboard|trigger|message|title|text)s? "
    r"(?:\w+ )?(?P<quote>['\"])(?P<title>[^'\"]{1,80})(?P=quote)",
    re.IGNORECASE,
)
_DEFINES = regex(
    r"\b(?:loaded|saved|stored|created|added|imported|installed|defined|registered|configured|enabled|disabled|removed"
    r"|deleted|renamed|translated|parsed|activated|deactivated|updated)\b",
    re.IGNORECASE,
)


def _without_speaker(message: str) -> str:
    """A message without its speaker."""
    speaker = _SPEAKER.match(message)
    return message[speaker.end() :] if speaker else message


def _opening(message: str, said: str) -> Opening:
    if message.endswith(_PYTHON_TRACE):
        return "traceback"
    if said.strip() == "Caused by:":
        return "causes below"
    if _MESSAGE_BELOW.match(said):
        return "message below"
    return "reason below" if _REASON_BELOW.match(said) else ""


class Log:
    """The lines of one source, each cut to `LINE_CHARS`, with their readings. Linear in the lines.

    ``is_over``: asked now and then; once it is true no more lines are read. The newest are read first; ``first`` is the
    place of the first line that was read.
    """

    def __init__(
        self, lines: Iterable[str], *, catalogue: Catalogue | None = None, is_over: Callable[[], bool] | None = None
    ) -> None:
        self.lines = [line if len(line) <= LINE_CHARS else line[:LINE_CHARS] for line in lines]
        readings = readings_of(catalogue or services())
        parts: list[list[Reading]] = []
        self.first = len(self.lines)
        while self.first and not (is_over and is_over()):
            start = max(0, self.first - _LINES_AT_ONCE)
            parts.append(_read_part(readings, self.lines[start : self.first]))
            self.first = start
        self.readings = [reading for part in reversed(parts) for reading in part]
        self.lines = self.lines[self.first :]
        self._templates: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.lines)

    def message(self, index: int) -> str:
        return self.lines[index][self.readings[index].message_at :].rstrip()

    def said(self, index: int) -> str:
        """The message without who says it."""
        return self.lines[index][self.readings[index].said_at :].rstrip()

    def gravity(self, index: int) -> Gravity:
        return self.readings[index].gravity

    def template(self, index: int) -> str:
        shape = self._templates.get(index)
        if shape is None:
            shape = self._templates[index] = template(self.lines[index][self.readings[index].message_at :])
        return shape


def _read_part(readings: Readings, lines: Sequence[str]) -> list[Reading]:
    text = "\n".join(lines).encode("utf-8", "backslashreplace").translate(_DIGITS)
    return readings.read(lines, _HEXADECIMAL.sub(_zeros, text).split(b"\n"))


def _zeros(match: re.Match[bytes]) -> bytes:
    return b"0" * len(match[0])


# --- The gist: what a headline says ----------------------------------------------------------------------------------

_LEVEL = r"TRACE|DEBUG|INFO|NOTICE|LOG|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|ALERT|EMERG|FATAL|SEVERE|PANIC"
_DRESS = regex(
    rf"\s*(?:\[(?!UFW )[^\]]{{0,60}}\]:?|<\d+(?:\.\d+)+>|\d{{1,7}} ---"
    rf"|\((?:{_LEVEL})\)|(?:{_LEVEL})\b(?:/[\w.-]+\]|:?)|(?i:{_LEVEL}):(?= )"
    r"|[\w./@-]+\[\d+\](?=[ :]):?|\d+#\d+:|\*\d+(?= )|[#*│|>-](?= ))",
)
_NAMED = regex(r"(?:[a-z_]\w*\.)+[A-Z]\w*: ")
"""How Python calls an exception at the end of a trace, by any name: ``jinja2.exceptions.TemplateNotFound: …``."""
_UPTIME = regex(r"^\[ *\d+\.\d+\] ")
"""Of a kernel's line."""
_SESSION_OF_POSTGRESQL = regex(rf":?[^:\"']{{0,120}}?\b(?:{_LEVEL}|STATEMENT|DETAIL|HINT|CONTEXT|QUERY):  (?=\S)")
"""What PostgreSQL's ``log_line_prefix`` has of user, database and client; its own part begins with two blanks."""
_LOGGER = regex(r"(?:[\w$-]+\.)+[\w$-]+\s*(?: - |: )|[\w$-]+(?: - |: )(?=\S+ \S+ \S+)")
_GO_ERRORS = ("panic: ", "runtime error: ", "fatal error: ")
_NAMED_ERROR = regex(
    r"(?:[\w$]+\.)*(?:[A-Z]\w*)?(?:Error|Exception|Failure|Interrupt|Exit|Warning|Locked|Timeout)\b(?:: .*)?"
)


def gist(line: str, *, max_chars: int = 110) -> str:
    """What a line says, without time, level, thread and logger; whole words, one line.

    Of a line that is too long the telling part is kept: its beginning, or its end where that says more.
    """
    line = line[:LINE_CHARS].strip()
    message = _AUDIT.sub("", message_of(line).strip())
    said = (
        words_of_fields(message) or _without_request_of_nginx(_undressed(message, is_bare=message == line)) or message
    )
    error = _error_of_trace(message)
    text = f"{said}: {error}" if error and error not in said else said
    if error and TRACE_SIGN.search(said):  # the line is but the trace
        text = error
    text = _without_bare_numbers(re.sub(r"\s+", " ", text).strip())
    if len(text) > max_chars:
        text = _UNSAID.sub("", _MODULE_OF_ERROR.sub("", text))
    return text if len(text) <= max_chars else _shortened(text, max_chars)


def gist_with_error(line: str, error: str, *, max_chars: int = 110) -> str:
    """What a line says that logs a stack trace, and behind it the error that the trace names, kept whole."""
    said, named = gist(line, max_chars=max_chars), _LISTED.sub("", gist(error.strip(), max_chars=max_chars))
    if not error or named in said:
        return said
    kind, _, message = named.partition(": ")
    if message and message in said:
        return f"{said} ({kind})"
    room = max_chars - len(named) - 2
    return f"{gist(line, max_chars=room).rstrip(' :.')}: {named}" if room >= _LEAST_ROOM else named


_LISTED = regex(r"\d+: (?=\S)")
"""Ahead of a cause in a list, as Rust's anyhow numbers them."""
_LEAST_ROOM = 20
_AUDIT = regex(r"\b(?:audit: )?type=\w+ (?:msg=)?audit\([\d.:]+\): *")
"""Ahead of what Linux's audit says."""
_UNSAID = regex(
    r" \(_?\w+\.c:\d+\)|\[(?:SSL|SYS|X509)[^\]]*\] (?=\w)|: gfp_mask=.*"
    r"|(?<=\w)\[[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\]"
)
"""What a long line may lose first: places in C sources, codes of what the words behind them say, masks of memory, the
ids of Celery's tasks."""
_MODULE_OF_ERROR = regex(r"^(?:[a-z_]\w*\.)+(?=[A-Z]\w*(?:Error|Exception|Warning|Timeout)\b)")
_PACKET = regex(r"\bIN=\S* OUT=.*")
"""Of netfilter's log, as `nf_log_ipv4` of Linux writes it: addresses and ports tell, the rest is of the packet."""
_OF_PACKET = regex(r"\b(?:SRC|DST|PROTO|DPT)=\S+")
_ADDRESSES = regex(r"(?<=segfault) at [0-9a-f]+ ip [0-9a-f]+ sp [0-9a-f]+ error \d+")


def _without_bare_numbers(text: str) -> str:
    """A kernel's line without what only its machine understands."""
    packet = _PACKET.search(text)
    if packet:
        text = f"{text[: packet.start()]}{' '.join(_OF_PACKET.findall(packet[0]))}"
    return _ADDRESSES.sub("", text)


_CONTEXT_OF_NGINX = regex(
    r",? client: [^\s,]+,? server: (?:(?!, upstream: ).)*(?:, upstream: \"(?P<upstream>[^\"]*)\")?.*"
)
"""What nginx adds to each of its errors: whose request it was, in ``ngx_http_log_error`` of nginx 1.22."""
_ADDRESS_OF_URL = regex(r"(?:\w+://)?(?P<address>unix:[^:]+|[^/]+)")


def _without_request_of_nginx(said: str) -> str:
    """A line of nginx without whose request it was, and with which upstream it is about."""
    context = _CONTEXT_OF_NGINX.search(said)
    if context is None:
        return said
    own = said[: context.start()]
    address = _ADDRESS_OF_URL.match(context["upstream"] or "")
    return f"{own} ({address['address']})" if address and address["address"] not in own else own


_SAY_LITTLE = frozenset({"exception", "server error"})


def _shortened(text: str, max_chars: int) -> str:
    """The beginning, and where that does not hold the gravest words or the reason at the end, what ends with them."""
    head = text[:max_chars].rsplit(" ", 1)[0].rstrip(" ,;:")
    cues = [row for row in services().rows_in(text) if row.kind in CUES]
    telling = next((row for row in cues if row.name not in _SAY_LITTLE), next(iter(cues), None))
    beginning = text[: max_chars // 4].rsplit(" ", 1)[0].rstrip(" ,;:")
    in_head = services().rows_in(head)
    if telling is None or telling in in_head:
        reason = next((row for row in cues if row not in in_head), None)
        stop = _end_of_row(text, telling) if telling and reason else max_chars
        if telling is None or reason is None or stop > max_chars // 2:
            return f"{head} …"
        beginning, telling = text[:stop].rstrip(" ,;:"), reason
    stop = _end_of_row(text, telling) + max_chars // 4
    is_near_end = len(text) - stop <= max_chars // 4
    stop = len(text) if is_near_end else text.rfind(" ", 0, stop)
    mark = " …" if stop < len(text) else ""
    room = max_chars - len(f"{beginning} … {mark}")
    end = text[stop - room : stop].split(" ", 1)[-1].rstrip(" ,;:")
    return f"{beginning} … {end}{mark}"


def _end_of_row(text: str, row: SignalRow) -> int:
    """How far a text must be read to hit a row."""
    ends = [match.start() for match in re.finditer(r" |$", text)]
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if row in services().rows_in(text[: ends[middle]]) else (middle + 1, high)
    return ends[low]


def _error_of_trace(text: str) -> str:
    """What the trace says that stands inside one line, as JSON and logfmt write it; empty when there is none."""
    if not TRACE_SIGN.search(text):
        return ""
    *lines, last = [each.strip(" \t\"',") for each in re.split(LINE_END, text.replace("\\t", " "))]
    lines = [each for each in (*lines, last.rstrip(" \t\"',}]")) if each]
    causes = [each.removeprefix("Caused by: ") for each in lines if each.startswith("Caused by: ")]
    if causes:
        return causes[-1]
    if "Traceback (most recent call last)" in text:
        named = [each for each in lines if _NAMED_ERROR.match(each)]
        return named[-1] if named else ""
    if "goroutine " in text:
        return next((part for each in lines if (part := each.rpartition('":"')[2]).startswith(_GO_ERRORS)), "")
    return next((match[0] for each in lines if (match := _NAMED_ERROR.search(each))), "")


def _undressed(message: str, *, is_bare: bool) -> str:
    """``is_bare``: the line begins without a time, as the last one of a trace does."""
    text = message
    while match := _DRESS.match(text):
        text = text[match.end() :]
    text = text.strip()
    if is_bare and text == message and _NAMED.match(text):
        return text
    if match := _SESSION_OF_POSTGRESQL.match(text):
        return text[match.end() :]
    match = _LOGGER.match(text)
    if match and not re.search(r"(?:Exception|Error)\W*$", match[0]):
        text = text[match.end() :]
    return _UPTIME.sub("", text)
