"""Statuses, history, orders and certificates: written by the reconciler."""

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
)

from firstparty.store.tables.columns import Instant, identifier, metadata, owned_by

statuses: Final = Table(
    "statuses",
    metadata,
    Column("domain_id", ForeignKey("domains.id"), primary_key=True),
    Column("dns", String(20), nullable=False),
    Column("certificate", String(20), nullable=False),
    Column("edge", String(20), nullable=False),
    Column("probe", String(20), nullable=False),
    Column("has_been_live", Boolean, nullable=False),
    Column("findings", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
    # Work: a domain is due at due_at; who works on it holds the lease; fence only grows, and a
    # save under an old fence changes nothing.
    Column("due_at", Instant, nullable=True),
    Column("leased_until", Instant, nullable=True),
    Column("fence", Integer, nullable=False),
    Index("ix_statuses_due_at", "due_at"),
)

history: Final = Table(
    "history",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    owned_by("domains"),
    Column("at", Instant, nullable=False),
    Column("word", String(20), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_history_domain_id_number", "domain_id", "number"),
)

orders: Final = Table(
    "orders",
    metadata,
    identifier(),
    owned_by("domains"),
    Column("authority", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("url", Text, nullable=False),
    Column("names", JSON, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("challenges", JSON, nullable=False),
    Column("replaces", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),  # why it failed
    Column("changed_at", Instant, nullable=False),
    Index("ix_orders_domain_id", "domain_id"),
)

certificates: Final = Table(
    "certificates",
    metadata,
    identifier(),
    owned_by("domains"),
    Column("authority", String(40), nullable=False),
    Column("names", JSON, nullable=False),
    Column("chain", Text, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revocation_reason", Integer, nullable=True),  # none: nobody wants it revoked
    Column("revoke_at", Instant, nullable=True),  # when the CA is asked; none: not, or no more
    Column("revoked_at", Instant, nullable=True),
    Column("renew_at", Instant, nullable=True),  # as the CA advises; none: by the lifetime
    Column("ask_at", Instant, nullable=True),  # when it is asked for advice (again)
    Column("has_advice", Boolean, nullable=False, server_default=false()),
    Column("advice_url", Text, nullable=False, server_default=""),
    Index("ix_certificates_domain_id", "domain_id"),
)

zone_keys: Final = Table(
    "zone_keys",
    metadata,
    Column("domain_id", ForeignKey("domains.id"), primary_key=True),
    Column("dnskey", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

key_rolls: Final = Table(
    "key_rolls",
    metadata,
    Column("domain_id", ForeignKey("domains.id"), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("since", Instant, nullable=False),
    Column("dnskey", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
)

accounts: Final = Table(
    "accounts",
    metadata,
    Column("authority", String(40), primary_key=True),
    Column("url", Text, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)
