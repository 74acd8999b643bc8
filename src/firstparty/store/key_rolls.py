"""Keys that are being replaced: rows to values and back. At most one a domain."""

from collections.abc import Collection

from sqlalchemy import Connection, Row, delete, insert, select, update

from firstparty.model.key_rolls import KeyRoll, RollState
from firstparty.store import tables


def add_key_roll(connection: Connection, roll: KeyRoll) -> None:
    """Store a new roll."""
    connection.execute(insert(tables.key_rolls).values(domain_id=roll.domain_id, **_columns(roll)))


def save_key_roll(connection: Connection, roll: KeyRoll) -> None:
    """Store how far a roll is."""
    connection.execute(
        update(tables.key_rolls)
        .where(tables.key_rolls.c.domain_id == roll.domain_id)
        .values(**_columns(roll))
    )


def finish_key_roll(connection: Connection, roll: KeyRoll) -> None:
    """Make the new key the zone's only one."""
    connection.execute(
        update(tables.zone_keys)
        .where(tables.zone_keys.c.domain_id == roll.domain_id)
        .values(dnskey=roll.dnskey, sealed_key=roll.sealed_key, created_at=roll.since)
    )
    connection.execute(
        delete(tables.key_rolls).where(tables.key_rolls.c.domain_id == roll.domain_id)
    )


def load_key_roll(connection: Connection, domain_id: str) -> KeyRoll | None:
    """The roll that is under way, if there is one."""
    return load_key_rolls(connection, [domain_id]).get(domain_id)


def load_key_rolls(connection: Connection, domain_ids: Collection[str]) -> dict[str, KeyRoll]:
    """The rolls of these domains that are under way, by domain."""
    rows = connection.execute(
        select(tables.key_rolls).where(tables.key_rolls.c.domain_id.in_(domain_ids))
    )
    return {row.domain_id: _roll(row) for row in rows}


def _columns(roll: KeyRoll) -> dict[str, object]:
    return {
        "state": roll.state,
        "since": roll.since,
        "dnskey": roll.dnskey,
        "sealed_key": roll.sealed_key,
    }


def _roll(row: Row[tuple[object, ...]]) -> KeyRoll:
    return KeyRoll(
        domain_id=row.domain_id,
        state=RollState(row.state),
        since=row.since,
        dnskey=row.dnskey,
        sealed_key=row.sealed_key,
    )
