"""The card where people read it: in the log.html of a real run, in a real browser, in both themes."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import robot
from axe_playwright_python.base import AXE_FILE_PATH
from builders import a_failure, a_report
from chromium import Theme, a_browser, a_page_of, is_local, requests_of
from extremes import an_extreme_report
from patience import PATIENCE_S
from playwright.sync_api import Browser, Page
from robot import result as robot_result

from FailTaleLibrary.archive import reports_in, rewritten, to_payload
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering import to_html
from FailTaleLibrary.rendering.card import MOST_PX
from FailTaleLibrary.robot_log import log_html

pytestmark = pytest.mark.browser

AXE = AXE_FILE_PATH.read_text(encoding="utf-8")

HEADLINE = "database is locked, 0.4 s before"
CONTRASTS_BELOW = """
    (card, least) => {
        const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
        const over = (colour, ground) => {
            canvas.fillStyle = `rgb(${ground})`; canvas.fillRect(0, 0, 1, 1);
            canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
        };
        const light = colour => colour.map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const chain = node => node === document.body ? [node] : [...chain(node.parentElement), node];
        const contrast = node => {
            const nodes = chain(node);
            const ground = nodes.map(each => getComputedStyle(each).backgroundColor)
                .reduce((below, colour) => over(colour, below), [255, 255, 255]);
            const opacity = nodes.reduce((all, each) => all * getComputedStyle(each).opacity, 1);
            const pure = over(getComputedStyle(node).color, ground);
            const seen = pure.map((v, i) => v * opacity + ground[i] * (1 - opacity));
            const [a, b] = [light(seen), light(ground)].sort((x, y) => y - x);
            return (a + 0.05) / (b + 0.05);
        };
        return [...card.querySelectorAll('*')]
            .filter(node => [...node.childNodes].some(each => each.nodeType === 3 && each.data.trim()))
            .map(node => [contrast(node), node.textContent.slice(0, 60)]).filter(([ratio]) => ratio < least);
    }
"""
ALL_LAID_OUT = "[data-failtale].failtale{content-visibility:visible!important}"
SUITE = """\
*** Test Cases ***
Passes
    Log    nothing to tell

Orders Survive A Restart Of The API
    Fail    HTTPError: 500 Server Error for url: http://web1/orders
    [Teardown]    Log    cleaned up
"""


def a_run(folder: Path, report: Report, *, output: str = "output.xml", max_bytes: int = 1_000_000) -> Path:
    """A run of Robot Framework whose failing test has the report's card; returns the folder with its results."""
    card = to_html(report, max_bytes=max_bytes, bundle_link=report.bundle, pack=to_payload)
    (folder / "orders.robot").write_text(SUITE)
    said = io.StringIO()
    places = {"outputdir": str(folder), "output": output, "stdout": said, "stderr": said}
    assert robot.run(str(folder / "orders.robot"), listener=CardListener(card), **places) == 1, said.getvalue()
    return folder


