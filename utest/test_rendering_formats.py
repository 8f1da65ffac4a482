"""An output format is one entry of a table: `collect`, `show` and `serve` offer it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from builders import a_report
from mcp import Client

from FailTaleLibrary.archive import write_bundle
from FailTaleLibrary.cli import main
from FailTaleLibrary.mcp_server.server import build_server
from FailTaleLibrary.mcp_server.store import Store
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering import FORMATS, Format

CONFIG = """
components:
  web: {collectors: [{name: state, command: "true"}]}
hosts:
  web1: {component: web, transport: local}
"""


@pytest.fixture
def shouted() -> Iterator[str]:
    """The name of a format that somebody has just added."""
    FORMATS["shouted"] = Format("text/plain", lambda report, _: f"{report.failure.name.upper()}!", between=" ")
    yield "shouted"
    del FORMATS["shouted"]


def test_collect_offers_a_new_format(shouted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "failtale.yaml").write_text(CONFIG)
    assert main(["collect", "--config", str(tmp_path / "failtale.yaml"), "--test", "Order", "--format", shouted]) == 0
    assert capsys.readouterr().out == "ORDER!\n"


def test_show_offers_a_new_format(shouted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_bundle(a_report(), tmp_path)
    assert main(["show", "--format", shouted, str(bundle)]) == 0
    assert capsys.readouterr().out == f"{a_report().failure.name.upper()}!\n"


def test_serve_offers_a_new_format(shouted: str, tmp_path: Path) -> None:
    bundle = write_bundle(a_report(), tmp_path)

    async def read() -> str:
        async with Client(build_server(Store([bundle]), None)) as client:
            uri = f"failtale://failures/{a_report().failure.id}/report/{shouted}"
            (template,) = (
                each for each in (await client.list_resource_templates()).resource_templates if "/report/" in str(each)
            )
            assert shouted in str(template.description)
            return str((await client.read_resource(uri)).contents[0].text)

    assert f"\n{a_report().failure.name.upper()}!\n" in anyio.run(read)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_several_reports_as_json_are_a_list(number: int) -> None:
    reports = [a_report()] * number
    assert [Report.model_validate(each) for each in json.loads(FORMATS["json"].render_all(reports))] == reports


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_renders_any_report(name: str) -> None:
    text = FORMATS[name].render(a_report(), max_bytes=100_000)
    assert "database is locked" in text
    assert FORMATS[name].media_type
