"""An HTTP connection to a gateway that cannot send more than a call is worth: no endless body, nothing compressed.

It imports httpx2, which only a run with a gateway pays for.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import httpx2

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""Of one response: a page of a record has 256 kB, a list of a thousand components less than 1 MB."""


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """Counts what comes while it comes, and ends the connection when it is too much."""

    def __init__(self, verify: ssl.SSLContext | bool) -> None:
        super().__init__(verify=verify, trust_env=False)  # a proxy of the environment must not see the token

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            await response.aclose()
            raise httpx2.DecodingError("the response is compressed, which was not asked for", request=request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - of an asynchronous transport
        response.stream = _BoundedStream(response.stream, request)
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, request: httpx2.Request) -> None:
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._stream:
            received += len(chunk)
            if received > MAX_RESPONSE_BYTES:
                raise httpx2.ReadError(
                    f"the response has more than {MAX_RESPONSE_BYTES:,} bytes", request=self._request
                )
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
