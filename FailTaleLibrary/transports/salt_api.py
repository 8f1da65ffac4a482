"""A call -> its answer from salt-api (rest_cherrypy).

One login serves a whole run; its token is renewed before it ends, and when salt-api no longer takes it. Whatever the
other side does (nothing, a byte a second, a page of a proxy), a call ends in time with a sentence that says so.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal

from FailTaleLibrary import background
from FailTaleLibrary.config import SaltSettings
from FailTaleLibrary.errors import TransportError
from FailTaleLibrary.lazy import dataclass
from FailTaleLibrary.text import decode, one_line, shorten
from FailTaleLibrary.transports.salt_events import ReturnStream
from FailTaleLibrary.wire import Exchange, HttpAnswer

Problem = Literal["api", "login", "function", "jobs", "module", "minion"]
_MAX_RESPONSE_BYTES = 512 * 1024 * 1024
"""More than a thousand minions can return in one job: each is bound to less than the master's event size."""
_TICK_S = 0.05
_LIFETIME_SHARE = 0.9
_LEAST_LIFETIME_S = 60.0
_SAID_CHARS = 200
_LEAST_S = 0.5
"""For a call whose caller has no time left: what ends jobs is worth that."""
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class SaltError(TransportError):
    """What Salt did not do; ``problem`` says who has to mend it."""

    def __init__(self, problem: Problem, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.problem = problem


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
        stream = ReturnStream()
        headers = {"Accept": "text/event-stream", "X-Auth-Token": token}
        exchange = self._exchange("/events", None, headers, ends_at=ends_at, take_line=stream.take_line)
        stream.hear(exchange)
        exchange.answered.wait(self._patience_s(ends_at))
        head = exchange.head
        if head is not None and head.status == 200 and head.content_type == "text/event-stream":
            return stream, head.status
        stream.close()
        return None, head.status if head is not None else 0

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

    def _json(self, answer: HttpAnswer) -> dict[str, Any]:
        words = shorten(one_line(decode(answer.body[:2000])), _SAID_CHARS)
        if answer.status != 200:
            raise self._strange(f"status {answer.status}: {words}")
        try:
            told = json.loads(answer.body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise self._strange(f"it sends {answer.content_type or 'what'} that is no JSON: {words}")
        return told

    def _post(self, path: str, data: object, *, token: str = "", ends_at: float) -> HttpAnswer:
        """One exchange. Raises SaltError where none takes place by the deadline."""
        headers = {**_JSON, "X-Auth-Token": token} if token else _JSON
        exchange = self._exchange(path, json.dumps(data).encode(), headers, ends_at=ends_at)
        background.start(exchange.run, name="failtale-salt")
        try:
            self._wait_for(exchange, ends_at=ends_at)
            return exchange.result()
        except ssl.SSLCertVerificationError as error:
            hint = "name its authority's file in 'salt: {ca_file: …}'"
            sentence = f"The certificate of salt-api at {self._where} is not trusted: {error.verify_message}; {hint}."
            raise SaltError("api", "unreachable", sentence) from error
        except TimeoutError as error:
            sentence = f"salt-api at {self._where} did not answer within {self._settings.answer_timeout_s:.1f} s."
            raise SaltError("api", "no answer", sentence) from error
        except ConnectionRefusedError as error:
            raise SaltError("api", "refused", f"No salt-api listens at {self._where}.") from error
        except Exception as error:  # of whatever kind: what comes is another's
            why = one_line(str(error)) or type(error).__name__
            raise SaltError("api", "unreachable", f"salt-api at {self._where} cannot be reached: {why}.") from error
        finally:
            exchange.abort()

    def _exchange(
        self,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        ends_at: float,
        take_line: Callable[[bytes], object] | None = None,
    ) -> Exchange:
        return Exchange(
            self._where + path,
            body,
            {**headers, "Connection": "close"},
            connect_timeout_s=self._patience_s(ends_at),
            tls=lambda: self._tls,
            method="GET" if body is None else "POST",
            take_line=take_line,
            max_bytes=_MAX_RESPONSE_BYTES,
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca_file)

    def _wait_for(self, exchange: Exchange, *, ends_at: float) -> None:
        """Until it is done. Raises TimeoutError when nothing comes for too long, and when the time is up."""
        patience_s, received = self._patience_s(ends_at), 0
        silent_since = time.monotonic()
        ends_at = max(ends_at, silent_since + _LEAST_S)
        while not exchange.done.wait(_TICK_S):
            now = time.monotonic()
            if exchange.received != received:
                received, silent_since = exchange.received, now
            if now >= ends_at or now - silent_since > patience_s:
                raise TimeoutError

    def _patience_s(self, ends_at: float) -> float:
        """How long salt-api may be silent now."""
        return max(_LEAST_S, min(self._settings.answer_timeout_s, ends_at - time.monotonic()))
