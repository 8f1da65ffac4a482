"""YAML -> Config: hosts, components, collectors, limits, redaction, analysis; every default and its unit."""

from FailTaleLibrary.config.loader import (
    CONFIG_VARIABLE,
    config_found_here,
    config_path,
    load_config,
    parse_config,
    taken_by_itself,
)
from FailTaleLibrary.config.model import (
    AnalysisSettings,
    Collector,
    Component,
    Config,
    GatewaySettings,
    Host,
    Limits,
    RedactionRule,
    RedactionSettings,
    SaltSettings,
    SshSettings,
    secret_values_of,
)
from FailTaleLibrary.config.presets import Preset, describe_presets

__all__ = [
    "CONFIG_VARIABLE",
    "AnalysisSettings",
    "Collector",
    "Component",
    "Config",
    "GatewaySettings",
    "Host",
    "Limits",
    "Preset",
    "RedactionRule",
    "RedactionSettings",
    "SaltSettings",
    "SshSettings",
    "config_found_here",
    "config_path",
    "describe_presets",
    "load_config",
    "parse_config",
    "secret_values_of",
    "taken_by_itself",
]
