"""What users write under `collectors` -> collectors: presets are filled in, names are given to those without one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from FailTaleLibrary.config.advice import collector_line, foreign_variable, is_short
from FailTaleLibrary.config.checks import check_collector
from FailTaleLibrary.config.messages import unknown
from FailTaleLibrary.config.model import Collector
from FailTaleLibrary.config.presets import PREFIX, Preset, PresetLibrary
from FailTaleLibrary.config.queries import misplaced_variable
from FailTaleLibrary.config.types import Expanded, in_quotes
from FailTaleLibrary.config.variables import PLACES, QUERIES, declared, filled, names_in
from FailTaleLibrary.config.yaml_source import Document, Where


def read_collectors(document: Document, entries: Any, *, at: Where, presets: PresetLibrary) -> tuple[Collector, ...]:
    """The collectors of one component; mistakes are noted, and what is wrong left out.

    An entry is a preset's name, ``preset: {parameter: value}`` or a collector.
    """
    if not isinstance(entries, list):
        entries = [entries]
    _check_names(document, entries, at=at)
    taken = {str(entry["name"]) for entry in entries if isinstance(entry, dict) and "name" in entry}
    found: dict[str, Collector] = {}
    for index, entry in enumerate(entries):
        for collector in _collectors_of(document, entry, at=(*at, index), presets=presets, taken=taken):
            if collector.preset and collector.name in found:
                document.add_at_key((*at, index), _preset_twice(collector.preset))
            found.setdefault(collector.name, collector)
    return tuple(found.values())


def _check_names(document: Document, entries: list[Any], *, at: Where) -> None:
    first: dict[str, int] = {}
    for index, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and first.setdefault(name, index) != index:
            sentence = f"{document.shown((*at, index, 'name'), name)} is the name of a collector above; choose another"
            document.add((*at, index, "name"), sentence)


def _preset_twice(preset: str) -> str:
    return f"the preset {in_quotes(preset)} is already used above with the same names; write '{preset}: {{name: …}}'"


def _collectors_of(
    document: Document, entry: Any, *, at: Where, presets: PresetLibrary, taken: set[str]
) -> list[Collector]:
    if isinstance(entry, str):
        return _from_preset(document, entry, {}, at=at, presets=presets)
    if isinstance(entry, dict) and _is_preset(entry, presets):
        (name, parameters), *_ = entry.items()
        return _from_preset(document, name, parameters or {}, at=at, presets=presets, parameters_at=(*at, name))
    if isinstance(entry, dict) and (sentence := _misplaced_preset(entry, presets)):
        document.add_at_key(at, sentence)
        return []
    if isinstance(entry, dict):
        return _own_collectors(document, entry, at=at, taken=taken)
    document.add(at, "is neither a preset nor a collector; write a preset's name, or 'name: …' and 'command: …'")
    return []


def _is_preset(entry: Mapping[str, Any], presets: PresetLibrary) -> bool:
    """``nginx:``, ``nginx: {…}``, or a known preset with something else behind it."""
    if len(entry) != 1:
        return False
    (name, parameters), *_ = entry.items()
    looks_like_parameters = parameters is None or isinstance(parameters, dict)
    if name in Collector.yaml_keys():  # `kubernetes` is a key and a preset
        return name in presets.names and looks_like_parameters
    return looks_like_parameters or name in presets.names


def _misplaced_preset(entry: Mapping[str, Any], presets: PresetLibrary) -> str | None:
    """A preset with its parameters beside it, or in the place of a name; None where it is none."""
    if len(entry) > 1 and all(key in presets.names and not value for key, value in entry.items()):
        return f"several presets are a list: write '[{', '.join(entry)}]'"
    keys = [key for key in entry if key not in Collector.yaml_keys()]
    named = next((key for key in keys if key in presets.names), None)
    if named is not None and len(entry) > 1:
        inside = ", ".join(f"{key}: {_short(value)}" for key, value in entry.items() if key != named)
        return f"{in_quotes(named)} is a preset, and what it is given stands below it: write '{named}: {{{inside}}}'"
    for key in ("preset", "name", "use", "include"):
        value = entry.get(key)
        if len(entry) == 1 and isinstance(value, str) and value in presets.names:
            return f"a preset is named by itself: write '- {value}'"
    return None


def _short(value: Any) -> str:
    is_plain = isinstance(value, (str, int)) and not isinstance(value, Expanded) and is_short(str(value))
    return str(value) if is_plain else "…"


# --- Presets ---------------------------------------------------------------------------------------------------------


def _from_preset(
    document: Document,
    name: str,
    parameters: Any,
    *,
    at: Where,
    presets: PresetLibrary,
    parameters_at: Where | None = None,
) -> list[Collector]:
    preset = presets.get(name)
    if preset is None:
        if name not in presets.names:
            document.add(at, _no_preset(document.raw.get(at, name), presets))
        return []
    if not isinstance(parameters, dict):
        usage = _usage_with(preset, document.raw.get(parameters_at or at))
        document.add(parameters_at or at, f"parameters are a mapping; write {in_quotes(usage)}")
        return []
    at_parameters = parameters_at or at
    filled = _with_parameters(document, preset, parameters, at=at_parameters)
    checked = presets.has_checked_patterns(preset)
    made = (document.validate(Collector, data, at=at_parameters, has_checked_patterns=checked) for data in filled)
    return [collector for collector in made if collector]


def _usage_with(preset: Preset, raw: str | None) -> str:
    """How the preset is named with what it was given, where it needs one thing and got it."""
    needed = [name for name, parameter in preset.parameters.items() if parameter.default is None]
    if raw is None or len(needed) != 1 or preset.refusal(needed[0], raw):
        return preset.usage
    return f"{preset.name}: {{{needed[0]}: {raw}}}"


def _no_preset(text: str, presets: PresetLibrary) -> str:
    line = collector_line(text, tuple(presets.names))
    if re.match(r"[A-Za-z]:\\", text):
        return f"{in_quotes(text)} is a path of Windows; FailTale reads logs on POSIX hosts: write '- file: /var/log/…'"
    if line is None:
        return unknown("preset", text, presets.names)
    if line.startswith("["):
        return f"{in_quotes(text)} are several presets in one text; write '{line}'"
    return f"{in_quotes(text)} is no preset; write '- {line}'"


def _with_parameters(
    document: Document, preset: Preset, given: Mapping[str, Any], *, at: Where
) -> tuple[dict[str, Any], ...]:
    """The data of the preset's collectors; none, and mistakes are noted, when the parameters are wrong."""
    values = {key: _as_one(document, preset, key, value, at=(*at, key)) for key, value in given.items()}
    before = len(document.mistakes.found)
    for key, value in values.items():
        _check_parameter(document, preset, key, value, at=(*at, key))
    if len(document.mistakes.found) == before:
        _check_required(document, preset, given, at=at)
    if len(document.mistakes.found) > before:
        return ()
    told = {key: value for key, value in values.items() if value is not None}
    filled = preset.filled(told, prefix=told.get(PREFIX))
    names = declared(document.data)
    asked = {key: found for key, value in told.items() if (found := names_in(value, names))}
    return _with_variables(document, preset, told, asked, filled, at=at) if asked else filled


