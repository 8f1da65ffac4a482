"""What each of the shop's processes does first: read its configuration, log, and give up root's rights."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - before the rights are gone with which the interpreter's files can be read
import json
import logging
import os
import pwd
import resource
import sys
from pathlib import Path
from typing import Any

FORMAT = "%(asctime)s %(levelname)-5s [%(threadName)s] %(name)s: %(message)s"


def begin(log_name: str, *, memory_bytes: int | None = None) -> dict[str, Any]:
    """The configuration, whose path is the first argument; from here on the process logs and is nobody special."""
    config: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    logging.addLevelName(logging.WARNING, "WARN")
    logging.basicConfig(filename=Path(config["logs"]) / log_name, format=FORMAT, level=logging.INFO)
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    if os.geteuid() == 0:
        become(pwd.getpwnam(config["user"]))
    return config


def become(user: pwd.struct_passwd) -> None:
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
