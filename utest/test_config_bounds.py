"""A hostile or mistaken configuration costs little time and memory, and one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from FailTaleLibrary.config import load_config, parse_config
from FailTaleLibrary.errors import ConfigError


def told(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, environ={})
    return str(caught.value)


def bomb(levels: int, *, merged: bool = False) -> str:
    """Each level stands for the one below, ten times over."""
    lines = ["a0: &a0 {x: 1}" if merged else "a0: &a0 [x, x]"]
    for level in range(1, levels):
        aliases = ", ".join([f"*a{level - 1}"] * 10)
        own = f", k{level}: 1" if merged else ""
        lines.append(f"a{level}: &a{level} {{<<: [{aliases}]{own}}}" if merged else f"a{level}: &a{level} [{aliases}]")
    return "\n".join(lines) + "\n"


def test_aliases_that_stand_for_billions_of_values_are_refused() -> None:
    assert told(bomb(12)) == (
        "failtale.yaml:1:1: more than 100000 values; each '*alias' counts with all that it stands for"
    )


def test_mappings_that_merge_each_other_over_and_over_are_read_in_little_time() -> None:
    assert "unknown key 'a0'" in told(bomb(40, merged=True))


def test_a_mapping_that_merges_itself_is_read() -> None:
    assert "unknown key 'a'" in told("a: &a {<<: *a, b: 1}\n")


def test_what_cannot_be_merged_is_told() -> None:
    assert "'<<' takes a mapping, or a list of them; write '<<: *NAME'" in told("ssh: {<<: text}\n")


NUMBERS = ["9" * 5000, "1" + ":1" * 50_000, "0x" + "f" * 5000, "9" * 400 + ".5"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("key", ["item_bytes", "failure_time", "parallel_hosts"])
def test_a_number_that_no_computer_needs_is_refused(key: str, number: str) -> None:
    complaint = f"is a number of {len(number)} characters; write a smaller one"
    assert f":1:{12 + len(key)}: limits.{key}: {complaint}" in told(f"limits: {{{key}: {number}}}\n")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("limits: {item_bytes: 99999999999999}", "'99999999999999' is out of range; write at most 1000 GB"),
        ("limits: {item_bytes: 2000 GB}", "'2000 GB' is out of range; write at most 1000 GB"),
        ("limits: {parallel_hosts: 99999999999}", "limits.parallel_hosts: "),
        ("limits: {failure_time: 1e300}", "limits.failure_time: "),
        ("limits: {failure_time: .inf}", "limits.failure_time: "),
    ],
)
def test_a_value_out_of_all_bounds_is_refused(line: str, sentence: str) -> None:
    message = told(line + "\n")
    assert sentence in message
    assert len(message) < 600


@pytest.mark.parametrize("text", ["[" * 500_000, "{a: " * 200_000, "- " * 400_000 + "a", "a: " + "[" * 999 + "]" * 999])
def test_values_that_are_nested_too_deeply_are_told(text: str) -> None:
    assert "values are nested too deeply" in told(text)


def test_a_long_file_with_a_mistake_at_its_end_is_told_soon() -> None:
    text = "".join(f"key{number}: value\n" for number in range(40_000)) + "ssh: [\n"
    assert told(text).startswith("failtale.yaml:40002:1: this is not YAML: ")


def test_a_device_without_end_is_refused_with_little_memory(tmp_path: Path) -> None:
    program = (
        "import resource, sys\n"
        "from FailTaleLibrary.config import load_config\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (500_000_000,) * 2)\n"
        "try: load_config('/dev/zero')\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "/dev/zero: more than 1024 KiB; this is no file that a person wrote\n"


def test_a_preset_without_end_is_refused(tmp_path: Path) -> None:
    preset = tmp_path / "big.yaml"
    preset.write_text("# " + "x" * 2_000_000)
    config = tmp_path / "failtale.yaml"
    config.write_text("presets: big.yaml\n")
    with pytest.raises(ConfigError, match="the preset cannot be read: more than 1024 KiB"):
        load_config(config)


def test_a_configuration_may_come_through_a_pipe(tmp_path: Path) -> None:
    """As the shell's `<(…)` gives it."""
    reading, writing = os.pipe()
    os.write(writing, b"ssh: {port: x}\n")
    os.close(writing)
    with pytest.raises(ConfigError, match="ssh.port"):
        load_config(f"/dev/fd/{reading}")
    os.close(reading)
