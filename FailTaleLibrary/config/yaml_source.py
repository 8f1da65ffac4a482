"""YAML text -> Document: plain data, with variables of the environment expanded in values (never in keys).

Keys are always texts, so that a host may be called ``no`` or ``42``. No sentence here repeats a value: it may be a
secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from FailTaleLibrary.config.advice import unseen_indentation
from FailTaleLibrary.config.messages import Mistake, Mistakes, anchor_advice, complaint_of
from FailTaleLibrary.config.model import Section
from FailTaleLibrary.config.types import Expanded, MissingVariablesError, Origin, expand, in_quotes, referenced
from FailTaleLibrary.files import read_anything
from FailTaleLibrary.lazy import dataclass, field, regex
from FailTaleLibrary.schema import ValidationError

if TYPE_CHECKING:
    import yaml


# --- Data of which every key and value knows its place ---------------------------------------------------------------

Where: TypeAlias = tuple[str | int, ...]
"""The keys and 0-based list positions that lead to a value."""
Place: TypeAlias = tuple[int, int]
"""Line and column, from 1."""
S = TypeVar("S", bound=Section)


@dataclass(slots=True)
class Document:
    """The data of a file, and where mistakes in it are noted."""

    source: Path
    mistakes: Mistakes
    data: Any = None
    environment: dict[str, str] = field(default_factory=dict)
    """The variables that went into the data."""
    keys: dict[Where, Place] = field(default_factory=dict)
    values: dict[Where, Place] = field(default_factory=dict)
    raw: dict[Where, str] = field(default_factory=dict)
    """Scalars as they are written in the file, variables not expanded."""
    lent: dict[Where, Where] = field(default_factory=dict)
    """Values of a host -> those of the pattern below `hosts` that gave them."""
    broken: set[Where] = field(default_factory=set)
    """Values of which a mistake was reported already, so that its consequences are not."""
    text: str = ""
    """As the file has it."""

    def add(self, where: Where, sentence: str) -> None:
        """Note a mistake of a value."""
        self._add_mistake(where, sentence, places=self.values)

    def add_finally(self, where: Where, sentence: str) -> None:
        """The same, and whatever else is wrong with the value is a consequence."""
        self.add(where, sentence)
        self.broken.add(where)

    def add_at_key(self, where: Where, sentence: str) -> None:
        """Note a mistake of a key, or of a section that lacks something."""
        self._add_mistake(where, sentence, places=self.keys)

    def shown(self, where: Where, value: object) -> str:
        """A scalar in quotes as it is written in the file, so that nothing from the environment is repeated."""
        return in_quotes(self.raw.get(where, value))

    def validate(self, model: type[S], data: object, *, at: Where = (), has_checked_patterns: bool = False) -> S | None:
        """The model of some of this document's data; None, and its mistakes are noted, when it does not fit."""
        context = Origin(self.source.parent, has_checked_patterns)
        try:
            return model.model_validate(data, by_name=False, context=context)
        except ValidationError as error:
            for refusal in error.refusals:
                where = self._as_written((*at, *refusal.location))
                complaint = complaint_of(refusal, model=model, raw=self.raw.get(where))
                sentence = complaint.sentence
                if refusal.kind == "extra_forbidden" and self._holds_an_anchor(where):
                    sentence = anchor_advice(str(where[-1]))
                (self.add_at_key if complaint.of_key else self.add)(where, sentence)
        return None

    def _holds_an_anchor(self, where: Where) -> bool:
        """Whether a key of the file itself has an anchor behind it."""
        return len(where) == 1 and re.search(rf"(?m)^{re.escape(str(where[0]))}\s*:\s*&", self.text) is not None

    def _as_written(self, where: Where) -> Where:
        """Without the list position that a single value gets when it stands for a list of one."""
        stands_alone = where not in self.values and where[:-1] in self.raw and isinstance(where[-1], int)
        return where[:-1] if stands_alone else where

    def _add_mistake(self, where: Where, sentence: str, *, places: Mapping[Where, Place]) -> None:
        if where not in self.broken:
            name = dotted(self._written_as(where))
            place = self._place(where, places)
            self.mistakes.add(Mistake(str(self.source), *place, f"{name}: {sentence}" if name else sentence))

    def _written_as(self, where: Where) -> Where:
        """The pattern's own value, where a host has its value from one."""
        for length in range(len(where), 1, -1):
            if (lender := self.lent.get(where[:length])) is not None:
                return (*lender, *where[length:])
        return where

    def _place(self, where: Where, places: Mapping[Where, Place]) -> Place:
        """The place of the value, or of the nearest one around it."""
        ways = (where[:length] for length in range(len(where), 0, -1))
        return next((found for way in ways if (found := places.get(way) or self.values.get(way))), (1, 1))


