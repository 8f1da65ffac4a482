"""YAML -> Config: hosts, components, collectors, limits, redaction, analysis; every default and its unit."""

from FailTaleLibrary.config.loading import load_config, parse_config
from FailTaleLibrary.config.model import (
    AnalysisSection,
    Collector,
    Component,
    Config,
    Gateway,
    Host,
    Limits,
    Redaction,
    RedactionRule,
    Ssh,
    secret_values_of,
)
from FailTaleLibrary.config.presets import Preset, describe_presets
from FailTaleLibrary.config.template import template_text

__all__ = [
    "AnalysisSection",
    "Collector",
    "Component",
    "Config",
    "Gateway",
    "Host",
    "Limits",
    "Preset",
    "Redaction",
    "RedactionRule",
    "Ssh",
    "describe_presets",
    "load_config",
    "parse_config",
    "secret_values_of",
    "template_text",
]
