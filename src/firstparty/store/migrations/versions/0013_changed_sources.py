"""changed sources."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: every source there is shall be published."""
    op.create_table(
        "changed_sources",
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"]),
        sa.PrimaryKeyConstraint("source_id"),
    )
    op.execute("INSERT INTO changed_sources (source_id) SELECT id FROM sources")
