"""A sentence of a model and what the model saw -> what the sentence names though nothing that was shown holds it.

Numbers and dates may be written as people write them (`quantities`); names of machines, files and addresses must stand
as they are; a noun that is neither in the evidence nor among the words with which anybody explains a failure
(`vocabulary.yaml`, `concepts.yaml`) is somebody or something that the model made up where it is a name or did
something, and elsewhere a word that makes the sentence doubtful.
"""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Iterable, Iterator
from functools import cache, cached_property

from FailTaleLibrary.hints.concepts import concepts
from FailTaleLibrary.hints.quantities import Number, Quantities, dates_of, numbers_of
from FailTaleLibrary.hints.words import ordinary_stems, stem, stems_of, words_of_kind
from FailTaleLibrary.lazy import dataclass, replace
from FailTaleLibrary.text import shorten

_SHOWN_CHARS = 40
"""Of what was not found."""


def _not_found(kind: str, words: str) -> str:
    return f"{kind} '{shorten(words, _SHOWN_CHARS)}', which stands nowhere in the evidence"


_QUOTE_NOT_FOUND = "a quote that stands nowhere in the evidence"
"""Whatever a model put between quotes: the card would say it after all."""


def _comparable(text: str) -> str:
    return " ".join(text.casefold().replace("\N{MINUS SIGN}", "-").split())


# --- Codes ---

_SIGNALS = {int(each): each.name for each in signal.Signals}
_SIGNAL = re.compile(
    r"\bsig([a-z]{3,6})\b|\bsignal (\d{1,2})\b|\b(?:status|code|exit\w*)\D{0,9}(1[2-5]\d)\b", re.IGNORECASE
)
_ERRNO = re.compile(r"\berrno (\d{1,3})\b|\((\d{1,3}): |\b(E[A-Z]{3,12})\b", re.IGNORECASE)
_SHELL_ADDS = 128
"""To a signal, in the exit status of what it ended."""


def _codes_by_other_names(facts: str) -> str:
    """The signals and errors of the facts by number and by name: SIGKILL is 9, and 137 is its exit status."""
    found: list[str] = []
    for name, number, status in _SIGNAL.findall(facts):
        value = int(number or 0) or (int(status) - _SHELL_ADDS if status else 0)
        for each, known in _SIGNALS.items():
            if each == value or known == f"SIG{name.upper()}":
                found.append(f"{known} signal {each} status {each + _SHELL_ADDS}")
    for number, message, name in _ERRNO.findall(facts):
        for each, known in errno.errorcode.items():
            if str(each) in (number, message) or known == name.upper():
                found.append(f"{known} errno {each}")
    return "\n".join(dict.fromkeys(found))


# --- What the evidence names ------------------------------------------------------------------------------------------


