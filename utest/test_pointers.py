"""Bundles are found wherever they are by now: real runs of robot, pabot and `rebot --merge`, and folders that moved."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import jsonschema
import pytest
from patience import PATIENCE_S

from FailTaleLibrary.archive import Whereabouts, read_bundle, reports_in
from FailTaleLibrary.archive.whereabouts import MAX_DEPTH
from FailTaleLibrary.cli import main
from FailTaleLibrary.records import Report

ROOT = Path(__file__).resolve().parents[1]
SUITE = "*** Test Cases ***\nOrder\n    Fail    HTTPError: 500 Server Error\n"
SCHEMA = json.loads((ROOT / "docs" / "run-report.schema.json").read_text(encoding="utf-8"))
CONFIG = """\
components:
  storage: {collectors: [{name: state, command: echo the disk is full}]}
hosts: {storage1: {component: storage, transport: local}}
"""
_BUNDLE_LINK = re.compile(r'data-bundle="([^"]*)"')


def finished(place: Path, *command: str) -> str:
    """What a Python module said that ran in a folder."""
    sources = os.pathsep.join(map(str, (ROOT, ROOT / "listeners", ROOT / "resources")))
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # pabot starts `robot` by name
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=place,
        env={**os.environ, "PYTHONPATH": sources, "PATH": programs},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE_S,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of pabot in `results`, and what rebot has merged of it in `other`."""
    place = tmp_path_factory.mktemp("place")
    (place / "failtale.yaml").write_text(CONFIG)
    for name in ("first", "second"):
        (place / f"{name}.robot").write_text(SUITE)
    listener = ("--listener", "FailTaleListener:failtale.yaml")
    finished(
        place, "pabot.pabot", "--processes", "2", *listener, "--outputdir", "results", "first.robot", "second.robot"
    )
    finished(place, "robot.rebot", "--merge", "-d", "other", "--output", "output.xml", "results/output.xml")
    return place


