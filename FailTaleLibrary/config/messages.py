"""What is wrong in a configuration -> sentences for its author: where it stands, what it is, what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args, get_origin

from FailTaleLibrary.config.advice import is_short, key_advice, section_advice, transport_advice
from FailTaleLibrary.config.model import EXTENSION, Section
from FailTaleLibrary.config.types import NotUnderstoodError, in_quotes
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.schema import Refusal

# --- Mistakes, found all over and reported together ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake: where it stands and the sentence that says how to correct it. Line and column count from 1."""

    source: str
    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}: {self.sentence}"


@dataclass(slots=True)
class Mistakes:
    """The mistakes of a configuration and of the preset files that it names."""

    found: list[Mistake] = field(default_factory=list)

    def add(self, mistake: Mistake) -> None:
        self.found.append(mistake)

    def raise_if_any(self, source: str) -> None:
        """Raise one ConfigError that reports all: those in ``source`` first, each file's by line."""
        lines = sorted(set(self.found), key=lambda mistake: (mistake.source != source, mistake))
        if len(lines) == 1:
            raise ConfigError(str(lines[0]))
        if lines:
            raise ConfigError("\n".join([f"{len(lines)} mistakes in the configuration:", *map(str, lines)]))


def unknown(kind: str, word: str, known: Iterable[str]) -> str:
    """The sentence for an unknown word, with the nearest right one or all that there are."""
    import difflib  # wanted by mistakes alone

    names = sorted(known)
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if near:
        advice = f"did you mean {in_quotes(near[0])}?"
    elif names:
        advice = f"known: {', '.join(map(in_quotes, names))}"
    else:
        advice = "there is none"
    return f"unknown {kind} {in_quotes(word)}; {advice}"


# --- A refusal -> the sentence ----------------------------------------------------------------------------------------

_KINDS = (
    ("int", "is not a whole number"),
    ("float", "is not a number"),
    ("bool", "is neither 'yes' nor 'no'"),
    ("string_type", "is not a text; put it in quotes"),
    ("path", "is not a path; put it in quotes"),
    ("tuple", "is not a list; write '[first, second]', or one '- item' a line"),
)
"""Beginnings of the kinds of refusals."""
_ONE_VALUE = {"int": "number", "float": "number", "bool": "value", "string_type": "text", "path": "path"}
"""What to write one of, where a list or a mapping stands for it."""
_BOUNDS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What to tell the user; `of_key` when it is about the key and not about its value."""

    sentence: str
    of_key: bool = False


def complaint_of(refusal: Refusal, *, model: type[Section], raw: str | None) -> Complaint:
    """The complaint for one refusal.

    ``raw`` is the value as it is written in the file, so that nothing from the environment is repeated; None for a
    list or mapping.
    """
    kind, location = refusal.kind, refusal.location
    if kind == "extra_forbidden":
        return Complaint(_unknown_key(str(location[-1]), section_at(model, location[:-1])), of_key=True)
    if kind == "missing":
        return Complaint(f"is missing; write '{location[-1]}: …'", of_key=True)
    if location[-1] == "[key]":
        return Complaint(_of_value(refusal, in_quotes(location[-2])), of_key=True)
    if kind.startswith(("model", "dict")):
        return Complaint(f"{subject(raw, refusal.value)} is not a section; {section_advice(str(location[-1]), raw)}")
    return Complaint(_of_value(refusal, subject(raw, refusal.value)))


def _unknown_key(key: str, section: type[Section]) -> str:
    advice = key_advice(key, section)
    return f"unknown key {in_quotes(key)}; {advice}" if advice else unknown("key", key, section.yaml_keys())


def anchor_advice(key: str) -> str:
    """For an unknown key of the file that holds no more than an anchor."""
    return f"unknown key {in_quotes(key)}; to hold an anchor, write '{EXTENSION}{key.lstrip('._-')}: &…'"


def subject(raw: str | None, value: object) -> str:
    """A value as the sentence begins with it."""
    if isinstance(value, (list, tuple, Mapping)):
        return "a mapping" if isinstance(value, Mapping) else "a list" if value else "an empty list"
    return in_quotes(value if raw is None else raw)


def section_at(model: type[Section], location: tuple[str | int, ...]) -> type[Section]:
    """The section that a path of keys and list positions leads to."""
    is_inside_collection = False
    for key in location:
        if not is_inside_collection:
            field = model.model_fields[model.yaml_keys()[str(key)]]
            model = _section_in(field.annotation) or model
        is_inside_collection = not is_inside_collection and get_origin(field.annotation) in (dict, tuple)
    return model


def _section_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part))), None)


def _of_value(refusal: Refusal, value: str) -> str:
    kind, context = refusal.kind, refusal.context or {}
    sentence = _WITH_CONTEXT.get(kind)
    if kind == "value_error":
        other = transport_advice(refusal.value) if refusal.location[-1] == "transport" else ""
        return _sentence_of_own_kind(context["error"], value) + other
    if sentence:
        return f"{value} {sentence(context)}"
    if kind.startswith("string_type") and isinstance(refusal.value, bool):
        return f"{value} is no text: YAML reads it as true or false; write what is meant, in quotes"
    words = next((words for beginning, words in _KINDS if kind.startswith(beginning)), "does not fit here")
    one = next((one for beginning, one in _ONE_VALUE.items() if kind.startswith(beginning)), "")
    if refusal.location[-1] == "grep" and isinstance(refusal.value, list):
        joined = "|".join(map(str, refusal.value))
        return f"{value} is not a text; write '{joined if is_short(joined) else 'FIRST|SECOND'}'"
    if one and isinstance(refusal.value, (list, tuple, Mapping)):
        return f"{value} {words.partition(';')[0]}; write one {one}"
    return f"{value} {words}"


def _sentence_of_own_kind(error: Exception, value: str) -> str:
    """Our own kinds of values bring their sentence along."""
    return f"{value} {error.complaint}" if isinstance(error, NotUnderstoodError) else str(error)


def _out_of_range(context: Mapping[str, Any]) -> str:
    bounds = " and ".join(words.format(context[name]) for name, words in _BOUNDS.items() if name in context)
    return f"is out of range; write {bounds}"


def _no_choice(context: Mapping[str, Any]) -> str:
    return f"is no choice here; write {context['expected']}"


_WITH_CONTEXT: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "literal_error": _no_choice,
    "greater_than": _out_of_range,
    "greater_than_equal": _out_of_range,
    "less_than": _out_of_range,
    "less_than_equal": _out_of_range,
    "string_too_short": lambda context: "is empty; write something, or leave the key out",
    "string_too_long": lambda context: f"is too long; write at most {context['max_length']} characters",
    "too_short": lambda context: "is too short; name at least one",
}
