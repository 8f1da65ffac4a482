"""Pictures that a test showed in its log are linked in its card; no path that a message names leads anywhere else."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from builders import FAILED_AT, a_failure, a_report
from robot.api import ExecutionResult
from robot.rebot import rebot

from FailTaleLibrary.archive import reports_in, rewrite_cards, to_payload
from FailTaleLibrary.keywords import link_that_pabot_merges
from FailTaleLibrary.records import Failure, Report, SafeText, Screenshot
from FailTaleLibrary.rendering import redraw, to_brief_text, to_html, to_text
from FailTaleLibrary.screenshots import (
    MAX_BYTES,
    MOST_SCREENSHOTS,
    OutputFolders,
    ShownPicture,
    addresses_in,
    nearest_screenshot,
    picture_of,
    with_screenshots,
)

ROOT = Path(__file__).resolve().parents[1]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
DATA = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
SELENIUM = '</td></tr><tr><td colspan="3"><a href="{0}"><img src="{0}" width="800px"></a>'
"""What SeleniumLibrary 6.9 logs, keywords/screenshot.py."""
SELENIUM_EMBEDS = (
    '</td></tr><tr><td colspan="3"><img alt="screenshot" class="robot-seleniumlibrary-screenshot" src="{0}" '
    'width="800px">'
)
BROWSER = (
    '</td></tr><tr><td colspan="3"><a href="{0}" target="_blank">'
    '<img src="{0}" style="max-width:800px;max-height:800px;"/></a>'
)
"""What Browser 20.6 logs, keywords/browser_control.py."""
ROBOT_LINKS = "Screenshot saved to '<a href=\"{0}\">{0}</a>'."
"""Robot's own Take Screenshot Without Embedding."""


# --- What a message says ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "addresses"),
    [
        (SELENIUM.format("selenium-screenshot-1.png"), ["selenium-screenshot-1.png"]),
        (BROWSER.format("browser/screenshot/fail-screenshot-1.png"), ["browser/screenshot/fail-screenshot-1.png"]),
        (SELENIUM_EMBEDS.format(DATA), [DATA]),
        (ROBOT_LINKS.format("order%20list_1.jpg"), ["order%20list_1.jpg"]),
        ("<IMG width=3 SRC='a&amp;b.PNG'> <img src=c.webp>", ["a&b.PNG", "c.webp"]),
        ("<img src='https://ci.example.com/logo.png'><a href='report.pdf'>x</a><img data-src='x.png'>", []),
        ("<img src='" + "<img " * 50_000, []),
        ("<img " + "src=" * 50_000, []),
    ],
)
def test_pictures_of_a_message_are_its_images_and_links_to_images(message: str, addresses: list[str]) -> None:
    assert list(addresses_in(message)) == addresses


# --- Where it may lead -----------------------------------------------------------------------------------------------


@pytest.fixture
def output(tmp_path: Path) -> Path:
    output = tmp_path / "out"
    (output / "browser").mkdir(parents=True)
    for name in ("one.png", "browser/two.png", "odd name#1.png"):
        (output / name).write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    (output / "passwd").write_text("root:x:0:0")
    (output / "link.png").symlink_to(tmp_path / "secret.png")
    (output / "other.png").symlink_to(output / "passwd")
    (output / "circle.png").symlink_to(output / "circle.png")
    (output / "folder.png").mkdir()
    os.mkfifo(output / "pipe.png")
    return output