def _with_variables(
    document: Document,
    preset: Preset,
    values: Mapping[str, str],
    asked: Mapping[str, tuple[str, ...]],
    filled_templates: tuple[dict[str, Any], ...],
    *,
    at: Where,
) -> tuple[dict[str, Any], ...]:
    """The data of a preset's collectors, each with the variables that its parameters brought."""
    found: list[dict[str, Any]] = []
    for template, data in zip(preset.templates, filled_templates, strict=True):
        own = dict.fromkeys(name for key in preset.used_by(template) for name in asked.get(key, ()))
        for key, item in template.items():
            if clash := names_in(str(item), tuple(own)):
                sentence = (
                    f"the preset {in_quotes(preset.name)} uses '${{{clash[0]}}}' itself; name the variable otherwise"
                )
                document.add_at_key(at, sentence)
            if key in ("name", "description", "empty_means", "privilege"):
                continue
            if place := _misplaced_variable(key, data[key], tuple(own)):
                document.add_at_key(at, f"no variable can stand in {place}, where this preset puts it")
        parameters = tuple(
            {"name": key, "pattern": preset.parameters[key].pattern, "text": values[key]}
            for key in preset.used_by(template)
            if key in asked
        )
        texts = {key: _without_references(data[key], own) for key in data if key not in (*PLACES, *QUERIES)}
        found.append({**data, **texts, "(variables)": tuple(own), "(parameters)": parameters})
    return tuple(found)


def _without_references(item: Any, names: Collection[str]) -> Any:
    """A text for a reader with ``DUT`` in place of ``${DUT}``."""
    return filled(item, {name: name for name in names}) if isinstance(item, str) and names else item


