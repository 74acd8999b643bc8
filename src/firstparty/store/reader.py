"""The feed as roles in front read it: two constant statements, and no more of the store.

On SQLite with Python's own driver, so that the many small processes of an edge do not each load
the SQL toolkit that the control plane needs (measured: 20 MB resident a process). Other databases
are read through the store's engine.
"""

import sqlite3
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote

from firstparty.errors import Unavailable
from firstparty.model.feed import FeedEntry, Topic

MAX_ENTRIES: Final = 5_000  # at a time
_BUSY_SECONDS: Final = 5.0
_RETRY: Final = timedelta(seconds=1)
_SQLITE: Final = "sqlite:///"


class FeedReader(Protocol):
    """One reader's way to the feed. Calls block, so they belong in a thread."""

    @property
    def poll(self) -> timedelta:
        """How often it may be asked."""
        ...

    def read(self, topics: Sequence[Topic], *, after: int) -> tuple[int, list[FeedEntry]]:
        """The revision now seen, and what these topics have above ``after``, oldest first.

        MUST NOT miss an entry below the revision that it answers; MAY answer at most MAX_ENTRIES,
        and then the revision of the last. Raises Unavailable while the database is away.
        """
        ...

    def close(self) -> None:
        """Give back what it holds; a later read still works."""
        ...


class SqliteFeed:
    """The feed in an SQLite file."""

    poll = timedelta(milliseconds=100)  # a look that finds nothing new takes microseconds

    def __init__(self, file: Path) -> None:
        self._uri = f"{file.absolute().as_uri()}?mode=ro"
        self._connection: sqlite3.Connection | None = None
        # A follower that is cancelled closes while its last read may still run in a thread.
        self._lock = threading.Lock()

    def read(self, topics: Sequence[Topic], *, after: int) -> tuple[int, list[FeedEntry]]:
        """See FeedReader."""
        try:
            with self._lock:
                connection = self._connect()
                connection.execute("BEGIN")  # one consistent state for both statements
                try:
                    return _read(connection, topics, after)
                finally:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self.close()
            raise Unavailable(f"feed: {error}", retry_after=_RETRY) from error

    def close(self) -> None:
        """Give the connection back; the next read makes another."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._uri,
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,  # calls come one after the other, from any thread
            )
        return self._connection


def _read(
    connection: sqlite3.Connection, topics: Sequence[Topic], after: int
) -> tuple[int, list[FeedEntry]]:
    found = connection.execute("SELECT number FROM revision").fetchone()
    newest = found[0] if found else 0
    if newest == after:
        return after, []
    places = ", ".join("?" * len(topics))
    rows = connection.execute(
        "SELECT revision, topic, key, body FROM feed "  # noqa: S608  # places are question marks
        f"WHERE revision > ? AND topic IN ({places}) ORDER BY revision LIMIT ?",
        (after, *topics, MAX_ENTRIES),
    ).fetchall()
    entries = [
        FeedEntry(revision=row[0], topic=Topic(row[1]), key=row[2], body=row[3]) for row in rows
    ]
    return (entries[-1].revision if len(entries) == MAX_ENTRIES else newest), entries


def open_feed(url: str) -> FeedReader:
    """The feed of the store at this URL, by the lightest way there is. Never connects by itself."""
    if url.startswith(_SQLITE):
        return SqliteFeed(Path(unquote(url.removeprefix(_SQLITE))))
    from firstparty.store.engine import Store  # noqa: PLC0415  # the toolkit, only where needed
    from firstparty.store.feed import StoreFeed  # noqa: PLC0415

    return StoreFeed(Store(url))
