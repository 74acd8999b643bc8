"""proxies as domains."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: a domain that is there is no proxy."""
    op.add_column("domains", sa.Column("own_proxy", sa.JSON(), nullable=True))