class CardListener:
    """Shows the same card for each failing test."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, card: str) -> None:
        self._card = card

    def end_test(self, _: object, result: robot_result.TestCase) -> None:
        if result.failed:
            log_html(self._card, text=lambda: "")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_run(tmp_path_factory.mktemp("run"), a_report())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


@pytest.fixture
def page(results: Path, browser: Browser) -> Iterator[Page]:
    with a_page_of(browser) as page:
        page.goto((results / "log.html").as_uri())
        yield page


HOSTILE = (
    '<script>window.hit=1</script><img src=x onerror="window.hit=2">"\'><svg onload=window.hit=3></svg>'
    '</script>]]>--><a href="javascript:window.hit=4">x</a>{{7*7}}${window.hit=5}'
)


def a_hostile_report() -> Report:
    """Every text, name and id of it attacks the page."""
    report = rewritten(a_report(), lambda text: text + HOSTILE)
    evidence, analysis = report.evidence, report.analysis
    items = tuple(
        item.model_copy(
            update={"id": item.id + HOSTILE, "host": item.host + HOSTILE, "collector": item.collector + HOSTILE}
        )
        for item in evidence.items
    )
    suspects = tuple(
        suspect.model_copy(update={"id": f"E1{HOSTILE}", "host": HOSTILE, "item_id": items[1].id, "collector": HOSTILE})
        for suspect in analysis.suspects
    )
    hint = analysis.hint and analysis.hint.model_copy(update={"model": HOSTILE})
    return report.model_copy(
        update={
            "failure": report.failure.model_copy(update={"id": f"x{HOSTILE}"}),
            "evidence": evidence.model_copy(update={"items": items}),
            "analysis": analysis.model_copy(update={"suspects": suspects, "hint": hint}),
            "bundle": f"javascript:window.hit=6//{HOSTILE}",
            "failtale_version": HOSTILE,
        }
    )


def test_the_card_is_in_sight_when_the_log_opens(page: Page) -> None:
    assert page.locator("[class*='-head']", has_text=HEADLINE).is_visible()
    assert page.get_by_text("db1: unreachable").is_visible()
    assert page.locator("[data-failtale]").bounding_box()["height"] <= 500  # type: ignore[index] - it is visible


def test_an_unopened_card_is_never_higher_than_500_pixels_and_nothing_sticks_out(
    browser: Browser, tmp_path: Path
) -> None:
    cards = [
        to_html(an_extreme_report(seed), max_bytes=(1_000_000, 60_000, 25_000)[seed % 4 % 3], bundle_link="failtale/x")
        for seed in range(20)
    ]
    rows = "".join(
        f'<div style="width:{998 - 6 * n}px;white-space:pre-wrap">{card}</div>' for n, card in enumerate(cards)
    )
    (tmp_path / "cards.html").write_text(f'<!DOCTYPE html><meta charset="utf-8">{rows}', encoding="utf-8")
    with a_page_of(browser) as page:
        page.goto((tmp_path / "cards.html").as_uri())
        page.add_style_tag(content=ALL_LAID_OUT)
        found = page.locator("[data-failtale]")
        heights = found.evaluate_all("cards => cards.map(each => each.getBoundingClientRect().height)")
        inside = found.evaluate_all("cards => cards.map(each => each.scrollWidth <= each.clientWidth)")
    assert len(heights) == 20
    assert max(heights) <= MOST_PX
    assert min(heights) > 30
    assert all(inside)


def test_of_a_page_of_cards_one_style_sheet_is_applied_and_styles_all_of_them(browser: Browser, tmp_path: Path) -> None:
    """A browser that applies each card's own looks at all cards again with each that it draws."""
    cards = [to_html(a_report(failure=a_failure(id=f"{n:032x}")), max_bytes=1_000_000) for n in range(3)]
    (tmp_path / "cards.html").write_text(f'<!DOCTYPE html><meta charset="utf-8">{"".join(cards)}', encoding="utf-8")
    padding = "cards => cards.map(each => getComputedStyle(each).paddingLeft)"
    with a_page_of(browser) as page:
        page.goto((tmp_path / "cards.html").as_uri())
        found = page.locator("[data-failtale]")
        assert found.evaluate_all(padding) == ["14px"] * 3
        page.evaluate("document.querySelector('style').disabled = true")
        assert found.evaluate_all(padding) == ["0px"] * 3


def test_a_card_that_is_out_of_sight_takes_about_the_room_that_it_will_need(browser: Browser, tmp_path: Path) -> None:
    """Its inside is laid out when it comes near, which must not move what a reader looks at."""
    cards = [to_html(an_extreme_report(seed), max_bytes=60_000) for seed in range(12)]
    rows = "".join(f'<div style="width:998px;white-space:pre-wrap">{card}</div>' for card in cards)
    page_of_cards = f'<!DOCTYPE html><meta charset="utf-8"><div style="height:30000px"></div>{rows}'
    (tmp_path / "cards.html").write_text(page_of_cards, encoding="utf-8")
    measure = "cards => cards.map(each => each.getBoundingClientRect().height)"
    with a_page_of(browser) as page:
        page.goto((tmp_path / "cards.html").as_uri())
        found = page.locator("[data-failtale]")
        kept = found.evaluate_all(measure)
        page.add_style_tag(content=ALL_LAID_OUT)
        needed = found.evaluate_all(measure)
    assert kept != needed
    assert [(a, b) for a, b in zip(kept, needed, strict=True) if abs(a - b) > 90] == []


