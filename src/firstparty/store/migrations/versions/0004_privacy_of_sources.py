"""privacy of sources."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: sources that are there have no rules."""
    column = sa.Column("privacy", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("sources", column)
