"""The vocabulary of an answer -> its JSON schema; the text of an answer -> a ModelAnswer of that vocabulary.

A server with grammars sends the agreed shape. Without one (a proxy, a cloud, an old server) a small model still points
at the right line, and only writes it in a shape of its own: what it means is read where there is no doubt about it.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict

from FailTaleLibrary.errors import HintError
from FailTaleLibrary.records import Confidence, HintCategory

CATEGORIES = ("environment", "product", "test", "unknown")
CONFIDENCES = ("low", "medium", "high")
MAX_CAUSE_CHARS = 300
MAX_CITATIONS = 4
_MAX_ANSWER_CHARS = 20_000
_NOTHING_SHOWN = re.compile(
    r"\b(?:no|none of the) (?:(?:of these|single|given|shown|clear|obvious|root) )*"
    r"(?:line|lines|evidence|cause|log|logs|entry)\b|\b(?:cause|reason) (?:is|remains) (?:unknown|unclear|not )"
    r"|\b(?:does|do|did) not (?:show|tell|say|reveal|explain|contain)\b|\b(?:cannot|can't|could not) (?:be )?"
    r"(?:tell|told|determined?|identif)",
    re.IGNORECASE,
)
"""What models say when they do not know."""


class ModelAnswer(BaseModel):
    """What a model said, of the right shape and not yet believed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    evidence: tuple[str, ...]
    cause: str
    component: str
    category: HintCategory
    confidence: Confidence

    @property
    def finds_no_cause(self) -> bool:
        """That the model does not know, which is an answer: it cites nothing, or says that nothing shows the cause."""
        return self.category == "unknown" and (not self.evidence or _NOTHING_SHOWN.search(self.cause) is not None)


