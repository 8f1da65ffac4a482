"""The name of an output format -> how it renders one report or several. Pure.

`collect` and `show` offer what stands in `FORMATS`, and `serve` has it as a resource: a new format is a module beside
this one and an entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering.html import to_html
from FailTaleLibrary.rendering.json import to_json
from FailTaleLibrary.rendering.text import to_text

MAX_BYTES = 1_000_000
"""Of one report, where nobody says less."""


@dataclass(frozen=True, slots=True)
class Format:
    """An output format."""

    media_type: str
    one: Callable[[Report, int], str]
    """A report and the bytes that it may have -> its text; a format that leaves nothing out may have more."""
    before: str = ""
    between: str = "\n"
    after: str = ""
    """What stands around several reports."""

    def render(self, report: Report, *, max_bytes: int = MAX_BYTES) -> str:
        return self.one(report, max_bytes)

    def render_all(self, reports: Iterable[Report]) -> str:
        return self.before + self.between.join(map(self.render, reports)) + self.after


FORMATS: dict[str, Format] = {
    "text": Format("text/plain", lambda report, _: to_text(report), between=f"\n{'=' * 100}\n"),
    "json": Format("application/json", lambda report, _: to_json(report), before="[", between=",\n", after="]"),
    "html": Format("text/html", lambda report, max_bytes: to_html(report, max_bytes=max_bytes)),
}