def dotted(where: Where) -> str:
    """``components.web.collectors[2].lines``; list positions count from 1."""
    parts = (f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in where if part != "[key]")
    return "".join(parts).lstrip(".")


# --- YAML text -> Document -------------------------------------------------------------------------------------------

MAX_FILE_BYTES = 1024 * 1024
"""A configuration of a thousand hosts has a quarter of this."""
MAX_VALUES = 100_000
"""In a document; an alias counts with all that it stands for, because that is what it costs."""
_MAX_NUMBER_CHARS = 40
_SHORT_CHARS = 64 * 1024
"""Longer texts are not read a second time for the sake of better words: PyYAML needs 10 s for 1 MiB."""

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_PLAIN = {_TAG + name for name in ("null", "bool", "int", "float")}
_TEXT = {_TAG + name for name in ("str", "timestamp", "value")}
_KNOWN = _PLAIN | _TEXT | {_TAG + "map", _TAG + "seq"}

_IN_WORDS = (
    (r"found character '\\t'", "this line has a tab; indent with spaces"),
    (r"found character '%'", "a value that begins with '%' must be in quotes, as in \"%{NAME}\""),
    (r"found character '[@`]'", "a value that begins with '@' or '`' must be in quotes"),
    (r"mapping values", "a second ':' in one line; quote the value, or check the indentation"),
    (r"could not find expected ':'", "a ':' is missing after a key; check this line and the one above"),
    (r"quoted scalar.*end of stream", "the quote that is opened here is not closed"),
    (
        r"escape (character|sequence)",
        "in double quotes '\\' begins an escape, and this is none; use single quotes, and '/' in paths",
    ),
    (r"alias|anchor", "a value that begins with '*' or '&' must be in quotes"),
    (r"a tag|tag handle", "a value that begins with '!' must be in quotes"),
    (r"single document", "a second document begins here; keep one"),
    (r"block scalar", "after '|' or '>' the text must begin on the next line"),
    (r"flow (?:mapping|sequence)", "the '[' or '{' that is opened here is not closed, or a ',' is missing in it"),
    (r"node content", "a value is missing before here, or a '[' or '{' above is not closed"),
    (r"nesting depth", "values are nested too deeply"),
    (r"block", "the indentation does not fit the lines above"),
)
"""What PyYAML says -> what a user can mend."""
_IN_TYPOGRAPHIC_QUOTES = regex(r"[\u201c\u201d\u201e].*[\u201c\u201d]|[\u2018\u2019\u201a].*[\u2018\u2019]", re.DOTALL)
_TOLD_WHERE_IT_BEGINS = regex(r"quoted scalar.*end of stream|flow (?:mapping|sequence)")


def read_text(path: Path) -> str:
    """The text of a file that a person wrote; one without end is read in part and refused, so is a silent pipe.

    Raises OSError, or ValueError with the reason, which follows the file's name and perhaps a line.
    """
    content = read_anything(path, max_bytes=MAX_FILE_BYTES)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f": more than {MAX_FILE_BYTES // 1024} KiB; this is no file that a person wrote")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f":{line}: not UTF-8; save the file in that encoding") from error


class _TooManyValuesError(Exception):
    """The document has more values than MAX_VALUES."""


