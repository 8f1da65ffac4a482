"""The name of an output format -> how it renders one report or several. Pure.

`collect` and `show` offer what stands in `FORMATS`, and `serve` has it as a resource: a new format is a module beside
this one and an entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.records import Report
from FailTaleLibrary.rendering.html import to_html, to_page
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
    page: Callable[[str, Sequence[Report]], str] = lambda text, _: text
    """Makes a whole file of what is rendered of these reports."""

    def render(self, report: Report, *, max_bytes: int = MAX_BYTES) -> str:
        """A whole file with one report."""
        around = len(self.page("", [report]).encode())
        return self.page(self.one(report, max_bytes - around), [report])

    def render_all(self, reports: Iterable[Report]) -> str:
        """A whole file with several."""
        shown = list(reports)
        texts = self.between.join(self.one(report, MAX_BYTES) for report in shown)
        return self.page(self.before + texts + self.after, shown)


FORMATS: dict[str, Format] = {
    "text": Format("text/plain", lambda report, _: to_text(report), between=f"\n{'=' * 100}\n"),
    "json": Format("application/json", lambda report, _: to_json(report), before="[", between=",\n", after="]"),
    "html": Format("text/html", lambda report, max_bytes: to_html(report, max_bytes=max_bytes), page=to_page),
}
