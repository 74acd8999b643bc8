"""The feed's writing end, and reading it through the store's engine.

A revision is taken inside the writing transaction while it holds the one row of ``revision``, so
revisions become visible in their order: a reader that has seen N never misses one below N.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import cache
from typing import Final

from sqlalchemy import Connection, Executable, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from firstparty.errors import Unavailable
from firstparty.model.feed import FeedEntry, Topic
from firstparty.store import tables
from firstparty.store.engine import Store
from firstparty.store.reader import MAX_ENTRIES

_ENTRY: Final = select(tables.feed.c.revision, tables.feed.c.body).where(
    tables.feed.c.topic == bindparam("topic"), tables.feed.c.key == bindparam("key")
)


class StoreFeed:
    """The feed of any database that the store's engine speaks to."""

    poll = timedelta(seconds=1)

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, topics: Sequence[Topic], *, after: int) -> tuple[int, list[FeedEntry]]:
        """See FeedReader."""
        try:
            with self._store.read() as connection:
                # Read before the entries: what commits in between is then read twice, not missed.
                newest = current_revision(connection)
                if newest == after:
                    return after, []
                entries = read_changes(connection, topics, after=after)
        except SQLAlchemyError as error:
            raise Unavailable(f"feed: {error}", retry_after=self.poll) from error
        return (entries[-1].revision if len(entries) == MAX_ENTRIES else newest), entries

    def close(self) -> None:
        """Give back the store's connections."""
        self._store.close()


def publish(connection: Connection, topic: Topic, key: str, body: bytes | None) -> int:
    """Replace (``None``: remove) the entry of ``key``; the revision it got.

    Publishing what is there already, or removing what never was, changes nothing and answers the
    revision it has (0: none).
    """
    there = connection.execute(_ENTRY, {"topic": topic, "key": key}).first()
    if there is not None and there.body == body:
        return int(there.revision)
    if there is None and body is None:
        return 0
    revision = _move_revision(connection, by=1)
    values = {"topic": topic, "key": key, "revision": revision, "body": body}
    connection.execute(_upsert_entry(connection.dialect.name), values)
    return revision


def load_body(connection: Connection, topic: Topic, key: str) -> bytes | None:
    """The body of the entry of ``key``; None if there is none or it was removed."""
    row = connection.execute(_ENTRY, {"topic": topic, "key": key}).first()
    return None if row is None else row.body


def lock_feed(connection: Connection) -> None:
    """Let nobody else publish before this transaction ends (SQLite: so it is anyway)."""
    _move_revision(connection, by=0)


def current_revision(connection: Connection) -> int:
    """The newest revision there is."""
    return connection.execute(select(tables.revision.c.number)).scalar_one_or_none() or 0


def read_changes(
    connection: Connection, topics: Iterable[Topic], *, after: int, limit: int = MAX_ENTRIES
) -> list[FeedEntry]:
    """Entries of these topics with a revision above ``after``, oldest first.

    A removed key comes as an entry without a body.
    """
    rows = connection.execute(
        select(tables.feed)
        .where(tables.feed.c.revision > after, tables.feed.c.topic.in_(list(topics)))
        .order_by(tables.feed.c.revision)
        .limit(limit)
    )
    return [
        FeedEntry(revision=row.revision, topic=Topic(row.topic), key=row.key, body=row.body)
        for row in rows
    ]


def _move_revision(connection: Connection, *, by: int) -> int:
    """Hold the one row of ``revision``, made by whoever is the first; what it is now."""
    moved = connection.execute(_upsert_revision(connection.dialect.name), {"only": 1, "number": by})
    return int(moved.scalar_one())


@cache
def _upsert_entry(dialect: str) -> Executable:
    insert = _insert_of(dialect)(tables.feed)
    fresh = {"revision": insert.excluded.revision, "body": insert.excluded.body}
    return insert.on_conflict_do_update(index_elements=["topic", "key"], set_=fresh)


@cache
def _upsert_revision(dialect: str) -> Executable:
    insert = _insert_of(dialect)(tables.revision)
    moved = {"number": tables.revision.c.number + insert.excluded.number}
    return insert.on_conflict_do_update(index_elements=["only"], set_=moved).returning(
        tables.revision.c.number
    )


def _insert_of(
    dialect: str,
) -> Callable[[Table], postgresql.Insert] | Callable[[Table], sqlite.Insert]:
    return postgresql.insert if dialect == "postgresql" else sqlite.insert
