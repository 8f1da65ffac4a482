"""Calls to a gateway's tools over streamable HTTP, from any thread; a dead gateway is left alone for a while.

The SDK's client lives in one coroutine of one daemon thread, opened at first need. A daemon, so that an interpreter
whose owner forgot `Wire.close` still ends at once.
"""

from __future__ import annotations

import contextlib
import math
import ssl
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from FailTaleLibrary import __version__, background
from FailTaleLibrary.breaker import Breaker
from FailTaleLibrary.config.model import GatewaySettings
from FailTaleLibrary.errors import GatewayError
from FailTaleLibrary.files import read_regular
from FailTaleLibrary.gateway.record import RUNNER
from FailTaleLibrary.log import logger_of
from FailTaleLibrary.text import one_line, sanitize, shorten

if TYPE_CHECKING:
    import httpx2
    from anyio.from_thread import BlockingPortal
    from mcp import Client

_log = logger_of(__name__)

VERSION = "2026-07-28"
"""The stateless protocol: each call stands for itself, so a gateway may restart in between."""
_HANDSHAKE_S = 2.0
"""Beyond the time to connect: a gateway that accepts and says nothing counts as dead."""
_READ_S = 3600.0
_CLOSE_S = 2.0
_TICK_S = 0.1
_UNKNOWN_VERSION = -32022
_MAX_SAID = 1000
_MAX_PROGRESS = 64
_MAX_STEPS = 1e6
_MAX_TOKEN_FILE = 4096

Progress = Callable[[int, int, str], None]


class CancelledError(GatewayError):
    """The caller cancelled."""


class UnreachableError(GatewayError):
    """Nobody answers at the gateway's address."""


@dataclass(frozen=True, slots=True)
class _GatewayLine:
    """An open client, and the portal into its thread."""

    portal: BlockingPortal
    client: Client
    thread: threading.Thread


