"""What the documents beside the code show works: a preset in ten lines, links, issue forms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from FailTaleLibrary.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
FORMS = [*ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_link_within_the_project_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_preset_of_the_contributors_page_collects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (preset,) = re.findall(r"(?ms)^```yaml\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    Path("shop.yaml").write_text(preset)
    Path("answers.yaml").write_text("answers: {shop.queue: {stdout: ''}, shop.log: {stdout: 'disk full\\n'}}\n")
    Path("failtale.yaml").write_text(
        "presets: [shop.yaml]\n"
        "components: {backend: {collectors: [shop]}}\n"
        "hosts: {web1: {component: backend, transport: scripted, scripted: {answers: answers.yaml}}}\n"
    )
    assert main(["collect", "--config", "failtale.yaml", "--test", "Order"]) == 0
    said = capsys.readouterr().out
    assert "Nothing waits." in said
    assert "disk full" in said
    assert len(preset.splitlines()) <= 10


@pytest.mark.parametrize("form", FORMS, ids=named)
def test_an_issue_form_has_what_github_asks_for(form: Path) -> None:
    told = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= told.keys()
    assert all(each["type"] in {"markdown", "textarea", "input"} for each in told["body"])
    ids = [each["id"] for each in told["body"] if each["type"] != "markdown"]
    assert len(ids) == len(set(ids)) > 0
