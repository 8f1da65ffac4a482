"""The tests' client: asks the shop through nginx, and fails with the messages that testers know."""

from __future__ import annotations

import http.client
import json
from typing import Any

TIMEOUT_S = 8.0


class FailedError(Exception):
    """A test's own failure; its text is the failure's message."""


class Client:
    """Asks the shop. Safe to use from any thread."""

    def __init__(self, port: int) -> None:
        self._port = port

    def json(self, method: str, path: str, *, body: bytes = b"", session: str = "") -> Any:
        """The answer's content. Raises FailedError unless the status is 200."""
        status, reason, content = self.ask(method, path, body=body, session=session)
        if status != 200:
            who = "Server" if status >= 500 else "Client"
            raise FailedError(f"HTTPError: {status} {who} Error: {reason} for url: http://web1{path}")
        return json.loads(content)

    def ask(self, method: str, path: str, *, body: bytes = b"", session: str = "") -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
        headers = {"Host": "web1", "User-Agent": "shop-tests/1.0", **({"X-Session": session} if session else {})}
        try:
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.reason, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise FailedError(f"{type(error).__name__}: {error} for url: http://web1{path}") from error
        finally:
            connection.close()