def _as_one(document: Document, preset: Preset, key: str, value: Any, *, at: Where) -> str | None:
    """The value of a parameter as one text; None where it is none."""
    may_be_several = key in preset.parameters and preset.parameters[key].several
    if may_be_several and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    return value if isinstance(value, str) else document.raw.get(at)


def _check_required(document: Document, preset: Preset, given: Mapping[str, Any], *, at: Where) -> None:
    for key, parameter in preset.parameters.items():
        if parameter.default is None and key not in given:
            document.add_at_key(
                at, f"the preset {in_quotes(preset.name)} needs '{key}'; write {in_quotes(preset.usage)}"
            )


def _check_parameter(document: Document, preset: Preset, key: str, value: str | None, *, at: Where) -> None:
    known = {*preset.parameters, PREFIX}
    if key not in known:
        document.add_at_key(at, unknown("parameter", key, known))
    elif value is None:
        document.add(at, f"a list or mapping is no '{key}'; write one value")
    elif key == PREFIX and names_in(value, declared(document.data)):
        document.add(at, f"{document.shown(at, value)} holds a variable; a collector has one name for the whole run")
    elif key not in preset.parameters or names_in(value, declared(document.data)):
        return
    elif refusal := preset.refusal(key, value):
        document.add(at, f"{document.shown(at, value)} {foreign_variable(value) or refusal}")


# --- Collectors of the user's own ------------------------------------------------------------------------------------


def _own_collectors(document: Document, entry: Mapping[str, Any], *, at: Where, taken: set[str]) -> list[Collector]:
    names = declared(document.data)
    for key, item in entry.items():
        if place := _misplaced_variable(key, item, names):
            others = "the path of 'url', params, json and arguments" if key in QUERIES else ", ".join(PLACES)
            document.add((*at, key), f"no variable can stand in {place}; it can in {others}")
    asked = names_in(str([entry.get(key) for key in (*PLACES, *QUERIES)]), names)
    name = entry.get("name") or _free(derived_name(_named_by(entry, asked)), taken)
    taken.add(str(name))
    collector = document.validate(Collector, {**entry, "name": name, "(variables)": asked}, at=at)
    check_collector(document, entry, at=at)
    return [collector] if collector else []


def _misplaced_variable(key: str, item: Any, names: Collection[str]) -> str:
    """Where below a collector's key a variable stands that may not; empty for none."""
    if key in QUERIES and isinstance(item, dict):
        return misplaced_variable(item, lambda each: bool(names_in(str(each), names)))
    return in_quotes(key) if key not in PLACES and names_in(str(item), names) else ""


def _named_by(entry: Mapping[str, Any], asked: Collection[str]) -> Mapping[str, Any]:
    """The entry as its name is made of it: with ``DUT`` in place of ``${DUT}``."""
    return {key: _without_references(item, asked) for key, item in entry.items()} if asked else entry


def derived_name(entry: Mapping[str, Any]) -> str:
    """A name for a collector that has none.

    The file's name (``error.log``), with its directory's before it when it is a pattern (``app-log``); the command's
    first word (``uptime``), past ``sudo`` and assignments; ``journal-`` and the unit; ``http-`` and the store's host,
    ``mcp-`` and the tool.
    """
    if entry.get("command"):
        return _clean(_program(str(entry["command"])))
    if entry.get("journal"):
        return _clean(f"journal-{entry['journal']}")
    for source, key in (("http", "url"), ("mcp", "tool")):
        if isinstance(query := entry.get(source), dict):
            return _clean(f"{source}-{_named_part(str(query.get(key) or ''))}")
    if entry.get("container"):
        return _clean(f"container-{entry['container'] if isinstance(entry['container'], str) else 'logs'}")
    files = entry.get("file") or ""
    parts = str(files[0] if isinstance(files, list) and files else files).rsplit("/", 2)
    is_pattern = re.search(r"[*?\[]", parts[-1]) is not None
    return _clean("-".join(parts[-2:]) if is_pattern else parts[-1])


def _named_part(text: str) -> str:
    """The host of an address; another text as it is."""
    return re.sub(r"^https?://([^/:?]*).*", r"\1", text)


def _program(command: str) -> str:
    words = (word for word in command.split() if not re.match(r"-|\w+=|sudo$", word))
    return next(words, "command").rsplit("/", 1)[-1]


def _clean(text: str) -> str:
    """The text as a name: other characters become one ``-``."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text.replace("*.", "")).strip("-._")[:60] or "collector"


def _free(name: str, taken: set[str]) -> str:
    numbered = (name if number == 1 else f"{name}-{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in numbered if candidate not in taken)
