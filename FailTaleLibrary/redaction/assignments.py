"""key=value, ``key: value``, JSON, escaped JSON, dict, YAML, INI, XML attributes -> the values that are secrets.

A key is judged by its words: the last one must be a secret's (`db_password`), so that keys that describe one
(`password_file`, `tokenTimeout`) are left alone. A value is judged by its look: masks, references and prose stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from FailTaleLibrary.lazy import regex
from FailTaleLibrary.redaction.spans import Match, Pattern, Span, compiled, only_tokens
from FailTaleLibrary.redaction.values import (
    is_empty_or_masked,
    is_nothing,
    is_number,
    is_reference,
    looks_made_up,
    looks_random,
    value_span,
    words,
)

STEMS = "pass|pwd|pw|secret|token|key|cred|auth|cookie|sess|sid|signature|sig|bearer|jwt|otp|pin|psk|kennwort"
"""What a secret's key holds at least one of."""
KEYWORDS = (r"(?:" + STEMS + r")[a-z0-9_.$-]*(?:\\*(?:[\"'`]|&quot;|&#3[49];|u0022))?\]?[ \t]{0,20}(?:=|:|%3d|%3a)",)
"""RE2, without regard to case: a line that holds none of them holds no assignment."""

_ASSIGNMENT = (
    r"(?i)((?:(?:api|access|secret|private|auth|encryption|account|shared|signing|master|client|session) )?"
    r"[a-z0-9_.$@-]{0,80}?(?:" + STEMS + r")[a-z0-9_.$-]{0,60})"
    r"(?:\\*(?:[\"'`]|&quot;|&#3[49];|u0022))?\]?(?::\d{1,2})?[ \t]{0,20}(=>|:=|===?|=|:|%3d|%3a)[ \t]{0,20}"
)

_IN_ARN = regex(rb"\barn:[a-z-]{1,20}:[a-z0-9-]{0,40}:[a-z0-9-]{0,40}:\d{0,12}:$")
"""Ahead of the kind and name of a resource of a cloud, which may be ``secret:orders``."""
_LONGEST_ARN = 140
_KUBERNETES_NAME = regex(r"[a-z]+(?:[/.-][a-z]+)+(?:-[0-9]{1,2})?")
_NEXT_KEY = regex(r"[a-z][a-z_-]*=")
_CODE_BETWEEN_QUOTES = regex(r" +[+>|&.,%]|[),;] ?[\w.]*[=()]|[),;]+$|, \w+$")
"""What stands between two literals of a program: ``print("token=" + repr(token))``."""
_SUBSCRIPT = regex(r"[A-Za-z_][\w.]*\[")
_ERROR_NAME = regex(r"(?:[A-Za-z_]+\.)*[A-Z][A-Za-z]*(?:Error|Exception|Failure|Timeout|Warning):")
"""What a program's log names after a path that ends like a secret's key: ``GET /session: redis.ResponseError: …``."""
_TYPE_NAME = regex(r"(?:[A-Z][a-z]+)*(?:Secret|Token|Password|Credential|Key|Session)(?:[A-Z][a-z]*)*")
_HEX_NUMBER = regex(r"0x[0-9A-Fa-f]{1,8}[),:;]*")
_CAMEL = regex(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_STRONG_ENDS = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "apikey",
    "pwd",
    "passwort",
    "kennwort",
)
_STRONG = words(
    """
    pass pw psk bindpw rootpw adminpw userpw dbpw pgpass requirepass masterauth passwords privatekey
    secretkey accesskey authkey accountkey sharedkey sharedaccesskey encryptionkey signingkey masterkey
    sharedaccesssignature presharedkey wpapsk snmpcommunity authtok psksecret keystring
    """
)
_WEAK = words(
    """
    auth session sessionid jsessionid phpsessid sessid sid cookie cookies credential credentials cred
    creds signature sig bearer jwt otp pin tokens secrets authorization csrftoken xsrftoken sessionkey
    passkey authcode
    """
)
_NOT_PASS = ("bypass", "compass", "trespass", "overpass", "underpass", "surpass", "encompass", "pass-through")
_KEY_OWNERS = words(
    """
    api access secret private encryption encrypt decryption signing sign master shared account storage
    auth license client service app application ssh deploy webhook consumer hmac jwt cipher aes session
    cookie subscription admin preshared psk data server crypto token rsa
    """
)
# What may follow the secret's word without making the key a description.
_TAILS = words(
    """
    value val plain plaintext raw text new old current confirm confirmation again repeat verify base b
    base64 encoded enc str prod production dev staging stage test qa main master primary secondary backup
    default hash sha md hex digest crypt v protected
    """
)