class Named:
    """All that one prompt's facts name, so that the sentences of an answer can be held against it."""

    def __init__(self, facts: str, *, offsets_s: tuple[float, ...] = ()) -> None:
        """``offsets_s``: the times of the lines, from which a reader can tell how far apart they are."""
        self._facts = facts
        told = f"{facts}\n{_codes_by_other_names(facts)}"
        self._text = _comparable(told)
        self._quantities = Quantities(told, offsets_s=offsets_s)

    @cached_property
    def _bare(self) -> str:
        """Without quotes and brackets: ``'shop'@'10.0.0.21'`` is shop@10.0.0.21."""
        return re.sub(r"['\"`\[\](){}]", "", self._text)

    @cached_property
    def _loose(self) -> str:
        return _loosened(self._text)

    @cached_property
    def _dates(self) -> tuple[tuple[int | None, int, int], ...]:
        return tuple((date.year, date.month, date.day) for date, _ in dates_of(self._facts))

    @cached_property
    def stems(self) -> frozenset[str]:
        return stems_of(self._facts)

    # --- Held against it ---

    def invention(self, sentence: str) -> str | None:
        """What of a sentence stands nowhere, in a few words; None when there is no such thing."""
        return (
            self._invented_quote(sentence)
            or self._invented_number(sentence)
            or next((why for word in _identifiers(sentence) if (why := self._invented_identifier(word))), None)
            or self._invented_entity(sentence)
            or self._invented_noun(sentence)
        )

    def strange_words(self, sentence: str) -> tuple[str, ...]:
        """Plain words that stand nowhere, where there are more of them than an explanation needs, or one is a picture.

        They name nobody and invent no act, so that they make a sentence doubtful and not wrong.
        """
        unknown = self._unknown_words(sentence)
        pictures = [word for word in unknown if word.is_doer and word.looks_like_noun]
        return tuple(word.text for word in (unknown if len(unknown) > _MOST_STRANGE else pictures))

    def invents_only_a_word(self, sentence: str) -> bool:
        """Whether all that stands nowhere is a plain word, which may as well be a name of what stands there."""
        return (self.invention(sentence) or "").startswith("the word ")

    def _invented_quote(self, sentence: str) -> str | None:
        for quote in _QUOTED.finditer(sentence):
            words = next(group for group in quote.groups() if group is not None)
            parts = [part for part in re.split(r"\.\.\.|…", words) if part.strip(" .,")]
            if len(words.split()) == 1 and stem(words.strip(" .,")) in _stems_that_tell_none():
                continue  # a word that is only meant so
            if any(_loosened(_comparable(part)).strip(" .,") not in self._loose for part in parts):
                return _QUOTE_NOT_FOUND
        return None

    def _invented_number(self, sentence: str) -> str | None:
        rest = sentence
        for date, (start, end) in dates_of(sentence):
            known = any(
                (date.year is None or year is None or year == date.year) and (month, day) == (date.month, date.day)
                for year, month, day in self._dates
            )
            if not known and not self._holds(sentence[start:end].casefold()):
                return _not_found("the date", sentence[start:end])
            rest = rest[:start] + " " * (end - start) + rest[end:]
        for match in _CLOCK.finditer(rest):
            if not self._quantities.bear_clock(match[1]):
                return _not_found("the time", match[0])
        for match in _STATUS.finditer(rest):
            if not re.search(rf"(?:\b(?:{_STATUS_WORDS})\D{{0,9}}|[=:] ?){match[1]}(?!\d)", self._text):
                return _not_found("the status", match[1])
        for match in _PLACE.finditer(rest):
            if not self._has_place(*match.groups()):
                return _not_found(f"the {match[1]}", match[2])
        rest = _NO_NUMBER.sub(lambda match: " " * len(match[0]), rest)
        rest = _PORT.sub(lambda match: " " * len(match[0]) if self._ends_a_name(match[0]) else match[0], rest)
        numbers = [(number, span) for number, span in numbers_of(rest)]
        for number, (start, end) in numbers:
            if _is_inside_word(rest, start, end) or any(
                self._quantities.bear(each) for each in _with_unit_of_others(number, [other for other, _ in numbers])
            ):
                continue
            if re.fullmatch(r"\d\d+|\d+(?:\.\d+)+", number.text) and self._is_version(number.text):
                continue
            if number.text.isdigit() and self._is_number_of(rest[:start], number.text):
                continue
            if not self._quantities.bear(number) and (number.meanings or not self._holds(number.text.casefold())):
                return _not_found("the number", number.text)
        return None

    def _has_place(self, what: str, number: str) -> bool:
        """Whether a number may be that of a line or column: not where the evidence says that it is one of the other."""
        told = re.findall(rf"(?:\b([a-z]+)[ =:]+)?(?<![\w.]){number}(?!\w|\.\d)", self._text)
        return not told or any(_AXES.get(word) in (None, _AXES[what.casefold()]) for word in told)

    def _ends_a_name(self, port: str) -> bool:
        """Whether a number of several parts is the end of a name: "port 1/0/14" of ``GigabitEthernet1/0/14``."""
        return re.search(rf"(?<![\d/.]){re.escape(port)}(?![\d/])", self._text) is not None

    def _is_number_of(self, before: str, digits: str) -> bool:
        """Whether a name of the evidence is written apart: "line 4" for line4, "OSD number 7" for osd.7, v3 in full."""
        thing = _NUMBERED.search(before)
        said = thing[1].casefold() if thing else ""
        word = "(?:version|ver|v)" if said == "version" else re.escape(said)
        name = rf"(?<![^\W\d_]){word}[\W_]?{digits}(?![\d]|\.\d)" if thing else "(?!)"
        return re.search(name, self._text) is not None

    def _is_version(self, number: str) -> bool:
        """Whether a name ends with it, as TLSv1.2 does, or a longer version begins with it, as 17.0.2 does with 17."""
        ends = "." in number and re.search(rf"[a-z]v?{re.escape(number)}(?![\w.]*\d)", self._text) is not None
        rest = r"\.\d" if "." in number else r"\.\d+\.\d"
        return ends or re.search(rf"(?<![\d.]){re.escape(number)}{rest}(?!\d*\.\d+\.\d)", self._text) is not None

    def _invented_identifier(self, token: str) -> str | None:
        word = _comparable(token).removesuffix("'s").removesuffix("\N{RIGHT SINGLE QUOTATION MARK}s")
        if word in _ORDINARY_SHORT or self._holds(word) or self._holds_in_parts(word) or self._is_product(word):
            return None
        if self._is_short_for_name(word) or self._is_version_in_full(word) or self._ends_a_path(word):
            return None
        return _not_found("the path" if "/" in word else "the name", token)

    def _is_short_for_name(self, word: str) -> bool:
        """Whether a longer name has its parts in their order, whatever stands between them, from its first one on.

        So are ``AES_CBC_128`` AES-128, ``gc_grace_seconds`` gc_grace and ``g729`` G.729.
        """
        parts = _NAME_PARTS.findall(word)
        if len(parts) < _LEAST_PARTS or not parts[0].isalpha() or _LEADS_SOMEWHERE.search(word):
            return False
        return any(_are_in_order(parts, theirs) for theirs in self._names_by_start.get(parts[0], ()))

    @cached_property
    def _names_by_start(self) -> dict[str, list[list[str]]]:
        """The names of the evidence in parts, each from every one of its words on."""
        found: dict[str, list[list[str]]] = {}
        for name in set(_PARTED.findall(self._text)):
            parts = _NAME_PARTS.findall(name)
            for place, part in enumerate(parts):
                found.setdefault(part, []).append(parts[place:])
        return found

    def _ends_a_path(self, word: str) -> bool:
        """Whether it is the end of a longer path: ``/manuals/lamp.txt`` of ``/srv/www/manuals/lamp.txt``."""
        if _END_OF_PATH.fullmatch(word) is None:
            return False
        return re.search(rf"(?<=\w){re.escape(word)}(?![\w/-]|\.\w)", self._text) is not None

    def _is_version_in_full(self, word: str) -> bool:
        """Whether a version written short stands in full: v31 for "version 31"."""
        short = re.fullmatch(r"(?:v|rev?)(\d+(?:\.\d+)*)", word)
        return (
            short is not None
            and re.search(
                rf"\b(?:version|revision|ver|rev|schema)[ =:._-]{{1,2}}{re.escape(short[1])}(?![\w.]*\d)", self._text
            )
            is not None
        )

    def _is_product(self, word: str) -> bool:
        """Whether it is the name of a program of which the evidence tells by another word, as Node.js is."""
        return any(
            each.is_product and each.said.fullmatch(word) and each.is_borne_by(self._text) for each in concepts()
        )

    def _holds_in_parts(self, word: str) -> bool:
        """Words that only a slash or a hyphen joins ("api1/web1"), or a machine and its port from two places."""
        if word.startswith(("/", "~", ".")) or word.count("/") > 3:
            return False
        if "." in word and "/" not in word and not any(char.isdigit() for char in word):
            return all(part and self._holds(part) for part in word.split("."))  # a table and its column
        parts = [part for part in re.split(r"[/:=]|(?<=[a-z])-(?=[a-z])", word) if part]
        return len(parts) > 1 and all(self._holds(part) or (part.isalpha() and self._is_known(part)) for part in parts)

    def _holds(self, word: str) -> bool:
        """Whether the facts hold the word as a whole one."""
        if not word:
            return True
        start = r"(?<![\w.])" if word[0].isdigit() else r"(?<!\w)"
        whole = re.compile(rf"(?:{start}|(?<=[^\W_]_)){re.escape(word)}(?!\w|\.\d)")
        return whole.search(self._text) is not None or whole.search(self._bare) is not None

    # --- Nouns ---

    def _is_known(self, word: str) -> bool:
        if self._is_joined(word.casefold()):
            return True
        if "-" in word:
            return all(part.casefold() in _PREFIXES or self._is_known(part) for part in word.split("-") if part)
        if word.casefold() in self._text or self._is_initials(word) or self._is_fuller_name(word):
            return True
        found = stem(word)
        if not _DOER.fullmatch(word.casefold()) and (found in self.stems or found in ordinary_stems()):
            return True
        if word.casefold() in _ordinary_words():
            return True
        return any(
            concept.said.fullmatch(word.casefold())
            or (word.isupper() and concept.shown.fullmatch(word.casefold()) and concept.is_borne_by(self._text))
            for concept in concepts()
        )

    def _invented_entity(self, sentence: str) -> str | None:
        """A name behind the word that says what it is the name of, though it looks like a verb or an adverb."""
        for match in _ENTITY.finditer(sentence):
            word = match[1].casefold()
            is_form = stem(word) in _stems_of_verbs() or word in _ordinary_words()
            if word not in self._text and stem(word) not in self.stems and not is_form:
                return _not_found("the word", match[1])
        return None

    def _is_fuller_name(self, word: str) -> bool:
        """Whether a name as CouchDB or OpenLDAP is made of a word of the evidence: of ``couch.log``, of ``ldap1``."""
        parts = re.findall(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}", word) if re.search(r"[a-z][A-Z]", word) else []
        return any(len(part) > 3 and re.search(rf"\b{part.casefold()}", self._text) for part in parts)

    def _is_joined(self, word: str) -> bool:
        """Whether it is two words in one, of which the evidence has one and everybody knows the other: lockfile."""
        cuts = range(_LEAST_JOINED, len(word) - _LEAST_JOINED + 1) if word.isalpha() else ()
        return any(
            (one in self._words and other in _ordinary_words()) or (other in self._words and one in _ordinary_words())
            for one, other in ((word[:cut], word[cut:]) for cut in cuts)
        )

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(re.findall(r"[a-z]+", self._text))

    def _is_initials(self, word: str) -> bool:
        """Whether a word like RLS is made of the first letters of words that stand together."""
        return word.isupper() and 2 <= len(word) <= 5 and word.casefold() in self._initials

    @cached_property
    def _initials(self) -> str:
        return "".join(word[0] for word in re.findall(r"[a-z]+", self._text))

    def _invented_noun(self, sentence: str) -> str | None:
        words = _words_in_place(sentence)
        said = said_spans(sentence)
        unknown = self._unknown_words(sentence)
        if len(words) >= _LEAST_WORDS and len(unknown) > len(words) * _MOST_UNKNOWN and not _is_english(sentence):
            return "words that the checks cannot read"
        for word in words:
            if word.names_agent and not word.is_within(said) and not self._may_name_agent(word.text):
                return _not_found("the word", word.text)
        for word in unknown:
            if word.looks_like_noun and word.may_name_somebody and not self._tells_of_facts(word.phrase):
                return _not_found("the word", word.text)
        return None

    def _unknown_words(self, sentence: str) -> list[_Word]:
        said = said_spans(sentence)
        return [
            word for word in _words_in_place(sentence) if not self._is_known(word.text) and not word.is_within(said)
        ]

    def _may_name_agent(self, word: str) -> bool:
        """Whether a word may stand before "service" or "cluster": what tells which one must be in the evidence."""
        if stem(word) in self.stems or word.casefold() in self._text:
            return True
        if word.casefold().endswith("ing"):
            return word.casefold() in words_of_kind("states")
        return stem(word) in _stems_that_tell_none()

    def _tells_of_facts(self, phrase: str) -> bool:
        """Whether a phrase holds a word of the evidence that not every report of a failure has."""
        idle = _stems_of_everybody() | _stems_of_verbs()
        return any(each in self.stems and each not in idle for each in stems_of(phrase))


