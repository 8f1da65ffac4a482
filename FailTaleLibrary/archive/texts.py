"""Robot's output.xml or output.json in pieces -> the same with its texts changed; all else stays to the letter.

Both are streamed: one text is held at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from html import escape, unescape
from typing import Literal, NamedTuple, TextIO

from FailTaleLibrary.errors import ArchiveError

Format = Literal["xml", "json", "page", "text"]
"""``page``: log.html or report.html, whose contents are packed; ``text``: anything else."""

_CHUNK = 256 * 1024
LONGEST_PART = 32 << 20
"""Characters of one text or tag, which is held as a whole."""
_ROBOTS_JSON = re.compile(r'\s*\{\s*"generator"\s*:\s*"(?:Robot|Rebot)')
_ROBOTS_PAGE = re.compile(r'<meta content="(?:Robot Framework|Robot|Rebot) [^"]*" name="Generator">', re.IGNORECASE)


def format_of(head: str, suffix: str = "") -> Format:
    """What a file is by its first thousand characters, and by its suffix where those leave it open."""
    begin = head.lstrip("\ufeff \t\r\n")
    if begin.startswith(("<?xml", "<robot")) or suffix.lower() == ".xml":
        return "xml"
    if _ROBOTS_JSON.match(begin):
        return "json"
    return "page" if _ROBOTS_PAGE.search(head) else "text"


class Text(NamedTuple):
    """A text of an output file: a message, an argument, an attribute, a comment …"""

    value: str
    name: str = ""
    """What it is called: its attribute, key or element; of metadata its name."""
    is_html: bool = False
    """Whether Robot shows it as HTML."""
    is_torn: bool = False
    """Whether the file ends in it."""


Change = Callable[[Text], str]


def chunks_of(source: TextIO) -> Iterator[str]:
    """An open file in pieces."""
    return iter(partial(source.read, _CHUNK), "")


def rewrite_texts(chunks: Iterable[str], form: Format, change: Change) -> Iterator[str]:
    """The file in pieces with each text changed; what stays as it was, stays so to the letter."""
    return _rewrite_json(chunks, change) if form == "json" else _rewrite_xml(chunks, change)


# --- XML --------------------------------------------------------------------------------------------------------------

_SEALED = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
_LONGEST_OPENER = max(map(len, _SEALED))
_TAG = re.compile(r"""<[^<>"']*(?:(?:"[^"]*"|'[^']*')[^<>"']*)*>""")
_ATTRIBUTE = re.compile(r"""(?<=\s)([\w:.-]+)(\s*=\s*)("[^"]*"|'[^']*')""")
_NAME = re.compile(r"""<([\w:.-]+)""")
_METADATA = re.compile(r"""<(?:meta|item)\s[^>]*?\bname="([^"]*)\"""")
_HTML = re.compile(r"""\shtml=["'](?:true|yes)["']""")


def _rewrite_xml(chunks: Iterable[str], change: Change) -> Iterator[str]:
    tag = ""
    for part, is_torn in _xml_parts(chunks):
        if not part.startswith("<"):
            text = Text(unescape(part), _name_of(tag), _is_html(tag), is_torn)
            yield _changed_or_raw(part, text, change, _xml_escaped)
        elif sealed := _sealed(part):
            yield sealed[0] + change(Text(sealed[1], is_torn=is_torn)) + sealed[2]
        elif is_torn:
            yield _changed_or_raw(part, Text(unescape(part), is_torn=True), change, _xml_escaped)
        else:
            tag = part
            yield _ATTRIBUTE.sub(lambda match: _changed_attribute(match, change), part)


