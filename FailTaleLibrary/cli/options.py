"""What several commands share: the option ``--config``, and the configuration that it names."""

from __future__ import annotations

import argparse
import os
from typing import TypeAlias

from FailTaleLibrary.config import CONFIG_VARIABLE, Config, config_path, load_config
from FailTaleLibrary.errors import ConfigError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def with_config() -> argparse.ArgumentParser:
    """The parent of each command that reads the configuration."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument(
        "--config", metavar="FILE", help=f"failtale.yaml (default: the file that {CONFIG_VARIABLE} names)"
    )
    return parent


def configuration(options: argparse.Namespace) -> Config:
    """The configuration that a command needs. Raises ConfigError when none is named or it has mistakes."""
    config = configuration_if_named(options)
    if config is None:
        raise ConfigError(f"No configuration; write '--config failtale.yaml' or set {CONFIG_VARIABLE}.")
    return config


def configuration_if_named(options: argparse.Namespace) -> Config | None:
    """The configuration of a command that can do without. Raises ConfigError when it has mistakes."""
    path = config_path(options.config, os.environ)
    return load_config(path) if path else None