_DOER = re.compile(
    r"[a-z]{4,}(?:at|it|ct|[^aeiou]{2}|[aeiou][bcdfgklmnprstvz])or|"
    r"[a-z]{3,}(?:ck|nn|tt|pp|ch|sh|ng|iz|is|if|pl|dl|ll|rm|rv|rk|ap|ow)er"
)
"""Somebody or something that does what the word says: no form of the verb."""


@cache
def _ordinary_words() -> frozenset[str]:
    kinds = ("function", "verbs", "adjectives", "nouns", "trade", "agents", "before an agent", "states")
    return frozenset(word for kind in kinds for word in words_of_kind(kind))


@cache
def _stems_of_everybody() -> frozenset[str]:
    return frozenset(stem(word) for kind in ("function", "trade", "agents") for word in words_of_kind(kind))


@cache
def _stems_that_tell_none() -> frozenset[str]:
    """Of words that do not tell which service it is: "the whole cluster", "a failing host"."""
    kinds = ("function", "adjectives", "verbs", "before an agent")
    return frozenset(stem(word) for kind in kinds for word in words_of_kind(kind))


_PREFIXES = frozenset(
    {"anti", "ex", "half", "mid", "multi", "non", "over", "post", "pre", "re", "self", "semi", "sub", "un"}
)
_LEAST_WORDS = 4
_MOST_UNKNOWN = 0.45
"""Of a sentence's words; with more it is another language, in which nothing can be checked."""
_MOST_STRANGE = 3
"""Words that are new; one more makes a sentence doubtful."""
_LEAST_GRAMMAR = 0.25
"""Of the words of an English sentence: those of its grammar."""


