"""Answers to requests that carried an Idempotency-Key. Bodies come in sealed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from firstparty.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """What was answered, to which request; no status while the request is running."""

    fingerprint: str
    status: int | None
    sealed_body: bytes | None


def load_or_reserve(
    connection: Connection, key: str, fingerprint: str, *, now: datetime, until: datetime
) -> KeptAnswer | None:
    """What was kept under this key; None if nothing was, and then the key is the caller's now."""
    connection.execute(delete(tables.answers).where(tables.answers.c.until <= now))
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    reserved = connection.execute(
        insert(tables.answers)
        .values(key=key, fingerprint=fingerprint, status=None, sealed_body=None, until=until)
        .on_conflict_do_nothing(index_elements=["key"])
    )
    if reserved.rowcount == 1:
        return None
    row = connection.execute(select(tables.answers).where(tables.answers.c.key == key)).one()
    return KeptAnswer(fingerprint=row.fingerprint, status=row.status, sealed_body=row.sealed_body)


def save_answer(connection: Connection, key: str, *, status: int, sealed_body: bytes) -> None:
    """Keep the answer of a reserved key."""
    connection.execute(
        update(tables.answers)
        .where(tables.answers.c.key == key)
        .values(status=status, sealed_body=sealed_body)
    )


def release(connection: Connection, key: str) -> None:
    """Give a reserved key back: its request did nothing."""
    connection.execute(
        delete(tables.answers).where(tables.answers.c.key == key, tables.answers.c.status.is_(None))
    )
