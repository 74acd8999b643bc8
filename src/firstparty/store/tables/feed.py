"""What is published to the parts in front: written by the reconciler."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from firstparty.store.tables.columns import metadata

revision: Final = Table(
    "revision",
    metadata,
    Column("only", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
)

changed_sources: Final = Table(
    "changed_sources",
    metadata,
    Column("source_id", ForeignKey("sources.id"), primary_key=True),
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
