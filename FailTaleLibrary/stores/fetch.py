"""A request to a store -> its answer within a time, without a redirect that would carry credentials elsewhere."""

from __future__ import annotations

import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

from FailTaleLibrary import __version__, background
from FailTaleLibrary.config.queries import QUERY_TIME_S, HttpQuery, McpQuery
from FailTaleLibrary.lazy import dataclass, field
from FailTaleLibrary.stores.failures import StoreError, quoted, unreachable
from FailTaleLibrary.wire import MAX_RESPONSE_BYTES, Exchange, HttpAnswer, Proxy, TooLargeError

_TICK_S = 0.05
_MOST_REDIRECTS = 3
_KEEPS_METHOD = (307, 308)


class TooMuchError(StoreError):
    """The answer is larger than any answer may be."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a question may take, whatever it is made of."""

    seconds: float
    ends_at: float
    """On the monotonic clock."""
    cancel: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, seconds: float, cancel: threading.Event) -> Patience:
        return cls(seconds, time.monotonic() + seconds, cancel)

    @property
    def left_s(self) -> float:
        return max(0.0, self.ends_at - time.monotonic())

    def check(self, where: str) -> None:
        """Raises StoreError when it is over."""
        if self.cancel.is_set():
            raise StoreError("cancelled", "cancelled before it ended")
        if self.left_s <= 0:
            raise StoreError(
                "timed out", f"No complete answer of {where} within {self.seconds:g} s.", is_about_store=True
            )


@contextmanager
def waited_for(exchange: Exchange, patience: Patience, where: str) -> Iterator[Exchange]:
    """An exchange that is done; ended when the time is over. Raises StoreError."""
    background.start(exchange.run, name="failtale-query")
    try:
        while not exchange.done.wait(min(_TICK_S, max(0.001, patience.left_s))):
            patience.check(where)
        yield exchange
    finally:
        exchange.abort()


def fetch(
    query: HttpQuery | McpQuery,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    patience: Patience,
    where: str,
    method: str = "",
) -> HttpAnswer:
    """The complete answer to one request. Raises StoreError.

    A redirect is followed to the very same host and port alone, so that no credential leaves for another one.
    """
    method = method or ("GET" if body is None else "POST")
    connect_s = min(QUERY_TIME_S, patience.seconds)
    for _ in range(_MOST_REDIRECTS + 1):
        proxy = _proxy_for(url) if query.proxy == "environment" else None
        way = f"{where} through the environment's proxy" if proxy is not None else where
        exchange = Exchange(
            url,
            body,
            {"User-Agent": f"failtale/{__version__}", "Accept-Encoding": "identity", "Connection": "close", **headers},
            connect_timeout_s=connect_s,
            tls=lambda: ssl.create_default_context(cafile=query.ca_file),
            method=method,
            proxy=proxy,
        )
        try:
            with waited_for(exchange, patience, where):
                answer = exchange.result()
        except StoreError:
            raise
        except TooLargeError as error:
            most = f"{MAX_RESPONSE_BYTES // 1024**2} MB"
            sentence = f"The answer of {where} has more than {most}, which is not read; ask for less, or fewer 'lines'."
            raise TooMuchError("failed", sentence) from error
        except Exception as error:
            raise unreachable(way, error, timeout_s=connect_s) from error
        if not answer.location:
            return answer
        url = _followed_url(url, answer, where, is_get=method == "GET")
    raise StoreError("failed", f"The answer of {where} leads round in a circle.")


def _followed_url(url: str, answer: HttpAnswer, where: str, *, is_get: bool) -> str:
    """Where a redirect leads, when it stays with the same server. Raises StoreError."""
    try:
        there = urljoin(url, answer.location)
        is_same = _place_of(there) == _place_of(url)
    except ValueError:
        there, is_same = answer.location, False
    if not is_same or not (is_get or answer.status in _KEEPS_METHOD) or any(not 32 < ord(each) < 127 for each in there):
        shown = quoted(there.partition("?")[0])
        sentence = f"{where[0].upper()}{where[1:]} leads to '{shown}', which is not followed; if that is right, "
        raise StoreError("failed", f"{sentence}write it into 'url'.")
    return there


def _place_of(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def _proxy_for(url: str) -> Proxy | None:
    """The proxy that the environment names for an address."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies_environment()
    named = proxies.get(parts.scheme) or proxies.get("all")
    if not named or urllib.request.proxy_bypass(parts.netloc):
        return None
    try:
        return Proxy.of(named)
    except ValueError:
        raise StoreError("failed", f"The environment's proxy for {parts.scheme} is no address.") from None


def credentials_of(query: HttpQuery | McpQuery) -> dict[str, str]:
    """The headers that a query wants to be sent, secrets among them."""
    from FailTaleLibrary.config.queries import basic_credentials

    headers = {
        each.name: each.secret.get_secret_value() if each.secret is not None else each.value for each in query.headers
    }
    if query.token is not None:
        headers["Authorization"] = f"Bearer {query.token.get_secret_value()}"
    elif query.user is not None and query.password is not None:
        headers["Authorization"] = f"Basic {basic_credentials(query.user, query.password)}"
    if any(not 31 < ord(each) < 127 for value in headers.values() for each in value):
        raise StoreError("failed", "A header's secret holds a character that no header may have; write it anew.")
    return headers
