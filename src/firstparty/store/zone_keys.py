"""The keys that zones are signed with: rows to values and back. They are sealed already."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, insert, select

from firstparty.store import tables


def add_zone_key(
    connection: Connection, domain_id: str, *, dnskey: bytes, sealed_key: bytes, now: datetime
) -> None:
    """Store the key of a domain's zone; ``dnskey`` is its public rdata."""
    connection.execute(
        insert(tables.zone_keys).values(
            domain_id=domain_id, dnskey=dnskey, sealed_key=sealed_key, created_at=now
        )
    )


def load_sealed_key(connection: Connection, domain_id: str) -> bytes | None:
    """The private key of a domain's zone, sealed; None: it has none yet."""
    sealed: bytes | None = connection.execute(
        select(tables.zone_keys.c.sealed_key).where(tables.zone_keys.c.domain_id == domain_id)
    ).scalar()
    return sealed


def has_zone_key(connection: Connection, domain_id: str) -> bool:
    """Whether a domain's zone has a key."""
    return load_sealed_key(connection, domain_id) is not None


def load_dnskeys(connection: Connection, domain_ids: Collection[str]) -> dict[str, bytes]:
    """The DNSKEY rdata of each of these domains that has a key (not of one that replaces it)."""
    rows = connection.execute(
        select(tables.zone_keys.c.domain_id, tables.zone_keys.c.dnskey).where(
            tables.zone_keys.c.domain_id.in_(domain_ids)
        )
    )
    return {row.domain_id: row.dnskey for row in rows}
