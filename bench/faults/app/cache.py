"""A client for Redis: one command, one connection, one answer."""

from __future__ import annotations

import socket
from typing import IO


class CacheError(Exception):
    """Redis refused the command, in its own words."""


def command(port: int, *words: str | int, timeout_s: float = 10.0) -> str | int | list[str | int | None] | None:
    """What Redis answers; lists are flat. Raises CacheError and OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        parts = [str(word).encode() for word in words]
        connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        with connection.makefile("rb") as stream:
            head = stream.readline().rstrip().decode()
            if head.startswith("*"):
                return [_value(stream, stream.readline().rstrip().decode()) for _ in range(int(head[1:]))]
            return _value(stream, head)


def _value(stream: IO[bytes], head: str) -> str | int | None:
    kind, rest = head[:1], head[1:]
    if kind == "-":
        raise CacheError(rest)
    if kind == ":":
        return int(rest)
    if kind == "$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode()
    if not kind:
        raise ConnectionError("Redis closed the connection")
    return rest