# What makes a key that holds a secret's word one that only tells of it.
_DESCRIBES = words(
    """
    file files path dir directory folder name names id ids uuid url uri endpoint host port type kind class
    count length len size limit max min age ttl timeout expiry expires expiration expired date time at
    policy rule rules hint hints field column label title text message error errors status state reset
    manager store vault provider service client server handler factory encoder validator generator
    ref refs reference key keys arn version algorithm method mode scheme format prefix suffix strength score
    enabled required used valid invalid changed requests request response rate bucket index lock owner
    issuer audience scope scopes realm group role user username email cost salt rounds env var variable
    authentication auth login input output command prompt check test tests case spec page view form controller
    """
)


def words_of(key: str) -> list[str]:
    """``dbPassword``, ``DB_PASSWORD``, ``db.password`` -> ``['db', 'password']``."""
    return [word.lower() for word in _CAMEL.findall(key)]


@lru_cache(maxsize=4096)
def strength(key: str) -> int:
    """2: whatever stands there is a secret; 1: only what looks random; 0: no secret's key."""
    if key.lower().endswith(("set-cookie", "cookie2")) or key.lower() == "cookie":
        return 0  # a header of its own grammar: see cookies
    parts = words_of(key)
    while len(parts) > 1 and (parts[-1] in _TAILS or parts[-1].isdigit()):
        parts.pop()
    if not parts:
        return 0
    last = parts[-1]
    before = parts[-2] if len(parts) > 1 else ""
    if last in _STRONG or last.endswith(_STRONG_ENDS) or (last == "word" and before == "pass"):
        return 2
    if last.endswith("pass") and last not in _NOT_PASS and not last.endswith("compass"):
        return 2
    if last in ("key", "keys") and before in _KEY_OWNERS:
        return 2
    if last in ("phrase", "code") and before in ("pass", "auth"):
        return 2 if before == "pass" else 1
    if last in ("id", "key") and before in ("session", "sess"):
        return 1
    if last in _WEAK or (last == "key" and key.isupper() and len(parts) > 1):
        return 1
    return 1 if _STRONG.intersection(parts[:-1]) and last not in _DESCRIBES and not last.isdigit() else 0


def names_a_secret(key: str) -> bool:
    """Whether a variable of this name holds a secret."""
    parts = words_of(key)
    return strength(key) == 2 or (len(parts) > 0 and parts[-1] in _WEAK - {"sid", "session"})


@cache
def _assignment() -> Pattern:
    return compiled(_ASSIGNMENT.encode())


def spans(data: bytes, start: int, end: int) -> Iterator[Span]:
    """The secrets that are assigned within one line (or piece of it)."""
    at = start
    pattern = _assignment()
    while match := pattern.search(data, at, end):
        found = _judged_value(data, match, end)
        if found:
            yield found
        at = max(found.end if found else match.end(), at + 1)


