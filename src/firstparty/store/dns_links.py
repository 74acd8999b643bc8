"""DNS admin links: rows to values and back."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from firstparty.model.dns_links import DnsLink
from firstparty.store import tables


def add_dns_link(connection: Connection, secret_hash: str, link: DnsLink) -> None:
    """Store a new link under the hash of its secret."""
    connection.execute(
        insert(tables.dns_links).values(
            id=link.id,
            domain_id=link.domain_id,
            secret_hash=secret_hash,
            created_at=link.created_at,
            expires_at=link.expires_at,
            revoked_at=None,
        )
    )


def find_dns_link(connection: Connection, secret_hash: str) -> DnsLink | None:
    """The link with this secret, expired and revoked ones too."""
    row = connection.execute(
        select(tables.dns_links).where(tables.dns_links.c.secret_hash == secret_hash)
    ).first()
    return None if row is None else _link(row)


def list_dns_links(connection: Connection, domain_id: str, *, limit: int = 100) -> list[DnsLink]:
    """The links of a domain, the newest first."""
    rows = connection.execute(
        select(tables.dns_links)
        .where(tables.dns_links.c.domain_id == domain_id)
        .order_by(tables.dns_links.c.created_at.desc(), tables.dns_links.c.id)
        .limit(limit)
    )
    return [_link(row) for row in rows]


def count_open_dns_links(connection: Connection, domain_id: str, *, now: datetime) -> int:
    """How many links of a domain work at the moment."""
    return sum(link.is_open(now) for link in list_dns_links(connection, domain_id, limit=1_000))


def revoke_dns_link(
    connection: Connection, domain_id: str, link_id: str, *, now: datetime
) -> DnsLink | None:
    """End a link of this domain, once; None where it has no such link."""
    where = (tables.dns_links.c.id == link_id, tables.dns_links.c.domain_id == domain_id)
    connection.execute(
        update(tables.dns_links)
        .where(*where, tables.dns_links.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    row = connection.execute(select(tables.dns_links).where(*where)).first()
    return None if row is None else _link(row)


def _link(row: Row[Any]) -> DnsLink:
    return DnsLink(
        id=row.id,
        domain_id=row.domain_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