class GatewayClient:
    """The way to one gateway."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._line: _GatewayLine | None = None
        self._breaker = Breaker()
        self._status = 200
        """HTTP status of the last response, which the SDK does not pass on."""
        self._closed = False

    @property
    def is_open(self) -> bool:
        """Whether the gateway may be connected to now: no failure to reach it is known that still counts."""
        return self._breaker.is_closed

    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        timeout_s: float,
        cancel: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """The structured answer of a tool. Raises GatewayError with a sentence for whatever is wrong."""
        try:
            line = self._open_line(timeout_s, cancel)
            future = line.portal.start_task_soon(
                partial(
                    line.client.call_tool,
                    tool,
                    dict(arguments),
                    read_timeout_seconds=timeout_s,
                    progress_callback=_relay_to(progress),
                )
            )
            _wait(future, timeout_s, cancel)
            result = future.result()
        except GatewayError as error:
            self._note(error)
            raise
        except Exception as error:
            _log.debug("the call '%s' of the gateway failed", tool, exc_info=True)
            refusal = self._sentence(_leaf(error), timeout_s)
            self._note(refusal)
            raise refusal from error
        self._breaker.succeeded()
        return _structured(tool, result)

    def close(self) -> None:
        """Ends what is under way; safe to call twice."""
        self._closed = True
        with self._lock:
            line, self._line = self._line, None
        if line is not None and line.thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it ended by itself just now
                line.portal.start_task_soon(line.portal.stop, True)
            line.thread.join(_CLOSE_S)

    def _open_line(self, timeout_s: float, cancel: threading.Event | None) -> _GatewayLine:
        if self._closed:
            raise GatewayError("The run's way to the gateway is closed.")
        with self._lock:
            if refusal := self._breaker.attempt():
                raise GatewayError(str(refusal))
            if self._line is None or not self._line.thread.is_alive():
                self._line = self._opened(timeout_s, cancel)
                self._breaker.succeeded()
            return self._line

    def _opened(self, timeout_s: float, cancel: threading.Event | None) -> _GatewayLine:
        import anyio  # heavy, like the SDK; only a run with a gateway pays for it

        opened: Future[tuple[BlockingPortal, Client]] = Future()
        thread = background.start(partial(anyio.run, self._live, opened), name="failtale-gateway")
        _wait(opened, timeout_s, cancel)
        portal, client = opened.result()
        return _GatewayLine(portal, client, thread)

    async def _live(self, opened: Future[tuple[BlockingPortal, Client]]) -> None:
        """The life of the client: everything that was entered is left in the same coroutine."""
        try:
            import anyio
            from anyio.from_thread import BlockingPortal
            from mcp import Client
            from mcp.client.streamable_http import streamable_http_client
            from mcp.types import Implementation

            async with (
                BlockingPortal() as portal,
                self._http() as http,
                Client(
                    streamable_http_client(self._settings.url, http_client=http),
                    mode=VERSION,
                    client_info=Implementation(name=RUNNER, version=__version__),
                ) as client,
            ):
                # An expression in a schema of the gateway's could hold this process for ever; records are checked here.
                client.session.validate_tool_result = _trust_no_schema  # type: ignore[method-assign]
                with anyio.fail_after(self._settings.connect_timeout_s + _HANDSHAKE_S):
                    self._check_tools({tool.name for tool in (await client.list_tools()).tools})
                opened.set_result((portal, client))
                await portal.sleep_until_stopped()
        except Exception as error:
            _log.debug("the client of the gateway ended", exc_info=True)
            if not opened.done():
                opened.set_exception(_leaf(error))

    def _check_tools(self, names: Collection[str]) -> None:
        """Raises GatewayError when it has no tools for runs."""
        where = f"server at '{self._settings.url}'"
        if "collect_evidence" in names and "runner_collect" not in names:
            raise GatewayError(f"The {where} has a FailTale older than this one ({__version__}); update it there.")
        if "runner_collect" not in names:
            raise GatewayError(f"The {where} is no gateway of FailTale: it has no tools for test runs.")

    def _http(self) -> httpx2.AsyncClient:
        import httpx2

        from FailTaleLibrary.gateway.wire import BoundedTransport

        settings = self._settings
        token = settings.token.get_secret_value() if settings.token else _token_in(settings)

        async def remember(response: httpx2.Response) -> None:
            self._status = response.status_code

        return httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx2.Timeout(_READ_S, connect=settings.connect_timeout_s, write=10.0, pool=10.0),
            trust_env=False,
            transport=BoundedTransport(
                ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else True
            ),
            event_hooks={"response": [remember]},
        )

    def _note(self, error: GatewayError) -> None:
        if isinstance(error, UnreachableError):
            self._breaker.failed("unreachable", str(error))

    def _sentence(self, error: BaseException, timeout_s: float) -> GatewayError:
        """What went wrong, for the reader of the gap."""
        import httpx2
        from mcp import MCPError

        where = f"gateway at '{self._settings.url}'"
        status, self._status = self._status, 200
        if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, TimeoutError)):
            why = (
                shorten(sanitize(str(error)), _MAX_SAID) or f"no response within {self._settings.connect_timeout_s:g} s"
            )
            return UnreachableError(f"Cannot reach the {where}: {why}.")
        if status == 401:
            return GatewayError(f"The {where} refuses the token; check 'gateway.token_file'.")
        if status == 421:
            return GatewayError(f"The {where} is not served under this name; start it with --allow-host.")
        if isinstance(error, MCPError) and error.error.code == _UNKNOWN_VERSION:
            return GatewayError(f"The {where} uses another version of the protocol; update FailTale there.")
        if isinstance(error, MCPError) and "timed out" in error.error.message:
            return GatewayError(f"No response from the {where} within {timeout_s:.0f} s.")
        said = shorten(sanitize(str(error)), _MAX_SAID)
        return GatewayError(f"The connection to the {where} failed: {type(error).__name__}: {said}.")


def _wait(future: Future[Any], timeout_s: float, cancel: threading.Event | None) -> None:
    """Until the call is done; a cancelled call ends on the gateway, too."""
    ends = time.monotonic() + timeout_s + 1.0  # the SDK's own limit comes first
    while not wait([future], timeout=_TICK_S).done:
        if cancel is not None and cancel.is_set():
            future.cancel()
            raise CancelledError("Cancelled.")
        if time.monotonic() > ends:
            future.cancel()
            raise GatewayError(f"No response from the gateway within {timeout_s:.0f} s.")


def _relay_to(progress: Progress | None) -> Any:
    if progress is None:
        return None

    async def relay(done: float, total: float | None, message: str | None) -> None:
        steps_done, steps = (min(_MAX_STEPS, max(0.0, number or 0.0)) for number in (done, total))
        if not math.isnan(steps_done + steps):
            progress(round(steps_done), round(steps), shorten(one_line(sanitize(message or "")), _MAX_PROGRESS))

    return relay


async def _trust_no_schema(name: str, result: object) -> None:
    """In place of the SDK's check of an answer against what the gateway says of it."""


def _structured(tool: str, result: Any) -> dict[str, Any]:
    if result.is_error:
        said = " ".join(str(getattr(part, "text", "")) for part in result.content)
        said = shorten(sanitize(said.removeprefix(f"Error executing tool {tool}: ")), _MAX_SAID)
        raise GatewayError(said or "The gateway refused.")
    if not isinstance(result.structured_content, dict):
        raise GatewayError(f"The gateway's tool '{tool}' gave no structured answer; is it a FailTale server?")
    return result.structured_content


def _token_in(settings: GatewaySettings) -> str:
    if settings.token_file is None:
        return ""
    try:
        return read_regular(settings.token_file, max_bytes=_MAX_TOKEN_FILE).decode("ascii").strip()
    except OSError as error:
        raise GatewayError(f"Cannot read the token file '{settings.token_file}': {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise GatewayError(f"The token in '{settings.token_file}' is not ASCII.") from error


def _leaf(error: BaseException) -> BaseException:
    """The first real error in groups of them."""
    while getattr(error, "exceptions", ()):
        error = error.exceptions[0]  # type: ignore[attr-defined]
    return error
