"""The documentation is read without the project: the pages are in the package, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from FailTaleLibrary.cli import main

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_all_pages_are_listed_with_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = {line.split()[0]: line for line in lines if "  " in line}
    assert {"README", "configuration", "how-to/pabot", "decisions/0001-one-library-object"} <= set(listed)
    assert len(listed) == len(list(DOCS.rglob("*.md")))
    assert listed["configuration"].endswith("  Configuration")


@pytest.mark.parametrize("name", ["how-to/pabot", "pabot", "docs/how-to/pabot.md", "PABOT", "how-to/pabot.md#links"])
def test_a_page_is_printed_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", name]) == 0
    assert capsys.readouterr().out == (DOCS / "how-to" / "pabot.md").read_text(encoding="utf-8")
    assert main(["docs", name, "--path"]) == 0
    assert capsys.readouterr().out == f"{DOCS / 'how-to' / 'pabot.md'}\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("configuratoin", "did you mean 'configuration'?"),
        ("time_format", "the word stands in: "),
        ("zzzzqqqq", "no page has this word; 'failtale docs' lists them"),
        ("../README", "There is no page '../README'"),
        ("", "There is no page ''"),
    ],
)
def test_a_name_that_is_no_page_is_told_where_to_look(name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", name]) == 2
    assert said in capsys.readouterr().err
