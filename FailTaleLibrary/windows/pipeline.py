"""A collector's filters -> the shell pipeline that applies them, telling beside the evidence what it let through."""

from __future__ import annotations

import re
from collections.abc import Iterable

from FailTaleLibrary.config import Collector

# --- Words of a POSIX shell -------------------------------------------------------------------------------------------

_SPECIAL = re.compile("['\udc80-\udcff]")


def shell_quote(text: str) -> str:
    """One word that the shell takes as it is; any text but NUL.

    A byte that is no UTF-8 (a surrogate escape) travels as its octal number, so that the word can always be encoded.
    """
    return "'" + _SPECIAL.sub(_escaped_for_shell, text) + "'"


def _escaped_for_shell(match: re.Match[str]) -> str:
    if match[0] == "'":
        return "'\\''"
    return f"'\"$(printf '\\{ord(match[0]) - 0xDC00:03o}')\"'"


def shell_quote_pattern(path: str) -> str:
    """One word of which only ``*`` and ``?`` are active, and a leading ``~/``."""
    home = '"$HOME"/' if path.startswith("~/") else ""
    pieces = re.split(r"([*?]+)", path[2:] if home else path)
    return home + "".join(piece if piece[0] in "*?" else shell_quote(piece) for piece in pieces if piece)


def is_pattern(path: str) -> bool:
    """Whether a path may mean several files."""
    return "*" in path or "?" in path


def assignments(values: Iterable[tuple[str, object]]) -> str:
    """Lines that set shell variables."""
    return "".join(f"{name}={shell_quote(str(value))}\n" for name, value in values)


# --- Filters ----------------------------------------------------------------------------------------------------------

LOG_LINES = 500
"""Newest lines that are kept of a log whose collector says nothing."""
_JOURNAL_CHATTER = r"sed -e '/^-- No entries --$/d' -e '/^-- Logs begin /d' -e '/^-- Journal begins /d'"


def kept_lines(collector: Collector) -> int | None:
    """How many of the newest lines are kept; None for all."""
    return collector.lines if collector.lines or not collector.is_log else LOG_LINES


def narrowing(collector: Collector, cap: str) -> str:
    """The pipeline from raw lines to kept ones; ``cap``: a number or a shell parameter, in bytes.

    One byte more than the cap passes, so that a cut shows.
    """
    stages = ["count produced"]
    if collector.grep is not None:
        stages += [f"{{ {grep(collector)}; tell grep $?; }}", "count matched"]
    lines = kept_lines(collector)
    if lines is not None:
        stages.append(f"tail -n {lines}")
    return " | ".join([*stages, f'tail -c "$(({cap} + 1))"'])


def sifting(collector: Collector) -> str:
    """What of the lines from before a window is looked back on: those that the collector's own filter lets through.

    For an awk, of which some take a NUL for a line's end. It is called in a pipeline.
    """
    for_awk = "tr '\\000' '\\001'"
    return f"exec {for_awk}" if collector.grep is None else f"{grep(collector)} | {for_awk}"


def matching(collector: Collector) -> str:
    """What of lines that are few the collector's ``grep`` lets through; how many of them are kept, the client minds."""
    return "cat" if collector.grep is None else f"{grep(collector)}; tell grep $?"


def journal_sifting(collector: Collector) -> str:
    """The same of a journal, which prints no NUL, but words of its own."""
    return "exec " + ("sed '/^-- /d'" if collector.grep is None else grep(collector))


def journal_narrowing(collector: Collector, cap: str) -> str:
    """The pipeline from a journal's lines to kept ones, without what journalctl says of itself."""
    return f"{_JOURNAL_CHATTER} | {narrowing(collector, cap)}"


def filters(collector: Collector, *, cap: str) -> str:
    """What runs behind a command: one compound command that reads stdin, made of the functions of `frames.sh`.

    ``cap``: a number or a shell parameter, in bytes.
    Empty where there is nothing but the bound, which the visit itself minds.
    """
    if not is_narrowed(collector):
        return ""
    return f"{{ tell cap {cap}; {narrowing(collector, cap)}; }}"


def is_narrowed(collector: Collector) -> bool:
    """Whether a collector keeps only some of the lines."""
    return collector.grep is not None or kept_lines(collector) is not None


def grep(collector: Collector) -> str:
    """The ``grep`` of a collector; ``-a``, because one byte that is no text would silence it."""
    case = " -i" if collector.ignore_case else ""
    before = f" -B {collector.grep_before}" if collector.grep_before else ""
    after = f" -A {collector.grep_after}" if collector.grep_after else ""
    return f"grep -a -E{case}{before}{after} -e {shell_quote(collector.grep or '')}"
