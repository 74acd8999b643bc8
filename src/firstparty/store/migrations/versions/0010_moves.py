"""moves."""

import sqlalchemy as sa
from alembic import op

from firstparty.store.tables import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "moves",
        sa.Column("new_id", sa.String(length=40), nullable=False),
        sa.Column("old_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["new_id"], ["domains.id"], name=op.f("fk_moves_new_id_domains")),
        sa.ForeignKeyConstraint(["old_id"], ["domains.id"], name=op.f("fk_moves_old_id_domains")),
        sa.PrimaryKeyConstraint("new_id", name=op.f("pk_moves")),
    )
    op.create_index("ix_moves_old_id", "moves", ["old_id"])
