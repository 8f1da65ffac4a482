"""Texts that a test used or saw -> what in them names one thing: an order's number, an account, a request.

So is what in a log's line names one thing, for the chain of a failure and for the card. Only the failure of a test asks
for it. A secret is none, because the caller's redaction comes first; neither is a
common word, a version, a time, a port, a status or the name of an encoding. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from FailTaleLibrary.belonging.used_texts import UsedText
from FailTaleLibrary.lazy import regex
from FailTaleLibrary.records import (
    Failure,
    Identifier,
    IdentifierKind,
    SafeText,
    SeenIn,
    derived,
    derived_texts,
    our_words,
)

MAX_TEXTS = 400
MAX_TEXT_CHARS = 2000
MAX_CHARS = 60_000
"""Of all texts of one test together."""
MAX_IDENTIFIERS = 64
LONG_NUMBER = 6
"""Digits from which on a number needs nothing beside it to be somebody's."""
SHORT_NUMBER = 4
"""Digits below which a number is one only beside what it numbers: ``order 17``."""
AROUND = 40
"""Characters beside a number that say what it is."""

_MOST_SOUGHT = 12
_SOUGHT = regex(r"[0-9a-z][0-9a-z_.-]{3,63}")
"""What may travel to a host in a list with commas: a word, whatever a shell, awk or a gate takes it for."""
_RANK: tuple[IdentifierKind, ...] = ("trace", "unique", "address", "number", "name")


def identifiers_in(used: Iterable[UsedText], safe: Callable[[str], SafeText]) -> tuple[Identifier, ...]:
    """The identifiers in texts, the surest first, at most `MAX_IDENTIFIERS`; ``safe`` removes secrets.

    The first texts count where there are more than can be read; equal identifiers are those of their first text.
    """
    found: dict[str, Identifier] = {}
    chars = 0
    for number, each in enumerate(used):
        if number >= MAX_TEXTS or chars >= MAX_CHARS:
            break
        text = safe(each.text[:MAX_TEXT_CHARS])
        chars += len(text)
        for identifier in _in_text(text, each):
            found.setdefault(identifier.text.casefold(), identifier)
    by_rank = sorted(found.values(), key=lambda each: _RANK.index(each.kind))
    return tuple(by_rank[:MAX_IDENTIFIERS])


def sought_words(failure: Failure) -> tuple[str, ...]:
    """What names one thing that the test used, in lower case: a line of a log that holds it is worth a look."""
    texts = (each.text.lower() for each in failure.identifiers if each.kind in ("trace", "unique", "number"))
    return tuple(dict.fromkeys(text for text in texts if _SOUGHT.fullmatch(text)))[:_MOST_SOUGHT]


def trace_of_test(trace: int) -> Identifier:
    """The trace of the correlation id that FailTale gave the test, as it stands there."""
    return Identifier(text=derived(trace_digits, trace), kind="trace", seen_in="correlation id")


def trace_digits(trace: float) -> str:
    """32 hexadecimal digits."""
    return f"{int(trace):032x}"


# --- One text ---------------------------------------------------------------------------------------------------------

