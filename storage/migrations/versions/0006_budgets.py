"""Budgets within shared ones; holds by budget and grants by expiry are found by an index"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PAID = sa.text("budget <> ''")
_SHARED = sa.text("shared_budget <> ''")
_IN_FORCE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column("holds", sa.Column("shared_budget", sa.String(), nullable=False, server_default=""))
    op.add_column("holds", sa.Column("shared_from", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_holds_budget", "holds", ["budget", "period_from"], sqlite_where=_PAID, postgresql_where=_PAID
    )
    op.create_index(
        "ix_holds_shared_budget", "holds", ["shared_budget", "shared_from"],
        sqlite_where=_SHARED, postgresql_where=_SHARED,
    )
    op.create_index("ix_grants_expiry", "grants", ["expires_at"], sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE)


def downgrade() -> None:
    op.drop_index("ix_grants_expiry", table_name="grants")
    op.drop_index("ix_holds_shared_budget", table_name="holds")
    op.drop_index("ix_holds_budget", table_name="holds")
    op.execute("ALTER TABLE holds DROP COLUMN shared_from")
    op.execute("ALTER TABLE holds DROP COLUMN shared_budget")
