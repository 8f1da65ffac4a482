"""The first second of a test in a real run of Robot over SSH, for a log of whole seconds whose mark comes late."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from chromium import a_page
from patience import PATIENCE_S
from sshd import Sshd

from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.records import Report

pytestmark = [pytest.mark.ssh, pytest.mark.browser]

TITLE = "perhaps older than the window: neither a mark nor a time tells"
BOOM = "ERROR out of memory: killed process 17 (storage)"
SUITE = """\
*** Settings ***
Library    Shop.py    LOG

*** Test Cases ***
Warm
    Fail    the connection is open now
    [Teardown]    Sleep    1.2 s

Before
    Fill The Second    INFO cart of the test before

Fails At Once
    Write    BOOM
    Sleep    1.2 s    the mark has come meanwhile
    Write    INFO cart is closed
    Fail    the order is lost

Fails Again
    Write    BOOM
    Sleep    1.2 s
    Write    INFO cart is closed
    Fail    the order is lost again
"""
LIBRARY = """\
import time

class Shop:
    def __init__(self, log):
        self.log = log

    def write(self, text):
        with open(self.log, "a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\\n")

    def fill_the_second(self, text):
        # early in a second, so that the next test begins within the same one
        time.sleep(1.02 - time.time() % 1)
        self.write(text)
"""


@pytest.fixture
def ran(new_host: Callable[..., Sshd], tmp_path: Path) -> Path:
    """The folder of a run, with its results."""
    host = new_host(name="app1", environment={"TZ": "UTC"})
    ssh = host.ssh_settings(connect_timeout=60)
    log = tmp_path / "shop.log"
    log.write_text("2026-01-01 00:00:00 INFO ready\n")
    config = {
        "components": {"app": {"collectors": [{"name": "log", "file": [str(log)]}]}},
        "limits": {"failure_time": 120, "host_time": 100, "run_time": 600},
        "hosts": {"app1": {"component": ["app"], "address": host.address, "ssh": ssh}},
    }
    (tmp_path / "failtale.yaml").write_text(json.dumps(config, default=str))
    (tmp_path / "Shop.py").write_text(LIBRARY)
    (tmp_path / "shop.robot").write_text(SUITE.replace("LOG", str(log)).replace("BOOM", BOOM))
    command = [sys.executable, "-m", "robot", "--listener", "FailTaleListener:failtale.yaml", "--pythonpath", "."]
    done = subprocess.run([*command, "shop.robot"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 3, done.stdout + done.stderr
    return tmp_path


def test_a_line_of_the_first_second_is_shown_said_to_be_unsure_and_not_learned_as_known(ran: Path) -> None:
    reports = {each.failure.name: each for each in reports_in(ran / "output.xml") if isinstance(each, Report)}
    for name in ("Fails At Once", "Fails Again"):
        item = reports[name].evidence.item("app1/log")
        assert item is not None, reports[name].evidence.gaps
        place = max(number for number, line in enumerate(item.lines) if BOOM in line)
        assert BOOM not in item.before
        assert item.window is not None
        if place in item.unsure_lines:
            assert "may be older than the window" in item.window.note
        suspect = reports[name].analysis.suspects[0]
        assert (BOOM in suspect.text, suspect.line_number) == (True, place), name
        assert "out of memory" in reports[name].analysis.headline
        assert "usual" not in {signal.name for signal in suspect.signals}
    first = reports["Fails At Once"].evidence.item("app1/log")
    assert first is not None
    of_before = {number for number, line in enumerate(first.lines) if "of the test before" in line}
    assert of_before <= first.unsure_lines
    _assert_marked_line_by_line(ran / "log.html", reports)


def _assert_marked_line_by_line(log: Path, reports: dict[str, Report]) -> None:
    """What log.html marks is what the records say, in the card of each test that wrote in its first second."""
    with a_page() as page:
        for number, name in ((3, "Fails At Once"), (4, "Fails Again")):
            page.goto("about:blank")
            page.goto(f"{log.as_uri()}#s1-t{number}")
            page.locator(f"#s1-t{number} [data-failtale]").first.wait_for(state="attached")
            marked = page.evaluate(
                "place => [...document.querySelectorAll(`${place} [class*='-unsure']`)]"
                ".map(each => [each.title, each.textContent])",
                f"#s1-t{number}",
            )
            item = reports[name].evidence.item("app1/log")
            assert item is not None
            assert [line for _, text in marked for line in text.splitlines()] == [
                item.lines[place] for place in sorted(item.unsure_lines)
            ]
            assert {title for title, _ in marked} <= {TITLE}
            if number == 3:
                assert marked, "whole seconds did not meet the test before"
