"""Secrets whose value is known -> every place where they stand, in any form that programs write them in."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping

from FailTaleLibrary.redaction.assignments import names_a_secret
from FailTaleLibrary.redaction.spans import TOKEN, Span, compiled
from FailTaleLibrary.redaction.values import words

SHORTEST = 6
"""Shorter values stand in too many harmless words."""

_PLAIN_WORDS = words(
    """
    password passwd passphrase secret secrets token credentials default optional required enabled
    disabled undefined unknown localhost localhost.localdomain 127.0.0.1 0.0.0.0 administrator postgres
    mariadb rabbitmq gitlab jenkins docker vagrant ubuntu debian centos system service public private
    production staging testing development readonly nobody example anonymous keyring basic bearer string
    boolean integer number
    """
)
_KNOWN = "known value"


def secret_values(named: Mapping[str, str]) -> tuple[str, ...]:
    """Values whose name looks like a secret's and that are no plain words; for environment and Robot variables.

    Paths and addresses are left out: `SSH_AUTH_SOCK` and `TOKEN_URL` name where a secret is, not what.
    """
    return tuple(value for name, value in named.items() if names_a_secret(name) and _is_worth_hunting(value))


class KnownValues:
    """Finds known values in plain, URL-, JSON- and base64-encoded form; the case must be the same."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = frozenset(value for text in values if _is_worth_hunting(value := text.strip()))
        forms = {form for value in self.values for form in _forms(value)}
        # Tokens come first: a value such as "redacted" must not be found inside one.
        parts = [TOKEN.pattern, *(_escaped(form) for form in sorted(forms, key=len, reverse=True))]
        self._pattern = compiled(b"|".join(parts), max_mem=256 << 20) if forms else None

    def with_more(self, values: Iterable[str]) -> KnownValues:
        """The same and more; itself when nothing is new."""
        more = self.values | {value.strip() for value in values}
        found = KnownValues(more)
        return self if found.values == self.values else found

    def spans(self, data: bytes) -> Iterator[Span]:
        """Every occurrence, the longest form first."""
        if self._pattern is None:
            return
        for match in self._pattern.finditer(data):
            start, end = match.span()
            if not (data[start] == ord("[") and TOKEN.fullmatch(data, start, end)):
                yield Span(start, end, _KNOWN)


def _is_worth_hunting(value: str) -> bool:
    value = value.strip()
    if len(value) < SHORTEST or value.lower() in _PLAIN_WORDS or len(set(value)) == 1:
        return False
    return not value.startswith(("/", "./", "~/", "[redacted:"))


def _forms(value: str) -> Iterator[bytes]:
    raw = value.encode("utf-8", "surrogatepass")
    yield raw
    quoted = urllib.parse.quote(raw, safe="")
    for form in (quoted, quoted.replace("%20", "+"), urllib.parse.quote(raw)):
        yield form.encode()
        yield _lower_escapes(form).encode()
    for ascii_only in (True, False):
        inner = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        for form in (inner, inner.replace("/", "\\/"), json.dumps(inner, ensure_ascii=ascii_only)[1:-1]):
            yield form.encode("utf-8", "surrogatepass")
    if "\n" in value:
        yield value.replace("\n", "\r\n").encode("utf-8", "surrogatepass")
    yield from _base64_forms(raw)


def _lower_escapes(quoted: str) -> str:
    """``%2F`` as ``%2f``: both are written."""
    parts = quoted.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def _base64_forms(raw: bytes) -> Iterator[bytes]:
    """What stays the same of ``raw`` inside any longer base64, for each of the three alignments.

    The characters that share bits with a neighbour differ; they are cut off (they tell at most a few bits).
    """
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + raw)
        usable = (lead + len(raw)) * 8 // 6
        inner = encoded[(lead * 8 + 5) // 6 : usable]
        if len(inner) >= SHORTEST:
            yield inner
            yield inner.replace(b"+", b"-").replace(b"/", b"_")


def _escaped(form: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in form)
