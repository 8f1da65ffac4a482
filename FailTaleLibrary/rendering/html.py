"""Report -> the card: one HTML fragment for Robot's log.html, with styles of its own, no script, everything escaped.

The card stands in a cell with ``white-space: pre-wrap``, in a page with other cards and Robot's own style. Its style
sheet speaks of nothing but cards (on a narrow page also of the table row that holds one). It follows the page's light
or dark theme through Robot's CSS variables and keeps a light look of its own where there are none.

Every card brings the whole sheet, so that it can stand alone, under a title that no other has. A browser takes sheets
of different titles for alternatives and applies the first alone: of a hundred cards one styles all. Without titles each
card's sheet would have every card of the page looked at again. That holds where cards stay in their page, as in
log.html; one that takes rows away, or has titled sheets of its own, needs `with_own_style`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import zip_longest
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from FailTaleLibrary.files import code_made_once
from FailTaleLibrary.records import Item, Report, our_words
from FailTaleLibrary.rendering import words as in_words
from FailTaleLibrary.rendering.card import MOST_GAPS, card_of, first_line, headline_of
from FailTaleLibrary.rendering.fitting import Fitter, essentials, newest_of_each
from FailTaleLibrary.text import bytes_of, count, duration, shorten

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup

_TEMPLATES = Path(__file__).with_name("templates")
CARD_START = '<div data-failtale="1" '
"""What every card begins with, so that it is recognised among the messages of an output file."""
_FIRST_GUESS = 0.6
"""Characters of output that make a byte of card, with its markup and its share of the payload."""
_HURRIED_CHARS, _HURRIED_ITEMS = 64 * 1024, 300
"""Of the outputs, in the payload of a card for which there is no time: that much is packed in some milliseconds."""
_SHORT_HEADLINE = 300
"""Of a failure whose card has no room; the bundle has the rest."""
_STYLE_TITLE = re.compile(r'(?<=<style) title="[^"]*"')
_LINK = re.compile(r'<div data-failtale="1" data-failure-id="[^"]*" data-bundle="([^"]*)"')

_SCREENSHOT_LINK = re.compile(r'data-screenshot="(\d{1,2})" href="([^"]*)"')

_CARD, _STYLE = "card.html.j2", "style.css"

IsOver = Callable[[], bool]
Pack = Callable[[Report], str]
"""Makes the machine-readable payload that a card carries: `archive.to_payload`."""


def to_html(
    report: Report,
    *,
    max_bytes: int,
    bundle_link: str | None = None,
    screenshot_links: Sequence[str] = (),
    pack: Pack | None = None,
    is_over: IsOver = lambda: False,
) -> str:
    """The card of a report, at most ``max_bytes`` long in UTF-8.

    What must go to keep under the limit goes breadth-first from the outputs and is named in the card. ``bundle_link``
    is relative to log.html; so are ``screenshot_links``, percent-encoded, one for each screenshot, or none at all.
    ``pack`` gets the report as the card shows it. Once ``is_over`` says so, what is quick to draw is drawn.
    """
    draw = partial(
        _drawn, bundle_link=bundle_link, screenshot_links=screenshot_links, pack=pack, still=partial(_still, is_over)
    )
    try:
        card = _whole_card(report, max_bytes, draw, is_over) or _brief_card(report, max_bytes, draw, is_over)
    except _OutOfTimeError:
        card = _hurried_card(report, max_bytes, partial(draw, still=lambda each: each), pack)
    return card or _without_evidence(report, max_bytes, bundle_link)


def to_page(cards: str, reports: Sequence[Report]) -> str:
    """A whole page of cards, which a browser can open by itself; they alone are what log.html shows."""
    title = headline_of(reports[0]) if len(reports) == 1 else count(len(reports), "failure")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>FailTale: {html.escape(title)}</title></head>\n<body>{cards}</body></html>\n"
    )


def with_own_style(card: str) -> str:
    """The card for a page that is not Robot's: its style sheet is applied whatever other sheets the page has or loses.

    pytest-html takes the rows that a filter hides out of the page, and the one card whose sheet was applied with them.
    """
    return _STYLE_TITLE.sub("", card, count=1)


def redraw(
    card: str, report: Report, *, max_bytes: int, pack: Pack | None = None, bundle_link: str | None = None
) -> str:
    """The card of a newer report (a hint came) in place of ``card``, whose links it keeps: pabot has changed some.

    ``bundle_link`` is where the bundle lies by now, if it has moved.
    """
    match = _LINK.match(card)
    link = bundle_link or (unquote(html.unescape(match[1])) if match else "")
    screenshots = {int(number): html.unescape(address) for number, address in _SCREENSHOT_LINK.findall(card)}
    return to_html(
        report,
        max_bytes=max_bytes,
        bundle_link=link or None,
        screenshot_links=[screenshots.get(number, "") for number in range(len(report.failure.screenshots))],
        pack=pack,
    )


def is_card(message: str) -> bool:
    """Whether a message of Robot's output is a card."""
    return message.startswith(CARD_START)


