"""Headless Chromium for tests: Debian's browser driven by Playwright, cut off from every network but loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from needs import need_file
from playwright.sync_api import Browser, Page, Request, Route, sync_playwright

EXECUTABLE = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
Theme = Literal["light", "dark"]
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@contextmanager
def a_browser() -> Iterator[Browser]:
    """A running Chromium, for tests that want several pages of it."""
    need_file(EXECUTABLE, package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(EXECUTABLE), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def a_page_of(browser: Browser, *, theme: Theme = "light", width: int = 1280, height: int = 900) -> Iterator[Page]:
    """A fresh page with its own storage; every request that leaves this machine is aborted."""
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": height})
    try:
        page = context.new_page()
        page.route("**/*", _local_only)
        yield page
    finally:
        context.close()


@contextmanager
def a_page(*, theme: Theme = "light", width: int = 1280, height: int = 900) -> Iterator[Page]:
    """A page with a browser of its own."""
    with a_browser() as browser, a_page_of(browser, theme=theme, width=width, height=height) as page:
        yield page


def is_local(url: str) -> bool:
    """Whether a URL stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in ("file", "data", "about", "blob") or parts.hostname in LOOPBACK


def requests_of(page: Page) -> list[Request]:
    """A list that fills with every request that the page makes from now on."""
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request))  # Playwright marks the function, a built-in cannot be
    return seen


def _local_only(route: Route) -> None:
    if is_local(route.request.url):
        route.continue_()
    else:
        route.abort()
