"""``failtale report``: outputs, bundles and folders of them -> one page, and what CI servers read."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from builders import a_failure, a_report
from test_rendering_in_log import a_run

from FailTaleLibrary.archive import rewritten, write_bundle
from FailTaleLibrary.cli import main
from FailTaleLibrary.records import SafeText


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_run(tmp_path_factory.mktemp("run"), a_report())


def test_the_page_lies_beside_the_output_and_leads_into_its_log(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run / "output.xml")]) == 0
    page = (run / "failtale-report.html").read_text(encoding="utf-8")
    assert 'href="./log.html#s1-t2"' in page  # the second test of the only suite
    assert f"1 failure, 1 cause: {run / 'failtale-report.html'}" in capsys.readouterr().out


def test_json_output_of_robot_is_read_as_its_xml_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_run(tmp_path, a_report(), output="output.json")
    assert main(["report", "--json", str(folder)]) == 0
    (failure,) = json.loads(capsys.readouterr().out)["failures"]
    assert (failure["test_id"], failure["log"]) == ("s1-t2", "log.html")


def test_a_folder_of_bundles_is_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        write_bundle(a_report(failure=a_failure(id=f"{number:032x}")), tmp_path / "failtale")
    assert main(["report", str(tmp_path / "failtale"), "--output", str(tmp_path / "pages" / "run.html")]) == 0
    page = (tmp_path / "pages" / "run.html").read_text(encoding="utf-8")
    assert f'href="./../failtale/{0:032x}"' in page
    assert "3 failures, 1 cause" in capsys.readouterr().out


def test_several_outputs_are_one_page_and_each_link_finds_its_own_log(run: Path, tmp_path: Path) -> None:
    other = a_run(tmp_path, a_report(failure=a_failure(id="f" * 32)))
    page = tmp_path / "all.html"
    assert main(["report", str(run), str(other), "--output", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert 'href="./log.html#s1-t2"' in text
    assert f'href="./{os.path.relpath(run, tmp_path)}/log.html#s1-t2"' in text


def test_junit_and_github_are_written_on_request(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("before\n")
    assert main(["report", str(run), "--github", "--junit", str(tmp_path / "junit.xml")]) == 0
    assert (tmp_path / "junit.xml").read_text().startswith("<?xml")
    assert (tmp_path / "summary.md").read_text().startswith("before\n### FailTale: 1 failure, 1 cause")
    assert capsys.readouterr().out.startswith("::error title=FailTale%3A ")


def test_github_obeys_no_command_of_a_log_and_those_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    foreign = "::add-mask::e\n  ::error::mine\n##[error]mine\n%0A::set-output name=a::b\n"
    report = rewritten(a_report(), lambda text: SafeText(foreign + text))
    folder = a_run(tmp_path, report)
    for arguments in (["show", str(folder / "output.xml")], ["show", "--format", "json", str(folder / "output.xml")]):
        assert main(arguments) == 0
        printed = capsys.readouterr()
        assert not re.search(r"(?m)^\s*::|##\[", printed.out + printed.err)
    assert "mine" in json.loads(printed.out)[0]["analysis"]["headline"]
    assert main(["report", "--github", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" title=")[0] for line in lines if line.lstrip().startswith("::")] == ["::error"]


def test_what_is_neither_output_nor_bundle_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no output.xml or output.json and no bundle" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "gone.xml")]) == 2
    assert "gone.xml" in capsys.readouterr().err