_NAMED_VALUE = regex(r"[$@&]?\{?(?P<name>[A-Za-z_][\w .-]{0,40}?)\}? ?= ?['\"]?(?P<value>[^'\"].*?)['\"]?$", re.S)
"""``${order} = 4711``, as Robot logs what a keyword returned; ``order=4711``, as an argument or a parameter is told."""
_AUTHORITY = regex(r"(?<=://)[^/\s'\"?#]+")
"""A URL's host, port and user: where it went, not what it was about."""
_PARTS = regex(
    r"(?<![0-9A-Za-z])00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(?![0-9A-Za-z])"
    r"|(?P<token>\[(?:mail|user):\d+\])"  # of an address or a user that redaction has replaced
    r"|(?P<mail>[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,6})"
    r"|(?P<uuid>(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z]))"
    r"|(?P<time>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?\S*)?|\d\d:\d\d:\d\d\S*)"
    r"|(?P<word>[A-Za-z0-9]+(?:[-_#][A-Za-z0-9]+)*)"
)
_HEX = regex(r"(?=.*[0-9])(?=.*[a-f])[0-9a-f]{8,}", re.IGNORECASE)
_MIXED = regex(r"(?=.*[0-9])(?=.*[A-Za-z])[0-9A-Za-z]{16,}")
_WORD = regex(r"[A-Za-z][\w.-]{2,39}")
_SEPARATORS = regex(r"[-_#]")
_EPOCH = regex(r"1[5-9]\d{8}(?:\d{3}|\d{6}|\d{9})?|20[0-4]\d[01]\d[0-3]\d")
_YEAR = regex(r"(?:19|20)\d\d")
_QUANTITY = regex(
    r"[.,]\d|:\d\d|%| ?(?:[kKMGT]i?B|bytes?|[mun]?s|secs?|seconds?|minutes?|hours?|days?|lines?|rows?|times|px)\b"
)
"""What follows a number that counts or measures."""
_PLACE = regex(r"[.,]$|[\w\]]:$|\w\[$|[-+]$")
"""What precedes a number that is a port, a line, a process or a part of another number."""
_LABEL = regex(
    r"(?P<label>[A-Za-z]+(?:[_ ][A-Za-z]+)?)[\"'\]]?\s{0,2}"
    r"(?:[=:#/]|(?:no|nr|num)\.?|(?:with )?id|is)?\s{0,2}[\"'#(\[]?$"
)
_NAME_WORDS = regex(r"[A-Z]?[a-z]+|[A-Z]+")


def _in_text(text: SafeText, used: UsedText) -> Iterator[Identifier]:
    if not text or text.startswith("[withheld"):
        return
    named = _NAMED_VALUE.fullmatch(text.strip())
    value = derived(_bare_value, text)
    label = _noun_of(named["name"]) if named else _noun_of(used.keyword)
    is_whole = used.seen_in in ("argument", "value")
    if is_whole and named and (made := _whole_value(value, label, used.seen_in, is_named=True)):
        yield made
        return
    if is_whole and not named and (made := _whole_value(value, label, used.seen_in, is_named=False)):
        yield made
        return
    yield from _parts_of(derived(_without_authorities, text), used.seen_in)


def _bare_value(text: str) -> str:
    named = _NAMED_VALUE.fullmatch(text.strip())
    return named["value"] if named else text.strip()


def _without_authorities(text: str) -> str:
    return _AUTHORITY.sub(" ", text)


def _whole_value(value: SafeText, label: str, seen_in: SeenIn, *, is_named: bool) -> Identifier | None:
    """A value that is one number or one name, said by what it was given as."""
    if value.isascii() and value.isdigit():
        is_somebodys = label in _NOUNS or (label not in _NO_NOUNS and (is_named or not _is_common_number(value)))
        wanted = len(value) >= SHORT_NUMBER or label in _NOUNS
        if is_somebodys and wanted and not _EPOCH.fullmatch(value) and (label in _NOUNS or not _is_round(value)):
            return _identifier(value, "number", label, seen_in)
        return None
    if label in _PERSONS and _WORD.fullmatch(value) and value.casefold() not in _COMMON:
        return _identifier(value, "name", label, seen_in)
    return None


def _parts_of(text: SafeText, seen_in: SeenIn) -> Iterator[Identifier]:
    for match in _PARTS.finditer(text):
        kind = _kind_of_part(match, text)
        if kind is not None:
            place = match.span("trace") if match["trace"] else match.span()
            label = _label_of(text[max(0, place[0] - AROUND) : place[0]]) if kind == "number" else ""
            yield _identifier(derived(_part, text, *place), kind, label, seen_in)


def _kind_of_part(match: re.Match[str], text: str) -> IdentifierKind | None:
    if match["trace"] or match["uuid"]:
        return "unique"
    if match["mail"] or match["token"]:
        return "address"
    word = match["word"]
    if not word or not any(char.isdigit() for char in word):
        return None
    if word.isdigit():
        return _kind_of_number(word, match.start(), match.end(), text)
    parts = _SEPARATORS.split(word)
    if any(part.casefold().rstrip("0123456789") in _NO_PREFIXES for part in parts):
        return None
    if len(parts) == 1:
        return _kind_of_token(word)
    is_somebodys = _noun_of(parts[0]) in _NOUNS or any(_HEX.fullmatch(part) for part in parts)
    return "number" if is_somebodys or sum(map(str.isdigit, word)) >= 3 else None