def shown(output: Path, *addresses: str, kept: Path | None = None) -> Failure:
    pictures = [ShownPicture(address, "Click", FAILED_AT) for address in addresses]
    folders = OutputFolders(output=output, log=output, home=output, kept=kept)
    return with_screenshots(a_failure(), pictures, folders, SafeText)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("one.png", "one.png"),
        ("./browser/../browser/two.png?x=1", "browser/two.png"),
        ("odd%20name%231.png", "odd name#1.png"),
        ("{output}/one.png", "one.png"),
        ("file://{output}/one.png", "one.png"),
        ("file://localhost{output}/one.png", "one.png"),
    ],
)
def test_a_picture_below_the_output_directory_is_linked(output: Path, address: str, path: str) -> None:
    (screenshot,) = shown(output, address.format(output=output)).screenshots
    assert (screenshot.path, screenshot.note, screenshot.keyword) == (path, "", "Click")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("../secret.png", "outside of the output directory"),
        ("browser/../../secret.png", "outside of the output directory"),
        ("%2e%2e/secret.png", "outside of the output directory"),
        ("/etc/logo.png", "outside of the output directory"),
        ("file:///etc/logo.png", "outside of the output directory"),
        ("link.png", "outside of the output directory"),
        ("gone.png", "not there"),
        ("other.png", "not there"),
        ("circle.png", "not there"),
        ("folder.png", "not there"),
        ("pipe.png", "not there"),
        ("a%00.png", "not there"),
        ("a" * 300 + ".png", "not there"),
        ("a/" * 1000 + "b.png", "not there"),
    ],
)
def test_no_picture_leads_out_of_the_output_directory_or_to_what_is_none(output: Path, address: str, why: str) -> None:
    (screenshot,) = shown(output, address).screenshots
    assert (screenshot.path, screenshot.note) == ("", why)


def test_the_newest_pictures_are_kept_in_the_order_of_time_and_the_others_counted(output: Path) -> None:
    names = [f"{number}.png" for number in range(MOST_SCREENSHOTS + 3)]
    failure = shown(output, *names, names[0])
    assert [each.name for each in failure.screenshots] == list(reversed(names[:MOST_SCREENSHOTS]))
    assert failure.more_screenshots == 3


def test_an_embedded_picture_is_saved_once_where_it_may_be_and_named_where_not(output: Path) -> None:
    failure = shown(output, DATA, kept=output / "failtale" / "screenshots")
    (screenshot,) = failure.screenshots
    assert (output / screenshot.path).read_bytes() == PNG
    assert screenshot.path.startswith("failtale/screenshots/")
    assert shown(output, DATA, kept=output / "failtale" / "screenshots") == failure
    for address in (DATA, "data:image/png;base64,!", f"data:image/png;base64,{'A' * (MAX_BYTES * 4 // 3 + 9)}"):
        (screenshot,) = shown(output, address).screenshots
        assert (screenshot.path, screenshot.name) == ("", "embedded in the log")
    (screenshot,) = shown(output, "data:image/png;base64,PGh0bWw+", kept=output / "failtale").screenshots
    assert screenshot.path == "", "what is no picture by its bytes is not saved"


def test_a_path_that_holds_a_secret_is_not_linked(output: Path) -> None:
    folders = OutputFolders(output=output, log=output, home=output)
    pictures = [ShownPicture("one.png")]
    failure = with_screenshots(a_failure(), pictures, folders, lambda text: SafeText(text.replace("one", "[removed]")))
    (screenshot,) = failure.screenshots
    assert (screenshot.path, screenshot.name, screenshot.note) == ("", "[removed].png", "its path holds a secret")


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("pabot_results/0/one.png", "one.png"),
        ("pabot_results/0/one 1.png", "pabot_results/0/one%201%2Epng"),
        ("pabot_results/0/one.jpg", "pabot_results/0/one%2Ejpg"),
        ("pabot_results/0/browser/one.png", "pabot_results/0/browser/one%2Epng"),
        ("failtale/screenshots/ab.png", "failtale/screenshots/ab%2Epng"),
    ],
)
def test_under_pabot_a_link_leads_to_where_the_picture_is_after_the_merge(path: str, link: str) -> None:
    home = Path("/ci/out")
    assert link_that_pabot_merges(path, own=home / "pabot_results" / "0", home=home) == link


# --- The picture for a model that can see ----------------------------------------------------------------------------


