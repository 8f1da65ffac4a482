"""A line of evidence -> whether it reads like an instruction to a model.

Wording in a prompt does not stop a model from obeying a log line, so such a line is not shown to it at all; people see
it where it stands. The check errs on the side of withholding: a withheld line costs a hint one line, an obeyed one
the reader's trust. It reads a line in several forms (decoded, without disguise of its letters, without the gaps between
them), because that is how instructions are smuggled past a filter. It cannot know every language and every cipher;
the answer is therefore checked as if the line had come through.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Literal
from urllib.parse import unquote

from FailTaleLibrary.files import packaged_yaml
from FailTaleLibrary.hints.patterns import with_parts
from FailTaleLibrary.lazy import dataclass

# --- The catalogue ----------------------------------------------------------------------------------------------------

Form = Literal["visible", "marks", "words", "letters"]
"""In which form of a line a pattern is searched for; explained at the top of `injection_patterns.yaml`."""


@dataclass(frozen=True, slots=True)
class InjectionRow:
    """One kind of order, with lines that hold it and lines that do not."""

    name: str
    form: Form
    patterns: tuple[str, ...]
    hits: tuple[str, ...]
    misses: tuple[str, ...]


class Catalogue:
    """Rows that are searched for together."""

    def __init__(self, rows: Iterable[InjectionRow]) -> None:
        patterns: dict[Form, list[str]] = {}
        for row in rows:
            patterns.setdefault(row.form, []).extend(row.patterns)
        self._patterns = {form: re.compile("|".join(found)) for form, found in patterns.items()}

    def is_order(self, text: str) -> bool:
        """Whether the text, read in any of its forms, holds what a row describes."""
        visible = _visible_form(text)
        if self._finds("visible", visible) or self._finds("marks", visible):
            return True
        if self._finds("marks", re.sub(r"\s+", "", visible)):
            return True
        skeleton = _latin_skeleton(visible)
        return any(self._in_letters(letters) for letters in (skeleton, *(skeleton.translate(leet) for leet in _LEET)))

    def _in_letters(self, letters: str) -> bool:
        words = _NO_LETTER.sub(" ", letters)
        return self._finds("words", words) or self._finds("letters", words.replace(" ", ""))

    def _finds(self, form: Form, text: str) -> bool:
        pattern = self._patterns.get(form)
        return pattern is not None and pattern.search(text) is not None


@cache
def orders() -> Catalogue:
    """All that is known of orders to a model."""
    return Catalogue(read_rows())


def read_rows() -> tuple[InjectionRow, ...]:
    """The rows of `injection_patterns.yaml`, with the parts put into their patterns."""
    data = packaged_yaml("FailTaleLibrary", "hints", "injection_patterns.yaml")

    def whole(pattern: str) -> str:
        """With its parts, and in the form that texts are brought into: Thai has letters that NFKC takes apart."""
        return unicodedata.normalize("NFKC", with_parts(pattern, data["parts"]))

    return tuple(
        InjectionRow(
            name=row["name"],
            form=row["form"],
            patterns=tuple(map(whole, row["patterns"])),
            hits=tuple(row["hits"]),
            misses=tuple(row["misses"]),
        )
        for row in data["rows"]
    )


# --- Judging ----------------------------------------------------------------------------------------------------------

PLACEHOLDER = "(withheld: this line reads like an instruction to a model)"

_MAX_CHARS = 4000
"""Of each end of a line; what lies between never reaches a prompt, whose lines are far shorter."""


def reads_like_instruction(text: str) -> bool:
    """Whether a model might take the text for an order or for a part of its chat template."""
    ends = text if len(text) <= 2 * _MAX_CHARS else text[:_MAX_CHARS] + "\n" + text[-_MAX_CHARS:]
    return (
        _has_tag_characters(ends) or _hides_text(ends) or any(orders().is_order(form) for form in _decoded_forms(ends))
    )


def split_instructions(lines: Sequence[str]) -> frozenset[int]:
    """Indices of neighbours that read like an instruction together though neither does alone."""
    return frozenset(
        index
        for first, (line, following) in enumerate(pairwise(lines))
        if reads_like_instruction(f"{line} {following}")
        and not reads_like_instruction(line)
        and not reads_like_instruction(following)
        for index in (first, first + 1)
    )


# --- Forms in which one line is read ---------------------------------------------------------------------------------

_ESCAPE = re.compile(r"\\u\{?([0-9a-fA-F]{4,6})\}?|\\x([0-9a-fA-F]{2})")
# Cyrillic, Greek, small capitals and the letters that do not decompose, beside what they look like.
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһкмтвнгпӏьαεοκνρτυιηωɡıɩɪʀɴᴏᴇɢᴜᴛᴘᴠᴄᴀᴅʟᴍʏᴋᴡᴢꜱʙʜᴊøłđ",
    "aeopcyxijsdhkmtbhrnlbaeokvptuinwgiiirnoegutpvcadlmykwzsbhjold",
)
_LEET = tuple(str.maketrans("0134578@$!|", f"o{one}eastbasil") for one in "il")
_NO_LETTER = re.compile(r"[\W_]+")


def _decoded_forms(text: str) -> Iterator[str]:
    """The line as it is, and as a reader of HTML, of URLs and of escapes would see it."""
    yield text
    plain = _ESCAPE.sub(_escaped_character, unquote(html.unescape(text)))
    if plain != text:
        yield plain


def _escaped_character(match: re.Match[str]) -> str:
    code = int(match[1] or match[2], 16)
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


def _visible_form(text: str) -> str:
    """Compatibility forms (full width, bold, circled) as plain letters, nothing invisible between them."""
    normal = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in normal if char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Co"})


def _latin_skeleton(visible: str) -> str:
    """Accents off, letters of other alphabets that look Latin as Latin ones."""
    parts = unicodedata.normalize("NFKD", visible)
    return "".join(char for char in parts if not unicodedata.combining(char)).translate(_LOOKALIKES)


# --- Hidden text -----------------------------------------------------------------------------------------------------

_BLOB = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2}){16,})")
_READABLE = re.compile(r"[^\W\d_]{2,}[\s,.:;]+[^\W\d_]{1,}[\s,.:;]+[^\W\d_]{2,}")
_LONG_BLOB = 100


def _has_tag_characters(text: str) -> bool:
    return any(0xE0000 <= ord(char) <= 0xE007F for char in text)


def _hides_text(text: str) -> bool:
    """Whether a run of base64 or hexadecimal digits holds readable words, or is a base64 blob too long to be a name."""
    return any(_is_blob(run[0]) for run in _BLOB.finditer(text)) or any(
        _is_readable(bytes.fromhex(run[1])) for run in _HEX.finditer(text)
    )


def _is_blob(run: str) -> bool:
    mixed = any(c.islower() for c in run) and any(c.isupper() for c in run) and any(c.isdigit() for c in run)
    # A path is no blob: its segments are short words. A name may be glued to a blob's front: `payload-SGVs…`.
    segments = re.split(r"[/_-]", run)
    if mixed and max(map(len, segments)) >= _LONG_BLOB:
        return True
    return any(_is_readable(_from_base64(candidate)) for candidate in (run, *segments))


def _from_base64(run: str) -> bytes:
    digits = run.rstrip("=").replace("-", "+").replace("_", "/")
    whole = digits[: len(digits) - (len(digits) % 4 == 1)]
    try:
        return base64.b64decode(whole + "=" * (-len(whole) % 4))
    except binascii.Error:
        return b""


def _is_readable(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return text.isprintable() and _READABLE.search(text) is not None
