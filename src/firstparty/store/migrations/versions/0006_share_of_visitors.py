"""share of visitors."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: everybody is on the domain."""
    column = sa.Column("share", sa.Integer(), nullable=False, server_default="100")
    op.add_column("sources", column)
