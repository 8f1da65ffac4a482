"""The model and the presets -> their manuals (`./dev docs` writes them); and the commented template that users copy."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from FailTaleLibrary.config.model import (
    Collector,
    Component,
    Config,
    Host,
    RedactionRule,
    Section,
    SshOverrides,
    Variable,
)
from FailTaleLibrary.config.presets import Parameter, Preset, describe_presets
from FailTaleLibrary.config.queries import HttpQuery, McpQuery
from FailTaleLibrary.config.transports import TRANSPORTS, transport_module
from FailTaleLibrary.config.types import format_bytes, format_duration, kind_of
from FailTaleLibrary.schema import MISSING, FieldInfo

# --- The template: a commented configuration that users copy ---------------------------------------------------------

_PACKAGE = Path(__file__).parent.parent
_CANDIDATES = (
    _PACKAGE / "failtale.yaml",  # installed: resources/ is laid over the package
    _PACKAGE.parent / "resources" / _PACKAGE.name / "failtale.yaml",  # a checkout
)


def template_text() -> str:
    """The text of the template, from the installed package or from a checkout."""
    return next(path for path in _CANDIDATES if path.is_file()).read_text(encoding="utf-8")


# --- The manuals: docs/configuration.md and docs/presets.md ----------------------------------------------------------

_INTRODUCTION = """\
# Configuration

FailTale reads one YAML file, `failtale.yaml`. This page is made from its model: do not edit it.

A file that says only this is enough to collect from the machine that runs the tests:

```yaml
components:
  machine:
    collectors: [linux]
hosts:
  here:
    component: machine
    transport: local
```

## How values are written

- **Durations** are seconds or have a unit: `500 ms`, `10 s`, `2 min`, `1 h`, `1 d`.
- **Sizes** are bytes or have a unit: `64 kB` counts in 1000s, `64 KiB` (or `64 k`) in 1024s.
- **Variables**: `"%{NAME}"` and `"%{NAME=default}"` read the environment, as in Robot Framework, also inside a longer
  value. YAML wants quotes around a value that begins with `%`. `'\\%{NAME}'` stands for these characters themselves.
