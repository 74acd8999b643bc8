"""removal that drains."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: what is to be removed drains."""
    op.add_column(
        "domains", sa.Column("drains", sa.Boolean(), nullable=False, server_default=sa.true())
    )
