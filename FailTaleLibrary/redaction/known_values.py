"""Secrets whose value is known -> every place where they stand, in any form that programs write them in."""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

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
        self._borders = _Borders(self.values)

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
                yield from _pieces_of_place(data, *view.source(start, end), end - start)
            for start, end, size in self._borders.places(view):
                yield from _pieces_of_place(data, *view.source_of_before(start, end), size)

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


def _pieces_of_place(data: bytes, first: int, last: int, size: int) -> Iterator[Span]:
    """A place that holds a form of so many bytes, without the line ends in it."""
    if size >= SHORTEST_FOLDED or b"\n" not in data[first:last]:
        yield from (Span(*piece, _KNOWN) for piece in unfolded_pieces(data, first, last))


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


class _Borders:
    """Finds forms that begin or end within what a view reads as one escape: ``\\000`` may be ``\\`` before ``000``.

    What is read from the border on, or up to it, is a text of its own. Only an escape whose last bytes begin a form, or
    whose first bytes end one, is looked at again, and only as far as a few bytes beyond it fit.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._values = values
        self._looked_at: dict[bytes, _Within | None] = {}

    def places(self, view: View) -> Iterator[tuple[int, int, int]]:
        """Start and end in the text before ``view``, and the form's bytes."""
        text, starts = view.before, deque[tuple[int, list[bytes]]](maxlen=_MOST_STARTS)
        for match in view.escapes():
            escape = match[0]
            within = self._looked_at.get(escape, _UNKNOWN)
            if within is _UNKNOWN:
                within = self._look_at(escape, view.reading(escape))
            if within is None:
                continue
            first, last = match.span()
            for start in within.starts:
                at = first + start.cut
                if _goes_on(view, last, start.following) and _opens(text[at : at + _GLANCE], start.forms):
                    starts.append((at, start.forms))
                    yield from _at_start(text, at, start.forms)
            if escape[1] in _MARKS and text[last : last + 1] in _WIDE:
                at = first + 1
                forms = self._opened_by(view, at)
                if forms and _opens(text[at : at + _GLANCE], forms):
                    starts.append((at, forms))
                    yield from _at_start(text, at, forms)
            for cut, forms in within.ends:
                yield from _at_end(text, first + cut, forms, starts)

    def _opened_by(self, view: View, at: int) -> list[bytes]:
        """The forms that begin with what an escape within another one stands for.

        A mark that escapes another is undone by the next layer, but for the halves of a character: one would go before
        the other.
        """
        escape = view.escape_at(at)
        if escape is None:
            return []
        reading, behind = view.reading(escape), at + len(escape)
        if reading == b"\\" and view.before[behind : behind + 2].lower() == b"ud":
            return self._of_two_halves
        return self._by_first_byte.get(reading[:1], []) if len(escape) > 2 else []

    @cached_property
    def _of_two_halves(self) -> list[bytes]:
        return [form for first, forms in self._by_first_byte.items() if first >= b"\xf0" for form in forms]

    @cached_property
    def _by_first_byte(self) -> dict[bytes, list[bytes]]:
        return self._sorted_by(lambda form: form[:1])

    @cached_property
    def _by_last_byte(self) -> dict[bytes, list[bytes]]:
        return self._sorted_by(lambda form: form[-1:])

    def _sorted_by(self, key: Callable[[bytes], bytes]) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = {}
        for form in sorted({form for value in self._values for form in _forms(value) if len(form) >= _FIRST_BYTES}):
            found.setdefault(key(form), []).append(form)
        return found

    def _look_at(self, escape: bytes, reading: bytes) -> _Within | None:
        """What begins and ends within an escape, None where it cannot be anything."""
        if len(self._looked_at) >= _MOST_ESCAPES:
            self._looked_at.clear()
        starts, ends = [], []
        for cut in range(1, len(escape)):
            head, tail = escape[:cut], escape[cut:]
            if tail != reading:
                forms = [form for form in self._by_first_byte.get(tail[:1], ()) if form.startswith(tail)]
                if forms:
                    rests = (form[len(tail) :] for form in forms)
                    starts.append(
                        _Start(cut, forms, frozenset(part for rest in rests for part in (rest[:1], rest[:2])))
                    )
            if head != reading:
                forms = [form for form in self._by_last_byte.get(head[-1:], ()) if form.endswith(head)]
                if forms:
                    ends.append((cut, forms))
        is_idle = not starts and not ends and (len(escape) < 2 or escape[1] not in _MARKS)
        within = None if is_idle else _Within(starts, ends)
        self._looked_at[escape] = within
        return within


class _Start(NamedTuple):
    """Where in an escape ``forms`` may begin, and with which one and two bytes they go on behind it."""

    cut: int
    forms: list[bytes]
    following: frozenset[bytes]


class _Within(NamedTuple):
    """What may begin within an escape, and what may end there and where."""

    starts: list[_Start]
    ends: list[tuple[int, list[bytes]]]


_UNKNOWN = _Within([], [])


def _goes_on(view: View, at: int, following: frozenset[bytes]) -> bool:
    """Whether what stands behind an escape may be one of ``following``, as it is or escaped."""
    two = view.before[at : at + 2]
    if not two or two[0] not in _MARKS:
        return two in following or (len(two) == 2 and two[1] in _MARKS and two[:1] in following)
    escape = view.escape_at(at)
    reading = view.reading(escape)[:1] if escape else two[:1]
    return not reading or reading in following or reading[0] in _MARKS


_MOST_ESCAPES = 4096
_MOST_STARTS = 8
"""Places at which a form may begin that are kept until one may end."""
_GLANCE = 64
_FIRST_BYTES = 4
"""Of a form, which must fit within a glance before more is read."""
_LONGEST_ESCAPE = 12
_WIDE = frozenset(bytes([char]) for char in b"\\uUx#0123456789abcdefABCDEF")
"""How an escape of more than one character goes on."""
_MARKS = frozenset(b"\\%&='\x00\r\n")
"""With what an escape begins."""


def _opens(glance: bytes, forms: Sequence[bytes]) -> bool:
    heads = tuple({form[:_FIRST_BYTES] for form in forms})
    return any(view.data.startswith(heads) for view in views(glance))


def _at_start(text: bytes, at: int, forms: Sequence[bytes]) -> Iterator[tuple[int, int, int]]:
    window = text[at : at + _LONGEST_ESCAPE * max(map(len, forms))]
    for view in views(window):
        for form in forms:
            if view.data.startswith(form):
                yield at, at + view.source(0, len(form))[1], len(form)


def _at_end(
    text: bytes, at: int, forms: Sequence[bytes], starts: Iterable[tuple[int, Sequence[bytes]]]
) -> Iterator[tuple[int, int, int]]:
    tails = tuple({form[-_FIRST_BYTES:] for form in forms})
    if not any(view.data.endswith(tails) for view in views(text[max(0, at - _GLANCE) : at])):
        return
    earliest = max(0, at - _LONGEST_ESCAPE * max(map(len, forms)))
    for begin in (earliest, *(start for start, _ in starts if earliest <= start < at)):
        for view in views(text[begin:at]):
            size = len(view.data)
            for form in forms:
                if view.data.endswith(form):
                    yield begin + view.source(size - len(form), size)[0], at, len(form)


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
        for undone in unescaped(raw):
            yield undone
            if b"\n" in undone and len(joined := re.sub(rb"\n[ \t]*", b"", undone)) >= _FIRST_BYTES:
                yield joined
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
