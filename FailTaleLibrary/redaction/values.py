"""What stands after a key: where the value begins and ends, and whether it can be a secret at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.redaction.spans import only_tokens

_OPENING = regex(
    rb"(?:&\w+[ \t]+|!!?[\w:/.-]*[ \t]+)?"
    rb"(?:[bBuUrRfF]{1,2}(?=[\"']))?(?:[A-Za-z]{2,20}\((?=\\*[\"']))?"
    rb"(\\*)(\"\"\"|'''|[\"'`]|&quot;|&#3[49];|u0022)"
)
_NESTED = regex(rb"\[[ \t]*(?=\S)|\{[ \t]*(?:\\*\"(?:value|plain|text|\$|#text)\\*\"[ \t]*:[ \t]*)?(?=\\*[\"'])")
_IS_KEY = regex(rb"\\*[\"'`][ \t]*:")
# An unquoted value ends at a blank, or where a separator is followed by what begins the next thing.
_UNQUOTED_END = regex(
    rb"[ \t\r\n]"
    rb"|[,;&|](?=$|[\s,;&|\"'\\{}\[\]]|[\w.%-]{1,60}[=:])"
    rb"|%26(?=[\w.-]{1,60}%3[dD])"
    rb"|&(?:quot|#3[49]|gt|lt|amp);|u0022"
    rb"|\\+(?:[\"'`]|[nrt](?![\w])|[nrt](?=[\w.-]{1,40}[=:]))"
    rb"|[\"'`](?=$|[\s,;:)}\]<>/])"
    rb"|</|/>"
)
_YAML_MARK = regex(rb"(?:&\w+|!![\w:/.-]+)[ \t]+(?=\S)")
"""An anchor or a tag ahead of a value."""
_CLOSERS = {ord(")"): b"(", ord("]"): b"[", ord("}"): b"{", ord(">"): b"<"}

_NO_VALUE = regex(
    r"""(?ix)
    [*\u2022.x#_-]+ | x{3,} | <[^<>]*> | \[[^\]]*\] | \{[^}]*\} | \(.*  # masks
    | \\?\$[{(].* | \\?\$[a-z_][a-z0-9_]* | \$[0-9@*#?!] | \{\{.* | %[sdrvq] | %[({].* | %[a-z_]+%
    | @[a-z_]+@ | :[a-z_]+ | \?  # variables and places for them
    | ![a-z]+.* | [|>][-+]? | ~  # YAML: a tag, a block, nothing
    | \\+ | (?:VALUE_SPECIFIED_IN_)?NO_LOG(?:_PARAMETER)?
    | (?:null|none|nil|undefined|true|false|yes|no|on|off|n/?a|nan|missing|empty|unset|set|not
      |hidden|masked|redacted|removed|omitted|filtered|sensitive|protected|encrypted|prompt|ask|stdin|env|file|vault|keyring)[.!,;:)]*
    """
)
_PROSE = regex(
    r"""(?ix)
    (?:bad|required|optional|mandatory|present|absent|valid|invalid|incorrect|wrong|expired|expires|ok|okay|failed|failure|fail
      |error|success|succeeded|changed|change|updated|accepted|rejected|denied|provided|supplied
      |unknown|mismatch|matched|matches|enabled|disabled|generated|created|deleted|revoked|refreshed|rotated
      |loaded|found|received|ignored|using|used|authentication|string|str|bytes|integer|int|number|varchar|text|object|array
      |boolean|bool|any|must|should|cannot|could|is|was|the|a|an|for|from|to|in|and|or|of
      |bearer|basic|digest|negotiate|default|pam|ldap|plain|login|md5|trust|peer|scram-sha-256|type|name|value|eof|new|await
      |lambda|return|if|else|self|this|input|getpass|here|again|twice)[.!,;:)]*
    """
)
_CALL = regex(
    r"[A-Za-z_][\w.]*\(.*|(?:self|cls|args|config|settings|cfg|conf|os|options|opts|this|ctx|request|req|env|process"
    r"|params|kwargs|credentials|creds|data|app|secrets|Config|Settings)\.[A-Za-z_][\w.]*(?:[,)]*|\[.*)"
    r"|[a-z_]\w*(?:\.[a-z_]\w*)*\.[A-Z][A-Za-z_]+|\$\w+(?:[/:.].*)"
)
_PATH = regex(
    r"(?:file:/*|~/|\.{1,2}/|/(?:etc|var|run|home|root|usr|opt|tmp|srv|mnt|dev|proc|secrets?|data|app|config|vault|certs?|keys?|lib)"
    r"(?:/|$)|[A-Za-z]:\\).*|/(?:[a-z_.-]+/)+[a-z_.-]+"
)
_UUID = regex(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST_NAME = regex(
    r"(?i)(?:sha-?(?:1|224|256|384|512)|md5|sha3-\d+|blake2\w*)[:-].*|SHA\d+:.*|\w*SHA\d*with\w+|[\w-]*HMAC-SHA\d+"
)
_KEBAB = regex(r"[a-z][a-z0-9]*([-_./:@][a-z0-9]+)+|S-1-[0-9-]+|[a-z]+")
_WORD = regex(r"[A-Z]?[a-z]+")
_TIME = regex(r"\d{4}-\d\d-\d\d.*|\d\d?:\d\d.*|\d+(?:\.\d+)*(?:ms|s|m|h|d|kb|mb|%)?|\d+(?:\.\d+){3}(?::\d+)?")


def value_span(data: bytes, start: int, end: int) -> tuple[int, int, bool] | None:
    """Where the value after a separator stands, at most up to ``end`` of the line; and whether it is quoted."""
    opening = _OPENING.match(data, start, end)
    nested = None if opening else _NESTED.match(data, start, end)
    if nested and not only_tokens(data[start:end][:80].split()[0]):
        opening = _OPENING.match(data, nested.end(), end)
        if opening is None and data[start] == ord("{"):
            return None  # an object of its own keys
    if opening:
        first = opening.end()
        last = _closing(data, first, end, quote=opening[2], depth=len(opening[1]))
        if data[start] == ord("{") and _IS_KEY.match(data, last, end) and not (nested and len(nested[0].strip()) > 1):
            return None  # an object again, whose first key this is
        return first, last, True
    if marked := _YAML_MARK.match(data, start, end):
        start = marked.end()
    last = _unquoted_end(data, start, end)
    return (start, last, False) if last > start else None


def _closing(data: bytes, start: int, end: int, *, quote: bytes, depth: int) -> int:
    """Where the same quote stands again, no deeper escaped than it opened; the line's end when it never does."""
    at = data.find(quote, start, end)
    while at >= 0:
        escapes = at
        while escapes > start and data[escapes - 1] == ord("\\"):
            escapes -= 1
        if at - escapes <= depth or (depth == 0 and (at - escapes) % 2 == 0):
            return at - min(at - escapes, depth)
        at = data.find(quote, at + len(quote), end)
    return end


def _unquoted_end(data: bytes, start: int, end: int) -> int:
    found = _UNQUOTED_END.search(data, start, end)
    last = found.start() if found else end
    while last > start and data[last - 1] in b",;)]}>\"'":
        opener = _CLOSERS.get(data[last - 1])
        if opener and opener in data[start : last - 1]:
            break
        last -= 1
    return last


def is_empty_or_masked(value: str) -> bool:
    """Whether the value says that there is none, hides or refers to it, or is a word that speaks of one."""
    return is_nothing(value) or _PROSE.fullmatch(value) is not None


def is_nothing(value: str) -> bool:
    """The same without the words that speak of a value: where one is written down, ``rotated`` is a password."""
    return not any(map(str.isalnum, value[:200])) or _NO_VALUE.fullmatch(value) is not None


def is_reference(value: str) -> bool:
    """Whether the value is an expression of a program or a path, not a literal."""
    return _CALL.fullmatch(value) is not None or _PATH.fullmatch(value) is not None


def looks_random(value: str) -> bool:
    """Whether the value has the look of a made-up word: letters with digits, or long with both cases."""
    if len(value) < 8 or " " in value or _KEBAB.fullmatch(value) or _UUID.fullmatch(value):
        return False
    if _DIGEST_NAME.fullmatch(value) or _TIME.fullmatch(value) or _is_compound(value):
        return False
    has_digit = any(char.isdigit() for char in value)
    return (has_digit and any(char.isalpha() for char in value)) or (len(value) >= 20 and value.lower() != value)


def _is_compound(value: str) -> bool:
    """Whether a value is a name of several words: ``v0-rust-test-workspace-Linux-x64-6e6e4aa5`` of a cache."""
    pieces = re.split(r"[-_.]", value)
    return len(pieces) >= 4 and 2 * sum(bool(_WORD.fullmatch(piece)) for piece in pieces) > len(pieces)


def looks_made_up(value: str) -> bool:
    """Whether a single word of prose can be a password: a digit or a symbol among letters, or mixed case inside."""
    if _TIME.fullmatch(value) or _DIGEST_NAME.fullmatch(value) or _UUID.fullmatch(value) or is_reference(value):
        return False
    core = value.strip(".,:;!?()[]\"'")
    has_letter = any(char.isalpha() for char in core)
    if len(core) < 5 or not has_letter:
        return False
    return (
        any(char.isdigit() for char in core)
        or bool(re.search(r"[!#$%^&*+=~?@]", core))
        or bool(re.search(r"[a-z][A-Z]", core) and "(" not in core)
    )


def is_number(value: str) -> bool:
    """Whether the value is a bare number, a time, a date or an address."""
    return _TIME.fullmatch(value) is not None


def is_value(value: str) -> bool:
    """Whether the value is a literal that says something."""
    return not is_empty_or_masked(value) and not is_reference(value)


def is_random(value: str) -> bool:
    """Whether the value is a literal and looks random."""
    return is_value(value) and looks_random(value)


def is_made_up(value: str) -> bool:
    """Whether the value is a literal and looks made up."""
    return is_value(value) and looks_made_up(value)


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set to look up in."""
    return frozenset(text.split())


# --- What a row of a rule may ask of its value -----------------------------------------------------------------------

Validator = Callable[[str, str], bool]
"""Whether a value is a secret; the second text is what the group ``name`` matched, empty without one."""


def _of_value(check: Callable[[str], bool]) -> Validator:
    return lambda value, _: check(value)


def _in_header(value: str) -> bool:
    """A token, and no parameter such as ``realm=…``."""
    return (is_value(value) and "=" not in value.rstrip("=")[:12]) or looks_random(value)


def _long_or_made_up(value: str) -> bool:
    return is_value(value) and (len(value) >= 12 or is_made_up(value))


def _made_up_or_long(value: str) -> bool:
    return is_value(value) and (looks_made_up(value) or (len(value) >= 12 and not value.isalpha()))


def _made_up_with_digit(value: str) -> bool:
    with_digit = len(value) >= 6 and any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return is_made_up(value) and (with_digit or looks_random(value))


def _random_in_url(value: str) -> bool:
    return is_value(value) and (looks_random(value) or looks_random(value.replace("%", "")))


def _written(value: str) -> bool:
    """A literal of a statement, which may be any word."""
    return not is_nothing(value) and not is_reference(value)


def _made_up_or_number(value: str) -> bool:
    return looks_made_up(value) or value.replace("-", "").replace(" ", "").isdigit()


def _mixed(value: str) -> bool:
    """A literal with digits, capitals and small letters: no name of a thing looks like it."""
    return is_random(value) and any(map(str.isdigit, value)) and value.lower() != value and value.upper() != value


def _random_pieces(value: str) -> bool:
    return any(map(looks_random, value.split()))


def _random_with_digit(value: str) -> bool:
    return is_random(value) and any(map(str.isdigit, value))


_LEAST_CHANGES = 0.4
"""Of a random word of digits, capitals and small letters nearly two in three characters are of another kind than the
last; of words written together, ``HttpClient``, fewer."""
_MOST_BEGINNINGS = 0.75
"""Of the capitals of a random word few are followed by a small letter; of words written together nearly all are."""


def _scrambled(value: str) -> bool:
    """Whether the last piece of a value was made by chance: of digits, capitals and small letters in no order."""
    piece = re.split("[_-]", value)[-1]
    kinds = [1 if char.isdigit() else 2 if char.isupper() else 3 for char in piece]
    pairs = list(pairwise(kinds))
    if set(kinds) != {1, 2, 3} or sum(here != then for here, then in pairs) < _LEAST_CHANGES * len(pairs):
        return False
    capitals = [then for here, then in pairs if here == 2]
    return capitals.count(3) < _MOST_BEGINNINGS * len(capitals)


_OPENS_A_SESSION = regex(
    r"(?i)sess|sid|auth|token|jwt|login|remember|secret|passw|csrf|xsrf|user|ticket|credential|key"
)
_COOKIE_ATTRIBUTE = regex(r"(?i)path|domain|expires|max-age|samesite|priority|version|comment")


def _opens_a_session(value: str, cookie: str) -> bool:
    """Whether a cookie's value opens a session; attributes and plain settings do not."""
    if _COOKIE_ATTRIBUTE.fullmatch(cookie) or is_empty_or_masked(value):
        return False
    return looks_random(value) or len(value) >= 16 or (len(value) >= 4 and bool(_OPENS_A_SESSION.search(cookie)))


VALIDATORS: Mapping[str, Validator] = {
    "any": _of_value(bool),
    "literal": _of_value(is_value),
    "random": _of_value(is_random),
    "made_up": _of_value(is_made_up),
    "header_value": _of_value(_in_header),
    "long_or_made_up": _of_value(_long_or_made_up),
    "made_up_or_long": _of_value(_made_up_or_long),
    "made_up_with_digit": _of_value(_made_up_with_digit),
    "random_in_url": _of_value(_random_in_url),
    "made_up_or_number": _of_value(_made_up_or_number),
    "mixed": _of_value(_mixed),
    "random_pieces": _of_value(_random_pieces),
    "written": _of_value(_written),
    "random_with_digit": _of_value(_random_with_digit),
    "scrambled": _of_value(_scrambled),
    "opens_a_session": _opens_a_session,
}
"""By the names that rows use."""
