"""A journal collector and its window -> the shell text that reads it."""

from __future__ import annotations

from datetime import datetime, timezone

from FailTaleLibrary.config import Collector
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.windows.look_back import LOOK_BACK_ENTRIES, glance_words
from FailTaleLibrary.windows.model import NO_GLANCE, CollectorText, Glance, HostMark, ResolvedWindow, WindowValues
from FailTaleLibrary.windows.pipeline import (
    assignments,
    journal_narrowing,
    journal_sifting,
    kept_lines,
    matching,
    shell_quote,
)
from FailTaleLibrary.windows.resolve import came_after_failure

_SCRIPTS = ("frames.sh", "say.sh", "look_back.sh", "journal.sh")
_JOURNALCTL = "journalctl --no-pager -o short-iso-precise --utc"


def journal_text(collector: Collector) -> CollectorText:
    """What of a journal collector's command line is the same whatever its window is."""
    constants = assignments(
        [
            ("before", collector.before),
            ("newest", kept_lines(collector)),
            ("unit", "" if collector.journal in ("*", "kernel") else collector.journal),
            ("entries", LOOK_BACK_ENTRIES),
            ("greps", "yes" if collector.grep is not None else ""),
        ]
    )
    functions = (
        f'journal() {{ exec {_selection(collector)} "$@"; }}\n'
        f"narrow() {{ {journal_narrowing(collector, '$1')}; }}\n"
        f"matching() {{ {matching(collector)}; }}\n"
        f"sift() {{ {journal_sifting(collector)}; }}\n"
    )
    program = assignments([("look_back", host_script("look_back.awk"))])
    return CollectorText(constants + functions, (program, *map(host_script, _SCRIPTS)))


def journal_values(
    collector: Collector, window: ResolvedWindow, *, max_bytes: int, glance: Glance = NO_GLANCE
) -> WindowValues:
    """What the window decides of it: from a mark's cursor on, else by the journal's own times, else the newest."""
    since = None if window.kind == "none" else window.since_epoch
    sure = since if window.sure_epoch is None else window.sure_epoch
    mark = None if window.kind == "none" else mark_of_journal(window)
    return WindowValues(
        (
            ("cursor", (mark.cursor if mark else None) or ""),
            ("behind", "unsure" if mark is not None and mark is window.mark else "sure"),
            ("low_at", "" if since is None else f"{since:.6f}"),
            ("high_at", "" if since is None or sure is None else f"{sure:.6f}"),
            ("high_text", "" if sure is None else _as_printed(sure)),
            *glance_words(glance),
            ("max", str(max_bytes)),
        )
    )


def _as_printed(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")


def shown_journal(collector: Collector, window: ResolvedWindow) -> str:
    """What a person would type for the same entries, without filters."""
    since = "" if window.kind == "none" or window.since_epoch is None else f" --since=@{window.since_epoch:.6f}"
    return _selection(collector) + since


def _selection(collector: Collector) -> str:
    """`journalctl` for a unit, the kernel or all. Not ``-k``, which shows the current boot alone; never ``-q``, which
    hides that the user may not read."""
    which = {"*": "", "kernel": " _TRANSPORT=kernel"}.get(collector.journal or "*")
    if which is None:
        which = f" -u {shell_quote(collector.journal or '')}"
    priority = f" -p {shell_quote(collector.priority)}" if collector.priority else ""
    return _JOURNALCTL + priority + which


def mark_of_journal(window: ResolvedWindow) -> HostMark | None:
    """The mark behind whose cursor all is in the window; the older one only where no time tells any more."""
    late = window.late_mark
    if late is not None and late.cursor is not None:
        return None if came_after_failure(late, window) else late
    return window.mark if window.since_epoch is None else None
