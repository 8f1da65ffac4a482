"""Calls to a gateway's tools over streamable HTTP, from any thread; one that says nothing costs a run some seconds.

One call is one POST of the stateless protocol, so that a gateway may restart in between. While a call is under way and
nothing is heard, a small request asks whether the gateway is there at all: a collection may take long, silence may not.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from FailTaleLibrary import __version__, background
from FailTaleLibrary.breaker import PAUSE_S, Breaker
from FailTaleLibrary.config.model import GatewaySettings
from FailTaleLibrary.errors import GatewayError
from FailTaleLibrary.files import read_regular
from FailTaleLibrary.gateway.record import RUNNER
from FailTaleLibrary.gateway.silence import KnownSilence, Pulse
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.text import one_line, sanitize, shorten
from FailTaleLibrary.wire import Exchange, HttpAnswer, WireError

_log = logger_of(__name__)

VERSION = "2026-07-28"
"""The stateless protocol: each call stands for itself."""
_TICK_S = 0.1
_FIRST_LOOK_S = 0.25
"""After so much silence a call asks whether the gateway is there …"""
_LOOK_S = 1.0
"""… and so often from then on."""
_UNKNOWN_VERSION = -32022
_OURS = "collect_evidence"
"""A tool that every FailTale server with hosts has had."""
_NOT_TRIED = re.compile(r" \(not tried again [^()]*\)$")
_MAX_SAID = 1000
_MAX_PROGRESS = 64
_MAX_STEPS = 1e6
_MAX_TOKEN_FILE = 4096
_NOT_TRUSTED = frozenset({18, 19, 20, 21})
"""X509_V_ERR_ of OpenSSL: signed by itself, or by nobody that is known here."""

Progress = Callable[[int, int, str], None]


class CancelledError(GatewayError):
    """The caller cancelled."""


class UnreachableError(GatewayError):
    """Nobody answers at the gateway's address."""


class SilentError(UnreachableError):
    """The gateway takes the connection and says nothing."""


class OverdueError(GatewayError):
    """The gateway is there, and did not end a call by the time that it was given."""


class RefusedError(GatewayError):
    """What answers there is no gateway for us, and asking again will not change that."""


