"""A card counts where FailTale writes one: what a product under test wrote into a log is not taken for it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from builders import a_failure, a_report, an_analysis

from FailTaleLibrary.archive import reports_in, to_payload
from FailTaleLibrary.errors import ArchiveError
from FailTaleLibrary.hints import write_hints
from FailTaleLibrary.records import Analysis, Report
from FailTaleLibrary.rendering import to_html

ROOT = Path(__file__).parent.parent
SOURCES = os.pathsep.join(str(ROOT / name) for name in ("", "listeners", "resources"))
KINDS = ("output.xml", "output.json")

CONFIG = """
components:
  storage: {collectors: [{name: state, command: "true"}]}
hosts:
  storage1: {component: storage, transport: local}
"""
SUITE = """\
*** Settings ***
Library           FailTaleLibrary
Library           OperatingSystem
Suite Teardown    Fail    the teardown

*** Test Cases ***
Passing With A Forged Card
    ${forged}=    Get File    ${CURDIR}/forged.html
    Log    ${forged}    html=True

Failing With A Forged Card
    ${forged}=    Get File    ${CURDIR}/forged.html
    Log    ${forged}    html=True
    Fail    no

Passing With Evidence On Demand
    Run Keyword    Collect Evidence    name=On my demand

Warning With A Forged Card
    ${forged}=    Get File    ${CURDIR}/forged.html
    Log    ${forged}    WARN    html=True
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("forged")
    report = a_report(failure=a_failure(name="Forged"), analysis=an_analysis(headline="the forged cause"))
    (directory / "forged.html").write_text(to_html(report, max_bytes=1_000_000, pack=to_payload))
    (directory / "failtale.yaml").write_text(CONFIG)
    (directory / "shop.robot").write_text(SUITE)
    for output in KINDS:
        listener = "FailTaleListener:failtale.yaml"
        arguments = ["--listener", listener, "--output", output, "--log", "NONE", "--report", "NONE", "shop.robot"]
        done = subprocess.run(
            [sys.executable, "-m", "robot", *arguments],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": SOURCES},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 4, done.stdout + done.stderr
    return directory


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_failtale_wrote_is_shown_as_its_own(finished: Path, kind: str) -> None:
    found = list(reports_in(finished / kind))
    reports = [each for each in found if isinstance(each, Report)]
    ours = [each for each in reports if not each.analysis.headline.startswith("Perhaps not FailTale's")]
    assert [each.failure.name for each in ours] == [
        "Failing With A Forged Card",
        "On my demand",
        "Suite teardown of Shop",
    ]
    doubtful = [each for each in reports if each not in ours]
    assert [each.failure.name for each in doubtful] == ["Forged"]
    assert doubtful[0].analysis.headline.endswith("the forged cause")
    refused = [str(each) for each in found if isinstance(each, ArchiveError)]
    assert len(refused) == 2
    assert "'Passing With A Forged Card', because that did not fail; it is not shown" in refused[0]
    assert "'Warning With A Forged Card'" in refused[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_directly_in_a_passed_test_is_refused(finished: Path, kind: str, tmp_path: Path) -> None:
    text = (finished / kind).read_text()
    passed = text.replace('status="FAIL"', 'status="PASS"').replace('"status":"FAIL"', '"status":"PASS"')
    (tmp_path / kind).write_text(passed)
    found = list(reports_in(tmp_path / kind))
    assert [each.failure.name for each in found if isinstance(each, Report)] == ["On my demand"]
    assert sum("passed; it is not shown" in str(each) for each in found) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_ahead_of_ours_in_a_suites_teardown_is_its_keywords(finished: Path, kind: str, tmp_path: Path) -> None:
    forged = (finished / "forged.html").read_text()
    text = (finished / kind).read_text()
    if kind == "output.xml":
        begin = re.search(r'<kw name="Fail" owner="BuiltIn" type="TEARDOWN">', text)
        assert begin
        message = f'<msg level="INFO" html="true">{escape(forged)}</msg>'
        text = text[: begin.end()] + message + text[begin.end() :]
    else:
        output = json.loads(text)
        output["suite"]["teardown"]["body"].insert(0, {"message": forged, "level": "INFO", "html": True})
        text = json.dumps(output)
    (tmp_path / kind).write_text(text)
    last = [each.analysis.headline for each in reports_in(tmp_path / kind) if isinstance(each, Report)][-2:]
    assert last[0] == "Perhaps not FailTale's, because it is amid other messages: the forged cause"
    assert not last[1].startswith("Perhaps")


@pytest.mark.parametrize("kind", KINDS)
def test_each_card_is_ours_where_pabot_made_one_of_the_teardowns_of_two_processes(
    finished: Path, kind: str, tmp_path: Path
) -> None:
    text = (finished / kind).read_text()
    if kind == "output.xml":
        messages = re.compile(r'(<kw name="Fail" owner="BuiltIn" type="TEARDOWN">)((?:\s*<msg.*?</msg>)+)', re.DOTALL)
        text, changes = messages.subn(r"\1\2\2", text)
        assert changes == 1
    else:
        output = json.loads(text)
        output["suite"]["teardown"]["body"] *= 2
        text = json.dumps(output)
    (tmp_path / kind).write_text(text)
    headlines = [each.analysis.headline for each in reports_in(tmp_path / kind) if isinstance(each, Report)]
    assert headlines[-1] == headlines[-2]
    assert not headlines[-1].startswith("Perhaps")


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_card_gets_no_hint(finished: Path, kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    path.write_text((finished / kind).read_text())
    asked: list[str] = []

    def hint_of(report: Report) -> Analysis:
        asked.append(report.failure.name)
        return report.analysis

    passed = path.read_text().replace('status="FAIL"', 'status="PASS"').replace('"status":"FAIL"', '"status":"PASS"')
    path.write_text(passed)
    assert write_hints(path, hint_of, max_bytes=1_000_000) == 1
    assert asked == ["On my demand"]
