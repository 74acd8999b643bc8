"""Connections to the store: SQLite by default, PostgreSQL by URL, one set of queries.

Transactions take milliseconds and await nothing inside. Async callers run them in a thread.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

BUSY_TIMEOUT_MS: Final = 5_000


class Store:
    """The control database, shared by several processes."""

    def __init__(self, url: str) -> None:
        """``url`` is SQLAlchemy's, for example ``sqlite:////var/lib/firstparty/firstparty.db``."""
        self.engine: Engine = create_engine(
            _with_driver(url), pool_pre_ping=not url.startswith("sqlite")
        )
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writing = threading.Lock()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: committed at the end, rolled back on an exception."""
        writing = self.engine.connect().execution_options(firstparty_write=True)
        with self._turn(), writing as connection, connection.begin():
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer of this process after the other.

        SQLite lets those that wait sleep for up to a tenth of a second, whoever came first. It is
        still the one that decides: after its own patience a writer goes on without its turn.
        """
        is_alone = self.engine.dialect.name == "sqlite"
        has_turn = is_alone and self._writing.acquire(timeout=BUSY_TIMEOUT_MS / 1000)
        try:
            yield
        finally:
            if has_turn:
                self._writing.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads one consistent state; never waits for a writer."""
        reading = self.engine.connect()
        if self.engine.dialect.name == "postgresql":  # by default each statement sees another state
            reading = reading.execution_options(isolation_level="REPEATABLE READ")
        with reading as connection:
            yield connection

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def _with_driver(url: str) -> str:
    """``postgresql:`` alone means a driver that we do not have."""
    return re.sub(r"^postgres(ql)?:", "postgresql+psycopg:", url)


def _prepare_sqlite(connection: DBAPIConnection, _record: Any) -> None:
    # The driver must not begin transactions by itself: _begin_sqlite says which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # NORMAL loses acknowledged commits in a power cut (measured: 19 of 4,000).
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a read that becomes a write fails at once with SQLITE_BUSY, whatever the timeout.
    write = connection.get_execution_options().get("firstparty_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