def test_the_picture_nearest_to_the_failure_is_the_one_of_the_failure(output: Path) -> None:
    early, near, late = (
        Screenshot(path=SafeText(path), name=SafeText(path), taken_at=FAILED_AT + timedelta(seconds=seconds))
        for path, seconds in (("browser/two.png", -4), ("one.png", 0.2), ("gone.png", 9))
    )
    failure = a_failure(screenshots=(early, near, late))
    assert nearest_screenshot(failure) == near
    picture = picture_of(failure, output)
    assert picture is not None
    assert (picture.kind, picture.data) == ("png", PNG)


@pytest.mark.parametrize(
    "path", ["../secret.png", "link.png", "other.png", "pipe.png", "gone.png", "/etc/passwd", "\0"]
)
def test_a_record_of_others_cannot_name_a_file_outside(output: Path, path: str) -> None:
    screenshot = Screenshot(path=SafeText(path), name=SafeText("x.png"))
    assert picture_of(a_failure(screenshots=(screenshot,)), output) is None


# --- What is shown ---------------------------------------------------------------------------------------------------

HOSTILE = '"><script>alert(1)</script>.png'


def a_report_with_pictures() -> Report:
    one = Screenshot(path=SafeText("browser/one.png"), name=SafeText("one.png"), keyword=SafeText("Click"))
    two = Screenshot(name=SafeText(HOSTILE), note=SafeText("not there"))
    return a_report(failure=a_failure(screenshots=(one, two), more_screenshots=2))


def test_a_card_links_what_is_linked_and_keeps_links_that_a_merge_changed() -> None:
    report = a_report_with_pictures()
    card = to_html(report, max_bytes=200_000, screenshot_links=["browser/one.png", ""], pack=to_payload)
    assert '<a class="ft' in card
    assert 'href="./browser/one.png">one.png</a>' in card
    assert "<script" not in card
    assert ", and 2 before" in card
    moved = card.replace("./browser/one.png", "./browser/2026-0-one.png")
    assert 'href="./browser/2026-0-one.png">one.png</a>' in redraw(moved, report, max_bytes=200_000)
    assert 'href="./browser/one.png"' not in redraw(moved, report, max_bytes=200_000)


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "//evil.example/x.png", 'x" onerror="alert(1)', "/etc/x.png"]
)
def test_no_link_of_a_card_is_anything_but_relative(address: str) -> None:
    card = to_html(a_report_with_pictures(), max_bytes=200_000, screenshot_links=[address, address])
    assert all(link.startswith("./") for link in re.findall(r'data-screenshot="\d" href="([^"]*)"', card))
    assert "onerror" not in re.sub(r'"[^"]*"', "", card)


def test_texts_name_the_pictures() -> None:
    report = a_report_with_pictures()
    assert f"  browser/one.png (Click)\n  {HOSTILE} (not there)\n  and 2 before" in to_text(report)
    assert "Screenshot: browser/one.png (Click)" in to_brief_text(report, more="")


# --- A real run ------------------------------------------------------------------------------------------------------

