"""What is known of certificate authorities, beside the account: written by the reconciler."""

from typing import Final

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text

from firstparty.store.tables.columns import Instant, metadata

uses: Final = Table(  # what a CA counts; without an order and later than now: promised to a domain
    "uses",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("authority", String(60), nullable=False),
    Column("use", String(40), nullable=False),
    Column("key", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("domain_id", String(40), nullable=True),
    Column("order_id", String(40), nullable=True),
    Index("ix_uses_authority_use_key_at", "authority", "use", "key", "at"),
    Index("ix_uses_domain_id", "domain_id"),
)

breakers: Final = Table(
    "breakers",
    metadata,
    Column("authority", String(60), primary_key=True),
    Column("failures", JSON, nullable=False),
    Column("open_until", Instant, nullable=True),
)
