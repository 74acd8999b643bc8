"""rates of sources."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: sources that are there have no limit."""
    column = sa.Column("messages_per_second", sa.Integer(), nullable=False, server_default="0")
    op.add_column("sources", column)
