"""Sources that have changed since they were published, noted by control for the reconciler."""

from collections.abc import Collection

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from firstparty.store import tables


def note_source(connection: Connection, source_id: str) -> None:
    """Have this source published anew."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        insert(tables.changed_sources).values(source_id=source_id).on_conflict_do_nothing()
    )


def list_changed(connection: Connection, *, limit: int) -> list[str]:
    """The ids of some sources that have changed."""
    query = select(tables.changed_sources.c.source_id).limit(limit)
    return list(connection.execute(query).scalars())


def forget_changes(connection: Connection, source_ids: Collection[str]) -> None:
    """They are published, in this very transaction."""
    connection.execute(
        delete(tables.changed_sources).where(tables.changed_sources.c.source_id.in_(source_ids))
    )
