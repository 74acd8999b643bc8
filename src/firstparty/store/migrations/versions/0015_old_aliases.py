"""old aliases."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: no source has an alias that it had before."""
    column = sa.Column("old_alias", sa.String(length=80), nullable=False, server_default="")
    op.add_column("sources", column)
