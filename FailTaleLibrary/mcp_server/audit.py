"""A call -> a line of the audit log: who asked for what, as JSON, in a file that only its owner reads; no evidence.

Of a caller's own texts (a test's name, its message, tags, words that are no ids) the length alone is written, because
they can hold anything.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from FailTaleLibrary.errors import ConfigError
from FailTaleLibrary.files import check_private, private_directory, user_directory

_IDS = frozenset(
    {"components", "hosts", "collectors", "failure_id", "other_id", "item", "around", "host", "collector", "since_mark"}
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}")
_NAME = re.compile(r"[a-z][a-z_/]{0,30}")
_MAX_LIST = 64


def default_path() -> Path:
    """``$XDG_STATE_HOME/failtale/audit.jsonl``, by default in ``~/.local/state``."""
    return user_directory("state") / "audit.jsonl"


class Audit:
    """The log; opened for each line, so that it may be rotated at any time."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError when the file cannot be written, or others can read it."""
        self._path = path
        self._complained = False
        try:
            private_directory(path.parent)
            os.close(self._open_file())
            check_private(path)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(
                f"Cannot write the audit log '{path}': {reason}; name another with --audit-file."
            ) from error

    def write(self, **fields: object) -> None:
        """Appends a line. A full disk is said once on stderr and does not keep anybody from their evidence."""
        line = json.dumps({"at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), **fields})
        try:
            descriptor = self._open_file()
            try:
                os.write(descriptor, line.encode() + b"\n")
            finally:
                os.close(descriptor)
        except OSError as error:
            if not self._complained:
                print(f"failtale: cannot write the audit log '{self._path}': {error.strerror}", file=sys.stderr)  # noqa: T201
            self._complained = True

    def _open_file(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # a pipe would fill, and then hold the server up
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is no regular file")
        return descriptor


def arguments_of(arguments: object) -> dict[str, object]:
    """What may be written of a call's arguments: ids and numbers as they are, of anything else its kind and length."""
    if not isinstance(arguments, Mapping):
        return {}
    pairs = list(arguments.items())[:_MAX_LIST]
    return {name_of(name): _shown_value(name, value) for name, value in pairs}


def name_of(text: object) -> str:
    """A name as our tools, prompts and arguments have them; of anything else its length."""
    return text if isinstance(text, str) and _NAME.fullmatch(text) else _length_of(text)


def id_of(text: object) -> str:
    """An id or the address of a resource; of anything else its length."""
    return text if isinstance(text, str) and _ID.fullmatch(text) else _length_of(text)


def _shown_value(name: object, value: Any) -> object:
    if isinstance(value, bool | int | float):
        return value
    if name not in _IDS:
        return _length_of(value)
    return [id_of(each) for each in value[:_MAX_LIST]] if isinstance(value, list) else id_of(value)


def _length_of(value: object) -> str:
    kind = type(value).__name__
    return f"{kind} of {len(value)}" if isinstance(value, str | list | dict) else kind
