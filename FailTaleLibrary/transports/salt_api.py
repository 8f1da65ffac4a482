"""A call -> its answer from salt-api (rest_cherrypy), over HTTP and the standard library alone.

One login serves a whole run; its token is renewed before it ends, and when salt-api no longer takes it. Whatever the
other side does (nothing, a byte a second, a page of a proxy), a call ends in time with a sentence that says so.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from FailTaleLibrary.config import SaltSettings
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.text import decode, one_line, shorten
from FailTaleLibrary.transports.salt_events import ReturnStream

Problem = Literal["api", "login", "function", "jobs", "module", "minion"]
_MAX_RESPONSE_BYTES = 512 * 1024 * 1024
"""More than a thousand minions can return in one job: each is bound to less than the master's event size."""
_CHUNK_BYTES = 64 * 1024
_LIFETIME_SHARE = 0.9
_LEAST_LIFETIME_S = 60.0
_SAID_CHARS = 200
_LEAST_S = 0.5
"""For a call whose caller has no time left: what ends jobs is worth that."""


class SaltError(TransportError):
    """What Salt did not do; ``problem`` says who has to mend it."""

    def __init__(self, problem: Problem, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content_type: str
    body: bytes

    @property
    def words(self) -> str:
        return shorten(one_line(decode(self.body[:2000])), _SAID_CHARS)


@dataclass(frozen=True, slots=True)
class PublishedJob:
    """A job that the master has sent to its minions."""

    id: str
    minions: frozenset[str]
    """Those with an accepted key that are meant; nobody else will return."""


def _is_map(told: Any) -> bool:
    return isinstance(told, dict)


class SaltApi:
    """The way to one salt-api. Safe to use from any thread."""

    def __init__(self, settings: SaltSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is what a token's life goes by."""
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0
        self.logins = 0
        """So many times was a token asked for."""

    def listen(self, *, ends_at: float) -> ReturnStream | None:
        """The event stream, open from now on; None where salt-api, or a proxy, gives none. Raises SaltError."""
        for _ in range(2):
            token, is_fresh = self._current_token(ends_at)
            stream, status = self._opened_stream(token, ends_at)
            if status != 401 or is_fresh:
                return stream
            self._forget(token)
        return None

    def _opened_stream(self, token: str, ends_at: float) -> tuple[ReturnStream | None, int]:
        connection = self._new_connection(ends_at)
        headers = {"Accept": "text/event-stream", "X-Auth-Token": token}
        try:
            connection.request("GET", urlsplit(self._where).path + "/events", headers=headers)
            connected = connection.sock  # an answer that says "Connection: close" takes it away from the connection
            response = connection.getresponse()
        except (OSError, http.client.HTTPException):
            connection.close()
            return None, 0
        if response.status != 200 or "event-stream" not in response.getheader("Content-Type", ""):
            response.close()
            connection.close()
            return None, response.status
        return ReturnStream(connected, response), response.status

    def publish(
        self, function: str, minions: tuple[str, ...], arguments: Mapping[str, object], *, ends_at: float
    ) -> PublishedJob:
        """Has minions run a function, all in one job, and waits for none. Raises SaltError."""
        low = {"client": "local_async", "tgt": list(minions), "tgt_type": "list", "fun": function}
        told = self._call({**low, "kwarg": dict(arguments)}, what=function, ends_at=ends_at)
        job = str(told.get("jid", "")) if isinstance(told, dict) else ""
        known = told.get("minions") if isinstance(told, dict) else None
        return PublishedJob(job, frozenset(map(str, known)) if job and isinstance(known, list) else frozenset())

    def returned(self, job: str, *, ends_at: float) -> frozenset[str]:
        """Who has returned of a job, so far. Raises SaltError.

        The master keeps what it answers to a runner: asking for the returns each time would keep them again and again.
        """
        low = {"client": "runner", "fun": "jobs.exit_success", "kwarg": {"jid": job}}
        told = self._call(low, what="jobs.exit_success", ends_at=ends_at)
        return frozenset(str(minion) for minion, is_there in told.items() if is_there) if _is_map(told) else frozenset()

    def returns(self, job: str, *, ends_at: float) -> dict[str, Any]:
        """Minion -> what it has returned of a job, so far. Raises SaltError."""
        low = {"client": "runner", "fun": "jobs.list_job", "kwarg": {"jid": job}}
        told = self._call(low, what="jobs.list_job", ends_at=ends_at)
        result = told.get("Result") if isinstance(told, dict) else None
        if not isinstance(result, dict):
            return {}
        return {
            str(minion): each["return"]
            for minion, each in result.items()
            if isinstance(each, dict) and "return" in each
        }

    # --- Login

    def _call(self, low: Mapping[str, object], *, what: str, ends_at: float) -> Any:
        """The first result of a call; a token that salt-api has forgotten is renewed once."""
        token, is_fresh = self._current_token(ends_at)
        answer = self._post("/", [low], token=token, ends_at=ends_at)
        if answer.status == 401 and not is_fresh:
            self._forget(token)
            token, _ = self._current_token(ends_at)
            answer = self._post("/", [low], token=token, ends_at=ends_at)
        if answer.status in (401, 403):
            problem: Problem = "jobs" if what.startswith("jobs.") else "function"
            raise SaltError(
                problem,
                "permission denied",
                f"salt-api does not let '{self._settings.user}' call '{what}'; its external_auth must allow that "
                "('failtale gate --external-auth' prints the lines).",
            )
        told = self._json(answer).get("return")
        return told[0] if isinstance(told, list) and told else None

    def _current_token(self, ends_at: float) -> tuple[str, bool]:
        """The token, and whether it was given just now."""
        with self._lock:
            if self._token and self._clock() < self._renew_at:
                return self._token, False
            self._token = ""
            self._token, lifetime_s = self._login(ends_at)
            self._renew_at = self._clock() + _LIFETIME_SHARE * lifetime_s
            return self._token, True

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._token = ""

    def _login(self, ends_at: float) -> tuple[str, float]:
        settings = self._settings
        who = {"username": settings.user, "password": settings.password.get_secret_value(), "eauth": settings.eauth}
        self.logins += 1
        answer = self._post("/login", who, ends_at=ends_at)
        if answer.status in (401, 403):
            raise SaltError(
                "login",
                "authentication refused",
                f"salt-api at {self._where} refused the login of '{settings.user}' by '{settings.eauth}': the "
                "password is wrong, or external_auth does not have this user.",
            )
        told = self._json(answer).get("return")
        given = told[0] if isinstance(told, list) and told and isinstance(told[0], dict) else {}
        token = given.get("token")
        if not isinstance(token, str) or not token.isalnum():
            raise self._strange("its answer to the login holds no token")
        try:
            lifetime_s = float(given["expire"]) - float(given["start"])
        except (KeyError, TypeError, ValueError):
            lifetime_s = _LEAST_LIFETIME_S
        return token, max(_LEAST_LIFETIME_S, lifetime_s)

    # --- HTTP

    @property
    def _where(self) -> str:
        return self._settings.url.rstrip("/")

    def _strange(self, why: str) -> SaltError:
        return SaltError("api", "failed", f"What answers at {self._where} is no salt-api that works: {why}.")

    def _json(self, answer: _Answer) -> dict[str, Any]:
        if answer.status != 200:
            raise self._strange(f"status {answer.status}: {answer.words}")
        try:
            told = json.loads(answer.body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise self._strange(f"it sends {answer.content_type or 'what'} that is no JSON: {answer.words}")
        return told

    def _post(self, path: str, data: object, *, token: str = "", ends_at: float) -> _Answer:
        """One exchange. Raises SaltError where none takes place by the deadline."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["X-Auth-Token"] = token
        try:
            with contextlib.closing(self._new_connection(ends_at)) as connection:
                connection.request("POST", urlsplit(self._where).path + path, json.dumps(data).encode(), headers)
                connected = connection.sock  # an answer that says "Connection: close" takes it away
                with contextlib.closing(connection.getresponse()) as response:
                    kind = response.getheader("Content-Type", "")
                    return _Answer(response.status, kind, self._body(response, connected, ends_at))
        except ssl.SSLCertVerificationError as error:
            hint = "name its authority's file in 'salt: {ca_file: …}'"
            sentence = f"The certificate of salt-api at {self._where} is not trusted: {error.verify_message}; {hint}."
            raise SaltError("api", "unreachable", sentence) from error
        except TimeoutError as error:
            sentence = f"salt-api at {self._where} did not answer within {self._patience_s(ends_at, used=True):.1f} s."
            raise SaltError("api", "no answer", sentence) from error
        except ConnectionRefusedError as error:
            raise SaltError("api", "refused", f"No salt-api listens at {self._where}.") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = one_line(str(error)) or type(error).__name__
            raise SaltError("api", "unreachable", f"salt-api at {self._where} cannot be reached: {why}.") from error

    def _patience_s(self, ends_at: float, *, used: bool = False) -> float:
        """How long salt-api may be silent now."""
        if used:
            return self._settings.answer_timeout_s
        return max(_LEAST_S, min(self._settings.answer_timeout_s, ends_at - time.monotonic()))

    def _new_connection(self, ends_at: float) -> http.client.HTTPConnection:
        url = urlsplit(self._where)
        patience_s = self._patience_s(ends_at)
        if url.scheme == "https":
            trusted = ssl.create_default_context(cafile=self._settings.ca_file)
            return http.client.HTTPSConnection(url.hostname or "", url.port or 443, timeout=patience_s, context=trusted)
        return http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=patience_s)

    def _body(self, response: http.client.HTTPResponse, connected: socket.socket, ends_at: float) -> bytes:
        """All of it; one that comes by the byte has until the deadline, at least `_LEAST_S`."""
        body = bytearray()
        ends_at = max(ends_at, time.monotonic() + _LEAST_S)
        while chunk := response.read1(_CHUNK_BYTES):
            body += chunk
            if len(body) > _MAX_RESPONSE_BYTES:
                raise self._strange("it sends more than all minions can have returned")
            left_s = ends_at - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            if connected.fileno() != -1:  # closed when the end has come
                connected.settimeout(min(self._patience_s(ends_at), left_s))
        return bytes(body)
