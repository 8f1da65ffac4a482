"""`failtale.yaml` -> Config; or one ConfigError that reports every mistake with its line and what to write instead."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from FailTaleLibrary.config.checks import (
    check_gateway,
    check_hosts,
    check_known_hosts,
    check_shapes,
    check_variable,
)
from FailTaleLibrary.config.collectors import read_collectors
from FailTaleLibrary.config.messages import Mistakes
from FailTaleLibrary.config.model import Collector, Component, Config, Host
from FailTaleLibrary.config.original import as_yaml, is_original, translated
from FailTaleLibrary.config.presets import PresetLibrary
from FailTaleLibrary.config.transports import TRANSPORTS, transport_module
from FailTaleLibrary.config.types import in_quotes
from FailTaleLibrary.config.yaml_source import Document, Where, read_document, read_text
from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.schema import SecretStr

FILE_NAME = "failtale.yaml"
"""The configuration's usual name."""
CONFIG_VARIABLE = "FAILTALE_CONFIG"
"""The environment variable that names the configuration where nothing else does."""


def config_path(named: str | None, environ: Mapping[str, str]) -> str | None:
    """The configuration's path: the one that the user named, else that of the environment; None when there is none."""
    return named or environ.get(CONFIG_VARIABLE) or None


def config_found_here() -> str | None:
    """The file of the usual name in the working directory; for a face whose user asked for FailTale and named no file.

    Such a face says which file it took: `taken_by_itself`.
    """
    path = Path.cwd() / FILE_NAME
    return str(path) if path.is_file() else None


def taken_by_itself(path: str) -> str:
    """The sentence for a file that nobody named."""
    return f"FailTale uses '{path}'."


