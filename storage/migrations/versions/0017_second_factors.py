"""Recovery codes of agents, and passwords that run out"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_recovery_codes",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(length=26), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_agent_recovery_codes_agent_id", "agent_recovery_codes", ["agent_id"], unique=False)
    op.add_column("agents", sa.Column("password_until", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.execute("ALTER TABLE agents DROP COLUMN password_until")
    op.drop_index("ix_agent_recovery_codes_agent_id", table_name="agent_recovery_codes")
    op.drop_table("agent_recovery_codes")
