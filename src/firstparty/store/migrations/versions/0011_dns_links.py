"""DNS admin links."""

import sqlalchemy as sa
from alembic import op

from firstparty.store.tables import Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "dns_links",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("domain_id", sa.String(length=40), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domains.id"], name=op.f("fk_dns_links_domain_id_domains")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dns_links")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_dns_links_secret_hash")),
    )
    op.create_index("ix_dns_links_domain_id", "dns_links", ["domain_id"])
