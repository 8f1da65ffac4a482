"""The master's event stream -> what minions return, as each of them does.

A runner's answer is one event of the master: what a hundred minions returned does not fit into it, and is thrown away.
On the stream each return is an event of its own. It costs the master nothing to keep, and nobody has to ask again.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import Any

from FailTaleLibrary import background
from FailTaleLibrary.wire import Exchange

_TAG = re.compile(r"salt/job/(\d{20})/ret/(.+)")
_MOST_KEPT = 100_000
"""Returns of jobs that may be others', which are forgotten when the stream is."""


class ReturnStream:
    """What has come since it was opened. Safe to use from any thread."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._returns: dict[str, dict[str, Any]] = {}
        self._kept = 0
        self._exchange: Exchange | None = None

    @property
    def is_alive(self) -> bool:
        """Whether more may come."""
        return self._exchange is not None and not self._exchange.done.is_set()

    def hear(self, exchange: Exchange) -> None:
        """Begins: ``exchange`` is that of ``GET /events``, and gives its lines to `take_line`."""
        self._exchange = exchange
        background.start(self._listen, name="failtale-salt-events")

    def _listen(self) -> None:
        if self._exchange is not None:
            self._exchange.run()
        with self._news:
            self._news.notify_all()

    def returns(self, job: str) -> Mapping[str, Any]:
        """Minion -> what it returned of a job."""
        with self._news:
            return dict(self._returns.get(job, {}))

    def wait(self, seconds: float) -> None:
        """Until something has come, or so long."""
        with self._news:
            self._news.wait(max(0.0, seconds))

    def close(self) -> None:
        """Nothing more comes; safe to call twice."""
        if self._exchange is not None:
            self._exchange.abort()

    def take_line(self, line: bytes) -> None:
        """A line of the stream; of all that a master tells, what its minions return is kept."""
        if not line.startswith(b"data: ") or b"/ret/" not in line:
            return
        try:
            event = json.loads(line[len(b"data: ") :])
            match = _TAG.fullmatch(str(event["tag"]))
            returned = event["data"]["return"]
        except (ValueError, KeyError, TypeError):
            return
        if match is None:
            return
        with self._news:
            if self._kept < _MOST_KEPT:
                self._kept += 1
                self._returns.setdefault(match[1], {})[match[2]] = returned
            self._news.notify_all()