def read_document(
    text: str, source: Path, *, mistakes: Mistakes, environ: Mapping[str, str] | None = None
) -> Document | None:
    """The document in a YAML text; None, with the mistake noted, when it is no YAML.

    Without ``environ`` variables stay as they are.
    """
    import yaml  # at need: passing tests of a gateway's client never read a preset

    document = Document(source, mistakes, text=text)
    try:
        node = _compose(text)
        document.data = None if node is None else _Reader(document, environ).data_of(node, ())
    except yaml.MarkedYAMLError as error:
        mistakes.add(_syntax_mistake(error, source, text))
    except yaml.reader.ReaderError as error:
        place = _line_and_column(text, error.position)
        character = f"U+{ord(text[error.position]):04X}"
        mistakes.add(Mistake(str(source), *place, f"YAML does not allow the character {character}; remove it"))
    except _TooManyValuesError:
        sentence = f"more than {MAX_VALUES} values; each '*alias' counts with all that it stands for"
        mistakes.add(Mistake(str(source), 1, 1, sentence))
    except RecursionError:
        mistakes.add(Mistake(str(source), 1, 1, "values are nested too deeply, or an alias contains itself"))
    else:
        return document
    return None


def _compose(text: str) -> yaml.Node | None:
    """The root node; by libyaml, which is fast, but for an error by PyYAML, whose words are the same everywhere."""
    import yaml

    try:
        return yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        if len(text) > _SHORT_CHARS:
            raise
        return yaml.compose(text, Loader=yaml.SafeLoader)


@dataclass
class _Reader:
    """Nodes to data; notes the places of all that it meets."""

    document: Document
    environ: Mapping[str, str] | None
    _values: int = 0
    _flat: set[int] = field(default_factory=set)

    @cached_property
    def constructor(self) -> yaml.constructor.SafeConstructor:
        import yaml

        return yaml.constructor.SafeConstructor()

    def data_of(self, node: yaml.Node, where: Where) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _TooManyValuesError
        self.document.values[where] = _place(node)
        if node.tag not in _KNOWN:
            return self._broken(where, "YAML reads a leading '!' as a tag; put the value in quotes")
        if isinstance(node.value, str):
            self.document.raw[where] = node.value
            if not getattr(node, "style", "") and _IN_TYPOGRAPHIC_QUOTES.fullmatch(node.value):
                return self._broken(where, "is in typographic quotes, which YAML takes for letters; write \"…\" or '…'")
            return self._text(node.value, where) if node.tag in _TEXT else self._plain(node, where)
        if node.tag == _TAG + "seq":
            return [self.data_of(item, (*where, index)) for index, item in enumerate(node.value)]
        return self._mapping(node, where)

    def _mapping(self, node: Any, where: Where) -> dict[str, Any]:
        self._note_keys(node, where)
        self._flatten(node, where)
        return {_key_name(key): self.data_of(value, (*where, _key_name(key))) for key, value in node.value}

    def _flatten(self, node: Any, where: Where) -> None:
        """Resolves "<<": own keys win, then those of the first mapping that has them.

        Each mapping once, and each name once, for mappings that merge each other twice would grow without end.
        """
        if id(node) in self._flat:
            return
        self._flat.add(id(node))
        merged: dict[str, Any] = {}
        for key, value in node.value:
            for other in (value.value if value.tag == _TAG + "seq" else [value]) if key.tag == _MERGE else ():
                if other.tag == _TAG + "map":
                    self._flatten(other, where)
                    theirs = {_key_name(name): (name, each) for name, each in other.value if name.tag != _MERGE}
                    merged = {**theirs, **merged}
                else:
                    self._broken((*where, "<<"), "'<<' takes a mapping, or a list of them; write '<<: *NAME'")
        own = {_key_name(key): (key, value) for key, value in node.value if key.tag != _MERGE}
        node.value = list({**merged, **own}.values())

    def _plain(self, node: Any, where: Where) -> Any:
        if len(node.value) > _MAX_NUMBER_CHARS:
            return self._broken(where, f"is a number of {len(node.value)} characters; write a smaller one")
        return self.constructor.construct_object(node)

    def _note_keys(self, node: Any, where: Where) -> None:
        own = set()
        for key, _ in node.value:
            name = _key_name(key)
            first = self.document.keys.setdefault((*where, name), _place(key))
            if name in own:
                self._twice((*where, name), _place(key), first)
            own.add(name)

    def _twice(self, where: Where, place: Place, first: Place) -> None:
        sentence = f"the key {in_quotes(where[-1])} is already in line {first[0]}; keep one of them"
        self.document.mistakes.add(Mistake(str(self.document.source), *place, sentence))

    def _broken(self, where: Where, sentence: str) -> None:
        self.document.add(where, sentence)
        self.document.broken.add(where)

    def _text(self, text: str, where: Where) -> str:
        if "\0" in text:
            self._broken(where, "holds a NUL character; remove it")
        if self.environ is None:
            return text
        try:
            expanded = expand(text, self.environ)
        except MissingVariablesError as error:
            self._broken(where, _missing(error.names[0]))
            return text
        if isinstance(expanded, Expanded):
            names = (name for name in referenced(text) if name in self.environ)
            self.document.environment |= {name: self.environ[name] for name in names}
        return expanded