class _OutOfTimeError(Exception):
    """Whoever is drawing has to be quick now."""


def _still(is_over: IsOver, each: Item) -> Item:
    """The item, while there is time."""
    if is_over():
        raise _OutOfTimeError
    return each


def _whole_card(report: Report, max_bytes: int, draw: Callable[[Report], str], is_over: IsOver) -> str | None:
    """With all items, and as much of their outputs as fits; None when even one without outputs does not."""
    if sum(map(_least_bytes, report.evidence.items)) > max_bytes:
        return None
    fitter = Fitter(report, still=partial(_still, is_over))
    card = draw(report) if fitter.text_size <= max_bytes else None
    return card if card is not None and bytes_of(card) <= max_bytes else _shrunk_card(fitter, max_bytes, draw)


def _least_bytes(item: Item) -> int:
    """Of an item in a whole card, at least: where they have no room, none need be drawn to find that out."""
    return 90 if item.status == "empty" else 250 + len(item.command)


def _shrunk_card(fitter: Fitter, max_bytes: int, draw: Callable[[Report], str]) -> str | None:
    """The fullest card that fits; None when even one without outputs does not."""
    barest = draw(fitter.fitted(0))
    floor = bytes_of(barest)
    if floor > max_bytes:
        return None
    limit = int(_FIRST_GUESS * (max_bytes - floor))
    for _ in range(5):  # one or two do: size grows almost in proportion to the limit
        card = draw(fitter.fitted(limit))
        if bytes_of(card) <= max_bytes:
            return card
        limit = int(limit * 0.95 * (max_bytes - floor) / max(bytes_of(card) - floor, 1))
    return barest


def _brief_card(report: Report, max_bytes: int, draw: Callable[..., str], is_over: IsOver) -> str | None:
    """Path, suspects and what went wrong, with a payload if there is room; None when there is none."""
    short = essentials(report, still=partial(_still, is_over))
    for without in ({}, {"pack": None}):
        card = draw(short, brief=True, **without)
        if bytes_of(card) <= max_bytes:
            return card
    return None


def _hurried_card(report: Report, max_bytes: int, draw: Callable[..., str], pack: Pack | None) -> str | None:
    """The suspects with their items, and how much there was no time to draw; the payload has the newest of each."""
    named = {each.item_id for each in report.analysis.suspects}
    drawn = tuple(item for item in report.evidence.items if item.id in named)
    items = len(report.evidence.items)
    note = our_words("limits.failure_time left no time to draw {} of {} items", items - len(drawn), items)
    if report.bundle:
        note = our_words("{}; the bundle has them", note)
    elif pack is not None:
        note = our_words("{}; 'failtale show' has their newest lines", note)
    report = report.model_copy(
        update={"analysis": report.analysis.model_copy(update={"notes": (note, *report.analysis.notes)})}
    )
    evidence = report.evidence.model_copy(update={"items": drawn})
    short = essentials(report.model_copy(update={"evidence": evidence}))
    payload = pack(newest_of_each(report, _HURRIED_CHARS, most_items=_HURRIED_ITEMS)) if pack is not None else ""
    for each in (payload, ""):
        card = draw(short, brief=True, pack=lambda _, each=each: each)
        if bytes_of(card) <= max_bytes:
            return card
    return None


