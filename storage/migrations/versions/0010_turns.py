"""Turns between campaigns: each one's planned messages by time; rates that several workers share"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BULK = sa.text("state = 'planned' AND direction = 'out' AND lane = 1")


def upgrade() -> None:
    op.create_index(
        "ix_messages_bulk", "messages", ["channel", "campaign_id", "not_before"],
        sqlite_where=_BULK, postgresql_where=_BULK,
    )
    op.create_table(
        "rate_slots",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "recipient"),
    )


def downgrade() -> None:
    op.drop_table("rate_slots")
    op.drop_index("ix_messages_bulk", table_name="messages")