- **Variables of the tests**, Robot's `${NAME}` or a fixture of pytest, are declared below `variables`; see
  [below](#variables-of-the-tests).
- **Secrets** are given as `"%{NAME}"` or `file:PATH` (a file with mode 0600), never in clear. FailTale removes them
  from everything that it shows or writes.
- **Paths** of this machine are relative to the directory of the configuration file; `~` is your home directory. Paths
  of logs are those on the host and begin with `/`.
- A key without a value counts as not written. A key that begins with `x-` is left alone: a place for YAML anchors.

A mistake ends the loading with its line and what to write instead; all mistakes of a file are reported together.

## How collectors are written

An entry of `collectors` is a preset's name, a preset with parameters, or a collector of your own with exactly one of
`command`, `file`, `journal`, `container`, `kubernetes`, `http` and `mcp`
(the last two are [queries](how-to/log-stores.md)):

```yaml
collectors:
  - linux
  - systemd: {unit: myapp}
  - file: /var/log/myapp/*.log
    grep: ERROR|FATAL
  - name: queue
    command: myapp-admin queue --length
    baseline: yes
```

The presets and their parameters are listed in [presets.md](presets.md). Collectors that come from a preset are called
`<preset>.<name>`. To use a preset twice on a host, give one of them another first name:
`redis: {name: cache, port: 6380}` brings `cache.…`.

## Variables of the tests

Where each test has a device of its own, or the suite chooses what it tests, the address comes from the tests:

```yaml
variables:
  DUT: host
  UNIT: {kind: name, default: shop.service}
  SERIAL: {pattern: "[A-Z]{2}[0-9]{6}"}
components:
  device:
    collectors:
      - systemd: {unit: "${UNIT}"}
      - file: /var/log/devices/${SERIAL}.log
      - command: shopctl status ${SERIAL}
hosts:
  dut: {component: device, address: "${DUT}"}
```

- A name stands as `${NAME}` in `address` and `inside`, in `command`, `file`, `archive` and `journal` of collectors, in
  `params`, `json`, `arguments` and the path of `url` of queries, and in parameters of presets, alone or inside a longer
  text; nowhere else. In a command a name that is not declared stays the shell's.
- Values are read when a test begins, for its marks, and again when it fails. Where they differ, the evidence is that of
  the values at the failure, and the card says that there was no mark. Marks and connections belong to the values with
  which they were made; two tests with two devices never share them.
- A value is a text, a whole number or an IP address. All of it must match its `kind` or `pattern`, and whatever a
  pattern says, it holds letters, digits and `/.@%+=:,_-` alone, at most 256 of them, and does not begin with `-`. A
  name that looks like a secret's is refused.
- What has no value that fits is not collected; the card has the reason, without the value, and the rest is collected.
- Robot Framework: `${DUT}` as the failing test has it. pytest: a fixture of that name which the test uses, else a line
  `DUT = 192.0.2.7` below `failtale_variables` in pytest's configuration. `failtale check`, `collect`, `gate` and
  `prepare-host`: `--variable DUT=192.0.2.7`. A gate is made for the values that it is given. With a gateway the runner
  declares them as well and sends what fits; what the server's own `variables` say counts there.
"""

_PRESETS_INTRODUCTION = """\
# Presets

Collector sets that come with FailTale. This page is made from their data (`FailTaleLibrary/presets/*.yaml`): do not
edit it. All of them only read. Every preset also takes `name`, the first part of its collectors' names.

A preset of your own is a file of the same form beside your configuration, named there under `presets`:

```yaml
name: shop
description: The shop's back end.
parameters:
  port: {description: Port of the admin interface., default: "8081", pattern: "[0-9]+"}
collectors:
  - name: health
    command: curl -sS --max-time 3 http://localhost:{port}/health
    baseline: yes
  - name: log
    file: /var/log/shop/backend.log
```

A `{parameter}` is put into a command as one quoted word; write it outside of quotes.
"""


def configuration_markdown() -> str:
    """The manual of `failtale.yaml`, from the model."""
    parts = [_INTRODUCTION, "## The sections", _section_table(Config)]
    for title, section in _sections():
        parts += [f"### `{title}`", (section.__doc__ or "").strip(), _section_table(section)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def presets_markdown() -> str:
    """The manual of the presets, from their data."""
    parts = (_PRESETS_INTRODUCTION, *map(preset_markdown, describe_presets()))
    return "\n\n".join(part.strip() for part in parts) + "\n"


# --- Sections --------------------------------------------------------------------------------------------------------


def _sections() -> Iterator[tuple[str, type[Section]]]:
    """Every section with its path, in the order of the file."""
    for key, name in Config.yaml_keys().items():
        section = _section_of(Config.model_fields[name].annotation)
        if section is not None:
            yield _TITLES.get(section, key), section
        yield from _INNER.get(key, ())
        if key == "hosts":
            yield from _transport_sections()


def _transport_sections() -> Iterator[tuple[str, type[Section]]]:
    """The section of each transport that the model of a host does not have itself."""
    for name in sorted(TRANSPORTS.keys() - Host.yaml_keys().keys()):
        settings = transport_module(name).SETTINGS
        if settings is not None:
            yield f"hosts.<name>.{name}", settings


_TITLES: dict[type[Section], str] = {
    Component: "components.<name>",
    Host: "hosts.<name>",
    Variable: "variables.<name>",
}
_INNER: dict[str, tuple[tuple[str, type[Section]], ...]] = {
    "components": (
        ("components.<name>.collectors[]", Collector),
        ("components.<name>.collectors[].http", HttpQuery),
        ("components.<name>.collectors[].mcp", McpQuery),
    ),
    "hosts": (("hosts.<name>.ssh", SshOverrides),),
    "redaction": (("redaction.rules[]", RedactionRule),),
}


def _section_of(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_of(part))), None)


def _section_table(section: type[Section]) -> str:
    rows = [
        (f"`{key}`", _type_words(field), _default(field), field.description or "")
        for key, name in section.yaml_keys().items()
        for field in (section.model_fields[name],)
    ]
    return _markdown_table(("key", "type", "default", "meaning"), rows)


def _markdown_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# --- Types and defaults in words -------------------------------------------------------------------------------------


def _type_words(field: FieldInfo) -> str:
    words = kind_of(field.metadata) or _type_in_words(field.annotation)
    least, most = field.bound("ge"), field.bound("le")
    return words if most is None else f"{words}, {least or 0} to {most}"


def _type_in_words(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(arguments) or _type_in_words(arguments[0])
    if origin in (Union, types.UnionType):
        return _type_in_words(next(part for part in arguments if part is not types.NoneType))
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin is tuple:
        return f"list of {_section_name(arguments[0])}"
    if origin is dict:
        return f"name → {_section_name(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "section"
    return {bool: "yes or no", str: "text"}[annotation]


def _section_name(annotation: Any) -> str:
    section = _section_of(annotation)
    if section is None:
        return "values"
    return "rules" if section is RedactionRule else section.__name__.lower()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "" if "Default:" in (field.description or "") else "must be given"
    if field.default is MISSING or field.default in (None, (), {}, ""):
        return ""
    if isinstance(field.default, bool):
        return "`yes`" if field.default else "`no`"
    as_text = {"duration": format_duration, "size": format_bytes}.get(kind_of(field.metadata) or "", str)
    return f"`{as_text(field.default)}`"


# --- Presets ---------------------------------------------------------------------------------------------------------


def preset_markdown(preset: Preset) -> str:
    """What one preset collects, and with which options."""
    parts = [f"## {preset.name}", preset.description, f"```yaml\ncollectors:\n  - {preset.usage}\n```"]
    if preset.parameters:
        rows = (_parameter_row(name, parameter) for name, parameter in preset.parameters.items())
        parts.append(_markdown_table(("parameter", "default", "meaning"), rows))
    parts.append(
        _markdown_table(("collector", "asks", "shows", "an empty output means", "needs"), _collector_rows(preset))
    )
    if preset.needs:
        parts.append(f"Programs on the host: {', '.join(f'`{program}`' for program in preset.needs)}.")
    if preset.tested_with:
        parts.append(f"Tested with {'; '.join(preset.tested_with)}.")
    return "\n\n".join(parts)


def _parameter_row(name: str, parameter: Parameter) -> tuple[str, str, str]:
    default = "must be given" if parameter.default is None else f"`{parameter.default}`"
    return f"`{name}`", default, parameter.description


def _collector_rows(preset: Preset) -> Iterator[tuple[str, ...]]:
    for collector in preset.collectors():
        shown = " ".join(
            (collector.description, "Compared with the test's start." if collector.baseline else "")
        ).strip()
        yield f"`{collector.name}`", _asks(collector), shown, collector.empty_means, collector.privilege


def _asks(collector: Collector) -> str:
    if collector.command:
        return f"`{' '.join(collector.command.split())}`"
    if collector.kubernetes:
        return f"`kubectl`: {collector.kubernetes}"
    if collector.journal:
        return f"journal of `{collector.journal}`"
    if collector.http is not None:
        return f"`{collector.http.url}`"
    if collector.mcp is not None:
        return f"MCP tool `{collector.mcp.tool}`"
    return ", ".join(f"`{file}`" for file in collector.file)


if __name__ == "__main__":
    sys.stdout.write(presets_markdown() if sys.argv[1:] == ["presets"] else configuration_markdown())
