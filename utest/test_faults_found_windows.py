"""Every row of faults that was found in windows (W) and in what "empty" means (E), as a user meets it.

One real run of Robot with the listener and two real SSH servers plays all of them; the laws read its output.xml.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from faults_found_rows import NOTHING, PROGRAMS, ROWS, Site
from patience import PATIENCE_S
from sshd import Sshd

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.records import Gap, Item, Report, Suspect

pytestmark = pytest.mark.ssh

HELD_ELSEWHERE = {
    "W3": "test_first_second.py::test_a_line_of_the_first_second_is_shown_said_to_be_unsure_and_not_learned_as_known",
    "E, words": "test_collection_refusals.py::test_a_refusal_is_told_as_what_it_is_and_never_as_empty",
    "E4, configuration": "test_config_mistakes.py::test_a_collector_must_make_sense",
}
"""What a row asks beyond the laws here."""
ROOT = Path(__file__).resolve().parents[1]


# --- The run ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reports(a_host: Sshd, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Report]:
    """By test. ``a_host`` is there because it says what a machine without sshd lacks."""
    place = tmp_path_factory.mktemp("found")
    site = Site(str(place / "logs"))
    for row, folder in site.folders.items():
        folder.mkdir(parents=True)
        ROWS[row].before(folder)
    blind = {**PROGRAMS, "date": "echo 'date: not on this host' >&2; exit 1\n"}
    hosts = {"app1": _host(place, "app1", PROGRAMS), "blind1": _host(place, "blind1", blind)}
    (place / "failtale.yaml").write_text(json.dumps(_configuration(place, hosts, site), default=str))
    (place / "found.robot").write_text(_suite(place, site))
    path = ":".join(map(str, (ROOT, ROOT / "listeners", ROOT / "resources", ROOT / "utest")))
    with hosts["app1"], hosts["blind1"]:
        done = subprocess.run(
            [sys.executable, "-m", "robot", "--listener", "FailTaleListener:failtale.yaml", "found.robot"],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(place)},
            cwd=place,
            capture_output=True,
            text=True,
            timeout=5 * PATIENCE_S,
        )
    assert done.returncode == 2, done.stdout + done.stderr
    return {each.failure.name: each for each in reports_in(place / "output.xml") if isinstance(each, Report)}


def _host(place: Path, name: str, programs: Mapping[str, str]) -> Sshd:
    folder = place / f"programs-{name}"
    folder.mkdir()
    for program, script in programs.items():
        (folder / program).write_text(f"#!/bin/sh\n{script}")
        (folder / program).chmod(0o755)
    return Sshd(place / name, name=name, environment={"TZ": "UTC", "PATH": f"{folder}:/usr/bin:/bin"})


def _configuration(place: Path, hosts: Mapping[str, Sshd], site: Site) -> dict[str, object]:
    """A component for each row; and on each host a baseline, which a mark takes last."""
    components = {f"marked-{name}": {"collectors": [_marked(place, name)]} for name in hosts}
    for row, folder in site.folders.items():
        collectors = [{**each, "name": folder.name} for each in ROWS[row].collectors(folder)]
        components[folder.name] = {"collectors": collectors}
    of_host = {
        name: [f"marked-{name}", *(site.folders[row].name for row in ROWS if ROWS[row].host == name)] for name in hosts
    }
    return {
        "components": components,
        "limits": {"failure_time": 120, "host_time": 100, "run_time": 600, "repeats": 1000},
        "hosts": {
            name: {"component": of_host[name], "address": host.address, "ssh": host.ssh_settings(connect_timeout=60)}
            for name, host in hosts.items()
        },
    }


def _marked(place: Path, host: str) -> dict[str, object]:
    return {"name": f"marked-{host}", "command": f"echo marked >> '{place}/marked-{host}'", "baseline": True}


def _suite(place: Path, site: Site) -> str:
    """The first row by itself, which connects to both hosts; marks; and all other rows in one test."""
    first, *others = ROWS
    connect = [site.folders[row].name for row in (first, "W11")]
    marks = f"Marks\n    Wait For Marks    {place}/marked-app1    {place}/marked-blind1"
    tests = [
        _test("First", [first], connect),
        marks,
        _test("Others", others, [site.folders[row].name for row in others]),
    ]
    settings = f"*** Settings ***\nLibrary    faults_found_rows.py    {site.root}"
    return "\n\n".join([settings, "*** Test Cases ***", *tests]) + "\n"


def _test(name: str, rows: list[str], components: list[str]) -> str:
    plays = "".join(f"    Play    {row}\n" for row in rows)
    return f"{name}\n    [Tags]    failtale:only={','.join(components)}\n{plays}    Fail    the order is lost"


def report_of(reports: Mapping[str, Report], row: str) -> Report:
    return reports["First" if row == next(iter(ROWS)) else "Others"]


def item_of(reports: Mapping[str, Report], row: str) -> Item:
    """What the row's collector gave; there is no gap beside it."""
    evidence, name = report_of(reports, row).evidence, row.replace(" ", "-")
    assert [gap for gap in evidence.gaps if gap.collector == name] == []
    (item,) = (each for each in evidence.items if each.collector == name)
    return item


def gap_of(reports: Mapping[str, Report], row: str) -> Gap:
    name = row.replace(" ", "-")
    (gap,) = (each for each in report_of(reports, row).evidence.gaps if each.collector == name)
    assert NOTHING not in gap.detail
    return gap


def suspect_of(reports: Mapping[str, Report], row: str, words: str) -> Suspect:
    item = item_of(reports, row)
    (suspect,) = (
        each for each in report_of(reports, row).analysis.suspects if each.item_id == item.id and words in each.text
    )
    return suspect


def note_of(item: Item) -> str:
    assert item.window is not None
    return item.window.note