def schema_for(ids: Sequence[str], *, components: Sequence[str]) -> dict[str, Any]:
    """JSON schema that binds an answer to our words.

    A model writes the properties in this order, so evidence stands before the claim that it must carry. Only types,
    enumerations and lengths: servers turn more than that into garbage without an error. No citation is an answer, too:
    that no line shows the cause.
    """
    properties = {
        "evidence": {"type": "array", "items": _one_of(ids), "minItems": 0, "maxItems": MAX_CITATIONS},
        "cause": {"type": "string", "maxLength": MAX_CAUSE_CHARS},
        "component": _one_of(components),
        "category": _one_of(CATEGORIES),
        "confidence": _one_of(CONFIDENCES),
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _one_of(words: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


# --- Reading a text ---------------------------------------------------------------------------------------------------


def parse_model_answer(text: str) -> ModelAnswer:
    """The answer in a model's text; a fence, words or thoughts around the object do no harm.

    Of several objects that hold an answer the last one counts: what stands ahead of it is a draft. Raises HintError
    when there is none.
    """
    objects = list(_objects_in(text)) if len(text) <= _MAX_ANSWER_CHARS else []
    if not objects:
        raise HintError("the model's answer holds no JSON object, though one was asked for; try another model")
    missing = ""
    for each in reversed(objects):
        try:
            return _answer_of(each)
        except _MissingError as error:
            missing = missing or str(error)
    raise HintError(f"the model's answer does not follow the agreed shape (at '{missing}'); try another model")


def holds_answer(text: str) -> bool:
    """Whether there is an answer in a model's text."""
    try:
        parse_model_answer(text)
    except HintError:
        return False
    return True


_MAX_BRACES = 100
"""Each may cost a look at the whole rest."""
_JSON = json.JSONDecoder(strict=False)
"""Takes line ends within a string, too."""


def _objects_in(text: str) -> Iterator[dict[str, Any]]:
    """What reads as an object from a brace on; where nothing does, the whole from the first brace on, mended."""
    end, found = 0, False
    for start in islice((brace.start() for brace in re.finditer("{", text)), _MAX_BRACES):
        if start < end:
            continue  # inside of the last one
        try:
            value, end = _JSON.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        found = True
        yield from _with_inner(value)
    if not found and (mended := _mended(text[text.find("{") :] if "{" in text else "")) is not None:
        yield from _with_inner(mended)


def _with_inner(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """``{"answer": {…}}``: what is wrapped once, then the whole."""
    yield from (inner for inner in value.values() if isinstance(inner, dict))
    yield value


# --- Mending ----------------------------------------------------------------------------------------------------------

_LAST_COMMA = re.compile(r",(?=\s*[}\]])")
_MOST_OPEN = 8
"""Brackets and braces within each other; an answer has two."""


def _mended(text: str) -> dict[str, Any] | None:
    """The object in a text that is none yet: with a comma too many, in Python's quotes, or cut off at its end."""
    whole = _closed_object(text)
    if whole is None:
        return None
    whole = _LAST_COMMA.sub("", whole)
    for read in _READERS:
        try:
            value = read(whole)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None


_READERS: tuple[Callable[[str], Any], ...] = (_JSON.decode, ast.literal_eval)


def _closed_object(text: str) -> str | None:
    """The text up to the end of its first object; of one that was cut what is whole: half a sentence says nothing."""
    open_: list[str] = []
    quote, began, escaped = "", 0, False
    for at, char in enumerate(text):
        if quote:
            quote, escaped = ("" if char == quote and not escaped else quote), char == "\\" and not escaped
        elif char == '"' or (char == "'" and not text[at - 1].isalnum()):
            quote, began = char, at
        elif char in "{[":
            open_.append("}" if char == "{" else "]")
            if len(open_) > _MOST_OPEN:
                return None
        elif char in "}]" and open_:
            if open_.pop() != char:
                return None
            if not open_:
                return text[: at + 1]
    whole = _LOOSE_END.sub("", text[:began] if quote else text)
    return whole + "".join(reversed(open_)) if open_ else None


_LOOSE_END = re.compile(r"""[\s,]*(?:(?:"[^"]*"|'[^']*')\s*:)?\s*$""")
"""A comma or a name without a value."""


# --- Reading what is meant --------------------------------------------------------------------------------------------


class _MissingError(Exception):
    """What an object must have to be an answer."""


_NAMES = {
    "evidence": ("evidence", "evidence_ids", "evidence ids", "ids", "citations", "cites", "lines"),
    "cause": ("cause", "root_cause", "root cause", "explanation", "reason", "summary"),
}
_ID = r"[\[(<]*E[1-9]\d{0,3}\b[\])>]*"
_FIRST_IDS = re.compile(rf"[\s*-]*(?:(?:lines?|ids?)\b[\s:]*)?{_ID}(?:(?:[\s,;&+/-]|and\b)+{_ID})*", re.IGNORECASE)
"""At the beginning of a text alone: further on stands the line itself, with words of its own."""
_BARE_ID = re.compile(r"\s*#?([1-9]\d{0,3})\s*")
_PERCENT = 100.0
_SURE, _FAIRLY_SURE = 0.8, 0.5


def _answer_of(said: Mapping[str, Any]) -> ModelAnswer:
    """What an object says, in our words; what is not said in them counts as not known."""
    fields = {str(name).strip().casefold(): value for name, value in reversed(list(said.items()))}
    evidence, cause = (_first_of(fields, _NAMES[name], name) for name in ("evidence", "cause"))
    if not isinstance(cause := _one_text(cause), str):
        raise _MissingError("cause")
    ids = tuple(_ids_in(evidence))
    category = _word_of(CATEGORIES, fields.get("category"))
    if not ids and category is None:  # citing nothing is an answer of who says that it does not know
        raise _MissingError("category")
    component = _one_text(fields.get("component"))
    return ModelAnswer(
        evidence=ids,
        cause=cause,
        component=component.strip() if isinstance(component, str) else "unknown",
        category=category or "unknown",  # type: ignore[arg-type]
        confidence=_confidence_of(fields.get("confidence")),
    )


def _first_of(fields: Mapping[str, Any], names: Sequence[str], field: str) -> Any:
    for name in names:
        if name in fields:
            return fields[name]
    raise _MissingError(field)


def _ids_in(value: Any) -> Iterator[str]:
    """``["E1"]``, ``"E1, E3"``, ``[1, 3]``, ``[{"id": "E1"}]``: the ids, as we write them."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, Mapping):
            yield from _ids_in(next((each[name] for name in ("id", "line", "evidence") if name in each), None))
        elif isinstance(each, int) and not isinstance(each, bool):
            yield f"E{each}"
        elif isinstance(each, str):
            bare = _BARE_ID.fullmatch(each)
            named = _FIRST_IDS.match(each)
            yield from [f"E{bare[1]}"] if bare else re.findall(r"E\d+", named[0].upper()) if named else []


def _one_text(value: Any) -> Any:
    """Sentences of a list as one text."""
    return " ".join(value) if isinstance(value, list) and value and all(isinstance(s, str) for s in value) else value


def _word_of(words: Sequence[str], value: Any) -> str | None:
    """The one of our words that a text begins with: ``Environment (disk)``."""
    text = value[0] if isinstance(value, list) and value else value
    said = re.match(r"\W*([a-z]+)", text.casefold()) if isinstance(text, str) else None
    return said[1] if said and said[1] in words else None


def _confidence_of(value: Any) -> Confidence:
    """A word of ours, else a share or percentage as a number; low where it is neither."""
    if (word := _word_of(CONFIDENCES, value)) is not None:
        return word  # type: ignore[return-value]
    number = re.fullmatch(r"\s*(\d{1,3}(?:\.\d+)?)\s*(%?)\s*", str(value))
    if number is None or isinstance(value, bool):
        return "low"
    share = float(number[1]) / (_PERCENT if number[2] or float(number[1]) > 1 else 1)
    return "high" if _SURE <= share <= 1 else "medium" if _FAIRLY_SURE <= share <= 1 else "low"
