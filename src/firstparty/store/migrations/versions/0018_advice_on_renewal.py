"""advice on renewal, and why an order failed."""

import sqlalchemy as sa
from alembic import op

from firstparty.store.tables import Instant

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: nothing was advised before."""
    op.add_column("orders", sa.Column("replaces", sa.Text(), nullable=False, server_default=""))
    op.add_column("orders", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("certificates", sa.Column("renew_at", Instant(), nullable=True))
    op.add_column("certificates", sa.Column("ask_at", Instant(), nullable=True))
    op.add_column(
        "certificates",
        sa.Column("has_advice", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    url = sa.Column("advice_url", sa.Text(), nullable=False, server_default="")
    op.add_column("certificates", url)
