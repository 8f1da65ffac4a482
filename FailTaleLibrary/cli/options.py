"""What several commands share: the options ``--config`` and ``--variable``, and the configuration that they mean."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Mapping
from typing import TypeAlias

from FailTaleLibrary.config import CONFIG_VARIABLE, Config, config_found_here, config_path, load_config, taken_by_itself
from FailTaleLibrary.config.variables import resolve, values_of
from FailTaleLibrary.errors import ConfigError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


EXIT_STATUSES = {
    0: "Done.",
    1: "Done, and something is not well; or a fault of FailTale's own, with its traceback.",
    2: "Bad input: a sentence on standard error says which.",
    3: "`failtale analyze` alone: nothing failed, but for some failure there was nothing to ask a model about.",
    130: "Interrupted by Ctrl-C.",
}
"""Exit status -> what it means for every command. What 1 means for one command stands below its options."""


def status_1(meaning: str) -> str:
    """The last line of a command's help: when it ends with exit status 1."""
    return f"Exit status 1: {meaning}."


def with_config() -> argparse.ArgumentParser:
    """The parent of each command that reads the configuration."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument(
        "--config", metavar="FILE", help=f"default: the file that {CONFIG_VARIABLE} names, else ./failtale.yaml"
    )
    return parent


def with_variables() -> argparse.ArgumentParser:
    """The parent of each command that needs values of the configuration's variables."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument(
        "--variable",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="what a variable of the tests is, below 'variables' of the configuration; repeatable",
    )
    return parent


def variables_of(options: argparse.Namespace, config: Config) -> Mapping[str, str]:
    """What `--variable` says. Raises ConfigError for what is none, or is not declared."""
    told = dict(each.partition("=")[::2] for each in options.variable)
    for name in told:
        if name not in config.variables:
            known = ", ".join(config.variables) or "none"
            raise ConfigError(f"'--variable {name}=…': the configuration declares no such variable; it has: {known}.")
    return told


def with_values(options: argparse.Namespace, config: Config, hosts: Collection[str]) -> Config:
    """The configuration with the values that `--variable` gives in place of its variables.

    Raises ConfigError where one that some ``hosts`` (none: any) need is missing, or does not fit.
    """
    values = values_of(config.variables, variables_of(options, config).__getitem__)
    resolved = resolve(config, values)
    first = next((each for each in resolved.unresolved if not hosts or each.host in hosts), None)
    if first is not None:
        raise ConfigError(f"{first.host}: {first.why} Say it here with '--variable NAME=VALUE'.")
    return resolved.config


def configuration(options: argparse.Namespace) -> Config:
    """The configuration that a command needs; ``./failtale.yaml``, which is said, where none is named.

    Raises ConfigError when there is none or it has mistakes.
    """
    config = configuration_if_there(options)
    if config is None:
        raise ConfigError(
            f"No configuration: there is no 'failtale.yaml' here. Let 'failtale init' write one, name one with "
            f"'--config FILE', or set {CONFIG_VARIABLE}."
        )
    return config


def configuration_if_there(options: argparse.Namespace) -> Config | None:
    """The same; None when there is none at all."""
    config = configuration_if_named(options)
    if config is None and (path := config_found_here()):
        print(taken_by_itself(path), file=sys.stderr)
        config = load_config(path)
    return config


def configuration_if_named(options: argparse.Namespace) -> Config | None:
    """The configuration of a command that can do without. Raises ConfigError when it has mistakes."""
    path = config_path(options.config, os.environ)
    return load_config(path) if path else None


def told_of(config: Config) -> Config:
    """The configuration, after saying on standard error what its file says that is not followed."""
    for note in config.notes:
        print(f"failtale: note: {note}", file=sys.stderr)
    for warning in config.warnings:
        print(f"failtale: warning: {warning}", file=sys.stderr)
    return config
