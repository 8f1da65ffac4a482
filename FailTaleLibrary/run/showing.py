"""Reports -> what a reader sees of them: cards, texts and lines. A fault costs the drawing alone, and is told there."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence

from FailTaleLibrary.budget import Budget
from FailTaleLibrary.config import Config
from FailTaleLibrary.faults import Faults
from FailTaleLibrary.records import Report, SafeText
from FailTaleLibrary.run.stages import Stages

MIN_CARD_BYTES = 20_000
"""What a card may have even when `limits.run_card_bytes` is used up: the ledger and the payload's essentials."""
STOPPED_DRAWING_S = 0.6
"""For a card once somebody has pressed Ctrl-C; the first one of a run also loads what draws it."""
_PAGES_BYTES, _OUTPUT_BYTES = 520_000, 32_000
"""What log.html and report.html of a small run take, and what it still writes into its output file without cards."""
_NO_ROOM = "FailTale: the disk of the output file is full but for a little; this is what there was room for."


class Showing:
    """Shows the reports of a run, within the bytes that all their cards may have."""

    def __init__(
        self, config: Config, stages: Stages, faults: Faults, *, passed_on: tuple[type[BaseException], ...]
    ) -> None:
        self._limits = config.limits
        self._stages = stages
        self._faults = faults
        self._passed_on = passed_on
        self._card_bytes = 0
        self._left_s: tuple[str, float] = ("", 0.0)

    def has_time(self, report: Report, seconds: float) -> None:
        """The newest failure, and how much time there is for what is shown of it."""
        self._left_s = report.failure.id, seconds

    def room_for_card(self, free_bytes: int) -> int:
        """Bytes that a card may take where so many are free on the disk of Robot's output; its log takes them again.

        Where Robot's pages have no room even without a card, what counts is that the output file stays whole.
        """
        pages_bytes = _PAGES_BYTES if free_bytes > _PAGES_BYTES else 0
        return (free_bytes - pages_bytes - _OUTPUT_BYTES - self._card_bytes) // 2

    def card(
        self,
        report: Report,
        *,
        stop: threading.Event,
        is_disk_full: bool,
        bundle_link: str | None = None,
        screenshot_links: Sequence[str] = (),
        room_bytes: int = sys.maxsize,
    ) -> str:
        """A report as HTML; ``stop`` ends its drawing soon."""
        time_left = self._time_for_showing(report)
        left = 0 if is_disk_full else self._limits.run_card_bytes - self._card_bytes
        max_bytes = min(self._limits.card_bytes, max(left, MIN_CARD_BYTES), room_bytes)
        if room_bytes < MIN_CARD_BYTES:
            return _plain_card(report, _NO_ROOM, max_bytes=max_bytes)
        card = self._guarded(
            "drawing the card",
            lambda: self._stages.card(
                report,
                max_bytes=max_bytes,
                bundle_link=bundle_link,
                screenshot_links=screenshot_links,
                is_over=time_left.is_over_by(stop, stopped_s=STOPPED_DRAWING_S),
            ),
            instead=lambda fault: _plain_card(report, fault, max_bytes=max_bytes),
        )
        self._card_bytes += len(card.encode())
        return card

    def _time_for_showing(self, report: Report) -> Budget:
        """What its collection has left; for a report of long ago, or one whose time is used up, what is kept for it."""
        budget = Budget(self._limits.failure_time_s)
        newest, left_s = self._left_s
        return budget.part(left_s if newest == report.failure.id else budget.drawing_s)

    def text(self, report: Report) -> str:
        """A report as text for a terminal."""
        return self._guarded("writing the report", lambda: self._stages.text(report), instead=_plain_text_of(report))

    def brief_text(self, report: Report, *, more: str) -> str:
        """A report in at most forty lines; ``more`` says where the rest is."""
        from FailTaleLibrary.rendering import to_brief_text

        return self._guarded(
            "writing the report in short",
            lambda: to_brief_text(report, more=more),
            instead=lambda fault: f"{fault}\n{more}\n",
        )

    def rendered(self, report: Report, form: str) -> str:
        """A report in one of the output formats, `rendering.FORMATS`."""
        from FailTaleLibrary.rendering import FORMATS

        return self._guarded(
            f"writing the report as {form}",
            lambda: FORMATS[form].render(report, max_bytes=self._limits.card_bytes),
            instead=_plain_text_of(report),
        )

    def summary(self, report: Report) -> str:
        """A report in one line."""
        from FailTaleLibrary.rendering import summary_line

        return self._guarded("writing the summary", lambda: summary_line(report), instead=str)

    def _guarded(self, activity: str, draw: Callable[[], str], *, instead: Callable[[SafeText], str]) -> str:
        """What is drawn; where that fails, what ``instead`` makes of the sentence for the fault."""
        try:
            return draw()
        except self._passed_on:
            raise
        except Exception as error:
            return instead(self._faults.sentence(activity, error))


def _plain_card(report: Report, note: str, *, max_bytes: int) -> str:
    from FailTaleLibrary.rendering.plain import plain_card

    return plain_card(report, note, max_bytes=max_bytes)


def _plain_text_of(report: Report) -> Callable[[SafeText], str]:
    def plain(note: SafeText) -> str:
        from FailTaleLibrary.rendering.plain import plain_text

        return plain_text(report, note)

    return plain
