"""keys that zones are signed with."""

import sqlalchemy as sa
from alembic import op

from firstparty.store.tables import Instant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: a zone gets its key, and is signed, when it is next looked at."""
    op.create_table(
        "zone_keys",
        sa.Column("domain_id", sa.String(length=40), nullable=False),
        sa.Column("dnskey", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domains.id"], name=op.f("fk_zone_keys_domain_id_domains")
        ),
        sa.PrimaryKeyConstraint("domain_id", name=op.f("pk_zone_keys")),
    )
