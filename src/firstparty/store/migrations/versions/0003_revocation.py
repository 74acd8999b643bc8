"""revocation of certificates."""

import sqlalchemy as sa
from alembic import op

from firstparty.store.tables import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: nobody wants what is there revoked."""
    op.add_column("certificates", sa.Column("revocation_reason", sa.Integer(), nullable=True))
    op.add_column("certificates", sa.Column("revoke_at", Instant(), nullable=True))
    op.add_column("certificates", sa.Column("revoked_at", Instant(), nullable=True))
