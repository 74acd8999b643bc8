"""script versions."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: every source gets the newest."""
    column = sa.Column("script_version", sa.String(length=40), nullable=False, server_default="")
    op.add_column("sources", column)