def _is_english(sentence: str) -> bool:
    words = [match[0].casefold() for match in _WORD.finditer(sentence)]
    grammar = sum(_CONTRACTION.sub("", word) in words_of_kind("function") for word in words)
    return grammar >= len(words) * _LEAST_GRAMMAR


# --- Quotes, numbers, identifiers -------------------------------------------------------------------------------------

_QUOTED = re.compile(r"(?<!\w)(?:\"([^\"]+)\"|'([^']+)'|“([^”]+)”|‘([^’]+)’)(?!\w)")  # noqa: RUF001
_CLOCK = re.compile(r"(?<![\w:.])(\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?)(?![\w:])")
_STATUS_WORDS = r"status|code|exit\w*|returned|errno|result|err\b|error|\brc\b|signal"
_STATUS = re.compile(r"\b(?:exit )?(?:status|code)(?: of| was|:)? (\d{1,2})(?!\d|\.\d)", re.IGNORECASE)
"""A small number, which stands in many lines, means what it is said to be the number of."""
_TOKEN = re.compile(r"[^\s,!?()\"“”‘’\[\]]+")  # noqa: RUF001
_AROUND = ".:;'=-–—>"  # noqa: RUF001
_ORDINARY_SHORT = frozenset({
    "e.g", "i.e", "and/or", "i/o", "n/a", "a.m", "p.m", "client/server", "read/write", "vs", "u.s", "tcp/ip", "ssl/tls",
    "tls/ssl", "up/down", "input/output", "on/off", "yes/no", "he/she", "w/o", "24/7",
    "bit/s", "kbit/s", "mbit/s", "gbit/s", "b/s", "kb/s", "mb/s", "gb/s", "req/s", "requests/s", "rows/s", "msgs/s",
})  # fmt: skip
_NUMBERED = re.compile(r"([^\W\d_]{2,})(?:'s)?(?: (?:number|no\.|nr\.))? $", re.IGNORECASE)
"""What a number behind it is the number of."""
_PORT = re.compile(r"(?<![\w/.:-])\d+(?:/\d+){2,}(?![\w/:-]|\.\d)")
_ALONG, _DOWN = ("byte", "char", "character", "col", "column", "offset", "pos", "position"), ("line", "row")
_AXES = {**dict.fromkeys(_ALONG, "along"), **dict.fromkeys(_DOWN, "down")}
_PLACE = re.compile(rf"\b({'|'.join(_AXES)}) (\d+)(?![\w.]*\d)", re.IGNORECASE)
"""Of a text: in which line, or how far along one."""
_NO_NUMBER = re.compile(
    r"\b(?:ipv[46]|utf-?(?:8|16)|x\.?509|http/[123](?:\.\d)?|[45]xx|64-bit|32-bit|base64|s3|k8s)\b", re.IGNORECASE
)
"""Words with digits in them that count nothing."""


