"""Sources, domains and their claims: the intent, written by control."""

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
    UniqueConstraint,
    true,
)

from firstparty.store.tables.columns import Instant, identifier, metadata, owned_by

sources: Final = Table(
    "sources",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    owned_by("workspaces"),
    Column("name", String(200), nullable=False),
    Column("type", String(20), nullable=False),
    Column("write_key", String(64), nullable=False, unique=True),
    Column("region", String(20), nullable=False),
    Column("upstream", String(500), nullable=False),
    Column("alias", String(80), nullable=False),
    Column("old_alias", String(80), nullable=False, server_default=""),
    Column("settings", JSON, nullable=False),
    Column("origin", String(20), nullable=False, server_default="self-hosted"),
    Column("privacy", JSON, nullable=False, server_default="{}"),
    Column("messages_per_second", Integer, nullable=False, server_default="0"),
    Column("script_version", String(40), nullable=False, server_default=""),
    Column("share", Integer, nullable=False, server_default="100"),
    Column("sealed_secret", LargeBinary),
    Column("sealed_old_secret", LargeBinary),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("workspace_id", "alias"),
)

domains: Final = Table(
    "domains",
    metadata,
    identifier(),
    owned_by("workspaces"),
    Column("name", String(253), nullable=False),
    # Whoever clashes with a name shares its registrable domain: found without reading all names.
    Column("registrable", String(253), nullable=False),
    Column("mode", String(20), nullable=False),
    Column("cdn_label", String(63), nullable=False),
    Column("api_label", String(63), nullable=False),
    Column("description", Text, nullable=False),
    Column("has_csp", Boolean, nullable=False),
    Column("intent", String(20), nullable=False),
    Column("credential_origins", JSON, nullable=False, server_default="[]"),
    Column("drains", Boolean, nullable=False, server_default=true()),
    Column("own_proxy", JSON, nullable=True),
    Column("created_at", Instant, nullable=False),
    Index("ix_domains_name", "name"),
    Index("ix_domains_registrable", "registrable"),
    Index("ix_domains_workspace_id", "workspace_id"),
)

domain_sources: Final = Table(
    "domain_sources",
    metadata,
    Column("domain_id", ForeignKey("domains.id"), primary_key=True),
    Column("source_id", ForeignKey("sources.id"), primary_key=True),
    Index("ix_domain_sources_source_id", "source_id"),
)

claims: Final = Table(
    "claims",
    metadata,
    Column("token", String(40), primary_key=True),  # for ever: the tombstone of the name
    owned_by("domains"),
    Column("name", String(253), nullable=False),
    Column("state", String(20), nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index("ix_claims_name", "name"),
    Index("ix_claims_domain_id", "domain_id"),
)
