"""keys of zones that are being replaced."""

import sqlalchemy as sa
from alembic import op

from firstparty.store.tables import Instant

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "key_rolls",
        sa.Column("domain_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("dnskey", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domains.id"], name=op.f("fk_key_rolls_domain_id_domains")
        ),
        sa.PrimaryKeyConstraint("domain_id", name=op.f("pk_key_rolls")),
    )
