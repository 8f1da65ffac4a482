"""The JSON Schema of failtale.yaml takes every file that FailTale takes, and refuses what is misspelt."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from FailTaleLibrary.cli import main
from FailTaleLibrary.config.json_schema import FILE_NAME, configuration_schema, record_schema
from FailTaleLibrary.config.reference import template_text
from FailTaleLibrary.doctor.findings import Checkup

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = configuration_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def mistakes(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def written_configurations() -> list[tuple[str, str]]:
    """Every YAML of the documents, tests and package that is a configuration."""
    found = [("template", template_text())]
    files = [*ROOT.glob("docs/**/*.yaml"), *ROOT.glob("FailTaleLibrary/demo/**/*.yaml"), *ROOT.glob("atest/**/*.yaml")]
    found += [(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")) for file in files]
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        blocks = re.findall(r"(?ms)^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"))
        found += [(f"{page.relative_to(ROOT)} {number}", block) for number, block in enumerate(blocks, 1)]
    found = [
        (name, re.sub(r"\$\w+", "22", text) if "/demo/" in name else text) for name, text in found
    ]  # ports to come
    return [(name, text) for name, text in found if is_configuration(text)]


def is_configuration(text: str) -> bool:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        return False
    return isinstance(data, dict) and bool({"hosts", "gateway"} & data.keys())


WRONG_ON_PURPOSE = ("atest/_inner/broken.yaml",)


@pytest.mark.parametrize(("name", "text"), written_configurations(), ids=lambda each: each[:40].replace("\n", " "))
def test_every_configuration_of_docs_and_tests_fits_the_schema(name: str, text: str) -> None:
    assert (mistakes(text) == []) is (name not in WRONG_ON_PURPOSE), mistakes(text)


COMPONENT = "components: {web: {collectors: [linux]}}\n"


@pytest.mark.parametrize(
    "text",
    [
        "x-common: &c {lines: 5}\ncomponents: {web: {collectors: [{file: /x, <<: *c}]}}\nhosts: {w: {component: web}}",
        COMPONENT + 'hosts: {w: {component: [web], ssh: {port: "%{PORT}", user: app}}}\nmarks: off\n',
        COMPONENT + "hosts: {w: {component: web, ssh: {port: '22', connect_timeout: 10}}}\nlimits: {item_bytes: 64 k}",
        COMPONENT + "hosts: {w: {component: web}}\nmessage_summary: on\nssh:\ntags: {exclude: wip}",
        "components: {web: {collectors: linux}}\nhosts: {w: {component: web, transport: local}}",
        "components: {web: {collectors: [{systemd: {unit: x}}, {nginx: }, {own: {port: 1}}]}}",
        "components: {web: {collectors: [{file: [/a, /b], window: 5 min, time_format: {key: at}}]}}",
    ],
)
def test_what_failtale_takes_the_schema_takes(text: str) -> None:
    assert mistakes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        COMPONENT + "hosts: [w]",
        COMPONENT + "hosts: {w: 10.0.0.5}",
        COMPONENT + "hosts: {w: {componen: web}}",
        COMPONENT + "hosts: {w: {component: web, ssh: {port: ssh}}}",
        COMPONENT + "hosts: {w: {component: web, ssh: {port: 70000}}}",
        COMPONENT + "hosts: {w: {component: web, transport: telnet}}",
        COMPONENT + "limits: {failure_time: 5 parsecs}",
        COMPONENT + "mark: test",
        COMPONENT + "marks: never",
        "components: {web: {collectors: [{systemd: {unt: x}}]}}",
        "components: {web: {collectors: [{systemd: }]}}",
        "components: {web: {collectors: [{fil: /x, lines: 5}]}}",
        "components: {web: {collectors: [/var/log/x.log]}}",
    ],
)
def test_what_failtale_refuses_by_its_form_the_schema_refuses(text: str) -> None:
    assert mistakes(text) != []


def test_the_schema_is_printed_and_lies_in_the_package_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == SCHEMA
    assert (ROOT / "resources" / "FailTaleLibrary" / FILE_NAME).read_text(encoding="utf-8") == printed, (
        "type: failtale schema > resources/FailTaleLibrary/failtale.schema.json"
    )


def test_a_checkup_as_json_fits_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = json.loads((ROOT / "docs" / "check.schema.json").read_text(encoding="utf-8"))
    made: dict[str, Any] = record_schema(
        Checkup, title="FailTale checkup", description="What `failtale check --json` prints."
    )
    assert page == made
    config = tmp_path / "f.yaml"
    config.write_text(
        "components: {a: {collectors: [{file: /no/x.log}]}}\nhosts: {h: {component: a, transport: local}}"
    )
    assert main(["check", "--config", str(config), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(page).validate(told)
    assert told["hosts"][0]["collectors"][0]["advice"][0]["where"] == "on the host"