class GatewayClient:
    """The way to one gateway."""

    def __init__(self, settings: GatewaySettings, *, pause_s: float = PAUSE_S) -> None:
        """``pause_s``: how long one that does not answer is left alone."""
        self._settings = settings
        self._pause_s = pause_s
        self._breaker = Breaker(pause_s=pause_s)
        self._pulse = Pulse()
        self._lock = threading.Lock()
        self._under_way: set[Exchange] = set()
        self._closed = False
        self._patience_s = settings.silence_timeout_s
        """How long callers of this run may still wait for a gateway of which nothing is heard."""
        self._known = KnownSilence(settings.url)
        self.trouble = ""
        """Why the gateway served none or not all of this run, in a sentence; empty where it did."""

    @property
    def is_open(self) -> bool:
        """Whether the gateway may be asked now: no failure to reach it is known that still counts."""
        return self._breaker.is_closed

    def shared_by(self, run: str) -> None:
        """Other processes belong to the same run: how long it waits for a silent gateway is counted for all of them."""
        self._known = KnownSilence(self._settings.url, run)

    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        timeout_s: float,
        cancel: threading.Event | None = None,
        progress: Progress | None = None,
        in_background: bool = False,
    ) -> dict[str, Any]:
        """The structured answer of a tool. Raises GatewayError with a sentence for whatever is wrong.

        ``in_background``: nobody waits for it, so that the run's patience is not used up.
        """
        self._attempt(in_background=in_background)
        try:
            request = {"name": tool, "arguments": dict(arguments)}
            with self._exchange("tools/call", request, progress) as exchange:
                answer = self._awaited(exchange, timeout_s, cancel, in_background=in_background)
            told = self._structured(tool, self._message(answer))
        except GatewayError as error:
            self._note(error)
            raise
        except Exception as error:
            _log.debug("the call '%s' of the gateway failed", tool, exc_info=True)
            refusal = self._sentence(error)
            self._note(refusal)
            raise refusal from error
        self._breaker.succeeded()
        return told

    def close(self) -> None:
        """Ends what is under way; at once, and safe to call twice."""
        self._closed = True
        with self._lock:
            under_way = tuple(self._under_way)
        for exchange in under_way:
            exchange.abort()

    # --- Whether it is worth it ---------------------------------------------------------------------------------------

    def _attempt(self, *, in_background: bool) -> None:
        """Raises GatewayError when the gateway is not to be asked now."""
        if self._closed:
            raise GatewayError("The run's way to the gateway is closed.")
        if told := self._known.told():
            self._patience_s, self.trouble = 0.0, told.because
            if told.age_s < self._pause_s:
                self._breaker.failed("unreachable", told.because)
        if refusal := self._breaker.attempt():
            raise GatewayError(str(refusal))
        if not in_background and self._patience_s <= 0:
            background.start(self._look_again, name="failtale-gateway-look")
            raise GatewayError(f"{self.trouble} (this run waits no longer for it)")

    def _look_again(self) -> None:
        """Whether a gateway that used up the run's patience answers by now; nobody waits for it."""
        try:
            with self._exchange("server/discover", {}) as exchange:
                self._awaited(exchange, self._settings.silence_timeout_s, None, in_background=True)
        except Exception as error:
            _log.debug("the gateway still says nothing", exc_info=True)
            self._note(error if isinstance(error, GatewayError) else self._sentence(error))

    def _note(self, error: GatewayError) -> None:
        if self._closed or isinstance(error, CancelledError):
            return
        self.trouble = self.trouble or _NOT_TRIED.sub("", str(error))
        if isinstance(error, UnreachableError) or self._patience_s <= 0:
            self._breaker.failed("unreachable", str(error))
        elif isinstance(error, (OverdueError, RefusedError)):
            self._breaker.failed("refused", str(error))
        if isinstance(error, SilentError):
            self._known.tell(str(error))

    def _heard(self) -> None:
        """The gateway lives."""
        self._pulse.heard()
        self._patience_s = self._settings.silence_timeout_s
        self._breaker.succeeded("unreachable")
        self._known.forget()

    # --- Waiting ------------------------------------------------------------------------------------------------------

    def _awaited(
        self, exchange: Exchange, timeout_s: float, cancel: threading.Event | None, *, in_background: bool
    ) -> HttpAnswer:
        """The exchange's answer. Raises what ended it; GatewayError when it was given up."""
        allowed_s = (
            self._settings.silence_timeout_s
            if in_background
            else min(self._settings.silence_timeout_s, self._patience_s)
        )
        with self._pulse.waiting(), contextlib.nullcontext() if in_background else self._using_up_patience():
            self._wait_for(exchange, timeout_s=timeout_s, allowed_s=allowed_s, cancel=cancel)
            return exchange.result()

    @contextlib.contextmanager
    def _using_up_patience(self) -> Iterator[None]:
        """What the block waits in vain is taken from what the run may wait."""
        began = time.monotonic()
        try:
            yield
        except CancelledError:
            raise
        except Exception:
            self._patience_s -= min(self._pulse.silent_s, time.monotonic() - began)
            raise

    def _wait_for(
        self, exchange: Exchange, *, timeout_s: float, allowed_s: float, cancel: threading.Event | None
    ) -> None:
        """Until the exchange is done. Raises GatewayError when it is given up."""
        began = time.monotonic()
        look_at = began + _FIRST_LOOK_S
        look: Exchange | None = None
        with contextlib.ExitStack() as looks:
            while not exchange.done.wait(_TICK_S):
                now = time.monotonic()
                if self._closed or (cancel is not None and cancel.is_set()):
                    raise CancelledError("Cancelled.")
                if now - began > timeout_s:
                    raise OverdueError(f"No response from the {self._where} within {timeout_s:.0f} s.")
                if self._pulse.silent_s > allowed_s:
                    said = f"no response within {self._settings.silence_timeout_s:g} s"
                    raise SilentError(
                        f"Cannot reach the {self._where}: {said}; it takes the connection and says nothing."
                    )
                if now >= look_at and (look is None or look.done.is_set()):
                    looks.close()
                    look_at = now + _LOOK_S
                    look = looks.enter_context(self._exchange("server/discover", {}))

    @contextlib.contextmanager
    def _exchange(self, method: str, params: Mapping[str, Any], progress: Progress | None = None) -> Iterator[Exchange]:
        """A request under way, in a thread of its own; ended when the block is left."""

        def hear(message: dict[str, Any] | None) -> None:
            if message is None or message.get("method") == "notifications/progress":
                self._heard()
            if message is not None and progress is not None:
                _relay(message, progress)

        exchange = Exchange(
            self._settings.url,
            _request(method, params),
            {**_HEADERS, **self._authorization, "Mcp-Method": method, **_name_of(params)},
            connect_timeout_s=self._settings.connect_timeout_s,
            tls=lambda: self._tls,
            hear=hear,
        )
        with self._lock:
            self._under_way.add(exchange)
        background.start(exchange.run, name="failtale-gateway")
        try:
            yield exchange
        finally:
            exchange.abort()
            with self._lock:
                self._under_way.discard(exchange)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca_file)

    @cached_property
    def _authorization(self) -> dict[str, str]:
        settings = self._settings
        token = settings.token.get_secret_value() if settings.token else _token_in(settings)
        if token and not re.fullmatch(r"[\x21-\x7e]+", token):
            raise GatewayError("The gateway's token is not one word of ASCII characters; write it anew.")
        return {"Authorization": f"Bearer {token}"} if token else {}

    # --- What it said -------------------------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"gateway at '{self._settings.url}'"

    def _message(self, answer: HttpAnswer) -> dict[str, Any]:
        """The result in an answer. Raises GatewayError with what a user can do about it."""
        message = _json_object(answer.body)
        if answer.status == 200 and isinstance(result := message.get("result"), dict):
            return result
        error = message.get("error")
        code, said = (error.get("code"), str(error.get("message", ""))) if isinstance(error, dict) else (None, "")
        if said.startswith("Unknown tool"):
            raise self._not_for_runs()
        raise RefusedError(f"The {self._where} {self._refusal(answer, code, said)}")

    def _structured(self, tool: str, result: Mapping[str, Any]) -> dict[str, Any]:
        """What a tool's result holds. Raises GatewayError when that is a refusal."""
        content = result.get("structuredContent")
        if result.get("isError") or not isinstance(content, dict):
            said = _text_in(result).removeprefix(f"Error executing tool {tool}: ")
            if not result.get("isError") or said.startswith("Unknown tool"):
                raise self._not_for_runs()
            raise GatewayError(_quoted_words(said) or "The gateway refused.")
        return content

    def _not_for_runs(self) -> RefusedError:
        """Why a server that answers has nothing for test runs, by the tools that it has."""
        with self._exchange("tools/list", {}) as exchange:
            answer = self._awaited(exchange, self._settings.silence_timeout_s, None, in_background=True)
        tools = self._message(answer).get("tools")
        where = f"server at '{self._settings.url}'"
        if isinstance(tools, list) and any(isinstance(tool, dict) and tool.get("name") == _OURS for tool in tools):
            return RefusedError(f"The {where} has a FailTale older than this one ({__version__}); update it there.")
        return RefusedError(f"The {where} is no gateway of FailTale: it has no tools for test runs.")

    def _refusal(self, answer: HttpAnswer, code: object, said: str) -> str:
        """The rest of a sentence that begins with the gateway."""
        if answer.status in (401, 403):
            return "refuses the token; check 'gateway.token_file'."
        if answer.status == 421:
            return "is not served under this name; start it with --allow-host."
        if 300 <= answer.status < 400:
            return f"leads to '{_quoted_words(answer.location)}'; if that is the gateway, write it into 'gateway.url'."
        if code == _UNKNOWN_VERSION or re.search(r"session id|protocol version", said, re.IGNORECASE):
            return "uses another version of the protocol; update FailTale there."
        if answer.status in (404, 405):
            path = urlsplit(self._settings.url).path or "/"
            return f"is no gateway: nothing is served at the path '{path}'; a gateway's ends in /mcp."
        if said:
            return f"refuses the call: {_quoted_words(said)}."
        return f"gave no answer of a FailTale server (HTTP status {answer.status}); check 'gateway.url'."

    def _sentence(self, error: Exception) -> GatewayError:
        """Why a request came to nothing, for the reader of the gap."""
        if isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError):
            return GatewayError(f"The {self._where} ended the connection without an answer.")
        if not isinstance(error, OSError):
            said = _quoted_words(str(error)) or "it ended the connection"
            kind = "" if isinstance(error, WireError) else f"{type(error).__name__}: "
            return GatewayError(f"The connection to the {self._where} failed: {kind}{said}.")
        why = self._why_unreachable(error)
        return UnreachableError(f"Cannot reach the {self._where}: {why}{'' if why.endswith('?') else '.'}")

    def _why_unreachable(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            said = _quoted_words(error.verify_message)
            if error.verify_code in _NOT_TRUSTED:
                return f"its certificate is not trusted here ({said}); set gateway.ca_file to who signed it"
            return f"its certificate is not valid for it ({said})"
        if isinstance(error, ssl.SSLError):
            return f"it does not speak TLS as expected ({_quoted_words(error.reason or str(error))}); is 'https' right?"
        if isinstance(error, TimeoutError):
            return f"no response within {self._settings.connect_timeout_s:g} s"
        if isinstance(error, ConnectionRefusedError):
            return "the connection is refused; is 'failtale serve' running there?"
        if isinstance(error, socket.gaierror):
            return f"its name cannot be resolved ({_quoted_words(error.strerror or str(error))})"
        return _quoted_words(getattr(error, "strerror", None) or str(error)) or type(error).__name__


_HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "Connection": "close",
    "User-Agent": f"failtale/{__version__}",
    "MCP-Protocol-Version": VERSION,
}


