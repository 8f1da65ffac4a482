"""The child's side of the demo's processes: each lives as long as its standard input stays open.

However the demo ends (done, Ctrl-C, killed), the kernel closes its ends of the pipes, and nothing stays behind.
"""

from __future__ import annotations

import sys


def say_ready(words: str) -> None:
    """Report to the parent process that this one is ready, and what it needs to know (a port)."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def wait_for_the_end() -> None:
    """Return when the parent has closed the pipe or has ended."""
    sys.stdin.buffer.read()
