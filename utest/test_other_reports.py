"""A failure in other reports (real Allure results, ReportPortal's agent), in tests that did not run, at log levels."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S
from robot.api import ExecutionResult

from bench.matrix import portal as stand_in_for_reportportal
from FailTaleLibrary.archive import reports_in
from FailTaleLibrary.cli import main
from FailTaleLibrary.records import Report

ROOT = Path(__file__).resolve().parents[1]
CONFIG = """\
components:
  storage: {collectors: [{name: state, command: echo the disk is full}]}
hosts: {storage1: {component: storage, transport: local}}
"""
ORDERS = """\
*** Test Cases ***
Order
    Fail    HTTPError: 500 Server Error

Hides A Secret
    Set Log Level    NONE
    Fail    the login was refused

After It
    Log    still hidden
"""
SETUP = """\
*** Settings ***
Suite Setup    Fail    the shop does not start

*** Test Cases ***
First Of The Shop
    No Operation

Second Of The Shop
    No Operation
"""


@pytest.fixture(scope="module")
def portal() -> Iterator[tuple[str, list[str]]]:
    """Address of a stand-in for ReportPortal on this machine, and the bodies of what it got."""
    with stand_in_for_reportportal() as standing:
        yield standing


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, portal: tuple[str, list[str]]) -> Path:
    """One run with our listener between Allure's and ReportPortal's."""
    place = tmp_path_factory.mktemp("reports")
    (place / "failtale.yaml").write_text(CONFIG)
    (place / "orders.robot").write_text(ORDERS)
    (place / "shop.robot").write_text(SETUP)
    settings = {
        "RP_ENDPOINT": portal[0],
        "RP_PROJECT": "shop",
        "RP_LAUNCH": "nightly",
        "RP_API_KEY": secrets.token_hex(8),
        "RP_LOG_BATCH_SIZE": "1",
    }
    variables = [word for name, value in settings.items() for word in ("--variable", f"{name}:{value}")]
    ours = "FailTaleListener:failtale.yaml"
    listeners = ["allure_robotframework:allure", ours, "robotframework_reportportal.listener"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "robot", *variables, "--outputdir", "out"),
            *(word for listener in listeners for word in ("--listener", listener)),
            *("orders.robot", "shop.robot"),
        ],
        cwd=place,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "listeners", ROOT / "resources")))},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    (place / "said.txt").write_text(done.stderr)
    return place


def reports_by_name(run: Path) -> dict[str, Report]:
    return {each.failure.name: each for each in reports_in(run / "out" / "output.xml") if isinstance(each, Report)}


def test_allure_gets_the_card_as_an_attachment_with_a_name_of_its_own(run: Path) -> None:
    results = [json.loads(path.read_text()) for path in (run / "allure").glob("*-result.json")]
    (order,) = (result for result in results if result["name"] == "Order")
    (attachment,) = (each for each in order["attachments"] if each["name"].startswith("FailTale: "))
    assert attachment["type"] == "text/html"
    assert attachment["name"] == f"FailTale: {reports_by_name(run)['Order'].analysis.headline}"
    page = (run / "allure" / attachment["source"]).read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "the disk is full" in page


def test_reportportal_gets_text_and_the_log_its_card(run: Path, portal: tuple[str, list[str]]) -> None:
    sent = "\n".join(portal[1])
    report = reports_by_name(run)["Order"]
    assert f"All of it: failtale show {report.failure.id[:8]}" in sent
    assert "data-failtale" not in sent
    assert "<style>" not in sent


def test_a_level_that_a_test_has_set_for_a_secret_hides_no_card_and_stays_as_it_was(run: Path) -> None:
    assert set(reports_by_name(run)) == {"Order", "Hides A Secret", "Suite setup of Shop"}
    assert "still hidden" not in (run / "out" / "output.xml").read_text().replace("<arg>still hidden</arg>", "")
    assert "not in the log" not in (run / "said.txt").read_text()


def test_a_test_that_fell_with_its_suites_setup_points_to_the_setups_card_and_counts_with_it(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = reports_by_name(run)["Suite setup of Shop"]
    shop = ExecutionResult(run / "out" / "output.xml").suite.suites[1]
    for test in shop.tests:
        (message,) = test.body
        assert f'<a href="#{shop.setup.id}">Suite setup of Shop</a>' in message.message
        assert setup.analysis.headline in message.message
    page = (run / "out" / "failtale-report.html").read_text()
    links = re.findall(r'<a href="\./log\.html#([^"]+)">(?:First|Second) Of The Shop</a>', page)
    assert links == [test.id for test in shop.tests]
    assert main(["report", "--json", str(run / "out")]) == 0
    summary = json.loads(capsys.readouterr().out)
    (row,) = (each for each in summary["failures"] if each["failure_id"] == setup.failure.id)
    assert [test["name"] for test in row["fallen"]] == ["First Of The Shop", "Second Of The Shop"]
    (group,) = (each for each in summary["groups"] if setup.failure.id in each["failure_ids"])
    assert group["fallen"] == 2