def _with_unit_of_others(number: Number, others: Iterable[Number]) -> Iterator[Number]:
    """A bare number as one of the unit that another one of the sentence has: "250 kbit/s instead of 500"."""
    if not number.meanings:
        meanings = {other.meanings for other in others if other.meanings and not other.is_scaled}
        yield from (replace(number, meanings=each) for each in meanings)


def _loosened(text: str) -> str:
    """Hyphens, underscores and quotes do not make another quote."""
    return " ".join(re.sub(r"[-_'\"`]", " ", text).split())


def _is_inside_word(text: str, start: int, end: int) -> bool:
    """Whether a number is a part of a name or an address, which is looked at as a whole."""
    token = next((match for match in _TOKEN.finditer(text) if match.start() <= start < match.end()), None)
    if token is None:
        return False
    before, behind = text[token.start() : start].strip("~≈+-–−→>x'\"=:"), text[end : token.end()]  # noqa: RUF001
    if re.fullmatch(r"(?:->|→)?[\d.,]*[a-zA-Z%]{0,3}(?:->|→)", before):
        before = ""
    if behind.startswith(("-", "\N{EN DASH}", "→", "/")) and not before:
        return "/" in behind and not re.fullmatch(r"(?:/\d+)+\W*", behind)
    return bool(re.search(r"\w", before) or re.match(r"[.:@_]?\w", behind))


