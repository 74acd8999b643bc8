"""credential origins."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: only pages of the site's own domain send with credentials."""
    column = sa.Column("credential_origins", sa.JSON(), nullable=False, server_default="[]")
    op.add_column("domains", column)
