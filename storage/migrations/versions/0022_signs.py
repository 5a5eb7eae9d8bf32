"""Workers' signs of life, with how their accounts stand; unknown sends and quarantined deliveries by index"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
FEW = {"inbound": "quarantined", "messages": "unknown"}


def upgrade() -> None:
    for table, state in FEW.items():
        those = sa.text(f"state = '{state}'")
        op.create_index(f"ix_{table}_{state}", table, ["id"], sqlite_where=those, postgresql_where=those)
    op.add_column("workers", sa.Column("seen_at", sa.BigInteger(), nullable=True))
    op.add_column("workers", sa.Column("standing", JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("workers", "standing")
    op.drop_column("workers", "seen_at")
    for table, state in FEW.items():
        op.drop_index(f"ix_{table}_{state}", table)
