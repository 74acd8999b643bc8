"""Tries to sign in, counted by key within a window."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from firstparty.store import tables


def add_try(
    connection: Connection, key: str, *, now: datetime, window: timedelta
) -> tuple[int, datetime]:
    """Count a try; how many there are in this key's window, and when the window ends."""
    connection.execute(delete(tables.tries).where(tables.tries.c.until <= now))
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = connection.execute(
        insert(tables.tries)
        .values(key=key, number=1, until=now + window)
        .on_conflict_do_update(index_elements=["key"], set_={"number": tables.tries.c.number + 1})
        .returning(tables.tries.c.number, tables.tries.c.until)
    ).one()
    return row.number, row.until


def remove_tries(connection: Connection, key: str) -> None:
    """Forget the tries of this key."""
    connection.execute(delete(tables.tries).where(tables.tries.c.key == key))
