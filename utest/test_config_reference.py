"""The manuals of configuration and presets say what the program knows."""

from __future__ import annotations

import pytest

from FailTaleLibrary.config import Config, describe_presets, parse_config
from FailTaleLibrary.config.reference import configuration_markdown, presets_markdown


def test_every_section_and_every_preset_has_its_place() -> None:
    manual = configuration_markdown()
    assert all(f"| `{key}` |" in manual for key in Config.yaml_keys())
    assert all(f"## {preset.name}\n" in presets_markdown() for preset in describe_presets())


@pytest.mark.parametrize(
    "row",
    [
        "| `port` | whole number, 1 to 65535 |  | TCP port of this host's SSH server. |",
        "| `connect_timeout` | duration | `5 s` | Longest time to connect and log in. |",
        "| `item_bytes` | size | `64 KiB` | Output kept of one collector on one host. |",
        '| `key_passphrase` | secret: `"%{NAME}"` or `file:PATH` |  | Passphrase of `key`. |',
        "| `component` | text, or a list of texts | must be given | Its component, or several. |",
    ],
)
def test_a_key_is_told_with_its_type_default_and_meaning(row: str) -> None:
    assert row in configuration_markdown()


def test_what_failtale_sets_is_not_in_the_manual() -> None:
    assert "(source)" not in configuration_markdown()
    assert "(preset)" not in configuration_markdown()


def test_every_default_in_the_manual_is_what_a_user_may_write() -> None:
    lines = [line for line in configuration_markdown().splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    limits = {cells[0].strip("`"): cells[2].strip("`") for cells in rows if cells[0] in _LIMITS}
    assert len(limits) == len(_LIMITS)
    text = "limits:\n" + "".join(f"  {key}: {value}\n" for key, value in limits.items())
    gateway = "gateway: {url: 'http://127.0.0.1:5050/mcp'}\n"
    assert parse_config(text + gateway, environ={}).limits == Config().limits


_LIMITS = {f"`{key}`" for key in type(Config().limits).yaml_keys()} - {"`run_time`"}
"""`run_time` stands in two sections with two defaults."""
