"""A collector and its resolved window -> the command line that a host runs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from FailTaleLibrary.config import Collector
from FailTaleLibrary.windows.journals import journal_producer, shown_journal
from FailTaleLibrary.windows.log_files import file_producer, shown_files
from FailTaleLibrary.windows.model import ResolvedWindow
from FailTaleLibrary.windows.pipeline import filters, grep, is_narrowed, kept_lines


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a host runs: `producer` piped into `filters`, both POSIX sh."""

    producer: str
    filters: str
    """One compound command that reads stdin; empty where the producer filters by itself, or a bound is enough."""
    shown: str
    """What a person would type there."""
    newest_bytes: int = 0
    """Where a bound is enough: the bound."""
    shared: tuple[str, ...] = ()
    """Parts of `producer`, in their order, that command lines of other collectors have as well."""


def command_line(collector: Collector, *, window: ResolvedWindow, max_bytes: int) -> CommandLine:
    """The command line of one collector; `parse_host_output` reads what it prints.

    stdout holds up to twice ``max_bytes`` of a command: what it printed first, and the newest of what did not fit.
    """
    if collector.file:
        pieces = file_producer(collector, window, max_bytes=max_bytes)
        return CommandLine(
            producer="".join(pieces),
            filters="",
            shown=shown_files(collector, window),
            shared=pieces[1:],
        )
    if collector.journal is not None:
        pieces = journal_producer(collector, window, max_bytes=max_bytes)
        return CommandLine(
            producer="".join(pieces),
            filters="",
            shown=_shown_command(collector, shown_journal(collector, window)),
            shared=pieces[1:],
        )
    return CommandLine(
        producer=_command_producer(collector, window),
        filters=filters(collector, max_bytes=max_bytes),
        shown=_shown_command(collector, collector.command or ""),
        newest_bytes=0 if is_narrowed(collector) else max_bytes,
    )


def _command_producer(collector: Collector, window: ResolvedWindow) -> str:
    """The user's own text unchanged; in the first line with its surroundings, so that the shell's line numbers fit."""
    since = "" if window.asked_since_epoch is None else math.floor(window.asked_since_epoch)
    until = "" if window.asked_until_epoch is None else math.ceil(window.asked_until_epoch)
    return f"export FAILTALE_SINCE={since} FAILTALE_UNTIL={until}; {collector.command}\n"


def _shown_command(collector: Collector, command: str) -> str:
    stages = [grep(collector)] if collector.grep is not None else []
    lines = kept_lines(collector)
    if lines is not None:
        stages.append(f"tail -n {lines}")
    if not stages:
        return command
    if re.search(r"[;&|#\n]", command):
        command = f"{{ {command}\n}}" if re.search(r"[#\n]", command) else f"{{ {command}; }}"
    return " | ".join([command, *stages])
