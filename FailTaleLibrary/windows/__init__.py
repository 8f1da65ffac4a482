"""A collector, its filters and its window -> the one command line that runs on the host, and what came back.

Pure: the texts of `shell/` are read once, with the package. They are POSIX sh for dash, bash and BusyBox ash, with GNU
tools or BusyBox applets alone, and expect ``LC_ALL=C``.
"""

from __future__ import annotations

from FailTaleLibrary.windows.command_line import CommandLine, command_line
from FailTaleLibrary.windows.marks import FileMark, HostMark, ResolvedWindow, mark_script, parse_mark
from FailTaleLibrary.windows.output import HostOutput, parse_host_output

__all__ = [
    "CommandLine",
    "FileMark",
    "HostMark",
    "HostOutput",
    "ResolvedWindow",
    "command_line",
    "mark_script",
    "parse_host_output",
    "parse_mark",
]
