"""sealed secrets of webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: a secret that lay open is not kept; its source waits until it is given another."""
    op.add_column("sources", sa.Column("sealed_secret", sa.LargeBinary()))
    op.add_column("sources", sa.Column("sealed_old_secret", sa.LargeBinary()))
    op.drop_column("sources", "webhook_secret")
