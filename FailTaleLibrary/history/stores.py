"""The place that `history` names -> a connection that speaks SQL: a file of SQLite, or a PostgreSQL database.

Both take the same statements, with parameters as ``:name``. sqlite3 and SQLAlchemy are imported at the first failure.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from FailTaleLibrary.errors import HistoryError
from FailTaleLibrary.files import install_line, private_directory

SCHEMA_VERSION = 1
_TABLES = (
    "CREATE TABLE failtale_history (version INTEGER NOT NULL)",
    "CREATE TABLE failtale_causes (signature VARCHAR(16) PRIMARY KEY, shape TEXT NOT NULL, headline TEXT NOT NULL, "
    "test TEXT NOT NULL, times INTEGER NOT NULL, first_at VARCHAR(27) NOT NULL, last_at VARCHAR(27) NOT NULL, "
    "previous_at VARCHAR(27))",
    "CREATE INDEX failtale_causes_by_last ON failtale_causes (last_at)",
    "CREATE TABLE failtale_notes (signature VARCHAR(16) PRIMARY KEY, note TEXT NOT NULL, "
    "noted_at VARCHAR(27) NOT NULL)",
    "INSERT INTO failtale_history VALUES (1)",
)
_ADVISORY_LOCK = 0x46_41_49_4C
"""Under which the tables are made in PostgreSQL, where ``IF NOT EXISTS`` alone lets two makers collide."""
_AGAIN_S = 0.02
"""Between two attempts to switch a new file to its journal, for which SQLite's own waiting does not hold."""


class Connection(Protocol):
    """What a transaction does."""

    def rows(self, sql: str, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]: ...

    def change(self, sql: str, values: Mapping[str, Any]) -> int: ...


class Store(Protocol):
    """A place of the history."""

    def transaction(self, *, seconds: float) -> contextlib.AbstractContextManager[Connection]:
        """One transaction, committed when the block ends. Raises HistoryError, also when it takes too long."""
        ...


def store_at(place: str) -> Store:
    """The store of a place, whose tables are made at the first transaction."""
    return PostgresStore(place) if "://" in place else SqliteStore(Path(place))


def _check_version(version: int, place: str) -> None:
    if version > SCHEMA_VERSION:
        raise HistoryError(f"{place} was made by a newer FailTale (schema {version}); use that, or name another place.")


# --- SQLite -----------------------------------------------------------------------------------------------------------


class SqliteStore:
    """A file of mode 0600, made where it is missing; many processes may write to it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextlib.contextmanager
    def transaction(self, *, seconds: float) -> Iterator[Connection]:
        try:
            with contextlib.closing(self._connected(seconds)) as connection:
                yield _SqliteConnection(connection)
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise HistoryError(f"'{self._path.name}': {_sqlite_words(error)}") from error
        except OSError as error:
            raise HistoryError(f"'{self._path.name}': {error.strerror or error}") from error

    def _connected(self, seconds: float) -> sqlite3.Connection:
        """In a transaction that nobody else can write beside."""
        ends = time.monotonic() + seconds
        private_directory(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        with contextlib.closing(os.fdopen(descriptor, "rb")) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "it is no regular file", str(self._path))
        connection = sqlite3.connect(self._path, timeout=seconds, isolation_level=None)
        try:
            _switch_to_log(connection, ends)
            connection.execute("BEGIN IMMEDIATE")
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'failtale_history'").fetchall():
                for statement in _TABLES:
                    connection.execute(statement)
            ((version,),) = connection.execute("SELECT max(version) FROM failtale_history").fetchall()
            _check_version(version, f"'{self._path.name}'")
        except BaseException:
            connection.close()
            raise
        return connection


def _switch_to_log(connection: sqlite3.Connection, ends: float) -> None:
    """Into the mode in which readers and one writer do not wait for each other. https://sqlite.org/wal.html"""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= ends:
                raise
            time.sleep(_AGAIN_S)


def _sqlite_words(error: sqlite3.Error) -> str:
    words = str(error)
    if "locked" in words:
        return "another process keeps it locked"
    if isinstance(error, sqlite3.DatabaseError) and ("malformed" in words or "not a database" in words):
        return f"the file is damaged ({words}); move it away, and a new one is made"
    return words


class _SqliteConnection:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        return self._connection.execute(sql, dict(values)).fetchall()

    def change(self, sql: str, values: Mapping[str, Any]) -> int:
        return self._connection.execute(sql, dict(values)).rowcount


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


class PostgresStore:
    """A database, by SQLAlchemy and psycopg; the password is libpq's affair (PGPASSWORD, ``~/.pgpass``)."""

    def __init__(self, url: str) -> None:
        self._url = "postgresql+psycopg://" + url.partition("://")[2]
        self._engine: Any = None
        self._has_tables = False

    @contextlib.contextmanager
    def transaction(self, *, seconds: float) -> Iterator[Connection]:
        try:
            from sqlalchemy.exc import SQLAlchemyError

            self._engine = self._engine or self._made_engine(seconds)
        except ImportError as error:
            raise HistoryError(f"PostgreSQL needs SQLAlchemy and psycopg; type: {install_line('history')}") from error
        try:
            with self._engine.begin() as connection:
                made = _SqlConnection(connection)
                self._with_tables(made)
                yield made
        except SQLAlchemyError as error:
            raise HistoryError(f"PostgreSQL: {_first_line(error)}") from error

    def _made_engine(self, seconds: float) -> Any:
        """No connection stays open between two failures, of which there may be hours."""
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        arguments = {
            "client_encoding": "utf8",  # else psycopg gives bytes where the database's own is SQL_ASCII
            "connect_timeout": max(2, int(seconds)),
            "options": f"-c statement_timeout={max(1, int(seconds * 1000))}",
        }
        return create_engine(self._url, poolclass=NullPool, connect_args=arguments)

    def _with_tables(self, connection: Connection) -> None:
        if self._has_tables:
            return
        # of the catalogue's table: to_regclass answers from a cache that a lock of ours does not renew
        is_there = "SELECT 1 FROM pg_tables WHERE tablename = 'failtale_history' AND schemaname = current_schema()"
        if not connection.rows(is_there, {}):
            connection.rows(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})", {})
            if not connection.rows(is_there, {}):
                for statement in _TABLES:
                    connection.change(statement, {})
        ((version,),) = connection.rows("SELECT max(version) FROM failtale_history", {})
        _check_version(version, "The database")
        self._has_tables = True


def _first_line(error: BaseException) -> str:
    """What the driver says, without the statement and its values that SQLAlchemy adds."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


class _SqlConnection:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        from sqlalchemy import text

        return [tuple(row) for row in self._connection.execute(text(sql), dict(values))]

    def change(self, sql: str, values: Mapping[str, Any]) -> int:
        from sqlalchemy import text

        return int(self._connection.execute(text(sql), dict(values)).rowcount)
