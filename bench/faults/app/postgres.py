"""A client for PostgreSQL that knows as much of its protocol as the shop needs: a password and simple queries."""

from __future__ import annotations

import socket
import struct
from types import TracebackType


class PostgresError(Exception):
    """The server's own words: severity, message and code."""


class Session:
    """One session; each query is a transaction of its own unless it says BEGIN."""

    def __init__(self, port: int, *, user: str, password: str = "", database: str = "shop", options: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._stream = self._socket.makefile("rb")
        said = {"user": user, "database": database, "application_name": user, "options": options}
        words = b"".join(f"{name}\0{value}\0".encode() for name, value in said.items() if value)
        self._send(b"", struct.pack("!i", 196608) + words + b"\0")
        try:
            self._log_in(password)
        except BaseException:
            self.close()
            raise

    def query(self, sql: str) -> list[tuple[str | None, ...]]:
        """The rows of a query's last answer. Raises PostgresError."""
        self._send(b"Q", sql.encode() + b"\0")
        rows: list[tuple[str | None, ...]] = []
        error: PostgresError | None = None
        while True:
            kind, body = self._message()
            if kind == b"T":
                rows = []
            elif kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                error = _error(body)
            elif kind == b"Z":
                if error is not None:
                    raise error
                return rows

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _log_in(self, password: str) -> None:
        while True:
            kind, body = self._message()
            if kind == b"E":
                raise _error(body)
            if kind == b"R" and body[:4] == b"\0\0\0\3":
                self._send(b"p", password.encode() + b"\0")
            elif kind == b"Z":
                return

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _message(self) -> tuple[bytes, bytes]:
        head = self._stream.read(5)
        if len(head) < 5:
            raise ConnectionError("server closed the connection unexpectedly")
        return head[:1], self._stream.read(struct.unpack("!i", head[1:])[0] - 4)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _row(body: bytes) -> tuple[str | None, ...]:
    (columns,), place = struct.unpack("!h", body[:2]), 2
    values: list[str | None] = []
    for _ in range(columns):
        (size,) = struct.unpack("!i", body[place : place + 4])
        place += 4
        values.append(None if size < 0 else body[place : place + size].decode())
        place += max(size, 0)
    return tuple(values)


def _error(body: bytes) -> PostgresError:
    fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
    return PostgresError(f"{fields[b'S']}: {fields[b'M']} ({fields[b'C']})")