def _identifiers(sentence: str) -> Iterator[str]:
    """Names of machines, files and addresses, in contrast to the words of a language and to mere numbers."""
    for match in _TOKEN.finditer(sentence):
        for part in re.split(r"->|→", match[0]):
            word = part.lstrip(_AROUND).rstrip(f"{_AROUND}/")
            if word and not _is_mere_number(word) and _is_identifier(word) and not _NO_NUMBER.fullmatch(word):
                yield word


_PARTED = re.compile(r"[a-z\d]+(?:[_.-][a-z\d]+)+|[a-z]+\d[a-z\d]*", re.IGNORECASE)
"""A name of several parts."""
_NAME_PARTS = re.compile(r"[a-z]+|\d+", re.IGNORECASE)
_LEAST_PARTS = 2
_LEAST_JOINED = 4
"""Letters of each of two words that are written as one."""
_MOST_BETWEEN = 2
_LEADS_SOMEWHERE = re.compile(r"[/@:\\]|\.[a-z]")
"""An address or a path, which must stand as it is."""

_END_OF_PATH = re.compile(r"(?:/[\w.-]*\w){2,}")
"""Of several parts: a single one ends paths that mean something else."""


def _are_in_order(parts: list[str], theirs: list[str]) -> bool:
    """Whether parts of a name stand in another one in their order, with few between them."""
    rest = iter(theirs[: len(parts) + _MOST_BETWEEN])
    return all(part in rest for part in parts)


_MERE_NUMBER = re.compile(
    r"[~≈+-]?x?\d[\d.,:'/]*\+?(?:[a-zµμ%°]{0,3}|[kmgt]i?b|s|th|st|nd|rd)?(?:-[a-z]+)*(?:[-/]\d[\d.,:]*)*|x\d+",
    re.IGNORECASE,
)
_VERSION = re.compile(r"\d+(?:\.\d+){2,}")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


def _is_mere_number(word: str) -> bool:
    if _ADDRESS.match(word) or _VERSION.fullmatch(word) or word.count(":") >= 3:
        return False
    return _MERE_NUMBER.fullmatch(word) is not None


def _is_identifier(word: str) -> bool:
    return any(char.isdigit() for char in word) or any(mark in word.strip(".") for mark in "./\\_@:=")


# --- Words and their places -------------------------------------------------------------------------------------------

