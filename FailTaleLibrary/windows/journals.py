"""A journal collector and its window -> the shell text that reads it."""

from __future__ import annotations

from FailTaleLibrary.config import Collector
from FailTaleLibrary.on_host import host_script
from FailTaleLibrary.windows.model import HostMark, ResolvedWindow
from FailTaleLibrary.windows.pipeline import assignments, kept_lines, shell_quote

_JOURNALCTL = "journalctl --no-pager -o short-iso-precise --utc"


def journal_producer(collector: Collector, window: ResolvedWindow) -> str:
    """Reads from the cursor of a mark, else by the journal's own times, else the newest entries."""
    since = None if window.kind == "none" else window.since_epoch
    mark = None if window.kind == "none" else _mark(window)
    settings = assignments(
        [
            ("cursor", (mark.cursor if mark else None) or ""),
            ("marked_at", f"{mark.epoch:.6f}" if mark else ""),
            ("since", "" if since is None else f"{since:.6f}"),
            ("before", collector.before),
            ("newest", kept_lines(collector)),
        ]
    )
    function = f'journal() {{ {_selection(collector)} "$@"; }}\n'
    return host_script("frames.sh") + settings + function + host_script("journal.sh")


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


def _mark(window: ResolvedWindow) -> HostMark | None:
    """The mark whose cursor is the window's start; the journal's times are exact, so an earlier one is of no use."""
    for mark in (window.late_mark, window.mark):
        if mark is not None and (window.since_epoch is None or mark.epoch >= window.since_epoch):
            return mark if window.until_epoch is None or mark.epoch <= window.until_epoch else None
    return None