def test_what_a_card_has_no_room_for_is_read_when_it_is_opened(browser: Browser, tmp_path: Path) -> None:
    cards = (to_html(an_extreme_report(seed), max_bytes=1_000_000) for seed in range(20))
    card = next(card for card in cards if "more suspects" in card)
    (tmp_path / "card.html").write_text(f'<!DOCTYPE html><meta charset="utf-8">{card}', encoding="utf-8")
    cut = """cards => cards
        .flatMap(card => [...card.querySelectorAll('[class*="-one"], [class*="-two"], [class*="-line"]')])
        .filter(each => each.scrollHeight > each.clientHeight + 2 || each.scrollWidth > each.clientWidth + 2)
        .filter(each => !each.matches('[class*="-head"]') && each.getClientRects().length)
        .map(each => each.className + ': ' + each.textContent.slice(0, 80))"""
    with a_page_of(browser) as page:
        page.goto((tmp_path / "card.html").as_uri())
        assert len(page.locator("[data-failtale]").evaluate_all(cut)) > 5
        assert page.locator("summary", has_text="more suspects").is_visible()
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.locator("[data-failtale]").evaluate_all(cut) == []
        assert page.locator("[class*='-id']:visible").count() == 5


def test_outputs_are_folded_until_a_reader_opens_them(page: Page) -> None:
    line = page.locator("pre", has_text='10.0.0.9 "POST /orders" 500 1004ms').first
    assert not line.is_visible()
    for summary in ("Hosts", "storage1", "access.log"):
        page.locator("[data-failtale] [class*='-fold'] > summary", has_text=re.compile(f"^{summary}")).first.click()
    assert line.is_visible()


def test_a_click_on_a_suspect_opens_its_reasons_and_from_there_its_place_in_the_evidence(page: Page) -> None:
    page.locator("[data-failtale] [class*='-story'] summary", has_text="E1").first.click()
    assert page.get_by_text("names a locked database", exact=False).last.is_visible()
    page.locator("[data-failtale] a", has_text="storage1 / storage.log").first.click()
    target = page.locator(":target")
    assert target.is_visible()
    assert "database is locked" in target.inner_text()
    assert target.evaluate(
        "line => { const at = line.getBoundingClientRect(); return at.top >= 0 && at.bottom <= innerHeight }"
    )
    assert page.locator("[class*='-head']", has_text=HEADLINE).count() == 1  # log.html stays as it was


