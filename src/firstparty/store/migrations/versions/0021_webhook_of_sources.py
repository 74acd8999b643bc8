"""webhook of sources."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: no source that is there has a webhook."""
    column = sa.Column("webhook_secret", sa.String(length=100), nullable=False, server_default="")
    op.add_column("sources", column)