def load_config(path: Path | str, *, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a file.

    Raises ConfigError, which reports all mistakes of the file, one a line.
    """
    return parse_config(_text_of(Path(path)), source=path, environ=environ)


def parse_config(text: str, *, source: Path | str = "failtale.yaml", environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a text; relative paths are relative to the directory of ``source``."""
    mistakes = Mistakes()
    document = read_document(text, Path(source), mistakes=mistakes, environ=environ)
    config = _config(document) if document else None
    mistakes.raise_if_any(str(Path(source)))
    assert config is not None  # noqa: S101 - without a mistake there is one
    return config


def converted(path: Path) -> tuple[str, tuple[str, ...]]:
    """A configuration of the original FailTale as a text of today, and the notes on what of it is not followed.

    Raises ConfigError where it is no such configuration, or has mistakes: they are told at their places.
    """
    text = _text_of(path)
    parse_config(text, source=path)
    document = read_document(text, path, mistakes=Mistakes(), environ=os.environ)
    if document is None or not is_original(document.data):
        raise ConfigError(f"{in_quotes(path)} is no configuration of the original FailTale: it has no 'ssh_defaults'.")
    today, notes = translated(document)
    return as_yaml(today, notes), notes


def _text_of(path: Path) -> str:
    try:
        return read_text(path)
    except OSError as error:
        raise ConfigError(f"the configuration {in_quotes(path)} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}{error}") from error


def _config(document: Document) -> Config | None:
    if not isinstance(document.data, dict):
        sections = "write sections such as 'components:' and 'hosts:', or let 'failtale init' do it"
        sentence = f"this is not a configuration; {sections}"
        document.add_at_key((), sentence)
        return None
    notes: tuple[str, ...] = ()
    if is_original(document.data):
        document, notes = translated(document)
    notes = (*notes, *_many_hosts(document))
    presets = _preset_library(document)
    check_shapes(document, presets.names)
    variables = _variables(document)
    collectors = _collectors(document, presets=presets)
    check_hosts(document, collectors)
    check_gateway(document)
    check_known_hosts(document)
    data = _with_transport_settings(document, _with_collectors({**document.data, **variables}, collectors))
    config = document.validate(Config, data)
    environment = {name: SecretStr(value) for name, value in document.environment.items()}
    return config and config.model_copy(
        update={
            "source": document.source.absolute(),
            "environment": environment,
            "notes": notes,
            "warnings": tuple(_warnings_on(config)),
        }
    )


def _many_hosts(document: Document) -> tuple[str, ...]:
    """Hosts by patterns and of an inventory, written out; the notes on what of an inventory is not followed."""
    hosts = document.data.get("hosts")
    patterns = [name for name in hosts if re.search(r"[*?\[]", name)] if isinstance(hosts, dict) else []
    if not patterns and document.data.get("inventory") is None:
        return ()
    from FailTaleLibrary.config.many_hosts import with_many_hosts  # at need: most files name a few hosts

    return with_many_hosts(document)


def _warnings_on(config: Config) -> Iterator[str]:
    """What is followed, and better done otherwise."""
    of_hosts = [name for name, host in config.hosts.items() if host.ssh.password is not None]
    if config.ssh.password is not None or of_hosts:
        whose = "hosts" if config.ssh.password is not None else in_quotes(", ".join(of_hosts))
        yield (
            f"The login to {whose} is by password, which whoever reads the environment or the file can use anywhere; a "
            "key is better (ssh-keygen -t ed25519 -f ~/.ssh/failtale; ssh-copy-id -i ~/.ssh/failtale.pub USER@HOST)."
        )
    if config.salt is not None and config.salt.function == "cmd.run_all":
        yield (
            f"'salt.function: cmd.run_all' makes '{config.salt.user}', and whoever reads its password, root on every "
            "minion; the module that 'failtale gate --salt' writes runs the collectors and nothing else."
        )


def _variables(document: Document) -> dict[str, Any]:
    """The section of variables with ``NAME: kind`` written out; nothing where the file has none."""
    section = document.data.get("variables")
    if not isinstance(section, dict):
        return {}
    variables = {name: _variable_of(document, name, item) for name, item in section.items()}
    for name, item in variables.items():
        check_variable(document, name, item)
    return {"variables": variables}


def _variable_of(document: Document, name: str, item: Any) -> Any:
    """A variable's section; a kind alone is one, and a default is a text, also where YAML reads a number."""
    if isinstance(item, str):
        return {"kind": item}
    if isinstance(item, dict) and isinstance(item.get("default"), (int, float)):
        return {**item, "default": document.raw[("variables", name, "default")]}
    return item


def _preset_library(document: Document) -> PresetLibrary:
    library = PresetLibrary(document.mistakes)
    written = document.data.get("presets")
    for index, name in enumerate(written if isinstance(written, list) else [written]):
        at: Where = ("presets", index) if isinstance(written, list) else ("presets",)
        if isinstance(name, str):
            _add_preset(document, name, at=at, to=library)
    return library


def _add_preset(document: Document, name: str, *, at: Where, to: PresetLibrary) -> None:
    path = document.source.parent / os.path.expanduser(name)  # noqa: PTH111 - leaves an unknown home as it is
    if path.is_file():
        to.add_file(path)
    elif name in to.names:
        shown = document.shown(at, name)
        sentence = (
            f"{shown} comes with FailTale; name it in a component: 'components: {{web: {{collectors: [{name}]}}}}'"
        )
        document.add(at, sentence)
    else:
        document.add(at, f"{document.shown(at, name)} is not a file; name one that holds a preset")


def _collectors(document: Document, *, presets: PresetLibrary) -> dict[str, tuple[Collector, ...]]:
    """The collectors of every component that the file names."""
    components = document.data.get("components")
    return {
        name: _collectors_of(document, component or {}, at=("components", name), presets=presets)
        for name, component in (components.items() if isinstance(components, dict) else ())
    }


def _collectors_of(document: Document, component: Any, *, at: Where, presets: PresetLibrary) -> tuple[Collector, ...]:
    if not isinstance(component, dict):
        return ()  # the model says so
    if entries := component.get("collectors"):
        return read_collectors(document, entries, at=(*at, "collectors"), presets=presets)
    if component.keys() <= Component.yaml_keys().keys():  # else the key is misspelt, which the model reports
        document.add_at_key(at, "has no collectors; write e.g. 'collectors: [linux]'")
    return ()


def _with_collectors(data: Mapping[str, Any], collectors: Mapping[str, tuple[Collector, ...]]) -> dict[str, Any]:
    """The data with each component's collectors in place of what the user wrote."""
    components = data.get("components")
    if not isinstance(components, dict):
        return dict(data)
    return {**data, "components": {name: _component_with(data, collectors[name]) for name, data in components.items()}}


def _with_transport_settings(document: Document, data: dict[str, Any]) -> dict[str, Any]:
    """The data with the checked settings of each host's transport in place of the section of the transport's name."""
    hosts = data.get("hosts")
    if not isinstance(hosts, dict):
        return data
    return {
        **data,
        "hosts": {name: _host_with_settings(document, host, at=("hosts", name)) for name, host in hosts.items()},
    }


def _host_with_settings(document: Document, data: Any, *, at: Where) -> Any:
    if not isinstance(data, dict):
        return data  # the model says so
    foreign = TRANSPORTS.keys() - Host.yaml_keys().keys()  # sections that the model does not know
    transport = str(data.get("transport"))
    settings = transport_module(transport).SETTINGS if transport in foreign else None
    if settings is None:
        foreign -= {transport}  # an unknown key, which the model reports
    others = {key: value for key, value in data.items() if key not in foreign}
    if settings is None:
        return others
    return {**others, "(settings)": document.validate(settings, data.get(transport), at=(*at, transport))}


def _component_with(data: Any, collectors: tuple[Collector, ...]) -> Any:
    return {**data, "collectors": collectors} if isinstance(data, dict) else data