def _kind_of_token(word: str) -> IdentifierKind | None:
    """Of a word of letters and digits."""
    if _HEX.fullmatch(word):
        return "unique" if len(word) >= 12 else "number"
    if _MIXED.fullmatch(word):
        return "unique"
    return "number" if sum(map(str.isdigit, word)) >= 4 else None


def _kind_of_number(word: str, start: int, end: int, text: str) -> IdentifierKind | None:
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    if _PLACE.search(before) or _QUANTITY.match(after) or _EPOCH.fullmatch(word):
        return None
    label = _label_of(before)
    if label in _NO_NOUNS:
        return None
    if label in _NOUNS or (before.endswith("/") and len(word) >= SHORT_NUMBER):
        return "number"
    return "number" if len(word) >= LONG_NUMBER and not _is_round(word) else None


def _label_of(before: str) -> str:
    """What the text before a number says that it is a number of."""
    match = _LABEL.search(before[-AROUND:])
    return _noun_of(match["label"]) if match else ""


def _noun_of(name: str) -> str:
    """``Create Order``, ``order_id``, ``orderId``, ``orders`` -> ``order``: what a name speaks of, in the singular."""
    words = [word.casefold() for word in _NAME_WORDS.findall(name)]
    words = [word for word in words if word not in _FILLERS] or words
    singular = [word[:-1] if word.endswith("s") and word[:-1] in _NOUNS else word for word in words]
    return next((word for word in reversed(singular) if word in _NOUNS), singular[-1] if singular else "")


def _is_round(number: str) -> bool:
    return number.endswith("00") or bool(_YEAR.fullmatch(number))


def _is_common_number(number: str) -> bool:
    return len(number) < SHORT_NUMBER or number in _PORTS


def _part(text: str, start: float, end: float) -> str:
    return text[int(start) : int(end)]


def _identifier(text: SafeText, kind: IdentifierKind, label: str, seen_in: SeenIn) -> Identifier:
    return Identifier(text=text, kind=kind, label=_NOUNS.get(label, our_words("")), seen_in=seen_in)


# --- One line of a log ------------------------------------------------------------------------------------------------


def is_named(identifier: Identifier, before: str, after: str) -> bool:
    """Whether a line means the identifier by its text, and not another number or word that happens to be equal.

    ``before`` and ``after`` are what the line has there, at least `AROUND` characters where there are so many.
    """
    if _JOINED_BEFORE.search(before) or _JOINED_AFTER.match(after):
        return False
    if identifier.kind == "name":
        return bool(_BESIDE_NAME.search(before)) or _label_of(before) in _PERSONS
    if identifier.kind != "number" or not identifier.text.isdigit():
        return True
    if _PLACE.search(before) or _QUANTITY.match(after):
        return False
    label = _label_of(before)
    if len(identifier.text) < SHORT_NUMBER:
        return bool(label) and label == identifier.label
    return label not in _NO_NOUNS or len(identifier.text) >= LONG_NUMBER


def requests_in(line: str) -> Iterator[str]:
    """What names a request in a line of a log: a trace, a request's id."""
    for match in _REQUEST.finditer(line):
        yield match["id"] or match["bracketed"]


_JOINED_BEFORE = regex(r"[0-9A-Za-z]$")
_JOINED_AFTER = regex(r"[0-9A-Za-z]")
_BESIDE_NAME = regex(r"(?:['\"=:]|[=:] )$")
_REQUEST = regex(
    r"(?i)(?:\b|_)(?:x-)?(?:req(?:uest)?|trace|correlation|transaction|tx|span|operation)"
    r"[-_ ]?(?:id)?[\"']?\s?[=:#]?\s?[\"'\[(]?"
    r"(?P<id>(?=[0-9a-z-]*\d)[0-9a-z][0-9a-z-]{3,63})(?![0-9a-z])"
    r"|[\[(](?P<bracketed>(?=[0-9a-f-]*\d)[0-9a-f]{6,}(?:-[0-9a-f]{4,})*)[\])]"
)