@pytest.fixture
def place(two_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, in which we stand."""
    monkeypatch.chdir(shutil.copytree(two_runs, tmp_path / "place"))
    return Path.cwd()


def reports_of(output: Path) -> list[Report]:
    return [each for each in reports_in(output) if isinstance(each, Report)]


def test_under_pabot_each_card_of_the_merged_log_leads_to_its_bundle(place: Path) -> None:
    results = place / "results"
    links = [html.unescape(each) for each in _BUNDLE_LINK.findall((results / "output.xml").read_text())]
    assert len(links) == 2
    assert {read_bundle(results / link).failure.id for link in links} == {
        report.failure.id for report in reports_of(results / "output.xml")
    }


def test_a_merged_output_elsewhere_has_its_bundles_named_where_they_are(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (first, second) = reports_of(place / "other" / "output.xml")
    assert main(["show", "other/output.xml"]) == 0
    assert f"bundle: results/failtale/{first.failure.id}\n" in capsys.readouterr().out
    assert main(["report", "other/output.xml"]) == 0
    page = (place / "other" / "failtale-report.html").read_text()
    for report in (first, second):
        assert f'href="./../results/failtale/{report.failure.id}"' in page


def texts_of_log(log: Path) -> str:
    """What a log.html holds; long texts are packed in it."""
    packed = re.findall(r'"(eN[A-Za-z0-9+/]{60,}=*)"', log.read_text())
    return "\n".join(zlib.decompress(base64.b64decode(each)).decode() for each in packed)


def test_a_log_is_made_anew_with_links_to_where_bundles_are(place: Path) -> None:
    (report, _) = reports_of(place / "results" / "output.xml")
    before = (place / "other" / "output.xml").read_bytes()
    assert main(["report", "other", "--log", "pages/log.html"]) == 0
    assert f'href="./../results/failtale/{report.failure.id}"' in texts_of_log(place / "pages" / "log.html")
    assert (place / "other" / "output.xml").read_bytes() == before


def test_a_log_whose_links_lead_nowhere_is_named_with_what_to_type_for_working_ones(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "results", "--json"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["report", "other", "--json"]) == 0
    said = capsys.readouterr()
    jsonschema.validate(json.loads(said.out), SCHEMA, format_checker=jsonschema.FormatChecker())
    sentence, _, command = said.err.rstrip().rpartition(": failtale ")
    assert sentence.startswith("failtale: In 'other/log.html' links to 2 bundles lead nowhere")
    (report, _) = reports_of(place / "results" / "output.xml")
    assert main(shlex.split(command)) == 0
    assert capsys.readouterr().err == ""
    assert f'href="./../results/failtale/{report.failure.id}"' in texts_of_log(place / "other" / "log.html")


def test_a_log_in_a_folder_of_its_own_leads_to_the_bundles_and_so_does_the_run_page_beside_it(place: Path) -> None:
    listener = ("--listener", "FailTaleListener:failtale.yaml")
    finished(place, "robot", *listener, "--outputdir", "single", "--log", "pages/log.html", "first.robot")
    (report,) = reports_of(place / "single" / "output.xml")
    for page in ("log.html", "failtale-report.html"):
        text = (place / "single" / "pages" / page).read_text()
        text = text if page != "log.html" else texts_of_log(place / "single" / "pages" / page)
        assert f'href="./../failtale/{report.failure.id}"' in text, page


def test_a_moved_folder_is_found_by_the_beginning_of_the_id(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (report, _) = reports_of(place / "results" / "output.xml")
    begin = report.failure.id[:8]
    (place / "results").rename(place / "kept")
    assert main(["show", begin]) == 0
    assert f"bundle: kept/failtale/{report.failure.id}\n" in capsys.readouterr().out
    (place / "kept" / "failtale" / report.failure.id).rename(place / "the one with the full disk")
    assert main(["show", begin.upper()]) == 0
    assert "bundle: the one with the full disk\n" in capsys.readouterr().out


def test_a_folder_elsewhere_is_named_and_without_it_the_places_that_were_searched_are_said(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (report, _) = reports_of(place / "results" / "output.xml")
    begin = report.failure.id[:8]
    away = tmp_path / "away" / "from" / "it"
    away.mkdir(parents=True)
    monkeypatch.chdir(away)
    assert main(["show", begin, "--in", str(place / "other" / "output.xml")]) == 0
    assert report.failure.id in capsys.readouterr().out
    assert main(["show", begin]) == 2
    assert f"below '{away}'; name its folder or its output with '--in'" in capsys.readouterr().err


def test_a_bundle_that_is_gone_is_said_and_its_card_is_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first, second) = reports_of(place / "results" / "output.xml")
    shutil.rmtree(place / "results" / "failtale" / first.failure.id)
    assert main(["show", "results/output.xml"]) == 0
    said = capsys.readouterr()
    assert f"No bundle is left of 'Order' ({first.failure.id[:8]}); looked below" in said.err
    assert f"failtale/{first.failure.id}" not in said.out
    assert f"bundle: results/failtale/{second.failure.id}\n" in said.out
    assert main(["show", first.failure.id[:8]]) == 0
    said = capsys.readouterr()
    assert "The bundle is gone; this is what its card in the log holds." in said.err
    assert "the disk is full" in said.out
    assert main(["report", "results/output.xml"]) == 0
    assert f"failtale/{first.failure.id}" not in (place / "results" / "failtale-report.html").read_text()


def test_an_id_that_fits_several_failures_is_refused_with_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        folder = tmp_path / f"abcd{number:028d}"
        folder.mkdir()
        (folder / "manifest.json").touch()
    assert main(["show", "abcd"]) == 2
    assert "2 failures have an id that begins with 'abcd': abcd00000000, abcd00000000" in capsys.readouterr().err


def test_a_search_ends_however_deep_folders_are_and_whatever_may_not_be_read(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"d" * MAX_DEPTH, "e" * 32)
    deep.mkdir(parents=True)
    (deep / "manifest.json").touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    hidden = tmp_path / ".cache" / ("f" * 32)
    hidden.mkdir(parents=True)
    (hidden / "manifest.json").touch()
    foreign = tmp_path / "plugin"
    foreign.mkdir()
    (foreign / "manifest.json").write_text('{"name": "of a browser"}')
    (tmp_path / "output.xml").symlink_to(tmp_path / "output.xml")  # a circle: to ask whether it is a file is an error
    where = Whereabouts([tmp_path, tmp_path / "gone"])
    assert where.bundles_with("") == {}
    assert where.outputs == ()
