"""A collector's filters -> the shell pipeline that applies them, telling beside the evidence what it let through."""

from __future__ import annotations

from FailTaleLibrary.commands.quoting import quoted
from FailTaleLibrary.commands.shell import text
from FailTaleLibrary.config import Collector

LOG_LINES = 500
"""Newest lines that are kept of a log whose collector says nothing."""
_JOURNAL_CHATTER = r"sed -e '/^-- No entries --$/d' -e '/^-- Logs begin /d' -e '/^-- Journal begins /d'"


def kept_lines(collector: Collector) -> int | None:
    """How many of the newest lines are kept; None for all."""
    return collector.lines if collector.lines or collector.command is not None else LOG_LINES


def narrowing(collector: Collector, cap: str) -> str:
    """The pipeline from raw lines to kept ones; ``cap``: a number or a shell variable, in bytes.

    One byte more than the cap passes, so that a cut shows.
    """
    stages = ["count produced"]
    if collector.grep is not None:
        stages += [f"{{ {grep(collector)}; tell grep $?; }}", "count matched"]
    lines = kept_lines(collector)
    if lines is not None:
        stages.append(f"tail -n {lines}")
    return " | ".join([*stages, f'tail -c "$(({cap} + 1))"'])


def filters(collector: Collector, *, max_bytes: int) -> str:
    """What the wrapper runs behind a command or a journal: one compound command that reads stdin."""
    quiet = f"{_JOURNAL_CHATTER} | " if collector.journal is not None else ""
    return f"{{\n{text('frames.sh')}tell cap {max_bytes}\n{quiet}{narrowing(collector, str(max_bytes))}\n}}"


def grep(collector: Collector) -> str:
    """The ``grep`` of a collector; ``-a``, because one byte that is no text would silence it."""
    case = " -i" if collector.ignore_case else ""
    before = f" -B {collector.grep_before}" if collector.grep_before else ""
    after = f" -A {collector.grep_after}" if collector.grep_after else ""
    return f"grep -a -E{case}{before}{after} -e {quoted(collector.grep or '')}"
