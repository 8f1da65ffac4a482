"""A collector and its resolved window -> the command line that a host runs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from FailTaleLibrary.config import Collector
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.transports import Question
from FailTaleLibrary.windows.collector_text import collector_digest, collector_text
from FailTaleLibrary.windows.containers import container_values, shown_container
from FailTaleLibrary.windows.journals import journal_values, shown_journal
from FailTaleLibrary.windows.kubernetes import kubernetes_values, shown_kubernetes
from FailTaleLibrary.windows.log_files import file_values, shown_files
from FailTaleLibrary.windows.model import NO_GLANCE, Glance, ResolvedWindow, WindowValues
from FailTaleLibrary.windows.pipeline import assignments, filters, grep, is_narrowed, kept_lines


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What a host runs: `producer` piped into `filters`, both POSIX sh."""

    producer: str
    filters: str
    """One compound command that reads stdin; empty where the producer filters by itself, or a bound is enough."""
    shown: str
    """What a person would type there."""
    values: WindowValues
    """What the window decided of it."""
    newest_bytes: int = 0
    """Where a bound is enough: the bound."""
    shared: tuple[str, ...] = ()
    """Parts of `producer`, in their order, that command lines of other collectors have as well."""


def command_line(
    collector: Collector, *, window: ResolvedWindow, max_bytes: int, glance: Glance = NO_GLANCE
) -> CommandLine:
    """The command line of one collector; `parse_host_output` reads what it prints.

    ``glance``: of a file's, journal's or container's log only the most telling lines.

    stdout holds up to twice ``max_bytes`` of a command: what it printed first, and the newest of what did not fit.
    """
    text = collector_text(collector)
    if collector.file:
        values = file_values(collector, window, max_bytes=max_bytes, glance=glance)
        shown = shown_files(collector, window)
    elif collector.journal is not None:
        values = journal_values(collector, window, max_bytes=max_bytes, glance=glance)
        shown = _shown_command(collector, shown_journal(collector, window))
    elif collector.kubernetes is not None:
        values = kubernetes_values(window, max_bytes=max_bytes)
        shown = _shown_command(collector, shown_kubernetes(collector, window))
    elif collector.container:
        values = container_values(window, max_bytes=max_bytes, glance=glance)
        shown = _shown_command(collector, shown_container(collector, window))
    else:
        values = _command_values(window, max_bytes=max_bytes)
        shown = _shown_command(collector, collector.command or "")
    own = _settings(collector, values) + text.own
    return CommandLine(
        producer="".join([own, *text.shared]),
        filters=filters(collector, cap=str(max_bytes)) if not collector.is_log else "",
        shown=shown,
        values=values,
        newest_bytes=max_bytes if not collector.is_log and not is_narrowed(collector) else 0,
        shared=text.shared,
    )


def question(collector: Collector, values: WindowValues) -> Question:
    """A command line in ids and numbers, as a gate takes it."""
    return Question(
        collector.name,
        collector_digest(collector),
        words=tuple(value or "-" for _, value in values.words),
        table=tuple(_table(values)),
    )


def _table(values: WindowValues) -> Iterator[str]:
    """Marked files as lines in which names are hexadecimal, so that no byte of them can mean anything on the way."""
    for line in values.marks:
        if line.startswith("/"):
            yield f"d {_hexadecimal(line)}"
        else:
            *numbers, name = line.split(" ", 7)
            yield f"f {' '.join(numbers)} {_hexadecimal(name)}"
    for path in values.unreadable:
        yield f"u {_hexadecimal(path)}"


def _hexadecimal(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").hex()


def _command_values(window: ResolvedWindow, *, max_bytes: int) -> WindowValues:
    since = "" if window.asked_since_epoch is None else str(math.floor(window.asked_since_epoch))
    until = "" if window.asked_until_epoch is None else str(math.ceil(window.asked_until_epoch))
    return WindowValues((("since", since), ("until", until), ("max", str(max_bytes))))


def _settings(collector: Collector, values: WindowValues) -> str:
    """Ahead of a command in its first line, so that the shell's line numbers fit what the user wrote."""
    if collector.command is not None:
        since, until = (value for _, value in values.words[:2])
        return f"export FAILTALE_SINCE={since} FAILTALE_UNTIL={until}; "
    if not collector.file:
        return assignments(values.words)
    tables = [("marks", "\n".join(values.marks)), ("unreadable", "\n".join(values.unreadable))]
    return assignments([*values.words, *tables])


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
