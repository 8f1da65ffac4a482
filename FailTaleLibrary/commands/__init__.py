"""A collector, its filters and its window -> the one command line that runs on the host, and what came back.

Pure: the texts of `shell/` are read once, with the package. They are POSIX sh for dash, bash and BusyBox ash, with GNU
tools or BusyBox applets alone, and expect ``LC_ALL=C``.
"""

from __future__ import annotations

from FailTaleLibrary.commands.answering import Answer, parse_answer
from FailTaleLibrary.commands.asking import CommandLine, command_line
from FailTaleLibrary.commands.baselines import changes, masked
from FailTaleLibrary.commands.marking import FileMark, HostMark, ResolvedWindow, mark_script, parse_mark

__all__ = [
    "Answer",
    "CommandLine",
    "FileMark",
    "HostMark",
    "ResolvedWindow",
    "changes",
    "command_line",
    "mark_script",
    "masked",
    "parse_answer",
    "parse_mark",
]
