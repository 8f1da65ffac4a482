"""A refusal of pydantic -> the sentence for a user: what is wrong with the value, what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args, get_origin

from FailTaleLibrary.config.mistakes import unknown
from FailTaleLibrary.config.model import Section
from FailTaleLibrary.config.units import NotUnderstoodError, quoted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_KINDS = (
    ("int", "is not a whole number"),
    ("float", "is not a number"),
    ("bool", "is neither 'yes' nor 'no'"),
    ("string_type", "is not a text; put it in quotes"),
    ("path", "is not a path; put it in quotes"),
    ("tuple", "is not a list; write '[first, second]', or one '- item' a line"),
    ("model", "is not a section; write 'key: value' lines below it"),
    ("dict", "is not a section; write 'key: value' lines below it"),
)
"""Beginnings of pydantic's error types."""
_BOUNDS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What to tell the user; `of_key` when it is about the key and not about its value."""

    sentence: str
    of_key: bool = False


def complaint_of(details: ErrorDetails, *, model: type[Section], raw: str | None) -> Complaint:
    """The complaint for one of pydantic's errors.

    ``raw`` is the value as it stands in the file, so that nothing from the environment is repeated; None for a list or
    mapping.
    """
    kind, location = details["type"], details["loc"]
    if kind == "extra_forbidden":
        known = section_at(model, location[:-1]).yaml_keys()
        return Complaint(unknown("key", str(location[-1]), known), of_key=True)
    if kind == "missing":
        return Complaint(f"is missing; write '{location[-1]}: …'", of_key=True)
    if location[-1] == "[key]":
        return Complaint(_of_value(details, quoted(location[-2])), of_key=True)
    return Complaint(_of_value(details, subject(raw, details["input"])))


def subject(raw: str | None, value: object) -> str:
    """A value as the sentence begins with it."""
    if isinstance(value, (list, tuple, Mapping)):
        return "a mapping" if isinstance(value, Mapping) else "a list" if value else "an empty list"
    return quoted(value if raw is None else raw)


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


def _of_value(details: ErrorDetails, value: str) -> str:
    kind, context = details["type"], details.get("ctx", {})
    sentence = _WITH_CONTEXT.get(kind)
    if kind == "value_error":
        return _own(context["error"], value)
    if sentence:
        return f"{value} {sentence(context)}"
    words = next((words for beginning, words in _KINDS if kind.startswith(beginning)), details["msg"])
    return f"{value} {words}"


def _own(error: Exception, value: str) -> str:
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
