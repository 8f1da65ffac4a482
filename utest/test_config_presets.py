"""Presets: what is shipped is right and harmless, and users add their own in ten lines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import need
from patience import PATIENCE_S

from FailTaleLibrary.config import Preset, describe_presets, parse_config
from FailTaleLibrary.config.presets import quoted_placeholders
from FailTaleLibrary.errors import ConfigError

SHIPPED = {preset.name: preset for preset in describe_presets()}
COMMANDS = [
    pytest.param(collector.command, id=collector.name)
    for preset in SHIPPED.values()
    for collector in preset.collectors()
    if collector.command
]
LINUX_COMMANDS = [param for param in COMMANDS if str(param.id).startswith("linux.")]

TEN_LINES = """\
name: shop
description: The shop's back end.
parameters:
  port: {description: Port of the admin interface., default: "8081", pattern: "[0-9]+"}
collectors:
  - name: health
    command: curl -sS --max-time 3 http://localhost:{port}/health | awk '{print $1}'
    baseline: yes
  - name: log
    file: /var/log/shop/backend-{port}.log
"""


def preset_of(command: str, **values: str) -> Preset:
    anything = {"description": "x", "example": "x", "pattern": "(?s).*"}
    return Preset.model_validate(
        {
            "name": "p",
            "description": "x",
            "parameters": dict.fromkeys(values, anything),
            "collectors": [{"name": "c", "command": command}],
        }
    )


def told(tmp_path: Path, preset: str, usage: str = "shop") -> str:
    (tmp_path / "shop.yaml").write_text(preset)
    with pytest.raises(ConfigError) as error:
        parse_config(configuration(usage), source=tmp_path / "failtale.yaml", environ={})
    return str(error.value).replace(f"{tmp_path}/", "")


def configuration(usage: str) -> str:
    return (
        f"presets: [shop.yaml]\ncomponents: {{web: {{collectors: [{usage}]}}}}\n"
        "hosts: {web1: {component: web, transport: local}}\n"
    )


# --- what is shipped -------------------------------------------------------------------------------------------------


def test_linux_and_systemd_are_shipped() -> None:
    assert {"linux", "systemd"} <= SHIPPED.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_preset_says_what_it_shows_and_was_tested_with(name: str) -> None:
    preset = SHIPPED[name]
    assert preset.description.endswith(".")
    assert preset.tested_with
    assert all(collector.description.endswith(".") for collector in preset.collectors())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_presets_collectors_bear_its_name(name: str) -> None:
    collectors = SHIPPED[name].collectors()
    assert all(collector.name.startswith(f"{name}.") for collector in collectors)
    assert all(collector.preset == name for collector in collectors)
    assert len({collector.name for collector in collectors}) == len(collectors)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_presets_commands_have_a_cap(name: str) -> None:
    assert all(collector.max_bytes or collector.lines for collector in SHIPPED[name].collectors() if collector.command)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_every_preset_command_is_a_posix_shells(command: str, shell: str) -> None:
    need(shell.split()[0])
    done = subprocess.run([*shell.split(), "-nc", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_arguments_of_processes_are_read_for_the_names_of_scripts_alone() -> None:
    reading = {param.id for param in COMMANDS if re.search(r"\bps\b[^|]*\b(args|cmd|aux|ef)\b", str(param.values[0]))}
    assert reading == {"linux.processes", "linux.stopped"}  # what they show is tested on processes with secrets


@pytest.mark.parametrize("command", LINUX_COMMANDS)
def test_the_linux_preset_answers_here(command: str) -> None:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.needs("busybox")
@pytest.mark.parametrize("command", LINUX_COMMANDS)
def test_the_linux_preset_answers_where_only_busybox_is(command: str, tmp_path: Path) -> None:
    programs = "awk cat date df dmesg find grep head ip ls netstat ps sort tail uptime"
    for program in programs.split():
        (tmp_path / program).symlink_to(str(shutil.which("busybox")))
    shell = [str(shutil.which("busybox")), "sh", "-c", command]
    done = subprocess.run(
        shell, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_processes_are_listed_by_name_with_the_biggest_first() -> None:
    command = next(param.values[0] for param in COMMANDS if param.id == "linux.processes")
    done = subprocess.run(["sh", "-c", str(command)], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    head, *rows = done.stdout.splitlines()
    sizes = [int(row.split()[0]) for row in rows]
    assert head.split() == ["RSS", "PID", "PPID", "USER", "STAT", "ELAPSED", "COMMAND"]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 < len(rows) <= 25


# --- parameters ------------------------------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_parameter_reaches_a_command_as_one_word(value: str) -> None:
    (collector,) = preset_of("printf '<%s>' {word} '{print $1}'", word=value).collectors({"word": value})
    done = subprocess.run(["sh", "-c", str(collector.command)], capture_output=True, check=True)
    assert done.stdout == f"<{value}><{{print $1}}>".encode()


def test_a_shells_own_braces_are_left_alone() -> None:
    (collector,) = preset_of("echo ${word} {other} {word}", word="x").collectors({"word": "hello"})
    assert collector.command == "echo ${word} {other} hello"


@pytest.mark.parametrize("value", ["a b", "a;b", "$(id)", "-x", "a'b", 'a"b', "a\nb", "ü", ""])
def test_without_a_pattern_of_its_own_a_parameter_holds_nothing_that_a_shell_knows(value: str) -> None:
    preset = Preset.model_validate(
        {
            "name": "p",
            "description": "x",
            "parameters": {"word": {"description": "x", "example": "x"}},
            "collectors": [{"name": "c", "command": "id"}],
        }
    )
    assert preset.refusal("word", value)
    assert not preset.refusal("word", "/var/lib/my-app_1.2/x@y:80,z+%=")


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ('grep "{a}" {b}', ("a",)),
        ("awk '{a}' {b}", ("a",)),
        ('echo \\" {a} \\"', ()),
        ("echo 'x' {a} \"y\"", ()),
        ('echo "it\'s {a}"', ("a",)),
    ],
)
def test_placeholders_inside_quotes_are_found(command: str, names: tuple[str, ...]) -> None:
    assert quoted_placeholders(command, ["a", "b"]) == names


# --- a user's own ----------------------------------------------------------------------------------------------------


def test_ten_lines_make_a_preset(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(TEN_LINES)
    assert len(TEN_LINES.splitlines()) == 10
    text = configuration("linux, shop, shop: {port: 9000, name: second}")
    config = parse_config(text, source=tmp_path / "failtale.yaml", environ={})
    found = [collector for _, collector in config.collectors_for("web1") if collector.preset == "shop"]
    assert [collector.name for collector in found] == ["shop.health", "shop.log", "second.health", "second.log"]
    assert found[0].command == "curl -sS --max-time 3 http://localhost:8081/health | awk '{print $1}'"
    assert found[3].file == ("/var/log/shop/backend-9000.log",)


def test_presets_of_ones_own_are_described_beside_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(TEN_LINES)
    assert {preset.name for preset in describe_presets([tmp_path / "shop.yaml"])} == {*SHIPPED, "shop"}


def test_a_preset_of_ones_own_may_not_take_a_shipped_name(tmp_path: Path) -> None:
    assert told(tmp_path, TEN_LINES.replace("name: shop", "name: linux"), "linux") == (
        "shop.yaml:1:7: name: 'linux' is the name of another preset; choose another"
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("collectors:", "colectors:", "5:1: colectors: unknown key 'colectors'; did you mean 'collectors'?"),
        (
            "baseline: yes",
            "baselin: yes",
            "8:5: collectors[1].baselin: unknown key 'baselin'; did you mean 'baseline'?",
        ),
        (
            "/var/log",
            "var/log",
            "10:11: collectors[2].file: 'var/log/shop/backend-{port}.log' is not an absolute path; "
            "write the path on the host, from '/' on",
        ),
        ('default: "8081"', 'default: "x"', "4:9: parameters.port: 'x' does not match its own 'pattern'"),
        ('default: "8081", ', "", "4:3: parameters.port: has neither 'default' nor 'example'; write one of them"),
        ('"[0-9]+"', '"["', "4:79: parameters.port.pattern: '[' is not a regular expression (RE2): missing ]"),
        ("port: {desc", "name: {desc", "4:3: parameters.name: is a parameter of every preset; choose another name"),
        (
            "name: log",
            "name: health",
            "9:5: collectors[2]: the name 'shop.health' is already used above; choose another",
        ),
        (
            "awk '{print $1}'",
            "grep '{port}'",
            "7:14: collectors[1].command: '{port}' is inside quotes; write it outside of them: FailTale quotes it",
        ),
        (
            "name: shop\n",
            "name: a/b\n",
            "1:7: name: 'a/b' is not a name; use letters, digits, '_', '.' and '-' (at most "
            "64, a letter or digit first)",
        ),
    ],
)
def test_a_mistake_in_a_preset_is_told_with_its_own_file_and_line(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    assert f"shop.yaml:{sentence}" in told(tmp_path, TEN_LINES.replace(old, new)).splitlines()


def test_a_preset_with_a_mistake_is_not_called_unknown(tmp_path: Path) -> None:
    message = told(tmp_path, TEN_LINES.replace("baseline: yes", "baselin: yes"))
    assert "unknown preset" not in message


def test_variables_are_not_read_in_presets(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(TEN_LINES.replace("curl", "curl -w %{http_code}"))
    config = parse_config(configuration("shop"), source=tmp_path / "failtale.yaml", environ=os.environ)
    assert "%{http_code}" in str(config.components["web"].collectors[0].command)
