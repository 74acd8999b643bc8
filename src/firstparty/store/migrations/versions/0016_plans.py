"""plans of workspaces."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: everybody may use everything."""
    op.add_column("workspaces", sa.Column("plan", sa.JSON(), nullable=False, server_default="{}"))
