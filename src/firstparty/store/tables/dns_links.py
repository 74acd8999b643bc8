"""Links for whoever adds a domain's DNS records and has no account."""

from typing import Final

from sqlalchemy import Column, Index, String, Table

from firstparty.store.tables.columns import Instant, identifier, metadata, owned_by

dns_links: Final = Table(
    "dns_links",
    metadata,
    identifier(),
    owned_by("domains"),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=True),
    Index("ix_dns_links_domain_id", "domain_id"),
)
