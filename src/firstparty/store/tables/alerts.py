"""Alert channels, written by control, and what was sent through them, written by alerts."""

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from firstparty.store.tables.columns import Instant, identifier, metadata, owned_by

channels: Final = Table(
    "channels",
    metadata,
    identifier(),
    owned_by("workspaces"),
    Column("name", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("sealed_target", LargeBinary, nullable=False),  # an address may be a secret itself
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("quiet", JSON, nullable=True),
    Column("created_at", Instant, nullable=False),
    # How far the history was told, and the day of the last digest: written by alerts.
    Column("told", Integer, nullable=False),
    Column("digest_on", Date, nullable=True),
    Index("ix_channels_workspace_id", "workspace_id"),
)

alerts: Final = Table(
    "alerts",
    metadata,
    identifier(),
    Column("channel_id", ForeignKey("channels.id"), nullable=False),
    Column("key", String(80), nullable=False),  # one for each thing that is told
    Column("type", String(40), nullable=False),
    Column("body", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Instant, nullable=True),
    Column("answer", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("channel_id", "key"),
    Index("ix_alerts_due_at", "due_at"),
)
