"""Which domain takes the place of which: asked for by control, driven by the reconciler."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, String, Table

from firstparty.store.tables.columns import Instant, metadata

moves: Final = Table(
    "moves",
    metadata,
    Column("new_id", ForeignKey("domains.id"), primary_key=True),
    Column("old_id", ForeignKey("domains.id"), nullable=False),
    Column("state", String(20), nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index("ix_moves_old_id", "old_id"),
)