def _xml_parts(chunks: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Tags, comments, CDATA sections and the texts between them; and whether the file ends inside of it.

    Raises ArchiveError for one that has no end.
    """
    held = ""
    for chunk in chunks:
        held += chunk
        at = 0
        while at < len(held) - _LONGEST_OPENER and (end := _end_of_part(held, at)) >= 0:
            yield held[at:end], False
            at = end
        held = held[at:]
        if len(held) > LONGEST_PART:
            raise _endless()
    at = 0
    while at < len(held) and (end := _end_of_part(held, at)) >= 0:
        yield held[at:end], False
        at = end
    if at < len(held):
        yield held[at:], bool(held[at:].strip())


def _endless() -> ArchiveError:
    return ArchiveError(f"A text has more than {LONGEST_PART:,} characters: this is no output of Robot Framework.")


def _end_of_part(text: str, at: int) -> int:
    """Where the part that begins here ends; -1 when that is still to come."""
    if text[at] != "<":
        return text.find("<", at)
    for opener, closer in _SEALED.items():
        if text.startswith(opener, at):
            end = text.find(closer, at + len(opener))
            return end + len(closer) if end >= 0 else -1
    match = _TAG.match(text, at)
    return match.end() if match else -1


def _sealed(part: str) -> tuple[str, str, str] | None:
    """(opener, inside, closer) of a comment, a section or an instruction; of a torn one without closer."""
    for opener, closer in _SEALED.items():
        if part.startswith(opener):
            inside = part[len(opener) :]
            return opener, inside.removesuffix(closer), closer if inside.endswith(closer) else ""
    return None


def _name_of(tag: str) -> str:
    """What the text after a tag is called."""
    named = _METADATA.match(tag) or _NAME.match(tag)
    return unescape(named[1]) if named else ""


def _is_html(tag: str) -> bool:
    return tag.startswith("<msg") and _HTML.search(tag) is not None


def _changed_attribute(match: re.Match[str], change: Change) -> str:
    name, equals, quoted = match.groups()
    quote = quoted[0]
    text = Text(unescape(quoted[1:-1]), name)
    encode = partial(_xml_escaped, entities={'"': "&quot;"} if quote == '"' else {"'": "&apos;"})
    return name + equals + quote + _changed_or_raw(quoted[1:-1], text, change, encode) + quote


_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def _xml_escaped(text: str, entities: Mapping[str, str] | None = None) -> str:
    """The text as XML writes it, without characters that XML has no way to write: one would cost the whole file."""
    escaped = escape(_NOT_IN_XML.sub("", text), quote=False)  # that of xml.sax loads a client for HTTP with it
    for char, entity in (entities or {}).items():
        escaped = escaped.replace(char, entity)
    return escaped


def _changed_or_raw(raw: str, text: Text, change: Change, encode: Callable[[str], str]) -> str:
    """The text changed and encoded; as it stood where it is the same."""
    if not text.value.strip():
        return raw
    changed = change(text)
    return raw if changed == text.value else encode(changed)


# --- JSON -------------------------------------------------------------------------------------------------------------

_QUOTE_OR_ESCAPE = re.compile(r'"|\\.', re.DOTALL)
_COLON = re.compile(r"\s*:")
_AHEAD = 4096
"""Characters behind a string that tell whether it is a key, and whether the message that it is is HTML."""


def _rewrite_json(chunks: Iterable[str], change: Change) -> Iterator[str]:
    """String by string in the text itself: a parser would lose a second "body" of a test.

    Raises ArchiveError for a string that has no end.
    """
    held, key, source = "", "", iter(chunks)
    while not (is_end := not (more := _next_text(source, max(_CHUNK, len(held))))) or held:
        held += more
        at = 0
        for start, end in _strings_in(held, room=0 if is_end else _AHEAD):
            value = _decoded_string(held[start:end])
            if _COLON.match(held, end):
                key, found = value, Text(value)
            else:
                found = Text(value, key, is_html=key == "message" and _is_html_message(held, end))
            yield held[at:start]
            yield _changed_or_raw(held[start:end], found, change, json.dumps)
            at = end
        held = held[at:]
        if is_end:
            yield _changed_rest(held, key, change)
            return
        if len(held) > LONGEST_PART + _AHEAD:
            raise _endless()


def _next_text(source: Iterator[str], size: int) -> str:
    """So many characters at least, as long as there are some: what is held is searched again with each of them."""
    parts: list[str] = []
    while size > 0 and (part := next(source, "")):
        parts.append(part)
        size -= len(part)
    return "".join(parts)


def _strings_in(text: str, *, room: int) -> Iterator[tuple[int, int]]:
    """Where the strings begin and end that are whole, with so much behind them as it takes to know what they are."""
    start = text.find('"')
    while start >= 0 and 0 <= (end := _end_of_string(text, start)) <= len(text) - room:
        yield start, end
        start = text.find('"', end)


def _end_of_string(text: str, start: int) -> int:
    """Behind its closing quote; -1 where there is none. One expression for the whole would go back over all of it."""
    return next((each.end() for each in _QUOTE_OR_ESCAPE.finditer(text, start + 1) if each[0] == '"'), -1)


def _changed_rest(rest: str, key: str, change: Change) -> str:
    """What stands behind the last whole string: brackets, or a string that the file ends in."""
    text = Text(_unquoted(rest), key, is_html=True, is_torn=True)
    return _changed_or_raw(rest, text, change, str) if '"' in rest else rest


def _decoded_string(string: str) -> str:
    try:
        return str(json.loads(string, strict=False))
    except ValueError:  # an escape that JSON does not have
        return string[1:-1]


def _is_html_message(text: str, end: int) -> bool:
    """Whether the object whose "message" ends here says that it is HTML; Robot writes that after the message."""
    rest = text[end : end + _AHEAD].partition("}")[0]
    return re.search(r'"html"\s*:\s*true', rest) is not None


def _unquoted(rest: str) -> str:
    """What a string that is not complete holds so far, roughly."""
    return rest.partition('"')[2].replace('\\"', '"').replace("\\n", "\n")