def _missing(name: str) -> str:
    if shell := re.fullmatch(r"\s*(\w+)\s*(?::?[-:]\s*(.*))?", name):
        name, default = shell[1], shell[2]
        if default is not None:  # as a shell would
            return f"a default stands behind '=': write '%{{{name}={default}}}'"
    return (
        f"the environment variable {in_quotes(name)} is not set; set it, or write '%{{{name}=default}}' "
        f"('\\%{{{name}}}' for these characters themselves)"
    )


def _place(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _key_name(key: yaml.Node) -> str:
    return key.value if isinstance(key.value, str) else "(a list or mapping)"


def _syntax_mistake(error: yaml.MarkedYAMLError, source: Path, text: str) -> Mistake:
    said = f"{error.context or ''}: {error.problem or ''}"
    words = next((words for pattern, words in _IN_WORDS if re.search(pattern, said)), "check quotes and indentation")
    begins = error.context_mark if _TOLD_WHERE_IT_BEGINS.search(said) else None
    mark = begins or error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if conflict := re.search(r"^(?:<{7}|={7}|>{7})(?: .*)?$", text, re.MULTILINE):
        words = "a merge of git is not resolved here; keep one side, and remove the three lines of marks"
        return Mistake(str(source), *_line_and_column(text, conflict.start()), words)
    if "the '[' or '{'" in words or "a '[' or '{'" in words:
        words = _in_braces(_line(text, place[0])) or words
    words = _by_its_lines(text, place[0], words) or words
    return Mistake(str(source), *place, f"this is not YAML: {words}")


def _by_its_lines(text: str, number: int, words: str) -> str | None:
    """What the lines themselves tell better; None when they do not."""
    line, above = _line(text, number), _line(text, number - 1) if number > 1 else ""
    for each in (line, above):
        if sentence := unseen_indentation(each):
            return sentence
    if setting := re.match(r"\s*([\w.-]+)\s*=\s*(\S.*)", line):
        return f"a value stands after ':', as in '{setting[1]}: …'"
    if words.startswith("a second ':'") and len(re.findall(r":(?:\s|$)", line)) == 1 and ":" not in above:
        return "a ':' is missing at the end of the line above, or this line is indented too deeply"
    return None


def _in_braces(line: str) -> str | None:
    """What a line with braces is likely to lack; None when nobody can tell."""
    if re.search(r"(?<!['\"\w])[$%]\{", line):
        return "a value with '${…}' or '%{…}' must be in quotes"
    if re.search(r"\[[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]*\]", line):
        return "an IPv6 address stands without brackets, in quotes"
    if re.search(r"[\[{][^\]}]*\s#", line):
        return "'#' begins a comment, so the '}' or ']' behind it is not read; close it before the comment"
    return None


def _line(text: str, number: int) -> str:
    lines = text.split("\n", number)
    return lines[number - 1] if number <= len(lines) else ""


def _line_and_column(text: str, position: int) -> Place:
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")