def _judged_value(data: bytes, match: Match, end: int) -> Span | None:
    begin = match.start(1)
    if data[max(0, begin - 11) : begin].lower() == b"unexpected ":  # of a parser
        return None
    if data.endswith(b"[redacted:", 0, begin) or _IN_ARN.search(data[max(0, begin - _LONGEST_ARN) : begin]):
        return None
    key = match.group(1).decode("latin-1")
    how = strength(key)
    place = value_span(data, match.end(), end) if how else None
    if place is None or only_tokens(data[place[0] : place[1]]):
        return None
    first, last, quoted = place
    value = data[first:last].decode("utf-8", "replace")
    separator = match.group(2).decode("latin-1")
    is_set = key.isupper() and (separator == "=" or "_" in key)  # DB_PASSWORD=rotated: an environment
    if is_nothing(value) or (is_empty_or_masked(value) and not is_set):
        return None
    if not _is_secret(key, how, separator, value, quoted=quoted):
        return None
    if is_number(value) and data[last : last + 6] == b" bytes":  # kubectl describe secret
        return None
    if not quoted and data[last : last + 3] in (b" = ", b" ==", b" !="):  # user = passwd = account
        return None
    if _is_prose(data[last:end], separator, value, quoted=quoted):
        return None
    return Span(first, last, _class_of(key))


def _is_secret(key: str, how: int, separator: str, value: str, *, quoted: bool) -> bool:
    last = words_of(key)[-1]
    if value.isupper() and "_" in value and strength(value) == 2 and not any(map(str.isdigit, value)):
        return False  # server-password: GITHUB_TOKEN names a variable
    if not quoted and "_" in value and value.isidentifier() and value.islower() and strength(value) == 2:
        return False  # password == expected_password does as well
    if is_reference(value) and not (quoted and "(" in value):
        return False
    if not quoted and separator == ":" and _ERROR_NAME.fullmatch(value):
        return False
    if how == 1:
        return looks_random(value) or (last in ("pin", "otp") and value.isdigit() and len(value) >= 4)
    if len(value) == 1 or (quoted and _CODE_BETWEEN_QUOTES.match(value)):
        return False
    if not quoted and (_SUBSCRIPT.match(value) or _HEX_NUMBER.fullmatch(value)):
        return False
    if value.islower() and value.endswith((f"-{last}", f"_{last}")):  # "userauth-gssapi-token"
        return False
    if not quoted and separator == ":" and _TYPE_NAME.fullmatch(value):
        return False
    if not quoted and last.endswith("token") and value.isalpha() and value.islower() and not key.isupper():
        return False  # token = nextchar
    if not quoted and _NEXT_KEY.fullmatch(value):
        return False  # http-passwd= http-user=
    if not quoted and value.rstrip(":").lower() in (key.lower(), last):  # password=password in a line of source code
        return False
    if last.endswith(("token", "key", "secret")) and is_number(value) and len(value) < 8:
        return False
    if last == "secret" and _KUBERNETES_NAME.fullmatch(value):
        return False
    if (
        last == "pass"
        and not quoted
        and (
            value.isdigit()
            or (separator == ":" and (key == "PASS" or not (_is_of_environment(key) or looks_random(value))))
        )
    ):
        return False
    if last == "pwd" and value.startswith(("/", "~")):
        return False
    return not (separator == ":" and not quoted and value.startswith(":"))


def _is_of_environment(key: str) -> bool:
    """``SMTP_PASS``, and not ``PASS: test_login``."""
    return key.isupper() and "_" in key


def _is_prose(rest: bytes, separator: str, value: str, *, quoted: bool) -> bool:
    """Whether ``password: changed for bob`` rather than ``password: tr0mbone``: a plain word, and more words follow."""
    if quoted or separator != ":" or looks_made_up(value) or is_number(value):
        return False
    following = rest.lstrip(b" \t")
    return following != rest and bool(re.match(rb"[A-Za-z(]+(?![\w.-]*[=:])", following))


def _class_of(key: str) -> str:
    last = words_of(key)[-1]
    if last in ("key", "keys") or last.endswith("key"):
        return "key"
    if last.endswith(("token", "tokens", "jwt", "bearer")):
        return "token"
    if last.endswith(("secret", "secrets")):
        return "secret"
    if last in ("session", "sessionid", "sid", "cookie", "cookies", "id", "jsessionid", "phpsessid"):
        return "cookie"
    return "password" if strength(key) == 2 else "credential"
