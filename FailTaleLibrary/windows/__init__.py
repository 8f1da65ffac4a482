"""Which lines of a host belong to a test: marks and clocks, the window on the host, the command line that reads it.

In the order of the flow: `marks` (where each host stood when the window began), `resolve` (the window in that host's
terms), `command_line` (what the host runs; the texts lie in `on_host/`), `output` (what came back).
"""

from __future__ import annotations

from FailTaleLibrary.windows.clock import ClockReading
from FailTaleLibrary.windows.command_line import CommandLine, command_line, question
from FailTaleLibrary.windows.mark_command import clock_mark, mark_script, parse_mark, take_mark
from FailTaleLibrary.windows.marks import Marks
from FailTaleLibrary.windows.model import FileMark, Glance, HostMark, ResolvedWindow, TakenMark
from FailTaleLibrary.windows.output import HostOutput, OutputPart, parse_host_output
from FailTaleLibrary.windows.reasons import MarksAround, no_surer_way
from FailTaleLibrary.windows.resolve import resolve_window, window_start

__all__ = [
    "ClockReading",
    "CommandLine",
    "FileMark",
    "Glance",
    "HostMark",
    "HostOutput",
    "Marks",
    "MarksAround",
    "OutputPart",
    "ResolvedWindow",
    "TakenMark",
    "clock_mark",
    "command_line",
    "mark_script",
    "no_surer_way",
    "parse_host_output",
    "parse_mark",
    "question",
    "resolve_window",
    "take_mark",
    "window_start",
]