def new_lines(item: Item) -> list[str]:
    """What the test wrote; nothing older is shown as if it were of the test."""
    assert [line for number, line in enumerate(item.lines) if "OLD" in line and number not in item.unsure_lines] == []
    return [line for line in item.lines if "NEW" in line]


# --- W: which lines belong to the test --------------------------------------------------------------------------------


def test_w1_a_date_in_one_message_is_not_how_a_log_writes_time(reports: Mapping[str, Report]) -> None:
    item = item_of(reports, "W1")
    assert [line.partition(" ")[2] for line in new_lines(item)] == ["[main] INFO ERROR NEW boom"]
    assert "have no date" in note_of(item)


def test_w1_a_date_at_the_end_of_a_message_takes_no_line_away(reports: Mapping[str, Report]) -> None:
    item = item_of(reports, "W1 message")
    assert new_lines(item) == ["ERROR NEW card ended 2019-01-01 00:00:00", "ERROR NEW boom"]
    assert "knows no time of most lines" in note_of(item)


@pytest.mark.parametrize("row", ["W2", "W2 west", "W2 east"])
def test_w2_the_time_of_a_line_of_docker_is_docker_s(reports: Mapping[str, Report], row: str) -> None:
    assert len(new_lines(item_of(reports, row))) == 1


def test_w4_what_earlier_tests_wrote_into_a_log_without_times_is_no_headline(reports: Mapping[str, Report]) -> None:
    item = item_of(reports, "W4")
    assert len(item.lines) > len(new_lines(item)) == 1
    assert item.unsure_lines == set(range(len(item.lines)))
    headline = report_of(reports, "W4").analysis.headline
    assert "OLD" not in headline
    assert "No strong suspect" in headline


def test_w5_no_time_crosses_the_border_of_two_logs(reports: Mapping[str, Report]) -> None:
    assert len(new_lines(item_of(reports, "W5"))) == 3
    assert suspect_of(reports, "W5", "No space left on device").offset_s is None
    assert {part.path.rpartition("/")[2] for part in item_of(reports, "W5").parts} == {"a.log", "b.log"}


def test_w6_what_a_mark_proves_is_of_the_test_whatever_its_own_time_says(reports: Mapping[str, Report]) -> None:
    assert len(new_lines(item_of(reports, "W6"))) == 1
    suspect = suspect_of(reports, "W6", "out of memory")
    assert suspect.offset_s is None or suspect.offset_s <= 0
    assert " h after" not in report_of(reports, "W6").analysis.headline


@pytest.mark.parametrize("row", ["W7", "W7 any name"])
def test_w7_a_log_that_was_rotated_into_another_folder_is_followed(reports: Mapping[str, Report], row: str) -> None:
    item = item_of(reports, row)
    assert [line.partition("ERROR ")[2] for line in new_lines(item)] == ["NEW ahead of the rotation", "NEW behind it"]
    assert "lost" not in note_of(item)


def test_w8_one_of_two_hundred_logs_is_found(reports: Mapping[str, Report]) -> None:
    item = item_of(reports, "W8")
    assert [part.path.rpartition("/")[2] for part in item.parts] == ["a77.log"]
    assert len(new_lines(item)) == 1


@pytest.mark.parametrize("row", [row for row in ROWS if row.startswith("W9 ")])
def test_w9_a_log_s_own_way_to_write_time_is_taught(reports: Mapping[str, Report], row: str) -> None:
    item = item_of(reports, row)
    assert len(new_lines(item)) == 1
    assert "knows no time" not in note_of(item)
    assert all(part.times is not None and part.times.own is not None for part in item.parts)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("W10 directory", "is no regular file any more"),
        ("W10 pipe", "is no regular file any more"),
        ("W10 gone", "was truncated, deleted or rotated to where no copy was found"),
        ("W10 name", "A file name that goes on in a second line was left out"),
    ],
)
def test_w10_a_log_that_cannot_be_read_any_more_is_not_empty(
    reports: Mapping[str, Report], row: str, words: str
) -> None:
    gap = gap_of(reports, row)
    assert (gap.reason, words in gap.detail) == ("could not tell", True)
    assert "''" not in gap.detail


@pytest.mark.parametrize("row", ["W11", "W11 times"])
def test_w11_byte_marks_need_no_clock_and_the_note_says_what_was_not_known(
    reports: Mapping[str, Report], row: str
) -> None:
    item = item_of(reports, row)
    assert ([line[-14:] for line in new_lines(item)], item.window and item.window.method) == (
        ["ERROR NEW boom"],
        "byte mark",
    )
    assert "clock could not be read" in note_of(item)
    assert "seems to be" not in note_of(item)
    assert [part.times and part.times.format for part in item.parts] == ["" if row == "W11" else "ISO 8601"]


# --- E: "empty" as a fact ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason", "words"),
    [
        ("E1 hint", "permission denied", "not seeing messages from other users"),
        ("E1 none", "file not found", "No journal files were found."),
        ("E2", "permission denied", "you must have a tty"),
        ("E3", "permission denied", "Operation not permitted"),
        ("E3 pipe", "permission denied", "Operation not permitted"),
        ("E4 unit", "file not found", "nosuch"),
        ("E4 pattern", "file not found", "nosuch-*.log"),
    ],
)
def test_e_a_refusal_is_never_told_as_empty(reports: Mapping[str, Report], row: str, reason: str, words: str) -> None:
    gap = gap_of(reports, row)
    assert (gap.reason, words in gap.detail) == (reason, True), gap


def test_what_rows_ask_beyond_these_laws_is_held_by_laws_that_exist() -> None:
    for law in HELD_ELSEWHERE.values():
        file, _, name = law.partition("::")
        assert f"def {name}(" in (ROOT / "utest" / file).read_text()
