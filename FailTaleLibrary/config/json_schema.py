"""The declarations -> JSON Schema (draft 2020-12): of `failtale.yaml` for editors, and of the records that are printed.

``failtale schema`` prints the first. It says what a file may look like; what only makes sense together (a component
that exists, one of `command`, `file`, `journal`, `container`, `http` and `mcp`) is `failtale check`'s.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from FailTaleLibrary.config.model import EXTENSION, KINDS_OF_VARIABLES, Collector, Component, Config, Host, Section
from FailTaleLibrary.config.presets import PREFIX, Preset, describe_presets
from FailTaleLibrary.config.transports import TRANSPORTS, transport_module
from FailTaleLibrary.config.types import NAME_PATTERN, kind_of
from FailTaleLibrary.schema import MISSING, FieldInfo, Model

DRAFT = "https://json-schema.org/draft/2020-12/schema"
FILE_NAME = "failtale.schema.json"
"""Where the package has it, for editors; beside the template."""
_VARIABLE = r"%\{[^{}]+\}"
Schema = dict[str, Any]


def packaged_schema() -> Path:
    """Where the schema lies in the installed package, or in a checkout."""
    package = Path(__file__).parent.parent
    places = (package / FILE_NAME, package.parent / "resources" / package.name / FILE_NAME)
    return next((place for place in places if place.is_file()), places[0])


# --- Records: what is printed -----------------------------------------------------------------------------------------


def record_schema(model: type[Model], *, title: str, description: str) -> Schema:
    """The schema of what `Model.model_dump` makes; a part that is a model itself is below ``$defs``."""
    parts: dict[str, Schema] = {}
    top = _record(model, parts)
    return {"$schema": DRAFT, "title": title, "description": description, **top, "$defs": parts}


def _record(model: type[Model], parts: dict[str, Schema]) -> Schema:
    fields: dict[str, FieldInfo] = model.model_fields
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(fields),
        "properties": {
            name: {**_of_type(field.annotation, lambda part: _record_part(part, parts)), **_described(field)}
            for name, field in fields.items()
        },
    }


def _record_part(model: type[Model], parts: dict[str, Schema]) -> Schema:
    if model.__name__ not in parts:
        parts[model.__name__] = {}  # so that one that holds itself ends
        parts[model.__name__] = _record(model, parts)
    return {"$ref": f"#/$defs/{model.__name__}"}


_PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Any: {},
}


def _of_type(annotation: Any, part: Callable[[type[Model]], Schema]) -> Schema:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of_type(arguments[0], part)
    if origin in (Union, types.UnionType):
        inner = _of_type(next(each for each in arguments if each is not types.NoneType), part)
        return {"anyOf": [inner, {"type": "null"}]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _of_type(arguments[0], part)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(arguments[1], part)}
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return part(annotation)
    return dict(_PLAIN.get(annotation, {"type": "string"}))


def _described(field: FieldInfo) -> Schema:
    return {"description": field.description} if field.description else {}


# --- The configuration: what may be written ---------------------------------------------------------------------------


def configuration_schema() -> Schema:
    """The schema of `failtale.yaml`, from the same declarations as docs/configuration.md."""
    sections: dict[str, Schema] = {}
    top, entry = _section(Config, sections), _entry(sections)
    return {
        "$schema": DRAFT,
        "title": "failtale.yaml",
        "description": "The configuration of FailTale. `failtale check` tries it; docs/configuration.md explains it.",
        **top,
        "$defs": {**sections, "entry": entry, "presets": _presets()},
    }


def _section(model: type[Section], sections: dict[str, Schema]) -> Schema:
    properties = {
        key: _value_schema(model.model_fields[name], key, sections) for key, name in model.yaml_keys().items()
    }
    if model is Host:
        properties |= _transport_sections(sections)
    if model is Config:
        (variables,) = (form for form in properties["variables"]["anyOf"] if form.get("type") == "object")
        kinds = {"enum": list(KINDS_OF_VARIABLES)}
        properties["inventory"]["anyOf"] = [*_TEXTS, *properties["inventory"]["anyOf"]]
        (hosts,) = (form for form in properties["hosts"]["anyOf"] if form.get("type") == "object")
        hosts["propertyNames"] = {"pattern": r"^[A-Za-z0-9*?\[][\w.*?\[\]:-]*$|^<<$"}
        variables["additionalProperties"] = {"anyOf": [kinds, variables["additionalProperties"]]}
    if model is Component:
        properties["collectors"] = {
            **_described(model.model_fields["collectors"]),
            "anyOf": [{"$ref": "#/$defs/entry"}, {"type": "array", "items": {"$ref": "#/$defs/entry"}}],
        }
    required = [key for key, name in model.yaml_keys().items() if model.model_fields[name].is_required()]
    if model is Collector:
        required.remove("name")  # it gets one
    if model is Host:
        required.remove("component")  # a pattern or the inventory may give it
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "patternProperties": {f"^{EXTENSION}": {}, "^<<$": {}},
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _transport_sections(sections: dict[str, Schema]) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for name in TRANSPORTS.keys() - Host.yaml_keys().keys():
        settings = transport_module(name).SETTINGS
        if settings is not None:
            found[name] = _named_section(settings, sections)
    return found


def _named_section(model: type[Model], sections: dict[str, Schema]) -> Schema:
    assert issubclass(model, Section)  # noqa: S101 - a configuration has no other
    if model.__name__ not in sections:
        sections[model.__name__] = {}
        sections[model.__name__] = _section(model, sections)
    return {"$ref": f"#/$defs/{model.__name__}"}


def _value_schema(field: FieldInfo, key: str, sections: dict[str, Schema]) -> Schema:
    """A value as it may be written: its kind, a variable of the environment, or nothing at all."""
    schema = {**_described(field)}
    if field.default is not MISSING and isinstance(field.default, (str, int, bool)) and field.default != "":
        schema["default"] = field.default
    kind = kind_of(field.metadata) or kind_of(_metadata_inside(field.annotation))
    forms = _forms_of_kind(kind, field) if kind is not None else _plain_forms(field, sections)
    return {**schema, "anyOf": [*forms, {"type": "null"}]}


def _metadata_inside(annotation: Any) -> tuple[Any, ...]:
    """Of ``Annotated[…] | None``."""
    for part in get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ():
        if get_origin(part) is Annotated:
            return get_args(part)[1:]
    return ()


_TEXT: Schema = {"type": "string"}
_TEXTS: list[Schema] = [_TEXT, {"type": "array", "items": _TEXT}]
_DURATION_TEXT = r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)?\s*$|" + _VARIABLE
_SIZE_TEXT = r"^\s*[0-9]+(\.[0-9]+)?\s*([Bb]([Yy][Tt][Ee][Ss]?)?|[KkMmGg]([Ii]?[Bb])?)?\s*$|" + _VARIABLE
_DURATION: list[Schema] = [{"type": "number", "minimum": 0}, {"type": "string", "pattern": _DURATION_TEXT}]
_SIZE: list[Schema] = [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _SIZE_TEXT}]


def _forms_of_kind(kind: str, field: FieldInfo) -> list[Schema]:
    """The forms in which a kind of value may be written."""
    if kind == "whole number":
        bounds = {name: field.bound(short) for name, short in (("minimum", "ge"), ("maximum", "le"))}
        number = {"type": "integer", **{name: bound for name, bound in bounds.items() if bound is not None}}
        return [number, {"type": "string", "pattern": rf"^\s*[+-]?[0-9]+\s*$|{_VARIABLE}"}]
    if kind == "duration":
        return _DURATION
    if kind == "size":
        return _SIZE
    if kind == "name":
        return [{"type": "string", "pattern": f"^{NAME_PATTERN}$|{_VARIABLE}"}]
    if "a duration" in kind:
        return [{"enum": ["test", "suite", "run", "none"]}, *_DURATION]
    if kind.startswith("strptime format"):
        names = dict.fromkeys(("key", "pattern", "format"), _TEXT)
        return [_TEXT, {"type": "object", "properties": names, "additionalProperties": False}]
    if kind == "fingerprint":
        return [{"type": "string", "pattern": f"^SHA256:[A-Za-z0-9+/]{{43}}=?$|{_VARIABLE}"}]
    if kind == "address":
        return [{"type": "string", "pattern": rf"^https?://\S+$|{_VARIABLE}"}]
    if kind.startswith(("mapping", "name → text")):
        return [{"type": ["object", "array"] if "list" in kind else "object"}, _TEXT]
    if kind == "journal priority":
        return [_TEXT, {"type": "integer", "minimum": 0, "maximum": 7}][:1]
    if "list of" in kind:
        return _TEXTS
    if kind == " or ".join(f"`{name}`" for name in TRANSPORTS):
        return [{"enum": list(TRANSPORTS)}]
    return [_TEXT]


def _plain_forms(field: FieldInfo, sections: dict[str, Schema]) -> list[Schema]:
    schema = _of_type(field.annotation, lambda part: _named_section(part, sections))
    if schema.get("type") == "boolean":
        truths = "yes no on off true false y n t f 1 0".split()  # noqa: SIM905 - as they are written
        return [schema, {"enum": truths}, {"type": "string", "pattern": _VARIABLE}]
    if "enum" in schema:
        off = [{"const": False}] if "off" in schema["enum"] else []  # YAML reads a bare off as a boolean
        return [schema, *off, {"type": "string", "pattern": _VARIABLE}]
    if schema.get("type") == "object":
        of_names = {"type": "object", "propertyNames": {"pattern": f"^{NAME_PATTERN}$|^<<$"}}
        return [{**schema, **of_names}]
    forms = schema.get("anyOf", [schema])
    return [form for form in forms if form != {"type": "null"}]


# --- Entries of `collectors` ------------------------------------------------------------------------------------------


def _entry(sections: dict[str, Schema]) -> Schema:
    collector = _named_section(Collector, sections)
    return {
        "description": "A preset's name, a preset with parameters, or a collector of your own.",
        "anyOf": [
            {"enum": [preset.name for preset in describe_presets()]},
            {"type": "string", "pattern": f"^{NAME_PATTERN}$", "description": "A preset of a file below 'presets'."},
            collector,
            {"$ref": "#/$defs/presets"},
        ],
    }


def _presets() -> Schema:
    """``nginx: {logs: /srv/log}``, also of a preset of the user's own."""
    shipped = {preset.name: _parameters(preset) for preset in describe_presets()}
    own = [key for key in Collector.yaml_keys() if key not in shipped]
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": shipped,
        "additionalProperties": {"type": ["object", "null"]},
        "propertyNames": {"not": {"enum": own}},
    }


_ONE_VALUE = ["string", "number", "boolean"]


def _parameters(preset: Preset) -> Schema:
    known = {
        name: {
            "description": parameter.description,
            "type": [*_ONE_VALUE, "array"] if parameter.several else _ONE_VALUE,
        }
        for name, parameter in preset.parameters.items()
    }
    required = [name for name, parameter in preset.parameters.items() if parameter.default is None]
    return {
        "description": preset.description,
        "type": "object" if required else ["object", "null"],
        "properties": {**known, PREFIX: {"description": "First part of the collectors' names.", "type": "string"}},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }
