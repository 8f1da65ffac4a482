"""Presets: collector sets as data. `FailTaleLibrary/presets/*.yaml` are shipped, users add files of their own.

A preset's file::

    name: systemd
    description: State and journal of one systemd unit.
    needs: [systemctl, journalctl]
    parameters:
      unit: {description: The unit., example: myapp}
    collectors:
      - name: "{unit}-state"
        command: systemctl show {unit} --property=ActiveState

``{unit}`` is replaced wherever it occurs in a collector; in a command as one quoted word of the shell. Other braces
stay, and so does ``%{NAME}``: what differs between users is a parameter.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from FailTaleLibrary.config.checks import check_collector
from FailTaleLibrary.config.messages import Mistake, Mistakes
from FailTaleLibrary.config.model import Collector, Section
from FailTaleLibrary.config.types import Name, Pattern, Texts, in_quotes
from FailTaleLibrary.config.yaml_source import Document, Where, read_document, read_text
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.schema import Field

_SHIPPED = Path(__file__).parent.parent / "presets"
PREFIX = "name"
"""The parameter that every preset has: the first part of its collectors' names, to use a preset twice."""
_EXPRESSIONS = ("grep", "mask", "row", "counters", "alarms", "limits")
"""Keys of a collector that hold regular expressions."""
_HARMLESS = r"[\w/.@%+=:,][\w/.@%+=:,-]*"
"""What a parameter may hold unless its `pattern` says otherwise: nothing that a shell or an option parser takes up."""


class Parameter(Section):
    """What a user of a preset may or must say."""

    description: str = Field(description="What it is, in a sentence.")
    default: str | None = Field(None, description="Its value when the user says nothing; without one it must be given.")
    example: str | None = Field(None, description="A value for the documentation, where there is no default.")
    pattern: Pattern = Field(
        _HARMLESS, description="Expression that the whole value must match; default: letters, digits and `/.@%+=:,_-`."
    )

    several: bool = Field(False, description="Whether it may be a list, which becomes one text with commas.")

    @property
    def sample(self) -> str | None:
        return self.example if self.default is None else self.default


class Preset(Section):
    """A collector set with parameters."""

    name: Name = Field(description="What users write under `collectors`; the first part of its collectors' names.")
    description: str = Field(description="What it shows, in a sentence.")
    needs: Texts = Field((), description="Programs that must be on the host.")
    tested_with: Texts = Field((), description="Programs and versions that it was run against.")
    parameters: dict[Name, Parameter] = Field({}, description="What a user may or must say.")
    templates: tuple[dict[str, Any], ...] = Field(
        alias="collectors",
        min_length=1,
        description="Collectors as in a component, with `{parameter}` in texts.",
    )

    @property
    def samples(self) -> dict[str, str]:
        """Defaults, and examples where there is none."""
        return {name: parameter.sample or "" for name, parameter in self.parameters.items()}

    @property
    def usage(self) -> str:
        """How to name it in a configuration, with what it must be given."""
        needed = ((name, item.sample or "") for name, item in self.parameters.items() if item.default is None)
        required = ", ".join(f"{name}: {_as_yaml(sample)}" for name, sample in needed)
        return f"{self.name}: {{{required}}}" if required else self.name

    def filled(self, values: Mapping[str, str], *, prefix: str | None = None) -> tuple[dict[str, Any], ...]:
        """The collectors' data with parameters replaced; defaults where ``values`` has none.

        ``prefix`` is the first part of the collectors' names, instead of the preset's own.
        """
        values = self.samples | dict(values)
        return tuple(
            {key: _filled_template(item, values, in_command=key == "command") for key, item in template.items()}
            | {"name": _collector_name(prefix or self.name, template, values), "(preset)": self.name}
            for template in self.templates
        )

    def used_by(self, template: Mapping[str, Any]) -> tuple[str, ...]:
        """The parameters that one of its templates puts somewhere."""
        asked = _placeholder_pattern(self.parameters).findall(str(list(template.values()))) if self.parameters else ()
        return tuple(dict.fromkeys(asked))

    def collectors(self, values: Mapping[str, str] | None = None) -> tuple[Collector, ...]:
        """The collectors for given parameters; defaults and examples where there are none."""
        return tuple(map(Collector.model_validate, self.filled(values or {})))

    def refusal(self, parameter: str, value: str) -> str | None:
        """Why a value is none for a parameter, or None."""
        import re2  # not wanted by presets without parameters

        pattern = self.parameters[parameter].pattern
        if re2.fullmatch(pattern, value):
            return None
        return f"is no '{parameter}' for the preset '{self.name}'; it must match {pattern}"


def _as_yaml(text: str) -> str:
    """In quotes where YAML, or a mapping in braces, would read a plain text otherwise."""
    return f"'{text}'" if text[:1] in "{[\"'%@`&*!|>" or re.search(r"[,{}\[\]]|: | #", text) else text


def _filled_template(item: Any, values: Mapping[str, str], *, in_command: bool) -> Any:
    if isinstance(item, list):
        return [_filled_template(part, values, in_command=in_command) for part in item]
    if isinstance(item, dict):
        filled = {key: _filled_template(part, values, in_command=False) for key, part in item.items()}
        return {str(_filled_template(key, values, in_command=False)): part for key, part in filled.items()}
    if not isinstance(item, str) or not values:
        return item
    if not in_command and item[:1] + item[-1:] == "{}" and item[1:-1] in values:
        return values[item[1:-1]]  # itself: a secret stays one that the environment gave
    return _placeholder_pattern(values).sub(
        lambda match: shlex.quote(values[match[1]]) if in_command else values[match[1]], item
    )


def _placeholder_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """``{name}`` of one of the names; ``${name}`` is the shell's."""
    return re.compile(r"(?<!\$)\{(" + "|".join(map(re.escape, names)) + r")\}")


def _collector_name(prefix: str, template: Mapping[str, Any], values: Mapping[str, str]) -> str:
    name = str(_filled_template(template.get("name", ""), values, in_command=False))
    name = re.sub(r"\$\{(\w+)\}", r"\1", name)  # a variable's own name: its value comes later
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{prefix}.{name}")[:64]


# --- Loading ---------------------------------------------------------------------------------------------------------


@dataclass
class PresetLibrary:
    """The shipped presets and those of a user's files; each shipped one is read when it is asked for."""

    mistakes: Mistakes
    _read: dict[str, Preset | None] = field(default_factory=dict)
    """None: its file is wrong, which is noted."""

    @cached_property
    def _shipped(self) -> dict[str, Path]:
        return {path.stem: path for path in _SHIPPED.glob("*.yaml")}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({*self._shipped, *self._read}))

    def get(self, name: str) -> Preset | None:
        """The preset of a name; None when there is none, or when its file is wrong."""
        if name in self._shipped and name not in self._read:
            self._read[name] = _shipped_preset(self._shipped[name], self.mistakes)
        return self._read.get(name)

    def has_checked_patterns(self, preset: Preset) -> bool:
        """Whether the tests of a preset of our own have checked its expressions, as no user's value goes into them."""
        if preset.name not in self._shipped:
            return False
        expressions = str([[template.get(key) for key in _EXPRESSIONS] for template in preset.templates])
        return not preset.parameters or not _placeholder_pattern(preset.parameters).search(expressions)

    def add_file(self, path: Path) -> None:
        """Add a user's preset."""
        document = _document(path, self.mistakes)
        preset = _preset_in(document) if document else None
        name = _stated_name(document) or path.stem
        if document and name in self.names:
            document.add(("name",), f"{in_quotes(name)} is the name of another preset; choose another")
        else:
            self._read[name] = preset


def _shipped_preset(path: Path, mistakes: Mistakes) -> Preset | None:
    """A preset of our own. Its templates were checked by its tests, so that no run pays for that."""
    document = _document(path, mistakes)
    return document.validate(Preset, document.data) if document else None


def _document(path: Path, mistakes: Mistakes) -> Document | None:
    try:
        return read_document(read_text(path), path, mistakes=mistakes)
    except (OSError, ValueError) as error:
        reason = str(error.strerror if isinstance(error, OSError) else error).lstrip(": ")
        mistakes.add(Mistake(str(path), 1, 1, f"the preset cannot be read: {reason}"))
        return None


def _stated_name(document: Document | None) -> str | None:
    """The name that a preset's file gives, even when the rest of it is wrong."""
    name = document.data.get("name") if document and isinstance(document.data, dict) else None
    return name if isinstance(name, str) else None


def _preset_in(document: Document) -> Preset | None:
    """The preset in a document; None, with the mistakes noted, when it is wrong."""
    before = len(document.mistakes.found)
    preset = document.validate(Preset, document.data)
    if preset is not None:
        _check_parameters(document, preset)
        _check_templates(document, preset)
    return preset if len(document.mistakes.found) == before else None


def _check_parameters(document: Document, preset: Preset) -> None:
    for name, parameter in preset.parameters.items():
        where: Where = ("parameters", name)
        if name == PREFIX:
            document.add_at_key(where, "is a parameter of every preset; choose another name")
        elif parameter.sample is None:
            document.add_at_key(where, "has neither 'default' nor 'example'; write one of them")
        elif preset.refusal(name, parameter.sample):
            document.add(where, f"{in_quotes(parameter.sample)} does not match its own 'pattern'")


def _check_templates(document: Document, preset: Preset) -> None:
    names: set[str] = set()
    for index, data in enumerate(preset.filled({})):
        where: Where = ("collectors", index)
        if data["name"] in names:
            document.add(where, f"the name {in_quotes(data['name'])} is already used above; choose another")
        names.add(data["name"])
        document.validate(Collector, data, at=where)
        check_collector(document, data, at=where)
        _check_quotes(document, preset, at=where)


def _check_quotes(document: Document, preset: Preset, *, at: Where) -> None:
    """A parameter comes quoted; in quotes of the command it would be quoted twice, which undoes both."""
    command = preset.templates[int(at[1])].get("command", "")
    for name in quoted_placeholders(command, preset.parameters):
        sentence = f"'{{{name}}}' is inside quotes; write it outside of them: FailTale quotes it"
        document.add((*at, "command"), sentence)


def quoted_placeholders(command: str, names: Iterable[str]) -> tuple[str, ...]:
    """Parameters that stand inside quotes of a shell command."""
    names = tuple(names)
    if not names:
        return ()
    spans = [match.span() for match in re.finditer(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"", command, re.DOTALL)]
    return tuple(
        match[1]
        for match in _placeholder_pattern(names).finditer(command)
        if any(start < match.start() < end for start, end in spans)
    )


def describe_presets(users: Iterable[Path] = ()) -> tuple[Preset, ...]:
    """All presets by name: the shipped ones, and those in a user's files.

    Raises ConfigError when a preset's file is wrong.
    """
    library = PresetLibrary(Mistakes())
    for path in users:
        library.add_file(path)
    presets = tuple(preset for name in library.names if (preset := library.get(name)))
    library.mistakes.raise_if_any(str(_SHIPPED))
    return presets
