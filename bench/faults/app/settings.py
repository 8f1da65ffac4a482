"""What operators change while the shop runs: a file that is read again whenever it has changed."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

_LOG = logging.getLogger("settings")


class Settings:
    """The settings as the file has them now. Safe to use from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read_at = 0
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        with self._lock:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at != self._read_at:
                self._read_at = changed_at
                self._take(json.loads(self._path.read_text()))
            return self._values[name]

    def _take(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if self._values and self._values[name] != value:
                _LOG.info(_words(name, value, self._values[name]))
        self._values = values


def _words(name: str, value: object, was: object) -> str:
    if isinstance(value, bool):
        return f"flag '{name}' is {'on' if value else 'off'} now"
    return f"{name} is {value} now, was {was}"
