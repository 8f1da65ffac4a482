"""What the documents say works: each command and each configuration on each page, links, issue forms, the site."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import paramiko
import pytest
import yaml
from page_blocks import PAGES, ROOT, Block, all_blocks, blocks_of, codes_in_sentences
from page_checks import WrongError, check_block, check_code

from FailTaleLibrary.cli import main

FORMS = [*ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home directory in which the keys and tokens are that pages name."""
    directory = tmp_path_factory.mktemp("home")
    texts = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    key = paramiko.ECDSAKey.generate()
    for name in sorted(set(re.findall(r"~/(\.[\w./-]+\w)", texts)), reverse=True):  # what lies in a folder makes it
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_dir():
            key.write_private_key_file(str(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(directory))
        yield directory


# --- Every block and every command ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_page_shows_is_read_by_the_program_that_it_is_for_or_says_why_not(page: Path) -> None:
    wrong = []
    for code, check in [(block, check_block) for block in blocks_of(page)] + [
        (code, check_code) for code in codes_in_sentences(page)
    ]:
        try:
            check(code)
        except (WrongError, SyntaxError) as error:
            wrong.append(f"{code}: {error}")
    assert wrong == []


def test_the_shell_scripts_of_pages_are_a_shells() -> None:
    scripts = {str(block): block.text for block in all_blocks() if block.language == "sh"}
    for name, text in scripts.items():
        done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
        assert done.stderr == "", name


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("", "anything"),
        ("ruby", "puts 1"),
        ("sh", "failtale chekc"),
        ("sh", "failtale collect --sinse '5 min'"),
        ("sh", "robot --lisener FailTaleListener tests/"),
        ("sh", "robot --listener FailtaleListener tests/ && true"),
        ("sh", "export A=1\npytest --failtale-configuration=x"),
        ("sh", "pabot --no-such-option tests"),
        ("sh", "./dev nothing"),
        ("sh", "./dev test utest/test_nothing.py"),
        ("sh", "no-such-program"),
        ("yaml", "hosts: {web1: {componet: web}}"),
        ("yaml", "collectors: [linus]"),
        ("yaml", "test:\n  script:\n    - failtale reprot output.xml"),
        ("yaml", "something: else"),
        ("json", '{"mcpServers": {"failtale": {"command": "failtale", "args": ["serf"]}}}'),
        ("robotframework", "Collect Evidenze"),
        ("groovy", "sh 'failtale reprot output.xml'"),
        ("groovy", "steps { sh 'failtale report output.xml' "),
        ("python", "import"),
    ],
)
def test_a_block_that_would_not_work_is_found(language: str, text: str) -> None:
    with pytest.raises((WrongError, SyntaxError)):
        check_block(Block(ROOT / "README.md", 1, language, text, mark=""))


def test_a_reason_is_one_of_a_few() -> None:
    with pytest.raises(WrongError):
        check_block(Block(ROOT / "README.md", 1, "", "text", mark="no time"))


# --- Pages that are made from the program, and the site ---------------------------------------------------------------


def generator() -> ModuleType:
    specification = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


GENERATED = generator().PAGES


@pytest.mark.parametrize("name", GENERATED)
def test_a_page_that_is_made_from_the_program_is_what_the_program_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == GENERATED[name](), (
        "write it anew: python docs/generate.py"
    )


def test_the_help_of_a_command_says_when_it_ends_with_1() -> None:
    for module in sorted((ROOT / "FailTaleLibrary" / "cli").glob("*.py")):
        text = module.read_text(encoding="utf-8")
        if "def add_command" in text:
            ends_with_1 = bool(
                re.search(r"return (?:1\b|.*else 1\b)|_UNREACHABLE|run_demo", text.partition("add_command")[2])
            )
            assert ("status_1(" in text) is ends_with_1, module.name


def test_the_site_is_built_without_a_dead_link_or_a_forgotten_page(tmp_path: Path) -> None:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path)))
    assert 'href="tutorial.html"' in (tmp_path / "index.html").read_text(encoding="utf-8")
    pages = "".join(page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html"))
    loaded = re.findall(
        r"<(?:script|img|iframe|link)\b[^>]*(?:src|stylesheet[^>]*href|preload[^>]*href)=\W?https?:", pages
    )
    assert loaded == [], "the site loads nothing from elsewhere"


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
