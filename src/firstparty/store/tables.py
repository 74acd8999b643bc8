"""Every table of the store. Times are aware UTC; identifiers are unguessable text."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, on databases that keep the zone and on those that do not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC back."""
        del dialect
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


def _identifier() -> Column[str]:
    return Column("id", String(40), primary_key=True)


def _owned_by(table: str) -> Column[str]:
    return Column(f"{table.removesuffix('s')}_id", ForeignKey(f"{table}.id"), nullable=False)


# --- intent, written by control ---------------------------------------------------------------

workspaces: Final = Table(
    "workspaces",
    metadata,
    _identifier(),
    Column("name", String(200), nullable=False),
    Column("alias", String(40), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
)

people: Final = Table(
    "people",
    metadata,
    _identifier(),
    Column("email", String(320), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("is_operator", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
)

memberships: Final = Table(
    "memberships",
    metadata,
    Column("workspace_id", ForeignKey("workspaces.id"), primary_key=True),
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("role", String(20), nullable=False),
    Index("ix_memberships_person_id", "person_id"),
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column("secret_hash", String(64), primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("csrf", String(40), nullable=False),
    Column("expires_at", Instant, nullable=False),
)

tokens: Final = Table(
    "tokens",
    metadata,
    _identifier(),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=True),  # none: an operator's
    Column("role", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=True),
    Column("revoked_at", Instant, nullable=True),
    Index("ix_tokens_workspace_id", "workspace_id"),
)

sources: Final = Table(
    "sources",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    _owned_by("workspaces"),
    Column("name", String(200), nullable=False),
    Column("type", String(20), nullable=False),
    Column("write_key", String(64), nullable=False, unique=True),
    Column("region", String(20), nullable=False),
    Column("upstream", String(500), nullable=False),
    Column("alias", String(80), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("origin", String(20), nullable=False, server_default="self-hosted"),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("workspace_id", "alias"),
)

domains: Final = Table(
    "domains",
    metadata,
    _identifier(),
    _owned_by("workspaces"),
    Column("name", String(253), nullable=False),
    # Whoever clashes with a name shares its registrable domain: found without reading all names.
    Column("registrable", String(253), nullable=False),
    Column("mode", String(20), nullable=False),
    Column("cdn_label", String(63), nullable=False),
    Column("api_label", String(63), nullable=False),
    Column("description", Text, nullable=False),
    Column("has_csp", Boolean, nullable=False),
    Column("intent", String(20), nullable=False),
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
    _owned_by("domains"),
    Column("name", String(253), nullable=False),
    Column("state", String(20), nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index("ix_claims_name", "name"),
    Index("ix_claims_domain_id", "domain_id"),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("workspace_id", String(40), nullable=True),
    Column("actor", String(80), nullable=False),
    Column("action", String(80), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_audit_workspace_id_number", "workspace_id", "number"),
)

tries: Final = Table(  # to sign in
    "tries",
    metadata,
    Column("key", String(64), primary_key=True),  # a hash of account and address
    Column("number", Integer, nullable=False),
    Column("until", Instant, nullable=False),
    Index("ix_tries_until", "until"),
)

answers: Final = Table(  # to requests that carried an Idempotency-Key
    "answers",
    metadata,
    Column("key", String(64), primary_key=True),  # a hash of key, token, method and path
    Column("fingerprint", String(64), nullable=False),  # a hash of the request's query and body
    Column("status", Integer, nullable=True),  # none: the request is still running
    Column("sealed_body", LargeBinary, nullable=True),
    Column("until", Instant, nullable=False),
    Index("ix_answers_until", "until"),
)

# --- status, written by the reconciler --------------------------------------------------------

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
    _owned_by("domains"),
    Column("at", Instant, nullable=False),
    Column("word", String(20), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_history_domain_id_number", "domain_id", "number"),
)

orders: Final = Table(
    "orders",
    metadata,
    _identifier(),
    _owned_by("domains"),
    Column("authority", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("url", Text, nullable=False),
    Column("names", JSON, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("challenges", JSON, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index("ix_orders_domain_id", "domain_id"),
)

certificates: Final = Table(
    "certificates",
    metadata,
    _identifier(),
    _owned_by("domains"),
    Column("authority", String(40), nullable=False),
    Column("names", JSON, nullable=False),
    Column("chain", Text, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_certificates_domain_id", "domain_id"),
)

accounts: Final = Table(
    "accounts",
    metadata,
    Column("authority", String(40), primary_key=True),
    Column("url", Text, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# --- the feed, written by the reconciler, read by everything in front -------------------------

revision: Final = Table(
    "revision",
    metadata,
    Column("only", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
)

feed: Final = Table(
    "feed",
    metadata,
    Column("topic", String(20), primary_key=True),
    Column("key", String(320), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("body", LargeBinary, nullable=True),
    Index("ix_feed_revision", "revision"),
)
