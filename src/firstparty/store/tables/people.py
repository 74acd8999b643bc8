"""Workspaces, people and what they may: written by control."""

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
)

from firstparty.store.tables.columns import Instant, identifier, metadata

workspaces: Final = Table(
    "workspaces",
    metadata,
    identifier(),
    Column("name", String(200), nullable=False),
    Column("alias", String(40), nullable=False, unique=True),
    Column("plan", JSON, nullable=False, server_default="{}"),
    Column("created_at", Instant, nullable=False),
)

people: Final = Table(
    "people",
    metadata,
    identifier(),
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

invitations: Final = Table(
    "invitations",
    metadata,
    identifier(),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("email", String(320), nullable=False),  # empty: whoever has the link says it
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=True),  # none: an operator's
    Column("role", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_invitations_workspace_id", "workspace_id"),
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
    identifier(),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=True),  # none: an operator's
    Column("role", String(20), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=True),
    Column("revoked_at", Instant, nullable=True),
    Index("ix_tokens_workspace_id", "workspace_id"),
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
