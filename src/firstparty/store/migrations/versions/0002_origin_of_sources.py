"""origin of sources."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: what is there is self-hosted."""
    column = sa.Column("origin", sa.String(length=20), nullable=False, server_default="self-hosted")
    op.add_column("sources", column)
