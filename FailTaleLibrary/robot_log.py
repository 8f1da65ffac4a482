"""A card -> Robot's log, and what listeners beside ours make of it: an attachment for Allure, text for ReportPortal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn
from robot.running.context import EXECUTION_CONTEXTS

from FailTaleLibrary.log import logger_of

_HIDING = ("WARN", "ERROR", "NONE")
_log = logger_of(__name__)


def log_html(html: str, *, text: Callable[[], str]) -> bool:
    """Logs HTML where Robot is; False when the log level of the whole run keeps it out.

    A level that a test has set for a moment, so that no secret is logged, does not: what we log has none. ``text`` is
    what ReportPortal gets, which shows HTML as it is written.
    """
    with _level_that_shows() as is_shown:
        for message in _messages(html, text):
            logger.info(message, html=True)
    return is_shown


def attach_to_allure(name: str, page: str) -> None:
    """A page as an attachment of the test (or of its step) that is under way, where allure-robotframework listens."""
    commons = sys.modules.get("allure_commons")
    if commons is None:
        return
    try:
        plugins = commons.plugin_manager
        if any(type(each).__name__ == "AllureListener" for each in plugins.get_plugins()):
            plugins.hook.attach_data(body=page, name=name, attachment_type="text/html", extension="html")
    except Exception:  # another's report must not cost ours
        _log.debug("Allure did not take the card", exc_info=True)


def _messages(html: str, text: Callable[[], str]) -> tuple[str, ...]:
    """What HTML is in Robot's log; one message of the agent's own kind, where ReportPortal's agent is loaded.

    Of that the agent sends the text alone.
    """
    from FailTaleLibrary.rendering.log_messages import (
        messages_of,
    )  # with what draws cards, which a green run never loads

    model = sys.modules.get("robotframework_reportportal.model")
    if model is None:
        return messages_of(html)
    try:
        message: str = model.LogMessage(html)  # a str, so that it is HTML for all others
        message.message = text()  # type: ignore[attr-defined]
    except Exception:
        _log.debug("ReportPortal's agent has no message as we know it", exc_info=True)
        return messages_of(html)
    return (message,)


@contextlib.contextmanager
def _level_that_shows() -> Iterator[bool]:
    """For one message the level that the run began with, where the present one hides it; whether it is shown then."""
    output = getattr(EXECUTION_CONTEXTS.current, "output", None)
    present = _level()
    initial = str(getattr(output, "initial_log_level", present)).upper()
    if present not in _HIDING or initial in _HIDING or output is None:
        yield present not in _HIDING
        return
    output.set_log_level(initial)
    try:
        yield True
    finally:
        output.set_log_level(present)


def _level() -> str:
    return str(BuiltIn().get_variable_value("${LOG LEVEL}") or "INFO").upper()
