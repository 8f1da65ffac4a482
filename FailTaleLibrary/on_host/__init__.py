"""The shell and awk texts that run on hosts, by file name and without their comments.

POSIX sh for dash, bash and BusyBox ash, with GNU tools or BusyBox applets alone; they expect ``LC_ALL=C``. What a text
takes from outside is declared at its head. No text holds a control character: gates are printed, and a person puts them
in place.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path


@cache
def host_script(name: str) -> str:
    """One text as it travels: without comment lines and empty lines."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.strip() and not re.match(r"\s*# ", line)) + "\n"