# --- Words ------------------------------------------------------------------------------------------------------------


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PERSONS = derived_texts(
    str.split,
    our_words(
        """
        account client customer driver employee guest login member merchant owner partner patient player principal
        seller student subscriber supplier tenant user username vendor
        """
    ),
)
_THINGS = derived_texts(
    str.split,
    our_words(
        """
        article asset basket batch bid bill booking build call campaign card cart case claim contract course delivery
        device document event file id invoice issue item job meter mission order package parcel payment plan policy
        product project record request req reservation return sensor serial session shipment site sku station store
        subscription task ticket trace train transaction transfer trip txn upload vehicle voucher wallet
        warehouse workflow
        """
    ),
)
_NOUNS = {str(noun): noun for noun in (*_PERSONS, *_THINGS)}
"""What has numbers of its own in the systems that are tested."""
_FILLERS = _words_of("id ids no nr num number name key ref reference code the a an new my this of for with")
_NO_NOUNS = _words_of(
    """
    amount and are at attempt attempts bytes column count delay depth duration elapsed error errors exit expected got
    height http index interval latency length level limit line max maximum min minimum offset page pages pid port
    position price priority quantity rate ratio repeat retries retry returned returns rows seconds sec size sleep speed
    status step steps temperature threads timeout total version wait weight width within year
    """
)
_NO_PREFIXES = _words_of(
    """
    aes alpha amd arm base beta binary centos chrome code cp cpython cve debian ecdsa ed en err errno error es exec
    exit firefox hs http https ipv iso java jdk jre latin line linux main md ms nio ora pid pool port py pytest python
    rc rfc rhel rs rsa safari sha sqlstate ssl status tcp test thread tls ubuntu udp utf v ver version webkit win
    windows worker x
    """
)
"""Of codes, versions, encodings, threads: ``utf-16``, ``ORA-00942``, ``http-nio-8080-exec-3``."""
_COMMON = _words_of(
    """
    admin administrator all and any anonymous chrome customer default delete demo email enabled error false firefox
    get guest head html info json locked login main name new nobody none null off okay open options order password
    patch post production put root staging system tenant test tester true user username utf-8 xml yes
    """
)
_PORTS = _words_of(
    """
    1433 1521 1883 2181 3000 3306 5000 5044 5432 5601 5672 6379 8000 8080 8081 8443 8888 9000 9090 9092 9200 9300
    10000 11211 15672 27017
    """
)


# --- One line of a log ------------------------------------------------------------------------------------------------

_MAX_LINE_CHARS = 4000
_KEYS = (
    r"req(?:uest)?[-_ ]?(?:id)?|trace[-_ ]?(?:id)?|x-request-id|correlation[-_ ]?(?:id)?|cid|rid|uuid|guid"
    r"|msg[-_ ]?id|session[-_ ]?(?:id)?|transaction(?:[-_ ]?id)?|txn?(?:[-_ ]?id)?|order(?:[-_ ]?(?:id|no))?"
    r"|job(?:[-_ ]?id)?"
)
_KEYED = regex(rf"\b(?:{_KEYS})[\"']?[ ]?[=:][ ]?[\"']?(?=[\w-]*\d)([\w-]{{4,64}})", re.IGNORECASE)
_BARE = regex(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)(?:[0-9a-f]{32}|[0-9a-f]{16}|[0-9a-f]{8})\b",
    re.IGNORECASE,
)
_LIKELY = regex(r"(?<![\w-])(?=[\w-]*\d)[A-Za-z0-9][\w-]{6,63}(?![\w-])")
_UNLIKELY = regex(r"\d{1,4}[-:.\d]*$|\d{4}-\d\d-\d\d|\d+(?:ms|kB|MB|GB|s)$")
"""A date, a clock, a duration or a size."""


def identifiers_of_line(text: str) -> dict[str, str]:
    """What surely names one thing -> as it stands in the line, with its key: two lines that share it are linked.

    Of requests, traces, sessions, orders and jobs that the line calls so, and random names that nothing else can be.
    """
    text = text[:_MAX_LINE_CHARS]
    found: dict[str, str] = {}
    for match in _KEYED.finditer(text):
        found.setdefault(match[1].casefold(), match[0].replace('"', "").replace("'", ""))
    for match in _BARE.finditer(text):
        found.setdefault(match[0].casefold(), match[0])
    return found


def likely_identifiers(text: str) -> Iterator[str]:
    """What may name one thing, as it stands in a line's message: worth a reader's eye where it stands on two hosts."""
    text = text[:_MAX_LINE_CHARS]
    yield from (match[1] for match in _KEYED.finditer(text))
    yield from (match[0] for match in _LIKELY.finditer(text) if not _UNLIKELY.match(match[0]))