def _without_evidence(report: Report, max_bytes: int, bundle_link: str | None) -> str:
    """What is said when a whole card has no room: the headline and where the rest is."""
    headline = shorten(headline_of(report), _SHORT_HEADLINE)
    while True:
        card = _rendered("no_room.html.j2", report=report, headline=headline, bundle_link=_safe_link(bundle_link))
        if bytes_of(card) <= max_bytes:
            return card
        if not headline:
            return "FailTale: no room for this card."[:max_bytes]
        headline = headline[: len(headline) // 2]


def _drawn(
    report: Report,
    *,
    bundle_link: str | None,
    screenshot_links: Sequence[str],
    pack: Pack | None,
    still: Callable[[Item], Item],
    brief: bool = False,
) -> str:
    shown = zip_longest(report.failure.screenshots, screenshot_links[: len(report.failure.screenshots)])
    return _rendered(
        _CARD,
        card=card_of(report, brief=brief, without_usual=pack is not None, still=still),  # the payload has them all
        bundle_link=_safe_link(bundle_link),
        screenshots=[(screenshot, _safe_address(link)) for screenshot, link in shown],
        payload=pack(report) if pack else None,
        style=_style_sheet(_STYLE),
    )


def rendered_page(template: str, *, style: str, **values: object) -> str:
    """A whole page with its style sheet in it."""
    return _rendered(template, style=_style_sheet(style), **values)


def _safe_link(link: str | None) -> str | None:
    """A link that can only be relative: no scheme, no host, whatever the text says; None where there is no such."""
    return "./" + quote(link.removeprefix("./")) if link and not link.startswith("/") else None


def _safe_address(address: str | None) -> str | None:
    """The same of one that is percent-encoded; it also stays percent-encoded where it need not be."""
    return "./" + quote(address.removeprefix("./"), safe="/%") if address and not address.startswith("/") else None


# --- The templates ----------------------------------------------------------------------------------------------------


def prepare() -> None:
    """Loads what a card is drawn with."""
    _jinja_environment().get_template(_CARD)
    _style_sheet(_STYLE)


def _rendered(template: str, **values: object) -> str:
    return _jinja_environment().get_template(template).render(values)


@cache
def _jinja_environment() -> Environment:
    from jinja2 import BaseLoader, Environment, StrictUndefined  # 30 ms, wanted at the first failure only

    class OurTemplates(BaseLoader):
        def load(self, environment: Environment, name: str, globals: Any = None) -> Template:
            """Templates are translated once: that takes three times as long as all else of a first card."""
            code = _code_of_template(environment, name)
            return environment.template_class.from_code(environment, code, globals or {})

    environment = Environment(loader=OurTemplates(), autoescape=True, undefined=StrictUndefined)
    environment.globals.update(
        words=in_words,
        count=count,
        duration=duration,
        first_line=first_line,
        gaps_shown=MOST_GAPS,
        relative_link=_safe_link,
    )
    return environment


def _code_of_template(environment: Environment, name: str) -> CodeType:
    import jinja2

    file = _TEMPLATES / name
    translator = [Path(str(jinja2.__file__)).with_name(part) for part in ("__init__.py", "compiler.py", "runtime.py")]
    return code_made_once(
        file, (file, Path(__file__), *translator), lambda: environment.compile(_template_source(name), name, name)
    )


def _template_source(name: str) -> str:
    """A template without its line ends, so that the layout of its source never shows in the pre-wrap cell.

    Its ``&#32;`` are spaces, which an end of a line would have lost: a browser has the less to read.
    """
    return re.sub(r"\s*\n\s*", "", _file_of_templates(name)).replace("&#32;", " ")


@cache
def _style_sheet(name: str) -> Markup:
    """A style sheet, on one line; it is ours, and holds nothing that HTML would read."""
    from markupsafe import Markup

    return Markup(re.sub(r"\s*\n\s*", "", _file_of_templates(name)))  # noqa: S704 - no text of others in it


def _file_of_templates(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