def _name_of(params: Mapping[str, Any]) -> dict[str, str]:
    return {"Mcp-Name": str(params["name"])} if "name" in params else {}


def _request(method: str, params: Mapping[str, Any]) -> bytes:
    meta = {
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": RUNNER, "version": __version__},
        "progressToken": 1,
    }
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}).encode()


def _relay(message: Mapping[str, Any], progress: Progress) -> None:
    """A notification as a step of a collection; what is none is nothing."""
    told = message.get("params")
    if not isinstance(told, dict) or message.get("method") != "notifications/progress":
        return
    numbers = (told.get("progress"), told.get("total"))
    done, steps = (float(each) if isinstance(each, (int, float)) else 0.0 for each in numbers)
    if not math.isnan(done + steps):
        done, steps = (min(_MAX_STEPS, max(0.0, each)) for each in (done, steps))
        said = told.get("message")
        progress(round(done), round(steps), shorten(one_line(sanitize(str(said or ""))), _MAX_PROGRESS))


def _text_in(result: Mapping[str, Any]) -> str:
    parts = result.get("content")
    texts = (str(part.get("text", "")) for part in (parts if isinstance(parts, list) else []) if isinstance(part, dict))
    return " ".join(texts)


def _json_object(body: bytes) -> dict[str, Any]:
    """The object that a body holds; an empty one for anything else."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _quoted_words(text: str) -> str:
    """What another machine said, for a sentence of ours."""
    return shorten(one_line(sanitize(text)), _MAX_SAID).rstrip(". ")


def _token_in(settings: GatewaySettings) -> str:
    if settings.token_file is None:
        return ""
    try:
        return read_regular(settings.token_file, max_bytes=_MAX_TOKEN_FILE).decode("ascii").strip()
    except OSError as error:
        raise GatewayError(f"Cannot read the token file '{settings.token_file}': {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise GatewayError(f"The token in '{settings.token_file}' is not ASCII.") from error
