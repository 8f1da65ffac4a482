"""Secrets whose value is known -> every place where they stand, in any form that programs write them in."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from FailTaleLibrary.redaction.assignments import names_a_secret
from FailTaleLibrary.redaction.decoding import View, unescaped, unfolded_pieces, views
from FailTaleLibrary.redaction.spans import TOKEN, Pattern, Span, compiled
from FailTaleLibrary.redaction.values import words

SHORTEST = 6
"""Shorter values stand in too many harmless words."""
_BATCH = 200
"""Values in one expression: RE2 searches a larger one slowly, without its automaton."""
SHORTEST_FOLDED = 8
"""The end of one line and the beginning of the next make words by chance, and so do values in another case."""

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
    """Finds known values in the forms that docs/security.md lists, also where line ends cut them."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values = frozenset(value for text in values if _is_worth_hunting(value := text.strip()))
        ordered = sorted(self.values)
        batches = (ordered[at : at + _BATCH] for at in range(0, len(ordered), _BATCH))
        self._patterns = [_patterns_of(batch) for batch in batches]

    def with_more(self, values: Iterable[str]) -> KnownValues:
        """The same and more; itself when nothing is new."""
        more = self.values | {value.strip() for value in values}
        found = KnownValues(more)
        return self if found.values == self.values else found

    def spans(self, data: bytes) -> Iterator[Span]:
        """Every occurrence, the longest form first; of one that is cut by line ends, each piece."""
        if not self._patterns:
            return
        for texts, _ in self._patterns:
            yield from (Span(start, end, _KNOWN) for start, end in _texts(texts, data, 0, len(data)))
        for view in views(data):
            for start, end in self._places(view):
                first, last = view.source(start, end)
                if end - start >= SHORTEST_FOLDED or b"\n" not in data[first:last]:
                    yield from (Span(*piece, _KNOWN) for piece in unfolded_pieces(data, first, last))

    def _places(self, view: View) -> Iterator[tuple[int, int]]:
        for first, last in view.changed(self._reach):
            rows = [match.span() for match in _ROW_OF_NUMBERS.finditer(view.data, first, last)]
            for texts, numbers in self._patterns:
                yield from _texts(texts, view.data, first, last)
                for row in rows:
                    yield from (match.span() for match in numbers.finditer(view.data, *row))

    @cached_property
    def _reach(self) -> int:
        """Bytes of the longest form."""
        return 4 * max(map(len, self.values))


def _texts(pattern: Pattern, data: bytes, first: int, last: int) -> Iterator[tuple[int, int]]:
    for match in pattern.finditer(data, first, last):
        start, end = match.span()
        if not (data[start] == ord("[") and TOKEN.fullmatch(data, start, end)):
            yield start, end


def _patterns_of(values: Sequence[str]) -> tuple[Pattern, Pattern]:
    """For the values as text and as rows of numbers."""
    forms = {form for value in values for form in _forms(value)}
    numbers = {form for value in values for form in _number_forms(value.encode("utf-8", "surrogatepass"))}
    # Tokens come first: a value such as "redacted" must not be found inside one.
    parts = [TOKEN.pattern, *map(re.escape, sorted(forms, key=len, reverse=True))]
    return compiled(b"|".join(parts), max_mem=256 << 20), compiled(b"|".join(sorted(numbers)), max_mem=256 << 20)


def _is_worth_hunting(value: str) -> bool:
    value = value.strip()
    if len(value) < SHORTEST or value.lower() in _PLAIN_WORDS or len(set(value)) == 1:
        return False
    return not value.startswith(("/", "./", "~/", "[redacted:"))


def _forms(value: str) -> Iterator[bytes]:
    """The texts that stand for a value once line ends and escapes are undone."""
    is_word = len(value) < SHORTEST_FOLDED or value.isalpha()  # "Bassoonist" is another than "bassoonist"
    cases = {value} if is_word else {value, value.lower(), value.upper()}
    for each in cases:
        raw = each.encode("utf-8", "surrogatepass")
        yield raw
        yield from unescaped(raw)
        yield each.encode("latin-1", "ignore") if _is_western(each) else raw
        yield from (raw.replace(b" ", blank) for blank in (b"+", b"_"))  # of a form, of a mail's header
    raw = value.encode("utf-8", "surrogatepass")
    if "\n" in value:
        yield raw.replace(b"\n", b"\r\n")
        yield re.sub(rb"\n[ \t]*", b"", raw)
    for text in (raw, value.encode("utf-16-le", "surrogatepass")):
        yield from _base64_forms(text)
        for form in _aligned_forms(text, base64.b32encode, bits=5):
            yield from (form, form.lower())
    for once in _aligned_forms(raw, base64.b64encode, bits=6):
        yield from _base64_forms(once)


def _is_western(value: str) -> bool:
    return not value.isascii() and all(ord(char) < 256 for char in value)


_ROW_OF_NUMBERS = compiled(
    rb"(?:(?:0x|\\x)?[0-9a-fA-F]{2}[ :,._-]{0,2}){5,}(?:0x|\\x)?[0-9a-fA-F]{2}|(?:-?[0-9]{1,3}, ?){5,}-?[0-9]{1,3}"
)
"""Where bytes may be written as numbers; six are the fewest of a value that is hunted."""


def _number_forms(raw: bytes) -> Iterator[bytes]:
    """Expressions for bytes that are written as numbers: ``74 72 6f``, ``0x74, 0x72``, ``[116, 114, 48]``."""
    between = rb"(?:\\x|,? ?0x|, ?|[ :._-])?"
    wide = raw.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")[:-1]
    for text in (raw, wide):
        yield b"(?i:%s)" % between.join(b"%02x" % byte for byte in text)
    signed = (b"%d" % byte if byte < 128 else b"(?:%d|-%d)" % (byte, 256 - byte) for byte in raw)
    yield rb"\b%s\b" % b", ?".join(signed)


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _base64_forms(raw: bytes) -> Iterator[bytes]:
    for form in _aligned_forms(raw, base64.b64encode, bits=6):
        yield form
        yield form.translate(_URL_SAFE)


def _aligned_forms(raw: bytes, encode: Callable[[bytes], bytes], *, bits: int) -> Iterator[bytes]:
    """What stays the same of ``raw`` inside any longer base64 or base32, for each of its alignments.

    The characters that share bits with a neighbour differ; they are cut off (they tell at most a few bits).
    """
    for lead in range({6: 3, 5: 5}[bits]):
        encoded = encode(b"\0" * lead + raw)
        inner = encoded[-(-lead * 8 // bits) : (lead + len(raw)) * 8 // bits]
        if len(inner) >= SHORTEST:
            yield inner
