"""limits of authorities, and their breakers."""

import sqlalchemy as sa
from alembic import op

from firstparty.store.tables import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: what was ordered before is not counted."""
    op.create_table(
        "uses",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("use", sa.String(length=40), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("domain_id", sa.String(length=40), nullable=True),
        sa.Column("order_id", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_uses")),
    )
    op.create_index("ix_uses_authority_use_key_at", "uses", ["authority", "use", "key", "at"])
    op.create_index("ix_uses_domain_id", "uses", ["domain_id"])
    op.create_table(
        "breakers",
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("failures", sa.JSON(), nullable=False),
        sa.Column("open_until", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("authority", name=op.f("pk_breakers")),
    )