_WORD = re.compile(r"(?<![\w./@:=\\-])[^\W\d_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}-][^\W\d_]+)*(?![\w@\\=]|[./:-]\w)")
_CONTRACTION = re.compile(r"n?['\N{RIGHT SINGLE QUOTATION MARK}](?:t|s|re|ve|ll|d|m)?$", re.IGNORECASE)
_BREAK = re.compile(r"[,;:.()]")
_NO_NOUN = re.compile(
    r"(?!(?:week|month|year|dai|hour)ly$).+(?:ed|ing|ly|ous|ful|less|able|ible|ive|ical|ically|ward|wise)$"
)
_AGENT = re.compile(rf" (?:{'|'.join(sorted(words_of_kind('agents')))})s?\b", re.IGNORECASE)
_DOERS = re.compile(
    r"(?:^|\b(?:by|due to|because of|owing to|thanks to|from)) *(?:(?:a|an|the|some|its|their|his|our|another) )*$",
    re.IGNORECASE,
)
_OWNED = re.compile(r"(?<!\bout)(?<!\bfull)(?<!\bshort)(?<!\black)(?<!\bfree)(?<!\binstead) of $")
_ABSTRACT = re.compile(r".+(?:tion|sion|ness|ment|ity|ance|ence|ism|ship|cy|age|head|room)s?$")
"""Nouns of a state, as nobody is called: "of starvation"."""
_BEHIND = re.compile(
    r"\b(?:from *|(?:by|due to|because of|owing to|thanks to) *(?:(?:a|an|the|some|its|their) )*)$", re.IGNORECASE
)
_ENTITY = re.compile(
    r"\b(?:user|role|account|database|table|column|bucket|topic|queue|group|host|machine|cluster|namespace|deployment|schema)"
    r" ['\"]?([a-z]{3,}(?:ing|ly))['\"]?"
    r"(?=[.,;:)]|$| (?:is|was|has|had|does|did|cannot|could|on|in|from|of|at|by|to|with|for|that|which|and|or|because|"
    r"so)\b)",
    re.IGNORECASE,
)
_MODIFIED = re.compile(r" (?:\w*[_\d./]\w+|[a-z]*[A-Z]\w+)")
_NO_ACT = frozenset(
    {
        "went",
        "goes",
        "came",
        "comes",
        "stood",
        "stands",
        "hung",
        "hangs",
        "fell",
        "falls",
        "stays",
        "stayed",
        "remained",
        "sit",
        "sits",
        "sat",
        "smell",
        "smells",
        "look",
        "looks",
        "lie",
        "lies",
        "seem",
        "seems",
    }
)
"""Verbs of a place or an impression."""


@dataclass(frozen=True, slots=True)
class _Word:
    """A word that says something, with its place in the sentence."""

    text: str
    start: int
    phrase: str
    """The words around it that name one thing together."""
    names_agent: bool
    """A word like "service" or "cluster" follows, whose name it may be."""
    is_doer: bool
    """It, or the phrase, is what a clause says to have done something."""
    does_something: bool
    """It is the doer of an act that follows, or stands behind "by"; the rest is a picture or a summary."""
    is_owner: bool
    """It stands bare behind "database of", as the name of somebody does."""
    is_modifier: bool
    """Another noun or a name follows it, which is what the phrase is about."""
    is_first: bool

    def is_within(self, spans: tuple[tuple[int, int], ...]) -> bool:
        return any(start <= self.start and self.start + len(self.text) <= end for start, end in spans)

    @property
    def looks_like_noun(self) -> bool:
        return _NO_NOUN.fullmatch(self.text.casefold()) is None

    @property
    def may_name_somebody(self) -> bool:
        """A plain word before another noun only describes it, as "mandatory" does."""
        return self.is_name or self.is_owner or (self.does_something and (not self.is_modifier or self.is_capital))

    @property
    def is_capital(self) -> bool:
        return self.text[:1].isupper()

    @property
    def is_name(self) -> bool:
        """Written like a name where no sentence begins."""
        return self.text[:1].isupper() and not self.is_first


