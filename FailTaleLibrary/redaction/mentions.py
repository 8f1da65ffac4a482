"""Words that look like passwords in lines that speak of one: ``expected password X but got Y``, ``typed 'X' into pw``.

No separator says where the value stands, so the word alone must say that it is none: letters with many digits or
symbols, as no name of a product, a class, a host or a version has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.redaction.spans import Span, compiled, only_tokens
from FailTaleLibrary.redaction.values import is_value

_NOUNS = (
    r"pass ?words?|passwd|pass ?phrases?|pass ?codes?|pw|pwd|credentials?|secrets?|log(?:ged)? ?in|logon"
    r"|api[ _-]?keys?|tokens?|ass?ertion ?error"
    r"|[kK]ennwort|[pP]asswort|schl\xc3\xbcssel|mot de passe|contrase\xc3\xb1a|senha"
    r"|has\xc5\x82o|wachtwoord|l\xc3\xb6senord"
    r"|parola|heslo|salasana|adgangskode|passord"
    r"|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|\xe5\xaf\x86\xe7\xa0\x81"
    r"|\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8"
)
KEYWORDS = (rf"(?:^|[^a-z\n])(?:{_NOUNS})(?:[^a-z]|$)",)
"""RE2, without regard to case: a line that holds none of them speaks of no password."""

_NOUN = compiled(rf"(?im)(?:^|[^a-z\n])({_NOUNS})(?:[^a-z]|$)".encode())
_SURE = regex(r"(?i)pass|pwd?|credential|secret|kenn|schl|mot|contra|senha|has|wacht|l.+senord|[^\x00-\x7f]")
_WORD = compiled(
    rb"(?m)(?:^|[\s\"'`(\[<:=>\xa0])([A-Za-z0-9!#$%^&*+?@~][A-Za-z0-9!#$%^&*+?@~_-]{6,79}[A-Za-z0-9!#$%^&*+?@~])"
    rb"(?:[\s\"'`)\]>,;:.!]|$)"
)
_OWNER = regex(
    rb"(?i)(?:user|username|usr|account|for|host|hostname|node|pod|server|device|id|uid|uuid|pid|class|method|function|in|at|by|on"
    rb"|via|of|request|commit|version|file|name|realm|serial|job|build|trace|span)[\"' ]*[:=]?[ \t]*[\"'`(\[<]?$"
)
_NEAR = 160
"""Bytes between the word that speaks of a secret and the secret."""
_FINGERPRINT = 43
"""Characters of a public key's, as ssh-keygen tells it: whoever was refused compares it."""


def spans(data: bytes, start: int, end: int) -> Iterator[Span]:
    r"""The words that look like passwords near a word that means one."""
    nouns = [(match.start(1), match.end(1)) for match in _NOUN.finditer(data, start, end)]
    if not nouns:
        return
    at, number = start, 0
    while match := _WORD.search(data, at, end):
        first, last = match.span(1)
        at = last
        while number + 1 < len(nouns) and nouns[number + 1][1] <= first:
            number += 1
        near = nouns[max(0, number) : number + 2]
        if not any(-_NEAR < first - noun[1] < _NEAR for noun in near):
            continue
        word = data[first:last].decode("latin-1")
        sure = any(_SURE.search(data[slice(*noun)].decode("latin-1")) for noun in near)
        quoted = data[first - 1 : first] in (b"'", b'"', b"`")
        if _OWNER.search(data[max(start, first - 24) : first]) or only_tokens(data[first:last]):
            continue
        if last - first == _FINGERPRINT and data[max(start, first - 7) : first] == b"SHA256:":
            continue
        if _looks_like_one(word, quoted=quoted, sure=sure):
            yield Span(first, last, "password")


_HEX = regex(r"(?i)[0-9a-f-]+|0x[0-9a-f]+")
_NUMBERED_NAME = regex(r"[a-z]+[-_]?[0-9]+|[A-Za-z]+[0-9]{1,2}|[A-Z0-9_-]+|(?:[A-Z][a-z]+)+[0-9]{0,2}(?:[A-Z][a-z]+)*")
_TERM = regex(
    r"(?i)(?:sha|md|aes|rsa|utf|iso|rfc|cve|tls|ssl|http|oauth|base|x|ssh|win|jdk|java|python|php|scram)[-_]?[0-9].*"
)


def _looks_like_one(word: str, *, quoted: bool, sure: bool) -> bool:
    r"""Whether a word can hardly be anything else than made up."""
    if _HEX.fullmatch(word) or _TERM.fullmatch(word) or "%" in word[:1] or not is_value(word):
        return False
    digits = sum(map(str.isdigit, word))
    symbols = sum(char in "!#$%^&*+?@~" for char in word)
    letters = sum(map(str.isalpha, word))
    if not letters or (word.count("@") == 1 and symbols == 1):
        return False
    if symbols and digits and letters >= 3:
        return sure
    if _NUMBERED_NAME.fullmatch(word) or ("-" in word and word.lower() == word):
        return quoted and sure and digits >= 2 and letters >= 4 and "-" not in word and "_" not in word
    mixed = word.lower() != word and word.upper() != word and digits >= 1
    if not sure:
        return mixed and len(word) >= 10 and digits >= 3
    return mixed and (digits >= 3 or (digits >= 2 and (quoted or bool(re.search(r"[a-z]{5}", word)))))
