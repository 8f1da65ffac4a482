"""The master's event stream -> what minions return, as each of them does.

A runner's answer is one event of the master: what a hundred minions returned does not fit into it, and is thrown away.
On the stream each return is an event of its own. It costs the master nothing to keep, and nobody has to ask again.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
from collections.abc import Mapping
from typing import Any

from FailTaleLibrary import background
from FailTaleLibrary.log import logger_of

_log = logger_of(__name__)
_TAG = re.compile(r"salt/job/(\d{20})/ret/(.+)")
_LONGEST_BYTES = 4 * 1024 * 1024
"""Of one event; Salt's own bound is a quarter of it."""
_MOST_KEPT = 100_000
"""Returns of jobs that may be others', which are forgotten when the stream is."""


class ReturnStream:
    """What has come since it was opened. Safe to use from any thread."""

    def __init__(self, connected: socket.socket, response: http.client.HTTPResponse) -> None:
        """``response`` is that of ``GET /events``, on this socket; none of it was read. Both are ours from now on."""
        self._socket = connected
        self._response = response
        self._news = threading.Condition()
        self._returns: dict[str, dict[str, Any]] = {}
        self._kept = 0
        self.is_alive = True
        """Whether more may come."""
        connected.settimeout(None)
        background.start(self._listen, name="failtale-salt-events")

    def returns(self, job: str) -> Mapping[str, Any]:
        """Minion -> what it returned of a job."""
        with self._news:
            return dict(self._returns.get(job, {}))

    def wait(self, seconds: float) -> None:
        """Until something has come, or so long."""
        with self._news:
            self._news.wait(max(0.0, seconds))

    def close(self) -> None:
        """Nothing more comes, and who listens lets go of the connection; safe to call twice."""
        self.is_alive = False
        with contextlib.suppress(OSError, ValueError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _listen(self) -> None:
        try:
            while self.is_alive and (line := self._response.readline(_LONGEST_BYTES)):
                if line.startswith(b"data: "):
                    self._take(line[len(b"data: ") :])
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            _log.debug("the event stream of salt-api ended", exc_info=self.is_alive)
        finally:
            self.is_alive = False
            self._response.close()
            self._socket.close()
            with self._news:
                self._news.notify_all()

    def _take(self, line: bytes) -> None:
        if b"/ret/" not in line:
            return
        try:
            event = json.loads(line)
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