def _words_in_place(sentence: str) -> tuple[_Word, ...]:
    """The words that say something. A phrase goes from one word of grammar, verb or mark to the next."""
    found: list[_Word] = []
    matches = list(_WORD.finditer(sentence))
    for place, match in enumerate(matches):
        text = _CONTRACTION.sub("", match[0])
        if len(text) < 3 or text.casefold() in words_of_kind("function"):
            continue
        first, last = _phrase_around(matches, place, sentence)
        phrase = sentence[matches[first].start() : matches[last].end()]
        lead = _BREAK.split(sentence[: matches[first].start()])[-1]
        lead = re.sub(
            r"^.*\b(?:and|or|but|so|because|since|when|after|while|where|that|which|as)\b",
            "",
            lead,
            flags=re.IGNORECASE,
        )
        found.append(
            _Word(
                text=text,
                start=match.start(),
                phrase=phrase,
                names_agent=_AGENT.match(sentence, match.end()) is not None,
                is_doer=_DOERS.search(lead.strip() + " " if lead.strip() else "") is not None,
                does_something=_does_something(lead, sentence[matches[last].end() :], phrase),
                is_owner=_OWNED.search(sentence[: match.start()]) is not None
                and not _ABSTRACT.fullmatch(text.casefold()),
                is_modifier=_MODIFIED.match(sentence, match.end()) is not None
                or (place < last and _may_be_noun(matches[place + 1][0])),
                is_first=place == 0,
            )
        )
    return tuple(found)


def _does_something(lead: str, rest: str, phrase: str) -> bool:
    """Whether a phrase is told to have done, or been, what the sentence is about: a verb must follow it.

    "A gremlin on api1 killed it" does; "a hiccup on api1: it failed" and "a symptom of the skew" do not.
    """
    if _BEHIND.search(lead.strip() + " " if lead.strip() else ""):
        return True
    if _DOERS.search(lead.strip() + " " if lead.strip() else "") is None:
        return False
    if rest.startswith((" like ", " of ")) or (_BREAK.split(lead)[-1].strip() and _IS_SOMETHING.match(rest)):
        return False
    verbs = _stems_of_verbs()
    words = [word.casefold() for word in _WORD.findall(f"{phrase}{_BREAK.split(rest)[0]}")]
    if _IS_SOMEWHERE.match(rest):
        return False
    return any(
        (stem(word) in verbs or word in _BEING or word.endswith("ed")) and word not in _NO_ACT
        for word in words[1:_NEAR]
    )


_IS_SOMETHING = re.compile(
    r" (?:is|was|are|were) (?:that|an?|the|its|their|this|most|probably|likely)\b", re.IGNORECASE
)
_IS_SOMEWHERE = re.compile(
    r" (?:is|was|are|were) (?:\w+ly |only |still |already |just )?"
    r"(?:\d+|one|two|three|four|five|six|ten|away|near|far|here|there|"
    r"in|at|behind|beyond)\b",
    re.IGNORECASE,
)
"""Says what something is, as "the culprit is a query" does, and no act of it."""
_NEAR = 8
_BEING = frozenset({"is", "was", "are", "were", "has", "had", "does", "did", "cannot"})


def _may_be_noun(word: str) -> bool:
    return word.casefold() in words_of_kind("nouns") or stem(word) not in _stems_of_verbs()


@cache
def _stems_of_verbs() -> frozenset[str]:
    return frozenset(stem(word) for word in words_of_kind("verbs"))


def _phrase_around(matches: list[re.Match[str]], place: int, sentence: str) -> tuple[int, int]:
    """First and last of the neighbouring words that stand with one in a phrase."""
    first = last = place
    while first > 0 and _is_together(matches[first - 1], matches[first], sentence, inner=matches[first - 1][0]):
        first -= 1
    while last + 1 < len(matches) and _is_together(
        matches[last], matches[last + 1], sentence, inner=matches[last + 1][0]
    ):
        last += 1
    return first, last


def _is_together(one: re.Match[str], other: re.Match[str], sentence: str, *, inner: str) -> bool:
    between = sentence[one.end() : other.start()]
    word = _CONTRACTION.sub("", inner).casefold()
    grammar = words_of_kind("function") | words_of_kind("before a noun") | words_of_kind("before a verb")
    return not _BREAK.search(between) and word not in grammar and not word.endswith("ed")


def said_spans(sentence: str) -> tuple[tuple[int, int], ...]:
    """Where a sentence states an idea of `concepts`, which are held against the lines by themselves."""
    folded = sentence.casefold()
    return tuple(match.span() for concept in concepts() for match in concept.said.finditer(folded))
