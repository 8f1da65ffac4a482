"""Correlation ids: what `Get Correlation Id` and the pytest fixture give, and that lines with them are the test's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from patience import PATIENCE_S
from pytest_runs import plugin_options

from FailTaleLibrary.archive import read_bundle, reports_in
from FailTaleLibrary.belonging.correlation import Correlation
from FailTaleLibrary.belonging.other_tests import OwnTests

ROOT = Path(__file__).resolve().parents[1]
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")


def trace_and_span(text: str) -> tuple[str, str]:
    match = TRACEPARENT.fullmatch(text)
    assert match, text
    assert set(match[1]) != {"0"}
    assert set(match[2]) != {"0"}
    return match[1], match[2]


def test_one_trace_for_a_test_and_a_span_for_each_call() -> None:
    correlation, other = Correlation(), Correlation()
    assert correlation.identifiers == ()
    ids = [trace_and_span(correlation.traceparent()) for _ in range(50)]
    assert len({trace for trace, _ in ids}) == 1
    assert len({span for _, span in ids}) == 50
    assert trace_and_span(other.traceparent())[0] != ids[0][0]
    assert [each.text for each in correlation.identifiers] == [ids[0][0]]


# --- Robot ------------------------------------------------------------------------------------------------------------

ALONE = """
*** Settings ***
Library        FailTaleLibrary
Suite Setup    Keep    suite

*** Test Cases ***
First
    Keep    first
    Keep    first again
Second
    Keep    second

*** Keywords ***
Keep
    [Arguments]    ${name}
    ${id} =    Get Correlation Id
    Evaluate    open($name + '.id', 'w').write($id)
"""


def surroundings(**more: str) -> dict[str, str]:
    sources = os.pathsep.join(map(str, (ROOT, ROOT / "listeners", ROOT / "resources")))
    return {**os.environ, "PYTHONPATH": sources, **more}


def ran(directory: Path, *command: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=directory,
        env=surroundings(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_keyword_works_without_listener_and_configuration(tmp_path: Path) -> None:
    (tmp_path / "alone.robot").write_text(ALONE)
    status, said = ran(tmp_path, "robot", "--log", "NONE", "--report", "NONE", "alone.robot")
    assert status == 0, said
    ids = {path.stem: trace_and_span(path.read_text()) for path in tmp_path.glob("*.id")}
    assert ids["first"][0] == ids["first again"][0]
    assert ids["first"][1] != ids["first again"][1]
    assert len({ids[name][0] for name in ("suite", "first", "second")}) == 3


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    """The address of a shop that logs each request's trace; no order is accepted, and somebody else's fail as well."""
    log = tmp_path / "shop.log"

    class Shop(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            trace = self.headers["traceparent"].split("-")[1]
            with log.open("a") as target:
                for text in (f"[{trace}] storage: database is locked", "[7f1c9d2e33aa] billing: disk quota exceeded"):
                    target.write(f"{datetime.now(timezone.utc).isoformat()} ERROR {text}\n")
            self.send_error(500)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing on the console."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(PATIENCE_S)


def test_the_example_sends_the_id_along_and_gets_its_own_line_though_others_run(shop: str, tmp_path: Path) -> None:
    example = ROOT / "docs" / "examples" / "robot" / "traced.robot"
    configuration = tmp_path / "failtale.yaml"
    configuration.write_text((ROOT / "docs" / "examples" / "failtale.yaml").read_text())
    another_run = OwnTests([f"here {configuration.resolve()}"])
    another_run.test_began("Somebody's Test")
    listener = ("--listener", "FailTaleListener:failtale.yaml")
    log = str(tmp_path / "shop.log")
    status, said = ran(tmp_path, "robot", *listener, str(example), SHOP_URL=shop, SHOP_LOG=log)
    another_run.close()
    assert status == 1, said
    (report,) = reports_in(tmp_path / "output.xml")
    assert report.failure.others is not None
    assert [test.name for test in report.failure.others.tests] == ["Somebody's Test"]
    first = report.analysis.suspects[0]
    assert ("database is locked" in first.text, first.is_strong) == (True, True)
    assert "holds this test's correlation id" in [signal.words for signal in first.signals]
    assert not any(suspect.is_strong for suspect in report.analysis.suspects if "quota" in suspect.text)


# --- pytest -----------------------------------------------------------------------------------------------------------

PYTEST = """
import json
from pathlib import Path

KEPT = {}

def test_first(failtale_correlation_id, request):
    KEPT["first"] = failtale_correlation_id

def test_second(failtale_correlation_id):
    KEPT["second"] = failtale_correlation_id
    Path("kept.json").write_text(json.dumps(KEPT))

def test_further(failtale, failtale_correlation_id):
    ids = [failtale_correlation_id, failtale.get_correlation_id()]
    with open("shop.log", "a") as log:
        log.write(f"ERROR {ids[1]} database is locked\\n")
    Path("ids.json").write_text(json.dumps(ids))
    assert False
"""


def test_the_pytest_fixture_gives_each_test_its_trace(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(PYTEST)
    (tmp_path / "shop.log").touch()
    (tmp_path / "failtale.yaml").write_text(
        f"components: {{shop: {{collectors: [{{name: log, file: {tmp_path}/shop.log}}]}}}}\n"
        "hosts: {shop1: {component: shop, transport: local}}\n"
    )
    plain = plugin_options()
    status, said = ran(tmp_path, "pytest", *plain, "-k", "first or second")
    assert status == 0, said
    kept = {name: trace_and_span(text) for name, text in json.loads((tmp_path / "kept.json").read_text()).items()}
    assert kept["first"][0] != kept["second"][0]
    status, said = ran(tmp_path, "pytest", *plain, "--failtale=failtale.yaml", "-k", "further")
    assert status == 1, said
    ids = [trace_and_span(text) for text in json.loads((tmp_path / "ids.json").read_text())]
    assert ids[0][0] == ids[1][0]
    assert ids[0][1] != ids[1][1]
    (bundle,) = (path for path in (tmp_path / "failtale").iterdir() if path.is_dir())
    signals = [signal.words for signal in read_bundle(bundle).analysis.suspects[0].signals]
    assert "holds this test's correlation id" in signals