LIBRARY = f"""\
from pathlib import Path
from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn

def _save(path):
    file = Path(BuiltIn().get_variable_value("${{OUTPUT DIR}}"), path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes({PNG!r})

def click_element(locator):
    _save("selenium-screenshot-1.png")
    logger.info({SELENIUM!r}.format("selenium-screenshot-1.png"), html=True)
    raise AssertionError(f"Element '{{locator}}' not found.")

def take_screenshot():
    _save("browser/screenshot/fail-screenshot-1.png")
    logger.info({BROWSER!r}.format("browser/screenshot/fail-screenshot-1.png"), html=True)

def capture_page_screenshot():
    logger.info({SELENIUM_EMBEDS!r}.format({DATA!r}), html=True)

def take_screenshot_silently():
    _save("quiet 1.png")
    return str(Path(BuiltIn().get_variable_value("${{OUTPUT DIR}}"), "quiet 1.png"))

def quote_a_message():
    logger.info("<img src='no-picture.png'>")
"""
SUITE = """\
*** Settings ***
Library    Pages.py

*** Test Cases ***
Passes
    Take Screenshot

Order
    Quote A Message
    ${path} =    Take Screenshot Silently
    Click Element    id=order
    [Teardown]    Run Keywords    Capture Page Screenshot    AND    Take Screenshot
"""
CONFIG = """\
components: {storage: {collectors: [{name: state, command: echo fine}]}}
hosts: {storage1: {component: storage, transport: local}}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a real run left, as a library of its own logs that writes what the two libraries write."""
    place = tmp_path_factory.mktemp("pictures")
    (place / "Pages.py").write_text(LIBRARY)
    (place / "order.robot").write_text(SUITE)
    (place / "failtale.yaml").write_text(CONFIG)
    path = os.pathsep.join(map(str, (ROOT, ROOT / "listeners", ROOT / "resources")))
    command = [sys.executable, "-m", "robot", "--listener", "FailTaleListener:failtale.yaml", "-d", "out"]
    subprocess.run(
        [*command, "order.robot"], cwd=place, env={**os.environ, "PYTHONPATH": path}, capture_output=True, timeout=300
    )
    return place / "out"


def card_of(output: Path, test: int) -> str:
    message = ExecutionResult(str(output)).suite.tests[test].body[-1]
    return str(message.message)


def links_of(card: str) -> list[str]:
    return re.findall(r'data-screenshot="\d" href="([^"]*)"', card)


def test_pictures_of_the_failing_test_are_linked_those_of_its_teardown_included(ran: Path) -> None:
    (report,) = reports_in(ran / "output.xml")
    names = [(each.name, each.keyword) for each in report.failure.screenshots]
    assert names == [
        ("quiet 1.png", "Take Screenshot Silently"),
        ("selenium-screenshot-1.png", "Click Element"),
        ("embedded in the log", "Capture Page Screenshot"),
        ("fail-screenshot-1.png", "Take Screenshot"),
    ]
    links = links_of(card_of(ran / "output.xml", 1))
    assert [(ran / link.replace("%20", " ")).read_bytes() for link in links] == [PNG] * 4
    assert links[1] == "./selenium-screenshot-1.png"
    nearest = nearest_screenshot(report.failure)
    assert nearest is not None
    assert nearest.name == "selenium-screenshot-1.png"


def test_the_bundle_tells_the_same_and_the_run_page_leads_to_the_picture(ran: Path) -> None:
    from FailTaleLibrary.archive import read_bundle

    (report,) = reports_in(ran / "output.xml")
    assert report.bundle is not None
    assert read_bundle(ran / report.bundle).failure.screenshots == report.failure.screenshots
    assert '<a href="./selenium-screenshot-1.png">screenshot</a>' in (ran / "failtale-report.html").read_text()


def test_links_hold_after_a_merge_and_in_a_folder_that_was_moved(ran: Path, tmp_path: Path) -> None:
    import shutil

    moved = Path(shutil.copytree(ran, tmp_path / "elsewhere"))
    outputs = [str(moved / "output.xml")] * 2
    with (tmp_path / "console").open("w") as console:
        rebot(*outputs, merge=True, outputdir=moved, output="merged.xml", log="log.html", stdout=console)
    assert rewrite_cards(moved / "merged.xml", lambda report: report, max_bytes=500_000)
    (report,) = (each for each in reports_in(moved / "merged.xml") if isinstance(each, Report))
    picture = picture_of(report.failure, moved)
    assert picture is not None
    assert picture.data == PNG
    merged = (moved / "merged.xml").read_text()
    links = re.findall(r'data-screenshot=(?:"|&quot;)\d(?:"|&quot;) href=(?:"|&quot;)([^"&]*)', merged)
    assert len(links) == 4
    assert all((moved / link.replace("%20", " ")).is_file() for link in links)