def _tab_to(page: Page, words: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("words => document.activeElement.textContent.trim().startsWith(words)", words):
            return
    pytest.fail(f"Tab leads to no '{words}'")


def test_the_card_is_opened_by_keyboard_alone(page: Page) -> None:
    reasons = page.get_by_text("storage1 → web1: web1 names storage1, 0.1 s later")
    assert not reasons.is_visible()
    page.locator("[data-failtale] summary").first.focus()
    page.keyboard.press("Enter")
    assert reasons.is_visible()
    _tab_to(page, "E1")
    page.keyboard.press("Enter")
    assert page.get_by_text("names a locked database", exact=False).last.is_visible()
    _tab_to(page, "Hosts")
    page.keyboard.press("Space")
    assert page.locator("[data-failtale] summary", has_text="storage1").locator("visible=true").count() > 0


def test_a_link_to_a_suspect_opens_the_log_at_the_failing_test(results: Path, browser: Browser) -> None:
    anchor = f"failtale_{a_report().failure.id}_line_E1"
    with a_page_of(browser) as page:
        page.goto(f"{(results / 'log.html').as_uri()}#{anchor}")
        page.locator("[class*='-head']", has_text=HEADLINE).wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read_in_both_themes(results: Path, browser: Browser, theme: Theme, tmp_path: Path) -> None:
    with a_page_of(browser, theme=theme) as page:
        page.goto((results / "log.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        card = page.locator("[data-failtale]")
        card.screenshot(path=str(tmp_path / f"card-{theme}.png"))
        poor = card.evaluate(CONTRASTS_BELOW, 4.5)
    assert poor == []


def test_nothing_sticks_out_of_the_card(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.locator("[data-failtale]").evaluate("card => card.scrollWidth <= card.clientWidth")


def test_the_card_is_read_on_a_telephone_beside_no_column_of_robots(results: Path, browser: Browser) -> None:
    with a_page_of(browser, width=400) as page:
        page.goto((results / "log.html").as_uri())
        card = page.locator("[data-failtale]")
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert card.bounding_box()["width"] >= 290  # type: ignore[index] - it is visible
        assert card.evaluate("card => card.scrollWidth <= card.clientWidth")
        assert card.evaluate("card => card.getBoundingClientRect().right") <= 400
        room = "card => card.closest('tr').offsetHeight >= card.offsetHeight"
        assert card.evaluate(room), "what comes next in the log lies over the card"


def test_a_printed_card_is_unfolded_and_shows_whole_outputs(results: Path, browser: Browser) -> None:
    with a_page_of(browser) as page:
        page.goto((results / "log.html").as_uri())
        page.emulate_media(media="print")
        line = page.locator("pre", has_text='10.0.0.9 "POST /orders" 500 1004ms').first
        assert line.bounding_box() is not None
        assert line.bounding_box()["height"] > 0  # type: ignore[index] - see above
        hidden = page.locator("[data-failtale] pre").evaluate_all(
            "outputs => outputs.filter(each => each.scrollHeight > each.clientHeight + 1).length"
        )
        assert hidden == 0


def test_a_card_is_printed_dark_on_white_whatever_the_theme_of_the_log(results: Path, browser: Browser) -> None:
    with a_page_of(browser, theme="dark") as page:
        page.goto((results / "log.html").as_uri())
        colours = "card => [getComputedStyle(card).color, getComputedStyle(card).backgroundColor]"
        assert page.locator("[data-failtale]").evaluate(colours) != ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
        page.emulate_media(media="print", color_scheme="dark")
        assert page.locator("[data-failtale]").evaluate(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_card_is_accessible(results: Path, browser: Browser, theme: Theme) -> None:
    with a_page_of(browser, theme=theme) as page:
        page.goto((results / "log.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        page.evaluate(AXE)
        found = page.evaluate("axe.run(document.querySelector('[data-failtale]'))")
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]] == []


def test_the_words_of_a_card_make_sense_without_any_style(results: Path, page: Page) -> None:
    page.evaluate("document.querySelectorAll('[data-failtale] style').forEach(each => each.remove())")
    words = " ".join(page.locator("[data-failtale]").inner_text().split())
    assert words.index(HEADLINE) < words.index("E1") < words.index("Hosts") < words.index("Not collected")
    assert "0.4 s storage1 ERROR" in words


def test_hostile_text_is_shown_and_never_runs(tmp_path: Path, browser: Browser) -> None:
    a_run(tmp_path, a_hostile_report())
    with a_page_of(browser) as page:
        wanted = requests_of(page)
        page.goto((tmp_path / "log.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        card = page.locator("[data-failtale]")
        for link in card.locator("a[href^='#']").all():
            link.click()
        assert card.inner_text().count("<script>window.hit=1</script>") > 60
        assert "${window.hit=5}" in card.inner_text()
        assert card.locator("script, img, svg[onload], iframe, [onerror], [onload], [href*='javascript:']").count() == 0
        assert page.evaluate("window.hit") is None
    assert [request.url for request in wanted if not is_local(request.url)] == []


def test_the_payload_survives_output_xml_and_log_html(results: Path, page: Page) -> None:
    assert list(reports_in(results / "output.xml")) == [a_report()]
    assert page.locator("data[hidden]").get_attribute("value") == to_payload(a_report())


def test_the_payload_is_a_message_of_its_own_whose_row_takes_no_room_and_which_robot_does_not_pack(
    results: Path, page: Page
) -> None:
    rows = page.locator(".test > .children > .messages")
    assert [row.is_visible() for row in rows.all()] == [False, True]
    assert rows.last.locator("data").count() == 0
    assert f'{a_report().failure.id}\\" hidden value=' in (results / "log.html").read_text()


def test_the_payload_survives_output_json_though_the_teardown_writes_a_second_body(tmp_path: Path) -> None:
    a_run(tmp_path, a_report(), output="output.json")
    assert (tmp_path / "output.json").read_text().count('"body":[') > 2
    assert list(reports_in(tmp_path / "output.json")) == [a_report()]


def test_the_payload_survives_rebot_to_json_and_back(results: Path, tmp_path: Path) -> None:
    for source, target in ((results / "output.xml", "there.json"), (tmp_path / "there.json", "back.xml")):
        command = [
            sys.executable,
            "-m",
            "robot.rebot",
            "--log",
            "NONE",
            "--report",
            "NONE",
            "--output",
            target,
            str(source),
        ]
        subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=PATIENCE_S)
    assert list(reports_in(tmp_path / "back.xml")) == [a_report()]
